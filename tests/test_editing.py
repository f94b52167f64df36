"""The guided editor: every act on a line, with scripts and without, and nothing typed is lost."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from client import Client, soup_of

import demo
import demo_papers
import plan as document
from database import DataKey
from models import (
    Child,
    Draft,
    Guardian,
    KitUnit,
    Person,
    Plan,
    PlanMode,
    PlanState,
    Rights,
    Signature,
)
from plan import Content, Line, Sheet, SignGroup
from views import held

STEPS = "sheets.0.groups.0.steps"
SIGNS = "sheets.0.groups.0.signs"
PAGE = b"\xff\xd8 a page"  # what stands in for a photographed page: it is not looked at here


class Editor:
    """One person's browser on the editor of one plan. It sends forms as a browser does."""

    def __init__(self, client: Client, plan: Plan, *, htmx: bool = False) -> None:
        self.client, self.plan, self.htmx = client, plan, htmx
        self.base = f"/plans/{plan.id}/edit"

    @property
    def content(self) -> Content:
        return document.content_of(Draft.get(Draft.plan == self.plan))

    def words(self, path: str) -> list[str]:
        return [line.text for line in document.lines_at(self.content, path)]

    def page(self, part: str) -> BeautifulSoup:
        return self.client.page(f"{self.base}/{part}".rstrip("/"))

    def form(self, part: str) -> dict[str, list[str]]:
        return filled_in(self.page(part).find("form", id="page"))

    def save(self, part: str, go: str = "here", **typed: Any) -> Any:
        """The page with these fields filled in, sent by its own button."""
        data = self.form(part) | {name.replace("__", ":"): value for name, value in typed.items()}
        return self.client.post(f"{self.base}/{part}", data | {"go": go})

    def act(self, part: str, path: str, act: str, **typed: Any) -> Any:
        """A button of a list, with everything that stands in the form around it."""
        data = self.form(part) | {name.replace("__", ":"): value for name, value in typed.items()}
        return self.client.post(f"{self.base}/lines/{path}{act}", data, htmx=self.htmx)

    def removal(self, path: str) -> dict[str, list[str]]:
        page = self.page(f"things/{path}/removal")
        return filled_in(page.select_one("form:has([name=mark])"))

    def add(self, part: str, path: str, *lines: str) -> Any:
        return self.act(part, path, "", **{f"new:{path}": "\n".join(lines)})


def filled_in(form: Tag) -> dict[str, list[str]]:
    """What a browser would send: buttons only when pressed, boxes only when ticked."""
    found: dict[str, list[str]] = {}
    for control in form.find_all(["input", "textarea", "select"]):
        if control.get("type") in {"radio", "checkbox"} and not control.has_attr("checked"):
            continue
        if name := control.get("name"):
            found.setdefault(name, []).append(value_of(control))
    return found


def value_of(control: Tag) -> str:
    if control.name == "textarea":
        return control.get_text().removeprefix("\n").replace("\n", "\r\n")
    if control.name == "select":
        chosen = control.find("option", selected=True) or control.find("option")
        return chosen["value"]
    return control.get("value", "y" if control.get("type") == "checkbox" else "")


@pytest.fixture(autouse=True)
def _in_english(app) -> None:
    """These tests look for English words, whatever their readers speak."""
    Person.update(language="en").execute()


@pytest.fixture
def new_plan(cast) -> Plan:
    """Zoé's child, whose paper nobody has typed yet."""
    child = Child.create(data_key=DataKey.make(), first_name="Nael", family_name="Braun")
    Guardian.create(person=cast.zoe, child=child)
    return document.start(child)


@pytest.fixture
def written(cast, new_plan) -> Callable[[Content], Plan]:
    """A draft of Zoé's plan that says this already."""

    def write(content: Content) -> Plan:
        draft = document.draft_of(new_plan, cast.zoe)
        document.revise(draft, draft.revision, content, cast.zoe)
        return new_plan

    return write


def a_group(*steps: str) -> Content:
    """A French paper with one group of signs."""
    lines = tuple(Line.of(text, "fr", "steps") for text in steps)
    group = SignGroup(severity="severe", lists={"steps": lines} if lines else {})
    return Content(language="fr", sheets=(Sheet(condition="allergy", groups=(group,)),))


@pytest.fixture(params=[False, True], ids=["plain", "htmx"])
def editor(request, as_user, written) -> Editor:
    """Three steps, edited with scripts and without."""
    return Editor(as_user("zoe"), written(a_group("un", "deux", "trois")), htmx=request.param)


