"""Bad files, libraries and arguments, through the command line.

Each ends in one clear sentence or an entry in the ledger, never in a traceback, and never costs what
was acknowledged before.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_files import encode
from conftest import RATE, tune, write_tune
from soundalike import ingest
from soundalike.analysis import Analyzer
from soundalike.cli import main
from soundalike.workers import run_here

POSIX = pytest.mark.skipif(os.name == "nt", reason="permissions, pipes and such names are POSIX")


@dataclass(frozen=True)
class Answer:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    def is_one_sentence(self, *words: str, code: int = 1) -> bool:
        """Nothing on stdout, and one line on stderr with these words."""
        assert (self.code, self.out, self.err.count("\n")) == (code, "", 1), self
        assert all(word in self.err for word in words), self.err
        assert "Unexpected" not in self.err
        return True


@dataclass(frozen=True)
class Program:
    """The command line, on a library that holds six tunes."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def __call__(self, *arguments: str | Path, at: Path | str | None = None) -> Answer:
        self.capture.readouterr()
        code = main([*map(str, arguments), "--library", str(at or self.folder)])
        captured = self.capture.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return Answer(code, captured.out, captured.err)

    def add(self, *paths: str | Path, at: Path | None = None) -> dict[str, Any]:
        """Add, and check that the exit code tells whether a file failed."""
        answer = self("add", *paths, "--jobs", "1", "--json", at=at)
        assert answer.code == (3 if answer.json["failed"] else 0), answer
        assert answer.err == ""
        return answer.json

    def failures(self) -> dict[str, str]:
        return {
            os.path.basename(entry["path"]): entry["reason"] for entry in self("failures", "--json").json["failures"]
        }

    def hits(self, query: str | Path, *options: str) -> list[str]:
        answer = self("search", query, "-n", "50", "--json", *options)
        assert answer.code == 0, answer
        return [os.path.basename(hit["path"]) for hit in answer.json["hits"]]

    def tracks(self) -> int:
        return self("status", "--json").json["tracks"]


@pytest.fixture(autouse=True)
def listen_here(monkeypatch):
    """Starting a process takes longer than any test here; `test_workers` and `test_cli` start some."""
    monkeypatch.setattr(ingest, "run_in_processes", lambda tasks, recipe, jobs: run_here(tasks, Analyzer(recipe)))


