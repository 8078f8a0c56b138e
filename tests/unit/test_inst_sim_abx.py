"""Inst-Sim-ABX: every trap of its files on small copies, and every count of it on the real one, where that is here."""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.errors import NotFoundError, UnknownNameError, UsageError
from soundalike.judgments import consensus, keep, listener_statistics, same_triplets
from soundalike.research.datasets.inst_sim_abx import CLIP_SAMPLES, RATE, STEMS, InstSimAbx, Position, parse_name
from soundalike.research.datasets.slakh_clips import (
    SlakhClips,
    clips_in,
    coverage,
    find_tracks,
    other_tracks,
    read_checksums,
    write_clips,
)
from soundalike.research.listeners.ceiling import ceiling, kept_by_chance, votes

HEADER = (
    ",ex_name,subject_id,reference,sample_a,sample_b,"
    "answer_timbre,answer_rhythm,answer_melody,answer_total,choice_time\n"
)
XYC = "set2/2/piano/X_13-28.wav,set2/2/piano/C_16-39.wav,set2/2/piano/Y_13-8.wav"
XYC_OTHER = "set2/2/piano/X_13-28.wav,set2/2/piano/Y_13-8.wav,set2/2/piano/C_16-39.wav"
XAB = "set0/1/residuals/X_13-2.wav,set0/1/residuals/A_16-3.wav,set0/1/residuals/B_20-4.wav"
DUMMY = "samples/dummyX2.wav,samples/dummyA2.wav,samples/dummyX2.wav"


def line(clips=XYC, answers="B+,B-,NA,B+", subject="subject1", *, experiment="ex202404"):
    return f"0,{experiment},{subject},{clips},{answers},1234\n"


@pytest.fixture
def copy(tmp_path):
    """A made-up copy of the data set with the given lines of answers."""

    def copy(*lines, header=HEADER, **options):
        (tmp_path / "csvs").mkdir(exist_ok=True)
        (tmp_path / "csvs/inst_sim_abx_answers.csv").write_text(header + "".join(lines))
        return InstSimAbx(tmp_path, **options)

    return copy


# traps


def test_the_letters_of_the_clips_decide_config_and_sides_whatever_was_presented_first(copy):
    (triplet,) = (t for t in copy(line(), line(XYC_OTHER, "A-,A-,A-,A-", "s2")).triplets() if t.criterion == "overall")
    assert (triplet.a, triplet.b) == ("set2/2/piano/Y_13-8.wav", "set2/2/piano/C_16-39.wav")
    assert (triplet.votes_a, triplet.votes_b, triplet.strong_a) == (2, 0, 1)
    assert triplet.context["config"] == "XYC"
    assert "first" not in triplet.context


def test_the_context_tells_where_a_judgment_comes_from(copy):
    judgment = copy(line()).judgments()[0]
    assert (judgment.criterion, judgment.answer, judgment.strength, judgment.listener) == (
        "timbre",
        "a",
        1.0,
        "subject1",
    )
    assert judgment.context == {
        **{"config": "XYC", "set": "2", "sample": "2", "part": "piano", "stem": "piano", "first": "b"},
        **{"x_track": "13", "x_segment": "28", "a_track": "13", "a_segment": "8", "b_track": "16", "b_segment": "39"},
        **{"experiment": "ex202404", "choice_time": "1234"},
    }


def test_na_is_an_answer_and_the_sign_is_a_strength(copy):
    found = {j.criterion: (j.answer, j.strength) for j in copy(line()).judgments()}
    assert found == {"timbre": ("a", 1.0), "rhythm": ("a", 0.5), "melody": ("na", 1.0), "overall": ("a", 1.0)}


