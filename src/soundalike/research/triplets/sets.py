"""Triplet folders with the embeddings of their clips: what heads are trained on and judged by.

A folder has an anchor, k positives and one or more negatives. Its triples are, for each negative, the k of anchor and
positive, then the k (k - 1) of two different positives: k squared in all.

Source: Roy et al., "MERIT: Learning Disentangled Music Representations for Audio Similarity", 2026; the order of
triples is that of the authors' program.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
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
    """

    anchor: Indices
    positive: Indices
    negative: Indices
    folder: Indices
    by_anchor: NDArray[np.bool_]

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
    rows: list[tuple[int, int, int, int, bool]] = []
    for number, folder in enumerate(folders):
        for negative in folder.negatives if all_negatives else folder.negatives[:1]:
            rows += [(folder.anchor, positive, negative, number, True) for positive in folder.positives]
            rows += [
                (one, other, negative, number, False)
                for i, one in enumerate(folder.positives)
                for j, other in enumerate(folder.positives)
                if i != j
            ]
    table = np.array(rows, dtype=np.intp).reshape(-1, 5)
    return Triples(table[:, 0], table[:, 1], table[:, 2], table[:, 3], table[:, 4].astype(np.bool_))


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
        with np.load(path, allow_pickle=False) as arrays:
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
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, UsageError):
            raise
        raise UsageError(f"'{path}' is damaged, or no set of triplets.", "Embed the folder again.") from None
