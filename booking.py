"""Requests and seats: who asked, who answers, and what is given away only once."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from peewee import JOIN, Field, IntegrityError, ModelSelect, fn

import jobs
import services
from database import LUXEMBOURG, DataKey, DomainError, db, local, paged
from models import Limit, Person
from offices import (
    CareRequest,
    CareRequestEvent,
    Centre,
    InfoSession,
    Registration,
    RequestStatus,
    SeatState,
    SessionKind,
    Slot,
)

MOST_OPEN = 3  # requests of one person that wait at once
MOST_ASKED = 10  # of one person in a day, those taken back included
HALF_HOUR = timedelta(minutes=30)
# What is offered first at the desk; the nurse may type any other half hour.
HALVES = {"am": (time(8), time(12)), "pm": (time(13, 30), time(17))}
OFFERED = 3
DAYS_AHEAD = 5
EDITED = ("topic", "texts", "languages", "centre_id", "place", "link", "starts", "ends", "seats")
WHEN_AND_WHERE = ("centre_id", "place", "starts", "ends")


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
            if not Limit.allow(f"ask:{person.id}", MOST_ASKED, timedelta(days=1), now):
                raise DomainError("too-many-tries")
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
        asked = RequestStatus.ASKED
        _change(care_request, asked, before, refusal="request-changed", nurse=nurse)
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
            _change(
                care_request,
                RequestStatus.ASKED,
                status=RequestStatus.CONFIRMED,
                nurse=nurse,
                centre=centre_id or care_request.centre_id,
                starts=starts,
                answered=now,
            )
            Slot.create(nurse=nurse, starts=starts, care_request=care_request)
            _answer(care_request, "confirmed", nurse, note, now)
    except IntegrityError:
        raise DomainError("slot-already-taken") from None


def decline(care_request: CareRequest, nurse: Person, note: str, now: datetime) -> None:
    """With words: they are all the family gets."""
    with db.atomic():
        answer = {"status": RequestStatus.DECLINED, "nurse": nurse, "answered": now}
        _change(care_request, RequestStatus.ASKED, **answer)
        _answer(care_request, "declined", nurse, note, now)


def cancel(care_request: CareRequest, by: Person, now: datetime) -> None:
    """By the family, or for it, before the hour: that is free again, and the nurse is told."""
    running = (RequestStatus.ASKED, RequestStatus.CONFIRMED)
    ahead = CareRequest.starts.is_null() | (CareRequest.starts > now)
    with db.atomic():
        _change(care_request, running, ahead, status=RequestStatus.CANCELLED)
        _event(care_request, "cancelled", by, now)
        slot = Slot.get_or_none(Slot.care_request == care_request)
        if slot is None:
            return
        slot.delete_instance()
        if slot.nurse != by:
            facts = {"starts": slot.starts.isoformat()}
            jobs.notify(slot.nurse, "request-cancelled", care_request.id, now, facts=facts)


def _change(
    care_request: CareRequest,
    before: str | tuple[str, ...],
    *more: Any,
    refusal: str = "request-already-answered",
    **after: Any,
) -> None:
    """Only while it is still as it was seen."""
    states = (before,) if isinstance(before, str) else before
    here = CareRequest.status.in_(states), CareRequest.id == care_request.id, *more
    if not CareRequest.update(after).where(*here).execute():
        raise DomainError(refusal)
    for name, value in after.items():
        setattr(care_request, name, value)


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


def coming(
    scope: ModelSelect, now: datetime, most: int, after: UUID | None
) -> tuple[list[InfoSession], UUID | None]:
    """The next sessions in their order, each with its centre and how many parties wait for it; the
    last one's id where more follow."""
    waiting = _waiting(InfoSession.id).select(fn.COUNT(Registration.id))
    rows = (
        scope.select_extend(Centre, waiting.alias("waiting"))
        .join(Centre, JOIN.LEFT_OUTER)
        .where(InfoSession.starts > now)
    )
    return paged(rows, InfoSession.starts, after, most)


def going(person: Person, kind: SessionKind, now: datetime, most: int) -> list[Registration]:
    """Where this person has a seat or waits for one, with the session; a cancelled one too."""
    return list(
        Registration.select(Registration, InfoSession, Centre)
        .join(InfoSession)
        .join(Centre, JOIN.LEFT_OUTER)
        .where(Registration.person == person, Registration.state != SeatState.LEFT)
        .where(InfoSession.kind == kind, InfoSession.ends > now)
        .order_by(InfoSession.starts)
        .limit(most)
    )


def who_comes(info_session: InfoSession) -> list[Registration]:
    """Those with a seat, then those who wait in their order; each with its person."""
    rows = (
        Registration.select(Registration, Person)
        .join(Person, JOIN.LEFT_OUTER)
        .where(Registration.info_session == info_session, Registration.state != SeatState.LEFT)
        .order_by(Registration.state, Registration.joined, Registration.created)
    )
    found = Registration.open_all(rows)
    Person.open_all(row.person for row in found if row.person_id)
    return found


def place_of(waiting: Registration) -> int:
    """1 for who is served next."""
    same = (Registration.joined == waiting.joined) & (Registration.created <= waiting.created)
    before = (Registration.joined < waiting.joined) | same
    return _waiting(waiting.info_session_id).where(before).count()


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
    try:
        with db.atomic():
            info_session = _alone_in(info_session, now)
            if adults > info_session.seats:
                raise DomainError("session-too-small")
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


