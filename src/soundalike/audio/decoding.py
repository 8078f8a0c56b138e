"""A file, or a passage of it, to samples."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from io import FileIO
from itertools import chain
from types import TracebackType
from typing import Self, TypeAlias

import numpy as np

from soundalike.audio.clip import Clip, check_rate, check_span, mean
from soundalike.audio.sources import AvSource, Channels, SoundFileSource, Source, UnreadableError
from soundalike.errors import AudioDecodeError, UsageError

AnyPath: TypeAlias = str | bytes | os.PathLike[str] | os.PathLike[bytes]

_SUFFIXES = """
    .aac .aif .aifc .aiff .ape .au .caf .flac .m4a .m4b .mka .mkv .mov .mp2 .mp3 .mp4 .oga .ogg .opus .snd .w64 .wav
    .webm .wma .wv
"""
AUDIO_SUFFIXES = frozenset(_SUFFIXES.split())
"""What the names of files end in that may hold audio, in lower case."""

LOUDEST = 1e9
"""Samples of this size, NaN and infinity are invalid."""

TOLERANCE = 0.05
"""Seconds that may be missing without a warning."""


class Decoding:
    """One pass over a passage of a file; a context manager.

    Parameters
    ----------
    path : path
        Any name that the system allows, also one that is not UTF-8.
    start, end : float
        The passage in seconds; it ends with the sound if `end` is later or None.

    Attributes
    ----------
    rate, channels : int
        Of the blocks.
    frames : int
        Samples per channel given so far.

    Raises
    ------
    AudioDecodeError
        If no back end can decode the file; names each one's reason.
    UsageError
        If the passage is not ``0 <= start < end`` or starts after the end of the sound.
    """

    def __init__(self, path: AnyPath, *, start: float = 0.0, end: float | None = None) -> None:
        check_span(start, end)
        self._invalid = 0
        self._complete = False
        self.frames = 0
        with ExitStack() as stack:
            self._file = stack.enter_context(_open_regular(path))
            self._source = _open_source(self._file, path)
            stack.callback(self._source.close)
            self.rate = self._source.rate
            self.channels = self._source.channels
            self._start = round(start * self.rate)
            self._limit = None if end is None else max(1, round(end * self.rate) - self._start)
            blocks = self._source.blocks(self._start)
            first = next(blocks, None)
            if first is None and not self._start:
                raise AudioDecodeError(
                    f"{shown(path)} holds no sound that can be decoded.", "Copy or download it again."
                )
            if first is None:
                raise UsageError(f"{shown(path)} ends before {start:g} s.", "Name a passage that lies within it.")
            self._blocks = chain([first], blocks)
            self._stack = stack.pop_all()

    def blocks(self) -> Iterator[Channels]:
        """The passage block by block, invalid samples replaced by 0; call it once."""
        for block in self._blocks:
            if self._limit is not None and self.frames + len(block[0]) >= self._limit:
                block = [channel[: self._limit - self.frames] for channel in block]
                self.frames = self._limit
                yield self._valid(block)
                return
            self.frames += len(block[0])
            yield self._valid(block)
        self._complete = True

    def _valid(self, block: Channels) -> Channels:
        if all(channel.max() < LOUDEST and channel.min() > -LOUDEST for channel in block):
            return block
        bad = [~(np.abs(channel) < LOUDEST) for channel in block]
        self._invalid += sum(int(mask.sum()) for mask in bad)
        return [np.where(mask, np.float32(0), channel) for mask, channel in zip(bad, block, strict=True)]

    @property
    def warning(self) -> str:
        """What was odd about the sound given so far; empty if nothing was."""
        notes = []
        decoded = (self._start + self.frames) / self.rate
        promised = self._source.promised
        missing = 0.0 if promised is None or not self._complete else promised - decoded
        if promised and missing > max(TOLERANCE, self._source.slack * promised):
            notes.append(f"decoded {decoded:.1f} of {promised:.1f} s")
        if self._complete and self._source.unfinished:
            notes.append(f"the end is missing after {decoded:.1f} s")
        if self._source.damaged:
            notes.append(f"damaged packets left out: {self._source.damaged}")
        if self._invalid:
            share = self._invalid / (self.frames * self.channels)
            notes.append(f"{share:.2%} of the samples were invalid (NaN or infinite) and were set to 0")
        return "; ".join(notes)

    def close(self) -> None:
        """Release the file; calling it twice is fine."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def load_clip(
    path: AnyPath, *, start: float = 0.0, end: float | None = None, rate: int | None = None, mono: bool = False
) -> Clip:
    """Decode a file, or a passage of it at the cost of that passage.

    Parameters
    ----------
    path : path
        WAV, AIFF, FLAC, MP3, Ogg, Opus, AAC, ALAC, WMA, WavPack, or the sound of a video.
    start, end : float
        The passage in seconds; it ends with the sound if `end` is later or None.
    rate : int, optional
        Resample to this rate in hertz.
    mono : bool
        Mix all channels to one.

    Returns
    -------
    Clip
        Samples are those of a cut of the whole file: to the bit for lossless formats, within the
        codec's rounding for others. A damaged file gives what can be decoded.

    Raises
    ------
    AudioDecodeError
        If the file cannot be decoded.
    UsageError
        If the passage is not ``0 <= start < end`` or starts after the end of the sound.
    """
    if rate is not None:
        check_rate(rate)
    with Decoding(path, start=start, end=end) as decoding:
        blocks = [[mean(block)] if mono else block for block in decoding.blocks()]
        samples = np.stack([np.concatenate(parts) for parts in zip(*blocks, strict=True)])
        clip = Clip(samples, decoding.rate)
    return clip if rate is None else clip.resample(rate)


def file_hash(path: AnyPath) -> str:
    """SHA-256 of a file's bytes, in hexadecimal.

    Raises
    ------
    AudioDecodeError
        If the file cannot be read.
    """
    with _open_regular(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def shown(path: AnyPath) -> str:
    """A path in quotes, with everything that a terminal cannot show as escapes."""
    return repr(os.fsdecode(path))


def _open_regular(path: AnyPath) -> FileIO:
    """Open a regular file; pipes and devices could block for ever."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # noqa: PTH116 - bytes are welcome
            raise AudioDecodeError(f"{shown(path)} is not a regular file.", "Name an audio file.")
        return FileIO(path)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise AudioDecodeError(f"{shown(path)} cannot be opened: {reason}.", "Check name and permissions.") from None


def _open_source(file: FileIO, path: AnyPath) -> Source:
    """Open with the back ends that suit what the file begins with, best first."""
    head = file.read(4)
    if not head:
        raise AudioDecodeError(f"{shown(path)} is empty (0 bytes).", "Copy or download it again.")
    reasons = []
    for name, backend in _backends(head):
        file.seek(0)
        try:
            return backend(file)
        except UnreadableError as error:
            reasons.append(f"{name}: {error}")
    raise AudioDecodeError(
        f"{shown(path)} cannot be decoded as audio ({'; '.join(reasons)}).",
        "Check that it plays elsewhere, or convert it to WAV or FLAC.",
    )


def _backends(head: bytes) -> list[tuple[str, Callable[[FileIO], Source]]]:
    soundfile = ("soundfile", SoundFileSource)
    ffmpeg = ("ffmpeg", AvSource)
    if head in {b"RIFF", b"RIFX", b"RF64", b"FORM", b"caff", b"riff", b".snd"}:
        return [soundfile, ffmpeg]
    if head in {b"fLaC", b"OggS"}:
        return [ffmpeg, soundfile]
    return [ffmpeg]  # libsndfile knows nothing else of note but MP3, which it prints complaints about
