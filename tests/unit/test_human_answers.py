"""How far listeners agree and what their answers weigh, on made-up listeners of known mind."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.errors import UsageError
from soundalike.judgments import JudgedTriplet, Judgment
from soundalike.research.listeners.ceiling import (
    ceiling,
    kept_by,
    kept_by_chance,
    majority_is_true,
    mean_majority_share,
    one_versus_rest,
    pairwise_agreement,
    preferences,
)
from soundalike.research.listeners.factor_votes import between_persons, factor_votes, within_person
from soundalike.research.listeners.human_weights import PARTS, instrument_weights, mean_votes


def counts(*pairs):
    a, b = np.array(pairs).T
    return a, b


def by_hand(a, b, agreement=0.0):
    """One versus rest, vote by vote."""
    outcomes = []
    for one, other in zip(a, b, strict=True):
        ballots = [1] * one + [-1] * other
        for i, own in enumerate(ballots):
            rest = ballots[:i] + ballots[i + 1 :]
            if rest and max(rest.count(1), rest.count(-1)) / len(rest) >= agreement:
                outcomes.append(0.5 + 0.5 * np.sign(own * sum(rest)))
    return np.mean(outcomes)


# ceiling


@pytest.mark.parametrize("agreement", [0.0, 0.75, 0.8])
def test_one_versus_rest_equals_counting_vote_by_vote(agreement):
    a, b = np.random.default_rng(0).integers(0, 8, size=(2, 50))
    assert one_versus_rest(a, b, agreement=agreement) == pytest.approx(by_hand(a, b, agreement))


def test_who_votes_alone_has_no_rest_and_no_pair():
    a, b = counts((1, 0), (0, 1), (0, 0))
    assert one_versus_rest(a, b) is None
    assert pairwise_agreement(a, b) is None
    assert mean_majority_share(a, b) == 1.0
    assert mean_majority_share(*counts((0, 0))) is None


def test_pairs_of_votes_are_counted_once_each():
    assert pairwise_agreement(*counts((3, 1), (1, 1))) == pytest.approx(3 / 7)


def test_the_majority_share_is_a_mean_over_triplets_and_not_over_votes():
    assert mean_majority_share(*counts((9, 1), (1, 1))) == pytest.approx(0.7)


def people(alpha, beta, *, triplets=4000, voters=7, seed=0):
    rng = np.random.default_rng(seed)
    share = rng.beta(alpha, beta, size=triplets)
    a = rng.binomial(voters, share)
    return share, a, voters - a


def test_the_distribution_of_preferences_is_found_again():
    _, a, b = people(0.8, 0.8)
    assert preferences(a, b, symmetric=True) == pytest.approx((0.8, 0.8), rel=0.1)
    _, a, b = people(3.0, 0.7)
    assert preferences(a, b, symmetric=False) == pytest.approx((3.0, 0.7), rel=0.15)


@pytest.mark.parametrize("agreement", [0.0, 0.75])
@pytest.mark.parametrize(("alpha", "beta"), [(0.8, 0.8), (2.0, 2.0), (3.0, 0.7)])
def test_the_limit_is_what_a_predictor_scores_that_knows_what_people_prefer(agreement, alpha, beta):
    share, a, b = people(alpha, beta, triplets=20000)
    kept = kept_by(a, b, agreement)
    reached = np.mean(((share > 0.5) == (a > b))[kept])
    limit = majority_is_true(a, b, symmetric=alpha == beta)[kept].mean()
    assert limit == pytest.approx(reached, abs=0.01)


def test_unanimous_and_random_voters_have_limits_too():
    unanimous = majority_is_true(*counts(*[(9, 0), (0, 9)] * 20), symmetric=True)
    assert unanimous.min() > 0.999
    _, a, b = people(1e6, 1e6)
    assert majority_is_true(a, b, symmetric=True).mean() == pytest.approx(0.5, abs=0.03)


def test_turning_triplets_round_does_not_move_a_symmetric_limit():
    _, a, b = people(1.0, 1.0, triplets=60)
    turned = np.arange(60) % 2 == 0
    swapped = np.where(turned, b, a), np.where(turned, a, b)
    expected = majority_is_true(a, b, symmetric=True)
    decided = a != b
    np.testing.assert_allclose(majority_is_true(*swapped, symmetric=True)[decided], expected[decided], atol=1e-9)


def test_fair_coins_keep_as_many_triplets_as_the_binomial_says():
    assert kept_by_chance(np.array([1, 2, 4, 4]), 0.75) == pytest.approx(1 + 0.5 + 2 * 10 / 16)
    assert kept_by_chance(np.array([2, 4]), 0.0) == pytest.approx(0.5 + 10 / 16)


def judged(a, b, *, config="XAB", part="mix", sample=0, na=0):
    context = {"config": config, "set": "0", "sample": str(sample), "part": part}
    return JudgedTriplet(f"x{sample}", "a", "b", "overall", a, b, 0, na, context=context)


def test_configs_are_fitted_apart_and_only_what_is_kept_counts():
    xab = [judged(*votes) for votes in [(3, 1), (1, 4), (2, 2), (5, 0), (2, 3)] * 4]
    xyc = [judged(*votes, config="XYC") for votes in [(5, 0), (4, 1), (5, 0), (1, 4), (5, 0)] * 4]
    apart, both = [ceiling(one, 0.8) for one in (xab, xyc)], ceiling([*xab, *xyc], 0.8)
    assert [one["kept"] for one in (*apart, both)] == [8, 20, 28]
    assert both["limit"] == pytest.approx((8 * apart[0]["limit"] + 20 * apart[1]["limit"]) / 28, abs=1e-5)
    assert ceiling(xab, 0.8)["majority_share"] == ceiling(xab)["majority_share"]


def test_without_triplets_there_is_no_ceiling():
    assert ceiling([], 0.8) == {
        **{"kept": 0, "limit": None, "majority_share": None, "one_versus_rest": None, "pairwise": None},
        **{"votes": 0, "not_applicable": 0},
    }
    assert ceiling([judged(2, 2, na=3)], 0.8)["limit"] is None
    assert ceiling([judged(2, 2, na=3)], 0.8)["not_applicable"] == 3


# factors


def answers(rng, weights, *, triplets=80, listeners=9, config="XAB", part="mix"):
    """Listeners who hear the same three factors with noise, and choose overall by weights of what they heard."""
    given = []
    for number in range(triplets):
        truth = rng.normal(size=3)
        about = {"config": config, "set": "0", "sample": str(number), "part": part}
        for listener in range(listeners):
            heard = np.sign(truth + 0.7 * rng.normal(size=3))
            heard[rng.random(3) < 0.1] = 0
            score = heard @ weights + 0.3 * rng.logistic()
            for criterion, vote in zip(
                ("timbre", "rhythm", "melody", "overall"), (*heard, np.sign(score)), strict=True
            ):
                answer = {1: "a", -1: "b", 0: "na"}[int(vote)]
                sounds = (f"{config}{part}x{number}", f"a{number}", f"b{number}")
                given.append(Judgment(*sounds, criterion, answer, 1.0, f"me{listener}", about))
    return given


@pytest.fixture(scope="module")
def given():
    return answers(np.random.default_rng(1), np.array([2.0, 1.0, 0.25]))


def test_votes_of_one_listener_on_one_triplet_are_brought_together(given):
    votes = factor_votes(given)
    assert votes.factors.shape == (720, 3)
    assert set(np.unique(votes.overall)) == {-1.0, 1.0}
    assert len(set(votes.triplet)) == len(set(votes.source)) == 80


def test_unnamed_listeners_repeats_and_missing_overall_votes_are_left_out():
    def judge(answer, criterion="overall", listener="me", a="a", b="b"):
        return Judgment("x", a, b, criterion, answer, 1.0, listener)

    votes = factor_votes(
        [
            *(judge("b", "timbre"), judge("a"), judge("b"), judge("a", listener=""), judge("a", "timbre", "other")),
            *(judge("tie", listener="third"), judge("a", listener="fourth", a="b", b="a")),
        ]
    )
    assert votes.factors.tolist() == [[-1, 0, 0], [0, 0, 0]]
    assert votes.overall.tolist() == [1, -1]
    assert len(set(votes.triplet)) == 1
    with pytest.raises(UsageError, match="no overall votes"):
        factor_votes([judge("tie"), judge("a", "timbre")])


def test_what_weighs_most_is_found_within_and_between_persons(given):
    votes = factor_votes(given)
    within, between = within_person(votes), between_persons(votes)
    for found in (within.weights, within.shares, within.followed, between.weights, between.single):
        assert sorted(found, reverse=True) == list(found)
    assert sum(within.shares) == pytest.approx(1)
    assert within.joint > max(within.single)
    assert 0.5 < between.overall < between.joint


def test_weights_are_those_of_an_unpenalised_logistic_model(given):
    linear_model = pytest.importorskip("sklearn.linear_model")
    votes = factor_votes(given)
    model = linear_model.LogisticRegression(C=1e6, fit_intercept=False, tol=1e-8).fit(votes.factors, votes.overall)
    assert within_person(votes, draws=2).weights == pytest.approx(model.coef_[0], abs=1e-3)


def test_turning_triplets_round_changes_no_weight(given):
    turned = [judgment.turned() if judgment.context["sample"] in "13579" else judgment for judgment in given]
    one, other = factor_votes(given), factor_votes(turned)
    assert within_person(other) == within_person(one)
    assert between_persons(other) == between_persons(one)


def test_conflicts_count_only_the_factors_that_were_heard():
    def vote(listener, timbre, rhythm, melody, overall):
        kinds = {"timbre": timbre, "rhythm": rhythm, "melody": melody, "overall": overall}
        return [Judgment("x", "a", "b", name, answer, 1.0, listener) for name, answer in kinds.items()]

    found = within_person(
        factor_votes(
            [*vote("1", "a", "b", "na", "a"), *vote("2", "a", "na", "b", "b"), *vote("3", "a", "a", "na", "b")]
        ),
        draws=3,
    )
    assert found.conflicts == 2
    assert found.followed == (0.5, 0.0, 1.0)
    assert found.single == pytest.approx((1 / 3, 1 / 6, 2 / 3))


def test_perfect_consistency_has_finite_weights_and_errors():
    rng = np.random.default_rng(0)
    found = within_person(factor_votes(answers(rng, np.array([100.0, 0, 0]), triplets=20)), draws=20)
    assert np.isfinite([*found.weights, *found.errors]).all()


def test_listeners_who_share_no_triplet_cannot_predict_each_other(given):
    with pytest.raises(UsageError, match="No two listeners"):
        between_persons(factor_votes([judgment for judgment in given if judgment.listener == "me0"]))


def test_the_same_seed_gives_the_same_numbers(given):
    votes = factor_votes(given)
    assert between_persons(votes, seed=3) == between_persons(votes, seed=3) != between_persons(votes, seed=4)
    assert within_person(votes, seed=3) == within_person(votes, seed=3) != within_person(votes, seed=4)


# parts


def part_triplets(weights, triples=60, voters=400):
    rng = np.random.default_rng(0)
    found = []
    for sample in range(triples):
        means = rng.uniform(-1, 1, size=len(PARTS))
        for part, mean in zip((*PARTS, "mix"), (*means, means @ weights), strict=True):
            a = round(voters * (1 + mean) / 2)
            found.append(judged(a, voters - a, part=part, sample=sample))
    return found


def test_weights_of_parts_are_found_again():
    weights = (0.4, 0.0, 0.3, -0.1, 0.2)
    found = instrument_weights(part_triplets(np.array(weights)), draws=50)
    assert found.weights == pytest.approx(weights, abs=0.01)
    assert found.correlation > 0.99
    assert found.triples == 60


def test_triples_without_a_part_or_without_votes_are_left_out():
    triplets = part_triplets(np.zeros(5), triples=3)
    sources, rows = mean_votes([*triplets[1:], judged(0, 0, part="drums")])
    assert sources == [("XAB", "0", "1"), ("XAB", "0", "2")]
    assert rows.shape == (2, 6)
    with pytest.raises(UsageError, match="2 triples of tracks"):
        instrument_weights(triplets[1:])


class MadeUp:
    """A dataset of the given judgments."""

    name, licence, citation = "made-up", "", ""

    def __init__(self, judgments):
        self.given = judgments

    def judgments(self):
        return self.given
