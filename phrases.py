"""Known sentences of plans in five languages: the only module that reads data/phrases/.

Template matching, never machine translation: a sentence of a paper line is shown in another
language only if all of it equals known phrases, every number in a parameter. Else it stays the
words the doctor wrote.
"""

import re
import tomllib
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import NamedTuple

from babel import Locale

LANGUAGES = ("en", "fr", "de", "lb", "pt")
LOCALES = {lang: Locale.parse({"pt": "pt_PT"}.get(lang, lang)) for lang in LANGUAGES}
FOLDER = Path(__file__).parent / "data" / "phrases"
MOST_CLAUSES = 6  # that one phrase may span
QUOTE = '"'  # what fold() makes of every quotation mark
TEXT_LIMIT = 80  # characters of a free parameter

_NUMBER = r"\d+(?:[.,/]\d+)?(?:\s?(?:-|a|bis|to|ate)\s?\d+(?:[.,]\d+)?)?"
_UNIT = r"(?:µg|mcg|mg|kg|g|ml|cl|l|ie|ui|iu|mmol/l|mg/dl|mikrogramm|microgram(?:me|s|mes|as)?|%)"
_PER = rf"(?:\s?/\s?(?:ml|l|{_UNIT}|dose|hub|bouffee|puff))?"
# Free words are whole words without a digit or a mark that ends a clause: numbers live in their own
# parameters.
_FREE = r"(?<!\w)[^\W\d_](?:[^\d_.,;:!?()\"\n]*[^\W\d_])?(?!\w)"
KINDS = {
    "number": _NUMBER,
    "amount": rf"{_NUMBER}\s?{_UNIT}{_PER}",
    "temperature": rf"{_NUMBER}\s?°\s?c?",
    "time": r"\d{1,2}(?:[:.]\d\d|\s?h\s?\d\d|\s?h|(?=\s?uhr|\s?auer))(?:\s?(?:uhr|auer))?",
    "word": rf"\"\s?{_FREE}\s?\"|{_FREE}",
    "medicine": rf"{_FREE}",
    "place": rf"{_FREE}",
    "text": rf"{_FREE}",
}
FREE = {"word": 5, "medicine": 5, "place": 9, "text": 6}  # words at most
# What a free parameter must not swallow: a refusal or a condition would vanish in another language.
LIMITS = {
    "en": "not no never nothing none nor without if unless except only when until but",
    "fr": "ne n pas jamais rien aucun aucune ni sans si sauf seulement quand lorsque sinon mais ou",
    "de": "nicht nichts kein keine keinen keinem keiner nie niemals ohne wenn "
    "falls außer nur bei bis aber oder",
    "lb": "net näischt keng keen kee kengem ni ouni wann ausser just bei bis mee oder",
    "pt": "não nunca nada nenhum nenhuma nem sem se exceto salvo apenas quando até mas ou",
}
# A clause ends at these marks, but not inside a number, nor after an abbreviation or an initial.
_CLAUSE = re.compile(r"[.;:!?,](?=\s|$)|\s[–—-]\s|\n")
_SENTENCE = re.compile(r"[.;!?]\s*$|\n\s*$")
_SHORT = re.compile(
    r"\b(?:dr|exp|env|min|max|ca|bzw|evtl|z\.\s?b|e\.\s?g|p\.\s?ex|art|no|nr)\.$|\b\w\.$"
)


@dataclass(frozen=True)
class Phrase:
    """A sentence with parameters. Every translation is a draft until somebody signs it off."""

    id: str
    uses: frozenset[str]
    icon: str
    texts: Mapping[str, str]
    also: Mapping[str, tuple[str, ...]]
    params: Mapping[str, str]


@dataclass(frozen=True)
class Part:
    """A stretch of a line: the words as written, and the phrase they are, if they are one."""

    text: str
    phrase: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    meant: bool = False  # a person chose the phrase: the words are others, the meaning is the same


class Pattern(NamedTuple):
    """A template to match; `anchor` is a word without which it cannot."""

    phrase: Phrase
    template: str
    anchor: str


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────


