"""Tables and progress for people."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar
from rich.segment import Segment, Segments
from rich.table import Table
from rich.text import Text

from soundalike.explanation import clock, hit_sentence, span, telling
from soundalike.facets import Facet
from soundalike.notes import Transcription, chord_name, note_name
from soundalike.tracks import Track, printable

if TYPE_CHECKING:
    from soundalike.comparison import Comparison, FacetScore
    from soundalike.ingest import Progress
    from soundalike.search import Hit


_MELODY = Facet("melody")

_GAP = 0.05
"""Seconds without a chord that are not worth a line."""

WIDEST = 120
"""Columns beyond which a table would only tear apart what belongs together."""


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
        TextColumn("{task.fields[rate]} {task.fields[left]}"),
        TextColumn("{task.fields[name]}", style="dim", markup=False),
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


def print_hits(hits: Sequence[Hit]) -> None:
    """Print a row per hit (what it is, each weighted facet, its score), and why below it over the full width."""
    console = stdout()
    width = min(console.width, WIDEST)
    header, *rows = console.render_lines(_hits_table(hits, width), console.options.update(width=width), pad=False)
    console.print(Segments([*header, Segment.line()]), end="")
    tunes = [hit for hit in hits if _MELODY in telling(hit.comparison)]
    closest = max(tunes, key=lambda hit: hit.comparison.alignments[_MELODY].similarity, default=None)
    for row, hit in zip(rows, hits, strict=True):
        console.print(Segments([*row, Segment.line()]), end="")
        reason = hit_sentence(hit).replace(" %", "\N{NO-BREAK SPACE}%")
        lines = textwrap.fill(reason, width, initial_indent="    ", subsequent_indent="    ")
        console.print(Text(lines.replace("\N{NO-BREAK SPACE}", " "), style="dim"), soft_wrap=True)
        if hit is closest:
            console.print(melody_text(hit.comparison, width, indent=4), soft_wrap=True)


def _hits_table(hits: Sequence[Hit], width: int) -> Table:
    """Rows of one line each."""
    weighted = [facet for facet, score in hits[0].comparison.facets.items() if score.weight]
    weighted += hits[0].comparison.absent
    weighted.sort()
    bars = width >= 40 + 12 * len(weighted)
    widths = [max(10 if bars else 6, len(facet.short)) for facet in weighted]
    room = width - sum(widths) - 2 * len(widths) - 14  # for gaps, id and score
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("id", justify="right", style="dim", no_wrap=True)
    table.add_column("track", no_wrap=True, max_width=max(room, 12))
    for facet, least in zip(weighted, widths, strict=True):
        table.add_column(facet.short, justify="right", no_wrap=True, min_width=least)
    table.add_column("score", justify="right", no_wrap=True)
    for hit in hits:
        cells = [_bar(hit.comparison.facets.get(facet), drawn=bars) for facet in weighted]
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


def melody_text(comparison: Comparison, width: int, *, indent: int = 0) -> Text:
    """The notes of the matching tune, the query's above the track's, as many as fit; nothing where there is none."""
    alignment = telling(comparison).get(_MELODY)
    if alignment is None:
        return Text()
    columns = list(zip(alignment.query, alignment.track, strict=True))
    cell = max(len(name) for pair in columns for name in pair) + 1
    heads = [clock(times[0]) for times in (alignment.query_range, alignment.track_range)]
    head = max(map(len, heads)) + 2
    room = max((width - indent - head - 2) // cell, 1)
    lines = [
        " " * indent + heads[side].ljust(head) + "".join(pair[side].ljust(cell) for pair in columns[:room])
        for side in (0, 1)
    ]
    more = "…" if len(columns) > room else ""
    return Text("\n".join(line.rstrip() + (f" {more}" if more else "") for line in lines), style="dim")


def query_line(track: Track, *, verb: str = "Like", stem: str = "") -> Text:
    """What was asked with, in one line: name, artist, length, tempo, key."""
    verb = f"{verb} the {stem} of" if stem else verb
    facts = [printable(track.artist), clock(round(track.duration, 1)) if track.duration else ""]
    if track.tempo:
        facts.append(f"{track.tempo:.0f} bpm")
    if track.key:
        facts.append(f"{track.key} ({track.camelot})")
    return Text.assemble(f"{verb} ", (f"{printable(track.name)}  {' · '.join(fact for fact in facts if fact)}", "bold"))


def steadiness_line(share: float) -> Text:
    """How far two halves of a passage agree, in one sentence."""
    return Text(f"The two halves of the passage agree on {share:.0%} of the ten best.".replace("%", " %"), style="dim")


def print_transcription(track: Track, transcription: Transcription) -> None:
    """Print a line about the track, then its chords, each with the notes that begin in it."""
    console = stdout()
    console.print(query_line(track, verb="In"), soft_wrap=True)
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 1))
    table.add_column("time", justify="right", style="dim", no_wrap=True)
    table.add_column("chord", style="bold", no_wrap=True)
    table.add_column("lead")
    for time, chord, notes in _bars(transcription):
        table.add_row(clock(time), chord, notes)
    if table.row_count:
        console.print(table)


def _bars(transcription: Transcription) -> Iterator[tuple[float, str, str]]:
    """Start, chord, and names of the notes, for every chord and every stretch without one."""
    reached, bars = 0.0, []
    for start, length, root, bass, tones in transcription.chords.tolist():
        if start > reached + _GAP:
            bars.append((reached, ""))
        bars.append((start, chord_name(root, tones, bass)))
        reached = start + length
    bars.append((reached, ""))
    notes = transcription.notes
    for (first, chord), last in zip(bars, [*(start for start, _ in bars[1:]), float("inf")], strict=True):
        within = notes["pitch"][(notes["start"] >= first) & (notes["start"] < last)].tolist()
        if chord or within:
            yield first, chord, " ".join(note_name(pitch) for pitch in within)


def _title(hit: Hit) -> Text:
    text = Text(printable(hit.track.name), style="bold")
    if hit.track.artist:
        text.append(f"  {printable(hit.track.artist)}", style="not bold dim")
    return text


def _bar(score: FacetScore | None, *, drawn: bool = True) -> Text:
    """A facet's percentile as a number, after a short bar if there is room for it."""
    if score is None:
        return Text("absent", style="dim")
    if score.percentile is None:
        return Text(f"{score.cosine:+.2f}")
    style = "green" if score.contribution > 0 else "red" if score.contribution < 0 else "dim"
    number = f"{min(int(score.percentile), 99):>2} %"
    if not drawn:
        return Text(number, style=style)
    filled = round(score.percentile / 20)
    return Text.assemble(("━" * filled, style), ("─" * (5 - filled), "bright_black"), f" {number}")
