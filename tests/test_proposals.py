"""Times held for a family: chosen in the app, by link or by phone, once; what time ends."""

import re
from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from client import at_once, refusals, soup_of
from icalendar import Calendar

import agenda
import booking
import deadlines
from app import do_due_work
from database import DomainError, clock, db, is_sqlite
from models import Audit, Person, Token
from offices import CareRequest, CareRequestEvent, Notice, RequestKind, RequestStatus, Slot
from views import mails
from views.words import NOTE_SENTENCES

CROWD = 60
TOPIC = "qwanarix"


@pytest.fixture
def asked(cast) -> CareRequest:
    ines = cast.ines
    ines.mail = "ines@example.lu"
    ines.save()
    facts = {"name": ines.name, "phone": "621 555 103", "mail": ines.mail, "topic": TOPIC}
    return booking.ask(RequestKind.TELE, facts | {"times": []}, "pt", clock(), person=ines)


def by_phone(cast, **facts) -> CareRequest:
    known = {"name": "Rosa Lima", "phone": "621 555 900", "times": []}
    return booking.ask(RequestKind.TELE, known | facts, "fr", clock(), entered_by=cast.noor)


def times(cast, count: int = 3) -> list[datetime]:
    return [one.starts for one in agenda.free(cast.noor, RequestKind.TELE, None, clock())[:count]]


def propose(cast, care_request: CareRequest, count: int = 3, **more) -> list[Slot]:
    booking.propose(care_request, cast.noor, times(cast, count), "", clock(), **more)
    return booking.held_times(care_request, clock())


def now_it_is(care_request: CareRequest) -> CareRequest:
    return CareRequest.get_by_id(care_request.id)


def codes(care_request: CareRequest) -> list[str]:
    rows = Notice.select().where(Notice.subject == care_request.id)
    return [notice.code for notice in rows.order_by(Notice.created)]


def links(app, care_request: CareRequest) -> list[str]:
    """Of the proposal's mail."""
    notice = Notice.get(Notice.subject == care_request.id, Notice.code == "request-proposed")
    with app.app_context():
        text = mails.compose(notice).get_body(("plain",)).get_content()
    return re.findall(r"/times/\S+", text)


# ── held ─────────────────────────────────────────────────────────────────────────────────────────


def test_times_are_held_for_48_hours_at_the_most_until_2_hours_before(cast, asked):
    first = times(cast, 1)[0]
    far = first + timedelta(days=7)

    booking.propose(asked, cast.noor, [far, first], "", clock())

    held = booking.held_times(asked, clock())
    assert [slot.starts for slot in held] == [first, far]
    assert held[0].until == first - timedelta(hours=2)
    assert held[1].until - clock() > timedelta(hours=47, minutes=59)
    assert now_it_is(asked).status == RequestStatus.PROPOSED


@pytest.mark.parametrize(
    ("pick", "code"),
    [
        (lambda free: [], "one-to-three-times"),
        (lambda free: free[:4], "one-to-three-times"),
        (lambda free: [clock() + timedelta(hours=1)], "too-soon-to-hold"),
        (lambda free: [free[0] + timedelta(minutes=10)], "not-a-half-hour"),
    ],
)
def test_what_cannot_be_held_is_refused(cast, asked, pick, code):
    with pytest.raises(DomainError, match=code):
        booking.propose(asked, cast.noor, pick(times(cast, 4)), "", clock())

    assert now_it_is(asked).status == RequestStatus.ASKED


def test_a_held_time_is_given_to_nobody_else(cast, asked):
    held = propose(cast, asked)

    with pytest.raises(DomainError, match="slot-already-taken"):
        booking.confirm(by_phone(cast), cast.noor, held[1].starts, "", clock())


def test_a_proposal_of_which_one_time_is_taken_holds_none(cast, asked):
    free = times(cast, 3)
    booking.confirm(by_phone(cast), cast.noor, free[2], "", clock())

    with pytest.raises(DomainError, match="slot-already-taken"):
        booking.propose(asked, cast.noor, free, "", clock())

    assert not asked.slots.exists()
    assert codes(asked) == []


# ── chosen ───────────────────────────────────────────────────────────────────────────────────────


