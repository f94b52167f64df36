"""A family's place: its children, their photo and facts, whom to call, who may hold the plan."""

import re
from datetime import timedelta
from typing import Any
from uuid import UUID

from babel import Locale
from flask import Blueprint, Response, abort, flash, g, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired
from wtforms import StringField
from wtforms.validators import Optional, StopValidation, ValidationError

import endings
import images
import plan as document
from access import can
from database import DataKey, DomainError, Sealed, clock, db, today
from models import (
    Audit,
    Blob,
    Child,
    Contact,
    ContactKind,
    Grant,
    Guardian,
    Nursery,
    Person,
    Plan,
)
from offices import CareRequest, Notice
from remarks import Note
from views import family, headers, passkeys
from views.fields import (
    Day,
    a_day,
    at_most,
    not_future,
    not_past,
    one_line,
    one_of,
    phone_line,
    readable,
    required,
    tidy,
)
from views.guards import allowed, get_or_404, slow_down
from views.rendering import (
    LANGUAGE_NAMES,
    LOCALES,
    code,
    language_name,
    page_or_fragment,
    sentence,
    wants_fragment,
)
from views.words import CONTACT_KINDS, PEG_SIGNS

bp = Blueprint("children", __name__)

NAME = 80
OLDEST = timedelta(days=5 * 366)  # for children of 0 to 4; a little more, to grow out of it here
UPLOADS = 20  # photos a person may send in an hour
CODES = 20  # codes of crèches a person may try in an hour
STEPS = {"up": -1, "down": 1}


# ── fields ───────────────────────────────────────────────────────────────────────────────────────


class Languages(StringField):
    """Typed and shown in the reader's words; known ones are kept as codes, for all to read."""

    def process_data(self, value: str | None) -> None:
        self.data = ", ".join(language_name(tag) for tag in _parts(value or ""))

    def populate_obj(self, row: Any, name: str) -> None:
        names = Locale.parse(LOCALES[code()]).languages
        tags = {word.casefold(): tag for tag, word in LANGUAGE_NAMES.items()}
        tags |= {word.casefold(): tag for tag, word in names.items() if len(tag) == len("fr")}
        setattr(row, name, ", ".join(tags.get(w.casefold(), w) for w in _parts(self.data or "")))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def language_list(label: Any) -> Languages:
    return Languages(label, filters=[tidy], validators=[Optional(), readable, at_most(120)])


def needed_in_an_emergency(form: FlaskForm, field: StringField) -> None:
    """Who only answers questions may be on the paper without a number."""
    if not field.data and form.kind.data != ContactKind.QUESTIONS:
        raise StopValidation(_l("Without a number nobody can call."))


# ── forms ────────────────────────────────────────────────────────────────────────────────────────


class ChildForm(FlaskForm):
    first_name = one_line(_l("First name"), required(), length=NAME)
    family_name = one_line(_l("Family name"), required(), length=NAME)
    born = a_day(_l("Born on"), required(), not_future)
    weight = one_line(_l("Weight in kilograms"), length=10)
    weighed_on = a_day(_l("Weighed on"), not_future)
    languages = language_list(_l("Languages at home"))
    peg_sign = one_of(_l("Peg sign"), {"": _l("None yet"), **PEG_SIGNS})

    def validate_born(self, field: Day) -> None:
        """A child that has grown older here is still edited."""
        changed = field.data and field.data != field.object_data
        if changed and field.data < today() - OLDEST:
            raise ValidationError(
                _l("Kannerplang is for children of 0 to 4 years. Is the year right?")
            )

    def validate_weight(self, field: StringField) -> None:
        if not re.fullmatch(r"[0-9]{1,2}([.,][0-9]{1,3})?", field.data):
            raise ValidationError(_l("A number of kilograms, for example 13.2"))

    def validate_weighed_on(self, field: Day) -> None:
        if self.born.data and field.data and field.data < self.born.data:
            raise ValidationError(_l("This is before the child was born."))
        if self.weight.data and not field.data:
            raise ValidationError(_l("On which day was the child weighed?"))


