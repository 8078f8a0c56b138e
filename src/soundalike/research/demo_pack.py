"""Sixteen short pieces that share known things: something to search before you trust the search.

The pack is an orthogonal array. Four melodies, four rhythms (groove and tempo), four orchestras, four
progressions and four keys are combined so that any two pieces have exactly one of the five in common.
A piece therefore has exactly three companions per factor, and a query for "same melody" has one right
answer: those three first.

Made by ``soundalike research demo-pack --out demo --seed 26``; checked with `expected`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundalike.audio import Clip
from soundalike.errors import NotFoundError, UnknownNameError
from soundalike.research.music.composer import Harmony, Melody, compose_harmony, compose_melody, stream
from soundalike.research.music.grooves import FAMILIES, Groove, compose_groove
from soundalike.research.music.performer import PieceSpec
from soundalike.research.renderer import FACTORS, render
from soundalike.research.sound.drum_kits import KITS
from soundalike.research.sound.orchestra import Timbre, draw_timbre
from soundalike.research.sound.voices import BASSES, COMPS, LEADS, Voice

SEED: Final = 26
"""Of the pack that ships."""
RATE: Final = 44100
SPLIT: Final = "test"
"""The pack is music that nothing has been trained on."""
UNUSED: Final = ("palette", "production", "kit", "style", "meter", "parts", "tempo_jitter")  # left as they are
LEVELS: Final = 4
CANDIDATES: Final = 240
LEAD_LEVEL: Final = 4.0
"""Of the lead in every orchestra, in decibels; the accompaniment together is at about 0."""
TEMPOS: Final = (84.0, 102.0, 118.0, 132.0)
KEYS: Final = (4, 7, 9, 11)
NAMES_OF_KEYS: Final = ("C", "D flat", "D", "E flat", "E", "F", "F sharp", "G", "A flat", "A", "B flat", "B")
COMPRESSION: Final = 0.8
FADE: Final = 1.5
LICENCE: Final = "CC0-1.0"
TITLES: Final = (
    "Harbour Light",
    "Tin Roof",
    "Paper Lantern",
    "Long Division",
    "Salt and Thyme",
    "Night Tram",
    "Orchard Gate",
    "Seven Umbrellas",
    "Copper Kettle",
    "Slow Tide",
    "Attic Window",
    "Marble Stairs",
    "Winter Bicycle",
    "Quiet Engine",
    "Lemon Grove",
    "Last Ferry",
)

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Palette:
    """The four levels of each factor.

    Attributes
    ----------
    seeds : dict of str to list of int
        By factor, four seeds; those of rhythm are grooves.
    words : dict of str to list of str
        What to call each level.
    """

    seeds: dict[str, list[int]]
    words: dict[str, list[str]]


def orthogonal_array() -> NDArray[np.intp]:
    """L16(4^5): 16 rows, 5 columns of levels 0 to 3; any two rows agree in exactly one column.

    Its columns are a, b, a + b, a + 2b and a + 3b in the field of four elements (Rao, 1947).
    """
    times = np.array([[0, 0, 0, 0], [0, 1, 2, 3], [0, 2, 3, 1], [0, 3, 1, 2]])
    a, b = np.divmod(np.arange(16), 4)
    return np.stack([a, b, a ^ b, a ^ times[2, b], a ^ times[3, b]], axis=1)


def choose_palette(seed: int) -> Palette:
    """Draw candidates for every factor and keep four that are pleasant and far apart.

    Parameters
    ----------
    seed : int
        Not negative.
    """
    rng = stream("demo", seed, SPLIT)
    seeds = {factor: [int(s) for s in rng.integers(2**31, size=CANDIDATES)] for factor in FACTORS}
    makers: dict[str, tuple[Any, Any, Any, Any]] = {
        "melody": (compose_melody, _tune_profile, _tune_quality, _tune_words),
        "rhythm": (compose_groove, _groove_profile, _groove_quality, _groove_words),
        "timbre": (draw_timbre, _timbre_profile, _timbre_quality, _timbre_words),
        "harmony": (compose_harmony, _chord_profile, _chord_quality, _chord_words),
    }
    chosen: dict[str, list[int]] = {}
    words: dict[str, list[str]] = {}
    for factor, (make, profile, quality, name) in makers.items():
        things = [make(s, SPLIT) for s in seeds[factor]]
        four = _choose(things, profile, quality, name)
        chosen[factor], words[factor] = [seeds[factor][i] for i in four], [name(things[i]) for i in four]
    words["rhythm"] = [f"{name} at {tempo:.0f}" for name, tempo in zip(words["rhythm"], TEMPOS, strict=True)]
    return Palette(chosen, words)


def _choose(
    things: Sequence[T],
    profile: Callable[[T], NDArray[np.float64]],
    quality: Callable[[T], float],
    name: Callable[[T], str],
) -> list[int]:
    """Places of four things: the best, then each time the one that is good and farthest from those chosen.

    No two of them have the same name.
    """
    goodness = np.array([quality(thing) for thing in things])
    profiles = np.array([profile(thing) for thing in things])
    names = [name(thing) for thing in things]
    chosen = [int(goodness.argmax())]
    while len(chosen) < LEVELS:
        distance = np.abs(profiles[:, None] - profiles[chosen]).sum(axis=2).min(axis=1)
        distance[np.isin(names, [names[i] for i in chosen]) | (goodness < np.quantile(goodness, 0.75))] = -1
        chosen.append(int(distance.argmax()))
    return chosen


def _tune_profile(melody: Melody) -> NDArray[np.float64]:
    """Contour per half beat, where notes begin, and how often which interval occurs."""
    starts = np.array([note.start for note in melody.notes])
    pitches = np.array([float(note.pitch) for note in melody.notes])
    grid = np.arange(0, melody.beats, 0.5)
    contour = pitches[np.maximum(np.searchsorted(starts, grid, side="right") - 1, 0)]
    onsets = np.isin(grid, starts).astype(np.float64)
    intervals = np.bincount(np.clip(np.diff(pitches).astype(int), -8, 8) + 8, minlength=17) / len(pitches)
    return np.concatenate([(contour - contour.mean()) / 12, onsets, 10 * intervals])


def _tune_quality(melody: Melody) -> float:
    """Tunes above the chords, of singable steps and range, that rest on notes which fit most chords."""
    resting = sum(note.length for note in melody.notes if note.pitch % 12 in (5, 11)) / melody.beats
    pitches = np.array([note.pitch for note in melody.notes])
    wild = float(np.mean(np.abs(np.diff(pitches)) > 7))
    deep, wide = max(0, -4 - int(pitches.min())), max(0, int(np.ptp(pitches)) - 16)
    crowd = max(0, abs(len(pitches) - 22) - 7)
    return -resting - wild - 0.1 * deep - 0.05 * wide - 0.1 * crowd - 0.2 * float(np.ptp(pitches) < 7)


def _tune_words(melody: Melody) -> str:
    """Name a tune by its pace, its steps and its first bar's direction."""
    pitches = np.array([note.pitch for note in melody.notes])
    pace = "unhurried" if len(pitches) < 20 else "flowing" if len(pitches) < 27 else "busy"
    motion = "leaping" if np.mean(np.abs(np.diff(pitches)) > 4) > 0.15 else "stepping"
    opening = [note.pitch for note in melody.notes if note.start < 4]
    rise = opening[-1] - opening[0]
    direction = "rises" if rise > 2 else "falls" if rise < -2 else "circles"
    return f"the {pace}, {motion} tune that {direction} at first"


