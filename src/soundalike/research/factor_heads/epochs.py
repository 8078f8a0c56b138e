"""The loop over epochs: train, validate, keep the best, stop when nothing improves, go on where it was stopped."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import torch
from torch import Tensor

from soundalike.atomic import write_atomically
from soundalike.checkpoints import read_document
from soundalike.errors import UsageError
from soundalike.research.factor_heads.networks import FactorNetwork
from soundalike.research.factor_heads.recipe import HeadRecipe

SAVE_EVERY: Final = 5.0
"""Seconds between two writings of the state."""

Measures: TypeAlias = dict[str, tuple[float, float]]
"""By factor, a loss and a share of triples that are right."""

Record: TypeAlias = dict[str, float]
"""An epoch as MERIT's program notes it: epoch, train_loss, val_loss, train_acc, val_acc."""


@dataclass(frozen=True, slots=True)
class Told:
    """What is reported after each epoch: `epoch` of at most `epochs`, and by factor its record."""

    epoch: int
    epochs: int
    records: Mapping[str, Record]


Progress: TypeAlias = Callable[[Told], None]


class Course(Protocol):
    """How one epoch is trained, and how it is validated.

    Attributes
    ----------
    network : FactorNetwork
    optimizer : torch.optim.Optimizer
    rates : torch.optim.lr_scheduler.LRScheduler
    """

    network: FactorNetwork
    optimizer: torch.optim.Optimizer
    rates: torch.optim.lr_scheduler.LRScheduler

    def train(self, epoch: int) -> Measures:
        """Train through the examples once; epochs count from 1."""
        ...

    def validate(self) -> Measures:
        """Loss and accuracy on the validation folders."""
        ...


@dataclass(frozen=True, slots=True)
class Keeping:
    """Where the state of training is kept, so that it can be gone on with.

    Attributes
    ----------
    path : Path
    identity : str
        Names recipe and data; a state of another one is not gone on with.
    every : float
        Seconds between two writings.
    """

    path: Path
    identity: str
    every: float = SAVE_EVERY


@dataclass(slots=True)
class State:
    """What is known after an epoch, besides the network and how it is optimised.

    Attributes
    ----------
    epoch : int
        The last one that is done.
    idle : int
        Epochs since the best one.
    best_epoch : int
    best : tuple of float
        What it was chosen by; the lower the better.
    weights : dict of str to Tensor
        Of the best epoch.
    history : dict of str to list of Record
    """

    epoch: int = 0
    idle: int = 0
    best_epoch: int = 0
    best: tuple[float, ...] = (math.inf,)
    weights: dict[str, Tensor] = field(default_factory=dict)
    history: dict[str, list[Record]] = field(default_factory=dict)


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Let torch draw by a seed, and the caller's own draws go on afterwards as if nothing had been."""
    before = torch.get_rng_state()
    torch.default_generator.manual_seed(seed)
    try:
        yield
    finally:
        torch.set_rng_state(before)


def run_epochs(
    course: Course,
    recipe: HeadRecipe,
    *,
    keeping: Keeping,
    progress: Progress,
) -> State:
    """Train until the epochs are over or patience is; the network then has the weights of the best epoch.

    Called within `seeded`, and on the CPU within `soundalike.frozen.one_thread`: the same recipe and sets then give the
    same bits, however many threads there are, and however often it was stopped. On a GPU no such thing is promised.

    Parameters
    ----------
    course : Course
    recipe : HeadRecipe
        For the number of epochs, patience, and what to select by.
    keeping : Keeping
    progress : callable

    Raises
    ------
    UsageError
        If a loss is not finite.
    """
    found = _restore(course, keeping)
    written = time.monotonic()
    while not _is_over(found, recipe):
        _one_epoch(course, recipe, found)
        if _is_over(found, recipe) or time.monotonic() - written >= keeping.every:
            _save(course, found, keeping)
            written = time.monotonic()
        progress(Told(found.epoch, recipe.epochs, {f: records[-1] for f, records in found.history.items()}))
    course.network.load_state_dict(found.weights)
    return found


def _is_over(found: State, recipe: HeadRecipe) -> bool:
    return found.epoch >= recipe.epochs or (recipe.patience > 0 and found.idle >= recipe.patience)


def _one_epoch(course: Course, recipe: HeadRecipe, found: State) -> None:
    found.epoch += 1
    course.network.train()
    trained = course.train(found.epoch)
    course.network.eval()
    with torch.no_grad():
        validated = course.validate()
    for factor, (loss, accuracy) in validated.items():
        if not math.isfinite(loss + trained[factor][0]):
            raise UsageError(
                f"The loss of {factor} is no longer a number in epoch {found.epoch}.", "Lower the rate, or gamma."
            )
        record = {"train_loss": trained[factor][0], "val_loss": loss, "train_acc": trained[factor][1]}
        found.history.setdefault(factor, []).append({"epoch": found.epoch, **record, "val_acc": accuracy})
    score = _score(validated, recipe)
    if score < found.best:
        found.best, found.best_epoch, found.idle = score, found.epoch, 0
        found.weights = {name: part.detach().clone() for name, part in course.network.state_dict().items()}
    else:
        found.idle += 1


def _score(validated: Measures, recipe: HeadRecipe) -> tuple[float, ...]:
    """The lower the better; accuracies that are equal, as all are at 100 %, are told apart by their losses."""
    losses, accuracies = zip(*validated.values(), strict=True)
    loss, accuracy = sum(losses) / len(losses), sum(accuracies) / len(accuracies)
    return (-accuracy, loss) if recipe.select == "accuracy" else (loss,)


def _save(course: Course, found: State, keeping: Keeping) -> None:
    document: dict[str, Any] = {
        "identity": keeping.identity,
        "network": course.network.state_dict(),
        "optimizer": course.optimizer.state_dict(),
        "rates": course.rates.state_dict(),
        "random": torch.get_rng_state(),
        "epoch": found.epoch,
        "idle": found.idle,
        "best_epoch": found.best_epoch,
        "best": list(found.best),
        "weights": found.weights,
        "history": found.history,
    }
    buffer = BytesIO()
    torch.save(document, buffer)
    keeping.path.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(keeping.path, buffer.getvalue())


def _restore(course: Course, keeping: Keeping) -> State:
    """Take up what was saved; a fresh state where there is nothing, or that of another recipe or other data."""
    if not keeping.path.is_file():
        return State()
    document = read_document(keeping.path)
    if document["identity"] != keeping.identity:
        return State()
    course.network.load_state_dict(document["network"])
    course.optimizer.load_state_dict(document["optimizer"])
    course.rates.load_state_dict(document["rates"])
    torch.set_rng_state(document["random"])
    places = ("epoch", "idle", "best_epoch", "weights", "history")
    return State(best=tuple(document["best"]), **{name: document[name] for name in places})
