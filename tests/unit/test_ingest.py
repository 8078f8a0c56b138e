from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import mutagen
import numpy as np
import pytest
import soundfile

from conftest import RATE, write_tune
from soundalike.errors import NotFoundError
from soundalike.ingest import discover
from soundalike.library import Library


@pytest.fixture
def library(tmp_path):
    with Library(tmp_path / "library") as library:
        yield library


def by_name(library: Library) -> dict[str, int]:
    return {os.path.basename(track.path): track.id for track in library.tracks()}


def test_a_second_run_does_nothing(library, music):
    assert library.add([music]).added == 6
    again = library.add([music])
    assert (again.added, again.unchanged, again.audio_seconds) == (0, 6, 0)


def test_what_has_not_changed_is_listened_to_again_on_request_and_keeps_its_id(library, music):
    library.add([music])
    before = library.tracks()
    library.store.amend(replace(before[0], family="", kind="", tempo=1.0))
    write_tune(music / "tune 1.wav", 78, seconds=5)
    report = library.add([music / "tune 0.wav", music / "tune 1.wav"], again=True)
    assert (report.renewed, report.added, report.unchanged) == (1, 1, 0)
    assert report.audio_seconds > 5
    after = library.tracks()
    assert [track.id for track in after] == [track.id for track in before]
    assert after[0] == before[0]
    assert library.add([music]).unchanged == 6


def test_a_renamed_file_is_not_listened_to_again(library, music):
    library.add([music])
    before = by_name(library)
    (music / "deep").mkdir()
    (music / "tune 0.wav").rename(music / "deep" / "other name.wav")
    report = library.add([music])
    assert (report.moved, report.added, report.removed, report.audio_seconds) == (1, 0, 0, 0)
    assert by_name(library)["other name.wav"] == before["tune 0.wav"]


def test_a_retagged_file_is_not_listened_to_again(library, tmp_path):
    file = write_tune(tmp_path / "music" / "a.flac", 1)
    library.add([file])
    (track,) = library.tracks()
    tags = mutagen.File(file)
    tags["title"] = "A new name"
    tags.save()
    report = library.add([file])
    assert (report.retagged, report.added) == (1, 0)
    assert [(t.id, t.title) for t in library.tracks()] == [(track.id, "A new name")]


def test_a_file_that_is_renamed_and_retagged_keeps_its_id(library, tmp_path):
    file = write_tune(tmp_path / "music" / "a.flac", 1)
    write_tune(tmp_path / "music" / "b.flac", 2)
    library.add([tmp_path / "music"])
    before = by_name(library)
    tags = mutagen.File(file)
    tags["title"] = "A new name"
    tags.save()
    file.rename(tmp_path / "music" / "c.flac")
    report = library.add([tmp_path / "music"])
    assert (report.moved, report.added, report.removed) == (1, 0, 0)
    assert by_name(library) == {"c.flac": before["a.flac"], "b.flac": before["b.flac"]}


def test_a_changed_file_is_listened_to_again_and_keeps_its_id(library, music):
    library.add([music])
    before = by_name(library)
    write_tune(music / "tune 0.wav", 77, seconds=5)
    report = library.add([music])
    assert (report.added, report.unchanged) == (1, 5)
    assert by_name(library) == before
    assert library.find(music / "tune 0.wav").duration == pytest.approx(5)


def test_a_copy_is_a_track_of_its_own_and_never_answers_for_its_original(library, music):
    shutil.copy(music / "tune 0.wav", music / "copy.wav")
    assert library.add([music]).added == 7
    hits = library.search(music / "tune 0.wav")
    assert "copy.wav" not in {os.path.basename(hit.track.path) for hit in hits}


def test_a_vanished_file_is_forgotten(library, music):
    library.add([music])
    (music / "tune 3.wav").unlink()
    assert library.add([music]).removed == 1
    assert len(library.tracks()) == 5


