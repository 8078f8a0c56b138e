"""Measure speed and memory: ``make bench`` or ``python benchmarks/run.py [--quick] [--only NAME] [--out FILE]``.

Prints one JSON document. Machines are noisy, so every figure stands beside a peer or a physical
limit measured in the same run; compare the ratios, not the seconds.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

import adding
import listening
import pretrained
import searching

PARTS = {
    "listening": listening.measure,
    "adding": adding.measure,
    "searching": searching.measure,
    "pretrained": pretrained.measure,
}


def main() -> int:
    """Run the chosen parts."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller sizes, for a first look")
    parser.add_argument("--only", choices=PARTS, action="append", help="only this part; repeat for more")
    parser.add_argument("--out", type=Path, help="also write it to a file; of parts not measured, what is there stays")
    options = parser.parse_args()
    document: dict[str, object] = {
        "machine": {"processor": platform.machine(), "cores": os.cpu_count(), "load": os.getloadavg()[0]}
    }
    if options.only and options.out and options.out.is_file():
        document |= json.loads(options.out.read_text("utf-8"))
    for name in options.only or PARTS:
        print(f"measuring {name} ...", file=sys.stderr)
        document[name] = PARTS[name](quick=options.quick)
    text = json.dumps(document, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
