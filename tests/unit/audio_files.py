"""Makes small sound files in every format, for tests."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile
from numpy.typing import NDArray

PCM = {
    "u8.wav": ("WAV", "PCM_U8"),
    "s16.wav": ("WAV", "PCM_16"),
    "s24.wav": ("WAV", "PCM_24"),
    "s32.wav": ("WAV", "PCM_32"),
    "float.wav": ("WAV", "FLOAT"),
    "double.wav": ("WAV", "DOUBLE"),
    "rf64.wav": ("RF64", "PCM_16"),
    "s16.aiff": ("AIFF", "PCM_16"),
    "s24.aiff": ("AIFF", "PCM_24"),
    "s16.caf": ("CAF", "PCM_16"),
    "s16.w64": ("W64", "PCM_16"),
    "s16.au": ("AU", "PCM_16"),
    "s16.flac": ("FLAC", "PCM_16"),
    "s24.flac": ("FLAC", "PCM_24"),
    "vorbis.ogg": ("OGG", "VORBIS"),
}
"""Formats written by soundfile: name -> (format, subtype)."""

BITS = {"PCM_U8": 8, "PCM_16": 16, "PCM_24": 24, "PCM_32": 25, "FLOAT": 25, "DOUBLE": 25}
"""Bits that survive a subtype on its way to float32."""

ENCODED = {
    "lame.mp3": ("mp3", "libmp3lame"),
    "opus.opus": ("ogg", "libopus"),
    "aac.m4a": ("ipod", "aac"),
    "alac.m4a": ("ipod", "alac"),
    "raw.aac": ("adts", "aac"),
    "media.wma": ("asf", "wmav2"),
    "pack.wv": ("wv", "wavpack"),
    "video.mp4": ("mp4", "aac"),
    "video.mkv": ("matroska", "flac"),
    "video.webm": ("webm", "libopus"),
}
"""Formats written by ffmpeg: name -> (container, codec)."""

LOSSY = ("vorbis.ogg", "lame.mp3", "opus.opus", "aac.m4a", "raw.aac", "media.wma", "video.mp4", "video.webm")


def music(seconds: float, *, rate: int = 44100, channels: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """Notes over soft noise, float32 (channels, n), peak below 0.6; every moment is unlike any other."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    pitch = np.cumsum(220 * 2 ** (np.sin(1.3 * time) + 0.3 * np.sin(7.1 * time))) / rate
    tone = 0.3 * np.sin(2 * np.pi * pitch) * (0.6 + 0.4 * np.sin(2 * np.pi * 2.3 * time))
    noise = 0.01 * rng.standard_normal((channels, len(time)))
    return np.asarray(tone * np.linspace(1.0, 0.5, channels)[:, None] + noise, np.float32)


def write(path: Path, samples: NDArray[np.float32], rate: int = 44100) -> Path:
    """Write float32 (channels, n) in the format that the end of the name stands for (see `PCM`, `ENCODED`)."""
    name = next((name for name in (*PCM, *ENCODED) if path.name.endswith(name)), None)
    if name is None:
        soundfile.write(path, samples.T, rate)
    elif name in PCM:
        container, subtype = PCM[name]
        soundfile.write(path, samples.T, rate, format=container, subtype=subtype)
    else:
        encode(path, samples, rate, *ENCODED[name], video=name.startswith("video"))
    return path


def encode(
    path: Path,
    samples: NDArray[np.float32],
    rate: int,
    container: str,
    codec: str,
    *,
    video: bool = False,
    options: dict[str, str] | None = None,
    quality: int | None = None,
) -> Path:
    """Write with ffmpeg, as the only stream or beside a black picture; a `quality` makes the bit rate vary."""
    layouts = {1: "mono", 2: "stereo", 6: "5.1", 8: "7.1"}
    with av.open(path, "w", format=container, options=options or {}) as output:
        picture = output.add_stream("libvpx" if container == "webm" else "mpeg4", rate=5) if video else None
        stream = output.add_stream(codec, rate=48000 if codec == "libopus" else rate, layout=layouts[len(samples)])
        if quality is None:
            stream.bit_rate = 192_000
        else:
            stream.codec_context.qscale = True
            stream.codec_context.global_quality = quality * 118  # ffmpeg's FF_QP2LAMBDA
        frame = av.AudioFrame.from_ndarray(samples.T.reshape(1, -1), "flt", layouts[len(samples)])
        frame.sample_rate = rate
        frame.pts, frame.time_base = 0, Fraction(1, rate)
        formats = [kind.name for kind in stream.codec_context.codec.audio_formats]
        kind = next((kind for kind in ("s16p", "s16", "fltp", "flt") if kind in formats), formats[0])
        stream.format = kind
        stream.codec_context.open()
        if picture is not None:
            _draw(output, picture)
        to_codec = av.AudioResampler(kind, layouts[len(samples)], stream.rate, stream.frame_size or 4096)
        for part in (frame, None):
            for piece in to_codec.resample(part):
                output.mux(stream.encode(piece))
        output.mux(stream.encode(None))
    return path


def _draw(output: av.container.OutputContainer, stream: av.VideoStream) -> None:
    stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
    for number in range(5):
        picture = av.VideoFrame.from_ndarray(np.zeros((48, 32), np.uint8), "yuv420p")
        picture.pts, picture.time_base = number, Fraction(1, 5)
        output.mux(stream.encode(picture))
    output.mux(stream.encode(None))
