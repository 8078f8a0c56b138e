"""A stem of a song as a query in a library of samples: loops by the stem's excerpts, one-shots by its strokes.

In a sample one instrument plays, and the library knows it as a mix. So the stem that was taken out of a song goes by
the names of the mix's facets: what is asked is "which sample sounds like this, if this were a sample". What plays in a
sample is its **family**; only those of the stem's own family may answer, since a separated stem resembles many things
by what the separator leaves in it. Where the stem is silent nothing is asked.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from soundalike.analysis import Analyzer
from soundalike.audio import Clip, Excerpt, ExcerptStream
from soundalike.errors import UsageError
from soundalike.facets import STEMS, Facet, FacetVectors, Weights
from soundalike.filters import AllOf, Filter, Not, OneOf
from soundalike.presence import LEAST_PRESENT, judges, plays
from soundalike.recipe import Recipe
from soundalike.search import AskedStem, Query
from soundalike.separators import Separator, load_separator
from soundalike.stems import with_stems
from soundalike.strokes import find_strokes, kinds_of
from soundalike.tracks import FAMILIES

ONE_SHOT: Final = OneOf("kind", ("one-shot",))
_ONE_SHOTS: Final = ("timbre",)
_DRUM_LOOPS: Final = ("groove", "timbre")
_LOOPS: Final = (*_DRUM_LOOPS, "melody", "harmony")
"""What samples are compared by unless weights are given. Not the rhythm, in which a loop's tempo counts too: it can be
stretched, and how much is told apart."""


def ask_stem(
    query: Query,
    stem: str,
    separator: Separator,
    analyzer: Analyzer,
    *,
    start: float = 0.0,
    end: float | None = None,
    strokes: bool = False,
    any_family: bool = False,
) -> Query:
    """Ask with one stem of a passage in place of the whole sound.

    Parameters
    ----------
    query : Query
        The passage as a mix, whose tempo and key samples have to fit.
    stem : str
    separator : Separator
        One that gives the stem; see `separator_for`.
    analyzer : Analyzer
        Listens to mixes only, with the encoder and the heads of the library that is asked; see `for_samples`.
    start, end : float
        The passage in seconds.
    strokes : bool
        Look for one-shots, with one stroke or note of each kind in place of whole excerpts.
    any_family : bool
        Let samples of all families answer.

    Returns
    -------
    Query
        Without excerpts where the stem does not play.

    Raises
    ------
    AudioDecodeError
        If the file, or that of a stem, cannot be decoded.
    """
    path = query.track.path
    stream = ExcerptStream(path, rate=analyzer.sample_rate, seconds=analyzer.window, start=start, end=end)
    spans: list[tuple[float, float]] = []
    clips: list[Clip] = []
    silent = []
    for excerpt, stems in with_stems(path, stream, separator, {stem}, start=start, end=end, apart=False):
        if not _is_there(stem, stems, separator):
            silent.append((excerpt.start, excerpt.end))
            continue
        for first, last, clip in _pieces(excerpt, stems[stem], strokes=strokes):
            spans.append((first, last))
            clips.append(clip)
    excerpts = _excerpts(spans, analyzer.vectors(clips))
    if strokes and len(excerpts):
        excerpts = _one_of_each_kind(excerpts)
    among = answering(stem, separator, any_family=any_family, one_shots=strokes)
    return replace(query, excerpts=excerpts, transcription=None, stem=AskedStem(stem, strokes, among, tuple(silent)))


def for_samples(recipe: Recipe, facets: Sequence[Facet]) -> Recipe:
    """The recipe that listens to a stem as a library with `facets` listens to a sample.

    Raises
    ------
    UsageError
        If that library does not hear mixes at all.
    """
    whole = tuple(facet for facet in facets if facet.stem == "mix")
    if not whole:
        raise UsageError("This library hears single stems only.", "Add samples to one that has facets of the mix.")
    return replace(recipe, separator="none", stems="", separator_checkpoint="", facets=whole, most_excerpts=0)


def separator_for(stem: str, recipe: Recipe, name: str = "") -> Separator:
    """The separator called `name`; by default the library's own, or the one that ships where it has none.

    Raises
    ------
    UsageError
        If it does not give the stem.
    """
    own = recipe.separator
    chosen = name or (own if own != "none" else "embedded")
    of_library = chosen == own
    separator = load_separator(
        chosen,
        checkpoint=recipe.separator_checkpoint or None if of_library else None,
        device=recipe.device or None if of_library and recipe.separator_is_pretrained else None,
        stems=recipe.stems or None if of_library else None,
    )
    check_stem(stem, separator)
    return separator


def _is_there(stem: str, stems: Mapping[str, Clip], separator: Separator) -> bool:
    """Whether a stem plays in an excerpt, by its level and, for the separator that ships, by how it sounds."""
    if stem not in stems:
        return False
    return not judges(separator) or plays(stem, stems[stem], stems["mix"]) >= LEAST_PRESENT


def _pieces(excerpt: Excerpt, clip: Clip, *, strokes: bool) -> Iterator[tuple[float, float, Clip]]:
    """The excerpt of a stem itself, or its strokes, with their times in the file."""
    if not strokes:
        yield excerpt.start, excerpt.end, clip
        return
    for first, last in find_strokes(clip):
        yield excerpt.start + first, excerpt.start + last, clip.cut(first, last)


def _excerpts(spans: list[tuple[float, float]], vectors: Mapping[Facet, np.ndarray]) -> FacetVectors:
    times = np.array(spans, np.float64).reshape(-1, 2)
    heard = FacetVectors(times[:, 0].copy(), times[:, 1].copy(), dict(vectors))
    audible = np.any([heard.present(facet) for facet in heard.vectors], axis=0)
    return heard.select(np.asarray(audible, np.bool_).reshape(-1))


def _one_of_each_kind(strokes: FacetVectors) -> FacetVectors:
    timbre = strokes.vectors.get(Facet("timbre"), next(iter(strokes.vectors.values())))
    return strokes.select(np.array(kinds_of(timbre, (strokes.end - strokes.start).tolist()), np.intp))


def halves(query: Query) -> tuple[Query, Query] | None:
    """A query from the first and one from the second half of the excerpts; None where there is but one."""
    count = len(query.excerpts)
    if count < 2:
        return None
    first = np.arange(count) < (count + 1) // 2
    return replace(query, excerpts=query.excerpts.select(first)), replace(query, excerpts=query.excerpts.select(~first))


def check_stem(stem: str, separator: Separator) -> None:
    """Raise `UsageError` unless `stem` is one that the separator takes out of a mix."""
    if stem in separator.stems and stem != "mix":
        return
    given = [each for each in separator.stems if each != "mix"]
    if stem in STEMS and stem != "mix":
        raise UsageError(
            f"The separator '{separator.name}' gives {_listed(given)}, but no {stem}.",
            "Name another with --separator: demucs gives vocals, demucs-6s guitar and piano too, and 'files' takes "
            "stems that are there already.",
        )
    raise UsageError(f"'{stem}' is not a stem of a song.", f"Name one of {_listed(given)}.")


def families(stem: str, separator: Separator) -> tuple[str, ...]:
    """The families of samples that may answer a stem: its own, and for "other" all that the separator leaves in it."""
    if stem != "other":
        return (stem,)
    return tuple(family for family in FAMILIES if family != "mix" and (family == stem or family not in separator.stems))


def answering(stem: str, separator: Separator, *, any_family: bool, one_shots: bool) -> Filter:
    """Which tracks of a library may answer."""
    kind: Filter = ONE_SHOT if one_shots else Not(ONE_SHOT)
    return kind if any_family else AllOf((OneOf("family", families(stem, separator)), kind))


def stem_weights(weights: Weights | None, stem: AskedStem, facets: Sequence[Facet]) -> Weights:
    """The weights of the mix's facets that are meant: ``drums.rhythm`` and ``rhythm`` are the same for the drums.

    Parameters
    ----------
    weights : Weights or None
        None for the default: how a one-shot sounds; for a loop its groove and timbre, and but for drums its melody
        and harmony.
    stem : AskedStem
    facets : sequence of Facet
        Those of the library.

    Raises
    ------
    UsageError
        If another stem has a weight.
    """
    if weights is None:
        usual = _ONE_SHOTS if stem.strokes else _DRUM_LOOPS if stem.name == "drums" else _LOOPS
        meant = [facet for facet in map(Facet, usual) if facet in facets]
        return Weights(dict.fromkeys(meant or [facet for facet in facets if facet.stem == "mix"], 1.0))
    for facet in weights:
        if facet.stem not in ("mix", stem.name):
            raise UsageError(
                f"'{facet.short}' has a weight, but what is asked with is {stem.name}.",
                f"Weigh factors, such as timbre=1 or {stem.name}.rhythm=1.",
            )
    return Weights({f"mix.{facet.factor}": weight for facet, weight in weights.items()})


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}" if names else "no stem"
