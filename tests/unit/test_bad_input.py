"""Bad files, libraries and arguments, through the command line.

Each ends in one clear sentence or an entry in the ledger, never in a traceback, and never costs what
was acknowledged before.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_files import encode
from conftest import RATE, tune, write_tune
from soundalike import library
from soundalike.analysis import Analyzer
from soundalike.cli import main
from soundalike.stores import embedded
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
    monkeypatch.setattr(library, "run_in_processes", lambda tasks, recipe, jobs: run_here(tasks, Analyzer(recipe)))


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
    again = run.add(folder)
    assert (again["unchanged"], again["failed"], again["audio_seconds"]) == (1, 1, 0)
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
    assert name in run.hits("1")


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


@pytest.mark.parametrize(
    ("rate", "channels", "subtype"), [(96000, 2, "PCM_24"), (48000, 6, "PCM_16")], ids=["96 kHz, 24 bit", "6 channels"]
)
def test_other_rates_and_channels_sound_like_the_same_tune(run, folder, rate, channels, subtype):
    import soxr

    samples = soxr.resample(tune(0), RATE, rate)
    soundfile.write(folder / "other.wav", np.stack([samples] * channels, 1), rate, subtype=subtype)
    assert run.add(folder / "other.wav")["warnings"] == []
    assert run.hits(folder / "other.wav")[0] == "tune 0.wav"


def test_a_one_shot_of_50_ms_is_found_and_may_ask(run, folder):
    for number in range(3):
        soundfile.write(folder / f"shot {number}.wav", tune(number)[: RATE // 20], RATE)
    assert run.add(folder)["added"] == 4
    assert set(run.hits(folder / "shot 0.wav", "-w", "timbre=1")) >= {"shot 1.wav", "shot 2.wav"}
    assert run("search", folder / "shot 0.wav", "-w", "rhythm=1", "--json").json["hits"] == []


def test_duplicates_are_tracks_of_their_own_and_never_answer_for_each_other(run, folder, tunes):
    for name in ("copy 1.wav", "copy 2.wav"):
        shutil.copy(tunes / "tune 0.wav", folder / name)
    assert run.add(folder, folder / "copy 1.wav", folder / ".." / "new")["added"] == 3
    assert not {"tune 0.wav", "copy 1.wav", "copy 2.wav"} & set(run.hits(folder / "copy 1.wav"))
    assert {"tune 0.wav", "copy 1.wav", "copy 2.wav"} <= set(run.hits(tunes / "tune 1.wav"))


# Names

ODD_NAMES = ["line\nbreak.wav", "latin-1 \udce9.wav", "[bold] [live] :cat:.wav", "#1.wav", "-n.wav", "\x1b[31m.wav"]


@POSIX
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_any_name_is_added_found_shown_and_listed(run, folder, name):
    (folder / "good.wav").rename(folder / name)
    run.add(folder)
    assert run.hits(folder / name)
    assert name in run.hits("1")
    shown = run("search", folder / name, "-n", "1")
    assert shown.code == 0
    assert shown.err.startswith("Like ")
    assert shown.err.count("\n") == 1
    assert "\x1b" not in shown.err + run("search", "1").out
    playlist = folder / "all.m3u8"
    run("search", "1", "-n", "50", "--playlist", playlist)
    lines = playlist.read_text("utf-8", "surrogateescape").splitlines()
    names = {os.path.basename(line) for line in lines if not line.startswith("#")}
    assert (name in names) == ("\n" not in name)
    assert run("remove", folder / name, "--json").json == {"removed": 1}


@POSIX
@pytest.mark.parametrize("name", ODD_NAMES, ids=ascii)
def test_a_bad_file_of_any_name_is_named_in_one_line(run, folder, name):
    (folder / name).touch()
    run.add(folder)
    assert list(run.failures()) == [name]
    listing = run("failures").out
    assert listing.count("\n") == 2
    assert "\x1b" not in listing
    assert run("search", folder / name).is_one_sentence("is empty")
    (folder / name).unlink()
    assert run("search", folder / name).is_one_sentence("neither a file nor a track")


def test_two_spellings_of_one_path_are_one_track(run, folder, monkeypatch):
    run.add(folder)
    monkeypatch.chdir(folder)
    report = run.add("good.wav", ".", "../new/./good.wav", folder / "nowhere" / ".." / "good.wav")
    assert (report["added"], report["unchanged"]) == (0, 1)
    assert "good.wav" not in run.hits("good.wav")


@POSIX
def test_a_folder_reached_by_a_link_holds_copies(run, folder):
    run.add(folder)
    (folder.parent / "link").symlink_to(folder)
    assert run.add(folder.parent / "link")["added"] == 1
    assert "good.wav" not in run.hits(folder / "good.wav")
    assert "good.wav" not in run.hits(folder.parent / "link" / "good.wav")


@pytest.mark.parametrize(
    "arguments", [("add", ""), ("remove", ""), ("status", "--library", "")], ids=["add", "remove", "library"]
)
def test_an_empty_name_is_not_the_present_folder(run, tunes, monkeypatch, arguments):
    monkeypatch.chdir(tunes)
    assert main(list(arguments)) == 2
    assert "An empty name was given" in run.capture.readouterr().err
    assert run.tracks() == 6


# Files that change under one's hands


def test_a_file_that_vanishes_while_others_are_listened_to_costs_only_itself(run, folder, monkeypatch):
    write_tune(folder / "vanishing.wav", 5, seconds=1.0)
    analyse = Analyzer.analyse

    def vanish(self, path, **options):
        (folder / "vanishing.wav").unlink(missing_ok=True)
        return analyse(self, path, **options)

    monkeypatch.setattr(Analyzer, "analyse", vanish)
    report = run.add(folder)
    assert (report["added"], report["failed"]) == (1, 1)
    assert "cannot be read: No such file" in run.failures()["vanishing.wav"]
    assert run.add(folder)["failed"] == 0
    assert run.failures() == {}


def test_a_file_that_changes_while_it_is_listened_to_is_listened_to_again(run, folder, monkeypatch):
    analyse = Analyzer.analyse

    def change(self, path, **options):
        entry = analyse(self, path, **options)
        write_tune(folder / "good.wav", 5, seconds=2.0)
        return entry

    with monkeypatch.context() as patch:
        patch.setattr(Analyzer, "analyse", change)
        assert run.add(folder)["added"] == 1
    report = run.add(folder)
    assert (report["added"], report["audio_seconds"]) == (1, 2.0)
    assert run.add(folder)["unchanged"] == 1


def test_a_download_that_ends_while_its_beginning_fails_is_tried_again(run, folder, monkeypatch):
    (folder / "download.wav").write_bytes(b"RIFF")
    analyse = Analyzer.analyse

    def finish(self, path, **options):
        try:
            return analyse(self, path, **options)
        finally:
            write_tune(folder / "download.wav", 5, seconds=1.0)

    with monkeypatch.context() as patch:
        patch.setattr(Analyzer, "analyse", finish)
        assert run.add(folder / "download.wav")["failed"] == 1
    assert run.add(folder / "download.wav")["added"] == 1
    assert run.failures() == {}


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")
def test_ctrl_c_ends_hours_of_listening_at_once_with_one_sentence(folder, tmp_path):
    for number in range(2):
        soundfile.write(folder / f"days {number}.wav", np.zeros(4000, np.int16), 4000)
        header = bytearray((folder / f"days {number}.wav").read_bytes()[:44])
        header[4:8] = header[40:44] = (0x7FFE0000).to_bytes(4, "little")
        with (folder / f"days {number}.wav").open("wb") as file:
            file.write(header)
            file.truncate(0x7FFE0000)  # three days of silence that take no space
    command = [sys.executable, "-m", "soundalike", "add", folder, "--jobs", "2", "--library", tmp_path / "new"]
    # A shell that starts the tests in the background has them ignore Ctrl-C, which would be handed down.
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    with subprocess.Popen(
        command, stdout=-1, stderr=-1, text=True, start_new_session=True, preexec_fn=heeded
    ) as process:
        try:
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while len(children.read_text().split()) < 3:  # two that listen, and one that Python adds
                time.sleep(0.01)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does, while they are still starting
            out, err = process.communicate(timeout=30)  # until all of them have let go of the pipe
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
    assert Answer(process.returncode, out, err.lstrip("\n")).is_one_sentence("Stopped. What was done is kept")


# Damaged libraries


@pytest.fixture
def blocks(run, folder, monkeypatch):
    """Blocks on disk, though few rows would not ask for them; gives the files of the excerpts' codes."""
    monkeypatch.setattr(embedded, "MANY", 1)
    run.add(folder)
    files = sorted((run.folder / "blocks").glob("*-excerpt/*/*.codes"))
    assert files
    return files


