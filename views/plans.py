"""A plan: opened by whoever may, begun from its scan, sent, compared by a second person."""

from dataclasses import replace
from datetime import date

from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from peewee import ModelSelect
from wtforms import BooleanField, HiddenField, MultipleFileField, SelectMultipleField
from wtforms.validators import ValidationError
from wtforms.widgets import CheckboxInput

import images
import plan as document
from access import can
from database import DomainError, Sealed, clock, db
from endings import stop_of
from models import (
    Audit,
    Blob,
    Check,
    Child,
    Draft,
    Grant,
    Person,
    Plan,
    PlanVersion,
    Room,
    Scan,
    ScanPage,
)
from plan import Content, Sheet
from shelf import PlacePhoto
from views import comparing, headers, held, release, words
from views.fields import a_choice, a_day, as_id, one_of, options, some_lines
from views.guards import allowed, slow_down
from views.rendering import LANGUAGE_NAMES, code, sentence

bp = Blueprint("plans", __name__)

UPLOADS = 20  # scans a person may send in an hour
PAPERS = {"": _l("Not said"), **LANGUAGE_NAMES, "und": _l("Another language")}
MORE = {"add": _l("Add the new pages to them"), "replace": _l("Replace them all")}
DATES = ("valid_from", "valid_until", "review_on")


class ScanForm(FlaskForm):
    """One page, one button: the paper and what it is for; whatever else may stay empty."""

    photos = MultipleFileField(_l("Take a photo of a page"))
    files = MultipleFileField(_l("Or choose photos or a PDF"))
    more = one_of(_l("There are pages already"), MORE)
    conditions = SelectMultipleField(
        _l("What is the plan for?"),
        choices=options(words.CONDITIONS),
        option_widget=CheckboxInput(),
        validate_choice=False,
    )
    language = a_choice(_l("Language of the paper"), PAPERS)
    valid_from = a_day(_l("Valid from"))
    valid_until = a_day(_l("Valid until"))
    indefinite = BooleanField(_l("Without an end: the paper says so"))
    review_on = a_day(_l("To be reviewed on"))

    def validate_conditions(self, field: SelectMultipleField) -> None:
        if not field.data or not set(field.data) <= set(words.CONDITIONS):
            raise ValidationError(_l("Choose at least one."))

    @property
    def chosen(self) -> list[bytes]:
        """The files in the order of the page; an empty file field sends one without a name."""
        sent = [*(self.photos.data or ()), *(self.files.data or ())]
        return [file.read() for file in sent if getattr(file, "filename", "")]


class CheckForm(FlaskForm):
    version = HiddenField()
    room = a_choice(_l("Room"))
    remark = some_lines(_l("Remark for the family"))


# ── reading it ───────────────────────────────────────────────────────────────────────────────────


@bp.post("/children/<uuid:child_id>/plan")
@allowed("plan.scan", Child)
def start(child: Child) -> ResponseReturnValue:
    plan = document.start(child)
    return redirect(url_for(".scan", plan_id=plan.id), 303)


@bp.get("/plans/<uuid:plan_id>")
@allowed("plan.read", Plan)
def show(plan: Plan) -> ResponseReturnValue:
    return opened(plan, "plan")


@bp.get("/plans/<uuid:plan_id>/emergency")
@allowed("plan.read", Plan)
def emergency(plan: Plan) -> ResponseReturnValue:
    return opened(plan, "emergency")


def opened(plan: Plan, kind: str) -> ResponseReturnValue:
    """The page that devices hold as well, or where to go while nothing is in force."""
    if plan.current_id is None:
        return redirect(elsewhere(plan), 303)
    Audit.note_reading(g.actor, "plan.read", plan.id, plan.child_id)
    return release.online(plan, kind, clock())


def elsewhere(plan: Plan) -> str:
    if can(g.actor, "child.read", plan):
        return url_for("children.show", child_id=plan.child_id)
    if can(g.actor, "plan.check", plan):
        return url_for(".check", plan_id=plan.id)
    return url_for("nursery.board")


