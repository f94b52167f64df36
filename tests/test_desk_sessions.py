"""Sessions at the desk: made, changed by two nurses, cancelled; who comes, by account or phone."""

from datetime import timedelta

import pytest
from client import Client, soup_of
from forms import sent
from werkzeug.test import TestResponse

import booking
from database import clock
from offices import Centre, InfoSession, Notice, Registration, SeatState

NEW = {
    "topic": "senses",
    "title_pt": "Ver e ouvir",
    "about_pt": "Traga o seu bebé.",
    "languages": ["pt", "fr"],
    "day": "2026-12-10",
    "begins": "14:00",
    "until": "15:30",
    "centre": "",
    "place": "Demo hall",
    "link": "",
    "seats": "8",
}


@pytest.fixture
def noor(at) -> Client:
    return at("noor")


def desk(info_session: InfoSession, what: str = "") -> str:
    return f"/desk/info-sante/{info_session.id}{what}"


def made(answer: TestResponse) -> InfoSession:
    return InfoSession.get_by_id(answer.location.removeprefix("/desk/info-sante/"))


def edit_form(client: Client, info_session: InfoSession, **more) -> dict:
    """The form as it stands on the page, with what the nurse types."""
    form = sent(client.page(desk(info_session, "/edit")).select_one("#session-form"))
    return form.to_dict(flat=False) | more


def error_at(page, name: str) -> str:
    assert page.select_one(f".errors[role=alert] a[href='#{name}']"), "not in the summary"
    return page.find(id=f"{name}-error").get_text(" ", strip=True)


def names(page, heading: str) -> list[str]:
    """Who stands in the list under a heading, in its order."""
    rows = page.find(id=heading).find_parent("section").select("li")
    return [row.select_one(".grow .strong").get_text(strip=True) for row in rows]


# ── make ─────────────────────────────────────────────────────────────────────────────────────────


def test_the_desk_lists_what_comes_with_taken_seats_and_who_waits(noor, cast):
    page = noor.page("/desk/info-sante")

    full = page.find("a", href=desk(cast.full_session)).find_parent("li").get_text(" ")
    assert "6 of 6 seats taken" in full
    assert "2 waiting" in full
    training = page.find("a", href=desk(cast.training)).find_parent("li").get_text(" ")
    assert "PAI training" in training


def test_a_new_session_is_in_the_schedule_at_once(noor, as_user):
    answer = noor.post("/desk/info-sante", NEW)

    session = made(answer)
    assert session.texts == {"pt": {"title": "Ver e ouvir", "about": "Traga o seu bebé."}}
    assert session.starts.isoformat() == "2026-12-10T13:00:00+00:00"
    assert "Ver e ouvir" in as_user(None).words("/info-sante")


def test_a_form_sent_twice_makes_one_session(noor):
    before = InfoSession.select().count()

    first = noor.post("/desk/info-sante", NEW).location
    second = noor.post("/desk/info-sante", NEW).location

    assert first == second
    assert InfoSession.select().count() == before + 1