def test_nothing_is_forgotten_when_most_of_a_folder_vanishes_at_once(library, music):
    library.add([music])
    for number in range(4):
        (music / f"tune {number}.wav").unlink()
    report = library.add([music])
    assert report.removed == 0
    assert "4 of 6" in report.warnings[0]
    assert len(library.tracks()) == 6


def test_a_bad_file_is_remembered_with_its_reason_and_never_stops_the_run(library, music):
    (music / "bad.mp3").write_bytes(os.urandom(5000))
    (music / "empty.wav").touch()
    report = library.add([music])
    assert (report.added, report.failed) == (6, 2)
    assert {os.path.basename(f.path) for f in library.failures()} == {"bad.mp3", "empty.wav"}
    assert all(failure.reason for failure in library.failures())
    again = library.add([music])
    assert (again.failed, again.remembered) == (2, 2)


def test_a_failed_file_is_tried_again_when_it_changes_or_on_request(library, music):
    (music / "empty.wav").touch()
    library.add([music])
    assert library.add([music], retry=True).remembered == 0
    write_tune(music / "empty.wav", 9)
    report = library.add([music])
    assert (report.added, report.failed) == (1, 0)
    assert library.failures() == []


def test_a_failure_is_struck_out_when_its_file_goes(library, music):
    (music / "empty.wav").touch()
    library.add([music])
    (music / "empty.wav").unlink()
    library.add([music])
    assert library.failures() == []


def test_silence_is_known_but_never_a_result(library, music):
    soundfile.write(music / "silence.wav", np.zeros(3 * RATE), RATE)
    report = library.add([music])
    assert (report.added, report.silent) == (7, 1)
    hits = library.search(music / "tune 0.wav", n=20)
    assert "silence.wav" not in {os.path.basename(hit.track.path) for hit in hits}
    assert library.add([music]).unchanged == 7


def test_links_are_followed_and_loops_left(library, music):
    (music / "loop").symlink_to(music)
    (music / "broken.wav").symlink_to(music / "nowhere.wav")
    report = library.add([music])
    assert (report.added, report.failed) == (6, 1)
    assert os.path.basename(library.failures()[0].path) == "broken.wav"


def test_a_folder_with_the_name_of_a_file_is_searched(library, tmp_path):
    write_tune(tmp_path / "music" / "folder.wav" / "a.wav", 1)
    assert library.add([tmp_path / "music"]).added == 1


def test_names_with_newlines_and_any_bytes_are_added_and_found(library, tmp_path):
    folder = tmp_path / "music"
    source = write_tune(folder / "a.wav", 1)
    odd = os.fsencode(folder) + b"/new\nline \xff\xfe.wav"
    shutil.copy(source, odd)
    write_tune(folder / "b.wav", 2)
    assert library.add([folder]).added == 3
    assert library.find(os.fsdecode(odd)) is not None
    assert library.search(os.fsdecode(odd))


def test_hidden_files_are_left_alone(tmp_path):
    write_tune(tmp_path / "._a.wav", 1)
    write_tune(tmp_path / ".trash" / "b.wav", 1)
    write_tune(tmp_path / "c.wav", 1)
    found = discover([str(tmp_path)], on_error=pytest.fail)
    assert [Path(path).name for path in found] == ["c.wav"]


def test_overlapping_paths_name_each_file_once(tmp_path):
    file = write_tune(tmp_path / "deep" / "a.wav", 1)
    assert len(list(discover([str(tmp_path), str(file), str(tmp_path / "deep")], on_error=pytest.fail))) == 1


def test_a_path_that_does_not_exist_is_refused(library, tmp_path):
    with pytest.raises(NotFoundError, match="does not exist"):
        library.add([tmp_path / "nowhere"])


def test_progress_tells_each_file_and_reaches_the_end(library, music):
    seen = []
    library.add([music], progress=seen.append)
    assert [state.done for state in seen] == [0, 1, 2, 3, 4, 5, 6]
    assert seen[-1].total == 6
    assert seen[-1].seconds_left == 0
    assert all(state.rate > 0 for state in seen[1:])
