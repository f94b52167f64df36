"""When a nurse can be met: hours, holidays, closed days, the way to a visit; who is ill."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from bs4 import BeautifulSoup
from client import Client
from forms import sent

import agenda
import booking
import deadlines
from agenda import Closure, Hours
from database import clock, local
from models import Audit
from offices import CareRequest, Centre, Notice, RequestKind, RequestStatus, Slot

WEEKDAY = {"opens": "08:00", "closes": "10:00", "kind": "", "centre_id": None, "travel": 1}


@pytest.fixture
def noor(at) -> Client:
    return at("noor")


def ask(cast, kind: str = RequestKind.TELE, **facts) -> CareRequest:
    known = {"name": "Rosa Lima", "phone": "621 555 900", "times": []}
    return booking.ask(kind, known | facts, "pt", clock(), entered_by=cast.noor)


def shown(free: list[agenda.Free], most: int = 3) -> list[str]:
    return [f"{local(one.starts):%a %d %H:%M}" for one in free[:most]]


def free_of(cast, kind: str = RequestKind.TELE, centre_id=None, now=None) -> list[agenda.Free]:
    return agenda.free(cast.noor, kind, centre_id, now or clock())


# ── free times ───────────────────────────────────────────────────────────────────────────────────


def test_free_times_follow_weekly_hours_and_their_last_one_ends_in_time(cast):
    Hours.add(cast.noor, WEEKDAY | {"weekday": 3})  # the next Thursday is 26 November

    assert shown(free_of(cast), 5) == [
        "Thu 26 08:00",
        "Thu 26 08:30",
        "Thu 26 09:00",
        "Thu 26 09:30",
        "Thu 03 08:00",
    ]


def test_hours_serve_their_kind_and_a_consultation_at_its_centre(cast):
    here, there = Centre.select().order_by(Centre.rank)[:2]
    Hours.add(cast.noor, WEEKDAY | {"weekday": 3, "kind": "cnje", "centre_id": here.id})

    (first, *_) = free_of(cast, RequestKind.CNJE)

    assert first.centre_id == here.id
    assert free_of(cast, RequestKind.CNJE, here.id)
    assert free_of(cast, RequestKind.CNJE, there.id) == []
    assert free_of(cast, RequestKind.TELE) == []


def test_holidays_and_closed_days_have_no_free_times(cast):
    before_christmas = datetime(2026, 12, 23, 9, tzinfo=UTC)
    Closure.add(None, date(2026, 12, 24), date(2026, 12, 24))
    Closure.add(cast.noor, date(2026, 12, 28), date(2026, 12, 30))
    Closure.add(cast.zoe, date(2026, 12, 31), date(2026, 12, 31))  # somebody else's

    free = free_of(cast, now=before_christmas)

    assert shown(free, 1) == ["Thu 31 08:00"], "25 December is a holiday, 26 and 27 a week-end"


def test_the_way_to_a_home_visit_is_free_on_both_sides_and_given_to_nobody(cast):
    Hours.add(cast.noor, WEEKDAY | {"weekday": 3, "closes": "12:00"})
    nine = datetime.combine(date(2026, 11, 26), time(9), agenda.LUXEMBOURG)

    booking.confirm(ask(cast, RequestKind.HOME), cast.noor, nine, "", clock())

    rows = Slot.select().where(
        Slot.starts.between(nine - timedelta(hours=1), nine.replace(hour=12))
    )
    kept = [(f"{local(slot.starts):%H:%M}", slot.is_travel) for slot in rows.order_by(Slot.starts)]
    assert kept == [("08:30", True), ("09:00", False), ("09:30", True)]
    assert shown(free_of(cast), 2) == ["Thu 26 08:00", "Thu 26 10:00"]
    assert shown(free_of(cast, RequestKind.HOME), 1) == ["Thu 26 10:30"]


def test_a_hold_that_has_run_out_keeps_nothing(cast):
    first = free_of(cast)[0].starts
    booking.propose(ask(cast), cast.noor, [first], "", clock())

    assert first not in [one.starts for one in free_of(cast)]
    later = first - booking.BEFORE - timedelta(days=1)
    assert first not in [one.starts for one in free_of(cast, now=later)]
    run_out = Slot.update(until=clock() - timedelta(seconds=1)).where(Slot.starts == first)
    run_out.execute()
    assert first in [one.starts for one in free_of(cast)]


def test_free_times_cost_the_same_statements_whatever_is_given(cast, statements):
    def cost() -> int:
        with statements() as seen:
            free_of(cast)
        return seen.count

    before = cost()
    for one in free_of(cast)[:20]:
        booking.confirm(ask(cast), cast.noor, one.starts, "", clock())

    assert cost() == before


@pytest.mark.parametrize(
    ("day", "hour", "utc"),
    [
        ("2026-12-02", "14:30", ["2026-12-02T13:30"]),
        ("2027-03-28", "02:30", []),
        ("2026-10-25", "02:30", ["2026-10-25T00:30", "2026-10-25T01:30"]),
        ("2026-10-25", "03:00", ["2026-10-25T02:00"]),
    ],
)
def test_an_hour_of_luxembourg_is_one_moment_or_none_or_two(day, hour, utc):
    moments = agenda.moments_of(date.fromisoformat(day), time.fromisoformat(hour))

    assert [f"{moment:%FT%H:%M}" for moment in moments] == utc


# ── ill ──────────────────────────────────────────────────────────────────────────────────────────


def test_an_ill_nurse_gives_everything_of_these_days_back_and_families_are_told(cast):
    free = free_of(cast)
    day = local(free[0].starts).date()
    confirmed, proposed, later = (ask(cast, mail="a@example.lu") for _ in range(3))
    booking.confirm(confirmed, cast.noor, free[0].starts, "", clock())
    booking.propose(proposed, cast.noor, [free[1].starts], "", clock())
    next_day = next(one for one in free if local(one.starts).date() > day)
    booking.confirm(later, cast.noor, next_day.starts, "", clock())

    count = deadlines.release(cast.noor, day, day, cast.noor, clock())

    state = {one.id: CareRequest.get_by_id(one.id).status for one in (confirmed, proposed, later)}
    assert state == {confirmed.id: "asked", proposed.id: "asked", later.id: "confirmed"}
    held = Slot.select().where(Slot.care_request.in_([confirmed, proposed]))
    assert count >= 1
    assert not held.exists()
    codes = {(one.subject, one.code) for one in Notice.select()}
    assert (confirmed.id, "appointment-cancelled") in codes
    assert (proposed.id, "request-waits") in codes
    assert day not in {local(one.starts).date() for one in free_of(cast)}


def test_who_was_given_back_stands_on_the_page_with_a_number_to_call(noor, cast):
    asked = ask(cast)
    first = free_of(cast)[0].starts
    booking.confirm(asked, cast.noor, first, "", clock())
    page = noor.page("/desk/agenda")
    form = page.select_one("form[action*='/release']")

    answer = noor.post(form["action"], {"ill-first": f"{local(first):%F}", "ill-last": ""})

    listed = noor.page(answer.location).find(id="to-call").find_parent("section")
    assert "Rosa Lima" in listed.get_text()
    assert listed.select_one("a[href='tel:+352-621-555-900']")
    assert Audit.get(Audit.action == "agenda.release").person == cast.noor.id
    booking.confirm(asked, cast.noor, first + timedelta(days=7), "", clock())
    page = noor.page("/desk/agenda")
    assert not page.select("section[aria-labelledby=to-call] a[href='tel:+352-621-555-900']"), (
        "another time was found"
    )


# ── the page ─────────────────────────────────────────────────────────────────────────────────────


def adding(page: BeautifulSoup, what: str, **typed: str) -> tuple[str, dict]:
    form = page.select_one(f"form[action$='/{what}'], form[action*='/{what}?']")
    return form["action"], sent(form).to_dict() | typed


def test_hours_are_added_once_and_removed_and_what_was_given_stays(noor, cast):
    page = noor.page("/desk/agenda")
    assert "None are set yet" in page.get_text()
    url, data = adding(page, "hours", weekday="3", opens="08:00", closes="10:00", kind="1")

    for _ in range(2):  # a double click
        noor.post(url, data)

    (hours,) = Hours.of(cast.noor)
    assert (hours.weekday, hours.kind, hours.travel) == (3, "tele-consultation", 1)
    words = noor.words("/desk/agenda")
    assert "Thursday, 08:00–10:00 Phone call" in words
    given = Slot.select().count()
    noor.post(f"/desk/agenda/hours/{hours.id}/removal")
    assert Hours.of(cast.noor) == []
    assert Slot.select().count() == given


@pytest.mark.parametrize(
    ("what", "typed", "field"),
    [
        ("hours", {"opens": "10:00", "closes": "10:00"}, "closes"),
        ("closures", {"closed-first": ""}, "closed-first"),
        ("closures", {"closed-first": "2026-12-02", "closed-last": "2026-12-01"}, "closed-last"),
        ("release", {"ill-first": "2026-11-01"}, "ill-first"),
    ],
)
def test_hours_and_days_that_cannot_be_are_refused_beside_their_field(noor, what, typed, field):
    answer = noor.post(*adding(noor.page("/desk/agenda"), what, **typed))

    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    assert answer.status_code == 422
    assert page.find(id=f"{field}-error")
    assert not Closure.select().exists()


def test_a_colleague_closes_days_for_who_is_ill_and_the_service_for_all(noor, cast):
    other = cast.admin
    type(other).update(is_nurse=True).where(type(other).id == other.id).execute()
    page = noor.page(f"/desk/agenda?nurse={other.id}")
    assert page.h1.get_text() == other.name
    days = {"closed-first": "2026-12-01", "closed-last": ""}

    noor.post(*adding(page, "closures", **days))
    noor.post(*adding(page, "closures", **days | {"closed-whose": "all"}))

    whose = {closure.nurse_id for closure in Closure.select()}
    assert whose == {other.id, None}
    assert noor.words("/desk/agenda").count("1 December 2026") == 2, (
        "the service's only, and its button"
    )
    assert noor.get(f"/desk/agenda?nurse={cast.ines.id}").status_code == 404, "no nurse"


def test_nothing_was_proposed_that_the_desk_cannot_see(noor, cast):
    asked = ask(cast)
    first = free_of(cast)[0].starts
    booking.propose(asked, cast.noor, [first], "", clock())

    section = noor.page("/desk/agenda").find(id="two-weeks").find_parent("section")

    row = section.find("a", href=f"/desk/requests/{asked.id}").find_parent("li")
    assert "held" in row.get_text()
    assert CareRequest.get_by_id(asked.id).status == RequestStatus.PROPOSED
