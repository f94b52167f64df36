"""Phones and passes in a real browser: erased when they must be, and by nothing else."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page
from test_offline_tablet import DAY, Tablet, becomes, inside, leo, tablet  # noqa: F401

import offline
import sealing
from database import clock
from models import Device, DeviceKind, SignIn, Staff

pytestmark = pytest.mark.browser
HOUR = DAY // 24


class Phone(Tablet):
    """Any other device: enrolled by a code, without the demo's button."""

    def __init__(self, server: Any, context: BrowserContext, start: Callable, code: str) -> None:
        self.server, self.start, self.context = server, start, context
        self.page.goto(f"{server.url}/enrol#{code}")
        self.page.wait_for_url(lambda url: "/enrol" not in url)
        self.settled()


@pytest.fixture
def own_phone(server, start_browser) -> Phone:
    """Inês’s own, with her session on it."""
    context = start_browser()
    page = context.pages[0]
    demo_sign_in(page, server, "Inês Santos")
    page.goto(f"{server.url}/account/devices")
    page.locator("main [name=name]").fill("Mine")
    page.locator("main form:has([name=name]) button").click()
    page.wait_for_url(lambda url: "/enrol" not in url and "/account" not in url)
    phone = Phone.__new__(Phone)
    phone.server, phone.start, phone.context = server, start_browser, context
    phone.settled()
    return phone


def demo_sign_in(page: Page, server: Any, name: str) -> None:
    page.goto(f"{server.url}/demo")
    page.get_by_role("button", name=name, exact=True).click()
    page.wait_for_url(lambda url: "/demo" not in url)


def plan_of(phone: Phone) -> str:
    (plan,) = [name for name, copy in phone.store()["copies"].items() if "roll" in copy][:1]
    return plan


def enrolled(server, start_browser, inside, lasts=None, **more: Any) -> Phone:  # noqa: F811
    with inside() as cast:
        if more.get("kind") == DeviceKind.PHONE:
            more["staff"] = Staff.get(Staff.person == cast.tessa, Staff.nursery == cast.baach).id
        if lasts:  # by the server's clock
            more["ends"] = clock() + lasts
        children = [cast.leo.id] if more.get("kind") == DeviceKind.PASS else []
        by = cast.sami
        _, code = offline.invite(
            cast.baach, None, "New", False, by, clock(), by, children=children, **more
        )
    return Phone(server, start_browser(), start_browser, code)


# ── a guardian's own ─────────────────────────────────────────────────────────────────────────────


def test_a_guardians_phone_opens_the_own_plans_with_the_server_dead(server, own_phone):
    plan = plan_of(own_phone)
    server.kill()
    own_phone.cold_start()

    page = own_phone.open("/")
    page.locator(f"a[href='/plans/{plan}']").click()

    assert "Léo" in page.locator("h1").inner_text()
    assert own_phone.checked in own_phone.stamp


@pytest.mark.parametrize("online", [True, False])
def test_signing_out_leaves_no_copy_online_or_offline(server, own_phone, inside, online):  # noqa: F811
    plan = plan_of(own_phone)
    page = own_phone.open("/account")
    if not online:
        server.kill()

    page.locator("form[action='/sign-out'] button").first.click()
    page.wait_for_load_state()

    store = own_phone.store()
    assert (store["heads"], store["blobs"]) == ([], [])
    assert not any("roll" in copy for copy in store["copies"].values())
    if not online:
        assert own_phone.page.locator(".stamp.t-red").count() == 1
        assert "Léo" not in own_phone.open(f"/plans/{plan}").locator("body").inner_text()
        server.start()
    own_phone.open("/")
    own_phone.sync()
    assert own_phone.store()["device"] is None
    with inside() as cast:
        device = Device.get(Device.kind == DeviceKind.FAMILY)
        assert device.state == "ended"
        assert all(one.erased for one in device.holdings)
        hers = SignIn.select().where(SignIn.person == cast.ines, SignIn.ended.is_null())
        assert not hers.exists()


def test_a_session_that_ends_by_itself_erases_nothing(own_phone, inside):  # noqa: F811
    plan = plan_of(own_phone)
    with inside():
        SignIn.update(ended=clock()).execute()

    own_phone.open("/")
    own_phone.sync()

    assert "Léo" in own_phone.open(f"/plans/{plan}").locator("h1").inner_text()


def test_nothing_of_the_former_owner_shows_once_somebody_else_signs_in(server, own_phone):
    plan = plan_of(own_phone)
    page = own_phone.page

    demo_sign_in(page, server, "Ivan Kovac")
    answer = page.goto(f"{server.url}/plans/{plan}")

    assert answer.status == 404
    assert "Léo" not in page.locator("body").inner_text()
    assert own_phone.store()["blobs"] == []