@cache
def _data() -> dict[str, dict]:
    """All files of the folder as one: phrases by id, and the sets of choices."""
    merged: dict[str, dict] = {"choices": {}, "phrase": {}}
    for path in sorted(FOLDER.glob("*.toml")):
        for table, rows in tomllib.loads(path.read_text("utf-8")).items():
            twice = merged[table].keys() & rows.keys()
            if twice:
                raise ValueError(f"{path.name}: {sorted(twice)} stand twice")
            merged[table].update(rows)
    return merged


@cache
def catalogue() -> dict[str, Phrase]:
    return {
        name: Phrase(
            id=name,
            uses=frozenset(row["uses"]),
            icon=row.get("icon", ""),
            texts={lang: row[lang] for lang in LANGUAGES},
            also={lang: tuple(row.get("also", {}).get(lang, ())) for lang in LANGUAGES},
            params=row.get("params", {}),
        )
        for name, row in _data()["phrase"].items()
    }


def choices(kind: str, lang: str) -> dict[str, str]:
    """The words a `choice:` parameter may hold; empty for any other kind."""
    if not kind.startswith("choice:"):
        return {}
    return {key: row[lang] for key, row in _choice_rows(kind).items()}


def _choice_rows(kind: str) -> dict[str, dict]:
    return _data()["choices"][kind.removeprefix("choice:")]


# ── templates as patterns ────────────────────────────────────────────────────────────────────────


def fold(text: str) -> str:
    """Lower case, without accents, one kind of quote and dash. Sign by sign: positions stay."""
    return "".join(_folded(sign) for sign in unicodedata.normalize("NFC", text))


@cache
def _folded(sign: str) -> str:
    if sign in '“”„«»‟"':
        return '"'
    if sign in "‘’‚‹›`´":
        return "'"
    if sign in "–—−":
        return "-"
    if sign.isspace():
        return "\n" if sign == "\n" else " "
    base = unicodedata.normalize("NFD", sign)[0].lower()
    return {"μ": "µ", "º": "°"}.get(base, base) if len(base) == 1 else sign


@cache
def _patterns(lang: str) -> list[Pattern]:
    return [
        Pattern(phrase, template, _anchor(template))
        for phrase in catalogue().values()
        for template in (phrase.texts[lang], *phrase.also[lang])
    ]


def _anchor(template: str) -> str:
    """The longest word that must be there, folded; what may be absent does not count."""
    certain = re.sub(r"\{[^{}]*\}", " ", template)
    while (less := re.sub(r"\[[^\[\]()]*\]|\([^\[\]()]*\)", "\0", certain)) != certain:
        certain = less
    # A word that touches a group is only part of a word.
    whole = re.sub(r"\w*\0\w*", " ", certain)
    return max(re.findall(r"\w+", fold(whole)), key=len, default="")


@cache
def _compiled(template: str, phrase_id: str, lang: str) -> re.Pattern:
    return re.compile(_regex(template, catalogue()[phrase_id], lang))


def _regex(template: str, phrase: Phrase, lang: str) -> str:
    """`[words]` may be absent, `(one|other)` are alternatives, `{n|one|other}` a plural."""
    regex, named = "", set()
    for piece in re.findall(r"\{[^{}]*\}|[\[\]()|]|\s+|[^\s\[\]()|{}]+", template.strip(" .")):
        if piece.startswith("{") and "|" in piece:
            forms = piece[1:-1].split("|")[1:]
            regex += "(?:" + "|".join(_literal(form) for form in forms) + ")"
        elif piece.startswith("{"):
            regex += _blank(piece[1:-1], phrase.params[piece[1:-1]], lang, named)
        elif piece.isspace():
            regex += r"\s*"
        else:
            regex += {"[": "(?:", "]": ")?", "(": "(?:", ")": ")", "|": "|"}.get(
                piece, _literal(piece)
            )
    return regex


def _literal(words: str) -> str:
    """Commas and quotes may be left out, white space is free."""
    return "".join(
        f"{re.escape(sign)}?" if sign in ",\"'" else r"\s+" if sign == " " else re.escape(sign)
        for sign in fold(words)
    )


def _blank(name: str, kind: str, lang: str, named: set[str]) -> str:
    if name in named:
        return f"(?P={name})"
    named.add(name)
    if kind.startswith("choice:"):
        words = sorted(_chosen(kind, lang), key=len, reverse=True)
        inner = "|".join(_literal(one) for one in words)
    else:
        inner = KINDS[kind]
    return f"(?P<{name}>{inner})"