def flip(files: list[Path]) -> None:
    for path in files:
        path.write_bytes(bytes(byte ^ 0xFF for byte in path.read_bytes()))


DAMAGE: dict[str, Callable[[Path, list[Path]], object]] = {
    "bytes flipped": lambda _, files: flip(files),
    "one file deleted": lambda _, files: files[0].unlink(),
    "files cut": lambda _, files: [os.truncate(path, 3) for path in files],
    "meta is no JSON": lambda folder, _: [path.write_text("{") for path in folder.rglob("meta.json")],
    "folder deleted": lambda folder, _: shutil.rmtree(folder),
    "folder is a file": lambda folder, _: (shutil.rmtree(folder), folder.touch()),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_damaged_blocks_change_no_answer(run, blocks, tunes, kind):
    queries = [
        (tunes / "tune 0.wav",),
        (tunes / "tune 1.wav", "--passages"),
        ("2", "-w", "melody=1", "-w", "timbre=-1"),
    ]
    before = [run("search", *query, "--json").json for query in queries]
    DAMAGE[kind](run.folder / "blocks", blocks)
    assert [run("search", *query, "--json").json for query in queries] == before
    assert run("doctor", "--repair", "--json").code == 0
    assert [run("search", *query, "--json").json for query in queries] == before


@pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.9])
def test_a_database_damaged_in_the_middle_is_named_and_left_as_it_is(run, place):
    database = run.folder / "library.db"
    content = bytearray(database.read_bytes())
    first = int(place * len(content)) // 16384 * 16384
    content[first : first + 16384] = np.random.default_rng(0).bytes(16384)
    database.write_bytes(content)
    for command in (["search", "1"], ["status"], ["export", "--out", run.folder / "all.json"], ["doctor"]):
        answer = run(*command)
        assert answer.code == 0 or "damaged" in answer.err + answer.out, answer
        assert "Unexpected" not in answer.err + answer.out
    assert run("doctor").code == 1
    assert database.read_bytes() == bytes(content)