def test_orders_that_were_presented_count_as_two_triplets_only_where_that_is_asked_for(copy):
    data = copy(line(), line(XYC_OTHER, "A+,A+,A+,A+", "s2"), line(XYC_OTHER, "B+,B+,B+,B+", "s3"))
    assert [(t.votes_a, t.votes_b) for t in data.triplets() if t.criterion == "overall"] == [(2, 1)]
    ordered = [t for t in data.triplets(ordered=True) if t.criterion == "overall"]
    assert [(t.votes_a, t.votes_b, t.context["first"]) for t in ordered] == [(1, 0, "b"), (1, 1, "a")]
    assert len({(t.a, t.b) for t in ordered}) == 1


def test_residuals_are_the_stem_other_and_xab_is_always_presented_a_first(copy):
    judgment = copy(line(XAB, "A+,A+,A+,B-")).judgments()[-1]
    assert (judgment.answer, judgment.context["config"], judgment.context["first"]) == ("b", "XAB", "a")
    assert (judgment.context["part"], judgment.context["stem"]) == ("residuals", "other")


def test_checks_of_attention_are_dropped_unless_asked_for(copy):
    lines = (line(), line(DUMMY, "B+,B+,B+,B+"))
    assert len(copy(*lines).trials) == 1
    (kept,) = (t for t in copy(*lines, dummies=True).trials if t.reference.startswith("samples/"))
    assert kept.answers["overall"] == ("b", 1.0)
    assert "config" not in kept.context


def test_answers_without_row_numbers_or_with_their_name_are_the_same(copy):
    whole = copy(line()).judgments()
    assert copy(line(), header="Unnamed: 0" + HEADER).judgments() == whole


@pytest.mark.parametrize(
    ("lines", "error", "says"),
    [
        (line(answers="B+,B+,C+,B+"), UnknownNameError, "line 2, has the answer 'C+'"),
        (line(answers="B+,B+,,B+"), UnknownNameError, "has the answer ''"),
        (line(answers="B+,B+"), UsageError, "line 2, does not have as many cells as columns"),
        (line(XYC.replace("Y_", "Z_")), UsageError, "Z_13-8.wav' is not the name of a clip"),
        (line(XYC.replace("Y_", "A_")), UsageError, "are no triplet"),
        (line(XYC.replace("Y_", "C_")), UsageError, "are no triplet"),
        (line(XYC.replace("piano/Y", "bass/Y")), UsageError, "are no triplet"),
        (line(XYC.replace("set2/2/piano/X", "set2/2/piano/A")), UsageError, "are no triplet"),
    ],
)
def test_what_is_not_understood_is_refused(copy, lines, error, says):
    with pytest.raises(error) as caught:
        copy(lines).judgments()
    assert says in str(caught.value)


def test_missing_files_and_columns_are_named(copy, tmp_path):
    with pytest.raises(NotFoundError, match="no 'csvs/inst_sim_abx_answers"):
        InstSimAbx(tmp_path).judgments()
    with pytest.raises(UnknownNameError, match="no column answer_total"):
        copy(line(), header=HEADER.replace("answer_total", "answer_overall")).judgments()
    with pytest.raises(NotFoundError, match="dict_triplet_202407"):
        _ = InstSimAbx(tmp_path).positions


def positions_file(folder, name="dict_triplet_202407.json", *, start=5, test="test1"):
    clip = {"ID": 13, "seg": 28, "filename": "X_13-28.wav", "sr": RATE, "index_s": start, "index_e": start + 40}
    (folder / "sample_configs").mkdir(exist_ok=True)
    (folder / "sample_configs" / name).write_text(json.dumps({"2": {"2": {test: {"piano": {"X": clip}}}}}))


def test_positions_go_by_names_and_not_by_the_test_that_they_are_filed_under(tmp_path):
    for test in ("test1", "test2"):
        positions_file(tmp_path, test=test)
        assert InstSimAbx(tmp_path).positions == {"set2/2/piano/X_13-28.wav": Position(13, "piano", 5, 45)}


