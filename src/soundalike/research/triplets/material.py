"""Parts of songs, measured: what folders of triplets are made from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeAlias

from soundalike.audio import Clip
from soundalike.errors import AudioDecodeError, SoundalikeError, UsageError
from soundalike.research.triplets.gates import FACTORS, LEAST, RESIDUE, Style, candidates, measure, warm_up
from soundalike.research.triplets.index import Entry, Failures, Index
from soundalike.research.triplets.passages import fingerprint, is_residue, read_part, the_separator
from soundalike.research.triplets.songs import Part, Song, find_songs
from soundalike.research.triplets.windows import SECONDS, cut_window
from soundalike.workers import in_order

Progress: TypeAlias = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What to build, from what.

    Attributes
    ----------
    songs : Path
        Folder of multitrack recordings.
    factor : str
        One of `soundalike.research.triplets.gates.FACTORS`.
    count : int or None
        Folders; None for as many as there are anchors.
    positives : int
        Of each folder; of timbre the most, of which three are enough, as in MERIT.
    layout : str
        See `soundalike.research.triplets.songs`; empty to find out.
    separator : str
        Splits songs that are mixes; empty where there are none.
    style : str
        "reference" is MERIT's construction, "default" one without its holes.
    seconds : float
        Per clip.
    seed : int
        A folder's chance is that of the seed plus its number, as in MERIT.
    limit : int or None
        Take only so many songs, the first ones.

    Raises
    ------
    UsageError
        If it cannot be built.
    """

    songs: Path
    factor: str
    count: int | None = None
    positives: int = 5
    layout: str = ""
    separator: str = ""
    style: Style = "default"
    seconds: float = SECONDS
    seed: int = 1234
    limit: int | None = None

    def __post_init__(self) -> None:
        if self.factor not in FACTORS or self.style not in ("default", "reference"):
            raise UsageError(
                f"Triplets of {self.factor} in the style '{self.style}' were asked for.",
                f"Give one of {', '.join(FACTORS)}, and the style default or reference.",
            )
        if self.factor == "harmony" and self.style == "reference":
            raise UsageError("MERIT has no triplets of harmony.", "Use the style 'default'.")
        count, limit = (1 if number is None else number for number in (self.count, self.limit))
        if min(count, limit, self.positives) < 1 or self.seed < 0 or not 0.5 <= self.seconds <= 30:
            raise UsageError(
                f"{count} folders with {self.positives} positives from {limit} songs, seed {self.seed}, "
                f"of {self.seconds:g} s were asked for.",
                "Give at least 1 of each, a seed from 0, and 0.5 to 30 seconds.",
            )


@dataclass(frozen=True, slots=True)
class Material:
    """Songs with what was measured of their parts.

    Attributes
    ----------
    plan : Plan
    songs : dict of str to Song
    parts : dict of (str, str) to Part
        By song and id, with those that are several parts together.
    entries : tuple of Entry
        Of all parts that passed, by song and then as `soundalike.research.triplets.gates.candidates` gives them.
    refused : Counter of str
        Parts by the gate that they did not pass.
    measured : int
        Parts that were looked at.
    """

    plan: Plan
    songs: dict[str, Song]
    parts: dict[tuple[str, str], Part]
    entries: tuple[Entry, ...]
    refused: Counter[str]
    measured: int

    def part(self, entry: Entry) -> Part:
        """The part that an entry is about."""
        return self.parts[entry.song, entry.part]


def gather(
    plan: Plan, index: Index, failures: Failures, *, jobs: int = 1, progress: Progress | None = None
) -> Material:
    """Find songs and measure their parts, those that the index does not know.

    Parameters
    ----------
    plan : Plan
    index : Index
    failures : Failures
        Gets songs and parts that cannot be read.
    jobs : int
        Processes.
    progress : callable, optional
        Told how many parts are measured, and of how many.

    Raises
    ------
    UsageError
        If there are no songs.
    MissingExtraError, CheckpointError
        If measuring or splitting needs what is not here.
    """
    stems = the_separator(plan.separator).stems if plan.separator else ()
    _, found = find_songs(plan.songs, layout=plan.layout, stems=stems)
    songs = {song.id: song for song in found[: plan.limit]}
    for song in songs.values():
        if song.problem:
            failures.add(song.id, song.problem)
    parts = {(song.id, part.id): part for song in songs.values() for part in candidates(song, plan.factor, plan.style)}
    known = {place: index.find(*place, mark=fingerprint(part.files)) for place, part in parts.items()}
    missing = [place for place, entry in known.items() if entry is None]
    tasks = [(song, parts[song, part]) for song, part in missing]
    done = len(parts) - len(missing)
    if jobs > 1 and tasks:
        warm_up(plan.factor)
    for place, entry in zip(missing, in_order(partial(_measure_part, plan), tasks, jobs), strict=True):
        index.add(entry)
        known[place] = entry
        done += 1
        if progress is not None:
            progress(done, len(parts))
    entries = [entry for entry in known.values() if entry is not None]
    for entry in entries:
        if entry.failed:
            failures.add(f"{entry.song}/{entry.part}", entry.failed)
    refused = Counter(entry.refused for entry in entries if entry.refused)
    passed = [entry for entry in entries if entry.passed]
    if plan.factor == "rhythm" and plan.style == "reference":
        passed = _most_struck(entries)
    return Material(plan, songs, parts, tuple(passed), refused, len(parts))


def _most_struck(entries: list[Entry]) -> list[Entry]:
    """Of every song the file of drums with most onsets, if it passed: the authors look at no other one then."""
    best: dict[str, Entry] = {}
    for entry in entries:
        rank = [entry.numbers.get(name, 0.0) for name in ("onsets", "drum level")]
        if entry.song not in best or rank > [best[entry.song].numbers.get(n, 0.0) for n in ("onsets", "drum level")]:
            best[entry.song] = entry
    return [entry for entry in best.values() if entry.passed]


def configuration(plan: Plan) -> dict[str, object]:
    """What the index of a plan depends on."""
    return {
        "factor": plan.factor,
        "style": plan.style,
        "seconds": plan.seconds,
        "layout": plan.layout,
        "separator": the_separator(plan.separator).name if plan.separator else "",
        "least": dict(LEAST),
    }


def _measure_part(plan: Plan, task: tuple[str, Part]) -> Entry:
    """The entry of a part. Whatever is wrong with its files becomes a sentence, since one part must not stop a run."""
    song, part = task
    entry = Entry(song, part.id, part.stem, part.kind, mark=fingerprint(part.files))
    try:
        clip = read_part(part, separator=plan.separator)
        measured = measure(plan.factor, clip, style=plan.style, seconds=plan.seconds)
        passage = Clip(cut_window(clip.samples[0], clip.rate, measured.offset, seconds=plan.seconds)[None], clip.rate)
        if not measured.refused and is_residue(part, passage, separator=plan.separator, start=measured.offset):
            measured = replace(measured, refused=RESIDUE)
    except (AudioDecodeError, UsageError) as error:
        return replace(entry, failed=str(error))
    except SoundalikeError:
        raise  # a package or a checkpoint is missing, which no other part would be better for
    except Exception as error:  # noqa: BLE001 - decoders and detectors raise anything; the ledger says what
        return replace(entry, failed=f"Unexpected {type(error).__name__}: {error}")
    return replace(entry, offset=measured.offset, numbers=dict(measured.numbers), refused=measured.refused)
