"""Make ``golden.json``, ``golden.npz`` and ``reference_head.pt`` with the authors' own programs; not part of the tests.

In an environment with Python 3.11, torch 2.13.0 (CPU) and numpy 2.4.6::

    PYTHONPATH=src:tests:tests/parity/merit_training python tests/parity/merit_training/make_golden.py MERIT

where MERIT is a checkout of github.com/AMAAI-Lab/MERIT, commit aa0039b. Of its training/train_head.py the classes
``CircleLoss`` and ``ProjectionHead`` and the function ``train`` are run, of evaluation/probe_eval.py ``load_heads``,
and of evaluation/evaluate.py ``main``; the last two on a file that our own `write_merit_head` writes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import pickle
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from merit_training_inputs import BATCHES, DEFAULTS, KEPT, LOSSES, RUNS, document, probes, unit_vectors

from soundalike.heads.merit_files import write_merit_head
from soundalike.heads.projection import ProjectionHead
from tiny import merit as tiny_merit

HERE = Path(__file__).parent
TRUE = {"in_dim": 5120, "hidden": 512, "out_dim": 128}


def losses(training: Any) -> dict[str, np.ndarray]:
    found = {}
    for batch in BATCHES:
        for gamma, margin in LOSSES:
            rows = [torch.from_numpy(each).requires_grad_() for each in unit_vectors(batch)]
            loss = training.CircleLoss(gamma=gamma, m=margin)(*rows)
            loss.backward()
            name = f"loss-{batch}-{gamma}"
            found[name] = np.array(loss.item())
            found[f"{name}-gradients"] = np.stack([each.grad.numpy()[KEPT] for each in rows])
    return found


def run(training: Any, name: str, folder: Path) -> dict[str, Any]:
    """Train, and note the history, the folders on either side, the step sizes, and the best epoch."""
    sizes = {**DEFAULTS, **RUNS[name]}
    made = document(**sizes)
    (folder / "set.pkl").write_bytes(pickle.dumps(made))
    names = {each.tobytes(): path.partition("/")[0] for path, each in made["embeddings"].items()}
    sides: list[list[str]] = []
    steps: list[float] = []

    class Dataset(training.TripletEmbeddingDataset):
        def __init__(self, records: Any) -> None:
            super().__init__(records)
            sides.append(list(dict.fromkeys(names[negative.tobytes()] for _, _, negative in records)))

    class Rates(torch.optim.lr_scheduler.CosineAnnealingLR):
        def step(self, *given: Any) -> None:
            super().step(*given)
            steps.append(self.get_last_lr()[0])

    kept = training.TripletEmbeddingDataset, torch.optim.lr_scheduler.CosineAnnealingLR
    training.TripletEmbeddingDataset, torch.optim.lr_scheduler.CosineAnnealingLR = Dataset, Rates
    try:
        training.train(argparse.Namespace(embeddings=str(folder / "set.pkl"), out=str(folder / name), **sizes))
    finally:
        training.TripletEmbeddingDataset, torch.optim.lr_scheduler.CosineAnnealingLR = kept
    history = json.loads((folder / name / "history.json").read_text())
    best = torch.load(folder / name / "best_head.pt", weights_only=True)
    about = {key: value for key, value in best.items() if key != "state_dict"}
    return {"history": history, "train": sides[0], "validation": sides[1], "rates": steps[1:], "best": about}


def written_here(evaluation: Any, probe: Any, folder: Path) -> dict[str, np.ndarray]:
    """What both readers of the reference make of files that we write, and of a bare and an older state."""
    layers = tiny_merit.arrays(3, TRUE["in_dim"], TRUE["hidden"], TRUE["out_dim"])
    head = ProjectionHead("made", "melody", layers["net.0.weight"], layers["net.0.bias"], layers["net.2.weight"])
    write_merit_head(folder / "head_mel" / "best_head.pt", head, epoch=3, val_loss=1.5, val_acc=0.75)
    for name, state in (("head_rhy", layers), ("head_tim", {"linear.weight": layers["net.2.weight"]})):
        (folder / name).mkdir()
        torch.save({key: torch.from_numpy(value) for key, value in state.items()}, folder / name / "best_head.pt")
    loaded = probe.load_heads(folder, TRUE["in_dim"], "cpu")
    assert loaded["head_tim"] is None, "the older form is refused"
    rows = torch.from_numpy(probes(TRUE["in_dim"]))
    vectors = [loaded[name](rows).detach().numpy() for name in ("head_mel", "head_rhy")]
    (folder / "test.pkl").write_bytes(pickle.dumps(document(**RUNS["true sizes"])))
    given = [
        "--head",
        folder / "head_mel" / "best_head.pt",
        "--test",
        folder / "test.pkl",
        "--out",
        folder / "out.json",
    ]
    sys.argv = ["evaluate.py", *map(str, given)]
    evaluation.main()
    found = json.loads((folder / "out.json").read_text())["head"]
    return {
        "written": np.stack(vectors),
        "written-evaluated": np.array([found["triplet_accuracy"], found["n_triplets"]]),
    }


def main() -> None:
    merit = Path(sys.argv[1])
    sys.path[:0] = [str(merit / "training"), str(merit / "evaluation")]
    training, evaluation, probe = map(importlib.import_module, ("train_head", "evaluate", "probe_eval"))
    arrays = losses(training)
    head = training.ProjectionHead(in_dim=5120, hidden_dim=512, out_dim=128)
    arrays["parameters"] = np.array(sum(part.numel() for part in head.parameters()))
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        runs = {name: run(training, name, folder) for name in RUNS}
        shutil.copyfile(folder / "small" / "best_head.pt", HERE / "reference_head.pt")
        sizes = RUNS["small"]
        own = training.ProjectionHead(sizes["in_dim"], sizes["hidden_dim"], sizes["out_dim"])
        own.load_state_dict(torch.load(HERE / "reference_head.pt", weights_only=True)["state_dict"])
        arrays["reference head"] = own(torch.from_numpy(probes(sizes["in_dim"]))).detach().numpy()
        arrays |= written_here(evaluation, probe, folder)
    (HERE / "golden.json").write_text(json.dumps(runs, indent=1) + "\n")
    np.savez_compressed(HERE / "golden.npz", **arrays)


main()
