"""``add``, ``status``, ``failures``, ``remove``, ``export`` and ``doctor``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.shared import (
    HELP,
    current_recipe,
    default_jobs,
    jobs_option,
    json_option,
    library_option,
    open_library,
    print_json,
    read_recipe,
    recipe_options,
    refuse_empty,
    space_option,
)
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.facets import Space
    from soundalike.recipe import Recipe


@click.command(context_settings=HELP)
@click.argument("paths", nargs=-1, required=True, metavar="PATH...", callback=refuse_empty)
@jobs_option
@click.option("--retry", is_flag=True, help="Try failed files again even if they have not changed.")
@click.option("--again", is_flag=True, help="Listen again to files that have not changed; tracks keep their ids.")
@recipe_options
@library_option
@json_option
def add(
    paths: tuple[str, ...], jobs: int | None, retry: bool, again: bool, folder: str | None, as_json: bool, **recipe: Any
) -> int:
    """Analyse files and folders and store the result.

    Unchanged files are skipped, renamed and retagged ones cost nothing, a stopped run goes on where
    it was, and a bad file is remembered with its reason and never stops the rest. What a library
    listens with is remembered: name an encoder or a separator once. --again gives tracks that an earlier version
    added what only this one finds out, such as the family and kind of samples.

    \b
    Examples:
      soundalike add ~/Music
      soundalike add ~/Samples --library ~/samples.library --jobs 2
      soundalike add ~/Music --library stems --separator demucs --facets drums.rhythm,bass,melody
      soundalike add ~/Music --library words --encoder clap --checkpoint 630k-audioset-best.pt
    """
    from soundalike.cli.display import progress_bar

    with (
        open_library(folder, create=True, recipe=read_recipe(recipe, current_recipe(folder))) as library,
        progress_bar("Listening") as show,
    ):
        for name, licence in library.licences.items():
            click.echo(f"{name}: licence {licence}", err=True)
        jobs = jobs or default_jobs(library.recipe)
        planned = partial(_say_what_it_takes, library.recipe, library.space, jobs)
        report = library.add(paths, jobs=jobs, retry=retry, again=again, planned=planned, progress=show)
    if as_json:
        print_json(asdict(report))
        return 3 if report.failed else 0
    for warning in report.warnings:
        click.echo(f"Warning: {warning}", err=True)
    parts = [f"{report.added} added"]
    others = ("renewed", "unchanged", "moved", "retagged", "removed", "silent", "failed")
    parts += [f"{getattr(report, name)} {name}" for name in others if getattr(report, name)]
    pace = f" at {report.audio_seconds / report.seconds:.0f} times real time" if report.audio_seconds else ""
    click.echo(f"{', '.join(parts)} in {report.seconds:.1f} s{pace}.")
    if report.failed:
        click.echo("See why with 'soundalike failures'.", err=True)
    return 3 if report.failed else 0


def _say_what_it_takes(recipe: Recipe, space: Space, jobs: int, paths: Sequence[str]) -> None:
    """Tell how long a run will take before it begins, where that is more than a minute, and how to make it shorter."""
    from soundalike.estimates import estimate
    from soundalike.explanation import clock

    found = estimate(recipe, space, paths)
    if found is None or found.compute / jobs < 60:
        return
    parts = ", ".join(f"{part} {seconds:.0f} s" for part, seconds in found.parts.items())
    click.echo(
        f"About {clock(round(found.compute / jobs))} with {jobs} jobs for {clock(round(found.sound))} of sound "
        f"({parts} of a core per minute). Searchable while it runs.",
        err=True,
    )
    if not recipe.most_excerpts:
        click.echo("To listen to three excerpts of each track only: --most-excerpts 3.", err=True)


@click.command(context_settings=HELP)
@library_option
@json_option
def status(folder: str | None, as_json: bool) -> None:
    """Show what the library holds."""
    with open_library(folder) as library:
        state = library.status()
    if as_json:
        print_json({**asdict(state), "library": str(library.folder)})
        return
    hours = state.seconds / 3600
    click.echo(f"{state.tracks} tracks, {hours:.1f} hours, {state.excerpts} excerpts, {state.bytes / 1e6:.1f} MB")
    click.echo(f"{state.silent} silent, {state.failures} failed")
    click.echo(f"space: {state.space}")
    for other in state.spaces:
        if other != state.space:
            click.echo(f"also: {other}  (--space)")
    click.echo(f"scale of scores: {state.background}")
    click.echo(f"folder: {library.folder}")


@click.command(context_settings=HELP)
@library_option
@json_option
def failures(folder: str | None, as_json: bool) -> None:
    """List the files that could not be analysed, and why."""
    from soundalike.tracks import printable

    with open_library(folder) as library:
        entries = library.failures()
    if as_json:
        print_json({"failures": [{"path": e.path, "reason": e.reason, "when": e.when} for e in entries]})
        return
    for entry in entries:
        click.echo(f"{printable(entry.path)}\n  {printable(entry.reason)}  ({entry.when})")
    if not entries:
        click.echo("No failures.")


@click.command(context_settings=HELP)
@click.argument("targets", nargs=-1, metavar="[PATH|ID]...", callback=refuse_empty)
@click.option("--missing", is_flag=True, help="Forget every track whose file has gone.")
@library_option
@json_option
def remove(targets: tuple[str, ...], missing: bool, folder: str | None, as_json: bool) -> None:
    """Forget tracks: by path, by folder, or by id. The files themselves are left alone.

    \b
    Examples:
      soundalike remove ~/Music/old
      soundalike remove --missing
    """
    if not targets and not missing:
        raise UsageError("Nothing was named.", "Give paths or ids, or --missing.")
    with open_library(folder) as library:
        tracks = library.tracks()
        doomed = {track.id for track in tracks if missing and not os.path.lexists(track.path)}
        for target in targets:
            path = os.path.abspath(target)  # noqa: PTH100
            below = os.path.join(path, "")  # noqa: PTH118
            found = {t.id for t in tracks if t.path == path or t.path.startswith(below) or str(t.id) == target}
            if not found:
                raise UsageError(f"'{target}' is not in the library.", "Nothing was removed.")
            doomed |= found
        removed = library.remove(sorted(doomed))
    if as_json:
        print_json({"removed": removed})
    else:
        click.echo(f"{removed} removed.")


@click.command(context_settings=HELP)
@click.option(
    "--out", required=True, type=click.Path(dir_okay=False), help="File to write; its suffix says the format."
)
@click.option("--where", "conditions", multiple=True, metavar="CONDITION", help="Only tracks that pass; see 'search'.")
@click.option("--absolute", is_flag=True, help="Keep absolute paths in playlists and tables.")
@click.option("--excerpts", is_flag=True, help="One row of vectors per excerpt instead of one per track.")
@space_option
@library_option
@json_option
def export(
    out: str,
    conditions: tuple[str, ...],
    absolute: bool,
    excerpts: bool,
    space: str | None,
    folder: str | None,
    as_json: bool,
) -> None:
    """Write tracks as .m3u8, .xspf, .csv or .json, or their vectors as .npz or .parquet.

    \b
    Examples:
      soundalike export --out fast.m3u8 --where "tempo>120"
      soundalike export --out vectors.npz
    """
    from soundalike.export import ARRAYS, write_tracks, write_vectors
    from soundalike.filters import parse_filter

    target = Path(out)
    with open_library(folder, space=space) as library:
        tracks = library.tracks(parse_filter(conditions))
        if target.suffix.lower() in ARRAYS:
            found = library.store.excerpts([track.id for track in tracks])
            rows = [(track.path, found[track.id]) for track in tracks if track.id in found]
            write_vectors(target, rows, library.space, excerpts=excerpts)
        else:
            write_tracks(target, tracks, absolute=absolute)
    if as_json:
        print_json({"out": out, "tracks": len(tracks)})
    else:
        click.echo(f"Wrote {len(tracks)} tracks to {out}.", err=True)


@click.command(context_settings=HELP)
@click.option("--repair", is_flag=True, help="Rebuild what can be rebuilt.")
@library_option
@json_option
def doctor(repair: bool, folder: str | None, as_json: bool) -> int:
    """Check the decoders, the processor, and the library; say what to do."""
    from soundalike.doctor import check_library, check_machine

    findings = [*check_machine(), *check_library(folder, repair=repair)]
    if as_json:
        print_json({"findings": [asdict(finding) for finding in findings]})
    else:
        for finding in findings:
            click.echo(f"{'ok  ' if finding.ok else 'BAD '} {finding.what}: {finding.detail}")
    return 0 if all(finding.ok for finding in findings) else 1
