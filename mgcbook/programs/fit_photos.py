"""`mgcbook fit PHOTO ...`: the face model fitted to photographs by gradient descent; no network and no training take part."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from tyro.conf import Positional

from mgcbook.arrays import check_device
from mgcbook.data.align import align, alignment_template
from mgcbook.data.boxes import CASCADE
from mgcbook.data.finders import FINDERS, NETWORK, is_name
from mgcbook.data.landmarks import FIRST_PIXEL
from mgcbook.data.skin import skin_weight
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.kernels.compiling import announce
from mgcbook.programs.config import at_least
from mgcbook.programs.finding import open_finder
from mgcbook.programs.fit import FitConfig, fit_steps
from mgcbook.programs.reconstruct import open_decoders, open_photo
from mgcbook.programs.results import Reconstruction, print_table, write_results
from mgcbook.programs.trained import shipped_weights


@dataclass(frozen=True)
class FitOptions:
    """Fit the face model to one or several photographs of one person; pictures, meshes and numbers as the result."""

    photos: Positional[tuple[Path, ...]]
    """The photographs; `sample` takes the one that comes along."""
    landmarks: tuple[Path, ...] = ()
    """A file with 68 landmarks for each photograph, in the same order (.pts, .txt, .npy, .json, .mat), or who finds them in all
    of them: network, or face-alignment if it is installed; by default the file beside a photograph that has its name, else the
    network if there are weights."""
    weights: Path | None = None
    """A training run or a checkpoint: the network that finds landmarks."""
    box: Path = Path(CASCADE)
    """Where that network looks first: cascade searches the face, whole takes the picture as cut out around it, or a file with
    left, top, right and bottom in pixels."""
    out: Path | None = None
    """Folder for the results; by default runs/<name of the first photograph>. Of several, each gets a folder in it."""
    face: str = "full"
    """Face model: "light" or "full" for the built-in one (fitted on the light mesh in any case), or a model file."""
    size: int = 224
    """Width and height in pixels of the aligned photographs."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where the fit is computed; "cuda" is an NVIDIA GPU."""
    fit: FitConfig = field(default_factory=FitConfig)
    """How they are fitted."""

    def __post_init__(self):
        at_least(self, 16, "size")


def run(options: FitOptions):
    """Fit the photographs and write the results."""
    check_device(options.device)
    announce()
    if not options.photos:
        raise UsageError("photos: expected at least one, got none; `mgcbook fit sample` takes the one that comes along")
    opened = [open_photo(photo, who) for photo, who in zip(options.photos, who_finds(options), strict=True)]
    decoder, shown = open_decoders(options.face, PAPER_CAMERA.resized(options.size, options.size))
    results = [result._replace(decoder=shown()) for result in fit_photos(opened, decoder, options.fit, device=options.device)]
    folder = options.out or Path("runs") / results[0].name
    for place, result in enumerate(results, 1):
        print(f"{result.name}: mean landmark error {result.landmark_error_percent():.2f} % of the face's box")
        print_table(write_results(folder / f"{place}-{result.name}" if len(results) > 1 else folder, result))


def who_finds(options):
    """For each photograph of FitOptions what gives its landmarks: a file, a `Finder`, or None for the sample."""
    given = options.landmarks
    if len(given) == 1 and is_name(given[0]):
        finder = open_finder(given[0], weights=options.weights, device=options.device, box=options.box)
        return [finder] * len(options.photos)
    if given and len(given) != len(options.photos):
        raise UsageError(f"landmarks: expected one file for each of {len(options.photos)} photos, got {len(given)}")
    if given or (options.weights is None and shipped_weights() is None):
        return given or [find_landmark_file(photo) for photo in options.photos]
    beside = [str(photo) == "sample" or _beside(photo) for photo in options.photos]
    network = None if all(beside) else open_finder(NETWORK, weights=options.weights, device=options.device, box=options.box)
    return [None if file is True else file or network for file in beside]


def fit_photos(opened, decoder, config=FitConfig(), show=True, device="cpu"):
    """Fit photographs together; a list of Reconstruction.

    Args:
        opened: [(photo (H, W, 3) in [0, 1], landmarks (68, 2) in its pixels, name), ...].
        decoder: a Decoder; its camera sets the size of the aligned photographs.
        config: how; `same_person` shares identity and albedo among them.
        show: draw a progress bar in a terminal.
        device: where the fit is computed, "cpu" or "cuda".
    Raises:
        DataError: if a photograph has other than 68 landmarks.
    """
    from tqdm import tqdm

    template = alignment_template(decoder.model, decoder.camera)
    aligned = []
    for photo, landmarks, name in opened:
        if len(landmarks) != 68:
            raise DataError(f"{name}: a fit needs 68 landmarks, found {len(landmarks)}")
        aligned.append(align(photo, landmarks, template, decoder.camera))
    images, points = np.stack([one.image for one in aligned]), np.stack([one.landmarks for one in aligned])
    skin = np.stack([skin_weight(one.image, landmarks=one.landmarks) * one.inside for one in aligned])
    steps = fit_steps(images, points, decoder, config, skin=skin, device=device)
    for now in tqdm(steps, total=config.steps, unit="step", disable=None if show else True):  # noqa: B007 (the last one counts)
        pass
    return [
        Reconstruction(coefficients, decoder, one, photo, name, one.landmarks)
        for coefficients, one, (photo, _, name) in zip(now.coefficients, aligned, opened, strict=True)
    ]


def find_landmark_file(photo):
    """The file with landmarks beside a photograph: its name with .pts, .txt, .npy, .json or .mat; None for the sample.

    Raises:
        DataError: if there is none.
    """
    if str(photo) == "sample":
        return None
    if found := _beside(photo):
        return found
    advice = f"write them to {photo.with_suffix('.pts').name} beside it, or give --landmarks"
    raise DataError(f"{photo}: no file with its 68 landmarks; {advice} a file or {', '.join(FINDERS)}, or --weights of a network "
                    "that finds them")  # fmt: skip


def _beside(photo):
    return next((photo.with_suffix(suffix) for suffix in FIRST_PIXEL if photo.with_suffix(suffix).is_file()), None)
