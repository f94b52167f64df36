"""What the server tells a device: a simulator of it, and every rule of the answer."""

import base64
import gzip
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from flask import Flask
from werkzeug.test import TestResponse

import demo
import offline
import plan as plans
import sealing
from app import do_due_work
from database import DomainError, clock
from models import (
    Audit,
    Device,
    DeviceState,
    Grant,
    KitUnit,
    Limit,
    MayHold,
    Nursery,
    Plan,
    RenderedPage,
    SentRoll,
)
from phrases import LANGUAGES
from shelf import PlacePhoto

NOW = demo.NOW
PLANS_OF_BAACH = 16  # with a running grant and a version in force
ORIGIN = {"Sec-Fetch-Site": "same-origin"}


class Tablet:
    """A device as static/device.js is one: signs, checks, keeps, asks for the rest."""

    def __init__(self, app: Flask) -> None:
        self.browser = app.test_client()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.point = self.key.public_key().public_bytes(*sealing.POINT)
        self.id = ""
        self.n = self.seq = self.applied = 0
        self.have = ""
        self.blobs: dict[str, bytes] = {}
        self.head: dict[str, Any] = {}

    def sign(self, context: str, body: bytes) -> str:
        signed = self.key.sign(context.encode() + b"\n" + body, ec.ECDSA(SHA256()))
        raw = b"".join(half.to_bytes(32, "big") for half in decode_dss_signature(signed))
        return base64.urlsafe_b64encode(raw).decode().rstrip("=")

    def enrol(self, code: str, **more: Any) -> TestResponse:
        said = {"v": 1, "code": code, "public_key": base64.b64encode(self.point).decode()} | more
        body = json.dumps(said).encode()
        mark = f"new.{self.sign('kannerplang-enrol-1', body)}"
        answer = self.browser.post("/enrol", data=body, headers={"Device": mark} | ORIGIN)
        self.id = (answer.json or {}).get("device", self.id) if answer.is_json else self.id
        return answer

    def post(self, **more: Any) -> TestResponse:
        """One request as it is, without heeding the answer."""
        self.n += 1
        asked = {"v": 1, "n": self.n, "seq": self.seq, "have": self.have, "want": [], "events": []}
        body = json.dumps(asked | {"applied": self.applied, "erased": []} | more).encode()
        mark = f"{self.id}.{self.sign('kannerplang-sync-1', body)}"
        return self.browser.post("/sync", data=body, headers={"Device": mark} | ORIGIN)

    def sync(self, **more: Any) -> dict[str, Any]:
        """One round: believe the head, keep the entries, take the roll into use when whole."""
        answer = self.post(**more)
        assert answer.status_code == 200, answer.status
        self.received = self.read(answer.get_data())
        if self.head["roll"]:
            self.have = self.head["roll"]
            if not self.missing():
                self.applied = self.seq
        return self.head

    def read(self, body: bytes) -> list[str]:
        line, _, rest = body.partition(b"\n")
        first = json.loads(line)
        current, _ = sealing.public_keys()
        signature = base64.b64decode(first["sig"])
        assert sealing.verify(current, "kannerplang-head-1", first["head"].encode(), signature)
        self.head = json.loads(first["head"])
        assert (self.head["device"], self.head["n"]) == (self.id, self.n)
        assert self.head["seq"] > self.seq
        self.seq = self.head["seq"]
        for name, length in first["entries"]:
            piece, rest = rest[:length], rest[length:]
            assert sealing.digest(piece).hex() == name
            self.blobs[name] = piece
        assert rest == b""
        return [name for name, _ in first["entries"]]

    def json(self, name: str) -> dict[str, Any]:
        return json.loads(gzip.decompress(self.blobs[name]))

    @property
    def roll(self) -> dict[str, Any]:
        return self.json(self.have)

    @property
    def lines(self) -> dict[str, tuple]:
        return {line[0]: tuple(line[1:]) for line in self.roll["children"]}

    def pack(self, plan: Plan) -> dict[str, Any]:
        return self.json(self.lines[str(plan.id)][1])

    def missing(self) -> list[str]:
        """What has to be here before the roll counts; scans may follow."""
        if self.have not in self.blobs:
            return [self.have]
        packs = [self.roll["common"], *(line[1] for line in self.lines.values() if line[1])]
        need = [name for name in packs if name not in self.blobs]
        for pack in (self.json(name) for name in packs if name in self.blobs):
            photo = [pack["files"]["photo"]] if "photo" in pack["files"] else []
            need += [x for x in [*pack["pages"].values(), *photo] if x not in self.blobs]
        return need

    def page(self, plan: Plan, name: str) -> str:
        return self.page_of(self.pack(plan)["pages"][name])

    def page_of(self, name: str) -> str:
        return gzip.decompress(self.blobs[name]).decode()


