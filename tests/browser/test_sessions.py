"""A session in the browser: a stranger finds it, joins, waits, gets the seat and reads of it."""

import re

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def someone(browser: Browser, server, sign_in):
    """A page of one of the cast on a server of this test's own, in English."""
    contexts = []

    def start(who: str = "") -> Page:
        contexts.append(browser.new_context(locale="en-GB", service_workers="block"))
        page = contexts[-1].new_page()
        return sign_in(page, who, server) if who else page

    yield start
    for context in contexts:
        context.close()


def in_english(page: Page) -> None:
    page.locator("details.menu summary").click()
    page.get_by_role("button", name="English").click()


def test_zoe_waits_for_two_seats_and_reads_that_she_has_them(someone, server, sign_in):
    page = someone()
    page.goto(f"{server.url}/info-sante")
    page.get_by_text("A safe home", exact=True).first.click()  # the filter, by htmx
    expect(page.get_by_role("status").filter(has_text="2 sessions")).to_be_visible()
    expect(page).to_have_url(re.compile("topic=4"))
    page.get_by_role("link", name="A safe home").first.click()
    address = page.url
    page.get_by_role("main").get_by_role("link", name="Sign in").click()
    expect(page).to_have_url(re.compile(r"/sign-in\?next=%?"))

    sign_in(page, "Zoé Marchand", server)
    in_english(page)
    page.goto(address)
    page.get_by_label("Two adults").check()
    page.get_by_role("button", name="Join").click()
    expect(page.get_by_text("You are no. 1 on the waiting list.")).to_be_visible()
    assert page.url == address, "htmx changed the part with the seats, not the page"

    ivan = someone("Ivan Kovac")
    in_english(ivan)
    ivan.goto(address)
    ivan.get_by_role("link", name="Give up the seat…").click()
    ivan.get_by_role("button", name="Give up the seat").click()
    expect(ivan.get_by_text("You are no longer on the list.")).to_be_visible()

    page.goto(f"{server.url}/notices")
    page.get_by_role("link", name="A seat has become free").click()
    expect(page).to_have_url(address)
    page.get_by_role("button", name="Take the seats").click()
    expect(page.get_by_text("You have 2 seats.")).to_be_visible()
