"""Sessions as the desk makes and changes them, and who comes."""

import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    current_app,
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
from flask_babel import ngettext
from flask_wtf import FlaskForm
from wtforms import Field, HiddenField, SelectMultipleField, StringField
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput, ListWidget

import agenda
import booking
import deadlines
from database import DomainError, clock, local
from models import Audit
from offices import InfoSession, Registration, SeatState, SessionKind, Wish
from views import asking, video
from views.fields import (
    a_choice,
    a_day,
    as_id,
    is_hour,
    is_secure,
    one_line,
    one_of,
    options,
    phone_line,
    required,
    shown_texts,
    some_lines,
    tidy,
    typed_texts,
)
from views.guards import allowed
from views.rendering import (
    LANGUAGE_NAMES,
    code,
    confirmation,
    page_or_fragment,
    sentence,
    wants_fragment,
)
from views.words import ADULTS, TOPICS, TRAINING_TOPICS

bp = Blueprint("desk_sessions", __name__, url_prefix="/desk/info-sante")

SHOWN = 60
SOON = timedelta(days=3)  # then the desk is asked about a session that too few want
WORDS = 100  # wishes in somebody's own words, shown at once
MOST_SEATS = 500
OTHER = "other"  # the topic for own words
KINDS = {
    SessionKind.INFO_SANTE: _l("Info-Santé session"),
    SessionKind.TRAINING: _l("PAI training"),
}

WHICH = {"first": _l("The first, summer time"), "second": _l("The second, winter time")}


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


def hour_line(label: Any) -> StringField:
    """Without a length: the browser's own field for hours knows none."""
    return StringField(label, filters=[tidy], validators=[required(), an_hour])


def an_hour(form: FlaskForm, field: StringField) -> None:
    if not is_hour(field.data):
        raise ValidationError(_l("An hour and its minutes, for example 14:30"))


class SessionForm(FlaskForm):
    topic = a_choice(_l("Topic"))
    languages = SelectMultipleField(
        _l("Languages spoken there"),
        choices=options(LANGUAGE_NAMES),
        widget=ListWidget(),
        option_widget=CheckboxInput(),
    )
    day = a_day(_l("Day"), required())
    begins = hour_line(_l("Begins at"))
    until = hour_line(_l("Ends at"))
    centre = a_choice(_l("Centre"))
    place = one_line(_l("Another place, or the room"), length=120)
    link = one_line(_l("Video link"), length=250)
    seats = one_line(_l("Seats"), required(), length=3)
    least = one_line(_l("It takes place from"), length=3, default="0")
    which = one_of(_l("Which of the two?"), WHICH, validate_choice=False)
    mark = HiddenField()
    asks_which = False  # only of an hour that comes twice
    by_video = False  # a training: nobody needs to say where

    def validate_languages(self, field: Field) -> None:
        if not field.data:
            raise ValidationError(_l("Choose one language at least."))

    def validate_link(self, field: Field) -> None:
        if not is_secure(field.data):
            raise ValidationError(_l("A link begins with https:// and has no spaces."))
        if not video.is_ours(field.data):
            host = current_app.config["VIDEO_HOST"]
            raise ValidationError(_l("A video link begins with https://%(host)s/", host=host))

    def validate_seats(self, field: Field) -> None:
        if not re.fullmatch(r"[0-9]{1,3}", field.data) or not 1 <= int(field.data) <= MOST_SEATS:
            raise ValidationError(_l("A number from 1 to %(most)s", most=MOST_SEATS))

    def validate_least(self, field: Field) -> None:
        if not re.fullmatch(r"[0-9]{0,3}", field.data):
            raise ValidationError(_l("A number from 0 to the number of seats"))

    def validate(self, *args: Any, **more: Any) -> bool:
        found = [] if not super().validate(*args, **more) else list(self._across())
        for field, said in found:
            field.errors = [*field.errors, said]
        return not self.errors

    def _across(self) -> Iterator[tuple[Field, Any]]:
        """What is wrong between fields that are right, each by itself."""
        texts = [(self[f"title_{tag}"], self[f"about_{tag}"]) for tag in LANGUAGE_NAMES]
        if not any(title.data for title, _about in texts):
            yield self[f"title_{code()}"], _l("Write the title in one language at least.")
        for title, about in texts:
            if about.data and not title.data:
                yield title, _l("Fill this in.")
        if not (self.by_video or self.centre.data or self.place.data or self.link.data):
            yield self.centre, _l("Say where: a centre, another place, or a video link.")
        if int(self.least.data or 0) > int(self.seats.data):
            yield self.least, _l("A number from 0 to the number of seats")
        yield from self._hours()

    def _hours(self) -> Iterator[tuple[Field, Any]]:
        for field in (self.begins, self.until):
            found = agenda.moments_of(self.day.data, time.fromisoformat(field.data))
            if not found:
                yield field, _l("The clocks change on this day: this hour does not exist.")
                return
            if len(found) > 1 and not self.which.data:
                self.asks_which = True
                yield self.which, _l("The clocks go back on this day: this hour comes twice.")
                return
        if self.moment(self.until) <= self.moment(self.begins):
            yield self.until, _l("The end is not after the beginning.")
        if self.moment(self.begins) <= clock():
            yield self.day, _l("This time has passed. Choose another.")

    def moment(self, field: Field) -> datetime | None:
        later = self.which.data == "second"
        return booking.moment_of(self.day.data, time.fromisoformat(field.data), later)

    def facts(self) -> dict[str, Any]:
        """Columns of InfoSession by name."""
        return {
            "topic": self.topic.data,
            "texts": typed_texts(self, "title", "about"),
            "languages": ",".join(self.languages.data),
            "centre_id": as_id(self.centre.data),
            "place": self.place.data,
            "link": self.link.data,
            "starts": self.moment(self.begins),
            "ends": self.moment(self.until),
            "seats": int(self.seats.data),
            "least": int(self.least.data or 0),
        }


