"""From the numbers of the ablation to sentences: means, spread over seeds, paired tests, and whether the paper's claim held.

Two questions are asked of a row against another. Over seeds: would another training give the same answer? (Paired t-test of the
means of the seeds: all rows of a seed begin with the same weights.) Over faces: do these very networks differ? (Wilcoxon's test
of the faces, each the mean over seeds and views.) Only the first says something about the method; the second needs less.
"""

from typing import NamedTuple

import numpy as np

from mgcbook.data.protocols.tables import published
from mgcbook.programs.study_measure import METRICS, OF_FACES
from mgcbook.programs.study_settings import BASELINE, FULL, NO_MAP, REPROJECTED

LEVEL = 0.05
"""Probability below which a difference is called one."""
HEADLINE = "plane_mm"
"""The measure of Table 3."""


class Comparison(NamedTuple):
    """A row less another one; negative: the row is better."""

    difference: float
    """Mean over seeds."""
    deviation: float
    """Of the differences over seeds."""
    p_seeds: float | None
    """Paired t-test over seeds; None for fewer than two."""
    p_faces: float | None
    """Wilcoxon's test over faces."""

    @property
    def is_clear(self):
        """Whether another training would likely say the same."""
        return self.p_seeds is not None and self.p_seeds < LEVEL


class Ablation:
    """The numbers of an ablation, as `mgcbook study ablation` writes them.

    Args:
        content: what its JSON file holds.
    """

    def __init__(self, content):
        self.content = content
        self.first = next(iter(content["faces"]))
        """The test set that counts."""
        self._runs = {(run["row"], run["seed"]): run for run in content["runs"]}

    @property
    def rows(self):
        """Names of the rows that at least one seed has, in order."""
        return [name for name in self.content["rows"] if self.seeds(name)]

    def seeds(self, row):
        """Seeds of which the training of a row is finished."""
        return [seed for seed in self.content["seeds"] if (row, seed) in self._runs]

    def values(self, row, metric=HEADLINE, name=None):
        """The means of a metric, one for each seed; -> (S,)."""
        summaries = [self._runs[row, seed]["sets"][name or self.first]["summary"][metric] for seed in self.seeds(row)]
        return np.array([np.nan if value is None else value for value in summaries])

    def per_face(self, row, seed, metric=HEADLINE):
        """A metric of every face of the first set, a mean over its views; -> (faces,)."""
        run = self._runs[row, seed]["sets"][self.first]
        values = np.array(run["of_faces" if metric in OF_FACES else "pictures"][metric], float)
        return values if metric in OF_FACES else np.nanmean(values.reshape(self.content["faces"][self.first], -1), axis=1)

    def loss(self, row, name):
        """Mean over seeds of a loss at the end of the trainings."""
        return float(np.mean([self._runs[row, seed]["losses"].get(name, np.nan) for seed in self.seeds(row)]))

    def compare(self, row, other=BASELINE, metric=HEADLINE):
        """A row less another, over the seeds that both have; -> Comparison."""
        from scipy import stats

        both = [seed for seed in self.seeds(row) if seed in self.seeds(other)]
        faces = [self.per_face(row, seed, metric) - self.per_face(other, seed, metric) for seed in both]
        apart = np.array([np.nanmean(face) for face in faces])
        mean_face = np.mean(faces, axis=0)
        known = mean_face[np.isfinite(mean_face)]
        p_faces = float(stats.wilcoxon(known).pvalue) if len(known) > 5 and known.any() else None
        if len(both) < 2:
            return Comparison(float(apart.mean()), 0.0, None, p_faces)
        deviation = float(apart.std(ddof=1))
        p_seeds = float(stats.ttest_1samp(apart, 0).pvalue) if deviation > 0 else float(not apart.any())
        return Comparison(float(apart.mean()), deviation, p_seeds, p_faces)

    def sentences(self):
        """What the paper claims of each row of Table 3, and what happened here; -> list of text."""
        if BASELINE not in self.rows:
            return []
        said = [self._sentence(row, BASELINE, self._printed(row), "2D only") for row in self.rows
                if row != BASELINE and self.content["rows"][row]["paper"]]  # fmt: skip
        if FULL in self.rows and NO_MAP in self.rows:
            said.append(self._sentence(FULL, NO_MAP, self._printed(FULL, NO_MAP), "no covisible map"))
        said += [self._sentence(row, BASELINE, None, "2D only") for row in self.rows if not self.content["rows"][row]["paper"]]
        return said

    def _printed(self, row, other=BASELINE):
        """Difference of two rows of the paper's table, mean over its three settings."""
        rows = published()["ablation"]["rows"]
        return float(np.mean(np.subtract(rows[self.content["rows"][row]["paper"]], rows[self.content["rows"][other]["paper"]])))

    def _sentence(self, row, other, printed, against):
        found = self.compare(row, other)
        seeds = len([seed for seed in self.seeds(row) if seed in self.seeds(other)])
        numbers = f"{found.difference:+.3f} mm against {against} (standard deviation over {seeds} seeds {found.deviation:.3f}; "
        numbers += f"p {_p(found.p_seeds)} over seeds, {_p(found.p_faces)} over faces)"
        if printed is None:
            verdict = "a difference" if found.is_clear else "no difference that another training would have to show"
            return f"**{row}** (not in the paper): {numbers}: {verdict}."
        if not found.is_clear:
            verdict = "cannot be told from chance"
        else:
            verdict = "the claim held" if found.difference < 0 else "the opposite of the claim"
        return f"**{row}**: the paper {printed:+.3f} mm, here {numbers}: {verdict}."

    def geometry(self, metrics=("spread_mm", "depth_mm", "epipolar_px", "rotation_degrees"), rows=(FULL, REPROJECTED)):
        """Whether rows with all losses are more than two standard deviations below the baseline; -> list of text."""
        pairs = [(metric, row) for metric in metrics for row in rows if {BASELINE, row} <= set(self.rows)]
        return [self._geometry(metric, row) for metric, row in pairs]

    def _geometry(self, metric, row):
        ours, base, found = self.values(row, metric), self.values(BASELINE, metric), self.compare(row, BASELINE, metric)
        spread = float(np.std(base, ddof=1)) if len(base) > 1 else np.nan
        verdict = "not lower by two standard deviations"
        if found.difference < -2 * max(spread, found.deviation):
            verdict = "more than two standard deviations lower"
        elif found.p_seeds is not None and found.difference < -2 * found.deviation:
            verdict = "more than two standard deviations of the difference lower, though trainings themselves vary more"
        return (f"{METRICS[metric]}: {np.mean(base):.3f} with 2D losses only, {np.mean(ours):.3f} with {row!r}; {verdict} "
                f"(difference {found.difference:+.3f}, its deviation over seeds {found.deviation:.3f}, that of 2D only "
                f"{spread:.3f}; p {_p(found.p_seeds)}).")  # fmt: skip


def _p(value):
    if value is None:
        return "unknown"
    return "< 0.001" if value < 0.001 else f"= {value:.2g}"
