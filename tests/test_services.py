"""The services: facts with their date, rules that open a centre, and the desk that edits them."""

from datetime import date

import pytest
from bs4 import BeautifulSoup
from client import soup_of
from forms import sent

import services
from database import clock
from models import Audit
from offices import Centre, Service
from services import Rule
from views.rendering import LOCALES

GARE = Rule(2, "14:00", "16:00", nth=1, appointment=False, since="2023-10-01")


@pytest.fixture
def reader(at):
    return at()


@pytest.fixture
def noor(at):
    return at("noor")


# ── rules ────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_wednesdays_are_found_and_today_counts():
    days = services.next_days(GARE, date(2026, 12, 2), 6)

    assert [day.isoformat() for day in days] == [
        "2026-12-02",
        "2027-01-06",
        "2027-02-03",
        "2027-03-03",
        "2027-04-07",
        "2027-05-05",
    ]


@pytest.mark.parametrize(
    ("rule", "today", "first"),
    [
        (GARE, date(2023, 9, 1), date(2023, 10, 4)),  # not before it came into force
        (Rule(4, "09:00", "11:00"), date(2026, 11, 24), date(2026, 11, 27)),  # every Friday
        (Rule(4, "09:00", "11:00", nth=4), date(2026, 11, 28), date(2026, 12, 25)),
    ],
    ids=["since", "weekly", "fourth"],
)
def test_a_rule_begins_when_it_says(rule, today, first):
    assert services.next_days(rule, today, 1) == [first]


def test_a_rule_far_ahead_has_no_date_yet_and_a_holiday_is_known():
    assert (
        services.next_days(Rule(0, "09:00", "10:00", since="2030-01-01"), date(2026, 1, 1), 6) == []
    )
    assert services.is_holiday(date(2026, 6, 23))
    assert not services.is_holiday(date(2026, 6, 24))


# ── what readers see ─────────────────────────────────────────────────────────────────────────────


def test_luxembourg_gare_shows_its_next_six_dates(reader):
    opening = reader.page("/services").find(id="opening")

    dates = [tag["datetime"] for tag in opening.find_all("time")]
    assert dates == [
        "2026-12-02",
        "2027-01-06",
        "2027-02-03",
        "2027-03-03",
        "2027-04-07",
        "2027-05-05",
    ]
    assert "without appointment" in opening.get_text()
    assert "public holiday: call before you go" not in opening.ul.get_text()


def test_a_date_that_is_a_holiday_is_marked_and_stays(reader):
    rules = [{"weekday": 4, "nth": 4, "opens": "09:00", "closes": "11:00"}]
    Centre.update(rules=rules).where(Centre.slug == "luxembourg-gare").execute()

    opening = reader.page("/services").find(id="opening")

    marked = opening.find("time", {"datetime": "2026-12-25"}).parent
    assert "public holiday: call before you go" in marked.get_text()
    assert "Fourth Friday of the month, 09:00–11:00" in " ".join(opening.get_text().split())
    assert "by appointment" in opening.get_text()


def test_each_service_has_a_number_to_dial_an_address_to_find_and_a_door(reader):
    page = reader.page("/services")

    assert page.select_one("#home-visit a[href='tel:+352-22-00-99-1']")
    assert page.select_one("#cnje a[href='/requests/new?kind=2']")
    assert page.select_one("#spse a[href='mailto:spse@ligue.lu']")
    mapped = page.select_one("#one a[href^='https://www.openstreetmap.org/']")
    assert "33%2C+Rives+de+Clausen" in mapped["href"]
    for link in page.select("a[href^=http]"):
        assert link["rel"] == ["noreferrer"]
    assert not page.select("[src^=http]"), "nothing is loaded from elsewhere"
    assert all("Last checked" in card.get_text() for card in page.select("article.card"))


def test_only_the_services_own_help_is_called_free(reader):
    page = reader.page("/services")

    free = {
        card["id"] for card in page.select("article[id]") if "free" in card.get_text("|").split("|")
    }
    assert {"cnje", "tele-consultation", "home-visit"} <= {
        card["id"] for card in page.select("article[id]:has(.tag)")
    }
    assert "one" not in free


def test_the_number_of_statements_does_not_grow_with_the_services(statements, reader):
    client = reader
    client.get("/services")

    with statements() as few:
        client.get("/services")
    texts = {"en": {"name": "One more", "what": "x", "how": "y"}}
    for n in range(2000):
        Service.create(slug=f"more-{n}", office="other", texts=texts, checked_on=date(2026, 11, 24))
    with statements() as many:
        answer = client.get("/services")

    assert answer.text.count("One more") == 2000
    assert many.count == few.count <= 3


def test_every_text_is_there_in_every_language():
    for row in services.by_slug().values():
        for language in LOCALES:
            assert all(row.texts[language][name] for name in ("name", "what", "how")), row.slug


# ── the PAI ──────────────────────────────────────────────────────────────────────────────────────


def test_the_question_sheet_asks_and_answers_nothing(reader):
    sheet = reader.page("/pai/questions").main
    questions = [item.get_text(strip=True) for item in sheet.select("section li")]

    assert len(questions) > 12
    assert all(question.endswith("?") for question in questions)
    assert not any(c.isdigit() for c in sheet.get_text())


