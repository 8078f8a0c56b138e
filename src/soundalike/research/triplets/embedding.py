"""Clips of triplet folders to a `TripletSet`, by any encoder; stopped and called again, it goes on.

Clips are prepared as MERIT prepares them: mean of the channels, the encoder's rate, the first 10 s. What is shorter
stays as long as it is, unless zeros are asked for: MERIT puts them behind it. The resampler is that of this package.

Embeddings are kept in parts beside the output, each under a key of everything that changes it: the encoder's name, how
clips are prepared, and path, size and time of every clip. The parts go when the set is written. Clips that cannot be
embedded are entered in a ledger, a line of JSON each.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.audio import Clip
from soundalike.encoders import Encoder, load_encoder
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.triplets.folders import Root, Sound, find_factor, open_root
from soundalike.research.triplets.sets import ClipNotes, Listed, TripletSet, assemble, write_set
from soundalike.workers import become_worker, worker_pool

Rows: TypeAlias = dict[str, NDArray[np.float32]]
Progress: TypeAlias = Callable[[int, int], None]

SECONDS = 10.0
"""Of a clip that are heard, as by MERIT."""

PART = 8
"""Folders per part: some dozens of clips, which are lost when a run is stopped."""

KEY = 32
"""Hexadecimal digits of a part's name."""


@dataclass(frozen=True, slots=True)
class Listening:
    """Which encoder, and what it is given.

    Attributes
    ----------
    encoder : str
    checkpoint, device, precision, layers
        See `soundalike.encoders.load_encoder`.
    padded : float or None
        Seconds to which zeros are put behind a clip. The encoder "merit" does so itself, up to 30.
    seconds : float
        Of a clip that are heard.
    """

    encoder: str = "embedded"
    checkpoint: str | Path | None = None
    device: str | None = None
    precision: str | None = None
    layers: str | None = None
    padded: float | None = None
    seconds: float = SECONDS

    def load(self) -> Ears:
        """Make it ready; see `soundalike.encoders.load_encoder` for what it raises."""
        options = {key: getattr(self, key) for key in ("checkpoint", "device", "precision", "layers")}
        if self.encoder == "merit" and self.padded is not None:
            from soundalike.encoders.mert import load_merit

            given = {key: value for key, value in options.items() if value is not None}
            return Ears(load_merit(**given, padded=self.padded), self.seconds, None)
        return Ears(load_encoder(self.encoder, **options), self.seconds, self.padded)


