"""Leaving the crèche: the last day of sharing, who is told of it, and the pack to hand over."""

import io
import json
import threading
import zipfile
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from authenticator import Authenticator
from bs4 import Tag
from client import Client, soup_of

import database
import endings
import plan as document
from app import do_due_work
from database import clock, db
from endings import Stop
from jobs import deliver_due
from models import Audit, Contact, Grant, Guardian, Limit, Person, Plan, Rights, SignIn
from offices import Notice
from views import mails


@pytest.fixture
def english(cast):
    Person.update(language="en").execute()


def on(day: str) -> datetime:
    """Nine in the morning of a day."""
    return datetime.fromisoformat(f"{day}T09:00+01:00")


def later(now: datetime) -> None:
    """Whoever is signed in stays so."""
    database.shift_clock(now)
    SignIn.update(last_seen=now).execute()


def told(code: str) -> set[Any]:
    return {row.person_id for row in Notice.select().where(Notice.code == code)}


# ── who is told ──────────────────────────────────────────────────────────────────────────────────


def test_the_guardians_are_told_90_and_30_days_before_the_fourth_birthday_once(cast):
    """Léo turns four on 14 March 2027."""
    guardians = {cast.ines.id, cast.marc.id}

    endings.tell_due(on("2026-12-13"))
    assert told("turning-four-90") == set(), "91 days before"
    for day in ("2026-12-14", "2026-12-15", "2027-01-20"):
        endings.tell_due(on(day))
    assert told("turning-four-90") == guardians
    assert told("turning-four-30") == set()
    for day in ("2027-02-12", "2027-02-20", "2027-03-13", "2027-03-14", "2027-05-01"):
        endings.tell_due(on(day))

    both = Notice.code.startswith("turning-four")
    assert told("turning-four-30") >= guardians
    assert Notice.select().where(both, Notice.subject == cast.leo.id).count() == 4


def test_a_mail_about_it_names_no_child_no_day_and_leads_to_the_pack(app, cast):
    cast_ines = cast.ines
    cast_ines.mail, cast_ines.language = "ines@example.lu", "en"
    cast_ines.save()
    endings.tell_due(on("2026-12-14"))
    sent: list[Any] = []

    with app.app_context():
        deliver_due(mails.compose, sent.append, on("2026-12-14"), 50)

    (mail,) = sent
    text = mail.get_content()
    assert "In 3 months" in text
    assert f"/children/{cast.leo.id}/hand-over" in text
    for word in ("Léo", "Santos", "2027", "March", "llerg", "Baach"):
        assert word not in mail.as_string()


def test_who_only_sees_and_who_has_no_plan_is_told_nothing(cast):
    Guardian.update(rights=Rights.SEE).where(Guardian.person == cast.marc.id).execute()
    Plan.update(current=None).where(Plan.id == cast.noah_plan.id).execute()

    endings.tell_due(on("2026-12-14"))
    endings.tell_due(on("2027-03-20"))

    assert told("turning-four-90") == {cast.ines.id}
    assert cast.aoife.id not in told("turning-four-30") | told("turning-four-90")


def test_a_child_that_cannot_be_opened_keeps_nobody_else_from_being_told(cast, caplog):
    broken = cast.mia
    type(broken).update(sealed=cast.noah.sealed).where(type(broken).id == broken.id).execute()

    endings.tell_due(on("2026-12-14"))

    assert told("turning-four-90") == {cast.ines.id, cast.marc.id}
    assert "seal broken" in caplog.text
    assert "Kovac" not in caplog.text