# ── lines ────────────────────────────────────────────────────────────────────────────────────────


def test_several_lines_at_once_become_several_lines(editor):
    answer = editor.add("sheets.0.groups.0", STEPS, "quatre", "", "  cinq ")

    assert answer.status_code == (200 if editor.htmx else 303)
    assert editor.words(STEPS) == ["un", "deux", "trois", "quatre", "cinq"]


def test_after_adding_the_empty_box_is_ready(editor):
    answer = editor.add("sheets.0.groups.0", STEPS, "quatre")

    box = "new-" + STEPS.replace(".", "-")
    if not editor.htmx:
        assert answer.location.endswith(f"/edit/sheets.0.groups.0#{box}")
        return
    fragment = soup_of(answer)
    assert len(fragment.find_all(recursive=False)) == 1
    assert fragment.section["id"] == "lines-" + STEPS.replace(".", "-")
    assert [tag["id"] for tag in fragment.select("[autofocus]")] == [box]
    assert fragment.find(id=box).get_text(strip=True) == ""


@pytest.mark.parametrize(
    ("act", "typed", "after"),
    [
        ("/0/moves", {"to": "down"}, ["deux", "un", "trois"]),
        ("/2/moves", {"to": "up"}, ["un", "trois", "deux"]),
        ("/0/moves", {"to": "up"}, ["un", "deux", "trois"]),
        ("/2/moves", {"to": "down"}, ["un", "deux", "trois"]),
        ("/1/copies", {}, ["un", "deux", "deux", "trois"]),
        ("/1/removals", {}, ["un", "trois"]),
        ("/1/restorations", {f"removed:{STEPS}": "x"}, ["un", "x", "deux", "trois"]),
    ],
)
def test_acts_on_a_line(editor, act, typed, after):
    answer = editor.act("sheets.0.groups.0", STEPS, act, **typed)

    assert answer.status_code in {200, 303}
    assert editor.words(STEPS) == after


def test_a_line_is_edited_where_it_stands_and_may_be_cut_in_two(editor):
    editor.act(
        "sheets.0.groups.0", STEPS, "", **{f"line:{STEPS}": ["un", "deux\r\net demi", "trois"]}
    )

    assert editor.words(STEPS) == ["un", "deux", "et demi", "trois"]


def test_what_was_typed_beside_a_button_is_saved_with_it(editor):
    """The button moves a line; the words in the box and in another row are kept as well."""
    editor.act(
        "sheets.0.groups.0",
        STEPS,
        "/0/moves",
        to="down",
        **{f"line:{STEPS}": ["un", "deux", "TROIS"], f"new:{STEPS}": "quatre"},
    )

    assert editor.words(STEPS) == ["deux", "un", "TROIS", "quatre"]


