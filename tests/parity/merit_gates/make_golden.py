"""Make ``golden.json`` with the authors' own programs; not part of the tests.

In an environment with Python 3.11, torch 2.13.0 (CPU), transformers 4.47.1, librosa 0.11.0, numpy 2.4.6 and soundfile::

    python tests/parity/merit_gates/make_golden.py MERIT

where MERIT is a checkout of github.com/AMAAI-Lab/MERIT, commit aa0039b. Called are, from ``data_pipeline``, of
``triplets_input_index/index_builder.py`` the functions ``_pick_best_offset_for_track``, ``_segment_stats_from_mono``,
``_save_input_segment``, ``_drums_rhythm_stats``, ``build_rhythm_index`` and ``build_timbre_index``, and the whole
programs ``timbre_triplets_generator/pipeline.py`` and ``melody_triplets_generator/pipeline.py``. Reading and writing of
sound, which is torchaudio's, and the generative network stand in miniature: what is compared is what is chosen.
"""

from __future__ import annotations

import builtins
import importlib.util
import json
import os
import sys
import tempfile
import types
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from gates_inputs import (
    BURSTS,
    FOLDERS,
    OFFSETS,
    POSITIVES,
    PROMPTS,
    bursts,
    clicks,
    kinds,
    make_moisesdb,
    melody_index,
)


def main() -> None:
    pipeline = Path(sys.argv[1]) / "data_pipeline"
    golden: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as place:
        work = Path(place)
        make_moisesdb(work / "moisesdb_v0.1")
        os.environ["MOISESDB_ROOT"] = str(work)
        sys.modules["torchaudio"] = _torchaudio()
        for folder in ("triplets_input_index", "melody_triplets_generator", ""):
            sys.path.insert(0, str(pipeline / folder))
        builtins.os = os  # one of the modules uses it without importing it
        builder = _module("index_builder", pipeline / "triplets_input_index" / "index_builder.py")
        golden["windows"] = _windows(builder, work)
        golden["onsets"] = [_onsets(builder, work, per_second) for per_second in (1.0, 2.5, 5.0)]
        rhythm = builder.build_rhythm_index(force=True, index_path=work / "rhythm.json", num_workers=1)
        golden["rhythm"] = [
            {name: entry[name] for name in ("track_id", "wav_rel", "offset_sec", "onset_count", "rms")}
            for entry in rhythm["anchors"]
        ]
        timbre = builder.build_timbre_index(force=True, index_path=work / "timbre.json", num_workers=1)
        golden["timbre"] = [_timbre(record) for record in timbre["anchors"]]
        golden["positives"] = _positives(pipeline, work)
        golden["melody"] = _melody(pipeline, work)
    (Path(__file__).parent / "golden.json").write_text(json.dumps(golden, indent=1) + "\n")


def _torchaudio() -> types.ModuleType:
    module = types.ModuleType("torchaudio")

    def load(path: str) -> tuple[torch.Tensor, int]:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
        return torch.from_numpy(samples.T.copy()), rate

    def save(path: str, samples: torch.Tensor, rate: int, **_: object) -> None:
        soundfile.write(path, samples.numpy().T, rate, subtype="FLOAT")

    module.load, module.save = load, save
    module.functional = types.SimpleNamespace(resample=lambda samples, **_: samples)
    return module


def _module(name: str, path: Path) -> Any:
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def _windows(builder: Any, work: Path) -> list[dict[str, Any]]:
    found = []
    for seed, rate, seconds in BURSTS:
        sound = bursts(seed, rate, seconds)
        mono, path = torch.from_numpy(sound), work / "burst.wav"
        soundfile.write(path, sound, rate, subtype="FLOAT")
        settled = []
        for offset in OFFSETS:
            try:
                settled.append(
                    builder._save_input_segment(path, work / "cut.wav", -1.0 if offset is None else offset, 10.0, True)[
                        2
                    ]
                )
            except (ValueError, IndexError) as error:
                settled.append(type(error).__name__)
        found.append(
            {
                "active": builder._pick_best_offset_for_track(mono, rate, builder.QualityGate()),
                "excerpt": builder._segment_stats_from_mono(mono[: 10 * rate], rate, builder.QualityGate()),
                "settled": settled,
            }
        )
    return found


def _onsets(builder: Any, work: Path, per_second: float) -> dict[str, Any]:
    soundfile.write(work / "clicks.wav", clicks(5, per_second, 22050, 10.0), 22050, subtype="FLOAT")
    return dict(builder._drums_rhythm_stats(work / "clicks.wav", 10.0))


def _timbre(record: dict[str, Any]) -> dict[str, Any]:
    anchor, negatives = record["anchor"], record["negative_candidates"]
    return {
        "song": anchor["song_id"],
        "part": anchor["track_uuid"],
        "offset": anchor["quality_best_window"]["offset_sec"],
        "activity": anchor["quality_best_window"]["non_silent_ratio"],
        "level": anchor["quality_best_window"]["rms"],
        "negatives": [negative["track_uuid"] for negative in negatives],
    }


