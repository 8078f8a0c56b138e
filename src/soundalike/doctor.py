"""Check-ups: decoders, processor, library. Each finding says what was seen, and what to do if it is bad."""

from __future__ import annotations

import io
import os
import platform
import shutil
from collections.abc import Callable

import numpy as np

from soundalike.errors import SoundalikeError
from soundalike.library import Library, is_library, locate
from soundalike.stores import Finding

LOW_SPACE = 500_000_000
"""Free bytes below which a library is called short of space."""


def check_machine() -> list[Finding]:
    """Check what analysis and search stand on."""
    cores = os.cpu_count() or 1
    findings = [Finding("machine", True, f"{platform.machine()}, {cores} cores, Python {platform.python_version()}")]
    checks = {
        "soundfile": _soundfile,
        "pyav": _pyav,
        "search kernel": _kernel,
        "encoder": _encoder,
        "models": _models,
    }
    for what, check in checks.items():
        findings.append(_guarded(what, check))
    return findings


def check_library(folder: str | None, *, repair: bool = False) -> list[Finding]:
    """Check the library's folder and store; with `repair`, rebuild what can be rebuilt."""
    path = locate(folder)
    if not is_library(path):
        return [Finding("library", True, f"none yet at {path}; make one with 'soundalike add FOLDER'")]
    free = shutil.disk_usage(path).free
    advice = "" if free > LOW_SPACE else "; free some space before adding more"
    findings = [Finding("disk", free > LOW_SPACE, f"{free / 1e9:.1f} GB free at {path}{advice}")]
    writable = os.access(path, os.W_OK)
    findings.append(Finding("permissions", writable, "writable" if writable else "not writable: adding will fail"))
    try:
        with Library(path, create=False) as library:
            findings += library.verify(repair=repair)
            failures = len(library.failures())
    except SoundalikeError as error:
        return [*findings, Finding("store", False, str(error))]
    detail = f"{failures} files failed; see 'soundalike failures'" if failures else "no failures"
    return [*findings, Finding("ledger", True, detail)]


def _guarded(what: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(what, True, check())
    except Exception as error:  # noqa: BLE001 - a check-up reports whatever is wrong
        return Finding(what, False, f"{type(error).__name__}: {error}. Reinstall soundalike's dependencies.")


def _soundfile() -> str:
    import soundfile

    tone = np.sin(np.arange(4096, dtype=np.float32) / 20) / 2
    for kind, subtype in (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("MP3", None)):
        file = io.BytesIO()
        soundfile.write(file, tone, 44100, format=kind, subtype=subtype)
        file.seek(0)
        if len(soundfile.read(file)[0]) < len(tone):
            raise RuntimeError(f"{kind} comes back short")
    return f"wav, flac, ogg and mp3 read back ({soundfile.__libsndfile_version__})"


def _pyav() -> str:
    import av

    wanted = ("aac", "alac", "wmav2", "wavpack", "opus")
    missing = [name for name in wanted if name not in av.codecs_available]
    if missing:
        raise RuntimeError(f"no decoder for {', '.join(missing)}")
    return f"decodes {', '.join(wanted)} (PyAV {av.__version__})"


def _kernel() -> str:
    from soundalike.stores.embedded.kernel import load_kernel, numpy_dots

    if load_kernel() is numpy_dots:
        raise RuntimeError("numkong does not work here, so searching is about ten times slower")
    import numkong

    features = [name for name, there in numkong.get_capabilities().items() if there and name != "serial"]
    return f"int8 kernel agrees with numpy ({', '.join(features) or 'no vector instructions'})"


def _encoder() -> str:
    from soundalike.analysis import Analyzer

    space = Analyzer().space
    return f"{space.name}, {len(space.facets)} facets of {space.dim}"


def _models() -> str:
    """Pretrained models are optional: that there are none is no fault."""
    from importlib.metadata import PackageNotFoundError, version

    from soundalike.checkpoints import checkpoints, is_here

    found = []
    for package in ("torch", "transformers", "demucs"):
        try:
            found.append(f"{package} {version(package)}")
        except PackageNotFoundError:
            return "the extra 'models' is not installed, and needed for pretrained models only"
    here = [name for name in checkpoints() if is_here(name)]
    return f"{', '.join(found)}; checkpoints here: {', '.join(here) or 'none'}"
