"""Requests and seats: who asked, who answers, and what is given away only once."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from peewee import IntegrityError

import jobs
import services
from database import LUXEMBOURG, DataKey, DomainError, db, local
from models import Person
from offices import (
    CareRequest,
    CareRequestEvent,
    InfoSession,
    Registration,
    RequestStatus,
    SeatState,
    Slot,
)

MOST_OPEN = 3  # requests of one person that wait at once
HALF_HOUR = timedelta(minutes=30)
# What is offered first at the desk; the nurse may type any other half hour.
HALVES = {"am": (time(8), time(12)), "pm": (time(13, 30), time(17))}
OFFERED = 3
DAYS_AHEAD = 5


# ── requests ─────────────────────────────────────────────────────────────────────────────────────


def ask(
    kind: str,
    facts: Mapping[str, Any],
    language: str,
    now: datetime,
    *,
    person: Person | None = None,
    entered_by: Person | None = None,
) -> CareRequest:
    """`facts` are secrets of CareRequest by name, and `centre_id`. Somebody at the desk
    (`entered_by`) asks for a family without an account: then there is no `person`."""
    with db.atomic():
        if person:
            _one_at_a_time(person)
            waiting = open_requests(person)
            if twin := next((one for one in waiting if _same(one, kind, facts)), None):
                return twin  # the form was sent twice
            if len(waiting) >= MOST_OPEN:
                raise DomainError("too-many-requests")
            _remember_reach(person, facts)
        care_request = CareRequest.create(
            kind=kind,
            person=person,
            entered_by=entered_by,
            language=language,
            created=now,
            data_key=person.data_key_id if person else DataKey.make(),
            **facts,
        )
        _event(care_request, "asked", person or entered_by, now)
    return care_request


def open_requests(person: Person) -> list[CareRequest]:
    asked = CareRequest.status == RequestStatus.ASKED
    return list(CareRequest.select().where(CareRequest.person == person, asked))


def _same(care_request: CareRequest, kind: str, facts: Mapping[str, Any]) -> bool:
    return care_request.kind == kind and all(
        (getattr(care_request, name) or None) == (value or None) for name, value in facts.items()
    )


def _remember_reach(person: Person, facts: Mapping[str, Any]) -> None:
    """Where the account has no phone or mail yet, what was typed is kept for the next time."""
    new = {name: facts.get(name) for name in ("phone", "mail") if not getattr(person, name)}
    for name, value in new.items():
        setattr(person, name, value or "")
    if any(new.values()):
        person.save(only=[Person.sealed])


def _one_at_a_time(person: Person) -> None:
    """Whoever writes this row first goes on; the same person's other request waits, then counts."""
    Person.update(language=Person.language).where(Person.id == person.id).execute()


def claim(care_request: CareRequest, nurse: Person, seen: UUID | None, now: datetime) -> None:
    """ "I answer this one". Of two nurses the first has it; a colleague's claim may be taken over,
    but only by somebody who has `seen` whose it was."""
    before = CareRequest.nurse == seen if seen else CareRequest.nurse.is_null()
    with db.atomic():
        if not _change(care_request, RequestStatus.ASKED, before, nurse=nurse):
            raise DomainError("request-changed")
        _event(care_request, "claimed", nurse, now)


def confirm(
    care_request: CareRequest,
    nurse: Person,
    starts: datetime,
    note: str,
    now: datetime,
    *,
    centre_id: UUID | None = None,
) -> None:
    """Give this half hour of the nurse to the family, at a centre where it is asked to come. The
    database decides who was first."""
    if starts <= now:
        raise DomainError("time-is-past")
    if starts.timestamp() % HALF_HOUR.total_seconds():
        raise DomainError("not-a-half-hour")  # others would overlap without meeting
    try:
        with db.atomic():
            if not _change(
                care_request,
                RequestStatus.ASKED,
                status=RequestStatus.CONFIRMED,
                nurse=nurse,
                centre=centre_id or care_request.centre_id,
                starts=starts,
                answered=now,
            ):
                raise DomainError("request-already-answered")
            Slot.create(nurse=nurse, starts=starts, care_request=care_request)
            _answer(care_request, "confirmed", nurse, note, now)
    except IntegrityError:
        raise DomainError("slot-already-taken") from None


