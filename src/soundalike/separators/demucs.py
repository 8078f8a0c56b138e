"""Hybrid Transformer Demucs, from its authors' package and checkpoints, as separators.

Licence of package and released checkpoints: MIT; they learned from MUSDB18-HQ, whose own terms are for research.
Source: Rouard, Massa and Défossez, "Hybrid Transformers for Music Source Separation", 2023. The authors call the
piano and the guitar of the six stems weak.
"""

from __future__ import annotations

import inspect
import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from soundalike.checkpoints import fingerprint, locate, read_metadata, read_tensors, require
from soundalike.errors import CheckpointError
from soundalike.frozen import check_device, computing, identity, load_strictly
from soundalike.separators.model import ModelSeparator
from soundalike.separators.streaming import Samples

if TYPE_CHECKING:
    import torch

CLASS = "demucs.htdemucs.HTDemucs"
"""The only network that is built, whatever a file asks for."""

BAG = MappingProxyType({"drums": "f7e0c4bc", "bass": "d12395a8", "other": "92cfc3b6", "vocals": "04573f0d"})
"""The files of htdemucs_ft: four networks, each of which was tuned for one stem and gives only that."""

LONGEST = 60
"""Seconds; the released networks take 7.8 at a time."""

AS_RELEASED = "Use the released .safetensors files, complete and unchanged."


class DemucsModel:
    """One network, or several that give one stem each; see `soundalike.separators.streaming.SegmentModel`.

    Parameters
    ----------
    networks : sequence of (torch.nn.Module, sequence of str)
        HTDemucs networks of equal rate, channels and segment, each with the stems that are taken from it.
    device : torch.device
    name : str
    """

    normalised = True
    gate = 40.0  # not measured on released weights

    def __init__(
        self, networks: Sequence[tuple[torch.nn.Module, Sequence[str]]], *, device: torch.device, name: str
    ) -> None:
        first: Any = networks[0][0]
        self.name = name
        self.sample_rate: int = first.samplerate
        self.channels: int = first.audio_channels
        self.segment = float(first.segment)
        self.stems = tuple(stem for _, stems in networks for stem in stems)
        self._networks = [(network.to(device), stems) for network, stems in networks]
        self._device = device

    def separate_segment(self, samples: Samples) -> Samples:
        """Split one segment: float32 (channels, n) to float32 (stems, channels, n)."""
        import torch

        with computing(self._device):
            sound = torch.from_numpy(np.ascontiguousarray(samples))[None].to(self._device)
            split = []
            for network, stems in self._networks:
                sources: Any = network.sources
                split.append(network(sound)[0][[sources.index(stem) for stem in stems]])
            found: Samples = torch.cat(split).float().cpu().numpy()
        return found


def load(checkpoint: str | Path | None = None, device: str = "cpu") -> ModelSeparator:
    """Make the separator "demucs": drums, bass, other and vocals by one network (htdemucs).

    Parameters
    ----------
    checkpoint : str or Path, optional
        A .safetensors file as released, or the folder that holds it.
    device : str

    Raises
    ------
    MissingExtraError
        If the extra ``models`` is not installed.
    CheckpointError
        If the checkpoint is not there, damaged, or of another network.
    UsageError
        If there is no such device.
    """
    return _load_one("demucs", checkpoint, device, stems=4)


def load_6s(checkpoint: str | Path | None = None, device: str = "cpu") -> ModelSeparator:
    """Make the separator "demucs-6s": also guitar and piano, both weak (htdemucs_6s); see `load`."""
    return _load_one("demucs-6s", checkpoint, device, stems=6)


def load_ft(checkpoint: str | Path | None = None, device: str = "cpu") -> ModelSeparator:
    """Make the separator "demucs-ft": each stem by a network of its own, at four times the cost (htdemucs_ft).

    Parameters
    ----------
    checkpoint : str or Path, optional
        The folder of the four files in `BAG`.
    device : str
        See `load`, also for errors.
    """
    require("torch", "demucs", "safetensors")
    place = check_device(device)
    folder = locate("demucs-ft", checkpoint)
    tensors: dict[str, torch.Tensor] = {}
    networks = []
    for stem, signature in BAG.items():
        file = folder / f"{signature}.safetensors"
        if not file.is_file():
            raise CheckpointError(f"'{folder}' has no {file.name}, which gives the {stem}.", AS_RELEASED)
        network, found = read_network(file)
        _check_stems(network, list(BAG), file)
        networks.append((network, [stem]))
        tensors |= {f"{signature}.{name}": tensor for name, tensor in found.items()}
    shapes = {(one.samplerate, one.audio_channels, one.segment) for one, _ in networks}
    if len(shapes) > 1:
        raise CheckpointError(f"The networks in '{folder}' do not belong together.", AS_RELEASED)
    return ModelSeparator(DemucsModel(networks, device=place, name=identity("demucs-ft", fingerprint(tensors))))


