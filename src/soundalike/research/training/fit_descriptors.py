"""Fit the heads of the embedded encoder: whitening per factor, and the background of their cosines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.atomic import write_atomically
from soundalike.encoders.embedded.descriptors import LAYOUT, DescriptorEncoder
from soundalike.errors import UsageError
from soundalike.facets import FACTORS
from soundalike.heads.descriptors import build
from soundalike.matching import measure_background
from soundalike.research.renderer import factor_group, render
from soundalike.research.training.folders import Source, facet_vectors, principal_mixing, read_source
from soundalike.scoring import Background

DIM: Final = 128

WHITENING: Final = {"melody": 0.5, "rhythm": 0.5, "groove": 0.5, "timbre": 0.6, "harmony": 0.6}
"""Exponent per factor: 0 keeps the variances of the principal components, 1 makes them all equal."""

SHARES: Final = {"melody": 0.6, "rhythm": 1.0, "groove": 0.6, "timbre": 1.2, "harmony": 0.8}
"""How much each factor counts in overall."""


def fit(sources: Sequence[Source], *, seed: int = 0) -> tuple[dict[str, NDArray[np.generic]], Background | None]:
    """Fit all heads and measure their background.

    Parameters
    ----------
    sources : sequence of Source
        Every source has equal say in the whitening, whatever its size.
    seed : int
        For the choice of pairs of the background.

    Returns
    -------
    arrays : dict
        What `soundalike.heads.descriptors.build` takes, in float16 where it is large.
    background : Background or None
        None with fewer than two tracks of music.

    Raises
    ------
    UsageError
        If a factor is heard in fewer than two excerpts.
    """
    arrays: dict[str, NDArray[np.generic]] = {"in_dim": np.array(DescriptorEncoder.dim)}
    for factor in FACTORS[1:]:
        place = LAYOUT[factor]
        rows = [np.concatenate(source.tracks)[:, place] for source in sources]
        matrix, offset = whiten([part[part.any(axis=1)] for part in rows], exponent=WHITENING[factor], factor=factor)
        arrays |= {f"{factor}.slice": np.array([place.start, place.stop]), f"{factor}.matrix": matrix}
        arrays[f"{factor}.offset"] = offset
    arrays["overall.mixing"] = _mixing(arrays, sources)
    heads = build(arrays)
    music = [facet_vectors(heads, track) for source in sources if source.music for track in source.tracks]
    names = ", ".join(source.name for source in sources if source.music)
    return arrays, measure_background(music, source=f"shipped with the heads: random pairs of {names}", seed=seed)


def whiten(
    rows: Sequence[NDArray[np.float32]], *, exponent: float, factor: str = "", dim: int = DIM
) -> tuple[NDArray[np.float16], NDArray[np.float32]]:
    """Principal components of standardised rows, scaled towards equal variance.

    Parameters
    ----------
    rows : sequence of float32, shape (n, in_dim)
        One array per source.
    exponent : float
        0 keeps the components' variances, 1 makes them equal.

    Returns
    -------
    matrix : float16, shape (dim, in_dim)
    offset : float32, shape (dim,)
    """
    rows = [part.astype(np.float64) for part in rows if len(part)]
    count = sum(len(part) for part in rows)
    if count < 2:
        raise UsageError(f"'{factor}' is heard in {count} excerpts.", "Give folders with more music.")
    share = np.concatenate([np.full(len(part), 1.0 / len(part)) for part in rows])
    share /= share.sum()
    table = np.concatenate(rows)
    mean = share @ table
    deviation = np.sqrt(share @ np.square(table - mean))
    # A value that hardly ever moves must not be blown up into noise.
    scale = np.sqrt(np.square(deviation) + 0.09 * np.mean(np.square(deviation)))
    standardised = (table - mean) / scale * np.sqrt(share)[:, None]
    _, singular, axes = np.linalg.svd(standardised, full_matrices=False)
    keep = min(dim, len(axes))
    variance = np.square(singular[:keep])
    gain = (variance + 0.1 * variance.mean()) ** (-0.5 * exponent)
    matrix = np.zeros((dim, table.shape[1]))
    matrix[:keep] = axes[:keep] * gain[:, None] / scale
    matrix *= 1.0 / np.abs(matrix).max()
    small = matrix.astype(np.float16)
    return small, (small.astype(np.float64) @ mean).astype(np.float32)


def _mixing(arrays: Mapping[str, NDArray[np.generic]], sources: Sequence[Source]) -> NDArray[np.float16]:
    """Principal components of the factors' vectors joined, each factor scaled to its share."""
    shares = np.repeat([SHARES[factor] for factor in FACTORS[1:]], DIM)
    provisional = build({**arrays, "overall.mixing": np.zeros((DIM, len(shares)))})
    music = np.concatenate([track for source in sources if source.music for track in source.tracks])
    joined = np.concatenate([head.project(music) for head in provisional[1:]], axis=1)
    return principal_mixing(joined, shares, count=DIM)


def encode_groups(groups: int, *, seed: int = 0) -> list[NDArray[np.float32]]:
    """Embeddings of rendered factor groups of the training split, one array of a row per piece."""
    encoder = DescriptorEncoder()
    specs = (spec for i in range(groups) for spec in factor_group(seed + i, "train", duration=encoder.window).values())
    return [encoder.encode([render(spec, rate=encoder.sample_rate)]) for spec in specs]


def fit_from_folders(
    folders: Mapping[Path, str], out: Path, *, parts: Mapping[Path, str] | None = None, groups: int = 120, seed: int = 0
) -> dict[str, Any]:
    """Fit heads on folders of audio files and write ``descriptors.npz`` and ``descriptors.json``.

    Parameters
    ----------
    folders : mapping of Path to str
        Folders of whole tracks, and the licence of what they hold. Their random pairs make the background.
    out : Path
        Folder to write to; each file is replaced as a whole.
    parts : mapping of Path to str, optional
        Folders of stems and single sounds, with their licences: fitted on, but not part of the background.
    groups : int
        How many groups of pieces to render and fit on as well.
    seed : int
        For the renders and the choice of pairs.

    Returns
    -------
    dict
        What was written to ``descriptors.json``.

    Raises
    ------
    UsageError
        If a folder holds no audio, or `folders` fewer than two tracks.
    """
    encoder = DescriptorEncoder()
    sources = [read_source(folder, licence, encoder, music=True) for folder, licence in folders.items()]
    sources += [read_source(folder, licence, encoder, music=False) for folder, licence in (parts or {}).items()]
    if groups:
        name = f"renders of {groups} factor groups"
        sources.append(Source(name, "own synthesis", encode_groups(groups, seed=seed), False))
    arrays, background = fit(sources, seed=seed)
    return write(arrays, background, sources, out, seed=seed)


def write(
    arrays: Mapping[str, NDArray[np.generic]],
    background: Background | None,
    sources: Sequence[Source],
    out: Path,
    *,
    seed: int,
) -> dict[str, Any]:
    """Write fitted heads with where they come from."""
    if background is None:
        raise UsageError("There is no background without two tracks of music.", "Give a folder of whole tracks.")
    document = {
        "encoder": DescriptorEncoder.name,
        "seed": seed,
        "sources": [source.to_json() for source in sources],
        "background": background.to_json(),
    }
    buffer = BytesIO()
    np.savez_compressed(buffer, **dict(arrays))  # type: ignore[arg-type]
    write_atomically(out / "descriptors.npz", buffer.getvalue())
    write_atomically(out / "descriptors.json", (json.dumps(document, indent=1) + "\n").encode())
    return document