def decline(care_request: CareRequest, nurse: Person, note: str, now: datetime) -> None:
    """With words: they are all the family gets."""
    with db.atomic():
        if not _change(
            care_request,
            RequestStatus.ASKED,
            status=RequestStatus.DECLINED,
            nurse=nurse,
            answered=now,
        ):
            raise DomainError("request-already-answered")
        _answer(care_request, "declined", nurse, note, now)


def cancel(care_request: CareRequest, by: Person, now: datetime) -> None:
    """By the family, or for it, before the hour: that is free again, and the nurse is told."""
    running = (RequestStatus.ASKED, RequestStatus.CONFIRMED)
    ahead = CareRequest.starts.is_null() | (CareRequest.starts > now)
    with db.atomic():
        if not _change(care_request, running, ahead, status=RequestStatus.CANCELLED):
            raise DomainError("request-already-answered")
        _event(care_request, "cancelled", by, now)
        slot = Slot.get_or_none(Slot.care_request == care_request)
        if slot is None:
            return
        slot.delete_instance()
        if slot.nurse != by:
            facts = {"starts": slot.starts.isoformat()}
            jobs.notify(slot.nurse, "request-cancelled", care_request.id, now, facts=facts)


def _change(
    care_request: CareRequest, before: str | tuple[str, ...], *more: Any, **after: Any
) -> bool:
    """Whether it was still as it was seen; only then is it changed."""
    states = (before,) if isinstance(before, str) else before
    here = CareRequest.status.in_(states), CareRequest.id == care_request.id, *more
    won = CareRequest.update(after).where(*here).execute()
    for name, value in after.items() if won else ():
        setattr(care_request, name, value)
    return bool(won)


def _answer(care_request: CareRequest, what: str, nurse: Person, note: str, now: datetime) -> None:
    care_request.note = note
    care_request.save()
    _event(care_request, what, nurse, now, note)
    starts = care_request.starts
    jobs.notify(
        care_request.person,
        f"request-{what}",
        care_request.id,
        now,
        to=care_request.mail,
        language=care_request.language,
        data_key=care_request.data_key_id,
        facts={"starts": starts.isoformat()} if starts else {},
    )


def _event(
    care_request: CareRequest, what: str, by: Person | None, now: datetime, words: str = ""
) -> None:
    CareRequestEvent.create(
        care_request=care_request,
        data_key=care_request.data_key_id,
        what=what,
        by=by,
        created=now,
        words=words,
    )


def half_days(now: datetime) -> list[str]:
    """What a family may wish for: the next working days, "2026-11-26 am". Never today."""
    days, day = [], local(now).date()
    while len(days) < DAYS_AHEAD:
        day += timedelta(days=1)
        if is_working_day(day):
            days.append(day)
    return [f"{day} {half}" for day in days for half in HALVES]


def is_working_day(day: date) -> bool:
    return day.weekday() < 5 and not services.is_holiday(day)


def offers(care_request: CareRequest, nurse: Person, now: datetime) -> tuple[list[datetime], bool]:
    """The nurse's first free half hours, and whether they suit the family: only where nothing is
    left of what it wished are others named."""
    first = now.replace(hour=0, minute=0)
    given = Slot.select(Slot.starts).where(Slot.nurse == nurse, Slot.starts >= first)
    taken = {starts for (starts,) in given.tuples()}
    ahead = half_days(now)
    wished = [half for half in ahead if half in care_request.times] or ahead
    suiting = _free(wished, taken)
    return suiting or _free(ahead, taken), bool(suiting)


def _free(halves: list[str], taken: set[datetime]) -> list[datetime]:
    free = (starts for half in halves for starts in _half_hours(half) if starts not in taken)
    return [starts for _, starts in zip(range(OFFERED), free, strict=False)]


