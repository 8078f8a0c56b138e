from __future__ import annotations

import sys

import numpy as np
import pytest

from soundalike.stores.embedded import kernel


@pytest.fixture
def fresh_choice():
    kernel.load_kernel.cache_clear()
    yield
    kernel.load_kernel.cache_clear()


def make_codes(count: int, dim: int) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(count * 1000 + dim)
    return generator.integers(-127, 128, (count, dim), np.int8), generator.integers(-127, 128, dim, np.int8)


@pytest.mark.parametrize("choice", [kernel.dots, kernel.numpy_dots], ids=["chosen", "numpy"])
@pytest.mark.parametrize(("count", "dim"), [(0, 8), (1, 1), (7, 3), (1000, 64), (20_000, 128), (50, 1000)])
def test_dots_are_exact(choice: kernel.Dots, count: int, dim: int) -> None:
    rows, query = make_codes(count, dim)
    out = np.full(count, np.nan, np.float32)
    choice(rows, query, out)
    assert np.array_equal(out, rows.astype(np.int64) @ query.astype(np.int64))


def test_dots_are_exact_at_the_extremes() -> None:
    rows = np.array([[127] * 128, [-127] * 128], np.int8)
    out = np.zeros(2, np.float32)
    kernel.dots(rows, rows[0], out)
    assert out.tolist() == [127.0 * 127 * 128, -127.0 * 127 * 128]


@pytest.mark.parametrize("dim", [1, 12, 64, 100, 128])
def test_gather_copies_the_rows_asked_for(dim: int) -> None:
    rows, _ = make_codes(300, dim)
    index = np.random.default_rng(0).integers(0, 300, 77)
    found = kernel.gather(rows, index)
    assert found.flags.c_contiguous
    assert np.array_equal(found, rows[index])
    assert kernel.gather(rows, index[:0]).shape == (0, dim)
    assert np.array_equal(kernel.gather(rows[1:], index % 299), rows[1:][index % 299])


def test_a_kernel_that_is_slightly_wrong_is_found_out() -> None:
    def wrong(rows: np.ndarray, query: np.ndarray, out: np.ndarray) -> None:
        kernel.numpy_dots(rows, query, out)
        out[-1] += 1

    assert kernel.agrees(kernel.numpy_dots)
    assert not kernel.agrees(wrong)


def test_a_kernel_that_raises_is_found_out() -> None:
    def refusing(rows: np.ndarray, query: np.ndarray, out: np.ndarray) -> None:
        raise TypeError("no int8")

    assert not kernel.agrees(refusing)


@pytest.mark.usefixtures("fresh_choice")
def test_numpy_takes_over_where_numkong_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numkong", None)
    assert kernel.load_kernel() is kernel.numpy_dots


@pytest.mark.usefixtures("fresh_choice")
def test_numpy_takes_over_where_numkong_is_wrong(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(kernel, "agrees", lambda _: False)
    assert kernel.load_kernel() is kernel.numpy_dots
    assert "wrong" in caplog.text
