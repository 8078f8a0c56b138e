"""Examples made from seeds in processes and kept in files, so that a run that is stopped goes on where it was."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import as_completed
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.workers import worker_pool

Arrays = dict[str, NDArray[Any]]
Make = Callable[[int], Arrays | None]
"""From a seed to an example, or None where there is none; can be sent to another process."""


def make_shards(
    folder: Path,
    make: Make,
    count: int,
    *,
    size: int,
    jobs: int,
    progress: Callable[[int, int], None] | None = None,
) -> list[Path]:
    """Make examples 0 to `count` - 1, those that are not there yet.

    Parameters
    ----------
    folder : Path
        One file per `size` examples; a file is complete or not there.
    make : Make
    count, size : int
    jobs : int
        Processes.
    progress : callable, optional
        Told how many files are there, and of how many.

    Returns
    -------
    list of Path
        The files, in order of seeds.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {first: folder / f"{first:07d}.npz" for first in range(0, count, size)}
    missing = {first: path for first, path in paths.items() if not path.exists()}
    done = len(paths) - len(missing)
    with worker_pool(jobs) as pool:
        running = [
            pool.submit(_make_shard, path, make, range(first, min(first + size, count)))
            for first, path in missing.items()
        ]
        for future in as_completed(running):
            future.result()
            done += 1
            if progress is not None:
                progress(done, len(paths))
    return list(paths.values())


def _make_shard(path: Path, make: Make, seeds: range) -> None:
    examples = [example for seed in seeds if (example := make(seed)) is not None]
    buffer = BytesIO()
    if examples:
        np.savez(buffer, **{name: np.stack([e[name] for e in examples]) for name in examples[0]})  # type: ignore[arg-type]
    else:
        np.savez(buffer)
    write_atomically(path, buffer.getvalue())


def read_shards(paths: list[Path]) -> Arrays:
    """All examples, stacked: at least one."""
    parts = list(_read(paths))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _read(paths: list[Path]) -> Iterator[Arrays]:
    for path in paths:
        with np.load(path) as arrays:
            if arrays.files:
                yield {name: arrays[name] for name in arrays.files}
