"""What tests share besides fixtures: the cast by name, one browser, where databases are."""

import re
import socket
from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any
from urllib.parse import urlsplit

import psycopg
from bs4 import BeautifulSoup
from flask import Flask
from werkzeug.test import TestResponse

import sealing
from database import DomainError, db
from models import Person, SignIn


def address(server: str, engine: str, name: str) -> str:
    if engine == "sqlite":
        return f"sqlite:///{server}/{name}.db"
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def on_server(server: str, sql: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def at_once(acts: list[Callable[[], Any]]) -> list[Any]:
    """What each act gave or refused with, all begun at one moment, each on its own connection."""
    together, results = Barrier(len(acts)), [None] * len(acts)

    def run(n: int, act: Callable[[], Any]) -> None:
        db.connect(reuse_if_open=True)
        try:
            together.wait(10)
            results[n] = act()
        except Exception as refusal:
            results[n] = refusal
        finally:
            db.close()

    threads = [Thread(target=run, args=item) for item in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    return results


def refusals(results: list[Any]) -> list[str]:
    """The codes of those who came too late; any other fault is none."""
    faults = [result for result in results if isinstance(result, Exception)]
    assert all(isinstance(fault, DomainError) for fault in faults), faults
    return [fault.code for fault in faults]


class Cast:
    """The demo's rows by their short names: `cast.ines`, `cast.leo_plan`; fetched when named."""

    def __init__(self, names: dict[str, tuple[type, Any]]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        table, key = self._names[name]
        return table.get_by_id(key)


class Client:
    """One person's browser. Checks on every answer what must hold for every page."""

    def __init__(self, app: Flask, person: Person | None = None) -> None:
        self.app = app
        self.browser = app.test_client()
        self.token = ""
        if person:
            SignIn.create(token=sealing.digest(f"cookie-{person.id}"), person=person)
            self.browser.set_cookie("sid", f"cookie-{person.id}")

    def get(self, url: str, *, htmx: bool = False, **more: Any) -> TestResponse:
        answer = self.browser.get(url, headers=self._headers(htmx), **more)
        check_page(answer, htmx)
        return answer

    def post(self, url: str, data: Any = None, *, htmx: bool = False, **more: Any) -> TestResponse:
        self._find_token()
        headers = {
            **self._headers(htmx),
            "Sec-Fetch-Site": "same-origin",
            "X-CSRFToken": self.token,
        }
        answer = self.browser.post(url, data=data, headers=headers, **more)
        check_page(answer, htmx)
        return answer

    def ask(self, method: str, url: str, data: Any = None, *, htmx: bool = False) -> TestResponse:
        """Without reading the answer: for tests that ask thousands of times."""
        headers = self._headers(htmx)
        if method == "POST":
            self._find_token()
            headers |= {"Sec-Fetch-Site": "same-origin", "X-CSRFToken": self.token}
        return self.browser.open(url, method=method, data=data, headers=headers)

    def page(self, url: str) -> BeautifulSoup:
        """The page at `url`, redirects followed; it must be there."""
        answer = self.get(url, follow_redirects=True)
        assert answer.status_code == 200, f"{url}: {answer.status}"
        return soup_of(answer)

    def words(self, url: str) -> str:
        """All text of the page, white space folded."""
        return " ".join(self.page(url).get_text(" ").split())

    def _headers(self, htmx: bool) -> dict[str, str]:
        return {"HX-Request": "true", "HX-Request-Type": "partial"} if htmx else {}

    def _find_token(self) -> None:
        if not self.token:
            page = self.browser.get("/about").get_data(as_text=True)
            self.token = re.search(r'name="csrf-token" content="([^"]+)"', page)[1]


def soup_of(answer: TestResponse) -> BeautifulSoup:
    return BeautifulSoup(answer.get_data(as_text=True), "html.parser")


def plain(answer: TestResponse) -> str:
    """The page without its own address (it stands in the language menu) and its form tokens."""
    page = re.sub(r'content="[\w.-]{40,}"', "", answer.get_data(as_text=True))
    return page.replace(answer.request.path, "")


def check_page(answer: TestResponse, htmx: bool) -> None:
    """The invariants of every page: title, language, one h1, unique ids, labels, nothing inline."""
    if answer.mimetype != "text/html" or answer.status_code in {301, 302, 303, 307, 308}:
        return
    if not answer.get_data():
        return
    page = soup_of(answer)
    ids = [tag["id"] for tag in page.find_all(id=True)]
    assert len(ids) == len(set(ids)), f"an id stands twice: {sorted(ids)}"
    assert not page.find_all(style=True), "inline style"
    assert not [tag for tag in page.find_all("script") if not tag.get("src")], "inline script"
    for control in page.find_all(["input", "select", "textarea"]):
        assert labelled(page, control), f"no label: {control}"
    if htmx:
        return
    assert page.html, "a bare fragment where a page is due"
    assert page.html.get("lang"), "no language"
    assert page.title, "no title"
    assert page.title.get_text(strip=True), "an empty title"
    assert len(page.find_all("h1")) == 1, "not one h1"


def labelled(page: BeautifulSoup, control: Any) -> bool:
    if control.get("type") in {"hidden", "submit", "button"} or control.get("aria-label"):
        return True
    if control.get("aria-labelledby") or control.find_parent("label"):
        return True
    return bool(control.get("id") and page.find("label", {"for": control["id"]}))
