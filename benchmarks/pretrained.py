"""Pretrained parts: CPU seconds for a minute of sound, memory and loading, each in a process of its own, one thread.

The networks have their true sizes and random weights (see `true_size`). Beside each stands what the same process makes
of a plain matrix product in float32, so that figures of different machines can be compared.

``python benchmarks/pretrained.py [--quick] [--precisions NAMES] [--only NAME]`` measures into ``results.json``;
``--write-costs`` measures nothing, but writes what that holds to the package's table of costs, which ``soundalike
models`` shows.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from listening import ONE_THREAD

RESULTS = Path(__file__).with_name("results.json")
COSTS = Path(__file__).parents[1] / "src" / "soundalike" / "checkpoints" / "costs.json"

PRECISIONS = ("onnx", "int8")
"""Besides float32. Not bf16, which takes minutes where processor or library convolve slowly in it."""

EXCERPT = 10.0
"""Seconds."""

NOT_HERE = 77
"""What a process returns that lacks a package, or whose part refuses the precision."""


def measure(*, quick: bool, parts: Iterable[str] = (), precisions: Iterable[str] | None = None) -> dict[str, object]:
    """Measure `parts`, or all, in float32 and in `precisions`; by default in `PRECISIONS` unless it has to be quick."""
    from true_size import ENCODERS, SEPARATORS

    if precisions is None:
        precisions = () if quick else PRECISIONS
    found: dict[str, Any] = {}
    for name in [*parts] or [*ENCODERS, *SEPARATORS, "embedded"]:
        print(f"measuring {name} ...", file=sys.stderr)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "checkpoint"
            if maker := {**ENCODERS, **SEPARATORS}.get(name):
                try:
                    maker(folder)
                except ImportError:
                    continue
            if name in ENCODERS:
                runs = _encoder(name, Path(place), quick, precisions)
            else:
                runs = _separator(name, Path(place), quick)
            if "fp32" in runs:
                kind = "encoder" if name in ENCODERS else "separator"
                found[name] = {"kind": kind, "parameters": _parameters(folder), "precisions": runs}
    return {"threads": 1, "cores": os.cpu_count(), "processor": _processor(), "parts": found}


def _encoder(name: str, place: Path, quick: bool, others: Iterable[str]) -> dict[str, Any]:
    """An encoder in float32 and in those of the other precisions that it has."""
    runs: dict[str, Any] = {}
    rows: dict[str, np.ndarray] = {}
    for precision in ("fp32", *others):
        exported = precision in ("onnx", "int8")
        # Exporting happens once and takes more memory than running, so it has a process of its own.
        first = _run(place, name=name, kind="encoder", precision=precision, excerpts=0) if exported else None
        excerpts = 2 if quick else 6 if precision == "fp32" else 3
        run = _run(place, name=name, kind="encoder", precision=precision, excerpts=excerpts)
        if run is None:
            continue
        rows[precision] = np.load(place / "rows.npy")
        if first is not None:
            run |= {"export_s": first["first_s"], "export_memory_mb": first["memory_mb"]}
        if precision != "fp32":
            run["least_cosine_to_fp32"] = round(float(_cosines(rows[precision], rows["fp32"]).min()), 7)
        runs[precision] = run
    return runs


def _separator(name: str, place: Path, quick: bool) -> dict[str, Any]:
    run = _run(place, name=name, kind="separator", precision="fp32", excerpts=1 if quick else 3)
    return {} if run is None else {"fp32": run}


def _cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each row with its counterpart; there may be more of `others`."""
    others = others[: len(some)]
    lengths = np.linalg.norm(some, axis=1) * np.linalg.norm(others, axis=1)
    return (some.astype(np.float64) * others).sum(1) / lengths


def _run(place: Path, **job: Any) -> dict[str, Any] | None:
    """Measure in a process of its own; None if a package is missing or the part refuses."""
    command = [sys.executable, __file__, "--job", json.dumps({**job, "place": str(place)})]
    environment = {**os.environ, **ONE_THREAD, "SOUNDALIKE_HOME": str(place / "home")}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode == NOT_HERE:
        print(result.stderr.strip(), file=sys.stderr)
        return None
    if result.returncode:
        raise RuntimeError(result.stderr)
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _child(job: dict[str, Any]) -> int:
    """Load, hear one excerpt to warm up, then measure; imports are not counted."""
    from soundalike.errors import SoundalikeError

    place = Path(job["place"])
    if (place / "checkpoint").exists():
        _import_libraries()
    begun = time.perf_counter()
    try:
        part = _load(job, place / "checkpoint")
    except (SoundalikeError, ImportError, FileNotFoundError) as reason:
        print(f"{job['name']} {job['precision']}: {reason}", file=sys.stderr)
        return NOT_HERE
    found: dict[str, Any] = {"load_s": round(time.perf_counter() - begun, 2)}
    work = _encode if job["kind"] == "encoder" else _separate
    begun = time.perf_counter()
    work(part, place, 1, first=100)()
    found["first_s"] = round(time.perf_counter() - begun, 2)
    if job["excerpts"]:
        found |= _timed(work(part, place, job["excerpts"], first=0), job["excerpts"] * EXCERPT)
    print(json.dumps({"memory_mb": _peak_mb(), **found}))
    return 0


