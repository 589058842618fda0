"""How threads share the blocks of one kernel without Python: the caller opens a job, helpers see it and join, nobody asks Python.

A job lies in a few words of memory (`JOB`): which compiled function, its arguments, how many blocks, which comes next. The
caller fills it in and opens it; a helper that is awake looks at the word `OPEN` about every nanosecond. Through Python a helper
began 25 to 50 microseconds later and each end cost as much again, 70 for a kernel of 100 to 700 (measured): two threads were
then hardly faster than one in a step of the classroom training, which calls 230 kernels.

A helper that has seen no job for a while returns to Python and sleeps there (threads.py), so that nothing spins for long.
"""

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

from . import kept  # noqa: F401 (it finds a place for what is compiled below)

WORDS = 1024
"""Length of a job in words of 8 bytes."""

OPEN, INSIDE, TICKETS, NEXT, FAILED, CODE, COUNT, SIZE, ARGUMENTS = (8 * word for word in (0, 8, 16, 24, 32, 40, 41, 42, 48))
"""Where in a job: the number of the job that may be joined, or 0; helpers inside; how many more may join; the next block; 1 after
an error; address of the code; number of blocks; blocks to a range; the arguments. What is written often has a cache line of its
own."""

_WORD = ir.IntType(64)


def _pointer(builder, number):
    return builder.inttoptr(number, _WORD.as_pointer())


@intrinsic
def load(context, address):
    """The word at an address, as other threads left it."""

    def generate(context, builder, signature, arguments):
        return builder.load_atomic(_pointer(builder, arguments[0]), "seq_cst", 8)

    return types.int64(types.int64), generate


@intrinsic
def store(context, address, value):
    """Write a word so that other threads see it, and all that was written before."""

    def generate(context, builder, signature, arguments):
        builder.store_atomic(arguments[1], _pointer(builder, arguments[0]), "seq_cst", 8)
        return context.get_dummy_value()

    return types.void(types.int64, types.int64), generate


@intrinsic
def add(context, address, value):
    """Add to a word; -> what it was before. No two threads get the same."""

    def generate(context, builder, signature, arguments):
        return builder.atomic_rmw("add", _pointer(builder, arguments[0]), arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def swap(context, address, value):
    """Write a word; -> what it was before."""

    def generate(context, builder, signature, arguments):
        return builder.atomic_rmw("xchg", _pointer(builder, arguments[0]), arguments[1], "seq_cst")

    return types.int64(types.int64, types.int64), generate


@intrinsic
def swap_if(context, address, expected, value):
    """Write a word if it is as expected; -> whether it was."""

    def generate(context, builder, signature, arguments):
        place = _pointer(builder, arguments[0])
        return builder.extract_value(builder.cmpxchg(place, *arguments[1:], "seq_cst", "seq_cst"), 1)

    return types.boolean(types.int64, types.int64, types.int64), generate


@intrinsic
def outline(context, function, job, arguments):
    """Write the arguments, a tuple, into a job; -> address of code(job, start, stop) that calls the function with them."""
    expected = (types.int64, types.int64, *arguments.types)
    function.get_call_type(context, expected, {})  # compiles it
    result = function.dispatcher.get_compile_result(types.void(*expected))

    def generate(context, builder, signature, values):
        kind = context.get_value_type(signature.args[2])
        if context.get_abi_sizeof(kind) > 8 * WORDS - ARGUMENTS:
            raise ValueError(f"{result.fndesc.qualname}: too many arguments for a job of {WORDS} words")
        place = lambda builder, job: builder.inttoptr(builder.add(job, _WORD(ARGUMENTS)), kind.as_pointer())
        builder.store(values[2], place(builder, values[1]))
        shape = ir.FunctionType(_WORD, [_WORD] * 3)
        code = ir.Function(builder.module, shape, builder.module.get_unique_name("outlined"))
        code.linkage = "internal"
        inner = ir.IRBuilder(code.append_basic_block())
        blocks = list(code.args[1:]) + cgutils.unpack_tuple(inner, inner.load(place(inner, code.args[0])))
        context.active_code_library.add_linking_library(result.library)
        callee, about = context.declare_function(builder.module, result.fndesc), result.signature
        # As a part of `code` its loops would be 0 to 8 % slower.
        status, _ = context.call_conv.call_function(inner, callee, about.return_type, about.args, blocks, attrs=("noinline",))
        inner.ret(inner.zext(status.is_error, _WORD))
        return builder.ptrtoint(code, _WORD)

    return types.int64(function, types.int64, arguments), generate


@intrinsic
def call(context, code, job, start, stop):
    """Call what `outline` gave; -> 1 after an error."""

    def generate(context, builder, signature, arguments):
        shape = ir.FunctionType(_WORD, [_WORD] * 3)
        return builder.call(builder.inttoptr(arguments[0], shape.as_pointer()), arguments[1:])

    return types.int64(types.int64, types.int64, types.int64, types.int64), generate


@njit(nogil=True, error_model="numpy")
def _work(job):
    """Take ranges of blocks until none is left."""
    code, count, size = load(job + CODE), load(job + COUNT), load(job + SIZE)
    while True:
        start = add(job + NEXT, size)
        if start >= count:
            return
        if call(code, job, start, min(start + size, count)):
            store(job + FAILED, 1)


@njit(nogil=True, error_model="numpy")
def lead(code, job, number, others, count, size, looks):
    """Do a job of the caller, together with up to `others` helpers; -> how many are still inside after so many looks."""
    store(job + CODE, code)
    store(job + COUNT, count)
    store(job + SIZE, size)
    store(job + NEXT, 0)
    store(job + FAILED, 0)
    store(job + TICKETS, others)
    if others > 0:
        store(job + OPEN, number)
    _work(job)
    store(job + OPEN, 0)  # who is not inside by now does not come in any more
    return _inside(job, looks)


@njit(nogil=True, error_model="numpy")
def _inside(job, looks):
    for _ in range(looks):
        if load(job + INSIDE) == 0:
            return 0
    return load(job + INSIDE)


@njit(nogil=True, cache=True, error_model="numpy")
def still_inside(job, looks):
    """How many helpers are inside of a closed job after so many looks."""
    return _inside(job, looks)


ASLEEP, AWAKE, CALLED = 0, 1, 2  # a helper's word: it looks at it last before it sleeps, so no call is lost


@njit(nogil=True, cache=True, error_model="numpy")
def serve(job, me, seen, looks):
    """Help with every job that opens, until none came in so many looks and nobody has called; -> number of the last one."""
    idle = 0
    while True:
        number = load(job + OPEN)
        if number == 0 or number == seen:
            idle += 1
            if idle > looks:
                if swap_if(me, AWAKE, ASLEEP):
                    return seen
                store(me, AWAKE)
                idle = 0
            continue
        add(job + INSIDE, 1)
        if load(job + OPEN) == number and add(job + TICKETS, -1) > 0:
            _work(job)
        add(job + INSIDE, -1)
        seen, idle = number, 0


@njit(nogil=True, cache=True, error_model="numpy")
def is_asleep(me):
    """Call a helper to the next job; -> whether it sleeps and has to be woken."""
    return swap(me, CALLED) == ASLEEP


def new_job():
    """Memory for a job that is closed."""
    return np.zeros(WORDS, np.int64)
