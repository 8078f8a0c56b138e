"""Instruments and drum kits of SoundFonts, played by FluidSynth inside this process.

How to use it
-------------
>>> from soundalike.research.sound.soundfonts import Program, play_drums, play_program
>>> flute = Program("flute", "FluidR3_GM", 0, 73)
>>> sound = play_program(flute, notes, rate=22050, length=220500)  # doctest: +SKIP

Every note is made by itself, from silence, and added at its exact sample: what was played before
changes nothing, and notes that repeat are made once. Sound is float32 of shape (n,), as in
`soundalike.research.sound.synthesizer`.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from soundalike.errors import MissingExtraError, NotFoundError
from soundalike.research.sound.synthesizer import Sound, Sounding

PACKAGES = {
    "FluidR3_GM": "fluid-soundfont-gm",
    "MuseScore_General_Full": "musescore-general-soundfont-lossless",
    "TimGM6mb": "timgm6mb-soundfont",
}
"""Debian package by SoundFont."""
FOLDERS = ("/usr/share/sounds/sf2", "/usr/share/soundfonts", "/usr/local/share/soundfonts")

BLOCK = 64
"""FluidSynth computes this many samples at once; asking for whole blocks leaves nothing behind in it."""
CHANNELS = 256
"""Presets that stay loaded per SoundFont."""
VELOCITY_STEP = 4
LONGEST_TAIL, LONGEST_HIT = 1.5, 2.5
"""Seconds for which a note rings on after its end, and a drum at most."""
CLOSED_HATS, OPEN_HAT = (42, 44), 46

# What a program changes, as numbers of generators in the SoundFont standard.
_VIBRATO_DEPTH, _CUTOFF, _RESONANCE, _VIBRATO_RATE, _DECAY, _RELEASE, _TUNING = 6, 8, 9, 24, 36, 38, 52


@dataclass(frozen=True, slots=True)
class Program:
    """An instrument or drum kit of a SoundFont, and how it is changed.

    Attributes
    ----------
    words : str
        What to call it.
    font : str
        File name of the SoundFont without its ending, see `find_font`.
    bank, preset : int
        Where it is in there; drum kits are in bank 128.
    octaves : tuple of int
        Octaves by which a lead may be moved on it.
    cutoff : float
        Moves the low-pass, in cents; negative is darker.
    resonance : float
        Added at the cut-off, in centibels.
    attack : float
        Seconds of an added fade-in.
    decay, release : float
        Change of these times, in timecents (1200 doubles them).
    tuning : float
        In cents.
    vibrato, vibrato_rate : float
        Added vibrato in cents, and the change of its rate in cents.
    touch : float
        Factor for the velocity.
    strokes : tuple of (str, int)
        Drum kits: MIDI note by drum.
    """

    words: str
    font: str
    bank: int
    preset: int
    octaves: tuple[int, ...] = (0,)
    cutoff: float = 0.0
    resonance: float = 0.0
    attack: float = 0.0
    decay: float = 0.0
    release: float = 0.0
    tuning: float = 0.0
    vibrato: float = 0.0
    vibrato_rate: float = 0.0
    touch: float = 1.0
    strokes: tuple[tuple[str, int], ...] = ()

    @property
    def generators(self) -> dict[int, float]:
        """Offsets of SoundFont generators."""
        return {
            _VIBRATO_DEPTH: self.vibrato,
            _CUTOFF: self.cutoff,
            _RESONANCE: self.resonance,
            _VIBRATO_RATE: self.vibrato_rate,
            _DECAY: self.decay,
            _RELEASE: self.release,
            _TUNING: self.tuning,
        }


def find_font(name: str) -> Path:
    """Locate a SoundFont in the usual folders and in those that SOUNDALIKE_SOUNDFONTS lists.

    Parameters
    ----------
    name : str
        File name without its ending.

    Raises
    ------
    NotFoundError
        If it is in none of them.
    """
    extra = [folder for folder in os.environ.get("SOUNDALIKE_SOUNDFONTS", "").split(os.pathsep) if folder]
    for folder in (*extra, *FOLDERS):
        path = Path(folder) / f"{name}.sf2"
        if path.is_file():
            return path
    package = PACKAGES.get(name)
    remedy = f"Install the Debian package {package}, or put" if package else "Put"
    raise NotFoundError(
        f"The SoundFont '{name}' is in none of {', '.join((*extra, *FOLDERS))}.",
        f"{remedy} {name}.sf2 into a folder that SOUNDALIKE_SOUNDFONTS names.",
    )


def play_program(program: Program, notes: Sequence[Sounding], *, rate: int, length: int, tuning: float = 0.0) -> Sound:
    """Play notes on an instrument of a SoundFont.

    Parameters
    ----------
    program : Program
        The instrument.
    notes : sequence of Sounding
        Those that start after `length` are left out, those that ring on are cut there.
    rate, length : int
        Samples per second, and number of samples to make.
    tuning : float
        Cents by which everything is higher.

    Returns
    -------
    float32, shape (length,)

    Raises
    ------
    NotFoundError
        If the SoundFont is not installed or has no such preset.
    MissingExtraError
        If FluidSynth is not installed.
    """
    player = _player(program.font, rate)
    channel = player.prepare(replace(program, tuning=program.tuning + tuning))
    out = np.zeros(length, np.float32)
    known: dict[tuple[int, int, int], Sound] = {}
    for note in notes:
        begin = round(max(note.start, 0.0) * rate)
        if begin >= length:
            continue
        # Rounding up to 20 ms, and velocities to steps, lets repeated notes share one rendering.
        key = (note.pitch, int(np.ceil(note.seconds * 50)), _midi_velocity(note.velocity * program.touch))
        if key not in known:
            known[key] = player.note(channel, key[0], key[2], key[1] / 50, LONGEST_TAIL)
            known[key][:] *= _fade_in(len(known[key]), program.attack * rate)
        part = known[key][: length - begin]
        out[begin : begin + len(part)] += part
    return out


def play_drums(kit: Program, hits: Sequence[tuple[float, int, float]], *, rate: int, length: int) -> Sound:
    """Play a drum kit of a SoundFont; a closed hi-hat silences the open one.

    Parameters
    ----------
    kit : Program
        The kit, in bank 128 as a rule.
    hits : sequence of (seconds, MIDI note, velocity 0 to 1)
        In any order.
    rate, length : int
        Samples per second, and number of samples to make.

    Returns
    -------
    float32, shape (length,)

    Raises
    ------
    NotFoundError, MissingExtraError
        As `play_program`.
    """
    player = _player(kit.font, rate)
    channel = player.prepare(kit)
    out = np.zeros(length, np.float32)
    known: dict[tuple[int, int], Sound] = {}
    closings = np.sort([seconds for seconds, note, _ in hits if note in CLOSED_HATS])
    for seconds, note, velocity in hits:
        begin = round(max(seconds, 0.0) * rate)
        if begin >= length:
            continue
        key = (note, _midi_velocity(velocity * kit.touch))
        if key not in known:
            known[key] = player.note(channel, *key, LONGEST_HIT, 0.0)
        part = known[key][: length - begin]
        if note == OPEN_HAT and (later := closings[closings > seconds + 0.01]).size:
            part = _choked(part, round((later[0] - seconds) * rate), rate)
        out[begin : begin + len(part)] += part
    return out


def _midi_velocity(velocity: float) -> int:
    return int(np.clip(round(127 * velocity / VELOCITY_STEP) * VELOCITY_STEP, VELOCITY_STEP, 127))


def _fade_in(n: int, samples: float) -> Sound:
    return np.asarray(np.minimum(np.arange(n) / max(samples, 1e-3), 1), np.float32)


def _choked(sound: Sound, after: int, rate: int) -> Sound:
    """End a sound within 12 ms from a sample on."""
    fade = round(0.012 * rate)
    short = sound[: after + fade].copy()
    short[after:] *= np.linspace(1, 0, fade, dtype=np.float32)[: max(len(short) - after, 0)]
    return short


@cache
def _player(font: str, rate: int) -> _Player:
    return _Player(font, rate)


@cache
def _library() -> ctypes.CDLL:
    """FluidSynth, with the argument types of what is used of it.

    Raises
    ------
    MissingExtraError
        If it is not installed.
    """
    for name in (ctypes.util.find_library("fluidsynth"), "libfluidsynth.so.3", "libfluidsynth.so.2"):
        try:
            library = ctypes.CDLL(name) if name else None
        except OSError:
            continue
        if library is not None:
            break
    else:
        raise MissingExtraError("FluidSynth is not installed.", "Install the Debian package libfluidsynth3.")
    pointer, whole, real, text = ctypes.c_void_p, ctypes.c_int, ctypes.c_double, ctypes.c_char_p
    kinds: dict[str, tuple[Any, ...]] = {
        "new_fluid_settings": (pointer,),
        "fluid_settings_setint": (whole, pointer, text, whole),
        "fluid_settings_setnum": (whole, pointer, text, real),
        "new_fluid_synth": (pointer, pointer),
        "fluid_set_log_function": (pointer, whole, pointer, pointer),
        "fluid_synth_sfload": (whole, pointer, text, whole),
        "fluid_synth_program_select": (whole, pointer, whole, whole, whole, whole),
        "fluid_synth_set_gen": (whole, pointer, whole, whole, ctypes.c_float),
        "fluid_synth_noteon": (whole, pointer, whole, whole, whole),
        "fluid_synth_noteoff": (whole, pointer, whole, whole),
        "fluid_synth_all_sounds_off": (whole, pointer, whole),
        "fluid_synth_get_active_voice_count": (whole, pointer),
        "fluid_synth_write_float": (whole, pointer, whole, pointer, whole, whole, pointer, whole, whole),
    }
    for name, (result, *arguments) in kinds.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library


class _Player:
    """One synthesizer with one SoundFont at one rate; every preset that was asked for keeps its channel."""

    def __init__(self, font: str, rate: int) -> None:
        self.fluid, self.rate, self.font = _library(), rate, font
        path = find_font(font)
        for level in range(5):
            self.fluid.fluid_set_log_function(level, None, None)
        settings = self.fluid.new_fluid_settings()
        wholes = {"reverb.active": 0, "chorus.active": 0, "dynamic-sample-loading": 1, "polyphony": 256}
        wholes |= {"midi-channels": CHANNELS, "cpu-cores": 1, "threadsafe-api": 0, "min-note-length": 0}
        for name, value in wholes.items():
            self.fluid.fluid_settings_setint(settings, f"synth.{name}".encode(), value)
        for name, number in {"sample-rate": float(rate), "gain": 0.5}.items():
            self.fluid.fluid_settings_setnum(settings, f"synth.{name}".encode(), number)
        self.synth = self.fluid.new_fluid_synth(settings)
        self.number = self.fluid.fluid_synth_sfload(self.synth, str(path).encode(), 0)
        if self.number < 0:
            raise NotFoundError(f"FluidSynth cannot read {path}.", "Install the SoundFont again.")
        self.channels: dict[tuple[int, int], int] = {}

    def prepare(self, program: Program) -> int:
        """Load a preset and set its generators; returns its channel."""
        place = (program.bank, program.preset)
        if place not in self.channels:
            channel = len(self.channels) % CHANNELS
            if self.fluid.fluid_synth_program_select(self.synth, channel, self.number, *place) != 0:
                raise NotFoundError(
                    f"The SoundFont '{self.font}' has no preset {place[1]} in bank {place[0]} ({program.words}).",
                    "Choose one that it has.",
                )
            self.channels = {known: used for known, used in self.channels.items() if used != channel}
            self.channels[place] = channel
        channel = self.channels[place]
        for generator, value in program.generators.items():
            self.fluid.fluid_synth_set_gen(self.synth, channel, generator, value)
        return channel

    def note(self, channel: int, pitch: int, velocity: int, seconds: float, tail: float) -> Sound:
        """One note from silence to silence, both sides of the stereo picture added up."""
        held = -(-round(seconds * self.rate) // BLOCK) * BLOCK
        limit = held + -(-round(tail * self.rate) // BLOCK) * BLOCK
        # A voice keeps the filter of the note it played last: let it be this very note.
        self.fluid.fluid_synth_noteon(self.synth, channel, pitch, velocity)
        self._silence()
        left, right = np.zeros(limit, np.float32), np.zeros(limit, np.float32)
        self.fluid.fluid_synth_noteon(self.synth, channel, pitch, velocity)
        done = 0
        while done < limit and self.fluid.fluid_synth_get_active_voice_count(self.synth):
            if done == held:
                self.fluid.fluid_synth_noteoff(self.synth, channel, pitch)
            step = min(held - done if done < held else 16 * BLOCK, 64 * BLOCK, limit - done)
            self._write(step, left[done:], right[done:])
            done += step
        self._silence()
        sound = left[:done] + right[:done]
        fade = min(done, round(0.01 * self.rate))
        sound[done - fade :] *= np.linspace(1, 0, fade, dtype=np.float32)
        return sound

    def _write(self, n: int, left: Sound, right: Sound) -> None:
        self.fluid.fluid_synth_write_float(self.synth, n, left.ctypes.data, 0, 1, right.ctypes.data, 0, 1)

    def _silence(self) -> None:
        """End all voices, and compute the blocks in which they end, which nobody hears."""
        waste = np.zeros((2, 2 * BLOCK), np.float32)
        self._write(BLOCK, waste[0], waste[1])
        self.fluid.fluid_synth_all_sounds_off(self.synth, -1)
        self._write(2 * BLOCK, waste[0], waste[1])
