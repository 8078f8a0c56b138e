"""The blind test, and what becomes of its answers, with listeners whose weights are known."""

from __future__ import annotations

import os
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from conftest import write_tune
from soundalike.calibration.model import Model
from soundalike.errors import UsageError
from soundalike.facets import FacetVectors, unit
from soundalike.judgment_files import read_judgments, write_judgments
from soundalike.judgments import Judgment
from soundalike.library import Library
from soundalike.listening import players
from soundalike.listening.answers import Answers
from soundalike.listening.excerpts import Excerpt, TrackNames, parse_name
from soundalike.listening.gaps import Gaps
from soundalike.listening.outcome import calibrate_library
from soundalike.listening.pool import TRIPLETS, draw_pool, typical
from soundalike.listening.session import REPEAT_EVERY, Session, weighed_facets
from soundalike.tracks import AnalysedTrack, Track

TASTE = {"melody": 2.0, "rhythm": 0.2, "timbre": 1.0, "harmony": 0.2}


def fill(library: Library, tracks: int, *, seed: int = 0) -> None:
    """Tracks of two made-up excerpts each, spread as widely as music is."""
    rng = np.random.default_rng(seed)
    for number in range(tracks):
        vectors = {}
        for facet in library.space.facets:
            rows = np.zeros((2, library.space.dim))
            rows[:, :6] = rng.normal(size=6) + 0.1 * rng.normal(size=(2, 6))
            vectors[facet] = unit(rows)
        track = Track(path=f"/music/album/{number}.wav", audio_hash=f"{number}", duration=20.0, title=f"song {number}")
        times = np.array([0.0, 10.0])
        library.store.add([AnalysedTrack(track, FacetVectors(times, times + 10.0, vectors))])


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "library") as library:
        fill(library, 10)
        yield library


