"""The crèche: its board for everybody there, and what its people look after behind it."""

from collections.abc import Callable, Iterable
from typing import Any
from uuid import UUID

from flask import (
    Blueprint,
    Response,
    abort,
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
from flask_wtf import FlaskForm
from wtforms import BooleanField

import access
import endings
import nurseries
import offline
import plan
from database import DomainError, clock, db, today
from models import Audit, Device, DeviceKind, DeviceState, Grant, Nursery, PaperChild, Room, Staff
from views import guards, passkeys, release, rendering, rosters, words
from views.fields import a_choice, as_id, hour_line, next_at, one_line, one_of, options, required
from views.guards import allowed, get_or_404, in_nursery
from views.rendering import absolute, code_page, page_or_fragment, sentence, wants_fragment

bp = Blueprint("nursery", __name__, url_prefix="/nursery")


class RoomForm(FlaskForm):
    name = one_line(_l("Name of the room"), required(), length=60)


class PersonForm(FlaskForm):
    name = one_line(_l("Name"), required(), length=80)
    role = a_choice(_l("Role"), words.STAFF_ROLES)


class PaperForm(FlaskForm):
    name = one_line(_l("Name on the board"), required(), length=80)
    peg_sign = a_choice(_l("Peg sign"), {"": _l("None"), **words.PEG_SIGNS})
    condition = a_choice(_l("Condition"), words.CONDITIONS)
    place = one_line(_l("Where the paper is"), required(), length=120)
    room = a_choice(_l("Room"))


class GrantRoomForm(FlaskForm):
    room = a_choice(_l("Room"))


class DeviceForm(FlaskForm):
    kind = one_of(_l("What is it?"), words.DEVICE_KINDS, DeviceKind.TABLET)
    name = one_line(_l("Name of the device"), required(), length=60)
    room = a_choice(_l("Room"))
    staff = a_choice(_l("Whose phone"), default="")
    until = hour_line(_l("A pass ends at"))
    replaces = a_choice(_l("In place of"), default="")
    can_call = BooleanField(_l("It can make phone calls"))


# ── which nursery ────────────────────────────────────────────────────────────────────────────────


@bp.url_defaults
def stay(endpoint: str, values: dict[str, Any]) -> None:
    """Links between these pages stay in the nursery that was chosen."""
    if chosen := request.args.get("nursery", type=UUID):
        values.setdefault("nursery", chosen)


@bp.before_request
def person_needed() -> ResponseReturnValue | None:
    """A tablet stands here without a person: it reads what it holds, whoever manages signs in."""
    held = {"nursery.board", "nursery.emergency"}
    if g.actor.person is None and request.endpoint not in held:
        return guards.to_sign_in()
    return None


# ── the board, and what waits ────────────────────────────────────────────────────────────────────


@bp.get("")
@allowed("nursery.board")
def board() -> ResponseReturnValue:
    return of_nursery("board")


@bp.get("/emergency")
@allowed("nursery.board")
def emergency() -> ResponseReturnValue:
    """A child without a plan here."""
    return of_nursery("another")


def of_nursery(kind: str) -> ResponseReturnValue:
    """The page that devices hold as well, of the nursery asked for, the device's or the first."""
    mine = Nursery.visible_to(g.actor).order_by(Nursery.name)
    device = g.actor.device
    chosen = request.args.get("nursery", type=UUID) or (device and device.nursery_id)
    nursery = get_or_404(mine, chosen) if chosen else mine.first() or abort(404)
    visits = device and device.is_listed and nursery.id not in g.actor.staffed
    return release.online(device if visits else nursery, kind, clock())


@bp.get("/manage")
@in_nursery("nursery.read")
def manage(nursery: Nursery) -> ResponseReturnValue:
    others = Nursery.select().where(Nursery.id.in_(g.actor.staffed), Nursery.id != nursery.id)
    manages = access.can(g.actor, "nursery.manage", nursery)
    return render_template(
        "nursery/manage.html",
        nursery=nursery,
        others=list(others.order_by(Nursery.name)),
        shares=rosters.shares(nursery, g.actor) if manages else None,
        devices=rosters.devices(nursery, clock()) if manages else None,
        present=len(rosters.present(nursery, today())),
        paper=nursery.paper_children.count(),
        people=nursery.staff.where(Staff.ended.is_null()).count(),
    )


# ── shares ───────────────────────────────────────────────────────────────────────────────────────


@bp.get("/shares")
@in_nursery("nursery.manage")
def shares(nursery: Nursery) -> ResponseReturnValue:
    return shares_page(nursery)


@bp.post("/shares/<uuid:grant_id>/room")
@allowed("grant.answer", Grant)
def grant_room(grant: Grant) -> ResponseReturnValue:
    form = GrantRoomForm()
    form.room.choices = options(room_names(grant.nursery))
    if not form.validate_on_submit():
        return shares_page(grant.nursery, 422, problem=form.errors["room"][0])
    nurseries.change_room(grant, as_id(form.room.data))
    Audit.note(g.actor, "grant.room", grant.id, child=grant.child_id)
    return done(_("The room is changed."), "shares", lambda: shares_page(grant.nursery))


@bp.post("/shares/<uuid:grant_id>/acceptance")
@allowed("grant.answer", Grant)
def accept(grant: Grant) -> ResponseReturnValue:
    """For a plan that is in force already; one that waits is accepted with its check."""
    form = GrantRoomForm()
    form.room.choices = options(room_names(grant.nursery))
    if not form.validate_on_submit():
        return shares_page(grant.nursery, 422, problem=form.errors["room"][0])
    try:
        nurseries.accept(grant, as_id(form.room.data), g.actor.person, clock())
    except DomainError as refused:
        return shares_page(grant.nursery, 409, problem=sentence(refused))
    Audit.note(g.actor, "grant.accept", grant.id, child=grant.child_id)
    return done(_("Accepted."), "shares", lambda: shares_page(grant.nursery))


@bp.get("/shares/<uuid:grant_id>/refusal")
@allowed("grant.answer", Grant)
def refusal(grant: Grant) -> ResponseReturnValue:
    return confirmation(
        "shares",
        _("Refuse this plan?"),
        _("%(name)s's family sees that you refused. They can offer it again.", name=name(grant)),
        _("Refuse"),
    )


@bp.post("/shares/<uuid:grant_id>/refusal")
@allowed("grant.answer", Grant)
def refuse(grant: Grant) -> ResponseReturnValue:
    plan.decline(grant, clock())
    Audit.note(g.actor, "grant.refuse", grant.id, child=grant.child_id)
    return done(_("Refused."), "shares")


@bp.get("/shares/<uuid:grant_id>/departure")
@allowed("grant.left", Grant)
def departure(grant: Grant) -> ResponseReturnValue:
    return confirmation(
        "shares",
        _("Has %(name)s left the crèche?", name=name(grant)),
        _(
            "Sharing ends now, and each tablet erases its copy at its next contact. "
            "Give the paper plan and the medicine back to the family."
        ),
        _("Yes, the child has left"),
    )


@bp.post("/shares/<uuid:grant_id>/departure")
@allowed("grant.left", Grant)
def depart(grant: Grant) -> ResponseReturnValue:
    with db.atomic():
        nurseries.child_left(grant, g.actor.person, clock())
        endings.tell_of_sharing(grant.child_id, g.actor.person, clock())
    Audit.note(g.actor, "grant.left", grant.id, child=grant.child_id)
    return done(_("Noted. The tablets erase their copies."), "shares")


@bp.get("/kits")
@in_nursery("nursery.read")
def kits(nursery: Nursery) -> ResponseReturnValue:
    """What is in the house, the first to run out on top."""
    boxes = rosters.kits(nursery, today())
    return render_template("nursery/kits.html", nursery=nursery, boxes=boxes)


# ── people and rooms ─────────────────────────────────────────────────────────────────────────────


@bp.get("/people")
@in_nursery("nursery.read")
def people(nursery: Nursery) -> ResponseReturnValue:
    return people_page(nursery)


@bp.post("/people")
@in_nursery("nursery.manage")
def add_person(nursery: Nursery) -> ResponseReturnValue:
    form = PersonForm()
    if not form.validate_on_submit():
        return people_page(nursery, 422, form=form)
    row = nurseries.add_staff(nursery, form.name.data, form.role.data, clock())
    Audit.note(g.actor, "staff.add", row.id)
    return done(_("Added."), "people", lambda: people_page(nursery))


@bp.post("/people/<uuid:staff_id>/invitations")
@allowed("nursery.manage", Staff)
def invite_person(staff: Staff) -> ResponseReturnValue:
    """The answer is the page itself: only a hash of the link is kept, so it is shown once."""
    secret = nurseries.invite(staff, clock())
    Audit.note(g.actor, "staff.invite", staff.id)
    link = absolute(url_for("invitations.show", token=secret))
    return render_template("nursery/invitation.html", staff=staff, link=link)


@bp.get("/people/<uuid:staff_id>/end")
@allowed("nursery.manage", Staff)
def ending(staff: Staff) -> ResponseReturnValue:
    return confirmation(
        "people",
        _("Does %(name)s no longer work here?", name=staff.name),
        _("The person sees nothing of this crèche from the next page on."),
        _("Yes, end it"),
    )


@bp.post("/people/<uuid:staff_id>/end")
@allowed("nursery.manage", Staff)
def end_person(staff: Staff) -> ResponseReturnValue:
    nurseries.end_staff(staff, clock())
    Audit.note(g.actor, "staff.end", staff.id)
    return done(_("Ended."), "people" if staff.person_id != g.actor.person_id else "board")


@bp.get("/rooms")
@in_nursery("nursery.manage")
def rooms(nursery: Nursery) -> ResponseReturnValue:
    return rooms_page(nursery)


@bp.post("/rooms")
@in_nursery("nursery.manage")
def add_room(nursery: Nursery) -> ResponseReturnValue:
    form = RoomForm()
    if not form.validate_on_submit():
        return rooms_page(nursery, 422, form=form)
    nurseries.add_room(nursery, form.name.data)
    return done(_("Added."), "rooms", lambda: rooms_page(nursery))


@bp.post("/rooms/<uuid:room_id>")
@allowed("nursery.manage", Room)
def rename_room(room: Room) -> ResponseReturnValue:
    form = RoomForm()
    if not form.validate_on_submit():
        return rooms_page(room.nursery, 422, problem=form.errors["name"][0])
    nurseries.rename_room(room, form.name.data)
    return done(_("Saved."), "rooms", lambda: rooms_page(room.nursery))


@bp.post("/rooms/<uuid:room_id>/moves")
@allowed("nursery.manage", Room)
def move_room(room: Room) -> ResponseReturnValue:
    nurseries.move_room_up(room)
    return done(_("Saved."), "rooms", lambda: rooms_page(room.nursery))


# ── children whose plan is on paper only ─────────────────────────────────────────────────────────


@bp.get("/paper")
@in_nursery("paper.edit")
def paper(nursery: Nursery) -> ResponseReturnValue:
    return paper_page(nursery)


@bp.post("/paper")
@in_nursery("paper.edit")
def add_paper(nursery: Nursery) -> ResponseReturnValue:
    form = paper_form(nursery)
    if not form.validate_on_submit():
        return paper_page(nursery, 422, form=form)
    nurseries.add_paper(nursery, facts_of(form))
    return done(_("Added to the board."), "paper", lambda: paper_page(nursery))


@bp.get("/paper/<uuid:paper_child_id>")
@allowed("paper.edit", PaperChild)
def edit_paper(paper_child: PaperChild) -> ResponseReturnValue:
    form = paper_form(paper_child.nursery, paper_child)
    return render_template("nursery/paper_child.html", child=paper_child, form=form)


@bp.post("/paper/<uuid:paper_child_id>")
@allowed("paper.edit", PaperChild)
def save_paper(paper_child: PaperChild) -> ResponseReturnValue:
    form = paper_form(paper_child.nursery)
    if not form.validate_on_submit():
        return render_template("nursery/paper_child.html", child=paper_child, form=form), 422
    nurseries.change_paper(paper_child, facts_of(form))
    return done(_("Saved."), "paper")


@bp.get("/paper/<uuid:paper_child_id>/removal")
@allowed("paper.edit", PaperChild)
def paper_removal(paper_child: PaperChild) -> ResponseReturnValue:
    return confirmation(
        "paper",
        _("Take %(name)s off the board?", name=paper_child.name),
        _("Do this when the child has left or has no plan any more."),
        _("Take off the board"),
    )


@bp.post("/paper/<uuid:paper_child_id>/removal")
@allowed("paper.edit", PaperChild)
def remove_paper(paper_child: PaperChild) -> ResponseReturnValue:
    nurseries.remove_paper(paper_child)
    return done(_("Taken off the board."), "paper")


# ── who is here today ────────────────────────────────────────────────────────────────────────────


@bp.get("/presence")
@in_nursery("presence.note")
def presence(nursery: Nursery) -> ResponseReturnValue:
    return presence_page(nursery)


@bp.post("/presence")
@in_nursery("presence.note")
def note_presence(nursery: Nursery) -> ResponseReturnValue:
    """Only what the person changed is written: two people may fill the same list in."""
    day = today()
    if request.form.get("day") != day.isoformat():
        return presence_page(nursery, 409, problem=_("A new day has begun. Tick again."))
    ticked, was = (set(request.form.getlist(name)) for name in ("here", "was"))
    mine = [child.id for _, children in rosters.by_room(nursery) for child in children]
    come = [key for key in mine if str(key) in ticked - was]
    gone = [key for key in mine if str(key) in was - ticked]
    nurseries.note_presence(nursery, day, come, gone, clock())
    return done(_("Saved."), "presence", lambda: presence_page(nursery))


# ── tablets ──────────────────────────────────────────────────────────────────────────────────────


@bp.get("/devices")
@in_nursery("device.manage")
def devices(nursery: Nursery) -> ResponseReturnValue:
    return devices_page(nursery)


@bp.post("/devices")
@in_nursery("device.manage")
def invite(nursery: Nursery) -> ResponseReturnValue:
    """The answer is the page itself: only a hash of the code is kept, so it is shown once."""
    form = device_form(nursery)
    if not form.validate_on_submit():
        return devices_page(nursery, 422, form=form)
    room, now = as_id(form.room.data), clock()
    try:
        device, letters = offline.invite(
            nursery,
            room,
            form.name.data,
            form.can_call.data,
            g.actor.person,
            now,
            kind=form.kind.data,
            staff=as_id(form.staff.data) if form.kind.data == DeviceKind.PHONE else None,
            replaces=as_id(form.replaces.data),
            ends=next_at(form.until.data, now) if form.until.data else None,
        )
    except DomainError as refused:
        return devices_page(nursery, 409, form=form, problem=sentence(refused))
    Audit.note(g.actor, "device.invite", device.id)
    return code_page(device, letters)


@bp.get("/devices/<uuid:device_id>")
@allowed("device.manage", Device)
def device(device: Device) -> ResponseReturnValue:
    return device_page(device)


@bp.get("/devices/<uuid:device_id>/enrolment")
@allowed("device.manage", Device)
def enrolment(device: Device) -> ResponseReturnValue:
    """What the page with the code asks every few seconds: has the tablet come?"""
    if not wants_fragment():
        return redirect(url_for(".device", device_id=device.id), 303)
    return render_template("nursery/_enrolment.html", device=device, digits=digits(device))


@bp.post("/devices/<uuid:device_id>/approval")
@allowed("device.manage", Device)
def approve(device: Device) -> ResponseReturnValue:
    proof, now = request.form.get("proof"), clock()
    try:
        if device.public_key is None:
            raise DomainError("device-not-waiting")
        passkeys.proved(g.actor.person, proof, APPROVAL, rosters.key_mark(device), now)
        offline.approve(device, g.actor.person, now)
    except DomainError as refused:
        return device_page(device, 409, problem=sentence(refused))
    Audit.note(g.actor, "device.approve", device.id)
    return done(_("The tablet is in use. It now fetches the plans."), "devices")


@bp.get("/devices/<uuid:device_id>/removal")
@allowed("device.manage", Device)
def removal(device: Device) -> ResponseReturnValue:
    return confirmation(
        "devices",
        _("Remove the tablet “%(name)s”?", name=device.name),
        _("It erases its plans at its next contact. Until then it may still hold them."),
        _("Remove"),
    )


@bp.post("/devices/<uuid:device_id>/removal")
@allowed("device.manage", Device)
def remove(device: Device) -> ResponseReturnValue:
    offline.end(device, DeviceState.REVOKED, clock())
    Audit.note(g.actor, "device.remove", device.id)
    return done(_("Removed. It erases its plans at its next contact."), "devices")


@bp.get("/devices/<uuid:device_id>/loss")
@allowed("device.manage", Device)
def loss(device: Device) -> ResponseReturnValue:
    return confirmation(
        "devices",
        _("Report the tablet “%(name)s” as lost?", name=device.name),
        _(
            "It erases everything at its next contact. "
            "The families see at once which plans it may still hold."
        ),
        _("Report as lost"),
        names=rosters.held_by(device),
    )


@bp.post("/devices/<uuid:device_id>/loss")
@allowed("device.manage", Device)
def lose(device: Device) -> ResponseReturnValue:
    offline.end(device, DeviceState.LOST, clock())
    Audit.note(g.actor, "device.lose", device.id)
    return done(_("Reported as lost. The families are told."), "devices")


# ── pages and their parts ────────────────────────────────────────────────────────────────────────

APPROVAL = "device-approve"


def shares_page(nursery: Nursery, status: int = 200, problem: str = "") -> Response:
    return page_or_fragment(
        "nursery/shares.html",
        "nursery/_shares.html",
        status,
        nursery=nursery,
        shares=rosters.shares(nursery, g.actor),
        rooms=room_names(nursery),
        problem=problem,
    )


def people_page(nursery: Nursery, status: int = 200, form: PersonForm | None = None) -> Response:
    manages = access.can(g.actor, "nursery.manage", nursery)
    return page_or_fragment(
        "nursery/people.html",
        "nursery/_people.html",
        status,
        staff=rosters.staff(nursery),
        form=(form or PersonForm(formdata=None)) if manages else None,
    )


def rooms_page(
    nursery: Nursery, status: int = 200, form: RoomForm | None = None, problem: str = ""
) -> Response:
    return page_or_fragment(
        "nursery/rooms.html",
        "nursery/_rooms.html",
        status,
        rooms=list(nursery.rooms.order_by(Room.rank, Room.name)),
        form=form or RoomForm(formdata=None),
        problem=problem,
    )


def paper_page(nursery: Nursery, status: int = 200, form: PaperForm | None = None) -> Response:
    return page_or_fragment(
        "nursery/paper.html",
        "nursery/_paper.html",
        status,
        children=rosters.paper(nursery),
        form=form or paper_form(nursery, fresh=True),
    )


def presence_page(nursery: Nursery, status: int = 200, problem: str = "") -> Response:
    day = today()
    return page_or_fragment(
        "nursery/presence.html",
        "nursery/_presence.html",
        status,
        groups=rosters.by_room(nursery),
        here=rosters.present(nursery, day),
        day=day,
        problem=problem,
    )


def devices_page(
    nursery: Nursery, status: int = 200, form: DeviceForm | None = None, problem: str = ""
) -> ResponseReturnValue:
    return (
        render_template(
            "nursery/devices.html",
            devices=rosters.devices(nursery, clock()),
            form=form or device_form(nursery, fresh=True),
            problem=problem,
        ),
        status,
    )


def device_page(device: Device, status: int = 200, problem: str = "") -> ResponseReturnValue:
    person = g.actor.person
    page = render_template(
        "nursery/device.html",
        device=device,
        digits=digits(device),
        names=rosters.held_by(device),
        approval=APPROVAL,
        about=rosters.key_mark(device),
        by_passkey=not current_app.config["DEMO"] or person.passkeys.exists(),
        problem=problem,
    )
    return page, status


def confirmation(
    back: str, title: str, text: str, act: str, names: Iterable[str] = ()
) -> ResponseReturnValue:
    return rendering.confirmation(title, text, act, url_for(f".{back}"), "nursery", names)


def done(said: str, endpoint: str, part: Callable | None = None) -> ResponseReturnValue:
    """After a change: the fresh part for htmx, else the page anew, saying that it worked."""
    if part and wants_fragment():
        return part()
    flash(said)
    return redirect(url_for(f".{endpoint}"), 303)


# ── forms and small words ────────────────────────────────────────────────────────────────────────


def room_names(nursery: Nursery, none: str = "") -> dict[str, str]:
    rows = nursery.rooms.order_by(Room.rank, Room.name)
    names = {str(room.id): room.name for room in rows}
    return {"": none or _("Not in a room yet"), **names}


def paper_form(nursery: Nursery, child: PaperChild | None = None, fresh: bool = False) -> PaperForm:
    form = PaperForm(formdata=None) if fresh else PaperForm(obj=child)
    form.room.choices = options(room_names(nursery))
    if child and not form.is_submitted():
        form.room.data = str(child.room_id or "")
    return form


def device_form(nursery: Nursery, fresh: bool = False) -> DeviceForm:
    form = DeviceForm(formdata=None) if fresh else DeviceForm()
    form.room.choices = options(room_names(nursery, _("All rooms")))
    people = {str(row.id): row.name for row in rosters.staff(nursery)}
    form.staff.choices = options({"": _("Nobody’s"), **people})
    old = [row.device for row in rosters.devices(nursery, clock())]
    here = {str(one.id): one.name for one in old if one.state in Device.OPEN}
    form.replaces.choices = options({"": _("No other device"), **here})
    return form


def facts_of(form: PaperForm) -> dict[str, Any]:
    facts = {field: form[field].data for field in ("name", "peg_sign", "condition", "place")}
    return facts | {"room": as_id(form.room.data)}


def name(grant: Grant) -> str:
    return grant.child.first_name


def digits(device: Device) -> str:
    """Six digits in two groups, as on the tablet; nothing while no tablet has come."""
    six = offline.digits(device) if device.public_key else ""
    return f"{six[:3]} {six[3:]}".strip()
