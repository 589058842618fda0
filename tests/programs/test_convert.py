"""mgcbook convert: three files, one line for each thing measured, and one line for a mistake."""

import numpy as np
import pytest
from PIL import Image

from mgcbook import cli
from mgcbook.data.formats import KINDS
from mgcbook.face.morphable import FaceModel
from mgcbook.programs.model_sheet import model_sheet
from tests.data.formats import small as write
from tests.toy import toy_model


@pytest.fixture
def source(tmp_path):
    small = write.Small()
    write.write_eos(tmp_path / "sfm_shape_3448.bin", small, color=True)
    write.write_toml(tmp_path / "ibug_to_sfm.txt", dict(enumerate(small.landmarks.tolist())))
    return tmp_path


def test_a_model_becomes_a_model_file_a_card_and_a_sheet(source, capsys):
    result = source / "out" / "sfm.npz"
    assert cli.main(["convert", "eos", str(source), str(result), "--identity", "4", "--expression", "3"]) == 0
    said = capsys.readouterr().out
    model = FaceModel.load(result)
    assert model.ranks == {"identity": 4, "expression": 3, "albedo": 4}
    card = result.with_suffix(".txt").read_text()
    assert card in said
    for line in ("converted by mgcbook from eos", "license: ", "unit: outer eye corners", "winding: counter-clockwise"):
        assert line in card
    assert f"--face {result}" in said
    picture = np.asarray(Image.open(result.with_suffix(".png")))
    assert picture.shape[1] > 900
    assert (picture != 255).mean() > 0.1


def test_mistakes_are_one_line(source, capsys, tmp_path):
    for args, code, said in (
        (["convert", "bfm", str(source)], 2, "kind: expected one of ict, bfm2009"),
        (["convert", "ict"], 2, "source: expected the file or folder of the model, for ict: ICT-FaceKit (MIT)"),
        (["convert", "eos", str(source), "x.obj"], 2, "expected a name ending in .npz"),
        (["convert", "eos", str(source), "--identity", "0"], 2, "identity: expected at least 1"),
        (["convert", "flame", str(source)], 3, "expected generic_model.pkl"),
        (["convert", "eos", str(source / "none.bin")], 3, "no such file"),
    ):
        assert cli.main(args) == code
        err = capsys.readouterr().err
        assert said in err
        assert err.count("\n") == 1
    assert not list(tmp_path.glob("*.npz"))


def test_the_list_says_what_each_kind_needs(capsys):
    assert cli.main(["convert", "list"]) == 0
    out = capsys.readouterr().out
    assert all(f"{name} " in out for name in KINDS)
    assert "Exp_Pca.bin" in out


def test_help_names_every_kind(capsys):
    with pytest.raises(SystemExit):
        cli.main(["convert", "--help"])
    out = " ".join(capsys.readouterr().out.split())
    assert all(name in out for name in KINDS)


def test_the_sheet_shows_modes_at_both_ends():
    picture = model_sheet(toy_model(), modes=1, size=48)
    wide = model_sheet(toy_model(), modes=3, size=48)
    assert wide.shape[1] > 2 * picture.shape[1] * 0.9
    cells = picture[-(48 + 8) : -8]  # the last row: albedo at both ends
    assert np.abs(cells[:, 8:56].astype(int) - cells[:, 64:112]).mean() > 1
