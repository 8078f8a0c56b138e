"""Windows, gates, anchors and draws are those of MERIT's own programs, see ``make_golden.py``."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import pytest
from gates_inputs import (
    BURSTS,
    FOLDERS,
    OFFSETS,
    POSITIVES,
    bursts,
    clicks,
    kinds,
    make_moisesdb,
    melody_index,
)

from soundalike.audio import Clip
from soundalike.errors import UsageError
from soundalike.research.triplets.conditioned_folders import all_prompts, choose_anchors, draw
from soundalike.research.triplets.gates import count_onsets
from soundalike.research.triplets.index import Entry, Failures, Index
from soundalike.research.triplets.material import Material, Plan, configuration, gather
from soundalike.research.triplets.timbre_folders import choose_positives, timbre_folders
from soundalike.research.triplets.windows import activity_of, most_active_window, settle_window

GOLDEN = json.loads((Path(__file__).parent / "golden.json").read_text())
WINDOWS = list(zip(BURSTS, GOLDEN["windows"], strict=True))


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    root = tmp_path_factory.mktemp("songs")
    make_moisesdb(root / "moisesdb_v0.1")
    return root / "moisesdb_v0.1"


def gathered(songs, out, factor):
    plan = Plan(songs, factor, style="reference")
    index = Index(out, configuration(plan))
    return index, gather(plan, index, Failures(out))


@pytest.mark.parametrize(("given", "theirs"), WINDOWS)
def test_the_most_active_window_is_the_authors(given, theirs):
    window = most_active_window(bursts(*given), given[1])
    if theirs["active"] is None:
        assert window is None
        return
    assert window.offset == theirs["active"]["offset_sec"]
    assert window.activity == pytest.approx(theirs["active"]["non_silent_ratio"], abs=1e-12)
    assert window.level == pytest.approx(theirs["active"]["rms"], rel=1e-5)


@pytest.mark.parametrize(("given", "theirs"), WINDOWS)
def test_an_excerpt_is_as_active_as_by_the_authors(given, theirs):
    activity, level = activity_of(bursts(*given)[: 10 * given[1]], given[1])
    assert activity == pytest.approx(theirs["excerpt"]["non_silent_ratio"], abs=1e-7)
    assert level == pytest.approx(theirs["excerpt"]["rms"], rel=1e-5)


@pytest.mark.parametrize(("given", "theirs"), WINDOWS)
def test_windows_settle_where_the_authors_do_and_silence_is_refused(given, theirs):
    for offset, expected in zip(OFFSETS, theirs["settled"], strict=True):
        if expected == "IndexError":  # their search fails on recordings that are shorter than a window
            assert settle_window(bursts(*given), given[1], offset).offset == 0.0
        elif expected == "ValueError":
            with pytest.raises(UsageError):
                settle_window(bursts(*given), given[1], offset)
        else:
            assert settle_window(bursts(*given), given[1], offset).offset == expected


@pytest.mark.parametrize(("per_second", "theirs"), list(zip((1.0, 2.5, 5.0), GOLDEN["onsets"], strict=True)))
def test_onsets_are_counted_as_by_the_authors(per_second, theirs):
    onsets, level = count_onsets(Clip(clicks(5, per_second, 22050, 10.0)[None], 22050))
    assert onsets == theirs["onset_count"]
    assert level == pytest.approx(theirs["rms"], rel=1e-5)


def test_anchors_of_rhythm_are_the_authors(songs, tmp_path):
    _, material = gathered(songs, tmp_path, "rhythm")
    ours, _ = choose_anchors(material)
    assert len(ours) == len(GOLDEN["rhythm"]) > 2
    for entry, theirs in zip(ours, GOLDEN["rhythm"], strict=True):
        assert theirs["wav_rel"].endswith(f"{entry.song}/drums/{entry.part}.wav")
        assert (entry.offset, entry.numbers["onsets"]) == (theirs["offset_sec"], theirs["onset_count"])
        assert entry.numbers["drum level"] == pytest.approx(theirs["rms"], rel=1e-4)


def test_anchors_of_timbre_and_their_negatives_are_the_authors(songs, tmp_path):
    index, material = gathered(songs, tmp_path, "timbre")
    material = Material(
        Plan(songs, "timbre", style="reference", positives=1),
        material.songs,
        material.parts,
        material.entries,
        Counter(),
        material.measured,
    )
    ours = list(timbre_folders(material, index, Failures(tmp_path)))
    assert len(ours) == len(GOLDEN["timbre"]) > 8
    for folder, theirs in zip(ours, GOLDEN["timbre"], strict=True):
        anchor = folder.anchor
        assert (anchor.song, anchor.part, anchor.offset) == (theirs["song"], theirs["part"], theirs["offset"])
        assert anchor.numbers["activity"] == pytest.approx(theirs["activity"], abs=1e-12)
        assert anchor.numbers["level"] == pytest.approx(theirs["level"], rel=1e-5)
        assert folder.negative.part == theirs["negatives"][0]


def test_positives_of_a_timbre_are_chosen_in_the_authors_order():
    entries = [Entry(track["song_id"], track["track_uuid"], "guitar", "kind") for track in kinds()]
    ordered = sorted(entries, key=lambda entry: (entry.song, entry.stem, entry.part))
    ours = [[one.part for one in choose_positives(entry, ordered, 5, reference=True)] for entry in entries]
    assert ours == GOLDEN["positives"]


def test_anchors_others_and_prompts_of_melody_are_drawn_as_by_the_authors():
    by_song = {}
    for stem, found in melody_index().items():
        for entry in found:
            by_song.setdefault(entry["song"], []).append(
                Entry(entry["song"], entry["part"], stem, stem, numbers={"coverage": entry["ratio"]})
            )
    entries = tuple(entry for song in sorted(by_song) for entry in by_song[song])
    plan = Plan(Path("songs"), "melody", positives=POSITIVES, style="reference")
    material = Material(plan, {}, {}, entries, Counter(), len(entries))
    anchors, of_stem = choose_anchors(material)
    prompts = all_prompts()
    for number, theirs in zip(range(1, FOLDERS + 1), GOLDEN["melody"], strict=True):
        drawn = draw(material, anchors, of_stem, number)
        assert (drawn.anchor.stem, drawn.anchor.song, drawn.other.song) == (
            theirs["stem"],
            theirs["anchor"],
            theirs["other"],
        )
        assert [drawn.anchor_prompt, *drawn.prompts] == [prompts[i] for i in theirs["prompts"]]
    assert material.refused["songs with its stem"] == 1
