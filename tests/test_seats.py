"""Seats: the last one is given once, the list is served in its order, everybody is told once."""

import re
from datetime import datetime, time, timedelta
from uuid import uuid4

import pytest
from client import at_once, refusals

import booking
import deadlines
from database import DataKey, DomainError, clock, db, is_sqlite
from models import Person
from offices import InfoSession, Notice, Registration, SeatState
from views import mails

CROWD = 60


@pytest.fixture
def session_of(app, cast):
    """A session with so many seats, nine days from now."""

    def make(seats: int, **more) -> InfoSession:
        starts = clock() + timedelta(days=9)
        facts = {"topic": "other", "texts": {"en": {"title": "Talk"}}, "languages": "en"}
        facts |= {"starts": starts, "ends": starts + timedelta(hours=1), "nurse": cast.noor}
        return InfoSession.create(seats=seats, **facts | more)

    return make


def people(count: int) -> list[Person]:
    return [
        Person.create(handle=uuid4().bytes, language="en", data_key=DataKey.make())
        for _ in range(count)
    ]


def line(info_session: InfoSession, *adults: int) -> list[Registration]:
    """People who join one after the other, with so many adults each."""
    return [
        booking.join(info_session, many, clock(), person=person)
        for many, person in zip(adults, people(len(adults)), strict=True)
    ]


def states(registrations: list[Registration]) -> list[str]:
    return [Registration.get_by_id(one.id).state for one in registrations]


def taken(info_session: InfoSession) -> int:
    return InfoSession.get_by_id(info_session.id).taken


def told(person_id) -> list[str]:
    return [notice.code for notice in Notice.select().where(Notice.person == person_id)]


def fresh(registration: Registration) -> Registration:
    return Registration.get_by_id(registration.id)


# ── in order ─────────────────────────────────────────────────────────────────────────────────────


def test_a_pair_keeps_its_place_and_nobody_passes_it(session_of):
    talk = session_of(3)

    joined = line(talk, 1, 1, 2, 1)

    assert states(joined) == ["seat", "seat", "waiting", "waiting"]
    assert [booking.place_of(one) for one in joined[2:]] == [1, 2]
    assert taken(talk) == 2


def test_seats_that_are_given_up_go_to_who_waits_in_order_and_they_are_told(session_of):
    talk = session_of(3)
    joined = line(talk, 1, 1, 2, 1)

    booking.leave(fresh(joined[0]), clock())

    assert states(joined) == ["left", "seat", "offered", "waiting"]
    assert taken(talk) == 3
    assert told(joined[2].person_id) == ["session-offer"]
    assert told(joined[3].person_id) == []
    assert booking.place_of(joined[3]) == 1


def test_a_pair_that_leaves_the_list_lets_the_next_ones_through(session_of):
    talk = session_of(3)
    joined = line(talk, 1, 1, 2, 1)

    booking.leave(fresh(joined[2]), clock())

    assert states(joined) == ["seat", "seat", "left", "offered"]
    assert taken(talk) == 3


def test_who_got_a_seat_while_the_page_was_open_gives_it_back_on_leaving(session_of):
    talk = session_of(1)
    first, second = line(talk, 1, 1)
    as_read = fresh(second)
    booking.leave(fresh(first), clock())

    booking.leave(as_read, clock())

    assert taken(talk) == 0


def test_joining_twice_is_refused_and_takes_no_second_seat(session_of, cast):
    talk = session_of(5)
    booking.join(talk, 2, clock(), person=cast.zoe)

    with pytest.raises(DomainError, match="joined-already"):
        booking.join(talk, 1, clock(), person=cast.zoe)

    assert taken(talk) == 2


def test_who_left_may_come_back_at_the_end_of_the_list(session_of, cast):
    talk = session_of(1)
    mine = booking.join(talk, 1, clock(), person=cast.zoe)
    others = line(talk, 1, 1)
    booking.leave(fresh(mine), clock())

    again = booking.join(talk, 1, clock(), person=cast.zoe)

    assert states([*others, again]) == ["offered", "waiting", "waiting"]
    assert booking.place_of(again) == 2


