"""What the loaders of released checkpoints share: files beside the tensors, layers by number, and texts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer


def folder_with(path: Path) -> Path:
    """Where the files beside a checkpoint lie: the folder itself, or that of a file."""
    return path if path.is_dir() else path.parent


def parse_layers(text: str, states: int) -> tuple[int, ...]:
    """Numbers of hidden states, ascending, from a text such as "3-6,12", or "all".

    Raises
    ------
    UsageError
        If it is no such text, or names a state that is not among so many.
    """
    if text.strip() == "all":
        return tuple(range(states))
    chosen: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        last = last if dash else first
        if not (first.isdecimal() and last.isdecimal() and int(first) <= int(last) < states):
            raise UsageError(
                f"The layers '{text}' were asked for.",
                f"Name some of 0 to {states - 1}, such as 5 or 3-6,{states - 1}.",
            )
        chosen.update(range(int(first), int(last) + 1))
    return tuple(sorted(chosen))


def read_tokenizer(file: Path) -> Tokenizer:
    """A ``tokenizer.json`` that neither fills texts up nor cuts them, whatever it is set to.

    Raises
    ------
    CheckpointError
        If it is damaged.
    """
    from tokenizers import Tokenizer

    try:
        tokenizer: Tokenizer = Tokenizer.from_file(str(file))
    except Exception:  # noqa: BLE001 - tokenizers raises nothing narrower
        raise CheckpointError(f"'{file}' is no tokenizer.", "Fetch it again.") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def embed_texts(
    texts: Sequence[str], read: Reader, embed: Callable[[list[NDArray[np.float32]]], NDArray[np.float32]], dim: int
) -> NDArray[np.float32]:
    """Embed texts by what `embed` makes of their tokens: float32, shape (n, dim)."""
    tokens = [read(text) for text in texts]
    return embed(tokens) if tokens else np.zeros((0, dim), np.float32)


class Reader:
    """Texts to numbers of tokens.

    Parameters
    ----------
    tokenizer : Tokenizer, optional
        Without one every text is refused.
    longest : int
        Tokens that are read at once.
    missing : str
        What to put where, if there is no tokenizer.
    """

    def __init__(self, tokenizer: Tokenizer | None, *, longest: int, missing: str) -> None:
        self._tokenizer = tokenizer
        self._longest = longest
        self._missing = missing

    def __call__(self, text: str) -> NDArray[np.float32]:
        """Numbers of a text's tokens, float32 (n,), with those of its beginning and end.

        Raises
        ------
        UsageError
            If the text is empty or too long to be read whole.
        CheckpointError
            If there is no tokenizer.
        """
        if self._tokenizer is None:
            raise CheckpointError("This checkpoint came without a tokenizer, so it reads no text.", self._missing)
        if not text.strip():
            raise UsageError("An empty text was given.", "Say in a few words what it should sound like.")
        numbers = self._tokenizer.encode(text).ids
        if len(numbers) > self._longest:
            raise UsageError(
                f"A text has {len(numbers)} tokens, and at most {self._longest} can be read at once.", "Shorten it."
            )
        return np.array(numbers, np.float32)  # exact: there are fewer tokens than 2 ** 24
