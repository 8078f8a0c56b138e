"""Training as MERIT's program does it, number by number: mode "reference".

The order of random draws is part of it: folders are shuffled by Python's generator; then torch's draws the layers,
and in each epoch what the iterators over training and validation draw. The iterators are torch's own ``DataLoader``, so
that they draw here what they draw there, in whichever version of torch.

Source: github.com/AMAAI-Lab/MERIT, commit aa0039b, training/train_head.py.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from soundalike.research.factor_heads.epochs import Measures
from soundalike.research.factor_heads.examples import Examples
from soundalike.research.factor_heads.losses import cosines, merit_pairwise_loss
from soundalike.research.factor_heads.networks import FactorNetwork
from soundalike.research.factor_heads.recipe import HeadRecipe
from soundalike.research.triplets.sets import Members, expand


class ReferenceCourse:
    """MERIT's course, see `soundalike.research.factor_heads.epochs.Course`.

    Parameters
    ----------
    factor : str
    examples : Examples
    recipe : HeadRecipe
    device : torch.device
    """

    def __init__(self, factor: str, examples: Examples, recipe: HeadRecipe, device: torch.device) -> None:
        self._factor, self._recipe, self._device = factor, recipe, device
        self._embeddings = torch.from_numpy(examples.triplets.embeddings)
        self._train, self._validation = (_places(folders) for folders in (examples.train, examples.validation))
        self._train_loader = _loader(self._train, recipe.batch, shuffle=True)
        self._validation_loader = _loader(self._validation, recipe.batch, shuffle=False)
        self.network = FactorNetwork((factor,), examples.triplets.dim, recipe.hidden, recipe.dim).to(device)
        self.optimizer: torch.optim.Optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=recipe.rate, weight_decay=recipe.decay
        )
        self.rates: torch.optim.lr_scheduler.LRScheduler = torch.optim.lr_scheduler.CosineAnnealingLR(
            self.optimizer,
            T_max=max(1, len(self._train_loader) * recipe.epochs),
            eta_min=recipe.rate * recipe.floor,
        )

    def train(self, epoch: int) -> Measures:
        """One round through all triples, in an order of torch's own."""
        losses, accuracies = [], []
        for rows in self._train_loader:
            loss, accuracy = self._measure(self._train[rows])
            self.optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            self.optimizer.step()
            self.rates.step()
            losses.append(loss.item())
            accuracies.append(accuracy)
        return {self._factor: (float(np.mean(losses)), float(np.mean(accuracies)))}

    def validate(self) -> Measures:
        """Means over batches of each one's sum of losses and share of triples that are right; ties are wrong."""
        found = [self._measure(self._validation[rows]) for rows in self._validation_loader]
        losses, accuracies = [loss.item() for loss, _ in found], [accuracy for _, accuracy in found]
        return {self._factor: (float(np.mean(losses)), float(np.mean(accuracies)))}

    def _measure(self, triples: Tensor) -> tuple[Tensor, float]:
        anchor, positive, negative = (
            self.network(self._embeddings[places].to(self._device), self._factor) for places in triples.T
        )
        near, far = cosines(anchor, positive), cosines(anchor, negative)
        loss = merit_pairwise_loss(near, far, gamma=self._recipe.gamma, margin=self._recipe.margin, reduction="sum")
        return loss, (1.0 - near < 1.0 - far).float().mean().item()


def _places(folders: Sequence[Members]) -> Tensor:
    """Anchor, positive and negative of all triples: int64, shape (n, 3)."""
    triples = expand(folders)
    return torch.from_numpy(np.stack([triples.anchor, triples.positive, triples.negative], axis=1))


def _loader(triples: Tensor, size: int, *, shuffle: bool) -> DataLoader[int]:
    """Numbers of triples in batches; a list stands for the triples, of which only the length matters to the draws."""
    numbers = list(range(len(triples)))
    return DataLoader(numbers, batch_size=size, shuffle=shuffle)  # type: ignore[arg-type]