def _chosen(kind: str, lang: str) -> dict[str, str]:
    """Folded words -> key, other ways to say them included."""
    return {
        fold(word): key
        for key, row in _choice_rows(kind).items()
        for word in (row[lang], *row.get("also", {}).get(lang, ()))
    }


# ── reading a line ───────────────────────────────────────────────────────────────────────────────


def recognise(text: str, lang: str, use: str | None = None) -> tuple[Part, ...]:
    """The line as phrases and free words; the parts' texts joined are the line exactly."""
    parts: list[Part] = []
    for sentence in _sentences(text):
        known = _clauses_known(sentence, lang, use)
        if known:
            parts += known
        elif parts and not parts[-1].phrase:
            parts[-1] = Part(parts[-1].text + sentence)
        else:
            parts.append(Part(sentence))
    return tuple(parts) or (Part(text),)


def _cuts(text: str) -> list[int]:
    """Where clauses end, the marks between them included; the last is the end of the text."""
    ends = []
    for match in _CLAUSE.finditer(text):
        if match[0] == "." and _SHORT.search(fold(text[: match.end()])):
            continue
        ends.append(match.end() + len(text[match.end() :]) - len(text[match.end() :].lstrip()))
    return sorted({*ends, len(text)} - {0})


def _sentences(text: str) -> Iterator[str]:
    start = 0
    for end in _cuts(text):
        if end == len(text) or _SENTENCE.search(text[:end]):
            yield text[start:end]
            start = end


def _clauses_known(sentence: str, lang: str, use: str | None) -> list[Part]:
    """The sentence as phrases, the longest first; nothing when any clause of it is unknown."""
    cuts = [0, *_cuts(sentence)]
    known: list[Part] = []
    i = 0
    while i < len(cuts) - 1:
        for j in range(min(len(cuts) - 1, i + MOST_CLAUSES), i, -1):
            stretch = sentence[cuts[i] : cuts[j]]
            if part := _whole(stretch, lang, use):
                known.append(part)
                i = j
                break
        else:
            return []
    return known


def _whole(stretch: str, lang: str, use: str | None) -> Part | None:
    """The phrase that the whole stretch is: no word more, no number less."""
    said = unicodedata.normalize("NFC", stretch)
    words = fold(said)
    start = len(words) - len(words.lstrip(' .,;:!?-"'))
    end = len(words.rstrip(" .,;:!?-\n"))
    best: tuple[int, Part] | None = None  # most signs that are not parameters: the most certain
    for pattern in _patterns(lang):
        phrase, template, anchor = pattern
        if anchor not in words or (use is not None and use not in phrase.uses):
            continue
        match = _compiled(template, phrase.id, lang).fullmatch(words, start, end)
        literal = match and end - start - sum(len(blank) for blank in match.groups())
        if match and (best is None or literal > best[0]):
            params = _params(match, said, phrase, lang)
            if params is not None:
                best = literal, Part(stretch, phrase.id, params)
    return best and best[1]


def _params(match: re.Match, said: str, phrase: Phrase, lang: str) -> dict[str, str] | None:
    """The parameters as written; None when free words are not what the phrase takes them for."""
    found = {}
    for name, kind in phrase.params.items():
        value = said[match.start(name) : match.end(name)] if match[name] is not None else ""
        if kind.startswith("choice:"):
            value = _chosen(kind, lang).get(" ".join(fold(value).split()), "")
        elif kind in FREE:
            quoted = QUOTE in fold(said[max(match.start(name) - 2, 0) : match.end(name)])
            value = value.strip("\"'“”„«»‘’ \u00a0\u202f")
            if not _is_free(value, kind, quoted, lang):
                return None
        found[name] = value.strip()
    return found


def _is_free(value: str, kind: str, quoted: bool, lang: str) -> bool:
    """Few enough words, and none that refuses or limits. A medicine has a capital, a word to say
    stands in quotes: "give slowly" and "tell the parents" name neither."""
    words = fold(value).split()
    limits = {fold(word) for word in LIMITS[lang].split()}
    if len(words) > FREE[kind] or limits.intersection(re.split(r"[\s']", fold(value))):
        return False
    return (kind != "medicine" or value[:1].isupper()) and (kind != "word" or quoted)


