"""Which known sentences may mean the same as a line: a search. A person chooses, never this.

And the guard of such a choice: numbers and refusals must be the same on both sides.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import product
from math import log, sqrt
from pathlib import Path

import phrases
from phrases import LIMITS, Part, catalogue, fold

SYNONYMS = Path(__file__).parent / "data" / "synonyms.toml"
SHOWN = 5
STEM = 6  # letters: what is left of a word without most of its endings
VARIANTS = 24  # of one template, at most
WEIGHTS = {"=": 1.0, "~": 0.9, "#": 0.6, "%": 0.35}  # stem, synonym, a number, part of a word
# What ends a clause beside the marks: two signs joined by "and" are two known sentences.
_JOINED = re.compile(r"[,;:.!?/+()\n]|\s[-–—]\s|\b(?:et|puis|und|dann|an|dann|and|then|e|depois)\b")

Vector = Mapping[str, float]


# ── what a text is made of ───────────────────────────────────────────────────────────────────────


@cache
def _synonyms(lang: str) -> list[tuple[str, str]]:
    rows = tomllib.loads(SYNONYMS.read_text("utf-8"))[lang]
    return [(fold(start), name) for name, starts in rows.items() for start in starts.split()]


def _features(text: str, lang: str) -> set[str]:
    folded = fold(text)
    found = {"#"} if re.search(r"\d|\{", folded) else set()
    for word in re.findall(r"[^\W\d_]+", re.sub(r"\{(\w+)\}", " ", folded)):
        found.add(f"={word[:STEM]}")
        found.update(f"~{name}" for start, name in _synonyms(lang) if word.startswith(start))
        padded = f"^{word}"
        found.update(f"%{padded[n : n + 4]}" for n in range(max(len(padded) - 3, 1)))
    return found


def _variants(template: str) -> Iterable[str]:
    """The ways to say a template: each choice of its alternatives, with and without its options."""
    plain = re.sub(r"\{\w+\|([^{}|]*)\|([^{}|]*)\}", r"\1 \2", template)
    pieces = re.split(r"([\[(][^\[\]()]*[\])])", plain)
    ways = [
        [*piece[1:-1].split("|"), *([""] if piece[0] == "[" else [])]
        if piece[:1] in ("[", "(")
        else [piece]
        for piece in pieces
    ]
    for _n, chosen in zip(range(VARIANTS), product(*ways), strict=False):
        yield "".join(chosen)


@cache
def _index(lang: str) -> tuple[Mapping[str, float], Mapping[str, list[tuple[int, float]]], list]:
    """What each feature weighs, where it stands, and whose each saying is."""
    sayings = [
        (phrase.id, _features(said, lang))
        for phrase in catalogue().values()
        for template in (phrase.texts[lang], *phrase.also[lang])
        for said in _variants(template)
    ]
    seen = Counter(feature for _name, found in sayings for feature in found)
    rare = {one: log(1 + len(sayings) / n) * WEIGHTS[one[0]] for one, n in seen.items()}
    stands = defaultdict(list)
    for n, (_name, found) in enumerate(sayings):
        length = sqrt(sum(rare[one] ** 2 for one in found)) or 1.0
        for one in found:
            stands[one].append((n, rare[one] / length))
    return rare, stands, [name for name, _found in sayings]


# ── searching ────────────────────────────────────────────────────────────────────────────────────


def clauses(text: str) -> list[tuple[int, int]]:
    """Where the clauses of a line stand: the stretches that may each be a sentence."""
    ends = [0, *(match.end() for match in _JOINED.finditer(fold(text))), len(text)]
    pairs = zip(ends, ends[1:], strict=False)
    return [(start, end) for start, end in pairs if re.search(r"\w{2}", text[start:end])]


def search(text: str, lang: str, use: str | None, limit: int = SHOWN) -> list[str]:
    """The nearest known sentences for the whole of `text`, the nearest first."""
    scores = _scores(text, lang, use)
    return sorted(scores, key=lambda name: (-scores[name], name))[:limit]


def _scores(text: str, lang: str, use: str | None) -> dict[str, float]:
    rare, stands, names = _index(lang)
    asked = {one: rare[one] for one in _features(text, lang) if one in rare}
    length = sqrt(sum(weight**2 for weight in asked.values())) or 1.0
    found: dict[int, float] = defaultdict(float)
    for one, weight in asked.items():
        for n, other in stands[one]:
            found[n] += weight * other / length
    best: dict[str, float] = {}
    for n, score in found.items():
        name = names[n]
        if use is None or use in catalogue()[name].uses:
            best[name] = max(score, best.get(name, 0.0))
    return best


def suggest(text: str, lang: str, use: str | None, limit: int = SHOWN) -> list[str]:
    """For a line: what stands near the whole of it, and near each of its clauses, in turns."""
    if lang not in phrases.LANGUAGES:
        return []
    spans = clauses(text)
    stretches = [text[start:end] for start, end in spans] if len(spans) > 1 else []
    ranked = [search(one, lang, use, limit) for one in (text, *stretches)]
    known = [part.phrase for part in phrases.recognise(text, lang, use) if part.phrase]
    return list(dict.fromkeys([*known, *_in_turns(ranked)]))[:limit]


def _in_turns(rows: list[list[str]]) -> Iterator[str]:
    for n in range(max(map(len, rows), default=0)):
        yield from (row[n] for row in rows if n < len(row))


# ── the guard ────────────────────────────────────────────────────────────────────────────────────


def numbers(text: str) -> Counter[str]:
    return Counter(one.replace(",", ".") for one in re.findall(r"\d+(?:[.,]\d+)*", text))


def _limits(text: str, lang: str) -> set[str]:
    """The words that refuse or limit."""
    limits = {fold(word) for word in LIMITS[lang].split()}
    return limits.intersection(re.split(r"[^\w]+", fold(text)))
