from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import mutagen
import numpy as np
import pytest
import soundfile

from soundalike.audio import load_clip
from soundalike.audio.wav_chunks import SampleChunks, read_chunks
from soundalike.errors import (
    NotFoundError,
    StoreCorruptError,
    StoreError,
    UnknownNameError,
    UsageError,
)
from soundalike.key import KEYS
from soundalike.loops import cutting
from soundalike.loops.choosing import SLOTS, StemPicture, choose_runs, grid_of, picture_of
from soundalike.loops.cutting import Wanted, cut_loops
from soundalike.loops.files import Loop, loop_name, safe, write_loop
from soundalike.loops.folder import LoopLedger, fill_folder
from soundalike.loops.hearing import audible_bars
from soundalike.loops.points import LEAD, attack, seam, seamless
from soundalike.separators import load_separator

RATE = 22050
BEAT = 0.5


def tone(seconds: float, hertz: float = 110.0, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(seconds * rate)) / rate
    return (0.3 * np.sin(2 * np.pi * hertz * time)).astype(np.float32)[None]


def noise(seconds: float, seed: int = 0, channels: int = 2) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return (0.1 * rng.standard_normal((channels, round(seconds * RATE)))).astype(np.float32)


def hit(kind: str) -> np.ndarray:
    """A kick, a snare, or a hat."""
    rng = np.random.default_rng(ord(kind[0]))
    time = np.arange(round(0.2 * RATE)) / RATE
    if kind == "kick":
        return 0.6 * np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-40 * time)))) * np.exp(-15 * time)
    sound = rng.standard_normal(len(time)) * np.exp(-(20 if kind == "snare" else 80) * time)
    return 0.3 * sound if kind == "snare" else 0.15 * np.diff(sound, prepend=0.0)


PATTERNS = {
    "A": {"kick": (0, 2), "snare": (1, 3), "hat": (0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5)},
    "B": {"kick": (0, 0.75, 1.5, 2.25, 3.5), "snare": (2,), "hat": (0.25, 1.25, 2.75, 3.25)},
    "C": {"kick": (0, 1, 2, 3), "snare": (0.5, 1.5, 2.5, 3.5, 3.75), "hat": ()},
    ".": {},
}
"""Beats on which something is struck."""


def drums(bars: str, beat: float = BEAT) -> np.ndarray:
    """Bars of `PATTERNS`, and a beat of nothing before and after: float32 (1, n)."""
    samples = np.zeros(round((4 * len(bars) + 2) * beat * RATE))
    for number, bar in enumerate(bars):
        for kind, places in PATTERNS[bar].items():
            for place in places:
                first, sound = round((1 + 4 * number + place) * beat * RATE), hit(kind)
                samples[first : first + len(sound)] += sound[: len(samples) - first]
    return samples.astype(np.float32)[None]


def bass(bars: str) -> np.ndarray:
    """A walk over the notes of each bar's own chord, one a beat; silence where there is a dot."""
    samples = np.zeros(round((4 * len(bars) + 2) * BEAT * RATE))
    for number, bar in enumerate(bars):
        root = {"A": 55.0, "B": 73.4, "C": 82.4, ".": 0.0}[bar]
        for place, ratio in enumerate((1.0, 1.5, 1.2, 1.5) if root else ()):
            first = round((1 + 4 * number + place) * BEAT * RATE)
            time = np.arange(round(BEAT * RATE)) / RATE
            tones = sum(np.sin(2 * np.pi * root * ratio * k * time) / k for k in (1, 2, 3))
            samples[first : first + len(time)] += 0.15 * tones * np.exp(-3 * time) * np.minimum(time / 0.005, 1.0)
    return samples.astype(np.float32)[None]


def bars_of(count: int, beat: float = BEAT) -> SimpleNamespace:
    """What `find_bars` hears in so many bars."""
    beats = (1 + np.arange(4 * count + 1)) * beat
    return SimpleNamespace(beats=beats, downbeats=beats[::4], meter=4, tempo=60 / beat, confidence=1.0)


