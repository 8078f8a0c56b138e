"""MERIT's pickles of embeddings: of triplets, of parts of them, and of folders; read without trust, and written.

A pickle of triplets has "encoder", "model_id", "embed_dim", "embeddings" (by path), "triplets" (with one negative) and
maybe "split_partition". One of a shard has no triplets: its paths say which clips belong together. So shards that are
merged here keep the split that they were made for, whereas MERIT's program takes all folders again.
"""

from __future__ import annotations

import pickle
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.errors import CheckpointError, UsageError
from soundalike.research.triplets.folders import list_folder
from soundalike.research.triplets.sets import Listed, TripletSet, assemble, read_set
from soundalike.research.triplets.unpickling import read_plain_pickle
from soundalike.research.triplets.writing import INSIDE, PREFIX

Rows = dict[str, NDArray[np.float32]]

PICKLES: Final = (".pkl", ".pickle")

NAMED: dict[str, str] = {"merit@": "mert"}
"""What MERIT's programs call an encoder of which the name begins so."""


@dataclass(frozen=True, slots=True, eq=False)
class TripletPickle:
    """What a pickle of triplets holds.

    Attributes
    ----------
    encoder, model_id : str
        Such as "mert" and "m-a-p/MERT-v1-330M".
    embeddings : dict of str to float32, shape (dim,)
        By path of the clip.
    folders : tuple of Listed
        None in a shard.
    partition : str
        "train", "test", or empty where it does not say.
    """

    encoder: str
    model_id: str
    embeddings: Rows
    folders: tuple[Listed, ...]
    partition: str = ""

    @property
    def space(self) -> str:
        """Name of the encoder for a set: as we called it, or MERIT's two names."""
        ours = self.model_id.startswith(tuple(NAMED)) or self.model_id == self.encoder
        return self.model_id if ours else f"{self.encoder}:{self.model_id}"


def read_set_or_pickle(path: Path, factor: str) -> TripletSet:
    """A set from a file of ours, or from a triplet pickle of MERIT's programs, which does not say its factor.

    Raises
    ------
    UsageError, CheckpointError
        See `soundalike.research.triplets.sets.read_set` and `read_triplet_pickle`.
    """
    return read_triplet_pickle(path, factor) if path.suffix in PICKLES else read_set(path)


def read_triplet_pickle(path: Path, factor: str) -> TripletSet:
    """A pickle of triplets, or a shard of one, as a set.

    Parameters
    ----------
    path : Path
    factor : str
        Which it is for; the pickle does not say.

    Raises
    ------
    CheckpointError
        If it is damaged, holds more than arrays and plain data, or is none of MERIT's.
    """
    return merge_pickles([read_pickle(path)], factor)


def read_pickle(path: Path) -> TripletPickle:
    """A pickle of triplets, or a shard of one; see `read_triplet_pickle`."""
    path = Path(path)
    document = read_plain_pickle(path)
    triplets, partition = document.get("triplets"), document.get("split_partition")
    if not isinstance(document.get("embeddings"), dict) or not isinstance(triplets, list):
        raise _other(path, "no embeddings and triplets")
    embeddings = _rows(document["embeddings"], path)
    if any(len(row) != document.get("embed_dim") for row in embeddings.values()):
        raise _other(path, f"embeddings of other lengths than its embed_dim, {document.get('embed_dim')}")
    names = [document.get("encoder"), document.get("model_id")]
    if not all(isinstance(name, str) for name in names):
        raise _other(path, "no names of encoder and model_id")
    folders = tuple(_listed(each, path) for each in triplets)
    return TripletPickle(str(names[0]), str(names[1]), embeddings, folders, partition or "")


def read_folder_pickle(path: Path) -> Rows:
    """A pickle of a folder's embeddings: float32, shape (dim,), by path within it, or by "path:seg_000" of a window.

    Raises
    ------
    CheckpointError
        See `read_triplet_pickle`.
    """
    rows = _rows(read_plain_pickle(Path(path)), Path(path))
    if len({len(row) for row in rows.values()}) > 1:
        raise _other(path, "embeddings of several lengths")
    return rows


def merge_pickles(pickles: Sequence[TripletPickle], factor: str) -> TripletSet:
    """Join pickles and shards of one factor; of folders that are in none of them, nothing is known or asked for.

    Parameters
    ----------
    pickles : sequence of TripletPickle
    factor : str

    Returns
    -------
    TripletSet
        Folders are sorted by name, as text, unless a pickle says which there are. Where possible, paths are cut to
        what lies within the root.

    Raises
    ------
    UsageError
        If there are none, they are of different encoders or parts of a split, or hold no whole folder.
    """
    kinds = sorted({(each.encoder, each.model_id, each.partition) for each in pickles})
    if len(kinds) != 1:
        found = ", ".join(" ".join(kind).strip() for kind in kinds) or "nothing"
        raise UsageError(f"The pickles to merge are of {found}.", "Merge the shards of one extraction.")
    embeddings = {clip: row for each in pickles for clip, row in each.embeddings.items()}
    folders = [folder for each in pickles for folder in each.folders]
    merged = assemble(factor, pickles[0].space, folders or _regrouped(embeddings), embeddings)
    if not merged.folders:
        raise UsageError(f"The pickles hold {len(embeddings)} embeddings and no whole folder.", "Give all shards.")
    return _within_root(merged)


