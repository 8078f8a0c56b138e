"""Judgments: their files, the consensus of listeners, and how each listener answered."""

from __future__ import annotations

import dataclasses
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import NotFoundError, SoundalikeError, UsageError
from soundalike.facets import FACTORS
from soundalike.judgment_files import COLUMNS, read_judgments, write_judgments
from soundalike.judgments import ANSWERS, FIRST, JudgedTriplet, Judgment, consensus, keep, listener_statistics


def judge(answer, *, a="a", b="b", listener="", criterion="overall", strength=1.0, **context):
    return Judgment("x", a, b, criterion, answer, strength, listener, context)


HEADER = "reference,a,b,criterion,answer,strength,listener,stem\n"


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "judgments.csv"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write


# files

text = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=8)
names = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=8).filter(lambda name: name not in COLUMNS)
made = st.builds(
    Judgment,
    *(text, text.map("a{}".format), text.map("b{}".format)),
    criterion=st.sampled_from(FACTORS),
    answer=st.sampled_from(ANSWERS),
    strength=st.floats(0, 1),
    listener=st.text(st.characters(codec="utf-8", exclude_characters="\x00"), max_size=8),
    context=st.dictionaries(names.filter(lambda name: name != FIRST), text, max_size=3),
)


@settings(max_examples=30)
@given(st.lists(made, min_size=1, max_size=5))
def test_what_is_written_is_read_back_as_it_was(tmp_path_factory, judgments):
    path = tmp_path_factory.mktemp("written") / "judgments.csv"
    write_judgments(path, judgments)
    assert read_judgments(path) == judgments
    assert [file.name for file in path.parent.iterdir()] == ["judgments.csv"]


def test_strength_and_listener_may_be_missing_and_columns_stand_in_any_order(write):
    (judgment,) = read_judgments(write("answer,criterion,b,a,reference\nA,Timbre,2,1,0\n"))
    assert judgment == Judgment("0", "1", "2", "timbre", "a", 1.0, "", {})


@pytest.mark.parametrize("written", ["NA", "na", " Na "])
def test_na_is_an_answer_and_not_a_missing_value(write, written):
    (judgment,) = read_judgments(write(f"{HEADER}x,a,b,melody,{written},,,\n"))
    assert judgment.answer == "na"


def test_names_that_look_like_missing_values_stay_names(write):
    (judgment,) = read_judgments(write(f"{HEADER}NA,nan,null,melody,a,,NaN,None\n"))
    assert (judgment.reference, judgment.a, judgment.b, judgment.listener) == ("NA", "nan", "null", "NaN")
    assert judgment.context == {"stem": "None"}


def test_a_byte_order_mark_and_blank_lines_do_not_matter(write):
    path = write(b"\xef\xbb\xbf" + f"{HEADER}\r\n\nx,a,b,overall,b,0.5,me,drums\r\n".encode())
    assert read_judgments(path) == [judge("b", strength=0.5, listener="me", stem="drums")]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "is empty"),
        ("\n", "is empty"),
        (HEADER, "holds no judgments"),
        ("reference,a,criterion,answer\n", "no column b; it has reference, a, criterion, answer"),
        (f"{HEADER}x,a,b,overall,a,,,\nx,a,b,overall,C,,,\n", "line 3, has the answer 'C'. Known: a, b, tie, na"),
        (f"{HEADER}x,a,b,overall,,,,\n", "line 2, has the answer ''"),
        (f"{HEADER}x,a,b,colour,a,,,\n", "line 2 has the criterion 'colour'. Known: overall, melody"),
        (f"{HEADER}x,a,b,overall,a,loud,,\n", "line 2, has the strength 'loud'"),
        (f"{HEADER}x,a,b,overall,a,nan,,\n", "line 2 has the strength nan"),
        (f"{HEADER}x,a,b,overall,a,2,,\n", "line 2 has the strength 2"),
        (f"{HEADER}x,a,b,overall,a\n", "line 2, has 5 cells. Give one for each of the 8 columns"),
        (f"{HEADER}x,a,b,overall,a,,,,,\n", "line 2, has 10 cells"),
        (f"{HEADER}x,a,a,overall,a,,,\n", "line 2 has 'a' as A and as B"),
        (f"{HEADER},a,b,overall,a,,,\n", "line 2 does not say what was heard"),
        (f'{HEADER}"x\ny",a,b,overall,a,,,\nx,a,b,overall,?,,,\n', "line 4, has the answer '?'"),
        (f'{HEADER}"x,a,b,overall,a,,,\n', "is no CSV"),
        ("reference,a,b,criterion,answer,first\nx,a,b,overall,a,c\n", "line 2 has 'c' as what was first"),
        ("reference,a,b,criterion,answer,stem,stem\n", "has the column 'stem' twice"),
        (b"\xff\xfe\x00", "it is not in UTF-8"),
    ],
)
def test_a_file_that_does_not_fit_is_refused_with_its_line_and_a_remedy(write, content, says):
    with pytest.raises(UsageError) as caught:
        read_judgments(write(content))
    assert says in str(caught.value)
    assert "judgments.csv" in caught.value.message
    assert caught.value.remedy


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(NotFoundError, match=r"nowhere\.csv"):
        read_judgments(tmp_path / "nowhere.csv")


