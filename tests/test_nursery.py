"""The crèche's board, and what its manager and staff look after behind it."""

from datetime import date, timedelta
from uuid import UUID, uuid4

import pytest
from authenticator import Authenticator
from client import Client, soup_of

import database
import models
import nurseries
import offline
import plan
from database import DataKey, DomainError, clock, local
from models import (
    Child,
    Device,
    DeviceState,
    Grant,
    KitUnit,
    MayHold,
    Nursery,
    PaperChild,
    Plan,
    Presence,
    Room,
    Staff,
    StaffRole,
)
from views import board, held

PAGES = ("manage", "shares", "people", "rooms", "paper", "presence", "devices")
LANGUAGES = ("en", "fr", "de", "lb", "pt")


def today() -> date:
    return local(clock()).date()


def tablet(cast, room: Room | None = None, name: str = "Tablet Beien") -> Device:
    """One in use."""
    device, code = offline.invite(cast.baach, room, name, False, cast.sami, clock(), cast.sami)
    return offline.claim(code, uuid4().bytes, "192.0.2.1", clock())


# ── the board ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["sami", "tessa"])
def test_the_board_shows_every_child_of_the_creche_by_room(at, cast, who):
    page = at(who).page("/nursery")

    rooms = {
        section.h2.get_text(strip=True): [child.get_text(" ") for child in section.find_all("li")]
        for section in page.select("[data-room]")
    }
    assert list(rooms) == [cast.papillons.name, cast.seestaere.name, cast.beien.name]
    leo = next(text for text in rooms[cast.papillons.name] if "Léo S." in text)
    assert "Allergy" in leo
    assert page.find("a", href=f"/plans/{cast.leo_plan.id}").get_text() == "Léo S."
    hugo = next(text for text in rooms[cast.papillons.name] if "Hugo Petit" in text)
    assert "On paper: classeur rouge, bureau" in hugo
    assert cast.ella.first_name not in page.get_text(), "only offered, so not looked after yet"
    assert cast.theo.first_name not in page.get_text(), "another crèche's"


def test_the_count_names_the_plans_on_paper_and_where_they_are(at, cast):
    words = at("sami").words("/nursery")

    assert "16 plans, 4 on paper (classeur rouge, bureau)" in words


def test_two_children_with_alike_names_in_a_room_are_told_apart(at, cast):
    names = {link.get_text() for link in at("sami").page("/nursery").select("a.cover")}

    assert cast.emma.short_name == cast.emma_z.short_name
    assert {cast.emma.name, cast.emma_z.name} <= names
    assert cast.emma.short_name not in names


def test_full_names_alike_are_told_apart_by_the_year_of_birth(cast):
    twins = [
        Child(first_name="Zoë", family_name="Meyer"),
        Child(first_name="Zoe", family_name="Meyer"),
    ]
    twins[0].born, twins[1].born = date(2023, 5, 1), date(2024, 5, 1)

    assert set(board.names((None, child) for child in twins).values()) == {
        "Zoë Meyer, 2023",
        "Zoe Meyer, 2024",
    }


def test_the_board_is_the_same_for_all_who_read_it(at, cast):
    def without_stamp(page):
        page.find(class_="stamp").decompose()
        return str(page)

    sami, tessa = (at(who).page("/nursery") for who in ("sami", "tessa"))

    assert "csrf" not in str(sami)
    assert not {"Sami", "Tessa"} & set(str(sami).replace("<", " ").split())
    assert without_stamp(sami) == without_stamp(tessa)


def test_the_board_does_not_depend_on_the_day_it_is_rendered(app, cast, monkeypatch):
    Grant.update(until=today() + timedelta(days=3)).where(Grant.id == cast.mia_grant.id).execute()
    with app.app_context():
        before = [held.render("board", language, cast.baach) for language in LANGUAGES]
        monkeypatch.setattr(database, "_offset", database._offset + timedelta(days=3))
        after = [held.render("board", language, cast.baach) for language in LANGUAGES]

    assert before == after


