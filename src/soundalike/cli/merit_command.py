"""``research merit``: the tables of MERIT, as it measures them and by a stricter protocol."""

from __future__ import annotations

import click

from soundalike.cli.shared import HELP


@click.command(context_settings=HELP)
def merit() -> None:
    """Reproduce MERIT's tables by a recipe."""
