"""A canvas on which nothing is painted yet: what would be done to its pixels is written down, for `kernels.paint` on a GPU.

    row, column = Sheet(224, 504).plane()
    picture = np.clip(0.5 + 0.3 * (column - 0.5), 0, 1)       a Field: its `code` is the formula, operands before operations

The functions of `mgcbook.data.backgrounds` paint on Pixels and on a Sheet alike and draw the same random numbers for both.
"""

import itertools

import numpy as np

from mgcbook.data.backgrounds import noise_grids
from mgcbook.kernels.twins import painting

LENGTH, ROOM, DEPTH = 1024, 40_960, 16
"""Operations of a program, numbers of its tables, and numbers on its stack, at the most."""

TAKES = {"number": 0, "row": 0, "column": 0, "colour": 0, "lookup": 0, "noise": 0, "chosen": 1, "where": 3,
         **dict.fromkeys(painting.BINARY, 2), **dict.fromkeys(painting.UNARY, 1)}  # fmt: skip
"""How many numbers an operation takes from the stack; it puts one there."""

ALIKE = {"bitwise_and": "multiply", "bitwise_or": "maximum", "true_divide": "divide", "power": "square"}
"""NumPy's names for what is written down under another."""


class Sheet:
    """The place of Fields, and the tables that they share.

    Args:
        height, width: of the panorama in pixels.
    """

    def __init__(self, height, width):
        self.height, self.width, self.tables = height, width, []

    def plane(self):
        """Row and column of every pixel as parts of height and width; two Fields."""
        return Field(self, [("row", 0.0)]), Field(self, [("column", 0.0)])

    def noise(self, rng, cells=8, octaves=2):
        """`value_noise`; the random values become a table."""
        grids = list(noise_grids(rng, self.height, self.width, cells, octaves))
        weight = sum(strength for _, strength in grids)
        parts = [[len(grids)]]
        for grid, strength in grids:
            parts += [[*grid.shape, strength / weight], grid.ravel()]
        return Field(self, [("noise", self.keep(np.concatenate(parts)))])

    def keep(self, values):
        """Put numbers into the tables; -> where they begin."""
        place = sum(map(len, self.tables))
        self.tables.append(np.asarray(values, np.float32).ravel())
        return float(place)

    def program(self, picture):
        """A Field as arrays for `kernels.paint`; -> operations (LENGTH,) int32, numbers (LENGTH,), tables (<= ROOM,) float32.

        Raises:
            ValueError: if it is too long, needs too deep a stack, or has too large tables.
        """
        height = depth = 0
        for name, _ in picture.code:
            height += 1 - TAKES[name]
            depth = max(depth, height)
        tables = np.concatenate([*self.tables, np.zeros(1, np.float32)])
        if len(picture.code) >= LENGTH or depth > DEPTH or len(tables) > ROOM or height != 1:
            raise ValueError(f"a program of {len(picture.code)} operations, stack {depth}, tables of {len(tables)}; at the most "
                             f"{LENGTH - 1}, {DEPTH}, {ROOM}")  # fmt: skip
        operations, numbers = np.zeros(LENGTH, np.int32), np.zeros(LENGTH, np.float32)
        operations[: len(picture.code)] = [painting.OPERATIONS[name] for name, _ in picture.code]
        numbers[: len(picture.code)] = [number for _, number in picture.code]
        return operations, numbers, tables


class Field(np.lib.mixins.NDArrayOperatorsMixin):
    """One number, or one colour, for every pixel, not computed yet.

    Args:
        sheet: the Sheet.
        code: [(name of an operation, the number beside it)], operands first.
    """

    def __init__(self, sheet, code):
        self.sheet, self.code = sheet, code

    def __array_ufunc__(self, ufunc, method, *inputs, **kwargs):
        name = ALIKE.get(ufunc.__name__, ufunc.__name__)
        if method != "__call__" or kwargs or name not in TAKES:
            return NotImplemented
        if name == "square" and len(inputs) == 2:
            if inputs[1] != 2:
                return NotImplemented
            inputs = inputs[:1]
        return self._apply(name, *inputs)

    def __array_function__(self, function, types, args, kwargs):
        if function is np.clip and not kwargs:
            return np.minimum(np.maximum(args[0], args[1]), args[2])
        if function is np.where and len(args) == 3:
            mask, one, other = args  # what is painted over comes first: however often, the stack grows no deeper
            return self._apply("where", other, one, mask)
        return NotImplemented

    def __getitem__(self, index):
        if index != (Ellipsis, None):
            raise TypeError(f"a Field has no pixels to choose from, got index {index}")
        return self  # a number for all colours

    def _apply(self, name, *operands):
        return Field(self.sheet, [*itertools.chain(*map(self._code, operands)), (name, 0.0)])

    def _code(self, value):
        if isinstance(value, Field):
            return value.code
        if np.ndim(value) == 0:
            return [("number", float(value))]
        if np.shape(value) == (3,):
            return [("colour", self.sheet.keep(value))]
        if np.shape(value) == (self.sheet.width,):
            return [("lookup", self.sheet.keep(value))]
        raise TypeError(f"a Field has numbers, colours (3,) and rows ({self.sheet.width},), got an array of {np.shape(value)}")

    def astype(self, _dtype):
        """The same: truth is 0 or 1, and whole numbers come from `floor`."""
        return self

    def chosen_from(self, palette):
        """The colour with this number; palette (N, 3) -> Field."""
        return Field(self.sheet, [*self.code, ("chosen", self.sheet.keep(palette))])

    def mean(self, axes, parts=48):
        """The mean colour, from the middle pixels of `parts` x 2 `parts` boxes; -> (3,)."""
        if axes != (0, 1):
            raise TypeError(f"mean of a Field: expected axes (0, 1), got {axes}")
        height, width = self.sheet.height, self.sheet.width
        rows = ((np.arange(parts) + 0.5) * height / parts - 0.5)[:, None]
        columns = (np.arange(2 * parts) + 0.5) * width / (2 * parts) - 0.5
        operations, numbers, tables = self.sheet.program(self)
        program = operations.tolist(), numbers.tolist()
        values = (painting.run(*program, tables, rows, columns, height, width, channel) for channel in range(3))
        return np.array([np.mean(np.broadcast_to(value, (parts, 2 * parts))) for value in values], np.float32)