# ── showing ──────────────────────────────────────────────────────────────────────────────────────


def render(phrase_id: str, params: Mapping[str, str], lang: str, inline: bool = False) -> str:
    """The sentence in `lang` without full stop; inline, without its capital. Unset shows as …"""
    phrase = catalogue()[phrase_id]

    def filled(match: re.Match) -> str:
        value, kind = params.get(match[1], ""), phrase.params[match[1]]
        if match[2]:
            one, other = match[2][1:].split("|")
            return one if _is_one(value, lang) else other
        return _shown(value, kind, lang) or "…"

    text = re.sub(r"\{(\w+)((?:\|[^{}|]*){2})?\}", filled, phrase.texts[lang])
    return text if inline or phrase.texts[lang].startswith("{") else text[:1].upper() + text[1:]


def _shown(value: str, kind: str, lang: str) -> str:
    """Words and doses as written; only the decimal sign and a choice are the reader's."""
    if kind.startswith("choice:"):
        return choices(kind, lang).get(value, value)
    if kind in ("number", "temperature", "amount"):
        sign = "." if lang == "en" else ","
        return re.sub(r"(?<=\d)[.,](?=\d)", sign, value)
    return value


def _is_one(value: str, lang: str) -> bool:
    numbers = re.findall(r"\d+(?:[.,]\d+)?", value)
    if not numbers:
        return False
    return LOCALES[lang].plural_form(Decimal(numbers[-1].replace(",", "."))) == "one"


def line(parts: Sequence[Part], lang: str) -> str:
    """A whole line in `lang`: phrases rendered, free words and the marks between as typed."""
    shown = ""
    for part in parts:
        if part.phrase and part.meant and shown and not re.search(r"[.,;:!?\n–—-]\s*$", shown):
            shown += ", "  # what joined it to the words before, an "and", was part of those words
        if part.phrase:
            starts = not shown or bool(re.search(r"[.!?]\s*$|\n\s*$", shown))
            marks = part.text[len(part.text.rstrip(" .,;:!?-–—\n\u00a0\u202f")) :]
            if part.meant and not marks.strip():
                marks = ""
            if lang != "fr":  # only French sets a space before a colon
                marks = re.sub(r"^[\s\u00a0\u202f]+(?=[:;!?])", "", marks)
            shown += render(part.phrase, part.params, lang, inline=not starts) + marks
        else:
            shown += part.text
    return shown


def problems(phrase_id: str, params: Mapping[str, str]) -> dict[str, str]:
    """What is wrong with typed parameters: {name: code}."""
    phrase = catalogue()[phrase_id]
    found = dict.fromkeys(params.keys() - phrase.params.keys(), "unknown")
    for name, kind in phrase.params.items():
        if problem := _problem(params.get(name, "").strip(), kind):
            found[name] = problem
    return found


def _problem(value: str, kind: str) -> str:
    if not value:
        return "missing"
    if kind.startswith("choice:"):
        return "" if value in _choice_rows(kind) else "unknown"
    if len(value) > TEXT_LIMIT:
        return "too-long"
    if kind not in FREE and not re.fullmatch(KINDS[kind], fold(value)):
        return {"amount": "not-an-amount"}.get(kind, f"not-a-{kind}")
    return ""


# ── typing help ──────────────────────────────────────────────────────────────────────────────────


def clause(text: str, lang: str) -> int:
    """Where the clause being typed at the end of `text` begins."""
    return next((cut for cut in reversed(_cuts(text)) if text[cut:].strip()), 0)


def guess(text: str, phrase: Phrase) -> dict[str, str]:
    """Numbers of the typed words, in order, into the phrase's measures of the same kind."""
    guessed, folded = {}, fold(unicodedata.normalize("NFC", text))
    for name, kind in phrase.params.items():
        if kind in KINDS and kind not in FREE and (match := re.search(KINDS[kind], folded)):
            guessed[name] = text[match.start() : match.end()]
            folded = folded[: match.start()] + " " * len(match[0]) + folded[match.end() :]
    return guessed