@pytest.fixture
def song(tmp_path, monkeypatch):
    """Writes a song and its stems, whose bars are known."""

    def write(
        beats: str = "AAAABBBB", line: str = "....ABAB", *, name: str = "Song.wav", rate: int = RATE, channels: int = 2
    ) -> Path:
        path = tmp_path / "music" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        parts = {"Drums": drums(beats), "Bass": bass(line)}
        for stem, samples in parts.items():
            soundfile.write(path.parent / f"{path.stem} - {stem}.wav", samples.repeat(2, axis=0).T, RATE, "FLOAT")
        mix = sum(parts.values()).repeat(channels, axis=0)
        soundfile.write(path, mix[:, :: RATE // rate].T, rate)
        monkeypatch.setattr(cutting, "find_bars", lambda *_, **__: bars_of(len(beats)))
        return path

    return write


@pytest.fixture
def out(tmp_path):
    folder = tmp_path / "loops"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def files():
    return load_separator("files")


# Loop points


@pytest.mark.parametrize("length", [RATE, RATE - 37, RATE // 2 + 11])
@pytest.mark.parametrize("sound", ["tone", "noise", "drums"])
def test_a_seam_stands_out_less_than_what_is_around_it(sound, length):
    samples = {"tone": tone(3.0, 173.0), "noise": noise(3.0), "drums": drums("A") + tone(3.0)}[sound]
    assert seam(seamless(samples, 5000, length, fade=330), RATE) <= 1.0


def test_a_cut_without_a_fade_is_told_to_click():
    assert seam(seamless(tone(3.0, 173.0), 5000, RATE - 37, fade=0), RATE) > 3.0


def test_going_round_leads_from_one_sample_of_the_song_to_the_next():
    samples = noise(3.0)
    loop = seamless(samples, 5000, RATE, fade=330)
    assert loop.shape == (2, RATE)
    np.testing.assert_array_equal(loop[:, 0], samples[:, 5000])
    np.testing.assert_allclose(loop[:, -1], samples[:, 4999], atol=1e-7)
    np.testing.assert_array_equal(loop[:, :-330], samples[:, 5000 : 5000 + RATE - 330])


def test_what_repeats_is_cut_as_it_is():
    samples = np.tile(noise(0.5), 5)
    loop = seamless(samples, 3000, 2 * (RATE // 2), fade=330)
    np.testing.assert_allclose(loop, samples[:, 3000 : 3000 + 2 * (RATE // 2)], atol=1e-6)


def test_a_fade_between_sounds_that_are_not_alike_keeps_their_power():
    samples = noise(4.0, channels=1)
    faded = np.concatenate([seamless(samples, 5000 + 900 * k, RATE, fade=800)[:, -800:] for k in range(40)])
    assert 10 * np.log10(np.square(faded).mean() / 0.01) == pytest.approx(0.0, abs=0.2)


def test_a_loop_that_begins_with_the_sound_ends_in_silence():
    loop = seamless(noise(2.0), 0, RATE, fade=330)
    assert not loop[:, -1].any()
    assert seam(loop, RATE) <= 1.0


def test_the_next_stroke_is_not_heard_at_the_end_of_a_loop():
    samples = np.zeros((1, 2 * RATE), np.float32)
    samples[0, [5000, 5000 + RATE - 300]] = 1.0  # the second comes early
    assert seamless(samples, 4900, RATE, fade=330)[0, -1000:].max() > 0.2
    loop = seamless(samples, 4900, RATE, fade=330, rest=250)
    assert np.flatnonzero(loop).tolist() == [100]


def test_an_attack_near_a_beat_is_found_to_the_millisecond():
    samples = drums("A")
    for late in (-0.012, 0.0, 0.012):
        assert attack(samples, RATE, BEAT + late) == pytest.approx(BEAT, abs=0.0015)


def test_where_nothing_begins_there_is_no_attack():
    assert attack(tone(2.0), RATE, 1.0) is None
    assert attack(np.zeros((1, RATE), np.float32), RATE, 0.5) is None


# Choosing


def likeness_of(bars: str, alike: float = 0.95, other: float = 0.75) -> np.ndarray:
    letters = np.array(list(bars))
    found = np.where(letters[:, None] == letters, alike, other)
    np.fill_diagonal(found, 1.0)
    return found


def runs_of(bars: str, **options) -> list[tuple[int, int]]:
    """First bar and length of the runs that are chosen from bars that are named by letters; a dot is silence."""
    letters = np.array(list(bars))
    picture = StemPicture(likeness_of(bars), np.where(letters == ".", -np.inf, -20.0))
    return [(run.first, run.bars) for run in choose_runs(picture, letters != ".", **options)]


def test_the_same_loop_is_cut_once_from_whichever_bar_on():
    assert len(runs_of("ABCDABCDABCDABCD")) == 1
    assert len(runs_of("AAAAAAAA")) == 1


def test_loops_differ_from_each_other():
    found = runs_of("AAAAAAAABBBBBBBBCCCCCCCC", most=3)
    assert sorted({"AAAAAAAABBBBBBBBCCCCCCCC"[first] for first, _ in found}) == ["A", "B", "C"]


def test_no_loop_has_a_gap():
    assert all("." not in "AAAA.AAA.BBBB.CC"[first : first + bars] for first, bars in runs_of("AAAA.AAA.BBBB.CC"))


def test_a_loop_that_comes_back_to_its_beginning_is_better():
    (best, *_) = runs_of("XYZWABCDABCDEFGH")
    assert best[0] in range(4, 9)


def test_a_section_goes_round_if_the_song_goes_from_a_bar_like_its_last_to_one_like_its_first():
    level = np.full(8, -20.0)
    for bars, expected in (("AAAABBBB", [0, 4]), ("ABCDDABC", [0]), ("ABCDEFGH", [])):
        runs = choose_runs(StemPicture(likeness_of(bars, other=0.5), level), np.ones(8, bool), lengths=(4,))
        assert sorted(run.first for run in runs) == expected


def test_shorter_loops_are_taken_only_where_longer_ones_do_not_fit():
    assert {bars for _, bars in runs_of("AAAAAA")} == {4}
    assert {bars for _, bars in runs_of("AA.AA.AA")} == {2}
    assert {bars for _, bars in runs_of("A.A.A.A")} == {1}
    assert runs_of(".......") == []


def test_lengths_that_are_asked_for_are_taken_in_turn():
    assert [bars for _, bars in runs_of("AAAABBBB", lengths=(1, 2), most=3)] == [1, 2, 1]
    assert runs_of("AAA", lengths=(4,)) == []


def test_soft_bars_are_taken_last():
    level = np.array([-50.0, -50.0, -50.0, -50.0, -20.0, -20.0, -20.0, -20.0, -20.0])
    picture = StemPicture(likeness_of("AAAABBBBB"), level)
    best, *_ = choose_runs(picture, np.ones(9, bool))
    assert best.first >= 4


def test_a_bar_with_too_few_beats_is_not_complete():
    bars = bars_of(3)
    bars.beats = np.delete(bars.beats, 6)
    grid = grid_of(bars)
    assert grid.complete.tolist() == [True, False, True]
    assert len(grid.slots) == 3 * 4 * SLOTS + 1
    assert (np.diff(grid.slots) > 0).all()


def test_a_bar_that_is_longer_than_those_around_it_is_not_complete():
    bars = bars_of(9)
    bars.beats[18:] += 0.2
    bars.downbeats = bars.beats[::4]
    assert np.flatnonzero(~grid_of(bars).complete).tolist() == [4]


def test_what_never_comes_back_is_no_loop():
    assert runs_of("ABCDEFGHIJ", lengths=(2,)) != []
    picture = StemPicture(likeness_of("ABCDEFGHIJ", other=0.5), np.full(10, -20.0))
    assert choose_runs(picture, np.ones(10, bool)) == []


def test_less_than_a_bar_has_no_grid():
    bars = bars_of(1)
    bars.downbeats = bars.downbeats[:1]
    assert grid_of(bars) is None


def test_bars_that_are_played_alike_look_alike(song):
    picture = picture_of(str(song("AABABCC.")), grid_of(bars_of(8)))
    letters = np.array(list("AABABCC"))
    same = letters[:, None] == letters
    likeness = picture.likeness[:7, :7]
    # The first four bars of the song have no bass, so only drums tell there.
    assert likeness[:4, :4][same[:4, :4]].min() > 0.95 > 0.85 > likeness[:4, :4][~same[:4, :4]].max()
    assert (picture.level[:7] > -40).all()


def test_a_stem_file_may_begin_before_and_end_sooner_than_the_song(tmp_path):
    grid = grid_of(bars_of(4))
    samples = drums("ABAC")
    soundfile.write(tmp_path / "whole.wav", samples.T, RATE)
    soundfile.write(tmp_path / "later.wav", np.pad(samples[:, : RATE * 5], ((0, 0), (RATE, 0))).T, RATE)
    whole = picture_of(str(tmp_path / "whole.wav"), grid)
    later = picture_of(str(tmp_path / "later.wav"), grid, offset=-1.0)
    np.testing.assert_allclose(later.likeness[:2, :2], whole.likeness[:2, :2], atol=0.02)
    assert later.level[3] == -np.inf


DRUMS = Wanted(("drums",))


# Files


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("AC/DC: Live?", "AC-DC- Live"),
        ("..\\..\\etc", "etc"),
        ("tab\tand\nline\x07", "tab and line"),
        ("con", "con song"),
        ("LPT1", "LPT1 song"),
        ("...", "song"),
        ("", "song"),
        ("a\udcffb", "a-b"),
        ("Cafe\u0301", "Caf\u00e9"),
        ("ends with dots...", "ends with dots"),
    ],
)
def test_names_suit_every_file_system(title, name):
    assert safe(title) == name


def loop(**values: object) -> Loop:
    plain = {"path": "", "source": "s.mp3", "stem": "bass", "start": 41.9, "end": 50.0, "bars": 2, "beats": 8}
    plain |= {"tempo": 96.5, "key": "A minor", "score": 0.9, "seam": 0.1}
    return Loop(**{**plain, **values})


def test_a_name_says_what_a_producer_wants_to_know():
    assert loop_name("Song", loop(), timed=False) == "Song - bass - 2 bars - 96.5 bpm - A minor"
    assert loop_name("Song", loop(stem="drums", bars=1, tempo=120.0, key=None), timed=True) == (
        "Song - drums - 1 bar - 120 bpm - 0m41"
    )


def test_the_longest_title_leaves_room_for_the_rest():
    assert len(loop_name("\N{GRINNING FACE}" * 500, loop(), timed=True).encode()) < 200


CHUNKS = SampleChunks(tempo=96.5, beats=8, root=69, meter=(4, 4), loop=(0, RATE))


def test_a_loop_is_a_wav_of_24_bits_that_says_what_it_is(out):
    path = write_loop(out, "loop", noise(1.0), RATE, CHUNKS)
    info = soundfile.info(path)
    assert (info.format, info.subtype, info.channels, info.frames) == ("WAV", "PCM_24", 2, RATE)
    assert read_chunks(path) == CHUNKS
    assert [file.name for file in out.iterdir()] == ["loop.wav"]


def test_a_file_of_other_content_is_never_overwritten(out):
    (out / "loop.wav").write_bytes(b"mine")
    first = write_loop(out, "loop", noise(1.0), RATE, CHUNKS)
    again = write_loop(out, "loop", noise(1.0), RATE, CHUNKS)
    other = write_loop(out, "loop", noise(1.0, seed=1), RATE, CHUNKS)
    assert (out / "loop.wav").read_bytes() == b"mine"
    assert [first.name, again.name, other.name] == ["loop (2).wav", "loop (2).wav", "loop (3).wav"]


def test_a_loop_beyond_full_scale_is_made_softer_as_a_whole(out):
    samples = 20 * noise(1.0)
    written = load_clip(write_loop(out, "loud", samples, RATE, CHUNKS)).samples
    np.testing.assert_allclose(written, samples / np.abs(samples).max(), atol=1e-6)


def test_a_place_that_cannot_be_written_to_is_named(tmp_path):
    with pytest.raises(StoreError, match="cannot be written to"):
        write_loop(tmp_path / "gone", "loop", noise(1.0), RATE, CHUNKS)


# Cutting


def test_loops_of_a_song_line_up(song, out, files):
    loops = cut_loops(str(song()), out, files)
    assert {loop.stem for loop in loops} == {"drums", "bass"}
    for loop in loops:
        samples = load_clip(loop.path).samples
        assert samples.shape == (2, round(loop.beats * 60 / loop.tempo * RATE))
        assert (loop.tempo, loop.beats) == (120.0, 4 * loop.bars)
        assert (loop.start + LEAD) % (4 * BEAT) == pytest.approx(BEAT, abs=0.002)
        assert loop.seam <= 1.0


def test_a_loop_holds_what_its_stem_plays(song, out, files):
    (loop,) = cut_loops(str(song("AAAAAAAA")), out, files, DRUMS)
    samples, first = load_clip(loop.path).samples, round(loop.start * RATE)
    expected = drums("AAAAAAAA")[:, first : first + samples.shape[1]]
    np.testing.assert_allclose(samples, expected.repeat(2, axis=0), atol=1e-6)


def test_each_pattern_gives_a_loop(song, out, files):
    loops = cut_loops(str(song("AAAABBBBCCCC", "A" * 12)), out, files, Wanted(("drums",), (2,)))
    kinds = {"AAAABBBBCCCC"[round((loop.start - BEAT) / (4 * BEAT))] for loop in loops}
    assert kinds == {"A", "B", "C"}


def test_where_a_stem_is_silent_it_gives_no_loop(song, out, files):
    loops = cut_loops(str(song("AAAABBBB", "....ABAB")), out, files)
    assert all(loop.start > 4 * 4 * BEAT for loop in loops if loop.stem == "bass")
    silent = cut_loops(str(song("AAAABBBB", "........", name="Other.wav")), out, files)
    assert {loop.stem for loop in silent} == {"drums"}


def test_a_soft_bar_among_loud_ones_is_heard_and_a_gap_is_not():
    mix = StemPicture(np.eye(7), np.full(7, -10.0))
    levels = np.array([-26.0, -26.0, -31.0, -26.0, -26.0, -60.0, -26.0])
    assert audible_bars(StemPicture(np.eye(7), levels), mix, 18.0).tolist() == [True] * 5 + [False, True]
    assert not audible_bars(StemPicture(np.eye(7), levels - 4.0), mix, 18.0).any()
    assert not audible_bars(StemPicture(np.eye(7), np.full(7, -np.inf)), mix, np.inf).any()


def test_a_stem_that_ends_before_the_first_bar_gives_no_loop(song, out, files):
    path = song("AAAAAAAA")
    soundfile.write(path.parent / "Song - Bass.wav", noise(0.2).T, RATE)
    assert {loop.stem for loop in cut_loops(str(path), out, files)} == {"drums"}


def test_the_same_song_gives_the_same_bytes(song, tmp_path, files):
    path = song("AABBAABB", "ABABABAB")
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    pairs = zip(cut_loops(str(path), tmp_path / "a", files), cut_loops(str(path), tmp_path / "b", files), strict=True)
    for one, other in pairs:
        assert Path(one.path).name == Path(other.path).name
        assert Path(one.path).read_bytes() == Path(other.path).read_bytes()


def test_drums_have_no_key_and_what_has_one_says_it(song, out, files):
    path = song("AAAAAAAA", "AAAAAAAA")
    loops = cut_loops(str(path), out, files)
    by_stem = {loop.stem: loop for loop in loops}
    assert by_stem["drums"].key is None
    assert read_chunks(by_stem["drums"].path).root is None
    key = by_stem["bass"].key
    assert key is not None
    assert key in by_stem["bass"].path
    assert read_chunks(by_stem["bass"].path).root == 60 + KEYS.index(key) % 12


def test_files_say_tempo_beats_meter_and_loop_points(song, out, files):
    (loop, *_) = cut_loops(str(song()), out, files, DRUMS)
    chunks = read_chunks(loop.path)
    assert (chunks.tempo, chunks.beats, chunks.meter) == (120.0, 16, (4, 4))
    assert chunks.loop == (0, load_clip(loop.path).samples.shape[1])
    assert not chunks.one_shot


def test_a_passage_gives_loops_of_its_own(song, out, files):
    path = song("AAAABBBB")
    wanted = Wanted(("drums",), (1,), start=4.3, end=20.0)
    loops = cut_loops(str(path), out, files, wanted)
    assert loops


@pytest.mark.parametrize(("rate", "channels", "kept"), [(RATE // 2, 1, 1), (RATE, 2, 2), (RATE, 6, 2)])
def test_loops_have_the_rate_and_the_channels_of_the_song(song, out, files, rate, channels, kept):
    loops = cut_loops(str(song(rate=rate, channels=channels)), out, files, Wanted(("drums", "mix")))
    assert {loop.stem for loop in loops} == {"drums", "mix"}
    for loop in loops:
        info = soundfile.info(loop.path)
        assert (info.samplerate, info.channels) == (rate, kept)
        assert info.frames == round(loop.beats * BEAT * rate)


def test_a_song_that_slows_down_gives_loops_in_tempi_of_their_own(song, out, files, monkeypatch):
    path = song("AAAAAAAA")
    beats = BEAT + np.cumsum(np.concatenate([[0.0], np.linspace(0.5, 0.56, 28)]))
    bars = SimpleNamespace(beats=beats, downbeats=beats[::4], meter=4, tempo=113.0, confidence=1.0)
    monkeypatch.setattr(cutting, "find_bars", lambda *_, **__: bars)
    loops = cut_loops(str(path), out, files, Wanted(("mix",), (1,), most=9))
    assert len({loop.tempo for loop in loops}) == len(loops)
    for loop in loops:
        info = soundfile.info(loop.path)
        assert info.frames == round(4 * 60 / loop.tempo * RATE)
        assert 60 / 0.56 - 4 <= loop.tempo <= 124


def test_a_title_with_slashes_makes_a_file_and_no_folder(song, out, files):
    path = song(name="song.flac")
    tags = mutagen.File(path)
    tags["title"] = "Side A/B: \\ what?"
    tags.save()
    loops = cut_loops(str(path), out, files, Wanted(("mix",)))
    assert all(Path(loop.path).parent == out for loop in loops)
    assert Path(loops[0].path).name.startswith("Side A-B- - what - mix - 4 bars")


def test_a_song_called_mix_goes_by_its_folder(tmp_path):
    assert cutting.title_of(str(tmp_path / "Night Tram" / "mix.wav")) == "Night Tram"


def test_loops_that_would_be_called_the_same_are_told_apart_by_where_they_begin(song, out, files):
    loops = cut_loops(str(song("AAAABBBB")), out, files, DRUMS)
    assert sorted(Path(loop.path).name for loop in loops) == [
        "Song - drums - 4 bars - 120 bpm - 0m00.wav",
        "Song - drums - 4 bars - 120 bpm - 0m08.wav",
    ]


def test_a_song_without_a_beat_is_refused_in_one_sentence(song, out, files, monkeypatch):
    path = song()
    monkeypatch.setattr(cutting, "find_bars", lambda *_, **__: None)
    with pytest.raises(UsageError, match="No beat is heard in"):
        cut_loops(str(path), out, files)


def test_a_song_shorter_than_a_bar_is_refused(song, out, files, monkeypatch):
    path = song()
    beats = np.arange(3) * BEAT
    bars = SimpleNamespace(beats=beats, downbeats=beats[:1], meter=4, tempo=120.0, confidence=1.0)
    monkeypatch.setattr(cutting, "find_bars", lambda *_, **__: bars)
    with pytest.raises(UsageError, match="shorter than a bar"):
        cut_loops(str(path), out, files)


def test_a_silent_song_is_refused(tmp_path, out, files):
    soundfile.write(tmp_path / "silent.wav", np.zeros(RATE * 20), RATE)
    with pytest.raises(UsageError):
        cut_loops(str(tmp_path / "silent.wav"), out, files, Wanted(("mix",)))


def test_a_song_without_stems_says_so(tmp_path, song, out, files):
    path = song()
    for stem in path.parent.glob("* - *.wav"):
        stem.unlink()
    with pytest.raises(UsageError, match="No stems of"):
        cut_loops(str(path), out, files, DRUMS)


@pytest.mark.parametrize("values", [{"lengths": (0,)}, {"lengths": (4, 65)}, {"most": 0}])
def test_lengths_and_numbers_that_make_no_sense_are_refused(values):
    with pytest.raises(UsageError, match="were asked for"):
        Wanted(**values)


def test_a_stem_that_a_separator_does_not_give_is_refused_with_one_that_does(song, out):
    with pytest.raises(UnknownNameError, match=r"gives no 'vocals', only mix, drums, bass, other\..*'demucs'"):
        fill_folder(out, [song()], load_separator("embedded"), Wanted(("vocals",)))
    with pytest.raises(UnknownNameError, match=r"gives no 'drms'.* Name one of these"):
        fill_folder(out, [song()], load_separator("embedded"), Wanted(("drms",)))


def test_the_separator_that_ships_gives_loops(song, out, tmp_path, monkeypatch):
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path / "home"))
    loops = cut_loops(str(song("AAAAAAAA", "AAAAAAAA")), out, load_separator("embedded"))
    assert {"drums", "bass"} <= {loop.stem for loop in loops}
    assert all(loop.seam <= 1.0 for loop in loops)


def test_a_recorded_song_gives_loops_that_keep_time(outside_data, out):
    loops = cut_loops(str(outside_data / "stems" / "mdn_multitrack" / "mix.ogg"), out, load_separator("none"))
    assert len(loops) == 3
    for loop in loops:
        assert abs(np.log2(loop.tempo / 150.0) % 1.0 - 0.5) > 0.49
        assert loop.seam <= 1.0


# Folders


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.glob("*.wav"))


def test_the_same_command_again_makes_nothing_new(song, out, files, monkeypatch):
    path = song()
    (first,) = fill_folder(out, [path.parent], files, DRUMS)
    monkeypatch.setattr("soundalike.loops.folder.cut_loops", lambda *_: pytest.fail("it was cut again"))
    (again,) = fill_folder(out, [path.parent], files, DRUMS)
    assert (first.known, again.known) == (False, True)
    assert again.loops == first.loops
    assert len(names(out)) == len(first.loops)


def test_other_settings_cut_again(song, out, files):
    path = song()
    fill_folder(out, [path], files, DRUMS)
    (other,) = fill_folder(out, [path], files, Wanted(("drums",), (1,)))
    assert not other.known
    assert {loop.bars for loop in other.loops} == {1}


def test_a_run_that_was_killed_goes_on_without_doubles(song, out, files, monkeypatch):
    path = song()
    with monkeypatch.context() as context:
        context.setattr(LoopLedger, "record", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            fill_folder(out, [path], files, DRUMS)
    begun = names(out)
    (out / ".loop-half").write_bytes(b"RIFF")
    (done,) = fill_folder(out, [path], files, DRUMS)
    assert begun == names(out)
    assert len(done.loops) == len(begun)
    assert not (out / ".loop-half").exists()


def test_a_loop_that_was_deleted_does_not_come_back(song, out, files):
    path = song()
    (done,) = fill_folder(out, [path], files, DRUMS)
    Path(done.loops[0].path).unlink()
    (again,) = fill_folder(out, [path], files, DRUMS)
    assert again.loops == done.loops[1:]
    assert len(names(out)) == len(done.loops) - 1


def test_a_folder_of_loops_may_move(song, out, files, tmp_path):
    path = song()
    fill_folder(out, [path], files, DRUMS)
    out.rename(tmp_path / "moved")
    (again,) = fill_folder(tmp_path / "moved", [path], files, DRUMS)
    assert again.known
    assert all(Path(loop.path).parent == tmp_path / "moved" for loop in again.loops)


def test_loops_among_the_songs_are_no_songs(song, files):
    music = song().parent
    fill_folder(music / "loops", [music], files, DRUMS)
    (again,) = fill_folder(music / "loops", [music], files, DRUMS)
    assert again.path.endswith("Song.wav")


def test_a_song_that_fails_does_not_stop_the_others(song, out, files):
    path = song()
    (path.parent / "Broken.mp3").write_bytes(b"no sound at all" * 99)
    (path.parent / "notes.txt").write_text("la la la")
    broken, good = fill_folder(out, [path.parent], files, DRUMS)
    assert "Broken.mp3" in broken.reason
    assert good.loops
    assert not good.reason


def test_where_no_song_is_nothing_is_made(tmp_path, files):
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="No song was found"):
        fill_folder(tmp_path / "loops", [tmp_path / "empty"], files, DRUMS)
    assert not (tmp_path / "loops").exists()


def test_a_folder_that_cannot_be_made_is_named(song, tmp_path, files):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(UsageError, match="cannot be made"):
        fill_folder(tmp_path / "file" / "loops", [song()], files, DRUMS)


@pytest.mark.parametrize(
    "content", ["", "{}", '{"version": 1, "songs": [{"hash": "a"}]}', '{"version": 9, "songs": []}']
)
def test_a_ledger_that_makes_no_sense_is_left_alone(song, out, files, content):
    (out / "loops.json").write_text(content)
    with pytest.raises(StoreCorruptError, match="Delete it"):
        fill_folder(out, [song()], files, DRUMS)
    assert (out / "loops.json").read_text() == content
