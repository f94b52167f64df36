"""The database, the clock, and rows whose secrets are sealed. Imports no flask."""

import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

from peewee import (
    BlobField,
    CharField,
    DatabaseProxy,
    DateTimeField,
    Field,
    ForeignKeyField,
    Model,
    ModelSelect,
    SqliteDatabase,
    TextField,
    UUIDField,
)
from playhouse.db_url import connect
from playhouse.migrations import Runner

import sealing

LUXEMBOURG = ZoneInfo("Europe/Luxembourg")
MIGRATIONS = Path(__file__).parent / "migrations"
PRAGMAS = {
    "journal_mode": "wal",
    "synchronous": "full",
    "foreign_keys": 1,
    "busy_timeout": 5000,
    "cache_size": -16000,
    "mmap_size": 64 << 20,
}

db = DatabaseProxy()


class DomainError(Exception):
    """A rule says no. Carries a code; the views hold the sentence for it."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SchemaMismatch(Exception):
    """The database is older or newer than this code: the start is refused."""


# ── time ─────────────────────────────────────────────────────────────────────────────────────────

_offset = timedelta(0)


def clock() -> datetime:
    """Now, aware, UTC. The demo shifts it: the dates of its plans keep their meaning."""
    return datetime.now(UTC) + _offset


def shift_clock(now: datetime) -> None:
    """Let clock() start from `now` and run on from there."""
    global _offset
    _offset = now - datetime.now(UTC)


def local(moment: datetime) -> datetime:
    return moment.astimezone(LUXEMBOURG)


def today() -> date:
    """The day in Luxembourg."""
    return local(clock()).date()


# ── the database ─────────────────────────────────────────────────────────────────────────────────


def open_database(url: str) -> None:
    """Point the models at SQLite (`sqlite:///path`) or PostgreSQL (`postgresql://...`)."""
    if url.startswith("sqlite:///"):
        path = Path(url.removeprefix("sqlite:///"))
        path.parent.mkdir(parents=True, exist_ok=True)
        # IMMEDIATE: deferred transactions that read, then write, fail under light contention.
        db.initialize(SqliteDatabase(str(path), pragmas=PRAGMAS, lock_type="IMMEDIATE"))
    else:
        scheme, _, rest = url.partition("://")
        scheme = {"postgres": "psycopg3", "postgresql": "psycopg3"}.get(scheme, scheme)
        db.initialize(connect(f"{scheme}://{rest}"))


def migrations() -> Runner:
    return Runner(db.obj, directory=str(MIGRATIONS))


def check_schema() -> None:
    """Raise SchemaMismatch unless exactly the migrations of this code were applied."""
    if is_sqlite() and not Path(db.obj.database).exists():
        raise SchemaMismatch("There is no database yet. Run: flask --app app setup")
    with db.connection_context():
        steps = migrations().status()
    if unknown := [step.name for step in steps if step.path is None]:
        raise SchemaMismatch(f"The database is newer than this code: it has {', '.join(unknown)}.")
    if pending := [step.name for step in steps if not step.applied]:
        missing = ", ".join(pending)
        raise SchemaMismatch(f"The database lacks {missing}. Run: flask --app app setup")


def is_sqlite() -> bool:
    return isinstance(db.obj, SqliteDatabase)


class UtcField(DateTimeField):
    """Aware UTC in Python, naive UTC in the column: the same text on both databases."""

    def db_value(self, value: datetime | None) -> Any:
        if value is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return super().db_value(value)

    def python_value(self, value: Any) -> datetime | None:
        value = super().python_value(value)
        return value and value.replace(tzinfo=UTC)


class JsonField(TextField):
    """What is read whole and never searched: texts by language, opening rules."""

    def db_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, ensure_ascii=False, sort_keys=True)

    def python_value(self, value: str | None) -> Any:
        return None if value is None else json.loads(value)


class BaseModel(Model):
    id = UUIDField(primary_key=True, default=uuid4)
    created = UtcField(default=clock)

    class Meta:
        database = db
        legacy_table_names = False


# ── lists, some rows at a time ───────────────────────────────────────────────────────────────────


def behind(
    rows: ModelSelect, column: Field, key: UUID | None, *, newest_first: bool = False
) -> ModelSelect:
    """In the order of `column`, then of the id: what follows the row `key`, or all."""
    table, order = column.model, [column, column.model.id]
    rows = rows.order_by(*(field.desc() for field in order) if newest_first else order)
    if key is None:
        return rows
    one = table.alias()
    there = one.select(getattr(one, column.name)).where(one.id == key)
    if newest_first:
        return rows.where((column < there) | ((column == there) & (table.id < key)))
    return rows.where((column > there) | ((column == there) & (table.id > key)))


def paged(
    rows: ModelSelect, column: Field, key: UUID | None, most: int, *, newest_first: bool = False
) -> tuple[list, UUID | None]:
    """`most` of what stands behind `key`, and the last one's id where more follows."""
    found = list(behind(rows, column, key, newest_first=newest_first).limit(most + 1))
    return found[:most], found[most - 1].id if len(found) > most else None


