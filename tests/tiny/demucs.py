"""Checkpoint folders of Demucs as the hub has them, but tiny and of seeded random numbers."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

FOUR = ("drums", "bass", "other", "vocals")
SIX = (*FOUR, "guitar", "piano")
SECOND = {"_type": "fraction", "numerator": 1, "denominator": 1}
"""Written as the released files write their 39/5 s."""


def arguments(sources: Sequence[str] = FOUR, **changes: Any) -> dict[str, Any]:
    """What the constructor is given, as JSON."""
    return {
        "sources": list(sources),
        "audio_channels": 2,
        "samplerate": 44100,
        "segment": SECOND,
        "channels": 8,
        "depth": 4,
        "t_layers": 2,
        "t_heads": 2,
        "bottom_channels": 32,
        **changes,
    }


def network(sources: Sequence[str] = FOUR, seed: int = 0) -> Any:
    """The network whose tensors `make` writes."""
    from demucs.htdemucs import HTDemucs

    module = HTDemucs(**arguments(sources, segment=1))
    fill(module, seed)
    return module.requires_grad_(False).eval()


def fill(module: Any, seed: int) -> None:
    """Random numbers in the order of the tensors' names, large enough for every branch to be heard."""
    import torch

    rng = np.random.default_rng(seed)
    own = module.state_dict()
    tensors = {}
    for name in sorted(own):
        shape = tuple(own[name].shape)
        noise = rng.standard_normal(shape)
        if len(shape) > 1:
            noise = noise / np.sqrt(np.prod(shape[1:]))
        elif name.endswith("bias"):
            noise = 0.1 * noise
        else:
            noise = 0.7 + 0.2 * noise
        tensors[name] = torch.from_numpy(np.asarray(noise, np.float32))
    module.load_state_dict(tensors)


def write(path: Path, module: Any, sources: Sequence[str] = FOUR, **metadata: str) -> Path:
    """Write a network as demucs 4.1 exports it; `metadata` replaces texts of the file's head."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    texts = {"klass": "demucs.htdemucs.HTDemucs", "args": "[]", "kwargs": json.dumps(arguments(sources)), **metadata}
    save_file({name: tensor.contiguous() for name, tensor in module.state_dict().items()}, path, texts)
    return path


def make(folder: Path, seed: int = 0, sources: Sequence[str] = FOUR, signature: str = "955717e8") -> Path:
    """Write a folder like that of HTDemucs on the hub, with one network; returns it."""
    write(folder / f"{signature}.safetensors", network(sources, seed), sources)
    return folder


def make_6s(folder: Path, seed: int = 0) -> Path:
    """Write a folder like that of HTDemucs-6s."""
    return make(folder, seed, SIX, "5c90dfd2")


def make_ft(folder: Path, seed: int = 0) -> Path:
    """Write a folder like that of HTDemucs-ft: four networks."""
    for i, signature in enumerate(("f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d")):
        make(folder, seed + i, FOUR, signature)
    return folder


MAKERS: Mapping[str, Callable[[Path, int], Path]] = MappingProxyType(
    {"demucs": make, "demucs-6s": make_6s, "demucs-ft": make_ft}
)
