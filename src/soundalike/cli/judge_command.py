"""``judge`` and ``calibrate``: your own ears."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.shared import (
    HELP,
    json_option,
    library_option,
    open_library,
    print_json,
    refuse_empty,
    space_option,
)
from soundalike.errors import SoundalikeError, UsageError
from soundalike.facets import FACTORS

if TYPE_CHECKING:
    from soundalike.facets import Facet
    from soundalike.judgments import Answer
    from soundalike.library import Library
    from soundalike.listening.outcome import Outcome
    from soundalike.listening.session import Question, Session

KEYS: dict[str, Answer | str] = {
    "a": "a",
    "b": "b",
    "t": "tie",
    "tie": "tie",
    "n": "na",
    "na": "na",
    "r": "replay",
    "s": "skip",
    "u": "undo",
    "q": "quit",
}

ASKED = "a, b, t(ie), n(ot applicable), r(eplay), s(kip), u(ndo), q(uit)"

UNHEARD = 5
"""So many questions in a row whose files cannot be read are no accident."""

criterion_option = click.option(
    "--criterion",
    type=click.Choice(FACTORS),
    default="overall",
    show_default=True,
    help="In what A or B is more alike.",
)
facets_option = click.option(
    "--facets",
    metavar="FACET,...",
    callback=refuse_empty,
    help="Facets to find the weights of.  [default: those that a search weighs]",
)
seed_option = click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of all that is drawn.")


@click.command(context_settings=HELP)
@criterion_option
@click.option("--listener", callback=refuse_empty, help="Who answers, where there are several.  [default: me]")
@click.option("-n", "count", type=click.IntRange(1), default=20, show_default=True, help="Answers to give now.")
@facets_option
@seed_option
@click.option("--show", is_flag=True, help="Say before the answer what is heard.")
@click.option("--no-play", is_flag=True, help="Play nothing; name the files to open.")
@click.option("--import", "source", type=click.Path(), callback=refuse_empty, help="Take over answers from a CSV file.")
@click.option("--export", "out", type=click.Path(), callback=refuse_empty, help="Write all answers to a CSV file.")
@space_option
@library_option
@json_option
def judge(
    criterion: str,
    listener: str | None,
    count: int,
    facets: str | None,
    seed: int,
    show: bool,
    no_play: bool,
    source: str | None,
    out: str | None,
    space: str | None,
    folder: str | None,
    as_json: bool,
) -> None:
    """Listen blind: is A or B more like X? Answers are kept beside the library.

    Each question is the one whose answer is expected to tell most about your weights; some come twice, to see how
    consistent answers are. Stop at any time, and go on later.

    \b
    Examples:
      soundalike judge
      soundalike judge --criterion melody --listener anna -n 40
      soundalike judge --import anna.csv
    """
    with open_library(folder, space=space) as library:
        if source or out:
            _exchange(library, source, out, listener, as_json)
            return
        from soundalike.listening.session import LISTENER, Session

        name = LISTENER if listener is None else listener
        session = Session(library, criterion=criterion, listener=name, facets=_facets(facets), seed=seed)
        with TemporaryDirectory(prefix="soundalike-") as place:
            _ask(session, count, _Stage(Path(place), show=show, aloud=not no_play))
        _close(session, as_json)


def _exchange(library: Library, source: str | None, out: str | None, listener: str | None, as_json: bool) -> None:
    """Take over answers from a file, write all to a file, or both."""
    from dataclasses import replace

    from soundalike.judgment_files import read_judgments, write_judgments
    from soundalike.listening.answers import Answers
    from soundalike.listening.session import LISTENER

    answers = Answers(library.folder)
    told: dict[str, Any] = {}
    if source:
        judgments = read_judgments(Path(source))
        if listener is not None:
            nameless = ("", LISTENER)
            judgments = [replace(one, listener=listener) if one.listener in nameless else one for one in judgments]
        told["imported"] = answers.merge(judgments)
        told["known"] = len(judgments) - told["imported"]
    if out:
        kept = answers.read()
        if not kept:
            raise UsageError("There are no answers beside this library.", "Judge some: soundalike judge.")
        write_judgments(Path(out), kept)
        told["exported"] = len(kept)
    if as_json:
        print_json(told)
        return
    if source:
        click.echo(f"{told['imported']} answers taken over; {told['known']} were here already.")
    if out:
        click.echo(f"Wrote {told['exported']} answers to {out}.")


class _Stage:
    """Where questions are heard: three files in a folder, and a player if there is one that works."""

    def __init__(self, folder: Path, *, show: bool, aloud: bool) -> None:
        from soundalike.listening.players import find_player

        self._files = {name: folder / f"{name}.wav" for name in "XAB"}
        self._show = show
        self._player = find_player() if aloud else None
        if aloud and self._player is None:
            click.echo("No player was found (ffplay, mpv, aplay, ...): open the files yourself.", err=True)

    def set(self, question: Question) -> None:
        """Make the files of a question."""
        from soundalike.listening.players import cut

        for file, excerpt in zip(self._files.values(), _three(question), strict=True):
            cut(excerpt, file)
        if self._show:
            click.echo(_names(question), err=True)

    def play(self) -> None:
        """Play X, A and B, or say where they are."""
        from soundalike.listening.players import play

        for name, file in self._files.items():
            if self._player is not None:
                click.echo(f"  {name} ...", err=True, nl=False)
                if not play(self._player, file):
                    click.echo(f"\n{self._player[0]} cannot play here: open the files yourself.", err=True)
                    self._player = None
        if self._player is None:
            for name, file in self._files.items():
                click.echo(f"  {name}  {file}", err=True)
        else:
            click.echo(err=True)


def _ask(session: Session, count: int, stage: _Stage) -> None:
    """Ask until so many answers are given, nothing is left to ask, or the listener has had enough."""
    given = unheard = 0
    while given < count:
        try:
            question = session.question()
        except UsageError as error:
            click.echo(str(error), err=True)
            return
        try:
            stage.set(question)
        except SoundalikeError as error:
            unheard += 1
            if unheard == UNHEARD:
                raise
            click.echo(f"Left out: {error}", err=True)
            session.skip()
            continue
        unheard = 0
        in_what = "" if session.criterion == "overall" else f" in {session.criterion}"
        click.echo(f"[{given + 1}/{count}] Which is more like X{in_what}, A or B?", err=True)
        key = _key_for(stage)
        if key == "quit":
            return
        given = max(given + _done(session, question, key), 0)


def _key_for(stage: _Stage) -> str:
    """Play the question until there is a key that answers or leaves it."""
    stage.play()
    while True:
        try:
            typed = click.prompt(ASKED, prompt_suffix=" > ", err=True).strip().lower()
        except click.Abort:  # nothing more comes, or Ctrl-C: all answers are kept already
            click.echo(err=True)
            return "quit"
        key = KEYS.get(typed)
        if key == "replay":
            stage.play()
        elif key is None:
            click.echo(f"'{typed}' is none of these.", err=True)
        else:
            return key


def _done(session: Session, question: Question, key: str) -> int:
    """Do what a key says; how many answers there are more than before."""
    if key == "skip":
        session.skip()
        return 0
    if key == "undo":
        try:
            session.undo()
        except UsageError as error:
            click.echo(str(error), err=True)
            return 0
        click.echo("Taken back; here it is again.", err=True)
        return -1
    session.answer(key)  # type: ignore[arg-type]
    click.echo(_names(question), err=True)
    return 1


def _three(question: Question) -> tuple[Any, Any, Any]:
    return question.reference, question.a, question.b


def _names(question: Question) -> str:
    told = zip("XAB", (excerpt.track.name for excerpt in _three(question)), strict=True)
    return "  " + ", ".join(f"{letter} is '{name}'" for letter, name in told)


def _close(session: Session, as_json: bool) -> None:
    """Say what there is, how consistent it is, and what to do next."""
    statistics = session.statistics
    answers, repeats = len(session.judgments), statistics.repeats if statistics else 0
    consistency = statistics.consistency if statistics else None
    if as_json:
        told = {"listener": session.listener, "criterion": session.criterion, "answers": answers}
        print_json({**told, "repeats": repeats, "consistency": consistency, "path": str(session.answers.path)})
        return
    again = (
        f"; {round(repeats * consistency)} of {repeats} repeats got the same answer" if consistency is not None else ""
    )
    criterion = "" if session.criterion == "overall" else f" --criterion {session.criterion}"
    go_on = f"'soundalike calibrate{criterion}' makes weights of them" if answers >= 20 else "20 make a start"
    click.echo(
        f"{answers} answers for '{session.criterion}' by {session.listener}{again}. {go_on}; judge more any time."
    )


@click.command(context_settings=HELP)
@criterion_option
@click.option("--listener", callback=refuse_empty, help="Only this one's answers.  [default: everyone's]")
@click.option("--name", callback=refuse_empty, help="What to call the preset.  [default: mine, or mine-CRITERION]")
@facets_option
@click.option("--before", metavar="PRESET", help="Compare with this preset.  [default: the weights of a search]")
@click.option("--form", type=click.Choice(["logistic", "ridge", "ols"]), default="logistic", show_default=True)
@click.option("--alpha", type=click.FloatRange(0), help="Strength of the ridge.  [default: found on held-out answers]")
@seed_option
@space_option
@library_option
@json_option
def calibrate(
    criterion: str,
    listener: str | None,
    name: str | None,
    facets: str | None,
    before: str | None,
    form: Any,
    alpha: float | None,
    seed: int,
    space: str | None,
    folder: str | None,
    as_json: bool,
) -> None:
    """Make weights of the answers that 'soundalike judge' collected, and keep them as a preset.

    \b
    Examples:
      soundalike calibrate
      soundalike search song.mp3 --preset mine
      soundalike calibrate --listener anna --name anna
    """
    from soundalike.calibration.model import Model
    from soundalike.calibration.presets import preset_weights, save_preset
    from soundalike.listening.outcome import calibrate_library

    name = name or ("mine" if criterion == "overall" else f"mine-{criterion}")
    with open_library(folder, space=space) as library:
        outcome = calibrate_library(
            library,
            criterion=criterion,
            listener=listener,
            facets=_facets(facets),
            before=preset_weights(before, library.folder) if before else None,
            model=Model(form, alpha=alpha, seed=seed),
        )
        save_preset(library.folder, name, outcome.calibration)
    if as_json:
        print_json(_document(name, outcome))
        return
    _print_outcome(name, outcome)


def _document(name: str, outcome: Outcome) -> dict[str, Any]:
    found = outcome.calibration
    sentences = [found.sentence, found.gain.sentence, outcome.next_step]
    more = {"facet": outcome.vaguest, "answers": outcome.to_halve}
    document = {**found.to_json(), "to_halve": more, "gone": outcome.gone, "remarks": outcome.remarks}
    return {"preset": name, "text": " ".join(sentences), **document}


def _print_outcome(name: str, outcome: Outcome) -> None:
    from rich.table import Table

    from soundalike.cli.display import stdout

    found = outcome.calibration
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for heading in ("facet", "weight", "95 % interval", "before", "triplets"):
        table.add_column(heading, justify="left" if heading == "facet" else "right", no_wrap=True)
    for facet, each in found.facets.items():
        weight = each.weight
        span = f"{weight.low:+.2f} to {weight.high:+.2f}"
        table.add_row(facet.short, f"{weight.value:+.2f}", span, f"{each.before:+.2f}", str(each.heard))
    stdout().print(table)
    was, now = found.agreement_before, found.agreement_after
    click.echo(
        f"\n{found.sentence}\n{found.gain.sentence} Agreement on held-out references: {100 * now.value:.0f} %, "
        f"95 % {100 * now.low:.0f} to {100 * now.high:.0f}; before {100 * was.value:.0f} %."
    )
    click.echo(outcome.next_step)
    for remark in outcome.remarks:
        click.echo(remark, err=True)
    click.echo(
        f"{found.votes} answers of {found.listeners} listener{'s' * (found.listeners != 1)} on {found.triplets} "
        f"triplets; kept as preset '{name}': soundalike search song.mp3 --preset {name}",
        err=True,
    )


def _facets(names: str | None) -> tuple[Facet, ...]:
    from soundalike.facets import Facet

    return tuple(Facet(name) for name in names.split(",")) if names else ()
