"""How well beats and bars are found where they are known: in rendered pieces, performed drumming and songs.

How to use it
-------------
``soundalike research beats [--data DATA] [--demo DEMO]`` measures everything that can be made here: pieces of the split
"test" on a SoundFont that no net has heard, the demo pieces, and, with DATA, the test drummers of ``groove_midi`` and
the test songs of ``pop909``, both on that SoundFont.

Conventions
-----------
* A beat is found if one lies within 70 ms; each counts once. The F-measure is that of M. Davies, N. Degara and
  M. Plumbley, "Evaluation methods for musical audio beat tracking algorithms" (2009), with nothing left out at the
  beginning.
* "any level": the best F-measure with every beat, every second beat from either, or beats and halves as reference.
* A tempo is right within 4 %; "octaves" also takes its half and double.
* Errors are medians over pieces of the median distance of the beats found, in milliseconds.
* What is not found at all has an F-measure of 0. Intervals are 95 %, by bootstrap over pieces.
* Where librosa is installed, its beats (D. Ellis, 2007) stand beside; it knows no bars.
"""

from __future__ import annotations

import csv
import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.audio import load_clip
from soundalike.bars import find_bars
from soundalike.research.evaluation.drum_performances import read_hits
from soundalike.research.evaluation.metrics import with_interval
from soundalike.research.evaluation.report import share, table
from soundalike.research.music.composer import Split, stream
from soundalike.research.music.material import find_material
from soundalike.research.music.midi_scores import notes_of, read_midi, seconds_to_beats
from soundalike.research.music.performer import PieceSpec, perform
from soundalike.research.renderer import render
from soundalike.research.sound.orchestra import Palette, draw_timbre, sound_drums, sound_notes
from soundalike.research.sound.synthesizer import Sounding, loudness

Times: TypeAlias = NDArray[np.float64]
Heard: TypeAlias = tuple[Times, Times]
"""Beats, and those that begin a bar, in seconds."""

TOLERANCE: Final = 0.07
KNOWS_NO_BARS: Final = ("librosa", "downbeats")
"""System and measure that is left out of the table."""
RATE: Final = 22050
SECONDS: Final = 30.0
_LOUDNESS: Final = -18.0
_SLOWEST, _FASTEST = 60.0, 190.0


@dataclass(frozen=True, slots=True, eq=False)
class Piece:
    """Sound whose beats are known.

    Attributes
    ----------
    samples : float32, shape (n,)
        At `RATE`.
    beats, downbeats : float64
        In seconds.
    tempo : float
        Beats per minute.
    """

    samples: NDArray[np.float32]
    beats: Times
    downbeats: Times
    tempo: float


def rendered(count: int, *, first: int = 0, split: Split = "test", palette: Palette = "fonts-test") -> Iterator[Piece]:
    """Pieces, plain and rich, with and without drums and mastering, in bars of 2, 3 and 4."""
    for number in range(first, first + count):
        rng = stream("beat measurement", number, split)
        rich, tempo = bool(rng.random() < 0.6), float(np.exp(rng.uniform(np.log(_SLOWEST), np.log(_FASTEST))))
        melody, harmony, groove, timbre, nuisance = (int(seed) for seed in rng.integers(2**31, size=5))
        spec = PieceSpec(
            melody,
            harmony,
            groove,
            tempo,
            timbre,
            key=int(rng.integers(12)),
            nuisance=nuisance,
            duration=SECONDS,
            split=split,
            palette=palette,
            production="varied" if rng.random() < 0.5 else "plain",
            style="rich" if rich else "plain",
            meter=int(rng.choice([4, 4, 4, 3, 2])) if rich else 4,
            parts=None if rng.random() < 0.85 else ("lead", "comp", "pad", "bass"),
        )
        played = perform(spec)
        downbeats = played.downbeats[::2] if played.meter == 2 else played.downbeats
        yield Piece(render(spec, rate=RATE).samples[0], played.beats, downbeats, played.tempo)


