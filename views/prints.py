"""Plans on paper: A4 by the browser, the check of a printed code, the binder, the export."""

import json
from base64 import b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date
from typing import Any

from flask import (
    Blueprint,
    current_app,
    g,
    redirect,
    render_template,
    request,
    url_for,
)
from flask.typing import ResponseReturnValue
from flask_babel import force_locale
from peewee import JOIN, OperationalError

import offline
import plan as document
from access import can
from database import DataKey, Sealed, clock, db, local
from endings import DAY
from models import (
    Audit,
    Blob,
    Child,
    Contact,
    Draft,
    Guardian,
    KitUnit,
    Nursery,
    Person,
    Plan,
    PlanMode,
    PlanVersion,
)
from shelf import PlacePhoto
from views import held, passkeys
from views.board import Card, groups_of
from views.guards import allowed, caller, in_nursery, require, slow_down
from views.rendering import LOCALES, absolute, code, download, in_two

bp = Blueprint("prints", __name__)

CHECKS = 100  # codes that may be looked up from one address in an hour: a binder, and some slips
EXPORTS = 3  # that a person may take in a day
CHILD = (
    *("first_name", "family_name", "born", "weight", "weighed_on"),
    *("photo_on", "peg_sign", "languages"),
)
PLANS = "<!--plans-->"  # where the plans go in the binder's page


# ── a plan on A4 ─────────────────────────────────────────────────────────────────────────────────


@bp.get("/plans/<uuid:plan_id>/print")
@allowed("plan.print", Plan)
def show(plan: Plan) -> ResponseReturnValue:
    """The plan in force; `?for=cards` to cut out, `?for=signature` what is being written."""
    wanted = request.args.get("for", "")
    if wanted == "signature":
        return for_signature(plan)
    if plan.current_id is None:
        return redirect(url_for("plans.show", plan_id=plan.id), 303)
    Audit.note_reading(g.actor, "plan.print", plan.id, plan.child_id)
    return page(plan, plan.current, chosen(), "cards" if wanted == "cards" else "plan")


def for_signature(plan: Plan) -> ResponseReturnValue:
    """In the paper's own language: nobody signs a translation."""
    require("plan.edit", plan)
    version = drafted(plan)
    paper = document.content_of(version).language
    signers = Guardian.running().where(Guardian.child == plan.child_id).order_by(Guardian.created)
    people = Sealed.open_all(Person.select().where(Person.id.in_([s.person_id for s in signers])))
    return page(plan, version, paper if paper in LOCALES else chosen(), "signature", people=people)


def drafted(plan: Plan) -> PlanVersion:
    """What is being written, as the version that it would become; nothing of it is saved."""
    draft = Draft.get_or_none(Draft.plan == plan) or document.new_draft(plan, g.actor.person)
    version = PlanVersion(plan=plan, no=0, mode=PlanMode.GUIDED, data_key=draft.data_key_id)
    version.content = draft.content
    version.code = document.print_code(plan, document.content_of(draft))
    return version


def page(
    plan: Plan, version: PlanVersion, language: str, kind: str, **more: Any
) -> ResponseReturnValue:
    with force_locale(LOCALES[language]):
        return render_template(
            "prints/show.html",
            kind=kind,
            language=language,
            languages=held.SWITCH,
            may_edit=can(g.actor, "plan.edit", plan),
            may_export=can(g.actor, "plan.export", plan),
            **facts(plan, version, language),
            **more,
        )


def chosen() -> str:
    """`?in=de` for one print; else the reader's language."""
    asked = request.args.get("in", "")
    return asked if asked in LOCALES else code()


def facts(plan: Plan, version: PlanVersion, language: str) -> dict[str, Any]:
    """What the plan's page shows, and what only paper needs."""
    shown = held.plan_page(plan, language, version)
    link = absolute(url_for("prints.check", code=version.code)) if version.code else ""
    return shown | {
        "place_photos": {},
        "mark": f"p{plan.id.hex[:8]}",  # before each id: a binder holds many plans
        "unchecked": lambda *_: False,  # said once for the whole sheet, not below each part
        "is_draft": is_draft(shown),
        "code": in_two(version.code or ""),
        "link": link,
        "check_at": absolute(url_for("prints.check_form")).partition("//")[2],
        "printed": clock(),
    }


def is_draft(shown: dict[str, Any]) -> bool:
    """Whether a translation on the sheet waits for its check."""
    content = shown["content"]
    lines = [line for _path, _name, found in document.walk(content) for line in found]
    titles = [group.title for sheet in content.sheets for group in sheet.groups]
    return any(one.draft for one in (*shown["read"](lines), *map(shown["read_title"], titles)))


# ── the binder of a crèche ───────────────────────────────────────────────────────────────────────


