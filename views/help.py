"""Help for a child in distress: the pages of the ONE. They leave no trace.

No token, no cookie, no audit, no row. The check sends nothing: the page itself shows the answer.
The application comes back as a print and is forgotten; a draft is kept only for who is signed in
and asks for it.
"""

from datetime import date

from flask import Blueprint, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

import services
from database import clock, today
from offices import LetterDraft
from views.applying import ApplicationForm, said
from views.guards import allowed

bp = Blueprint("help", __name__)


@bp.get("/help")
def show() -> ResponseReturnValue:
    return render_template("help/show.html", services=services.by_slug())


@bp.get("/help/application")
def application() -> ResponseReturnValue:
    draft = LetterDraft.of(g.actor)
    answers = dict(draft.answers) if draft else {}
    if born := answers.get("born"):
        answers["born"] = date.fromisoformat(born)
    return _form(ApplicationForm(formdata=None, data=answers))


@bp.post("/help/application")
def letter() -> ResponseReturnValue:
    """The answers as a print, or the form again; nothing of them is kept."""
    form = ApplicationForm()
    if "change" in request.form:
        return _form(form)
    if not form.validate():
        return _form(form, 422)
    facts = services.by_slug()
    return render_template("help/letter.html", form=form, said=said, services=facts, today=today())


@bp.post("/help/application/draft")
@allowed("help.draft")
def keep() -> ResponseReturnValue:
    form = ApplicationForm()
    if not form.can_wait():
        return _form(form, 422)
    LetterDraft.keep(g.actor.person, form.answers(), clock())
    flash(_("The draft is kept. Only you can read it. Nothing was sent."))
    return redirect(url_for(".application"), 303)


@bp.post("/help/application/erasure")
@allowed("help.draft")
def erase() -> ResponseReturnValue:
    LetterDraft.delete().where(LetterDraft.person == g.actor.person).execute()
    flash(_("The draft is erased."))
    return redirect(url_for(".application"), 303)


def _form(form: ApplicationForm, status: int = 200) -> ResponseReturnValue:
    page = render_template(
        "help/application.html",
        form=form,
        draft=LetterDraft.of(g.actor),
        services=services.by_slug(),
    )
    return page, status
