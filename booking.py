"""Requests and seats: who asked, who answers, and what is given away only once."""

import hashlib
import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from peewee import JOIN, Field, IntegrityError, ModelSelect, fn

import agenda
import jobs
from agenda import HALF_HOUR, Free
from database import DataKey, DomainError, db, paged
from models import Limit, Person, Token
from offices import (
    CareRequest,
    CareRequestEvent,
    Centre,
    InfoSession,
    Registration,
    RequestKind,
    RequestStatus,
    SeatState,
    SessionKind,
    Slot,
)

MOST_OPEN = 3  # requests of one person that wait at once
MOST_ASKED = 10  # of one person in a day, those taken back included
MOST_TIMES = 3  # held for a family at once
OFFERED = 6  # free times shown at the desk; the nurse may type any other half hour
HELD = timedelta(hours=48)
BEFORE = timedelta(hours=2)  # a hold or an offer ends this long before its hour, at the latest
READING = timedelta(minutes=10)  # how long a request that was opened counts as being read
OFFERED_FOR = timedelta(hours=24)  # how long a freed seat is kept for who waits
# Purposes of links that work without signing in: take a held time, an offered seat, give one up.
TIME, OFFER, LEAVE = "time", "seat-offer", "seat-leave"
TAKEN = (SeatState.SEAT, SeatState.OFFERED)
OPEN = (RequestStatus.ASKED, RequestStatus.PROPOSED)
RUNNING = (*OPEN, RequestStatus.CONFIRMED)
ANSWERED = (RequestStatus.PROPOSED, RequestStatus.CONFIRMED)
FOLLOWED = (
    *("kind", "person_id", "centre_id", "language", "data_key_id", "name", "phone", "mail"),
    *("topic", "child", "born", "expecting", "address", "hospital", "ward", "until"),
)
EDITED = (
    "topic",
    "texts",
    "languages",
    "centre_id",
    "place",
    "link",
    "starts",
    "ends",
    "seats",
    "least",
)
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
        add_event(care_request, "asked", person or entered_by, now)
    return care_request


def open_requests(person: Person) -> list[CareRequest]:
    waiting = CareRequest.status.in_(OPEN)
    return list(CareRequest.select().where(CareRequest.person == person, waiting))


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
        change(care_request, asked, before, refusal="request-changed", nurse=nurse)
        add_event(care_request, "claimed", nurse, now)


def confirm(
    care_request: CareRequest,
    nurse: Person,
    starts: datetime,
    note: str,
    now: datetime,
    *,
    centre_id: UUID | None = None,
    said: Sequence[str] = (),
) -> None:
    """Give this half hour of the nurse to the family, at a centre where it is asked to come. The
    database decides who was first."""
    with _given(nurse, [starts], now):
        after = _hour_of(care_request, nurse, starts, centre_id, now)
        change(care_request, RequestStatus.ASKED, **after)
        _give(care_request, nurse, starts)
        _answer(care_request, "confirmed", nurse, note, said, now)


def move(
    care_request: CareRequest,
    nurse: Person,
    starts: datetime,
    note: str,
    now: datetime,
    *,
    centre_id: UUID | None = None,
    said: Sequence[str] = (),
) -> None:
    """Another hour in place of the confirmed one, if that still stands as it was seen."""
    seen = CareRequest.starts == care_request.starts, CareRequest.starts > now
    with _given(nurse, [starts], now):
        after = _hour_of(care_request, nurse, starts, centre_id, now)
        change(care_request, RequestStatus.CONFIRMED, *seen, **after)
        _give(care_request, nurse, starts)
        _answer(care_request, "moved", nurse, note, said, now)


