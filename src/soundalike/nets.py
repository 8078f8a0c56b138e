"""Nets run by onnxruntime."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import onnxruntime


@cache
def open_net(path: Path) -> onnxruntime.InferenceSession:
    """Open a net once, to be run on one thread so that sums are always made in the same order."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
