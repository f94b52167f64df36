"""The guided editor: the signed paper is typed part by part, line by line, and no line is lost.

Each page is one form: whatever button is pressed, everything typed on the page is saved with it.
"""

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext
from flask_wtf import FlaskForm

import phrases
import plan as document
from database import DomainError, Sealed, clock, db
from models import Audit, Draft, KitUnit, Plan
from plan import Content, Listed, Medicine, Sheet, SignGroup
from sealing import digest
from views import words
from views.guards import allowed, get_or_404
from views.lines import LINE_ACTS, THING_ACTS, Box, Known, Rows, remove
from views.paper import (
    INDEXES,
    PARTS,
    REGISTERS,
    Page,
    Register,
    Typed,
    address_of,
    fields_of,
    next_address,
    page_at,
    read_all,
    steps,
)
from views.rendering import LANGUAGE_NAMES, code, page_or_fragment, sentence, wants_fragment

bp = Blueprint("editing", __name__, url_prefix="/plans/<uuid:plan_id>/edit")

THINGS_LIMIT = 20  # sheets, groups of a sheet, medicines


# ── pages ────────────────────────────────────────────────────────────────────────────────────────


@bp.errorhandler(DomainError)
def gone(refusal: DomainError) -> ResponseReturnValue:
    """Somebody else took this part out, or was faster: what was typed is shown, to be copied."""
    texts = [
        text
        for name, values in request.form.lists()
        for text in values
        if name.startswith(("line:", "new:")) and text.strip()
    ]
    back = url_for(".index", plan_id=request.view_args["plan_id"])
    pages = "editing/gone.html", "editing/_gone.html"
    return page_or_fragment(*pages, 409, problem=sentence(refusal), texts=texts, back=back)


@bp.get("")
@allowed("plan.edit", Plan)
def index(plan: Plan) -> ResponseReturnValue:
    draft = draft_of(plan)
    back = url_for("children.show", child_id=plan.child_id)
    return render("index.html", plan, draft, steps=steps(draft), back=back)


@bp.get("/<part>")
@allowed("plan.edit", Plan)
def show(plan: Plan, part: str) -> ResponseReturnValue:
    draft = draft_of(plan)
    content = document.content_of(draft)
    if not content.language and part != "frame":
        flash(_("First say in which language the paper is written."))
        return redirect(url_for(".show", plan_id=plan.id, part="frame"), 303)
    return answer(plan, draft, Typed(content, page_or_404(content, part)))


@bp.post("/<part>")
@allowed("plan.edit", Plan)
def save(plan: Plan, part: str) -> ResponseReturnValue:
    with db.atomic():
        draft = document.draft_of(plan, g.actor.person)
        content = document.content_of(draft)
        typed = Typed(content, page_at(content, part), request.form)
        if status := typed.refusal():
            return answer(plan, draft, typed, status)
        content = typed.merged()
        document.revise(draft, draft.revision, content, g.actor.person)
    tell_dropped(typed.content, content)
    return redirect(onward(plan, content, part), 303)


def tell_dropped(before: Content, after: Content) -> list[str]:
    """Changed words may mean something else: the sentence chosen for them is dropped, and said."""
    dropped = document.no_longer_meant(before, after)
    if not wants_fragment():
        for words_ in dropped:
            flash(_("The chosen sentence was dropped: “%(words)s” has changed.", words=words_))
    return dropped


def onward(plan: Plan, content: Content, part: str) -> str:
    """Where a saved page leads: the next one, or what the pressed button says."""
    chosen = request.form.get("go", "")
    if chosen in REGISTERS:
        return url_for(".new_record", plan_id=plan.id, kind=chosen)
    there = part if chosen == "here" else next_address(content, part)
    return url_for(".show", plan_id=plan.id, part=there)


def draft_of(plan: Plan) -> Draft:
    """For reading: a draft that may not be saved yet."""
    return Draft.get_or_none(Draft.plan == plan) or document.new_draft(plan, g.actor.person)


def page_or_404(content: Content, address: str) -> Page:
    try:
        return page_at(content, address)
    except DomainError:
        abort(404)


