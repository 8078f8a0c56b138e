"""Frozen torch networks run by onnxruntime: faster on a CPU than by torch, and more so with 8-bit weights.

A network is exported once for each shape of input and kept in ``$SOUNDALIKE_HOME/onnx``; exporting takes some
seconds, up to a minute or two. Vectors differ from torch's (by about 1e-6; with 8 bits visibly), so they make a space
of their own. By how much, and what is gained, docs/benchmarks.md tells.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import MissingExtraError
from soundalike.home import home
from soundalike.locks import locked
from soundalike.nets import open_net

if TYPE_CHECKING:
    import torch

OPSET = 17
"""Version of the operators: the newest that torch's exporter by tracing writes without loss."""

EXPORT = 2
"""Version of how networks are exported here; what other versions kept is not taken."""

QUANTISED = ("MatMul", "Gemm")
"""Operators whose weights become 8-bit numbers. Convolutions keep theirs: they lose most and gain least."""

EXPORT_PATIENCE = 600.0
"""Seconds to wait for another process that is exporting the same network."""


class OnnxNetwork:
    """A torch network as a function of one array, run by onnxruntime on one thread.

    Parameters
    ----------
    module : torch.nn.Module
        Takes float32 (1, ...) and gives (1, dim).
    key : str
        Names the network, its weights and every choice; the cache is looked up by it.
    bits : {32, 8}
        Of the weights of matrix products.

    Raises
    ------
    MissingExtraError
        If the package that writes the format is not installed.
    """

    def __init__(self, module: torch.nn.Module, *, key: str, bits: int) -> None:
        try:
            import onnx  # noqa: F401
        except ImportError:
            raise MissingExtraError(
                "Running pretrained models by onnxruntime needs onnx, which is not installed.",
                "Install it with: pip install 'soundalike[fast]'",
            ) from None
        self._module = module
        self._key = key
        self._bits = bits
        self._sessions: dict[tuple[int, ...], Any] = {}

    def __call__(self, array: NDArray[np.float32]) -> NDArray[np.float32]:
        """Run on float32, any shape that the module takes without its first axis; gives (dim,)."""
        if array.shape not in self._sessions:
            self._sessions[array.shape] = open_net(self._path(array))
        found: NDArray[np.float32] = self._sessions[array.shape].run(None, {"input": array[None]})[0][0]
        return found

    def _path(self, array: NDArray[np.float32]) -> Path:
        """The exported file for inputs of this shape, made if it is not there."""
        import onnx
        import torch

        versions = f"{torch.__version__} {onnx.__version__} {OPSET} {EXPORT}"
        digest = hashlib.sha256(f"{self._key} {array.shape} {self._bits} {versions}".encode()).hexdigest()
        path = home() / "onnx" / f"{digest[:24]}.onnx"
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with locked(path.parent / "export.lock", patience=EXPORT_PATIENCE):
                if not path.exists():
                    _export(self._module, array, path, bits=self._bits)
        return path


def _export(module: torch.nn.Module, array: NDArray[np.float32], path: Path, *, bits: int) -> None:
    """Write `path` whole or not at all."""
    import torch

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        whole, small = Path(folder) / "whole.onnx", Path(folder) / "small.onnx"
        with _quietly(), torch.inference_mode():
            example = torch.from_numpy(np.ascontiguousarray(array[None]))
            torch.onnx.export(module, (example,), str(whole), input_names=["input"], opset_version=OPSET, dynamo=False)
        if bits == 8:
            from onnxruntime.quantization import QuantType, quantize_dynamic

            with _quietly():
                # The reduced range keeps sums of products within 16 bits, where processors without instructions for
                # 8-bit networks would cut them off, and so give other vectors than processors with them.
                quantize_dynamic(
                    whole,
                    small,
                    op_types_to_quantize=list(QUANTISED),
                    weight_type=QuantType.QInt8,
                    per_channel=True,
                    reduce_range=True,
                )
        done = small if bits == 8 else whole
        with done.open("rb") as file:
            os.fsync(file.fileno())
        done.replace(path)


@contextlib.contextmanager
def _quietly() -> Iterator[None]:
    """The exporter warns of everything that it takes for a constant, which shapes are here."""
    import logging

    root = logging.getLogger()
    level = root.level
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        root.setLevel(logging.ERROR)
        try:
            yield
        finally:
            root.setLevel(level)
