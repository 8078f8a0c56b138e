"""Weighted models on the triplets of the mix: by the paper's protocol, and by the strict one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from functools import partial
from itertools import combinations
from typing import Any, Final, TypeAlias

from soundalike.errors import UsageError
from soundalike.facets import Facet
from soundalike.judgments import JudgedTriplet, keep
from soundalike.research.listeners.cells import Answers, label, mix_facets, shown_first, signs
from soundalike.research.listeners.comparisons import (
    above_chance,
    agreement_with_interval,
    compare,
    reference_tracks,
    same_track_rule,
)
from soundalike.research.listeners.conflicts import conflicts, factor_matrix, panel
from soundalike.research.listeners.embeddings import ClipEmbeddings, Differences, Floats, differences
from soundalike.research.listeners.people import PEOPLE, part_votes
from soundalike.research.listeners.protocol import FORMS, MODELS, count, outcomes, weighted_agreement
from soundalike.research.listeners.published import CONFIGS
from soundalike.research.listeners.strict import held_out_outcomes, strict_weights
from soundalike.research.listeners.track_only import track_only_part

CUTOFF: Final = 0.80
"""Agreement at which triplets of the mix count for weighted models, in both protocols."""

CONFLICT_CUTOFF: Final = 0.75
"""Agreement at which factors are said to disagree: at 80 % hardly fifty such triplets are left."""

NOT_NEGATIVE: Final = ", weights not negative"
"""Ends the name of a model whose weights are kept from being negative."""

COSINE: Final = "cosine"
"""The form of a model that is a single facet, where nothing is fitted."""

FACTOR_MODEL: Final = tuple(map(Facet, ("timbre", "rhythm", "melody")))


def models_of(system: ClipEmbeddings) -> dict[str, tuple[Facet, ...]]:
    """The models that a system's facets allow: each facet of the mix alone, then the weighted ones.

    Of the paper's models that with most stems: what "other" holds depends on which stems were taken out. Where none
    of them can be made, all stems that there are.
    """
    has = set(system.vectors)
    models: dict[str, tuple[Facet, ...]] = {label(facet): (facet,) for facet in mix_facets(system)}
    stems = tuple(facet for facet in system.vectors if facet.factor == "overall")
    known = [name for name in ("6 stems + mix", "4 stems + mix", "parts + mix") if has.issuperset(MODELS[name])]
    if known:
        models[known[0]] = MODELS[known[0]]
    elif len(stems) > 1:
        models["stems"] = stems
    if has.issuperset(FACTOR_MODEL):
        models["timbre + rhythm + melody"] = FACTOR_MODEL
    if len(has) > 1 and has not in [set(facets) for facets in models.values()]:
        models["all facets"] = tuple(system.vectors)
    return models


Source: TypeAlias = Callable[[Sequence[JudgedTriplet]], Iterator[tuple[str, Differences]]]
"""Gives, for triplets, a name and differences for each model of a system."""


def sources(systems: Sequence[ClipEmbeddings], answers: Answers, perspective: str) -> dict[str, Source]:
    """By name: listeners of single parts, to hold all else against, and the systems."""
    judged = [triplet for triplet in answers.canonical if triplet.criterion == perspective]

    def people(triplets: Sequence[JudgedTriplet]) -> Iterator[tuple[str, Differences]]:
        yield "parts", part_votes(judged, triplets)

    return {PEOPLE: people, **{system.name: partial(_models, system) for system in systems}}


def _models(system: ClipEmbeddings, triplets: Sequence[JudgedTriplet]) -> Iterator[tuple[str, Differences]]:
    return ((name, differences(system, triplets, facets)) for name, facets in models_of(system).items())


def paper_part(
    answers: Answers, systems: Sequence[ClipEmbeddings], perspectives: Sequence[str], *, seed: int
) -> dict[str, Any]:
    """The paper's Tables 2 to 4, by criterion, as JSON: XAB and XYC pooled, labels in order of presentation."""
    from soundalike.research.listeners.ceiling import ceiling

    part: dict[str, Any] = {}
    for perspective in perspectives:
        kept = {
            config: keep(answers.of(config=config, part="mix", perspective=perspective).ordered, CUTOFF)
            for config in CONFIGS
        }
        pool = [triplet for triplets in kept.values() for triplet in triplets]
        labels = signs(pool) * shown_first(pool)
        own = [
            t for config in CONFIGS for t in answers.of(config=config, part="mix", perspective=perspective).canonical
        ]
        part[perspective] = {
            "cutoff": CUTOFF,
            "kept": {config: len(triplets) for config, triplets in kept.items()},
            "of": len(pool),
            "limit": ceiling(own, CUTOFF)["limit"],
            "first_chosen": int((labels == 1).sum()),
            "same_track": count(outcomes(same_track_rule(pool), signs(pool))).to_json(),
            "track_only": _track_only(pool, seed),
            "systems": {
                name: _paper_system(source, pool, seed)
                for name, source in sources(systems, answers, perspective).items()
            },
        }
    return part


