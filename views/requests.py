"""What a family asks of the service, and where each request stands."""

from uuid import UUID

from flask import (
    Blueprint,
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

import booking
import deadlines
import services
from database import DomainError, Sealed, clock, today
from models import Child
from offices import CareRequest, CareRequestEvent, RequestKind, RequestStatus
from views import asking, calendars, video
from views.guards import allowed
from views.rendering import absolute, confirmation, sentence

bp = Blueprint("requests", __name__, url_prefix="/requests")

SHOWN = 50


@bp.get("")
@allowed("request.list")
def index() -> ResponseReturnValue:
    deadlines.settle(clock())
    mine = CareRequest.select().where(CareRequest.person == g.actor.person)
    waits = CareRequest.status.in_(booking.OPEN)
    newest = mine.order_by(~waits, CareRequest.created.desc(), CareRequest.id).limit(SHOWN)
    return render_template(
        "requests/index.html", care_requests=Sealed.open_all(newest), digits=asking.DIGITS
    )


@bp.get("/new")
@allowed("request.ask")
def new() -> ResponseReturnValue:
    """The doors; behind two of them, first of all, the question whether somebody is ill."""
    kind = asking.KINDS.get(request.args.get("kind"))
    if kind is None:
        return render_template("requests/new.html", digits=asking.DIGITS)
    if kind in asking.GATED and request.args.get("step") != "2":
        return render_template(
            "requests/gate.html", kind=kind, digits=asking.DIGITS, services=services.by_slug()
        )
    return form_page(kind, form_of(kind))


@bp.post("/new")
@allowed("request.ask")
def create() -> ResponseReturnValue:
    kind = asking.KINDS.get(request.args.get("kind"))
    if kind is None:
        return redirect(url_for(".new"), 303)
    form = form_of(kind)
    if not form.validate_on_submit():
        return form_page(kind, form, 422)
    facts = {"name": g.actor.person.name, **form.facts(children())}
    try:
        made = booking.ask(kind, facts, form.language.data, clock(), person=g.actor.person)
    except DomainError as refusal:
        return form_page(kind, form, 409, sentence(refusal))
    flash(_("Your request has arrived. The answer comes here."))
    return redirect(url_for(".show", care_request_id=made.id), 303)


@bp.get("/<uuid:care_request_id>")
@allowed("request.read", CareRequest)
def show(care_request: CareRequest) -> ResponseReturnValue:
    deadlines.settle(clock())
    return request_page(CareRequest.get_by_id(care_request.id))


def request_page(
    care_request: CareRequest, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    events = care_request.events.order_by(CareRequestEvent.created, CareRequestEvent.id)
    page = render_template(
        "requests/show.html",
        care_request=care_request,
        events=Sealed.open_all(events),
        held=booking.held_times(care_request, clock()),
        may_cancel=may_cancel(care_request),
        problem=problem,
        asking=asking,
        **video.facts(care_request, clock()),
        **channel(care_request.kind),
    )
    return page, status


@bp.post("/<uuid:care_request_id>/choice")
@allowed("request.answer", CareRequest)
def choose(care_request: CareRequest) -> ResponseReturnValue:
    """One of the times that the nurse proposed."""
    wanted = request.form.get("slot", type=UUID)
    try:
        booking.choose(care_request, wanted, g.actor.person, clock())
    except DomainError as refused:
        now_it_is = CareRequest.get_by_id(care_request.id)
        return request_page(now_it_is, 409, sentence(refused))
    flash(_("This time is yours."))
    return redirect(url_for(".show", care_request_id=care_request.id), 303)


@bp.get("/<uuid:care_request_id>/another-time")
@allowed("request.answer", CareRequest)
def another_time(care_request: CareRequest) -> ResponseReturnValue:
    return confirmation(
        _("Ask for another time?"),
        _("The time is free for another family then. The service looks for another one for you."),
        _("Yes, another time"),
        back=url_for(".show", care_request_id=care_request.id),
        nav="requests",
    )


@bp.post("/<uuid:care_request_id>/another-time")
@allowed("request.answer", CareRequest)
def reopen(care_request: CareRequest) -> ResponseReturnValue:
    booking.reopen(care_request, g.actor.person, clock())
    flash(_("The service looks for another time. Your request keeps its place."))
    return redirect(url_for(".show", care_request_id=care_request.id), 303)


@bp.get("/<uuid:care_request_id>/calendar.ics")
@allowed("request.read", CareRequest)
def calendar(care_request: CareRequest) -> ResponseReturnValue:
    if care_request.status != RequestStatus.CONFIRMED:
        abort(404)
    made = calendars.appointment(
        str(care_request.id),
        care_request.starts,
        care_request.starts + booking.HALF_HOUR,
        care_request.answered,
        place=calendars.where(care_request.centre),
        sequence=care_request.changes,
        url=absolute(url_for(".show", care_request_id=care_request.id)),
    )
    return calendars.answer(made)


@bp.get("/<uuid:care_request_id>/cancellation")
@allowed("request.cancel", CareRequest)
def cancellation(care_request: CareRequest) -> ResponseReturnValue:
    return render_template("requests/cancellation.html", care_request=care_request)


@bp.post("/<uuid:care_request_id>/cancellation")
@allowed("request.cancel", CareRequest)
def cancel(care_request: CareRequest) -> ResponseReturnValue:
    booking.cancel(care_request, g.actor.person, clock())
    flash(_("Taken back. Thank you for telling us."))
    return redirect(url_for(".show", care_request_id=care_request.id), 303)


# ── parts ────────────────────────────────────────────────────────────────────────────────────────


def form_of(kind: RequestKind) -> asking.AskForm:
    return asking.form_for(kind, clock(), g.actor.person, children())


def children() -> list[Child]:
    return Sealed.open_all(Child.guarded_by(g.actor).order_by(Child.created))


def form_page(
    kind: RequestKind, form: asking.AskForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    page = render_template(
        "requests/form.html",
        kind=kind,
        form=form,
        digit=asking.DIGITS[kind],
        is_gated=kind in asking.GATED,
        walk_ins=asking.walk_ins(today()) if kind == RequestKind.CNJE else (),
        problem=problem,
        **channel(kind),
    )
    return page, status


def channel(kind: str) -> dict[str, services.Service]:
    """The other ways to ask for the same: phone, by its name, and e-mail."""
    known = services.by_slug(kind, "info-maman")
    return {"service": known[kind], "info_maman": known["info-maman"]}


def may_cancel(care_request: CareRequest) -> bool:
    ahead = care_request.starts is None or care_request.starts > clock()
    running = care_request.status in booking.RUNNING
    return running and ahead
