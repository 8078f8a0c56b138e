"""What the makers of a sample wrote into its file: tempo, beats, root note, loop points.

A sound file is a row of chunks: four letters, a size, and so many bytes, padded to an even number. Three kinds speak
of music, and this module knows them byte by byte.

``acid`` of a WAV (24 bytes, little-endian), as Sony's ACID and most programs since write it:

    u32 flags: 1 one-shot, 2 the root note holds, 4 to be stretched, 8 too long for memory, 16 set by its editor
    u16 root note, as in MIDI;  u16 0x8000;  f32 0
    u32 beats;  u16 denominator and u16 numerator of the meter;  f32 tempo in beats per minute

``smpl`` of a WAV (36 bytes and 24 for each loop), the sampler chunk of the RIFF standard:

    u32 manufacturer, product, nanoseconds per sample, unity note, pitch fraction, SMPTE format, SMPTE offset
    u32 number of loops, bytes of the sampler's own;  for each loop
    u32 id, type (0 forward), first sample, last sample (which still plays), fraction, times to play (0 for ever)

``basc`` of an AIFF (22 bytes that are known, big-endian), as Apple Loops have it:

    u32 version, beats;  u16 root note, scale (1 minor, 2 major), numerator, denominator, type (0 loop, 1 one-shot)
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, Final, Literal, TypeAlias

from soundalike.audio.decoding import AnyPath, shown
from soundalike.errors import AudioDecodeError, UsageError

_ACID: Final = struct.Struct("<IHHfIHHf")
_SMPL: Final = struct.Struct("<9I")
_LOOP: Final = struct.Struct("<6I")
_BASC: Final = struct.Struct(">IIHHHHH")

_ONE_SHOT, _ROOT, _STRETCH = 1, 2, 4

_RIFF: Final = (b"RIFF", b"RF64", b"BW64")
"""What a WAV begins with; those of the later two have 64-bit sizes in a chunk ``ds64``."""

_TEMPI: Final = (20.0, 999.0)
_NOTES: Final = range(128)
_DEFAULT_NOTES: Final = (0, 60)
"""Unity notes that programs write which do not know the note."""

_MOST_CHUNKS: Final = 4096
"""A file has a dozen; noise that happens to look like chunks may have millions."""

_LONGEST: Final = 1 << 16
"""Bytes that are read of one chunk; no chunk that is understood here needs more."""

_UNKNOWN_SIZE: Final = 0xFFFFFFFF
"""A size that stands elsewhere, in RF64, or that was not known yet when the file was begun."""


@dataclass(frozen=True, slots=True)
class SampleChunks:
    """What a sample's file says about it; a value is None where it says nothing.

    Attributes
    ----------
    one_shot : bool
        True if it says that it is played once and not in time. False says nothing; a loop has `beats`.
    tempo : float or None
        Beats per minute.
    beats : int or None
        Beats from the first sample to the last.
    root : int or None
        Root note as in MIDI: 60 is the middle C.
    meter : (int, int) or None
        Numerator and denominator.
    loop : (int, int) or None
        First sample of the loop and one past its last.
    mode : {"major", "minor"} or None
        The scale that goes with the root; only Apple Loops tell.
    """

    one_shot: bool = False
    tempo: float | None = None
    beats: int | None = None
    root: int | None = None
    meter: tuple[int, int] | None = None
    loop: tuple[int, int] | None = None
    mode: Literal["major", "minor"] | None = None


def read_chunks(path: AnyPath) -> SampleChunks | None:
    """Read what a WAV (also RF64) or AIFF file says about the sample in it, at the cost of a few small reads.

    Parameters
    ----------
    path : path

    Returns
    -------
    SampleChunks or None
        None where there is no such chunk, in files of other kinds, and where nothing can be read. Values that cannot
        be true, such as a tempo of zero, are left out. Damaged files give what stands before the damage.
    """
    try:
        if not os.path.isfile(path):  # noqa: PTH113 - bytes are welcome; a pipe could block for ever
            return None
        with open(path, "rb") as file:  # noqa: PTH123
            found = {name: _content(file, span) for name, span in _chunks(file) if name in (b"acid", b"smpl", b"basc")}
    except (OSError, ValueError):
        return None
    acid = _read_acid(found.get(b"acid", b""))
    smpl = _read_smpl(found.get(b"smpl", b""))
    basc = _read_basc(found.get(b"basc", b""))
    if acid and smpl:
        root = smpl.root if acid.root is None else acid.root
        return SampleChunks(acid.one_shot, acid.tempo, acid.beats, root, acid.meter, smpl.loop)
    return acid or smpl or basc


def append_chunks(path: AnyPath, chunks: SampleChunks) -> None:
    """Write what is known about a sample behind the sound of a WAV file, which stays as it is.

    The ``acid`` chunk gets everything but the loop; ``smpl`` gets root note and loop, and is written if one of them is
    known. The bytes are added first and the size in the header is mended last, so that a file whose writing was
    stopped plays as before.

    Parameters
    ----------
    path : path
        A whole WAV (or RF64) file without these chunks. It is changed in place.
    chunks : SampleChunks
        Its mode has no place in a WAV and is not written.

    Raises
    ------
    AudioDecodeError
        If it is no WAV file, or not a whole one.
    UsageError
        If it has such chunks already, a value cannot be true, or the file cannot be written.
    """
    _check(chunks)
    try:
        with open(path, "r+b") as file:  # noqa: PTH123
            parts = dict(_chunks(file))
            end = _whole(file, parts, path)
            content = b"\0" * (end & 1) + _acid(chunks)
            if chunks.loop is not None or chunks.root is not None:
                content += _smpl(chunks, _sample_period(file, parts, path))
            place, size = _mended_size(end + len(content), parts, path)
            file.seek(end)
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
            file.seek(place)
            file.write(size)
    except OSError as error:
        raise UsageError(f"{shown(path)} cannot be written: {error.strerror}.", "Check name and permissions.") from None


# Chunks

_Span: TypeAlias = tuple[int, int]
"""Where the content of a chunk begins, and one past its end; the end may lie behind that of a damaged file."""


def _chunks(file: BinaryIO) -> Iterator[tuple[bytes, _Span]]:
    """The chunks of a WAV, RF64 or AIFF file, as far as they make sense; none for other files."""
    length = file.seek(0, 2)
    file.seek(0)
    head = file.read(12)
    riff, kind = head[:4], head[8:]
    if not (riff in _RIFF and kind == b"WAVE") and not (riff == b"FORM" and kind in (b"AIFF", b"AIFC")):
        return
    order: Literal["little", "big"] = "big" if riff == b"FORM" else "little"
    data_size = _UNKNOWN_SIZE
    place = 12
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        header = file.read(8)
        name, size = header[:4], int.from_bytes(header[4:], order)
        if len(header) < 8 or not (name.isascii() and name.decode("ascii").isprintable()):
            return
        if name == b"data" and size == _UNKNOWN_SIZE:
            # Without RF64's own size it reaches to the end, as in streams.
            size = data_size if riff in _RIFF[1:] else length
        begin, place = place + 8, place + 8 + size + (size & 1)
        yield name, (begin, begin + size)
        if name == b"ds64" and riff in _RIFF[1:]:
            file.seek(begin + 8)
            data_size = int.from_bytes(file.read(8), order)
        if place >= length:
            return


def _content(file: BinaryIO, span: _Span) -> bytes:
    here = file.tell()
    file.seek(span[0])
    content = file.read(min(span[1] - span[0], _LONGEST))
    file.seek(here)
    return content


# Reading


def _read_acid(content: bytes) -> SampleChunks | None:
    if len(content) < _ACID.size:
        return None
    flags, root, _, _, beats, denominator, numerator, tempo = _ACID.unpack_from(content)
    return SampleChunks(
        one_shot=bool(flags & _ONE_SHOT),
        tempo=tempo if _TEMPI[0] <= tempo <= _TEMPI[1] else None,
        beats=_counted(beats),
        root=root if flags & _ROOT and root in _NOTES else None,
        meter=_meter(numerator, denominator),
    )


def _read_smpl(content: bytes) -> SampleChunks | None:
    if len(content) < _SMPL.size:
        return None
    head = _SMPL.unpack_from(content)
    note, loops = head[3], head[7]
    loop = None
    if loops and len(content) >= _SMPL.size + _LOOP.size:
        _, kind, first, last, _, _ = _LOOP.unpack_from(content, _SMPL.size)
        loop = (first, last + 1) if kind == 0 and first <= last < _UNKNOWN_SIZE else None
    return SampleChunks(root=note if note in _NOTES and note not in _DEFAULT_NOTES else None, loop=loop)


def _read_basc(content: bytes) -> SampleChunks | None:
    if len(content) < _BASC.size:
        return None
    _, beats, root, scale, numerator, denominator, kind = _BASC.unpack_from(content)
    mode: Literal["major", "minor"] | None = "minor" if scale == 1 else "major" if scale == 2 else None
    return SampleChunks(
        one_shot=kind == 1,
        beats=_counted(beats),
        root=root if root in _NOTES and root else None,
        meter=_meter(numerator, denominator),
        mode=mode,
    )


def _counted(beats: int) -> int | None:
    return beats if 0 < beats < 1 << 16 else None


def _meter(numerator: int, denominator: int) -> tuple[int, int] | None:
    return (numerator, denominator) if 0 < numerator <= 64 and denominator in (1, 2, 4, 8, 16, 32) else None


# Writing


def _check(chunks: SampleChunks) -> None:
    wrong = ""
    if chunks.tempo is not None and not (math.isfinite(chunks.tempo) and _TEMPI[0] <= chunks.tempo <= _TEMPI[1]):
        wrong = f"a tempo of {chunks.tempo:g} BPM"
    if chunks.beats is not None and _counted(chunks.beats) is None:
        wrong = f"{chunks.beats} beats"
    if chunks.root is not None and chunks.root not in _NOTES:
        wrong = f"the root note {chunks.root}"
    if chunks.meter is not None and _meter(*chunks.meter) is None:
        wrong = f"the meter {chunks.meter[0]}/{chunks.meter[1]}"
    if chunks.loop is not None and not 0 <= chunks.loop[0] < chunks.loop[1] < _UNKNOWN_SIZE:
        wrong = f"a loop from sample {chunks.loop[0]} up to {chunks.loop[1]}"
    if wrong:
        raise UsageError(f"A sample cannot have {wrong}.", "Give a value that it can have, or None.")


def _whole(file: BinaryIO, parts: dict[bytes, _Span], path: AnyPath) -> int:
    """Where the last chunk of a whole WAV ends, which is where the file does."""
    length = file.seek(0, 2)
    end = max((span[1] for span in parts.values()), default=0)
    if not {b"fmt ", b"data"} <= parts.keys() or length not in (end, end + (end & 1)):
        raise AudioDecodeError(f"{shown(path)} is not a whole WAV file.", "Name one that plays to its end.")
    if known := sorted(name.decode() for name in parts.keys() & {b"acid", b"smpl"}):
        raise UsageError(f"{shown(path)} has a chunk '{known[0]}' already.", "Write to a file without one.")
    return end


def _sample_period(file: BinaryIO, parts: dict[bytes, _Span], path: AnyPath) -> int:
    """Nanoseconds from one sample to the next."""
    rate = int.from_bytes(_content(file, parts[b"fmt "])[4:8], "little")
    if not rate:
        raise AudioDecodeError(f"{shown(path)} has no sample rate.", "Name one that plays.")
    return round(1e9 / rate)


def _acid(chunks: SampleChunks) -> bytes:
    flags = _ONE_SHOT if chunks.one_shot else _STRETCH if chunks.tempo or chunks.beats else 0
    flags |= 0 if chunks.root is None else _ROOT
    numerator, denominator = chunks.meter or (4, 4)
    root, beats, tempo = chunks.root or 0, chunks.beats or 0, chunks.tempo or 0.0
    return _chunk(b"acid", _ACID.pack(flags, root, 0x8000, 0.0, beats, denominator, numerator, tempo))


def _smpl(chunks: SampleChunks, period: int) -> bytes:
    root = _DEFAULT_NOTES[-1] if chunks.root is None else chunks.root
    loops = b"" if chunks.loop is None else _LOOP.pack(0, 0, chunks.loop[0], chunks.loop[1] - 1, 0, 0)
    return _chunk(b"smpl", _SMPL.pack(0, 0, period, root, 0, 0, 0, len(loops) // _LOOP.size, 0) + loops)


def _chunk(name: bytes, content: bytes) -> bytes:
    return name + len(content).to_bytes(4, "little") + content  # ours are even


def _mended_size(length: int, parts: dict[bytes, _Span], path: AnyPath) -> tuple[int, bytes]:
    """Where in the file its own size stands, and the bytes that say `length`."""
    if b"ds64" in parts:
        return parts[b"ds64"][0], (length - 8).to_bytes(8, "little")
    if length - 8 >= _UNKNOWN_SIZE:
        raise UsageError(f"{shown(path)} is longer than a WAV may be.", "Write it as RF64.")
    return 4, (length - 8).to_bytes(4, "little")
