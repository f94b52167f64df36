"""The nurse's desk: the queue of requests, and their answers."""

from collections.abc import Callable
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
import deadlines
import services
from agenda import Free
from database import DomainError, clock, today
from models import Audit
from offices import CareRequest, RequestKind, RequestStatus
from views import asking, queues, video
from views.fields import a_choice, a_day, needed_if, one_of, options, required, some_lines
from views.guards import allowed
from views.rendering import moment, page_or_fragment, sentence, wants_fragment
from views.words import NOTE_SENTENCES as SENTENCES

bp = Blueprint("desk", __name__, url_prefix="/desk")

OTHER = "other"
HELD = "held"  # names the fields of a proposal apart from those of a confirmation
HOURS = [f"{half // 2:02}:{half % 2 * 30:02}" for half in range(14, 40)]  # 07:00 to 19:30


def an_hour(form: FlaskForm, field: Field) -> None:
    """One that was offered, perhaps some time ago: whether it is still free is not asked here."""
    form.chosen = hour_of(field.data or "")
    if form.chosen is None and field.data != OTHER:
        raise StopValidation(_l("Choose one of these."))


def hour_of(text: str) -> datetime | None:
    try:
        hour = datetime.fromisoformat(text)
        moment = hour.astimezone(UTC) if hour.tzinfo else None
    except (ValueError, OverflowError):
        return None
    # Calendars know no year 10,000.
    return moment if moment and 2000 <= moment.year <= 2100 else None


class AnswerForm(FlaskForm):
    """What every answer with a time has."""

    day = a_day(_l("Day"), needed_if("starts", OTHER), Optional())
    hour = a_choice(_l("Hour"), {hour: hour for hour in HOURS}, default="09:00")
    centre = a_choice(_l("Where?"))  # of consultations only
    said = asking.Ticks(_l("Sentences in the family’s language"), choices=options(SENTENCES))
    note = some_lines(_l("Words to the family"), length=600, render_kw={"rows": 2})

    @property
    def typed(self) -> datetime:
        return booking.moment_of(self.day.data, time.fromisoformat(self.hour.data))

    @property
    def answer(self) -> dict[str, Any]:
        centre_id = UUID(self.centre.data) if "centre" in self else None
        return {"note": self.note.data, "said": self.said.data, "centre_id": centre_id}


class ConfirmationForm(AnswerForm):
    starts = one_of(_l("Confirm a time"), {}, validate_choice=False, validators=[an_hour])

    @property
    def moment(self) -> datetime:
        return self.typed if self.starts.data == OTHER else self.chosen


class ProposalForm(AnswerForm):
    """Up to three of the free times, or one that is typed among them."""

    day = a_day(_l("Or another day"))
    times = asking.Ticks(_l("Times to choose from"), validate_choice=False)

    def validate_times(self, field: Field) -> None:
        self.moments = [hour_of(text) for text in field.data]
        if None in self.moments:
            raise StopValidation(_l("Choose one of these."))
        if not self.moments and not self.day.data:
            raise StopValidation(_l("Choose one, two or three times."))

    @property
    def chosen(self) -> list[datetime]:
        return sorted({*self.moments, *([self.typed] if self.day.data else [])})


class RefusalForm(FlaskForm):
    reason = some_lines(
        _l("Your answer to the family"), required(), length=600, render_kw={"rows": 3}
    )


# ── the queue ────────────────────────────────────────────────────────────────────────────────────


@bp.url_defaults
def stay(endpoint: str, values: dict[str, Any]) -> None:
    """Links between these pages keep the filter that was chosen; a kind is told in digits."""
    for name in ("kind", "mine", "language", "centre"):
        if request.args.get(name):
            values.setdefault(name, request.args[name])


@bp.get("")
@allowed("desk.requests")
def index() -> ResponseReturnValue:
    deadlines.settle(clock())
    return desk_page(None)


@bp.get("/news")
@allowed("desk.requests")
def news() -> ResponseReturnValue:
    """The queue as it is now, asked for again and again by a page that stays open."""
    if not wants_fragment():
        return redirect(url_for(".index"), 303)
    here = request.args.get("here", type=UUID)
    facts = queue_facts() | {"here": here, "is_news": True}
    return render_template("desk/_queue.html", **facts)


