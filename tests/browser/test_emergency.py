"""The emergency page as a frightened helper uses it: server dead, browser killed half way."""

import re
import sqlite3
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, Page
from test_offline_tablet import Tablet

import demo

pytestmark = pytest.mark.browser

LINES = "[data-lines] li"


@pytest.fixture
def tablet(server: Any, start_browser: Callable[..., BrowserContext]) -> Tablet:
    return Tablet(server, start_browser)


@pytest.fixture
def leo(tablet: Tablet) -> str:
    link = tablet.page.locator("a[href^='/plans/']", has_text="Léo")
    return link.get_attribute("href").removeprefix("/plans/")


def emergency(tablet: Tablet) -> Page:
    """From the board: the child, then the emergency."""
    page = tablet.open("/nursery")
    page.get_by_role("link", name=re.compile("^Léo")).click()
    page.get_by_role("link", name="Start emergency").click()
    page.wait_for_url("**/emergency")
    return page


def begun(tablet: Tablet) -> Page:
    """The third tap: what is seen."""
    page = emergency(tablet)
    page.get_by_role("button", name="Yes, at least one of these").first.click()
    return page


def step(page: Page) -> str:
    return page.locator("[aria-current=step] > :first-child").inner_text()


def written(page: Page) -> list[tuple[str, str]]:
    """The log, once the worker has kept its last line."""
    page.wait_for_timeout(300)
    lines = page.locator(LINES).all()
    return [
        tuple(" ".join(part.split()) for part in li.locator("> *").all_inner_texts())
        for li in lines
    ]


def test_three_taps_from_the_board_to_the_first_right_act_without_a_server(server, tablet):
    server.kill()
    page = begun(tablet)

    assert "adrénaline" in step(page)
    assert page.locator("[aria-current=step]").count() == 1
    box = page.locator("[aria-current=step]").bounding_box()
    assert box["y"] + box["height"] < page.viewport_size["height"] - 90, "on the first screen"
    assert page.get_by_text("Step 1 of 6", exact=True).is_visible()
    assert [said for _, said in written(page)] == ["Started", "Chosen: Severe: any one of these"]


def test_a_killed_browser_goes_on_at_the_same_step_and_time(server, tablet):
    server.kill()
    page = begun(tablet)
    page.get_by_role("button", name="Done", exact=True).click()
    page.get_by_role("button", name="Done", exact=True).click()
    third, log = step(page), written(page)
    tablet.cold_start()

    page = tablet.open("/nursery")
    page.locator("[data-running]").get_by_role("link", name=re.compile("^Léo")).click()
    page.wait_for_selector("[aria-current=step]")

    assert step(page) == third
    assert written(page) == log
    assert re.fullmatch(r"\d\d:\d\d", page.locator("[data-onset]").inner_text())


def test_twenty_minutes_change_nothing_but_the_digits_of_stopwatches(server, tablet, leo):
    server.kill()
    tablet.page.clock.install()
    page = begun(tablet)
    page.locator("[data-act=dose]").first.click()
    written(page)
    text = """() => [...document.querySelectorAll('body *')]
        .filter(e => !e.closest('.timer, .stamp'))
        .flatMap(e => [...e.childNodes].filter(n => n.nodeType === 3).map(n => n.data))"""
    before, timers = page.evaluate(text), page.locator(".timer").all_inner_texts()

    page.clock.fast_forward("20:00")

    assert page.evaluate(text) == before
    later = page.locator(".timer").all_inner_texts()
    assert later != timers
    assert all(re.fullmatch(r"\d\d:\d\d|112", digits) for digits in later)
    assert later[0].startswith("20:")


