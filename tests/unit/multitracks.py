"""Makes tiny multitrack songs in every layout, and a generator that costs nothing, for tests."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import mido
import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.research.generation import Condition
from soundalike.separators import StemFile

RATE = 16000


def tune(pitches: Sequence[int], seconds: float = 0.5, rate: int = RATE) -> NDArray[np.float32]:
    """Notes one after another, each of a few partials, float32 (n,)."""
    time = np.arange(round(seconds * rate)) / rate
    notes = []
    for pitch in pitches:
        hertz = 440.0 * 2.0 ** ((pitch - 69) / 12)
        tone = sum(np.sin(2 * np.pi * k * hertz * time) / k**2 for k in (1, 2, 3, 4))
        notes.append(0.3 * tone * np.minimum(1.0, time / 0.01) * np.exp(-time))
    return np.concatenate(notes).astype(np.float32)


def strum(roots: Sequence[int], seconds: float = 1.0) -> NDArray[np.float32]:
    """Major chords one after another, float32 (n,)."""
    return np.asarray(sum(tune([root + step for root in roots], seconds) for step in (0, 4, 7, 12)), np.float32) / 3


def beats(seed: int, per_second: float, seconds: float = 4.0, rate: int = RATE) -> NDArray[np.float32]:
    """Decaying noises at an even pace, float32 (n,)."""
    rng = np.random.default_rng(seed)
    sound = np.zeros(round(seconds * rate))
    tail = np.exp(-np.arange(round(0.1 * rate)) / (0.02 * rate))
    for start in np.arange(0.05, seconds - 0.2, 1 / per_second):
        first = round(start * rate)
        sound[first : first + len(tail)] += 0.5 * tail * rng.standard_normal(len(tail))
    return sound.astype(np.float32)


def hum(seed: int, seconds: float = 4.0, rate: int = RATE) -> NDArray[np.float32]:
    """Noise that is always there, float32 (n,)."""
    return (0.1 * np.random.default_rng(seed).standard_normal(round(seconds * rate))).astype(np.float32)


def write(path: Path, samples: NDArray[np.float32], rate: int = RATE) -> None:
    """Write a sound file, and the folders that it lies in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate)


def moisesdb(root: Path, songs: Sequence[str] = ("one", "two", "three", "four")) -> Path:
    """Songs as MoisesDB has them: a bass, a piano, and a kit of two files."""
    for i, song in enumerate(songs):
        stems = {
            "bass": {f"b{i}": ("bass guitar", hum(10 * i))},
            "piano": {f"p{i}": ("grand piano", hum(10 * i + 1))},
            "drums": {
                f"k{i}": ("kick drum", beats(10 * i + 2, 4.0 + 0.5 * i)),
                f"s{i}": ("snare drum", beats(10 * i + 3, 3.0)),
            },
        }
        for stem, tracks in stems.items():
            for name, (_, samples) in tracks.items():
                write(root / song / stem / f"{name}.wav", samples)
        listed = [
            {"stemName": stem, "tracks": [{"id": name, "trackType": kind} for name, (kind, _) in tracks.items()]}
            for stem, tracks in stems.items()
        ]
        (root / song / "data.json").write_text(json.dumps({"song": song, "stems": listed}))
    return root


def musdb(root: Path) -> Path:
    """Songs as MUSDB18-HQ has them."""
    for i, song in enumerate(("train/A - One", "test/B - Two")):
        for j, stem in enumerate(("drums", "bass", "other", "vocals", "mixture")):
            write(root / song / f"{stem}.wav", hum(10 * i + j, 1.0))
    return root


METADATA = """\
UUID: 1a81ae092884234f3264e2f45927f00a
audio_dir: stems
normalized: true
stems:
  S00:
    audio_rendered: true
    inst_class: Strings (continued)
    is_drum: false
    midi_program_name: String Ensemble 1
    plugin_name: 'strings: all.nkm'
  S01:
    inst_class: Drums
    is_drum: true
    midi_program_name: Drums
  S02:
    inst_class: Nothing known
    midi_program_name: Gunshot
  S03:
    inst_class: Piano
    midi_program_name: Never Rendered
target_peak: -1.0
"""


def slakh(root: Path, *, tempi: Sequence[float] = (98.0,)) -> Path:
    """A track as Slakh2100 has it; S03 was not rendered."""
    folder = root / "train" / "Track00001"
    for i in range(3):
        write(folder / "stems" / f"S0{i}.flac", hum(i, 1.0))
    write(folder / "mix.flac", hum(9, 1.0))
    (folder / "metadata.yaml").write_text(METADATA)
    midi = mido.MidiFile()
    midi.tracks.append(mido.MidiTrack(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(bpm)) for bpm in tempi))
    midi.save(folder / "all_src.mid")
    return root


class ToySeparator:
    """Takes the left channel of a file for its drums, and the right one for its bass."""

    name = "toy-1"
    stems = ("mix", "drums", "bass")
    gate = 20.0

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Nothing that builds triplets asks for this."""
        raise NotImplementedError

    @contextmanager
    def files(self, path: str, *, start: float = 0.0, end: float | None = None) -> Iterator[Mapping[str, StemFile]]:
        """Write both channels to files of their own."""
        samples, rate = soundfile.read(path, dtype="float32")
        for i, stem in enumerate(self.stems[1:]):
            write(self._folder / f"{stem}.wav", samples[:, i], rate)
        yield {"mix": StemFile(path, start)} | {
            stem: StemFile(str(self._folder / f"{stem}.wav"), 0.0) for stem in self.stems[1:]
        }


class ToyGenerator:
    """Noise that follows a condition's seed and what it was given; stops like Ctrl-C at call `stop`."""

    name = "toy-1"
    rate = 8000
    takes = frozenset({"melody", "drums", "chords"})

    def __init__(self, *, stop: int = 0, fail: int = 0) -> None:
        self.calls: list[Sequence[Condition]] = []
        self._stop, self._fail = stop, fail

    def generate(self, conditions: Sequence[Condition]) -> list[Clip]:
        """Make a clip of noise per condition."""
        self.calls.append(conditions)
        if len(self.calls) == self._stop:
            raise KeyboardInterrupt
        if len(self.calls) == self._fail:
            raise RuntimeError("out of memory")
        return [
            Clip(hum(condition.seed % 1000, condition.duration, self.rate)[None], self.rate) for condition in conditions
        ]
