"""Rules of the generator jasco, and of the program that it runs in another environment."""

from __future__ import annotations

import ast
import contextlib
import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from soundalike.audio import Clip
from soundalike.errors import CheckpointError, UsageError
from soundalike.research.generation import LOWEST_NOTE, Condition, jasco, jasco_process, jasco_worker
from soundalike.research.generation.conditions import melody_from_notes
from soundalike.research.generation.jasco import RATE, Jasco, load
from tiny import jasco as tiny

TUNE = melody_from_notes([(0.0, 0.06, 60), (0.06, 0.04, 64)], duration=0.1)
DRUMS = Clip(np.array([[0.5, -2.0, 0.25], [0.5, -2.0, 0.25]], np.float32), 44100)


@pytest.fixture
def program(tmp_path: Path) -> Path:
    return tiny.make(tmp_path / "environment")


@pytest.fixture
def generator(program: Path, tmp_path: Path) -> Jasco:
    return load(program, "cpu", folder=tmp_path / "jobs")


def jobs(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "jobs").glob("*/*"))


def asked(text: str = "soft piano", seed: int = 7, duration: float = 0.5, **more) -> Condition:
    return Condition(text, seed, duration, **more)


# Conditions


def test_everything_that_is_asked_for_reaches_the_network_in_its_form(generator, program):
    chords = (("Am7", 0.0), ("N", 0.5), ("C#m", 1.0))
    generator.generate([asked(melody=TUNE, drums=DRUMS, chords=chords), asked("wild drums")])
    full, bare = tiny.calls(program)
    notes = [[60 - LOWEST_NOTE, frame] for frame in range(3)] + [[64 - LOWEST_NOTE, frame] for frame in (3, 4)]
    assert full == {
        "text": "soft piano",
        "name": "facebook/jasco-chords-drums-melody-1B",
        "device": "cpu",
        "guidance": [1.25, 2.5],
        "chords": [["Am7", 0.0], ["N", 0.5], ["C#m", 1.0]],
        "notes": notes,
        "drums": [[1, 1, 3], 44100, pytest.approx(1.0, abs=1e-4)],
    }
    assert (bare["text"], bare["chords"]) == ("wild drums", None)
    assert not {"drums", "notes"} & bare.keys()


