"""What ends: a plan that is stopped, its medicine handed back, the fourth birthday. Who is told."""

import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid5

from peewee import IntegrityError, ModelSelect

import jobs
import plan as document
import sealing
from database import DomainError, Sealed, db, local
from models import (
    Child,
    Grant,
    Guardian,
    KitUnit,
    Limit,
    Person,
    Plan,
    PlanState,
    PlanVersion,
    Rights,
    Staff,
    StaffRole,
)

GROWN = 4  # years: then a child leaves the crèche for school
BIRTHDAY_STEPS = (30, 90)  # days before it, the nearest first
ENDING_STEPS = (3, 14, 30)  # days before the last day of a grant
BATCH = 200
DAY = timedelta(days=1)

log = logging.getLogger(__name__)


# ── stopping a plan ──────────────────────────────────────────────────────────────────────────────


class Stopper(StrEnum):
    DOCTOR = "doctor"
    PARENTS = "parents"


@dataclass(frozen=True)
class Stop:
    """Who ended the plan, since when and why; `lang`: the language of those words."""

    by: str
    name: str
    on: str
    why: str = ""
    lang: str = ""


def stop(plan: Plan, said: Stop, author: Person, now: datetime) -> PlanVersion:
    """A last version in place of the plan: none of its steps, none of its paper.

    A change that waited for its check goes as well: it was written for a plan that is no more.
    """
    with db.atomic():
        if plan.current is None or plan.current.state != PlanState.IN_FORCE:
            raise DomainError("nothing-to-stop")
        document.move(plan.current, PlanState.IN_FORCE, PlanState.REPLACED)
        if before := document.waiting(plan):
            document.move(before, PlanState.SUBMITTED, PlanState.REPLACED)
        content = asdict(document.Content()) | {"stop": asdict(said)}
        more = {"mode": plan.current.mode, "state": PlanState.STOPPED}
        version = document.append(plan, author, now, content, **more)
        Plan.update(current=version).where(Plan.id == plan.id).execute()
        Plan.touch(plan.child_id)
        for person in _concerned(plan.child_id, author):
            jobs.notify(person, "plan-stopped", plan.id, now)
    return version


def stop_of(version: PlanVersion | None) -> Stop | None:
    said = version and version.content.get("stop")
    return Stop(**said) if said else None


def tell_of_sharing(child_id: UUID, author: Person, now: datetime) -> None:
    """The other guardians are told at once, whoever shared, ended or dated it."""
    guardians = Person.select().where(Person.id.in_(_guardians(child_id)), Person.id != author.id)
    for person in Sealed.open_all(guardians):
        jobs.notify(person, "sharing-changed", child_id, now)


def _guardians(child_id: UUID) -> ModelSelect:
    running = Guardian.child == child_id, Guardian.ended.is_null()
    return Guardian.select(Guardian.person).where(*running)


def _concerned(child_id: UUID, author: Person) -> list[Person]:
    """The other guardians, and who runs a nursery that holds the plan."""
    guardians = _guardians(child_id)
    holders = Grant.select(Grant.nursery).where(Grant.child == child_id, Grant.is_running())
    managers = Staff.select(Staff.person).where(
        Staff.ended.is_null(), Staff.role == StaffRole.MANAGER, Staff.nursery.in_(holders)
    )
    told = Person.id.in_(guardians) | Person.id.in_(managers)
    return Sealed.open_all(Person.select().where(told, Person.id != author.id))


def hand_back(unit: KitUnit, to: str, on: date, now: datetime) -> None:
    """Once: the crèche and the family may note it at the same moment."""
    with db.atomic():
        ours = (KitUnit.id == unit.id) & KitUnit.ended.is_null()
        if not KitUnit.update(ended=now).where(ours).execute():
            raise DomainError("handed-back-already")
        unit.ended, unit.handed_back, unit.handed_back_on = now, to, on
        unit.save()
        Plan.touch(unit.plan.child_id)


# ── growing out of the crèche ────────────────────────────────────────────────────────────────────


def fourth_birthday(child: Child) -> date | None:
    return child.born.replace(year=child.born.year + GROWN) if child.born else None


def last_day(child: Child, today: date) -> date | None:
    """The day before the fourth birthday, as long as it is to come: proposed, never set by us."""
    birthday = fourth_birthday(child)
    return birthday - DAY if birthday and birthday > today else None


def tell_due(now: datetime) -> int:
    """Who turns four and which sharing ends soon, told once a step. Looks once a day: dates of
    birth are sealed, so every child that has a plan is opened for it."""
    if not Limit.allow("endings", 1, DAY, now):
        return 0
    today = local(now).date()
    return sum(_tell(*due, now) for due in (*_turning_four(today), *_ending_grants(today)))


def _turning_four(today: date) -> Iterator[tuple[UUID, str, str]]:
    for child in _children_with_a_plan():
        try:
            birthday = fourth_birthday(child)
        except sealing.SealBroken as fault:  # one row must not keep the others from being told
            log.error("seal broken: %s", fault)
            continue
        if birthday and (step := _step(birthday - today, BIRTHDAY_STEPS)):
            yield child.id, f"turning-four-{step}", ""


def _ending_grants(today: date) -> Iterator[tuple[UUID, str, str]]:
    soon = today + timedelta(days=ENDING_STEPS[-1])
    for grant in Grant.select().where(Grant.is_running(), Grant.until <= soon):
        if step := _step(grant.until + DAY - today, ENDING_STEPS):
            yield grant.child_id, "sharing-ends", f"{grant.id} {grant.until} {step}"


def _step(left: timedelta, steps: tuple[int, ...]) -> int | None:
    return next((days for days in steps if timedelta(0) < left <= timedelta(days=days)), None)


def _children_with_a_plan() -> Iterator[Child]:
    """In order of their ids, some at a time."""
    last = UUID(int=0)
    shown = Plan.select(Plan.child).where(Plan.current.is_null(False))
    while True:
        next_ones = Child.select().where(Child.id > last, Child.id.in_(shown))
        children = Sealed.open_all(next_ones.order_by(Child.id).limit(BATCH))
        yield from children
        if len(children) < BATCH:
            return
        last = children[-1].id


def _tell(child_id: UUID, code: str, occasion: str, now: datetime) -> int:
    """Each guardian who may act, once: the notice's id follows from who is told what."""
    guardians = Guardian.select(Guardian.person).where(
        Guardian.child == child_id, Guardian.ended.is_null(), Guardian.rights == Rights.ALL
    )
    people = Sealed.open_all(Person.select().where(Person.id.in_(guardians)))
    keys = {uuid5(child_id, f"{code} {occasion} {person.id}"): person for person in people}
    return sum(_once(key, keys[key], code, child_id, now) for key in jobs.untold(keys))


def _once(key: UUID, person: Person, code: str, child_id: UUID, now: datetime) -> bool:
    try:
        with db.atomic():
            jobs.notify(person, code, child_id, now, key=key)
    except IntegrityError:  # another process was first
        return False
    return True
