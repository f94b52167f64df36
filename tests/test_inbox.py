"""What devices write is taken in once, whatever happens on the way; all else is said plainly."""
# ruff: noqa: F811  the fixtures of the simulated tablet are imported

import gzip
from datetime import timedelta
from threading import Barrier, Thread
from typing import Any
from uuid import uuid4

import pytest
from test_offline import Tablet, enrol, now, row, tablet  # noqa: F401  fixtures

import inbox
import nurseries
import offline
from app import do_due_work
from database import DomainError, clock, db, today
from inbox import Entry, Inbox
from models import Audit, DataKey, DeviceState, PlanVersion, Presence, Staff
from plan import stop_sharing
from receipts import Receipt
from views import rosters

BODY = {"what": "note", "text": "Léo schläft"}


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Entry]:
    """What a handler of the kind "brief" was given."""
    seen: list[Entry] = []
    monkeypatch.setitem(inbox.HANDLERS, "brief", lambda device, entry, now: seen.append(entry))
    return seen


def entry(**more: Any) -> dict[str, Any]:
    ms = int(clock().timestamp() * 1000)
    times = {"n": 1, "at": ms, "checked": ms // 1000 - 60, "since_check": 60_000, "clock_ok": True}
    return {"id": str(uuid4()), "kind": "brief", "body": BODY, "mono": 1.5} | times | more


def test_an_entry_is_stored_sealed_and_acknowledged_as_often_as_it_comes(tablet, heard, cast):
    one = entry(plan=str(cast.leo_plan.id), by="Tessa")

    first = tablet.sync(events=[one])
    again = tablet.sync(events=[one | {"n": 9, "mono": None}])

    assert (first["ack"], first["refused"]) == ([one["id"]], [])
    assert again["ack"] == [one["id"]]
    assert [(said.by, said.body) for said in heard] == [("Tessa", BODY)]
    stored = Inbox.get_by_id(one["id"])
    assert stored.data_key_id == cast.leo.data_key_id
    assert stored.entry == one
    assert "schläft".encode() not in bytes(stored.sealed)


def test_entries_are_taken_in_their_own_order_fifty_at_most(tablet, heard):
    many = [entry(n=n, body={"no": n}) for n in range(60, 0, -1)]

    head = tablet.sync(events=many)

    assert len(head["ack"]) == 50
    assert [said.n for said in heard] == list(range(11, 61))


def test_another_text_under_a_known_id_is_a_conflict_and_changes_nothing(tablet, enrol, heard):
    one = entry()
    tablet.sync(events=[one])

    head = tablet.sync(events=[one | {"body": {"what": "forged"}}])
    other = enrol().sync(events=[one])

    assert (head["ack"], head["refused"]) == ([], [[one["id"], "conflict"]])
    assert other["refused"] == [[one["id"], "conflict"]]
    assert Inbox.get_by_id(one["id"]).entry["body"] == BODY
    assert len(heard) == 1


@pytest.mark.parametrize(
    ("odd", "code"),
    [
        ({"id": "no-uuid"}, "malformed"),
        ({"kind": "telepathy"}, "unknown-kind"),
        ({"kind": 5}, "malformed"),
        ({"n": -1}, "malformed"),
        ({"at": "now"}, "malformed"),
        ({"at": 1 << 60}, "malformed"),
        ({"checked": 1 << 50}, "malformed"),
        ({"mono": float("nan")}, "malformed"),
        ({"plan": "x"}, "malformed"),
        ({"body": []}, "malformed"),
        ({"body": {"text": "\ud800"}}, "malformed"),
        ({"by": "x" * 81}, "malformed"),
        ({"more": 1}, "malformed"),
        ({"body": {"text": "x" * 4096}}, "too-large"),
    ],
)
def test_what_nobody_can_read_is_refused_and_holds_up_nothing(tablet, heard, odd, code):
    bad, good = entry() | odd, entry(n=2)

    head = tablet.sync(events=[bad, good])

    assert (head["ack"], head["refused"]) == ([good["id"]], [[bad["id"], code]])
    assert [str(said.id) for said in heard] == [good["id"]]
    assert Inbox.select().count() == 1


def test_a_handler_that_cannot_read_a_body_refuses_it(tablet, monkeypatch):
    def refuse(device, entry, now):
        raise DomainError("malformed")

    monkeypatch.setitem(inbox.HANDLERS, "brief", refuse)
    one = entry()

    assert tablet.sync(events=[one])["refused"] == [[one["id"], "malformed"]]
    assert Inbox.select().count() == 0


def test_a_fault_of_ours_loses_nothing_and_is_made_good(tablet, monkeypatch):
    seen = []
    monkeypatch.setitem(inbox.HANDLERS, "brief", lambda *_: 1 // 0)
    one = entry()

    assert tablet.sync(events=[one])["ack"] == [one["id"]]
    assert inbox.resume(clock()) == 0
    monkeypatch.setitem(inbox.HANDLERS, "brief", lambda device, said, now: seen.append(said.body))

    assert inbox.resume(clock()) == 1
    assert inbox.resume(clock()) == 0
    assert seen == [BODY]


@pytest.mark.parametrize("state", [DeviceState.REVOKED, DeviceState.LOST])
def test_a_removed_device_is_heard_one_last_time_and_the_entry_says_so(tablet, heard, now, state):
    tablet.sync()
    offline.end(row(tablet), state, now)
    one = entry()

    head = tablet.sync(events=[one])

    assert (head["state"], head["ack"]) == (state, [one["id"]])
    assert Inbox.get_by_id(one["id"]).late == state


def test_after_the_end_of_sharing_what_was_done_is_still_stored(tablet, heard, cast, now):
    tablet.sync()
    stop_sharing(cast.leo_grant, cast.ines, now)
    one = entry(plan=str(cast.leo_plan.id))

    assert tablet.sync(events=[one])["ack"] == [one["id"]]


def test_a_device_that_nobody_has_approved_writes_nothing(enrol, heard):
    waiting = enrol(approve=False)

    head = waiting.sync(events=[entry()])

    assert (head["ack"], head["refused"], heard) == ([], [], [])


def test_an_entry_about_a_plan_that_was_never_here_is_not_sealed_for_its_child(tablet, heard, cast):
    one = entry(plan=str(cast.theo_plan.id))

    tablet.sync(events=[one])

    assert Inbox.get_by_id(one["id"]).data_key_id == cast.baach.data_key_id
    assert inbox.child_of(row(tablet), cast.theo_plan.id) is None
    assert inbox.child_of(row(tablet), cast.leo_plan.id) == cast.leo


def test_what_was_written_of_an_erased_child_is_noise(tablet, heard, cast):
    one = entry(plan=str(cast.leo_plan.id))
    tablet.sync(events=[one])
    DataKey.delete().where(DataKey.id == cast.leo.data_key_id).execute()

    assert Inbox.get_or_none(Inbox.id == one["id"]) is None


def test_the_time_is_the_services_own_unless_the_clock_is_in_doubt(now):
    said = entry(at=5000)
    sure = Entry.read(said)
    doubtful = Entry.read(said | {"clock_ok": False})
    ahead = Entry.read(said | {"since_check": 10**9})

    assert abs((sure.when(now) - now).total_seconds()) < 2
    assert doubtful.when(now).timestamp() == 5
    assert ahead.when(now) == now


# ── without a worker ─────────────────────────────────────────────────────────────────────────────

ORIGIN = {"Sec-Fetch-Site": "same-origin"}
ENGLISH = {"Accept-Language": "en"}


def test_without_a_worker_a_form_and_a_script_write_through_the_same_door(tablet, heard, cast):
    tablet.sync()
    one = {"id": str(uuid4()), "kind": "brief", "body": BODY}
    form = {"kind": "brief", "by": "Tessa", "plan": str(cast.leo_plan.id), "what": "note"}

    script = tablet.browser.post("/events", json=one, headers=ORIGIN)
    again = tablet.browser.post("/events", json=one, headers=ORIGIN)
    plain = tablet.browser.post("/events", data=form | {"next": "/nursery"}, headers=ORIGIN)

    assert script.status_code == again.status_code == 202
    assert script.json == again.json == {"ack": [one["id"]], "refused": []}
    assert (plain.status_code, plain.location) == (303, "/nursery")
    assert [said.body for said in heard] == [BODY, {"what": "note"}]
    assert heard[1].by == "Tessa"
    assert heard[1].clock_ok


def test_a_form_that_nobody_can_read_says_so(tablet, heard):
    tablet.sync()

    answer = tablet.browser.post("/events", data={"kind": "telepathy"}, headers=ORIGIN | ENGLISH)

    assert answer.status_code == 409
    assert "does not know" in answer.text


def test_nobody_but_an_active_device_writes_here(tablet, as_user, heard, app, now):
    one = {"id": str(uuid4()), "kind": "brief", "body": BODY}
    tablet.sync()
    offline.end(row(tablet), DeviceState.REVOKED, now)

    for browser in (tablet.browser, as_user("tessa").browser, app.test_client()):
        answer = browser.post("/events", json=one, headers=ORIGIN)
        assert answer.status_code == 404
    assert tablet.browser.post("/events", json=one).status_code == 403
    assert heard == []


def test_a_browser_that_does_not_name_its_site_is_known_by_its_origin(tablet, heard):
    tablet.sync()
    one = {"id": str(uuid4()), "kind": "brief", "body": BODY}

    elsewhere = tablet.browser.post("/events", json=one, headers={"Origin": "http://evil.test"})
    ours = tablet.browser.post("/events", json=one, headers={"Origin": "http://localhost"})

    assert (elsewhere.status_code, ours.status_code) == (403, 202)
    assert len(heard) == 1


# ── at once ──────────────────────────────────────────────────────────────────────────────────────


def test_the_same_entry_twice_at_the_same_moment_is_one(tablet, heard, now):
    device, one, barrier = row(tablet), entry(), Barrier(2)
    answers: list[Any] = []

    def write() -> None:
        db.connect(reuse_if_open=True)
        barrier.wait()
        answers.append(inbox.receive(device, [one], now))
        db.close()

    threads = [Thread(target=write) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers == [([one["id"]], [])] * 2
    assert Inbox.select().count() == 1
    assert len(heard) == 1


# ── openings and receipts ────────────────────────────────────────────────────────────────────────


def test_an_opening_offline_becomes_a_sentence_for_the_family(tablet, at, cast):
    tablet.sync()
    shown = entry(kind="opening", plan=str(cast.leo_plan.id), body={"page": "emergency"})
    foreign = entry(kind="opening", plan=str(cast.theo_plan.id), body={"page": "plan"}, n=2)
    odd = entry(kind="opening", plan=str(cast.leo_plan.id), body={"page": "diary"}, n=3)

    head = tablet.sync(events=[shown, foreign, odd])

    assert head["refused"] == [[odd["id"], "malformed"]]
    page = at("ines").get(f"/children/{cast.leo.id}/access").text
    assert page.count("showed its copy of the emergency page") == 1
    assert "showed its copy" not in at("olga").get("/nursery/manage").text
    assert Audit.select().where(Audit.action.startswith("copy.")).count() == 1


def test_who_has_read_a_version_is_told_once_a_name_and_to_those_it_concerns(tablet, at, cast):
    tablet.sync()
    read = {"kind": "read", "plan": str(cast.leo_plan.id), "body": {"version": 1}}
    said = [entry(**read, by=name, n=n) for n, name in enumerate(("Tessa", "tessa", "Zita"))]
    nobody = entry(**read, n=8)
    theo = entry(**read | {"plan": str(cast.theo_plan.id)}, by="Tessa", n=9)

    head = tablet.sync(events=[*said, nobody, theo])

    assert head["refused"] == [[nobody["id"], "malformed"]]
    version = PlanVersion.get(PlanVersion.plan == cast.leo_plan, PlanVersion.no == 1)
    assert [row.name for row in Receipt.of([version.id])[version.id]] == ["Tessa", "Zita"]
    assert Receipt.select().count() == 3
    family, manager = (
        at("ines").get(f"/children/{cast.leo.id}/access").text,
        at("sami").get("/nursery/shares").text,
    )
    assert family.count("Zita") == manager.count("Zita") == 1
    assert "Zita" not in at("olga").get("/nursery/shares").text


# ── who is here ──────────────────────────────────────────────────────────────────────────────────


def word(plan: Any, here: Any, minutes: int, **more: Any) -> dict[str, Any]:
    """Said so many minutes ago."""
    since = clock() - timedelta(minutes=minutes)
    times = {"checked": int(since.timestamp()), "since_check": 0, "n": 10_000 - minutes}
    return entry(kind="presence", plan=str(plan.id), body={"here": here}, **times | more)


def present(cast: Any) -> bool:
    return cast.leo.id in rosters.present(cast.baach, today())


@pytest.mark.parametrize("later", [True, False])
def test_of_two_words_the_later_counts_in_whatever_order_they_come(tablet, enrol, cast, later):
    first, second = word(cast.leo_plan, not later, 9), word(cast.leo_plan, later, 3)

    tablet.sync(events=[second])
    enrol().sync(events=[first])

    assert present(cast) is later
    assert Inbox.select().where(Inbox.kind == "presence").count() == 2


def test_a_word_of_yesterday_says_nothing_about_today(tablet, cast):
    Presence.delete().execute()

    tablet.sync(events=[word(cast.leo_plan, True, 60 * 24)])

    assert not present(cast)
    yesterday = today() - timedelta(days=1)
    assert Presence.get(Presence.child == cast.leo, Presence.day == yesterday).here


def test_the_form_and_the_tablet_write_to_the_same_list(app, tablet, at, cast):
    tablet.sync(events=[word(cast.leo_plan, True, 1)])
    sami = at("sami")
    assert present(cast)

    sami.post("/nursery/presence", {"day": today().isoformat(), "was": [str(cast.leo.id)]})

    assert not present(cast)
    do_due_work(app)
    leo = sami.page("/nursery").find("a", href=f"/plans/{cast.leo_plan.id}").find_parent("li")
    assert leo["data-here"] == ""


@pytest.mark.parametrize("here", [None, "yes", 1])
def test_a_word_that_is_neither_yes_nor_no_is_refused(tablet, cast, here):
    one = word(cast.leo_plan, here, 1)

    assert tablet.sync(events=[one])["refused"] == [[one["id"], "malformed"]]


def test_nobody_notes_a_child_that_the_crèche_does_not_look_after(tablet, cast):
    before = Presence.select().count()

    head = tablet.sync(events=[word(cast.theo_plan, True, 1)])

    assert len(head["ack"]) == 1
    assert Presence.select().count() == before


def test_a_tablet_lets_one_pick_among_those_who_work_there(app, tablet, at, cast):
    tablet.sync()
    at("sami").post("/nursery/people", {"name": "Zita Neu", "role": "staff"})
    do_due_work(app)
    tablet.sync()
    common = tablet.json(tablet.roll["common"])
    board = gzip.decompress(tablet.blobs[common["pages"]["board.fr"]]).decode()
    assert "<option>Zita Neu</option>" in board

    nurseries.end_staff(Staff.select().order_by(Staff.created.desc()).get(), clock())
    do_due_work(app)
    tablet.sync()

    common = tablet.json(tablet.roll["common"])
    assert "Zita Neu" not in gzip.decompress(tablet.blobs[common["pages"]["board.fr"]]).decode()


# ── how a device is ──────────────────────────────────────────────────────────────────────────────


def test_the_manager_reads_what_a_tablet_lacks(tablet, at, cast):
    tablet.sync(health={"installed": False, "persisted": True, "missing": 2, "odd": "x" * 999})

    line = at("sami").page("/nursery/devices").find(id=f"device-{tablet.id}").get_text(" ")
    page = at("sami").words(f"/nursery/devices/{tablet.id}")

    assert row(tablet).health == {"installed": False, "persisted": True, "missing": 2}
    for text in (line, page):
        assert "2 plans are missing" in text
        assert "not installed as an app" in text
        assert "may delete" not in text


@pytest.mark.parametrize("odd", [None, {}, {"missing": "many"}])
def test_a_device_that_says_nothing_of_itself_is_heard_all_the_same(tablet, odd):
    assert tablet.sync(health=odd)["state"] == "active"
    assert row(tablet).health == {}
