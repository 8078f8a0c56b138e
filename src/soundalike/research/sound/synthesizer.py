"""Notes and strokes to sound, and a small mixing desk; numpy and scipy only.

Every function is deterministic: noise comes from seeds that follow from the arguments. Sound is
float32 of shape (n,) while it belongs to one instrument, about -1 to 1 but not limited.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import minimum_filter1d, uniform_filter1d

from soundalike.research.sound.drum_kits import Kit, Stroke
from soundalike.research.sound.voices import Voice

Sound: TypeAlias = NDArray[np.float32]

TABLE_SIZE = 2048
MOST_HARMONICS = 72
FRAMES = 7
"""Spectra per note between which a harmonic voice glides."""
DRUM_TAKES = 3
"""Different noises per drum, so that a roll does not sound like a machine gun."""
METAL_PARTIALS = np.array([2130.0, 3170.0, 3940.0, 5410.0, 6790.0, 8370.0, 9910.0])


@dataclass(frozen=True, slots=True)
class Sounding:
    """One note to be played: `start` and `seconds` in seconds, `pitch` as MIDI number, `velocity` 0 to 1."""

    start: float
    seconds: float
    pitch: int
    velocity: float


def vary(voice: Voice, rng: np.random.Generator) -> Voice:
    """Another instrument of the same kind: colour, envelope and movement changed a little."""
    near = {"slope": 0.12, "bright": 0.25, "dark": 0.25, "sweep": 0.25, "damping": 0.25, "attack": 0.35}
    near |= {"decay": 0.25, "vibrato": 0.5, "vibrato_rate": 0.12, "detune": 0.4, "breath": 0.4, "depth": 0.25}
    scale = {name: float(np.exp(spread * rng.uniform(-1, 1))) for name, spread in near.items()}
    return replace(voice, **{name: getattr(voice, name) * factor for name, factor in scale.items()})


def play(voice: Voice, notes: Sequence[Sounding], *, rate: int, length: int, tuning: float = 0.0) -> Sound:
    """Play notes on one instrument.

    Parameters
    ----------
    voice : Voice
        The instrument.
    notes : sequence of Sounding
        Those that start after `length` are left out, those that ring on are cut there.
    rate : int
        Samples per second.
    length : int
        Number of samples to make.
    tuning : float
        Cents by which everything is higher.

    Returns
    -------
    float32, shape (length,)
    """

    def tone(note: int, seconds: float) -> Sound:
        return _tone(voice, 440.0 * 2 ** ((note - 69 + tuning / 100) / 12), seconds, rate, seed=note)

    return add_up(tone, notes, rate=rate, length=length, grid=50)


def add_up(
    tone: Callable[[int, float], Sound], notes: Sequence[Sounding], *, rate: int, length: int, grid: int
) -> Sound:
    """Make each tone once and add it wherever it is played.

    Parameters
    ----------
    tone : callable
        From a MIDI pitch and seconds to the sound of that note.
    notes : sequence of Sounding
        Those that start after `length` are left out, those that ring on are cut there.
    rate, length : int
        Samples per second, and number of samples to make.
    grid : int
        Lengths are rounded up to so many parts of a second, which lets repeated notes share one rendering.

    Returns
    -------
    float32, shape (length,)
    """
    out = np.zeros(length, np.float32)
    known: dict[tuple[int, int], Sound] = {}
    for note in notes:
        begin = round(max(note.start, 0.0) * rate)
        if begin >= length:
            continue
        key = (note.pitch, int(np.ceil(note.seconds * grid)))
        if key not in known:
            known[key] = tone(note.pitch, key[1] / grid)
        part = known[key][: length - begin]
        out[begin : begin + len(part)] += part * np.float32(note.velocity**1.5)
    return out


def _tone(voice: Voice, pitch: float, seconds: float, rate: int, *, seed: int) -> Sound:
    """One note at `pitch` hertz, held for `seconds`."""
    t = np.arange(int((seconds + voice.release) * rate), dtype=np.float32) / np.float32(rate)
    cycles = _cycles(voice, pitch, t)
    if voice.engine == "fm":
        sound = _bent(voice, pitch, t, cycles, rate)
    elif voice.engine == "modal":
        sound = _rung(voice, pitch, t, rate)
    else:
        tables = _tables(voice, pitch, float(t[-1]), rate)
        sound = _read(tables, cycles, t)
    rng = np.random.default_rng(seed)
    level = np.float32(np.sqrt(np.mean(sound[: rate // 10] ** 2)) + 1e-6)
    if voice.detune and voice.engine == "harmonic":
        # Measured before: two oscillators beat, and the level must not depend on where they begin.
        away = pitch * (2 ** (voice.detune / 1200) - 1)
        sound = 0.7 * (sound + _read(tables, cycles + away * t + 0.37, t))
    if voice.breath:
        sound = sound + voice.breath * 3 * level * uniform_filter1d(_noise(rng, len(t)), 3)
    sound = sound * _envelope(voice, t, seconds)
    if voice.click:
        sound = sound + voice.click * 4 * level * np.exp(-t / 0.005) * _noise(rng, len(t))
    return (sound * (0.2 / level)).astype(np.float32)


def _noise(rng: np.random.Generator, n: int) -> Sound:
    return rng.standard_normal(n, dtype=np.float32)


def _cycles(voice: Voice, pitch: float, t: Sound) -> NDArray[np.float64]:
    """Phase in cycles; the vibrato sets in after a quarter of a second."""
    cycles = pitch * t.astype(np.float64)
    if voice.vibrato and len(t) and t[-1] > 0.15:
        depth = pitch * (2 ** (voice.vibrato / 1200) - 1) / (2 * np.pi * voice.vibrato_rate)
        onset = np.clip((t - 0.1) / 0.3, 0, 1)
        cycles += depth * onset * np.sin(2 * np.pi * np.float32(voice.vibrato_rate) * t)
    return cycles


def _envelope(voice: Voice, t: Sound, seconds: float) -> Sound:
    rise = np.minimum(t / voice.attack, 1)
    if voice.sustain < 1:
        held = np.exp(-np.maximum(t - voice.attack, 0) / voice.decay)
        rise = rise * (voice.sustain + (1 - voice.sustain) * held)
    fade = np.clip((seconds + voice.release - t) / voice.release, 0, 1)
    envelope: Sound = rise * fade * fade
    return envelope


def _tables(voice: Voice, pitch: float, seconds: float, rate: int) -> Sound:
    """Single cycles at `FRAMES` moments (denser at the start), or one if the spectrum stays: float32 (k, size + 1)."""
    h = np.arange(1, max(2, min(MOST_HARMONICS, int(0.45 * rate / pitch))) + 1)
    steady = not voice.damping and voice.bright == voice.dark
    moments = seconds * np.linspace(0, 1, 1 if steady else FRAMES)[:, None] ** 2
    amplitude = h**-voice.slope
    if voice.drawbars:
        amplitude = np.pad(np.array(voice.drawbars), (0, len(h)))[: len(h)]
    if voice.comb:
        amplitude = amplitude * np.abs(np.sin(np.pi * h * voice.comb))
    if voice.formants:
        resonance = [g / (1 + ((h * pitch - f) / w) ** 2) for f, w, g in voice.formants]
        amplitude = amplitude * (0.03 + np.sum(resonance, axis=0))
    cutoff = voice.dark + (voice.bright - voice.dark) * np.exp(-moments / voice.sweep)
    lowpass = 1 / np.sqrt(1 + (h * pitch / (cutoff * np.sqrt(200 * pitch))) ** 4)
    if voice.peak:
        lowpass *= 1 + voice.peak * np.exp(-((3 * np.log2(h * pitch / (cutoff * np.sqrt(200 * pitch)))) ** 2))
    fall = np.exp(-voice.damping * moments * (1 + voice.tilt * (h**1.2 - 1)) * np.sqrt(pitch / 300))
    spectrum = np.zeros((len(moments), TABLE_SIZE // 2 + 1), np.complex64)
    # Quadratic phases spread the energy over the cycle; sines in phase would make needles.
    spectrum[:, 1 : len(h) + 1] = amplitude * lowpass * fall * np.exp(1j * np.pi * h * h / len(h)) * TABLE_SIZE / 2
    cycle = irfft(spectrum, TABLE_SIZE, axis=1)
    return np.concatenate([cycle, cycle[:, :1]], axis=1).astype(np.float32)


def _read(tables: Sound, cycles: NDArray[np.float64], t: Sound) -> Sound:
    """Read tables at a phase, gliding from the first to the last over the note."""
    at = ((cycles % 1.0) * TABLE_SIZE).astype(np.float32)
    index = np.minimum(at.astype(np.int32), TABLE_SIZE - 1)
    part = at - index
    if len(tables) == 1:
        row = tables[0]
        below = row[index]
        sound: Sound = below + part * (row[index + 1] - below)
        return sound
    place = np.sqrt(t / t[-1]) * (len(tables) - 1)
    frame = np.minimum(place.astype(np.int32), len(tables) - 2)
    flat, width = tables.ravel(), tables.shape[1]
    index = index + frame * width
    early = flat[index] * (1 - part) + flat[index + 1] * part
    late = flat[index + width] * (1 - part) + flat[index + width + 1] * part
    return np.asarray(early + (place - frame) * (late - early), np.float32)


def _bent(voice: Voice, pitch: float, t: Sound, cycles: NDArray[np.float64], rate: int) -> Sound:
    """Frequency modulation; the depth is held back where its side bands would fold over."""
    room = max(0.0, (0.45 * rate - pitch) / (voice.ratio * pitch) - 1)
    depth = min(voice.depth, room) * np.exp(-t / voice.sweep) + 0.15 * min(voice.depth, room)
    turns = (cycles % 1.0).astype(np.float32)
    modulator = np.sin(2 * np.pi * ((voice.ratio * cycles) % 1.0).astype(np.float32))
    return np.asarray(np.sin(2 * np.pi * turns + depth * modulator), np.float32)


def _rung(voice: Voice, pitch: float, t: Sound, rate: int) -> Sound:
    """Free partials; higher notes ring shorter."""
    sound = np.zeros(len(t), np.float32)
    for ratio, amplitude, decay in voice.modes:
        if ratio * pitch < 0.45 * rate:
            turns = ((ratio * pitch * t.astype(np.float64)) % 1.0).astype(np.float32)
            sound += amplitude * np.exp(-t * np.float32(decay * np.sqrt(pitch / 400))) * np.sin(2 * np.pi * turns)
    return sound


def drum(kit: Kit, hits: Mapping[str, Sequence[tuple[float, float]]], *, rate: int, length: int) -> Sound:
    """Play a drum kit.

    Parameters
    ----------
    kit : Kit
        Strokes by drum.
    hits : mapping of str to sequence of (seconds, velocity)
        By drum.
    rate, length : int
        Samples per second, and number of samples to make.

    Returns
    -------
    float32, shape (length,)
    """
    out = np.zeros(length, np.float32)
    for number, (name, strokes) in enumerate(hits.items()):
        if not strokes:
            continue
        takes = [strike(kit[name], rate=rate, seed=10 * number + take) for take in range(DRUM_TAKES)]
        for i, (start, velocity) in enumerate(strokes):
            begin = round(max(start, 0.0) * rate)
            part = takes[i % DRUM_TAKES][: max(0, length - begin)]
            out[begin : begin + len(part)] += part * np.float32(velocity**1.6 * DRUM_LEVELS[name])
    return out


DRUM_LEVELS = {"kick": 1.0, "snare": 0.8, "hat": 0.5, "open": 0.5, "perc": 0.5}


def strike(stroke: Stroke, *, rate: int, seed: int) -> Sound:
    """One hit at full strength: float32 (n,), peak 1."""
    n = next_fast_len(int(min(6 * max(stroke.body, stroke.decay, 0.02), 1.6) * rate), real=True)
    t = np.arange(n) / rate
    sound = np.zeros(n)
    if stroke.body:
        cycles = stroke.pitch * (t + (stroke.drop - 1) * stroke.fall * (1 - np.exp(-t / stroke.fall)))
        sound += np.sin(2 * np.pi * cycles) * np.exp(-t / stroke.body)
    if stroke.noise or stroke.metal:
        raw = np.random.default_rng(seed).standard_normal(n)
        hiss = irfft(rfft(raw) * _band(np.fft.rfftfreq(n, 1 / rate), stroke.band, rate), n)
        rattle = hiss / (np.abs(hiss).max() + 1e-9) * stroke.noise
        if stroke.metal:
            partials = METAL_PARTIALS[0.45 * rate > METAL_PARTIALS]
            rattle += stroke.metal * np.sign(np.sin(2 * np.pi * np.outer(t, partials))).mean(axis=1)
        decay = np.exp(-t / stroke.decay)
        for burst in range(1, stroke.bursts):
            late = t - 0.011 * burst
            decay = np.where(late >= 0, np.exp(-np.abs(late) / stroke.decay), decay * np.exp(-t / 0.02))
        sound += rattle * decay
    edge = np.minimum(1, (n - np.arange(n)) / (0.01 * rate))
    return np.asarray(sound * edge / (np.abs(sound).max() + 1e-9), np.float32)


def _band(f: NDArray[np.floating], band: tuple[float, float], rate: int) -> NDArray[np.floating]:
    low, high = band
    return np.asarray((f / low) ** 2 / (1 + (f / low) ** 2) / np.sqrt(1 + (f / min(high, 0.5 * rate)) ** 6))


def loudness(sound: Sound, *, rate: int) -> float:
    """Loudness in decibels of the parts that sound, weighted towards what the ear hears (after ITU-R BS.1770).

    Parameters
    ----------
    sound : float32, shape (n,) or (channels, n)
        Channels are averaged in power.
    rate : int
        Samples per second.

    Returns
    -------
    float
        0 for a full-scale square wave at 1 kHz, about; -120 for silence.
    """
    n = sound.shape[-1]
    size = next_fast_len(n, real=True)
    f2 = (np.arange(size // 2 + 1, dtype=np.float32) * np.float32(rate / size)) ** 2
    weight = np.sqrt(f2 / (f2 + 60.0**2) * (1 + 1.5 * f2 / (f2 + 1700.0**2)), dtype=np.float32)
    heard = irfft(rfft(np.atleast_2d(sound), size, axis=1) * weight, size, axis=1)[:, :n]
    hop = max(1, min(rate // 10, n))
    frames = (heard[:, : n // hop * hop] ** 2).mean(axis=0).reshape(-1, hop).mean(axis=1)
    loud = frames[frames > 0.03 * np.quantile(frames, 0.9)]
    return float(10 * np.log10(loud.mean() + 1e-12)) if len(loud) else -120.0


@dataclass(frozen=True, slots=True)
class Room:
    """What happens to the mix.

    Attributes
    ----------
    seconds, wet : float
        Reverberation: time to fall by 60 decibels, and level.
    lowpass : float
        Cut-off in hertz.
    drive : float
        Saturation, 0 to 1.
    tone : tuple of float
        Gains in decibels at 100, 400, 1600 and 6400 Hz.
    """

    seconds: float = 1.0
    wet: float = 0.1
    lowpass: float = 16000.0
    drive: float = 0.0
    tone: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)


def process(dry: Sound, send: Sound, room: Room, *, rate: int) -> Sound:
    """Reverberate, filter and drive a mix.

    Parameters
    ----------
    dry : float32, shape (channels, n)
        The mix.
    send : float32, shape (n,)
        What goes into the reverb.
    room : Room
        Settings.
    rate : int
        Samples per second.

    Returns
    -------
    float32, shape (channels, n)
    """
    channels, n = dry.shape
    tail = int(min(1.5 * room.seconds, 3.0) * rate)
    size = next_fast_len(n + tail, real=True)
    t = np.arange(tail, dtype=np.float32) / rate
    fade = np.exp(-6.9 * t / np.float32(room.seconds)) * np.minimum(1, t / np.float32(0.012))
    hall = np.stack([_noise(np.random.default_rng(c), tail) for c in range(channels)]) * fade
    hall *= np.float32(room.wet) / np.sqrt((hall**2).sum(axis=1, keepdims=True))
    f = np.arange(size // 2 + 1) * (rate / size)
    octaves = np.log2(np.maximum(f, 20.0) / 100.0) / 2
    shape = 10 ** (np.interp(octaves, np.arange(4), room.tone) / 20) / np.sqrt(1 + (f / room.lowpass) ** 6)
    shape *= f / np.sqrt(f * f + 30.0**2)
    darker = 1 / np.sqrt(1 + (f / 4500.0) ** 2)
    echo = rfft(send, size) * darker.astype(np.float32) * rfft(hall, size, axis=1)
    wet = irfft((rfft(dry, size, axis=1) + echo) * shape.astype(np.float32), size, axis=1)[:, :n]
    if room.drive:
        loud = np.float32((0.5 + 2.5 * room.drive) * 10 ** (-(loudness(wet, rate=rate) + 18) / 20))
        wet = np.tanh(loud * wet)
    return np.asarray(wet, np.float32)


def limit(sound: Sound, *, rate: int, ceiling: float = 0.89) -> Sound:
    """Turn down, smoothly and ahead of time, what would exceed `ceiling`; float32 (channels, n)."""
    width = 2 * (rate // 200) + 1
    need = np.minimum(1.0, ceiling / np.maximum(np.abs(sound).max(axis=0), 1e-9))
    # The mean of a running minimum is never above the minimum needed at its centre.
    gain = uniform_filter1d(minimum_filter1d(need, 2 * width + 1), width)
    return np.asarray(np.clip(sound * gain, -ceiling, ceiling), np.float32)
