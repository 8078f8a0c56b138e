"""The drum kits of the synthesizer as data: how each drum of each kit sounds.

`soundalike.research.sound.synthesizer` turns strokes into sound. Training and test kits are kept apart: none is
in both splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from soundalike.research.music.composer import Split


@dataclass(frozen=True, slots=True)
class Stroke:
    """How one drum sounds: a falling sine, a ring of fixed partials and filtered noise, added.

    Attributes
    ----------
    pitch, drop, fall : float
        Sine: final frequency in hertz, how many times higher it starts, and time constant of the fall in seconds.
    body : float
        Decay time of the sine in seconds; 0 for no sine.
    noise, decay : float
        Level of the noise against the sine, and its decay time in seconds.
    band : tuple of float
        Lower and upper edge of the noise in hertz.
    bursts : int
        1, or more for a clap.
    metal : float
        Level of clanging partials, which decay with `decay`.
    """

    pitch: float = 0.0
    drop: float = 1.0
    fall: float = 0.02
    body: float = 0.0
    noise: float = 0.0
    decay: float = 0.05
    band: tuple[float, float] = (200.0, 20000.0)
    bursts: int = 1
    metal: float = 0.0


Kit: TypeAlias = Mapping[str, Stroke]
"""Strokes by drum, see `soundalike.research.music.grooves.DRUMS`."""


def _kit(kick: Stroke, snare: Stroke, hat: Stroke, open_: Stroke, perc: Stroke) -> Kit:
    return MappingProxyType({"kick": kick, "snare": snare, "hat": hat, "open": open_, "perc": perc})


KITS: Mapping[Split, Mapping[str, Kit]] = MappingProxyType(
    {
        "train": MappingProxyType(
            {
                "rock kit": _kit(
                    Stroke(58, 2.6, 0.02, 0.13, 0.25, 0.012, (1500, 6000)),
                    Stroke(190, 1.4, 0.02, 0.07, 1.0, 0.11, (900, 9000)),
                    Stroke(noise=1.0, decay=0.035, band=(6500, 16000), metal=0.3),
                    Stroke(noise=1.0, decay=0.22, band=(6000, 16000), metal=0.3),
                    Stroke(120, 1.5, 0.05, 0.2, 0.15, 0.03, (400, 4000)),
                ),
                "deep machine": _kit(
                    Stroke(47, 3.5, 0.03, 0.42, 0.05, 0.006, (2000, 8000)),
                    Stroke(175, 1.2, 0.01, 0.09, 0.6, 0.14, (2500, 12000)),
                    Stroke(noise=0.4, decay=0.03, band=(8000, 16000), metal=0.8),
                    Stroke(noise=0.4, decay=0.3, band=(8000, 16000), metal=0.8),
                    Stroke(540, 1.0, 0.1, 0.09, 0.0, 0.05, metal=0.9),
                ),
                "club machine": _kit(
                    Stroke(52, 4.5, 0.035, 0.2, 0.3, 0.008, (3000, 10000)),
                    Stroke(noise=1.0, decay=0.13, band=(900, 6000), bursts=3),
                    Stroke(noise=1.0, decay=0.025, band=(7500, 16000)),
                    Stroke(noise=1.0, decay=0.17, band=(7000, 16000)),
                    Stroke(noise=0.8, decay=0.05, band=(3500, 9000)),
                ),
                "dusty kit": _kit(
                    Stroke(70, 1.8, 0.03, 0.11, 0.4, 0.02, (300, 2500)),
                    Stroke(230, 1.3, 0.03, 0.06, 0.9, 0.08, (500, 4500)),
                    Stroke(noise=1.0, decay=0.04, band=(3500, 7500)),
                    Stroke(noise=1.0, decay=0.16, band=(3500, 7500)),
                    Stroke(1700, 1.0, 0.01, 0.015, 0.5, 0.01, (1000, 5000)),
                ),
                "hand drums": _kit(
                    Stroke(85, 1.5, 0.03, 0.18, 0.1, 0.02, (300, 1500)),
                    Stroke(330, 1.15, 0.02, 0.06, 0.4, 0.03, (1000, 5000)),
                    Stroke(noise=1.0, decay=0.05, band=(4500, 12000)),
                    Stroke(noise=1.0, decay=0.12, band=(4000, 12000), metal=0.2),
                    Stroke(215, 1.2, 0.03, 0.13, 0.15, 0.02, (800, 4000)),
                ),
            }
        ),
        "test": MappingProxyType(
            {
                "brushed kit": _kit(
                    Stroke(65, 1.5, 0.03, 0.12, 0.1, 0.02, (200, 1200)),
                    Stroke(200, 1.1, 0.02, 0.03, 1.0, 0.17, (1800, 9000)),
                    Stroke(noise=0.5, decay=0.05, band=(5000, 12000), metal=0.15),
                    Stroke(noise=0.5, decay=0.35, band=(4500, 13000), metal=0.4),
                    Stroke(1250, 1.0, 0.01, 0.02, 0.3, 0.01, (1500, 7000)),
                ),
                "toy machine": _kit(
                    Stroke(75, 6.0, 0.02, 0.09),
                    Stroke(320, 1.8, 0.03, 0.05, 0.7, 0.07, (1500, 11000)),
                    Stroke(noise=0.8, decay=0.02, band=(5000, 11000)),
                    Stroke(noise=0.8, decay=0.1, band=(5000, 11000)),
                    Stroke(800, 1.6, 0.04, 0.07),
                ),
                "wood and skins": _kit(
                    Stroke(105, 1.25, 0.04, 0.16, 0.2, 0.015, (300, 2500)),
                    Stroke(620, 1.1, 0.02, 0.035, 0.35, 0.02, (900, 4000)),
                    Stroke(noise=1.0, decay=0.028, band=(3000, 9000)),
                    Stroke(noise=1.0, decay=0.09, band=(2500, 9000)),
                    Stroke(980, 1.0, 0.02, 0.05, 0.1, 0.01, (1500, 6000)),
                ),
                "big room": _kit(
                    Stroke(50, 2.2, 0.04, 0.3, 0.3, 0.05, (200, 2500)),
                    Stroke(160, 1.5, 0.03, 0.16, 0.9, 0.24, (400, 8000)),
                    Stroke(noise=0.8, decay=0.06, band=(5500, 14000), metal=0.5),
                    Stroke(noise=0.8, decay=0.4, band=(5000, 14000), metal=0.5),
                    Stroke(90, 1.6, 0.06, 0.3, 0.2, 0.04, (200, 2000)),
                ),
            }
        ),
    }
)