def test_a_clip_is_what_the_network_made_to_the_bit_and_cut_to_its_duration(generator):
    clips = generator.generate([asked(), asked(duration=10.0)])
    assert [clip.samples.shape for clip in clips] == [(1, RATE // 2), (1, 10 * RATE)]
    assert np.array_equal(clips[0].samples, clips[1].samples[:, : RATE // 2])
    # The stand-in makes a sine of full level; 16 bits would not hold its samples.
    scaled = clips[1].samples.astype(np.float64) * 32768
    assert np.abs(scaled - np.rint(scaled)).max() > 0.1


def test_a_condition_gives_the_same_clip_alone_and_in_any_company(generator):
    conditions = [asked(), asked(seed=8), asked(melody=TUNE), asked(drums=DRUMS), asked(chords=(("C", 0.0),))]
    together = generator.generate(conditions)
    assert len({clip.samples.tobytes() for clip in together}) == len(conditions)
    assert generator.generate(conditions[2:3])[0].samples.tobytes() == together[2].samples.tobytes()
    assert generator.generate(conditions[1::-1])[0].samples.tobytes() == together[1].samples.tobytes()


def test_no_conditions_start_nothing(generator, monkeypatch):
    monkeypatch.setattr(generator._program, "run", lambda *_, **__: pytest.fail("something was started"))
    assert generator.generate([]) == []


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        (asked(duration=10.1), "at most 10 s"),
        (asked(" "), "no words"),
        (asked(chords=(("Hm", 0.0),)), "no chord"),
        (asked(chords=(("C", 1.0), ("G", 0.5))), "order"),
    ],
)
def test_a_condition_that_it_cannot_follow_is_refused_before_anything_starts(generator, tmp_path, condition, said):
    with pytest.raises(UsageError, match=said):
        generator.generate([asked(), condition])
    assert not jobs(tmp_path)


def test_a_network_without_melody_takes_none(program, tmp_path):
    generator = load(program, "cpu", model="facebook/jasco-chords-drums-1B", folder=tmp_path / "jobs")
    assert generator.takes == {"chords", "drums"}
    with pytest.raises(UsageError, match="does not follow melody"):
        generator.generate([asked(melody=TUNE)])


def test_the_name_tells_network_version_and_guidance(program, generator):
    assert generator.name == "jasco-chords-drums-melody-1B@audiocraft-1.4.0a2"
    assert load(program, guidance_all=5, guidance_text=0).name.endswith("@audiocraft-1.4.0a2,guidance=5/0")


def test_it_runs_with_the_real_torch(tmp_path):
    pytest.importorskip("torch")
    program = tiny.make(tmp_path / "environment", real_torch=True)
    conditions = [asked(melody=TUNE, drums=DRUMS), asked(melody=TUNE, drums=DRUMS, seed=8)]
    first, second = load(program, "cpu", folder=tmp_path / "jobs").generate(conditions)
    assert first.samples.shape == second.samples.shape == (1, RATE // 2)
    assert not np.array_equal(first.samples, second.samples)


# The program


def test_the_network_is_loaded_once_for_many_jobs_and_failures(generator, program):
    for text in ("one", "!raise", "two"):
        with contextlib.suppress(CheckpointError):
            generator.generate([asked(text)])
    assert tiny.loads(program) == 1
    assert [call["text"] for call in tiny.calls(program)] == ["one", "!raise", "two"]


def test_the_program_ends_with_the_generator(program, tmp_path):
    generator = load(program, "cpu", folder=tmp_path / "jobs")
    generator.generate([asked()])
    process = generator._program._process
    assert process.poll() is None
    del generator
    assert process.poll() == 0


def test_a_user_who_has_had_enough_does_not_leave_the_program_behind(generator, monkeypatch):
    generator.generate([asked()])
    process = generator._program._process
    monkeypatch.setattr(process.stdout, "readline", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        generator.generate([asked("two")])
    assert process.poll() is not None
    assert len(generator.generate([asked("two")])) == 1


# Jobs


def test_a_job_that_is_done_leaves_nothing(generator, tmp_path):
    generator.generate([asked(melody=TUNE, drums=DRUMS)])
    assert list((tmp_path / "jobs").iterdir()) == []


def test_a_job_that_was_stopped_goes_on_where_it_was(generator, program, tmp_path):
    conditions = [asked("one"), asked("!crash"), asked("three")]
    with pytest.raises(CheckpointError, match="ended by signal 9"):
        generator.generate(conditions)
    assert [path.name for path in jobs(tmp_path)] == ["0000.wav", "done.jsonl", "errors.txt", "job.json"]
    with pytest.raises(CheckpointError):
        generator.generate(conditions)
    tiny.spoil(program, "mended")
    clips = generator.generate(conditions)
    assert [call["text"] for call in tiny.calls(program)] == ["one", "!crash", "!crash", "!crash", "three"]
    assert np.array_equal(clips[0].samples, generator.generate([asked("one")])[0].samples)


def test_a_clip_that_was_damaged_is_made_anew(generator, program, tmp_path):
    conditions = [asked("one"), asked("!raise")]
    with pytest.raises(CheckpointError, match="RuntimeError: out of memory"):
        generator.generate(conditions)
    made = next(path for path in jobs(tmp_path) if path.name == "0000.wav")
    made.write_bytes(made.read_bytes()[:-4])
    with (made.parent / "done.jsonl").open("a") as ledger:
        ledger.write('{"number": 1, "sha')  # as a crash may leave it
    for again in (["one", "!raise"], ["!raise"]):
        before = len(tiny.calls(program))
        with pytest.raises(CheckpointError, match="RuntimeError"):
            generator.generate(conditions)
        assert [call["text"] for call in tiny.calls(program)[before:]] == again


def test_other_conditions_are_another_job(generator, tmp_path):
    for seed in (1, 2):
        with pytest.raises(CheckpointError):
            generator.generate([asked("!raise", seed, melody=TUNE)])
    with pytest.raises(CheckpointError):
        generator.generate([asked("!raise", 1, melody=~TUNE & False)])
    assert len({path.parent for path in jobs(tmp_path)}) == 3


def test_a_job_is_written_as_documented(generator, tmp_path):
    with pytest.raises(CheckpointError):
        generator.generate([asked("!raise", melody=TUNE, drums=DRUMS, chords=(("C", 0.0),))])
    files = {path.name: path for path in jobs(tmp_path)}
    job = json.loads(files["job.json"].read_text())
    assert job["conditions"] == [
        {
            "number": 0,
            "text": "!raise",
            "seed": 7,
            "chords": [["C", 0.0]],
            "drums": "0000-drums.wav",
            "salience": "0000-salience.npy",
            "file": "0000.wav",
        }
    ]
    assert all(f'"{key}"' in jasco.__doc__ for key in (*job, *job["conditions"][0]))
    salience = np.load(files["0000-salience.npy"])
    assert (salience.shape, salience.dtype) == ((53, 500), np.float32)
    assert np.array_equal(salience[:, :5].T, TUNE)
    assert not salience[:, 5:].any()


# What can go wrong over there


def test_without_a_program_it_says_what_to_install():
    with pytest.raises(CheckpointError, match="environment of its own"):
        load()


def test_a_program_may_be_named_by_its_environments_folder(program):
    assert load(program.parents[1]).name == load(program).name


def test_a_program_that_is_not_there_or_no_python_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="no Python program at"):
        load(tmp_path)
    (tmp_path / "text").write_text("text")
    with pytest.raises(CheckpointError, match="Permission denied"):
        load(tmp_path / "text")
    with pytest.raises(CheckpointError, match="no Python program with audiocraft"):
        load("/bin/true")


def test_a_program_that_does_not_answer_is_refused(tmp_path, monkeypatch):
    program = tmp_path / "python"
    program.write_text("#!/bin/sh\nexec sleep 60\n")
    program.chmod(0o755)
    monkeypatch.setattr(jasco_process, "PATIENCE", 0.05)
    with pytest.raises(CheckpointError, match="did not answer"):
        load(program)


def test_an_environment_without_audiocraft_is_refused():
    with pytest.raises(CheckpointError, match=r"(audiocraft|torch) cannot be imported"):
        load(sys.executable)


def test_a_broken_audiocraft_is_told_in_one_line(program):
    tiny.spoil(program, "broken")
    with pytest.raises(CheckpointError, match=r"cannot be imported \(ImportError: no xformers in here\)"):
        load(program)


def test_an_environment_without_cuda_is_told_apart(program, tmp_path):
    with pytest.raises(UsageError, match="cannot compute on 'cuda'"):
        load(program, folder=tmp_path / "jobs").generate([asked()])
    with pytest.raises(UsageError, match="was named"):
        load(program, "mps")


def test_weights_that_are_not_allowed_are_told_apart(generator, program):
    tiny.spoil(program, "gated")
    with pytest.raises(CheckpointError, match=r"401 Client Error\. Cannot access gated repo\. Accept the licence"):
        generator.generate([asked()])


def test_a_part_of_audiocraft_that_is_missed_late_is_told_apart(generator, program):
    tiny.spoil(program, "half")
    with pytest.raises(CheckpointError, match=r"no Python program with audiocraft: .*xformers is not installed"):
        generator.generate([asked()])


def test_where_the_program_failed_is_kept_beside_the_job(generator, tmp_path):
    with pytest.raises(CheckpointError, match=r"RuntimeError: out of memory\. .*errors\.txt"):
        generator.generate([asked("!raise")])
    said = next(path for path in jobs(tmp_path) if path.name == "errors.txt").read_text()
    assert "in generate_music" in said
    assert said.endswith("RuntimeError: out of memory\n")


def test_the_table_of_chords_may_lie_among_the_checkpoints(program, generator, tmp_path, monkeypatch):
    table = program.parents[1] / "checkout" / "assets" / "chord_to_index_mapping.pkl"
    elsewhere = tmp_path / "checkpoints" / "jasco" / table.name
    elsewhere.parent.mkdir(parents=True)
    table.rename(elsewhere)
    with pytest.raises(CheckpointError, match="table of chords is not here"):
        generator.generate([asked()])
    monkeypatch.setenv("SOUNDALIKE_HOME", str(tmp_path))
    assert len(load(program, "cpu").generate([asked()])) == 1


def test_a_chord_that_its_table_lacks_is_named(generator):
    with pytest.raises(UsageError, match="'Bbm' is not in its table"):
        generator.generate([asked(chords=(("C", 0.0), ("Bbm", 1.0)))])


def test_sound_that_is_no_numbers_is_refused(generator):
    with pytest.raises(CheckpointError, match="no numbers"):
        generator.generate([asked("!garbage")])


def test_sound_that_is_too_short_or_of_another_rate_is_refused(generator, program, tmp_path):
    with pytest.raises(CheckpointError, match=r"is 0\.003125 s"):
        generator.generate([asked("!short")])
    tiny.spoil(program, "slow")
    generator = load(program, "cpu", folder=tmp_path / "jobs")
    with pytest.raises(CheckpointError, match="at 16000 Hz"):
        generator.generate([asked()])


def test_an_environment_that_went_away_is_told(generator, program):
    program.unlink()
    with pytest.raises(CheckpointError, match="No such file"):
        generator.generate([asked()])


# The worker


def test_the_worker_imports_nothing_of_ours_and_is_read_by_python_3_9():
    source = Path(jasco_worker.__file__).read_text()
    tree = ast.parse(source, feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not any("soundalike" in name for name in names)
    top = {alias.name for node in tree.body if isinstance(node, ast.Import) for alias in node.names}
    assert not top & {"numpy", "torch", "audiocraft"}


def test_what_the_worker_writes_is_a_sound_file():
    samples = np.array([0.1, -1.5, 0.3], np.float32)
    heard, rate = soundfile.read(io.BytesIO(jasco_worker.wav(samples, 32000)), dtype="float32")
    assert rate == 32000
    assert np.array_equal(heard, samples)
