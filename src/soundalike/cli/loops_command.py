"""``loops``."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from soundalike.cli.shared import (
    HELP,
    json_option,
    library_option,
    open_library,
    parse_range,
    print_json,
    refuse_empty,
)
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.loops.folder import SongLoops

_SINGULAR = {"drums": "drum", "vocals": "vocal"}


@click.command(context_settings=HELP)
@click.argument("songs", nargs=-1, required=True, metavar="SONG|FOLDER...", callback=refuse_empty)
@click.option(
    "--out", required=True, type=click.Path(file_okay=False), callback=refuse_empty, help="Folder that gets the loops."
)
@click.option(
    "--stem",
    "parts",
    multiple=True,
    metavar="STEM,...",
    callback=refuse_empty,
    help="What to cut: drums, bass, ..., or mix; all that the separator gives if left out.",
)
@click.option(
    "--bars",
    "lengths",
    multiple=True,
    metavar="N,...",
    callback=refuse_empty,
    help="How long; if left out 4, and 2 or 1 only of what does not loop at 4.",
)
@click.option(
    "--most", type=click.IntRange(1), default=3, show_default=True, help="Loops of each stem of a song, at most."
)
@click.option(
    "--separator",
    default="embedded",
    show_default=True,
    help="What splits the songs: embedded, demucs, demucs-6s, files.",
)
@click.option(
    "--checkpoint", type=click.Path(exists=True), callback=refuse_empty, help="File of a pretrained separator."
)
@click.option("--device", callback=refuse_empty, help="Where a pretrained separator computes, such as cuda.")
@click.option("--stems", type=click.Path(), callback=refuse_empty, help="Folder or manifest of stems, for 'files'.")
@click.option("--at", metavar="START-END", help="Only this passage of each song, such as 1:05-1:35.")
@click.option("--no-add", is_flag=True, help="Do not add the loops to the library.")
@library_option
@json_option
def loops(
    songs: tuple[str, ...],
    out: str,
    parts: tuple[str, ...],
    lengths: tuple[str, ...],
    most: int,
    separator: str,
    at: str | None,
    no_add: bool,
    folder: str | None,
    as_json: bool,
    **how: str | None,
) -> int:
    """Cut loops out of the stems of songs, and add them to the library.

    Of each stem those bars are taken that loop best and differ from each other; a loop has whole bars, goes round
    without a click, and says its tempo, key and loop points in its name and in its file. What was cut before is left
    as it is, a stopped run goes on where it was, and a song without a beat is left out.

    \b
    Examples:
      soundalike loops ~/Music/Demos --out ~/Loops/mine
      soundalike loops song.mp3 --out loops --stem drums,bass --bars 2 --at 0:41-1:30
      soundalike loops song.mp3 --out loops --separator demucs --stem vocals --library ~/samples.library
    """
    from soundalike.cli.display import progress_bar
    from soundalike.loops.cutting import Wanted
    from soundalike.loops.folder import fill_folder
    from soundalike.separators import load_separator

    start, end = parse_range(at) if at else (0.0, None)
    wanted = Wanted(_listed(parts), _bars(lengths), most, start, end)
    splits = load_separator(separator, **how)
    with progress_bar("Cutting") as show:
        done = fill_folder(out, songs, splits, wanted, progress=show)
    paths = [loop.path for song in done for loop in song.loops]
    added = _add(paths, folder) if paths and not no_add else 0
    failed = [song for song in done if song.reason]
    if as_json:
        print_json(
            {
                "loops": [asdict(loop) for song in done for loop in song.loops],
                "failed": [{"path": song.path, "reason": song.reason} for song in failed],
                "out": os.path.abspath(out),  # noqa: PTH100
                "added": added,
            }
        )
    else:
        _print(done, out, added)
    return 3 if failed else 0


def _listed(texts: Sequence[str]) -> tuple[str, ...]:
    """Values that are given one by one or with commas, each once."""
    return tuple(dict.fromkeys(part.strip() for text in texts for part in text.split(",")))


def _bars(texts: Sequence[str]) -> tuple[int, ...]:
    try:
        return tuple(int(text) for text in _listed(texts))
    except ValueError:
        raise UsageError(f"'{', '.join(texts)}' is no number of bars.", "Write them as 4, or 1,2,4.") from None


def _add(paths: Sequence[str], folder: str | None) -> int:
    """Add loops to the library; how many of them it did not have."""
    from soundalike.cli.display import progress_bar

    with open_library(folder, create=True) as library, progress_bar("Listening") as show:
        report = library.add(paths, progress=show)
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    return report.added


def _print(done: Sequence[SongLoops], out: str, added: int) -> None:
    for song in done:
        if song.reason:
            click.echo(f"Left out: {song.reason}", err=True)
        else:
            click.echo(_line(song))
    count = sum(len(song.loops) for song in done)
    more = f"; {added} added to the library" if added else ""
    click.echo(f"{count} loop{'s' * (count != 1)} in {out}{more}.")


def _line(song: SongLoops) -> str:
    """Such as "Tin Roof: 3 drum loops, 2 bass loops at 102 bpm"."""
    from soundalike.loops.cutting import title_of
    from soundalike.tracks import printable

    counts = Counter(loop.stem for loop in song.loops)
    parts = [f"{n} {_SINGULAR.get(stem, stem)} loop{'s' * (n > 1)}" for stem, n in counts.items()]
    tempi = sorted({f"{loop.tempo:.1f}".removesuffix(".0") for loop in song.loops}, key=float)
    span = f" at {tempi[0]} bpm" if len(tempi) == 1 else f" at {tempi[0]} to {tempi[-1]} bpm" if tempi else ""
    known = " (there already)" if song.known else ""
    return f"{printable(title_of(song.path))}: {', '.join(parts) or 'no loops'}{span}{known}"
