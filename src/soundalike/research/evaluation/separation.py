"""How well stems are separated, what is heard in them, and how loud they are where nobody plays.

Conventions
-----------
* Signal-to-distortion ratio (SDR): ``10 log10(sum s^2 / sum (s - e)^2)`` of a stem s and its estimate e over one
  second and all channels, in dB. No gain, shift or filter is forgiven. Seconds in which the stem is more than 40 dB
  below its own mean do not count.
* The figure of a stem is the median over all seconds of all mixes, with a 95 % bootstrap interval over excerpts of
  10 s.
* Facets of a stem are those of 10-second excerpts, by the embedded encoder and its heads. What they must find is the
  mean of the true stem's other excerpts, among all true stems of all songs.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.encoders import load_encoder
from soundalike.facets import Vector, unit
from soundalike.heads import DEFAULT_HEADS, load_heads
from soundalike.research.evaluation.metrics import RESAMPLES, cosines, first_right, share_nearer, with_interval
from soundalike.research.evaluation.separation_mixes import STEMS, Mix, Splitter, Stems, loudness, matched
from soundalike.separators.embedded.model import EmbeddedModel
from soundalike.separators.embedded.picture import RATE, Array

EXCERPT: Final = 10
"""Seconds."""
HEARD_DB: Final = 40.0
"""A stem counts where it is less than this below its mean, or below the mix, in dB."""
GATE_DB: Final = EmbeddedModel.gate
"""Below the mix, in dB: the level that a stem of the embedded separator must reach to count as there."""
FACTORS: Final = ("overall", "rhythm", "groove", "timbre", "melody")
TRUTH: Final = "true stem"
MIXTURE: Final = "mixture"

Report: TypeAlias = Callable[[str], None]
Result: TypeAlias = dict[str, Any]


def distortion(truth: Array, estimate: Array) -> NDArray[np.float64]:
    """Signal-to-distortion ratio of every whole second in dB; NaN where the stem is not heard.

    Parameters
    ----------
    truth, estimate : float32, shape (channels, n)
        At 44100 Hz.
    """
    seconds = truth.shape[1] // RATE
    own, error = (
        np.square(part[:, : seconds * RATE].reshape(len(part), seconds, RATE).astype(np.float64)).sum(axis=(0, 2))
        for part in (truth, truth - estimate)
    )
    ratio: NDArray[np.float64] = 10 * np.log10(np.maximum(own, 1e-20) / np.maximum(error, 1e-20))
    if seconds:
        ratio[own <= 10 ** (-HEARD_DB / 10) * own.mean()] = np.nan
    return ratio


def median(seconds: Sequence[NDArray[np.float64]], *, seed: int = 0) -> Result:
    """Median over groups of numbers, NaN left out, with a 95 % bootstrap interval over groups; at least one number."""
    groups = [found for group in seconds if len(found := group[~np.isnan(group)])]
    rng = np.random.default_rng(seed)
    draws = [
        np.median(np.concatenate([groups[i] for i in rng.integers(len(groups), size=len(groups))]))
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(draws, [0.025, 0.975])
    value = float(np.median(np.concatenate(groups)))
    return {"value": round(value, 2), "low": round(float(low), 2), "high": round(float(high), 2), "groups": len(groups)}


def excerpts(samples: Array) -> Iterator[Array]:
    """Whole excerpts one after the other; the sound itself if it is shorter than one."""
    size = EXCERPT * RATE
    for i in range(max(1, samples.shape[1] // size)):
        yield samples[:, i * size : (i + 1) * size]


class Distortions:
    """Collects how far estimates are from stems."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, dict[str, NDArray[np.float64]]]] = defaultdict(lambda: defaultdict(dict))

    def add(self, who: str, mix: str, truth: Stems, estimates: Stems) -> None:
        """Take note of one splitter's answer to one mix."""
        for stem, samples in truth.items():
            self._found[who][stem][mix] = distortion(samples, estimates[stem])

    def result(self, *, seed: int) -> Result:
        """By splitter and stem: over all mixes, and in each."""
        return {
            who: {
                stem: {
                    "all": median([part for ratios in found.values() for part in _tens(ratios)], seed=seed),
                    "mixes": {mix: round(float(np.nanmedian(ratios)), 2) for mix, ratios in found.items()},
                }
                for stem, found in sorted(stems.items(), key=lambda item: STEMS.index(item[0]))
                if not all(np.isnan(ratios).all() for ratios in found.values())
            }
            for who, stems in self._found.items()
        }


