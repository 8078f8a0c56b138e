"""Heads for single factors, trained on embedded triplets: by MERIT's own rules, or by better ones."""

from __future__ import annotations

import importlib.util

from soundalike.errors import MissingExtraError


def require_packages() -> None:
    """Raise `MissingExtraError` unless everything that training needs can be imported."""
    needed = ("matplotlib", "pytorch_metric_learning", "safetensors", "torch")
    if missing := [module for module in needed if importlib.util.find_spec(module) is None]:
        raise MissingExtraError(
            f"Training heads needs {', '.join(missing)}, not installed here.",
            "Install it with: pip install 'soundalike[research]'",
        )
