"""The rules of requests: who asks, who answers, and the half hour that is given only once."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from client import at_once, refusals

import agenda
import booking
from database import DomainError, clock, local
from models import Person
from offices import CareRequest, CareRequestEvent, Notice, RequestKind, RequestStatus, Slot

THREADS = 60
FACTS = {"name": "Zoé Marchand", "phone": "621 555 207", "topic": "sleep", "times": []}


def ask(person: Person, **facts: object) -> CareRequest:
    return booking.ask(
        RequestKind.TELE, {**FACTS, "topic": uuid4().hex, **facts}, "pt", clock(), person=person
    )


def asked_by_desk(cast) -> CareRequest:
    return booking.ask(RequestKind.CNJE, FACTS, "fr", clock(), entered_by=cast.noor)


def again(care_request: CareRequest) -> CareRequest:
    return CareRequest.get_by_id(care_request.id)


def tomorrow(hour: int = 9) -> datetime:
    return (clock() + timedelta(days=1)).replace(hour=hour, minute=0, second=0, microsecond=0)


@pytest.fixture
def colleague(cast) -> Person:
    Person.update(is_nurse=True).where(Person.id == cast.admin.id).execute()
    return cast.admin


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def test_a_person_has_three_open_requests_at_the_most(cast):
    ask(cast.zoe)
    last = ask(cast.zoe)  # and the one of the demo

    with pytest.raises(DomainError, match="too-many-requests"):
        ask(cast.zoe)

    booking.cancel(last, cast.zoe, clock())
    assert ask(cast.zoe).status == RequestStatus.ASKED


def test_a_form_sent_twice_asks_once(cast):
    first = ask(cast.zoe, topic="crying")

    second = ask(cast.zoe, topic="crying")

    assert second.id == first.id
    assert len(booking.open_requests(cast.zoe)) == 1 + 1  # the demo's


def test_phone_and_mail_are_kept_on_an_account_that_has_none(cast):
    cast.olga.phone = "621 555 999"

    ask(cast.olga, phone="621 555 777", mail="olga@example.lu")

    assert Person.get_by_id(cast.olga.id).mail == "olga@example.lu"
    ask(cast.olga, phone="621 555 888", mail="other@example.lu")
    kept = Person.get_by_id(cast.olga.id)
    assert (kept.phone, kept.mail) == ("621 555 777", "olga@example.lu")


@pytest.mark.race
def test_of_many_requests_of_one_person_at_once_three_arrive(cast):
    before = len(booking.open_requests(cast.zoe))

    results = at_once([lambda: ask(Person.get_by_id(cast.zoe.id)) for _ in range(8)])

    assert refusals(results) == ["too-many-requests"] * (8 - booking.MOST_OPEN + before)
    assert len(booking.open_requests(cast.zoe)) == booking.MOST_OPEN


# ── answering ────────────────────────────────────────────────────────────────────────────────────


def test_a_confirmed_request_has_its_half_hour_a_timeline_and_a_notice(cast):
    starts = tomorrow()

    booking.confirm(cast.care_request, cast.noor, starts, "Até amanhã!", clock())

    kept = cast.care_request
    assert (kept.status, kept.starts, kept.nurse) == ("confirmed", starts, cast.noor)
    assert Slot.get(Slot.care_request == kept).starts == starts
    events = kept.events.order_by(CareRequestEvent.created)
    assert [event.what for event in events] == ["asked", "confirmed"]
    notice = Notice.get(Notice.subject == kept.id)
    assert (notice.person, notice.code, notice.language) == (cast.ines, "request-confirmed", "pt")
    assert notice.facts == {"starts": starts.isoformat(), "changes": 1}


@pytest.mark.parametrize(
    ("starts", "code"),
    [
        (lambda: clock() - timedelta(minutes=1), "time-is-past"),
        (lambda: tomorrow() + timedelta(minutes=10), "not-a-half-hour"),
        (lambda: tomorrow() + timedelta(seconds=1), "not-a-half-hour"),
    ],
)
def test_an_hour_that_cannot_be_is_refused(cast, starts, code):
    with pytest.raises(DomainError, match=code):
        booking.confirm(cast.care_request, cast.noor, starts(), "", clock())

    assert cast.care_request.status == RequestStatus.ASKED


def test_a_half_hour_that_is_taken_leaves_the_request_open(cast):
    booking.confirm(ask(cast.zoe), cast.noor, tomorrow(), "", clock())

    with pytest.raises(DomainError, match="slot-already-taken"):
        booking.confirm(cast.care_request, cast.noor, tomorrow(), "", clock())

    assert cast.care_request.status == RequestStatus.ASKED
    assert not Notice.select().where(Notice.subject == cast.care_request.id).exists()


def test_what_was_answered_is_not_answered_again(cast, colleague):
    seen = cast.care_request
    booking.decline(cast.care_request, cast.noor, "Call us.", clock())

    for act in (booking.decline, lambda *a: booking.confirm(*a[:2], tomorrow(), *a[2:])):
        with pytest.raises(DomainError, match="request-already-answered"):
            act(seen, colleague, "", clock())
    assert cast.care_request.note == "Call us."


def test_a_request_taken_back_frees_its_half_hour_and_tells_the_nurse(cast):
    seen_before = cast.care_request
    booking.confirm(cast.care_request, cast.noor, tomorrow(), "", clock())

    booking.cancel(seen_before, cast.ines, clock())

    assert not Slot.select().where(Slot.care_request == cast.care_request).exists()
    notice = Notice.get(Notice.person == cast.noor)
    assert (notice.code, notice.subject) == ("request-cancelled", cast.care_request.id)
    booking.confirm(ask(cast.zoe), cast.noor, tomorrow(), "", clock())


def test_an_appointment_that_has_begun_is_not_taken_back(cast):
    booking.confirm(cast.care_request, cast.noor, tomorrow(), "", clock())

    with pytest.raises(DomainError, match="request-already-answered"):
        booking.cancel(cast.care_request, cast.ines, tomorrow())

    assert cast.care_request.status == RequestStatus.CONFIRMED


def test_a_claim_is_taken_over_only_by_who_has_seen_it(cast, colleague):
    booking.claim(cast.care_request, cast.noor, None, clock())

    with pytest.raises(DomainError, match="request-changed"):
        booking.claim(cast.care_request, colleague, None, clock())
    booking.claim(cast.care_request, colleague, cast.noor.id, clock())

    assert cast.care_request.nurse == colleague


# ── half-days ────────────────────────────────────────────────────────────────────────────────────


def test_half_days_leave_out_today_week_ends_and_public_holidays():
    before_christmas = datetime(2026, 12, 23, 12, tzinfo=UTC)

    days = {half.split()[0] for half in agenda.half_days(before_christmas)}

    assert days == {"2026-12-24", "2026-12-28", "2026-12-29", "2026-12-30", "2026-12-31"}


def test_the_first_free_half_hours_that_suit_both_are_offered(cast):
    ahead = agenda.half_days(clock())
    wished = ask(cast.zoe, times=[ahead[3], ahead[1]])
    day = date.fromisoformat(ahead[1].split()[0])

    first, suit = booking.offers(wished, cast.noor, clock())
    booking.confirm(ask(cast.olga), cast.noor, first[0].starts, "", clock())
    then, _suit = booking.offers(wished, cast.noor, clock())

    assert suit
    assert [f"{local(one.starts):%F %H:%M}" for one in first[:3]] == [
        f"{day} 13:30",
        f"{day} 14:00",
        f"{day} 14:30",
    ]
    assert then[0] == first[1]


def test_where_nothing_is_left_that_suits_others_are_named_as_such(cast):
    first_half = agenda.half_days(clock())[0]
    wished = ask(cast.zoe, times=[first_half])
    day = date.fromisoformat(first_half.split()[0])
    for starts in agenda.half_hours(day, "08:00", "12:00"):
        Slot.get_or_create(
            nurse=cast.noor, starts=starts, defaults={"care_request": asked_by_desk(cast)}
        )

    offered, suit = booking.offers(wished, cast.noor, clock())

    assert not suit
    assert local(offered[0].starts).hour >= 13


# ── two at once ──────────────────────────────────────────────────────────────────────────────────


@pytest.mark.race
def test_of_two_nurses_at_once_one_answers(cast, colleague):
    nurses = [cast.noor, colleague]
    seen = [again(cast.care_request) for _ in nurses]

    results = at_once(
        [
            lambda mine=mine, nurse=nurse: booking.confirm(mine, nurse, tomorrow(), "", clock())
            for mine, nurse in zip(seen, nurses, strict=True)
        ]
    )

    assert refusals(results) == ["request-already-answered"]
    winner = nurses[results.index(None)]
    assert cast.care_request.nurse == winner
    assert [slot.nurse for slot in Slot.select().where(Slot.starts == tomorrow())] == [winner]
    assert Notice.select().where(Notice.subject == cast.care_request.id).count() == 1


@pytest.mark.race
def test_one_half_hour_is_given_once(cast):
    asked = [asked_by_desk(cast) for _ in range(THREADS)]

    results = at_once(
        [lambda one=one: booking.confirm(one, cast.noor, tomorrow(), "", clock()) for one in asked]
    )

    assert refusals(results) == ["slot-already-taken"] * (THREADS - 1)
    assert Slot.select().where(Slot.starts == tomorrow()).count() == 1
    still = CareRequest.id.in_([one.id for one in asked])
    states = [row.status for row in CareRequest.select().where(still)]
    assert sorted(set(states)) == ["asked", "confirmed"]
    assert states.count("confirmed") == 1
