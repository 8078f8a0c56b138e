"""Signs in compressed files that their end is missing; decoders do not look at them."""

from __future__ import annotations

import re
from io import FileIO

_XING = re.compile(rb"(?:Xing|Info)\x00\x00\x00([\x02\x03\x06\x07\x0a\x0b\x0e\x0f])")
"""The header with flags that say that it counts bytes (2), maybe after frames (1)."""


def mp3_is_cut(file: FileIO) -> bool:
    """Whether the Xing or Info header of an MP3 counts more bytes than the file has; the position is kept."""
    here = file.tell()
    try:
        file.seek(0)
        head = file.read(10)
        tag = 0
        if head.startswith(b"ID3") and len(head) == 10:
            tag = 10 + sum(byte << shift for byte, shift in zip(head[6:], (21, 14, 7, 0), strict=True))
        file.seek(tag)
        head = file.read(4096)
        found = _XING.search(head)
        if not found:
            return False
        place = found.end() + (4 if found[1][0] & 1 else 0)
        return int.from_bytes(head[place : place + 4]) > 1.005 * (file.seek(0, 2) - tag)
    finally:
        file.seek(here)


def ogg_is_cut(file: FileIO) -> bool:
    """Whether the last page of an Ogg file is not marked as the last; the position is kept."""
    here = file.tell()
    try:
        size = file.seek(0, 2)
        file.seek(max(0, size - 2**17))  # twice the longest page
        tail = file.read(2**17)
        page = tail.rfind(b"OggS\x00")
        return page >= 0 and not tail[page + 5 : page + 6] >= b"\x04"  # flags: 4 is the end, 1 and 2 come lower
    finally:
        file.seek(here)
