"""What a calibration found, how sure it is, and what it rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from soundalike.calibration.intervals import Gain, Interval
from soundalike.calibration.linear import Form
from soundalike.facets import Facet, Weights

FORMAT: Final = 1

_TIMES: Final = ((4.0, "four times"), (3.0, "three times"), (2.0, "twice"))
_PARTS: Final = ((0.5, "half"), (1 / 3, "a third of"), (0.25, "a quarter of"))
_NEAR: Final = 0.13


@dataclass(frozen=True, slots=True)
class FacetWeight:
    """One facet's weight, scaled so that the mean absolute weight of all calibrated facets is 1.

    Attributes
    ----------
    weight : Interval
    before : float
        The weight that it replaces, scaled in the same way.
    stability : float
        Share of the resampled answers that give the weight the same sign, 0 to 1; 0 for a weight of 0.
    heard : int
        Triplets in all three clips of which the facet is present.
    """

    weight: Interval
    before: float
    stability: float
    heard: int


@dataclass(frozen=True, slots=True)
class Entangled:
    """Two facets that nearly always take the same side (or opposite ones): answers hardly tell their weights apart."""

    first: Facet
    second: Facet
    correlation: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Weights from listeners' answers.

    Attributes
    ----------
    facets : mapping of Facet to FacetWeight
    triplets, votes, listeners, references : int
        What was answered, how many answers, by how many, on how many references.
    agreement_before, agreement_after : Interval
        Share of triplets on which the weights one had, and the new ones, pick what most chose. The new ones are
        fitted anew without the references that they are scored on.
    gain : Gain
        The paired difference of the two.
    form : Form
    alpha : float
        Strength of the ridge.
    seed : int
    over : str
        What the intervals of the weights were drawn over.
    space : str
        Name of the space that the vectors are of.
    raw : bool
        Whether the weights are for raw cosines, and not for standardised ones.
    entangled : tuple of Entangled
    provenance : mapping of str to str
        Where the answers come from, and whatever else is to be kept.
    """

    facets: Mapping[Facet, FacetWeight]
    triplets: int
    votes: int
    listeners: int
    references: int
    agreement_before: Interval
    agreement_after: Interval
    gain: Gain
    form: Form
    alpha: float
    seed: int
    over: str = "triplets"
    space: str = ""
    raw: bool = False
    entangled: tuple[Entangled, ...] = ()
    provenance: Mapping[str, str] = field(default_factory=dict)

    @property
    def weights(self) -> Weights:
        """The weights to search with."""
        return Weights({facet: found.weight.value for facet, found in self.facets.items()})

    @property
    def intervals(self) -> dict[Facet, Interval]:
        """Weight and interval of each facet."""
        return {facet: found.weight for facet, found in self.facets.items()}

    @property
    def sentence(self) -> str:
        """What changed, as far as answers show it: no weight is called changed whose interval holds what it was."""
        changes = [
            (abs(found.weight.value - found.before), _change(facet.short, found))
            for facet, found in self.facets.items()
            if not found.weight.low <= found.before <= found.weight.high
        ]
        if not changes:
            return "These answers do not show that any weight should differ from what you had."
        told = "; ".join(text for _, text in sorted(changes, key=lambda change: -change[0]))
        rest = "" if len(changes) == len(self.facets) else "; of the rest no change is shown"
        return f"{told[0].upper()}{told[1:]}{rest}."

    def to_json(self) -> dict[str, Any]:
        """Plain dictionaries, lists and numbers, the inverse of `from_json`."""
        return {
            "format": FORMAT,
            "weights": {
                facet: {**f.weight.to_json(), "before": f.before, "stability": f.stability, "heard": f.heard}
                for facet, f in self.facets.items()
            },
            "agreement": {"before": self.agreement_before.to_json(), "after": self.agreement_after.to_json()},
            "gain": {**self.gain.interval.to_json(), "changed": self.gain.changed, "shown": self.gain.is_shown},
            "entangled": [[e.first, e.second, e.correlation] for e in self.entangled],
            **{name: getattr(self, name) for name in _PLAIN},
            "provenance": dict(self.provenance),
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Calibration:
        """Read what `to_json` wrote."""
        facets = {
            Facet(name): FacetWeight(_interval(f), f["before"], f["stability"], f["heard"])
            for name, f in document["weights"].items()
        }
        agreement, gain = document["agreement"], document["gain"]
        return cls(
            facets=facets,
            agreement_before=_interval(agreement["before"]),
            agreement_after=_interval(agreement["after"]),
            gain=Gain(_interval(gain), gain["changed"]),
            entangled=tuple(Entangled(Facet(a), Facet(b), c) for a, b, c in document["entangled"]),
            provenance=dict(document["provenance"]),
            **{name: document[name] for name in _PLAIN},
        )


_PLAIN: Final = (
    "triplets",
    "votes",
    "listeners",
    "references",
    "form",
    "alpha",
    "seed",
    "over",
    "space",
    "raw",
)


def _interval(document: Mapping[str, Any]) -> Interval:
    return Interval(document["value"], document["low"], document["high"])


def _change(name: str, found: FacetWeight) -> str:
    """Say in words how a weight differs from the one before."""
    now, before = found.weight.value, found.before
    numbers = f"({now:.2f}, 95 % {found.weight.low:.2f} to {found.weight.high:.2f}; before {before:.2f})"
    if before == 0.0:
        return f"{name}: now counts {'for' if now > 0 else 'against'} a match, which it did not {numbers}"
    if found.weight.low <= 0.0 <= found.weight.high:
        return f"{name}: no longer shown to count {numbers}"
    if now * before < 0:
        return f"{name}: counts the other way round {numbers}"
    return f"{name}: {_ratio(now / before)} what you had {numbers}"


def _ratio(ratio: float) -> str:
    for known, words in (*_TIMES, *_PARTS):
        if abs(ratio / known - 1) <= _NEAR:
            return f"about {words}"
    return f"{ratio:.1f} times" if ratio > 1 else f"{100 * ratio:.0f} % of"