@pytest.fixture
def now() -> datetime:
    return clock()


@pytest.fixture
def enrol(app: Flask, cast: Any) -> Callable[..., Tablet]:
    """`enrol()` is an approved tablet of Sami's crèche; `room=` ties it to one room."""

    def make(room: Any = None, nursery: Nursery | None = None, approve: bool = True) -> Tablet:
        nursery = nursery or cast.baach
        by = cast.sami if approve else None
        _, code = offline.invite(nursery, room, "Tablet", False, cast.sami, clock(), by)
        tablet = Tablet(app)
        assert tablet.enrol(code).status_code == 200
        return tablet

    return make


@pytest.fixture
def tablet(enrol: Callable[..., Tablet]) -> Tablet:
    return enrol()


def row(tablet: Tablet) -> Device:
    return Device.get_by_id(tablet.id)


def holding(tablet: Tablet, plan: Plan) -> MayHold:
    return MayHold.get(MayHold.device == tablet.id, MayHold.plan == plan.id)


def end(grant: Grant, by: Any, when: datetime) -> None:
    plans.stop_sharing(grant, by, when)


# ── enrolment ────────────────────────────────────────────────────────────────────────────────────


def test_a_code_enrols_one_key_and_the_same_key_gets_the_same_answer(app, cast, now):
    _, code = offline.invite(cast.baach, None, "Tablet", False, cast.sami, now)
    first, second = Tablet(app), Tablet(app)

    once = first.enrol(code).json
    again = first.enrol(code).json
    other = second.enrol(code)

    assert once == again
    assert (other.status_code, other.json) == (422, {"refused": "enrolment-code-unknown"})


@pytest.mark.parametrize("typed", [str.lower, lambda code: f"{code[:5]} {code[5:]}"])
def test_a_code_may_be_typed_as_people_type(app, cast, now, typed):
    _, code = offline.invite(cast.baach, None, "Tablet", False, cast.sami, now)

    assert Tablet(app).enrol(typed(code)).status_code == 200


def test_a_code_dies_after_ten_minutes(app, cast, now):
    early = now - timedelta(minutes=10, seconds=1)
    _, code = offline.invite(cast.baach, None, "Tablet", False, cast.sami, early)

    assert Tablet(app).enrol(code).json == {"refused": "enrolment-code-unknown"}


def test_five_wrong_codes_shut_an_address_out_and_right_ones_do_not_count(app, cast, now):
    for _ in range(4):
        _, code = offline.invite(cast.baach, None, "Tablet", False, cast.sami, now)
        assert Tablet(app).enrol(code).status_code == 200
    _, code = offline.invite(cast.baach, None, "Tablet", False, cast.sami, now)
    for _ in range(5):
        assert Tablet(app).enrol("AAAAAAAAAA").status_code == 422

    assert Tablet(app).enrol(code).status_code == 429
    assert not Limit.select().where(Limit.key.contains("127.0.0.1")).exists()


def test_a_nursery_has_ten_devices_at_most(cast, now):
    for no in range(offline.MOST_DEVICES):
        offline.invite(cast.baach, None, f"Tablet {no}", False, cast.sami, now)

    with pytest.raises(DomainError, match="too-many-devices"):
        offline.invite(cast.baach, None, "one more", False, cast.sami, now)
    offline.invite(cast.baach, None, "later", False, cast.sami, now + timedelta(minutes=11))