def drummed(folder: Path, count: int, *, split: Split = "test", palette: Palette = "fonts-test") -> Iterator[Piece]:
    """Drummers of the Groove MIDI Dataset, who play to a click, somewhere in their performance."""
    tested = set(find_material(split, drums=folder).drums)
    with (folder / "info.csv").open(encoding="utf-8", newline="") as file:
        lines = [line for line in csv.DictReader(file) if folder / line["midi_filename"] in tested]
    long = [line for line in lines if line["beat_type"] == "beat" and float(line["duration"]) > 22.0]
    usable = [line for line in long if line["time_signature"] in ("4-4", "3-4")]
    rng = np.random.default_rng(0)
    for place in rng.permutation(len(usable))[:count]:
        line = usable[place]
        length, tempo = float(line["duration"]), float(line["bpm"])
        start = float(rng.uniform(0.0, max(0.0, length - SECONDS)))
        seconds = min(SECONDS, length - start)
        hits: dict[str, list[tuple[float, float]]] = {}
        for at, name, velocity in read_hits(str(folder / line["midi_filename"])):
            if 0.0 <= at - start < seconds:
                hits.setdefault(name, []).append((at - start, velocity))
        kit = draw_timbre(int(rng.integers(2**31)), split, palette).kit
        sound = _loud(sound_drums(kit, hits, rate=RATE, length=round(seconds * RATE)))
        beats = np.arange(0.0, length, 60.0 / tempo) - start
        downbeats = beats[:: int(line["time_signature"][0])]
        yield Piece(sound, _inside(beats, seconds), _inside(downbeats, seconds), tempo)


def sung(folder: Path, count: int, *, split: Split = "test", palette: Palette = "fonts-test") -> Iterator[Piece]:
    """Songs of POP909, tune and piano without drums, somewhere in their first minute and a half."""
    songs = find_material(split, songs=folder).songs
    rng = np.random.default_rng(0)
    for place in rng.permutation(len(songs))[:count]:
        name, start = songs[place].name, float(rng.uniform(15.0, 60.0))
        midi = read_midi(songs[place] / f"{name}.mid")
        timbre = draw_timbre(int(rng.integers(2**31)), split, palette)
        known = np.loadtxt(songs[place] / "beat_midi.txt")
        seconds = np.arange(0.0, 400.0, 0.005)
        mix = np.zeros(round(SECONDS * RATE), np.float32)
        if midi is None:
            continue
        clock = seconds_to_beats(midi, seconds)
        for track in midi.tracks:
            notes = []
            for note in notes_of(track, midi.ticks_per_beat):
                begin, end = np.interp([note.start, note.end], clock, seconds) - start
                if 0.0 <= begin < SECONDS - 0.05:
                    notes.append(Sounding(float(begin), max(0.05, float(end - begin)), note.pitch, note.velocity))
            if notes:
                player = timbre.lead if "MELODY" in str(track.name).upper() else timbre.comp
                mix += _loud(sound_notes(player, notes, rate=RATE, length=len(mix)))
        beats, downbeats = (_inside(times - start, SECONDS) for times in (known[:, 0], known[known[:, 2] == 1, 0]))
        if len(beats) > 10:
            yield Piece(_loud(mix), beats, downbeats, 60.0 / float(np.median(np.diff(beats))))


def demonstrated(folder: Path) -> Iterator[Piece]:
    """The pieces of the demo pack."""
    for entry in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))["pieces"]:
        played = perform(PieceSpec(**entry["spec"]))
        sound = load_clip(folder / entry["file"], rate=RATE, mono=True).samples[0]
        yield Piece(sound, played.beats, played.downbeats, played.tempo)


def _inside(times: Times, seconds: float) -> Times:
    return times[(times >= 0.0) & (times < seconds)]


def _loud(sound: NDArray[np.float32]) -> NDArray[np.float32]:
    gain = 10 ** ((_LOUDNESS - max(loudness(sound[None], rate=RATE), -70.0)) / 20)
    return np.asarray(np.clip(sound * np.float32(gain), -0.95, 0.95), np.float32)


def f_measure(known: Times, found: Times, *, tolerance: float = TOLERANCE) -> float:
    """Harmonic mean of the shares of known beats that are found and of found ones that are known, 0 to 1.

    Parameters
    ----------
    known, found : float64
        In seconds, in order.
    tolerance : float
        Seconds; each beat is matched with one at most.
    """
    hits = i = j = 0
    while i < len(known) and j < len(found):
        if abs(known[i] - found[j]) <= tolerance:
            hits, i, j = hits + 1, i + 1, j + 1
        elif known[i] < found[j]:
            i += 1
        else:
            j += 1
    return 2.0 * hits / max(len(known) + len(found), 1)


