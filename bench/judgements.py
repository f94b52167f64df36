"""The plans nobody tuned to, and what an independent judge says about each line of theirs.

`tests/foreign/judged.json`: {plan: {"signs": [[names of known sentences that together say it] or
null, ...], "steps": [...], "donts": [...]}}.
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


def papers() -> Iterator[tuple[dict, str, list[str], list[list[str] | None] | None]]:
    """Each list of each plan: the plan, the kind, its lines; what means the same, once judged."""
    judged = json.loads(JUDGED.read_text("utf-8")) if JUDGED.exists() else {}
    for path in sorted(FOLDER.glob("*.json")):
        if path != JUDGED:
            for paper in json.loads(path.read_text("utf-8"))["plans"]:
                for kind in KINDS:
                    yield paper, kind, paper[kind], judged.get(paper["id"], {}).get(kind)


def is_offered(text: str, names: list[str] | None, lang: str, kind: str) -> bool:
    """All of them stand among the first five for the line, or for a clause of it as the page cuts
    it, and the guard lets them be attached."""
    if not names:
        return False
    stretches = [text, *(text[start:end] for start, end in suggesting.clauses(text))]
    use = use_of(kind)
    offered = {name for one in stretches for name in suggesting.suggest(one, lang, use)}
    return offered.issuperset(names) and is_allowed(text, names, lang, kind)


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
