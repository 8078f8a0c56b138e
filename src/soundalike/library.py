"""The object people use: a folder of tracks, searchable by facets."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from soundalike.analysis import Analyzer, heads_of, shipped_background
from soundalike.asking import default_weights, weights_for
from soundalike.backgrounds import known_background, renew_background
from soundalike.checkpoints.licences import licences_of
from soundalike.comparison import Comparison, Measure
from soundalike.errors import NotFoundError, SpaceMismatchError, UsageError
from soundalike.facets import FacetVectors, Space, Weights
from soundalike.filters import Filter
from soundalike.home import home
from soundalike.ingest import AddReport, Listening, Progress, add_paths
from soundalike.ledger import Failure, Ledger
from soundalike.locks import locked
from soundalike.recipe import Recipe, Recipes
from soundalike.refinement import Refiner
from soundalike.scoring import Background
from soundalike.search import Hit, Options, Query, check_weights, search
from soundalike.separators.stem_folders import is_stem_file
from soundalike.status import Status, status_of
from soundalike.stem_query import ask_stem, for_samples, separator_for
from soundalike.stores import Finding, Store, open_store
from soundalike.tracks import AnalysedTrack, Track
from soundalike.words import ask
from soundalike.workers import run_here, run_in_processes


def locate(folder: str | Path | None) -> Path:
    """The library's folder that a name stands for; None is the default library."""
    return Path(folder).expanduser() if folder is not None else home() / "default"


def is_library(folder: Path) -> bool:
    """Tell whether there is a library in `folder`."""
    return (folder / "library.db").exists()


