from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.encoders import load_encoder
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder, descriptors
from soundalike.errors import UsageError
from soundalike.heads import DEFAULT_HEADS, load_heads

RATE = 22050
TUNE = (0, 4, 7, 9, 7, 4, 2, 5, 4, 0, 2, 7, 5, 4, 2, -1)
OTHER_TUNE = (7, 7, 5, 2, 0, 2, 5, 11, 12, 11, 7, 4, 5, 2, 4, 0)
SOFT = (1.0, 0.3, 0.1)
BRIGHT = (0.6, 0.9, 0.2, 0.8, 0.3, 0.7, 0.4, 0.5)
ROCK = {"kick": "x.......x.x.....", "snare": "....x.......x...", "hat": "x.x.x.x.x.x.x.x."}
LATIN = {"kick": "x..x....x..x....", "snare": "..x...x...x..x..", "hat": "x..x..x...x.x..."}

NAMES = ("embedded", "descriptors")
LAYOUTS = {"embedded": LAYOUT, "descriptors": descriptors.LAYOUT}
HEADS = {name: {head.factor: head for head in load_heads(DEFAULT_HEADS[name])} for name in NAMES}

both = pytest.mark.parametrize("name", NAMES)


def tones(
    notes: tuple[int, ...],
    *,
    partials: tuple[float, ...] = SOFT,
    key: float = 0,
    bpm: float = 120.0,
    seconds: float = 10.0,
) -> Clip:
    length = round(seconds * RATE)
    samples = np.zeros(length + RATE, np.float64)
    beat = 60.0 / bpm
    time = np.arange(round(beat * RATE)) / RATE
    envelope = np.minimum(1.0, 100.0 * time) * np.minimum(1.0, 20.0 * (beat - time))
    for i in range(int(seconds / beat) + 1):
        frequency = 440.0 * 2.0 ** ((notes[i % len(notes)] + key + 67 - 69) / 12.0)
        sound = sum(a * np.sin(2 * np.pi * frequency * (h + 1) * time) for h, a in enumerate(partials))
        start = round(i * beat * RATE)
        if start < length:
            samples[start : start + len(time)] += (sound * envelope)[: len(samples) - start]
    return Clip(0.1 * samples[None, :length].astype(np.float32), RATE)


