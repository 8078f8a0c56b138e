"""``research``: what only a researcher needs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.abx_clips_command import abx_clips
from soundalike.cli.abx_command import abx
from soundalike.cli.beats_command import beats
from soundalike.cli.families_command import families, train_families
from soundalike.cli.merit_command import merit
from soundalike.cli.shared import HELP, jobs_option, json_option, print_json
from soundalike.cli.stem_search_command import stem_search
from soundalike.cli.train_command import train
from soundalike.cli.triplets_commands import triplets
from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.research.evaluation.parts import Plan


@click.group(context_settings=HELP)
def research() -> None:
    """Measure and make what ships: factor matrices, the demo pack, the heads."""


@research.command(context_settings=HELP)
@click.option(
    "--only", metavar="PART,...", help="matrix, invariance, hubness, recordings.  [default: matrix; all for a report]"
)
@click.option("--groups", type=click.IntRange(1), help="Groups of rendered clips.  [default: 60; 200 for a report]")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--palette", help="Which instruments play; fonts-test is a SoundFont that nothing was trained on.")
@click.option("--systems", metavar="NAME,...", help="What to compare.  [default: default; all for a report]")
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Folder of recordings and MIDI files.")
@click.option("--report", type=click.Path(file_okay=False), help="Folder for evaluation.md, its plots and results.")
@click.option("--fresh", is_flag=True, help="Measure everything again, also what the report's results already hold.")
@jobs_option
@json_option
def evaluate(jobs: int, fresh: bool, report: str | None, as_json: bool, **wanted: Any) -> None:
    """Measure how well facets hear their own factor and nothing else.

    \b
    matrix       every head on every factor of rendered pieces that nothing was trained on; the negative
                 shares all other factors (hard) or nothing (neutral)
    invariance   does a clip in another key, at another tempo, level, with noise ... find its original
    hubness      are some tracks in everybody's list (needs --data)
    recordings   retrieval on real tracks, stems, one-shots, drumming and tunes (needs --data)

    Intervals are 95 %, by bootstrap over groups or other sources. Parts that a report's results hold for
    the same settings and space are not measured again.

    \b
    Example:
      soundalike research evaluate --groups 100
      soundalike research evaluate --data ~/data --report docs
    """
    from soundalike.cli.display import counting_bar
    from soundalike.research.evaluation.parts import read_results, run_parts, write_results
    from soundalike.research.evaluation.report import RESULTS, write_report
    from soundalike.research.evaluation.systems import load_systems

    plan = _plan(report is not None, **wanted)
    results = Path(report or "") / RESULTS
    document = run_parts(
        plan,
        load_systems(plan.systems),
        jobs=jobs,
        known=read_results(results) if report and not fresh else None,
        save=(lambda document: write_results(results, document)) if report else (lambda document: None),
        bar=counting_bar,
    )
    if report:
        write_report(Path(report), document)
    if as_json:
        print_json(document)
    elif not report:
        _print_parts(document)


def _plan(for_report: bool, **wanted: Any) -> Plan:
    """What was asked for, with the defaults of a report or of a glance."""
    from soundalike.research.evaluation.parts import PARTS, Plan
    from soundalike.research.evaluation.systems import DEFAULT

    only = tuple((wanted["only"] or "").split(",")) if wanted["only"] else PARTS if for_report else ("matrix",)
    data = Path(wanted["data"]) if wanted["data"] else None
    groups = wanted["groups"] or (200 if for_report else 60)
    systems = tuple(wanted["systems"].split(",")) if wanted["systems"] else () if for_report else (DEFAULT,)
    return Plan(only, groups, seed=wanted["seed"], palette=wanted["palette"], data=data, systems=systems)


def _print_parts(document: dict[str, Any]) -> None:
    """The factor matrix as a table for the terminal, the other parts as they stand in a report."""
    from soundalike.research.evaluation.factor_matrix import FactorMatrix
    from soundalike.research.evaluation.report import section

    for name, part in document["parts"].items():
        if name == "matrix":
            for system, entry in part["systems"].items():
                click.echo(f"{system} ({entry['space']})\n{FactorMatrix.from_json(entry['result'])}\n")
    for name in dict.fromkeys(name.partition("/")[0] for name in document["parts"]):
        if name != "matrix":
            click.echo("\n".join(section(name, document["parts"])) + "\n")
    for name, why in document["missing"].items():
        click.echo(f"Not run: {name}: {why}.", err=True)


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
    from soundalike.research.evaluation.self_retrieval import measure_self_retrieval

    with counting_bar("Listening") as show:
        result = measure_self_retrieval(Path(folder), seconds=seconds, seed=seed, progress=show)
    if as_json:
        print_json(result.to_json())
    else:
        click.echo(str(result))


@research.command(context_settings=HELP)
@click.option("--data", type=click.Path(exists=True, file_okay=False), help="Folder of recordings, with stems.")
@click.option("--pieces", type=click.IntRange(0), default=24, show_default=True, help="Rendered mixes.")
@click.option("--palette", default="synthesizer", show_default=True, help="Which instruments play them.")
@click.option("--separator", "separators", multiple=True, default=("embedded",), show_default=True)
@click.option("--checkpoint", type=click.Path(exists=True), help="Of a pretrained separator.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
@click.option("--report", type=click.Path(exists=True, file_okay=False), help="Folder whose separation.md to renew.")
@json_option
def separation(data: str | None, report: str | None, as_json: bool, **wanted: Any) -> None:
    """Measure how well mixes are split, whose stem the facets of a stem find, and how loud empty stems are.

    Beside each separator stand the mixture itself, plain filters, and the best that masks could do.

    \b
    Example:
      soundalike research separation --data ~/data --report docs
    """
    from soundalike.research.evaluation.separation_report import Plan, run_plan, tables, write_tables

    plan = Plan(Path(data) if data else None, **wanted)
    document = run_plan(plan, report=lambda line: click.echo(line, err=True))
    if report:
        write_tables(Path(report), document)
    if as_json:
        print_json(document)
    elif not report:
        click.echo("\n".join(tables(document)))


@research.command("train-separator", context_settings=HELP)
@click.option("--work", required=True, type=click.Path(file_okay=False), help="Folder for what is made on the way.")
@click.option("--out", required=True, type=click.Path(exists=True, file_okay=False), help="Folder for masks.onnx.")
@click.option("--pieces", type=click.IntRange(1), default=560, show_default=True, help="Pieces to render in parts.")
@click.option("--scenes", type=click.IntRange(1), default=900, show_default=True, help="Mixes of their parts.")
@click.option("--steps", type=click.IntRange(1), default=1400, show_default=True)
@click.option("--jobs", type=click.IntRange(1), default=1, show_default=True, help="Processes.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True)
def train_separator(work: str, out: str, **how: Any) -> None:
    """Train the net of the embedded separator, from nothing; stopped and called again, the rendering goes on.

    Wants FluidSynth, the SoundFonts FluidR3 and MuseScore General, and the extra `research`.

    \b
    Example:
      soundalike research train-separator --work work --out src/soundalike/separators/embedded
    """
    from soundalike.research.training.separation import Plan
    from soundalike.research.training.separation import train_separator as run

    run(Plan(Path(work), **how), Path(out), report=lambda line: click.echo(line, err=True))


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
    from soundalike.research.training.fit_descriptors import fit_from_folders

    fit_from_folders(_licensed(folders), Path(out), parts=_licensed(parts), groups=groups, seed=seed)


@research.command("train-embedded", context_settings=HELP)
@click.argument("folders", nargs=-1, required=True, metavar="FOLDER=LICENCE...")
@click.option("--parts", multiple=True, metavar="FOLDER=LICENCE", help="Stems and one-shots, to fit on as well.")
@click.option("--drums", type=click.Path(exists=True, file_okay=False), help="MIDI drum performances, by player.")
@click.option("--songs", type=click.Path(exists=True, file_okay=False), help="MIDI songs, a folder each.")
@click.option("--work", required=True, type=click.Path(file_okay=False), help="Folder for what is made on the way.")
@click.option("--out", required=True, type=click.Path(exists=True, file_okay=False), help="Package folder to write to.")
@click.option("--clips", type=click.IntRange(64), default=12500, show_default=True, help="Clips for the nets.")
@click.option("--groups", type=click.IntRange(2), default=800, show_default=True, help="Groups of clips for the heads.")
@click.option("--epochs", type=click.IntRange(1), default=9, show_default=True)
@click.option("--scenes", type=click.IntRange(24), default=3000, show_default=True, help="Scenes for the drum net.")
@click.option("--grooves", type=click.IntRange(2), default=400, show_default=True, help="Groups of one groove each.")
@click.option("--jobs", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
def train_embedded(
    folders: tuple[str, ...],
    parts: tuple[str, ...],
    work: str,
    out: str,
    drums: str | None,
    songs: str | None,
    **how: Any,
) -> None:
    """Train the nets and heads that ship, from nothing; stopped and called again, it goes on.

    FOLDERs hold whole tracks; licences are recorded. Wants FluidSynth, the SoundFonts FluidR3 and MuseScore
    General, and the extra `research`.

    \b
    Example:
      soundalike research train-embedded music="CC BY 4.0" --songs pop909 --drums groove_midi \\
        --work work --out src/soundalike
    """
    from soundalike.research.training.run import Plan
    from soundalike.research.training.run import train_embedded as run

    sources = [(path, licence, True) for path, licence in _licensed(folders).items()]
    sources += [(path, licence, False) for path, licence in _licensed(parts).items()]
    plan = Plan(Path(work), Path(drums) if drums else None, Path(songs) if songs else None, **how)
    run(plan, sources, Path(out), progress=_told, report=lambda line: click.echo(line, err=True))


def _told(what: str, done: int, of: int) -> None:
    click.echo(f"{what}: {done} of {of} files", err=True)


def _licensed(folders: tuple[str, ...]) -> dict[Path, str]:
    """Folders by path, each with the licence of what it holds."""
    found = {}
    for folder in folders:
        path, equals, licence = folder.partition("=")
        if not equals or not licence.strip() or not Path(path).is_dir():
            raise UsageError(f"'{folder}' is not a folder with its licence.", "Write FOLDER=LICENCE.")
        found[Path(path)] = licence.strip()
    return found


for command in (triplets, train, merit, abx, abx_clips, stem_search, beats, families, train_families):
    research.add_command(command)