def _timed(work: Callable[[], object], seconds: float) -> dict[str, float]:
    """CPU seconds and memory, beside the matrix product right after, which may be the first to import torch."""
    begun = time.process_time()
    work()
    spent = time.process_time() - begun
    memory = _peak_mb()
    rate = _matrix_rate()
    return {
        "memory_mb": memory,
        "seconds_of_sound": seconds,
        "cpu_s_per_minute": round(spent / seconds * 60, 3),
        "times_real_time": round(seconds / spent, 2),
        "matrix_product_gflop_per_s": round(rate, 1),
        "as_matrix_product_gflop_per_second_of_sound": round(spent * rate / seconds, 2),
        "load_of_machine": round(os.getloadavg()[0], 1),
    }


def _matrix_rate() -> float:
    """Billions of multiplications and additions a second of CPU, of float32 matrices."""
    import torch

    torch.set_num_threads(1)
    size, times = 1024, 20
    one, other = torch.rand(size, size), torch.rand(size, size)
    torch.mm(one, other)
    begun = time.process_time()
    for _ in range(times):
        torch.mm(one, other)
    return times * 2 * size**3 / (time.process_time() - begun) / 1e9


def _import_libraries() -> None:
    import torch  # noqa: F401

    with contextlib.suppress(ImportError):
        import transformers  # noqa: F401


def _load(job: dict[str, Any], checkpoint: Path) -> Any:
    from soundalike.encoders import load_encoder
    from soundalike.separators import load_separator

    if job["kind"] == "encoder":
        precision = None if job["precision"] == "fp32" else job["precision"]
        return load_encoder(job["name"], checkpoint=checkpoint, precision=precision)
    return load_separator(job["name"], checkpoint=checkpoint if checkpoint.exists() else None)


def _parameters(checkpoint: Path) -> int | None:
    """Numbers in the files of a checkpoint, those that only words or training need too; None if there is none."""
    if not checkpoint.exists():
        return None
    from safetensors import safe_open

    count = 0
    for path in checkpoint.glob("*.safetensors"):
        with safe_open(path, "numpy") as file:
            count += sum(math.prod(file.get_slice(name).get_shape()) for name in file.keys())  # noqa: SIM118
    return count


def _encode(part: Any, place: Path, excerpts: int, *, first: int) -> Callable[[], object]:
    """Embed excerpts one after the other, as tracks are listened to; the rows are kept for comparison."""
    from soundalike.audio import Clip

    clips = [Clip(music(part.sample_rate, EXCERPT, first + i)[:1], part.sample_rate) for i in range(excerpts)]

    def work() -> None:
        np.save(place / "rows.npy", np.concatenate([part.encode([clip]) for clip in clips]))

    return work


def _separate(part: Any, place: Path, excerpts: int, *, first: int) -> Callable[[], object]:
    """Split a file of the length of so many excerpts, whose stems are written to the disk."""
    rate, file = 44100, place / f"{first}.wav"
    samples = np.concatenate([music(rate, EXCERPT, first + i) for i in range(excerpts)], axis=1)
    soundfile.write(file, samples.T, rate)

    def work() -> None:
        with part.files(str(file)) as stems:
            assert len(stems) == len(part.stems)

    return work


def music(rate: int, seconds: float, seed: int) -> np.ndarray:
    """Notes, clicks and a little noise: float32 (2, n)."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(rate * seconds)) / rate
    steps = rng.integers(0, 24, size=64)[np.minimum((time * rng.uniform(2, 6)).astype(int), 63)]
    phase = 2 * np.pi * np.cumsum(rng.uniform(60, 300) * 2.0 ** (steps / 12.0)) / rate
    clicks = np.exp(-30.0 * (time % rng.uniform(0.2, 0.7))) * rng.standard_normal((2, len(time)))
    samples = 0.3 * np.sin(phase) + 0.15 * np.sin(3 * phase) + 0.2 * clicks
    return (samples + 0.003 * rng.standard_normal((2, len(time)))).astype(np.float32)


def _peak_mb() -> int:
    """Largest resident memory of this program so far; not getrusage, which remembers the parent's."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "unknown"


def merge(document: dict[str, Any], part: dict[str, Any]) -> None:
    """Put newly measured parts into a document of run.py beside those that it has."""
    known = document.get("pretrained", {}).get("parts", {})
    document["pretrained"] = {**part, "parts": {**known, **part["parts"]}}


def write_costs(document: dict[str, Any]) -> None:
    """Write the package's table of costs.

    Only parts with a checkpoint are in it: the separator that ships has the name of an encoder, whose time it is not.
    """
    from true_size import ENCODERS, SEPARATORS

    measured = document["pretrained"]["parts"]
    costs = {}
    for name in (*ENCODERS, *SEPARATORS):
        if name in measured:
            run = measured[name]["precisions"]["fp32"]
            costs[name] = {
                "cpu_s_per_minute": round(run["cpu_s_per_minute"], 1),
                "memory_mb": round(run["memory_mb"], -1),
            }
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(cost)}" for name, cost in costs.items())
    COSTS.write_text(f"{{\n{rows}\n}}\n", "utf-8")


def main() -> int:
    """Measure, or write the table of costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer excerpts, float32 alone")
    parser.add_argument("--precisions", nargs="*", metavar="NAME", help="of encoders besides float32  [onnx int8]")
    parser.add_argument("--only", action="append", default=[], metavar="NAME", help="this part; repeat for more")
    parser.add_argument("--write-costs", action="store_true", help="write what was measured into the package")
    parser.add_argument("--job", type=json.loads, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.job:
        return _child(options.job)
    document = json.loads(RESULTS.read_text("utf-8"))
    if options.write_costs:
        write_costs(document)
        return 0
    merge(document, measure(quick=options.quick, parts=options.only, precisions=options.precisions))
    RESULTS.write_text(json.dumps(document, indent=1) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
