"""Songs are found in every layout, and what cannot be understood does not stop a run."""

from __future__ import annotations

import numpy as np
import pytest

from multitracks import METADATA, hum, moisesdb, musdb, slakh, write
from soundalike.errors import AudioDecodeError, UsageError
from soundalike.research.triplets.gates import candidates
from soundalike.research.triplets.instruments import instrument_of
from soundalike.research.triplets.passages import read_part
from soundalike.research.triplets.songs import Part, find_songs, read_stems


def parts_of(song):
    return {part.id: (part.stem, part.kind) for part in song.parts}


def test_moisesdb_has_the_kinds_that_its_lists_name(tmp_path):
    layout, songs = find_songs(moisesdb(tmp_path, ("one", "two")))
    assert layout == "moisesdb"
    assert [song.id for song in songs] == ["one", "two"]
    assert parts_of(songs[0]) == {
        "b0": ("bass", "bass guitar"),
        "p0": ("piano", "grand piano"),
        "k0": ("drums", "kick drum"),
        "s0": ("drums", "snare drum"),
    }
    assert len(songs[0].mix.files) == 4


def test_a_song_whose_list_is_broken_keeps_its_files_without_kinds_and_says_so(tmp_path):
    moisesdb(tmp_path, ("one", "two"))
    (tmp_path / "one" / "data.json").write_text('{"stems": [')
    _, songs = find_songs(tmp_path)
    assert set(parts_of(songs[0]).values()) == {("bass", ""), ("piano", ""), ("drums", "")}
    assert "data.json" in songs[0].problem
    assert not songs[1].problem


def test_a_list_never_names_files_outside_its_song(tmp_path):
    moisesdb(tmp_path / "songs", ("one",))
    write(tmp_path / "songs" / "secret.wav", hum(0, 0.1))
    (tmp_path / "songs" / "one" / "data.json").write_text(
        '{"stems": [{"stemName": "..", "tracks": [{"id": "secret", "trackType": "x"}]},'
        ' {"stemName": "bass", "tracks": [{"id": "../../secret", "trackType": "x"}, {"id": "b0", "trackType": "b"}]}]}'
    )
    assert parts_of(find_songs(tmp_path / "songs", layout="moisesdb")[1][0]) == {"b0": ("bass", "b")}


def test_musdb_has_stems_beside_a_mixture_and_other_is_no_kind(tmp_path):
    layout, songs = find_songs(musdb(tmp_path))
    assert layout == "musdb"
    assert [song.id for song in songs] == ["test/B - Two", "train/A - One"]
    assert parts_of(songs[0])["vocals"] == ("vocals", "vocals")
    assert parts_of(songs[0])["other"] == ("other", "")
    assert songs[0].mix.files[0].name == "mixture.wav"


def test_slakh_has_classes_programs_and_a_tempo_if_it_never_changes(tmp_path):
    layout, (song,) = find_songs(slakh(tmp_path / "steady"))
    assert layout == "slakh"
    assert parts_of(song) == {
        "S00": ("bowed_strings", "string ensemble 1"),
        "S01": ("drums", "drums"),
        "S02": ("other", "gunshot"),
    }
    assert song.tempo == pytest.approx(98.0)
    assert find_songs(slakh(tmp_path / "changing", tempi=(98.0, 104.0)))[1][0].tempo == 0.0


def test_metadata_of_slakh_are_read_at_any_indentation_and_with_quotes():
    wide = "\n".join(f"  {line}" if line.startswith(" ") else line for line in METADATA.splitlines())
    assert read_stems(wide) == read_stems(METADATA)
    assert read_stems(METADATA)["S00"]["plugin_name"] == "strings: all.nkm"
    assert list(read_stems(METADATA)) == ["S00", "S01", "S02", "S03"]
    assert read_stems("no mapping at all") == {}


def test_exports_are_told_by_the_words_in_their_names(tmp_path):
    for name in ("Blue Drum - Kick", "Blue Drum - GTR L", "Blue Drum - BGVox", "Blue Drum - Take 7", "mix"):
        write(tmp_path / "Blue Drum 96 bpm" / f"{name}.wav", hum(0, 0.1))
    write(tmp_path / "Blue Drum 96 bpm" / "stems" / "leadguitar.wav", hum(0, 0.1))
    layout, (song,) = find_songs(tmp_path)
    assert layout == "exports"
    assert song.tempo == 96.0
    assert parts_of(song) == {
        "Blue Drum - Kick": ("drums", "kick drum"),
        "Blue Drum - GTR L": ("guitar", "guitar"),
        "Blue Drum - BGVox": ("vocals", "backing vocals"),
        "Blue Drum - Take 7": ("other", ""),  # nothing but the title says anything
        "stems/leadguitar": ("guitar", "guitar"),
    }
    assert song.mix.files[0].name == "mix.wav"