def test_the_parent_reads_and_takes_one_and_the_others_are_free(at, cast, asked):
    held = propose(cast, asked, said=["booklet"])
    ines = at("ines")
    page = ines.page(f"/requests/{asked.id}")
    assert str(NOTE_SENTENCES["booklet"]) in page.get_text()
    values = [button["value"] for button in page.select("button[name=slot]")]

    answer = ines.post(f"/requests/{asked.id}/choice", {"slot": values[1]})
    again = ines.post(f"/requests/{asked.id}/choice", {"slot": values[0]})

    assert values == [str(slot.id) for slot in held]
    assert answer.status_code == 303
    assert again.status_code == 409
    assert "no longer free" in soup_of(again).get_text()
    kept = now_it_is(asked)
    assert (kept.status, kept.starts) == ("confirmed", held[1].starts)
    assert [slot.starts for slot in kept.slots] == [held[1].starts]
    assert held[0].starts in times(cast)
    assert codes(asked) == ["request-proposed", "request-confirmed", "request-accepted"]


def test_nobody_takes_a_time_of_somebody_else_s_request(at, cast, asked):
    held = propose(cast, asked)

    assert at("zoe").post(f"/requests/{asked.id}/choice", {"slot": held[0].id}).status_code == 404
    other = by_phone(cast)
    with pytest.raises(DomainError, match="time-gone"):
        booking.choose(other, held[0].id, cast.noor, clock())

    assert now_it_is(asked).status == RequestStatus.PROPOSED


def test_the_mail_has_a_link_for_each_time_in_the_recipient_s_language(app, cast, asked):
    propose(cast, asked)
    notice = Notice.get(Notice.subject == asked.id)

    with app.app_context():
        mail = mails.compose(notice)

    text = mail.get_body(("plain",)).get_content()
    assert len(links(app, asked)) == 3
    assert len(re.findall(r"novembro(?: de)? 2026, \d\d:\d\d:", text)) == 3
    assert not any(secret in mail.as_string() for secret in (TOPIC, "tele", "Noor"))


def test_a_link_is_taken_without_signing_in_and_only_by_its_button(app, as_user, cast, asked):
    held = propose(cast, asked)
    first, second, _third = links(app, asked)
    stranger = as_user(None)

    for _ in range(3):  # a scanner of links
        page = stranger.page(first)
    assert now_it_is(asked).status == RequestStatus.PROPOSED
    assert page.select_one(f"form[action='{first}']")
    answer = stranger.post(first)
    back = stranger.post(first)
    other = stranger.get(second)

    assert answer.status_code == 200
    assert (back.status_code, other.status_code) == (410, 410)
    assert "48 83 33-1" in soup_of(back).get_text(), "kindly, with a number to call"
    assert now_it_is(asked).starts == held[0].starts
    assert Audit.get(Audit.action == "request.choose-by-link").person is None
    assert TOPIC not in page.get_text()
    assert cast.ines.name not in page.get_text()


def test_a_link_whose_time_is_up_says_so(app, as_user, cast, asked):
    propose(cast, asked)
    (first, *_rest) = links(app, asked)
    Slot.update(until=clock() - timedelta(seconds=1)).where(Slot.care_request == asked).execute()

    assert as_user(None).get(first).status_code == 410
    assert as_user(None).post(first).status_code == 410
    deadlines.settle(clock())
    assert now_it_is(asked).status == RequestStatus.ASKED


def test_tokens_of_times_are_kept_as_hashes_and_end_with_the_hold(cast, asked):
    held = propose(cast, asked)

    tokens = {token.about: token for token in Token.select().where(Token.purpose == booking.TIME)}

    assert set(tokens) == {slot.id for slot in held}
    assert all(tokens[slot.id].until == slot.until for slot in held)


def test_the_desk_chooses_for_a_family_that_calls(at, cast):
    asked = by_phone(cast)
    held = propose(cast, asked)
    noor = at("noor")
    page = noor.page(f"/desk/requests/{asked.id}")
    buttons = page.select("#appointment button[name=slot]")

    noor.post(f"/desk/requests/{asked.id}/choice", {"slot": buttons[2]["value"]})

    assert now_it_is(asked).starts == held[2].starts
    assert "request-accepted" not in codes(asked), "she knows"


