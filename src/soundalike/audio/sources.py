"""Back ends: an open file to blocks of samples.

Both give the same samples for the same file every time, start at any sample, and hold one block. The
samples of a passage are those of the whole file, to the bit for lossless formats.

* `SoundFileSource` (libsndfile) reads uncompressed sound exactly and fastest.
* `AvSource` (ffmpeg) reads all else. It is preferred for what both read compressed: it takes 2/3 of
  the time for MP3, half for Vorbis, a third for Opus; it reads past damage; it finds any passage of an
  MP3 without a Xing header, whose length libsndfile underestimates; and it never prints.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from io import FileIO
from itertools import chain
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.audio.headers import mp3_is_cut, ogg_is_cut
from soundalike.errors import SoundalikeError

if TYPE_CHECKING:
    from av import AudioFrame, AudioResampler

Channels: TypeAlias = Sequence[NDArray[np.float32]]
"""One array float32 (n,) per channel: decoders give planes, and stacking them costs a copy."""

BLOCK = 65536
"""Samples per block, all channels together: small enough to stay in a core's own cache."""

PREROLL = 1.0
"""Seconds that are decoded before a passage and dropped, for codecs that lean on earlier packets."""

RATES = range(2000, 1_000_001)
"""Sampling rates in hertz that are believed; others come from damaged headers."""

HOPELESS = 8
"""A file with more undecodable packets than this before the first sound is not audio."""

MOST_PLANES = 8
"""Channels of compressed sound that PyAV can hand out safely."""

CONTAINERS = (
    "aac,ac3,aiff,amr,ape,asf,au,caf,dsf,dts,eac3,flac,iff,matroska,mov,mp3,mpc,mpc8,mpeg,mpegts,ogg,tak,tta,"
    "voc,w64,wav,wv,avi,flv"
)
"""Formats that ffmpeg may see in a file. Playlists are not among them: they name other files and hosts."""

LENGTH_STATED = MappingProxyType(
    dict.fromkeys(("aiff", "ape", "caf", "dsf", "flac", "tak", "tta", "w64", "wav", "wv"), 0.0)
    | dict.fromkeys(("asf", "mov", "mp3"), 0.02)
)
"""Formats whose header states how long the sound is (for others ffmpeg estimates), and by what share
sound files of that format differ from it."""


class UnreadableError(SoundalikeError):
    """A back end cannot read a file; the message is the reason in a few words."""


class Source(Protocol):
    """What every back end has; it is made from an unbuffered file at its beginning.

    Attributes
    ----------
    rate, channels : int
        Of everything that `blocks` gives.
    promised : float or None
        Seconds of sound according to the header, where it has a say.
    slack : float
        By what share of `promised` sound files may be shorter.
    unfinished : bool
        Whether the file's end is known to be missing without knowing how much that is.
    damaged : int
        Packets that could not be decoded and were left out so far.
    """

    rate: int
    channels: int
    promised: float | None
    slack: float
    unfinished: bool
    damaged: int

    def blocks(self, start: int) -> Iterator[Channels]:
        """All samples from number `start` on, block by block; call it once."""
        ...

    def close(self) -> None:
        """Release what the back end holds; the file stays open."""
        ...