def test_files_that_place_a_clip_differently_are_refused(tmp_path):
    positions_file(tmp_path)
    positions_file(tmp_path, "dict_triplet_202404.json", start=6)
    with pytest.raises(UsageError, match="places 'set2/2/piano/X_13-28"):
        _ = InstSimAbx(tmp_path).positions
    (tmp_path / "sample_configs/dict_triplet_202404.json").write_text("{]")
    with pytest.raises(UsageError, match="does not say where clips lie"):
        _ = InstSimAbx(tmp_path).positions


def test_a_copy_that_is_not_the_published_one_says_so(copy):
    assert copy(line()).changed_files() == ["csvs/inst_sim_abx_answers.csv"]


# clips


@pytest.fixture
def slakh(tmp_path):
    """One track of Slakh, whose stems are ramps of known height, so that every sample tells where it is from."""
    track = tmp_path / "slakh/test/Track00013"
    (track / "stems").mkdir(parents=True)
    (track / "all_src.mid").write_bytes(b"notes")
    ramp = np.arange(RATE) / RATE / 8
    heights = {"S00": 1, "S01": 2, "S02": 3, "S03": 4}
    for stem, height in heights.items():
        soundfile.write(track / "stems" / f"{stem}.flac", ramp * height / 8, RATE, subtype="PCM_24")
    soundfile.write(track / "mix.flac", ramp, RATE, subtype="PCM_24")
    classes = {"S00": "Drums", "S01": "Piano", "S02": "Piano", "S03": "Organ", "S04": "Bass"}
    (track / "metadata.yaml").write_text(
        "stems:\n"
        + "".join(
            f"  {stem}:\n    audio_rendered: {str(stem != 'S04').lower()}\n    inst_class: {name}\n"
            f"    is_drum: {str(name == 'Drums').lower()}\n"
            for stem, name in classes.items()
        )
    )
    return tmp_path / "slakh"


def placed(start=30000, length=441, **more):
    names = {part: f"set0/0/{part}/X_13-0.wav" for part in STEMS}
    return {name: Position(13, part, start, start + length) for part, name in names.items()} | more


@pytest.mark.parametrize(("part", "height"), [("mix", 8), ("drums", 1), ("piano", 5), ("residuals", 4), ("bass", 0)])
def test_a_clip_is_the_sum_of_its_parts_stems_to_the_sample(slakh, part, height):
    clip = SlakhClips(slakh, placed()).cut(f"set0/0/{part}/X_13-0.wav")
    assert clip.rate == RATE
    assert clip.samples.shape == (1, 441)
    expected = np.arange(30000, 30441) / RATE / 8 * height / 8
    np.testing.assert_allclose(clip.samples[0], expected, atol=1e-6)


def test_a_clip_that_is_not_wholly_there_is_refused(slakh):
    clips = SlakhClips(slakh, placed(start=RATE - 10))
    with pytest.raises(UsageError, match=f"ends before sample {RATE + 431}"):
        clips.cut("set0/0/mix/X_13-0.wav")
    with pytest.raises(NotFoundError, match="no sound for 'set0/0/mix/X_14-0"):
        clips.cut("set0/0/mix/X_14-0.wav")
    (slakh / "test/Track00013/stems/S00.flac").unlink()
    with pytest.raises(NotFoundError, match=r"S00\.flac"):
        clips.cut("set0/0/drums/X_13-0.wav")


def test_clips_are_written_under_their_names_once(slakh, tmp_path):
    clips = SlakhClips(slakh, placed(**{"set0/0/mix/A_14-0.wav": Position(14, "mix", 0, 441)}))
    names = ["set0/0/mix/X_13-0.wav", "set0/0/mix/A_14-0.wav", "set0/0/mix/X_13-0.wav"]
    assert write_clips(clips, names, tmp_path / "clips") == [tmp_path / "clips/set0/0/mix/X_13-0.wav"]
    samples, rate = soundfile.read(tmp_path / "clips/set0/0/mix/X_13-0.wav", dtype="float32")
    assert rate == RATE
    assert np.array_equal(samples, clips.cut("set0/0/mix/X_13-0.wav").samples[0])
    assert write_clips(clips, names, tmp_path / "clips") == []
    assert clips_in(tmp_path / "clips", names) == {"set0/0/mix/X_13-0.wav"}