@bp.get("/plans/<uuid:plan_id>/files/<name>")
@allowed("plan.files", Plan)
def file(plan: Plan, name: str) -> ResponseReturnValue:
    """A picture by its hash, if it is of this plan and the reader may see the page it is on."""
    blob = pictures(plan).where(Blob.sha256 == name.removesuffix(".jpg")).first() or abort(404)
    response = Response(blob.read(), mimetype="image/jpeg")
    response.headers.update(headers.PICTURE)
    return response


def pictures(plan: Plan) -> ModelSelect:
    """Everybody sees the photo, the kit's places and the paper in force; a guardian every paper of
    the plan, whoever checks also the one that waits."""
    scans = [plan.current.scan_id] if plan.current else []
    if can(g.actor, "plan.versions", plan):
        pages = ScanPage.scan.in_(Scan.select(Scan.id).where(Scan.plan == plan))
    else:
        waiting = document.waiting(plan)
        if waiting and can(g.actor, "plan.check", plan):
            scans.append(waiting.scan_id)
        pages = ScanPage.scan.in_(scans)
    shown = Blob.id.in_(ScanPage.select(ScanPage.blob).where(pages))
    places = PlacePhoto.select(PlacePhoto.blob).where(PlacePhoto.plan == plan)
    return Blob.select().where((Blob.id == plan.child.photo_id) | Blob.id.in_(places) | shown)


@bp.get("/plans/<uuid:plan_id>/versions")
@allowed("plan.versions", Plan)
def versions(plan: Plan) -> ResponseReturnValue:
    """Every state the plan was in, who wrote it, who compared it and what they found."""
    rows = Sealed.open_all(plan.versions.order_by(PlanVersion.no.desc()))
    checks = Sealed.open_all(Check.select().where(Check.version.in_(rows)).order_by(Check.created))
    ids = {row.author_id for row in rows} | {check.by_id for check in checks}
    return render_template(
        "plans/versions.html",
        plan=plan,
        versions=rows,
        checks={row.id: [check for check in checks if check.version_id == row.id] for row in rows},
        findings=findings,
        stop_of=stop_of,
        people=Person.names(ids),
        may_edit=can(g.actor, "plan.ask-doctor", plan),
    )


def findings(version: PlanVersion, check: Check) -> list[tuple[comparing.Row, str]]:
    """What was not the same, beside the line it was said of."""
    said = check.findings or {}
    return [
        (row, str(comparing.FINDINGS[said[row.key]]))
        for row in comparing.rows_of(comparing.parts_of(version))
        if said.get(row.key, comparing.SAME) != comparing.SAME
    ]


# ── the signed paper ─────────────────────────────────────────────────────────────────────────────


@bp.get("/plans/<uuid:plan_id>/scan")
@allowed("plan.scan", Plan)
def scan(plan: Plan) -> ResponseReturnValue:
    draft = draft_of(plan)
    form = ScanForm(data=frame_of(document.content_of(draft)))
    form.more.data = "replace" if is_settled(draft) else "add"
    return scan_page(plan, draft, form)


@bp.post("/plans/<uuid:plan_id>/scan")
@allowed("plan.scan", Plan)
def keep_scan(plan: Plan) -> ResponseReturnValue:
    """Keeps the pages and the frame; the button "send" hands them to the check as well."""
    draft, form = draft_of(plan), ScanForm()
    chosen = form.chosen
    if not draft.scan_id and not chosen:
        form.validate()
        form.files.errors = [sentence(DomainError("scan-without-pages"))]
        return scan_page(plan, draft, form, 422)
    if not form.validate_on_submit():
        return scan_page(plan, draft, form, 422)
    try:
        pages = redrawn(chosen) if chosen else []
        with db.atomic():
            draft = document.draft_of(plan, g.actor.person)
            keep(draft, pages, form)
            if request.form.get("go") == "send":
                document.submit(draft, g.actor.person, clock())
    except DomainError as refusal:
        form.files.errors = [sentence(refusal)]
        return scan_page(plan, draft_of(plan), form, 422)
    return sent(plan) if request.form.get("go") == "send" else kept(plan)


