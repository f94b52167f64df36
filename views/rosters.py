"""The lists behind the board: shares, tablets, people. Each in a constant number of statements."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from peewee import JOIN, Expression

import sealing
from database import Sealed, clock
from models import (
    GRACE,
    Actor,
    Child,
    Device,
    DeviceState,
    Grant,
    Guardian,
    MayHold,
    Nursery,
    PaperChild,
    Plan,
    PlanState,
    PlanVersion,
    Presence,
    Room,
    Staff,
)
from receipts import Receipt
from views import family
from views.rendering import plain

KEPT = timedelta(days=30)  # how long an ended share stays in the list when every copy is gone


# ── shares ───────────────────────────────────────────────────────────────────────────────────────


class Copy(NamedTuple):
    """What one tablet may hold of a child's plan."""

    device: str
    sent: datetime
    erased: datetime | None


@dataclass(frozen=True)
class Share:
    """A grant to this nursery. `waiting` is the version to be compared with the paper, if any."""

    grant: Grant
    name: str
    plan_id: UUID | None
    waiting: PlanVersion | None
    in_force: bool
    may_check: bool
    copies: tuple[Copy, ...]
    readers: tuple[Receipt, ...]  # who says to have read the version in force

    @property
    def is_held(self) -> bool:
        return any(copy.erased is None for copy in self.copies)


@dataclass(frozen=True)
class Shares:
    offered: tuple[Share, ...]
    running: tuple[Share, ...]
    ended: tuple[Share, ...]

    @property
    def to_check(self) -> tuple[Share, ...]:
        return tuple(share for share in self.running if share.waiting)


def shares(nursery: Nursery, actor: Actor) -> Shares:
    now = clock()
    rows = [row for row in _shares(nursery, actor) if row.grant.refused is None]
    offered = [row for row in rows if row.grant.accepted is None and row.grant.ended is None]
    taken = [row for row in rows if row.grant.accepted]
    ended = [row for row in taken if row.grant.ended_at and row.grant.ended_at <= now]
    running = [row for row in taken if row not in ended]
    recent = [row for row in ended if row.is_held or row.grant.ended_at + GRACE + KEPT > now]
    return Shares(tuple(offered), tuple(running), tuple(recent))


def _shares(nursery: Nursery, actor: Actor) -> list[Share]:
    grants = list(
        Grant.select(Grant, Child, Room)
        .join(Child)
        .switch(Grant)
        .join(Room, JOIN.LEFT_OUTER)
        .where(Grant.nursery == nursery)
        .order_by(Grant.created, Grant.id)
    )
    Sealed.open_all(grant.child for grant in grants)
    ids = [grant.child_id for grant in grants]
    plans = {row.child_id: row for row in Plan.select().where(Plan.child.in_(ids))}
    waiting = _waiting(plans)
    own = {child_id for (child_id,) in Guardian.children_of(actor).tuples()}
    copies = _copies(nursery)
    readers = Receipt.of(row.current_id for row in plans.values())
    made = []
    for grant in grants:
        row = plans.get(grant.child_id)
        version = row and waiting.get(row.id)
        mine = grant.child_id in own or (version and version.author_id == actor.person_id)
        share = Share(
            grant=grant,
            name=grant.child.name,
            plan_id=row and row.id,
            waiting=version,
            in_force=row is not None and row.current_id is not None,
            may_check=not mine,
            copies=tuple(copies[row.id]) if row else (),
            readers=tuple(readers.get(row.current_id, ())) if row else (),
        )
        made.append(share)
    return sorted(made, key=lambda share: plain(share.name))


def _waiting(plans: dict[UUID, Plan]) -> dict[UUID, PlanVersion]:
    columns = PlanVersion.id, PlanVersion.plan, PlanVersion.author, PlanVersion.created
    query = PlanVersion.select(*columns).where(
        PlanVersion.plan.in_([row.id for row in plans.values()]),
        PlanVersion.state == PlanState.SUBMITTED,
    )
    return {version.plan_id: version for version in query}


def _copies(nursery: Nursery) -> dict[UUID, list[Copy]]:
    query = (
        MayHold.select(MayHold.plan, Device.name, MayHold.sent, MayHold.erased)
        .join(Device)
        .where(Device.nursery == nursery)
        .order_by(Device.name)
    )
    copies = defaultdict(list)
    for plan_id, *copy in query.tuples():
        copies[plan_id].append(Copy(*copy))
    return copies


