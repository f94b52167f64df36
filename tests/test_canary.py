"""Words typed into every field of every form are found on pages, and nowhere on the disk."""

import base64
import io
import re
from collections.abc import Iterator
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

import pytest
from authenticator import Authenticator
from bs4 import BeautifulSoup, Tag
from client import Client, soup_of
from flask import Flask
from forms import sent, text_fields
from PIL import Image, PngImagePlugin
from werkzeug.test import TestResponse

import demo_papers
from app import do_due_work
from database import db
from models import Person
from offices import CareRequest

STEM = "qwanarix"  # in no word of ours, in no language of ours
IN_CLEAR = "qwoffenix"  # typed where the database keeps it in clear: the search must find it
PHONE = "691 848 747"
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=[./])\d+(?=[./]|$)")
# Fields that take no free word: they stay as they stand, or have a canary of their own kind.
# `other` is the name of a child that is not chosen.
NO_WORD = {"weight", "expires", "other"}
# Boxes and an hour without which a form is refused.
ASKED_FOR = {"/help/application": ["consent"], "/nursery/outing": ["children", "until"]}
# Dates without which a form is refused.
DATES = {"born": "2025-02-03", "on": "2026-11-20", "expires": "2027-03"}
# A code is only compared, and a remark kept only where something differs: it has its own turn. A
# new box ends the very one that is handed back here; its words are those of the editor's kit.
NOT_KEPT = {"/children/*/access", "/plans/*/check", "/kits/*/replacement"}
# What tells things apart is no secret: names of rooms and of devices.
CLEAR = {
    *("/nursery/rooms", "/nursery/rooms/*", "/nursery/devices", "/nursery/outing"),
    "/account/devices",
}
STARTS = {"ines": ("/home", "/account"), "sami": ("/nursery/manage", "/nursery")}


class Typist:
    """A person who fills in every text field of every form within reach, one word a field."""

    def __init__(self, client: Client, starts: tuple[str, ...]) -> None:
        self.client, self.starts = client, starts
        self.typed: dict[str, str] = {}  # word -> the form and field it was typed into
        self.shown = ""
        self.answers: list[TestResponse] = []
        self.refused: list[tuple[str, int, str]] = []

    def open(self, url: str) -> BeautifulSoup | None:
        """The page, its words and the values of its fields remembered."""
        answer = self.client.get(url)
        self.answers.append(answer)
        if answer.status_code == 303:
            return self.open(answer.location)
        if answer.mimetype != "text/html" or answer.status_code != 200:
            return None
        self.shown += answer.text
        return soup_of(answer)

    def pages(self) -> Iterator[tuple[str, BeautifulSoup]]:
        """Every kind of page that links lead to, one example each."""
        seen, queue = set(), list(self.starts)
        while queue:
            url = queue.pop(0)
            kind = UUID.sub("*", url)
            if kind in seen:
                continue
            seen.add(kind)
            page = self.open(url)
            if page is None:
                continue
            yield url, page
            for link in page.find_all("a", href=True):
                target = urljoin(url, link["href"]).split("#")[0]
                if target.startswith("/") and target != "/sign-out":
                    queue.append(target)

    def type_everywhere(self) -> None:
        done = set()
        for url, page in self.pages():
            for n, form in enumerate(page.find_all("form", method="post")):
                kind = UUID.sub("*", urlsplit(urljoin(url, form.get("action") or url)).path)
                if not text_fields(form) or kind in done | NOT_KEPT:
                    continue
                done.add(kind)
                self.type_into(url, n, kind)

    def type_into(self, url: str, n: int, kind: str) -> None:
        """On the page as it stands now: another form may have changed it."""
        form = self.open(url).find_all("form", method="post")[n]
        words: dict[str, str] = {}
        data = sent(form, lambda control: self.word(kind, control, words))
        for name, day in DATES.items():
            if data.get(name) == "" and "unsigned" not in data:
                data[name] = day
        for control in form.find_all("input", attrs={"name": ASKED_FOR.get(kind, [])}):
            data[control["name"]] = control.get("value") or "18:00"
        action = urljoin(url, form.get("action") or url)
        multipart = form.get("enctype") == "multipart/form-data"
        answer = self.client.post(
            action, data, content_type="multipart/form-data" if multipart else None
        )
        self.answers.append(answer)
        if answer.status_code >= 400:
            said = soup_of(answer).select_one(".errors")
            self.refused.append((kind, answer.status_code, said.get_text(" ") if said else ""))
            return
        self.typed |= words
        if answer.status_code == 303:
            self.open(answer.location)
        else:
            self.shown += answer.text
        self.open(url)

    def word(self, kind: str, control: Tag, words: dict[str, str]) -> str | None:
        name = control["name"]
        if name.startswith("phone"):
            return PHONE
        if name in NO_WORD:
            return None
        number = len(self.typed) + len(words)
        stem = IN_CLEAR if kind in CLEAR else STEM
        word = stem + "".join(chr(ord("a") + int(digit)) for digit in f"{number:03}")
        words[word] = f"{kind} {name}"
        return f"{word}@example.lu" if name == "mail" else word


