"""From a recipe to a folder of heads, by one call that goes on where it was stopped.

The folder gets ``heads.safetensors`` for ``soundalike add --heads``, ``history.json`` and ``history.svg``,
``split.json`` with the names of the folders on either side, ``recipe.toml`` with every value, and ``run.json``:
versions, digests of the sets, and the accuracy of the best epochs and of the embedding itself. In the mode "reference"
``merit/head_mel/best_head.pt`` and so on are written besides, as MERIT's own program does.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import platform
import shutil
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import torch

from soundalike.atomic import write_atomically
from soundalike.checkpoints.download import sha256_of
from soundalike.errors import UsageError
from soundalike.frozen import check_device, one_thread
from soundalike.heads.merit_files import ENCODER, MODEL, merit_file, write_merit_head
from soundalike.heads.projection import FILE, ProjectionHead, write_heads
from soundalike.locks import locked
from soundalike.research.factor_heads import require_packages
from soundalike.research.factor_heads.epochs import SAVE_EVERY, Course, Keeping, Progress, Record, run_epochs, seeded
from soundalike.research.factor_heads.examples import Examples, load_examples
from soundalike.research.factor_heads.history import draw_history
from soundalike.research.factor_heads.recipe import TABLES, HeadRecipe, read_recipe
from soundalike.research.factor_heads.reference import ReferenceCourse
from soundalike.research.factor_heads.scaling import untrained_accuracy
from soundalike.research.factor_heads.training import FolderCourse

RUN: Final = "run.json"
STATE: Final = "state"
FORMAT: Final = 1
OURS: Final = (FILE, "history.json", "history.svg", "split.json", "recipe.toml", RUN)


@dataclass(frozen=True, slots=True)
class Trained:
    """A trained head: the best epoch, its record, and all records."""

    head: ProjectionHead
    best_epoch: int
    history: Sequence[Record]

    @property
    def best(self) -> Record:
        """The record of the best epoch."""
        return self.history[self.best_epoch - 1]


def train_heads(
    path: Path,
    out: Path,
    *,
    device: str | None = None,
    fresh: bool = False,
    progress: Progress = lambda told: None,
    save_every: float = SAVE_EVERY,
) -> dict[str, Any]:
    """Train by a recipe; what an earlier call has done is gone on with, and what it has finished is not done again.

    Parameters
    ----------
    path : Path
        Of the recipe.
    out : Path
        Folder to write; made if it is not there.
    device : str, optional
        In place of the recipe's.
    fresh : bool
        Forget what an earlier call has left in the folder.
    progress : callable
        Told of each epoch.
    save_every : float
        Seconds between two writings of what is needed to go on.

    Returns
    -------
    dict
        What ``run.json`` holds.

    Raises
    ------
    UsageError, ShapeError
        If recipe or sets are not sound, or the folder holds what another recipe or other data made.
    StoreLockedError
        If another process is training in the folder.
    MissingExtraError
        If packages are missing.
    """
    require_packages()
    recipe = read_recipe(path, device=device)
    check_device(recipe.device)
    digests = _digests(recipe)
    identity = _identity(recipe, digests)
    known = {} if fresh else _read_run(out)
    _check_folder(out, known, identity)
    if known.get("finished") and (out / FILE).is_file():
        return known
    examples = load_examples(recipe)
    _make_folder(out / STATE)
    with locked(out / STATE / "lock", patience=0.0):
        if fresh:  # only now: a recipe that is not sound must not cost the heads that are there
            _clear(out)
        document = _document(recipe, examples, digests, identity)
        return _train_all(out, recipe, examples, document, progress, save_every)


def _train_all(
    out: Path,
    recipe: HeadRecipe,
    examples: Mapping[str, Examples],
    document: dict[str, Any],
    progress: Progress,
    save_every: float,
) -> dict[str, Any]:
    """Train what is asked for, one network after the other, and write everything."""
    device = check_device(recipe.device)
    _write_json(out / RUN, document)
    _write_json(out / "split.json", {factor: each.names() for factor, each in examples.items()})
    write_atomically(out / "recipe.toml", _with_whole_paths(recipe).to_toml().encode())
    networks = [recipe.factors] if recipe.architecture == "shared" else [(factor,) for factor in recipe.factors]
    trained: dict[str, Trained] = {}
    for factors in networks:
        chosen = {factor: examples[factor] for factor in factors}
        keeping = Keeping(out / STATE / f"{'-'.join(factors)}.pt", document["identity"], save_every)
        trained |= _train_network(chosen, recipe, device, keeping, progress)
    return _write_results(out, recipe, examples, trained, document)


def _train_network(
    examples: Mapping[str, Examples], recipe: HeadRecipe, device: torch.device, keeping: Keeping, progress: Progress
) -> dict[str, Trained]:
    """Train one network for all factors of the examples; its heads by factor."""
    with one_thread() if device.type == "cpu" else nullcontext(), seeded(recipe.seed):
        course: Course
        if recipe.mode == "reference":
            ((factor, only),) = examples.items()
            course = ReferenceCourse(factor, only, recipe, device)
        else:
            course = FolderCourse(examples, recipe, device)
        found = run_epochs(course, recipe, keeping=keeping, progress=progress)
        heads = course.network.heads()
    return {head.factor: Trained(head, found.best_epoch, found.history[head.factor]) for head in heads}


def _with_whole_paths(recipe: HeadRecipe) -> HeadRecipe:
    """The recipe as it can be read from any folder."""
    tables = {name: {f: path.resolve() for f, path in getattr(recipe, name).items()} for name in TABLES}
    return replace(recipe, **tables)  # type: ignore[arg-type]


def _write_results(
    out: Path,
    recipe: HeadRecipe,
    examples: Mapping[str, Examples],
    trained: Mapping[str, Trained],
    document: dict[str, Any],
) -> dict[str, Any]:
    encoder = examples[recipe.factors[0]].triplets.encoder
    if recipe.mode == "reference":
        for factor, each in trained.items():
            _write_reference(out / "merit" / merit_file(factor), each, encoder)
    write_heads(out, [each.head for each in trained.values()], encoder=encoder)
    history = {factor: list(each.history) for factor, each in trained.items()}
    _write_json(out / "history.json", history)
    write_atomically(out / "history.svg", draw_history(history, {f: each.best_epoch for f, each in trained.items()}))
    document = {**document, "finished": True, "best": {factor: each.best for factor, each in trained.items()}}
    _write_json(out / RUN, document)
    shutil.rmtree(out / STATE, ignore_errors=True)
    return document


def _write_reference(path: Path, trained: Trained, encoder: str) -> None:
    """The two files that MERIT's program leaves of each head."""
    # A set of a pickle of theirs has both their names, see `soundalike.research.triplets.pickles`.
    name, _, model = (f"{ENCODER}:{MODEL}" if encoder.startswith("merit@") else encoder).partition(":")
    best = trained.best
    numbers = {"val_loss": best["val_loss"], "val_acc": best["val_acc"]}
    write_merit_head(path, trained.head, encoder=name, model_id=model or encoder, epoch=trained.best_epoch, **numbers)
    write_atomically(path.with_name("history.json"), json.dumps(list(trained.history), indent=2).encode())