def test_a_plain_button_saves_the_other_lists_and_fields_of_the_page_too(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")))

    editor.act(
        "sheets.0.groups.0", STEPS, "", title="Rouge", rule="any", **{f"new:{SIGNS}": "a\nb"}
    )

    assert editor.words(SIGNS) == ["a", "b"]
    assert editor.content.sheets[0].groups[0].title == "Rouge"
    assert editor.content.sheets[0].groups[0].rule == "any"


def test_a_removed_line_can_be_put_back(editor):
    answer = editor.act("sheets.0.groups.0", STEPS, "/1/removals")
    page = soup_of(answer)
    form = filled_in(page.find(id="page") or page)
    button = page.find(string="Put it back").find_parent("button")

    assert editor.words(STEPS) == ["un", "trois"]
    editor.client.post(button["formaction"], form, htmx=editor.htmx)
    assert editor.words(STEPS) == ["un", "deux", "trois"]


def test_an_empty_row_is_not_a_way_to_lose_a_line(editor):
    answer = editor.act("sheets.0.groups.0", STEPS, "", **{f"line:{STEPS}": ["un", " ", "trois"]})

    assert answer.status_code == 422
    assert "use Remove" in answer.get_data(as_text=True)
    assert editor.words(STEPS) == ["un", "deux", "trois"]


def test_a_line_that_is_not_there_is_not_found(editor):
    assert editor.act("sheets.0.groups.0", STEPS, "/3/removals").status_code == 404
    assert editor.act("sheets.0.groups.0", STEPS, "/0/somersaults").status_code == 404
    assert editor.words(STEPS) == ["un", "deux", "trois"]


def test_the_whole_list_works_by_keyboard_and_names_its_buttons(editor):
    page = editor.page("sheets.0.groups.0")

    for control in page.select("form#page details summary, form#page button"):
        assert control.get_text(strip=True) or control.get("aria-label")
    first = page.find("form", id="page").find("button")
    assert (first["name"], first["value"]) == ("go", "here"), "Enter in a field saves, no more"


# ── two people at once ───────────────────────────────────────────────────────────────────────────


def test_a_stale_list_answers_with_both_texts_and_loses_neither(editor, cast):
    mine = editor.form("sheets.0.groups.0")
    editor.add("sheets.0.groups.0", STEPS, "de Marc")

    mine |= {f"line:{STEPS}": ["un", "deux, changé", "trois"], f"new:{STEPS}": ["de moi"]}
    answer = editor.client.post(f"{editor.base}/lines/{STEPS}", mine, htmx=editor.htmx)

    page = soup_of(answer)
    assert answer.status_code == 409
    assert "Both texts are shown" in page.get_text()
    assert [row.get_text().strip() for row in page.find_all(attrs={"name": f"line:{STEPS}"})] == [
        "un",
        "deux",
        "trois",
        "de Marc",
    ]
    box = page.find(attrs={"name": f"new:{STEPS}"})
    assert box.get_text().split("\n")[1:] == ["deux, changé", "de moi"]
    assert editor.words(STEPS) == ["un", "deux", "trois", "de Marc"]


def test_two_people_may_type_into_two_lists(editor):
    mine = editor.form("sheets.0.groups.0")
    editor.add("sheets.0.groups.0", STEPS, "de Marc")
    mine = {name: value for name, value in mine.items() if SIGNS in name}

    answer = editor.client.post(
        f"{editor.base}/lines/{SIGNS}", mine | {f"new:{SIGNS}": "de moi"}, htmx=True
    )

    assert answer.status_code == 200
    assert editor.words(SIGNS) == ["de moi"]


def test_pressing_add_twice_adds_once(editor):
    form = editor.form("sheets.0.groups.0") | {f"new:{STEPS}": "quatre"}
    url = f"{editor.base}/lines/{STEPS}"

    assert editor.client.post(url, form, htmx=editor.htmx).status_code in {200, 303}
    assert editor.client.post(url, form, htmx=editor.htmx).status_code == 409
    assert editor.words(STEPS) == ["un", "deux", "trois", "quatre"]


def test_a_field_that_another_changed_is_shown_beside_mine(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")))
    mine = editor.form("sheets.0.groups.0") | {"title": "Le mien"}
    editor.save("sheets.0.groups.0", title="De Marc")

    answer = editor.client.post(f"{editor.base}/sheets.0.groups.0", mine)

    page = soup_of(answer)
    assert answer.status_code == 409
    assert page.find(id="title")["value"] == "Le mien"
    assert "De Marc" in page.get_text()
    again = filled_in(page.find(id="page"))
    assert editor.client.post(f"{editor.base}/sheets.0.groups.0", again).status_code == 303
    assert editor.content.sheets[0].groups[0].title == "Le mien"


def test_words_for_a_group_that_another_took_out_are_shown_to_be_copied(editor):
    mine = editor.form("sheets.0.groups.0") | {f"new:{STEPS}": "de moi"}
    form = editor.removal("sheets.0.groups.0")
    editor.client.post(f"{editor.base}/things/sheets.0.groups.0/removal", form)
    assert editor.content.sheets[0].groups == ()

    answer = editor.client.post(f"{editor.base}/lines/{STEPS}", mine, htmx=editor.htmx)

    assert answer.status_code == 409
    assert "de moi" in answer.get_data(as_text=True)


def test_a_removal_that_would_take_what_another_just_typed_is_refused(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")))
    form = editor.removal("sheets.0.groups.0")
    editor.add("sheets.0.groups.0", STEPS, "de Marc")

    answer = editor.client.post(f"{editor.base}/things/sheets.0.groups.0/removal", form)

    assert answer.status_code == 409
    assert editor.words(STEPS) == ["un", "de Marc"]


# ── odd input ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "odd", ["a\x00b", "a" * 501, "\n".join("a" for _ in range(58)), "\x1b[31m", "\x07"]
)
def test_what_cannot_be_kept_is_refused_beside_its_box_and_stays_there(editor, odd):
    answer = editor.act("sheets.0.groups.0", STEPS, "", **{f"new:{STEPS}": odd})

    page = soup_of(answer)
    box = page.find(attrs={"name": f"new:{STEPS}"})
    assert answer.status_code == 422
    assert box["aria-invalid"] == "true"
    assert page.find(id=box["aria-describedby"]).get_text(strip=True)
    assert editor.words(STEPS) == ["un", "deux", "trois"]
    if "\x00" not in odd:
        assert box.get_text().strip("\n").split() == odd.split()


@pytest.mark.parametrize("text", ["½ ٣ 🦊 ‮ابج‬", "<b>{{ 7 * 7 }}</b>", "=1+1", "名前", "a\u2028b"])
def test_any_script_and_sign_is_kept_as_typed(editor, text):
    editor.add("sheets.0.groups.0", STEPS, text)

    assert editor.words(STEPS)[3:] == text.splitlines()
    page = editor.page("sheets.0.groups.0")
    assert not page.select("#page b")
    assert (
        page.find_all(attrs={"name": f"line:{STEPS}"})[3].get_text().strip() == text.splitlines()[0]
    )


@pytest.mark.parametrize(
    "path",
    ["nonsense", "sheets", "sheets.1.triggers", "sheets.-1.triggers", "sheets.0.groups.0.title"]
    + ["__class__.LISTS", "sheets.0.__class__", "lists.kit", "sheets.99999999.usual", "0", "."],
)
def test_an_address_that_is_no_list_is_refused(editor, path):
    for end in ("", "/0/moves", "/0/copies", "/suggestions"):
        answer = editor.client.post(f"{editor.base}/lines/{path}{end}", {"to": "up"}, htmx=True)
        assert answer.status_code in {404, 409}, end
    assert editor.client.get(f"{editor.base}/{path}").status_code == 404


# ── who may ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("who", "status"),
    [("ines", 200), ("marc", 200), ("sami", 403), ("tessa", 403), ("olga", 404), ("noor", 404)]
    + [("zoe", 404), ("admin", 404), ("ivan", 404)],
)
def test_only_a_guardian_with_all_rights_types_the_plan(as_user, cast, who, status):
    base = f"/plans/{cast.leo_plan.id}/edit"
    client = as_user(who)

    for url in (base, f"{base}/frame", f"{base}/sheets.0", f"{base}/kit/new"):
        assert client.get(url).status_code == status, url
    if status != 200:
        for url in (f"{base}/frame", f"{base}/lines/kit", f"{base}/things/medicines"):
            assert client.post(url).status_code == status, url
        assert not Draft.select().where(Draft.plan == cast.leo_plan).exists()


def test_a_guardian_who_may_only_see_does_not_type(as_user, cast):
    Guardian.update(rights=Rights.SEE).where(
        Guardian.person == cast.marc, Guardian.child == cast.leo
    ).execute()
    base = f"/plans/{cast.leo_plan.id}/edit"
    client = as_user("marc")

    assert client.get(base).status_code == 403
    assert client.post(f"{base}/lines/kit", {"new:kit": "x"}).status_code == 403


def test_a_thing_of_another_childs_kit_is_not_found(as_user, cast):
    unit = KitUnit.get(KitUnit.plan == cast.mia_plan)
    base = f"/plans/{cast.leo_plan.id}/edit"
    client = as_user("ines")

    assert client.get(f"{base}/kit/{unit.id}").status_code == 404
    assert client.post(f"{base}/kit/{unit.id}/removals").status_code == 404
    assert client.get(f"{base}/frame/new").status_code == 404
    assert KitUnit.get_by_id(unit.id).ended is None


# ── the language of the paper, and known sentences ───────────────────────────────────────────────


def test_the_language_of_the_paper_comes_first(as_user, new_plan):
    editor = Editor(as_user("zoe"), new_plan)

    answer = editor.client.get(f"{editor.base}/daily")
    assert answer.location.endswith("/edit/frame")
    assert editor.save("frame").status_code == 422
    assert editor.save("frame", language="de").status_code == 303
    assert editor.client.get(f"{editor.base}/daily").status_code == 200


def test_looking_at_the_editor_begins_nothing(as_user, cast):
    base = f"/plans/{cast.leo_plan.id}/edit"

    words = as_user("ines").words(base)

    assert "keeps using version 1" in words
    assert not Draft.select().where(Draft.plan == cast.leo_plan).exists()


def is_phrase(line: document.Line) -> bool:
    return all(part.phrase for part in line.parts)


def test_lines_are_read_again_when_the_language_was_wrong(as_user, written):
    editor = Editor(as_user("zoe"), written(replace(a_group(), language="de")))
    editor.add("sheets.0.groups.0", STEPS, "Appeler les parents")
    assert not is_phrase(document.lines_at(editor.content, STEPS)[0])

    editor.save("frame", language="fr")

    line = document.lines_at(editor.content, STEPS)[0]
    assert (line.lang, line.text, is_phrase(line)) == ("fr", "Appeler les parents", True)


def test_a_paper_in_a_language_without_sentences_is_kept_as_written(as_user, new_plan):
    editor = Editor(as_user("zoe"), new_plan)
    editor.save("frame", language="und")
    editor.add("around", "tell", "Zovite roditelje")

    assert editor.content.lines("tell") == (Line.as_written("Zovite roditelje", "und"),)


def test_a_known_sentence_shows_how_others_read_it_and_can_be_refused(editor):
    added = editor.add("sheets.0.groups.0", STEPS, "Appeler les parents")
    page = soup_of(added) if editor.htmx else editor.page("sheets.0.groups.0")
    assert "In other languages:" in page.get_text()
    assert is_phrase(editor.content.sheets[0].groups[0].lines("steps")[3])

    editor.act("sheets.0.groups.0", STEPS, "/3/wordings", to="written")
    refused = document.lines_at(editor.content, STEPS)[3]
    assert refused == Line.as_written("Appeler les parents", "fr")

    # Saving the page again does not undo the choice.
    editor.save("sheets.0.groups.0", title="Rouge")
    assert document.lines_at(editor.content, STEPS)[3] == refused
    assert "Use the known sentence" in editor.page("sheets.0.groups.0").get_text()
    editor.act("sheets.0.groups.0", STEPS, "/3/wordings", to="known")
    assert is_phrase(document.lines_at(editor.content, STEPS)[3])


def test_while_typing_known_sentences_appear_and_take_the_place_of_the_words(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")), htmx=True)
    typed = {f"new:{STEPS}": "Rester.\r\nNoter. Appeler les par"}

    known = soup_of(editor.act("sheets.0.groups.0", STEPS, "/suggestions", **typed))
    button = known.find("button", attrs={"name": "sentence"})
    answer = editor.act("sheets.0.groups.0", STEPS, "/sentences", sentence=button["value"], **typed)

    box = soup_of(answer).find(attrs={"name": f"new:{STEPS}"})
    assert box.get_text().strip() == "Rester.\nNoter. Appeler les parents"
    assert box.has_attr("autofocus")
    assert editor.words(STEPS) == ["un"], "it is added by the person, like any words"


def test_a_sentence_never_drops_a_number_that_was_typed(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")), htmx=True)
    typed = {f"new:{STEPS}": "Appeler les parents 3 fois"}
    known = soup_of(editor.act("sheets.0.groups.0", STEPS, "/suggestions", **typed))
    chosen = known.find("button", attrs={"name": "sentence"})["value"]

    answer = editor.act("sheets.0.groups.0", STEPS, "/sentences", sentence=chosen, **typed)

    page = soup_of(answer)
    assert answer.status_code == 422
    assert "leaves out 3" in page.get_text()
    assert "Appeler les parents 3 fois" in page.find(attrs={"name": f"new:{STEPS}"}).get_text()


# ── sheets, groups and medicines ─────────────────────────────────────────────────────────────────


def test_groups_are_added_moved_copied_and_removed(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")))
    groups = f"{editor.base}/things/sheets.0.groups"

    added = editor.client.post(groups, {"kind": "none"})
    assert added.location.endswith("/edit/sheets.0.groups.1")
    again = editor.client.post(groups, {"kind": "none"})
    assert again.location == added.location, "an empty one is opened, not added twice"

    def press(n: int, act: str, **data: str) -> int:
        mark = document.mark_all(editor.content, f"sheets.0.groups.{n}")
        return editor.client.post(f"{groups}.{n}/{act}", {"mark": mark, **data}).status_code

    assert press(1, "moves", to="up") == 303
    assert [g.severity for g in editor.content.sheets[0].groups] == ["none", "severe"]
    assert press(1, "copies") == 303
    assert press(0, "removal") == 303
    assert [g.severity for g in editor.content.sheets[0].groups] == ["severe", "severe"]
    assert editor.words("sheets.0.groups.1.steps") == ["un"]


def test_no_more_things_than_a_page_can_show(as_user, written):
    sheets = tuple(Sheet(condition="asthma", title=str(n)) for n in range(20))
    editor = Editor(as_user("zoe"), written(Content(language="fr", sheets=sheets)))

    answer = editor.client.post(f"{editor.base}/things/sheets", {"kind": "allergy"})

    assert answer.status_code == 409
    assert len(editor.content.sheets) == 20


def test_copying_does_not_go_past_the_limits_either(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group(*(str(n) for n in range(60)))))

    assert editor.act("sheets.0.groups.0", STEPS, "/0/copies").status_code == 409
    assert len(editor.words(STEPS)) == 60

    groups = tuple(SignGroup(title=str(n)) for n in range(20))
    sheet = Sheet(condition="allergy", groups=groups)
    editor = Editor(as_user("zoe"), written(Content(language="fr", sheets=(sheet,))))
    mark = document.mark_all(editor.content, "sheets.0.groups.0")
    copies = f"{editor.base}/things/sheets.0.groups.0/copies"
    assert editor.client.post(copies, {"mark": mark}).status_code == 409
    assert len(editor.content.sheets[0].groups) == 20


def test_a_medicine_without_a_name_is_refused_with_everything_typed_still_there(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group()))
    editor.client.post(f"{editor.base}/things/medicines", {"kind": ""})

    answer = editor.save(
        "medicines.0", dose="selon l'ordonnance", **{"new:medicines.0.when": "a\nb"}
    )

    page = soup_of(answer)
    assert answer.status_code == 422
    assert page.find(id="name")["aria-invalid"] == "true"
    assert page.find(id="dose")["value"] == "selon l'ordonnance"
    assert page.find(attrs={"name": "new:medicines.0.when"}).get_text().split() == ["a", "b"]


@pytest.mark.parametrize("condition", document.Condition)
def test_nothing_clinical_is_filled_in_or_suggested_by_us(as_user, written, condition):
    group = SignGroup(severity="severe")
    sheet = Sheet(condition=condition, groups=(group,))
    medicine = document.Medicine()
    blank = Content(language="fr", sheets=(sheet,), medicines=(medicine,))
    editor = Editor(as_user("zoe"), written(blank))

    for part in ("frame", "sheets.0", "sheets.0.groups.0", "donts", "medicines.0", "kit", "daily"):
        form = editor.page(part).find("form", id="page")
        assert not form.select("[placeholder]")
        for control in form.select("input[type=text], input[type=date], textarea"):
            assert not value_of(control).strip(), control
        assert not any(sign.isdigit() for sign in form.get_text()), part
    ticked = editor.page("sheets.0").select("#page input[checked]")
    assert {control["value"] for control in ticked} == {""}


# ── the kit and the signatures ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("03/2027", "2027-03"),
        ("3.27", "2027-03"),
        ("2027-03", "2027-03"),
        ("12/12/2026", "2026-12-12"),
        ("28.02.2027", "2027-02-28"),
        ("2026-12-12", "2026-12-12"),
        ("", ""),
    ],
)
def test_an_expiry_is_kept_as_printed(as_user, written, typed, kept):
    plan = written(a_group())
    Editor(as_user("zoe"), plan).client.post(
        f"/plans/{plan.id}/edit/kit/new", {"label": "Boîte", "expires": typed}
    )

    assert [unit.expires for unit in KitUnit.of(plan.id)] == [kept]


