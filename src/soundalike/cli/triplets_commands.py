"""``research triplets``: read, check, split and embed folders of triplets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.construction_commands import build
from soundalike.cli.render_command import render
from soundalike.cli.shared import HELP, json_option, print_json, refuse_empty
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.research.triplets.sets import TripletSet
    from soundalike.research.triplets.splits import Sources, Split

FACTORS = ("melody", "rhythm", "timbre", "harmony")

root_argument = click.argument("root", type=click.Path(), callback=refuse_empty)
factor_option = click.option("--factor", type=click.Choice(FACTORS), help="What they are for, if nothing else says it.")
set_option = click.option(
    "--out", required=True, type=click.Path(dir_okay=False), callback=refuse_empty, help="The set's file, .npz."
)


@click.group(context_settings=HELP)
def triplets() -> None:
    """Make, check, split and embed factor-controlled triplets.

    A ROOT is a folder with triplets_1, triplets_2, ... in it, each with triplet/anchor.wav, positive_01.wav ... and
    negative.wav, as MERIT has it, or an archive of one (.tar, .tar.gz), which is never unpacked.
    """


@triplets.command(context_settings=HELP)
@root_argument
@click.option("--split", "split_file", type=click.Path(dir_okay=False), help="Split whose leak to measure.")
@json_option
def check(root: str, split_file: str | None, as_json: bool) -> None:
    """Look at every clip of ROOT, and tell what it holds and what is wrong.

    Errors make a folder useless: a missing clip, silence, a negative that is the anchor. Warnings do not: unequal
    rates, clipping, a missing end. The exit code is 3 if there are errors.

    \b
    Example:
      soundalike research triplets check melody_triplets
      soundalike research triplets check melody_triplets.tar.gz --split melody_split.json --json
    """
    from soundalike.cli.display import counting_bar
    from soundalike.research.triplets.splits import read_split
    from soundalike.research.triplets.statistics import ERROR, check_root

    wanted = read_split(Path(split_file)) if split_file else None
    with counting_bar("Checking") as show:
        report = check_root(root, split=wanted, progress=show)
    if as_json:
        print_json(report.to_json())
    else:
        click.echo(str(report))
    _leave(report.count(ERROR) > 0)


@triplets.command(context_settings=HELP)
@click.argument("roots", nargs=-1, required=True, type=click.Path(), metavar="ROOT...", callback=refuse_empty)
@click.option(
    "--out", required=True, type=click.Path(), callback=refuse_empty, help="A file, .json; of several roots a folder."
)
@click.option("--by", type=click.Choice(["source", "folder"]), default="source", show_default=True)
@click.option(
    "--test",
    "fraction",
    type=click.FloatRange(0, 1, min_open=True, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of folders for testing.",
)
@click.option("--seed", type=int, default=42, show_default=True)
@click.option("--drop", is_flag=True, help="Split sources, and leave out folders with some on either side.")
@json_option
def split(roots: tuple[str, ...], out: str, by: str, fraction: float, seed: int, drop: bool, as_json: bool) -> None:
    """Split the folders of ROOTs into those for training and those for testing.

    \b
    source   folders that share a song stay on one side, over all roots together
    folder   as MERIT splits, whatever songs folders share; with 0.1 and 42, its published splits

    Where everything hangs together, as in MERIT's own archives, --drop splits the songs instead. The leak that is
    told is the share of test folders that have a source in training.

    \b
    Example:
      soundalike research triplets split melody_triplets --by folder --out melody_split.json
      soundalike research triplets split melody_triplets rhythm_triplets timbre_triplets --out splits
    """
    from soundalike.research.triplets.folders import open_root
    from soundalike.research.triplets.splits import (
        measure_leak,
        split_by_folder,
        split_by_source,
        split_sources,
        write_split,
    )

    if drop and by == "folder":
        raise UsageError("--drop was given with --by folder.", "It is for splits by source.")
    opened = {root: open_root(root) for root in roots}
    files = _split_files(out, {root: found.factor for root, found in opened.items()})
    sources: Sources = {
        root: {folder.name: folder.sources for folder in found.read()} for root, found in opened.items()
    }
    if by == "folder":
        splits = {root: split_by_folder(found.names, fraction=fraction, seed=seed) for root, found in opened.items()}
    else:
        splits = (split_sources if drop else split_by_source)(sources, fraction=fraction, seed=seed)
    for root, found in splits.items():
        write_split(files[root], found)
    told = [_split_told(root, files[root], splits[root], len(opened[root].names)) for root in roots]
    leaks = [measure_leak(splits[root], sources[root]).by_source for root in roots]
    if as_json:
        print_json([{**about, "leak": leak} for about, leak in zip(told, leaks, strict=True)])
        return
    for about, leak in zip(told, leaks, strict=True):
        known = "sources are not known" if leak is None else f"leak {leak:.1%}"
        click.echo(
            f"{about['out']}: {about['train']} train, {about['test']} test, {about['left_out']} left out; {known}."
        )


def _split_files(out: str, factors: dict[str, str]) -> dict[str, Path]:
    """By root, the file for its split: the one that was named, or one per factor in a folder."""
    if len(factors) == 1 and out.endswith(".json"):
        return dict.fromkeys(factors, Path(out))
    if out.endswith(".json") or len(set(factors.values()) - {""}) < len(factors):
        told = ", ".join(f"'{root}' ({factor or 'unknown factor'})" for root, factor in factors.items())
        raise UsageError(
            f"'{out}' cannot hold the splits of {told}.",
            "Name a .json file for one root, or a folder for roots called after different factors.",
        )
    try:
        Path(out).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"'{out}' cannot be made: {error.strerror}.", "Choose another place.") from None
    return {root: Path(out) / f"{factor}_split.json" for root, factor in factors.items()}


def _split_told(root: str, path: Path, found: Split, total: int) -> dict[str, Any]:
    train, test = len(found.train), len(found.test)
    return {"root": root, "out": str(path), "train": train, "test": test, "left_out": total - train - test}


@triplets.command(context_settings=HELP)
@root_argument
@set_option
@click.option("--encoder", default="embedded", show_default=True, help="What listens; see 'soundalike models'.")
@click.option("--checkpoint", type=click.Path(), help="File or folder of a pretrained encoder.")
@click.option("--device", help="Where a pretrained encoder computes, such as cuda.")
@click.option("--precision", help="How a pretrained encoder computes: fp32, bf16, onnx, int8.")
@click.option("--layers", help="Which layers of a pretrained encoder are heard, such as 5 or 3-6.")
@click.option("--padded", type=click.FloatRange(0.1, 30), help="Seconds to pad clips to with silence: MERIT has 10.")
@click.option(
    "--seconds", type=click.FloatRange(0.1, 30), default=10.0, show_default=True, help="Of a clip that are heard."
)
@factor_option
@click.option("--shard", metavar="I/N", help="Only part I, from 0, of N; see 'merge'.")
@click.option("--jobs", type=click.IntRange(1, 256), default=1, show_default=True, help="Processes to listen in.")
@json_option
def embed(
    root: str, out: str, factor: str | None, shard: str | None, jobs: int, as_json: bool, **listening: Any
) -> None:
    """Embed the clips of ROOT for training and evaluation.

    Stopped and called again, it goes on. Clips that cannot be embedded are listed in OUT.failed.jsonl, and their
    folders do without them or are left out; the exit code is then 3.

    \b
    Example:
      soundalike research triplets embed melody_triplets --out melody.npz --encoder merit --padded 10
      soundalike research triplets embed rhythm_triplets.tar.gz --out rhythm-0.npz --encoder merit --shard 0/4
    """
    from soundalike.cli.display import counting_bar
    from soundalike.research.triplets.embedding import Listening, embed_root

    with counting_bar("Embedding") as show:
        found = embed_root(
            root,
            Path(out),
            Listening(**listening),
            factor=factor,
            shard=_shard(shard) if shard else None,
            jobs=jobs,
            progress=show,
        )
    failed, dropped = len(found.failed), len(found.dropped)
    if as_json:
        more = {"failed": found.failed, "dropped": list(found.dropped), "skipped": found.skipped}
        print_json({**_about(out, found.triplets), **more})
    else:
        click.echo(_told(out, found.triplets))
        if found.skipped:
            click.echo(f"{len(found.skipped)} folders are not whole; see why with 'check'.", err=True)
        if failed:
            click.echo(f"{failed} clips failed (see {out}.failed.jsonl), {dropped} folders are left out.", err=True)
    _leave(failed > 0)


@triplets.command("import-pickle", context_settings=HELP)
@click.argument("pickles", nargs=-1, required=True, type=click.Path(dir_okay=False), metavar="PICKLE...")
@set_option
@click.option("--factor", required=True, type=click.Choice(FACTORS), help="What they are for; a pickle does not say.")
@json_option
def import_pickle(pickles: tuple[str, ...], out: str, factor: str, as_json: bool) -> None:
    """Turn MERIT's pickles of embeddings into a set; the shards of one extraction are joined.

    Nothing that a pickle may hold is run: one with more than arrays and plain data is refused.

    \b
    Example:
      soundalike research triplets import-pickle melody_shard_*.pkl --factor melody --out melody.npz
    """
    from soundalike.research.triplets.pickles import merge_pickles, read_pickle
    from soundalike.research.triplets.sets import write_set

    found = merge_pickles([read_pickle(Path(path)) for path in pickles], factor)
    write_set(Path(out), found)
    _report(out, found, as_json)


@triplets.command("export-pickle", context_settings=HELP)
@click.argument("set_file", type=click.Path(dir_okay=False), metavar="SET")
@click.option("--out", required=True, type=click.Path(dir_okay=False), callback=refuse_empty, help="The pickle.")
@click.option("--root", default="", help="Put before every path.")
@click.option("--split", "split_file", type=click.Path(dir_okay=False), help="Keep only one side of this split.")
@click.option("--part", type=click.Choice(["train", "test"]), help="Which.")
def export_pickle(set_file: str, out: str, root: str, split_file: str | None, part: str | None) -> None:
    """Write SET as a pickle that MERIT's programs open.

    Of folders with several negatives the first is kept.

    \b
    Example:
      soundalike research triplets export-pickle melody.npz --out melody.pkl
      soundalike research triplets export-pickle melody.npz --split melody_split.json --part test --out test.pkl
    """
    from soundalike.research.triplets.pickles import write_triplet_pickle
    from soundalike.research.triplets.sets import read_set
    from soundalike.research.triplets.splits import read_split

    if (split_file is None) != (part is None):
        raise UsageError("Only one of --split and --part was given.", "Give both or neither.")
    found = read_set(Path(set_file))
    if split_file and part:
        found = found.select(getattr(read_split(Path(split_file)), part))
    write_triplet_pickle(Path(out), found, root=root, partition=part)
    click.echo(_told(out, found))


@triplets.command(context_settings=HELP)
@click.argument("sets", nargs=-1, required=True, type=click.Path(dir_okay=False), metavar="SET...")
@set_option
@json_option
def merge(sets: tuple[str, ...], out: str, as_json: bool) -> None:
    """Join SETs of different folders of one factor, such as the shards that 'embed --shard' makes.

    \b
    Example:
      soundalike research triplets merge rhythm-0.npz rhythm-1.npz --out rhythm.npz
    """
    from soundalike.research.triplets.sets import merge_sets, read_set, write_set

    found = merge_sets([read_set(Path(path)) for path in sets])
    write_set(Path(out), found)
    _report(out, found, as_json)


def _shard(text: str) -> tuple[int, int]:
    number, slash, count = text.partition("/")
    if not (slash and number.isdecimal() and count.isdecimal()):
        raise UsageError(f"'{text}' is no shard.", "Write it as 0/4, the first of four.")
    return int(number), int(count)


def _report(out: str, found: TripletSet, as_json: bool) -> None:
    if as_json:
        print_json(_about(out, found))
    else:
        click.echo(_told(out, found))


def _about(out: str, found: TripletSet) -> dict[str, Any]:
    return {
        "out": out,
        "factor": found.factor,
        "encoder": found.encoder,
        "dim": found.dim,
        "clips": len(found.clips),
        "folders": len(found.folders),
        "triples": len(found.triples()),
    }


def _told(out: str, found: TripletSet) -> str:
    return (
        f"{out}: {len(found.folders)} folders for {found.factor}, {len(found.triples())} triples, "
        f"{len(found.clips)} clips by {found.encoder} ({found.dim})."
    )


def _leave(failed: bool) -> None:
    """End with exit code 3 where something failed and the rest was done."""
    if failed:
        raise click.exceptions.Exit(3)


for command in (build, render):
    triplets.add_command(command)
