"""Nothing that was acknowledged is ever lost: processes are killed, disks fill up, files are damaged."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from conftest import write_tune
from soundalike.cli import main
from soundalike.library import Library

KILLS = int(os.environ.get("SOUNDALIKE_KILLS", "12"))
"""How many times to kill; the acceptance run uses 100."""

ADD = """
import sys
from soundalike.library import Library
if __name__ == "__main__":
    with Library(sys.argv[1]) as library:
        jobs = int(sys.argv[3]) or None
        print("begun", flush=True)
        library.add([sys.argv[2]], jobs=jobs, progress=lambda state: state.done and print(state.path, flush=True))
        print("all done", flush=True)
"""


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    for seed in range(40):
        write_tune(folder / f"{seed:03d}.wav", seed, seconds=1.0)
    return folder


def add_and_kill(library: Path, music: Path, jobs: int, after: float) -> tuple[list[str], bool]:
    """Start adding, kill it; the paths it acknowledged, and whether it had finished."""
    script = library.parent / "add.py"
    script.write_text(ADD)
    command = [sys.executable, str(script), str(library), str(music), str(jobs)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "begun\n"
        time.sleep(after)
        process.send_signal(signal.SIGKILL)
        # Workers share the pipe and let go of it a moment after their parent.
        lines = process.communicate(timeout=60)[0].splitlines()
    return [line for line in lines if line.startswith("/")], "all done" in lines


@pytest.mark.parametrize("jobs", [0, 2])
def test_a_killed_add_loses_nothing_and_goes_on_where_it_was(many, tmp_path, jobs):
    rng = np.random.default_rng(jobs)
    library, ids = tmp_path / "library 0", {}
    acknowledged: set[str] = set()
    for number in range(KILLS if jobs == 0 else KILLS // 3):
        paths, finished = add_and_kill(library, many, jobs, float(rng.uniform(0, 0.6)) * (1 + jobs))
        assert not acknowledged & set(paths), "a file was analysed again after it had been acknowledged"
        acknowledged |= set(paths)
        with Library(library) as opened:
            kept = {track.path: track.id for track in opened.tracks()}
            assert acknowledged <= kept.keys()
            assert ids.items() <= kept.items()
            assert all(finding.ok for finding in opened.verify())
            ids = kept
        if finished:
            assert {Path(path).name for path in kept} == {path.name for path in many.iterdir()}
            library, ids, acknowledged = tmp_path / f"library {number + 1}", {}, set()
    with Library(library) as opened:
        opened.add([many])
        assert {Path(track.path).name for track in opened.tracks()} == {path.name for path in many.iterdir()}
        assert opened.search(many / "000.wav", n=3)


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes where Linux lists them")
def test_workers_end_with_their_parent(many, tmp_path):
    script = tmp_path / "add.py"
    script.write_text(ADD)
    command = [sys.executable, str(script), str(tmp_path / "library"), str(many), "2"]
    mark = {"SOUNDALIKE_TEST": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **mark}) as process:
        process.stdout.readline()
        process.stdout.readline()
        assert len(marked_processes(str(tmp_path))) >= 3
        process.kill()
    deadline = time.monotonic() + 30
    while marked_processes(str(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert marked_processes(str(tmp_path)) == []


def marked_processes(mark: str) -> list[str]:
    """Ids of living processes with `mark` in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if (
                mark.encode() in (entry / "environ").read_bytes()
                and "\nState:\tZ" not in (entry / "status").read_text()
            ):
                found.append(entry.name)
        except OSError:
            continue  # it has ended meanwhile
    return found


@pytest.mark.skipif(sys.platform == "win32", reason="limits of file size are POSIX")
def test_a_full_disk_stops_with_one_sentence_and_keeps_what_was_acknowledged(many, tmp_path):
    # A limit on the size of files stands for a disk that fills up while adding.
    script = (
        "import resource, signal, sys; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2_500_000, 2_500_000));"
        "from soundalike.cli import main; sys.exit(main(sys.argv[1:]))"
    )
    library = tmp_path / "library"
    command = [sys.executable, "-c", script, "add", str(many), "--jobs", "1", "--library", str(library)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    assert result.stderr.count("\n") == 1
    with Library(library) as opened:
        kept = len(opened.tracks())
        assert 0 < kept < len(list(many.iterdir()))
        assert opened.add([many]).unchanged == kept


def test_a_second_add_is_refused_while_one_runs(many, tmp_path, capsys):
    script = tmp_path / "add.py"
    script.write_text(ADD)
    command = [sys.executable, str(script), str(tmp_path / "library"), str(many), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        process.stdout.readline()
        code = main(["add", str(many), "--jobs", "1", "--library", str(tmp_path / "library")])
        message = capsys.readouterr().err
        process.kill()
    assert code == 1
    assert f"process {process.pid}" in message


def test_searching_works_while_another_process_adds(many, tmp_path):
    script = tmp_path / "add.py"
    script.write_text(ADD)
    command = [sys.executable, str(script), str(tmp_path / "library"), str(many), "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        process.stdout.readline()
        first = process.stdout.readline().strip()
        with Library(tmp_path / "library") as library:
            query = library.query(first)
            before = len(library.search(query, n=100))
            for _ in range(10):
                process.stdout.readline()
            assert len(library.search(query, n=100)) > before
        process.kill()


def test_a_damaged_database_is_named_and_left_as_it_is(music, tmp_path, capsys):
    folder = tmp_path / "library"
    main(["add", str(music), "--jobs", "1", "--library", str(folder)])
    database = folder / "library.db"
    with sqlite3.connect(database) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()
    damaged = bytearray(database.read_bytes())
    damaged[:200] = os.urandom(200)
    database.write_bytes(damaged)
    capsys.readouterr()
    assert main(["search", str(music / "tune 0.wav"), "--library", str(folder)]) == 1
    message = capsys.readouterr().err
    assert "damaged" in message
    assert message.count("\n") == 1
    assert database.read_bytes() == bytes(damaged)


def test_a_library_of_a_newer_version_is_left_alone(music, tmp_path, capsys):
    folder = tmp_path / "library"
    main(["add", str(music), "--jobs", "1", "--library", str(folder)])
    with sqlite3.connect(folder / "library.db") as connection:
        connection.execute("PRAGMA user_version = 999")
    connection.close()
    capsys.readouterr()
    assert main(["status", "--library", str(folder)]) == 1
    assert "newer" in capsys.readouterr().err