@bp.get("/requests/<uuid:care_request_id>")
@allowed("desk.requests", CareRequest)
def show(care_request: CareRequest) -> ResponseReturnValue:
    deadlines.settle(clock())
    booking.note_opening(care_request, g.actor.person, clock())
    return desk_page(CareRequest.get_by_id(care_request.id))


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


# ── answers ──────────────────────────────────────────────────────────────────────────────────────


@bp.post("/requests/<uuid:care_request_id>/confirmation")
@allowed("desk.requests", CareRequest)
def confirm(care_request: CareRequest) -> ResponseReturnValue:
    return give_hour(care_request, booking.confirm, "request.confirm")


@bp.post("/requests/<uuid:care_request_id>/move")
@allowed("desk.requests", CareRequest)
def move(care_request: CareRequest) -> ResponseReturnValue:
    """To another hour than the one that this page showed."""
    care_request.starts = hour_of(request.form.get("seen", ""))
    return give_hour(care_request, booking.move, "request.move")


def give_hour(care_request: CareRequest, give: Callable, act: str) -> ResponseReturnValue:
    form = placed(ConfirmationForm(), care_request)
    if not form.validate_on_submit():
        return desk_page(care_request, 422, confirmation=form)
    try:
        give(care_request, g.actor.person, form.moment, now=clock(), **form.answer)
    except DomainError as refusal:
        return desk_page(care_request, 409, confirmation=form, problem=sentence(refusal))
    Audit.note(g.actor, act, care_request.id)
    return next_request(care_request, _("Confirmed: %(when)s.", when=moment(form.moment)))


@bp.post("/requests/<uuid:care_request_id>/proposal")
@allowed("desk.requests", CareRequest)
def propose(care_request: CareRequest) -> ResponseReturnValue:
    form = placed(ProposalForm(prefix=HELD), care_request)
    if not form.validate_on_submit():
        return desk_page(care_request, 422, proposal=form)
    try:
        booking.propose(care_request, g.actor.person, form.chosen, now=clock(), **form.answer)
    except DomainError as refusal:
        return desk_page(care_request, 409, proposal=form, problem=sentence(refusal))
    Audit.note(g.actor, "request.propose", care_request.id)
    return next_request(care_request, _("Proposed. The times are held for the family."))


@bp.post("/requests/<uuid:care_request_id>/choice")
@allowed("desk.requests", CareRequest)
def choose(care_request: CareRequest) -> ResponseReturnValue:
    """The family said on the phone which of the times it takes."""
    wanted = request.form.get("slot", type=UUID)
    given = care_request, wanted, g.actor.person
    return act(care_request, "request.choose", booking.choose, *given)


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


@bp.post("/requests/<uuid:care_request_id>/another-time")
@allowed("desk.requests", CareRequest)
def reopen(care_request: CareRequest) -> ResponseReturnValue:
    """The times are free again, and the request is answered anew."""
    return act(care_request, "request.reopen", booking.reopen, care_request, g.actor.person)


@bp.post("/requests/<uuid:care_request_id>/end")
@allowed("desk.requests", CareRequest)
def finish(care_request: CareRequest) -> ResponseReturnValue:
    came = request.form.get("came") == "yes"
    return act(care_request, "request.end", booking.finish, care_request, g.actor.person, came)


@bp.post("/requests/<uuid:care_request_id>/follow-up")
@allowed("desk.requests", CareRequest)
def follow_up(care_request: CareRequest) -> ResponseReturnValue:
    made = booking.follow_up(care_request, g.actor.person, clock())
    Audit.note(g.actor, "request.follow-up", made.id)
    return redirect(url_for(".show", care_request_id=made.id), 303)


def act(care_request: CareRequest, name: str, verb: Callable, *given: Any) -> ResponseReturnValue:
    """Where nothing is typed: done, and the request as it is then; or refused with a sentence."""
    try:
        verb(*given, clock())
    except DomainError as refusal:
        return desk_page(care_request, 409, problem=sentence(refusal))
    Audit.note(g.actor, name, care_request.id)
    return redirect(url_for(".show", care_request_id=care_request.id), 303)


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
    waiting = queues.chosen(g.actor.person, chosen())
    following = queues.following(waiting, answered.id)
    if following is None:
        return redirect(url_for(".index"), 303)
    return redirect(url_for(".show", care_request_id=following.id), 303)


