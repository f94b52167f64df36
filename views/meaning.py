"""A known sentence that means the same as a doctor's line: a person chooses it, the words stay."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from flask import Blueprint, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

import phrases
import plan as document
import suggesting
from database import DomainError, db
from models import Draft, Plan
from plan import Content, Line
from views.guards import allowed
from views.lines import LINE_LIMIT, Known
from views.paper import address_of
from views.rendering import sentence

bp = Blueprint("meaning", __name__, url_prefix="/plans/<uuid:plan_id>/edit")


@dataclass(frozen=True)
class Stretch:
    """Words of the line that no sentence covers yet, and the sentences near them."""

    start: int
    end: int
    words: str
    known: list[Known]
    ticked: tuple[str, ...] = ()
    look: str = ""  # what was searched for instead


@bp.get("/lines/<path>/<int:n>/meanings")
@allowed("plan.edit", Plan)
def show(plan: Plan, path: str, n: int) -> ResponseReturnValue:
    draft = Draft.get_or_none(Draft.plan == plan) or document.new_draft(plan, g.actor.person)
    return page(plan, document.content_of(draft), path, n)


@bp.post("/lines/<path>/<int:n>/meanings")
@allowed("plan.edit", Plan)
def choose(plan: Plan, path: str, n: int) -> ResponseReturnValue:
    if request.form.get("go") == "look":
        content = document.content_of(document.draft_of(plan, g.actor.person))
        return page(plan, content, path, n)

    def chosen(line: Line) -> Line:
        span = request.form.get("start", -1, type=int), request.form.get("end", -1, type=int)
        posted = [Known.posted(one, request.form, line.lang) for one in ticked()]
        sentences = [(known.phrase, known.params) for known in posted]
        use = document.use_of(path.rpartition(".")[2])
        return replace(line, parts=suggesting.attach(line.parts, span, sentences, line.lang, use))

    return changed(plan, path, n, chosen)


@bp.post("/lines/<path>/<int:n>/meanings/removals")
@allowed("plan.edit", Plan)
def drop(plan: Plan, path: str, n: int) -> ResponseReturnValue:
    return changed(plan, path, n, lambda line: replace(line, parts=suggesting.detach(line.parts)))


def changed(plan: Plan, path: str, n: int, work: Callable[[Line], Line]) -> ResponseReturnValue:
    """The page again, since a line may hold more than one sentence; with what is wrong, if so."""
    with db.atomic():
        draft = document.draft_of(plan, g.actor.person)
        content = document.content_of(draft)
        line_at(content, path, n)
        if request.form.get("mark") != document.mark(content, path):
            return page(plan, content, path, n, "draft-changed-meanwhile", 409)
        lines = list(document.lines_at(content, path))
        try:
            lines[n] = work(lines[n])
        except DomainError as refusal:
            return page(plan, content, path, n, refusal.code, 422)
        content = document.with_lines(content, path, tuple(lines))
        document.revise(draft, draft.revision, content, g.actor.person)
    flash(_("Saved. The doctor’s words stay as they are."))
    return redirect(url_for(".show", plan_id=plan.id, path=path, n=n), 303)


def ticked() -> tuple[str, ...]:
    known = phrases.catalogue()
    return tuple(one for one in request.form.getlist("sentence") if one in known)


def line_at(content: Content, path: str, n: int) -> Line:
    try:
        lines = document.lines_at(content, path)
    except DomainError:
        abort(404)
    if n >= len(lines) or lines[n].lang not in phrases.LANGUAGES:
        abort(404)
    return lines[n]


def page(
    plan: Plan, content: Content, path: str, n: int, problem: str = "", status: int = 200
) -> ResponseReturnValue:
    line = line_at(content, path, n)
    return render_template(
        "meaning/show.html",
        plan=plan,
        path=path,
        n=n,
        line=line,
        mark=document.mark(content, path),
        stretches=list(stretches_of(line, document.use_of(path.rpartition(".")[2]))),
        meant=[Known(part.phrase, dict(part.params), line.lang).said("") for part in line.meant],
        problem=problem and sentence(DomainError(problem)),
        back=url_for("editing.show", plan_id=plan.id, part=address_of(path)),
    ), status


def stretches_of(line: Line, use: str) -> Iterator[Stretch]:
    """Of what is not known: each clause and, where there are several, all of it."""
    at = 0
    for part in line.parts:
        if not part.phrase:
            spans = suggesting.clauses(part.text)
            whole = [(0, len(part.text))] if len(spans) > 1 else []
            for start, end in (*spans, *whole):
                yield stretch(line, at + start, at + end, use)
        at += len(part.text)


def stretch(line: Line, start: int, end: int, use: str) -> Stretch:
    words = line.text[start:end]
    here = (str(start), str(end)) == (request.form.get("start"), request.form.get("end"))
    look = request.form.get("look", "")[:LINE_LIMIT] if here else ""
    names = suggesting.suggest(look or words, line.lang, use)
    if here and ticked():
        names = dict.fromkeys((*ticked(), *names))
        rows = [Known.posted(name, request.form, line.lang) for name in names]
        return Stretch(start, end, words, rows, ticked(), look)
    rows = [Known.guessed(name, words, line.lang) for name in names]
    return Stretch(start, end, words, rows, (), look)
