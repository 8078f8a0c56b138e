from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import checkpoint_hub as hubs
from soundalike.checkpoints import read_tensors, table
from soundalike.cli import main
from soundalike.encoders import ENCODERS
from soundalike.errors import CheckpointError
from soundalike.heads import HEADS
from soundalike.separators import SEPARATORS

CONFIG = b"{}"


def load_tiny(checkpoint):
    """An encoder that takes exactly what a tiny checkpoint holds."""
    if sorted(read_tensors(checkpoint)) != ["a.weight", "b.weight"]:
        raise CheckpointError("This is no checkpoint of tiny.", "Use the released files.")
    return SimpleNamespace(name="tiny@1")


def test_every_row_is_for_a_part_that_there_is():
    tables = {"encoder": ENCODERS, "separator": SEPARATORS, "heads": HEADS}
    assert all(row.part in tables[row.kind] for row in table.read_table(table.TABLE).values())


@pytest.fixture
def released(tmp_path):
    folder = tmp_path / "released"
    hubs.write_torch(folder / "pytorch_model.bin")
    (folder / "config.json").write_bytes(CONFIG)
    return folder


@pytest.fixture
def run(tmp_path, released, monkeypatch, capsys):
    files = {name: (released / name).read_bytes() for name in ("config.json", "pytorch_model.bin")}
    text = hubs.row("tiny", files) + hubs.row("strict", files, commercial=False) + hubs.row("odd", files, known=False)
    (tmp_path / "table.toml").write_text(text)
    monkeypatch.setattr(table, "TABLE", tmp_path / "table.toml")
    monkeypatch.setattr(table, "COSTS", tmp_path / "costs.json")
    (tmp_path / "costs.json").write_text('{"tiny": {"cpu_s_per_minute": 11.4, "memory_mb": 900}}')
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))
    encoders = dict.fromkeys(("tiny", "strict", "odd"), "test_models_command:load_tiny")
    monkeypatch.setattr("soundalike.encoders.ENCODERS", encoders)
    table.checkpoints.cache_clear()

    def call(*arguments: object) -> tuple[int, str, str]:
        capsys.readouterr()
        code = main(["models", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    yield call
    monkeypatch.undo()
    table.checkpoints.cache_clear()


def test_the_list_says_licence_size_and_what_is_here(run, released):
    code, out, _ = run()
    assert code == 0
    lines = {line.split()[0]: line for line in out.splitlines()}
    assert "CC-BY-NC-4.0, not commercial" in lines["strict"]
    assert "1 MB" in lines["tiny"]
    assert "here" not in lines["tiny"]
    run("import", "tiny", released)
    assert "here" in run()[1].splitlines()[1]


def test_the_list_as_json_is_one_document(run):
    code, out, err = run("--json")
    rows = {row["name"]: row for row in json.loads(out)["checkpoints"]}
    assert (code, err) == (0, "")
    assert rows["tiny"]["commercial"] is True
    assert rows["strict"]["accepted"] is False
    assert rows["tiny"]["cost"] == {"cpu_s_per_minute": 11.4, "memory_mb": 900}
    assert rows["strict"]["cost"] is None
    assert rows["tiny"]["here"] is False


def test_json_before_the_command_is_refused(run):
    code, out, err = run("--json", "remove", "tiny")
    assert (code, out) == (2, "")
    assert "after 'remove'" in err


def test_a_checkpoint_is_got_from_the_hub(run, released, monkeypatch):
    hub = hubs.Hub()
    try:
        hub.files = {f"someone/tiny/{path.name}": path.read_bytes() for path in released.iterdir()}
        monkeypatch.setenv("HF_ENDPOINT", hub.url)
        for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", "HF_HUB_OFFLINE"):
            monkeypatch.delenv(variable, raising=False)
        code, out, _ = run("get", "tiny", "--json")
        assert code == 0
        assert json.loads(out)["manifest"]["revision"] == hubs.REVISION
        code, out, err = run("get", "tiny")
        assert (code, out) == (0, "")
        assert "is here already" in err
    finally:
        hub.close()


@pytest.mark.parametrize("action", ["get", "import"])
def test_a_licence_that_was_not_accepted_is_wrong_use(run, released, action):
    code, out, err = run(action, "strict", *([released] if action == "import" else []))
    assert (code, out) == (2, "")
    assert "CC-BY-NC-4.0" in err
    assert "--accept-licence" in err
    assert run("import", "strict", released, "--accept-licence")[0] == 0


def test_verifying_tells_what_it_read_and_what_nobody_knows(run, released):
    run("import", "tiny", released)
    code, out, err = run("verify", "tiny")
    assert code == 0
    assert "the released file" in out
    assert "loads as  tiny@1" in out
    assert "a.weight  float32 4 x 3  norm" in out
    assert "not yet verified on released weights here" in err
    code, out, _ = run("verify", "tiny", "--json")
    found = json.loads(out)
    assert (found["loads_as"], found["sound"], found["verified_here"]) == (["tiny@1"], True, False)
    assert [tensor["name"] for tensor in found["tensors"]] == ["a.weight", "b.weight"]


def test_verifying_a_file_that_is_not_the_released_one_fails(run, released):
    hubs.write_torch(released / "pytorch_model.bin", seed=7)
    code, out, _ = run("verify", "tiny", "--checkpoint", released)
    assert code == 1
    assert "ANOTHER FILE" in out
    code, out, _ = run("verify", "odd", "--checkpoint", released)
    assert code == 0
    assert "no hash is known" in out


def test_verifying_what_its_network_does_not_take_fails(run, released):
    import torch

    torch.save({"c": torch.ones(1)}, released / "pytorch_model.bin")
    code, out, err = run("verify", "odd", "--checkpoint", released)
    assert (code, out) == (1, "")
    assert "no checkpoint of tiny" in err


def test_removing_says_whether_there_was_anything(run, released):
    run("import", "tiny", released)
    assert json.loads(run("remove", "tiny", "--json")[1]) == {"name": "tiny", "removed": True}
    assert "was not here" in run("remove", "tiny")[2]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["get", "nonsense"], 2),
        (["get", ""], 2),
        (["verify", "tiny"], 1),
        (["verify", "tiny", "--checkpoint", "gone"], 1),
        (["import", "tiny", "gone"], 1),
        (["remove", "../tiny"], 2),
    ],
)
def test_what_cannot_be_done_is_one_sentence(run, arguments, code):
    done, out, err = run(*arguments)
    assert (done, out) == (code, "")
    assert err.startswith("soundalike: ")
    assert err.count("\n") == 1
    assert "Unexpected" not in err


@pytest.mark.parametrize(
    "arguments", [["get", "tiny"], ["import", "tiny", "."], ["verify", "tiny", "--checkpoint", "."]]
)
def test_without_the_extra_there_is_one_sentence(run, released, monkeypatch, arguments):
    monkeypatch.chdir(released)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    code, out, err = run(*arguments)
    assert (code, out) == (1, "")
    assert err.count("\n") == 1
    assert "soundalike[models]" in err