@dataclass(frozen=True, slots=True)
class Ears:
    """An encoder with the way in which clips are prepared for it.

    Attributes
    ----------
    encoder : Encoder
    seconds : float
        Of a clip that are heard.
    padded : float or None
        Seconds to which zeros are put behind it.

    Raises
    ------
    UsageError
        If the encoder does not take clips of that length.
    """

    encoder: Encoder
    seconds: float = SECONDS
    padded: float | None = None

    def __post_init__(self) -> None:
        longest = max(self.seconds, self.padded or 0.0)
        if not 0 < longest <= self.encoder.window:
            raise UsageError(
                f"{self.encoder.name} takes clips of at most {self.encoder.window:g} s, not of {longest:g} s.",
                "Give fewer seconds.",
            )

    @property
    def name(self) -> str:
        """The encoder's name, with what else changes the embeddings."""
        padded = f",padded={self.padded:g}" if self.padded is not None else ""
        seconds = f",seconds={self.seconds:g}" if self.seconds != SECONDS else ""
        return f"{self.encoder.name}{padded}{seconds}"

    def prepare(self, clip: Clip) -> Clip:
        """Mean of the channels, the encoder's rate, cut, and filled with zeros if asked for."""
        rate = self.encoder.sample_rate
        samples = clip.mono().resample(rate).samples[:, : round(rate * self.seconds)]
        if self.padded is not None:
            size = round(rate * self.padded)
            samples = np.pad(samples[:, :size], ((0, 0), (0, max(0, size - samples.shape[1]))))
        return Clip(samples, rate)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedPart:
    """Embeddings of some clips, and why others have none; both by path."""

    rows: Rows
    failed: dict[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedRoot:
    """What came of a root.

    Attributes
    ----------
    triplets : TripletSet
    failed : dict of str to str
        Clips without embedding, and why.
    dropped : tuple of str
        Folders that are left out for want of a clip.
    skipped : dict of str to str
        Folders that were not whole, and why.
    """

    triplets: TripletSet
    failed: dict[str, str]
    dropped: tuple[str, ...]
    skipped: dict[str, str]


def embed_root(
    path: str | Path,
    out: Path,
    listening: Listening,
    *,
    factor: str | None = None,
    shard: tuple[int, int] | None = None,
    jobs: int = 1,
    progress: Progress | None = None,
) -> EmbeddedRoot:
    """Embed a root and write the set.

    Parameters
    ----------
    path : str or Path
        See `soundalike.research.triplets.folders.open_root`.
    out : Path
        The set's file. Beside it ``<out>.parts`` has what is done while it runs, and ``<out>.failed.jsonl`` the clips
        that could not be embedded, if there are any.
    listening : Listening
    factor : str, optional
        See `soundalike.research.triplets.folders.find_factor`.
    shard : (int, int), optional
        Number, from 0, and count of shards; see `shard_bounds`.
    jobs : int
        Processes. The set is the same to the bit whatever it is.
    progress : callable, optional
        Told how many folders are done, and of how many.

    Raises
    ------
    UsageError
        If the root or its factor cannot be read, or nothing of it can be embedded.
    """
    root = open_root(path)
    chosen = root.folders
    if shard is not None:
        first, last = shard_bounds(len(chosen), *shard)
        chosen = chosen[first:last]
    if not chosen:
        raise UsageError(f"'{path}' has no whole folder to embed, and {len(root.skipped)} others.", "Check the root.")
    # what the first folder says is known before hours of work, what all say only then
    find_factor(root, {next(iter(root.read())).factor}, factor)
    ears = listening.load()
    parts = _folder_for_parts(out)
    done: list[EmbeddedPart] = []
    about = _About({}, {}, set())
    for part in _parts(root, chosen, parts, ears, listening, jobs, about):
        done.append(part)
        if progress is not None:
            progress(min(len(done) * PART, len(chosen)), len(chosen))
    embedded = _gather(root, chosen, done, about, find_factor(root, about.factors, factor), ears.name)
    write_set(out, embedded.triplets)
    _write_ledger(Path(f"{out}.failed.jsonl"), embedded.failed)
    _remove(parts)
    return embedded


def shard_bounds(count: int, number: int, shards: int) -> tuple[int, int]:
    """First folder of a shard, and the first after it, as MERIT's program counts: the last shard takes the rest.

    Raises
    ------
    UsageError
        If not ``0 <= number < shards <= count``.
    """
    if not 0 <= number < shards:
        raise UsageError(f"Shard {number}/{shards} was asked for.", f"Shards of {shards} are 0 to {shards - 1}.")
    if shards > count:
        raise UsageError(f"{count} folders cannot make {shards} shards.", "Ask for fewer.")
    size = count // shards
    return number * size, (number + 1) * size if number < shards - 1 else count


def embed_sounds(sounds: Sequence[Sound], ears: Ears) -> EmbeddedPart:
    """Embed clips; one that cannot be decoded or embedded does no harm to the others."""
    clips: dict[str, Clip] = {}
    failed: dict[str, str] = {}
    for sound in sounds:
        try:
            clip = ears.prepare(sound.load()[0])
        except AudioDecodeError as error:
            failed[sound.path] = str(error)
            continue
        if clip.samples.shape[1]:
            clips[sound.path] = clip
        else:
            failed[sound.path] = f"'{sound.path}' is too short for a sample at {clip.rate} Hz."
    rows: Rows = {}
    embeddings = np.asarray(ears.encoder.encode(list(clips.values())), np.float32)
    for path, row in zip(clips, embeddings, strict=True):
        if np.isfinite(row).all():
            rows[path] = row
        else:
            failed[path] = f"'{path}' has an embedding that is not finite."
    return EmbeddedPart(rows, failed)


@dataclass(frozen=True, slots=True)
class _About:
    """What metadata say, collected while sounds are read."""

    notes: dict[str, ClipNotes]
    labels: dict[str, str]
    factors: set[str]


def _parts(
    root: Root, chosen: Sequence[Listed], place: Path, ears: Ears, listening: Listening, jobs: int, about: _About
) -> Iterator[EmbeddedPart]:
    """Parts that are kept are read, others embedded and kept, in the order in which the root is read."""

    def work() -> Iterator[tuple[Path, list[Sound]]]:
        held: list[Sound] = []
        for count, folder in enumerate(root.read({listed.name for listed in chosen}), start=1):
            about.notes.update((sound.path, sound.notes) for sound in folder.sounds)
            about.labels[folder.name] = folder.label
            about.factors.add(folder.factor)
            held += folder.sounds
            if count % PART == 0:
                yield _part_file(place, root.stamps, held, ears), held
                held = []
        if held:
            yield _part_file(place, root.stamps, held, ears), held

    if jobs == 1:
        for path, sounds in work():
            yield _read_part(path) or _keep(path, embed_sounds(sounds, ears))
        return
    pool = worker_pool(jobs, _start, listening)
    waiting: deque[tuple[Path, Future[EmbeddedPart] | EmbeddedPart]] = deque()
    try:
        for path, sounds in work():
            waiting.append((path, _read_part(path) or pool.submit(_embed_there, sounds)))
            if len(waiting) > 2 * jobs:  # an archive's clips are in memory
                yield _finish(*waiting.popleft())
        while waiting:
            yield _finish(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _folder_for_parts(out: Path) -> Path:
    parts = Path(f"{out}.parts")
    try:
        parts.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{parts}' cannot be made: {error.strerror}.", "Choose another place.") from None
    return parts


def _remove(parts: Path) -> None:
    """Take away what is ours in the folder for parts, and the folder if nothing else is there."""
    for path in parts.glob(f"{'[0-9a-f]' * KEY}.npz"):
        path.unlink(missing_ok=True)
    with suppress(OSError):
        parts.rmdir()


def _finish(path: Path, part: Future[EmbeddedPart] | EmbeddedPart) -> EmbeddedPart:
    return part if isinstance(part, EmbeddedPart) else _keep(path, part.result())


_ears: list[Ears] = []


def _start(listening: Listening) -> None:
    become_worker()
    _ears.append(listening.load())


def _embed_there(sounds: Sequence[Sound]) -> EmbeddedPart:
    return embed_sounds(sounds, _ears[0])


def _part_file(place: Path, stamps: Mapping[str, str], sounds: Sequence[Sound], ears: Ears) -> Path:
    key = json.dumps([ears.name, ears.seconds, ears.padded, [(sound.path, stamps[sound.path]) for sound in sounds]])
    return place / f"{hashlib.sha256(key.encode()).hexdigest()[:KEY]}.npz"


def _keep(path: Path, part: EmbeddedPart) -> EmbeddedPart:
    buffer = BytesIO()
    about = json.dumps({"clips": list(part.rows), "failed": part.failed})
    np.savez(buffer, embeddings=np.array(list(part.rows.values()), np.float32), about=np.array(about))
    write_atomically(path, buffer.getvalue())
    return part


def _read_part(path: Path) -> EmbeddedPart | None:
    """A part, or None if it is not there; one that is damaged is made again."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            about = json.loads(str(arrays["about"]))
            return EmbeddedPart(dict(zip(about["clips"], arrays["embeddings"], strict=True)), about["failed"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _gather(
    root: Root, chosen: Sequence[Listed], parts: Sequence[EmbeddedPart], about: _About, factor: str, encoder: str
) -> EmbeddedRoot:
    found = {clip: row for part in parts for clip, row in part.rows.items()}
    rows = {clip: found[clip] for listed in chosen for clip in listed.clips if clip in found}  # in MERIT's order
    failed = {clip: why for part in parts for clip, why in sorted(part.failed.items())}
    labelled = [replace(listed, label=about.labels.get(listed.name, "")) for listed in chosen]
    triplets = assemble(factor, encoder, labelled, rows, about.notes)
    if not triplets.folders:
        raise UsageError(
            f"No folder of '{root.path}' could be embedded: {next(iter(failed.values()), 'none was read')}",
            "Check the root with 'soundalike research triplets check'.",
        )
    kept = {folder.name for folder in triplets.folders}
    dropped = tuple(listed.name for listed in chosen if listed.name not in kept)
    return EmbeddedRoot(triplets, failed, dropped, root.skipped)


def _write_ledger(path: Path, failed: Mapping[str, str]) -> None:
    """A line per clip that failed; no file if none did."""
    if not failed:
        path.unlink(missing_ok=True)
        return
    lines = (
        json.dumps({"clip": clip, "folder": clip.partition("/")[0], "reason": why}) for clip, why in failed.items()
    )
    write_atomically(path, "".join(f"{line}\n" for line in lines).encode())
