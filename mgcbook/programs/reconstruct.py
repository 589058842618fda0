"""`mgcbook reconstruct PHOTO`: one photograph -> a 3D face, as pictures, meshes and numbers.

    photo -> landmarks or face box -> align -> network (if weights are given) -> fit (if landmarks are known) -> results

Landmarks come from a file, or from the network itself: it looks at rough crops around the face box, its own landmarks give
better crops, and it looks again.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
from tyro.conf import Positional

from mgcbook.arrays import check_array, check_device, check_shapes
from mgcbook.data import builtin
from mgcbook.data.align import Similarity, align, alignment_template, warp_image
from mgcbook.data.boxes import CASCADE, open_box
from mgcbook.data.detect import crop_from_box
from mgcbook.data.finders import NETWORK
from mgcbook.data.images import read_image, write_image
from mgcbook.data.landmarks import flip_landmarks
from mgcbook.data.skin import skin_weight
from mgcbook.errors import DataError, UsageError
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.face.morphable import FaceModel
from mgcbook.kernels.compiling import announce
from mgcbook.learning.decoder import Decoder
from mgcbook.programs import pictures
from mgcbook.programs.finding import open_finder
from mgcbook.programs.fit import FitConfig, fit_steps, from_found_landmarks
from mgcbook.programs.results import Reconstruction, print_table, write_results

LOOKS = 2
"""How often the network aligns the photograph by its own landmarks."""
CROPS = ((1.0, 0.0), (1.0, -8.0), (1.0, 8.0), (0.93, 0.0), (1.07, 0.0))
"""Enlargement and turn in degrees of the crops that it sees in each look. Each is seen mirrored as well, and the median of all
counts: on the study's shifted and extreme faces a tenth less error than of one crop."""


@check_shapes(photo="number H W 3")
def reconstruct(photo, decoder, *, landmarks=None, network=None, refine=True, config=FitConfig(), name="photograph",
                device="cpu", preview=None, box=CASCADE):  # fmt: skip
    """One photograph -> Reconstruction.

    Args:
        photo: (H, W, 3) in [0, 1].
        decoder: a Decoder for the result; its camera sets the size of the aligned photograph.
        landmarks: (5, 2) or (68, 2) in pixels of the photograph, or who finds them: a function of the photograph, a file or a
            name (see `mgcbook.data.finders`); None: the network finds them.
        network: images (B, h, w, 3) -> coefficients (B, K), with a `decoder` of its own (see `open_trained`); None: fit only.
        refine: fall down the losses from where the network is; needs 68 landmarks, given or the network's.
        config: how.
        name: of the photograph, in messages and results.
        device: where the fit is computed, "cpu" or "cuda"; the network brings its own.
        preview: called once with the Reconstruction as it is before the picture was fitted.
        box: where the network looks first if it has to find the landmarks, see `mgcbook.data.boxes.open_box`.
    Raises:
        DataError: if no face is found, or if there are too few landmarks and no network to find more.
    """
    if isinstance(landmarks, str | Path) and str(landmarks) == NETWORK:
        landmarks = None
    elif isinstance(landmarks, str | Path) or callable(landmarks):
        landmarks = open_finder(landmarks, device=device)(photo, name)
    if landmarks is None and network is None:
        raise DataError(f"{name}: without landmarks a network has to find them: give --weights of a training run, or --landmarks")
    if landmarks is not None:
        check_array("reconstruct", "landmarks", landmarks, "number L 2")
    if network is None and len(landmarks) != 68:
        raise DataError(f"{name}: a fit needs 68 landmarks, found {len(landmarks)}; give all 68, or --weights of a training run")
    template = alignment_template(decoder.model, decoder.camera)
    if landmarks is None:
        landmarks = find_landmarks(photo, network, name=name, box=box)
        given = None
    else:
        given = landmarks if len(landmarks) == 68 else None
    aligned = align(photo, landmarks, template, decoder.camera)
    start = None if network is None else look(network, photo, aligned, decoder)
    found = lambda row: Reconstruction(
        row, decoder, aligned, photo, name, None if given is None else aligned.crop_from_photo.apply(given)
    )
    if start is None or refine:
        points = aligned.landmarks if len(aligned.landmarks) == 68 else np.asarray(decoder(start[None]).landmarks[0])
        skin = skin_weight(aligned.image, landmarks=points) * aligned.inside
        rows = None if start is None else start[None]
        config = config if given is not None else from_found_landmarks(config)
        steps = fit_steps(aligned.image[None], points[None], decoder, config, skin=skin[None], start=rows, device=device)
        for now in steps:
            start = now.coefficients[0]
            if preview is not None and now.step == 1:
                preview(found(start))
    return found(start)


