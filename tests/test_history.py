"""Who changed what: the differences between versions, and versions that are no longer in force."""

from dataclasses import fields, replace
from typing import Any

import pytest
from bs4 import BeautifulSoup

import endings
import plan as document
from database import clock
from differences import changes
from endings import Stop
from models import Audit, Contact, KitUnit, Person, Plan, PlanVersion
from plan import Content, Line, Medicine, Severity, Sheet, SignGroup
from views import history, words

STEPS = "sheets.0.groups.0.steps"


def lines(*texts: str) -> tuple[Line, ...]:
    return tuple(Line.as_written(text, "fr") for text in texts)


def told(before: Content, after: Content) -> list[tuple]:
    return [
        (
            tuple(history.name_of(thing) for thing in change.within),
            change.name,
            *map(said, (change.before, change.after)),
        )
        for change in changes(before, after)
    ]


def said(value: Any) -> Any:
    return value.text if isinstance(value, Line) else value


def send(plan: Plan, author: Person, content: Content) -> PlanVersion:
    draft = document.draft_of(plan, author)
    document.revise(draft, draft.revision, content, author)
    return document.submit(draft, author, clock())


@pytest.fixture
def english(cast):
    Person.update(language="en").execute()


# ── what differs ─────────────────────────────────────────────────────────────────────────────────


def test_nothing_differs_from_itself(cast):
    for slug in ("leo", "mia", "noah"):
        content = document.content_of(getattr(cast, f"{slug}_version"))
        assert changes(content, content) == []


def test_lines_are_told_as_new_taken_out_or_changed(flask_app):
    before = Content(lists={"notes": lines("un", "deux", "trois"), "meals": lines("rien")})
    after = Content(lists={"notes": lines("un", "deux et demi", "trois", "quatre")})

    assert told(before, after) == [
        ((), "meals", "rien", None),
        ((), "notes", "deux", "deux et demi"),
        ((), "notes", None, "quatre"),
    ]


def test_a_field_of_a_medicine_is_told_beside_the_medicine(app):
    one = Medicine(name="Cétirizine", dose="5 gouttes")
    two = Medicine(name="Salbutamol", dose="4 bouffées")
    before = Content(medicines=(one, two))
    after = Content(
        medicines=(Medicine(name="Midazolam", dose="5 mg"), one, replace(two, dose="2"))
    )

    with app.test_request_context():
        changes = told(before, after)

    assert (("Salbutamol",), "dose", "4 bouffées", "2") in changes
    assert ((), "medicines", None, after.medicines[0]) in changes
    assert (("Midazolam",), "dose", None, "5 mg") in changes
    assert len(changes) == 3, "the one that only moved along is not told"


def test_a_group_that_came_is_told_with_its_lines_and_boxes_by_their_name(app):
    group = SignGroup(severity=Severity.MODERATE, rule="any", lists={"signs": lines("toux")})
    before = Content(sheets=(Sheet(condition="asthma"),))
    sheet = Sheet(condition="asthma", groups=(group,), switches={"doubt-is-severe": "yes"})

    told = changes(before, Content(sheets=(sheet,)))

    assert [(change.name, said(change.after)) for change in told] == [
        ("switches.doubt-is-severe", "yes"),
        ("groups", group),
        ("rule", "any"),
        ("signs", "toux"),
    ]


def test_every_field_of_the_document_has_a_word(flask_app):
    named = set(history.FIELDS)
    for kind in (Content, Sheet, SignGroup, Medicine):
        for field in fields(kind):
            if field.name not in {"lists", "switches"}:
                assert field.name in named, field.name
        assert set(kind.LISTS) <= set(words.LISTS)


# ── the page ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("english")
def test_the_family_reads_who_changed_what_field_by_field(as_user, cast):
    old = document.content_of(cast.leo_version)
    step = document.lines_at(old, STEPS)[1].text
    given = next(medicine for medicine in old.medicines if medicine.dose)
    medicine = replace(given, dose="300 µg")
    medicines = tuple(medicine if one == given else one for one in old.medicines)
    new = replace(old, valid_until="2028-09-30", medicines=medicines)
    left = tuple(line for line in document.lines_at(old, STEPS) if line.text != step)
    send(cast.leo_plan, cast.marc, document.with_lines(new, STEPS, left))

    card = (
        as_user("ines").page(f"/plans/{cast.leo_plan.id}/history").select_one("[data-version='2']")
    )
    text = " ".join(card.get_text(" ").split())

    assert "Marc Weber" in text
    assert "Valid until before 30 September 2027 now 30 September 2028" in text
    assert f"{medicine.name} · Dose" in text
    assert card.find("del", string=given.dose)["lang"] == "fr"
    assert card.find("ins", string="300 µg")
    assert card.find("del", string=step)
    assert len(card.select("li")) == 3


