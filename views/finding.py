"""What the search looks through: services, sessions and the sections of our own pages, in all
languages whatever the reader's, without accents. The pages are read as a stranger gets them."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from html.parser import HTMLParser

from flask import abort, current_app, url_for

import services
from database import local
from offices import InfoSession, SessionKind
from views.rendering import LOCALES, build, day, plain

PAGES = ("services.pai", "help.show", "privacy.show", "welcome.about")
MOST = 20  # hits shown
MOST_SESSIONS = 300
EXCERPT = 160  # characters
HIDDEN = {"script", "style", "nav", "form", "button", "svg"}


@dataclass(frozen=True)
class Entry:
    """One thing to find: its title and text by language."""

    href: str
    texts: Mapping[str, tuple[str, str]]

    def rank(self, wanted: list[str], language: str) -> int | None:
        """0 for a title in the reader's language, then other titles, then texts; None: not here."""
        ranks = [
            2 * (not fits(wanted, title)) + (spoken != language)
            for spoken, (title, text) in self.texts.items()
            if fits(wanted, f"{title} {text}")
        ]
        return min(ranks, default=None)

    def shown(self, wanted: list[str], language: str) -> dict[str, str]:
        spoken = language if language in self.texts else next(iter(self.texts))
        title, text = self.texts[spoken]
        return {
            "href": self.href,
            "language": spoken,
            "title": title,
            "excerpt": excerpt(text, wanted),
        }


def find(query: str, language: str, now: datetime) -> list[dict[str, str]]:
    wanted = words_of(query)
    entries = [*facts(), *sessions(now), *sections(build())]
    ranked = [(entry.rank(wanted, language), entry) for entry in entries] if wanted else []
    hits = sorted((hit for hit in ranked if hit[0] is not None), key=lambda hit: hit[0])
    return [entry.shown(wanted, language) for _, entry in hits[:MOST]]


# ── words ────────────────────────────────────────────────────────────────────────────────────────


def words_of(text: str) -> list[str]:
    return re.findall(r"\w+", plain(text))


def fits(wanted: list[str], text: str) -> bool:
    """Every word that was typed begins a word of the text."""
    there = words_of(text)
    return all(any(word.startswith(part) for word in there) for part in wanted)


def excerpt(text: str, wanted: list[str]) -> str:
    """From the sentence with the first word that was typed, else from the beginning."""
    sentences = re.split(r"(?<=[.?!:]) ", text)
    starts = (n for n, said in enumerate(sentences) if any(fits([part], said) for part in wanted))
    rest = " ".join(sentences[next(starts, 0) :])
    return rest if len(rest) <= EXCERPT else rest[:EXCERPT].rsplit(" ", 1)[0] + " …"


# ── things ───────────────────────────────────────────────────────────────────────────────────────


def facts() -> Iterator[Entry]:
    page = url_for("services.index")
    for row in services.by_slug().values():
        contact = " · ".join(filter(None, (row.phone, row.mail, row.address)))
        texts = {
            language: (
                row.text("name", language),
                f"{row.text('what', language)} {row.text('how', language)} {contact}",
            )
            for language in LOCALES
        }
        yield Entry(f"{page}#{row.slug}", texts)
    for centre in services.centres():
        yield Entry(f"{page}#opening", dict.fromkeys(LOCALES, (centre.name, centre.address)))


def sessions(now: datetime) -> Iterator[Entry]:
    coming = InfoSession.select().where(
        InfoSession.kind == SessionKind.INFO_SANTE,
        InfoSession.starts > now,
        InfoSession.cancelled.is_null(),
    )
    page = url_for("info_sante.index")
    for row in coming.order_by(InfoSession.starts).limit(MOST_SESSIONS):
        texts = {
            language: (
                text.get("title", ""),
                f"{day(local(row.starts).date())} {text.get('about', '')}",
            )
            for language, text in row.texts.items()
        }
        if texts:
            yield Entry(f"{page}/{row.id}", texts)


@cache
def sections(of_build: str) -> list[Entry]:
    """Each section with an id and a heading, in all languages."""
    found: dict[str, dict[str, tuple[str, str]]] = {}
    for endpoint in PAGES:
        path = url_for(endpoint)
        for language in LOCALES:
            for name, title, text in sections_of(as_stranger(path, language)):
                found.setdefault(f"{path}#{name}", {})[language] = title, text
    return [Entry(href, texts) for href, texts in found.items()]


def as_stranger(path: str, language: str) -> str:
    here = {"REMOTE_ADDR": "127.0.0.1"}
    asked = {"Accept-Language": language}
    app = current_app._get_current_object()
    # A context of its own: actor, language and form token of who is searching stay theirs.
    with app.app_context(), app.test_request_context(path, headers=asked, environ_base=here):
        answer = app.full_dispatch_request()
    if answer.status_code != 200:
        abort(503)  # nothing half read is kept
    return answer.get_data(as_text=True)


def sections_of(html: str) -> Iterable[tuple[str, str, str]]:
    reader = SectionReader()
    reader.feed(html)
    for name, (title, text) in reader.found.items():
        if title:
            yield name, " ".join("".join(title).split()), " ".join("".join(text).split())


class SectionReader(HTMLParser):
    """Text by the innermost section that has an id; its first h2 or h3 is the title."""

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, tuple[list[str], list[str]]] = {}
        self.open: list[str] = []  # ids, or "" for a section without one
        self.hidden = 0
        self.heading = False

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        if tag == "section":
            name = dict(attributes).get("id") or ""
            self.open.append(name)
            self.found.setdefault(name, ([], []))
        self.hidden += tag in HIDDEN
        if tag in {"h2", "h3"} and self.open and not self.found[self.open[-1]][0]:
            self.heading = True
        self.handle_data(" ")

    def handle_endtag(self, tag: str) -> None:
        if tag == "section" and self.open:
            self.open.pop()
        self.hidden -= tag in HIDDEN
        if tag in {"h2", "h3"}:
            self.heading = False
        self.handle_data(" ")

    def handle_data(self, data: str) -> None:
        name = next((name for name in reversed(self.open) if name), "")
        if name and not self.hidden:
            self.found[name][0 if self.heading else 1].append(data)
