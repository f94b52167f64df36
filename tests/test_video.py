"""Calls by video: a room that nobody guesses, on the one configured server, around the hour."""

from datetime import datetime, timedelta

import pytest
from client import Client

import booking
from database import clock
from offices import CareRequest, RequestKind
from views import video

HOST = "meet.example.lu"
BUTTON = "section#video a[rel=noreferrer]"


@pytest.fixture
def hosted(app, monkeypatch) -> None:
    monkeypatch.setitem(app.config, "VIDEO_HOST", HOST)


def next_hour() -> datetime:
    return (clock() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)


def confirmed(cast, kind: str = RequestKind.TELE, starts: datetime | None = None) -> CareRequest:
    facts = {"name": "Zoé Marchand", "phone": "621 555 207", "topic": "sleep", "times": []}
    made = booking.ask(kind, facts, "fr", clock(), person=cast.zoe)
    booking.confirm(made, cast.noor, starts or next_hour(), "", clock())
    return made


def shifted(care_request: CareRequest, ahead: timedelta) -> CareRequest:
    """As it is when its hour is so far ahead of now."""
    mine = CareRequest.id == care_request.id
    CareRequest.update(starts=clock() + ahead).where(mine).execute()
    return CareRequest.get_by_id(care_request.id)


def pages(at, care_request: CareRequest) -> list:
    """What the family and the nurse see."""
    return [
        at("zoe").page(f"/requests/{care_request.id}"),
        at("noor").page(f"/desk/requests/{care_request.id}"),
    ]


def test_a_confirmed_call_has_a_room_of_its_own_and_another_hour_another_one(cast):
    first = confirmed(cast)
    second = confirmed(cast, starts=next_hour() + timedelta(hours=1))
    before = first.room

    booking.move(first, cast.noor, next_hour() + timedelta(hours=2), "", clock())

    rooms = {before, CareRequest.get_by_id(first.id).room, CareRequest.get_by_id(second.id).room}
    assert len(rooms) == 3
    assert all(len(room) == 32 for room in rooms), "128 bits"
    stored = bytes(CareRequest.get_by_id(second.id).sealed)
    assert second.room.encode() not in stored


def test_a_time_that_the_family_picks_has_a_room_too(cast):
    facts = {"name": "Zoé Marchand", "phone": "621 555 207", "topic": "sleep", "times": []}
    made = booking.ask(RequestKind.TELE, facts, "fr", clock(), person=cast.zoe)
    booking.propose(made, cast.noor, [next_hour()], "", clock())

    booking.accept(booking.held_times(made, clock())[0], cast.zoe, clock())

    assert CareRequest.get_by_id(made.id).room


def test_only_calls_have_a_room(cast):
    assert confirmed(cast, RequestKind.WARD).room == ""


@pytest.mark.parametrize(
    ("ahead", "is_open"),
    [
        (timedelta(minutes=10, seconds=1), False),
        (timedelta(minutes=10), True),
        (timedelta(0), True),
        (timedelta(hours=-1), True),
        (timedelta(hours=-1, seconds=-1), False),
    ],
)
def test_the_room_is_open_from_ten_minutes_before_until_an_hour_after(cast, ahead, is_open):
    made = confirmed(cast)

    assert made.is_room_open(made.starts - ahead) is is_open


def test_family_and_nurse_find_the_link_with_a_phone_number_beside_it(at, cast, hosted):
    made = shifted(confirmed(cast), timedelta(minutes=5))

    for page in pages(at, made):
        link = page.select_one(BUTTON)
        assert link["href"] == f"https://{HOST}/{made.room}"
        assert page.select_one("section#video a[href^='tel:']")


def test_before_and_after_the_hour_no_page_holds_the_room(at, cast, hosted):
    made = shifted(confirmed(cast), timedelta(minutes=30))
    for page in pages(at, made):
        assert "Open this page again then." in page.select_one("section#video").get_text()
        assert made.room not in str(page)

    made = shifted(made, timedelta(hours=-2))
    for page in pages(at, made):
        assert page.select_one("section#video") is None
        assert made.room not in str(page)


def test_a_call_that_was_taken_back_shows_its_room_no_more(at, cast, hosted):
    made = shifted(confirmed(cast), timedelta(minutes=5))
    booking.cancel(made, cast.zoe, clock())

    for page in pages(at, made):
        assert made.room not in str(page)


def test_without_a_configured_server_no_video_is_offered(at, cast):
    made = shifted(confirmed(cast), timedelta(minutes=5))

    for page in pages(at, made):
        assert page.select_one("section#video") is None
        assert made.room not in str(page)


def test_another_parent_never_sees_the_room(at, cast, hosted):
    made = shifted(confirmed(cast), timedelta(minutes=5))

    assert at("ines").get(f"/requests/{made.id}").status_code == 404


def test_the_policy_of_the_page_lets_nothing_in_from_the_server(at, cast, hosted):
    made = shifted(confirmed(cast), timedelta(minutes=5))

    answer = at("zoe").get(f"/requests/{made.id}")

    assert made.room in answer.get_data(as_text=True)
    assert HOST not in answer.headers["Content-Security-Policy"]


@pytest.mark.parametrize(
    "host", ["https://meet.lu", "meet.lu/x", "a@b.lu", "meet.lu\\x", "Meet lu"]
)
def test_a_host_that_is_no_name_refuses_the_start(host):
    with pytest.raises(SystemExit):
        video.check_host(host)


@pytest.mark.parametrize(
    ("link", "is_taken"),
    [
        (f"https://{HOST}/sleep", True),
        (f"https://{HOST.upper()}/sleep", True),
        ("https://elsewhere.example/sleep", False),
        (f"https://{HOST}.elsewhere.example/", False),
        (f"https://{HOST}@elsewhere.example/", False),
        (f"https://elsewhere.example\\@{HOST}/", False),
        (f"https://{HOST}:8443/sleep", False),
    ],
)
def test_links_of_sessions_are_on_that_server_only(at, hosted, link, is_taken):
    errors = errors_of(at("noor"), link)

    assert (f"A video link begins with https://{HOST}/" in errors) is not is_taken


def test_without_a_configured_server_a_session_may_be_anywhere(at):
    assert "A video link" not in errors_of(at("noor"), "https://elsewhere.example/sleep")


def errors_of(noor: Client, link: str) -> str:
    """What the form says of a session of which only the link was filled in."""
    answer = noor.post("/desk/info-sante", {"link": link})
    assert answer.status_code == 422
    return answer.get_data(as_text=True)
