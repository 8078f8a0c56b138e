from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soundalike.errors import UnknownNameError, UsageError
from soundalike.filters import (
    EXAMPLES,
    AllOf,
    AnyOf,
    Filter,
    HasTag,
    Not,
    OneOf,
    Prefix,
    Range,
    fold,
    matches,
    parse_filter,
)
from soundalike.tracks import Track

TRACK = Track(
    "/music/loops/a.wav",
    duration=12.0,
    tempo=120.0,
    key="A minor",
    artist="Kevin MacLeod",
    album="Ünïcode",
    title="So What",
    tags=("jazz", "cool"),
    family="drums",
    kind="one-shot",
)
BARE = Track("/music/b.wav")


def passes(text: str, track: Track = TRACK) -> bool:
    where = parse_filter([text])
    assert where is not None
    return matches(where, track)


@pytest.mark.parametrize(
    "text",
    [
        "tempo=118..124",
        "tempo=120..120",
        "tempo=..120",
        "tempo=120..",
        "tempo=120",
        "tempo>=120",
        "tempo<=120",
        "tempo<120.001",
        "tempo!=121..130",
        "duration>0:11",
        "duration=0:12",
        "duration<1:00:00",
        " Duration < 12.5 ",
        "key=8A",
        "key=Am",
        "key=C major|a minor",
        "artist=kevin macleod",
        "ARTIST=KEVIN MACLEOD | nobody",
        "album=U\u0308NI\u0308CODE",
        "title!=Blue in Green",
        "tag=jazz",
        "tag=rock|Cool",
        "tag!=rock",
        "path=/music",
        "path=/music/loops/",
        "path=/music/loops/a.wav",
        "path=/music/../music/loops",
        "path!=/music/loo",
        "path=/",
        "family=drums",
        "family=Bass | DRUMS",
        "family!=bass",
        "kind=one-shot",
        "kind=One Shot",
        "kind=loop|oneshot",
        "kind!=loop",
    ],
)
def test_condition_holds(text: str) -> None:
    assert passes(text)


@pytest.mark.parametrize(
    "text",
    [
        "tempo=121..124",
        "tempo=..119.99",
        "tempo=121",
        "tempo>120",
        "tempo<120",
        "tempo!=120",
        "duration<12",
        "duration>=0:12.5",
        "key=8B",
        "key!=A minor",
        "artist=kevin",
        "tag=jaz",
        "tag!=jazz",
        "path=/music/loo",
        "path=/music/loops/a",
        "path=/MUSIC",
        "path!=/music",
        "family=bass|mix",
        "family!=drums",
        "kind=loop",
        "kind!=one-shot",
    ],
)
def test_condition_does_not_hold(text: str) -> None:
    assert not passes(text)


@pytest.mark.parametrize("text", ["tempo=0..999", "key=8A", "artist=x", "tag=jazz", "family=mix", "kind=loop"])
def test_a_track_without_the_value_fails_and_passes_the_negation(text: str) -> None:
    assert not passes(text, BARE)
    assert passes(text.replace("=", "!=", 1), BARE)


def test_a_plain_number_means_whatever_rounds_to_it() -> None:
    assert parse_filter(["tempo=120"]) == Range("tempo", 119.5, 120.5)
    assert parse_filter(["tempo=120.5"]) == Range("tempo", 120.45, 120.55)


def test_several_conditions_must_all_hold() -> None:
    where = parse_filter(["tag=jazz", "tempo<100", "key=8A"])
    assert isinstance(where, AllOf)
    assert len(where.parts) == 3
    assert not matches(where, TRACK)
    assert parse_filter([]) is None


def test_alternatives_may_be_written_with_a_bar() -> None:
    assert parse_filter(["artist=A|b"]) == OneOf("artist", ("A", "b"))
    assert parse_filter(["tag=x|y"]) == AnyOf((HasTag("x"), HasTag("y")))
    assert parse_filter(["path=/a|b"]) == Prefix("/a|b")
    assert parse_filter(["key!=8A|5A"]) == Not(OneOf("key", ("A minor", "C minor")))