def test_a_public_key_without_its_other_half_enrols_nothing(app, cast, now):
    _, code = offline.invite(cast.baach, None, "Tablet", False, cast.sami, now)
    thief = Tablet(app)
    thief.key = ec.generate_private_key(ec.SECP256R1())

    assert thief.enrol(code).status_code == 401
    assert Tablet(app).enrol(code).status_code == 200


def test_a_device_that_waits_gets_no_list_and_no_cookie(cast, enrol):
    waiting = enrol(approve=False)

    head = waiting.sync()

    assert (head["state"], head["roll"], waiting.received) == ("waiting", "", [])
    assert not waiting.browser.get_cookie("device")
    assert not MayHold.select().where(MayHold.device == waiting.id).exists()


def test_approval_is_given_once_and_only_to_a_device_that_has_come(cast, enrol, now):
    invited, _ = offline.invite(cast.baach, None, "Tablet", False, cast.sami, now)
    with pytest.raises(DomainError, match="device-not-waiting"):
        offline.approve(invited, cast.sami, now)
    waiting = enrol(approve=False)

    offline.approve(row(waiting), cast.sami, now)

    assert waiting.sync()["state"] == "active"
    with pytest.raises(DomainError, match="device-not-waiting"):
        offline.approve(row(waiting), cast.sami, now)


def test_both_screens_can_tell_the_six_digits_from_key_and_server(tablet):
    server, _ = sealing.public_keys()
    mark = sealing.digest(tablet.point + server)

    digits = offline.digits(row(tablet))

    assert digits == f"{int.from_bytes(mark[:4], 'big') % 10**6:06}"


# ── who is asking ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("mark", ["", "x", "{id}", "{id}.", "{id}.AAAA", f"{uuid4()}.AAAA", "ä.é"])
def test_without_a_good_signature_there_is_no_answer(tablet, mark):
    headers = {"Device": mark.format(id=tablet.id).encode().decode("latin1")} | ORIGIN

    answer = tablet.browser.post("/sync", data=b"{}", headers=headers)

    assert (answer.status_code, answer.get_data()) == (401, b"")


def test_another_devices_key_does_not_sign_for_this_one(enrol):
    mine, other = enrol(), enrol()
    other.id = mine.id

    assert other.post().status_code == 401


def test_a_request_that_came_before_is_refused_with_the_counter(tablet):
    tablet.n = 500
    tablet.sync()
    tablet.n = 100

    answer = tablet.post()

    assert (answer.status_code, answer.json) == (409, {"n": 501})
    tablet.n = answer.json["n"]
    assert tablet.sync()["n"] == 502


@pytest.mark.parametrize(
    "odd",
    [
        {"v": 2},
        {"n": "1"},
        {"n": 1 << 60},
        {"n": True},
        {"seq": -1},
        {"want": 5},
        {"want": None},
        {"erased": ["no-id"]},
        {"events": [{}]},
        {"held": {"x": [1]}},
        {"held": []},
    ],
)
def test_odd_requests_are_refused_without_a_trace(tablet, odd):
    before = row(tablet).n

    assert tablet.post(**odd).status_code == 400
    assert row(tablet).n == before


def test_a_large_body_is_refused(tablet):
    assert tablet.post(padding="x" * (1 << 19)).status_code == 413


def test_a_contact_gives_a_cookie_that_reads_for_a_day_and_is_renewed(tablet, cast):
    tablet.sync()
    cookie = tablet.browser.get_cookie("device").value

    tablet.sync()

    assert tablet.browser.get_cookie("device").value == cookie
    device = Device.by_cookie(cookie, clock())
    assert str(device.id) == tablet.id
    assert Device.by_cookie(cookie, clock() + timedelta(hours=25)) is None
    assert tablet.browser.get(f"/plans/{cast.leo_plan.id}").status_code == 200
    assert tablet.browser.get(f"/plans/{cast.theo_plan.id}").status_code == 404


# ── what is sent ─────────────────────────────────────────────────────────────────────────────────


