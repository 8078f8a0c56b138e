"""Extension point: public collections of what listeners answered.

A dataset reads a copy that the user has; nothing of it is part of this package. To add one, write a class with the
attributes and the method of `Dataset`, add a line to `DATASETS`, and run ``tests/contract/test_datasets.py``.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Protocol, runtime_checkable

from soundalike import extensions
from soundalike.judgments import Judgment

DATASETS = MappingProxyType({"inst-sim-abx": "soundalike.research.datasets.inst_sim_abx:InstSimAbx"})


@runtime_checkable
class Dataset(Protocol):
    """What every dataset has.

    Attributes
    ----------
    name : str
        Name and version.
    licence : str
        On what terms it may be used, in one sentence.
    citation : str
        What to cite where it is used.
    """

    name: str
    licence: str
    citation: str

    def judgments(self) -> list[Judgment]:
        """All answers, in the order in which they were given.

        Returns
        -------
        list of Judgment
            What was heard goes by the names of the clips, as paths relative to a folder of clips.

        Raises
        ------
        NotFoundError
            If the copy lacks a file that is needed.
        UsageError
            If a file is not what it should be.
        """
        ...


def load_dataset(name: str, folder: Path, **options: object) -> Dataset:
    """Open a copy of a dataset by its name (see `DATASETS`).

    Parameters
    ----------
    name : str
    folder : Path
        The user's copy.
    **options
        What else the dataset takes.

    Raises
    ------
    UnknownNameError
        If nobody offers the name.
    UsageError
        If the dataset does not take an option.
    """
    dataset: Dataset = extensions.make("datasets", DATASETS, name, folder=folder, **options)
    return dataset
