"""What is done at a tablet reaches the service once, whatever happens on the way."""
# ruff: noqa: F811  the fixtures of the tablet are imported

from typing import Any
from uuid import uuid4

import pytest
from playwright.sync_api import Page
from test_offline_tablet import (  # noqa: F401
    BYTES,
    DAY,
    Forger,
    StandIn,
    Tablet,
    inside,
    leo,
    stand_in,
    tablet,
)

import database
import plan as plans
from database import clock
from inbox import Inbox
from models import Audit, Device, Plan, Presence
from receipts import Receipt

pytestmark = pytest.mark.browser


def write(tablet: Tablet, **entry: Any) -> dict[str, Any]:
    """As a page says that something was done."""
    said = {"id": str(uuid4()), "body": {}} | entry
    return tablet.ask({"ask": "write", "entry": said}) | {"id": said["id"]}


def read(tablet: Tablet, leo: str, no: int) -> str:
    told = write(tablet, kind="read", plan=leo, by=f"Person {no}", body={"version": 1})
    assert told["kept"], told
    return told["id"]


def waiting(tablet: Tablet) -> list[str]:
    return [one["id"] for one in tablet.ask({"ask": "written"}) if one["state"] == "waiting"]


# ── 9: once each ─────────────────────────────────────────────────────────────────────────────────


def test_twelve_entries_survive_everything_and_arrive_once_each(
    server, tablet, inside, leo, sign_in
):
    tablet.open("/nursery")
    server.kill()
    ids = [read(tablet, leo, no) for no in range(3)]
    tablet.page.reload()
    ids += [read(tablet, leo, no) for no in range(3, 6)]
    tablet.cold_start()
    tablet.open("/nursery")
    ids += [read(tablet, leo, no) for no in range(6, 9)]
    assert waiting(tablet) == ids

    server.start()
    route_all(tablet, lambda route: route.abort())
    for name in ("Olga Petrova", "Inês Santos"):
        sign_in(tablet.page, name, server)
        tablet.open("/account").locator("form[action='/sign-out'] button").first.click()
        tablet.page.wait_for_load_state()
    tablet.open("/nursery")
    ids += [read(tablet, leo, no) for no in range(9, 12)]
    assert waiting(tablet) == ids

    def lose(route: Any) -> None:
        route.fetch()  # it arrives, and nobody here ever hears of it
        route.abort()

    route_all(tablet, lose)
    tablet.sync()
    route_all(tablet, lambda route: route.fulfill(status=500, body="trouble"))
    tablet.sync()
    assert waiting(tablet) == ids
    with inside():
        assert Receipt.select().count() == 12
    tablet.context.unroute("**/sync")
    tablet.sync()

    assert waiting(tablet) == []
    with inside():
        rows = Inbox.select(Inbox.id).where(Inbox.kind == "read")
        assert {str(row.id) for row in rows} == set(ids)
        names = sorted(row.name for row in Receipt.select())
    assert names == sorted(f"Person {no}" for no in range(12))


def route_all(tablet: Tablet, answer: Any) -> None:
    tablet.context.unroute("**/sync")
    tablet.context.route("**/sync", answer)


def test_only_a_signed_head_removes_an_entry(server, tablet, stand_in, leo):
    tablet.open("/nursery")
    server.kill()
    one = read(tablet, leo, 1)
    me = tablet.store()["device"]["id"]
    roll = tablet.store()["heads"][0]["roll"]
    forger = Forger(server.instance)
    named = {"device": me, "state": "active", "roll": roll, "ack": [one], "refused": []}
    answers = {
        "foreign": lambda body: forger.head(body, own_key=False, **named),
        "old": lambda body: forger.head(body, **named | {"n": 1}),
        "of another": lambda body: forger.head(body, **named | {"device": str(uuid4())}),
        "lower": lambda body: forger.head(body, **named | {"seq": 1}),
        "unsigned": lambda body: b'{"ack":["' + one.encode() + b'"]}\n',
    }
    for name, answer in answers.items():
        stand_in.says(lambda path, body, answer=answer: (200, BYTES, answer(body)))
        tablet.sync()
        assert stand_in.asked, name
        assert waiting(tablet) == [one], name

    stand_in.says(lambda path, body: (200, BYTES, forger.head(body, **named)))
    tablet.sync()

    assert waiting(tablet) == []


