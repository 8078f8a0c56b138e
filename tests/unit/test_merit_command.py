"""``soundalike research merit``: a recipe in, tables and results out, nothing measured twice."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from merit_sets import FACTORS, SIZE, make_set
from soundalike import encoders
from soundalike.cli import main
from soundalike.errors import UnknownNameError, UsageError
from soundalike.heads.projection import ProjectionHead, write_heads
from soundalike.research.merit import corpus_embedding, corpus_units, set_units
from soundalike.research.merit.recipe import SECTIONS, parse_recipe, read_recipe
from soundalike.research.triplets.sets import write_set

pytest.importorskip("safetensors")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).parents[2]
RECIPE = """
name = "small"
sections = ["matrix", "audits", "fusion"]
[systems.trained]
encoder = "descriptors"
heads = "heads"
[systems.trained.sets]
melody = "melody.npz"
rhythm = "rhythm.npz"
[splits]
melody = "melody_split.json"
"""


def part_head(factor: str) -> ProjectionHead:
    """A head of MERIT's form that hears only the numbers of its factor, of either sign."""
    dim = SIZE * (len(FACTORS) + 1)
    own = np.zeros((2 * SIZE, dim), np.float32)
    for place in range(SIZE):
        own[place, SIZE * FACTORS.index(factor) + place] = 1.0
        own[SIZE + place, SIZE * FACTORS.index(factor) + place] = -1.0
    output = np.concatenate([np.eye(SIZE), -np.eye(SIZE)], axis=1).astype(np.float32)
    return ProjectionHead("part", factor, own, np.zeros(2 * SIZE, np.float32), output)


@pytest.fixture
def small(tmp_path):
    """A folder with a recipe, two sets, a split, and heads that hear their own factors."""
    for factor in ("melody", "rhythm"):
        write_set(tmp_path / f"{factor}.npz", make_set(factor, 20, positives=2))
    names = [f"triplets_{number}" for number in range(20)]
    (tmp_path / "melody_split.json").write_text(json.dumps({"train": names[8:], "test": names[:8]}))
    write_heads(tmp_path / "heads", [part_head(factor) for factor in FACTORS], encoder="toy-1")
    (tmp_path / "small.toml").write_text(RECIPE)
    return tmp_path


def run(*words: object) -> int:
    return main(["research", "merit", *map(str, words)])


def results_of(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_text("utf-8"))


def test_a_recipe_gives_a_page_plots_and_results(small, capsys):
    assert run(small / "small.toml") == 0
    assert "Measured 3, kept 0 from before, 0 not measured" in capsys.readouterr().out
    out = small / "small"
    assert {path.name for path in out.iterdir()} == {"README.md", "matrix-trained.svg", "results.json"}
    parts = results_of(out)["parts"]
    assert list(parts) == ["matrix/trained", "audits/trained", "fusion/trained"]
    strict = parts["matrix/trained"]["result"]["strict"]
    assert strict["sets"]["melody"]["folders"] == 8
    assert strict["sets"]["rhythm"]["folders"] == 20
    assert strict["cells"]["melody"]["melody"]["all"]["value"] > 0.97
    page = (out / "README.md").read_text("utf-8")
    assert "99.9 (report)" in page
    assert "| timbre | unknown | unknown | 99.6 (report) |" in page
    assert str(small) not in page + (out / "results.json").read_text("utf-8")


def test_what_was_measured_is_not_measured_again_until_its_inputs_change(small, capsys):
    run(small / "small.toml")
    first = results_of(small / "small")
    run(small / "small.toml")
    assert "Measured 0, kept 3" in capsys.readouterr().out
    assert results_of(small / "small") == first
    other = replace(part_head("melody"), bias=np.full(2 * SIZE, 0.1, np.float32))
    write_heads(small / "heads", [other], encoder="toy-1")
    run(small / "small.toml")
    assert "Measured 2, kept 1" in capsys.readouterr().out  # the audits do not depend on heads
    write_set(small / "melody.npz", make_set("melody", 20, positives=2, seed=1))
    run(small / "small.toml")
    assert "Measured 3, kept 0" in capsys.readouterr().out
    run(small / "small.toml", "--fresh", "--only", "fusion")
    assert "Measured 1, kept 2" in capsys.readouterr().out  # what was not asked for is not lost


