"""When a nurse can be met: weekly hours, closed days, the way to a home visit; what is free."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Self
from uuid import UUID

from peewee import JOIN, CharField, DateField, ForeignKeyField, IntegerField, ModelSelect

import services
from database import LUXEMBOURG, BaseModel, db, local
from models import Actor, Person
from offices import Centre, RequestKind, Slot

HALF_HOUR = timedelta(minutes=30)
# What families may wish for, and a nurse's hours until they are set.
HALVES = {"am": (time(8), time(12)), "pm": (time(13, 30), time(17))}
MIDDAY = time(13)
DAYS_AHEAD = 5  # working days that a family may wish for
DAYS_SEEN = 28  # how far ahead free times are looked for


class Hours(BaseModel):
    """A nurse's hours on one day of each week, for one kind of request or for all."""

    nurse = ForeignKeyField(Person, backref="+", on_delete="CASCADE")
    weekday = IntegerField()  # 0 is Monday
    opens = CharField()  # "08:00", Luxembourg's time
    closes = CharField()
    kind = CharField(default="")
    centre = ForeignKeyField(Centre, null=True, backref="+", on_delete="CASCADE")
    travel = IntegerField(default=1)  # half hours before and after a home visit

    class Meta:
        indexes = ((("nurse", "weekday"), False),)

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select() if actor.is_nurse else cls.select().where(cls.id.is_null())

    @classmethod
    def of(cls, nurse: Person) -> list[Self]:
        rows = cls.select(cls, Centre).join(Centre, JOIN.LEFT_OUTER).where(cls.nurse == nurse)
        return list(rows.order_by(cls.weekday, cls.opens, cls.id))

    @classmethod
    def add(cls, nurse: Person, facts: Mapping[str, Any]) -> None:
        """A form that was sent twice adds one row."""
        with db.atomic():
            same = [getattr(cls, name) == value for name, value in facts.items()]
            if not cls.select().where(cls.nurse == nurse, *same).exists():
                cls.create(nurse=nurse, **facts)

    def serves(self, kind: str, centre_id: UUID | None) -> bool:
        if self.kind and self.kind != kind:
            return False
        return kind != RequestKind.CNJE or centre_id in {None, self.centre_id}


class Closure(BaseModel):
    """Days without appointments: of one nurse, or of the whole service."""

    nurse = ForeignKeyField(Person, null=True, backref="+", on_delete="CASCADE")
    first = DateField()
    last = DateField()

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        return cls.select() if actor.is_nurse else cls.select().where(cls.id.is_null())

    @classmethod
    def of(cls, nurse: Person, day: date) -> list[Self]:
        """Those not over on that day."""
        here = cls.nurse.is_null() | (cls.nurse == nurse)
        return list(cls.select().where(here, cls.last >= day).order_by(cls.first, cls.id))

    @classmethod
    def add(cls, nurse: Person | None, first: date, last: date) -> None:
        with db.atomic():
            whose = cls.nurse == nurse if nurse else cls.nurse.is_null()
            if not cls.select().where(whose, cls.first == first, cls.last == last).exists():
                cls.create(nurse=nurse, first=first, last=last)


@dataclass(frozen=True, order=True)
class Free:
    """Half an hour that can be given, and where the nurse is then."""

    starts: datetime
    centre_id: UUID | None = None


def usual_hours() -> list[Hours]:
    """Of a nurse who has set none."""
    return [
        Hours(weekday=weekday, opens=f"{opens:%H:%M}", closes=f"{closes:%H:%M}")
        for weekday in range(5)
        for opens, closes in HALVES.values()
    ]


def free(nurse: Person, kind: str, centre_id: UUID | None, now: datetime) -> list[Free]:
    """From tomorrow on, in their order. Computed each time: there is no table of free times."""
    today = local(now).date()
    hours = Hours.of(nurse) or usual_hours()
    closed = Closure.of(nurse, today)
    taken = _taken(nurse, now)
    around = max(row.travel for row in hours) if kind == RequestKind.HOME else 0
    found: dict[datetime, Free] = {}
    for day in (today + timedelta(days=ahead) for ahead in range(1, DAYS_SEEN + 1)):
        if not is_working_day(day) or any(one.first <= day <= one.last for one in closed):
            continue
        here = [row for row in hours if row.weekday == day.weekday()]
        for row in (row for row in here if row.serves(kind, centre_id)):
            for starts in half_hours(day, row.opens, row.closes):
                if taken.isdisjoint(block(starts, around)):
                    found.setdefault(starts, Free(starts, row.centre_id))
    return [found[starts] for starts in sorted(found)]


def _taken(nurse: Person, now: datetime) -> set[datetime]:
    given = Slot.select(Slot.starts).where(Slot.nurse == nurse, Slot.stands(now))
    return {starts for (starts,) in given.where(Slot.starts > now - timedelta(days=1)).tuples()}


def travel_of(nurse: Person) -> int:
    """Half hours kept free on both sides of a home visit."""
    return max(row.travel for row in Hours.of(nurse) or usual_hours())


def block(starts: datetime, around: int) -> list[datetime]:
    """A meeting with the half hours of the way to it and back."""
    return [starts + HALF_HOUR * step for step in range(-around, around + 1)]


def half_hours(day: date, opens: str, closes: str) -> Iterable[datetime]:
    starts, end = time.fromisoformat(opens), time.fromisoformat(closes)
    moment = datetime.combine(day, starts, LUXEMBOURG)
    while (moment + HALF_HOUR).time() <= end and moment.date() == day:
        yield moment.astimezone(UTC)
        moment += HALF_HOUR


def half_days(now: datetime) -> list[str]:
    """What a family may wish for: the next working days, "2026-11-26 am". Never today."""
    days, day = [], local(now).date()
    while len(days) < DAYS_AHEAD:
        day += timedelta(days=1)
        if is_working_day(day):
            days.append(day)
    return [f"{day} {half}" for day in days for half in HALVES]


def half_of(starts: datetime) -> str:
    here = local(starts)
    return f"{here.date()} {'am' if here.time() < MIDDAY else 'pm'}"


def is_working_day(day: date) -> bool:
    return day.weekday() < 5 and not services.is_holiday(day)


def moments_of(day: date, hour: time) -> list[datetime]:
    """Luxembourg's hour on that day, in UTC: none for an hour that the clocks skip, two for one
    that comes twice."""
    both = [datetime.combine(day, hour, LUXEMBOURG).replace(fold=fold) for fold in (0, 1)]
    found = sorted({moment.astimezone(UTC) for moment in both})
    return [moment for moment in found if local(moment).time() == hour]