@bp.get("/nursery/binder")
@in_nursery("nursery.read")
def binder(nursery: Nursery) -> ResponseReturnValue:
    """The list by room, then plan after plan."""
    language = chosen()
    groups = [
        replace(group, cards=tuple(card for card in group.cards if card.shared))
        for group in groups_of(nursery)
    ]
    plans = in_force(card for group in groups for card in group.cards)
    with suppress(OperationalError), db.atomic():  # a full disk keeps nobody from reading
        for plan in plans:
            Audit.note(g.actor, "plan.print", plan.id, child=plan.child_id)
    with force_locale(LOCALES[language]):
        frame = render_template(
            "prints/binder.html",
            nursery=nursery,
            groups=groups,
            versions={plan.id: (plan.current.no, checked_on(plan.current)) for plan in plans},
            printed=clock(),
            language=language,
            languages=held.SWITCH,
        )
        return frame.replace(PLANS, "".join(sheet(plan, language) for plan in plans))


def checked_on(version: PlanVersion) -> date | None:
    return version.checked and local(version.checked).date()


def in_force(cards: Iterable[Card]) -> list[Plan]:
    """The plans of these children in the order of the list, each with its version and child."""
    ids = [card.plan_id for card in cards if card.in_force]
    rows = (
        Plan.select(Plan, PlanVersion, Child, Blob.id, Blob.sha256)
        .join(PlanVersion, on=(Plan.current == PlanVersion.id))
        .switch(Plan)
        .join(Child)
        .join(Blob, JOIN.LEFT_OUTER)
        .where(Plan.id.in_(ids))
    )
    DataKey.open_all(plan.child.data_key_id for plan in rows)
    return sorted(rows, key=lambda plan: ids.index(plan.id))


def sheet(plan: Plan, language: str) -> str:
    """One plan that cannot be shown must not keep the others from the paper."""
    try:
        shown = facts(plan, plan.current, language)
        return render_template("prints/_plan.html", heading="h2", **shown)
    except Exception as error:
        current_app.logger.error("not printed: %s: %s", plan.id, type(error).__name__)
        return render_template("prints/_missing.html")


# ── is this print current? ───────────────────────────────────────────────────────────────────────


@bp.get("/check")
def check_form() -> ResponseReturnValue:
    """For who has no camera: as people type, with gaps, dashes and small letters."""
    if letters := offline.typed(request.args.get("code", "")):
        return redirect(url_for(".check", code=letters), 303)
    return render_template("prints/check.html", code="", standing="")


@bp.get("/check/<code>")
def check(code: str) -> ResponseReturnValue:
    """One of four sentences and nothing else; each try counts, so that nobody tries them all."""
    slow_down(f"check:{caller()}", CHECKS)
    letters = offline.typed(code)
    standing = document.standing(letters)
    return render_template("prints/check.html", code=in_two(letters), standing=standing)


# ── the export ───────────────────────────────────────────────────────────────────────────────────


@bp.post("/plans/<uuid:plan_id>/export.json")
@allowed("plan.export", Plan)
def export(plan: Plan) -> ResponseReturnValue:
    """All that is kept of the plan, as docs/plan-schema.json says; pictures by their SHA-256.
    Whoever takes it has just confirmed with a passkey, as for the hand-over pack beside it."""
    passkeys.proved(g.actor.person, request.form.get("proof"), "export", plan.id, clock())
    slow_down(f"export:{g.actor.person_id}", EXPORTS, DAY)
    Audit.note(g.actor, "plan.export", plan.id, child=plan.child_id)
    text = json.dumps(exported(plan), ensure_ascii=False, indent=1)
    return download(text, "application/json", "plan.json")


def exported(plan: Plan) -> dict[str, Any]:
    version = plan.current
    scan_id = version and version.scan_id
    photo = plan.child.photo
    return {
        "format": "kannerplang-plan-1",
        "exported": clock().isoformat(),
        "plan": str(plan.id),
        "child": {name: plan.child.secrets.get(name, "") for name in CHILD},
        "content": version and asdict(document.content_of(version)),
        "code": version and version.code,
        "contacts": [{"kind": row.kind} | row.secrets for row in Contact.of(plan.child_id)],
        "kit": [row.secrets for row in KitUnit.of(plan.id)],
        "places": PlacePhoto.of(plan.id),
        "signatures": [row.secrets for row in held.signatures_of(scan_id)] if scan_id else [],
        "photo": photo and photo.sha256,
        "scan": held.scan_of(scan_id) if scan_id else [],
        "versions": [linked(row) for row in plan.versions.order_by(PlanVersion.no)],
    }


def linked(version: PlanVersion) -> dict[str, Any]:
    """A link of the chain: its hash covers its words and the hash before it."""
    return {
        "no": version.no,
        "state": version.state,
        "mode": version.mode,
        "created": version.created.isoformat(),
        "checked": version.checked and version.checked.isoformat(),
        "before": version.prev_hash,
        "hash": version.hash,
        "signature": b64encode(bytes(version.signature)).decode(),
    }