def propose(
    care_request: CareRequest,
    nurse: Person,
    times: Sequence[datetime],
    note: str,
    now: datetime,
    *,
    centre_id: UUID | None = None,
    said: Sequence[str] = (),
) -> None:
    """One to three times, held for the family until it has chosen or the time is up."""
    if not 1 <= len(set(times)) <= MOST_TIMES:
        raise DomainError("one-to-three-times")
    if min(times) <= now + BEFORE:
        raise DomainError("too-soon-to-hold")
    until = {starts: min(now + HELD, starts - BEFORE) for starts in times}
    with _given(nurse, times, now):
        after = {"status": RequestStatus.PROPOSED, "nurse": nurse, "answered": now}
        centre = centre_id or care_request.centre_id
        change(care_request, RequestStatus.ASKED, centre=centre, **after)
        held = _take_times(care_request, nurse, until)
        links = {
            slot.id: Token.make(TIME, slot.id, now, slot.until)
            for slot in held
            if care_request.mail and not slot.is_travel
        }
        told = [
            {"starts": slot.starts.isoformat(), "link": links.get(slot.id, "")}
            for slot in held
            if not slot.is_travel
        ]
        more = {"times": told, "until": max(until.values()).isoformat()}
        _answer(care_request, "proposed", nurse, note, said, now, **more)


def held_times(care_request: CareRequest, now: datetime) -> list[Slot]:
    """What the family may choose from, now."""
    held = care_request.slots.where(Slot.until > now, Slot.is_travel == False)  # noqa: E712
    return list(held.order_by(Slot.starts))


def by_link(secret: str, now: datetime) -> Slot | None:
    """The time that a mail's link stands for, while it is still held."""
    token = Token.find(secret, TIME, now)
    return token and Slot.get_or_none(Slot.id == token.about, Slot.until > now)


def accept(slot: Slot, by: Person | None, now: datetime, secret: str = "") -> None:
    """The family takes one of its times, through its link or signed in; the others are free. Of
    two who choose at once the first has chosen."""
    care_request, nurse = slot.care_request, slot.nurse
    with alone_with(nurse):
        here = Slot.id == slot.id, Slot.until > now
        if not Slot.select().where(*here).exists() or (secret and not _spend(secret, TIME, now)):
            raise DomainError("time-gone")
        after = _hour_of(care_request, nurse, slot.starts, care_request.centre_id, now)
        change(care_request, RequestStatus.PROPOSED, **after)
        _give(care_request, nurse, slot.starts)
        add_event(care_request, "accepted", by, now)
        tell_family(care_request, "request-confirmed", now)
        if nurse != by:
            _tell_nurse(care_request, "request-accepted", now, slot.starts)


def choose(care_request: CareRequest, slot_id: UUID | None, by: Person, now: datetime) -> None:
    """One of the request's own times, in the app or for a family that says so on the phone."""
    slot = care_request.slots.where(Slot.id == slot_id, Slot.is_travel == False).first()  # noqa: E712
    if slot is None:
        raise DomainError("time-gone")
    accept(slot, by, now)


def decline(care_request: CareRequest, nurse: Person, note: str, now: datetime) -> None:
    """With words: they are all the family gets."""
    with db.atomic():
        answer = {"status": RequestStatus.DECLINED, "nurse": nurse, "answered": now}
        change(care_request, RequestStatus.ASKED, **answer)
        _answer(care_request, "declined", nurse, note, (), now)


def cancel(care_request: CareRequest, by: Person, now: datetime) -> None:
    """By the family, or for it, before the hour: that is free again, and the nurse is told."""
    with give_back(
        care_request, by, now, (*OPEN, RequestStatus.CONFIRMED), RequestStatus.CANCELLED
    ):
        add_event(care_request, "cancelled", by, now)


def reopen(care_request: CareRequest, by: Person, now: datetime) -> None:
    """None of the times suits, or the confirmed one no longer does: the request waits again, where
    it stood in the queue."""
    with give_back(care_request, by, now, ANSWERED, RequestStatus.ASKED) as hour:
        add_event(care_request, "reopened", by, now)
        if hour is None and by.id != care_request.person_id:
            tell_family(care_request, "request-waits", now)


def finish(care_request: CareRequest, nurse: Person, came: bool, now: datetime) -> None:
    """Once the hour has begun: it took place, or nobody was there."""
    status = RequestStatus.DONE if came else RequestStatus.MISSED
    with db.atomic():
        change(care_request, RequestStatus.CONFIRMED, CareRequest.starts <= now, status=status)
        add_event(care_request, status, nurse, now)


