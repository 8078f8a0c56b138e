"""Parts are run once, results are kept, and the page holds every figure with its command."""

from __future__ import annotations

import json
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from soundalike.cli import main
from soundalike.errors import MissingExtraError, UnknownNameError, UsageError
from soundalike.facets import Facet
from soundalike.research.evaluation import factor_matrix as evaluation
from soundalike.research.evaluation import parts as parts_module
from soundalike.research.evaluation.factor_matrix import draw_groups, factor_matrix
from soundalike.research.evaluation.hubness import score_hubness
from soundalike.research.evaluation.invariance import score_invariance, versions
from soundalike.research.evaluation.metrics import TEMPO_ORACLE
from soundalike.research.evaluation.parts import Part, Plan, parts_of, read_results, run_parts, write_results
from soundalike.research.evaluation.report import RESULTS, page, section, write_report
from soundalike.research.evaluation.tasks import Task, judge


@dataclass(frozen=True)
class Named:
    name: str
    space: str = "one"

    def load(self):
        raise AssertionError("nothing is heard in these tests")


@contextmanager
def no_bar(_name):
    yield lambda done, total: None


def some_vectors(rows: int) -> list[dict]:
    rng = np.random.default_rng(0)
    return [{Facet("melody"): rng.normal(size=(rows, 8)).astype(np.float32)} for _ in range(4)]


@pytest.fixture(scope="module")
def document() -> dict:
    """Results of every part for two systems."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("soundalike.research.evaluation.factor_matrix.render", lambda spec: spec)
        matrix = factor_matrix(lambda specs: {}, draw_groups(2)).to_json()
    invariance = score_invariance(some_vectors(1 + len(versions(["tempo", "noise"]))), ["tempo", "noise"])
    hubness = score_hubness(some_vectors(3), k=2)
    right = np.eye(3, dtype=np.bool_)
    task = Task("the same thing", "melody", right, np.ones_like(right), ["a", "b", "c"], "tracks")
    tasks = {"things": judge(task, {"melody": np.eye(3), TEMPO_ORACLE: np.zeros((3, 3))})}
    results = {"matrix": matrix, "invariance": invariance, "hubness": hubness, "recordings/music": tasks}
    systems = {name: {"space": f"{name}-1", "result": None} for name in ("default", "mfcc")}
    return {
        "command": Plan(("matrix",), groups=2, seed=7).command,
        "missing": {"recordings/pop909": "no data folder was given"},
        "parts": {
            part: {
                "settings": {"seed": 7, "groups": 2},
                "systems": {name: system | {"result": result} for name, system in systems.items()},
            }
            for part, result in results.items()
        },
    }


def test_page_names_command_seed_and_what_was_not_run(document: dict) -> None:
    text = page(document)
    assert "`soundalike research evaluate --report DIR --only matrix --groups 2 --seed 7`" in text
    assert "seed 7" in text
    assert "- recordings/pop909: no data folder was given." in text
    assert "| default |" in text
    assert "`mfcc-1`" in text


def test_rhythm_stands_beside_the_tempo_oracle_on_negatives_of_its_tempo(document: dict) -> None:
    lines = section("matrix", document["parts"])
    header = next(line for line in lines if line.startswith("| hard, own head"))
    assert "| rhythm, same tempo |" in header
    oracle = next(line for line in lines if line.startswith(f"| {TEMPO_ORACLE} |"))
    assert "| 100 [100, 100] | 50 [50, 50] |" in oracle


def test_tables_have_as_many_cells_as_their_header(document: dict) -> None:
    width = None
    for line in page(document).splitlines():
        if not line.startswith("|"):
            width = None
            continue
        cells = line.count("|")
        assert width in (None, cells), line
        width = cells


def test_tasks_show_own_facet_oracle_and_chance(document: dict) -> None:
    lines = section("recordings", document["parts"])
    assert "| things | melody | first | 100 [100, 100] | 100 [100, 100] | 33 [33, 33] | 33 |" in lines
    assert any("so few say little" in line for line in lines)


def test_report_writes_page_and_plots_and_the_same_again(document: dict, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not here")
    written = write_report(tmp_path / "a", document)
    names = {path.name for path in written}
    assert {"evaluation.md", "matrix.svg", "hubness.svg", "invariance-default.svg", "invariance-mfcc.svg"} == names
    text = (tmp_path / "a" / "evaluation.md").read_text("utf-8")
    for path in written[1:]:
        assert path.read_text("utf-8").startswith("<?xml")
        assert f"](evaluation/{path.name})" in text
    again = write_report(tmp_path / "b", document)
    assert [path.read_bytes() for path in again] == [path.read_bytes() for path in written]


def test_missing_matplotlib_says_what_to_install(document: dict, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"soundalike\[research\]"):
        write_report(tmp_path, document)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, list[str]]]:
    """A plan of two parts whose runs are counted."""
    runs: list[tuple[str, list[str]]] = []

    def fake(plan: Plan):
        def part(name: str) -> Part:
            def measure(run):
                runs.append((name, [system.name for system in run.systems]))
                return {system.name: {"of": system.name} for system in run.systems}

            return Part({"seed": plan.seed}, measure)

        return {name: part(name) for name in plan.only}, {}

    monkeypatch.setattr(parts_module, "parts_of", fake)
    return runs


def test_a_part_is_not_run_again_for_the_same_settings_and_space(counted, tmp_path: Path) -> None:
    path, plan = tmp_path / RESULTS, Plan(("matrix", "hubness"))
    systems = [Named("default"), Named("mfcc")]

    def run(plan: Plan, systems: list[Named]) -> dict:
        known = read_results(path)
        return run_parts(plan, systems, known=known, save=lambda d: write_results(path, d), bar=no_bar)

    first = run(plan, systems)
    assert counted == [("matrix", ["default", "mfcc"]), ("hubness", ["default", "mfcc"])]
    assert run(plan, systems) == first == read_results(path)
    assert len(counted) == 2
    run(plan, [Named("default", "two"), Named("mfcc")])  # only what has changed
    assert counted[2:] == [("matrix", ["default"]), ("hubness", ["default"])]
    run(Plan(("matrix",), seed=1), [Named("mfcc")])  # other settings: old results do not stand beside new ones
    assert counted[4:] == [("matrix", ["mfcc"])]
    left = read_results(path)["parts"]
    assert list(left["matrix"]["systems"]) == ["mfcc"]
    assert list(left["hubness"]["systems"]) == ["default", "mfcc"]


def test_a_run_that_is_stopped_keeps_the_parts_that_are_done(counted, tmp_path: Path) -> None:
    path = tmp_path / RESULTS

    def save(document: dict) -> None:
        write_results(path, document)
        if len(document["parts"]) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_parts(Plan(("matrix", "hubness")), [Named("mfcc")], save=save, bar=no_bar)
    run_parts(Plan(("matrix", "hubness")), [Named("mfcc")], known=read_results(path), bar=no_bar)
    assert [name for name, _ in counted] == ["matrix", "hubness"]


def test_other_files_are_not_taken_for_results(tmp_path: Path) -> None:
    assert read_results(tmp_path / "none.json") == {}
    for content in ("[]", "no json", '{"parts": 3}'):
        (tmp_path / "x.json").write_text(content)
        with pytest.raises(UsageError, match="does not hold results"):
            read_results(tmp_path / "x.json")


def test_tasks_without_data_are_named(tmp_path: Path) -> None:
    parts, missing = parts_of(Plan(parts_module.PARTS))
    assert list(parts) == ["matrix", "invariance"]
    assert missing["recordings/groove_midi"] == "no data folder was given"
    (tmp_path / "pop909").mkdir()
    parts, missing = parts_of(Plan(("hubness", "recordings"), data=tmp_path))
    assert list(parts) == ["recordings/pop909"]
    assert missing["hubness"] == "the data folder has no music/index.csv"
    with pytest.raises(UnknownNameError, match="'speed' is not a part"):
        Plan(("speed",))


def evaluate(*words: str) -> int:
    return main(["research", "evaluate", *words])


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups of short clips."""
    make = evaluation.factor_group
    monkeypatch.setattr(evaluation, "factor_group", lambda seed, split, **_: make(seed, split, duration=1.0))