def redrawn(files: list[bytes]) -> list[bytes]:
    """The pages as only our own decoder draws them; before any transaction: it takes its time."""
    slow_down(f"scan:{g.actor.person_id}", UPLOADS)
    return images.scan_pages([("", data) for data in files])


def keep(draft: Draft, pages: list[bytes], form: ScanForm) -> None:
    if pages and form.more.data == "add" and draft.scan:
        pages = [page.blob.read() for page in draft.scan.pages] + pages
    if pages:
        document.keep_scan(draft, pages, g.actor.person)
    content = framed(document.content_of(draft), form)
    document.revise(draft, draft.revision, content, g.actor.person)


def framed(content: Content, form: ScanForm) -> Content:
    """The document with what the form says; a sheet from which something was typed never goes."""
    chosen = form.conditions.data
    kept = [s for s in content.sheets if s.condition in chosen or s != Sheet(condition=s.condition)]
    there = {sheet.condition for sheet in kept}
    new = [Sheet(condition=name) for name in words.CONDITIONS if name in set(chosen) - there]
    if form.language.data and form.language.data != content.language:
        content = document.in_language(content, form.language.data)
    dates = {name: form[name].data.isoformat() if form[name].data else "" for name in DATES}
    return replace(content, sheets=(*kept, *new), indefinite=form.indefinite.data, **dates)


def frame_of(content: Content) -> dict[str, object]:
    """What the form shows of a document."""
    dates = {name: getattr(content, name) for name in DATES}
    return {
        "conditions": list(content.conditions),
        "language": content.language,
        "indefinite": content.indefinite,
    } | {name: date.fromisoformat(value) if value else None for name, value in dates.items()}


def draft_of(plan: Plan) -> Draft:
    """For reading: a draft that may not be saved yet."""
    return Draft.get_or_none(Draft.plan == plan) or document.new_draft(plan, g.actor.person)


def is_settled(draft: Draft) -> bool:
    """The draft's paper belongs to a version already: new pages are another paper."""
    return PlanVersion.select().where(PlanVersion.scan == draft.scan_id).exists()


def scan_page(plan: Plan, draft: Draft, form: ScanForm, status: int = 200) -> ResponseReturnValue:
    content = document.content_of(draft)
    page = render_template(
        "plans/scan.html",
        plan=plan,
        form=form,
        pages=held.scan_of(draft.scan_id),
        waiting=document.waiting(plan),
        typed=content.is_guided,
        code=document.print_code(plan, content) if content.is_guided else "",
    )
    return page, status


def kept(plan: Plan) -> ResponseReturnValue:
    flash(_("The pages are kept. Look if every word can be read, then send them."))
    return redirect(url_for(".scan", plan_id=plan.id), 303)


@bp.post("/plans/<uuid:plan_id>/submissions")
@allowed("plan.submit", Plan)
def submit(plan: Plan) -> ResponseReturnValue:
    draft = Draft.get_or_none(Draft.plan == plan)
    if draft is None:
        raise DomainError("nothing-to-submit")
    try:
        document.submit(draft, g.actor.person, clock())
    except DomainError as refusal:
        form = ScanForm(formdata=None, data=frame_of(document.content_of(draft)))
        form.files.errors = [sentence(refusal)]
        return scan_page(plan, draft, form, 409)
    return sent(plan)


def sent(plan: Plan) -> ResponseReturnValue:
    """Next comes a crèche to compare it; where there is one already, the child's page."""
    Audit.note(g.actor, "plan.submit", plan.id, child=plan.child_id)
    if Grant.select().where(Grant.child == plan.child_id, Grant.is_open()).exists():
        flash(_("Sent. The crèche’s manager compares it with the signed paper."))
        return redirect(url_for("children.show", child_id=plan.child_id), 303)
    flash(_("Sent. Now share it with the crèche: its manager compares it with the paper."))
    return redirect(url_for("children.access", child_id=plan.child_id), 303)


