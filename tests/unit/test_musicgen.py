"""Rules of the generator musicgen-melody."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch

from soundalike.audio import Clip
from soundalike.checkpoints import read_tensors
from soundalike.errors import CheckpointError, UsageError
from soundalike.research.generation import LOWEST_NOTE, Condition
from soundalike.research.generation.conditions import melody_from_notes
from soundalike.research.generation.musicgen import HOP, RATE, WINDOW, MusicGenMelody, chroma_frames, load
from tiny import musicgen as tiny

TUNE = melody_from_notes([(0.0, 0.4, 60), (0.4, 0.5, 64)], duration=1.0)
CONDITION = Condition("calm piano", seed=5, duration=1.0, melody=TUNE)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny.make(tmp_path_factory.mktemp("musicgen"))


@pytest.fixture(scope="module")
def generator(folder: Path) -> MusicGenMelody:
    return load(folder)


def samples(generator: MusicGenMelody, condition: Condition = CONDITION) -> np.ndarray:
    return generator.generate([condition])[0].samples


def changed(**changes) -> Condition:
    return Condition(**{"text": "calm piano", "seed": 5, "duration": 1.0, "melody": TUNE, **changes})


# Against transformers, on the same files


def theirs(folder: Path, condition: Condition, **choices) -> np.ndarray:
    """What transformers' own loading and sampling give; only the numbers of tokens and the chroma are prepared here."""
    from tokenizers import Tokenizer
    from transformers import MusicgenMelodyForConditionalGeneration

    model, report = MusicgenMelodyForConditionalGeneration.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_truncation()
    numbers = torch.tensor([tokenizer.encode(condition.text).ids])
    features = None
    if condition.melody is not None:
        features = torch.from_numpy(chroma_frames(condition.melody, condition.duration)[None].astype(np.float32))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(condition.seed)
        sound = model.eval().generate(
            input_ids=numbers,
            attention_mask=torch.ones_like(numbers),
            input_features=features,
            max_new_tokens=round(50 * condition.duration) + 3,
            **{"top_k": 250, **choices},
        )
    torch.set_num_threads(threads)
    return sound[0].numpy()


@pytest.mark.parametrize("melody", [TUNE, None])
def test_the_sound_is_that_of_transformers_with_the_released_settings(folder, generator, melody):
    condition = changed(melody=melody)
    np.testing.assert_array_equal(samples(generator, condition), theirs(folder, condition))


def test_options_mean_what_they_mean_in_transformers(folder):
    ours = samples(load(folder, guidance=1.0, temperature=0.7, top=3))
    np.testing.assert_array_equal(ours, theirs(folder, CONDITION, guidance_scale=1.0, temperature=0.7, top_k=3))


def test_chroma_is_what_the_authors_front_end_hears_of_the_melody_when_it_is_played():
    """Their recipe: the strongest pitch class of power spectra through the chroma filters of librosa."""
    from transformers.audio_utils import chroma_filter_bank

    rng = np.random.default_rng(1)
    notes = [
        (0.5 * i, 0.5, pitch) for i, pitch in enumerate(rng.integers(LOWEST_NOTE + 12, LOWEST_NOTE + 40, 20).tolist())
    ]
    time = np.arange(10 * RATE) / RATE
    hertz = 440.0 * 2.0 ** ((np.array([pitch for _, _, pitch in notes])[(time * 2).astype(int)] - 69) / 12.0)
    sound = np.pad(np.sin(2 * np.pi * np.cumsum(hertz) / RATE), WINDOW // 2, mode="reflect")
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(WINDOW) / WINDOW)
    frames = np.stack([sound[i : i + WINDOW] * window for i in range(0, len(sound) - WINDOW + 1, HOP)])
    filters = chroma_filter_bank(num_frequency_bins=WINDOW, num_chroma=12, sampling_rate=RATE, tuning=0)
    heard = (np.abs(np.fft.rfft(frames)) ** 2 @ filters.T).argmax(axis=1)
    ours = chroma_frames(melody_from_notes(notes), 10.0)
    assert ours.shape == (79, 12)
    assert (ours.sum(axis=1) == 1).all()
    assert (ours.argmax(axis=1) == heard).mean() > 0.95


def test_where_there_is_no_note_chroma_is_as_for_silence():
    assert chroma_frames(np.zeros((50, 53), np.bool_), 1.0).argmax(axis=1).tolist() == [0] * 8


# Conditions


@pytest.mark.parametrize("duration", [0.02, 0.5, 1.0, 1.01])
def test_a_clip_has_exactly_its_duration(generator, duration):
    clip = generator.generate([changed(duration=duration)])[0]
    assert isinstance(clip, Clip)
    assert clip.samples.shape == (1, round(duration * RATE))
    assert clip.samples.dtype == np.float32


def test_text_melody_and_seed_all_make_a_difference(generator):
    sounds = [
        samples(generator, changed(**changes))
        for changes in ({}, {"text": "wild drums"}, {"melody": None}, {"melody": TUNE[::-1]}, {"seed": 6})
    ]
    assert len({sound.tobytes() for sound in sounds}) == len(sounds)


