"""Getting checkpoints: whole and right, or not at all."""

from __future__ import annotations

import hashlib
import json
import stat

import pytest

pytest.importorskip("torch")
pytest.importorskip("safetensors")

import checkpoint_hub as hubs
from soundalike.checkpoints import download as downloads
from soundalike.checkpoints import fingerprint, is_here, locate, read_metadata, read_tensors, table
from soundalike.checkpoints.inspection import inspect
from soundalike.checkpoints.install import fetch, import_checkpoint, read_manifest, remove
from soundalike.errors import CheckpointError, LicenceError, MissingExtraError, StoreLockedError
from soundalike.locks import locked

CONFIG = b'{"hidden": 3}'


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def files(tmp_path):
    """What "someone" released."""
    torch_file = hubs.write_torch(tmp_path / "made" / "pytorch_model.bin")
    head = hubs.write_torch(tmp_path / "made" / "head.pt", seed=1)
    return {
        "tiny": {"config.json": CONFIG, "pytorch_model.bin": torch_file},
        "strict": {"config.json": CONFIG, "pytorch_model.bin": torch_file},
        "unknown": {"config.json": CONFIG, "pytorch_model.bin": torch_file},
        "heads": {"one/best.pt": head, "two/best.pt": torch_file},
    }


@pytest.fixture
def rows(files, tmp_path, monkeypatch):
    """A table of those releases in place of the real one."""
    text = "".join(
        hubs.row(
            name,
            released,
            kind="heads" if name == "heads" else "encoder",
            commercial=name != "strict",
            known=name != "unknown",
        )
        for name, released in files.items()
    )
    (tmp_path / "table.toml").write_text(text)
    monkeypatch.setattr(table, "TABLE", tmp_path / "table.toml")
    table.checkpoints.cache_clear()
    yield
    monkeypatch.undo()
    table.checkpoints.cache_clear()


@pytest.fixture
def hub(files, rows, home, monkeypatch):
    server = hubs.Hub()
    server.files = {f"someone/{name}/{file}": body for name, group in files.items() for file, body in group.items()}
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_TOKEN", "secret")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    yield server
    server.close()


@pytest.mark.parametrize("large", [True, False])
def test_a_checkpoint_is_fetched_converted_and_described(hub, home, files, large):
    hub.large = large
    seen = []
    folder = fetch("tiny", progress=lambda *state: seen.append(state))
    assert folder == home / "checkpoints" / "tiny" == locate("tiny")
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "manifest.json", "model.safetensors"]
    assert fingerprint(read_tensors(folder)) == fingerprint(hubs.tiny_tensors())
    source = files["tiny"]["pytorch_model.bin"]
    sha256 = hashlib.sha256(source).hexdigest()
    assert read_metadata(folder / "model.safetensors") == {
        "format": "pt",
        "licence": "MIT",
        "source_repository": "someone/tiny",
        "source_name": "pytorch_model.bin",
        "source_commit": hubs.COMMIT,
        "source_sha256": sha256,
    }
    manifest = read_manifest(folder)
    assert (manifest["name"], manifest["revision"], manifest["licence"]) == ("tiny", hubs.REVISION, "MIT")
    noted = manifest["files"]["model.safetensors"]
    assert noted["source"]["sha256"] == sha256
    assert noted["sha256"] == hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    assert seen[-1] == ("pytorch_model.bin", len(source), len(source))
    assert [path.name for path in folder.parent.iterdir() if path.suffix != ".lock"] == ["tiny"]


def test_nothing_is_sent_but_the_address(hub):
    fetch("tiny")
    sent = {header.lower() for headers in hub.headers for header in headers}
    assert sent <= {"host", "user-agent", "accept-encoding", "connection", "range"}
    assert not any("secret" in str(headers) for headers in hub.headers)


def test_what_is_here_is_not_fetched_again(hub):
    fetch("tiny")
    asked = len(hub.headers)
    fetch("tiny")
    assert len(hub.headers) == asked


