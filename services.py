"""The facts about the two offices: loaded once, dated, edited at the desk; opening rules."""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote_plus

from database import DomainError, db
from models import Actor, Audit
from offices import Centre, Service

DATA = Path(__file__).parent / "data" / "services.toml"
FURTHEST = 366  # days
MAP = "https://www.openstreetmap.org/search?query="  # a link: nothing is loaded from there


@dataclass(frozen=True)
class Rule:
    """When a centre is open: on each `weekday` (0 is Monday), or on the `nth` of a month only."""

    weekday: int
    opens: str  # "14:00", Luxembourg's time
    closes: str
    nth: int = 0
    appointment: bool = True
    since: str = ""  # first day it holds, ISO

    def holds_on(self, day: date) -> bool:
        if day.weekday() != self.weekday or day.isoformat() < self.since:
            return False
        return not self.nth or (day.day - 1) // 7 + 1 == self.nth

    @property
    def since_day(self) -> date | None:
        return date.fromisoformat(self.since) if self.since else None

    @property
    def hours(self) -> tuple[time, time]:
        return time.fromisoformat(self.opens), time.fromisoformat(self.closes)


def rules_of(centre: Centre) -> list[Rule]:
    return [Rule(**rule) for rule in centre.rules]


def next_days(rule: Rule, today: date, count: int) -> list[date]:
    """The next days on which the rule holds, today among them. A holiday is no exception: the
    page that is our source does not say, so the reader is told to call before."""
    return [day for _, day in zip(range(count), _days(rule, today), strict=False)]


def _days(rule: Rule, today: date) -> Iterator[date]:
    for ahead in range(FURTHEST):
        day = today + timedelta(days=ahead)
        if rule.holds_on(day):
            yield day


@cache
def _holidays() -> Mapping[date, str]:
    import holidays  # noqa: PLC0415  a seventh of a second at every start, for a few pages

    return holidays.country_holidays("LU")


def is_holiday(day: date) -> bool:
    """A public holiday of Luxembourg."""
    return day in _holidays()


def load() -> None:
    """Bring what the data file holds and the database lacks. What the desk edited stays."""
    data = tomllib.loads(DATA.read_text(encoding="utf-8"))
    for table, rows in ((Centre, data["centre"]), (Service, data["service"])):
        known = {slug for (slug,) in table.select(table.slug).tuples()}
        for rank, row in enumerate(rows):
            if row["slug"] not in known:
                table.create(rank=rank, **row)


def centres() -> list[Centre]:
    return list(Centre.select().order_by(Centre.rank, Centre.name))


def by_slug(*slugs: str) -> dict[str, Service]:
    """All services, or those named, by their slug."""
    rows = Service.select().order_by(Service.rank)
    if slugs:
        rows = rows.where(Service.slug.in_(slugs))
    return {service.slug: service for service in rows}


def map_link(address: str) -> str:
    """A plain link: nothing is asked of the map before the reader follows it."""
    return MAP + quote_plus(address)


def mark(row: Service | Centre) -> str:
    """Which state of the row somebody has before their eyes."""
    return row.edited.isoformat() if row.edited else ""


def edit(
    row: Service | Centre, facts: Mapping[str, Any], seen: str, actor: Actor, now: datetime
) -> None:
    """`facts` are columns by name, `seen` the mark of the row they were typed over. Who changed
    it and when stands on the row and in the audit. Two may save at once: one is first."""
    table = type(row)
    as_seen = table.edited.is_null() if row.edited is None else table.edited == row.edited
    with db.atomic():
        change = table.update(**facts, edited=now, edited_by=actor.person)
        if seen != mark(row) or not change.where(table.id == row.id, as_seen).execute():
            raise DomainError("edited-meanwhile")
        Audit.note(actor, f"{table._meta.table_name}.edit", row.id)
