"""Make ``golden.json`` and ``golden.npz`` with the authors' own program; not part of the tests.

In an environment with Python 3.11, torch 2.13.0 (CPU) and numpy 2.4.6::

    PYTHONPATH=tests/parity/merit_evaluation python tests/parity/merit_evaluation/make_golden.py MERIT

where MERIT is a checkout of github.com/AMAAI-Lab/MERIT, commit aa0039b, whose functions ``load_test_records``,
``eval_with_head`` and ``eval_raw_cosine`` (evaluation/evaluate.py), ``_raw_cosine_accuracy`` (training/train_head.py),
``triplet_accuracy``, ``load_heads``, ``project_all``, ``run_probe_A``, ``run_probe_B``, ``run_probe_C`` and
``run_probe_M`` (evaluation/probe_eval.py) give tables, vectors and probes.
"""

from __future__ import annotations

import importlib
import json
import pickle
import sys
import tempfile
from pathlib import Path

import evaluation_inputs as inputs
import numpy as np
import torch

EVERY = tuple(inputs.FACTORS)


def main() -> None:
    sys.path[:0] = [str(Path(sys.argv[1]) / folder) for folder in ("evaluation", "training")]
    evaluate, probe, train = (importlib.import_module(name) for name in ("evaluate", "probe_eval", "train_head"))
    golden: dict[str, object] = {}
    vectors: dict[str, np.ndarray] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        heads = {
            missing: write_heads(folder / (missing or "all"), [f for f in EVERY if f != missing])
            for missing in (None, "rhythm")
        }
        alone = write_heads(folder / "alone", ["timbre"])
        loaded = {name or "all": probe.load_heads(path, inputs.DIM, "cpu") for name, path in heads.items()}
        loaded["alone"] = probe.load_heads(alone, inputs.DIM, "cpu")
        for kind in inputs.KINDS:
            for factor in inputs.FACTORS:
                path = folder / f"{kind}-{factor}.pkl"
                path.write_bytes(pickle.dumps(inputs.triplet_pickle(factor, kind)))
                records = evaluate.load_test_records(path)[0]
                golden[f"matrix/{kind}/raw/{factor}"] = evaluate.eval_raw_cosine(records, 4096, "cpu")
                golden[f"before training/{kind}/{factor}"] = train._raw_cosine_accuracy(records)
                unit = [tuple(row / (np.linalg.norm(row) + 1e-9) for row in record) for record in records]
                golden[f"probe/{kind}/{factor}"] = probe.triplet_accuracy(unit)
                for head, file in inputs.FACTORS.items():
                    model = evaluate.ProjectionHead(inputs.DIM)
                    model.load_state_dict({n: torch.from_numpy(v) for n, v in inputs.layers(head).items()})
                    golden[f"matrix/{kind}/{head}/{factor}"] = evaluate.eval_with_head(model, records, 4096, "cpu")
                    assert file in loaded["all"]
            golden[f"probe M/{kind}"] = probe.run_probe_M(folder / f"{kind}-melody.pkl", loaded["all"], "cpu")
        corpora = {"classes": inputs.classes(), "stems": inputs.stems(), "covers": inputs.covers()}
        for name, those in loaded.items():
            projected = {corpus: probe.project_all(found, those, "cpu") for corpus, found in corpora.items()}
            golden[f"probe B/classes/{name}"] = probe.run_probe_B(projected["classes"])
            golden[f"probe B/excluded/{name}"] = probe.run_probe_B(projected["classes"], exclude_classes=["Rumba"])
            golden[f"probe B/stems/{name}"] = probe.run_probe_B(
                projected["stems"], label_extractor=probe._musdb18_stem_from_path, exclude_classes=["mixture"]
            )
            if name != "alone":  # the program stops with an error where there is nothing to fuse
                golden[f"probe C/{name}"] = probe.run_probe_C(projected["covers"], corpora["covers"])
            for row, found in projected["classes"].items():
                if found:
                    vectors[f"{name}/{row}"] = np.stack([found[path] for path in corpora["classes"]])[
                        :: inputs.EVERY_NTH
                    ]
        table = folder / "tags.tsv"
        table.write_text("".join(f"{track}\t" + "\t".join(own) + "\n" for track, own in inputs.tags().items()))
        tagged = inputs.tagged()
        golden["probe A"] = probe.run_probe_A(probe.project_all(tagged, loaded["rhythm"], "cpu"), tagged, table)
    here = Path(__file__).parent
    (here / "golden.json").write_text(json.dumps(golden, indent=1, default=list) + "\n")
    np.savez_compressed(here / "golden.npz", **vectors)


def write_heads(folder: Path, factors: list[str]) -> Path:
    for factor in factors:
        path = folder / inputs.FACTORS[factor]
        path.mkdir(parents=True)
        state = {name: torch.from_numpy(layer) for name, layer in inputs.layers(factor).items()}
        torch.save({"state_dict": state}, path / "best_head.pt")
    return folder


main()