def in_pages(words: dict[str, str], text: str) -> list[str]:
    return [where for word, where in words.items() if word not in text]


def spellings(word: str) -> list[bytes]:
    """As it is, as UTF-16, and inside base64 at each of the three places it can have there."""
    plain = word.encode()
    inside = [base64.b64encode(b"x" * n + plain)[4:-4] for n in range(3)]
    return [plain, word.encode("utf-16-le"), *inside]


def files_with(word: str, *places: Path) -> list[str]:
    """The files in whose bytes the word stands, whatever the case."""
    plain, wide, *inside = spellings(word)
    found = []
    for place in places:
        for path in [place] if place.is_file() else sorted(place.rglob("*")):
            with suppress(OSError):  # a socket, or gone meanwhile
                data = path.read_bytes() if path.is_file() else b""
                small = data.lower()
                if plain in small or wide in small or any(text in data for text in inside):
                    found.append(str(path))
    return found


def stored_at(engine: str, tmp_path: Path) -> list[Path]:
    """Where the database keeps its bytes, everything written out."""
    if engine == "sqlite":
        return sorted(tmp_path.glob("test.db*"))
    db.execute_sql("CHECKPOINT")
    return [Path(db.execute_sql("SHOW data_directory").fetchone()[0])]


def leaks(answer: TestResponse) -> str:
    """What of an answer others keep: addresses in histories and logs, cookies."""
    kept = [value for name, value in answer.headers if name not in {"Content-Type", "ETag"}]
    hrefs = []
    if answer.mimetype == "text/html":
        tags = soup_of(answer).find_all(["a", "form", "img"])
        hrefs = [tag.get("href") or tag.get("action") or tag.get("src") or "" for tag in tags]
    return unquote("\n".join([answer.request.url, *kept, *hrefs]))


def scan_with_words() -> dict[str, Any]:
    """A PDF with text, and a photo with words in its metadata."""
    picture, info = BytesIO(), PngImagePlugin.PngInfo()
    info.add_text("Comment", f"{STEM} in a comment")
    Image.new("RGB", (900, 1200), "white").save(picture, "PNG", pnginfo=info)
    pdf = demo_papers.pdf(f"{STEM} on the paper")
    return {
        "files": [(BytesIO(pdf), f"{STEM}.pdf"), (io.BytesIO(picture.getvalue()), f"{STEM}.png")]
    }


def send_scan(ines: Client, url: str) -> TestResponse:
    form = next(f for f in ines.page(url).find_all("form") if f.find("input", type="file"))
    data = sent(form)
    data.setlist("go", ["send"])
    data.setlist("more", ["replace"])
    for file in scan_with_words()["files"]:
        data.add("files", file)
    return ines.post(url, data, content_type="multipart/form-data")