def test_a_pair_does_not_wait_for_ever_for_a_session_of_one(session_of, cast):
    with pytest.raises(DomainError, match="session-too-small"):
        booking.join(session_of(1), 2, clock(), person=cast.zoe)


@pytest.mark.parametrize("state", ["begun", "cancelled"])
def test_a_session_that_has_begun_or_is_cancelled_takes_nobody_and_lets_nobody_go(
    session_of, cast, state
):
    talk = session_of(1)
    seat, waiting = line(talk, 1, 1)
    change = {"starts": clock() - timedelta(minutes=1)} if state == "begun" else {}
    InfoSession.update(change or {"cancelled": clock()}).where(InfoSession.id == talk.id).execute()

    for act in (
        lambda: booking.join(talk, 1, clock(), person=cast.zoe),
        lambda: booking.leave(fresh(seat), clock()),
        lambda: booking.cancel_session(talk, clock()),
    ):
        with pytest.raises(DomainError, match="session-over"):
            act()

    assert states([seat, waiting]) == ["seat", "waiting"]


def test_a_family_without_an_account_is_called_by_the_nurse(session_of, cast):
    talk = session_of(1)
    (first,) = line(talk, 1)
    booking.join(talk, 1, clock(), name="Familie Muster", phone="621 555 600")

    booking.leave(fresh(first), clock())

    assert told(cast.noor.id) == ["seat-by-phone"]


# ── a seat that is kept ──────────────────────────────────────────────────────────────────────────


def with_mail(registration: Registration) -> Person:
    person = Person.get_by_id(registration.person_id)
    person.mail = "a@example.lu"
    person.save()
    return person


def links(app, person: Person, code: str) -> dict[str, str]:
    """Of the mail of this notice, by what they do."""
    notice = Notice.get(Notice.person == person, Notice.code == code)
    with app.app_context():
        text = mails.compose(notice).get_body(("plain",)).get_content()
    return dict(re.findall(r"/(offers|departures)/(\S+)", text))


def test_a_freed_seat_is_kept_a_day_then_goes_to_the_next_who_waits(session_of):
    talk = session_of(1)
    joined = line(talk, 1, 1, 1)
    booking.leave(fresh(joined[0]), clock())
    assert fresh(joined[1]).until - clock() > timedelta(hours=23, minutes=59)

    for _ in range(2):
        deadlines.settle_seats(clock() + timedelta(hours=24, minutes=1))

    assert states(joined) == ["left", "left", "offered"]
    assert told(joined[1].person_id) == ["session-offer", "session-over"]
    assert taken(talk) == 1
    with pytest.raises(DomainError, match="offer-gone"):
        booking.take_offer(fresh(joined[1]), clock())


def test_shortly_before_a_seat_is_kept_until_2_hours_before_and_then_given_at_once(session_of):
    soon = clock() + timedelta(hours=5)
    talk = session_of(1, starts=soon, ends=soon + timedelta(hours=1))
    joined = line(talk, 1, 1, 1)

    booking.leave(fresh(joined[0]), clock())
    assert fresh(joined[1]).until == soon - timedelta(hours=2)
    booking.leave(fresh(joined[1]), soon - timedelta(hours=1))

    assert states(joined) == ["left", "left", "seat"]


def test_a_mail_takes_and_gives_up_a_seat_without_signing_in_and_a_scanner_does_nothing(
    app, as_user, session_of
):
    talk = session_of(1)
    joined = line(talk, 1, 1, 1)
    person = with_mail(joined[1])
    booking.leave(fresh(joined[0]), clock())
    secret, stranger = links(app, person, "session-offer")["offers"], as_user(None)

    for _ in range(3):
        assert stranger.page(f"/offers/{secret}").select_one("main form button")
    assert states(joined)[1] == "offered"
    assert stranger.post(f"/offers/{secret}").status_code == 200
    assert stranger.post(f"/offers/{secret}").status_code == 410
    assert states(joined)[1] == "seat"

    leave = links(app, person, "session-seat")["departures"]
    stranger.get(f"/departures/{leave}")
    assert states(joined)[1] == "seat"
    assert stranger.post(f"/departures/{leave}").status_code == 200
    assert stranger.get(f"/departures/{leave}").status_code == 410
    assert states(joined) == ["left", "left", "offered"]


