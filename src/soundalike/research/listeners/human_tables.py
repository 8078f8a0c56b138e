"""What listeners' own answers weigh, as tables in Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple

from soundalike.research.evaluation.report import table
from soundalike.research.listeners.factor_votes import FACTORS
from soundalike.research.listeners.human_weights import PARTS

EACH = " / ".join(FACTORS)


def human_tables(humans: Mapping[str, Sequence[Mapping[str, Any]]]) -> dict[str, list[str]]:
    """Lines of Markdown by title.

    Parameters
    ----------
    humans : dict
        From `soundalike.research.listeners.human_weights.human_part`, or some parts of it.
    """
    return {
        TABLES[name].title: table(TABLES[name].header, map(TABLES[name].row, cells)) for name, cells in humans.items()
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


class _Table(NamedTuple):
    title: str
    header: tuple[str, ...]
    row: Callable[[Mapping[str, Any]], list[str]]


TABLES: Final = MappingProxyType(
    {
        "within_person": _Table(
            "Within a person: log odds (standard error), and what the overall choice goes with, in per cent",
            ("config", "part", "votes", f"weights {EACH}", "R2 share", "single", "joint", "conflicts", "followed"),
            _within,
        ),
        "between_persons": _Table(
            "Between persons: weights with 95 % intervals, and how often one half predicts the other, in per cent",
            ("config", "part", f"weights {EACH}", "of their sum", "joint", "single", "by overall"),
            _between,
        ),
        "parts": _Table(
            "Weights of answers on each part, with 95 % intervals, in answers on the mix of the same tracks",
            ("config", *PARTS, "correlation", "triples"),
            _parts,
        ),
    }
)