def test_coverage_counts_triplets_with_all_three_clips(copy):
    triplets = [t for t in copy(line(), line(XAB, "A+,A+,A+,A+")).triplets() if t.criterion == "overall"]
    names = [name for t in triplets[:1] for name in (t.reference, t.a, t.b)] + [triplets[1].reference]
    found = coverage(triplets, names)
    assert (found.clips, found.of_clips, found.triplets, found.of_triplets) == (4, 6, 1, 2)


def test_tracks_that_are_not_what_their_number_says_are_found_by_checksum(slakh, tmp_path):
    listed = {"Track00013": {"midi_md5": hashlib.md5(b"notes").hexdigest()}, "Track00014": {"midi_md5": "0"}}
    (tmp_path / "duplicates.json").write_text(json.dumps(listed))
    checksums = read_checksums(tmp_path / "duplicates.json")
    assert other_tracks(find_tracks(slakh), checksums) == []
    assert other_tracks(find_tracks(slakh), {13: "0"}) == [13]
    assert other_tracks(find_tracks(slakh), {}) == []
    (tmp_path / "duplicates.json").write_text("[]")
    with pytest.raises(UsageError, match="holds no checksums"):
        read_checksums(tmp_path / "duplicates.json")
    with pytest.raises(NotFoundError, match="holds no track of Slakh"):
        find_tracks(tmp_path / "nowhere")


# the real copy


@pytest.fixture(scope="module")
def real():
    folder = Path(os.environ.get("SOUNDALIKE_DATA", Path(__file__).parents[3] / "shared" / "data")) / "inst_sim_abx"
    if not (folder / "csvs").is_dir():
        pytest.skip("outside data is not here")
    return InstSimAbx(folder)


@pytest.fixture(scope="module")
def judgments(real):
    return real.judgments()


@pytest.fixture(scope="module")
def triplets(real, judgments):
    return consensus(judgments)


@pytest.fixture(scope="module")
def ordered(real):
    """Triplets of the overall criterion, each order for itself."""
    return [triplet for triplet in real.triplets(ordered=True) if triplet.criterion == "overall"]


@pytest.fixture(scope="module")
def cells(triplets):
    found = {}
    for triplet in triplets:
        key = (triplet.context["config"], triplet.criterion, triplet.context["part"])
        found.setdefault(key, []).append(triplet)
    return found


PARTS = tuple(STEMS)

KEPT = {
    ("XAB", "overall"): "130/92 129/95 120/90 127/83 126/95 146/127",
    ("XAB", "timbre"): "140/119 129/110 157/133 142/122 163/138 155/132",
    ("XAB", "rhythm"): "128/103 140/122 123/103 117/94 123/102 156/114",
    ("XAB", "melody"): "139/125 141/117 135/106 119/87 122/101 151/118",
    ("XYC", "overall"): "216/212 202/180 216/209 217/210 206/192 214/204",
    ("XYC", "timbre"): "221/216 204/191 219/209 220/216 208/198 208/204",
    ("XYC", "rhythm"): "212/205 182/168 206/193 206/194 200/188 211/197",
    ("XYC", "melody"): "217/208 191/180 214/204 217/203 203/187 217/208",
}
"""Triplets kept at agreements of 0.75 and 0.80, by part in the order of `PARTS`."""

ORDERED = {
    "XAB": "130/92 129/95 120/90 127/83 126/95 146/127",
    "XYC": "384/376 363/342 374/361 386/376 362/351 214/204",
}


def test_the_copy_is_the_published_one(real):
    assert real.changed_files() == []