# ── given up, moved ──────────────────────────────────────────────────────────────────────────────


def test_none_suits_the_times_are_free_and_the_request_keeps_its_place(at, cast, asked):
    held = propose(cast, asked)
    ines = at("ines")
    assert "Ask for another time?" in ines.words(f"/requests/{asked.id}/another-time")

    ines.post(f"/requests/{asked.id}/another-time")

    kept = now_it_is(asked)
    assert (kept.status, kept.created) == ("asked", asked.created)
    assert held[0].starts in times(cast)
    notice = Notice.get(Notice.person == cast.noor, Notice.subject == asked.id)
    assert notice.code == "request-cancelled"


def ics(app, care_request: CareRequest, code: str) -> tuple[str, int, datetime]:
    notice = (
        Notice.select()
        .where(Notice.subject == care_request.id, Notice.code == code)
        .order_by(Notice.created.desc())
        .first()
    )
    with app.app_context():
        (file,) = mails.compose(notice).iter_attachments()
    calendar = Calendar.from_ical(file.get_content())
    (event,) = calendar.walk("VEVENT")
    assert file["Content-Type"].params["method"] == calendar["method"]
    assert str(event["uid"]).startswith(str(care_request.id))
    assert event["dtstart"].params["TZID"] == "Europe/Luxembourg"
    (zone,) = calendar.walk("VTIMEZONE")
    assert zone["tzid"] == "Europe/Luxembourg"
    return str(calendar["method"]), int(event["sequence"]), event.decoded("dtstart")


def test_a_calendar_follows_every_change_and_hears_of_the_end(app, cast, asked):
    first, second, third = times(cast)
    booking.confirm(asked, cast.noor, first, "", clock())
    told = [ics(app, asked, "request-confirmed")]
    booking.move(now_it_is(asked), cast.noor, second, "", clock())
    told.append(ics(app, asked, "request-moved"))
    booking.reopen(now_it_is(asked), cast.ines, clock())
    told.append(ics(app, asked, "appointment-cancelled"))
    booking.confirm(now_it_is(asked), cast.noor, third, "", clock())
    told.append(ics(app, asked, "request-confirmed"))
    booking.cancel(now_it_is(asked), cast.ines, clock())
    told.append(ics(app, asked, "appointment-cancelled"))

    assert [method for method, _sequence, _starts in told] == [
        "REQUEST",
        "REQUEST",
        "CANCEL",
        "REQUEST",
        "CANCEL",
    ]
    sequences = [sequence for _method, sequence, _starts in told]
    assert sequences == sorted(set(sequences))
    assert [starts for *_rest, starts in told] == [first, second, second, third, third]
    assert not asked.slots.exists()


def test_an_hour_is_moved_only_from_where_it_was_seen(at, cast, asked):
    first, second, third = times(cast)
    booking.confirm(asked, cast.noor, first, "", clock())
    seen = now_it_is(asked)
    booking.move(now_it_is(asked), cast.noor, second, "", clock())

    with pytest.raises(DomainError, match="request-already-answered"):
        booking.move(seen, cast.noor, third, "", clock())
    noor = at("noor")
    stale = {"seen": first.isoformat(), "starts": third.isoformat(), "hour": "09:00"}
    answer = noor.post(f"/desk/requests/{asked.id}/move", stale)
    fresh = noor.post(f"/desk/requests/{asked.id}/move", stale | {"seen": second.isoformat()})

    assert (answer.status_code, fresh.status_code) == (409, 303)
    assert [slot.starts for slot in asked.slots] == [third]


# ── what time ends ───────────────────────────────────────────────────────────────────────────────


def test_times_that_nobody_took_run_out_and_the_family_is_told_once(cast, asked):
    held = propose(cast, asked)
    late = max(slot.until for slot in held) + timedelta(seconds=1)

    for _ in range(3):
        deadlines.settle(late)

    assert now_it_is(asked).status == RequestStatus.ASKED
    assert codes(asked) == ["request-proposed", "request-waits"]
    assert not asked.slots.exists()


def test_while_one_time_is_held_the_request_stays_proposed(cast, asked):
    held = propose(cast, asked)
    Slot.update(until=clock()).where(Slot.id == held[0].id).execute()

    deadlines.settle(clock())

    assert now_it_is(asked).status == RequestStatus.PROPOSED
    assert [slot.id for slot in booking.held_times(asked, clock())] == [held[1].id, held[2].id]


