"""Make golden.npz with the authors' own program; needs an environment of its own and is run by hand only.

    PYTHONPATH=tests:tests/parity/clap:CLAP/src/laion_clap python tests/parity/clap/make_golden.py

CLAP is a checkout of github.com/LAION-AI/CLAP at 1fd4c37df5ffbfcfbad5415c170bc66cf94c9994. The environment had Python
3.11, torch 2.13.0 (CPU), transformers 4.47.1, tokenizers 0.21.4, torchlibrosa 0.1.0 and librosa 0.11.0. Modules that
embedding does without are replaced by empty stand-ins. The network is the authors' `CLAP` around their
`HTSAT_Swin_Transformer` and a `RobertaModel`, both at the fixture's sizes instead of those that the constructor would
take or fetch; the front end is torchlibrosa's as that network sets it up. "extractor" is transformers' own
`ClapFeatureExtractor`. The authors' constants (front end and attention masks)
are computed by their network, since the fixture holds zeros in their place.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

import numpy as np
import torch
from clap_inputs import CLIPS, MEL_CLIPS, MEL_FRAMES, SEEDS, TEXTS, sound
from transformers import ClapFeatureExtractor, RobertaConfig, RobertaModel, RobertaTokenizer

from tiny.clap import TINY, Sizes, make_original, make_tokenizer

for name in (
    "torchvision",
    "torchvision.transforms",
    "torchvision.datasets",
    "torchvision.ops",
    "torchvision.ops.misc",
):
    sys.modules[name] = mock.MagicMock()
for name in ("webdataset", "wget", "braceexpand", "pandas", "h5py", "PIL"):
    sys.modules[name] = mock.MagicMock()

with mock.patch("transformers.PreTrainedTokenizer.from_pretrained", mock.MagicMock()):
    from clap_module import htsat, model
    from training.data import float32_to_int16, get_audio_features, int16_to_float32


def network(folder: Path, sizes: Sizes) -> torch.nn.Module:
    """The authors' network at the sizes of a fixture, loaded from it."""
    audio = {"model_type": "HTSAT", "model_name": "tiny", "hop_size": 480}
    text = {"context_length": 77, "vocab_size": 1, "width": 1, "heads": 1, "layers": 1, "model_type": "roberta"}
    last = sizes.width * 2 ** (len(sizes.depths) - 1)
    with (
        mock.patch.object(model, "create_htsat_model", lambda config, *_: branch(config, sizes)),
        mock.patch.object(RobertaModel, "from_pretrained", return_value=RobertaModel(roberta(sizes))),
    ):
        clap = model.CLAP(last, audio, text, joint_embed_shape=sizes.dim).eval()
    clap.text_projection[0] = torch.nn.Linear(sizes.hidden, sizes.dim)
    document = torch.load(folder / "630k-audioset-best.pt", weights_only=False)
    tensors = {name.removeprefix("module."): tensor for name, tensor in document["state_dict"].items()}
    constants = {
        name: tensor for name, tensor in clap.state_dict().items() if "extractor" in name or "attn_mask" in name
    }
    del tensors["text_branch.embeddings.position_ids"]
    clap.load_state_dict(tensors | constants, strict=True)
    return clap.eval()


def branch(config: SimpleNamespace, sizes: Sizes) -> torch.nn.Module:
    return htsat.HTSAT_Swin_Transformer(
        embed_dim=sizes.width, depths=list(sizes.depths), num_heads=list(sizes.heads), config=config
    )


def roberta(sizes: Sizes) -> RobertaConfig:
    return RobertaConfig(
        vocab_size=sizes.vocabulary,
        hidden_size=sizes.hidden,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.hidden // 64,
        intermediate_size=sizes.inner,
        max_position_embeddings=sizes.positions,
        type_vocab_size=1,
        layer_norm_eps=1e-5,
    )


def heard(samples: np.ndarray, *, quantised: bool) -> dict[str, torch.Tensor]:
    if quantised:
        samples = int16_to_float32(float32_to_int16(samples))
    return get_audio_features(
        {}, torch.from_numpy(samples), 480000, "rand_trunc", "repeatpad", {"hop_size": 480, "mel_bins": 64}
    )


def hear(clap: torch.nn.Module) -> dict[str, np.ndarray]:
    sounds = [sound(*clip) for clip in CLIPS]
    raw, quantised = (
        np.concatenate([clap.get_audio_embedding([heard(samples, quantised=q)]).numpy() for samples in sounds])
        for q in (False, True)
    )
    return {"audio": raw, "audio_quantised": quantised}


def mels(clap: torch.nn.Module) -> dict[str, np.ndarray]:
    sounds = [sound(*CLIPS[i]) for i in MEL_CLIPS]
    own = clap.audio_branch
    waves = torch.stack([heard(samples, quantised=False)["waveform"] for samples in sounds])
    mel = own.logmel_extractor(own.spectrogram_extractor(waves))[:, 0].numpy()
    extractor = ClapFeatureExtractor(frequency_min=50, truncation="rand_trunc")
    theirs = extractor(sounds, sampling_rate=48000, return_tensors="np")["input_features"][:, 0]
    return {"mel": mel[:, MEL_FRAMES], "extractor": theirs[:, MEL_FRAMES]}


def read(clap: torch.nn.Module, folder: Path) -> dict[str, np.ndarray]:
    make_tokenizer(folder, merges=True)
    tokenizer = RobertaTokenizer(str(folder / "vocab.json"), str(folder / "merges.txt"))
    padded = tokenizer(list(TEXTS), padding="max_length", truncation=True, max_length=77, return_tensors="pt")
    return {"text": clap.get_text_embedding(dict(padded)).numpy(), "tokens": padded["input_ids"].numpy()}


def main() -> None:
    golden: dict[str, np.ndarray] = {}
    torch.set_num_threads(1)
    with torch.inference_mode(), tempfile.TemporaryDirectory() as temporary:
        for seed in SEEDS:
            folder = make_original(Path(temporary) / str(seed), seed)
            clap = network(folder, TINY)
            found = {**hear(clap), **read(clap, folder)} | (mels(clap) if seed == SEEDS[0] else {})
            golden |= {f"{name}-{seed}": array for name, array in found.items()}
    golden = {n: a.astype(np.int16 if a.dtype.kind == "i" else np.float32) for n, a in golden.items()}
    np.savez_compressed(Path(__file__).with_name("golden.npz"), **golden)


main()