def test_trials_listeners_and_tracks_are_as_many_as_published(real, judgments):
    trials = real.trials
    assert Counter(trial.context["config"] for trial in trials) == {"XAB": 13476, "XYC": 13422}
    everyone = InstSimAbx(real.folder, dummies=True).trials
    dummies = [t for t in everyone if t.reference.startswith("samples/")]
    assert len(dummies) == 1197
    wrong = [t.listener for t in dummies if (t.a == t.reference) != (t.answers["overall"][0] == "a")]
    assert sorted(wrong) == ["subject231", "subject246", "subject273"]
    per_listener = Counter(trial.listener for trial in trials)
    assert (len(per_listener), min(per_listener.values()), max(per_listener.values())) == (280, 15, 816)
    assert np.median(list(per_listener.values())) == 48
    assert len(per_listener.keys() | {t.listener for t in dummies}) == 281
    by_experiment = [
        {t.listener for t in everyone if t.context["experiment"] == name} for name in ("ex202404", "ex202407")
    ]
    assert [len(found) for found in by_experiment] == [197, 167]
    assert len(set.intersection(*by_experiment)) == 83
    assert sum(count for _, count in per_listener.most_common(10)) / len(trials) == pytest.approx(0.21, abs=0.005)
    assert len(judgments) == 4 * len(trials)
    assert len(everyone) == 28095


def test_every_cell_has_240_triplets_and_nobody_judged_one_twice(cells, triplets, judgments):
    assert len(triplets) == 11520
    assert {len(own) for own in cells.values()} == {240}
    assert len(cells) == 48
    assert len({(j.listener, j.reference, j.a, j.b, j.criterion) for j in judgments}) == len(judgments)
    assert {t.context["set"] for t in triplets} == {str(number) for number in range(60)}


def test_positions_are_given_of_more_triplets_than_were_asked_about(real):
    found = []
    for name in ("dict_triplet_202404.json", "dict_triplet_202407.json"):
        document = json.loads((real.folder / "sample_configs" / name).read_bytes())
        tests = [tests for samples in document.values() for tests in samples.values()]
        assert {frozenset(part) for test in tests for part in test["test1"].values()} == {frozenset("XYC")}
        assert {frozenset(part) for test in tests for part in test["test2"].values()} == {frozenset("XAB")}
        found.append((len(document), sum(len(parts) for test in tests for parts in test.values())))
    assert found == [(80, 3200), (80, 3840)]


def test_what_cannot_be_heard_is_never_all_and_never_the_whole(real):
    unheard = [sum(answer == "na" for answer, _ in trial.answers.values()) for trial in real.trials]
    assert all(trial.answers["overall"][0] != "na" for trial in real.trials)
    assert max(unheard) == 2
    assert np.mean([count == 2 for count in unheard]) == pytest.approx(0.13, abs=0.005)


def test_triplets_of_stems_have_about_ten_votes_and_those_of_the_mix_hardly_six(triplets):
    overall = [t for t in triplets if t.criterion == "overall"]
    mix = [t.votes for t in overall if t.context["part"] == "mix"]
    stems = [t.votes for t in overall if t.context["part"] != "mix"]
    assert (min(stems), max(stems), min(mix), max(mix)) == (6, 17, 3, 9)
    assert [round(np.mean(votes), 1) for votes in (stems, mix)] == [10.1, 5.6]


def test_a_strong_answer_goes_with_the_others_more_often_than_a_weak_one(judgments):
    """What the sign means is not documented; here is why it is read as how sure somebody is."""
    shares = {}
    for config in ("XAB", "XYC"):
        own = [one for one in judgments if one.criterion == "overall" and one.context["config"] == config]
        right = {True: [], False: []}
        for group in same_triplets(own):
            sides = np.array([(one.answer == "a") - (one.answer == "b") for one in group])
            for side, one in zip(sides, group, strict=True):
                others = sides.sum() - side
                if len(group) > 1:
                    right[one.strength > 0.5].append(0.5 + 0.5 * np.sign(side * others))
        shares[config] = [round(100 * float(np.mean(right[strong]))) for strong in (True, False)]
    assert shares == {"XAB": [84, 68], "XYC": [98, 81]}


