"""How the tasks on recordings are run, and what comes out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from soundalike.research.evaluation.hearing import Progress, System

Measured: TypeAlias = dict[str, dict[str, dict[str, Any]]]
"""By system and task: what `soundalike.research.evaluation.tasks.judge` says."""


@dataclass(frozen=True, slots=True)
class Run:
    """Who is asked, and how.

    Attributes
    ----------
    systems : sequence of System
    seed : int
        Of choices and bootstrap.
    jobs : int
        Processes to render and listen in.
    progress : callable, optional
    palette : str or None
        Which instruments play what is rendered, see `orchestra.draw_timbre`; None is its default.
    """

    systems: Sequence[System]
    seed: int = 0
    jobs: int = 1
    progress: Progress | None = None
    palette: str | None = None

    @property
    def playing(self) -> dict[str, Any]:
        """The palette as a keyword argument, where one is chosen."""
        return {} if self.palette is None else {"palette": self.palette}
