"""What the page of ``research abx`` says around its tables, in plain words; numbers come from the results."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from soundalike.research.evaluation.report import share
from soundalike.research.listeners.one_set import one_set
from soundalike.research.listeners.people import PEOPLE
from soundalike.research.listeners.published import BASELINE, PARTS, POOL, TABLE_1, WEIGHTED, WEIGHTS
from soundalike.research.listeners.run import Document

GAIN: Final = max(cell.ols[0] - BASELINE[cell.encoder] for cell in WEIGHTED if cell.ols)
"""The largest gain of a weighted sum over the cosine of the mix that the paper prints for least squares, in points."""


@dataclass(frozen=True, slots=True)
class Chapter:
    """A chapter of the page.

    Attributes
    ----------
    title : str
    story : callable
        Paragraphs for a results document, without line breaks; items of a list begin with "- ".
    plots : tuple of str
        Names of the files that are shown, where they are there.
    tables : tuple of str
        Titles of `soundalike.research.listeners.tables.sections`.
    """

    title: str
    story: Callable[[Document], list[str]]
    plots: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()


def in_short(document: Document) -> list[str]:
    """What the page finds, an item each."""
    xab, sets = _cell(document, "XAB", "mix"), one_set(document)
    between = _row(document["humans"]["between_persons"], "XAB", "all")
    pool = document["paper"].get("overall")
    found = pool and pool["track_only"]
    said = []
    if xab and xab["ceiling"]["limit"]:
        said.append(
            f"- Which of two *other* tracks is more alike is the open question. The best published system says what "
            f"most listeners say in {TABLE_1[1].agreement['XAB'][-1]} % of mixes; the most that can be expected is "
            f"{100 * xab['ceiling']['limit']:.1f}."
        )
    if sets:
        said.append(
            "- The published rows of CLAP and MuQ-MuLan are counted on different triplets. Where three tracks are "
            "asked about they do not say which of the two is better."
        )
    if between:
        weights = [100 * each["of_sum"] for each in between["factors"].values()]
        said.append(
            f"- What other people say of timbre, rhythm and melody, weighed {_split(weights)}, predicts whom listeners "
            "find more alike overall as well as what those people say overall."
        )
    if found:
        said.append(
            f"- The published gain of weighted stems is {GAIN:.1f} points, XAB and XYC pooled. Vectors that know the "
            f"track and no music gain {_mean(found['gain'])} by the same protocol: gains have to be shown in XAB."
        )
    return said


def _asked(document: Document) -> list[str]:
    counts = document["dataset"]["counts"]
    return [
        f"{counts['listeners']} people heard three clips of five seconds, X, A and B, and said which of A and B is "
        "more like X: in timbre, in rhythm, in melody, and overall. The clips were full mixes, or one part of them: "
        f"drums, bass, guitar, piano or the rest. There are {counts['trials']:,} trials on {counts['triplets']:,} "
        "triplets; a triplet of a single part was heard by about ten people, one of the mix by hardly six.",
        "- **XAB**: three different tracks. This is the question of a search: which of two other pieces is more alike?",
        "- **XYC**: X and Y are of one track, C is not. Whoever hears that two clips are of one piece is right.",
        "The two are never to be added up: XYC is nearly solved, XAB is not. A triplet is *kept* where at least 75 or "
        "80 % of its listeners chose the same side. That majority is what a system is held against.",
    ]


def _possible(document: Document) -> list[str]:
    xab, xyc = (_cell(document, config, "mix") for config in ("XAB", "XYC"))
    if not (xab and xyc and xab["kept"] and xyc["kept"]):
        return []
    limits, others = (
        [f"{100 * (cell['ceiling'][name] or 0):.{digits}f}" for cell in (xab, xyc)]
        for name, digits in (("limit", 1), ("one_versus_rest", 0))
    )
    return [
        "With few listeners a majority is sometimes an accident. So even a system that knew what everybody prefers "
        f"would not reach 100: on mixes at 80 % its **limit** is {limits[0]} in XAB and {limits[1]} in XYC. An average "
        f"listener goes with the majority of the others, where these agree so far, in {others[0]} and {others[1]} of "
        "100 answers (of single answers; a system is held against majorities). What in XAB lies between the published "
        "systems and the limit is what there is to gain."
    ]


def _one_set(document: Document) -> list[str]:
    sets = one_set(document)
    if not sets:
        return []
    open_, open_xyc = (
        sum(not each.decided for (own, _), each in sets.items() if own == config) for config in ("XAB", "XYC")
    )
    mix = sets["XAB", "mix"]
    return [
        "Table 1 of the instrument-weight paper (arXiv 2601.19109) has a row for CLAP and one for MuQ-MuLan. All 24 "
        "numbers of the two can be found again from the answers, but only if CLAP's were counted at 75 % and "
        "MuQ-MuLan's at 80 %, and if in XYC a triplet that was shown in both orders counts twice (inferred). So the "
        f"rows are of different triplets: in XAB, on mixes, {mix.of_loose} and {mix.of}. What CLAP has right on "
        f"MuQ-MuLan's {mix.of} is not known, but it can only lie between {mix.low:.1f} and {mix.high:.1f} %, and "
        f"MuQ-MuLan has {mix.strict:.1f}.",
        f"**In {open_} of the {len(PARTS)} columns of XAB, and {open_xyc} of XYC, the table does not say which of the "
        "two is better.** Here every system is counted on the same triplets, each once; the paper's way stands beside.",
    ]


def _factors(document: Document) -> list[str]:
    humans = document["humans"]
    within, between = (_row(humans[name], "XAB", "all") for name in ("within_person", "between_persons"))
    drums, rest = (_row(humans["between_persons"], "XAB", part) for part in ("drums", "residuals"))
    if not (within and between and drums and rest):
        return []
    followed = {factor: f"{100 * each['followed']['value']:.0f} %" for factor, each in within["factors"].items()}
    shares = [[100 * each["of_sum"] for each in row["factors"].values()] for row in (between, drums, rest)]
    return [
        "Nobody was asked what matters. Two ways to find it out need answers only, no system and no sound:",
        "- *Within a person* (left): where somebody's own answers for timbre, rhythm and melody disagree, which do "
        f"they follow when they choose overall? In XAB melody in {followed['melody']}, rhythm in {followed['rhythm']}, "
        f"timbre in {followed['timbre']}. Part of it is consistency, as all answers are given in one go.",
        "- *Between persons* (right): how well do the factor answers of one half of the listeners predict what the "
        f"other half chooses overall? In XAB timbre, rhythm and melody weigh {_split(shares[0])} of 100, and together "
        f"are right in {100 * between['joint']:.0f} %: as often as the overall choices of those same people "
        f"({100 * between['overall']:.0f} %).",
        "The first says melody, the second timbre and rhythm. Rhythm and melody answers nearly coincide, so that other "
        "people's melody adds little to their rhythm, while timbre is heard apart from both. It depends on the part: "
        f"of drums the three weigh {_split(shares[1])} of 100, of the rest {_split(shares[2])}. Three clean scores for "
        "three factors would be as good as asking other people: that is what factor heads are held to.",
    ]


def _parts(document: Document) -> list[str]:
    row = _row(document["humans"]["parts"], "XAB")
    if row is None:
        return []
    clear = [part for part, each in row["weights"].items() if each["weight"]["low"] > 0]
    return [
        "The same tracks were judged part by part, at other moments of them. How answers on each part predict answers "
        f"on the mix says which part listeners follow. In XAB the intervals of {', '.join(clear)} lie above zero; "
        f"the correlation of {row['correlation']:.2f} says how little the parts tell at other moments."
    ]


def _weighted(document: Document) -> list[str]:
    part = document["paper"].get("overall")
    found = part and part["track_only"]
    paper = (
        "The paper adds up the similarity of each stem, with weights fitted to 70 % of the triplets, and reports that "
        "MuQ-MuLan goes from 86.8 to 90.1 by it (left to right in the plot). It pools XAB and XYC."
    )
    if not found or len(found["alone"]) < 2:
        return [paper]
    gain, alone, added = found["gain"], found["alone"], found["added"]
    right, of = TABLE_1[1].counts["XYC"][-1]
    return [
        f"{paper} Of its {POOL} triplets (by our count {part['of']}) "
        f"{100 * part['kept']['XYC'] / part['of']:.0f} % are XYC. How much of a gain can be had there without hearing "
        "any music? Vectors were made up that know which track a clip is from, under much noise, and nothing else. Of "
        f"two other tracks they cannot say which is more alike (XAB {_mean(alone['XAB'])} %). One facet alone finds "
        f"the clip of the same track in {_mean(alone['XYC'])} % of XYC; seven have seven noises, which average out: "
        f"{_mean(added['XYC'])} %.",
        f"In the paper's protocol **that alone is a gain of {_mean(gain, '.0f')} points**, from "
        f"{_mean(found['mix'], '.1f')} to {_mean(found['weighted'], '.1f')} % ({found['draws']} draws, spread of the "
        f"gain {100 * gain['spread']:.1f}); the published one is {GAIN:.1f}, or 3.6 with a ridge. XAB stays at chance. "
        f"How much of the published gain is of this kind the pool cannot tell: MuQ-MuLan's cosine has {right} of {of} "
        f"XYC right (inferred), which leaves room for {100 * (of - right) / part['of']:.1f} points there. What is "
        "shown in XAB alone is not open to this.",
    ]


def _strict(document: Document) -> list[str]:
    rules = (
        "So models are also measured by rules that this cannot fool: XAB and XYC apart; no track on both sides of a "
        "split; the ridge's strength chosen in training; intervals over tracks; any two models on the same triplets."
    )
    models = document["strict"].get("overall", {}).get("XAB", {"models": {}})["models"]
    people = models.get(f"{PEOPLE}: parts")
    if people is None:
        return [rules]
    return [
        rules,
        "One of the models is made of people: other listeners' answers on the five parts, weighted like stems. In XAB "
        f"they reach {share(people['agreement'])} %, no more than the {TABLE_1[1].agreement['XAB'][-1]} that are "
        "printed for the cosine of MuQ-MuLan, though they are human: what people say of other moments of a track holds "
        "for this moment only so far.",
    ]


def _heads(document: Document) -> list[str]:
    silent = ", ".join(f"{weights['vocals']:.2f} ({name})" for name, weights in WEIGHTS.items() if "vocals" in weights)
    counts = " and ".join(f"{found['conflicts']} in {config}" for config, found in document["factors"].items())
    return [
        "Two checks tell whether a head or a weight means what its name says. Both need vectors of the clips.",
        "- **Factor heads on conflicts.** Where most listeners chose one candidate for timbre and the other for rhythm "
        "or melody, a timbre head has to be above 50 for timbre and below for the others. On all triplets together any "
        "vector that hears music is above 50 for everything, which says nothing of factors. Over all parts there are "
        f"{counts} such triplets.",
        "- **The vocals, as a control.** This music has next to none, so that what a vocals stem weighs is noise, and "
        f"what leaks into it. The paper prints {silent}, where its other stems begin at 0.10. Every weight that is "
        "fitted here has beside it the share of the draws in which it beats that of the vocals.",
    ]


CHAPTERS: Final = (
    Chapter("What was asked", _asked),
    Chapter("What is possible", _possible, ("agreement.svg",), ("Triplets kept, and what is possible",)),
    Chapter(
        "What one and the same set does to a published table",
        _one_set,
        ("one-set.svg",),
        ("One facet at a time, as the paper counts", "One facet at a time, each triplet once", "Single votes"),
    ),
    Chapter("Which factor weighs how much, and for whom", _factors, ("factors.svg",), ("What factors weigh",)),
    Chapter("Which part weighs how much", _parts, ("parts.svg",), ("What parts weigh",)),
    Chapter(
        "What a weighted sum gains, and what it gains without music",
        _weighted,
        ("gains.svg",),
        ("Weighted models, as the paper measures them", "Weights, as the paper fits them"),
    ),
    Chapter(
        "Weighted models on tracks that they have not seen",
        _strict,
        ("weights.svg",),
        ("Weighted models on unseen tracks", "Which model is better", "Weights, at equal spread"),
    ),
    Chapter(
        "Does a head hear its own factor, and is a weight more than noise",
        _heads,
        (),
        ("Do heads hear their own factor",),
    ),
)


def _cell(document: Document, config: str, part: str) -> Mapping[str, Any] | None:
    """The overall answers at 80 % of one config and part."""
    wanted = {"config": config, "part": part, "perspective": "overall", "cutoff": 0.80}
    return next((cell for cell in document["cells"] if wanted.items() <= cell.items()), None)


def _row(rows: Sequence[Mapping[str, Any]], config: str, part: str | None = None) -> Mapping[str, Any] | None:
    return next((row for row in rows if (row["config"], row.get("part")) == (config, part)), None)


def _mean(found: Mapping[str, float], form: str = ".0f") -> str:
    return format(100 * found["mean"], form)


def _split(shares: Sequence[float]) -> str:
    return ", ".join(f"{share:.0f}" for share in shares[:-1]) + f" and {shares[-1]:.0f}"
