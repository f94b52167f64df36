"""An emergency that was run: what was done, when, by whom. Nothing in it is ever changed.

A drill has the same shape and is no incident of the child. Two tablets that ran one emergency
have two incidents, told as one log.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import UUID, uuid5

from peewee import (
    JOIN,
    BigIntegerField,
    BooleanField,
    CharField,
    ForeignKeyField,
    IntegerField,
    ModelSelect,
)

import inbox
import jobs
from database import DomainError, Sealed, Secret, UtcField, db
from inbox import Entry
from models import (
    Actor,
    Child,
    Device,
    Grant,
    Guardian,
    KitUnit,
    Nursery,
    Person,
    Plan,
    PlanVersion,
    Room,
)
from offices import Notice

SILENT = timedelta(hours=6)  # after its last entry an emergency that nobody ended counts as over
PLACE = re.compile(r"sheets\.\d{1,3}\.groups\.\d{1,3}|medicines\.\d{1,3}")
TEXT = 500
# What each kind of line must say, and no more.
SHAPES: Mapping[str, Mapping[str, type]] = {
    "start": {"before": int},
    "guard": {},
    "branch": {"at": str},
    "step": {"at": str, "n": int},
    "impossible": {"at": str, "n": int, "reason": str},
    "dose": {"at": str},
    "call": {"who": str},
    "note": {"text": str},
    "correction": {"text": str},
    "end": {},
}


class Incident(Sealed):
    """Its id is the page's that began it. Without a plan: a child that has none here."""

    plan = ForeignKeyField(Plan, null=True, backref="+", on_delete="CASCADE")
    child = ForeignKeyField(Child, null=True, backref="+", on_delete="CASCADE")
    nursery = ForeignKeyField(Nursery, backref="+", on_delete="CASCADE")
    device = ForeignKeyField(Device, null=True, backref="+", on_delete="SET NULL")
    room = ForeignKeyField(Room, null=True, backref="+", on_delete="SET NULL")
    drill = BooleanField()
    version = IntegerField(default=0)  # the one that was run, whatever came since
    started = UtcField(index=True)
    last = UtcField()
    ended = UtcField(null=True)

    @classmethod
    def visible_to(cls, actor: Actor) -> ModelSelect:
        """A guardian, no drill; the people and tablets of the crèche while it holds the plan."""
        guarded = cls.child.in_(Guardian.children_of(actor)) & (cls.drill == False)  # noqa: E712
        held = cls.child.is_null() | cls.child.in_(Grant.children_for(actor))
        return cls.select().where(guarded | (cls.nursery.in_(actor.nurseries) & held))

    @property
    def over(self) -> datetime:
        return self.ended or self.last + SILENT

    def joined(self) -> list[Self]:
        """With what other tablets of the crèche wrote of the same emergency, the earliest first."""
        if self.plan_id is None:
            return [self]
        rows = Incident.select().where(
            Incident.plan == self.plan_id,
            Incident.nursery == self.nursery_id,
            Incident.drill == self.drill,
        )
        return [
            other
            for other in Sealed.open_all(rows.order_by(Incident.started, Incident.id))
            if other.started <= self.over and self.started <= other.over
        ]

    def content_version(self) -> PlanVersion | None:
        mine = PlanVersion.plan == self.plan_id, PlanVersion.no == self.version
        return PlanVersion.get_or_none(*mine)


class IncidentEvent(Sealed):
    """One line of the log. Its id is the entry's; a correction is a line of its own."""

    incident = ForeignKeyField(Incident, backref="events", on_delete="CASCADE")
    device = ForeignKeyField(Device, null=True, backref="+", on_delete="SET NULL")
    what = CharField()
    at = UtcField()  # our time of it
    n = BigIntegerField()  # the order in which its device wrote
    doubtful = BooleanField(default=False)  # the device's clock could not be trusted
    by = Secret()
    body = Secret(dict, {})

    @classmethod
    def log(cls, incidents: Iterable[Incident]) -> list[Self]:
        rows = cls.select(cls, Device).join(Device, JOIN.LEFT_OUTER)
        rows = rows.where(cls.incident.in_([one.id for one in incidents]))
        return Sealed.open_all(rows.order_by(cls.at, cls.device, cls.n))


# ── taking in ────────────────────────────────────────────────────────────────────────────────────


@inbox.handles("incident")
def take(device: Device, entry: Entry, now: datetime) -> None:
    what, body = read(entry.body)
    if entry.incident is None:
        raise DomainError("malformed")
    at = entry.when(now) - timedelta(milliseconds=body.get("before", 0))
    incident = Incident.get_or_none(Incident.id == entry.incident)
    if incident is None:
        incident = _begin(device, entry, at)
    if incident.device_id != device.id:  # the log of another device is not written here
        raise DomainError("malformed")
    IncidentEvent.create(
        id=entry.id,
        incident=incident,
        device=device,
        data_key=incident.data_key_id,
        what=what,
        at=at,
        n=entry.n,
        doubtful=not entry.clock_ok,
        by=entry.by,
        body=body,
        created=now,
    )
    _move(incident, what, body, at)
    if what == "end" and incident.child_id and not incident.drill:
        _tell(incident, now)


