"""Who is asking, and whether they may. What is not declared is refused."""

from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from functools import wraps
from ipaddress import ip_address, ip_network
from typing import Any, NoReturn
from urllib.parse import urlsplit
from uuid import UUID

from flask import abort, current_app, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from htmx_flask import make_response
from peewee import Model, ModelSelect, OperationalError
from werkzeug.exceptions import NotFound

import access
import sealing
from database import DomainError, clock
from models import Actor, Audit, Device, Limit, Nursery, SignIn

# Reachable without signing in. A test compares this set with the app. The sync pages are here
# because the device's signature is their sign-in.
PUBLIC = {
    "machine.static",
    "machine.worker",
    "machine.manifest",
    "machine.offline",
    "machine.leaflet",
    "machine.health",
    "machine.favicon",
    "machine.robots",
    "welcome.show",
    "welcome.about",
    "welcome.language",
    "account.sign_in",
    "account.sign_in_challenge",
    "account.sign_in_passkey",
    "account.sign_up",
    "account.sign_up_challenge",
    "account.sign_up_passkey",
    "account.sign_out",
    "services.index",
    "services.pai",
    "services.questions",
    "links.time",
    "links.take_time",
    "links.offer",
    "links.take_seat",
    "links.departure",
    "links.leave",
    "info_sante.calendar",
    "info_sante.index",
    "info_sante.show",
    "help.show",
    "help.application",
    "help.letter",
    "privacy.show",
    "feedback.show",
    "feedback.send",
    "search.show",
    "doctor.show",
    "doctor.confirm",
    "search.find",
    "prints.check_form",
    "prints.check",
    "sync.sync",
    "sync.enrol",
    "sync.claim",
    "sync.events",
    "demonstration.show",
    "demonstration.sign_in",
    "demonstration.tablet",
}
SAFE = {"GET", "HEAD", "OPTIONS"}
TAKES_FILES = {"children.take_photo", "kits.take_photo", "plans.keep_scan"}
LARGEST_FORM = 1 << 20  # bytes; the fullest page of the editor is well below
HOUR = timedelta(hours=1)
WRONG_LINKS = 10  # from one address in an hour
PASSIVE = {"desk.news"}  # asked by a page that stays open: nobody need be there
SEEN_EVERY = 60  # seconds between two notes that a session is in use


def cookie_name(name: str) -> str:
    """`__Host-` needs HTTPS; plain names serve http://localhost."""
    return f"__Host-{name}" if request.is_secure else name


def caller() -> str:
    """The address that asks, blinded: to count its tries, never to know it."""
    return sealing.blind_index(household(request.remote_addr or "")).hex()


def household(address: str) -> str:
    """An IPv6 address counts as its network: every home has 2^64 of them to try from."""
    try:
        ip = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if ip.version == 4 or ip.ipv4_mapped:
        return str(ip)
    return str(ip_network((ip, 64), strict=False))


def actor_of_request() -> Actor:
    """The Person behind the session cookie and the Device behind its own, independently."""
    now = clock()
    sign_in = device = None
    if cookie := request.cookies.get(cookie_name("sid")):
        sign_in = SignIn.by_cookie(cookie, now)
    if cookie := request.cookies.get(cookie_name("device")):
        device = Device.by_cookie(cookie, now)
    g.sign_in = sign_in
    is_used = sign_in and request.endpoint not in PASSIVE
    if is_used and (now - sign_in.last_seen).total_seconds() > SEEN_EVERY:
        with suppress(OperationalError):  # a full disk keeps nobody from reading
            SignIn.update(last_seen=now).where(SignIn.id == sign_in.id).execute()
    return Actor(sign_in.person if sign_in else None, device)


def limit_form() -> None:
    """Only uploads are large. Must run before anything reads the form, the token's check too."""
    is_upload = request.mimetype == "multipart/form-data" and request.endpoint in TAKES_FILES
    if not is_upload:
        request.max_content_length = LARGEST_FORM