def _half_hours(half: str) -> Iterable[datetime]:
    day, _, name = half.partition(" ")
    begins, ends = HALVES[name]
    starts = datetime.combine(date.fromisoformat(day), begins, LUXEMBOURG)
    while starts.time() < ends:
        yield starts.astimezone(UTC)
        starts += HALF_HOUR


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────


def join(
    info_session: InfoSession,
    adults: int,
    now: datetime,
    *,
    person: Person | None = None,
    name: str = "",
    phone: str = "",
) -> Registration:
    """A seat for each adult, or a place at the end of the waiting list. One guarded update gives
    the last seat once; whoever waits is served first."""
    if info_session.cancelled or info_session.starts <= now:
        raise DomainError("session-over")
    try:
        with db.atomic():
            _alone_in(info_session)
            _drop_former(info_session, person)
            has_seat = not _waiting(info_session).exists() and _take(info_session, adults)
            return Registration.create(
                info_session=info_session,
                person=person,
                data_key=person.data_key_id if person else DataKey.make(),
                adults=adults,
                state=SeatState.SEAT if has_seat else SeatState.WAITING,
                joined=now,
                name=name,
                phone=phone,
            )
    except IntegrityError:
        raise DomainError("joined-already") from None


def leave(registration: Registration, now: datetime) -> None:
    """Free the seats; they go to those who wait, in their order, who are told."""
    with db.atomic():
        _alone_in(registration.info_session)
        mine = Registration.id == registration.id, Registration.state != SeatState.LEFT
        if not Registration.update(state=SeatState.LEFT).where(*mine).execute():
            raise DomainError("left-already")
        if registration.state == SeatState.SEAT:
            freed = InfoSession.taken - registration.adults
            InfoSession.update(taken=freed).where(
                InfoSession.id == registration.info_session_id
            ).execute()
        move_up(registration.info_session, now)


def move_up(info_session: InfoSession, now: datetime) -> None:
    """Give free seats to the first who wait. A pair for whom one seat is too few keeps its place,
    and nobody passes it."""
    for waiting in _waiting(info_session).order_by(Registration.joined, Registration.created):
        if not _take(info_session, waiting.adults):
            return
        mine = Registration.id == waiting.id, Registration.state == SeatState.WAITING
        Registration.update(state=SeatState.SEAT).where(*mine).execute()
        if waiting.person:
            facts = {"starts": info_session.starts.isoformat()}
            jobs.notify(waiting.person, "session-seat", info_session.id, now, facts=facts)


def cancel_session(info_session: InfoSession, now: datetime) -> None:
    with db.atomic():
        here = InfoSession.id == info_session.id, InfoSession.cancelled.is_null()
        if not InfoSession.update(cancelled=now).where(*here).execute():
            raise DomainError("session-over")
        going = info_session.registrations.where(Registration.state != SeatState.LEFT)
        for registration in going:
            if registration.person:
                facts = {"starts": info_session.starts.isoformat()}
                jobs.notify(
                    registration.person, "session-cancelled", info_session.id, now, facts=facts
                )


def _alone_in(info_session: InfoSession) -> None:
    """Whoever writes the row first goes on; others of the same session wait until the end."""
    here = InfoSession.id == info_session.id
    InfoSession.update(taken=InfoSession.taken).where(here).execute()


def _take(info_session: InfoSession, adults: int) -> bool:
    free = InfoSession.taken + adults <= InfoSession.seats
    taken = InfoSession.update(taken=InfoSession.taken + adults)
    return bool(taken.where(InfoSession.id == info_session.id, free).execute())


def _waiting(info_session: InfoSession) -> Any:
    return Registration.select().where(
        Registration.info_session == info_session, Registration.state == SeatState.WAITING
    )


def _drop_former(info_session: InfoSession, person: Person | None) -> None:
    """Who left may come back, at the end of the list."""
    if person:
        left = Registration.state == SeatState.LEFT, Registration.person == person
        Registration.delete().where(Registration.info_session == info_session, *left).execute()
