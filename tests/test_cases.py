"""The three papers of data/demo: nothing on them is lost, in the document or on the page."""

import io
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from typing import Any

import pytest
from bs4 import BeautifulSoup
from flask import Flask
from flask_babel import force_locale
from PIL import Image
from tables import tables

import database
import demo
import demo_papers
import plan as document
from models import Actor, Child, Contact, KitUnit, PaperChild, Plan, PlanMode, PlanState, Presence
from views import held, words
from views.rendering import LOCALES, day, language_name, month_or_day, number

LANGUAGES = tuple(LOCALES)
KNOWN_SHARE = 0.85
DATES = (
    (r"\d\d/\d\d/\d{4}", "%d/%m/%Y"),
    (r"\d\d\.\d\d\.\d{4}", "%d.%m.%Y"),
    (r"\d{1,2} [A-Z][a-z]{2} \d{4}", "%d %b %Y"),
)
# What the paper says with a box or a word of its form, and where the document keeps it.
CODES = {
    "allergie": words.CONDITIONS["allergy"],
    "Epilepsie": words.CONDITIONS["epilepsy"],
    "asthma": words.CONDITIONS["asthma"],
    "Asthme associé : OUI": words.SWITCHES["asthma-too"],
    "Toute ingestion certaine : agir même sans signe : OUI": words.SWITCHES["act-on-exposure"],
    "Signes graves": words.SEVERITIES["severe"],
    "Signes modérés": words.SEVERITIES["moderate"],
    "any one": words.RULES["any"],
    "Premier PAI": words.RENEWALS["first"],
    "First plan": words.RENEWALS["first"],
    "Verlängerung eines früheren Plans": words.RENEWALS["renewal"],
}
FRAME = {"unbefristet": "no end date", "has not signed yet": "has not signed yet"}


def folded(text: str) -> str:
    """One kind of quote, apostrophe and space."""
    for quote in "’‘`´":
        text = text.replace(quote, "'")
    return " ".join(re.sub('[«»“”„"]', " ", text).split())


def stands(wanted: str, text: str) -> bool:
    """Whether these words stand in the text, not inside others: "cat" is not in "location"."""
    return re.search(rf"(?<!\w){re.escape(folded(wanted))}(?!\w)", text) is not None


def date_of(words_: str) -> date | None:
    for pattern, form in DATES:
        if re.fullmatch(pattern, words_):
            return datetime.strptime(words_, form).replace(tzinfo=UTC).date()
    return None


def month_of(words_: str) -> str:
    month = re.fullmatch(r"(\d\d)/(\d{4})", words_)
    return f"{month[2]}-{month[1]}" if month else ""


# ── the document ─────────────────────────────────────────────────────────────────────────────────


