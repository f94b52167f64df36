"""The nurse's desk: the queue of requests, and their answers."""

from datetime import UTC, datetime, time
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import Field
from wtforms.validators import Optional, StopValidation

import booking
from database import DomainError, clock, today
from models import Audit
from offices import CareRequest, RequestKind
from views import asking, queues
from views.fields import a_choice, a_day, needed_if, one_of, options, required, some_lines
from views.guards import allowed
from views.rendering import moment, page_or_fragment, sentence, wants_fragment

bp = Blueprint("desk", __name__, url_prefix="/desk")

OTHER = "other"
HOURS = [f"{half // 2:02}:{half % 2 * 30:02}" for half in range(14, 40)]  # 07:00 to 19:30


def an_hour(form: FlaskForm, field: Field) -> None:
    """One that was offered, perhaps some time ago: whether it is still free is not asked here."""
    try:
        hour = datetime.fromisoformat(field.data or "")
        form.chosen = hour.astimezone(UTC) if hour.tzinfo else None
    except (ValueError, OverflowError):
        form.chosen = None
    if form.chosen and not 2000 <= form.chosen.year <= 2100:  # calendars know no year 10,000
        form.chosen = None
    if form.chosen is None and field.data != OTHER:
        raise StopValidation(_l("Choose one of these."))


class ConfirmationForm(FlaskForm):
    starts = one_of(_l("Confirm a time"), {}, validate_choice=False, validators=[an_hour])
    day = a_day(_l("Day"), needed_if("starts", OTHER), Optional())
    hour = a_choice(_l("Hour"), {hour: hour for hour in HOURS})
    centre = a_choice(_l("Where?"))  # of consultations only
    note = some_lines(_l("Words to the family"), length=600, render_kw={"rows": 2})

    @property
    def moment(self) -> datetime:
        if self.starts.data != OTHER:
            return self.chosen
        return booking.moment_of(self.day.data, time.fromisoformat(self.hour.data))

    @property
    def centre_id(self) -> UUID | None:
        return UUID(self.centre.data) if "centre" in self else None


class RefusalForm(FlaskForm):
    reason = some_lines(
        _l("Your answer to the family"), required(), length=600, render_kw={"rows": 3}
    )


# ── the queue ────────────────────────────────────────────────────────────────────────────────────


@bp.url_defaults
def stay(endpoint: str, values: dict[str, Any]) -> None:
    """Links between these pages keep the filter that was chosen; it is told in digits."""
    for name in ("kind", "mine"):
        if request.args.get(name):
            values.setdefault(name, request.args[name])


@bp.get("")
@allowed("desk.requests")
def index() -> ResponseReturnValue:
    return desk_page(None)


@bp.get("/requests/<uuid:care_request_id>")
@allowed("desk.requests", CareRequest)
def show(care_request: CareRequest) -> ResponseReturnValue:
    return desk_page(care_request)


@bp.post("/requests/<uuid:care_request_id>/claim")
@allowed("desk.requests", CareRequest)
def claim(care_request: CareRequest) -> ResponseReturnValue:
    try:
        seen = request.form.get("seen", type=UUID)
        booking.claim(care_request, g.actor.person, seen, clock())
    except DomainError as refusal:
        return desk_page(care_request, 409, problem=sentence(refusal))
    Audit.note(g.actor, "request.claim", care_request.id)
    return redirect(url_for(".show", care_request_id=care_request.id), 303)


@bp.post("/requests/<uuid:care_request_id>/confirmation")
@allowed("desk.requests", CareRequest)
def confirm(care_request: CareRequest) -> ResponseReturnValue:
    form = placed(ConfirmationForm(), care_request)
    if not form.validate_on_submit():
        return desk_page(care_request, 422, confirmation=form)
    nurse, note, where = g.actor.person, form.note.data, form.centre_id
    try:
        booking.confirm(care_request, nurse, form.moment, note, clock(), centre_id=where)
    except DomainError as refusal:
        return desk_page(care_request, 409, confirmation=form, problem=sentence(refusal))
    Audit.note(g.actor, "request.confirm", care_request.id)
    return next_request(care_request, _("Confirmed: %(when)s.", when=moment(form.moment)))


@bp.post("/requests/<uuid:care_request_id>/refusal")
@allowed("desk.requests", CareRequest)
def refuse(care_request: CareRequest) -> ResponseReturnValue:
    form = RefusalForm()
    if not form.validate_on_submit():
        return desk_page(care_request, 422, refusal=form)
    try:
        booking.decline(care_request, g.actor.person, form.reason.data, clock())
    except DomainError as refused:
        return desk_page(care_request, 409, refusal=form, problem=sentence(refused))
    Audit.note(g.actor, "request.decline", care_request.id)
    return next_request(care_request, _("Answered."))


