"""Add files to a library: find them, skip what is known, listen to the rest, remember failures.

What costs nothing: a file with known size and time of change; a renamed file (same bytes as a
track whose file has gone). What costs a decode: a retagged file (other bytes, same samples). Only
the rest is listened to, each file in one transaction of its own, so that stopping at any moment
loses at most the file that each process was listening to.
"""

from __future__ import annotations

import os
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

from soundalike.analysis import retagged
from soundalike.audio import AUDIO_SUFFIXES, file_hash
from soundalike.errors import NotFoundError, SoundalikeError
from soundalike.ledger import Ledger, fingerprint
from soundalike.stores import Store
from soundalike.tracks import AnalysedTrack, Track, printable
from soundalike.workers import Outcome, Task

Listening: TypeAlias = Callable[[Sequence[Task]], Generator[tuple[Task, Outcome]]]
"""What turns tasks into outcomes."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run of `add` is.

    Attributes
    ----------
    done, total : int
        Files that had to be listened to.
    path : str
        The file that was finished last; the first one to listen to while `done` is 0.
    rate : float
        Files per second so far.
    seconds_left : float
        Estimated from the bytes that are left.
    """

    done: int
    total: int
    path: str
    rate: float
    seconds_left: float


@dataclass(slots=True)
class AddReport:
    """What a run of `add` did, in files.

    Attributes
    ----------
    added : int
        Listened to and stored, silent ones included.
    unchanged, moved, retagged : int
        Known already: untouched, under another name, or with other tags.
    renewed : int
        Untouched, and listened to again because that was asked for.
    failed : int
        Not in the library because they cannot be analysed; `remembered` of them were not tried
        again because they have not changed.
    silent : int
        Of the added ones, how many hold nothing to hear.
    removed : int
        Forgotten because their file has gone.
    seconds, audio_seconds : float
        Time the run took, and sound it listened to.
    warnings : list of str
        One sentence each.
    """

    added: int = 0
    unchanged: int = 0
    moved: int = 0
    retagged: int = 0
    renewed: int = 0
    failed: int = 0
    remembered: int = 0
    silent: int = 0
    removed: int = 0
    seconds: float = 0.0
    audio_seconds: float = 0.0
    warnings: list[str] = field(default_factory=list)


