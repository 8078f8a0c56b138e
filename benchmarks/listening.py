"""Analysis: CPU seconds for a song of three minutes beside peers, decode share, memory by length."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

RATE = 44100
SONG_SECONDS = 180

# One thread each, so that CPU seconds are comparable.
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS"), "1")


def measure(*, quick: bool) -> dict[str, object]:
    """CPU seconds per song for each way of listening, and peak memory for long files."""
    with tempfile.TemporaryDirectory() as place:
        song = Path(place) / "song.mp3"
        samples = song_samples()
        soundfile.write(song, samples, RATE, format="MP3", bitrate_mode="CONSTANT", compression_level=0.35)
        cpu = {name: _median(name, song, 1 if quick else 3) for name in WAYS}
        cpu = {name: seconds for name, seconds in cpu.items() if seconds is not None}
        ours = cpu["soundalike"]
        memory = {}
        for minutes in (3, 10) if quick else (3, 10, 120):
            file = Path(place) / "long.wav"
            _write_long(file, samples, minutes)
            memory[f"{minutes} min"] = {name: _run(name, file) for name in ("soundalike", "bliss")}
            file.unlink()
    return {
        "cpu_seconds_per_3_min_mp3": cpu,
        "ratio_soundalike_to": {name: round(ours / seconds, 3) for name, seconds in cpu.items()},
        "decode_share": round(cpu["decode"] / ours, 3),
        "times_real_time_per_core": round(SONG_SECONDS / ours),
        "peak_memory_mb": {
            length: {name: run["peak_mb"] for name, run in runs.items() if run} for length, runs in memory.items()
        },
    }


def song_samples() -> np.ndarray:
    """Three minutes of stereo music, int16: rendered pieces one after the other."""
    from soundalike.research.renderer import factor_group, render

    pieces: list[np.ndarray] = []
    length = 0
    for seed in range(100):
        for spec in factor_group(seed, "train").values():
            pieces.append(render(spec, rate=RATE, stereo=True).samples)
            length += pieces[-1].shape[1]
            if length >= SONG_SECONDS * RATE:
                song = np.concatenate(pieces, axis=1)[:, : SONG_SECONDS * RATE]
                return (song.T * 32767).clip(-32768, 32767).astype(np.int16)
    raise RuntimeError("the renderer's pieces are too short")


def _write_long(file: Path, samples: np.ndarray, minutes: int) -> None:
    with soundfile.SoundFile(file, "w", RATE, 2, "PCM_16") as out:
        for _ in range(max(1, round(minutes * 60 / SONG_SECONDS))):
            out.write(samples)
        out.write(samples[: max(0, minutes * 60 - SONG_SECONDS * max(1, minutes * 60 // SONG_SECONDS)) * RATE])


def _median(name: str, file: Path, runs: int) -> float | None:
    found = [_run(name, file) for _ in range(runs)]
    return round(statistics.median(run["cpu"] for run in found), 3) if all(found) else None


def _run(name: str, file: Path) -> dict[str, float] | None:
    """One way of listening in a process of its own; None if the peer is not installed."""
    command = [sys.executable, __file__, name, str(file)]
    environment = {**os.environ, **ONE_THREAD}
    result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if result.returncode == 77:
        return None
    if result.returncode:
        raise RuntimeError(result.stderr)
    return json.loads(result.stdout.splitlines()[-1])


def _soundalike() -> Callable[[str], object]:
    from soundalike.analysis import Analyzer

    return Analyzer().analyse


def _decode() -> Callable[[str], object]:
    from soundalike.audio import ExcerptStream

    return lambda path: [None for _ in ExcerptStream(path, rate=22050, seconds=10.0)]


def _bliss() -> Callable[[str], object]:
    import bliss_audio

    return bliss_audio.Song


def _librosa() -> Callable[[str], object]:
    import librosa

    def features(path: str) -> object:
        samples, rate = librosa.load(path, sr=22050)
        return (
            librosa.feature.mfcc(y=samples, sr=rate),
            librosa.feature.chroma_stft(y=samples, sr=rate),
            librosa.onset.onset_strength(y=samples, sr=rate),
        )

    return features


WAYS = {"soundalike": _soundalike, "decode": _decode, "bliss": _bliss, "librosa": _librosa}


def _child(name: str, path: str) -> int:
    """Listen once to warm up on a short noise, then measure; imports are not counted."""
    try:
        listen = WAYS[name]()
    except ImportError:
        return 77
    with tempfile.TemporaryDirectory() as place:
        short = Path(place) / "short.wav"
        soundfile.write(short, np.random.default_rng(0).normal(0, 0.1, 12 * RATE), RATE)
        listen(str(short))
    begun = time.process_time()
    listen(path)
    spent = time.process_time() - begun
    print(json.dumps({"cpu": spent, "peak_mb": _peak_mb()}))
    return 0


def _peak_mb() -> int:
    """Largest resident memory of this program so far; not getrusage, which remembers the parent's."""
    status = Path("/proc/self/status").read_text()
    return round(int(status.partition("VmHWM:")[2].split()[0]) / 1024)


if __name__ == "__main__":
    sys.exit(_child(*sys.argv[1:]))
