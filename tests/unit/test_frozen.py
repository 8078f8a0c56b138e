from __future__ import annotations

import numpy as np
import pytest
import torch

from soundalike.errors import CheckpointError, UsageError
from soundalike.frozen import Network, check_device, identity, load_strictly


def layers(seed: int = 0) -> torch.nn.Sequential:
    torch.manual_seed(seed)
    return torch.nn.Sequential(torch.nn.Linear(32, 64), torch.nn.GELU(), torch.nn.Linear(64, 8))


def arrays(*sizes: int) -> list[np.ndarray]:
    return [np.random.default_rng(i).normal(size=(size, 32)).astype(np.float32) for i, size in enumerate(sizes)]


class Mean(torch.nn.Module):
    """(batch, time, 32) to (batch, 8)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = layers()

    def forward(self, sequence: torch.Tensor) -> torch.Tensor:
        return self.layers(sequence).mean(dim=1)


@pytest.fixture(autouse=True)
def own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))


def test_a_complete_checkpoint_loads_and_is_frozen():
    module = layers(1)
    load_strictly(module, layers(2).state_dict(), what="two layers")
    assert torch.equal(module[0].weight, layers(2)[0].weight)
    assert not any(parameter.requires_grad for parameter in module.parameters())
    assert not module.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("2.bias"), "1 tensors are missing, first 2.bias"),
        (lambda t: t.update({"3.weight": torch.zeros(1)}), "1 tensors are unknown, first 3.weight"),
        (lambda t: t.update({"0.bias": torch.zeros(63)}), r"first 0.bias has shape \(63,\), not \(64,\)"),
        (lambda t: t.update({"0.bias": torch.full((64,), torch.nan)}), "1 tensors are not finite, first 0.bias"),
    ],
)
def test_a_checkpoint_that_is_not_exactly_right_is_refused(change, message):
    tensors = dict(layers().state_dict())
    change(tensors)
    with pytest.raises(CheckpointError, match=message):
        load_strictly(layers(), tensors, what="two layers")


def test_tensors_known_to_be_unused_and_buffers_that_are_computed_may_differ():
    tensors = {**layers().state_dict(), "head.weight": torch.zeros(3)}
    del tensors["2.bias"]
    load_strictly(layers(), tensors, what="two layers", unused=[r"head\..*"], derived=[r"2\.bias"])


def test_an_array_gives_the_same_bits_in_any_company_and_on_any_number_of_threads():
    network = Network(Mean())
    given = arrays(50, 50, 7, 50)
    together = network(given)
    assert together.shape == (4, 8)
    assert together.tobytes() == np.concatenate([network([array]) for array in given]).tobytes()
    threads = torch.get_num_threads()
    try:
        torch.set_num_threads(1 if threads > 1 else 2)
        assert network(given).tobytes() == together.tobytes()
    finally:
        torch.set_num_threads(threads)
    assert torch.get_num_threads() == threads


def test_bfloat16_is_near_and_float32_is_the_default():
    given = arrays(50)
    exact, half = Network(Mean())(given), Network(Mean(), precision="bf16")(given)
    assert 0 < np.abs(exact - half).max() < 0.05


def test_onnxruntime_gives_torch_s_numbers_and_is_exported_once_for_each_shape(tmp_path):
    given = arrays(50, 7, 50)
    exact = Network(Mean())(given)
    fast = Network(Mean(), precision="onnx", key="mean@1")(given)
    assert np.abs(exact - fast).max() < 1e-5
    kept = sorted((tmp_path / "home" / "onnx").glob("*.onnx"))
    assert len(kept) == 2
    before = [path.stat().st_mtime_ns for path in kept]
    again = Network(Mean(), precision="onnx", key="mean@1")(given)
    assert again.tobytes() == fast.tobytes()
    assert [path.stat().st_mtime_ns for path in kept] == before


def test_eight_bits_are_near_and_deterministic():
    given = arrays(50)
    exact = Network(Mean())(given)[0]
    small = Network(Mean(), precision="int8", key="mean@1")(given)
    assert small.tobytes() == Network(Mean(), precision="int8", key="mean@1")(given).tobytes()
    cosine = exact @ small[0] / np.linalg.norm(exact) / np.linalg.norm(small[0])
    assert 0.95 < cosine < 1.0 - 1e-9


def test_what_cannot_be_had_here_is_named():
    with pytest.raises(UsageError, match="'fp8'"):
        Network(Mean(), precision="fp8")
    for name in ("cuda:99", "nonsense"):
        with pytest.raises(UsageError, match=name):
            check_device(name)


def test_a_name_holds_every_choice_that_changes_vectors():
    assert identity("mert-95m", "0123456789", layers="5", precision=None) == "mert-95m@01234567,layers=5"
