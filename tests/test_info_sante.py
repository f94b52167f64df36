"""Info-Santé sessions and trainings: found, joined and left, in a calendar, and by whom not."""

from datetime import timedelta
from uuid import uuid4

import pytest
from client import plain, soup_of
from icalendar import Calendar

import booking
from database import DataKey, clock, local
from models import Person
from offices import Centre, InfoSession, Notice, Registration, SeatState, Service
from views import mails
from views.rendering import LANGUAGE_NAMES
from views.words import TOPICS


def many(count: int, **more) -> None:
    first = clock() + timedelta(days=2)
    facts = {"topic": "senses", "texts": {"en": {"title": "Talk"}}, "languages": "en,fr"}
    facts |= {"centre": Centre.get(), "seats": 9} | more
    InfoSession.insert_many(
        [
            {
                **facts,
                "id": uuid4(),
                "created": clock(),
                "starts": first + timedelta(minutes=10 * n),
                "ends": first + timedelta(minutes=10 * n + 60),
            }
            for n in range(count)
        ]
    ).execute()


def titles(page) -> list[str]:
    return [link.get_text(strip=True) for link in page.select("#schedule li a")]


def address(info_session: InfoSession, place: str = "info-sante") -> str:
    return f"/{place}/{info_session.id}"


def of(info_session: InfoSession, person: Person) -> Registration:
    return Registration.get(
        Registration.info_session == info_session, Registration.person == person
    )


# ── the schedule ─────────────────────────────────────────────────────────────────────────────────


def test_a_stranger_reads_the_schedule_by_day_with_the_seats_that_are_left(at, cast):
    page = at(None).page("/info-sante")

    days = [heading.get_text() for heading in page.select("#schedule h3")]
    assert days[:2] == ["Wednesday, 2 December 2026", "Thursday, 3 December 2026"]
    row = page.find("a", href=address(cast.info_session)).find_parent("li").get_text(" ")
    assert "14:30–16:00" in row
    assert "Centre Demoduerf" in row
    assert "8 seats left" in row
    full = page.find("a", href=address(cast.full_session)).find_parent("li").get_text(" ")
    assert "Full, 2 waiting" in full
    last = page.find("a", href=address(cast.last_seat)).find_parent("li").get_text(" ")
    assert "Last seat" in last
    assert "Free of charge" in page.get_text(" ")


def test_sign_up_by_phone_and_mail_stands_beside_with_the_day_of_its_check(at):
    page = at(None).page("/info-sante")

    service = Service.get(Service.slug == "info-sante")
    assert page.find("a", href="tel:+352-22-00-99-88")
    assert page.find("a", href=f"mailto:{service.mail}")
    assert "Last checked: 24 November 2026" in page.get_text(" ")


@pytest.mark.sqlite_only
@pytest.mark.parametrize(
    ("query", "kept"),
    [
        ("topic=4", lambda one: one.topic == "home-accidents"),
        ("language=lb", lambda one: "lb" in one.languages),
        ("place=demo-uewen", lambda one: one.centre and one.centre.slug == "demo-uewen"),
        ("place=video", lambda one: bool(one.link)),
        ("topic=1&language=fr", lambda one: one.topic == "breastfeeding" and "fr" in one.languages),
        ("topic=99&language=xx&place=nowhere&after=x", lambda one: True),
    ],
)
def test_the_schedule_is_narrowed_by_topic_language_and_place(at, query, kept):
    public = InfoSession.select().where(InfoSession.kind == "info-sante")
    wanted = [one for one in public.order_by(InfoSession.starts) if kept(one)]

    page = at(None).page(f"/info-sante?{query}")
    part = soup_of(at(None).get(f"/info-sante?{query}", htmx=True))

    links = [link["href"] for link in page.select("#schedule li a")]
    assert links == [address(one) for one in wanted]
    assert len(part.select("li a")) == len(wanted)
    assert wanted


def test_no_address_names_a_topic(at):
    page = at(None).page("/info-sante?topic=2")

    asked = {field["value"] for field in page.select("form [name=topic]")}
    addresses = " ".join([*asked, *(link["href"] for link in page.find_all("a"))])
    assert asked == {"", *"123456"}
    assert not any(topic in addresses for topic in TOPICS if topic != "other")


