"""Every fact of the two offices is found on the page that docs/facts.md names."""

import re
from pathlib import Path
from typing import NamedTuple

import pytest
from client import soup_of

from views.rendering import LOCALES

TABLE = Path(__file__).parent.parent / "docs" / "facts.md"
CONTACT = re.compile(r"@|\d\d[ -]\d\d")


class Fact(NamedTuple):
    id: str
    page: str
    reader: str
    found: list[str]


def facts() -> list[Fact]:
    rows = re.findall(
        r"^\| ([AB]\d+) \| [^|]+ \| (\S+) \| (\w*) ?\| (.+) \|$", TABLE.read_text(), re.M
    )
    return [
        Fact(id, page, reader, re.findall(r"`([^`]+)`", cell)) for id, page, reader, cell in rows
    ]


@pytest.fixture
def open_page(as_user):
    """The words of a page as its reader sees them in a language; none where it is not there."""
    seen: dict[tuple, str] = {}

    def words(page: str, reader: str, language: str) -> str:
        if (page, reader, language) not in seen:
            client = as_user(reader or None)
            client.post("/language", {"language": language})
            answer = client.get(page)
            text = soup_of(answer).get_text(" ") if answer.status_code == 200 else ""
            seen[page, reader, language] = " ".join(text.split())
        return seen[page, reader, language]

    return words


def test_every_fact_stands_in_the_table():
    ids = {fact.id for fact in facts()}

    assert {f"A{n}" for n in range(1, 32)} | {f"B{n}" for n in range(1, 38)} <= ids
    assert all(fact.found for fact in facts())


@pytest.mark.sqlite_only
def test_each_page_shows_its_facts_and_its_contacts_in_five_languages(open_page):
    missing = []
    for fact in facts():
        for text in fact.found:
            everywhere = re.search(r"[\d@]", text)
            for language in LOCALES if everywhere else ("en",):
                if text not in open_page(fact.page, fact.reader, language):
                    missing.append((fact.id, fact.page, language, text))

    assert missing == []


@pytest.mark.sqlite_only
def test_a_page_with_a_contact_says_when_it_was_last_checked(open_page):
    pages = {(fact.page, fact.reader) for fact in facts() if any(map(CONTACT.search, fact.found))}

    silent = [page for page in pages if "ast checked" not in open_page(*page, "en")]

    assert len(pages) > 3
    assert silent == []
