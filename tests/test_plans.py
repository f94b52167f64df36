"""Plans: opened, begun from a scan, compared by a second person; and pages that devices hold."""

import gzip
import re
from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup
from client import plain
from flask import Flask
from peewee import DatabaseError
from PIL import Image
from werkzeug.test import TestResponse

import database
import models
import plan as document
from app import do_due_work
from database import DataKey, db
from models import Audit, Child, Contact, Draft, Grant, Guardian, KitUnit, Person, Plan, PlanVersion
from plan import Condition, Content, Line, Medicine, Severity, Sheet, SignGroup
from views import comparing, held
from views.rendering import LOCALES, day, number, qr

CASES = ("leo", "mia", "noah")
LANGUAGES = tuple(LOCALES)
EMPTY = {"more": "replace", "language": "", "valid_from": "", "valid_until": "", "review_on": ""}


def jpeg(shade: int = 128) -> bytes:
    file = BytesIO()
    Image.new("L", (600, 800), shade).save(file, "JPEG")
    return file.getvalue()


def photo(shade: int = 128) -> dict:
    return {"photos": (BytesIO(jpeg(shade)), "page.jpg")}


def text_of(html: str, selector: str = "body") -> str:
    found = BeautifulSoup(html, "html.parser").select_one(selector)
    return folded(found.get_text(" "))


def folded(text: str) -> str:
    """White space apart: translated French has narrow spaces where the typed line has none."""
    return re.sub(r"\s", "", text)


def rendered(app: Flask, kind: str, language: str, plan: Plan) -> str:
    with app.app_context():
        return held.render(kind, language, Plan.get_by_id(plan.id))


def in_force(content: Content, cast: object, scan: bool = True) -> Plan:
    """A plan of its own child, checked by Sami, shared with nobody."""
    child = Child.create(data_key=DataKey.make(), first_name="Noor", family_name="Test")
    plan = document.start(child)
    draft = document.draft_of(plan, cast.zoe)
    document.keep_scan(draft, [jpeg()], cast.zoe)
    document.revise(draft, draft.revision, content, cast.zoe)
    version = document.submit(draft, cast.zoe, database.clock())
    document.put_in_force(version, cast.sami, {}, database.clock())
    return Plan.get_by_id(plan.id)


def changed(plan: Plan, author: Person, words: str) -> PlanVersion:
    """A new version of a typed plan with one line more, sent to the check."""
    draft = document.draft_of(plan, author)
    content = document.content_of(draft)
    lines = (*content.lines("notes"), Line.as_written(words, content.language))
    document.revise(draft, draft.revision, document.with_lines(content, "notes", lines), author)
    return document.submit(draft, author, database.clock())


def findings(version: PlanVersion, app: Flask, **others: str) -> dict[str, str]:
    """What the check posts: all the same, but for `others`."""
    with app.test_request_context():
        rows = comparing.rows_of(comparing.parts_of(version))
    said = {f"row:{row.key}": comparing.SAME for row in rows}
    return said | {"version": str(version.id)} | others


# ── opening ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("who", "status"),
    [("ines", 200), ("marc", 200), ("sami", 200), ("tessa", 200)]
    + [(name, 404) for name in ("olga", "zoe", "ivan", "noor", "admin")],
)
@pytest.mark.parametrize("page", ["", "/emergency"])
def test_a_plan_opens_for_its_family_and_its_creche(as_user, cast, who, status, page):
    answer = as_user(who).get(f"/plans/{cast.leo_plan.id}{page}")

    assert answer.status_code == status
    assert ("Santos" in answer.text) == (status == 200)


def test_a_foreign_plan_answers_like_one_that_does_not_exist(as_user, cast):
    olga, ids = as_user("olga"), (str(cast.leo_plan.id), str(uuid4()))
    foreign, missing = (olga.get(f"/plans/{key}") for key in ids)

    assert foreign.status_code == missing.status_code == 404
    assert plain(foreign) == plain(missing)


def test_every_opening_is_on_record(as_user, cast):
    as_user("tessa").get(f"/plans/{cast.leo_plan.id}")

    note = Audit.select().where(Audit.action == "plan.read").order_by(Audit.created.desc()).first()
    assert (note.person, note.about, note.child) == (
        cast.tessa.id,
        cast.leo_plan.id,
        cast.leo.id,
    )


