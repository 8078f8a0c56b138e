"""Write docs/benchmarks.md from a document of run.py: ``python benchmarks/page.py results.json``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "benchmarks.md"

HEAD = """# Speed and memory

Made by `make bench` and `python benchmarks/page.py` from one run on one machine with {cores} cores. Machines are noisy:
read the ratios, which were measured side by side in that run, rather than the seconds.
"""


def page(document: dict[str, Any]) -> str:
    """The whole page."""
    parts = [HEAD.format(cores=document["machine"]["cores"])]
    parts += [listening(document["listening"]), searching(document["searching"]), adding(document["adding"])]
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


def _beside(store: dict[str, Any], part: dict[str, Any]) -> str:
    return f"{store['transactions_per_second']} ({part['fsync_per_second_of_this_disk']})"


def table(heads: tuple[str, ...], rows: list[tuple[Any, ...]]) -> str:
    """A Markdown table."""
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    PAGE.write_text(page(json.loads(Path(sys.argv[1]).read_text())), "utf-8")