def _groove_profile(groove: Groove) -> NDArray[np.float64]:
    """Kick, snare and hi-hat on 48 steps of a bar, and the family as a whole."""
    grid = np.zeros((5, 48))
    parts = [groove.drums[d] for d in ("kick", "snare", "hat")] + [groove.comp, groove.bass]
    for row, part in zip(grid, parts, strict=True):
        for hit in part:
            row[int(groove.beat(hit.step) * 12) % 48] += hit.velocity / groove.bars
    return np.concatenate([grid.ravel(), 20.0 * np.isin(list(FAMILIES[SPLIT]), [groove.family])])


def _groove_words(groove: Groove) -> str:
    return groove.family


def _groove_quality(groove: Groove) -> float:
    """Grooves in which at least two drums play, and the chords neither drone nor rattle."""
    playing = sum(bool(hits) for hits in groove.drums.values())
    return playing - abs(len(groove.comp) / groove.bars - 4) / 4


def _timbre_profile(timbre: Timbre) -> NDArray[np.float64]:
    """Which voices and kit, how the lead begins, how wet and how bright."""
    tables: tuple[tuple[str, Mapping[str, Any]], ...] = (
        ("lead", LEADS[SPLIT]),
        ("comp", COMPS[SPLIT]),
        ("bass", BASSES[SPLIT]),
        ("drums", KITS[SPLIT]),
    )
    voices = [3.0 * np.isin(list(table), [timbre.names[bus]]) for bus, table in tables]
    lead = timbre.lead
    assert isinstance(lead, Voice)  # as all are in the synthesizer's palette
    kind = [3.0 * (lead.engine == "modal"), 3.0 * (lead.attack > 0.02), 1.5 * (lead.detune > 2)]
    room = [2 * np.log(timbre.room.seconds), 2 * np.log(timbre.room.lowpass / 5000)]
    return np.concatenate([*voices, kind, room]).astype(np.float64)


