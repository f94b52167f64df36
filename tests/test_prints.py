"""Plans on paper: nothing is lost on it, its code tells one thing, the export is whole."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bs4 import BeautifulSoup
from client import Client, plain, soup_of
from flask_babel import force_locale
from test_cases import folded, shown, stands
from test_plans import LANGUAGES, changed, in_force, jpeg

import database
import demo
import demo_papers
import plan as document
import sealing
from models import (
    Audit,
    Draft,
    Grant,
    Guardian,
    PaperChild,
    Plan,
    PlanState,
    PlanVersion,
    Rights,
)
from plan import Content, Line, Listed, Sheet
from views import prints
from views.rendering import LOCALES

ROOT = Path(__file__).parent.parent


def sheet(page: BeautifulSoup) -> str:
    """What will be on the paper, not what stands around it."""
    return folded(page.select_one(".paper").get_text(" "))


# ── the plan in force ────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("slug", demo.CASES)
def test_every_line_of_the_paper_stands_on_the_print(as_user, cast, slug, language):
    plan = getattr(cast, f"{slug}_plan")

    page = as_user("tessa").page(f"/plans/{plan.id}/print?in={language}")

    assert page.html["lang"] == language
    seen = sheet(page)
    with as_user("tessa").app.app_context(), force_locale(LOCALES[language]):
        for fact in demo_papers.facts_of(slug):
            assert any(stands(wanted, seen) for wanted in shown(fact)), fact
    for _path, _name, lines in document.walk(document.content_of(plan.current)):
        for line in lines:
            assert folded(line.text) in seen


def filled(kind: type[Listed], words: Iterator[str]) -> Listed:
    """A document with a line in each list that it can have, and one of each thing inside it."""
    inside = {name: (filled(one, words),) for name, one in kind.nested().items()}
    lists = {name: (Line.as_written(next(words), "en"),) for name in kind.LISTS}
    return kind(**inside, lists=lists)


def test_no_list_of_the_document_is_missing_on_paper(as_user, cast):
    words = [f"quorvex{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(200)]
    plan = in_force(filled(Content, iter(words)), cast)
    Guardian.create(person=cast.zoe, child=plan.child_id)
    content = document.content_of(plan.current)
    typed = [line.text for _path, _name, lines in document.walk(content) for line in lines]

    for address in ("print", "print?for=signature"):
        seen = sheet(as_user("zoe").page(f"/plans/{plan.id}/{address}"))

        assert [text for text in typed if text not in seen] == []


def test_a_print_says_its_version_when_it_was_compared_and_when_it_was_printed(as_user, cast):
    page = as_user("aoife").page(f"/plans/{cast.noah_plan.id}/print?in=en")

    seen = sheet(page)
    assert "Version 1 · compared with the signed paper on 16 October 2026" in seen
    assert "printed on 24 November 2026, 08:12" in seen
    assert re.search("Tom Meyer.{1,14}has not signed yet", seen)


def test_a_photographed_plan_is_printed_with_its_pages_contacts_and_the_words_for_112(
    as_user, cast
):
    page = as_user("tessa").page(f"/plans/{cast.tiago_plan.id}/print?in=fr")

    assert len(page.select(".full-page img")) == cast.tiago_scan.scan_pages.count()
    assert not page.select("[loading=lazy]"), "not loaded, not printed"
    seen = sheet(page)
    assert "621 555 401" in seen
    for script in page.select(".paper details"):
        assert "12, rue du Ruisseau" in script.get_text(" ")


def test_every_print_is_on_record(as_user, cast):
    as_user("tessa").page(f"/plans/{cast.leo_plan.id}/print")

    note = Audit.get(Audit.action == "plan.print")
    assert (note.person, note.about, note.child) == (cast.tessa.id, cast.leo_plan.id, cast.leo.id)


def test_a_plan_of_which_nothing_is_in_force_is_not_printed_as_if_it_were(as_user, cast):
    answer = as_user("sami").get(f"/plans/{cast.ella_plan.id}/print")

    assert answer.status_code == 403  # offered only: compared on a page of its own
    parent = Client(as_user("ines").app, cast.ella_parent)
    assert parent.get(f"/plans/{cast.ella_plan.id}/print").location == f"/plans/{cast.ella_plan.id}"


def test_cards_say_only_what_stands_on_the_plan_and_the_doors_names_nobody(as_user, cast):
    page = as_user("tessa").page(f"/plans/{cast.leo_plan.id}/print?for=cards&in=fr")

    bag, severe, door = (folded(card.get_text(" ")) for card in page.select(".wallet"))
    assert "Léo Santos Weber" in bag
    assert "621 555 101" in bag
    assert "tenir 10 secondes" in severe
    assert "arachide" in door
    assert "armoire murale rouge" in door
    assert not re.search("Léo|Santos|2023", door)


# ── for signature ────────────────────────────────────────────────────────────────────────────────


def code_on(page: BeautifulSoup) -> str:
    return page.select_one("[data-code]").get_text()


def test_what_is_being_written_is_printed_to_be_signed_in_the_papers_language(as_user, cast):
    ines = as_user("ines")  # who reads Portuguese

    page = ines.page(f"/plans/{cast.leo_plan.id}/print?for=signature")

    assert page.html["lang"] == "fr"
    signers = [row.get_text(" ") for row in page.select(".sign tbody tr")]
    for name in ("Inês Santos", "Marc Weber"):
        assert len([row for row in signers if name in row]) == 2, "for itself and for delegating"
    assert len(signers) == 6  # and the doctor, the head of the crèche
    assert "Bei der Baach" in signers[-1]


@pytest.mark.parametrize(("who", "status"), [("tessa", 403), ("sami", 403), ("olga", 404)])
def test_only_the_family_prints_what_is_not_in_force(as_user, cast, who, status):
    draft_with(cast, "quite new")

    answer = as_user(who).get(f"/plans/{cast.leo_plan.id}/print?for=signature")

    assert answer.status_code == status
    assert "quite new" not in answer.text


def test_a_guardian_who_only_sees_prints_no_draft(as_user, cast):
    Guardian.update(rights=Rights.SEE).where(Guardian.person == cast.marc).execute()

    answer = as_user("marc").get(f"/plans/{cast.leo_plan.id}/print?for=signature")

    assert answer.status_code == 403


def draft_with(cast: Any, words: str) -> Draft:
    draft = document.draft_of(cast.leo_plan, cast.ines)
    content = document.content_of(draft)
    lines = (*content.lines("notes"), Line.as_written(words, "fr"))
    document.revise(draft, draft.revision, document.with_lines(content, "notes", lines), cast.ines)
    return draft


def test_the_signed_paper_comes_back_with_the_code_of_the_text_that_was_typed(as_user, cast):
    ines, url = as_user("ines"), f"/plans/{cast.leo_plan.id}"
    draft = draft_with(cast, "quite new")
    printed = code_on(ines.page(f"{url}/print?for=signature"))

    assert printed in ines.words(f"{url}/scan")
    document.keep_scan(draft, [jpeg(5)], cast.ines)
    version = document.submit(draft, cast.ines, database.clock())

    assert prints.in_two(version.code) == printed
    assert printed in as_user("sami").words(f"{url}/check")
    assert printed != prints.in_two(cast.leo_version.code)


def test_the_code_is_of_the_words_not_of_how_they_are_understood(cast):
    plan = cast.leo_plan
    donts = {"donts": (Line.of("faire boire", "fr"),)}
    known = Content(language="fr", sheets=(Sheet(lists=donts),))
    written = document.with_lines(known, "sheets.0.donts", (Line.as_written("faire boire", "fr"),))
    assert known != written

    same = document.print_code(plan, written) == document.print_code(plan, known)

    assert same
    other = document.with_lines(known, "sheets.0.donts", (Line.as_written("faire vomir", "fr"),))
    assert document.print_code(plan, other) != document.print_code(plan, known)
    assert document.print_code(cast.mia_plan, known) != document.print_code(plan, known)


def test_versions_from_before_get_their_code(cast):
    before = cast.leo_version.code
    PlanVersion.update(code=None).execute()

    document.give_codes()

    assert cast.leo_version.code == before
    assert not PlanVersion.select().where(PlanVersion.code.is_null()).exists()


# ── is this print current? ───────────────────────────────────────────────────────────────────────


def told(as_user: Any, code: str) -> str:
    """The page's bytes, without the code that was asked for."""
    english = {"Accept-Language": "en"}
    answer = as_user(None).browser.get(f"/check/{code}", headers=english)
    return plain(answer).replace(prints.in_two(code), "").replace(code, "")


