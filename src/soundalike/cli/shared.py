"""Options and output that several commands share."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

import click

from soundalike.errors import UsageError

if TYPE_CHECKING:
    from soundalike.facets import Space, Weights
    from soundalike.library import Library
    from soundalike.recipe import Recipe

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def refuse_empty(_context: click.Context, _parameter: click.Parameter, given: T) -> T:
    """Check an option or arguments: an empty name is a mistake in a script, and would mean the present folder."""
    if given == "" or (isinstance(given, tuple) and "" in given):
        raise UsageError("An empty name was given.", "Check the variable that it came from.")
    return given


def library_option(function: F) -> F:
    """``--library DIR``."""
    return click.option(
        "--library",
        "folder",
        metavar="DIR",
        type=click.Path(file_okay=False),
        callback=refuse_empty,
        help="The library's folder.  [default: $SOUNDALIKE_HOME/default]",
    )(function)


def json_option(function: F) -> F:
    """``--json``."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document and nothing else.")(function)


def jobs_option(function: F) -> F:
    """``--jobs N``."""
    return click.option(
        "--jobs",
        type=click.IntRange(1, 256),
        show_default="one per core, at most 8; one on a GPU",
        help="Processes to listen in.",
    )(function)


def default_jobs(recipe: Recipe) -> int:
    """Processes to listen in where none are asked for."""
    on_cpu = recipe.device in ("", "cpu")
    return min(8, os.cpu_count() or 1) if on_cpu else 1


RECIPE_OPTIONS = (
    click.option("--encoder", help="What listens: embedded, mert-95m, merit, clap, ...; see 'soundalike models'."),
    click.option("--separator", help="What splits music into stems: none, embedded, demucs, demucs-6s, files, ..."),
    click.option("--heads", callback=refuse_empty, help="Set of heads, or a folder of trained ones."),
    click.option(
        "--facets",
        metavar="FACET,...",
        callback=refuse_empty,
        help="Keep only these, such as melody,drums.",
    ),
    click.option("--most-excerpts", type=click.IntRange(1), help="Listen to at most so many excerpts of a track."),
    click.option(
        "--checkpoint",
        "checkpoints",
        multiple=True,
        metavar="[PART=]PATH",
        callback=refuse_empty,
        help="File or folder of a pretrained part: PATH, encoder=PATH, separator=PATH, heads=PATH.",
    ),
    click.option("--stems", type=click.Path(), callback=refuse_empty, help="Folder or manifest of stems, for 'files'."),
    click.option("--device", help="Where pretrained parts compute, such as cuda."),
    click.option("--precision", help="How a pretrained encoder computes: fp32, bf16, onnx, int8."),
    click.option("--layers", help="Which layers of a pretrained encoder are heard, such as 5 or 3-6."),
    click.option(
        "--padded", type=click.FloatRange(0.1, 30), help="Seconds that 'merit' pads clips to with silence: 10 or 30."
    ),
)


ANOTHER_SPACE = ("encoder", "separator", "heads", "facets", "checkpoints", "stems", "precision", "layers", "padded")
"""Of these options, those that make a recipe for a space of its own."""


def recipe_options(function: F) -> F:
    """The options that make a recipe; `read_recipe` reads them."""
    for option in reversed(RECIPE_OPTIONS):
        function = option(function)
    return function


def read_recipe(options: dict[str, Any], current: Recipe | None = None) -> Recipe | None:
    """The recipe that the options of `recipe_options` ask for, or None where none of them is given.

    A named encoder or separator begins a recipe of its own; other options change `current`, that of the library.
    """
    from dataclasses import replace

    from soundalike.recipe import Recipe

    given = {name: value for name, value in options.items() if value}
    if not given:
        return None
    checkpoints = given.pop("checkpoints", ())
    if "facets" in given:
        given["facets"] = tuple(name.strip() for name in given["facets"].split(","))
    if "stems" in given:
        given["stems"] = os.path.abspath(given["stems"])  # noqa: PTH100
        given.setdefault("separator", "files")
    if os.path.isdir(given.get("heads", "")):  # noqa: PTH112
        given["heads"] = os.path.abspath(given["heads"])  # noqa: PTH100
    begun = Recipe() if current is None or {"encoder", "separator"} & set(given) else current
    return replace(begun, **given).with_checkpoints(checkpoints)


def current_recipe(folder: str | None) -> Recipe | None:
    """The recipe of the library that ``--library`` names, if there is one."""
    from soundalike.library import locate
    from soundalike.recipe import Recipes

    return Recipes(locate(folder)).current()


