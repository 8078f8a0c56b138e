"""Why a hit is a hit: one plain sentence, and the numbers behind it as a document.

The sentence is made from the contributions, so it cannot contradict them: a facet that raised the
score is never called different, one that lowered it is never called similar, unless less of it was
asked for. A passage is named only where notes or chords were aligned, with as many of them as were.
"""

from __future__ import annotations

import math
from dataclasses import asdict
from typing import Any, Final

from soundalike.alignment import Alignment
from soundalike.comparison import Comparison, FacetScore
from soundalike.facets import WORDS, Facet
from soundalike.fit import needs
from soundalike.search import Hit

_ALIKE = ((99.0, "nearly the same"), (95.0, "very similar"), (80.0, "similar"), (-1.0, "somewhat similar"))
_UNLIKE = ((40.0, "unremarkable"), (15.0, "different"), (-1.0, "very different"))

_FIT = (
    (99.0, "an excellent"),
    (95.0, "a very good"),
    (80.0, "a good"),
    (40.0, "a fair"),
    (15.0, "a poor"),
    (-1.0, "hardly any"),
)

_TELLING: Final = 80.0
_BEYOND_CHANCE: Final = 0.3
"""Percentile, and similarity of an alignment, from which the shared notes or chords are worth naming."""

_WORTH_SAYING: Final = 0.005
"""Cost of a stretch from which it is told."""

_NUMBERS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_INTERVALS = (
    "",
    "a semitone",
    "a tone",
    "a minor third",
    "a major third",
    "a fourth",
    "a tritone",
    "a fifth",
    "a minor sixth",
    "a major sixth",
    "a minor seventh",
    "a major seventh",
)


def clock(seconds: float) -> str:
    """Seconds as m:ss, or h:mm:ss; below ten seconds with a tenth, so that one-shots make sense."""
    if seconds < 10 and seconds != int(seconds):
        return f"0:0{math.floor(seconds * 10) / 10:.1f}"
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def span(times: tuple[float, float]) -> str:
    """A time range for people, such as 1:05-1:15."""
    return f"{clock(times[0])}–{clock(times[1])}"


def sentence(comparison: Comparison) -> str:
    """Say in one sentence what is alike, what is not, and where.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    str
        Percentages are shares of random pairs that are less alike, never cosines.
    """
    weighted = {facet: score for facet, score in comparison.facets.items() if score.weight}
    told = telling(comparison)
    clauses = {facet: _clause(facet, score, told.get(facet)) for facet, score in weighted.items()}
    up = [clauses[facet] for facet, score in weighted.items() if score.contribution > 0][:4]
    down = [clauses[facet] for facet, score in weighted.items() if score.contribution < 0][:4]
    parts = []
    if weighted:
        alike = _and(up) if up else "nothing that was asked for stands out"
        parts.append(f"{alike}, but {_and(down)}" if down else alike)
    if comparison.absent:
        parts.append(f"{_and([_noun(facet) for facet in comparison.absent])} cannot be heard in both")
    if comparison.passages and weighted:
        best = comparison.passages[0]
        timeless = best.query[0] == best.query[1]  # words
        where = f"best at {span(best.track)}" if timeless else f"best match {span(best.query)} with {span(best.track)}"
        parts.append(where)
    text = _say_once(_say_once("; ".join(parts), "closer than "), " of random pairs")
    return text[:1].upper() + text[1:] + "."


def hit_sentence(hit: Hit) -> str:
    """`sentence` about a hit, and what a sample needs to fit the song."""
    needed = needs(hit.fit) if hit.fit else ""
    price = f", for which it ranks {hit.fit.cost:.2f} lower" if hit.fit and hit.fit.cost >= _WORTH_SAYING else ""
    return sentence(hit.comparison) + (f" To fit: {needed}{price}." if needed else "")


def telling(comparison: Comparison) -> dict[Facet, Alignment]:
    """The alignments that are closer than those of random pairs."""
    return {
        facet: alignment
        for facet, alignment in comparison.alignments.items()
        if alignment.similarity >= _BEYOND_CHANCE and (comparison.facets[facet].percentile or 0.0) >= _TELLING
    }


def passage(alignment: Alignment) -> str:
    """What is the same and where in the track: "the same eleven notes, a fourth higher, at 0:41"."""
    count = _NUMBERS[alignment.matched] if alignment.matched < len(_NUMBERS) else str(alignment.matched)
    thing = "notes"
    if alignment.kind == "harmony":
        thing = f"{'chords' if alignment.exact else 'chord roots'} ({_chords(alignment.query)})"
    again = _and([clock(start) for start, _ in alignment.again]) if alignment.again else ""
    parts = [f"the same {count} {thing}", shift(alignment.transposition), f"at {clock(alignment.track_range[0])}"]
    return ", ".join(part for part in parts if part) + (f", most of them again at {again}" if again else "")


