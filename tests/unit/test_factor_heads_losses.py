"""Rules of the losses of factor heads."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pytorch_metric_learning")

import torch

from soundalike.errors import MissingExtraError
from soundalike.research.factor_heads.losses import circle_loss, cosines, merit_pairwise_loss
from soundalike.research.training import heads as embedded_heads

GOLDEN = [
    (1.0, 0.0, 0.693147),
    (0.8, 0.2, 0.693147),
    (0.5, 0.5, 1.952978),
    (0.0, 1.0, 12.800003),
    (0.3, 0.1, 2.578890),
    (0.9, 0.6, 1.783901),
    (0.0, 0.0, 6.401660),
    (-1.0, 1.0, 38.800000),
]


def vectors(rows: int = 12, seed: int = 0) -> torch.Tensor:
    made = np.random.default_rng(seed).standard_normal((rows, 5))
    return torch.from_numpy((made / np.linalg.norm(made, axis=1, keepdims=True)).astype(np.float32)).requires_grad_()


@pytest.mark.parametrize(("positive", "negative", "expected"), GOLDEN)
def test_the_pairwise_loss_has_known_values(positive, negative, expected):
    loss = merit_pairwise_loss(torch.tensor([positive]), torch.tensor([negative]))
    assert loss.item() == pytest.approx(expected, rel=1e-5)


def test_the_pairwise_loss_by_plain_arithmetic_and_its_gradient():
    rng = np.random.default_rng(1)
    for gamma, margin in ((10.0, 0.2), (80.0, 0.25)):
        p, n = rng.uniform(-1, 1, (2, 50)).astype(np.float32)
        positive, negative = torch.from_numpy(p).requires_grad_(), torch.from_numpy(n).requires_grad_()
        losses = merit_pairwise_loss(positive, negative, gamma=gamma, margin=margin, reduction="none")
        losses.sum().backward()
        for i in range(50):
            pull, push = max(0.0, 1 - margin - float(p[i])), max(0.0, float(n[i]) - margin)
            z = gamma * (push * (float(n[i]) - margin) - pull * (float(p[i]) - 1 + margin))
            assert losses[i].item() == pytest.approx(max(z, 0) + math.log1p(math.exp(-abs(z))), rel=1e-4, abs=1e-6)
            sigmoid = 1 / (1 + math.exp(-z))
            assert positive.grad[i].item() == pytest.approx(-gamma * pull * sigmoid, rel=1e-3, abs=1e-5)
            assert negative.grad[i].item() == pytest.approx(gamma * push * sigmoid, rel=1e-3, abs=1e-5)


def test_the_pairwise_loss_goes_flat_at_its_margins_and_never_below_log_2():
    positive, negative = torch.tensor([0.8, 0.9, 1.0]).requires_grad_(), torch.tensor([0.2, -1.0, 0.0]).requires_grad_()
    loss = merit_pairwise_loss(positive, negative, reduction="sum")
    loss.backward()
    assert loss.item() == pytest.approx(3 * math.log(2), rel=1e-6)
    assert positive.grad.tolist() == negative.grad.tolist() == [0.0, 0.0, 0.0]


def test_reductions_are_of_the_same_losses():
    positive, negative = torch.linspace(-1, 1, 9), torch.linspace(1, -0.5, 9)
    each = merit_pairwise_loss(positive, negative, reduction="none")
    assert merit_pairwise_loss(positive, negative, reduction="sum") == pytest.approx(each.sum().item())
    assert merit_pairwise_loss(positive, negative) == pytest.approx(each.mean().item())


def pairs_of(labels: list[int]) -> tuple[torch.Tensor, ...]:
    same = torch.tensor(labels)[:, None] == torch.tensor(labels)[None, :]
    near = same & ~torch.eye(len(labels), dtype=torch.bool)
    return (*near.nonzero(as_tuple=True), *(~same).nonzero(as_tuple=True))


@pytest.mark.parametrize(("gamma", "margin"), [(24.0, 0.25), (80.0, 0.4)])
def test_circle_loss_is_the_published_formula(gamma, margin):
    rows, pairs = vectors(), pairs_of([0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3])
    table = (rows @ rows.T).detach().double().numpy()
    expected = []
    for i in range(len(rows)):
        near = [table[i, j] for q, j in zip(*pairs[:2], strict=True) if q == i]
        far = [table[i, j] for q, j in zip(*pairs[2:], strict=True) if q == i]
        pull = sum(math.exp(-gamma * max(0, 1 + margin - s) * (s - 1 + margin)) for s in near)
        push = sum(math.exp(gamma * max(0, s + margin) * (s - margin)) for s in far)
        expected.append(math.log1p(pull * push))
    assert circle_loss(rows, pairs, gamma=gamma, margin=margin).item() == pytest.approx(np.mean(expected), rel=1e-4)


def test_circle_loss_is_that_of_the_embedded_encoder_s_heads():
    labels = [0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 3]
    ours, theirs = vectors(), vectors()
    circle_loss(ours, pairs_of(labels)).backward()
    embedded_heads.circle_loss(torch.nn.functional.normalize(theirs), torch.tensor(labels)).backward()
    assert torch.allclose(ours.grad, theirs.grad, atol=1e-5)


def test_a_query_without_a_positive_or_a_negative_does_not_count():
    rows = vectors(4)
    both = (torch.tensor([0]), torch.tensor([1]), torch.tensor([0, 0]), torch.tensor([2, 3]))
    more = (torch.tensor([0, 3]), torch.tensor([1, 1]), torch.tensor([0, 0, 2]), torch.tensor([2, 3, 3]))
    assert circle_loss(rows, more).item() == pytest.approx(circle_loss(rows, both).item())
    none = torch.tensor([], dtype=torch.int64)
    assert circle_loss(rows, (none, none, none, none)).item() == 0.0


def test_circle_loss_goes_on_where_the_pairwise_loss_is_flat():
    rows = torch.tensor([[1.0, 0.0], [0.9, 0.436], [0.1, 0.995]]).requires_grad_()
    near, far = cosines(rows[0:1], rows[1:2]), cosines(rows[0:1], rows[2:3])
    merit_pairwise_loss(near, far).backward()
    assert not rows.grad.any()
    queries, positives, negatives = torch.tensor([0, 1]), torch.tensor([1, 0]), torch.tensor([2, 2])
    circle_loss(rows, (queries, positives, queries, negatives), gamma=10.0).backward()
    assert rows.grad.abs().max() > 1e-4


def test_large_scales_do_not_overflow():
    rows = vectors(6)
    loss = circle_loss(rows, pairs_of([0, 0, 1, 1, 2, 2]), gamma=1e4)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(rows.grad).all()


def test_circle_loss_without_its_package_is_one_sentence(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pytorch_metric_learning.losses.circle_loss", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'soundalike\[research\]'"):
        circle_loss(vectors(4), pairs_of([0, 0, 1, 1]))