class PhotoForm(FlaskForm):
    photo = FileField(_l("Photo"), validators=[FileRequired(message=_l("Choose a photo first."))])


class ContactForm(FlaskForm):
    kind = one_of(_l("When to call"), CONTACT_KINDS, ContactKind.EMERGENCY)
    name = one_line(_l("Name"), required(), length=NAME)
    relation = one_line(_l("Who that is"), length=NAME)
    phone = phone_line(_l("Phone"), needed_in_an_emergency)
    phone_2 = phone_line(_l("Second phone"), Optional())
    phone_3 = phone_line(_l("Third phone"), Optional())
    reach = one_line(_l("How and when to reach"))
    languages = language_list(_l("Languages"))
    collects = one_line(_l("May collect the child"), length=120)

    @classmethod
    def of(cls, contact: Contact) -> "ContactForm":
        first, second, third, *_ = (*contact.phones, "", "", "")
        return cls(obj=contact, phone=first, phone_2=second, phone_3=third)

    def write_to(self, contact: Contact) -> None:
        kind = contact.kind
        for field in (self.kind, self.name, self.relation, self.reach, self.collects):
            field.populate_obj(contact, field.name)
        self.languages.populate_obj(contact, "languages")
        phones = (self.phone.data, self.phone_2.data, self.phone_3.data)
        contact.phones = [number for number in phones if number]
        if contact.rank is None or contact.kind != kind:
            contact.put_last()


class ShareForm(FlaskForm):
    code = one_line(_l("Code of the crèche"), required(), length=20)
    until = a_day(_l("Last day, if there is one"), not_past)


# ── home and child ───────────────────────────────────────────────────────────────────────────────


@bp.get("/home")
@allowed("home.read")
def home() -> ResponseReturnValue:
    children = Child.guarded_by(g.actor).order_by(Child.created)
    situations = family.situations(children, g.actor, today())
    return render_template(
        "children/index.html",
        situations=situations,
        today=today(),
        appointment=CareRequest.next_of(g.actor, clock()),
        unread=Notice.visible_to(g.actor).where(Notice.read.is_null()).count(),
    )


@bp.get("/children/new")
@allowed("child.create")
def new() -> ResponseReturnValue:
    return render_template("children/new.html", form=ChildForm())


@bp.post("/children/new")
@allowed("child.create")
def create() -> ResponseReturnValue:
    form = ChildForm()
    if not form.validate_on_submit():
        return render_template("children/new.html", form=form), 422
    with db.atomic():
        child = _same_child(form) or _make_child(form)
    flash(_("The child is here now. Next: whom to call, then the signed paper."))
    return redirect(url_for(".show", child_id=child.id), 303)


def _same_child(form: ChildForm) -> Child | None:
    """A form that was sent twice adds one child."""
    typed = (form.first_name.data, form.family_name.data, form.born.data)
    for child in Sealed.open_all(Child.guarded_by(g.actor)):
        if (child.first_name, child.family_name, child.born) == typed:
            return child
    return None


def _make_child(form: ChildForm) -> Child:
    child = Child(data_key=DataKey.make())
    form.populate_obj(child)
    child.save(force_insert=True)
    Guardian.create(person=g.actor.person, child=child)
    return child


@bp.get("/children/<uuid:child_id>")
@allowed("child.read", Child)
def show(child: Child) -> ResponseReturnValue:
    (situation,) = family.situations([child], g.actor, today())
    return render_template(
        "children/show.html",
        child=child,
        situation=situation,
        may_edit=situation.may_edit,
        guardians=family.guardians(child),
        contacts=Contact.of(child.id),
        notes=Note.of(child.id, today()),
        today=today(),
    )


@bp.get("/children/<uuid:child_id>/edit")
@allowed("child.edit", Child)
def edit(child: Child) -> ResponseReturnValue:
    return edit_page(child, ChildForm(obj=child), PhotoForm())