def test_a_search_finds_a_child_without_its_accents(at, cast):
    page = at("sami").page("/nursery")
    child = page.find("a", href=f"/plans/{cast.leo_plan.id}").find_parent("li")

    assert "leo santos weber" in child["data-search"]
    assert "boat" in child["data-search"]


def test_a_plan_past_its_date_still_stands_on_the_board_with_that_date(at, cast):
    page = at("sami").page("/nursery")
    child = page.find("a", href=f"/plans/{cast.tiago_plan.id}").find_parent("li")

    mark = child.find(attrs={"data-until": "2026-08-31"})
    assert "Date passed, still applies" in mark.get_text()


def test_a_change_that_waits_is_marked_and_the_plan_stays(at, cast):
    draft = plan.draft_of(cast.mia_plan, cast.ivan)
    plan.submit(draft, cast.ivan, clock())

    page = at("sami").page("/nursery")

    child = page.find("a", href=f"/plans/{cast.mia_plan.id}").find_parent("li")
    assert "Change waiting" in child.get_text()
    assert "Epilepsy" in child.get_text()


def test_a_child_whose_sharing_ended_stays_on_the_board_until_its_copies_must_go(at, cast):
    plan.stop_sharing(cast.leo_grant, cast.ines, clock())
    client = at("sami")

    child = client.page("/nursery").find("a", href=f"/plans/{cast.leo_plan.id}").find_parent("li")
    assert "Sharing has ended" in child.get_text()

    nurseries.child_left(cast.leo_grant, cast.sami, clock())
    assert client.page("/nursery").find("a", href=f"/plans/{cast.leo_plan.id}") is None


def test_another_creche_sees_nothing_of_it(at, cast):
    words = at("olga").words("/nursery")

    assert "Théo" in words
    for stranger in ("Léo", "Mia", "Noah", "Hugo", "classeur", cast.baach.name):
        assert stranger not in words


def test_a_tablet_reads_the_board_and_is_asked_to_sign_in_for_the_rest(app, cast):
    device = tablet(cast)
    Device.update(
        cookie=models.sealing.digest("a cookie"), cookie_until=clock() + timedelta(hours=1)
    ).where(Device.id == device.id).execute()
    client = Client(app)
    client.browser.set_cookie("device", "a cookie")

    assert "Léo S." in client.words("/nursery")
    for page in PAGES:
        assert client.get(f"/nursery/{page}").location.startswith("/sign-in?next=/nursery/"), page


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("page", PAGES)
def test_a_stranger_and_a_parent_get_nothing_of_a_creche(at, page):
    for who in ("zoe", "ines", "admin"):
        assert at(who).get(f"/nursery/{page}").status_code == 403


@pytest.mark.parametrize("page", PAGES)
def test_no_page_of_another_creche_names_its_children_people_or_tablets(at, cast, page):
    tablet(cast, name="Tablet Papillons")

    words = at("olga").words(f"/nursery/{page}")

    for secret in ("Léo", "Mia", "Ella", "Hugo", "classeur", "Sami", "Tessa", "Papillons"):
        assert secret not in words
    other = at("olga").get(f"/nursery/{page}?nursery={cast.baach.id}")
    assert other.status_code == 404


