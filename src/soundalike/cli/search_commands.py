"""``search``, ``compare`` and ``embed``."""

from __future__ import annotations

import os
import sys
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
    open_any_library,
    open_library,
    parse_range,
    print_json,
    read_recipe,
    read_weights,
    recipe_options,
    space_option,
    weight_options,
)
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.facets import Weights
    from soundalike.library import Library
    from soundalike.search import Query


@click.command(context_settings=HELP)
@click.argument("query", required=False)
@click.option("--text", default="", help="Words that describe the sound, alone or beside QUERY.")
@weight_options
@click.option("--at", metavar="START-END", help="Ask with this passage only, such as 1:05-1:20.")
@click.option("--stem", help="Ask with this stem of QUERY only, such as drums, for samples that sound like it.")
@click.option("--one-shots", is_flag=True, help="With --stem: find one-shots like its single strokes, not loops.")
@click.option("--any-family", is_flag=True, help="With --stem: let samples of other instruments answer too.")
@click.option("--separator", help="With --stem: what takes the stem out of QUERY: embedded, demucs, files, ...")
@click.option("--passages", is_flag=True, help="Rank single passages instead of whole tracks.")
@click.option("-n", "n", type=click.IntRange(1), default=10, show_default=True, help="Hits wanted.")
@click.option(
    "--where",
    "conditions",
    multiple=True,
    metavar="CONDITION",
    help="Only tracks that pass, such as tempo=118..124, key=8A, duration<30, tag=jazz; repeat for more.",
)
@click.option("--exclude-album", is_flag=True, help="Leave out the query's own album.")
@click.option("--exclude-artist", is_flag=True, help="Leave out the query's own artist.")
@click.option("--per-artist", type=click.IntRange(1), help="At most so many hits of one artist.")
@click.option("--per-album", type=click.IntRange(1), help="At most so many hits of one album.")
@click.option("--playlist", type=click.Path(dir_okay=False), help="Also write the hits to .m3u8, .xspf, .csv or .json.")
@space_option
@library_option
@json_option
def search(
    query: str | None,
    text: str,
    settings: tuple[str, ...],
    preset: str | None,
    raw: bool,
    at: str | None,
    stem: str | None,
    conditions: tuple[str, ...],
    playlist: str | None,
    space: str | None,
    folder: str | None,
    as_json: bool,
    **choices: Any,
) -> None:
    """Find what sounds like QUERY: a file (in the library or not) or a track id; or like words, with --text.

    With --stem, QUERY is a song and the library holds samples: what sounds like the song's drums, and what has to be
    done to it so that it fits.

    \b
    Examples:
      soundalike search song.mp3
      soundalike search song.mp3 --preset groove --where "tempo=118..124"
      soundalike search song.mp3 -w melody=1 -w timbre=-0.5     same tune, other sound
      soundalike search mix.flac --at 1:05-1:20 --passages      what else sounds like this bit?
      soundalike search --text "warm analog bass" -w bass=1
      soundalike search song.mp3 --text "more aggressive" -w words=0.5
      soundalike search song.mp3 --stem drums --at 0:40-1:00 -w groove=2 -w timbre=1
      soundalike search song.mp3 --stem drums --one-shots
    """
    from soundalike.explanation import hit_json
    from soundalike.export import write_tracks
    from soundalike.filters import parse_filter

    weights = read_weights(settings, preset, folder)
    where = parse_filter(conditions)
    start, end = parse_range(at) if at else (None, None)
    of_stem = {name: choices.pop(name) for name in ("separator", "one_shots", "any_family")}
    with open_library(folder, space=space) as library:
        if stem is None:
            _refuse_without_stem(of_stem)
            asked = library.query(query, start=start, end=end, text=text)
        else:
            asked = _ask_stem(library, query, stem, text, start, end, of_stem)
        hits = library.search(asked, weights, where=where, raw=raw, **choices)
        steadiness = _steadiness(library, asked, weights, where=where, raw=raw, **choices)
        if playlist:
            write_tracks(Path(playlist), [hit.track for hit in hits])
        if as_json:
            shown = {
                "track": asked.track.id or None,
                "path": asked.track.path or None,
                "at": [start, end] if at else None,
                "text": text or None,
            } | _stem_json(asked, steadiness)
            found = [hit_json(hit) for hit in hits]
            used = library.weights_for(asked, weights)
            print_json({"space": library.space.name, "weights": dict(used), "query": shown, "hits": found})
            return
        from soundalike.cli.display import print_hits, query_line, stderr, steadiness_line

        stderr().print(query_line(asked.track, stem=asked.stem.name if asked.stem else ""), soft_wrap=True)
        if hits:
            print_hits(hits)
            if steadiness is not None:
                stderr().print(steadiness_line(steadiness), soft_wrap=True)
        else:
            click.echo(_why_nothing(library, asked, weights, narrowed=bool(conditions)), err=True)


