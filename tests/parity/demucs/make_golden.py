"""Make golden.npz with the authors' older program; needs a checkout of it and is run by hand only.

    PYTHONPATH=DEMUCS:tests:tests/parity/demucs OMP_NUM_THREADS=1 python tests/parity/demucs/make_golden.py

DEMUCS is a checkout of github.com/facebookresearch/demucs at e976d93ecc3865e5757426930257e200846a520a, whose HTDemucs
and apply_model are used. The environment had Python 3.11, torch 2.13.0 (CPU), einops 0.8.2 and julius 0.2.8. Three
packages that only training and other networks need are replaced by empty stand-ins.
"""

from __future__ import annotations

import sys
import types
from pathlib import Path

import numpy as np
import torch
from demucs_inputs import LENGTHS, SEEDS, compared, sound

from tiny.demucs import network

for name, attribute in (("openunmix.filtering", "wiener"), ("omegaconf", "OmegaConf"), ("dora.log", "fatal")):
    stand_in = types.ModuleType(name)
    setattr(stand_in, attribute, None)
    sys.modules |= {name.partition(".")[0]: types.ModuleType(name.partition(".")[0]), name: stand_in}

from demucs.apply import apply_model  # noqa: E402


def main() -> None:
    torch.set_num_threads(1)
    golden = {}
    for seed in SEEDS:
        model = network(seed=seed)
        for length in LENGTHS:
            mix = torch.from_numpy(sound(length, seed))
            mono = mix.mean(0)
            mean, deviation = mono.mean(), mono.std() + 1e-8
            for kind, given in (("plain", mix), ("normalised", (mix - mean) / deviation)):
                split = apply_model(model, given[None], shifts=0, split=True, overlap=0.25)[0]
                split = split * deviation + mean if kind == "normalised" else split
                golden[f"{kind}-{seed}-{length}"] = split.numpy()[..., compared(length)]
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **golden)


if __name__ == "__main__":
    main()
