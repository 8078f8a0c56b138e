"""What every store must do, whatever it is made of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from soundalike.errors import NotFoundError, SpaceMismatchError, StoreError, UsageError
from soundalike.facets import Facet, FacetVectors, Space, Weights
from soundalike.filters import HasTag, Not, OneOf, Prefix, parse_filter
from soundalike.scoring import LEVELS, Background, FacetBackground, Scoring
from soundalike.stores import STORES, Store, open_store
from soundalike.tracks import AnalysedTrack, Track
from store_reference import FACETS, SPACE, assert_agrees, make_entry, make_query, rank

Opener = Callable[..., Store]

BACKGROUND = Background(
    {
        level: {
            facet: FacetBackground(0.1 * i, 0.1 + 0.05 * i, tuple(np.linspace(-1, 1, 101).tolist()))
            for i, facet in enumerate(FACETS)
        }
        for level in LEVELS
    },
    "made up",
    40,
)

DIRICHLET = dict(zip(FACETS, np.random.default_rng(4).dirichlet([0.3] * len(FACETS)).tolist(), strict=True))
WEIGHTS = {
    "equal": dict.fromkeys(FACETS, 1.0),
    **{f"one-hot {facet}": {facet: 2.0} for facet in FACETS},
    "Dirichlet": DIRICHLET,
    "negative": {"melody": 1.0, "timbre": -0.5, "drums.rhythm": -1.0},
    "only negative": {"timbre": -1.0},
}


@pytest.fixture(params=sorted(STORES))
def reopen(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Opener]:
    """Open the same store again and again."""
    opened: list[Store] = []

    def opener(space: Space = SPACE) -> Store:
        opened.append(open_store(str(tmp_path / "library"), space, name=request.param))
        return opened[-1]

    yield opener
    for store in opened:
        store.close()


@pytest.fixture
def store(reopen: Opener) -> Store:
    return reopen()


def fill(store: Store, count: int = 40, **options: object) -> dict[int, AnalysedTrack]:
    entries = [make_entry(number, **options) for number in range(count)]
    return dict(zip(store.add(entries), entries, strict=True))


def weigh(values: dict[str, float], *, raw: bool = False, level: str = "excerpt") -> Scoring:
    return Scoring.of(Weights(values), None if raw else BACKGROUND, level)


EQUAL = weigh(WEIGHTS["equal"])


def test_it_is_a_store(store: Store) -> None:
    assert isinstance(store, Store)
    assert store.space == SPACE


@pytest.mark.parametrize("raw", [False, True], ids=["standardised", "raw"])
@pytest.mark.parametrize("name", WEIGHTS)
def test_nearest_agrees_with_brute_force(store: Store, name: str, raw: bool) -> None:
    entries = fill(store)
    scoring = weigh(WEIGHTS[name], raw=raw)
    for number in range(3):
        query = make_query(number)
        found = store.nearest(query, scoring, k=10, level="excerpt")
        assert_agrees(found, rank(entries, query, scoring), k=10, tolerance=2e-3 if raw else 2e-2)


def test_nearest_ranks_sections(store: Store) -> None:
    entries = fill(store, excerpts=30)
    query, scoring = make_query(1), weigh(WEIGHTS["Dirichlet"], raw=True, level="section")
    found = store.nearest(query, scoring, k=10, level="section")
    assert_agrees(found, rank(entries, query, scoring, level="section"), k=10)
    assert {hit.end - hit.start for hit in found} <= {120.0, 60.0}


def test_score_and_cosines_are_those_of_the_stored_vectors(store: Store) -> None:
    fill(store)
    query = make_query(5)
    for hit in store.nearest(query, EQUAL, k=5, level="excerpt"):
        own = store.excerpts([hit.track])[hit.track]
        row = own.start.tolist().index(hit.start)
        expected = {f: float(own.vectors[f][row] @ query[f]) for f in FACETS if own.present(f)[row] and query[f].any()}
        assert hit.cosines == pytest.approx(expected, abs=1e-5)
        cosines = {f: np.float32(expected.get(f, np.nan)) for f in FACETS}
        assert hit.score == pytest.approx(float(EQUAL.score(cosines)), abs=1e-4)


def test_absent_query_facets_do_not_count(store: Store) -> None:
    entries = fill(store)
    query = {**make_query(2), Facet("melody"): np.zeros(SPACE.dim, np.float32)}
    del query[Facet("timbre")]
    found = store.nearest(query, EQUAL, k=10, level="excerpt")
    assert_agrees(found, rank(entries, query, EQUAL), k=10, tolerance=2e-2)
    assert all(not {Facet("melody"), Facet("timbre")} & set(hit.cosines) for hit in found)


def test_rows_without_a_common_facet_are_never_found(store: Store) -> None:
    fill(store)
    only = weigh({"drums.rhythm": 1.0})
    silent = {**make_query(0), Facet("drums.rhythm"): np.zeros(SPACE.dim, np.float32)}
    assert store.nearest(silent, only, k=10, level="excerpt") == []
    assert store.nearest(make_query(0), weigh({"vocals": 1.0}), k=10, level="excerpt") == []
    present = sum(int(own.present(FACETS[4]).sum()) for own in store.excerpts(range(100)).values())
    assert 0 < present < 320
    assert len(store.nearest(make_query(1), only, k=1000, level="excerpt")) == present


@pytest.mark.parametrize(
    "texts",
    [
        ["tempo=90..110"],
        ["tempo!=90..110"],
        ["key=8A|D major"],
        ["artist=ann|BOB", "tag=jazz"],
        ["tag!=jazz"],
        ["path=/music/a"],
        ["path=/music/a/00002.wav"],
        ["duration<1"],
        ["family=drums|bass"],
        ["family!=drums", "kind=loop"],
        ["kind!=loop"],
    ],
    ids=str,
)
def test_filters_apply_before_ranking(store: Store, texts: list[str]) -> None:
    entries = fill(store)
    where = parse_filter(texts)
    query = make_query(3)
    ranked = rank(entries, query, EQUAL, where=where)
    assert_agrees(store.nearest(query, EQUAL, k=10, level="excerpt", where=where), ranked, k=10, tolerance=2e-2)


def test_tracks_gives_those_that_pass_by_ascending_id(store: Store) -> None:
    entries = fill(store)
    assert [track.id for track in store.tracks()] == sorted(entries)
    jazz = [number for number, entry in sorted(entries.items()) if "jazz" in entry.track.tags]
    assert [track.id for track in store.tracks(HasTag("jazz"))] == jazz
    assert [track.id for track in store.tracks(Not(HasTag("jazz")))] == sorted(set(entries) - set(jazz))


def test_a_filter_sees_later_changes(store: Store) -> None:
    entries = fill(store)
    query = make_query(1)
    assert store.nearest(query, EQUAL, k=1, level="excerpt", where=OneOf("artist", ("Zoe",))) == []
    number = next(iter(entries))
    store.amend(replace(entries[number].track, id=number, artist="Zoe"))
    found = store.nearest(query, EQUAL, k=1, level="excerpt", where=OneOf("artist", ("Zoe",)))
    assert [hit.track for hit in found] == [number]


def test_excluded_tracks_are_left_out(store: Store) -> None:
    entries = fill(store)
    query = make_query(4)
    first = [hit.track for hit in store.nearest(query, EQUAL, k=5, level="excerpt")]
    found = store.nearest(query, EQUAL, k=10, level="excerpt", exclude=first)
    assert_agrees(found, rank(entries, query, EQUAL, exclude=first), k=10, tolerance=2e-2)


def test_distinct_gives_the_best_row_of_each_track(store: Store) -> None:
    entries = fill(store)
    query = make_query(4)
    found = store.nearest(query, EQUAL, k=15, level="excerpt", distinct=True)
    assert len({hit.track for hit in found}) == 15
    assert_agrees(found, rank(entries, query, EQUAL, distinct=True), k=15, tolerance=2e-2)


def test_distinct_is_not_crowded_out_by_one_long_track(store: Store) -> None:
    entries, scoring = fill(store, count=20), weigh(WEIGHTS["equal"], raw=True)
    query = {facet: rows[0] for facet, rows in make_entry(1, excerpts=1).excerpts.vectors.items()}
    many = FacetVectors(
        10.0 * np.arange(1500), 10.0 * np.arange(1500) + 10.0, {f: np.tile(v, (1500, 1)) for f, v in query.items()}
    )
    long = AnalysedTrack(Track("/music/long.wav", duration=15000.0), many)
    (number,) = store.add([long])
    entries[number] = long
    found = store.nearest(query, scoring, k=10, level="excerpt", distinct=True)
    assert found[0].track == number
    assert_agrees(found, rank(entries, query, scoring, distinct=True), k=10)


def test_equal_scores_come_by_ascending_position(store: Store) -> None:
    one = make_entry(1, excerpts=1)
    ids = store.add([AnalysedTrack(Track(f"/{i}.wav"), one.excerpts) for i in range(300)])
    query = {facet: rows[0] for facet, rows in one.excerpts.vectors.items()}
    found = store.nearest(query, EQUAL, k=20, level="excerpt")
    assert [hit.track for hit in found] == ids[:20]


def test_k_may_exceed_the_rows(store: Store) -> None:
    entries = fill(store, count=5)
    query = make_query(0)
    found = store.nearest(query, EQUAL, k=10_000, level="excerpt")
    assert_agrees(found, rank(entries, query, EQUAL), k=10_000, tolerance=2e-2)
    assert store.nearest(query, EQUAL, k=0, level="excerpt") == []


def test_an_empty_store_answers_everything(store: Store) -> None:
    assert store.add([]) == []
    assert store.tracks() == []
    assert store.tracks(Prefix("/music")) == []
    assert store.get([1]) == {}
    assert store.find(path="/x") == []
    assert store.excerpts([1]) == {}
    assert store.nearest(make_query(0), EQUAL, k=5, level="section") == []
    assert (store.count().tracks, store.count().excerpts, store.spaces()) == (0, 0, [])
    assert store.background() is None
    assert store.remove([1, 2]) == 0
    assert all(finding.ok for finding in store.verify())


def test_everything_survives_reopening(store: Store, reopen: Opener) -> None:
    entries = fill(store)
    store.set_background(BACKGROUND)
    query = make_query(2)
    before = store.nearest(query, EQUAL, k=10, level="excerpt")
    vectors = store.excerpts(list(entries))
    store.close()
    store.close()
    again = reopen()
    assert again.nearest(query, EQUAL, k=10, level="excerpt") == before
    assert again.background() == BACKGROUND
    assert again.count().excerpts == 320
    for number, own in again.excerpts(list(entries)).items():
        for facet in FACETS:
            assert np.array_equal(own.vectors[facet], vectors[number].vectors[facet])


def test_vectors_come_back_as_they_were(store: Store) -> None:
    entries = fill(store)
    for number, own in store.excerpts(list(entries)).items():
        given = entries[number].excerpts
        assert np.array_equal(own.start, given.start)
        assert np.array_equal(own.end, given.end)
        for facet in FACETS:
            assert own.vectors[facet].dtype == np.float32
            assert np.array_equal(own.present(facet), given.present(facet))
            assert np.allclose(own.vectors[facet], given.vectors[facet], atol=1e-3)
            lengths = np.linalg.norm(own.vectors[facet][own.present(facet)], axis=1)
            assert np.allclose(lengths, 1.0, atol=1e-6)


def test_tracks_come_back_as_they_were(store: Store) -> None:
    track = Track(
        "/music/caf\udce9/ \n'\"%_.wav",
        size=2**40,
        mtime_ns=1_700_000_000_123_456_789,
        file_hash="f",
        audio_hash="a",
        duration=12.3456789,
        tempo=119.99,
        tempo_confidence=0.5,
        key="F# major",
        camelot="2B",
        key_confidence=0.25,
        title="Ünï\x00cödé 音楽",
        artist="Robert'); DROP TABLE track;--",
        album="",
        tags=("zouk", "ambient"),
        family="drums",
        kind="one-shot",
        warning="odd",
    )
    (number,) = store.add([AnalysedTrack(track, make_entry(0).excerpts)])
    assert store.get([number]) == {number: replace(track, id=number)}
    assert store.find(path=track.path) == [replace(track, id=number)]
    assert store.tracks(Prefix("/music/caf\udce9")) == [replace(track, id=number)]
    assert store.tracks(OneOf("artist", ("ROBERT'); drop table track;--",))) == [replace(track, id=number)]


def test_find_takes_one_of_three_marks(store: Store) -> None:
    fill(store, count=5)
    assert [track.path for track in store.find(file_hash="f3")] == ["/music/b/00003.wav"]
    assert [track.path for track in store.find(audio_hash="a2")] == ["/music/a/00002.wav"]
    assert store.find(path="/music/none.wav") == []
    with pytest.raises(UsageError):
        store.find(path="/x", file_hash="f3")
    with pytest.raises(UsageError):
        store.find()


def test_silent_tracks_are_known_but_never_found(store: Store) -> None:
    empty = FacetVectors(np.zeros(0), np.zeros(0), {})
    shaped = FacetVectors(np.zeros(0), np.zeros(0), {f: np.zeros((0, SPACE.dim), np.float32) for f in FACETS})
    ids = store.add(
        [AnalysedTrack(Track(f"/{i}.wav", silent=True, duration=3.0), rows) for i, rows in enumerate((empty, shaped))]
    )
    assert [track.silent for track in store.tracks()] == [True, True]
    assert store.excerpts(ids) == {}
    assert store.nearest(make_query(0), EQUAL, k=5, level="excerpt") == []
    counts = store.count()
    assert (counts.tracks, counts.excerpts, counts.seconds, counts.silent) == (2, 0, 6.0, 2)


def test_an_excerpt_without_any_facet_is_kept_but_never_found(store: Store) -> None:
    nothing = FacetVectors(np.zeros(1), np.ones(1), {f: np.zeros((1, SPACE.dim), np.float32) for f in FACETS})
    (number,) = store.add([AnalysedTrack(Track("/quiet.wav"), nothing)])
    assert len(store.excerpts([number])[number]) == 1
    assert store.nearest(make_query(0), EQUAL, k=5, level="excerpt") == []


def test_a_path_that_was_there_keeps_its_id_and_gets_the_new_vectors(store: Store) -> None:
    entries = fill(store)
    number = sorted(entries)[3]
    fresh = make_entry(777, excerpts=4, path=entries[number].track.path)
    assert store.add([fresh]) == [number]
    entries[number] = fresh
    query = {facet: rows[0] for facet, rows in fresh.excerpts.vectors.items()}
    assert_agrees(store.nearest(query, EQUAL, k=10, level="excerpt"), rank(entries, query, EQUAL), k=10, tolerance=2e-2)
    assert store.count().excerpts == 39 * 8 + 4


def test_a_path_twice_in_one_call_is_one_track(store: Store) -> None:
    first, second = make_entry(1), make_entry(2, path=make_entry(1).track.path)
    ids = store.add([first, second])
    assert ids[0] == ids[1]
    assert store.tracks() == [replace(second.track, id=ids[0])]


def test_ids_of_removed_tracks_are_never_given_again(store: Store, reopen: Opener) -> None:
    entries = fill(store, count=5)
    last = max(entries)
    assert store.remove([last, 9999]) == 1
    store.close()
    again = reopen()
    (number,) = again.add([make_entry(50)])
    assert number > last
    assert last not in again.get([last, number])


def test_removed_tracks_are_never_found(store: Store) -> None:
    entries = fill(store)
    query = make_query(6)
    gone = [hit.track for hit in store.nearest(query, EQUAL, k=10, level="excerpt", distinct=True)]
    assert store.remove(gone) == 10
    for number in gone:
        del entries[number]
    found = store.nearest(query, EQUAL, k=10, level="excerpt")
    assert_agrees(found, rank(entries, query, EQUAL), k=10, tolerance=2e-2)
    assert store.excerpts(gone) == {}
    assert store.count().tracks == 30


def test_a_new_last_row_is_not_mistaken_for_a_removed_one(store: Store) -> None:
    entries = fill(store, count=200)
    query = make_query(6)
    store.nearest(query, EQUAL, k=1, level="excerpt")
    last = max(entries)
    store.remove([last])
    del entries[last]
    fresh = make_entry(888)
    entries[store.add([fresh])[0]] = fresh
    query = {facet: rows[5] for facet, rows in fresh.excerpts.vectors.items()}
    assert_agrees(store.nearest(query, EQUAL, k=10, level="excerpt"), rank(entries, query, EQUAL), k=10, tolerance=2e-2)


def test_amend_keeps_the_vectors(store: Store) -> None:
    entries = fill(store, count=3)
    number = sorted(entries)[1]
    moved = replace(entries[number].track, id=number, path="/elsewhere/x.wav", title="New", tags=("calm",))
    store.amend(moved)
    assert store.get([number])[number] == moved
    assert store.tracks(HasTag("calm")) == [moved]
    assert store.find(path=entries[number].track.path) == []
    assert len(store.excerpts([number])[number]) == 8


def test_amend_refuses_unknown_ids_and_taken_paths(store: Store) -> None:
    entries = fill(store, count=2)
    first, second = sorted(entries)
    with pytest.raises(NotFoundError, match="99"):
        store.amend(replace(entries[first].track, id=99, path="/new.wav"))
    with pytest.raises(StoreError, match="already track"):
        store.amend(replace(entries[first].track, id=second))
    assert store.get([second])[second].path == entries[second].track.path


def other_space(name: str = "test/2", facets: tuple[Facet, ...] = FACETS[:2], dim: int = 16) -> Space:
    return Space(name, facets, dim)


def test_vectors_of_another_shape_are_refused_and_nothing_is_stored(store: Store) -> None:
    good = make_entry(0)
    for space in (other_space(), other_space(dim=32), other_space(facets=FACETS, dim=16)):
        with pytest.raises(SpaceMismatchError):
            store.add([good, make_entry(1, space=space)])
    assert store.tracks() == []


def test_vectors_that_are_not_finite_are_refused(store: Store) -> None:
    rows = make_entry(0).excerpts
    rows.vectors[FACETS[0]][0, 0] = np.nan
    with pytest.raises(UsageError, match="finite"):
        store.add([AnalysedTrack(Track("/x.wav"), rows)])


def test_queries_of_another_shape_are_refused(store: Store) -> None:
    fill(store, count=2)
    with pytest.raises(SpaceMismatchError):
        store.nearest({FACETS[0]: np.ones(16, np.float32)}, EQUAL, k=3, level="excerpt")
    with pytest.raises(UsageError, match="finite"):
        store.nearest({FACETS[0]: np.full(32, np.nan, np.float32)}, EQUAL, k=3, level="excerpt")


def test_a_space_name_stands_for_one_recipe(store: Store, reopen: Opener) -> None:
    fill(store, count=1)
    with pytest.raises(SpaceMismatchError):
        reopen(replace(SPACE, dim=16))


def test_spaces_live_side_by_side(store: Store, reopen: Opener) -> None:
    entries = fill(store)
    space = other_space()
    second = reopen(space)
    assert second.tracks() == []
    assert second.background() is None
    others = [make_entry(number, space=space, seed=9) for number in range(20)]
    assert second.add(others) == sorted(entries)[:20]
    assert sorted(store.spaces()) == sorted(second.spaces()) == ["test/1", "test/2"]
    assert (store.count().tracks, second.count().tracks) == (40, 20)
    query, scoring = make_query(3, space=space, seed=9), weigh({"melody": 1.0, "rhythm": 1.0}, raw=True)
    ranked = rank(dict(zip(sorted(entries), others, strict=False)), query, scoring)
    assert_agrees(second.nearest(query, scoring, k=10, level="excerpt"), ranked, k=10)
    query = make_query(3)
    assert_agrees(store.nearest(query, EQUAL, k=10, level="excerpt"), rank(entries, query, EQUAL), k=10, tolerance=2e-2)
    store.remove(sorted(entries)[:5])
    assert second.count().tracks == 15


def test_changed_audio_drops_the_vectors_of_other_spaces(store: Store, reopen: Opener) -> None:
    space = other_space()
    second = reopen(space)
    first_id, second_id = (store.add([make_entry(i)])[0] for i in range(2))
    second.add([make_entry(0, space=space), make_entry(1, space=space)])
    store.add([make_entry(0), make_entry(1, audio_hash="changed")])
    assert [track.id for track in second.tracks()] == [first_id]
    assert set(second.excerpts([first_id, second_id])) == {first_id}


def test_transcriptions_come_back_and_go_with_their_tracks(store: Store, reopen: Opener) -> None:
    entries = fill(store, count=10)
    expected = {number: entry.transcription for number, entry in entries.items() if entry.transcription}
    assert len(expected) == 8
    assert store.transcriptions([*entries, 999]) == expected
    assert reopen().transcriptions(list(entries)) == expected
    first, second, *_ = expected
    store.remove([first])
    assert set(store.transcriptions(list(entries))) == set(expected) - {first}
    changed = replace(entries[second], transcription=entries[max(expected)].transcription)
    assert store.add([changed]) == [second]
    assert store.transcriptions([second]) == {second: changed.transcription}
    store.add([replace(changed, transcription=None)])
    assert store.transcriptions([second]) == {}


def test_transcriptions_belong_to_their_space(store: Store, reopen: Opener) -> None:
    (number,) = store.add([make_entry(0)])
    other = reopen(other_space())
    assert other.transcriptions([number]) == {}
    other.add([make_entry(0, space=other_space())])
    assert other.transcriptions([number]) == store.transcriptions([number]) != {}
    store.add([make_entry(0, audio_hash="changed")])
    assert other.transcriptions([number]) == {}


def test_amending_keeps_the_transcription(store: Store) -> None:
    (number,) = store.add([make_entry(0)])
    store.amend(replace(store.get([number])[number], title="Another name"))
    assert set(store.transcriptions([number])) == {number}


def test_background_is_kept_and_replaced(store: Store) -> None:
    store.set_background(BACKGROUND)
    assert store.background() == BACKGROUND
    newer = replace(BACKGROUND, source="newer", alignments=BACKGROUND.levels["track"])
    store.set_background(newer)
    assert store.background() == newer


def test_thousands_of_ids_at_once(store: Store) -> None:
    entries = fill(store, count=30, excerpts=1)
    many = list(range(-5, 50_000))
    assert sorted(store.get(many)) == sorted(entries)
    assert sorted(store.excerpts(many)) == sorted(entries)
    keep = max(entries)
    found = store.nearest(
        make_query(0), EQUAL, k=3, level="excerpt", exclude=[number for number in many if number != keep]
    )
    assert {hit.track for hit in found} <= {keep}
    names = OneOf("artist", (*(f"nobody {i}" for i in range(50_000)), "ann"))
    assert len(store.tracks(names)) == 10
    assert store.remove([number for number in many if number != keep]) == 29


def test_searching_leaves_its_arguments_alone(store: Store) -> None:
    fill(store, count=5)
    query = make_query(0)
    copy = {facet: vector.copy() for facet, vector in query.items()}
    store.nearest(query, EQUAL, k=3, level="excerpt")
    assert all(np.array_equal(query[facet], copy[facet]) for facet in copy)


ADDER = """
import sys
sys.path.insert(0, sys.argv[1])
from store_reference import SPACE, make_entry
from soundalike.stores import open_store
with open_store(sys.argv[2], SPACE, name=sys.argv[3]) as store:
    print(store.add([make_entry(int(number)) for number in sys.argv[4:]]))
"""


def test_a_commit_of_another_process_is_seen_at_once(
    store: Store, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    entries = fill(store, count=3)
    query = {facet: rows[0] for facet, rows in make_entry(60).excerpts.vectors.items()}
    store.nearest(query, EQUAL, k=5, level="excerpt")
    name = request.node.callspec.params["reopen"]
    here = str(Path(__file__).parent)
    command = [sys.executable, "-c", ADDER, here, str(tmp_path / "library"), name, "60", "61"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ids = [int(number) for number in done.stdout.strip("[]\n").split(",")]
    entries.update({number: make_entry(60 + i) for i, number in enumerate(ids)})
    assert_agrees(store.nearest(query, EQUAL, k=10, level="excerpt"), rank(entries, query, EQUAL), k=10, tolerance=2e-2)
    assert store.count().tracks == 5
