"""Pickles of arrays and plain containers, opened without running anything that they name.

A pickle is a program that may call any function. Here a reader knows only the instructions and the few names that
numbers, texts, lists, mappings and numpy's arrays of numbers take, under the names of numpy 1 and 2, and puts functions
of its own in their place: not even numpy's are called with what the file says.
"""

from __future__ import annotations

import math
import pickle
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from soundalike.checkpoints.tensors import check_content
from soundalike.errors import CheckpointError

Array: TypeAlias = NDArray[Any]

KINDS: Final = "biuf"
"""Numpy's letters for types of plain numbers."""

_INSTRUCTIONS: Final = (
    "MARK STOP POP POP_MARK DUP NONE NEWTRUE NEWFALSE INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT "
    "STRING BINSTRING SHORT_BINSTRING BINBYTES SHORT_BINBYTES BINBYTES8 UNICODE BINUNICODE SHORT_BINUNICODE "
    "BINUNICODE8 EMPTY_LIST LIST APPEND APPENDS EMPTY_DICT EMPTY_TUPLE TUPLE TUPLE1 TUPLE2 TUPLE3 GET BINGET "
    "LONG_BINGET PUT BINPUT LONG_BINPUT MEMOIZE PROTO FRAME GLOBAL STACK_GLOBAL REDUCE"
)

_BROKEN: Final = (
    pickle.UnpicklingError,
    AssertionError,
    AttributeError,
    EOFError,
    IndexError,
    KeyError,
    MemoryError,
    OverflowError,
    RecursionError,
    TypeError,
    ValueError,
    struct.error,
)


def read_plain_pickle(path: Path) -> dict[str, Any]:
    """What a pickle holds: arrays of numbers, numbers, texts, and lists, tuples and mappings of them, by name.

    Parameters
    ----------
    path : Path
        Of any protocol.

    Raises
    ------
    CheckpointError
        If it is missing, damaged, names anything else (which is not called), holds arrays of objects, or is no mapping.
    """
    check_content(path)
    try:
        with path.open("rb") as file:
            document = _Reader(_Bounded(file, path.stat().st_size), encoding="latin1").load()
    except CheckpointError as error:
        raise CheckpointError(error.message.replace("{path}", str(path)), error.remedy) from None
    except _BROKEN as error:
        raise _damaged(path, str(error)) from None
    except OSError as error:
        raise CheckpointError(f"'{path}' cannot be read: {error.strerror}.", "Name a file that is there.") from None
    if not isinstance(document, dict):
        raise CheckpointError(f"'{path}' holds no mapping of names.", "Use a pickle of MERIT's programs.")
    try:
        return {str(name): finished(value) for name, value in document.items()}
    except _BROKEN as error:
        raise _damaged(path, str(error)) from None


def finished(value: Any) -> Any:
    """An array in place of what the reader has for it, also one level down; anything else as it is."""
    if isinstance(value, dict):
        return {str(name): each.array() if isinstance(each, _Array) else each for name, each in value.items()}
    return value.array() if isinstance(value, _Array) else value


def _damaged(path: Path, reason: str) -> CheckpointError:
    found = f" ({reason.rstrip('.')})" if " " in reason else ""  # not a bare key
    return CheckpointError(f"'{path}' is cut short, damaged, or no pickle of embeddings{found}.", "Make it again.")


class _Type:
    """A type of numbers."""

    __slots__ = ("_dtype",)

    def __init__(self, name: str, *_: object) -> None:
        dtype = np.dtype(name if isinstance(name, str) else "O")
        if dtype.kind not in KINDS or dtype.names is not None or dtype.subdtype is not None:
            raise CheckpointError(
                f"'{{path}}' holds an array of type {dtype.kind}, and not of plain numbers.", "Do not use it."
            )
        self._dtype = dtype

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, *_ = state
        if order not in ("<", ">", "|", "="):
            raise ValueError(f"byte order {order!r}")
        self._dtype = self._dtype.newbyteorder(order)

    def array(self, content: bytes, shape: tuple[int, ...], order: str) -> Array:
        """Numbers from bytes, of which there must be as many as the shape says."""
        assert isinstance(content, bytes)
        shape = tuple(int(length) for length in shape)
        if any(length < 0 for length in shape) or math.prod(shape) * self._dtype.itemsize != len(content):
            raise ValueError(f"{len(content)} bytes are not {shape} numbers")
        flat = np.frombuffer(content, self._dtype).astype(self._dtype.newbyteorder("="), copy=False)
        return flat.reshape(shape, order="F" if order == "F" else "C")


