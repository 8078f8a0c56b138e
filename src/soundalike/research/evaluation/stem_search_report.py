"""One run of `stem_search` over recorded and rendered songs, and its tables in the page about loops."""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from soundalike.analysis import Analyzer
from soundalike.audio import AUDIO_SUFFIXES, Clip, ExcerptStream
from soundalike.errors import UsageError
from soundalike.facets import Facet
from soundalike.loops import cut_loops
from soundalike.research.evaluation.pages import write_between_marks
from soundalike.research.evaluation.report import share, table
from soundalike.research.evaluation.separation_mixes import Mix, known, recorded_mixes, rendered_mixes
from soundalike.research.evaluation.stem_search import COMPARED, PASSAGE, TOP, Result, Sample, measure_stem_search
from soundalike.research.sound.orchestra import Palette
from soundalike.separators import load_separator
from soundalike.separators.embedded.picture import RATE
from soundalike.separators.stem_names import stem_of
from soundalike.strokes import find_strokes, kinds_of

PAGE: Final = "loops.md"
RESULTS: Final = "loops.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What to measure.

    Attributes
    ----------
    songs : Path
        Folder of songs whose loops are to be found.
    data : Path or None
        The folder of outside recordings, with a folder ``stems``; None for rendered pieces only.
    pieces : int
        Rendered pieces; 0 for none.
    palette : Palette
        Who plays them.
    separator : str
    seed : int
    """

    songs: Path
    data: Path | None
    pieces: int = 24
    palette: Palette = "synthesizer"
    separator: str = "embedded"
    seed: int = 0


def run_plan(plan: Plan, *, report: Callable[[str], None] = lambda line: None) -> Result:
    """Measure everything, as one document of plain values.

    Raises
    ------
    NotFoundError
        If the folder of recordings has no stems.
    UsageError
        If there is nothing to ask with.
    """
    separator = load_separator(plan.separator)
    stems = [stem for stem in separator.stems if stem != "mix"]
    command = f"soundalike research stem-search {plan.songs.name} --pieces {plan.pieces} --palette {plan.palette}"
    command += f" --separator {plan.separator}" * (plan.separator != "embedded")
    document: Result = {"command": command + " --data DATA" * (plan.data is not None), "seed": plan.seed, "sets": {}}
    with tempfile.TemporaryDirectory(prefix="soundalike-stem-search-") as place:
        work = Path(place)
        report(f"Cutting loops out of {plan.songs.name}")
        loops = list(_loops(plan.songs, plan.separator, work / "loops"))
        rendered = list(rendered_mixes(plan.pieces, palette=plan.palette))
        parts = list(_written(rendered, work / "parts"))
        if plan.data is not None:
            mixes = [known(mix, stems) for mix in recorded_mixes(plan.data / "stems")]
            own = list(_true_stems(plan.data / "stems"))
            pool = [*own, *_strokes(own, work / "recorded strokes"), *loops, *parts]
            document["sets"]["recorded"] = _measured("recorded", mixes, pool, stems, plan, work, report)
        if plan.pieces:
            mixes = [known(mix, stems) for mix in rendered]
            pool = [*parts, *_strokes(parts, work / "rendered strokes"), *loops]
            document["sets"]["rendered"] = _measured("rendered", mixes, pool, stems, plan, work, report)
    if not document["sets"]:
        raise UsageError("There are no songs to ask with.", "Give --data, or some --pieces.")
    return document


def _measured(
    name: str,
    mixes: Sequence[Mix],
    pool: Sequence[Sample],
    stems: Sequence[str],
    plan: Plan,
    work: Path,
    report: Callable[[str], None],
) -> Result:
    how: dict[str, Any] = {"stems": stems, "separator": plan.separator, "seed": plan.seed, "report": report}
    return measure_stem_search(mixes, pool, work / name, **how)


def _loops(songs: Path, separator: str, folder: Path) -> Iterator[Sample]:
    """Loops cut out of songs; a song that gives none is left out."""
    folder.mkdir()
    splitting = load_separator(separator)
    for song in sorted(path for path in songs.iterdir() if path.suffix.lower() in AUDIO_SUFFIXES):
        try:
            found = cut_loops(str(song), folder, splitting)
        except UsageError:
            continue
        yield from (Sample(Path(loop.path), loop.stem, song.stem) for loop in found)


def _true_stems(folder: Path) -> Iterator[Sample]:
    """The parts of recorded songs, by their index."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as lines:
        rows = [row for row in csv.DictReader(lines) if row["stem"] != "mix"]
    for row in rows:
        yield Sample(folder / row["file"], stem_of(row["stem"]) or "other", row["song"])


def _strokes(samples: Sequence[Sample], folder: Path) -> Iterator[Sample]:
    """One stroke or note of each kind of every stem, as files of their own."""
    folder.mkdir()
    analyzer = Analyzer()
    for sample in samples:
        clips: list[Clip] = []
        for excerpt in ExcerptStream(str(sample.path), rate=analyzer.sample_rate, seconds=analyzer.window):
            clips += [excerpt.clip.cut(start, end) for start, end in find_strokes(excerpt.clip)]
        timbre = analyzer.vectors(clips)[Facet("timbre")]
        for i in kinds_of(timbre, [clip.duration for clip in clips]):
            clip = clips[i]
            path = folder / f"{sample.song} {sample.path.stem} one shot {i}.wav"
            soundfile.write(path, clip.samples.T, clip.rate, subtype="FLOAT")
            yield replace(sample, path=path, one_shot=True)


def _written(mixes: Sequence[Mix], folder: Path) -> Iterator[Sample]:
    """The parts of rendered pieces as files."""
    folder.mkdir()
    for mix in mixes:
        for stem, samples in mix.stems.items():
            if np.abs(samples).max() > 0.0:
                path = folder / f"{mix.name} {stem}.wav"
                soundfile.write(path, samples.T, RATE, subtype="FLOAT")
                yield Sample(path, stem, mix.songs[stem])


def write_tables(folder: Path, document: Result) -> list[Path]:
    """Write the tables into the page, and all figures beside it; raises as `write_between_marks`."""
    return write_between_marks(folder / PAGE, tables(document), document)


def tables(document: Result) -> list[str]:
    """All tables in Markdown."""
    lines = [
        f"Made by `{document['command']}`; all figures are in [{RESULTS}]({RESULTS}).",
        "In per cent, with 95 % intervals over mixes. Families and own one-shots are counted among the first",
        f"{TOP} hits; *steady* is the share of the first {COMPARED} that the first and the last {PASSAGE:.0f} s of a",
        "song have in common.",
    ]
    for name, found in document["sets"].items():
        cells = found["measures"]
        stems = list(dict.fromkeys(stem for cell in cells.values() for stem in cell))
        rows = [
            [measure, *(share(cell.get(stem)) if stem in cell else "" for stem in stems)]
            for measure, cell in cells.items()
        ]
        pool = ", ".join(f"{count} {family}" for family, count in found["pool"].items())
        lines += ["", f"### {name.capitalize()} songs", "", f"The pool: {pool}.", "", *table(["", *stems], rows), ""]
        lines += [
            f"Families of the pool's files known rightly {how}: {opinion['right']} of {opinion['of']}."
            for how, opinion in found["families"].items()
        ]
    return lines
