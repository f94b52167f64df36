"""Signing up, in and out with a passkey; the account's own page."""

import secrets
from datetime import datetime

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    g,
    jsonify,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField
from wtforms.validators import DataRequired

import jobs
import sealing
import services
from database import DomainError, clock
from models import PROOF as WINDOW
from models import Passkey, Person, SignIn
from views import passkeys
from views.fields import mail_line, one_line, phone_line, required
from views.guards import allowed, caller, cookie_name, slow_down
from views.rendering import code, safe_next, sentence

bp = Blueprint("account", __name__)

TRIES = 30  # challenges an address may ask for in five minutes
ACTS = ("share", "hand-over", "export", "device-approve")  # what a passkey may confirm, each once


class SignUpForm(FlaskForm):
    name = one_line(_l("Your name"), required(), length=80)
    consent = BooleanField(
        _l("I have read how my data are used, and I agree."),
        validators=[DataRequired(message=_l("Without your agreement there is no account."))],
    )


class ReachForm(FlaskForm):
    phone = phone_line(_l("Your phone number"))
    mail = mail_line(_l("Your e-mail address"))
    by_mail = BooleanField(_l("Send me messages and reminders by e-mail too"), default=True)


@bp.get("/sign-in")
def sign_in() -> ResponseReturnValue:
    back = safe_next(request.args.get("next"))
    phone = services.by_slug("info-maman")["info-maman"].phone
    return render_template("account/sign_in.html", next=back, phone=phone)


@bp.post("/sign-in/challenges")
def sign_in_challenge() -> ResponseReturnValue:
    slow_down(f"passkey:{caller()}", TRIES, WINDOW)
    return _json(passkeys.assertion("sign-in"))


@bp.post("/sign-in")
def sign_in_passkey() -> ResponseReturnValue:
    try:
        person = passkeys.sign_in(request.get_data(as_text=True), clock())
    except DomainError as refusal:
        return jsonify(problem=sentence(refusal), code=refusal.code), 422
    return start_session(person, jsonify(next=safe_next(request.args.get("next")) or "/"))


@bp.get("/sign-up")
def sign_up() -> ResponseReturnValue:
    return render_template("account/sign_up.html", form=SignUpForm())


@bp.post("/sign-up/challenges")
def sign_up_challenge() -> ResponseReturnValue:
    slow_down(f"passkey:{caller()}", TRIES, WINDOW)
    form = SignUpForm()
    if not form.validate_on_submit():
        return jsonify(errors=form.errors), 422
    return _json(passkeys.registration(form.name.data, passkeys.new_handle()))


@bp.post("/sign-up")
def sign_up_passkey() -> ResponseReturnValue:
    form = SignUpForm()
    if not form.validate_on_submit():
        return jsonify(errors=form.errors), 422
    try:
        person = passkeys.sign_up(request.form.get("answer", ""), form.name.data, code(), clock())
    except DomainError as refusal:
        return jsonify(problem=sentence(refusal), code=refusal.code), 422
    return start_session(person, jsonify(next=url_for("children.home")))


@bp.post("/sign-out")
def sign_out() -> ResponseReturnValue:
    """Ends the person's session on the server. A tablet's copies are not touched by anybody's."""
    if g.sign_in:
        SignIn.update(ended=clock()).where(SignIn.id == g.sign_in.id).execute()
    response = redirect(url_for("welcome.show"), 303)
    response.delete_cookie(cookie_name("sid"), secure=request.is_secure, httponly=True)
    return response


@bp.get("/account")
@allowed("account.read")
def show() -> ResponseReturnValue:
    by_mail = jobs.MAIL not in g.actor.person.muted
    return account_page(ReachForm(obj=g.actor.person, by_mail=by_mail))


@bp.post("/account")
@allowed("account.edit")
def save() -> ResponseReturnValue:
    """Where answers reach this person. Never a way to sign in."""
    form = ReachForm()
    if not form.validate_on_submit():
        return account_page(form, 422)
    person = g.actor.person
    person.phone, person.mail = form.phone.data, form.mail.data
    others = [channel for channel in person.muted if channel != jobs.MAIL]
    person.muted = others if form.by_mail.data else [*others, jobs.MAIL]
    person.save()
    flash(_("Saved."))
    return redirect(url_for(".show"), 303)


@bp.post("/account/passkeys/challenges")
@allowed("account.passkey")
def passkey_challenge() -> ResponseReturnValue:
    """To add a passkey, or (purpose and subject given) to confirm one very act."""
    slow_down(f"passkey:{caller()}", TRIES, WINDOW)
    person = g.actor.person
    known = [bytes(key.credential) for key in person.passkeys]
    if purpose := request.form.get("purpose"):
        if purpose not in ACTS:
            abort(400)
        return _json(passkeys.assertion(purpose[:60], request.form.get("about", "")[:100], known))
    return _json(passkeys.registration(person.name, bytes(person.handle), known))


@bp.post("/account/passkeys")
@allowed("account.passkey")
def passkey() -> ResponseReturnValue:
    try:
        passkeys.add_passkey(request.form.get("answer", ""), g.actor.person, clock())
    except DomainError as refusal:
        return jsonify(problem=sentence(refusal), code=refusal.code), 422
    flash(_("The new passkey works from now on."))
    return jsonify(next=url_for(".show"))


def account_page(form: ReachForm, status: int = 200) -> ResponseReturnValue:
    keys = list(g.actor.person.passkeys.order_by(Passkey.created))
    agreed = g.actor.person.consented
    moment = datetime.fromisoformat(agreed) if agreed else None
    page = render_template("account/show.html", passkeys=keys, form=form, consented=moment)
    return page, status


def start_session(person: Person, response: Response) -> Response:
    """A fresh server-side session; its cookie holds 256 random bits, the row only their hash."""
    cookie = secrets.token_urlsafe(32)
    SignIn.create(token=sealing.digest(cookie), person=person, last_seen=clock())
    response.set_cookie(
        cookie_name("sid"),
        cookie,
        httponly=True,
        secure=request.is_secure,
        samesite="Lax",
        max_age=int(SignIn.IDLE.total_seconds()),
    )
    return response


def _json(text: str) -> Response:
    return Response(text, mimetype="application/json")