def _track_only(pool: Sequence[JudgedTriplet], seed: int) -> dict[str, Any] | None:
    """See `track_only_part`; None where there are too few triplets."""
    with suppress(UsageError):
        return track_only_part(pool, seed=seed)
    return None


def _paper_system(source: Source, pool: Sequence[JudgedTriplet], seed: int) -> dict[str, Any]:
    """By model and form; of a single facet the baseline on the same splits. Why not, where it cannot be told."""
    turned = shown_first(pool)
    found: dict[str, Any] = {}
    for name, given in source(pool):
        shown = Differences(given.facets, given.values * turned[:, None], given.absent)
        try:
            forms = FORMS if len(given.facets) > 1 else FORMS[:1]
            agreements = [weighted_agreement(shown, signs(pool) * turned, form=form, seed=seed) for form in forms]
        except UsageError as error:
            return {"missing": str(error)}
        named = forms if len(given.facets) > 1 else (COSINE,)
        found[name] = {form: agreement.to_json() for form, agreement in zip(named, agreements, strict=True)}
    return found


def strict_part(
    answers: Answers, systems: Sequence[ClipEmbeddings], perspectives: Sequence[str], *, seed: int
) -> dict[str, Any]:
    """By criterion and config, as JSON: every model on the same triplets, its weights, and all pairs of models."""
    from soundalike.research.listeners.ceiling import ceiling

    part: dict[str, Any] = {}
    for perspective in perspectives:
        for config in CONFIGS:
            own = answers.of(config=config, part="mix", perspective=perspective).canonical
            limit = ceiling(own, CUTOFF)
            kept = keep(own, CUTOFF)
            part.setdefault(perspective, {})[config] = {
                "cutoff": CUTOFF,
                "of": len(kept),
                "ceiling": limit,
                "same_track": count(outcomes(same_track_rule(kept), signs(kept))).to_json(),
                **_strict_models(sources(systems, answers, perspective), kept, limit["limit"], seed),
            }
    return part


def _strict_models(
    compared: Mapping[str, Source], kept: Sequence[JudgedTriplet], limit: float | None, seed: int
) -> dict[str, Any]:
    models: dict[str, Any] = {}
    results: dict[str, Floats] = {}
    enough = len(set(reference_tracks(kept))) > 1
    for system, source in compared.items() if enough else ():
        for name, given in source(kept):
            for non_negative in (False, True)[: 1 + (len(given.facets) > 1)]:
                full = f"{system}: {name}" + (NOT_NEGATIVE if non_negative else "")
                results[full] = held_out_outcomes(given, signs(kept), kept, non_negative=non_negative, seed=seed)
                models[full] = _strict_model(given, results[full], kept, limit, non_negative=non_negative, seed=seed)
    return {
        "models": models,
        "comparisons": [
            {"first": first, "second": second, **compare(results[first], results[second], kept, seed=seed).to_json()}
            for first, second in combinations(results, 2)
        ],
    }


def _strict_model(
    given: Differences,
    results: Floats,
    kept: Sequence[JudgedTriplet],
    limit: float | None,
    *,
    non_negative: bool,
    seed: int,
) -> dict[str, Any]:
    agreement = agreement_with_interval(results, kept, seed=seed)
    weights: Mapping[Facet, Any] = {}
    if len(given.facets) > 1:
        weights = strict_weights(given, signs(kept), kept, non_negative=non_negative, seed=seed)
    return {
        **count(results).to_json(),
        "agreement": agreement.to_json(),
        "above_chance": above_chance(agreement.value, limit),
        "weights": {facet: weight.to_json() for facet, weight in weights.items()},
    }


def factor_part(answers: Answers, systems: Sequence[ClipEmbeddings], *, seed: int) -> dict[str, Any]:
    """Heads on criteria, by config and system, as JSON: on all triplets, and on those where factors disagree."""
    part: dict[str, Any] = {}
    for config in CONFIGS:
        asked = panel(triplet for triplet in answers.canonical if triplet.context.get("config") == config)
        disagreeing = conflicts(asked, cutoff=CONFLICT_CUTOFF)
        part[config] = {"cutoff": CONFLICT_CUTOFF, "triplets": len(asked), "conflicts": len(disagreeing)}
        part[config]["systems"] = {
            system.name: {
                name: {
                    head: {criterion: cell.to_json() for criterion, cell in row.items()}
                    for head, row in factor_matrix(
                        system, chosen, mix_facets(system), cutoff=CONFLICT_CUTOFF, seed=seed
                    ).items()
                }
                for name, chosen in (("all", asked), ("conflicts", disagreeing))
            }
            for system in systems
        }
    return part
