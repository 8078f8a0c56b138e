"""What is particular to the embedded store: crashes, damage, locks, blocks."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from soundalike.errors import (
    StoreCorruptError,
    StoreError,
    StoreLockedError,
    StoreVersionError,
    UsageError,
)
from soundalike.facets import Facet, FacetVectors, Space, Weights, unit
from soundalike.filters import AnyOf, Filter, HasTag, OneOf, matches
from soundalike.locks import locked
from soundalike.notes import CHORD, NOTE, Transcription
from soundalike.scoring import Scoring
from soundalike.stores import Candidate
from soundalike.stores.embedded import EmbeddedStore, schema
from soundalike.stores.embedded.folder import BlockFolder
from soundalike.stores.embedded.rows import pack, unpack
from soundalike.tracks import AnalysedTrack, Track
from test_filters import FILTERS, TRACKS

SPACE = Space("unit/1", (Facet("melody"), Facet("rhythm"), Facet("timbre")), 16)
EQUAL = Scoring.of(Weights(dict.fromkeys(SPACE.facets, 1.0)), None, "excerpt")


def make_vectors(rows: int, seed: int, space: Space = SPACE) -> np.ndarray:
    generator = np.random.default_rng(seed)
    vectors = unit(generator.normal(size=(rows * len(space.facets), space.dim))).reshape(rows, -1, space.dim)
    vectors[generator.random(vectors.shape[:2]) < 0.15] = 0.0
    return vectors


def make_entry(number: int, rows: int = 100) -> AnalysedTrack:
    vectors = make_vectors(rows, number)
    start = 10.0 * np.arange(rows)
    track = Track(f"/music/{number}.wav", audio_hash=str(number), tags=("even",) if number % 2 == 0 else ())
    return AnalysedTrack(
        track, FacetVectors(start, start + 10.0, {f: vectors[:, i] for i, f in enumerate(SPACE.facets)})
    )


def search(store: EmbeddedStore, number: int = 0, **options: object) -> list[Candidate]:
    query = {facet: make_vectors(1, 10_000 + number)[0, i] for i, facet in enumerate(SPACE.facets)}
    return store.nearest(query, EQUAL, **{"k": 10, "level": "excerpt", **options})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "library"


@pytest.fixture
def filled(folder: Path) -> Path:
    """A library of 3000 excerpts in 30 tracks, with blocks on disk."""
    with EmbeddedStore(str(folder), SPACE) as store:
        store.add([make_entry(number) for number in range(30)])
    assert find_meta(folder)["rows"] == 3000
    return folder


def find_meta(folder: Path, level: str = "excerpt") -> dict:
    return json.loads((folder / "blocks" / f"1-{level}" / "meta.json").read_text())


def find_column(folder: Path, name: str) -> Path:
    return folder / "blocks" / "1-excerpt" / find_meta(folder)["generation"] / name


def delete_blocks(folder: Path) -> None:
    shutil.rmtree(folder / "blocks")


def answers(folder: Path) -> list[list[Candidate]]:
    with EmbeddedStore(str(folder), SPACE) as store:
        return [search(store, number) for number in range(5)]


# Blocks


def test_blocks_are_written_once_there_are_many_rows(folder: Path) -> None:
    with EmbeddedStore(str(folder), SPACE) as store:
        store.add([make_entry(0)])
        search(store)
    assert not (folder / "blocks").exists()
    with EmbeddedStore(str(folder), SPACE) as store:
        store.add([make_entry(number) for number in range(1, 20)])
    assert find_meta(folder)["rows"] == 2000


def test_rows_beyond_the_blocks_are_found(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        (number,) = store.add([make_entry(500, rows=5)])
        vectors = make_entry(500, rows=5).excerpts.vectors
        query = {facet: rows[2] for facet, rows in vectors.items()}
        found = store.nearest(query, EQUAL, k=1, level="excerpt")
        assert (found[0].track, found[0].start) == (number, 20.0)
    assert find_meta(filled)["rows"] == 3000


def test_a_deleted_block_folder_is_written_anew(filled: Path) -> None:
    before = answers(filled)
    delete_blocks(filled)
    assert answers(filled) == before
    assert find_meta(filled)["rows"] == 3000


def test_blocks_may_vanish_while_a_store_is_open(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        before = search(store)
        delete_blocks(filled)
        assert search(store) == before
        (number,) = store.add([make_entry(77)])
        store.remove([number])
        assert search(store) == before


def test_blocks_that_vanish_and_cannot_be_written_are_replaced_in_memory(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        store.add([make_entry(77, rows=5)])
        before = search(store, k=5000)
        delete_blocks(filled)
        with locked(filled / "blocks.lock", patience=0.0):
            (number,) = store.add([make_entry(78, rows=5)])
            store.remove([number])
            assert search(store, k=5000) == before
        assert not (filled / "blocks").exists()


def flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        file.seek(place)
        (byte,) = file.read(1)
        file.seek(place)
        file.write(bytes([byte ^ 0x55]))
    # Coarse file times must not hide the change.
    os.utime(path, ns=(1, 1))


@pytest.mark.parametrize("name", ["ids", "tracks", "pattern", "00.codes", "02.scales"])
def test_damaged_blocks_are_noticed_and_written_anew(filled: Path, name: str) -> None:
    before, old = answers(filled), find_meta(filled)["generation"]
    flip(find_column(filled, name), 1000)
    assert answers(filled) == before
    assert find_meta(filled)["generation"] != old


@pytest.mark.parametrize("damage", ["short", "missing", "meta", "empty meta", "wrong meta"])
def test_incomplete_blocks_are_written_anew(filled: Path, damage: str) -> None:
    before = answers(filled)
    column, meta = find_column(filled, "01.codes"), filled / "blocks" / "1-excerpt" / "meta.json"
    if damage == "short":
        os.truncate(column, 100)
    elif damage == "missing":
        column.unlink()
    elif damage == "wrong meta":
        meta.write_text(json.dumps({**find_meta(filled), "rows": 10**9}))
    else:
        meta.write_text("{" if damage == "meta" else "")
    assert answers(filled) == before
    assert find_meta(filled)["rows"] == 3000


def test_touched_but_sound_blocks_are_kept_and_sealed_again(filled: Path) -> None:
    old = find_meta(filled)
    os.utime(find_column(filled, "ids"), ns=(1, 1))
    answers(filled)
    new = find_meta(filled)
    assert (new["generation"], new["crc"]) == (old["generation"], old["crc"])
    assert new["seal"] != old["seal"]
    assert new["seal"][0] == 1


def test_bytes_beyond_the_valid_rows_do_not_matter(filled: Path) -> None:
    before = answers(filled)
    with find_column(filled, "00.codes").open("ab") as file:
        file.write(b"half an append")
    assert answers(filled) == before
    with EmbeddedStore(str(filled), SPACE) as store:
        store.add([make_entry(number) for number in range(100, 112)])
    assert find_meta(filled)["rows"] == 4200
    melody = Scoring.of(Weights({"melody": 1.0}), None, "excerpt")
    fresh = make_entry(105).excerpts
    row = int(np.flatnonzero(fresh.present(SPACE.facets[0]))[-1])
    with EmbeddedStore(str(filled), SPACE) as store:
        found = store.nearest({SPACE.facets[0]: fresh.vectors[SPACE.facets[0]][row]}, melody, k=1, level="excerpt")
        assert (found[0].track, found[0].start) == (36, 10.0 * row)
        assert all(finding.ok for finding in store.verify())


def test_blocks_of_another_library_are_ignored(filled: Path, tmp_path: Path) -> None:
    with EmbeddedStore(str(tmp_path / "other"), SPACE) as store:
        store.add([make_entry(number) for number in range(50, 80)])
    (filled / "blocks").rename(filled / "old")
    (tmp_path / "other" / "blocks").rename(filled / "blocks")
    after = answers(filled)
    (filled / "blocks").rename(filled / "new")
    assert after == answers(filled)
    with EmbeddedStore(str(filled), SPACE) as store:
        assert {hit.track for hit in search(store, k=5000)} == set(range(1, 31))


def test_an_older_copy_of_the_database_does_not_use_newer_blocks(filled: Path) -> None:
    copy = (filled / "library.db").read_bytes()
    with EmbeddedStore(str(filled), SPACE) as store:
        store.add([make_entry(number) for number in range(100, 112)])
    (filled / "library.db").write_bytes(copy)
    with EmbeddedStore(str(filled), SPACE) as store:
        (number,) = store.add([make_entry(300, rows=1200)])
        query = {facet: rows[700] for facet, rows in make_entry(300, rows=1200).excerpts.vectors.items()}
        found = store.nearest(query, EQUAL, k=1, level="excerpt")
        assert (found[0].track, found[0].start) == (number, 7000.0)
        assert all(finding.ok for finding in store.verify())


def test_an_older_copy_of_the_database_finds_what_newer_blocks_lack(filled: Path) -> None:
    before = answers(filled)
    copy = (filled / "library.db").read_bytes()
    with EmbeddedStore(str(filled), SPACE) as store:
        store.remove(list(range(1, 16)))
    assert find_meta(filled)["rows"] == 1500
    (filled / "library.db").write_bytes(copy)
    assert answers(filled) == before


def test_many_deletions_lead_to_new_blocks_with_the_same_answers(filled: Path) -> None:
    old = find_meta(filled)["generation"]
    with EmbeddedStore(str(filled), SPACE) as store:
        store.remove([1, 2])
        before = search(store, where=HasTag("even"))
        assert find_meta(filled)["generation"] == old
        gone = [track.id for track in store.tracks() if track.id not in {hit.track for hit in before}][:10]
        store.remove(gone)
        assert search(store, where=HasTag("even")) == before
    meta = find_meta(filled)
    assert meta["generation"] != old
    assert meta["rows"] == 3000 - 100 * (2 + len(gone))
    database = sqlite3.connect(filled / "library.db")
    assert database.execute("SELECT count(*) FROM excerpt_1_dead").fetchone() == (0,)
    database.close()


def test_deletions_are_remembered_after_reopening(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        gone = search(store)[0].track
        store.remove([gone])
    with EmbeddedStore(str(filled), SPACE) as store:
        assert len(search(store, k=5000)) == len({(hit.track, hit.start) for hit in search(store, k=5000)})
        assert gone not in {hit.track for hit in search(store, k=5000)}


def test_a_reader_keeps_up_with_a_writer_that_rewrites_the_blocks(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as reader, EmbeddedStore(str(filled), SPACE) as writer:
        for step in range(4):
            search(reader)
            writer.add([make_entry(100 + 20 * step + i) for i in range(15)])
            writer.remove([track.id for track in writer.tracks()][:12])
            search(writer)
            assert [search(reader, n, k=50) for n in range(3)] == [search(writer, n, k=50) for n in range(3)]


def test_stale_codes_never_make_a_wrong_score(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        query = {facet: make_vectors(1, 10_000)[0, i] for i, facet in enumerate(SPACE.facets)}
        codes = find_column(filled, "00.codes")
        times = codes.stat()
        codes.write_bytes(np.random.default_rng(0).integers(-127, 128, 3000 * 16, np.int8).tobytes())
        os.utime(codes, ns=(times.st_atime_ns, times.st_mtime_ns))
        for hit in search(store):
            own = store.excerpts([hit.track])[hit.track]
            row = int(hit.start / 10)
            cosines = {f: own.vectors[f][row] @ query[f] for f in SPACE.facets if own.present(f)[row]}
            assert hit.cosines == pytest.approx({f: c for f, c in cosines.items() if query[f].any()}, abs=1e-6)


def test_verify_finds_damage_that_left_no_trace_in_file_times(filled: Path) -> None:
    codes = find_column(filled, "00.codes")
    times = codes.stat()
    flip(codes, 5)
    os.utime(codes, ns=(times.st_atime_ns, times.st_mtime_ns))
    with EmbeddedStore(str(filled), SPACE) as store:
        assert [f.what for f in store.verify() if not f.ok] == ["excerpt search blocks of 'unit/1'"]
        assert all(finding.ok for finding in store.verify(repair=True))
        assert all(finding.ok for finding in store.verify())


def test_verify_finds_rows_that_the_blocks_lack(filled: Path) -> None:
    database = sqlite3.connect(filled / "library.db")
    database.execute("DROP TRIGGER excerpt_1_delete")
    database.execute("DELETE FROM excerpt_1 WHERE id = 17")
    database.execute("UPDATE excerpt_1 SET presence = 0 WHERE id = 18")
    database.commit()
    database.close()
    with EmbeddedStore(str(filled), SPACE) as store:
        found = {finding.what: finding.detail for finding in store.verify() if not finding.ok}
    assert found["excerpt search blocks of 'unit/1'"].startswith("1 unknown and 0 missing")
    assert found["excerpt vectors of 'unit/1'"].startswith("1 of 2999")


def test_float16_rows_come_back_packed_or_not() -> None:
    vectors = make_vectors(50, 3)
    vectors[7] = 0.0
    rows = unpack([(i, 1, 0.0, 1.0, *packed) for i, packed in enumerate(pack(vectors))], SPACE)
    assert np.array_equal(rows.vectors.any(axis=2), vectors.any(axis=2))
    assert np.abs(rows.vectors - vectors).max() < 1e-3
    assert pack(rows.vectors) == pack(vectors)


# Filters


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedStore]:
    with EmbeddedStore(str(tmp_path_factory.mktemp("filters")), SPACE) as store:
        yield store


EMPTY = FacetVectors(np.zeros(0), np.zeros(0), {})


@settings(max_examples=150, deadline=None)
@given(where=FILTERS, track=TRACKS)
def test_sql_means_what_matches_says(scratch: EmbeddedStore, where: Filter, track: Track) -> None:
    scratch.remove([known.id for known in scratch.tracks()])
    (number,) = scratch.add([AnalysedTrack(track, EMPTY)])
    assert bool(scratch.tracks(where)) is matches(where, track)
    (stored,) = scratch.tracks()
    assert matches(where, stored) is matches(where, track)
    assert stored.id == number


def test_huge_filters_are_answered(scratch: EmbeddedStore) -> None:
    scratch.remove([known.id for known in scratch.tracks()])
    scratch.add([AnalysedTrack(Track("/x.wav", tags=("t1499",)), EMPTY)])
    assert len(scratch.tracks(AnyOf(tuple(HasTag(f"t{i}") for i in range(1500))))) == 1


# Locks, threads, processes


@contextmanager
def another_process(code: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


HOLDER = """
import sys
from pathlib import Path
from soundalike.locks import locked
from soundalike.notes import CHORD, NOTE, Transcription
with locked(Path(sys.argv[1]), patience=0):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_writer_is_refused_and_told_who_writes(filled: Path) -> None:
    with (
        EmbeddedStore(str(filled), SPACE, patience=0.05) as store,
        another_process(HOLDER, filled / "write.lock") as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(StoreLockedError, match=f"process {holder.pid}"):
            store.add([make_entry(60)])
        assert len(search(store)) == 10
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert len(store.add([make_entry(60)])) == 1


def test_searching_does_not_wait_for_whoever_writes_blocks(folder: Path) -> None:
    with (
        EmbeddedStore(str(folder), SPACE) as store,
        another_process(HOLDER, folder / "blocks.lock") as holder,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        store.add([make_entry(number) for number in range(15)])
        found = search(store)
        assert len(found) == 10
        assert not (folder / "blocks").exists()
        holder.kill()
        holder.wait()
        assert search(store) == found
        assert (folder / "blocks").exists()


def test_threads_may_search_while_one_writes(filled: Path) -> None:
    failures: list[Exception] = []
    with EmbeddedStore(str(filled), SPACE) as store:

        def look(number: int) -> None:
            try:
                for i in range(15):
                    found = search(store, number + i)
                    assert len(found) == 10
                    assert [hit.score for hit in found] == sorted((hit.score for hit in found), reverse=True)
            except Exception as error:  # whatever it is, the main thread reports it
                failures.append(error)

        threads = [threading.Thread(target=look, args=(number,)) for number in range(4)]
        for thread in threads:
            thread.start()
        for number in range(200, 225):
            store.add([make_entry(number)])
            store.remove([number - 190])
        for thread in threads:
            thread.join()
    assert failures == []


OPENER = """
import sys
sys.path.insert(0, sys.argv[1])
from test_store_embedded import SPACE, EmbeddedStore, make_entry
with EmbeddedStore(sys.argv[2], SPACE) as store:
    store.add([make_entry(int(sys.argv[3]), rows=3)])
"""


def test_several_processes_may_make_one_library(folder: Path) -> None:
    here = str(Path(__file__).parent)
    processes = [subprocess.Popen([sys.executable, "-c", OPENER, here, str(folder), str(n)]) for n in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    with EmbeddedStore(str(folder), SPACE) as store:
        assert sorted(track.path for track in store.tracks()) == [f"/music/{n}.wav" for n in range(3)]


INGEST = """
import sys
sys.path.insert(0, sys.argv[1])
from test_store_embedded import SPACE, EmbeddedStore, make_entry
import soundalike.stores.embedded as embedded
embedded._BACKLOG = 300
with EmbeddedStore(sys.argv[2], SPACE) as store:
    for number in range(int(sys.argv[3]), 100_000):
        store.add([make_entry(number, rows=40)])
        print(number, flush=True)
"""


def test_kill_during_ingest_loses_no_acknowledged_track(folder: Path) -> None:
    generator = np.random.default_rng(0)
    acknowledged: set[int] = set()
    for _ in range(4):
        first = max(acknowledged, default=-1) + 1
        with another_process(INGEST, Path(__file__).parent, folder, first) as process:
            assert process.stdout is not None
            acknowledged.add(int(process.stdout.readline()))
            time.sleep(generator.uniform(0.0, 0.4))
            process.send_signal(signal.SIGKILL)
            acknowledged.update(int(line) for line in process.stdout.read().splitlines() if line)
        with EmbeddedStore(str(folder), SPACE) as store:
            stored = {int(Path(track.path).stem): track.id for track in store.tracks()}
            assert acknowledged <= set(stored)
            acknowledged = set(stored)
            number = int(generator.choice(sorted(stored)))
            query = {facet: rows[11] for facet, rows in make_entry(number, rows=40).excerpts.vectors.items()}
            found = store.nearest(query, EQUAL, k=1, level="excerpt")
            assert (found[0].track, found[0].start) == (stored[number], 110.0)
            assert all(finding.ok for finding in store.verify())


# Damage and limits


def test_a_newer_library_is_refused(filled: Path) -> None:
    database = sqlite3.connect(filled / "library.db")
    database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreVersionError, match="version 99"):
        EmbeddedStore(str(filled), SPACE)


def test_a_database_of_another_program_is_refused(folder: Path) -> None:
    folder.mkdir()
    database = sqlite3.connect(folder / "library.db")
    database.execute("CREATE TABLE notes (text)")
    database.close()
    with pytest.raises(StoreError, match="another program"):
        EmbeddedStore(str(folder), SPACE)


def test_a_file_that_is_no_database_is_refused_and_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "library.db").write_bytes(b"not a database at all" * 1000)
    with pytest.raises(StoreCorruptError, match="backup"):
        EmbeddedStore(str(folder), SPACE)
    assert (folder / "library.db").read_bytes().startswith(b"not a database")


def test_a_damaged_database_is_named_and_left_alone(filled: Path) -> None:
    path = filled / "library.db"
    content = bytearray(path.read_bytes())
    for page in range(16384, len(content), 16384):
        content[page : page + 200] = b"\xff" * 200
    path.write_bytes(content)
    with pytest.raises(StoreCorruptError, match="damaged"), EmbeddedStore(str(filled), SPACE) as store:
        store.tracks()
    assert path.read_bytes() == bytes(content)


def test_verify_reports_a_damaged_database(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        path = filled / "library.db"
        content = bytearray(path.read_bytes())
        half = len(content) // 2 // 16384 * 16384
        content[half : half + 8000] = b"\xff" * 8000
        path.write_bytes(content)
    with EmbeddedStore(str(filled), SPACE) as store:
        findings = store.verify()
    assert not findings[0].ok
    assert "backup" in findings[0].detail


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="cannot be a library"):
        EmbeddedStore(str(tmp_path / "file"), SPACE)


def test_a_closed_store_says_so(filled: Path) -> None:
    store = EmbeddedStore(str(filled), SPACE)
    store.close()
    with pytest.raises(StoreError, match="closed"):
        store.tracks()


FULL_DISK = """
import resource, sys
sys.path.insert(0, sys.argv[1])
from test_store_embedded import SPACE, EmbeddedStore, make_entry
from soundalike.errors import StoreError
store = EmbeddedStore(sys.argv[2], SPACE)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
number = 0
try:
    for number in range(1000):
        store.add([make_entry(number)])
        print(number, flush=True)
except StoreError as error:
    print("refused:", error, flush=True)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="files cannot be limited there")
def test_a_full_disk_is_reported_and_loses_nothing(folder: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(Path(__file__).parent), str(folder), "1500000"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    *kept, refusal = done.stdout.splitlines()
    assert refusal.startswith("refused:")
    assert kept
    with EmbeddedStore(str(folder), SPACE) as store:
        assert [track.path for track in store.tracks()] == [f"/music/{number}.wav" for number in kept]
        assert len(store.add([make_entry(5000)])) == 1
        assert all(finding.ok for finding in store.verify())


def test_a_full_database_asks_for_space(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    connect = schema.connect

    def cramped(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("PRAGMA max_page_count = 60")
        return connection

    monkeypatch.setattr(schema, "connect", cramped)
    with EmbeddedStore(str(folder), SPACE) as store:

        def fill() -> None:
            for number in range(1000):
                store.add([make_entry(number, rows=30)])
                added.append(f"/music/{number}.wav")

        added: list[str] = []
        with pytest.raises(StoreError, match="Free some space"):
            fill()
        assert added
        assert [track.path for track in store.tracks()] == added
        assert len(search(store)) == 10


def test_blocks_that_cannot_be_written_do_not_stop_anything(
    filled: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    before = answers(filled)
    monkeypatch.setattr(BlockFolder, "extend", full)
    with EmbeddedStore(str(filled), SPACE) as store:
        added = store.add([make_entry(number) for number in range(100, 112)])
        assert len(search(store, k=5000)) > 3000
        store.remove(added)
    assert "No space left" in caplog.text
    assert answers(filled) == before


def test_a_failing_write_changes_nothing(filled: Path) -> None:
    with EmbeddedStore(str(filled), SPACE) as store:
        before = store.tracks()
        with pytest.raises(StoreError):
            store.add([make_entry(400), AnalysedTrack(Track("/bad.wav", duration=float("nan")), EMPTY)])
        assert store.tracks() == before
        assert len(store.add([make_entry(400)])) == 1


def take_back(folder: Path, version: int) -> None:
    """Make a library what an earlier version of the program would have left."""
    with sqlite3.connect(folder / "library.db") as database:
        for name in ("family", "kind", "family_fold", "kind_fold"):
            database.execute(f"ALTER TABLE track DROP COLUMN {name}")
        if version < 2:
            database.execute("DROP TABLE transcription")
        database.execute(f"PRAGMA user_version = {version}")
    database.close()


@pytest.mark.parametrize("version", [1, 2])
def test_a_library_of_an_earlier_version_is_lifted_and_keeps_working(filled: Path, version: int) -> None:
    played = Transcription(np.array([(0.0, 1.0, 60)], NOTE), np.zeros(0, CHORD))
    known = answers(filled)
    with EmbeddedStore(str(filled), SPACE) as store:
        kept = store.tracks()
        kept[0] = replace(kept[0], family="drums", kind="loop", key="A minor", artist="Ann")
        store.amend(kept[0])
    take_back(filled, version)
    with EmbeddedStore(str(filled), SPACE) as store:
        assert store.tracks() == [replace(track, family="", kind="") for track in kept]
        assert store.tracks(OneOf("artist", ("ann",))) == store.tracks()[:1]
        assert store.tracks(OneOf("family", ("drums",))) == []
        assert store.transcriptions([track.id for track in kept]) == {}
        entry = make_entry(2)
        (number,) = store.add([replace(entry, transcription=played, track=replace(entry.track, family="bass"))])
        assert number == kept[2].id
        assert store.transcriptions([number]) == {number: played}
        assert [track.id for track in store.tracks(OneOf("family", ("Bass",)))] == [number]
        assert all(finding.ok for finding in store.verify())
    assert answers(filled) == known


def test_lifting_gives_the_schema_of_a_new_library(folder: Path, tmp_path: Path) -> None:
    def columns(library: Path) -> set[tuple[object, ...]]:
        with sqlite3.connect(library / "library.db") as database:
            found = {tuple(row[1:]) for row in database.execute("PRAGMA table_info(track)")}
        database.close()
        return found

    for library in (folder, tmp_path / "old"):
        EmbeddedStore(str(library), SPACE).close()
    take_back(tmp_path / "old", 1)
    assert len(columns(tmp_path / "old")) < len(columns(folder))
    EmbeddedStore(str(tmp_path / "old"), SPACE).close()
    assert columns(tmp_path / "old") == columns(folder)


def test_a_damaged_transcription_is_left_out_and_found_by_the_check_up(tmp_path):
    played = Transcription(np.array([(0.0, 1.0, 60)], NOTE), np.zeros(0, CHORD))
    with EmbeddedStore(str(tmp_path), SPACE) as store:
        ids = store.add([replace(make_entry(i, rows=2), transcription=played) for i in range(2)])
    with sqlite3.connect(tmp_path / "library.db") as database:
        database.execute("UPDATE transcription SET content = x'01ff' WHERE track = ?", (ids[0],))
    database.close()
    with EmbeddedStore(str(tmp_path), SPACE) as store:
        assert set(store.transcriptions(ids)) == {ids[1]}
        (finding,) = [finding for finding in store.verify() if not finding.ok]
        assert "transcriptions" in finding.what
        assert "1 of 2" in finding.detail
