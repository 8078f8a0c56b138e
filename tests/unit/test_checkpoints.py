"""Reading: what is taken from a file, and what is never run."""

from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

from checkpoint_hub import tiny_tensors, write_torch  # noqa: E402
from soundalike.checkpoints import (  # noqa: E402
    checkpoint,
    checkpoints,
    fingerprint,
    locate,
    read_document,
    read_json,
    read_metadata,
    read_tensors,
)
from soundalike.checkpoints.table import costs, read_table  # noqa: E402
from soundalike.errors import CheckpointError, MissingExtraError, UnknownNameError  # noqa: E402


class Malicious:
    """A pickle of it would write a file."""

    def __init__(self, path) -> None:
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("zipped", [True, False])
@pytest.mark.parametrize("place", ["state_dict", "model", "state", None])
def test_only_tensors_are_taken_from_a_torch_file_and_module_is_cut_off(tmp_path, zipped, place):
    state = {f"module.{name}": tensor for name, tensor in tiny_tensors().items()}
    document = {place: state, "epoch": 3, "lr": np.float64(0.1)} if place else {**state, "epoch": 3}
    torch.save(document, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    found = read_tensors(tmp_path / "x.pt")
    assert fingerprint(found) == fingerprint(tiny_tensors())


def test_a_prefix_that_some_names_lack_stays(tmp_path):
    torch.save({"module.a": torch.ones(1), "b": torch.ones(1)}, tmp_path / "x.bin")
    assert sorted(read_tensors(tmp_path / "x.bin")) == ["b", "module.a"]


def test_a_document_keeps_numbers_and_texts(tmp_path):
    write_torch(tmp_path / "x.pt")
    document = read_document(tmp_path / "x.pt")
    assert (document["epoch"], document["best"], document["name"]) == (3, 0.5, "tiny")


def test_a_number_of_numpy_1_is_plain_data(tmp_path):
    torch.save({"a": torch.ones(1), "best": np.float64(0.5)}, tmp_path / "x.pt", _use_new_zipfile_serialization=False)
    written = (tmp_path / "x.pt").read_bytes()
    assert b"numpy._core.multiarray" in written
    (tmp_path / "x.pt").write_bytes(written.replace(b"numpy._core.multiarray", b"numpy.core.multiarray"))
    assert read_document(tmp_path / "x.pt")["best"] == 0.5


@pytest.mark.parametrize("written", ["torch", "torch before 1.6", "pickle 2", "pickle 5"])
def test_code_in_a_checkpoint_is_named_and_never_run(tmp_path, written):
    trap = tmp_path / "trap"
    document = {"a": torch.ones(1), "b": Malicious(trap)} if "torch" in written else {"b": Malicious(trap)}
    path = tmp_path / "x.ckpt"
    if "torch" in written:
        torch.save(document, path, _use_new_zipfile_serialization=written == "torch")
    else:
        path.write_bytes(pickle.dumps(document, protocol=int(written[-1])))
    # No released checkpoint is of protocol 5, which the restricted reader does not even begin to read.
    said = "no checkpoint" if written == "pickle 5" else r"holds more than tensors \(\w+\.system\) and is not opened"
    with pytest.raises(CheckpointError, match=said):
        read_tensors(path)
    assert not trap.exists()


@pytest.mark.parametrize("held", [torch.nn.Linear(2, 2), np.ones(3)])
def test_whatever_is_no_tensor_or_plain_data_is_refused(tmp_path, held):
    torch.save({"a": torch.ones(1), "held": held}, tmp_path / "x.pth")
    with pytest.raises(CheckpointError, match=r"holds more than tensors \(.*\) and is not opened"):
        read_tensors(tmp_path / "x.pth")


@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_file_cut_short_is_refused(tmp_path, name, share):
    if name == "x.pt":
        whole = write_torch(tmp_path / name)
    else:
        safetensors_torch.save_file(tiny_tensors(), tmp_path / name)
        whole = (tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(whole[: max(1, int(len(whole) * share))])
    with pytest.raises(CheckpointError, match="cut short"):
        read_tensors(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\n", "Git LFS"),
        (b"\n<!DOCTYPE html><html></html>", "web page"),
        (b"", "empty"),
        (b"\x80\x02}q\x00.", "holds no tensors|damaged"),
        (b"nonsense", "damaged"),
    ],
)
@pytest.mark.parametrize("name", ["x.pt", "x.safetensors"])
def test_what_a_failed_download_leaves_behind_is_refused_by_its_kind(tmp_path, name, content, said):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CheckpointError, match=said):
        read_tensors(tmp_path / name)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "x.npz").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="is no checkpoint"):
        read_tensors(tmp_path / "x.npz")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CheckpointError, match=r"x\.safetensors"):
        read_tensors(tmp_path / "x.safetensors")


