"""A parent and the nurse at once, from the question to the hour; and a whole queue cleared."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

pytestmark = pytest.mark.browser

PHONE = {"width": 360, "height": 740}
WIDE = {"width": 1280, "height": 800}
OPEN = 23
MOST_ACTIONS = 60
# What the nurse needed when this was written: one tap to open the first, one each to confirm 20 at
# the first time offered, one more for 4 whose wished times were all given away (home visits take
# their ways too), three each (unfold, type, send) to answer 3 in words.
ACTIONS = 1 + 20 + 4 + 3 * 3


@pytest.fixture
def open_as(browser: Browser, server, sign_in) -> Iterator[Callable[..., Page]]:
    """A browser of one of the cast, in English."""
    opened: list[BrowserContext] = []

    def start(who: str, size: dict[str, int], **more: object) -> Page:
        opened.append(
            browser.new_context(viewport=size, locale="en-GB", service_workers="block", **more)
        )
        page = sign_in(opened[-1].new_page(), who, server)
        origin = {"Sec-Fetch-Site": "same-origin"}
        page.request.post(f"{server.url}/language", form={"language": "en"}, headers=origin)
        return page

    yield start
    for context in opened:
        context.close()


@pytest.mark.parametrize("script", [True, False], ids=["htmx", "without scripts"])
def test_a_parent_and_the_nurse_at_once_from_the_question_to_the_hour(open_as, server, script):
    parent = open_as("Aoife O'Brien", PHONE, java_script_enabled=script)
    nurse = open_as("Noor Haddad", WIDE, java_script_enabled=script)

    parent.goto(f"{server.url}/home")
    parent.get_by_role("link", name="Ask for a call, a consultation or a visit").click()
    parent.get_by_role("link", name="Tele-consultation").click()
    expect(parent.get_by_role("heading", name="Is the child ill now?")).to_be_visible()
    parent.get_by_role("link", name="Nobody is ill: go on").click()
    parent.get_by_label("What is it about?").fill("He wants to be carried all evening.")
    parent.get_by_role("button", name="Send the request").click()
    expect(parent.get_by_text("We have your request")).to_be_visible()

    nurse.goto(f"{server.url}/desk")
    nurse.get_by_role("link", name="Aoife O'Brien").last.click()
    request = nurse.get_by_role("article", name="Aoife O'Brien")
    expect(request.get_by_text("He wants to be carried all evening.")).to_be_visible()
    request.get_by_role("button", name="I answer this one").click()
    expect(request.get_by_text("Noor Haddad", exact=True)).to_be_visible()
    parent.reload()
    expect(parent.get_by_text("A nurse looks after it")).to_be_visible()
    hour = request.locator("#starts label").nth(1).inner_text()
    request.locator("#starts").get_by_label(hour).check()
    request.locator("#note").fill("Talk to you tomorrow.")
    request.get_by_role("button", name="Confirm").click()
    expect(nurse.get_by_text("Confirmed: 25 November 2026").first).to_be_visible()

    parent.reload()
    clock = hour.rsplit(" ", 1)[1]
    expect(parent.get_by_role("heading", level=1)).to_have_text(f"25 November 2026, {clock}")
    expect(parent.get_by_text("Talk to you tomorrow.")).to_be_visible()
    with parent.expect_download() as saved:
        parent.get_by_role("link", name="Add to calendar").click()
    assert saved.value.suggested_filename == "appointment.ics"
    parent.goto(f"{server.url}/notices")
    parent.get_by_role("link", name=f"25 November 2026, {clock}").click()
    expect(parent.get_by_role("heading", level=1)).to_have_text(f"25 November 2026, {clock}")


@pytest.mark.parametrize("script", [True, False], ids=["htmx", "without scripts"])
def test_the_nurse_proposes_while_the_parent_looks_and_the_parent_chooses(open_as, server, script):
    parent = open_as("Inês Santos", PHONE, java_script_enabled=script)
    nurse = open_as("Noor Haddad", WIDE, java_script_enabled=script)
    parent.goto(f"{server.url}/requests")
    parent.get_by_role("link", name="Tele-consultation").first.click()
    expect(parent.get_by_text("We have your request")).to_be_visible()

    nurse.goto(f"{server.url}/desk")
    nurse.get_by_role("link", name="Inês Santos").last.click()
    request = nurse.get_by_role("article", name="Inês Santos")
    request.get_by_text("Propose times to choose from").click()
    offered = request.locator("#held-times label")
    hours = [offered.nth(n).inner_text() for n in range(2)]
    for hour in hours:
        request.locator("#held-times").get_by_label(hour).check()
    request.locator("form[action*='proposal'] summary").click()
    request.locator("#held-said label").first.click()
    request.get_by_role("button", name="Propose", exact=True).click()
    expect(nurse.get_by_text("Proposed. The times are held").first).to_be_visible()
    expect(nurse.get_by_text("held", exact=True)).to_have_count(2)

    parent.reload()
    expect(parent.get_by_role("heading", name="Which time suits you?")).to_be_visible()
    expect(parent.get_by_text("health booklet (carnet de santé)")).to_be_visible()
    clock = hours[1].rsplit(" ", 1)[1]
    parent.get_by_role("button", name=clock).click()
    expect(parent.get_by_text("This time is yours.")).to_be_visible()
    expect(parent.get_by_role("heading", level=1)).to_contain_text(clock)
    parent.go_back()  # what the browser kept: the times as they were
    parent.goto(f"{server.url}/notices")
    expect(parent.get_by_text("Your appointment is confirmed").first).to_be_visible()

    nurse.reload()
    expect(nurse.get_by_text("held", exact=True)).to_have_count(0)
    nurse.get_by_role("complementary").get_by_role("link", name=hours[1]).click()
    expect(nurse.get_by_role("article", name="Inês Santos")).to_have_attribute(
        "data-status", "confirmed"
    )


def test_what_comes_in_appears_at_an_open_desk_and_its_title_counts(open_as, server):
    nurse = open_as("Noor Haddad", WIDE)
    nurse.clock.install()
    nurse.goto(f"{server.url}/desk")
    expect(nurse).to_have_title(f"({OPEN}) Requests · Kannerplang")
    parent = open_as("Zoé Marchand", PHONE)
    parent.goto(f"{server.url}/requests/new?kind=3")
    parent.get_by_label("Where should we come?").fill("1, rue de la Gare, Demoduerf")
    parent.get_by_label("What is it about?").fill("First weeks at home.")
    parent.locator("#phone").fill("621 555 207")
    parent.get_by_role("button", name="Send the request").click()
    expect(parent.get_by_text("We have your request")).to_be_visible()

    nurse.clock.fast_forward("00:31")

    expect(nurse.get_by_text(f"{OPEN + 1} open")).to_be_visible()
    expect(nurse).to_have_title(f"({OPEN + 1}) Requests · Kannerplang")


def test_a_queue_of_23_requests_is_cleared_in_few_actions(open_as, server):
    nurse, actions = open_as("Noor Haddad", WIDE), 0
    nurse.goto(f"{server.url}/desk")
    expect(nurse.get_by_text(f"{OPEN} open")).to_be_visible()

    nurse.get_by_role("link", name="Open the oldest one").click()
    actions += 1
    for n in range(OPEN):
        expect(nurse.get_by_text(f"{OPEN - n} open")).to_be_visible()
        if n % 10 == 5 or n == OPEN - 1:
            nurse.get_by_text("No appointment: answer in words").click()
            nurse.get_by_label("Your answer to the family").fill("Come without appointment.")
            nurse.get_by_role("button", name="Send this answer").click()
            actions += 3
        else:
            if not nurse.locator("#starts :checked").count():  # nothing suits: not chosen for her
                nurse.locator("#starts label").first.click()
                actions += 1
            nurse.get_by_role("button", name="Confirm").click()
            actions += 1

    expect(nurse.get_by_text("Nothing waits here")).to_be_visible()
    expect(nurse).to_have_url(f"{server.url}/desk")
    expect(nurse.get_by_text("0 open")).to_be_visible()
    assert actions == ACTIONS <= MOST_ACTIONS
