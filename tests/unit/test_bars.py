from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.bars import LEAST_CONFIDENCE, Bars, find_bars
from soundalike.bars.bar_decoding import WEIGHTS
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.evaluation.beats import Piece, f_measure, measure, ours, rendered, score, tables
from soundalike.research.training.bar_weights import examples, fit_bar_weights

RATE = 22050


def kick(rate: int = RATE) -> np.ndarray:
    time = np.arange(int(0.25 * rate)) / rate
    return np.sin(2 * np.pi * (50 * time - 5 * np.exp(-time / 0.02))) * np.exp(-time / 0.08)


def noise(seconds: float, decay: float, seed: int, rate: int = RATE) -> np.ndarray:
    time = np.arange(int(seconds * rate)) / rate
    return np.random.default_rng(seed).standard_normal(len(time)) * np.exp(-time / decay)


def placed(sounds: list[tuple[float, np.ndarray, float]], seconds: float, rate: int = RATE) -> np.ndarray:
    out = np.zeros(round(seconds * rate) + rate)
    for at, sound, level in sounds:
        first = round(at * rate)
        out[first : first + len(sound)] += level * sound[: max(0, len(out) - first)]
    out = out[: round(seconds * rate)]
    return (0.7 * out / np.abs(out).max()).astype(np.float32)


def drum_loop(beats: np.ndarray, seconds: float, meter: int = 4, rate: int = RATE) -> np.ndarray:
    """Kick on one (and on three of four), snare on the others, hats in eighths."""
    low, snare, hat = kick(rate), noise(0.2, 0.05, 1, rate), np.diff(noise(0.05, 0.012, 2, rate))
    sounds = []
    for number, (at, after) in enumerate(zip(beats, [*beats[1:], 2 * beats[-1] - beats[-2]], strict=True)):
        place = number % meter
        strong = place == 0 or (meter == 4 and place == 2)
        sounds.append((at, low, 1.0 if place == 0 else 0.7) if strong else (at, snare, 0.35))
        sounds += [(at, hat, 0.12), ((at + after) / 2, hat, 0.08)]
    return placed([sound for sound in sounds if sound[0] < seconds], seconds, rate)


def even(bpm: float, seconds: float, start: float = 0.0) -> np.ndarray:
    return np.arange(start, seconds, 60.0 / bpm)


def write(path: Path, samples: np.ndarray, rate: int = RATE) -> Path:
    soundfile.write(path, samples.T, rate)
    return path


def found_share(known: np.ndarray, found: np.ndarray, tolerance: float = 0.01) -> float:
    """Share of the beats, without the first and last second, that have one found near them."""
    inner = known[(known > 1.0) & (known < known[-1] - 1.0)]
    return float(np.mean([np.abs(found - beat).min() < tolerance for beat in inner]))


@pytest.mark.parametrize("bpm", [60.0, 90.0, 120.0, 174.0])
def test_a_drum_loop_has_its_beats_up_to_double_and_half_time(tmp_path, bpm):
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(even(bpm, 24.0), 24.0)))
    assert min(abs(bars.tempo * ratio / bpm - 1) for ratio in (0.5, 1.0, 2.0)) < 1e-3
    level = round(float(np.log2(bars.tempo / bpm)))
    known = even(bpm, 24.0)[:: 2 if level < 0 else 1]
    assert max(found_share(known, bars.beats), found_share(known + (level < 0) * 60.0 / bpm, bars.beats)) == 1.0


@pytest.mark.parametrize("bpm", [90.0, 120.0, 132.5])
def test_beats_lie_on_the_attacks_wherever_the_first_one_is(tmp_path, bpm):
    known = even(bpm, 30.0, start=0.237)
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(known, 30.0)))
    assert bars.tempo == pytest.approx(bpm, rel=2e-4)
    assert found_share(known, bars.beats, tolerance=0.004) == 1.0


