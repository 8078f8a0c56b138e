"""Where libraries, checkpoints and stems live unless another place is named."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """``$SOUNDALIKE_HOME``, else the user's data folder; it need not exist yet."""
    named = os.environ.get("SOUNDALIKE_HOME")
    if named:
        return Path(named).expanduser()
    data = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(data).expanduser() / "soundalike"
