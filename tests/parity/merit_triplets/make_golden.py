"""Make ``golden.json`` and the pickles beside it with the authors' own programs; not part of the tests.

In an environment with Python 3.11, torch 2.13.0 (CPU), numpy 2.4.6 and soundfile 0.14.0::

    PYTHONPATH=tests/parity/merit_triplets python tests/parity/merit_triplets/make_golden.py MERIT

where MERIT is a checkout of github.com/AMAAI-Lab/MERIT, commit aa0039b. Called are ``_load_records`` and ``train``
(training/train_head.py, for no epoch), ``load_test_records`` (evaluation/evaluate.py), ``make_split``
(data_pipeline/create_split.py), and ``_collect_triplets``, ``_unique_paths``, ``_load_mono`` and ``main``
(training/extract_embeddings.py). The last imports torchaudio, for which a module stands that reads files by soundfile
and has no resampler: what it gives in its place has the length that torchaudio documents, and no sound is compared.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import math
import pickle
import sys
import tempfile
import types
from itertools import chain
from pathlib import Path

import numpy as np
import soundfile
import torch
import triplet_inputs as inputs

HERE = Path(__file__).parent


def main() -> None:
    merit = Path(sys.argv[1])
    sys.path[:0] = [str(merit / part) for part in ("training", "evaluation", "data_pipeline")]
    sys.modules["torchaudio"] = torchaudio()
    extract, train, evaluate, split = map(
        importlib.import_module, ("extract_embeddings", "train_head", "evaluate", "create_split")
    )
    golden: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        golden["expanded"] = expansion(train, evaluate, place, inputs.expanded())
        golden["published"] = sum(map(len, expansion(train, evaluate, place, inputs.published())))
        golden["inner"] = [inner(train, place, *case) for case in inputs.INNER]
        golden["split"] = [folder_split(split, place, *case) for case in inputs.SPLIT]
        root = inputs.make_tree(place / "tree")
        found = extract._collect_triplets(root)
        golden["collected"] = within(root, found)
        golden["unique"] = within(root, extract._unique_paths(found))
        golden["allowed"] = within(root, extract._collect_triplets(root, set(inputs.ALLOWED)))
        golden["shards"] = {count: shards(extract, root, place, count) for count in inputs.SHARDS}
        golden["audio"] = [audio(extract, place, *case) for case in inputs.CLIPS]
        pickles(extract, place)
    (HERE / "golden.json").write_text(json.dumps(golden, indent=None))


def torchaudio() -> types.ModuleType:
    module = types.ModuleType("torchaudio")

    def load(path: str) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T.copy()), rate

    def resample(samples: torch.Tensor, rate: int, other: int) -> torch.Tensor:
        return torch.ones(math.ceil(len(samples) * other / rate))

    module.load, module.functional = load, types.SimpleNamespace(resample=resample)
    return module


def saved(place: Path, document: dict[str, object]) -> Path:
    path = place / "some.pkl"
    path.write_bytes(pickle.dumps(document, protocol=4))
    return path


def expansion(train, evaluate, place, document) -> list[list[list[int]]]:
    groups, *_ = train._load_records(saved(place, document))
    numbers = [[[int(row[0]) for row in triple] for triple in group] for group in groups]
    flat, *_ = evaluate.load_test_records(place / "some.pkl")
    assert [[int(row[0]) for row in triple] for triple in flat] == list(chain(*numbers))
    return numbers


def inner(train, place, folders, fraction, seed) -> list[str]:
    """Digests of the anchors' order on either side; the data sets are made for training, then for validation."""
    seen: list[list[int]] = []
    plain = train.TripletEmbeddingDataset
    train.TripletEmbeddingDataset = lambda records: seen.append([int(r[0][0]) for r in records]) or plain(records)
    options = argparse.Namespace(
        embeddings=saved(place, inputs.single(folders)), out=place / "out", seed=seed, val_split=fraction, epochs=0,
        batch_size=4, hidden_dim=2, out_dim=2, margin=0.2, lr=1e-3, patience=0,
    )  # fmt: skip
    train.train(options)
    train.TripletEmbeddingDataset = plain
    return [digest([str(anchor // 3) for anchor in side]) for side in seen]


def folder_split(split, place, folders, fraction, seed) -> dict[str, object]:
    root = place / f"split-{folders}"
    for i in range(1, folders + 1):
        (root / f"triplets_{i}").mkdir(parents=True, exist_ok=True)
    found = split.make_split(root, fraction, seed)
    return {side: [len(names), digest(names)] for side, names in found.items()}


def digest(names) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def within(root: Path, found: object) -> object:
    return json.loads(json.dumps(found).replace(f"{root}/", ""))


def run(extract, root, out, *options) -> list[str]:
    """Paths that the program would embed; an embedding is drawn with the path's bytes as seed."""
    asked: list[str] = []

    def fake(paths, *_):
        asked.extend(within(root, paths))
        draw = {path: np.random.default_rng(list(within(root, [path])[0].encode())) for path in paths}
        return {path: rng.standard_normal(6).astype(np.float32) for path, rng in draw.items()}, 6

    extract._extract_mert = fake
    sys.argv = ["x", "--encoder", "mert", "--triplets-dir", str(root), "--out", str(out), "--device", "cpu", *options]
    extract.main()
    return asked


def shards(extract, root, place, count) -> list[list[str]]:
    return [run(extract, root, place / "shard.pkl", "--shard", f"{i}/{count}") for i in range(count)]


def audio(extract, place, rate, channels, samples) -> list[object]:
    """Length, first sample of the padding, and of what is not resampled the digest of all."""
    path = place / "sound.wav"
    soundfile.write(path, inputs.sound(rate, channels, samples), rate, subtype="PCM_16")
    found = extract._load_mono(str(path), 24000)
    sounding = int(np.flatnonzero(found)[-1]) + 1
    return [len(found), sounding, hashlib.sha256(found.tobytes()).hexdigest() if rate == 24000 else None]


def pickles(extract, place) -> None:
    """One of everything, one of a part of a split, and two shards, with neutral paths."""
    root = place / "tree"
    split = place / "split.json"
    split.write_text(json.dumps({"train": ["triplets_1", "triplets_2"], "test": ["triplets_10"]}))
    part = ["--split-file", str(split), "--split-partition", "train"]
    for name, options in {
        "all.pkl": [],
        "train.pkl": part,
        "train_0.pkl": [*part, "--shard", "0/2"],
        "train_1.pkl": [*part, "--shard", "1/2"],
    }.items():
        run(extract, root, place / name, *options)
        document = pickle.loads((place / name).read_bytes())
        for key in ("embeddings", "triplets"):
            document[key] = renamed(document[key], str(root))
        (HERE / name).write_bytes(pickle.dumps(document, protocol=4))


def renamed(found, root):
    if isinstance(found, dict):
        return {renamed(key, root): renamed(value, root) for key, value in found.items()}
    if isinstance(found, list):
        return [renamed(each, root) for each in found]
    return found.replace(root, "triplets/melody_triplets") if isinstance(found, str) else found


main()