def answer(plan: Plan, draft: Draft, typed: Typed, status: int = 200) -> ResponseReturnValue:
    page = typed.page
    name = page.part if page.address in INDEXES else "page"
    more: dict[str, Any] = {"back": url_for(".show", plan_id=plan.id, part=page.part)}
    if page.address == page.part:
        more["back"] = url_for(".index", plan_id=plan.id)
    if page.address in REGISTERS:
        more["records"] = REGISTERS[page.address].rows(draft)
    if page.address == "review":
        more |= whole(draft, typed.content)
    following = page_at(typed.content, next_address(typed.content, page.address))
    more |= {"typed": typed, "page": page, "content": typed.content, "following": following}
    return render(f"{name}.html", plan, draft, status, **more)


def render(
    template: str, plan: Plan, draft: Draft, status: int = 200, **more: Any
) -> ResponseReturnValue:
    more |= {"parts": PARTS, "listed": listed, "reading": document.reading}
    return render_template(f"editing/{template}", plan=plan, draft=draft, **more), status


def listed(content: Content, path: str) -> list[dict[str, Any]]:
    """The sheets, groups or medicines at `path`, as rows of their part's page."""
    rows = []
    for n, thing in enumerate(document.things_at(content, path)):
        count = sum(map(len, thing.lists.values()))
        rows.append(
            {
                "path": f"{path}.{n}",
                "title": page_at(content, f"{path}.{n}").title,
                "said": ngettext("%(num)d line", "%(num)d lines", count),
                "mark": document.mark_all(content, f"{path}.{n}"),
            }
        )
    return rows


# ── acts on lines ────────────────────────────────────────────────────────────────────────────────
# htmx gets its list back; a plain form sends the whole page, and all of it is saved with the act.


@bp.post("/lines/<path>")
@allowed("plan.edit", Plan)
def add_lines(plan: Plan, path: str) -> ResponseReturnValue:
    return change(plan, path, None, ("new", 0))


@bp.post("/lines/<path>/<int:n>/<act>")
@allowed("plan.edit", Plan)
def act_on_line(plan: Plan, path: str, n: int, act: str) -> ResponseReturnValue:
    to = request.form.get("to", "")
    work, step = LINE_ACTS.get((act, to)) or abort(404)

    def acted(rows: Rows, box: Box) -> None:
        if n >= len(rows) + (act == "restorations"):
            abort(404)
        work(rows, n, box)

    return change(plan, path, acted, (to or act, max(n + step, 0)))


def change(
    plan: Plan, path: str, act: Callable[[Rows, Box], None] | None, focus: tuple[str, int]
) -> ResponseReturnValue:
    with db.atomic():
        draft = document.draft_of(plan, g.actor.person)
        content = document.content_of(draft)
        document.lines_at(content, path)
        page = page_at(content, address_of(path))
        if wants_fragment():
            page = Page(path, page.part, page.title, lists=(path,))
        typed = Typed(content, page, request.form)
        if status := typed.refusal():
            return lines(plan, draft, typed, path, status)
        after = Typed(typed.merged(path, act), page)
        document.revise(draft, draft.revision, after.content, g.actor.person)
    after.boxes[path].focus = focus
    after.boxes[path].removed = typed.boxes[path].removed
    after.boxes[path].dropped = tell_dropped(content, after.content)
    return lines(plan, draft, after, path)


def lines(plan: Plan, draft: Draft, typed: Typed, path: str, status: int = 200) -> Any:
    """The one list for htmx; for a plain form the page, at the place where one was."""
    box = typed.boxes[path]
    if wants_fragment():
        return render_template("editing/_lines.html", plan=plan, box=box), status
    if status == 200 and not box.removed:
        if (n := request.form.get("meaning", "")).isdecimal():
            return redirect(url_for("meaning.show", plan_id=plan.id, path=path, n=n), 303)
        there = url_for(".show", plan_id=plan.id, part=typed.page.address)
        return redirect(f"{there}#new-{box.slug}", 303)
    return answer(plan, draft, typed, status)


# ── known sentences while typing ─────────────────────────────────────────────────────────────────


@bp.post("/lines/<path>/suggestions")
@allowed("plan.edit", Plan)
def suggest(plan: Plan, path: str) -> ResponseReturnValue:
    """Posted, not got: what is typed must not stand in an address."""
    content = document.content_of(draft_of(plan))
    box = Box(content, path, request.form)
    if not wants_fragment():
        return redirect(url_for(".show", plan_id=plan.id, part=address_of(path)), 303)
    box.suggest()
    return render_template("editing/_known.html", plan=plan, box=box)