@pytest.mark.parametrize("meter", [3, 4])
def test_bars_have_their_meter_and_begin_with_the_first_beat(tmp_path, meter):
    known = even(110.0, 30.0, start=0.4)
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(known, 30.0, meter=meter)))
    assert bars.meter == meter
    assert found_share(known[::meter], bars.downbeats) == 1.0


def test_music_to_a_click_has_evenly_spaced_beats(tmp_path):
    rng = np.random.default_rng(3)
    human = even(104.0, 30.0, 0.2) + np.clip(rng.normal(0, 0.004, len(even(104.0, 30.0, 0.2))), -0.01, 0.01)
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(human, 30.0)))
    assert np.ptp(np.diff(bars.beats)) < 1e-9


def test_beats_follow_a_tempo_that_drifts(tmp_path):
    tempo = np.linspace(100.0, 112.0, 60)
    known = 0.3 + np.concatenate([[0.0], np.cumsum(60.0 / tempo)])
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(known, known[-1] + 0.3)))
    assert found_share(known, bars.beats, tolerance=0.012) == 1.0
    assert np.diff(bars.beats)[:8].mean() > 1.05 * np.diff(bars.beats)[-8:].mean()


def test_times_are_those_of_the_file_not_of_the_passage(tmp_path):
    known = even(120.0, 40.0, start=0.1)
    path = write(tmp_path / "x.wav", drum_loop(known, 40.0))
    bars = find_bars(path, start=11.3, end=31.0)
    assert bars.beats[0] >= 11.3
    assert bars.beats[-1] <= 31.0
    assert np.abs(bars.beats[:, None] - known).min(axis=1).max() < 0.004
    assert len(bars.beats) >= 38


def test_a_loop_is_all_bars_from_its_start_to_its_end(tmp_path):
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(even(120.0, 16.0), 16.0)))
    assert np.array(bars.bar_spans()) == pytest.approx(
        np.array([(2.0 * i, 2.0 * i + 2.0) for i in range(8)]), abs=0.005
    )


def drone() -> np.ndarray:
    time = np.arange(20 * RATE) / RATE
    return np.sum([np.sin(2 * np.pi * 110 * k * time) / k for k in range(1, 8)], axis=0)


def hiss() -> np.ndarray:
    return np.random.default_rng(0).standard_normal(20 * RATE)


def at_random() -> np.ndarray:
    times = np.cumsum(0.08 + np.random.default_rng(1).exponential(0.4, 40))
    return placed([(at, noise(0.2, 0.05, 1), 1.0) for at in times if at < 20], 20.0)


@pytest.mark.parametrize("sound", [drone, hiss, at_random])
def test_where_nothing_keeps_time_there_is_no_beat(tmp_path, sound):
    samples = sound()
    assert find_bars(write(tmp_path / "x.wav", 0.3 * samples / np.abs(samples).max())) is None


@pytest.mark.parametrize("seconds", [0.02, 1.0, 30.0])
def test_silence_has_no_beat(tmp_path, seconds):
    assert find_bars(write(tmp_path / "x.wav", np.zeros(round(seconds * RATE)))) is None


@pytest.mark.parametrize("seconds", [0.05, 1.0])
def test_less_than_a_bar_is_no_bar(tmp_path, seconds):
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(even(120.0, 4.0), seconds)))
    assert bars is None or bars.bar_spans() == []


def test_rate_and_channels_do_not_matter(tmp_path):
    known = even(96.0, 20.0, start=0.15)
    low = drum_loop(known, 20.0, rate=8000)
    wide = drum_loop(known, 20.0, rate=44100)
    for samples, rate in ((low, 8000), (np.stack([wide, 0.3 * wide]), 44100)):
        bars = find_bars(write(tmp_path / "x.wav", samples, rate))
        assert bars.tempo == pytest.approx(96.0, rel=1e-3)
        assert found_share(known, bars.beats, tolerance=0.006) == 1.0


