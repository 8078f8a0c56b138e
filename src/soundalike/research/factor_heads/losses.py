"""What heads are trained to make small: two losses on unit vectors, with no dependency on the rest.

`circle_loss` is Circle Loss as it was published (Y. Sun et al., CVPR 2020), over all positives and negatives of a
query. `merit_pairwise_loss` is what MERIT's program calls Circle Loss: one positive and one negative at a time, with
other targets. It ends at log 2 with no gradient as soon as the positive's cosine is above 1 - margin and the negative's
below margin, where the published loss goes on.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

from torch import Tensor
from torch.nn import functional

from soundalike.errors import MissingExtraError

Pairs: TypeAlias = tuple[Tensor, Tensor, Tensor, Tensor]
"""Queries and their positives, queries and their negatives, as numbers of rows: each pair int64 (n,), (n,)."""


def circle_loss(vectors: Tensor, pairs: Pairs, *, gamma: float = 24.0, margin: float = 0.25) -> Tensor:
    """Circle Loss over explicit pairs, by `pytorch_metric_learning.losses.CircleLoss`.

    Parameters
    ----------
    vectors : float32, shape (n, d)
        Need not have unit length.
    pairs : Pairs
    gamma, margin : float
        Scale, and how far from perfect is good enough.

    Returns
    -------
    float32
        Mean over the queries that have a positive and a negative; 0 where none has, and, as the package has it, where
        there is but one pair of either kind.

    Raises
    ------
    MissingExtraError
        If pytorch-metric-learning is not installed.
    """
    try:
        from pytorch_metric_learning.losses.circle_loss import CircleLoss
    except ImportError:
        raise MissingExtraError(
            "Circle Loss needs pytorch-metric-learning, which is not installed.",
            "Install it with: pip install 'soundalike[research]'",
        ) from None
    measure = CircleLoss(m=margin, gamma=gamma)  # type: ignore[no-untyped-call]
    loss: Tensor = measure(vectors, indices_tuple=pairs)
    return loss


def merit_pairwise_loss(
    positive: Tensor,
    negative: Tensor,
    *,
    gamma: float = 10.0,
    margin: float = 0.2,
    reduction: Literal["mean", "sum", "none"] = "mean",
) -> Tensor:
    """MERIT's loss of triples.

    With p and n the cosines of a query with its positive and its negative, and weights w that carry no gradient::

        log(1 + exp(gamma * (w_n * (n - margin) - w_p * (p - (1 - margin)))))
        w_p = max(0, 1 - margin - p)    w_n = max(0, n - margin)

    Source: Roy et al., 2026, by their program; its reduction is the sum over a batch.

    Parameters
    ----------
    positive, negative : float32, shape (n,)
        Cosines.
    gamma, margin : float
    reduction : {"mean", "sum", "none"}

    Returns
    -------
    float32
        Or one per triple, shape (n,), without reduction.
    """
    least, most = 1.0 - margin, margin
    pull = (least - positive.detach()).clamp(min=0.0) * (positive - least)
    push = (negative.detach() - most).clamp(min=0.0) * (negative - most)
    losses = functional.softplus(gamma * (push - pull))
    if reduction == "none":
        return losses
    return losses.sum() if reduction == "sum" else losses.mean()


def cosines(one: Tensor, other: Tensor) -> Tensor:
    """Dot products of unit vectors row by row: float32 (n, d), (n, d) to (n,)."""
    return (one * other).sum(dim=-1)
