"""Rules of the heads identity and merit, and of heads in a folder."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("safetensors")

from soundalike.cli import main
from soundalike.encoders import ENCODERS
from soundalike.errors import CheckpointError, ShapeError, UsageError
from soundalike.facets import FACTORS
from soundalike.heads import DEFAULT_HEADS, HEADS, Head, load_background, load_heads
from soundalike.heads.merit_files import doubts, merit_file, read_provenance, write_merit_head
from soundalike.heads.projection import FILE, ProjectionHead, load_folder, load_merit, write_heads
from tiny.merit import FOLDERS, HIDDEN, IN_DIM, OUT_DIM, arrays, make


def head(factor: str = "melody", seed: int = 0, in_dim: int = IN_DIM, out_dim: int = OUT_DIM) -> ProjectionHead:
    layers = arrays(seed, in_dim, HIDDEN, out_dim)
    return ProjectionHead("made", factor, layers["net.0.weight"], layers["net.0.bias"], layers["net.2.weight"])


def embeddings(rows: int = 5, dim: int = IN_DIM) -> np.ndarray:
    return np.random.default_rng(9).standard_normal((rows, dim)).astype(np.float32)


def change(folder: Path, name: str, edit: object) -> None:
    """Apply `edit` to the document of one of MERIT's heads."""
    import torch

    path = folder / name / "best_head.pt"
    document = torch.load(path, weights_only=True)
    torch.save(edit(document), path)


def rewrite(path: Path, metadata: dict[str, str] | None = None, **changes: np.ndarray | None) -> None:
    """Write a file of our layout anew with other metadata, and with tensors replaced, added or left out."""
    from safetensors import safe_open
    from safetensors.numpy import load_file, save_file

    with safe_open(path, "numpy") as file:
        metadata = {**file.metadata(), **(metadata or {})}
    tensors = {**load_file(path), **changes}
    save_file({name: tensor for name, tensor in tensors.items() if tensor is not None}, path, metadata)


def test_every_encoder_has_heads_unless_named():
    assert DEFAULT_HEADS.keys() == ENCODERS.keys()
    assert set(DEFAULT_HEADS.values()) == set(HEADS)


def test_heads_of_a_fixed_length_need_no_length():
    for heads in (load_heads("factors"), load_heads("factors", in_dim=5)):
        assert [each.factor for each in heads] == list(FACTORS)


def test_the_identity_head_points_where_the_embedding_points():
    (one,) = load_heads("identity", in_dim=7)
    assert (one.name, one.factor, one.in_dim, one.dim) == ("identity-1", "overall", 7, 7)
    rows = embeddings(3, 7)
    assert np.allclose(one.project(rows), rows / np.linalg.norm(rows, axis=1, keepdims=True), atol=1e-7)


def test_the_identity_head_needs_a_length_and_takes_no_checkpoint(tmp_path):
    with pytest.raises(UsageError, match="in_dim"):
        load_heads("identity")
    with pytest.raises(UsageError, match="no checkpoint"):
        load_heads("identity", in_dim=3, checkpoint=tmp_path)


def test_heads_without_a_background_have_none(tmp_path):
    for name in ("identity", "merit", str(tmp_path)):
        assert load_background(name) is None


def test_a_head_is_two_layers_with_a_rectifier_between_and_unit_length():
    one, rows = head(), embeddings()
    hidden = np.maximum(rows.astype(float) @ one.hidden.T.astype(float) + one.bias, 0)
    answer = hidden @ one.output.T
    assert np.allclose(one.project(rows), answer / np.linalg.norm(answer, axis=1, keepdims=True), atol=1e-6)


def test_layers_that_do_not_fit_are_refused():
    one = head()
    with pytest.raises(ShapeError, match="shapes"):
        ProjectionHead("made", "melody", one.hidden, one.bias[:-1], one.output)
    with pytest.raises(ShapeError, match="shapes"):
        ProjectionHead("made", "melody", one.hidden, one.bias, one.output[0])


def test_merit_has_melody_rhythm_and_timbre(tmp_path):
    pytest.importorskip("torch")
    heads = load_heads("merit", checkpoint=make(tmp_path), in_dim=IN_DIM)
    assert [each.factor for each in heads] == ["melody", "rhythm", "timbre"]
    assert {each.name for each in heads} == {heads[0].name}
    assert heads[0].name.startswith("merit@")
    for seed, each in enumerate(heads):
        assert np.array_equal(each.project(embeddings()), head(each.factor, seed).project(embeddings()))