def test_the_first_answer_brings_every_plan_in_every_language(tablet, cast):
    head = tablet.sync()

    assert head["state"] == "active"
    assert head["local"] == "2026-11-24T08:12"
    assert tablet.missing() == []
    assert len(tablet.lines) == PLANS_OF_BAACH
    assert all(line[2] == "held" for line in tablet.lines.values())
    pack = tablet.pack(cast.leo_plan)
    kinds = {f"{kind}.{lang}" for kind in offline.PAGES for lang in LANGUAGES}
    assert set(pack["pages"]) == kinds
    assert cast.leo.name in tablet.page(cast.leo_plan, "plan.lb")
    common = tablet.json(tablet.roll["common"])
    kinds = {f"{kind}.{lang}" for kind in offline.BOARDS for lang in LANGUAGES}
    assert set(common["pages"]) == kinds
    assert set(common["words"]) == set(LANGUAGES)


def test_another_nurserys_plan_is_never_named(tablet, cast):
    tablet.sync()

    assert str(cast.theo_plan.id) not in tablet.lines
    assert not any(
        b"Krier" in gzip.decompress(x) for x in tablet.blobs.values() if x[:2] == b"\x1f\x8b"
    )


def test_a_tablet_of_one_room_gets_that_room(enrol, cast):
    of_room = enrol(room=cast.papillons)

    of_room.sync()

    assert str(cast.leo_plan.id) in of_room.lines
    assert str(cast.mia_plan.id) not in of_room.lines


def test_who_may_hold_is_written_with_the_answer(tablet, cast):
    tablet.sync()

    note = holding(tablet, cast.leo_plan)
    assert (note.version, note.erased, note.confirmed) == (cast.leo_version.no, None, None)
    tablet.sync()
    assert holding(tablet, cast.leo_plan).confirmed is not None
    assert row(tablet).roll == tablet.have


def test_nothing_changed_is_said_in_a_kilobyte(tablet, statements):
    tablet.sync()
    tablet.sync()
    with statements() as seen:
        answer = tablet.post()

    assert len(answer.get_data()) < 600
    assert seen.count <= 12
    assert len(tablet.read(answer.get_data())) == 0


def test_one_changed_plan_moves_that_plan_only(app, tablet, cast):
    tablet.sync()
    Plan.touch(cast.leo.id)
    cast.leo.peg_sign = "sun"
    child = cast.leo
    child.weight = "13.9"
    child.save()
    Plan.touch(child.id)
    do_due_work(app)

    tablet.sync()

    pack = tablet.pack(cast.leo_plan)
    common = tablet.json(tablet.roll["common"])
    allowed = {
        tablet.have,
        tablet.roll["common"],
        tablet.lines[str(cast.leo_plan.id)][1],
        *pack["pages"].values(),
        *common["pages"].values(),
    }
    assert tablet.received
    assert set(tablet.received) <= allowed
    assert tablet.missing() == []


def test_scans_come_only_when_they_are_asked_for(tablet, cast):
    tablet.sync()
    scans = [name for kind, name in tablet.pack(cast.leo_plan)["files"].items() if "scan" in kind]

    assert scans
    assert not tablet.blobs.keys() & set(scans)
    tablet.sync(want=scans)
    assert tablet.received == scans


def test_a_hash_outside_the_devices_roll_is_not_given(enrol, cast):
    baach, kueb = enrol(), enrol(nursery=cast.kueb)
    baach.sync()
    kueb.sync()
    name = kueb.lines[str(cast.theo_plan.id)][1]
    pages = kueb.pack(cast.theo_plan)["pages"].values()

    baach.sync(want=[name, kueb.have, *pages])

    assert baach.received == []


def test_a_cut_off_answer_is_completed_by_asking_for_the_rest(tablet):
    tablet.sync()
    whole = dict(tablet.blobs)
    keep = [tablet.have, tablet.roll["common"]]
    tablet.blobs = {name: value for name, value in tablet.blobs.items() if name in keep}
    for _ in range(20):
        if not (rest := tablet.missing()):
            break
        tablet.sync(want=rest[:200])

    assert set(tablet.blobs) == set(whole)


def test_a_pack_that_is_wanted_brings_what_it_names(tablet, cast):
    tablet.sync()
    name = tablet.lines[str(cast.leo_plan.id)][1]

    tablet.sync(want=[name])

    pack = tablet.pack(cast.leo_plan)
    assert set(tablet.received) == {name, *pack["pages"].values(), pack["files"]["photo"]}


