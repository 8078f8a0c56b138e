"""Mixes with known stems for the separator's net to learn from.

Pieces are played part by part; a scene takes some parts from other pieces, colours, pans and leaves out by chance, so
that every mix is new. All of it is linear, and a few sums per band and frame hold everything that the loss needs to
know of the sound itself (see `soundalike.research.training.separation.loss`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, uniform_filter1d

from soundalike.research.music.composer import Split, stream
from soundalike.research.renderer import render_parts
from soundalike.research.sound.more_voices import SINGERS, vary_singer
from soundalike.research.sound.orchestra import Palette
from soundalike.research.training.clips import training_piece
from soundalike.separators.embedded.model import STRIDE, levels
from soundalike.separators.embedded.picture import RATE, SIZE, Array, Spectrum, by_band, features, tonality, transform

Arrays: TypeAlias = dict[str, NDArray[Any]]

STEMS: Final[tuple[str, ...]] = ("drums", "bass", "other")
"""What the net learns to tell. Voices are other: synthetic singers do not teach it to hear recorded ones."""

PARTS: Final = ("drums", "bass", "vocals", "lead", "comp", "pad")
SECONDS: Final = 10.0
SUNG: Final = 0.5
"""Share of the pieces whose lead is a voice."""

FULL: Final = 32000
"""The greatest sample of a piece as a 16-bit number."""

HELD_OUT: Final = 1_000_000
"""The first seed of pieces that are held out: none of those to learn from."""

_HERTZ: Final = np.arange(SIZE // 2 + 1) * (RATE / SIZE)


def stem_of(part: str) -> str:
    """The stem that a part belongs to: those that are no stem of their own are ``other``."""
    return part if part in STEMS else "other"


@dataclass(frozen=True, slots=True)
class PieceParts:
    """From a seed to the parts of a piece; can be sent to another process.

    Attributes
    ----------
    split, palette
        See `soundalike.research.renderer`.
    first : int
        Added to seeds.
    """

    split: Split = "train"
    palette: Palette = "fonts-train"
    first: int = 0

    def __call__(self, seed: int) -> Arrays | None:
        """Some of `PARTS`, int16 of shape (n,) each at one scale, the loudest sample `FULL`; None for silence."""
        sounds = {part: clip for part, clip in self.clips(self.first + seed).items() if clip.any()}
        if not sounds:
            return None
        peak = max(float(np.abs(clip).max()) for clip in sounds.values())
        return {part: np.round(clip * np.float32(FULL / peak)).astype(np.int16) for part, clip in sounds.items()}

    def clips(self, seed: int) -> dict[str, Array]:
        """The same at their own level: float32, shape (n,)."""
        spec = replace(training_piece(seed, self.split, palette=self.palette), parts=None, duration=SECONDS)
        rng = stream("separation", seed, self.split)
        singers = SINGERS[self.split]
        singer = vary_singer(singers[rng.integers(len(singers))], rng) if rng.random() < SUNG else None
        parts = render_parts(spec, rate=RATE, lead=singer)
        return {"vocals" if part == "lead" and singer else part: clip.samples[0] for part, clip in parts.items()}


@dataclass(frozen=True, slots=True)
class Scene:
    """From a seed to an example; can be sent to another process.

    Attributes
    ----------
    pieces : tuple of Path
        Files with the arrays of `PieceParts`.
    """

    pieces: tuple[Path, ...]

    def __call__(self, seed: int) -> Arrays | None:
        """Make an example.

        Returns
        -------
        dict or None
            ``x`` : float16 (3, frames, 64), see `soundalike.separators.embedded.picture.features`. ``y`` : float16
            (12, frames, 64), see `example`. None if nothing sounds.
        """
        rng = np.random.default_rng(seed)
        spectra = self.stems(seed, rng)
        if not spectra:
            return None
        mix = np.sum(list(spectra.values()), axis=0)
        if rng.random() < 0.5:
            hiss = rng.standard_normal(mix.shape, np.float32) + 1j * rng.standard_normal(mix.shape, np.float32)
            mix = mix + np.float32(np.abs(mix).mean() * 10 ** (rng.uniform(-50, -25) / 20)) * hiss
        frames = mix.shape[1] // STRIDE * STRIDE
        x, y = example(mix, spectra)
        return {"x": x[:, :frames].astype(np.float16), "y": np.clip(y[:, :frames], -6e4, 6e4).astype(np.float16)}

    def stems(self, seed: int, rng: np.random.Generator) -> dict[str, Spectrum]:
        """Spectra of the stems that play in a mix made by chance: complex64 (channels, frames, 1025) each."""
        return self._spectra(self._cast(seed, rng), rng)

    def _cast(self, seed: int, rng: np.random.Generator) -> dict[str, Array]:
        """Who plays: a piece, of which others take over some parts."""
        parts = self._read(seed % len(self.pieces))
        for share, names in ((0.4, ("drums",)), (0.3, ("vocals", "lead")), (0.2, ("bass",))):
            if rng.random() < share:
                other = self._read(int(rng.integers(len(self.pieces))))
                parts = {name: sound for name, sound in parts.items() if name not in names}
                parts |= {name: other[name] for name in names if name in other}
        if "vocals" in parts and rng.random() < 0.25:
            lead = self._read(int(rng.integers(len(self.pieces)))).get("lead")
            parts |= {} if lead is None else {"lead": lead * np.float32(10 ** (rng.uniform(-12, 0) / 20))}
        if "vocals" in parts and rng.random() < 0.2:  # sung twice
            parts["vocals"] = parts["vocals"] + np.float32(0.7) * np.roll(
                parts["vocals"], int(rng.uniform(0.01, 0.04) * RATE)
            )
        heard = {name: sound for name, sound in parts.items() if rng.random() > 0.12}
        return {name: _roughened(sound, rng) if stem_of(name) == "other" else sound for name, sound in heard.items()}

    def _read(self, number: int) -> dict[str, Array]:
        with np.load(self.pieces[number]) as arrays:
            found = {name: arrays[name] for name in PARTS if name in arrays.files}
        return {name: sound.reshape(-1).astype(np.float32) / np.float32(FULL) for name, sound in found.items()}

    def _spectra(self, parts: Mapping[str, Array], rng: np.random.Generator) -> dict[str, Spectrum]:
        """Spectra by stem, of one channel or two."""
        channels = 2 if rng.random() < 0.6 else 1
        stems: dict[str, Spectrum] = {}
        for part, sound in parts.items():
            loudness = float(np.sqrt(np.mean(np.square(sound))))
            if loudness > 1e-5:
                gain = 10 ** (rng.normal(0, 4) / 20) * (0.06 / loudness if rng.random() < 0.3 else 1.0)
                spectrum = transform((sound * np.float32(gain))[None]) * _colour(part, channels, rng)
                stems[stem_of(part)] = stems.get(stem_of(part), np.complex64(0)) + spectrum
        if rng.random() < 0.3:  # low rates and lossy coding
            kept = (rng.choice([8000, 11000, 11000, 13000, 16000]) > _HERTZ).astype(np.float32)
            stems = {stem: spectrum * kept for stem, spectrum in stems.items()}
        return stems


def _roughened(sound: Array, rng: np.random.Generator) -> Array:
    """At times chopped, overdriven or breathy, as textures, guitars and voices are: they are no drums either."""
    kind = rng.random()
    if kind < 0.07:
        step = int(rng.uniform(0.04, 0.25) * RATE)
        gate = np.repeat(rng.random(len(sound) // step + 1) < rng.uniform(0.4, 0.9), step)[: len(sound)]
        return sound * np.asarray(gaussian_filter1d(gate.astype(np.float32), 0.002 * RATE))
    loudness = np.float32(np.sqrt(np.mean(np.square(sound))) + 1e-6)
    if kind < 0.17:
        return np.asarray(loudness * np.tanh(sound * (np.float32(rng.uniform(1.5, 8)) / loudness)), np.float32)
    if kind < 0.3:
        level = np.sqrt(uniform_filter1d(np.square(sound), int(0.05 * RATE)).clip(0))
        noise = np.diff(rng.standard_normal(len(sound) + 1, np.float32))
        return sound + np.asarray(level * noise * np.float32(10 ** (rng.uniform(-25, -5) / 20)), np.float32)
    return sound


def _colour(part: str, channels: int, rng: np.random.Generator) -> Spectrum:
    """A gain for each channel and frequency: tone, place, and a room that differs between the channels."""
    tilt = 10 ** (rng.normal(0, 2) * np.log2(np.maximum(_HERTZ, 30.0) / 500.0) / 20)
    tilt = tilt / np.sqrt(1 + (_HERTZ / rng.uniform(4000, 40000)) ** 6)
    place = rng.normal(0, 0.05) if part in ("drums", "bass", "vocals") else rng.uniform(-0.8, 0.8)
    width = abs(rng.normal(0, 0.1 if part == "bass" else 0.35))
    sides = np.sqrt([1 - place, 1 + place]) if channels == 2 else np.ones(1)
    gains = [side * (1 + width * _wavering(rng)) * tilt for side in sides]
    return np.array(gains).astype(np.complex64)[:, None]


def _wavering(rng: np.random.Generator) -> NDArray[np.complex128]:
    """A complex number for each frequency that changes slowly from one to the next."""
    step = int(rng.integers(4, 40))
    points = rng.normal(size=(2, len(_HERTZ) // step + 3))
    place = np.arange(len(_HERTZ)) / step
    real, imaginary = (np.interp(place, np.arange(points.shape[1]), row) for row in points)
    return np.asarray(real + 1j * imaginary)


def example(mix: Spectrum, stems: Mapping[str, Spectrum]) -> tuple[Array, Array]:
    """What the net is told of a mix, and the sums that its answer is judged by.

    Parameters
    ----------
    mix : complex64, shape (channels, frames, 1025)
    stems : mapping of str to complex64 of the same shape
        Those that sound.

    Returns
    -------
    features : float32, shape (3, frames, 64)
    sums : float32, shape (12, frames, 64)
        With t the tonality of a cell, p = 1 - t and X the mix, sums over a band of ttXX, tpXX, ppXX; then for each
        stem S in order tXS, pXS and SS. Loudest stretches have a power of about 1 in all.
    """
    power, side = levels(mix)
    tonal = tonality(power)
    noisy = 1 - tonal
    sums = [by_band(tonal * tonal * power), by_band(tonal * noisy * power), by_band(noisy * noisy * power)]
    for stem in STEMS:
        if stem in stems:
            shared = (stems[stem] * mix.conj()).real.mean(axis=0)
            own = np.square(np.abs(stems[stem])).mean(axis=0)
            sums += [by_band(tonal * shared), by_band(noisy * shared), by_band(own)]
        else:
            sums += [np.zeros_like(sums[0])] * 3
    frame = by_band(power).sum(axis=1, dtype=np.float64)
    reference = np.float32(np.square(frame).sum() / max(float(frame.sum()), 1e-30) / sums[0].shape[1] + 1e-30)
    return features(power, tonal, side), np.stack(sums) / reference


def read_examples(paths: Sequence[Path]) -> list[tuple[NDArray[np.float16], NDArray[np.float16]]]:
    """Examples of `Scene`, as (features, sums), from files of any number of them."""
    found = []
    for path in paths:
        with np.load(path) as arrays:
            if arrays.files:
                found += list(zip(arrays["x"], arrays["y"], strict=True))
    return found