def test_heads_of_merit_are_found_by_their_folder_too(tmp_path):
    pytest.importorskip("torch")
    by_folder = load_heads(str(make(tmp_path)), encoder="merit@01234567")
    assert [each.name for each in by_folder] == [each.name for each in load_merit(tmp_path)]


def test_a_bare_state_dict_is_the_same_head(tmp_path):
    pytest.importorskip("torch")
    bare, whole = load_merit(make(tmp_path / "bare", bare=True)), load_merit(make(tmp_path / "whole"))
    assert [each.name for each in bare] == [each.name for each in whole]


def test_other_weights_have_another_name(tmp_path):
    pytest.importorskip("torch")
    assert load_merit(make(tmp_path / "0"))[0].name != load_merit(make(tmp_path / "1", seed=1))[0].name


def test_the_older_form_of_one_layer_is_refused(tmp_path):
    torch = pytest.importorskip("torch")
    change(make(tmp_path), "head_rhy", lambda document: {"state_dict": {"linear.weight": torch.ones(OUT_DIM, IN_DIM)}})
    with pytest.raises(CheckpointError, match="older form"):
        load_merit(tmp_path)


@pytest.mark.parametrize("change_name", ["net.2.bias", "net.1.weight"])
def test_heads_with_other_layers_are_refused(tmp_path, change_name):
    torch = pytest.importorskip("torch")
    path = make(tmp_path)
    change(path, "head_mel", lambda document: {**document["state_dict"], change_name: torch.ones(OUT_DIM)})
    with pytest.raises(CheckpointError, match="no head of MERIT"):
        load_merit(path)


def test_heads_trained_on_another_encoder_are_refused(tmp_path):
    pytest.importorskip("torch")
    change(make(tmp_path), "head_tim", lambda document: {**document, "encoder": "clap"})
    with pytest.raises(CheckpointError, match="trained on 'clap'"):
        load_merit(tmp_path)


def test_heads_of_several_lengths_are_refused(tmp_path):
    pytest.importorskip("torch")
    path = make(tmp_path)
    make(tmp_path / "other", out_dim=OUT_DIM + 1)
    (tmp_path / "other" / "head_tim" / "best_head.pt").replace(path / "head_tim" / "best_head.pt")
    with pytest.raises(CheckpointError, match="several lengths"):
        load_merit(path)


def test_layers_of_other_sizes_are_refused(tmp_path):
    torch = pytest.importorskip("torch")
    path = make(tmp_path)
    change(path, "head_mel", lambda document: {**document["state_dict"], "net.0.bias": torch.ones(HIDDEN + 1)})
    with pytest.raises(CheckpointError, match="do not fit"):
        load_merit(path)


@pytest.mark.parametrize("name", FOLDERS)
def test_all_three_heads_are_needed(tmp_path, name):
    pytest.importorskip("torch")
    (make(tmp_path) / name / "best_head.pt").unlink()
    with pytest.raises(CheckpointError, match="best_head"):
        load_merit(tmp_path)


def test_written_heads_are_read_bit_for_bit_in_the_order_of_the_factors(tmp_path):
    heads = [head("timbre", 1), head("overall", 2), head("rhythm", 3)]
    assert write_heads(tmp_path / "new" / "place", heads, encoder="mert-95m@01234567") == tmp_path / "new/place" / FILE
    read = load_heads(str(tmp_path / "new" / "place"), encoder="mert-95m@01234567")
    assert [each.factor for each in read] == ["overall", "rhythm", "timbre"]
    for each in read:
        assert isinstance(each, Head)
        (same,) = (one for one in heads if one.factor == each.factor)
        assert each.project(embeddings()).tobytes() == same.project(embeddings()).tobytes()


def test_written_heads_are_named_by_their_weights(tmp_path):
    first, again, other = (tmp_path / name for name in ("first", "again", "other"))
    write_heads(first, [head("melody", 0), head("rhythm", 1)], encoder="one")
    write_heads(again, [head("rhythm", 1), head("melody", 0)], encoder="one")
    write_heads(other, [head("melody", 1), head("rhythm", 0)], encoder="one")
    names = [load_folder(folder)[0].name for folder in (first, again, other)]
    assert names[0] == names[1] != names[2]
    assert all(name.startswith("heads@") for name in names)


