"""Frozen torch networks: loaded strictly, run without gradients, the same bits for the same input.

Torch is imported when a network is made and never before, so that nobody who does without pretrained models
notices that they exist.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from soundalike.checkpoints import require
from soundalike.errors import CheckpointError, UsageError
from soundalike.onnx_networks import OnnxNetwork

if TYPE_CHECKING:
    import torch

Precision: TypeAlias = Literal["fp32", "bf16", "onnx", "int8"]
"""How a network computes; part of the name of its embeddings, since other precisions give other vectors."""

GPU_BATCH = 16
"""Arrays of equal shape that a GPU takes at once."""


def load_strictly(
    module: torch.nn.Module,
    tensors: Mapping[str, torch.Tensor],
    *,
    what: str,
    unused: Sequence[str] = (),
    derived: Sequence[str] = (),
) -> None:
    """Copy a checkpoint's tensors into a network, each to its place and nothing left over.

    Parameters
    ----------
    module : torch.nn.Module
        Changed: its parameters and buffers take the tensors' values, it goes to evaluation, and its parameters
        are frozen.
    tensors : mapping of str to Tensor
    what : str
        What the checkpoint is meant to be, for the message.
    unused : sequence of str
        Regular expressions; tensors whose whole name matches one are known and left out.
    derived : sequence of str
        Regular expressions; parameters and buffers of the network that may be missing because they are computed.

    Raises
    ------
    CheckpointError
        If a tensor is missing, unknown, of another shape, or not finite; says how many and which first.
    """
    own = module.state_dict()
    given = {name: tensor for name, tensor in tensors.items() if not _matches(name, unused)}
    missing = sorted(name for name in own if name not in given and not _matches(name, derived))
    unknown = sorted(name for name in given if name not in own)
    odd = [
        f"{name} has shape {tuple(given[name].shape)}, not {tuple(own[name].shape)}"
        for name in sorted(given)
        if name in own and given[name].shape != own[name].shape
    ]
    broken = [name for name in sorted(given) if not _finite(given[name])]
    for problem, names in (("missing", missing), ("unknown", unknown), ("misshapen", odd), ("not finite", broken)):
        if names:
            raise CheckpointError(
                f"This is no checkpoint of {what}: {len(names)} tensors are {problem}, first {names[0]}.",
                "Use the released files, complete and unchanged.",
            )
    module.load_state_dict({**own, **given})
    module.requires_grad_(False).eval()


def _finite(tensor: torch.Tensor) -> bool:
    """Whether all numbers are; by the two extremes, which NaN spreads to, since this is quick and copies nothing."""
    import torch

    if not tensor.numel():
        return True
    least, most = torch.aminmax(tensor)
    return bool(torch.isfinite(least.double()) & torch.isfinite(most.double()))


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(re.fullmatch(pattern, name) for pattern in patterns)


class Network:
    """A frozen network as a function of arrays.

    Parameters
    ----------
    module : torch.nn.Module
        Takes one float32 tensor (batch, ...) and gives one tensor (batch, dim).
    device : str
        "cpu", "cuda", "cuda:1", "mps", ...
    precision : {"fp32", "bf16", "onnx", "int8"}
        "bf16" computes matrix products in bfloat16: half the time on processors that have it, about 1 % off.
        "onnx" and "int8" compute by onnxruntime (see `soundalike.onnx_networks`), on the CPU only.
    key : str
        Names the network, its weights and every choice, for what is kept of it on disk; see `identity`.

    Raises
    ------
    UsageError
        If device or precision do not exist here.
    """

    def __init__(self, module: torch.nn.Module, *, device: str = "cpu", precision: str = "fp32", key: str = "") -> None:
        self._device = check_device(device)
        if precision not in get_args(Precision):
            raise UsageError(f"The precision '{precision}' is not known.", f"Use {' or '.join(get_args(Precision))}.")
        self._precision = precision
        self._module = module.to(self._device).eval()
        self._onnx: OnnxNetwork | None = None
        if precision in ("onnx", "int8"):
            if self._device.type != "cpu":
                raise UsageError(f"'{precision}' runs on the CPU, not on '{device}'.", "Leave out --device.")
            assert key, "networks that are kept on disk need a name"
            self._onnx = OnnxNetwork(self._module, key=key, bits=8 if precision == "int8" else 32)

    def __call__(self, arrays: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        """Run the network on each of several arrays.

        Parameters
        ----------
        arrays : sequence of float32, any shapes

        Returns
        -------
        float32, shape (n, dim)
            Row i belongs to arrays[i]. On the CPU each array runs alone and on one thread, because matrix products
            of other sizes or on other threads add up in another order: the same array gives the same bits in any
            company. On a GPU arrays of equal shape run together; rows then agree within rounding.
        """
        import torch

        if self._onnx is not None:
            return np.array([self._onnx(np.ascontiguousarray(array, np.float32)) for array in arrays], np.float32)
        groups: dict[tuple[int, ...], list[int]] = defaultdict(list)
        for i, array in enumerate(arrays):
            groups[array.shape].append(i)
        size = 1 if self._device.type == "cpu" else GPU_BATCH
        rows: dict[int, NDArray[np.float32]] = {}
        with (
            computing(self._device),
            torch.autocast(self._device.type, torch.bfloat16, enabled=self._precision == "bf16"),
        ):
            for places in groups.values():
                for first in range(0, len(places), size):
                    batch = places[first : first + size]
                    stacked = np.stack([np.ascontiguousarray(arrays[i], np.float32) for i in batch])
                    answer = self._module(torch.from_numpy(stacked).to(self._device))
                    rows.update(zip(batch, answer.float().cpu().numpy(), strict=True))
        return np.array([rows[i] for i in range(len(arrays))], np.float32)


@contextmanager
def computing(device: torch.device) -> Iterator[None]:
    """Without gradients; on the CPU with one thread."""
    import torch

    with one_thread() if device.type == "cpu" else nullcontext(), torch.inference_mode():
        yield


@contextmanager
def one_thread() -> Iterator[None]:
    """Sums that do not depend on how many threads share them; also for what is computed once, of weights."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def check_device(name: str) -> torch.device:
    """The device called `name`.

    Raises
    ------
    UsageError
        If it does not exist here.
    """
    require("torch")
    import torch

    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError):
        raise UsageError(
            f"The device '{name}' cannot be used here.", "Use cpu, or cuda where there is a GPU."
        ) from None
    return device


def identity(name: str, fingerprint: str, **choices: Any) -> str:
    """Name of a pretrained part within a space: what it is, which tensors, and every choice that changes vectors.

    Parameters
    ----------
    name : str
        Such as "mert-95m".
    fingerprint : str
        See `soundalike.checkpoints.fingerprint`.
    **choices
        Left out where they are None, so pass None for a default.

    Examples
    --------
    >>> identity("mert-95m", "0123456789abcdef", layers="5,6", precision=None)
    'mert-95m@01234567,layers=5,6'
    """
    return f"{name}@{fingerprint[:8]}" + "".join(f",{k}={v}" for k, v in choices.items() if v is not None)
