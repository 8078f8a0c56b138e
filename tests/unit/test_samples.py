from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from soundalike.analysis import Analyzer
from soundalike.audio import Clip
from soundalike.audio.wav_chunks import SampleChunks, append_chunks
from soundalike.key import KEYS
from soundalike.recipe import Recipe
from soundalike.samples import Attacks, Sample, count_attacks, describe, fitting_tempo
from soundalike.samples.names import read_name

RATE = 22050
MANY = Attacks(16, 0.5)
ONE = Attacks(1, 0.05)


def strokes(seconds: float, beat: float, *, rate: int = RATE, decay: float = 30.0) -> np.ndarray:
    """Bursts of noise that die away, one on each beat; the first of four is the loudest."""
    rng = np.random.default_rng(0)
    time = np.arange(round(seconds * rate)) / rate
    since = time % beat
    loud = np.where((time // beat) % 4 == 0, 0.6, 0.3)
    return loud * rng.uniform(-1, 1, len(time)) * np.exp(-decay * since)


def written(path: Path, samples: np.ndarray, chunks: SampleChunks | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, RATE)
    if chunks:
        append_chunks(path, chunks)
    return path


# Names


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/s/Drum_Loop_01.wav", "loop"),
        ("/s/DrumLoop01.wav", "loop"),
        ("/s/drumloops.wav", "loop"),
        ("/s/bloop.wav", ""),
        ("/s/One Shot Kick.wav", "one-shot"),
        ("/s/OneShot_3.wav", "one-shot"),
        ("/s/one-shots/a.wav", "one-shot"),
        ("/s/Loops/Drums/a.wav", "loop"),
        ("/Loops/s/Drums/a.wav", ""),
        ("/Loops/One Shots/a.wav", "one-shot"),
        ("/One Shots/x/a_loop.wav", "loop"),
        ("/Loops & One Shots/a.wav", ""),
        ("/Loops & One Shots/Loops/a.wav", "loop"),
        ("/Loopmasters/a.wav", ""),
    ],
)
def test_words_of_names_and_two_folders_tell_the_kind(path: str, kind: str) -> None:
    assert read_name(path).kind == kind


@pytest.mark.parametrize(
    ("name", "tempo", "numbers"),
    [
        ("a_120bpm.wav", 120.0, ()),
        ("a 127.5 BPM.wav", 127.5, (127.5,)),
        ("bpm90_x.wav", 90.0, ()),
        ("SO_125_bass.wav", None, (125.0,)),
        ("x-090.wav", None, (90.0,)),
        ("tr808_24bit_44100_01.wav", None, ()),
        ("x_2024_400bpm.wav", None, ()),
        ("112dB.wav", None, ()),
    ],
)
def test_numbers_of_names_are_tempi_if_they_say_so_or_may_be(
    name: str, tempo: float | None, numbers: tuple[float, ...]
) -> None:
    words = read_name(f"/s/{name}")
    assert (words.tempo, words.numbers) == (tempo, numbers)


def test_a_folder_may_tell_the_tempo_and_the_file_overrules_it() -> None:
    assert read_name("/Loops/120 BPM/a.wav").tempo == 120.0
    assert read_name("/Loops/120 BPM/a_90bpm.wav").tempo == 90.0


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("x_Am_120", "A minor"),
        ("x F#min", "F# minor"),
        ("x_Gbmaj", "F# major"),
        ("x_Bb minor_2", "Bb minor"),
        ("x_C_maj", "C major"),
        ("x-DMAJ", "D major"),
        ("Lead (e minor)", "E minor"),
        ("x_A_120_Dm", "D minor"),
        ("i am a min day", None),
        ("AM radio", None),
        ("FM bass", None),
        ("Dm7 chord", None),
        ("Bminx", None),
        ("xAm", None),
    ],
)
def test_names_tell_keys_that_have_a_mode(name: str, key: str | None) -> None:
    assert read_name(f"/s/{name}.wav").key == key


@given(st.text(), st.floats(0, 500), st.sampled_from([None, *KEYS]), st.none() | st.floats(30, 300))
def test_any_name_can_be_read(path: str, duration: float, key: str | None, tempo: float | None) -> None:
    sample = describe(path, duration=duration, tempo=tempo, key=key, attacks=MANY)
    assert sample.kind in ("", "loop", "one-shot")
    assert sample.key is None or sample.key in KEYS


