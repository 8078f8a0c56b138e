"""Any separator, encoder and heads make one grid of facets, from the file to the answer."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import soundfile

from conftest import RATE, tune
from soundalike.analysis import Analyzer
from soundalike.cli import main
from soundalike.errors import CheckpointError, MissingExtraError, NotFoundError, SpaceMismatchError, UsageError
from soundalike.facets import Facet, Weights
from soundalike.library import Library
from soundalike.recipe import Recipe
from tiny import clap, demucs, merit, mert, muq

ENCODERS = {**clap.MAKERS, **mert.MAKERS, **muq.MAKERS}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def checkpoints(tmp_path_factory):
    """Every pretrained part in miniature, by name."""
    folder = tmp_path_factory.mktemp("checkpoints")
    made = {name: str(maker(folder / name)) for name, maker in ENCODERS.items()}
    made |= {name: str(maker(folder / name)) for name, maker in demucs.MAKERS.items()}
    return made | {"merit heads": str(merit.make(folder / "merit heads"))}


@pytest.fixture
def songs(tmp_path):
    """Three songs, each beside the files of its drums and its bass; the third has no bass."""
    folder = tmp_path / "songs"
    folder.mkdir()
    for i in range(3):
        time = np.arange(12 * RATE) / RATE
        drums = 0.4 * np.exp(-30 * (time % (0.4 + 0.05 * i))) * np.random.default_rng(i).standard_normal(len(time))
        bass = (0.2 if i < 2 else 0.0) * np.sin(2 * np.pi * 55 * 2 ** (np.floor(time) % 5 / 12) * time)
        for name, part in (("", drums + bass + tune(i, 12.0)), (" - drums", drums), (" - bass", bass)):
            soundfile.write(folder / f"song {i}{name}.wav", part, RATE)
    return folder


def test_stems_and_factors_are_crossed(songs):
    with Library(songs.parent / "library", recipe=Recipe(separator="files")) as library:
        report = library.add([songs])
        assert report.added == 3, "stems are no tracks"
        assert {"mix.melody", "drums.rhythm", "bass.timbre"} <= set(library.space.facets)
        first, second, third = (library.store.excerpts([track.id])[track.id] for track in library.tracks())
        assert first.present(Facet("drums.rhythm")).all()
        assert first.present(Facet("bass")).all()
        assert not third.present(Facet("bass")).any(), "a silent stem is an absent facet"
        assert not second.present(Facet("vocals")).any(), "and so is one that is not there"
        (best, *_) = library.search(library.tracks()[0].id, Weights({"drums.rhythm": 1, "bass": 0.5}))
        assert best.score == pytest.approx(sum(part.contribution for part in best.comparison.facets.values()), abs=1e-6)


def test_the_mix_is_heard_the_same_with_and_without_stems(songs):
    plain = Analyzer().analyse(songs / "song 0.wav").excerpts
    stems = Analyzer(Recipe(separator="files")).analyse(songs / "song 0.wav").excerpts
    for facet, rows in plain.vectors.items():
        assert np.array_equal(rows, stems.vectors[facet])


def test_only_the_facets_asked_for_are_kept_and_named(songs):
    analyzer = Analyzer(Recipe(separator="files", facets=("melody", "drums.rhythm", "bass")))
    assert analyzer.space.facets == ("mix.melody", "drums.rhythm", "bass.overall")
    assert analyzer.space.name.endswith("[melody,drums.rhythm,bass]")
    assert set(analyzer.analyse(songs / "song 0.wav").excerpts.vectors) == set(analyzer.space.facets)
    with pytest.raises(UsageError, match=r"cannot give 'drums\.rhythm'"):
        Analyzer(Recipe(facets=("drums.rhythm",)))


def test_few_excerpts_are_those_of_the_whole_evenly_spread(tmp_path):
    soundfile.write(tmp_path / "long.wav", tune(3, 60.0), RATE)
    whole = Analyzer().analyse(tmp_path / "long.wav")
    few = Analyzer(Recipe(most_excerpts=3)).analyse(tmp_path / "long.wav")
    assert list(few.excerpts.start) == [10.0, 30.0, 50.0]
    assert few.track.audio_hash == whole.track.audio_hash
    assert few.track.duration == whole.track.duration
    for facet, rows in few.excerpts.vectors.items():
        assert np.array_equal(rows, whole.excerpts.vectors[facet][[1, 3, 5]])
    many = Analyzer(Recipe(most_excerpts=100)).analyse(tmp_path / "long.wav")
    assert np.array_equal(many.excerpts.start, whole.excerpts.start)


@pytest.mark.parametrize("name", sorted(ENCODERS))
def test_every_pretrained_encoder_does_the_main_job(name, checkpoints, tunes, tmp_path):
    heads = checkpoints["merit heads"] if name == "merit" else ""
    recipe = Recipe(encoder=name, encoder_checkpoint=checkpoints[name], heads_checkpoint=heads)
    with Library(tmp_path / "library", recipe=recipe) as library:
        assert library.add([tunes]).added == 6
    with Library(tmp_path / "library") as library:
        assert library.recipe == recipe, "a library remembers what it listens with"
        found = library.search(tunes / "tune 0.wav", n=6)
        assert len(found) == 5
        factors = {"melody", "rhythm", "timbre"} if name == "merit" else {"overall"}
        assert {facet.factor for facet in found[0].comparison.facets} == factors
        assert library.tracks()[0].tempo, "tempo and key are heard whatever makes the vectors"
        same = library.compare(tunes / "tune 1.wav", tunes / "tune 1.wav")
        assert all(score.cosine == pytest.approx(1.0, abs=1e-5) for score in same.facets.values())
        if library.analyzer.understands_text:
            assert len(library.search(library.query(text="a b"), n=3)) == 3


@pytest.mark.parametrize(("padded", "window"), [(0.0, 10.0), (10.0, 10.0), (30.0, 30.0)])
def test_merit_hears_as_it_was_trained_and_as_its_authors_evaluate(padded, window, checkpoints, tunes, tmp_path):
    recipe = Recipe(
        encoder="merit",
        encoder_checkpoint=checkpoints["merit"],
        heads_checkpoint=checkpoints["merit heads"],
        padded=padded,
    )
    with Library(tmp_path / "library", recipe=recipe) as library:
        assert library.add([tunes]).added == 6
        assert library.analyzer.window == window
        assert (f"padded={padded:g}" in library.space.name) == bool(padded)
    with Library(tmp_path / "library") as library:
        assert library.recipe.padded == padded
        assert len(library.search(tunes / "tune 0.wav", n=6)) == 5


def test_only_merit_pads_with_silence():
    with pytest.raises(UsageError, match="'embedded' among the encoders takes no padded"):
        Analyzer(Recipe(padded=30.0))


def test_a_library_opens_without_loading_its_network(checkpoints, tunes, tmp_path, monkeypatch):
    recipe = Recipe(encoder="mert-95m", encoder_checkpoint=checkpoints["mert-95m"])
    with Library(tmp_path / "library", recipe=recipe) as library:
        library.add([tunes])
    monkeypatch.setattr("soundalike.library.Analyzer", None)
    with Library(tmp_path / "library") as library:
        assert len(library.search(library.tracks()[0].id, n=5)) == 5
        assert library.status().tracks == 6


def test_another_checkpoint_than_the_library_was_made_with_is_refused(tunes, tmp_path):
    folder = mert.MAKERS["mert-95m"](tmp_path / "checkpoint")
    recipe = Recipe(encoder="mert-95m", encoder_checkpoint=str(folder))
    with Library(tmp_path / "library", recipe=recipe) as library:
        library.add([tunes / "tune 0.wav"])
    mert.make(folder, stable=False, seed=7)
    with Library(tmp_path / "library") as library, pytest.raises(SpaceMismatchError, match="mert-95m@"):
        library.add([tunes])


def test_spaces_of_one_library_stand_side_by_side(checkpoints, tunes, tmp_path):
    with Library(tmp_path / "library") as library:
        library.add([tunes])
    recipe = Recipe(encoder="clap", encoder_checkpoint=checkpoints["clap"])
    with Library(tmp_path / "library", recipe=recipe) as library:
        assert library.add([tunes]).added == 6
        assert len(library.status().spaces) == 2
    with Library(tmp_path / "library", space="embedded") as library:
        assert library.search(library.tracks()[0].id)[0].comparison.facets["mix.melody"].weight == 1.0
        assert library.space.name == "none/embedded-2/factors-1"


def test_a_run_that_cannot_begin_changes_nothing(checkpoints, tunes, tmp_path):
    with Library(tmp_path / "library") as library:
        library.add([tunes])
    recipe = Recipe(encoder="clap", encoder_checkpoint=checkpoints["clap"])
    with Library(tmp_path / "library", recipe=recipe) as library, pytest.raises(NotFoundError):
        library.add([tmp_path / "nowhere"])
    with Library(tmp_path / "library") as library:
        assert library.recipe == Recipe()
        assert library.status().tracks == 6


def run(capsys, *arguments: object) -> tuple[int, str, str]:
    code = main([*map(str, arguments)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


def test_the_command_line_runs_an_encoder_of_a_folder(checkpoints, tunes, tmp_path, capsys):
    library = ("--library", tmp_path / "library")
    given = ("--encoder", "clap", "--checkpoint", checkpoints["clap"], "--jobs", 1)
    assert run(capsys, "add", tunes, *given, *library, "--json")[0] == 0
    code, out, _ = run(capsys, "search", "--text", "a b", *library, "--json", "-n", 2)
    document = json.loads(out)
    assert code == 0
    assert document["weights"] == {"mix.words": 1.0}
    assert document["query"] == {"track": None, "path": None, "at": None, "text": "a b"}
    assert len(document["hits"]) == 2
    code, out, _ = run(capsys, "search", 1, "--text", "a b", "-w", "words=-0.5", "-w", "overall=1", *library, "--json")
    assert set(json.loads(out)["hits"][0]["facets"]) == {"mix.overall", "mix.words"}
    code, _, err = run(capsys, "search", 1, "--text", "", "-w", "words=1", *library)
    assert (code, "--text" in err) == (2, True)


def test_options_that_name_no_part_change_what_the_library_listens_with(checkpoints, tunes, tmp_path, capsys):
    library = ("--library", tmp_path / "library", "--jobs", 1)
    given = ("--encoder", "mert-95m", "--checkpoint", checkpoints["mert-95m"])
    assert run(capsys, "add", tunes / "tune 0.wav", *given, *library)[0] == 0
    assert run(capsys, "add", tunes / "tune 1.wav", "--most-excerpts", 1, *library)[0] == 0
    with Library(tmp_path / "library") as kept:
        assert kept.recipe == Recipe("none", "mert-95m", most_excerpts=1, encoder_checkpoint=checkpoints["mert-95m"])
        assert kept.status().tracks == 2
    assert run(capsys, "add", tunes / "tune 2.wav", "--encoder", "embedded", *library)[0] == 0
    with Library(tmp_path / "library") as kept:
        assert kept.recipe == Recipe()


def test_the_command_line_separates_by_a_file(checkpoints, songs, tmp_path, capsys):
    library = ("--library", tmp_path / "library")
    given = ("--separator", "demucs", "--checkpoint", checkpoints["demucs"], "--facets", "melody,drums.rhythm")
    assert run(capsys, "add", songs / "song 0.wav", songs / "song 1.wav", *given, "--jobs", 1, *library)[0] == 0
    code, out, _ = run(capsys, "search", 1, "-w", "drums.rhythm=1", *library, "--json")
    assert code == 0
    assert json.loads(out)["space"].startswith("demucs@")
    code, _, err = run(capsys, "compare", songs / "song 0.wav", songs / "song 1.wav", *given)
    assert code == 0, err


def test_a_query_without_the_stem_that_is_asked_for_says_so(songs, tmp_path, capsys):
    library = ("--library", tmp_path / "library")
    assert run(capsys, "add", songs, "--separator", "files", "--jobs", 1, *library)[0] == 0
    code, out, err = run(capsys, "search", songs / "song 2.wav", "-w", "bass=1", *library)
    assert (code, out) == (0, "")
    assert "There is no bass to hear in 'song 2.wav'" in err


@pytest.mark.parametrize("name", sorted({*ENCODERS, *demucs.MAKERS}))
def test_a_part_without_its_checkpoint_is_one_sentence_with_the_command(name, tunes, tmp_path):
    recipe = Recipe(encoder=name) if name in ENCODERS else Recipe(separator=name)
    with pytest.raises(CheckpointError, match="soundalike models get"):
        Library(tmp_path / "library", recipe=recipe)


@pytest.mark.parametrize("name", sorted({*ENCODERS, *demucs.MAKERS}))
def test_a_part_without_its_packages_is_one_sentence_with_the_command(name, tmp_path, checkpoints, monkeypatch):
    monkeypatch.setattr("soundalike.checkpoints.needs.importlib.util.find_spec", lambda module: None)
    given = {"encoder": name, "encoder_checkpoint": checkpoints[name]}
    if name in demucs.MAKERS:
        given = {"separator": name, "separator_checkpoint": checkpoints[name]}
    with pytest.raises(MissingExtraError, match=r"pip install 'soundalike\[models\]'"):
        Library(tmp_path / "library", recipe=Recipe(**given))


def test_onnx_without_its_package_is_one_sentence_with_the_command(tmp_path, checkpoints, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnx", None)
    recipe = Recipe(encoder="mert-95m", encoder_checkpoint=checkpoints["mert-95m"], precision="onnx")
    with pytest.raises(MissingExtraError, match=r"pip install 'soundalike\[fast\]'"):
        Library(tmp_path / "library", recipe=recipe)


LISTEN = """
import hashlib, json, sys
from soundalike.audio import load_clip
from soundalike.encoders import load_encoder
from soundalike.separators import load_separator
checkpoints, path = json.loads(sys.argv[1]), sys.argv[2]
for name in sys.argv[3].split(","):
    encoder = load_encoder(name, checkpoint=checkpoints[name])
    clip = load_clip(path, rate=encoder.sample_rate, end=encoder.window, mono=True)
    print(name, hashlib.sha256(encoder.encode([clip]).tobytes()).hexdigest())
stems = load_separator("demucs", checkpoint=checkpoints["demucs"]).separate(load_clip(path))
print("demucs", hashlib.sha256(b"".join(stem.samples.tobytes() for stem in stems.values())).hexdigest())
"""


def test_any_number_of_threads_gives_the_same_bits(checkpoints, tmp_path):
    soundfile.write(tmp_path / "song.wav", tune(5, 4.0), RATE)
    given = [json.dumps(checkpoints), str(tmp_path / "song.wav"), ",".join(sorted(ENCODERS))]
    runs = [
        subprocess.run(
            [sys.executable, "-c", LISTEN, *given],
            env={**os.environ, "OMP_NUM_THREADS": threads, "MKL_NUM_THREADS": threads},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "3")
    ]
    assert runs[0] == runs[1]
    assert len(runs[0].splitlines()) == len(ENCODERS) + 1
