"""Families of drum grooves in several metres, as data for `soundalike.research.music.rich_grooves`.

A bar has four steps per beat (straight) or three (triplets); a pattern may span two bars. In the strings ``X``
is a strong hit, ``x`` a normal one, ``o`` a ghost note and ``.`` nothing. Training and test families are kept apart.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from soundalike.research.music.composer import Split
from soundalike.research.music.grooves import DRUMS, FAMILIES


@dataclass(frozen=True, slots=True)
class Family:
    """What grooves of one family have in common.

    Attributes
    ----------
    meter : int
        Beats per bar.
    drums : mapping of str to str
        Pattern by drum; all of the same length.
    swing : tuple of float
        Range of where in a beat its second half begins; 0.5 is straight.
    """

    meter: int
    drums: Mapping[str, str]
    swing: tuple[float, float] = (0.5, 0.5)


def _old(split: Split) -> dict[str, Family]:
    families = {}
    for name, (*patterns, swing) in FAMILIES[split].items():
        size = max(map(len, patterns))
        drums = {drum: pattern.ljust(size, ".") for drum, pattern in zip(DRUMS, patterns, strict=True) if pattern}
        families[name] = Family(4, drums, swing)
    return families


_NEW: Mapping[Split, Mapping[str, Family]] = MappingProxyType(
    {
        "train": {
            "straight rock": Family(
                4, {"kick": "X.....x.X.......", "snare": "....X.......X...", "hat": "X.x.X.x.X.x.X.x."}
            ),
            "pushed rock": Family(
                4, {"kick": "X..x..x..xX.....", "snare": "....X.......X...", "hat": "x.x.x.x.x.x.x.x."}
            ),
            "ride verse": Family(
                4, {"kick": "X.....x.X.x.....", "snare": "....X.......X..o", "ride": "X.x.X.x.X.x.X.xx"}
            ),
            "tom tribe": Family(
                4, {"kick": "X...X...X...X...", "tom": "X..x.xX.x..xX.xx", "snare": "............X..."}
            ),
            "trap": Family(
                4,
                {
                    "kick": "X.....x...X.....",
                    "snare": "........X.......",
                    "hat": "x.x.x.xxx.x.xxxx",
                    "open": "......x.........",
                },
            ),
            "drill": Family(
                4,
                {
                    "kick": "X..x......x.....X.....x....x....",
                    "snare": "......X.......X.......X.......X.",
                    "hat": "x..x..x.x..x..x.x..x..x.x..x.xxx",
                },
            ),
            "house": Family(
                4,
                {
                    "kick": "X...X...X...X...",
                    "snare": "....X.......X..x",
                    "open": "..X...X...X...X.",
                    "perc": "x..x..x.x..x..x.",
                },
                (0.5, 0.56),
            ),
            "minimal techno": Family(
                4, {"kick": "X...X...X...X...", "perc": "..o..x....o..x.x", "hat": "..x...x...x...x."}
            ),
            "electro": Family(
                4,
                {
                    "kick": "X.....X...X.....",
                    "snare": "....X.......X...",
                    "hat": "x.xxx.xxx.xxx.xx",
                    "perc": "...x......x..x..",
                },
            ),
            "boom bap": Family(
                4,
                {"kick": "X......x..X....x", "snare": "....X..o....X...", "hat": "x.x.x.x.x.x.x.x."},
                (0.54, 0.64),
            ),
            "jungle": Family(
                4,
                {
                    "kick": "X.X.......X.....X.X.......X.....",
                    "snare": "....X..o.o..X..o....X..o.o....X.",
                    "hat": "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.",
                },
            ),
            "new orleans funk": Family(
                4,
                {"kick": "X..x..X.....x...", "snare": "..o.X.oxo..xo.Xo", "hat": "x.x.x.x.x.x.x.x."},
                (0.52, 0.6),
            ),
            "linear funk": Family(
                4, {"kick": "X..x..x....x.x..", "snare": "....X..o.o..X...", "hat": ".xx..x..x.x...xx"}
            ),
            "rumba box": Family(
                4,
                {
                    "kick": "...x..X....x..X.",
                    "perc": "X..X...X..X.X...",
                    "tom": "..............xX",
                    "hat": "X.xxX.xxX.xxX.xx",
                },
            ),
            "samba": Family(
                4, {"kick": "X..xX..xX..xX..x", "snare": "x.oxx.ox.xoxx.ox", "hat": "xoxxxoxxxoxxxoxx"}, (0.5, 0.54)
            ),
            "cha cha": Family(
                4,
                {
                    "kick": "......X.........",
                    "perc": "X...X...X...X.x.",
                    "tom": "............X.X.",
                    "hat": "x...x...x...x...",
                },
            ),
            "mambo": Family(4, {"kick": "...x..X....x..X.", "perc": "X.x.xx.xX.x.x.xx", "tom": "......x.......xx"}),
            "afrobeat": Family(
                4,
                {
                    "kick": "X..x..x.X.x.....",
                    "snare": "....o.Xo..o.X.oo",
                    "hat": "x.xxx.x.x.xxx.x.",
                    "open": "..............x.",
                },
            ),
            "steppers": Family(
                4,
                {
                    "kick": "X...X...X...X...",
                    "snare": "........X.......",
                    "hat": "..x...x...x...x.",
                    "perc": "......x..x......",
                },
                (0.5, 0.62),
            ),
            "rockers": Family(
                4, {"kick": "X.......X.......", "snare": "........X.......", "hat": "x.x.x.x.x.x.x.x."}, (0.54, 0.64)
            ),
            "march": Family(4, {"kick": "X.......X.......", "snare": "X..xX..xX.xxX.xx", "crash": "X..............."}),
            "stomp clap": Family(
                4, {"kick": "X...X...........", "snare": "........X.......", "perc": "........X......."}
            ),
            "punk": Family(4, {"kick": "X.....X.X.....X.", "snare": "..X...X...X...X.", "hat": "X.x.X.x.X.x.X.x."}),
            "heavy half time": Family(
                4, {"kick": "X..x..X......x.x", "snare": "........X.......", "crash": "X...X...X...X..."}
            ),
            "blues triplets": Family(4, {"kick": "X.....X....x", "snare": "...X.....X..", "hat": "xxxxxxxxxxxx"}),
            "jazz ballad": Family(4, {"kick": "o...........", "snare": "...x.....x..", "ride": "X..x.xX..x.x"}),
            "up swing": Family(
                4, {"kick": "o..o..o..o..", "hat": "...x.....x..", "ride": "X..X.xX..X.x", "snare": ".....o..o..."}
            ),
            "purdie shuffle": Family(4, {"kick": "X....xx.....", "snare": ".o..o.X.oo.o", "hat": "x.xx.xx.xx.x"}),
            "afro twelve": Family(4, {"kick": "X..x..X..x..", "perc": "X.X.XX.X.X.X", "tom": "..x..x..xx.x"}),
            "slow twelve": Family(
                4, {"kick": "X....xX.....", "snare": "...X.....X..", "hat": "xxxxxxxxxxxx", "crash": "X..........."}
            ),
            "waltz": Family(3, {"kick": "X...........", "snare": "....x...x...", "hat": "x...x...x..."}),
            "rock waltz": Family(3, {"kick": "X.....x.....", "snare": "....X...X...", "hat": "x.x.x.x.x.x."}),
            "jazz waltz": Family(
                3, {"kick": "X........", "hat": "...x.....", "ride": "X..x.xx..", "snare": ".....o..x"}
            ),
            "mazurka": Family(3, {"kick": "X...........", "snare": "x..xX...X...", "perc": "....x......."}),
            "three in soul": Family(
                3, {"kick": "X..x......x.", "snare": "........X...", "hat": "x.x.x.x.x.x."}, (0.5, 0.58)
            ),
            "two bar three": Family(
                3,
                {
                    "kick": "X.......x...X...x.......",
                    "snare": "............X.......x...",
                    "ride": "x.x.x.x.x.x.x.x.x.x.x.x.",
                },
            ),
            "nine eight": Family(3, {"kick": "X.....x..", "snare": "...X..X..", "hat": "xxxxxxxxx"}),
            "jig": Family(2, {"kick": "X..x..", "snare": "..xX.x", "perc": "X.xX.x"}),
            "six eight ballad": Family(2, {"kick": "X.....", "snare": "...X..", "hat": "xxxxxx"}),
            "six eight push": Family(2, {"kick": "X....xX..x..", "snare": "...X.....X..", "hat": "x.xx.xx.xx.x"}),
            "tarantella": Family(2, {"kick": "X..X..", "perc": "XxxXxx", "snare": "..x..x"}),
            "five rock": Family(
                5, {"kick": "X.....x.....X.......", "snare": "....X...........X...", "hat": "x.x.x.x.x.x.x.x.x.x."}
            ),
            "five jazz": Family(
                5,
                {
                    "kick": "X.......x......",
                    "ride": "X..X.xX..X..X..",
                    "hat": "...x.....x.....",
                    "snare": ".........x..x..",
                },
            ),
            "five three two": Family(
                5, {"kick": "X..x........X...x...", "snare": "........X...........", "perc": "X..x..x.X..xX...X..x"}
            ),
        },
        "test": {
            "stadium": Family(
                4,
                {
                    "kick": "X.X.......X.....",
                    "snare": "....X.......X...",
                    "ride": "X...X...X...X...",
                    "tom": "..............x.",
                },
            ),
            "garage": Family(
                4,
                {
                    "kick": "X.....X....x....",
                    "snare": "....X.......X..o",
                    "hat": "..x...x..xx...x.",
                    "perc": "...x......x.....",
                },
                (0.55, 0.62),
            ),
            "broken beat": Family(
                4, {"kick": "X....x..x..x....", "snare": "...X...o..X..o.X", "hat": "x.x.x.x.x.x.x.x."}, (0.5, 0.58)
            ),
            "partido alto": Family(
                4, {"kick": "X......xX......x", "perc": "..x.x..x.x..x.x.", "hat": "x.x.x.x.x.x.x.x."}
            ),
            "train shuffle": Family(4, {"kick": "X.....X.....", "snare": "o.Xo.Xo.Xo.X", "hat": "...x.....x.."}),
            "bembe": Family(4, {"kick": "X.....X.....", "ride": "X.X.XX.X.X.X", "tom": "...x..x..xx."}),
            "cumbia": Family(4, {"kick": "X.......X.......", "perc": "x.xXx.xXx.xXx.xX", "tom": "............x.xx"}),
            "synth pop": Family(
                4,
                {
                    "kick": "X.....X.X.......",
                    "snare": "....X.......X.X.",
                    "hat": "xxxxxxxxxxxxxxxx",
                    "open": "..............x.",
                },
            ),
            "boogie toms": Family(
                4, {"kick": "X...X...X...X...", "tom": "x.xxx.xxx.xxx.xx", "snare": "....X.......X..."}, (0.56, 0.64)
            ),
            "halftime trip": Family(
                4, {"kick": "X.........x..x..", "snare": "........X......o", "ride": "x..xx.x.x..xx.x."}, (0.5, 0.6)
            ),
            "country waltz": Family(3, {"kick": "X...........", "snare": "....x.x.x...", "ride": "x...x.x.x.x."}),
            "syncopated three": Family(3, {"kick": "X.....X..x..", "snare": "....x.....X.", "hat": "xoxoxoxoxoxo"}),
            "swung three": Family(3, {"kick": "X.....x..", "snare": "...X..X.x", "ride": "x.xx.xx.x"}),
            "slip jig": Family(2, {"kick": "X.....", "snare": "o.xX.o", "hat": "x.xx.x"}),
            "six eight half": Family(2, {"kick": "X....x......", "snare": "......X.....", "hat": "x.xxx.x.xxx."}),
            "five funk": Family(
                5, {"kick": "X..x......X...x.....", "snare": "....X..o....X..o..X.", "hat": "x.x.x.x.x.x.x.x.x.x."}
            ),
            "five bell": Family(5, {"kick": "X..........x...", "perc": "X.X.X.X..X.XX.x", "snare": "......x.....X.."}),
        },
    }
)

RICH_FAMILIES: Mapping[Split, Mapping[str, Family]] = MappingProxyType(
    {"train": {**_old("train"), **_NEW["train"]}, "test": {**_old("test"), **_NEW["test"]}}
)
"""The families of `soundalike.research.music.grooves` and the new ones, by split and name."""
