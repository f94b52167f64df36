"""A guardian's words beside the signed plan: for one day, or on food. The plan itself stays."""

from datetime import timedelta

from flask import Blueprint, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

from database import db, today
from models import Audit, Child
from remarks import Note, NoteKind
from views.fields import one_of, some_lines
from views.guards import allowed

bp = Blueprint("notes", __name__, url_prefix="/children/<uuid:child_id>/notes")

LENGTH = 500
DAYS = {"0": _l("Today"), "1": _l("Tomorrow")}


class NotesForm(FlaskForm):
    day = some_lines(_l("Note of the day"), length=LENGTH)
    ahead = one_of(_l("For which day?"), DAYS, default="0")
    diet = some_lines(_l("On food, without a doctor’s plan"), length=LENGTH)


@bp.get("")
@allowed("note.edit", Child)
def show(child: Child) -> ResponseReturnValue:
    notes = Note.of(child.id, today())
    said = {kind: note.words for kind, note in notes.items()}
    of_day = notes.get(NoteKind.DAY)
    ahead = str((of_day.day - today()).days) if of_day else "0"
    return page(child, NotesForm(data=said | {"ahead": ahead}))


@bp.post("")
@allowed("note.edit", Child)
def save(child: Child) -> ResponseReturnValue:
    form = NotesForm()
    if not form.validate_on_submit():
        return page(child, form, 422)
    by, day = g.actor.person, today() + timedelta(days=int(form.ahead.data))
    with db.atomic():
        Note.leave(child, NoteKind.DAY, form.day.data, day, by)
        Note.leave(child, NoteKind.DIET, form.diet.data, None, by)
        Audit.note(g.actor, "note.edit", child.id, child=child.id)
    flash(_("The crèche sees it with the plan."))
    return redirect(url_for("children.show", child_id=child.id), 303)


def page(child: Child, form: NotesForm, status: int = 200) -> ResponseReturnValue:
    return render_template("notes/show.html", child=child, form=form), status
