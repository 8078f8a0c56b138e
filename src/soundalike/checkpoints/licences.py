"""Licences of checkpoints, and which the user has accepted, kept in ``$SOUNDALIKE_HOME/licences.json``."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any

from soundalike.atomic import write_atomically
from soundalike.checkpoints.table import Checkpoint, checkpoints
from soundalike.errors import LicenceError
from soundalike.home import home


def licences_of(parts: Collection[str]) -> dict[str, str]:
    """Licences, by checkpoint, of the parts that have one, and of what those need."""
    rows = [row for row in checkpoints().values() if row.name in parts]
    rows += [checkpoints()[row.needs] for row in rows if row.needs and row.needs not in parts]
    return {row.name: row.licence + ("" if row.commercial else ", not for commercial use") for row in rows}


def is_accepted(row: Checkpoint) -> bool:
    """Whether nothing has to be accepted for a checkpoint, or it has been: for this checkpoint and this licence."""
    return row.commercial or _read().get(row.name, {}).get("licence") == row.licence


def demand(row: Checkpoint, *, accepted: bool) -> None:
    """Make sure that a checkpoint's licence is accepted, and remember it if it is so now.

    Parameters
    ----------
    row : Checkpoint
    accepted : bool
        Whether the user accepts it by this very command.

    Raises
    ------
    LicenceError
        If it was never accepted.
    """
    if is_accepted(row):
        return
    if not accepted:
        raise LicenceError(
            f"The checkpoint {row.name} is not for commercial use: licence {row.licence}. {row.licence_note}",
            "If that suits you, say so once with --accept-licence.",
        )
    known = _read()
    known[row.name] = {"licence": row.licence, "accepted": datetime.now(UTC).isoformat(timespec="seconds")}
    home().mkdir(parents=True, exist_ok=True)
    write_atomically(home() / "licences.json", json.dumps(known, indent=1).encode())


def _read() -> dict[str, Any]:
    """What was accepted; a file that cannot be read counts as nothing, so that the question is asked again."""
    try:
        found = json.loads((home() / "licences.json").read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return {name: given for name, given in found.items() if isinstance(given, dict)} if isinstance(found, dict) else {}
