"""Rules of splits."""

from __future__ import annotations

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from soundalike.errors import UsageError
from soundalike.research.triplets.splits import (
    LARGEST,
    Split,
    connected,
    inner_split,
    measure_leak,
    read_split,
    split_by_folder,
    split_by_source,
    split_sources,
    write_split,
)

SONGS = [f"song {i}" for i in range(40)]
ROOTS = st.dictionaries(
    st.sampled_from(["melody", "rhythm", "timbre"]),
    st.lists(st.frozensets(st.sampled_from(SONGS), max_size=2), min_size=4, max_size=25),
    min_size=1,
)


def named(roots: dict[str, list[frozenset[str]]]) -> dict[str, dict[str, frozenset[str]]]:
    return {root: {f"triplets_{i}": own for i, own in enumerate(rows, start=1)} for root, rows in roots.items()}


def songs_on(side: str, sources, splits) -> set[str]:
    return {song for root, split in splits.items() for name in getattr(split, side) for song in sources[root][name]}


@given(ROOTS, st.sampled_from([0.1, 0.3, 0.5]), st.integers(0, 5))
def test_no_song_is_on_both_sides_of_any_factor(roots, fraction, seed):
    sources = named(roots)
    try:
        splits = split_by_source(sources, fraction=fraction, seed=seed)
    except UsageError:
        assume(False)
    assert not songs_on("train", sources, splits) & songs_on("test", sources, splits)
    for root, split in splits.items():
        assert sorted(split.train + split.test) == sorted(sources[root])
        assert split.train
        assert split.test
    assert splits == split_by_source(sources, fraction=fraction, seed=seed)


@given(ROOTS, st.sampled_from([0.1, 0.3]), st.integers(0, 5))
def test_with_folders_dropped_no_song_is_on_both_sides_either(roots, fraction, seed):
    sources = named(roots)
    try:
        splits = split_sources(sources, fraction=fraction, seed=seed)
    except UsageError:
        assume(False)
    train, test = (songs_on(side, sources, splits) for side in ("train", "test"))
    assert not train & test
    for root, split in splits.items():
        assert not set(split.train) & set(split.test)
        assert len(split.test) >= fraction * (len(split.test) + len(split.train))
        for name in set(sources[root]) - {*split.train, *split.test}:
            assert len(sources[root][name]) > 1  # only a folder of several songs is left out


def test_a_split_by_source_comes_near_to_the_share_that_is_wanted():
    sources = {
        "melody": {f"triplets_{i}": frozenset({f"s{i // 4}"}) for i in range(400)},
        "timbre": {f"triplets_{i}": frozenset({f"s{i // 2}"}) for i in range(200)},
    }
    for seed in range(5):
        splits = split_by_source(sources, fraction=0.1, seed=seed)
        assert abs(len(splits["melody"].test) - 40) <= 4
        assert abs(len(splits["timbre"].test) - 20) <= 2
    assert len({split_by_source(sources, seed=seed)["melody"] for seed in range(5)}) == 5


def test_folders_that_hang_together_through_another_factor_are_one_part():
    sources = {
        "melody": {"triplets_1": frozenset({"a", "b"}), "triplets_2": frozenset({"d"}), "triplets_3": frozenset()},
        "rhythm": {"triplets_1": frozenset({"b", "c"}), "triplets_2": frozenset({"c", "d"})},
    }
    parts = connected(sources)
    assert [len(part) for part in parts] == [4, 1]


def test_too_large_a_part_is_refused_with_its_size():
    sources = {"melody": {f"triplets_{i}": frozenset({"hub", f"s{i}"} if i < 6 else {f"s{i}"}) for i in range(10)}}
    assert LARGEST * 10 < 6
    with pytest.raises(UsageError, match="Of the 10 folders of melody, 6 hang together"):
        split_by_source(sources)
    splits = split_sources(sources, fraction=0.3)
    assert not songs_on("train", sources, splits) & songs_on("test", sources, splits)


def test_a_side_without_folders_is_refused():
    sources = {"melody": {f"triplets_{i}": frozenset({"one song"}) for i in range(4)}}
    with pytest.raises(UsageError, match="hang together"):
        split_by_source(sources)
    with pytest.raises(UsageError, match="leave"):
        split_sources(sources)
    with pytest.raises(UsageError, match="1 folders are to be split"):
        split_by_folder(["triplets_1"])


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 2])
def test_a_share_of_nothing_or_everything_is_refused(fraction):
    sources = {"melody": {f"triplets_{i}": frozenset({f"s{i}"}) for i in range(4)}}
    for split in (split_by_source, split_sources):
        with pytest.raises(UsageError, match="fraction"):
            split(sources, fraction=fraction)
    with pytest.raises(UsageError, match="fraction"):
        split_by_folder(["triplets_1", "triplets_2"], fraction=fraction)


@given(st.integers(2, 60), st.sampled_from([0.1, 0.5]), st.integers(0, 3))
def test_the_inner_split_uses_every_folder_once(count, fraction, seed):
    train, validation = inner_split(count, fraction=fraction, seed=seed)
    assert sorted(train + validation) == list(range(count))
    assert len(validation) == max(1, int(count * fraction))


def test_a_leak_is_the_share_of_test_folders_that_training_has_met():
    split = Split(("a", "b"), ("c", "d", "e", "not here"))
    sources = {name: frozenset(own) for name, own in {"a": "xy", "b": "z", "c": "yw", "d": "w", "e": ""}.items()}
    sounds = {"a": ["1", "2"], "b": ["3"], "c": ["2", "9"], "d": ["8", "3"], "e": ["7"]}
    leak = measure_leak(split, sources, sounds)
    assert leak.folders == 3
    assert leak.by_source == 0.5  # of c and d, whose sources are known
    assert leak.by_anchor == pytest.approx(1 / 3, abs=1e-5)  # only of c is the anchor in training
    assert measure_leak(split, sources).by_anchor is None
    assert measure_leak(split, dict.fromkeys(sources, frozenset())).by_source is None


def test_a_split_by_folder_leaks_where_songs_come_back():
    sources = {f"triplets_{i}": frozenset({f"s{i % 20}"}) for i in range(400)}
    assert measure_leak(split_by_folder(sources), sources).by_source == 1.0
    assert measure_leak(split_by_source({"m": sources})["m"], sources).by_source == 0.0


def test_a_split_is_written_as_merit_writes_it(tmp_path):
    split = split_by_folder([f"triplets_{i}" for i in range(20)])
    write_split(tmp_path / "s.json", split)
    text = (tmp_path / "s.json").read_text()
    assert text == json.dumps({"train": list(split.train), "test": list(split.test)}, indent=2)
    assert read_split(tmp_path / "s.json") == split


@pytest.mark.parametrize(
    "content", ["", "[]", '{"train": ["a"]}', '{"train": "a", "test": []}', '{"train": [1], "test": []}', "\x00"]
)
def test_what_is_no_split_is_refused(content, tmp_path):
    (tmp_path / "s.json").write_text(content)
    with pytest.raises(UsageError, match="is no split"):
        read_split(tmp_path / "s.json")


def test_a_folder_on_both_sides_is_refused(tmp_path):
    (tmp_path / "s.json").write_text('{"train": ["a", "b"], "test": ["b"]}')
    with pytest.raises(UsageError, match="has b on both sides"):
        read_split(tmp_path / "s.json")
    with pytest.raises(UsageError, match="cannot be read"):
        read_split(tmp_path / "none.json")
