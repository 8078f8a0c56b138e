"""What listeners' own answers weigh, as numbers, and on the real answers, where they are, row by row as computed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from soundalike.research.datasets.inst_sim_abx import STEMS, InstSimAbx
from soundalike.research.listeners.factor_votes import FACTORS, factor_votes
from soundalike.research.listeners.human_tables import human_tables, with_interval
from soundalike.research.listeners.human_weights import human_part
from test_human_answers import MadeUp, answers

ROWS = (*STEMS, "all")


@pytest.fixture(scope="module")
def made_up():
    """Numbers of made-up listeners of the mix; one config has too few of them for all but the first table."""
    given = answers(np.random.default_rng(1), np.array([2.0, 1.0, 0.25]))
    alone = answers(np.random.default_rng(2), np.ones(3), config="XYC", triplets=4, listeners=1)
    return human_part(MadeUp([*given, *alone]))


def test_cells_are_numbers_with_names_and_intervals_and_no_text(made_up):
    assert json.loads(json.dumps(made_up, allow_nan=False)) == made_up
    cells = [(cell["config"], cell["part"]) for cell in made_up["within_person"]]
    assert cells == [("XAB", "mix"), ("XAB", "all"), ("XYC", "mix"), ("XYC", "all")]
    assert [cell["config"] for cell in made_up["between_persons"]] == ["XAB", "XAB"]
    assert made_up["parts"] == []
    for cell in (made_up["within_person"][0], *made_up["between_persons"]):
        assert set(cell["factors"]) == set(FACTORS)
        for numbers in cell["factors"].values():
            weight = numbers["weight"]
            assert weight["low"] < weight["value"] < weight["high"]
    timbre, rhythm, melody = made_up["between_persons"][1]["factors"].values()
    assert timbre["weight"]["low"] > rhythm["weight"]["high"] > melody["weight"]["value"]
    assert timbre["of_sum"] + rhythm["of_sum"] + melody["of_sum"] == pytest.approx(1, abs=1e-4)


def test_every_number_stands_in_a_table_whose_rows_are_as_wide_as_its_head(made_up):
    within, between, parts = human_tables(made_up).values()
    assert (len(within), len(between), len(parts)) == (2 + 4, 2 + 2, 2)
    assert all(line.count("|") == lines[0].count("|") for lines in (within, between, parts) for line in lines)
    cell = made_up["within_person"][0]
    assert f"| XAB | mix | {cell['votes']} | {cell['factors']['timbre']['weight']['value']:.2f} (" in within[2]
    assert with_interval({"value": 0.5, "low": 0.25, "high": 0.75}, 100, 0) == "50 [25, 75]"
    assert with_interval({"value": None, "low": None, "high": None}) == "-"


# the real answers


@pytest.fixture(scope="module")
def real():
    folder = Path(os.environ.get("SOUNDALIKE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "inst_sim_abx"
    if not (folder / "csvs").is_dir():
        pytest.skip("outside data is not here")
    return InstSimAbx(folder)


@pytest.fixture(scope="module")
def humans(real):
    return human_part(real)


def cells_of(humans, name, config):
    found = {cell["part"]: cell for cell in humans[name] if cell["config"] == config}
    assert tuple(found) == ROWS
    return found


WITHIN = {
    "XAB": """2421  3.69 3.94 3.60  .24 .23 .28  27 43 31  74.5 83.4 73.6  94.1   618  42.7 61.8 84.3
              2429  3.83 3.62 3.75  .30 .28 .29  26 35 39  76.0 83.5 84.0  96.8   615  40.6 71.5 80.7
              2425  4.12 3.77 4.04  .29 .24 .29  24 35 40  74.3 82.4 83.4  97.0   567  44.1 67.7 79.6
              2424  3.50 3.26 3.66  .24 .23 .24  24 34 42  72.9 80.6 82.7  96.6   664  41.5 69.0 80.1
              2421  3.85 3.43 3.74  .21 .21 .21  25 34 41  75.9 82.9 85.6  96.3   543  48.1 64.4 75.6
              1356  3.60 3.57 3.84  .40 .38 .33  22 34 43  74.2 82.8 85.5  96.5   322  43.8 65.1 81.1
             13476  3.68 3.61 3.73  .10 .11 .10  25 36 39  74.7 82.6 82.2  96.2  3329  43.3 66.8 80.0""",
    "XYC": """2408  3.59 3.39 2.86  .39 .34 .42  35 38 27  91.0 94.1 81.3  98.3
              2422  3.67 3.31 3.47  .34 .33 .35  29 33 38  87.2 90.2 91.2  98.0
              2412  3.76 2.80 3.20  .38 .30 .32  32 31 37  91.9 92.2 93.9  98.7
              2416  3.61 2.84 3.17  .40 .35 .29  33 30 37  92.5 91.5 94.2  98.7
              2412  3.37 2.97 3.24  .36 .33 .32  32 31 37  91.0 90.7 93.2  98.8
              1352  3.97 3.74 4.01  .53 .73 .77  29 33 37  91.5 93.6 94.5  98.9
             13422  3.58 3.10 3.24  .16 .13 .17  32 33 35  90.8 91.9 91.1  98.5  1627  53.3 59.9 77.5""",
}
"""Votes; weights; their errors; shares of R2; single factors; all three; conflicts, and which factor they follow."""


@pytest.mark.parametrize("config", WITHIN)
def test_factor_weights_within_a_person_are_as_computed(humans, config):
    found = cells_of(humans, "within_person", config)
    for (part, cell), row in zip(found.items(), WITHIN[config].split("\n"), strict=True):
        votes, *expected = map(float, row.split())
        weights, errors, shares, single = np.array(expected[:12]).reshape(4, 3)
        factors = cell["factors"].values()
        assert cell["votes"] == votes
        assert [each["weight"]["value"] for each in factors] == pytest.approx(weights, abs=0.035), part
        assert [each["error"] for each in factors] == pytest.approx(errors, rel=0.4), part  # drawn
        assert [100 * each["share"] for each in factors] == pytest.approx(shares, abs=0.6), part
        assert [100 * each["single"] for each in factors] == pytest.approx(single, abs=0.0501), part
        assert 100 * cell["joint"] == pytest.approx(expected[12], abs=0.5), part  # folds are drawn
        if expected[13:]:
            assert cell["conflicts"] == expected[13]
            followed = [100 * each["followed"]["value"] for each in factors]
            assert followed == pytest.approx(expected[14:], abs=0.0501), part


BETWEEN = {
    "XAB": """.34 .42 .17  36 45 18  80.3  70.6 75.8 71.8  78.9
              .22 .32 .36  24 35 40  80.4  68.9 77.4 77.2  78.6
              .38 .28 .25  42 31 28  76.6  73.5 72.6 73.6  74.6
              .32 .36 .22  36 40 24  77.4  69.8 72.9 73.7  77.1
              .41 .26 .24  45 29 26  81.3  77.1 76.0 76.0  78.2
              .27 .27 .20  36 37 27  74.1  68.3 69.3 69.5  72.4
              .33 .33 .23  37 37 26  78.3  71.6 74.0 73.7  76.6""",
    "XYC": """.53 .44 .08  51 42  7  97.3  96.6 95.2 93.9  97.1
              .44 .25 .32  44 25 32  95.0  92.3 88.9 92.1  94.4
              .49 .19 .33  49 19 33  96.3  94.9 93.8 94.6  95.7
              .55 .18 .27  55 18 27  96.8  95.9 94.4 95.8  96.8
              .51 .24 .24  52 24 24  94.8  93.0 92.2 92.6  93.7
              .32 .25 .40  33 25 42  93.8  90.9 91.6 92.8  92.8
              .48 .31 .23  47 30 23  95.6  93.9 92.8 93.6  95.2""",
}
"""Weights; of their sum; all three; single factors; the other half's own overall choice."""