@pytest.mark.parametrize("typed", ["13/2027", "30.02.2027", "soon", "2027", "1/1/1/1"])
def test_what_is_no_expiry_is_refused(as_user, written, typed):
    plan = written(a_group())

    answer = as_user("zoe").post(
        f"/plans/{plan.id}/edit/kit/new", {"label": "Boîte", "expires": typed}
    )

    page = soup_of(answer)
    assert answer.status_code == 422
    assert page.find(id="expires")["aria-invalid"] == "true"
    assert page.find(id="expires")["value"] == typed
    assert not KitUnit.of(plan.id)


def test_the_second_of_two_has_its_own_date_and_lot(as_user, written):
    plan = written(a_group())
    client = as_user("zoe")
    base = f"/plans/{plan.id}/edit/kit"
    one = {"label": "Boîte", "expires": "03/2027", "lot": "A", "place": "Haut"}

    twin = client.post(f"{base}/new", {**one, "go": "twin"}).location
    client.post(twin, filled_in(client.page(twin).find(id="page")) | {"lot": "B"})

    units = [(unit.label, unit.expires, unit.lot, unit.place) for unit in KitUnit.of(plan.id)]
    assert units == [("Boîte", "2027-03", "A", "Haut"), ("Boîte", "", "B", "Haut")]
    client.post(f"{base}/{KitUnit.of(plan.id)[0].id}/removals")
    assert [unit.lot for unit in KitUnit.of(plan.id)] == ["B"]


