"""Rules of roots and archives of triplets, and of what is found wrong with them."""

from __future__ import annotations

import json
import tarfile

import numpy as np
import pytest

import triplet_trees as trees
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.triplets.folders import find_factor, open_root
from soundalike.research.triplets.metadata import read_meta
from soundalike.research.triplets.sets import GENERATED, RECORDED, ClipNotes
from soundalike.research.triplets.splits import Split
from soundalike.research.triplets.statistics import ERROR, WARNING, check_root

POSITIVES = ("positive_01.wav", "positive_02.wav")


def read_notes(meta: dict) -> tuple[str, str, dict[str, ClipNotes]]:
    found = read_meta(json.dumps(meta).encode(), POSITIVES)
    return found.factor, found.label, found.notes


def test_metadata_of_melody_and_rhythm_say_that_positives_are_generated_from_the_anchors_song():
    for factor, meta in (("melody", trees.melody_meta()), ("rhythm", trees.rhythm_meta())):
        said, label, notes = read_notes(meta)
        a, b = ("moisesdb/7",), ("moisesdb/8",)
        assert (said, label) == (factor, "moisesdb/7")
        assert notes["anchor.wav"] == ClipNotes(a, RECORDED)
        assert notes["negative.wav"] == ClipNotes(b, RECORDED)
        assert [notes[name] for name in POSITIVES] == [ClipNotes(a, GENERATED)] * 2


def test_metadata_of_timbre_have_a_song_for_every_clip():
    said, label, notes = read_notes(trees.timbre_meta())
    assert (said, label) == ("timbre", "piano")
    songs = {name: note.sources for name, note in notes.items()}
    assert songs == {
        "anchor.wav": ("moisesdb/7",),
        "positive_01.wav": ("moisesdb/8",),
        "positive_02.wav": ("moisesdb/9",),
        "negative.wav": ("moisesdb/7",),
    }
    assert {note.domain for note in notes.values()} == {RECORDED}


def test_our_own_metadata_go_before_merits():
    meta = {**trees.melody_meta(), **trees.own_meta({"anchor.wav": ["x", "y"]}, factor="harmony", label="l")}
    said, label, notes = read_notes(meta)
    assert (said, label) == ("harmony", "l")
    assert notes == {"anchor.wav": ClipNotes(("x", "y"), "rendered", 120.0)}


@pytest.mark.parametrize(
    "meta",
    [
        {},
        {"inputs": None},
        {"inputs": {"A_track_id": None}},
        {"inputs": {"anchor": {}}},
        {"inputs": {"anchor": {"song_id": []}, "positives": 3, "negative": []}},
        {"clips": {"anchor.wav": None}},
        {"clips": {"anchor.wav": {"sources": "x", "tempo": "fast", "domain": 3}}},
        {"clips": {"anchor.wav": {"sources": [1], "tempo": -3}}},
        {"factor": 3, "label": []},
    ],
)
def test_metadata_that_make_no_sense_say_nothing(meta):
    _, label, notes = read_notes(meta)
    assert label == ""
    assert all(note.sources == () and note.tempo == 0 for note in notes.values())


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b"[" * 100_000])
def test_metadata_that_are_no_object_are_remarked_on(content):
    assert "triplet_meta.json" in read_meta(content, ()).remark
    assert read_meta(b"", ()).remark == ""


def test_a_root_is_found_one_level_below_and_several_are_refused(tmp_path):
    trees.make_root(tmp_path / "melody_triplets", 2)
    assert open_root(tmp_path).path == tmp_path / "melody_triplets"
    trees.make_root(tmp_path / "rhythm_triplets", 1)
    with pytest.raises(UsageError, match="the roots melody_triplets, rhythm_triplets"):
        open_root(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"no folders triplets_\*"):
        open_root(tmp_path / "empty")
    with pytest.raises(UsageError, match="not there"):
        open_root(tmp_path / "nowhere")


def test_a_folder_without_a_negative_is_skipped_with_the_reason(tmp_path):
    trees.make_root(tmp_path, 2)
    (tmp_path / "triplets_1/triplet/negative.wav").unlink()
    root = open_root(tmp_path)
    assert root.skipped == {"triplets_1": "has no negative.wav"}
    assert [folder.name for folder in root.read()] == ["triplets_2"]


def test_further_negatives_come_after_the_first(tmp_path):
    trees.make_root(tmp_path, 1, negatives=3)
    (folder,) = open_root(tmp_path).read()
    files = [sound.path.rpartition("/")[2] for sound in folder.negatives]
    assert files == ["negative.wav", "negative_02.wav", "negative_03.wav"]


