"""Train the drum net of the embedded encoder from nothing: scenes, net, loop, file, from top to bottom.

How to use it
-------------
>>> from pathlib import Path
>>> from soundalike.research.training.drums import train_drums
>>> train_drums(Path("groove_midi"), Path("cache"), Path("drums.onnx"))  # doctest: +SKIP

Scenes are kept in the cache in shards, and the net after every epoch: run again, it goes on where it was.
Everything follows from the seed and from the SoundFonts that are installed. Wants torch and onnx.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.encoders.embedded.drums import features
from soundalike.encoders.embedded.spectra import ONSET_HOP, RATE, mel_filters, mono, power_frames
from soundalike.research.music.material import MaterialSplit
from soundalike.research.training.drum_library import read_drumming, read_kits
from soundalike.research.training.drum_scenes import TARGETS, Scene, scene

if TYPE_CHECKING:
    import torch

SECONDS: Final = 10.0
FRAMES: Final = 1 + int(SECONDS * RATE) // ONSET_HOP
STEPS: Final = (FRAMES + 1) // 2
SHARD: Final = 300
WIDTH: Final = 1.5
"""Half the base of the triangle that a stroke is in the targets, in frames."""

CHANNELS: Final = 48
DILATIONS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
LOCAL: Final = 3
"""Drums are read after so many layers, which see a third of a second: what is heard, not what is expected."""

BATCH: Final = 24
RATE_OF_LEARNING: Final = 4e-3
DECAY: Final = 0.02
BEAT_SHARE: Final = 0.7


@dataclass(frozen=True, slots=True)
class Shard:
    """Scenes as the net is given them.

    Attributes
    ----------
    inputs : float16, shape (n, 64, frames)
    targets : uint8, shape (n, 6, steps)
        By `TARGETS`, 255 is 1.
    known : bool, shape (n, 2)
        Whether beats, and bars, are known.
    """

    inputs: NDArray[np.float16]
    targets: NDArray[np.uint8]
    known: NDArray[np.bool_]


def train_drums(
    performances: Path,
    cache: Path,
    out: Path,
    *,
    scenes: int = 3000,
    epochs: int = 9,
    seed: int = 0,
    report: Callable[[str], None] = lambda line: None,
) -> None:
    """Make the scenes, train the net and write it.

    Parameters
    ----------
    performances : Path
        Folder of the Groove MIDI Dataset.
    cache : Path
        Where shards and the state of the training are kept.
    out : Path
        ONNX file to write.
    scenes, epochs, seed : int
    report : callable
        Told the losses by target after each epoch.
    """
    import torch

    torch.set_num_threads(1)
    cache.mkdir(parents=True, exist_ok=True)
    train = list(_shards(cache, "train", scenes, performances, seed=seed))
    judge = list(_shards(cache, "validation", SHARD, performances, seed=seed))
    net = _fitted(train, judge, cache / f"drums-{seed}.pt", epochs=epochs, seed=seed, report=report)
    write_atomically(out, to_onnx(net))


def _shards(cache: Path, use: MaterialSplit, count: int, performances: Path, *, seed: int) -> Iterator[Shard]:
    """Scenes from the cache; those that are missing are made."""
    kits, drumming = None, None
    for first in range(0, count, SHARD):
        last = min(first + SHARD, count)
        path = cache / f"drums-{use}-{seed}-{first}-{last}.npz"
        if not path.is_file():
            if kits is None or drumming is None:
                kits, drumming = read_kits(use), read_drumming(performances, use)
                drumming = [human for human in drumming if len(human.strokes)]
            # Seeds of the sets are a world apart.
            base = 1_000_000 * (2 * seed + (use != "train"))
            made = [pictured(scene(base + i, kits, drumming, seconds=SECONDS)) for i in range(first, last)]
            inputs, targets, known = (np.stack(parts) for parts in zip(*made, strict=True))
            with path.with_suffix(".tmp").open("wb") as file:
                np.savez(file, inputs=inputs, targets=targets, known=known)
            path.with_suffix(".tmp").replace(path)
        with np.load(path) as arrays:
            yield Shard(arrays["inputs"], arrays["targets"], arrays["known"])


def pictured(known: Scene) -> tuple[NDArray[np.float16], NDArray[np.uint8], NDArray[np.bool_]]:
    """Input, targets and what is known of one scene, as in `Shard`."""
    signal = mono(known.sound[None])
    # As `analyse` does, without the pitches.
    mel = (
        np.full((FRAMES, 64), 1e-9) if signal is None else power_frames(signal, 1024, ONSET_HOP, filters=mel_filters())
    )
    targets = np.zeros((len(TARGETS), STEPS))
    frame = np.arange(STEPS)
    for row, events in zip(targets, known.events, strict=True):
        for time, strength in events:
            near = strength * (1.0 - np.abs(frame - time * RATE / (2 * ONSET_HOP)) / WIDTH)
            np.maximum(row, near, out=row)
    inputs = features(mel[:FRAMES])[0].astype(np.float16)
    return inputs, np.round(255 * targets).astype(np.uint8), np.array([known.beat, known.downbeat])


def build_net(channels: int = CHANNELS) -> torch.nn.Module:
    """A stem that halves the frame rate, then residual layers that look further and further."""
    import torch
    from torch import nn

    class DrumNet(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv1d(64, channels, 5, stride=2, padding=2, bias=False)
            self.convs = nn.ModuleList(
                nn.Conv1d(channels, channels, 3, padding=d, dilation=d, bias=False) for d in DILATIONS
            )
            self.norms = nn.ModuleList(nn.BatchNorm1d(channels) for _ in range(len(DILATIONS) + 1))
            self.drums, self.beats = nn.Conv1d(channels, 4, 1), nn.Conv1d(channels, 2, 1)
            self.drop = nn.Dropout(0.1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            """From (n, 64, frames) to logits (n, 6, steps)."""
            x = torch.relu(self.norms[0](self.stem(x)))
            for depth, (conv, norm) in enumerate(zip(self.convs, self.norms[1:], strict=True)):
                if depth == LOCAL:
                    drums = self.drums(x)
                x = x + torch.relu(norm(conv(x)))
                if depth >= LOCAL:
                    x = self.drop(x)
            return torch.cat([drums, self.beats(x)], dim=1)

    return DrumNet()


def _fitted(
    train: list[Shard], judge: list[Shard], state: Path, *, epochs: int, seed: int, report: Callable[[str], None]
) -> Any:
    """The net after all epochs; resumes after the last one that was finished."""
    import torch

    torch.manual_seed(seed)
    net = build_net()
    steps = sum(len(shard.inputs) for shard in train) // BATCH
    optimizer = torch.optim.AdamW(net.parameters(), RATE_OF_LEARNING, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, RATE_OF_LEARNING, total_steps=epochs * steps, pct_start=0.2
    )
    parts: dict[str, Any] = {"net": net, "optimizer": optimizer, "schedule": schedule}
    done = 0
    if state.is_file():
        saved = torch.load(state, weights_only=True)
        done = saved.pop("done")
        for name, part in parts.items():
            part.load_state_dict(saved[name])
    for epoch in range(done, epochs):
        net.train()
        torch.manual_seed(seed + 1000 * (epoch + 1))
        for batch in _batches(train, np.random.default_rng([seed, epoch])):
            loss = _loss(net, *batch)
            optimizer.zero_grad()
            loss.sum().backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        with torch.no_grad():
            net.eval()
            found = torch.stack([_loss(net, *batch) for batch in _batches(judge, None)]).mean(dim=0)
        report(f"epoch {epoch + 1}: " + ", ".join(f"{n} {float(v):.4f}" for n, v in zip(TARGETS, found, strict=True)))
        torch.save({"done": epoch + 1} | {name: part.state_dict() for name, part in parts.items()}, state)
    return net.eval()


def _batches(shards: list[Shard], rng: np.random.Generator | None) -> Iterator[tuple[torch.Tensor, ...]]:
    """All scenes, mixed and sometimes cut if there is a generator."""
    import torch

    places = [(shard, i) for shard in shards for i in range(len(shard.inputs))]
    order = np.arange(len(places)) if rng is None else rng.permutation(len(places))
    for first, last in pairwise(range(0, len(places) + 1, BATCH)):
        chosen = [places[i] for i in order[first:last]]
        x = torch.from_numpy(np.stack([shard.inputs[i] for shard, i in chosen]).astype(np.float32))
        y = torch.from_numpy(np.stack([shard.targets[i] for shard, i in chosen]).astype(np.float32) / 255)
        known = torch.from_numpy(np.stack([shard.known[i] for shard, i in chosen]).astype(np.float32))
        if rng is not None:
            if rng.random() < 0.5:
                begin, length = int(rng.integers(STEPS // 2)), int(rng.integers(STEPS // 3, STEPS + 1))
                y = y[:, :, begin : begin + length]
                x = x[:, :, 2 * begin : 2 * (begin + length)]
                x, y = x - x.mean(dim=2, keepdim=True), y[:, :, : (x.shape[2] + 1) // 2]
            x = x + 0.05 * torch.from_numpy(rng.standard_normal((len(x), x.shape[1], 1), dtype=np.float32))
        yield x, y, known


def _loss(net: Any, x: torch.Tensor, y: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Cross-entropy by target: shape (6,)."""
    import torch

    weight = torch.ones((*y.shape[:2], 1))
    weight[:, 4:, 0] = BEAT_SHARE * known
    loss = torch.nn.functional.binary_cross_entropy_with_logits(net(x), y, reduction="none")
    return (loss * weight).mean(dim=(0, 2))


