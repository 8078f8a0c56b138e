"""Make ``golden.npz`` with the authors' own program; not part of the tests.

In an environment with Python 3.11, torch 2.13.0 (CPU), librosa 0.11.0, numpy 2.4.6 and soundfile::

    PYTHONPATH=tests/parity/merit_conditions python tests/parity/merit_conditions/make_golden.py MERIT

where MERIT is a checkout of github.com/AMAAI-Lab/MERIT, commit aa0039b, whose module ``jasco_ravel_80s``
(data_pipeline/melody_triplets_generator) gives melodies. It uses a module ``os`` that it does not import, so one is put
among the builtins.
"""

from __future__ import annotations

import builtins
import importlib
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
import torch
from condition_inputs import GAPS, PASSAGES, RATE, SECONDS, gappy, salience, tune


def main() -> None:
    sys.path.insert(0, str(Path(sys.argv[1]) / "data_pipeline" / "melody_triplets_generator"))
    builtins.os = os
    merit = importlib.import_module("jasco_ravel_80s")
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as place:
        file = Path(place) / "salience.npz"
        for timed in (True, False):
            np.savez(file, **salience(0, timed=timed))
            for name, (offset, duration, threshold) in PASSAGES.items():
                golden[f"npz-{timed}-{name}"] = merit.build_salience_from_deepsalience_npz(
                    file, duration, 50.0, offset_sec=offset, tau=threshold
                ).numpy()
        for seed in range(2):
            sound = Path(place) / f"{seed}.wav"
            soundfile.write(sound, tune(seed), RATE, subtype="FLOAT")
            heard = merit.build_salience_from_wav_pyin(sound, SECONDS, 50.0)
            golden[f"heard-{seed}"] = merit.fill_short_gaps(heard, 3).numpy()
        for seed in range(5):
            rows = torch.from_numpy(gappy(seed).T.astype(np.float32))
            golden[f"ratio-{seed}"] = np.array(merit.nonzero_frame_ratio(rows))
            for longest in GAPS:
                filled = merit.fill_short_gaps(rows.clone(), longest)
                golden[f"filled-{seed}-{longest}"] = filled.numpy()
    packed = {name: array if array.ndim == 0 else array.astype(np.bool_) for name, array in golden.items()}
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **packed)


main()
