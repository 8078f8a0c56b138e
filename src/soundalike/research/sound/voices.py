"""The instruments of the synthesizer as data.

Everything here is a description; `soundalike.research.sound.synthesizer` turns it into sound. Training and test
voices are kept apart: none is in both splits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from soundalike.research.music.composer import Split


@dataclass(frozen=True, slots=True)
class Voice:
    """How one instrument sounds. Times in seconds, frequencies in hertz.

    Attributes
    ----------
    words : str
        What to call it.
    engine : str
        "harmonic" (partials at multiples of the pitch, changing over time), "fm" (one sine bends
        another) or "modal" (decaying sines at free ratios).
    slope : float
        Harmonic h has the amplitude ``h ** -slope``.
    comb : float
        Where the string is plucked or how wide the pulse is: harmonic h is weighed by ``|sin(pi h comb)|``. 0: none.
    drawbars : tuple of float
        Amplitudes of harmonics 1, 2, ... in place of slope and comb.
    formants : tuple of (frequency, bandwidth, gain)
        Resonances that stay where they are when the pitch moves.
    bright, dark, sweep : float
        Low-pass cut-off at the start and later, in multiples of (pitch x 200 Hz) ** 0.5, and the time it takes.
    peak : float
        Resonance at the cut-off: by how much harmonics there are louder, as a factor minus 1.
    damping, tilt : float
        Decay per second of the first harmonic, and how much faster higher ones decay (times ``h ** 1.2``).
    attack, decay, sustain, release : float
        Envelope: seconds to full level, time constant towards `sustain` (0 to 1), seconds to fade after the end.
    vibrato, vibrato_rate : float
        Depth in cents, and cycles per second.
    detune : float
        Distance in cents of a second, equal oscillator; 0 for none.
    breath, click : float
        Level of noise that lasts, and of a short one at the start.
    ratio, depth : float
        FM: modulator frequency over pitch, and deviation at the start in radians (it falls with `sweep`).
    modes : tuple of (ratio, amplitude, decay)
        Modal: partials, decay in time constants per second.
    """

    words: str
    engine: str = "harmonic"
    slope: float = 1.0
    comb: float = 0.0
    drawbars: tuple[float, ...] = ()
    formants: tuple[tuple[float, float, float], ...] = ()
    bright: float = 40.0
    dark: float = 40.0
    sweep: float = 0.2
    peak: float = 0.0
    damping: float = 0.0
    tilt: float = 0.0
    attack: float = 0.008
    decay: float = 0.3
    sustain: float = 1.0
    release: float = 0.06
    vibrato: float = 0.0
    vibrato_rate: float = 5.5
    detune: float = 0.0
    breath: float = 0.0
    click: float = 0.0
    ratio: float = 1.0
    depth: float = 0.0
    modes: tuple[tuple[float, float, float], ...] = ()


_AH = ((750.0, 110.0, 1.0), (1200.0, 130.0, 0.6), (2700.0, 220.0, 0.25))
_OO = ((340.0, 80.0, 1.0), (820.0, 120.0, 0.35), (2500.0, 250.0, 0.06))
_EE = ((300.0, 70.0, 1.0), (2200.0, 200.0, 0.35), (3000.0, 300.0, 0.2))
_MARIMBA = ((1.0, 1.0, 5.0), (3.93, 0.35, 14.0), (9.2, 0.12, 30.0))
_VIBES = ((1.0, 1.0, 1.3), (4.0, 0.25, 4.0), (10.1, 0.05, 12.0))
_BELLS = ((1.0, 1.0, 2.0), (2.76, 0.6, 3.5), (5.4, 0.3, 6.0), (8.93, 0.15, 10.0))
_MUSIC_BOX = ((1.0, 1.0, 3.5), (2.0, 0.25, 6.0), (5.95, 0.3, 9.0), (9.4, 0.1, 16.0))
_KALIMBA = ((1.0, 1.0, 4.5), (5.6, 0.12, 18.0), (2.01, 0.25, 8.0))

LEADS: Mapping[Split, Mapping[str, Voice]] = MappingProxyType(
    {
        "train": MappingProxyType(
            {
                "saw": Voice("bright synth lead", bright=30, dark=9, sweep=0.25, detune=9, vibrato=8, sustain=0.8),
                "pulse": Voice("thin pulse lead", comb=0.12, bright=22, dark=14, vibrato=14, sustain=0.8),
                "square": Voice("hollow square lead", comb=0.5, bright=16, dark=10, vibrato=10),
                "fm bell": Voice(
                    "glass bells", "fm", ratio=3.5, depth=2.2, sweep=0.5, decay=0.9, sustain=0.0, release=0.3
                ),
                "electric piano": Voice(
                    "electric piano", "fm", ratio=1.0, depth=1.6, sweep=0.3, decay=1.0, sustain=0.15, click=0.05
                ),
                "nylon": Voice(
                    "nylon guitar",
                    slope=1.1,
                    comb=0.21,
                    bright=26,
                    dark=14,
                    damping=1.6,
                    tilt=0.35,
                    click=0.12,
                    attack=0.002,
                    release=0.1,
                ),
                "banjo": Voice(
                    "banjo",
                    slope=0.7,
                    comb=0.09,
                    bright=50,
                    dark=30,
                    damping=4.0,
                    tilt=0.35,
                    click=0.25,
                    attack=0.001,
                ),
                "organ": Voice("drawbar organ", drawbars=(0.8, 1, 0.6, 0.7, 0, 0.4, 0, 0.35), vibrato=7, click=0.06),
                "flute": Voice(
                    "flute", drawbars=(1, 0.35, 0.12, 0.04, 0.02), breath=0.12, attack=0.06, vibrato=16, vibrato_rate=5
                ),
                "voice ah": Voice(
                    "singing ahs", slope=0.9, formants=_AH, attack=0.07, release=0.12, vibrato=35, detune=6, breath=0.02
                ),
                "brass": Voice("brass", slope=0.8, bright=5, dark=18, sweep=0.08, attack=0.05, sustain=0.85, vibrato=8),
                "marimba": Voice("marimba", "modal", modes=_MARIMBA, attack=0.002, click=0.08, release=0.2),
                "violin": Voice(
                    "fiddle",
                    slope=0.9,
                    formants=((480, 150, 0.7), (1100, 300, 0.7), (2900, 600, 0.8)),
                    bright=30,
                    dark=30,
                    attack=0.07,
                    release=0.1,
                    vibrato=22,
                    breath=0.015,
                ),
                "clarinet": Voice("clarinet", slope=0.9, comb=0.5, bright=11, dark=9, attack=0.04, breath=0.015),
                "harmonica": Voice(
                    "harmonica",
                    slope=0.5,
                    formants=((900, 350, 0.8), (2300, 500, 0.7)),
                    attack=0.04,
                    vibrato=18,
                    breath=0.03,
                    detune=4,
                ),
                "kalimba": Voice("thumb piano", "modal", modes=_KALIMBA, attack=0.001, click=0.15, release=0.2),
            }
        ),
        "test": MappingProxyType(
            {
                "vibraphone": Voice("vibraphone", "modal", modes=_VIBES, attack=0.003, click=0.03, release=0.4),
                "music box": Voice("music box", "modal", modes=_MUSIC_BOX, attack=0.001, click=0.05, release=0.4),
                "steel": Voice(
                    "steel guitar",
                    slope=0.75,
                    comb=0.15,
                    bright=45,
                    dark=24,
                    damping=0.9,
                    tilt=0.22,
                    click=0.15,
                    attack=0.002,
                    release=0.12,
                    detune=3,
                ),
                "whistle": Voice("whistler", drawbars=(1, 0.04, 0.015), breath=0.08, attack=0.05, vibrato=22),
                "voice oo": Voice(
                    "choir oos", slope=0.8, formants=_OO, attack=0.08, release=0.15, vibrato=28, detune=11
                ),
                "saxophone": Voice(
                    "saxophone",
                    slope=0.55,
                    formants=((650, 250, 0.8), (1500, 350, 0.6), (2800, 600, 0.4)),
                    bright=16,
                    dark=22,
                    sweep=0.1,
                    attack=0.04,
                    vibrato=20,
                    breath=0.05,
                ),
                "oboe": Voice(
                    "oboe", slope=0.4, formants=((1050, 250, 1.0), (2900, 500, 0.45)), attack=0.04, vibrato=14
                ),
                "wah lead": Voice(
                    "wah synth", slope=0.8, formants=_EE, bright=8, dark=26, sweep=0.3, vibrato=10, detune=5
                ),
                "reed organ": Voice(
                    "accordion", slope=0.7, comb=0.3, bright=20, dark=20, attack=0.03, detune=14, breath=0.01
                ),
                "fm clav": Voice(
                    "clavinet", "fm", ratio=2.0, depth=3.2, sweep=0.12, decay=0.5, sustain=0.1, click=0.1, attack=0.002
                ),
            }
        ),
    }
)

COMPS: Mapping[Split, Mapping[str, Voice]] = MappingProxyType(
    {
        "train": MappingProxyType(
            {
                "piano": Voice(
                    "piano",
                    slope=1.2,
                    comb=0.12,
                    bright=30,
                    dark=12,
                    damping=0.9,
                    tilt=0.2,
                    click=0.06,
                    attack=0.002,
                    detune=2,
                    release=0.12,
                ),
                "warm pad": Voice(
                    "warm pad", slope=1.2, bright=4, dark=8, sweep=0.6, attack=0.15, release=0.3, detune=12
                ),
                "strings": Voice(
                    "strings",
                    slope=0.95,
                    formants=((500, 300, 0.5), (1600, 800, 0.5)),
                    bright=18,
                    dark=18,
                    attack=0.12,
                    release=0.25,
                    detune=14,
                    vibrato=10,
                ),
                "tine piano": Voice(
                    "tine piano", "fm", ratio=1.0, depth=1.1, sweep=0.4, decay=1.3, sustain=0.2, click=0.04
                ),
                "strummed guitar": Voice(
                    "strummed guitar",
                    slope=0.9,
                    comb=0.18,
                    bright=35,
                    dark=15,
                    damping=1.4,
                    tilt=0.35,
                    click=0.1,
                    attack=0.002,
                    release=0.1,
                ),
                "soft organ": Voice("soft organ", drawbars=(1, 0.7, 0.15, 0.3), vibrato=6, attack=0.02),
                "muted stabs": Voice("synth stabs", bright=22, dark=4, sweep=0.1, decay=0.25, sustain=0.25, detune=8),
                "choir": Voice("choir", slope=1.0, formants=_AH, attack=0.14, release=0.25, vibrato=18, detune=12),
            }
        ),
        "test": MappingProxyType(
            {
                "harp": Voice(
                    "harp", slope=1.5, comb=0.35, bright=26, dark=16, damping=1.1, tilt=0.3, attack=0.003, release=0.3
                ),
                "glass pad": Voice(
                    "glass pad", drawbars=(1, 0, 0.4, 0, 0.2, 0, 0.1, 0.12), attack=0.15, release=0.35, detune=9
                ),
                "harpsichord": Voice(
                    "harpsichord",
                    slope=0.45,
                    comb=0.14,
                    bright=50,
                    dark=40,
                    damping=1.6,
                    tilt=0.12,
                    click=0.15,
                    attack=0.001,
                    release=0.08,
                ),
                "horns": Voice("soft horns", slope=1.1, bright=4, dark=9, sweep=0.12, attack=0.07, release=0.15),
                "hybrid keys": Voice(
                    "hybrid keys", "fm", ratio=4.0, depth=0.7, sweep=0.25, decay=0.9, sustain=0.25, click=0.05
                ),
                "reeds": Voice("reed section", comb=0.5, slope=0.8, bright=12, dark=12, attack=0.05, detune=7),
            }
        ),
    }
)

BASSES: Mapping[Split, Mapping[str, Voice]] = MappingProxyType(
    {
        "train": MappingProxyType(
            {
                "finger": Voice(
                    "finger bass",
                    slope=1.2,
                    comb=0.2,
                    bright=18,
                    dark=8,
                    damping=1.2,
                    tilt=0.4,
                    click=0.05,
                    attack=0.004,
                ),
                "synth": Voice("synth bass", bright=14, dark=4, sweep=0.15, decay=0.4, sustain=0.6, detune=5),
                "sub": Voice("sub bass", drawbars=(1, 0.25, 0.08), attack=0.01, click=0.02),
                "upright": Voice(
                    "upright bass", slope=1.6, bright=10, dark=6, damping=1.8, tilt=0.5, click=0.08, attack=0.006
                ),
                "organ": Voice("organ pedal", drawbars=(1, 0.6, 0.2, 0.25), attack=0.015),
            }
        ),
        "test": MappingProxyType(
            {
                "slap": Voice(
                    "slap bass",
                    slope=0.7,
                    comb=0.08,
                    bright=40,
                    dark=10,
                    damping=1.6,
                    tilt=0.4,
                    click=0.2,
                    attack=0.001,
                ),
                "square": Voice("square bass", comb=0.5, bright=9, dark=5, sweep=0.2),
                "fm": Voice("wooden bass", "fm", ratio=1.0, depth=2.0, sweep=0.12, decay=0.7, sustain=0.4),
                "round": Voice(
                    "round bass", drawbars=(1, 0.5, 0.3, 0.1, 0.06), damping=0.7, tilt=0.25, attack=0.012, click=0.03
                ),
            }
        ),
    }
)
