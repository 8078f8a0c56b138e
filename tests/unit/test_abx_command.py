"""``soundalike research abx``: a clone of the data set in, counts and tables out, and none of the answers."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from soundalike.cli.abx_command import abx
from soundalike.errors import NotFoundError, ShapeError, UsageError
from soundalike.research.listeners import human_weights, strict
from soundalike.research.listeners import run as run_module
from soundalike.research.listeners.published import PARTS
from soundalike.research.listeners.tables import sections

COLUMNS = ("answer_timbre", "answer_rhythm", "answer_melody", "answer_total")
SETS, SAMPLES, VOTERS = 3, 4, 5


HUMANS = {
    "within_person": [],
    "between_persons": [],
    "parts": [
        {
            **{"config": "XAB", "triples": 60, "correlation": 0.5},
            "weights": {
                part: {"weight": {"value": 0.2, "low": 0.1, "high": 0.3}, "error": 0.05}
                for part in ("drums", "bass", "guitar", "piano", "residuals")
            },
        }
    ],
}


def make_clone(folder: Path, *, seed: int = 0) -> list[dict[str, str]]:
    """A clone in miniature: listeners mostly prefer the lower track number in XAB, the same track in XYC."""
    rng = np.random.default_rng(seed)
    rows = []
    for number in range(SETS):
        for sample in range(SAMPLES):
            x, a, b = (int(track) for track in rng.choice(30, 3, replace=False))
            for place, part in enumerate(PARTS):
                stem = f"set{number}/{sample}/{part}/"
                for roles, tracks in (("XAB", (x, a, b)), ("XYC", (x, x, b))):
                    names = [
                        f"{stem}{role}_{track}-{side * 10 + place}.wav"
                        for side, (role, track) in enumerate(zip(roles, tracks, strict=True))
                    ]
                    wanted = 0 if roles == "XYC" or a < b else 1
                    for voter in range(VOTERS):
                        shown = (1, 2) if roles == "XAB" or voter % 2 else (2, 1)
                        answers = {}
                        for column in COLUMNS:
                            choice = wanted if rng.random() < 0.9 else 1 - wanted
                            letter = "A" if shown[0] == choice + 1 else "B"
                            answers[column] = "NA" if column != COLUMNS[3] and rng.random() < 0.05 else f"{letter}+"
                        rows.append(
                            {
                                "": str(len(rows)),
                                "ex_name": "ex202407",
                                "subject_id": f"subject{voter}",
                                "reference": names[0],
                                "sample_a": names[shown[0]],
                                "sample_b": names[shown[1]],
                                **answers,
                                "choice_time": "1000",
                            }
                        )
    (folder / "csvs").mkdir(parents=True)
    with (folder / "csvs" / "inst_sim_abx_answers.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return rows


def write_vectors(path: Path, rows: list[dict[str, str]], *, facets: tuple[str, ...] = ("mix",)) -> Path:
    """Vectors on a half circle by track number: the nearer the numbers, the more alike; stems are noise."""
    rng = np.random.default_rng(1)
    paths = sorted({row[column] for row in rows for column in ("reference", "sample_a", "sample_b")})
    noise = {clip: rng.normal(size=(len(facets), 2)) for clip in sorted({name.split("_")[1] for name in paths})}
    arrays = {}
    for column, facet in enumerate(facets):
        angles = [np.pi * int(name.split("_")[1].split("-")[0]) / 30 for name in paths]
        vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        if facet != "mix":
            vectors += np.array([noise[name.split("_")[1]][column] for name in paths])
        arrays[facet] = vectors.astype(np.float32)
    np.savez(path, paths=np.array(paths), space=np.array("toy-1"), **arrays)
    return path


@pytest.fixture(scope="module")
def clone(tmp_path_factory):
    """A clone, and its rows; read only."""
    folder = tmp_path_factory.mktemp("clone")
    return folder, make_clone(folder)


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Few draws, and a stand-in for the numbers of listeners' own weights, which have tests of their own."""
    monkeypatch.setattr(strict, "DRAWS", 20)
    monkeypatch.setattr(human_weights, "human_part", lambda _, *, seed: HUMANS)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(abx, [str(argument) for argument in arguments])