def test_nothing_that_fits_and_nothing_at_all_say_what_to_do(at):
    nothing_fits = at(None).words("/info-sante?topic=6&language=de")
    InfoSession.delete().execute()
    nothing = at(None).words("/info-sante")

    assert "Nothing that fits" in nothing_fits
    assert "Show all sessions" in nothing_fits
    assert "No session is planned yet" in nothing


def test_a_long_schedule_comes_in_pages_that_neither_repeat_nor_miss_a_session(at):
    many(150)
    InfoSession.update(starts=clock() + timedelta(days=3)).where(
        InfoSession.kind == "info-sante"
    ).execute()  # all at one minute: the order must not hang on the hour alone
    client, url, seen = at(None), "/info-sante?language=fr", []
    wanted = InfoSession.select().where(
        InfoSession.languages.contains("fr"), InfoSession.kind == "info-sante"
    )

    while url:
        page = client.page(url)
        rows = [link["href"] for link in page.select("#schedule li a")]
        assert len(rows) <= 60
        seen += rows
        later = page.find(lambda tag: tag.name == "a" and "Later ones" in tag.get_text())
        url = later and later["href"]

    assert len(seen) == len(set(seen)) == wanted.count()


@pytest.mark.parametrize("who", [None, "zoe", "noor"])
def test_two_thousand_sessions_take_as_many_statements_as_twenty(at, cast, statements, who):
    client = at(who)
    url = "/desk/info-sante" if who == "noor" else "/info-sante"
    counts = []
    for count in (20, 1980):
        many(count)
        client.get(url)
        with statements() as seen:
            client.get(url)
        counts.append(seen.count)

    assert counts[0] == counts[1] <= 8


def test_over_and_cancelled_sessions_are_not_in_the_schedule(at, cast):
    InfoSession.update(starts=clock()).where(InfoSession.id == cast.info_session.id).execute()
    booking.cancel_session(cast.last_seat, clock())

    page = at(None).page("/info-sante")

    assert not page.find("a", href=address(cast.info_session))
    assert not page.find("a", href=address(cast.last_seat))
    assert page.find("a", href=address(cast.full_session))


# ── one session ──────────────────────────────────────────────────────────────────────────────────


def test_a_session_says_when_where_in_which_languages_and_with_whom(at, cast):
    page = at(None).page(address(cast.info_session))

    words = " ".join(page.get_text(" ").split())
    for said in (
        "Wednesday, 2 December 2026, 14:30–16:00",
        "Centre Demoduerf",
        "invented for the demo",
        "5, rue de la Gare, Demoduerf",
        "Portuguese, French",
        "Noor Haddad",
        "Bring your questions.",
        "8 seats left (of 12)",
    ):
        assert said in words
    assert page.find("progress", max="12", value="4")
    map_link = page.find("a", string="Map")
    assert map_link["href"].endswith("query=5%2C+rue+de+la+Gare%2C+Demoduerf")
    assert map_link["rel"] == ["noreferrer"]


def test_a_text_in_another_language_is_marked_with_it(at, cast):
    page = at(None).page(address(cast.session_8))

    assert page.h1["lang"] == "pt"
    assert "Pais de longe" in page.h1.get_text()
    assert page.find("p", lang="pt")


def test_a_stranger_is_asked_to_sign_in_and_led_back(at, cast):
    page = at(None).page(address(cast.info_session))

    assert page.find("a", href=f"/sign-in?next={address(cast.info_session)}")
    assert not page.select_one("form[action$='/registrations']")


def test_who_is_signed_in_joins_with_two_and_sees_it(at, cast):
    client = at("zoe")

    answer = client.post(f"{address(cast.info_session)}/registrations", {"adults": "2"})

    assert answer.status_code == 303
    words = client.words(answer.location)
    assert "You have 2 seats." in words
    assert "6 seats left (of 12)" in words
    assert "Your sessions" in client.words("/info-sante")


def test_with_htmx_the_answer_is_the_part_with_the_seats(at, cast):
    answer = at("zoe").post(
        f"{address(cast.full_session)}/registrations", {"adults": "1"}, htmx=True
    )

    part = soup_of(answer)
    assert part.section["id"] == f"seat-{cast.full_session.id}"
    assert not part.html
    assert "You are no. 3 on the waiting list." in part.get_text(" ")


