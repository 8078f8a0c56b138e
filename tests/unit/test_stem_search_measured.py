from __future__ import annotations

import json

import numpy as np
import pytest

from songs import bass, drums, write
from soundalike.audio import Clip
from soundalike.cli import main
from soundalike.errors import NotFoundError, UsageError
from soundalike.research.evaluation.pages import BEGIN, END
from soundalike.research.evaluation.separation_mixes import Mix
from soundalike.research.evaluation.stem_search import Sample, measure_stem_search
from soundalike.research.evaluation.stem_search_report import PAGE, RESULTS, Plan, run_plan, tables, write_tables
from soundalike.separators.embedded.picture import RATE


def at_rate(samples: np.ndarray) -> np.ndarray:
    return Clip(samples[None], 22050).resample(RATE).samples


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """One song of 12 s, asked for its drums, bass and other among its own parts, a stroke, and other loops."""
    folder = tmp_path_factory.mktemp("measured")
    mix = Mix(
        "song",
        {"drums": at_rate(drums(12.0, seed=5)), "bass": at_rate(bass(12.0))},
        dict.fromkeys(("drums", "bass"), "song"),
    )
    pool = [
        Sample(write(folder / "song drums.wav", drums(12.0, seed=5)), "drums", "song"),
        Sample(write(folder / "song bass.wav", bass(12.0)), "bass", "song"),
        Sample(write(folder / "drum loop bright.wav", drums(8.0, beat=0.35, bright=True, seed=2)), "drums", "another"),
        Sample(write(folder / "kick one shot.wav", drums(0.3, seed=5)[:4410]), "drums", "song", one_shot=True),
    ]
    return measure_stem_search([mix], pool, folder / "work", report=lambda line: None)


def test_everything_that_is_promised_is_counted(result):
    assert result["pool"] == {"bass": 1, "drums": 3}
    measures = result["measures"]
    assert measures["right family, by name"]["all"] == {"value": 1.0, "low": 1.0, "high": 1.0, "n": 3}
    assert measures["own part first"]["drums"]["value"] == 1.0
    assert measures["own one-shots"]["drums"]["value"] == measures["own one-shots, by chance"]["drums"]["value"] == 1.0
    assert measures["asks where it plays"]["drums"]["value"] == 1.0
    assert set(measures["asks where it was left out"]) == {"all", "drums", "bass"}
    assert set(measures["asks where the song has none"]) == {"all", "other"}
    assert result["families"]["by name"]["of"] == 4


def test_songs_too_short_for_two_passages_are_not_asked_how_steady_they_are(result):
    assert "steady" not in result["measures"]


def test_nothing_to_ask_or_to_find_is_refused(tmp_path):
    with pytest.raises(UsageError, match="0 mixes and 0 samples"):
        measure_stem_search([], [], tmp_path)


def test_tables_go_between_the_marks_of_the_page(result, tmp_path):
    document = {"command": "soundalike research stem-search demo", "seed": 0, "sets": {"rendered": result}}
    with pytest.raises(NotFoundError, match="no place for the tables"):
        write_tables(tmp_path, document)
    (tmp_path / PAGE).write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n", "utf-8")
    write_tables(tmp_path, document)
    text = (tmp_path / PAGE).read_text("utf-8")
    assert (text[:7], text[-7:]) == ("before\n", "\nafter\n")
    assert "old" not in text
    assert "\n".join(tables(document)) in text
    assert json.loads((tmp_path / RESULTS).read_text("utf-8")) == document


def test_a_plan_without_songs_to_ask_with_is_refused(tmp_path):
    with pytest.raises(UsageError, match="no songs to ask with"):
        run_plan(Plan(tmp_path, None, pieces=0))


def test_the_command_cuts_renders_asks_and_prints(tmp_path, capsys):
    assert main(["research", "stem-search", str(tmp_path), "--pieces", "1", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["command"].endswith("--pieces 1 --palette synthesizer")
    assert document["sets"]["rendered"]["measures"]["right family, by name"]["all"]["n"] >= 1
