"""What happens to a piece between the band and the listener: mastering, rooms, codecs, noise; drawn by chance.

A `Production` belongs to the clip, not to the music: two clips of one piece have two. `draw_production`
chooses one from a seed, `produce` applies it to a finished mix.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Literal, TypeAlias

import av
import numpy as np
import soundfile
from scipy.fft import irfft, next_fast_len, rfft
from scipy.ndimage import uniform_filter1d

from soundalike.errors import UsageError
from soundalike.research.music.composer import Split, stream
from soundalike.research.sound.synthesizer import Sound, loudness

Style: TypeAlias = Literal["plain", "varied"]
STYLES: tuple[Style, ...] = ("plain", "varied")

NOISES = ("hiss", "pink", "hum", "vinyl", "crowd")
CODECS = ("mp3", "aac", "vorbis")
BITRATES = (24, 32, 48, 64, 96)


@dataclass(frozen=True, slots=True)
class Production:
    """What happens to one clip; the defaults change nothing.

    Attributes
    ----------
    speed : float
        Factor of the tempo.
    tuning : float
        Cents by which everything that has a pitch is higher.
    lead : float
        Decibels by which the lead is louder.
    tone : tuple of float
        Gains in decibels at 60, 150, 400, 1000, 2500, 6500 Hz.
    ratio, threshold : float
        Compressor: input over output above the threshold, which is in decibels against the loudness of the mix.
    drive : float
        Saturation, 0 to 1.
    room : float
        Seconds in which a small room falls silent (by 60 decibels); 0 for none.
    distance : float
        Level of the room against the direct sound.
    noise : str
        One of `NOISES`, or "" for none.
    noise_level : float
        Decibels against the power of the mix.
    codec, kilobits : str, int
        One of `CODECS` ("" for none), and thousands of bits per second.
    seed : int
        Of noise and room.
    """

    speed: float = 1.0
    tuning: float = 0.0
    lead: float = 0.0
    tone: tuple[float, ...] = ()
    ratio: float = 1.0
    threshold: float = 0.0
    drive: float = 0.0
    room: float = 0.0
    distance: float = 0.0
    noise: str = ""
    noise_level: float = -30.0
    codec: str = ""
    kilobits: int = 64
    seed: int = 0


PLAIN = Production()


def draw_production(style: Style, nuisance: int, split: Split = "train") -> Production:
    """Choose what happens to a clip.

    Parameters
    ----------
    style : Style
        "plain" for nothing at all.
    nuisance : int
        Seed, not negative.
    split : Split
        Whose random numbers.

    Raises
    ------
    UsageError
        If `style` is unknown.
    """
    if style not in STYLES:
        raise UsageError(f"The production '{style}' was asked for.", f"Choose one of {', '.join(STYLES)}.")
    if style == "plain":
        return PLAIN
    rng = stream("production", nuisance, split)

    def sometimes(share: float, low: float, high: float, otherwise: float = 0.0) -> float:
        chosen, value = rng.random() < share, float(rng.uniform(low, high))
        return value if chosen else otherwise

    return Production(
        speed=float(np.exp(rng.uniform(-0.025, 0.025))),
        tuning=sometimes(0.6, -50, 50),
        lead=sometimes(0.3, -9, -3),
        tone=tuple(rng.uniform(-3, 3, size=6).tolist()),
        ratio=sometimes(0.5, 1.5, 6, 1.0),
        threshold=float(rng.uniform(-8, 4)),
        drive=sometimes(0.3, 0.1, 0.8),
        room=float(np.exp(sometimes(0.3, np.log(0.12), np.log(0.8), -np.inf))),
        distance=float(rng.uniform(0.15, 0.7)),
        noise=str(rng.choice(NOISES)) if rng.random() < 0.35 else "",
        noise_level=float(rng.uniform(-30, -15)),
        codec=str(rng.choice(CODECS)) if rng.random() < 0.2 else "",
        kilobits=int(rng.choice(BITRATES)),
        seed=int(rng.integers(2**31)),
    )


def produce(mix: Sound, production: Production, *, rate: int) -> Sound:
    """Apply what a production does to a mix; `speed`, `tuning` and `lead` are the players' business.

    Parameters
    ----------
    mix : float32, shape (channels, n)
        At any level.
    production : Production
        What to do.
    rate : int
        Samples per second.

    Returns
    -------
    float32, shape (channels, n)
        As loud as it came, in time with `mix` to the sample.
    """
    rng, before = np.random.default_rng(production.seed), loudness(mix, rate=rate)
    if production.tone or production.room:
        mix = _coloured(mix, production, rate, rng)
    if production.ratio > 1:
        mix = _compressed(mix, production.ratio, before + production.threshold, rate)
    if production.drive:
        drive = np.float32((0.5 + 2.5 * production.drive) * 10 ** (-(before + 18) / 20))
        mix = np.tanh(drive * mix) / drive
    if production.noise:
        noise = background(production.noise, mix.shape[1], rate=rate, rng=rng)
        gain = np.sqrt(np.mean(mix**2) / np.mean(noise**2)) * 10 ** (production.noise_level / 20)
        mix = mix + np.float32(gain) * noise
    mix = mix * np.float32(10 ** ((before - loudness(mix, rate=rate)) / 20))
    if production.codec:
        mix = coded(mix, production.codec, production.kilobits, rate=rate)
    return np.asarray(mix, np.float32)


def _coloured(mix: Sound, production: Production, rate: int, rng: np.random.Generator) -> Sound:
    """Equaliser and room, as one filter."""
    n, tail = mix.shape[1], int(production.room * rate)
    size = next_fast_len(n + tail, real=True)
    f = np.fft.rfftfreq(size, 1 / rate)
    centres = np.log2([60, 150, 400, 1000, 2500, 6500])
    gains = production.tone or (0.0,) * len(centres)
    shape = (10 ** (np.interp(np.log2(np.maximum(f, 20.0)), centres, gains) / 20)).astype(np.complex64)
    if tail:
        answer = _small_room(tail, production.room, rate, rng) * np.float32(production.distance)
        answer[0] += 1
        shape *= rfft(answer, size)
    return np.asarray(irfft(rfft(mix, size, axis=1) * shape, size, axis=1)[:, :n], np.float32)


def _small_room(n: int, seconds: float, rate: int, rng: np.random.Generator) -> Sound:
    """First reflections and a decaying tail of unit energy, darker as time goes by."""
    t = np.arange(n, dtype=np.float32) / np.float32(rate)
    noise = rng.standard_normal(n, dtype=np.float32)
    dull = uniform_filter1d(noise, 1 + int(rng.integers(2, 8)))
    late = np.clip(t / np.float32(seconds), 0, 1)
    tail = ((1 - late) * noise + 2 * late * dull) * np.exp(-6.9 * late) * np.minimum(1, t / np.float32(0.015))
    for _ in range(6):
        tail[int(rng.uniform(0.001, 0.03) * rate) % n] += np.float32(rng.choice([-1, 1]) * rng.uniform(2, 8))
    return np.asarray(tail / np.sqrt((tail**2).sum()), np.float32)


def _compressed(mix: Sound, ratio: float, threshold: float, rate: int) -> Sound:
    """Turn down what is louder than `threshold` decibels, within some 10 ms, and let go within some 100."""
    hop, n = max(1, rate // 200), mix.shape[1]
    frames = -(-n // hop)
    power = np.pad(mix**2, ((0, 0), (0, frames * hop - n))).mean(axis=0).reshape(frames, hop).mean(axis=1)
    level = 10 * np.log10(np.maximum(uniform_filter1d(power, 3), 1e-10))
    wanted, gain, state = np.maximum(level - threshold, 0) * (1 - 1 / ratio), np.empty(frames), 0.0
    for i, reduction in enumerate(wanted.tolist()):
        state += (0.5 if reduction > state else 0.06) * (reduction - state)
        gain[i] = state
    smooth = np.interp(np.arange(n), (np.arange(frames) + 0.5) * hop, 10 ** (-gain / 20))
    return np.asarray(mix * smooth.astype(np.float32), np.float32)


def background(kind: str, n: int, *, rate: int, rng: np.random.Generator) -> Sound:
    """Make noise of a kind of `NOISES`: float32, shape (n,), at any level."""
    white = rng.standard_normal(n, dtype=np.float32)
    if kind == "hiss":
        return white
    t = np.arange(n, dtype=np.float32) / np.float32(rate)
    if kind == "hum":
        mains = float(rng.choice([50, 60]))
        waves = [rng.uniform(0.1, 1) / h * np.sin(2 * np.pi * mains * h * t) for h in (1, 2, 3, 4, 6)]
        return np.asarray(np.sum(waves, axis=0) + 0.02 * white, np.float32)
    if kind == "vinyl":
        clicks = np.where(rng.random(n, dtype=np.float32) < 12 / rate, 30 * white, np.float32(0))
        return np.asarray(uniform_filter1d(clicks, 2) + _filtered(white, rate, 40, 400) + 0.1 * white, np.float32)
    if kind == "crowd":
        # Many voices: noise with the spectrum of speech that swells at the speed of syllables.
        steps = rng.random((3, max(2, int(t[-1] * 5) + 2)))
        swells = [np.interp(t * 5, np.arange(steps.shape[1]), row**2).astype(np.float32) for row in steps]
        bands = ((250, 700), (700, 1800), (1800, 4000))
        return np.asarray(sum(s * _filtered(white, rate, *b) for s, b in zip(swells, bands, strict=True)), np.float32)
    return _filtered(white, rate, 20, 60)


def _filtered(sound: Sound, rate: int, low: float, high: float) -> Sound:
    """Band-pass with gentle slopes."""
    size = next_fast_len(len(sound), real=True)
    f = np.maximum(np.fft.rfftfreq(size, 1 / rate), 1.0).astype(np.float32)
    weight = (f / low) / np.sqrt(1 + (f / low) ** 2) / np.sqrt(1 + (f / high) ** 2)
    return np.asarray(irfft(rfft(sound, size) * weight, size)[: len(sound)], np.float32)


def coded(mix: Sound, codec: str, kilobits: int, *, rate: int) -> Sound:
    """Encode and decode a mix in memory; what comes back is in time with it and as long.

    Parameters
    ----------
    mix : float32, shape (channels, n)
        One channel or two, about -1 to 1.
    codec : str
        One of `CODECS`.
    kilobits : int
        Thousands of bits per second.
    rate : int
        Samples per second; one that the codec knows.
    """
    through = _through_vorbis if codec == "vorbis" else _through_mp3_or_aac
    return _aligned(through(mix, codec, kilobits, rate), mix)


def _through_vorbis(mix: Sound, codec: str, kilobits: int, rate: int) -> Sound:
    memory, squeeze = io.BytesIO(), float(np.interp(kilobits, [BITRATES[0], BITRATES[-1]], [1.0, 0.3]))
    with soundfile.SoundFile(
        memory, "w", rate, len(mix), format="OGG", subtype=codec.upper(), compression_level=squeeze
    ) as file:
        for begin in range(0, mix.shape[1], 4096):  # libsndfile overflows its stack on much more at once
            file.write(mix[:, begin : begin + 4096].T)
    memory.seek(0)
    return np.asarray(soundfile.read(memory, dtype="float32", always_2d=True)[0].T)


def _through_mp3_or_aac(mix: Sound, codec: str, kilobits: int, rate: int) -> Sound:
    container, encoder = {"mp3": ("mp3", "libmp3lame"), "aac": ("mp4", "aac")}[codec]
    layout, memory = ("mono", "stereo")[len(mix) - 1], io.BytesIO()
    with av.open(memory, "w", format=container) as file:
        track = file.add_stream(encoder, rate=rate, layout=layout)
        assert isinstance(track, av.AudioStream)
        track.bit_rate = kilobits * 1000
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(mix), format="fltp", layout=layout)
        frame.sample_rate = rate
        for made in av.AudioResampler(format=track.format, layout=layout, rate=rate).resample(frame):
            file.mux(track.encode(made))
        file.mux(track.encode(None))
    memory.seek(0)
    with av.open(memory, "r") as coded_file:
        planar = av.AudioResampler(format="fltp", layout=layout, rate=rate)
        frames = [made for found in coded_file.decode(audio=0) for made in planar.resample(found)]
        return np.concatenate([made.to_ndarray() for made in frames], axis=1)


def _aligned(late: Sound, wanted: Sound) -> Sound:
    """Shift a signal by what an encoder has delayed it, found by correlation, and cut it to the same length."""
    n, most = wanted.shape[1], 4096
    size = next_fast_len(n + 2 * most, real=True)
    together = irfft(rfft(late[0, : n + most], size) * np.conj(rfft(wanted[0], size)), size)
    lag = int(np.argmax(np.concatenate([together[-most:], together[:most]]))) - most
    shifted = late[:, lag:] if lag >= 0 else np.pad(late, ((0, 0), (-lag, 0)))
    return np.asarray(np.pad(shifted, ((0, 0), (0, max(0, n - shifted.shape[1]))))[:, :n], np.float32)