def test_every_reader_gets_the_same_bytes(as_user, cast):
    Person.update(language="fr").execute()
    pages = {
        as_user(name).get(f"/plans/{cast.leo_plan.id}").data
        for name in ("ines", "marc", "sami", "tessa")
    }

    assert len(pages) == 1
    assert b"csrf" not in pages.pop()


def test_a_page_does_not_depend_on_the_day(app, cast):
    now = database.clock()
    before = rendered(app, "plan", "fr", cast.leo_plan)
    try:
        database.shift_clock(now + timedelta(days=400))
        after = rendered(app, "plan", "fr", cast.leo_plan)
    finally:
        database.shift_clock(now)

    assert after == before
    assert cast.leo_plan.salt.hex() in before


def test_the_page_has_one_place_for_its_age(as_user, app, cast):
    for kind in ("plan", "emergency"):
        assert rendered(app, kind, "de", cast.mia_plan).count("<!--stamp-->") == 1
    page = as_user("sami").get(f"/plans/{cast.mia_plan.id}")

    assert "<!--stamp-->" not in page.text
    assert 'class="stamp t-green"' in page.text


def test_a_plan_of_which_nothing_is_in_force_leads_the_family_to_the_child(as_user, cast):
    plan = document.start(Child.create(data_key=DataKey.make(), first_name="Ana"))
    Guardian.create(person=cast.zoe, child=plan.child)

    answer = as_user("zoe").get(f"/plans/{plan.id}")

    assert answer.location == f"/children/{plan.child_id}"


def test_a_new_number_is_on_the_page_at_once(as_user, app, cast):
    contact = Contact.of(cast.leo.id)[0]
    contact.phones = ["621 999 888"]
    contact.save()
    Plan.touch(cast.leo.id)

    assert "621 999 888" in as_user("sami").words(f"/plans/{cast.leo_plan.id}")


# ── what a page says ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", CASES)
def test_no_line_of_the_paper_is_dropped_in_another_language(app, cast, slug, language):
    plan = getattr(cast, f"{slug}_plan")
    shown = text_of(rendered(app, "plan", language, plan))

    for path, _name, lines in document.walk(document.content_of(plan.current)):
        for line in lines:
            assert folded(line.text) in shown, path


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", CASES)
def test_the_emergency_page_has_every_sign_step_and_dose(app, cast, slug, language):
    plan = getattr(cast, f"{slug}_plan")
    content = document.content_of(plan.current)
    shown = text_of(rendered(app, "emergency", language, plan))

    wanted = [
        group.lines(name) for s in content.sheets for group in s.groups for name in group.LISTS
    ]
    wanted += [sheet.lines(name) for sheet in content.sheets for name in ("donts", "after")]
    for medicine in content.medicines:
        if not medicine.daily:
            assert folded(medicine.dose) in shown
            wanted += [medicine.lines(name) for name in medicine.LISTS]
    for lines in wanted:
        for line in lines:
            assert folded(line.text) in shown


@pytest.mark.parametrize("kind", ["plan", "emergency"])
def test_severe_stands_before_moderate_whatever_the_order_of_the_paper(app, cast, kind):
    groups = tuple(
        SignGroup(severity=severity, lists={"signs": (Line.as_written(f"sign {severity}", "en"),)})
        for severity in ("none", "moderate", "severe")
    )
    plan = in_force(Content(language="en", sheets=(Sheet(condition="other", groups=groups),)), cast)
    page = BeautifulSoup(rendered(app, kind, "en", plan), "html.parser")

    order = [card["data-severity"] for card in page.select("[data-severity]")]
    assert order == ["severe", "moderate", "none"]


def test_words_in_another_language_say_so(app, cast):
    line = Line.as_written("Zwibbelzalot um Been", "lb")
    plan = in_force(
        Content(language="lb", sheets=(Sheet(condition="other", lists={"donts": (line,)}),)), cast
    )
    own, other = (
        BeautifulSoup(rendered(app, "plan", language, plan), "html.parser")
        for language in ("lb", "en")
    )

    assert other.find(lang="lb", string="Zwibbelzalot um Been")
    assert "not translated" in other.get_text()
    assert not own.find("span", lang="lb")


def test_a_missing_signature_is_shown(app, cast):
    shown = text_of(rendered(app, "plan", "en", cast.noah_plan), "#main")

    assert folded("Tom Meyer, Father has not signed yet") in shown