def measured(*arguments: object) -> dict:
    result = run(*arguments, "--json")
    assert result.exception is None, result.exception
    return json.loads(result.stdout)


def counted(rows: list[dict[str, str]], column: str, cutoff: float) -> dict[tuple[str, str], int]:
    """Triplets kept by config and part, with nothing of the package."""
    votes: dict[tuple[str, str, str], Counter[str]] = {}
    for row in rows:
        _, _, part, name = row["reference"].split("/")
        first = row["sample_a"].split("/")[3][0]
        config = "XAB" if first in "AB" else "XYC"
        if row[column] != "NA":
            chosen = row["sample_a"] if row[column][0] == "A" else row["sample_b"]
            key = (config, part, row["reference"].rsplit("/", 2)[0] + name)
            votes.setdefault(key, Counter())[chosen] += 1
    kept: Counter[tuple[str, str]] = Counter()
    for (config, part, _), given in votes.items():
        most, total = max(given.values()), sum(given.values())
        kept[config, part] += most / total >= cutoff and 2 * most != total
    return kept


def test_without_vectors_every_cell_tells_what_is_kept_and_what_is_possible(clone):
    folder, rows = clone
    document = measured("--data", folder, "--perspective", "overall", "--perspective", "melody")
    cells = document["cells"]
    assert len(cells) == 2 * 6 * 2 * 2
    for perspective, column in zip(("melody", "overall"), COLUMNS[2:], strict=True):
        for cutoff in (0.75, 0.80):
            naive = counted(rows, column, cutoff)
            own = [cell for cell in cells if (cell["perspective"], cell["cutoff"]) == (perspective, cutoff)]
            assert {(cell["config"], cell["part"]): cell["kept"] for cell in own} == naive
    assert all(0.5 < cell["ceiling"]["limit"] <= 1 for cell in cells)
    assert not any(cell["systems"] for cell in cells)
    assert not document["systems"]
    assert document["humans"] == HUMANS


def test_with_vectors_k_of_n_is_told(clone, tmp_path):
    folder, rows = clone
    file = write_vectors(tmp_path / "near.npz", rows)
    document = measured("--data", folder, "--embeddings", file, "--perspective", "overall")
    assert {cell["perspective"] for cell in document["cells"]} == {"overall"}
    for cell in document["cells"]:
        found = cell["systems"]["near"]["mix.overall"]
        assert found["of"] == cell["kept"]
        assert found["ordered"]["of"] == cell["kept_ordered"]
        assert found["missing"] == found["silent"] == 0
        assert found["agreement"]["value"] == pytest.approx(
            (found["right"] + found["tied"] / 2) / found["of"], abs=1e-4
        )
        if cell["config"] == "XYC":
            assert found["right"] == cell["same_track"]["right"]
    about = document["systems"]["near"]
    assert (about["space"], about["triplets_covered"], about["triplets"]) == ("toy-1", 144, 144)


