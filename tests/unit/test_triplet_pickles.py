"""Rules of pickles that come from strangers."""

from __future__ import annotations

import os
import pickle
import random
from pathlib import Path

import numpy as np
import pytest

from soundalike.errors import CheckpointError, SoundalikeError, UsageError
from soundalike.research.triplets.pickles import (
    merge_pickles,
    read_folder_pickle,
    read_pickle,
    read_triplet_pickle,
    write_triplet_pickle,
)
from soundalike.research.triplets.sets import Listed, assemble
from soundalike.research.triplets.unpickling import read_plain_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)


def document(folders: int = 2, place: str = "r/melody_triplets", **other: object) -> dict[str, object]:
    rng = np.random.default_rng(0)
    records = []
    for i in range(1, folders + 1):
        inside = f"{place}/triplets_{i}/triplet"
        names = [f"{inside}/{name}.wav" for name in ("anchor", "positive_01", "positive_02", "negative")]
        records.append({"anchor": names[0], "positives": names[1:3], "negative": names[3]})
    clips = [clip for r in records for clip in (r["anchor"], *r["positives"], r["negative"])]
    return {
        "encoder": "mert",
        "model_id": "m",
        "embed_dim": 4,
        "embeddings": {clip: rng.random(4).astype(np.float32) for clip in clips},
        "triplets": records,
        **other,
    }


def saved(path: Path, what: object, protocol: int = 4) -> Path:
    path.write_bytes(pickle.dumps(what, protocol))
    return path


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_arrays_of_numbers_are_read_from_every_protocol(protocol, tmp_path):
    rng = np.random.default_rng(1)
    arrays = {
        "plain": rng.random(5).astype(np.float32),
        "columns": np.asfortranarray(rng.random((3, 4))),
        "swapped": rng.random(7).astype(">f4"),
        "whole": rng.integers(0, 9, 4),
        "none": np.zeros((0, 3), np.float32),
        "one": np.array(3.5),
        "half": rng.random(3).astype(np.float16),
    }
    what = {"nested": arrays, "number": np.float64(1.5), "texts": ["ä", b"\xff".decode("latin1")], "no": None, **arrays}
    found = read_plain_pickle(saved(tmp_path / "x.pkl", what, protocol))
    for name, array in arrays.items():
        for each in (found[name], found["nested"][name]):
            assert np.array_equal(each, array)
            assert each.shape == array.shape
            assert each.dtype == array.dtype.newbyteorder("=")
    assert found["number"] == 1.5
    assert found["texts"] == ["ä", "ÿ"]


@pytest.mark.parametrize("protocol", [0, 1, 2, 3])
def test_names_of_numpy_1_and_2_are_both_known(protocol, tmp_path):
    path = saved(tmp_path / "x.pkl", {"a": np.arange(3.0), "b": np.float32(2)}, protocol)
    new = path.read_bytes()
    old = new.replace(b"numpy._core", b"numpy.core")
    assert new != old
    for content in (old, old.replace(b"numpy.core", b"numpy._core")):
        path.write_bytes(content)
        found = read_plain_pickle(path)
        assert found["a"].tolist() == [0, 1, 2]
        assert found["b"] == 2


class Call:
    """Asks to have a function called when it is opened."""

    def __init__(self, function: object, *arguments: object) -> None:
        self.asked = (function, arguments)

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return self.asked  # type: ignore[return-value]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_pickle_that_wants_to_run_something_is_refused_and_nothing_runs(protocol, tmp_path):
    trace = tmp_path / "it ran"
    for bad in (
        Call(os.system, f"touch '{trace}'"),
        Call(eval, f"open({str(trace)!r}, 'w')"),
        Call(os.mkdir, str(trace)),
    ):
        path = saved(tmp_path / "bad.pkl", document(more=bad), protocol)
        with pytest.raises(CheckpointError, match=r"bad\.pkl' holds more than arrays and plain data \(\w+\.\w+\)"):
            read_pickle(path)
        assert not trace.exists()


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "array",
    [
        np.array([1, None], object),
        np.zeros(2, "M8[s]"),
        np.zeros(2, [("x", "f4")]),
        np.array(["text"]),
        np.array([b"text"]),
    ],
    ids=["objects", "dates", "records", "texts", "bytes"],
)
def test_arrays_of_anything_but_numbers_are_refused(array, protocol, tmp_path):
    with pytest.raises(CheckpointError, match="not of plain numbers"):
        read_plain_pickle(saved(tmp_path / "x.pkl", {"a": array}, protocol))


@pytest.mark.parametrize(
    "what",
    [
        [1],
        {(1, 2): 3},
        {"a": {1, 2}},
        {"a": frozenset({1})},
        {"a": Path("x")},
        {"a": Call(np.zeros, 10**9)},
        {"a": Call(bytearray, 10**9)},
    ],
)
def test_anything_but_mappings_of_plain_data_is_refused(what, tmp_path):
    with pytest.raises(CheckpointError):
        read_plain_pickle(saved(tmp_path / "x.pkl", what))


@pytest.mark.parametrize(
    "content",
    [
        b"\x80\x04\x8e" + (2**62).to_bytes(8, "little"),  # bytes without end
        b"\x80\x05\x96" + (2**40).to_bytes(8, "little"),  # a terabyte of zeros
        b"\x80\x04\x95" + (2**40).to_bytes(8, "little") + b"}.",  # a frame of a terabyte
        b"\x80\x04}r\xff\xff\xff\x7f.",  # a place in memory far away
        b"(" * 10**5 + b"t" * 10**5 + b".",  # nested beyond any depth
    ],
)
def test_nonsense_takes_no_memory_and_never_crashes(content, tmp_path):
    (tmp_path / "x.pkl").write_bytes(content)
    try:
        assert read_plain_pickle(tmp_path / "x.pkl") == {}
    except SoundalikeError as error:
        assert isinstance(error, CheckpointError)  # noqa: PT017


