"""Which known sentences may mean the same as a line: a search. A person chooses, never this.

And the guard of such a choice: numbers and refusals must be the same on both sides.
"""

import re
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import product
from math import log, sqrt
from pathlib import Path

import phrases
from database import DomainError
from phrases import Part, catalogue, fold

SYNONYMS = Path(__file__).parent / "data" / "synonyms.toml"
SHOWN = 8
STEM = 6  # letters: what is left of a word without most of its endings
VARIANTS = 24  # of one template, at most
WEIGHTS = {"=": 1.0, "~": 0.9, "#": 0.6, "%": 0.35}  # stem, synonym, a number, part of a word
# What ends a clause beside the marks: two signs joined by "and" are two known sentences.
_JOINED = re.compile(
    r"(?:[;!?()+\n]|[,.:](?=\s|$)|\s/\s|\s[-–—]\s|\b(?:et|puis|und|dann|an|a|and|then|e|depois)\s)\s*",
    re.IGNORECASE,
)
# What refuses and what limits, in kinds: the words differ, the kinds on both sides may not. Every
# word of phrases.LIMITS stands in one of them.
KINDS = {
    "not": {
        "en": "not no never nor don doesn isn cannot won",
        "fr": "ne n pas jamais aucun aucune ni",
        "de": "nicht kein keine keinen keinem keiner nie niemals",
        "lb": "net keng keen kee kengem ni",
        "pt": "não nunca nenhum nenhuma nem",
    },
    "nothing": {
        "en": "nothing none without",
        "fr": "rien sans",
        "de": "nichts ohne",
        "lb": "näischt ouni",
        "pt": "nada sem",
    },
    "only": {
        "en": "unless except only",
        "fr": "sauf seulement sinon uniquement",
        "de": "außer nur",
        "lb": "ausser just nëmmen nëmme",
        "pt": "exceto salvo apenas",
    },
    "if": {
        "en": "if when until",
        "fr": "si quand lorsque jusqu",
        "de": "wenn falls bei bis",
        "lb": "wann bei bis",
        "pt": "se quando até",
    },
    "or": {
        "en": "but or",
        "fr": "mais ou",
        "de": "aber oder",
        "lb": "mee oder",
        "pt": "mas ou",
    },
}

Chosen = tuple[str, dict[str, str]]  # a known sentence and what fills its blanks


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
    ends = sorted({0, *(match.end() for match in _JOINED.finditer(text)), len(text)})
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
    ranked = [search(one, lang, use, 2 * limit) for one in (text, *stretches)]
    known = [part.phrase for part in phrases.recognise(text, lang, use) if part.phrase]
    begun = [name for name in ranked[0] if _text(name, lang).startswith(fold(text).strip())]
    begun.sort(key=lambda name: len(_text(name, lang)))
    return list(dict.fromkeys([*known, *begun, *_in_turns(ranked)]))[:limit]


def _text(name: str, lang: str) -> str:
    return fold(catalogue()[name].texts[lang])


def _in_turns(rows: list[list[str]]) -> Iterator[str]:
    for n in range(max(map(len, rows), default=0)):
        yield from (row[n] for row in rows if n < len(row))


# ── the guard ────────────────────────────────────────────────────────────────────────────────────


def numbers(text: str) -> Counter[str]:
    return Counter(one.replace(",", ".") for one in re.findall(r"\d+(?:[.,]\d+)*", text))


def limits(text: str, lang: str) -> set[str]:
    """The kinds of refusal and limit that stand in it."""
    said = set(re.split(r"[^\w]+", fold(text)))
    return {kind for kind, words in KINDS.items() if said & set(fold(words[lang]).split())}


def refusal(text: str, chosen: Sequence[Chosen], lang: str, use: str | None) -> str:
    """Why these sentences cannot stand for `text`: a code, or "" when nothing speaks against it.

    What a do-not list names stands below "Do not": there the words may bring a "not" of their own.
    """
    if any(phrases.problems(name, params) for name, params in chosen):
        return "meaning-blanks"
    sentence = ". ".join(phrases.render(name, params, lang) for name, params in chosen)
    if numbers(sentence) != numbers(text):
        return "meaning-numbers"
    here, there = limits(text, lang), limits(sentence, lang)
    if (here - {"not"} if use == "dont" and "not" not in there else here) != there:
        return "meaning-refusal"
    return "" if all(_are_said(text, name, params) for name, params in chosen) else "meaning-words"


def _are_said(text: str, name: str, params: Mapping[str, str]) -> bool:
    """Whether names and words that fill a blank are the doctor's own."""
    kinds = catalogue()[name].params
    said = fold(text)
    return all(fold(params[one]) in said for one, kind in kinds.items() if kind in phrases.FREE)


def attach(
    parts: Sequence[Part], span: tuple[int, int], chosen: Sequence[Chosen], lang: str, use: str
) -> tuple[Part, ...]:
    """The same words; those of `span` carry the chosen sentences. Several: the last holds them."""
    start, end, at = *span, 0
    for n, part in enumerate(parts):
        first, last = start - at, end - at
        if not part.phrase and 0 <= first < last <= len(part.text) and chosen:
            stretch = part.text[first:last]
            if code := refusal(stretch, chosen, lang, use):
                raise DomainError(code)
            *others, (name, params) = chosen
            meant = [Part("", other, blanks, True) for other, blanks in others]
            around = (part.text[:first], part.text[last:])
            before, after = ((Part(text),) if text else () for text in around)
            here = (*before, *meant, Part(stretch, name, params, True), *after)
            return (*parts[:n], *here, *parts[n + 1 :])
        at += len(part.text)
    raise DomainError("meaning-elsewhere")


def detach(parts: Sequence[Part]) -> tuple[Part, ...]:
    """The words as they are, without what a person chose for them."""
    kept: list[Part] = []
    for part in parts:
        if part.meant or not part.phrase:
            joined = kept.pop().text if kept and not kept[-1].phrase else ""
            kept.append(Part(joined + part.text))
        else:
            kept.append(part)
    return tuple(kept)
