"""What chapters 12 and 14 show of `mgcbook study`: tables, sentences and figures from its numbers, or that there are none yet."""

import numpy as np

from mgcbook.book.figures import BLUE, ORANGE, image_row
from mgcbook.programs.study_figures import CAPTIONS, Examples, comparison, plot_by_yaw


def shown(results, part, draw):
    """A part of the study, for the end of a cell: text as Markdown, a list of text as bullets, anything else as it is.

    Args:
        results: as `mgcbook.programs.study_report.load_results` gives.
        part: "benchmark", "ablation", "photographs" or "fits".
        draw: numbers of that part -> text, list of text, or Picture; not called if there are none.
    """
    from IPython.display import Markdown

    if part not in results:
        return Markdown(f"*Not measured yet; `mgcbook study {part}` does it.*")
    made = draw(results[part])
    if isinstance(made, list):
        made = "\n".join(f"- {line}" for line in made) or "*Nothing to say yet.*"
    return Markdown(made) if isinstance(made, str) else made


def by_yaw(content):
    """Fig. 7b from the numbers of an ablation; -> Picture."""
    from mgcbook.book.picture import LINE, Picture

    figure = Picture(4.6, 2.4, alt=CAPTIONS["figure-7b"])
    axes = figure.add_axes((0.12, 0.19, 0.85, 0.77))
    plot_by_yaw(axes, content, (ORANGE, BLUE, "#8a8780"))
    axes.grid(color=LINE, linewidth=0.6)
    axes.legend(fontsize=8.5, frameon=False)
    return figure


def looks(content):
    """Fig. 6 from the numbers of an ablation, every other face; -> Picture."""
    examples = Examples(content)
    if not examples.faces:
        return "*No examples were kept.*"
    examples.faces = examples.faces[::2]
    return image_row([comparison(examples) / 255.0], width=5.0, alt=CAPTIONS["figure-6"])


def by_person(entry, metric):
    """A metric of each face of a test set, a mean over its views, found and of the mean face; -> two (faces,)."""
    kinds = entry["pictures"], entry["pictures_of_mean_face"]
    return [np.nanmean(np.reshape(np.array(kind[metric], float), (entry["faces"], -1)), axis=1) for kind in kinds]