def read(said: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The kind of a line and what it says, read strictly."""
    body = dict(said)
    what = body.pop("what", "")
    version = body.pop("version", None) if what == "start" else None
    shape = SHAPES.get(what if isinstance(what, str) else "")
    if shape is None or body.keys() != shape.keys():
        raise DomainError("malformed")
    if not all(_fits(name, body[name], kind) for name, kind in shape.items()):
        raise DomainError("malformed")
    return what, body | ({"version": version} if _fits("version", version, int) else {})


def _fits(name: str, value: Any, kind: type) -> bool:
    if type(value) is not kind:
        return False
    if kind is int:
        return 0 <= value < 1 << 31
    return bool(PLACE.fullmatch(value)) if name == "at" else 0 < len(value) <= TEXT


def _begin(device: Device, entry: Entry, at: datetime) -> Incident:
    child = inbox.child_of(device, entry.plan)
    return Incident.create(
        id=entry.incident,
        data_key=(child or device.nursery).data_key_id,
        plan=entry.plan if child else None,
        child=child,
        nursery=device.nursery_id,
        device=device,
        room=device.room_id or _room(device, child),
        drill=entry.drill,
        started=at,
        last=at,
    )


def _room(device: Device, child: Child | None) -> UUID | None:
    mine = Grant.nursery == device.nursery_id, Grant.child == child, Grant.is_running()
    return Grant.select(Grant.room).where(*mine).limit(1).scalar() if child else None


def _move(incident: Incident, what: str, body: Mapping[str, Any], at: datetime) -> None:
    change: dict[str, Any] = {"last": max(at, incident.last), "started": min(at, incident.started)}
    if what == "end":
        change["ended"] = at
    if "version" in body:
        change["version"] = body["version"]
    Incident.update(**change).where(Incident.id == incident.id).execute()
    for name, value in change.items():
        setattr(incident, name, value)


def _tell(incident: Incident, now: datetime) -> None:
    """The guardians that there is a report, the nurses that a crèche may want a call; once each."""
    first = incident.joined()[0].id
    guards = Guardian.select(Guardian.person).where(
        Guardian.child == incident.child_id, Guardian.ended.is_null()
    )
    nurses = Person.select().where(Person.is_nurse == True)  # noqa: E712
    told = [(person, "incident-over") for person in Person.select().where(Person.id.in_(guards))]
    told += [(person, "incident-nearby") for person in nurses]
    for person, code in told:
        key = uuid5(first, f"{code} {person.id}")
        if Notice.select().where(Notice.id == key).exists():
            continue
        facts = {"place": incident.nursery.name}
        jobs.notify(person, code, incident.id, now, facts=facts, key=key)


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────


def correct(incident: Incident, text: str, by: Person, now: datetime) -> IncidentEvent:
    """A new line; what it corrects stays."""
    return IncidentEvent.create(
        incident=incident,
        data_key=incident.data_key_id,
        what="correction",
        at=now,
        n=0,
        by=by.name,
        body={"text": text},
        created=now,
    )


def strike(unit: KitUnit, now: datetime) -> None:
    """It was used: off the list of what is there, once, though two may tap."""
    with db.atomic():
        here = KitUnit.id == unit.id, KitUnit.ended.is_null()
        if not KitUnit.update(ended=now).where(*here).execute():
            raise DomainError("kit-unit-replaced")
        Plan.touch(unit.plan.child_id)


@dataclass(frozen=True)
class Practice:
    """The drills of one person in one room."""

    by: str
    room: str
    count: int
    last: datetime
    first_step: timedelta | None  # of the last drill: from its start to the first step


def practices(nursery: Nursery) -> list[Practice]:
    rows = (
        IncidentEvent.select(IncidentEvent, Incident, Room)
        .join(Incident)
        .join(Room, JOIN.LEFT_OUTER)
        .where(Incident.nursery == nursery, Incident.drill == True)  # noqa: E712
        .order_by(IncidentEvent.at)
    )
    drills: dict[UUID, list[IncidentEvent]] = {}
    for event in Sealed.open_all(rows):
        drills.setdefault(event.incident_id, []).append(event)
    found: dict[tuple[str, str], list[list[IncidentEvent]]] = {}
    for events in drills.values():
        by = next((event.by for event in events if event.by), "")
        room = events[0].incident.room
        found.setdefault((by, room.name if room else ""), []).append(events)
    return [
        Practice(by, room, len(runs), runs[-1][0].at, _to_first_step(runs[-1]))
        for (by, room), runs in sorted(found.items())
    ]


def _to_first_step(events: list[IncidentEvent]) -> timedelta | None:
    done = next((event.at for event in events if event.what in ("step", "impossible")), None)
    return done and done - events[0].incident.started