def test_a_folder_gives_safetensors_before_torch_files(tmp_path):
    write_torch(tmp_path / "pytorch_model.bin", seed=1)
    assert fingerprint(read_tensors(tmp_path)) == fingerprint(tiny_tensors(1))
    safetensors_torch.save_file(tiny_tensors(0), tmp_path / "model.safetensors")
    assert fingerprint(read_tensors(tmp_path)) == fingerprint(tiny_tensors(0))


def test_a_folder_with_one_file_of_another_name_gives_that(tmp_path):
    write_torch(tmp_path / "best.pt")
    (tmp_path / "config.json").write_text("{}")
    assert fingerprint(read_tensors(tmp_path)) == fingerprint(tiny_tensors())


def test_a_folder_with_several_candidates_or_none_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="holds no checkpoint"):
        read_tensors(tmp_path)
    write_torch(tmp_path / "one.pt")
    write_torch(tmp_path / "two.pt")
    with pytest.raises(CheckpointError, match=r"one\.pt, two\.pt"):
        read_tensors(tmp_path)


def write_parts(folder, places):
    for name, tensor in tiny_tensors().items():
        safetensors_torch.save_file({name: tensor}, folder / f"{name[0]}.safetensors")
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))


def test_tensors_in_several_files_are_put_together(tmp_path):
    write_parts(tmp_path, {"a.weight": "a.safetensors", "b.weight": "b.safetensors"})
    assert fingerprint(read_tensors(tmp_path)) == fingerprint(tiny_tensors())


@pytest.mark.parametrize(
    "places",
    [
        {"a.weight": "../a.safetensors"},
        {"a.weight": "a.safetensors"} | {"c.weight": "b.safetensors"},
        {"a.weight": "a.safetensors", "b.weight": "gone.safetensors"},
        {"a.weight": 3},
        [],
    ],
)
def test_an_index_that_does_not_fit_its_files_is_refused(tmp_path, places):
    write_parts(tmp_path, places)
    with pytest.raises(CheckpointError):
        read_tensors(tmp_path)


def test_the_metadata_of_safetensors_are_read(tmp_path):
    safetensors_torch.save_file(tiny_tensors(), tmp_path / "x.safetensors", {"klass": "Some"})
    assert read_metadata(tmp_path / "x.safetensors") == {"klass": "Some"}
    (tmp_path / "x.safetensors").write_bytes(b"nonsense")
    with pytest.raises(CheckpointError, match="damaged"):
        read_metadata(tmp_path / "x.safetensors")


@pytest.mark.parametrize(
    ("content", "said"), [(None, "has no config.json"), ("{", "no JSON"), ("[]", "no JSON object")]
)
def test_a_configuration_that_cannot_be_read_is_refused(tmp_path, content, said):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(CheckpointError, match=said):
        read_json(tmp_path, "config.json")


def test_a_fingerprint_tells_names_types_shapes_and_values_apart():
    given = {"a": torch.zeros(4)}
    others = [{"b": torch.zeros(4)}, {"a": torch.zeros(2, 2)}, {"a": torch.zeros(4).half()}, {"a": torch.ones(4)}]
    assert len({fingerprint(tensors) for tensors in (given, *others)}) == 5
    assert fingerprint({"b": torch.zeros(()), **given}) == fingerprint({**given, "b": torch.zeros(())})
    assert fingerprint({"a": torch.zeros(2, 4).T}) == fingerprint({"a": torch.zeros(4, 2)})
    assert fingerprint({"a": torch.ones(3, dtype=torch.bfloat16)}) != fingerprint({"a": torch.ones(3).half()})