def drums(pattern: dict[str, str], *, bpm: float = 110.0, seconds: float = 10.0, kit: int = 0) -> Clip:
    rng = np.random.default_rng(kit)
    time = np.arange(RATE // 4) / RATE
    white = rng.standard_normal((2, len(time)))
    sounds = {
        "kick": np.sin(2 * np.pi * (50 + 10 * kit) * time) * np.exp(-time * 20),
        "snare": white[0] * np.exp(-time * (25 + 10 * kit)),
        "hat": 0.5 * np.diff(white[1], n=2, append=[0, 0]) * np.exp(-time * (80 + 30 * kit)),
    }
    samples = np.zeros(round((seconds + 1) * RATE))
    step = 15.0 / bpm
    for name, hits in pattern.items():
        for i in range(int(seconds / step)):
            if hits[i % len(hits)] == "x":
                start = round(i * step * RATE)
                samples[start : start + len(time)] += sounds[name]
    samples += 1e-4 * rng.standard_normal(len(samples))
    return Clip(0.2 * samples[None, : round(seconds * RATE)].astype(np.float32), RATE)


def joined(first: Clip, second: Clip) -> Clip:
    return Clip(first.samples + second.samples, RATE)


def cosine(name: str, factor: str, first: Clip, second: Clip) -> float:
    a, b = HEADS[name][factor].project(load_encoder(name).encode([first, second]))
    return float(a @ b)


@both
def test_the_layout_covers_an_embedding_without_gaps(name):
    edges = [0]
    for place in LAYOUTS[name].values():
        assert place.start == edges[-1]
        edges.append(place.stop)
    assert edges[-1] == load_encoder(name).dim


@both
def test_shipped_heads_fit_the_embeddings_and_hear_their_own_part_only(name):
    encoder, layout = load_encoder(name), LAYOUTS[name]
    embedding = encoder.encode([joined(tones(TUNE), drums(ROCK))])
    parts = {factor: (factor,) for factor in HEADS[name]} | {"overall": tuple(layout)}
    if name == "embedded":
        parts["rhythm"] = ("rhythm", "groove")
    for factor, head in HEADS[name].items():
        assert head.in_dim == encoder.dim
        only = np.zeros_like(embedding)
        for part in parts[factor]:
            only[:, layout[part]] = embedding[:, layout[part]]
        assert head.project(only).any()
        assert np.array_equal(head.project(only), head.project(embedding))


@pytest.mark.parametrize("samples", [np.zeros((1, RATE)), np.full((1, RATE), 0.25)])
def test_silence_and_a_constant_hold_nothing(samples):
    assert not EmbeddedEncoder().encode([Clip(samples.astype(np.float32), RATE)]).any()


def test_drums_alone_have_rhythm_but_neither_melody_nor_harmony():
    noise = {"snare": ROCK["snare"], "hat": ROCK["hat"]}
    embedding = EmbeddedEncoder().encode([drums(noise)])[0]
    present = {name for name, place in LAYOUT.items() if embedding[place].any()}
    assert present == {"rhythm", "groove", "timbre", "tempo"}


def test_a_short_hit_has_timbre_but_no_rhythm():
    embedding = EmbeddedEncoder().encode([drums(ROCK, seconds=0.05)])[0]
    assert embedding[LAYOUT["timbre"]].any()
    assert not any(embedding[LAYOUT[name]].any() for name in ("rhythm", "groove", "tempo", "melody"))


@both
def test_a_steady_tone_has_no_rhythm(name):
    time = np.arange(5 * RATE) / RATE
    clip = Clip(0.1 * np.sin(2 * np.pi * 440 * time)[None].astype(np.float32), RATE)
    embedding = load_encoder(name).encode([clip])[0]
    assert embedding[LAYOUTS[name]["chroma"]].any()
    assert not embedding[LAYOUTS[name]["rhythm"]].any()


def test_twenty_decibels_less_change_nothing():
    clip = joined(tones(TUNE), drums(ROCK))
    quiet = Clip(clip.samples * np.float32(0.1), RATE)
    assert np.allclose(*EmbeddedEncoder().encode([clip, quiet]), atol=2e-4)


def test_a_constant_offset_changes_nothing():
    clip = joined(tones(TUNE), drums(ROCK))
    shifted = Clip(clip.samples + np.float32(0.05), RATE)
    assert np.allclose(*EmbeddedEncoder().encode([clip, shifted]), atol=2e-3)


@both
@pytest.mark.parametrize("factor", ["melody", "rhythm", "groove", "timbre", "harmony", "overall"])
def test_a_lead_in_of_silence_hardly_matters(name, factor):
    clip = joined(tones(TUNE, seconds=8.8), drums(ROCK, seconds=8.8))
    late = Clip(np.pad(clip.samples, ((0, 0), (round(1.2 * RATE), 0))), RATE)
    assert cosine(name, factor, clip, late) > 0.8


@both
@pytest.mark.parametrize("key", [-5, 1, 4, 6])
def test_melody_ignores_the_key(name, key):
    assert cosine(name, "melody", tones(TUNE), tones(TUNE, key=key)) > 0.8


@both
def test_melody_hears_the_tune_and_not_the_instrument(name):
    tune = tones(TUNE, partials=SOFT)
    same = cosine(name, "melody", tune, tones(TUNE, partials=BRIGHT, key=3))
    assert same > cosine(name, "melody", tune, tones(OTHER_TUNE, partials=SOFT)) + 0.2


@both
def test_timbre_hears_the_instrument_and_not_the_tune(name):
    tune = tones(TUNE, partials=SOFT)
    same = cosine(name, "timbre", tune, tones(OTHER_TUNE, partials=SOFT))
    assert same > cosine(name, "timbre", tune, tones(TUNE, partials=BRIGHT)) + 0.2


@both
def test_rhythm_hears_the_pattern_and_not_the_kit(name):
    beat = drums(ROCK)
    same = cosine(name, "rhythm", beat, drums(ROCK, kit=2))
    assert same > cosine(name, "rhythm", beat, drums(LATIN)) + 0.2


@both
def test_groove_hears_the_pattern_at_another_tempo_where_rhythm_does_not(name):
    beat, faster = drums(ROCK, bpm=100.0), drums(ROCK, bpm=118.0)
    assert cosine(name, "groove", beat, faster) > cosine(name, "groove", beat, drums(LATIN, bpm=100.0)) + 0.2
    assert cosine(name, "groove", beat, faster) > cosine(name, "rhythm", beat, faster) + 0.2


def test_threads_at_once_give_the_same_bits():
    clips = [joined(tones(TUNE, key=key, seconds=4.0), drums(ROCK, seconds=4.0, kit=key)) for key in range(4)]
    encoder = EmbeddedEncoder()
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(lambda clip: encoder.encode([clip])[0], clips * 2))
    assert np.array(rows).tobytes() == np.concatenate([encoder.encode(clips)] * 2).tobytes()


