from __future__ import annotations

import csv

import numpy as np
import pytest
import soundfile

from soundalike.errors import NotFoundError
from soundalike.facets import unit
from soundalike.research.evaluation import separation, separation_mixes, separation_report
from soundalike.research.evaluation.pages import BEGIN, END
from soundalike.research.evaluation.separation import Levels, Retrieval, best_gate, distortion, measure_mixes, median
from soundalike.research.evaluation.separation_mixes import (
    Mix,
    matched,
    mixture,
    oracle,
    plain,
    recorded_mixes,
    rendered_mixes,
)
from soundalike.research.training import separation_scenes
from soundalike.research.training.separation_scenes import PieceParts, Scene, example
from soundalike.separators.embedded.picture import RATE, by_bin, tonality, transform


def sound(seed: int, seconds: float = 3.0, channels: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).normal(0, 0.1, (channels, round(seconds * RATE))).astype(np.float32)


def clicks(seconds: float = 3.0) -> np.ndarray:
    samples = np.zeros((2, round(seconds * RATE)), np.float32)
    samples[:, :: RATE // 3] = 0.9
    return samples


def tone(hertz: float, seconds: float = 3.0) -> np.ndarray:
    t = np.arange(round(seconds * RATE)) / RATE
    return np.repeat((0.1 * np.sin(2 * np.pi * hertz * t))[None], 2, axis=0).astype(np.float32)


def test_distortion_of_nothing_is_0_and_of_half_is_6_decibels():
    truth = sound(0)
    assert np.allclose(distortion(truth, 0 * truth), 0.0)
    assert np.allclose(distortion(truth, 0.5 * truth), 6.02, atol=0.01)
    assert len(distortion(truth, truth)) == 3


def test_seconds_in_which_a_stem_is_silent_do_not_count():
    truth = sound(0)
    truth[:, RATE : 2 * RATE] = 0
    assert np.isnan(distortion(truth, sound(1))).tolist() == [False, True, False]


def test_the_median_leaves_out_what_does_not_count():
    found = median([np.array([1.0, np.nan, 3.0]), np.array([np.nan])])
    assert found["value"] == 2.0
    assert found["low"] <= 2.0 <= found["high"]
    assert found["groups"] == 1


def test_stems_that_only_one_side_knows_are_other():
    a, b, c = (sound(i, 0.1) for i in range(3))
    truth, known = matched({"drums": a, "vocals": b, "other": c}, {"drums": a, "other": c})
    assert np.allclose(truth["other"], b + c)
    truth, known = matched({"drums": a, "other": b}, {"drums": a, "piano": b, "other": c})
    assert np.allclose(known["other"], b + c)
    assert set(truth) == set(known) == {"drums", "other"}


def test_masks_that_know_the_truth_are_better_than_filters_and_these_than_nothing():
    mix = Mix("toy", {"drums": clicks(), "bass": tone(80), "other": tone(1500)}, dict.fromkeys(("drums", "bass"), ""))
    found = measure_mixes([mix], {"mixture": mixture, "plain": plain, "oracle": oracle}, seed=0)["distortion"]
    for stem in ("drums", "bass"):
        nothing, filters, truth = (found[who][stem]["all"]["value"] for who in ("mixture", "plain", "oracle"))
        assert nothing < filters < truth + 1e-6


def test_the_filters_share_the_mix_and_make_no_more_of_it():
    mix = sound(0, 1.0)
    estimates = plain(mix, {})
    assert np.allclose(np.sum(list(estimates.values()), axis=0), mix, atol=1e-5)


def write_songs(folder) -> None:
    parts = {
        "one": {"drums": clicks(), "bassguitar": tone(80), "clav": tone(900), "horns": tone(1300)},
        "two": {"drums": 0.1 * clicks(), "vocals": tone(500), "mix": sound(0)},
    }
    names = {"bassguitar": "bass", "clav": "keys"}
    with (folder / "index.csv").open("w", newline="", encoding="utf-8") as lines:
        writer = csv.writer(lines)
        writer.writerow(["file", "song", "stem"])
        for song, sounds in parts.items():
            for name, samples in sounds.items():
                soundfile.write(folder / f"{song}-{name}.wav", samples.T, RATE, "FLOAT")
                writer.writerow([f"{song}-{name}.wav", song, names.get(name, name)])


def test_songs_are_read_by_stem_and_crossed(tmp_path):
    write_songs(tmp_path)
    mixes = {mix.name: mix for mix in recorded_mixes(tmp_path)}
    assert set(mixes) == {"one", "two", "one, drums of two", "two, drums of one", "one, vocals of two"}
    assert list(mixes["one"].stems) == ["drums", "bass", "other"]
    assert np.allclose(mixes["one"].stems["other"], tone(900) + tone(1300), atol=1e-6)
    crossed = mixes["one, drums of two"]
    assert crossed.songs == {"drums": "two", "bass": "one", "other": "one"}
    assert np.allclose(crossed.stems["drums"], mixes["one"].stems["drums"], atol=1e-5)
    assert np.allclose(mixes["two"].sound(without="drums"), mixes["two"].stems["vocals"])


def test_a_folder_without_an_index_is_refused(tmp_path):
    with pytest.raises(NotFoundError, match=r"index\.csv"):
        list(recorded_mixes(tmp_path))


def test_a_true_stem_finds_its_own_song_and_a_mix_does_not():
    vectors = {}

    def listen(samples):
        key = float(samples[0, 0])
        if key not in vectors:
            vectors[key] = unit(np.random.default_rng(len(vectors)).normal(size=(1, 64)))
        return {"overall": np.repeat(vectors[key], 2, axis=0)}

    songs = [
        Mix(name, {"drums": sound(seed, 20.0, 1), "other": sound(seed + 1, 20.0, 1)}, {"drums": name, "other": name})
        for name, seed in (("one", 0), ("two", 2))
    ]
    retrieval = Retrieval(songs, listen)
    for mix in songs:
        for stem, samples in mix.stems.items():
            retrieval.add("true", mix, stem, samples)
            retrieval.add("mixture", mix, stem, mix.sound())
    found = retrieval.result(seed=0)
    assert found["candidates"] == 4
    assert found["splitters"]["true"]["first"]["overall"]["value"] == 1.0
    assert found["splitters"]["true"]["nearer"]["drums"]["value"] == 1.0
    assert found["splitters"]["mixture"]["first"]["overall"]["value"] < 1.0


def test_the_gate_lies_between_what_plays_and_what_does_not():
    gate, right = best_gate(np.array([-10.0, -12.0, -8.0]), np.array([-30.0, -28.0]))
    assert -28.0 < gate < -12.0
    assert right == 1.0


def test_levels_are_those_of_the_estimate_against_the_mix():
    mix = Mix("toy", {"drums": clicks(10.0), "other": tone(700, 10.0)}, {})
    levels = Levels()
    levels.add(mix, lambda whole, stems: {"drums": 0.1 * whole, "other": 0.9 * whole}, {"drums": mix.sound()})
    found = levels.result()
    assert found["drums"]["present"]["50"] == 0.0
    assert found["drums"]["absent"]["50"] == -20.0
    assert found["drums"]["kept"] == found["drums"]["dropped"] == 1.0


def test_tables_replace_what_is_between_the_marks(tmp_path):
    mix = Mix("toy", {"drums": clicks(), "bass": tone(80)}, {})
    part = measure_mixes([mix], {"mixture": mixture, "plain": plain}, seed=0, gated=("plain",))
    document = {"command": "soundalike ...", "seed": 0, "sets": {"rendered": part}}
    page = tmp_path / separation_report.PAGE
    with pytest.raises(NotFoundError, match="no place"):
        separation_report.write_tables(tmp_path, document)
    page.write_text(f"Before.\n{BEGIN}\nold\n{END}\nAfter.\n", "utf-8")
    separation_report.write_tables(tmp_path, document)
    text = page.read_text("utf-8")
    assert text.startswith("Before.")
    assert text.endswith("After.\n")
    assert "old" not in text
    assert "| plain |" in text
    assert (tmp_path / separation_report.RESULTS).is_file()


def test_rendered_mixes_are_always_the_same():
    (first,), (again,) = list(rendered_mixes(1)), list(rendered_mixes(1))
    assert set(first.stems) <= set(separation_mixes.STEMS)
    assert all(np.array_equal(first.stems[stem], again.stems[stem]) for stem in first.stems)


def test_sums_tell_the_error_of_any_shares():
    stems = {"drums": transform(clicks(1.0)), "bass": transform(tone(80, 1.0))}
    mix = stems["drums"] + stems["bass"]
    _, sums = example(mix, stems)
    shares = np.random.default_rng(0).random((2, *sums.shape[1:]), np.float32)
    tone_share, noise_share = shares
    both, mixed, neither, shared_tone, shared_noise, own = sums[:6].astype(np.float64)
    told = (both * tone_share**2 + 2 * mixed * tone_share * noise_share + neither * noise_share**2).sum()
    told += (own - 2 * shared_tone * tone_share - 2 * shared_noise * noise_share).sum()
    tonal = tonality(np.square(np.abs(mix)).mean(axis=0))
    mask = by_bin(noise_share) * (1 - tonal) + by_bin(tone_share) * tonal
    error = np.square(np.abs(stems["drums"] - mask * mix)).mean(axis=0).sum()
    whole = np.square(np.abs(mix)).mean(axis=0).sum()
    assert told / (both + 2 * mixed + neither).sum() == pytest.approx(error / whole, rel=1e-3)


def test_a_scene_is_made_of_pieces_and_always_the_same(tmp_path):
    paths = []
    for i in range(2):
        paths.append(tmp_path / f"{i}.npz")
        loud = {
            "drums": clicks(2.0)[0],
            "bass": tone(80, 2.0)[0],
            "vocals": tone(500, 2.0)[0],
            "comp": tone(900, 2.0)[0],
        }
        np.savez(paths[-1], **{part: (samples * 30000).astype(np.int16) for part, samples in loud.items()})
    first, again = Scene(tuple(paths))(3), Scene(tuple(paths))(3)
    assert first["x"].shape[0] == 3
    assert first["y"].shape[0] == 12
    assert first["x"].shape[1] % 16 == 0
    assert all(np.array_equal(first[name], again[name]) for name in first)


def test_parts_that_are_no_stem_are_other():
    stems = ["drums", "bass", "vocals", "other", "other", "other"]
    assert [separation_mixes.stem_of(part) for part in separation_scenes.PARTS] == stems


def test_to_the_net_voices_are_other():
    stems = ["drums", "bass", "other", "other", "other", "other"]
    assert [separation_scenes.stem_of(part) for part in separation_scenes.PARTS] == stems


def test_pieces_that_are_held_out_are_others():
    learned, held_out = (
        PieceParts("train", "synthesizer", first=first)(5) for first in (0, separation_scenes.HELD_OUT)
    )
    assert {part: sound.tobytes() for part, sound in learned.items()} != {
        part: sound.tobytes() for part, sound in held_out.items()
    }


def test_roughened_sound_is_as_long_and_finite():
    lead = tone(440)[0]
    rough = [separation_scenes._roughened(lead, np.random.default_rng(seed)) for seed in range(40)]
    assert all(sound.shape == lead.shape and sound.dtype == np.float32 for sound in rough)
    assert all(np.isfinite(sound).all() for sound in rough)
    assert 5 < sum(not np.array_equal(sound, lead) for sound in rough) < 30


def test_recordings_are_split_better_than_not_at_all(outside_data):
    if not (outside_data / "stems" / "index.csv").is_file():
        pytest.skip("outside data is not here")
    songs = (mix for mix in recorded_mixes(outside_data / "stems") if set(mix.songs.values()) == {mix.name})
    short = [
        Mix(mix.name, {stem: samples[:, 20 * RATE : 32 * RATE] for stem, samples in mix.stems.items()}, mix.songs)
        for mix in songs
    ]
    embedded = separation_mixes.splitter(separation_report.load_separator("embedded"))
    found = measure_mixes(short, {separation.MIXTURE: mixture, "embedded": embedded}, seed=0)["distortion"]
    for stem in ("drums", "bass"):
        assert found["embedded"][stem]["all"]["value"] > found["mixture"][stem]["all"]["value"] + 3.0