def _digests(recipe: HeadRecipe) -> dict[str, dict[str, str]]:
    """SHA-256 of the files that a recipe names."""
    files = {"sets": recipe.sets, "splits": recipe.splits}
    for path in (path for table in files.values() for path in table.values()):
        if not path.is_file():
            raise UsageError(f"'{path}' is not there.", "Name a file of embedded triplets, or of a split, that is.")
    return {name: {factor: sha256_of(path) for factor, path in table.items()} for name, table in files.items()}


def _identity(recipe: HeadRecipe, digests: Mapping[str, Any]) -> str:
    """SHA-256 of everything that the result depends on; not of where it is computed, and where files lie."""
    chosen = {name: value for name, value in recipe.to_json().items() if name != "device"}
    return hashlib.sha256(json.dumps({**chosen, **digests}, sort_keys=True).encode()).hexdigest()


def _document(
    recipe: HeadRecipe, examples: Mapping[str, Examples], digests: Mapping[str, Any], identity: str
) -> dict[str, Any]:
    sets = {
        factor: {
            "file": recipe.sets[factor].name,
            "sha256": digests["sets"][factor],
            "encoder": each.triplets.encoder,
            "dim": each.triplets.dim,
            "train": len(each.train),
            "validation": len(each.validation),
            "silent": each.silent,
            "untrained": untrained_accuracy(each.triplets, each.validation, all_negatives=recipe.mode != "reference"),
        }
        for factor, each in examples.items()
    }
    packages = ("soundalike", "torch", "numpy", "pytorch-metric-learning")
    versions = {"python": platform.python_version(), **{name: _version(name) for name in packages}}
    about = {"format": FORMAT, "identity": identity, "finished": False, "seed": recipe.seed, "device": recipe.device}
    return {**about, "versions": versions, "sets": sets}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:  # run from a folder that was not installed
        return "unknown"


def _read_run(out: Path) -> dict[str, Any]:
    try:
        document: dict[str, Any] = json.loads((out / RUN).read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError):
        document = {}
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise UsageError(f"'{out / RUN}' cannot be read.", "Choose another folder, or begin afresh with --fresh.")
    return document


def _check_folder(out: Path, known: Mapping[str, Any], identity: str) -> None:
    if known and known["identity"] != identity:
        raise UsageError(
            f"'{out}' holds what another recipe or other triplets made.",
            "Choose another folder, or begin afresh with --fresh.",
        )
    if not (out / RUN).exists() and (out / FILE).exists():
        raise UsageError(f"'{out}' holds heads that were not trained here.", "Choose another folder.")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{out}' cannot be made: {error.strerror}.", "Choose another place.") from None


def _clear(out: Path) -> None:
    """Remove what an earlier run has written, and nothing else."""
    if not (out / RUN).is_file():
        return
    shutil.rmtree(out / "merit", ignore_errors=True)
    for state in (out / STATE).glob("*.pt"):
        state.unlink()
    for name in OURS:
        (out / name).unlink(missing_ok=True)


def _write_json(path: Path, document: Any) -> None:
    write_atomically(path, (json.dumps(document, indent=1) + "\n").encode())