def shift(semitones: int) -> str:
    """A transposition in words, such as "a fourth higher"; empty where there is none."""
    octaves, rest = divmod(abs(semitones), 12)
    parts = ["an octave" if octaves == 1 else f"{_NUMBERS[octaves]} octaves"] if octaves else []
    parts += [_INTERVALS[rest]] if rest else []
    return f"{' and '.join(parts)} {'higher' if semitones > 0 else 'lower'}" if parts else ""


def _chords(names: tuple[str, ...], most: int = 4) -> str:
    """The first few chords, such as "C–Am–F–G…"."""
    return "–".join(names[:most]) + ("…" if len(names) > most else "")


def _clause(facet: Facet, score: FacetScore, alignment: Alignment | None) -> str:
    """One facet in words, such as "very similar melody (closer than 97 % of random pairs)"."""
    less_wanted = score.weight < 0
    if facet.factor == WORDS:
        return _fits(facet, score)
    alike = (score.contribution > 0) != less_wanted
    share = _share(score)
    word = "similar" if alike else "different"
    if score.percentile is not None:
        word = next(word for least, word in (_ALIKE if alike else _UNLIKE) if score.percentile >= least)
    aside = ", as asked" if less_wanted and not alike else ", though less was asked for" if less_wanted else ""
    where = f": {passage(alignment)}" if alignment and alike else ""
    return f"{word} {_noun(facet)} ({share}{aside}{where})"


def _fits(facet: Facet, score: FacetScore) -> str:
    """How well the words fit, such as "a very good fit to the words (better than 97 % of this library)"."""
    what = "fit to the words" if facet.stem == "mix" else f"fit of the {facet.stem} to the words"
    if score.percentile is None:
        return f"a cosine of {score.cosine:.2f} to the words"
    word = next(word for least, word in _FIT if score.percentile >= least)
    return f"{word} {what} (better than {min(math.floor(score.percentile), 99)} % of this library)"


def _share(score: FacetScore) -> str:
    if score.percentile is None:
        return f"cosine {score.cosine:.2f}"
    # 100 % would claim more than a sample of random pairs can know.
    return f"closer than {min(math.floor(score.percentile), 99)} % of random pairs"


def _noun(facet: Facet) -> str:
    if facet.factor == "overall":
        return "overall sound" if facet.stem == "mix" else facet.stem
    return facet.factor if facet.stem == "mix" else f"{facet.stem} {facet.factor}"


def _and(items: list[str]) -> str:
    """Join with commas and a last "and"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"


def _say_once(text: str, words: str) -> str:
    """Keep `words` where they stand first and drop their repetitions."""
    first, found, rest = text.partition(words)
    return first + found + rest.replace(words, "")


def comparison_json(comparison: Comparison) -> dict[str, Any]:
    """The comparison as plain dictionaries; what cannot be known is null."""
    return {
        "score": None if math.isnan(comparison.score) else comparison.score,
        "facets": {
            facet: {
                "cosine": score.cosine,
                "standardised": score.standardised,
                "percentile": score.percentile,
                "weight": score.weight,
                "contribution": score.contribution,
                "refined": score.refined,
            }
            | _alignment_json(comparison.alignments.get(facet))
            for facet, score in comparison.facets.items()
        },
        "absent": list(comparison.absent),
        "passages": [
            {"query": list(p.query), "track": list(p.track), "facet": p.facet, "score": p.score}
            for p in comparison.passages
        ],
        "text": sentence(comparison),
    }


def _alignment_json(alignment: Alignment | None) -> dict[str, Any]:
    if alignment is None:
        return {}
    track = {
        "names": list(alignment.track),
        "range": list(alignment.track_range),
        "again": [list(times) for times in alignment.again],
    }
    return {
        "alignment": {
            "matched": alignment.matched,
            "transposition": alignment.transposition,
            "exact": alignment.exact,
            "query": {"names": list(alignment.query), "range": list(alignment.query_range)},
            "track": track,
        }
    }


def hit_json(hit: Hit) -> dict[str, Any]:
    """A hit as plain dictionaries, as ``soundalike search --json`` prints it."""
    track = hit.track
    return {
        "track": track.id,
        "path": track.path,
        "title": track.title,
        "artist": track.artist,
        "duration": track.duration,
        "tempo": track.tempo,
        "key": track.key,
        "family": track.family,
        "kind": track.kind,
        **comparison_json(hit.comparison),
        **({"fit": asdict(hit.fit), "text": hit_sentence(hit)} if hit.fit else {}),
    }
