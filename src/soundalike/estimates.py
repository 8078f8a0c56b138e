"""What a run with pretrained networks will take, to be said before it begins."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import mutagen

from soundalike.checkpoints.table import costs
from soundalike.facets import Space
from soundalike.recipe import Recipe

EXCERPT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Time that listening will take.

    Attributes
    ----------
    sound : float
        Seconds of sound to listen to, after the limit on excerpts.
    compute : float
        Seconds of one core.
    parts : dict of str to float
        What each part takes, in seconds of one core for a minute of sound; the encoder once for every stem.
    """

    sound: float
    compute: float
    parts: dict[str, float]


def estimate(recipe: Recipe, space: Space, paths: Iterable[str]) -> Estimate | None:
    """Estimate from the lengths in the files' headers; None where no part is known to take long.

    Parameters
    ----------
    recipe : Recipe
    space : Space
        Its own.
    paths : iterable of str
        Files to listen to. Those whose header tells no length are taken to be as long as the others.
    """
    known = costs()
    stems = len({facet.stem for facet in space.facets})
    parts = {}
    if recipe.encoder in known:
        parts[recipe.encoder] = known[recipe.encoder].cpu_s_per_minute * stems
    if recipe.separator in known:
        parts[recipe.separator] = known[recipe.separator].cpu_s_per_minute
    if not parts:
        return None
    lengths = [_length(path) for path in paths]
    found = [length for length in lengths if length is not None]
    mean = sum(found) / len(found) if found else 0.0
    most = recipe.most_excerpts * EXCERPT_SECONDS or float("inf")
    sound = sum(min(mean if length is None else length, most) for length in lengths)
    return Estimate(sound, sound / 60.0 * sum(parts.values()), parts)


def _length(path: str) -> float | None:
    """Seconds that a file's header promises."""
    try:
        file = mutagen.File(path)
        return float(file.info.length) or None
    except Exception:  # noqa: BLE001 - mutagen raises anything; what is wrong with the file shows when it is listened to
        return None
