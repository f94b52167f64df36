"""The search: five languages, no accents, beginnings of words; nothing of it in an address."""

from datetime import timedelta

import pytest
from client import soup_of

from database import clock
from offices import InfoSession, Service
from views import finding
from views.finding import excerpt, fits, sections_of, words_of


@pytest.fixture
def reader(at):
    return at()


def ask(client, query: str, **more):
    return client.post("/search", {"q": query}, **more)


def hrefs(answer) -> list[str]:
    return [link["href"] for link in soup_of(answer).select("#hits .list a")]


@pytest.fixture
def session(app):
    def make(**more):
        starts = clock() + timedelta(days=9)
        facts = {
            "topic": "sleep",
            "texts": {"fr": {"title": "Le portage du bébé", "about": "Échange entre parents."}},
            "languages": "fr",
            "starts": starts,
            "ends": starts + timedelta(hours=1),
            "seats": 8,
        }
        return InfoSession.create(**facts | more)

    return make


@pytest.mark.parametrize(
    ("language", "query", "href"),
    [
        ("en", "home visit", "/services#home-visit"),
        ("en", "VISITE À DOMICILE", "/services#home-visit"),
        ("pt", "hausbes", "/services#home-visit"),
        ("de", "visite a domicile", "/services#home-visit"),
        ("fr", "marshall", "/services#spse"),
        ("lb", "gëftzentral", "/services#poison"),
        ("lb", "geftzen", "/services#poison"),
        ("en", "who asks", "/pai#who"),
        ("en", "janpa", "/services#janpa"),
        ("en", "gare", "/services#opening"),
    ],
)
def test_a_word_is_found_in_any_language_without_accents(as_user, language, query, href):
    client = as_user(None)
    client.post("/language", {"language": language})

    assert href in hrefs(ask(client, query))


def test_titles_come_first_and_all_words_must_be_there(reader):
    found = hrefs(ask(reader, "tele"))

    assert found[0] == "/services#tele-consultation"
    assert "/services#home-visit" not in hrefs(ask(reader, "home zebra"))
    assert hrefs(ask(reader, "zebra")) == []


def test_what_is_shown_is_in_the_readers_language(as_user):
    client = as_user(None)
    client.post("/language", {"language": "de"})

    hit = soup_of(ask(client, "visite domicile")).select_one("#hits .list a[href$='#home-visit']")

    assert hit.get_text() == "Hausbesuch"
    assert not hit.parent.get("lang")


def test_coming_sessions_are_found_and_past_cancelled_and_trainings_are_not(reader, session):
    coming = session()
    session(texts={"fr": {"title": "Le portage passé"}}, starts=clock() - timedelta(days=1))
    session(texts={"fr": {"title": "Le portage annulé"}}, cancelled=clock())
    session(texts={"fr": {"title": "Le portage formé"}}, kind="training")

    answer = ask(reader, "le portage")

    links = [href for href in hrefs(answer) if href.startswith("/info-sante/")]
    assert links == [f"/info-sante/{coming.id}"]
    hit = soup_of(answer).select_one(f"a[href$='{coming.id}']")
    assert hit.parent["lang"] == "fr"


def test_what_the_desk_changes_is_found_at_once(as_user):
    client = as_user(None)
    assert hrefs(ask(client, "quokka")) == []
    row = Service.get(Service.slug == "janpa")
    row.texts["en"]["what"] = "Now about quokkas."
    row.save()

    assert hrefs(ask(client, "quokka")) == ["/services#janpa"]


def test_nothing_found_offers_people_and_nothing_asked_offers_nothing(reader):
    nothing = soup_of(ask(reader, "zebra")).find(id="hits")
    empty = soup_of(ask(reader, "  ")).find(id="hits")

    assert nothing.select_one("a[href='tel:+352-22-00-99-88']")
    assert nothing.select_one("a[href='/help']")
    assert nothing.select_one("a[href='/services']")
    assert empty.get_text(strip=True) == ""
    assert empty.select("a") == []


def test_no_word_lands_in_an_address_and_too_many_are_refused(as_user, caplog):
    caplog.set_level("DEBUG")
    client = as_user(None)

    found = ask(client, "zebra home")
    refused = ask(client, "a" * 201)

    assert (found.status_code, found.location) == (200, None)
    assert "zebra" not in caplog.text
    links = [tag.get("href") or tag.get("action") for tag in soup_of(found).select("a, form")]
    assert not [link for link in links if "zebra" in link]
    assert refused.status_code == 422
    assert soup_of(refused).find(id="q")["aria-invalid"] == "true"


def test_the_first_search_after_a_start_is_answered_to_who_asked(as_user):
    finding.sections.cache_clear()
    client = as_user("ines")

    first, second = (soup_of(ask(client, "PAI")) for _ in range(2))

    assert first.html["lang"] == second.html["lang"]
    assert [a["href"] for a in first.select("a")] == [a["href"] for a in second.select("a")]


def test_while_typing_only_the_hits_come(as_user):
    answer = ask(as_user(None), "home", htmx=True)

    assert soup_of(answer).select_one("#hits .list")
    assert "<h1" not in answer.text


def test_the_number_of_statements_does_not_grow_with_the_sessions(as_user, session, statements):
    client = as_user(None)
    session()
    ask(client, "portage")
    with statements() as few:
        ask(client, "portage")
    for _ in range(60):
        session()

    with statements() as many:
        found = ask(client, "portage")

    assert len(hrefs(found)) == 20
    assert many.count == few.count


def test_a_page_is_read_by_its_sections():
    page = """<main><h1>Page</h1><section id="a"><h2>One <b>two</b></h2><p>Text.</p><form>no</form>
    <section><p>inner</p></section><section id="b"><h3>Three</h3>own</section>end</section>
    <section id="c"><p>without a heading</p></section></main>"""

    assert list(sections_of(page)) == [("a", "One two", "Text. inner end"), ("b", "Three", "own")]


def test_words_are_folded_and_begin_what_they_find():
    assert words_of("Crèche, STRASSE straße: Mëttwoch") == [
        "creche",
        "strasse",
        "strasse",
        "mettwoch",
    ]
    assert fits(["met", "cre"], "Mëttwoch an der Crèche")
    assert not fits(["woch"], "Mëttwoch")
    assert excerpt("First. Second word. Third.", ["wor"]) == "Second word. Third."
    assert len(excerpt("long " * 100, ["x"])) <= 170
