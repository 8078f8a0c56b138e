"""``transcribe``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from soundalike.cli.shared import HELP, json_option, parse_range, print_json, refuse_empty

if TYPE_CHECKING:
    from soundalike.tracks import AnalysedTrack


@click.command(context_settings=HELP)
@click.argument("file", callback=refuse_empty)
@click.option("--at", metavar="START-END", help="Only this passage, such as 1:05-1:20.")
@click.option("--midi", type=click.Path(dir_okay=False), callback=refuse_empty, help="Also write a MIDI file.")
@json_option
def transcribe(file: str, at: str | None, midi: str | None, as_json: bool) -> None:
    """Write down what FILE plays: the notes of its lead, its chords, tempo and key. No library is needed.

    \b
    Examples:
      soundalike transcribe song.mp3
      soundalike transcribe song.mp3 --at 0:41-1:12 --midi tune.mid
    """
    from soundalike.analysis import Analyzer
    from soundalike.export import check_midi, write_midi
    from soundalike.notes import EMPTY

    if midi:
        check_midi(Path(midi))
    start, end = parse_range(at) if at else (0.0, None)
    heard = Analyzer().analyse(file, start=start, end=end)
    transcription = heard.transcription or EMPTY
    if midi:
        write_midi(Path(midi), transcription, tempo=heard.track.tempo, start=start)
    if as_json:
        print_json(_document(heard))
        return
    from soundalike.cli.display import print_transcription

    if not transcription:
        click.echo(f"No notes and no chords were heard in '{heard.track.name}'.", err=True)
    print_transcription(heard.track, transcription)


def _document(heard: AnalysedTrack) -> dict[str, Any]:
    from soundalike.notes import EMPTY, chord_name, note_name, tones_of

    track, transcription = heard.track, heard.transcription or EMPTY
    notes = [
        {"start": start, "end": start + length, "pitch": pitch, "name": note_name(pitch)}
        for start, length, pitch in transcription.notes.tolist()
    ]
    chords = [
        {
            "start": start,
            "end": start + length,
            "name": chord_name(root, tones, bass),
            "root": root,
            "bass": bass,
            "tones": tones_of(tones),
        }
        for start, length, root, bass, tones in transcription.chords.tolist()
    ]
    return {
        "path": track.path,
        "duration": track.duration,
        "tempo": track.tempo,
        "beat": transcription.beat or None,
        "key": track.key,
        "notes": notes,
        "chords": chords,
    }
