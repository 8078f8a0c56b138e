"""The groove descriptor: the pattern, not the tempo, the kit or the start."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.encoders.embedded import drums, groove
from soundalike.encoders.embedded.spectra import RATE, analyse, mono
from soundalike.research.sound.drum_kits import KITS
from soundalike.research.sound.synthesizer import drum

GROOVES = {
    "backbeat": ("X.......X.x.....", "....X.......X...", "x.x.x.x.x.x.x.x."),
    "second line": ("X..x..X...x.X...", "o.xoo.xo.xo.x.oo", ""),
    "house": ("X...X...X...X...", "....X.......X...", "..x...x...x...x."),
    "break": ("X.X.......XX....", "....X..o.o..X..o", "x.x.x.x.x.x.x.x."),
}
LEVEL = {"X": 1.0, "x": 0.75, "o": 0.35}


def played(name: str, bpm: float, *, kit: str = "big room", start: float = 0.0, seconds: float = 10.0) -> np.ndarray:
    """The sound of a groove from a beat on."""
    hits: dict[str, list[tuple[float, float]]] = {}
    for part, pattern in zip(("kick", "snare", "hat"), GROOVES[name], strict=True):
        cells = [(i / 4, LEVEL[c]) for i, c in enumerate(pattern) if c != "."]
        times = [((beat + 4 * bar - start) * 60 / bpm, v) for bar in range(20) for beat, v in cells]
        hits[part] = [(time, v) for time, v in times if 0 <= time < seconds]
    return drum(KITS["test"][kit], hits, rate=RATE, length=round(seconds * RATE))


def described(sound: np.ndarray) -> np.ndarray | None:
    signal = mono(sound[None].astype(np.float32))
    if signal is None:
        return None
    spectra = analyse(signal)
    return groove.describe(drums.hear(spectra), spectra.mel)


def groove_of(name: str, bpm: float, **options: object) -> np.ndarray:
    row = described(played(name, bpm, **options))  # type: ignore[arg-type]
    assert row is not None
    return row


@pytest.mark.parametrize("name", GROOVES)
def test_the_same_groove_at_another_tempo_is_nearer_than_another_at_the_same(name: str) -> None:
    anchor, same = groove_of(name, 100), groove_of(name, 118, start=2.5)
    for other in set(GROOVES) - {name}:
        assert anchor @ same > anchor @ groove_of(other, 100)


@pytest.mark.parametrize("name", ["backbeat", "second line", "break"])
def test_the_kit_and_the_tempo_together_do_not_matter(name: str) -> None:
    anchor, same = groove_of(name, 100), groove_of(name, 118, kit="toy machine", start=2.5)
    for other in set(GROOVES) - {name}:
        assert anchor @ same > anchor @ groove_of(other, 100)


def test_the_start_of_the_clip_does_not_matter() -> None:
    assert groove_of("break", 104) @ groove_of("break", 104, start=1.37) > 0.9


def test_the_level_does_not_matter() -> None:
    sound = played("break", 104)
    loud, faint = described(sound), described(0.05 * sound)
    np.testing.assert_allclose(loud, faint, atol=1e-2)


def test_the_true_beat_is_among_the_likely_ones() -> None:
    recurrence = np.zeros(400, np.float32)
    recurrence[0] = 1.0
    for beat in range(1, 12):
        recurrence[round(beat * 0.5 * drums.DRUM_RATE)] = 0.8
    beats = groove.likely_beats(recurrence)
    assert beats is not None
    assert np.abs(beats.bpm - 120).min() < 2
    assert beats.weight.sum() == pytest.approx(1.0)


@pytest.mark.parametrize("bpm", [30, 300])
def test_extreme_tempi_give_finite_unit_vectors(bpm: float) -> None:
    row = groove_of("backbeat", bpm)
    assert np.isfinite(row).all()
    assert np.linalg.norm(row) == pytest.approx(1.0, abs=1e-4)


def test_where_nothing_recurs_there_is_no_groove() -> None:
    one = drum(KITS["test"]["big room"], {"kick": [(3.0, 1.0)]}, rate=RATE, length=10 * RATE)
    assert described(one) is None
    assert described(np.zeros(10 * RATE)) is None
    assert described(played("backbeat", 100, seconds=1.0)) is None


def test_without_drums_the_onsets_are_described() -> None:
    time = np.arange(10 * RATE) / RATE
    plucked = np.sin(2 * np.pi * 440 * time) * np.exp(-6 * (time % 0.5))
    row = described(plucked)
    assert row is not None
    assert np.isfinite(row).all()


def test_the_same_clip_gives_the_same_bits() -> None:
    first = groove_of("house", 120)
    groove_of("break", 90, seconds=4.0)
    np.testing.assert_array_equal(groove_of("house", 120), first)