@pytest.mark.parametrize(
    "wrong", [judge("c"), judge("a", criterion="colour"), judge("a", b="a"), judge("a", strength=-1), judge("a", a="")]
)
def test_what_could_not_be_read_back_is_not_written_and_the_old_file_stays(tmp_path, wrong):
    path = tmp_path / "judgments.csv"
    write_judgments(path, [judge("a")])
    before = path.read_bytes()
    with pytest.raises(SoundalikeError, match="Judgment 2"):
        write_judgments(path, [judge("a"), wrong])
    assert path.read_bytes() == before


def test_context_cannot_take_the_name_of_a_column(tmp_path):
    with pytest.raises(UsageError, match="context called 'strength'"):
        write_judgments(tmp_path / "judgments.csv", [dataclasses.replace(judge("a"), context={"strength": "1"})])


# consensus


def test_both_presentation_orders_are_one_triplet_on_the_sides_of_the_first():
    (triplet,) = consensus([judge("a"), judge("b", a="b", b="a"), judge("a", a="b", b="a")])
    assert (triplet.a, triplet.b, triplet.votes_a, triplet.votes_b) == ("a", "b", 2, 1)


def test_orders_can_be_kept_apart():
    triplets = consensus([judge("a"), judge("b", a="b", b="a")], both_orders=False)
    assert [(triplet.a, triplet.votes_a, triplet.votes_b) for triplet in triplets] == [("a", 1, 0), ("b", 0, 1)]


def test_the_order_presented_can_keep_canonical_triplets_apart():
    triplets = consensus([judge("a", first="a"), judge("a", first="b"), judge("b")], apart=(FIRST,))
    assert [(triplet.a, triplet.votes_a, triplet.votes_b) for triplet in triplets] == [("a", 1, 1), ("a", 1, 0)]


def test_ties_and_answers_that_do_not_apply_are_no_votes():
    (triplet,) = consensus([judge(answer) for answer in ("a", "tie", "na", "na", "b", "a")])
    assert (triplet.votes_a, triplet.votes_b, triplet.ties, triplet.not_applicable) == (2, 1, 1, 2)
    assert triplet.votes == 3
    assert triplet.agreement == pytest.approx(2 / 3)


def test_only_votes_of_more_than_half_strength_are_strong():
    (triplet,) = consensus([judge("a", strength=0.5), judge("a", strength=0.6), judge("b"), judge("na")])
    assert (triplet.strong_a, triplet.strong_b) == (1, 1)


def test_criteria_stems_and_other_columns_keep_triplets_apart():
    judgments = [judge("a"), judge("a", criterion="timbre"), judge("a", stem="drums"), judge("b", stem="bass", day="1")]
    assert len(consensus(judgments)) == 4
    assert len(consensus(judgments, apart=())) == 2
    assert len(consensus([*judgments, judge("a", stem="bass", day="2")], apart=("stem", "day"))) == 5