def follow_up(before: CareRequest, nurse: Person, now: datetime) -> CareRequest:
    """Another meeting with the same family, asked by the nurse and hers; one, however often."""
    try:
        with db.atomic():
            facts = {name: getattr(before, name) for name in FOLLOWED}
            made = CareRequest.create(
                entered_by=nurse, nurse=nurse, follows=before, created=now, **facts
            )
            add_event(made, "asked", nurse, now)
            return made
    except IntegrityError:
        return CareRequest.get(CareRequest.follows == before)


def note_opening(care_request: CareRequest, nurse: Person, now: datetime) -> None:
    """So that the others see who has it on the screen; no answer hangs on it."""
    ours = CareRequest.id == care_request.id, CareRequest.status == RequestStatus.ASKED
    stale = CareRequest.opened.is_null() | (CareRequest.opened < now - READING)
    CareRequest.update(opened=now, opened_by=nurse).where(
        *ours, stale | (CareRequest.opened_by == nurse)
    ).execute()


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def alone_with(nurse: Person | None) -> Iterator[None]:
    """Whoever writes this nurse's times does so alone: of two at once one waits, none is lost."""
    with db.atomic():
        if nurse:
            _one_at_a_time(nurse)
        yield


@contextmanager
def _given(nurse: Person, times: Sequence[datetime], now: datetime) -> Iterator[None]:
    """Around what gives or holds these times: they can be, and nobody else has them."""
    if min(times) <= now:
        raise DomainError("time-is-past")
    if any(starts.timestamp() % HALF_HOUR.total_seconds() for starts in times):
        raise DomainError("not-a-half-hour")  # others would overlap without meeting
    try:
        with alone_with(nurse):
            Slot.delete().where(Slot.nurse == nurse, Slot.until <= now).execute()
            yield
    except IntegrityError:
        raise DomainError("slot-already-taken") from None


@contextmanager
def give_back(
    care_request: CareRequest,
    by: Person,
    now: datetime,
    before: str | tuple[str, ...],
    after: RequestStatus,
) -> Iterator[datetime | None]:
    """Around what gives up its times: they are free again, calendars are told, and the nurse is,
    unless she does it. Gives the hour that was confirmed."""
    with alone_with(CareRequest.get_by_id(care_request.id).nurse):
        as_it_is = CareRequest.get_by_id(care_request.id)
        hour, care_request.nurse = as_it_is.starts, as_it_is.nurse
        ahead = CareRequest.starts.is_null() | (CareRequest.starts > now)
        changes = {"starts": None, "changes": CareRequest.changes + 1}
        change(care_request, before, ahead, status=after, **changes)
        freed = Slot.delete().where(Slot.care_request == care_request).execute()
        yield hour
        if hour:
            tell_family(care_request, "appointment-cancelled", now, starts=hour.isoformat())
        if freed and care_request.nurse != by:
            _tell_nurse(care_request, "request-cancelled", now, hour)


def _hour_of(
    care_request: CareRequest,
    nurse: Person,
    starts: datetime,
    centre_id: UUID | None,
    now: datetime,
) -> dict[str, Any]:
    return {
        "status": RequestStatus.CONFIRMED,
        "nurse": nurse,
        "centre": centre_id or care_request.centre_id,
        "starts": starts,
        "answered": now,
        "changes": CareRequest.changes + 1,
    }


def _give(care_request: CareRequest, nurse: Person, starts: datetime) -> None:
    """The hour; and to a call a room of its own, which nobody who had another one can enter."""
    _take_times(care_request, nurse, {starts: None})
    if care_request.kind == RequestKind.TELE:
        care_request.room = secrets.token_hex(16)  # such servers read no capital letters apart
        care_request.save(only=[CareRequest.sealed])


