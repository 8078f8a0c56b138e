"""What a library knows about one piece of music, besides its vectors."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Final

from soundalike.facets import FacetVectors
from soundalike.notes import Transcription

FAMILIES: Final = ("drums", "bass", "vocals", "guitar", "piano", "other", "mix")
"""What may play alone in a sample; "mix" is several of them. Percussion counts as drums, harpsichords and electric
pianos as piano, choirs as vocals."""

KINDS: Final = ("loop", "one-shot")
"""What a sample may be: one that goes on from its end to its beginning, or a single stroke or note."""


@dataclass(frozen=True, slots=True)
class Track:
    """One piece of music in a library.

    Attributes
    ----------
    path : str
        Absolute path of the file; bytes that are not UTF-8 are kept as surrogates (`os.fsdecode`).
    size, mtime_ns : int
        Size in bytes and modification time in nanoseconds when the file was read.
    file_hash : str
        Digest of the file's bytes: equal for a renamed file.
    audio_hash : str
        Digest of the decoded samples: equal for a renamed or retagged file.
    duration : float
        Seconds that could be decoded.
    tempo, tempo_confidence : float or None
        Beats per minute, and how sure that is from 0 to 1. None where no pulse was heard.
    key, camelot : str or None
        Such as "A minor" and "8A". None where no key was heard.
    key_confidence : float or None
        0 to 1.
    title, artist, album : str
        From the file's tags, empty where it has none.
    tags : tuple of str
        Genres and moods from the file's tags, in lower case.
    family : str
        Which instrument plays, one of `FAMILIES`; empty where that is not known.
    kind : str
        What a sample is, one of `KINDS`; empty for whole pieces and where that is not known.
    silent : bool
        True for digital or near silence: such a track is known, but never a result.
    warning : str
        What was odd about the file (truncated, invalid samples), or empty.
    id : int
        Given by the store; 0 before that.
    """

    path: str
    size: int = 0
    mtime_ns: int = 0
    file_hash: str = ""
    audio_hash: str = ""
    duration: float = 0.0
    tempo: float | None = None
    tempo_confidence: float | None = None
    key: str | None = None
    camelot: str | None = None
    key_confidence: float | None = None
    title: str = ""
    artist: str = ""
    album: str = ""
    tags: tuple[str, ...] = ()
    family: str = ""
    kind: str = ""
    silent: bool = False
    warning: str = ""
    id: int = 0

    @property
    def name(self) -> str:
        """What to call the track: its title, or its file name, fit for any terminal."""
        return printable(self.title or os.path.basename(self.path))  # noqa: PTH119 - surrogates pass through


@dataclass(frozen=True, slots=True)
class AnalysedTrack:
    """What analysis makes of a track.

    Attributes
    ----------
    track : Track
    excerpts : FacetVectors
        None if it is silent.
    transcription : Transcription or None
        Notes and chords; None where the encoder hears none.
    """

    track: Track
    excerpts: FacetVectors = field(repr=False)
    transcription: Transcription | None = field(default=None, repr=False)


def printable(text: str) -> str:
    """`text` with newlines, control characters and undecodable bytes made visible as escapes."""
    escaped = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in escaped)