def to_onnx(net: Any) -> bytes:
    """The net as an ONNX file: norms folded into the convolutions, weights stored in 16 bits.

    Input "mel" is float32 (1, 64, frames), output "out" float32 (1, 6, ceil(frames / 2)), from 0 to 1.
    """
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    nodes, weights = [], []

    def conv(name: str, source: str, layer: Any, norm: Any = None, **options: Any) -> str:
        kernel = layer.weight.detach().double().numpy()
        bias = np.zeros(len(kernel)) if layer.bias is None else layer.bias.detach().double().numpy()
        if norm is not None:
            gain = (norm.weight / (norm.running_var + norm.eps).sqrt()).detach().double().numpy()
            kernel = kernel * gain[:, None, None]
            bias = norm.bias.detach().double().numpy() - norm.running_mean.double().numpy() * gain
        for part, values in (("kernel", kernel), ("bias", bias)):
            weights.append(numpy_helper.from_array(values.astype(np.float16), f"{name}.{part}.half"))
            nodes.append(helper.make_node("Cast", [f"{name}.{part}.half"], [f"{name}.{part}"], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Conv", [source, f"{name}.kernel", f"{name}.bias"], [name], **options))
        return name

    conv("stem", "mel", net.stem, net.norms[0], strides=[2], pads=[2, 2])
    nodes.append(helper.make_node("Relu", ["stem"], ["x0"]))
    for i, dilation in enumerate(DILATIONS):
        if i == LOCAL:
            conv("drums", f"x{i}", net.drums)
        conv(f"conv{i}", f"x{i}", net.convs[i], net.norms[i + 1], pads=[dilation] * 2, dilations=[dilation])
        nodes.append(helper.make_node("Relu", [f"conv{i}"], [f"relu{i}"]))
        nodes.append(helper.make_node("Add", [f"x{i}", f"relu{i}"], [f"x{i + 1}"]))
    conv("beats", f"x{len(DILATIONS)}", net.beats)
    nodes.append(helper.make_node("Concat", ["drums", "beats"], ["logits"], axis=1))
    nodes.append(helper.make_node("Sigmoid", ["logits"], ["out"]))
    mel = helper.make_tensor_value_info("mel", TensorProto.FLOAT, [1, 64, "frames"])
    out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [1, len(TARGETS), "steps"])
    graph = helper.make_graph(nodes, "drums", [mel], [out], weights)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="soundalike")
    model.ir_version = 9
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