@pytest.mark.sqlite_only
@pytest.mark.parametrize("adults", ["", "0", "3", "x"])
def test_neither_nobody_nor_a_crowd_joins(at, cast, adults):
    answer = at("zoe").post(f"{address(cast.info_session)}/registrations", {"adults": adults})

    assert answer.status_code == 422
    assert soup_of(answer).select_one(".errors[role=alert]")
    assert InfoSession.get_by_id(cast.info_session.id).taken == 4


def test_joining_twice_says_so_and_takes_no_more_seats(at, cast):
    answer = at("ines").post(f"{address(cast.info_session)}/registrations", {"adults": "2"})

    assert answer.status_code == 409
    assert "You are on the list already." in soup_of(answer).get_text(" ")
    assert InfoSession.get_by_id(cast.info_session.id).taken == 4


def test_leaving_is_asked_first_then_the_next_one_is_told(at, cast):
    mine = of(cast.full_session, cast.ivan)
    waiting = of(cast.full_session, cast.ines)
    client = at("ivan")
    assert "Give up your seat?" in client.words(f"/registrations/{mine.id}/departure")

    answer = client.post(f"/registrations/{mine.id}/departure")

    assert answer.location == address(cast.full_session)
    assert Registration.get_by_id(waiting.id).state == SeatState.OFFERED
    news = at("ines").page("/notices")
    link = news.find("a", href=address(cast.full_session))
    assert "A seat has become free on 3 December 2026, 10:00" in link.get_text()


def test_nobody_gives_up_the_seat_of_somebody_else(at, cast):
    hers = of(cast.info_session, cast.ines)

    answer = at("zoe").post(f"/registrations/{hers.id}/departure")

    assert answer.status_code == 404
    assert Registration.get_by_id(hers.id).state == SeatState.SEAT


def test_a_session_that_was_cancelled_says_so_and_takes_nobody(at, cast):
    booking.cancel_session(cast.info_session, clock())
    client = at("ines")

    page = client.page(address(cast.info_session))
    refused = client.post(f"{address(cast.info_session)}/registrations", {"adults": "1"})

    assert "This session does not take place." in page.get_text(" ")
    assert not page.select_one("form[action$='/registrations']")
    assert refused.status_code == 409
    assert "Does not take place" in client.words("/info-sante"), "who had a seat finds it"


def test_the_calendar_file_holds_hours_place_and_link_and_no_topic(at, cast):
    answer = at(None).get(f"{address(cast.info_session)}/calendar.ics")

    assert answer.mimetype == "text/calendar"
    (event,) = Calendar.from_ical(answer.get_data()).walk("VEVENT")
    assert event.decoded("dtstart") == cast.info_session.starts
    assert event.decoded("dtend") == cast.info_session.ends
    assert event["location"] == "Centre Demoduerf, 5, rue de la Gare, Demoduerf"
    assert event["url"].endswith(address(cast.info_session))
    text = answer.get_data(as_text=True)
    assert str(event["summary"]) == "Appointment (Kannerplang)"
    assert not any(word in text.lower() for word in ("breast", "santé session", "begins"))


def test_the_mail_of_a_seat_carries_the_hours_of_the_session(app, at, cast):
    Person.update(language="de").where(Person.id == cast.ines.id).execute()
    ines = cast.ines
    ines.mail = "ines@example.lu"
    ines.save()
    booking.leave(of(cast.full_session, cast.ivan), clock())
    booking.take_offer(of(cast.full_session, ines), clock())
    notice = ines.notices.where(Notice.code == "session-seat").get()

    with app.app_context():
        mail = mails.compose(notice)

    (file,) = [part for part in mail.walk() if part.get_content_type() == "text/calendar"]
    (event,) = Calendar.from_ical(file.get_payload(decode=True)).walk("VEVENT")
    assert event.decoded("dtend") == cast.full_session.ends
    assert address(cast.full_session) in mail.get_body().get_content()
    assert "sleep" not in str(mail).lower()


