"""Triplets as MERIT's own programs take them; the numbers are theirs, see ``make_golden.py``."""

from __future__ import annotations

import hashlib
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
import triplet_inputs as inputs

from soundalike.errors import UsageError
from soundalike.research.triplets.embedding import Ears, shard_bounds
from soundalike.research.triplets.folders import Sound, open_root
from soundalike.research.triplets.pickles import (
    merge_pickles,
    read_pickle,
    read_triplet_pickle,
    write_triplet_pickle,
)
from soundalike.research.triplets.sets import Listed, TripletSet, assemble
from soundalike.research.triplets.splits import inner_split, read_split, split_by_folder, write_split

HERE = Path(__file__).parent
GOLDEN = json.loads((HERE / "golden.json").read_text())


def digest(names: list[str]) -> str:
    return hashlib.sha256("\n".join(names).encode()).hexdigest()[:16]


def as_set(document: dict) -> TripletSet:
    folders = [
        Listed(str(i), record["anchor"], tuple(record["positives"]), (record["negative"],))
        for i, record in enumerate(document["triplets"])
    ]
    return assemble("timbre", "mert", folders, document["embeddings"])


def triples_of(triplets: TripletSet) -> list[list[list[int]]]:
    """By folder, triples as the numbers that embeddings are."""
    found = triplets.triples()
    numbers = triplets.embeddings[:, 0].astype(int)
    rows = np.stack([numbers[found.anchor], numbers[found.positive], numbers[found.negative]], axis=1)
    return [rows[found.folder == i].tolist() for i in range(len(triplets.folders))]


def test_folders_expand_to_the_same_triples_in_the_same_order_also_where_embeddings_are_missing(tmp_path):
    document = inputs.expanded()
    assert triples_of(as_set(document)) == GOLDEN["expanded"]
    (tmp_path / "some.pkl").write_bytes(pickle.dumps(document, protocol=4))
    assert triples_of(read_triplet_pickle(tmp_path / "some.pkl", "timbre")) == GOLDEN["expanded"]


def test_the_published_folders_for_timbre_have_the_published_number_of_triples():
    assert len(as_set(inputs.published()).triples()) == GOLDEN["published"] == 46_241


@pytest.mark.parametrize(("case", "expected"), list(zip(inputs.INNER, GOLDEN["inner"], strict=True)))
def test_the_inner_split_takes_the_same_folders_in_the_same_order(case, expected):
    count, fraction, seed = case
    sides = inner_split(count, fraction=fraction, seed=seed)
    assert [digest([str(number) for number in side]) for side in sides] == expected


@pytest.mark.parametrize(("case", "expected"), list(zip(inputs.SPLIT, GOLDEN["split"], strict=True)))
def test_the_split_by_folder_is_the_same(case, expected, tmp_path):
    count, fraction, seed = case
    split = split_by_folder([f"triplets_{i}" for i in range(1, count + 1)], fraction=fraction, seed=seed)
    assert {"train": [len(split.train), digest(split.train)], "test": [len(split.test), digest(split.test)]} == expected
    write_split(tmp_path / "split.json", split)
    assert read_split(tmp_path / "split.json") == split


def test_the_split_by_folder_gives_the_published_files():
    digests = {5000: ("9cbf5b8cd8490020", "fbb3e68720058545"), 1855: ("b985b8db9118f4f3", "4de2a785ee5680f0")}
    for count, expected in digests.items():
        split = split_by_folder([f"triplets_{i}" for i in range(1, count + 1)])
        assert (digest(split.train), digest(split.test)) == expected


def test_the_same_folders_are_found_in_the_same_order(tmp_path):
    root = open_root(inputs.make_tree(tmp_path / "tree"))
    found = [
        {"anchor": each.anchor, "positives": list(each.positives), "negative": each.negatives[0]}
        for each in root.folders
    ]
    assert found == GOLDEN["collected"]
    assert [clip for each in root.folders for clip in each.clips] == GOLDEN["unique"]
    chosen = {clip for record in GOLDEN["allowed"] for clip in inputs.clips_of(record)}
    assert {sound.path for folder in root.read(inputs.ALLOWED) for sound in folder.sounds} == chosen
    assert set(root.names) == {f"triplets_{i}" for i in (*range(1, 8), 10, 11, "A")}
    assert root.skipped.keys() == {f"triplets_{i}" for i in (3, 4, 5, 6, 11)}