@check_shapes(photo="number H W 3")
def look(network, photo, aligned, decoder):
    """What the network sees in an aligned photograph, in the layout of `decoder`; -> (K,)."""
    camera = network.decoder.camera
    scale = camera.width / decoder.camera.width
    network_from_photo = Similarity(*(scale * part for part in aligned.crop_from_photo))
    image, _ = warp_image(photo, network_from_photo, camera.height, camera.width)
    parts = network.decoder.layout.split(network(image[None]))
    parts["translation"] = decoder.translation_part(network.decoder.pose(parts))
    return decoder.layout.join(parts)[0].astype(np.float32)


@check_shapes(photo="number H W 3")
def find_landmarks(photo, network, *, name="photograph", box=CASCADE):
    """The 68 landmarks as the network sees them, looking at a face box first, then at its own alignment; -> (68, 2) pixels.

    Args:
        box: where the face is, see `mgcbook.data.boxes.open_box`.
    Raises:
        DataError: if no face is found.
    """
    decoder = network.decoder
    template = alignment_template(decoder.model, decoder.camera)
    crop_from_photo = crop_from_box(open_box(box)(photo, name), template)
    for _ in range(LOOKS):
        landmarks = _landmarks_in_crops(photo, network, crop_from_photo)
        crop_from_photo = align(photo, landmarks, template, decoder.camera).crop_from_photo
    return landmarks


def _landmarks_in_crops(photo, network, crop_from_photo):
    """Median of the landmarks in several crops about one, and in their mirror images; -> (68, 2) pixels of the photo."""
    camera, middle = network.decoder.camera, np.array(network.decoder.camera.center)
    crops = [Similarity(turn @ crop_from_photo.linear, turn @ (crop_from_photo.offset - middle) + middle)
             for turn in (size * _turn(angle) for size, angle in CROPS)]  # fmt: skip
    images = np.stack([warp_image(photo, crop, camera.height, camera.width)[0] for crop in crops])
    found = network.decoder(network(np.concatenate([images, images[:, :, ::-1]]))).landmarks.astype(np.float64)
    straight, mirrored = np.split(found, 2)
    back = lambda crop, points: crop.inverse().apply(points)
    points = [back(crop, at) for crop, at in zip(crops, straight, strict=True)]
    points += [back(crop, flip_landmarks(at, camera.width)) for crop, at in zip(crops, mirrored, strict=True)]
    return np.median(points, axis=0)


def warm_up(network):
    """Load what a look will need, compiled code above all."""
    camera = network.decoder.camera
    network.decoder(network(np.zeros((2 * len(CROPS), camera.height, camera.width, 3), np.float32)))


def _turn(degrees):
    cosine, sine = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    return np.array([[cosine, -sine], [sine, cosine]])


def open_decoders(face, camera=PAPER_CAMERA):
    """The Decoder to fit with, and a function that gives the one whose faces are shown: of the built-in face light and full.

    The same coefficients mean the same face on both, with the same landmarks, and a step of a fit takes a quarter of the time on
    the light one. The full one is read meanwhile. Any other model is fitted as it is.

    Args:
        face: see `open_model`.
        camera: of both.
    """
    if face == "full":
        light = Decoder(open_model("light"), camera)
        return light, meanwhile(lambda: Decoder(open_model(face), camera))
    decoder = Decoder(open_model(face), camera)
    return decoder, lambda: decoder


def meanwhile(function, *args):
    """Call a function in a thread of its own, now; -> function without arguments that waits for what it gave, or raises it."""
    thread = ThreadPoolExecutor(1)
    result = thread.submit(function, *args).result
    thread.shutdown(wait=False)
    return result