@bp.post("/requests/<uuid:care_request_id>/cancellation")
@allowed("desk.requests", CareRequest)
def cancel(care_request: CareRequest) -> ResponseReturnValue:
    """The family called to say so: who has no account cannot do it alone."""
    try:
        booking.cancel(care_request, g.actor.person, clock())
    except DomainError as refusal:
        return desk_page(care_request, 409, problem=sentence(refusal))
    Audit.note(g.actor, "request.cancel", care_request.id)
    return next_request(care_request, _("Taken back; the time is free again."))


# ── for a family without an account ──────────────────────────────────────────────────────────────


@bp.get("/requests/new")
@allowed("desk.requests")
def new() -> ResponseReturnValue:
    kind = asking.KINDS.get(request.args.get("kind", ""))
    return entry_page(kind, kind and asking.form_for(kind, clock(), None))


@bp.post("/requests/new")
@allowed("desk.requests")
def enter() -> ResponseReturnValue:
    kind = asking.KINDS.get(request.args.get("kind", ""))
    if kind is None:
        return redirect(url_for(".new"), 303)
    form = asking.form_for(kind, clock(), None)
    if not form.validate_on_submit():
        return entry_page(kind, form, 422)
    made = booking.ask(kind, form.facts(()), form.language.data, clock(), entered_by=g.actor.person)
    Audit.note(g.actor, "request.enter", made.id)
    flash(_("The request is in the queue."))
    return redirect(url_for(".show", care_request_id=made.id, kind=None), 303)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def entry_page(
    kind: RequestKind | None, form: asking.AskForm | None, status: int = 200
) -> ResponseReturnValue:
    page = render_template("desk/new.html", kind=kind, form=form, digits=asking.DIGITS)
    return page, status


def next_request(answered: CareRequest, said: str) -> Response:
    """The one behind it opens in its place, by the same redirect for htmx and without."""
    flash(said)
    waiting = queues.chosen(g.actor.person, *chosen())
    following = queues.following(waiting, answered.id)
    if following is None:
        return redirect(url_for(".index"), 303)
    return redirect(url_for(".show", care_request_id=following.id), 303)


def chosen() -> tuple[str | None, bool]:
    """The filter: a kind, and whether only the nurse's own."""
    return asking.KINDS.get(request.args.get("kind", "")), "mine" in request.args


def desk_page(
    care_request: CareRequest | None,
    status: int = 200,
    confirmation: ConfirmationForm | None = None,
    refusal: RefusalForm | None = None,
    problem: str = "",
) -> Response:
    now, nurse = clock(), g.actor.person
    kind, is_mine = chosen()
    if care_request and status == 409:
        care_request = CareRequest.get_by_id(care_request.id)  # as it is now
    page = page_or_fragment(
        "desk/index.html",
        "desk/_desk.html",
        status,
        queue=queues.queue(nurse, now, kind, is_mine, request.args.get("after", type=UUID)),
        care_request=care_request,
        confirmation=care_request and confirmation_form(care_request, confirmation),
        refusal=refusal or RefusalForm(formdata=None),
        problem=problem,
        kind=kind,
        is_mine=is_mine,
        now=now,
        late=queues.LONG,
        today=today(),
        asking=asking,
        is_part=wants_fragment(),
    )
    # An address that can be opened anew, whatever act led here.
    here = url_for(".show", care_request_id=care_request.id) if care_request else url_for(".index")
    page.headers["HX-Push-Url"] = here
    return page


def confirmation_form(care_request: CareRequest, sent: ConfirmationForm | None) -> ConfirmationForm:
    """The first half hours that suit both; the very first is chosen already."""
    offered, suit = booking.offers(care_request, g.actor.person, clock())
    times = {hour.isoformat(): asking.short(hour) for hour in offered}
    wished = str(care_request.centre_id or "")
    fresh = ConfirmationForm(formdata=None, hour="09:00", centre=wished)
    form = sent or placed(fresh, care_request)
    form.starts.choices = options({**times, OTHER: _("Another time")})
    if not suit:
        form.starts.description = _(
            "Nothing is free at the times that suit: call the family first."
        )
    elif form.starts.data not in {*times, OTHER}:
        form.starts.data = next(iter(times))
    return form


def placed(form: ConfirmationForm, care_request: CareRequest) -> ConfirmationForm:
    """With the centres to choose from, where the family comes to one."""
    if care_request.kind == RequestKind.CNJE:
        form.centre.choices = options(asking.centres())
    else:
        del form.centre
    return form
