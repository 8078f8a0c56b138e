"""Folders of triplets built from multitrack recordings; a run that was stopped goes on where it was.

In the folder that is built lie, besides ``triplets_1`` and so on, ``construction.json`` with what decides about them,
``index.jsonl`` with what was measured of every part, and ``failures.jsonl`` with what failed, if anything did.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeAlias

from soundalike.atomic import write_atomically
from soundalike.errors import AudioDecodeError, SoundalikeError, UsageError
from soundalike.locks import locked
from soundalike.research.generation import Generator
from soundalike.research.triplets.conditioned_folders import (
    FOLLOWED,
    Heard,
    choose_anchors,
    draw,
    write_conditioned_folder,
)
from soundalike.research.triplets.index import Failures, Index
from soundalike.research.triplets.material import Material, Plan, Progress, configuration, gather
from soundalike.research.triplets.timbre_folders import timbre_folders, write_timbre_folder
from soundalike.research.triplets.writing import PREFIX, is_written

CONSTRUCTION: Final = "construction.json"
LOCK: Final = ".lock"
PATIENCE: Final = 2.0
"""Seconds to wait for another run in the same folder."""

Bar: TypeAlias = Callable[[str], AbstractContextManager[Progress]]
Write: TypeAlias = Callable[[], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What a run has done.

    Attributes
    ----------
    written, kept : int
        Folders made now, and those that were there.
    measured : int
        Parts that were looked at.
    refused : mapping of str to int
        Parts, and anchors, by the gate that they did not pass.
    failed : mapping of str to str
        Parts, songs and folders that failed, with the reason.
    """

    written: int
    kept: int
    measured: int
    refused: Mapping[str, int]
    failed: Mapping[str, str] = field(default_factory=dict)


def build_triplets(
    plan: Plan,
    root: Path,
    *,
    generator: Generator | None = None,
    jobs: int = 1,
    bar: Bar = lambda verb: nullcontext(lambda done, total: None),
) -> Built:
    """Build the folders of a plan, those that are not there yet.

    Parameters
    ----------
    plan : Plan
    root : Path
        Gets the folders; made if it is not there.
    generator : Generator, optional
        Makes positives and negatives; timbre needs none.
    jobs : int
        Processes that measure parts.
    bar : callable, optional
        From what is being done to a context manager that gives what is told how much is done, and of how much.

    Returns
    -------
    Built

    Raises
    ------
    UsageError
        If there is nothing to build from, the folder holds what another plan has built, or the generator is missing
        or does not follow what it has to.
    StoreLockedError
        If another process builds in the same folder.
    MissingExtraError, CheckpointError
        If measuring, splitting or generating needs what is not here.
    """
    _check_generator(plan, generator)
    if root.resolve().is_relative_to(plan.songs.resolve()):
        raise UsageError(f"'{root}' lies among the songs in '{plan.songs}'.", "Choose a folder outside of it.")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{root}' cannot be made: {error.strerror}.", "Choose another place.") from None
    with locked(root / LOCK, patience=PATIENCE):
        _check_plan(plan, root, generator)
        index, failures = Index(root, configuration(plan)), Failures(root)
        with bar(f"Measuring {plan.factor}") as show:
            material = gather(plan, index, failures, jobs=jobs, progress=show)
        most, folders = _folders(material, root, index, failures, generator, jobs)
        with bar(f"Building {plan.factor}") as show:
            written, kept = _write_all(root, folders, most, failures, show)
        failures.close()
    if not written and not kept and not failures.reasons:
        refused = ", ".join(f"{gate} {count}" for gate, count in (+material.refused).most_common())
        raise UsageError(
            f"None of {material.measured} parts in '{plan.songs}' can be used for {plan.factor}"
            + (f" (refused for {refused})." if refused else "."),
            "Give more songs, or other ones.",
        )
    return Built(written, kept, material.measured, dict((+material.refused).most_common()), failures.reasons)


def _check_generator(plan: Plan, generator: Generator | None) -> None:
    follows = FOLLOWED.get(plan.factor)
    if follows is None:
        return
    if generator is None:
        raise UsageError(
            f"Triplets of {plan.factor} from recordings need a generator.",
            "Name one with --generator, or make them from scores without any: soundalike research triplets render.",
        )
    if follows not in generator.takes:
        raise UsageError(
            f"'{generator.name}' does not follow {follows}, which triplets of {plan.factor} need.",
            "Name another generator, such as jasco.",
        )


def _check_plan(plan: Plan, root: Path, generator: Generator | None) -> None:
    """Refuse to mix folders that were drawn otherwise; keep what they are drawn by."""
    current: dict[str, Any] = {
        **configuration(plan),
        "positives": plan.positives,
        "seed": plan.seed,
        "generator": generator.name if generator else "",
    }
    path = root / CONSTRUCTION
    try:
        before = json.loads(path.read_text("utf-8")) if path.exists() else None
    except (OSError, ValueError):
        before = {}
    other = sorted(name for name in current if before is not None and before.get(name) != current[name])
    if other and any(root.glob(f"{PREFIX}*")):
        raise UsageError(f"'{root}' holds folders built with another {other[0]}.", "Choose another folder for these.")
    if before is None or other:
        write_atomically(path, json.dumps(current, indent=1).encode())


def _folders(
    material: Material, root: Path, index: Index, failures: Failures, generator: Generator | None, jobs: int
) -> tuple[int, Iterator[Write]]:
    """How many folders there will be at most, and what writes each, in the order of their numbers."""
    count = material.plan.count
    if generator is None or material.plan.factor == "timbre":
        found = timbre_folders(material, index, failures, jobs=jobs)
        most = len(material.entries) if count is None else min(count, len(material.entries))
        numbered = enumerate(islice(found, count), start=1)
        return most, (partial(write_timbre_folder, root, number, folder, material) for number, folder in numbered)
    anchors, of_stem = choose_anchors(material)
    total = (count or len(anchors)) if anchors else 0
    heard = Heard(material)

    def write(number: int) -> None:
        drawn = draw(material, anchors, of_stem, number)
        write_conditioned_folder(root, number, drawn, material, generator, heard)

    return total, (partial(write, number) for number in range(1, total + 1))


def _write_all(root: Path, folders: Iterator[Write], most: int, failures: Failures, show: Progress) -> tuple[int, int]:
    """Write folders; one that fails is noted, and the others go on."""
    written = kept = 0
    for number, write in enumerate(folders, start=1):
        if is_written(root / f"{PREFIX}{number}"):
            kept += 1
        else:
            try:
                write()
                written += 1
            except (AudioDecodeError, UsageError) as error:
                failures.add(f"{PREFIX}{number}", str(error))
            except SoundalikeError:
                raise  # something is missing that no other folder would be better for
            except Exception as error:  # noqa: BLE001 - networks raise anything; the ledger says what
                failures.add(f"{PREFIX}{number}", f"Unexpected {type(error).__name__}: {error}")
        show(number, most)
    return written, kept


def tell(built: Built, factor: str, root: Path) -> str:
    """What was built, in a sentence or three."""
    there = f" ({built.kept} of them were there)" if built.kept else ""
    lines = [f"{built.written + built.kept} folders of {factor} are in {root}{there}."]
    if built.refused:
        by_gate = ", ".join(f"{gate} {count}" for gate, count in built.refused.items())
        lines.append(f"Of {built.measured} parts, {sum(built.refused.values())} were refused: {by_gate}.")
    if built.failed:
        first = next(iter(built.failed))
        lines.append(f"{len(built.failed)} failed, such as {first}; failures.jsonl says why.")
    return " ".join(lines)
