"""The states of a plan: past its date, stopped and started again; its medicine; its chain."""

import re
from datetime import timedelta
from typing import Any

import pytest
from bs4 import BeautifulSoup
from click.testing import CliRunner
from client import soup_of
from flask import Flask
from flask.cli import ScriptInfo

import endings
import offline
import plan as document
import sealing
from app import do_due_work
from database import DomainError, clock, db, is_sqlite
from endings import Stop
from jobs import deliver_due
from models import Audit, Device, Guardian, KitUnit, Person, Plan, PlanVersion, Rights
from offices import Notice
from plan import Line
from views import held, mails
from views.release import release
from views.rendering import LOCALES

WHY = "Tolérance confirmée à l’hôpital"
STOPPED = {"by": "doctor", "name": "Dr Claire Thill", "on": "2026-11-20", "why": WHY}
STEPS = ("Injecter", "Allonger", "face externe")


def stop(as_user: Any, plan: Plan, who: str = "ines", **others: str) -> Any:
    return as_user(who).post(f"/plans/{plan.id}/stop", STOPPED | others)


def rendered(app: Flask, kind: str, language: str, plan: Plan) -> str:
    with app.app_context():
        return held.render(kind, language, Plan.get_by_id(plan.id))


def text_of(html: str) -> str:
    return " ".join(BeautifulSoup(html, "html.parser").get_text(" ").split())


def flask(app: Flask, *arguments: str) -> Any:
    return CliRunner().invoke(app.cli, arguments, obj=ScriptInfo(create_app=lambda: app))


# ── past its date ────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("kind", ["plan", "emergency"])
def test_a_date_that_passed_is_a_banner_that_the_device_shows_and_hides_nothing(app, cast, kind):
    page = BeautifulSoup(rendered(app, kind, "en", cast.leo_plan), "html.parser")
    banners = {tag["data-until"]: tag for tag in page.select("[data-until]")}

    assert "2027-09-30" in banners
    assert ("2027-06-15" in banners) == (kind == "plan"), "in an emergency nobody reviews"
    assert all(tag.has_attr("hidden") for tag in banners.values()), "held.js knows the day"
    assert "30 September 2027" in banners["2027-09-30"].get_text()
    without_script = [tag.extract() for tag in banners.values()] and page.get_text(" ")
    assert "30 September 2027" in without_script
    assert "fter that date it still applies" in without_script
    assert page.select_one("[data-severity=severe] ol.steps")


def test_an_indefinite_plan_has_no_date_to_pass_but_may_have_a_review(app, cast):
    page = BeautifulSoup(rendered(app, "plan", "de", cast.mia_plan), "html.parser")

    assert [tag["data-until"] for tag in page.select("p[data-until]:not([data-gap])")] == [
        "2027-03-15"
    ]


def test_the_family_is_told_of_both_dates_while_the_plan_stays_in_force(as_user, cast):
    parent = cast.tiago_parent
    Person.update(language="en").where(Person.id == parent.id).execute()
    cast._names["parent"] = (Person, parent.id)

    page = as_user("parent").page(f"/children/{cast.tiago.id}")

    section = page.select_one("#plan")
    assert section["data-standing"] == "in-force"
    assert "Date passed on 31 August 2026" in section.get_text()
    assert "until it is renewed or ended" in section.get_text()


# ── stopping ─────────────────────────────────────────────────────────────────────────────────────


def test_a_stop_is_the_last_version_signed_and_chained_with_its_words_sealed(app, as_user, cast):
    assert stop(as_user, cast.leo_plan).status_code == 303

    plan = cast.leo_plan
    version, before = plan.current, cast.leo_version
    assert (version.no, version.state, version.author) == (2, "stopped", cast.ines)
    assert (before.no, before.state, before.hash) == (1, "replaced", version.prev_hash)
    assert endings.stop_of(version) == Stop(lang="pt", **STOPPED)
    assert document.content_of(version) == document.Content(), "none of the steps"
    assert version.scan_id is None
    assert WHY.encode() not in bytes(version.sealed)
    assert list(document.faults(plan.id, plan.current_id, [before, version])) == []
    assert Audit.select().where(Audit.action == "plan.stop", Audit.child == cast.leo).exists()


