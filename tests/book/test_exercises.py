"""The library solves its own exercises, a stub is told that it is one, and every listed mistake gets its own hint."""

import inspect

import numpy as np
import pytest

from mgcbook.book import exercises
from mgcbook.book.exercises import CHAPTERS, Exercise, check, examine, exercises_of, find, is_stub, solution

TASKS = {number: task for chapter in CHAPTERS for number, task in exercises_of(chapter).items()}
MISTAKES = [(task, mistake) for task in TASKS.values() for mistake in task.mistakes]


@pytest.fixture(autouse=True)
def not_strict(monkeypatch):
    monkeypatch.delenv("MGCBOOK_STRICT", raising=False)


@pytest.mark.parametrize("number", TASKS)
def test_library_solves_its_exercise(number):
    assert examine(TASKS[number], TASKS[number].solution).is_solved


@pytest.mark.parametrize("task, mistake", MISTAKES, ids=[f"{task.number}-{wrong.function.__name__}" for task, wrong in MISTAKES])
def test_each_mistake_is_noticed_and_gets_its_own_hint(task, mistake):
    assert examine(task, mistake.function).hint == mistake.hint


@pytest.mark.parametrize("number", TASKS)
def test_exercises_are_rich_enough(number):
    task = TASKS[number]
    assert len(task.mistakes) >= 3
    assert len({mistake.hint for mistake in task.mistakes}) == len(task.mistakes)
    assert len(task.questions) >= 3
    assert task.solution.__module__.startswith("mgcbook.") and ".book." not in task.solution.__module__


@pytest.mark.parametrize("chapter", CHAPTERS)
def test_a_chapter_has_at_most_three(chapter):
    numbers = list(exercises_of(chapter))
    assert numbers == [f"{chapter}.{i + 1}" for i in range(len(numbers))] and 1 <= len(numbers) <= 3


def stub_with_docstring(*args):
    """Says nothing."""
    ...


def stub_with_pass(*args):
    pass


def forgets_return(points, camera):
    points.sum()


def test_a_stub_is_told_so(capsys):
    for stub in (stub_with_docstring, stub_with_pass, lambda *args: ...):
        assert is_stub(stub) or stub.__name__ == "<lambda>"  # the lambda returns an Ellipsis: wrong, but not empty
        check("4.1", stub)
    printed = capsys.readouterr().out
    assert printed.count("still empty") == 2
    assert not is_stub(forgets_return) and not is_stub(lambda: 1) and not is_stub(len)


def test_a_forgotten_return_is_told_apart_from_a_stub(capsys):
    check("4.1", forgets_return)
    printed = capsys.readouterr().out
    assert "returned None" in printed and "`return`" in printed and "still empty" not in printed


def crashes(points, camera):
    raise RuntimeError("of its own")


@pytest.mark.parametrize(
    "attempt, says",
    [(crashes, "RuntimeError: of its own"), (3, "not callable"), (lambda p: p, "positional argument"),
     (lambda p, c: "text", "the shape (1, 3, 2), got a single value"),
     (lambda p, c: p[0, :, :2], "expected (1, 3, 2), got (3, 2)"), (lambda p, c: p, "expected (1, 3, 2), got (1, 3, 3)"),
     (lambda p, c: [[1], [2, 3]], "ValueError")],
)  # fmt: skip
def test_check_never_raises(attempt, says, capsys):
    assert check("4.1", attempt) is None
    assert says in " ".join(capsys.readouterr().out.split())


def test_questions_come_in_order_and_stop_at_the_first_no(capsys):
    wrong_v = next(mistake.function for mistake in find("4.1").mistakes if mistake.function.__name__ == "flips_v")
    check("4.1", wrong_v)
    lines = capsys.readouterr().out.splitlines()
    assert [line.strip()[:3].strip() for line in lines[:4]] == ["yes", "yes", "yes", "no"]
    assert "2 more questions to come" in lines[-1]


