"""The factory: what it refuses to start, and what a fault looks like to the person who meets it."""

from collections.abc import Iterator
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from client import Client, address, on_server, soup_of
from flask import Flask
from flask.cli import FlaskGroup
from forms import sent, text_fields
from peewee import OperationalError
from PIL import Image
from werkzeug.datastructures import FileStorage
from werkzeug.test import encode_multipart

import database
import models
import sealing
from app import create_app
from database import db
from models import Audit, Child, Contact, Nursery, Person, Plan, SignIn
from views import children
from views.guards import household

TYPED = {
    "first_name": "Wiltrud",
    "family_name": "Kleespiess",
    "born": "2025-02-03",
    "weight": "9,4",
    "weighed_on": "2026-11-20",
    "languages": "Kriolu",
    "peg_sign": "snail",
}
NOTHING_SAVED = "The service cannot store anything at the moment. Nothing was saved."


@pytest.fixture(autouse=True)
def english(request: pytest.FixtureRequest) -> None:
    if "app" in request.fixturenames:
        request.getfixturevalue("app")
        Person.update(language="en").execute()


def words_of(answer: Any) -> str:
    return " ".join(soup_of(answer).select_one("main").get_text(" ").split())


# ── the demo stays at home ───────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("name", ["kannerplang.lu", "demo.localhost", "127.0.0.1.nip.io"])
def test_the_demo_does_not_start_under_another_name(name):
    with pytest.raises(SystemExit, match="localhost only"):
        create_app(DEMO=True, RP_ID=name)


@pytest.mark.parametrize(
    "elsewhere",
    [
        {"headers": {"Host": "kannerplang.lu"}},
        {"headers": {"Host": "localhost.kannerplang.lu"}},
        {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}},
        {"environ_overrides": {"REMOTE_ADDR": "192.0.2.7"}, "headers": {"X-Forwarded-For": "::1"}},
        {"environ_overrides": {"REMOTE_ADDR": ""}},
    ],
    ids=["host", "longer host", "address", "forged address", "no address"],
)
def test_the_demo_answers_nobody_but_this_machine(as_user, cast, elsewhere):
    before = SignIn.select().count()
    browser = as_user(None).browser

    page = browser.get("/demo", **elsewhere)
    elsewhere["headers"] = elsewhere.get("headers", {}) | {"Sec-Fetch-Site": "same-origin"}
    signed_in = browser.post("/demo/Inês Santos", **elsewhere)

    assert (page.status_code, signed_in.status_code) == (403, 403)
    assert "Inês" not in page.text
    assert SignIn.select().count() == before
    assert not browser.get_cookie("sid")


def test_without_demo_nobody_signs_in_by_button(engine, server_of, keys, app):
    before = db.obj
    plain = create_app(
        DATABASE_URL=address(server_of, engine, "loaded"), KEYS=str(keys), TESTING=True, DEMO=False
    )
    db.initialize(before)
    rules = {rule.rule for rule in plain.url_map.iter_rules()}

    assert not [rule for rule in rules if rule.startswith("/demo")]


# ── the database of another release ──────────────────────────────────────────────────────────────


@pytest.fixture
def not_set_up(app: Flask, engine: str, server_of: str, tmp_path: Path) -> Iterator[str]:
    before = db.obj
    db.close()
    if engine == "postgres":
        on_server(server_of, "DROP DATABASE IF EXISTS fresh")
        on_server(server_of, "CREATE DATABASE fresh")
        yield address(server_of, engine, "fresh")
    else:
        yield f"sqlite:///{tmp_path}/fresh.db"
    db.close()
    db.initialize(before)


def test_the_app_does_not_start_on_a_database_that_was_not_set_up(not_set_up, keys):
    with pytest.raises(database.SchemaMismatch, match="Run: flask --app app setup"):
        create_app(DATABASE_URL=not_set_up, KEYS=str(keys))


def test_the_set_up_command_starts_on_it_and_then_the_app_does(not_set_up, keys):
    def make() -> Flask:
        db.close()
        return create_app(DATABASE_URL=not_set_up, KEYS=str(keys), DEMO=False)

    said = make_with_command(make)

    assert "migrated: 0001_start" in said
    assert make().test_client().get("/healthz").status_code == 200
    assert make_with_command(make) == "rendered: 0, sent: 0\n", (
        "a second set-up finds nothing to do"
    )


