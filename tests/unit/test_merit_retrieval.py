"""Corpora read from their folders, embedded part by part, and asked by rank metrics."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio import Clip
from soundalike.errors import UnknownNameError, UsageError
from soundalike.research.merit.corpora import Recording, album_of, read_corpus, read_for_reference
from soundalike.research.merit.corpus_embedding import PART, active_windows, embed_corpus
from soundalike.research.merit.padding import encode_padded, measure_padding
from soundalike.research.merit.retrieval import METRICS, TEMPO, make_gallery, measure_retrieval, track_table
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet
from soundalike.research.triplets.writing import NewClip, write_folder
from toy_encoder import ToyEncoder

RATE = 8000


def tone(frequency: float, seconds: float = 0.5, rate: int = RATE) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * frequency * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def write(path: Path, samples: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)


class CountingEncoder(ToyEncoder):
    def __init__(self) -> None:
        self.calls = 0

    def encode(self, clips):
        self.calls += 1
        return super().encode(clips)


def test_stems_of_musdb_are_classes_and_songs_are_groups(tmp_path):
    for part, song, stem in itertools.product(("train", "test"), ("one", "two"), ("bass", "drums", "mixture")):
        write(tmp_path / part / song / f"{stem}.wav", tone(200))
    found = read_corpus("musdb", tmp_path)
    assert len(found) == 8
    assert {recording.label for recording in found} == {"bass", "drums"}
    assert found[0] == Recording("test/one/bass.wav", "bass", "test/one")
    assert read_for_reference("musdb", tmp_path)[0].label == "bass"
    assert len(read_for_reference("musdb", tmp_path)) == 8


@pytest.mark.parametrize("inside", ["BallroomData", "ballroom/audio"])
def test_dances_of_ballroom_are_read_as_published_and_as_mirdata_lays_them_out(tmp_path, inside):
    for place in ("Rumba-American/Albums-A_B-01", "Rumba-Misc/Media-105901", "Waltz/Media-105902"):
        write(tmp_path / inside / f"{place}.wav", tone(200))
    (tmp_path / "tempo").mkdir()
    (tmp_path / "tempo" / "Media-105901.bpm").write_text("102.5\n")
    found = {recording.path.split("/")[-1]: recording for recording in read_corpus("ballroom", tmp_path)}
    assert {recording.label for recording in found.values()} == {"Rumba", "Waltz"}
    assert found["Media-105901.wav"].tempo == 102.5
    assert found["Media-105902.wav"].tempo == 0.0
    assert found["Media-105901.wav"].group == found["Media-105902.wav"].group == "Media-1059"
    labels = {recording.label for recording in read_for_reference("ballroom", tmp_path)}
    assert labels == {"Rumba-American", "Rumba-Misc", "Waltz"}


def test_albums_of_ballroom_are_told_by_names():
    assert album_of("Albums-Step_By_Step-04") == "Albums-Step_By_Step"
    assert album_of("Media-104403") == "Media-1044"
    assert album_of("something else") == "something else"


def test_covers_need_two_versions_and_lists_choose_among_them(tmp_path):
    for place in ("A/one", "A/two", "A/three", "B/one", "B/two", "C/alone"):
        write(tmp_path / "covers32k" / f"{place}.wav", tone(200))
    found = read_corpus("covers80", tmp_path)
    assert [recording.path for recording in found] == [
        f"covers32k/{place}.wav" for place in ("A/one", "A/three", "A/two", "B/one", "B/two")
    ]
    (tmp_path / "list1.list").write_text("A/one\nB/one\n")
    (tmp_path / "list2.list").write_text("A/two\nB/two\n")
    assert len(read_corpus("covers80", tmp_path)) == 4
    assert len(read_for_reference("covers80", tmp_path)) == 6


def test_a_folder_that_is_no_such_corpus_is_refused_with_the_layout(tmp_path):
    write(tmp_path / "one.wav", tone(200))
    with pytest.raises(UsageError, match=r"no corpus of the kind 'musdb'.*train/ and test/"):
        read_corpus("musdb", tmp_path)
    with pytest.raises(UnknownNameError, match="Known kinds: musdb, ballroom, covers80, classes"):
        read_corpus("other", tmp_path)


def test_windows_of_silence_are_left_out_and_the_rest_is_evenly_spread():
    samples = np.concatenate([np.zeros(2 * RATE, np.float32), tone(300, 6.0), np.zeros(RATE // 2, np.float32)])
    windows = active_windows(Clip(samples[None], RATE), 1.0, 3)
    assert len(windows) == 3
    assert all(np.abs(window.samples).max() > 0.2 for window in windows)
    assert len(active_windows(Clip(np.zeros((1, 100), np.float32), RATE), 1.0, 3)) == 1
    assert active_windows(Clip(tone(300, 0.2)[None], RATE), 1.0, 3)[0].duration == pytest.approx(0.2)


def test_the_reference_regime_hears_the_silent_opening_and_the_strict_one_what_sounds(tmp_path):
    late = np.concatenate([np.zeros(31 * RATE, np.float32), tone(1000, 10.0)])
    write(tmp_path / "a" / "late.wav", late)
    write(tmp_path / "b" / "now.wav", tone(1000, 3.0))
    recordings = read_corpus("classes", tmp_path)
    cache = tmp_path / "cache"
    reference = embed_corpus(tmp_path, recordings, ToyEncoder(), regime="reference", cache=cache)
    strict = embed_corpus(tmp_path, recordings, ToyEncoder(), regime="strict", windows=2, cache=cache)
    assert reference.owners.tolist() == [0, 1]
    assert not reference.embeddings[0].any()
    assert reference.embeddings[1].any()
    assert np.linalg.norm(strict.embeddings, axis=1) == pytest.approx([1] * len(strict.owners))


def test_what_was_embedded_is_kept_part_by_part_and_a_damaged_part_is_made_again(tmp_path):
    for number in range(PART + 3):
        write(tmp_path / "corpus" / "ab"[number % 2] / f"{number:03d}.wav", tone(200 + 10 * number, 0.1))
    root, cache = tmp_path / "corpus", tmp_path / "cache"
    recordings, encoder = read_corpus("classes", root), CountingEncoder()
    first = embed_corpus(root, recordings, encoder, regime="strict", cache=cache)
    assert encoder.calls == PART + 3
    again = embed_corpus(root, recordings, encoder, regime="strict", cache=cache)
    assert encoder.calls == PART + 3
    assert np.array_equal(first.embeddings, again.embeddings)
    assert again.owners.tolist() == list(range(PART + 3))
    assert len(list(cache.iterdir())) == 2
    min(cache.iterdir(), key=lambda path: path.stat().st_size).write_bytes(b"damaged")
    embed_corpus(root, recordings, encoder, regime="strict", cache=cache)
    assert encoder.calls == PART + 6


def test_a_file_that_cannot_be_heard_is_named_and_left_out(tmp_path):
    for name in ("a/one", "a/two", "b/one"):
        write(tmp_path / f"{name}.wav", tone(300))
    (tmp_path / "b" / "broken.wav").write_bytes(b"no sound")
    recordings = read_corpus("classes", tmp_path)
    found = embed_corpus(tmp_path, recordings, ToyEncoder(), regime="strict", cache=tmp_path / "cache")
    assert list(found.failed) == ["b/broken.wav"]
    gallery = make_gallery(recordings, found.embeddings, found.owners)
    assert [recording.path for recording in gallery.recordings] == ["a/one.wav", "a/two.wav", "b/one.wav"]


def recordings_of(labels: str, groups: str | None = None, tempos: list[float] | None = None) -> list[Recording]:
    return [
        Recording(f"{label}/{number}", label, group, tempo)
        for number, (label, group, tempo) in enumerate(
            zip(labels, groups or map(str, range(len(labels))), tempos or [0.0] * len(labels), strict=True)
        )
    ]


def directions(*degrees: float) -> np.ndarray:
    angles = np.radians(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def test_two_recordings_are_as_alike_as_the_best_matches_of_the_querys_windows():
    vectors = directions(0, 60, 0, 90)
    table = track_table(vectors, np.array([0, 0, 1, 1]))
    assert table[0, 1] == pytest.approx((1.0 + np.cos(np.radians(30))) / 2, abs=1e-6)
    assert table[1, 0] == pytest.approx((1.0 + np.cos(np.radians(30))) / 2, abs=1e-6)


def test_a_silent_recording_is_below_all_others():
    vectors = directions(0, 10, 20)
    vectors[1] = 0
    table = track_table(vectors, np.arange(3))
    assert (table[1] == -2.0).all()
    assert table[0, 1] == -2.0 < table[0, 2]


def test_metrics_are_those_that_can_be_counted_by_hand():
    raw = directions(0, 10, 50, 60, 85)
    gallery = make_gallery(recordings_of("abaab"), raw, np.arange(5))
    found = measure_retrieval(gallery, {"raw": raw})
    # query 0 (a): order b a a b; the others likewise by distance in degrees
    orders = {0: "baab", 1: "aaab", 2: "abba", 3: "abba", 4: "aaba"}
    right = {0: "a", 1: "b", 2: "a", 3: "a", 4: "b"}
    precision, first = [], []
    for query, order in orders.items():
        hits = [rank for rank, label in enumerate(order, 1) if label == right[query]]
        precision.append(np.mean([(place + 1) / rank for place, rank in enumerate(hits)]))
        first.append(1 / hits[0])
    row = found["rows"]["raw"]
    assert row["map"]["value"] == pytest.approx(np.mean(precision), abs=1e-5)
    assert row["mrr"]["value"] == pytest.approx(np.mean(first), abs=1e-5)
    assert row["recall@1"]["value"] == pytest.approx(2 / 5)
    assert row["recall@10"]["value"] == 1.0


def test_a_row_that_cannot_tell_is_at_chance():
    labels = "ab" * 6
    gallery = make_gallery(recordings_of(labels), directions(*range(0, 120, 10)), np.arange(12))
    row = measure_retrieval(gallery, {"blind": np.ones((12, 2), np.float32)})["rows"]["blind"]
    assert row["nearer"]["value"] == 0.5
    assert row["recall@1"]["value"] == pytest.approx(5 / 11, abs=1e-5)
    assert row["recall@10"]["value"] == 1.0  # of eleven candidates, five of them right, only one is not listed
    by_chance = [1 / (1 + min(places)) for places in itertools.combinations(range(11), 5)]
    assert row["mrr"]["value"] == pytest.approx(np.mean(by_chance), abs=1e-5)


def test_recordings_of_the_querys_group_are_no_answers_to_it():
    raw = directions(0, 1, 40, 41)
    apart = measure_retrieval(make_gallery(recordings_of("aabb", "1213"), raw, np.arange(4)), {"raw": raw})
    # the nearest of the right class is in another group, and the wrong one of the same group is not counted
    assert apart["rows"]["raw"]["recall@1"]["value"] == 1.0
    assert apart["groups"] == 3
    joined = make_gallery(recordings_of("aabb", "1122"), raw, np.arange(4))
    with pytest.raises(UsageError, match="No recording of the corpus has a right and a wrong candidate"):
        measure_retrieval(joined, {"raw": raw})


def test_copies_are_found_and_are_no_answers_to_each_other():
    raw = directions(0, 0, 20, 40, 60)
    gallery = make_gallery(recordings_of("aabab"), raw, np.arange(5))
    assert gallery.copies == (("a/0", "a/1"),)
    assert gallery.groups[0] == gallery.groups[1]
    assert len(set(gallery.groups)) == 4


def test_a_judge_that_knows_only_tempos_stands_beside_heads_where_all_are_annotated():
    raw = directions(0, 90, 10, 80)
    known = make_gallery(recordings_of("aabb", tempos=[100, 101, 150, 151]), raw, np.arange(4))
    rows = measure_retrieval(known, {"raw": raw})["rows"]
    assert rows[TEMPO]["map"]["value"] == 1.0
    assert rows["raw"]["map"]["value"] < 0.6
    some = make_gallery(recordings_of("aabb", tempos=[100, 101, 150, 0]), raw, np.arange(4))
    assert list(measure_retrieval(some, {"raw": raw})["rows"]) == ["raw"]


def test_every_metric_has_an_interval_over_groups():
    raw = directions(*np.random.default_rng(0).uniform(0, 360, 30))
    found = measure_retrieval(make_gallery(recordings_of("abc" * 10), raw, np.arange(30)), {"raw": raw})["rows"]["raw"]
    for metric in METRICS:
        assert found[metric]["low"] <= found[metric]["value"] <= found[metric]["high"]
    assert set(found["per class"]) == set("abc")


class Listening(ToyEncoder):
    """Hears how much of a window is silent, as a mean over frames does, and is never silent itself."""

    window = 30.0

    def encode(self, clips):
        rows = [[1.0, float(np.mean(clip.samples == 0.0))] for clip in clips]
        return np.array(rows, np.float32).reshape(-1, 2)


def test_clips_are_filled_with_zeros_or_cut_to_a_length():
    encoder = Listening()
    clip = Clip(np.ones((1, 2 * encoder.sample_rate), np.float32), encoder.sample_rate)
    assert encode_padded(encoder, [clip], None)[0, 1] == 0.0
    assert encode_padded(encoder, [clip], 10.0)[0, 1] == pytest.approx(0.8)
    assert encode_padded(encoder, [clip], 30.0)[0, 1] == pytest.approx(28 / 30, abs=1e-6)
    assert encode_padded(encoder, [clip], 1.0)[0, 1] == 0.0


def test_an_encoder_that_says_nothing_of_silence_is_not_moved_by_it():
    encoder = ToyEncoder()
    clip = Clip(tone(500, 10.0, encoder.sample_rate)[None], encoder.sample_rate)
    plain, filled = (encode_padded(encoder, [clip], seconds) for seconds in (None, 30.0))
    assert np.array_equal(plain, filled)


def test_silence_that_moves_vectors_shows_in_cosines(tmp_path):
    clips = [NewClip(Clip(np.full((1, size), 0.5, np.float32), RATE), ClipNotes()) for size in (8000, 8000, 64000)]
    write_folder(tmp_path, 1, "melody", anchor=clips[0], positives=[clips[1]], negatives=[clips[2]])
    names = tuple(f"triplets_1/triplet/{name}.wav" for name in ("anchor", "positive_01", "negative"))
    members = (Members("triplets_1", 0, (1,), (2,)),)
    triplets = TripletSet("melody", "toy-1", np.eye(3, dtype=np.float32), names, (ClipNotes(),) * 3, members)
    found = measure_padding(triplets, tmp_path, {}, lambda _seconds: Listening())
    rows = found["rows"]["raw"]
    assert (found["clips"], found["folders"]) == (3, 1)
    assert rows["as it is"]["cosine"] == 1.0
    assert rows["10 s"]["cosine"] < 0.99
    # as they are all three are one point; filled up, the long one is told from the short ones
    assert (rows["as it is"]["accuracy"]["value"], rows["10 s"]["accuracy"]["value"]) == (0.5, 1.0)
    assert rows["10 s"]["change"]["value"] == 0.5
