"""The tokenizer of RoBERTa, with which CLAP reads, from files beside a checkpoint and from nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from soundalike.encoders.released import read_tokenizer
from soundalike.errors import CheckpointError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

LONGEST: Final = 77
"""Tokens of the longest text that CLAP was trained on, with those of its beginning and end."""

FIRST: Final = 2
"""Position of a text's first token, as RoBERTa counts."""

MISSING: Final = "Put the tokenizer.json of roberta-base, or its vocab.json and merges.txt, beside the checkpoint."

_SPECIAL: Final = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
_PLACES: Final = {"<s>": 0, "<pad>": 1, "</s>": 2}
_RELEASED: Final = "Put the tokenizer.json of roberta-base beside the checkpoint."


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
    whole, words, merges = (folder / name for name in ("tokenizer.json", "vocab.json", "merges.txt"))
    if whole.is_file():
        tokenizer = read_tokenizer(whole)
    elif words.is_file() and merges.is_file():
        tokenizer = _from_merges(words, merges)
    else:
        return None
    _check(tokenizer, folder, vocabulary)
    return tokenizer


def _from_merges(words: Path, merges: Path) -> Tokenizer:
    from tokenizers import AddedToken, Tokenizer, models, pre_tokenizers, processors

    try:
        tokenizer = Tokenizer(models.BPE.from_file(str(words), str(merges)))
    except Exception:  # noqa: BLE001 - tokenizers raises nothing narrower
        raise CheckpointError(f"The tokenizer in '{words.parent}' is damaged.", "Fetch it again.") from None
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
