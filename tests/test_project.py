"""What stands around the code: packaging, conda environments, README, Makefile and the commands."""

import importlib
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
import yaml

from mgcbook.cli import MODULES, PROGRAMS

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA_NAME = {"matplotlib": "matplotlib-base"}  # conda-forge's matplotlib brings a graphical toolkit along
GPU_PACKAGES = ("cupy", "cuda", "nvidia")


def requirement(text):
    """ "numba>=0.67" -> ("numba", "0.67", ">=0.67"): name, lower bound, all bounds."""
    name, bounds = re.fullmatch(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?\s*(.*)", text).groups()
    lower = re.search(r"(?:>=|==)\s*([^,\s]+)", bounds)
    return name, lower and lower[1], bounds.replace(" ", "")


def environment(name):
    """(name -> bounds, pip's lines) of a conda environment file."""
    entries = yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))["dependencies"]
    packages = {requirement(entry)[0]: requirement(entry)[2] for entry in entries if isinstance(entry, str)}
    return packages, next(entry["pip"] for entry in entries if isinstance(entry, dict)), entries


def expected_packages():
    extras = PROJECT["optional-dependencies"]
    wanted = [requirement(text) for text in (*PROJECT["dependencies"], *extras["notebooks"], *extras["test"])]
    packages = {CONDA_NAME.get(name, name): bounds for name, _, bounds in wanted}
    return {**packages, "python": PROJECT["requires-python"], "pip": ""}


def test_the_conda_environment_equals_the_python_package():
    packages, pip, entries = environment("environment.yml")
    assert packages == expected_packages()
    assert entries[-1] == {"pip": pip}, "pip comes last"
    assert pip == ["-e .[test,notebooks]"]
    assert not [name for name in packages if name.startswith(GPU_PACKAGES)]


def test_the_gpu_environment_differs_in_numpy_and_the_extra_only():
    packages, pip, _ = environment("environment-gpu.yml")
    cuda13 = dict(requirement(text)[::2] for text in PROJECT["optional-dependencies"]["cuda13"])
    assert packages == {**expected_packages(), "numpy": cuda13["numpy"]}
    assert pip == ["-e .[test,notebooks,cuda13]"]


def test_every_requirement_has_a_lower_bound():
    groups = {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}
    loose = [f"{group}: {text}" for group, texts in groups.items() for text in texts if requirement(text)[1] is None]
    assert sorted(loose) == ["dev: mgcbook[notebooks,test,tensorboard]", "gpu-proof: mgcbook[test,cuda13]"]


def test_gpu_packages_are_in_their_extras_only():
    for group, texts in {"dependencies": PROJECT["dependencies"], **PROJECT["optional-dependencies"]}.items():
        names = [requirement(text)[0] for text in texts]
        assert group in ("cuda12", "cuda13", "gpu-proof") or not [name for name in names if name.startswith(GPU_PACKAGES)]


def test_the_license_is_mit_and_says_so_everywhere():
    assert PROJECT["license"] == "MIT"
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert text.startswith("MIT License")
    assert "2026 The mgcbook authors" in text


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_command_has_a_program(name):
    assert callable(importlib.import_module(MODULES[name]).run)


def readme_commands():
    """Lines of the code blocks of the README that start with make or mgcbook."""
    blocks = re.findall(r"```(?:bash|sh)?\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    return [line.strip() for block in blocks for line in block.splitlines() if re.match(r"\s*(make|mgcbook)\s", line)]


def test_the_readme_names_commands_that_exist():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.M))
    commands = readme_commands()
    assert len(commands) >= 5
    for line in commands:
        program, name = line.split()[:2]
        assert name in (targets if program == "make" else {*PROGRAMS, "--help"}), line


def test_the_code_in_the_readme_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.S)
    names = {}
    for block in blocks:
        exec(block, names)
    assert np.isfinite(names["loss"])
    assert names["slope"].shape == (2, 3, names["decoder"].layout.size)
    assert names["view"].image.shape == (6, 64, 64, 3)


def test_the_readme_points_at_files_that_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    links = [link for link in re.findall(r"\]\(([^)#:]+)[^)]*\)", text) if not link.startswith("http")]
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_continuous_integration_runs_what_the_readme_says():
    assert (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()[-1] == "exec make test"
