"""``research train``: factor heads from embedded triplets."""

from __future__ import annotations

import click

from soundalike.cli.shared import HELP


@click.command(context_settings=HELP)
def train() -> None:
    """Train factor heads by a recipe."""
