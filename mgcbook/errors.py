"""The errors that a user of mgcbook can expect; each message names what was wrong, what was expected and what to do.

The command line turns them into one line on stderr and an exit code: 2 usage, 3 data, 4 resources.
"""


class DataError(ValueError):
    """A file, picture or array holds something that cannot be used."""

    exit_code = 3


class UsageError(ValueError):
    """A setting or option has a value that does not exist."""

    exit_code = 2


class ResourceError(OSError):
    """The machine ran out of something: disk, memory, permission, or another run holds the folder."""

    exit_code = 4


class NumericalError(ArithmeticError):
    """A loss or gradient stopped being a finite number; the message names the first one that did."""

    exit_code = 3
