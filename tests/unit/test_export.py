from __future__ import annotations

import csv
import io
import json
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from conftest import FACETS, random_vectors
from soundalike import export
from soundalike.errors import MissingExtraError, UsageError
from soundalike.export import check_arrays, vector_columns, write_atomically, write_tracks, write_vectors
from soundalike.facets import FacetVectors, Space
from soundalike.tracks import Track

SPACE = Space("test", FACETS, 16)


def tracks(folder: Path) -> list[Track]:
    return [
        Track(str(folder / "music" / "a & b.wav"), title="Ä, <b>", artist="X", duration=61.4, id=1),
        Track(str(folder / "music" / "deep" / "c.wav"), duration=2, tempo=120.0, key="A minor", camelot="8A", id=2),
    ]


def test_m3u8_has_paths_relative_to_itself(tmp_path):
    write_tracks(tmp_path / "list.m3u8", tracks(tmp_path))
    assert (tmp_path / "list.m3u8").read_text("utf-8").splitlines() == [
        "#EXTM3U", "#EXTINF:61,X - Ä, <b>", "music/a & b.wav", "#EXTINF:2,c.wav", "music/deep/c.wav",
    ]  # fmt: skip


def test_paths_are_absolute_on_request(tmp_path):
    write_tracks(tmp_path / "list.m3u8", tracks(tmp_path), absolute=True)
    assert str(tmp_path / "music/deep/c.wav") in (tmp_path / "list.m3u8").read_text("utf-8")


def test_a_name_with_a_newline_does_not_break_the_playlist(tmp_path):
    write_tracks(tmp_path / "list.m3u8", [Track(str(tmp_path / "a\nb.wav"))])
    assert (tmp_path / "list.m3u8").read_text() == "#EXTM3U\n"


def test_a_name_that_begins_like_a_comment_is_none(tmp_path):
    write_tracks(tmp_path / "list.m3u8", [Track(str(tmp_path / "#1 hit.wav"))])
    assert (tmp_path / "list.m3u8").read_text().splitlines()[-1] == "./#1 hit.wav"


def test_xspf_is_well_formed_whatever_the_tags_hold(tmp_path):
    text = "a\x1b[31m\0\x07<b>"
    write_tracks(tmp_path / "list.xspf", [Track("/a.wav", title=text, artist=text, album=text)])
    root = ElementTree.parse(tmp_path / "list.xspf").getroot()
    for name in ("title", "creator", "album"):
        assert next(root.iter(f"{{http://xspf.org/ns/0/}}{name}")).text == r"a\x1b[31m\x00\x07<b>"


def test_xspf_is_well_formed_and_quoted(tmp_path):
    write_tracks(tmp_path / "list.xspf", tracks(tmp_path))
    root = ElementTree.parse(tmp_path / "list.xspf").getroot()
    names = [node.text for node in root.iter("{http://xspf.org/ns/0/}location")]
    assert names == ["music/a%20%26%20b.wav", "music/deep/c.wav"]
    assert next(root.iter("{http://xspf.org/ns/0/}title")).text == "Ä, <b>"


def test_csv_and_json_hold_what_is_known(tmp_path):
    write_tracks(tmp_path / "list.csv", tracks(tmp_path))
    rows = list(csv.DictReader(io.StringIO((tmp_path / "list.csv").read_text("utf-8"))))
    assert rows[1]["key"] == "A minor"
    assert rows[0]["title"] == "Ä, <b>"
    write_tracks(tmp_path / "list.json", tracks(tmp_path))
    assert json.loads((tmp_path / "list.json").read_text())[1]["tempo"] == 120.0


def test_a_name_that_is_not_utf8_survives_the_round_trip(tmp_path):
    name = b"/music/\xff.wav".decode("utf-8", "surrogateescape")
    write_tracks(tmp_path / "list.m3u8", [Track(name)], absolute=True)
    assert b"/music/\xff.wav" in (tmp_path / "list.m3u8").read_bytes()


def test_an_unknown_suffix_is_refused(tmp_path):
    with pytest.raises(UsageError, match=r"\.m3u8"):
        write_tracks(tmp_path / "list.doc", [])


def test_a_format_whose_package_is_missing_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(export, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match="pip install"):
        check_arrays(tmp_path / "v.parquet")


def test_vectors_are_written_without_pickling(tmp_path):
    rng = np.random.default_rng(0)
    rows = [("a.wav", random_vectors(rng, 3)), ("b.wav", random_vectors(rng, 1, absent=1.0))]
    write_vectors(tmp_path / "v.npz", rows, SPACE)
    with np.load(tmp_path / "v.npz", allow_pickle=False) as file:
        assert list(file["paths"]) == ["a.wav", "b.wav"]
        assert file["mix.melody"].shape == (2, 16)
        assert file["mix.melody"].dtype == np.float32
        assert not file["mix.melody"][1].any()
        assert str(file["space"]) == "test"
        assert list(file["end"]) == [30.0, 10.0]


def test_one_row_per_excerpt_on_request():
    columns = vector_columns([("a", random_vectors(np.random.default_rng(0), 3))], SPACE, excerpts=True)
    assert list(columns["paths"]) == ["a", "a", "a"]
    assert list(columns["start"]) == [0, 10, 20]


def test_a_silent_file_keeps_its_row():
    silent = FacetVectors(np.zeros(0), np.zeros(0), {})
    columns = vector_columns([("a", silent), ("b", random_vectors(np.random.default_rng(0), 2))], SPACE)
    assert list(columns["paths"]) == ["a", "b"]
    assert not columns["mix.timbre"][0].any()


def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch):
    target = tmp_path / "x.csv"
    target.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("soundalike.export.os.fsync", full)
    with pytest.raises(UsageError, match="No space left"):
        write_atomically(target, b"new")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]
