"""Instruments of SoundFonts: in tune, reproducible, and never on both sides of a split."""

import numpy as np
import pytest

from soundalike.errors import NotFoundError
from soundalike.research.sound import programs, soundfonts
from soundalike.research.sound.orchestra import OTHER_FONT, TEST_FONT, TRAIN_FONTS
from soundalike.research.sound.soundfonts import Program, find_font, play_drums, play_program
from soundalike.research.sound.synthesizer import Sounding

RATE = 22050
ROLES = {"lead": programs.LEADS, "comp": programs.COMPS, "pad": programs.PADS, "bass": programs.BASSES}
PITCHES = {"lead": 72, "comp": 60, "pad": 60, "bass": 38}
LINE = [Sounding(0.1 * i, 0.25, 60 + 5 * i % 17, 0.5 + 0.05 * i) for i in range(8)]


def is_installed(name: str) -> bool:
    try:
        return find_font(name).is_file()
    except NotFoundError:
        return False


FONTS = [name for name in (*TRAIN_FONTS, TEST_FONT) if is_installed(name)]
needs_font = pytest.mark.skipif(not FONTS, reason="no SoundFont is installed")


@pytest.fixture
def font() -> str:
    return min(FONTS, key=lambda name: find_font(name).stat().st_size)


def flute(font: str, **changes: float) -> Program:
    return Program("flute", font, 0, 73, **changes)


def uses(font: str) -> tuple[str, ...]:
    every = {TEST_FONT: ("test",), OTHER_FONT: ("train", "validation", "test")}
    return every.get(font, ("train", "test"))


def cents_off(sound: np.ndarray, pitch: int) -> float:
    """How far the first harmonics lie from where a note's should, in cents."""
    near = 440 * 2 ** ((pitch - 69) / 12)
    spectrum = np.abs(np.fft.rfft(sound[2000:10192] * np.hanning(8192), 65536))
    grid, cents = np.arange(len(spectrum)) * RATE / 65536, np.arange(-60, 61)
    strength = [sum(np.interp(near * 2 ** (c / 1200) * h, grid, spectrum) for h in (1, 2, 3)) for c in cents]
    return float(cents[int(np.argmax(strength))])


@needs_font
@pytest.mark.parametrize("font", FONTS)
def test_every_program_sounds_and_is_in_tune(font: str) -> None:
    for bus, role in ROLES.items():
        for number, words in (item for use in uses(font) for item in role[use].items()):
            program, note = Program(words, font, 0, number), Sounding(0.0, 0.6, PITCHES[bus], 0.8)
            sound = play_program(program, [note], rate=RATE, length=RATE)
            assert 0.01 < np.abs(sound).max() < 2, words
            assert abs(cents_off(sound, note.pitch)) <= 25, words