def write_triplet_pickle(path: Path, triplets: TripletSet, *, root: str = "", partition: str | None = None) -> None:
    """Write a set as a pickle that MERIT's programs open.

    Parameters
    ----------
    path : Path
    triplets : TripletSet
        Of folders with several negatives, the first is kept.
    root : str
        Put before every path.
    partition : {"train", "test"}, optional
        Which part of a split it is.
    """
    named = [f"{root.rstrip('/')}/{clip}" if root else clip for clip in triplets.clips]
    ours = next((name for start, name in NAMED.items() if triplets.encoder.startswith(start)), None)
    encoder, _, model = triplets.encoder.partition(":")
    document = {
        "encoder": ours or encoder,
        "model_id": triplets.encoder if ours or not model else model,
        "embed_dim": triplets.dim,
        "embeddings": {name: row.copy() for name, row in zip(named, triplets.embeddings, strict=True)},
        "split_partition": partition,
        "triplets": [
            {
                "anchor": named[folder.anchor],
                "positives": [named[clip] for clip in folder.positives],
                "negative": named[folder.negatives[0]],
            }
            for folder in triplets.folders
        ],
    }
    write_atomically(Path(path), pickle.dumps(document, protocol=4))


def _rows(found: Mapping[str, Any], path: Path) -> Rows:
    rows = {}
    for name, row in found.items():
        if not isinstance(row, np.ndarray) or row.ndim != 1 or not len(row) or row.dtype.kind != "f":
            raise _other(path, f"no embedding under '{name}'")
        rows[name] = row.astype(np.float32, copy=False)
    return rows


def _listed(triplet: Any, path: Path) -> Listed:
    if not isinstance(triplet, dict):
        raise _other(path, "triplets that are no mappings")
    anchor, positives, negative = (triplet.get(key) for key in ("anchor", "positives", "negative"))
    if not isinstance(positives, list) or not all(isinstance(clip, str) for clip in (anchor, negative, *positives)):
        raise _other(path, "a triplet without anchor, positives and negative")
    return Listed(_folder_of(str(anchor)), str(anchor), tuple(positives), (str(negative),))


def _folder_of(clip: str) -> str:
    """The folder that a clip lies in; its whole path where that is not MERIT's layout."""
    parts = clip.replace("\\", "/").split("/")
    in_layout = len(parts) > 2 and parts[-2] == INSIDE and parts[-3].startswith(PREFIX)
    return parts[-3] if in_layout else clip


def _regrouped(clips: Iterable[str]) -> list[Listed]:
    """Folders from the paths of their clips."""
    held: dict[str, dict[str, str]] = {}
    for clip in clips:
        place, _, file = clip.replace("\\", "/").rpartition("/")
        held.setdefault(place, {})[file] = clip
    found = []
    for files in held.values():
        name = _folder_of(next(iter(files.values())))
        if isinstance(listed := list_folder(name, files), Listed):
            clip_of = {within: files[within.rpartition("/")[2]] for within in listed.clips}
            positives, negatives = (tuple(map(clip_of.__getitem__, s)) for s in (listed.positives, listed.negatives))
            found.append(Listed(name, clip_of[listed.anchor], positives, negatives))
    return sorted(found, key=lambda listed: listed.name)


def _within_root(triplets: TripletSet) -> TripletSet:
    """The set with paths within the root, and names made distinct by whole paths where several roots are mixed."""
    clips = [clip.replace("\\", "/") for clip in triplets.clips]
    cut = ["/".join(clip.split("/")[-3:]) for clip in clips]
    places = {clip.rpartition("/")[0].rpartition("/")[0].rpartition("/")[0] for clip in clips}
    names = [folder.name for folder in triplets.folders]
    if len(places) == 1 and all(_folder_of(clip) != clip for clip in clips) and len(set(cut)) == len(cut):
        return replace(triplets, clips=tuple(cut))
    if len(set(names)) == len(names):
        return triplets
    renamed = (replace(folder, name=clips[folder.anchor].removesuffix("/anchor.wav")) for folder in triplets.folders)
    return replace(triplets, folders=tuple(renamed))


def _other(path: Path, found: str) -> CheckpointError:
    return CheckpointError(f"'{path}' holds {found}.", "Use a pickle of MERIT's programs.")
