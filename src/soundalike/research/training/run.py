"""From nothing to the embedded encoder's weights, by one command that goes on where it was stopped.

    renders -> transcription net -> drum net -> renders in groups -> embeddings -> heads -> scale and mixture

Everything on the way is kept in a working folder; what is there is not made again. Only renders, own
synthesis, and the folders that are named go in; `factors.json` says which, under which licences.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.encoders.embedded import LAYOUT, EmbeddedEncoder, describe, embedding
from soundalike.errors import UsageError
from soundalike.heads.factors import NAME, Projection, build
from soundalike.matching import measure_background
from soundalike.research.music.material import Material, find_material
from soundalike.research.training.clips import example, training_piece
from soundalike.research.training.folders import Source, facet_vectors, principal_mixing, read_source
from soundalike.research.training.groove_groups import groove_examples
from soundalike.research.training.groups import FACTORS, group_clips, restore
from soundalike.research.training.heads import GroupRows, LabelledRows, Schedule, accuracies, learn, project
from soundalike.research.training.shards import Arrays, make_shards, read_shards

Report = Callable[[str], None]
Progress = Callable[[str, int, int], None]
"""Told what is being made, how many files of it are there, and of how many."""

READS: Final[Mapping[str, tuple[str, str]]] = {
    "melody": ("melody", "melody"),
    "rhythm": ("groove", "rhythm"),
    "groove": ("groove", "groove"),
    "timbre": ("timbre", "timbre"),
    "harmony": ("harmony", "harmony"),
}
"""What of an embedding the learned and the raw part of each head read: rhythm is learned groove and raw tempo."""
WHITENING: Final = {"melody": 0.5, "rhythm": 0.5, "groove": 0.3, "timbre": 0.6, "harmony": 0.6}
"""Exponents of the raw parts."""

SHARE: Final[Mapping[str, float]] = {"rhythm": 0.5, "groove": 0.5, "melody": 0.9, "harmony": 0.9}
"""Learned part of the squared length where accuracy on renders should not decide it: people drum unlike programs, and
the raw statistics of melody and harmony give away the tempo."""
MIXED: Final = {"melody": 0.6, "rhythm": 1.0, "groove": 0.6, "timbre": 1.2, "harmony": 0.8}
"""How much each factor counts in overall."""

DIM: Final = 128
VALIDATION: Final = 250
VALIDATION_GROUPS: Final = 40
CLIPS_PER_FILE: Final = 125
GROUPS_PER_FILE: Final = 10


@dataclass(frozen=True, slots=True)
class Plan:
    """What to train from, and how long.

    Attributes
    ----------
    work : Path
        Working folder.
    drums, songs : Path or None
        Folders of MIDI files, see `soundalike.research.music.material.find_material`.
    clips, groups : int
        How many to render.
    epochs : int
        Of the transcription net.
    scenes, grooves : int
        How many scenes to render for the drum net, and at most how many groups of one groove for its head.
    jobs : int
        Processes.
    device : str
        "cpu" or "cuda", for the transcription net.
    seed : int
        Of everything.
    """

    work: Path
    drums: Path | None = None
    songs: Path | None = None
    clips: int = 12500
    groups: int = 800
    epochs: int = 9
    scenes: int = 3000
    grooves: int = 400
    jobs: int = 2
    device: str = "cpu"
    seed: int = 0

    def material(self, split: Any) -> Material:
        """The scores of one split."""
        return find_material(split, drums=self.drums, songs=self.songs)


def train_embedded(
    plan: Plan,
    folders: Sequence[tuple[Path, str, bool]],
    out: Path,
    *,
    progress: Progress = lambda what, done, of: None,
    report: Report = lambda line: None,
) -> dict[str, Any]:
    """Train everything that is not in the working folder yet, and write the package's weights.

    Parameters
    ----------
    plan : Plan
    folders : sequence of (Path, str, bool)
        Folders of recordings, the licence of what they hold, and whether they are whole tracks: those make the
        background and the mixture of ``overall``; all are what the raw part of the heads is fitted on.
    out : Path
        Package folder: nets are written to ``encoders/embedded`` below it, heads to ``heads``.
    progress, report : callable
        Told what goes on.

    Returns
    -------
    dict
        What was written to ``heads/factors.json``.

    Raises
    ------
    UsageError
        If no folder of whole tracks is given.
    """
    if not any(music for _, _, music in folders):
        raise UsageError("No folder of whole tracks was given.", "Give one: overall and the background need it.")
    train_nets(plan, progress=progress, report=report)
    nets = plan.work / "nets"
    rows = {split: _group_rows(plan, split, nets, progress) for split in ("train", "validation")}
    grooves = groove_examples(_drums(plan), plan.work / "grooves", nets=nets, most=plan.grooves, seed=plan.seed)
    encoder = EmbeddedEncoder(nets)
    sources = [read_source(path, licence, encoder, music=music, jobs=plan.jobs) for path, licence, music in folders]
    arrays, scores = fit_heads(plan, rows["train"], rows["validation"], sources, grooves, report=report)
    document = _document(plan, arrays, sources, scores)
    for name in ("transcription.onnx", "drums.onnx"):
        write_atomically(out / "encoders" / "embedded" / name, (nets / name).read_bytes())
    buffer = BytesIO()
    np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
    write_atomically(out / "heads" / "factors.npz", buffer.getvalue())
    write_atomically(out / "heads" / "factors.json", (json.dumps(document, indent=1) + "\n").encode())
    return document


def train_nets(plan: Plan, *, progress: Progress, report: Report) -> None:
    """Train the nets that are not in the working folder."""
    from soundalike.research.training.drums import train_drums
    from soundalike.research.training.network import export
    from soundalike.research.training.transcription import Schedule as Course
    from soundalike.research.training.transcription import train

    nets = plan.work / "nets"
    nets.mkdir(parents=True, exist_ok=True)
    if not (nets / "transcription.onnx").exists():
        clips = _shards(plan, "clips", plan.clips, CLIPS_PER_FILE, _clip, progress)
        validation = _shards(plan, "clips-validation", VALIDATION, CLIPS_PER_FILE, _clip, progress)
        schedule = Course(epochs=plan.epochs, seed=plan.seed)
        net, _ = train(read_shards(clips), read_shards(validation), schedule, device=plan.device, report=report)
        write_atomically(nets / "transcription.onnx", export(net))
    if not (nets / "drums.onnx").exists():
        train_drums(
            _drums(plan), plan.work / "drums", nets / "drums.onnx", scenes=plan.scenes, seed=plan.seed, report=report
        )


def _drums(plan: Plan) -> Path:
    if plan.drums is None:
        raise UsageError("No folder of drum performances was given.", "Name the Groove MIDI Dataset with --drums.")
    return plan.drums


def _shards(
    plan: Plan, what: str, count: int, size: int, make: Callable[..., Arrays | None], progress: Progress
) -> list[Path]:
    validation = what.endswith("validation")
    material = plan.material("validation" if validation else "train")
    return make_shards(
        plan.work / what,
        partial(make, validation=validation, material=material),
        count,
        size=size,
        jobs=plan.jobs,
        progress=lambda done, of: progress(what, done, of),
    )


def _clip(seed: int, *, validation: bool, material: Material) -> Arrays | None:
    split, palette = ("test", "fonts-other") if validation else ("train", "fonts-train")
    return example(training_piece(seed, split, palette=palette, material=material))  # type: ignore[arg-type]


def _group(seed: int, *, validation: bool, material: Material) -> Arrays:
    split, palette = ("test", "fonts-other") if validation else ("train", "fonts-train")
    return group_clips(seed, split, palette=palette, material=material)  # type: ignore[arg-type]


def _group_rows(plan: Plan, split: str, nets: Path, progress: Progress) -> GroupRows:
    """Embeddings of the groups of one split."""
    what, count = ("groups", plan.groups) if split == "train" else ("groups-validation", VALIDATION_GROUPS)
    files = _shards(plan, what, count, GROUPS_PER_FILE, _group, progress)
    embedded = make_shards(
        plan.work / f"{what}-embedded",
        partial(_embed, files=files, nets=nets),
        len(files),
        size=1,
        jobs=plan.jobs,
        progress=lambda done, of: progress(f"{what}, embedded", done, of),
    )
    rows = read_shards(embedded)
    shape = rows["rows"].shape
    return GroupRows(
        rows["names"][0, 0],
        rows["rows"].reshape(-1, *shape[2:]),
        rows["heard"].reshape(-1, *rows["heard"].shape[2:]),
        rows["tempo"].reshape(-1, shape[2]),
    )


def _embed(index: int, *, files: list[Path], nets: Path) -> Arrays:
    """Embeddings of one file of groups."""
    with np.load(files[index]) as arrays:
        groups = {name: arrays[name] for name in arrays.files}
    count, clips = groups["heard"].shape[:2]
    rows = np.zeros((count, clips, EmbeddedEncoder.dim), np.float32)
    for i in range(count):
        group = {name: values[i] for name, values in groups.items()}
        for j in range(clips):
            rows[i, j] = embedding(describe(restore(group, j), nets=nets)[0])
    return {"rows": rows, **{name: groups[name] for name in ("heard", "names", "tempo")}}


def fit_heads(
    plan: Plan,
    groups: GroupRows,
    validation: GroupRows,
    sources: Sequence[Source],
    grooves: LabelledRows,
    *,
    report: Report,
) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Train all heads and choose how much the learned part counts.

    Parameters
    ----------
    grooves : LabelledRows
        More clips for groove, see `soundalike.research.training.groove_groups`.

    Returns
    -------
    arrays : dict
        What `soundalike.heads.factors.build` takes.
    scores : dict
        Share and validation accuracy of each factor.
    """
    recorded = [np.concatenate(source.tracks) for source in sources]
    components = np.concatenate([*recorded, groups.rows[:, 0]])
    layers, projections, scores = {}, {}, {}
    for factor in ("groove", *(f for f in FACTORS if f != "groove")):
        part, raw = READS[factor]
        if part not in layers:
            examples = groups.examples(factor, LAYOUT[part])
            layers[part] = learn(examples + grooves if part == "groove" else examples, Schedule(seed=plan.seed))
        projection = project(layers[part], LAYOUT[part], components, LAYOUT[raw], exponent=WHITENING[factor])
        found = accuracies(factor, projection, validation)
        share = SHARE.get(factor) or max(found, key=lambda s: sum(found[s]))
        projections[factor] = replace(projection, share=share)
        hard, neutral = found[share]
        scores[factor] = {"share": share, "hard": hard, "neutral": neutral}
        report(f"{factor}: learned part {share:g}; validation hard {100 * hard:.0f} %, neutral {100 * neutral:.0f} %")
    return assemble({factor: projections[factor] for factor in FACTORS}, sources), scores


