"""Pictures from programs on a GPU: one thread for each pixel, which reads the program of its picture. See the twin.

All threads of a picture do the same operation at the same time. A number is three, one for each colour: then choosing what to
do costs a third.
"""

import math

import numpy as np

from .._cuda import cuda, device, kernel, sine
from ..twins.painting import OPERATIONS
from .checks import indices, single

__all__ = ["paint"]

DEPTH = 16 + 1
"""Numbers on the stack; the place below the first is written to, but never read."""

ZERO, ONE, HALF = np.float32(0), np.float32(1), np.float32(0.5)

(END, NUMBER, MULTIPLY, ADD, SUBTRACT, MAXIMUM, MINIMUM, DIVIDE, ROW, COLUMN, COLOUR, SQUARE, HYPOT, ABSOLUTE, NEGATIVE, EXP,
 SIN, FLOOR, GREATER, LESS, INVERT, REMAINDER, WHERE, LOOKUP, CHOSEN, NOISE) = OPERATIONS.values()  # fmt: skip


def paint(operations, numbers, tables, start, margin, height, width, window):
    """Windows of painted panoramas with an edge around them; -> (S, window + 2 margin, window + 2 margin, 3)."""
    (operations, start), (numbers, tables) = indices(operations, start), single(numbers, tables)
    size = window + 2 * margin
    out = np.empty((len(operations), size, size, 3), dtype=np.float32, like=numbers)
    flat = out.reshape(len(operations), size * size, 3)
    _paint(size * size, len(operations), operations, numbers, tables, start, margin, height, width, size, flat)
    return out


@device
def _floor(x):
    """The whole number at or below x."""
    cut = np.int32(x)
    return cut - np.int32(1) if np.float32(cut) > x else cut


@device
def _binary(operation, a, b):
    if operation == MULTIPLY:
        return a * b
    if operation == ADD:
        return a + b
    if operation == SUBTRACT:
        return a - b
    if operation == MAXIMUM:
        return max(a, b)
    if operation == MINIMUM:
        return min(a, b)
    if operation == DIVIDE:
        return a / b
    if operation == HYPOT:
        return math.sqrt(a * a + b * b)
    if operation == GREATER:
        return ONE if a > b else ZERO
    if operation == LESS:
        return ONE if a < b else ZERO
    return a - b * np.float32(_floor(a / b))


@device
def _unary(operation, a):
    if operation == SQUARE:
        return a * a
    if operation == NEGATIVE:
        return -a
    if operation == ABSOLUTE:
        return abs(a)
    if operation == EXP:
        return math.exp(a)
    if operation == SIN:
        return sine(a)
    if operation == FLOOR:
        return np.float32(_floor(a))
    return ONE - a


@device
def _between(pixel, count, size):
    """Where a pixel lies on a grid of `count` values: the one before, and how far beyond it."""
    at = np.float32(pixel) * (np.float32(count - 1) / np.float32(max(size - 1, 1)))
    before = min(np.int32(at), np.int32(count - 2))
    return before, at - np.float32(before)


@device
def _noise(tables, s, place, row, column, height, width):
    total = ZERO
    octaves = np.int32(tables[s, place])
    place += 1
    for _ in range(octaves):
        down, across, weight = np.int32(tables[s, place]), np.int32(tables[s, place + 1]), tables[s, place + 2]
        y, fy = _between(row, down, height)
        x, fx = _between(column, across, width)
        at = place + 3 + y * across + x
        upper = tables[s, at] * (ONE - fx) + tables[s, at + 1] * fx
        lower = tables[s, at + across] * (ONE - fx) + tables[s, at + across + 1] * fx
        total += weight * (upper * (ONE - fy) + lower * fy)
        place += 3 + down * across
    return total


@device
def _leaf(operation, number, tables, s, row, column, height, width):
    """What an operation without operands puts onto the stack, if it is the same for all colours."""
    if operation == NUMBER:
        return number
    if operation == ROW:
        return (np.float32(row) + HALF) / np.float32(height)
    if operation == COLUMN:
        return (np.float32(column) + HALF) / np.float32(width)
    if operation == LOOKUP:
        return tables[s, np.int32(number) + column]
    return _noise(tables, s, np.int32(number), row, column, height, width)


@kernel("int32[:,::1], float32[:,::1], float32[:,::1], int32[::1], int32, int32, int32, int32, float32[:,:,::1]")
def _paint(operations, numbers, tables, start, margin, height, width, size, out):
    pixel, s = cuda.grid(2)
    if pixel >= out.shape[1]:
        return
    row = min(max(np.int32(pixel) // np.int32(size) - margin, 0), height - 1)
    column = min(max(start[s] + np.int32(pixel) % np.int32(size) - margin, 0), width - 1)
    stack = cuda.local.array((DEPTH, 3), np.float32)
    top = 0  # of the stack: the number put there last
    for step in range(operations.shape[1]):
        operation, number = operations[s, step], numbers[s, step]
        if operation == END:
            break
        if MULTIPLY <= operation <= DIVIDE or operation in (HYPOT, GREATER, LESS, REMAINDER):
            top -= 1
            for c in range(3):
                stack[top, c] = _binary(operation, stack[top, c], stack[top + 1, c])
        elif operation in (NUMBER, ROW, COLUMN, LOOKUP, NOISE):
            top += 1
            value = _leaf(operation, number, tables, s, row, column, height, width)
            for c in range(3):
                stack[top, c] = value
        elif operation == COLOUR:
            top += 1
            for c in range(3):
                stack[top, c] = tables[s, np.int32(number) + c]
        elif operation == CHOSEN:
            place = np.int32(number) + np.int32(3) * np.int32(stack[top, 0])
            for c in range(3):
                stack[top, c] = tables[s, place + c]
        elif operation == WHERE:
            top -= 2
            for c in range(3):
                stack[top, c] = stack[top + 1, c] if stack[top + 2, c] > ZERO else stack[top, c]
        else:
            for c in range(3):
                stack[top, c] = _unary(operation, stack[top, c])
    for c in range(3):
        out[s, pixel, c] = stack[top, c]
