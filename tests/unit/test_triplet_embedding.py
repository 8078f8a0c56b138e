"""Rules of embedding roots of triplets."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

import triplet_trees as trees
from soundalike.audio import Clip
from soundalike.encoders import mert
from soundalike.errors import UsageError
from soundalike.research.triplets import embedding
from soundalike.research.triplets.embedding import Ears, Listening, embed_root, embed_sounds
from soundalike.research.triplets.folders import open_root
from soundalike.research.triplets.sets import merge_sets, read_set


class Levels:
    """Hears level, length and first sample; counts what it is given."""

    name, sample_rate, window, dim = "levels-1", 24000, 10.0, 3

    def __init__(self) -> None:
        self.heard = 0
        self.stop_after = 10**9

    def encode(self, clips: Sequence[Clip]) -> np.ndarray:
        self.heard += len(clips)
        if self.heard > self.stop_after:
            raise KeyboardInterrupt
        assert all(clip.rate == self.sample_rate and clip.channels == 1 for clip in clips)
        rows = [(np.abs(c.samples).mean(), c.samples.shape[1], c.samples[0, 0]) for c in clips]
        return np.array(rows, np.float32).reshape(-1, 3)


@dataclass(frozen=True, slots=True)
class Toy(Listening):
    """Listens with an encoder that is there."""

    given: Any = None

    def load(self) -> Ears:
        return Ears(self.given, self.seconds, self.padded)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return trees.make_root(tmp_path / "melody_triplets", 20, meta=trees.melody_meta())


def embed(root: Path, out: Path, **how: Any):
    return embed_root(root, out, Toy(given=how.pop("encoder", None) or Levels()), **how)


def test_the_set_has_every_folder_in_order_with_what_its_metadata_say(root, tmp_path):
    told: list[tuple[int, int]] = []
    found = embed(root, tmp_path / "set.npz", progress=lambda done, total: told.append((done, total)))
    triplets = read_set(tmp_path / "set.npz")
    assert [folder.name for folder in triplets.folders] == sorted(f"triplets_{i}" for i in range(1, 21))
    assert triplets.clips == tuple(clip for folder in open_root(root).folders for clip in folder.clips)
    assert triplets.clips[:2] == ("triplets_1/triplet/anchor.wav", "triplets_1/triplet/positive_01.wav")
    assert (triplets.factor, triplets.encoder, triplets.folders[0].label) == ("melody", "levels-1", "moisesdb/7")
    assert [note.domain for note in triplets.notes[:4]] == ["recorded", "generated", "generated", "recorded"]
    assert not found.failed
    assert not found.dropped
    assert told[-1] == (20, 20)
    expected = soundfile.read(root / "triplets_1/triplet/anchor.wav", dtype="float32")[0]
    assert triplets.embeddings[0].tolist() == [np.abs(expected).mean(), 12000, expected[0]]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["melody_triplets", "set.npz"]


def test_an_archive_gives_the_same_set_to_the_bit(root, tmp_path):
    embed(root, tmp_path / "a.npz")
    embed(trees.archive(root, tmp_path / "x.tar.gz"), tmp_path / "b.npz")
    assert (tmp_path / "a.npz").read_bytes() == (tmp_path / "b.npz").read_bytes()


@pytest.mark.parametrize("archived", [False, True])
def test_a_run_that_was_stopped_goes_on_and_gives_the_same_bits(archived, root, tmp_path):
    embed(root, tmp_path / "whole.npz")
    path = trees.archive(root, tmp_path / "x.tar") if archived else root
    stopped = Levels()
    stopped.stop_after = 2 * embedding.PART * 4
    with pytest.raises(KeyboardInterrupt):
        embed(path, tmp_path / "set.npz", encoder=stopped)
    assert not (tmp_path / "set.npz").exists()
    parts = sorted((tmp_path / "set.npz.parts").iterdir())
    assert len(parts) == 2
    parts[0].write_bytes(parts[0].read_bytes()[:100])  # a part that was damaged is made again
    again = Levels()
    embed(path, tmp_path / "set.npz", encoder=again)
    assert again.heard == 80 - embedding.PART * 4
    assert (tmp_path / "set.npz").read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert not (tmp_path / "set.npz.parts").exists()


def test_what_someone_else_keeps_beside_the_set_is_left_alone(root, tmp_path):
    (tmp_path / "set.npz.parts").mkdir()
    (tmp_path / "set.npz.parts/mine.npz").write_bytes(b"mine")
    embed(root, tmp_path / "set.npz")
    assert [path.name for path in (tmp_path / "set.npz.parts").iterdir()] == ["mine.npz"]


def test_parts_of_other_settings_and_of_clips_that_changed_are_not_taken(root, tmp_path):
    def stop() -> None:
        stopped = Levels()
        stopped.stop_after = 70
        with pytest.raises(KeyboardInterrupt):
            embed(root, tmp_path / "set.npz", encoder=stopped)

    stop()
    again = Levels()
    embed_root(root, tmp_path / "set.npz", Toy(given=again, seconds=0.25))
    assert again.heard == 80
    stop()
    trees.write_wav(root / "triplets_1/triplet/anchor.wav", trees.noise(5, 0.7))
    again = Levels()
    embed(root, tmp_path / "set.npz", encoder=again)
    assert again.heard == 80 - 32  # the second part
    assert read_set(tmp_path / "set.npz").embeddings[0, 1] == 0.7 * 24000


def test_clips_that_fail_go_to_the_ledger_and_their_folders_do_without(root, tmp_path):
    for clip in ("triplets_1/triplet/positive_01.wav", "triplets_2/triplet/anchor.wav"):
        (root / clip).write_bytes(b"nonsense")
    (root / "triplets_3/triplet/negative.wav").write_bytes(b"")
    (root / "triplets_4/triplet/anchor.wav").unlink()
    found = embed(root, tmp_path / "set.npz")
    lines = [json.loads(line) for line in (tmp_path / "set.npz.failed.jsonl").read_text().splitlines()]
    assert [(line["clip"], line["folder"]) for line in lines] == [
        ("triplets_1/triplet/positive_01.wav", "triplets_1"),
        ("triplets_2/triplet/anchor.wav", "triplets_2"),
        ("triplets_3/triplet/negative.wav", "triplets_3"),
    ]
    assert all(line["reason"].startswith(f"'{line['clip']}'") for line in lines)
    assert set(found.failed) == {line["clip"] for line in lines}
    assert found.dropped == ("triplets_2", "triplets_3")
    assert found.skipped == {"triplets_4": "has no anchor.wav"}
    first = found.triplets.folders[0]
    assert (first.name, len(first.positives), len(found.triplets.folders)) == ("triplets_1", 1, 17)
    for clip in (line["clip"] for line in lines):
        trees.write_wav(root / clip, trees.noise(1))
    embed(root, tmp_path / "set.npz")
    assert not (tmp_path / "set.npz.failed.jsonl").exists()


def test_shards_make_the_whole_together_also_where_they_do_not_divide(root, tmp_path):
    embed(root, tmp_path / "whole.npz")
    for count in (1, 3, 7):
        sets = [embed(root, tmp_path / "s.npz", shard=(i, count)).triplets for i in range(count)]
        names = [folder.name for each in sets for folder in each.folders]
        assert len(names) == len(set(names)) == 20
        merged, whole = merge_sets(sets), read_set(tmp_path / "whole.npz")
        assert (merged.clips, merged.folders, merged.notes) == (whole.clips, whole.folders, whole.notes)
        assert np.array_equal(merged.embeddings, whole.embeddings)
    with pytest.raises(UsageError, match="20 folders cannot make 21 shards"):
        embed(root, tmp_path / "s.npz", shard=(0, 21))


def test_clips_are_mixed_resampled_and_cut_and_padded_only_on_demand():
    stereo = Clip(np.stack([np.full(480_000, 0.5), np.full(480_000, 0.1)]).astype(np.float32), 48000)
    ears = Ears(Levels(), seconds=2.0)  # type: ignore[arg-type]
    samples = ears.prepare(stereo).samples
    assert samples.shape == (1, 48000)
    assert samples[0, 1000:-1000] == pytest.approx(0.3, abs=1e-3)
    short = Clip(np.ones((1, 24), np.float32), 24000)
    assert ears.prepare(short).samples.shape == (1, 24)
    padded = Ears(Levels(), padded=3.0).prepare(short).samples[0]  # type: ignore[arg-type]
    assert (len(padded), padded.sum()) == (72000, 24)


def test_padding_and_length_are_part_of_the_encoders_name():
    names = [Ears(Levels(), *how).name for how in ((), (5.0,), (10.0, 10.0))]  # type: ignore[arg-type]
    assert names == ["levels-1", "levels-1,seconds=5", "levels-1,padded=10"]
    with pytest.raises(UsageError, match="at most 10 s, not of 30 s"):
        Ears(Levels(), padded=30.0)  # type: ignore[arg-type]


def test_merit_pads_by_itself(monkeypatch):
    asked: dict[str, object] = {}

    def load_merit(**options: object) -> Levels:
        asked.update(options)
        return Levels()

    monkeypatch.setattr(mert, "load_merit", load_merit)
    ears = Listening("merit", device="cpu", padded=10.0).load()
    assert asked == {"device": "cpu", "padded": 10.0}
    assert ears.padded is None


def test_a_clip_without_a_sample_left_fails_alone(root):
    trees.write_wav(root / "triplets_1/triplet/anchor.wav", np.full((1, 1), 0.1), 192000)
    (folder,) = open_root(root).read({"triplets_1"})
    part = embed_sounds(folder.sounds, Ears(Levels()))  # type: ignore[arg-type]
    assert len(part.rows) + len(part.failed) == 4
    assert "positive_01" in list(part.rows)[-3]


def test_a_factor_that_nothing_says_is_asked_for_before_anything_is_embedded(tmp_path):
    encoder = Levels()
    root = trees.make_root(tmp_path / "some", 2)
    with pytest.raises(UsageError, match="Nothing says which factor"):
        embed(root, tmp_path / "set.npz", encoder=encoder)
    assert encoder.heard == 0
    assert embed(root, tmp_path / "set.npz", factor="timbre").triplets.factor == "timbre"


def test_a_root_of_which_nothing_can_be_embedded_is_refused(tmp_path):
    root = trees.make_root(tmp_path / "melody_triplets", 1)
    (root / "triplets_1/triplet/anchor.wav").write_bytes(b"nonsense")
    with pytest.raises(UsageError, match=r"No folder of .* could be embedded"):
        embed(root, tmp_path / "set.npz")
    (root / "triplets_1/triplet/anchor.wav").unlink()
    with pytest.raises(UsageError, match="no whole folder to embed"):
        embed(root, tmp_path / "set.npz")


def test_several_processes_give_the_same_set(root, tmp_path):
    listening = Listening("descriptors", seconds=0.3)
    for jobs in (1, 2):
        embed_root(root, tmp_path / f"{jobs}.npz", listening, jobs=jobs)
    assert (tmp_path / "1.npz").read_bytes() == (tmp_path / "2.npz").read_bytes()