def test_the_offline_page_is_the_same_for_everybody_and_has_five_languages(as_user):
    nobody = as_user(None).get("/pai/offline")
    ines = as_user("ines").get("/pai/offline")

    page = soup_of(nobody)
    assert nobody.data == ines.data
    assert [part["id"] for part in page.select("main > section")] == ["lb", "fr", "de", "en", "pt"]
    assert not page.select("form, script, meta[name=csrf-token]")
    assert page.find(id="questions-en")


# ── at the desk ──────────────────────────────────────────────────────────────────────────────────


def form_at(page: BeautifulSoup) -> dict:
    return sent(page.select_one("main form")).to_dict()


def test_the_nurse_changes_a_fact_and_readers_see_it_with_who_and_when(cast, reader, noor):
    row = Service.get(Service.slug == "home-visit")
    data = form_at(noor.page(f"/desk/services/{row.id}"))
    data["phone"] = "22 00 99-7"
    data["how_pt"] = "Só por telefone."
    data["checked"] = "today"

    answer = noor.post(f"/desk/services/{row.id}", data)

    assert answer.status_code == 303
    assert "changed by Noor Haddad, 24 November" in noor.words("/desk/services")
    assert "22 00 99-7" in reader.page("/services").find(id="home-visit").get_text()
    reader.post("/language", {"language": "pt"})
    assert "Só por telefone." in reader.page("/services").find(id="home-visit").get_text()
    noted = Audit.get(Audit.action == "service.edit")
    assert (noted.person, noted.about) == (cast.noor.id, row.id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("url", "http://example.lu"),
        ("url", "https:// example.lu"),
        ("url", "https://[example.lu"),
        ("url", "https://["),
        ("url", "h\nttps://example.lu"),
        ("phone", "call me"),
        ("mail", "nobody"),
        ("name_en", ""),
        ("checked_on", "2026-11-25"),
        ("checked_on", ""),
    ],
)
def test_a_fact_that_cannot_be_is_refused_beside_its_field(field, value, noor):
    row = Service.get(Service.slug == "one")
    data = form_at(noor.page(f"/desk/services/{row.id}"))
    data[field] = value
    data["what_lb"] = "Nei getippt"

    answer = noor.post(f"/desk/services/{row.id}", data)

    page = soup_of(answer)
    assert answer.status_code == 422
    assert page.find(id=field)["aria-invalid"] == "true"
    assert "Nei getippt" in page.find(id="what_lb").get_text()
    assert Service.get_by_id(row.id).edited is None


def test_the_nurse_changes_when_a_centre_is_open(reader, noor):
    centre = Centre.get(Centre.slug == "luxembourg-gare")
    data = form_at(noor.page(f"/desk/services/centres/{centre.id}"))
    assert data["weekday_0"] == "2"
    data |= {"weekday_1": "4", "nth_1": "0", "opens_1": "09:00", "closes_1": "11:30"}

    noor.post(f"/desk/services/centres/{centre.id}", data)

    opening = " ".join(reader.page("/services").find(id="opening").get_text(" ").split())
    assert "Every Friday, 09:00–11:30" in opening
    assert "First Wednesday of the month, 14:00–16:00" in opening
    assert services.rules_of(Centre.get_by_id(centre.id))[0] == GARE
    assert "changed by Noor Haddad" in noor.words("/desk/services")


@pytest.mark.parametrize("closes", ["09:00", "8", "25:00", "١٦:٠٠", ""])
def test_hours_that_cannot_be_are_refused(closes, noor):
    centre = Centre.get(Centre.slug == "luxembourg-gare")
    data = form_at(noor.page(f"/desk/services/centres/{centre.id}"))
    data |= {"opens_0": "09:00", "closes_0": closes}

    answer = noor.post(f"/desk/services/centres/{centre.id}", data)

    assert answer.status_code == 422
    assert soup_of(answer).find(id="closes_0")["aria-invalid"] == "true"
    assert services.rules_of(Centre.get_by_id(centre.id)) == [GARE]


def test_the_desks_list_needs_no_more_statements_for_more_editors(actor, statements, noor):
    noor.get("/desk/services")
    with statements() as few:
        noor.get("/desk/services")
    for row in services.by_slug().values():
        services.edit(row, {"phone": "113"}, services.mark(row), actor("noor"), clock())

    with statements() as many:
        noor.get("/desk/services")

    assert many.count <= few.count + 1


@pytest.mark.parametrize(
    ("table", "slug", "mine", "theirs", "shown"),
    [
        (Service, "one", {"what_lb": "Vum Noor"}, {"phone": "113"}, ["Phone", "113"]),
        (Centre, "luxembourg-gare", {"closes_0": "17:00"}, {"nth_0": "2"}, ["Second in the month"]),
    ],
)
def test_two_at_the_desk_never_overwrite_each_other(table, slug, mine, theirs, shown, noor):
    row = table.get(table.slug == slug)
    path = f"/desk/services/{'centres/' if table is Centre else ''}{row.id}"
    first, second = form_at(noor.page(path)), form_at(noor.page(path))
    assert noor.post(path, first | theirs).status_code == 303

    answer = noor.post(path, second | mine)

    page = soup_of(answer)
    assert answer.status_code == 409
    (name, typed), said = next(iter(mine.items())), page.find(id="clash").get_text(" ")
    assert typed in str(page.find(id=name)), "what was typed stays in its field"
    assert all(words in said for words in shown), "and what stands now is shown"
    again = form_at(page)
    assert noor.post(path, again).status_code == 303
    assert typed in str(form_at(noor.page(path))[name])
