"""The page about agreement with listeners: what it shows is what the results say, and no more."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from soundalike.judgments import FIRST, JudgedTriplet
from soundalike.research.listeners.embeddings import differences
from soundalike.research.listeners.one_set import OneSet, one_set
from soundalike.research.listeners.plots import draw_plots
from soundalike.research.listeners.protocol import MODELS
from soundalike.research.listeners.published import PARTS, TABLE_1
from soundalike.research.listeners.report import PAGE, RESULTS, page
from soundalike.research.listeners.story import CHAPTERS
from soundalike.research.listeners.tables import sections
from soundalike.research.listeners.track_only import MODEL, track_only, track_only_part

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture(scope="module")
def results():
    return json.loads((DOCS / RESULTS).read_bytes())


def test_the_page_is_what_its_results_say(results):
    plots = [path.name for path in (DOCS / RESULTS).parent.glob("*.svg")]
    assert (DOCS / PAGE).read_text("utf-8") == page(results, plots), "run: soundalike research abx --report docs"
    assert set(plots) == set(re.findall(r"\]\(abx/([\w-]+\.svg)\)", page(results, plots)))


def test_the_page_is_short_and_says_what_was_not_run_and_how_to_run_it(results):
    text = page(results)
    assert len(text.splitlines()) < 250
    assert "## Not run here" in text
    assert "research abx-clips --slakh" in text
    assert "soundalike embed --encoder muq-mulan" in text


def test_no_answer_and_no_listener_is_in_the_results(results):
    text = (DOCS / RESULTS).read_text("utf-8")
    assert not re.search(r"subject\d|set\d+/\d+|[XABYC]_\d+-\d+", text)
    assert len(results["cells"]) == 96


def test_every_table_of_a_chapter_is_one_that_the_command_prints(results):
    printed = set(sections(results))
    shown = [title for chapter in CHAPTERS for title in chapter.tables]
    assert len(shown) == len(set(shown))
    assert printed <= set(shown)


def test_plots_are_the_same_bytes_from_the_same_results(results):
    pytest.importorskip("matplotlib")
    first, again = draw_plots(results), draw_plots(results)
    assert first == again
    assert set(first) == {"agreement.svg", "one-set.svg", "factors.svg", "parts.svg", "gains.svg"}


def test_without_humans_and_without_published_sets_the_page_claims_nothing_of_them(results):
    cells = [{**cell, "kept": 3, "kept_ordered": 3} for cell in results["cells"]]
    nothing = {name: [] for name in results["humans"]}
    paper = {"overall": {**results["paper"]["overall"], "track_only": None}}
    bare = {**results, "cells": cells, "humans": nothing, "paper": paper, "perspectives": ["overall"]}
    text = page(bare)
    assert "does not say which of the two" not in text
    assert "Between persons" not in text
    assert "Vectors that know the track" not in text


def test_with_a_system_tables_are_of_one_perspective_and_all_are_in_the_results(results):
    found = {
        **{"right": 2, "tied": 0, "of": 3, "missing": 0, "silent": 0, "above_chance": 0.2},
        "agreement": {"value": 0.7, "low": 0.6, "high": 0.8},
        "ordered": {"right": 2, "tied": 0, "of": 3},
    }
    cells = [{**cell, "systems": {"toy": {"mix.overall": found}}} for cell in results["cells"]]
    about = {"space": "toy-1", "facets": {"mix.overall": 8}, "clips": 5, "triplets_covered": 2, "triplets": 3}
    text = page({**results, "cells": cells, "systems": {"toy": about}})
    rows = [line for line in text.splitlines() if "| toy: mix |" in line]
    assert len(rows) == 2 * 2 * 2  # config, cut-off, and either way to count
    assert all("| overall |" in row for row in rows)
    assert "- toy: 2 of 3 triplets have all three clips; space `toy-1`" in text
    assert "## Not run here" not in text
    assert len(text.splitlines()) < 280


# ---- one set of triplets


def cells_of_table_1(shift=0):
    return {
        "cells": [
            {
                **{"config": config, "part": part, "perspective": "overall", "cutoff": row.cutoff},
                "kept_ordered": row.counts[config][place][1] + shift,
            }
            for row in TABLE_1[:2]
            for config in ("XAB", "XYC")
            for place, part in enumerate(PARTS)
        ]
    }


def test_the_first_row_lies_between_all_wrong_and_all_right_of_what_is_left_out():
    found = one_set(cells_of_table_1())
    mix = found["XAB", "mix"]  # 105 of 146 and 92 of 127: 19 triplets are left out
    assert (mix.of_loose, mix.of) == (146, 127)
    assert [mix.loose, mix.low, mix.high, mix.strict] == pytest.approx(
        [100 * 105 / 146, 100 * 86 / 127, 100 * 105 / 127, 100 * 92 / 127]
    )
    assert not mix.decided
    assert found["XAB", "drums"].high == 100.0
    assert found["XYC", "mix"].decided
    assert OneSet(0, 60, 70, 59, 1, 1).decided
    assert not OneSet(0, 60, 70, 60, 1, 1).decided


def test_other_triplets_say_nothing_of_published_rows():
    assert one_set(cells_of_table_1(shift=1)) == {}


# ---- vectors without music


def pool(n=60):
    """Half XAB, half XYC; in XYC most listeners choose the same track, in XAB they are split."""
    found = []
    for number in range(n):
        config, a = ("XYC", number) if number % 2 else ("XAB", number + 100)
        names = [f"set0/0/mix/{role}_{track}-{number + place}.wav" for place, (role, track) in
                 enumerate(zip(config, (number, a, number + 200), strict=True))]  # fmt: skip
        votes = (5, 0) if config == "XYC" or number % 4 else (0, 5)
        context = {"config": config, FIRST: "ab"[number // 2 % 2]}
        found.append(JudgedTriplet(*names, "overall", *votes, context=context))
    return found


def test_vectors_of_the_track_know_the_track_and_nothing_of_two_others():
    found = track_only_part(pool(), seed=0)
    assert found == track_only_part(pool(), seed=0) != track_only_part(pool(), seed=1)
    assert found["alone"]["XYC"]["mean"] == pytest.approx(0.85, abs=0.06)
    assert found["added"]["XYC"]["mean"] > 0.97
    for name in ("alone", "added"):
        assert found[name]["XAB"]["mean"] == pytest.approx(0.5, abs=0.1)
    assert found["gain"]["mean"] == pytest.approx(found["weighted"]["mean"] - found["mix"]["mean"], abs=1e-4)
    assert found["gain"]["mean"] > 0.02


def test_the_same_clip_has_the_same_vector_wherever_it_is_asked_about():
    one = pool(2)
    again = [JudgedTriplet(t.reference.replace("set0/0", "set1/1"), t.a, t.b, "overall", 5, 0) for t in one]
    vectors = track_only([*one, *again], MODELS[MODEL], seed=0)
    values = differences(vectors, [*one, *again], MODELS[MODEL]).values
    assert (values[:2] == values[2:]).all()


def test_on_the_real_answers_the_gain_without_music_is_twice_the_published_one(results):
    found = results["paper"]["overall"]["track_only"]
    assert 0.05 < found["gain"]["mean"] < 0.09
    assert found["added"]["XAB"]["mean"] == pytest.approx(0.5, abs=0.06)
