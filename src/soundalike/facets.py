"""Facets: a stem heard through a factor; their vectors and their weights.

Conventions
-----------
* A facet is written ``stem.factor``. A factor alone means the mix (``melody`` is ``mix.melody``), a
  stem alone means overall (``drums`` is ``drums.overall``).
* Vectors are float32 of unit length. A row of zeros means that the facet is **absent** there:
  nothing was heard, and nothing is made up.
* A weight says how much a facet counts. It may be negative, and weights need not sum to one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UnknownNameError, UsageError

Vector: TypeAlias = NDArray[np.float32]

STEMS = ("mix", "vocals", "drums", "bass", "guitar", "piano", "other")
FACTORS = ("overall", "melody", "rhythm", "groove", "timbre", "harmony")

WORDS = "words"
"""What a query in words is listened for; no vectors of its own are stored (see `soundalike.words`)."""

SECTION_SECONDS = 120.0
"""Longest span that one section vector stands for, in seconds."""


class Facet(str):
    """The name of a facet, always in its full form.

    Parameters
    ----------
    name : str
        Full (``drums.rhythm``) or short (``melody``, ``drums``) name; case and blanks do not matter.

    Raises
    ------
    UnknownNameError
        If the stem or the factor does not exist.

    Examples
    --------
    >>> Facet("melody")
    'mix.melody'
    >>> Facet("drums").factor
    'overall'
    """

    __slots__ = ()

    def __new__(cls, name: str) -> Facet:
        """Bring `name` into its full form."""
        if isinstance(name, Facet):
            return name
        text = name.strip().lower()
        stem, dot, factor = text.partition(".")
        if not dot:
            stem, factor = ("mix", text) if text in (*FACTORS, WORDS) else (text, "overall")
        if stem not in STEMS or factor not in (*FACTORS, WORDS):
            known = [*FACTORS, WORDS, *STEMS]
            close = difflib.get_close_matches(text, known, n=1)
            hint = f"Did you mean '{close[0]}'? " if close else ""
            raise UnknownNameError(
                f"'{name}' is not a facet.",
                f"{hint}A facet is a stem ({', '.join(STEMS)}), a factor ({', '.join(FACTORS)}), or stem.factor.",
            )
        return super().__new__(cls, f"{stem}.{factor}")

    @property
    def stem(self) -> str:
        """The stem that is listened to, one of `STEMS`."""
        return self.partition(".")[0]

    @property
    def factor(self) -> str:
        """What is listened for, one of `FACTORS`, or `WORDS`."""
        return self.partition(".")[2]

    @property
    def short(self) -> str:
        """The shortest name that means this facet."""
        if self.stem == "mix":
            return self.factor
        return self.stem if self.factor == "overall" else str(self)


class Weights(Mapping[Facet, float]):
    """How much each facet counts; immutable.

    Parameters
    ----------
    values : mapping of str to float
        Weight by facet name, full or short. Facets of weight 0 are dropped.

    Raises
    ------
    UsageError
        If a weight is not a finite number, a facet is given twice, or all weights are 0.
    """

    def __init__(self, values: Mapping[str, float] | Mapping[Facet, float]) -> None:
        weights: dict[Facet, float] = {}
        for name, value in values.items():
            facet = Facet(name)
            if facet in weights:
                raise UsageError(f"'{facet}' is given two weights.", "Name each facet once.")
            if not math.isfinite(value):
                raise UsageError(f"The weight of '{facet}' is {value}.", "Give a finite number.")
            weights[facet] = float(value)
        self._weights = {facet: value for facet, value in weights.items() if value != 0.0}
        if not self._weights:
            raise UsageError("All weights are 0.", "Give at least one facet a weight, for example melody=1.")

    @classmethod
    def parse(cls, settings: Iterable[str], *, preset: str | None = None) -> Weights:
        """Read weights as they are typed: ``melody=1``, ``timbre=-0.5``, ``drums``.

        Parameters
        ----------
        settings : iterable of str
            ``FACET=WEIGHT``, or ``FACET`` alone for a weight of 1. A later setting replaces an earlier one.
        preset : str, optional
            One of `PRESETS` to start from. Without a preset and without settings it is "everything".

        Returns
        -------
        Weights
        """
        values: dict[Facet, float] = {}
        settings = list(settings)
        if preset is not None or not settings:
            values.update(load_preset(preset or "everything"))
        for setting in settings:
            name, equals, number = setting.partition("=")
            try:
                values[Facet(name)] = float(number) if equals else 1.0
            except ValueError as error:
                if isinstance(error, UnknownNameError):
                    raise
                raise UsageError(
                    f"'{setting}' is not a weight.", "Write FACET=NUMBER, for example melody=1 or timbre=-0.5."
                ) from None
        return cls(values)

    def __getitem__(self, facet: str) -> float:
        return self._weights[Facet(facet)]

    def __iter__(self) -> Iterator[Facet]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)

    def __repr__(self) -> str:
        return "Weights(" + " ".join(f"{facet.short}={value:g}" for facet, value in self.items()) + ")"


PRESETS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "everything": {"melody": 1, "rhythm": 1, "timbre": 1, "harmony": 1},
        "groove": {"groove": 1},
        "tune": {"melody": 1},
        "sound": {"timbre": 1},
        "harmony": {"harmony": 1},
    }
)
"""Weights with plain names."""


def load_preset(name: str) -> Weights:
    """Weights of a preset by its name (see `PRESETS`)."""
    if name not in PRESETS:
        raise UnknownNameError(f"'{name}' is not a preset.", f"Known presets: {', '.join(PRESETS)}.")
    return Weights(PRESETS[name])


@dataclass(frozen=True, slots=True)
class Space:
    """The recipe that makes vectors comparable.

    Attributes
    ----------
    name : str
        Names separator, encoder, checkpoint and heads; two vectors may be compared only if their
        spaces have the same name.
    facets : tuple of Facet
        The facets that the recipe can give, in storage order.
    dim : int
        Length of every facet vector.
    """

    name: str
    facets: tuple[Facet, ...]
    dim: int


@dataclass(frozen=True, slots=True)
class FacetVectors:
    """Facet vectors of n excerpts of one track.

    Attributes
    ----------
    start, end : float64, shape (n,)
        The excerpts' times in the track, in seconds, ascending.
    vectors : dict of Facet to float32, shape (n, dim)
        Unit rows, or zero rows where the facet is absent.

    Raises
    ------
    ShapeError
        If the arrays do not have one row per excerpt.
    """

    start: NDArray[np.float64]
    end: NDArray[np.float64]
    vectors: dict[Facet, Vector]

    def __post_init__(self) -> None:
        for facet, rows in self.vectors.items():
            if rows.ndim != 2 or len(rows) != len(self.start) or len(self.start) != len(self.end):
                raise ShapeError(
                    f"'{facet}' has shape {rows.shape} for {len(self.start)} excerpts.", "Give one row per excerpt."
                )

    def __len__(self) -> int:
        return len(self.start)

    def present(self, facet: Facet) -> NDArray[np.bool_]:
        """Tell in which excerpts `facet` is present: bool, shape (n,)."""
        rows = self.vectors.get(facet)
        return np.zeros(len(self), np.bool_) if rows is None else np.asarray(rows.any(axis=1), np.bool_)

    def select(self, rows: NDArray[np.intp] | NDArray[np.bool_]) -> FacetVectors:
        """Only the excerpts at `rows` (indices or mask)."""
        return FacetVectors(
            self.start[rows], self.end[rows], {facet: array[rows] for facet, array in self.vectors.items()}
        )


def unit(rows: NDArray[np.floating]) -> Vector:
    """Scale rows to unit length in float32; rows without a direction become zero rows."""
    rows = np.asarray(rows, np.float32)
    length = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))[:, None]
    safe = np.where((length > 1e-12) & np.isfinite(length), length, np.inf)
    return (rows / safe).astype(np.float32)


def sections(excerpts: FacetVectors, *, seconds: float = SECTION_SECONDS) -> FacetVectors:
    """Mean facet vectors over runs of at most `seconds`, for coarse search.

    Parameters
    ----------
    excerpts : FacetVectors
        n excerpts of one track in order of time.
    seconds : float
        Longest section, in seconds. An excerpt longer than that is its own section.

    Returns
    -------
    FacetVectors
        Unit rows, each the direction of the mean over the excerpts in which the facet is present.
    """
    groups: list[list[int]] = []
    for i in range(len(excerpts)):
        if groups and excerpts.end[i] - excerpts.start[groups[-1][0]] <= seconds + 1e-6:
            groups[-1].append(i)
        else:
            groups.append([i])
    starts = np.array([excerpts.start[group[0]] for group in groups], np.float64)
    ends = np.array([excerpts.end[group[-1]] for group in groups], np.float64)
    vectors = {}
    for facet, rows in excerpts.vectors.items():
        sums = [rows[group].sum(axis=0, dtype=np.float64) for group in groups]
        vectors[facet] = unit(np.array(sums).reshape(len(groups), rows.shape[1]))
    return FacetVectors(starts, ends, vectors)
