"""JASCO: music after words that follows a melody, drums and chords, made in an environment of its own.

Licence of the released checkpoints ``facebook/jasco-chords-drums-melody-400M`` and ``-1B``: CC-BY-NC 4.0; audiocraft's
code is MIT. Source: Tal et al., "Joint Audio and Symbolic Conditioning for Temporally Controlled Text-to-Music
Generation", 2024.

audiocraft asks for versions of torch and numpy that this package cannot live with, so `jasco_worker` runs as a program
of the environment that the user has installed it in. **It has not been run on released weights.** It was run on the
published code of audiocraft 1.4.0a2 with tiny random networks in the places of the released ones, with all kinds of
conditions. Where audiocraft was installed from a checkout of its repository and the weights' licence was accepted on
the hub, try it with::

    python -c "from soundalike.research.generation import Condition, load_generator
    jasco = load_generator('jasco', checkpoint='/path/to/audiocraft-environment/bin/python')
    print(jasco.generate([Condition('soft piano', seed=1, chords=(('C', 0.0), ('F', 5.0)))]))"

A job is a folder with

``job.json``
    "model", "device", "chord_table" (a path, or null for the one of audiocraft's checkout), "guidance_all",
    "guidance_text", "seconds", and "conditions", a list of {"number", "text", "seed", "chords": [[label, second], ...],
    "drums": file or null, "salience": file or null, "file"}, where files are named within the folder;
``0000-drums.wav``, ``0000-salience.npy`` and so on
    a drum stem, mono of 16 bits, and a melody, float32, shape (53, 500);
``0000.wav`` and so on
    what was made, mono of 32-bit floating-point numbers;
``done.jsonl``
    a line {"number", "samples", "rate", "sha256"} for everything that was made;
``errors.txt``
    what the program last said on standard error.

The folder's name is made of what is asked for. When all is made it is deleted; when a run was stopped, asking for the
same again goes on from there.
"""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import numpy as np
import soundfile

from soundalike.atomic import write_atomically
from soundalike.audio import Clip, load_clip
from soundalike.checkpoints import folder_of
from soundalike.errors import AudioDecodeError, CheckpointError, SoundalikeError, UsageError
from soundalike.home import home
from soundalike.research.generation import Condition, jasco_worker
from soundalike.research.generation.chords import check_chords
from soundalike.research.generation.conditions import check_condition, fit_melody
from soundalike.research.generation.jasco_process import Program, find_python, last_line, no_audiocraft, probe

RATE: Final = 32000
SECONDS: Final = 10.0
"""Length of everything that the released networks make."""

MODEL: Final = "facebook/jasco-chords-drums-melody-1B"
GUIDANCE_ALL, GUIDANCE_TEXT = 1.25, 2.5
"""How much all conditions together count, and the words alone, in MERIT's triplets."""


class Jasco:
    """Clips of up to ten seconds, one condition at a time by the program of another environment; see `load`.

    The program is started with the first job, keeps the network for those that follow, and ends with this object.

    Parameters
    ----------
    python : Path
        A Python program that imports audiocraft.
    version : str
        Of audiocraft.
    device, model, guidance_all, guidance_text, folder
        See `load`.
    """

    rate = RATE

    def __init__(
        self,
        python: Path,
        version: str,
        *,
        device: str,
        model: str,
        guidance_all: float,
        guidance_text: float,
        folder: Path,
    ) -> None:
        self._program = Program(python)
        self._folder = folder
        table = folder_of("jasco") / jasco_worker.TABLE
        self._job: dict[str, Any] = {
            "model": model,
            "device": device,
            "chord_table": str(table) if table.is_file() else None,
            "guidance_all": guidance_all,
            "guidance_text": guidance_text,
            "seconds": SECONDS,
        }
        # A network without melody would not refuse one but leave it out.
        self.takes = frozenset({"chords", "drums", *(["melody"] if "melody" in model else [])})
        usual = (guidance_all, guidance_text) == (GUIDANCE_ALL, GUIDANCE_TEXT)
        guidance = "" if usual else f",guidance={guidance_all:g}/{guidance_text:g}"
        self.name = f"{model.rpartition('/')[2]}@audiocraft-{version}{guidance}"

    def generate(self, conditions: Sequence[Condition]) -> list[Clip]:
        """Make one mono clip per condition, each with its own chance, so that none depends on the others.

        On the same machine the same condition gives the same clip, as far as torch goes there. Melody and drums are
        silent after their end, and clips shorter than ten seconds are cut.

        Raises
        ------
        UsageError
            If a condition has no words, is longer than ten seconds, has what the network does not take, or a chord
            that it does not know; or the device is not there; or nothing can be written.
        CheckpointError
            If the program stops: what it had made is kept, and asking again goes on.
        """
        for condition in conditions:
            check_condition(condition, name="jasco", takes=self.takes, longest=SECONDS)
            check_chords(condition.chords)
        if not conditions:
            return []
        folder = self._write_job(conditions)
        errors = folder / jasco_worker.ERRORS
        errors.unlink(missing_ok=True)
        status = self._program.run(folder / "job.json")
        if status:
            raise self._explained(status, last_line(errors.read_bytes() if errors.is_file() else b""), errors)
        clips = _read_results(folder, conditions)
        shutil.rmtree(folder, ignore_errors=True)
        return clips

    def _write_job(self, conditions: Sequence[Condition]) -> Path:
        """Write a job, or find it where it was left."""
        files: dict[str, bytes] = {}
        asked = []
        for number, condition in enumerate(conditions):
            drums, salience = f"{number:04d}-drums.wav", f"{number:04d}-salience.npy"
            if condition.drums is not None:
                files[drums] = _wav(condition.drums)
            if condition.melody is not None:
                files[salience] = _npy(fit_melody(condition.melody, SECONDS).T)
            asked.append(
                {
                    "number": number,
                    "text": condition.text,
                    "seed": condition.seed,
                    "chords": [[label, float(start)] for label, start in condition.chords],
                    "drums": drums if drums in files else None,
                    "salience": salience if salience in files else None,
                    "file": f"{number:04d}.wav",
                }
            )
        job = json.dumps({**self._job, "conditions": asked}, indent=1).encode()
        digest = hashlib.sha256(job)
        for name in sorted(files):
            digest.update(files[name])
        folder = self._folder / digest.hexdigest()[:24]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(f"'{folder}' cannot be made: {error.strerror}.", "Choose another place.") from None
        for name, content in {**files, "job.json": job}.items():
            if not (folder / name).is_file():
                write_atomically(folder / name, content)
        return folder

    def _explained(self, status: int, said: str, errors: Path) -> SoundalikeError:
        said = said or (f"it was ended by signal {-status}" if status < 0 else f"it ended with status {status}")
        model, device = self._job["model"], self._job["device"]
        if status == jasco_worker.NO_AUDIOCRAFT:
            return no_audiocraft(self._program.python, said)
        if status == jasco_worker.NO_DEVICE:
            return UsageError(
                f"JASCO cannot compute on '{device}': {said}.", "Use --device cpu, which takes very long, or a GPU."
            )
        if status == jasco_worker.NO_WEIGHTS:
            return CheckpointError(
                f"JASCO's weights cannot be loaded: {said}.",
                f"Accept the licence of {model} on its page of the hub, and log in from audiocraft's environment.",
            )
        if status == jasco_worker.NO_TABLE:
            return CheckpointError(
                f"JASCO's table of chords is not here: {said}.",
                f"Put assets/{jasco_worker.TABLE} of audiocraft's repository into '{folder_of('jasco')}'.",
            )
        if status == jasco_worker.NO_CHORD:
            return UsageError(f"JASCO does not know a chord: {said}.", "Use labels as 'chords_of' gives them.")
        return CheckpointError(
            f"JASCO stopped: {said}.", f"What it had made is kept for another try; '{errors}' has all that it said."
        )


