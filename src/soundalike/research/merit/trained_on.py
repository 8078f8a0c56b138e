"""Whether heads are tested on what they learned from, as far as their folder tells."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Final

SIDES: Final = ("train", "validation")
"""What heads learned from, and what the best of their epochs was chosen by."""


def folders_met(
    heads: Path, digests: Mapping[str, str], tested: Mapping[str, Collection[str]]
) -> dict[str, dict[str, int]]:
    """How many of the tested folders of each set the heads have met.

    Parameters
    ----------
    heads : Path
        Folder that `soundalike.research.factor_heads` wrote.
    digests : mapping of str to str
        SHA-256 of the file of each set, by factor.
    tested : mapping of str to collection of str
        Names of the tested folders, by factor.

    Returns
    -------
    dict of str to dict of str to int
        By factor and side of `SIDES`; only of sets that the heads were trained on, file by file. Empty where the
        folder does not tell.
    """
    try:
        sets = json.loads((heads / "run.json").read_text("utf-8"))["sets"]
        sides = json.loads((heads / "split.json").read_text("utf-8"))
        return {
            factor: {side: len(set(names) & set(sides[factor].get(side, ()))) for side in SIDES}
            for factor, names in tested.items()
            if factor in sets and factor in sides and sets[factor]["sha256"] == digests[factor]
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}
