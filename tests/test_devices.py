"""Every kind of device: who may enrol it, what it may hold, when and how that ends."""

import re
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from test_offline import PLANS_OF_BAACH, Tablet, holding, row

import nurseries
import offline
from app import do_due_work
from database import DomainError, clock
from models import (
    Actor,
    Child,
    Device,
    DeviceChild,
    DeviceKind,
    DeviceState,
    Grant,
    Guardian,
    Person,
    Plan,
    SignIn,
    Staff,
)
from offices import Notice

DAY = 86400


@pytest.fixture(autouse=True)
def _in_english(app) -> None:
    """These tests look for English words, whatever their readers speak."""
    Person.update(language="en").execute()


@pytest.fixture
def now() -> Any:
    return clock()


@pytest.fixture
def enrol(app, cast, now):
    """`enrol(kind=..., ...)`: approved, and its own list rendered."""

    def make(room: Any = None, **more: Any) -> Tablet:
        if more.get("kind") == DeviceKind.FAMILY:
            _, code = offline.own_phone(more.get("person", cast.ines), "Phone", now)
        else:
            by = cast.sami
            _, code = offline.invite(cast.baach, room, "New", False, by, now, by, **more)
        device = Tablet(app)
        assert device.enrol(code).status_code == 200
        do_due_work(app)
        return device

    return make


@pytest.fixture
def outing(enrol, cast, now):
    """A pass for Léo and nobody else."""
    more = {"kind": DeviceKind.PASS, "ends": now + timedelta(hours=4)}
    return enrol(**more, children=[cast.leo.id, cast.theo.id])


def job_of(cast: Any, name: str) -> Staff:
    return Staff.get(Staff.person == getattr(cast, name), Staff.nursery == cast.baach)


# ── what each kind holds ─────────────────────────────────────────────────────────────────────────


def test_a_staff_phone_holds_what_a_tablet_does_for_fourteen_days(enrol, cast):
    phone = enrol(kind=DeviceKind.PHONE, staff=job_of(cast, "tessa").id)

    phone.sync()

    assert len(phone.lines) == PLANS_OF_BAACH
    lease = phone.roll["lease"]
    assert [lease[name] // DAY for name in ("amber", "red", "warn", "cap")] == [1, 7, 10, 14]


def test_a_pass_holds_the_chosen_children_of_this_creche_and_a_list_of_them_only(outing, cast):
    outing.sync()

    assert list(outing.lines) == [str(cast.leo_plan.id)]
    common = outing.json(outing.roll["common"])
    board = outing.page_of(common["pages"]["board.en"])
    assert "Léo" in board
    assert "Mia" not in board
    assert outing.roll["lease"]["ends"] == int(row(outing).ends.timestamp())


def test_a_pass_of_one_room_holds_that_room(enrol, cast, now):
    more = {"kind": DeviceKind.PASS, "ends": now + timedelta(hours=4)}
    substitute = enrol(cast.papillons, **more)

    substitute.sync()

    assert str(cast.leo_plan.id) in substitute.lines
    assert str(cast.mia_plan.id) not in substitute.lines
    common = substitute.json(substitute.roll["common"])
    assert cast.mia.first_name not in substitute.page_of(common["pages"]["board.fr"])


def test_a_pass_whose_children_or_room_are_gone_holds_nothing(outing, cast):
    DeviceChild.delete().execute()

    outing.sync()

    assert outing.lines == {}


def test_a_guardians_phone_holds_the_own_children_of_every_creche_or_none(enrol, cast):
    own = enrol(kind=DeviceKind.FAMILY)
    Grant.delete().where(Grant.child == cast.leo.id).execute()

    own.sync()

    mine = Plan.select(Plan.id).where(
        Plan.child.in_(Guardian.children_of(Actor(cast.ines))), Plan.current.is_null(False)
    )
    assert set(own.lines) == {str(plan.id) for plan in mine}
    common = own.json(own.roll["common"])
    assert cast.leo.name in own.page_of(common["pages"]["board.pt"])
    assert cast.mia.name not in own.page_of(common["pages"]["board.pt"])


def test_a_change_reaches_the_lists_of_passes_and_phones(app, enrol, outing, cast):
    own = enrol(kind=DeviceKind.FAMILY)
    child = Child.get_by_id(cast.leo.id)
    child.first_name = "Leonardo"
    child.save()
    Plan.touch(child.id)
    do_due_work(app)

    for device in (own, outing):
        device.sync()
        common = device.json(device.roll["common"])
        assert "Leonardo" in device.page_of(common["pages"]["board.de"])


# ── what each kind reads online ──────────────────────────────────────────────────────────────────


def test_online_a_device_reads_what_it_may_hold_and_nothing_else(enrol, outing, cast):
    own = enrol(kind=DeviceKind.FAMILY)
    for device in (own, outing):
        device.sync()
        reads = lambda path, device=device: device.browser.get(path).status_code  # noqa: E731
        assert reads(f"/plans/{cast.leo_plan.id}") == 200
        assert reads(f"/plans/{cast.mia_plan.id}") == 404
        assert reads(f"/plans/{cast.theo_plan.id}") == 404
        assert reads(f"/plans/{cast.leo_plan.id}/versions") == 403
        assert reads(f"/children/{cast.leo.id}") == 403
    board = outing.browser.get("/nursery").get_data(as_text=True)
    assert "Léo" in board
    assert "Mia" not in board
    assert own.browser.get("/nursery").status_code == 404


# ── how it ends ──────────────────────────────────────────────────────────────────────────────────


def test_a_pass_past_its_end_reads_nothing_and_is_told_so_at_its_next_contact(outing, cast, now):
    outing.sync()
    Device.update(ends=now - timedelta(seconds=1)).where(Device.id == outing.id).execute()

    assert outing.browser.get(f"/plans/{cast.leo_plan.id}").status_code == 404
    assert outing.sync()["state"] == "ended"
    assert (row(outing).state, outing.head["roll"]) == (DeviceState.ENDED, "")
    outing.sync(erased=[str(cast.leo_plan.id)])
    assert holding(outing, cast.leo_plan).erased is not None


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"kind": "pass"}, "pass-needs-an-end"),
        ({"kind": "pass", "hours": 13}, "pass-too-long"),
        ({"kind": "pass", "hours": -1}, "pass-too-long"),
        ({"kind": "tablet", "hours": 2}, "pass-needs-an-end"),
        ({"kind": "phone"}, "phone-needs-a-person"),
    ],
)
def test_what_makes_no_sense_is_not_enrolled(cast, now, more, code):
    if hours := more.pop("hours", None):
        more["ends"] = now + timedelta(hours=hours)
        more["children"] = [cast.leo.id]

    with pytest.raises(DomainError, match=code):
        offline.invite(cast.baach, None, "x", False, cast.sami, now, **more)


