"""``research``: what only a researcher needs."""

from __future__ import annotations

from pathlib import Path

import click

from soundalike.cli.shared import HELP, json_option, print_json


@click.group(context_settings=HELP)
def research() -> None:
    """Measure and make what ships: factor matrices, the demo pack, the heads."""


@research.command(context_settings=HELP)
@click.option("--groups", type=click.IntRange(2), default=60, show_default=True, help="Groups of rendered clips.")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
def evaluate(groups: int, seed: int, as_json: bool) -> None:
    """Print how well each head tells each factor, on held-out rendered pieces.

    Rows are heads, columns are the factor that the positive shares; the negative shares all other
    factors (hard) or nothing (neutral). Intervals are 95 %, by bootstrap over groups.

    \b
    Example:
      soundalike research evaluate --groups 100
    """
    from soundalike.analysis import Analyzer
    from soundalike.research.evaluation import evaluate as run

    result = run(Analyzer().vectors, groups=groups, seed=seed)
    if as_json:
        print_json(result.to_json())
    else:
        click.echo(str(result))


@research.command("demo-pack", context_settings=HELP)
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write.")
@click.option("--seed", type=int, help="Another seed makes other music.  [default: the shipped pack's]")
def demo_pack(out: str, seed: int | None) -> None:
    """Compose and render the demo's 16 pieces.

    \b
    Example:
      soundalike research demo-pack --out demo
    """
    from soundalike.research.demo_pack import SEED, write_demo_pack

    write_demo_pack(Path(out), seed=SEED if seed is None else seed)


@research.command("fit-descriptors", context_settings=HELP)
@click.argument("folders", nargs=-1, required=True, type=click.Path(exists=True, file_okay=False))
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The .npz file to write.")
@click.option("--seed", type=int, default=0, show_default=True)
def fit_descriptors(folders: tuple[str, ...], out: str, seed: int) -> None:
    """Fit the projections of the shipped heads to the audio in FOLDERS and to rendered pieces."""
    from soundalike.research.fit_descriptors import fit_from_folders

    fit_from_folders([Path(folder) for folder in folders], Path(out), seed=seed)
