"""Other papers than the demo's: no line is lost, and who reads only German knows what to do."""

import json
from collections.abc import Iterator

import pytest
from bs4 import BeautifulSoup
from own_papers import OWN, case, content, in_force
from test_cases import folded
from test_plans import jpeg
from test_prints import SCHEMA, sheet, wrong

import demo
import plan as document
from app import do_due_work
from models import Plan
from phrases import LANGUAGES
from plan import Content, Listed
from views import held, prints

MEDICINE = ("name", "substance", "form", "strength", "dose", "route", "prescribed")
EVERYDAY = {  # what the emergency page leaves to the plan
    *(*held.DAILY, *held.AROUND, "review"),
    *("triggers", "usual", "history", "thresholds", "hidden-names"),
}


@pytest.fixture(params=[*OWN, *demo.CASES])
def slug(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def plan(app, cast, slug) -> Plan:
    found = in_force(slug, cast, jpeg()) if slug in OWN else getattr(cast, f"{slug}_plan")
    do_due_work(app)
    return found


def things(thing: Listed) -> Iterator[Listed]:
    yield thing
    for name in thing.nested():
        for inner in getattr(thing, name):
            yield from things(inner)


def lines_of(paper: Content, urgent: bool) -> Iterator[str]:
    """Every line and every written field; of an emergency what is not of the everyday."""
    for path, name, lines in document.walk(paper):
        medicine = path.startswith("medicines.") and paper.medicines[int(path.split(".")[1])]
        if urgent and (name in EVERYDAY or (medicine and medicine.daily)):
            continue
        yield from (line.text for line in lines)
    for medicine in paper.medicines:
        if not (urgent and medicine.daily):
            yield from (getattr(medicine, name) for name in MEDICINE)
    for thing in things(paper):
        yield getattr(thing, "title", "")


def around(slug: str, urgent: bool) -> Iterator[str]:
    """The kit, the people to call and, not in an emergency, who has signed."""
    facts = case(slug)
    for unit in facts["kit_units"]:
        yield from (unit.get(name, "") for name in ("label", "lot", "place", "note", "handed_in"))
    for contact in facts["contacts"]:
        if not urgent or contact.get("kind", "emergency") == "emergency":
            yield from (contact["name"], *contact.get("phones", ()), contact.get("reach", ""))
    if not urgent:
        yield from (signature.get("name", "") for signature in facts["signatures"])


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_line_stands_on_plan_emergency_and_print(as_user, slug, plan, language):
    tessa, paper = as_user("tessa"), document.content_of(plan.current)
    tessa.post("/language", {"language": language})

    for page in ("", "/emergency", "/print"):
        found = tessa.page(f"/plans/{plan.id}{page}")
        seen = sheet(found) if page == "/print" else folded(found.main.get_text(" "))
        assert found.html["lang"] == language
        urgent = page == "/emergency"
        for text in (*lines_of(paper, urgent), *around(slug, urgent)):
            assert folded(text) in seen, (page, text)


def test_the_export_gives_the_same_plan_again(app, slug, plan):
    with app.test_request_context():
        told = json.loads(json.dumps(prints.exported(plan)))

    assert list(wrong(told, SCHEMA)) == []
    assert Content.read(told["content"]) == document.content_of(plan.current)
    kept = json.dumps(told, ensure_ascii=False)
    for text in around(slug, False):
        assert json.dumps(text, ensure_ascii=False)[1:-1] in kept


# ── who reads only German ────────────────────────────────────────────────────────────────────────


def in_order(wanted: list[str], seen: str) -> None:
    """Each stands after the one before it."""
    at = 0
    for words in wanted:
        found = seen.find(folded(words), at)
        assert found >= 0, f"{words!r} is not there, or not after the one before it"
        at = found + 1


@pytest.mark.parametrize("below", ["", "/emergency"])
def test_a_german_reader_of_a_portuguese_plan_finds_dose_order_time_place_and_people(
    app, as_user, cast, below
):
    plan = in_force("bia", cast, jpeg())
    do_due_work(app)
    tessa, paper = as_user("tessa"), content("bia")
    tessa.post("/language", {"language": "de"})

    main: BeautifulSoup = tessa.page(f"/plans/{plan.id}{below}").main

    seen = folded(main.get_text(" "))
    for sheet_ in paper.sheets:
        for group in sheet_.groups:
            signs, steps = ([line.text for line in group.lines(n)] for n in ("signs", "steps"))
            in_order([*signs, "Was zu tun ist, in dieser Reihenfolge", *steps], seen)
    for medicine in paper.medicines[:3]:
        card = next(card for card in main.select("article") if medicine.name in card.h3.text)
        told = [medicine.name, medicine.dose, "Verabreichung", medicine.route]
        told += [line.text for line in medicine.lines("repeat")]
        unit = next(u for u in case("bia")["kit_units"] if medicine.name.lower() in u["label"])
        in_order([*told, unit["label"], unit["place"]], folded(card.get_text(" ")))
    call = main.find(id="call").find_parent("section")
    people = [c for c in case("bia")["contacts"] if c.get("kind") != "questions"]
    in_order([text for c in people for text in (c["name"], *c["phones"])], call.get_text(" "))
    assert [a["href"].replace("-", "") for a in call.select("a[href^=tel]")] == [
        f"tel:+352{phone.replace(' ', '')}" for c in people for phone in c["phones"]
    ]
    parts = [heading.get("id") for heading in main.find_all("h2")]
    severe = main.select_one("[data-severity=severe] h2")["id"]
    assert parts.index(severe) < parts.index("medicine") < parts.index("call")


def test_what_no_phrase_knows_is_marked_for_the_german_reader_and_keeps_its_language(
    app, as_user, cast
):
    plan = in_force("bia", cast, jpeg())
    do_due_work(app)
    tessa = as_user("tessa")
    tessa.post("/language", {"language": "de"})

    main = tessa.page(f"/plans/{plan.id}/emergency").main

    for step in main.select("ol.steps > li"):
        if step.find_parent("details"):
            continue
        written = step.select_one("[lang=pt]")
        assert written, step.text
        assert "nicht übersetzt" in step.text or step.find("small", lang="pt")