def test_a_plan_past_its_date_is_shown_in_full(as_user, cast):
    shown = as_user("sami").words(f"/plans/{cast.tiago_plan.id}")

    assert "Tiago Ferreira" in shown
    assert BeautifulSoup(
        as_user("sami").get(f"/plans/{cast.tiago_plan.id}").text, "html.parser"
    ).select("img.scan")


def test_weight_and_birth_date_change_nothing_but_themselves(app, cast):
    leo, plan = cast.leo, cast.leo_plan
    before = {
        (kind, language): rendered(app, kind, language, plan)
        for kind in ("plan", "emergency")
        for language in LANGUAGES
    }
    old_weight, old_born = leo.weight, leo.born
    leo.weight, leo.born = "9,1", old_born.replace(year=2025)
    leo.save()

    told = {}
    for locale in LOCALES.values():
        with app.test_request_context(), held.force_locale(locale):
            told |= {day(old_born): day(leo.born), number(old_weight): number(leo.weight)}
    for (kind, language), page in before.items():
        expected = page
        for old, new in told.items():
            expected = expected.replace(old, new)
        assert expected != page
        assert without_qr(rendered(app, kind, language, plan)) == without_qr(expected)


def without_qr(page):
    """Its picture tells weight and date of birth as well; what it says is tested by itself."""
    return re.sub(r'<svg class="qr.*?</svg>', "", page)


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_code_for_another_phone_says_what_the_card_says(app, cast, language):
    page = BeautifulSoup(rendered(app, "emergency", language, cast.leo_plan), "html.parser")
    with app.test_request_context():
        facts = held.emergency_page(cast.leo_plan, language)
    card = folded(page.select_one("details[lang] .steps").get_text(" "))

    lines = facts["second"].splitlines()
    assert len(lines) > 5
    for line in lines:
        for words in line.split("; "):
            assert folded(words) in card
    drawn = page.select_one("svg.qr path")["d"]
    assert drawn == qr(facts["second"])[1]


