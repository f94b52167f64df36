"""The access matrix: every route x everybody x own, foreign and missing things, from one table."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from access_table import EXPECTED
from client import Cast, Client, plain
from flask import Flask
from werkzeug.routing import Rule

import booking
import offline
import sealing
from agenda import Closure, Hours
from database import clock, today
from incidents import Incident
from models import (
    Contact,
    Device,
    DeviceState,
    Grant,
    Guardian,
    KitUnit,
    PaperChild,
    Person,
    Room,
    Staff,
)
from offices import CareRequest, Centre, InfoSession, RequestKind, RequestStatus, Service
from views.guards import PUBLIC
from ward import WardVisit

PEOPLE = ("ines", "marc", "ivan", "aoife", "sami", "tessa", "olga", "noor", "zoe", "admin")
EVERYBODY = (*PEOPLE, "tablet", "nobody")
REFUSED = {403, 404, 429}  # 429: links that work no more, tried again and again


def test_the_table_names_every_guarded_route(flask_app):
    guarded = {rule.endpoint for rule in flask_app.url_map.iter_rules()} - PUBLIC

    assert set(EXPECTED) == guarded


def things_of(child: Any, plan: Any, nursery: Any) -> dict[str, Any]:
    """An id for every argument that routes take, all of one family and nursery; fresh each time."""
    key = nursery.data_key_id
    contact = Contact.create(child=child, data_key=child.data_key_id, rank=9, name="Ida")
    grant = Grant.create(child=child, nursery=nursery, accepted=clock())
    device = Device.create(nursery=nursery, name="new", public_key=uuid4().bytes)
    unit = KitUnit.create(plan=plan, data_key=child.data_key_id, label="box")
    paper = PaperChild.create(nursery=nursery, data_key=key, name="Tim")
    info_session = new_session()
    parent = child.guardians.order_by(Guardian.created).first().person
    registration = booking.join(info_session, 1, clock(), person=parent)
    nurse = Person.get(Person.is_nurse)
    care_request = CareRequest.create(
        kind=RequestKind.TELE,
        status=RequestStatus.CONFIRMED,
        person=parent,
        data_key=parent.data_key_id,
        language="fr",
        starts=clock() + timedelta(days=1),
        answered=clock(),
        phone="621 555 000",
    )
    return {
        "child_id": child.id,
        "plan_id": plan.id,
        "contact_id": contact.id,
        "grant_id": grant.id,
        "room_id": Room.create(nursery=nursery, name="new").id,
        "staff_id": Staff.create(nursery=nursery, data_key=key, name="Eva").id,
        "device_id": device.id,
        "paper_child_id": paper.id,
        "info_session_id": new_session().id,
        "registration_id": registration.id,
        "training_id": new_session("training").id,
        "record_id": unit.id,
        "kit_unit_id": unit.id,
        "incident_id": Incident.create(
            plan=plan,
            child=child,
            nursery=nursery,
            data_key=child.data_key_id,
            drill=False,
            started=clock(),
            last=clock(),
        ).id,
        "service_id": Service.get().id,
        "centre_id": Centre.get().id,
        "care_request_id": care_request.id,
        "hours_id": Hours.create(nurse=nurse, weekday=0, opens="08:00", closes="12:00").id,
        "ward_visit_id": WardVisit.enter(
            nurse, {"day": today(), "language": "fr", "name": "Ana"}, clock()
        ).id,
        "closure_id": Closure.create(nurse=nurse, first=today(), last=today()).id,
        "name": f"{child.photo.sha256}.jpg" if child.photo else "0.jpg",
    }


def new_session(kind: str = "info-sante") -> InfoSession:
    starts = clock() + timedelta(days=9)
    return InfoSession.create(
        kind=kind,
        topic="other" if kind == "info-sante" else "asthma",
        texts={"fr": {"title": "Titre"}},
        languages="fr",
        starts=starts,
        ends=starts + timedelta(hours=1),
        seats=9,
    )


def browser_of(who: str, app: Flask, cast: Cast) -> Client:
    if who in {"tablet", "nobody"}:
        client = Client(app)
        if who == "tablet":
            client.browser.set_cookie("device", tablet_cookie(cast))
        return client
    return Client(app, getattr(cast, who))


def tablet_cookie(cast: Cast) -> str:
    """The cookie of an enrolled tablet of the crèche, as a signed sync would have set it."""
    cookie = uuid4().hex
    Device.create(
        nursery=cast.baach,
        name="tablet",
        state=DeviceState.ACTIVE,
        public_key=uuid4().bytes,
        cookie=sealing.digest(cookie),
        cookie_until=clock() + offline.COOKIE,
    )
    return cookie


# What a route needs besides ids to be more than "no such thing".
ARGUMENTS = {
    "path": "sheets.0",
    "part": "frame",
    "phrase": "call-112",
    "language": "fr",
    "kind": "kit",
    "n": 0,
    "no": 1,
    "act": "moves",
    "token": "x",
}
LINES = "sheets.0.groups.0.steps"


def ask(client: Client, rule: Rule, method: str, values: dict[str, Any]) -> Any:
    path = {"path": LINES} if "/lines/" in rule.rule else {}
    if rule.endpoint == "info_sante.training":
        values = {**values, "info_session_id": values["training_id"]}
    path = {"path": "sheets"} if rule.endpoint == "editing.add_thing" else path
    url = rule.build(ARGUMENTS | path | values, append_unknown=False)[1]
    chosen = rule.endpoint == "editing.use_sentence"  # works with htmx only
    data = {"sentence": "call-112", "kind": "asthma", "to": "down"}
    return client.ask(method, url, data if method == "POST" else None, htmx=chosen)


def outcome(answer: Any) -> str:
    if answer.status_code in REFUSED:
        return "refused"
    to = answer.location or answer.headers.get("HX-Redirect", "")
    if to.startswith("/sign-in"):
        return "sign in"
    return "let in"


def rules_of(app: Flask, endpoint: str) -> list[tuple[Rule, str]]:
    return [
        (rule, min(rule.methods - {"HEAD", "OPTIONS"})) for rule in app.url_map.iter_rules(endpoint)
    ]


@pytest.mark.sqlite_only
@pytest.mark.parametrize("endpoint", sorted(EXPECTED))
def test_each_route_lets_in_whom_the_table_names(app, cast, endpoint):
    def own() -> dict[str, Any]:
        return things_of(cast.leo, cast.leo_plan, cast.baach)

    let_in = set(EXPECTED[endpoint]["own"].split())
    foreign_let_in = set(EXPECTED[endpoint].get("foreign", "").split())
    foreign, mine = things_of(cast.theo, cast.theo_plan, cast.kueb), own()
    missing = {**dict.fromkeys(mine, uuid4()), "name": "0.jpg"}
    for rule, method in rules_of(app, endpoint):
        takes_an_id = not rule.arguments.isdisjoint(mine)
        # Who is let in may change things: that comes last.
        for who in sorted(EVERYBODY, key=lambda name: name in let_in | foreign_let_in):
            client = browser_of(who, app, cast)
            if takes_an_id:
                nothing = ask(client, rule, method, missing)
                other = ask(client, rule, method, foreign)
                assert outcome(nothing) != "let in", (who, "missing", nothing.status)
                assert (outcome(other) == "let in") == (who in foreign_let_in), (who, "foreign")
                assert_no_trace(other, nothing, who in foreign_let_in)
            answer = ask(client, rule, method, own() if who in let_in else mine)
            if who in let_in:
                assert outcome(answer) == "let in", (who, "own", answer.status)
            else:  # without a person one is asked to sign in
                asked = {"nobody": {"sign in"}, "tablet": {"sign in", "refused"}}
                assert outcome(answer) in asked.get(who, {"refused"}), (who, "own", answer.status)


def assert_no_trace(other: Any, nothing: Any, let_in: bool) -> None:
    """What somebody else's thing answers is what no thing answers, byte for byte."""
    if let_in or other.status_code != 404:
        return
    assert nothing.status_code == 404
    assert plain(other) == plain(nothing)
