"""Rules of triplets that are rendered from scores of our own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.errors import UsageError
from soundalike.research.music.performer import scores_of
from soundalike.research.triplets.rendered import FACTORS, HELD, MIXED, SINGLE, Drawn, Plan, draw_folder, render_folders

SCORES = ("melody", "harmony", "groove", "timbre")


def controlled(factor: str, number: int = 1, **how: object) -> Drawn:
    return draw_folder(Plan(factor, 9, **how), number)  # type: ignore[arg-type]


def as_merit(factor: str, number: int = 1, **how: object) -> Drawn:
    return draw_folder(Plan(factor, 40, construction="merit", **how), number)  # type: ignore[arg-type]


@pytest.mark.parametrize("factor", FACTORS["controlled"])
def test_anchor_and_positives_share_their_factor_and_no_other(factor):
    folder = controlled(factor)
    pieces = [folder.anchor[0], *(spec for spec, _ in folder.positives)]
    held = HELD[factor]
    for name in SCORES:
        values = {getattr(spec, name) for spec in pieces}
        assert len(values) == (1 if name in held else len(pieces))
    assert (len({spec.tempo for spec in pieces}) == 1) == (factor == "rhythm")
    assert len({spec.nuisance for spec in pieces}) == len(pieces)


@pytest.mark.parametrize("factor", FACTORS["controlled"])
def test_the_first_negative_shares_nothing_and_the_second_all_but_the_factor(factor):
    folder = controlled(factor)
    anchor, (neutral, hard, *more) = folder.anchor[0], [spec for spec, _ in folder.negatives]
    assert all(getattr(anchor, name) != getattr(neutral, name) for name in (*SCORES, "tempo"))
    for name in (*SCORES, "tempo"):
        assert (getattr(anchor, name) == getattr(hard, name)) == (name not in HELD[factor])
    assert [spec.tempo for spec in more] == ([anchor.tempo] if factor == "rhythm" else [])
    assert all(spec.groove != anchor.groove for spec in more)


def test_no_two_controlled_folders_share_a_score():
    seen: set[str] = set()
    for factor in FACTORS["controlled"]:
        for number in (1, 2, 3):
            folder = controlled(factor, number)
            clips = (folder.anchor, *folder.positives, *folder.negatives)
            sources = {source for _, notes in clips for source in notes.sources}
            assert not sources & seen
            seen |= sources


@pytest.mark.parametrize("factor", ["melody", "rhythm"])
def test_as_merit_anchors_come_back_and_positives_keep_key_tempo_and_timing(factor):
    one, again = as_merit(factor, 3, anchors=20), as_merit(factor, 23, anchors=20)
    assert one.anchor == again.anchor
    assert one.positives != again.positives
    anchor, notes = one.anchor
    assert notes.domain == SINGLE
    for positive, about in one.positives:
        assert (positive.key, positive.tempo, positive.start) == (anchor.key, anchor.tempo, anchor.start)
        assert (about.domain, about.sources) == (MIXED, notes.sources)
        assert positive.parts is None
    ((negative, about),) = one.negatives
    assert len(negative.parts) == 1
    assert about.sources != notes.sources


def test_as_merit_timbre_has_one_instrument_in_other_songs_and_another_in_its_own():
    folder = as_merit("timbre", 6)
    songs = [notes.sources for _, notes in (folder.anchor, *folder.positives)]
    assert len(set(songs)) == 4
    assert len({spec.timbre for spec, _ in (folder.anchor, *folder.positives)}) == 1
    ((negative, about),) = folder.negatives
    assert about.sources == folder.anchor[1].sources
    assert scores_of(negative).melody == scores_of(folder.anchor[0]).melody
    assert negative.parts != folder.anchor[0].parts
    assert folder.label == as_merit("timbre", 5).label != as_merit("timbre", 4).label


def test_rendering_goes_on_where_it_was_stopped_and_gives_the_same_files(tmp_path):
    plan = Plan("rhythm", 2, positives=1, duration=0.5)
    whole = render_folders(plan, tmp_path / "whole")
    render_folders(Plan("rhythm", 1, positives=1, duration=0.5), tmp_path / "stopped")
    told: list[tuple[int, int]] = []
    resumed = render_folders(plan, tmp_path / "stopped", progress=lambda done, of: told.append((done, of)))
    assert told == [(2, 2)]
    for one, other in zip(whole, resumed, strict=True):
        for file in sorted((one / "triplet").iterdir()):
            assert file.read_bytes() == (other / "triplet" / file.name).read_bytes()


def test_a_rendered_folder_has_merits_names_and_notes_of_every_clip(tmp_path):
    (folder,) = render_folders(Plan("harmony", 1, positives=2, duration=0.5), tmp_path)
    inside = folder / "triplet"
    wavs = {path.name for path in inside.glob("*.wav")}
    assert wavs == {"anchor.wav", "positive_01.wav", "positive_02.wav", "negative.wav", "negative_02.wav"}
    meta = json.loads((inside / "triplet_meta.json").read_text())
    assert meta["factor"] == "harmony"
    assert meta["clips"].keys() == wavs
    assert all(clip["domain"] == "rendered" and clip["sources"] for clip in meta["clips"].values())
    samples, rate = soundfile.read(inside / "anchor.wav")
    assert (rate, len(samples)) == (24000, 12000)
    assert np.sqrt(np.mean(samples**2)) > 1e-3


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ({"factor": "harmony", "construction": "merit"}, "'merit' was asked for harmony"),
        ({"factor": "groove"}, "asked for groove"),
        ({"factor": "melody", "count": 0}, "0 folders"),
        ({"factor": "melody", "anchors": 1}, "1 anchors"),
        ({"factor": "melody", "seed": -1}, "seed -1"),
    ],
)
def test_what_cannot_be_rendered_is_refused(how, says):
    with pytest.raises(UsageError, match=says):
        Plan(**{"count": 3, **how})


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(UsageError, match="cannot be written"):
        render_folders(Plan("timbre", 1, positives=1, duration=0.2), Path(blocked) / "below")
