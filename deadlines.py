"""What time ends: holds, offers, unanswered requests, an ill nurse's days; who is reminded."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID, uuid5

from peewee import IntegrityError

import booking
import jobs
from agenda import Closure
from database import LUXEMBOURG, DomainError, db
from models import Person
from offices import CareRequest, InfoSession, Registration, RequestStatus, SeatState, Slot

PATIENCE = timedelta(days=30)  # of a request that nobody answers
BATCH = 200
STEPS = (timedelta(hours=1), timedelta(days=1))  # before the hour, the nearest first


def settle(now: datetime) -> None:
    """Free what was held too long, end what waited too long. Safe to run at any time, by many at
    once: pages do it before they show what stands."""
    standing = Slot.select(Slot.care_request).where(Slot.stands(now))
    over = CareRequest.id.not_in(standing), CareRequest.status == RequestStatus.PROPOSED
    for care_request in CareRequest.open_all(CareRequest.select().where(*over).limit(BATCH)):
        with suppress(DomainError), booking.alone_with(care_request.nurse):
            _lapse(care_request, now)
    old = CareRequest.created < now - PATIENCE, CareRequest.status == RequestStatus.ASKED
    for care_request in CareRequest.open_all(CareRequest.select().where(*old).limit(BATCH)):
        with suppress(DomainError), db.atomic():
            booking.change(care_request, RequestStatus.ASKED, status=RequestStatus.EXPIRED)
            booking.add_event(care_request, "expired", None, now)
            booking.tell_family(care_request, "request-expired", now)


def _lapse(care_request: CareRequest, now: datetime) -> None:
    """When nothing is held any more the request waits again; before, some times are left."""
    mine = Slot.care_request == care_request
    if Slot.select().where(mine, Slot.stands(now)).exists():
        return
    Slot.delete().where(mine).execute()
    booking.change(care_request, RequestStatus.PROPOSED, status=RequestStatus.ASKED)
    booking.add_event(care_request, "lapsed", None, now)
    booking.tell_family(care_request, "request-waits", now)


def settle_seats(now: datetime) -> None:
    """Offers that nobody took in time go to the next who wait."""
    over = Registration.state == SeatState.OFFERED, Registration.until <= now
    for registration in list(Registration.select().where(*over)):
        with suppress(DomainError), db.atomic():  # begun or cancelled meanwhile: nothing to give
            info_session = booking.alone_in(registration.info_session, now)
            mine = Registration.id == registration.id, *over
            if not Registration.update(state=SeatState.LEFT).where(*mine).execute():
                continue
            booking.free_seats(info_session, registration.adults)
            booking.tell_party(registration, info_session, "over", now)
            booking.move_up(info_session, now)


def release(nurse: Person, first: date, last: date, by: Person, now: datetime) -> int:
    """The nurse is ill: nothing of hers stands on these days, and nothing more is given. Families
    are told, and wait again; how many appointments that were."""
    Closure.add(nurse, first, last)
    begins, ends = (
        datetime.combine(day, time(), LUXEMBOURG) for day in (first, last + timedelta(days=1))
    )
    mine = Slot.nurse == nurse, Slot.starts >= max(begins, now), Slot.starts < ends
    rows = CareRequest.select().where(
        CareRequest.id.in_(Slot.select(Slot.care_request).where(*mine))
    )
    count = 0
    for care_request in CareRequest.open_all(rows):
        with suppress(DomainError):  # somebody has taken it back meanwhile
            count += _release(care_request, nurse, mine, by, now)
    return count


def _release(
    care_request: CareRequest, nurse: Person, mine: Sequence[Any], by: Person, now: datetime
) -> bool:
    """Whether it was an appointment."""
    if care_request.status == RequestStatus.CONFIRMED:
        with booking.give_back(
            care_request, nurse, now, RequestStatus.CONFIRMED, RequestStatus.ASKED
        ):
            booking.add_event(care_request, "released", by, now)
        return True
    with booking.alone_with(nurse):
        Slot.delete().where(*mine, Slot.care_request == care_request).execute()
        _lapse(care_request, now)
    return False


# ── reminders ──────────────────────────────────────────────────────────────────────────────────


def tell_due(now: datetime) -> None:
    """All of it: by a timer, and after each change that somebody makes."""
    settle(now)
    settle_seats(now)
    remind(now)


def remind(now: datetime) -> None:
    """Each once, of what was given earlier than that. Safe to run at any time, by many at once."""
    _of_appointments(now)
    _of_sessions(now)


def _of_appointments(now: datetime) -> None:
    soon = CareRequest.starts > now, CareRequest.starts <= now + STEPS[-1]
    rows = CareRequest.select().where(CareRequest.status == RequestStatus.CONFIRMED, *soon)
    due = {_key(one.id, one.starts, one.answered, now): one for one in CareRequest.open_all(rows)}
    due.pop(None, None)
    for key in jobs.untold(due):
        until = due[key].starts.isoformat()
        with suppress(IntegrityError), db.atomic():  # another process was first
            booking.tell_family(due[key], "request-soon", now, key=key, until=until)


def _of_sessions(now: datetime) -> None:
    soon = InfoSession.starts > now, InfoSession.starts <= now + STEPS[-1]
    rows = (
        Registration.select(Registration, InfoSession, Person)
        .join(InfoSession)
        .switch(Registration)
        .join(Person)
        .where(*soon, InfoSession.cancelled.is_null(), Registration.state == SeatState.SEAT)
    )
    due = {_key(one.id, one.info_session.starts, one.joined, now): one for one in rows}
    due.pop(None, None)
    Person.open_all(one.person for one in due.values())
    for key in jobs.untold(due):
        place, info_session = due[key], due[key].info_session
        until = info_session.starts.isoformat()
        with suppress(IntegrityError), db.atomic():
            booking.tell_guest(place, info_session, "soon", now, key=key, until=until)


def _key(about: UUID, starts: datetime, given: datetime, now: datetime) -> UUID | None:
    """The id of the reminder that is due: the nearest one only."""
    step = next((step for step in STEPS if starts - step <= now), None)
    return uuid5(about, f"{starts.isoformat()} {step}") if step and given < starts - step else None