def test_a_current_code_tells_nothing_about_whose_it_is(as_user, cast):
    pages = {told(as_user, getattr(cast, f"{slug}_version").code) for slug in ("leo", "theo")}

    assert len(pages) == 1
    page = pages.pop()
    assert "is current" in page
    for told_elsewhere in ("Léo", "Santos", "Allergy", "Baach", "Kueb", "2023", str(cast.leo.id)):
        assert told_elsewhere not in page


def test_a_code_that_waits_answers_like_one_that_does_not_exist(as_user, cast):
    waiting = document.waiting(cast.ella_plan).code

    pages = {told(as_user, code) for code in (waiting, "AAAAAAAA", "22222222")}

    assert len(pages) == 1
    assert "is not known" in pages.pop()


def test_an_older_print_is_replaced_when_the_new_text_is_in_force(as_user, app, cast):
    old = cast.leo_version
    new = changed(cast.leo_plan, cast.ines, "one more")
    assert "is current" in told(as_user, old.code)
    assert "is not known" in told(as_user, new.code)

    document.put_in_force(new, cast.sami, {}, database.clock())

    assert "was replaced by a newer version" in told(as_user, old.code)
    assert "is current" in told(as_user, new.code)


def test_the_same_text_with_a_new_scan_stays_current(as_user, cast):
    draft = document.draft_of(cast.leo_plan, cast.ines)
    document.keep_scan(draft, [jpeg(6)], cast.ines)
    again = document.submit(draft, cast.ines, database.clock())
    document.put_in_force(again, cast.sami, {}, database.clock())

    assert again.code == cast.leo_version.code
    assert "is current" in told(as_user, again.code)