def texts_in(value: Any) -> Iterator[str]:
    """Every string in a nest of documents."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)


def kept(plan: Plan) -> list[str]:
    """Every text that is kept about a child: the document's lines whole, and each sealed row's."""
    content = document.content_of(plan.current)
    lines = [line.text for _, _, found in document.walk(content) for line in found]
    rows = [plan.child, *Contact.of(plan.child_id), *KitUnit.of(plan.id)]
    rows += held.signatures_of(plan.current.scan_id)
    places = [text for place in held.places_of(plan.child) for text in (place.name, place.room)]
    frame = texts_in(plan.current.content)
    return [*lines, *places, *frame, *(t for row in rows for t in texts_in(row.secrets))]


@pytest.mark.parametrize("slug", demo.CASES)
def test_no_line_of_the_paper_is_lost(cast, slug):
    plan = getattr(cast, f"{slug}_plan")
    everything = [folded(text) for text in (*kept(plan), plan.child.name)]

    for fact in demo_papers.facts_of(slug):
        if fact in CODES or fact in FRAME:
            continue
        typed = date_of(fact)
        wanted = typed.isoformat() if typed else month_of(fact) or fact.removesuffix(" kg")
        assert any(stands(wanted, text) for text in everything), fact


def test_boxes_and_frames_are_as_on_the_paper(cast):
    leo, mia, noah = (document.content_of(getattr(cast, f"{s}_version")) for s in demo.CASES)

    assert leo.sheets[0].switches == dict.fromkeys(leo.sheets[0].boxes, "yes")
    assert not mia.sheets[0].switches
    assert noah.sheets[0].switches == {"act-without-parents": "yes"}
    assert [c.renewal for c in (leo, mia, noah)] == ["first", "renewal", "first"]
    assert (mia.indefinite, mia.valid_until) == (True, "")
    assert [(g.severity, g.rule) for g in leo.sheets[0].groups] == [
        ("severe", "any"),
        ("moderate", ""),
    ]
    assert [(g.severity, g.rule) for g in mia.sheets[0].groups] == [("severe", ""), ("none", "")]
    assert [(g.severity, g.rule) for g in noah.sheets[0].groups] == [
        ("severe", "any"),
        ("moderate", ""),
    ]
    assert [len(g.lines("steps")) for c in (leo, mia, noah) for g in c.sheets[0].groups] == [
        *(6, 3),
        *(5, 1),
        *(5, 4),
    ]
    assert [m.name for m in mia.medicines if m.daily] == ["Levetiracetam-Lösung"]
    assert [m.name for m in noah.medicines if m.daily] == ["Fluticasone"]


def test_contacts_stand_in_call_order_and_apart_from_those_for_questions(cast):
    contacts = Contact.of(cast.leo.id)

    assert [c.name for c in contacts if c.kind == "emergency"] == [
        "Inês Santos",
        "Marc Weber",
        "Grand-mère",
    ]
    assert contacts[1].phones == ["621 555 102", "26 55 51 02"]
    assert [c.name for c in contacts if c.kind == "questions"] == [
        "Dr Claire Thill",
        "Dr Paul Reuter",
        "Sami Ben Youssef",
        "Tessa Klein",
    ]
    assert [c.name for c in Contact.of(cast.noah.id) if c.collects] == ["Rita Lopes"]


def test_each_pen_is_a_unit_and_a_missing_signature_is_recorded(cast):
    pens = [unit for unit in KitUnit.of(cast.leo_plan.id) if unit.lot]
    assert [(unit.count, unit.expires, unit.lot) for unit in pens] == [
        ("1", "2027-03", "A1"),
        ("1", "2026-12-12", "A2"),
    ]
    assert [unit.count for unit in KitUnit.of(cast.mia_plan.id)] == ["2"]

    signed = {s.name: s.on for s in held.signatures_of(cast.noah_scan.id)}
    assert signed["Aoife O'Brien"] == date(2026, 8, 26)
    assert not signed["Tom Meyer"]


def test_pictures_keep_to_the_limits_of_a_device(cast):
    for slug in demo.CASES:
        pages = [page.blob.read() for page in getattr(cast, f"{slug}_scan").pages]
        assert pages
        for page in pages:
            image = Image.open(io.BytesIO(page))
            assert (image.mode, image.format, max(image.size)) == ("L", "JPEG", 1600)
            assert len(page) <= 150 << 10
        assert len(getattr(cast, slug).photo.read()) <= 40 << 10


# ── the page ─────────────────────────────────────────────────────────────────────────────────────


def shown(fact: str) -> list[str]:
    """How a fact of the paper may stand on the page in the language in force: any of these."""
    if fact in CODES:
        return [str(CODES[fact])]
    if fact in FRAME:
        return [held._(FRAME[fact])]
    typed = date_of(fact)
    if typed:
        return [day(typed)]
    if month_of(fact):
        return [month_or_day(month_of(fact))]
    if re.fullmatch(r"[\d.,]+ kg", fact):
        return [number(fact)]
    tags = [language_name(tag.strip()) for tag in fact.split(",")]
    return [fact, ", ".join(tags)]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", demo.CASES)
def test_every_line_of_the_paper_stands_on_the_page(app: Flask, cast, slug, language):
    with app.app_context():
        page = held.render("plan", language, getattr(cast, f"{slug}_plan"))
    seen = folded(BeautifulSoup(page, "html.parser").main.get_text(" "))

    with app.app_context(), force_locale(LOCALES[language]):
        for fact in demo_papers.facts_of(slug):
            assert any(stands(wanted, seen) for wanted in shown(fact)), fact


# ── the phrases ──────────────────────────────────────────────────────────────────────────────────


def measured(slug: str) -> list[document.Line]:
    """The lines a stranger to the language must follow: signs, steps, do-nots."""
    return [
        line
        for _, name, lines in document.walk(demo_papers.content(slug))
        if name in {"signs", "steps", "donts"}
        for line in lines
    ]


@pytest.mark.parametrize("slug", demo.CASES)
def test_most_signs_steps_and_do_nots_are_known_phrases(slug):
    lines = measured(slug)
    known = [line for line in lines if any(part.phrase for part in line.parts)]

    unknown = [line.text for line in lines if line not in known]
    assert len(known) / len(lines) >= KNOWN_SHARE, unknown


@pytest.mark.parametrize("slug", demo.CASES)
def test_recognising_a_line_keeps_its_words(slug):
    written = " ".join(demo_papers.written(slug).split())

    for line in measured(slug):
        assert line.text.rstrip(".") in written


# ── the cast ─────────────────────────────────────────────────────────────────────────────────────


def test_loading_twice_makes_nothing_twice(cast):
    counts = [table.select().count() for table in tables()]

    again = demo.load(demo.NOW)

    assert [table.select().count() for table in tables()] == counts
    assert again.leo_version == cast.leo_version


def test_the_creche_holds_all_plans_but_the_one_that_waits_for_its_check(cast):
    seen = {child.id for child in Child.visible_to(Actor(cast.sami))}

    plans = [Plan.get(Plan.child == child) for child in seen]
    assert {plan.current.state for plan in plans} == {PlanState.IN_FORCE}
    assert sorted(p.current.mode for p in plans).count(PlanMode.GUIDED) == len(demo.CASES)
    assert cast.leo.id in seen
    assert cast.ella.id not in seen
    assert cast.ella_version.state == PlanState.SUBMITTED
    assert PaperChild.visible_to(Actor(cast.sami)).count() == 4
    assert len(seen) + 4 >= 18


def test_neither_creche_sees_a_child_of_the_other(cast):
    sami, olga = ({c.id for c in Child.visible_to(Actor(p))} for p in (cast.sami, cast.olga))

    assert olga == {cast.theo.id}
    assert not sami & olga
    assert not Child.visible_to(Actor(cast.zoe)).exists()
    assert not Child.visible_to(Actor(cast.admin)).exists()


def test_two_names_in_one_room_are_alike_and_somebody_is_not_here_today(cast):
    assert cast.emma.short_name == cast.emma_z.short_name
    assert cast.emma_grant.room_id == cast.emma_z_grant.room_id

    here = Presence.select().where(Presence.day == database.local(demo.NOW).date())
    absent = {getattr(cast, slug).id for slug in demo.ABSENT}
    assert here.count()
    assert absent.isdisjoint(row.child_id for row in here)
