"""`mgcbook study photographs`: landmarks on AFLW2000-3D, found from a face box alone and compared with the true ones.

    box of the true landmarks -> network, which aligns the picture by its own landmarks and looks again -> fit from there

The box stands for a face detector: it says where the face is and how large, not how it is turned. No other truth is used, and
nothing is tuned on these pictures.
"""

import numpy as np

from mgcbook.data.align import alignment_template
from mgcbook.data.detect import BOX_SIZE, BOX_UP, FaceBox
from mgcbook.data.landmarks import five_points
from mgcbook.data.protocols.landmarks import NAMES, landmark_error
from mgcbook.data.sources import open_source
from mgcbook.errors import DataError
from mgcbook.programs.study_benchmark import weights_file
from mgcbook.programs.study_files import about, write_json
from mgcbook.programs.trained import open_trained

PROTOCOL = """Found from the box of the true landmarks alone, which stands for a face detector; network + fit: landmarks and start
by the network.""".replace("\n", " ")
ALONE, FITTED = "network alone", "network + fit"


def box_around(landmarks, template):
    """The box that a face detector would give a face with these landmarks; (68, 2), (68, 2) of an aligned face -> FaceBox.

    Where such boxes lie around an aligned face is known; the box of the landmarks is brought to that of the aligned face.
    """
    middle, size = _middle_and_size(landmarks)
    usual, usual_size = _middle_and_size(template)
    five = five_points(template)
    eyes = np.linalg.norm(five[1] - five[0])
    scale = size / usual_size
    center = five.mean(axis=0) - np.array([0.0, BOX_UP * eyes])
    return FaceBox(middle + scale * (center - usual), BOX_SIZE * eyes * scale, 0.0)


def _middle_and_size(landmarks):
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    return (low + high) / 2, float(np.sqrt(np.prod(high - low)))


def photographs(network, source, *, count=None, fit=True, progress=None):
    """Measure landmarks on photographs; -> dict for JSON.

    Args:
        network: images (B, H, W, 3) -> coefficients (B, K), with a `decoder`.
        source: an opened AFLW2000-3D (`mgcbook.data.sources.open_source`).
        count: only the first so many.
        fit: also fit each photograph.
        progress: called as progress(done, in all).
    Raises:
        DataError: if no photograph could be measured.
    """
    keys, rows, skipped = source.keys()[:count], [], []
    found = {ALONE: [], **({FITTED: []} if fit else {})}
    truth, yaw = [], []
    for number, key in enumerate(keys):
        try:
            sample = source.sample(key)
            landmarks = _find(network, sample, fit)
        except DataError as error:
            skipped.append({"item": key, "reason": str(error)})
        else:
            rows.append(key)
            truth.append(sample.landmarks)
            yaw.append(sample.yaw_degrees)
            for name, points in landmarks.items():
                found[name].append(points)
        if progress is not None:
            progress(number + 1, len(keys))
    if not rows:
        raise DataError(f"photographs: none could be measured; the first: {skipped[0]['reason'] if skipped else 'there is none'}")
    errors = {name: landmark_error(np.array(points), np.array(truth), np.array(yaw)) for name, points in found.items()}
    finite = lambda numbers: [float(number) if np.isfinite(number) else None for number in numbers]
    methods = {name: {"numbers": finite([*error.bins, error.mean]), "each": [round(float(value), 4) for value in error.each]}
               for name, error in errors.items()}  # fmt: skip
    counts = next(iter(errors.values())).counts
    bins, angles = dict(zip(NAMES, map(int, counts), strict=True)), [round(float(angle), 2) for angle in yaw]
    return {**about(), "protocol": PROTOCOL, "count": len(rows), "bins": bins, "methods": methods, "items": rows,
            "yaw_degrees": angles, "skipped": skipped}  # fmt: skip


def _find(network, sample, fit):
    """Landmarks of one photograph in its pixels, by each method; -> name -> (68, 2)."""
    from mgcbook.programs.reconstruct import find_landmarks, reconstruct

    photo, decoder = sample.read_image(), network.decoder
    box = box_around(sample.landmarks, alignment_template(decoder.model, decoder.camera))
    result = {ALONE: find_landmarks(photo, network, name=sample.key, box=box)}
    if fit:
        large = _large(network)
        fitted = reconstruct(photo, large, network=network, name=sample.key, box=box)
        points = np.asarray(large(fitted.coefficients[None]).landmarks[0], np.float64)
        result[FITTED] = fitted.aligned.crop_from_photo.inverse().apply(points)
    return result


def _large(network):
    """A decoder for pictures of 224 pixels, with the network's face."""
    from mgcbook.face.camera import PAPER_CAMERA
    from mgcbook.learning.decoder import Decoder

    return Decoder(network.decoder.model, PAPER_CAMERA)


def run_photographs(options):
    """Measure, print the table, write the numbers."""
    from tqdm.auto import tqdm

    from mgcbook.data.protocols.tables import table

    network = open_trained(options.weights)
    source = open_source("aflw2000", options.data)
    with tqdm(unit="picture", disable=None) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        result = photographs(network, source, count=options.count, fit=options.fit, progress=progress)
    result["weights"] = {**weights_file(options.weights), "step": network.step}
    write_json(options.out, result)
    for name, entry in result["methods"].items():
        print(table("aflw2000", entry["numbers"], f"here, {name}"), end="\n\n")
    print(f"{result['count']} pictures, in the bins {result['bins']}; left out: {len(result['skipped'])}")
    print(f"every number: {options.out}")