def test_a_stopped_plan_says_so_for_every_print_of_it(as_user, cast):
    first, second = cast.leo_version, changed(cast.leo_plan, cast.ines, "one more")
    document.put_in_force(second, cast.sami, {}, database.clock())
    PlanVersion.update(state=PlanState.STOPPED).where(PlanVersion.id == second.id).execute()

    for version in (first, second):
        assert "was stopped" in told(as_user, version.code)


@pytest.mark.parametrize("form", ["{0}{1}", "{0}-{1}", " {0} {1} ", "{0}–{1}."])
def test_a_code_is_found_as_people_type_it(as_user, cast, form):
    code = cast.leo_version.code
    typed = form.format(code[:4].lower(), code[4:])

    answer = as_user(None).get("/check", query_string={"code": typed})

    assert answer.location == f"/check/{code}"
    assert soup_of(as_user(None).get("/check?code=--")).select_one("#code")


def test_whoever_tries_many_codes_hears_nothing_more(as_user, cast, monkeypatch):
    monkeypatch.setattr(prints, "CHECKS", 3)
    tried = [as_user(None).get(f"/check/AAAAAAA{n}").status_code for n in "ABC"]

    right = as_user(None).get(f"/check/{cast.leo_version.code}")

    assert tried == [200] * 3
    assert right.status_code == 429
    assert "is current" not in right.text


# ── the binder ───────────────────────────────────────────────────────────────────────────────────


def test_the_binder_lists_every_child_by_room_and_holds_every_plan(as_user, cast):
    page = as_user("tessa").page("/nursery/binder?in=en")

    index, *plans = page.select(".paper")
    listed = [row.th.get_text() for row in index.select("tbody tr")]
    running = Grant.select().where(Grant.nursery == cast.baach, Grant.is_running()).count()
    on_paper = [row.name for row in PaperChild.select().where(PaperChild.nursery == cast.baach)]
    assert len(listed) == running + len(on_paper)
    assert set(on_paper) <= set(listed)
    assert [plan.h2.get_text() for plan in plans] == [n for n in listed if n not in on_paper]
    leo = next(row for row in index.select("tbody tr") if "Léo" in row.get_text())
    assert [cell.get_text() for cell in leo.select("td")] == [
        *("Boat", "Allergy", "1", "16 October 2026")
    ]
    assert "Théo" not in page.get_text()


def test_the_binder_leaves_out_what_is_no_longer_shared(as_user, cast):
    document.stop_sharing(cast.leo_grant, cast.ines, database.clock())

    assert "Léo" not in as_user("tessa").words("/nursery/binder")


def test_the_binder_costs_a_few_statements_a_plan(as_user, cast, statements):
    tessa = as_user("tessa")
    with statements() as all_of_them:
        tessa.page("/nursery/binder")
    document.stop_sharing(cast.leo_grant, cast.ines, database.clock())

    with statements() as one_less:
        tessa.page("/nursery/binder")

    assert all_of_them.count - one_less.count <= 10
    plans = Grant.select().where(Grant.nursery == cast.baach, Grant.is_running()).count()
    assert one_less.count <= 20 + 10 * plans