def test_a_training_has_the_four_topics_and_needs_no_place(noor):
    page = noor.page("/desk/info-sante/new?kind=training")

    answer = noor.post(
        "/desk/info-sante?kind=training", NEW | {"topic": "epilepsy", "place": "", "link": ""}
    )

    topics = [option["value"] for option in page.select("#topic option")]
    assert topics == ["allergy", "asthma", "epilepsy", "febrile-seizures"]
    assert answer.status_code == 303
    assert made(answer).kind == "training"


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("typed", "field", "said"),
    [
        ({"title_pt": "", "about_pt": ""}, "title_en", "one language at least"),
        ({"title_pt": ""}, "title_pt", "Fill this in"),
        ({"begins": "25:00"}, "begins", "for example 14:30"),
        ({"until": "13:00"}, "until", "not after the beginning"),
        ({"day": "2026-11-23"}, "day", "has passed"),
        ({"day": "2027-03-28", "begins": "02:30", "until": "04:00"}, "begins", "clocks change"),
        ({"place": ""}, "centre", "Say where"),
        ({"link": "http://video.example"}, "link", "https://"),
        ({"link": "javascript:alert(1)"}, "link", "https://"),
        ({"seats": "0"}, "seats", "from 1 to 500"),
        ({"seats": "501"}, "seats", "from 1 to 500"),
        ({"seats": "½"}, "seats", "from 1 to 500"),
    ],
)
def test_what_is_not_right_is_said_at_its_field_and_nothing_typed_is_lost(noor, typed, field, said):
    answer = noor.post("/desk/info-sante", NEW | typed)

    page = soup_of(answer)
    assert answer.status_code == 422
    if field == "title_pt":  # the text is there, its title is not
        assert page.find(id="about_pt").get_text().strip() == NEW["about_pt"]
    assert said in error_at(page, field)
    assert page.find(id="place").get("value") == (NEW | typed)["place"]
    assert page.find(id="begins")["value"] == (NEW | typed)["begins"]
    assert not InfoSession.select().where(InfoSession.seats == 8, InfoSession.place == "Demo hall")


def test_without_a_spoken_language_the_session_is_not_made(noor):
    answer = noor.post("/desk/info-sante", NEW | {"languages": []})

    assert answer.status_code == 422
    assert "Choose one language at least." in soup_of(answer).find(id="languages").get_text(" ")


# ── change ───────────────────────────────────────────────────────────────────────────────────────


def test_the_form_comes_filled_in_and_saving_it_changes_nothing(noor, cast):
    before = booking.mark(cast.full_session)

    answer = noor.post(desk(cast.full_session, "/edit"), edit_form(noor, cast.full_session))

    assert answer.status_code == 303
    assert booking.mark(cast.full_session) == before
    assert not Notice.select().where(Notice.subject == cast.full_session.id).exists()


def test_a_raised_number_of_seats_reaches_the_first_who_wait(noor, cast):
    form = edit_form(noor, cast.full_session, seats="7")

    noor.post(desk(cast.full_session, "/edit"), form)

    page = noor.page(desk(cast.full_session))
    assert "7 of 7 seats taken" in page.get_text(" ")
    assert names(page, "seated")[-1] == cast.ines.name
    assert names(page, "waiting") == ["Familie Vorlage"]


def test_fewer_seats_than_are_taken_are_refused_with_a_sentence(noor, cast):
    form = edit_form(noor, cast.full_session, seats="5")

    answer = noor.post(desk(cast.full_session, "/edit"), form)

    assert answer.status_code == 409
    assert "More seats are taken than that." in soup_of(answer).get_text(" ")
    assert InfoSession.get_by_id(cast.full_session.id).seats == 6


def test_a_nurse_does_not_overwrite_what_a_colleague_changed_meanwhile(noor, cast):
    mine = edit_form(noor, cast.last_seat, place="Hall of mine")
    noor.post(desk(cast.last_seat, "/edit"), edit_form(noor, cast.last_seat, seats="9"))

    answer = noor.post(desk(cast.last_seat, "/edit"), mine)

    page = soup_of(answer)
    assert answer.status_code == 409
    assert "A colleague has changed this session meanwhile." in page.get_text(" ")
    assert page.find(id="place")["value"] == "Hall of mine"
    kept = InfoSession.get_by_id(cast.last_seat.id)
    assert (kept.seats, kept.place) == (9, "Sall 2")


def test_a_new_hour_is_told_to_who_comes(noor, at, cast):
    form = edit_form(noor, cast.last_seat, begins="10:00", until="11:30")

    noor.post(desk(cast.last_seat, "/edit"), form)

    assert "It is on 7 December 2026, 10:00" in at("ivan").words("/notices")


def test_cancelling_is_asked_first_then_everybody_is_told(noor, as_user, cast):
    assert "Cancel this session?" in noor.words(desk(cast.full_session, "/cancellation"))

    answer = noor.post(desk(cast.full_session, "/cancellation"))
    again = noor.post(desk(cast.full_session, "/cancellation"))

    page = noor.page(answer.location)
    assert "This session is cancelled." in page.get_text(" ")
    assert not page.select_one("#seat-form")
    assert again.status_code == 409
    told = [one.person_id for one in Notice.select().where(Notice.code == "session-cancelled")]
    assert sorted(told) == sorted([cast.marc.id, cast.ivan.id, cast.ines.id])


