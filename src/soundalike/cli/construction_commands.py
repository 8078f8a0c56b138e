"""``research triplets build``: triplets from multitrack recordings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from soundalike.cli.shared import HELP, refuse_empty

PARTLY = 3
"""Exit code: finished, but something failed."""


@click.command(context_settings=HELP)
@click.argument("songs", type=click.Path(exists=True, file_okay=False))
@click.option("--factor", required=True, type=click.Choice(["melody", "rhythm", "timbre", "harmony"]))
@click.option("--out", required=True, type=click.Path(file_okay=False), callback=refuse_empty, help="Gets the folders.")
@click.option("--count", type=click.IntRange(1), help="Folders; anchors come back in turn.  [default: one per anchor]")
@click.option("--positives", type=click.IntRange(1), default=5, show_default=True, help="Of each folder.")
@click.option(
    "--layout",
    type=click.Choice(["moisesdb", "musdb", "slakh", "exports", "mixes"]),
    help="How SONGS are laid out.  [default: found out]",
)
@click.option("--separator", callback=refuse_empty, help="Splits songs that are mixes: embedded, demucs, ...")
@click.option("--generator", callback=refuse_empty, help="Makes what follows a condition: jasco, musicgen-melody.")
@click.option("--checkpoint", type=click.Path(exists=True), callback=refuse_empty, help="Of the generator.")
@click.option("--device", help="Where the generator computes, such as cuda.")
@click.option("--style", type=click.Choice(["default", "reference"]), default="default", show_default=True)
@click.option("--seconds", type=click.FloatRange(0.5, 30), default=10.0, show_default=True, help="Per clip.")
@click.option("--seed", type=click.IntRange(0), default=1234, show_default=True)
@click.option("--limit", type=click.IntRange(1), help="Take only so many songs.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes that measure parts.")
def build(
    songs: str,
    factor: str,
    out: str,
    generator: str | None,
    checkpoint: str | None,
    device: str | None,
    jobs: int,
    **how: Any,
) -> None:
    """Build triplets of a factor from multitrack recordings in SONGS.

    \b
    moisesdb, musdb, slakh   the data sets as released
    exports                  a folder of sound files per song, called after what plays
    mixes                    whole songs, split by --separator

    \b
    reference    as MERIT's program builds them: anchor and negative recorded, positives generated
    default      without its holes: a generated negative with the words of a positive, a recorded positive, and
                 conditions in other keys and tempi

    Timbre needs no generator, and harmony has only the style default. Folders that are there are left alone;
    stopped and called again, it goes on. What failed is in failures.jsonl.

    \b
    Example:
      soundalike research triplets build moisesdb --factor timbre --out timbre_triplets
      soundalike research triplets build moisesdb --factor melody --generator jasco --checkpoint ~/jasco/bin/python \\
        --count 5000 --out melody_triplets
    """
    from soundalike.cli.display import counting_bar
    from soundalike.errors import UsageError
    from soundalike.research.generation import load_generator
    from soundalike.research.triplets.construction import build_triplets, tell
    from soundalike.research.triplets.material import Plan

    if generator is None and (checkpoint or device):
        raise UsageError("A checkpoint or device was given for no generator.", "Name one with --generator.")
    if generator is not None and factor == "timbre":
        raise UsageError(
            f"Triplets of timbre were to be made by '{generator}'.", "Leave --generator out: they need none."
        )
    how |= {name: how[name] or "" for name in ("layout", "separator")}
    plan = Plan(Path(songs), factor, **how)
    maker = load_generator(generator, checkpoint=checkpoint, device=device) if generator else None
    built = build_triplets(plan, Path(out), generator=maker, jobs=jobs, bar=counting_bar)
    click.echo(tell(built, factor, Path(out)))
    if built.failed:
        raise click.exceptions.Exit(PARTLY)
