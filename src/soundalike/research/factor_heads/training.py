"""Training of our own: batches of folders, many negatives to a query, several factors at once if wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from soundalike.research.factor_heads.epochs import Measures
from soundalike.research.factor_heads.examples import Examples
from soundalike.research.factor_heads.losses import circle_loss, merit_pairwise_loss
from soundalike.research.factor_heads.networks import FactorNetwork
from soundalike.research.factor_heads.pairs import Batch, Pairing, hardest
from soundalike.research.factor_heads.recipe import HeadRecipe
from soundalike.research.factor_heads.scaling import choose_spread
from soundalike.research.triplets.sets import Members


class FolderCourse:
    """Our course, see `soundalike.research.factor_heads.epochs.Course`.

    Every step takes one batch of each factor, so that all count the same however many folders they have; a factor with
    fewer goes through its own more often.

    Parameters
    ----------
    examples : mapping of str to Examples
        By factor, one or more; all of one encoder.
    recipe : HeadRecipe
    device : torch.device
    """

    def __init__(self, examples: Mapping[str, Examples], recipe: HeadRecipe, device: torch.device) -> None:
        self._recipe, self._device = recipe, device
        self._embeddings = {f: torch.from_numpy(each.triplets.embeddings).to(device) for f, each in examples.items()}
        self._train = {f: self._pairing(each, each.train) for f, each in examples.items()}
        self._validation = {f: self._pairing(each, each.validation) for f, each in examples.items()}
        self._steps = max(pairing.count for pairing in self._train.values())
        in_dim = next(iter(examples.values())).triplets.dim
        spread = choose_spread(examples, recipe.standardise)
        self.network = FactorNetwork(
            tuple(examples), in_dim, recipe.hidden, recipe.dim, spread=spread, dropout=recipe.dropout
        ).to(device)
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.rates: torch.optim.lr_scheduler.LRScheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer, T_max=self._steps * recipe.epochs, eta_min=recipe.rate * recipe.floor
        )

    def _pairing(self, examples: Examples, folders: Sequence[Members]) -> Pairing:
        recipe = self._recipe
        others = recipe.negatives != "folder"
        return Pairing(examples.triplets, folders, size=recipe.batch, others=others, own=recipe.own)

    def train(self, epoch: int) -> Measures:
        """As many steps as it takes to see every folder; the order depends on seed and epoch only."""
        sums = {factor: np.zeros(4) for factor in self._train}
        draws = [
            pairing.shuffled(self._steps, np.random.default_rng((self._recipe.seed, epoch, number)))
            for number, pairing in enumerate(self._train.values())
        ]
        for batches in zip(*draws, strict=True):
            losses = []
            for factor, batch in zip(self._train, batches, strict=True):
                loss, counts = self._measure(factor, batch)
                losses.append(loss)
                sums[factor] += counts
            self.optimizer.zero_grad()
            torch.stack(losses).mean().backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.rates.step()
        return {factor: _means(total) for factor, total in sums.items()}

    def validate(self) -> Measures:
        """Mean loss of queries, and share of all triples with the negatives of their own folder that are right."""
        found = {}
        for factor, pairing in self._validation.items():
            counts = [self._measure(factor, batch)[1] for batch in pairing.in_order()]
            found[factor] = _means(np.sum(counts, axis=0))
        return found

    def _measure(self, factor: str, batch: Batch) -> tuple[Tensor, NDArray[np.float64]]:
        """The loss of a batch; and as numbers the sum of losses, queries, triples that are right, and triples."""
        batch = batch.to(self._device)
        vectors = self.network(self._embeddings[factor][batch.clips], factor)
        table = vectors @ vectors.T
        loss = self._loss(vectors, table, batch)
        # The triples of `soundalike.research.triplets.sets.expand`: an anchor is never the positive.
        query, positive = (batch.near & ~batch.anchor).nonzero(as_tuple=True)
        judged = batch.own[query]
        right = judged & (table[query, positive][:, None] > table[query])
        queries = int(batch.near.any(dim=1).sum())
        return loss, np.array([loss.item() * queries, queries, int(right.sum()), int(judged.sum())])

    def _loss(self, vectors: Tensor, table: Tensor, batch: Batch) -> Tensor:
        recipe = self._recipe
        far = hardest(batch, table, recipe.hardest) if recipe.negatives == "hard" else batch.far
        query, positive = batch.near.nonzero(as_tuple=True)
        if recipe.loss == "circle":
            stranger, negative = far.nonzero(as_tuple=True)
            return circle_loss(vectors, (query, positive, stranger, negative), gamma=recipe.gamma, margin=recipe.margin)
        pair, negative = far[query].nonzero(as_tuple=True)
        near, away = table[query, positive][pair], table[query[pair], negative]
        return merit_pairwise_loss(near, away, gamma=recipe.gamma, margin=recipe.margin)


def _means(total: NDArray[np.float64]) -> tuple[float, float]:
    losses, queries, right, triples = (float(number) for number in total)
    return losses / queries, right / triples
