"""Folders of heads as MERIT was released, but tiny and of seeded random numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np

from tiny.mert import DIM

IN_DIM, HIDDEN, OUT_DIM = 5 * DIM, 24, 8
FOLDERS = ("head_mel", "head_rhy", "head_tim")


def make(
    folder: Path,
    *,
    seed: int = 0,
    in_dim: int = IN_DIM,
    hidden: int = HIDDEN,
    out_dim: int = OUT_DIM,
    bare: bool = False,
) -> Path:
    """Write three heads, each a document with its sizes or a bare state dict; returns the folder."""
    import torch

    for i, name in enumerate(FOLDERS):
        state = {key: torch.from_numpy(value) for key, value in arrays(seed + i, in_dim, hidden, out_dim).items()}
        document = {
            "state_dict": state,
            "in_dim": in_dim,
            "hidden_dim": hidden,
            "out_dim": out_dim,
            "encoder": "mert",
            "model_id": "m-a-p/MERT-v1-330M",
            "epoch": 7,
            "val_loss": 709.5,
            "val_acc": 0.98,
        }
        (folder / name).mkdir(parents=True, exist_ok=True)
        torch.save(state if bare else document, folder / name / "best_head.pt")
    return folder


MAKERS: Mapping[str, Callable[[Path], Path]] = MappingProxyType({"merit": make})


def arrays(seed: int, in_dim: int, hidden: int, out_dim: int) -> dict[str, np.ndarray]:
    """The layers of one head."""
    rng = np.random.default_rng(seed)
    shapes = {"net.0.bias": (hidden,), "net.0.weight": (hidden, in_dim), "net.2.weight": (out_dim, hidden)}
    return {
        name: (rng.standard_normal(shape) / np.sqrt(shape[-1])).astype(np.float32) for name, shape in shapes.items()
    }