def test_the_papers_models_and_the_strict_ones_are_measured_on_the_mix(clone, tmp_path):
    folder, made = clone
    file = write_vectors(tmp_path / "four.npz", made, facets=("mix", "vocals", "drums", "bass", "other"))
    document = measured("--data", folder, "--embeddings", file, "--perspective", "overall")
    paper = document["paper"]["overall"]
    assert set(paper["systems"]["four"]) == {"mix", "4 stems + mix"}
    assert set(paper["systems"]["four"]["4 stems + mix"]) == {"ols", "ridge"}
    assert paper["of"] == sum(cell["kept_ordered"] for cell in document["cells"] if _is_mix(cell))
    ordered = [c["systems"]["four"]["mix.overall"]["ordered"] for c in document["cells"] if _is_mix(c)]
    right, tied, of = (sum(counts[name] for counts in ordered) for name in ("right", "tied", "of"))
    assert paper["systems"]["four"]["mix"]["cosine"]["mean"] == pytest.approx((right + tied / 2) / of, abs=0.03)
    for config, part in document["strict"]["overall"].items():
        models = part["models"]
        assert {name for name in models if name.startswith("four")} == {
            "four: mix",
            "four: 4 stems + mix",
            "four: 4 stems + mix, weights not negative",
        }
        kept = [c for c in document["cells"] if _is_mix(c) and c["config"] == config]
        assert {found["of"] for found in models.values()} == {kept[0]["kept"]}
        assert len(part["comparisons"]) == len(models) * (len(models) - 1) // 2
        assert set(models["four: 4 stems + mix"]["weights"]) >= {"vocals.overall", "mix.overall"}
        best = max(models, key=lambda name: models[name]["agreement"]["value"])
        rows = [row for row in sections(document)["Which model is better"] if row.startswith(f"| overall | {config} |")]
        assert sorted(row.split(" | ")[3] for row in rows) == sorted(set(models) - {best})
        assert {row.split(" | ")[2] for row in rows} == {best}


def _is_mix(cell: dict) -> bool:
    """Whether a cell is of the triplets that weighted models are measured on."""
    return (cell["part"], cell["cutoff"]) == ("mix", 0.8)


def test_missing_clips_are_ties_and_told_of(clone, tmp_path):
    folder, rows = clone
    some = [row for row in rows if row["reference"].startswith("set0")]
    file = write_vectors(tmp_path / "half.npz", some)
    result = run("--data", folder, "--embeddings", file, "--perspective", "overall", "--json")
    document = json.loads(result.stdout)
    covered = document["systems"]["half"]["triplets_covered"]
    assert f"'half' has all three clips of {covered} of 144 triplets: the others count as ties." in result.stderr
    cells = [cell["systems"]["half"]["mix.overall"] for cell in document["cells"]]
    assert all(cell["tied"] >= cell["missing"] > 0 for cell in cells)
    assert 0 < document["systems"]["half"]["triplets_covered"] < 144


def test_the_same_seed_gives_the_same_report_and_no_answers(clone, tmp_path):
    pytest.importorskip("matplotlib")
    folder, rows = clone
    file = write_vectors(tmp_path / "heads.npz", rows, facets=("timbre", "rhythm", "melody"))
    reports = [tmp_path / "one", tmp_path / "two"]
    for report in reports:
        result = run("--data", folder, "--embeddings", file, "--perspective", "overall", "--report", report)
        assert result.exception is None, result.exception
        assert result.stdout == ""
    written = [{path.relative_to(r): path.read_bytes() for path in r.rglob("*.*")} for r in reports]
    assert written[0] == written[1]
    assert {str(path) for path in written[0]} >= {"abx.md", "abx/results.json", "abx/agreement.svg", "abx/weights.svg"}
    page = (reports[0] / "abx.md").read_text()
    for said in ("as the paper counts", "McNemar's exact p", "no music", "a timbre head is above 50 there"):
        assert said in page
    assert "CLAP cosine, published" in page
    assert "Not run here" not in page
    assert "subject" not in page + (reports[0] / "abx" / "results.json").read_text()


def test_a_report_without_vectors_says_what_is_not_run_and_how_to_run_it(clone, tmp_path):
    pytest.importorskip("matplotlib")
    folder, _ = clone
    assert run("--data", folder, "--perspective", "overall", "--report", tmp_path / "docs").exception is None
    page = (tmp_path / "docs" / "abx.md").read_text()
    assert "Not run here" in page
    assert "soundalike embed --encoder muq-mulan" in page


def test_tables_are_printed_where_no_report_is_wanted(clone):
    result = run("--data", clone[0], "--perspective", "overall")
    assert result.exception is None, result.exception
    assert "| overall | XAB | kept (limit) | " in result.stdout
    assert "| XAB | 0.20 [0.10, 0.30] |" in result.stdout
    assert "not as in the version" in result.stderr


