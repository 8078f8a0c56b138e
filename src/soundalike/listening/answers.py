"""The judgments kept beside a library: whole after every answer, whoever else answers at the same time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, TypeAlias

from soundalike.errors import NotFoundError
from soundalike.judgment_files import read_judgments, write_judgments
from soundalike.judgments import Judgment
from soundalike.locks import locked

FILE: Final = "judgments.csv"

_Key: TypeAlias = tuple[object, ...]


class Answers:
    """A library's file of judgments.

    Parameters
    ----------
    folder : Path
        Of the library.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def read(self) -> list[Judgment]:
        """All judgments, oldest first; none where there is no file."""
        try:
            return read_judgments(self.path)
        except NotFoundError:
            return []

    def add(self, judgment: Judgment) -> None:
        """Keep one more; it is on the disk when this returns."""
        self._change(lambda known: [*known, judgment])

    def take_back(self, judgment: Judgment) -> None:
        """Forget the last judgment that equals this one, if there is one."""

        def without(known: list[Judgment]) -> list[Judgment]:
            keys = [_key(other) for other in known]
            if _key(judgment) in keys:
                del known[len(keys) - 1 - keys[::-1].index(_key(judgment))]
            return known

        self._change(without)

    def merge(self, judgments: Iterable[Judgment]) -> int:
        """Keep those that are not here yet, and tell how many they are; merging again adds none."""
        added = 0

        def merged(known: list[Judgment]) -> list[Judgment]:
            nonlocal added
            here = Counter(_key(judgment) for judgment in known)
            new = []
            for judgment in judgments:
                if here[_key(judgment)] > 0:
                    here[_key(judgment)] -= 1
                else:
                    new.append(judgment)
            added = len(new)
            return [*known, *new]

        self._change(merged)
        return added

    def _change(self, change: Callable[[list[Judgment]], list[Judgment]]) -> None:
        with locked(self.path.with_name("judgments.lock"), patience=10.0):
            changed = change(self.read())
            if changed:
                write_judgments(self.path, changed)
            else:
                self.path.unlink(missing_ok=True)


def _key(judgment: Judgment) -> _Key:
    sounds = (judgment.reference, judgment.a, judgment.b)
    context = frozenset((name, value) for name, value in judgment.context.items() if value)
    return (*sounds, judgment.criterion, judgment.answer, judgment.strength, judgment.listener, context)