UNITS = r"mg|ml|µg|mcg|kg|microgram\w*|°C|%|puffs?|bouff\w+|gouttes?|drops?|Hub|Tropfen|gotas?"
DRUGS = (
    r"adr[ée]nalin\w*|epinephrin\w*|salbutamol|c[ée]tirizin\w*|midazolam|diaz[ée]pam|insulin\w*"
    r"|glucagon|paracetamol|cortis\w*|antihistam\w*"
)
ACTS = (
    r"inject\w*|injizier\w*|spritz\w*|injet\w*|lay down|allonger|hinlegen|deitar|recovery position"
    r"|PLS|seitenlage|CPR|massage|beatm\w*|inhal[aei]\w*|administer\w*|verabreich\w*|administrar"
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("condition", list(Condition))
def test_an_empty_plan_holds_no_clinical_word_of_ours(app, cast, condition, language):
    groups = tuple(SignGroup(severity=severity) for severity in Severity)
    for sheet in (Sheet(condition=condition), Sheet(condition=condition, groups=groups)):
        medicines = (Medicine(),) if sheet.groups else ()
        plan = in_force(Content(sheets=(sheet,), medicines=medicines), cast)
        for kind in ("plan", "emergency"):
            page = BeautifulSoup(rendered(app, kind, language, plan), "html.parser")
            for fact in page.select("[data-fact]"):
                fact.decompose()
            shown = page.body.get_text(" ")

            assert set(re.findall(r"\d+", shown)) <= {"112"}
            assert not re.findall(rf"\b(?:{UNITS}|{DRUGS}|{ACTS})\b", shown, re.IGNORECASE)


@pytest.mark.parametrize("language", LANGUAGES)
def test_112_is_told_in_its_four_languages_and_the_readers_own(app, cast, language):
    page = BeautifulSoup(rendered(app, "emergency", language, cast.leo_plan), "html.parser")
    scripts = page.select("details[lang]")

    assert scripts[0]["lang"] == language
    assert {script["lang"] for script in scripts} == {"lb", "fr", "de", "en", language}
    for script in scripts:
        said = script.get_text(" ")
        for fact in ("12, rue du Ruisseau", "Portail du jardin", "26 55 51 00", "Santos Weber"):
            assert fact in said
    assert page.select_one('a[href="tel:112"]')


def test_a_plan_page_is_small(app, cast):
    for slug in CASES:
        for language in LANGUAGES:
            page = rendered(app, "plan", language, getattr(cast, f"{slug}_plan")).encode()
            assert len(page) <= 25_000, (slug, language)
            assert len(gzip.compress(page, 6, mtime=0)) <= 8_000, (slug, language)


def test_the_language_is_switched_by_a_plain_form(app, cast):
    page = BeautifulSoup(rendered(app, "plan", "pt", cast.leo_plan), "html.parser")
    (form,) = page.select('form[method="post"][action="/language"]')

    assert [button["value"] for button in form.select("button[name=language]")] == list(LANGUAGES)
    assert form.select_one("[name=next]")["value"] == f"/plans/{cast.leo_plan.id}"


def test_a_box_of_the_kit_stands_beside_the_medicine_that_its_label_names():
    medicines = [Medicine(name="Inhalator Salbutamol"), Medicine(name="Cétirizine gouttes")]
    units = [models.KitUnit(), models.KitUnit(), models.KitUnit()]
    for unit, label in zip(units, ("Cétirizine", "Inhalator grün", "masque"), strict=True):
        unit._secrets = {"label": label}

    assert held.shelf(medicines, units) == [[units[1]], [units[0]]]
    medicines.append(Medicine(name="Fluticason Inhalator"))
    assert held.shelf(medicines, units) == [[], [units[0]], []]


# ── pictures ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("who", "status"), [("ines", 200), ("tessa", 200), ("olga", 404)])
def test_the_paper_and_the_photo_are_pictures_of_the_plan(as_user, cast, who, status):
    scan = held.scan_of(cast.leo_version.scan_id)
    for sha in (*scan, cast.leo.photo.sha256):
        answer = as_user(who).get(f"/plans/{cast.leo_plan.id}/files/{sha}.jpg")

        assert answer.status_code == status
        if status == 200:
            assert answer.mimetype == "image/jpeg"
            assert answer.headers["Content-Security-Policy"] == "sandbox"
            assert answer.headers["Content-Disposition"] == "inline; filename=photo.jpg"


def test_a_picture_of_another_child_does_not_come_through_this_plan(as_user, cast):
    sha = held.scan_of(cast.mia_version.scan_id)[0]
    sami = as_user("sami")

    assert sami.get(f"/plans/{cast.mia_plan.id}/files/{sha}.jpg").status_code == 200
    assert sami.get(f"/plans/{cast.leo_plan.id}/files/{sha}.jpg").status_code == 404


def test_the_creche_does_not_see_pages_that_are_not_sent(as_user, cast):
    draft = document.draft_of(cast.leo_plan, cast.ines)
    document.keep_scan(draft, [jpeg(7)], cast.ines)
    name = f"/plans/{cast.leo_plan.id}/files/{held.scan_of(draft.scan_id)[0]}.jpg"

    assert as_user("ines").get(name).status_code == 200
    assert as_user("sami").get(name).status_code == 404
    document.submit(draft, cast.ines, database.clock())
    assert as_user("sami").get(name).status_code == 200
    assert as_user("tessa").get(name).status_code == 404


# ── scan first ───────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def mine(cast) -> Plan:
    """Zoé's child, with a plan that is only begun."""
    child = Child.create(data_key=DataKey.make(), first_name="Ana", family_name="Marchand")
    Guardian.create(person=cast.zoe, child=child)
    return document.start(child)


def test_one_page_and_one_button_send_a_photographed_plan(as_user, mine):
    zoe = as_user("zoe")
    sent = {**photo(), **EMPTY, "conditions": ["asthma"], "go": "send"}
    answer = zoe.post(f"/plans/{mine.id}/scan", sent)

    assert answer.location == f"/children/{mine.child_id}/access"
    version = document.waiting(mine)
    assert version.mode == "scan"
    assert document.content_of(version).conditions == ("asthma",)
    assert len(held.scan_of(version.scan_id)) == 1


def test_starting_twice_begins_one_plan(as_user, mine):
    zoe = as_user("zoe")
    first, again = (zoe.post(f"/children/{mine.child_id}/plan").location for _ in "ab")

    assert first == again == f"/plans/{mine.id}/scan"


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"conditions": ["asthma"]}, "Choose at least one photo or a PDF."),
        ({"conditions": ["asthma"], "photos": (BytesIO(b"no picture"), "a.jpg")}, "not a picture"),
        (photo(), "Choose at least one."),
        ({**photo(), "conditions": ["measles"]}, "Choose at least one."),
        ({**photo(), "conditions": ["asthma"], "valid_from": "2026-02-30"}, "does not exist"),
    ],
)
def test_what_is_wrong_with_a_scan_is_said_beside_it(as_user, cast, mine, sent, said):
    Person.update(language="en").where(Person.id == cast.zoe.id).execute()
    again = {name: value for name, value in sent.items() if name != "photos"}
    if "photos" in sent:
        file, name = sent["photos"]
        again["photos"] = (BytesIO(file.getvalue()), name)
    answer = as_user("zoe").post(f"/plans/{mine.id}/scan", {**EMPTY, **again, "go": "send"})

    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "html.parser")
    assert said in page.select_one(".errors").get_text()
    assert [error for error in page.select(".error") if said in error.get_text()]
    assert document.waiting(mine) is None


