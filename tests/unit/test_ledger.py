from __future__ import annotations

import pytest

from soundalike.errors import StoreCorruptError
from soundalike.ledger import Ledger, fingerprint


def test_a_failure_is_remembered_and_forgotten(tmp_path):
    ledger = Ledger(tmp_path)
    assert ledger.failures() == []
    ledger.record("/music/bad.mp3", "It is no audio.")
    ledger.record("/music/bad.mp3", "It still is no audio.")
    (entry,) = Ledger(tmp_path).failures()
    assert (entry.path, entry.reason) == ("/music/bad.mp3", "It still is no audio.")
    ledger.forget(["/music/bad.mp3"])
    assert ledger.failures() == []


def test_any_file_name_can_be_entered(tmp_path):
    names = ["/music/a\nb.wav", b"/music/\xff.wav".decode("utf-8", "surrogateescape")]
    ledger = Ledger(tmp_path)
    for name in names:
        ledger.record(name, "no")
    assert {entry.path for entry in ledger.failures()} == set(names)


def test_a_change_of_the_file_changes_its_fingerprint(tmp_path):
    file = tmp_path / "a.wav"
    file.write_bytes(b"x")
    before = fingerprint(str(file))
    file.chmod(0o600 if file.stat().st_mode & 0o777 != 0o600 else 0o644)
    assert fingerprint(str(file)) != before
    assert fingerprint(str(tmp_path / "none")) == ""


def test_a_damaged_ledger_says_what_to_do(tmp_path):
    (tmp_path / "ledger.db").write_bytes(b"not a database" * 100)
    with pytest.raises(StoreCorruptError, match=r"Delete ledger\.db"):
        Ledger(tmp_path).failures()