def test_xab_was_never_counterbalanced_and_xyc_has_a_bias_for_the_first(judgments):
    overall = [j for j in judgments if j.criterion == "overall"]
    assert {j.context["first"] for j in overall if j.context["config"] == "XAB"} == {"a"}
    xab = [j.answer == "a" for j in overall if j.context["config"] == "XAB"]
    assert np.mean(xab) == pytest.approx(0.534, abs=0.0005)
    xyc = {
        side: np.mean([j.answer == "a" for j in overall if j.context["config"] == "XYC" and j.context["first"] == side])
        for side in "ab"
    }
    assert xyc == pytest.approx({"a": 0.916, "b": 0.869}, abs=0.0005)


def test_most_triplets_of_xyc_were_presented_in_both_orders_but_none_of_the_mix(ordered):
    xyc = [t for t in ordered if t.context["config"] == "XYC"]
    orders = Counter((t.context["part"], t.context["first"]) for t in xyc)
    assert (orders["mix", "a"], orders["mix", "b"]) == (125, 115)
    stems = [orders[part, "a"] + orders[part, "b"] for part in PARTS if part != "mix"]
    assert (min(stems), max(stems)) == (418, 430)
    single = Counter(t.context["part"] for t in xyc if t.votes == 1 and t.context["part"] != "mix")
    assert (min(single.values()), max(single.values())) == (54, 64)


@pytest.mark.parametrize("config", ORDERED)
def test_published_denominators_count_the_two_orders_apart(ordered, config):
    own = [t for t in ordered if t.context["config"] == config]
    assert kept_row({part: [t for t in own if t.context["part"] == part] for part in PARTS}) == ORDERED[config]


def kept_row(by_part):
    return " ".join("/".join(str(len(keep(by_part[part], share))) for share in (0.75, 0.8)) for part in PARTS)


@pytest.mark.parametrize("cell", KEPT, ids="-".join)
def test_what_is_kept_at_both_cut_offs_is_what_was_counted(cells, cell):
    assert kept_row({part: cells[*cell, part] for part in PARTS}) == KEPT[cell]


def test_the_papers_pool_has_331_triplets_of_the_mix(cells):
    mix = [t for config in ("XAB", "XYC") for t in cells[config, "overall", "mix"]]
    assert len(keep(mix, 0.8)) == 331 == 127 + 204
    assert [len(keep(mix, share)) for share in (0.0, 0.75, 0.75 + 1e-9, 0.8 + 1e-9)] == [466, 360, 332, 295]
    assert [len(keep(mix[:240], share)) for share in (0.75, 0.75 + 1e-9, 0.8 + 1e-9)] == [146, 127, 101]
    assert len([t for t in keep(mix, 0.8) if t.votes >= 4]) == 313


def test_no_sensible_rule_keeps_just_330_but_leaving_out_slow_answers_does(judgments):
    quick = [
        one
        for one in judgments
        if (one.criterion, one.context["part"]) == ("overall", "mix") and int(one.context["choice_time"]) <= 300_000
    ]
    assert len(keep(consensus(quick), 0.8)) == 330


def test_positions_are_of_one_length_and_follow_the_segments(real, triplets):
    names = {name for t in triplets for name in (t.reference, t.a, t.b)}
    positions = real.positions
    assert {p.end - p.start for p in positions.values()} == {CLIP_SAMPLES}
    assert CLIP_SAMPLES == 428 * 512
    offsets = {}
    for name in names:
        clip, position = parse_name(name), positions[name]
        assert (clip.track, clip.part) == (position.track, position.part)
        offsets.setdefault(clip.track, set()).add(position.start - clip.segment * CLIP_SAMPLES)
    assert len(offsets) == 133
    assert {len(found) for found in offsets.values()} == {1}
    assert all(0 <= min(found) <= 743 for found in offsets.values())
    assert len({(clip.part, clip.track, clip.segment) for clip in map(parse_name, names)}) == 6363
    assert min(offsets) >= 1876
    assert max(offsets) <= 2100
    hours = 6363 * CLIP_SAMPLES / RATE / 3600
    assert hours == pytest.approx(8.8, abs=0.05)