@bp.post("/lines/<path>/sentences")
@allowed("plan.edit", Plan)
def use_sentence(plan: Plan, path: str) -> ResponseReturnValue:
    """A chosen sentence takes the place of the words being typed; it is added like any words."""
    box = Box(document.content_of(draft_of(plan)), path, request.form)
    chosen = request.form.get("sentence", "")
    if chosen not in phrases.catalogue() or not wants_fragment():
        abort(404)
    box.put(Known.posted(chosen, request.form, box.language))
    box.focus = ("new", 0)
    page = render_template("editing/_lines.html", plan=plan, box=box)
    return page, 422 if box.errors else 200


# ── sheets, groups and medicines ─────────────────────────────────────────────────────────────────


@bp.post("/things/<path>")
@allowed("plan.edit", Plan)
def add_thing(plan: Plan, path: str) -> ResponseReturnValue:
    """A new one at the end. Pressed twice, the one that is still empty is opened again."""
    thing = new_thing(path.rpartition(".")[2], request.form.get("kind", ""))
    with db.atomic():
        draft = document.draft_of(plan, g.actor.person)
        content = document.content_of(draft)
        things = document.things_at(content, path)
        if len(things) >= THINGS_LIMIT:
            raise DomainError("too-many-things")
        if thing not in things[-1:]:
            things = (*things, thing)
            content = document.with_things(content, path, things)
            document.revise(draft, draft.revision, content, g.actor.person)
    part = f"{path}.{len(things) - 1}"
    return redirect(url_for(".show", plan_id=plan.id, part=part), 303)


def new_thing(name: str, kind: str) -> Listed:
    if name == "sheets" and kind in words.CONDITIONS:
        return Sheet(condition=kind)
    if name == "groups" and kind in words.SEVERITIES:
        return SignGroup(severity=kind)
    return Medicine() if name == "medicines" else abort(404)


@bp.post("/things/<path>/<act>")
@allowed("plan.edit", Plan)
def act_on_thing(plan: Plan, path: str, act: str) -> ResponseReturnValue:
    work = THING_ACTS.get((act, request.form.get("to", ""))) or abort(404)
    return rearrange(plan, path, work)


@bp.get("/things/<path>/removal")
@allowed("plan.edit", Plan)
def confirm_removal(plan: Plan, path: str) -> ResponseReturnValue:
    draft = draft_of(plan)
    content = document.content_of(draft)
    page = page_or_404(content, path)
    back = url_for(".show", plan_id=plan.id, part=page.part)
    more = {"page": page, "mark": document.mark_all(content, path), "back": back}
    inside = [p for p in read_all(content) if f"{p['address']}.".startswith(f"{path}.")]
    return render("removal.html", plan, draft, pages=inside, **more)


@bp.post("/things/<path>/removal")
@allowed("plan.edit", Plan)
def remove_thing(plan: Plan, path: str) -> ResponseReturnValue:
    return rearrange(plan, path, remove)


def rearrange(plan: Plan, path: str, work: Callable[[list, int], None]) -> ResponseReturnValue:
    with db.atomic():
        draft = document.draft_of(plan, g.actor.person)
        content = document.content_of(draft)
        part = page_at(content, path).part
        if request.form.get("mark") != document.mark_all(content, path):
            raise DomainError("draft-changed-meanwhile")
        among, _dot, place = path.rpartition(".")
        things = list(document.things_at(content, among))
        work(things, int(place))
        if len(things) > THINGS_LIMIT:
            raise DomainError("too-many-things")
        content = document.with_things(content, among, things)
        document.revise(draft, draft.revision, content, g.actor.person)
    return redirect(url_for(".show", plan_id=plan.id, part=part), 303)


# ── what is in the kit, and who signed: rows of their own, live at once ──────────────────────────


@bp.get("/<kind>/new")
@allowed("plan.edit", Plan)
def new_record(plan: Plan, kind: str) -> ResponseReturnValue:
    return record_page(plan, kind, register_of(kind).form())