def _refuse_without_stem(of_stem: dict[str, Any]) -> None:
    """Options that say how a stem asks need one."""
    for name, value in of_stem.items():
        if value:
            option = f"--{name.replace('_', '-')}"
            raise UsageError(f"{option} was given without a stem.", f"Name one, such as --stem drums {option}.")


def _ask_stem(
    library: Library,
    source: str | None,
    stem: str,
    text: str,
    start: float | None,
    end: float | None,
    of_stem: dict[str, Any],
) -> Query:
    if source is None or text:
        raise UsageError("A stem is taken out of a song, not of words.", "Give QUERY and --stem without --text.")
    return library.stem_query(
        source,
        stem,
        start=start,
        end=end,
        separator=of_stem["separator"] or "",
        strokes=of_stem["one_shots"],
        any_family=of_stem["any_family"],
    )


def _steadiness(library: Library, asked: Query, weights: Weights | None, **options: Any) -> float | None:
    """Share of the ten best hits that both halves of a stem's passage name; None where that cannot be told."""
    from soundalike.stem_query import halves

    split = halves(asked) if asked.stem and not asked.stem.strokes else None
    if split is None:
        return None
    first, second = ({hit.track.id for hit in library.search(half, weights, **(options | {"n": 10}))} for half in split)
    fewest = min(len(first), len(second))
    return len(first & second) / fewest if fewest else None


def _stem_json(asked: Query, steadiness: float | None) -> dict[str, Any]:
    """What there is to say of a stem that asks; nothing for a whole sound."""
    if asked.stem is None:
        return {}
    return {
        "stem": asked.stem.name,
        "one_shots": asked.stem.strokes,
        "silent": [list(times) for times in asked.stem.silent],
        "tempo": asked.track.tempo,
        "key": asked.track.key,
        "steadiness": steadiness,
    }


def _why_nothing(library: Library, asked: Query, weights: Weights | None, *, narrowed: bool) -> str:
    """One sentence on why nothing was found, with what may help."""
    from soundalike.asking import unheard

    if asked.stem and not len(asked.excerpts):
        return f"{asked.stem.name.capitalize()} cannot be heard there in '{asked.track.name}', so nothing was asked."
    if absent := unheard(asked, library.weights_for(asked, weights)):
        missing = ", ".join(facet.short for facet in absent)
        return f"There is no {missing} to hear in '{asked.track.name}'. Weigh other facets with -w."
    loosen = "Loosen --where, or add" if narrowed else "Add"
    if asked.stem and not any(track.family for track in library.tracks()):
        return "What plays in these files is not known yet. Listen to them anew: 'soundalike add --again FOLDER'."
    if asked.stem:
        what = "one-shots" if asked.stem.strokes else "loops"
        return f"The library has no {what} of that family. {loosen} samples with 'soundalike add', or try --any-family."
    return f"Nothing in the library answers. {loosen} more music with 'soundalike add'."