class _Array:
    """An array that is being read."""

    __slots__ = ("_array",)

    def __init__(self) -> None:
        self._array: Array | None = None

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, by_columns, content = state
        assert isinstance(dtype, _Type)
        content = content.encode("latin1") if isinstance(content, str) else content  # as Python 2 wrote it
        self._array = dtype.array(content, shape, "F" if by_columns else "C")

    def array(self) -> Array:
        """The array."""
        assert self._array is not None
        return self._array


def _reconstruct(*_: object) -> _Array:
    return _Array()


def _from_buffer(content: bytes, dtype: _Type, shape: tuple[int, ...], order: str) -> Array:
    return dtype.array(content, shape, order)


def _scalar(dtype: _Type, content: bytes | str) -> Any:
    return dtype.array(content.encode("latin1") if isinstance(content, str) else content, (), "C")[()]


def _encode(text: str, encoding: str) -> bytes:
    """Protocols before 3 have bytes as text that is to be encoded."""
    assert encoding == "latin1"
    return text.encode("latin1")


def _no_bytes() -> bytes:
    return b""


def _no_items() -> dict[str, Any]:
    return {}


_NAMES: Final[Mapping[str, Callable[..., Any]]] = {
    "numpy.dtype": _Type,
    "numpy.ndarray": _Array,
    "_codecs.encode": _encode,
    **{f"{builtins}.bytes": _no_bytes for builtins in ("builtins", "__builtin__")},
    "collections.OrderedDict": _no_items,
    **{f"numpy.{core}.multiarray._reconstruct": _reconstruct for core in ("core", "_core")},
    **{f"numpy.{core}.multiarray.scalar": _scalar for core in ("core", "_core")},
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}


class _Bounded:
    """A file of which nobody can ask for more than there is, and so for more memory than it has bytes."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self.readline = file.readline
        self.readinto = file.readinto  # type: ignore[attr-defined]
        self._file = file
        self._left = size

    def read(self, count: int) -> bytes:
        if count > self._left:
            raise EOFError("it ends early")
        content = self._file.read(count)
        self._left = max(0, self._left - len(content))
        return content


_PythonReader: Any = pickle._Unpickler
"""Python's own reader, written in Python, of which single instructions can be taken away; not so the one in C."""


class _Reader(_PythonReader):  # type: ignore[misc]
    """Reads by `_INSTRUCTIONS`, and some more below."""

    dispatch = {  # noqa: RUF012 - a table as in the class above
        getattr(pickle, name)[0]: _PythonReader.dispatch[getattr(pickle, name)[0]] for name in _INSTRUCTIONS.split()
    }

    def find_class(self, module: str, name: str) -> Any:
        called = f"{module}.{name}"
        if called not in _NAMES:
            raise CheckpointError(
                f"'{{path}}' holds more than arrays and plain data ({called}) and is not opened.", "Do not use it."
            )
        return _NAMES[called]

    def load_build(self) -> None:
        state = self.stack.pop()
        target = self.stack[-1]
        if not isinstance(target, _Array | _Type):
            raise pickle.UnpicklingError("it gives a state to what has none")
        target.__setstate__(state)

    def load_bytearray(self) -> None:
        (length,) = struct.unpack("<Q", self.read(8))
        self.append(self.read(length))

    def load_dict(self) -> None:
        items = self.pop_mark()
        self.append({})
        self._set(items)

    def load_setitems(self) -> None:
        self._set(self.pop_mark())

    def load_setitem(self) -> None:
        value, key = self.stack.pop(), self.stack.pop()
        self._set([key, value])

    def _set(self, items: list[Any]) -> None:
        """Only texts and numbers are keys: tuples within tuples could take for ever to be hashed."""
        target = self.stack[-1]
        if not isinstance(target, dict) or not all(isinstance(key, str | int | float) for key in items[::2]):
            raise pickle.UnpicklingError("it has keys that are no texts")
        target.update(zip(items[::2], items[1::2], strict=True))

    dispatch |= {
        pickle.BUILD[0]: load_build,
        pickle.BYTEARRAY8[0]: load_bytearray,
        pickle.DICT[0]: load_dict,
        pickle.SETITEM[0]: load_setitem,
        pickle.SETITEMS[0]: load_setitems,
    }
