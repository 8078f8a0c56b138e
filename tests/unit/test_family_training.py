"""What the models of families learn from, how they learn, and the tables of how well they do."""

from __future__ import annotations

import numpy as np
import pytest

from soundalike.errors import NotFoundError
from soundalike.family import DESCRIBED, FAMILIES, hear_logits, read_model, scaled
from soundalike.research.evaluation.families import Heard, Stem, families_result, presence_result
from soundalike.research.evaluation.families_report import tables
from soundalike.research.evaluation.pages import BEGIN, END, write_between_marks
from soundalike.research.sound import programs
from soundalike.research.sound.more_voices import SINGERS, STRINGS
from soundalike.research.sound.soundfonts import PACKAGES, Program, find_font
from soundalike.research.sound.voices import BASSES, LEADS
from soundalike.research.training.families import Examples, fit_families, fit_presence, to_file
from soundalike.research.training.family_examples import Played, draw_player, family_of
from soundalike.research.training.recorded_families import HELD_OUT, LEARNED, ONE_SHOTS, one_shots, song_parts
from soundalike.research.training.separation_scenes import STEMS
from soundalike.research.training.stem_presence import separated


def has_fonts() -> bool:
    try:
        return all(find_font(name).is_file() for name in PACKAGES)
    except NotFoundError:
        return False


needs_fonts = pytest.mark.skipif(not has_fonts(), reason="the SoundFonts are not installed")


# Who plays


@pytest.mark.parametrize(
    ("number", "bus", "family"),
    [
        (6, "lead", "piano"),
        (7, "comp", "piano"),
        (16, "comp", "other"),
        (25, "lead", "guitar"),
        (48, "pad", "other"),
        (52, "pad", "vocals"),
        (105, "lead", "other"),
        (108, "lead", "other"),
        (36, "bass", "bass"),
        (43, "bass", "bass"),
        (58, "bass", None),
        (91, "pad", None),
    ],
)
def test_programs_have_families_where_people_agree(number, bus, family):
    assert family_of(Program("any", "any", 0, number), bus) == family


def test_own_voices_have_the_family_of_their_name():
    assert family_of(LEADS["train"]["nylon"], "lead") == "guitar"
    assert family_of(LEADS["train"]["kalimba"], "lead") == "other"
    assert family_of(LEADS["train"]["organ"], "lead") == "other"
    assert family_of(BASSES["train"]["organ"], "bass") == "bass"
    assert family_of(STRINGS["train"][0], "lead") == "guitar"


def test_only_singers_with_vowels_are_voices():
    families = {singer.words: family_of(singer, "lead") for singers in SINGERS.values() for singer in singers}
    assert families["soprano"] == families["child"] == "vocals"
    assert families["whistler"] == families["theremin"] == families["bowed string"] == "other"


@pytest.mark.parametrize("family", ["bass", "vocals", "guitar", "piano", "other"])
def test_players_for_tests_are_programs_that_training_does_not_have(family):
    rng = np.random.default_rng(0)
    learned = {n for role in (programs.LEADS, programs.COMPS, programs.PADS, programs.BASSES) for n in role["train"]}
    for _ in range(20):
        player = draw_player(family, "fonts-test", "test", rng)
        if isinstance(player, Program):
            assert player.font == "TimGM6mb"
            assert player.preset not in learned
        else:
            assert player.words in {singer.words for singer in SINGERS["test"]}


@needs_fonts
def test_in_a_score_every_family_is_heard():
    rows = Played()(3)
    assert set(rows["family"]) - {-1} == set(range(len(FAMILIES)))
    assert rows["seconds"].max() <= 10.0
    heard = rows["family"] >= 0
    assert np.array_equal(rows["embedding"].any(axis=1), heard)


# Recordings


def test_what_is_learned_from_is_not_held_out():
    places = {use: {p for names in families.values() for p in names.split()} for use, families in ONE_SHOTS.items()}
    assert not places[LEARNED] & places[HELD_OUT]
    assert set(ONE_SHOTS[LEARNED]) == set(ONE_SHOTS[HELD_OUT]) == set(FAMILIES) - {"mix"}


def test_a_folder_without_index_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match=r"index\.csv"):
        list(one_shots(tmp_path))


def test_parts_of_songs_are_always_held_out(outside_data):
    first = next(song_parts(outside_data / "stems", (2.0,)))
    assert (first.use, first.family) == (HELD_OUT, "drums")