def test_a_thing_of_the_kit_that_another_changed_is_not_overwritten(as_user, written):
    plan = written(a_group())
    client = as_user("zoe")
    base = f"/plans/{plan.id}/edit/kit"
    client.post(f"{base}/new", {"label": "Boîte"})
    url = f"{base}/{KitUnit.of(plan.id)[0].id}"
    mine = filled_in(client.page(url).find(id="page"))
    client.post(url, mine | {"lot": "de Marc"})

    answer = client.post(url, mine | {"lot": "le mien"})

    page = soup_of(answer)
    assert answer.status_code == 409
    assert page.find(id="lot")["value"] == "le mien"
    assert "de Marc" in page.get_text()


def test_what_changes_in_the_kit_makes_the_plans_pages_due(as_user, cast):
    before = Plan.get_by_id(cast.leo_plan.id).changes
    unit = KitUnit.of(cast.leo_plan.id)[0]

    as_user("ines").post(f"/plans/{cast.leo_plan.id}/edit/kit/{unit.id}/removals")

    assert Plan.get_by_id(cast.leo_plan.id).changes > before


def test_a_missing_signature_is_recorded_as_missing(as_user, cast, written):
    plan = written(a_group())
    client = as_user("zoe")
    base = f"/plans/{plan.id}/edit/signatures"
    assert "The signed paper is not here yet" in client.words(base)
    assert client.post(f"{base}/new", {"name": "A", "unsigned": "y"}).status_code == 409
    draft = document.draft_of(plan, cast.zoe)
    document.keep_scan(draft, [PAGE], cast.zoe)

    assert client.post(f"{base}/new", {"name": "A"}).status_code == 422
    both = {"name": "A", "on": "2026-09-01", "unsigned": "y"}
    assert client.post(f"{base}/new", both).status_code == 422
    client.post(f"{base}/new", {"name": "A", "unsigned": "y"})
    client.post(f"{base}/new", {"name": "B", "on": "2026-09-01", "note": "autorise"})

    rows = Signature.select().where(Signature.scan == Draft.get(Draft.plan == plan).scan)
    found = {row.name: (row.on and row.on.isoformat(), row.note) for row in rows}
    assert found == {"A": ("", ""), "B": ("2026-09-01", "autorise")}
    assert "A has not signed yet" in client.words(base)