def test_olga_cannot_touch_anything_of_another_creche(at, cast):
    device, paper = tablet(cast), PaperChild.get()
    colleague = Staff.get(Staff.person == cast.tessa.id)
    client = at("olga")
    urls = [
        *(f"/nursery/shares/{cast.leo_grant.id}/{act}" for act in ("room", "departure")),
        *(f"/nursery/shares/{cast.ella_grant.id}/{act}" for act in ("acceptance", "refusal")),
        f"/nursery/people/{colleague.id}/end",
        f"/nursery/rooms/{cast.beien.id}",
        f"/nursery/rooms/{cast.beien.id}/moves",
        f"/nursery/paper/{paper.id}",
        f"/nursery/paper/{paper.id}/removal",
        *(f"/nursery/devices/{device.id}/{act}" for act in ("approval", "removal", "loss")),
    ]
    for url in urls:
        assert client.post(url, {"name": "x", "room": ""}).status_code == 404, url
        missing = url.replace(url.split("/")[3], str(uuid4()))
        assert client.post(missing, {"name": "x", "room": ""}).status_code == 404, missing
    for url in (f"/nursery/devices/{device.id}", f"/nursery/devices/{device.id}/enrolment"):
        assert client.get(url).status_code == 404, url


def test_staff_look_after_paper_and_presence_and_only_read_the_people(at, cast):
    client = at("tessa")
    colleague = Staff.get(Staff.person == cast.sami.id)

    for page in ("shares", "rooms", "devices"):
        assert client.get(f"/nursery/{page}").status_code == 403, page
    for page in ("people", "rooms", "devices"):
        answer = client.post(f"/nursery/{page}", {"name": "x", "role": "staff", "room": ""})
        assert answer.status_code == 403, page
    assert client.post(f"/nursery/people/{colleague.id}/end").status_code == 403
    assert client.post(f"/nursery/rooms/{cast.beien.id}", {"name": "x"}).status_code == 403
    assert client.page("/nursery/people").find("form", action="/nursery/people") is None
    assert client.get("/nursery/paper").status_code == 200
    assert "Ella" not in client.words("/nursery/manage"), "offered to the manager only"


def test_a_device_of_the_creche_is_the_managers_alone(at, cast):
    device = tablet(cast)

    assert at("tessa").get(f"/nursery/devices/{device.id}").status_code == 404
    assert at("tessa").post(f"/nursery/devices/{device.id}/removal").status_code == 404


def test_who_manages_two_creches_chooses_between_them(at, cast):
    Staff.create(
        nursery=cast.kueb, person=cast.sami, role=StaffRole.STAFF, data_key=cast.kueb.data_key_id
    )
    client = at("sami")
    there = f"?nursery={cast.kueb.id}"

    first = client.page("/nursery/manage")
    assert first.h1.get_text() == cast.baach.name
    assert first.find("a", href=f"/nursery/manage{there}")
    assert client.page(f"/nursery/manage{there}").h1.get_text() == cast.kueb.name
    assert client.page(f"/nursery/people{there}").find("a", href=f"/nursery/manage{there}")
    assert client.get(f"/nursery/shares{there}").status_code == 403, "no manager there"


# ── shares ───────────────────────────────────────────────────────────────────────────────────────


def test_an_offered_plan_waits_on_the_managers_first_page(at, cast):
    page = at("sami").page("/nursery/manage")

    link = page.find("a", string=cast.ella.name)
    assert link["href"] == f"/plans/{cast.ella_plan.id}/check"


def test_a_plan_is_refused_only_after_a_question(at, cast):
    client = at("sami")
    url = f"/nursery/shares/{cast.ella_grant.id}/refusal"

    question = client.page(url)
    assert cast.ella.first_name in question.get_text()
    assert cast.ella_grant.refused is None

    assert client.post(url).location == "/nursery/shares"
    assert cast.ella_grant.refused is not None
    assert "Ella" not in client.words("/nursery/shares")
    assert client.post(url).status_code == 409, "answered already"


def test_a_plan_that_another_creche_has_checked_is_accepted_at_once(at, cast):
    grant = plan.offer(cast.theo, cast.baach.id, cast.theo_parent)
    client = at("sami")
    url = f"/nursery/shares/{grant.id}/acceptance"

    assert client.post(url, {"room": str(cast.krokus.id)}).status_code == 422, "no room of theirs"
    answer = client.post(url, {"room": str(cast.beien.id)}, htmx=True)

    assert soup_of(answer).find(id="shares")
    assert Grant.get_by_id(grant.id).room_id == cast.beien.id
    assert "Théo" in client.words("/nursery")


