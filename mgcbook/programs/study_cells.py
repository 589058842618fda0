"""Cells of the study's tables: a number that may be missing, two numbers beside each other, a number with its spread."""

import numpy as np


def number(value):
    """With two digits; "-" for None or what is not finite."""
    return "-" if value is None or not np.isfinite(value) else f"{value:.2f}"


def against(value, nothing):
    """Found / mean face, and the change in percent."""
    better = f" ({100 * (value / nothing - 1):+.0f} %)" if value is not None and nothing else ""
    return f"{number(value)} / {number(nothing)}{better}"


def mean_and_deviation(values):
    """Over the seeds, (S,); one seed has no deviation."""
    if not np.isfinite(values).all():
        return "-"
    return f"{values.mean():.3f}" + (f" ± {values.std(ddof=1):.3f}" if len(values) > 1 else "")
