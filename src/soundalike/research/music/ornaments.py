"""How a tune is played this time: ornaments, articulation, pauses. The tune itself stays the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from soundalike.research.music.composer import Note

SHORT = 0.12
"""Length of the notes of an ornament in beats."""
_KINDS = ("grace", "grace", "slide", "mordent", "upper mordent", "turn")


def ornamented(notes: tuple[Note, ...], rng: np.random.Generator, *, chance: float) -> tuple[Note, ...]:
    """Put ornaments on some notes.

    Parameters
    ----------
    notes : tuple of Note
        In order of time, one at a time.
    rng : numpy.random.Generator
        Source of chance.
    chance : float
        0 to 1; notes shorter than 0.45 beats are left alone.

    Returns
    -------
    tuple of Note
        In order of time, one at a time. The main notes begin at most three short notes later, and end as before.
    """
    above, below = _neighbours(notes)
    out: list[Note] = []
    for note in notes:
        if note.length < 0.45 or rng.random() > chance:
            out.append(note)
            continue
        kind = str(rng.choice(_KINDS))
        up, down = above[note.pitch % 12], below[note.pitch % 12]
        offsets = {
            "grace": (int(rng.choice([up, -down])),),
            "slide": (-2, -1) if rng.random() < 0.7 else (-1,),
            "mordent": (0, -down),
            "upper mordent": (0, up),
            "turn": (up, 0, -down),
        }[kind]
        short = min(SHORT, 0.2 * note.length)
        for place, offset in enumerate(offsets):
            begin = note.start + place * short
            out.append(Note(begin, short, note.pitch + offset, 0.85 * note.velocity))
        late = short * len(offsets)
        out.append(replace(note, start=note.start + late, length=note.length - late))
    return tuple(out)


def _neighbours(notes: tuple[Note, ...]) -> tuple[dict[int, int], dict[int, int]]:
    """Semitones to the next pitch class of the tune above and below each, 1 or 2."""
    used = {note.pitch % 12 for note in notes}
    above = {pitch: 1 if (pitch + 1) % 12 in used else 2 for pitch in used}
    below = {pitch: 1 if (pitch - 1) % 12 in used else 2 for pitch in used}
    return above, below


def articulated(notes: tuple[Note, ...], factor: float) -> tuple[Note, ...]:
    """Make all notes longer or shorter by a factor, but none longer than until the next one begins."""
    ends = [after.start for after in notes[1:]] + [np.inf] * bool(notes)
    return tuple(
        replace(note, length=max(min(note.length * factor, end - note.start), 0.08))
        for note, end in zip(notes, ends, strict=True)
    )


def doubling_below(notes: tuple[Note, ...], kind: str) -> tuple[Note, ...]:
    """Write a second line under a tune.

    Parameters
    ----------
    notes : tuple of Note
        The tune.
    kind : str
        "octave", or "third" or "sixth" from the pitches of the tune's own scale where it has them.
    """
    used = {note.pitch % 12 for note in notes}
    narrow, wide = {"octave": (12, 12), "third": (3, 4), "sixth": (8, 9)}[kind]

    def under(pitch: int) -> int:
        return pitch - (wide if (pitch - wide) % 12 in used and (pitch - narrow) % 12 not in used else narrow)

    return tuple(replace(note, pitch=under(note.pitch), velocity=0.85 * note.velocity) for note in notes)
