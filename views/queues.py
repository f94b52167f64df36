"""The desk's queue: open requests in the order in which they were asked, never by urgency."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from uuid import UUID

from peewee import JOIN, Case, ModelSelect, fn

from database import DataKey, behind, paged
from models import Person
from offices import CareRequest, RequestStatus, Slot

PAGE = 50
LONG = timedelta(days=2)  # who has waited longer is marked
AGENDA = 12  # appointments shown


@dataclass(frozen=True)
class Queue:
    """One page of it, what is counted, and the nurse's next appointments."""

    rows: list[CareRequest]
    later: UUID | None  # the last one's id where more follow
    agenda: list[CareRequest]
    kinds: dict[str, int] = field(default_factory=dict)  # how many of each kind are open
    late: int = 0
    mine: int = 0

    @property
    def open(self) -> int:
        return sum(self.kinds.values())


def queue(
    nurse: Person, now: datetime, kind: str | None, is_mine: bool, after: UUID | None
) -> Queue:
    """In four statements, however long it is."""
    waiting = chosen(nurse, kind, is_mine)
    rows, later = paged(waiting, CareRequest.created, after, PAGE)
    agenda = _agenda(nurse, now)
    nurses = [row.nurse for row in rows if row.nurse]
    DataKey.open_all(row.data_key_id for row in [*rows, *agenda, *nurses])
    return Queue(rows, later, agenda, **_counts(nurse, now))


def chosen(nurse: Person, kind: str | None, is_mine: bool) -> ModelSelect:
    """What waits, of one kind or the nurse's own where that is asked for."""
    waiting = (
        CareRequest.select(CareRequest, Person)
        .join(Person, JOIN.LEFT_OUTER, on=CareRequest.nurse)
        .where(CareRequest.status == RequestStatus.ASKED)
        .order_by(CareRequest.created, CareRequest.id)
    )
    if kind:
        waiting = waiting.where(CareRequest.kind == kind)
    return waiting.where(CareRequest.nurse == nurse) if is_mine else waiting


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


def _agenda(nurse: Person, now: datetime) -> list[CareRequest]:
    rows = (
        CareRequest.select()
        .join(Slot)
        .where(Slot.nurse == nurse, Slot.starts > now - timedelta(hours=1))
        .order_by(Slot.starts)
        .limit(AGENDA)
    )
    return list(rows)
