"""``research beats``."""

from __future__ import annotations

from pathlib import Path

import click

from soundalike.cli.shared import HELP, json_option, print_json


@click.command(context_settings=HELP)
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Folder with groove_midi and pop909.")
@click.option("--demo", type=click.Path(exists=True, file_okay=False), help="Folder of the demo pack.")
@click.option("--count", type=click.IntRange(1), default=60, show_default=True, help="Pieces of each kind.")
@json_option
def beats(data: str | None, demo: str | None, count: int, as_json: bool) -> None:
    """Measure how well beats and bars are found where they are known; librosa stands beside where it is installed.

    \b
    Example:
      soundalike research beats --data ~/data --demo demo
    """
    from soundalike.research.evaluation.beats import measure_all, tables

    document = measure_all(Path(data) if data else None, Path(demo) if demo else None, count=count)
    if as_json:
        print_json(document)
    else:
        click.echo("\n".join(tables(document)))