def refuse_with(sami: Client, url: str, remark: str) -> TestResponse:
    """The check: the first line is not what the paper says, and why."""
    form = next(f for f in sami.page(url).find_all("form") if f.find("textarea"))
    data = sent(form, lambda _control: remark)
    first = next(name for name in data if name.startswith("row:"))
    others = [radio["value"] for radio in form.find_all("input", {"name": first})]
    data.setlist(first, others[-1:])
    return sami.post(url, data)


def answer(noor: Client, care_request: CareRequest, words: str) -> TestResponse:
    """The nurse confirms what was asked, with words of her own."""
    url = f"/desk/requests/{care_request.id}"
    form = noor.page(url).find("form", action=f"{url}/confirmation")
    return noor.post(f"{url}/confirmation", sent(form, lambda _control: words))


@pytest.fixture
def typists(as_user: Any, cast: Any, monkeypatch: Any) -> dict[str, Typist]:
    monkeypatch.setattr("booking.MOST_OPEN", 9)  # every form is sent, none refused
    Person.update(language="en").execute()
    return {name: Typist(as_user(name), starts) for name, starts in STARTS.items()}


def test_no_word_that_was_typed_is_found_on_the_disk_in_logs_addresses_or_cookies(
    app: Flask,
    cast: Any,
    as_user: Any,
    typists: dict[str, Typist],
    engine: str,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture,
    monkeypatch: Any,
):
    caplog.set_level("DEBUG")
    temp = tmp_path / "temp"
    temp.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(temp))
    ines, sami = typists["ines"], typists["sami"]

    for typist in typists.values():
        typist.type_everywhere()
        assert typist.refused == []
    scan = send_scan(ines.client, f"/plans/{cast.leo_plan.id}/scan")
    remark = f"{STEM}remark"
    refused = refuse_with(sami.client, f"/plans/{cast.leo_plan.id}/check", remark)
    ines.typed[remark] = "check remark"
    words = f"{STEM}answer"
    answered = answer(as_user("noor"), cast.care_request, words)
    ines.typed[words] = "note of the nurse"
    do_due_work(app)
    for typist in typists.values():
        typist.shown += as_user("noor").get("/desk/feedback").text  # feedback is read there only
        for _page in typist.pages():
            pass

    assert (scan.status_code, refused.status_code) == (303, 303)
    assert len(ines.typed) > 40
    assert in_pages(ines.typed, ines.shown) == [], "not stored, so its absence proves nothing"
    assert in_pages(sami.typed, sami.shown) == []
    assert PHONE in ines.shown

    places = [*stored_at(engine, tmp_path), temp]
    assert files_with(IN_CLEAR, *places), "the search finds what is kept in clear"
    for word in (STEM, PHONE, PHONE.replace(" ", "")):
        assert files_with(word, *places) == []
    out, err = capfd.readouterr()
    assert STEM not in (caplog.text + out + err).lower()
    for given in [*ines.answers, *sami.answers, scan, refused, answered]:
        assert STEM not in leaks(given)
    for typist in typists.values():
        with typist.client.browser.session_transaction() as session:
            assert STEM not in str(dict(session))
        assert STEM not in str(typist.client.browser._cookies)


def test_the_name_of_a_new_account_is_found_on_no_disk(as_user, engine, tmp_path, caplog, app):
    caplog.set_level("DEBUG")
    stranger, device = as_user(None), Authenticator()
    name = {"name": f"{STEM} {STEM}", "consent": "y"}
    options = stranger.post("/sign-up/challenges", name).get_json()
    answer = stranger.post("/sign-up", name | {"answer": device.create(options)})

    assert answer.get_json() == {"next": "/home"}
    assert f"{STEM} {STEM}" in {person.name for person in Person.select()}
    assert files_with(STEM, *stored_at(engine, tmp_path)) == []
    assert STEM not in caplog.text + leaks(answer)
