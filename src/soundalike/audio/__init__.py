"""Sound in memory, and how it comes out of files.

`load_clip` reads a file, or a passage of it, into a `Clip`. `ExcerptStream` reads a file of any length
excerpt by excerpt in flat memory, and knows at the end what analysis keeps about the file.
"""

from soundalike.audio.clip import Clip
from soundalike.audio.decoding import AUDIO_SUFFIXES, file_hash, load_clip
from soundalike.audio.stream import Excerpt, ExcerptStream

__all__ = ["AUDIO_SUFFIXES", "Clip", "Excerpt", "ExcerptStream", "file_hash", "load_clip"]
