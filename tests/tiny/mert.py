"""Checkpoint folders of MERT as the hub has them, but tiny and of seeded random numbers.

Names and shapes are written out here, not taken from our network, so that a network with other names fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

DIM, DEPTH, HEADS, INNER, CHANNELS, KERNEL, GROUPS = 48, 3, 4, 96, 32, 16, 4
MERIT_DEPTH = 24

Shapes = dict[str, tuple[int, ...]]


def config(*, stable: bool, depth: int = DEPTH) -> dict[str, Any]:
    """The configuration, with what the released ones say besides."""
    return {
        "activation_dropout": 0.1,
        "apply_spec_augment": True,
        "architectures": ["MERTModel"],
        "attention_dropout": 0.1,
        "attention_relax": 32.0 if stable else -1.0,
        "auto_map": {"AutoConfig": "configuration_MERT.MERTConfig", "AutoModel": "modeling_MERT.MERTModel"},
        "bos_token_id": 1,
        "conv_bias": False,
        "conv_dim": [CHANNELS] * 7,
        "conv_kernel": [10, 3, 3, 3, 3, 2, 2],
        "conv_stride": [5, 2, 2, 2, 2, 2, 2],
        "deepnorm": False,
        "do_stable_layer_norm": stable,
        "eos_token_id": 2,
        "feat_extract_activation": "gelu",
        "feat_extract_norm": "group",
        "feat_proj_dropout": 0.1,
        "feat_proj_layer_norm": True,
        "feature_extractor_cqt": False,
        "feature_extractor_cqt_bins": 336,
        "hidden_act": "gelu",
        "hidden_dropout": 0.1,
        "hidden_size": DIM,
        "initializer_range": 0.02,
        "intermediate_size": INNER,
        "layer_norm_eps": 1e-5,
        "layerdrop": 0.1,
        "mask_time_length": 10,
        "mask_time_prob": 0.05,
        "model_type": "mert_model",
        "num_attention_heads": HEADS,
        "num_conv_pos_embedding_groups": GROUPS,
        "num_conv_pos_embeddings": KERNEL,
        "num_feat_extract_layers": 7,
        "num_hidden_layers": depth,
        "pad_token_id": 0,
        "sample_rate": 24000,
        "transformers_version": "4.24.0",
        "vocab_size": 32,
    }


PREPROCESSOR = MappingProxyType(
    {
        "do_normalize": True,
        "feature_extractor_type": "Wav2Vec2FeatureExtractor",
        "feature_size": 1,
        "padding_side": "right",
        "padding_value": 0,
        "return_attention_mask": True,
        "sampling_rate": 24000,
    }
)


def make(
    folder: Path, *, stable: bool, seed: int = 0, depth: int = DEPTH, normalised: bool = True, torch_file: bool = True
) -> Path:
    """Write a folder like those of MERT-v1-95M, or with stable layer norm MERT-v1-330M; returns it.

    The tensors are in ``pytorch_model.bin``, as released, or in ``model.safetensors``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "config.json", config(stable=stable, depth=depth))
    write_json(folder / "preprocessor_config.json", {**PREPROCESSOR, "do_normalize": normalised})
    arrays = fill(shapes(depth), seed)
    if torch_file:
        import torch

        torch.save({name: torch.from_numpy(array) for name, array in arrays.items()}, folder / "pytorch_model.bin")
    else:
        from safetensors.numpy import save_file

        save_file(arrays, folder / "model.safetensors")
    return folder


MAKERS: Mapping[str, Callable[[Path], Path]] = MappingProxyType(
    {
        "mert-95m": lambda folder: make(folder, stable=False),
        "mert-330m": lambda folder: make(folder, stable=True),
        "merit": lambda folder: make(folder, stable=True, depth=MERIT_DEPTH),
    }
)


def write_json(path: Path, values: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(dict(values)), "utf-8")


def shapes(depth: int = DEPTH) -> Shapes:
    """Names and shapes of a checkpoint."""
    convolutions = {
        f"feature_extractor.conv_layers.{i}.conv.weight": (CHANNELS, CHANNELS if i else 1, kernel)
        for i, kernel in enumerate((10, 3, 3, 3, 3, 2, 2))
    }
    found: Shapes = {
        "masked_spec_embed": (DIM,),
        **convolutions,
        **_vectors("feature_extractor.conv_layers.0.layer_norm", CHANNELS),
        **_vectors("feature_projection.layer_norm", CHANNELS),
        **_linear("feature_projection.projection", CHANNELS, DIM),
        "encoder.pos_conv_embed.conv.bias": (DIM,),
        "encoder.pos_conv_embed.conv.weight_g": (1, 1, KERNEL),
        "encoder.pos_conv_embed.conv.weight_v": (DIM, DIM // GROUPS, KERNEL),
        **_vectors("encoder.layer_norm", DIM),
    }
    for i in range(depth):
        block = f"encoder.layers.{i}."
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            found |= _linear(f"{block}attention.{part}", DIM, DIM)
        found |= _vectors(block + "layer_norm", DIM) | _vectors(block + "final_layer_norm", DIM)
        found |= _linear(block + "feed_forward.intermediate_dense", DIM, INNER)
        found |= _linear(block + "feed_forward.output_dense", INNER, DIM)
    return found


def fill(of: Shapes, seed: int) -> dict[str, np.ndarray]:
    """Random numbers in the order of the names, near what training leaves, so that nothing vanishes or explodes."""
    rng = np.random.default_rng(seed)
    return {name: _fill(name, of[name], rng) for name in sorted(of)}


def _fill(name: str, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    noise = rng.standard_normal(shape)
    if name.endswith("weight_g"):
        noise = 2.0 + 0.5 * noise
    elif len(shape) > 1:
        noise = noise * 1.2 / np.sqrt(np.prod(shape[1:]))
    elif "norm.weight" in name:
        noise = 1.0 + 0.2 * noise
    else:
        noise = 0.1 * noise
    return np.asarray(noise, np.float32)


def _linear(name: str, inputs: int, outputs: int) -> Shapes:
    return {f"{name}.weight": (outputs, inputs), f"{name}.bias": (outputs,)}


def _vectors(name: str, size: int) -> Shapes:
    return {f"{name}.weight": (size,), f"{name}.bias": (size,)}