@bp.post("/children/<uuid:child_id>/edit")
@allowed("child.edit", Child)
def save(child: Child) -> ResponseReturnValue:
    form = ChildForm(obj=child)
    if not form.validate_on_submit():
        return edit_page(child, form, PhotoForm(formdata=None), 422)
    with db.atomic():
        form.populate_obj(child)
        child.save()
        Plan.touch(child.id)
        Audit.note(g.actor, "child.edit", child.id, child=child.id)
    flash(_("Saved."))
    return redirect(url_for(".show", child_id=child.id), 303)


def edit_page(
    child: Child, form: ChildForm, photo_form: PhotoForm, status: int = 200
) -> ResponseReturnValue:
    page = render_template("children/edit.html", child=child, form=form, photo_form=photo_form)
    return page, status


# ── photo ────────────────────────────────────────────────────────────────────────────────────────


@bp.get("/children/<uuid:child_id>/photo")
@allowed("child.photo", Child)
def photo(child: Child) -> ResponseReturnValue:
    if child.photo_id is None:
        abort(404)
    response = Response(child.photo.read(), mimetype="image/jpeg")
    response.headers.update(headers.PICTURE)
    return response


@bp.post("/children/<uuid:child_id>/photo")
@allowed("child.edit", Child)
def take_photo(child: Child) -> ResponseReturnValue:
    form = PhotoForm()
    made = form.validate_on_submit() and _redrawn(form)
    if not made:
        return edit_page(child, ChildForm(formdata=None, obj=child), form, 422)
    _change_photo(child, made)
    flash(_("The new photo is in place."))
    return redirect(url_for(".show", child_id=child.id), 303)


@bp.get("/children/<uuid:child_id>/photo/removal")
@allowed("child.edit", Child)
def photo_removal(child: Child) -> ResponseReturnValue:
    return render_template("children/photo_removal.html", child=child)


@bp.post("/children/<uuid:child_id>/photo/removal")
@allowed("child.edit", Child)
def remove_photo(child: Child) -> ResponseReturnValue:
    _change_photo(child, None)
    flash(_("The photo is removed."))
    return redirect(url_for(".show", child_id=child.id), 303)


def _redrawn(form: PhotoForm) -> bytes | None:
    """The photo as only our own decoder draws it, or a sentence beside the field."""
    try:
        slow_down(f"upload:{g.actor.person_id}", UPLOADS)
        return images.photo(form.photo.data.read())
    except DomainError as refusal:
        form.photo.errors = [sentence(refusal)]
        return None


def _change_photo(child: Child, made: bytes | None) -> None:
    with db.atomic():
        child = Child.get_by_id(child.id)  # decoding took its time: another may have saved facts
        child.change_photo(Blob.keep(made, child.data_key_id) if made else None, today())
        Plan.touch(child.id)
        Audit.note(g.actor, "child.photo", child.id, child=child.id)


# ── whom to call ─────────────────────────────────────────────────────────────────────────────────


@bp.get("/children/<uuid:child_id>/contacts")
@allowed("child.read", Child)
def contacts(child: Child) -> ResponseReturnValue:
    return contacts_page(child)


@bp.get("/children/<uuid:child_id>/contacts/new")
@allowed("contact.edit", Child)
def new_contact(child: Child) -> ResponseReturnValue:
    wanted = request.args.get("kind")
    kind = wanted if wanted in CONTACT_KINDS else ContactKind.EMERGENCY
    return contact_page(child, None, ContactForm(kind=kind))


@bp.post("/children/<uuid:child_id>/contacts/new")
@allowed("contact.edit", Child)
def add_contact(child: Child) -> ResponseReturnValue:
    form = ContactForm()
    if not form.validate_on_submit():
        return contact_page(child, None, form, 422)
    contact = Contact(child=child, data_key=child.data_key_id)
    _keep_contact(contact, form, force_insert=True)
    flash(_("The person is on the list."))
    return redirect(url_for(".contacts", child_id=child.id), 303)


