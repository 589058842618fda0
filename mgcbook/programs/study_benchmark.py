"""`mgcbook study benchmark`: one network on the three test sets, beside the mean face."""

from pathlib import Path

from mgcbook.data import builtin
from mgcbook.data.benchmark import COUNT, SETS, benchmark_faces
from mgcbook.programs import checkpoint
from mgcbook.programs.study_files import about, fingerprint, write_json
from mgcbook.programs.study_measure import METRICS, TestSet
from mgcbook.programs.study_skin import skin_tones
from mgcbook.programs.train import CHECKPOINTS
from mgcbook.programs.trained import open_trained, shipped_weights


def benchmark(network, *, face="light", count=COUNT, sets=tuple(SETS), progress=None):
    """Measure a network on the sets; -> dict for JSON.

    Args:
        network: images (B, H, W, 3) -> coefficients (B, K), with a `decoder` (`mgcbook.programs.trained.Trained`).
        face: mesh of its face model, "light" or "full".
        count: faces of each set.
        sets: which.
        progress: called as progress(name of the set, faces done).
    """
    decoder, results = network.decoder, {}
    model = builtin.load_generator(face)
    for name in sets:
        faces = benchmark_faces(name, decoder.camera.width, model)
        told = None if progress is None else lambda done, name=name: progress(name, min(done, count))
        found, nothing = TestSet(faces, decoder, count).measure(network, told)
        results[name] = {
            "seed": faces.config.seed, "settings": SETS[name], "faces": count,
            "summary": found.summary(), "mean_face": nothing.summary(),
            "pictures": found.pictures, "of_faces": found.faces, "pictures_of_mean_face": nothing.pictures,
        }  # fmt: skip
    return {**about(), "metrics": METRICS, "sets": results, "skin": skin_tones()}


def run_benchmark(options):
    """Measure, print the tables, write the numbers."""
    from tqdm.auto import tqdm

    network = open_trained(options.weights, options.device)
    bars = {}
    with tqdm(unit="face", disable=None) as bar:

        def progress(name, done):
            bar.set_postfix_str(name, refresh=False)
            bar.update(done - bars.get(name, 0))
            bars[name] = done

        result = benchmark(network, face=network.config.face, count=options.count, progress=progress)
    result["weights"] = {**weights_file(options.weights), "step": network.step}
    write_json(options.out, result)
    for name, entry in result["sets"].items():
        print(f"{name}: {entry['faces']} faces\n{table(entry)}\n")
    print(f"every number: {options.out}")


def weights_file(path):
    """Name and fingerprint of the weights that `open_trained` takes; -> dict for JSON."""
    path = Path(path) if path is not None else shipped_weights()
    if path.is_dir():
        path = checkpoint.checkpoints(path / CHECKPOINTS)[-1]
    return {"file": path.name, "sha256": fingerprint(path)}


def table(entry):
    """The summary of one set as lines of text."""
    lines = [f"{'':<26}{'found':>9}{'mean face':>12}{'better by':>12}"]
    for name, value in entry["summary"].items():
        nothing = entry["mean_face"].get(name)
        better = f"{100 * (1 - value / nothing):.0f} %" if value is not None and nothing else ""
        lines.append(f"{name:<26}{_short(value):>9}{_short(nothing):>12}{better:>12}   {METRICS.get(name, '')}".rstrip())
    return "\n".join(lines)


def _short(value):
    return "-" if value is None else f"{value:.2f}"