def test_no_answer_is_larger_than_the_limit(tablet, monkeypatch):
    monkeypatch.setattr(offline, "ANSWER", 300_000)
    rounds = 0
    tablet.sync()
    while rest := tablet.missing():
        rounds += 1
        tablet.sync(want=rest[:200])
        assert sum(len(tablet.blobs[name]) for name in tablet.received) <= 300_000

    assert rounds > 0
    assert tablet.applied == tablet.seq


def test_a_roll_unknown_here_brings_everything_and_asks_what_is_held(tablet, cast):
    tablet.sync()
    SentRoll.delete().execute()
    tablet.have = "f" * 64

    head = tablet.sync()

    assert head["ask"] == "held"
    assert set(tablet.pack(cast.leo_plan)["pages"].values()) <= set(tablet.received)


def test_the_sequence_rises_above_what_the_device_has_seen(tablet):
    tablet.sync()
    tablet.seq += 10**9
    Device.update(seq=0).execute()

    tablet.sync()  # read() insists on a higher number


def test_the_roll_carries_the_headers_and_the_lease(tablet):
    tablet.sync()
    page = tablet.browser.get("/about")

    for name, value in tablet.roll["headers"].items():
        assert page.headers[name] == value
    assert "default-src 'none'" in tablet.roll["headers"]["Content-Security-Policy"]
    assert tablet.roll["lease"]["cap"] == 60 * 86400


def test_every_asset_a_pack_lists_is_served_as_it_says(tablet, cast):
    tablet.sync()
    assets = tablet.pack(cast.leo_plan)["assets"]

    assert assets
    for url, mark in assets.items():
        with tablet.browser.get(url) as answer:
            assert sealing.digest(answer.get_data()).hex() == mark
        assert mark[:16] in url  # the worker compares the name on every read


# ── ends ─────────────────────────────────────────────────────────────────────────────────────────


def test_a_stopped_grant_ends_first_and_erases_after_72_hours(tablet, cast, now, monkeypatch):
    tablet.sync()
    end(cast.leo_grant, cast.ines, now)

    tablet.sync()
    version, pack, verdict, until = tablet.lines[str(cast.leo_plan.id)]
    assert (pack, verdict, until) == (None, "held", int(now.timestamp()))
    device = row(tablet)
    later = now + timedelta(hours=72, seconds=1)
    roll = offline.roll_of(device, {}, later)

    assert {line.plan: line.verdict for line in roll.lines}[str(cast.leo_plan.id)] == "erase"


def test_a_child_that_has_left_is_erased_at_once_until_the_receipt_came(tablet, cast, now):
    tablet.sync()
    end(cast.leo_grant, cast.ines, now)
    plans.confirm_left(cast.leo_grant, now)
    gone = str(cast.leo_plan.id)

    tablet.sync()
    assert tablet.lines[gone][2] == "erase"
    tablet.sync()
    assert tablet.lines[gone][2] == "erase"
    tablet.sync(erased=[gone])

    assert gone not in tablet.lines
    assert holding(tablet, cast.leo_plan).erased is not None
    assert len(tablet.lines) == PLANS_OF_BAACH - 1


def test_a_plan_that_never_reached_the_device_is_not_named_at_its_end(enrol, cast, now):
    end(cast.leo_grant, cast.ines, now)
    late = enrol()

    late.sync()

    assert str(cast.leo_plan.id) not in late.lines


def test_a_dated_grant_names_its_end_and_runs_out_by_itself(tablet, cast, now):
    last = now.date()
    Grant.update(until=last).where(Grant.id == cast.leo_grant.id).execute()
    tablet.sync()
    midnight = datetime(2026, 11, 25, tzinfo=offline.local(now).tzinfo)

    assert tablet.lines[str(cast.leo_plan.id)][2:] == ("held", int(midnight.timestamp()))


