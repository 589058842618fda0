"""Ways to damage a file."""

import re
import struct

NUMBERS = [0, 1, -1, 127, 255, 32767, 65535, 2**31 - 1, -(2**31), 2**32 - 1, 2**40, 2**62, 2**63 - 1]
WORDS = [b"nan", b"inf", b"-1", b"1e308", b"1e999", b"99999999999", b"-0", b"", b"0x10", b"\xff\xfe", b"None", b"0", b"\n"]


def damage(data, rng, other=b""):
    """Between one and four accidents; (bytes, random.Random, bytes of another good file) -> bytes."""
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        data = rng.choice(ACCIDENTS)(data, rng, other)
    return data


def flip_bits(data, rng, other):
    data = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 8, 32])):
        if data:
            data[spot(data, rng)] ^= 1 << rng.randrange(8)
    return bytes(data)


def cut_short(data, rng, other):
    return data[: rng.randrange(len(data) + 1)]


def lose(data, rng, other):
    start = spot(data, rng)
    return data[:start] + data[start + rng.choice([1, 2, 4, 8, 64, 1024]) :]


def repeat(data, rng, other):
    start = spot(data, rng)
    piece = data[start : start + rng.choice([1, 4, 16, 256])]
    return data[:start] + piece * rng.choice([2, 3, 100]) + data[start:]


def put_number(data, rng, other):
    number, code = rng.choice(NUMBERS), rng.choice("bhiqBHIQ")
    size = struct.calcsize(code)
    packed = (number & (2 ** (8 * size) - 1)).to_bytes(size, rng.choice(["little", "big"]))
    start = spot(data, rng)
    return data[:start] + packed + data[start + size :]


def put_word(data, rng, other):
    """Another word in place of a number that is written as text."""
    found = list(re.finditer(rb"-?\d+\.?\d*", data[:200_000]))
    if not found:
        return put_number(data, rng, other)
    match = rng.choice(found)
    return data[: match.start()] + rng.choice(WORDS) + data[match.end() :]


def zero(data, rng, other):
    start = spot(data, rng)
    size = rng.choice([4, 64, 4096])
    return data[:start] + bytes(min(size, len(data) - start)) + data[start + size :]


def splice(data, rng, other):
    return data[: spot(data, rng)] + other[spot(other, rng) :]


def swap(data, rng, other):
    a, b = sorted((spot(data, rng), spot(data, rng)))
    size = min(rng.choice([1, 8, 128]), b - a)
    return data[:a] + data[b : b + size] + data[a + size : b] + data[a : a + size] + data[b + size :]


def spot(data, rng):
    """A place in the file, every second time among the first 256 bytes: headers decide most."""
    return rng.randrange(min(len(data), 256 if rng.random() < 0.5 else len(data))) if data else 0


ACCIDENTS = [flip_bits, flip_bits, cut_short, lose, repeat, put_number, put_number, put_word, put_word, zero, splice, swap]