def _timbre_quality(timbre: Timbre) -> float:
    """Orchestras whose lead is in front and in its own register, with a chord instrument that is clearly heard."""
    blend = -abs(timbre.gains["comp"] + 4) / 3 - abs(timbre.gains["drums"] + 5) / 4 - abs(timbre.gains["lead"] - 1) / 6
    dull = max(0.0, float(np.log2(10000 / timbre.room.lowpass)))
    return blend - dull - 3 * (timbre.octave < 0) - 0.2 * max(0, timbre.centre - 56)


def _timbre_words(timbre: Timbre) -> str:
    return f"{timbre.lead.words} over {timbre.comp.words}, {timbre.bass.words} and {timbre.names['drums']}"


def _chord_profile(harmony: Harmony) -> NDArray[np.float64]:
    """Share of each pitch class and root, root motion, and pace."""
    tones, roots, motion = np.zeros(12), np.zeros(12), np.zeros(12)
    for chord, after in zip(harmony.chords, (*harmony.chords[1:], harmony.chords[0]), strict=True):
        tones[list(chord.tones)] += chord.length / harmony.beats
        roots[chord.root] += chord.length / harmony.beats
        motion[(after.root - chord.root) % 12] += 1 / len(harmony.chords)
    return np.concatenate([tones, 2 * roots, 2 * motion, [len(harmony.chords) / 8]])


def _chord_quality(harmony: Harmony) -> float:
    """Progressions of about four full chords inside the scale, none of them diminished."""
    outside = sum(tone in (1, 3, 6, 8, 10) for chord in harmony.chords for tone in chord.tones)
    bare = sum(not {3, 4} & {(tone - chord.root) % 12 for tone in chord.tones} for chord in harmony.chords)
    sevenths = sum(chord.root == 11 for chord in harmony.chords)
    return -outside - bare - sevenths - 0.4 * abs(len(harmony.chords) - 4)


def _chord_words(harmony: Harmony) -> str:
    """Name chords by their degree of the major scale; small letters for minor ones."""
    degrees = ("I", "flat II", "II", "flat III", "III", "IV", "sharp IV", "V", "flat VI", "VI", "flat VII", "VII")
    names = []
    for chord in harmony.chords:
        third = {(tone - chord.root) % 12 for tone in chord.tones}
        names.append(degrees[chord.root].lower() if 3 in third else degrees[chord.root])
    return " - ".join(names)