def test_command_prints_the_matrix_or_one_json_document(quick, capsys) -> None:
    assert evaluate("--groups", "1", "--jobs", "1") == 0
    table = capsys.readouterr().out
    assert "hard triplets: % right" in table
    assert TEMPO_ORACLE in table
    assert evaluate("--groups", "1", "--jobs", "1", "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["parts"]["matrix"]["settings"]["groups"] == 1
    assert list(document["parts"]["matrix"]["systems"]) == ["default"]


def test_command_writes_a_report_and_goes_on_with_it(quick, tmp_path: Path, monkeypatch) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not here")
    words = ("--only", "matrix", "--groups", "1", "--jobs", "1", "--systems", "default", "--report", str(tmp_path))
    assert evaluate(*words) == 0
    assert "--groups 1 --seed 0" in (tmp_path / "evaluation.md").read_text("utf-8")
    results = (tmp_path / RESULTS).read_bytes()
    monkeypatch.setattr(parts_module, "measure_matrix", lambda *_, **__: {})
    assert evaluate(*words) == 0
    assert (tmp_path / RESULTS).read_bytes() == results
    assert evaluate(*words, "--fresh") == 1  # now it is measured


@pytest.mark.parametrize(
    "words",
    [("--only", "speed"), ("--systems", "nobody"), ("--groups", "0"), ("--seed", "-1"), ("--palette", "kazoos")],
)
def test_command_refuses_what_it_does_not_know(words: tuple[str, ...]) -> None:
    assert evaluate(*words) == 2
