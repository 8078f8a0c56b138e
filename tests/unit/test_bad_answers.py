"""Answers that cannot be calibrated, as they are typed: each is refused or told of in its own sentence."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundalike.cli import main
from soundalike.judgment_files import COLUMNS, read_judgments, write_judgments
from soundalike.library import Library
from soundalike.listening.answers import FILE
from soundalike.listening.session import Session
from test_listening import fill, listen

HEADER = ",".join(COLUMNS)


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The folder of a library of made-up tracks with 48 answers of one listener; read only."""
    folder = tmp_path_factory.mktemp("answered") / "library"
    with Library(folder) as library:
        fill(library, 10)
        listen(Session(library), 48, noise=0.5)
    return folder


@pytest.fixture
def folder(answered, tmp_path):
    return shutil.copytree(answered, tmp_path / "library")


def said(capsys, *arguments: str) -> tuple[int, str]:
    """Exit code, and what is said on stderr."""
    code = main([*arguments])
    return code, capsys.readouterr().err


def change(folder: Path, changed) -> None:
    """Change every answer that is kept."""
    kept = read_judgments(folder / FILE)
    write_judgments(folder / FILE, [changed(number, one) for number, one in enumerate(kept)])


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "' is empty. Write a line reference,a,b,criterion,answer,strength,listener and a line for each judgment."),
        (f"{HEADER}\n", "' holds no judgments. Write a line reference,"),
        ("reference,a,b\nx,y,z\n", "' has no column criterion and no column answer; it has reference, a, b."),
        (f"{HEADER}\nx,y,z,overall,maybe,1,me\n", "', line 2, has the answer 'maybe'. Known: a, b, tie, na."),
        (f"{HEADER}\nx,y,y,overall,a,1,me\n", "', line 2 has 'y' as A and as B. Compare two candidates."),
    ],
)
def test_an_empty_or_faulty_file_is_refused_and_answers_are_left_alone(folder, tmp_path, capsys, content, sentence):
    (tmp_path / "given.csv").write_text(content)
    before = (folder / FILE).read_bytes()
    code, told = said(capsys, "judge", "--import", str(tmp_path / "given.csv"), "--library", str(folder))
    assert code in (1, 2)
    assert sentence in told
    assert (folder / FILE).read_bytes() == before


def test_an_emptied_file_of_answers_is_named(folder, capsys):
    (folder / FILE).write_text("")
    code, told = said(capsys, "calibrate", "--library", str(folder))
    assert code == 2
    assert f"'{folder / FILE}' is empty." in told


def test_one_listener_is_told_to_speak_for_one(folder, capsys):
    code, told = said(capsys, "calibrate", "--alpha", "1", "--library", str(folder))
    assert code == 0
    assert "All answers are of one listener: intervals say nothing about other people." in told
    change(folder, lambda number, one: replace(one, listener=f"me{number % 6}"))
    assert (
        "All answers are of one listener" not in said(capsys, "calibrate", "--alpha", "1", "--library", str(folder))[1]
    )


def test_nothing_but_ties_is_refused(folder, capsys):
    change(folder, lambda _, one: replace(one, answer="tie"))
    code, told = said(capsys, "calibrate", "--library", str(folder))
    assert code == 2
    assert "The answers prefer no side: all are ties. Judge triplets that differ more." in told


def test_nothing_but_what_does_not_apply_is_refused(folder, capsys):
    change(folder, lambda _, one: replace(one, answer="na"))
    code, told = said(capsys, "calibrate", "--library", str(folder))
    assert code == 2
    assert "There are no answers for 'overall'. Judge some triplets first." in told


def test_a_listener_who_contradicts_himself_is_told_so(folder, capsys):
    kept = read_judgments(folder / FILE)
    write_judgments(folder / FILE, [*kept, *(replace(one, answer="b" if one.answer == "a" else "a") for one in kept)])
    code, told = said(capsys, "calibrate", "--alpha", "1", "--library", str(folder))
    assert code == 0
    assert "'me' gave the same answer again to " in told
    assert " repeats: these answers contradict each other." in told


def test_listeners_who_contradict_each_other_leave_no_side(folder, capsys):
    kept = read_judgments(folder / FILE)
    others = [replace(one, listener="anna", answer="b" if one.answer == "a" else "a") for one in kept]
    first = {}
    for one in kept:
        first.setdefault((one.reference, *sorted((one.a, one.b))), one)
    once = list(first.values())
    write_judgments(
        folder / FILE, [*once, *(other for one, other in zip(kept, others, strict=True) if any(one is o for o in once))]
    )
    code, told = said(capsys, "calibrate", "--library", str(folder))
    assert code == 2
    assert "The answers prefer no side: listeners contradict each other." in told


def test_guesses_are_told_to_be_no_better_than_chance(folder, capsys):
    rng = np.random.default_rng(3)
    change(folder, lambda _, one: replace(one, answer="ab"[rng.integers(2)]))
    code, told = said(capsys, "calibrate", "--alpha", "1", "--library", str(folder))
    assert code == 0
    assert "On references that they were not fitted to, these weights are not shown to do better than chance" in told


def test_answers_on_music_that_is_not_here_are_left_out_or_refused(folder, capsys):
    def gone(name: str) -> str:
        return name.replace("/music/album/", "/other/place/of ")

    change(folder, lambda number, one: replace(one, reference=gone(one.reference)) if number < 5 else one)
    code, told = said(capsys, "calibrate", "--alpha", "1", "--library", str(folder))
    assert code == 0
    assert "5 answers are on tracks that are no longer in the library; they are left out." in told
    change(folder, lambda _, one: replace(one, a=gone(one.a)))
    code, told = said(capsys, "calibrate", "--library", str(folder))
    assert code == 2
    assert "All 48 answers are on tracks that are no longer in this library. Add the music again" in told
