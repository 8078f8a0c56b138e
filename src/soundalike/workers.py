"""Listen to many files, here or in processes of their own.

Each process runs one thread, at low priority, and ends with its parent. A file that brings down its
process (a crash inside a decoder) is tried once more alone and then counted as failed.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias, TypeVar

from threadpoolctl import threadpool_limits

from soundalike.analysis import Analyzer
from soundalike.errors import SoundalikeError
from soundalike.recipe import Recipe
from soundalike.tracks import AnalysedTrack, Track

Given = TypeVar("Given")
Made = TypeVar("Made")

NICENESS = 10


@dataclass(frozen=True, slots=True)
class Task:
    """A file to listen to, and what the library knows of it already."""

    path: str
    known: Track | None = None


Outcome: TypeAlias = AnalysedTrack | Track | str
"""Vectors; or new metadata for the same sound; or the reason of a failure."""


def listen(task: Task, analyzer: Analyzer) -> Outcome:
    """Analyse one file. Whatever goes wrong with it becomes a sentence, since one file must not stop a run."""
    try:
        if task.known is not None and (same := analyzer.reread(task.known)) is not None:
            return same
        return analyzer.analyse(task.path)
    except SoundalikeError as error:
        return str(error)
    except MemoryError:
        return "There was not enough memory to decode it."
    except Exception as error:  # noqa: BLE001 - decoders raise anything; the ledger says what
        return f"Unexpected {type(error).__name__}: {error}"


def run_here(tasks: Iterable[Task], analyzer: Analyzer) -> Generator[tuple[Task, Outcome]]:
    """Listen in this process, in order."""
    for task in tasks:
        yield task, listen(task, analyzer)


def run_in_processes(tasks: Sequence[Task], recipe: Recipe, jobs: int) -> Generator[tuple[Task, Outcome]]:
    """Listen in `jobs` processes; outcomes come as they are ready.

    Never more than `jobs` files are on the way, so that a killed run repeats at most one each.
    """
    if not tasks:
        return
    waiting = deque(tasks)
    pool = _pool(recipe, jobs)
    running: dict[Future[Outcome], Task] = {}
    try:
        while True:
            while waiting and len(running) < jobs:
                task = waiting.popleft()
                with _interrupts_held():
                    running[pool.submit(_listen_there, task)] = task
            if not running:
                return
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            broken = [running.pop(future) for future in finished if _crashed(future)]
            for future in finished:
                if future in running:
                    yield running.pop(future), future.result()
            if broken:
                broken += running.values()
                running.clear()
                pool.shutdown(wait=False, cancel_futures=True)
                for task in broken:
                    yield task, _listen_alone(task, recipe)
                pool = _pool(recipe, jobs)
    finally:
        if running:
            _end(pool)  # nobody takes any more what they are listening to, which may be hours long
        pool.shutdown(wait=True, cancel_futures=True)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back while processes start: they inherit that until they ignore it themselves (see `_start`)."""
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    # Another thread may still take the signal, and Python would then interrupt this one all the same.
    main = threading.current_thread() is threading.main_thread()
    caught: list[int] = []
    handler = signal.signal(signal.SIGINT, lambda number, _: caught.append(number)) if main else None
    try:
        yield
    finally:
        if main:
            signal.signal(signal.SIGINT, handler)
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        if caught:
            signal.raise_signal(signal.SIGINT)


def _end(pool: ProcessPoolExecutor) -> None:
    """End a pool's processes at once, as `terminate_workers` does from Python 3.14."""
    for process in list((pool._processes or {}).values()):
        process.terminate()


_analyzer: Analyzer | None = None


def _pool(recipe: Recipe, jobs: int) -> ProcessPoolExecutor:
    return worker_pool(jobs, _start, recipe)


def _start(recipe: Recipe) -> None:
    global _analyzer
    become_worker()
    _analyzer = Analyzer(recipe)


def worker_pool(jobs: int, start: Callable[..., None] | None = None, *given: object) -> ProcessPoolExecutor:
    """Processes that work for this one.

    Parameters
    ----------
    jobs : int
        How many.
    start : callable, optional
        Called in each of them first, with what else is given, in place of `become_worker`, which it should call.
    """
    # A forked process would inherit locks and threads of the numeric libraries in unknown states.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(jobs, mp_context=context, initializer=partial(start, *given) if start else become_worker)


def in_order(make: Callable[[Given], Made], given: Sequence[Given], jobs: int) -> Iterator[Made]:
    """Results in the order of what was given, made here or in processes; no more than are taken, and a few."""
    if jobs == 1 or len(given) < 2:
        yield from map(make, given)
        return
    pool = worker_pool(min(jobs, len(given)))
    waiting = iter(given)
    running: deque[Future[Made]] = deque()
    try:
        while True:
            while len(running) < 2 * jobs and (more := next(waiting, None)) is not None:
                running.append(pool.submit(make, more))
            if not running:
                return
            yield running.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def become_worker() -> None:
    """Make this process one that works for another: one thread, low priority, and it ends with its parent."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    os.nice(NICENESS)
    threadpool_limits(1)  # type: ignore[no-untyped-call]
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _listen_there(task: Task) -> Outcome:
    assert _analyzer is not None
    return listen(task, _analyzer)


def _crashed(future: Future[Outcome]) -> bool:
    return isinstance(future.exception(), BrokenProcessPool)


def _listen_alone(task: Task, recipe: Recipe) -> Outcome:
    with _pool(recipe, 1) as pool:
        try:
            with _interrupts_held():
                future = pool.submit(_listen_there, task)
            return future.result()
        except BrokenProcessPool:
            return "The decoder crashed on this file."
