"""A stand-in for an environment with audiocraft 1.4.0a2: its calls as JASCO has them, and sound of seeded chance.

What it makes depends on everything that it is given, and it keeps a list of its calls. Words that begin with "!" make
it misbehave; files in its checkout say what else is wrong with the environment.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

LABELS = [f"{root}{quality}" for root in ("C", "C#", "D", "Eb", "F", "G", "A") for quality in ("", "m", "7", "m7")]

TORCH = """
import numpy

__version__ = "2.1.0"


class Tensor:
    def __init__(self, array):
        self.array = array
        self.shape = array.shape

    def detach(self):
        return self

    float = cpu = detach

    def to(self, device):
        return self

    def numpy(self):
        return self.array


def from_numpy(array):
    return Tensor(array)


class cuda:
    @staticmethod
    def is_available():
        return False


def manual_seed(seed):
    import numpy

    global chance
    chance = numpy.random.default_rng(seed)


def rand(size):
    return Tensor(chance.random(size).astype("f4"))
"""

PACKAGE = """
from pathlib import Path

if (Path(__file__).parents[1] / "broken").exists():
    raise ImportError("no xformers\\nin here")
__version__ = "1.4.0a2"
"""

MODELS = """
import json
import os
import pickle
import random
import signal
from pathlib import Path

import numpy
import torch

CHECKOUT = Path(__file__).resolve().parents[2]


class JASCO:
    sample_rate = 32000
    duration = 10.0
    device = "cpu"

    @staticmethod
    def get_pretrained(name="facebook/jasco-chords-drums-400M", device=None, chords_mapping_path="assets/x.pkl"):
        assert os.path.exists(chords_mapping_path)
        if (CHECKOUT / "gated").exists():
            raise OSError("401 Client Error.\\nCannot access gated repo")
        if (CHECKOUT / "half").exists():
            raise ImportError("xformers is not installed")
        with open(CHECKOUT / "loads", "a") as loads:
            loads.write(name + "\\n")
        print("loaded", flush=True)  # as packages print now and then
        model = JASCO()
        model.settings = {"name": name, "device": device}
        model.chords_mapping = pickle.load(open(chords_mapping_path, "rb"))
        if (CHECKOUT / "slow").exists():
            model.sample_rate = 16000
        return model

    def set_generation_params(self, cfg_coef_all=5.0, cfg_coef_txt=0.0, **kwargs):
        self.settings = {**self.settings, "guidance": [cfg_coef_all, cfg_coef_txt], **kwargs}

    def generate_music(self, descriptions, drums_wav=None, drums_sample_rate=32000, chords=None,
                       melody_salience_matrix=None, iopaint_wav=None, segment_duration=10.0, frame_rate=50.0,
                       melody_bins=53, progress=False, return_latents=False):
        text, = descriptions
        drums = None if drums_wav is None else drums_wav.numpy()
        salience = None if melody_salience_matrix is None else melody_salience_matrix.numpy()
        if drums is not None:
            assert drums.ndim == 3, "drums wav should have a shape [B, C, T]."
        if salience is not None:
            assert salience.shape == (int(segment_duration * frame_rate), melody_bins)[::-1]
            assert str(salience.dtype) == "float32"
        for label, start in chords or ():
            self.chords_mapping[label]
        self.note(text, drums, drums_sample_rate, chords, salience)
        if text == "!raise":
            raise RuntimeError("out of\\nmemory")
        if text == "!crash" and not (CHECKOUT / "mended").exists():
            os.kill(os.getpid(), signal.SIGKILL)
        given = [0.0 if part is None else float(numpy.abs(part).mean()) for part in (drums, salience)]
        given += [len(text), len(chords or ()), random.random(), numpy.random.rand(), float(torch.rand(1).numpy()[0])]
        size = 320000 if text != "!short" else 100
        step = 0.01 + 0.01 * (sum(part * 0.37 ** (i + 1) for i, part in enumerate(given)) % 1)
        sound = numpy.sin(numpy.arange(size) * step)[None, None].astype("f4")
        if text == "!garbage":
            sound[..., 5] = numpy.nan
        return torch.from_numpy(sound)

    def note(self, text, drums, rate, chords, salience):
        call = {"text": text, "chords": chords, **self.settings}
        if drums is not None:
            call["drums"] = [list(drums.shape), rate, float(numpy.abs(drums).max())]
        if salience is not None:
            call["notes"] = numpy.argwhere(salience).tolist()
        with open(CHECKOUT / "calls.jsonl", "a") as calls:
            calls.write(json.dumps(call) + "\\n")
"""


def make(folder: Path, seed: int = 0, *, real_torch: bool = False) -> Path:
    """Make an environment; returns its Python program, which sees audiocraft and, unless asked, a small torch."""
    checkout = folder / "checkout"
    (checkout / "audiocraft" / "models").mkdir(parents=True)
    (checkout / "assets").mkdir()
    (checkout / "audiocraft" / "__init__.py").write_text(PACKAGE)
    (checkout / "audiocraft" / "models" / "__init__.py").write_text(MODELS)
    table = {label: number for number, label in enumerate(["N", *LABELS, "UNK"])}
    (checkout / "assets" / "chord_to_index_mapping.pkl").write_bytes(pickle.dumps(table))
    if not real_torch:
        (checkout / "torch").mkdir()
        (checkout / "torch" / "__init__.py").write_text(TORCH)
    program = folder / "bin" / "python"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nPYTHONPATH="{checkout}" exec "{sys.executable}" "$@"\n')
    program.chmod(0o755)
    return program


def calls(program: Path) -> list[dict[str, Any]]:
    """What the network was called with, in order."""
    path = program.parents[1] / "checkout" / "calls.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def loads(program: Path) -> int:
    """How often the network was loaded."""
    return len((program.parents[1] / "checkout" / "loads").read_text().splitlines())


def spoil(program: Path, what: str) -> Path:
    """Make something wrong with the environment, or "mended" what made it crash; returns the file that says so."""
    path = program.parents[1] / "checkout" / what
    path.touch()
    return path


MAKERS: Mapping[str, Callable[[Path, int], Path]] = MappingProxyType({"jasco": make})