@bp.post("/<kind>/new")
@allowed("plan.edit", Plan)
def add_record(plan: Plan, kind: str) -> ResponseReturnValue:
    form = register_of(kind).form()
    draft = draft_of(plan)
    if not form.validate_on_submit():
        return record_page(plan, kind, form, status=422)
    try:
        keep_record(plan, register_of(kind).blank(draft), form, is_new=True)
    except DomainError as refusal:
        return record_page(plan, kind, form, status=409, problem=sentence(refusal))
    return after_record(plan, kind, form)


@bp.get("/<kind>/<uuid:record_id>")
@allowed("plan.edit", Plan)
def edit_record(plan: Plan, kind: str, record_id: UUID) -> ResponseReturnValue:
    row = get_or_404(register_of(kind).scope(draft_of(plan)), record_id)
    form = register_of(kind).form(data={**row.secrets, "unsigned": not row.secrets.get("on")})
    if kind == "signatures":
        form.on.data = row.on
    return record_page(plan, kind, form, row)


@bp.post("/<kind>/<uuid:record_id>")
@allowed("plan.edit", Plan)
def save_record(plan: Plan, kind: str, record_id: UUID) -> ResponseReturnValue:
    row = get_or_404(register_of(kind).scope(draft_of(plan)), record_id)
    form = register_of(kind).form()
    if not form.validate_on_submit():
        return record_page(plan, kind, form, row, status=422)
    if request.form.get("mark") != mark_of(row):
        refusal = DomainError("draft-changed-meanwhile")
        return record_page(plan, kind, form, row, status=409, problem=sentence(refusal))
    keep_record(plan, row, form)
    return after_record(plan, kind, form)


def after_record(plan: Plan, kind: str, form: FlaskForm) -> ResponseReturnValue:
    """Back to all of them, or on to the next; of two alike only the date and lot are typed anew."""
    go = request.form.get("go")
    if go == "another":
        return redirect(url_for(".new_record", plan_id=plan.id, kind=kind), 303)
    if go == "twin" and kind == "kit":
        form.expires.data = form.lot.data = ""
        twin = register_of(kind).blank(draft_of(plan))
        keep_record(plan, twin, form, is_new=True)
        return redirect(url_for(".edit_record", plan_id=plan.id, kind=kind, record_id=twin.id), 303)
    return redirect(url_for(".show", plan_id=plan.id, part=kind), 303)


@bp.post("/<kind>/<uuid:record_id>/removals")
@allowed("plan.edit", Plan)
def remove_record(plan: Plan, kind: str, record_id: UUID) -> ResponseReturnValue:
    row = get_or_404(register_of(kind).scope(draft_of(plan)), record_id)
    with db.atomic():
        if kind == "kit":
            KitUnit.update(ended=clock()).where(KitUnit.id == row.id).execute()
        else:
            row.delete_instance()
        Plan.touch(plan.child_id)
        Audit.note(g.actor, f"{kind}.edit", row.id, child=plan.child_id)
    return redirect(url_for(".show", plan_id=plan.id, part=kind), 303)


def register_of(kind: str) -> Register:
    return REGISTERS.get(kind) or abort(404)


def keep_record(plan: Plan, row: Any, form: FlaskForm, *, is_new: bool = False) -> None:
    for field in fields_of(form):
        if field.name != "unsigned":
            setattr(row, field.name, field.data)
    with db.atomic():
        row.save(force_insert=is_new)
        Plan.touch(plan.child_id)
        kind = "kit" if isinstance(row, KitUnit) else "signatures"
        Audit.note(g.actor, f"{kind}.edit", row.id, child=plan.child_id)


def mark_of(row: Sealed) -> str:
    return digest(json.dumps(row.secrets, sort_keys=True)).hex()[:16]


def record_page(
    plan: Plan, kind: str, form: FlaskForm, row: Any = None, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    more = {"kind": kind, "form": form, "row": row, "problem": problem}
    more |= {"mark": row and mark_of(row), "title": register_of(kind).new}
    back = url_for(".show", plan_id=plan.id, part=kind)
    return render("record.html", plan, draft_of(plan), status, back=back, **more)


def whole(draft: Draft, content: Content) -> dict[str, Any]:
    """What the last page needs: all that was typed, in any language."""
    chosen = request.args.get("lang", code())
    return {
        "language": chosen if chosen in LANGUAGE_NAMES else code(),
        "pages": read_all(content),
        "registers": {kind: register.rows(draft) for kind, register in REGISTERS.items()},
        "steps": steps(draft),
    }
