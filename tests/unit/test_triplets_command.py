"""Rules of ``soundalike research triplets``."""

from __future__ import annotations

import json
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

import triplet_trees as trees
from soundalike.cli import main
from soundalike.research.triplets.sets import read_set
from soundalike.research.triplets.splits import read_split


def run(*arguments: object) -> int:
    return main(["research", "triplets", *map(str, arguments)])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    path = tmp_path / "melody_triplets"
    for number in range(1, 7):
        trees.write_folder(path, number, meta=trees.melody_meta(f"a{number // 2}", f"b{number // 2}"))
    return path


def test_a_sound_root_is_checked_with_exit_code_0_and_a_bad_one_with_3(root, capsys):
    assert run("check", root) == 0
    assert "6 folders for melody" in capsys.readouterr().out
    (root / "triplets_2/triplet/negative.wav").unlink()
    assert run("check", root, "--json") == 3
    document = json.loads(capsys.readouterr().out)
    assert [problem["folder"] for problem in document["problems"]] == ["triplets_2"]


def test_a_split_says_how_much_it_leaks(root, tmp_path, capsys):
    for by, leak in (("folder", 1.0), ("source", 0.0)):
        out = tmp_path / f"{by}.json"
        assert run("split", root, "--out", out, "--by", by, "--test", 0.3, "--seed", 1, "--json") == 0
        (document,) = json.loads(capsys.readouterr().out)
        assert document["leak"] == leak
        split = read_split(out)
        assert (document["train"], document["test"]) == (len(split.train), len(split.test))
        assert run("check", root, "--split", out, "--json") == 0
        assert json.loads(capsys.readouterr().out)["leak"]["by_source"] == leak


def test_several_roots_are_split_together_into_a_folder(root, tmp_path, capsys):
    other = tmp_path / "rhythm_triplets"
    for number in range(1, 7):
        trees.write_folder(other, number, meta=trees.rhythm_meta(f"a{number // 2}", f"c{number}"))
    assert run("split", root, other, "--out", tmp_path / "splits", "--test", 0.3) == 0
    sides: dict[str, set[str]] = {"train": set(), "test": set()}
    for factor in ("melody", "rhythm"):
        split = read_split(tmp_path / "splits" / f"{factor}_split.json")
        for side, songs in sides.items():
            songs |= {f"a{int(name.rpartition('_')[2]) // 2}" for name in getattr(split, side)}
    assert sides["train"]
    assert sides["test"]
    assert not sides["train"] & sides["test"]
    assert run("split", root, other, "--out", tmp_path / "one.json") == 2
    assert "cannot hold the splits of" in capsys.readouterr().err


def test_where_everything_hangs_together_songs_can_be_split_instead(tmp_path, capsys):
    root = tmp_path / "melody_triplets"
    for number in range(1, 13):
        trees.write_folder(root, number, positives=1, meta=trees.melody_meta(str(number % 4), str((number + 1) % 4)))
    assert run("split", root, "--out", tmp_path / "s.json") == 2
    assert "12 hang together" in capsys.readouterr().err
    assert run("split", root, "--out", tmp_path / "s.json", "--drop", "--json") == 0
    (document,) = json.loads(capsys.readouterr().out)
    assert document["leak"] == 0
    assert document["left_out"] > 0
    assert run("split", root, "--out", tmp_path / "s.json", "--drop", "--by", "folder") == 2


def test_a_root_is_embedded_in_shards_merged_exported_and_imported(root, tmp_path, capsys):
    how = ("--encoder", "descriptors", "--seconds", 0.3)
    assert run("embed", root, "--out", tmp_path / "whole.npz", *how) == 0
    assert "6 folders for melody, 24 triples, 24 clips" in capsys.readouterr().out
    for i in range(2):
        assert run("embed", root, "--out", tmp_path / f"{i}.npz", *how, "--shard", f"{i}/2") == 0
    assert run("merge", tmp_path / "0.npz", tmp_path / "1.npz", "--out", tmp_path / "merged.npz") == 0
    assert (tmp_path / "merged.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert run("export-pickle", tmp_path / "whole.npz", "--out", tmp_path / "x.pkl", "--root", "/data") == 0
    capsys.readouterr()
    arguments = ("import-pickle", tmp_path / "x.pkl", "--factor", "melody", "--out", tmp_path / "back.npz", "--json")
    assert run(*arguments) == 0
    assert json.loads(capsys.readouterr().out)["triples"] == 24
    whole, back = read_set(tmp_path / "whole.npz"), read_set(tmp_path / "back.npz")
    assert (whole.clips, whole.encoder) == (back.clips, back.encoder)
    assert np.array_equal(whole.embeddings, back.embeddings)


def test_one_side_of_a_split_can_be_exported(root, tmp_path):
    assert run("embed", root, "--out", tmp_path / "s.npz", "--encoder", "descriptors", "--seconds", 0.3) == 0
    assert run("split", root, "--by", "folder", "--out", tmp_path / "s.json", "--test", 0.3) == 0
    side = ("--split", tmp_path / "s.json", "--part", "test")
    assert run("export-pickle", tmp_path / "s.npz", "--out", tmp_path / "x.pkl", *side) == 0
    document = pickle.loads((tmp_path / "x.pkl").read_bytes())
    assert len(document["triplets"]) == 2
    assert document["split_partition"] == "test"
    assert run("export-pickle", tmp_path / "s.npz", "--out", tmp_path / "x.pkl", "--part", "test") == 2


def test_embedding_ends_with_3_where_clips_failed_and_the_rest_is_done(root, tmp_path, capsys):
    (root / "triplets_1/triplet/anchor.wav").write_bytes(b"nonsense")
    how = ("--encoder", "descriptors", "--seconds", 0.3, "--json")
    assert run("embed", root, "--out", tmp_path / "set.npz", *how) == 3
    document = json.loads(capsys.readouterr().out)
    assert list(document["failed"]) == ["triplets_1/triplet/anchor.wav"]
    assert document["dropped"] == ["triplets_1"]
    assert document["folders"] == len(read_set(tmp_path / "set.npz").folders) == 5


class Call:
    def __init__(self, command: str) -> None:
        self.command = command

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (self.command,)


def test_a_malicious_pickle_is_refused_in_one_sentence_and_nothing_runs(tmp_path, capsys):
    trace = tmp_path / "ran"
    (tmp_path / "x.pkl").write_bytes(pickle.dumps({"embeddings": Call(f"touch '{trace}'")}))
    assert run("import-pickle", tmp_path / "x.pkl", "--factor", "melody", "--out", tmp_path / "s.npz") == 1
    assert "holds more than arrays and plain data" in capsys.readouterr().err
    assert not trace.exists()
    assert not (tmp_path / "s.npz").exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ("check", "nowhere"),
        ("check", ""),
        ("split", "nowhere", "--out", "s.json"),
        ("embed", "nowhere", "--out", "s.npz"),
        ("embed", ".", "--out", "s.npz", "--shard", "1"),
        ("embed", ".", "--out", "s.npz", "--shard", "2/2"),
        ("embed", ".", "--out", "no/such/place.npz", "--encoder", "nobody"),
        ("merge", "nowhere.npz", "--out", "s.npz"),
        ("export-pickle", "nowhere.npz", "--out", "x.pkl"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_sentence(arguments, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    trees.make_root(tmp_path / "melody_triplets", 2)
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("soundalike: ")
    assert error.count("\n") == 1
