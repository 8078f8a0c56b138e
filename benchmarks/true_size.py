"""Checkpoints of the pretrained parts at their true sizes, of seeded random numbers.

The makers are those of the tests' miniatures, so that names and layout are those of the released files; only the
sizes differ. The released files themselves are not needed, and none was ever run here.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from unittest import mock

sys.path.append(str(Path(__file__).parents[1] / "tests"))

from tiny import clap, demucs, mert, muq

MERT_95M = {"DIM": 768, "INNER": 3072, "HEADS": 12, "CHANNELS": 512, "KERNEL": 128, "GROUPS": 16}
MERT_330M = {**MERT_95M, "DIM": 1024, "INNER": 4096, "HEADS": 16}
MUQ = {"DIM": 1024, "DEPTH": 12, "CHANNELS": 512, "HEADS": 16, "INNER": 4096, "KERNEL": 31}
XLM_ROBERTA_BASE = {
    "vocab_size": 250002,
    "hidden_size": 768,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "intermediate_size": 3072,
    "max_position_embeddings": 514,
}
MULAN_BLOCKS = {"dim": 768, "tf_depth": 8, "heads": 8, "dim_head": 64}
"""Eight blocks behind each side are our guess: with them there are 0.7 billion parameters, as the authors say."""

DEMUCS = {"channels": 48, "t_layers": 5, "t_heads": 8, "bottom_channels": 512}
DEMUCS_6S = {**DEMUCS, "bottom_channels": 0}
SEGMENT = {"_type": "fraction", "numerator": 39, "denominator": 5}
"""Seconds that the released networks take at a time."""


def make_mert(folder: Path, *, large: bool) -> Path:
    """MERT-v1-95M, or MERT-v1-330M, which MERIT hears by too."""
    with mock.patch.multiple(mert, **(MERT_330M if large else MERT_95M)):
        return mert.make(folder, stable=large, depth=24 if large else 12, torch_file=False)


def make_muq(folder: Path) -> Path:
    """MuQ-large-msd-iter."""
    with mock.patch.multiple(muq, **MUQ):
        return muq.make_muq(folder)


def make_mulan(folder: Path) -> Path:
    """MuQ-MuLan-large."""
    sizes = {"TEXT": {**muq.TEXT, **XLM_ROBERTA_BASE}, "BLOCKS": {**muq.BLOCKS, **MULAN_BLOCKS}, "LATENT": 512}
    with mock.patch.multiple(muq, **MUQ, **sizes):
        return muq.make_mulan(folder, torch_file=False)


def make_demucs(folder: Path, signatures: Sequence[str], sources: Sequence[str], sizes: Mapping[str, int]) -> Path:
    """As many networks of HTDemucs as there are signatures, at half precision, as released."""
    from demucs.htdemucs import HTDemucs

    arguments = demucs.arguments(sources, **sizes, segment=SEGMENT)
    for seed, signature in enumerate(signatures):
        network = HTDemucs(**{**arguments, "segment": 7.8})
        demucs.fill(network, seed)
        demucs.write(folder / f"{signature}.safetensors", network.half(), kwargs=json.dumps(arguments))
    return folder


ENCODERS: Mapping[str, Callable[[Path], Path]] = MappingProxyType(
    {
        "mert-95m": lambda folder: make_mert(folder, large=False),
        "mert-330m": lambda folder: make_mert(folder, large=True),
        "merit": lambda folder: make_mert(folder, large=True),
        "clap": lambda folder: clap.make_fetched(folder, sizes=clap.HTSAT_TINY),
        "clap-music": lambda folder: clap.make_fetched(folder, sizes=clap.HTSAT_BASE),
        "muq": make_muq,
        "muq-mulan": make_mulan,
    }
)

SEPARATORS: Mapping[str, Callable[[Path], Path]] = MappingProxyType(
    {
        "demucs": lambda folder: make_demucs(folder, ["955717e8"], demucs.FOUR, DEMUCS),
        "demucs-6s": lambda folder: make_demucs(folder, ["5c90dfd2"], demucs.SIX, DEMUCS_6S),
        "demucs-ft": lambda folder: make_demucs(
            folder, ["f7e0c4bc", "d12395a8", "92cfc3b6", "04573f0d"], demucs.FOUR, DEMUCS
        ),
    }
)