def test_results_of_another_format_are_measured_again(small, capsys):
    run(small / "small.toml", "--only", "matrix")
    document = results_of(small / "small")
    document["parts"]["matrix/trained"]["inputs"]["format"] = 0
    document["parts"]["matrix/trained"]["result"] = {}
    (small / "small" / "results.json").write_text(json.dumps(document))
    assert run(small / "small.toml", "--only", "matrix") == 0
    assert "Measured 1, kept 0" in capsys.readouterr().out.splitlines()[-1]


def test_the_same_recipe_gives_the_same_bytes(small):
    run(small / "small.toml", "--out", small / "one")
    run(small / "small.toml", "--out", small / "two")
    for name in ("README.md", "matrix-trained.svg", "results.json"):
        assert (small / "one" / name).read_bytes() == (small / "two" / name).read_bytes()


def test_sections_that_are_left_out_stay_in_the_results(small):
    run(small / "small.toml", "--only", "matrix")
    assert list(results_of(small / "small")["parts"]) == ["matrix/trained"]
    run(small / "small.toml", "--only", "fusion")
    assert list(results_of(small / "small")["parts"]) == ["matrix/trained", "fusion/trained"]


def test_what_was_done_before_a_stop_is_kept(small, monkeypatch, capsys):
    def stop(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(set_units, "fusion_table", stop)
    assert run(small / "small.toml") == 1
    assert list(results_of(small / "small")["parts"]) == ["matrix/trained", "audits/trained"]
    monkeypatch.undo()
    run(small / "small.toml")
    assert "Measured 1, kept 2" in capsys.readouterr().out


def test_json_is_all_that_is_printed(small, capsys):
    assert run(small / "small.toml", "--json") == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["name"] == "small"
    assert "Measured 3" in told.err


def test_heads_of_another_encoder_are_refused_in_one_sentence(small, capsys):
    write_heads(small / "heads", [part_head("melody")], encoder="other-3")
    assert run(small / "small.toml") == 2
    told = capsys.readouterr().err
    assert "were trained on 'other-3', but its sets were embedded by 'toy-1'. Embed the sets" in told
    assert not (small / "small").exists()


def test_heads_that_are_tested_on_what_they_learned_from_are_told_of(small):
    digest = hashlib.sha256((small / "melody.npz").read_bytes()).hexdigest()
    (small / "heads" / "run.json").write_text(json.dumps({"sets": {"melody": {"sha256": digest}}}))
    split = {"train": ["triplets_1", "triplets_15"], "validation": ["triplets_2", "triplets_3"]}
    (small / "heads" / "split.json").write_text(json.dumps({"melody": split}))
    run(small / "small.toml", "--only", "matrix")
    result = results_of(small / "small")["parts"]["matrix/trained"]["result"]
    assert result["met in training"] == {"melody": {"train": 1, "validation": 2}}  # the test part has the first eight
    told = "Not a test: of the folders for melody these heads learned from 1, and were chosen by 2"
    assert told in (small / "small" / "README.md").read_text("utf-8")
    write_set(small / "melody.npz", make_set("melody", 20, positives=2, seed=1))
    run(small / "small.toml", "--only", "matrix")
    assert results_of(small / "small")["parts"]["matrix/trained"]["result"]["met in training"] == {}


def test_a_split_without_test_folders_of_the_set_is_refused(small, capsys):
    (small / "melody_split.json").write_text('{"train": ["triplets_1"], "test": []}')
    assert run(small / "small.toml") == 2
    assert "No folder of the set for melody is in its part of the split" in capsys.readouterr().err


def test_missing_files_and_corpora_are_named_and_the_rest_is_measured(small, capsys):
    (small / "rhythm.npz").unlink()
    text = RECIPE.replace('["matrix", "audits", "fusion"]', '["matrix", "probes", "retrieval", "padding"]')
    text += '[systems.other]\nencoder = "descriptors"\n[systems.other.sets]\nmelody = "melody.npz"\n'
    (small / "small.toml").write_text(text + '[corpora]\nmusdb = "nowhere"\n')
    assert run(small / "small.toml") == 0
    told = capsys.readouterr()
    assert "Measured 1, kept 0 from before, 7 not measured" in told.out
    missing = results_of(small / "small")["missing"]
    assert missing["matrix/trained"].startswith("There is no 'rhythm.npz'.")
    assert "zenodo.org/records/3338373" in missing["probes/musdb/other"]
    assert "soundalike research merit RECIPE --only retrieval" in missing["retrieval/musdb/other"]
    assert "[audio]" in missing["padding/other"]
    assert "probes/musdb/trained" in (small / "small" / "README.md").read_text("utf-8")


def test_audits_of_sets_that_several_systems_share_are_made_once(small):
    bare = '[systems.bare]\nencoder = "descriptors"\nsets = {melody = "melody.npz", rhythm = "rhythm.npz"}\n'
    text = RECIPE.replace("[splits]", f"{bare}[splits]")
    (small / "small.toml").write_text(text)
    run(small / "small.toml")
    parts = results_of(small / "small")["parts"]
    assert [name for name in parts if name.startswith("audits")] == ["audits/trained"]
    assert list(parts["matrix/bare"]["result"]["reference"]) == ["raw"]
    page = (small / "small" / "README.md").read_text("utf-8")
    assert "| trained, own heads | first negatives | 100 [" in page
    assert "| bare, raw | " in page
    assert re.search(r"\| trained \| `[^`]+` \| melody ", page), "audits name no heads, the other parts do"
    assert "| bare, own heads" not in page


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sede": 1}, r"'sede' is no key of a recipe\. Did you mean 'seed'\?"),
        ({"seed": "1"}, r"seed is \"1\"\. Give a whole number"),
        ({"seed": -1}, r"seed is -1\. Give 0 or more"),
        ({"folder": "x"}, "'folder' is no key"),
        ({"sections": ["matrx"]}, r"'matrx' is no section\. Known: matrix"),
        ({"sections": "matrix"}, r"sections is \"matrix\"\. Give a list of texts"),
        ({"systems": {}}, "names no system"),
        ({"systems": {"one": {"heads": "x"}}}, "The system 'one' has no encoder"),
        ({"systems": {"one": {"encoder": "x", "layer": "5"}}}, "Did you mean 'layers'"),
        ({"systems": {"one": {"encoder": "x", "name": "two"}}}, r"'systems\.one\.name' is no key"),
        ({"systems": {"one": {"encoder": "x", "sets": {"melodie": "x"}}}}, "'melodie' is no name in"),
        ({"corpora": {"musdb19": "x"}}, "Known: musdb, ballroom, covers80, classes"),
        ({"audio": {"melody": 1}}, r"Give a table \[audio\] of paths"),
        ({"settings": {"windows": 0}}, "windows is 0. Give 1 or more"),
        ({"settings": {"changes": ["speeed"]}}, "'speeed' is no change"),
        ({"settings": 3}, "settings is 3. Write it as a table"),
    ],
)
def test_what_a_recipe_cannot_mean_is_refused(change, message):
    plain = {"name": "x", "systems": {"one": {"encoder": "descriptors"}}}
    assert parse_recipe(plain, Path()).sections == SECTIONS
    with pytest.raises(UsageError, match=message):
        parse_recipe(plain | change, Path())


