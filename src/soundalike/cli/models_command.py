"""``models``: the checkpoints of pretrained networks."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.shared import HELP, json_option, print_json, refuse_empty
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.checkpoints import Checkpoint
    from soundalike.checkpoints.download import Progress
    from soundalike.checkpoints.inspection import Inspection


_accept_option = click.option(
    "--accept-licence", "accepted", is_flag=True, help="Accept that it is not for commercial use; asked for once."
)


@click.group(context_settings=HELP, invoke_without_command=True)
@json_option
@click.pass_context
def models(context: click.Context, as_json: bool) -> None:
    """List pretrained networks: what they give, licence, size, and whether they are here.

    \b
    Examples:
      soundalike models
      soundalike models get mert-95m --accept-licence
      soundalike models import clap ~/Downloads/630k-audioset-best.pt
      soundalike models verify mert-95m
    """
    from soundalike.checkpoints import checkpoints

    if context.invoked_subcommand is not None:
        if as_json:
            raise UsageError("--json was given before the command.", f"Write it after '{context.invoked_subcommand}'.")
        return
    if as_json:
        print_json({"checkpoints": [_row_document(row) for row in checkpoints().values()]})
    else:
        _print_rows(list(checkpoints().values()))


@models.command(context_settings=HELP)
@click.argument("name", callback=refuse_empty)
@_accept_option
@json_option
def get(name: str, accepted: bool, as_json: bool) -> None:
    """Download NAME once; an interrupted download goes on where it stopped."""
    from soundalike.checkpoints import is_here
    from soundalike.checkpoints.install import fetch

    here = is_here(name)
    with _transfer_bar() as progress:
        folder = fetch(name, accepted=accepted, progress=progress)
    _tell_installed(name, folder, "is here already" if here else "is ready", as_json)


@models.command("import", context_settings=HELP)
@click.argument("name", callback=refuse_empty)
@click.argument("path", callback=refuse_empty, type=click.Path(path_type=Path))
@_accept_option
@json_option
def import_(name: str, path: Path, accepted: bool, as_json: bool) -> None:
    """Take NAME from PATH: a folder with its released files, or one file with the others beside it."""
    from soundalike.checkpoints.install import import_checkpoint

    folder = import_checkpoint(name, path, accepted=accepted)
    _tell_installed(name, folder, "is ready", as_json)


@models.command(context_settings=HELP)
@click.argument("name", callback=refuse_empty)
@click.option(
    "--checkpoint", metavar="PATH", callback=refuse_empty, help="File or folder.  [default: what was fetched]"
)
@json_option
def verify(name: str, checkpoint: str | None, as_json: bool) -> int:
    """Read NAME completely: hashes of files, names and shapes of tensors, and load it as it is loaded for use.

    The fingerprint and the norms of some layers are printed, so that they can be compared between machines.
    """
    from soundalike.checkpoints.inspection import inspect

    found = inspect(name, checkpoint)
    loaded = _load(name, Path(found.path))
    told = _training_of(Path(found.path)) if name == "merit" else []
    if as_json:
        training = {"training": told} if told else {}
        print_json({**asdict(found), "sound": found.sound, "loads_as": loaded, **training, "verified_here": False})
    else:
        _print_inspection(found, loaded)
        _print_training(told)
    return 0 if found.sound else 1


@models.command(context_settings=HELP)
@click.argument("name", callback=refuse_empty)
@json_option
def remove(name: str, as_json: bool) -> None:
    """Delete NAME from this machine."""
    from soundalike.checkpoints.install import remove as remove_checkpoint

    removed = remove_checkpoint(name)
    if as_json:
        print_json({"name": name, "removed": removed})
    else:
        click.echo(f"{name} was {'removed' if removed else 'not here'}.", err=True)


def _load(name: str, path: Path) -> list[str]:
    """Load a checkpoint into its network, every tensor to its place; the names that appear in spaces."""
    from soundalike import extensions
    from soundalike.checkpoints import checkpoint
    from soundalike.encoders import ENCODERS
    from soundalike.heads import HEADS
    from soundalike.separators import SEPARATORS

    row = checkpoint(name)
    kinds = {"encoder": ("encoders", ENCODERS), "separator": ("separators", SEPARATORS), "heads": ("heads", HEADS)}
    kind, table = kinds[row.kind]
    made = extensions.make(kind, table, row.part, checkpoint=path)
    return [part.name for part in (made if isinstance(made, tuple) else (made,))]


def _training_of(folder: Path) -> list[dict[str, Any]]:
    """What MERIT's heads say of their training, each with what speaks against it."""
    from soundalike.heads.merit_files import doubts, read_provenance

    return [{**asdict(head), "doubts": doubts(head)} for head in read_provenance(folder)]