def test_tuples_within_tuples_are_no_keys(tmp_path):
    nested = b"0.", b"(K\x01K\x02t" + b"2\x86" * 60  # doubling takes for ever to be hashed
    (tmp_path / "x.pkl").write_bytes(b"\x80\x04}" + nested[1] + b"K\x01s.")
    with pytest.raises(CheckpointError, match="keys"):
        read_plain_pickle(tmp_path / "x.pkl")


def test_a_damaged_pickle_is_refused_or_read_but_never_crashes(tmp_path):
    content = pickle.dumps(document(), 4)
    path = tmp_path / "x.pkl"
    chance = random.Random(0)
    for attempt in range(200):
        changed = bytearray(content if attempt % 2 else content[: chance.randrange(1, len(content))])
        for _ in range(attempt % 4):
            changed[chance.randrange(len(changed))] = chance.randrange(256)
        path.write_bytes(bytes(changed))
        try:
            read_triplet_pickle(path, "melody")
        except SoundalikeError as error:
            assert isinstance(error, CheckpointError | UsageError)  # noqa: PT017


def test_what_a_failed_download_leaves_behind_is_refused(tmp_path):
    for content in (b"", b"<!DOCTYPE html>", b"version https://git-lfs.github.com/spec/v1"):
        (tmp_path / "x.pkl").write_bytes(content)
        with pytest.raises(CheckpointError):
            read_pickle(tmp_path / "x.pkl")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_pickle(tmp_path / "none.pkl")


@pytest.mark.parametrize(
    ("other", "match"),
    [
        ({"embeddings": [1]}, "no embeddings and triplets"),
        ({"embeddings": {"a": 1}}, "no embedding under 'a'"),
        ({"embeddings": {"a": np.zeros((2, 2))}}, "no embedding under 'a'"),
        ({"embed_dim": 5}, "other lengths than its embed_dim, 5"),
        ({"encoder": 3}, "no names"),
        ({"triplets": [{"anchor": "a"}]}, "a triplet without"),
        ({"triplets": ["a"]}, "no mappings"),
    ],
)
def test_pickles_of_another_kind_are_refused(other, match, tmp_path):
    with pytest.raises(CheckpointError, match=match):
        read_pickle(saved(tmp_path / "x.pkl", {**document(), **other}))


def test_a_set_is_written_and_read_back_with_its_own_name_of_the_encoder(tmp_path):
    for name in ("merit@01234567,padded=10", "embedded-2", "mert:m-a-p/MERT-v1-330M"):
        folders = [Listed(f"triplets_{i}", *_clips(f"triplets_{i}")) for i in (1, 2)]
        rows = {clip: np.full(3, i, np.float32) for i, clip in enumerate(c for f in folders for c in f.clips)}
        triplets = assemble("rhythm", name, folders, rows)
        write_triplet_pickle(tmp_path / "x.pkl", triplets, root="/data/rhythm")
        found = read_triplet_pickle(tmp_path / "x.pkl", "rhythm")
        assert (found.encoder, found.clips, found.folders) == (name, triplets.clips, triplets.folders)
        assert np.array_equal(found.embeddings, triplets.embeddings)


def _clips(name: str) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    inside = f"{name}/triplet"
    return (
        f"{inside}/anchor.wav",
        (f"{inside}/positive_01.wav", f"{inside}/positive_02.wav"),
        (f"{inside}/negative.wav",),
    )


def test_shards_of_different_extractions_are_not_merged(tmp_path):
    one = read_pickle(saved(tmp_path / "1.pkl", document(split_partition="train")))
    for other in ({"split_partition": "test"}, {"encoder": "clap"}, {"model_id": "n"}):
        two = read_pickle(saved(tmp_path / "2.pkl", {**document(split_partition="train"), **other}))
        with pytest.raises(UsageError, match="pickles to merge"):
            merge_pickles([one, two], "melody")


def test_folders_of_several_roots_in_one_pickle_keep_names_of_their_own(tmp_path):
    one, two = document(1, "a/x"), document(1, "b/x")
    both = {
        **one,
        "embeddings": {**one["embeddings"], **two["embeddings"]},
        "triplets": one["triplets"] + two["triplets"],
    }
    found = read_triplet_pickle(saved(tmp_path / "x.pkl", both), "melody")
    assert [folder.name for folder in found.folders] == ["a/x/triplets_1/triplet", "b/x/triplets_1/triplet"]
    assert len(set(found.clips)) == 8


def test_a_pickle_of_a_folder_is_rows_by_path(tmp_path):
    rows = {"a/b.wav": np.ones(3, np.float32), "a/b.wav:seg_001": np.zeros(3, np.float32)}
    found = read_folder_pickle(saved(tmp_path / "x.pkl", rows))
    assert list(found) == list(rows)
    assert all(np.array_equal(found[name], rows[name]) for name in rows)
    with pytest.raises(CheckpointError, match="several lengths"):
        read_folder_pickle(saved(tmp_path / "x.pkl", {**rows, "c": np.zeros(4, np.float32)}))
