"""What every dataset must do; a package that adds one may run this on its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from soundalike import extensions
from soundalike.errors import NotFoundError, UnknownNameError, UsageError
from soundalike.facets import FACTORS, STEMS
from soundalike.judgment_files import read_judgments, write_judgments
from soundalike.judgments import ANSWERS, FIRST, STEM, consensus
from soundalike.research.datasets import DATASETS, Dataset, load_dataset

NAMES = extensions.names("datasets", DATASETS)


def make_inst_sim_abx(folder: Path) -> Path:
    """Two triplets, one of them presented in both orders."""
    (folder / "csvs").mkdir(parents=True)
    names = "ex_name,subject_id,reference,sample_a,sample_b,answer_timbre,answer_rhythm,answer_melody,answer_total"
    trials = [
        "X_13-28.wav Y_13-8.wav C_16-39.wav A+ NA A- A+",
        "X_13-28.wav C_16-39.wav Y_13-8.wav B+ NA A- B-",
        "X_13-29.wav A_17-8.wav B_16-39.wav B+ B+ B+ B+",
    ]
    lines = [f",{names},choice_time"]
    for number, trial in enumerate(trials):
        *clips, timbre, rhythm, melody, total = trial.split()
        paths = ",".join(f"set0/0/residuals/{clip}" for clip in clips)
        lines.append(f"{number},ex202404,subject{number},{paths},{timbre},{rhythm},{melody},{total},99")
    (folder / "csvs/inst_sim_abx_answers.csv").write_text("\n".join(lines) + "\n")
    return folder


MAKERS: dict[str, Callable[[Path], Path]] = {"inst-sim-abx": make_inst_sim_abx}
"""Toy copies by name."""


@pytest.fixture(params=NAMES)
def dataset(request: pytest.FixtureRequest, tmp_path: Path) -> Dataset:
    """Every dataset, on a toy copy."""
    return load_dataset(request.param, MAKERS[request.param](tmp_path / "copy"))


def test_a_dataset_has_the_attributes_of_its_protocol(dataset):
    assert isinstance(dataset, Dataset)
    assert dataset.name
    assert dataset.licence
    assert dataset.citation


def test_judgments_speak_of_known_criteria_answers_and_stems(dataset):
    judgments = dataset.judgments()
    assert judgments
    for judgment in judgments:
        assert judgment.reference
        assert judgment.a != judgment.b
        assert judgment.criterion in FACTORS
        assert judgment.answer in ANSWERS
        assert 0 <= judgment.strength <= 1
        assert judgment.listener
        assert judgment.context.get(STEM, "mix") in STEMS
        assert judgment.context.get(FIRST, "a") in ("a", "b")


def test_sides_are_canonical_whatever_was_presented_first(dataset):
    judgments = dataset.judgments()
    assert consensus(judgments) == consensus(judgments, both_orders=False)


def test_judgments_survive_a_file(dataset, tmp_path):
    write_judgments(tmp_path / "judgments.csv", dataset.judgments())
    assert read_judgments(tmp_path / "judgments.csv") == dataset.judgments()


@pytest.mark.parametrize("name", NAMES)
def test_an_empty_folder_is_no_copy(name, tmp_path):
    with pytest.raises(NotFoundError) as caught:
        load_dataset(name, tmp_path).judgments()
    assert caught.value.remedy


def test_unknown_names_and_options_are_refused(tmp_path):
    with pytest.raises(UnknownNameError, match="not among the datasets"):
        load_dataset("inst-sim", tmp_path)
    with pytest.raises(UsageError, match="takes no colour"):
        load_dataset(NAMES[0], tmp_path, colour="blue")
