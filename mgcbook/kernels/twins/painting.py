"""Pictures from programs: a list of small operations, the same for all pixels of a picture, done at each of them.

    row column number - ...     numbers are put onto a stack; an operation takes its operands from it and puts its result there

A program is what `mgcbook.data.sheet` writes down while a background is painted. It is read from front to back, without jumps.
"""

import numpy as np

__all__ = ["paint"]

OPERATIONS = {
    name: number
    for number, name in enumerate((
        "end", "number", "multiply", "add", "subtract", "maximum", "minimum", "divide", "row", "column", "colour", "square",
        "hypot", "absolute", "negative", "exp", "sin", "floor", "greater", "less", "invert", "remainder", "where", "lookup",
        "chosen", "noise",
    ))
}  # fmt: skip
"""Name -> number. Each has one number beside it, or the place of its table; `&` is `multiply` of 0 and 1, `|` is `maximum`."""

BINARY = {
    "multiply": np.multiply, "add": np.add, "subtract": np.subtract, "divide": np.divide, "maximum": np.maximum,
    "minimum": np.minimum, "hypot": np.hypot, "greater": np.greater, "less": np.less,
    "remainder": lambda a, b: a - b * np.floor(a / b),
}  # fmt: skip
UNARY = {
    "absolute": np.abs, "negative": np.negative, "exp": np.exp, "sin": np.sin, "floor": np.floor, "square": np.square,
    "invert": lambda a: 1 - a,
}  # fmt: skip


def paint(operations, numbers, tables, start, margin, height, width, window):
    """Windows of painted panoramas with an edge around them; -> (S, window + 2 margin, window + 2 margin, 3) float32.

    Args:
        operations: (S, L) int32 a program for each picture, ended by "end".
        numbers: (S, L) float32 the number beside each operation.
        tables: (S, T) float32 colours, values by column, and grids of noise.
        start: (S,) int32 the column of the panorama at which the window begins.
        margin: pixels around the window; beyond the panorama its outermost pixels are repeated.
        height, width: of the panorama; windows are as wide as high.
        window: rows and columns of the window.
    """
    size = window + 2 * margin
    rows = np.clip(np.arange(size) - margin, 0, height - 1)[:, None]
    out = np.empty((len(operations), size, size, 3), dtype=np.float32)
    for picture in range(len(operations)):
        columns = np.clip(start[picture] + np.arange(size) - margin, 0, width - 1)
        program = operations[picture].tolist(), numbers[picture].tolist()
        for channel in range(3):
            out[picture, ..., channel] = run(*program, tables[picture], rows, columns, height, width, channel)
    return out


def run(operations, numbers, tables, rows, columns, height, width, channel):
    """One channel at rows (R, 1) and columns (C,) of a panorama; -> what can be broadcast to (R, C)."""
    names, stack = list(OPERATIONS), []
    for operation, number in zip(operations, numbers, strict=True):
        name, place = names[operation], int(number)
        if name == "end":
            break
        if name in BINARY:
            second, first = stack.pop(), stack.pop()
            stack.append(np.asarray(BINARY[name](first, second), np.float32))
        elif name in UNARY:
            stack.append(np.asarray(UNARY[name](stack.pop()), np.float32))
        elif name == "where":
            mask, one, other = stack.pop(), stack.pop(), stack.pop()
            stack.append(np.where(mask > 0, one, other))
        elif name == "chosen":
            stack.append(tables[place + 3 * stack.pop().astype(int) + channel])
        elif name == "noise":
            stack.append(noise(tables, place, rows, columns, height, width))
        else:
            values = {"number": number, "row": (rows + 0.5) / height, "column": (columns + 0.5) / width}
            found = values[name] if name in values else tables[place + (channel if name == "colour" else columns)]
            stack.append(np.asarray(found, np.float32))
    (result,) = stack
    return result


def noise(tables, place, rows, columns, height, width):
    """Grids between whose values one interpolates: how many, then each as rows, columns, weight, values."""
    total = np.float32(0)
    count, place = int(tables[place]), place + 1
    for _ in range(count):
        down, across, weight = int(tables[place]), int(tables[place + 1]), tables[place + 2]
        grid = tables[place + 3 : place + 3 + down * across].reshape(down, across)
        y0, fy = between(rows, down, height)
        x0, fx = between(columns, across, width)
        upper = grid[y0, x0] * (1 - fx) + grid[y0, x0 + 1] * fx
        lower = grid[y0 + 1, x0] * (1 - fx) + grid[y0 + 1, x0 + 1] * fx
        total = total + weight * (upper * (1 - fy) + lower * fy)
        place += 3 + down * across
    return total


def between(pixels, count, size):
    """Where pixels 0 to size - 1 lie on a grid of `count` values: the one before, and how far beyond it."""
    at = pixels * np.float32((count - 1) / max(size - 1, 1))
    before = np.minimum(at.astype(int), count - 2)
    return before, (at - before).astype(np.float32)