class Library:
    """A folder that holds a store, and the analysis that fills it.

    Parameters
    ----------
    folder : str or Path, optional
        Where the library lives; the default is ``$SOUNDALIKE_HOME/default``. It is made if needed.
    recipe : Recipe, optional
        What to listen with. Each recipe has a space of its own within the library. The default is what was
        added with last, and for a new library the embedded encoder on the mix.
    space : str, optional
        In place of a recipe: part of the name of one of the library's spaces.
    create : bool
        False raises `NotFoundError` where there is no library yet.

    Examples
    --------
    >>> with Library("my-library") as library:  # doctest: +SKIP
    ...     library.add(["~/Music"])
    ...     hits = library.search("song.mp3", Weights({"melody": 1, "timbre": -0.5}))
    """

    def __init__(
        self,
        folder: str | Path | None = None,
        *,
        recipe: Recipe | None = None,
        space: str | None = None,
        create: bool = True,
    ) -> None:
        self.folder = locate(folder)
        if not create and not is_library(self.folder):
            raise NotFoundError(
                f"There is no library at {self.folder}.",
                "Make one with 'soundalike add FOLDER', or name it with --library.",
            )
        self._make_folder()
        self._recipes = Recipes(self.folder)
        if space is not None:
            recipe = self._recipes.find(space)
        self.recipe = recipe or self._recipes.current() or Recipe()
        self._analyzer: Analyzer | None = None
        known = self._recipes.space_of(self.recipe) if self.recipe.is_pretrained else None
        self.space: Space = known or self.analyzer.space
        self.store: Store = open_store(str(self.folder), self.space)
        self.ledger = Ledger(self.folder)

    @property
    def analyzer(self) -> Analyzer:
        """What this library listens with; made when it is first needed, since a pretrained network takes seconds.

        Raises
        ------
        SpaceMismatchError
            If the recipe makes other vectors than when the library was made: a checkpoint has changed.
        MissingExtraError, CheckpointError
            See `soundalike.analysis.Analyzer`.
        """
        if self._analyzer is None:
            analyzer = Analyzer(self.recipe)
            expected = self._recipes.space_of(self.recipe) if self.recipe.is_pretrained else None
            if expected is not None and expected != analyzer.space:
                raise SpaceMismatchError(
                    f"This library was made with {expected.name}, but what is here now makes {analyzer.space.name}.",
                    "Bring the checkpoint back that it was made with, or add the music to a new library.",
                )
            self._analyzer = analyzer
        return self._analyzer

    @property
    def licences(self) -> dict[str, str]:
        """Licences of the checkpoints that this library listens with, by their names."""
        return licences_of({self.recipe.encoder, self.recipe.separator, heads_of(self.recipe)})

    def _make_folder(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"The library cannot live at {self.folder}: {error.strerror}.", "Choose another folder with --library."
            ) from None

    def close(self) -> None:
        """Release the store."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(
        self,
        paths: Sequence[str | Path],
        *,
        jobs: int | None = None,
        retry: bool = False,
        again: bool = False,
        planned: Callable[[Sequence[str]], None] | None = None,
        progress: Callable[[Progress], None] | None = None,
    ) -> AddReport:
        """Analyse files and folders and keep the result; what is unchanged is skipped.

        Each track is durable as soon as it is counted, so that a run may be stopped at any time and
        goes on where it was. A file that fails is entered in the ledger and never stops the run.

        Parameters
        ----------
        paths : sequence of str or Path
            Files, and folders to search for audio files at any depth.
        jobs : int, optional
            Processes to listen in, each with one thread. The default is this process alone.
        retry : bool
            Try again what failed before, even if the file has not changed.
        again : bool
            Listen again to files that have not changed, as after an earlier version of the program; ids stay.
        planned : callable, optional
            Called before the first file with the paths of all that will be listened to, if there are any.
        progress : callable, optional
            Called with a `Progress` after each file.

        Returns
        -------
        AddReport

        Raises
        ------
        NotFoundError
            If one of the paths does not exist.
        StoreLockedError
            If another process is adding to this library.
        """

        def begin(files: Sequence[str]) -> None:
            # Now, when nothing is wrong with what was asked for, and before the first track that may outlive a kill.
            self._recipes.record(self.recipe, space, self.licences)
            if planned and files:
                planned(files)

        with locked(self.folder / "add.lock", patience=0):
            space = self.analyzer.space
            if jobs is not None and self.recipe.is_pretrained:
                self._analyzer = None  # each process has a network of its own; another here would only take memory
            report = add_paths(
                self.store,
                self.ledger,
                self._listening(jobs),
                paths,
                retry=retry,
                again=again,
                leave_out=is_stem_file if self.recipe.separator == "files" else None,
                planned=begin,
                progress=progress,
            )
            renew_background(self.store, shipped_background(self.recipe, self.space))
        return report

    def search(self, query: str | Path | int | Query, weights: Weights | None = None, **options: object) -> list[Hit]:
        """Find what sounds like `query`.

        Parameters
        ----------
        query : str, Path, int or Query
            A file (in the library or not), a track id, or what `query` returned, which may hold words.
        weights : Weights, optional
            How much each facet counts; the default is what `weights_for` gives.
        **options
            The other fields of `soundalike.search.Options`, such as ``n=10`` or ``passages=True``.

        Returns
        -------
        list of Hit
            Best first.
        """
        asked = query if isinstance(query, Query) else self.query(query)
        weights = self.weights_for(asked, weights)
        if asked.text:
            sound = asked.excerpts if len(asked.excerpts) else None
            asked = replace(asked, excerpts=ask(self.analyzer.words(asked.text), weights, sound))
        chosen = Options(weights, **options)  # type: ignore[arg-type]
        return search(self.store, asked, chosen, self.background)

    def weights_for(self, query: Query, weights: Weights | None) -> Weights:
        """The weights that a query is asked with; see `soundalike.asking.weights_for`."""
        return weights_for(query, weights, self.space.facets)

    def query(
        self,
        source: str | Path | int | None = None,
        *,
        start: float | None = None,
        end: float | None = None,
        text: str = "",
    ) -> Query:
        """Prepare a query from a file or a track, or from a passage of it, from words, or from both.

        Parameters
        ----------
        source : str, Path or int, optional
            A file, which need not be in the library, or a track id.
        start, end : float, optional
            Only this passage, in seconds; it is listened to afresh.
        text : str
            Words that describe the sound that is looked for, such as "warm analog bass".

        Raises
        ------
        NotFoundError
            If there is no such file or track.
        UsageError
            If the source is silent, or neither a source nor words are given.
        """
        text = text.strip()
        if source is None:
            if not text:
                raise UsageError("There is nothing to search for.", "Give a file, a track id, or words with --text.")
            nothing = FacetVectors(np.zeros(0), np.zeros(0), {})
            return Query(
                nothing,
                Track(path="", title=f"\N{LEFT DOUBLE QUOTATION MARK}{text}\N{RIGHT DOUBLE QUOTATION MARK}"),
                text=text,
            )
        known = self.find(source)
        track = known or Track(path=os.path.abspath(source))  # type: ignore[arg-type]  # noqa: PTH100
        if known is not None and start is None and end is None:
            played = self.store.transcriptions([known.id]).get(known.id)
            analysed = AnalysedTrack(known, self._stored(known), played)
        else:
            fresh = self.analyzer.analyse(track.path, start=start or 0.0, end=end)
            analysed = replace(fresh, track=known) if known else fresh
        if not len(analysed.excerpts):
            raise UsageError(f"'{analysed.track.name}' is silent there.", "Ask with something that can be heard.")
        twins = self.store.find(audio_hash=known.audio_hash) if known else []
        exclude = frozenset(twin.id for twin in twins)
        return Query(analysed.excerpts, analysed.track, exclude, analysed.transcription, text)

    def stem_query(
        self,
        source: str | Path | int,
        stem: str,
        *,
        start: float | None = None,
        end: float | None = None,
        separator: str = "",
        strokes: bool = False,
        any_family: bool = False,
    ) -> Query:
        """Prepare a query from one stem of a song, for samples that sound like it; see `soundalike.stem_query`.

        Parameters
        ----------
        source, start, end
            See `query`.
        stem : str
            Such as "drums".
        separator : str
            Takes the stem out of the song; the default is the library's own, or the one that ships.
        strokes : bool
            Look for one-shots that sound like single strokes or notes of it.
        any_family : bool
            Let samples answer in which another instrument plays.
        """
        separating = separator_for(stem, self.recipe, separator)  # before anything is listened to
        recipe = for_samples(self.recipe, self.space.facets)
        whole = self.query(source, start=start, end=end)
        analyzer = self.analyzer if self.recipe.separator == "none" else Analyzer(recipe)
        how = {"strokes": strokes, "any_family": any_family}
        return ask_stem(whole, stem, separating, analyzer, start=start or 0.0, end=end, **how)

    def find(self, source: str | Path | int) -> Track | None:
        """The library's track for an id or for the path of an unchanged file, or None for another file.

        Raises
        ------
        NotFoundError
            If there is neither such a track nor such a file.
        """
        path = os.path.abspath(source) if not isinstance(source, int) else ""  # noqa: PTH100
        number = int(str(source)) if str(source).isdecimal() else 0
        if path and os.path.exists(path):  # noqa: PTH110
            stat = os.stat(path)  # noqa: PTH116
            for track in self.store.find(path=path):
                if (track.size, track.mtime_ns) == (stat.st_size, stat.st_mtime_ns):
                    return track
            return None
        found = self.store.get([number]).get(number) if number else None
        found = found or next(iter(self.store.find(path=path)), None) if path else found
        if found is None:
            raise NotFoundError(
                f"'{source}' is neither a file nor a track of this library.",
                "Give the path of an audio file, or a track id as shown by 'soundalike search'.",
            )
        return found

    def compare(
        self, a: str | Path | int, b: str | Path | int, weights: Weights | None = None, *, raw: bool = False
    ) -> Comparison:
        """Compare two files or tracks, facet by facet; see `soundalike.comparison`."""
        weights = weights or default_weights(self.space.facets)
        check_weights(weights, self.space.facets)
        measure = Measure(weights, self.background, raw)
        first, second = self.query(a), self.query(b)
        refiner = Refiner(first.transcription, measure)
        refined = refiner.refine([measure.compare(first.excerpts, second.excerpts)], [second.transcription])
        (comparison,) = refiner.explain(refined, [second.transcription])
        return comparison

    def remove(self, ids: Sequence[int]) -> int:
        """Forget tracks; their files are left alone. Returns how many there were."""
        return self.store.remove(ids)

    def tracks(self, where: Filter | None = None) -> list[Track]:
        """All tracks that pass a filter, by id."""
        return self.store.tracks(where)

    def failures(self) -> list[Failure]:
        """The ledger of files that could not be analysed."""
        return self.ledger.failures()

    def status(self) -> Status:
        """What the library holds."""
        background = self.background
        return status_of(
            self.store, self.folder, failures=len(self.failures()), scale=background.source if background else ""
        )

    def verify(self, *, repair: bool = False) -> list[Finding]:
        """Check the store; with `repair`, rebuild what can be rebuilt."""
        return self.store.verify(repair=repair)

    @property
    def background(self) -> Background | None:
        """What scores are measured against: the library's own random pairs, or the shipped ones."""
        return known_background(self.store, shipped_background(self.recipe, self.space))

    def _stored(self, track: Track) -> FacetVectors:
        found = self.store.excerpts([track.id])
        return found[track.id] if track.id in found else FacetVectors(np.zeros(0), np.zeros(0), {})

    def _listening(self, jobs: int | None) -> Listening:
        """How files are listened to: here, or in so many processes."""
        if jobs is None:
            return partial(run_here, analyzer=self.analyzer)
        return partial(run_in_processes, recipe=self.recipe, jobs=jobs)
