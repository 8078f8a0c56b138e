"""Words for generators: sentences over genre, era, instruments, mood and tempo, drawn by chance."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

import numpy as np

from soundalike.errors import UsageError

WORDS: Final = MappingProxyType(
    {
        "genre": (
            *("ambient", "bluegrass", "blues", "bossa nova", "chamber music", "cinematic", "country", "dance pop"),
            *(
                "disco",
                "drum and bass",
                "dub",
                "electro",
                "flamenco",
                "folk",
                "funk",
                "garage rock",
                "gospel",
                "grunge",
            ),
            *("hard rock", "hip hop", "house", "indie pop", "jazz ballad", "Latin pop", "lo-fi", "marching band"),
            *("metal", "new wave", "polka", "progressive rock", "punk", "reggae", "rhythm and blues", "salsa"),
            *("shoegaze", "ska", "soul", "surf rock", "swing", "synth pop", "tango", "techno", "trance", "waltz"),
        ),
        "era": (
            *("the 1930s", "the 1940s", "the 1950s", "the 1960s", "the 1970s", "the 1980s", "the 1990s", "the 2000s"),
            *("the 2010s", "today"),
        ),
        "instrument": (
            *("accordion", "acoustic guitar", "banjo", "brass section", "cello", "clarinet", "distorted guitar"),
            *("electric guitar", "electric piano", "fiddle", "flute", "grand piano", "Hammond organ", "harmonica"),
            *("harp", "marimba", "mandolin", "muted trumpet", "nylon guitar", "oboe", "pedal steel guitar"),
            *("saxophone", "sitar", "string quartet", "synth lead", "synth pad", "trombone", "upright piano"),
            *("vibraphone", "violin", "whistling", "women's choir", "wordless male voice"),
        ),
        "mood": (
            *("anxious", "bittersweet", "bright", "calm", "carefree", "dark", "dreamy", "dramatic", "energetic"),
            *("gentle", "gloomy", "heroic", "hopeful", "intimate", "joyful", "longing", "menacing", "mysterious"),
            *("nostalgic", "playful", "proud", "relaxed", "restless", "romantic", "sad", "solemn", "tender", "wild"),
        ),
        "tempo": (
            *("a very slow tempo", "a slow tempo", "an unhurried pulse", "a walking pace", "a moderate tempo"),
            *("a steady medium groove", "a lively beat", "a fast tempo", "a driving rhythm", "a breathless pace"),
        ),
    }
)
"""What is put into the templates."""

TEMPLATES: Final = (
    "{Mood} {genre} in the sound of {era}, led by {instrument}, at {tempo}.",
    "{Instrument} in front of a {genre} band, {mood}, with {tempo}.",
    "A {genre} piece of {era}: {instrument}, {mood} and with {tempo}.",
    "{Genre} with {instrument}; the mood is {mood}, and it has {tempo}.",
    "Instrumental {genre}, {mood}, with {instrument} and {tempo}.",
    "Recorded like {genre} of {era}, {mood}, {instrument} up front.",
    "{Mood} music between {genre} and {genre2}, played on {instrument}.",
    "{Instrument} and {instrument2} share a {mood} {genre} tune at {tempo}.",
    "Scene music: {mood}, {instrument} over {genre} accompaniment, {tempo}.",
    "{Genre} the way {era} liked it, with {tempo} and a {mood} {instrument}.",
)
"""Sentences; a name with a capital begins with one, and one with a 2 is another word than the one without."""


def draw_prompts(count: int, seed: int) -> list[str]:
    """Draw descriptions of music, all different.

    Parameters
    ----------
    count : int
    seed : int
        The same seed gives the same sentences, and fewer of them are the first of more.

    Returns
    -------
    list of str

    Raises
    ------
    UsageError
        If a negative number is asked for, or more than there surely are.
    """
    most = len(WORDS["genre"]) * len(WORDS["instrument"]) * len(WORDS["mood"])
    if not 0 <= count <= most:
        raise UsageError(f"{count} prompts were asked for.", f"Ask for at most {most}.")
    rng = np.random.default_rng(seed)
    prompts: dict[str, None] = {}
    while len(prompts) < count:
        prompts[_draw(rng)] = None
    return list(prompts)


def _draw(rng: np.random.Generator) -> str:
    """One sentence; all are drawn from all words, so that what follows in a row does not depend on templates."""
    template = TEMPLATES[int(rng.integers(len(TEMPLATES)))]
    words: dict[str, str] = {}
    for name, choices in WORDS.items():
        first, second = rng.choice(len(choices), 2, replace=False).tolist()
        words[name], words[f"{name}2"] = choices[first], choices[second]
    words |= {name.capitalize(): word[0].upper() + word[1:] for name, word in words.items()}
    return template.format(**words)
