"""Write docs/benchmarks.md from a document of run.py: ``python benchmarks/page.py results.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

HEAD = """# Speed and memory

Made by `make bench` and `python benchmarks/page.py` on one machine with {cores} cores. Machines are noisy: read the
ratios, which were measured side by side, rather than the seconds.
"""


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    parts = [HEAD.format(cores=document["machine"]["cores"])]
    parts += [listening(document["listening"]), searching(document["searching"]), adding(document["adding"])]
    if "pretrained" in document:
        parts.append(pretrained(document["pretrained"]))
    return "\n".join(parts)


def listening(part: dict[str, Any]) -> str:
    """Analysis and memory."""
    names = {
        "soundalike": "soundalike, all mix facets, tempo, key",
        "decode": "of that: decode, resample, hash",
        "bliss": "bliss, 23 numbers a song",
        "librosa": "librosa, MFCC + chroma + onset strength",
    }
    rows = [
        (text, part["cpu_seconds_per_3_min_mp3"][name], f"{part['ratio_soundalike_to'][name]:.2f}")
        for name, text in names.items()
        if name in part["cpu_seconds_per_3_min_mp3"]
    ]
    memory = [
        (length, *(found.get(name, "") for name in ("soundalike", "bliss")))
        for length, found in part["peak_memory_mb"].items()
    ]
    return (
        "## Listening\n\nA 3-minute stereo MP3, decoding included, one thread.\n\n"
        + table(("", "CPU s", "soundalike takes, as a multiple"), rows)
        + f"\n\nThat is {part['times_real_time_per_core']} times real time on one core.\n\n"
        + "Largest resident memory in MB:\n\n"
        + table(("length", "soundalike", "bliss"), memory)
        + "\n"
    )


def searching(part: dict[str, Any]) -> str:
    """Search by size and weights."""
    rows = []
    for size, found in part["sizes"].items():
        for name, floor in (("one facet", "one_facet"), ("dirichlet 0.3", ""), ("equal", "all_facets")):
            case = found[name]
            limit = found[f"floor_ms_{floor}"] if floor else ""
            numpy = found.get("numpy_float32_ms", "") if name == "equal" else ""
            times = (case["cpu_ms_median"], case["cpu_ms_p95"])
            rows.append((f"{int(size):,}", name, *times, limit, numpy, case["recall_at_10"]))
    heads = ("excerpts", "weights", "CPU ms, median", "p95", "memory's own limit", "numpy float32", "recall@10")
    return (
        f"## Searching\n\n{part['facets']} facets of {part['dim']}, {part['threads']} thread, the best 100 "
        f"rescored in float32. Memory reads {part['memory_gb_per_s']} GB/s in this run; its limit is the time "
        "to read the int8 rows once.\n\n" + table(heads, rows) + "\n"
    )


def adding(part: dict[str, Any]) -> str:
    """Rates of adding and opening."""
    store = part["store"]
    rows = [
        ("one-shots of 0.25 s, listened to and durable, per second", part["one_shots_per_second"]),
        ("unchanged files skipped, per second", part["unchanged_files_per_second"]),
        ("excerpts of 10 facets stored, 20 per transaction, per second", store["excerpts_per_second"]),
        ("transactions per second (the disk's fsync alone)", _beside(store, part)),
        (f"opening {store['excerpts']:,} excerpts and searching, s", store["reopen_and_search_seconds"]),
        ("bytes on disk per excerpt of 10 facets", store["bytes_per_excerpt"]),
    ]
    return "## Adding\n\n" + table(("", ""), rows) + "\n"


def pretrained(part: dict[str, Any]) -> str:
    """Costs of pretrained parts, and what other precisions change."""
    rows, others = [], []
    for name, found in part["parts"].items():
        runs = found["precisions"]
        run = runs["fp32"]
        millions = round(found["parameters"] / 1e6) if found["parameters"] else ""
        seconds = [_whole(runs.get(precision, {}).get("cpu_s_per_minute")) for precision in ("fp32", "onnx", "int8")]
        work = round(run["as_matrix_product_gflop_per_second_of_sound"])
        rows.append((name, millions, *seconds, run["times_real_time"], work, run["memory_mb"], _whole(run["load_s"])))
        others += [_precision_row(name, precision, runs[precision]) for precision in runs if precision != "fp32"]
    loads = [run["load_of_machine"] for found in part["parts"].values() for run in found["precisions"].values()]
    heads = ("", "million parameters", "CPU s a minute", "onnx", "int8", "times real time", "GFLOP a second of sound")
    kinds = ("", "precision", "CPU s a minute", "least cosine to float32", "memory, MB", "to export: s", "MB")
    return (
        PRETRAINED.format(processor=part["processor"], least=min(loads), most=max(loads))
        + table((*heads, "memory, MB", "to load, s"), rows)
        + OTHERS
        + table(kinds, others)
        + "\n"
    )


PRETRAINED = """## Pretrained parts

**Random weights of the true sizes; not run on released weights.** Only the separator "embedded" ships, with its own.
One thread of {processor}, a process each; the machine's load was {least} to {most}, and CPU seconds grow with it.
Encoders hear excerpts of 10 s, separators split half a minute of stereo and write its stems. CPU seconds are for a
minute of sound, without imports and loading; memory is the process's largest, loading included. "GFLOP" is what a plain
float32 matrix product would have computed in the same time in the same process: compare it between machines. Parameters
are all in the files, of which CLAP and MuQ-MuLan need a part for words alone. Empty cells were not measured.

"""

OTHERS = """

Encoders in other precisions. Exporting for onnxruntime happens once for each checkpoint. The cosines are between what
networks of random numbers give, and say nothing of how well released ones still tell music apart.

"""


def _precision_row(name: str, precision: str, run: dict[str, Any]) -> tuple[Any, ...]:
    cosine = f"{run['least_cosine_to_fp32']:.5f}"
    export = (_whole(run.get("export_s")), run.get("export_memory_mb", ""))
    return (name, precision, _whole(run["cpu_s_per_minute"]), cosine, run["memory_mb"], *export)


def _whole(seconds: float | None) -> str:
    """Seconds to two digits at least; nothing for nothing."""
    return "" if seconds is None else f"{seconds:.1f}" if seconds < 10 else f"{seconds:.0f}"


def _beside(store: dict[str, Any], part: dict[str, Any]) -> str:
    return f"{store['transactions_per_second']} ({part['fsync_per_second_of_this_disk']})"


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(Path(sys.argv[1]).read_text())), "utf-8")
