"""Productions: aligned, level, reproducible; and what they do to a performance is in its score."""

from dataclasses import replace

import numpy as np
import pytest

from soundalike.errors import UsageError
from soundalike.research.renderer import PieceSpec, perform, render
from soundalike.research.sound.production import (
    CODECS,
    NOISES,
    PLAIN,
    Production,
    background,
    coded,
    draw_production,
    produce,
)
from soundalike.research.sound.synthesizer import loudness

RATE = 22050
SPEC = PieceSpec(melody=1, harmony=2, groove=3, tempo=110.0, timbre=4, nuisance=6, duration=3.0)


@pytest.fixture(scope="module")
def mix() -> np.ndarray:
    return render(SPEC).samples


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.corrcoef(a.ravel(), b.ravel())[0, 1])


@pytest.mark.parametrize("codec", CODECS)
@pytest.mark.parametrize("channels", [1, 2])
def test_codec_round_trip_is_in_time_to_the_sample(mix: np.ndarray, codec: str, channels: int) -> None:
    sound = np.concatenate([mix, 0.5 * mix])[:channels]
    back = coded(sound, codec, 64, rate=RATE)
    assert back.shape == sound.shape
    assert likeness(back, sound) > 0.97
    assert likeness(back, sound) > likeness(np.roll(back, 1), sound)


@pytest.mark.parametrize("codec", CODECS)
def test_fewer_bits_lose_more(mix: np.ndarray, codec: str) -> None:
    errors = [np.mean((coded(mix, codec, kilobits, rate=RATE) - mix) ** 2) for kilobits in (24, 96)]
    assert errors[0] > errors[1] > 0


@pytest.mark.parametrize("kind", NOISES)
def test_noise_is_as_loud_as_its_level_says(mix: np.ndarray, kind: str) -> None:
    noisy = produce(mix, Production(noise=kind, noise_level=-20), rate=RATE)
    gain = np.vdot(noisy, mix) / np.vdot(mix, mix)
    rest = noisy - gain * mix
    assert 10 * np.log10(np.mean(rest**2) / np.mean((gain * mix) ** 2)) == pytest.approx(-20, abs=1)


def test_noises_differ() -> None:
    spectra = [np.abs(np.fft.rfft(background(k, RATE, rate=RATE, rng=np.random.default_rng(1)))) for k in NOISES]
    for i, one in enumerate(spectra):
        assert all(np.corrcoef(one, other)[0, 1] < 0.9 for other in spectra[:i])


@pytest.mark.parametrize("seed", range(12))
def test_production_keeps_loudness_length_and_time(mix: np.ndarray, seed: int) -> None:
    production = replace(draw_production("varied", seed), room=0.0)
    made = produce(mix, production, rate=RATE)
    assert made.shape == mix.shape
    assert np.isfinite(made).all()
    assert loudness(made, rate=RATE) == pytest.approx(loudness(mix, rate=RATE), abs=1.0)
    lags = [likeness(np.roll(made, lag), mix) for lag in range(-40, 41)]
    assert abs(int(np.argmax(lags)) - 40) <= 4


def test_compressor_narrows_the_dynamics(mix: np.ndarray) -> None:
    quiet_then_loud = mix * np.where(np.arange(mix.shape[1]) < mix.shape[1] // 2, 0.1, 1).astype(np.float32)
    made = produce(quiet_then_loud, Production(ratio=4.0, threshold=-8.0), rate=RATE)

    def step(sound: np.ndarray) -> float:
        halves = np.array_split(sound[0], 2)
        return float(10 * np.log10(np.mean(halves[1] ** 2) / np.mean(halves[0] ** 2)))

    assert step(made) < step(quiet_then_loud) - 3


def test_room_rings_on(mix: np.ndarray) -> None:
    stopped = mix * (np.arange(mix.shape[1]) < RATE)
    made = produce(stopped, Production(room=0.5, distance=0.6), rate=RATE)
    tail = slice(RATE + 200, RATE + 3000)
    assert np.abs(made[0, tail]).max() > 1e-3
    assert not stopped[0, tail].any()


def test_plain_production_changes_nothing() -> None:
    assert draw_production("plain", 5) is PLAIN
    assert np.array_equal(render(SPEC).samples, render(replace(SPEC, production="plain")).samples)


def test_draws_cover_what_they_should() -> None:
    drawn = [draw_production("varied", seed) for seed in range(300)]
    assert {p.codec for p in drawn} == {"", *CODECS}
    assert {p.noise for p in drawn} == {"", *NOISES}
    assert 0.14 < np.mean([p.codec != "" for p in drawn]) < 0.27
    assert 0.2 < np.mean([p.lead < -3 for p in drawn]) < 0.4
    assert max(abs(p.tuning) for p in drawn) <= 50
    assert np.mean([p.room == 0 for p in drawn]) > 0.5
    assert drawn[7] == draw_production("varied", 7)


def test_performance_tells_speed_and_tuning() -> None:
    varied = replace(SPEC, production="varied", start=0.0)
    plain = perform(replace(SPEC, start=0.0))
    for nuisance in range(4):
        production, score = draw_production("varied", nuisance), perform(replace(varied, nuisance=nuisance))
        usual = perform(replace(SPEC, start=0.0, nuisance=nuisance))
        assert score.tuning == production.tuning
        assert score.tempo == pytest.approx(usual.tempo * production.speed)
        assert score.beats[2] * production.speed == pytest.approx(usual.beats[2])
    assert plain.tuning == 0.0


def test_varied_pieces_are_reproducible_and_stay_below_the_ceiling() -> None:
    for nuisance in range(8):
        spec = replace(SPEC, production="varied", nuisance=nuisance, duration=2.0)
        samples = render(spec).samples
        assert np.array_equal(samples, render(spec).samples)
        assert np.abs(samples).max() <= 0.9
        assert -32 < loudness(samples, rate=RATE) < -14


def test_unknown_style_is_refused() -> None:
    with pytest.raises(UsageError, match="loud"):
        draw_production("loud", 1)
