"""Are these gradients right? Two independent judges: HIPS autograd, and central differences.

A wrong gradient usually passes a careless check. So: float64, relative errors, a random direction that mixes all entries
*and* single entries, at the caller's (random, non-symmetric) point, with two step sizes that must agree; where they do not,
the point is a kink and no derivative exists to compare with.
"""

import numpy as np

from .engine import value_and_grad


def check_gradients(f, params, rng, *, hips=1e-10, differences=1e-6, entries=5, step=1e-5):
    """Compare the tape's gradient of scalar f(params) with HIPS autograd and with central differences.

    Args:
        f: a scalar function of one dict of arrays (or one array), written with `import numpy as np`.
        params: float64 arrays, at a point without symmetry.
        rng: numpy.random.Generator that draws directions and entries.
        hips: largest relative error allowed against HIPS autograd; None leaves that judge out.
        differences: largest relative error allowed against central differences; None leaves that judge out.
        entries: how many single entries per array to probe beside the random direction.
        step: length of the central difference, relative to the size of the array's entries.
    Returns:
        A list of (name, judge, relative error), for printing.
    Raises:
        AssertionError: with the name, both numbers and the relative error of the first disagreement; or at a kink.
        TypeError: for arrays that are not float64.
    """
    single = not isinstance(params, dict)
    params = {"params": params} if single else params
    for name, array in params.items():
        if array.dtype != np.float64:
            raise TypeError(f"{name}: gradients are checked in float64, got {array.dtype}")
    loss = (lambda p: f(p["params"])) if single else f
    _, ours = value_and_grad(loss)(params)
    report = _compare_with_hips(loss, params, ours, hips) if hips is not None else []
    if differences is not None:
        report += _compare_with_differences(loss, params, ours, rng, differences, entries, step)
    return report


def _compare_with_hips(loss, params, ours, tolerance):
    import autograd

    from . import oracle  # noqa: F401  (lets boxes flow through np.)

    _, theirs = autograd.value_and_grad(loss)(params)
    report = []
    for name in params:
        error = np.abs(ours[name] - theirs[name]).max() / max(np.abs(theirs[name]).max(), 1e-30) if params[name].size else 0.0
        assert error <= tolerance, f"{name}: the tape and HIPS autograd differ by {error:.1e} relative (allowed {tolerance:.0e})"
        report.append((name, "HIPS", error))
    return report


def _compare_with_differences(loss, params, ours, rng, tolerance, entries, step):
    report = []
    for name, array in params.items():
        for direction in _directions(array, rng, entries):
            size = step * max(1.0, np.abs(array).max())
            slope = _central(loss, params, name, direction, size)
            finer = _central(loss, params, name, direction, size / 2)
            scale = max(np.abs(ours[name]).max() * np.abs(direction).max(), abs(slope), 1e-12)
            kink = abs(slope - finer) / scale
            assert kink <= tolerance, f"{name}: two step sizes give {slope:.10g} and {finer:.10g}: this point is a kink"
            expected = np.sum(ours[name] * direction)
            error = abs(finer - expected) / scale
            assert error <= tolerance, f"{name}: the tape says {expected:.10g}, central differences {finer:.10g} ({error:.1e})"
            report.append((name, "differences", error))
    return report


def _directions(array, rng, entries):
    """One random direction that mixes every entry, then single entries."""
    yield rng.normal(size=array.shape)
    for place in rng.choice(array.size, size=min(entries, array.size), replace=False):
        direction = np.zeros(array.shape)
        direction.flat[place] = 1.0
        yield direction


def _central(loss, params, name, direction, size):
    at = lambda h: float(loss({**params, name: params[name] + h * direction}))
    return (at(size) - at(-size)) / (2 * size)
