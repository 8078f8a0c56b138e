"""Which stem a file holds, by the words in its name."""

from __future__ import annotations

import re
from collections.abc import Collection
from types import MappingProxyType

_NAMES = MappingProxyType(
    {
        "drums": """drum drums drumkit drumset kit kick kicks snare snares hat hats hihat hihats tom toms cymbal cymbals
            ride crash overhead overheads percussion percussive perc shaker shakers tambourine conga congas bongo bongos
            clap claps beat beats breakbeat breakbeats rimshot rimshots cowbell woodblock tabla djembe cajon timbales
            maracas guiro rainstick bd hh""",
        "vocals": """vocal vocals vox voice voices voc vocs singer singers choir choirs bv bvs bgv bgvs adlib adlibs
            rap acapella acapellas acappella""",
        "bass": "bass basses subbass bassline basslines contrabass reese",
        "piano": """piano pianos keys keyboard keyboards rhodes clav clavinet wurli wurlitzer epiano harpsichord
            harpsichords""",
        "guitar": "guitar guitars gtr gtrs guit egtr agtr acgtr elgtr",
        "other": """other others residual residuals synth synths pad pads lead leads arp arps strings string violin
            violins viola cello fiddle orchestra brass horn horns trumpet trombone tuba sax saxophone flute clarinet
            oboe reed reeds wind winds pipe organ hammond harp mandolin banjo ukulele sitar koto kalimba accordion
            harmonica theremin marimba vibraphone xylophone glockenspiel bell bells pluck plucks plucked stab stabs
            drone drones texture textures fx sfx effects ethnic""",
    }
)
"""In the order in which they count where a name has words of several: a bass drum is a drum, a bass guitar a bass."""

WORDS = MappingProxyType({word: stem for stem, words in _NAMES.items() for word in words.split()})

PHRASES = MappingProxyType(
    {
        "other keys": "other",
        "chromatic percussion": "other",
        "lead vocal": "vocals",
        "lead guitar": "guitar",
        "pedal steel": "guitar",
    }
)
"""Words that mean something else together; they count before `WORDS`."""

_FILLING = """
    a ac acoustic ad alt amp back backing background bg bottom bowed bus close comp dbl di double down dry e el electric
    full group grp harmony hi high in inside jam l left low m main mic mid mono out outside r rhythm right room s
    session side solo st stem stems stereo sub sum take top track up wet
"""
FILLING = frozenset(_FILLING.split())
"""Words that say nothing about the stem."""

VOCABULARY = frozenset({*WORDS, *FILLING})
"""What others may be written together of."""

_NOT_STEMS = """
    accompaniment demo edit instrumental instrumentals karaoke live master mastered minus mix mixdown mixed mixes
    mixture no remix rmx version without
"""
NOT_STEMS = frozenset(_NOT_STEMS.split())
"""Words of files that hold several stems, or are tracks themselves."""

MIXES = frozenset({"mix", "mixture", "mixdown", "master"})
"""What a track is called in a folder of its own."""


def words_of(name: str) -> list[str]:
    """Runs of letters in lower case, also those that only a capital marks.

    Examples
    --------
    >>> words_of("02 LeadVox_L-Double2")
    ['lead', 'vox', 'l', 'double']
    """
    return re.findall(r"[^\W\d_]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower())


def apart(word: str, known: Collection[str] = VOCABULARY) -> list[str]:
    """A word, or the two known ones of three letters or more that it is written together of.

    Examples
    --------
    >>> apart("leadguitar"), apart("bassline"), apart("heartstrings")
    (['lead', 'guitar'], ['bassline'], ['heartstrings'])
    """
    if word not in known:
        for i in range(3, len(word) - 2):
            if word[:i] in known and word[i:] in known:
                return [word[:i], word[i:]]
    return [word]


def stem_of(name: str, *, whole: bool = False) -> str | None:
    """The stem that a name means, or None.

    Parameters
    ----------
    name : str
        Of a file without its suffix, or of a folder.
    whole : bool
        Whether every word has to be known, as where songs lie too, which may be called anything.

    Examples
    --------
    >>> stem_of("E Gtr 2"), stem_of("Bass Drum"), stem_of("no_vocals"), stem_of("leadguitar")
    ('guitar', 'drums', None, 'guitar')
    >>> stem_of("Drums of War"), stem_of("Drums of War", whole=True)
    ('drums', None)
    """
    words = [part for word in words_of(name) for part in apart(word)]
    if NOT_STEMS.intersection(words):
        return None
    if whole and not all(word in WORDS or word in FILLING for word in words):
        return None
    together = f" {' '.join(words)} "
    for phrase, stem in PHRASES.items():
        if f" {phrase} " in together:
            return stem
    meant = {WORDS[word] for word in words if word in WORDS}
    return next((stem for stem in _NAMES if stem in meant), None)


def is_mix(name: str) -> bool:
    """Whether a file of this name, without suffix, is the mix of the folder that it lies in."""
    words = words_of(name)
    return len(words) == 1 and words[0] in MIXES