def score(piece: Piece, heard: Heard | None) -> dict[str, float]:
    """What is right about the beats found in one piece; the error is NaN where nothing is."""
    found, downbeats = heard or (np.zeros(0), np.zeros(0))
    halves = np.sort(np.concatenate([piece.beats, (piece.beats[1:] + piece.beats[:-1]) / 2]))
    levels = (piece.beats, piece.beats[::2], piece.beats[1::2], halves)
    tempo = 60.0 / float(np.median(np.diff(found))) if len(found) > 1 else 0.0
    nearest = np.array([np.abs(piece.beats - beat).min() for beat in found])
    near = nearest[nearest <= TOLERANCE] if len(found) else nearest
    return {
        "beats": f_measure(piece.beats, found),
        "beats, any level": max(f_measure(level, found) for level in levels),
        "downbeats": f_measure(piece.downbeats, downbeats),
        "tempo": float(abs(tempo / piece.tempo - 1.0) < 0.04),
        "tempo, octaves": float(min(abs(tempo / piece.tempo * ratio - 1.0) for ratio in (0.5, 1.0, 2.0)) < 0.04),
        "error": 1e3 * float(np.median(near)) if len(near) else float("nan"),
    }


def measure(pieces: Iterable[Piece], system: Callable[[Path], Heard | None]) -> dict[str, Any]:
    """Scores of a system over pieces, with intervals, and its processor seconds for three minutes of music."""
    rows, spent, length = [], 0.0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "piece.wav"
        for piece in pieces:
            soundfile.write(path, piece.samples, RATE)
            begun = time.process_time()
            heard = system(path)
            spent, length = spent + time.process_time() - begun, length + len(piece.samples) / RATE
            rows.append(score(piece, heard) | {"heard": float(heard is not None)})
    right = [row["downbeats"] for row in rows if row["beats"] >= 0.9]
    errors = [row["error"] for row in rows if np.isfinite(row["error"])]
    shares = {
        name: with_interval(np.array([row[name] for row in rows])).to_json() for name in rows[0] if name != "error"
    }
    return {
        "pieces": len(rows),
        **shares,
        "downbeats where beats are right": with_interval(np.array(right)).to_json() if right else None,
        "error, ms": round(float(np.median(errors)), 2) if errors else None,
        "seconds for three minutes": round(spent / length * 180.0, 3),
    }


def ours(path: Path) -> Heard | None:
    """What this package finds."""
    bars = find_bars(path)
    return None if bars is None else (bars.beats, bars.downbeats)


def librosa_beats(path: Path) -> Heard | None:
    """What librosa finds: no bars."""
    import librosa

    samples = load_clip(path, rate=RATE, mono=True).samples[0]
    _, beats = librosa.beat.beat_track(y=samples, sr=RATE, units="time")
    return np.asarray(beats, np.float64), np.zeros(0)


def measure_all(data: Path | None = None, demo: Path | None = None, *, count: int = 60) -> dict[str, Any]:
    """Measure on everything that is here.

    Parameters
    ----------
    data : Path, optional
        Folder that may hold ``groove_midi`` and ``pop909``.
    demo : Path, optional
        Folder of the demo pack.
    count : int
        Pieces of each kind.

    Returns
    -------
    dict
        By kind of music and system.
    """
    kinds: dict[str, list[Piece]] = {"rendered": list(rendered(count))}
    if data is not None and (data / "groove_midi").is_dir():
        kinds["drummed"] = list(drummed(data / "groove_midi", count))
    if data is not None and (data / "pop909").is_dir():
        kinds["songs without drums"] = list(sung(data / "pop909", count))
    if demo is not None and demo.is_dir():
        kinds["demo"] = list(demonstrated(demo))
    systems: dict[str, Callable[[Path], Heard | None]] = {"soundalike": ours}
    try:
        import librosa  # noqa: F401
    except ImportError:
        pass
    else:
        systems["librosa"] = librosa_beats
    return {kind: {name: measure(pieces, system) for name, system in systems.items()} for kind, pieces in kinds.items()}


def tables(document: Mapping[str, Any]) -> list[str]:
    """All figures in one table of Markdown, in per cent and milliseconds."""
    columns = ("beats", "beats, any level", "downbeats", "tempo", "tempo, octaves")
    rows = []
    for kind, systems in document.items():
        for system, found in systems.items():
            cells = ["" if (system, name) == KNOWS_NO_BARS else share(found[name]) for name in columns]
            rows.append([f"{kind} ({found['pieces']})", system, *cells, f"{found['error, ms']}"])
    return table(["music (pieces)", "", *columns, "error, ms"], rows)