def _print_training(heads: list[dict[str, Any]]) -> None:
    for head in heads:
        lengths = "-".join(str(head[name]) for name in ("in_dim", "hidden_dim", "out_dim"))
        told = [
            f"{name} {head[name]}"
            for name in ("model_id", "epoch", "val_loss", "val_acc")
            if head[name] not in ("", None)
        ]
        click.echo(f"{head['factor']}  {lengths}  {', '.join(told) or 'says nothing of its training'}")
        for doubt in head["doubts"]:
            click.echo(f"{head['factor']}  {doubt}", err=True)


def _row_document(row: Checkpoint) -> dict[str, Any]:
    from soundalike.checkpoints import costs, folder_of, is_here
    from soundalike.checkpoints.licences import is_accepted

    cost = costs().get(row.name)
    return {
        **asdict(row),
        "accepted": is_accepted(row),
        "cost": asdict(cost) if cost else None,
        "here": is_here(row.name),
        "folder": str(folder_of(row.name)),
        "verified_here": False,
    }


def _print_rows(rows: list[Checkpoint]) -> None:
    from rich.table import Table
    from rich.text import Text

    from soundalike.checkpoints import costs, is_here
    from soundalike.cli.display import stdout

    measured = costs()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    costly = ["CPU s/min", "memory"] if measured else []
    for column in ["name", "gives", "licence", "size", *costly, ""]:
        right = column in ("size", *costly)
        table.add_column(column, no_wrap=column != "gives", justify="right" if right else "left")
    for row in rows:
        cost = measured.get(row.name)
        licence = row.licence if row.commercial else f"{row.licence}, not commercial"
        cells: list[Text | str] = [Text(row.name, "bold"), row.gives, licence, row.size]
        if measured:
            cells += [f"{cost.cpu_s_per_minute:.0f}", f"{cost.memory_mb / 1000:.1f} GB"] if cost else ["", ""]
        cells.append(Text("here", "green") if is_here(row.name) else Text("", "dim"))
        table.add_row(*cells)
    stdout().print(table)
    if measured:
        click.echo("CPU s/min: seconds of one core for a minute of sound, measured on random weights.", err=True)
    click.echo(
        "Get one with 'soundalike models get NAME', or name a file of yours with --checkpoint PATH where it is used.\n"
        "Where no commercial use is allowed, add --accept-licence once.",
        err=True,
    )


def _tell_installed(name: str, folder: Path, how: str, as_json: bool) -> None:
    from soundalike.checkpoints.install import read_manifest

    if as_json:
        print_json({"name": name, "folder": str(folder), "manifest": read_manifest(folder)})
    else:
        click.echo(f"{name} {how}: {folder}", err=True)


def _print_inspection(found: Inspection, loaded: list[str]) -> None:
    meanings = {
        "released": "the released file",
        "unchanged": "as it was put here; no released hash is known",
        "unknown": "no hash is known",
        "differs": "ANOTHER FILE than it should be",
    }
    for file in found.files:
        click.echo(f"{file.file}  {file.bytes} bytes  {file.sha256}  {meanings[file.verdict]}")
    for tensor in found.tensors:
        if tensor.norm is not None:
            shape = " x ".join(map(str, tensor.shape))
            click.echo(f"{tensor.name}  {tensor.type} {shape}  norm {tensor.norm:.6g}")
    click.echo(f"{len(found.tensors)} tensors, {found.parameters / 1e6:.1f} million numbers")
    click.echo(f"fingerprint  {found.fingerprint}")
    click.echo(f"loads as  {', '.join(loaded)}")
    click.echo("Its results are not yet verified on released weights here: no digest of them is known.", err=True)


@contextmanager
def _transfer_bar() -> Iterator[Progress]:
    """Show bytes, rate and time left of the file that is coming in, while the block runs."""
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as Bar

    from soundalike.cli.display import stderr

    console = stderr()
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=min(30, shutil.get_terminal_size().columns // 4)),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        tasks: dict[str, Any] = {}

        def show(file: str, done: int, total: int) -> None:
            if file not in tasks:
                tasks[file] = bar.add_task(file, total=total)
            bar.update(tasks[file], completed=done, total=total)

        yield show