def _tens(ratios: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [ratios[i : i + EXCERPT] for i in range(0, len(ratios), EXCERPT)]


class Listener:
    """The embedded encoder and its heads on sounds at 44100 Hz."""

    def __init__(self) -> None:
        self._encoder = load_encoder("embedded")
        self._heads = [head for head in load_heads(DEFAULT_HEADS["embedded"]) if head.factor in FACTORS]

    def __call__(self, samples: Array) -> dict[str, Vector]:
        """Vectors of the excerpts by factor: float32 (excerpts, dim)."""
        rate = self._encoder.sample_rate
        clips = [Clip(part, RATE).mono().resample(rate).cut(0.0, EXCERPT) for part in excerpts(samples)]
        embeddings = self._encoder.encode(clips)
        return {head.factor: head.project(embeddings) for head in self._heads}


class Retrieval:
    """Asks whose stem an estimate is."""

    def __init__(self, songs: Iterable[Mix], listen: Callable[[Array], Mapping[str, Vector]]) -> None:
        self._listen = listen
        self._known = {(mix.name, stem): listen(samples) for mix in songs for stem, samples in mix.stems.items()}
        self._rows: list[dict[str, Any]] = []

    def add(self, who: str, mix: Mix, stem: str, estimate: Array) -> None:
        """Ask with each excerpt of an estimate in which the true stem is heard."""
        vectors, own = self._listen(estimate), (mix.songs[stem], stem)
        pairs = zip(excerpts(mix.stems[stem]), excerpts(mix.sound()), strict=True)
        for i, (truth, whole) in enumerate(pairs):
            if loudness(truth) > loudness(whole) * 10 ** (-HEARD_DB / 20):
                for factor, rows in vectors.items():
                    self._ask(who, mix, own, factor, i, rows[i])

    def _ask(self, who: str, mix: Mix, own: tuple[str, str], factor: str, i: int, query: Vector) -> None:
        names = list(self._known)
        others = np.stack([_without(self._known[name][factor], i) for name in names])
        scores = cosines(query[None], others)[0]
        right = np.array([name == own for name in names])
        same = np.array([name[1] == own[1] and name != own for name in names])
        outcome = {"first": first_right(scores, right)}
        if same.any():
            outcome["nearer"] = share_nearer(scores, right, same)
        where = {"who": who, "mix": mix.name, "stem": own[1], "factor": factor}
        self._rows += [{**where, "measure": measure, "value": value} for measure, value in outcome.items()]

    def result(self, *, seed: int) -> Result:
        """Chance, and by splitter and measure: shares by factor and by stem, intervals over stems of mixes."""
        found: Result = {"candidates": len(self._known), "splitters": {}}
        for who in dict.fromkeys(row["who"] for row in self._rows):
            for measure in ("first", "nearer"):
                rows = [row for row in self._rows if row["who"] == who and row["measure"] == measure]
                cells = found["splitters"].setdefault(who, {}).setdefault(measure, {})
                for key in ("factor", "stem"):
                    for value in dict.fromkeys(row[key] for row in rows):
                        chosen = [row for row in rows if row[key] == value]
                        sources = [(row["mix"], row["stem"]) for row in chosen]
                        shares = np.array([row["value"] for row in chosen])
                        cells[value] = with_interval(shares, seed=seed, sources=sources).to_json()
        return found


def _without(rows: Vector, i: int) -> Vector:
    """Direction of the mean of all rows but one; zeros if there are no others."""
    kept = np.delete(rows, i, axis=0) if i < len(rows) else rows
    mean: Vector = unit(kept.sum(axis=0, dtype=np.float64)[None])[0]
    return mean


class Levels:
    """Collects how loud estimates are, in dB against the mix, where their stem plays and where it does not."""

    def __init__(self) -> None:
        self._found: dict[str, dict[str, list[float]]] = defaultdict(lambda: {"present": [], "absent": []})

    def add(self, mix: Mix, split: Splitter, estimates: Stems) -> None:
        """Take note of a mix, and of what is left of it without each of its stems."""
        for stem, truth in mix.stems.items():
            if stem not in estimates:
                continue
            for level, own in zip(_levels(estimates[stem], mix.sound()), _levels(truth, mix.sound()), strict=True):
                if own > -HEARD_DB:
                    self._found[stem]["present"].append(level)
            if len(mix.stems) > 1:
                rest = mix.sound(without=stem)
                self._found[stem]["absent"] += _levels(split(rest, {})[stem], rest)

    def result(self) -> Result:
        """By stem: quantiles in dB, the level that tells best whether it plays, and what `GATE_DB` does."""
        found = {}
        for stem, levels in sorted(self._found.items(), key=lambda item: STEMS.index(item[0])):
            if levels["present"] and levels["absent"]:
                present, absent = np.array(levels["present"]), np.array(levels["absent"])
                gate, right = best_gate(present, absent)
                found[stem] = {
                    "present": _quantiles(present),
                    "absent": _quantiles(absent),
                    "gate": round(gate, 1),
                    "right": round(right, 3),
                    "kept": round(float((present >= -GATE_DB).mean()), 3),
                    "dropped": round(float((absent < -GATE_DB).mean()), 3),
                }
        return found


def best_gate(present: NDArray[np.float64], absent: NDArray[np.float64]) -> tuple[float, float]:
    """The level that has most of one side above and most of the other below, and the mean of both shares."""
    steps = np.arange(-60.0, 0.5, 0.5)
    shares = [((present >= step).mean() + (absent < step).mean()) / 2 for step in steps]
    best = np.flatnonzero(np.isclose(shares, max(shares)))
    return float(steps[best].mean()), float(max(shares))


def _levels(samples: Array, mix: Array) -> list[float]:
    """Of each excerpt that is not silent as a whole, dB against the mix, -100 at least."""
    pairs = [(loudness(part), loudness(whole)) for part, whole in zip(excerpts(samples), excerpts(mix), strict=True)]
    return [max(20 * float(np.log10(part / whole)), -100.0) for part, whole in pairs if whole > 1e-5]


def _quantiles(levels: NDArray[np.float64]) -> Result:
    names = {"5": 0.05, "25": 0.25, "50": 0.5, "75": 0.75, "95": 0.95}
    return {"excerpts": len(levels)} | {key: round(float(np.quantile(levels, q)), 1) for key, q in names.items()}


def measure_mixes(
    mixes: Iterable[Mix],
    splitters: Mapping[str, Splitter],
    *,
    seed: int,
    gated: Sequence[str] = (),
    retrieval: Retrieval | None = None,
    report: Report = lambda line: None,
) -> Result:
    """Split all mixes by all splitters and measure.

    Parameters
    ----------
    mixes : iterable of Mix
    splitters : mapping of str to Splitter
    seed : int
        Of the bootstrap.
    gated : sequence of str
        Splitters whose levels are measured.
    retrieval : Retrieval, optional
        Asked as well.
    report : callable, optional
        Told what is being done.
    """
    distortions, levels = Distortions(), {who: Levels() for who in gated}
    for mix in mixes:
        whole = mix.sound()
        for who, split in splitters.items():
            report(f"{mix.name}: {who}")
            estimates = split(whole, mix.stems)
            truth, answers = matched(mix.stems, estimates)
            distortions.add(who, mix.name, truth, answers)
            if who in levels:
                levels[who].add(Mix(mix.name, truth, mix.songs), split, answers)
            for stem in answers if retrieval is not None else ():
                retrieval.add(who, mix, stem, answers[stem])  # type: ignore[union-attr]
        for stem, samples in mix.stems.items() if retrieval is not None else ():
            retrieval.add(TRUTH, mix, stem, samples)  # type: ignore[union-attr]
    found: Result = {"distortion": distortions.result(seed=seed)}
    if gated:
        found["levels"] = {who: found_levels.result() for who, found_levels in levels.items()}
    if retrieval is not None:
        found["retrieval"] = retrieval.result(seed=seed)
    return found