# ── the check by a second person ─────────────────────────────────────────────────────────────────


@bp.get("/plans/<uuid:plan_id>/check")
@allowed("plan.check", Plan)
def check(plan: Plan) -> ResponseReturnValue:
    version = document.waiting(plan)
    if version is None:
        flash(_("Nothing of this plan waits for a check."))
        return redirect(url_for("nursery.shares"), 303)
    form, grant = check_form(plan)
    form.version.data = str(version.id)
    return check_page(version, form, grant)


@bp.post("/plans/<uuid:plan_id>/check")
@allowed("plan.check", Plan)
def compare(plan: Plan) -> ResponseReturnValue:
    """All the same: in force, and accepted by the crèche in one step. Else back to the family."""
    version = document.waiting(plan)
    form, grant = check_form(plan)
    if version is None or form.version.data != str(version.id):
        raise DomainError("version-already-answered")
    rows = comparing.rows_of(comparing.parts_of(version))
    said = {row.key: request.form.get(f"row:{row.key}", "") for row in rows}
    if not is_complete(form, said):
        return check_page(version, form, grant, said, 422)
    if set(said.values()) != {comparing.SAME}:
        document.refuse(version, g.actor.person, said, form.remark.data, clock())
        Audit.note(g.actor, "plan.refuse", plan.id, child=plan.child_id)
        return checked(_("Sent back to the family with your remark."))
    with db.atomic():
        document.put_in_force(version, g.actor.person, said, clock())
        if grant:
            document.accept(grant, as_id(form.room.data), g.actor.person, clock())
        Audit.note(g.actor, "plan.check", plan.id, child=plan.child_id)
    return checked(_("The plan is in force. The tablets fetch it now."))


def checked(words: str) -> ResponseReturnValue:
    flash(words)
    return redirect(url_for("nursery.shares"), 303)


def check_form(plan: Plan) -> tuple[CheckForm, Grant | None]:
    """The form, and the offer that the check answers as well."""
    form, grant = CheckForm(), offered_to_me(plan)
    if grant is None:
        del form.room
        return form, None
    rooms = grant.nursery.rooms.order_by(Room.rank, Room.name)
    names = {str(room.id): room.name for room in rooms}
    form.room.choices = options({"": _("Not in a room yet"), **names})
    return form, grant


def is_complete(form: CheckForm, said: dict[str, str]) -> bool:
    """Every line is answered, and what is not the same is said in words."""
    valid = form.validate_on_submit()
    found = set(said.values())
    if found - {comparing.SAME, ""} and not form.remark.data:
        form.remark.errors = [_("Say in a few words what is different.")]
        return False
    return valid and found <= set(comparing.FINDINGS)


def check_page(
    version: PlanVersion,
    form: CheckForm,
    grant: Grant | None,
    said: dict[str, str] | None = None,
    status: int = 200,
) -> ResponseReturnValue:
    parts = comparing.parts_of(version)
    answered = said or {}
    page = render_template(
        "plans/check.html",
        plan=version.plan,
        child=version.plan.child,
        version=version,
        parts=parts,
        pages=held.scan_of(version.scan_id),
        findings=comparing.FINDINGS,
        said=answered,
        missing=[
            row.key
            for row in comparing.rows_of(parts)
            if said is not None and answered.get(row.key) not in comparing.FINDINGS
        ],
        form=form,
        grant=grant,
        replaces=version.plan.current,
        reader=code(),
    )
    return page, status


def offered_to_me(plan: Plan) -> Grant | None:
    mine = Grant.nursery.in_(g.actor.managed)
    return Grant.get_or_none(Grant.child == plan.child_id, Grant.is_offered(), mine)