@pytest.mark.parametrize("shards", inputs.SHARDS)
def test_shards_are_counted_in_the_same_way_and_make_the_whole(shards):
    clips = GOLDEN["unique"]
    cut = [clips[slice(*shard_bounds(len(clips), i, shards))] for i in range(shards)]
    assert cut == GOLDEN["shards"][str(shards)]
    assert [clip for part in cut for clip in part] == clips


def test_no_shard_beyond_the_last_is_asked_for():
    for number in (-1, 4):
        with pytest.raises(UsageError, match="Shard"):
            shard_bounds(9, number, 4)


class Listener:
    """Only what preparing a clip asks of an encoder."""

    name, sample_rate, window, dim = "listener", 24000, 10.0, 1


@pytest.mark.parametrize(("case", "expected"), list(zip(inputs.CLIPS, GOLDEN["audio"], strict=True)))
def test_clips_are_prepared_to_the_same_length_and_without_resampling_to_the_same_bits(case, expected, tmp_path):
    rate, _, _ = case
    soundfile.write(tmp_path / "sound.wav", inputs.sound(*case), rate, subtype="PCM_16")
    clip = Sound("sound.wav", tmp_path / "sound.wav").load()[0]
    padded = Ears(Listener(), padded=10.0).prepare(clip).samples[0]  # type: ignore[arg-type]
    plain = Ears(Listener()).prepare(clip).samples[0]  # type: ignore[arg-type]
    length, sounding, exact = expected
    assert len(padded) == length == 240_000
    assert not padded[len(plain) :].any()
    assert np.array_equal(padded[: len(plain)], plain)
    if exact is not None:
        assert len(plain) == sounding
        assert hashlib.sha256(padded.tobytes()).hexdigest() == exact
    else:  # another resampler, which may round the last sample away
        assert 0 <= sounding - len(plain) <= 1


@pytest.mark.parametrize("name", ["all.pkl", "train.pkl"])
def test_a_pickle_that_is_read_and_written_again_is_the_same(name, tmp_path):
    path = HERE / name
    theirs = pickle.loads(path.read_bytes())
    found = read_triplet_pickle(path, "melody")
    assert found.encoder == "mert:m-a-p/MERT-v1-330M"
    assert found.clips[0] == "triplets_1/triplet/anchor.wav"
    part = theirs["split_partition"]
    write_triplet_pickle(tmp_path / "ours.pkl", found, root="triplets/melody_triplets", partition=part)
    ours = pickle.loads((tmp_path / "ours.pkl").read_bytes())
    assert list(ours) == ["encoder", "model_id", "embed_dim", "embeddings", "split_partition", "triplets"]
    assert set(ours) == set(theirs)
    assert all(ours[key] == theirs[key] for key in theirs if key != "embeddings")
    assert list(ours["embeddings"]) == list(theirs["embeddings"])
    for clip, row in theirs["embeddings"].items():
        assert ours["embeddings"][clip].dtype == row.dtype == np.float32
        assert np.array_equal(ours["embeddings"][clip], row)


def test_merged_shards_keep_the_split_that_they_were_made_for():
    shards = [read_pickle(HERE / f"train_{i}.pkl") for i in range(2)]
    assert not any(shard.folders for shard in shards)
    merged, whole = merge_pickles(shards, "melody"), read_triplet_pickle(HERE / "train.pkl", "melody")
    assert [folder.name for folder in merged.folders] == ["triplets_1", "triplets_2"]
    assert (merged.clips, merged.folders) == (whole.clips, whole.folders)
    assert np.array_equal(merged.embeddings, whole.embeddings)
