"""The factor matrix: what perfect, blind, leaking and absent heads score."""

import json
from dataclasses import replace

import numpy as np
import pytest

from soundalike.errors import ShapeError, UsageError
from soundalike.research.evaluation import factor_matrix as evaluation
from soundalike.research.evaluation.factor_matrix import (
    HARD,
    NEUTRAL,
    FactorMatrix,
    GivenSystem,
    draw_groups,
    evaluate,
    factor_matrix,
    measure_matrix,
)
from soundalike.research.evaluation.metrics import TEMPO_ORACLE, triplet_accuracy, triplet_outcomes, with_interval
from soundalike.research.renderer import factor_group


def rows(*values: tuple[float, ...]) -> np.ndarray:
    return np.array(values, np.float32)


@pytest.fixture
def oracle(monkeypatch: pytest.MonkeyPatch):
    """An encoder that reads the specification: clips are replaced by their specs."""
    monkeypatch.setattr(evaluation, "render", lambda spec: spec)

    def code(*values: float) -> np.ndarray:
        return np.random.default_rng([int(v * 1000) for v in values]).standard_normal(64).astype(np.float32)

    def encode(specs) -> dict[str, np.ndarray]:
        return {
            "melody": np.array([code(s.melody) for s in specs]),
            "mix.rhythm": np.array([code(s.groove, s.tempo) for s in specs]),
            "groove": np.array([code(s.groove) for s in specs]),
            "timbre": np.array([code(s.harmony) for s in specs]),  # a head that hears the wrong thing
            "harmony": np.zeros((len(specs), 64), np.float32),  # one that hears nothing
            "drums.groove": np.array([code(s.timbre) for s in specs]),  # another stem, to be left out
        }

    return encode


def test_nearer_positive_is_right_farther_wrong_equal_half() -> None:
    anchor = rows((1, 0), (1, 0), (1, 0))
    positive, negative = rows((2, 1), (0, 1), (3, 3)), rows((0, 1), (2, 1), (1, 1))
    assert triplet_outcomes(anchor, positive, negative).tolist() == [1, 0, 0.5]
    assert triplet_accuracy(anchor, positive, negative) == 0.5


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_absent_facet_counts_as_a_tie(missing: int) -> None:
    three = [rows((1, 0)), rows((1, 0)), rows((0, 1))]
    three[missing] = rows((0, 0))
    assert triplet_outcomes(*three).tolist() == [0.5]


def test_rows_that_do_not_match_are_refused() -> None:
    with pytest.raises(ShapeError, match=r"\(2, 2\)"):
        triplet_outcomes(rows((1, 0)), rows((1, 0), (0, 1)), rows((1, 0)))


def test_interval_holds_the_mean_and_narrows_with_more_groups() -> None:
    few, many = (with_interval(np.tile([1.0, 1.0, 0.0, 1.0], n)) for n in (5, 80))
    assert few.low < few.value == 0.75 < few.high
    assert many.high - many.low < 0.5 * (few.high - few.low)
    assert with_interval(np.ones(9)).low == 1.0
    assert with_interval(np.tile([1.0, 0.0], 9), seed=1) == with_interval(np.tile([1.0, 0.0], 9), seed=1)


def test_right_head_scores_all_wrong_head_none_silent_head_half(oracle) -> None:
    hard = evaluate(oracle, groups=6).cells["hard"]
    assert hard["melody"]["melody"].value == 1.0
    assert hard["rhythm"]["rhythm"].value == hard["rhythm"]["rhythm, same tempo"].value == 1.0
    assert hard["groove"]["groove"].value == 1.0
    assert hard["timbre"]["harmony"].value == 1.0
    assert hard["timbre"]["timbre"].value == 0.0
    assert {cell.value for cell in hard["harmony"].values()} == {0.5}
    assert {cell.value for cell in hard["overall"].values()} == {0.5}


def test_neutral_triplets_leave_unrelated_heads_near_chance(oracle) -> None:
    neutral = evaluate(oracle, groups=60).cells["neutral"]
    assert neutral["melody"]["melody"].value == 1.0
    for probe in ("rhythm", "timbre", "harmony"):
        assert 0.25 < neutral["melody"][probe].value < 0.75


def test_tempo_oracle_solves_rhythm_but_not_groove(oracle) -> None:
    cells = evaluate(oracle, groups=6).cells
    hard, neutral = cells["hard"][TEMPO_ORACLE], cells["neutral"][TEMPO_ORACLE]
    assert hard["rhythm"].value == neutral["rhythm"].value == 1.0
    assert hard["rhythm, same tempo"].value == neutral["groove"].value == 0.5
    assert hard["groove"].value == hard["melody"].value == 0.0


