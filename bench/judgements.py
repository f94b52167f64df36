"""The plans nobody tuned to, and what an independent judge says about each line of theirs.

`tests/foreign/judged.json`: {plan: {"signs": [verdict, ...], "steps": [...], "donts": [...]}}. A
verdict is {"whole": names of known sentences that together say the line}, {"part": names that each
say a clause of it}, or {}: no known sentence says any of it.
"""

import json
from collections.abc import Iterator

import phrases
import suggesting
from bench.load import ROOT
from plan import use_of

FOLDER = ROOT / "tests" / "foreign"
JUDGED = FOLDER / "judged.json"
KINDS = ("signs", "steps", "donts")

Verdict = dict[str, list[str]]


def papers() -> Iterator[tuple[dict, str, list[str], list[Verdict]]]:
    """Each list of each plan: the plan, the kind, its lines and the verdict on each."""
    judged = json.loads(JUDGED.read_text("utf-8"))
    for path in sorted(FOLDER.glob("*.json")):
        if path != JUDGED:
            for paper in json.loads(path.read_text("utf-8"))["plans"]:
                for kind in KINDS:
                    yield paper, kind, paper[kind], judged[paper["id"]][kind]


def finds(text: str, verdict: Verdict, lang: str, kind: str) -> bool:
    """What the judge named is offered: for the whole line all of it, for a part one sentence."""
    if "whole" in verdict:
        return offers(text, lang, kind).issuperset(verdict["whole"])
    return not offers(text, lang, kind).isdisjoint(verdict.get("part", ()))


def is_offered(text: str, names: list[str], lang: str, kind: str) -> bool:
    return offers(text, lang, kind).issuperset(names) and is_allowed(text, names, lang, kind)


def offers(text: str, lang: str, kind: str) -> set[str]:
    """The first for the line, and for each clause of it as the page cuts it."""
    stretches = [text, *(text[start:end] for start, end in suggesting.clauses(text))]
    use = use_of(kind)
    return {name for one in stretches for name in suggesting.suggest(one, lang, use)}


def is_allowed(text: str, names: list[str], lang: str, kind: str) -> bool:
    """Whether a person who fills in the blanks from the line may attach them."""
    chosen, rest = [], text
    for name in names:
        blanks = filled(rest, name, lang)
        for value in blanks.values():
            rest = rest.replace(value, " " * len(value), 1)
        chosen.append((name, blanks))
    return suggesting.refusal(text, chosen, lang, use_of(kind)) == ""


def filled(text: str, name: str, lang: str) -> dict[str, str]:
    """Numbers in their order; a name is a word of the line, a choice the first there is."""
    phrase = phrases.catalogue()[name]
    blanks = phrases.guess(text, phrase)
    for blank, kind in phrase.params.items():
        if options := phrases.choices(kind, lang):
            blanks[blank] = next(iter(options))
        elif kind in phrases.FREE:
            words = [word for word in text.split() if word[:1].isupper() and word.isalpha()]
            blanks[blank] = words[-1] if words else text.split()[0]
    return blanks