def open_model(face):
    """A face model by level of the built-in one ("light", "full") or by the path of a model file.

    Raises:
        DataError: if the file is no face model.
    """
    return builtin.load(face) if face in ("light", "full") else FaceModel.load(face)


# ---------------------------------------------------------------- the command


@dataclass(frozen=True)
class ReconstructOptions:
    """Turn a photograph into a 3D face: pictures, meshes and numbers."""

    photo: Positional[Path]
    """The photograph; `sample` takes the one that comes along."""
    landmarks: Path | None = None
    """File with its 5 or 68 landmarks (.pts, .txt, .npy, .json, .mat), or who finds them: network, or face-alignment if it is
    installed; by default the network, which needs --weights."""
    weights: Path | None = None
    """Folder of a training run, or one of its checkpoints; without it the face is fitted from its landmarks."""
    box: Path = Path(CASCADE)
    """Where the network looks first: cascade searches the face, whole takes the picture as cut out around it, or a file with
    left, top, right and bottom in pixels."""
    out: Path | None = None
    """Folder for the results; by default runs/<name of the photograph>."""
    face: str = "full"
    """Face model: "light" or "full" for the built-in one (fitted on the light mesh in any case), or a model file."""
    refine: Literal["yes", "no"] = "yes"
    """Fit the photograph after the network has looked at it."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where network and fit are computed; "cuda" is an NVIDIA GPU."""
    fit: FitConfig = field(default_factory=FitConfig)
    """How it is fitted."""


def run(options: ReconstructOptions):
    """Reconstruct one photograph and write the results."""
    from mgcbook.programs.trained import open_trained, shipped_weights

    check_device(options.device)
    announce()
    own = str(options.landmarks) == NETWORK
    photo, landmarks, name = open_photo(options.photo, None if own else options.landmarks, device=options.device)
    weights = options.weights or (shipped_weights() if landmarks is None else None)
    is_seen, box = own or weights is not None, options.box
    if is_seen and landmarks is None:  # looked for while the network is opened
        searched = meanwhile(open_box(box), photo, name)
        box = lambda _: searched()
    network = open_trained(weights, options.device) if is_seen else None
    decoder, shown = open_decoders(options.face)
    if is_seen and landmarks is None:  # the search goes on
        warm_up(network)
    folder = options.out or Path("runs") / name
    result = reconstruct(
        photo, decoder, landmarks=landmarks, network=network, refine=options.refine == "yes", config=options.fit, name=name,
        device=options.device, box=box, preview=lambda result: _first_picture(folder, result._replace(decoder=shown())),
    )  # fmt: skip
    result = result._replace(decoder=shown())
    print(f"{name}: reconstructed" + _spell_error(result))
    how = "found" if network is not None and options.refine == "no" else "fitted"
    print_table(write_results(folder, result, shown=lambda path: _say_shown(how, path)))


def open_photo(path, landmarks=None, **options):
    """(photo (H, W, 3), landmarks or None, name) of a file, or of the sample photograph by the name "sample".

    Args:
        landmarks: file, name or function, see `mgcbook.programs.finding.open_finder`, as for options.
    """
    if str(path) == "sample":
        from mgcbook.data import sample_photo

        sample = sample_photo.load()
        if landmarks is not None:
            raise UsageError("landmarks: the sample photograph brings its own; leave --landmarks out")
        return sample.image, sample.landmarks, sample.name
    photo = read_image(path)
    name = Path(path).stem
    return photo, None if landmarks is None else open_finder(landmarks, **options)(photo, name), name


def _first_picture(folder, result):
    """Something to look at while the fit goes on; `write_results` writes over it."""
    path = folder / "overlay.png"
    folder.mkdir(parents=True, exist_ok=True)
    write_image(path, pictures.overlay(result.subject(), result.aligned.image))
    print(f"first picture: {path}; fitting it ...", flush=True)


def _say_shown(how, path):
    print(f"{how}: {path}; writing meshes and the other pictures ...", flush=True)


def _spell_error(result):
    error = result.landmark_error_percent()
    return "" if error is None else f", mean landmark error {error:.2f} % of the face's box"
