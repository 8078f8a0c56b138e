"""The separator's net: which share of each band's tone and of its noise belongs to which stem, and how it learns.

The loss is the distortion of the waveform itself: with the sums that scenes come with, the squared error of a stem is
a quadratic function of its shares, so that no sound has to be made while learning.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from soundalike.atomic import write_atomically
from soundalike.research.sound.orchestra import Palette
from soundalike.research.training.network import to_onnx
from soundalike.research.training.separation_scenes import HELD_OUT, STEMS, PieceParts, Scene, read_examples
from soundalike.research.training.shards import make_shards
from soundalike.separators.embedded.model import STRIDE
from soundalike.separators.embedded.picture import BANDS, LEVELS

WIDTHS: Final = (16, 24, 40, 48)
VIEW: Final = 64

CHUNK: Final = 96
"""Frames, about a second, over which errors are added up before the logarithm is taken."""
FLOOR: Final = 0.02
"""Error against the mix, in power, below which less is hardly better: 17 dB."""

HEARD: Final = 0.01
SILENT: Final = 0.5
"""How much a second counts in which a stem has less than the first of the mix's power: less than one in which it is
heard, for a stem that is always soft would do well in many of them."""

CROP: Final = 576
BATCH: Final = 6
RATE_OF_LEARNING: Final = 3e-3
DECAY: Final = 0.998
"""Of the running mean of weights, which is what is kept."""
CHECK: Final = 100
"""Steps after which the running mean is tried on scenes that are held out."""

LEAK: Final = 0.1


def _layer(channels: int, made: int, size: int) -> nn.Sequential:
    """A convolution that keeps the size, or halves it where its kernel has four cells, at a level of its own."""
    convolution = nn.Conv2d(channels, made, size, stride=2 if size == 4 else 1, padding=1, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(made), nn.LeakyReLU(LEAK))


class SeparationNet(nn.Module):
    """Convolutions over time and bands at four resolutions, with a view over seconds at the coarsest."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third, fourth = WIDTHS
        coarse = fourth * BANDS // 8
        self.first = _layer(2 * LEVELS, first, 3)
        self.place = nn.Parameter(torch.zeros(1, first, 1, BANDS))
        self.down1, self.same1 = _layer(first, second, 4), _layer(second, second, 3)
        self.down2, self.same2 = _layer(second, third, 4), _layer(third, third, 3)
        self.down3 = _layer(third, fourth, 4)
        self.into = nn.Conv1d(coarse, VIEW, 1)
        self.along = nn.ModuleList(nn.Conv1d(VIEW, VIEW, 3, padding=k, dilation=k) for k in (1, 2, 4, 8))
        self.back = nn.Conv1d(VIEW, coarse, 1)
        self.up2, self.up1 = _layer(fourth + third, third, 3), _layer(third + second, second, 3)
        self.up0 = _layer(second + first, first, 3)
        self.last = nn.Conv2d(first, 4 * len(STEMS), 1)
        self.bias = nn.Parameter(torch.zeros(1, 4 * len(STEMS), 1, BANDS))

    def forward(self, level: Tensor) -> Tensor:
        """Shares of tone and of noise.

        Parameters
        ----------
        level : float, shape (n, 3, frames, 64)
            See `soundalike.separators.embedded.picture.features`; a multiple of 16 frames.

        Returns
        -------
        float, shape (n, 2, stems, frames, 64)
            They sum to one over the stems.
        """
        clips, _, frames, bands = level.shape
        pairs = level.reshape(clips, LEVELS, frames // 2, 2, bands).permute(0, 1, 3, 2, 4)
        fine = self.first(pairs.reshape(clips, 2 * LEVELS, frames // 2, bands)) + self.place
        half = self.down1(fine)
        half = half + self.same1(half)
        quarter = self.down2(half)
        quarter = quarter + self.same2(quarter)
        found = self._view(self.down3(quarter))
        for layer, beside in ((self.up2, quarter), (self.up1, half), (self.up0, fine)):
            found = layer(torch.cat([functional.interpolate(found, scale_factor=2.0), beside], 1))
        logits = (self.last(found) + self.bias).reshape(clips, 2, len(STEMS), 2, frames // 2, bands)
        return torch.softmax(logits.permute(0, 1, 2, 4, 3, 5).reshape(clips, 2, len(STEMS), frames, bands), dim=2)

    def _view(self, coarse: Tensor) -> Tensor:
        clips, channels, frames, bands = coarse.shape
        seen = functional.leaky_relu(
            self.into(coarse.permute(0, 1, 3, 2).reshape(clips, channels * bands, frames)), LEAK
        )
        for layer in self.along:
            seen = seen + functional.leaky_relu(layer(seen), LEAK)
        told: Tensor = self.back(seen).reshape(clips, channels, bands, frames).permute(0, 1, 3, 2)
        return coarse + told


def errors(shares: Tensor, sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Squared errors of the stems, and powers of the stems and of the mix, over `CHUNK` frames each.

    Parameters
    ----------
    shares : float, shape (n, 2, stems, frames, 64)
    sums : float, shape (n, 3 + 3 stems, frames, 64)
        See `soundalike.research.training.separation_scenes.example`.

    Returns
    -------
    errors, powers : float, shape (n, stems, chunks)
    whole : float, shape (n, 1, chunks)
    """
    tone, noise = shares[:, 0], shares[:, 1]
    both, mixed, neither = sums[:, 0:1], sums[:, 1:2], sums[:, 2:3]
    shared_tone, shared_noise, own = sums[:, 3::3], sums[:, 4::3], sums[:, 5::3]
    error = both * tone * tone + 2 * mixed * tone * noise + neither * noise * noise
    error = error - 2 * shared_tone * tone - 2 * shared_noise * noise + own
    return _chunks(error).clamp_min(0), _chunks(own), _chunks(both + 2 * mixed + neither)


def _chunks(cells: Tensor) -> Tensor:
    clips, stems, frames, bands = cells.shape
    count = frames // CHUNK
    return cells[:, :, : count * CHUNK].reshape(clips, stems, count, CHUNK, bands).sum((3, 4))


def loss(shares: Tensor, sums: Tensor) -> Tensor:
    """Mean decades of the error against the stem, over stems and seconds; where a stem is silent it counts less."""
    error, own, whole = errors(shares, sums)
    decades = torch.log10((error + FLOOR * whole + 1e-9) / (own + FLOOR * whole + 1e-9))
    weight = torch.where(own < HEARD * whole, SILENT, 1.0)
    return (decades * weight).sum() / weight.sum()


def distortion(net: nn.Module, examples: Sequence[tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Median signal-to-distortion ratio in dB by stem, over seconds in which it is not 20 dB below the mix."""
    ratios: dict[str, list[float]] = {stem: [] for stem in STEMS}
    net.eval()
    with torch.inference_mode():
        for x, y in examples:
            error, own, whole = errors(net(_tensor([x])), _tensor([y]))
            ratio = 10 * torch.log10((own + 1e-9) / (error + 1e-9))
            for i, stem in enumerate(STEMS):
                ratios[stem] += ratio[0, i][own[0, i] > HEARD * whole[0, 0]].tolist()
    return {stem: round(float(np.median(found)), 2) for stem, found in ratios.items() if found}


def mean_loss(net: nn.Module, examples: Sequence[tuple[np.ndarray, np.ndarray]]) -> float:
    """Mean of `loss` over examples, each by itself."""
    net.eval()
    with torch.inference_mode():
        return float(np.mean([float(loss(net(_tensor([x])), _tensor([y]))) for x, y in examples]))


def _tensor(arrays: Sequence[np.ndarray]) -> Tensor:
    return torch.from_numpy(np.stack(arrays).astype(np.float32))


def fit(
    examples: Sequence[tuple[np.ndarray, np.ndarray]],
    held_out: Sequence[tuple[np.ndarray, np.ndarray]],
    *,
    steps: int,
    seed: int = 0,
    report: Callable[[int, float], None] | None = None,
) -> SeparationNet:
    """Train a net on one thread, and keep the running mean of weights that does best on what is held out.

    Parameters
    ----------
    examples, held_out : sequence of (features, sums)
        From `soundalike.research.training.separation_scenes.Scene`.
    steps : int
        Batches of `BATCH` crops.
    seed : int
    report : callable, optional
        Told now and then the steps done and the loss of what is held out.
    """
    torch.set_num_threads(1)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    net = SeparationNet()
    mean = deepcopy(net)
    best, least = mean, float("inf")
    net.train()
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE_OF_LEARNING, weight_decay=1e-3)
    for step in range(1, steps + 1):
        optimiser.param_groups[0]["lr"] = _rate(step, steps)
        x, y = _batch(examples, rng)
        optimiser.zero_grad()
        loss(net(x), y).backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        _follow(mean, net, min(DECAY, step / (step + 19)))
        if step % CHECK == 0 or step == steps:
            found = mean_loss(mean, held_out)
            if found < least:
                best, least = deepcopy(mean), found
            if report is not None:
                report(step, found)
    return best


def _rate(step: int, steps: int) -> float:
    """The rate of learning: it rises over 100 steps and falls along a cosine."""
    falling: float = 0.5 + 0.5 * np.cos(np.pi * (step - 1) / steps)
    return RATE_OF_LEARNING * min(1.0, step / 100) * falling + 2e-5


@torch.no_grad()
def _follow(mean: nn.Module, net: nn.Module, kept: float) -> None:
    """Move a running mean of weights towards a net, and give it the net's norms."""
    for old, new in zip(mean.parameters(), net.parameters(), strict=True):
        old.mul_(kept).add_(new, alpha=1 - kept)
    for kept_norm, norm in zip(mean.buffers(), net.buffers(), strict=True):
        kept_norm.copy_(norm)


def _batch(examples: Sequence[tuple[np.ndarray, np.ndarray]], rng: np.random.Generator) -> tuple[Tensor, Tensor]:
    crops = []
    for number in rng.integers(len(examples), size=BATCH):
        x, y = examples[number]
        first = int(rng.integers((x.shape[1] - CROP) // STRIDE + 1)) * STRIDE
        level = x[:, first : first + CROP].astype(np.float32)
        level[:2] += np.float32(rng.normal(0, 0.05))
        if rng.random() < 0.2:
            level[2] = 0.0  # as if the same sound had one channel
        crops.append((level, y[:, first : first + CROP]))
    return _tensor([level for level, _ in crops]), _tensor([y for _, y in crops])


def export(net: SeparationNet) -> bytes:
    """The net as ONNX, weights in half precision: input ``level`` (1, 3, frames, 64), output ``shares``."""
    return to_onnx(net, torch.zeros(1, LEVELS, 10 * STRIDE, BANDS), {"shares": {3: "frames"}})


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is made and learned; the defaults are those of the net that ships.

    Attributes
    ----------
    work : Path
        Folder for what is made on the way; stopped and called again, the making goes on.
    pieces, scenes : int
    held_out : int
        Pieces and scenes of other music and instruments, to choose by how long to learn.
    steps, seed, jobs : int
    palette, held_out_palette : Palette
    """

    work: Path
    pieces: int = 560
    scenes: int = 900
    held_out: int = 40
    steps: int = 1400
    seed: int = 0
    jobs: int = 1
    palette: Palette = "fonts-train"
    held_out_palette: Palette = "fonts-other"


def train_separator(plan: Plan, out: Path, *, report: Callable[[str], None]) -> None:
    """Make pieces and scenes, train, and write ``masks.onnx`` to `out`; `report` is told how it goes."""
    begun = time.monotonic()
    examples = {}
    for name, make, pieces, scenes in (
        ("held-out", PieceParts(palette=plan.held_out_palette, first=HELD_OUT), plan.held_out, plan.held_out),
        ("train", PieceParts(palette=plan.palette), plan.pieces, plan.scenes),
    ):
        paths = tuple(make_shards(plan.work / f"{name}-pieces", make, pieces, size=1, jobs=plan.jobs))
        shards = make_shards(plan.work / f"{name}-scenes", Scene(paths), scenes, size=20, jobs=plan.jobs)
        examples[name] = read_examples(shards)
        report(f"{time.monotonic() - begun:.0f} s: {len(examples[name])} {name} scenes of {len(paths)} pieces")
    net = fit(
        examples["train"],
        examples["held-out"],
        steps=plan.steps,
        seed=plan.seed,
        report=lambda step, found: report(
            f"{time.monotonic() - begun:.0f} s: {step} of {plan.steps} steps, held-out loss {found:.4f}"
        ),
    )
    report(f"SDR of held-out scenes in dB: {distortion(net, examples['held-out'])}")
    write_atomically(out / "masks.onnx", export(net))
    report(f"{time.monotonic() - begun:.0f} s in all")
