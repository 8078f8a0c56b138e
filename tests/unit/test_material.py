"""MIDI folders as sources: exact scores, stable splits, and no harm from broken files."""

from pathlib import Path

import mido
import numpy as np
import pytest

from soundalike.errors import NotFoundError, UsageError
from soundalike.research.music.material import MATERIAL_SPLITS, Material, find_material, split_of
from soundalike.research.music.midi_grooves import cut_groove, read_drumming
from soundalike.research.music.midi_scores import on_grid, read_midi, tonic_of
from soundalike.research.music.midi_songs import cut_harmony, cut_melody, parse_chord, read_song, read_tune

TICKS = 480


def write_midi(path: Path, events: list[tuple[float, float, int, int]], *, name: str = "", channel: int = 0) -> Path:
    """A file of one track of (beat, length, pitch, velocity) at 120 beats per minute in common time."""
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name), mido.MetaMessage("set_tempo", tempo=500000)])
    track.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    changes = [(round(at * TICKS), 1, pitch, velocity) for at, _, pitch, velocity in events]
    changes += [(round((at + length) * TICKS), 0, pitch, 0) for at, length, pitch, _ in events]
    now = 0
    for tick, kind, pitch, velocity in sorted(changes):
        message = "note_on" if kind else "note_off"
        track.append(mido.Message(message, channel=channel, note=pitch, velocity=velocity, time=tick - now))
        now = tick
    path.parent.mkdir(parents=True, exist_ok=True)
    mido.MidiFile(ticks_per_beat=TICKS, tracks=[track]).save(path)
    return path


def write_beat(path: Path, bars: int = 4) -> Path:
    events = []
    for bar in range(bars):
        events += [(4 * bar + 0.02, 0.1, 36, 110), (4 * bar + 2, 0.1, 36, 80), (4 * bar + 1.05, 0.1, 38, 100)]
        events += [(4 * bar + i / 2, 0.1, 42, 60) for i in range(8)] + [(4 * bar + 3.5, 0.1, 45, 70)]
    return write_midi(path, events, channel=9)


def write_song(folder: Path) -> Path:
    """Sixteen bars in D major: one tune, and D, A with C sharp below, no chord, and G, a bar each."""
    scale = (62, 64, 66, 67, 69, 71, 73, 74)
    events = [(float(i), 0.9, scale[i % 8], 100) for i in range(64)]
    write_midi(folder / f"{folder.name}.mid", events, name="MELODY")
    (folder / "beat_midi.txt").write_text("".join(f"{i / 2} {(i + 1) % 2} {float(i % 4 == 0)}\n" for i in range(65)))
    names = ("D:maj", "A:7/3", "N", "G:maj7")
    (folder / "chord_midi.txt").write_text("".join(f"{2 * i}\t{2 * i + 2}\t{names[i % 4]}\n" for i in range(16)))
    (folder / "key_audio.txt").write_text("0.0 32.0 D:maj\n")
    return folder


def test_groove_keeps_every_hit_with_its_velocity_and_place(tmp_path) -> None:
    groove = cut_groove(read_drumming(write_beat(tmp_path / "beat.mid")), np.random.default_rng(0))
    assert (groove.meter, groove.steps, groove.bars in (2, 4)) == (4, 16, True)
    kicks = [(groove.beat(hit.step) + hit.late) % 4 for hit in groove.drums["kick"]]
    assert kicks == pytest.approx([0.02, 2.0] * groove.bars, abs=0.01)
    assert [hit.velocity for hit in groove.drums["kick"]][:2] == pytest.approx([110 / 127, 80 / 127])
    assert groove.drums["snare"][0].step == 4
    assert groove.drums["snare"][0].late == pytest.approx(0.05, abs=0.01)
    assert len(groove.drums["tom"]) == groove.bars
    assert groove.comp
    assert groove.bass


def test_melody_is_relative_to_the_tonic(tmp_path) -> None:
    melody = cut_melody(read_song(write_song(tmp_path / "007")), np.random.default_rng(0))
    assert melody.beats in (16, 32)
    assert [note.pitch % 12 for note in melody.notes[:8]] in ([0, 2, 4, 5, 7, 9, 11, 0], [7, 9, 11, 0, 0, 2, 4, 5])
    assert [note.start for note in melody.notes[:3]] == [0.0, 1.0, 2.0]


def test_chords_are_relative_to_the_tonic_and_silence_continues_them(tmp_path) -> None:
    harmony = cut_harmony(read_song(write_song(tmp_path / "007")), np.random.default_rng(1))
    assert {chord.root for chord in harmony.chords} == {0, 7, 5}
    fifth = next(chord for chord in harmony.chords if chord.root == 7)
    assert (fifth.tones, fifth.bass) == ((7, 11, 2, 5), 11)
    inner = [chord.length for chord in harmony.chords[1:-1]]
    assert set(inner) <= {4, 8}
    assert sum(chord.length for chord in harmony.chords) == harmony.beats


