"""Loops cut out of songs: whole bars of their stems that go round without a click.

`cutting` is the way from a song to its loops: `choosing` picks the bars, `points` makes the ends meet, `hearing` tells
the key and whether a stem plays, `files` names and writes. `folder` does it for many songs, and remembers.
"""

from soundalike.loops.cutting import Wanted, cut_loops
from soundalike.loops.files import Loop
from soundalike.loops.folder import fill_folder

__all__ = ["Loop", "Wanted", "cut_loops", "fill_folder"]
