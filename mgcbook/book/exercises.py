"""Exercises that check themselves, and never stop a notebook.

An exercise asks the reader to rewrite one function of the library under the same name and arguments, so the solution is the
library's own source and cannot fall behind it. Questions are asked in teaching order; the first "no" comes with one hint. The
typical mistakes are listed beside the questions: they test the questions, and an answer that equals one of them gets its hint.

    check("4.1", project)     # yes / no, one hint; raises only where MGCBOOK_STRICT=1 is set
    solution("4.1")           # the library's function
"""

import contextlib
import dis
import importlib
import inspect
import os
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

CHAPTERS = {1: "arrays", 2: "tape", 3: "morphable", 4: "camera", 5: "light", 6: "raster", 7: "fitting", 8: "covisible",
            9: "warping", 10: "consistency", 11: "network", 12: "learning", 13: "training", 14: "measuring"}  # fmt: skip
"""Which module of `mgcbook.book.checks` holds the exercises of which chapter."""

_exercises = {}
_listeners = []


class Question(NamedTuple):
    """A sentence that is true of a right answer, and how to find out."""

    sentence: str
    ask: Callable
    """ask(function) -> (what it gave, what a right one gives)."""


class Mistake(NamedTuple):
    """A typical wrong answer, and what to say to it."""

    function: Callable
    hint: str


@dataclass
class Exercise:
    """One library function to rewrite, what is asked of the reader's version, and how it usually goes wrong."""

    number: str
    solution: Callable
    questions: list[Question] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)

    def question(self, sentence):
        """Decorator for a function (attempt) -> (got, wanted), asked after those that stand above it."""

        def add(ask):
            self.questions.append(Question(sentence, ask))
            return ask

        return add

    def mistake(self, hint):
        """Decorator for a wrong version; some question must notice it, and `hint` is then what its author reads."""

        def add(wrong):
            self.mistakes.append(Mistake(wrong, hint))
            return wrong

        return add


@dataclass(frozen=True)
class Result:
    """How far an attempt came."""

    number: str
    passed: int
    """Questions answered with yes, one after the other."""
    total: int
    hint: str = ""
    """Empty when all were."""

    @property
    def is_solved(self):
        """True if every question was answered with yes."""
        return not self.hint


def exercise(number, solution):
    """Register the exercise `number` ("4.1": chapter 4), whose solution is this function of the library."""
    _exercises[number] = Exercise(number, solution)
    return _exercises[number]


def find(number):
    """The exercise of this number.

    Raises:
        KeyError: if there is none; the message lists those of the chapter.
    """
    chapter = str(number).split(".")[0]
    known = exercises_of(int(chapter)) if chapter.isdecimal() else {}
    if number not in known:
        chapters = ", ".join(map(str, CHAPTERS))
        there = f"chapter {chapter} has {', '.join(known)}" if known else f"there are exercises in chapters {chapters}"
        raise KeyError(f"there is no exercise {number!r}: {there}")
    return known[number]


def exercises_of(chapter):
    """The exercises of a chapter, {number: Exercise} in the order of the book; empty where it has none."""
    if chapter in CHAPTERS:
        importlib.import_module(f"mgcbook.book.checks.{CHAPTERS[chapter]}")
    return {number: found for number, found in _exercises.items() if number.split(".")[0] == str(chapter)}


# ---------------------------------------------------------------- what a reader calls


def check(number, attempt):
    """Print how far the attempt has come, with one hint at the first question that it fails.

    Raises:
        AssertionError: if it is not solved and MGCBOOK_STRICT=1 is set, as teachers and tests do; never otherwise.
    """
    try:
        task = find(number)
    except KeyError as error:
        return _complain(error.args[0])
    result = examine(task, attempt)
    for hear in _listeners:
        hear(result, attempt)
    for place, (sentence, _) in enumerate(task.questions[: result.passed + 1]):
        print(f"  {'yes' if place < result.passed else 'no '}  {sentence}")
    if result.is_solved:
        print(f"Exercise {number} is solved.")
    else:
        left = result.total - result.passed - 1
        print(textwrap.fill(result.hint, 80, initial_indent=" " * 7, subsequent_indent=" " * 7))
        print(f"  ({left} more question{'s' * (left > 1)} to come)" if left else "", end="\n" if left else "")
        _complain(f"exercise {number}: {result.hint}", quietly=True)


@contextlib.contextmanager
def overheard(hear):
    """Inside it, every `check` also calls hear(result, attempt): graders listen here."""
    _listeners.append(hear)
    try:
        yield
    finally:
        _listeners.remove(hear)


def solution(number):
    """Print the library's own version."""
    try:
        function = find(number).solution
    except KeyError as error:
        return _complain(error.args[0])
    print(f"# {function.__module__}.{function.__name__}\n{inspect.getsource(function)}", end="")
    for formula in _formulas(function):
        print(f"\n\n# what the compiled loop does, in plain NumPy\n{inspect.getsource(formula)}", end="")


