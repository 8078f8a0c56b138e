"""Stems on disk: whole or not there, never taken away from anyone, within their room."""

from __future__ import annotations

import errno
import multiprocessing
import os
import threading
from pathlib import Path

import pytest
import soundfile

from soundalike.errors import StoreError, UsageError
from soundalike.separators.cache import GIGABYTES, StemCache, key_of

PLENTY = 10**9


def writer(text: str = "sound", made: list[str] | None = None):
    def make(folder: Path) -> None:
        (folder / "drums.flac").write_text(text)
        if made is not None:
            made.append(text)

    return make


def entries(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name != ".lock"}


def test_an_entry_is_made_once(tmp_path):
    made: list[str] = []
    for _ in range(3):
        with StemCache(tmp_path, limit=PLENTY).entry("a", writer(made=made)) as folder:
            assert (folder / "drums.flac").read_text() == "sound"
    assert made == ["sound"]
    assert entries(tmp_path) == {"a"}


@pytest.mark.parametrize("damage", ["changed", "shorter", "missing", "no record", "record is no record"])
def test_a_damaged_entry_is_made_anew(tmp_path, damage):
    cache = StemCache(tmp_path, limit=PLENTY)
    with cache.entry("a", writer()) as folder:
        pass
    stem, record = folder / "drums.flac", folder / "record.json"
    {
        "changed": lambda: stem.write_text("noise"),
        "shorter": lambda: stem.write_text("soun"),
        "missing": stem.unlink,
        "no record": record.unlink,
        "record is no record": lambda: record.write_text("[]"),
    }[damage]()
    with cache.entry("a", writer()) as folder:
        assert (folder / "drums.flac").read_text() == "sound"


def test_what_fails_half_way_leaves_nothing(tmp_path):
    def make(folder: Path) -> None:
        (folder / "drums.flac").write_text("half")
        raise KeyboardInterrupt

    cache = StemCache(tmp_path, limit=PLENTY)
    with pytest.raises(KeyboardInterrupt), cache.entry("a", make):
        pass
    assert entries(tmp_path) == set()


def test_what_a_dead_process_left_is_cleared_away(tmp_path):
    (tmp_path / "a.1234.unfinished").mkdir()
    (tmp_path / "a.1234.unfinished" / "drums.flac").write_text("half")
    (tmp_path / "a.5678.lease").write_text("99999")
    cache = StemCache(tmp_path, limit=0)
    with cache.entry("b", writer()):
        pass
    with cache.entry("a", writer()):
        pass
    assert entries(tmp_path) == set()


def test_the_longest_unused_goes_first(tmp_path):
    cache = StemCache(tmp_path, limit=PLENTY)
    for time, key in enumerate("abc", start=1):
        with cache.entry(key, writer()):
            pass
        os.utime(tmp_path / key, (time, time))
    with cache.entry("a", writer()):
        pass
    size = sum(file.stat().st_size for file in (tmp_path / "a").iterdir())
    StemCache(tmp_path, limit=2 * size).shrink()
    assert entries(tmp_path) == {"a", "c"}


def test_an_entry_in_use_stays_whatever_the_limit(tmp_path):
    cache = StemCache(tmp_path, limit=0)
    with cache.entry("a", writer()) as folder:
        with cache.entry("b", writer()):
            pass
        assert (folder / "drums.flac").is_file()
        assert "b" not in entries(tmp_path)
    assert entries(tmp_path) == set()


def test_an_entry_that_two_use_stays_until_both_are_done(tmp_path):
    first, second = (StemCache(tmp_path, limit=0).entry("a", writer()) for _ in range(2))
    folder = first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert (folder / "drums.flac").is_file()
    second.__exit__(None, None, None)
    assert not folder.exists()


def test_two_that_make_the_same_entry_share_the_first(tmp_path):
    both = threading.Barrier(2)
    found = []

    def make(folder: Path) -> None:
        (folder / "drums.flac").write_text("sound")
        both.wait(30)

    def use() -> None:
        with StemCache(tmp_path, limit=PLENTY).entry("a", make) as folder:
            found.append((folder / "drums.flac").read_text())

    threads = [threading.Thread(target=use) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["sound", "sound"]
    assert entries(tmp_path) == {"a"}


def _use_many(folder: str, seed: int) -> None:
    for i in range(12):
        key = f"{(i * 7 + seed) % 5:x}"
        with StemCache(Path(folder), limit=150).entry(key, writer(key)) as entry:
            assert (entry / "drums.flac").read_text() == key


def test_processes_share_a_small_cache(tmp_path):
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=_use_many, args=(str(tmp_path), seed)) for seed in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0, 0]
    assert not any("." in name for name in entries(tmp_path))


@pytest.mark.parametrize(
    "error", [OSError(errno.ENOSPC, "No space left on device"), soundfile.LibsndfileError(2, "Error: ")]
)
def test_a_full_disk_is_one_clear_sentence(tmp_path, error):
    def make(folder: Path) -> None:
        (folder / "drums.flac").write_text("half")
        raise error

    with pytest.raises(StoreError, match=r"cannot be written to .*Free some space") as caught:
        StemCache(tmp_path, limit=PLENTY).entry("a", make).__enter__()
    assert "\n" not in str(caught.value)
    assert entries(tmp_path) == set()


def test_a_folder_that_cannot_be_made_is_one_clear_sentence(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="cannot be written to"):
        StemCache(tmp_path / "file" / "stems").entry("a", writer()).__enter__()


def test_the_room_is_told_in_gigabytes(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    monkeypatch.setenv("SOUNDALIKE_STEMS_GB", "0")
    with StemCache().entry("a", writer()) as folder:
        assert folder == tmp_path / "stems" / "a"
    assert not folder.exists()
    assert GIGABYTES == 5


@pytest.mark.parametrize("text", ["much", "-1", "nan", "inf"])
def test_a_room_that_is_no_number_is_refused(monkeypatch, text):
    monkeypatch.setenv("SOUNDALIKE_STEMS_GB", text)
    with pytest.raises(UsageError, match=f"SOUNDALIKE_STEMS_GB is '{text}'"):
        StemCache()


def test_a_key_depends_on_every_part():
    keys = {
        key_of("hash", 0.0, None, "demucs"),
        key_of("hash", 0.0, 1.0, "demucs"),
        key_of("hash", None, 0.0, "demucs"),
    }
    assert len(keys) == 3
