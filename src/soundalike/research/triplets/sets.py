"""Triplet folders with the embeddings of their clips: what heads are trained on and judged by.

A folder has an anchor, k positives and one or more negatives. Its triples are, for each negative, the k of anchor and
positive, then the k (k - 1) of two different positives: k squared in all.

Source: Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity", 2026; the order of
triples is that of the authors' program.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.errors import ShapeError, UsageError

Indices = NDArray[np.intp]

RECORDED, GENERATED, RENDERED = "recorded", "generated", "rendered"
"""Domains, that is where a clip's sound comes from: people, a generative network, or a score played here."""

FORMAT: Final = 1


@dataclass(frozen=True, slots=True)
class ClipNotes:
    """What is known of a clip besides its sound.

    Attributes
    ----------
    sources : tuple of str
        Songs, or other things that must not lie on both sides of a split, from which it or its condition was taken.
    domain : str
        Such as `RECORDED`, perhaps with more words ("rendered stem"); empty where it is not known. Clips of two
        domains can be told apart by their sound alone.
    tempo : float
        Beats per minute; 0 where it is not known.
    """

    sources: tuple[str, ...] = ()
    domain: str = ""
    tempo: float = 0.0


@dataclass(frozen=True, slots=True)
class Members:
    """A folder: its clips as places in a `TripletSet`.

    Attributes
    ----------
    name : str
        Such as "triplets_17".
    anchor : int
    positives, negatives : tuple of int
        At least one of each.
    label : str
        What anchor and positives share, where several folders may share the same (an instrument, a song's groove).
        Folders of one label are no negatives of each other. Empty where the folder stands alone.
    """

    name: str
    anchor: int
    positives: tuple[int, ...]
    negatives: tuple[int, ...]
    label: str = ""

    @property
    def clips(self) -> tuple[int, ...]:
        """All places: anchor, positives, negatives."""
        return (self.anchor, *self.positives, *self.negatives)


@dataclass(frozen=True, slots=True)
class Listed:
    """A folder that may not be embedded yet: its clips as paths.

    Attributes
    ----------
    name : str
    anchor : str
    positives, negatives : tuple of str
        At least one of each.
    label : str
        See `Members`.
    """

    name: str
    anchor: str
    positives: tuple[str, ...]
    negatives: tuple[str, ...]
    label: str = ""

    @property
    def clips(self) -> tuple[str, ...]:
        """All paths: anchor, positives, negatives."""
        return (self.anchor, *self.positives, *self.negatives)


@dataclass(frozen=True, slots=True, eq=False)
class Triples:
    """Anchor, positive and negative as places of clips, one triple per row.

    Attributes
    ----------
    anchor, positive, negative : intp, shape (n,)
    folder : intp, shape (n,)
        Number of the folder.
    by_anchor : bool, shape (n,)
        Whether the query is the folder's anchor, and not one of its positives.
    rank : intp, shape (n,)
        Which of the folder's negatives it has: 0 for the first, which is MERIT's only one.
    """

    anchor: Indices
    positive: Indices
    negative: Indices
    folder: Indices
    by_anchor: NDArray[np.bool_]
    rank: Indices

    def __len__(self) -> int:
        return len(self.anchor)


@dataclass(frozen=True, slots=True, eq=False)
class TripletSet:
    """Triplet folders of one factor, embedded.

    Attributes
    ----------
    factor : str
        One of `soundalike.facets.FACTORS`.
    encoder : str
        Full name of the encoder that made the embeddings.
    embeddings : float32, shape (n clips, dim)
    clips : tuple of str
        Paths of the clips within the set, each once.
    notes : tuple of ClipNotes
        One per clip.
    folders : tuple of Members

    Raises
    ------
    ShapeError
        If the parts do not fit each other.
    """

    factor: str
    encoder: str
    embeddings: NDArray[np.float32]
    clips: tuple[str, ...]
    notes: tuple[ClipNotes, ...]
    folders: tuple[Members, ...]

    def __post_init__(self) -> None:
        if self.embeddings.ndim != 2 or not len(self.embeddings) == len(self.clips) == len(self.notes):
            raise ShapeError(
                f"{len(self.clips)} clips have {len(self.notes)} notes and embeddings of {self.embeddings.shape}.",
                "Give one row and one note per clip.",
            )
        for folder in self.folders:
            if not (folder.positives and folder.negatives and all(0 <= c < len(self.clips) for c in folder.clips)):
                raise ShapeError(
                    f"'{folder.name}' has the clips {folder.clips} of {len(self.clips)}.",
                    "Give an anchor, a positive and a negative that are there.",
                )

    @property
    def dim(self) -> int:
        """Length of an embedding."""
        return int(self.embeddings.shape[1])

    def sources(self, folder: Members) -> frozenset[str]:
        """Everything that a folder was made from; its own name where nothing is known."""
        found = frozenset(source for clip in folder.clips for source in self.notes[clip].sources)
        return found or frozenset({f"{self.factor}/{folder.name}"})

    def select(self, names: Collection[str]) -> TripletSet:
        """The set with only the folders of these names, in its own order; all clips stay."""
        wanted = frozenset(names)
        return replace(self, folders=tuple(folder for folder in self.folders if folder.name in wanted))

    def triples(self, *, all_negatives: bool = False) -> Triples:
        """All triples, folder by folder.

        Parameters
        ----------
        all_negatives : bool
            Of folders with several negatives, use all; the default is the first, as MERIT has but one.
        """
        return expand(self.folders, all_negatives=all_negatives)