# ── who comes ────────────────────────────────────────────────────────────────────────────────────


def test_the_list_names_who_comes_then_who_waits_in_their_order(noor, cast):
    page = noor.page(desk(cast.full_session))

    assert names(page, "seated") == ["Marc Weber", "Familje Beispill", "Frau Muster", "Ivan Kovac"]
    assert names(page, "waiting") == ["Inês Santos", "Familie Vorlage"]
    row = page.find("span", string="Familje Beispill").find_parent("li")
    assert "Two adults" in row.get_text(" ")
    assert row.find("a", href="tel:+352-621-555-620")


def test_a_list_of_a_hundred_takes_as_many_statements_as_one_of_two(noor, cast, statements):
    def count() -> int:
        noor.get(desk(cast.session_5))
        with statements() as seen:
            noor.get(desk(cast.session_5))
        return seen.count

    InfoSession.update(seats=90).where(InfoSession.id == cast.session_5.id).execute()
    booking.join(cast.session_5, 1, clock(), person=cast.zoe)
    booking.join(cast.session_5, 1, clock(), name="A", phone="621 555 601")
    few = count()
    for n in range(98):
        booking.join(cast.session_5, 1, clock(), name=f"N{n}", phone="621 555 601")

    assert count() == few


def test_a_family_without_an_account_gets_a_seat_by_phone(noor, cast):
    typed = {"name": "Familie Muster", "phone": "621 555 600", "adults": "1"}

    noor.post(desk(cast.last_seat, "/registrations"), typed)
    part = soup_of(noor.post(desk(cast.last_seat, "/registrations"), typed, htmx=True))

    assert part.select_one("#list")
    assert names(part, "seated")[-1] == names(part, "waiting")[0] == "Familie Muster"
    assert "4 of 4 seats taken" in part.get_text(" ")


def test_a_name_and_a_number_are_needed(noor, cast):
    answer = noor.post(desk(cast.last_seat, "/registrations"), {"name": "", "phone": "x"})

    page = soup_of(answer)
    assert answer.status_code == 422
    assert "Fill this in" in error_at(page, "name")
    assert "no phone number" in error_at(page, "phone")
    assert page.find(id="phone")["value"] == "x"


def test_who_is_taken_off_is_told_and_the_next_one_gets_the_seat(noor, cast):
    ivan = Registration.get(
        Registration.info_session == cast.full_session, Registration.person == cast.ivan
    )
    url = f"/desk/info-sante/registrations/{ivan.id}/departure"
    assert "Take Ivan Kovac off the list?" in noor.words(url)

    noor.post(url)
    again = noor.post(url)

    assert again.status_code == 409
    assert Registration.get_by_id(ivan.id).state == SeatState.LEFT
    told = {(one.person_id, one.code) for one in Notice.select()}
    assert {(cast.ivan.id, "session-left"), (cast.ines.id, "session-offer")} <= told


def test_the_session_of_yesterday_is_still_read_but_not_changed(noor, cast):
    gone = clock() - timedelta(days=1)
    InfoSession.update(starts=gone, ends=gone).where(
        InfoSession.id == cast.full_session.id
    ).execute()

    page = noor.page(desk(cast.full_session))

    assert len(names(page, "seated")) == 4
    assert not page.select("a[href$='/departure'], a[href$='/edit']")
    acts = {form["action"].rsplit("/", 1)[1] for form in page.select("form[action*='/desk/']")}
    assert acts == {"attendance"}


def test_names_and_phones_are_sealed(app, cast):
    made = booking.join(cast.session_5, 1, clock(), name="Wiltrud Kleespiess", phone="621 555 699")

    row = Registration.get_by_id(made.id)

    assert row.name == "Wiltrud Kleespiess"
    assert b"Kleespiess" not in bytes(row.sealed)


