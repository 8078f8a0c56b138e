"""``research stem-search``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from soundalike.cli.shared import HELP, json_option, print_json


@click.command("stem-search", context_settings=HELP)
@click.argument("songs", type=click.Path(exists=True, file_okay=False))
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Folder of recordings, with stems.")
@click.option("--pieces", type=click.IntRange(0), default=24, show_default=True, help="Rendered songs to ask with.")
@click.option("--palette", default="synthesizer", show_default=True, help="Which instruments play them.")
@click.option("--separator", default="embedded", show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--report", type=click.Path(exists=True, file_okay=False), help="Folder whose loops.md to renew.")
@json_option
def stem_search(songs: str, data: str | None, report: str | None, as_json: bool, **wanted: Any) -> None:
    """Measure what samples the stems of songs find, among true stems and loops cut out of the pieces in SONGS.

    Counts how often the right instrument plays in what is found, how far two passages of a song find the same, and how
    often a stem asks that is silent.

    \b
    Example:
      soundalike research stem-search demo --data ~/data --report docs
    """
    from soundalike.research.evaluation.stem_search_report import Plan, run_plan, tables, write_tables

    plan = Plan(Path(songs), Path(data) if data else None, **wanted)
    document = run_plan(plan, report=lambda line: click.echo(line, err=True))
    if report:
        write_tables(Path(report), document)
    if as_json:
        print_json(document)
    elif not report:
        click.echo("\n".join(tables(document)))
