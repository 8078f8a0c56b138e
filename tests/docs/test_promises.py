"""What the documents and the package promise from outside."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

import soundalike
from soundalike.cli import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("demo/*.md")])


def test_import_is_light():
    heavy = [
        "numpy",
        "scipy",
        "soundfile",
        "av",
        "onnxruntime",
        "rich",
        "click",
        "torch",
        "fastapi",
        "mutagen",
        "numkong",
        "librosa",
    ]
    code = f"import soundalike, sys; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_the_product_never_loads_what_only_research_or_the_web_need():
    code = (
        "import sys, soundalike.cli, soundalike.library, soundalike.doctor;"
        "print([m for m in ('torch', 'librosa', 'fastapi', 'soundalike.research', 'torchaudio') if m in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_every_exported_name_loads_and_the_list_is_sorted():
    constants = [name for name in soundalike.__all__ if name.isupper()]
    classes = [name for name in soundalike.__all__ if name[0].isupper() and not name.isupper()]
    rest = [name for name in soundalike.__all__ if name not in {*constants, *classes}]
    assert soundalike.__all__ == [*sorted(constants), *sorted(classes), *sorted(rest)]
    for name in soundalike.__all__:
        assert getattr(soundalike, name) is not None
    with pytest.raises(AttributeError):
        _ = soundalike.nonsense


def test_the_page_of_commands_is_what_the_commands_say():
    spec = importlib.util.spec_from_file_location("make_cli", ROOT / "docs" / "make_cli.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert module.PAGE.read_text("utf-8") == module.page(), "run: python docs/make_cli.py"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_in_the_documents_exist(page):
    for words in re.findall(
        r"^ {0,8}\$? ?(?:\.venv/bin/)?soundalike ([a-z][a-z-]*)(?: ([a-z-]+))?", page.read_text("utf-8"), re.M
    ):
        assert words[0] in cli.commands, words
        command = cli.commands[words[0]]
        if hasattr(command, "commands") and not (words[1] == "" and command.invoke_without_command):
            assert words[1] in command.commands, words


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_documents_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
        assert (page.parent / target).exists(), target


def test_the_example_in_python_runs_as_it_stands(tunes, tmp_path, capsys):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    for written, real in (("my.library", tmp_path), ("~/Music", tunes), ("song.mp3", tunes / "tune 0.wav")):
        assert written in example
        example = example.replace(written, str(real))
    exec(example, {})
    assert "random pairs" in capsys.readouterr().out


def test_make_has_the_promised_targets():
    makefile = (ROOT / "Makefile").read_text()
    for target in ("demo", "test", "check", "bench"):
        assert re.search(rf"^{target}:", makefile, re.M)