def test_a_damaged_ledger_costs_no_track_and_may_be_deleted(run, folder):
    (folder / "bad.wav").touch()
    run.add(folder)
    (run.folder / "ledger.db").write_bytes(b"no database at all" * 999)
    assert len(run.hits("1")) == 6
    for command in (["failures"], ["status"], ["add", folder, "--jobs", "1"]):
        assert run(*command).is_one_sentence("ledger of failures is damaged", "Delete ledger.db")
    (run.folder / "ledger.db").unlink()
    assert run.add(folder)["failed"] == 1
    assert run.tracks() == 7


def test_a_library_of_a_newer_version_is_neither_read_nor_changed(run, folder):
    with closing(sqlite3.connect(run.folder / "library.db")) as connection:
        connection.execute("PRAGMA user_version = 999")
    before = (run.folder / "library.db").read_bytes()
    for command in (["add", folder, "--jobs", "1"], ["search", "1"], ["remove", "1"], ["failures"]):
        assert run(*command).is_one_sentence("version 999", "Install a newer version")
    assert (run.folder / "library.db").read_bytes() == before


# Libraries in impossible places


def test_a_library_cannot_be_a_file(run, folder):
    answer = run("status", at=folder / "good.wav")
    assert (answer.code, answer.out) == (2, "")
    assert "is a file" in answer.err
    assert run("add", folder, at=folder / "good.wav" / "below").is_one_sentence("Not a directory", code=2)
    assert soundfile.info(folder / "good.wav").duration == 1


@pytest.mark.parametrize("command", [["search", "1"], ["status"], ["failures"], ["remove", "--missing"]], ids=" ".join)
def test_a_folder_that_is_no_library_is_not_made_one(run, folder, command):
    assert run(*command, at=folder).is_one_sentence("There is no library")
    assert os.listdir(folder) == ["good.wav"]