@click.command(context_settings=HELP)
@click.argument("a")
@click.argument("b")
@weight_options
@recipe_options
@space_option
@library_option
@json_option
def compare(
    a: str,
    b: str,
    settings: tuple[str, ...],
    preset: str | None,
    raw: bool,
    space: str | None,
    folder: str | None,
    as_json: bool,
    **recipe: Any,
) -> None:
    """Compare A with B facet by facet. Each is a file (in the library or not) or a track id.

    \b
    Examples:
      soundalike compare one.wav two.wav
      soundalike compare 12 cover.mp3 --preset tune
    """
    from soundalike.explanation import comparison_json, sentence

    weights = read_weights(settings, preset, folder)
    with open_any_library(folder, recipe=read_recipe(recipe, current_recipe(folder)), space=space) as library:
        comparison = library.compare(a, b, weights, raw=raw)
        if as_json:
            print_json({"space": library.space.name, **comparison_json(comparison)})
            return
        from soundalike.cli.display import comparison_table, melody_text, passages_text, stdout

        console = stdout()
        console.print(comparison_table(comparison))
        console.print(f"\n{sentence(comparison)}")
        console.print(passages_text(comparison))
        tune = melody_text(comparison, console.width)
        if tune:
            console.print(tune, soft_wrap=True)


@click.command(context_settings=HELP)
@click.argument("paths", nargs=-1, required=True, metavar="PATH|@LIST...")
@click.option("--out", required=True, type=click.Path(dir_okay=False), help="The .npz or .parquet file to write.")
@click.option("--excerpts", is_flag=True, help="One row per excerpt instead of one per file.")
@jobs_option
@recipe_options
@json_option
def embed(paths: tuple[str, ...], out: str, excerpts: bool, jobs: int | None, as_json: bool, **options: Any) -> int:
    """Write the facet vectors of files; no library is needed. @LIST names a text file with one path a line.

    \b
    Examples:
      soundalike embed --out vectors.npz one.wav two.wav
      find . -name '*.flac' | soundalike embed --out vectors.npz @-
    """
    from soundalike.analysis import Analyzer
    from soundalike.export import check_arrays, write_vectors
    from soundalike.recipe import Recipe
    from soundalike.workers import Task, run_in_processes

    recipe = read_recipe(options) or Recipe()
    space = Analyzer(recipe).space  # before the processes start: what is wrong with the options is said once
    check_arrays(Path(out))
    files = [path for argument in paths for path in _listed(argument)]
    tasks = [Task(path) for path in dict.fromkeys(files)]
    analysed, failed = {}, {}
    for task, outcome in run_in_processes(tasks, recipe, jobs or default_jobs(recipe)):
        if isinstance(outcome, str):
            failed[task.path] = outcome
            click.echo(f"soundalike: {outcome}", err=True)
        else:
            analysed[task.path] = outcome
    rows = [(path, analysed[path].excerpts) for path in files if path in analysed]  # type: ignore[union-attr]
    write_vectors(Path(out), rows, space, excerpts=excerpts)
    if as_json:
        print_json({"out": out, "files": len(rows), "failed": [{"path": p, "reason": r} for p, r in failed.items()]})
    else:
        click.echo(f"Wrote {len(rows)} files to {out}.", err=True)
    return 3 if failed else 0


def _listed(argument: str) -> list[str]:
    if not argument.startswith("@"):
        return [argument]
    try:
        content = sys.stdin.buffer.read() if argument == "@-" else Path(argument[1:]).read_bytes()
    except OSError as error:
        raise UsageError(f"The list '{argument[1:]}' cannot be read: {error.strerror}.", "Check its name.") from None
    # Only line ends separate names: others that look like one to `splitlines` may stand in a name.
    return [os.fsdecode(line) for line in content.replace(b"\r\n", b"\n").split(b"\n") if line.strip()]
