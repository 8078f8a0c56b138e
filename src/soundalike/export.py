"""Write tracks to playlists and tables, and facet vectors to arrays."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

import numpy as np

from soundalike.atomic import write_atomically
from soundalike.errors import MissingExtraError, UsageError
from soundalike.facets import FacetVectors, Space, sections
from soundalike.notes import Transcription, tones_of
from soundalike.tracks import Track, printable

PLAYLISTS = (".m3u8", ".m3u", ".xspf", ".csv", ".json")
ARRAYS = (".npz", ".parquet")
MIDI = (".mid", ".midi")

_TICKS_PER_BEAT = 480


def write_tracks(out: Path, tracks: Sequence[Track], *, absolute: bool = False) -> None:
    """Write a list of tracks; the suffix of `out` says how (see `PLAYLISTS`).

    Parameters
    ----------
    out : Path
    tracks : sequence of Track
        In the order to write.
    absolute : bool
        Keep absolute paths. By default paths are relative to the folder of `out`, so that the
        playlist can move together with the music.

    Raises
    ------
    UsageError
        For any other suffix.
    """
    writers: dict[str, Callable[[Sequence[tuple[Track, str]]], str]] = {
        ".m3u8": _m3u8,
        ".m3u": _m3u8,
        ".xspf": _xspf,
        ".csv": _csv,
        ".json": _json,
    }
    if out.suffix.lower() not in writers:
        raise UsageError(f"'{out}' has no known suffix.", f"Use one of {', '.join(PLAYLISTS + ARRAYS)}.")
    base = os.path.abspath(out.parent)  # noqa: PTH100
    located = [(track, track.path if absolute else _relative(track.path, base)) for track in tracks]
    text = writers[out.suffix.lower()](located)
    write_atomically(out, text.encode("utf-8", "surrogateescape"))


def write_vectors(
    out: Path, tracks: Sequence[tuple[str, FacetVectors]], space: Space, *, excerpts: bool = False
) -> None:
    """Write facet vectors as .npz (no pickling) or .parquet.

    Parameters
    ----------
    out : Path
    tracks : sequence of (path, FacetVectors)
    space : Space
    excerpts : bool
        One row per excerpt. By default one row per track: the direction of the mean over all.
    """
    check_arrays(out)
    columns = vector_columns(tracks, space, excerpts=excerpts)
    if out.suffix.lower() == ".parquet":
        _parquet(out, columns)
    else:
        buffer = io.BytesIO()
        np.savez(buffer, allow_pickle=False, **columns)
        write_atomically(out, buffer.getvalue())


def check_arrays(out: Path) -> None:
    """Raise what `write_vectors` would raise for such a file: better before hours of listening than after.

    Raises
    ------
    UsageError
        If the suffix is none of `ARRAYS`, or the folder does not exist.
    MissingExtraError
        If the format needs a package that is not installed.
    """
    if out.suffix.lower() not in ARRAYS:
        raise UsageError(f"'{out}' is not a file of vectors.", f"Use one of {', '.join(ARRAYS)}.")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"'{out}' cannot be written: its folder does not exist.", "Make the folder first.")
    if out.suffix.lower() == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError(
            "Writing .parquet needs pyarrow, which is not installed.",
            "Install it with: pip install 'soundalike[parquet]', or write .npz.",
        )


def vector_columns(
    tracks: Sequence[tuple[str, FacetVectors]], space: Space, *, excerpts: bool = False
) -> dict[str, np.ndarray]:
    """``paths``, ``start``, ``end``, one float32 (n, dim) array per facet, and ``space``.

    A file in which nothing was heard keeps its row: zero vectors from 0 to 0 s.
    """
    nothing = FacetVectors(
        np.zeros(1), np.zeros(1), {facet: np.zeros((1, space.dim), np.float32) for facet in space.facets}
    )
    rows = [(path, vectors if len(vectors) else nothing) for path, vectors in tracks]
    if not excerpts:
        rows = [(path, sections(vectors, seconds=np.inf)) for path, vectors in rows]
    paths = [path.encode("utf-8", "backslashreplace").decode() for path, vectors in rows for _ in range(len(vectors))]
    columns = {
        "paths": np.array(paths, np.str_),
        "start": _join([vectors.start for _, vectors in rows]),
        "end": _join([vectors.end for _, vectors in rows]),
    }
    for facet in space.facets:
        found = [vectors.vectors[facet] for _, vectors in rows]
        columns[facet] = np.concatenate(found) if found else np.zeros((0, space.dim), np.float32)
    return columns | {"space": np.array(space.name)}


def check_midi(out: Path) -> None:
    """Raise what `write_midi` would raise for such a file, before anything is listened to.

    Raises
    ------
    UsageError
        If the suffix is not .mid or .midi, or the folder does not exist.
    """
    if out.suffix.lower() not in MIDI:
        raise UsageError(f"'{out}' is not a MIDI file.", f"Use one of {', '.join(MIDI)}.")
    if not out.absolute().parent.is_dir():
        raise UsageError(f"'{out}' cannot be written: its folder does not exist.", "Make the folder first.")


def write_midi(out: Path, transcription: Transcription, *, tempo: float | None = None, start: float = 0.0) -> None:
    """Write notes and chords as a standard MIDI file with a track for the lead, the chords and the bass.

    Parameters
    ----------
    out : Path
    transcription : Transcription
    tempo : float, optional
        Beats per minute; the default is 120. Times in seconds are kept whatever the tempo.
    start : float
        Second of the track that the file begins with.
    """
    import mido

    check_midi(out)
    per_minute = tempo or 120.0
    song = mido.MidiFile(type=1, ticks_per_beat=_TICKS_PER_BEAT, charset="utf-8")
    song.tracks.append(
        mido.MidiTrack(
            [mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(per_minute)), mido.MetaMessage("end_of_track")]
        )
    )
    rate = per_minute / 60.0 * _TICKS_PER_BEAT
    for channel, (name, program, played) in enumerate(_parts(transcription)):
        events = [
            (max(round((second - start) * rate), 0), on, pitch)
            for first, last, pitch in played
            for second, on in ((first, True), (last, False))
        ]
        track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
        track.append(mido.Message("program_change", program=program, channel=channel))
        now = 0
        for tick, on, pitch in sorted(events):  # at one time ends come before beginnings
            velocity = 80 if on else 0
            track.append(mido.Message("note_on", note=pitch, velocity=velocity, time=tick - now, channel=channel))
            now = tick
        song.tracks.append(track)
    buffer = io.BytesIO()
    song.save(file=buffer)
    write_atomically(out, buffer.getvalue())


def _parts(transcription: Transcription) -> Iterator[tuple[str, int, list[tuple[float, float, int]]]]:
    """Name, General MIDI program and notes (start, end, pitch) of every part."""
    lead = [(start, start + length, pitch) for start, length, pitch in transcription.notes.tolist()]
    chords = transcription.chords.tolist()
    tones = [(start, start + length, 48 + tone) for start, length, *_, mask in chords for tone in tones_of(mask)]
    bass = [(start, start + length, 36 + low) for start, length, _, low, _ in chords]
    yield from (("lead", 73, lead), ("chords", 0, tones), ("bass", 32, bass))


def _join(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts) if parts else np.zeros(0)


def _relative(path: str, base: str) -> str:
    try:
        return os.path.relpath(path, base)
    except ValueError:  # another drive
        return path


def _label(track: Track) -> str:
    return f"{track.artist} - {track.name}" if track.artist else track.name


def _m3u8(tracks: Sequence[tuple[Track, str]]) -> str:
    lines = ["#EXTM3U"]
    for track, location in tracks:
        if "\n" in location or "\r" in location:
            continue  # the format has no way to write such a name
        name = f"./{location}" if location.startswith("#") else location  # or it would be a comment
        lines += [f"#EXTINF:{round(track.duration)},{' '.join(_label(track).split())}", name]
    return "\n".join(lines) + "\n"


def _xspf(tracks: Sequence[tuple[Track, str]]) -> str:
    root = ElementTree.Element("playlist", version="1", xmlns="http://xspf.org/ns/0/")
    listing = ElementTree.SubElement(root, "trackList")
    for track, location in tracks:
        entry = ElementTree.SubElement(listing, "track")
        prefix = "file://" if os.path.isabs(location) else ""  # noqa: PTH117
        ElementTree.SubElement(entry, "location").text = prefix + quote(os.fsencode(location))
        for name, text in (("title", track.name), ("creator", track.artist), ("album", track.album)):
            if text:
                ElementTree.SubElement(entry, name).text = printable(text)  # XML has no control characters
        ElementTree.SubElement(entry, "duration").text = str(round(track.duration * 1000))
    ElementTree.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ElementTree.tostring(root, encoding="unicode") + "\n"


_COLUMNS = ("id", "title", "artist", "album", "duration", "tempo", "key", "camelot", "family", "kind")


def _csv(tracks: Sequence[tuple[Track, str]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow([*_COLUMNS, "path"])
    writer.writerows([*(getattr(track, name) for name in _COLUMNS), location] for track, location in tracks)
    return buffer.getvalue()


def _json(tracks: Sequence[tuple[Track, str]]) -> str:
    return json.dumps([asdict(track) | {"path": location} for track, location in tracks], indent=1) + "\n"


def _parquet(out: Path, columns: dict[str, np.ndarray]) -> None:
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {
        name: pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), values.shape[1])
        if values.ndim == 2
        else pa.array(values.tolist())
        for name, values in columns.items()
        if name != "space"
    }
    table = pa.table(arrays).replace_schema_metadata({"space": str(columns["space"])})
    buffer = io.BytesIO()
    parquet.write_table(table, buffer)
    write_atomically(out, buffer.getvalue())