# ── tablets ──────────────────────────────────────────────────────────────────────────────────────


class Tablet(NamedTuple):
    device: Device
    holds: int  # plans that it may still hold


def devices(nursery: Nursery, now: datetime) -> list[Tablet]:
    return devices_where(Device.nursery == nursery, now)


def devices_where(which: Expression, now: datetime) -> list[Tablet]:
    """Codes that nobody used in time are left out: no device ever came."""
    came = Device.public_key.is_null(False) | (
        (Device.code_until > now) & (Device.state == DeviceState.WAITING)
    )
    rows = (
        Device.select(Device, Room)
        .join(Room, JOIN.LEFT_OUTER)
        .where(which, came)
        .order_by(Device.ended.is_null(False), Device.name, Device.created)
    )
    held = defaultdict(int)
    open_copies = MayHold.select(MayHold.device).join(Device).where(which, MayHold.erased.is_null())
    for (device_id,) in open_copies.tuples():
        held[device_id] += 1
    return [Tablet(device, held[device.id]) for device in rows]


def kits(nursery: Nursery, today: date) -> list[tuple[Child, family.Box]]:
    """Boxes and pens of the plans that the nursery holds, the earliest date first."""
    running = Grant.select(Grant.child).where(Grant.nursery == nursery, Grant.is_running())
    plans = Plan.select(Plan, Child).join(Child).where(Plan.child.in_(running))
    children = {plan.id: plan.child for plan in plans}
    Sealed.open_all(children.values())
    found = [
        (children[plan_id], box)
        for plan_id, boxes in family.boxes(list(children), today).items()
        for box in boxes
    ]
    return sorted(found, key=lambda pair: (pair[1].until or date.max, plain(pair[0].name)))


def held_by(device: Device) -> list[str]:
    """The children whose plan the device may still hold, by name."""
    holding = MayHold.select(MayHold.plan).where(MayHold.device == device, MayHold.erased.is_null())
    rows = Child.select(Child).join(Plan, on=(Plan.child == Child.id))
    children = Sealed.open_all(rows.where(Plan.id.in_(holding)))
    return sorted((child.name for child in children), key=plain)


def key_mark(device: Device) -> str:
    """What the manager's passkey confirms: this very key, not whichever tablet came first."""
    return sealing.digest(bytes(device.public_key)).hex() if device.public_key else ""


# ── people and children ──────────────────────────────────────────────────────────────────────────


def staff(nursery: Nursery) -> list[Staff]:
    rows = Sealed.open_all(nursery.staff.where(Staff.ended.is_null()))
    return sorted(rows, key=lambda row: (row.role, plain(row.name)))


def paper(nursery: Nursery) -> list[PaperChild]:
    rows = PaperChild.select(PaperChild, Room).join(Room, JOIN.LEFT_OUTER)
    rows = Sealed.open_all(rows.where(PaperChild.nursery == nursery))
    return sorted(rows, key=lambda row: plain(row.name))


def by_room(nursery: Nursery) -> list[tuple[str, list[Child]]]:
    """Children with a running share, by the name of their room; who has none comes last."""
    query = (
        Grant.select(Grant, Child, Room)
        .join(Child)
        .switch(Grant)
        .join(Room, JOIN.LEFT_OUTER)
        .where(Grant.nursery == nursery, Grant.is_running())
        .order_by(Room.rank, Room.name)
    )
    grants = list(query)
    Sealed.open_all(grant.child for grant in grants)
    groups: dict[str, list[Child]] = {}
    for grant in sorted(grants, key=lambda grant: grant.room_id is None):
        groups.setdefault(grant.room.name if grant.room_id else "", []).append(grant.child)
    return [
        (room, sorted(children, key=lambda child: plain(child.name)))
        for room, children in groups.items()
    ]


def present(nursery: Nursery, day: date) -> set[UUID]:
    """Who is noted as here on that day, of the children that the nursery looks after now."""
    running = Grant.select(Grant.child).where(Grant.nursery == nursery, Grant.is_running())
    query = Presence.select(Presence.child).where(
        Presence.nursery == nursery,
        Presence.day == day,
        Presence.child.in_(running),
        Presence.here,
    )
    return {child_id for (child_id,) in query.tuples()}