def test_a_plan_that_nobody_has_checked_is_not_accepted_without_its_check(at, cast):
    answer = at("sami").post(f"/nursery/shares/{cast.ella_grant.id}/acceptance", {"room": ""})

    assert answer.status_code == 409
    assert cast.ella_grant.accepted is None


def test_the_manager_moves_a_child_to_another_room(at, cast):
    before = cast.baach.changes

    answer = at("sami").post(
        f"/nursery/shares/{cast.leo_grant.id}/room", {"room": str(cast.beien.id)}, htmx=True
    )

    assert cast.leo_grant.room_id == cast.beien.id
    assert cast.baach.changes > before, "the board is due"
    chosen = soup_of(answer).find(id=f"room-{cast.leo_grant.id}").find("option", selected=True)
    assert chosen["value"] == str(cast.beien.id)


def test_a_child_that_has_left_takes_its_copies_along(at, cast):
    client = at("sami")
    url = f"/nursery/shares/{cast.leo_grant.id}/departure"
    assert "Léo" in client.words(url)

    client.post(url)

    assert cast.leo_grant.ended_by_id == cast.sami.id
    assert cast.leo_grant.erase_due(clock())
    assert client.post(url).status_code == 409


def test_an_ended_share_says_what_each_tablet_still_holds(at, cast):
    first, second = tablet(cast, name="Tablet Eent"), tablet(cast, name="Tablet Zwee")
    for device in (first, second):
        MayHold.create(device=device, plan=cast.leo_plan.id, version=1, sent=clock())
    plan.stop_sharing(cast.leo_grant, cast.ines, clock())
    MayHold.update(erased=clock()).where(MayHold.device == first).execute()

    share = at("sami").page("/nursery/shares").find(id=f"share-{cast.leo_grant.id}")

    assert share["data-state"] == "ended"
    rows = {row.span.get_text(): row.get_text(" ") for row in share.find_all("li")}
    assert "erased 24 November 2026" in rows["Tablet Eent"]
    assert "may hold it since 24 November 2026" in rows["Tablet Zwee"]
    assert share.find("a", href=f"/nursery/shares/{cast.leo_grant.id}/departure")


def test_a_guardian_who_manages_the_creche_is_not_sent_to_check_the_own_child(at, cast):
    models.Guardian.create(person=cast.sami, child=cast.ella)

    share = at("sami").page("/nursery/shares").find(id=f"share-{cast.ella_grant.id}")

    assert share.find("a", href=f"/plans/{cast.ella_plan.id}/check") is None
    assert "second person" in share.get_text()


# ── people and rooms ─────────────────────────────────────────────────────────────────────────────


def test_the_manager_adds_a_colleague(at, cast):
    client = at("sami")

    answer = client.post("/nursery/people", {"name": "Ana Dias", "role": "staff"}, htmx=True)

    assert "Ana Dias" in soup_of(answer).find(id="people").get_text()
    assert "Ana Dias" in at("tessa").words("/nursery/people")
    assert "Ana Dias" not in at("olga").words("/nursery/people")


def test_a_colleague_without_a_name_is_not_added(at, cast):
    answer = at("sami").post("/nursery/people", {"name": " ", "role": "boss"})

    page = soup_of(answer)
    assert answer.status_code == 422
    assert len(page.select("[aria-invalid=true]")) == 2
    assert Staff.select().where(Staff.nursery == cast.baach).count() == 2


