"""What readers say of a page; nothing tells who."""

import re

import phonenumbers
from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField
from wtforms.validators import ValidationError

import services
from database import DomainError, clock
from offices import Feedback
from views.fields import one_of, some_lines
from views.guards import caller, slow_down
from views.rendering import sentence
from views.words import FOUND, RATINGS

bp = Blueprint("feedback", __name__)

REQUIRED = {"required": True}
MOST = 10  # from one address in an hour
MAIL = re.compile(r"\S@[^\s@]*\.\w")  # looked for in one word at a time: no text makes it slow
DAY = re.compile(r"\b\d{1,2}[./-]\d{1,2}[./-](?:\d\d)?\d\d\b")
DIGITS = re.compile(r"\+?\(?\d(?:[ ./()-]{0,2}\d){8,}")  # as long as a number from anywhere


def nothing_personal(form: FlaskForm, field: Field) -> None:
    """Dates are no numbers, and the services' own numbers and addresses may be spoken of."""
    text = DAY.sub(" ", field.data or "")
    numbers = [found.raw_string for found in phonenumbers.PhoneNumberMatcher(text, "LU")]
    mails = [word for word in text.split() if MAIL.search(word)]
    found = {*numbers, *DIGITS.findall(text), *mails}
    if found and not {_bare(one) for one in found} <= _ours():
        raise ValidationError(
            _l("Take the e-mail address or phone number out of it: nobody could answer there.")
        )


class FeedbackForm(FlaskForm):
    page = HiddenField()
    found = one_of(_l("Did you find what you were looking for? *"), FOUND, render_kw=REQUIRED)
    rating = one_of(_l("How good is this page? *"), RATINGS, render_kw=REQUIRED)
    comment = some_lines(_l("What could be better?"), nothing_personal, length=1000)


@bp.get("/feedback")
def show() -> ResponseReturnValue:
    if "thanks" in request.args:
        return render_template("feedback/thanks.html", spse=services.by_slug("spse")["spse"])
    return page(FeedbackForm(page=request.args.get("page")))


@bp.post("/feedback")
def send() -> ResponseReturnValue:
    form = FeedbackForm()
    if not form.validate_on_submit():
        return page(form, 422)
    try:
        slow_down(f"feedback:{caller()}", MOST)
    except DomainError as refusal:
        return page(form, 429, sentence(refusal))
    Feedback.leave(
        clock(),
        page=known(form.page.data),
        found=form.found.data,
        rating=int(form.rating.data),
        comment=form.comment.data,
    )
    return redirect(url_for(".show", thanks=1), 303)


def page(form: FeedbackForm, status: int = 200, problem: str = "") -> ResponseReturnValue:
    facts = services.by_slug()
    latest = max(service.checked_on for service in facts.values())
    words = render_template(
        "feedback/show.html", form=form, problem=problem, spse=facts["spse"], latest=latest
    )
    return words, status


def known(endpoint: str | None) -> str:
    """A page of ours, else nothing; never one that leaves no trace."""
    is_page = endpoint in current_app.view_functions and not endpoint.startswith("help.")
    return endpoint if is_page else ""


def _ours() -> set[str]:
    rows = services.by_slug().values()
    return {_bare(one) for row in rows for one in (row.phone, row.fax, row.mail) if one}


def _bare(text: str) -> str:
    """An address without case and stops, a number without Luxembourg's prefix and separators."""
    if "@" in text:
        return text.casefold().strip("<>().,;:!?\"'«»")
    return re.sub(r"\D", "", text).removeprefix("00").removeprefix("352")