class _PresetName(click.Choice[str]):
    """Lists the program's presets, and lets other names through: a library may have its own."""

    def convert(self, value: str, _parameter: click.Parameter | None, _context: click.Context | None) -> str:
        """Leave the name for `read_weights` to look up, which knows the library."""
        return value


def weight_options(function: F) -> F:
    """``-w``, ``--preset``, ``--raw``."""
    from soundalike.facets import PRESETS

    for option in (
        click.option("--raw", is_flag=True, help="Weigh cosines as they are instead of standardised ones."),
        click.option(
            "--preset",
            type=_PresetName(list(PRESETS)),
            help="Start from weights with a plain name; one that 'calibrate' made for this library works too.",
        ),
        click.option(
            "-w",
            "--weight",
            "settings",
            multiple=True,
            metavar="FACET=W",
            help="Weight of a facet, such as melody=1 or timbre=-0.5; repeat for more.",
        ),
    ):
        function = option(function)
    return function


def read_weights(settings: tuple[str, ...], preset: str | None, folder: str | None) -> Weights | None:
    """The weights that the options of `weight_options` ask for, or None where none of them is given.

    A preset is one of the program's, or one kept beside the library that ``--library`` names. What it weighs and the
    library does not have is left out, and told.
    """
    from soundalike.facets import Weights

    if preset is None:
        return Weights.parse(settings) if settings else None
    from soundalike.calibration.presets import preset_in, preset_weights
    from soundalike.library import locate

    space = _searched_space(folder)
    if space is None:
        weights = preset_weights(preset, locate(folder))
    else:
        weights, told = preset_in(preset, locate(folder), space)
        if told:
            click.echo(told, err=True)
    return Weights.parse([*(f"{facet}={weight!r}" for facet, weight in weights.items()), *settings])


def _searched_space(folder: str | None) -> Space | None:
    """The space that the command at hand searches in; None where a recipe is given, or nothing was added yet."""
    from soundalike.library import locate
    from soundalike.recipe import Recipes

    context = click.get_current_context(silent=True)
    given = context.params if context else {}
    if any(given.get(name) for name in ANOTHER_SPACE):
        return None
    recipes = Recipes(locate(folder))
    recipe = recipes.find(given["space"]) if given.get("space") else recipes.current()
    return recipes.space_of(recipe) if recipe else None


def space_option(function: F) -> F:
    """``--space NAME``."""
    return click.option(
        "--space",
        metavar="NAME",
        callback=refuse_empty,
        help="Part of the name of a space, where the library has several; see 'status'.",
    )(function)


def open_library(
    folder: str | None, *, create: bool = False, recipe: Recipe | None = None, space: str | None = None
) -> Library:
    """Open the library that ``--library`` names."""
    from soundalike.library import Library

    return Library(folder, create=create, recipe=recipe, space=space)


@contextmanager
def open_any_library(
    folder: str | None, *, recipe: Recipe | None = None, space: str | None = None
) -> Iterator[Library]:
    """Open the library that ``--library`` names; where none is named and none exists, an empty one for the moment."""
    from soundalike.library import Library, is_library, locate

    if folder is not None or is_library(locate(None)):
        with open_library(folder, recipe=recipe, space=space) as library:
            yield library
    else:
        with TemporaryDirectory(prefix="soundalike-") as place, Library(place, recipe=recipe) as library:
            yield library


def print_json(document: object) -> None:
    """One JSON document on stdout."""
    click.echo(json.dumps(document, indent=1, allow_nan=False))


def parse_range(text: str) -> tuple[float, float | None]:
    """Read ``1:05-1:20``, ``65-80``, or ``1:05-`` as seconds; the end may be open.

    Raises
    ------
    UsageError
        If it is not a range of times.
    """
    first, dash, last = text.replace("–", "-").partition("-")
    try:
        start = _seconds(first) if first.strip() else 0.0
        end = _seconds(last) if last.strip() else None
        if not dash or (end is not None and end <= start):
            raise ValueError
    except ValueError:
        raise UsageError(f"'{text}' is not a range of times.", "Write it as 1:05-1:20, or 65-80 in seconds.") from None
    return start, end


def _seconds(text: str) -> float:
    total = 0.0
    for part in text.split(":"):
        value = float(part)
        if not 0 <= value < float("inf"):
            raise ValueError
        total = total * 60 + value
    return total