def test_who_no_longer_works_there_sees_nothing_from_the_next_page_on(at, cast):
    row = Staff.get(Staff.person == cast.tessa.id)
    tessa, sami = at("tessa"), at("sami")
    assert "Léo" in tessa.words("/nursery")

    assert "Tessa" in sami.words(f"/nursery/people/{row.id}/end")
    sami.post(f"/nursery/people/{row.id}/end")

    assert tessa.get("/nursery").status_code == 403
    assert tessa.get(f"/plans/{cast.leo_plan.id}").status_code == 404
    assert "Tessa" not in sami.words("/nursery/people")


def test_the_last_manager_stays(at, cast):
    row = Staff.get(Staff.person == cast.sami.id)

    answer = at("sami").post(f"/nursery/people/{row.id}/end")

    assert answer.status_code == 409
    assert "at least one manager" in answer.get_data(as_text=True)
    with pytest.raises(DomainError, match="last-manager"):
        nurseries.end_staff(row, clock())
    Staff.update(role=StaffRole.MANAGER).where(Staff.person == cast.tessa.id).execute()
    nurseries.end_staff(row, clock())


def invitation(client: Client, name: str = "Ana Dias", role: str = "staff") -> str:
    """Add a colleague and invite the person; the path of the link."""
    client.post("/nursery/people", {"name": name, "role": role})
    row = next(row for row in Staff.select() if row.name == name)
    answer = client.post(f"/nursery/people/{row.id}/invitations")
    return soup_of(answer).find(id="link")["value"].removeprefix("http://localhost")


def test_a_colleague_joins_by_a_link_that_works_once(at, cast):
    link = invitation(at("sami"))
    zoe = at("zoe")
    assert at("sami").browser.get("/nursery/people").text.count("no account") == 1

    for _ in range(2):
        assert cast.baach.name in zoe.words(link), "looking spends nothing"
    assert zoe.get("/nursery").status_code == 403
    zoe.post(link)

    assert "Léo" in zoe.words("/nursery")
    assert zoe.get("/nursery/shares").status_code == 403, "staff, not a manager"
    assert zoe.post(link).status_code == 404
    assert at("noor").get(link).status_code == 404


def test_an_invitation_asks_for_sign_in_first(app, at):
    link = invitation(at("sami"))

    assert Client(app).get(link).location == f"/sign-in?next={link}"


def test_a_newer_link_a_late_one_and_one_for_who_left_do_not_work(at, cast, monkeypatch):
    sami, zoe = at("sami"), at("zoe")
    first = invitation(sami)
    row = next(row for row in Staff.select() if row.name == "Ana Dias")
    again = sami.post(f"/nursery/people/{row.id}/invitations")
    second = soup_of(again).find(id="link")["value"].removeprefix("http://localhost")
    assert (zoe.get(first).status_code, zoe.get(second).status_code) == (404, 200)

    with monkeypatch.context() as later:
        later.setattr(database, "_offset", database._offset + timedelta(days=7, minutes=1))
        assert nurseries.invited(second.rpartition("/")[2], clock()) is None

    nurseries.end_staff(row, clock())
    assert zoe.post(second).status_code == 404
    assert not Staff.select().where(Staff.person == cast.zoe).exists()


def test_nobody_invites_into_another_creche_or_takes_a_second_place(at, cast):
    sami = at("sami")
    link = invitation(sami)
    row = next(row for row in Staff.select() if row.name == "Ana Dias")
    url = f"/nursery/people/{row.id}/invitations"
    mine = Staff.get(Staff.person == cast.sami)

    assert at("olga").post(url).status_code == 404
    assert at("tessa").post(url).status_code == 403
    assert at("tessa").post(link).status_code == 409, "works there already"
    assert sami.post(f"/nursery/people/{mine.id}/invitations").status_code == 409
    assert Staff.get_by_id(row.id).person_id is None


def test_guessing_links_is_slowed_down(at):
    zoe = at("zoe")

    answers = [zoe.get(f"/invitations/{uuid4().hex}").status_code for _ in range(12)]

    assert answers == [404] * 10 + [429] * 2


