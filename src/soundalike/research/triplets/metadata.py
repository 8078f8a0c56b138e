"""What ``triplet_meta.json`` says of clips: as this package writes it, or as MERIT's three programs do.

Of MERIT's melody and rhythm, the anchor is a recording of song A, the positives are generated with A as condition, and
so have its source, and the negative is a recording of song B. Of its timbre all clips are recordings.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from soundalike.research.triplets.sets import GENERATED, RECORDED, ClipNotes


@dataclass(frozen=True, slots=True)
class Meta:
    """What is known of a folder; nothing, where there are no metadata.

    Attributes
    ----------
    factor, label : str
        Empty where they are not known.
    notes : dict of str to ClipNotes
        By name of the file.
    remark : str
        What is wrong with the metadata; empty if nothing is.
    """

    factor: str = ""
    label: str = ""
    notes: dict[str, ClipNotes] = field(default_factory=dict)
    remark: str = ""


def read_meta(content: bytes, positives: Sequence[str]) -> Meta:
    """Read metadata; never raises, as they are optional.

    Parameters
    ----------
    content : bytes
        Of the file; empty if there is none.
    positives : sequence of str
        Names of the positives, sorted: MERIT lists them in this order.
    """
    if not content.strip():
        return Meta()
    try:
        document = json.loads(content)
    except (ValueError, RecursionError):
        return Meta(remark="triplet_meta.json is no JSON")
    if not isinstance(document, dict):
        return Meta(remark="triplet_meta.json holds no JSON object")
    inputs = _mapping(document.get("inputs"))
    if isinstance(document.get("clips"), dict):
        notes = {name: _own_notes(_mapping(about)) for name, about in document["clips"].items()}
        return Meta(_text(document.get("factor")), _text(document.get("label")), notes)
    if isinstance(inputs.get("anchor"), dict):
        return _timbre(inputs, positives)
    if _text(inputs.get("A_track_id")):
        return _conditioned(inputs, positives)
    return Meta(_text(document.get("factor")), _text(document.get("label")))


def _own_notes(about: Mapping[str, Any]) -> ClipNotes:
    sources = about.get("sources")
    found = tuple(source for source in sources if isinstance(source, str)) if isinstance(sources, list) else ()
    tempo = about.get("tempo")
    known = isinstance(tempo, int | float) and math.isfinite(tempo) and tempo > 0
    return ClipNotes(found, _text(about.get("domain")), float(tempo) if known and tempo is not None else 0.0)


def _conditioned(inputs: Mapping[str, Any], positives: Sequence[str]) -> Meta:
    """Melody and rhythm. Folders of one anchor song have what they share in common, so it is their label."""
    anchor, negative = (_source(inputs, inputs.get(key)) for key in ("A_track_id", "B_track_id"))
    notes = {"anchor.wav": ClipNotes(anchor, RECORDED), "negative.wav": ClipNotes(negative, RECORDED)}
    notes |= {name: ClipNotes(anchor, GENERATED) for name in positives}
    factor = "rhythm" if "A_drums_condition_wav" in inputs else "melody" if "salience_root" in inputs else ""
    return Meta(factor, anchor[0], notes)


def _timbre(inputs: Mapping[str, Any], positives: Sequence[str]) -> Meta:
    anchor, negative = _mapping(inputs["anchor"]), _mapping(inputs.get("negative"))
    listed = inputs.get("positives")
    others = [_mapping(each) for each in listed] if isinstance(listed, list) else []
    clips = {"anchor.wav": anchor, "negative.wav": negative, **dict(zip(positives, others, strict=False))}
    notes = {name: ClipNotes(_source(inputs, about.get("song_id")), RECORDED) for name, about in clips.items()}
    return Meta("timbre", _text(anchor.get("trackType")), notes)


def _source(inputs: Mapping[str, Any], song: object) -> tuple[str, ...]:
    """A song within its data set, so that numbers of two data sets are not mistaken for one song."""
    if not isinstance(song, str | int) or not str(song).strip():
        return ()
    dataset = _text(inputs.get("dataset"))
    return (f"{dataset}/{song}" if dataset else str(song),)


def _mapping(found: object) -> Mapping[str, Any]:
    return found if isinstance(found, dict) else {}


def _text(found: object) -> str:
    return found if isinstance(found, str) else ""
