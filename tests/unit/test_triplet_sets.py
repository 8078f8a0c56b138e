"""Rules of sets of triplets."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soundalike.errors import ShapeError, UsageError
from soundalike.research.triplets.sets import (
    ClipNotes,
    Listed,
    Members,
    TripletSet,
    assemble,
    expand,
    merge_sets,
    read_set,
    write_set,
)


def listed(name: str, positives: int = 2, negatives: int = 1, label: str = "") -> Listed:
    def clips(what: str, count: int) -> tuple[str, ...]:
        return tuple(f"{name}/{what}{i}" for i in range(count))

    return Listed(name, f"{name}/a", clips("p", positives), clips("n", negatives), label)


def make(*folders: Listed, missing: tuple[str, ...] = (), dim: int = 3, encoder: str = "e-1") -> TripletSet:
    clips = [clip for folder in folders for clip in folder.clips if clip not in missing]
    rng = np.random.default_rng(len(clips))
    rows = {clip: rng.random(dim).astype(np.float32) for clip in clips}
    return assemble("melody", encoder, folders, rows, {clips[0]: ClipNotes(("song",), "recorded", 99.5)})


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 3)), min_size=1, max_size=4), st.booleans())
def test_a_folder_has_k_squared_triples_for_each_negative(sizes, every):
    triplets = make(*(listed(f"f{i}", *size) for i, size in enumerate(sizes)))
    found = triplets.triples(all_negatives=every)
    assert len(found) == sum(k * k * (n if every else 1) for k, n in sizes)
    assert found.by_anchor.sum() == sum(k * (n if every else 1) for k, n in sizes)
    for row in range(len(found)):
        folder = triplets.folders[found.folder[row]]
        assert found.positive[row] in folder.positives
        assert found.negative[row] in folder.negatives
        assert found.anchor[row] != found.positive[row]
        assert (found.anchor[row] == folder.anchor) == found.by_anchor[row]
        assert found.negative[row] == folder.negatives[found.rank[row]]


def test_triples_of_no_folder_are_none():
    assert len(expand([])) == 0


def test_a_positive_without_embedding_is_left_out_and_a_folder_without_anchor_or_negative_too():
    one, two, three = listed("f1", 3), listed("f2"), listed("f3", negatives=2)
    triplets = make(one, two, three, missing=("f1/p1", "f2/a", "f3/n1"))
    assert [folder.name for folder in triplets.folders] == ["f1", "f3"]
    assert [triplets.clips[p] for p in triplets.folders[0].positives] == ["f1/p0", "f1/p2"]
    assert len(triplets.folders[1].negatives) == 1
    assert not make(three, missing=("f3/n0",)).folders  # the second negative does not take the place of MERIT's
    assert not make(two, missing=("f2/p0", "f2/p1")).folders


def test_embeddings_of_unequal_lengths_are_refused():
    rows = {clip: np.zeros(2 + (clip == "f/a"), np.float32) for clip in listed("f").clips}
    with pytest.raises(ShapeError, match=r"lengths \[2, 3\]"):
        assemble("melody", "e", [listed("f")], rows)


def test_a_folder_that_names_clips_which_are_not_there_is_refused():
    with pytest.raises(ShapeError, match="'x' has the clips"):
        replace(make(listed("f")), folders=(Members("x", 0, (1,), (17,)),))


def test_a_set_that_is_written_is_read_back(tmp_path):
    triplets = make(listed("f1", label="piano"), listed("f2", 3, 2))
    write_set(tmp_path / "set.npz", triplets)
    found = read_set(tmp_path / "set.npz")
    assert np.array_equal(found.embeddings, triplets.embeddings)
    assert found.folders == triplets.folders
    assert (found.clips, found.notes, found.factor, found.encoder) == (
        triplets.clips,
        triplets.notes,
        triplets.factor,
        triplets.encoder,
    )


@pytest.mark.parametrize("content", [b"", b"nonsense", b"PK\x03\x04 cut"])
def test_a_damaged_set_is_refused(content, tmp_path):
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(UsageError, match="damaged"):
        read_set(tmp_path / "set.npz")


def test_a_set_that_is_cut_short_is_refused_wherever_it_is_cut(tmp_path):
    write_set(tmp_path / "set.npz", make(listed("f1")))
    content = (tmp_path / "set.npz").read_bytes()
    for length in range(0, len(content), 37):
        (tmp_path / "cut.npz").write_bytes(content[:length])
        with pytest.raises(UsageError):
            read_set(tmp_path / "cut.npz")


def test_a_set_that_is_not_there_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="cannot be read"):
        read_set(tmp_path / "set.npz")


def test_merged_sets_are_as_if_they_had_been_one():
    folders = [listed(f"f{i}", 1 + i % 3) for i in range(5)]
    clips = [clip for folder in folders for clip in folder.clips]
    rows = {clip: np.full(2, i, np.float32) for i, clip in enumerate(clips)}

    def part(*chosen: Listed) -> TripletSet:
        return assemble("melody", "e", chosen, {clip: rows[clip] for folder in chosen for clip in folder.clips})

    whole = part(*folders)
    merged = merge_sets([part(*folders[:2]), part(*folders[2:])])
    assert (merged.clips, merged.folders) == (whole.clips, whole.folders)
    assert np.array_equal(merged.embeddings, whole.embeddings)
    backwards = merge_sets([part(*folders[2:]), part(*folders[:2])])
    assert [folder.name for folder in backwards.folders] == [folder.name for folder in whole.folders]


@pytest.mark.parametrize(
    ("others", "match"),
    [
        ([make(listed("f1"))], "folder 'f1'"),
        ([make(listed("f2"), encoder="e-2")], "by e-1 .*by e-2"),
        ([make(listed("f2"), dim=4)], r"\(3\).*\(4\)"),
    ],
)
def test_sets_that_do_not_fit_are_not_merged(others, match):
    with pytest.raises(UsageError, match=match):
        merge_sets([make(listed("f1")), *others])


def test_nothing_is_not_merged():
    with pytest.raises(UsageError, match="nothing"):
        merge_sets([])