def test_pages_are_added_or_replaced(as_user, mine):
    zoe = as_user("zoe")
    frame = {**EMPTY, "conditions": ["asthma"], "go": "keep"}
    for more, pages in (("replace", 1), ("add", 2), ("replace", 1)):
        zoe.post(f"/plans/{mine.id}/scan", {**photo(pages), **frame, "more": more})
        assert len(held.scan_of(Draft.get(Draft.plan == mine).scan_id)) == pages


def test_the_same_paper_photographed_again_keeps_its_signatures(cast, mine):
    draft = document.draft_of(mine, cast.zoe)
    first = document.keep_scan(draft, [jpeg(1)], cast.zoe)
    models.Signature.create(scan=first, data_key=draft.data_key_id, name="Dr A", on="2026-09-01")
    again = document.keep_scan(draft, [jpeg(2)], cast.zoe)

    assert [row.name for row in held.signatures_of(again.id)] == ["Dr A"]
    leo = document.draft_of(cast.leo_plan, cast.ines)
    assert held.signatures_of(document.keep_scan(leo, [jpeg(3)], cast.ines).id) == []


def test_a_new_scan_drops_no_typed_line(as_user, cast):
    before = document.content_of(cast.leo_version)
    answer = as_user("ines").post(
        f"/plans/{cast.leo_plan.id}/scan",
        {**photo(), **EMPTY, "conditions": ["asthma"], "go": "keep"},
    )

    assert answer.status_code == 303
    after = document.content_of(Draft.get(Draft.plan == cast.leo_plan))
    assert after.conditions == ("allergy", "asthma")
    assert list(document.walk(after)) == list(document.walk(before))


def test_the_scan_page_shows_what_was_kept(as_user, mine):
    zoe = as_user("zoe")
    frame = {"conditions": ["asthma", "allergy"], "valid_from": "2026-09-01", "language": "lb"}
    zoe.post(f"/plans/{mine.id}/scan", {**photo(), **EMPTY, **frame, "go": "keep"})
    page = zoe.page(f"/plans/{mine.id}/scan")

    assert len(page.select("img.scan")) == 1
    ticked = {box["value"] for box in page.select("[name=conditions][checked]")}
    assert ticked == {"asthma", "allergy"}
    assert page.select_one("[name=valid_from]")["value"] == "2026-09-01"
    assert zoe.post(f"/plans/{mine.id}/submissions").status_code == 303
    assert document.waiting(mine)


# ── the check ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("who", "status"), [("ines", 403), ("marc", 403), ("tessa", 403)])
def test_a_guardian_or_staff_cannot_check(as_user, app, cast, who, status):
    version = changed(cast.leo_plan, cast.ines, "one more")
    user, url = as_user(who), f"/plans/{cast.leo_plan.id}/check"

    assert user.get(url).status_code == status
    assert user.post(url, findings(version, app)).status_code == status
    assert document.waiting(cast.leo_plan) == version


def test_a_manager_checks_neither_her_own_child_nor_her_own_words(as_user, app, cast):
    version = changed(cast.leo_plan, cast.sami, "typed by the manager")
    url = f"/plans/{cast.leo_plan.id}/check"
    assert as_user("sami").post(url, findings(version, app)).status_code == 403

    version = changed(cast.leo_plan, cast.ines, "typed by the mother")
    Guardian.create(person=cast.sami, child=cast.leo)
    assert as_user("sami").post(url, findings(version, app)).status_code == 403
    with pytest.raises(database.DomainError):
        document.put_in_force(version, cast.sami, {}, database.clock())