@pytest.mark.parametrize("kind", ["plan", "emergency"])
def test_a_stopped_page_says_since_when_by_whom_and_why_and_whom_to_call(app, as_user, cast, kind):
    steps = text_of(rendered(app, kind, "fr", cast.leo_plan))
    assert all(step in steps for step in STEPS)

    stop(as_user, cast.leo_plan)

    for language in LOCALES:
        html = rendered(app, kind, language, cast.leo_plan)
        words, page = text_of(html), BeautifulSoup(html, "html.parser")
        for fact in ("2026", "Dr Claire Thill", WHY, "Léo Santos Weber", "621 555 101", "112"):
            assert fact in words
        assert page.select_one("[data-stop] [lang=pt]" if language != "pt" else "[data-stop]")
        assert page.select_one(f'[href="/plans/{cast.leo_plan.id}/hand-back"]')
        assert len(page.select("details[lang]")) >= 4
        assert not any(step in words for step in STEPS)
        assert not page.select("img.scan, [data-severity], [href$='/emergency']")
        assert html.count("<!--stamp-->") == 1


def test_a_device_gets_the_stopped_page_as_a_newer_version_of_the_same_plan(app, as_user, cast):
    stop(as_user, cast.leo_plan)
    do_due_work(app)

    plan = cast.leo_plan
    pack = offline.page(plan.id, "plan", "fr", release_of(app))
    assert 'data-version="2"' in pack
    assert offline.files(plan).keys() == {"photo"}, "the paper shows the steps"


def release_of(app: Flask) -> str:
    with app.app_context():
        return release().build


def test_staff_still_open_the_page_and_the_board_says_stopped_since(as_user, cast):
    Person.update(language="en").execute()
    before = as_user("tessa").words("/nursery")
    stop(as_user, cast.leo_plan)

    board = as_user("tessa").page("/nursery")
    child = board.find("a", href=f"/plans/{cast.leo_plan.id}").find_parent("li")

    assert "stopped since 20 November 2026" in child.get_text(" ")
    assert "Allergy" not in child.get_text()
    assert "16 plans" in before
    assert "15 plans" in board.get_text(" ")
    assert "Plan stopped" in as_user("tessa").words(f"/plans/{cast.leo_plan.id}")


def test_the_other_guardian_and_the_manager_are_told_without_a_name(app, as_user, cast):
    for who in (cast.marc, cast.sami, cast.tessa, cast.olga):
        who.mail = f"{who.id}@example.lu"
        who.save()
    stop(as_user, cast.leo_plan)
    sent: list[Any] = []

    with app.app_context():
        deliver_due(mails.compose, sent.append, clock(), 50)

    told = {notice.person_id for notice in Notice.select().where(Notice.code == "plan-stopped")}
    assert told == {cast.marc.id, cast.sami.id}
    assert len(sent) == 2
    for mail in sent:
        assert f"/plans/{cast.leo_plan.id}" in mail.get_content()
        for word in ("Léo", "Santos", "Thill", "Toléran", "allerg"):
            assert word not in mail.as_string()
    assert "Léo" not in as_user("sami").words("/notices")


def test_a_stop_by_a_manager_who_is_the_mother_tells_the_rest_only(as_user, cast):
    stop(as_user, cast.leo_plan, "marc", by="parents", name="Marc Weber")

    told = {notice.person_id for notice in Notice.select().where(Notice.code == "plan-stopped")}
    assert told == {cast.ines.id, cast.sami.id}


def test_a_change_that_waited_goes_with_the_plan(as_user, cast):
    waiting = changed(cast.leo_plan, cast.marc, "une ligne de plus")
    stop(as_user, cast.leo_plan)

    assert PlanVersion.get_by_id(waiting.id).state == "replaced"
    with pytest.raises(DomainError):
        document.put_in_force(waiting, cast.sami, {}, clock())
    assert cast.leo_plan.current.state == "stopped"


def changed(plan: Plan, author: Person, words: str) -> PlanVersion:
    draft = document.draft_of(plan, author)
    content = document.content_of(draft)
    lines = (*content.lines("notes"), Line.as_written(words, content.language))
    document.revise(draft, draft.revision, document.with_lines(content, "notes", lines), author)
    return document.submit(draft, author, clock())


def test_a_plan_is_stopped_once_and_only_while_it_is_in_force(as_user, cast):
    assert stop(as_user, cast.leo_plan).status_code == 303

    again = stop(as_user, cast.leo_plan, "marc", why="encore")

    assert again.status_code == 409
    assert soup_of(again).select_one(".errors[role=alert]")
    assert "encore" in again.text, "nothing typed is lost"
    assert cast.leo_plan.versions.count() == 2


