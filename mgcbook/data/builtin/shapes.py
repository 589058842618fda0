"""The sculptor's tools: splines through a table, soft steps, hills, domes, and a thin plate through scattered points."""

import numpy as np


def monotone_curve(knots, values, at):
    """Cubic through the knots that never overshoots (Fritsch and Butland 1984); (K,), (K, ...), any -> at.shape + (...)."""
    at = np.asarray(at, float)
    knots, values = np.asarray(knots, float), np.asarray(values, float)
    tail = (1,) * (values.ndim - 1)
    width = np.diff(knots).reshape(-1, *tail)
    slope = np.diff(values, axis=0) / width
    before, after = 2 * width[1:] + width[:-1], width[1:] + 2 * width[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        harmonic = (before + after) / (before / slope[:-1] + after / slope[1:])
    tangent = np.concatenate([slope[:1], np.where(slope[:-1] * slope[1:] > 0, harmonic, 0.0), slope[-1:]])
    flat = at.ravel()
    left = np.clip(np.searchsorted(knots, flat, "right") - 1, 0, len(knots) - 2)
    step = width[left]
    t = (flat - knots[left]).reshape(-1, *tail) / step
    value = (1 + 2 * t) * (1 - t) ** 2 * values[left] + t * (1 - t) ** 2 * step * tangent[left]
    value = value + t * t * (3 - 2 * t) * values[left + 1] + t * t * (t - 1) * step * tangent[left + 1]
    return value.reshape(at.shape + values.shape[1:])


def natural_spline(knots, values, at):
    """Natural cubic spline through the knots, constant outside; (K,), (K,), any -> same shape as `at`."""
    knots, values = np.asarray(knots, float), np.asarray(values, float)
    count, width = len(knots), np.diff(knots)
    system, right = np.eye(count), np.zeros(count)
    for i in range(1, count - 1):
        system[i, i - 1 : i + 2] = width[i - 1], 2 * (width[i - 1] + width[i]), width[i]
        right[i] = 6 * ((values[i + 1] - values[i]) / width[i] - (values[i] - values[i - 1]) / width[i - 1])
    bend = np.linalg.solve(system, right)
    at = np.clip(at, knots[0], knots[-1])
    i = np.clip(np.searchsorted(knots, at, "right") - 1, 0, count - 2)
    before, after, step = knots[i + 1] - at, at - knots[i], width[i]
    cubic = (bend[i] * before**3 + bend[i + 1] * after**3) / (6 * step)
    return cubic + (values[i] / step - bend[i] * step / 6) * before + (values[i + 1] / step - bend[i + 1] * step / 6) * after


def step(start, stop, at):
    """0 before `start`, 1 after `stop`, smooth between; `start` may be the larger one."""
    t = np.clip((at - start) / (stop - start), 0, 1)
    return t * t * (3 - 2 * t)


def bell(at, center, width):
    """Gaussian of height 1."""
    return np.exp(-0.5 * ((at - center) / width) ** 2)


def smooth_max(a, b, blend):
    """The larger of two surfaces, the edge between them rounded over `blend` mm."""
    h = np.clip(0.5 + 0.5 * (a - b) / blend, 0, 1)
    return b + (a - b) * h + blend * h * (1 - h)


def hill(x, y, center_x, center_y, width_x, width_y, turn=0.0):
    """Gaussian hill of height 1 over the frontal plane, axes turned by `turn` radians; mm."""
    u = (x - center_x) * np.cos(turn) + (y - center_y) * np.sin(turn)
    v = -(x - center_x) * np.sin(turn) + (y - center_y) * np.cos(turn)
    return np.exp(-0.5 * ((u / width_x) ** 2 + (v / width_y) ** 2))


def dome(x, y, center, radii, turn=0.0, rim=0.62):
    """Front of an ellipsoid as a height over the frontal plane; past the fraction `rim` it drops so that a maximum ignores it."""
    u = ((x - center[0]) * np.cos(turn) + (y - center[1]) * np.sin(turn)) / radii[0]
    v = (-(x - center[0]) * np.sin(turn) + (y - center[1]) * np.cos(turn)) / radii[1]
    squared = u * u + v * v
    radius, edge, height = np.sqrt(squared), np.sqrt(rim), np.sqrt(1 - rim)
    outside = height - (radius - edge) * edge / height - 4 * (radius - edge) ** 2
    return center[2] + radii[2] * np.where(squared < rim, np.sqrt(np.maximum(1 - squared, 0.0)), outside)


def thin_plate(points, values, stiffness):
    """Smoothest plate near scattered points (thin-plate spline); (K, 2), (K,) -> function (M, 2) -> (M,)."""
    count = len(points)
    squared = ((points[:, None] - points[None]) ** 2).sum(-1)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = 0.5 * squared * np.log(squared + 1e-12) + stiffness * np.eye(count)
    system[:count, count] = system[count, :count] = 1
    system[:count, count + 1 :], system[count + 1 :, :count] = points, points.T
    weights = np.linalg.solve(system, np.concatenate([values, np.zeros(3)]))

    def plate(at):
        squared = ((at**2).sum(1)[:, None] + (points**2).sum(1)[None] - 2 * at @ points.T).clip(1e-12)
        return 0.5 * (squared * np.log(squared)) @ weights[:-3] + weights[-3] + at @ weights[-2:]

    return plate


def relax(grid, weight, steps):
    """Move the inner points of a grid toward the mean of their four neighbours where weight > 0; (R, C) x 2 -> (R, C)."""
    for _ in range(steps):
        mean = grid.copy()
        mean[1:-1, 1:-1] = 0.25 * (grid[:-2, 1:-1] + grid[2:, 1:-1] + grid[1:-1, :-2] + grid[1:-1, 2:])
        grid = grid + weight * (mean - grid)
    return grid
