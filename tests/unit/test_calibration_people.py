"""The weights of the people who answered Inst-Sim-ABX, against figures that another program had from the same answers.

The answers (github.com/zume06/Inst-Sim-ABX-Dataset; arXiv 2502.02138) are not part of the project.
"""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest

from soundalike.calibration.estimator import WeightCalibrator
from soundalike.calibration.fitting import calibrate
from soundalike.calibration.model import Model
from soundalike.calibration.votes import Votes
from soundalike.facets import Facet, Weights

PARTS = ("drums", "bass", "guitar", "piano", "residuals")
SIDES = {"A": 1.0, "B": -1.0, "N": 0.0}


def rows_of(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        pytest.skip("outside data is not here")
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def counts(folder: Path, config: str) -> dict[tuple[str, str, str], tuple[int, int]]:
    """Votes for A and B on overall likeness by set, sample and part."""
    return {
        (row["set"], row["sample"], row["instrument"]): (int(row["n_A"]), int(row["n_B"]))
        for row in rows_of(folder / "inst_sim_abx" / "abx_aggregated.csv")
        if row["config"] == config and row["perspective"] == "overall"
    }


def parts_and_mix(folder: Path, config: str) -> tuple[np.ndarray, np.ndarray]:
    """Mean answers on each part, (240, 5), and votes on the mix, (240, 2)."""
    votes = counts(folder, config)
    places = sorted({key[:2] for key in votes})
    X = [[(a - b) / (a + b) for a, b in (votes[*place, part] for part in PARTS)] for place in places]
    return np.array(X), np.array([votes[*place, "mix"] for place in places])


@pytest.mark.parametrize(
    ("config", "expected"), [("XAB", [0.30, 0.04, 0.22, 0.09, 0.17]), ("XYC", [0.11, 0.23, 0.18, 0.28, 0.20])]
)
def test_how_much_each_part_counts_in_the_mix_is_what_was_found_before(outside_data, config, expected):
    X, votes = parts_and_mix(outside_data, config)
    found = WeightCalibrator("ols").fit(X, (votes[:, 0] - votes[:, 1]) / votes.sum(axis=1))
    assert found.coef_.round(2).tolist() == expected


def test_within_a_person_overall_likeness_weighs_timbre_rhythm_and_melody_alike(outside_data):
    given = rows_of(outside_data / "inst_sim_abx" / "csvs" / "inst_sim_abx_answers.csv")
    real = [row for row in given if not row["reference"].startswith("samples/")]  # the others check attention
    answers = [row for row in real if Path(row["sample_a"]).name[0] in "AB"]
    assert len(answers) == 13476
    X = [[SIDES[row[f"answer_{factor}"][0]] for factor in ("timbre", "rhythm", "melody")] for row in answers]
    y = [SIDES[row["answer_total"][0]] for row in answers]
    found = WeightCalibrator("logistic", alpha=1e-3).fit(X, y)
    np.testing.assert_allclose(found.coef_, [3.68, 3.61, 3.73], atol=0.03)


def test_parts_of_a_mix_do_not_show_a_gain_over_even_weights_but_drums_outweigh_the_bass(outside_data):
    X, counted = parts_and_mix(outside_data, "XAB")
    facets = [Facet(name) for name in ("drums", "bass", "guitar", "piano", "other")]
    places, sides = np.tile(np.arange(240), 2), np.repeat([1.0, -1.0], 240)
    times = counted.T.ravel()
    names = tuple((str(i), "a", "b") for i in range(240))
    votes = Votes(names, np.repeat(places, times), np.repeat(sides, times), np.zeros(times.sum(), np.intp))
    even = Weights(dict.fromkeys(facets, 1.0))
    found = calibrate(votes, X, facets, before=even, model=Model("ridge"), resamples=300)
    assert found.votes == 1356
    assert not found.gain.is_shown
    assert found.intervals[facets[0]].low > found.intervals[facets[1]].value


def one_answer_each(folder: Path) -> list[tuple[str, list[tuple[list[float], float, bool]]]]:
    """By triplet of XAB the track of its reference, and of each listener the factor votes, the vote and its sign."""
    given = rows_of(folder / "inst_sim_abx" / "csvs" / "inst_sim_abx_answers.csv")
    found: dict[str, list[tuple[list[float], float, bool]]] = {}
    for row in given:
        if not row["reference"].startswith("samples/") and Path(row["sample_a"]).name[0] in "AB":
            factors = [SIDES[row[f"answer_{factor}"][0]] for factor in ("timbre", "rhythm", "melody")]
            total = row["answer_total"]
            found.setdefault(row["reference"], []).append((factors, SIDES[total[0]], total[1] == "+"))
    return [(name.split("_")[1].split("-")[0], votes) for name, votes in found.items() if len(votes) >= 6]


def agreement_by_strength(asked, unsure: float, seed: int) -> float:
    """Held-out agreement of weights from 60 single answers, of which unsure ones count so much; half is held out.

    Some listeners' factor votes are the facets, another listener's overall vote is the answer, and the majority of the
    others is what has to be said of tracks that were not learned from.
    """
    rng = np.random.default_rng(seed)
    songs = sorted({song for song, _ in asked})
    learned = set(rng.permutation(songs)[: len(songs) // 2])
    rows: dict[bool, list[tuple]] = {True: [], False: []}
    for song, votes in asked:
        order = rng.permutation(len(votes))
        half = len(votes) // 2
        facets = np.mean([votes[i][0] for i in order[:half]], axis=0)
        _, side, sure = votes[order[half]]
        rows[song in learned].append((facets, side, sure, np.sign(sum(votes[i][1] for i in order[half:]))))
    X, y, sure, _ = zip(*(rows[True][i] for i in rng.permutation(len(rows[True]))[:60]), strict=True)
    weight = np.where(sure, 1.0, unsure)
    # Of equal sum, or less weight would be a stronger ridge, which is another thing to try.
    weight *= len(weight) / weight.sum()
    found = Model("logistic", alpha=1.0).fit(np.array(X), np.array(y), weight)
    tested, _, _, majority = (np.array(each) for each in zip(*rows[False], strict=True))
    outcomes = 0.5 + 0.5 * np.sign(tested @ found.coef) * majority
    return float(outcomes[majority != 0].mean())


def test_counting_unsure_answers_less_shows_no_gain_on_tracks_that_were_held_out(outside_data):
    asked = one_answer_each(outside_data)
    assert len(asked) > 1200
    gains = [agreement_by_strength(asked, 0.5, seed) - agreement_by_strength(asked, 1.0, seed) for seed in range(40)]
    assert abs(np.mean(gains)) < 0.005
