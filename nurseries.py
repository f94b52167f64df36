"""What changes in a nursery: rooms, people, paper plans, presence, where a shared child stands.

Whatever its board shows is changed together with the mark that the board is due.
"""

import secrets
from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from peewee import EXCLUDED, Case

import inbox
import plan
from database import DataKey, DomainError, db, local
from inbox import Entry
from models import (
    Device,
    DeviceState,
    Grant,
    Nursery,
    PaperChild,
    Person,
    Plan,
    Presence,
    Room,
    Staff,
    StaffRole,
    Token,
)

INVITATION = "staff"


LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ"  # of a nursery's code: none that is taken for a digit


def found(name: str, manager: str, now: datetime) -> tuple[Nursery, str]:
    """A new nursery with its first manager, and the secret of the link that invites this person."""
    with db.atomic():
        key = DataKey.make()
        code = "".join(secrets.choice(LETTERS) for _ in range(6))
        nursery = Nursery.create(data_key=key, name=name, code=code)
        staff = Staff.create(nursery=nursery, data_key=key, name=manager, role=StaffRole.MANAGER)
        return nursery, invite(staff, now)


def add_room(nursery: Nursery, name: str) -> Room:
    with db.atomic():
        last = nursery.rooms.order_by(Room.rank.desc()).first()
        room = Room.create(nursery=nursery, name=name, rank=last.rank + 1 if last else 0)
        Nursery.touch([nursery.id])
    return room


def rename_room(room: Room, name: str) -> None:
    with db.atomic():
        room.name = name
        room.save()
        Nursery.touch([room.nursery_id])


def move_room_up(room: Room) -> None:
    """One place up on the board; the first stays where it is."""
    with db.atomic():
        rows = Room.select(Room.id).where(Room.nursery == room.nursery_id)
        order = [key for (key,) in rows.order_by(Room.rank, Room.name).tuples()]
        at = order.index(room.id)
        order.insert(max(at - 1, 0), order.pop(at))
        ranks = Case(None, [(Room.id == key, rank) for rank, key in enumerate(order)])
        Room.update(rank=ranks).where(Room.nursery == room.nursery_id).execute()
        Nursery.touch([room.nursery_id])


def end_staff(staff: Staff, now: datetime) -> None:
    """The last manager stays: somebody must answer families and report a tablet lost."""
    other = Staff.alias()
    others = other.select(other.id).where(
        other.nursery == staff.nursery_id,
        other.id != staff.id,
        other.role == StaffRole.MANAGER,
        other.ended.is_null(),
        other.person.is_null(False),
    )
    with db.atomic():
        if staff.role == StaffRole.MANAGER and staff.person_id and not others.exists():
            raise DomainError("last-manager")
        Staff.update(ended=now).where(Staff.id == staff.id, Staff.ended.is_null()).execute()
        Nursery.touch([staff.nursery_id])  # its tablets let one pick who acts
        phones = (Device.staff == staff) & Device.state.in_(Device.OPEN)
        Device.close(phones, DeviceState.REVOKED, now)


def add_staff(nursery: Nursery, name: str, role: str, now: datetime) -> Staff:
    with db.atomic():
        key = nursery.data_key_id
        row = Staff.create(nursery=nursery, data_key=key, role=role, name=name, created=now)
        Nursery.touch([nursery.id])
    return row


def invite(staff: Staff, now: datetime) -> str:
    """The secret of a link by which this colleague's own account becomes this row's."""
    if staff.person_id or staff.ended:
        raise DomainError("staff-has-account")
    return Token.make(INVITATION, staff.id, now)


def invited(secret: str, now: datetime) -> Staff | None:
    """Whom a link invites, while it works: not spent, not late, and still to work there."""
    token = Token.find(secret, INVITATION, now)
    open_row = (Staff.ended.is_null()) & (Staff.person.is_null())
    return token and Staff.get_or_none(Staff.id == token.about, open_row)


def join(secret: str, person: Person, now: datetime) -> Staff:
    """The invitation is spent, and the person works there from now on."""
    with db.atomic():
        staff = invited(secret, now)
        if staff is None:
            raise DomainError("invitation-gone")
        here = Staff.running().where(Staff.nursery == staff.nursery_id, Staff.person == person)
        if here.exists():
            raise DomainError("works-here-already")
        if not Token.find(secret, INVITATION, now).spend():
            raise DomainError("invitation-gone")
        Staff.update(person=person).where(Staff.id == staff.id).execute()
    return staff


def add_paper(nursery: Nursery, facts: Mapping[str, Any]) -> PaperChild:
    """A child whose plan is on paper only: it stands on the board with the place of the paper."""
    with db.atomic():
        child = PaperChild.create(nursery=nursery, data_key=nursery.data_key_id, **facts)
        Nursery.touch([nursery.id])
    return child


def change_paper(child: PaperChild, facts: Mapping[str, Any]) -> None:
    with db.atomic():
        for name, value in facts.items():
            setattr(child, name, value)
        child.save()
        Nursery.touch([child.nursery_id])


def remove_paper(child: PaperChild) -> None:
    with db.atomic():
        child.delete_instance()
        Nursery.touch([child.nursery_id])


def note_presence(
    nursery: Nursery, day: date, come: Iterable[UUID], gone: Iterable[UUID], at: datetime
) -> None:
    """Who came and who did not; of two words the later counts. Other nurseries' children are left
    out."""
    running = Grant.select(Grant.child).where(Grant.nursery == nursery, Grant.is_running())
    mine = {child_id for (child_id,) in running.tuples()}
    said = {key: here for here, keys in ((True, come), (False, gone)) for key in keys}
    common = {"nursery": nursery, "day": day, "at": at}
    rows = [{"child": key, "here": here} | common for key, here in said.items() if key in mine]
    if not rows:
        return
    with db.atomic():
        Presence.insert_many(rows).on_conflict(
            conflict_target=[Presence.child, Presence.nursery, Presence.day],
            preserve=[Presence.here, Presence.at],
            where=(EXCLUDED.at >= Presence.at),
        ).execute()
        Nursery.touch([nursery.id])


@inbox.handles("presence")
def hear_presence(device: Device, entry: Entry, now: datetime) -> None:
    """As told at the device, perhaps hours ago. Each word stays in the inbox; here the last one."""
    here, at = entry.body.get("here"), entry.when(now)
    if type(here) is not bool:
        raise DomainError("malformed")
    child = inbox.child_of(device, entry.plan)
    if child and device.nursery_id:
        one = {child.id}
        come, gone = (one, ()) if here else ((), one)
        note_presence(device.nursery, local(at).date(), come, gone, at)


def accept(grant: Grant, room_id: UUID | None, by: Person, now: datetime) -> None:
    """Take a plan that a second person has checked before; another is accepted with its check."""
    if not Plan.select().where(Plan.child == grant.child_id, Plan.current.is_null(False)).exists():
        raise DomainError("plan-not-in-force")
    plan.accept(grant, room_id, by, now)


def change_room(grant: Grant, room_id: UUID | None) -> None:
    """A tablet of one room holds the plans of its room: this changes who holds this one."""
    with db.atomic():
        Grant.update(room=room_id).where(Grant.id == grant.id).execute()
        Plan.touch(grant.child_id)


def child_left(grant: Grant, by: Person, now: datetime) -> None:
    """Sharing ends, if the family has not ended it, and copies go at the next contact."""
    with db.atomic():
        if grant.ended_at is None or grant.ended_at > now:
            plan.stop_sharing(grant, by, now)
        plan.confirm_left(grant, now)