@pytest.mark.race
def test_two_timers_at_once_tell_once(app, cast):
    start = threading.Barrier(2)

    def tell() -> None:
        db.connect(reuse_if_open=True)
        start.wait()
        endings._tell(cast.leo.id, "turning-four-90", "", on("2026-12-14"))
        db.close()

    threads = [threading.Thread(target=tell) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert Notice.select().where(Notice.code == "turning-four-90").count() == 2


def test_the_children_are_opened_once_a_day_in_batches(cast, statements, monkeypatch):
    monkeypatch.setattr(endings, "BATCH", 7)
    with statements() as first:
        endings.tell_due(on("2026-11-24"))
    with statements() as second:
        endings.tell_due(on("2026-11-24") + timedelta(hours=3))

    opened = [sql for sql in first.sql if 'FROM "child"' in sql]
    assert len(opened) == 3, "18 children with a plan, 7 at a time"
    assert second.count == 1


def test_a_request_tells_nobody(app, cast):
    database.shift_clock(on("2026-12-14"))

    do_due_work(app)

    assert told("turning-four-90") == set()


@pytest.mark.parametrize(
    ("day", "count"),
    [("2027-01-01", 0), ("2027-01-02", 1), ("2027-01-18", 2), ("2027-01-29", 3), ("2027-02-01", 0)],
)
def test_a_dated_sharing_is_announced_30_14_and_3_days_before(cast, day, count):
    """The last day is 31 January: the copies end with it."""
    Grant.update(until=date(2027, 1, 31)).where(Grant.id == cast.mia_grant.id).execute()
    for before in ("2027-01-02", "2027-01-18", "2027-01-29"):
        if before <= day and count:
            database.shift_clock(on(before))
            endings.tell_due(on(before))
    database.shift_clock(on(day))
    endings.tell_due(on(day) + timedelta(hours=1))

    notices = Notice.select().where(Notice.code == "sharing-ends")
    assert [row.person_id for row in notices] == [cast.ivan.id] * count


# ── the last day ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("english")
def test_the_last_day_before_the_birthday_is_proposed_and_can_be_changed(as_user, cast):
    ines, url = as_user("ines"), f"/children/{cast.leo.id}"
    proposed = ines.page(f"{url}/access").find(id="until")
    page = ines.page(f"{url}/hand-over")
    assert proposed["value"] == "2027-03-13"
    assert "no last day" in page.get_text()

    last_day = page.find("a", href=lambda to: to.endswith("/last-day"))["href"]
    assert ines.page(last_day).find(id="until")["value"] == "2027-03-13"
    assert ines.post(last_day, {"until": "2027-09-14"}).status_code == 303

    assert cast.leo_grant.until == date(2027, 9, 14)
    assert "last day: 14 September 2027" in ines.words(f"{url}/hand-over")
    assert ines.page(last_day).find(id="until")["value"] == "2027-09-14"
    assert Audit.select().where(Audit.action == "grant.last-day").count() == 1
    ines.post(last_day, {"until": ""})
    assert cast.leo_grant.until is None


def test_a_child_that_is_four_already_gets_no_day_proposed(as_user, cast):
    page = as_user("ivan").page(f"/children/{cast.mia.id}/access")

    assert not page.find(id="until").get("value")


@pytest.mark.parametrize("until", ["2026-11-23", "x"])
def test_a_last_day_is_not_in_the_past(as_user, cast, until):
    url = f"/children/{cast.leo.id}/access/grants/{cast.leo_grant.id}/last-day"

    answer = as_user("ines").post(url, {"until": until})

    assert answer.status_code == 422
    assert cast.leo_grant.until is None


def test_what_has_ended_is_not_prolonged(as_user, cast):
    document.stop_sharing(cast.leo_grant, cast.ines, clock())
    url = f"/children/{cast.leo.id}/access/grants/{cast.leo_grant.id}/last-day"

    answer = as_user("ines").post(url, {"until": "2027-09-14"})

    assert answer.status_code == 409
    assert cast.leo_grant.until is None


def test_a_grant_of_another_child_keeps_its_last_day(as_user, cast):
    url = f"/children/{cast.leo.id}/access/grants/{cast.mia_grant.id}/last-day"

    assert as_user("ines").get(url).status_code == 404
    assert as_user("ines").post(url, {"until": "2026-11-24"}).status_code == 404
    assert cast.mia_grant.until is None


# ── the pack ─────────────────────────────────────────────────────────────────────────────────────


def unpacked(answer: Any) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(answer.data)) as pack:
        assert pack.testzip() is None
        return {name: pack.read(name) for name in pack.namelist()}


@pytest.mark.usefixtures("english")
def test_the_pack_holds_plan_paper_photo_and_people_and_its_taking_is_noted(as_user, cast):
    answer = as_user("ines").post(f"/children/{cast.leo.id}/hand-over.zip")
    files = unpacked(answer)

    assert answer.mimetype == "application/zip"
    assert answer.headers["Content-Disposition"] == "attachment; filename=hand-over.zip"
    assert answer.headers["Cache-Control"] == "no-store"
    content = document.content_of(cast.leo_version)
    assert files["plan.json"].decode() == content.canonical()
    pages = [page.blob.read() for page in cast.leo_scan.pages]
    assert [files[f"paper-{n}.jpg"] for n in range(1, len(pages) + 1)] == pages
    assert files["photo.jpg"] == cast.leo.photo.read()
    people = json.loads(files["contacts.json"])
    assert [row["name"] for row in people] == [row.name for row in Contact.of(cast.leo.id)]
    assert people[0]["phones"] == list(Contact.of(cast.leo.id)[0].phones)
    text = files["read-me.txt"].decode()
    assert "Léo Santos Weber" in text
    assert all(name in text for name in files if name != "read-me.txt")
    assert not any("Léo" in name for name in files)
    note = Audit.get(Audit.action == "child.hand-over")
    assert (note.person, note.child) == (cast.ines.id, cast.leo.id)


