"""Folders are built from recordings: what is in them, what is refused, and that a stopped run loses nothing."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from multitracks import ToyGenerator, ToySeparator, beats, hum, moisesdb, strum, tune, write
from soundalike.errors import UsageError
from soundalike.research.triplets import passages
from soundalike.research.triplets.construction import build_triplets, tell
from soundalike.research.triplets.material import Plan
from soundalike.research.triplets.sets import GENERATED, RECORDED


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    return moisesdb(tmp_path_factory.mktemp("multitracks"))


def plan(songs, factor="rhythm", **how):
    return Plan(songs, factor, **{"seconds": 1.0, "positives": 3, **how})


def meta(root, number=1):
    return json.loads((root / f"triplets_{number}" / "triplet" / "triplet_meta.json").read_text())


def content(root):
    """Every byte that was built, but for what is only a lock."""
    files = (path for path in sorted(root.rglob("*")) if path.is_file() and path.name != ".lock")
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def test_a_rhythm_has_a_generated_negative_that_differs_from_a_positive_in_its_drums_only(songs, tmp_path):
    generator = ToyGenerator()
    built = build_triplets(plan(songs), tmp_path / "out", generator=generator)
    assert (built.written, built.kept, built.failed) == (4, 0, {})
    document = meta(tmp_path / "out")
    clips = document["clips"]
    assert list(clips) == [
        "anchor.wav",
        "positive_01.wav",
        "positive_02.wav",
        "positive_03.wav",
        "negative.wav",
        "negative_02.wav",
    ]
    generated = {name for name, clip in clips.items() if clip["domain"] == GENERATED}
    assert generated == {"positive_01.wav", "positive_02.wav", "negative.wav"}
    assert clips["positive_03.wav"]["part"] == "mix"
    first, *_, negative = generator.calls[0]
    assert (first.text, first.seed) == (negative.text, negative.seed)
    assert not np.array_equal(first.drums.samples, negative.drums.samples)
    other = document["inputs"]["B_track_id"]
    assert clips["negative.wav"]["sources"] == clips["negative_02.wav"]["sources"] == [other]
    assert other != document["inputs"]["A_track_id"] == clips["positive_03.wav"]["sources"][0]


def test_in_the_reference_style_only_positives_are_generated_and_drums_are_single_files(songs, tmp_path):
    generator = ToyGenerator()
    build_triplets(plan(songs, style="reference"), tmp_path / "out", generator=generator)
    document = meta(tmp_path / "out")
    domains = {name: clip["domain"] for name, clip in document["clips"].items()}
    assert domains == {"anchor.wav": RECORDED, "negative.wav": RECORDED} | {
        f"positive_0{i}.wav": GENERATED for i in (1, 2, 3)
    }
    assert (document["inputs"]["A_track_id"], document["inputs"]["A_part"]) == ("four", "k3")
    assert [len(call) for call in generator.calls] == [3] * 4
    assert all(np.array_equal(one.drums.samples, generator.calls[0][0].drums.samples) for one in generator.calls[0])


def test_all_clips_of_a_folder_have_one_rate_length_and_loudness(songs, tmp_path):
    build_triplets(plan(songs, count=1), tmp_path / "out", generator=ToyGenerator())
    files = sorted((tmp_path / "out" / "triplets_1" / "triplet").glob("*.wav"))
    assert {soundfile.info(file).frames for file in files} == {8000}
    assert {soundfile.info(file).samplerate for file in files} == {8000}


def test_melodies_are_transposed_and_stretched_by_positive_and_the_negative_is_as_the_first(tmp_path):
    for i, song in enumerate(("one 120bpm", "two 120bpm")):
        write(tmp_path / "songs" / song / "piano.wav", tune([60 + i, 64 + i, 62 + i, 65 + i]))
    generator = ToyGenerator()
    build_triplets(plan(tmp_path / "songs", "melody", positives=4, count=1), tmp_path / "out", generator=generator)
    first, second, third, negative = generator.calls[0]
    tunes = [condition.melody for condition in (first, second, third, negative)]
    assert {melody.shape for melody in tunes} == {(50, 53)}
    assert not np.array_equal(tunes[0], tunes[1])
    assert not np.array_equal(tunes[0], tunes[3])
    assert negative.text == first.text
    clips = meta(tmp_path / "out")["clips"]
    ways = [
        {key: clips[name].get(key) for key in ("semitones", "stretch")}
        for name in ("positive_01.wav", "positive_02.wav", "positive_03.wav", "positive_04.wav", "negative.wav")
    ]
    assert ways[4] == ways[0]
    assert len({json.dumps(way) for way in ways[:4]}) == 4
    assert clips["positive_04.wav"]["domain"] == RECORDED
    assert clips["anchor.wav"]["tempo"] == 120.0
    stretch = clips["positive_04.wav"]["stretch"]
    assert clips["positive_04.wav"]["tempo"] == pytest.approx(120.0 / stretch, abs=0.001) != 120.0


def test_harmonies_are_chords_that_move_together(tmp_path):
    for i, song in enumerate(("one", "two")):
        write(tmp_path / "songs" / song / "piano.wav", strum([48 + i, 53 + i, 55 + i, 48 + i, 53 + i]))
    generator = ToyGenerator()
    how = {"seconds": 4.0, "positives": 3, "count": 1}
    build_triplets(Plan(tmp_path / "songs", "harmony", **how), tmp_path / "out", generator=generator)
    first, second, negative = (condition.chords for condition in generator.calls[0])
    assert len(first) > 2
    assert first != second != negative
    assert all(0 <= time < 4.0 for _, time in (*first, *second, *negative))


def test_a_timbre_is_of_one_kind_in_other_songs_and_its_negatives_of_other_kinds(songs, tmp_path):
    built = build_triplets(plan(songs, "timbre"), tmp_path / "out")
    assert built.written == 8
    for number in range(1, 9):
        inputs, clips = meta(tmp_path / "out", number)["inputs"], meta(tmp_path / "out", number)["clips"]
        anchor = inputs["anchor"]
        assert {one["trackType"] for one in inputs["positives"]} == {anchor["trackType"]}
        assert len({one["song_id"] for one in inputs["positives"]} | {anchor["song_id"]}) == 4
        negative = inputs["negative"]
        assert (negative["song_id"], negative["offset_sec"]) == (anchor["song_id"], anchor["offset_sec"])
        assert negative["trackType"] != anchor["trackType"] != clips["negative_02.wav"]["trackType"]
        assert clips["negative_02.wav"]["song_id"] != anchor["song_id"]
        assert {clip["domain"] for clip in clips.values()} == {RECORDED}


def test_anchors_come_back_in_turn_with_other_words(songs, tmp_path):
    build_triplets(plan(songs, count=6, positives=1), tmp_path / "out", generator=ToyGenerator())
    first, again = meta(tmp_path / "out", 1), meta(tmp_path / "out", 5)
    assert first["label"] == again["label"] != meta(tmp_path / "out", 2)["label"]
    assert first["prompts"] != again["prompts"]


def test_the_same_plan_gives_the_same_bytes_in_several_processes(songs, tmp_path):
    build_triplets(plan(songs, "timbre"), tmp_path / "one")
    build_triplets(plan(songs, "timbre"), tmp_path / "two", jobs=2)
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_run_that_is_stopped_while_generating_goes_on_to_the_same_bytes(songs, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        build_triplets(plan(songs), tmp_path / "stopped", generator=ToyGenerator(stop=3))
    assert sorted(path.name for path in (tmp_path / "stopped").glob("*triplets_*")) == ["triplets_1", "triplets_2"]
    generator = ToyGenerator()
    built = build_triplets(plan(songs), tmp_path / "stopped", generator=generator)
    assert (built.written, built.kept, len(generator.calls)) == (2, 2, 2)
    build_triplets(plan(songs), tmp_path / "whole", generator=ToyGenerator())
    assert content(tmp_path / "stopped") == content(tmp_path / "whole")


def test_a_run_that_is_stopped_while_writing_leaves_no_half_folder(songs, tmp_path, monkeypatch):
    written = []

    def stop(path, samples, *rest, **how):
        written.append(path)
        if len(written) == 3:
            raise KeyboardInterrupt
        return soundfile_write(path, samples, *rest, **how)

    soundfile_write = soundfile.write
    monkeypatch.setattr(soundfile, "write", stop)
    with pytest.raises(KeyboardInterrupt):
        build_triplets(plan(songs), tmp_path, generator=ToyGenerator())
    assert not list(tmp_path.glob("*triplets_*"))


def test_an_index_that_was_cut_off_is_mended_and_only_what_is_missing_measured_again(songs, tmp_path, monkeypatch):
    build_triplets(plan(songs, "timbre"), tmp_path / "whole")
    build_triplets(plan(songs, "timbre"), tmp_path / "cut")
    index = tmp_path / "cut" / "index.jsonl"
    lines = index.read_text().splitlines(keepends=True)
    index.write_text("".join(lines[:5]) + lines[5][:20])
    build_triplets(plan(songs, "timbre"), tmp_path / "cut")
    assert content(tmp_path / "whole") == content(tmp_path / "cut")
    monkeypatch.setattr("soundalike.research.triplets.material.read_part", None)  # nothing is read any more
    assert build_triplets(plan(songs, "timbre"), tmp_path / "cut").kept == 8


def test_a_file_that_has_changed_is_measured_again(tmp_path):
    moisesdb(tmp_path / "songs", ("one", "two", "three"))
    build_triplets(plan(tmp_path / "songs"), tmp_path / "out", generator=ToyGenerator())
    write(tmp_path / "songs" / "one" / "drums" / "k0.wav", np.zeros(9, np.float32))
    write(tmp_path / "songs" / "one" / "drums" / "s0.wav", np.zeros(16000, np.float32))
    built = build_triplets(plan(tmp_path / "songs"), tmp_path / "out", generator=ToyGenerator())
    assert (built.written, built.kept, built.refused) == (0, 2, {"silence": 1})


def test_a_broken_file_is_in_the_ledger_and_the_others_go_on(tmp_path):
    moisesdb(tmp_path / "songs")
    (tmp_path / "songs" / "two" / "drums" / "s1.wav").write_bytes(b"RIFF nothing")
    built = build_triplets(plan(tmp_path / "songs"), tmp_path / "out", generator=ToyGenerator())
    assert built.written == 3
    (line,) = (tmp_path / "out" / "failures.jsonl").read_text().splitlines()
    assert json.loads(line)["what"] == "two/drums"
    assert "s1.wav" in json.loads(line)["reason"]
    assert "1 failed" in tell(built, "rhythm", Path("out"))


def test_a_folder_that_failed_is_tried_again_and_then_no_ledger_is_left(songs, tmp_path):
    built = build_triplets(plan(songs), tmp_path, generator=ToyGenerator(fail=2))
    assert (built.written, list(built.failed)) == (3, ["triplets_2"])
    assert "out of memory" in (tmp_path / "failures.jsonl").read_text()
    built = build_triplets(plan(songs), tmp_path, generator=ToyGenerator())
    assert (built.written, built.kept, built.failed) == (1, 3, {})
    assert not (tmp_path / "failures.jsonl").exists()


def test_a_generator_that_gives_silence_makes_no_folder(songs, tmp_path):
    generator = ToyGenerator()
    generator.generate = lambda conditions: [type(c.drums)(np.zeros((1, 8000), np.float32), 8000) for c in conditions]
    built = build_triplets(plan(songs), tmp_path, generator=generator)
    assert built.written == 0
    assert "silence" in built.failed["triplets_1"]


def test_silent_and_quiet_stems_are_refused_by_name_of_the_gate(tmp_path):
    songs = tmp_path / "songs"
    for i, song in enumerate(("one", "two", "three")):
        write(songs / song / "drums.wav", (beats(0, 4.0), np.zeros(64000, np.float32), beats(1, 4.0))[i])
        write(songs / song / "bass.wav", hum(i))
    built = build_triplets(plan(songs), tmp_path / "out", generator=ToyGenerator())
    assert built.refused == {"silence": 1}
    assert "Of 3 parts, 1 were refused: silence 1." in tell(built, "rhythm", Path("out"))


def test_songs_of_one_stem_give_no_timbre_and_say_why(tmp_path):
    for song in ("one", "two"):
        write(tmp_path / "songs" / song / "piano.wav", hum(0))
    with pytest.raises(UsageError, match="negative 2"):
        build_triplets(plan(tmp_path / "songs", "timbre", positives=1), tmp_path / "out")


def test_mixes_are_split_and_what_a_separator_leaves_in_a_silent_stem_is_refused(tmp_path, monkeypatch):
    separator = ToySeparator(tmp_path)
    monkeypatch.setattr(passages, "load_separator", lambda name: separator)
    passages.the_separator.cache_clear()
    for i, song in enumerate(("one", "two", "three")):
        drums = beats(i, 4.0) * np.float32(0.1 if song == "three" else 1.0)
        write(tmp_path / "songs" / f"{song}.wav", np.stack([drums, hum(i) * np.float32(4)], axis=1))
    built = build_triplets(plan(tmp_path / "songs", separator="toy"), tmp_path / "out", generator=ToyGenerator())
    passages.the_separator.cache_clear()
    assert built.refused == {"residue": 1}
    assert meta(tmp_path / "out")["clips"]["positive_03.wav"]["part"] == "mix"
    assert meta(tmp_path / "out")["label"] == "one.wav/drums"


def test_stems_of_several_rates_come_out_at_one(tmp_path):
    for i, song in enumerate(("one", "two")):
        write(tmp_path / "songs" / song / "piano.wav", hum(i, 2.0, 8000 + 3025 * i), 8000 + 3025 * i)
        write(tmp_path / "songs" / song / "bass.wav", hum(2 + i))
    build_triplets(plan(tmp_path / "songs", "timbre", positives=1), tmp_path / "out")
    files = list((tmp_path / "out").rglob("*.wav"))
    assert {(soundfile.info(file).samplerate, soundfile.info(file).frames) for file in files} == {(32000, 32000)}


def test_folders_of_another_plan_are_not_added_to(songs, tmp_path):
    build_triplets(plan(songs, count=1), tmp_path, generator=ToyGenerator())
    with pytest.raises(UsageError, match="another seed"):
        build_triplets(plan(songs, count=2, seed=5), tmp_path, generator=ToyGenerator())
    assert build_triplets(plan(songs, count=2), tmp_path, generator=ToyGenerator()).kept == 1


def test_what_would_be_built_among_the_songs_is_refused(songs):
    with pytest.raises(UsageError, match="among the songs"):
        build_triplets(plan(songs, "timbre"), songs / "out")


def test_a_generator_is_needed_and_has_to_follow_the_factor(songs, tmp_path):
    with pytest.raises(UsageError, match="triplets render"):
        build_triplets(plan(songs), tmp_path)
    generator = ToyGenerator()
    generator.takes = frozenset({"melody"})
    with pytest.raises(UsageError, match="does not follow drums"):
        build_triplets(plan(songs), tmp_path, generator=generator)


@pytest.mark.parametrize(
    "how", [{"factor": "tempo"}, {"factor": "harmony", "style": "reference"}, {"positives": 0}, {"seconds": 0.0}]
)
def test_plans_that_make_no_sense_are_refused(songs, how):
    with pytest.raises(UsageError):
        plan(songs, **how)