def test_the_log_is_the_same_on_the_page_the_sheet_and_the_report(
    server, tablet, start_browser, sign_in
):
    server.kill()
    page = begun(tablet)
    page.locator("[data-act=dose]").first.click()
    page.get_by_role("button", name="Done", exact=True).click()
    page.get_by_text("Not possible").click()
    page.get_by_role("button", name="Not found").click()
    page.evaluate(  # no dialler here
        "addEventListener('click', (e) => e.target.closest('[href^=tel]') && e.preventDefault())"
    )
    page.locator(".call [href^='tel:']").first.click()
    page.get_by_label("Note").fill("Pale, then better")
    page.get_by_role("button", name="Add the note").click()
    page.get_by_text("End the emergency").click()
    page.get_by_role("button", name="Yes, it is over").click()
    log = written(page)
    assert [said.split(":")[0] for _, said in log] == [
        *("Started", "Chosen", "Given", "Done", "Not possible (Not found)"),
        *("Called", "Note", "Ended"),
    ]

    server.start(DEMO_NOW=(demo.NOW + timedelta(hours=1)).isoformat())  # its clock ran on
    tablet.sync()
    page.get_by_role("link", name="Hand-over sheet and report").click()
    page.wait_for_url("**/incidents/*")

    said = page.locator(LINES).all()
    assert [
        (li.locator("time").inner_text(), li.locator("[data-said]").inner_text()) for li in said
    ] == log
    address = page.url
    parent = start_browser("family").new_page()
    sign_in(parent, "Inês Santos", server)
    parent.request.post(
        f"{server.url}/language", form={"language": "en"}, headers={"Origin": server.url}
    )
    parent.goto(address)
    assert parent.get_by_role("heading", level=1).inner_text().startswith("Report of an emergency")
    shown = parent.locator(LINES).all()
    assert [
        (li.locator("time").inner_text(), li.locator("[data-said]").inner_text()) for li in shown
    ] == log


def test_an_exercise_says_so_dials_nothing_and_is_no_incident_of_the_child(server, tablet, leo):
    page = tablet.open(f"/plans/{leo}")
    page.get_by_role("link", name="Practise").click()
    page.get_by_role("button", name="Yes, at least one of these").first.click()
    page.get_by_role("button", name="Done", exact=True).click()

    assert page.get_by_text("EXERCISE", exact=True).is_visible()
    assert page.locator("[href^='tel:']").count() == 0
    assert page.locator("form[action='/language']").first.is_hidden()
    written(page)
    tablet.sync()
    rows = sqlite3.connect(f"{server.instance}/app.db").execute("SELECT drill FROM incident")
    assert rows.fetchall() == [(1,)]
    page = tablet.open("/nursery")
    assert page.locator("[data-running]").is_hidden()


def test_a_child_without_a_plan_has_112_and_a_stopwatch_offline_and_no_step(server, tablet):
    server.kill()
    page = tablet.open("/nursery")
    page.get_by_role("link", name="Another child").click()
    page.get_by_role("button", name="Start the stopwatch and the log").click()

    assert [said for _, said in written(page)] == ["Started"]
    assert page.get_by_text("12, rue du Ruisseau").first.is_visible()
    assert page.locator("[data-severity]").count() == 0
    assert page.locator("[data-act=step]").is_hidden()


def test_without_scripts_the_whole_plan_is_there(browser, shared_server, sign_in):
    context = browser.new_context(java_script_enabled=False)
    page = sign_in(context.new_page(), "Inês Santos")
    page.goto(f"{shared_server.url}/home")
    page.get_by_role("link", name=re.compile("Léo")).first.click()
    address = page.locator("[href^='/plans/']").first.get_attribute("href")
    page.goto(f"{shared_server.url}{'/'.join(address.split('/')[:3])}/emergency")

    assert (
        page.locator("[data-todo] li:visible").count() == page.locator("[data-todo] li").count() > 6
    )
    assert page.locator("[data-seen] li:visible").count() > 6
    assert page.locator("[data-act=branch]:visible").count() == 0
    context.close()


def test_two_emergencies_run_side_by_side_each_at_its_own_step(server, tablet):
    server.kill()
    page = begun(tablet)
    page.get_by_role("button", name="Done", exact=True).click()
    second = step(page)
    written(page)
    page = tablet.open("/nursery")
    page.get_by_role("link", name=re.compile("^Mia")).click()
    page.get_by_role("link", name="Start emergency").click()
    page.locator("[data-act=branch]").first.click()
    written(page)

    page = tablet.open("/nursery")
    running = page.locator("[data-running] a:visible")
    page.wait_for_selector("[data-running]:not([hidden])")
    assert running.count() == 2
    running.filter(has_text="Léo").click()
    page.wait_for_selector("[aria-current=step]")
    assert step(page) == second


def test_other_signs_and_a_step_back_are_one_tap_away(server, tablet):
    server.kill()
    page = begun(tablet)
    first = step(page)
    page.get_by_role("button", name="Done", exact=True).click()
    page.get_by_role("button", name="One step back").click()
    assert step(page) == first
    page.get_by_role("button", name="Other signs now").click()
    page.locator("[data-severity=moderate] [data-act=branch]").click()
    assert page.locator("[data-chosen]").get_attribute("data-severity") == "moderate"
    assert step(page) != first
