from __future__ import annotations

import json

import numpy as np
import pytest
import soundfile

from soundalike.cli import cli, main
from soundalike.cli.loops_command import loops
from soundalike.library import Library

RATE = 22050
BEAT = 0.5


def drum_song() -> np.ndarray:
    """Nine bars of kick, snare and hat at 120 beats per minute, float32 (n,)."""
    rng = np.random.default_rng(0)
    time = np.arange(round(0.2 * RATE)) / RATE
    kick = 0.6 * np.sin(2 * np.pi * 50 * time) * np.exp(-15 * time)
    snare = 0.3 * rng.standard_normal(len(time)) * np.exp(-20 * time)
    hat = 0.1 * np.diff(rng.standard_normal(len(time)), prepend=0) * np.exp(-80 * time)
    samples = np.zeros(round(38 * BEAT * RATE))
    for beat in range(36):
        struck = [(0.0, snare if beat % 2 else kick), (0.0, hat), (0.5, hat)] + [(0.75, kick)] * (beat % 4 == 2)
        for place, sound in struck:
            first = round((1 + beat + place) * BEAT * RATE)
            samples[first : first + len(sound)] += sound
    return samples.astype(np.float32)


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """A song, and its drums beside it."""
    folder = tmp_path_factory.mktemp("songs")
    for name in ("Tin Roof.wav", "Tin Roof - drums.wav"):
        soundfile.write(folder / name, drum_song(), RATE)
    return folder / "Tin Roof.wav"


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run the command with loops and library in places of their own; gives exit code, stdout, stderr."""
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))
    monkeypatch.setitem(cli.commands, "loops", loops)

    def call(*arguments: object, out: object = tmp_path / "loops") -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["loops", *map(str, arguments), "--out", str(out), "--library", str(tmp_path / "library")])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_loops_are_cut_and_added_and_told_in_a_line(run, song, tmp_path):
    code, out, _ = run(song, "--separator", "files")
    first, second = out.splitlines()
    assert code == 0
    assert first == "Tin Roof: 1 drum loop at 120 bpm"
    assert second == f"1 loop in {tmp_path / 'loops'}; 1 added to the library."
    with Library(tmp_path / "library", create=False) as library:
        (track,) = library.tracks()
    assert track.path == str(tmp_path / "loops" / "Tin Roof - drums - 4 bars - 120 bpm.wav")


def test_the_same_command_again_does_nothing_new(run, song, tmp_path):
    run(song, "--separator", "files", "--json")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "loops").iterdir()}
    code, out, _ = run(song, "--separator", "files")
    assert code == 0
    assert out.splitlines()[0].endswith("(there already)")
    assert "added" not in out
    assert {path: path.stat().st_mtime_ns for path in before if path.suffix != ".lock"}.items() <= before.items()


def test_json_is_one_document_with_all_that_is_known(run, song, tmp_path):
    code, out, _ = run(song, "--separator", "files", "--stem", "drums,mix", "--bars", "1,2", "--no-add", "--json")
    document = json.loads(out)
    assert code == 0
    assert set(document) == {"loops", "failed", "out", "added"}
    assert (document["failed"], document["added"]) == ([], 0)
    assert document["out"] == str(tmp_path / "loops")
    assert {(loop["stem"], loop["bars"]) for loop in document["loops"]} == {
        ("drums", 1), ("drums", 2), ("mix", 1), ("mix", 2),
    }  # fmt: skip
    for loop in document["loops"]:
        assert {"path", "source", "stem", "start", "end", "bars", "beats", "tempo", "key", "seam"} <= set(loop)
        assert loop["end"] - loop["start"] == pytest.approx(loop["beats"] * 60 / loop["tempo"], abs=1e-4)
    assert not (tmp_path / "library").exists()


def test_a_song_without_a_beat_is_left_out_with_its_reason(run, song, tmp_path):
    soundfile.write(tmp_path / "hum.wav", 0.1 * np.sin(np.arange(RATE * 12) * 0.03), RATE)
    (tmp_path / "broken.mp3").write_bytes(b"nothing" * 100)
    code, out, err = run(tmp_path / "hum.wav", tmp_path / "broken.mp3", song, "--separator", "files", "--no-add")
    assert code == 3
    assert out.startswith("Tin Roof: 1 drum loop")
    assert "Left out: No beat is heard in" in err
    assert "broken.mp3" in err
    code, out, _ = run(tmp_path / "hum.wav", "--no-add", "--json")
    (failed,) = json.loads(out)["failed"]
    assert code == 3
    assert failed["path"] == str(tmp_path / "hum.wav")


def test_two_songs_of_one_name_get_files_of_their_own(run, song, tmp_path):
    (tmp_path / "other").mkdir()
    soundfile.write(tmp_path / "other" / "Tin Roof.wav", 0.5 * drum_song(), RATE)
    code, out, _ = run(song, tmp_path / "other", "--stem", "mix", "--no-add", "--json")
    names = sorted(loop["path"].rpartition("/")[2] for loop in json.loads(out)["loops"])
    assert code == 0
    assert names == ["Tin Roof - mix - 4 bars - 120 bpm (2).wav", "Tin Roof - mix - 4 bars - 120 bpm.wav"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--bars", "0"], "Loops of 0 bars were asked for"),
        (["--bars", "four"], "'four' is no number of bars"),
        (["--most", "0"], "--most"),
        (["--stem", "vocals"], "gives no 'vocals'"),
        (["--stem", ""], "An empty name was given"),
        (["--separator", "magic"], "magic"),
        (["--at", "9-3"], "is not a range of times"),
    ],
)
def test_wrong_use_is_told_in_one_line(run, song, tmp_path, arguments, message):
    code, out, err = run(song, *arguments)
    assert (code, out) == (2, "")
    assert message in err
    assert not (tmp_path / "loops").exists()


def test_a_folder_must_be_named(capsys, song, monkeypatch):
    monkeypatch.setitem(cli.commands, "loops", loops)
    assert main(["loops", str(song)]) == 2
    assert "--out" in capsys.readouterr().err


def test_a_place_that_cannot_hold_loops_is_refused_before_any_work(run, song, tmp_path):
    (tmp_path / "file").write_text("in the way")
    code, _, err = run(song, out=tmp_path / "file" / "loops")
    assert code == 2
    assert "cannot be made" in err


def test_a_folder_without_songs_is_told(run, tmp_path):
    (tmp_path / "texts").mkdir()
    (tmp_path / "texts" / "notes.txt").write_text("la")
    code, _, err = run(tmp_path / "texts")
    assert code == 1
    assert "No song was found in" in err
