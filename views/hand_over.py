"""When a child leaves the crèche: the last day of sharing, and one pack for the next place."""

import io
import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZipFile

from flask import (
    Blueprint,
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

import endings
import plan as document
from access import can
from database import DomainError, clock, db, local, today
from models import Audit, Child, Contact, Grant, Nursery, Plan, PlanVersion
from views import passkeys
from views.fields import a_day, not_past
from views.guards import allowed, get_or_404, slow_down
from views.rendering import day, download, sentence

bp = Blueprint("hand_over", __name__, url_prefix="/children/<uuid:child_id>")

PACKS = 10  # that a person may take in a day
CONTACT = ("name", "relation", "phones", "reach", "languages", "collects")


class LastDayForm(FlaskForm):
    until = a_day(_l("Last day, if there is one"), not_past)


# ── the last day ─────────────────────────────────────────────────────────────────────────────────


@bp.get("/access/grants/<uuid:grant_id>/last-day")
@allowed("child.share", Child)
def last_day(child: Child, grant_id: UUID) -> ResponseReturnValue:
    grant = get_or_404(child.grants, grant_id)
    proposed = endings.last_day(child, today())
    return last_day_page(child, grant, LastDayForm(until=grant.until or proposed))


@bp.post("/access/grants/<uuid:grant_id>/last-day")
@allowed("child.share", Child)
def set_last_day(child: Child, grant_id: UUID) -> ResponseReturnValue:
    grant, form = get_or_404(child.grants, grant_id), LastDayForm()
    if not form.validate_on_submit():
        return last_day_page(child, grant, form, 422)
    try:
        with db.atomic():
            document.set_last_day(grant, form.until.data)
            endings.tell_of_sharing(child.id, g.actor.person, clock())
            Audit.note(g.actor, "grant.last-day", grant.id, child=child.id)
    except DomainError as refusal:
        return last_day_page(child, grant, form, 409, sentence(refusal))
    flash(_("Saved."))
    return redirect(url_for(".show", child_id=child.id), 303)


def last_day_page(
    child: Child, grant: Grant, form: LastDayForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    facts = {"child": child, "grant": grant, "form": form, "problem": problem}
    facts["birthday"] = endings.fourth_birthday(child)
    return render_template("hand_over/last_day.html", **facts), status


# ── the pack ─────────────────────────────────────────────────────────────────────────────────────


@bp.get("/hand-over")
@allowed("child.hand-over", Child)
def show(child: Child) -> ResponseReturnValue:
    return pack_page(child)


@bp.post("/hand-over.zip")
@allowed("child.hand-over", Child)
def pack(child: Child) -> ResponseReturnValue:
    """Made in memory, never on the disk; whoever takes it has just confirmed with a passkey."""
    try:
        passkeys.proved(g.actor.person, request.form.get("proof"), "hand-over", child.id, clock())
    except DomainError:
        return pack_page(child, 403, sentence(DomainError("passkey-needed")))
    slow_down(f"hand-over:{g.actor.person_id}", PACKS, endings.DAY)
    Audit.note(g.actor, "child.hand-over", child.id, child=child.id)
    return download(packed(child, clock()), "application/zip", "hand-over.zip")


def pack_page(child: Child, status: int = 200, problem: str = "") -> ResponseReturnValue:
    grants = child.grants.select(Grant, Nursery).join(Nursery).where(Grant.is_running())
    plan = Plan.get_or_none(Plan.child == child)
    page = render_template(
        "hand_over/show.html",
        child=child,
        plan=plan,
        version=shown(plan),
        grants=list(grants.order_by(Grant.accepted)),
        birthday=endings.fourth_birthday(child),
        may_share=can(g.actor, "child.share", child),
        with_passkey=g.actor.person.passkeys.exists(),
        problem=problem,
    )
    return page, status


def shown(plan: Plan | None) -> PlanVersion | None:
    return plan and document.last_in_force(plan)


def packed(child: Child, now: datetime) -> bytes:
    file = io.BytesIO()
    with ZipFile(file, "w", ZIP_DEFLATED) as pack:
        for name, value in contents(child, now).items():
            pack.writestr(name, value)
    return file.getvalue()


def contents(child: Child, now: datetime) -> dict[str, str | bytes]:
    """The files of the pack by name. No name of a child stands in one of them."""
    files: dict[str, str | bytes] = {"contacts.json": contacts_of(child)}
    plan = Plan.get_or_none(Plan.child == child)
    version = shown(plan)
    if version:
        files["plan.json"] = document.content_of(version).canonical()
        pages = version.scan.pages if version.scan else []
        files |= {f"paper-{n}.jpg": page.blob.read() for n, page in enumerate(pages, start=1)}
    if child.photo_id:
        files["photo.jpg"] = child.photo.read()
    stop = endings.stop_of(plan.current) if plan else None
    return {"read-me.txt": "\n".join(read_me(child, files, version, stop, now)) + "\n", **files}


def read_me(
    child: Child,
    files: Iterable[str],
    version: PlanVersion | None,
    stop: endings.Stop | None,
    now: datetime,
) -> Iterator[str]:
    """What each file is, in the reader's language."""
    made = day(local(now).date())
    yield _(
        "Hand-over pack of %(name)s, made with Kannerplang on %(day)s", name=child.name, day=made
    )
    if child.born:
        yield _("born %(day)s", day=day(child.born))
    if stop:
        yield _("This plan was STOPPED on %(day)s: it no longer applies.", day=day(stop.on))
    for name in files:
        yield f"{name}: {said_of(name, version)}"


def said_of(name: str, version: PlanVersion | None) -> str:
    said = {
        "contacts.json": _("the people to call, in order"),
        "photo.jpg": _("the photo"),
        "plan.json": version
        and _(
            "the plan as the family typed it from the paper (version %(no)s). "
            "The signed paper is what counts.",
            no=version.no,
        ),
    }
    return said.get(name) or _("a page of the signed paper")


def contacts_of(child: Child) -> str:
    rows = [
        {"list": row.kind} | {name: getattr(row, name) for name in CONTACT}
        for row in Contact.of(child.id)
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1, default=list)