def test_what_is_refused_stays_until_a_person_puts_it_away(server, tablet, leo):
    told = write(tablet, kind="telepathy", plan=leo)
    tablet.sync()
    tablet.cold_start()
    tablet.open("/nursery")

    (one,) = tablet.ask({"ask": "written", "kind": "telepathy"})
    assert (one["id"], one["state"], one["code"]) == (told["id"], "refused", "unknown-kind")
    tablet.ask({"ask": "put away", "id": told["id"]})
    assert tablet.ask({"ask": "written", "kind": "telepathy"}) == []


def test_the_same_id_twice_is_kept_once_and_too_long_is_said_at_once(server, tablet, leo):
    server.kill()
    one = read(tablet, leo, 1)

    again = write(tablet, id=one, kind="read", plan=leo, by="Other", body={"version": 1})
    long = write(tablet, kind="read", body={"text": "ü" * 2000})

    assert again["kept"]
    assert (long["kept"], long["why"]) == (False, "too-large")
    assert waiting(tablet) == [one]


def test_an_entry_edited_in_the_store_is_told_as_damaged_and_the_rest_goes(
    server, tablet, inside, leo
):
    tablet.open("/nursery")
    server.kill()
    ids = [read(tablet, leo, no) for no in range(3)]
    tablet.tamper(
        "outbox",
        f"(rows) => rows.filter(({{ id }}) => id === '{ids[1]}')"
        ".map((row) => ({ ...row, box: new Uint8Array(40).buffer }))",
    )
    server.start()
    tablet.sync()

    (left,) = tablet.ask({"ask": "written"})
    assert (left["id"], left["state"], left["code"]) == (ids[1], "refused", "damaged")
    with inside():
        assert Receipt.select().count() == 2


def test_a_form_and_a_script_are_answered_from_the_queue(server, tablet, leo):
    tablet.open("/nursery")
    server.kill()
    form = f"""() => {{
      const form = document.createElement('form');
      form.method = 'post';
      form.action = '/events';
      const said = {{ kind: 'read', plan: '{leo}', next: '/plans/{leo}' }};
      for (const [name, value] of Object.entries(said)) {{
        const field = document.createElement('input');
        [field.name, field.value] = [name, value];
        form.append(field);
      }}
      document.body.append(form);
      form.submit();
    }}"""
    entry = {"id": str(uuid4()), "kind": "read", "plan": leo, "body": {"version": 1}}

    told = tablet.page.evaluate(
        """(entry) => fetch('/events', { method: 'POST', body: JSON.stringify(entry) })
          .then(async (answer) => [answer.status, await answer.json()])""",
        entry,
    )
    with tablet.page.expect_navigation():
        tablet.page.evaluate(form)

    assert told == [202, {"kept": True}]
    assert tablet.page.url.endswith(f"/plans/{leo}")
    assert len(tablet.ask({"ask": "written", "kind": "read"})) == 2


def test_a_full_queue_merges_openings_and_never_drops_an_emergency(server, tablet, leo):
    tablet.open("/nursery")
    server.kill()
    rows = "Array.from({ length: 5000 }, (_, n) => ({ id: `old-${n}`, n, state: 'stored' }))"
    tablet.tamper("outbox", f"() => {rows}")

    told = write(tablet, kind="read", plan=leo, by="Tessa", body={"version": 1})
    incident(tablet, leo, str(uuid4()), "start")
    for minutes in (0, 11, 22):
        tablet.now(minutes * 60_000)
        tablet.open(f"/plans/{leo}")
        assert tablet.page.locator("h1").is_visible()
        tablet.sync()

    assert (told["kept"], told["why"]) == (False, "full")
    (shown,) = tablet.ask({"ask": "written", "kind": "opening"})
    assert shown["body"] == {"page": "plan", "times": 3}
    assert len(tablet.ask({"ask": "written", "kind": "incident"})) == 1