@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz"])
@pytest.mark.parametrize("under", ["melody_triplets", "", "./data/melody_triplets"])
def test_an_archive_is_its_directory_bit_for_bit(name, under, tmp_path):
    root = trees.make_root(tmp_path / "melody_triplets", 3, meta=trees.melody_meta())
    (root / "triplets_2/triplet/anchor.wav").unlink()
    trees.write_wav(root / "triplets_3/input_A_segment.wav", trees.noise(9))
    packed, plain = open_root(trees.archive(root, tmp_path / name, under=under)), open_root(root)
    assert packed.folders == plain.folders
    assert packed.names == plain.names
    assert packed.skipped == plain.skipped
    theirs = {folder.name: folder for folder in packed.read()}
    for folder in plain.read():
        other = theirs.pop(folder.name)
        assert (other.factor, other.label, other.sources) == (folder.factor, folder.label, folder.sources)
        for one, two in zip(folder.sounds, other.sounds, strict=True):
            assert (one.path, one.notes, one.read()) == (two.path, two.notes, two.read())
            assert np.array_equal(one.load()[0].samples, two.load()[0].samples)
    assert not theirs


def test_links_and_paths_out_of_an_archive_are_not_followed(tmp_path):
    root = trees.make_root(tmp_path / "melody_triplets", 2)
    secret = tmp_path / "secret.wav"
    trees.write_wav(secret, trees.noise(1))
    with tarfile.open(tmp_path / "x.tar", "w") as file:
        for path in sorted(root.rglob("*.wav")):
            if path != root / "triplets_1/triplet/negative.wav":
                file.add(path, path.relative_to(tmp_path).as_posix())
            else:
                link = tarfile.TarInfo("melody_triplets/triplets_1/triplet/negative.wav")
                link.type, link.linkname = tarfile.SYMTYPE, str(secret)
                file.addfile(link)
        file.add(secret, "../triplets_9/triplet/anchor.wav")
        absolute = tarfile.TarInfo("/triplets_9/triplet/anchor.wav")
        absolute.size = secret.stat().st_size
        with secret.open("rb") as content:
            file.addfile(absolute, content)
        device = tarfile.TarInfo("melody_triplets/triplets_2/triplet/positive_09.wav")
        device.type = tarfile.FIFOTYPE
        file.addfile(device)
    found = open_root(tmp_path / "x.tar")
    assert found.skipped == {"triplets_1": "has no negative.wav"}
    assert [len(folder.positives) for folder in found.read()] == [2]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["melody_triplets", "secret.wav", "x.tar"]


def test_an_archive_whose_members_do_not_lie_together_is_refused(tmp_path):
    root = trees.make_root(tmp_path / "root", 2)
    order = sorted(root.rglob("*.wav"), key=lambda path: path.name)
    with pytest.raises(UsageError, match="members of triplets_1 do not lie together"):
        open_root(trees.archive(root, tmp_path / "x.tar", order=order))


@pytest.mark.parametrize("share", [0.0, 0.02, 0.5, 0.97])
def test_an_archive_that_is_cut_short_is_refused(share, tmp_path):
    whole = trees.archive(trees.make_root(tmp_path / "root", 3), tmp_path / "x.tar.gz")
    content = whole.read_bytes()
    whole.write_bytes(content[: round(share * len(content))])
    with pytest.raises(UsageError, match="cut short, damaged, or no archive"):
        open_root(whole)


def test_an_archive_without_or_with_several_roots_is_refused(tmp_path):
    with tarfile.open(tmp_path / "empty.tar", "w"):
        pass
    with pytest.raises(UsageError, match="no folders"):
        open_root(tmp_path / "empty.tar")
    trees.make_root(tmp_path / "in/a", 1)
    trees.make_root(tmp_path / "in/b", 1)
    with pytest.raises(UsageError, match="Name an archive of one root"):
        open_root(trees.archive(tmp_path / "in", tmp_path / "two.tar"))
    (tmp_path / "x.zip").write_bytes(b"PK")
    with pytest.raises(UsageError, match="is no archive of triplets"):
        open_root(tmp_path / "x.zip")


def test_the_factor_is_given_or_said_by_metadata_or_by_the_name(tmp_path):
    root = open_root(trees.make_root(tmp_path / "melody_triplets", 1))
    assert find_factor(root, {""}) == "melody"
    assert find_factor(root, {""}, "harmony") == "harmony"
    assert find_factor(root, {"rhythm", ""}) == "rhythm"
    with pytest.raises(UsageError, match="triplets for rhythm, not for timbre"):
        find_factor(root, {"rhythm"}, "timbre")
    with pytest.raises(UsageError, match="melody, rhythm"):
        find_factor(root, {"melody", "rhythm"})
    nameless = open_root(trees.make_root(tmp_path / "some", 1))
    with pytest.raises(UsageError, match="Nothing says which factor"):
        find_factor(nameless, set())


def test_a_clip_that_cannot_be_decoded_is_named_by_its_path_within_the_root(tmp_path):
    root = trees.make_root(tmp_path / "root", 1)
    (root / "triplets_1/triplet/anchor.wav").write_bytes(b"RIFF no sound")
    for path in (root, trees.archive(root, tmp_path / "x.tar")):
        (folder,) = open_root(path).read()
        with pytest.raises(AudioDecodeError, match=r"^'triplets_1/triplet/anchor\.wav' cannot be decoded") as error:
            folder.anchor.load()
        assert str(tmp_path) not in str(error.value)


