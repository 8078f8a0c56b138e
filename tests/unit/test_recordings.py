"""Tasks on recordings and MIDI files: who may be found, who is right, and what a deaf system scores."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from conftest import write_tune
from soundalike.audio import Clip
from soundalike.errors import ShapeError
from soundalike.research.evaluation import drum_performances, tune_variants
from soundalike.research.evaluation.drum_performances import (
    Takes,
    measure_drum_performances,
    read_hits,
    read_performances,
)
from soundalike.research.evaluation.factor_matrix import GivenSystem
from soundalike.research.evaluation.recordings import (
    instrument_of,
    measure_music,
    measure_oneshots,
    measure_stems,
    present,
)
from soundalike.research.evaluation.runs import Run
from soundalike.research.evaluation.tasks import Task, judge, tempo_table
from soundalike.research.evaluation.tune_variants import measure_tune_variants
from soundalike.research.music.material import split_of

mido = pytest.importorskip("mido", reason="mido is not here")


def code(*values: float) -> np.ndarray:
    return np.random.default_rng([round(abs(v) * 1000) for v in values]).standard_normal(64).astype(np.float32)


def spectrum(clips) -> dict[str, np.ndarray]:
    """Hears the sound of a tune: its long-term spectrum."""
    rows = [
        np.log(1e-3 + np.abs(np.fft.rfft(clip.samples[0], 2**17))[:65536].reshape(256, -1).mean(axis=1))
        for clip in clips
    ]
    return {"timbre": np.array([row - row.mean() for row in rows], np.float32)}


def deaf(clips) -> dict[str, np.ndarray]:
    return {"timbre": np.ones((len(clips), 2), np.float32), "melody": np.zeros((len(clips), 3), np.float32)}


HEARING, DEAF = GivenSystem(spectrum, "hearing"), GivenSystem(deaf, "deaf")


def write_index(folder: Path, name: str, lines: list[dict[str, object]]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w", newline="") as file:
        writer = csv.DictWriter(file, list(lines[0]))
        writer.writeheader()
        writer.writerows(lines)


def at_chance(document: dict) -> bool:
    return all(
        cell["value"] == pytest.approx(document["chance"][metric], abs=1e-5)
        for name, row in document["rows"].items()
        if not name.endswith("oracle")
        for metric, cell in row.items()
    )


def test_only_allowed_candidates_count_and_queries_without_a_choice_are_left_out() -> None:
    right = np.array([[1, 0, 0], [1, 0, 0], [1, 0, 0]], np.bool_)
    allowed = np.array([[1, 1, 0], [1, 0, 0], [0, 1, 1]], np.bool_)
    scores = np.array([[0.5, 0.4, 0.9]] * 3)
    result = judge(Task("who", "timbre", right, allowed, ["a", "b", "c"], "tracks"), {"timbre": scores})
    assert (result["queries"], result["sources"], result["chance"]) == (1, 1, {"nearer": 0.5, "first": 0.5})
    assert result["rows"]["timbre"]["first"]["value"] == 1.0
    with pytest.raises(ShapeError, match="2 sources"):
        Task("who", "timbre", right, allowed, ["a", "b"], "tracks")


def test_a_task_that_nobody_can_answer_has_no_rows() -> None:
    nobody = np.zeros((2, 2), np.bool_)
    result = judge(Task("who", "timbre", nobody, ~nobody, ["a", "b"], "tracks"), {"timbre": np.ones((2, 2))})
    assert (result["queries"], result["rows"], result["chance"]) == (0, {}, {})


def test_halves_of_a_track_find_each_other_and_a_deaf_system_is_at_chance(tmp_path: Path) -> None:
    files = [write_tune(tmp_path / f"{seed}.wav", seed).name for seed in range(6)]
    write_index(tmp_path, "index.csv", [{"file": file, "artist": "ab"[i % 2]} for i, file in enumerate(files)])
    results = measure_music(tmp_path, Run([HEARING, DEAF]))
    halves = results["hearing"]["same track"]
    assert halves["rows"]["timbre"]["first"]["value"] > 0.5
    assert halves["chance"]["first"] == pytest.approx(1 / 6, abs=1e-5)
    artist = results["hearing"]["artist"]
    assert (artist["queries"], artist["sources"]) == (6, 2)
    assert artist["chance"]["first"] == 0.4  # two of the five others
    assert at_chance(results["deaf"]["same track"])
    assert at_chance(results["deaf"]["artist"])


def test_stems_are_asked_for_their_kind_in_the_other_song(tmp_path: Path) -> None:
    lines = []
    for song in "ab":
        for stem, seed in (("drums", 1), ("bass", 2), ("mix", 3), (f"only {song}", 4)):
            write_tune(tmp_path / song / f"{stem}.wav", seed)
            lines.append({"file": f"{song}/{stem}.wav", "song": song, "stem": stem})
    write_index(tmp_path, "index.csv", lines)
    results = measure_stems(tmp_path, Run([HEARING, DEAF]))
    assert results["hearing"]["stem type"]["queries"] == 4  # drums and bass of both songs; the mixes are no stems
    assert results["hearing"]["stem type"]["rows"]["timbre"]["nearer"]["value"] == 1.0
    assert at_chance(results["deaf"]["stem type"])


def test_one_shots_get_no_help_from_their_instrument_or_pack(tmp_path: Path) -> None:
    made = {"bell_C4": 1, "bell_D4": 1, "chime_C4": 2, "kick_1": 3, "kick_2": 3, "tom_1": 3}
    lines = []
    for name, seed in made.items():
        write_tune(tmp_path / f"{name}.wav", seed, 0.5)
        kind = "bell" if seed < 3 else "drum"
        lines.append({"file": f"{name}.wav", "class": kind, "source_repo": "p", "source_path": f"x/{name}.wav"})
    write_index(tmp_path, "index.csv", lines)
    results = measure_oneshots(tmp_path, Run([HEARING, DEAF]))
    strict, loose = (
        results["hearing"][f"one-shot class{rest}"]["rows"]["timbre"]["first"]["value"] for rest in ("", ", any sound")
    )
    assert loose > strict  # the other bell is one sound, the chime is another
    assert at_chance(results["deaf"]["one-shot class"])


@pytest.mark.parametrize(
    ("path", "instrument"),
    [
        ("berklee/malevoice_aa_C#4.mp3", "malevoice_aa"),
        ("berklee/malevoice_oo_A2.mp3", "malevoice_oo"),
        ("berklee/bell_2b.mp3", "bell"),
        ("berklee/guitar_Astring.mp3", "guitar_astring"),
        ("etc/elec_blip2.flac", "elec_blip"),
        ("salamander/Ds4.mp3", "salamander"),
    ],
)
def test_instruments_are_told_by_their_file_names(path: str, instrument: str) -> None:
    assert instrument_of(path) == instrument


def names_in_tests(make, player: bool = False) -> list[str]:
    """Names that belong to the split "test"."""
    names = (make(number) for number in range(1000))
    return [name for name in names if (split_of("x", name) if player else split_of(name)) == "test"]


@pytest.fixture
def drumming(tmp_path: Path) -> Path:
    """Eight performances by two test drummers and one by another."""
    players = names_in_tests("drummer{}".format, player=True)[:2]
    other = next(f"drummer{n}" for n in range(99) if split_of("x", f"drummer{n}") != "test")
    lines = []
    for number, player in enumerate([*players * 4, other]):
        midi = mido.MidiFile(ticks_per_beat=480)
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(90 + 5 * number)))
        for beat in range(60):
            note = (36, 38, 42, 36 + number % 3)[beat % 4]
            track.append(mido.Message("note_on", channel=9, note=note, velocity=100, time=0))
            track.append(mido.Message("note_off", channel=9, note=note, time=480))
        midi.tracks.append(track)
        name = f"{player}/{number}.mid"
        (tmp_path / player).mkdir(exist_ok=True)
        midi.save(tmp_path / name)
        style = ("rock/x", "funk")[number // 2 % 2]
        line = {"drummer": player, "style": style, "bpm": 90 + 5 * number, "beat_type": "beat"}
        lines.append(line | {"midi_filename": name, "duration": round(midi.length, 3)})
    lines.append(lines[0] | {"beat_type": "fill"})
    write_index(tmp_path, "info.csv", lines)
    return tmp_path


def test_only_beats_by_test_drummers_are_asked(drumming: Path) -> None:
    performances = read_performances(drumming)
    assert len(performances) == 8
    assert {performance.style for performance in performances} == {"rock", "funk"}
    first = read_hits(performances[0].path)
    assert len(first) == 60
    assert [(round(at, 2), name) for at, name, _ in first[:3]] == [(0, "kick"), (0.67, "snare"), (1.33, "hat")]


def test_takes_are_ten_seconds_of_drums_at_their_tempo(drumming: Path) -> None:
    path = read_performances(drumming)[0].path
    slow, fast = Takes(path, (drum_performances.Take(0, 1.0, 5), drum_performances.Take(0, 1.25, 5))).clips()
    assert slow.samples.shape == fast.samples.shape == (1, 220500)
    onset = round(0.667 * 22050)
    assert (
        np.abs(slow.samples[0, onset : onset + 800]).max()
        > 5 * np.abs(slow.samples[0, onset - 800 : onset - 100]).max()
    )
    faster = round(0.667 / 1.25 * 22050)
    assert np.abs(fast.samples[0, faster : faster + 800]).max() > 0.1


def test_drumming_is_found_by_its_pattern_and_the_tempo_oracle_is_fooled_by_another_tempo(
    drumming: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def play(self, take):
        number = float(Path(self.path).stem)
        return Clip(np.array([[number, take.kit, (90 + 5 * number) * take.ratio]], np.float64), 22050)

    monkeypatch.setattr(Takes, "_play", play)

    def encode(clips):
        values = [clip.samples[0] for clip in clips]
        return {
            "groove": np.array([code(v[0]) for v in values]),
            "timbre": np.array([code(v[1]) for v in values]),
            "rhythm": np.array([[np.cos(v[2] / 60), np.sin(v[2] / 60)] for v in values], np.float32),
        }

    results = measure_drum_performances(drumming, Run([GivenSystem(encode, "hearing"), DEAF]))
    hearing = results["hearing"]
    firsts = {
        name: {facet: row["first"]["value"] for facet, row in hearing[name]["rows"].items()}
        for name in ("drums, other part", "drums, other part and kit", "drums, other part, kit and tempo")
    }
    assert {values["groove"] for values in firsts.values()} == {1.0}
    assert firsts["drums, other part"]["timbre"] == 1.0
    assert firsts["drums, other part and kit"]["timbre"] < 0.6
    assert firsts["drums, other part and kit"]["tempo oracle"] == firsts["drums, other part and kit"]["rhythm"] == 1.0
    assert firsts["drums, other part, kit and tempo"]["tempo oracle"] < 0.5
    assert hearing["drums, tempo-matched"]["rows"]["groove"]["nearer"]["value"] == 1.0
    assert hearing["drum style"]["queries"] == 8
    assert all(at_chance(document) for document in results["deaf"].values())


def test_tempo_oracle_prefers_the_nearer_tempo() -> None:
    table = tempo_table(np.array([100.0]), np.array([50.0, 103.0, 100.0]))
    assert table.argsort()[0].tolist() == [0, 1, 2]


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Three songs of the split "test" with tunes and chords of their own."""
    rng = np.random.default_rng(0)
    for name in names_in_tests("{:03d}".format)[:3]:
        folder = tmp_path / name
        folder.mkdir()
        midi = mido.MidiFile(ticks_per_beat=480)
        track = mido.MidiTrack()
        track.append(mido.MetaMessage("track_name", name="MELODY"))
        for pitch in rng.choice([60, 62, 64, 65, 67, 69, 71, 72], 96):
            track.append(mido.Message("note_on", note=int(pitch), velocity=90, time=0))
            track.append(mido.Message("note_off", note=int(pitch), time=480))
        midi.tracks.append(track)
        midi.save(folder / f"{name}.mid")
        (folder / "beat_midi.txt").write_text("".join(f"{b / 2} 0.0 {float(b % 4 == 0)}\n" for b in range(96)))
        roots = rng.choice(["C:maj", "A:min", "F:maj", "G:7"], 48)
        (folder / "chord_midi.txt").write_text("".join(f"{i} {i + 1} {root}\n" for i, root in enumerate(roots)))
        (folder / "key_audio.txt").write_text("0 48 C:maj\n")
    return tmp_path


