"""The front door: what this is, in the reader's language, and the choice of language."""

from flask import Blueprint, g, redirect, render_template, request, session, url_for
from flask.typing import ResponseReturnValue

from models import Person
from views.rendering import LOCALES, safe_next

bp = Blueprint("welcome", __name__)


@bp.get("/")
def show() -> ResponseReturnValue:
    """A signed-in person or an enrolled tablet goes straight to where the work is."""
    if g.actor.device and g.actor.device.is_active and g.actor.device.nursery_id:
        return redirect(url_for("nursery.board"), 303)
    if g.actor.person:
        return redirect(first_page(), 303)
    return render_template("welcome/show.html", chosen=session.get("language"))


@bp.get("/about")
def about() -> ResponseReturnValue:
    return render_template("welcome/about.html")


@bp.post("/language")
def language() -> ResponseReturnValue:
    """Remember the language: on the account of a signed-in person, else in the browser."""
    chosen = request.form.get("language", "")
    if chosen in LOCALES:
        session["language"] = chosen
        if g.actor.person:
            Person.update(language=chosen).where(Person.id == g.actor.person.id).execute()
    return redirect(safe_next(request.form.get("next")) or url_for(".show"), 303)


def first_page() -> str:
    """Parents start at home; who only works in a nursery at its board, a nurse at the desk."""
    if g.actor.is_nurse:
        return url_for("desk.index")
    if g.actor.places and not g.actor.person.guardians.exists():
        return url_for("nursery.board")
    return url_for("children.home")