for _tag, _name in LANGUAGE_NAMES.items():
    _title = one_line(_l("Title (%(language)s)", language=_name), length=120)
    setattr(SessionForm, f"title_{_tag}", _title)
    _about = some_lines(_l("What it is about (%(language)s)", language=_name))
    setattr(SessionForm, f"about_{_tag}", _about)


class MessageForm(FlaskForm):
    words = some_lines(_l("Your message"), required(), length=600, render_kw={"rows": 3})


class SeatForm(FlaskForm):
    name = one_line(_l("Name"), required(), length=80)
    phone = phone_line(_l("Phone"), required())
    adults = one_of(_l("Who comes?"), ADULTS, "1")


# ── sessions ─────────────────────────────────────────────────────────────────────────────────────


@bp.get("")
@allowed("desk.sessions")
def index() -> ResponseReturnValue:
    after = request.args.get("after", type=UUID)
    deadlines.settle_seats(clock())
    found, later = booking.coming(InfoSession.visible_to(g.actor), clock(), SHOWN, after)
    return render_template(
        "desk_sessions/index.html",
        found=found,
        later=later,
        kinds=KINDS,
        wishes=Wish.counts(),
        own_words=own_words(),
    )


@bp.get("/new")
@allowed("desk.sessions")
def new() -> ResponseReturnValue:
    return form_page(session_form(kind_wanted()), kind_wanted())


@bp.post("")
@allowed("desk.sessions")
def create() -> ResponseReturnValue:
    form = session_form(kind_wanted())
    if not form.validate_on_submit():
        return form_page(form, kind_wanted(), 422)
    made = booking.add_session(kind_wanted(), g.actor.person, form.facts(), clock())
    flash(_("The session is in the schedule now."))
    return redirect(url_for(".show", info_session_id=made.id), 303)


