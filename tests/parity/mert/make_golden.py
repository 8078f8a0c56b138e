"""Make ``golden.npz`` with the authors' own programs; not part of the tests.

In an environment with Python 3.11, torch 2.13.0 (CPU), transformers 4.47.1, numpy 2.4.6 and nnAudio 0.3.4::

    PYTHONPATH=tests:tests/parity/mert python tests/parity/mert/make_golden.py MERT MERIT

where MERT is a checkout of github.com/yizhilll/MERT, commit 391062e, whose class ``MERTModel`` (scripts/mert_hf) gives
the hidden states, and MERIT one of github.com/AMAAI-Lab/MERIT, commit aa0039b, whose functions ``encode_batch``
(evaluation/encode_folder.py) and ``load_heads`` (evaluation/probe_eval.py) give embeddings and vectors. The latter
imports torchaudio, of which nothing that is called here makes use, so an empty module stands for it.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import types
from pathlib import Path

import numpy as np
import torch
from mert_inputs import CLIPS, FRAMES, HEAD, MERIT_CLIPS, RATE, SEEDS, embeddings, sound

from tiny import merit as tiny_merit
from tiny import mert as tiny_mert


def main() -> None:
    mert, merit = map(Path, sys.argv[1:3])
    sys.path[:0] = [str(mert / "scripts"), str(merit / "evaluation")]
    configuration = importlib.import_module("mert_hf.configuration_MERT")
    modeling = importlib.import_module("mert_hf.modeling_MERT")
    sys.modules["torchaudio"] = types.ModuleType("torchaudio")  # only now: transformers looks whether it is there
    pooling, heads = importlib.import_module("encode_folder"), importlib.import_module("probe_eval")
    golden: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as place, torch.no_grad():
        folder = Path(place)

        def load(path: Path) -> torch.nn.Module:
            config = configuration.MERTConfig.from_pretrained(path)
            model, report = modeling.MERTModel.from_pretrained(path, config=config, output_loading_info=True)
            assert not any(report.values()), report
            return model.eval()

        for stable in (False, True):
            for seed in SEEDS:
                model = load(tiny_mert.make(folder / f"{stable}-{seed}", stable=stable, seed=seed))
                clips = torch.from_numpy(np.stack([sound(*clip) for clip in CLIPS]))
                states = np.stack([state.numpy() for state in model(clips, output_hidden_states=True).hidden_states])
                golden[f"states-{stable}-{seed}"] = states[:, :, FRAMES]
                golden[f"means-{stable}-{seed}"] = states.mean(2)
        for seed in SEEDS:
            path = tiny_mert.make(
                folder / f"merit-{seed}", stable=True, seed=seed, depth=tiny_mert.MERIT_DEPTH, normalised=seed == 0
            )
            model, processor = load(path), pooling.Wav2Vec2FeatureExtractor.from_pretrained(path)
            for seconds in (None, 10, 30):
                for clip in MERIT_CLIPS:
                    samples = torch.from_numpy(sound(*clip))
                    if seconds:
                        samples = torch.nn.functional.pad(samples, (0, seconds * RATE - len(samples)))
                    found = pooling.encode_batch([samples], processor, model, "cpu")[0]
                    golden[f"merit-{seed}-{seconds}-{clip[0]}"] = found
        for seed in SEEDS:
            path = tiny_merit.make(folder / f"heads-{seed}", seed=seed, bare=seed == 1, **HEAD)
            loaded = heads.load_heads(path, HEAD["in_dim"], "cpu")
            vectors = [loaded[name](torch.from_numpy(embeddings())).numpy() for name in tiny_merit.FOLDERS]
            golden[f"heads-{seed}"] = np.stack(vectors)
    np.savez_compressed(
        Path(__file__).with_name("golden.npz"), **{name: array.astype(np.float32) for name, array in golden.items()}
    )


main()