def test_names_need_not_be_utf8() -> None:
    assert read_name(os.fsdecode(b"/s/caf\xe9_loop_120bpm.wav")).tempo == 120.0


# Kinds


@pytest.mark.parametrize(
    ("path", "duration", "attacks", "kind"),
    [
        ("x.wav", 0.3, None, "one-shot"),
        ("x.wav", 2.0, ONE, "one-shot"),
        ("x.wav", 4.0, Attacks(1, 0.5), "one-shot"),
        ("x.wav", 7.9, Attacks(1, 0.5), ""),
        ("x.wav", 7.9, ONE, "one-shot"),
        ("x.wav", 3.0, Attacks(3, 0.05), "one-shot"),
        ("x.wav", 3.0, Attacks(3, 0.5), ""),
        ("snare.wav", 3.0, Attacks(3, 0.5), "one-shot"),
        ("snare_loop.wav", 3.0, Attacks(3, 0.5), "loop"),
        ("snare_100bpm.wav", 2.4, Attacks(2, 0.5), "loop"),
        ("kick.wav", 8.0, MANY, ""),
        ("x.wav", 10.0, None, ""),
        ("x.wav", 12.0, ONE, ""),
        ("one shot.wav", 12.0, MANY, "one-shot"),
        ("x.wav", 0.0, None, ""),
    ],
)
def test_without_a_tempo_names_and_attacks_decide(
    path: str, duration: float, attacks: Attacks | None, kind: str
) -> None:
    assert describe(path, duration=duration, attacks=attacks).kind == kind


def test_a_length_of_whole_beats_at_the_heard_tempo_is_a_loop() -> None:
    assert describe("x.wav", duration=4.0, tempo=118.0, attacks=MANY) == Sample("loop", 120.0, beats=8)
    assert describe("x.wav", duration=4.0, tempo=131.0, attacks=MANY) == Sample("", 131.0)
    assert describe("x.wav", duration=4.0, tempo=118.0, attacks=Attacks(2, 0.5)) == Sample("", 118.0)


def test_a_piece_of_music_is_no_sample_and_keeps_what_is_heard() -> None:
    assert describe("/Loops/x_120bpm_Am.wav", duration=41.0, tempo=99.0, key="C major") == Sample("", 99.0, "C major")
    long = describe("loop_120bpm.wav", duration=64.0, tempo=119.0)
    assert long == Sample("loop", 120.0, beats=128, tempo_told=True)
    assert describe("loop_120bpm.wav", duration=200.0, tempo=99.0) == Sample("", 99.0)


def test_a_one_shot_has_no_tempo() -> None:
    assert describe("Kick_120bpm_one shot.wav", duration=0.5, tempo=99.0) == Sample("one-shot")


def test_what_the_maker_wrote_goes_before_the_name(tmp_path: Path) -> None:
    silence = np.zeros(2 * RATE)
    loop = written(tmp_path / "one shots" / "kick_90bpm.wav", silence, SampleChunks(tempo=124.0, beats=4))
    assert describe(str(loop), duration=2.0) == Sample("loop", 124.0, beats=4, tempo_told=True)
    shot = written(tmp_path / "loops" / "loop_90bpm.wav", silence, SampleChunks(one_shot=True, tempo=120.0))
    assert describe(str(shot), duration=2.0, tempo=90.0) == Sample("one-shot")
    counted = written(tmp_path / "a.wav", silence, SampleChunks(beats=4))
    assert describe(str(counted), duration=2.0) == Sample("loop", 120.0, beats=4, tempo_told=True)
    default = written(tmp_path / "b.wav", silence, SampleChunks(tempo=100.0, beats=3))
    assert describe(str(default), duration=2.0, tempo=91.0).tempo == 90.0
    assert describe(str(default), duration=2.0, tempo=101.0).tempo == 100.0


# Tempo