@pytest.mark.usefixtures("english")
def test_the_pack_of_a_stopped_plan_says_so_in_its_read_me(as_user, cast):
    endings.stop(cast.leo_plan, Stop("parents", "Inês", "2026-11-20"), cast.ines, clock())

    files = unpacked(as_user("marc").post(f"/children/{cast.leo.id}/hand-over.zip"))

    assert "STOPPED on 20 November 2026" in files["read-me.txt"].decode()
    assert files["plan.json"].decode() == document.content_of(cast.leo_version).canonical()


def with_passkey(client: Client) -> Authenticator:
    device = Authenticator()
    options = json.loads(client.post("/account/passkeys/challenges").data)
    client.post("/account/passkeys", {"answer": device.create(options)})
    return device


def proof(client: Client, device: Authenticator, form: Tag, about: str) -> str:
    wanted = {"purpose": form["data-passkey"], "about": about}
    return device.get(json.loads(client.post(form["data-challenge"], wanted).data))


def test_with_a_passkey_the_pack_needs_a_fresh_answer_about_this_child(as_user, cast):
    ines = as_user("ines")
    device = with_passkey(ines)
    form = ines.page(f"/children/{cast.leo.id}/hand-over").select_one("form[data-passkey]")

    for given in ("", "x", proof(ines, device, form, str(cast.mia.id))):
        answer = ines.post(form["action"], {"proof": given})
        assert answer.status_code == 403
        assert soup_of(answer).select_one(".errors[role=alert]")
    assert not Audit.select().where(Audit.action == "child.hand-over").exists()

    good = ines.post(form["action"], {"proof": proof(ines, device, form, form["data-about"])})
    assert "plan.json" in unpacked(good)


def test_with_a_passkey_the_export_needs_a_fresh_answer_about_this_plan_thrice_a_day(as_user, cast):
    ines, page = as_user("ines"), f"/children/{cast.leo.id}/hand-over"
    device = with_passkey(ines)
    pack, form = ines.page(page).select("form[data-passkey]")
    assert form["action"] == f"/plans/{cast.leo_plan.id}/export.json"

    for given in ("", proof(ines, device, pack, pack["data-about"])):
        assert ines.post(form["action"], {"proof": given}).status_code == 409
    assert not Audit.select().where(Audit.action == "plan.export").exists()

    def taken() -> int:
        given = proof(ines, device, form, form["data-about"])
        return ines.post(form["action"], {"proof": given}).status_code

    assert [taken() for _ in range(4)] == [200, 200, 200, 429]


def test_a_pack_is_taken_ten_times_a_day_at_most(as_user, cast):
    url = f"/children/{cast.leo.id}/hand-over.zip"
    Limit.allow(f"hand-over:{cast.ines.id}", 1, endings.DAY, clock())
    Limit.update(count=10).where(Limit.key == f"hand-over:{cast.ines.id}").execute()

    assert as_user("ines").post(url).status_code == 429
    later(clock() + endings.DAY)
    assert as_user("ines").post(url).status_code == 200


def test_the_pack_page_offers_print_and_export_of_the_plan(as_user, cast):
    page = as_user("ines").page(f"/children/{cast.leo.id}/hand-over")

    assert page.find("a", href=f"/plans/{cast.leo_plan.id}/print")
    assert page.find("form", action=f"/plans/{cast.leo_plan.id}/export.json")


def test_the_home_page_tells_when_the_birthday_is_near(as_user, cast):
    Person.update(language="en").execute()
    assert "turns four" not in as_user("ines").words("/home")

    later(on("2026-12-14"))

    assert "Léo turns four on 14 March 2027" in as_user("ines").words("/home")


def test_staff_and_strangers_take_no_pack(as_user, cast):
    for who, status in (("sami", 403), ("tessa", 403), ("olga", 404), ("zoe", 404)):
        answer = as_user(who).post(f"/children/{cast.leo.id}/hand-over.zip")
        assert answer.status_code == status
        assert b"PK" not in answer.data[:4]