def test_a_sign_in_that_failed_hides_nothing(server, own_phone):
    plan = plan_of(own_phone)
    page = own_phone.open("/sign-in")
    server.kill()

    page.evaluate("fetch('/sign-in', { method: 'POST', body: '{}' }).catch(() => null)")

    assert "Léo" in own_phone.open(f"/plans/{plan}").locator("h1").inner_text()


# ── a pass, a staff phone ────────────────────────────────────────────────────────────────────────


def test_a_pass_erases_at_its_end_by_its_own_clock(server, start_browser, inside):  # noqa: F811
    more = {"kind": DeviceKind.PASS, "lasts": timedelta(hours=4)}
    visit = enrolled(server, start_browser, inside, **more)
    plan = plan_of(visit)
    assert len([one for one in visit.store()["copies"].values() if "roll" in one]) == 1
    server.kill()

    visit.now(3 * HOUR)
    assert "Léo" in visit.open(f"/plans/{plan}").locator("h1").inner_text()
    visit.now(5 * HOUR)
    visit.open(f"/plans/{plan}")

    assert "Léo" not in visit.page.locator("body").inner_text()
    store = visit.store()
    assert (store["heads"], store["blobs"]) == ([], [])
    assert plan in store["device"]["receipts"]


@pytest.mark.parametrize(
    ("days", "said"),
    [(9.9, "9 days"), (10.1, "08.12.2026"), (13.9, "08.12.2026"), (14.1, "24 hours")],
)
def test_a_staff_phone_warns_from_day_ten_and_is_due_after_fourteen(
    server,
    start_browser,
    inside,  # noqa: F811
    days,
    said,
):
    phone = enrolled(server, start_browser, inside, kind=DeviceKind.PHONE)
    path = f"/plans/{plan_of(phone)}"
    server.kill()

    phone.now(int(days * DAY))
    told = phone.ask({"ask": "stamp", "path": path})

    assert said in told["sentence"]
    assert told["tone"] == "t-red"


def test_a_staff_phone_erases_only_after_a_day_of_use_past_its_cap(server, start_browser, inside):  # noqa: F811
    phone = enrolled(server, start_browser, inside, kind=DeviceKind.PHONE)
    plan = plan_of(phone)
    server.kill()

    for no in range(25):
        assert "roll" in phone.store()["copies"][plan], f"erased after {no} hours"
        phone.worker.evaluate("(ms) => sweep(Date.now() + ms)", 14 * DAY + HOUR + no * HOUR)

    assert all("erased" in copy for copy in phone.store()["copies"].values())


# ── other keys, no worker ────────────────────────────────────────────────────────────────────────

STATE = """() => navigator.serviceWorker.getRegistration()
  .then((one) => one ? [Boolean(one.installing), Boolean(one.waiting)] : null)"""


def test_changing_the_signing_key_twice_loses_no_copy(server, tablet, leo):  # noqa: F811
    before = tablet.store()
    for _ in range(2):  # after the second the worker knows neither key: it asks for its own update
        server.kill()
        sealing.rotate(server.instance / "keys.json", server.instance / "reserve-key.pem")
        server.start()
    tablet.sync()
    unknown = tablet.store()
    assert unknown["copies"] == before["copies"]
    assert unknown["heads"] == before["heads"], "not believed: the copies age"

    tablet.page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    assert becomes(tablet.page, STATE, [False, True])
    tablet.open(f"/plans/{leo}")
    assert becomes(tablet.page, STATE, [False, False])
    server.kill()
    assert "Léo" in tablet.open(f"/plans/{leo}").locator("h1").inner_text(), "before any contact"
    server.start()
    tablet.settled()

    after = tablet.store()
    assert set(after["copies"]) == set(before["copies"])
    assert max(one["seq"] for one in after["heads"]) > before["heads"][0]["seq"]
    assert "Léo" in tablet.open(f"/plans/{leo}").locator("h1").inner_text()


def test_the_kill_switch_takes_the_worker_and_leaves_copies_and_assets(server, tablet):  # noqa: F811
    tablet.open("/nursery")
    before = tablet.store()
    assets = "caches.open('assets').then((one) => one.keys()).then((all) => all.length)"
    held = tablet.page.evaluate(assets)
    server.kill()
    server.start(APP_WORKER_OFF="true")

    tablet.page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")

    assert becomes(tablet.page, STATE, None)
    after = tablet.store()
    assert (after["copies"], after["blobs"]) == (before["copies"], before["blobs"])
    assert tablet.page.evaluate(assets) == held
