"""What a family sees at a glance: how each plan stands, what is due, who holds and opened it."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from peewee import JOIN, Case, fn

from database import Sealed, local, today
from endings import Stop, fourth_birthday, stop_of
from models import (
    Actor,
    Audit,
    Check,
    Child,
    Contact,
    ContactKind,
    Device,
    DeviceState,
    Draft,
    Grant,
    Guardian,
    KitUnit,
    MayHold,
    Nursery,
    Person,
    Plan,
    PlanState,
    PlanVersion,
    Rights,
    Room,
    Staff,
)
from plan import Content, content_of
from receipts import Receipt
from shelf import last_day

SOON = timedelta(days=60)  # the first step of the kit's reminders
RENEWAL = timedelta(days=42)
GROWING_OUT = timedelta(days=90)  # as the first notice before the fourth birthday
OPENINGS = 50  # on one page


class Standing(StrEnum):
    """How a plan stands, in the order in which a family meets it."""

    NONE = "none"
    BEGUN = "begun"
    WAITING = "waiting"
    REFUSED = "refused"
    IN_FORCE = "in-force"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Box:
    """A box or pen at the crèche, and the last day on which its print lets it be used."""

    unit: KitUnit
    until: date | None
    days: int | None

    @property
    def is_due(self) -> bool:
        return self.days is not None and self.days <= SOON.days


@dataclass(frozen=True)
class Situation:
    """One child as its guardian finds it."""

    child: Child
    may_edit: bool
    plan: Plan | None
    current: PlanVersion | None
    content: Content | None
    last: PlanVersion | None
    draft: Draft | None
    remark: str
    grants: tuple[Grant, ...]
    boxes: tuple[Box, ...]
    has_contacts: bool
    today: date

    @property
    def standing(self) -> Standing:
        """What is shown first: a plan in force stays in force while a change waits."""
        if self.current:
            stopped = self.current.state == PlanState.STOPPED
            return Standing.STOPPED if stopped else Standing.IN_FORCE
        if self.waits:
            return Standing.WAITING
        if self.refused:
            return Standing.REFUSED
        return Standing.BEGUN if self.plan else Standing.NONE

    @property
    def waits(self) -> bool:
        return self.last is not None and self.last.state == PlanState.SUBMITTED

    @property
    def refused(self) -> bool:
        return self.last is not None and self.last.state == PlanState.REFUSED

    @property
    def running(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if is_running(grant, self.today))

    @property
    def offered(self) -> tuple[Grant, ...]:
        return tuple(grant for grant in self.grants if is_offered(grant))

    @property
    def renewal_due(self) -> date | None:
        """The last day on the paper, once it is near or past; the plan applies all the same."""
        ends = self.content and not self.content.indefinite
        day = date_of(self.content.valid_until) if ends else None
        return day if day and day - RENEWAL <= self.today else None

    @property
    def review_passed(self) -> date | None:
        day = date_of(self.content.review_on) if self.content else None
        return day if day and day < self.today else None

    @property
    def stop(self) -> Stop | None:
        return stop_of(self.current)

    @property
    def grows_out_on(self) -> date | None:
        """The fourth birthday, once it is near, until the crèches’ copies have ended."""
        birthday = fourth_birthday(self.child)
        near = birthday and birthday - GROWING_OUT <= self.today
        return birthday if near and self.running else None

    @property
    def due_boxes(self) -> tuple[Box, ...]:
        is_kept = self.may_edit and self.standing != Standing.STOPPED
        return tuple(box for box in self.boxes if box.is_due) if is_kept else ()

    @property
    def needs(self) -> tuple[str, ...]:
        """What waits for this guardian, the most pressing first; nothing for one who only sees."""
        if not self.may_edit:
            return ()
        standing = self.standing
        stopped = standing == Standing.STOPPED
        sent = (self.current is not None and not stopped) or self.waits
        waiting_for = {
            "hand-back": stopped and bool(self.boxes),
            "refused": self.refused,
            "contacts": not self.has_contacts,
            "none": standing == Standing.NONE,
            "begun": standing == Standing.BEGUN,
            "share": sent and not self.running and not self.offered,
            "waiting": self.waits,
            "renewal": self.renewal_due is not None,
            "grown": self.grows_out_on is not None,
        }
        return tuple(code for code, waits in waiting_for.items() if waits)

    @property
    def has_needs(self) -> bool:
        return bool(self.needs or self.due_boxes)


def date_of(text: str) -> date | None:
    return date.fromisoformat(text) if text else None


def is_running(grant: Grant, today: date) -> bool:
    in_time = grant.until is None or grant.until >= today
    return grant.accepted is not None and grant.ended is None and in_time


def is_offered(grant: Grant) -> bool:
    return grant.accepted is None and grant.refused is None and grant.ended is None


def situations(children: Iterable[Child], actor: Actor, today: date) -> list[Situation]:
    """In a number of statements that does not grow with the children."""
    children = Sealed.open_all(children)
    ids = [child.id for child in children]
    plans = {plan.child_id: plan for plan in Plan.select().where(Plan.child.in_(ids))}
    plan_ids = [plan.id for plan in plans.values()]
    versions = _versions(plan_ids)
    drafts = {draft.plan_id: draft for draft in Draft.select().where(Draft.plan.in_(plan_ids))}
    remarks = _remarks(last for _current, last in versions.values() if last)
    by_plan = boxes(plan_ids, today)
    grants = _grants(ids)
    mine = Guardian.running().where(Guardian.child.in_(ids), Guardian.person == actor.scope_id)
    rights = {row.child_id: row.rights for row in mine}
    called = _with_contacts(ids)

    def of(child: Child) -> Situation:
        plan = plans.get(child.id)
        current, last = versions.get(plan.id, (None, None)) if plan else (None, None)
        return Situation(
            child=child,
            may_edit=rights.get(child.id) == Rights.ALL,
            plan=plan,
            current=current,
            content=content_of(current) if current else None,
            last=last,
            draft=drafts.get(plan.id) if plan else None,
            remark=remarks.get(last.id, "") if last else "",
            grants=tuple(grants[child.id]),
            boxes=tuple(by_plan[plan.id]) if plan else (),
            has_contacts=child.id in called,
            today=today,
        )

    return [of(child) for child in children]


def _versions(plan_ids: list[UUID]) -> dict[UUID, tuple[PlanVersion | None, PlanVersion | None]]:
    """By plan: what is shown, and the newest."""
    other = PlanVersion.alias()
    newest = other.select(fn.MAX(other.no)).where(other.plan == PlanVersion.plan)
    rows = (
        PlanVersion.select(PlanVersion, Plan)
        .join(Plan, on=(PlanVersion.plan == Plan.id))
        .where(
            PlanVersion.plan.in_(plan_ids),
            (PlanVersion.no == newest) | (PlanVersion.id == Plan.current),
        )
        .order_by(PlanVersion.no)
    )
    found: dict[UUID, tuple[PlanVersion | None, PlanVersion | None]] = {}
    for version in Sealed.open_all(rows):
        current, _ = found.get(version.plan_id, (None, None))
        if version.plan.current_id == version.id:
            current = version
        found[version.plan_id] = (current, version)
    return found


def _remarks(versions: Iterable[PlanVersion]) -> dict[UUID, str]:
    refused = [version.id for version in versions if version.state == PlanState.REFUSED]
    checks = Check.select().where(Check.version.in_(refused)).order_by(Check.created)
    return {check.version_id: check.remark for check in Sealed.open_all(checks)}


def boxes(plan_ids: list[UUID], today: date) -> dict[UUID, list[Box]]:
    rows = (
        KitUnit.select()
        .where(KitUnit.plan.in_(plan_ids), KitUnit.ended.is_null())
        .order_by(KitUnit.rank, KitUnit.created)
    )
    boxes: dict[UUID, list[Box]] = defaultdict(list)
    for unit in Sealed.open_all(rows):
        until = last_day(unit.expires)
        boxes[unit.plan_id].append(Box(unit, until, (until - today).days if until else None))
    return boxes


def _grants(child_ids: list[UUID]) -> dict[UUID, list[Grant]]:
    rows = (
        Grant.select(Grant, Nursery, Room)
        .join_from(Grant, Nursery)
        .join_from(Grant, Room, JOIN.LEFT_OUTER)
        .where(Grant.child.in_(child_ids))
        .order_by(Grant.created.desc())
    )
    grants: dict[UUID, list[Grant]] = defaultdict(list)
    for grant in rows:
        grants[grant.child_id].append(grant)
    return grants


def _with_contacts(child_ids: list[UUID]) -> set[UUID]:
    rows = (
        Contact.select(Contact.child)
        .where(Contact.child.in_(child_ids), Contact.kind == ContactKind.EMERGENCY)
        .distinct()
    )
    return {key for (key,) in rows.tuples()}


# ── who may, who holds, who opened ───────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Holding:
    """The devices of one nursery, or (no name) of the family, that may hold the plan."""

    nursery: str | None
    tablets: int
    last: datetime | None
    lost: int

    @property
    def today(self) -> bool:
        return self.last is not None and local(self.last).date() == today()


@dataclass(frozen=True)
class Opening:
    """One line of the audit, with the names its ids stand for."""

    at: datetime
    action: str
    refused: bool
    who: str
    device: str
    nursery: str


def guardians(child: Child) -> list[Guardian]:
    rows = (
        Guardian.select(Guardian, Person)
        .join(Person)
        .where(Guardian.child == child.id, Guardian.ended.is_null())
        .order_by(Guardian.created)
    )
    guardians = list(rows)
    Sealed.open_all(guardian.person for guardian in guardians)
    return guardians


def holdings(plan: Plan | None) -> list[Holding]:
    """Noted before the first byte leaves: what may be there, until its erasure is confirmed."""
    if plan is None:
        return []
    lost = Case(None, [(Device.state == DeviceState.LOST, 1)], 0)
    columns = Nursery.name, fn.COUNT(Device.id), fn.MAX(Device.last_contact), fn.SUM(lost)
    rows = (
        MayHold.select(*columns)
        .join(Device)
        .join(Nursery, JOIN.LEFT_OUTER)
        .where(MayHold.plan == plan.id, MayHold.erased.is_null())
        .group_by(Nursery.name)
        .order_by(Nursery.name)
    )
    return [Holding(*row) for row in rows.tuples()]


def readers(plan: Plan | None) -> list[Receipt]:
    """Who says to have read the version in force."""
    return Receipt.of([plan.current_id]).get(plan.current_id, []) if plan else []


def openings(child: Child, page: int) -> tuple[list[Opening], bool]:
    """One page of who opened or changed something, newest first; whether older lines follow."""
    rows = (
        Audit.select()
        .where(Audit.child == child.id)
        .order_by(Audit.created.desc(), Audit.id)
        .paginate(page, OPENINGS)
    )
    lines = list(rows)
    more = len(lines) == OPENINGS
    people = Person.names(line.person for line in lines)
    devices = _devices(line.device for line in lines)
    places = _workplaces(people)
    said = []
    for line in lines:
        device = devices.get(line.device)
        said.append(
            Opening(
                at=line.created,
                action=line.action,
                refused=line.outcome != "done",
                who=people.get(line.person, ""),
                device=device.name if device else "",
                nursery=device.nursery.name
                if device and device.nursery_id
                else places.get(line.person, ""),
            )
        )
    return said, more


def _devices(ids: Iterable[UUID | None]) -> dict[UUID, Device]:
    wanted = {key for key in ids if key}
    rows = (
        Device.select(Device, Nursery).join(Nursery, JOIN.LEFT_OUTER).where(Device.id.in_(wanted))
    )
    return {device.id: device for device in rows}


def _workplaces(people: Iterable[UUID]) -> dict[UUID, str]:
    """Where each works or worked: a name alone says little to a family."""
    rows = (
        Staff.select(Staff.person, Nursery.name)
        .join(Nursery)
        .where(Staff.person.in_(list(people)))
        .order_by(Staff.created)
    )
    return dict(rows.tuples())