def test_x_and_y_are_never_the_same_stretch_and_seldom_neighbours(cells):
    gaps = [
        abs(int(t.context["x_segment"]) - int(t.context["a_segment"]))
        for part in PARTS
        for t in cells["XYC", "overall", part]
    ]
    assert min(gaps) == 1
    assert np.mean([gap == 1 for gap in gaps]) == pytest.approx(0.058, abs=0.0005)


def test_all_parts_of_a_sample_are_of_the_same_tracks(triplets):
    tracks = {}
    for t in triplets:
        key = (t.context["config"], t.context["set"], t.context["sample"])
        tracks.setdefault(key, set()).add(tuple(t.context[f"{role}_track"] for role in "xab"))
    assert {len(found) for found in tracks.values()} == {1}
    for (config, *sample), found in tracks.items():
        ((x, a, b),) = found
        assert len({x, a, b}) == (3 if config == "XAB" else 2)
        assert (x == a) == (config == "XYC")
        assert {x} == {track for track, *_ in tracks["XAB", *sample]}


def test_no_division_of_the_tracks_keeps_all_triplets(cells):
    mix = [t for config in ("XAB", "XYC") for t in cells[config, "overall", "mix"]]
    threes = [{t.context[f"{role}_track"] for role in "xab"} for t in mix]
    assert len({t.context["x_track"] for t in mix}) == 109
    uses = Counter(track for three in threes for track in three)
    assert (len(uses), round(np.mean(list(uses.values()))), min(uses.values()), max(uses.values())) == (133, 9, 3, 19)
    reached, left = set(threes[0]), threes[1:]
    while touching := [three for three in left if three & reached]:
        reached |= set.union(*touching)
        left = [three for three in left if not three <= reached]
    assert not left


def test_two_triples_of_tracks_come_twice_in_xyc(cells):
    found = {}
    for t in cells["XYC", "overall", "mix"]:
        place = f"{t.context['set']}/{t.context['sample']}"
        found.setdefault((t.context["x_track"], t.context["b_track"]), []).append(place)
    assert [places for places in found.values() if len(places) > 1] == [["12/2", "31/3"], ["35/1", "44/2"]]


CEILING = {
    "XAB": """2421 75.9 70.8 79.6 79.5 63.7 87.7 97.1 98.6
              2429 75.9 71.0 78.6 79.8 63.8 88.5 97.4 98.8
              2425 74.9 69.2 79.1 81.8 64.0 86.5 97.5 99.0
              2424 74.4 67.8 76.5 76.6 61.6 87.1 96.7 98.6
              2421 75.9 70.6 79.3 83.1 64.4 87.5 97.3 99.0
              1356 78.3 69.7 75.0 79.9 64.1 84.4 92.9 94.6""",
    "XYC": """2408 93.4 92.9 94.8 95.3 89.0 98.7 99.7 99.9
              2422 88.5 87.6 89.7 91.1 80.7 97.3 99.5 99.8
              2412 92.3 90.9 94.3 94.6 86.2 98.1 99.7 99.9
              2416 92.5 91.9 94.1 94.5 86.1 98.4 99.9 99.9
              2412 90.6 88.6 93.8 94.8 84.6 97.4 99.6 99.9
              1352 92.8 90.4 94.7 94.8 88.1 97.3 99.2 99.4""",
}
"""Votes; majority share; one versus rest, also where others agree to 0.75 and 0.80; pairwise; limits at all three."""


@pytest.mark.parametrize("config", CEILING)
def test_the_human_ceiling_is_as_computed(cells, config):
    for part, row in zip(PARTS, CEILING[config].split("\n"), strict=True):
        found = [ceiling(cells[config, "overall", part], cutoff) for cutoff in (0.0, 0.75, 0.8)]
        shares = [
            found[0]["majority_share"],
            *(one["one_versus_rest"] for one in found),
            found[0]["pairwise"],
            *(one["limit"] for one in found),
        ]
        number, *expected = map(float, row.split())
        assert found[0]["votes"] == number
        assert [100 * share for share in shares] == pytest.approx(expected, abs=0.0501), part


