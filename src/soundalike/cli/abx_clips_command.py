"""``research abx-clips``: the clips that listeners of Inst-Sim-ABX heard, cut from the user's copy of Slakh."""

from __future__ import annotations

from pathlib import Path

import click

from soundalike.cli.shared import HELP, json_option, print_json, refuse_empty

PARTLY = 3
"""Exit code where some songs are missing or could not be cut."""

PARTS = ("drums", "bass", "guitar", "piano", "residuals", "mix")


@click.command("abx-clips", context_settings=HELP)
@click.option(
    "--slakh",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    callback=refuse_empty,
    help="Folder with the test split of Slakh2100-redux, at any depth.",
)
@click.option(
    "--data",
    required=True,
    type=click.Path(exists=True, file_okay=False),
    callback=refuse_empty,
    help="Clone of github.com/zume06/Inst-Sim-ABX-Dataset.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False),
    callback=refuse_empty,
    help="Folder for the clips, and for clips.txt, which names them.",
)
@click.option(
    "--part",
    "parts",
    multiple=True,
    type=click.Choice(PARTS),
    help="What listeners heard.  (repeatable)  [default: all]",
)
@click.option(
    "--checksums",
    type=click.Path(exists=True, dir_okay=False),
    callback=refuse_empty,
    help="splits/duplicates.json of github.com/ethman/slakh-utils: MD5 of each song's MIDI file, to verify it.",
)
@json_option
def abx_clips(slakh: str, data: str, out: str, parts: tuple[str, ...], checksums: str | None, as_json: bool) -> None:
    """Cut the clips that listeners of Inst-Sim-ABX heard from a copy of Slakh.

    Each sound is written once, as 32-bit WAV under its name in the data set, such as set2/2/piano/X_1913-28.wav; what
    is there already is left as it is, so that the same command goes on. All parts are 8.8 hours and some 6 GB. Songs
    whose all_src.mid has another MD5 than --checksums says are left out. If songs are missing, or a file of theirs
    ends too early, what can be cut is cut, they are named, and the exit code is 3.

    \b
    Example:
      soundalike research abx-clips --slakh slakh2100_flac_redux/test --data Inst-Sim-ABX-Dataset --out clips
      soundalike embed --encoder clap --separator demucs-6s --out clap.npz @clips/clips.txt
    """
    from soundalike.research.datasets.inst_sim_abx import InstSimAbx
    from soundalike.research.listeners.clips import cut_clips

    def progress(done: int, of: int) -> None:
        click.echo(f"cut: {done} of {of} songs", err=True)

    known = Path(checksums) if checksums else None
    found = cut_clips(
        InstSimAbx(Path(data)), Path(slakh), Path(out), parts or PARTS, checksums=known, progress=progress
    )
    if as_json:
        print_json(found.to_json())
    else:
        click.echo(found.sentence)
    for remark in found.remarks:
        click.echo(remark, err=True)
    if not found.is_whole:
        raise click.exceptions.Exit(PARTLY)
