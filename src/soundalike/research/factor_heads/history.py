"""How losses and accuracies went, epoch by epoch, as a plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from soundalike.research.evaluation.plots import COLOURS, GREY, drawing, to_svg

if TYPE_CHECKING:
    from soundalike.research.factor_heads.epochs import Record


def draw_history(history: Mapping[str, Sequence[Record]], best: Mapping[str, int]) -> bytes:
    """Loss and accuracy in training (dashed) and validation, a colour per factor, the best epochs marked.

    Parameters
    ----------
    history : mapping of str to sequence of Record
        By factor.
    best : mapping of str to int
        Number of the best epoch, by factor.

    Returns
    -------
    bytes
        SVG; the same history gives the same bytes.

    Raises
    ------
    MissingExtraError
        If matplotlib is not installed.
    """
    with drawing() as new:
        figure = new(figsize=(9, 3.2))
        panels = figure.subplots(1, 2)
        for axes, measure, scale, label in zip(
            panels, ("loss", "acc"), (1, 100), ("loss", "triplets right, %"), strict=True
        ):
            for colour, (factor, records) in zip(COLOURS, history.items(), strict=False):
                epochs = [record["epoch"] for record in records]
                for side, line in (("train", "--"), ("val", "-")):
                    values = [scale * record[f"{side}_{measure}"] for record in records]
                    axes.plot(epochs, values, line, color=colour, label=factor if side == "val" else None)
                axes.axvline(best[factor], color=colour, linestyle=":", linewidth=1)
            axes.set_xlabel("epoch")
            axes.set_ylabel(label)
        panels[1].axhline(50, color=GREY, linestyle=":", linewidth=1)
        figure.legend(*panels[0].get_legend_handles_labels(), ncols=len(history), loc="upper center")
        return to_svg(figure)