def write_demo_pack(
    out: str | Path, *, seed: int = SEED, progress: Callable[[int, int], None] | None = None
) -> dict[str, Any]:
    """Render the pack into a folder: 16 Ogg files and ``manifest.json``.

    Parameters
    ----------
    out : path
        Made if it is not there; files of the same names are replaced.
    seed : int
        Another seed, other music.
    progress : callable, optional
        Told how many pieces are done, and of how many.

    Returns
    -------
    dict
        The manifest, as written.
    """
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    manifest = _plan(seed)
    pieces = manifest["pieces"]
    for number, piece in enumerate(pieces, start=1):
        clip = _faded(render(PieceSpec(**piece["spec"]), rate=RATE, stereo=True))
        tags = {"title": piece["title"], "artist": "soundalike demo", "album": manifest["title"]}
        _write_ogg(folder / piece["file"], clip, tags | {"tracknumber": str(number), "license": LICENCE})
        if progress is not None:
            progress(number, len(pieces))
    (folder / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
    return manifest


def _plan(seed: int) -> dict[str, Any]:
    """Everything about the pack but the sound."""
    palette = choose_palette(seed)
    rng = stream("demo pieces", seed, SPLIT)
    order = rng.permutation(16)
    pieces = []
    for number, (row, title) in enumerate(zip(orthogonal_array()[order].tolist(), TITLES, strict=True), start=1):
        levels = dict(zip((*FACTORS, "key"), row, strict=True))
        spec = _spec(palette, levels, int(rng.integers(2**31)))
        pieces.append(
            {
                "file": f"{number:02d} {title}.ogg",
                "title": title,
                "levels": {factor: levels[factor] for factor in FACTORS},
                "names": {factor: palette.words[factor][levels[factor]] for factor in FACTORS},
                "tempo": spec.tempo,
                "key": f"{NAMES_OF_KEYS[spec.key]} major",
                "spec": {name: value for name, value in asdict(spec).items() if name not in UNUSED},
            }
        )
    return {
        "title": "soundalike demo pack",
        "licence": LICENCE,
        "seed": seed,
        "command": f"soundalike research demo-pack --out demo --seed {seed}",
        "factors": list(FACTORS),
        "pieces": pieces,
    }


def _spec(palette: Palette, levels: Mapping[str, int], nuisance: int) -> PieceSpec:
    melody, groove, timbre, harmony = (palette.seeds[factor][levels[factor]] for factor in FACTORS)
    return PieceSpec(
        melody=melody,
        harmony=harmony,
        groove=groove,
        tempo=TEMPOS[levels["rhythm"]],
        timbre=timbre,
        key=KEYS[levels["key"]],
        nuisance=nuisance,
        duration=_seconds(TEMPOS[levels["rhythm"]]),
        split=SPLIT,
        start=0.0,
        lead_gain=LEAD_LEVEL - draw_timbre(timbre, SPLIT).gains["lead"],
        clean=True,
    )


def _seconds(tempo: float) -> float:
    """Length of the most whole repetitions of half a tune that last at most 22 seconds, and a fade."""
    halves = int(22 * tempo / 60 // 8)
    return round(halves * 8 * 60 / tempo + FADE, 3)


def _faded(clip: Clip) -> Clip:
    ramp = np.minimum(1, (clip.samples.shape[1] - np.arange(clip.samples.shape[1])) / (FADE * clip.rate))
    return Clip((clip.samples * ramp**2).astype(np.float32), clip.rate)


def _write_ogg(path: Path, clip: Clip, tags: Mapping[str, str]) -> None:
    with soundfile.SoundFile(
        path, "w", clip.rate, clip.channels, format="OGG", subtype="VORBIS", compression_level=COMPRESSION
    ) as file:
        for name, value in tags.items():
            setattr(file, name, value)
        # libsndfile's Vorbis encoder keeps a block on the stack: small ones only.
        for block in np.array_split(clip.samples.T, max(1, clip.samples.shape[1] // 8192)):
            file.write(block)


def load_manifest(folder: str | Path) -> dict[str, Any]:
    """Read the manifest of a pack.

    Raises
    ------
    NotFoundError
        If there is none in `folder`.
    """
    path = Path(folder) / "manifest.json"
    if not path.is_file():
        raise NotFoundError(
            f"There is no demo pack in '{folder}'.", "Make one: soundalike research demo-pack --out demo"
        )
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def expected(manifest: Mapping[str, Any], file: str, factor: str) -> set[str]:
    """Files of the pack that share a factor with one of them.

    Parameters
    ----------
    manifest : mapping
        As `write_demo_pack` returns it and ``manifest.json`` holds it.
    file : str
        A file name of the pack.
    factor : str
        "melody", "rhythm", "groove" (the same files as for rhythm), "timbre" or "harmony".

    Returns
    -------
    set of str
        Three file names; `file` is not among them.

    Raises
    ------
    UnknownNameError
        If the pack does not control `factor`.
    NotFoundError
        If `file` is not in the pack.
    """
    column = "rhythm" if factor == "groove" else factor
    levels = {piece["file"]: piece["levels"] for piece in manifest["pieces"]}
    if column not in manifest["factors"]:
        raise UnknownNameError(
            f"The demo pack does not control '{factor}'.", f"Ask for one of {', '.join(manifest['factors'])}."
        )
    if file not in levels:
        raise NotFoundError(f"'{file}' is not in the demo pack.", "Give a file name from its manifest.")
    return {other for other, row in levels.items() if other != file and row[column] == levels[file][column]}
