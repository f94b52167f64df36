"""Rights: each point of the official notices has its place, and consent is given by hand."""

from datetime import timedelta

import pytest
from authenticator import Authenticator

from database import clock
from models import Limit, Person
from offices import Service

NOTICE = {
    "processing": "used only for what you ask for",
    "retention": "As long as it is needed",
    "recipients": "You may ask which ones received your data",
    "rights": "2016/679",
    "consent": "withdraw your agreement at any time",
    "objection": "for legitimate reasons, unless that use is compulsory",
    "exercise": "spse@ligue.lu",
    "complaint": "15, boulevard du Jazz, L-4370 Belvaux",
}
NAMES = {"name": "Rui Marques"}


def test_every_point_of_the_notices_has_a_section(at):
    page = at().page("/privacy")

    for name, point in NOTICE.items():
        section = page.find("section", id=name)
        assert section.h2, name
        assert point in " ".join(section.get_text(" ").split()), name
    rights = page.find(id="rights").get_text()
    assert all(right in rights for right in ("(access)", "(rectification)", "(erasure)"))


def test_reading_on_is_never_agreeing(at):
    assert "never taken as agreeing" in at().words("/privacy")


def test_the_contact_is_what_the_desk_wrote(at):
    Service.update(address="1, rue Neuve").where(Service.slug == "cnpd").execute()

    words = at().words("/privacy")

    assert "1, rue Neuve" in words
    assert "boulevard du Jazz" not in words


# ── consent ──────────────────────────────────────────────────────────────────────────────────────


def test_signing_up_asks_for_a_tick_that_nobody_made_before(at):
    form = at().page("/sign-up").select_one("main form")

    (tick,) = form.select("input[type=checkbox]")
    assert tick["name"] == "consent"
    assert tick.has_attr("required")
    assert not tick.has_attr("checked")
    assert form.select_one("a[href='/privacy']")


@pytest.mark.parametrize("step", ["/sign-up/challenges", "/sign-up"])
def test_without_the_tick_there_is_no_account(at, step):
    client, device = at(), Authenticator()
    options = client.post("/sign-up/challenges", {**NAMES, "consent": "y"}).get_json()
    before = Person.select().count()

    answer = client.post(step, {**NAMES, "answer": device.create(options)})

    assert answer.status_code == 422
    assert answer.get_json()["errors"]["consent"] == ["Without your agreement there is no account."]
    assert Person.select().count() == before


def test_when_somebody_agreed_is_kept_and_shown(at):
    client, device, form = at(), Authenticator(), {**NAMES, "consent": "y"}
    options = client.post("/sign-up/challenges", form).get_json()
    client.post("/sign-up", {**form, "answer": device.create(options)})

    (person,) = [one for one in Person.select() if one.name == "Rui Marques"]

    assert person.consented[:10] == clock().date().isoformat()
    assert "You agreed to the use of your data on 24 November 2026" in client.words("/account")
    assert "You agreed" not in at("ines").words("/account")


# ── what the notice says of counted tries is so ──────────────────────────────────────────────────


def test_tries_are_counted_without_the_address_and_forgotten(at):
    now = clock()
    Limit.allow("long ago", 1, timedelta(hours=1), now - timedelta(days=3))
    Limit.allow("just now", 1, timedelta(hours=1), now)

    at().post("/sign-in/challenges")

    keys = [limit.key for limit in Limit.select()]
    assert "just now" in keys
    assert "long ago" not in keys
    assert any(key.startswith("passkey:") for key in keys)
    assert not [key for key in keys if "127.0.0.1" in key]


def test_a_limit_of_a_day_ends_with_the_day(app):
    day, now = timedelta(days=1), clock()

    tries = [Limit.allow("key", 1, day, moment) for moment in (now, now, now + day)]

    assert tries == [True, False, True]
