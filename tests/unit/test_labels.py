"""Frame labels: exactly what sounds, where it sounds."""

from dataclasses import replace

import numpy as np
import pytest

from soundalike.errors import UsageError
from soundalike.research.music.labels import NOTHING, frame_labels
from soundalike.research.music.performance import ChordSpan, Performance
from soundalike.research.music.performer import PieceSpec, perform
from soundalike.research.sound.synthesizer import Sounding

SILENCE = Performance((), (), (), (), {}, (), np.zeros(0), 120.0)


def test_frames_follow_the_notes_at_their_centres() -> None:
    lead = (Sounding(0.1, 0.25, 60, 1.0), Sounding(0.5, 9.0, 64, 1.0))
    labels = frame_labels(replace(SILENCE, lead=lead), 1.0, 10)
    assert labels["lead"].tolist() == [-1, 60, 60, 60, -1, 64, 64, 64, 64, 64]


def test_chords_and_bass_notes_are_pitch_classes() -> None:
    chords = (ChordSpan(0.0, 0.5, 7, (7, 11, 2), 11), ChordSpan(0.5, 1.0, 0, (0, 4, 7), 0))
    labels = frame_labels(replace(SILENCE, chords=chords, bass=(Sounding(0.0, 0.3, 35, 1.0),)), 1.0, 4)
    assert labels["root"].tolist() == [7, 7, 0, 0]
    assert np.flatnonzero(labels["tones"][1]).tolist() == [2, 7, 11]
    assert labels["bass"].tolist() == [11, 11, NOTHING, NOTHING]


def test_hit_is_one_with_half_beside_it_and_soft_hits_are_less() -> None:
    drums = {"kick": ((0.3, 0.9),), "ride": ((0.0, 0.15),), "tom": ((0.99, 1.0),)}
    labels = frame_labels(replace(SILENCE, drums=drums), 1.0, 10)
    assert labels["kick"].tolist() == [0, 0, 0.5, 1, 0.5, 0, 0, 0, 0, 0]
    assert labels["hat"][:3].tolist() == [0.5, 0.25, 0]
    assert not labels["snare"].any()
    assert not labels["tom"].any()  # its nearest frame would be the one after the last


def test_silence_has_nothing_of_anything() -> None:
    labels = frame_labels(SILENCE, 0.5, 86)
    assert {len(array) for array in labels.values()} == {43}
    assert (labels["lead"] == -1).all()
    assert (labels["root"] == NOTHING).all()
    assert (labels["bass"] == NOTHING).all()
    assert not any(labels[name].any() for name in ("tones", "kick", "snare", "hat", "tom", "beat", "downbeat"))


def test_labels_of_a_whole_piece_agree_between_rates() -> None:
    performance = perform(PieceSpec(1, 2, 3, 100.0, 4, duration=4.0, style="rich", nuisance=5))
    fine, coarse = (frame_labels(performance, 4.0, rate) for rate in (80, 20))
    assert set(np.unique(coarse["lead"])) > {-1}
    for name in ("lead", "root", "bass"):
        assert np.array_equal(fine[name][::4], coarse[name])


@pytest.mark.parametrize(("seconds", "rate"), [(0.0, 10.0), (1.0, -1.0), (float("nan"), 10.0)])
def test_impossible_frames_are_refused(seconds: float, rate: float) -> None:
    with pytest.raises(UsageError, match="were asked for"):
        frame_labels(SILENCE, seconds, rate)