def assemble(projections: Mapping[str, Projection], sources: Sequence[Source]) -> dict[str, NDArray[Any]]:
    """Arrays of all heads, with the mixture of ``overall`` fitted on whole tracks."""
    arrays: dict[str, NDArray[Any]] = {"in_dim": np.array(EmbeddedEncoder.dim)}
    for factor, projection in projections.items():
        arrays |= projection.arrays(factor)
    dims = [projection.dim for projection in projections.values()]
    shares = np.repeat([MIXED[factor] for factor in projections], dims).astype(np.float32)
    provisional = build({**arrays, "overall.mixing": np.zeros((DIM, len(shares)))})
    music = np.concatenate([track for source in sources if source.music for track in source.tracks])
    joined = np.concatenate([head.project(music) for head in provisional[1:]], axis=1)
    return arrays | {"overall.mixing": principal_mixing(joined, shares, count=DIM)}


def _document(
    plan: Plan, arrays: Mapping[str, NDArray[Any]], sources: Sequence[Source], scores: Mapping[str, Any]
) -> dict[str, Any]:
    """Where the weights come from, how they did on validation, and the background of their cosines."""
    heads = build(arrays)
    music = [facet_vectors(heads, track) for source in sources if source.music for track in source.tracks]
    names = ", ".join(source.name for source in sources if source.music)
    background = measure_background(
        music,
        source=f"shipped with the heads: random pairs of {names}",
        transcriptions=[played for source in sources if source.music for played in source.transcriptions],
        seed=plan.seed,
    )
    if background is None:
        raise UsageError("The folders hold fewer than two whole tracks.", "Give a folder of more music.")
    return {
        "heads": NAME,
        "encoder": EmbeddedEncoder.name,
        "seed": plan.seed,
        "rendered": {"clips": plan.clips, "groups": plan.groups, "epochs": plan.epochs},
        "scores": [str(path.name) for path in (plan.drums, plan.songs) if path],
        "sources": [source.to_json() for source in sources],
        "validation": scores,
        "background": background.to_json(),
    }