def test_the_version_before_stays_shown_until_the_new_one_is_checked(as_user, app, cast):
    sami, url = as_user("sami"), f"/plans/{cast.leo_plan.id}"
    Person.update(language="en").where(Person.id == cast.sami.id).execute()
    version = changed(cast.leo_plan, cast.ines, "brand new line")
    do_due_work(app)

    waiting = sami.words(url)
    assert "brand new line" not in waiting
    assert "A change waits" in waiting
    assert "brand new line" in sami.words(f"{url}/check")

    assert sami.post(f"{url}/check", findings(version, app)).status_code == 303
    current = sami.words(url)
    assert "brand new line" in current
    assert "A change waits" not in current
    states = PlanVersion.select(PlanVersion.no, PlanVersion.state)
    states = states.where(PlanVersion.plan == cast.leo_plan).tuples()
    assert dict(states) == {1: "replaced", 2: "in-force"}


def test_a_version_never_changes(cast):
    version = cast.leo_version
    for change in ({"hash": "x"}, {"sealed": b"x"}, {"no": 9}, {"signature": b"x"}):
        with pytest.raises(DatabaseError), db.atomic():
            PlanVersion.update(**change).where(PlanVersion.id == version.id).execute()
    assert document.fingerprint(PlanVersion.get_by_id(version.id)) == version.hash


def test_every_line_must_be_answered(as_user, app, cast):
    version = changed(cast.leo_plan, cast.ines, "look here")
    said = findings(version, app)
    missed = next(name for name in said if name.startswith("row:notes"))
    del said[missed]
    answer = as_user("sami").post(f"/plans/{cast.leo_plan.id}/check", said)

    assert answer.status_code == 422
    page = BeautifulSoup(answer.text, "html.parser")
    row = missed.removeprefix("row:")
    assert page.select_one(f'.errors a[href="#row-{row}"]')
    assert page.select_one(f'[data-row="{row}"] .error')
    kept = page.select('input[type="radio"][value="same"][checked]')
    assert len(kept) == len(said) - 1
    assert document.waiting(cast.leo_plan) == version


def test_the_check_holds_every_line_and_fact(app, cast):
    with app.test_request_context():
        for slug in CASES:
            version = getattr(cast, f"{slug}_version")
            rows = comparing.rows_of(comparing.parts_of(version))
            keys = [row.key for row in rows]
            assert len(keys) == len(set(keys))
            texts = {row.text for row in rows}
            for _path, _name, lines in document.walk(document.content_of(version)):
                assert {line.text for line in lines} <= texts


def test_a_difference_goes_back_to_the_family_with_a_remark(as_user, app, cast):
    version = changed(cast.leo_plan, cast.ines, "three pens")
    sami, url = as_user("sami"), f"/plans/{cast.leo_plan.id}"
    row = next(name for name in findings(version, app) if name.startswith("row:notes"))
    said = findings(version, app, **{row: "different"})
    assert sami.post(f"{url}/check", said).status_code == 422

    answer = sami.post(f"{url}/check", said | {"remark": "The paper says two."})
    assert answer.status_code == 303
    assert PlanVersion.get_by_id(version.id).state == "refused"
    assert Plan.get_by_id(cast.leo_plan.id).current_id == cast.leo_version.id
    shown = as_user("ines").words(f"{url}/versions")
    assert "The paper says two." in shown
    assert "three pens" in shown
    assert Draft.get(Draft.plan == cast.leo_plan)


def test_a_check_of_an_older_version_is_not_taken(as_user, app, cast):
    stale = changed(cast.leo_plan, cast.ines, "first")
    said = findings(stale, app)
    newer = changed(cast.leo_plan, cast.ines, "second")

    assert as_user("sami").post(f"/plans/{cast.leo_plan.id}/check", said).status_code == 409
    assert document.waiting(cast.leo_plan) == newer


def test_an_offered_plan_is_compared_before_the_creche_holds_it(as_user, app, cast):
    sami, url = as_user("sami"), f"/plans/{cast.ella_plan.id}"
    version = document.waiting(cast.ella_plan)
    page = sami.page(f"{url}/check")

    assert len(page.select("fieldset[data-row]")) == 4
    assert page.select("img.scan")
    assert sami.get(url).status_code == 403
    assert "Ella" not in sami.words("/nursery")
    assert as_user("tessa").get(f"{url}/check").status_code == 404
    assert as_user("olga").get(f"{url}/check").status_code == 404

    said = findings(version, app, room=str(cast.beien.id))
    assert sami.post(f"{url}/check", said).status_code == 303
    grant = Grant.get(Grant.child == cast.ella)
    assert (grant.accepted_by_id, grant.room_id) == (cast.sami.id, cast.beien.id)
    assert Plan.get_by_id(cast.ella_plan.id).current_id == version.id
    assert "Ella" in sami.words("/nursery")
    assert as_user("tessa").get(url).status_code == 200