def test_a_triplets_context_is_what_all_its_judgments_share():
    (triplet,) = consensus([judge("a", stem="bass", day="1", room="2"), judge("b", stem="bass", day="2")])
    assert triplet.context == {"stem": "bass"}


def test_a_listener_has_one_vote_and_the_first_answer_counts():
    judgments = [judge("a", listener="me"), judge("b", listener="me"), judge("b", listener="you")]
    (triplet,) = consensus(judgments)
    assert (triplet.votes_a, triplet.votes_b) == (1, 1)
    (unnamed,) = consensus([judge("a"), judge("a")])
    assert unnamed.votes_a == 2


@given(st.lists(st.tuples(st.sampled_from(ANSWERS), st.booleans()), min_size=1), st.randoms())
def test_neither_the_order_of_judgments_nor_the_place_of_candidates_changes_what_is_agreed(answers, shuffle):
    judgments = [judge(answer).turned() if turned else judge(answer) for answer, turned in answers]
    shuffled = list(judgments)
    random.Random(shuffle.random()).shuffle(shuffled)
    (one,), (other,) = consensus(judgments), consensus(shuffled)
    assert one.agreement == other.agreement
    assert one.sign * (1 if one.a == "a" else -1) == other.sign * (1 if other.a == "a" else -1)
    assert (one.ties, one.not_applicable) == (other.ties, other.not_applicable)


def test_turning_twice_changes_nothing():
    judgment = judge("a", first="b", stem="drums")
    assert judgment.turned() == Judgment("x", "b", "a", "overall", "b", 1.0, "", {"first": "a", "stem": "drums"})
    assert judgment.turned().turned() == judgment


def votes(a, b):
    return JudgedTriplet("x", "a", "b", "overall", a, b)


def test_the_boundary_of_agreement_is_kept_and_ties_vanish():
    triplets = [votes(3, 1), votes(1, 4), votes(2, 1), votes(2, 2), votes(0, 0), votes(1, 0)]
    assert keep(triplets, 0.75) == [votes(3, 1), votes(1, 4), votes(1, 0)]
    assert keep(triplets, 0.8) == [votes(1, 4), votes(1, 0)]
    assert keep(triplets, 0.0) == [votes(3, 1), votes(1, 4), votes(2, 1), votes(1, 0)]
    with pytest.raises(UsageError, match="agreement of 80"):
        keep(triplets, 80)


# listeners


def test_one_versus_rest_leaves_the_own_vote_out_and_counts_ties_half():
    judgments = [judge(answer, listener=str(i)) for i, answer in enumerate("aab")]
    agreement = {name: found.agreement for name, found in listener_statistics(judgments).items()}
    assert agreement == {"0": 0.5, "1": 0.5, "2": 0.0}
    judgments += [judge("a", listener="3"), judge("na", listener="4")]
    assert listener_statistics(judgments)["0"].agreement == 1.0
    assert listener_statistics(judgments)["4"].agreement is None


def test_who_answered_alone_agrees_with_nobody_and_disagrees_with_nobody():
    found = listener_statistics([judge("a", listener="me")])["me"]
    assert (found.judgments, found.votes, found.agreement, found.consistency, found.first) == (1, 1, None, None, 1.0)


def test_repeats_are_compared_with_the_first_answer_in_either_order():
    judgments = [judge("a", listener="me"), judge("b", a="b", b="a", listener="me"), judge("b", listener="me")]
    found = listener_statistics(judgments)["me"]
    assert (found.judgments, found.repeats, found.consistency) == (3, 2, 0.5)


def test_first_position_bias_follows_what_was_presented_first():
    canonical = [judge("a", listener="me", first="b"), judge("b", listener="me", first="b", stem="bass")]
    shown = [judge("a", listener="you"), judge("a", a="b", b="a", listener="you"), judge("tie", listener="you")]
    found = listener_statistics([*canonical, *shown])
    assert (found["me"].first, found["you"].first) == (0.5, 1.0)
    assert (found["you"].votes, found["you"].ties) == (2, 1)


def test_unnamed_listeners_vote_but_have_no_statistics():
    found = listener_statistics([judge("a"), judge("a"), judge("b", listener="me")])
    assert list(found) == ["me"]
    assert found["me"].agreement == 0.0
