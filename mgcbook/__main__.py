"""`python -m mgcbook`, the same as the command `mgcbook`."""

import sys

from mgcbook.cli import main

sys.exit(main())
