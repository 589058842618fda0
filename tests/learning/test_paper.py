"""What the paper says, against what the package does."""

import ast
import re
from dataclasses import fields
from pathlib import Path

import mgcbook
from mgcbook.learning import losses
from mgcbook.learning.coefficients import Layout
from mgcbook.learning.losses import Weights

SOURCES = sorted(Path(mgcbook.__file__).parent.rglob("*.py"))


def test_the_network_predicts_257_numbers():
    assert sum(Layout().lengths.values()) == 80 + 80 + 64 + 3 + 3 + 27 == 257
    assert sum(Layout(80, 64, 80).lengths.values()) == 80 + 64 + 80 + 3 + 3 + 27 == 257


def test_the_default_weights_are_those_of_sections_3_3_and_3_8():
    paper = dict(render=1.9, landmark=1e-3, landmark_important=10, identity=0.2, regularisation=1e-4,
                 reg_identity=1.0, reg_expression=0.8, reg_albedo=3e-3, two_d=1.0, multi_view=1.0, pixel=0.15, depth=1e-4,
                 epipolar=1e-3)  # fmt: skip
    assert {field.name: field.default for field in fields(Weights)} == paper


def test_every_weight_names_its_section():
    tree = ast.parse(Path(losses.__file__).read_text())
    body = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Weights").body
    for field, docstring in zip(body[1::2], body[2::2], strict=True):
        assert re.match(r"Sec\. 3\.[38]", docstring.value.value), field.target.id


def test_the_paper_has_six_equations():
    for path in SOURCES:
        if path.parent.name not in ("face", "learning"):
            continue  # other papers have equations too
        for number in re.findall(r"\bEq\. (\d+)", path.read_text()):
            assert 1 <= int(number) <= 6, f"{path.name}: Eq. {number}"


def test_every_deviation_says_what_is_done_here():
    for path in SOURCES:
        for block in re.findall(r"# Paper: .*(?:\n\s*#.*)*", path.read_text()):
            assert "here:" in block, f"{path.name}: {block}"
