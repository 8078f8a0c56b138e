"""Rules of ``research train``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("pytorch_metric_learning")

from made_triplets import made_set
from soundalike.audio import load_clip
from soundalike.cli import main
from soundalike.encoders import load_encoder
from soundalike.research.factor_heads import training
from soundalike.research.triplets.sets import ClipNotes, Members, TripletSet, write_set

SETTINGS = "hidden = 16\ndim = 8\nbatch = 8\nepochs = 3\nvalidation = 0.2\n"


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))


@pytest.fixture
def recipe(tmp_path) -> Path:
    write_set(tmp_path / "melody.npz", made_set("melody", folders=20))
    write_set(tmp_path / "rhythm.npz", made_set("rhythm", folders=20))
    path = tmp_path / "recipe.toml"
    path.write_text(f'{SETTINGS}[sets]\nmelody = "melody.npz"\nrhythm = "rhythm.npz"\n')
    return path


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main(["research", "train", *map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_closing_sentence_tells_the_accuracy_of_each_factor_and_where_the_heads_are(recipe, tmp_path, capsys):
    code, out, err = run(capsys, recipe, "--out", tmp_path / "heads")
    document = json.loads((tmp_path / "heads" / "run.json").read_text())
    best, sets = document["best"], document["sets"]
    told = ", ".join(
        f"{f} {100 * best[f]['val_acc']:.1f} % (epoch {best[f]['epoch']}; "
        f"the embedding itself {100 * sets[f]['untrained']:.1f} %)"
        for f in ("melody", "rhythm")
    )
    assert (code, err) == (0, "")
    assert out == f"Validation triplets right: {told}. The heads for toy@1 are in '{tmp_path / 'heads'}'.\n"


def test_json_is_one_document_and_nothing_else(recipe, tmp_path, capsys):
    code, out, err = run(capsys, recipe, "--out", tmp_path / "heads", "--json", "--device", "cpu")
    assert (code, err) == (0, "")
    assert json.loads(out) == json.loads((tmp_path / "heads" / "run.json").read_text())


def test_another_recipe_in_the_same_folder_needs_fresh(recipe, tmp_path, capsys):
    assert run(capsys, recipe, "--out", tmp_path / "heads")[0] == 0
    recipe.write_text(recipe.read_text().replace("epochs = 3", "epochs = 2"))
    code, out, err = run(capsys, recipe, "--out", tmp_path / "heads")
    assert (code, out) == (2, "")
    assert "another recipe" in err
    assert "--fresh" in err
    assert run(capsys, recipe, "--out", tmp_path / "heads", "--fresh")[0] == 0


def test_a_stopped_command_says_that_it_goes_on_and_does(recipe, tmp_path, capsys, monkeypatch):
    measure = training.FolderCourse.train

    def stopping(self, epoch):
        if epoch == 3:
            raise KeyboardInterrupt
        return measure(self, epoch)

    monkeypatch.setattr(training.FolderCourse, "train", stopping)
    code, _, err = run(capsys, recipe, "--out", tmp_path / "heads")
    assert (code, "run the same command again" in err) == (1, True)
    monkeypatch.undo()
    assert run(capsys, recipe, "--out", tmp_path / "heads")[0] == 0


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("epochs", "epoch"), "'epoch' is no key of a recipe. Did you mean 'epochs'?"),
        (("melody.npz", "nothing.npz"), "nothing.npz' is not there"),
        (("[sets]", "[sets"), "is no TOML"),
        (('rhythm = "rhythm.npz"', 'rhythm = "melody.npz"'), "holds triplets for melody, not for rhythm"),
    ],
)
def test_mistakes_are_one_sentence_and_write_nothing(recipe, tmp_path, capsys, change, complaint):
    recipe.write_text(recipe.read_text().replace(*change))
    code, out, err = run(capsys, recipe, "--out", tmp_path / "heads")
    assert (code, out) == (2, "")
    assert complaint in err
    assert len(err.splitlines()) == 1
    assert not (tmp_path / "heads").exists()


def test_without_its_packages_the_command_is_one_sentence(recipe, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name, *rest: None)
    code, _, err = run(capsys, recipe, "--out", tmp_path / "heads")
    assert code == 1
    assert "matplotlib, pytorch_metric_learning, safetensors, torch, not installed here" in err
    assert "pip install 'soundalike[research]'" in err


def test_help_needs_no_torch(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)
    assert main(["research", "train", "--help"]) == 0
    assert "Example" in capsys.readouterr().out


def test_trained_heads_are_added_with_and_searched_by(tunes, tmp_path, capsys):
    encoder = load_encoder("descriptors")
    rows = []
    for seed in range(6):
        clip = load_clip(tunes / f"tune {seed}.wav", rate=encoder.sample_rate, mono=True)
        rows += [encoder.encode([part])[0] for part in (clip.cut(0, 2), clip.cut(2, 4))]
    embeddings = np.array(rows)
    folders = tuple(Members(f"triplets_{i}", 2 * i, (2 * i + 1,), ((2 * i + 2) % 12,)) for i in range(6))
    notes = tuple(ClipNotes((f"tune {i // 2}",), "rendered") for i in range(12))
    clips = tuple(f"{i}.wav" for i in range(12))
    write_set(tmp_path / "timbre.npz", TripletSet("timbre", encoder.name, embeddings, clips, notes, folders))
    path = tmp_path / "recipe.toml"
    path.write_text(f'split = "folder"\n{SETTINGS}[sets]\ntimbre = "timbre.npz"\n')
    assert run(capsys, path, "--out", tmp_path / "heads")[0] == 0
    library = ["--library", str(tmp_path / "library")]
    given = ["--encoder", "descriptors", "--heads", str(tmp_path / "heads"), "--jobs", "1"]
    assert main(["add", str(tunes), *given, *library]) == 0
    capsys.readouterr()
    assert main(["search", str(tunes / "tune 1.wav"), "-w", "timbre=1", "--json", *library]) == 0
    hits = json.loads(capsys.readouterr().out)["hits"]
    assert len(hits) == 5
    assert set(hits[0]["facets"]) == {"mix.timbre"}
    assert main(["add", str(tunes), "--encoder", "embedded", *given[2:], *library]) == 2
    assert f"were made for the encoder '{encoder.name}'" in capsys.readouterr().err