@bp.get("/<uuid:info_session_id>")
@allowed("desk.sessions", InfoSession)
def show(info_session: InfoSession) -> ResponseReturnValue:
    deadlines.settle_seats(clock())
    return page(info_session)


@bp.get("/<uuid:info_session_id>/edit")
@allowed("desk.sessions", InfoSession)
def edit(info_session: InfoSession) -> ResponseReturnValue:
    return form_page(session_form(info_session.kind, info_session), info_session=info_session)


@bp.post("/<uuid:info_session_id>/edit")
@allowed("desk.sessions", InfoSession)
def save(info_session: InfoSession) -> ResponseReturnValue:
    form = session_form(info_session.kind)
    if not form.validate_on_submit():
        return form_page(form, status=422, info_session=info_session)
    try:
        booking.change_session(info_session, form.mark.data, form.facts(), clock())
    except DomainError as refused:
        problem = sentence(refused)
        return form_page(form, status=409, info_session=info_session, problem=problem)
    flash(_("Saved."))
    return redirect(url_for(".show", info_session_id=info_session.id), 303)


@bp.get("/<uuid:info_session_id>/cancellation")
@allowed("desk.sessions", InfoSession)
def cancellation(info_session: InfoSession) -> ResponseReturnValue:
    return confirmation(
        _("Cancel this session?"),
        _("Everybody on the list gets a message. Call those without an account."),
        _("Yes, cancel the session"),
        back=url_for(".show", info_session_id=info_session.id),
        nav="sessions",
    )


@bp.post("/<uuid:info_session_id>/cancellation")
@allowed("desk.sessions", InfoSession)
def cancel(info_session: InfoSession) -> ResponseReturnValue:
    try:
        booking.cancel_session(info_session, clock())
    except DomainError as refused:
        return page(info_session, 409, problem=sentence(refused))
    flash(_("The session is cancelled, and those with an account are told."))
    return redirect(url_for(".show", info_session_id=info_session.id), 303)


# ── who comes ────────────────────────────────────────────────────────────────────────────────────


@bp.post("/<uuid:info_session_id>/registrations")
@allowed("desk.sessions", InfoSession)
def register(info_session: InfoSession) -> ResponseReturnValue:
    """For a family without an account, by phone or letter."""
    form = SeatForm()
    if not form.validate_on_submit():
        return page(info_session, 422, form)
    adults, name, phone = int(form.adults.data), form.name.data, form.phone.data
    try:
        entered = booking.join(info_session, adults, clock(), name=name, phone=phone)
    except DomainError as refused:
        return page(info_session, 409, form, sentence(refused))
    if wants_fragment():
        return page(info_session)
    waits = entered.state == SeatState.WAITING
    flash(_("Entered on the waiting list.") if waits else _("Entered, with a seat."))
    return redirect(url_for(".show", info_session_id=info_session.id), 303)


@bp.get("/registrations/<uuid:registration_id>/departure")
@allowed("desk.sessions", Registration)
def departure(registration: Registration) -> ResponseReturnValue:
    return confirmation(
        _("Take %(name)s off the list?", name=name_of(registration)),
        _("Who waits is served next, and gets a message."),
        _("Yes, take off the list"),
        back=url_for(".show", info_session_id=registration.info_session_id),
        nav="sessions",
    )


@bp.post("/registrations/<uuid:registration_id>/departure")
@allowed("desk.sessions", Registration)
def take_off(registration: Registration) -> ResponseReturnValue:
    try:
        booking.leave(registration, clock(), tell=True)
    except DomainError as refused:
        return page(registration.info_session, 409, problem=sentence(refused))
    flash(_("Taken off the list."))
    return redirect(url_for(".show", info_session_id=registration.info_session_id), 303)


@bp.post("/registrations/<uuid:registration_id>/attendance")
@allowed("desk.sessions", Registration)
def mark(registration: Registration) -> ResponseReturnValue:
    said = {"yes": True, "no": False}.get(request.form.get("attended", ""))
    registration.mark(said)
    Audit.note(g.actor, "session.attendance", registration.id)
    if wants_fragment():
        return page(registration.info_session)
    return redirect(url_for(".show", info_session_id=registration.info_session_id), 303)