@needs_font
@pytest.mark.parametrize("font", FONTS)
def test_every_drum_of_every_kit_sounds(font: str) -> None:
    kits = programs.OTHER_FONT_KITS if font == TEST_FONT else programs.KITS["train"] | programs.KITS["test"]
    for number in kits:
        kit = programs.draw_kit({number: "kit"}, font, np.random.default_rng(number))
        assert len({note for _, note in kit.strokes}) == len(kit.strokes)
        for drum, note in kit.strokes:
            sound = play_drums(kit, [(0.1, note, 0.9)], rate=RATE, length=RATE // 2)
            assert not sound[: RATE // 10].any()
            assert 0.01 < np.abs(sound).max() < 2, (number, drum)


@needs_font
def test_same_notes_give_the_same_samples_whatever_was_played_before(font: str) -> None:
    """Voices keep filters, and channels keep settings, of what they played last."""
    varied = {n: programs.vary_program(Program("", font, 0, n), np.random.default_rng(n)) for n in (0, 4, 52, 73, 80)}
    soundfonts._player.cache_clear()
    first = {n: play_program(program, LINE, rate=RATE, length=RATE) for n, program in varied.items()}
    for order in ([80, 0, 73, 4, 52], [4, 52, 0, 80, 73]):
        for number in order:
            play_drums(Program("", font, 128, 0), [(0.0, 38, 0.7)], rate=RATE, length=RATE)
            play_program(Program("", font, 0, number, cutoff=-2000), LINE[:2], rate=RATE, length=RATE)
            again = play_program(varied[number], LINE, rate=RATE, length=RATE)
            assert np.array_equal(first[number], again), number


@needs_font
def test_notes_start_at_their_sample_and_add_up(font: str) -> None:
    early = play_program(flute(font), [Sounding(0.0, 0.2, 70, 0.8)], rate=RATE, length=RATE)
    late = play_program(flute(font), [Sounding(0.1234, 0.2, 70, 0.8)], rate=RATE, length=RATE)
    both = play_program(
        flute(font), [Sounding(0.0, 0.2, 70, 0.8), Sounding(0.1234, 0.2, 70, 0.8)], rate=RATE, length=RATE
    )
    shift = round(0.1234 * RATE)
    assert np.array_equal(late[shift:], early[:-shift])
    assert np.array_equal(both, early + late)
    assert not play_program(flute(font), [Sounding(2.0, 0.2, 70, 0.8)], rate=RATE, length=RATE).any()


@needs_font
def test_tuning_moves_the_pitch(font: str) -> None:
    note = [Sounding(0.0, 0.6, 72, 0.8)]
    plain = play_program(flute(font), note, rate=RATE, length=RATE)
    sharp = play_program(flute(font), note, rate=RATE, length=RATE, tuning=30)
    assert cents_off(sharp, 72) - cents_off(plain, 72) == pytest.approx(30, abs=6)


@needs_font
def test_low_pass_takes_high_frequencies_away(font: str) -> None:
    bright, dark = (
        np.abs(np.fft.rfft(play_program(flute(font, cutoff=c), LINE, rate=RATE, length=RATE))) for c in (0, -6000)
    )
    assert dark[6000:].sum() < 0.5 * bright[6000:].sum()


@needs_font
def test_closed_hat_silences_the_open_one(font: str) -> None:
    kit = Program("kit", font, 128, 0)
    rings = play_drums(kit, [(0.0, 46, 0.9)], rate=RATE, length=RATE)
    closed = play_drums(kit, [(0.1, 42, 0.9)], rate=RATE, length=RATE)
    choked = play_drums(kit, [(0.0, 46, 0.9), (0.1, 42, 0.9)], rate=RATE, length=RATE)
    after = slice(round(0.12 * RATE), None)
    assert rings[after].any()
    assert np.array_equal(choked[after], closed[after])


@needs_font
def test_missing_preset_is_refused(font: str) -> None:
    with pytest.raises(NotFoundError, match="no preset 5 in bank 77"):
        play_program(Program("nothing", font, 77, 5), LINE, rate=RATE, length=RATE)


@pytest.mark.parametrize(("name", "remedy"), [("FluidR3_GM", "fluid-soundfont-gm"), ("Mine", "SOUNDALIKE_SOUNDFONTS")])
def test_missing_font_says_what_to_install(name: str, remedy: str, monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(soundfonts, "FOLDERS", (str(tmp_path),))
    with pytest.raises(NotFoundError, match=remedy):
        find_font(name)


def test_font_is_found_in_a_folder_that_the_environment_names(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    (tmp_path / "Mine.sf2").write_bytes(b"RIFF")
    monkeypatch.setenv("SOUNDALIKE_SOUNDFONTS", str(tmp_path))
    assert find_font("Mine") == tmp_path / "Mine.sf2"


def test_no_program_is_in_two_sets() -> None:
    for a, b in (("train", "validation"), ("train", "test"), ("validation", "test")):
        sets = [{number for role in ROLES.values() for number in role[use]} for use in (a, b)]
        assert not sets[0] & sets[1]
        assert not set(programs.KITS[a]) & set(programs.KITS[b])
