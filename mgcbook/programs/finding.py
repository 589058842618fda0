"""Landmarks for the programs: files, detectors, and the package's own network under the name "network"."""

from mgcbook.data import finders
from mgcbook.data.boxes import CASCADE


def open_finder(what, *, weights=None, network=None, device="cpu", box=CASCADE):
    """A function, a file or a name as one function of a photograph; -> `mgcbook.data.finders.Finder`.

    Args:
        what: see `mgcbook.data.finders.open_finder`.
        weights: of "network": a training run or a checkpoint; None: those that come with the package.
        network: of "network", where it is open already.
        device: where it computes.
        box: where "network" looks first, see `mgcbook.data.boxes.open_box`.
    Raises:
        UsageError: for an unknown name, a detector that is not installed, or "network" without weights.
        DataError: if the weights cannot be read.
    """

    def own():
        from mgcbook.programs.reconstruct import find_landmarks
        from mgcbook.programs.trained import open_trained

        ready = network or open_trained(weights, device)
        return lambda photo, name: find_landmarks(photo, ready, name=name, box=box)

    return finders.open_finder(what, device=device, network=own)
