"""How the embedded encoder is trained: the parts of it, on made-up data."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest

from soundalike.encoders.embedded.statistics import HARMONY_DIM, MELODY_DIM
from soundalike.research.training.groups import FACTORS, sharers
from soundalike.research.training.shards import make_shards, read_shards

torch = pytest.importorskip("torch", reason="torch is not installed")

from soundalike.nets import open_net  # noqa: E402
from soundalike.research.training import heads  # noqa: E402
from soundalike.research.training.network import OUTPUTS, TranscriptionNet, export  # noqa: E402
from soundalike.research.training.transcription import Schedule, augment, score, train  # noqa: E402

NAMES = np.array(["A", "Z", *(f"{kind}_{f}" for f in FACTORS for kind in "PN")])


def clips(count: int, seed: int = 0) -> dict[str, np.ndarray]:
    """A lead alone, as clear as it can be: one pitch for all of each clip, with its partials."""
    rng = np.random.default_rng(seed)
    frames = 64
    lead = np.repeat(rng.integers(48, 72, count)[:, None], frames, axis=1).astype(np.int8)
    x = np.zeros((count, 2, frames, 96), np.float16)
    for row, pitch in enumerate(lead[:, 0]):
        for partial_ in (0, 12, 19):
            x[row, :, :, pitch - 24 + partial_] = 0.8
    notes = np.zeros((count, frames, 84), np.uint8)
    np.put_along_axis(notes, (lead.astype(int) - 24)[..., None], 1, axis=2)
    return {
        "x": x,
        "lead": lead,
        "tones": np.eye(12, dtype=np.uint8)[lead % 12],
        "root": lead % 12,
        "bass": lead % 12,
        "notes": notes,
    }


def counted(seed: int, *, calls: list[int] | None = None) -> dict[str, np.ndarray] | None:
    return None if seed == 3 else {"seed": np.array(seed)}


def test_shards_that_are_there_are_not_made_again(tmp_path):
    paths = make_shards(tmp_path, partial(counted), 7, size=3, jobs=1)
    assert read_shards(paths)["seed"].tolist() == [0, 1, 2, 4, 5, 6]
    paths[1].unlink()
    before = paths[0].stat().st_mtime_ns
    assert make_shards(tmp_path, partial(counted), 7, size=3, jobs=1) == paths
    assert paths[0].stat().st_mtime_ns == before
    assert read_shards(paths)["seed"].tolist() == [0, 1, 2, 4, 5, 6]


def test_the_net_learns_a_clear_lead_in_any_key():
    net, scores = train(clips(64), clips(16, seed=1), Schedule(epochs=12, batch=16, width=8, chord_width=8))
    assert scores["lead"] > 0.9
    assert score(net, clips(16, seed=2))["chroma"] > 0.9


def test_a_transposed_clip_gives_a_transposed_answer():
    torch.manual_seed(0)
    net = TranscriptionNet(8, 8).eval()
    low = torch.zeros(1, 2, 20, 96)
    low[..., 30:60] = torch.rand(1, 2, 20, 30)
    with torch.no_grad():
        here, there = net(low), net(torch.roll(low, 3, dims=-1))
    inner = slice(20, 40)
    np.testing.assert_allclose(here["lead"][0, :, inner], there["lead"][0, :, 23:43], atol=1e-4)
    np.testing.assert_allclose(here["tones"].roll(3, -1), there["tones"], atol=0.05)  # the ends of the range differ


def test_the_exported_net_says_what_the_net_says(tmp_path):
    torch.manual_seed(1)
    net = TranscriptionNet(8, 8).eval()
    path = tmp_path / "net.onnx"
    path.write_bytes(export(net))
    level = np.random.default_rng(0).random((1, 2, 37, 96), np.float32)
    found = dict(zip(OUTPUTS, open_net(path).run(None, {"level": level}), strict=True))
    with torch.no_grad():
        logits = net(torch.from_numpy(level))
    np.testing.assert_allclose(found["lead"], torch.softmax(logits["lead"], -1), atol=2e-3)
    np.testing.assert_allclose(found["tones"], torch.sigmoid(logits["tones"]), atol=2e-3)


def test_augmented_labels_move_with_the_sound():
    rng = np.random.default_rng(5)
    batch = {name: torch.from_numpy(values) for name, values in clips(8).items()}
    for _ in range(5):
        level, labels = augment(batch, rng)
        loudest = level[:, 0, 0, :60].numpy()
        pitch = labels["lead"][:, 0].numpy() - 24
        beside = np.maximum(loudest[np.arange(8), pitch - 1], loudest[np.arange(8), pitch + 1])
        assert (loudest[np.arange(8), pitch] > beside).all()
        assert (labels["root"][:, 0].numpy() == (pitch + 24) % 12).all()


def test_circle_loss_is_that_of_the_paper_pair_by_pair():
    vectors = torch.nn.functional.normalize(torch.randn(7, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    labels = [0, 0, 0, 1, 1, 2, 2]
    gamma, margin, total = 24.0, 0.25, []
    for i in range(7):
        near = [float(vectors[i] @ vectors[j]) for j in range(7) if j != i and labels[j] == labels[i]]
        far = [float(vectors[i] @ vectors[j]) for j in range(7) if labels[j] != labels[i]]
        positive = sum(np.exp(-gamma * max(1 + margin - s, 0) * (s - 1 + margin)) for s in near)
        negative = sum(np.exp(gamma * max(s + margin, 0) * (s - margin)) for s in far)
        total.append(np.log1p(positive * negative))
    assert float(heads.circle_loss(vectors, torch.tensor(labels))) == pytest.approx(np.mean(total), rel=1e-4)


def test_where_tempo_is_known_a_pair_of_one_tempo_is_no_positive_and_of_far_tempi_no_negative():
    vectors = torch.nn.functional.normalize(torch.randn(4, 5, generator=torch.Generator().manual_seed(0)), dim=1)
    labels, tempo = torch.tensor([0, 0, 0, 1]), torch.log(torch.tensor([100.0, 101.0, 90.0, 99.0]))

    def moved(row: int) -> float:
        other = vectors.clone()
        other[row] = -other[row]
        return float(heads.circle_loss(other[[0, 2, 3]], labels[[0, 2, 3]], tempo[[0, 2, 3]]))

    alone = float(heads.circle_loss(vectors[[0, 2, 3]], labels[[0, 2, 3]], tempo[[0, 2, 3]]))
    assert moved(2) != alone
    one_tempo = torch.log(torch.tensor([100.0, 101.0, 100.0]))
    assert float(heads.circle_loss(vectors[[0, 1, 3]], labels[[0, 1, 3]], one_tempo)) == 0.0
    far = torch.log(torch.tensor([100.0, 120.0, 200.0]))
    assert float(heads.circle_loss(vectors[[0, 2, 3]], labels[[0, 2, 3]], far)) == 0.0


def test_clips_share_a_factor_as_their_names_say():
    shared = {factor: set(NAMES[sharers(NAMES, factor)]) for factor in FACTORS}
    assert shared["melody"] == {"A", "P_melody", "N_rhythm", "N_groove", "N_timbre", "N_harmony"}
    assert shared["groove"] == {"A", "P_rhythm", "P_groove", "N_melody", "N_timbre", "N_harmony"}


def test_a_head_learns_its_factor_from_groups_and_keeps_what_it_was_not_taught():
    rng = np.random.default_rng(0)
    groups, dim = 60, 30
    rows = np.zeros((groups, len(NAMES), dim), np.float32)
    for g in range(groups):
        sides = rng.standard_normal((2, 6))
        for c, shares in enumerate(sharers(NAMES, "timbre")):
            rows[g, c] = np.concatenate([0.3 * sides[int(shares)], rng.standard_normal(dim - 6)])
    tempo = rng.choice([90.0, 98.0], (groups, len(NAMES)))
    known = heads.GroupRows(NAMES, rows, np.ones((groups, len(NAMES), len(FACTORS)), bool), tempo)
    place = slice(0, dim)
    layers = heads.learn(known.examples("timbre", place), heads.Schedule(epochs=80, hidden=64, dropout=0.0))
    projection = heads.project(layers, place, rows.reshape(-1, dim), place)
    found = heads.accuracies("timbre", projection, known)
    assert found[0.9][0] > found[0.0][0] + 0.1
    row = rows[0, 0]
    vector = projection.apply(row)
    assert np.linalg.norm(vector) == pytest.approx(1.0, abs=1e-5)
    assert np.square(vector[: heads.LEARNED]).sum() == pytest.approx(0.5, abs=1e-4)
    assert not projection.apply(np.zeros(dim, np.float32)).any()
    again = type(projection).read(projection.arrays("timbre"), "timbre")
    np.testing.assert_allclose(again.apply(row), vector, atol=5e-3)


def test_statistics_have_the_length_that_the_layout_gives_them():
    from soundalike.encoders.embedded import LAYOUT

    assert LAYOUT["melody"].stop - LAYOUT["melody"].start == MELODY_DIM
    assert LAYOUT["harmony"].stop - LAYOUT["harmony"].start == HARMONY_DIM


def test_an_example_has_labels_for_what_sounds_and_the_same_seed_gives_the_same():
    from soundalike.research.training.clips import example, training_piece

    spec = training_piece(4, palette="synthesizer")
    made, again = example(spec), example(training_piece(4, palette="synthesizer"))
    assert made is not None
    assert again is not None
    assert all(np.array_equal(made[name], again[name]) for name in made)
    frames = made["x"].shape[1]
    assert {len(made[name]) for name in ("lead", "tones", "root", "bass", "notes")} == {frames}
    # The labelled pitches are where the energy is.
    sounding = made["notes"].astype(bool)
    level = made["x"].astype(np.float32).mean(axis=0)[:, :84]
    assert level[sounding].mean() > 2 * level[~sounding].mean()


def test_training_clips_include_single_instruments():
    from soundalike.research.training.clips import training_piece

    casts = [training_piece(seed, palette="synthesizer").parts for seed in range(60)]
    assert None in casts
    assert any(cast is not None and len(cast) == 1 for cast in casts)