def test_a_clip_at_another_rate_is_refused():
    with pytest.raises(UsageError, match="44100"):
        EmbeddedEncoder().encode([Clip(np.zeros((1, 100), np.float32), 44100)])


@pytest.mark.parametrize("length", [0, 11 * RATE])
def test_an_empty_clip_and_one_longer_than_the_window_are_refused(length):
    with pytest.raises(UsageError, match="s long"):
        EmbeddedEncoder().encode([Clip(np.zeros((1, length), np.float32), RATE)])


def test_invalid_samples_do_not_reach_the_embedding():
    samples = tones(TUNE, seconds=2.0).samples.copy()
    samples[0, 100] = np.nan
    assert np.isfinite(EmbeddedEncoder().encode([Clip(samples, RATE)])).all()


def speech(seconds: float = 6.0) -> Clip:
    """Something like it: a buzz whose pitch wanders, in syllables."""
    rng = np.random.default_rng(3)
    time = np.arange(round(seconds * RATE)) / RATE
    pitch = 120 + 40 * np.interp(time, np.arange(0, seconds + 0.2, 0.2), rng.uniform(-1, 1, round(seconds / 0.2) + 1))
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / RATE)) + 0.3 * rng.standard_normal(len(time))
    syllables = np.interp(time, np.arange(0, seconds + 0.1, 0.1), rng.uniform(0, 1, round(seconds / 0.1) + 1)) ** 2
    return Clip((0.1 * buzz * syllables)[None].astype(np.float32), RATE)


def noise(seconds: float = 6.0) -> Clip:
    return Clip((0.1 * np.random.default_rng(0).standard_normal((1, round(seconds * RATE)))).astype(np.float32), RATE)


def drone(seconds: float = 8.0) -> Clip:
    time = np.arange(round(seconds * RATE)) / RATE
    sound = sum(np.sin(2 * np.pi * f * time) for f in (110.0, 164.8, 220.0))
    return Clip((0.05 * sound)[None].astype(np.float32), RATE)


ODD = {
    "noise": (noise, {"timbre"}, {"melody", "harmony"}),
    "speech": (speech, {"timbre"}, set()),
    "a single hit": (lambda: drums({"snare": "x"}, seconds=0.3), {"timbre"}, {"melody", "rhythm", "groove"}),
    "a drone": (drone, {"timbre"}, {"rhythm", "groove"}),
    "three beats to the bar": (
        lambda: joined(tones(TUNE[:6]), drums({"kick": "x...........", "hat": "x...x...x..."}, bpm=120.0)),
        {"melody", "rhythm", "groove", "timbre"},
        set(),
    ),
    "30 bpm": (lambda: drums(ROCK, bpm=30.0), {"rhythm", "groove", "timbre"}, {"harmony"}),
    "300 bpm": (lambda: drums(ROCK, bpm=300.0), {"rhythm", "groove", "timbre"}, {"harmony"}),
}


@pytest.mark.parametrize("kind", ODD)
def test_odd_sounds_give_sane_facets(kind):
    make, present, absent = ODD[kind]
    embedding = EmbeddedEncoder().encode([make()])
    assert np.isfinite(embedding).all()
    vectors = {factor: head.project(embedding)[0] for factor, head in HEADS["embedded"].items()}
    for vector in vectors.values():
        assert np.linalg.norm(vector) == pytest.approx(0.0 if not vector.any() else 1.0, abs=1e-5)
    heard = {factor for factor, vector in vectors.items() if vector.any()}
    assert present <= heard
    assert not absent & heard


def test_a_tune_at_432_hertz_is_the_same_tune():
    clip = joined(tones(TUNE), drums(ROCK))
    slow = joined(tones(TUNE, key=12 * np.log2(432 / 440)), drums(ROCK))
    other = joined(tones(OTHER_TUNE), drums(ROCK))
    assert cosine("embedded", "melody", clip, slow) > cosine("embedded", "melody", clip, other) + 0.2