def test_an_unknown_section_on_the_command_line_is_refused(small, capsys):
    assert run(small / "small.toml", "--only", "matrx") == 2
    assert "'matrx' is no section" in capsys.readouterr().err
    with pytest.raises(UnknownNameError):
        replace(read_recipe(small / "small.toml"), sections=("matrx",))


def test_a_recipe_that_is_not_there_or_no_toml_is_refused_by_name(small, capsys):
    assert run(small / "other.toml") == 2
    (small / "small.toml").write_text("name =")
    assert run(small / "small.toml") == 2
    told = capsys.readouterr().err
    assert "other.toml' cannot be read" in told
    assert "small.toml' is no TOML" in told


def test_the_example_of_published_heads_can_be_read():
    recipe = read_recipe(ROOT / "experiments" / "merit" / "published.toml")
    assert set(recipe.corpora) == {"musdb", "ballroom", "covers80"}
    assert set(recipe.systems[0].sets) == set(recipe.splits) == set(FACTORS)
    assert recipe.sections == SECTIONS


def write_corpus(root: Path, *, songs: int = 3, rate: int = 8000, seconds: float = 0.5) -> None:
    """Songs with a low and a high stem, and a mixture."""
    for number in range(songs):
        for stem, frequency in (("bass", 100), ("vocals", 2000), ("mixture", 500)):
            time = np.arange(int(rate * seconds)) / rate
            samples = 0.3 * np.sin(2 * np.pi * frequency * 1.1**number * time)
            path = root / "test" / f"song {number}" / f"{stem}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, samples, rate)


