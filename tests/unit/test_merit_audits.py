"""Ways around: what triplets can be answered by without hearing their factor, and what a split gives away."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from merit_sets import make_set
from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.merit.audits import audit
from soundalike.research.merit.clip_facts import measure_clips, tempo_of
from soundalike.research.merit.detector import learn_detector
from soundalike.research.merit.leaks import leaks_of, recurrence_of
from soundalike.research.merit.oracles import by_domain, by_label, by_tempo, by_value
from soundalike.research.triplets.sets import RENDERED, ClipNotes, Members, TripletSet
from soundalike.research.triplets.splits import Split
from soundalike.research.triplets.writing import NewClip, write_folder

NAMES = [f"triplets_{number}" for number in range(40)]
SPLIT = Split(tuple(NAMES[10:]), tuple(NAMES[:10]))


def test_knowing_only_what_is_generated_answers_80_per_cent_of_merits_construction():
    triplets = make_set("melody", 40, positives=5)
    outcomes = by_domain(triplets, triplets.triples())
    assert outcomes.mean() == pytest.approx(20 / 25)
    assert outcomes[triplets.triples().by_anchor].mean() == 0.0


def test_a_detector_learned_on_training_folders_scores_80_per_cent_on_test_folders():
    found = audit(make_set("melody", 40, positives=5), split=SPLIT)["shortcuts"]
    assert found["domain"]["as merit"]["all"]["value"] == pytest.approx(0.8)
    assert found["domain detector"]["as merit"]["all"]["value"] == pytest.approx(0.8, abs=0.02)
    assert found["domain detector"]["as merit"]["anchor queries"]["value"] < 0.05


def test_negatives_of_the_positives_domain_close_the_shortcut():
    triplets = make_set("melody", 40, domains=("recorded", "generated", "generated"))
    assert by_domain(triplets, triplets.triples()).mean() == 0.5


def test_a_set_of_one_domain_has_nothing_to_detect():
    triplets = make_set("melody", 40, domains=(RENDERED,) * 3)
    found = audit(triplets, split=SPLIT)
    assert found["shortcuts"]["domain"]["as merit"]["all"]["value"] == 0.5
    assert "domains: rendered" in found["not measured"]["domain detector"]
    with pytest.raises(UsageError, match="nothing to tell apart"):
        learn_detector(triplets)


def test_unknown_domains_and_tempos_are_said_to_be_unknown():
    triplets = make_set("melody", 40)
    found = audit(replace(triplets, notes=(ClipNotes(),) * len(triplets.clips)), split=SPLIT)
    assert found["shortcuts"] == {}
    assert set(found["not measured"]) == {"domain", "domain detector", "level and duration", "tempo"}
    assert found["leaks"]["by_source"] is None


def test_knowing_only_tempos_answers_a_set_whose_positives_keep_the_tempo():
    triplets = make_set("rhythm", 10, tempos=(120.0, 121.0, 90.0))
    tempos = np.array([note.tempo for note in triplets.notes])
    assert by_tempo(tempos, triplets.triples()).mean() == 1.0
    same = make_set("rhythm", 10, tempos=(120.0, 121.0, 119.0))
    assert by_tempo(np.array([note.tempo for note in same.notes]), same.triples()).mean() == 0.5


def test_a_triple_of_which_a_value_is_not_known_is_half_right():
    triples = make_set("rhythm", 1, positives=1).triples()
    assert by_value(np.array([1.0, 1.1, np.nan]), triples).tolist() == [0.5]
    assert by_value(np.array([1.0, 1.1, 2.0]), triples).tolist() == [1.0]
    assert by_value(np.array([1.0, 1.1, 0.9]), triples, same=0.2).tolist() == [0.5]
    assert by_label(["a", "b", "a"], triples).tolist() == [0.0]


def test_an_anchor_that_comes_back_is_met_by_training_under_a_split_by_folder():
    triplets = make_set("melody", 40, songs=8)
    found = leaks_of(triplets, SPLIT)
    assert (found["by_anchor"], found["by_source"]) == (1.0, 1.0)
    assert recurrence_of(triplets) == {"folders": 40, "anchors": 8, "most": 5}


def test_a_split_by_song_gives_nothing_away():
    triplets = make_set("melody", 40, songs=8)
    test = tuple(name for number, name in enumerate(NAMES) if number % 8 < 2)
    found = leaks_of(triplets, Split(tuple(name for name in NAMES if name not in test), test))
    assert (found["by_anchor"], found["by_source"], found["train_folders"]) == (0.0, 0.0, 30)


def test_a_set_without_any_test_folder_is_refused():
    with pytest.raises(UsageError, match="no folder of the test part"):
        audit(make_set("melody", 3), split=Split(("triplets_0",), ("triplets_9",)))


def test_without_a_split_all_folders_are_tested_and_nothing_is_said_of_leaks():
    found = audit(make_set("melody", 12))
    assert found["leaks"] is None
    assert "domain detector" in found["not measured"]


def write_clips(root, levels: tuple[float, float, float]) -> TripletSet:
    """A folder of three tones of 1, 1 and 2 s at given levels."""

    def tone(level: float, seconds: float) -> NewClip:
        time = np.arange(int(8000 * seconds)) / 8000
        return NewClip(Clip((level * np.sin(2 * np.pi * 440 * time))[None].astype(np.float32), 8000), ClipNotes())

    anchor, positive, negative = (tone(level, s) for level, s in zip(levels, (1.0, 1.0, 2.0), strict=True))
    write_folder(root, 1, "melody", anchor=anchor, positives=[positive], negatives=[negative])
    clips = tuple(f"triplets_1/triplet/{name}.wav" for name in ("anchor", "positive_01", "negative"))
    rows = np.eye(3, dtype=np.float32)
    return TripletSet("melody", "toy-1", rows, clips, (ClipNotes(),) * 3, (Members("triplets_1", 0, (1,), (2,)),))


def test_levels_and_durations_are_measured_on_the_wav_files(tmp_path):
    triplets = write_clips(tmp_path, (0.5, 0.5, 0.05))
    facts = measure_clips(triplets, tmp_path, tempo=False)
    assert facts.durations.tolist() == [1.0, 1.0, 2.0]
    assert facts.levels == pytest.approx([-9.03, -9.03, -29.03], abs=0.05)
    found = audit(triplets, root=tmp_path)["shortcuts"]
    assert found["level"]["as merit"]["all"]["value"] == 1.0
    assert found["duration"]["as merit"]["all"]["value"] == 1.0


def test_a_folder_that_holds_none_of_the_clips_is_refused(tmp_path):
    triplets = write_clips(tmp_path, (0.5, 0.5, 0.5))
    elsewhere = replace(triplets, clips=tuple(clip.replace("_1/", "_2/") for clip in triplets.clips))
    with pytest.raises(UsageError, match="holds none of the set's clips"):
        measure_clips(elsewhere, tmp_path, tempo=False)


def test_the_tempo_of_clicks_is_estimated():
    samples = np.zeros(22050 * 8, np.float32)
    samples[:: 22050 // 2] = 1.0
    clicks = np.convolve(samples, np.hanning(64).astype(np.float32))[: len(samples)]
    tempo = tempo_of(Clip(clicks[None], 22050))
    assert min(abs(tempo - beats) for beats in (60, 120, 240)) < 3
