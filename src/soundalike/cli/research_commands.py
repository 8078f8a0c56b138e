"""``research``: what only a researcher needs."""

from __future__ import annotations

from pathlib import Path

import click

from soundalike.cli.shared import HELP, json_option, print_json
from soundalike.errors import UsageError


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
    from soundalike.cli.display import counting_bar
    from soundalike.research.evaluation import evaluate as run

    with counting_bar("Rendering and listening") as show:
        result = run(Analyzer().vectors, groups=groups, seed=seed, progress=show)
    if as_json:
        print_json(result.to_json())
    else:
        click.echo(str(result))


@research.command("self-retrieval", context_settings=HELP)
@click.argument("folder", type=click.Path(exists=True, file_okay=False))
@click.option("--seconds", type=click.FloatRange(0.05), default=15.0, show_default=True, help="Longest piece.")
@click.option("--seed", type=int, default=0, show_default=True)
@json_option
def self_retrieval(folder: str, seconds: float, seed: int, as_json: bool) -> None:
    """Cut a random piece out of each track in FOLDER and tell how often it finds its own track first.

    \b
    Example:
      soundalike research self-retrieval ~/Music
    """
    from soundalike.cli.display import counting_bar
    from soundalike.research.self_retrieval import measure_self_retrieval

    with counting_bar("Listening") as show:
        result = measure_self_retrieval(Path(folder), seconds=seconds, seed=seed, progress=show)
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
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER=LICENCE...")
@click.option("--parts", multiple=True, metavar="FOLDER=LICENCE", help="Stems and one-shots, to fit on as well.")
@click.option("--out", required=True, type=click.Path(file_okay=False), help="Folder to write the two files to.")
@click.option("--groups", type=click.IntRange(0), default=120, show_default=True, help="Groups of pieces to render.")
@click.option("--seed", type=int, default=0, show_default=True)
def fit_descriptors(folders: tuple[str, ...], parts: tuple[str, ...], out: str, groups: int, seed: int) -> None:
    """Fit the shipped heads to whole tracks in FOLDERs and to rendered pieces; licences are recorded.

    \b
    Example:
      soundalike research fit-descriptors music="CC BY 4.0" --parts oneshots="CC0 1.0" --out src/soundalike/heads
    """
    from soundalike.research.fit_descriptors import fit_from_folders

    fit_from_folders(_licensed(folders), Path(out), parts=_licensed(parts), groups=groups, seed=seed)


def _licensed(folders: tuple[str, ...]) -> dict[Path, str]:
    """Folders by path, each with the licence of what it holds."""
    found = {}
    for folder in folders:
        path, equals, licence = folder.partition("=")
        if not equals or not licence.strip() or not Path(path).is_dir():
            raise UsageError(f"'{folder}' is not a folder with its licence.", "Write FOLDER=LICENCE.")
        found[Path(path)] = licence.strip()
    return found
