"""Make golden.npz with the authors' own program; needs an environment of its own and is run by hand only.

    PYTHONPATH=tests:tests/parity/muq:MUQ/src:TORCHAUDIO python tests/parity/muq/make_golden.py

MUQ is a checkout of github.com/tencent-ailab/MuQ at d4a66582ee1791e9e63e4c49b89dbf58b61dad42. The environment had
Python 3.11, torch 2.13.0 (CPU), transformers 4.47.1, easydict 1.14 and einops 0.8.2; TORCHAUDIO is torchaudio 2.11.0
unpacked without its compiled libraries, whose mel spectrogram is plain torch. x_clip, whose tokenizer the released
networks do not use, is replaced by an empty stand-in, and the two constructors that would fetch files by the same
classes built from the fixture's configurations.
"""

from __future__ import annotations

import json
import sys
import tempfile
import types
from pathlib import Path
from unittest import mock

import numpy as np
import torch
from muq_inputs import FRAMES, LONG, MEL_FRAMES, SEEDS, SHORT, TEXTS, sound

from tiny.muq import make_mulan, make_muq

stand_in = types.ModuleType("x_clip.tokenizer")
stand_in.tokenizer = types.SimpleNamespace(vocab_size=1)
sys.modules |= {"x_clip": types.ModuleType("x_clip"), "x_clip.tokenizer": stand_in}

from muq import MuQ, MuQMuLan  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import PreTrainedTokenizerFast, XLMRobertaConfig, XLMRobertaModel  # noqa: E402


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def hear_muq(folder: Path) -> dict[str, np.ndarray]:
    muq = MuQ(read(folder / "config.json")).eval()
    muq.load_state_dict(load_file(folder / "model.safetensors"), strict=True)
    wavs = torch.from_numpy(np.stack([sound(*clip) for clip in SHORT]))
    states = np.stack(muq(wavs, output_hidden_states=True).hidden_states)
    mel = muq.model.normalize(muq.model.preprocessing(wavs, ["melspec_2048"]))["melspec_2048"]
    return {"states": states[:, :, FRAMES], "means": states.mean(2), "mel": mel[:, :, MEL_FRAMES].numpy()}


def hear_mulan(folder: Path) -> dict[str, np.ndarray]:
    text = XLMRobertaConfig(**read(folder / "xlm-roberta-base" / "config.json"))
    muq = read(folder / "MuQ-large-msd-iter" / "config.json")
    with (
        mock.patch.object(MuQ, "from_pretrained", return_value=MuQ(muq)),
        mock.patch.object(XLMRobertaModel, "from_pretrained", return_value=XLMRobertaModel(text)),
    ):
        mulan = MuQMuLan(read(folder / "config.json")).eval()
    mulan.load_state_dict(torch.load(folder / "pytorch_model.bin", weights_only=True), strict=True)
    mulan.mulan.text._tokenizer = PreTrainedTokenizerFast(
        tokenizer_file=str(folder / "tokenizer.json"),
        pad_token="<pad>",
        model_input_names=["input_ids", "attention_mask"],
    )
    audio = [mulan(wavs=torch.from_numpy(sound(*clip))[None])[0].numpy() for clip in LONG]
    return {
        "audio": np.stack(audio),
        "text": np.stack([mulan(texts=[text])[0].numpy() for text in TEXTS]),
        "text_together": mulan(texts=list(TEXTS)).numpy(),
    }


def main() -> None:
    golden: dict[str, np.ndarray] = {}
    torch.set_num_threads(1)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as folder:
        for seed in SEEDS:
            muq = hear_muq(make_muq(Path(folder) / f"muq{seed}", seed))
            mulan = hear_mulan(make_mulan(Path(folder) / f"mulan{seed}", seed))
            golden |= {f"{name}-{seed}": array.astype(np.float32) for name, array in {**muq, **mulan}.items()}
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **golden)


main()
