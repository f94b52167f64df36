"""The access matrix: every route x everybody x own, foreign and missing things, from one table."""

from typing import Any
from uuid import uuid4

import pytest
from conftest import Cast, Client
from flask import Flask
from werkzeug.routing import Rule

import offline
from access_table import EXPECTED
from models import Contact, Device, DeviceState, Grant, PaperChild, Room, Staff, clock
from views.guards import PUBLIC

PEOPLE = ("ines", "marc", "ivan", "aoife", "sami", "tessa", "olga", "noor", "zoe", "admin")
EVERYBODY = (*PEOPLE, "tablet", "nobody")
REFUSED = {403, 404}


def test_the_table_names_every_guarded_route(flask_app):
    guarded = {rule.endpoint for rule in flask_app.url_map.iter_rules()} - PUBLIC

    assert set(EXPECTED) == guarded


def things_of(cast: Cast, child: Any, plan: Any, nursery: Any) -> dict[str, Any]:
    """An id for every argument that routes take, all of one family and nursery."""
    grants = Grant.select().where(Grant.child == child, Grant.nursery == nursery)
    return {
        "child_id": child.id,
        "plan_id": plan.id,
        "contact_id": Contact.select().where(Contact.child == child).first().id,
        "grant_id": grants.first().id,
        "room_id": Room.select().where(Room.nursery == nursery).first().id,
        "staff_id": Staff.select().where(Staff.nursery == nursery).first().id,
        "device_id": device_of(nursery).id,
        "paper_child_id": paper_child_of(nursery).id,
        "name": f"{child.photo.sha256}.jpg" if child.photo else "0.jpg",
    }


def device_of(nursery: Any) -> Device:
    return Device.create(
        nursery=nursery, name="a second tablet", state=DeviceState.WAITING, public_key=uuid4().bytes
    )


def paper_child_of(nursery: Any) -> PaperChild:
    found = PaperChild.select().where(PaperChild.nursery == nursery).first()
    return found or PaperChild.create(nursery=nursery, data_key=nursery.data_key_id, name="Tim")


def browser_of(who: str, app: Flask, cast: Cast) -> Client:
    if who in {"tablet", "nobody"}:
        client = Client(app)
        if who == "tablet":
            client.browser.set_cookie("device", tablet_cookie(cast))
        return client
    return Client(app, getattr(cast, who))


def tablet_cookie(cast: Cast) -> str:
    """The cookie of an enrolled tablet of the crèche, as a signed sync would have set it."""
    import sealing  # noqa: PLC0415

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


def ask(client: Client, rule: Rule, method: str, values: dict[str, Any]) -> Any:
    usual = {"path": "notes", "part": "frame", "n": 0, "slug": "x", "token": "x"}
    url = rule.build({**usual, **values}, append_unknown=False)[1]
    return client.get(url) if method == "GET" else client.post(url)


def outcome(answer: Any) -> str:
    if answer.status_code in REFUSED:
        return "refused"
    if answer.location and answer.location.startswith("/sign-in"):
        return "sign in"
    return "let in"


def rules_of(app: Flask, endpoint: str) -> list[tuple[Rule, str]]:
    return [
        (rule, min(rule.methods - {"HEAD", "OPTIONS"}))
        for rule in app.url_map.iter_rules(endpoint)
    ]


@pytest.mark.parametrize("endpoint", sorted(EXPECTED))
def test_each_route_lets_in_whom_the_table_names(app, cast, endpoint):
    own = things_of(cast, cast.leo, cast.leo_plan, cast.baach)
    foreign = things_of(cast, cast.kueb_child, cast.kueb_plan, cast.kueb)
    missing = {**dict.fromkeys(own, uuid4()), "name": "0.jpg"}
    table = EXPECTED[endpoint]
    let_in = set(table["own"].split())
    foreign_let_in = set(table.get("foreign", "").split())
    for rule, method in rules_of(app, endpoint):
        takes_an_id = any(name in own for name in rule.arguments)
        # Who is let in may change things: that comes last.
        for who in sorted(EVERYBODY, key=lambda name: name in let_in | foreign_let_in):
            client = browser_of(who, app, cast)
            expected = "let in" if who in let_in else "refused"
            expected = "sign in" if who == "nobody" and who not in let_in else expected
            if takes_an_id:
                nothing = ask(client, rule, method, missing)
                other = ask(client, rule, method, foreign)
                wanted = {"let in"} if who in foreign_let_in else {"refused", "sign in"}
                assert outcome(nothing) != "let in", (endpoint, who, "missing")
                assert outcome(other) in wanted, (endpoint, who, "foreign", other.status)
                assert_no_trace(other, nothing, who, foreign_let_in, endpoint)
            mine = ask(client, rule, method, own)
            assert outcome(mine) == expected, (endpoint, who, "own", mine.status)


def assert_no_trace(other: Any, nothing: Any, who: str, let_in: set[str], endpoint: str) -> None:
    """What somebody else's thing answers is what no thing answers, byte for byte."""
    if who in let_in or other.status_code != 404:
        return
    assert nothing.status_code == 404, endpoint
    assert plain(other) == plain(nothing), (endpoint, who)


def plain(answer: Any) -> str:
    """The page without the id that stands in its own links back."""
    text = answer.get_data(as_text=True)
    return text.replace(answer.request.path, "").replace(answer.request.path.lstrip("/"), "")