def expand(folders: Sequence[Members], *, all_negatives: bool = False) -> Triples:
    """From folders to triples, see `TripletSet.triples`."""
    rows: list[tuple[int, int, int, int, bool, int]] = []
    for number, folder in enumerate(folders):
        for rank, negative in enumerate(folder.negatives if all_negatives else folder.negatives[:1]):
            rows += [(folder.anchor, positive, negative, number, True, rank) for positive in folder.positives]
            rows += [
                (one, other, negative, number, False, rank)
                for i, one in enumerate(folder.positives)
                for j, other in enumerate(folder.positives)
                if i != j
            ]
    table = np.array(rows, dtype=np.intp).reshape(-1, 6)
    return Triples(table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4].astype(np.bool_), table[:, 5])


def assemble(
    factor: str,
    encoder: str,
    folders: Sequence[Listed],
    embeddings: Mapping[str, NDArray[np.float32]],
    notes: Mapping[str, ClipNotes] | None = None,
) -> TripletSet:
    """From folders and the embeddings of their clips to a set, as MERIT's programs do where embeddings are missing.

    Parameters
    ----------
    factor, encoder : str
    folders : sequence of Listed
    embeddings : mapping of str to float32, shape (dim,)
        By path. A positive that has none is left out of its folder, as is a further negative; a folder is left out
        without its anchor, its first negative, or any positive.
    notes : mapping of str to ClipNotes, optional
        By path.

    Returns
    -------
    TripletSet
        With all embeddings, in their own order.

    Raises
    ------
    ShapeError
        If embeddings are of different lengths.
    """
    lengths = sorted({len(row) for row in embeddings.values()})
    if len(lengths) > 1:
        raise ShapeError(f"Embeddings have lengths {lengths}.", "Embed all clips with one encoder.")
    clips = tuple(embeddings)
    places = {clip: place for place, clip in enumerate(clips)}
    members = []
    for each in folders:
        positives = tuple(places[clip] for clip in each.positives if clip in places)
        negatives = tuple(places[clip] for clip in each.negatives if clip in places)
        if each.anchor in places and each.negatives[0] in places and positives:
            members.append(Members(each.name, places[each.anchor], positives, negatives, each.label))
    rows = np.array(list(embeddings.values()), np.float32).reshape(len(clips), lengths[0] if lengths else 0)
    known = tuple((notes or {}).get(clip, ClipNotes()) for clip in clips)
    return TripletSet(factor, encoder, rows, clips, known, tuple(members))


def merge_sets(sets: Sequence[TripletSet]) -> TripletSet:
    """Join sets of different folders of one factor, embedded by one encoder; folders are sorted by name, as text.

    Raises
    ------
    UsageError
        If there are none, they are of different factors or encoders, or two hold one folder or clip.
    """
    kinds = sorted({(each.factor, each.encoder, each.dim) for each in sets})
    if len(kinds) != 1:
        found = ", ".join(f"{factor} by {encoder} ({dim})" for factor, encoder, dim in kinds) or "nothing"
        raise UsageError(f"The sets to merge are {found}.", "Merge sets of one factor, embedded by one encoder.")
    first = np.cumsum([0, *(len(each.clips) for each in sets)])
    members = [_moved(folder, int(by)) for each, by in zip(sets, first, strict=False) for folder in each.folders]
    clips = [clip for each in sets for clip in each.clips]
    for what, names in (("folder", [folder.name for folder in members]), ("clip", clips)):
        if len(set(names)) < len(names):
            twice = next(name for i, name in enumerate(names) if name in names[:i])
            raise UsageError(f"Two of the sets hold the {what} '{twice}'.", "Merge each shard once.")
    return TripletSet(
        *kinds[0][:2],
        np.concatenate([each.embeddings for each in sets]),
        tuple(clips),
        tuple(note for each in sets for note in each.notes),
        tuple(sorted(members, key=lambda folder: folder.name)),
    )


def _moved(folder: Members, by: int) -> Members:
    return replace(
        folder,
        anchor=folder.anchor + by,
        positives=tuple(place + by for place in folder.positives),
        negatives=tuple(place + by for place in folder.negatives),
    )


def write_set(path: Path, triplets: TripletSet) -> None:
    """Write a set as one ``.npz`` file, whole or not at all."""
    about = {
        "format": FORMAT,
        "factor": triplets.factor,
        "encoder": triplets.encoder,
        "clips": triplets.clips,
        "notes": [asdict(note) for note in triplets.notes],
        "folders": [asdict(folder) for folder in triplets.folders],
    }
    buffer = BytesIO()
    np.savez(buffer, embeddings=triplets.embeddings, about=np.array(json.dumps(about)))
    write_atomically(path, buffer.getvalue())


def read_set(path: Path) -> TripletSet:
    """Read what `write_set` wrote.

    Raises
    ------
    UsageError
        If the file is missing, damaged, or no such set.
    """
    try:
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            about: dict[str, Any] = json.loads(str(arrays["about"]))
            embeddings = np.ascontiguousarray(arrays["embeddings"], np.float32)
        if about["format"] != FORMAT:
            raise UsageError(f"'{path}' is a set of format {about['format']}, not {FORMAT}.", "Embed the folder again.")
        notes = tuple(ClipNotes(tuple(n["sources"]), n["domain"], n["tempo"]) for n in about["notes"])
        folders = tuple(
            Members(f["name"], f["anchor"], tuple(f["positives"]), tuple(f["negatives"]), f["label"])
            for f in about["folders"]
        )
        return TripletSet(about["factor"], about["encoder"], embeddings, tuple(about["clips"]), notes, folders)
    except OSError as error:
        raise UsageError(f"'{path}' cannot be read: {error.strerror or error}.", "Name a set that is there.") from None
    except (ValueError, KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        if isinstance(error, UsageError | ShapeError):
            raise
        raise UsageError(f"'{path}' is damaged, or no set of triplets.", "Embed the folder again.") from None
