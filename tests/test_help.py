"""Help for a child in distress: every aim is there, nobody is turned away, no trace is left."""

import itertools
import re
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from client import Client, soup_of
from tables import tables

from offices import Service

CSS = Path(__file__).parent.parent / "static" / "app.css"
# What each answer leads to by itself.
QUESTIONS = {
    "age": {"age-young": "yes", "age-27": "ask", "age-28": "ask", "age-unsure": "ask"},
    "home": {"home-yes": "yes", "home-moving": "ask", "home-unsure": "ask", "home-no": "doors"},
    "need": {
        **dict.fromkeys(("need-body", "need-mind", "need-feelings", "need-others"), "yes"),
        **{"need-danger": "yes", "need-place": "yes", "need-unsure": "ask", "need-none": "doors"},
    },
}
AIMS = {
    "b18-1": "organising its daily life",
    "b18-2": "children and young people need for their education and their relationships",
    "b18-3": "developing and using their skills in upbringing and in relationships",
    "b18-4": "going along to appointments, helping to fill in application forms",
    "b18-5": "from being overwhelmed by their situation",
    "b19-1": "prevent problems of behaviour, personality, relationships and feelings",
    "b19-2": "teach how to manage such problems",
    "b19-3": "confidence again, and stable, safe ties with family and friends",
    "b19-4": "relationship skills of parents or guardians",
    "b19-5": "inform, guide and support families",
    "b19-5a": "what the problems of a member of the family are",
    "b19-5b": "a family environment that meets the needs of all its members",
    "b20-1": "stimulate development: overall, moving, thinking, language, the senses, feelings",
    "b20-2": "learning and education for the person, the family and professionals",
    "b20-3": "young people, parents, families and professionals (social workers, schools)",
    "b21-1": "food, housing, clothing",
    "b21-2": "(bathing, looking after an ill child) and with the household (cleaning, laundry,",
    "b21-3": "relief in the short term, through childcare",
    "b21-4": "one or both parents ill or in hospital (shopping, childcare",
}
SAID = {
    "home-first": "Living somewhere else is the exception",
    "kind-1": "young adults in distress",
    "kind-2": "children, young adults and parents with problems of behaviour",
    "kind-3": "From 0 to 27 years; early special-education measures from 0 to 12 years",
    "kind-4": "can hardly meet their children’s basic needs",
    "costs": "a contribution may be asked for",
    "contact": "or anybody else who cares",
    "next": "ended at any time",
    "application": "Demande d’aide ou de soutien ambulatoire pour professionnels",
    "bodies": "eleven regional offices",
    "host-family": "take in a child",
    "law": "17 August 2011",
    "simpler": "Zesumme Vereinfachen",
    "trace": "keeps nothing of this visit",
}
REFUSALS = re.compile(
    r"eligib|elegív|entitle|anspruch|usproch|berechtigt|berechtegt|pas droit|não tem direito"
    r"|nicht zuständig|net zoustänneg|rejected|refus|abgelehnt|ofgeleent|recusad",
    re.IGNORECASE,
)


@pytest.fixture
def page(at) -> BeautifulSoup:
    return at().page("/help")


# ── the check ────────────────────────────────────────────────────────────────────────────────────


def outcomes(form: BeautifulSoup, *chosen: str) -> list[str]:
    """The answers that are shown, by the very rule of app.css, once these were chosen."""
    for radio in form.select("input[type=radio]"):
        radio.attrs.pop("checked", None)
        if radio["id"] in chosen:
            radio["checked"] = ""
    hidden = form.select(rule())
    return [one["data-outcome"] for one in form.select("[data-outcome]") if one not in hidden]


def rule() -> str:
    return re.search(r"\n(\.choosing:has\([^{]+)\{ display: none \}", CSS.read_text())[1]


def test_each_answer_says_where_it_leads(page):
    radios = page.select("form.choosing input")

    for name, answers in QUESTIONS.items():
        found = {radio["id"]: radio["value"] for radio in radios if radio["name"] == name}
        assert found == answers
        assert not [radio for radio in radios if radio.has_attr("checked")]
    label = page.find(id="age-28").find_parent("label").get_text(strip=True)
    assert label == "28 or older: from the 28th birthday"


def test_all_combinations_of_answers_show_one_outcome_and_none_turns_away(page):
    form = page.select_one("form.choosing").extract()
    for answers in itertools.product(*QUESTIONS.values()):
        led = {QUESTIONS[name][one] for name, one in zip(QUESTIONS, answers, strict=True)}
        expected = next(one for one in ("doors", "ask", "yes") if one in led)

        assert outcomes(form, *answers) == [expected], answers


def test_nothing_is_shown_before_the_third_answer(page):
    form = page.select_one("form.choosing").extract()
    first = [next(iter(answers)) for answers in QUESTIONS.values()]

    for pair in itertools.combinations(first, 2):
        assert outcomes(form, *pair) == []
    assert outcomes(form, *first) == ["yes"]


