"""Tables and progress for people."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.table import Table
from rich.text import Text

from soundalike.explanation import clock, sentence, span
from soundalike.tracks import Track, printable

if TYPE_CHECKING:
    from soundalike.comparison import Comparison, FacetScore
    from soundalike.facets import Facet
    from soundalike.ingest import Progress
    from soundalike.search import Hit


def stdout() -> Console:
    """A console on stdout; wide enough for its tables when not on a terminal."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=110)


def stderr() -> Console:
    """A console on stderr, for progress and messages."""
    return Console(stderr=True, highlight=False)


@contextmanager
def progress_bar(verb: str) -> Iterator[Callable[[Progress], None]]:
    """Show files done, rate, time left and the current file, while the block runs."""
    console = stderr()
    columns = (
        TextColumn(verb),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} {task.fields[left]} [dim]{task.fields[name]}", justify="left"),
    )
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(verb, total=None, rate="", left="", name="")

        def show(state: Progress) -> None:
            bar.update(
                task,
                completed=state.done,
                total=state.total,
                rate=f"{state.rate:.1f}/s",
                left=f"{clock(round(state.seconds_left))} left",
                name=printable(os.path.basename(state.path))[:40],  # noqa: PTH119
            )

        yield show


@contextmanager
def counting_bar(verb: str) -> Iterator[Callable[[int, int], None]]:
    """Show how many of how many are done and the time left, while the block runs."""
    console = stderr()
    columns = (TextColumn(verb), BarColumn(bar_width=30), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(verb, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def hits_table(hits: Sequence[Hit]) -> Table:
    """One row per hit: what it is, its score, each weighted facet, and why."""
    weighted = [facet for facet, score in hits[0].comparison.facets.items() if score.weight]
    weighted += hits[0].comparison.absent
    weighted.sort()
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("id", justify="right", style="dim")
    table.add_column("track", overflow="fold", ratio=1)
    for facet in weighted:
        table.add_column(facet.short, no_wrap=True)
    table.add_column("score", justify="right", no_wrap=True)
    for hit in hits:
        cells = [_bar(hit.comparison.facets.get(facet)) for facet in weighted]
        table.add_row(str(hit.track.id), _title(hit), *cells, f"{hit.score:+.2f}")
    return table


def comparison_table(comparison: Comparison) -> Table:
    """One row per facet."""
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    for name in ("facet", "closer than", "cosine", "standardised", "weight", "contribution"):
        table.add_column(name, justify="left" if name in {"facet", "closer than"} else "right", no_wrap=True)
    for facet, score in comparison.facets.items():
        table.add_row(
            facet.short,
            _bar(score),
            f"{score.cosine:.3f}",
            f"{score.standardised:+.2f}",
            f"{score.weight:g}",
            f"{score.contribution:+.3f}" if score.weight else "",
        )
    for facet in comparison.absent:
        table.add_row(facet.short, Text("cannot be heard in both", style="dim"), "", "", "", "")
    return table


def passages_text(comparison: Comparison) -> Text:
    """The matching time ranges, one a line."""
    lines = [f"{span(p.query)}  matches  {span(p.track)}   most in {p.facet.short}" for p in comparison.passages]
    return Text("\n".join(lines), style="dim")


def track_line(track: Track) -> str:
    """What a track is, in one line: name, artist, length, tempo, key."""
    facts = [track.artist, clock(round(track.duration, 1))]
    if track.tempo:
        facts.append(f"{track.tempo:.0f} bpm")
    if track.key:
        facts.append(f"{track.key} ({track.camelot})")
    return f"{track.name}  " + " · ".join(fact for fact in facts if fact)


def _title(hit: Hit) -> Text:
    text = Text(hit.track.name, style="bold")
    if hit.track.artist:
        text.append(f"  {hit.track.artist}", style="not bold dim")
    text.append(f"\n{sentence(hit.comparison)}", style="not bold dim")
    return text


def _bar(score: FacetScore | None) -> Text:
    """A facet's percentile as a short bar and a number."""
    if score is None:
        return Text("  absent", style="dim")
    if score.percentile is None:
        return Text(f"{score.cosine:+.2f}")
    filled = round(score.percentile / 20)
    style = "green" if score.contribution > 0 else "red" if score.contribution < 0 else "dim"
    text = Text("━" * filled, style=style)
    text.append("─" * (5 - filled), style="bright_black")
    text.append(f" {min(int(score.percentile), 99):>2} %")
    return text


def facet_names(facets: Sequence[Facet]) -> str:
    """Short names, joined."""
    return ", ".join(facet.short for facet in facets)
