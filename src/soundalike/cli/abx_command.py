"""``research abx``: how well systems agree with listeners, as the instrument-weight paper counts it and strictly."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from soundalike.cli.shared import HELP, json_option, print_json, refuse_empty

if TYPE_CHECKING:
    from soundalike.research.listeners.run import Document

PERSPECTIVES = ("timbre", "rhythm", "melody", "overall")


@click.command(context_settings=HELP)
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    help="Clone of github.com/zume06/Inst-Sim-ABX-Dataset.",
)
@click.option(
    "--embeddings",
    multiple=True,
    type=click.Path(exists=True, dir_okay=False),
    metavar="FILE.npz",
    help="Vectors of the clips, as 'soundalike embed' writes them; a system each.  (repeatable)",
)
@click.option(
    "--perspective",
    "perspectives",
    multiple=True,
    type=click.Choice(PERSPECTIVES),
    help="What listeners were asked.  (repeatable)  [default: all]",
)
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of splits and draws.")
@click.option(
    "--report",
    type=click.Path(file_okay=False),
    callback=refuse_empty,
    help="Folder for abx.md, its plots and results.",
)
@json_option
def abx(
    data: str,
    embeddings: tuple[str, ...],
    perspectives: tuple[str, ...],
    seed: int,
    report: str | None,
    as_json: bool,
) -> None:
    """Measure agreement with the listeners of Inst-Sim-ABX.

    Without vectors: for every config, part, perspective and cut-off the number of triplets kept and the human
    ceiling, and the weights that listeners' own answers give to factors and parts. With vectors also how many of
    the triplets each facet of the mix answers as most listeners did, the weighted models of the instrument-weight
    paper (arXiv 2601.19109) by its own protocol, and all models by a strict one: XAB and XYC apart, tracks never on
    both sides of a split, intervals over tracks, models compared on the same triplets.

    A path of a clip ends as in set2/2/piano/X_1913-28.wav. The data set holds no sound, and may be used for
    research with citation only.

    \b
    Example:
      soundalike research abx --data Inst-Sim-ABX-Dataset
      find clips -name '*.wav' | soundalike embed --encoder clap --separator demucs-6s --out clap.npz @-
      soundalike research abx --data Inst-Sim-ABX-Dataset --embeddings clap.npz --report docs
    """
    from soundalike.research.listeners.report import write_report
    from soundalike.research.listeners.run import Plan, run_plan

    plan = Plan(
        data=Path(data),
        embeddings=tuple(Path(path) for path in embeddings),
        perspectives=perspectives or PERSPECTIVES,
        seed=seed,
    )
    document = run_plan(plan)
    for name in document["dataset"]["changed_files"]:
        click.echo(f"'{name}' is not as in the version that published counts are of: they may differ.", err=True)
    for name, about in document["systems"].items():
        if about["triplets_covered"] < about["triplets"]:
            clips = f"'{name}' has all three clips of {about['triplets_covered']} of {about['triplets']} triplets"
            click.echo(f"{clips}: the others count as ties.", err=True)
    if report:
        write_report(Path(report), document)
        click.echo(f"The tables are in {Path(report) / 'abx.md'}.", err=True)
    if as_json:
        print_json(document)
    elif not report:
        _print_tables(document)


def _print_tables(document: Document) -> None:
    from soundalike.research.listeners.tables import sections

    for title, lines in sections(document).items():
        click.echo(f"{title}\n\n" + "\n".join(lines) + "\n")
