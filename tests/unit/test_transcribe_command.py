from __future__ import annotations

import json
import os

import mido
import numpy as np
import pytest
import soundfile

from soundalike.cli import main
from soundalike.errors import UsageError
from soundalike.export import write_midi
from soundalike.notes import CHORD, EMPTY, NOTE, Transcription, mask_of

PITCHES = (60, 64, 67, 72, 69, 65, 62, 60)
RATE = 22050


@pytest.fixture(scope="module")
def song(tmp_path_factory):
    """Eight plain notes of half a second each, over a bass on C."""
    time = np.arange(RATE // 2) / RATE
    fade = np.minimum(1, 20 * (0.5 - time)) * np.minimum(1, 50 * time)
    notes = [
        sum(np.sin(2 * np.pi * k * 440 * 2 ** ((p - 69) / 12) * time) / k for k in (1, 2, 3)) * fade for p in PITCHES
    ]
    path = tmp_path_factory.mktemp("song") / "song.wav"
    soundfile.write(path, 0.2 * np.concatenate(notes), RATE)
    return path


@pytest.fixture
def run(capsys):
    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(["transcribe", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def played(path) -> list[list[tuple[float, int]]]:
    """Start in seconds and pitch of the notes of every track but the first."""
    found = []
    song = mido.MidiFile(path)
    tempo = song.tracks[0][0].tempo
    for track in song.tracks[1:]:
        now, notes = 0, []
        for message in track:
            now += message.time
            if message.type == "note_on" and message.velocity:
                notes.append((mido.tick2second(now, song.ticks_per_beat, tempo), message.note))
        found.append(notes)
    return found


def test_notes_chords_tempo_and_key_are_one_json_document(run, song):
    code, out, _ = run(song, "--json")
    document = json.loads(out)
    assert code == 0
    assert {"path", "duration", "tempo", "beat", "key", "notes", "chords"} == set(document)
    assert document["path"] == str(song)
    heard = [note["pitch"] % 12 for note in document["notes"] if note["end"] - note["start"] > 0.3]
    assert heard == [pitch % 12 for pitch in PITCHES]
    assert all(set(note) == {"start", "end", "pitch", "name"} for note in document["notes"])
    assert all(chord["root"] in chord["tones"] for chord in document["chords"])


def test_people_get_names_and_times(run, song):
    code, out, _ = run(song)
    assert code == 0
    assert "song.wav" in out
    assert "C4" in out


def test_a_passage_keeps_the_times_of_the_track(run, song):
    code, out, _ = run(song, "--at", "0:02-", "--json")
    assert code == 0
    assert min(note["start"] for note in json.loads(out)["notes"]) >= 2.0


def test_the_midi_file_plays_what_was_heard(run, song, tmp_path):
    out = tmp_path / "song.mid"
    code, text, _ = run(song, "--midi", out, "--json")
    lead, *_ = played(out)
    assert code == 0
    expected = [(note["start"], note["pitch"]) for note in json.loads(text)["notes"]]
    assert np.allclose(lead, expected, atol=2e-3)
    assert os.listdir(tmp_path) == ["song.mid"]


def test_a_midi_file_has_lead_chords_and_bass_at_the_tempo(tmp_path):
    notes = np.array([(1.0, 0.5, 60), (1.5, 0.5, 60)], NOTE)
    chords = np.array([(1.0, 1.0, 9, 0, mask_of((9, 0, 4)))], CHORD)
    write_midi(tmp_path / "a.mid", Transcription(notes, chords, 0.5), tempo=90.0, start=1.0)
    song = mido.MidiFile(tmp_path / "a.mid")
    assert mido.tempo2bpm(song.tracks[0][0].tempo) == pytest.approx(90, abs=0.01)
    assert [track.name for track in song.tracks[1:]] == ["lead", "chords", "bass"]
    assert played(tmp_path / "a.mid") == [
        [(0.0, 60), (pytest.approx(0.5, abs=2e-3), 60)],
        [(0.0, 48), (0.0, 52), (0.0, 57)],
        [(0.0, 36)],
    ]


def test_silence_is_written_as_an_empty_score(run, tmp_path):
    soundfile.write(tmp_path / "silence.wav", np.zeros(3 * RATE), RATE)
    code, _, err = run(tmp_path / "silence.wav", "--midi", tmp_path / "silence.mid")
    assert code == 0
    assert "No notes" in err
    assert played(tmp_path / "silence.mid") == [[], [], []]
    assert json.loads(run(tmp_path / "silence.wav", "--json")[1])["notes"] == []


def test_what_is_no_sound_is_refused_in_one_sentence(run, tmp_path):
    (tmp_path / "text.wav").write_text("no sound")
    code, out, err = run(tmp_path / "text.wav")
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "text.wav" in err
    assert run(tmp_path / "nowhere.wav")[0] == 1


@pytest.mark.parametrize("name", ["tune.wav", "nowhere/tune.mid"])
def test_a_midi_file_that_cannot_be_is_refused_before_listening(run, tmp_path, name):
    code, _, err = run(tmp_path / "missing.wav", "--midi", tmp_path / name)
    assert code == 2
    assert "tune" in err
    with pytest.raises(UsageError):
        write_midi(tmp_path / name, EMPTY)