def add_paths(
    store: Store,
    ledger: Ledger,
    listening: Listening,
    paths: Sequence[str | Path],
    *,
    retry: bool = False,
    again: bool = False,
    leave_out: Callable[[Path], bool] | None = None,
    planned: Callable[[Sequence[str]], None] | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> AddReport:
    """Bring `store` up to date with files and folders; see `soundalike.library.Library.add`.

    `listening` turns tasks into outcomes, as `soundalike.workers` does here or in processes; `leave_out` tells of a
    file that it is no track; `planned` is told what will be listened to, before anything is.
    """
    begun = time.monotonic()
    run = _Run(store, ledger, AddReport())
    roots = [os.path.abspath(os.path.expanduser(path)) for path in paths]  # noqa: PTH100, PTH111
    files = [path for path in discover(roots, on_error=run.fail) if not (leave_out and leave_out(Path(path)))]
    if not files:
        run.report.warnings.append(f"No audio file was found in {', '.join(map(printable, roots))}.")
    tasks = run.plan(files, retry=retry, again=again)
    if planned:
        planned([task.path for task in tasks])
    outcomes = listening(tasks)
    clock = _Clock(tasks)
    if progress and tasks:
        progress(clock.state(0, tasks[0].path))
    with closing(outcomes):  # at once, not when an error that passes through is forgotten
        for done, (task, outcome) in enumerate(outcomes, 1):
            run.keep(task, outcome)
            if progress:
                progress(clock.state(done, task.path))
    run.prune([root for root in roots if os.path.isdir(root)])  # noqa: PTH112
    run.report.seconds = time.monotonic() - begun
    return run.report


class _Clock:
    """Estimates the time left from the bytes that are left: files differ more in length than in kind."""

    def __init__(self, tasks: Sequence[Task]) -> None:
        self._sizes = {task.path: _size(task.path) for task in tasks}
        self._total = sum(self._sizes.values())
        self._heard = 0
        self._begun = time.monotonic()

    def state(self, done: int, path: str) -> Progress:
        """The progress when `done` files are finished, `path` last."""
        spent = max(time.monotonic() - self._begun, 1e-6)
        self._heard += self._sizes[path] if done else 0
        left = (self._total - self._heard) * spent / self._heard if self._heard else 0.0
        return Progress(done, len(self._sizes), path, done / spent, left)


def discover(roots: Sequence[str], *, on_error: Callable[[str, str], None]) -> Iterator[str]:
    """Audio files at and below `roots`, each once, folders in order of name.

    Parameters
    ----------
    roots : sequence of str
        Absolute paths. A file is taken whatever its suffix, a folder is searched at any depth;
        links are followed, and a loop of links is left when it comes back.
    on_error : callable
        Called with path and reason for a folder that cannot be read.

    Raises
    ------
    NotFoundError
        If a root does not exist.
    """
    seen: set[str] = set()
    for root in roots:
        if not os.path.lexists(root):
            raise NotFoundError(f"'{printable(root)}' does not exist.", "Name a file or a folder.")
        found = _walk(root, on_error) if os.path.isdir(root) else iter([root])  # noqa: PTH112
        for path in found:
            if path not in seen:
                seen.add(path)
                yield path


def _walk(root: str, on_error: Callable[[str, str], None]) -> Iterator[str]:
    visited: set[tuple[int, int]] = set()

    def complain(error: OSError) -> None:
        on_error(os.fsdecode(error.filename), f"The folder cannot be read: {error.strerror}.")

    for folder, folders, files in os.walk(root, followlinks=True, onerror=complain):
        try:
            stat = os.stat(folder)  # noqa: PTH116
        except OSError as error:  # it has gone since it was listed
            complain(error)
            continue
        if (stat.st_dev, stat.st_ino) in visited:
            folders.clear()
            continue
        visited.add((stat.st_dev, stat.st_ino))
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            suffix = os.path.splitext(name)[1].lower()  # noqa: PTH122
            if suffix in AUDIO_SUFFIXES and not name.startswith("."):
                yield os.path.join(folder, name)  # noqa: PTH118


class _Run:
    """One run of `add`: what was known before it, and what it did."""

    def __init__(self, store: Store, ledger: Ledger, report: AddReport) -> None:
        self.report = report
        self._store = store
        self._ledger = ledger
        self._known = {track.path: track for track in store.tracks()}
        self._failures = {failure.path: failure for failure in ledger.failures()}
        self._seen: dict[str, str] = {}
        self._missing: dict[int, list[Track]] = defaultdict(list)
        for track in self._known.values():
            if not os.path.lexists(track.path):
                self._missing[track.size].append(track)

    def plan(self, files: Sequence[str], *, retry: bool, again: bool) -> list[Task]:
        """Decide file by file; renamed ones are dealt with at once."""
        tasks = []
        for path in files:
            known = self._known.get(path)
            failure = self._failures.get(path)
            if known and not again and _unchanged(known):
                self.report.unchanged += 1
            elif failure and not retry and failure.fingerprint and failure.fingerprint == fingerprint(path):
                self.report.failed += 1
                self.report.remembered += 1
            elif known is None and (old := self._renamed_from(path)):
                self._move(old, path)
            else:
                self._seen[path] = fingerprint(path)
                tasks.append(Task(path, None if again else known))  # the store knows it by its path, and keeps its id
        return tasks

    def keep(self, task: Task, outcome: Outcome) -> None:
        """Store what came of a file, durably."""
        if isinstance(outcome, str):
            self.fail(task.path, outcome)
            return
        if isinstance(outcome, Track):
            self._store.amend(outcome)
            self.report.retagged += 1
        else:
            self._keep_analysed(outcome)
        if task.path in self._failures:
            self._ledger.forget([task.path])

    def fail(self, path: str, reason: str) -> None:
        """Enter a failure in the ledger."""
        self._ledger.record(path, reason, seen=self._seen.get(path))
        self.report.failed += 1

    def prune(self, roots: Sequence[str]) -> None:
        """Forget tracks below `roots` whose file has gone, unless most of a folder went at once."""
        gone = [track for tracks in self._missing.values() for track in tracks]
        for root in roots:
            below = os.path.join(root, "")  # noqa: PTH118
            here = [track for track in self._known.values() if track.path.startswith(below)]
            vanished = [track for track in gone if track.path.startswith(below)]
            if 2 * len(vanished) > len(here):
                self.report.warnings.append(
                    f"{len(vanished)} of {len(here)} known files below {printable(root)} have gone; nothing was "
                    "removed. If that is right, run 'soundalike remove --missing'."
                )
            elif vanished:
                self.report.removed += self._store.remove([track.id for track in vanished])
        self._ledger.forget(path for path in self._failures if not os.path.lexists(path))

    def _keep_analysed(self, entry: AnalysedTrack) -> None:
        track = entry.track
        self.report.audio_seconds += track.duration
        if track.warning:
            self.report.warnings.append(f"{printable(track.path)}: {track.warning}")
        old = self._gone_with(track.audio_hash) if track.path not in self._known else None
        if old:
            # Renamed and retagged at once: the track keeps its id.
            self._claim(old)
            self._store.amend(replace(track, id=old.id))
            self.report.moved += 1
            return
        self._store.add([entry])
        known = self._known.get(track.path)
        if known and (known.size, known.mtime_ns) == (track.size, track.mtime_ns):
            self.report.renewed += 1
        else:
            self.report.added += 1
        self.report.silent += track.silent

    def _renamed_from(self, path: str) -> Track | None:
        """The track with the same bytes whose own file has gone."""
        size = _size(path)
        if not self._missing.get(size):
            return None
        try:
            digest = file_hash(path)
        except SoundalikeError:
            return None
        return next((track for track in self._missing[size] if track.file_hash == digest), None)

    def _gone_with(self, audio_hash: str) -> Track | None:
        gone = (track for tracks in self._missing.values() for track in tracks)
        return next((track for track in gone if track.audio_hash == audio_hash), None)

    def _move(self, old: Track, path: str) -> None:
        self._claim(old)
        stat = os.stat(path)  # noqa: PTH116
        self._store.amend(retagged(replace(old, path=path, size=stat.st_size, mtime_ns=stat.st_mtime_ns)))
        self.report.moved += 1

    def _claim(self, old: Track) -> None:
        """`old` has been found again and is no longer missing."""
        self._missing[old.size].remove(old)
        del self._known[old.path]


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116
    except OSError:
        return 0


def _unchanged(track: Track) -> bool:
    try:
        stat = os.stat(track.path)  # noqa: PTH116
    except OSError:
        return False
    return (track.size, track.mtime_ns) == (stat.st_size, stat.st_mtime_ns)
