"""``research triplets build``: triplets from multitrack recordings, and from scores of our own."""

from __future__ import annotations

import click

from soundalike.cli.shared import HELP


@click.command(context_settings=HELP)
def build() -> None:
    """Build triplets from folders of multitrack recordings."""