def test_danger_shows_112_and_113_at_once(page):
    form = page.select_one("form.choosing").extract()
    alarm = form.select_one("[data-for=danger]")

    outcomes(form, "age-young")
    before = alarm in form.select(rule())
    outcomes(form, "need-danger")

    assert before
    assert alarm not in form.select(rule())
    assert [link["href"] for link in alarm.select("a")] == ["tel:112", "tel:113"]


def test_the_check_cannot_be_sent(page):
    form = page.select_one("form.choosing")

    assert not form.get("action")
    assert form["autocomplete"] == "off"
    (default,) = form.select("button:not([type=reset])")
    assert default.has_attr("disabled")  # the button that Enter would press
    assert not form.select("input[type=hidden]")


def test_all_three_outcomes_end_with_the_same_contact_card(page):
    cards = [one.select("[data-contact]") for one in page.select("[data-outcome]")]

    assert [len(found) for found in cards] == [1, 1, 1]
    assert len({str(card) for (card,) in cards}) == 1
    words = " ".join(cards[0][0].get_text(" ").split())
    for fact in ("247-73696", "247-73699", "one@one.etat.lu", "33, Rives de Clausen", "2026"):
        assert fact in words
    assert cards[0][0].select_one("a[href='tel:+352-24-77-36-96'], a[href^='tel:+352']")


def test_the_contact_is_what_the_desk_wrote(at):
    Service.update(phone="247-00000").where(Service.slug == "one").execute()

    words = at().words("/help")

    assert words.count("247-00000") == 4
    assert "247-73696" not in words


@pytest.mark.parametrize("language", ["en", "fr", "de", "lb", "pt"])
def test_no_language_turns_anybody_away(as_user, language):
    client = as_user(None)
    client.post("/language", {"language": language})

    page = client.page("/help")

    assert page.html["lang"] == language
    assert not REFUSALS.search(page.main.get_text(" "))


# ── what is said ─────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("aim", AIMS)
def test_every_aim_of_the_four_kinds_stands_alone(page, aim):
    item = page.find("li", id=aim)

    assert AIMS[aim] in " ".join(item.get_text(" ").split())
    assert item.find_parent("section")["id"] == f"kind-{int(aim[1:3]) - 17}"


def test_the_rest_of_the_facts_stands_under_headings_that_can_be_linked_to(page):
    for name, fact in SAID.items():
        section = page.find("section", id=name)
        assert section.h2, name
        assert fact in " ".join(section.get_text(" ").split()), name


def test_danger_comes_first_and_each_reader_is_spoken_to(page):
    words = page.main.get_text(" ")

    assert words.index("112") < words.index("Who is asking?") < words.index("Four kinds of help")
    assert "You may call the ONE yourself" in page.select_one("div[data-for=child]").get_text()
    assert "grandfather" in page.select_one("div[data-for=family]").get_text()
    professional = page.select_one("div[data-for=professional]")
    assert "MyGuichet.lu" in professional.get_text()
    assert page.select_one(professional.a["href"]).name == "section"


def test_official_pages_open_without_saying_where_one_comes_from(page):
    away = [link for link in page.select("a[href]") if link["href"].startswith("http")]

    assert len(away) >= 6
    assert all(link["rel"] == ["noreferrer"] for link in away)


# ── no trace ─────────────────────────────────────────────────────────────────────────────────────


def rows() -> dict[str, list]:
    return {table.__name__: sorted(map(str, table.select().tuples())) for table in tables()}


def test_a_visit_leaves_no_cookie_no_row_and_no_line(app, caplog):
    caplog.set_level("DEBUG")
    client = Client(app)
    client.get("/feedback")
    assert client.browser.get_cookie("session"), "other pages with a form do set one"
    stranger = Client(app)
    before = rows()

    answer = stranger.get("/help")

    assert "Set-Cookie" not in answer.headers
    assert not stranger.browser._cookies
    assert answer.headers["Cache-Control"] == "no-store"
    assert rows() == before
    assert "help" not in caplog.text


def test_the_page_names_itself_nowhere(at):
    answer = at().get("/help")
    page = soup_of(answer)

    assert page.title.get_text() == "Kannerplang"
    assert not page.select("meta[name=csrf-token], [name=csrf_token]")
    assert "/feedback" in [link["href"] for link in page.select("footer a")]
    assert "help" not in " ".join(tag["src"] for tag in page.select("script"))
    assert {form["action"] for form in page.select("form[method=post]")} == {"/language"}


def test_it_can_be_left_without_javascript(page):
    (leave,) = page.select("a[data-leave]")

    assert leave["href"] == "/"
    assert leave.get_text(strip=True) == "Leave this page"