# ── trainings ────────────────────────────────────────────────────────────────────────────────────


def test_staff_find_the_four_topics_and_join(at, cast):
    client = at("sami")
    page = client.page("/training")
    assert client.page("/nursery/manage").find("a", href="/training")

    answer = client.post(f"{address(cast.training)}/registrations", {"adults": "1"})

    topics = [label.get_text(strip=True) for label in page.select("form label.chip")]
    assert topics == ["All", "Allergy", "Asthma", "Epilepsy", "Febrile seizures"]
    assert len(titles(page)) == 4
    assert answer.location == address(cast.training, "training")
    assert client.page(answer.location).find("a", href=cast.training.link)


def test_the_video_link_is_shown_to_who_has_a_seat_only(at, cast):
    without = at("sami").get(address(cast.training, "training"))
    with_seat = at("tessa").get(address(cast.training, "training"))

    assert cast.training.link not in without.get_data(as_text=True)
    assert "appears here once you have a seat" in without.get_data(as_text=True)
    assert cast.training.link in with_seat.get_data(as_text=True)


def test_a_training_without_a_link_says_whom_to_ask(at, cast):
    page = at("tessa").page(address(cast.training_4, "training"))

    assert "The video link is not here yet" in page.get_text(" ")
    assert page.find("a", href="tel:+352-22-00-99-88")


def test_no_training_planned_says_ask_for_the_link(at):
    InfoSession.delete().execute()

    words = at("sami").words("/training")

    assert "Ask the service for the link" in words
    assert "22 00 99-88" in words


@pytest.mark.parametrize("who", [None, "zoe"])
def test_a_training_is_as_good_as_missing_to_who_is_no_staff(at, cast, who):
    client = at(who)
    for url in ("/info-sante/{}", "/info-sante/{}/calendar.ics"):
        there = client.get(url.format(cast.training.id))
        missing = client.get(url.format(uuid4()))

        assert there.status_code == missing.status_code == 404
        assert plain(there) == plain(missing)
    there = client.ask("GET", f"/training/{cast.training.id}")
    missing = client.ask("GET", f"/training/{uuid4()}")
    assert there.status_code == missing.status_code
    assert client.ask("POST", f"{address(cast.training)}/registrations").status_code != 200
    assert InfoSession.get_by_id(cast.training.id).taken == 1


def test_each_kind_has_its_own_address(at, cast):
    client = at("sami")

    assert client.get(address(cast.info_session, "training")).status_code == 404
    assert client.get(address(cast.training)).status_code == 404


def test_of_a_training_one_joins_for_oneself(at, cast):
    answer = at("sami").post(f"{address(cast.training)}/registrations", {"adults": "2"})

    assert answer.status_code == 422
    assert InfoSession.get_by_id(cast.training.id).taken == 1


def test_a_notice_of_a_training_leads_to_the_training(app, at, cast):
    booking.cancel_session(cast.training, clock())

    page = at("tessa").page("/notices")

    link = page.find("a", href=address(cast.training, "training"))
    assert "does not take place: 4 December 2026, 13:00" in link.get_text()


# ── the demo ─────────────────────────────────────────────────────────────────────────────────────


def test_the_demo_has_a_dozen_sessions_in_five_languages_and_four_trainings(app):
    rows = list(InfoSession.select())

    of_kind = [one.kind for one in rows]
    assert (of_kind.count("info-sante"), of_kind.count("training")) == (12, 4)
    assert {tag for one in rows for tag in one.languages.split(",")} == set(LANGUAGE_NAMES)
    assert all(one.starts > clock() and local(one.starts).weekday() < 5 for one in rows)
    assert [one.topic for one in rows if one.kind == "training" and not one.link]
    invented = [one.centre for one in rows if one.centre and one.centre.slug.startswith("demo")]
    assert invented
    assert all(centre.is_demo for centre in invented)


def test_people_without_an_account_count_like_all_others(app, cast):
    talk = cast.last_seat

    booking.join(talk, 1, clock(), name="Famille Beispill", phone="621 555 601")
    late = Person.create(handle=uuid4().bytes, language="fr", data_key=DataKey.make())

    assert booking.join(talk, 1, clock(), person=late).state == SeatState.WAITING
