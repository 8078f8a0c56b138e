"""``research triplets``: read, check, split and embed folders of triplets."""

from __future__ import annotations

import click

from soundalike.cli.construction_commands import build
from soundalike.cli.shared import HELP


@click.group(context_settings=HELP)
def triplets() -> None:
    """Make, check, split and embed factor-controlled triplets."""


triplets.add_command(build)