def test_one_plan_that_cannot_be_read_keeps_no_other_from_the_binder(
    as_user, cast, monkeypatch, caplog
):
    whole = prints.facts

    def broken(plan: Plan, *rest: Any) -> dict[str, Any]:
        if plan.id == cast.leo_plan.id:
            raise sealing.SealBroken(cast.leo.name)
        return whole(plan, *rest)

    monkeypatch.setattr(prints, "facts", broken)

    page = as_user("tessa").page("/nursery/binder?in=en")

    assert "could not be printed" in page.get_text()
    assert "Mia Kovac" in [plan.get_text() for plan in page.select(".paper h2[id^=p]")]
    assert cast.leo.name not in caplog.text


# ── the export ───────────────────────────────────────────────────────────────────────────────────

SCHEMA = json.loads((ROOT / "docs/plan-schema.json").read_text())
KINDS = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
KINDS["integer"] = int


def wrong(value: Any, schema: dict[str, Any], path: str = "") -> Iterator[str]:
    """What the schema does not allow: as much of JSON Schema as ours is written with."""
    known = {"$schema", "$id", "title", "description", "$defs", "type", "properties", "required"}
    known |= {"additionalProperties", "items", "enum", "const", "pattern", "anyOf", "$ref"}
    assert set(schema) <= known
    if "$ref" in schema:
        yield from wrong(value, SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]], path)
    if "anyOf" in schema and all(list(wrong(value, one, path)) for one in schema["anyOf"]):
        yield f"{path}: none of those allowed"
    if "type" in schema and type(value) is not KINDS[schema["type"]]:
        yield f"{path}: no {schema['type']}"
        return
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{path}: {value!r}"
    if "pattern" in schema and not re.search(schema["pattern"], value):
        yield f"{path}: {value!r}"
    yield from inside(value, schema, path)


def inside(value: Any, schema: dict[str, Any], path: str) -> Iterator[str]:
    if isinstance(value, list):
        for n, item in enumerate(value):
            yield from wrong(item, schema.get("items", {}), f"{path}/{n}")
    if isinstance(value, dict):
        yield from (
            f"{path}/{name}: missing" for name in schema.get("required", ()) if name not in value
        )
        more = schema.get("additionalProperties", {})
        for name, item in value.items():
            here = schema.get("properties", {}).get(name, more)
            if here is False:
                yield f"{path}/{name}: not in docs/plan-schema.json"
            else:
                yield from wrong(item, here, f"{path}/{name}")


@pytest.mark.parametrize("slug", [*demo.CASES, "tiago", "ella"])
def test_an_export_is_as_its_schema_says_and_gives_the_same_plan_again(app, cast, slug):
    plan = getattr(cast, f"{slug}_plan")

    with app.test_request_context():
        told = json.loads(json.dumps(prints.exported(plan)))

    assert list(wrong(told, SCHEMA)) == []
    if plan.current:
        assert Content.read(told["content"]) == document.content_of(plan.current)
        assert told["versions"][-1]["hash"] == document.fingerprint(plan.current)


def test_the_schema_is_strict_enough_to_tell(app, cast):
    with app.test_request_context():
        told = json.loads(json.dumps(prints.exported(cast.leo_plan)))
    told["contacts"][0]["mood"] = "good"
    del told["content"]["sheets"][0]["groups"][0]["severity"]
    told["code"] = "short"

    assert [said.split(":")[0] for said in wrong(told, SCHEMA)] == [
        *("/content", "/code", "/contacts/0/mood")
    ]


def test_the_family_gets_the_export_as_a_file_without_a_name_in_it(as_user, cast):
    answer = as_user("ines").post(f"/plans/{cast.leo_plan.id}/export.json")

    told = json.loads(answer.text)
    assert told["child"]["first_name"] == "Léo"
    assert answer.headers["Content-Disposition"] == "attachment; filename=plan.json"
    assert Audit.select().where(Audit.action == "plan.export").count() == 1
    assert as_user("sami").post(f"/plans/{cast.leo_plan.id}/export.json").status_code == 403
    assert as_user("ines").get(f"/plans/{cast.leo_plan.id}/export.json").status_code == 405