def test_a_melody_is_followed_in_the_order_of_time(generator):
    late = TUNE.copy()
    late[25:] = False
    assert samples(generator, changed(melody=late)).tobytes() != samples(generator).tobytes()


def test_torchs_own_chance_is_left_as_it_was(generator):
    torch.manual_seed(3)
    before = torch.random.get_rng_state()
    samples(generator)
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"chords": (("C", 0.0),)}, "does not follow chords"),
        ({"drums": Clip(np.zeros((1, 9), np.float32), 9)}, "does not follow drums"),
        ({"text": ""}, "no words"),
        ({"text": "words " * 100}, "tokens"),
        ({"duration": 31.0}, "at most 30 s"),
    ],
)
def test_a_condition_that_it_cannot_follow_is_refused_before_anything_is_made(generator, monkeypatch, changes, said):
    monkeypatch.setattr(generator, "_make", lambda *_: pytest.fail("something was made"))
    with pytest.raises(UsageError, match=said):
        generator.generate([CONDITION, changed(**changes)])


# Checkpoints


def test_the_name_tells_the_tensors_and_the_options(folder, generator, tmp_path):
    assert generator.name.startswith("musicgen-melody@")
    assert load(tiny.make(tmp_path / "other", seed=1)).name != generator.name
    assert load(folder, guidance=2.5, top=9).name == f"{generator.name},guidance=2.5,top=9"


@pytest.mark.parametrize(
    "choice", [{"modern": True}, {"shared": "text_encoder.encoder.embed_tokens.weight"}], ids=["modern", "shared"]
)
def test_tensors_under_other_known_names_give_the_same_sound(generator, tmp_path, choice):
    assert np.array_equal(samples(load(tiny.make(tmp_path, **choice))), samples(generator))


def test_positions_in_a_file_are_left_out_since_they_are_computed(generator, tmp_path):
    folder = tiny.make(tmp_path)
    write(folder, {**copies(folder), "decoder.model.decoder.embed_positions.weights": torch.ones(2048, tiny.WIDTH)})
    assert np.array_equal(samples(load(folder)), samples(generator))


def copies(folder: Path) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in read_tensors(folder).items()}


def write(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    from safetensors.torch import save_file

    save_file(tensors, folder / "model.safetensors")


@pytest.mark.parametrize("problem", ["missing", "unknown", "misshapen", "not finite"])
def test_a_tensor_that_is_not_as_it_should_be_is_named(tmp_path, problem):
    folder = tiny.make(tmp_path)
    tensors, name = copies(folder), "decoder.lm_heads.1.weight"
    if problem == "missing":
        del tensors[name]
    elif problem == "unknown":
        name = "decoder.lm_heads.9.weight"
        tensors[name] = torch.ones(2)
    else:
        tensors[name] = torch.full((3, 3), 1.0) if problem == "misshapen" else torch.full_like(tensors[name], torch.nan)
    write(folder, tensors)
    with pytest.raises(CheckpointError, match=rf"1 tensors are {problem}, first {name}"):
        load(folder)


@pytest.mark.parametrize(
    ("part", "changes", "said"),
    [
        ("", {"text_encoder": None}, "text_encoder is no 't5'"),
        ("decoder", {"model_type": "musicgen_decoder"}, "decoder is no"),
        ("audio_encoder", {"sampling_rate": 24000}, "24000 Hz"),
        ("audio_encoder", {"upsampling_ratios": [8, 5, 4, 2]}, "100 frames per second"),
        ("decoder", {"audio_channels": 2}, "2 channels"),
        ("", {"num_chroma": 24}, "24 pitch classes"),
        ("decoder", {"num_attention_heads": 5}, "cannot be built"),
        ("decoder", {"hidden_size": "wide"}, "cannot be built"),
    ],
)
def test_a_configuration_of_another_network_is_refused(tmp_path, part, changes, said):
    folder = tiny.make(tmp_path)
    config = tiny.config()
    (config[part] if part else config).update(changes)
    tiny.write_json(folder / "config.json", config)
    with pytest.raises(CheckpointError, match=said):
        load(folder)


def test_a_tokenizer_that_is_missing_or_anothers_is_refused(tmp_path):
    folder = tiny.make(tmp_path)
    document = json.loads((folder / "tokenizer.json").read_text())
    tiny.write_json(folder / "tokenizer.json", {**document, "post_processor": None})
    with pytest.raises(CheckpointError, match="not T5's"):
        load(folder)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match=r"no tokenizer\.json"):
        load(folder)


def test_a_folder_that_is_not_there_is_named(tmp_path, monkeypatch):
    with pytest.raises(CheckpointError, match="nowhere"):
        load(tmp_path / "nowhere")
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    with pytest.raises(CheckpointError, match="musicgen-melody is not here"):
        load()


@pytest.mark.parametrize("options", [{"guidance": 0.5}, {"temperature": 0.0}, {"top": 0}, {"guidance": float("nan")}])
def test_options_out_of_range_are_refused(folder, options):
    with pytest.raises(UsageError, match="were given"):
        load(folder, **options)


def test_a_device_that_is_not_here_is_refused(folder):
    with pytest.raises(UsageError, match="cannot be used"):
        load(folder, device="nonsense")