def test_the_same_heads_are_the_same_file(tmp_path):
    files = set()
    for i in range(8):  # of four texts in an order of chance
        files.add(write_heads(tmp_path / str(i), [head("melody"), head("rhythm", 1)], encoder="one").read_bytes())
    assert len(files) == 1


def test_heads_of_embeddings_by_merit_s_own_programs_fit_its_encoder_here(tmp_path):
    write_heads(tmp_path, [head()], encoder="mert:m-a-p/MERT-v1-330M")
    assert load_heads(str(tmp_path), encoder="merit@01234567")
    with pytest.raises(UsageError, match="made for"):
        load_heads(str(tmp_path), encoder="mert-330m@01234567")


def test_heads_made_for_another_encoder_are_refused_in_one_sentence(tmp_path):
    write_heads(tmp_path, [head()], encoder="mert-95m@01234567")
    with pytest.raises(UsageError, match="made for the encoder 'mert-95m@01234567', not for 'clap@89abcdef'"):
        load_heads(str(tmp_path), encoder="clap@89abcdef")


def test_heads_work_with_their_encoder_in_another_precision(tmp_path):
    write_heads(tmp_path, [head()], encoder="mert-95m@01234567,layers=5")
    assert load_heads(str(tmp_path), encoder="mert-95m@01234567,layers=5,precision=int8")
    with pytest.raises(UsageError, match="made for"):
        load_heads(str(tmp_path), encoder="mert-95m@01234567,precision=int8")


def test_written_heads_need_no_torch(tmp_path, monkeypatch):
    write_heads(tmp_path, [head()], encoder="embedded-1")
    monkeypatch.setitem(sys.modules, "torch", None)
    assert load_heads(str(tmp_path))[0].dim == OUT_DIM


def test_a_folder_takes_no_checkpoint_besides(tmp_path):
    write_heads(tmp_path, [head()], encoder="embedded-1")
    with pytest.raises(UsageError, match="in the folder"):
        load_heads(str(tmp_path), checkpoint=tmp_path)


def test_a_folder_without_heads_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="holds no heads"):
        load_heads(str(tmp_path))


@pytest.mark.parametrize(
    "heads",
    [
        [],
        [head("loudness")],
        [head("melody", 0), head("melody", 1)],
        [head("melody"), head("rhythm", out_dim=OUT_DIM + 1)],
    ],
)
def test_heads_that_do_not_belong_together_are_not_written(tmp_path, heads):
    with pytest.raises(UsageError, match="cannot be written together"):
        write_heads(tmp_path / "heads", heads, encoder="embedded-1")
    assert not (tmp_path / "heads").exists()


@pytest.mark.parametrize(
    ("metadata", "changes", "complaint"),
    [
        ({"format": "2"}, {}, "format 2, not 1"),
        ({"factors": "melody,loudness"}, {}, "factors melody, loudness"),
        ({"factors": "melody,melody"}, {}, "factors melody, melody"),
        ({"factors": ""}, {}, "factors"),
        ({"factors": "melody,rhythm"}, {}, "first rhythm"),
        ({}, {"melody.output.weight": None}, "first melody.output.weight"),
        ({}, {"melody.output.bias": np.ones(OUT_DIM, np.float32)}, "first melody.output.bias"),
        ({}, {"melody.hidden.bias": np.full(HIDDEN, np.nan, np.float32)}, "not finite, in melody.hidden.bias"),
        ({}, {"melody.hidden.bias": np.ones(1, np.float32)}, "do not fit"),
    ],
)
def test_damaged_heads_are_refused(tmp_path, metadata, changes, complaint):
    path = write_heads(tmp_path, [head()], encoder="embedded-1")
    rewrite(path, metadata, **changes)
    with pytest.raises(CheckpointError, match=complaint):
        load_folder(tmp_path)


def test_a_file_cut_short_is_refused(tmp_path):
    path = write_heads(tmp_path, [head()], encoder="embedded-1")
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(CheckpointError, match="cut short"):
        load_folder(tmp_path)