def test_a_pass_for_nobody_is_not_enrolled(cast, now):
    more = {"kind": DeviceKind.PASS, "ends": now + timedelta(hours=1)}
    with pytest.raises(DomainError, match="pass-needs-children"):
        offline.invite(cast.baach, None, "x", False, cast.sami, now, **more)


def test_the_phone_of_who_leaves_is_revoked_and_the_tablet_is_not(enrol, cast, now):
    tablet, phone = enrol(), enrol(kind=DeviceKind.PHONE, staff=job_of(cast, "tessa").id)

    nurseries.end_staff(job_of(cast, "tessa"), now)

    assert phone.sync()["state"] == "revoked"
    assert tablet.sync()["state"] == "active"


def test_signing_out_ends_ones_own_phone_and_the_session(enrol, cast, as_user):
    own = enrol(kind=DeviceKind.FAMILY)
    own.sync()
    client = as_user("ines")
    own.browser = client.browser

    assert own.sync()["state"] == "active"
    assert own.sync(left=True)["state"] == "ended"
    assert not SignIn.select().where(SignIn.person == cast.ines, SignIn.ended.is_null()).exists()


@pytest.mark.parametrize(("who", "state"), [("ines", "active"), ("marc", "ended")])
def test_somebody_else_who_signs_in_ends_a_guardians_phone(enrol, as_user, who, state):
    own = enrol(kind=DeviceKind.FAMILY)
    own.sync()
    own.browser = as_user(who).browser

    assert own.sync()["state"] == state


@pytest.mark.parametrize("who", ["ines", "marc", "sami"])
def test_nobody_who_signs_in_or_out_on_a_tablet_ends_it(enrol, as_user, who):
    tablet = enrol()
    tablet.browser = as_user(who).browser

    assert tablet.sync(left=True)["state"] == "active"
    assert len(tablet.lines) == PLANS_OF_BAACH


def test_an_expired_session_leaves_the_guardians_phone(enrol, cast):
    own = enrol(kind=DeviceKind.FAMILY)
    own.sync()
    SignIn.update(ended=clock()).execute()

    assert own.sync()["state"] == "active"
    assert str(cast.leo_plan.id) in own.lines


def test_the_end_of_a_guardians_rights_erases_from_that_phone_only(enrol, cast, now):
    hers, his = enrol(kind=DeviceKind.FAMILY), enrol(kind=DeviceKind.FAMILY, person=cast.marc)
    hers.sync()
    his.sync()
    his_row = (Guardian.person == cast.marc) & (Guardian.child == cast.leo)
    Guardian.update(ended=now).where(his_row).execute()
    leo = str(cast.leo_plan.id)

    hers.sync()
    his.sync()

    assert his.lines[leo][2] == "erase"
    assert hers.lines[leo][2] == "held"


def test_a_new_device_replaces_the_one_it_names_once_it_is_approved(app, enrol, cast, now):
    old = enrol()
    old.sync()
    cookie = old.browser.get_cookie("device").value
    _, code = offline.invite(cast.baach, None, "Anew", False, cast.sami, now, replaces=old.id)
    new = Tablet(app)
    new.enrol(code)
    assert row(old).state == DeviceState.ACTIVE

    offline.approve(row(new), cast.sami, now)

    assert Device.by_cookie(cookie, now) is None
    assert old.sync()["state"] == "replaced"
    assert holding(old, cast.leo_plan).erased is None, "until its receipt or its cap"


