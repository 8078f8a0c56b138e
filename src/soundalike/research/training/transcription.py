"""Train the transcription net on rendered clips; reads from top to bottom.

The best step by a validation set of another SoundFont is kept: training loss goes on falling after the
net has begun to know the training instruments by heart.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from soundalike.encoders.embedded.transcription import LEAD_PITCHES, LOWEST_LEAD
from soundalike.research.training.network import TranscriptionNet

Report = Callable[[str], None]

CROP: Final = 64
"""Frames per clip and step, about six seconds."""
SHARES: Final = {"lead": 1.0, "notes": 0.5, "tones": 1.0, "root": 0.5, "bass": 0.3}
"""How much each answer counts in the loss."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long and how fast to learn.

    Attributes
    ----------
    epochs, batch : int
    rate : float
        Highest step size, reached after 15 % of the steps.
    width, chord_width : int
        See `TranscriptionNet`.
    seed : int
    """

    epochs: int = 8
    batch: int = 32
    rate: float = 4e-3
    width: int = 24
    chord_width: int = 32
    seed: int = 0


def train(
    clips: Mapping[str, NDArray[Any]],
    validation: Mapping[str, NDArray[Any]],
    schedule: Schedule = Schedule(),
    *,
    device: str = "cpu",
    report: Report = lambda line: None,
) -> tuple[TranscriptionNet, dict[str, float]]:
    """Learn to transcribe.

    Parameters
    ----------
    clips, validation : mapping of str to array
        As `soundalike.research.training.clips.example` makes them, stacked.
    schedule : Schedule
    device : str
        "cpu" or "cuda".
    report : callable
        Told a line after each epoch.

    Returns
    -------
    net : TranscriptionNet
        After the best epoch.
    scores : dict of str to float
        Of that epoch, see `score`.
    """
    torch.manual_seed(schedule.seed)
    rng = np.random.default_rng(schedule.seed)
    data = {name: torch.from_numpy(np.asarray(values)) for name, values in clips.items()}
    count = len(data["x"])
    net = TranscriptionNet(schedule.width, schedule.chord_width).to(device)
    optimizer = torch.optim.AdamW(net.parameters(), schedule.rate, weight_decay=1e-2)
    steps = schedule.epochs * (count // schedule.batch)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimizer, schedule.rate, max(steps, 2), pct_start=0.15)
    best, best_state, began = {"total": -1.0}, net.state_dict(), time.monotonic()
    for epoch in range(schedule.epochs):
        total = 0.0
        for rows in rng.permutation(count)[: count // schedule.batch * schedule.batch].reshape(-1, schedule.batch):
            level, labels = augment({name: values[rows] for name, values in data.items()}, rng)
            with torch.autocast(device, dtype=torch.bfloat16):
                logits = net(level.to(device))
            loss = _loss(logits, {name: values.to(device) for name, values in labels.items()})
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimizer.step()
            rates.step()
            total += float(loss.detach())
        scores = score(net, validation, device=device)
        if scores["total"] > best["total"]:
            best, best_state = scores, {name: value.clone() for name, value in net.state_dict().items()}
        words = ", ".join(f"{name} {100 * value:.1f}" for name, value in scores.items())
        mean = total / max(count // schedule.batch, 1)
        report(f"epoch {epoch + 1} of {schedule.epochs}: {time.monotonic() - began:.0f} s, loss {mean:.3f}; {words}")
    net.load_state_dict(best_state)
    return net.cpu().eval(), best


def augment(batch: Mapping[str, Tensor], rng: np.random.Generator) -> tuple[Tensor, dict[str, Tensor]]:
    """A random part of each clip, transposed, filtered, mixed with a faint other clip, and made louder or softer."""
    first = int(rng.integers(0, max(batch["x"].shape[2] - CROP, 0) + 1))
    part = {name: values[:, :, first : first + CROP] if name == "x" else values[:, first : first + CROP]
            for name, values in batch.items()}  # fmt: skip
    shift = int(rng.integers(-5, 6))
    level = _transposed(part["x"].float(), shift)
    amplitude = torch.expm1(4.0 * level)
    count = len(amplitude)
    knots = np.linspace(0, 95, 7)
    curves = [np.interp(np.arange(96), knots, rng.normal(0, 4, 7)) for _ in range(count)]
    amplitude = amplitude * torch.from_numpy(10 ** (np.array(curves) / 20)).float()[:, None, None, :]
    faint = np.where(rng.random(count) < 0.4, 10 ** (rng.uniform(-30, -12, count) / 20), 0.0)
    other = amplitude[torch.from_numpy(rng.permutation(count))] * torch.from_numpy(faint).float()[:, None, None, None]
    amplitude = torch.sqrt(amplitude**2 + other**2)
    gains = torch.from_numpy(10 ** (rng.uniform(-6, 6, count) / 20)).float()
    labels = {
        "lead": torch.where(part["lead"] >= 0, part["lead"] + shift, part["lead"]),
        "tones": torch.roll(part["tones"], shift, dims=-1),
        "notes": _transposed(part["notes"], shift),
    }
    for name in ("root", "bass"):
        labels[name] = torch.where(part[name] < 12, (part[name] + shift) % 12, part[name])
    return torch.log1p(amplitude * gains[:, None, None, None]) / 4.0, labels


def _transposed(values: Tensor, shift: int) -> Tensor:
    moved = torch.roll(values, shift, dims=-1)
    if shift > 0:
        moved[..., :shift] = 0
    elif shift < 0:
        moved[..., shift:] = 0
    return moved


def _lead_target(lead: Tensor) -> Tensor:
    column = lead.long() - LOWEST_LEAD
    return torch.where((column >= 0) & (column < LEAD_PITCHES), column, torch.full_like(column, LEAD_PITCHES))


def _loss(logits: Mapping[str, Tensor], labels: Mapping[str, Tensor]) -> Tensor:
    logits = {name: values.float() for name, values in logits.items()}
    lead = functional.cross_entropy(
        logits["lead"].flatten(0, 1), _lead_target(labels["lead"]).flatten(), label_smoothing=0.02
    )
    rare = torch.tensor(4.0, device=lead.device)  # few of the 84 pitches sound at once
    notes = functional.binary_cross_entropy_with_logits(logits["notes"], labels["notes"].float(), pos_weight=rare)
    total = SHARES["lead"] * lead + SHARES["notes"] * notes
    total += SHARES["tones"] * functional.binary_cross_entropy_with_logits(logits["tones"], labels["tones"].float())
    for name in ("root", "bass"):
        classes = functional.cross_entropy(logits[name].flatten(0, 1), labels[name].long().flatten())
        total += SHARES[name] * classes
    return total


@torch.no_grad()
def score(net: TranscriptionNet, clips: Mapping[str, NDArray[Any]], *, device: str = "cpu") -> dict[str, float]:
    """How much of a set of clips is heard right.

    Returns
    -------
    dict of str to float, 0 to 1
        ``lead`` : share of frames with a lead whose pitch is right; ``chroma`` : its pitch class; ``rest`` : share of
        frames without a lead that are heard so; ``root``, ``bass`` : share right where there is one; ``tones`` : F1 of
        chord tones; ``total`` : mean of lead, rest, root, bass and tones.
    """
    net.eval()
    right: dict[str, list[float]] = {name: [0.0, 1e-9] for name in ("lead", "chroma", "rest", "root", "bass")}
    hits = misses = 0.0

    def count(name: str, good: NDArray[np.bool_], asked: NDArray[np.bool_]) -> None:
        right[name][0] += float((good & asked).sum())
        right[name][1] += float(asked.sum())

    for first in range(0, len(clips["x"]), 32):
        rows = slice(first, first + 32)
        logits = net(torch.from_numpy(clips["x"][rows]).float().to(device))
        lead = clips["lead"][rows].astype(int)
        said = logits["lead"].argmax(-1).cpu().numpy()
        sung = lead >= 0
        count("lead", said + LOWEST_LEAD == lead, sung)
        count("chroma", ((said + LOWEST_LEAD) % 12 == lead % 12) & (said < LEAD_PITCHES), sung)
        count("rest", said == LEAD_PITCHES, ~sung)
        for name in ("root", "bass"):
            truth = clips[name][rows]
            count(name, logits[name].argmax(-1).cpu().numpy() == truth, truth < 12)
        tones, truth = logits["tones"].cpu().numpy() > 0, clips["tones"][rows] > 0
        hits += float((tones & truth).sum())
        misses += float((tones ^ truth).sum())
    net.train()
    scores = {name: good / asked for name, (good, asked) in right.items()}
    scores["tones"] = 2 * hits / max(2 * hits + misses, 1e-9)
    scores["total"] = float(np.mean([scores[name] for name in ("lead", "rest", "root", "bass", "tones")]))
    return scores
