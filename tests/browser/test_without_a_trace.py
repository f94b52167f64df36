"""/help in the browser: three readers, every combination without scripts, and leaving it."""

import pytest
from playwright.sync_api import Browser, Page, expect

pytestmark = pytest.mark.browser

# Chooses and looks, for all combinations in one go: the page itself runs no script of its own.
TABLE = """() => {
  const all = (what) => [...document.querySelectorAll(what)];
  const pairs = all('[name=age]').flatMap((age) => all('[name=home]').map((home) => [age, home]));
  return pairs.flatMap((pair) => all('[name=need]').map((need) => {
    const chosen = [...pair, need];
    for (const one of chosen) one.checked = true;
    const shown = all('[data-outcome]').filter((one) => one.checkVisibility());
    return [chosen.map((one) => one.id), shown.map((one) => one.dataset.outcome)];
  }));
}"""
ASK = {"age-27", "age-28", "age-unsure", "home-moving", "home-unsure", "need-unsure"}
DOORS = {"home-no", "need-none"}


@pytest.fixture
def plain(browser: Browser, shared_server) -> Page:
    """The page in a browser that runs no scripts."""
    context = browser.new_context(locale="en-GB", java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{shared_server.url}/help")
    yield page
    context.close()


def choose(page: Page, *answers: str) -> None:
    for answer in answers:
        page.get_by_label(answer, exact=True).check()


def outcome(page: Page) -> str:
    return page.locator("[data-outcome]:visible h3").inner_text()


def in_question(page: Page, question: str, answer: str) -> None:
    page.get_by_role("group", name=question).get_by_label(answer, exact=True).check()


def test_every_combination_shows_one_outcome_without_scripts(plain):
    table = plain.evaluate(TABLE)

    assert len(table) == 4 * 4 * 8
    for chosen, shown in table:
        led = "doors" if DOORS & set(chosen) else "ask" if ASK & set(chosen) else "yes"
        assert shown == [led], chosen


def test_a_young_person_a_grandmother_and_a_teacher_find_their_words_without_scripts(plain):
    sent = []
    plain.on("request", lambda request: sent.append(request.url))

    choose(plain, "I am a child or a young person", "0 to 26 years")
    in_question(plain, "2. Do you live in Luxembourg?", "Yes")
    expect(plain.get_by_text("You may call the ONE yourself")).to_be_visible()
    choose(plain, "In danger: being hurt, threatened or frightened")
    assert outcome(plain) == "Likely yes"
    expect(plain.get_by_text("Danger right now: call at once.")).to_be_visible()
    plain.keyboard.press("Enter")

    plain.get_by_role("button", name="Clear my answers").click()
    choose(
        plain, "I belong to the family, or I know the child", "28 or older: from the 28th birthday"
    )
    expect(plain.get_by_text("grandfather")).to_be_visible()
    expect(plain.get_by_text("You may call the ONE yourself")).to_be_hidden()
    in_question(plain, "2. Does the child or young person live in Luxembourg?", "Yes")
    in_question(plain, "3. What is hard for the child", "I am not sure")
    assert outcome(plain) == "Ask them"

    choose(plain, "I work with children: social work, school, crèche", "0 to 26 years", "No")
    assert outcome(plain) == "Other doors"
    card = plain.locator("[data-outcome]:visible [data-contact]")
    expect(card.get_by_role("link", name="247-73696")).to_be_visible()
    plain.get_by_role("link", name="Apply in writing").click()
    expect(plain.get_by_role("link", name="MyGuichet.lu")).to_be_visible()
    assert [url for url in sent if "/static/" not in url] == []


@pytest.mark.parametrize("way", ["button", "escape"])
def test_leaving_the_page_takes_it_out_of_what_back_shows(page, shared_server, way):
    page.goto(f"{shared_server.url}/services")
    page.get_by_role("contentinfo").get_by_role("link", name="Help for a child").click()
    page.wait_for_url("**/help")
    assert page.title() == "Kannerplang"
    choose(page, "I work with children: social work, school, crèche")
    page.get_by_role("link", name="Apply in writing").click()
    page.wait_for_url("**/help#application")
    page.locator("summary", has_text="EN").click()
    with page.expect_navigation():
        page.get_by_role("button", name="Deutsch").click()
    length = page.evaluate("history.length")

    if way == "button":
        page.locator(".sos a[data-leave]").click()
    else:
        page.keyboard.press("Escape")
        page.keyboard.press("Escape")

    page.wait_for_url(lambda url: url.rstrip("/") == shared_server.url)
    assert page.evaluate("history.length") == length
    page.go_back()
    page.wait_for_url("**/services")


def test_a_visit_leaves_nothing_in_the_browser(browser, shared_server):
    context = browser.new_context(locale="en-GB")
    page = context.new_page()
    page.goto(f"{shared_server.url}/help")
    choose(page, "I am a child or a young person", "27 years")

    kept = page.evaluate("""async () => [
      localStorage.length, sessionStorage.length, (await caches.keys()).length,
      (await indexedDB.databases()).length,
      (await navigator.serviceWorker.getRegistrations()).length,
    ]""")
    files = page.evaluate("performance.getEntriesByType('resource').map((one) => one.name)")

    assert kept == [0, 0, 0, 0, 0]
    assert context.cookies() == []
    assert not [name for name in files if "help" in name]
    page.reload()
    assert page.locator("input:checked").count() == 0
    context.close()