def test_a_place_of_the_service_is_chosen_by_name(noor):
    centre = Centre.get(Centre.slug == "cms-luxembourg")

    answer = noor.post("/desk/info-sante", NEW | {"centre": str(centre.id), "place": ""})

    assert made(answer).centre_id == centre.id


# ── too few, who was there, words, wishes ────────────────────────────────────────────────────────


def test_shortly_before_the_desk_is_asked_whether_too_few_is_too_few(noor, cast, at):
    soon = clock() + timedelta(days=2)
    facts = {"starts": soon, "ends": soon + timedelta(hours=1), "least": 7}
    InfoSession.update(facts).where(InfoSession.id == cast.full_session.id).execute()
    page = noor.page(desk(cast.full_session))
    assert "1 seat is missing for this session" in page.get_text(" ")
    assert not InfoSession.get_by_id(cast.full_session.id).cancelled, "nothing is done by itself"

    noor.post(page.select_one("form.banner")["action"])

    assert InfoSession.get_by_id(cast.full_session.id).cancelled
    assert "session-cancelled" in {notice.code for notice in cast.ivan.notices}


@pytest.mark.parametrize("least", ["-1", "9", "x"])
def test_a_minimum_is_at_most_the_number_of_seats(noor, least):
    answer = noor.post("/desk/info-sante", NEW | {"least": least})

    assert answer.status_code == 422
    assert "to the number of seats" in error_at(soup_of(answer), "least")


def test_an_hour_that_comes_twice_is_asked_and_both_can_be_had(noor):
    night = NEW | {"day": "2027-10-31", "begins": "02:30", "until": "04:00"}

    asked = soup_of(noor.post("/desk/info-sante", night))
    first = made(noor.post("/desk/info-sante", night | {"which": "first"}))
    second = made(noor.post("/desk/info-sante", night | {"which": "second"}))

    assert "comes twice" in asked.select_one("#which .error").get_text()
    assert second.starts - first.starts == timedelta(hours=1)
    form = edit_form(noor, second)
    assert form["which"] == ["second"]
    noor.post(desk(second, "/edit"), form)
    assert InfoSession.get_by_id(second.id).starts == second.starts


def test_who_was_there_is_marked_after_the_session_began(noor, cast):
    gone = clock() - timedelta(hours=1)
    InfoSession.update(starts=gone).where(InfoSession.id == cast.full_session.id).execute()
    page = noor.page(desk(cast.full_session))
    first, second = page.select("form[action$='/attendance']")[:2]

    noor.post(first["action"], {"attended": "yes"})
    answer = noor.post(second["action"], {"attended": "no"}, htmx=True)

    words = soup_of(answer).get_text(" ")
    assert words.count(" was there") == 1
    assert "was not there" in words


def test_a_message_reaches_who_signed_up_and_is_read_in_the_app(noor, cast, at):
    empty = noor.post(desk(cast.full_session, "/message"), {"words": " "})
    noor.post(desk(cast.full_session, "/message"), {"words": "Bring socks."})

    assert empty.status_code == 422
    assert "Bring socks." in at("ivan").words("/notices")
    assert "Bring socks." not in at("olga").words("/notices")


def test_wishes_are_counted_once_a_person_and_only_the_desk_reads_their_words(noor, at):
    url = "/info-sante/wishes"
    for who in ("zoe", "ines"):
        for _ in range(2):
            at(who).post(url, {"topics": ["senses"], "words": f"Words of {who}"})
    at("ines").post(url, {"topics": ["senses", "breastfeeding"], "words": ""})

    words = noor.words("/desk/info-sante")
    page = at("sami").page(url)

    assert "Development of the senses 2 people" in words
    assert "Breastfeeding 1 person" in words
    assert "Words of zoe" in words
    assert "Words of ines" not in words, "taken back"
    assert "2 people" in page.get_text(" ")
    assert "Words of zoe" not in page.get_text(" ")
    assert at("zoe").page(url).select_one("#words")["value"] == "Words of zoe"
