"""The program that runs JASCO in the environment of audiocraft; it imports nothing of this package.

    python jasco_worker.py --probe      says in one line of JSON what is installed there
    python jasco_worker.py --serve      reads paths of jobs, one a line as JSON, and answers each by a line: its status
    python jasco_worker.py JOB.json     makes what one job asks for and is not done yet

`soundalike.research.generation.jasco` says what a job holds. Every clip is written beside its name, then takes it, then
is entered into the ledger ``done.jsonl``, so that a run that was stopped goes on where it was. What goes wrong is the
last line of standard error, and the status says of what kind it is. Runs on Python 3.9, which audiocraft asks for.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import os
import random
import struct
import sys
import traceback
import wave
from collections.abc import Callable
from pathlib import Path
from typing import Any

NO_AUDIOCRAFT, NO_DEVICE, NO_WEIGHTS, NO_TABLE, NO_CHORD, NO_SOUND = 3, 4, 5, 6, 7, 8
"""Statuses; 0 is well and 1 anything else."""

ERRORS = "errors.txt"
TABLE = "chord_to_index_mapping.pkl"
LEDGER = "done.jsonl"


class WorkerError(Exception):
    """What went wrong, in one line, and the status that says of what kind it is."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def main(arguments: list[str]) -> int:
    """Run; returns the exit status."""
    # The folder of this file is no place to import from: it holds modules called musicgen and chords.
    sys.path[:] = [place for place in sys.path if Path(place or ".").resolve() != Path(__file__).resolve().parent]
    if arguments == ["--serve"]:
        serve()
        return 0
    if arguments == ["--probe"]:
        return attempt(lambda: print(json.dumps(probe())))  # noqa: T201 - this is what was asked for
    return attempt(lambda: run(Path(arguments[0])))