def listen(session: Session, count: int, *, noise: float = 0.0, seed: int = 0) -> None:
    """Answer as a listener of the weights TASTE would, who is mistaken now and then."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        asked = session.question()
        gap = session._gaps.of((asked.reference.name, asked.a.name, asked.b.name))
        score = float(np.nan_to_num(gap) @ list(TASTE.values())) + noise * rng.logistic()
        session.answer("a" if score > 0 else "b")


def test_what_is_heard_has_a_name_that_says_which_part_of_which_file():
    track = Track(path="/m/a#t=1,2.wav", id=3)
    name = Excerpt(track, 10.0, 19.5).name
    assert name == "/m/a#t=1,2.wav#t=10,19.5"
    assert parse_name(name) == ("/m/a#t=1,2.wav", (10.0, 19.5))
    assert parse_name("/m/whole.wav") == ("/m/whole.wav", None)


def test_a_path_that_is_no_text_is_named_by_its_id():
    assert Excerpt(Track(path=os.fsdecode(b"/m/\xff.wav"), id=3), 0.0, 10.0).name == "3#t=0,10"


def test_a_moved_file_is_known_by_its_own_and_its_folders_name_if_only_one_track_has_both():
    tracks = [Track(path=path, id=i) for i, path in enumerate(["/m/x/1.wav", "/m/y/1.wav", "/n/y/1.wav"], start=1)]
    names = TrackNames(tracks)
    assert names.find("/elsewhere/x/1.wav#t=0,10") is tracks[0]
    assert names.find("/elsewhere/y/1.wav") is None
    assert names.find("/n/y/1.wav") is tracks[2]
    assert names.find("2#t=0,10") is tracks[1]
    assert names.find("/elsewhere/z/1.wav") is None


def test_the_excerpt_that_is_asked_about_is_the_one_most_like_the_whole_track(library):
    facets = weighed_facets(library)
    rows = unit(np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]]))
    times = np.arange(3.0)
    assert typical(FacetVectors(times, times + 1, dict.fromkeys(facets, rows)), facets) == 1


def test_a_small_library_is_asked_about_in_all_its_triplets_and_a_large_one_in_some(library):
    pool = draw_pool(library, weighed_facets(library))
    assert len(pool.triplets) == 10 * 9 * 8 // 2
    assert pool.differences.shape == (len(pool.triplets), 4)
    fill(library, 40, seed=1)
    larger = draw_pool(library, weighed_facets(library))
    assert len(larger.triplets) == TRIPLETS
    assert len(np.unique(larger.triplets, axis=0)) == TRIPLETS
    assert len(np.unique(larger.triplets[:, 0])) == 40
    assert np.array_equal(larger.triplets, draw_pool(library, weighed_facets(library)).triplets)


def test_copies_of_one_sound_and_silence_are_not_asked_about(library):
    first = library.tracks()[0]
    vectors = library.store.excerpts([first.id])[first.id]
    library.store.add([AnalysedTrack(replace(first, path="/music/copy.wav", id=0), vectors)])
    nothing = FacetVectors(np.zeros(0), np.zeros(0), {f: np.zeros((0, library.space.dim)) for f in vectors.vectors})
    library.store.add([AnalysedTrack(Track(path="/music/silence.wav", audio_hash="s", silent=True), nothing)])
    assert len(draw_pool(library, weighed_facets(library)).excerpts) == 10


def test_a_library_of_two_tracks_has_nothing_to_ask(tmp_path):
    with Library(tmp_path / "small") as library:
        fill(library, 2)
        with pytest.raises(UsageError, match=r"Only 2 tracks.*three"):
            Session(library)


def test_excerpts_that_were_heard_differ_as_the_pool_says(library):
    pool, gaps = draw_pool(library, weighed_facets(library)), Gaps(library, weighed_facets(library))
    for row in range(0, len(pool.triplets), 40):
        x, a, b = (pool.excerpts[place].name for place in pool.triplets[row])
        assert gaps.of((x, a, b)) == pytest.approx(pool.differences[row], abs=1e-4)
        assert gaps.of((x, b, a)) == pytest.approx(-pool.differences[row], abs=1e-4)


def test_whole_tracks_differ_as_a_comparison_says(library):
    gap = Gaps(library, weighed_facets(library)).of(("1", "2", "3"))
    near, far = (library.compare(1, other).facets for other in (2, 3))
    expected = [near[facet].standardised - far[facet].standardised for facet in weighed_facets(library)]
    assert gap == pytest.approx(expected, abs=1e-9)


def test_every_answer_is_on_the_disk_at_once_and_a_new_session_goes_on(library):
    session = Session(library)
    listen(session, 5)
    assert len(Answers(library.folder).read()) == 5
    waiting = session.question()
    again = Session(library)
    assert again.question() == waiting
    assert again.judgments == session.judgments
    assert again.judgments[0].context["date"]


def test_an_answer_taken_back_is_forgotten_and_asked_for_again(library):
    session = Session(library)
    listen(session, 2)
    asked = session.question()
    session.answer("tie")
    assert session.undo().answer == "tie"
    assert session.question() == asked
    assert len(Answers(library.folder).read()) == 2
    assert Session(library).undo() == session.judgments[-1]
    session = Session(library)
    session.undo()
    assert not Answers(library.folder).path.exists()
    with pytest.raises(UsageError, match="no answer to take back"):
        session.undo()


def test_what_is_skipped_comes_no_more_and_is_no_answer(library):
    session = Session(library)
    keys = set()
    for _ in range(20):
        asked = session.question()
        keys.add((asked.reference.track.id, frozenset((asked.a.track.id, asked.b.track.id))))
        session.skip()
    assert len(keys) == 20
    assert session.judgments == ()


def test_no_question_comes_twice_but_repeats_and_these_come_in_time(library):
    session = Session(library)
    seen: dict[tuple, int] = {}
    repeats = 0
    for number in range(3 * REPEAT_EVERY):
        asked = session.question()
        key = (asked.reference.track.id, frozenset((asked.a.track.id, asked.b.track.id)))
        assert asked.repeat == (key in seen)
        if asked.repeat:
            assert number - seen[key] > 4
            repeats += 1
        seen[key] = number
        session.answer("na" if number == 1 else "a")
    assert repeats == 3
    assert session.statistics.repeats == 3
    assert session.statistics.not_applicable == 1


def test_candidates_take_either_place_and_references_take_turns(library):
    session = Session(library)
    listen(session, 24)
    own = session.judgments
    assert 0.2 < np.mean([int(parse_name(one.a)[0][13:-4]) < int(parse_name(one.b)[0][13:-4]) for one in own]) < 0.8
    assert len({one.reference for one in own}) == 10


def test_listeners_and_criteria_are_told_apart(library):
    listen(Session(library), 3)
    listen(Session(library, listener="anna"), 2)
    listen(Session(library, criterion="melody"), 1)
    assert [len(Session(library, **who).judgments) for who in ({}, {"listener": "anna"}, {"criterion": "melody"})] == [
        3, 2, 1,
    ]  # fmt: skip
    with pytest.raises(UsageError, match="not a criterion"):
        Session(library, criterion="loudness")
    with pytest.raises(UsageError, match="no name"):
        Session(library, listener=" ")


def test_two_who_answer_at_the_same_time_lose_nothing(library):
    one, other = Session(library, listener="one"), Session(library, listener="other")
    for _ in range(3):
        listen(one, 1)
        listen(other, 1)
    assert sorted(judgment.listener for judgment in Answers(library.folder).read()) == ["one"] * 3 + ["other"] * 3


def test_all_questions_of_a_small_library_end(tmp_path):
    with Library(tmp_path / "small") as library:
        fill(library, 3)
        session = Session(library)
        listen(session, 3)
        with pytest.raises(UsageError, match="All 3 questions"):
            session.question()


def test_answers_are_merged_once(library, tmp_path):
    listen(Session(library), 10)
    answers = Answers(library.folder)
    known = answers.read()
    write_judgments(tmp_path / "out.csv", known)
    assert answers.merge(read_judgments(tmp_path / "out.csv")) == 0
    assert answers.merge([replace(known[0], listener="anna"), known[0]]) == 1
    assert answers.read() == [*known, replace(known[0], listener="anna")]
    assert Answers(tmp_path).merge(known) == 10
    assert Answers(tmp_path).read() == known


def test_the_weights_of_a_listener_come_back(library):
    listen(Session(library), 60, noise=0.5)
    outcome = calibrate_library(library, resamples=100)
    found = {facet.short: weight for facet, weight in outcome.calibration.facets.items()}
    assert found["melody"].weight.value > found["timbre"].weight.value > found["rhythm"].weight.value
    assert found["timbre"].weight.value > found["harmony"].weight.value
    truth = np.array(list(TASTE.values())) / np.mean(list(TASTE.values()))
    assert np.array([each.weight.value for each in found.values()]) == pytest.approx(truth, abs=0.5)
    assert found["melody"].weight.low > 1.0
    assert outcome.calibration.gain.interval.value > 0
    assert "one listener" in " ".join(outcome.remarks)
    assert "more answers would halve" in outcome.next_step or "add more" in outcome.next_step


def test_chosen_questions_tell_more_than_drawn_ones(library):
    listen(Session(library), 40, noise=0.5)
    asked = calibrate_library(library, resamples=100)
    session = Session(library, listener="drawn")
    rng = np.random.default_rng(3)
    for row in rng.permutation(len(session._pool.triplets))[:40]:
        session._question = None
        x, a, b = (session._pool.excerpts[i] for i in session._pool.triplets[row])
        gap = session._gaps.of((x.name, a.name, b.name)) @ list(TASTE.values()) + 0.5 * rng.logistic()
        answer = "a" if gap > 0 else "b"
        session.answers.add(Judgment(x.name, a.name, b.name, "overall", answer, listener="drawn"))
    drawn = calibrate_library(library, listener="drawn", resamples=100)

    def width(outcome):
        return np.mean([each.high - each.low for each in outcome.calibration.intervals.values()])

    assert width(asked) < width(drawn)


def test_guesses_claim_no_gain_and_their_contradictions_are_told(library):
    session, rng = Session(library), np.random.default_rng(5)
    for _ in range(40):
        asked = session.question()
        if asked.repeat:
            (before,) = [
                one for one in session.judgments
                if one.reference == asked.reference.name and {one.a, one.b} == {asked.a.name, asked.b.name}
            ]  # fmt: skip
            chosen = before.a if before.answer == "a" else before.b
            session.answer("b" if chosen == asked.a.name else "a")
        else:
            session.answer("a" if rng.random() < 0.5 else "b")
    outcome = calibrate_library(library, resamples=100)
    assert not outcome.calibration.gain.is_shown
    assert "'me' gave the same answer again to 0 % of 5 repeats" in " ".join(outcome.remarks)
    assert "not shown to do better than chance" in " ".join(outcome.remarks)


def test_ties_too_few_references_and_no_answers_are_refused_with_what_to_do(library):
    with pytest.raises(UsageError, match=r"no answers for 'overall' beside this library\. Judge some"):
        calibrate_library(library)
    session = Session(library)
    for _ in range(4):
        session.answer("tie")
    with pytest.raises(UsageError, match=r"on 4 references: too few.*Judge more"):
        calibrate_library(library)
    for _ in range(3):
        session.answer("tie")
    with pytest.raises(UsageError, match="all are ties"):
        calibrate_library(library)
    with pytest.raises(UsageError, match=r"'melody' by anna.*There are answers for 'overall' by me"):
        calibrate_library(library, criterion="melody", listener="anna")


def test_answers_on_tracks_that_are_gone_are_left_out_and_counted(library):
    listen(Session(library), 24)
    library.remove([library.tracks()[0].id])
    outcome = calibrate_library(library, model=Model("ridge", alpha=1.0), resamples=50)
    assert 0 < outcome.gone < 24
    assert f"{outcome.gone} answers are on tracks that are no longer" in outcome.remarks[0]
    assert outcome.calibration.votes + outcome.gone <= 24
    Session(library).question()
    library.remove([track.id for track in library.tracks()])
    with pytest.raises(UsageError, match="All 24 answers are on tracks that are no longer"):
        calibrate_library(library)


def test_a_cut_is_the_excerpt_at_a_loudness_that_all_have(tmp_path):
    write_tune(tmp_path / "t.wav", 0)
    samples, rate = soundfile.read(tmp_path / "t.wav")
    soundfile.write(tmp_path / "soft.wav", samples * 0.1, rate)
    levels = []
    for name in ("t.wav", "soft.wav"):
        players.cut(Excerpt(Track(path=str(tmp_path / name)), 1.0, 3.0), tmp_path / "X.wav")
        heard, _ = soundfile.read(tmp_path / "X.wav")
        assert len(heard) == 2 * rate
        assert np.corrcoef(heard, samples[rate : 3 * rate])[0, 1] > 0.999
        levels.append(np.sqrt(np.mean(heard**2)))
    assert levels[0] == pytest.approx(levels[1], rel=0.01)


def test_the_first_player_that_is_there_is_taken(monkeypatch):
    there = {"mpv": "/bin/mpv", "aplay": "/bin/aplay"}
    monkeypatch.setattr(players.shutil, "which", there.get)
    assert players.find_player() == ("/bin/mpv", "--no-video", "--really-quiet")
    monkeypatch.setattr(players.shutil, "which", lambda _: None)
    assert players.find_player() is None


def test_a_player_that_cannot_play_is_known_to_have_failed(monkeypatch):
    asked = []

    def run(command, **_):
        asked.append(command)
        return subprocess.CompletedProcess(command, len(asked) - 1)

    monkeypatch.setattr(players.subprocess, "run", run)
    assert players.play(("/bin/mpv", "-q"), Path("X.wav"))
    assert not players.play(("/bin/mpv", "-q"), Path("X.wav"))
    assert asked[0] == ["/bin/mpv", "-q", "X.wav"]
