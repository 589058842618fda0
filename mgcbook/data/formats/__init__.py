"""Files of other people in their own layouts: face models, and what it takes to open them without running them.

    model, card = convert("ict", "ICT-FaceKit")      a FaceModel in mm, x to the subject's left, y up, z forward

safe_*: readers that run nothing. One file for each family of face models. parts, correspond, finish: to one FaceModel.
check: what was measured afterwards.
"""

import importlib
from typing import NamedTuple


class Kind(NamedTuple):
    """A kind of face model."""

    module: str
    """Name in this folder; it has `read(source, ranks)`."""
    ranks: tuple
    """Usual numbers of modes: identity, expression, albedo."""
    what: str
    """What to point at."""


PAPER, RELEASED = (80, 80, 64), (80, 64, 80)
"""Numbers of modes in the paper, and in the code and files of Deng et al. and MGCNet."""

KINDS = {
    "ict": Kind("ict", PAPER, "ICT-FaceKit (MIT): a clone of github.com/ICT-VGL/ICT-FaceKit; the recommended open model"),
    "bfm2009": Kind("bfm2009", RELEASED, "Basel Face Model 2009: 01_MorphableModel.mat, beside it the expressions of Guo et al. "
                    "(Exp_Pca.bin, std_exp.txt) and Deng's index files (BFM_exp_idx, BFM_front_idx, facemodel_info .mat)"),
    "deng": Kind("deng", RELEASED, "BFM_model_front.mat of Deng et al."),
    "bfm2017": Kind("bfm_h5", PAPER, "Basel Face Model 2017: model2017-1_*.h5"),
    "bfm2019": Kind("bfm_h5", PAPER, "Basel Face Model 2019: model2019_*.h5"),
    "3ddfa": Kind("tddfa", PAPER, "3DDFA: Model_Shape.mat with Model_Exp.mat beside it"),
    "3ddfa-v2": Kind("tddfa_v2", PAPER, "3DDFA_V2: bfm_noneck_v3.pkl, tri.pkl and param_mean_std_62d_120x120.pkl of its configs"),
    "mgcnet": Kind("mgcnet_h5", RELEASED, "the .h5 face model of MGCNet's authors"),
    "eos": Kind("eos", PAPER, "eos or the Surrey Face Model: sfm_shape_3448.bin, beside it ibug_to_sfm.txt"),
    "flame": Kind("flame", PAPER, "FLAME 2020: generic_model.pkl, beside it landmark_embedding.npy"),
}  # fmt: skip
"""Kind -> how it is read."""


def convert(kind, path, *, identity=None, expression=None, albedo=None):
    """Read a face model of another project; -> (FaceModel, model card as a list of lines).

    Args:
        kind: one of KINDS.
        path: the file or folder that its `what` names.
        identity, expression, albedo: how many modes to take; None: as many as usual.
    Raises:
        UsageError: for another kind.
        DataError: for whatever is wrong with the files, or if the result is no face (see `check`).
    """
    from mgcbook.data.formats.check import check_face
    from mgcbook.data.formats.finish import Ranks, finish
    from mgcbook.data.formats.safe_file import Source
    from mgcbook.errors import DataError, UsageError

    if kind not in KINDS:
        raise UsageError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    module = importlib.import_module(f"mgcbook.data.formats.{KINDS[kind].module}")
    ranks = Ranks(identity, expression, albedo).usual(*KINDS[kind].ranks)
    try:
        model, lines = finish(module.read(Source(path), ranks), ranks)
    except MemoryError as error:
        raise DataError(f"{path}: takes more memory than there is") from error
    findings = check_face(model, path)
    card = [f"{model.name}: converted by mgcbook from {kind}", f"license: {model.license}", *lines]
    return model, card + [f"{finding.name}: {finding.found}" for finding in findings]
