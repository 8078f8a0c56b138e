"""What listeners' own answers weigh, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from soundalike.research.evaluation.report import table
from soundalike.research.listeners.factor_votes import FACTORS
from soundalike.research.listeners.human_weights import PARTS

EACH = " / ".join(FACTORS)


def human_tables(humans: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Lines of Markdown by title.

    Parameters
    ----------
    humans : dict
        From `soundalike.research.listeners.human_weights.human_part`.
    """
    return {
        "Factors, within a person: log odds, and what the overall choice goes with": table(
            ["config", "part", "votes", f"weights {EACH}", "R2 share", "single", "joint", "conflicts", "followed"],
            [_within(cell) for cell in humans["within_person"]],
        ),
        "Factors, between persons: one half of the listeners predicts the other": table(
            ["config", "part", f"weights {EACH}", "of their sum", "joint", "single", "by overall"],
            [_between(cell) for cell in humans["between_persons"]],
        ),
        "Parts: votes on each part predict votes on the mix of the same tracks": table(
            ["config", *PARTS, "correlation", "triples"], [_parts(cell) for cell in humans["parts"]]
        ),
    }


def with_interval(estimate: Mapping[str, float | None], scale: float = 1.0, digits: int = 2) -> str:
    """A number with its interval, as in ``0.33 [0.28, 0.38]``; a dash where there is none."""
    if estimate["value"] is None:
        return "-"
    value, low, high = (scale * (estimate[name] or 0.0) for name in ("value", "low", "high"))
    return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def _within(cell: Mapping[str, Any]) -> list[str]:
    factors = [cell["factors"][factor] for factor in FACTORS]
    return [
        *(cell["config"], cell["part"], str(cell["votes"])),
        " / ".join(f"{each['weight']['value']:.2f} ({each['error']:.2f})" for each in factors),
        _shares((each["share"] for each in factors), 0),
        _shares(each["single"] for each in factors),
        _shares([cell["joint"]]),
        str(cell["conflicts"]),
        _shares(each["followed"]["value"] for each in factors),
    ]


def _between(cell: Mapping[str, Any]) -> list[str]:
    factors = [cell["factors"][factor] for factor in FACTORS]
    return [
        *(cell["config"], cell["part"]),
        " / ".join(with_interval(each["weight"]) for each in factors),
        _shares((each["of_sum"] for each in factors), 0),
        _shares([cell["joint"]]),
        _shares(each["single"] for each in factors),
        _shares([cell["overall"]]),
    ]


def _parts(cell: Mapping[str, Any]) -> list[str]:
    weights = [with_interval(cell["weights"][part]["weight"]) for part in PARTS]
    return [cell["config"], *weights, f"{cell['correlation'] or 0.0:.2f}", str(cell["triples"])]


def _shares(values: Iterable[float | None], digits: int = 1) -> str:
    """Shares in per cent, a dash where there is none."""
    return " / ".join("-" if value is None else f"{100 * value:.{digits}f}" for value in values)