def test_tunes_and_chords_are_found_by_what_they_have_in_common(songs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pieces = []
    monkeypatch.setattr(tune_variants, "render", lambda spec: pieces.append(spec) or spec)

    def encode(specs):
        def heard(score) -> np.ndarray:
            return code(hash(score) % 2**31 if isinstance(score, int) else sum(hash(n) for n in score) % 2**31)

        melodies = [s.melody if isinstance(s.melody, int) else s.melody.notes for s in specs]
        chords = [s.harmony if isinstance(s.harmony, int) else s.harmony.chords for s in specs]
        return {
            "melody": np.array([heard(melody) for melody in melodies]),
            "harmony": np.array([heard(harmony) for harmony in chords]),
        }

    results = measure_tune_variants(songs, Run([GivenSystem(encode, "hearing"), DEAF], palette="fonts-test"))
    for name, document in results["hearing"].items():
        own = document["own"]
        other = "harmony" if own == "melody" else "melody"
        assert document["rows"][own]["precision"]["value"] == 1.0, name
        assert document["rows"][other]["precision"]["value"] < 0.9, name
        assert document["sources"] == 3
    assert all(at_chance(document) for document in results["deaf"].values())
    assert {piece.palette for piece in pieces} == {"fonts-test"}
    assert {piece.parts for piece in pieces} == {("lead",), ("comp", "bass"), None}
    assert len({piece.key for piece in pieces}) > 6


def test_folders_are_present_with_what_they_need(tmp_path: Path) -> None:
    assert present(tmp_path) == []
    (tmp_path / "pop909").mkdir()
    (tmp_path / "music").mkdir()
    assert present(tmp_path) == ["pop909"]
    write_index(tmp_path / "music", "index.csv", [{"file": "a"}])
    assert present(tmp_path) == ["music", "pop909"]


def test_recorded_stems_find_their_kind_by_the_default_system(outside_data: Path) -> None:
    from soundalike.research.evaluation.systems import load_systems

    results = measure_stems(outside_data / "stems", Run(load_systems(["default"])))
    assert results["default"]["stem type"]["rows"]["timbre"]["nearer"]["value"] > 0.6
