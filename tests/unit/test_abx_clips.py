"""``soundalike research abx-clips``: from a copy of Slakh to the clips that listeners heard, and what is missing."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
from click.testing import CliRunner, Result

from soundalike.cli.abx_clips_command import abx_clips
from soundalike.errors import NotFoundError, UsageError
from soundalike.research.datasets.inst_sim_abx import RATE
from soundalike.research.listeners.embeddings import clip_key
from test_inst_sim_abx import HEADER, line

LENGTH = 441
SONGS = (13, 16, 20)
TRIPLETS = (
    "set0/0/mix/X_13-2.wav,set0/0/mix/A_16-3.wav,set0/0/mix/B_20-4.wav",
    "set0/1/mix/X_16-3.wav,set0/1/mix/A_13-2.wav,set0/1/mix/B_20-5.wav",
    "set0/0/bass/X_13-2.wav,set0/0/bass/A_16-3.wav,set0/0/bass/B_20-4.wav",
)


@pytest.fixture
def data(tmp_path):
    """A made-up copy of the data set with three triplets of three songs."""
    (tmp_path / "data/csvs").mkdir(parents=True)
    (tmp_path / "data/sample_configs").mkdir()
    answers = HEADER + "".join(line(clips, "A+,A+,A+,A+") for clips in TRIPLETS)
    (tmp_path / "data/csvs/inst_sim_abx_answers.csv").write_text(answers)
    document: dict = {}
    for name in ",".join(TRIPLETS).split(","):
        number, sample, part, file = name.removeprefix("set").split("/")
        track, segment = (int(text) for text in file[2:-4].split("-"))
        clip = {"ID": track, "filename": file, "index_s": segment * LENGTH, "index_e": (segment + 1) * LENGTH}
        document.setdefault(number, {}).setdefault(sample, {}).setdefault("test2", {}).setdefault(part, {})[file[0]] = (
            clip
        )
    (tmp_path / "data/sample_configs/dict_triplet_202407.json").write_text(json.dumps(document))
    return tmp_path / "data"


@pytest.fixture
def slakh(tmp_path):
    """Songs that are ramps, each of its own height, with a bass that is half the mix."""
    for song in SONGS:
        track = tmp_path / f"slakh/test/Track{song:05d}"
        (track / "stems").mkdir(parents=True)
        ramp = np.linspace(0, song / 40, 10 * LENGTH)
        soundfile.write(track / "mix.flac", ramp, RATE, subtype="PCM_24")
        soundfile.write(track / "stems/S00.flac", ramp / 2, RATE, subtype="PCM_24")
        (track / "all_src.mid").write_bytes(b"notes of %d" % song)
        about = "stems:\n  S00:\n    audio_rendered: true\n    inst_class: Bass\n    is_drum: false\n"
        (track / "metadata.yaml").write_text(about)
    return tmp_path / "slakh"


@pytest.fixture
def checksums(tmp_path):
    known = {f"Track{song:05d}": {"midi_md5": hashlib.md5(b"notes of %d" % song).hexdigest()} for song in SONGS}
    (tmp_path / "duplicates.json").write_text(json.dumps(known))
    return tmp_path / "duplicates.json"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(abx_clips, [str(argument) for argument in arguments])


def cut(data: Path, slakh: Path, out: Path, *more: object) -> tuple[dict, int]:
    result = run("--data", data, "--slakh", slakh, "--out", out, *more, "--json")
    return json.loads(result.stdout), result.exit_code


def test_every_sound_is_cut_once_to_the_sample_and_listed(data, slakh, tmp_path):
    found, code = cut(data, slakh, tmp_path / "clips")
    listed = (tmp_path / "clips/clips.txt").read_text().splitlines()
    assert code == 0
    assert (found["written"], found["known"], found["songs"], found["verified"]) == (7, 0, 3, None)
    assert found["coverage"] == {"clips": 9, "of_clips": 9, "triplets": 3, "of_triplets": 3}
    assert sorted(listed) == sorted(str(path) for path in (tmp_path / "clips").rglob("*.wav"))
    assert len({clip_key(path) for path in listed}) == len(listed) == 7
    samples, rate = soundfile.read(tmp_path / "clips/set0/0/bass/A_16-3.wav", dtype="float32")
    assert (rate, len(samples)) == (RATE, LENGTH)
    expected = np.linspace(0, 16 / 40, 10 * LENGTH)[3 * LENGTH : 4 * LENGTH] / 2
    np.testing.assert_allclose(samples, expected, atol=1e-6)


def test_the_same_command_goes_on_and_leaves_what_is_there(data, slakh, tmp_path):
    assert cut(data, slakh, tmp_path / "clips", "--part", "bass")[0]["written"] == 3
    kept = tmp_path / "clips/set0/0/bass/A_16-3.wav"
    before = kept.stat().st_mtime_ns
    found, _ = cut(data, slakh, tmp_path / "clips")
    assert (found["written"], found["known"]) == (4, 3)
    assert kept.stat().st_mtime_ns == before
    assert "0 clips were written" in run("--data", data, "--slakh", slakh, "--out", tmp_path / "clips").stdout


def test_missing_songs_are_named_and_the_rest_is_cut(data, slakh, tmp_path):
    for path in (slakh / "test/Track00020").rglob("*.*"):
        path.unlink()
    result = run("--data", data, "--slakh", slakh, "--out", tmp_path / "clips")
    assert result.exit_code == 3
    assert result.stdout.endswith("0 of 3 triplets can be heard.\n")
    assert "1 of 3 songs are missing: Track00020." in result.stderr
    assert len(list((tmp_path / "clips").rglob("*.wav"))) == 4


def test_songs_are_verified_by_the_md5_of_their_notes(data, slakh, checksums, tmp_path):
    found, code = cut(data, slakh, tmp_path / "clips", "--checksums", checksums)
    assert (found["verified"], found["other"], code) == (3, [], 0)
    (slakh / "test/Track00013/all_src.mid").write_bytes(b"of another song")
    (slakh / "test/Track00016/all_src.mid").unlink()
    found, code = cut(data, slakh, tmp_path / "again", "--checksums", checksums)
    assert (found["verified"], found["other"], code) == (1, [13], 3)
    assert found["coverage"]["triplets"] == 0
    result = run("--data", data, "--slakh", slakh, "--out", tmp_path / "again", "--checksums", checksums)
    assert "Left out, as their MIDI files are other ones than they should be: Track00013." in result.stderr


def test_a_song_that_ends_too_early_does_not_stop_the_others(data, slakh, tmp_path):
    soundfile.write(slakh / "test/Track00013/mix.flac", np.zeros(LENGTH), RATE)
    found, code = cut(data, slakh, tmp_path / "clips")
    assert code == 3
    assert list(found["failed"]) == ["13"]
    assert "ends before" in found["failed"]["13"]
    assert found["coverage"]["clips"] > 0
    assert "Track00013 was not cut: " in run("--data", data, "--slakh", slakh, "--out", tmp_path / "clips").stderr


@pytest.mark.parametrize(
    ("change", "error", "says"),
    [
        (
            lambda slakh, _: [path.unlink() for path in slakh.rglob("metadata.yaml")],
            NotFoundError,
            "holds no track of Sl",
        ),
        (
            lambda slakh, _: (slakh / "test").rename(slakh / "other") and _rename(slakh),
            NotFoundError,
            "none of the 3 so",
        ),
        (lambda _, data: (data / "sample_configs/dict_triplet_202407.json").unlink(), NotFoundError, "dict_triplet"),
        (lambda _, data: (data / "csvs/inst_sim_abx_answers.csv").unlink(), NotFoundError, "inst_sim_abx_answers"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(data, slakh, tmp_path, change, error, says):
    change(slakh, data)
    result = run("--data", data, "--slakh", slakh, "--out", tmp_path / "clips")
    assert isinstance(result.exception, error)
    assert says in str(result.exception)
    assert not (tmp_path / "clips").exists()


def _rename(slakh: Path) -> None:
    """Give the songs numbers that no clip is of."""
    for track in sorted((slakh / "other").iterdir()):
        track.rename(track.with_name(f"Track{int(track.name[5:]) + 100:05d}"))


def test_checksums_that_are_none_are_refused(data, slakh, tmp_path):
    (tmp_path / "text.json").write_text("[]")
    result = run("--data", data, "--slakh", slakh, "--out", tmp_path / "clips", "--checksums", tmp_path / "text.json")
    assert isinstance(result.exception, UsageError)
    assert "holds no checksums" in str(result.exception)
    assert run("--data", data, "--slakh", tmp_path / "nowhere", "--out", tmp_path / "clips").exit_code == 2