@bp.post("/<uuid:info_session_id>/message")
@allowed("desk.sessions", InfoSession)
def say(info_session: InfoSession) -> ResponseReturnValue:
    form = MessageForm()
    if not form.validate_on_submit():
        return page(info_session, 422, message=form)
    count = booking.say(info_session, form.words.data, clock())
    flash(ngettext("%(num)d family is told.", "%(num)d families are told.", count))
    return redirect(url_for(".show", info_session_id=info_session.id), 303)


# ── pages and forms ──────────────────────────────────────────────────────────────────────────────


def page(
    info_session: InfoSession,
    status: int = 200,
    form: SeatForm | None = None,
    problem: str = "",
    message: MessageForm | None = None,
) -> Response:
    registrations = booking.who_comes(info_session)
    return page_or_fragment(
        "desk_sessions/show.html",
        "desk_sessions/_list.html",
        status,
        info_session=InfoSession.get_by_id(info_session.id),  # seats may have changed meanwhile
        seated=[row for row in registrations if row.state in booking.TAKEN],
        waiting=[row for row in registrations if row.state == SeatState.WAITING],
        to_come=info_session.starts > clock(),
        is_soon=info_session.starts < clock() + SOON,
        message=message or MessageForm(formdata=None),
        form=form or SeatForm(formdata=None),
        problem=problem,
        kinds=KINDS,
        name_of=name_of,
    )


def own_words() -> list[str]:
    """Topics that families wish for in words of their own, the newest first."""
    rows = Wish.select().where(Wish.topic == OTHER).order_by(Wish.created.desc(), Wish.id)
    return [wish.words for wish in Wish.open_all(rows.limit(WORDS)) if wish.words]


def form_page(
    form: SessionForm,
    kind: str = "",
    status: int = 200,
    info_session: InfoSession | None = None,
    problem: str = "",
) -> ResponseReturnValue:
    return (
        render_template(
            "desk_sessions/edit.html",
            form=form,
            kind=kind or info_session.kind,
            info_session=info_session,
            problem=problem,
            kinds=KINDS,
        ),
        status,
    )


def kind_wanted() -> SessionKind:
    wanted = request.args.get("kind")
    return SessionKind.TRAINING if wanted == SessionKind.TRAINING else SessionKind.INFO_SANTE


def session_form(kind: str, info_session: InfoSession | None = None) -> SessionForm:
    form = SessionForm(data=standing(info_session) if info_session else None)
    form.by_video = kind == SessionKind.TRAINING
    form.topic.choices = options(TRAINING_TOPICS if form.by_video else TOPICS)
    form.centre.choices = options({"": _("None of these"), **asking.centres()})
    return form


def standing(info_session: InfoSession) -> dict[str, Any]:
    """A session as its form shows it; saved only if it is still the same then."""
    starts, ends = local(info_session.starts), local(info_session.ends)
    return shown_texts(info_session.texts) | {
        "topic": info_session.topic,
        "languages": info_session.languages.split(","),
        "day": starts.date(),
        "begins": f"{starts:%H:%M}",
        "until": f"{ends:%H:%M}",
        "centre": str(info_session.centre_id or ""),
        "place": info_session.place,
        "link": info_session.link,
        "seats": str(info_session.seats),
        "least": str(info_session.least),
        "which": which_of(info_session),
        "mark": booking.mark(info_session),
    }


def which_of(info_session: InfoSession) -> str:
    """Of an hour that comes twice, which one the session begins at."""
    starts = local(info_session.starts)
    both = agenda.moments_of(starts.date(), starts.time())
    return list(WHICH)[both.index(info_session.starts)] if len(both) > 1 else ""


def name_of(registration: Registration) -> str:
    return registration.person.name if registration.person_id else registration.name