def test_another_revision_in_the_table_is_fetched_anew(hub, home):
    manifest = home / "checkpoints" / "tiny" / "manifest.json"
    fetch("tiny")
    manifest.write_text(manifest.read_text().replace(hubs.REVISION, "f" * 40))
    fetch("tiny")
    assert hubs.REVISION in manifest.read_text()


def test_a_renamed_repository_is_followed(hub):
    hub.moved = "someone/tiny"
    hub.files = {name.replace("someone/", "somebody/"): content for name, content in hub.files.items()}
    assert is_here(fetch("tiny").name)


def test_a_download_that_breaks_off_is_taken_up_where_it_stopped(hub, files):
    size = len(files["tiny"]["pytorch_model.bin"])
    hub.break_after = [len(CONFIG), 1000, size // 2]
    fetch("tiny")
    assert hub.ranges == [None, None, "bytes=1000-", f"bytes={1000 + size // 2}-"]
    assert fingerprint(read_tensors(locate("tiny"))) == fingerprint(hubs.tiny_tensors())


def test_an_interrupted_command_goes_on_next_time(hub):
    class Interrupted(KeyboardInterrupt):
        pass

    def stop(file, done, total):
        if file == "pytorch_model.bin":
            raise Interrupted

    hub.break_after = [len(CONFIG), 1000]
    with pytest.raises(Interrupted):
        fetch("tiny", progress=stop)
    assert not is_here("tiny")
    hub.ranges.clear()
    fetch("tiny")
    assert hub.ranges == ["bytes=1000-"], "the configuration is there, and the network's first bytes are"


def test_bytes_of_another_version_are_not_added_to(hub, home):
    unfinished = home / "checkpoints" / ".tiny.unfinished"
    unfinished.mkdir(parents=True)
    (unfinished / "pytorch_model.bin.part").write_bytes(b"old" * 100)
    (unfinished / "pytorch_model.bin.etag").write_text("old")
    fetch("tiny")
    assert hub.ranges == [None, None]


@pytest.mark.parametrize("large", [True, False])
@pytest.mark.parametrize("name", ["tiny", "unknown"])
def test_a_body_with_a_wrong_byte_never_becomes_a_checkpoint(hub, home, name, large):
    hub.large, hub.corrupt = large, True
    with pytest.raises(CheckpointError, match="came damaged or is not the released one"):
        fetch(name)
    assert not is_here(name)
    hub.corrupt = False
    assert is_here(fetch(name).name)


def test_another_file_than_the_released_one_is_refused_before_it_is_fetched(hub):
    hub.files["someone/tiny/pytorch_model.bin"] = b"something else"
    with pytest.raises(CheckpointError, match=r"another pytorch_model\.bin"):
        fetch("tiny")
    assert len(hub.ranges) == 1, "only the configuration was fetched"


def test_code_in_a_fetched_file_never_becomes_a_checkpoint(hub, tmp_path):
    import torch

    torch.save({"a": torch.ones(1), "b": torch.nn.Linear(1, 1)}, tmp_path / "bad.bin")
    hub.files["someone/unknown/pytorch_model.bin"] = (tmp_path / "bad.bin").read_bytes()
    with pytest.raises(CheckpointError, match="more than tensors"):
        fetch("unknown")
    assert not is_here("unknown")


def test_a_configuration_that_is_a_web_page_never_becomes_a_checkpoint(hub):
    hub.files["someone/unknown/config.json"] = b"<html>please log in</html>"
    with pytest.raises(CheckpointError, match="no JSON"):
        fetch("unknown")
    assert not is_here("unknown")


def test_a_file_that_the_hub_has_not_is_named(hub):
    del hub.files["someone/tiny/pytorch_model.bin"]
    with pytest.raises(CheckpointError, match=r"answers 404 .*pytorch_model\.bin"):
        fetch("tiny")


def test_a_passing_complaint_of_the_hub_is_waited_out(hub):
    hub.statuses = [503]
    assert is_here(fetch("tiny").name)


def test_without_a_network_the_sentence_says_what_else_can_be_done(rows, home, monkeypatch):
    monkeypatch.setattr(downloads, "PAUSE", 0.0)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(CheckpointError, match=r"cannot be reached: .*soundalike models import"):
        fetch("tiny")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(CheckpointError, match=r"HF_HUB_OFFLINE is set.*soundalike models import"):
        fetch("tiny")


def test_whatever_else_answers_is_not_taken_for_the_hub(hub, monkeypatch):
    monkeypatch.setattr(hubs, "COMMIT", "")
    with pytest.raises(CheckpointError, match="is not the hub"):
        fetch("tiny")


def test_a_licence_against_commercial_use_is_accepted_once(hub, home):
    with pytest.raises(LicenceError, match=r"CC-BY-NC-4\.0.*--accept-licence"):
        fetch("strict")
    assert hub.headers == []
    fetch("strict", accepted=True)
    assert json.loads((home / "licences.json").read_text())["strict"]["licence"] == "CC-BY-NC-4.0"
    remove("strict")
    fetch("strict")


@pytest.mark.parametrize("content", ["{", "[]", '{"strict": 3}', '{"strict": {"licence": "MIT"}}'])
def test_an_acceptance_that_cannot_be_read_or_is_of_another_licence_counts_for_nothing(rows, home, content):
    home.mkdir()
    (home / "licences.json").write_text(content)
    with pytest.raises(LicenceError):
        fetch("strict")


def test_heads_stay_the_documents_that_they_are(hub, files):
    folder = fetch("heads")
    assert (folder / "one" / "best.pt").read_bytes() == files["heads"]["one/best.pt"]
    assert (folder / "two" / "best.pt").read_bytes() == files["heads"]["two/best.pt"]


def test_two_processes_do_not_fetch_into_one_folder(hub, home):
    (home / "checkpoints").mkdir(parents=True)
    with locked(home / "checkpoints" / ".tiny.lock", patience=0), pytest.raises(StoreLockedError):
        fetch("tiny")


def test_without_the_extra_nothing_is_fetched(hub, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError):
        fetch("tiny")
    assert hub.headers == []


def test_too_little_space_is_told_before_the_download(hub, monkeypatch):
    monkeypatch.setattr("shutil.disk_usage", lambda path: type("Usage", (), {"free": 10}))
    with pytest.raises(CheckpointError, match="too little space"):
        fetch("tiny")
    assert hub.headers == []


def test_a_folder_that_cannot_be_written_to_is_one_sentence(rows, home):
    home.mkdir()
    (home / "checkpoints").write_text("in the way")
    with pytest.raises(CheckpointError, match="cannot be written to"):
        fetch("tiny")


def test_a_full_disk_is_one_sentence(hub, monkeypatch):
    from safetensors import SafetensorError

    def fail(*arguments):
        raise SafetensorError("No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", fail)
    with pytest.raises(CheckpointError, match="cannot be written to: No space left on device"):
        fetch("tiny")
    assert not is_here("tiny")


@pytest.fixture
def released(files, tmp_path):
    """The files of "tiny" in a folder, as somebody carried them here."""
    folder = tmp_path / "released"
    folder.mkdir()
    for name, content in files["tiny"].items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("given", [".", "pytorch_model.bin"])
def test_a_checkpoint_is_imported_from_a_folder_or_its_file(rows, home, released, given):
    folder = import_checkpoint("tiny", released / given)
    assert fingerprint(read_tensors(folder)) == fingerprint(hubs.tiny_tensors())
    assert {report.verdict for report in inspect("tiny").files} == {"released"}
    assert stat.S_IMODE((folder / "model.safetensors").stat().st_mode) == 0o644


def test_an_import_replaces_what_was_there(rows, home, released):
    import_checkpoint("tiny", released)
    (home / "checkpoints" / "tiny" / "old").touch()
    import_checkpoint("tiny", released)
    assert not (home / "checkpoints" / "tiny" / "old").exists()


def test_a_conversion_is_imported_but_not_called_the_released_file(rows, home, released, tmp_path):
    converted = import_checkpoint("tiny", released)
    other = tmp_path / "converted"
    converted.rename(other)
    (other / "manifest.json").unlink()
    import_checkpoint("tiny", other)
    verdicts = {report.file: report.verdict for report in inspect("tiny").files}
    assert verdicts == {"config.json": "released", "model.safetensors": "unchanged"}


def test_an_incomplete_or_other_checkpoint_is_not_imported(rows, home, released):
    with pytest.raises(CheckpointError, match="nothing at"):
        import_checkpoint("tiny", released / "gone")
    (released / "config.json").write_bytes(b"{}")
    with pytest.raises(CheckpointError, match=r"is not the released config\.json"):
        import_checkpoint("tiny", released)
    (released / "config.json").unlink()
    with pytest.raises(CheckpointError, match=r"lacks config\.json"):
        import_checkpoint("tiny", released)
    assert not is_here("tiny")


def test_files_of_one_name_are_not_mistaken_for_each_other(rows, home, files, tmp_path):
    (tmp_path / "best.pt").write_bytes(files["heads"]["one/best.pt"])
    with pytest.raises(CheckpointError, match=r"lacks one/best\.pt"):
        import_checkpoint("heads", tmp_path)


def test_removing_leaves_nothing_and_says_whether_there_was_anything(hub, home):
    fetch("tiny")
    assert remove("tiny")
    assert not remove("tiny")
    assert not is_here("tiny")


def test_an_inspection_tells_a_changed_file(rows, home, released):
    folder = import_checkpoint("tiny", released)
    found = inspect("tiny")
    assert found.sound
    assert found.fingerprint == fingerprint(hubs.tiny_tensors())
    assert [(tensor.name, tensor.shape) for tensor in found.tensors] == [("a.weight", (4, 3)), ("b.weight", (4, 3))]
    assert found.parameters == 24
    (folder / "config.json").write_text("{}")
    assert not inspect("tiny").sound


def test_an_inspection_of_several_networks_keeps_them_apart(hub):
    fetch("heads")
    names = [tensor.name for tensor in inspect("heads").tensors]
    assert names[0] == "one/best.pt:a.weight"
    assert len(names) == 4


def test_an_inspection_tells_files_of_one_name_apart_by_their_place(home, tmp_path, monkeypatch):
    inner = b'{"inner": 1}'
    row = hubs.row("tiny", {"config.json": CONFIG, "model.safetensors": b""})
    sha256 = hashlib.sha256(inner).hexdigest()
    text = row.replace("}]", f'}}, {{ name = "config.json", place = "inner/config.json", sha256 = "{sha256}" }}]')
    (tmp_path / "table.toml").write_text(text)
    monkeypatch.setattr(table, "checkpoints", lambda: table.read_table(tmp_path / "table.toml"))
    monkeypatch.setattr("soundalike.checkpoints.places.checkpoints", table.checkpoints)
    hubs.write_torch(tmp_path / "given" / "model.bin")
    (tmp_path / "given" / "inner").mkdir()
    (tmp_path / "given" / "config.json").write_bytes(CONFIG)
    (tmp_path / "given" / "inner" / "config.json").write_bytes(inner)
    verdicts = {report.file: report.verdict for report in inspect("tiny", tmp_path / "given").files}
    assert verdicts == {"config.json": "released", "inner/config.json": "released", "model.bin": "unknown"}


def test_an_inspection_of_a_file_somewhere_compares_it_with_the_release(rows, home, released):
    (report,) = inspect("tiny", released / "pytorch_model.bin").files
    assert report.verdict == "released"
    hubs.write_torch(released / "pytorch_model.bin", seed=5)
    assert inspect("tiny", released / "pytorch_model.bin").files[0].verdict == "differs"
    (report,) = inspect("unknown", released / "pytorch_model.bin").files
    assert report.verdict == "unknown"
