"""The ward round: a list by hospital and day that only nurses read, and that forgets in time."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup
from client import Client
from forms import sent

from database import DataKey, db, today
from models import Audit
from ward import WardVisit

NOTE = "alone with three children, no heating"
NEW = {
    "day": "2026-11-24",
    "hospital": "Demo hospital",
    "ward": "M2, bed 14",
    "name": "Rosa Lima",
    "language": "pt",
    "offered": ["home-visit", "info-sante"],
    "follow_up": "2026-12-01",
    "note": NOTE,
}


@pytest.fixture
def noor(at) -> Client:
    return at("noor")


def entered(noor: Client, **more: object) -> WardVisit:
    answer = noor.post("/desk/ward", NEW | more)
    assert answer.status_code == 303
    return WardVisit.select().order_by(WardVisit.created.desc()).first()


def names_by_hospital(page: BeautifulSoup) -> dict[str, list[str]]:
    cards = page.select("section[aria-labelledby^=hospital-]")
    return {
        card.h2.get_text(strip=True): [link.get_text(strip=True) for link in card.select("li a")]
        for card in cards
    }


def test_a_nurse_enters_a_mother_without_account_and_finds_all_she_wrote(noor):
    made = entered(noor)

    form = sent(noor.page(f"/desk/ward/{made.id}").select_one("#visit-form"))

    assert form.getlist("offered") == NEW["offered"]
    assert {name: form[name].strip() for name in NEW} == NEW | {"offered": "home-visit"}


def test_the_list_of_a_day_goes_by_hospital_and_along_the_wards(noor):
    entered(noor, ward="M2, bed 20", name="Second")
    entered(noor, ward="M2, bed 14", name="First")
    entered(noor, hospital="Another hospital", name="Third")
    entered(noor, day="2026-11-25", name="Tomorrow")

    assert names_by_hospital(noor.page("/desk/ward?day=2026-11-24")) == {
        "Another hospital": ["Third"],
        "Demo hospital": ["First", "Second"],
    }


def test_who_is_met_again_stands_on_that_day_too(noor):
    entered(noor)

    page = noor.page("/desk/ward?day=2026-12-01")

    assert names_by_hospital(page) == {"Demo hospital": ["Rosa Lima"]}
    assert "met again" in page.get_text()


def test_the_list_says_nothing_of_the_note(noor):
    made = entered(noor)

    assert NOTE not in noor.words("/desk/ward?day=2026-11-24")
    assert NOTE in noor.page(f"/desk/ward/{made.id}").find(id="note").get_text()
    assert Audit.select().where(Audit.action == "ward.read", Audit.about == made.id).exists()


@pytest.mark.parametrize("who", ["ines", "sami", "admin", "zoe"])
def test_nobody_but_nurses_finds_any_of_it(at, noor, who):
    made = entered(noor)

    answers = [at(who).get(path) for path in ("/desk/ward", f"/desk/ward/{made.id}")]

    assert [answer.status_code for answer in answers] == [403, 404]
    assert not any("Rosa" in answer.get_data(as_text=True) for answer in answers)


def test_nothing_written_stands_in_the_clear_in_the_database(noor):
    made = entered(noor)

    row = db.execute(WardVisit.select().where(WardVisit.id == made.id)).fetchone()
    stored = " ".join(
        bytes(value).decode("latin-1") if isinstance(value, bytes | memoryview) else str(value)
        for value in row
    )

    for secret in ("Rosa", "Demo hospital", "bed 14", "home-visit", "heating"):
        assert secret not in stored


def test_a_form_sent_twice_enters_one(noor):
    entered(noor)
    entered(noor)

    assert WardVisit.select().count() == 1


def test_a_refused_form_keeps_what_was_typed_and_says_why_beside_the_field(noor):
    answer = noor.post("/desk/ward", NEW | {"follow_up": "2026-11-20", "name": ""})

    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    assert answer.status_code == 422
    assert "before the visit" in page.find(id="follow_up-error").get_text()
    assert page.find(id="name-error")
    assert page.find(id="note").get_text().strip() == NOTE
    assert not WardVisit.select().exists()


def test_what_a_nurse_changes_is_kept(noor):
    made = entered(noor)

    noor.post(f"/desk/ward/{made.id}", NEW | {"ward": "M3", "offered": [], "follow_up": ""})

    changed = WardVisit.get_by_id(made.id)
    assert (changed.ward, list(changed.offered), changed.follow_up) == ("M3", [], None)
    assert changed.name == "Rosa Lima"


def test_erasing_takes_the_key_along(noor):
    made = entered(noor)

    noor.post(f"/desk/ward/{made.id}/removal")

    assert not WardVisit.select().exists()
    assert not DataKey.select().where(DataKey.id == made.data_key_id).exists()


def test_all_of_it_is_erased_90_days_after_the_last_meeting(app, noor):
    last = {"one": today() - timedelta(days=90), "other": today() - timedelta(days=89)}
    long_ago = str(today() - timedelta(days=200))
    gone = [
        entered(noor, day=long_ago, follow_up=str(last["one"])),
        entered(noor, day=str(last["one"]), follow_up=""),
    ]
    kept = [
        entered(noor, day=long_ago, follow_up=str(last["other"])),
        entered(noor, day=str(last["other"]), follow_up=""),
    ]

    with app.app_context():  # as the command line has one
        result = app.test_cli_runner().invoke(args=["run-due"])

    assert result.exit_code == 0, result.output
    assert {one.id for one in WardVisit.select()} == {one.id for one in kept}
    keys = [one.data_key_id for one in gone]
    assert not DataKey.select().where(DataKey.id.in_(keys)).exists()


def test_the_card_is_in_the_familys_language_and_opens_sign_up(noor, app):
    entered(noor)

    page = noor.page("/desk/ward/card?language=pt")

    card = page.select_one("article#card")
    assert card["lang"] == "pt"
    assert app.config["ORIGINS"][0] + "/sign-up" in card.get_text()
    assert card.select_one("svg.qr path")
    assert "Rosa" not in page.get_text(), "a card names nobody"
    assert page.html["lang"] == "en", "the nurse reads her own language"


@pytest.mark.parametrize("day", ["", "soon", "9999-12-31", "0001-01-01"])
def test_a_day_that_is_none_shows_today(noor, day):
    entered(noor, day=str(today()))

    assert "Rosa Lima" in noor.words(f"/desk/ward?day={day}")


def test_the_desk_leads_to_the_round(noor):
    assert noor.page("/desk").select_one("a[href='/desk/ward']")
