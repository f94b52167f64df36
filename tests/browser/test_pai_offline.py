"""The PAI explained without a network: in any browser that was here once, in five languages."""

import pytest
from playwright.sync_api import Page

pytestmark = pytest.mark.browser

STEPS = {
    "lb": "Dräi Schrëtt",
    "fr": "Trois étapes",
    "de": "Drei Schritte",
    "en": "Three steps",
    "pt": "Três passos",
}


def visited_once(page: Page, url: str) -> None:
    """The front door only; then the worker has what it needs."""
    page.goto(url)
    page.evaluate("navigator.serviceWorker.ready.then(({ active }) => active.state)")
    page.wait_for_function("navigator.serviceWorker.controller")


@pytest.mark.parametrize("path", ["/pai", "/pai/questions"])
def test_the_pai_opens_in_five_languages_when_the_server_is_dead(server, start_browser, path):
    start = start_browser("visitor")
    visited_once(start.pages[0], server.url)

    server.kill()
    page = start_browser("visitor").pages[0]  # a cold start
    answer = page.goto(server.url + path)

    assert answer.status == 200
    assert answer.from_service_worker
    assert "Offline" in page.locator(".stamp").inner_text()
    for language, steps in STEPS.items():
        part = page.locator(f"section#{language}[lang={language}]")
        assert part.get_by_role("heading", name=steps).is_visible()
        assert part.locator(f"#questions-{language} li").count() > 12
    page.get_by_role("link", name="Português").click()
    assert page.get_by_role("heading", name=STEPS["pt"]).is_visible()
    assert not page.locator("form, script").count()


def test_every_other_page_still_says_that_it_cannot_be_shown(server, start_browser):
    context = start_browser("visitor")
    visited_once(context.pages[0], server.url)
    server.kill()

    answer = context.pages[0].goto(f"{server.url}/pai/offline/elsewhere")

    assert answer.status == 503
    assert context.pages[0].get_by_role("heading", name="Offline").is_visible()


def test_with_a_server_the_pai_comes_from_it(server, start_browser):
    page = start_browser("visitor").pages[0]
    visited_once(page, server.url)

    page.goto(f"{server.url}/pai")

    assert page.get_by_role("heading", name="The PAI", exact=True).is_visible()
    assert page.get_by_text("Last checked").is_visible()