# ── a whole paper ────────────────────────────────────────────────────────────────────────────────


class Typist:
    """A parent who types a whole paper through the pages, part by part."""

    def __init__(self, editor: Editor, paper: Content) -> None:
        self.editor, self.paper = editor, paper

    def boxes(self, owner: str, *names: str) -> dict[str, str]:
        """The lists of a thing, each typed into its empty box with Enter between the lines."""
        thing = document.at(self.paper, owner)
        lists = {name: thing.lines(name) for name in names or thing.LISTS}
        prefix = f"{owner}." if owner else ""
        return {
            f"new:{prefix}{name}": "\r\n".join(line.text for line in lines)
            for name, lines in lists.items()
            if lines
        }

    def send(self, part: str, **typed: Any) -> str:
        answer = self.editor.save(part, go="", **typed)
        assert answer.status_code == 303, soup_of(answer).get_text(" ", strip=True)
        return answer.location.rpartition("/edit/")[2]

    def new(self, path: str, kind: str = "") -> None:
        url = f"{self.editor.base}/things/{path}"
        assert self.editor.client.post(url, {"kind": kind}).status_code == 303

    def type_all(self) -> None:
        paper = self.paper
        names = ("language", "renewal", "valid_from", "valid_until", "review_on")
        frame = {name: getattr(paper, name) for name in names}
        if paper.indefinite:
            frame["indefinite"] = "y"
        assert self.send("frame", **frame, **self.boxes("", "review")) == "conditions"
        for s, sheet in enumerate(paper.sheets):
            self.new("sheets", sheet.condition)
            switches = {f"box:{name}": answer for name, answer in sheet.switches.items()}
            lists = [name for name in sheet.LISTS if name not in ("donts", "after")]
            boxes = self.boxes(f"sheets.{s}", *lists)
            assert self.send(f"sheets.{s}", title=sheet.title, **switches, **boxes) == "signs"
            for n, group in enumerate(sheet.groups):
                self.new(f"sheets.{s}.groups", group.severity)
                boxes = self.boxes(f"sheets.{s}.groups.{n}")
                fields = {"title": group.title, "rule": group.rule}
                assert self.send(f"sheets.{s}.groups.{n}", **fields, **boxes) == "signs"
        donts = [self.boxes(f"sheets.{s}", "donts", "after") for s in range(len(paper.sheets))]
        assert self.send("donts", **{k: v for box in donts for k, v in box.items()}) == "medicines"
        for m, medicine in enumerate(paper.medicines):
            self.new("medicines")
            names = ("name", "strength", "dose", "route")
            fields = {name: getattr(medicine, name) for name in names}
            fields["spare"] = medicine.spare
            if medicine.daily:
                fields["daily"] = "y"
            assert (
                self.send(f"medicines.{m}", **fields, **self.boxes(f"medicines.{m}")) == "medicines"
            )
        assert self.send("kit", **self.boxes("", "kit")) == "daily"
        assert self.send("daily", **self.boxes("", *held.DAILY)) == "around"
        assert self.send("around", **self.boxes("", *held.AROUND)) == "signatures"