def _take_times(
    care_request: CareRequest, nurse: Person, times: Mapping[datetime, datetime | None]
) -> list[Slot]:
    """In place of all that this request had: each time until its end, and the way around it."""
    Slot.delete().where(Slot.care_request == care_request).execute()
    around = agenda.travel_of(nurse) if care_request.kind == RequestKind.HOME else 0
    wanted = dict(times)
    for starts, until in times.items():
        for half in agenda.block(starts, around):
            wanted.setdefault(half, until)
    return [
        Slot.create(
            nurse=nurse,
            starts=half,
            care_request=care_request,
            until=until,
            is_travel=half not in times,
        )
        for half, until in sorted(wanted.items())
    ]


def _spend(secret: str, purpose: str, now: datetime) -> bool:
    token = Token.find(secret, purpose, now)
    return token is not None and token.spend()


def change(
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
    if "changes" in after:  # counted by the database
        care_request.changes = CareRequest.get_by_id(care_request.id).changes


def _answer(
    care_request: CareRequest,
    what: str,
    nurse: Person,
    note: str,
    said: Sequence[str],
    now: datetime,
    **facts: Any,
) -> None:
    care_request.note, care_request.said = note, list(said)
    care_request.save(only=[CareRequest.sealed])
    add_event(care_request, what, nurse, now, note)
    tell_family(care_request, f"request-{what}", now, **facts)


def tell_family(
    care_request: CareRequest, code: str, now: datetime, *, key: UUID | None = None, **facts: Any
) -> None:
    starts, centre = care_request.starts, care_request.centre
    standing = {"starts": starts.isoformat()} if starts else {}
    where = {"where": [centre.name, centre.address]} if centre else {}
    jobs.notify(
        care_request.person,
        code,
        care_request.id,
        now,
        to=care_request.mail,
        language=care_request.language,
        data_key=care_request.data_key_id,
        facts={**standing, **where, "changes": care_request.changes, **facts},
        key=key,
    )


def _tell_nurse(
    care_request: CareRequest, code: str, now: datetime, starts: datetime | None
) -> None:
    facts = {"starts": starts.isoformat()} if starts else {}
    jobs.notify(care_request.nurse, code, care_request.id, now, facts=facts)


def add_event(
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


def offers(care_request: CareRequest, nurse: Person, now: datetime) -> tuple[list[Free], bool]:
    """The nurse's first free half hours, and whether they suit the family: only where nothing is
    left of what it wished are others named."""
    free = agenda.free(nurse, care_request.kind, care_request.centre_id, now)
    ahead = agenda.half_days(now)
    wished = {half for half in ahead if half in care_request.times}
    suiting = [one for one in free if not wished or agenda.half_of(one.starts) in wished]
    return (suiting or free)[:OFFERED], bool(suiting)


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
        .order_by(
            Registration.state == SeatState.WAITING, Registration.joined, Registration.created
        )
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
            info_session = alone_in(info_session, now)
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
        info_session = alone_in(registration.info_session, now)
        # As it is now: who waited when this was read may have got a seat meanwhile.
        had_seat = _give_up(registration, SeatState.SEAT) or _give_up(
            registration, SeatState.OFFERED
        )
        if not had_seat and not _give_up(registration, SeatState.WAITING):
            raise DomainError("left-already")
        if had_seat:
            free_seats(info_session, registration.adults)
        if tell and registration.person_id:
            tell_party(registration, info_session, "left", now)
        move_up(info_session, now)


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
        info_session = alone_in(info_session, now)
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
        move_up(info_session, now)


def cancel_session(info_session: InfoSession, now: datetime) -> None:
    """For good; everybody on the list with an account is told, once."""
    with db.atomic():
        info_session = alone_in(info_session, now)
        here = InfoSession.id == info_session.id
        InfoSession.update(cancelled=now).where(here).execute()
        _tell_all(info_session, "cancelled", now)


def take_offer(registration: Registration, now: datetime, secret: str = "") -> None:
    """The seat was kept for this person: it is theirs now, once."""
    with db.atomic():
        mine = Registration.id == registration.id, Registration.until > now
        taken = Registration.update(state=SeatState.SEAT, until=None).where(
            *mine, Registration.state == SeatState.OFFERED
        )
        if not taken.execute() or (secret and not _spend(secret, OFFER, now)):
            raise DomainError("offer-gone")
        tell_guest(registration, registration.info_session, "seat", now)


def seat_by_link(secret: str, purpose: str, now: datetime) -> Registration | None:
    """Whose seat a mail's link stands for, while it can still be taken (or given up)."""
    token = Token.find(secret, purpose, now)
    states = (SeatState.OFFERED,) if purpose == OFFER else TAKEN
    here = Registration.state.in_(states)
    return token and Registration.get_or_none(Registration.id == token.about, here)


def leave_by_link(registration: Registration, secret: str, now: datetime) -> None:
    with db.atomic():
        if not _spend(secret, LEAVE, now):
            raise DomainError("left-already")
        leave(registration, now)


def say(info_session: InfoSession, words: str, now: datetime) -> int:
    """The nurse's words to everybody on the list with an account: read in the app, never sent."""
    with db.atomic():
        people = [one for one in who_comes(info_session) if one.person_id]
        for registration in people:
            tell_party(registration, info_session, "message", now, words=words)
    return len(people)


def move_up(info_session: InfoSession, now: datetime) -> None:
    """Keep free seats for the first who wait, until they take them or the time is up; shortly
    before the session, and on the phone, a seat is given at once. A pair for whom one seat is too
    few keeps its place, and nobody passes it."""
    waiting = _waiting(info_session).order_by(Registration.joined, Registration.created)
    until = min(now + OFFERED_FOR, info_session.starts - BEFORE)
    for registration in list(waiting):
        if not _take(info_session, registration.adults):
            return
        is_offer = registration.person_id and until > now
        state = SeatState.OFFERED if is_offer else SeatState.SEAT
        mine = Registration.id == registration.id
        end = until if is_offer else None
        Registration.update(state=state, until=end).where(mine).execute()
        more = {"until": until.isoformat()} if is_offer else {}
        tell_party(registration, info_session, "offer" if is_offer else "seat", now, **more)


def _tell_all(info_session: InfoSession, what: str, now: datetime) -> None:
    for registration in who_comes(info_session):
        if registration.person_id:
            tell_party(registration, info_session, what, now)


def tell_party(
    registration: Registration, info_session: InfoSession, what: str, now: datetime, **more: Any
) -> None:
    """The nurse is told in place of a family without an account, whom she calls."""
    if registration.person_id:
        tell_guest(registration, info_session, what, now, **more)
    elif info_session.nurse_id and what == "seat":
        facts = hours_of(info_session)
        jobs.notify(info_session.nurse, "seat-by-phone", info_session.id, now, facts=facts)


def tell_guest(
    registration: Registration,
    info_session: InfoSession,
    what: str,
    now: datetime,
    *,
    key: UUID | None = None,
    **more: Any,
) -> None:
    """Who has a mail address gets links that work without signing in, where there is a choice."""
    door = "training" if info_session.kind == SessionKind.TRAINING else "session"
    person, links = registration.person, {}
    if person.mail and what == "offer":
        until = datetime.fromisoformat(more["until"])
        links["offer"] = Token.make(OFFER, registration.id, now, until)
    if person.mail and what in {"seat", "offer", "soon"}:
        links["leave"] = Token.make(LEAVE, registration.id, now, info_session.starts)
    facts = hours_of(info_session) | links | more
    jobs.notify(person, f"{door}-{what}", info_session.id, now, facts=facts, key=key)


def hours_of(info_session: InfoSession) -> dict[str, str]:
    return {"starts": info_session.starts.isoformat(), "ends": info_session.ends.isoformat()}


def alone_in(info_session: InfoSession, now: datetime) -> InfoSession:
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


def free_seats(info_session: InfoSession, adults: int) -> None:
    freed = InfoSession.taken - adults
    InfoSession.update(taken=freed).where(InfoSession.id == info_session.id).execute()


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


def moment_of(day: date, hour: time, later: bool = False) -> datetime | None:
    """Luxembourg's hour on that day, in UTC: of two when the clocks go back the first or the
    later one, nothing for an hour that the clocks skip."""
    found = agenda.moments_of(day, hour)
    return found[-1 if later else 0] if found else None
