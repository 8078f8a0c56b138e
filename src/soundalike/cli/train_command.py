"""``research train``: factor heads from embedded triplets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.shared import HELP, json_option, print_json, refuse_empty

if TYPE_CHECKING:
    from soundalike.research.factor_heads.epochs import Told


@click.command(context_settings=HELP)
@click.argument("recipe", type=click.Path(path_type=Path), callback=refuse_empty)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    callback=refuse_empty,
    help="Folder for the heads and what is known of them.",
)
@click.option("--device", help="Where to compute, such as cuda.  [default: the recipe's, or cpu]")
@click.option("--fresh", is_flag=True, help="Forget what is in the folder instead of going on with it.")
@json_option
def train(recipe: Path, out: Path, device: str | None, fresh: bool, as_json: bool) -> None:
    """Train factor heads by RECIPE, a TOML file; stopped and called again, it goes on.

    The recipe names sets of triplets by factor, as 'research triplets embed' writes them or a triplet
    pickle of MERIT, and what else to change:

    \b
      mode = "reference"      as MERIT's program trains, number by number; leave it out for ours
      [sets]
      melody = "melody.npz"
      rhythm = "rhythm.npz"

    The folder is what --heads takes. Heads read embeddings of the encoder that the sets were embedded
    by and of no other.

    \b
    Example:
      soundalike research train heads.toml --out heads
      soundalike add ~/Music --encoder merit --heads heads
    """
    from soundalike.research.factor_heads import require_packages

    require_packages()
    from soundalike.research.factor_heads.run import train_heads

    with _epoch_bar() as show:
        document = train_heads(recipe, out, device=device, fresh=fresh, progress=show)
    if as_json:
        print_json(document)
    else:
        click.echo(_closing(document, out))


def _closing(document: dict[str, Any], out: Path) -> str:
    """What was reached, in a sentence."""
    reached = ", ".join(
        f"{factor} {100 * best['val_acc']:.1f} % (epoch {best['epoch']}; the embedding itself "
        f"{100 * document['sets'][factor]['untrained']:.1f} %)"
        for factor, best in document["best"].items()
    )
    encoder = next(iter(document["sets"].values()))["encoder"]
    return f"Validation triplets right: {reached}. The heads for {encoder} are in '{out}'."


@contextmanager
def _epoch_bar() -> Iterator[Callable[[Told], None]]:
    """Show the epochs of what is being trained, losses and accuracies, while the block runs."""
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    from soundalike.cli.display import stderr

    console = stderr()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[losses]}", style="dim"),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def show(told: Told) -> None:
            name = ", ".join(told.records)
            if name not in tasks:
                tasks[name] = bar.add_task(name, total=told.epochs, losses="")
            means = {
                key: sum(record[key] for record in told.records.values()) / len(told.records)
                for key in ("train_loss", "val_loss", "val_acc")
            }
            losses = (
                f"loss {means['train_loss']:.4g}, validation {means['val_loss']:.4g}, {100 * means['val_acc']:.1f} %"
            )
            bar.update(tasks[name], completed=told.epoch, losses=losses)

        yield show