def leave(registration: Registration, now: datetime, *, tell: bool = False) -> None:
    """Free the seats; they go to those who wait, in their order, who are told. `tell` who leaves
    too, when somebody else takes the person off the list."""
    with db.atomic():
        info_session = _alone_in(registration.info_session, now)
        # As it is now: who waited when this was read may have got a seat meanwhile.
        had_seat = _give_up(registration, SeatState.SEAT)
        if not had_seat and not _give_up(registration, SeatState.WAITING):
            raise DomainError("left-already")
        if had_seat:
            freed = InfoSession.taken - registration.adults
            InfoSession.update(taken=freed).where(InfoSession.id == info_session.id).execute()
        if tell and registration.person_id:
            _tell(registration, info_session, "left", now)
        _move_up(info_session, now)


def add_session(
    kind: SessionKind, nurse: Person, facts: Mapping[str, Any], now: datetime
) -> InfoSession:
    """A form that was sent twice makes one session."""
    with db.atomic():
        same = [getattr(InfoSession, name) == facts[name] for name in ("topic", "starts", "place")]
        here = InfoSession.centre == facts["centre_id"], InfoSession.link == facts["link"]
        mine = InfoSession.kind == kind, InfoSession.nurse == nurse, InfoSession.cancelled.is_null()
        made = InfoSession.get_or_none(*same, *here, *mine)
        return made or InfoSession.create(kind=kind, nurse=nurse, created=now, **facts)


def mark(info_session: InfoSession) -> str:
    """What two nurses are held apart by: it changes when anything they edit does."""
    shown = {name: getattr(info_session, name) for name in EDITED}
    text = json.dumps(shown, default=str, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def change_session(
    info_session: InfoSession, seen: str, facts: Mapping[str, Any], now: datetime
) -> None:
    """`seen` is the mark of what the nurse began with: a colleague's change is not overwritten.
    Whoever comes is told of a new hour or place; more seats go to those who wait."""
    with db.atomic():
        info_session = _alone_in(info_session, now)
        if mark(info_session) != seen:
            raise DomainError("session-changed")
        if facts["seats"] < info_session.taken:
            raise DomainError("seats-taken")
        moved = any(getattr(info_session, name) != facts[name] for name in WHEN_AND_WHERE)
        for name, value in facts.items():
            setattr(info_session, name, value)
        info_session.save()
        if moved:
            _tell_all(info_session, "moved", now)
        _move_up(info_session, now)


def cancel_session(info_session: InfoSession, now: datetime) -> None:
    """For good; everybody on the list with an account is told, once."""
    with db.atomic():
        info_session = _alone_in(info_session, now)
        here = InfoSession.id == info_session.id
        InfoSession.update(cancelled=now).where(here).execute()
        _tell_all(info_session, "cancelled", now)


def _move_up(info_session: InfoSession, now: datetime) -> None:
    """Give free seats to the first who wait. A pair for whom one seat is too few keeps its place,
    and nobody passes it."""
    waiting = _waiting(info_session).order_by(Registration.joined, Registration.created)
    for registration in list(waiting):
        if not _take(info_session, registration.adults):
            return
        mine = Registration.id == registration.id
        Registration.update(state=SeatState.SEAT).where(mine).execute()
        _tell(registration, info_session, "seat", now)


def _tell_all(info_session: InfoSession, what: str, now: datetime) -> None:
    for registration in who_comes(info_session):
        if registration.person_id:
            _tell(registration, info_session, what, now)


def _tell(registration: Registration, info_session: InfoSession, what: str, now: datetime) -> None:
    """The nurse is told in place of a family without an account, whom she calls."""
    door = "training" if info_session.kind == SessionKind.TRAINING else "session"
    facts = {"starts": info_session.starts.isoformat(), "ends": info_session.ends.isoformat()}
    if registration.person_id:
        jobs.notify(registration.person, f"{door}-{what}", info_session.id, now, facts=facts)
    elif info_session.nurse_id:
        jobs.notify(info_session.nurse, "seat-by-phone", info_session.id, now, facts=facts)


def _alone_in(info_session: InfoSession, now: datetime) -> InfoSession:
    """Whoever writes the row first goes on; others of the same session wait until the end. The
    row as it is then: still to come, and not cancelled."""
    here = InfoSession.id == info_session.id, InfoSession.cancelled.is_null()
    to_come = InfoSession.update(taken=InfoSession.taken).where(*here, InfoSession.starts > now)
    if not to_come.execute():
        raise DomainError("session-over")
    return InfoSession.get_by_id(info_session.id)


def _take(info_session: InfoSession, adults: int) -> bool:
    free = InfoSession.taken + adults <= InfoSession.seats
    taken = InfoSession.update(taken=InfoSession.taken + adults)
    return bool(taken.where(InfoSession.id == info_session.id, free).execute())


def _give_up(registration: Registration, state: SeatState) -> bool:
    mine = Registration.id == registration.id, Registration.state == state
    return bool(Registration.update(state=SeatState.LEFT).where(*mine).execute())


def _waiting(info_session: InfoSession | UUID | Field) -> ModelSelect:
    return Registration.select().where(
        Registration.info_session == info_session, Registration.state == SeatState.WAITING
    )


def _drop_former(info_session: InfoSession, person: Person | None) -> None:
    """Who left may come back, at the end of the list."""
    if person:
        left = Registration.state == SeatState.LEFT, Registration.person == person
        Registration.delete().where(Registration.info_session == info_session, *left).execute()


def moment_of(day: date, hour: time) -> datetime | None:
    """Luxembourg's hour on that day, in UTC: the first of two when the clocks go back, nothing
    for an hour that the clocks skip."""
    moment = datetime.combine(day, hour, LUXEMBOURG).astimezone(UTC)
    return moment if local(moment).time() == hour else None