@pytest.mark.parametrize(
    ("name", "stem", "kind"),
    [
        ("01 Hi-Hat", "drums", "hi-hat"),
        ("Bass Drum", "drums", "drums"),
        ("bassguitar", "bass", "bass"),
        ("Acoustic Guitar 2", "guitar", "acoustic guitar"),
        ("Backing Vocals R", "vocals", "backing vocals"),
        ("Rhodes", "other_keys", "electric piano"),
        ("Cello", "bowed_strings", "strings"),
        ("Audio 12", "other", ""),
    ],
)
def test_a_name_means_a_stem_and_a_kind(name, stem, kind):
    assert instrument_of(name) == (stem, kind)


def test_an_instrument_may_be_in_the_title(tmp_path):
    for name in ("Piano L", "Piano R"):
        write(tmp_path / "Piano Man" / f"{name}.wav", hum(0, 0.1))
    (song,) = find_songs(tmp_path)[1]
    assert parts_of(song) == {"Piano L": ("piano", "piano"), "Piano R": ("piano", "piano")}


def test_mixes_have_the_stems_of_a_separator(tmp_path):
    write(tmp_path / "album" / "song.wav", hum(0, 0.5))
    layout, (song,) = find_songs(tmp_path, stems=("mix", "drums", "other"))
    assert (layout, song.id) == ("mixes", "album/song.wav")
    assert [(part.id, part.split, part.kind) for part in song.parts] == [
        ("drums", "drums", "drums"),
        ("other", "other", ""),
    ]


def test_mixes_without_a_separator_are_refused(tmp_path):
    write(tmp_path / "song.wav", hum(0, 0.5))
    with pytest.raises(UsageError, match="separator"):
        find_songs(tmp_path, layout="mixes")


@pytest.mark.parametrize("layout", ["", "slakh"])
def test_an_empty_folder_is_refused(tmp_path, layout):
    with pytest.raises(UsageError, match="holds no songs"):
        find_songs(tmp_path, layout=layout)


def test_an_unknown_layout_is_refused(tmp_path):
    with pytest.raises(UsageError, match="moisesdb"):
        find_songs(tmp_path, layout="medley")


def test_drums_are_one_part_unless_they_are_to_be_taken_as_merit_does(tmp_path):
    (song,) = find_songs(moisesdb(tmp_path, ("one",)))[1]
    assert [part.id for part in candidates(song, "rhythm")] == ["drums"]
    assert [part.id for part in candidates(song, "rhythm", "reference")] == ["k0", "s0"]


def test_files_of_a_part_are_added_up_at_the_highest_rate_and_to_the_longest(tmp_path):
    write(tmp_path / "a.wav", np.full(800, 0.25, np.float32), 8000)
    write(tmp_path / "b.wav", np.full(3200, 0.5, np.float32), 16000)
    part = Part("both", "drums", "drums", (tmp_path / "a.wav", tmp_path / "b.wav"))
    clip = read_part(part)
    assert (clip.rate, clip.samples.shape) == (16000, (1, 3200))
    assert clip.samples[0, 800] == pytest.approx(0.75, abs=0.01)
    assert clip.samples[0, 2400] == pytest.approx(0.5, abs=0.01)


def test_a_passage_is_as_long_as_asked_for_and_one_behind_the_end_is_refused(tmp_path):
    write(tmp_path / "a.wav", hum(0, 1.0))
    part = Part("a", "piano", "piano", (tmp_path / "a.wav",))
    clip = read_part(part, start=0.5, seconds=1.0)
    assert clip.samples.shape == (1, 16000)
    assert not clip.samples[0, 8000:].any()
    with pytest.raises(UsageError, match="ends before"):
        read_part(part, start=3.0, seconds=1.0)


def test_a_broken_file_is_named(tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF nothing")
    with pytest.raises(AudioDecodeError, match=r"a\.wav"):
        read_part(Part("a", "piano", "piano", (tmp_path / "a.wav",)))