def test_the_queue_needs_neither_locks_nor_background_sync_nor_push(server, tablet, inside, leo):
    tablet.open("/nursery")
    taken = """() => {
      Object.defineProperty(navigator, 'locks', { value: undefined });
      for (const name of ['sync', 'periodicSync', 'pushManager']) {
        Object.defineProperty(registration, name, { value: undefined });
      }
    }"""
    tablet.worker.evaluate(taken)
    server.kill()
    ids = [read(tablet, leo, no) for no in range(3)]
    server.start()

    tablet.sync()
    tablet.sync()

    assert waiting(tablet) == []
    with inside():
        assert {str(row.id) for row in Receipt.select()} == set(ids)
    assert tablet.open(f"/plans/{leo}").locator("h1").is_visible()


# ── openings ─────────────────────────────────────────────────────────────────────────────────────


def test_an_opening_is_told_once_in_ten_minutes_and_reaches_the_family(server, tablet, inside, leo):
    tablet.open("/nursery")
    server.kill()
    for _ in range(3):
        tablet.open(f"/plans/{leo}")
    tablet.open(f"/plans/{leo}/emergency")
    tablet.now(11 * 60_000)
    tablet.open(f"/plans/{leo}")
    tablet.now(0)
    pages = [one["body"]["page"] for one in tablet.ask({"ask": "written", "kind": "opening"})]
    assert pages == ["plan", "emergency", "plan"]

    server.start()
    tablet.sync()

    assert tablet.ask({"ask": "written"}) == []
    with inside() as cast:
        told = Audit.select().where(Audit.child == cast.leo.id, Audit.action.startswith("copy."))
        assert sorted(row.action for row in told) == ["copy.emergency", "copy.plan", "copy.plan"]


# ── an emergency holds its copy ──────────────────────────────────────────────────────────────────


def incident(tablet: Tablet, leo: str, id_: str, what: str) -> None:
    body = {"what": what, "version": 1}
    assert write(tablet, kind="incident", plan=leo, incident=id_, body=body)["kept"]


def test_while_an_emergency_runs_neither_an_end_nor_a_newer_text_takes_its_copy(
    server, tablet, inside, leo
):
    id_ = str(uuid4())
    before = tablet.open(f"/plans/{leo}").locator("h1").inner_text()
    incident(tablet, leo, id_, "start")
    with inside() as cast:
        cast.leo.first_name = "Leonardo"
        cast.leo.save()
        Plan.touch(cast.leo.id)
    tablet.sync()
    assert tablet.open(f"/plans/{leo}").locator("h1").inner_text() == before
    assert tablet.checked in tablet.stamp
    with inside() as cast:
        plans.stop_sharing(cast.leo_grant, cast.ines, clock())
        plans.confirm_left(cast.leo_grant, clock())
    tablet.sync()
    server.kill()
    tablet.cold_start()
    assert tablet.open(f"/plans/{leo}").locator("h1").inner_text() == before

    incident(tablet, leo, id_, "end")
    server.start()
    tablet.sync()

    tablet.sync()  # the first may have joined one that met no server
    assert "erased" in tablet.store()["copies"][leo]


def test_an_emergency_that_nobody_ended_holds_its_copy_for_six_hours(server, tablet, inside, leo):
    tablet.open("/nursery")
    incident(tablet, leo, str(uuid4()), "start")
    with inside() as cast:
        plans.stop_sharing(cast.leo_grant, cast.ines, clock())
        plans.confirm_left(cast.leo_grant, clock())
    tablet.sync()
    assert "roll" in tablet.store()["copies"][leo]

    tablet.now(6 * 3_600_000 + 1000)
    tablet.sync()

    assert "erased" in tablet.store()["copies"][leo]


def test_the_log_of_an_emergency_stays_a_day_after_its_end(server, tablet, leo):
    tablet.open("/nursery")
    server.kill()
    id_ = str(uuid4())
    incident(tablet, leo, id_, "start")
    incident(tablet, leo, id_, "end")
    stored = """async () => {
      const ids = (await all('outbox')).filter(({ incident }) => incident).map(({ id }) => id);
      await transact('readwrite', ['outbox'], (rows) => settle(rows, ids, [], 1));
    }"""
    tablet.worker.evaluate(stored)  # as a signed head does
    log = tablet.ask({"ask": "written", "incident": id_})
    assert [(one["body"]["what"], one["state"]) for one in log] == [
        ("start", "stored"),
        ("end", "stored"),
    ]

    for hours, left in ((23, 2), (25, 0)):
        tablet.now(hours * 3_600_000)
        tablet.worker.evaluate("async () => prune(await device())")
        assert len(tablet.ask({"ask": "written", "incident": id_})) == left, hours