def test_a_passage_after_the_end_is_refused(tmp_path):
    path = write(tmp_path / "x.wav", drum_loop(even(120.0, 4.0), 4.0))
    with pytest.raises(UsageError):
        find_bars(path, start=9.0)
    with pytest.raises(UsageError):
        find_bars(path, start=3.0, end=2.0)


def test_what_is_no_sound_is_refused(tmp_path):
    path = tmp_path / "x.wav"
    path.write_bytes(b"RIFF but no more")
    with pytest.raises(AudioDecodeError):
        find_bars(path)


def test_the_same_file_gives_the_same_bits(tmp_path):
    path = write(tmp_path / "x.wav", drum_loop(even(100.0, 15.0), 15.0))
    one, other = find_bars(path), find_bars(path)
    assert one.beats.tobytes() == other.beats.tobytes()
    assert one.downbeats.tobytes() == other.downbeats.tobytes()
    assert one.confidence == other.confidence


def test_what_is_found_is_as_it_is_described(tmp_path):
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(even(120.0, 20.0), 20.0)))
    assert LEAST_CONFIDENCE <= bars.confidence <= 1.0
    assert np.all(np.diff(bars.beats) > 0)
    assert set(bars.downbeats) <= set(bars.beats)
    for first, last in bars.bar_spans():
        assert last - first == pytest.approx(bars.meter * 60.0 / bars.tempo, rel=0.01)


def test_only_complete_bars_are_spans():
    beats = np.arange(11.0)
    bars = Bars(beats, beats[[1, 5, 8]], meter=4, tempo=60.0, confidence=1.0)
    assert bars.bar_spans() == [(1.0, 5.0)]


def test_where_some_notes_come_late_the_beats_still_keep_to_the_click(tmp_path):
    known = even(128.0, 40.0, start=0.2)
    late = known.copy()
    late[30:44] += 0.03
    bars = find_bars(write(tmp_path / "x.wav", drum_loop(late, 40.0)))
    assert found_share(known, bars.beats, tolerance=0.004) == 1.0


def test_rendered_pieces_have_their_beats_and_bars():
    found = measure(rendered(3, palette="synthesizer"), ours)
    assert found["pieces"] == 3
    assert found["beats"]["value"] > 0.95
    assert found["downbeats"]["value"] > 0.8
    assert found["error, ms"] < 6.0
    assert tables({"rendered": {"soundalike": found}})[-1].startswith("| rendered (3) | soundalike | ")


def test_a_beat_is_found_within_the_tolerance_and_once():
    known = np.arange(10.0)
    assert f_measure(known, known + 0.06) == 1.0
    assert f_measure(known, known + 0.08) == 0.0
    assert f_measure(known, np.sort(np.concatenate([known, known + 0.01]))) == pytest.approx(2 / 3)
    assert f_measure(known, known[::2]) == pytest.approx(2 / 3)
    assert f_measure(known, np.zeros(0)) == 0.0


def test_beats_at_half_the_tempo_are_right_at_some_level():
    piece = Piece(np.zeros(0, np.float32), np.arange(20.0), np.arange(0.0, 20.0, 4.0), 60.0)
    rights = score(piece, (piece.beats[1::2], piece.downbeats))
    assert rights["beats, any level"] == 1.0
    assert (rights["tempo"], rights["tempo, octaves"], rights["downbeats"]) == (0.0, 1.0, 1.0)
    assert score(piece, None)["beats"] == 0.0


def test_the_signs_of_a_first_beat_can_be_learned_again():
    pytest.importorskip("sklearn")
    known = even(120.0, 20.0, start=0.2)
    piece = Piece(drum_loop(known, 20.0, meter=3), known, known[::3], 120.0)
    fitted = fit_bar_weights([piece, piece])
    assert np.shape(fitted["weights"]) == np.shape(WEIGHTS)
    heard, first = examples(piece)
    evidence = heard @ np.ravel(fitted["weights"]) + fitted["offset"]
    assert np.mean((evidence > 0) == first) > 0.9