@pytest.mark.parametrize(
    ("duration", "heard", "exact"),
    [
        (2.0, 118.0, 120.0),
        (2.0, 59.0, 120.0),
        (2.0, 240.5, 120.0),
        (2.0, 30.1, None),
        (60 * 16 / 97, 96.5, 97.0),
        (60 * 12 / 100, 99.0, 100.0),
        (60 * 8 / 135, 101.2, 135.0),
        (60 * 6 / 101.25, 101.2, 101.25 * 4 / 3),
        (2.0, 107.0, None),
        (12.0, 117.0, None),
        (0.2, 120.0, None),
        (2.0, None, None),
    ],
)
def test_a_length_makes_the_heard_tempo_exact(duration: float, heard: float | None, exact: float | None) -> None:
    found = fitting_tempo(duration, heard)
    assert found == (None if exact is None else pytest.approx(exact, abs=1e-6))


def test_a_known_loop_of_whole_beats_at_a_whole_tempo_needs_no_ears() -> None:
    assert fitting_tempo(60 * 8 / 127, None, known_loop=True) == pytest.approx(127.0)
    assert fitting_tempo(60 * 8 / 127, 100.0, known_loop=True) == pytest.approx(127.0)
    assert fitting_tempo(60 * 8 / 127.4, None, known_loop=True) is None
    named = describe("a loop.wav", duration=60 * 8 / 127)
    assert named == Sample("loop", pytest.approx(127.0), beats=8, tempo_told=True)


def test_a_plain_number_counts_only_if_ears_or_length_agree() -> None:
    assert describe("x_100_loop.wav", duration=3.3, tempo=49.0).tempo == 100.0
    assert describe("x_100_loop.wav", duration=4.8).tempo == 100.0
    assert describe("x_100_loop.wav", duration=3.3, tempo=80.0) == Sample("loop", 80.0)
    assert describe("x_100bpm_loop.wav", duration=3.3, tempo=80.0) == Sample("loop", 100.0, tempo_told=True)


def test_a_busy_sound_of_whole_beats_at_a_whole_tempo_is_a_loop_whatever_is_heard() -> None:
    assert describe("x.wav", duration=60 * 16 / 86, tempo=99.0, attacks=MANY).tempo == pytest.approx(86.0)
    assert describe("x.wav", duration=60 * 16 / 86.4, tempo=99.0, attacks=MANY) == Sample("", 99.0)
    assert describe("x.wav", duration=8.0, tempo=99.0, attacks=MANY) == Sample("", 99.0)
    assert describe("x.wav", duration=60 * 32 / 86, tempo=99.0, attacks=MANY) == Sample("", 99.0)
    for attacks in (Attacks(3, 0.5), Attacks(16, 0.2), Attacks(16, 0.8)):
        assert describe("x.wav", duration=60 * 16 / 86, tempo=99.0, attacks=attacks) == Sample("", 99.0)


# Key


def test_a_told_key_goes_before_the_heard_one(tmp_path: Path) -> None:
    told = describe("x_Am.wav", duration=3.0, key="C major", attacks=MANY)
    assert (told.key, told.key_told) == ("A minor", True)
    heard = describe("x.wav", duration=3.0, key="C major", attacks=MANY)
    assert (heard.key, heard.key_told) == ("C major", False)
    silence = np.zeros(2 * RATE)
    root = written(tmp_path / "a.wav", silence, SampleChunks(tempo=120.0, beats=4, root=57))
    assert describe(str(root), duration=2.0, key="A minor").key == "A minor"
    assert describe(str(root), duration=2.0, key="E minor").key == "A major"
    default = written(tmp_path / "b.wav", silence, SampleChunks(tempo=120.0, beats=4, root=60))
    assert describe(str(default), duration=2.0, key="E minor").key == "E minor"
    assert describe(str(default), duration=2.0, key="C minor").key_told


@pytest.mark.parametrize(
    ("name", "heard", "key"),
    [
        ("Bass_C#", None, "Db major"),
        ("Bass_C#", "C# minor", "C# minor"),
        ("take_A", "D minor", "D minor"),
        ("take_A", "A minor", "A minor"),
        ("take_8A", "A minor", "A minor"),
        ("take_8A", "D minor", "D minor"),
        ("piano_F#3", None, "F# major"),
    ],
)
def test_a_tonic_alone_counts_where_it_cannot_mean_something_else(name: str, heard: str | None, key: str) -> None:
    assert describe(f"{name}.wav", duration=2.0, key=heard, attacks=MANY).key == key


