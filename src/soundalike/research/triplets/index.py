"""What was measured of every part, one line of JSON each, so that a run that was stopped goes on where it was.

The first line of the file says how it was measured; lines measured otherwise are not used, nor those of files that have
changed since. A last line that was cut off is as if it had not been written.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from soundalike.atomic import write_atomically
from soundalike.errors import UsageError

INDEX: Final = "index.jsonl"
FAILURES: Final = "failures.jsonl"
FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """What is known of a part of a song.

    Attributes
    ----------
    song, part, stem, kind : str
        See `soundalike.research.triplets.songs`.
    offset : float
        Of its passage, in seconds.
    numbers : mapping of str to float
        What the gates looked at.
    refused : str
        Name of the gate that it did not pass; empty if it did.
    failed : str
        Why it could not be measured; empty if it was.
    beside : str
        The part that this is the negative of, where it was measured as such; see `soundalike.research.triplets.timbre`.
    mark : str
        What its files looked like.
    """

    song: str
    part: str
    stem: str
    kind: str
    offset: float = 0.0
    numbers: Mapping[str, float] = field(default_factory=dict)
    refused: str = ""
    failed: str = ""
    beside: str = ""
    mark: str = ""

    @property
    def key(self) -> tuple[str, str, str]:
        """What the entry is found by."""
        return self.song, self.part, self.beside

    @property
    def passed(self) -> bool:
        """Whether the part may be used."""
        return not self.refused and not self.failed


class Index:
    """The entries of one factor.

    Parameters
    ----------
    folder : Path
        Made if it is not there.
    configuration : mapping of str to anything that JSON can hold
        How parts are measured.

    Raises
    ------
    UsageError
        If the file cannot be read or written.
    """

    def __init__(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        self._path = folder / INDEX
        self._entries: dict[tuple[str, str, str], Entry] = {}
        first = json.dumps({"format": FORMAT, **configuration}, sort_keys=True)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            lines = self._path.read_text("utf-8").splitlines() if self._path.exists() else []
        except (OSError, ValueError) as error:
            raise UsageError(f"'{self._path}' cannot be used: {error}.", "Choose another folder.") from None
        if lines and lines[0] == first:
            for line in lines[1:]:
                self._read(line)
        # Written anew, so that nothing is appended to a line that was cut off.
        kept = [first, *(json.dumps(asdict(entry)) for entry in self._entries.values())]
        if lines != kept or not self._path.exists():
            write_atomically(self._path, "".join(f"{line}\n" for line in kept).encode())

    def _read(self, line: str) -> None:
        try:
            entry = Entry(**json.loads(line))
        except (ValueError, TypeError):
            return
        self._entries[entry.key] = entry

    def find(self, song: str, part: str, *, mark: str, beside: str = "") -> Entry | None:
        """The entry of a part whose files look as they did; None where there is none."""
        entry = self._entries.get((song, part, beside))
        return entry if entry is not None and entry.mark == mark else None

    def add(self, entry: Entry) -> None:
        """Keep an entry; on disk when it returns."""
        self._entries[entry.key] = entry
        try:
            with self._path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(asdict(entry)) + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise UsageError(f"'{self._path}' cannot be written: {error.strerror}.", "Make room for it.") from None


class Failures:
    """What failed, and why: one line of JSON per part or folder in ``failures.jsonl``; no file if nothing did.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / FAILURES
        self.reasons: dict[str, str] = {}

    def add(self, what: str, reason: str) -> None:
        """Note a failure; on disk when it returns."""
        self.reasons[what] = reason
        lines = (json.dumps({"what": name, "reason": why}) for name, why in self.reasons.items())
        write_atomically(self._path, "".join(f"{line}\n" for line in lines).encode())

    def close(self) -> None:
        """Leave no file of an earlier run if nothing failed in this one."""
        if not self.reasons:
            self._path.unlink(missing_ok=True)