def test_who_has_a_seat_is_reminded_once_each_with_a_link_to_give_it_up(app, session_of):
    talk = session_of(2)
    seated, _other = line(talk, 1, 1)
    person = with_mail(seated)
    day, hour = talk.starts - timedelta(hours=23), talk.starts - timedelta(minutes=30)

    for then in (day, day, hour, hour):
        deadlines.remind(then)

    assert told(person.id) == ["session-soon"] * 2
    assert "departures" in links(app, person, "session-soon")


def test_the_nurse_s_words_are_read_in_the_app_and_not_in_the_mail(app, session_of):
    talk = session_of(2)
    seated, _other = line(talk, 1, 1)
    person = with_mail(seated)

    count = booking.say(talk, "Bring socks.", clock())

    notice = Notice.get(Notice.person == person)
    assert (count, notice.facts["words"]) == (2, "Bring socks.")
    with app.app_context():
        assert "socks" not in mails.compose(notice).as_string()
    assert b"socks" not in bytes(notice.sealed)


@pytest.mark.race
def test_an_offer_that_is_taken_left_and_run_out_at_once_has_one_end(session_of):
    talk = session_of(1)
    joined = line(talk, 1, 1, 1)
    booking.leave(fresh(joined[0]), clock())
    late = clock() + timedelta(hours=25)
    acts = [
        lambda: booking.take_offer(fresh(joined[1]), clock()),
        lambda: booking.leave(fresh(joined[1]), clock()),
        lambda: deadlines.settle_seats(late),
    ]

    results = at_once(acts * 4)

    assert set(refusals(results)) <= {"offer-gone", "left-already"}
    seats = [one for one in map(fresh, joined) if one.state in booking.TAKEN]
    assert len(seats) == taken(talk) <= 1


# ── what the nurse changes ───────────────────────────────────────────────────────────────────────


def as_edited(info_session: InfoSession, **more) -> dict:
    return {name: getattr(info_session, name) for name in booking.EDITED} | more


def test_more_seats_go_to_who_waits_at_once(session_of):
    talk = InfoSession.get_by_id(session_of(2).id)
    joined = line(talk, 1, 2, 1)

    booking.change_session(talk, booking.mark(talk), as_edited(talk, seats=3), clock())

    assert states(joined) == ["seat", "offered", "waiting"]
    assert told(joined[1].person_id) == ["session-offer"]
    assert told(joined[0].person_id) == [], "neither hour nor place has changed"


def test_fewer_seats_than_are_taken_are_refused(session_of):
    talk = InfoSession.get_by_id(session_of(3).id)
    line(talk, 2)

    with pytest.raises(DomainError, match="seats-taken"):
        booking.change_session(talk, booking.mark(talk), as_edited(talk, seats=1), clock())

    assert InfoSession.get_by_id(talk.id).seats == 3


def test_a_new_hour_or_place_is_told_to_everybody_on_the_list_once(session_of):
    talk = InfoSession.get_by_id(session_of(1).id)
    joined = line(talk, 1, 1)

    booking.change_session(talk, booking.mark(talk), as_edited(talk, place="Hall"), clock())

    assert [told(one.person_id) for one in joined] == [["session-moved"]] * 2


def test_a_colleague_s_change_is_not_overwritten(session_of):
    talk = InfoSession.get_by_id(session_of(3).id)
    seen = booking.mark(talk)
    booking.change_session(talk, seen, as_edited(talk, place="Hall"), clock())

    with pytest.raises(DomainError, match="session-changed"):
        booking.change_session(talk, seen, as_edited(talk, seats=9), clock())

    kept = InfoSession.get_by_id(talk.id)
    assert (kept.place, kept.seats) == ("Hall", 3)


def test_a_mark_minds_no_seat_that_was_taken_meanwhile(session_of):
    talk = InfoSession.get_by_id(session_of(3).id)
    seen = booking.mark(talk)
    line(talk, 1)

    assert booking.mark(InfoSession.get_by_id(talk.id)) == seen