def test_rooms_are_added_renamed_and_put_in_order(at, cast):
    client = at("sami")

    client.post("/nursery/rooms", {"name": "Igelen"})
    new = Room.get(Room.name == "Igelen")
    client.post(f"/nursery/rooms/{cast.beien.id}", {"name": "Bienen"}, htmx=True)
    for _ in range(5):
        client.post(f"/nursery/rooms/{new.id}/moves", htmx=True)

    page = client.page("/nursery")
    assert [heading.get_text() for heading in page.select("[data-room] h2")] == [
        "Igelen",
        cast.papillons.name,
        cast.seestaere.name,
        "Bienen",
    ]
    assert client.post(f"/nursery/rooms/{new.id}", {"name": ""}).status_code == 422


# ── paper and presence ───────────────────────────────────────────────────────────────────────────

PAPER = {"name": "Finn W.", "peg_sign": "kite", "condition": "asthma", "place": "Büro", "room": ""}


def test_a_child_with_a_paper_plan_comes_onto_the_board_and_off_it(at, cast):
    client = at("tessa")

    answer = client.post("/nursery/paper", {**PAPER, "room": str(cast.beien.id)}, htmx=True)
    assert "Finn W." in soup_of(answer).find(id="paper").get_text()
    child = next(row for row in PaperChild.select() if row.name == "Finn W.")
    assert "5 on paper" in client.words("/nursery")

    url = f"/nursery/paper/{child.id}"
    form = client.page(url).find("form", action=url)
    assert form.find("option", value=str(cast.beien.id)).has_attr("selected")
    client.post(url, {**PAPER, "place": "rouden Dossier"})
    assert "On paper: rouden Dossier" in client.words("/nursery")

    assert "Finn W." in client.words(f"{url}/removal")
    client.post(f"{url}/removal")
    assert "Finn W." not in client.words("/nursery")


def test_odd_input_stands_beside_its_field(at, cast):
    client = at("tessa")
    odd = {"name": "a\x00b", "peg_sign": "dragon", "condition": "", "place": "x" * 500, "room": "1"}

    for url in ("/nursery/paper", f"/nursery/paper/{PaperChild.get().id}"):
        answer = client.post(url, odd)

        page = soup_of(answer)
        assert answer.status_code == 422
        assert len(page.select("form [aria-invalid=true]")) == 5
        assert page.find(id="place")["value"] == "x" * 500, "what was typed is still there"


def test_who_is_here_today_is_ticked_and_stands_on_the_board(at, cast):
    client = at("tessa")
    mine = Presence.select().where(Presence.day == today(), Presence.nursery == cast.baach)
    here = {row.child_id for row in mine}
    assert cast.sofia.id not in here

    answer = client.post(
        "/nursery/presence",
        {"day": today().isoformat(), "here": [str(cast.sofia.id)], "was": [str(cast.leo.id)]},
        htmx=True,
    )

    ticked = soup_of(answer).find_all("input", {"name": "here"}, checked=True)
    assert {UUID(box["value"]) for box in ticked} == here - {cast.leo.id} | {cast.sofia.id}
    page = client.page("/nursery")
    sofia = page.find("a", href=f"/plans/{cast.sofia_plan.id}").find_parent("li")
    leo = page.find("a", href=f"/plans/{cast.leo_plan.id}").find_parent("li")
    assert sofia["data-here"] == today().isoformat()
    assert leo["data-here"] == ""


def test_presence_of_a_foreign_child_and_of_another_day_is_not_taken(at, cast):
    client = at("tessa")
    foreign = {"day": today().isoformat(), "here": [str(cast.theo.id), "nonsense"]}

    client.post("/nursery/presence", foreign)
    nurseries.note_presence(cast.baach, today(), [cast.theo.id], [], clock())
    answer = client.post("/nursery/presence", {"day": "2026-11-23", "here": [str(cast.sofia.id)]})

    mine = Presence.select().where(Presence.nursery == cast.baach)
    assert not mine.where(Presence.child == cast.theo).exists()
    assert answer.status_code == 409
    assert not mine.where(Presence.child == cast.sofia).exists()