def test_a_given_path_must_be_there_and_is_taken_as_it_is(tmp_path):
    assert locate("mert-95m", tmp_path) == tmp_path
    with pytest.raises(CheckpointError, match="no checkpoint at"):
        locate("mert-95m", tmp_path / "gone")


def test_a_checkpoint_that_is_not_here_comes_with_the_command_that_gets_it(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    with pytest.raises(
        CheckpointError, match=r"mert-95m --accept-licence' \(378 MB, licence CC-BY-NC-4.0\).*--checkpoint"
    ):
        locate("mert-95m")
    (tmp_path / "checkpoints" / "mert-95m").mkdir(parents=True)
    with pytest.raises(CheckpointError, match="not here"):
        locate("mert-95m")
    (tmp_path / "checkpoints" / "mert-95m" / "model.safetensors").touch()
    assert locate("mert-95m") == tmp_path / "checkpoints" / "mert-95m"


def test_another_checkpoint_for_the_same_part_serves_where_its_own_is_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    for name in ("clap-unfused", "clap"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
        (tmp_path / "checkpoints" / name / "model.safetensors").touch()
        assert locate("clap").name == name


def test_without_the_extra_there_is_one_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    write_torch(tmp_path / "x.pt")
    (tmp_path / "x.safetensors").write_bytes(b"x")
    for read in (read_tensors, read_document):
        with pytest.raises(MissingExtraError, match=r"soundalike\[models\]"):
            read(tmp_path / "x.pt")
    with pytest.raises(MissingExtraError):
        read_metadata(tmp_path / "x.safetensors")


def test_importing_it_is_light():
    heavy = "[m for m in ('torch', 'numpy', 'safetensors', 'huggingface_hub', 'urllib.request') if m in sys.modules]"
    code = f"import sys, soundalike.checkpoints; print({heavy})"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_every_row_says_where_from_and_under_which_licence():
    assert {"mert-95m", "mert-330m", "merit", "clap", "clap-music", "muq", "muq-mulan"} <= checkpoints().keys()
    for row in checkpoints().values():
        assert row.licence
        assert row.licence_note
        assert len({file.place for file in row.files}) == len(row.files)
        assert not (row.confirmed and not all(file.sha256 for file in row.files)), "a hash that is not known"
        if "NC" in row.licence or row.licence == "unknown":
            assert not row.commercial
    assert set(costs()) <= checkpoints().keys()


def test_an_unknown_name_gets_a_suggestion():
    with pytest.raises(UnknownNameError, match="Did you mean 'mert-95m'"):
        checkpoint("mert-95")


ROW = """
[x]
kind = "encoder"
gives = "nothing"
repository = "a/b"
revision = "0123456789abcdef0123456789abcdef01234567"
licence = "MIT"
commercial = true
licence_note = ""
megabytes = 1
confirmed = true
files = [{ name = "model.safetensors" }]
"""


def test_a_row_fills_in_what_is_the_same_for_all_its_files(tmp_path):
    (tmp_path / "t.toml").write_text(ROW)
    row = read_table(tmp_path / "t.toml")["x"]
    assert (row.name, row.part) == ("x", "x")
    assert (row.files[0].repository, row.files[0].place, row.files[0].sha256) == ("a/b", "model.safetensors", "")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("megabytes = 1", 'megabytes = "1"'),
        ("megabytes = 1", "gigabytes = 1"),
        ("megabytes = 1", "megabytes = 1\nextra = 1"),
        ("commercial = true", "commercial = 1"),
        ('kind = "encoder"', 'kind = "model"'),
        ('{ name = "model.safetensors" }', ""),
        ('name = "model.safetensors"', 'name = "m.bin", colour = "red"'),
        ('name = "model.safetensors"', 'name = "m.bin", place = "../../m.bin"'),
        ('name = "model.safetensors"', 'name = "m.bin", sha256 = "xyz"'),
        ('repository = "a/b"', 'repository = "https://a/b"'),
        ("0123456789abcdef0123456789abcdef01234567", "main"),
    ],
)
def test_a_row_with_anything_unheard_of_is_refused(tmp_path, old, new):
    assert old in ROW
    (tmp_path / "t.toml").write_text(ROW.replace(old, new))
    with pytest.raises(CheckpointError):
        read_table(tmp_path / "t.toml")
