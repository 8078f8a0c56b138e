"""The packages that pretrained models need, and the sentence for those who have not installed them."""

from __future__ import annotations

import importlib.util

from soundalike.errors import MissingExtraError


def require(*modules: str) -> None:
    """Raise `MissingExtraError` unless all modules, which the extra ``models`` installs, can be imported."""
    missing = [module for module in modules if importlib.util.find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"Pretrained models need {', '.join(missing)}, not installed here.",
            "Install it with: pip install 'soundalike[models]'",
        )