def test_a_head_written_as_merit_writes_it_is_the_same_head_and_says_how_it_was_trained(tmp_path):
    torch = pytest.importorskip("torch")
    heads = [head(factor, seed) for seed, factor in enumerate(("melody", "rhythm", "timbre"))]
    for each in heads:
        write_merit_head(tmp_path / merit_file(each.factor), each, epoch=3, val_loss=np.float64(1.5), val_acc=0.75)
    for ours, read in zip(heads, load_merit(tmp_path), strict=True):
        assert read.project(embeddings()).tobytes() == ours.project(embeddings()).tobytes()
    document = torch.load(tmp_path / "head_rhy" / "best_head.pt", weights_only=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in document.pop("state_dict").items()}
    assert shapes == {"net.0.weight": (HIDDEN, IN_DIM), "net.0.bias": (HIDDEN,), "net.2.weight": (OUT_DIM, HIDDEN)}
    trained = {"encoder": "mert", "model_id": "m-a-p/MERT-v1-330M", "epoch": 3, "val_loss": 1.5, "val_acc": 0.75}
    assert document == {"in_dim": IN_DIM, "hidden_dim": HIDDEN, "out_dim": OUT_DIM, **trained}


def test_a_head_of_merit_for_another_encoder_is_refused(tmp_path):
    pytest.importorskip("torch")
    path = make(tmp_path)
    write_merit_head(path / merit_file("timbre"), head("timbre"), encoder="clap", epoch=1, val_loss=1, val_acc=1)
    with pytest.raises(CheckpointError, match="trained on 'clap'"):
        load_merit(path)


def test_released_heads_of_the_right_lengths_and_a_possible_loss_raise_no_doubts(tmp_path):
    pytest.importorskip("torch")
    found = read_provenance(make(tmp_path, in_dim=5120, hidden=512, out_dim=128))
    assert [each.factor for each in found] == ["melody", "rhythm", "timbre"]
    assert (found[0].epoch, found[0].val_loss, found[0].model_id) == (7, 709.5, "m-a-p/MERT-v1-330M")
    assert [doubts(each) for each in found] == [[], [], []]


def test_other_lengths_and_an_impossible_loss_raise_doubts(tmp_path):
    pytest.importorskip("torch")
    path = make(tmp_path)
    for name in FOLDERS:
        change(path, name, lambda document: {**document, "val_loss": 708.8})
    melody, rhythm, timbre = read_provenance(path)
    assert [len(doubts(each)) for each in (melody, rhythm, timbre)] == [2, 2, 1], "timbre has another number of batches"
    assert "708.80 is below 708.90" in doubts(melody)[1]


def test_a_head_for_which_a_clip_is_not_like_itself_raises_doubts(tmp_path):
    torch = pytest.importorskip("torch")
    path = make(tmp_path, in_dim=5120, hidden=512, out_dim=128)
    dead = {"net.0.bias": torch.full((512,), -1e9)}
    change(path, "head_mel", lambda document: {**document, "state_dict": {**document["state_dict"], **dead}})
    melody, rhythm, _ = read_provenance(path)
    assert doubts(melody) == ["A clip scores 0 with itself, not 1."]
    assert rhythm.self_score == pytest.approx(1.0, abs=1e-6)


def test_a_bare_state_dict_says_nothing_of_its_training(tmp_path):
    pytest.importorskip("torch")
    (melody, *_) = read_provenance(make(tmp_path, bare=True))
    assert (melody.in_dim, melody.epoch, melody.val_loss, melody.encoder) == (IN_DIM, None, None, "")
    assert doubts(melody)[-1] == "It does not say what it was trained on."


def test_verifying_merit_tells_of_its_training_and_of_doubts(tmp_path, capsys):
    pytest.importorskip("torch")
    main(["models", "verify", "merit", "--checkpoint", str(make(tmp_path)), "--json"])
    melody, *_ = json.loads(capsys.readouterr().out)["training"]
    assert (melody["factor"], melody["epoch"], melody["val_acc"]) == ("melody", 7, 0.98)
    assert "those of released heads (5120, 512, 128)" in melody["doubts"][0]
    main(["models", "verify", "merit", "--checkpoint", str(tmp_path)])
    printed = capsys.readouterr()
    assert f"melody  {IN_DIM}-{HIDDEN}-{OUT_DIM}  model_id m-a-p/MERT-v1-330M, epoch 7, val_loss 709.5" in printed.out
    assert "melody  Its lengths are" in printed.err