def test_a_plan_that_is_only_a_scan_can_be_stopped_too(app, cast):
    assert cast.anouk_version.mode == "scan"

    endings.stop(cast.anouk_plan, Stop(**STOPPED), cast.anouk_parent, clock())

    page = rendered(app, "plan", "fr", cast.anouk_plan)
    assert "Dr Claire Thill" in page
    assert 'img class="scan"' not in page


@pytest.mark.parametrize(
    ("field", "value"), [("name", ""), ("on", ""), ("on", "2026-11-25"), ("on", "x"), ("by", "zoe")]
)
def test_who_and_when_are_asked_beside_their_field(as_user, cast, field, value):
    answer = stop(as_user, cast.leo_plan, **{field: value})

    assert answer.status_code == 422
    assert WHY in answer.text
    assert cast.leo_plan.current.state == "in-force"


def test_an_offered_plan_that_was_never_in_force_cannot_be_stopped(cast):
    with pytest.raises(DomainError, match="nothing-to-stop"):
        endings.stop(cast.ella_plan, Stop(**STOPPED), cast.ella_parent, clock())


def test_a_new_plan_begins_from_the_old_one_and_goes_through_the_check(app, as_user, cast):
    old = document.content_of(cast.leo_version)
    stop(as_user, cast.leo_plan)
    ines, url = as_user("ines"), f"/plans/{cast.leo_plan.id}"
    Person.update(language="en").execute()

    draft = document.new_draft(cast.leo_plan, cast.ines)
    assert document.content_of(draft) == old
    version = changed(cast.leo_plan, cast.ines, "nouveau papier")
    assert "A new plan waits" in ines.words(url)
    assert cast.leo_plan.current.state == "stopped", "not before it is checked"
    assert "The plan before is stopped" in as_user("sami").words(f"{url}/check")

    document.put_in_force(version, cast.sami, {}, clock())
    plan = cast.leo_plan
    assert (plan.current.no, plan.current.state) == (3, "in-force")
    assert [row.state for row in plan.versions.order_by(PlanVersion.no)] == [
        "replaced",
        "stopped",
        "in-force",
    ]
    assert "Injecter" in rendered(app, "plan", "fr", plan)


def test_a_new_paper_after_a_stop_has_no_signature_of_the_old_one(cast):
    old = held.signatures_of(cast.leo_version.scan_id)
    assert old
    endings.stop(cast.leo_plan, Stop(**STOPPED), cast.ines, clock())

    draft = document.draft_of(cast.leo_plan, cast.ines)
    page = cast.leo_scan.pages[0].blob.read()
    scan = document.keep_scan(draft, [page], cast.ines)

    assert held.signatures_of(scan.id) == []


# ── the medicine goes back ───────────────────────────────────────────────────────────────────────


def test_each_box_is_handed_back_once_by_family_or_creche(as_user, cast):
    Person.update(language="en").execute()
    stop(as_user, cast.leo_plan)
    url = f"/plans/{cast.leo_plan.id}/hand-back"
    units = KitUnit.of(cast.leo_plan.id)
    first = f"{url}/{units[0].id}"
    assert "take the medicine back" in as_user("ines").words("/home")

    back = {"to": "Inês Santos", "on": "2026-11-23"}
    assert as_user("tessa").post(first, back).status_code == 303
    assert as_user("ines").post(first, back | {"to": "Marc"}).status_code == 409

    unit = KitUnit.get_by_id(units[0].id)
    assert (unit.handed_back, unit.handed_back_on.isoformat()) == ("Inês Santos", "2026-11-23")
    assert unit.ended
    page = as_user("ines").page(url)
    assert "23 November 2026" in page.find(id="gone").find_parent().get_text()
    for rest in units[1:]:
        as_user("marc").post(f"{url}/{rest.id}", back)
    assert "Nothing is left here." in as_user("sami").words(url)
    assert "hand-back" not in as_user("sami").get(f"/plans/{cast.leo_plan.id}").text
    assert "take the medicine back" not in as_user("ines").words("/home")


@pytest.mark.parametrize(("field", "value"), [("to", ""), ("on", ""), ("on", "2026-11-25")])
def test_who_took_it_back_and_when_are_needed(as_user, cast, field, value):
    stop(as_user, cast.leo_plan)
    unit = KitUnit.of(cast.leo_plan.id)[0]
    data = {"to": "Inês", "on": "2026-11-23"} | {field: value}

    answer = as_user("tessa").post(f"/plans/{cast.leo_plan.id}/hand-back/{unit.id}", data)

    assert answer.status_code == 422
    assert KitUnit.get_by_id(unit.id).ended is None