CRITERIA = {
    ("XAB", "timbre"): "70.3 96.8 22.1  70.0 96.3 18.6  75.4 96.9 26.6  72.2 97.3 23.0  76.2 97.4 26.6  69.6 91.5 26.3",
    ("XAB", "rhythm"): "71.4 98.1 14.2  73.0 97.0 18.9  68.0 96.8 20.6  67.0 96.7 22.9  68.8 96.5 19.2  68.2 92.3 18.7",
    ("XAB", "melody"): "66.3 92.6 47.9  72.5 97.2 23.0  69.5 96.9 24.1  67.3 95.9 24.2  69.5 96.8 18.6  68.1 91.3 20.8",
    ("XYC", "timbre"): "92.9 99.7 10.0  89.0 99.5  9.5  92.7 99.7  5.0  93.4 99.6  5.5  90.7 99.8  5.9  89.6 99.2  7.6",
    ("XYC", "rhythm"): "91.4 99.6  3.1  82.3 99.1  8.2  88.3 99.6  6.1  88.2 99.6  7.8  87.7 99.3  8.8  90.1 99.0  6.1",
    ("XYC", "melody"): "92.1 99.4 35.0  85.2 99.6 11.4  90.3 99.6  6.6  90.5 99.8  6.8  87.8 99.8  6.8  91.6 99.1  7.7",
}
"""One versus rest, limit at 0.80 and share of answers that do not apply, by part in the order of `PARTS`."""


@pytest.mark.parametrize("cell", CRITERIA, ids="-".join)
def test_the_ceiling_of_single_criteria_is_as_computed(cells, cell):
    found = []
    for part in PARTS:
        whole = ceiling(cells[*cell, part])
        limit = ceiling(cells[*cell, part], 0.8)["limit"]
        unheard = whole["not_applicable"] / (whole["not_applicable"] + whole["votes"])
        found += [100 * share for share in (whole["one_versus_rest"], limit, unheard)]
    assert found == pytest.approx([float(number) for number in CRITERIA[cell].split()], abs=0.0501)


def test_the_clip_of_the_same_track_wins_as_often_as_computed(cells):
    shares = [np.mean([t.sign > 0 for t in keep(cells["XYC", "overall", part], 0.8)]) for part in PARTS]
    assert [100 * share for share in shares] == pytest.approx([99.5, 97.8, 98.6, 98.6, 98.4, 97.1], abs=0.0501)


def test_the_limit_of_the_pool_and_what_chance_would_keep_are_as_computed(cells):
    mix = [t for config in ("XAB", "XYC") for t in cells[config, "overall", "mix"]]
    assert 100 * ceiling(mix, 0.8)["limit"] == pytest.approx(97.6, abs=0.05)
    a, b = votes(cells["XAB", "overall", "mix"])
    assert [round(kept_by_chance(a + b, share)) for share in (0.75, 0.8)] == [76, 54]
    stems = [sum(votes(cells["XAB", "overall", part])) for part in PARTS if part != "mix"]
    assert [round(np.mean([kept_by_chance(n, share) for n in stems])) for share in (0.75, 0.8)] == [36, 15]


def test_listeners_own_one_versus_rest_is_as_computed(judgments):
    for config, mean, deviation in (("XAB", 68.5, 10.0), ("XYC", 88.9, 7.6)):
        own = [j for j in judgments if j.criterion == "overall" and j.context["config"] == config]
        # One listener of each config cast fewer than ten votes and was left out when this was computed.
        shares = 100 * np.array([found.agreement for found in listener_statistics(own).values() if found.votes >= 10])
        assert shares.mean() == pytest.approx(mean, abs=0.1)
        assert shares.std() == pytest.approx(deviation, abs=0.1)
        if config == "XAB":
            assert (len(shares), int((shares < 55).sum())) == (279, 24)