@pytest.mark.parametrize("slug", demo.CASES)
def test_a_whole_paper_is_typed_without_losing_a_line(as_user, cast, new_plan, slug):
    editor = Editor(as_user("zoe"), new_plan)
    facts = demo_papers.case(slug)

    Typist(editor, demo_papers.content(slug)).type_all()
    for unit in facts["kit_units"]:
        assert editor.client.post(f"{editor.base}/kit/new", unit).status_code == 303
    document.keep_scan(document.draft_of(new_plan, cast.zoe), [PAGE], cast.zoe)
    for signature in facts["signatures"]:
        typed = signature if "on" in signature else {**signature, "unsigned": "y"}
        assert editor.client.post(f"{editor.base}/signatures/new", typed).status_code == 303

    assert editor.content == demo_papers.content(slug)
    scan = Draft.get(Draft.plan == new_plan).scan
    units = [{k: v for k, v in unit.secrets.items() if v} for unit in KitUnit.of(new_plan.id)]
    rows = Signature.select().where(Signature.scan == scan).order_by(Signature.rank)
    signed = [{k: v for k, v in row.secrets.items() if v} for row in rows]
    assert units == facts["kit_units"]
    assert signed == facts["signatures"]

    words = editor.client.words(f"{editor.base}/review?lang=fr")
    for _path, _name, lines in document.walk(editor.content):
        for line in lines:
            assert " ".join(line.text.split()) in words, line.text
    answer = editor.client.post(f"/plans/{new_plan.id}/submissions")
    assert answer.status_code == 303
    version = document.waiting(new_plan)
    assert (version.mode, version.state) == (PlanMode.GUIDED, PlanState.SUBMITTED)
    assert document.content_of(version) == demo_papers.content(slug)


