"""How a question is heard: each excerpt as a small sound file, played by what the machine has.

The files are called X, A and B, so that nothing shows what they are, and are of equal loudness, since what is louder
is easily taken for what is better.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from soundalike.audio import load_clip
from soundalike.listening.excerpts import Excerpt

PLAYERS: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "ffplay": ("-nodisp", "-autoexit", "-loglevel", "quiet"),
        "mpv": ("--no-video", "--really-quiet"),
        "afplay": (),
        "pw-play": (),
        "paplay": (),
        "aplay": ("-q",),
        "play": ("-q",),
    }
)
"""Programs that play a sound file, the first that is there is taken, and what they are told besides its name."""

LOUDNESS: Final = 0.1
"""Root mean square that excerpts are brought to, as far as their peaks allow."""


def find_player() -> tuple[str, ...] | None:
    """The command that plays a file whose name is added to it; None where there is none."""
    for name, options in PLAYERS.items():
        program = shutil.which(name)
        if program:
            return (program, *options)
    return None


def cut(excerpt: Excerpt, out: Path) -> None:
    """Write an excerpt as a WAV file.

    Raises
    ------
    AudioDecodeError, UsageError
        If its track can no longer be read, or no longer lasts so long.
    """
    import soundfile

    clip = load_clip(excerpt.track.path, start=excerpt.start, end=excerpt.end)
    samples = clip.samples
    level, peak = float(np.sqrt(np.mean(samples.astype(np.float64) ** 2))), float(np.abs(samples).max(initial=0.0))
    if level > 0:
        samples = samples * np.float32(min(LOUDNESS / level, 0.99 / peak))
    soundfile.write(out, samples.T, clip.rate, subtype="PCM_16")


def play(player: tuple[str, ...], file: Path) -> bool:
    """Play a file to its end; False if the player cannot, for example where there is no loudspeaker."""
    silent = subprocess.DEVNULL
    try:
        done = subprocess.run([*player, str(file)], stdin=silent, stdout=silent, stderr=silent, check=False)
    except OSError:
        return False
    return done.returncode == 0