def test_cancelling_tells_everybody_once_whoever_presses_twice(session_of):
    talk = session_of(1)
    joined = line(talk, 1, 1, 1)
    booking.leave(fresh(joined[2]), clock())
    booking.cancel_session(talk, clock())

    with pytest.raises(DomainError, match="session-over"):
        booking.cancel_session(talk, clock())

    assert [told(one.person_id) for one in joined] == [["session-cancelled"]] * 2 + [[]]


def test_cancelling_takes_as_many_statements_a_person_for_forty_as_for_two(session_of, statements):
    counts = {}
    for many in (2, 40):
        talk = session_of(many)
        line(talk, *([1] * many))
        with statements() as seen:
            booking.cancel_session(talk, clock())
        counts[many] = seen.count

    assert counts[40] - counts[2] == 38, "one notice each"


# ── Luxembourg's hours ───────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("day", "hour", "utc"),
    [
        ("2026-12-02", "14:30", "2026-12-02T13:30:00+00:00"),
        ("2026-07-01", "14:30", "2026-07-01T12:30:00+00:00"),
        ("2027-03-28", "02:30", None),
        ("2027-03-28", "03:00", "2027-03-28T01:00:00+00:00"),
        ("2026-10-25", "02:30", "2026-10-25T00:30:00+00:00"),
    ],
)
def test_an_hour_that_the_clocks_skip_is_none_and_of_two_the_first_counts(day, hour, utc):
    moment = booking.moment_of(datetime.fromisoformat(day).date(), time.fromisoformat(hour))

    assert (moment and moment.isoformat()) == utc


# ── at once ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.race
def test_of_sixty_at_once_one_gets_the_last_seat_and_the_others_wait_in_line(session_of):
    talk = session_of(1)
    crowd = people(CROWD)

    def ask(person: Person) -> Registration:
        if is_sqlite():  # the test is who gets it, not how long a busy machine takes
            db.execute_sql("PRAGMA busy_timeout = 60000")
        return booking.join(talk, 1, clock(), person=person)

    results = at_once([lambda person=person: ask(person) for person in crowd])

    assert refusals(results) == []
    assert sorted(one.state for one in results) == ["seat"] + ["waiting"] * (CROWD - 1)
    waiting = [one for one in results if one.state == SeatState.WAITING]
    assert sorted(booking.place_of(one) for one in waiting) == list(range(1, CROWD))
    assert taken(talk) == 1


@pytest.mark.race
def test_one_person_who_joins_many_times_at_once_has_one_place(session_of, cast):
    talk, zoe = session_of(9), cast.zoe

    results = at_once([lambda: booking.join(talk, 2, clock(), person=zoe)] * 8)

    assert refusals(results) == ["joined-already"] * 7
    assert taken(talk) == 2


@pytest.mark.race
def test_leaving_many_times_at_once_frees_the_seat_once(session_of):
    talk = session_of(2)
    joined = line(talk, 1, 1, 1, 1)

    results = at_once([lambda: booking.leave(fresh(joined[0]), clock())] * 8)

    assert refusals(results) == ["left-already"] * 7
    assert states(joined) == ["left", "seat", "offered", "waiting"]
    assert taken(talk) == 2


@pytest.mark.race
def test_leaving_joining_and_cancelling_at_once_leave_nobody_untold(session_of):
    talk = session_of(2)
    joined = line(talk, 1, 1, 1, 1)
    late = people(4)

    results = at_once(
        [
            *[lambda one=one: booking.leave(fresh(one), clock()) for one in joined[:2]],
            *[lambda one=one: booking.join(talk, 1, clock(), person=one) for one in late],
            lambda: booking.cancel_session(talk, clock()),
        ]
    )

    assert set(refusals(results)) <= {"session-over"}
    on_the_list = Registration.select().where(
        Registration.info_session == talk, Registration.state != SeatState.LEFT
    )
    assert all("session-cancelled" in told(one.person_id) for one in on_the_list)
    seats = sum(one.adults for one in on_the_list if one.state in booking.TAKEN)
    assert seats == taken(talk) <= 2
