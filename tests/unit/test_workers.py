from __future__ import annotations

import math

import numpy as np
import pytest

from conftest import write_tune
from soundalike import workers
from soundalike.analysis import Analyzer, Recipe
from soundalike.tracks import AnalysedTrack
from soundalike.workers import Task, in_order, run_here, run_in_processes


def test_processes_hear_the_same_bits_as_this_process(tunes):
    tasks = [Task(str(path)) for path in sorted(tunes.iterdir())]
    here = {task.path: outcome for task, outcome in run_here(tasks, Analyzer())}
    for jobs in (1, 2):
        there = {task.path: outcome for task, outcome in run_in_processes(tasks, Recipe(), jobs)}
        assert there.keys() == here.keys()
        for path, outcome in there.items():
            assert isinstance(outcome, AnalysedTrack)
            assert outcome.track == here[path].track
            for facet, rows in outcome.excerpts.vectors.items():
                assert np.array_equal(rows, here[path].excerpts.vectors[facet])


def test_no_tasks_need_no_process(monkeypatch):
    monkeypatch.setattr(workers, "_pool", pytest.fail)
    assert list(run_in_processes([], Recipe(), 2)) == []


def test_whatever_goes_wrong_with_a_file_becomes_a_sentence(tunes):
    class Broken:
        def analyse(self, path):
            raise ValueError("no good")

    task = Task(str(tunes / "tune 0.wav"))
    assert list(run_here([task], Broken())) == [(task, "Unexpected ValueError: no good")]


def test_a_crash_inside_a_decoder_fails_that_file_alone(tunes, tmp_path, monkeypatch):
    # The recipe travels to the processes; an encoder that ends its process stands for a crash.
    (tmp_path / "crashing.py").write_text(
        "import os\n"
        "from soundalike.encoders.embedded.descriptors import DescriptorEncoder\n"
        "class Crashing(DescriptorEncoder):\n"
        "    def encode(self, clips):\n"
        "        if any(clip.samples.shape[-1] == 44100 for clip in clips):\n"
        "            os._exit(11)\n"
        "        return super().encode(clips)\n"
    )
    info = tmp_path / "crashing-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: crashing\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[soundalike.encoders]\ncrashing = crashing:Crashing\n")
    monkeypatch.syspath_prepend(tmp_path)  # processes inherit the path

    bad = write_tune(tmp_path / "bad.wav", 1, seconds=2.0)
    tasks = [Task(str(tunes / "tune 0.wav")), Task(str(bad)), Task(str(tunes / "tune 1.wav"))]
    recipe = Recipe(encoder="crashing", heads="descriptors")
    outcomes = {task.path: outcome for task, outcome in run_in_processes(tasks, recipe, 2)}
    assert outcomes[str(bad)] == "The decoder crashed on this file."
    assert sum(isinstance(outcome, AnalysedTrack) for outcome in outcomes.values()) == 2


@pytest.mark.parametrize("jobs", [1, 2])
def test_results_come_in_the_order_of_what_was_given(jobs):
    assert list(in_order(math.sqrt, [9.0, 4.0, 1.0, 0.0, 16.0, 25.0], jobs)) == [3.0, 2.0, 1.0, 0.0, 4.0, 5.0]
