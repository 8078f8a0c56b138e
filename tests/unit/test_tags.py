"""Tags of every kind of file, clean and damaged."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import mutagen
import numpy as np
import pytest
from mutagen import apev2, asf, id3, mp4

from audio_files import music, write
from soundalike.tags import LONGEST, MOST, Tags, read_tags

WANTED = Tags("Été", "Ann, Bob", "Demo", ("indie rock", "jazz", "calm"), 7)


def tag_id3(tags: id3.ID3) -> None:
    tags.add(id3.TIT2(text="Été"))
    tags.add(id3.TPE1(text=["Ann", "Bob"]))
    tags.add(id3.TALB(text="Demo"))
    tags.add(id3.TCON(text="Indie Rock; Jazz"))
    tags.add(id3.TMOO(text="Calm"))
    tags.add(id3.TRCK(text="07/12"))


def tag_vorbis(tags: Any) -> None:
    tags["TITLE"] = "Été"
    tags["ARTIST"] = ["Ann", "Bob"]
    tags["album"] = "Demo"
    tags["genre"] = ["Indie Rock", "jazz"]
    tags["mood"] = "Calm"
    tags["tracknumber"] = "7"


def tag_mp4(tags: mp4.MP4Tags) -> None:
    tags["\xa9nam"] = "Été"
    tags["\xa9ART"] = ["Ann", "Bob"]
    tags["\xa9alb"] = "Demo"
    tags["\xa9gen"] = "Indie Rock/Jazz"
    tags["----:com.apple.iTunes:MOOD"] = mp4.MP4FreeForm(b"Calm")
    tags["trkn"] = [(7, 12)]


def tag_asf(tags: asf.ASFTags) -> None:
    tags["Title"] = "Été"
    tags["Author"] = ["Ann", "Bob"]
    tags["WM/AlbumTitle"] = "Demo"
    tags["WM/Genre"] = "Indie Rock, Jazz"
    tags["WM/Mood"] = "Calm"
    tags["WM/TrackNumber"] = "7"


def tag_ape(tags: apev2.APEv2) -> None:
    tags["Title"] = "Été"
    tags["Artist"] = ["Ann", "Bob"]
    tags["Album"] = "Demo"
    tags["Genre"] = ["Indie Rock", "Jazz"]
    tags["Mood"] = "Calm"
    tags["Track"] = "7/12"


def tagged(path: Path, fill: Any) -> Path:
    file = mutagen.File(write(path, music(0.3)))
    if file.tags is None:
        file.add_tags()
    fill(file.tags)
    file.save()
    return path


@pytest.mark.parametrize(
    ("name", "fill"),
    [
        ("lame.mp3", tag_id3),
        ("s16.wav", tag_id3),
        ("s16.aiff", tag_id3),
        ("s16.flac", tag_vorbis),
        ("vorbis.ogg", tag_vorbis),
        ("aac.m4a", tag_mp4),
        ("media.wma", tag_asf),
        ("pack.wv", tag_ape),
    ],
)
def test_tags_of_every_kind_are_read_alike(tmp_path: Path, name: str, fill: Any) -> None:
    assert read_tags(tagged(tmp_path / name, fill)) == WANTED


def test_opus_tags_are_read(tmp_path: Path) -> None:
    path = write(tmp_path / "opus.opus", music(0.3, rate=48000), 48000)
    file = mutagen.File(path)
    tag_vorbis(file.tags)
    file.save()
    assert read_tags(path) == WANTED


def test_numbered_id3_genres_get_their_names(tmp_path: Path) -> None:
    path = tagged(tmp_path / "lame.mp3", lambda tags: tags.add(id3.TCON(text="(17)(8)")))
    assert read_tags(path).genres == ("rock", "jazz")


@pytest.mark.parametrize("name", ["lame.mp3", "s16.wav", "s16.flac", "aac.m4a", "raw.aac", "pack.wv", "video.mkv"])
def test_files_without_tags_give_empty_tags(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, music(0.3))
    assert read_tags(path) == Tags()


def test_nuls_blanks_and_repetitions_are_removed(tmp_path: Path) -> None:
    def fill(tags: Any) -> None:
        tags["title"] = "  A\0 title\n\t of  two lines \0"
        tags["artist"] = ["Ann", " ", "Ann", "\0"]
        tags["genre"] = ["Rock / rock;; ,POP", "pop"]
        tags["tracknumber"] = "none"

    tags = read_tags(tagged(tmp_path / "s16.flac", fill))
    assert tags == Tags("A title of two lines", "Ann", "", ("rock", "pop"), None)


def test_absurd_tags_are_cut(tmp_path: Path) -> None:
    def fill(tags: Any) -> None:
        tags["title"] = "x" * 100_000
        tags["artist"] = [f"somebody {number}" for number in range(5000)]
        tags["genre"] = ";".join(f"g{number}" for number in range(150))
        tags["tracknumber"] = "9" * 50

    tags = read_tags(tagged(tmp_path / "s16.flac", fill))
    assert len(tags.title) == LONGEST
    assert len(tags.artist) <= LONGEST
    assert len(tags.genres) == MOST
    assert tags.track_number is None


@pytest.mark.parametrize("content", [b"", b"no music\n" * 99, b"ID3\x04\x00\x00\x7f\x7f\x7f\x7fTIT2", b"fLaC\x84"])
@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a", "wma", "ogg", "wav"])
def test_bad_files_give_empty_tags(tmp_path: Path, content: bytes, suffix: str) -> None:
    path = tmp_path / f"bad.{suffix}"
    path.write_bytes(content)
    assert read_tags(path) == Tags()


@pytest.mark.parametrize("name", ["lame.mp3", "s16.flac", "aac.m4a"])
def test_damaged_tags_never_raise(tmp_path: Path, name: str) -> None:
    fill = {"lame.mp3": tag_id3, "s16.flac": tag_vorbis, "aac.m4a": tag_mp4}[name]
    whole = tagged(tmp_path / name, fill).read_bytes()
    rng = np.random.default_rng(0)
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(0, min(len(data), 2000), 20):
            data[place] = rng.integers(256)
        (tmp_path / name).write_bytes(data[: rng.integers(10, len(data))])
        assert isinstance(read_tags(tmp_path / name), Tags)


def test_what_is_no_regular_file_has_no_tags(tmp_path: Path) -> None:
    assert read_tags(tmp_path) == Tags()
    assert read_tags(tmp_path / "nothing.mp3") == Tags()
    assert read_tags("a\0b") == Tags()
    if sys.platform != "win32":
        os.mkfifo(tmp_path / "pipe.mp3")
        assert read_tags(tmp_path / "pipe.mp3") == Tags()


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    path = tagged(tmp_path / "lame.mp3", tag_id3).rename(tmp_path / os.fsdecode(b"\xe9.mp3"))
    assert read_tags(path) == WANTED
    assert read_tags(os.fsencode(path)) == WANTED


def test_importing_tags_does_not_load_mutagen() -> None:
    code = "import sys, soundalike.tags; print('mutagen' in sys.modules)"
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "False"