# ── tablets ──────────────────────────────────────────────────────────────────────────────────────

KEY = b"\x04" + b"k" * 64


def invited(client: Client, **more: str) -> tuple[Device, str]:
    answer = client.post("/nursery/devices", {"name": "Tablet Beien", "room": "", **more})
    assert answer.status_code == 200
    page = soup_of(answer)
    return Device.get(Device.name == "Tablet Beien"), page.find(
        attrs={"data-code": True}
    ).get_text()


def with_passkey(client: Client) -> Authenticator:
    device = Authenticator()
    options = client.post("/account/passkeys/challenges").get_json()
    client.post("/account/passkeys", {"answer": device.create(options)})
    return device


def proof(client: Client, device: Authenticator, about: str, what: str = "device-approve") -> dict:
    asked = {"purpose": what, "about": about}
    return {"proof": device.get(client.post("/account/passkeys/challenges", asked).get_json())}


def test_a_code_is_shown_once_as_letters_and_as_a_square(at, cast):
    client = at("sami")

    answer = client.post("/nursery/devices", {"name": "Tablet Beien", "room": "", "can_call": "y"})

    page = soup_of(answer)
    code = page.find(attrs={"data-code": True}).get_text()
    assert len(code.replace(" ", "")) == 10
    assert page.find("svg", {"class": "qr"}).path["d"].startswith("M")
    device = Device.get(Device.name == "Tablet Beien")
    assert device.can_call
    for url in ("/nursery/devices", f"/nursery/devices/{device.id}"):
        assert code not in client.words(url)
        assert code.replace(" ", "") not in client.words(url)


def test_the_manager_compares_six_digits_and_approves_with_a_passkey(at, cast):
    client = at("sami")
    passkey = with_passkey(client)
    device, code = invited(client)
    waiting = client.get(f"/nursery/devices/{device.id}/enrolment", htmx=True)
    assert soup_of(waiting).find(id="enrolment")["data-hx-trigger"] == "every 3s"

    device = offline.claim(code, KEY, "192.0.2.1", clock())
    arrived = soup_of(client.get(f"/nursery/devices/{device.id}/enrolment", htmx=True))
    shown = arrived.find(attrs={"data-digits": True}).get_text()
    assert shown.replace(" ", "") == offline.digits(device)
    assert "data-hx-trigger" not in arrived.find(id="enrolment").attrs

    form = client.page(f"/nursery/devices/{device.id}").find("form", {"data-passkey": True})
    assert form["data-passkey"] == "device-approve"
    answer = client.post(form["action"], proof(client, passkey, form["data-about"]))

    assert answer.location == "/nursery/devices"
    assert Device.get_by_id(device.id).state == DeviceState.ACTIVE
    assert Device.get_by_id(device.id).approved_by_id == cast.sami.id


def test_no_tablet_is_approved_without_a_passkey_for_this_very_key(at, cast):
    client = at("sami")
    passkey = with_passkey(client)
    device, code = invited(client)
    url = f"/nursery/devices/{device.id}/approval"
    assert client.post(url).status_code == 409, "no tablet has come"
    offline.claim(code, KEY, "192.0.2.1", clock())
    about = client.page(f"/nursery/devices/{device.id}").find("form", {"data-about": True})
    right = about["data-about"]

    once = proof(client, passkey, right)
    for wrong in (
        {},
        {"proof": "nonsense"},
        proof(client, passkey, "0" * 64),
        proof(client, passkey, right, what="share"),
    ):
        assert client.post(url, wrong).status_code == 409
        assert Device.get_by_id(device.id).state == DeviceState.WAITING
    assert client.post(url, once).status_code == 303
    assert client.post(url, once).status_code == 409, "a proof is spent"


