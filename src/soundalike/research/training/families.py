"""The models of `soundalike.family` and `soundalike.presence`: what they learn from, how they learn, and their files.

The families are told by a layer of a few units and a multinomial logistic layer on it, whether a stem plays by a
logistic layer for each stem. Small numbers of examples and much noise on them keep what they learn simple.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from soundalike import presence
from soundalike.atomic import write_atomically
from soundalike.family import (
    DESCRIBED,
    MODEL,
    describe,
    hear_logits,
    read_model,
    scaled,
)
from soundalike.research.sound.orchestra import Palette
from soundalike.research.training.family_examples import Played
from soundalike.research.training.recorded_families import LEARNED, Recorded, one_shots, tracks
from soundalike.research.training.separation_scenes import STEMS, PieceParts
from soundalike.research.training.shards import make_shards, read_shards
from soundalike.research.training.stem_presence import Presence
from soundalike.tracks import FAMILIES

Arrays: TypeAlias = dict[str, NDArray[Any]]
Values: TypeAlias = NDArray[np.float64]
Report: TypeAlias = Callable[[str], None]

UNITS: Final = 48
STEPS: Final = 1500
BATCH: Final = 256
RATE_OF_LEARNING: Final = 3e-3
DECAY: Final = 0.05
NOISE: Final = 0.8
"""Added to every number, in standard deviations: recordings are never quite like renders."""
DROPPED: Final = 0.3
SMOOTHED: Final = 0.0
"""Share of a label that all families have: some sounds are of none."""

RECORDED: Final = 3.0
"""How much a recorded sound counts against a rendered one of its family, of which there are many more."""
PENALTY: Final = 1e-2
"""Of the logistic layers that tell whether stems play."""

FIRST: Final = 2_000_000
"""The first seed of pieces of whose parts scenes are made: none of those that the separator has learned from."""
FIRST_CHOSEN: Final = 1_000_000
"""The first seed of scores that are played by `Plan.other_palette`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is made and learned; the defaults are those of the file that ships.

    Attributes
    ----------
    work : Path
        Folder for what is made on the way; stopped and called again, the making goes on.
    data : Path or None
        Folder of recordings with folders ``oneshots`` and ``music``; None to learn from renders only.
    scores, other_scores : int
        Scores in which each family plays, by `palette` and by `other_palette`.
    pieces, scenes : int
        Pieces in parts, and mixes of these to be separated.
    seed, jobs : int
    palette, other_palette : Palette
    """

    work: Path
    data: Path | None = None
    scores: int = 300
    other_scores: int = 60
    pieces: int = 120
    scenes: int = 200
    seed: int = 0
    jobs: int = 1
    palette: Palette = "fonts-train"
    other_palette: Palette = "fonts-other"


@dataclass(frozen=True, slots=True)
class Examples:
    """What the families are learned from.

    Attributes
    ----------
    described : float64, shape (n, m)
        See `soundalike.family.describe`.
    family : int64, shape (n,)
        Places in `FAMILIES`.
    weight : float64, shape (n,)
    """

    described: Values
    family: NDArray[np.int64]
    weight: Values


def train_families(plan: Plan, out: Path, *, report: Report) -> None:
    """Make sounds, learn, and write both models to the folder `out`; `report` is told how it goes."""
    begun = time.monotonic()
    examples = make_examples(plan)
    report(f"{time.monotonic() - begun:.0f} s: {len(examples.family)} sounds of known families")
    ears = fit_families(examples, seed=plan.seed)
    write_atomically(out / MODEL, to_file(ears))
    scenes = make_scenes(plan)
    report(f"{time.monotonic() - begun:.0f} s: {len(scenes['plays'])} separated stems")
    heard = read_model(to_file(ears))
    model: Arrays = {}
    for i, stem in enumerate(STEMS):
        rows = (scenes["stem"] == i) & (scenes["plays"] >= 0)
        told = [
            presence.features(traced.astype(np.float64), hear_logits(embedding.astype(np.float32), heard))
            for embedding, traced in zip(scenes["embedding"][rows], scenes["traces"][rows], strict=True)
        ]
        model |= fit_presence(stem, np.array(told), scenes["plays"][rows].astype(np.float64))
    write_atomically(out / presence.MODEL, to_file(model))
    report(f"{time.monotonic() - begun:.0f} s in all")


def make_examples(plan: Plan) -> Examples:
    """Rendered sounds, and recorded ones where there are any."""
    parts = []
    for name, make, count in (
        ("scores", Played(palette=plan.palette), plan.scores),
        ("other-scores", Played(palette=plan.other_palette, first=FIRST_CHOSEN), plan.other_scores),
    ):
        if count:
            shards = make_shards(plan.work / name, make, count, size=5, jobs=plan.jobs)
            parts.append(rendered(read_shards(shards)))
    if plan.data is not None:
        parts.append(recorded(_recordings(plan.data)))
    return Examples(
        np.concatenate([part.described for part in parts]),
        np.concatenate([part.family for part in parts]),
        np.concatenate([part.weight for part in parts]),
    )


def _recordings(data: Path) -> Iterable[Recorded]:
    for found in (one_shots(data / "oneshots"), tracks(data / "music")):
        yield from (row for row in found if row.use == LEARNED)


def rendered(arrays: Arrays) -> Examples:
    """The rows of shards of `Played` in which something is heard."""
    heard = arrays["family"].ravel() >= 0
    embeddings = arrays["embedding"].reshape(len(heard), -1)[heard]
    family = arrays["family"].ravel()[heard].astype(np.int64)
    return Examples(_described(embeddings), family, np.ones(len(family)))


def recorded(rows: Iterable[Recorded]) -> Examples:
    """Recordings, which count more."""
    found = list(rows)
    family = np.array([FAMILIES.index(row.family) for row in found], np.int64)
    return Examples(_described([row.embedding for row in found]), family, np.full(len(found), RECORDED))


def _described(embeddings: Iterable[NDArray[Any]]) -> Values:
    return np.array([describe(row.astype(np.float32)) for row in embeddings]).reshape(-1, DESCRIBED)


def make_scenes(plan: Plan) -> Arrays:
    """Rows of `Presence`, one after the other."""
    pieces = make_shards(
        plan.work / "pieces", PieceParts(palette=plan.palette, first=FIRST), plan.pieces, size=1, jobs=plan.jobs
    )
    shards = make_shards(plan.work / "scenes", Presence(tuple(pieces)), plan.scenes, size=10, jobs=plan.jobs)
    arrays = read_shards(shards)
    return {name: values.reshape(-1, *values.shape[2:]) for name, values in arrays.items()}


def fit_families(examples: Examples, *, seed: int = 0, steps: int = STEPS) -> Arrays:
    """Learn to tell families: the arrays that `soundalike.family` reads for them.

    Parameters
    ----------
    examples : Examples
    seed : int
    steps : int
        Batches of `BATCH` examples.
    """
    import torch
    from torch import nn

    mean, scale = examples.described.mean(axis=0), examples.described.std(axis=0) + 1e-3
    inputs = torch.from_numpy(scaled(examples.described, mean, scale).astype(np.float32))
    labels, weights = torch.from_numpy(examples.family), torch.from_numpy(_balanced(examples))
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    net = nn.Sequential(
        nn.Linear(inputs.shape[1], UNITS), nn.ReLU(), nn.Dropout(DROPPED), nn.Linear(UNITS, len(FAMILIES))
    )
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE_OF_LEARNING, weight_decay=DECAY)
    falling = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)
    for _ in range(steps):
        chosen = torch.randint(len(inputs), (BATCH,))
        noisy = inputs[chosen] + NOISE * torch.randn(BATCH, inputs.shape[1])
        losses = nn.functional.cross_entropy(net(noisy), labels[chosen], reduction="none", label_smoothing=SMOOTHED)
        optimiser.zero_grad()
        (losses * weights[chosen]).mean().backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        falling.step()
    layers = [layer.detach().numpy() for layer in net.parameters()]
    names = ("family.hidden", "family.hidden_offset", "family.output", "family.output_offset")
    return {"mean": mean, "scale": scale, **dict(zip(names, layers, strict=True))}


def _balanced(examples: Examples) -> Values:
    """Weights by which all families count alike, 1 on average."""
    totals = np.bincount(examples.family, examples.weight, minlength=len(FAMILIES))
    weights = examples.weight / totals[examples.family]
    return np.asarray(weights / weights.mean())


def fit_presence(stem: str, told: Values, plays: Values) -> Arrays:
    """Learn to tell whether a stem plays, by penalised logistic regression from zero; both sides count alike.

    Parameters
    ----------
    stem : str
    told : float64, shape (n, m)
        See `soundalike.presence.features`.
    plays : float64, shape (n,)
        1 or 0; some of both.
    """
    mean, scale = told.mean(axis=0), told.std(axis=0) + 1e-3
    inputs = scaled(told, mean, scale)
    share = plays.mean()
    weights = np.where(plays > 0.5, 0.5 / share, 0.5 / (1.0 - share)) / len(plays)

    def loss(values: Values) -> tuple[float, Values]:
        logits = inputs @ values[:-1] + values[-1]
        found = np.logaddexp(0.0, logits) - plays * logits
        slope = weights * (1.0 / (1.0 + np.exp(-logits)) - plays)
        penalty = PENALTY * np.square(values[:-1]).sum()
        gradient = np.append(inputs.T @ slope + 2.0 * PENALTY * values[:-1], slope.sum())
        return float(weights @ found + penalty), gradient

    fitted = minimize(loss, np.zeros(told.shape[1] + 1), jac=True, method="L-BFGS-B", options={"maxiter": 500})
    names = ("mean", "scale", "output", "output_offset")
    values = (mean, scale, fitted.x[None, :-1], fitted.x[-1:])
    return {f"{stem}.{name}": value for name, value in zip(names, values, strict=True)}


def to_file(model: Arrays) -> bytes:
    """The file that ships: the arrays in single precision."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: np.asarray(values, np.float32) for name, values in sorted(model.items())})  # type: ignore[arg-type]
    return buffer.getvalue()