@pytest.mark.parametrize("config", BETWEEN)
def test_factor_weights_between_persons_are_as_computed(humans, config):
    found = cells_of(humans, "between_persons", config)
    for (part, cell), row in zip(found.items(), BETWEEN[config].split("\n"), strict=True):
        expected = [float(number) for number in row.split()]
        factors = cell["factors"].values()
        # halves are drawn
        assert [each["weight"]["value"] for each in factors] == pytest.approx(expected[:3], abs=0.04), part
        assert [100 * each["of_sum"] for each in factors] == pytest.approx(expected[3:6], abs=5), part
        shares = [cell["joint"], *(each["single"] for each in factors), cell["overall"]]
        assert [100 * share for share in shares] == pytest.approx(expected[6:], abs=1.5), part


INSTRUMENTS = {
    "XAB": "0.30 0.04 0.22 0.09 0.17  0.07 0.07 0.07 0.07 0.07  0.41",
    "XYC": "0.11 0.23 0.18 0.28 0.20  0.09 0.07 0.11 0.11 0.08  0.25",
}


@pytest.mark.parametrize("config", INSTRUMENTS)
def test_instrument_weights_are_as_computed(humans, config):
    (found,) = (cell for cell in humans["parts"] if cell["config"] == config)
    expected = [float(number) for number in INSTRUMENTS[config].split()]
    assert found["triples"] == 240
    assert [each["weight"]["value"] for each in found["weights"].values()] == pytest.approx(expected[:5], abs=0.0051)
    assert [each["error"] for each in found["weights"].values()] == pytest.approx(expected[5:10], abs=0.011)
    assert found["correlation"] == pytest.approx(expected[10], abs=0.0051)


@pytest.mark.parametrize(("config", "agreeing", "overall"), [("XAB", 0.75, 0.996), ("XYC", 0.88, 0.996)])
def test_where_the_factors_agree_the_overall_choice_follows_them(real, config, agreeing, overall):
    votes = factor_votes(one for one in real.judgments() if one.context["config"] == config)
    heard = [row[row != 0] for row in votes.factors]
    same = np.array([len(row) > 0 and np.ptp(row) == 0 for row in heard])
    assert same.mean() == pytest.approx(agreeing, abs=0.005)
    follows = np.array([row[0] for row, one in zip(heard, same, strict=True) if one]) == votes.overall[same]
    assert follows.mean() > overall


def test_rhythm_and_melody_are_nearly_one_and_timbre_is_told_apart(real):
    own = [one for one in real.judgments() if one.context["config"] == "XAB"]
    found = []
    for part in STEMS:
        factors = factor_votes(one for one in own if one.context["part"] == part).factors
        pairs = [factors[:, columns] for columns in ([0, 1], [0, 2], [1, 2])]
        found.append([np.mean(np.prod(pair, axis=1)[pair.all(axis=1)] > 0) for pair in pairs])
    low, high = np.min(found, axis=0), np.max(found, axis=0)
    assert low == pytest.approx([0.64, 0.69, 0.84], abs=0.005)
    assert high == pytest.approx([0.73, 0.77, 0.87], abs=0.005)
