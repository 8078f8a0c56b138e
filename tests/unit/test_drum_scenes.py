"""Scenes to learn drums from, and what is learned from them."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.research.training.drum_library import read_drumming
from soundalike.research.training.drum_samples import (
    CLASSES,
    LONGEST,
    RATE,
    Stroke,
    beat_drums,
    drum_class,
    random_kits,
    swapped,
)
from soundalike.research.training.drum_scenes import Drumming, excerpt, groove_scene, scene

KITS = random_kits(1, seed=1)
SWING = Drumming("swing", np.array([[beat / 2, (36, 42)[beat % 2], 0.8] for beat in range(200)]), 100.0)


def test_the_same_seed_makes_the_same_scene() -> None:
    first, again, other = (scene(seed, KITS, [SWING], seconds=2.0) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.sound, again.sound)
    assert not np.array_equal(first.sound, other.sound)


def test_beats_of_a_scene_are_a_beat_apart() -> None:
    found = groove_scene(SWING, KITS, np.random.default_rng(0), tempo=90.0)
    beats = found.events[4][:, 0]
    np.testing.assert_allclose(np.diff(beats), 60 / found.tempo, atol=1e-6)
    assert found.tempo == pytest.approx(90.0, rel=0.02)
    assert set(found.events[5][:, 0]) <= set(beats)


def test_kicks_of_the_score_are_on_the_beat() -> None:
    found = groove_scene(SWING, KITS, np.random.default_rng(1))
    kicks, beats = found.events[0][:, 0], found.events[4][:, 0]
    assert len(kicks) > 5
    assert np.abs(kicks[:, None] - beats).min(axis=1).max() < 1e-6


def test_an_excerpt_starts_at_its_beat() -> None:
    strokes = excerpt(SWING, 10.0, 120.0, 2.0)
    assert strokes[0] == Stroke(0.0, 36, 0.8)
    assert len(strokes) == 8


def test_a_stroke_sounds_when_it_is_played() -> None:
    sound = beat_drums(KITS[0], [Stroke(0.5, 38, 0.9)], RATE, rng=np.random.default_rng(0))
    assert not sound[: RATE // 2].any()
    assert np.abs(sound[RATE // 2 : RATE // 2 + 500]).max() > 0.01


def test_a_closed_hat_chokes_an_open_one() -> None:
    free, choked = (
        beat_drums(KITS[0], strokes, 2 * RATE, rng=np.random.default_rng(0))
        for strokes in ([Stroke(0.1, 46, 0.9)], [Stroke(0.1, 46, 0.9), Stroke(0.15, 42, 0.0)])
    )
    late = slice(int(0.2 * RATE), int((0.2 + LONGEST) * RATE))
    assert np.square(choked[late]).sum() < 0.5 * np.square(free[late]).sum()


def test_every_note_belongs_to_a_class() -> None:
    assert [CLASSES[drum_class(note)] for note in (36, 38, 42, 51, 47)] == ["kick", "snare", "hat", "hat", "other"]


def test_a_swapped_kit_has_every_note_of_its_parts() -> None:
    assert swapped(KITS, np.random.default_rng(0)).keys() == KITS[0].keys()


def test_a_folder_without_an_index_is_refused(tmp_path: object) -> None:
    from soundalike.errors import NotFoundError

    with pytest.raises(NotFoundError, match=r"info\.csv"):
        read_drumming(tmp_path, "train")  # type: ignore[arg-type]


def test_the_exported_net_hears_what_the_trained_one_hears(tmp_path: object) -> None:
    torch = pytest.importorskip("torch", reason="torch is not installed")
    pytest.importorskip("onnx", reason="onnx is not installed")
    import onnxruntime

    from soundalike.research.training.drums import build_net, to_onnx

    torch.manual_seed(0)
    net = build_net().eval()
    mel = np.random.default_rng(0).standard_normal((1, 64, 101)).astype(np.float32)
    (out,) = onnxruntime.InferenceSession(to_onnx(net)).run(None, {"mel": mel})
    with torch.no_grad():
        wanted = torch.sigmoid(net(torch.from_numpy(mel))).numpy()
    np.testing.assert_allclose(out, wanted, atol=5e-3)
