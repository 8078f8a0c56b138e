"""Stems that are files already: where they lie, what their names mean, and their sums."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio import load_clip
from soundalike.errors import AudioDecodeError, MissingExtraError, UsageError
from soundalike.separators import load_separator
from soundalike.separators.cache import StemCache
from soundalike.separators.files import FilesSeparator, added
from soundalike.separators.stem_folders import find_stems, is_stem_file
from soundalike.separators.stem_names import stem_of

RATE = 8000


def sound(path: Path, *, seconds: float = 1.0, rate: int = RATE, seed: int = 0, channels: int = 1) -> np.ndarray:
    """Write noise; returns float32 (channels, n)."""
    samples = np.random.default_rng(seed).normal(0, 0.1, (channels, round(seconds * rate))).astype(np.float32)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples.T, rate, "PCM_24" if path.suffix == ".flac" else "FLOAT")
    return samples


def named(track: Path, root: Path | None = None) -> dict[str, list[str]]:
    return {stem: [file.name for file in files] for stem, files in find_stems(track, root).items()}


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("drums", "drums"),
        ("Kick In", "drums"),
        ("Hi-Hat 2", "drums"),
        ("Bass Drum", "drums"),
        ("bass_guitar", "bass"),
        ("Synth Bass", "bass"),
        ("LeadVox_L", "vocals"),
        ("03 Backing Vocals", "vocals"),
        ("E Gtr 1", "guitar"),
        ("electric piano", "piano"),
        ("Keys", "piano"),
        ("other_keys", "other"),
        ("bowed_strings", "other"),
        ("residuals", "other"),
        ("chromatic percussion", "other"),
        ("no_vocals", None),
        ("instrumental", None),
        ("Drum Mix", None),
        ("Track 07", None),
        ("", None),
    ],
)
def test_a_name_means_a_stem(name, stem):
    assert stem_of(name) == stem


def test_musdb_has_its_stems_beside_the_mixture(tmp_path):
    for name in ("mixture", "vocals", "drums", "bass", "other", "accompaniment"):
        sound(tmp_path / "A - B" / f"{name}.wav")
    assert named(tmp_path / "A - B" / "mixture.wav") == {
        "bass": ["bass.wav"],
        "drums": ["drums.wav"],
        "other": ["other.wav"],
        "vocals": ["vocals.wav"],
    }


def test_moises_has_a_folder_for_each_stem(tmp_path):
    track = tmp_path / "0a1b" / "mixture.wav"
    sound(track)
    (track.parent / "data.json").write_text("{}")
    for name in ("vocals/1.wav", "drums/2.wav", "drums/3.wav", "other_keys/4.wav", "bowed_strings/5.wav"):
        sound(track.parent / name)
    assert named(track) == {"vocals": ["1.wav"], "drums": ["2.wav", "3.wav"], "other": ["5.wav", "4.wav"]}


def test_slakh_has_numbers_that_its_metadata_explain(tmp_path):
    pytest.importorskip("yaml")
    slakh(tmp_path)
    assert named(tmp_path / "mix.flac") == {
        "drums": ["S00.flac"],
        "bass": ["S01.flac"],
        "other": ["S02.flac", "S04.flac"],
        "piano": ["S03.flac"],
    }


def slakh(folder: Path) -> None:
    sound(folder / "mix.flac")
    classes = [("Drums", True), ("Bass", False), ("Strings (continued)", False), ("Piano", False), ("Reed", False)]
    text = "audio_dir: stems\nstems:\n"
    for i, (name, is_drum) in enumerate(classes):
        sound(folder / "stems" / f"S{i:02}.flac")
        text += f"  S{i:02}:\n    inst_class: {name}\n    is_drum: {str(is_drum).lower()}\n    program_num: {i}\n"
    (folder / "metadata.yaml").write_text(text)


def test_slakh_without_yaml_is_one_clear_sentence(tmp_path, monkeypatch):
    slakh(tmp_path)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"PyYAML.*pip install pyyaml"):
        find_stems(tmp_path / "mix.flac")


@pytest.mark.parametrize("text", ["stems: [", "stems: 3", "nothing: 1", "stems:\n  S00: {program: 3}\n", "- 1"])
def test_metadata_that_say_nothing_are_an_error(tmp_path, text):
    pytest.importorskip("yaml")
    slakh(tmp_path)
    (tmp_path / "metadata.yaml").write_text(text)
    with pytest.raises(UsageError, match=r"metadata\.yaml"):
        find_stems(tmp_path / "mix.flac")


@pytest.mark.parametrize(
    "name",
    [
        "Song - Drums.wav",
        "Song_drums.flac",
        "Song (Drums).wav",
        "Song.drums.wav",
        "Song stems/Drums.wav",
        "Song stems/Song - Drums.wav",
        "Song_stems/01 Wild Drums.wav",
        "Song/Drums.wav",
        "Song/stems/Drums.wav",
        "Song/Drums/Left.wav",
    ],
)
def test_a_workstation_writes_stems_near_the_song(tmp_path, name):
    sound(tmp_path / "Song.wav")
    sound(tmp_path / "Other Song.wav")
    sound(tmp_path / name)
    assert find_stems(tmp_path / "Song.wav") == {"drums": [tmp_path / name]}
    assert find_stems(tmp_path / "Other Song.wav") == {}
    assert is_stem_file(tmp_path / name)
    assert not is_stem_file(tmp_path / "Song.wav")
    assert not is_stem_file(tmp_path / "Other Song.wav")


@pytest.mark.parametrize("name", ["Song 2.wav", "Songs - Bass.wav", "Song - Drums of War.wav", "Song (Vocal Mix).wav"])
def test_another_song_is_no_stem(tmp_path, name):
    sound(tmp_path / "Song.wav")
    sound(tmp_path / name)
    assert find_stems(tmp_path / "Song.wav") == {}
    assert not is_stem_file(tmp_path / name)


def test_a_song_called_like_an_instrument_is_no_stem_without_its_mix(tmp_path):
    sound(tmp_path / "Album" / "Piano.wav")
    sound(tmp_path / "Album" / "Drums.wav")
    assert not is_stem_file(tmp_path / "Album" / "Piano.wav")


def test_the_stems_of_data_sets_are_no_tracks(tmp_path):
    slakh(tmp_path / "slakh")
    for name in ("mixture.wav", "drums.wav", "vocals/lead.wav"):
        sound(tmp_path / "moises" / name)
    files = sorted(path for path in tmp_path.rglob("*") if path.suffix in (".wav", ".flac"))
    assert [path.name for path in files if not is_stem_file(path)] == ["mixture.wav", "mix.flac"]


def test_a_folder_of_stems_may_lie_elsewhere(tmp_path):
    sound(tmp_path / "music" / "Song.wav")
    sound(tmp_path / "music" / "Album" / "mixture.wav")
    sound(tmp_path / "stems" / "Song - Bass.wav")
    sound(tmp_path / "stems" / "Album" / "vocals.wav")
    root = tmp_path / "stems"
    assert named(tmp_path / "music" / "Song.wav", root) == {"bass": ["Song - Bass.wav"]}
    assert named(tmp_path / "music" / "Album" / "mixture.wav", root) == {"vocals": ["vocals.wav"]}
    with load_separator("files", stems=root).files(str(tmp_path / "music" / "Song.wav")) as files:
        assert set(files) == {"mix", "bass"}


@pytest.mark.parametrize("kind", ["csv", "json"])
def test_a_list_names_the_stems_of_each_track(tmp_path, kind):
    sound(tmp_path / "Song.wav")
    sound(tmp_path / "a" / "x.wav")
    rows = [{"track": "Song.wav", "stem": "vocals", "path": str(Path("a") / "x.wav")}]
    manifest = tmp_path / f"stems.{kind}"
    text = json.dumps(rows) if kind == "json" else "track,stem,path\nSong.wav,Lead Vox,a/x.wav\n"
    manifest.write_text(text)
    separator = load_separator("files", stems=str(manifest))
    with separator.files(str(tmp_path / "Song.wav"), start=0.25) as files:
        assert set(files) == {"mix", "vocals"}
        assert Path(files["vocals"].path) == tmp_path / "a" / "x.wav"
        assert files["vocals"].start == 0.25
    assert separator.name == load_separator("files").name == "files-1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("track,stem\nSong.wav,drums\n", "Row 1"),
        ("track,stem,path\nSong.wav,drums,missing.wav\n", "not there"),
        ("track,stem,path\nSong.wav,nonsense,Song.wav\n", "nonsense"),
        ("track,stem,path\nSong.wav,mix,Song.wav\n", "'mix'"),
    ],
)
def test_a_row_that_makes_no_sense_is_named(tmp_path, text, message):
    sound(tmp_path / "Song.wav")
    (tmp_path / "stems.csv").write_text(text)
    with pytest.raises(UsageError, match=message):
        load_separator("files", stems=tmp_path / "stems.csv")


@pytest.mark.parametrize(
    ("name", "content"), [("a.json", b"{"), ("a.json", b"{}"), ("a.csv", b"\xff\xfe"), ("a.txt", b"")]
)
def test_what_is_no_list_is_refused(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UsageError, match=name):
        load_separator("files", stems=tmp_path / name)


def separator(tmp_path: Path) -> FilesSeparator:
    return FilesSeparator(cache=StemCache(tmp_path / "cache", limit=10**9))


def test_several_files_of_a_stem_are_added_up(tmp_path):
    sound(tmp_path / "Song.wav", seconds=20)
    long = sound(tmp_path / "Song stems" / "Kick.wav", seconds=20, seed=1)
    short = sound(tmp_path / "Song stems" / "Snare.flac", seconds=0.5, seed=2, channels=2)
    with separator(tmp_path).files(str(tmp_path / "Song.wav"), start=0.1, end=19) as files:
        drums = load_clip(files["drums"].path)
        assert files["drums"].start == 0
    expected = np.repeat(long[:, round(0.1 * RATE) : 19 * RATE], 2, axis=0)
    expected[:, : round(0.4 * RATE)] += short[:, round(0.1 * RATE) :]
    assert drums.samples.shape == expected.shape
    assert np.allclose(drums.samples, expected, atol=1e-6)


def test_files_of_other_rates_are_added_at_the_highest(tmp_path):
    sound(tmp_path / "Song.wav")
    time = np.arange(16000) / 16000
    tone = 0.2 * np.sin(2 * np.pi * 440 * time)
    (tmp_path / "Song stems").mkdir()
    soundfile.write(tmp_path / "Song stems" / "Kick.wav", tone[::2], 8000, "FLOAT")
    soundfile.write(tmp_path / "Song stems" / "Snare.wav", tone, 16000, "FLOAT")
    with separator(tmp_path).files(str(tmp_path / "Song.wav")) as files:
        drums = load_clip(files["drums"].path)
    assert drums.rate == 16000
    assert np.allclose(drums.samples[0, 500:-500], 2 * tone[500:-500], atol=2e-3)


def test_a_stem_that_has_ended_is_left_out(tmp_path):
    sound(tmp_path / "Song.wav", seconds=2)
    sound(tmp_path / "Song - Bass.wav", seconds=0.5)
    sound(tmp_path / "Song - Kick.wav", seconds=0.5)
    sound(tmp_path / "Song - Snare.wav", seconds=2)
    with separator(tmp_path).files(str(tmp_path / "Song.wav"), start=1) as files:
        assert set(files) == {"mix", "drums"}
        assert files["drums"].path.endswith("Snare.wav")


def test_a_stem_that_cannot_be_decoded_is_named(tmp_path):
    sound(tmp_path / "Song.wav")
    sound(tmp_path / "Song - Kick.wav")
    (tmp_path / "Song - Snare.wav").write_bytes(b"RIFFnothing")
    with (
        pytest.raises(AudioDecodeError, match=r"Song - Snare\.wav"),
        separator(tmp_path).files(str(tmp_path / "Song.wav")),
    ):
        pass


def test_a_track_without_stems_has_its_mix(tmp_path):
    sound(tmp_path / "Song.wav")
    with separator(tmp_path).files(str(tmp_path / "Song.wav")) as files:
        assert set(files) == {"mix"}


def test_the_sum_is_as_long_as_the_longest_however_sounds_are_cut():
    rng = np.random.default_rng(0)
    first, second = (rng.normal(size=(1, n)).astype(np.float32) for n in (200_000, 70_001))
    total = np.concatenate(list(added([[first[:, :10], first[:, 10:]], [second]])), axis=1)
    expected = first.copy()
    expected[:, :70_001] += second
    assert np.array_equal(total, expected)