@pytest.mark.usefixtures("english")
def test_a_stop_is_told_and_what_follows_is_compared_with_what_was_before_it(as_user, cast):
    content = document.content_of(cast.leo_version)
    stop = Stop("doctor", "Dr Claire Thill", "2026-11-20", "guéri", "fr")
    endings.stop(cast.leo_plan, stop, cast.ines, clock())
    send(cast.leo_plan, cast.ines, replace(content, review_on="2029-01-01"))

    page = as_user("marc").page(f"/plans/{cast.leo_plan.id}/history")

    assert "Dr Claire Thill" in page.select_one("[data-version='2']").get_text()
    assert "guéri" in page.select_one("[data-version='2'] [lang=fr]").get_text()
    assert len(page.select("[data-version='3'] li")) == 1
    assert "1 January 2029" in page.select_one("[data-version='3'] li").get_text()
    assert "nothing to compare" in page.select_one("[data-version='1']").get_text()


@pytest.mark.usefixtures("english")
def test_what_is_live_at_once_is_told_by_name_and_hour_without_its_words(as_user, cast):
    ines = as_user("ines")
    contact = Contact.of(cast.leo.id)[0]
    url = f"/children/{cast.leo.id}"
    ines.post(f"{url}/contacts/{contact.id}/moves", {"step": "down"})
    ines.post(f"{url}/photo/removal")
    facts = {"first_name": "Léo", "family_name": "Santos Weber", "born": "2023-03-14"}
    ines.post(f"{url}/edit", facts | {"weight": "15", "weighed_on": "2026-11-20"})
    unit = KitUnit.of(cast.leo_plan.id)[0]
    ines.post(f"/plans/{cast.leo_plan.id}/edit/kit/{unit.id}/removals")

    live = as_user("marc").page(f"/plans/{cast.leo_plan.id}/history").find(id="live").parent
    told = " ".join(live.get_text(" ").split())

    assert told.count("Inês Santos") == 4
    for act in ("people to call", "photo", "child’s facts", "in the kit"):
        assert act in told
    rows = Audit.select().where(Audit.action.in_(history.LIVE))
    assert {row.child for row in rows} == {cast.leo.id}


def test_history_is_paged_and_asks_no_more_for_more_versions(as_user, cast, statements):
    content, url = document.content_of(cast.leo_version), f"/plans/{cast.leo_plan.id}/history"
    send(cast.leo_plan, cast.ines, replace(content, review_on="2027-01-01"))
    as_user("ines").get(url)
    with statements() as few:
        as_user("ines").get(url)
    for n in range(1, 24):
        send(cast.leo_plan, cast.ines, replace(content, review_on=f"2028-01-{n:02}"))

    with statements() as many:
        page = as_user("ines").page(url)

    assert many.count <= few.count
    assert len(page.select("[data-version]")) == 20
    older = as_user("ines").page(page.find("a", href=lambda to: "before=" in to)["href"])
    shown = [tag["data-version"] for tag in older.select("[data-version]")]
    assert shown == ["5", "4", "3", "2", "1"]


@pytest.mark.parametrize("before", ["x", "-1", "9" * 40])
def test_an_odd_page_of_the_history_is_still_a_page(as_user, cast, before):
    answer = as_user("ines").get(f"/plans/{cast.leo_plan.id}/history?before={before}")

    assert answer.status_code == 200
    assert "data-version" in answer.text or before == "-1"


# ── a version as it was ──────────────────────────────────────────────────────────────────────────


@pytest.mark.usefixtures("english")
def test_a_version_that_was_replaced_is_read_as_it_was_and_says_so(as_user, cast):
    content = document.content_of(cast.leo_version)
    new = replace(content, lists={**content.lists, "notes": lines("nouvelle remarque")})
    document.put_in_force(send(cast.leo_plan, cast.ines, new), cast.sami, {}, clock())
    url = f"/plans/{cast.leo_plan.id}"

    page = BeautifulSoup(as_user("marc").get(f"{url}/versions/1").text, "html.parser")

    assert page.select_one("ol.steps"), "the steps as they were"
    assert "nouvelle remarque" not in page.get_text()
    assert page.select_one(".stamp.t-red").get_text(strip=True) == "Version 1: no longer in use"
    assert not page.select(f'[href="{url}/emergency"]')
    assert as_user("marc").get(f"{url}/versions/2").location == url
    assert f"{url}/versions/1" in as_user("marc").get(f"{url}/versions").text
    assert "nouvelle remarque" in as_user("marc").get(url).text, "nothing was set back"


@pytest.mark.parametrize("no", ["0", "7", "9" * 30])
def test_a_version_that_does_not_exist_is_not_found(as_user, cast, no):
    assert as_user("ines").get(f"/plans/{cast.leo_plan.id}/versions/{no}").status_code == 404


def test_staff_read_what_applies_and_no_former_version(as_user, cast):
    endings.stop(cast.leo_plan, Stop("parents", "Inês", "2026-11-20"), cast.ines, clock())

    for who in ("sami", "tessa"):
        for path in ("history", "versions/1", "versions"):
            answer = as_user(who).get(f"/plans/{cast.leo_plan.id}/{path}")
            assert answer.status_code == 403
            assert "Injecter" not in answer.text
