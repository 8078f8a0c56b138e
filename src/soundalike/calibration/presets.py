"""Weights with a name of one's own, kept beside a library with what they rest on."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Final

from soundalike.atomic import write_atomically
from soundalike.calibration.result import FORMAT, Calibration
from soundalike.errors import StoreCorruptError, StoreVersionError, UnknownNameError, UsageError
from soundalike.facets import PRESETS, Space, Weights, load_preset
from soundalike.locks import locked

FILE: Final = "presets.json"


def read_presets(folder: Path) -> dict[str, Calibration]:
    """All presets beside the library in `folder`; none where there is no library.

    Raises
    ------
    StoreCorruptError
        If the file is damaged.
    StoreVersionError
        If a newer version of the program wrote it.
    """
    path = folder / FILE
    try:
        document = json.loads(path.read_text("utf-8"))
        if any(preset["format"] > FORMAT for preset in document.values()):
            raise StoreVersionError(f"'{path}' was written by a newer version.", "Update soundalike.")
        return {name: Calibration.from_json(preset) for name, preset in document.items()}
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise StoreCorruptError(
            f"'{path}' cannot be read: {error}.", "Bring it back from a backup, or delete it and calibrate again."
        ) from None


def save_preset(folder: Path, name: str, calibration: Calibration) -> None:
    """Keep a calibration as a preset of the library in `folder`; one of the same name is replaced.

    Raises
    ------
    UsageError
        If the name is not letters, digits, ``-`` and ``_``, is one of `PRESETS`, or the weights are for raw cosines,
        which a search does not weigh.
    """
    if not re.fullmatch(r"\w[\w-]*", name) or name in PRESETS:
        taken = "is a preset of the program" if name in PRESETS else "is not a name for a preset"
        raise UsageError(f"'{name}' {taken}.", "Choose another of letters, digits, - and _.")
    if calibration.raw:
        raise UsageError(
            "These weights are for raw cosines, but a search weighs standardised ones.",
            "Calibrate with the background of the library's space.",
        )
    with locked(folder / "presets.lock", patience=10.0):
        documents = {known: preset.to_json() for known, preset in read_presets(folder).items()}
        documents[name] = calibration.to_json()
        write_atomically(folder / FILE, json.dumps(documents, indent=1, allow_nan=False).encode())


def preset_weights(name: str, folder: Path) -> Weights:
    """Weights of a preset: one of the program's, or one kept beside the library in `folder`.

    Raises
    ------
    UnknownNameError
        If there is neither.
    """
    return _weights_and_space(name, folder)[0]


def preset_in(name: str, folder: Path, space: Space) -> tuple[Weights, str]:
    """Weights of a preset for a search in one space, which may not be the one that it was calibrated in.

    Parameters
    ----------
    name, folder
        See `preset_weights`.
    space : Space
        What is searched.

    Returns
    -------
    Weights
        Of the facets that the space has.
    str
        What is to be told of facets that it lacks, or of another space, in a sentence; empty if nothing is.

    Raises
    ------
    UnknownNameError
        If there is no such preset.
    UsageError
        If the space has none of its facets.
    """
    weights, own = _weights_and_space(name, folder)
    here = {facet: weight for facet, weight in weights.items() if facet in space.facets}
    absent = ", ".join(facet.short for facet in weights if facet not in here)
    if not here:
        known = ", ".join(facet.short for facet in space.facets)
        raise UsageError(
            f"Preset '{name}' weighs {absent}, and this library has none of these facets.",
            f"It has {known}: weigh them with -w, or judge and calibrate here.",
        )
    if absent:
        left = ", ".join(facet.short for facet in here)
        return Weights(here), f"Preset '{name}' also weighs {absent}, not to be had in this library: only {left} count."
    if own and own != space.name:
        return weights, (
            f"Preset '{name}' was calibrated in the space '{own}', and this one is '{space.name}': weights may "
            "mean other things here, so calibrate again."
        )
    return weights, ""


def _weights_and_space(name: str, folder: Path) -> tuple[Weights, str]:
    """Weights, and the name of the space that they were calibrated in, if they were."""
    if name in PRESETS:
        return load_preset(name), ""
    own = read_presets(folder)
    if name not in own:
        raise UnknownNameError(f"'{name}' is not a preset.", f"Known presets: {', '.join([*PRESETS, *own])}.")
    return own[name].weights, own[name].space