def _load_one(name: str, checkpoint: str | Path | None, device: str, *, stems: int) -> ModelSeparator:
    require("torch", "demucs", "safetensors")
    place = check_device(device)
    file = _only_file(locate(name, checkpoint))
    network, tensors = read_network(file)
    _check_stems(network, [*BAG, "guitar", "piano"][:stems], file)
    named = identity(name, fingerprint(tensors))
    return ModelSeparator(DemucsModel([(network, network.sources)], device=place, name=named))


def _only_file(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        raise CheckpointError(f"'{path}' holds {len(files)} .safetensors files.", "Name the one that is meant.")
    return files[0]


def _check_stems(network: Any, expected: Sequence[str], file: Path) -> None:
    found = [str(stem) for stem in network.sources]
    if sorted(found) != sorted(expected):
        raise CheckpointError(
            f"'{file}' gives {', '.join(found)}, not {', '.join(expected)}.",
            "Name the checkpoint of the separator that is asked for.",
        )


def read_network(file: Path) -> tuple[Any, dict[str, torch.Tensor]]:
    """Build the network of a .safetensors file that demucs 4.1 wrote, without letting the file choose what is run.

    Parameters
    ----------
    file : Path
        Its metadata name the class and hold its arguments as JSON.

    Returns
    -------
    network : demucs.htdemucs.HTDemucs
        Frozen.
    tensors : dict of str to Tensor

    Raises
    ------
    CheckpointError
        If the file is older than that, or anything but a complete HTDemucs whose answers depend on its input alone.
    """
    from demucs.htdemucs import HTDemucs

    if file.suffix != ".safetensors":
        raise CheckpointError(
            f"'{file.name}' is of the old kind that carries code and is not opened.",
            "Get the same network as .safetensors: soundalike models get demucs",
        )
    metadata = read_metadata(file)
    if metadata.get("klass") != CLASS or "structure" in metadata:
        found = "quantised" if "structure" in metadata else repr(metadata.get("klass", "unnamed"))
        raise CheckpointError(f"The network in '{file}' is {found}, not {CLASS}.", AS_RELEASED)
    arguments = _arguments(metadata, inspect.signature(HTDemucs), file)
    try:
        network: Any = HTDemucs(**arguments)
    except Exception:  # noqa: BLE001 - it checks nothing itself, so that anything may go wrong inside
        raise CheckpointError(f"'{file}' asks for a network that cannot be built.", AS_RELEASED) from None
    _check_network(network, arguments, file)
    tensors = read_tensors(file)
    load_strictly(network, tensors, what="Demucs")
    return network, tensors


def _arguments(metadata: Mapping[str, str], signature: inspect.Signature, file: Path) -> dict[str, Any]:
    """The constructor's arguments by name."""
    try:
        positional, named = json.loads(metadata["args"]), json.loads(metadata["kwargs"])
        bound = signature.bind(*_decoded(positional), **_decoded(named))
    except (KeyError, ValueError, TypeError, ZeroDivisionError) as error:
        raise CheckpointError(f"The arguments in '{file}' are not those of {CLASS}: {error}.", AS_RELEASED) from None
    return bound.arguments


def _decoded(value: Any) -> Any:
    """JSON with fractions as mappings, to Python's numbers and lists."""
    if isinstance(value, dict) and value.get("_type") == "fraction":
        return Fraction(int(value["numerator"]), int(value["denominator"]))
    if isinstance(value, dict):
        return {key: _decoded(item) for key, item in value.items()}
    return [_decoded(item) for item in value] if isinstance(value, list) else value


def _check_network(network: Any, arguments: Mapping[str, Any], file: Path) -> None:
    """Refuse what cannot be streamed with the same answer every time."""
    problems = {
        f"{network.audio_channels} channels": network.audio_channels not in (1, 2),
        f"segments of {network.segment} s": not 0 < network.segment <= LONGEST,
        "segments of any length": not network.use_train_segment,
        "positions by chance": bool(arguments.get("t_sin_random_shift")) or arguments.get("t_emb", "sin") == "cape",
    }
    for problem, is_there in problems.items():
        if is_there:
            raise CheckpointError(f"The network in '{file}' has {problem}.", AS_RELEASED)
