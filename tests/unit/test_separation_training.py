from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from soundalike.research.training import separation  # noqa: E402
from soundalike.research.training.separation import SeparationNet, distortion, errors, fit, loss  # noqa: E402


def examples(count: int = 2) -> list[tuple[np.ndarray, np.ndarray]]:
    """Mixes in which the low bands are bass and the high ones drums, and all of it is tonal."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        power = rng.random((1, 864, 64)).astype(np.float32)
        sums = np.zeros((12, 864, 64), np.float32)
        sums[0] = power[0]
        for stem, bands in ((0, slice(32, 64)), (1, slice(0, 32))):
            sums[3 + 3 * stem, :, bands] = sums[5 + 3 * stem, :, bands] = power[0, :, bands]
        found.append((np.concatenate([power, 0 * power, 0 * power]), sums))
    return found


def test_shares_sum_to_one():
    with torch.inference_mode():
        shares = SeparationNet()(torch.rand(1, 3, 32, 64))
    assert shares.shape == (1, 2, 3, 32, 64)
    assert torch.allclose(shares.sum(2), torch.ones(1, 2, 32, 64), atol=1e-5)


def test_right_shares_have_no_error():
    _, sums = examples(1)[0]
    shares = torch.zeros(1, 2, 3, 864, 64)
    shares[:, :, 0, :, 32:] = shares[:, :, 1, :, :32] = 1.0
    error, own, whole = errors(shares, torch.from_numpy(sums[None]))
    assert error.max() < 1e-4 * whole.min()
    assert torch.allclose(own.sum(1), whole[:, 0], rtol=1e-4)
    wrong = loss(torch.full_like(shares, 1 / 3), torch.from_numpy(sums[None]))
    assert loss(shares, torch.from_numpy(sums[None])) < wrong


def test_a_stem_that_is_silent_counts_less():
    _, sums = examples(1)[0]
    shares = torch.zeros(1, 2, 3, 864, 64)
    shares[:, :, 2] = 1.0  # all of it to other, which is silent
    decades = loss(shares, torch.from_numpy(sums[None]))
    assert 0.0 < decades < 1.0


def test_a_few_steps_teach_something(monkeypatch):
    monkeypatch.setattr(separation, "CROP", 96)
    monkeypatch.setattr(separation, "BATCH", 2)
    before, after = SeparationNet(), fit(examples(), examples(), steps=20, seed=0)
    assert distortion(after, examples())["drums"] > distortion(before, examples())["drums"]


def test_what_does_best_on_what_is_held_out_is_kept(monkeypatch):
    monkeypatch.setattr(separation, "CROP", 96)
    monkeypatch.setattr(separation, "BATCH", 1)
    monkeypatch.setattr(separation, "CHECK", 2)
    found = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(separation, "mean_loss", lambda net, examples: tried.append(net.bias.clone()) or next(found))
    tried: list[torch.Tensor] = []
    kept = fit(examples(1), examples(1), steps=6, seed=0)
    assert torch.equal(kept.bias, tried[1])
    assert not torch.equal(kept.bias, tried[2])


def test_the_same_seed_gives_the_same_net(monkeypatch):
    monkeypatch.setattr(separation, "CROP", 96)
    monkeypatch.setattr(separation, "BATCH", 1)
    first, again = (fit(examples(1), examples(1), steps=2, seed=3).state_dict() for _ in range(2))
    assert all(torch.equal(first[name], again[name]) for name in first)
