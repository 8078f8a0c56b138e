"""The demo: listen to a folder, ask one question four ways, see why.

python demo/show.py            the pack of pieces that ships with the project
python demo/show.py FOLDER     your own music
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from soundalike import Library, Weights
from soundalike.cli.display import print_hits, progress_bar, query_line, stdout
from soundalike.research.demo_pack import expected, load_manifest
from soundalike.search import Hit
from soundalike.tracks import Track

HERE = Path(__file__).parent
ASKS = ("melody", "rhythm", "timbre", "harmony")


def main(arguments: list[str]) -> int:
    """Run the demo; 1 if an answer is wrong, which can be known for the pack only."""
    console = stdout()
    folder = Path(arguments[0]).expanduser() if arguments else HERE
    with tempfile.TemporaryDirectory(prefix="soundalike-demo-") as place, Library(place) as library:
        with progress_bar("Listening") as show:
            report = library.add([folder], jobs=2, progress=show)
        pace = report.audio_seconds / max(report.seconds, 1e-6)
        console.print(f"\nListened to {report.added} files in {report.seconds:.1f} s, {pace:.0f} times real time.\n")
        tracks = sorted((track for track in library.tracks() if not track.silent), key=lambda track: track.path)
        if len(tracks) < 2:
            console.print("There is too little to hear here. Try another folder: make demo MUSIC=~/Music")
            return 1
        query = tracks[0]
        console.print(query_line(query), end="\n\n")
        answers = {ask: library.search(query.id, Weights({ask: 1.0}), n=3) for ask in ASKS}
        right = show_answers(console, query, answers, pack=not arguments)
        console.print("\nin everything at once, and why\n")
        print_hits(library.search(query.id, n=3))
    show_next_steps(console, folder if arguments else None)
    return 0 if right else 1


def show_answers(console: Console, query: Track, answers: dict[str, list[Hit]], *, pack: bool) -> bool:
    """One row per question; for the pack with a mark and what the pieces share. True if none is wrong."""
    manifest = load_manifest(HERE) if pack else None
    file = Path(query.path).name
    table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
    right = True
    for ask, hits in answers.items():
        cells = [f"in {ask}", " · ".join(hit.track.name for hit in hits)]
        if manifest is not None:
            sharing = expected(manifest, file, ask)
            found = {Path(hit.track.path).name for hit in hits} == sharing
            piece = next(piece for piece in manifest["pieces"] if piece["file"] == file)
            cells.insert(1, "[green]✓[/green]" if found else "[red]✗[/red]")
            cells.append(f"[dim]{piece['names'][ask]}[/dim]")
            right = right and found
        table.add_row(*cells)
    console.print(table)
    return right


def show_next_steps(console: Console, folder: Path | None) -> None:
    """What to type next."""
    program = ".venv/bin/soundalike"
    console.print(
        "\n✓: exactly the three pieces that share it come first.  Next, on your own music:\n"
        if not folder
        else "\nNext:\n"
    )
    console.print(f"    {program} add {folder or '~/Music'}\n    {program} search song.mp3 -w melody=1 -w timbre=-0.5")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
