"""`mgcbook study fits`: what each step from the network to a fitted face adds, on faces whose truth is known.

    network alone              one look at each picture
    each picture by itself     fitted with the 2D losses from where the network is
    one person, 2D losses      the three pictures share identity and albedo
    one person, all losses     and the multi-view losses compare the pictures (Eq. 6)

No landmark is given: those of the network start the fit and count little in it. Pictures are as large as `mgcbook reconstruct`
fits them; the network sees them smaller. The last two rows ask Table 3's question without a training: what do the multi-view
losses know of the shape that pictures and landmarks of one person do not?
"""

from dataclasses import asdict, replace

import numpy as np

from mgcbook.data import builtin
from mgcbook.data.align import Similarity, warp_image
from mgcbook.data.benchmark import SETS, benchmark_faces
from mgcbook.data.skin import skin_weight
from mgcbook.face.camera import PAPER_CAMERA
from mgcbook.programs.fit import FitConfig, fit, from_found_landmarks
from mgcbook.programs.study_benchmark import table, weights_file
from mgcbook.programs.study_cells import against
from mgcbook.programs.study_files import about, write_json
from mgcbook.programs.study_measure import METRICS, TestSet
from mgcbook.programs.trained import open_trained

ALONE, EACH, PERSON_2D, PERSON = "network alone", "each picture by itself", "one person, 2D losses", "one person, all losses"
VIEWS = 3
SIZE = PAPER_CAMERA.width
"""Width of the pictures that are fitted, in pixels."""
COLUMNS = {"nme_percent": "landmarks, %", "plane_scaled_mm": "shape, mm (ICP, scaled)", "vertex_mm": "shape, mm (rigid)",
           "vertex_scaled_mm": "shape, mm (scaled)", "depth_mm": "depth, mm", "rotation_degrees": "pose, °"}  # fmt: skip
"""Metric -> heading."""


def fits(network, *, face="light", count=40, sets=("in-domain", "shifted"), size=SIZE, config=FitConfig(), progress=None):
    """Measure network and fits; -> dict for JSON.

    Args:
        network: images (B, H, W, 3) -> coefficients (B, K), with a `decoder`.
        face: mesh of its face model.
        count: faces of each set.
        sets: which of the benchmark.
        size: width of the pictures in pixels.
        config: how is fitted, apart from what `from_found_landmarks` changes.
        progress: called as progress(set, method, faces done).
    """
    decoder, results = network.decoder.seen_by(PAPER_CAMERA.resized(size, size)), {}
    config = from_found_landmarks(config)
    model = builtin.load_generator(face)
    methods = {ALONE: sees_smaller(network)}
    methods |= {name: fitter(network, decoder, each) for name, each in methods_of(config).items()}
    for name in sets:
        faces = benchmark_faces(name, size, model)
        trial, entry = TestSet(faces, decoder, count, keep=True), {}
        for method, predict in methods.items():
            told = None if progress is None else lambda done, at=(name, method): progress(*at, min(done, count))
            found, nothing = trial.measure(predict, told)
            entry[method] = {"summary": found.summary(), "pictures": found.pictures, "of_faces": found.faces}
        results[name] = {"seed": faces.config.seed, "settings": SETS[name], "faces": count, "methods": entry,
                         "mean_face": nothing.summary()}  # fmt: skip
    return {**about(), "metrics": METRICS, "fit": asdict(config), "size": size, "sets": results}


def methods_of(config):
    """Name -> how the pictures of a person are fitted."""
    return {
        EACH: replace(config, same_person=False),
        PERSON_2D: replace(config, weights=replace(config.weights, multi_view=0.0)),
        PERSON: config,
    }


def sees_smaller(network):
    """The network as a function of pictures of any size: images (B, H, H, 3) -> coefficients (B, K)."""
    width = network.decoder.camera.width

    def predict(images):
        smaller = Similarity(width / images.shape[2] * np.eye(2), np.zeros(2))
        return np.asarray(network(np.stack([warp_image(image, smaller, width, width)[0] for image in images])))

    return predict


def fitter(network, decoder, config):
    """Network and fit as one function: images (B * VIEWS, H, H, 3), person by person -> coefficients (B * VIEWS, K).

    Args:
        decoder: the network's, for a camera that sees these pictures.
    """
    look = sees_smaller(network)

    def predict(images):
        start = look(images)
        landmarks = np.asarray(decoder(start).landmarks)
        rows = []
        for i in range(0, len(images), VIEWS):
            person = slice(i, i + VIEWS)
            photos, points = np.asarray(images[person]), landmarks[person]
            skin = np.stack([skin_weight(photo, landmarks=at) for photo, at in zip(photos, points, strict=True)])
            rows.append(fit(photos, points, decoder, config, skin=skin, start=start[person]).coefficients)
        return np.concatenate(rows)

    return predict


def gain(entry, better, worse, metric):
    """How much less error one method makes than another on the same faces; -> (mean difference, its standard error, p).

    Args:
        entry: one of the "sets".
        better, worse: names of methods.
        metric: one of METRICS. Pictures of a face are averaged first: they are not independent.
    """
    from scipy import stats

    a, b = (_by_face(entry, method, metric) for method in (better, worse))
    difference = b - a
    error = difference.std(ddof=1) / np.sqrt(len(difference))
    return float(difference.mean()), float(error), float(stats.ttest_rel(b, a).pvalue)


def _by_face(entry, method, metric):
    """One number for each face, (faces,)."""
    found = entry["methods"][method]
    if metric in found["of_faces"]:
        return np.array(found["of_faces"][metric], float)
    return np.nanmean(np.array(found["pictures"][metric], float).reshape(-1, VIEWS), axis=1)


def fits_table(content):
    """The methods as Markdown, and how much less than that of the mean face the error of the shape is."""
    lines = ["| set | method | " + " | ".join(COLUMNS.values()) + " |", "|" + "---|" * (len(COLUMNS) + 2)]
    for name, entry in content["sets"].items():
        for method, found in entry["methods"].items():
            cells = [against(found["summary"][metric], entry["mean_face"][metric]) for metric in COLUMNS]
            lines.append(f"| {name}, {entry['faces']} faces | {method} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def fits_sentences(content):
    """What sharing one face and comparing the pictures change, a sentence for each; difference ± standard error over faces."""
    said = []
    for name, entry in content["sets"].items():
        for better, worse in ((PERSON_2D, EACH), (PERSON, PERSON_2D)):
            parts = []
            for metric, label in (("vertex_scaled_mm", "shape"), ("depth_mm", "depth")):
                difference, error, p = gain(entry, better, worse, metric)
                parts.append(f"{label} {-difference:+.3f} ± {error:.3f} mm (p {p:.2g})")
            said.append(f"{name}, {better!r} less {worse!r}: {', '.join(parts)}")
    return said


def run_fits(options):
    """Measure, print the tables, write the numbers."""
    from tqdm.auto import tqdm

    network = open_trained(options.weights)
    with tqdm(unit="face", disable=None) as bar:

        def progress(name, method, done):
            bar.set_postfix_str(f"{name}: {method}, {done} of {options.count}")
            bar.update()

        result = fits(network, face=network.config.face, count=options.count, progress=progress)
    result["weights"] = {**weights_file(options.weights), "step": network.step}
    write_json(options.out, result)
    for name, entry in result["sets"].items():
        for method, found in entry["methods"].items():
            print(f"{name}, {entry['faces']} faces: {method}\n{table({**found, 'mean_face': entry['mean_face']})}\n")
    print(f"every number: {options.out}")
