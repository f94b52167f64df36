"""Who may do what: one table, action -> predicate on (actor, object). The rest is refused.

Whether the object may be seen at all is decided before, by its `visible_to`.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from peewee import ModelSelect

import plan
from models import Actor, Child, Grant, Guardian, Rights, Staff, StaffRole

Predicate = Callable[[Actor, Any], bool]


def can(actor: Actor, action: str, thing: Any = None) -> bool:
    predicate = POLICY.get(action)
    return predicate is not None and bool(actor) and predicate(actor, thing)


# ── predicates ───────────────────────────────────────────────────────────────────────────────────


def signed_in(actor: Actor, _: Any) -> bool:
    return actor.person is not None


def guardian(actor: Actor, thing: Any) -> bool:
    return _guards(actor, thing).exists()


def guardian_with_all_rights(actor: Actor, thing: Any) -> bool:
    return _guards(actor, thing).where(Guardian.rights == Rights.ALL).exists()


def guardian_or_granted(actor: Actor, thing: Any) -> bool:
    """Or a device in whose scope it is. Not a manager to whom it is only offered: that person
    checks it, on a page of its own."""
    if actor.family and guardian(actor.family, thing):
        return True
    if actor.nurseries:
        held = Grant.children_for(actor).where(Grant.child == _child_id(thing))
        if held.exists():
            return True
    return guardian(actor, thing)


def guardian_or_works_with(actor: Actor, thing: Any) -> bool:
    """A guardian with all rights, or a person of a nursery that holds the plan: no tablet, since
    who handed a box over must be known. `thing` is the plan or one of its boxes."""
    child = getattr(thing, "plan", thing)
    held = Grant.children_for(Actor(actor.person)).where(Grant.child == _child_id(child))
    return guardian_with_all_rights(actor, child) or (actor.person is not None and held.exists())


def seen(actor: Actor, _: Any) -> bool:
    """Whoever sees the object may: the scope has decided."""
    return bool(actor)


def second_person(actor: Actor, thing: Any) -> bool:
    """The manager of a nursery that holds the grant, or to which it is offered; no guardian."""
    mine = Grant.child == _child_id(thing), Grant.nursery.in_(actor.managed)
    held = Grant.select().where(*mine, Grant.is_open())
    if actor.person is None or not held.exists():
        return False
    waiting = plan.waiting(thing)
    return waiting is None or plan.may_check(waiting, actor.person)


def nurse(actor: Actor, _: Any) -> bool:
    return actor.is_nurse


def own(actor: Actor, thing: Any) -> bool:
    """What a person asked for or was told; a nurse answers it elsewhere, at the desk."""
    return actor.person is not None and thing.person_id == actor.person_id


def works_in_a_nursery_or_nurse(actor: Actor, _: Any) -> bool:
    return bool(actor.places) or actor.is_nurse


def works_here(actor: Actor, thing: Any) -> bool:
    return actor.person is not None and _jobs(actor, thing).exists()


def works_or_stands_here(actor: Actor, thing: Any) -> bool:
    """A person of a nursery, or its enrolled tablet."""
    return works_here(actor, thing) or (actor.device is not None and actor.device.is_active)


def manages(actor: Actor, thing: Any) -> bool:
    jobs = _jobs(actor, thing).where(Staff.role == StaffRole.MANAGER)
    return actor.person is not None and jobs.exists()


def manages_or_guards(actor: Actor, thing: Any) -> bool:
    return manages(actor, thing) or guardian_with_all_rights(actor, thing)


def _guards(actor: Actor, thing: Any) -> ModelSelect:
    return Guardian.running().where(
        Guardian.child == _child_id(thing), Guardian.person == actor.scope_id
    )


def _jobs(actor: Actor, thing: Any) -> ModelSelect:
    jobs = Staff.running().where(Staff.person == actor.scope_id)
    return jobs.where(Staff.nursery == _nursery_id(thing)) if thing is not None else jobs


def _child_id(thing: Any) -> UUID:
    return thing.id if isinstance(thing, Child) else thing.child_id


def _nursery_id(thing: Any) -> UUID:
    return getattr(thing, "nursery_id", thing.id)


POLICY: dict[str, Predicate] = {
    "home.read": signed_in,
    "account.read": signed_in,
    "account.passkey": signed_in,
    "account.edit": signed_in,
    "help.draft": signed_in,
    "notice.list": signed_in,
    "request.list": signed_in,
    "request.ask": signed_in,
    "request.read": own,
    "request.answer": own,
    "request.cancel": own,
    "session.join": signed_in,
    "session.leave": own,
    "training.read": works_in_a_nursery_or_nurse,
    "desk.requests": nurse,
    "desk.agenda": nurse,
    "desk.sessions": nurse,
    "desk.ward": nurse,
    "desk.services": nurse,
    "desk.feedback": nurse,
    "phrase.check": nurse,
    "child.create": signed_in,
    "child.read": guardian,
    "child.photo": guardian_or_granted,
    "child.edit": guardian_with_all_rights,
    "child.share": guardian_with_all_rights,
    "contact.edit": guardian_with_all_rights,
    "plan.read": guardian_or_granted,
    "plan.print": guardian_or_granted,
    "plan.export": guardian,
    "plan.files": seen,
    "plan.edit": guardian_with_all_rights,
    "plan.scan": guardian_with_all_rights,
    "plan.submit": guardian_with_all_rights,
    "plan.versions": guardian,
    "plan.stop": guardian_with_all_rights,
    "plan.hand-back": guardian_or_works_with,
    "child.hand-over": guardian,
    "plan.check": second_person,
    "plan.ask-doctor": guardian_with_all_rights,
    "kit.replace": guardian_or_works_with,
    "kit.photo": guardian_or_works_with,
    "note.edit": guardian_with_all_rights,
    "grant.answer": manages,
    "grant.left": manages,
    "grant.end": manages_or_guards,
    "nursery.board": works_or_stands_here,
    "nursery.read": works_here,
    "nursery.manage": manages,
    "invitation.take": signed_in,
    "paper.edit": works_here,
    "incident.read": seen,
    "incident.correct": works_here,
    "presence.note": works_here,
    "device.manage": manages,
    "device.own": signed_in,
    "device.end": own,
}
