"""Pretrained encoders by onnxruntime, in miniature: near what torch gives, in spaces of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from soundalike.audio import Clip
from soundalike.encoders import Encoder, load_encoder
from soundalike.errors import UsageError
from tiny import clap, mert, muq

for package in ("torch", "transformers", "tokenizers", "onnx"):
    pytest.importorskip(package)

MAKERS = {**clap.MAKERS, **mert.MAKERS, **muq.MAKERS}
LAYERS = {"merit": "1,3"}
"""Heard instead of the default: MERIT's miniature has all of its 24 blocks, and no more are built than are heard."""


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint of each encoder."""
    return {name: maker(tmp_path_factory.mktemp(name)) for name, maker in MAKERS.items()}


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where exported networks are kept while these tests run."""
    folder = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_HOME", str(folder))
        yield folder


@pytest.fixture(scope="module", params=MAKERS)
def name(request: pytest.FixtureRequest) -> str:
    """Each encoder's."""
    return request.param


@pytest.fixture(scope="module")
def heard(name: str, folders: dict[str, Path]) -> dict[str, tuple[Encoder, np.ndarray]]:
    """The encoder and its rows in each precision."""
    encoders = {kind: load(name, folders, precision=kind) for kind in ("fp32", "onnx", "int8")}
    return {kind: (encoder, encoder.encode(clips(encoder))) for kind, encoder in encoders.items()}


def load(name: str, folders: dict[str, Path], **choices: str) -> Encoder:
    return load_encoder(name, checkpoint=folders[name], layers=LAYERS.get(name), **choices)


def clips(encoder: Encoder) -> list[Clip]:
    """Two of one length, so that each network is exported once."""
    return [sound(encoder.sample_rate, 1.5, seed) for seed in range(2)]


def sound(rate: int, seconds: float, seed: int) -> Clip:
    time = np.arange(round(rate * seconds)) / rate
    noise = np.random.default_rng(seed).normal(0, 0.05, len(time))
    return Clip((0.3 * np.sin(2 * np.pi * (200 + 90 * seed) * time) + noise)[None].astype(np.float32), rate)


def test_onnx_gives_what_torch_gives(heard):
    np.testing.assert_allclose(heard["onnx"][1], heard["fp32"][1], atol=2e-5, rtol=0)


def test_eight_bits_give_finite_rows_near_those_of_torch(heard):
    exact, found = heard["fp32"][1], heard["int8"][1]
    assert found.shape == exact.shape
    assert np.isfinite(found).all()
    cosines = (exact * found).sum(1) / np.linalg.norm(exact, axis=1) / np.linalg.norm(found, axis=1)
    assert (
        cosines > 0.95
    ).all()  # some processors saturate sums of 8-bit products, which the miniature of MuQ-MuLan feels


def test_each_precision_is_a_space_of_its_own(heard):
    names = {encoder.name for encoder, _ in heard.values()}
    assert len(names) == 3
    assert {name.rpartition(",precision=")[2] for name in names} >= {"onnx", "int8"}


def test_one_clip_gives_the_same_bits_alone_and_from_the_file_that_was_kept(name, folders, heard, home):
    for kind in ("onnx", "int8"):
        rows = heard[kind][1]
        kept = {file: file.stat().st_mtime_ns for file in (home / "onnx").glob("*.onnx")}
        again = load(name, folders, precision=kind)
        alone = np.concatenate([again.encode([clip]) for clip in clips(again)])
        assert alone.tobytes() == rows.tobytes()
        assert kept == {file: file.stat().st_mtime_ns for file in (home / "onnx").glob("*.onnx")}


def test_silence_is_heard_as_nothing_in_every_precision(heard):
    for encoder, _ in heard.values():
        assert not encoder.encode([Clip(np.zeros((1, encoder.sample_rate), np.float32), encoder.sample_rate)]).any()


def test_words_stay_where_they_are(heard):
    texts = {
        kind: encoder.encode_text(["low drums"])
        for kind, (encoder, _) in heard.items()
        if hasattr(encoder, "encode_text")
    }
    for rows in texts.values():
        np.testing.assert_allclose(rows, texts["fp32"], atol=2e-5, rtol=0)


def test_an_unknown_precision_is_refused_in_one_sentence(name, folders):
    with pytest.raises(UsageError, match="The precision 'fp16' is not known") as refusal:
        load(name, folders, precision="fp16")
    assert "onnx or int8" in refusal.value.remedy


def test_another_device_than_the_cpu_is_refused_in_one_sentence(name, folders):
    with pytest.raises(UsageError, match="'int8' runs on the CPU, not on 'meta'"):
        load(name, folders, precision="int8", device="meta")


def test_muq_refuses_sixteen_bits_in_one_sentence_and_the_others_hear_in_them(name, folders):
    if name.startswith("muq"):
        with pytest.raises(UsageError, match=f"'{name}' does not compute in bf16"):
            load(name, folders, precision="bf16")
    else:
        encoder = load(name, folders, precision="bf16")
        assert np.isfinite(encoder.encode(clips(encoder)[:1])).all()
