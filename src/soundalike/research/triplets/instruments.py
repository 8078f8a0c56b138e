"""Instruments by the names that data sets and people give them.

A part has a stem, in the finer sense of MoisesDB (other_keys, bowed_strings and wind have names of their own), and a
kind, which is the finest name that parts of several songs have in common.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from soundalike.separators.stem_names import VOCABULARY, apart, stem_of, words_of

OTHER: Final = "other"
"""The stem of what no name is known of; its kind is empty."""

SLAKH: Final = MappingProxyType(
    {
        "Piano": "piano",
        "Chromatic Percussion": "percussion",
        "Organ": "other_keys",
        "Guitar": "guitar",
        "Bass": "bass",
        "Strings": "bowed_strings",
        "Strings (continued)": "bowed_strings",
        "Brass": "wind",
        "Reed": "wind",
        "Pipe": "wind",
        "Synth Lead": "other_keys",
        "Synth Pad": "other_keys",
        "Ethnic": "other_plucked",
        "Percussive": "percussion",
        "Drums": "drums",
    }
)
"""Stems of Slakh's classes of instruments; those that are not here are `OTHER`."""

_KINDS: Final = MappingProxyType(
    {
        ("drums", "kick drum"): "kick kicks",
        ("drums", "snare drum"): "snare snares",
        ("drums", "hi-hat"): "hat hats hihat hihats hh",
        ("drums", "toms"): "tom toms",
        ("drums", "cymbals"): "cymbal cymbals ride crash overhead overheads oh ohs",
        ("percussion", "claps"): "clap claps",
        ("percussion", "percussion"): "percussion percussive perc shaker tambourine conga congas bongo bongos",
        ("drums", "drums"): "drum drums drumkit drumset kit beat beats",
        ("vocals", "backing vocals"): "bv bvs bgv bgvs bgvox choir choirs backings adlib adlibs",
        ("vocals", "vocals"): "vocal vocals vox voice voices voc vocs singer singers rap acapella",
        ("bass", "bass"): "bass basses subbass bassline",
        ("bowed_strings", "double bass"): "contrabass",
        ("other_keys", "electric piano"): "rhodes wurlitzer wurli epiano",
        ("other_keys", "clavinet"): "clavinet clav",
        ("other_keys", "organ"): "organ hammond",
        ("other_keys", "keyboard"): "keys keyboard keyboards",
        ("piano", "piano"): "piano pianos",
        ("guitar", "acoustic guitar"): "agtr acgtr",
        ("guitar", "electric guitar"): "egtr elgtr",
        ("guitar", "guitar"): "guitar guitars gtr gtrs guit",
        ("bowed_strings", "strings"): "string strings violin violins viola cello fiddle",
        ("wind", "brass"): "brass horn horns trumpet trombone tuba",
        ("wind", "reeds and flutes"): "sax saxophone flute reed reeds clarinet oboe wind winds pipe",
        ("other_plucked", "plucked strings"): "harp mandolin banjo ukulele plucked",
        ("other_keys", "synthesizer"): "synth synths pad pads arp arps lead minilogue",
    }
)
"""Stem and kind of words in names, in the order in which they count."""

_WORDS: Final = MappingProxyType({word: meant for meant, words in _KINDS.items() for word in words.split()})
_KNOWN: Final = frozenset({*VOCABULARY, *_WORDS})
_BACKING: Final = frozenset({"backing", "back", "background", "bg"})


def instrument_of(name: str, ignored: Collection[str] = ()) -> tuple[str, str]:
    """Stem and kind by the words in a name.

    Parameters
    ----------
    name : str
        Of a file without its suffix, with its folder or without.
    ignored : collection of str
        Words that say nothing here, such as those of the song's title.

    Examples
    --------
    >>> instrument_of("02 Kick In"), instrument_of("leadguitar"), instrument_of("Audio 7")
    (('drums', 'kick drum'), ('guitar', 'guitar'), ('other', ''))
    """
    words = [part for word in words_of(name) if word not in ignored for part in apart(word, _KNOWN)]
    known = {_WORDS[word] for word in words if word in _WORDS}
    for stem, kind in _KINDS:
        if (stem, kind) in known:
            if kind in ("vocals", "backing vocals"):
                return stem, "backing vocals" if _BACKING.intersection(words) else kind
            if kind == "guitar" and {"acoustic", "electric"}.intersection(words):
                return stem, f"{'acoustic' if 'acoustic' in words else 'electric'} guitar"
            return stem, kind
    coarse = stem_of(" ".join(words)) or OTHER
    return coarse, "" if coarse == OTHER else coarse
