"""The known sentences for who checks their translations: five languages beside each other."""

from flask import Blueprint, abort, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

import phrases
import signoffs
from database import clock
from signoffs import SignOff
from views.fields import one_line, required
from views.guards import allowed
from views.rendering import LOCALES, code, page_or_fragment, wants_fragment

bp = Blueprint("phrasebook", __name__, url_prefix="/phrases")

EACH = 20
USES = {
    "": _l("All"),
    "sign": _l("Signs"),
    "step": _l("Steps"),
    "dont": _l("Do not"),
    "cause": _l("Causes"),
    "how": _l("How medicine is given"),
    "day": _l("Every day"),
    "place": _l("Places"),
}
SAID = {"said": phrases.render, "mark": signoffs.mark}
STATES = {"": _l("All"), "draft": _l("Drafts"), "checked": _l("Checked")}


class RoleForm(FlaskForm):
    role = one_line(_l("I am"), required(), length=60)


@bp.get("")
@allowed("phrase.check")
def index() -> ResponseReturnValue:
    asked = filters()
    found = chosen(**asked)
    first = max(request.args.get("from", 0, type=int), 0)
    return page_or_fragment(
        "phrasebook/index.html",
        "phrasebook/_list.html",
        **context(asked["language"]) | asked,
        shown=found[first : first + EACH],
        count=len(found),
        following=first + EACH if first + EACH < len(found) else None,
    )


def filters() -> dict[str, str]:
    language, use, state = (request.args.get(name, "") for name in ("language", "use", "state"))
    return {
        "language": language if language in LOCALES else code(),
        "use": use if use in USES else "",
        "state": state if state in STATES else "",
        "words": request.args.get("words", "").strip()[:80],
    }


def chosen(language: str, use: str, state: str, words: str) -> list[phrases.Phrase]:
    standing = SignOff.standing(language)
    sought = phrases.fold(words)
    return [
        phrase
        for phrase in phrases.catalogue().values()
        if (not use or use in phrase.uses)
        and (not state or (phrase.id in standing) == (state == "checked"))
        and any(sought in phrases.fold(text) for text in phrase.texts.values())
    ]


def context(language: str) -> dict:
    standing = {tag: SignOff.standing(tag) for tag in LOCALES}
    return {"standing": standing, "uses": USES, "states": STATES, "language": language} | SAID


@bp.post("/<phrase>/<language>/sign-offs")
@allowed("phrase.check")
def sign_off(phrase: str, language: str) -> ResponseReturnValue:
    known = phrase_or_404(phrase, language)
    form = RoleForm()
    if not form.validate_on_submit():
        return row(known, language, 422, form.role.errors[0])
    if request.form.get("mark") != signoffs.mark(phrase, language):
        return row(known, language, 409, _("The words have changed meanwhile: read them again."))
    signoffs.sign_off(phrase, language, form.role.data, g.actor, clock())
    return row(known, language)


@bp.post("/<phrase>/<language>/removals")
@allowed("phrase.check")
def take_back(phrase: str, language: str) -> ResponseReturnValue:
    known = phrase_or_404(phrase, language)
    signoffs.take_back(phrase, language, g.actor)
    return row(known, language)


def phrase_or_404(phrase: str, language: str) -> phrases.Phrase:
    if language not in LOCALES:
        abort(404)
    return phrases.catalogue().get(phrase) or abort(404)


def row(
    phrase: phrases.Phrase, language: str, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    """The sentence again; without scripts the list, or this one's page with what is wrong."""
    if status == 200 and not wants_fragment():
        return redirect(url_for(".index", language=language, words=phrase.texts["en"]), 303)
    more = context(language) | {"phrase": phrase, "problem": problem}
    return page_or_fragment("phrasebook/show.html", "phrasebook/_row.html", status, **more)
