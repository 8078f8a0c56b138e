"""A separator from a network that takes segments."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
import soundfile
import soxr

from soundalike.audio import Clip, file_hash
from soundalike.audio.clip import QUALITY, mean
from soundalike.audio.decoding import Decoding
from soundalike.separators import StemFile
from soundalike.separators.cache import StemCache, key_of
from soundalike.separators.streaming import Samples, SegmentModel, measure, stream, stream_normalised


class ModelSeparator:
    """Brings sound to a model and its answers back; see `soundalike.separators.Separator`.

    Parameters
    ----------
    model : SegmentModel
    cache : StemCache, optional
        Where stems of files are kept; the default is that of the user.

    Notes
    -----
    Sound of more than two channels is split as its mono mix.
    """

    def __init__(self, model: SegmentModel, *, cache: StemCache | None = None) -> None:
        self.name = model.name
        self.stems = ("mix", *model.stems)
        self.gate = model.gate
        self._model = model
        self._cache = cache

    def separate(self, clip: Clip) -> Mapping[str, Clip]:
        """Split a clip; a mono clip gives mono stems, and others have the model's channels."""
        sound = _with_channels(clip.resample(self._model.sample_rate).samples, self._model.channels)
        parts = list(self._split(lambda: iter([sound])))
        split = np.concatenate(parts, axis=-1) if parts else np.zeros((len(self.stems) - 1, *sound.shape), np.float32)
        stems = {"mix": clip}
        for stem, samples in zip(self._model.stems, split, strict=True):
            found = Clip(samples, self._model.sample_rate)
            found = (found.mono() if clip.channels == 1 else found).resample(clip.rate)
            stems[stem] = Clip(_with_length(found.samples, clip.samples.shape[1]), clip.rate)
        return stems

    @contextmanager
    def files(self, path: str, *, start: float = 0.0, end: float | None = None) -> Iterator[Mapping[str, StemFile]]:
        """Split a passage of a file once, and keep its stems as 24-bit FLAC; what is beyond full scale is clipped."""

        def make(folder: Path) -> None:
            split = self._split(lambda: read_blocks(path, model.sample_rate, model.channels, start, end))
            write_stems(folder, model.stems, model.sample_rate, model.channels, split)

        model = self._model
        cache = self._cache or StemCache()
        key = key_of(file_hash(path), float(start), None if end is None else float(end), self.name)
        with cache.entry(key, make) as folder:
            stems = {stem: StemFile(str(folder / f"{stem}.flac"), 0.0) for stem in model.stems}
            yield {"mix": StemFile(path, start), **stems}

    def _split(self, read: Callable[[], Iterator[Samples]]) -> Iterator[Samples]:
        """Stems of the blocks that `read` gives, which is called twice if their level has to be known first."""
        if not self._model.normalised:
            return stream(self._model, read())
        return stream_normalised(self._model, read(), measure(read()))


def read_blocks(path: str, rate: int, channels: int, start: float, end: float | None) -> Iterator[Samples]:
    """A passage of a file block by block: float32 (channels, any), at `rate` in hertz."""
    with Decoding(path, start=start, end=end) as decoding:
        resampler = None
        if decoding.rate != rate:
            resampler = soxr.ResampleStream(decoding.rate, rate, channels, dtype="float32", quality=QUALITY)
        for block in decoding.blocks():
            samples = _with_channels(block, channels)
            yield samples if resampler is None else _resampled(resampler, samples)
        if resampler is not None:
            yield _resampled(resampler, np.zeros((channels, 0), np.float32), last=True)


def write_stems(folder: Path, stems: Sequence[str], rate: int, channels: int, blocks: Iterable[Samples]) -> None:
    """Write stems, given block by block as float32 (stems, channels, any), to files called after them."""
    with ExitStack() as stack:
        files = [
            stack.enter_context(
                soundfile.SoundFile(folder / f"{stem}.flac", "w", rate, channels, "PCM_24", format="FLAC")
            )
            for stem in stems
        ]
        for block in blocks:
            for file, samples in zip(files, block, strict=True):
                file.write(samples.T)


def _with_channels(samples: Sequence[Samples] | Samples, channels: int) -> Samples:
    """Samples of any number of channels as float32 (channels, n): as they are, or their mono mix in every channel."""
    if len(samples) == channels:
        return np.asarray(samples)
    mono = mean(samples)
    return np.repeat(mono[None], channels, axis=0)


def _resampled(resampler: soxr.ResampleStream, samples: Samples, *, last: bool = False) -> Samples:
    chunk = resampler.resample_chunk(np.ascontiguousarray(samples.T), last=last)
    return np.ascontiguousarray(chunk.reshape(-1, samples.shape[0]).T)


def _with_length(samples: Samples, length: int) -> Samples:
    """Exactly `length` samples: resampling there and back may give one more or less."""
    return np.pad(samples[:, :length], ((0, 0), (0, max(0, length - samples.shape[1]))))
