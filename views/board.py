"""What a nursery's board shows: the same for each of its readers, so it knows no request."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from peewee import JOIN, ModelSelect, fn

from database import Sealed, clock
from endings import stop_of
from models import (
    Blob,
    Child,
    Device,
    Grant,
    KitUnit,
    Nursery,
    PaperChild,
    Plan,
    PlanState,
    PlanVersion,
    Presence,
    Room,
    Staff,
)
from plan import Content, content_of
from shelf import gaps
from views.rendering import plain


@dataclass(frozen=True)
class Card:
    """A child whose plan the nursery holds. `name` tells it from the others of its room."""

    child: Child
    name: str
    plan_id: UUID | None
    photo: str
    conditions: tuple[str, ...]
    in_force: bool
    stopped_on: str
    waiting: bool
    valid_until: str
    review_on: str
    kit_gaps: tuple[date | None, ...]  # after which day a medicine is missing; None: it is now
    here: date | None  # the last day on which somebody noted the child as here
    shared_until: date | None
    shared: bool

    @property
    def is_unchecked(self) -> bool:
        return not self.in_force and not self.stopped_on


@dataclass(frozen=True)
class Group:
    """A room, or (room None) the children that have none yet."""

    room: Room | None
    cards: tuple[Card, ...]
    paper: tuple[PaperChild, ...]


def board_context(owner: Nursery | Device, language: str) -> dict[str, Any]:
    """For templates/held/board.html; the number of statements does not grow with the children. A
    pass has the part of it that it is for."""
    device = owner if isinstance(owner, Device) else None
    nursery = device.nursery if device else owner
    groups = groups_of(nursery, device)
    paper = [child for group in groups for child in group.paper]
    return {
        "nursery": nursery,
        "language": language,
        "groups": groups,
        "plans": sum(card.in_force for group in groups for card in group.cards),
        "unchecked": sum(card.is_unchecked for group in groups for card in group.cards),
        "paper": len(paper),
        "places": sorted({child.place for child in paper if child.place}, key=plain),
        "plain": plain,
        "staff": sorted((row.name for row in Sealed.open_all(_staff(nursery))), key=plain),
    }


def groups_of(nursery: Nursery, device: Device | None = None) -> list[Group]:
    """The rooms in their order with their children by name; who has no room comes last."""
    rooms = [*nursery.rooms.order_by(Room.rank, Room.name), None]
    cards = _cards(nursery, device)
    on_paper = nursery.paper_children
    if device:
        on_paper = on_paper.where(PaperChild.room == device.room_id) if device.room_id else ()
    paper = sorted(Sealed.open_all(on_paper), key=lambda child: plain(child.name))
    groups = [
        Group(
            room,
            tuple(card for room_id, card in cards if room_id == (room and room.id)),
            tuple(child for child in paper if child.room_id == (room and room.id)),
        )
        for room in rooms
    ]
    shown = [group for group in groups if group.room or group.cards or group.paper]
    return [group for group in shown if group.cards or group.paper] if device else shown


def names(children: Iterable[tuple[UUID | None, Child]]) -> dict[UUID, str]:
    """A short name for each child; the full one where two in a room would look alike."""
    children = list(children)
    shorts = Counter((room_id, plain(child.short_name)) for room_id, child in children)
    fulls = Counter((room_id, plain(child.name)) for room_id, child in children)
    told = {}
    for room_id, child in children:
        told[child.id] = child.short_name
        if shorts[room_id, plain(child.short_name)] > 1:
            told[child.id] = child.name
        if fulls[room_id, plain(child.name)] > 1 and child.born:
            told[child.id] = f"{child.name}, {child.born.year}"
    return told


def _cards(nursery: Nursery, device: Device | None) -> list[tuple[UUID | None, Card]]:
    grants = _held(nursery, device)
    ids = [grant.child_id for grant in grants]
    told = names((grant.room_id, grant.child) for grant in grants)
    plans = {row.child_id: row for row in Plan.select().where(Plan.child.in_(ids))}
    current = [row.current_id for row in plans.values() if row.current_id]
    versions = Sealed.open_all(PlanVersion.select().where(PlanVersion.id.in_(current)))
    versions = {version.plan_id: version for version in versions}
    waiting = _plans_waiting(plans.values())
    here = _last_here(nursery)
    units = _units(plans.values())
    now = clock()
    cards = []
    for grant in sorted(grants, key=lambda grant: plain(told[grant.child_id])):
        row = plans.get(grant.child_id)
        version = row and versions.get(row.id)
        content = version and content_of(version)
        stop = stop_of(version)
        ends = grant.ended_at
        card = Card(
            child=grant.child,
            name=told[grant.child_id],
            plan_id=row and row.id,
            photo=grant.child.photo.sha256 if grant.child.photo_id else "",
            conditions=tuple(dict.fromkeys(content.conditions)) if content else (),
            in_force=version is not None and stop is None,
            stopped_on=stop.on if stop else "",
            waiting=row is not None and row.id in waiting,
            valid_until=content.valid_until if content and not content.indefinite else "",
            review_on=content.review_on if content else "",
            kit_gaps=_lacking(content, units[row.id]) if content and not stop else (),
            here=here.get(grant.child_id),
            shared_until=grant.until,
            shared=ends is None or ends > now,
        )
        cards.append((grant.room_id, card))
    return cards


def _held(nursery: Nursery, device: Device | None) -> list[Grant]:
    """Grants whose copies are still on the tablets: an ended one too, until its copies must go."""
    grants = (
        Grant.select(Grant, Child, Blob.id, Blob.sha256)
        .join(Child)
        .join(Blob, JOIN.LEFT_OUTER)
        .where(Grant.within(device) if device else Grant.nursery == nursery)
        .where(Grant.accepted.is_null(False), Grant.left.is_null())
        .order_by(Grant.accepted)
    )
    now = clock()
    latest = {grant.child_id: grant for grant in grants if not grant.erase_due(now)}
    Sealed.open_all(grant.child for grant in latest.values())
    return list(latest.values())


def _units(plans: Iterable[Plan]) -> dict[UUID, list[KitUnit]]:
    rows = KitUnit.select().where(KitUnit.plan.in_([row.id for row in plans]))
    units: dict[UUID, list[KitUnit]] = defaultdict(list)
    for unit in Sealed.open_all(rows.where(KitUnit.ended.is_null())):
        units[unit.plan_id].append(unit)
    return units


def _lacking(content: Content, units: list[KitUnit]) -> tuple[date | None, ...]:
    """At most one day: what is missing now, or first."""
    days = [gap.after for gap in gaps(content.medicines, units)]
    first = None if None in days else min(days, default=None)
    return (first,) if days else ()


def _plans_waiting(plans: Iterable[Plan]) -> set[UUID]:
    query = PlanVersion.select(PlanVersion.plan).where(
        PlanVersion.plan.in_([row.id for row in plans]),
        PlanVersion.state == PlanState.SUBMITTED,
    )
    return {plan_id for (plan_id,) in query.tuples()}


def _staff(nursery: Nursery) -> ModelSelect:
    return nursery.staff.where(Staff.ended.is_null())


def _last_here(nursery: Nursery) -> dict[UUID, date]:
    query = (
        Presence.select(Presence.child, fn.MAX(Presence.day))
        .where(Presence.nursery == nursery, Presence.here)
        .group_by(Presence.child)
    )
    return dict(query.tuples())
