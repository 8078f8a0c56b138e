"""The clips of Inst-Sim-ABX, cut from the user's copy of the test split of Slakh2100-redux.

A clip of the mix is a stretch of ``TrackNNNNN/mix.flac``. A clip of a part is the same stretch of the sum of the stems
whose class of instrument, in ``metadata.yaml``, is that part; residuals are the stems of all other classes.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.audio import Clip, load_clip
from soundalike.errors import NotFoundError, UsageError
from soundalike.judgments import JudgedTriplet
from soundalike.research.datasets.inst_sim_abx import RATE, Position
from soundalike.research.triplets.songs import read_stems

CLASSES: Final = MappingProxyType({"Drums": "drums", "Bass": "bass", "Guitar": "guitar", "Piano": "piano"})
"""Parts by Slakh's classes of instruments; stems of all other classes are residuals."""

MIDI: Final = "all_src.mid"
"""The notes that a track was rendered from, byte for byte the file of the Lakh data set."""

SUFFIXES: Final = (".flac", ".wav")


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of a set of triplets can be heard.

    Attributes
    ----------
    clips, of_clips : int
        Different clips that can be heard, of all that the triplets have.
    triplets, of_triplets : int
        Triplets whose three clips can be heard, of all.
    """

    clips: int
    of_clips: int
    triplets: int
    of_triplets: int


class SlakhClips:
    """Cuts clips from a copy of Slakh.

    Parameters
    ----------
    folder : Path
        Holds folders ``Track01876`` and so on, at any depth.
    positions : mapping of str to Position
        Where the clips lie, by name, as `soundalike.research.datasets.inst_sim_abx.InstSimAbx.positions` has them.

    Raises
    ------
    NotFoundError
        If the folder holds no track.
    """

    def __init__(self, folder: Path, positions: Mapping[str, Position]) -> None:
        self.positions = positions
        self.tracks = find_tracks(folder)

    def __contains__(self, name: str) -> bool:
        """Whether the sound of a clip is there; a part that no stem plays is silent and there."""
        position = self.positions.get(name)
        return position is not None and position.track in self.tracks

    def cut(self, name: str) -> Clip:
        """The sound of a clip.

        Parameters
        ----------
        name : str
            For example ``set2/0/bass/X_1913-28.wav``.

        Returns
        -------
        Clip
            At 44.1 kHz, exactly as long as its position says. A part that no stem plays is silence.

        Raises
        ------
        NotFoundError
            If the clip or its track is not known, or its track lacks a file.
        UsageError
            If a file is not at 44.1 kHz, or ends before the clip does.
        """
        if name not in self:
            raise NotFoundError(f"There is no sound for '{name}'.", "Name a folder with the test split of Slakh2100.")
        position = self.positions[name]
        clips = [_stretch(file, position) for file in _files(self.tracks[position.track], position.part)]
        if not clips:
            return Clip(np.zeros((1, position.end - position.start), np.float32), RATE)
        channels = max(len(clip) for clip in clips)
        total = sum((np.broadcast_to(clip, (channels, clip.shape[1])) for clip in clips[1:]), start=clips[0])
        return Clip(np.ascontiguousarray(total, np.float32), RATE)


def find_tracks(folder: Path) -> dict[int, Path]:
    """Folders of Slakh's tracks by number, wherever they lie under `folder`.

    Raises
    ------
    NotFoundError
        If there are none.
    """
    marks = sorted(folder.glob("**/Track[0-9][0-9][0-9][0-9][0-9]/metadata.yaml"))
    if not marks:
        raise NotFoundError(
            f"'{folder}' holds no track of Slakh.", "Name the folder that holds Track01876 and the others."
        )
    return {int(mark.parent.name.removeprefix("Track")): mark.parent for mark in marks}


def write_clips(clips: SlakhClips, names: Iterable[str], folder: Path) -> list[Path]:
    """Write clips under their names, as 32-bit WAV; those that are there already are left as they are.

    Parameters
    ----------
    clips : SlakhClips
    names : iterable of str
        Those without sound are left out.
    folder : Path
        Made if it is not there.

    Returns
    -------
    list of Path
        What was written.
    """
    written = []
    for name in dict.fromkeys(names):
        path = folder / name
        if name in clips and not path.exists():
            clip, content = clips.cut(name), io.BytesIO()
            soundfile.write(content, clip.samples.T, clip.rate, format="WAV", subtype="FLOAT")
            path.parent.mkdir(parents=True, exist_ok=True)
            write_atomically(path, content.getvalue())
            written.append(path)
    return written


def clips_in(folder: Path, names: Iterable[str]) -> set[str]:
    """Which of the clips called `names` lie in a folder of clips."""
    return {name for name in names if (folder / name).is_file()}


def coverage(triplets: Collection[JudgedTriplet], heard: SlakhClips | Collection[str]) -> Coverage:
    """How much of the triplets can be heard.

    Parameters
    ----------
    triplets : collection of JudgedTriplet
    heard : SlakhClips or collection of str
        Knows which clips there are, by name.
    """
    sounds = [(triplet.reference, triplet.a, triplet.b) for triplet in triplets]
    names = {name for triplet in sounds for name in triplet}
    there = {name for name in names if name in heard}
    return Coverage(len(there), len(names), sum(there.issuperset(triplet) for triplet in sounds), len(sounds))


def read_checksums(path: Path) -> dict[int, str]:
    """MD5 of the MIDI files that the tracks were rendered from, by number of the track.

    Parameters
    ----------
    path : Path
        ``splits/duplicates.json`` of ``ethman/slakh-utils`` on GitHub.

    Raises
    ------
    UsageError
        If the file is not that.
    """
    try:
        document: Any = json.loads(path.read_bytes())
        return {int(track.removeprefix("Track")): str(about["midi_md5"]) for track, about in document.items()}
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        raise UsageError(f"'{path}' holds no checksums.", "Use splits/duplicates.json of slakh-utils.") from None


def other_tracks(tracks: Mapping[int, Path], checksums: Mapping[int, str]) -> list[int]:
    """The tracks whose ``all_src.mid`` is not the file that the track of this number was rendered from.

    Parameters
    ----------
    tracks : mapping of int to Path
        As `find_tracks` gives them; without that file, or without a checksum, nothing is said of a track.
    checksums : mapping of int to str
        As `read_checksums` gives them.
    """
    known = {number: folder / MIDI for number, folder in tracks.items() if number in checksums}
    return [
        number
        for number, midi in known.items()
        if midi.is_file() and hashlib.md5(midi.read_bytes(), usedforsecurity=False).hexdigest() != checksums[number]
    ]


def _files(track: Path, part: str) -> list[Path]:
    """The files that add up to a part."""
    if part == "mix":
        return [_sound(track / "mix")]
    stems = read_stems((track / "metadata.yaml").read_text("utf-8"))
    chosen = [stem for stem, about in stems.items() if _part(about) == part and about.get("audio_rendered") != "false"]
    return [_sound(track / "stems" / stem) for stem in chosen]


def _part(about: Mapping[str, str]) -> str:
    return "drums" if about.get("is_drum") == "true" else CLASSES.get(about.get("inst_class", ""), "residuals")


def _sound(path: Path) -> Path:
    for suffix in SUFFIXES:
        if (file := path.with_name(path.name + suffix)).is_file():
            return file
    raise NotFoundError(f"There is no '{path}{SUFFIXES[0]}'.", "Use the track as released.")


def _stretch(file: Path, position: Position) -> NDArray[np.float32]:
    """Samples of a file from the start to the end of a clip."""
    clip = load_clip(file, start=position.start / RATE, end=position.end / RATE)
    if clip.rate != RATE:
        raise UsageError(f"'{file}' is at {clip.rate} Hz.", f"Use the file as released, at {RATE} Hz.")
    if clip.samples.shape[1] != position.end - position.start:
        raise UsageError(
            f"'{file}' ends before sample {position.end}, where a clip of it ends.", "Use the file as released."
        )
    return clip.samples
