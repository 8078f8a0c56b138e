"""What every generator must do; a package that adds one may run this on its own."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundalike import extensions
from soundalike.audio import Clip
from soundalike.errors import UnknownNameError, UsageError
from soundalike.research.generation import GENERATORS, Condition, Generator, load_generator
from soundalike.research.generation.conditions import melody_from_notes
from tiny import jasco, musicgen

pytest.importorskip("torch")
pytest.importorskip("transformers")

NAMES = extensions.names("generators", GENERATORS)
MAKERS = {**musicgen.MAKERS, **jasco.MAKERS}

PARTS = {
    "melody": melody_from_notes([(0.0, 0.3, 60), (0.3, 0.3, 67)], duration=0.6),
    "drums": Clip(np.random.default_rng(0).normal(0, 0.1, (1, 13230)).astype(np.float32), 22050),
    "chords": (("C", 0.0), ("Am7", 0.3)),
}


@pytest.fixture(params=NAMES, scope="module")
def generator(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Generator:
    """Every generator, in miniature or by a stand-in."""
    folder: Path = tmp_path_factory.mktemp(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOUNDALIKE_HOME", str(folder / "home"))
        return load_generator(request.param, checkpoint=MAKERS[request.param](folder / "checkpoint"), device="cpu")


def full(generator: Generator, seed: int = 1) -> Condition:
    """Asks for everything that a generator takes."""
    return Condition("a calm tune", seed, 0.6, **{part: PARTS[part] for part in generator.takes})


def test_a_generator_has_the_attributes_of_its_protocol(generator):
    assert isinstance(generator, Generator)
    assert generator.name
    assert generator.rate > 0
    assert generator.takes <= set(PARTS)


def test_clips_are_mono_and_finite_and_as_long_as_they_should_be(generator):
    conditions = [replace(full(generator), duration=duration) for duration in (0.04, 0.6, 1.3)]
    for condition, clip in zip(conditions, generator.generate(conditions), strict=True):
        assert clip.rate == generator.rate
        assert clip.samples.shape == (1, round(condition.duration * generator.rate))
        assert clip.samples.dtype == np.float32
        assert np.isfinite(clip.samples).all()


def test_a_condition_gives_the_same_bits_alone_and_in_any_company(generator):
    conditions = [full(generator), Condition("a wild tune", 2, 0.4), full(generator, 3)]
    together = generator.generate(conditions)
    backwards = generator.generate(conditions[::-1])[::-1]
    alone = generator.generate(conditions[1:2])
    assert [clip.samples.tobytes() for clip in together] == [clip.samples.tobytes() for clip in backwards]
    assert alone[0].samples.tobytes() == together[1].samples.tobytes()


def test_seed_words_and_everything_that_it_takes_make_a_difference(generator):
    condition = full(generator)
    changed = [replace(condition, seed=9), replace(condition, text="something else")]
    changed += [replace(condition, **{part: () if part == "chords" else None}) for part in generator.takes]
    sounds = {clip.samples.tobytes() for clip in generator.generate([condition, *changed])}
    assert len(sounds) == len(changed) + 1


def test_what_it_does_not_take_is_refused(generator):
    for part in PARTS.keys() - generator.takes:
        with pytest.raises(UsageError, match=part):
            generator.generate([Condition("a calm tune", 1, 0.6, **{part: PARTS[part]})])


def test_no_words_and_no_time_are_refused(generator):
    for condition in (Condition("", 1, 0.6), Condition("a calm tune", 1, 0.0), Condition("a calm tune", 1, 1e9)):
        with pytest.raises(UsageError):
            generator.generate([condition])


def test_conditions_are_left_untouched(generator):
    melody, drums = PARTS["melody"].copy(), PARTS["drums"].samples.copy()
    generator.generate([full(generator)])
    assert np.array_equal(PARTS["melody"], melody)
    assert np.array_equal(PARTS["drums"].samples, drums)


def test_no_conditions_give_no_clips(generator):
    assert generator.generate([]) == []


def test_an_unknown_name_is_refused():
    with pytest.raises(UnknownNameError, match="Did you mean 'jasco'"):
        load_generator("jasko")
