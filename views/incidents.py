"""After an emergency: hand-over sheet, report for the guardians, corrections, what was used."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from flask import Blueprint, abort, flash, g, redirect, render_template, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm

import access
import incidents
from database import DomainError, Sealed, clock, local
from incidents import Incident, IncidentEvent
from models import Audit, KitUnit, Nursery
from plan import Content, at, content_of, reading
from views import words
from views.fields import required, some_lines
from views.guards import allowed, get_or_404, in_nursery
from views.rendering import code, sentence

bp = Blueprint("incidents", __name__)

SHOWN = 50


class CorrectionForm(FlaskForm):
    text = some_lines(_l("Correction or addition"), required(), length=incidents.TEXT)


@bp.get("/incidents/<uuid:incident_id>")
@allowed("incident.read", Incident)
def show(incident: Incident) -> ResponseReturnValue:
    if incident.child_id:
        Audit.note_reading(g.actor, "incident.read", incident.id, incident.child_id)
    return page(incident, CorrectionForm())


@bp.post("/incidents/<uuid:incident_id>/corrections")
@allowed("incident.correct", Incident)
def correct(incident: Incident) -> ResponseReturnValue:
    form = CorrectionForm()
    if not form.validate_on_submit():
        return page(incident, form, 422)
    incidents.correct(incident, form.text.data, g.actor.person, clock())
    Audit.note(g.actor, "incident.correct", incident.id, child=incident.child_id)
    flash(_("It stands as a new line. What was written before stays."))
    return redirect(url_for(".show", incident_id=incident.id), 303)


@bp.post("/incidents/<uuid:incident_id>/used/<uuid:kit_unit_id>")
@allowed("incident.correct", Incident)
def use(incident: Incident, kit_unit_id: UUID) -> ResponseReturnValue:
    mine = KitUnit.select().where(KitUnit.plan == incident.plan_id)
    unit = get_or_404(mine, kit_unit_id) if incident.plan_id and not incident.drill else abort(404)
    try:
        incidents.strike(unit, clock())
    except DomainError as refused:
        return page(incident, CorrectionForm(), 409, sentence(refused))
    Audit.note(g.actor, "kit.used", incident.plan_id, child=incident.child_id)
    flash(_("It is taken off the list of the kit. The family sees it."))
    return redirect(url_for(".show", incident_id=incident.id), 303)


@bp.get("/nursery/incidents")
@in_nursery("nursery.read")
def index(nursery: Nursery) -> ResponseReturnValue:
    mine = Incident.visible_to(g.actor).where(Incident.nursery == nursery)
    rows = mine.where(Incident.drill == False)  # noqa: E712
    found = Sealed.open_all(rows.order_by(Incident.started.desc()).limit(SHOWN))
    drills = incidents.practices(nursery)
    return render_template("incidents/index.html", nursery=nursery, found=found, drills=drills)


def page(
    incident: Incident, form: FlaskForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    joined = incident.joined()
    events = IncidentEvent.log(joined)
    return render_template(
        "incidents/show.html",
        incident=incident,
        joined=joined,
        lines=[(event, told(event, content_for(joined, event))) for event in events],
        gives=[event for event in events if event.what == "dose"],
        units=KitUnit.of(incident.plan_id) if incident.plan_id and not incident.drill else [],
        guards=access.can(g.actor, "child.read", incident) if incident.child_id else False,
        corrects=access.can(g.actor, "incident.correct", incident),
        child=incident.child,
        form=form,
        problem=problem,
        second=second,
    ), status


def content_for(joined: list[Incident], event: IncidentEvent) -> Content | None:
    """Two tablets may have run two versions: each line is told from its own."""
    mine = next(one for one in joined if one.id == event.incident_id)
    version = mine.content_version() if mine.plan_id else None
    return version and content_of(version)


def told(event: IncidentEvent, content: Content | None) -> str:
    """The line in the reader's language, as the page that ran it shows it."""
    body = event.body
    said = {"words": of_plan(body, content) or body.get("who") or body.get("text") or ""}
    if "reason" in body:
        said["reason"] = str(words.REASONS.get(body["reason"], ""))
    return str(words.LOG[event.what]).format(**said)


def of_plan(body: Mapping, content: Content | None) -> str:
    """The words of the plan that a line points to; "…" where that version has none there."""
    if "at" not in body:
        return ""
    try:
        thing = at(content, body["at"]) if content else None
        if thing is None:
            return "…"
        if "n" in body:
            pieces = reading(thing.lines("steps")[body["n"]], code()).pieces
            return " ".join("".join(piece.words for piece in pieces).split())
        if body["at"].startswith("medicines."):
            return words.medicine(thing)
        sheet = at(content, ".".join(body["at"].split(".")[:2]))
        return words.branch(thing, sheet if len(content.sheets) > 1 else None)
    except (DomainError, IndexError):
        return "…"


def second(moment: datetime) -> str:
    return f"{local(moment):%H:%M:%S}"