def test_a_corpus_is_probed_and_asked_by_an_encoder_without_heads(tmp_path, monkeypatch):
    table = {**encoders.ENCODERS, "toy": "toy_encoder:ToyEncoder"}
    monkeypatch.setattr(encoders, "ENCODERS", table)
    write_corpus(tmp_path / "musdb")
    text = 'name = "x"\nsections = ["probes", "retrieval"]\n[systems.toy]\nencoder = "toy"\n'
    (tmp_path / "x.toml").write_text(text + '[corpora]\nmusdb = "musdb"\n')
    assert run(tmp_path / "x.toml") == 0
    parts = results_of(tmp_path / "x")["parts"]
    probe = parts["probes/musdb/toy"]["result"]
    assert (probe["recordings"], probe["failed"]) == (6, {})
    assert probe["probe"]["raw"] == {
        "triplet_accuracy": 1.0,
        "n_triplets": 6 * 2 * 3,
        "per_class_accuracy": {"bass": 1.0, "vocals": 1.0},
    }
    assert probe["probe"]["melody"] == {"triplet_accuracy": None}
    rows = parts["retrieval/musdb/toy"]["result"]["rows"]
    assert rows["raw"]["map"]["value"] == 1.0
    assert "78.9 (report)" in (tmp_path / "x" / "README.md").read_text("utf-8")


def test_curves_of_a_system_are_measured(tmp_path):
    text = 'name = "x"\nsections = ["invariance"]\n[systems.plain]\nencoder = "descriptors"\nheads = "descriptors"\n'
    (tmp_path / "x.toml").write_text(text + '[settings]\nanchors = 2\nchanges = ["level"]\n')
    assert run(tmp_path / "x.toml") == 0
    result = results_of(tmp_path / "x")["parts"]["invariance/plain"]["result"]
    assert result["anchors"] == 2
    assert "melody" in result["curves"]["level"]["facets"]
    assert (tmp_path / "x" / "invariance-plain.svg").is_file()


def test_merits_encoder_and_heads_hear_filled_up_clips_in_its_probes_and_windows_in_ours(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from tiny import merit as tiny_merit
    from tiny import mert as tiny_mert

    for module in (corpus_units, corpus_embedding):
        monkeypatch.setattr(module, "SECONDS", 2.0)  # of 30, which take long
    tiny_mert.make(tmp_path / "mert", stable=True, seed=0, depth=tiny_mert.MERIT_DEPTH)
    tiny_merit.make(tmp_path / "heads", seed=0)
    write_corpus(tmp_path / "musdb", songs=2)
    text = 'name = "x"\nsections = ["probes", "retrieval"]\n[systems.merit]\nencoder = "merit"\nheads = "heads"\n'
    (tmp_path / "x.toml").write_text(text + 'checkpoint = "mert"\n[corpora]\nmusdb = "musdb"\n')
    assert run(tmp_path / "x.toml") == 0
    parts = results_of(tmp_path / "x")["parts"]
    assert set(parts["probes/musdb/merit"]["result"]["probe"]) >= {"raw", "melody", "rhythm", "timbre", "maximum"}
    assert "concatenation" in parts["retrieval/musdb/merit"]["result"]["rows"]
    lengths = [len(np.load(path)["owners"]) for path in (tmp_path / "x" / "embeddings").iterdir()]
    assert lengths == [4, 4]
    first, second = (np.load(path)["embeddings"] for path in (tmp_path / "x" / "embeddings").iterdir())
    assert not np.allclose(first, second)  # silence is in the means of one of them


def test_help_has_an_example(capsys):
    assert run("--help") == 0
    told = capsys.readouterr().out
    assert "Example:" in told
    assert all(section in told for section in SECTIONS)
