"""Info-Santé sessions for everybody, PAI trainings for staff of nurseries: find, join, leave."""

from collections.abc import Mapping
from datetime import date
from itertools import groupby
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    abort,
    flash,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from peewee import ModelSelect
from wtforms import SelectMultipleField
from wtforms.widgets import CheckboxInput, ListWidget

import booking
import deadlines
import services
from database import DomainError, clock, local
from offices import Centre, InfoSession, Registration, SeatState, Service, SessionKind, Wish
from views import calendars
from views.fields import one_line, one_of, options
from views.guards import allowed, get_or_404
from views.rendering import (
    LANGUAGE_NAMES,
    absolute,
    confirmation,
    page_or_fragment,
    sentence,
    wants_fragment,
)
from views.words import ADULTS, TOPICS, TRAINING_TOPICS

bp = Blueprint("info_sante", __name__)

SHOWN = 60
VIDEO = "video"
OTHER = "other"  # the topic for own words


class WishForm(FlaskForm):
    topics = SelectMultipleField(
        _l("Which topics would you come for?"),
        choices=options(TOPICS),
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    words = one_line(_l("In your own words"), length=120)


class JoinForm(FlaskForm):
    adults = one_of(_l("Who comes?"), ADULTS, "1")


# ── the schedule ─────────────────────────────────────────────────────────────────────────────────


@bp.get("/info-sante")
def index() -> ResponseReturnValue:
    return schedule(SessionKind.INFO_SANTE, TOPICS)


@bp.get("/training")
@allowed("training.read")
def trainings() -> ResponseReturnValue:
    return schedule(SessionKind.TRAINING, TRAINING_TOPICS)


def schedule(kind: SessionKind, topics: Mapping[str, Any]) -> Response:
    to_come = InfoSession.visible_to(g.actor).where(
        InfoSession.kind == kind, InfoSession.cancelled.is_null()
    )
    filters = {"topic": numbered(topics), "language": LANGUAGE_NAMES, "place": places(kind)}
    chosen = {name: value for name in filters if (value := request.args.get(name)) in filters[name]}
    after = request.args.get("after", type=UUID)
    found, later = booking.coming(narrowed(to_come, topics, chosen), clock(), SHOWN, after)
    person = g.actor.person
    mine = booking.going(person, kind, clock(), SHOWN) if person else []
    return page_or_fragment(
        "info_sante/index.html",
        "info_sante/_schedule.html",
        kind=kind,
        days=by_day(found),
        later=later,
        filters=filters,
        chosen=chosen,
        mine=mine,
        states={registration.info_session_id: registration.state for registration in mine},
        channels=channels(kind),
    )


def numbered(topics: Mapping[str, Any]) -> dict[str, Any]:
    """Digits in place of the topics: an address says nothing of what somebody looks for."""
    return {str(n): text for n, text in enumerate(topics.values(), 1)}


def places(kind: SessionKind) -> dict[str, Any]:
    used = InfoSession.select(InfoSession.centre).where(
        InfoSession.kind == kind, InfoSession.starts > clock()
    )
    centres = Centre.select().where(Centre.id.in_(used)).order_by(Centre.rank, Centre.name)
    return {**{centre.slug: centre.name for centre in centres}, VIDEO: _("By video")}


def narrowed(
    to_come: ModelSelect, topics: Mapping[str, Any], chosen: Mapping[str, str]
) -> ModelSelect:
    if "topic" in chosen:
        to_come = to_come.where(InfoSession.topic == list(topics)[int(chosen["topic"]) - 1])
    if "language" in chosen:
        to_come = to_come.where(InfoSession.languages.contains(chosen["language"]))
    if chosen.get("place") == VIDEO:
        to_come = to_come.where(InfoSession.link != "")
    elif "place" in chosen:
        here = Centre.select(Centre.id).where(Centre.slug == chosen["place"])
        to_come = to_come.where(InfoSession.centre.in_(here))
    return to_come


def by_day(found: list[InfoSession]) -> list[tuple[date, list[InfoSession]]]:
    days = groupby(found, key=lambda info_session: local(info_session.starts).date())
    return [(day, list(rows)) for day, rows in days]


def channels(kind: SessionKind) -> Service:
    """The service's phone and mail for what cannot be done here, with the day of their check."""
    return services.by_slug(kind)[kind]


@bp.get("/info-sante/wishes")
@allowed("session.join")
def wishes() -> ResponseReturnValue:
    known = Wish.of(g.actor.person_id)
    form = WishForm(topics=[*known], words=known.get(OTHER, ""))
    return wish_page(form)


@bp.post("/info-sante/wishes")
@allowed("session.join")
def wish() -> ResponseReturnValue:
    form = WishForm()
    if not form.validate_on_submit():
        return wish_page(form, 422)
    wished = dict.fromkeys(form.topics.data, "")
    if form.words.data:
        wished[OTHER] = form.words.data
    Wish.keep(g.actor.person, wished, clock())
    flash(_("Thank you. The service plans its sessions by what families wish for."))
    return redirect(url_for(".index"), 303)


def wish_page(form: WishForm, status: int = 200) -> ResponseReturnValue:
    return render_template("info_sante/wishes.html", form=form, counts=Wish.counts()), status


# ── one session ──────────────────────────────────────────────────────────────────────────────────


@bp.get("/info-sante/<uuid:info_session_id>")
def show(info_session_id: UUID) -> ResponseReturnValue:
    is_public = InfoSession.kind == SessionKind.INFO_SANTE
    return page(get_or_404(InfoSession.visible_to(g.actor).where(is_public), info_session_id))


@bp.get("/training/<uuid:info_session_id>")
@allowed("training.read", InfoSession)
def training(info_session: InfoSession) -> ResponseReturnValue:
    return page(info_session) if info_session.kind == SessionKind.TRAINING else abort(404)


@bp.get("/info-sante/<uuid:info_session_id>/calendar.ics")
def calendar(info_session_id: UUID) -> ResponseReturnValue:
    """For anybody who may see the session: when and where say nothing of who goes."""
    takes_place = InfoSession.visible_to(g.actor).where(InfoSession.cancelled.is_null())
    info_session = get_or_404(takes_place, info_session_id)
    file = calendars.appointment(
        str(info_session.id),
        info_session.starts,
        info_session.ends,
        clock(),
        place=calendars.where(info_session.centre, info_session.place),
        url=absolute(address_of(info_session)),
    )
    return calendars.answer(file)


@bp.post("/info-sante/<uuid:info_session_id>/registrations")
@allowed("session.join", InfoSession)
def join(info_session: InfoSession) -> ResponseReturnValue:
    form = join_form(info_session)
    if not form.validate_on_submit():
        return page(info_session, 422, form)
    adults, person = int(form.adults.data), g.actor.person
    try:
        registration = booking.join(info_session, adults, clock(), person=person)
    except DomainError as refused:
        return page(info_session, 409, form, sentence(refused))
    if wants_fragment():
        return page(info_session)
    waits = registration.state == SeatState.WAITING
    flash(_("You are on the waiting list.") if waits else _("You have a seat."))
    return redirect(address_of(info_session), 303)


@bp.post("/registrations/<uuid:registration_id>/seat")
@allowed("session.leave", Registration)
def take(registration: Registration) -> ResponseReturnValue:
    """The seat that was kept."""
    try:
        booking.take_offer(registration, clock())
    except DomainError as refused:
        return page(registration.info_session, 409, problem=sentence(refused))
    flash(_("You have a seat."))
    return redirect(address_of(registration.info_session), 303)


@bp.get("/registrations/<uuid:registration_id>/departure")
@allowed("session.leave", Registration)
def departure(registration: Registration) -> ResponseReturnValue:
    has_seat = registration.state in booking.TAKEN
    return confirmation(
        _("Give up your seat?") if has_seat else _("Leave the waiting list?"),
        _("Who waits is served next. You can join again, at the end of the list."),
        _("Give up the seat") if has_seat else _("Leave the list"),
        back=address_of(registration.info_session),
        nav="sessions",
    )


@bp.post("/registrations/<uuid:registration_id>/departure")
@allowed("session.leave", Registration)
def leave(registration: Registration) -> ResponseReturnValue:
    try:
        booking.leave(registration, clock())
    except DomainError as refused:
        return page(registration.info_session, 409, problem=sentence(refused))
    flash(_("You are no longer on the list."))
    return redirect(address_of(registration.info_session), 303)


def page(
    info_session: InfoSession, status: int = 200, form: JoinForm | None = None, problem: str = ""
) -> Response:
    deadlines.settle_seats(clock())
    info_session = InfoSession.get_by_id(info_session.id)  # seats may have changed meanwhile
    mine = Registration.get_or_none(
        Registration.info_session == info_session,
        Registration.person == g.actor.scope_id,
        Registration.state != SeatState.LEFT,
    )
    waits = mine and mine.state == SeatState.WAITING
    return page_or_fragment(
        "info_sante/show.html",
        "info_sante/_seat.html",
        status,
        info_session=info_session,
        mine=mine,
        place=booking.place_of(mine) if waits else None,
        to_come=info_session.starts > clock() and not info_session.cancelled,
        form=form or join_form(info_session, fresh=True),
        problem=problem,
        channels=channels(info_session.kind),
    )


def join_form(info_session: InfoSession, fresh: bool = False) -> JoinForm:
    form = JoinForm(formdata=None) if fresh else JoinForm()
    if info_session.kind == SessionKind.TRAINING:  # each colleague joins
        form.adults.choices = form.adults.choices[:1]
    return form


def address_of(info_session: InfoSession) -> str:
    endpoint = ".training" if info_session.kind == SessionKind.TRAINING else ".show"
    return url_for(endpoint, info_session_id=info_session.id)
