"""``research merit``: the tables of MERIT, as it measures them and by a stricter protocol."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.shared import HELP, json_option, print_json, refuse_empty

if TYPE_CHECKING:
    from soundalike.research.merit.recipe import MeritRecipe


@click.command(context_settings=HELP)
@click.argument("recipe", type=click.Path(dir_okay=False))
@click.option(
    "--out",
    type=click.Path(file_okay=False),
    callback=refuse_empty,
    help="Folder for README.md, its plots, results.json and embeddings of corpora.  [default: RECIPE without .toml]",
)
@click.option("--only", metavar="SECTION,...", callback=refuse_empty, help="Of the recipe's sections.")
@click.option("--fresh", is_flag=True, help="Measure again also what the results already hold.")
@json_option
def merit(recipe: str, out: str | None, only: str | None, fresh: bool, as_json: bool) -> None:
    """Measure factor heads as MERIT's tables do, and by a protocol that leaves no way around, by a RECIPE.

    \b
    matrix       every head on every factor's triplets, beside the embedding itself and a random head
    audits       what the triplets' domains, tempos, levels and lengths answer alone; what the split gives away
    fusion       five ways to make one vector of several heads
    probes       MUSDB18-HQ, Ballroom, Covers80 as MERIT's program probes them
    retrieval    the same corpora by rank metrics, all heads on the same candidates
    padding      what silence behind clips does to vectors
    invariance   do clips in another key, at another tempo ... find their originals

    A section is measured again only when what it depends on has changed. What is missing here, a corpus or a
    checkpoint, is noted with what to do about it.

    \b
    Example:
      soundalike research merit experiments/merit/published.toml --only matrix,audits
    """
    from soundalike.cli.display import counting_bar
    from soundalike.research.evaluation.parts import read_results, write_results
    from soundalike.research.merit.recipe import read_recipe
    from soundalike.research.merit.report import write_report
    from soundalike.research.merit.run import RESULTS, run_recipe

    path = Path(recipe)
    wanted = _restricted(read_recipe(path), only)
    folder = Path(out) if out else path.with_suffix("")
    results = folder / RESULTS
    document, measured = run_recipe(
        wanted,
        folder,
        known=read_results(results),
        fresh=fresh,
        save=lambda document: write_results(results, document),
        bar=counting_bar,
    )
    write_report(folder, document)
    if as_json:
        print_json(document)
    for name, why in document["missing"].items():
        click.echo(f"Not measured: {name}: {why}", err=True)
    kept = len(document["parts"]) - len(measured)
    click.echo(
        f"Measured {len(measured)}, kept {kept} from before, {len(document['missing'])} not measured; "
        f"the tables are in {folder / 'README.md'}.",
        err=as_json,
    )


def _restricted(recipe: MeritRecipe, only: str | None) -> MeritRecipe:
    """The recipe with only the sections of ``--only``."""
    return recipe if only is None else replace(recipe, sections=tuple(name.strip() for name in only.split(",")))
