"""``research train-families`` and ``families``: the models that tell which instrument plays, and how well they do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from soundalike.cli.shared import HELP, json_option, print_json


@click.command("train-families", context_settings=HELP)
@click.option("--work", required=True, type=click.Path(file_okay=False), help="Folder for what is made on the way.")
@click.option("--out", required=True, type=click.Path(exists=True, file_okay=False), help="Folder for families.npz.")
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Folder of recordings to learn from too.")
@click.option("--scores", type=click.IntRange(1), default=300, show_default=True, help="Scores to play.")
@click.option("--scenes", type=click.IntRange(1), default=200, show_default=True, help="Mixes to separate.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
def train_families(work: str, out: str, data: str | None, **how: Any) -> None:
    """Train what tells families of instruments apart, and whether a separated stem plays.

    Stopped and called again, it goes on. Wants FluidSynth, the SoundFonts FluidR3 and MuseScore General, and the extra
    `research`. The folder of recordings has the folders oneshots and music.

    \b
    Example:
      soundalike research train-families --work work --data ~/data --out src/soundalike
    """
    from soundalike.research.training.families import Plan
    from soundalike.research.training.families import train_families as run

    plan = Plan(Path(work), Path(data) if data else None, **how)
    run(plan, Path(out), report=lambda line: click.echo(line, err=True))


@click.command(context_settings=HELP)
@click.option("--work", required=True, type=click.Path(file_okay=False), help="Folder for what is rendered on the way.")
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Folder of recordings.")
@click.option("--scores", type=click.IntRange(1), default=60, show_default=True, help="Scores to play.")
@click.option("--scenes", type=click.IntRange(1), default=80, show_default=True, help="Mixes to separate.")
@click.option("--palette", default="fonts-test", show_default=True, help="Which instruments play them.")
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--report", type=click.Path(exists=True, file_okay=False), help="Folder whose families.md to renew.")
@json_option
def families(work: str, data: str | None, report: str | None, as_json: bool, **how: Any) -> None:
    """Measure how well families of instruments are told, and how rightly separated stems are kept.

    \b
    Example:
      soundalike research families --work work --data ~/data --report docs
    """
    from soundalike.research.evaluation.families import Plan, measure
    from soundalike.research.evaluation.families_report import tables, write_tables

    plan = Plan(Path(work), Path(data) if data else None, **how)
    document = measure(plan, report=lambda line: click.echo(line, err=True))
    if report:
        write_tables(Path(report), document)
    if as_json:
        print_json(document)
    elif not report:
        click.echo("\n".join(tables(document)))
