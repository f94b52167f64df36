"""A held page is the same every day: the device itself sees that a date of the kit has passed."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect

pytestmark = pytest.mark.browser


@pytest.fixture
def device(browser: Browser, shared_server: Any, sign_in: Callable) -> Any:
    """A tablet in Luxembourg that no server told the day."""
    context = browser.new_context(
        timezone_id="Europe/Luxembourg", locale="en-GB", service_workers="block"
    )
    page = sign_in(context.new_page(), "Tessa Klein")

    def without_a_day(route: Route) -> None:
        answer = route.fetch()
        body = re.sub(r'data-today="[^"]*"', 'data-today=""', answer.text())
        route.fulfill(response=answer, body=body)

    page.route(re.compile(r"/(nursery|plans/[\w-]+(/emergency)?)$"), without_a_day)
    yield page
    context.close()


@pytest.mark.parametrize(
    ("minute", "missing"),
    [
        ("2027-03-31T23:59:00+02:00", ""),
        ("2027-04-01T00:01:00+02:00", "stylo adrénaline"),
    ],
)
def test_the_minute_after_the_last_day_the_kit_is_incomplete(
    device: Page, shared_server: Any, minute: str, missing: str
):
    device.clock.set_fixed_time(minute)
    device.goto(f"{shared_server.url}/nursery")
    leo = device.locator("li", has_text="Léo")
    expect(leo.locator("[data-gap]")).to_be_visible(visible=bool(missing))
    plan = leo.get_by_role("link").first.get_attribute("href")

    device.goto(shared_server.url + plan)
    gap = device.locator("[data-gap]")
    expect(gap).to_be_visible(visible=bool(missing))
    expect(gap.get_by_text(missing or "stylo").first).to_be_visible(visible=bool(missing))
    expect(gap.get_by_text("Salbutamol")).to_be_hidden()
    expect(device.locator("ol.steps").first).to_be_visible()

    # The run of an emergency shows one thing at a time: among the medicines it is said as well.
    device.goto(f"{shared_server.url}{plan}/emergency")
    expect(device.locator("[data-gap]")).to_have_js_property("hidden", not missing)