# ── sealed rows ──────────────────────────────────────────────────────────────────────────────────


class DataKey(BaseModel):
    """The wrapped key of one child, person or nursery. Without it their sealed rows are noise."""

    master = CharField()
    wrapped = BlobField()

    @classmethod
    def make(cls, **more: Any) -> Self:
        key_id = uuid4()
        master, wrapped = sealing.new_data_key(key_id)
        return cls.create(id=key_id, master=master, wrapped=wrapped, **more)

    @classmethod
    def open_all(cls, key_ids: Iterable[UUID]) -> None:
        """Open what is not open yet, in one statement."""
        missing = {key_id for key_id in key_ids if not sealing.is_open(key_id)}
        if missing:
            for key in cls.select().where(cls.id.in_(missing)):
                sealing.unwrap(key)


class Secret:
    """A value inside a row's sealed document. Dates are kept as ISO text and read back as dates."""

    def __init__(self, kind: type = str, default: Any = "") -> None:
        self.kind, self.default = kind, default

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, row: "Sealed | None", owner: type) -> Any:
        if row is None:
            return self
        value = row.secrets.get(self.name, self.default)
        return date.fromisoformat(value) if self.kind is date and value else value or self.default

    def __set__(self, row: "Sealed", value: Any) -> None:
        row.secrets[self.name] = value.isoformat() if isinstance(value, date) else value


class Sealed(BaseModel):
    """The secrets of a row as one JSON document: opened on first access, sealed by save()."""

    data_key = ForeignKeyField(
        DataKey, column_name="key_id", object_id_name="data_key_id", on_delete="CASCADE"
    )
    sealed = BlobField()

    _secrets: dict[str, Any] | None = None

    @property
    def secrets(self) -> dict[str, Any]:
        if self._secrets is None:
            sealed = self.__data__.get("sealed")
            self._secrets = {} if sealed is None else json.loads(self._unseal(bytes(sealed)))
        return self._secrets

    @property
    def about(self) -> str:
        return f"{self._meta.table_name}:{self.id}"

    def _unseal(self, sealed: bytes) -> bytes:
        DataKey.open_all([self.data_key_id])
        if not sealing.is_open(self.data_key_id):
            raise sealing.SealBroken(f"{self.about}: its key is gone")
        return sealing.unseal(sealed, self.data_key_id, self.about)

    def save(self, *args: Any, **kwargs: Any) -> int:
        if self._secrets is not None or self.__data__.get("sealed") is None:
            DataKey.open_all([self.data_key_id])
            text = json.dumps(self.secrets, ensure_ascii=False, sort_keys=True)
            self.sealed = sealing.seal(text.encode(), self.data_key_id, self.about)
        return super().save(*args, **kwargs)

    @staticmethod
    def open_all(rows: Iterable["Sealed"]) -> list:
        """The rows as a list, their keys opened in one statement however many there are."""
        rows = list(rows)
        DataKey.open_all(row.data_key_id for row in rows)
        return rows