def make_with_command(make: Any) -> str:
    from click.testing import CliRunner  # noqa: PLC0415  nothing else here speaks to a terminal

    result = CliRunner().invoke(FlaskGroup(create_app=make), ["setup"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


# ── faults of the database ───────────────────────────────────────────────────────────────────────


def test_a_fault_of_the_database_says_that_nothing_was_saved_and_passes(
    as_user, cast, monkeypatch, caplog
):
    ines = as_user("ines")

    def broken(*_args: Any, **_more: Any) -> None:
        raise OperationalError("disk I/O error near 'Wiltrud'")

    with monkeypatch.context() as patch:
        patch.setattr(children, "_make_child", broken)
        answer = ines.post("/children/new", TYPED)

    assert answer.status_code == 503
    assert NOTHING_SAVED in words_of(answer)
    assert soup_of(answer).html["lang"] == "en"
    assert "Wiltrud" not in answer.text + caplog.text
    assert "OperationalError in children.create" in caplog.text
    assert ines.post("/children/new", TYPED).status_code == 303, "the next request works"


@pytest.mark.postgres_only  # SQLite has no server that could drop it
def test_a_connection_that_the_server_dropped_is_replaced_for_the_next_request(
    as_user, cast, server_of
):
    ines = as_user("ines")
    pid = db.execute_sql("SELECT pg_backend_pid()").fetchone()[0]
    on_server(server_of, f"SELECT pg_terminate_backend({pid})")

    first = ines.get("/home")

    assert first.status_code == 503
    assert NOTHING_SAVED in words_of(first) or soup_of(first).html["lang"] == "fr", "not known yet"
    assert "Léo" in ines.words("/home")


def test_a_fault_for_htmx_is_a_small_piece(as_user, cast, monkeypatch):
    ines = as_user("ines")

    def broken(*_args: Any, **_more: Any) -> None:
        raise OperationalError("gone")

    monkeypatch.setattr(Contact, "move", broken)
    contact = Contact.of(cast.leo.id)[0]
    address = f"/children/{cast.leo.id}/contacts/{contact.id}/moves"
    answer = ines.post(address, {"step": "down"}, htmx=True)

    assert answer.status_code == 503
    assert not soup_of(answer).html, "a whole page would land in a row"
    assert soup_of(answer).select_one("[role=alert]")


@pytest.fixture
def full_disk(app: Flask) -> Iterator[Any]:
    """SQLite may not grow by one page, on whichever connection; `free()` ends it."""
    pages = db.execute_sql("PRAGMA page_count").fetchone()[0]
    database.db.obj.pragma("max_page_count", pages, permanent=True)

    def free() -> None:
        database.db.obj.pragma("max_page_count", 1 << 30, permanent=True)

    yield free
    free()


def fill_last_page(cast: Any) -> None:
    """What is free inside the pages that are there."""
    with pytest.raises(OperationalError, match="full|no transaction"):
        make_contacts(cast.leo, 2000)


def make_contacts(child: Child, count: int) -> None:
    key = child.data_key_id
    for rank in range(count):
        Contact.create(child=child, rank=rank, data_key=key, name="x", reach="y" * 200)


@pytest.mark.sqlite_only  # PRAGMA max_page_count
def test_on_a_full_disk_nothing_is_half_saved_and_reading_goes_on(as_user, cast, full_disk):
    ines, sami = as_user("ines"), as_user("sami")
    fill_last_page(cast)
    big = "ä" * 199
    address = f"/children/{cast.leo.id}/contacts/new"
    contact = {"kind": "emergency", "name": "Rita", "phone": "112", "reach": big, "relation": "t"}

    for _ in range(3):
        answer = ines.post(address, contact)
        assert answer.status_code == 503
        assert NOTHING_SAVED in words_of(answer)

    assert "Léo" in ines.words("/home")
    assert "Léo" in sami.words(f"/plans/{cast.leo_plan.id}/emergency")
    assert "Léo" in sami.words("/nursery")
    assert big not in {row.reach for row in Contact.of(cast.leo.id)}
    assert db.execute_sql("PRAGMA integrity_check").fetchone()[0] == "ok"

    full_disk()
    assert ines.post(address, contact).status_code == 303
    assert big in {row.reach for row in Contact.of(cast.leo.id)}


@pytest.mark.sqlite_only  # PRAGMA max_page_count
def test_on_a_full_disk_no_child_is_half_there(as_user, cast, full_disk):
    ines = as_user("ines")
    tables = Child, models.Guardian, database.DataKey
    before = [table.select().count() for table in tables]

    for n in range(300):
        answer = ines.post("/children/new", TYPED | {"first_name": f"Wiltrud {n}" + "ä" * 60})
        if answer.status_code != 303:
            break

    added = {table.select().count() - was for table, was in zip(tables, before, strict=True)}
    assert answer.status_code == 503
    assert added == {n}, "a child without its key or its parent"


def refuse_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a disk without one byte left: reading works, every write fails."""
    plain = db.obj.execute_sql

    def execute(sql: str, *args: Any, **more: Any) -> Any:
        if sql.lstrip("(").startswith(("INSERT", "UPDATE", "DELETE")):
            raise OperationalError("database or disk is full")
        return plain(sql, *args, **more)

    monkeypatch.setattr(db.obj, "execute_sql", execute)


@pytest.mark.parametrize("page", ["", "/emergency"])
def test_a_plan_opens_although_its_opening_cannot_be_noted(
    as_user, cast, monkeypatch, caplog, page
):
    sami = as_user("sami")
    old = database.clock() - timedelta(hours=1)
    SignIn.update(last_seen=old).execute()
    Plan.touch(cast.leo.id)  # and its page was not rendered any more
    notes = Audit.select().count()

    with monkeypatch.context() as patch:
        refuse_writes(patch)
        words = sami.words(f"/plans/{cast.leo_plan.id}{page}")
        board = sami.words("/nursery")

    assert "Léo" in words
    assert "Léo" in board
    assert Audit.select().count() == notes
    assert f"not in the audit: plan.read {cast.leo_plan.id} by {cast.sami.id}" in caplog.text


# ── faults of our own ────────────────────────────────────────────────────────────────────────────


def test_an_unknown_fault_shows_a_page_and_logs_its_place_but_no_word(
    as_user, cast, monkeypatch, caplog
):
    ines = as_user("ines")
    monkeypatch.setitem(ines.app.config, "TESTING", False)

    def broken(form: Any) -> None:
        raise RuntimeError(f"cannot keep {form.first_name.data}")

    with monkeypatch.context() as patch:
        patch.setattr(children, "_make_child", broken)
        answer = ines.post("/children/new", TYPED)

    assert answer.status_code == 500
    assert "Nothing was changed. Try again" in words_of(answer)
    assert "RuntimeError at test_app.py:" in caplog.text
    for words in ("Wiltrud", "Kleespiess", "Traceback", "cannot keep"):
        assert words not in answer.text + caplog.text
    assert ines.post("/children/new", TYPED).status_code == 303, "no transaction is left open"


def test_a_fault_leaves_nothing_of_a_transaction_behind(as_user, cast, monkeypatch):
    ines = as_user("ines")
    monkeypatch.setitem(ines.app.config, "TESTING", False)
    before = Child.select().count()

    def broken(*_args: Any, **_more: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(models.Guardian, "create", broken)
    ines.post("/children/new", TYPED)

    assert Child.select().count() == before


@pytest.mark.parametrize("url", ["/nothing", "/children/1", "/plans/%00", "/home/%F0%28"])
def test_an_address_without_a_page_says_so_in_words(as_user, cast, url):
    answer = as_user("ines").get(url)

    assert answer.status_code == 404
    assert "There is nothing at this address" in words_of(answer)


def test_a_broken_seal_never_shows_what_is_stored(as_user, cast, caplog):
    Nursery.update(sealed=b"\x01" + bytes(40)).where(Nursery.id == cast.baach.id).execute()
    answer = as_user("sami").get("/nursery/manage")

    assert answer.status_code in {200, 500}
    assert "Traceback" not in answer.text + caplog.text


# ── how much may be sent ─────────────────────────────────────────────────────────────────────────


def addresses(cast: Any) -> tuple[str, ...]:
    return (
        "/children/new",
        f"/children/{cast.leo.id}/edit",
        f"/children/{cast.leo.id}/photo",
        f"/plans/{cast.leo_plan.id}/scan",
        f"/plans/{cast.leo_plan.id}/edit/frame",
        "/sign-up",
    )


def body_of(**data: Any) -> dict[str, Any]:
    """A multipart body in memory: the test client would write a large one to a file."""
    boundary, body = encode_multipart(data)
    return {"data": body, "content_type": f"multipart/form-data; boundary={boundary}"}


LONG = "a" * (10 << 20)
FORMS = {
    "plain": {
        "data": f"first_name={LONG}",
        "content_type": "application/x-www-form-urlencoded",
    },
    "multipart": body_of(first_name=LONG),
}


@pytest.mark.parametrize("kind", FORMS)
def test_a_form_of_ten_megabytes_is_refused_in_words(as_user, cast, kind):
    ines = as_user("ines")
    for url in addresses(cast):
        answer = ines.post(url, **FORMS[kind])
        assert answer.status_code == 413, url
        assert "What you sent is too large." in words_of(answer)


def test_a_file_is_taken_where_files_are_taken_only(as_user, cast):
    ines = as_user("ines")
    children_before = Child.select().count()
    body = body_of(**TYPED, photo=FileStorage(BytesIO(noise()), "photo.png"))

    taken = ines.post(f"/children/{cast.leo.id}/photo", **body)
    refused = ines.post("/children/new", **body)

    assert (taken.status_code, refused.status_code) == (303, 413)
    assert Child.select().count() == children_before


def noise() -> bytes:
    """A picture of more than a megabyte."""
    file = BytesIO()
    Image.effect_noise((1400, 1000), 120).save(file, "PNG")
    assert file.tell() > 1 << 20
    return file.getvalue()


def test_a_long_page_of_the_editor_is_no_form_too_large(as_user, cast):
    """As many lines as the editor allows, in letters that take most bytes on their way."""
    ines = as_user("ines")
    line = " ".join(["äöüéè"] * 80)
    lines = "\n".join([line] * 30)
    url = f"/plans/{cast.leo_plan.id}/edit/daily"
    form = ines.page(url).find("form", action=url) or ines.page(url).find("form", method="post")
    boxes = [field["name"] for field in text_fields(form) if field["name"].startswith("new:")][:4]
    data = sent(form, lambda field: lines if field["name"] in boxes else None)
    assert len(urlencode(list(data.items(multi=True)))) > 1 << 18

    answer = ines.post(url, data)

    assert answer.status_code == 303, "too large, or refused for something in it"
    assert ines.words(url).count(line) >= 30 * len(boxes)


def test_a_person_without_a_session_meets_the_same_limit(app):
    answer = Client(app).post("/sign-in", "a" * (2 << 20), content_type="application/json")

    assert answer.status_code == 413


def test_an_upload_never_touches_the_disk_in_the_clear(as_user, cast, monkeypatch, tmp_path):
    """A large upload would be spooled to a temporary file: here there is no place for one."""
    ines = as_user("ines")
    body = body_of(photo=FileStorage(BytesIO(noise()), "photo.png"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))

    answer = ines.post(f"/children/{cast.leo.id}/photo", **body)

    assert answer.location == f"/children/{cast.leo.id}"
    assert cast.leo.photo.size > 0


def test_the_cookie_that_signs_in_is_kept_as_its_hash_only(as_user, cast):
    as_user("ines").get("/home")
    cookie = f"cookie-{cast.ines.id}"
    row = SignIn.get(SignIn.person == cast.ines)

    assert bytes(row.token) == sealing.digest(cookie)
    assert cookie.encode() not in bytes(row.token)


def test_an_ipv6_home_counts_as_one_whatever_address_it_takes():
    assert household("2001:db8:1:2::a") == household("2001:db8:1:2:ffff::1")
    assert household("2001:db8:1:2::a") != household("2001:db8:1:3::a")
    assert household("::ffff:192.0.2.1") != household("::ffff:192.0.2.2")
    assert household("192.0.2.1") != household("192.0.2.2")
    assert household("fe80::1%eth0") == household("fe80::2")
    assert household("") == ""