def test_any_midi_file_with_a_tune_is_a_source(tmp_path) -> None:
    events = [(i / 2, 0.4, 55 + (0, 4, 7, 12, 11, 7, 5, 2)[i % 8], 90) for i in range(64)]
    song = read_tune(write_midi(tmp_path / "tune.mid", events))
    assert song.tonic == 7
    assert cut_melody(song, np.random.default_rng(0)) is not None
    assert cut_harmony(song, np.random.default_rng(0)) is None


@pytest.mark.parametrize(
    "content", [b"", b"not MIDI", b"MThd\x00\x00\x00\x06\x00\x01\x00\x01\x01\xe0MTrk\x00\x00\xff\xff\x00"]
)
def test_broken_file_is_no_source(tmp_path, content: bytes) -> None:
    path = tmp_path / "broken.mid"
    path.write_bytes(content)
    assert read_midi(path) is None or read_drumming(path) is None
    assert read_drumming(path) is None
    assert read_tune(path) is None
    assert Material(drums=(path,), tunes=(path,)).draw_groove(np.random.default_rng(0)) is None


@pytest.mark.parametrize("name", ["beat_midi.txt", "chord_midi.txt", "key_audio.txt", "008.mid"])
@pytest.mark.parametrize("content", [None, "", "1.0 nonsense\n", "X:y Z:z Q:q\n"])
def test_song_with_a_broken_part_is_no_source(tmp_path, name: str, content: str | None) -> None:
    folder = write_song(tmp_path / "008")
    (folder / name).unlink()
    if content is not None:
        (folder / name).write_text(content)
    song = read_song(folder)
    assert song is None or (name == "chord_midi.txt" and cut_harmony(song, np.random.default_rng(0)) is None)


def test_chord_names_are_understood() -> None:
    assert parse_chord("Bb:min7/b3").tones == (10, 1, 5, 8)
    assert parse_chord("Bb:min7/b3").bass == 1
    assert parse_chord("F#:sus4(b7)").tones == (6, 11, 1, 4)
    assert parse_chord("C:maj/1").bass is None
    assert parse_chord("N") is None
    assert parse_chord("H:weird") is None


def test_times_snap_to_quarters_and_thirds() -> None:
    assert [on_grid(beat) for beat in (0.02, 0.24, 1.34, 2.66, 0.49)] == [0.0, 0.25, 4 / 3, 8 / 3, 0.5]
    assert tonic_of([]) == 0


def test_other_sources_do_not_move_a_source_between_splits(tmp_path) -> None:
    names = [f"song {i}.mid" for i in range(60)]
    for name in names[:30]:
        write_midi(tmp_path / name, [(0, 1, 60, 90)])
    before = {split: set(find_material(split, tunes=tmp_path).tunes) for split in MATERIAL_SPLITS}
    for name in names[30:]:
        write_midi(tmp_path / name, [(0, 1, 60, 90)])
    after = {split: set(find_material(split, tunes=tmp_path).tunes) for split in MATERIAL_SPLITS}
    assert all(before[split] <= after[split] for split in MATERIAL_SPLITS)
    assert sum(map(len, after.values())) == 60
    assert all(after.values())


def test_drummers_for_tests_play_nowhere_else() -> None:
    for player in (f"drummer{i}" for i in range(30)):
        splits = {split_of(f"{i}.mid", player) for i in range(50)}
        assert splits == {"test"} or splits == {"train", "validation"}


def test_unknown_split_and_folder_are_refused(tmp_path) -> None:
    with pytest.raises(UsageError, match="'dev'"):
        find_material("dev")
    with pytest.raises(NotFoundError, match="absent"):
        find_material("train", songs=tmp_path / "absent")


def test_nothing_to_draw_from_is_none() -> None:
    rng = np.random.default_rng(0)
    assert Material().draw_groove(rng) is Material().draw_melody(rng) is Material().draw_harmony(rng) is None


def test_outside_drum_performances_become_grooves(outside_data) -> None:
    material = find_material("test", drums=outside_data / "groove_midi")
    grooves = [material.draw_groove(np.random.default_rng(seed)) for seed in range(3)]
    assert all(groove is not None and groove.drums["kick"] + groove.drums["snare"] for groove in grooves)


def test_outside_songs_lie_on_the_scale_of_their_key(outside_data) -> None:
    material = find_material("validation", songs=outside_data / "pop909")
    pitches = [note.pitch for seed in range(4) for note in material.draw_melody(np.random.default_rng(seed)).notes]
    assert np.mean([pitch % 12 in (0, 2, 4, 5, 7, 9, 11) for pitch in pitches]) > 0.85
    assert material.draw_harmony(np.random.default_rng(0)) is not None