# Learning


def toy(rng: np.random.Generator, count: int = 140) -> Examples:
    """Families that differ in one number each."""
    family = np.arange(count) % len(FAMILIES)
    described = rng.normal(size=(count, DESCRIBED))
    described[np.arange(count), family] += 8.0
    return Examples(described, family.astype(np.int64), np.ones(count))


def test_families_that_can_be_told_are_learned_in_the_same_way_each_time():
    pytest.importorskip("torch", reason="torch is not installed")
    examples = toy(np.random.default_rng(0))
    content = to_file(fit_families(examples, steps=80))
    assert content == to_file(fit_families(examples, steps=80))
    model = read_model(content)
    told = scaled(examples.described, model["mean"], model["scale"])
    units = np.maximum(told @ model["family.hidden"].T + model["family.hidden_offset"], 0.0)
    logits = units @ model["family.output"].T + model["family.output_offset"]
    assert (logits.argmax(axis=1) == examples.family).mean() > 0.9
    assert hear_logits(np.ones(7969, np.float32), model).shape == (len(FAMILIES),)


def test_presence_is_learned_from_what_tells_it_and_both_sides_count_alike():
    rng = np.random.default_rng(0)
    plays = (np.arange(200) < 180).astype(np.float64)
    told = rng.normal(size=(200, 3))
    told[:, 0] += 3.0 * plays
    arrays = fit_presence("bass", told, plays)
    (weights,) = arrays["bass.output"]
    assert weights[0] > 5 * np.abs(weights[1:]).max()
    logits = scaled(told, arrays["bass.mean"], arrays["bass.scale"]) @ weights + arrays["bass.output_offset"]
    assert (logits[plays < 0.5] < 0).mean() > 0.8
    assert (logits[plays > 0.5] > 0).mean() > 0.8


def test_a_stem_that_is_left_out_does_not_play():
    time = np.arange(2 * 44100) / 44100
    tone = (0.2 * np.sin(2 * np.pi * 440 * time))[None].astype(np.float32)
    assert {row.stem: row.plays for row in separated({"other": tone})} == {"drums": 0, "bass": 0, "other": 1}
    faint = {"other": tone, "bass": (0.001 * tone).astype(np.float32)}
    assert {row.stem: row.plays for row in separated(faint)}["bass"] == -1


# Tables


def answer(family: str, taken: str, source: str) -> Heard:
    return Heard(family, source, tuple(0.4 if name == taken else 0.1 for name in FAMILIES))


def test_shares_and_confusions_are_counted():
    rows = [answer("drums", "drums", "a"), answer("drums", "bass", "a"), answer("bass", "bass", "b")]
    found = families_result(rows, seed=0)
    assert found["right"]["value"] == pytest.approx(2 / 3, abs=1e-4)
    assert found["balanced"] == pytest.approx(0.75)
    assert found["confidence"] == pytest.approx(0.4)
    assert found["confusion"]["drums"]["bass"] == 1
    assert (found["count"], found["sources"]) == (3, 2)


def test_what_plays_should_be_kept_and_what_does_not_dropped():
    rows = [Stem("bass", True, "a", 0.9, 25.0), Stem("bass", False, "b", 0.1, 3.0), Stem("drums", True, "a", 0.2, 9.0)]
    found = presence_result(rows, seed=0)
    assert found["bass"]["gate and plays"]["kept"]["value"] == 0.0
    assert found["bass"]["gate and plays"]["dropped"]["value"] == 1.0
    assert found["drums"]["gate of -18 dB"]["kept"]["value"] == 1.0
    assert found["drums"]["gate and plays"]["kept"]["value"] == 0.0
    assert set(found) <= set(STEMS)


def test_tables_stand_between_the_marks_of_a_page(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    document = {
        "command": "make it",
        "families": {"rendered one-shots": families_result([answer("bass", "mix", "a")], seed=0)},
        "presence": {"songs": presence_result([Stem("bass", True, "a", 0.9, 3.0)], seed=0)},
    }
    write_between_marks(page, tables(document), document)
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "| bass (1) | 0 | 0 | 0 | 0 | 0 | 0 | 100 |" in text
    assert (tmp_path / "page.json").is_file()


def test_a_page_without_marks_is_refused(tmp_path):
    (tmp_path / "page.md").write_text("nothing here")
    with pytest.raises(NotFoundError, match="no place"):
        write_between_marks(tmp_path / "page.md", [], {})