def load(
    checkpoint: str | Path | None = None,
    device: str = "cuda",
    *,
    model: str = MODEL,
    guidance_all: float = GUIDANCE_ALL,
    guidance_text: float = GUIDANCE_TEXT,
    folder: str | Path | None = None,
) -> Jasco:
    """Make the generator "jasco".

    Parameters
    ----------
    checkpoint : str or Path
        The Python program of the environment that audiocraft is installed in, or the folder of that environment.
        audiocraft finds the weights itself.
    device : str
        "cuda" or "cpu" there.
    model : str
        Name on the hub. One without "melody" in its name follows drums and chords only.
    guidance_all, guidance_text : float
        How much all conditions together count, and the words alone. The authors of JASCO use 5 and 0 by default.
    folder : str or Path, optional
        Where jobs lie until they are done; the default is ``generated/jasco`` beside the checkpoints.

    Raises
    ------
    CheckpointError
        If no such program is named, or it does not import audiocraft.
    UsageError
        If the device is neither of the two.
    """
    if checkpoint is None:
        raise CheckpointError(
            "JASCO runs in an environment of its own, and none was named.",
            "Install audiocraft from its repository, and name that environment's Python program with --checkpoint.",
        )
    if not re.fullmatch(r"cpu|cuda(:\d+)?", device):
        raise UsageError(f"The device '{device}' was named for JASCO.", "Use cuda or cpu.")
    python = find_python(Path(checkpoint).expanduser())
    return Jasco(
        python,
        probe(python),
        device=device,
        model=model,
        guidance_all=guidance_all,
        guidance_text=guidance_text,
        folder=home() / "generated" / "jasco" if folder is None else Path(folder).absolute(),
    )


def _wav(clip: Clip) -> bytes:
    samples = clip.mono().samples[0]
    content = io.BytesIO()
    peak = max(1.0, float(np.abs(samples).max(initial=0.0)))
    soundfile.write(content, samples / np.float32(peak), clip.rate, format="WAV", subtype="PCM_16")
    return content.getvalue()


def _npy(array: np.ndarray[Any, np.dtype[np.bool_]]) -> bytes:
    content = io.BytesIO()
    np.save(content, np.ascontiguousarray(array, np.float32))
    return content.getvalue()


def _read_results(folder: Path, conditions: Sequence[Condition]) -> list[Clip]:
    """What was made, each cut to its duration; what is not as it should be is deleted and made anew next time."""
    done = jasco_worker.read_ledger(folder)
    clips = []
    for number, condition in enumerate(conditions):
        path, wanted = folder / f"{number:04d}.wav", round(condition.duration * RATE)
        clip = None
        if jasco_worker.is_intact(path, done.get(number)):
            with suppress(AudioDecodeError):
                clip = load_clip(path, mono=True)
        if clip is None or clip.rate != RATE or clip.samples.shape[1] < wanted:
            path.unlink(missing_ok=True)
            found = "not there or damaged" if clip is None else f"{clip.duration:g} s at {clip.rate} Hz"
            raise CheckpointError(f"What JASCO made as clip {number} is {found}.", "Try again; it is made anew.")
        clips.append(Clip(clip.samples[:, :wanted], RATE))
    return clips