def test_vectors_of_other_clips_are_refused(clone, tmp_path):
    np.savez(tmp_path / "other.npz", paths=np.array(["mix/999-1"]), mix=np.ones((1, 2), np.float32))
    result = run("--data", clone[0], "--embeddings", tmp_path / "other.npz")
    assert isinstance(result.exception, UsageError)
    assert "none of the triplets" in str(result.exception)


def test_systems_have_names_of_their_own(clone, tmp_path):
    (tmp_path / "again").mkdir()
    files = [write_vectors(folder / "same.npz", clone[1]) for folder in (tmp_path, tmp_path / "again")]
    result = run("--data", clone[0], "--embeddings", files[0], "--embeddings", files[1])
    assert isinstance(result.exception, UsageError)
    assert "'same'" in str(result.exception)


def test_faulty_vectors_and_folders_are_refused_before_anything_is_measured(clone, tmp_path):
    np.savez(tmp_path / "bad.npz", paths=np.array(["mix/1-1"]), mix=np.ones((3, 2), np.float32))
    assert isinstance(run("--data", clone[0], "--embeddings", tmp_path / "bad.npz").exception, ShapeError)
    assert isinstance(run("--data", tmp_path).exception, NotFoundError)
    assert run("--data", clone[0], "--perspective", "groove").exit_code == 2


# the real answers, where they are


@pytest.fixture
def real(outside_data):
    if not (outside_data / "inst_sim_abx" / "csvs").is_dir():
        pytest.skip("outside data is not here")
    return outside_data / "inst_sim_abx"


def test_on_the_real_answers_every_cell_has_its_triplets_its_ceiling_and_k_of_n(real, tmp_path, monkeypatch):
    """Counted here from the votes per triplet, without the package; the vectors know the track and nothing else."""
    monkeypatch.setattr(run_module, "paper_part", lambda *_, seed: {})
    monkeypatch.setattr(run_module, "strict_part", lambda *_, seed: {})
    kept: Counter[tuple] = Counter()
    same_track: Counter[tuple] = Counter()
    sounds = {}
    with (real / "abx_aggregated.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            a, b = int(row["n_A"]), int(row["n_B"])
            for cutoff in (0.75, 0.80):
                key = (row["config"], row["instrument"], row["perspective"], cutoff)
                agreed = a != b and max(a, b) / (a + b) >= cutoff
                kept[key] += agreed
                same_track[key] += agreed and row["config"] == "XYC" and a > b
            sounds |= {(row["instrument"], int(row[f"{x}_track"]), int(row[f"{x}_seg"])): None for x in "xab"}
    tracks = sorted({track for _, track, _ in sounds})
    rows = np.array([[float(track == one) for one in tracks] for _, track, _ in sounds], np.float32)
    paths = np.array([f"{part}/{track}-{segment}" for part, track, segment in sounds])
    np.savez(tmp_path / "track.npz", paths=paths, mix=rows)
    document = measured("--data", real, "--embeddings", tmp_path / "track.npz")
    cells = {(cell["config"], cell["part"], cell["perspective"], cell["cutoff"]): cell for cell in document["cells"]}
    assert len(cells) == len(document["cells"]) == 2 * 6 * 4 * 2
    assert {key: cell["kept"] for key, cell in cells.items()} == kept
    for key, cell in cells.items():
        assert 0.85 < cell["ceiling"]["limit"] < 1
        assert 0.7 < cell["ceiling"]["one_versus_rest"] < 1
        found = cell["systems"]["track"]["mix.overall"]
        assert (found["right"], found["of"]) == (same_track[key], kept[key])
        assert found["tied"] == (kept[key] if key[0] == "XAB" else 0)
    assert cells["XYC", "mix", "overall", 0.80]["systems"]["track"]["mix.overall"]["right"] == 198