def test_a_change_begins_from_what_waits_for_its_check(as_user, cast, new_plan):
    """What was sent and not yet checked is not typed a second time."""
    editor = Editor(as_user("zoe"), new_plan)
    editor.save("frame", language="fr")
    editor.add("daily", "meals", "une ligne")
    editor.client.post(f"{editor.base}/things/sheets", {"kind": "other"})
    document.keep_scan(document.draft_of(new_plan, cast.zoe), [PAGE], cast.zoe)
    editor.client.post(f"/plans/{new_plan.id}/submissions")

    editor.add("daily", "meals", "et une autre")

    assert editor.words("meals") == ["une ligne", "et une autre"]


def test_the_overview_says_what_is_still_to_do(as_user, written):
    editor = Editor(as_user("zoe"), written(a_group("un")))

    rows = [row.get_text(" ", strip=True) for row in editor.page("").select("main li")]

    assert any(row.startswith("1 The paper itself") and "Typed" in row for row in rows)
    assert any("A group has no signs yet." in row and "Check" in row for row in rows)
    assert any(row.startswith("5 Medicine") and "To do" in row for row in rows)
    assert editor.page("").find("a", href=f"/plans/{editor.plan.id}/scan")
    assert editor.page("").find("a", href=f"/children/{editor.plan.child_id}/contacts")
