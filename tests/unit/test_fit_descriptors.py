from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from soundalike.encoders.embedded.descriptors import LAYOUT, DescriptorEncoder
from soundalike.errors import UsageError
from soundalike.facets import FACTORS
from soundalike.heads.descriptors import build
from soundalike.research.training.fit_descriptors import Source, fit, fit_from_folders, whiten
from soundalike.scoring import LEVELS, Background


def source(name: str = "made up", *, tracks: int = 12, music: bool = True, seed: int = 0) -> Source:
    rng = np.random.default_rng(seed)
    rows = [rng.standard_normal((4, DescriptorEncoder.dim)).astype(np.float32) for _ in range(tracks)]
    return Source(name, "CC0 1.0", rows, music)


def test_fitted_heads_give_unit_vectors_for_every_factor():
    material = source()
    arrays, background = fit([material])
    heads = build(arrays)
    assert [head.factor for head in heads] == list(FACTORS)
    for head in heads:
        assert np.allclose(np.linalg.norm(head.project(material.tracks[0]), axis=1), 1.0, atol=1e-5)
    assert set(background.levels) == set(LEVELS)


def test_the_same_material_and_seed_give_the_same_numbers():
    first, second = (fit([source()], seed=3)[0] for _ in range(2))
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_random_pairs_of_whitened_rows_have_a_cosine_of_about_zero():
    rng = np.random.default_rng(0)
    rows = (rng.standard_normal((400, 40)) * np.linspace(1, 9, 40) + 5.0).astype(np.float32)
    matrix, offset = whiten([rows], exponent=0.5, dim=16)
    mapped = rows @ matrix.astype(np.float32).T - offset
    mapped /= np.linalg.norm(mapped, axis=1, keepdims=True)
    assert abs(float(np.mean(mapped[:200] @ mapped[200:].T))) < 0.02


def test_full_whitening_makes_components_more_even_than_none():
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((30, 30)) * np.geomspace(10, 0.5, 30)[:, None]
    rows = (rng.standard_normal((600, 30)) @ mixing).astype(np.float32)
    spreads = []
    for exponent in (0.0, 1.0):
        matrix, _ = whiten([rows], exponent=exponent, dim=10)
        deviation = (rows @ matrix.astype(np.float32).T).std(axis=0)
        spreads.append(deviation.max() / deviation.min())
    assert spreads[1] < 0.8 * spreads[0]


def test_a_factor_that_is_never_heard_is_refused():
    material = source()
    for track in material.tracks:
        track[:, LAYOUT["melody"]] = 0.0
    with pytest.raises(UsageError, match="melody"):
        fit([material])


def test_folders_become_files_that_say_where_they_come_from(tmp_path):
    folder, out = tmp_path / "songs", tmp_path / "out"
    folder.mkdir()
    out.mkdir()
    rng = np.random.default_rng(0)
    time = np.arange(31 * 11025) / 11025
    for i in range(8):
        steps = 220.0 * 2.0 ** (rng.integers(0, 12, 200)[(time * (3 + i / 4)).astype(int)] / 12.0)
        sound = 0.2 * np.sin(2 * np.pi * np.cumsum(steps) / 11025) * np.exp(-3.0 * (time % (0.4 + i / 40)))
        soundfile.write(folder / f"{i}.wav", sound, 11025)
    (folder / "broken.wav").write_bytes(b"not audio")
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    soundfile.write(sounds / "hit.wav", sound[:11025], 11025)
    document = fit_from_folders({folder: "CC0 1.0"}, out, parts={sounds: "CC BY 4.0"}, groups=0)
    assert document["sources"] == [
        {"name": "songs", "licence": "CC0 1.0", "tracks": 8, "excerpts": 32},
        {"name": "sounds", "licence": "CC BY 4.0", "tracks": 1, "excerpts": 1},
    ]
    assert json.loads((out / "descriptors.json").read_text()) == document
    assert Background.from_json(document["background"]).tracks == 8
    with np.load(out / "descriptors.npz") as arrays:
        assert len(build(dict(arrays))) == len(FACTORS)
    assert sorted(path.name for path in out.iterdir()) == ["descriptors.json", "descriptors.npz"]


def test_a_folder_without_audio_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no audio"):
        fit_from_folders({tmp_path: "CC0 1.0"}, tmp_path, groups=0)
