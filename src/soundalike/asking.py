"""What a query is asked with, where not all of it is said."""

from __future__ import annotations

from collections.abc import Sequence

from soundalike.facets import Facet, Weights, load_preset
from soundalike.search import Query
from soundalike.stem_query import stem_weights
from soundalike.words import alone, beside, words_in


def default_weights(facets: Sequence[Facet]) -> Weights:
    """The facets of the preset "everything" that are among `facets`, else all of the mix, else all; each counts 1."""
    whole = [facet for facet in load_preset("everything") if facet in facets]
    whole = whole or [facet for facet in facets if facet.stem == "mix"]
    return Weights(dict.fromkeys(whole or facets, 1.0))


def weights_for(query: Query, weights: Weights | None, facets: Sequence[Facet]) -> Weights:
    """The weights that a query is asked with in a library that has `facets`.

    Those given, else the default ones. Words count 1 beside a sound unless they have a weight of their own, and alone
    they are all there is. A stem that asks for samples has its own; see `soundalike.stem_query.stem_weights`.
    """
    if query.stem:
        return stem_weights(weights, query.stem, facets)
    if query.text and not len(query.excerpts):
        return alone(weights)
    weights = weights or default_weights(facets)
    return beside(weights) if query.text else weights


def unheard(query: Query, weights: Weights) -> tuple[Facet, ...]:
    """The weighted facets, if not one of them can be heard in the query, so that nothing can answer it."""
    heard = words_in(weights) or [facet for facet in weights if query.excerpts.present(facet).any()]
    return () if heard else tuple(weights)
