"""Vectors of judged clips, as ``soundalike embed`` writes them, and what they say of judged triplets.

A file is an ``.npz`` without pickled objects: ``paths`` (n strings), one float32 array (n, d) for each facet under its
name, and, where it is known, ``space`` (a string). A path ends as clips do in the data set: in
``set<S>/<N>/<part>/<role>_<track>-<seg>``, or in ``<part>/<track>-<seg>``, which is the same sound wherever it is
asked about; suffixes do not matter. A facet of the mix is heard in the clip as it is, also where the clip is a single
part; those of other stems in the stems of the clip. ``residuals`` is another name of ``other``. Rows of zeros are
absent: silent, or not heard.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import ShapeError, UnknownNameError, UsageError
from soundalike.facets import Facet, Vector, unit
from soundalike.judgments import JudgedTriplet
from soundalike.research.evaluation.metrics import DIGITS

Floats = NDArray[np.float64]

NOT_VECTORS: Final = ("paths", "start", "end", "space")
_CLIP: Final = re.compile(
    r"(?:.*/)?(?:set\d+/\d+/)?(?P<part>[a-z]+)/(?:[A-Z]_)?(?P<track>\d+)-(?P<segment>\d+)(?:\.\w+)?"
)


def clip_key(path: str) -> str:
    """Which sound a path of the data set means: ``<part>/<track>-<seg>``.

    Raises
    ------
    UsageError
        If it is not the path of a clip.

    Examples
    --------
    >>> clip_key("clips/set2/2/piano/X_1913-28.wav")
    'piano/1913-28'
    """
    found = _CLIP.fullmatch(path.replace("\\", "/"))
    if found is None:
        raise UsageError(
            f"'{path}' is not the path of a clip of the data set.", "Name clips as in set2/2/piano/X_1913-28.wav."
        )
    return f"{found['part']}/{int(found['track'])}-{int(found['segment'])}"


def track_of(path: str) -> str:
    """The track that a clip was cut from, as in "1913"; see `clip_key` for what it raises."""
    return clip_key(path).partition("/")[2].partition("-")[0]


@dataclass(frozen=True, slots=True)
class ClipEmbeddings:
    """Facet vectors of clips.

    Attributes
    ----------
    name : str
        Of the system that made them.
    space : str
        Of the vectors; empty where it is not known.
    rows : mapping of str to int
        Row by `clip_key`.
    vectors : mapping of Facet to float32, shape (n, d)
        Unit rows, or zero rows where the facet is absent; d may differ between facets.
    """

    name: str
    space: str
    rows: Mapping[str, int]
    vectors: Mapping[Facet, Vector]

    def covered(self, triplets: Sequence[JudgedTriplet]) -> NDArray[np.bool_]:
        """Tell for which triplets all three clips are here: bool, shape (n,)."""
        keys = ([clip_key(path) for path in (triplet.reference, triplet.a, triplet.b)] for triplet in triplets)
        return np.array([all(key in self.rows for key in three) for three in keys], np.bool_)


@dataclass(frozen=True, slots=True)
class Differences:
    """How much more alike A is than B, by facet.

    Attributes
    ----------
    facets : tuple of Facet
    values : float64, shape (n, len(facets))
        Cosine of X and A less cosine of X and B; 0 where `absent`.
    absent : bool, shape (n, len(facets))
        Where any of the three clips is missing, or silent in this facet.
    """

    facets: tuple[Facet, ...]
    values: Floats
    absent: NDArray[np.bool_]


def differences(embeddings: ClipEmbeddings, triplets: Sequence[JudgedTriplet], facets: Iterable[str]) -> Differences:
    """Cosine differences of triplets, the numbers that the instrument-weight paper's models add up.

    Parameters
    ----------
    embeddings : ClipEmbeddings
    triplets : sequence of n JudgedTriplet
    facets : iterable of str

    Raises
    ------
    UnknownNameError
        If the embeddings have no such facet.
    """
    wanted = tuple(Facet(name) for name in facets)
    for facet in wanted:
        if facet not in embeddings.vectors:
            known = ", ".join(known.short for known in embeddings.vectors)
            raise UnknownNameError(f"'{embeddings.name}' has no vectors of '{facet.short}'.", f"It has {known}.")
    places = np.array(
        [[embeddings.rows.get(clip_key(path), -1) for path in (t.reference, t.a, t.b)] for t in triplets], np.intp
    ).reshape(-1, 3)
    values = np.zeros((len(triplets), len(wanted)))
    absent = np.zeros(values.shape, np.bool_)
    for column, facet in enumerate(wanted):
        x, a, b = (embeddings.vectors[facet][places[:, side]].astype(np.float64) for side in range(3))
        silent = ~(x.any(axis=1) & a.any(axis=1) & b.any(axis=1))
        absent[:, column] = silent | (places < 0).any(axis=1)
        gap = np.round(np.einsum("ij,ij->i", x, a) - np.einsum("ij,ij->i", x, b), DIGITS)
        values[:, column] = np.where(absent[:, column], 0.0, gap)
    return Differences(wanted, values, absent)


def read_embeddings(path: Path, *, name: str | None = None) -> ClipEmbeddings:
    """Read a file of vectors.

    Parameters
    ----------
    path : Path
    name : str, optional
        The default is that of the file, without suffix.

    Raises
    ------
    UsageError
        If the file cannot be read, is no such file, or names a clip twice with different vectors.
    ShapeError
        If an array does not have one finite row per path.
    UnknownNameError
        If an array is called by no facet's name.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {key: file[key] for key in file.files}
    except (OSError, ValueError, AttributeError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "it is no .npz file without pickled objects"
        raise UsageError(
            f"'{path}' cannot be read: {reason}.", "Make it with: soundalike embed --out FILE.npz"
        ) from None
    if "paths" not in arrays or arrays["paths"].ndim != 1:
        raise UsageError(f"'{path}' has no list 'paths'.", "Name the clips in 'paths', one for each row.")
    space = str(arrays.get("space", ""))
    paths = [str(given) for given in arrays["paths"]]
    found = {key: array for key, array in arrays.items() if key not in NOT_VECTORS}
    return make_embeddings(name or path.stem, paths, found, space=space, where=f"In '{path}': ")


def make_embeddings(
    name: str, paths: Sequence[str], arrays: Mapping[str, NDArray[np.floating]], *, space: str = "", where: str = ""
) -> ClipEmbeddings:
    """Check vectors and bring them to unit length.

    Parameters
    ----------
    name : str
    paths : sequence of n str
    arrays : mapping of str to float, shape (n, d)
        By facet.
    space : str
    where : str
        Put before what is said of faults.

    Raises
    ------
    UsageError, ShapeError, UnknownNameError
        See `read_embeddings`.
    """
    if not arrays:
        raise UsageError(f"{where}There are no vectors.", "Give an array for at least one facet, such as 'mix'.")
    vectors: dict[Facet, Vector] = {}
    for key, array in arrays.items():
        facet = Facet({"residuals": "other"}.get(key, key))
        if facet in vectors:
            raise UsageError(f"{where}'{facet}' is there twice.", "Name each facet once.")
        if array.ndim != 2 or len(array) != len(paths) or array.dtype.kind != "f":
            raise ShapeError(
                f"{where}'{key}' has shape {array.shape} and type {array.dtype} for {len(paths)} paths.",
                "Give one row of float32 per path.",
            )
        if not np.isfinite(array).all():
            raise ShapeError(f"{where}'{key}' has numbers that are not finite.", "Write zeros where nothing was heard.")
        vectors[facet] = unit(array)
    return ClipEmbeddings(name, space, _places(paths, vectors, where), vectors)


def _places(paths: Sequence[str], vectors: Mapping[Facet, Vector], where: str) -> dict[str, int]:
    """First row of each clip; one that comes again, in another triplet, has to have the same vectors."""
    rows: dict[str, int] = {}
    for row, path in enumerate(paths):
        first = rows.setdefault(clip_key(path), row)
        if first != row and any(not np.allclose(array[row], array[first], atol=1e-3) for array in vectors.values()):
            raise UsageError(
                f"{where}'{path}' and '{paths[first]}' are the same clip with different vectors.",
                "Embed each clip with the same settings.",
            )
    return rows
