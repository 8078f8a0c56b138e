"""The tokenizer of RoBERTa, with which CLAP reads, from files beside a checkpoint and from nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from soundalike.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST: Final = 77
"""Tokens of the longest text that CLAP was trained on, with those of its beginning and end."""

FIRST: Final = 2
"""Position of a text's first token, as RoBERTa counts."""

_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_PLACES: Final = {"<s>": 0, "<pad>": 1, "</s>": 2}
_RELEASED: Final = "Put the tokenizer.json of roberta-base beside the checkpoint."


class Reader:
    """Texts to numbers of tokens.

    Parameters
    ----------
    tokenizer : Tokenizer, optional
        Without one every text is refused.
    longest : int
        Tokens that are read at once.
    """

    def __init__(self, tokenizer: Tokenizer | None, longest: int = LONGEST) -> None:
        self._tokenizer = tokenizer
        self._longest = longest

    def __call__(self, text: str) -> NDArray[np.float32]:
        """Numbers of a text's tokens, float32 (n,), from ``<s>`` to ``</s>``.

        Raises
        ------
        UsageError
            If the text is empty or too long to be read whole.
        CheckpointError
            If there is no tokenizer.
        """
        if self._tokenizer is None:
            raise CheckpointError(
                "This checkpoint of CLAP came without a tokenizer, so it reads no text.",
                "Put the tokenizer.json of roberta-base, or its vocab.json and merges.txt, beside the checkpoint.",
            )
        if not text.strip():
            raise UsageError("An empty text was given.", "Say in a few words what it should sound like.")
        numbers = self._tokenizer.encode(text).ids
        if len(numbers) > self._longest:
            raise UsageError(
                f"A text has {len(numbers)} tokens, and at most {self._longest} can be read at once.", "Shorten it."
            )
        return np.array(numbers, np.float32)  # exact: there are fewer tokens than 2 ** 24


def load_tokenizer(folder: Path, *, vocabulary: int) -> Tokenizer | None:
    """The tokenizer in a folder, or None.

    Parameters
    ----------
    folder : Path
        With ``tokenizer.json``, or with ``vocab.json`` and ``merges.txt``.
    vocabulary : int
        Number of tokens that the network knows.

    Raises
    ------
    CheckpointError
        If the files are damaged, or those of another network.
    """
    from tokenizers import Tokenizer

    whole, words, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    try:
        if whole.is_file():
            tokenizer = Tokenizer.from_file(str(whole))
        elif words.is_file() and merges.is_file():
            tokenizer = _from_merges(words, merges)
        else:
            return None
    except Exception:  # noqa: BLE001 - tokenizers raises nothing narrower
        raise CheckpointError(f"The tokenizer in '{folder}' is damaged.", "Fetch it again.") from None
    tokenizer.no_padding()
    tokenizer.no_truncation()
    _check(tokenizer, folder, vocabulary)
    return tokenizer


def _from_merges(words: Path, merges: Path) -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    tokenizer = Tokenizer(models.BPE.from_file(str(words), str(merges)))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    start, end = (("<s>", _PLACES["<s>"]), ("</s>", _PLACES["</s>"]))
    tokenizer.post_processor = processors.RobertaProcessing(end, start, add_prefix_space=False)
    tokenizer.add_special_tokens([AddedToken(piece, lstrip=piece == "<mask>") for piece in _SPECIAL])
    return tokenizer


def _check(tokenizer: Tokenizer, folder: Path, vocabulary: int) -> None:
    places = {token: tokenizer.token_to_id(token) for token in _PLACES}
    around = tokenizer.encode("a").ids
    if places != _PLACES or (around[0], around[-1]) != (0, 2) or len(around) < 3:
        raise CheckpointError(f"The tokenizer in '{folder}' is not RoBERTa's.", _RELEASED)
    if tokenizer.get_vocab_size() > vocabulary:
        raise CheckpointError(
            f"The tokenizer in '{folder}' has {tokenizer.get_vocab_size()} tokens; the network knows {vocabulary}.",
            _RELEASED,
        )