def test_result_is_plain_json_and_a_table_with_every_cell(oracle) -> None:
    matrix = evaluate(oracle, groups=3)
    document = json.loads(json.dumps(matrix.to_json()))
    assert (document["groups"], document["split"], document["chance"]) == (3, "test", 0.5)
    assert set(document["accuracy"]["hard"]["melody"]) == set(HARD)
    assert set(document["accuracy"]["neutral"]["melody"]) == set(NEUTRAL)
    table = matrix.table()
    assert table.count("melody ") >= 2
    assert table.count("[") == 2 + 7 * (len(HARD) + len(NEUTRAL)) + 1
    assert f"{matrix.off_diagonal}; blind heads: 50" in table


def test_evaluate_gives_rendered_mono_clips_and_reports_progress() -> None:
    told, shapes = [], set()

    def encode(clips):
        shapes.update((clip.rate, clip.samples.shape) for clip in clips)
        return {"timbre": np.array([[clip.samples.std(), 1.0] for clip in clips], np.float32)}

    evaluate(encode, groups=2, duration=1.0, progress=lambda done, of: told.append((done, of)))
    assert shapes == {(22050, (1, 22050))}
    assert told == [(1, 2), (2, 2)]


def test_wrong_number_of_rows_or_groups_is_refused(oracle) -> None:
    with pytest.raises(ShapeError, match="1 rows for 12"):
        evaluate(lambda clips: {"melody": np.ones((1, 4), np.float32)}, groups=1)
    with pytest.raises(UsageError, match="0 groups"):
        evaluate(oracle, groups=0)
    with pytest.raises(UsageError, match="no groups"):
        factor_matrix(oracle, [])


def test_groups_without_a_facet_count_as_ties_not_as_errors(oracle) -> None:
    groups = [{name: replace(spec) for name, spec in factor_group(i).items()} for i in range(2)]
    cells = factor_matrix(lambda specs: {}, groups).cells
    assert {cell.value for head in cells["hard"] if head != TEMPO_ORACLE for cell in cells["hard"][head].values()} == {
        0.5
    }


def test_off_diagonal_is_half_for_heads_that_hear_nothing_else_and_tells_a_leak(oracle) -> None:
    def leaking(specs):
        tempo = oracle(specs)["mix.rhythm"]
        return dict.fromkeys(("melody", "rhythm", "timbre", "harmony"), tempo)

    assert factor_matrix(lambda specs: {}, draw_groups(3)).off_diagonal.value == 0.5
    honest = factor_matrix(oracle, draw_groups(40)).off_diagonal
    leaky = factor_matrix(leaking, draw_groups(40)).off_diagonal
    assert honest.low < 0.56  # one of its four heads hears the wrong factor, which is one cell in twelve
    assert leaky.value > honest.value  # three heads hear rhythm: three cells in twelve
    assert leaky.low > 0.5


def test_probes_whose_pieces_a_group_lacks_are_left_out(oracle) -> None:
    kept = ("A", "Z", "P_melody", "N_melody")
    groups = [{name: group[name] for name in kept} for group in draw_groups(3)]
    matrix = factor_matrix(oracle, groups)
    assert list(matrix.cells["hard"]["melody"]) == list(matrix.cells["neutral"]["melody"]) == ["melody"]
    assert matrix.cells["hard"]["melody"]["melody"].value == 1.0
    assert matrix.table()


def test_every_system_is_asked_and_hears_the_same_clips(oracle, monkeypatch: pytest.MonkeyPatch) -> None:
    rendered = []
    monkeypatch.setattr(evaluation, "render", lambda spec: rendered.append(spec) or spec)
    systems = [GivenSystem(oracle, "hearing"), GivenSystem(lambda specs: {}, "deaf")]
    matrices = measure_matrix(systems, draw_groups(2))
    assert len(rendered) == 2 * 12
    assert matrices["hearing"].cells["hard"]["melody"]["melody"].value == 1.0
    assert matrices["deaf"].cells["hard"]["melody"]["melody"].value == 0.5


def test_matrix_comes_back_from_its_json(oracle) -> None:
    matrix = evaluate(oracle, groups=3)
    assert FactorMatrix.from_json(matrix.to_json()).table() == matrix.table()


def test_palette_is_handed_on_only_if_one_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr(evaluation, "factor_group", lambda *_, **options: asked.append(options) or {})
    draw_groups(1)
    draw_groups(1, palette="fonts-test")
    assert asked == [{"duration": 10.0}, {"duration": 10.0, "palette": "fonts-test"}]