def same_origin() -> None:
    """Unsafe methods come from our own pages: a sibling host or another port does not pass."""
    if request.method in SAFE:
        return
    site = request.headers.get("Sec-Fetch-Site")
    origin = request.headers.get("Origin")
    if site is None and origin is not None:
        site = "same-origin" if origin == request.host_url.rstrip("/") else "cross-site"
    if site != "same-origin":
        abort(403)


def loopback_in_demo() -> None:
    """The demo signs people in by button: it answers nobody but this very machine."""
    if not current_app.config["DEMO"]:
        return
    address = request.remote_addr or "0.0.0.0"  # noqa: S104
    host = urlsplit(request.host_url).hostname or ""
    if not (ip_address(address).is_loopback and _is_local(host)):
        abort(403)


def _is_local(host: str) -> bool:
    return host == "localhost" or host.startswith("127.") or host == "::1"


def require_sign_in() -> ResponseReturnValue | None:
    if request.endpoint == "machine.static":
        return None
    g.actor = actor_of_request()
    if request.endpoint is None or request.endpoint in PUBLIC:
        return None
    if not hasattr(current_app.view_functions[request.endpoint], "action"):
        abort(403)
    if g.actor:
        return None
    if request.cookies.get(cookie_name("device")):
        return stale_device()
    return to_sign_in()


def to_sign_in() -> ResponseReturnValue:
    """Signing in first, then back to the page that was asked for."""
    back = request.full_path.rstrip("?") if request.method == "GET" else None
    sign_in = url_for("account.sign_in", next=back)
    if request.headers.get("HX-Request"):
        return make_response("", 200, redirect=sign_in)  # htmx must never swap a sign-in page
    return redirect(sign_in, 303)


def stale_device() -> ResponseReturnValue:
    """The device's cookie ran out: a stranger's answer, and a hint to the worker to sync."""
    answer = make_response(NotFound().get_response())
    answer.headers["Device"] = "stale"
    return answer


def allowed(action: str, model: type[Model] | None = None) -> Callable:
    """Guard a view: load its object through the actor (404), then ask the access table (403).

    The view gets the object under the model's name in place of its id.
    """

    def decorate(view: Callable) -> Callable:
        name = model and model._meta.table_name

        @wraps(view)
        def guarded(**values: Any) -> ResponseReturnValue:
            thing = None
            if model:
                thing = get_or_404(model.visible_to(g.actor), values.pop(f"{name}_id"))
                values[name] = thing
            require(action, thing)
            return view(**values)

        guarded.action = action
        return guarded

    return decorate


def no_such_link(kind: str) -> NoReturn:
    """404 for a link that works no more, and 429 for an address that tries many."""
    slow_down(f"{kind}:{caller()}", WRONG_LINKS)
    abort(404)


def slow_down(key: str, most: int, per: timedelta = HOUR) -> None:
    """Count one more try of `key`; refused once there were `most` of them."""
    if not Limit.allow(key, most, per, clock()):
        raise DomainError("too-many-tries")


def in_nursery(action: str) -> Callable:
    """Guard a view about a whole nursery: the one in `?nursery=`, else the person's first."""

    def decorate(view: Callable) -> Callable:
        @allowed(action)
        @wraps(view)
        def guarded(**values: Any) -> ResponseReturnValue:
            mine = Nursery.select().where(Nursery.id.in_(g.actor.staffed)).order_by(Nursery.name)
            chosen = request.args.get("nursery", type=UUID)
            nursery = get_or_404(mine, chosen) if chosen else mine.first() or abort(404)
            require(action, nursery)
            return view(nursery, **values)

        return guarded

    return decorate


def require(action: str, thing: Model | None = None) -> None:
    """403 unless the access table says yes; the refusal is noted."""
    if not access.can(g.actor, action, thing):
        Audit.note(g.actor, action, thing and thing.id, outcome="refused")
        abort(403)


def get_or_404(scope: ModelSelect, key: UUID) -> Model:
    return scope.where(scope.model.id == key).get_or_none() or abort(404)