@POSIX
def test_a_library_that_may_not_be_written_to_is_refused_and_left_as_it_is(run, shared, tunes):
    shutil.move(run.folder, shared / "library")
    shutil.copytree(tunes, shared / "music")
    program = Program(shared / "library", run.capture)
    for path in [shared, *shared.rglob("*")]:
        path.chmod(0o555 if path.is_dir() else 0o444)
    with unprivileged():
        for command in (["search", "1"], ["status"], ["add", shared / "music", "--jobs", "1"]):
            assert program(*command).is_one_sentence("ermission", str(shared / "library"))
        answer = program("add", shared / "music", "--jobs", "1", at=shared / "new")
        assert answer.is_one_sentence("cannot live", "Permission denied", code=2)
    for path in [shared, *shared.rglob("*")]:
        path.chmod(0o777)
    assert program.tracks() == 6


def test_an_empty_library_has_no_hits_and_says_what_to_do(run, folder, tmp_path):
    (tmp_path / "nothing").mkdir()
    answer = run("add", tmp_path / "nothing", "--jobs", "1", at=tmp_path / "empty")
    assert answer.code == 0
    assert "No audio file was found" in answer.err
    assert run("search", folder / "good.wav", "--json", at=tmp_path / "empty").json["hits"] == []
    assert "soundalike add" in run("search", folder / "good.wav", at=tmp_path / "empty").err
    assert run("search", "1", at=tmp_path / "empty").is_one_sentence("neither a file nor a track")


# Absurd arguments


@pytest.mark.parametrize("field", ["artist", "album", "title", "tag", "path"])
def test_a_filter_is_never_sql(run, field):
    for value in ("x'; DROP TABLE track;--", "x' OR 1=1 --", '" OR ""="', "%", "_"):
        assert run.hits("1", "--where", f"{field}={value}") == []
    assert run.tracks() == 6


@pytest.mark.parametrize("weight", ["1e308", "-1e308", "1e-308", "5e-324"])
def test_a_weight_that_cannot_be_computed_with_is_refused(run, weight):
    for options in (["-w", f"melody={weight}"], ["-w", f"melody={weight}", "-w", "timbre=1"]):
        assert run("search", "1", *options).is_one_sentence("The weight of 'mix.melody' is", code=2)
        assert run("compare", "1", "2", *options).is_one_sentence("The weight of 'mix.melody' is", code=2)


@pytest.mark.parametrize("weight", ["1e6", "1e-6"])
def test_a_weight_of_any_sensible_size_ranks_like_a_weight_of_one(run, weight):
    assert run.hits("1", "-w", f"melody={weight}") == run.hits("1", "-w", "melody=1")


@pytest.mark.parametrize("option", [[], ["--passages"]], ids=["tracks", "passages"])
def test_any_number_of_hits_may_be_asked_for(run, option):
    assert len(run.hits("1", "-n", str(10**20), *option)) == 5


@pytest.mark.parametrize("query", ["0", "7", str(10**30), ""])
def test_an_id_that_is_not_there_is_one_sentence(run, query):
    assert run("search", query).is_one_sentence()


def test_a_list_of_files_is_split_at_line_ends_only(run, folder, tmp_path):
    odd = folder / "one\x0bname\x85.wav"
    (folder / "good.wav").rename(odd)
    (tmp_path / "list.txt").write_bytes(os.fsencode(odd) + b"\r\n\n" + os.fsencode(odd))
    assert main(["embed", "--out", str(tmp_path / "x.npz"), f"@{tmp_path / 'list.txt'}", "--jobs", "1"]) == 0
    with np.load(tmp_path / "x.npz") as file:
        assert list(file["paths"]) == [str(odd)] * 2


def test_vectors_that_could_not_be_written_are_refused_before_listening(run, folder, monkeypatch):
    monkeypatch.setattr("soundalike.workers.run_in_processes", pytest.fail)
    assert main(["embed", "--out", str(folder / "nowhere" / "x.npz"), str(folder / "good.wav")]) == 2
    assert "its folder does not exist" in run.capture.readouterr().err