def test_a_mistake_that_nobody_listed_sees_both_numbers():
    result = examine(find("4.1"), lambda p, camera: find("4.1").solution(p, camera) * 2)
    assert result.hint == "expected (64, 48), got (128, 96)"


def test_strict_mode_raises_for_what_is_not_solved_only(monkeypatch, capsys):
    monkeypatch.setenv("MGCBOOK_STRICT", "1")
    check("4.1", find("4.1").solution)
    with pytest.raises(AssertionError, match=r"exercise 4\.1: .*empty"):
        check("4.1", stub_with_docstring)
    with pytest.raises(AssertionError, match="no exercise"):
        check("4.9", stub_with_docstring)


@pytest.mark.parametrize("number", ["4.9", "99.1", "four", ""])
def test_an_unknown_number_is_answered(number, capsys):
    check(number, len)
    solution(number)
    assert capsys.readouterr().out.count("there is no exercise") == 2


def test_solution_prints_the_source_of_the_library(capsys):
    solution("4.1")
    printed = capsys.readouterr().out
    assert printed.startswith("# mgcbook.face.camera.project\n")
    assert inspect.getsource(find("4.1").solution) in printed


@pytest.mark.parametrize("number, formula", [("9.1", "def _bilinear_sample_twin("), ("3.2", "def vertex_normals_by_gathers(")])
def test_solution_shows_the_formula_of_a_compiled_loop(number, formula, capsys):
    solution(number)
    assert capsys.readouterr().out.count(formula) == 1


def test_the_attempt_cannot_spoil_later_questions():
    def spoils(points, camera):
        answer = find("4.1").solution(points, camera)
        if isinstance(points, np.ndarray):
            points[...] = 0.0
        return answer

    assert examine(find("4.1"), spoils).is_solved


@pytest.mark.parametrize("number", TASKS)
def test_no_wrong_answer_spoils_the_questions_for_the_next(number):
    task = TASKS[number]
    for mistake in task.mistakes:
        for question in task.questions:
            exercises._answer(question, mistake.function)
    assert examine(task, task.solution).is_solved


def test_an_answer_may_write_into_its_arguments():
    def in_place(image, mask, photo):
        image += (1 - mask[..., None]) * photo
        return image

    assert examine(find("1.2"), in_place).is_solved


def test_numpy_without_a_rule_is_named_and_not_taken_for_another_mistake():
    def by_var(x, weight, bias, running, *, train, momentum=0.1, epsilon=1e-5):
        batch, n = (np.mean(x, axis=(0, 1, 2)), np.var(x, axis=(0, 1, 2))), x.size // x.shape[-1]
        mean, variance = batch if train else running
        kept = tuple((1 - momentum) * a + momentum * b * c for a, b, c in zip(running, batch, (1, n / (n - 1)), strict=True))
        return weight * (x - mean) / np.sqrt(variance + epsilon) + bias, kept if train else running

    hint = examine(find("11.2"), by_var).hint
    assert "np.var" in hint and "no gradient rule" in hint


def test_shapes_are_told_in_words():
    assert "the shape (3,), got a single value" in examine(find("7.1"), lambda q, truth, important=10.0: np.mean(q)).hint
    four_poses = lambda source, target: tuple(np.repeat(part, 4, axis=0) for part in source)
    assert examine(find("4.3"), four_poses).hint == "expected 12 numbers, got 48"


def test_an_own_exercise_can_be_posed():
    task = Exercise("90.1", np.sum)

    @task.question("adds")
    def _(add):
        return add(np.arange(4.0)), 6.0

    @task.mistake("That is the mean.")
    def mean(x):
        return x.mean()

    assert examine(task, np.sum).is_solved
    assert examine(task, np.mean).hint == "That is the mean."
    assert examine(task, np.max).hint == "expected 6, got 3"
    assert "90.1" not in exercises._exercises