@pytest.fixture(scope="module")
def filled(tunes, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad input") / "library"
    assert main(["add", str(tunes), "--jobs", "1", "--library", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def run(filled, tmp_path, capsys):
    shutil.copytree(filled, tmp_path / "library")
    return Program(tmp_path / "library", capsys)


@pytest.fixture
def folder(tmp_path):
    """A folder of new files, with one good one."""
    write_tune(tmp_path / "new" / "good.wav", 99, seconds=1.0)
    return tmp_path / "new"


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be nobody for a while, since root may do anything; whoever is not root stays who they are."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def shared():
    """A folder that nobody may look into; pytest's own folders are for their owner only."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    yield folder
    for path in [folder, *folder.rglob("*")]:
        path.chmod(0o755)
    shutil.rmtree(folder)


# Files that cannot be listened to


def forbid(path: Path) -> None:
    write_tune(path, 1, seconds=1.0).chmod(0)


BAD: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "empty": ("x.wav", lambda path: path.touch(), "is empty (0 bytes)"),
    "random bytes": ("x.wav", lambda path: path.write_bytes(np.random.default_rng(0).bytes(9999)), "cannot be decoded"),
    "text": ("x.mp3", lambda path: path.write_text("Dear listener,\n" * 200), "cannot be decoded"),
    "no samples": ("x.wav", lambda path: soundfile.write(path, np.zeros(0), RATE), "no samples"),
    "broken link": ("x.wav", lambda path: path.symlink_to("nowhere"), "No such file"),
    "link to itself": ("x.wav", lambda path: path.symlink_to("x.wav"), "Too many levels"),
    "pipe": ("x.wav", lambda path: os.mkfifo(path), "is not a regular file"),
}


@POSIX
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_is_entered_in_the_ledger_and_stops_nothing(run, folder, kind):
    name, make, reason = BAD[kind]
    make(folder / name)
    report = run.add(folder)
    assert (report["added"], report["failed"]) == (1, 1)
    assert list(run.failures()) == [name]
    assert reason in run.failures()[name]
    assert run.add(folder)["remembered"] == 1
    assert run.tracks() == 7


@POSIX
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_file_cannot_ask(run, folder, kind):
    name, make, reason = BAD[kind]
    make(folder / name)
    assert run("search", folder / name).is_one_sentence(reason if "link" not in kind else name)
    assert run("compare", folder / "good.wav", folder / name).is_one_sentence(reason if "link" not in kind else name)


@POSIX
def test_a_file_that_may_not_be_read_is_tried_again_once_it_may(run, shared):
    file = write_tune(shared / "music" / "x.wav", 7, seconds=1.0)
    shutil.move(run.folder, shared / "library")
    for path in (shared / "library").rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    (shared / "library").chmod(0o777)
    program = Program(shared / "library", run.capture)
    file.chmod(0)
    with unprivileged():
        assert program.add(shared / "music")["failed"] == 1
        assert "Permission denied" in program.failures()["x.wav"]
        assert program("search", file).is_one_sentence("Permission denied", "x.wav")
    file.chmod(0o644)
    with unprivileged():
        assert program.add(shared / "music")["added"] == 1
        assert program.failures() == {}


@POSIX
def test_a_folder_that_may_not_be_read_is_entered_in_the_ledger(run, shared):
    write_tune(shared / "music" / "closed" / "x.wav", 7, seconds=1.0)
    write_tune(shared / "music" / "open.wav", 8, seconds=1.0)
    shutil.move(run.folder, shared / "library")
    for path in [shared / "library", *(shared / "library").rglob("*")]:
        path.chmod(0o777)
    (shared / "music" / "closed").chmod(0)
    program = Program(shared / "library", run.capture)
    with unprivileged():
        report = program.add(shared / "music")
        assert (report["added"], report["failed"]) == (1, 1)
        assert "cannot be read: Permission denied" in program.failures()["closed"]


def test_a_folder_named_like_a_file_is_searched_and_is_no_query(run, folder):
    write_tune(folder / "x.wav" / "inside.wav", 7, seconds=1.0)
    assert run.add(folder)["added"] == 2
    assert run("search", folder / "x.wav").is_one_sentence("is not a regular file")


# Odd files that are listened to


@pytest.mark.parametrize("name", ["cut.flac", "cut.mp3"])
def test_a_truncated_file_is_added_with_a_warning(run, folder, name):
    if name.endswith("mp3"):
        encode(folder / name, tune(7)[None], RATE, "mp3", "libmp3lame")
    else:
        write_tune(folder / name, 7)
    content = (folder / name).read_bytes()
    (folder / name).write_bytes(content[: len(content) // 2])
    report = run.add(folder / name)
    assert (report["added"], report["failed"]) == (1, 0)
    (warning,) = report["warnings"]
    assert f"{name}: decoded " in warning
    assert "of 4.0 s" in warning
    assert name in run.hits(run_any(run))


def run_any(run: Program) -> str:
    return "1"


def test_samples_that_are_no_numbers_count_as_silence_with_a_warning(run, folder):
    samples = tune(7)
    samples[1000:2000], samples[3000:3500] = np.nan, np.inf
    soundfile.write(folder / "nan.wav", samples, RATE, subtype="FLOAT")
    report = run.add(folder / "nan.wav")
    assert (report["added"], len(report["warnings"])) == (1, 1)
    assert "samples were invalid" in report["warnings"][0]
    assert "nan.wav" in run.hits("1")


SILENT = {
    "digital silence": np.zeros(2 * RATE),
    "constant offset": np.full(2 * RATE, 0.5),
    "one sample": np.array([0.5]),
}


@pytest.mark.parametrize("kind", SILENT)
def test_what_cannot_be_heard_is_known_and_never_a_result(run, folder, kind):
    soundfile.write(folder / "silent.wav", SILENT[kind], RATE)
    report = run.add(folder / "silent.wav")
    assert (report["added"], report["silent"]) == (1, 1)
    assert "silent.wav" not in run.hits("1")
    assert "silent.wav" not in run.hits("1", "--passages")
    assert run("search", folder / "silent.wav").is_one_sentence("'silent.wav' is silent", code=2)
    assert run("compare", folder / "silent.wav", "1").is_one_sentence("'silent.wav' is silent", code=2)
