from __future__ import annotations

import numpy as np
import pytest
import soundfile

from conftest import RATE, tune, write_tune
from soundalike.analysis import LEAST_CONFIDENCE, Analyzer, Recipe
from soundalike.errors import AudioDecodeError, UnknownNameError
from soundalike.facets import Facet


@pytest.fixture(scope="module")
def analyzer():
    return Analyzer()


def write(path, samples):
    soundfile.write(path, samples, RATE)
    return path


def test_the_space_names_everything_that_makes_vectors_comparable(analyzer):
    assert analyzer.space.name == "none/embedded-2/factors-1"
    assert [facet.factor for facet in analyzer.space.facets] == [
        "overall", "melody", "rhythm", "groove", "timbre", "harmony",
    ]  # fmt: skip
    assert analyzer.space.dim == 128


def test_excerpts_are_ten_seconds_and_the_last_one_ends_with_the_file(analyzer, tmp_path):
    excerpts = analyzer.analyse(write(tmp_path / "a.wav", tune(1, 25.0))).excerpts
    assert list(excerpts.start) == [0, 10, 15]
    assert list(excerpts.end) == [10, 20, 25]


def test_every_vector_has_unit_length_or_is_absent(analyzer, tmp_path):
    excerpts = analyzer.analyse(write(tmp_path / "a.wav", tune(2, 12.0))).excerpts
    for rows in excerpts.vectors.values():
        length = np.linalg.norm(rows, axis=1)
        assert np.all((abs(length - 1) < 1e-5) | (length == 0))


def test_clips_in_memory_and_files_give_the_same_vectors(analyzer, tmp_path):
    from soundalike.audio import load_clip

    path = write(tmp_path / "a.wav", tune(3, 4.0))
    vectors = analyzer.vectors([load_clip(path)])
    stored = analyzer.analyse(path).excerpts.vectors
    assert all(np.array_equal(vectors[facet], stored[facet]) for facet in analyzer.space.facets)


def test_silent_excerpts_are_left_out_and_silent_files_marked(analyzer, tmp_path):
    half = np.concatenate([np.zeros(10 * RATE), tune(4, 10.0)])
    assert list(analyzer.analyse(write(tmp_path / "half.wav", half)).excerpts.start) == [10]
    silent = analyzer.analyse(write(tmp_path / "silent.wav", np.zeros(3 * RATE)))
    assert silent.track.silent
    assert len(silent.excerpts) == 0
    assert silent.track.tempo is None
    assert silent.track.key is None


def test_a_short_hit_has_timbre_but_neither_rhythm_nor_tempo(analyzer, tmp_path):
    rng = np.random.default_rng(0)
    hit = 0.5 * rng.normal(size=RATE // 20) * np.exp(-np.linspace(0, 6, RATE // 20))
    analysed = analyzer.analyse(write(tmp_path / "hit.wav", hit))
    assert analysed.excerpts.present(Facet("timbre")).all()
    assert not analysed.excerpts.present(Facet("rhythm")).any()
    assert not analysed.excerpts.present(Facet("groove")).any()
    assert analysed.track.tempo is None


def test_clicks_have_their_tempo_up_to_octaves_and_say_how_sure_that_is(analyzer, tmp_path):
    clicks = np.zeros(12 * RATE)
    for beat in np.arange(0, 12, 0.5):
        first = round(beat * RATE)
        clicks[first : first + 200] += 0.5 * np.random.default_rng(0).normal(size=200)
    track = analyzer.analyse(write(tmp_path / "clicks.wav", clicks)).track
    assert min(abs(np.log2(track.tempo / 120 / octave)) for octave in (0.5, 1, 2)) < 0.02
    assert LEAST_CONFIDENCE <= track.tempo_confidence <= 1


def test_a_guess_at_tempo_or_key_is_not_reported(analyzer, tmp_path, monkeypatch):
    from soundalike.key import KeyEstimate
    from soundalike.tempo import TempoEstimate

    monkeypatch.setattr("soundalike.analysis.estimate_tempo", lambda _: TempoEstimate(123.0, 0.01))
    monkeypatch.setattr("soundalike.analysis.estimate_key", lambda _: KeyEstimate("A minor", "8A", 0.01))
    track = analyzer.analyse(write(tmp_path / "a.wav", tune(5))).track
    assert (track.tempo, track.tempo_confidence) == (None, None)
    assert (track.key, track.camelot, track.key_confidence) == (None, None, None)


def test_a_passage_costs_and_hears_only_itself(analyzer, tmp_path):
    path = write(tmp_path / "a.wav", np.concatenate([tune(6, 10.0), tune(7, 10.0)]))
    passage = analyzer.analyse(path, start=10.0, end=20.0)
    whole = analyzer.analyse(path)
    assert passage.track.duration == pytest.approx(10)
    for facet, rows in passage.excerpts.vectors.items():
        assert np.allclose(rows[0] @ whole.excerpts.vectors[facet][1], 1, atol=1e-3)


def test_a_missing_file_and_an_unknown_encoder_are_named(analyzer, tmp_path):
    with pytest.raises(AudioDecodeError, match="none"):
        analyzer.analyse(tmp_path / "none.wav")
    with pytest.raises(UnknownNameError, match="embedded"):
        Analyzer(Recipe(encoder="embeded", heads="descriptors"))


def test_a_track_has_its_notes_at_their_times(tmp_path):
    path = write_tune(tmp_path / "long.wav", 3, 23.0)
    analysed = Analyzer().analyse(path)
    notes = analysed.transcription.notes
    assert len(notes) > 20
    assert (np.diff(notes["start"]) > 0).all()
    assert notes["start"][0] < 3.0
    assert 20.0 < (notes["start"] + notes["length"]).max() <= 23.05
    assert (notes["start"][1:] - (notes["start"] + notes["length"])[:-1] > -1e-6).all()  # one at a time
    assert analysed.transcription.beat == pytest.approx(60.0 / analysed.track.tempo)
    part = Analyzer().analyse(path, start=5.0, end=12.0).transcription.notes
    assert part["start"].min() >= 5.0
    assert Analyzer().analyse(path).transcription == analysed.transcription


def test_silence_has_no_notes(tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(3 * RATE), RATE)
    assert Analyzer().analyse(tmp_path / "silence.wav").transcription is None