@bp.get("/children/<uuid:child_id>/contacts/<uuid:contact_id>")
@allowed("contact.edit", Child)
def edit_contact(child: Child, contact_id: UUID) -> ResponseReturnValue:
    contact = get_or_404(child.contacts, contact_id)
    return contact_page(child, contact, ContactForm.of(contact))


@bp.post("/children/<uuid:child_id>/contacts/<uuid:contact_id>")
@allowed("contact.edit", Child)
def save_contact(child: Child, contact_id: UUID) -> ResponseReturnValue:
    contact = get_or_404(child.contacts, contact_id)
    form = ContactForm()
    if not form.validate_on_submit():
        return contact_page(child, contact, form, 422)
    _keep_contact(contact, form)
    flash(_("Saved."))
    return redirect(url_for(".contacts", child_id=child.id), 303)


@bp.post("/children/<uuid:child_id>/contacts/<uuid:contact_id>/moves")
@allowed("contact.edit", Child)
def move_contact(child: Child, contact_id: UUID) -> ResponseReturnValue:
    contact = get_or_404(child.contacts, contact_id)
    step = request.form.get("step", "")
    with db.atomic():
        contact.move(STEPS.get(step) or abort(400))
        Plan.touch(child.id)
        Audit.note(g.actor, "contact.edit", contact.id, child=child.id)
    if wants_fragment():
        return contacts_page(child, moved=contact.id, step=step)
    return redirect(url_for(".contacts", child_id=child.id), 303)


@bp.get("/children/<uuid:child_id>/contacts/<uuid:contact_id>/removal")
@allowed("contact.edit", Child)
def contact_removal(child: Child, contact_id: UUID) -> ResponseReturnValue:
    contact = get_or_404(child.contacts, contact_id)
    return render_template("children/contact_removal.html", child=child, contact=contact)


@bp.post("/children/<uuid:child_id>/contacts/<uuid:contact_id>/removal")
@allowed("contact.edit", Child)
def remove_contact(child: Child, contact_id: UUID) -> ResponseReturnValue:
    contact = get_or_404(child.contacts, contact_id)
    with db.atomic():
        contact.delete_instance()
        Plan.touch(child.id)
        Audit.note(g.actor, "contact.edit", contact.id, child=child.id)
    flash(_("The person is off the list."))
    return redirect(url_for(".contacts", child_id=child.id), 303)


def _keep_contact(contact: Contact, form: ContactForm, **more: Any) -> None:
    with db.atomic():
        form.write_to(contact)
        contact.save(**more)
        Plan.touch(contact.child_id)
        Audit.note(g.actor, "contact.edit", contact.id, child=contact.child_id)


def contacts_page(child: Child, **moved: Any) -> ResponseReturnValue:
    return page_or_fragment(
        "children/contacts.html",
        "children/_contacts.html",
        child=child,
        contacts=Contact.of(child.id),
        may_edit=can(g.actor, "contact.edit", child),
        **moved,
    )


def contact_page(
    child: Child, contact: Contact | None, form: ContactForm, status: int = 200
) -> ResponseReturnValue:
    page = render_template("children/contact.html", child=child, contact=contact, form=form)
    return page, status


# ── who may open and hold the plan ───────────────────────────────────────────────────────────────


@bp.get("/children/<uuid:child_id>/access")
@allowed("child.read", Child)
def access(child: Child) -> ResponseReturnValue:
    return access_page(child, ShareForm(until=endings.last_day(child, today())))


@bp.post("/children/<uuid:child_id>/access")
@allowed("child.share", Child)
def find_nursery(child: Child) -> ResponseReturnValue:
    """First look which crèche it is: a code mistyped must not reach a stranger."""
    form = ShareForm()
    nursery = form.validate_on_submit() and _nursery_of(child, form)
    if not nursery:
        return access_page(child, form, 422)
    return share_page(child, form, nursery)