def test_what_nobody_answers_in_30_days_ends_with_a_notice(at, cast, asked):
    nearly = clock() + timedelta(days=30) - timedelta(minutes=1)
    deadlines.settle(nearly)
    assert now_it_is(asked).status == RequestStatus.ASKED

    deadlines.settle(clock() + timedelta(days=30, minutes=1))

    assert now_it_is(asked).status == RequestStatus.EXPIRED
    assert codes(asked) == ["request-expired"]
    assert "Ended without an answer" in at("ines").words(f"/requests/{asked.id}")


def test_a_page_settles_what_no_worker_did(at, cast, asked):
    propose(cast, asked)
    Slot.update(until=clock() - timedelta(seconds=1)).where(Slot.care_request == asked).execute()

    words = at("ines").words(f"/requests/{asked.id}")

    assert "Waiting for an answer" in words
    assert cast.ines.name in at("noor").words("/desk")


def test_reminders_come_the_day_and_the_hour_before_once_each(app, cast, asked):
    starts = times(cast)[-1] + timedelta(days=1)
    booking.confirm(asked, cast.noor, starts, "", clock())

    def told_at(before: timedelta) -> list[str]:
        deadlines.tell_due(starts - before)
        deadlines.tell_due(starts - before)
        return [code for code in codes(asked) if code == "request-soon"]

    assert told_at(timedelta(hours=25)) == []
    assert told_at(timedelta(hours=24)) == ["request-soon"]
    assert told_at(timedelta(hours=2)) == ["request-soon"]
    assert told_at(timedelta(minutes=59)) == ["request-soon"] * 2
    assert told_at(timedelta(minutes=-1)) == ["request-soon"] * 2
    notice = Notice.get(Notice.code == "request-soon", Notice.subject == asked.id)
    with app.app_context():
        assert TOPIC not in mails.compose(notice).as_string()


def test_who_switched_mails_off_reads_messages_in_the_app_only(at, cast, asked):
    ines = at("ines")
    ines.post("/account", {"phone": "621 555 103", "mail": "ines@example.lu"})

    booking.confirm(now_it_is(asked), cast.noor, times(cast)[0], "", clock())

    notice = Notice.get(Notice.subject == asked.id)
    assert (notice.due, notice.to) == (None, "")
    assert Person.get_by_id(cast.ines.id).mail == "ines@example.lu"
    assert not ines.page("/account").select_one("#by_mail[checked]")


def test_a_reminder_is_not_sent_after_its_hour(app, cast, asked, monkeypatch):
    starts = times(cast)[0]
    until = starts.isoformat()
    booking.tell_family(asked, "request-soon", clock(), starts=until, until=until)
    monkeypatch.setitem(app.config, "SMTP_HOST", "127.0.0.1")
    sent = []

    with app.app_context():
        mails.jobs.deliver_due(mails.compose, sent.append, starts, 50)

    assert Notice.get(Notice.subject == asked.id).due is None
    assert sent == []


# ── afterwards ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("came", "state"), [("yes", "done"), ("no", "no-show")])
def test_afterwards_the_nurse_marks_it_and_makes_another_one(at, cast, asked, came, state):
    starts = times(cast)[0]
    booking.confirm(asked, cast.noor, starts, "", clock())
    noor = at("noor")
    early = noor.post(f"/desk/requests/{asked.id}/end", {"came": came})
    over = clock() - timedelta(hours=2)
    CareRequest.update(starts=over).where(CareRequest.id == asked.id).execute()
    Slot.update(starts=over).where(Slot.care_request == asked).execute()
    assert "to be marked" in noor.words("/desk")

    noor.post(f"/desk/requests/{asked.id}/end", {"came": came})
    follow = {noor.post(f"/desk/requests/{asked.id}/follow-up").location for _ in range(2)}

    assert early.status_code == 409
    assert now_it_is(asked).status == state
    (address,) = follow
    made = CareRequest.get_by_id(address.rsplit("/", 1)[1])
    assert (made.person, made.nurse, made.follows) == (cast.ines, cast.noor, asked)
    assert (made.status, made.topic) == ("asked", TOPIC)
    events = CareRequestEvent.select().where(CareRequestEvent.care_request == asked)
    assert state in {event.what for event in events}


