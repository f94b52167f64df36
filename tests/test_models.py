"""The database itself: its settings, schema, triggers, and what happens when two act at once."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from client import address, at_once, on_server, refusals
from cryptography.hazmat.primitives.asymmetric import ec
from peewee import DatabaseError
from tables import tables

import database
import demo
import jobs
import models
import offline
import plan as document
import sealing
from agenda import Closure, Hours
from database import SchemaMismatch, db
from incidents import Incident
from models import (
    Actor,
    Audit,
    Challenge,
    Check,
    Device,
    DeviceState,
    Draft,
    Grant,
    Guardian,
    Limit,
    Person,
    Plan,
    PlanState,
    PlanVersion,
    Staff,
)
from offices import (
    CareRequest,
    Feedback,
    InfoSession,
    LetterDraft,
    Registration,
    RequestKind,
    SeatState,
)
from plan import Content, Sheet
from ward import WardVisit

TABLES = tables()
# Info-Santé sessions are public.
SCOPED = [t for t in TABLES if hasattr(t, "visible_to") and t is not InfoSession]
FOUR = 4  # who act at once
# A plan and its version name each other: the database guards one way, the code the other.
CYCLE = {("current_id", "plan_version")}


# ── connections ──────────────────────────────────────────────────────────────────────────────────


def pragmas() -> tuple[Any, ...]:
    names = ("journal_mode", "synchronous", "foreign_keys")
    return tuple(db.execute_sql(f"PRAGMA {name}").fetchone()[0] for name in names)


@pytest.mark.sqlite_only
def test_every_connection_writes_safely_and_knows_foreign_keys(app):
    full = 2
    again = []
    for _ in range(2):  # a connection that was dropped and made anew
        db.close()
        db.connect()
        again.append(pragmas())

    assert {*again, *at_once([pragmas] * FOUR)} == {("wal", full, 1)}


@pytest.mark.sqlite_only
def test_a_transaction_holds_the_write_lock_from_its_first_moment(app):
    """Read then write inside it can so never meet a row that somebody changed in between."""
    other = sqlite3.connect(db.obj.database, timeout=0, isolation_level=None)
    with db.atomic(), pytest.raises(sqlite3.OperationalError, match="locked"):
        other.execute("BEGIN IMMEDIATE")
    other.execute("BEGIN IMMEDIATE")
    other.close()


def test_a_row_that_names_a_missing_one_is_refused(app, cast):
    with pytest.raises(DatabaseError), db.atomic():
        Guardian.create(person=cast.zoe, child=uuid4())


# ── schema ───────────────────────────────────────────────────────────────────────────────────────


def test_the_migrated_schema_has_the_tables_of_the_models_and_no_other(app):
    tables = {table._meta.table_name for table in TABLES}

    assert set(db.get_tables()) == tables | {"schema_migration"}


@pytest.mark.parametrize("table", TABLES, ids=lambda table: table.__name__)
def test_a_migrated_table_has_the_columns_keys_and_indexes_of_its_model(app, table):
    meta = table._meta
    columns = {column.name: column.null for column in db.get_columns(meta.table_name)}
    foreign = {(key.column, key.dest_table) for key in db.get_foreign_keys(meta.table_name)}
    unique = {tuple(i.columns) for i in db.get_indexes(meta.table_name) if i.unique}

    assert columns == {field.column_name: field.null for field in meta.sorted_fields}
    named = {(key.column_name, key.rel_model._meta.table_name) for key in meta.refs}
    assert foreign == named - CYCLE
    assert unique - {("id",)} == unique_columns(table)


def unique_columns(table: type) -> set[tuple[str, ...]]:
    meta = table._meta
    alone = {(field.column_name,) for field in meta.sorted_fields if field.unique}
    together = {
        tuple(meta.fields[name].column_name for name in names)
        for names, is_unique in meta.indexes
        if is_unique
    }
    return alone | together


def test_migrating_twice_changes_nothing(app):
    people = Person.select().count()

    assert database.migrations().up() == []
    assert Person.select().count() == people


@pytest.fixture
def empty(app: Any, engine: str, server_of: str, tmp_path: Path) -> Iterator[None]:
    """The models on a database without a table; the one of the test comes back after."""
    before = db.obj
    db.close()
    if engine == "postgres":
        on_server(server_of, "DROP DATABASE IF EXISTS empty")
        on_server(server_of, "CREATE DATABASE empty")
        database.open_database(address(server_of, engine, "empty"))
    else:
        database.open_database(f"sqlite:///{tmp_path}/empty.db")
    yield
    db.close()
    db.initialize(before)


def test_a_database_that_was_never_set_up_is_not_served(empty, engine):
    words = "There is no database yet" if engine == "sqlite" else "The database lacks 0001_start"
    with pytest.raises(SchemaMismatch, match=f"{words}.*Run: flask --app app setup"):
        database.check_schema()

    database.migrations().up()
    database.check_schema()
    assert set(db.get_tables()) > {table._meta.table_name for table in TABLES}


def test_an_older_database_is_not_served(app):
    history = database.migrations().History
    history.delete().where(history.name.startswith("0002")).execute()

    with pytest.raises(SchemaMismatch, match=r"lacks 0002_tokens.*setup"):
        database.check_schema()


def test_a_newer_database_is_not_served(app):
    database.check_schema()
    database.migrations().History.create(name="9999_later")

    with pytest.raises(SchemaMismatch, match="newer than this code: it has 9999_later"):
        database.check_schema()


# ── what never changes ───────────────────────────────────────────────────────────────────────────

CHANGED = {
    "sealed": b"other",
    "hash": "0" * 64,
    "prev_hash": "0" * 64,
    "signature": b"other",
    "no": 99,
    "plan": uuid4(),
    "created": database.clock(),
}


@pytest.mark.parametrize("column", CHANGED)
def test_no_word_number_or_signature_of_a_version_can_be_changed(app, cast, column):
    version = cast.leo_plan.current
    before = getattr(version, column)
    change = PlanVersion.update({column: CHANGED[column]}).where(PlanVersion.id == version.id)

    with pytest.raises(DatabaseError, match="rows do not change"):
        change.execute()

    assert getattr(PlanVersion.get_by_id(version.id), column) == before


NOTED = {
    "person": uuid4(),
    "device": uuid4(),
    "action": "other",
    "about": uuid4(),
    "child": uuid4(),
    "outcome": "other",
    "created": database.clock(),
}


@pytest.mark.parametrize("column", NOTED)
def test_nothing_noted_in_the_audit_can_be_changed(app, cast, column):
    Audit.note(Actor(cast.ines), "plan.read", cast.leo_plan.id, child=cast.leo.id)
    before = Audit.get(Audit.about == cast.leo_plan.id)

    with pytest.raises(DatabaseError, match="rows do not change"):
        Audit.update({column: NOTED[column]}).where(Audit.id == before.id).execute()

    assert getattr(Audit.get_by_id(before.id), column) == getattr(before, column)


def test_nothing_noted_in_the_audit_can_be_deleted(app, cast):
    Audit.note(Actor(cast.ines), "plan.read", cast.leo_plan.id)
    count = Audit.select().count()

    with pytest.raises(DatabaseError, match="rows do not change"):
        Audit.delete().execute()

    assert Audit.select().count() == count


# ── who sees nothing ─────────────────────────────────────────────────────────────────────────────


def revoked_tablet() -> Device:
    return Device(id=uuid4(), nursery=Grant.select().first().nursery, state=DeviceState.REVOKED)


@pytest.mark.parametrize("table", SCOPED, ids=lambda table: table.__name__)
def test_nobody_sees_no_row(app, cast, table):
    # Staff without an account must not match an actor without a person.
    Staff.create(nursery=cast.baach, data_key=cast.baach.data_key_id, name="Ana")
    Device.create(nursery=cast.baach, name="Hall")
    key = cast.ines.data_key_id
    session = InfoSession.create(
        topic="sleep", texts={}, languages="fr", starts=demo.NOW, ends=demo.NOW, seats=1
    )
    Registration.create(info_session=session, data_key=key, state=SeatState.SEAT, joined=demo.NOW)
    CareRequest.create(kind=RequestKind.TELE, data_key=key, language="pt")
    jobs.notify(cast.sami, "request-confirmed", uuid4(), demo.NOW)
    Hours.create(nurse=cast.noor, weekday=0, opens="08:00", closes="12:00")
    Closure.create(nurse=cast.noor, first=demo.NOW.date(), last=demo.NOW.date())
    began = {"started": demo.NOW, "last": demo.NOW, "drill": True}
    Incident.create(nursery=cast.baach, data_key=cast.baach.data_key_id, **began)
    LetterDraft.keep(cast.noor, {}, demo.NOW)
    Feedback.leave(demo.NOW, page="", found="yes", rating=3, comment="")
    WardVisit.enter(cast.noor, {"day": demo.NOW.date(), "language": "fr"}, demo.NOW)
    people = (Actor(cast.sami), Actor(cast.noor))
    assert any(table.visible_to(one).exists() for one in people), "nothing to see for anybody"

    assert not table.visible_to(Actor()).exists()
    assert not table.visible_to(Actor(device=revoked_tablet())).exists()
    assert not table.visible_to(Actor(Person(id=UUID(int=0)))).exists()


# ── two at once ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.race
def test_of_drafts_saved_at_once_one_stays_whole_and_the_others_are_told(app, cast):
    draft = document.draft_of(cast.leo_plan, cast.ines)
    contents = [Content(language="fr", sheets=(Sheet(title=f"by {n}"),)) for n in range(FOUR)]
    drafts = [Draft.get_by_id(draft.id) for _ in contents]

    results = at_once(
        [
            lambda mine=mine, content=content: document.revise(
                mine, draft.revision, content, cast.ines
            )
            for mine, content in zip(drafts, contents, strict=True)
        ]
    )

    assert refusals(results) == ["draft-changed-meanwhile"] * (FOUR - 1)
    kept = Draft.get_by_id(draft.id)
    assert kept.revision == draft.revision + 1
    assert document.content_of(kept) == contents[results.index(None)]


@pytest.mark.race
def test_a_version_checked_by_two_at_once_is_put_in_force_once(app, cast):
    draft = document.draft_of(cast.leo_plan, cast.ines)
    version = document.submit(draft, cast.ines, database.clock())
    before = cast.leo_plan.current_id
    checkers = [cast.sami, cast.tessa, cast.noor, cast.olga]
    versions = [PlanVersion.get_by_id(version.id) for _ in checkers]

    results = at_once(
        [
            lambda mine=mine, checker=checker: document.put_in_force(
                mine, checker, {"frame": checker.handle.hex()}, database.clock()
            )
            for mine, checker in zip(versions, checkers, strict=True)
        ]
    )

    winner = checkers[results.index(None)]
    assert refusals(results) == ["version-already-answered"] * (FOUR - 1)
    assert Plan.get_by_id(cast.leo_plan.id).current_id == version.id
    assert PlanVersion.get_by_id(version.id).checker_id == winner.id
    assert [check.by_id for check in Check.select().where(Check.version == version)] == [winner.id]
    assert PlanVersion.get_by_id(before).state == PlanState.REPLACED


@pytest.mark.race
def test_a_challenge_is_spent_once(app):
    now = database.clock()
    Challenge.create(value=b"challenge", purpose="share", about="child", created=now)

    results = at_once([lambda: Challenge.spend(b"challenge", "share", now)] * FOUR)

    assert sorted(map(str, results)) == ["None"] * (FOUR - 1) + ["child"]


@pytest.mark.race
def test_a_code_enrols_one_tablet(app, cast):
    now = database.clock()
    device, code = offline.invite(cast.baach, None, "Hall", can_call=False, by=cast.sami, now=now)
    keys = [
        ec.generate_private_key(ec.SECP256R1()).public_key().public_bytes(*sealing.POINT)
        for _ in range(FOUR)
    ]

    results = at_once(
        [
            lambda key=key, n=n: offline.claim(code, key, f"192.0.2.{n}", now)
            for n, key in enumerate(keys)
        ]
    )

    won = [n for n, result in enumerate(results) if isinstance(result, Device)]
    assert len(won) == 1
    assert refusals(results) == ["enrolment-code-unknown"] * (FOUR - 1)
    assert bytes(Device.get_by_id(device.id).public_key) == keys[won[0]]


@pytest.mark.race
def test_of_many_tries_at_once_exactly_the_allowed_ones_come_through(app):
    now, most = database.clock(), 3

    results = at_once([lambda: Limit.allow("key", most, models.PROOF, now)] * 2 * FOUR)

    assert Limit.get(Limit.key == "key").count == 2 * FOUR
    assert results.count(True) == most
