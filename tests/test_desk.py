"""The nurse's desk: the queue in the order of asking, answers, families without an account."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from client import Client, soup_of
from forms import sent

import booking
import demo
from database import clock, db, shift_clock
from models import Audit, Person, SignIn
from offices import CareRequest, Centre, Notice, RequestStatus, Slot
from views import queues

OPEN = 23
LATE = 7
STATEMENTS = 6  # what time ends (2), the queue (3), the centres


@pytest.fixture
def noor(at) -> Client:
    return at("noor")


@pytest.fixture
def colleague(cast) -> Person:
    Person.update(is_nurse=True).where(Person.id == cast.admin.id).execute()
    return cast.admin


def names(page: BeautifulSoup) -> list[str]:
    return [link.get_text() for link in page.select("[aria-labelledby=queue] li a")]


def opened(page: BeautifulSoup) -> str:
    """Which request stands beside the queue."""
    return page.select_one("#request")["data-request"]


def url(care_request: CareRequest) -> str:
    return f"/desk/requests/{care_request.id}"


def sending(page: BeautifulSoup, act: str, **changed: str) -> tuple[str, dict]:
    form = page.select_one(f"form[action$='/{act}'], form[action*='/{act}?']")
    data = sent(form)
    for name, value in changed.items():
        data[name] = value
    return form["action"], data


def many(cast, count: int) -> None:
    """More of them, all of one family: what is counted is statements."""
    facts = {"person": cast.zoe, "data_key": cast.zoe.data_key_id, "language": "fr"}
    with db.atomic():
        for n in range(count):
            created = clock() - timedelta(minutes=n)
            name = f"Family {n:04}"
            CareRequest.create(kind="cnje", name=name, phone="1", created=created, **facts)


# ── the queue ────────────────────────────────────────────────────────────────────────────────────


def test_the_queue_is_in_the_order_of_asking_and_marks_who_waits_long(noor):
    page = noor.page("/desk")

    asked = CareRequest.select().where(CareRequest.status == RequestStatus.ASKED)
    assert names(page) == [one.name for one in asked.order_by(CareRequest.created)]
    assert len(names(page)) == OPEN
    words = page.select_one("#desk").get_text(" ")
    assert f"{OPEN} open" in words
    assert f"{LATE} wait more than 2 days" in words
    assert len(page.select("[aria-labelledby=queue] li .t-amber")) == LATE


def test_the_queue_is_filtered_by_kind_and_by_whose_it_is(noor, cast):
    booking.claim(cast.care_request, cast.noor, None, clock())
    page = noor.page("/desk")
    chips = {chip.get_text(strip=True): chip["href"] for chip in page.select("a.chip")}

    mine = noor.page(chips["Mine 1"])
    wards = noor.page(chips["Maternity ward 4"])

    assert names(mine) == ["Inês Santos"]
    assert len(names(wards)) == 4
    assert chips["Maternity ward 4"] == "/desk?kind=4"
    assert wards.select_one("a.chip[aria-current]").get_text(strip=True) == "Maternity ward 4"


def test_a_long_queue_goes_on_from_where_a_page_ended(noor, cast):
    many(cast, queues.PAGE)

    first = noor.page("/desk")
    link = first.select_one("a[href*='after=']")
    second = noor.page(link["href"])

    seen = names(first) + names(second)
    assert len(names(first)) == queues.PAGE
    assert sorted(seen) == sorted(one.name for one in queues.chosen(cast.noor))
    assert not second.select("a[href*='after=']")


def test_the_queue_costs_the_same_for_twenty_and_for_two_thousand(noor, cast, statements):
    def cost(address: str) -> int:
        with statements() as seen:
            noor.get(address)
        return seen.count

    noor.get("/desk")
    booking.claim(cast.care_request, cast.noor, None, clock())
    with statements() as sign_in:
        noor.get("/desk/requests/new")
    short = cost("/desk"), cost(url(cast.care_request))
    many(cast, 2000)

    assert (cost("/desk"), cost(url(cast.care_request))) == short
    assert short[0] - sign_in.count <= STATEMENTS


def test_the_first_page_of_five_thousand_takes_the_statements_of_fifty(noor, cast, statements):
    def cost() -> int:
        with statements() as seen:
            assert len(names(noor.page("/desk"))) == queues.PAGE
        return seen.count

    many(cast, queues.PAGE - OPEN + 1)
    noor.get("/desk")
    few = cost()
    many(cast, 5000)

    assert cost() == few


def test_the_queue_is_filtered_by_language_and_centre_and_links_keep_it(noor, cast):
    centre = Centre.get(Centre.slug == "cms-luxembourg")
    CareRequest.update(centre=centre).where(CareRequest.id == cast.care_request.id).execute()

    here = noor.page("/desk?centre=cms-luxembourg")
    portuguese = noor.page("/desk?language=pt")

    assert names(here) == [cast.care_request.name]
    asked = CareRequest.select().where(CareRequest.language == "pt", CareRequest.status == "asked")
    assert names(portuguese) == [one.name for one in asked.order_by(CareRequest.created)]
    links = portuguese.select("[aria-labelledby=queue] li a")
    assert all("language=pt" in link["href"] for link in links)
    assert portuguese.select_one("select[name=language] option[selected]")["value"] == "pt"


def test_a_colleague_sees_who_has_it_on_the_screen_for_ten_minutes(noor, cast, colleague, at):
    other = at("admin")
    other.page(url(cast.care_request))

    row = noor.page("/desk").find("a", href=url(cast.care_request)).find_parent("li")
    assert f"{colleague.name} is reading it" in row.get_text()
    noor.page(url(cast.care_request))
    assert CareRequest.get_by_id(cast.care_request.id).opened_by == colleague, "she was first"
    shift_clock(clock() + booking.READING + timedelta(seconds=1))
    row = noor.page("/desk").find("a", href=url(cast.care_request)).find_parent("li")
    assert "is reading it" not in row.get_text()


def test_the_open_page_asks_for_the_queue_again_with_its_filter_and_the_title_counts(noor, cast):
    page = noor.page("/desk?kind=4")
    again = page.select_one("#waiting")
    assert again["data-hx-trigger"] == "every 30s"

    part = soup_of(noor.get(again["data-hx-get"], htmx=True))

    assert len(part.select("#waiting li")) == 4
    assert part.title.get_text() == f"({OPEN}) Requests · Kannerplang"
    assert not part.html
    assert page.title.get_text() == f"({OPEN}) Requests · Kannerplang"


def test_a_page_that_only_asks_again_keeps_nobody_signed_in(noor, cast):
    before = SignIn.get(SignIn.person == cast.noor).last_seen
    shift_clock(clock() + timedelta(minutes=10))

    noor.get("/desk/news", htmx=True)
    assert SignIn.get(SignIn.person == cast.noor).last_seen == before

    noor.get("/desk")
    assert SignIn.get(SignIn.person == cast.noor).last_seen > before


def test_a_proposal_at_the_desk_holds_ticked_and_typed_times(noor, cast):
    page = noor.page(url(cast.care_request))
    form = page.select_one("form[action$='/proposal']")
    data = sent(form)
    ticked = form.select("#held-times input")[0]["value"]
    data.setlist("held-times", [ticked])
    data.setlist("held-said", ["booklet", "late"])
    data["held-day"], data["held-hour"] = "2026-12-01", "14:30"

    noor.post(form["action"], data)

    kept = CareRequest.get_by_id(cast.care_request.id)
    held = [slot.starts.isoformat() for slot in booking.held_times(kept, clock())]
    assert held == [ticked, "2026-12-01T13:30:00+00:00"]
    assert kept.said == ["booklet", "late"]
    assert Audit.get(Audit.about == kept.id).action == "request.propose"


def test_a_proposal_without_a_time_is_refused_and_nothing_typed_is_lost(noor, cast):
    page = noor.page(url(cast.care_request))
    form = page.select_one("form[action$='/proposal']")
    data = sent(form)
    data["held-note"] = "Bonjour"

    answer = noor.post(form["action"], data, htmx=True)

    shown = soup_of(answer)
    assert answer.status_code == 422
    assert "Choose one, two or three times." in shown.select_one("#held-times").get_text()
    assert shown.select_one("#held-note").get_text().strip() == "Bonjour"
    assert shown.select_one("#note").get_text().strip() == ""


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


def test_a_request_shows_what_was_asked_and_a_number_to_call(noor, cast):
    page = noor.page(url(cast.care_request))

    request = page.select_one("#request")
    assert cast.care_request.topic in request.get_text()
    assert request.select_one("a[href='tel:+352-621-555-103']")
    asked = request.select_one("#asked").get_text(" ")
    assert "Thu 26 Nov, morning Fri 27 Nov, morning" in " ".join(asked.split())
    assert request.select_one("#starts input[checked]")["value"] != "other"


@pytest.mark.parametrize("htmx", [False, True])
def test_confirming_is_one_tap_and_the_next_one_opens(noor, cast, htmx):
    first, second = queues.chosen(cast.noor).limit(2)
    action, data = sending(noor.page(url(first)), "confirmation", note="À demain !")

    answer = noor.post(action, data, htmx=htmx)
    then = noor.get(answer.location, htmx=htmx)

    assert answer.status_code == 303
    page = soup_of(then)
    assert opened(page) == str(second.id)
    assert bool(page.html) != htmx
    kept = CareRequest.get_by_id(first.id)
    assert (kept.status, kept.note) == ("confirmed", "À demain !")
    assert Slot.get(Slot.care_request == first).nurse == cast.noor
    assert "Confirmed: 25 November 2026" in page.get_text(), "said in passing"
    assert first.name in page.select_one("aside").get_text()
    assert Audit.get(Audit.about == first.id).action == "request.confirm"
    assert then.headers["HX-Push-Url"] == url(second)


def test_the_next_one_is_of_the_kind_that_was_chosen(noor, cast):
    wards = [one.id for one in queues.chosen(cast.noor, queues.Chosen(kind="ward-visit"))]
    action, data = sending(noor.page(f"/desk/requests/{wards[0]}?kind=4"), "confirmation")

    answer = noor.post(action, data)

    assert answer.location == f"/desk/requests/{wards[1]}?kind=4"


def test_after_the_last_one_the_desk_says_that_nothing_waits(noor, cast):
    CareRequest.update(status="declined").where(CareRequest.id != cast.care_request.id).execute()
    action, data = sending(noor.page(url(cast.care_request)), "confirmation")

    answer = noor.post(action, data)

    assert answer.location == "/desk"
    assert "Nothing waits here" in noor.words("/desk")


def test_another_time_is_typed_as_a_half_hour_of_luxembourg(noor, cast):
    page = noor.page(url(cast.care_request))
    chosen = {"starts": "other", "day": "2026-12-01", "hour": "14:30"}
    action, data = sending(page, "confirmation", **chosen)

    noor.post(action, data)

    assert cast.care_request.starts.isoformat() == "2026-12-01T13:30:00+00:00"


def test_a_consultation_is_confirmed_at_a_centre_that_the_family_reads(noor, cast, as_user):
    asked = CareRequest.get(CareRequest.person == cast.ivan)
    page = noor.page(url(asked))
    places = {option.get_text(): option["value"] for option in page.select("#centre option")}

    noor.post(*sending(page, "confirmation", centre=places["CMS Luxembourg"]))

    words = as_user("ivan").words(f"/requests/{asked.id}")
    assert "CMS Luxembourg" in words
    assert "2, rue G.C. Marshall, L-1981 Luxembourg" in words
    calendar = as_user("ivan").get(f"/requests/{asked.id}/calendar.ics").get_data(as_text=True)
    assert "LOCATION:CMS Luxembourg" in calendar


ODD = {
    "no day": ({"starts": "other"}, 422, "Fill this in."),
    "no such day": ({"starts": "other", "day": "31.02.2027"}, 422, "does not exist"),
    "no time": ({"starts": "soon"}, 422, "Choose one of these."),
    "no zone": ({"starts": "2026-12-01T10:00:00"}, 422, "Choose one of these."),
    "past": ({"starts": "2026-11-01T10:00:00+00:00"}, 409, "This time has passed."),
    "crooked": ({"starts": "2026-12-01T10:10:00+00:00"}, 409, "full or half hour"),
    "last year": ({"starts": "9999-12-31T23:30:00+00:00"}, 422, "Choose one of these."),
    "end of time": ({"starts": "9999-12-31T23:30:00-12:00"}, 422, "Choose one of these."),
}


@pytest.mark.parametrize("odd", ODD)
def test_an_odd_time_is_refused_with_a_sentence_and_nothing_typed_is_lost(noor, cast, odd):
    changed, status, said = ODD[odd]
    page = noor.page(url(cast.care_request))
    action, data = sending(page, "confirmation", note="Bonjour", **changed)

    answer = noor.post(action, data, htmx=True)

    request = soup_of(answer).select_one("#request")
    assert answer.status_code == status
    assert said in request.get_text()
    assert request.select_one("#note").get_text().strip() == "Bonjour"
    assert cast.care_request.status == RequestStatus.ASKED


def test_a_refusal_needs_words_and_they_reach_the_family(noor, cast):
    page = noor.page(url(cast.care_request))
    empty = noor.post(*sending(page, "refusal"))
    noor.post(*sending(page, "refusal", reason="Ligue-nos: 22 00 99-88."))

    assert empty.status_code == 422
    assert soup_of(empty).select_one("#reason[aria-invalid=true]")
    assert soup_of(empty).select_one("#request details[open] #reason")
    assert (cast.care_request.status, cast.care_request.note) == (
        "declined",
        "Ligue-nos: 22 00 99-88.",
    )
    assert Notice.get(Notice.subject == cast.care_request.id).code == "request-declined"


def test_a_colleague_who_was_first_is_named_and_nothing_is_given_twice(noor, cast, colleague):
    action, data = sending(noor.page(url(cast.care_request)), "confirmation")
    starts = booking.offers(cast.care_request, colleague, clock())[0][2].starts
    booking.confirm(cast.care_request, colleague, starts, "", clock())

    answer = noor.post(action, data, htmx=True)

    request = soup_of(answer).select_one("#request")
    assert answer.status_code == 409
    assert "This request was answered or taken back already." in request.get_text()
    assert request["data-status"] == "confirmed"
    assert colleague.name in request.get_text()
    assert Slot.select().where(Slot.care_request == cast.care_request).count() == 1


def test_an_hour_that_was_given_away_meanwhile_is_not_offered_again(noor, cast):
    action, data = sending(noor.page(url(cast.care_request)), "confirmation")
    taken = booking.offers(cast.care_request, cast.noor, clock())[0][0].starts
    other = queues.chosen(cast.noor).first()
    booking.confirm(other, cast.noor, taken, "", clock())

    answer = noor.post(action, data)

    page = soup_of(answer)
    assert answer.status_code == 409
    assert "This half hour is taken already." in page.select_one(".errors").get_text()
    choices = [radio["value"] for radio in page.select("#starts input")]
    assert taken.isoformat() not in choices
    assert page.select_one("#starts input[checked]")["value"] == choices[0]


def test_a_claim_shows_whose_it_is_and_a_colleague_takes_it_over_knowingly(noor, cast, colleague):
    page = noor.page(url(cast.care_request))
    action, data = sending(page, "claim")
    booking.claim(cast.care_request, colleague, None, clock())

    late = noor.post(action, data)
    taken = soup_of(late)
    over = noor.post(*sending(taken, "claim"))

    assert late.status_code == 409
    assert "A colleague has taken this request meanwhile." in taken.get_text()
    assert taken.select_one("#request form button").get_text() == "Take it over"
    assert over.status_code == 303
    assert cast.care_request.nurse == cast.noor


# ── families without an account ──────────────────────────────────────────────────────────────────


@pytest.fixture
def entered(noor) -> Callable[..., CareRequest]:
    def enter(**facts: str) -> CareRequest:
        page = noor.page("/desk/requests/new?kind=3")
        said = {"name": "Rosa Lima", "phone": "621 555 900", "language": "pt"} | facts
        action, data = sending(page, "requests/new", address="1, rue X", topic="sono", **said)
        answer = noor.post(action, data)
        return CareRequest.get_by_id(answer.location.rsplit("/", 1)[1])

    return enter


def test_the_desk_enters_a_request_for_a_family_without_an_account(noor, cast, entered):
    made = entered(mail="rosa@example.lu")

    page = noor.page(url(made))
    noor.post(*sending(page, "confirmation"))

    assert (made.person, made.entered_by, made.kind) == (None, cast.noor, "home-visit")
    assert "Rosa Lima" in names(noor.page("/desk")) or opened(page) == str(made.id)
    notice = Notice.get(Notice.subject == made.id)
    assert (notice.person, notice.to, notice.language) == (None, "rosa@example.lu", "pt")
    assert Audit.get(Audit.about == made.id).action == "request.enter"


def test_the_desk_is_told_to_call_a_family_that_no_message_reaches(noor, entered):
    words = noor.words(url(entered()))

    assert "No account and no e-mail: tell the family by phone." in words


def test_what_the_desk_enters_is_checked_like_what_a_family_types(noor):
    page = noor.page("/desk/requests/new?kind=1")
    action, data = sending(page, "requests/new", topic="sono", phone="12")

    answer = noor.post(action, data)

    wrong = {link["href"] for link in soup_of(answer).select(".errors a")}
    assert answer.status_code == 422
    assert wrong == {"#name", "#other", "#phone"}


def test_the_desk_takes_back_what_a_family_called_off(noor, cast, entered):
    made = entered()
    noor.post(*sending(noor.page(url(made)), "confirmation"))

    noor.post(*sending(noor.page(url(made)), "cancellation"))

    assert CareRequest.get_by_id(made.id).status == RequestStatus.CANCELLED
    assert not Slot.select().where(Slot.care_request == made).exists()
    assert not Notice.select().where(Notice.person == cast.noor).exists(), "she knows"


def test_requests_of_the_demo_are_all_open_and_of_four_kinds(cast):
    asked = CareRequest.select().where(CareRequest.status == RequestStatus.ASKED)

    assert {one.kind for one in asked} == {"tele-consultation", "cnje", "home-visit", "ward-visit"}
    assert len({one.language for one in asked}) == 5
    assert sum(one.created < demo.NOW - queues.LONG for one in asked) == LATE
    assert asked.where(CareRequest.person == cast.zoe).get().expecting