# ── who is told ──────────────────────────────────────────────────────────────────────────────────


def told(code: str) -> set[tuple[UUID, UUID]]:
    notices = Notice.select(Notice.person, Notice.subject).where(Notice.code == code)
    return set(notices.tuples())


def test_guardians_are_told_at_once_of_a_new_and_of_a_lost_device(app, cast, now, as_user):
    _, code = offline.invite(cast.baach, None, "Hall", False, cast.sami, now)
    tablet = Tablet(app)
    tablet.enrol(code)
    offline.approve(row(tablet), cast.sami, now)
    assert {(cast.ines.id, cast.leo.id), (cast.marc.id, cast.leo.id)} <= told("device-new")
    assert cast.theo.id not in {child for _, child in told("device-new")}
    tablet.sync()

    as_user("sami").post(f"/nursery/devices/{tablet.id}/loss")

    assert (cast.ines.id, cast.leo.id) in told("device-lost")
    page = as_user("ines").words(f"/children/{cast.leo.id}/access")
    assert "1 reported lost, may still hold it" in page
    assert "last checked today 08:1" in page


# ── the pages ────────────────────────────────────────────────────────────────────────────────────


def test_a_manager_enrols_a_phone_and_a_pass(as_user, cast):
    client, tessa = as_user("sami"), job_of(cast, "tessa")
    form = {"kind": "phone", "name": "Tessa’s phone", "room": "", "staff": str(tessa.id)}
    assert client.post("/nursery/devices", form).status_code == 200
    room = str(cast.papillons.id)
    form = {"kind": "pass", "name": "Substitute", "room": room, "until": "17:30"}
    assert client.post("/nursery/devices", form).status_code == 200

    phone, visit = (Device.get(Device.name == name) for name in ("Tessa’s phone", "Substitute"))
    assert (phone.kind, phone.staff_id) == ("phone", tessa.id)
    assert (visit.kind, visit.room_id, f"{offline.local(visit.ends):%H:%M}") == (
        *("pass", cast.papillons.id),
        "17:30",
    )
    assert "Pass for a few hours" in client.words("/nursery/devices")


@pytest.mark.parametrize(
    ("more", "said"),
    [({"until": "25:00"}, "Write the time"), ({"until": "17:30"}, "choose it, or plan an outing")],
)
def test_a_pass_that_is_not_possible_says_why_and_loses_nothing(as_user, more, said):
    form = {"kind": "pass", "name": "Sub", "room": ""}

    answer = as_user("sami").post("/nursery/devices", form | more)

    assert answer.status_code in {409, 422}
    assert said in answer.get_data(as_text=True)
    assert 'value="Sub"' in answer.get_data(as_text=True)


def test_an_outing_is_a_pass_with_a_list_of_contacts_medicine_and_plans(as_user, cast):
    client = as_user("sami")
    form = {"name": "Forest", "until": "17:00", "children": [str(cast.leo.id)]}

    answer = client.post("/nursery/outing", form)

    assert answer.status_code == 200
    device = Device.get(Device.name == "Forest")
    assert [one.child_id for one in device.children] == [cast.leo.id]
    page = client.words(f"/nursery/outing/{device.id}")
    assert cast.leo.name in page
    assert "621 555 101" in page
    assert cast.mia.first_name not in page
    unknown = {"name": "x", "until": "17:00", "children": [str(cast.theo.id)]}
    assert client.post("/nursery/outing", unknown).status_code == 422
    assert client.post("/nursery/outing", {"name": "x", "until": "17:00"}).status_code == 422


def test_a_guardian_keeps_the_plans_on_the_own_phone_without_typing_a_code(app, as_user, cast):
    client = as_user("ines")

    answer = client.post("/account/devices", {"name": "My phone"})

    page, code = answer.location.split("#")
    phone = Tablet(app)
    assert page == "/enrol"
    assert phone.enrol(code).json["kind"] == "family"
    assert phone.sync()["state"] == "active"
    assert "My phone" in client.words("/account/devices")
    assert "My phone" not in as_user("marc").words("/account/devices")
    assert as_user("marc").post(f"/account/devices/{phone.id}/removal").status_code == 404
    client.post(f"/account/devices/{phone.id}/removal")
    assert phone.sync()["state"] == "revoked"


def test_a_manager_never_sees_a_familys_phone(as_user, enrol, cast):
    own = enrol(kind=DeviceKind.FAMILY)

    assert as_user("sami").get(f"/nursery/devices/{own.id}").status_code == 404
    assert own.id not in as_user("sami").get("/nursery/devices").get_data(as_text=True)


def test_every_test_that_the_table_of_events_names_exists():
    root = Path(__file__).parent
    written = "".join(path.read_text() for path in root.rglob("test_*.py"))
    rows = re.findall(
        r"^\|.*\| `(test_\w+)` \|$", (root.parent / "docs/offline.md").read_text(), re.M
    )

    assert len(rows) > 20
    assert [name for name in rows if f"def {name}(" not in written] == []
