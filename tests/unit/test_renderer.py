"""The renderer: exact factors, reproducible sound, splits that share nothing."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.errors import NotFoundError, UnknownNameError, UsageError
from soundalike.research import demo_pack
from soundalike.research.music.composer import SPLITS, compose_harmony, compose_melody
from soundalike.research.music.grooves import FAMILIES, compose_groove
from soundalike.research.renderer import FACTORS, PieceSpec, draw_timbre, factor_group, perform, render
from soundalike.research.sound import programs
from soundalike.research.sound.drum_kits import KITS
from soundalike.research.sound.more_voices import SINGERS, STRINGS, draw_own
from soundalike.research.sound.orchestra import OTHER_FONT, PALETTES, TEST_FONT, TRAIN_FONTS, sound_drums, sound_notes
from soundalike.research.sound.plucking import String, pluck
from soundalike.research.sound.singing import Singer, sing
from soundalike.research.sound.soundfonts import Program, find_font
from soundalike.research.sound.synthesizer import Sounding, limit, loudness, play
from soundalike.research.sound.voices import BASSES, COMPS, LEADS

RATE = 22050
SPEC = PieceSpec(melody=1, harmony=2, groove=3, tempo=110.0, timbre=4, key=5, nuisance=6, duration=4.0)


def fundamental(sound: np.ndarray, near: float) -> float:
    """Frequency within half a semitone of `near` whose first harmonics are strongest."""
    part = sound[2000:10192] * np.hanning(8192)
    spectrum = np.abs(np.fft.rfft(part, 65536))
    cents = np.arange(-50, 51)
    grid = np.arange(len(spectrum)) * RATE / 65536
    strength = [sum(np.interp(near * 2 ** (c / 1200) * h, grid, spectrum) for h in (1, 2, 3)) for c in cents]
    return near * 2 ** (cents[int(np.argmax(strength))] / 1200)


def test_same_spec_gives_the_same_samples() -> None:
    assert np.array_equal(render(SPEC).samples, render(replace(SPEC)).samples)


@pytest.mark.parametrize("name", ["melody", "harmony", "groove", "timbre", "nuisance", "key", "tempo"])
def test_every_field_is_heard(name: str) -> None:
    other = replace(SPEC, **{name: getattr(SPEC, name) + 3})
    assert not np.array_equal(render(SPEC).samples, render(other).samples)


def test_clip_has_the_length_rate_and_channels_asked_for() -> None:
    mono, stereo = render(SPEC), render(replace(SPEC, duration=1.5), rate=44100, stereo=True)
    assert mono.samples.shape == (1, 4 * RATE)
    assert (stereo.rate, stereo.samples.shape) == (44100, (2, 66150))
    assert mono.samples.dtype == stereo.samples.dtype == np.float32


@pytest.mark.parametrize("split", SPLITS)
def test_pieces_are_loud_enough_and_never_clip(split: str) -> None:
    for seed in range(6):
        spec = replace(SPEC, melody=seed, groove=seed, timbre=seed, nuisance=seed, split=split)
        samples = render(spec).samples
        assert np.isfinite(samples).all()
        assert np.abs(samples).max() < 0.9
        assert -30 < loudness(samples, rate=RATE) < -14


@pytest.mark.parametrize("split", SPLITS)
def test_every_voice_is_in_tune(split: str) -> None:
    for table, pitch in ((LEADS, 72), (COMPS, 60), (BASSES, 43)):
        for name, voice in table[split].items():
            sound = play(voice, [Sounding(0.0, 0.6, pitch, 1.0)], rate=RATE, length=RATE)
            true = 440 * 2 ** ((pitch - 69) / 12)
            assert abs(1200 * np.log2(fundamental(sound, true) / true)) < 20, name


@pytest.mark.parametrize("split", SPLITS)
def test_every_singer_and_string_is_in_tune(split: str) -> None:
    note, true = [Sounding(0.0, 0.6, 72, 1.0)], 440 * 2 ** (3 / 12)
    for string in STRINGS[split]:
        assert abs(1200 * np.log2(fundamental(pluck(string, note, rate=RATE, length=RATE), true) / true)) < 8
    for singer in SINGERS[split]:
        steady = replace(singer, vibrato=0.0, wander=0.0)
        assert abs(1200 * np.log2(fundamental(sing(steady, note, rate=RATE, length=RATE), true) / true)) < 12


@pytest.mark.parametrize("bus", ["lead", "comp", "pad", "bass"])
def test_invented_voices_differ_sound_and_repeat(bus: str) -> None:
    note, sounds = [Sounding(0.0, 0.4, 45 if bus == "bass" else 64, 0.9)], []
    for seed in range(12):
        voice = draw_own(bus, "train", np.random.default_rng(seed))
        sounds.append(sound_notes(voice, note, rate=RATE, length=RATE // 2))
        assert np.isfinite(sounds[-1]).all()
        assert -45 < loudness(sounds[-1], rate=RATE) < 0, voice
        again = draw_own(bus, "train", np.random.default_rng(seed))
        assert np.array_equal(sounds[-1], sound_notes(again, note, rate=RATE, length=RATE // 2))
    assert len({sound.tobytes() for sound in sounds}) == 12


def test_singer_glides_and_sings_one_note_at_a_time() -> None:
    notes = [Sounding(0.0, 0.5, 60, 0.9), Sounding(0.5, 0.5, 67, 0.9)]
    slow = Singer("", glide=0.2, vibrato=0, wander=0, breath=0, consonants=0, legato=1.0)
    glided, stepped = (sing(replace(slow, glide=g), notes, rate=RATE, length=RATE) for g in (0.2, 0.005))

    def energy(sound: np.ndarray) -> float:
        """What is heard between the two notes around the change."""
        spectrum = np.abs(np.fft.rfft(sound[9000:13000] * np.hanning(4000), 16384))
        grid = np.arange(len(spectrum)) * RATE / 16384
        return float(spectrum[(grid > 285) & (grid < 370)].sum() / spectrum[(grid > 240) & (grid < 420)].sum())

    assert energy(glided) > 1.3 * energy(stepped)
    assert not sing(slow, [], rate=RATE, length=100).any()


def test_damped_string_falls_silent_and_a_ringing_one_does_not() -> None:
    note = [Sounding(0.0, 1.0, 60, 1.0)]
    short, long = (pluck(String("", ring=ring), note, rate=RATE, length=RATE) for ring in (0.5, 6.0))
    late = slice(RATE // 2, RATE * 3 // 4)
    assert np.abs(long[late]).max() > 10 * np.abs(short[late]).max()


def has_font(name: str) -> bool:
    try:
        return find_font(name).is_file()
    except NotFoundError:
        return False


NEEDED = {"synthesizer": (), "fonts-train": TRAIN_FONTS, "fonts-other": (OTHER_FONT,), "fonts-test": (TEST_FONT,)}


@pytest.mark.parametrize("palette", PALETTES)
def test_every_palette_renders_reproducibly(palette: str) -> None:
    if not all(has_font(name) for name in NEEDED[palette]):
        pytest.skip("no SoundFont is installed")
    for seed in range(4):
        spec = replace(SPEC, timbre=seed, palette=palette, duration=2.0)
        samples = render(spec).samples
        assert np.array_equal(samples, render(spec).samples)
        assert np.isfinite(samples).all()
        assert -32 < loudness(samples, rate=RATE) < -14


def test_palettes_draw_only_from_their_own_fonts_and_programs() -> None:
    fonts = {"fonts-train": set(TRAIN_FONTS), "fonts-other": {OTHER_FONT}, "fonts-test": {TEST_FONT}}
    sets = {"fonts-train": "train", "fonts-other": "validation", "fonts-test": "test"}
    for palette, allowed in fonts.items():
        drawn = [draw_timbre(seed, "train", palette) for seed in range(60)]
        players = [(bus, getattr(t, bus)) for t in drawn for bus in ("lead", "comp", "pad", "bass") if getattr(t, bus)]
        found = [(bus, player) for bus, player in players if isinstance(player, Program)]
        assert {player.font for _, player in found} == allowed
        tables = {"lead": programs.LEADS, "comp": programs.COMPS, "pad": programs.PADS, "bass": programs.BASSES}
        assert all(player.preset in tables[bus][sets[palette]] for bus, player in found)
        assert (len(found) == len(players)) == (palette != "fonts-train")
        assert palette == "fonts-train" or all(isinstance(t.kit, Program) for t in drawn)


def test_other_kit_changes_the_drums_only() -> None:
    swapped = replace(SPEC, kit=SPEC.timbre + 1)
    assert perform(swapped).drums == perform(SPEC).drums
    assert perform(swapped).lead == perform(SPEC).lead
    assert not np.array_equal(render(swapped).samples, render(SPEC).samples)
    assert np.array_equal(render(replace(SPEC, kit=SPEC.timbre)).samples, render(SPEC).samples)


def test_drums_that_a_kit_lacks_are_played_on_something_near() -> None:
    kit = draw_timbre(3).kit
    tom, perc = (sound_drums(kit, {name: [(0.0, 0.8)]}, rate=RATE, length=RATE) for name in ("tom", "perc"))
    assert tom.any()
    assert np.array_equal(tom, perc)


@pytest.mark.parametrize("palette", ["fonts-train", "fonts-test"])
def test_group_takes_its_palette_and_production_and_leads_differ(palette: str) -> None:
    for seed in range(6):
        group = factor_group(seed, palette=palette, production="varied")
        assert {(spec.palette, spec.production) for spec in group.values()} == {(palette, "varied")}
        leads = [draw_timbre(group[name].timbre, "train", palette).lead.words for name in "AZ"]
        assert leads[0] != leads[1]


def test_splits_share_no_voice_kit_or_groove_family() -> None:
    for table in (LEADS, COMPS, BASSES, KITS, FAMILIES):
        assert not set(table["train"]) & set(table["test"])
        assert not {id(thing) for thing in table["train"].values()} & {id(thing) for thing in table["test"].values()}


def test_splits_share_no_melody_or_progression() -> None:
    for compose in (compose_melody, compose_harmony):
        train, test = ({repr(compose(seed, split)) for seed in range(40)} for split in SPLITS)
        assert len(train) > 35
        assert not train & test


def test_key_moves_melody_and_chords_together() -> None:
    low, high = perform(replace(SPEC, key=0)), perform(replace(SPEC, key=4))
    assert [(b.pitch - a.pitch) % 12 for a, b in zip(low.lead, high.lead, strict=True)] == [4] * len(low.lead)
    assert [(b.root - a.root) % 12 for a, b in zip(low.chords, high.chords, strict=True)] == [4] * len(low.chords)
    assert {p.pitch % 12 for p in high.comp} <= {tone for chord in high.chords for tone in chord.tones}


def test_most_melody_notes_lie_on_the_scale_of_the_key() -> None:
    for seed in range(10):
        score = perform(replace(SPEC, melody=seed, key=seed))
        assert {(note.pitch - seed) % 12 for note in score.lead} <= {0, 2, 4, 5, 7, 9, 11}


def test_chord_spans_cover_the_clip_without_gaps() -> None:
    chords = perform(SPEC).chords
    assert chords[0].start == 0.0
    assert chords[-1].end == pytest.approx(SPEC.duration)
    assert [a.end for a in chords[:-1]] == pytest.approx([b.start for b in chords[1:]])


def test_score_and_sound_agree_in_time() -> None:
    """A drum hit raises the energy right where the score has it."""
    spec = replace(SPEC, start=0.0, nuisance=3)
    kicks = [time for time, _ in perform(spec).drums["kick"]][1:]
    energy = np.convolve(render(spec).samples[0] ** 2, np.ones(256) / 256, "same")
    rises = [energy[int(t * RATE) : int(t * RATE) + 1500].max() > energy[int(t * RATE) - 300] for t in kicks]
    assert kicks
    assert np.mean(rises) > 0.9


def test_tempo_changes_times_but_not_the_pattern() -> None:
    slow, fast = (perform(replace(SPEC, tempo=tempo, start=0.0)) for tempo in (80.0, 160.0))
    for name, hits in slow.drums.items():
        beats = np.array([time * slow.tempo / 60 for time, _ in hits])
        doubled = np.array([time * fast.tempo / 60 for time, _ in fast.drums[name]])[: len(beats)]
        assert np.abs(beats - doubled).max(initial=0.0) < 0.05


@pytest.mark.parametrize("split", SPLITS)
def test_group_members_share_exactly_what_their_name_says(split: str) -> None:
    group = factor_group(5, split)
    anchor, opposite = group["A"], group["Z"]
    fields = {"melody": {"melody"}, "rhythm": {"groove", "tempo"}, "timbre": {"timbre"}, "harmony": {"harmony"}}
    fields["groove"] = {"groove"}
    everything = {"melody", "groove", "tempo", "timbre", "harmony"}

    def shared(name: str) -> set[str]:
        return {field for field in everything if getattr(group[name], field) == getattr(anchor, field)}

    assert shared("Z") == set()
    for factor in (*FACTORS, "groove"):
        assert shared(f"P_{factor}") == fields[factor]
        assert shared(f"N_{factor}") == everything - fields[factor]
    assert len({spec.nuisance for spec in group.values()}) == len(group) == 12
    assert compose_groove(anchor.groove, split).family != compose_groove(opposite.groove, split).family
    assert draw_timbre(anchor.timbre, split).names["lead"] != draw_timbre(opposite.timbre, split).names["lead"]


@pytest.mark.parametrize(
    "wrong",
    [{"melody": -1}, {"nuisance": -1}, {"split": "validation"}, {"palette": "organ"}, {"production": "loud"}],
)
def test_negative_seed_and_unknown_split_are_refused(wrong: dict) -> None:
    with pytest.raises(UsageError, match=str(next(iter(wrong.values())))):
        render(replace(SPEC, **wrong))


def test_limiter_keeps_the_ceiling_and_leaves_quiet_sound_alone() -> None:
    ramp = np.linspace(0, 2, RATE, dtype=np.float32) * np.sin(np.arange(RATE, dtype=np.float32))
    limited = limit(ramp[None], rate=RATE, ceiling=0.8)
    assert np.abs(limited).max() <= 0.8
    assert np.array_equal(limited[0, : RATE // 4], ramp[: RATE // 4])


def test_loudness_follows_level_in_decibels() -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(RATE) / RATE).astype(np.float32)
    assert loudness(tone, rate=RATE) - loudness(0.1 * tone, rate=RATE) == pytest.approx(20, abs=0.01)
    assert loudness(np.zeros(RATE, np.float32), rate=RATE) == -120


def test_any_two_rows_of_the_array_agree_in_exactly_one_column() -> None:
    rows = demo_pack.orthogonal_array()
    assert {int((a == b).sum()) for i, a in enumerate(rows) for b in rows[:i]} == {1}
    assert (np.sort(rows, axis=0) == np.repeat(np.arange(4), 4)[:, None]).all()


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict, object]:
    folder = tmp_path_factory.mktemp("pack")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_pack, "_seconds", lambda tempo: 2.0)
        return demo_pack.write_demo_pack(folder, seed=3), folder


def test_pack_is_sixteen_tagged_stereo_files_and_a_manifest(pack) -> None:
    manifest, folder = pack
    assert demo_pack.load_manifest(folder) == manifest
    assert sorted(p.name for p in folder.glob("*.ogg")) == sorted(piece["file"] for piece in manifest["pieces"])
    for piece in manifest["pieces"]:
        with soundfile.SoundFile(folder / piece["file"]) as file:
            assert (file.channels, file.samplerate, file.title) == (2, 44100, piece["title"])
            assert (file.artist, file.license) == ("soundalike demo", "CC0-1.0")
            assert np.abs(file.read()).max() < 1.0


def test_pack_is_equally_loud_throughout(pack) -> None:
    manifest, _ = pack
    specs = [PieceSpec(**piece["spec"]) for piece in manifest["pieces"]]
    whole = [loudness(render(replace(spec, duration=6.0)).samples, rate=RATE) for spec in specs[:4]]
    assert np.ptp(whole) < 1


def test_every_piece_shares_one_factor_or_the_key_with_every_other(pack) -> None:
    manifest, _ = pack
    files = {piece["file"]: piece for piece in manifest["pieces"]}
    for file, piece in files.items():
        same_key = {other for other in files if other != file and files[other]["key"] == piece["key"]}
        companions = [demo_pack.expected(manifest, file, factor) for factor in FACTORS]
        assert [len(group) for group in companions] == [3, 3, 3, 3]
        assert set().union(same_key, *companions) == set(files) - {file}
        assert demo_pack.expected(manifest, file, "groove") == demo_pack.expected(manifest, file, "rhythm")


def test_levels_of_a_factor_have_different_names(pack) -> None:
    manifest, _ = pack
    for factor in FACTORS:
        names = {(piece["levels"][factor], piece["names"][factor]) for piece in manifest["pieces"]}
        assert len(names) == len({name for _, name in names}) == 4


def test_folder_without_a_pack_is_refused(tmp_path) -> None:
    with pytest.raises(NotFoundError, match="no demo pack"):
        demo_pack.load_manifest(tmp_path)


def test_pack_that_ships_is_the_one_its_command_makes() -> None:
    folder = Path(__file__).parents[2] / "demo"
    manifest = demo_pack.load_manifest(folder)
    assert manifest == demo_pack._plan(demo_pack.SEED)
    assert sum(path.stat().st_size for path in folder.iterdir() if path.is_file()) < 4_000_000
    piece = manifest["pieces"][0]
    shipped, rate = soundfile.read(folder / piece["file"], dtype="float32")
    made = render(PieceSpec(**piece["spec"]), rate=rate, stereo=True).samples.T
    part = slice(rate, 6 * rate)
    assert np.corrcoef(shipped[part].ravel(), made[part].ravel())[0, 1] > 0.98


def test_unknown_factor_or_file_is_refused(pack) -> None:
    manifest, _ = pack
    with pytest.raises(UnknownNameError, match="colour"):
        demo_pack.expected(manifest, manifest["pieces"][0]["file"], "colour")
    with pytest.raises(NotFoundError, match=r"absent\.ogg"):
        demo_pack.expected(manifest, "absent.ogg", "melody")
