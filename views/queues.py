"""The desk's queue: open requests in the order in which they were asked, never by urgency."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from peewee import JOIN, Case, ModelSelect, fn

import booking
from database import DataKey, behind, paged
from models import Person
from offices import CareRequest, Centre, RequestStatus, Slot

PAGE = 50
LONG = timedelta(days=2)  # who has waited longer is marked
AGENDA = 12  # appointments shown
UNMARKED = timedelta(days=3)  # how long one that is over is shown until it is marked


@dataclass(frozen=True)
class Queue:
    """One page of it, what is counted, and the nurse's next appointments."""

    rows: list[CareRequest]
    later: UUID | None  # the last one's id where more follow
    agenda: list[Slot]
    kinds: dict[str, int] = field(default_factory=dict)  # how many of each kind are open
    late: int = 0
    mine: int = 0

    @property
    def open(self) -> int:
        return sum(self.kinds.values())


@dataclass(frozen=True)
class Chosen:
    """What is shown of it: of one kind, language or centre, or the nurse's own."""

    kind: str | None = None
    is_mine: bool = False
    language: str | None = None
    centre: str | None = None


ALL = Chosen()


def queue(nurse: Person, now: datetime, what: Chosen, after: UUID | None) -> Queue:
    """In four statements, however long it is."""
    rows, later = paged(chosen(nurse, what), CareRequest.created, after, PAGE)
    agenda = _agenda(nurse, now)
    people = [person for row in rows for person in (row.nurse, row.opened_by) if person]
    asked = [slot.care_request for slot in agenda]
    DataKey.open_all(row.data_key_id for row in [*rows, *asked, *people])
    return Queue(rows, later, agenda, **_counts(nurse, now))


def chosen(nurse: Person, what: Chosen = ALL) -> ModelSelect:
    """What waits, in the order in which it was asked."""
    reader = Person.alias()
    waiting = (
        CareRequest.select(CareRequest, Person, reader)
        .join(Person, JOIN.LEFT_OUTER, on=CareRequest.nurse)
        .switch(CareRequest)
        .join(reader, JOIN.LEFT_OUTER, on=CareRequest.opened_by, attr="opened_by")
        .where(CareRequest.status == RequestStatus.ASKED)
        .order_by(CareRequest.created, CareRequest.id)
    )
    if what.kind:
        waiting = waiting.where(CareRequest.kind == what.kind)
    if what.language:
        waiting = waiting.where(CareRequest.language == what.language)
    if what.centre:
        here = Centre.select(Centre.id).where(Centre.slug == what.centre)
        waiting = waiting.where(CareRequest.centre.in_(here))
    return waiting.where(CareRequest.nurse == nurse) if what.is_mine else waiting


def reader_of(care_request: CareRequest, nurse: Person, now: datetime) -> Person | None:
    """The colleague who has it on the screen."""
    opened = care_request.opened
    if opened is None or opened < now - booking.READING or care_request.opened_by_id == nurse.id:
        return None
    return care_request.opened_by


def following(waiting: ModelSelect, after: UUID) -> CareRequest | None:
    """The next one; at the end of the queue again the first."""
    return behind(waiting, CareRequest.created, after).first() or waiting.first()


def _counts(nurse: Person, now: datetime) -> dict[str, int | dict[str, int]]:
    late = Case(None, [(CareRequest.created < now - LONG, 1)], 0)
    mine = Case(None, [(CareRequest.nurse == nurse, 1)], 0)
    rows = (
        CareRequest.select(CareRequest.kind, fn.COUNT(CareRequest.id), fn.SUM(late), fn.SUM(mine))
        .where(CareRequest.status == RequestStatus.ASKED)
        .group_by(CareRequest.kind)
        .tuples()
    )
    counted = list(rows)
    return {
        "kinds": {kind: count for kind, count, _late, _mine in counted},
        "late": sum(late for _kind, _count, late, _mine in counted),
        "mine": sum(mine for _kind, _count, _late, mine in counted),
    }


def _agenda(nurse: Person, now: datetime) -> list[Slot]:
    """What is given or held, and what took place since yesterday and is not marked yet."""
    to_come = Slot.starts > now - timedelta(hours=1)
    unmarked = (Slot.starts > now - UNMARKED) & (CareRequest.status == RequestStatus.CONFIRMED)
    rows = (
        Slot.select(Slot, CareRequest)
        .join(CareRequest)
        .where(Slot.nurse == nurse, Slot.is_travel == False, Slot.stands(now))  # noqa: E712
        .where(to_come | unmarked)
        .order_by(Slot.starts)
        .limit(AGENDA)
    )
    return list(rows)