@pytest.mark.parametrize("stranger_on_tablet", [False, True])
def test_who_may_only_look_takes_no_box_off_the_list(as_user, cast, stranger_on_tablet):
    """Neither a guardian who may only see, nor somebody who signs in on the room's tablet."""
    zoe, unit = as_user("zoe"), KitUnit.of(cast.leo_plan.id)[0]
    if stranger_on_tablet:
        hour = clock() + timedelta(hours=1)
        facts = {"name": "tablet", "state": "active", "cookie": sealing.digest("here")}
        Device.create(nursery=cast.baach, public_key=b"key", cookie_until=hour, **facts)
        zoe.browser.set_cookie("device", "here")
    else:
        Guardian.create(person=cast.zoe, child=cast.leo, rights=Rights.SEE)
    assert zoe.get(f"/plans/{cast.leo_plan.id}").status_code == 200

    back = {"to": "Zoé", "on": "2026-11-23"}
    answer = zoe.post(f"/plans/{cast.leo_plan.id}/hand-back/{unit.id}", back)

    assert answer.status_code == 403
    assert KitUnit.get_by_id(unit.id).ended is None


def test_a_box_of_another_plan_is_not_found_under_this_one(as_user, cast):
    unit = KitUnit.of(cast.mia_plan.id)[0]

    answer = as_user("ines").get(f"/plans/{cast.leo_plan.id}/hand-back/{unit.id}")

    assert answer.status_code == 404
    assert unit.label not in answer.text


# ── flask plans verify ───────────────────────────────────────────────────────────────────────────


def thaw() -> None:
    """Somebody with the database in hand takes the trigger away first."""
    where = "" if is_sqlite() else " ON plan_version"
    db.execute_sql(f"DROP TRIGGER plan_version_frozen{where}")


def test_every_chain_of_the_demo_is_sound_also_after_a_stop(app, as_user, cast):
    stop(as_user, cast.leo_plan)

    result = flask(app, "plans", "verify")

    assert (result.exit_code, result.output) == (0, "")


def test_a_changed_word_a_missing_version_and_a_wrong_current_are_named(app, cast):
    version = changed(cast.leo_plan, cast.marc, "une ligne de plus")
    document.put_in_force(version, cast.sami, {}, clock())
    newer = changed(cast.leo_plan, cast.marc, "et une de plus")
    document.put_in_force(newer, cast.sami, {}, clock())
    thaw()
    Plan.update(current=version).where(Plan.id == cast.mia_plan.id).execute()
    Plan.update(current=version).where(Plan.id == cast.leo_plan.id).execute()
    swapped = PlanVersion.get_by_id(cast.noah_version.id)
    swapped.content = swapped.content | {"language": "fr"}
    swapped.save()
    PlanVersion.delete().where(PlanVersion.id == cast.leo_version.id).execute()

    result = flask(app, "plans", "verify")

    assert result.exit_code == 1
    said = result.output
    assert f"broken: plan {cast.noah_plan.id} version 1" in said
    assert f"missing: plan {cast.leo_plan.id} version 1" in said
    assert f"not current: plan {cast.leo_plan.id}" in said
    assert f"not current: plan {cast.mia_plan.id}" in said
    assert str(cast.anouk_plan.id) not in said


def test_a_sealed_text_moved_to_another_row_is_broken_and_does_not_stop_the_walk(app, cast):
    thaw()
    foreign = PlanVersion.get_by_id(cast.mia_version.id).sealed
    PlanVersion.update(sealed=foreign).where(PlanVersion.id == cast.leo_version.id).execute()

    result = flask(app, "plans", "verify")

    assert result.exit_code == 1
    assert re.findall(r"broken: plan (\S+) version 1", result.output) == [str(cast.leo_plan.id)]


def test_a_version_of_a_time_when_the_document_had_fewer_fields_is_sound(cast):
    """As the newest code reads it, it has more than what was signed."""
    kept = {name: value for name, value in cast.leo_version.content.items() if name != "renewal"}
    version = document.append(cast.mia_plan, cast.ivan, clock(), kept, mode="guided")

    again = PlanVersion.get_by_id(version.id)

    assert document.content_of(again).canonical() != document.canonical(kept)
    assert document.fingerprint(again) == version.hash
