from __future__ import annotations

import pytest

from soundalike import extensions
from soundalike.encoders import ENCODERS
from soundalike.errors import UnknownNameError, UsageError
from soundalike.separators import SEPARATORS, Separator


def test_unknown_name_lists_the_known_and_the_closest():
    with pytest.raises(UnknownNameError, match=r"'embeded' is not among the encoders.*'embedded'"):
        extensions.load("encoders", ENCODERS, "embeded")


def test_a_name_offered_twice_is_refused(monkeypatch):
    from importlib.metadata import EntryPoint

    other = EntryPoint("none", "elsewhere:Separator", "soundalike.separators")
    monkeypatch.setattr(extensions, "entry_points", lambda **_: [other])
    with pytest.raises(UsageError, match=r"offered twice.*elsewhere:Separator"):
        extensions.load("separators", SEPARATORS, "none")


def test_another_package_may_add_a_name(monkeypatch):
    from importlib.metadata import EntryPoint

    other = EntryPoint("mine", "soundalike.separators.none:NoSeparator", "soundalike.separators")
    monkeypatch.setattr(extensions, "entry_points", lambda **_: [other])
    assert isinstance(extensions.load("separators", SEPARATORS, "mine")(), Separator)
    assert "mine" in extensions.names("separators", SEPARATORS)
