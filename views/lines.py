"""One list of lines as a person types it: its rows, the empty box below, the acts on a row."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import zip_longest
from typing import Any, Self

from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from werkzeug.datastructures import MultiDict

import phrases
import plan as document
import suggesting
from database import DomainError
from plan import Content, Line, Reading
from views import words
from views.rendering import LANGUAGE_NAMES, code, sentence

LINE_LIMIT = 500  # characters
LIST_LIMIT = 60  # lines
KNOWN_LIMIT = 3  # sentences shown while typing
BLANKS = {
    "missing": _l("Fill this in."),
    "not-a-number": _l("A number, in digits."),
    "not-an-amount": _l("A number and its unit."),
    "not-a-temperature": _l("A temperature, in digits."),
    "not-a-time": _l("A time of day, in digits."),
    "too-long": _l("Too long."),
    "unknown": _l("This does not fit here."),
}
# Lists of a sheet that stand on one page with those of the other sheets.
TOGETHER = ("donts", "after")

Rows = list[list[Line]]  # a row of the page: more than one line when one was cut in two


@dataclass(frozen=True)
class Known:
    """A known sentence and what is filled in; errors by blank."""

    phrase: str
    params: dict[str, str]
    language: str

    @classmethod
    def guessed(cls, phrase: str, words: str, language: str) -> Self:
        """With the numbers of the words in its blanks."""
        return cls(phrase, phrases.guess(words, phrases.catalogue()[phrase]), language)

    @classmethod
    def posted(cls, phrase: str, form: MultiDict, language: str) -> Self:
        """With what was typed into its blanks."""
        names = phrases.catalogue()[phrase].params
        typed = {name: form.get(f"blank:{phrase}:{name}", "").strip() for name in names}
        return cls(phrase, typed, language)

    def said(self, before: str) -> str:
        """The sentence, with a small letter where it goes on."""
        inline = bool(before.strip()) and before.rstrip()[-1] not in ".!?"
        return phrases.render(self.phrase, self.params, self.language, inline)

    @property
    def errors(self) -> dict[str, Any]:
        wrong = phrases.problems(self.phrase, self.params)
        return {name: BLANKS.get(problem, BLANKS["unknown"]) for name, problem in wrong.items()}

    @property
    def pieces(self) -> list[tuple[str, str]]:
        """The sentence cut at its blanks: words and the name of the blank after them, or ""."""
        marks = {name: f"\ue000{name}\ue000" for name in phrases.catalogue()[self.phrase].params}
        cut = phrases.render(self.phrase, marks, self.language).split("\ue000")
        return list(zip_longest(cut[::2], cut[1::2], fillvalue=""))

    def options(self, name: str) -> dict[str, str]:
        """The words a blank may hold; none when any will do."""
        return phrases.choices(phrases.catalogue()[self.phrase].params[name], self.language)


class Box:
    """One list of lines: what stands there, and what was typed into it and is not saved yet."""

    def __init__(self, content: Content, path: str, typed: MultiDict | None = None) -> None:
        self.path, self.language = path, content.language
        self.name = path.rpartition(".")[2]
        self.slug = path.replace(".", "-")
        self.lines = document.lines_at(content, path)
        self.title = _title(content, path)
        self.mark = document.mark(content, path)
        self.texts = [line.text for line in self.lines]
        self.new = self.problem = self.removed = self.back = ""
        self.errors: dict[int | str, str] = {}
        self.focus = ("", 0)
        self.known: list[Known] = []
        self.dropped: list[str] = []  # words whose chosen sentence is gone since they were changed
        if typed is not None and f"mark:{path}" in typed:
            self._take(typed)

    def _take(self, typed: MultiDict) -> None:
        texts = [text.strip() for text in typed.getlist(f"line:{self.path}")]
        self.new = typed.get(f"new:{self.path}", "")
        self.back = typed.get(f"removed:{self.path}", "")
        if typed[f"mark:{self.path}"] == self.mark and len(texts) == len(self.lines):
            self.texts = texts
            return
        mine = [text for text in texts if text and text not in self.texts]
        self.new = "\n".join([*mine, *split(self.new)])
        self.problem = sentence(DomainError("draft-changed-meanwhile"))

    def check(self) -> None:
        """Each error by its row; "new" is the empty box below the rows."""
        for n, text in enumerate(self.texts):
            if not text:
                self.errors[n] = _("Empty. To take this line out, use Remove.")
            elif text != self.lines[n].text:
                self._check(n, text)
        self._check("new", self.new)
        if len(self.lines) + len(split(self.new)) > LIST_LIMIT:
            self.errors["new"] = _("At the most %(count)s lines here.", count=LIST_LIMIT)

    def _check(self, key: int | str, text: str) -> None:
        if broken(text):
            self.errors[key] = _("This text holds signs that cannot be shown. Type it again.")
        elif any(len(line) > LINE_LIMIT for line in split(text)):
            self.errors[key] = _(
                "At the most %(count)s characters in a line. Cut it in two.", count=LINE_LIMIT
            )

    def rows(self) -> Rows:
        return [
            [line] if text == line.text else self.read(text)
            for line, text in zip(self.lines, self.texts, strict=True)
        ]

    def read(self, text: str) -> list[Line]:
        return [Line.of(line, self.language, self.name) for line in split(text)]

    def suggest(self) -> None:
        """Known sentences that begin like the words being typed."""
        *_before, typed = split(self.new) or [""]
        if self.language not in phrases.LANGUAGES or len(typed) > LINE_LIMIT:
            return
        begun = typed[phrases.clause(typed, self.language) :]
        if begun and not has_phrase(Line.of(begun, self.language, self.name)):
            use = document.use_of(self.name)
            names = suggesting.suggest(begun, self.language, use, KNOWN_LIMIT)
            self.known = [Known.guessed(name, begun, self.language) for name in names]

    def put(self, known: Known) -> None:
        """The sentence in place of the words being typed; none of their numbers may get lost."""
        *before, typed = split(self.new) or [""]
        start = phrases.clause(typed, self.language)
        said = known.said(typed[:start])
        lost = numbers(typed[start:]) - numbers(said)
        if known.errors:
            self.known = [known]
            self.errors["new"] = _("Fill in the blanks of the sentence.")
        elif lost:
            self.errors["new"] = _(
                "That sentence leaves out %(numbers)s, which you typed.", numbers=", ".join(lost)
            )
        else:
            self.new = "\n".join([*before, typed[:start] + said])

    @cached_property
    def readings(self) -> list[Reading | None]:
        """For each line how it reads elsewhere; without an original when a known sentence in it
        was refused; None when it holds none."""
        other = next(tag for tag in (code(), *LANGUAGE_NAMES) if tag != self.language)
        return [self._reading(line, other) for line in self.lines]

    @property
    def may_mean(self) -> list[bool]:
        """For each line whether a sentence can be chosen for it, or was."""
        known = self.language in phrases.LANGUAGES
        return [
            known and line.lang == self.language and (not line.is_phrase or bool(line.meant))
            for line in self.lines
        ]

    def _reading(self, line: Line, other: str) -> Reading | None:
        if has_phrase(line):
            return document.reading(line, other)
        again = Line.of(line.text, line.lang, self.name)
        return document.reading(again, line.lang) if has_phrase(again) else None


def _title(content: Content, path: str) -> str:
    """The name of a list, and of what it is for where several stand on one page."""
    owner, _dot, name = path.rpartition(".")
    if len(content.sheets) > 1 and name in TOGETHER:
        condition = words.CONDITIONS[document.at(content, owner).condition]
        return f"{condition}: {words.LISTS[name]}"
    return str(words.LISTS[name])


def has_phrase(line: Line) -> bool:
    return any(part.phrase for part in line.parts)


def numbers(text: str) -> set[str]:
    return {number.replace(",", ".") for number in re.findall(r"\d+(?:[.,]\d+)*", text)}


def split(text: str) -> list[str]:
    """The lines of a text, without empty ones."""
    return [line.strip() for line in text.splitlines() if line.strip()]


def broken(text: str) -> bool:
    """Control characters come from broken copies, and databases disagree about them."""
    return any(ord(c) < ord(" ") and c not in "\r\n\t" for c in text)


def up(rows: list, n: int) -> None:
    rows.insert(max(n - 1, 0), rows.pop(n))


def down(rows: list, n: int) -> None:
    rows.insert(n + 1, rows.pop(n))


def copy(rows: list, n: int) -> None:
    rows.insert(n + 1, rows[n])


def remove(rows: list, n: int) -> None:
    rows.pop(n)


def remove_line(rows: Rows, n: int, box: Box) -> None:
    box.removed = " ".join(line.text for line in rows.pop(n))


def restore_line(rows: Rows, n: int, box: Box) -> None:
    rows.insert(n, box.read(box.back))


def keep_as_written(rows: Rows, n: int, box: Box) -> None:
    rows[n] = [Line.as_written(line.text, line.lang) for line in rows[n]]


def use_known(rows: Rows, n: int, box: Box) -> None:
    rows[n] = [Line.of(line.text, line.lang, box.name) for line in rows[n]]


LineAct = Callable[[Rows, int, Box], None]
# What is posted to a line -> what it does, and how far the line has moved then.
LINE_ACTS: dict[tuple[str, str], tuple[LineAct, int]] = {
    ("moves", "up"): (lambda rows, n, box: up(rows, n), -1),
    ("moves", "down"): (lambda rows, n, box: down(rows, n), 1),
    ("copies", ""): (lambda rows, n, box: copy(rows, n), 1),
    ("removals", ""): (remove_line, 0),
    ("restorations", ""): (restore_line, 0),
    ("wordings", "written"): (keep_as_written, 0),
    ("wordings", "known"): (use_known, 0),
}
THING_ACTS = {("moves", "up"): up, ("moves", "down"): down, ("copies", ""): copy}