def test_a_child_that_changes_room_leaves_the_old_rooms_tablet(enrol, cast):
    of_room = enrol(room=cast.papillons)
    of_room.sync()
    Grant.update(room=cast.beien).where(Grant.id == cast.leo_grant.id).execute()

    of_room.sync()

    assert of_room.lines[str(cast.leo_plan.id)][2] == "erase"


def test_what_has_no_record_is_not_named_and_never_erased(tablet, cast):
    tablet.sync()
    Grant.delete().where(Grant.id == cast.leo_grant.id).execute()
    Plan.update(current=None).where(Plan.id == cast.mia_plan.id).execute()

    tablet.sync()

    assert str(cast.leo_plan.id) not in tablet.lines
    assert str(cast.mia_plan.id) not in tablet.lines
    assert "erase" not in {line[2] for line in tablet.lines.values()}


def test_a_plan_that_was_never_rendered_is_pending(tablet, cast):
    RenderedPage.delete().where(RenderedPage.owner == cast.leo_plan.id).execute()

    tablet.sync()

    assert tablet.lines[str(cast.leo_plan.id)] == (0, None, "pending", None)
    assert tablet.missing() == []


@pytest.mark.parametrize("state", [DeviceState.REVOKED, DeviceState.LOST])
def test_a_removed_device_is_told_so_and_gives_its_receipt(tablet, cast, now, state):
    tablet.sync()
    held = list(tablet.lines)
    cookie = tablet.browser.get_cookie("device").value

    offline.end(row(tablet), state, now)

    assert Device.by_cookie(cookie, now) is None
    head = tablet.sync()
    assert (head["state"], head["roll"], tablet.received) == (state, "", [])
    tablet.sync(erased=held)
    still = MayHold.select().where(MayHold.device == tablet.id, MayHold.erased.is_null())
    assert not still.exists()


def test_a_device_that_lost_its_own_copy_gets_it_again_and_may_hold_it_again(tablet, cast):
    tablet.sync()
    name = str(cast.leo_plan.id)
    tablet.sync(erased=[name])
    assert holding(tablet, cast.leo_plan).erased is not None

    tablet.sync(want=[tablet.lines[name][1]])

    assert holding(tablet, cast.leo_plan).erased is None


# ── a restored backup ────────────────────────────────────────────────────────────────────────────


def test_what_a_device_reports_beyond_this_database_is_noted_once_a_day(tablet, cast):
    tablet.sync()
    MayHold.delete().execute()
    leo, theo = str(cast.leo_plan.id), str(cast.theo_plan.id)
    report = {leo: [99, "a" * 64], theo: [1, "b" * 64], str(uuid4()): [1, "c" * 64]}

    tablet.sync(held=report)
    tablet.sync(held=report)

    notes = Audit.select().where(Audit.action == "copy.unconfirmed")
    assert [note.about for note in notes] == [UUID(leo)]
    assert holding(tablet, cast.leo_plan).version == 99
    assert not MayHold.select().where(MayHold.plan == theo).exists()


def test_a_restored_server_with_an_older_roll_names_what_it_knows_and_erases_nothing(tablet, cast):
    tablet.sync()
    SentRoll.delete().execute()
    MayHold.delete().execute()
    Grant.delete().execute()
    Device.update(seq=0, n=0).execute()

    head = tablet.sync()

    assert tablet.roll["children"] == []
    assert head["ask"] == "held"


# ── rendering ────────────────────────────────────────────────────────────────────────────────────


def fake(build: str = "one", text: str = "page") -> offline.Release:
    words = {lang: {} for lang in LANGUAGES}
    return offline.Release(build, 1, lambda kind, lang, owner: f"{text} {kind} {lang}", {}, words)


def test_only_what_is_due_is_rendered(app, cast, now):
    release = fake()
    while offline.render_due(release, now):
        pass
    Plan.touch(cast.leo.id)

    assert offline.render_due(release, now) == 2  # Léo's plan and the board of his crèche
    assert offline.render_due(release, now) == 0


def test_another_release_renders_everything_again(cast, now):
    for release in (fake("one"), fake("two")):
        count = 0
        while more := offline.render_due(release, now, most=5):
            count += more
        assert count == Plan.select().where(Plan.current.is_null(False)).count() + 2