def test_the_heard_third_gives_a_told_tonic_its_mode() -> None:
    chroma = np.zeros(12)
    chroma[[6, 9, 1]] = 1.0  # F#, A, C#
    assert describe("x_F#.wav", duration=2.0, attacks=MANY, chroma=chroma).key == "F# minor"
    chroma[10] = 2.0
    assert describe("x_F#.wav", duration=2.0, attacks=MANY, chroma=chroma).key == "F# major"


# Attacks


@pytest.mark.parametrize("rate", [22050, 44100])
@pytest.mark.parametrize("count", [1, 2, 4, 8])
def test_attacks_are_counted(count: int, rate: int) -> None:
    sound = strokes(0.5 * count, 0.5, rate=rate).astype(np.float32)
    assert count_attacks(Clip(sound[None], rate)).count == count
    assert count_attacks(Clip(1e-3 * np.stack([sound, sound]), rate)).count == count


def test_a_sound_that_dies_away_has_little_late_and_one_that_lasts_has_half() -> None:
    time = np.arange(2 * RATE) / RATE
    tone = np.sin(2 * np.pi * 220 * time).astype(np.float32)
    assert count_attacks(Clip(tone[None], RATE)) == Attacks(1, pytest.approx(0.5, abs=0.01))
    dying = count_attacks(Clip((tone * np.exp(-4 * time)).astype(np.float32)[None], RATE))
    assert dying.count == 1
    assert dying.late < 0.01
    assert count_attacks(Clip(np.zeros((1, RATE), np.float32), RATE)) == Attacks(0, 0.0)
    assert count_attacks(Clip(np.zeros((1, 5), np.float32), RATE)) == Attacks(0, 0.0)


# Analysis


@pytest.fixture(scope="module")
def analyzer() -> Analyzer:
    return Analyzer()


def test_analysis_finds_a_loop_and_its_exact_tempo(analyzer: Analyzer, tmp_path: Path) -> None:
    beat = 60 / 123
    path = written(tmp_path / "x.wav", strokes(16 * beat, beat))
    track = analyzer.analyse(path).track
    assert track.kind == "loop"
    assert track.tempo in (61.5, 123.0)
    heard = analyzer.analyse(path, start=0.0, end=100.0).track
    assert heard.kind == ""
    assert track.tempo_confidence == heard.tempo_confidence
    assert heard.tempo != track.tempo


def test_analysis_takes_tempo_and_key_from_the_file_for_certain(analyzer: Analyzer, tmp_path: Path) -> None:
    path = written(tmp_path / "x_126bpm_F#m.wav", strokes(5.3, 60 / 126))
    track = analyzer.analyse(path).track
    assert (track.kind, track.tempo, track.tempo_confidence) == ("loop", 126.0, 1.0)
    assert (track.key, track.camelot, track.key_confidence) == ("F# minor", "11A", 1.0)


def test_analysis_knows_a_stroke(analyzer: Analyzer, tmp_path: Path) -> None:
    track = analyzer.analyse(written(tmp_path / "x.wav", strokes(2.5, 3.0, decay=8.0))).track
    assert (track.kind, track.tempo, track.tempo_confidence) == ("one-shot", None, None)


def test_analysis_knows_who_plays_whatever_encoder_makes_the_vectors(
    analyzer: Analyzer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    beat = 60 / 123
    path = written(tmp_path / "x.wav", strokes(16 * beat, beat))
    track = analyzer.analyse(path).track
    assert track.family == "drums"
    monkeypatch.setattr("soundalike.encoders.ENCODERS", {"toy": "toy_encoder:ToyEncoder"})
    other = Analyzer(Recipe(encoder="toy", heads="identity"))
    assert other.space.name != analyzer.space.name
    assert other.analyse(path).track == track
    assert other.analyse(path, start=1.0, end=5.0).track.family == "drums"
    assert analyzer.analyse(written(tmp_path / "drums.wav", np.zeros(RATE))).track.family == ""


def test_what_a_file_tells_changes_no_vector(analyzer: Analyzer, tmp_path: Path) -> None:
    sound = strokes(5.3, 60 / 126)
    plain = analyzer.analyse(written(tmp_path / "x.wav", sound)).excerpts
    named = written(tmp_path / "loop_126bpm_F#m.wav", sound, SampleChunks(tempo=90.0, beats=8))
    told = analyzer.analyse(named)
    assert told.track.tempo == 90.0
    for facet, rows in plain.vectors.items():
        assert np.array_equal(rows, told.excerpts.vectors[facet])