def test_home_and_relative_paths_become_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert parse_filter(["path=~/loops"]) == Prefix(str(tmp_path / "loops"))
    assert parse_filter(["path=loops"]) == Prefix(str(tmp_path / "loops"))


def test_paths_need_not_be_utf8() -> None:
    track = Track(os.fsdecode(b"/music/caf\xe9/x.wav"))
    assert passes(os.fsdecode(b"path=/music/caf\xe9"), track)
    assert not passes(os.fsdecode(b"path=/music/caf\xe8"), track)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "tempo",
        "tempo=",
        "=3",
        "tempo=fast",
        "tempo=nan",
        "tempo=inf",
        "tempo=..",
        "tempo=124..118",
        "tempo=1:30",
        "tempo~120",
        "duration<1:xx",
        "key=H minor",
        "key<8A",
        "tag=",
        "tag=jazz||rock",
        "tag=jazz|",
        "path<3",
    ],
)
def test_malformed_conditions_are_refused_with_the_text_and_an_example(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_filter([text])
    assert f"'{text}'" in caught.value.message
    assert any(example in caught.value.remedy for example in EXAMPLES.values())


@pytest.mark.parametrize(
    ("text", "known"), [("family=drum|kazoo", "drums, bass, vocals"), ("kind!=song", "loop, one-shot")]
)
def test_unknown_words_are_refused_with_those_that_are_known(text: str, known: str) -> None:
    with pytest.raises(UsageError, match=known):
        parse_filter([text])


def test_unknown_fields_are_refused_with_a_hint() -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'artist'"):
        parse_filter(["artists=Ann"])


@pytest.mark.parametrize("example", EXAMPLES.values())
def test_every_example_can_be_read(example: str) -> None:
    assert parse_filter([example]) is not None


def test_fold_joins_spellings_of_one_text() -> None:
    assert fold(" Stra\u00dfe") == fold("STRASSE")
    assert fold("e\u0301") == fold("\u00c9")
    assert fold("\uff21") == fold("a")
    assert fold("a") != fold("b")
    fold("\udcff\0").encode("utf-8")


TEXTS = st.sampled_from(["ann", "Ann", "ANN ", "bob", "", "é", "e\u0301", "\udcff", "a\0b", "%", "'"])
PATHS = st.sampled_from(["/m", "/m/a", "/m/a/x.wav", "/m/ab", "/m/ab/y.wav", "/m/a0", "/m/a\udcff/z", "/n", "/"])
NUMBERS = st.sampled_from([-1.0, 0.0, 100.0, 120.0, 120.5])

FILTERS: st.SearchStrategy[Filter] = st.recursive(
    st.builds(Range, st.sampled_from(["tempo", "duration"]), NUMBERS, NUMBERS)
    | st.builds(Range, st.just("tempo"))
    | st.builds(
        OneOf,
        st.sampled_from(["key", "artist", "album", "title", "family", "kind"]),
        st.lists(TEXTS, max_size=3).map(tuple),
    )
    | st.builds(Prefix, PATHS)
    | st.builds(HasTag, TEXTS),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(AllOf, st.lists(inner, max_size=3).map(tuple))
        | st.builds(AnyOf, st.lists(inner, max_size=3).map(tuple))
    ),
    max_leaves=8,
)
TRACKS = st.builds(
    Track,
    PATHS,
    duration=st.sampled_from([0.0, 100.0, 120.5]),
    tempo=st.none() | NUMBERS,
    key=st.none() | TEXTS,
    artist=TEXTS,
    album=TEXTS,
    title=TEXTS,
    tags=st.lists(TEXTS, max_size=3).map(tuple),
    family=TEXTS,
    kind=TEXTS,
)


@settings(max_examples=200, deadline=None)
@given(where=FILTERS, track=TRACKS)
def test_negation_is_the_opposite(where: Filter, track: Track) -> None:
    assert matches(Not(where), track) is not matches(where, track)
    assert matches(AllOf((where, Not(where))), track) is False
    assert matches(AnyOf((where, Not(where))), track) is True


def test_every_family_that_is_heard_can_be_filtered_by() -> None:
    from soundalike import family, tracks

    assert family.FAMILIES == tracks.FAMILIES