def test_a_removed_tablet_and_a_lost_one_show_what_they_may_still_hold(at, cast):
    device = tablet(cast)
    MayHold.create(device=device, plan=cast.mia_plan.id, version=1, sent=clock())
    client = at("sami")
    assert "may hold 1 plan" in client.words("/nursery/devices")

    client.post(f"/nursery/devices/{device.id}/removal")
    assert Device.get_by_id(device.id).state == DeviceState.REVOKED

    url = f"/nursery/devices/{device.id}/loss"
    assert cast.mia.name in client.words(url)
    client.post(url)
    assert Device.get_by_id(device.id).state == DeviceState.LOST
    assert cast.mia.name in client.words(f"/nursery/devices/{device.id}")
    assert client.post(url).status_code == 409


def test_a_creche_has_at_most_ten_tablets(at, cast):
    for number in range(10):
        tablet(cast, name=f"Tablet {number}")

    answer = at("sami").post("/nursery/devices", {"name": "Tablet 11", "room": ""})

    assert answer.status_code == 409
    assert not Device.select().where(Device.name == "Tablet 11").exists()


def test_a_code_that_nobody_used_in_time_leaves_the_list(at, cast, monkeypatch):
    client = at("sami")
    invited(client)
    assert "Tablet Beien" in client.words("/nursery/devices")

    monkeypatch.setattr(database, "_offset", database._offset + timedelta(minutes=11))

    assert "Tablet Beien" not in client.words("/nursery/devices")


# ── sixty of everything ──────────────────────────────────────────────────────────────────────────


def many(cast, count: int) -> None:
    """More children with plans, tablets, colleagues and paper plans, all looked after at once."""
    key = cast.baach.data_key_id
    for number in range(count):
        child = Child.create(data_key=DataKey.make(), first_name=f"Kand{number}", family_name="X")
        row = Plan.create(child=child, salt=b"s", current=cast.leo_version)
        accepted = {"accepted": clock()} if number % 2 else {}
        Grant.create(child=child, nursery=cast.baach, room=cast.beien, **accepted)
        PaperChild.create(nursery=cast.baach, data_key=key, name=f"P{number}", room=cast.beien)
        Staff.create(nursery=cast.baach, data_key=key, name=f"S{number}")
        device = Device.create(
            nursery=cast.baach, room=cast.beien, name=f"T{number}", public_key=uuid4().bytes
        )
        MayHold.create(device=device, plan=row.id, version=1)


@pytest.mark.parametrize("page", PAGES)
def test_a_list_of_sixty_takes_as_many_statements_as_a_list_of_one(at, cast, statements, page):
    many(cast, 2)
    client = at("sami")
    client.get(f"/nursery/{page}")
    with statements() as few:
        client.get(f"/nursery/{page}")
    many(cast, 60)
    models.sealing.ring().opened.clear()
    with statements() as lots:
        answer = client.get(f"/nursery/{page}")

    assert answer.status_code == 200
    assert lots.count <= few.count + 2, "keys are opened in one statement"


def test_a_board_of_sixty_takes_as_many_statements_as_a_board_of_two(app, cast, statements):
    def count() -> int:
        with app.app_context(), statements() as seen:
            board.board_context(Nursery.get_by_id(cast.baach.id), "fr")
        return seen.count

    few = count()
    many(cast, 60)

    assert count() <= few + 2


def test_the_people_of_the_creche_find_every_pen_by_its_date_and_note_a_new_one(as_user, cast):
    page = as_user("tessa").page("/nursery/kits")

    rows = page.select("main li")
    assert "Léo Santos Weber" in page.text
    assert "Théo" not in page.text, "another crèche's child"
    links = [row.a["href"] for row in rows]
    assert len(links) == sum(len(KitUnit.of(cast_plan.id)) for cast_plan in Plan.select())
    assert as_user("tessa").get(links[0]).status_code == 200
