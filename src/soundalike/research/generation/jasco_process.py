"""The Python program of another environment, in which `jasco_worker` runs."""

from __future__ import annotations

import json
import subprocess
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Final

from soundalike.errors import CheckpointError
from soundalike.research.generation import jasco_worker

PATIENCE: Final = 300.0
"""Seconds that the environment has to say what it is."""

WORKER: Final = Path(jasco_worker.__file__)

_GRACE: Final = 10.0
"""Seconds that the program has to end by itself."""

_INSTALL: Final = "Install audiocraft from its repository into that environment, or name another one."


class Program:
    """Runs jobs one after another in one process, which is started with the first and ends with this object.

    Parameters
    ----------
    python : Path
    """

    def __init__(self, python: Path) -> None:
        self.python = python
        self._process: subprocess.Popen[str] | None = None
        self._end: weakref.finalize[[subprocess.Popen[str]], Program] | None = None

    def run(self, job: Path) -> int:
        """Run a job; returns its status, or that of the process if it ended instead of answering.

        Raises
        ------
        CheckpointError
            If the program cannot be started.
        """
        process = self._started()
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(str(job)) + "\n")
            process.stdin.flush()
            answer = process.stdout.readline().strip()
        except BrokenPipeError:
            answer = ""
        except BaseException:  # such as when the user has had enough: what is under way is not waited for
            process.kill()
            self._stop()
            raise
        if answer:
            return int(answer)
        self._stop()
        return process.returncode or 1

    def _started(self) -> subprocess.Popen[str]:
        if self._process is not None and self._process.poll() is not None:
            self._stop()
        if self._process is None:
            try:
                self._process = subprocess.Popen(
                    [self.python, WORKER, "--serve"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    text=True,
                    encoding="utf-8",
                )
            except OSError as error:
                raise no_audiocraft(self.python, str(error)) from None
            self._end = weakref.finalize(self, _end, self._process)
        return self._process

    def _stop(self) -> None:
        if self._end is not None:
            self._end()
        self._process = self._end = None


def _end(process: subprocess.Popen[str]) -> None:
    """Tell a process that there are no more jobs, and see that it ends."""
    assert process.stdin is not None
    assert process.stdout is not None
    with suppress(BrokenPipeError):
        process.stdin.close()
    try:
        process.wait(_GRACE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()


def find_python(path: Path) -> Path:
    """A Python program by its own path, or by that of its environment; links are kept, since they tell which it is.

    Raises
    ------
    CheckpointError
        If there is none.
    """
    for place in (path, path / "bin" / "python", path / "Scripts" / "python.exe"):
        if place.is_file():
            return place.absolute()
    raise CheckpointError(
        f"There is no Python program at '{path}'.", "Name that of audiocraft's environment, such as .../bin/python."
    )


def probe(python: Path) -> str:
    """The version of audiocraft that a Python program imports.

    Raises
    ------
    CheckpointError
        If it imports none, or is no such program.
    """
    try:
        ended = subprocess.run(
            [python, WORKER, "--probe"], stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE, check=False
        )
        found = json.loads(last_line(ended.stdout) or "null") if not ended.returncode else None
    except (OSError, ValueError, subprocess.TimeoutExpired) as error:
        slow = isinstance(error, subprocess.TimeoutExpired)
        raise no_audiocraft(python, f"it did not answer within {PATIENCE:g} s" if slow else str(error)) from None
    if not isinstance(found, dict) or not isinstance(found.get("audiocraft"), str):
        raise no_audiocraft(python, last_line(ended.stderr) or f"it ended with status {ended.returncode}")
    return str(found["audiocraft"])


def no_audiocraft(python: Path, said: str) -> CheckpointError:
    """What to say of a program that does not serve."""
    return CheckpointError(f"'{python}' is no Python program with audiocraft: {said}.", _INSTALL)


def last_line(content: bytes) -> str:
    """The last line that is not empty, without a full stop at its end."""
    lines = [line.strip() for line in content.decode("utf-8", errors="replace").splitlines()]
    return next((line for line in reversed(lines) if line), "").rstrip(".")
