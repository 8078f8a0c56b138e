"""The demo: add a folder, ask four ways, see why.

python demo/show.py            the pack of pieces that ships with the project
python demo/show.py FOLDER     your own music
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from rich.console import Console

from soundalike import Library, Weights
from soundalike.cli.display import hits_table, progress_bar, track_line
from soundalike.search import Hit
from soundalike.tracks import Track

HERE = Path(__file__).parent
ASKS = ("melody", "rhythm", "timbre", "harmony")


def main(arguments: list[str]) -> int:
    """Run the demo and return the number of wrong answers (0 on one's own music, where nobody knows)."""
    console = Console(highlight=False)
    console = console if console.is_terminal else Console(highlight=False, width=110)
    folder = Path(arguments[0]).expanduser() if arguments else HERE
    with tempfile.TemporaryDirectory(prefix="soundalike-demo-") as place, Library(place) as library:
        with progress_bar("Listening") as show:
            report = library.add([folder], jobs=2, progress=show)
        pace = report.audio_seconds / max(report.seconds, 1e-6)
        console.print(f"\nListened to {report.added} files in {report.seconds:.1f} s, {pace:.0f} times real time.\n")
        tracks = sorted((t for t in library.tracks() if not t.silent), key=lambda track: track.path)
        if len(tracks) < 2:
            console.print("There is too little to hear here. Try another folder: make demo MUSIC=~/Music")
            return 1
        query = tracks[0]
        console.print(f"What sounds like [bold]{track_line(query)}[/bold]?")
        wrong = 0
        for ask in ASKS:
            hits = library.search(query.id, Weights({ask: 1.0}), n=3)
            verdict, missed = ("", 0) if arguments else check(query, hits, ask)
            wrong += missed
            console.print(f"\n[bold]By {ask}[/bold]{verdict}")
            if hits:
                console.print(hits_table(hits))
    target = " FOLDER" if not arguments else ""
    console.print(
        f"\nNext: [bold].venv/bin/soundalike add{target or ' ' + str(folder)}[/bold], then "
        "[bold].venv/bin/soundalike search FILE -w melody=1 -w timbre=-0.5[/bold]"
    )
    return wrong


def check(query: Track, hits: list[Hit], factor: str) -> tuple[str, int]:
    """Mark the answers: the pack's manifest says which pieces share the factor."""
    from soundalike.research.demo_pack import expected, load_manifest

    right = expected(load_manifest(HERE), Path(query.path).name, factor)
    found = sum(Path(hit.track.path).name in right for hit in hits)
    mark = "[green]✓[/green]" if found == len(right) else "[red]✗[/red]"
    return f"   {mark} {found} of the {len(right)} pieces that share it come first", len(right) - found


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