# ── at once ──────────────────────────────────────────────────────────────────────────────────────


def patiently(act: Callable) -> Callable:
    """The test is who gets it, not how long a busy machine takes."""

    def run():
        if is_sqlite():
            db.execute_sql("PRAGMA busy_timeout = 60000")
        return act()

    return run


@pytest.mark.race
def test_sixty_acts_on_one_proposal_leave_one_truth(cast, asked):
    """Ways to choose, link and phone, taking back, asking anew, confirming, running out."""
    held = propose(cast, asked)
    seen = [now_it_is(asked) for _ in range(CROWD)]
    free = times(cast, 4)[3]
    late = clock() + timedelta(days=3)
    ways = [
        lambda one: booking.accept(held[0], cast.ines, clock()),
        lambda one: booking.choose(one, held[1].id, cast.noor, clock()),
        lambda one: booking.cancel(one, cast.ines, clock()),
        lambda one: booking.reopen(one, cast.ines, clock()),
        lambda one: booking.confirm(one, cast.noor, free, "", clock()),
        lambda one: deadlines.settle(late),
    ]

    results = at_once(
        [patiently(lambda one=one, n=n: ways[n % 6](one)) for n, one in enumerate(seen)]
    )

    assert set(refusals(results)) <= {"request-already-answered", "time-gone"}
    kept, slots = now_it_is(asked), list(asked.slots)
    if kept.status == RequestStatus.CONFIRMED:
        assert [(slot.starts, slot.until) for slot in slots] == [(kept.starts, None)]
    else:
        assert kept.status in {RequestStatus.ASKED, RequestStatus.CANCELLED, RequestStatus.EXPIRED}
        assert (slots, kept.starts) == ([], None)


@pytest.mark.race
def test_one_time_that_sixty_hold_or_confirm_is_given_once(cast):
    asked, (first, second) = [by_phone(cast) for _ in range(CROWD)], times(cast, 2)

    def act(n: int, one: CareRequest) -> None:
        if n % 2:
            booking.propose(one, cast.noor, [second, first], "", clock())
        else:
            booking.confirm(one, cast.noor, first, "", clock())

    results = at_once([patiently(lambda n=n, one=one: act(n, one)) for n, one in enumerate(asked)])

    assert refusals(results) == ["slot-already-taken"] * (CROWD - 1)
    ours = Slot.care_request.in_([one.id for one in asked])
    assert Slot.select().where(ours, Slot.starts == first).count() == 1
    states = [now_it_is(one).status for one in asked]
    assert sorted(states).count("asked") == CROWD - 1


@pytest.mark.race
def test_a_link_pressed_by_many_at_once_is_taken_once(app, cast, asked):
    propose(cast, asked)
    secret = links(app, asked)[0].removeprefix("/times/")
    slot = booking.by_link(secret, clock())

    results = at_once([patiently(lambda: booking.accept(slot, None, clock(), secret))] * 8)

    assert set(refusals(results)) <= {"time-gone", "request-already-answered"}
    assert results.count(None) == 1
    assert codes(asked).count("request-confirmed") == 1


@pytest.mark.race
def test_workers_at_once_remind_and_tell_once(app, cast, asked):
    starts = times(cast)[-1] + timedelta(days=1)
    booking.confirm(asked, cast.noor, starts, "", clock())
    waiting = by_phone(cast, mail="a@example.lu")
    propose(cast, waiting)
    then = starts - timedelta(hours=23)
    Slot.update(until=then).where(Slot.care_request == waiting).execute()

    results = at_once([patiently(lambda: deadlines.tell_due(then))] * 8)

    assert refusals(results) == []
    assert codes(asked).count("request-soon") == 1
    assert codes(waiting) == ["request-proposed", "request-waits"]


def test_due_work_does_all_of_it(app, cast, asked):
    propose(cast, asked)
    Slot.update(until=clock() - timedelta(seconds=1)).where(Slot.care_request == asked).execute()

    do_due_work(app)

    assert now_it_is(asked).status == RequestStatus.ASKED