def reasons(report) -> dict[tuple[str, str], tuple[str, str]]:
    return {(p.folder, p.clip.rpartition("/")[2]): (p.severity, p.reason) for p in report.problems}


def test_everything_that_is_wrong_with_a_root_is_listed_and_nothing_ends_the_check(tmp_path):
    root = trees.make_root(tmp_path / "melody_triplets", 9)
    place = {number: root / f"triplets_{number}/triplet" for number in range(1, 10)}
    trees.write_wav(place[1] / "positive_01.wav", np.zeros((4000, 1)))
    trees.write_wav(place[2] / "positive_01.wav", np.sign(trees.noise(1)))
    trees.write_wav(place[3] / "positive_01.wav", trees.noise(1), 16000)
    whole = (place[4] / "negative.wav").read_bytes()
    (place[4] / "negative.wav").write_bytes(whole[: len(whole) // 2])
    (place[5] / "anchor.wav").write_bytes(b"nonsense")
    (place[6] / "negative.wav").write_bytes((place[6] / "anchor.wav").read_bytes())
    (place[7] / "triplet_meta.json").write_text("{")
    (place[8] / "anchor.wav").unlink()
    (place[9] / "positive_02.wav").write_bytes(b"")
    report = check_root(root)
    found = reasons(report)
    assert found["triplets_1", "positive_01.wav"] == (ERROR, "is silent (RMS 0.0e+00)")
    assert found["triplets_2", "positive_01.wav"] == (WARNING, "is clipped (100.0% of samples at full scale)")
    assert found["triplets_3", ""] == (WARNING, "has clips of unequal rates: 16000 Hz, 24000 Hz")
    assert found["triplets_4", "negative.wav"][0] == WARNING
    assert "decoded 0.2 of 0.5 s" in found["triplets_4", "negative.wav"][1]
    assert found["triplets_5", "anchor.wav"][0] == ERROR
    assert found["triplets_6", "negative.wav"] == (ERROR, "is the same file as anchor.wav")
    assert found["triplets_7", ""] == (WARNING, "triplet_meta.json is no JSON")
    assert found["triplets_8", ""] == (ERROR, "has no anchor.wav")
    assert found["triplets_9", "positive_02.wav"] == (ERROR, "is empty (0 bytes)")
    assert len(found) == len(report.problems) == 9
    assert (report.count(ERROR), report.count(WARNING)) == (5, 4)
    assert all(problem.reason in str(report) for problem in report.problems)
    json.dumps(report.to_json(), allow_nan=False)


def test_a_sound_root_is_described_without_a_problem(tmp_path):
    root = trees.make_root(tmp_path / "x", 1, positives=3, negatives=2, meta=trees.melody_meta("1", "2"))
    trees.write_folder(root, 2, positives=2, meta=trees.melody_meta("1", "3"))
    same = (root / "triplets_1/triplet/anchor.wav").read_bytes()
    (root / "triplets_2/triplet/anchor.wav").write_bytes(same)
    report = check_root(root, split=Split(("triplets_1",), ("triplets_2",)))
    document = report.to_json()
    assert document["problems"] == []
    assert document["factor"] == "melody"
    assert (document["folders"], document["triples"], document["clips"]) == (2, 13, 10)
    assert document["positives"] == {"2": 1, "3": 1}
    assert document["rates"] == {"24000": 10}
    assert document["seconds"]["median"] == 0.5
    assert document["domains"] == {GENERATED: 5, RECORDED: 4}
    assert document["labels"] == {"moisesdb/1": 2}
    assert document["sources"] == {"different": 3, "folders_without": 0}
    assert document["anchors"]["different"] == 1
    assert document["anchors"]["folders_of_one"]["most"] == 2
    assert document["leak"] == {"test_folders": 1, "by_source": 1.0, "by_anchor": 1.0}


def test_an_archive_is_described_as_its_directory(tmp_path):
    root = trees.make_root(tmp_path / "melody_triplets", 2, meta=trees.melody_meta())
    one, two = (check_root(path).to_json() for path in (root, trees.archive(root, tmp_path / "x.tar.gz")))
    assert {**one, "root": ""} == {**two, "root": ""}


def test_folders_of_a_split_that_are_not_here_are_problems(tmp_path):
    root = trees.make_root(tmp_path / "x", 2)
    report = check_root(root, split=Split(("triplets_1",), ("triplets_2", "triplets_7")))
    assert [(problem.folder, problem.severity) for problem in report.problems] == [("triplets_7", ERROR)]


def test_a_root_whose_folders_are_for_different_factors_is_a_problem(tmp_path):
    root = trees.make_root(tmp_path / "melody_triplets", 1, meta=trees.rhythm_meta())
    (problem,) = check_root(root).problems
    assert problem.reason == "has metadata for rhythm under the name of melody"