def serve() -> None:
    """Run jobs until there are no more; the network is loaded once, which takes longer than a clip."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # what any package may print is no answer
    for line in sys.stdin:
        path = Path(json.loads(line))
        with (path.parent / ERRORS).open("wb") as said:
            os.dup2(said.fileno(), 2)
        status = attempt(lambda path=path: run(path))  # type: ignore[misc]
        sys.stderr.flush()
        answers.write(f"{status}\n")
        answers.flush()


def attempt(work: Callable[[], object]) -> int:
    """Do something; returns the status."""
    try:
        work()
    except WorkerError as failure:
        _complain(str(failure))
        return failure.status
    except Exception as error:  # noqa: BLE001 - whoever started this reads the last line, and more if that is not enough
        traceback.print_exc()
        _complain(f"{type(error).__name__}: {error}")
        return 1
    return 0


def _complain(message: str) -> None:
    sys.stderr.write("\n" + " ".join(message.split()) + "\n")


def probe() -> dict[str, Any]:
    """What is installed here."""
    torch, audiocraft = _import("torch"), _import("audiocraft")
    versions = {module.__name__: str(getattr(module, "__version__", "unknown")) for module in (torch, audiocraft)}
    return {**versions, "cuda": bool(torch.cuda.is_available())}


def _import(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except Exception as error:  # noqa: BLE001 - a broken installation fails in any way
        raise WorkerError(NO_AUDIOCRAFT, f"{name} cannot be imported ({type(error).__name__}: {error})") from None


def run(path: Path) -> None:
    """Make all clips of a job that are not done yet."""
    job = json.loads(path.read_text("utf-8"))
    folder = path.parent
    done = read_ledger(folder)
    left = [asked for asked in job["conditions"] if not is_intact(folder / asked["file"], done.get(asked["number"]))]
    if not left:
        return
    model = load(job)
    unknown = sorted({label for condition in left for label, _ in condition["chords"]} - set(model.chords_mapping))
    if unknown:
        raise WorkerError(NO_CHORD, f"'{unknown[0]}' is not in its table of chords")
    for condition in left:
        samples, rate = generate(model, condition, folder, job["seconds"])
        content = wav(samples, rate)
        write(folder / condition["file"], content)
        entry = {"number": condition["number"], "samples": len(samples), "rate": rate, "sha256": sha256(content)}
        enter(folder / LEDGER, entry)


def enter(ledger: Path, entry: dict[str, Any]) -> None:
    """Add a line to the ledger, on a line of its own even if the last one was cut off by a crash."""
    whole = not ledger.is_file() or ledger.read_bytes()[-1:] in (b"", b"\n")
    with ledger.open("a", encoding="utf-8") as file:
        file.write(("" if whole else "\n") + json.dumps(entry) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_ledger(folder: Path) -> dict[int, dict[str, Any]]:
    """What is done, by number; a line that was cut off by a crash counts for nothing."""
    done = {}
    if (folder / LEDGER).is_file():
        for line in (folder / LEDGER).read_text("utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
                done[int(entry["number"])] = entry
            except (ValueError, KeyError, TypeError):
                continue
    return done


def is_intact(path: Path, entry: dict[str, Any] | None) -> bool:
    """Whether a file is what the ledger says."""
    return entry is not None and path.is_file() and sha256(path.read_bytes()) == entry.get("sha256")


_loaded: dict[str, Any] = {}
"""The last network, by everything that it was made with."""


def load(job: dict[str, Any]) -> Any:
    """The network that a job names; the one that is there if it names the same."""
    key = json.dumps({name: job[name] for name in sorted(job) if name != "conditions"})
    if key not in _loaded:
        _loaded.clear()
        _loaded[key] = make(job)
    return _loaded[key]


def make(job: dict[str, Any]) -> Any:
    """The network that a job names, anew."""
    torch = _import("torch")
    models = _import("audiocraft.models")
    if job["device"].startswith("cuda") and not torch.cuda.is_available():
        raise WorkerError(NO_DEVICE, "torch sees no CUDA there")
    table = find_table(job["chord_table"])
    try:
        model = models.JASCO.get_pretrained(job["model"], device=job["device"], chords_mapping_path=str(table))
    except ImportError as error:  # audiocraft looks for some packages only now
        raise WorkerError(NO_AUDIOCRAFT, f"a part of audiocraft cannot be imported ({error})") from None
    except Exception as error:  # noqa: BLE001 - the hub's client and torch raise errors of many kinds
        raise WorkerError(NO_WEIGHTS, f"{type(error).__name__}: {error}") from None
    if model.duration != job["seconds"]:
        raise WorkerError(1, f"{job['model']} makes clips of {model.duration} s and not of {job['seconds']} s")
    model.set_generation_params(cfg_coef_all=job["guidance_all"], cfg_coef_txt=job["guidance_text"])
    return model


def find_table(named: str | None) -> Path:
    """The table of chords: the one that is named, else that of the checkout which audiocraft is imported from."""
    checkout = Path(_import("audiocraft").__file__).resolve().parents[1]
    table = Path(named) if named else checkout / "assets" / TABLE
    if not table.is_file():
        raise WorkerError(NO_TABLE, f"there is no '{table}'")
    return table


def generate(model: Any, condition: dict[str, Any], folder: Path, seconds: float) -> tuple[Any, int]:
    """One clip: float32 (n,), and its rate in hertz."""
    import numpy as np
    import torch

    drums, rate = (None, model.sample_rate) if condition["drums"] is None else read_wav(folder / condition["drums"])
    salience = None if condition["salience"] is None else torch.from_numpy(np.load(folder / condition["salience"]))
    # Demucs, which takes the drums out of the drum stem once more, draws from Python's own chance.
    random.seed(condition["seed"])
    np.random.seed(condition["seed"])
    torch.manual_seed(condition["seed"])
    sound = model.generate_music(
        descriptions=[condition["text"]],
        drums_wav=None if drums is None else torch.from_numpy(drums),
        drums_sample_rate=rate,
        chords=[(label, start) for label, start in condition["chords"]] or None,
        melody_salience_matrix=None if salience is None else salience.to(model.device),
        segment_duration=seconds,
        frame_rate=50.0,
        melody_bins=53,
    )
    samples = sound.detach().float().cpu().numpy()
    if samples.ndim != 3 or len(samples) != 1 or not samples.size or not np.isfinite(samples).all():
        raise WorkerError(NO_SOUND, f"it made samples of shape {samples.shape}, or some that are no numbers")
    return samples[0].mean(axis=0, dtype="float32"), int(model.sample_rate)


def read_wav(path: Path) -> tuple[Any, int]:
    """Samples of a 16-bit mono file, float32 (1, 1, n), and their rate."""
    import numpy as np

    with wave.open(str(path), "rb") as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), "<i2")
        return (samples / 32768.0).astype(np.float32)[None, None], file.getframerate()


def wav(samples: Any, rate: int) -> bytes:
    """A mono file of 32-bit floating-point numbers."""
    content = samples.astype("<f4").tobytes()
    form = struct.pack("<HHIIHH", 3, 1, rate, 4 * rate, 4, 32)
    size = struct.pack("<I", 4 + 8 + len(form) + 8 + len(content))
    header = b"RIFF" + size + b"WAVEfmt " + struct.pack("<I", len(form)) + form
    return bytes(header + b"data" + struct.pack("<I", len(content)) + content)


def write(out: Path, content: bytes) -> None:
    """Write beside `out`, flush to disk, then take its name."""
    part = out.with_name(out.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(out)


def sha256(content: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
