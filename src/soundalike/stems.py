"""The stems of a file, excerpt by excerpt, and whether there is anything to hear in them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack

import numpy as np

from soundalike.audio import Clip, Excerpt, load_clip
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.separators import Separator, StemFile

STEM_DB = -60.0
"""The level gate: a stem is absent from an excerpt in which its level, in dBFS, is below this, or by more than the
separator's own `gate` below that of the mix."""


def with_stems(
    path: str,
    excerpts: Iterable[Excerpt],
    separator: Separator,
    wanted: Iterable[str],
    *,
    start: float,
    end: float | None,
    apart: bool,
) -> Iterator[tuple[Excerpt, dict[str, Clip]]]:
    """Each excerpt of a passage of a file with its audible stems.

    Parameters
    ----------
    path : str
    excerpts : iterable of Excerpt
        Of the mix, in order of time.
    separator : Separator
    wanted : iterable of str
        Stems to bring; the mix always comes along.
    start, end : float
        The passage in seconds.
    apart : bool
        Separate each excerpt by itself, for few excerpts of a long passage, instead of the passage at once.

    Yields
    ------
    Excerpt, dict of str to Clip
        Mono, at the rate of the excerpts.
    """
    stems = [stem for stem in separator.stems if stem != "mix" and stem in set(wanted)]
    with ExitStack() as stack:
        files: Mapping[str, StemFile] = {}
        begun: float | None = None
        for excerpt in excerpts:
            if stems and (apart or begun is None):
                stack.close()
                begun, ends = (excerpt.start, excerpt.end) if apart else (start, end)
                files = stack.enter_context(separator.files(path, start=begun, end=ends))
            found = {"mix": excerpt.clip}
            for stem in stems:
                if stem in files:
                    clip = _passage(files[stem], excerpt, excerpt.start - (begun or 0.0))
                    found |= {} if clip is None else {stem: clip}
            yield excerpt, audible(found, separator.gate)


def _passage(file: StemFile, excerpt: Excerpt, offset: float) -> Clip | None:
    """The part of a stem under an excerpt; None where the file has ended, as a part that plays no more may have."""
    first = max(file.start + offset, 0.0)
    try:
        return load_clip(file.path, start=first, end=first + excerpt.clip.duration, rate=excerpt.clip.rate, mono=True)
    except AudioDecodeError:
        raise
    except UsageError:
        return None


def audible(stems: Mapping[str, Clip], gate: float) -> dict[str, Clip]:
    """The mix, and the stems that are at least at `STEM_DB` and not more than `gate` decibels below it."""
    least = max(STEM_DB, level(stems["mix"]) - gate)
    return {stem: clip for stem, clip in stems.items() if stem == "mix" or level(clip) >= least}


def level(clip: Clip) -> float:
    """Root mean square in dBFS; -inf for digital silence."""
    energy = float(np.einsum("ij,ij->", clip.samples, clip.samples, dtype=np.float64)) / max(clip.samples.size, 1)
    return 10.0 * math.log10(energy) if energy > 0.0 else -math.inf