@bp.post("/children/<uuid:child_id>/access/grants")
@allowed("child.share", Child)
def share(child: Child) -> ResponseReturnValue:
    form = ShareForm()
    nursery = form.validate_on_submit() and _nursery_of(child, form)
    if not nursery:
        return access_page(child, form, 422)
    try:
        about = share_subject(child, nursery)
        passkeys.proved(g.actor.person, request.form.get("proof"), "share", about, clock())
    except DomainError:
        problem = sentence(DomainError("passkey-needed"))  # whatever was wrong with the answer
        return share_page(child, form, nursery, 403, problem)
    with db.atomic():
        grant = document.offer(child, nursery.id, g.actor.person, form.until.data)
        endings.tell_of_sharing(child.id, g.actor.person, clock())
    Audit.note(g.actor, "child.share", grant.id, child=child.id)
    flash(_("%(nursery)s can now look at the plan and take it.", nursery=nursery.name))
    return redirect(url_for(".access", child_id=child.id), 303)


@bp.get("/children/<uuid:child_id>/access/grants/<uuid:grant_id>/end")
@allowed("child.share", Child)
def grant_end(child: Child, grant_id: UUID) -> ResponseReturnValue:
    grant = get_or_404(child.grants, grant_id)
    others = [one for one in family.guardians(child) if one.person_id != g.actor.person_id]
    return render_template("children/grant_end.html", child=child, grant=grant, others=others)


@bp.post("/children/<uuid:child_id>/access/grants/<uuid:grant_id>/end")
@allowed("child.share", Child)
def end_grant(child: Child, grant_id: UUID) -> ResponseReturnValue:
    grant = get_or_404(child.grants, grant_id)
    try:
        with db.atomic():
            document.stop_sharing(grant, g.actor.person, clock())
            endings.tell_of_sharing(child.id, g.actor.person, clock())
    except DomainError as refusal:
        return access_page(child, ShareForm(formdata=None), 409, sentence(refusal))
    Audit.note(g.actor, "grant.end", grant.id, child=child.id)
    flash(_("Sharing with %(nursery)s has ended.", nursery=grant.nursery.name))
    return redirect(url_for(".access", child_id=child.id), 303)


def _nursery_of(child: Child, form: ShareForm) -> Nursery | None:
    """Whose code it is, or a sentence beside the field. Tries are counted against guessing."""
    try:
        slow_down(f"code:{g.actor.person_id}", CODES)
        letters = "".join(c for c in form.code.data.upper() if c.isalnum())
        nursery = Nursery.get_or_none(Nursery.code == letters)
        if nursery is None:
            raise DomainError("code-unknown")
    except DomainError as refusal:
        form.code.errors = [sentence(refusal)]
        return None
    if child.grants.where(Grant.nursery == nursery, Grant.is_open()).exists():
        form.code.errors = [_("%(nursery)s has it already.", nursery=nursery.name)]
        return None
    return nursery


def share_subject(child: Child, nursery: Nursery) -> str:
    """What a passkey confirms: this child, this crèche."""
    return f"{child.id}:{nursery.id}"


def share_page(
    child: Child, form: ShareForm, nursery: Nursery, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    person: Person = g.actor.person
    page = render_template(
        "children/share.html",
        child=child,
        form=form,
        nursery=nursery,
        about=share_subject(child, nursery),
        with_passkey=person.passkeys.exists(),  # the demo's people have none
        problem=problem,
    )
    return page, status


def access_page(
    child: Child, form: ShareForm, status: int = 200, problem: str = ""
) -> ResponseReturnValue:
    (situation,) = family.situations([child], g.actor, today())
    number = min(max(request.args.get("page", 1, type=int), 1), 9999)
    openings, more = family.openings(child, number)
    page = render_template(
        "children/access.html",
        child=child,
        form=form,
        situation=situation,
        may_share=can(g.actor, "child.share", child),
        guardians=family.guardians(child),
        holdings=family.holdings(situation.plan),
        readers=family.readers(situation.plan),
        openings=openings,
        page=number,
        more=more,
        problem=problem,
    )
    return page, status