class SoundFileSource:
    """Reads by libsndfile."""

    def __init__(self, file: FileIO) -> None:
        import soundfile

        self._error = soundfile.LibsndfileError
        try:
            # by descriptor it reads a third faster; on Windows the library does not know Python's descriptors
            self._file = soundfile.SoundFile(file if os.name == "nt" else file.fileno(), closefd=False)
        except self._error as error:
            raise UnreadableError(error.error_string.rstrip(".").lower()) from None
        if not self._file.frames:
            raise UnreadableError("holds no samples")
        self.rate: int = self._file.samplerate
        self.channels: int = self._file.channels
        _check_rate(self.rate)
        self.promised: float | None = self._promise(self._file.extra_info)
        self.slack = 0.0
        self.unfinished = False
        self.damaged = 0

    def _promise(self, log: str) -> float:
        """Length that the chunk headers claim, where libsndfile notes that the file is shorter."""
        shares = [1.0]
        for claimed, found in re.findall(r"(?i)\b(?:riff|form|data|ssnd)\s*: (\d+) \(should be (\d+)\)", log):
            if int(claimed) < 0x7FFF0000:  # such sizes are placeholders of programs that could not seek back
                shares.append(int(claimed) / max(1, int(found)))
        return float(max(shares) * self._file.frames / self.rate)

    def blocks(self, start: int) -> Iterator[Channels]:
        """All samples from number `start` on."""
        size = max(1, BLOCK // self.channels)
        while True:
            try:
                if start:
                    self._file.seek(min(start, self._file.frames))
                    start = 0
                samples = self._file.read(size, dtype="float32", always_2d=True)
            except self._error:
                self.damaged += 1
                return
            if not len(samples):
                return
            yield list(np.ascontiguousarray(samples.T))  # makes every later step several times faster

    def close(self) -> None:
        """Release libsndfile's handle."""
        self._file.close()


class AvSource:
    """Reads the first audio stream of a file by ffmpeg."""

    def __init__(self, file: FileIO) -> None:
        import av

        self._av = av
        self._converter: tuple[tuple[object, ...], AudioResampler] | None = None
        self.damaged = 0
        try:
            self._container = av.open(_Reader(file), mode="r", options={"format_whitelist": CONTAINERS})
        except (av.FFmpegError, OSError, ValueError) as error:
            raise UnreadableError(_reason(error)) from None
        try:
            self._open_stream()
            name = self._container.format.name.partition(",")[0]
            self.slack = LENGTH_STATED.get(name, 0.0)
            self.promised = self._promise(file) if name in LENGTH_STATED else None
            self.unfinished = name == "ogg" and ogg_is_cut(file)
        except BaseException:
            self._container.close()
            raise

    def _open_stream(self) -> None:
        """Decode the first frame: only it tells the rate, and the time at which sound begins."""
        if not self._container.streams.audio:
            raise UnreadableError("holds no audio stream")
        self._stream = self._container.streams.audio[0]
        if self._stream.codec_context is None:
            raise UnreadableError("holds sound in an unknown codec")
        if self._stream.codec_context.name == "flac":  # it would play damaged frames; others conceal them well
            self._stream.codec_context.options = {"err_detect": "crccheck+explode"}
        self._ahead = self._frames()
        first = next(self._ahead, None)
        if first is None or self.damaged > HOPELESS:
            raise UnreadableError("holds no sound that can be decoded")
        _check_rate(first.sample_rate)
        if first.format.is_planar and first.layout.nb_channels > MOST_PLANES:
            raise UnreadableError(f"has {first.layout.nb_channels} channels")
        self._first = first
        self._origin = _time(first)
        self._spec = _spec(first)
        self.rate = first.sample_rate
        self.channels = first.layout.nb_channels

    def _promise(self, file: FileIO) -> float | None:
        if self._stream.duration is None or not self._stream.time_base:
            return None
        if self._container.format.name == "mp3" and not mp3_is_cut(file):
            return None  # its duration may be an estimate
        return float(self._stream.duration * self._stream.time_base)

    def blocks(self, start: int) -> Iterator[Channels]:
        """All samples from number `start` on."""
        fifo = self._av.AudioFifo()
        size = max(1, BLOCK // self.channels)
        frames, drop = self._frames_from(start)
        last: tuple[int | None, int] = None, 0
        for frame in chain.from_iterable(map(self._uniform, frames)):
            if drop >= frame.samples:
                drop -= frame.samples
                continue
            last = frame.pts, frame.samples
            frame.pts = None  # the queue would insist on gapless time stamps
            fifo.write(frame)
            if drop:
                fifo.read(drop)
                drop = 0
            while block := fifo.read(size):
                yield _channels(block)
        if rest := fifo.read(partial=True):
            yield _channels(rest)
        if self.promised is None and last[0] is not None and self._stream.time_base:
            # packets lost between two others show in the time stamps only
            self.promised = float(last[0] * self._stream.time_base) - self._origin + last[1] / self.rate

    def _frames_from(self, start: int) -> tuple[Iterator[AudioFrame], int]:
        """Frames that begin at or before sample `start`, and how many samples to drop from them."""
        if start <= 2 * PREROLL * self.rate:
            return chain([self._first], self._ahead), start
        for time in (start / self.rate - PREROLL, 0.0):
            frames = self._frames_near(time)
            first = next(frames, None)
            self.damaged = 0  # packets right after a jump lack what they lean on; that is no damage
            if first is None:
                continue
            position = 0 if first.pts is None else self._position(first)
            if position <= start:
                return chain([first], frames), start - position
        return iter(()), 0

    def _position(self, frame: AudioFrame) -> int:
        """Number of a frame's first sample. Time stamps in whole milliseconds are brought to the grid of frames."""
        position = round((_time(frame) - self._origin) * self.rate)
        whole = self._first.samples + round((position - self._first.samples) / frame.samples) * frame.samples
        tick = float(frame.time_base or 0) * self.rate
        return whole if tick > 1 and abs(whole - position) <= tick else position

    def _frames_near(self, time: float) -> Iterator[AudioFrame]:
        """Frames from shortly before `time`, in seconds after the first sample."""
        base = self._stream.time_base
        assert base is not None  # every demuxer sets it
        try:
            self._container.seek(round((self._origin + time) / base), stream=self._stream)
        except self._av.FFmpegError:
            return iter(())
        return self._frames()

    def _frames(self) -> Iterator[AudioFrame]:
        """Decode packet by packet, leaving out what cannot be decoded."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except (self._av.FFmpegError, OSError):
                self.damaged += 1
                return
            try:
                yield from packet.decode()
            except self._av.FFmpegError:
                self.damaged += 1

    def _uniform(self, frame: AudioFrame) -> list[AudioFrame]:
        """The frame, converted if its rate or channels changed in the middle of the stream."""
        spec = _spec(frame)
        if spec == self._spec:
            return [frame]
        try:
            if self._converter is None or self._converter[0] != spec:
                first = self._first
                self._converter = spec, self._av.AudioResampler(first.format, first.layout, first.sample_rate)
            return self._converter[1].resample(frame)
        except (self._av.FFmpegError, ValueError):
            self.damaged += 1
            return []

    def close(self) -> None:
        """Release the decoder."""
        self._container.close()


class _Reader:
    """A file for ffmpeg, which may seek to impossible places in damaged files."""

    def __init__(self, file: FileIO) -> None:
        self.read = file.read
        self.tell = file.tell
        self._seek = file.seek

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move; -1 where that cannot be."""
        try:
            return self._seek(offset, whence)
        except (OSError, ValueError):
            return -1


def _check_rate(rate: int) -> None:
    if rate not in RATES:
        raise UnreadableError(f"claims a sampling rate of {rate} Hz")


def _spec(frame: AudioFrame) -> tuple[object, ...]:
    return frame.format.name, frame.layout.name, frame.sample_rate


def _time(frame: AudioFrame) -> float:
    """Time stamp in seconds."""
    return float(frame.pts * frame.time_base) if frame.pts is not None and frame.time_base else 0.0


def _channels(frame: AudioFrame) -> Channels:
    """A frame's samples; integers are scaled to -1..1."""
    dtype = _DTYPES[frame.format.name.removesuffix("p")]
    count = frame.layout.nb_channels
    buffers: tuple[Any, ...] = frame.planes[:count]  # of eight channels PyAV lists nine planes
    if frame.format.is_planar:
        planes = [np.frombuffer(buffer, dtype, frame.samples) for buffer in buffers]
    else:
        planes = list(np.frombuffer(buffers[0], dtype, frame.samples * count).reshape(-1, count).T)
    return [_scaled(plane) for plane in planes]


_DTYPES: dict[str, type[np.number[Any]]] = {
    "u8": np.uint8,
    "s16": np.int16,
    "s32": np.int32,
    "s64": np.int64,
    "flt": np.float32,
    "dbl": np.float64,
}


def _scaled(plane: NDArray[Any]) -> NDArray[np.float32]:
    if plane.dtype.kind == "f":
        with np.errstate(over="ignore"):  # infinite samples are dealt with later
            return plane.astype(np.float32, copy=False)
    samples = plane.astype(np.float32)
    if plane.dtype == np.uint8:
        samples -= 128.0
    samples *= np.float32(2.0 ** (1 - 8 * plane.dtype.itemsize))
    return samples


def _reason(error: Exception) -> str:
    """An error of ffmpeg in a few words."""
    return str(getattr(error, "strerror", None) or error).rstrip(".").lower()