@pytest.mark.parametrize(("state", "kept"), [("revoked", True), ("lost", False)])
def test_a_removed_tablet_finishes_its_emergency_a_lost_one_does_not(
    server, tablet, inside, leo, state, kept
):
    import offline  # noqa: PLC0415
    from models import Device  # noqa: PLC0415

    tablet.open("/nursery")
    incident(tablet, leo, str(uuid4()), "start")
    with inside():
        offline.end(Device.get(), state, clock())
    tablet.sync()
    tablet.sync()

    copies = {plan for plan, copy in tablet.store()["copies"].items() if "roll" in copy}
    assert copies == ({leo} if kept else set())
    assert (tablet.store()["device"] is not None) == kept


# ── the board ────────────────────────────────────────────────────────────────────────────────────


def here(page: Page, leo: str) -> Any:
    return page.locator(f"input[data-presence][value='{leo}']")


def test_who_is_here_is_noted_offline_and_reaches_the_others(server, tablet, inside, leo):
    page = tablet.open("/nursery")
    page.locator("[data-tablet]").wait_for()
    was = here(page, leo).is_checked()
    server.kill()
    page.get_by_label("Who is at this tablet?").select_option("Tessa Klein")

    page.locator("label.chip", has=here(page, leo)).click()
    page.get_by_text("1 entry waits on this tablet").wait_for()
    tablet.cold_start()
    page = tablet.open("/nursery")
    page.get_by_text("1 entry waits on this tablet").wait_for()
    assert here(page, leo).is_checked() != was
    assert page.get_by_label("Who is at this tablet?").input_value() == "Tessa Klein"
    (said,) = tablet.ask({"ask": "written", "kind": "presence"})
    assert said["by"] == "Tessa Klein"

    server.start()
    tablet.settled()
    page.reload()
    page.locator("[data-tablet]").wait_for()
    assert here(page, leo).is_checked() != was
    assert not page.get_by_text("waits on this tablet").is_visible()
    with inside() as cast:
        row = Presence.get(Presence.child == cast.leo, Presence.day == database.today())
        assert row.here != was
    tablet.settled()
    assert tablet.ask({"ask": "written", "kind": "presence"}) == [], "the new board knows it"
    page = tablet.open("/nursery")
    page.locator("[data-tablet]").wait_for()
    assert here(page, leo).is_checked() != was


READY = """() => {
  matchMedia = () => ({ matches: true });
  return look();
}"""


def test_the_light_says_what_is_missing_and_turns_green(server, tablet, inside):
    page = tablet.open("/nursery")
    light = page.locator("[data-light]")
    page.locator("[data-tablet]").wait_for()
    assert "not ready yet" in light.inner_text()
    assert page.get_by_text("not installed as an app").is_visible()
    assert "16 plans here, 4 on paper" in light.inner_text()
    assert "t-amber" in light.get_attribute("class")
    tablet.sync()
    with inside():
        health = Device.get().health
        assert (health["missing"], health["installed"]) == (0, False)

    tablet.worker.evaluate("() => { navigator.storage.persisted = async () => true; }")
    page.evaluate(READY)

    assert "t-green" in light.get_attribute("class")
    assert "Ready" in light.inner_text()
    server.kill()
    tablet.now(DAY)
    page.evaluate(READY)
    assert page.get_by_text("were not checked today").is_visible()
    assert "t-red" in light.get_attribute("class")


def test_what_was_evicted_is_counted_and_fetched_again(server, tablet, leo):
    page = tablet.open("/nursery")
    page.locator("[data-tablet]").wait_for()
    gone = tablet.store()["copies"][leo]["names"]
    server.kill()
    evict = """(gone) => transact('readwrite', ['blobs'], (rows) => {
      for (const one of gone) rows.delete(one);
    })"""
    tablet.worker.evaluate(evict, gone)
    page.reload()
    page.get_by_text("1 plan is not on this tablet").wait_for()
    assert "15 plans here" in page.locator("[data-light]").inner_text()

    server.start()
    tablet.settled()
    page.reload()
    page.get_by_text("16 plans here").wait_for()
    assert not page.get_by_text("not on this tablet").is_visible()