def _positives(pipeline: Path, work: Path) -> list[list[str]]:
    """What the program takes for every track of one kind, with five positives."""
    (work / "any.wav").parent.mkdir(exist_ok=True)
    soundfile.write(work / "any.wav", bursts(0, 8000, 11.0), 8000, subtype="FLOAT")
    window = {"offset_sec": 0.0, "non_silent_ratio": 1.0, "rms": 0.1}
    entries = [{**track, "trackType": "kind", "wav_rel": "any.wav", "quality_best_window": window} for track in kinds()]
    negative = {
        **entries[0],
        "stem": "bass",
        "trackType": "other",
        "track_uuid": "n",
        "quality_at_anchor_offset": window,
    }
    index = {
        "generator": "timbre",
        "allowed_track_types": ["kind"],
        "entries": entries,
        "anchors": [{"anchor": entry, "negative_candidates": [negative]} for entry in entries],
    }
    (work / "index.json").write_text(json.dumps(index))
    os.environ["TRIPLETS_TIMBRE_INDEX_JSON"] = str(work / "index.json")
    program = _module("timbre_pipeline", pipeline / "timbre_triplets_generator" / "pipeline.py")
    sys.argv[1:] = [str(len(entries)), "--output-dir", str(work / "timbre_out")]
    program.main()
    metas = [
        json.loads((work / "timbre_out" / f"triplets_{n}" / "triplet" / "triplet_meta.json").read_text())
        for n in range(1, len(entries) + 1)
    ]
    return [[positive["track_uuid"] for positive in meta["inputs"]["positives"]] for meta in metas]


def _melody(pipeline: Path, work: Path) -> list[dict[str, Any]]:
    """Anchor, other song and places of prompts of every folder."""
    songs = sorted({str(entry["song"]) for entries in melody_index().values() for entry in entries})
    entries = {
        stem: [
            {
                "track_id": entry["song"],
                "stem": stem,
                "wav_rel": "any.wav",
                "offset_sec": 0.0,
                "ratio_after_fill": entry["ratio"],
            }
            for entry in found
        ]
        for stem, found in melody_index().items()
    }
    anchors = []
    for song in songs:
        having = [
            entry for stem, found in entries.items() if len(found) > 1 for entry in found if entry["track_id"] == song
        ]
        anchors += having[:1]
    index = {
        "generator": "melody",
        "config": {"moisesdb_root": str(work), "preferred_stems": list(entries)},
        "anchors": anchors,
        "entries_by_stem": entries,
    }
    (work / "melody.json").write_text(json.dumps(index))
    (work / "prompts.txt").write_text("".join(f"{i}\n" for i in range(PROMPTS)))
    (work / "assets").mkdir()
    (work / "assets" / "chord_to_index_mapping.pkl").touch()
    os.environ["JASCO_ROOT"] = str(work)
    program = _module("melody_pipeline", pipeline / "melody_triplets_generator" / "pipeline.py")
    _stand_ins(program)
    sys.argv[1:] = [str(FOLDERS), "--output-dir", str(work / "melody_out"), "--index", str(work / "melody.json")]
    sys.argv += ["--num-positives", str(POSITIVES), "--prompts-file", str(work / "prompts.txt"), "--allow-anchor-reuse"]
    program.main()
    found = []
    for n in range(1, FOLDERS + 1):
        meta = json.loads((work / "melody_out" / f"triplets_{n}" / "triplet" / "triplet_meta.json").read_text())
        prompts = [meta["prompts"]["anchor_prompt"], *meta["prompts"]["positive_prompts"]]
        found.append(
            {
                "stem": meta["inputs"]["stem"],
                "anchor": meta["inputs"]["A_track_id"],
                "other": meta["inputs"]["B_track_id"],
                "prompts": [int(prompt) for prompt in prompts],
            }
        )
    return found


def _stand_ins(program: Any) -> None:
    """A network that gives silence, a melody that is always there, and files that are not written."""
    for name in ("audiocraft", "audiocraft.models", "audiocraft.data", "audiocraft.data.audio"):
        sys.modules[name] = types.ModuleType(name)
    network = types.SimpleNamespace(sample_rate=8000, set_generation_params=lambda **_: None)
    sys.modules["audiocraft.models"].JASCO = types.SimpleNamespace(get_pretrained=lambda *_, **__: network)
    sys.modules["audiocraft.data.audio"].audio_write = lambda *_, **__: None
    program.gen.PROJECT_ROOT = Path(os.environ["JASCO_ROOT"])
    stats = {"nonzero_frame_ratio_after_fill": 1.0}
    program.gen._build_salience = lambda **_: (torch.ones(53, 500), "stand-in", stats)
    program.gen._generate_batch = lambda **how: (torch.zeros(len(how["prompts"]), 1, 8), {})
    program.gen._filter_supported_generate_kwargs = lambda *_: ({}, [])
    program._runtime_diag = lambda: None
    assert np.isfinite(program.gen.nonzero_frame_ratio(torch.ones(53, 500)))


if __name__ == "__main__":
    main()