def test_a_change_during_rendering_leaves_the_plan_due(cast, now):
    plan = cast.leo_plan

    def touched(kind: str, language: str, owner: Any) -> str:
        Plan.touch(cast.leo.id)
        return "page"

    offline.render(plan, SimpleNamespace(**vars(fake()) | {"render": touched}), now)

    fresh = Plan.get_by_id(plan.id)
    assert fresh.rendered == plan.changes
    assert fresh.changes > fresh.rendered


def test_a_slow_renderer_does_not_overwrite_newer_pages(cast, now):
    slow = cast.leo_plan
    Plan.touch(cast.leo.id)
    offline.render(cast.leo_plan, fake(text="new"), now)

    offline.render(slow, fake(text="old"), now)

    assert offline.page(slow.id, "plan", "fr", fake().build) == "new plan fr"


def test_one_plan_that_cannot_be_rendered_does_not_keep_the_others(cast, now, caplog):
    def broken(kind: str, language: str, owner: Any) -> str:
        if owner.id == cast.leo_plan.id:
            raise ValueError(cast.leo.name)
        return "page"

    release = SimpleNamespace(**vars(fake("three")) | {"render": broken})
    offline.render_due(release, now)

    assert offline.page(cast.mia_plan.id, "plan", "de", "three") == "page"
    assert "ValueError" in caplog.text
    assert cast.leo.name not in caplog.text


def test_pages_are_sealed_under_the_childs_own_key(cast):
    rows = list(RenderedPage.select().where(RenderedPage.owner == cast.leo_plan.id))

    assert len(rows) == len(offline.PAGES) * len(LANGUAGES) + 1
    assert {row.data_key_id for row in rows} == {cast.leo.data_key_id}
    assert b"kannerplang" not in b"".join(bytes(row.sealed) for row in rows).lower()


def test_the_same_state_gives_the_same_bytes(app, cast, now):
    before = {row.id: row.sha256 for row in RenderedPage.select()}
    Plan.touch(cast.leo.id)
    do_due_work(app)

    after = {row.sha256 for row in RenderedPage.select()}
    assert set(before.values()) == after


# ── the stamp ────────────────────────────────────────────────────────────────────────────────────

WORDS = {
    "today": "today {time}",
    "yesterday": "yesterday {time}",
    "day": "{n} day",
    "days": "{n} days",
}


@pytest.mark.parametrize(
    ("hours", "tone", "sentence"),
    [
        (0, "t-green", "today 08:12"),
        (15, "t-green", "today 08:12"),
        (16, "t-green", "yesterday 08:12"),
        (24, "t-green", "yesterday 08:12"),
        (25, "t-amber", "1 day"),
        (49, "t-amber", "2 days"),
        (7 * 24, "t-amber", "7 days"),
        (7 * 24 + 1, "t-red", "7 days"),
    ],
)
def test_the_stamp_tells_the_age(hours, tone, sentence):
    assert offline.stamp(NOW, NOW + timedelta(hours=hours), WORDS) == (tone, sentence)


def test_the_stamp_is_put_into_the_page_escaped():
    page = '<p class="stamp t-grey"><span><!--stamp--></span></p>'

    assert (
        offline.stamped(page, "t-red", "a < b", "2026-11-24")
        == '<p class="stamp t-red" data-today="2026-11-24"><span>a &lt; b</span></p>'
    )


# ── pictures of the kit's places ─────────────────────────────────────────────────────────────────


def test_new_pages_are_used_first_and_the_photo_of_a_place_is_asked_for_afterwards(
    app, cast, tablet, now
):
    tablet.sync()
    unit = next(unit for unit in KitUnit.of(cast.leo_plan.id) if unit.place)
    picture = cast.leo.photo.read() + b" of a place"
    PlacePhoto.take(unit, picture, cast.ines, now)
    do_due_work(app)

    tablet.sync()

    name = tablet.pack(cast.leo_plan)["files"]["kit-1"]
    assert tablet.missing() == []
    assert name not in tablet.blobs
    assert f"files/{name}.jpg" in tablet.page(cast.leo_plan, "plan.fr")
    tablet.sync(want=[name])
    assert tablet.blobs[name] == picture