def test_a_tablet_whose_storage_was_deleted_says_so_and_can_be_set_up_again(server, tablet, leo):
    page = tablet.open("/nursery")
    page.evaluate(
        """() => new Promise((resolve) => {
          indexedDB.deleteDatabase('kannerplang').onsuccess = resolve;
        })"""
    )
    page = tablet.open("/nursery")
    page.get_by_text("no longer keeps any plan").wait_for()
    assert page.get_by_role("link", name="Set up").get_attribute("href") == "/enrol"
    assert not page.locator("[data-light]").is_visible()

    page.goto(f"{server.url}/demo")
    page.locator("form[action='/demo/tablet'] button").click()
    page.wait_for_url("**/nursery")

    page.get_by_text("16 plans here").wait_for()
    assert not page.get_by_text("no longer keeps any plan").is_visible()
    tablet.settled()
    server.kill()
    assert "Léo" in tablet.open(f"/plans/{leo}").locator("h1").inner_text()


# No room for another blob, unless some are given up.
FULL = """async () => {
  const { put, delete: remove } = IDBObjectStore.prototype;
  let left = 3;
  IDBObjectStore.prototype.put = function (row) {
    const full = this.name === 'blobs' && (left -= 1) < 0;
    if (full) throw new DOMException('full', 'QuotaExceededError');
    return put.call(this, row);
  };
  IDBObjectStore.prototype.delete = function (key) {
    if (this.name === 'blobs') left += 10;
    return remove.call(this, key);
  };
}"""


def test_full_storage_gives_up_scans_and_keeps_every_text(server, tablet, inside, leo):
    page = tablet.open("/nursery")
    page.locator("[data-tablet]").wait_for()
    tablet.worker.evaluate(FULL)
    with inside() as cast:
        for child in (cast.leo, cast.mia, cast.noah):
            child.first_name = f"New {child.first_name}"
            child.save()
            Plan.touch(child.id)
    tablet.sync()
    tablet.sync()
    page.reload()
    page.get_by_text("The storage is full").wait_for()

    assert "16 plans here" in page.locator("[data-light]").inner_text()
    for path in (f"/plans/{leo}", f"/plans/{leo}/emergency"):
        assert "Léo" in tablet.open(path).locator("h1").first.inner_text()
    tablet.sync()
    with inside():
        assert Device.get().health["full"]


def test_a_refused_entry_is_shown_with_its_reason_until_it_is_put_away(server, tablet, leo):
    write(tablet, kind="telepathy", plan=leo)
    tablet.sync()
    page = tablet.open("/nursery")

    row = page.locator("[data-refused] li")
    row.wait_for()
    assert "does not know this kind" in row.inner_text()
    row.get_by_role("button", name="Put away").click()
    row.wait_for(state="detached")
    page.reload()
    page.locator("[data-tablet]").wait_for()
    assert page.locator("[data-refused] li").count() == 0


def test_who_has_read_a_plan_says_so_offline(server, tablet, inside, leo):
    page = tablet.open("/nursery")
    page.locator("[data-tablet]").wait_for()
    page.get_by_label("Who is at this tablet?").select_option("Tessa Klein")
    server.kill()
    page = tablet.open(f"/plans/{leo}")
    form = page.locator("[data-receipt]")
    form.wait_for()
    assert form.get_by_label("Your name").input_value() == "Tessa Klein"
    form.get_by_role("button").click()
    page.get_by_text("Noted on this tablet").wait_for()
    page = tablet.open("/services")
    assert "wait on this tablet" in page.locator("body").inner_text()

    server.start()
    tablet.sync()
    tablet.sync()

    with inside() as cast:
        (receipt,) = Receipt.of([cast.leo_plan.current_id])[cast.leo_plan.current_id]
        assert receipt.name == "Tessa Klein"


def test_someones_own_browser_shows_nothing_of_a_tablet(shared_server, page, sign_in):
    sign_in(page, "Tessa Klein")
    page.goto(f"{shared_server.url}/nursery")
    page.wait_for_load_state("networkidle")

    assert page.locator("[data-here]").count() > 2, "other tests share this board"
    assert not page.locator("[data-tablet]").is_visible()
    assert page.locator("label.chip:has([data-presence]):visible").count() == 0
