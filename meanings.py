"""Finding a known sentence: for words being typed, and one that means the same as a whole line.

A person chooses, never this module. The line keeps the words of the doctor; what would be lost in
another language (a number, a refusal, a limit) is refused.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from math import log

import phrases
from phrases import FREE, KINDS, Phrase, catalogue, fold

STEM = 5  # letters: endings change, and German joins words
# Words that refuse, and words that limit: a line and its meaning have both or neither.
REFUSALS = {
    "en": "not no never nothing none nor without don cannot",
    "fr": "ne n jamais rien aucun aucune ni sans",
    "de": "nicht nichts kein keine keinen keinem keiner nie niemals ohne",
    "lb": "net näischt keng keen kee kengem ni ouni",
    "pt": "não nunca nada nenhum nenhuma nem sem",
}
LIMITS = {
    "en": "unless except only",
    "fr": "sauf seulement uniquement",
    "de": "außer nur",
    "lb": "ausser just nëmmen",
    "pt": "exceto salvo apenas",
}


@dataclass(frozen=True)
class Meaning:
    """A known sentence with what is filled in."""

    phrase: str
    params: Mapping[str, str] = field(default_factory=dict)

    def said(self, lang: str) -> str:
        return phrases.render(self.phrase, self.params, lang)


def loss(text: str, meanings: Sequence[Meaning], lang: str) -> str:
    """What of the line these sentences would lose or add in another language: a code, or ""."""
    said = ". ".join(meaning.said(lang) for meaning in meanings)
    if _numbers(text) != _numbers(said):
        return "numbers-differ"
    for code, words in (("refusal-differs", REFUSALS), ("limit-differs", LIMITS)):
        if _has(text, words[lang]) != _has(said, words[lang]):
            return code
    return ""


def _numbers(text: str) -> Counter:
    return Counter(n.replace(",", ".") for n in re.findall(r"\d+(?:[.,/:]\d+)*", text))


def _has(text: str, words: str) -> bool:
    return not {*fold(words).split()}.isdisjoint(_words(text))


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text))


# ── finding ──────────────────────────────────────────────────────────────────────────────────────


def find(text: str, lang: str, use: str | None, most: int = 6) -> list[Meaning]:
    """Known sentences for the words of a line, best first; of several clauses the best of each."""
    lists = [_ranked(words, lang, use) for words in dict.fromkeys([text, *_clauses(text)])]
    turns = (name for rank in range(most) for names in lists for name in names[rank : rank + 1])
    chosen = list(dict.fromkeys(turns))[:most]
    return [Meaning(name, _guess(text, catalogue()[name])) for name in chosen]


def suggest(text: str, lang: str, use: str | None, most: int) -> list[Meaning]:
    """The same for the clause that is being typed at the end of `text`."""
    names = _ranked(text[phrases.clause(text, lang) :], lang, use)[:most]
    return [Meaning(name, _guess(text, catalogue()[name])) for name in names]


def in_order(text: str, chosen: Sequence[Meaning], lang: str) -> list[Meaning]:
    """As the clauses stand in the line: first things first."""
    ranks = [_ranked(clause, lang, None) for clause in _clauses(text)]

    def place(one: Meaning) -> int:
        found = [rank.index(one.phrase) if one.phrase in rank else len(rank) for rank in ranks]
        return found.index(min(found))

    return sorted(chosen, key=place)


def _clauses(text: str) -> list[str]:
    ends = [0, *phrases.cuts(text)]
    return [text[i:j] for i, j in zip(ends, ends[1:], strict=False)]


def _ranked(text: str, lang: str, use: str | None) -> list[str]:
    """Phrases by the share of rare words they have in common with the text, best first."""
    index = _index(lang)
    typed = {word: _like(word, lang) for word in {*_words(text)} if len(word) > 1}
    weights = {word: _weight(len(found), len(index)) for word, found in typed.items()}
    hits: Counter = Counter()
    for word, found in typed.items():
        for place in found:
            hits[place] += weights[word]
    all_typed = sum(weights.values())
    best: dict[str, float] = {}
    for place, hit in hits.items():
        name, whole = index[place]
        if use is None or use in catalogue()[name].uses:
            best[name] = max(best.get(name, 0.0), hit / (all_typed * whole) ** 0.5)
    return sorted(best, key=lambda name: -best[name])


def _weight(found: int, among: int) -> float:
    return log(1 + among / (1 + found))


@cache
def _index(lang: str) -> list[tuple[str, float]]:
    """Each wording of each phrase, and what its words weigh together."""
    wordings = _wordings(lang)
    stems = Counter(word[:STEM] for _name, words in wordings for word in words)
    return [
        (name, sum(_weight(stems[word[:STEM]], len(wordings)) for word in words) or 1.0)
        for name, words in wordings
    ]


@cache
def _wordings(lang: str) -> list[tuple[str, frozenset[str]]]:
    return [
        (phrase.id, frozenset(word for word in _words(_certain(text)) if len(word) > 1))
        for phrase in catalogue().values()
        for text in (phrase.texts[lang], *phrase.also[lang])
    ]


def _certain(template: str) -> str:
    return re.sub(r"[\[\]()|]", " ", re.sub(r"\{[^{}]*\}", " ", template))


@cache
def _vocabulary(lang: str) -> dict[str, list[int]]:
    places: dict[str, list[int]] = {}
    for place, (_name, words) in enumerate(_wordings(lang)):
        for word in words:
            places.setdefault(word, []).append(place)
    return places


@cache
def _like(word: str, lang: str) -> frozenset[int]:
    """Where this word stands, another form of it, or a longer word made with it."""
    return frozenset(
        place
        for other, places in _vocabulary(lang).items()
        if _akin(word, other)
        for place in places
    )


def _akin(one: str, other: str) -> bool:
    short, long = sorted((one[: max(STEM, len(one) - 3)], other), key=len)
    return long.startswith(short) or (len(short) >= STEM and short in long)


def _guess(text: str, phrase: Phrase) -> dict[str, str]:
    """Numbers of the typed words, in order, into the phrase's measures of the same kind."""
    guessed, folded = {}, fold(unicodedata.normalize("NFC", text))
    for name, kind in phrase.params.items():
        if kind in KINDS and kind not in FREE and (match := re.search(KINDS[kind], folded)):
            guessed[name] = text[match.start() : match.end()]
            folded = folded[: match.start()] + " " * len(match[0]) + folded[match.end() :]
    return guessed