def _formulas(function):
    """The plain NumPy forms of the primitives that a function of the library is, or calls."""
    module = vars(importlib.import_module(function.__module__))
    called = [module.get(name) for name in inspect.unwrap(function).__code__.co_names]
    return dict.fromkeys(part.twin for part in (function, *called) if getattr(part, "twin", None))


def _complain(message, quietly=False):
    if os.environ.get("MGCBOOK_STRICT") == "1":
        raise AssertionError(message)
    if not quietly:
        print(message)


# ---------------------------------------------------------------- the examination


def examine(task, attempt):
    """Ask the questions until one is answered with no; (Exercise, function) -> Result. Never raises."""
    for passed, question in enumerate(task.questions):
        hint = _hint(task, question, attempt)
        if hint:
            return Result(task.number, passed, len(task.questions), hint)
    return Result(task.number, len(task.questions), len(task.questions))


def _hint(task, question, attempt):
    """What is wrong with this answer; empty if nothing is."""
    if is_stub(attempt):
        return f"`{_name(attempt)}` is still empty: write your lines in place of the dots."
    got, complaint = _answer(question, attempt)
    if not complaint:
        return ""
    for mistake in task.mistakes:
        theirs, as_bad = _answer(question, mistake.function)
        if as_bad and _alike(theirs, got) and (got is not None or as_bad == complaint):
            return mistake.hint
    return complaint


def _answer(question, function):
    """What the function gave, and what is wrong with it: (array or None, complaint, empty if it is right)."""
    returned_none = []

    def watched(*args, **kwargs):
        own = [part.copy() if type(part) is np.ndarray else part for part in args]  # it may write into them
        value = function(*own, **kwargs)
        returned_none.extend([True] if value is None else [])
        return value

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            got, wanted = question.ask(watched)
            got = _flat(got)
        except Exception as error:
            if returned_none:
                return None, f"`{_name(function)}` returned None: does it end with `return`?"
            says = str(error).strip().split("\n")[0]
            return None, f"it stopped with {type(error).__name__}" + (f": {says}" if says else "")
        if returned_none:
            return None, f"`{_name(function)}` returned None: does it end with `return`?"
        wanted = _flat(wanted)
    if got.shape != wanted.shape and max(got.ndim, wanted.ndim) > 1:
        return got, f"expected an array of shape {wanted.shape}, got {got.shape}"
    if not _alike(got, wanted):
        return got, _difference(got, wanted)
    return got, ""


def _flat(value):
    """An array of what a question gave; tuples of arrays (a pose) are laid end to end."""
    if isinstance(value, tuple):
        return np.concatenate([np.zeros(0), *(np.ravel(np.asarray(part, np.float64)) for part in value)])
    return np.asarray(value, np.float64)


def _alike(a, b):
    """Equal but for rounding; two answers that stopped (None) are alike."""
    if a is None or b is None:
        return a is b
    return a.shape == b.shape and np.allclose(a, b, rtol=1e-6, atol=1e-9, equal_nan=True)


def _difference(got, wanted):
    """The first place where two arrays differ; short ones are spelled out."""
    if got.size == 0:  # the shape of a single number
        return f"expected the shape {tuple(int(length) for length in wanted)}, got a single value: over which axes do you sum?"
    if got.shape != wanted.shape and got.size > 12:
        return f"expected {wanted.size} numbers, got {got.size}"
    if got.size <= 4 or got.shape != wanted.shape:
        return f"expected {_spell(wanted)}, got {_spell(got)}"
    wrong = np.flatnonzero(~np.isclose(got.ravel(), wanted.ravel(), rtol=1e-6, atol=1e-9))
    place = tuple(int(i) for i in np.unravel_index(wrong[0], got.shape))
    where = f"[{', '.join(map(str, place))}]" if got.ndim > 1 else f"number {place[0]}"
    return f"{len(wrong)} of {got.size} numbers differ; at {where} expected {wanted[place]:.6g}, got {got[place]:.6g}"


def _spell(array):
    numbers = [f"{number:.6g}" for number in array.ravel()]
    return numbers[0] if len(numbers) == 1 else f"({', '.join(numbers)})"


def _name(function):
    return getattr(function, "__name__", type(function).__name__)


def is_stub(function):
    """True for a function of nothing but a docstring and dots: its compiled body loads a constant and returns it."""
    code = getattr(function, "__code__", None)
    harmless = {"RESUME", "NOP", "LOAD_CONST", "RETURN_CONST", "RETURN_VALUE", "CACHE"}
    if code is None or not {step.opname for step in dis.get_instructions(code)} <= harmless:
        return False
    return {step.argval for step in dis.get_instructions(code) if "CONST" in step.opname} <= {None}
