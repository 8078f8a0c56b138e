from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from conftest import write_tune
from soundalike.cli import cli, main
from soundalike.cli.shared import parse_range
from soundalike.errors import UsageError


@pytest.fixture(scope="module")
def library(tunes, tmp_path_factory):
    """The folder of a library with six tunes."""
    folder = tmp_path_factory.mktemp("cli") / "library"
    assert main(["add", str(tunes), "--jobs", "1", "--library", str(folder), "--json"]) == 0
    return folder


@pytest.fixture
def run(capsys, library):
    """Run a command on the library; gives exit code, stdout, stderr."""

    def call(*arguments: str, at: Path = library) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main([*arguments, "--library", str(at)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call


def test_add_reports_as_one_json_document(run, tunes, tmp_path):
    code, out, _ = run("add", str(tunes), "--json", "--jobs", "1", at=tmp_path / "new")
    report = json.loads(out)
    assert code == 0
    assert {key: report[key] for key in ("added", "unchanged", "moved", "failed", "silent")} == {
        "added": 6, "unchanged": 0, "moved": 0, "failed": 0, "silent": 0,
    }  # fmt: skip
    assert report["seconds"] > 0


def test_add_again_listens_to_what_has_not_changed(run, tunes, tmp_path):
    assert run("add", str(tunes), "--jobs", "1", at=tmp_path / "new")[0] == 0
    assert "0 added, 6 unchanged in" in run("add", str(tunes), "--jobs", "1", at=tmp_path / "new")[1]
    code, out, _ = run("add", str(tunes), "--again", "--jobs", "1", at=tmp_path / "new")
    assert code == 0
    assert "0 added, 6 renewed in" in out
    assert "times real time" in out


def test_a_failed_file_gives_exit_code_3_and_a_ledger_entry(run, tmp_path):
    write_tune(tmp_path / "music" / "good.wav", 1)
    (tmp_path / "music" / "bad.mp3").write_bytes(b"no audio at all" * 50)
    code, out, err = run("add", str(tmp_path / "music"), "--jobs", "1", at=tmp_path / "new")
    assert code == 3
    assert "1 added, 1 failed" in out
    assert "soundalike failures" in err
    code, out, _ = run("failures", "--json", at=tmp_path / "new")
    (entry,) = json.loads(out)["failures"]
    assert entry["path"].endswith("bad.mp3")
    assert set(entry) == {"path", "reason", "when"}


def test_search_answers_with_the_documented_fields(run, tunes):
    code, out, _ = run("search", str(tunes / "tune 0.wav"), "-w", "melody=1", "-w", "timbre=-0.5", "-n", "3", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["weights"] == {"mix.melody": 1.0, "mix.timbre": -0.5}
    assert len(document["hits"]) == 3
    for hit in document["hits"]:
        assert {"track", "path", "title", "artist", "duration", "tempo", "key", "score", "facets", "absent"} <= set(hit)
        assert {"family", "kind"} <= set(hit)
        parts = [facet["contribution"] for facet in hit["facets"].values()]
        assert sum(parts) == pytest.approx(hit["score"], abs=1e-6)
        for facet in hit["facets"].values():
            fields = {"cosine", "standardised", "percentile", "weight", "contribution", "refined"}
            assert fields <= set(facet) <= fields | {"alignment"}
        for passage in hit["passages"]:
            assert set(passage) == {"query", "track", "facet", "score"}
        assert hit["text"].endswith(".")


def test_a_file_outside_the_library_can_ask_and_a_piece_finds_its_whole(run, tunes, tmp_path):
    import soundfile

    samples, rate = soundfile.read(tunes / "tune 3.wav")
    soundfile.write(tmp_path / "piece.wav", samples[rate : 3 * rate], rate)
    code, out, _ = run("search", str(tmp_path / "piece.wav"), "--json")
    assert code == 0
    assert json.loads(out)["hits"][0]["path"].endswith("tune 3.wav")


def test_a_track_id_can_ask_and_never_finds_itself(run):
    code, out, _ = run("search", "1", "-n", "50", "--json")
    assert code == 0
    assert 1 not in {hit["track"] for hit in json.loads(out)["hits"]}


def test_passages_and_a_range_can_be_asked_for(run, tunes):
    code, out, _ = run("search", str(tunes / "tune 2.wav"), "--at", "0:01-0:03", "--passages", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["query"]["at"] == [1.0, 3.0]
    assert all(len(hit["passages"]) == 1 for hit in document["hits"])


@pytest.fixture
def tuned(tmp_path):
    """A library of longer tunes that knows how alike the notes of random tracks are."""
    from soundalike.facets import Facet
    from soundalike.library import Library
    from soundalike.scoring import FacetBackground

    with Library(tmp_path / "tuned") as opened:
        opened.add([write_tune(tmp_path / "tunes" / f"tune {seed}.wav", seed, 12.0) for seed in range(5)], jobs=1)
        random = FacetBackground.fit(np.random.default_rng(0).normal(0, 0.15, 500))
        opened.store.set_background(replace(opened.background, alignments={Facet("melody"): random}))
    return tmp_path / "tuned"


def test_the_notes_that_two_tracks_share_are_shown(run, tuned, tmp_path):
    shutil.copy(tmp_path / "tunes" / "tune 3.wav", tmp_path / "copy.wav")
    weights = ("-w", "melody=1", "-w", "timbre=0.5")
    _, out, _ = run("search", str(tmp_path / "copy.wav"), *weights, "--json", at=tuned)
    best, *rest = json.loads(out)["hits"]
    melody = best["facets"]["mix.melody"]
    assert best["path"].endswith("tune 3.wav")
    assert melody["refined"] > 0.5
    assert melody["alignment"]["transposition"] == 0
    assert melody["alignment"]["query"]["names"] == melody["alignment"]["track"]["names"]
    assert melody["alignment"]["query"]["range"] == pytest.approx(melody["alignment"]["track"]["range"], abs=0.02)
    assert melody["alignment"]["matched"] == len(melody["alignment"]["query"]["names"])
    assert any(hit["facets"]["mix.melody"]["refined"] is not None for hit in rest)
    for hit in (best, *rest):
        assert sum(facet["contribution"] for facet in hit["facets"].values()) == pytest.approx(hit["score"], abs=1e-6)
    first = " ".join(melody["alignment"]["query"]["names"][:5])
    for arguments in (
        ("search", str(tmp_path / "copy.wav")),
        ("compare", str(tmp_path / "copy.wav"), str(best["track"])),
    ):
        code, out, _ = run(*arguments, *weights, at=tuned)
        assert code == 0
        assert "notes, at 0:0" in " ".join(out.split())
        assert sum(first in " ".join(line.split()) for line in out.splitlines()) == 2


def test_people_get_a_table_with_a_sentence(run, tunes):
    code, out, err = run("search", str(tunes / "tune 0.wav"), "-n", "2")
    assert code == 0
    assert "random" in out
    assert "tune 0.wav" in err


def test_compare_with_itself_is_the_maximum_in_every_facet(run, tunes):
    file = str(tunes / "tune 1.wav")
    code, out, _ = run("compare", file, file, "--json")
    document = json.loads(out)
    assert code == 0
    assert set(document) >= {"space", "score", "facets", "passages"}
    assert all(facet["cosine"] == pytest.approx(1, abs=1e-6) for facet in document["facets"].values())


def test_compare_needs_no_library(capsys, tunes, tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))
    assert main(["compare", str(tunes / "tune 1.wav"), str(tunes / "tune 2.wav"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["score"] is not None
    assert not (tmp_path / "home").exists()


def test_compare_shows_a_table_and_a_sentence(run, tunes):
    code, out, _ = run("compare", str(tunes / "tune 1.wav"), str(tunes / "tune 2.wav"))
    assert code == 0
    assert "contribution" in out
    assert "random pairs" in " ".join(out.split())


def test_embed_is_identical_alone_in_a_batch_and_with_any_jobs(capsys, tunes, tmp_path):
    files = sorted(str(path) for path in tunes.iterdir())
    (tmp_path / "list.txt").write_text("\n".join(files))
    assert main(["embed", "--out", str(tmp_path / "one.npz"), files[2], "--jobs", "1"]) == 0
    assert main(["embed", "--out", str(tmp_path / "all.npz"), f"@{tmp_path / 'list.txt'}", "--jobs", "2"]) == 0
    with np.load(tmp_path / "one.npz") as one, np.load(tmp_path / "all.npz") as batch:
        assert list(batch["paths"]) == files
        for name in one.files:
            if name not in {"paths", "space"}:
                assert one[name][0].tobytes() == batch[name][2].tobytes()


def test_embed_names_failures_and_gives_exit_code_3(capsys, tunes, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF")
    arguments = [
        "embed",
        "--out",
        str(tmp_path / "x.npz"),
        str(tmp_path / "bad.wav"),
        str(tunes / "tune 0.wav"),
        "--json",
    ]
    assert main(arguments) == 3
    document = json.loads(capsys.readouterr().out)
    assert document["files"] == 1
    assert document["failed"][0]["path"].endswith("bad.wav")


def test_status_tells_what_the_library_holds(run):
    code, out, _ = run("status", "--json")
    document = json.loads(out)
    assert code == 0
    assert (document["tracks"], document["failures"]) == (6, 0)
    assert document["spaces"] == [document["space"]]


def test_remove_forgets_tracks_and_leaves_files(run, music, tmp_path):
    run("add", str(music), "--jobs", "1", at=tmp_path / "new")
    assert json.loads(run("remove", str(music / "tune 0.wav"), "--json", at=tmp_path / "new")[1]) == {"removed": 1}
    assert (music / "tune 0.wav").exists()
    (music / "tune 1.wav").unlink()
    assert json.loads(run("remove", "--missing", "--json", at=tmp_path / "new")[1]) == {"removed": 1}
    assert json.loads(run("remove", str(music), "--json", at=tmp_path / "new")[1]) == {"removed": 4}
    assert run("remove", str(music), at=tmp_path / "new")[0] == 2


def test_export_writes_lists_and_vectors(run, tmp_path):
    assert run("export", "--out", str(tmp_path / "all.m3u8"))[0] == 0
    assert (tmp_path / "all.m3u8").read_text().count("#EXTINF") == 6
    assert run("export", "--out", str(tmp_path / "v.npz"))[0] == 0
    with np.load(tmp_path / "v.npz") as file:
        assert file["mix.timbre"].shape[0] == 6


def test_search_writes_a_playlist(run, tunes, tmp_path):
    assert run("search", str(tunes / "tune 0.wav"), "-n", "2", "--playlist", str(tmp_path / "like.m3u8"))[0] == 0
    assert (tmp_path / "like.m3u8").read_text().count("#EXTINF") == 2


def test_doctor_finds_a_sound_library_sound(run):
    code, out, _ = run("doctor", "--json")
    findings = json.loads(out)["findings"]
    assert code == 0, findings
    assert {"soundfile", "pyav", "encoder"} <= {finding["what"] for finding in findings}


@pytest.mark.parametrize(
    "arguments",
    [
        ["search", "song.mp3", "-w", "melodie=1"],
        ["search", "1", "-w", "melody=loud"],
        ["search", "1", "-w", "drums.rhythm=1"],
        ["search", "1", "--at", "20-10"],
        ["search", "1", "--where", "tempo=fast"],
        ["search", "1", "--preset", "nothing"],
        ["export", "--out", "list.doc"],
        ["remove"],
        ["nonsense"],
    ],
)
def test_wrong_use_gives_exit_code_2_and_one_clear_sentence(run, arguments):
    code, out, err = run(*arguments)
    assert code == 2
    assert out == ""
    assert err
    assert "Traceback" not in err


def test_what_is_not_there_gives_exit_code_1_and_the_remedy(run, tmp_path):
    code, _, err = run("search", str(tmp_path / "none.wav"))
    assert (code, "neither a file nor a track" in err) == (1, True)
    code, _, err = run("status", at=tmp_path / "nowhere")
    assert (code, "There is no library" in err) == (1, True)
    code, _, err = run("add", str(tmp_path / "nowhere"), at=tmp_path / "new")
    assert (code, "does not exist" in err) == (1, True)


def test_a_silent_query_is_refused(run, tmp_path):
    import soundfile

    soundfile.write(tmp_path / "silence.wav", np.zeros(44100), 44100)
    code, _, err = run("search", str(tmp_path / "silence.wav"))
    assert code == 2
    assert "silent" in err


def test_surprises_are_one_sentence_and_no_traceback(run, monkeypatch):
    def broken(*_):
        raise RuntimeError("the sky fell")

    monkeypatch.setattr("soundalike.library.Library.status", broken)
    code, _, err = run("status")
    assert code == 1
    assert err.count("\n") == 1
    assert "the sky fell" in err


def test_every_command_has_help_with_an_example_or_no_arguments():
    for name, command in cli.commands.items():
        result = CliRunner().invoke(cli, [name, "--help"])
        assert result.exit_code == 0
        assert command.help
        if any(parameter.param_type_name == "argument" for parameter in command.params):
            assert "Example" in result.output, name


def test_completion_is_printed_for_each_shell():
    for shell in ("bash", "zsh", "fish"):
        assert "_SOUNDALIKE_COMPLETE" in CliRunner().invoke(cli, ["completion", shell]).output


def test_the_module_runs_as_a_program(library):
    result = subprocess.run(
        [sys.executable, "-m", "soundalike", "status", "--library", str(library), "--json"],
        capture_output=True, text=True, check=True, env={**os.environ},
    )  # fmt: skip
    assert json.loads(result.stdout)["tracks"] == 6


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1:05-1:20", (65, 80)),
        ("65-80", (65, 80)),
        ("1:00:00-", (3600, None)),
        ("-5.5", (0, 5.5)),
        ("1:05–1:20", (65, 80)),
    ],
)
def test_ranges_of_time_are_read(text, seconds):
    assert parse_range(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "a-b", "9-9", "--", "nan-3"])
def test_other_ranges_are_refused(text):
    with pytest.raises(UsageError, match=r"1:05-1:20"):
        parse_range(text)