def test_a_room_of_another_creche_is_refused(as_user, app, cast):
    said = findings(document.waiting(cast.ella_plan), app, room=str(cast.krokus.id))
    answer = as_user("sami").post(f"/plans/{cast.ella_plan.id}/check", said)

    assert answer.status_code == 422
    assert Grant.get(Grant.child == cast.ella).accepted is None
    assert document.waiting(cast.ella_plan)


def test_a_check_pressed_twice_counts_once(as_user, app, cast):
    version = changed(cast.leo_plan, cast.ines, "one more")
    sami, url = as_user("sami"), f"/plans/{cast.leo_plan.id}/check"
    said = findings(version, app)

    assert [sami.post(url, said).status_code for _ in "ab"] == [303, 409]
    assert version.checks.count() == 1


def test_only_guardians_read_the_history(as_user, cast):
    url = f"/plans/{cast.leo_plan.id}/versions"
    answers: list[TestResponse] = [as_user(name).get(url) for name in ("ines", "sami", "olga")]

    assert [answer.status_code for answer in answers] == [200, 403, 404]
    assert "Inês Santos" in answers[0].text
    assert "Sami Ben Youssef" in answers[0].text


def test_the_typed_frame_alone_is_a_scan(cast):
    sheet = Sheet(condition="allergy")

    assert not Content(language="fr", sheets=(sheet,)).is_guided
    assert Content(sheets=(replace(sheet, switches={"asthma-too": "yes"}),)).is_guided


def test_the_language_of_the_emergency_page_is_changed_on_it(as_user, cast):
    address = f"/plans/{cast.leo_plan.id}/emergency"

    page = as_user("tessa").page(address)

    ways = {form.find("input", {"name": "next"})["value"] for form in page.select("form.seg")}
    assert ways == {address}


def test_only_where_two_names_of_a_room_are_alike_the_emergency_asks_which_child(app, cast):
    asked = {
        slug: "data-alike" in rendered(app, "emergency", "en", getattr(cast, f"{slug}_plan"))
        for slug in ("emma", "emma_z", "leo", "mia")
    }

    assert asked == {"emma": True, "emma_z": True, "leo": False, "mia": False}


@pytest.mark.parametrize("slug", CASES)
def test_in_doubt_the_plan_s_own_rule_is_shown_or_that_it_has_none(app, cast, slug):
    plan = getattr(cast, f"{slug}_plan")
    ruled = any(
        sheet.switches.get("doubt-is-severe") == "yes"
        for sheet in document.content_of(plan.current).sheets
    )
    page = BeautifulSoup(rendered(app, "emergency", "en", plan), "html.parser")
    shown = page.select_one("[data-doubt]").get_text(" ")

    assert ("In doubt: treat as severe" in shown) == ruled
    assert ("The plan holds no rule for doubt." in shown) == (not ruled)


def test_an_emergency_page_is_small(app, cast):
    for slug in CASES:
        for language in LANGUAGES:
            page = rendered(app, "emergency", language, getattr(cast, f"{slug}_plan")).encode()
            assert len(gzip.compress(page, 6, mtime=0)) <= 12_000, (slug, language)


def test_an_old_box_and_a_missing_one_are_said_and_stop_nothing(app, cast):
    unit = KitUnit.of(cast.leo_plan.id)[0]
    unit.expires = "2026-10"
    unit.save()
    page = BeautifulSoup(rendered(app, "emergency", "en", cast.leo_plan), "html.parser")
    mark = page.select_one("[data-until='2026-10-31']")
    assert mark.has_attr("hidden"), "held.js knows the day"
    assert "Date passed" in mark.get_text()
    assert "No box of it" not in page.get_text()
    assert len(page.select("[data-act=dose]")) == 3

    KitUnit.update(ended=unit.created).where(KitUnit.plan == cast.leo_plan).execute()
    page = BeautifulSoup(rendered(app, "emergency", "en", cast.leo_plan), "html.parser")
    assert page.get_text().count("No box of it is noted in the kit.") == 3
    assert len(page.select("[data-act=dose]")) == 3