def chosen() -> queues.Chosen:
    """The filter: a kind, a language, a centre, and whether only the nurse's own."""
    return queues.Chosen(
        kind=asking.KINDS.get(request.args.get("kind", "")),
        is_mine="mine" in request.args,
        language=request.args.get("language"),
        centre=request.args.get("centre"),
    )


def queue_facts() -> dict[str, Any]:
    """What the list beside the request needs."""
    now, nurse, what = clock(), g.actor.person, chosen()
    after = request.args.get("after", type=UUID)
    return {
        "queue": queues.queue(nurse, now, what, after),
        "what": what,
        "after": after,
        "now": now,
        "late": queues.LONG,
        "reader_of": queues.reader_of,
        "asking": asking,
    }


def desk_page(
    care_request: CareRequest | None,
    status: int = 200,
    confirmation: ConfirmationForm | None = None,
    proposal: ProposalForm | None = None,
    refusal: RefusalForm | None = None,
    problem: str = "",
) -> Response:
    if care_request and status >= 400:
        care_request = CareRequest.get_by_id(care_request.id)  # as it is now
    answers = answer_forms(care_request, confirmation, proposal) if care_request else {}
    if care_request:
        answers |= video.facts(care_request, clock())
    page = page_or_fragment(
        "desk/index.html",
        "desk/_desk.html",
        status,
        care_request=care_request,
        here=care_request and care_request.id,
        refusal=refusal or RefusalForm(formdata=None),
        problem=problem,
        today=today(),
        is_part=wants_fragment(),
        centres=[(centre.slug, centre.name) for centre in services.centres()],
        **answers,
        **queue_facts(),
    )
    # An address that can be opened anew, whatever act led here.
    here = url_for(".show", care_request_id=care_request.id) if care_request else url_for(".index")
    page.headers["HX-Push-Url"] = here
    return page


def answer_forms(
    care_request: CareRequest, confirmation: ConfirmationForm | None, proposal: ProposalForm | None
) -> dict[str, Any]:
    """What stands open to this request: times to confirm or propose, or those that are held."""
    if care_request.status == RequestStatus.PROPOSED:
        return {"held": booking.held_times(care_request, clock())}
    if care_request.status not in {RequestStatus.ASKED, RequestStatus.CONFIRMED}:
        return {}
    offered, suit = booking.offers(care_request, g.actor.person, clock())
    return {
        "confirmation": confirmation_form(care_request, offered, suit, confirmation),
        "proposal": proposal_form(care_request, offered, proposal),
    }


def confirmation_form(
    care_request: CareRequest, offered: list[Free], suit: bool, sent: ConfirmationForm | None
) -> ConfirmationForm:
    """The first half hours that suit both; the very first is chosen already."""
    times = hours_shown(offered)
    form = sent or placed(
        ConfirmationForm(formdata=None, centre=where(care_request, offered)), care_request
    )
    form.starts.choices = options({**times, OTHER: _("Another time")})
    if not suit:
        form.starts.description = _(
            "Nothing is free at the times that suit: call the family first."
        )
    elif form.starts.data not in {*times, OTHER}:
        form.starts.data = next(iter(times))
    return form


def proposal_form(
    care_request: CareRequest, offered: list[Free], sent: ProposalForm | None
) -> ProposalForm:
    centre = where(care_request, offered)
    form = sent or placed(ProposalForm(formdata=None, prefix=HELD, centre=centre), care_request)
    form.times.choices = options(hours_shown(offered))
    return form


def hours_shown(offered: list[Free]) -> dict[str, str]:
    return {one.starts.isoformat(): asking.short(one.starts) for one in offered}


def where(care_request: CareRequest, offered: list[Free]) -> str:
    """The centre that the family wished, else where the nurse is at the first free time."""
    known = [care_request.centre_id, *(one.centre_id for one in offered)]
    return str(next(filter(None, known), ""))


def placed(form: AnswerForm, care_request: CareRequest) -> AnswerForm:
    """With the centres to choose from, where the family comes to one."""
    if care_request.kind == RequestKind.CNJE:
        form.centre.choices = options(asking.centres())
    else:
        del form.centre
    return form
