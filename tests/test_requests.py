"""What a family asks: the doors, the question before two of them, the forms, the answer."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from client import Client, soup_of
from forms import sent
from icalendar import Calendar
from tables import tables

import agenda
import booking
from database import clock, local
from models import Person, SignIn
from offices import CareRequest, Notice, RequestKind

GATED, OPEN = ("1", "2"), ("3", "4")
NEW = "/requests/new?kind="


def form_of(client: Client, digit: str):
    step = "&step=2" if digit in GATED else ""
    return client.page(f"{NEW}{digit}{step}").select_one("main form")


def fill(control) -> str | None:
    said = {"phone": "621 555 400", "mail": "me@example.lu", "other": "Mila"}
    name = control["name"]
    return said.get(name) or control.get("value") or f"words for {name}"


def send(client: Client, digit: str, **changed: str | list[str]):
    form = form_of(client, digit)
    data = sent(form, fill)
    for name, value in changed.items():
        data.setlist(name, [value] if isinstance(value, str) else value)
    return client.post(form["action"], data)


def newest(person: Person) -> CareRequest:
    return (
        CareRequest.select()
        .where(CareRequest.person == person)
        .order_by(CareRequest.created.desc())
        .first()
    )


def counts() -> dict[str, int]:
    return {table.__name__: table.select().count() for table in tables()}


# ── the question before ──────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("digit", GATED)
def test_before_it_the_page_asks_whether_the_child_is_ill(at, digit):
    page = at("zoe").page(f"{NEW}{digit}")

    assert page.h1.get_text() == "Is the child ill now?"
    assert not page.select("main form"), "nothing can be sent from here"
    ill = page.select_one("main details")
    numbers = {link["href"] for link in ill.select("a")}
    assert numbers == {"tel:112", "tel:+352-800-25-500"}
    assert "doctor or paediatrician" in ill.get_text()
    onward = page.find("a", string=lambda said: said and "Nobody is ill" in said)
    assert onward["href"] == f"{NEW}{digit}&step=2"


def test_nothing_is_stored_of_somebody_who_reads_what_to_do_with_a_sick_child(at):
    client = at("zoe")
    client.get("/requests/new")
    before, seen = counts(), SignIn.select().order_by(SignIn.id).dicts()[:]
    cookies = str(client.browser._cookies)

    answer = client.get(f"{NEW}1")

    assert counts() == before
    assert SignIn.select().order_by(SignIn.id).dicts()[:] == seen
    assert str(client.browser._cookies) == cookies
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize("digit", OPEN)
def test_visits_say_in_one_line_what_to_do_with_a_sick_child(at, digit):
    page = at("zoe").page(f"{NEW}{digit}")

    assert "Not for a sick child: call your doctor." in page.get_text()
    assert page.select_one("main a[href='tel:112']")


# ── asking ───────────────────────────────────────────────────────────────────────────────────────


def test_four_doors_stand_open_free_of_charge(at):
    doors = at("sami").page("/requests").select("#doors li")

    assert [door.a["href"] for door in doors] == [f"{NEW}{n}" for n in "1234"]
    assert all("free" in door.get_text() for door in doors)


CHANNELS = {"1": "22 00 99-88", "2": "22 00 99-88", "3": "22 00 99-1", "4": "22 00 99-88"}


@pytest.mark.parametrize("digit", CHANNELS)
def test_phone_and_mail_of_the_service_stand_beside_the_form(at, digit):
    client = at("zoe")

    channels = client.page(form_url(digit)).select_one("#channels")

    assert CHANNELS[digit] in channels.get_text()
    assert channels.select_one("a[href='mailto:spse@ligue.lu']")
    assert "Last checked on 24 November 2026" in channels.get_text()
    assert ("Info-Maman" in channels.get_text()) == (digit != "3")


def form_url(digit: str) -> str:
    return f"{NEW}{digit}" + ("&step=2" if digit in GATED else "")


def test_the_consultation_names_the_next_days_without_appointment(at):
    words = at("zoe").words(form_url("2"))

    assert "Luxembourg-Gare, 14:00–16:00 2 December 2026 6 January 2027" in words
    assert "On a public holiday, call before you go." in words


@pytest.mark.parametrize("kind", RequestKind)
def test_what_is_asked_is_shown_and_is_in_no_address(at, cast, kind):
    client, digit = at("zoe"), str(list(RequestKind).index(kind) + 1)
    wished = agenda.half_days(clock())[1]

    answer = send(client, digit, times=wished)

    made = newest(cast.zoe)
    assert answer.location == f"/requests/{made.id}"
    assert (made.kind, made.status, made.times) == (kind, "asked", [wished])
    words = client.words(answer.location)
    assert "621 555 400" in words
    assert "Wed 25 Nov, afternoon" in words
    typed = {"child", "topic", "address", "hospital", "ward"} & set(made.secrets)
    for name in typed:
        if made.secrets[name]:
            assert made.secrets[name] in words, name
    assert typed, "the form asks something"
    assert not any(secret in answer.location for secret in ("tele", "cnje", "visit", "Mila"))


def test_a_child_of_the_account_is_one_tap(at, cast):
    client = at("ines")

    send(client, "1", other="")

    made = newest(cast.ines)
    assert (made.child, made.born) == (cast.leo.first_name, cast.leo.born)


def test_a_family_that_expects_a_child_asks_without_a_name(at, cast):
    send(at("zoe"), "1", child="expecting", other="")

    assert newest(cast.zoe).expecting
    assert not newest(cast.zoe).child


def test_another_child_needs_its_first_name(at, cast):
    before = CareRequest.select().count()

    answer = send(at("ines"), "1", child="other", other="")

    page = soup_of(answer)
    assert answer.status_code == 422
    assert page.select_one("#other[aria-invalid=true]")
    assert page.select_one("#topic").get_text().strip() == "words for topic"
    assert CareRequest.select().count() == before


@pytest.mark.parametrize("digit", "1234")
def test_an_empty_form_says_beside_each_field_what_is_missing(at, digit):
    client = at("ines")

    answer = client.post(f"{NEW}{digit}", {"phone": "", "times": ["2020-01-01 am", "x"]})

    page = soup_of(answer)
    named = {link["href"].removeprefix("#") for link in page.select(".errors a")}
    assert answer.status_code == 422
    assert "phone" in named
    assert named <= {tag["id"] for tag in page.find_all(id=True)}


def test_a_half_day_that_has_passed_meanwhile_is_left_out(at, cast):
    ahead = agenda.half_days(clock())[0]

    send(at("zoe"), "3", times=["2026-11-20 am", ahead])

    assert newest(cast.zoe).times == [ahead]


def test_the_account_fills_in_what_it_knows(at, cast):
    send(at("zoe"), "3")

    form = form_of(at("zoe"), "4")

    assert form.select_one("#phone")["value"] == cast.zoe.phone
    assert form.select_one("#mail")["value"] == "me@example.lu"
    assert form.select_one("#name")["value"] == "Zoé Marchand"
    assert form.select_one("#language option[selected]")["value"] == "en"


def test_the_fourth_open_request_is_refused_kindly_and_nothing_is_lost(at, cast):
    client = at("zoe")
    send(client, "1"), send(client, "2")

    answer = send(client, "3")

    assert answer.status_code == 409
    page = soup_of(answer)
    assert "Three of your requests are waiting" in page.select_one(".errors").get_text()
    assert page.select_one("#topic").get_text().strip() == "words for topic"


def test_an_unknown_kind_leads_to_the_doors(at):
    client = at("zoe")

    assert client.page(f"{NEW}9").select_one("#doors")
    assert client.post(f"{NEW}9", {}).location == "/requests/new"


# ── where it stands ──────────────────────────────────────────────────────────────────────────────


def steps(page: BeautifulSoup) -> list[str]:
    return [step.find(True).get_text() for step in page.select(".timeline li")]


def test_a_family_reads_where_its_request_stands(at, cast):
    client = at("ines")
    url = f"/requests/{cast.care_request.id}"
    asked = client.page(url)
    booking.claim(cast.care_request, cast.noor, None, clock())
    claimed = client.page(url)
    starts = (clock() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    booking.confirm(cast.care_request, cast.noor, starts, "Até amanhã!", clock())
    confirmed = client.page(url)

    assert steps(asked) == ["Asked", "Waiting for an answer"]
    assert steps(claimed) == ["Asked", "A nurse looks after it", "Waiting for an answer"]
    assert steps(confirmed) == ["Asked", "A nurse looks after it", "Confirmed"]
    assert confirmed.h1.get_text() == "25 November 2026, 10:00"
    words = confirmed.get_text(" ")
    assert f"Noor Haddad calls you: {cast.care_request.phone}" in words
    assert "Até amanhã!" in words
    assert "As written by the service, not translated." in words


def test_an_answer_without_appointment_shows_its_words(at, cast):
    booking.decline(cast.care_request, cast.noor, "Ligue-nos, por favor.", clock())

    words = at("ines").words(f"/requests/{cast.care_request.id}")

    assert "Answered, without an appointment" in words
    assert "Ligue-nos, por favor." in words
    assert "22 00 99-88" in words


def test_unanswered_requests_stand_on_top(at, cast):
    booking.cancel(cast.care_request, cast.ines, clock())
    old = cast.care_request
    CareRequest.update(created=clock() + timedelta(days=1)).where(
        CareRequest.id == old.id
    ).execute()
    send(at("ines"), "3")

    rows = at("ines").page("/requests").select("[data-status]")

    assert [row["data-status"] for row in rows] == ["asked", "cancelled"]


def test_the_calendar_file_has_the_hour_and_neither_child_nor_kind(at, cast):
    client, url = at("ines"), f"/requests/{cast.care_request.id}/calendar.ics"
    assert client.get(url).status_code == 404, "no hour yet"
    starts = (clock() + timedelta(days=1)).replace(hour=9, minute=0, second=0, microsecond=0)
    booking.confirm(cast.care_request, cast.noor, starts, "Até amanhã!", clock())

    answer = client.get(url)

    (event,) = Calendar.from_ical(answer.get_data()).walk("VEVENT")
    assert (event["dtstart"].dt, event["dtend"].dt) == (starts, starts + booking.HALF_HOUR)
    for secret in (cast.care_request.topic, "Léo", "consult", "Até", "Inês"):
        assert secret not in answer.get_data(as_text=True)


def test_a_request_is_taken_back_after_a_question(at, cast):
    client, url = at("ines"), f"/requests/{cast.care_request.id}"
    link = client.page(url).select_one("a[href$='/cancellation']")

    form = client.page(link["href"]).select_one("main form")
    answer = client.post(form["action"], {})

    assert answer.location == url
    assert cast.care_request.status == "cancelled"
    assert not client.page(url).select("a[href$='/cancellation']")


def test_home_shows_the_next_appointment_and_what_is_new(at, cast):
    assert not at("ines").page("/home").select("a[href='/notices']")
    starts = local(clock() + timedelta(days=2)).replace(hour=9, minute=30, second=0, microsecond=0)
    booking.confirm(cast.care_request, cast.noor, starts, "", clock())

    page = at("ines").page("/home")

    link = page.select_one(f"main a[href='/requests/{cast.care_request.id}']")
    assert link.get_text() == "26 November 2026, 09:30"
    assert page.select_one("main a[href='/notices']").get_text() == "1 new message"
    assert Notice.select().where(Notice.person == cast.ines).count() == 1


def test_the_list_costs_the_same_for_one_request_and_for_many(at, cast, statements):
    client = at("ines")

    def cost() -> int:
        with statements() as seen:
            client.get("/requests")
        return seen.count

    client.get("/requests")
    few = cost()
    for _ in range(40):
        CareRequest.create(
            kind="cnje",
            person=cast.ines,
            status="declined",
            data_key=cast.ines.data_key_id,
            language="pt",
        )

    assert cost() == few
