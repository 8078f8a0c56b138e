"""``research triplets render``: triplets from scores of our own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from soundalike.cli.shared import HELP, jobs_option


@click.command(context_settings=HELP)
@click.option("--factor", required=True, type=click.Choice(["melody", "rhythm", "timbre", "harmony", "all"]))
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Gets a folder FACTOR_triplets each.")
@click.option("--count", type=click.IntRange(1), default=200, show_default=True, help="Folders of a factor.")
@click.option("--positives", type=click.IntRange(1), default=3, show_default=True, help="Of each folder.")
@click.option("--construction", type=click.Choice(["controlled", "merit"]), default="controlled", show_default=True)
@click.option("--anchors", type=click.IntRange(2), default=40, show_default=True, help="Songs of the latter.")
@click.option("--split", type=click.Choice(["train", "test"]), default="train", show_default=True, help="Whose music.")
@click.option("--palette", default="synthesizer", show_default=True, help="Who plays.")
@click.option("--seconds", "duration", type=click.FloatRange(0.1), default=10.0, show_default=True)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@jobs_option
def render(factor: str, out: str, jobs: int, **how: Any) -> None:
    """Render triplets from scores of our own, which needs no recordings and no generative network.

    \b
    controlled   anchor and positives share the factor and nothing else; one negative shares nothing, one all
                 but the factor
    merit        with the holes of MERIT's own: few anchors that come back, positives of another kind of sound
                 in the anchor's key, tempo and timing, one negative

    Folders that are there are left alone; stopped and called again, it goes on. No music, voice or drum kit
    of the split train is in test.

    \b
    Example:
      soundalike research triplets render --factor all --out triplets/train
      soundalike research triplets render --factor all --out triplets/test --split test --count 80
    """
    from soundalike.cli.display import counting_bar
    from soundalike.research.triplets.rendered import FACTORS, Plan, render_folders

    for name in FACTORS[how["construction"]] if factor == "all" else (factor,):
        plan, root = Plan(name, **how), Path(out) / f"{name}_triplets"
        with counting_bar(f"Rendering {name}") as show:
            render_folders(plan, root, jobs=jobs, progress=show)
        click.echo(f"{plan.count} folders of {name} are in {root}.")
