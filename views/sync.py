"""`/sync` and `/enrol`: a device is known by the signature on what it sends, never by a cookie."""

import json
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

from flask import Blueprint, Response, g, jsonify, redirect, render_template, request
from flask.typing import ResponseReturnValue

import inbox
import offline
import receipts  # noqa: F401  a room that hears what devices write
import sealing
from database import DomainError, clock
from models import Device, SignIn
from views import headers
from views.guards import cookie_name, household, stale_device
from views.rendering import safe_next

bp = Blueprint("sync", __name__)

LARGEST = 1 << 18  # bytes of a request: 200 hashes and 50 events are well below
POINT = 65  # an uncompressed P-256 public key
MONTHS = 90 * 86400  # the cookie is kept; whether it still counts is decided by Device.cookie_until


@bp.get("/enrol")
def enrol() -> ResponseReturnValue:
    return render_template("sync/enrol.html")


@bp.post("/enrol")
def claim() -> ResponseReturnValue:
    """Signed with the new key itself: whoever sends a public key must also have its other half."""
    body = body_of_request()
    try:
        said = json.loads(body)
        code, public_key = str(said["code"])[:40], b64decode(said["public_key"], validate=True)
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", 400
    _, signature = signed()
    if len(public_key) != POINT or not sealing.verify(
        public_key, "kannerplang-enrol-1", body, signature
    ):
        return "", 401
    try:
        device = offline.claim(code, public_key, household(request.remote_addr or ""), clock())
    except DomainError as refusal:
        return jsonify(refused=refusal.code), 429 if refusal.code == "too-many-tries" else 422
    return jsonify(device=device.id, kind=device.kind)


@bp.post("/sync")
def sync() -> ResponseReturnValue:
    body = body_of_request()
    name, signature = signed()
    device = device_or_none(name)
    if device is None or not sealing.verify(
        bytes(device.public_key), "kannerplang-sync-1", body, signature
    ):
        return "", 401
    cookie = cookie_name("device")
    try:
        question = offline.Question.read(body)
        answer = offline.answer(
            device, question, headers.HELD, clock(), request.cookies.get(cookie), g.actor.person_id
        )
        if question.left and g.sign_in and g.sign_in.person_id == device.person_id:
            SignIn.update(ended=clock()).where(SignIn.id == g.sign_in.id).execute()
    except DomainError as refusal:
        behind = refusal.code == "sync-behind"
        return (jsonify(n=device.n), 409) if behind else ("", 400)
    response = Response(answer.body(), mimetype="application/octet-stream")
    response.headers["Cache-Control"] = "no-store, no-transform"
    if answer.cookie:
        response.set_cookie(
            cookie,
            answer.cookie,
            max_age=MONTHS,
            secure=request.is_secure,
            httponly=True,
            samesite="Lax",
        )
    return response


@bp.post("/events")
def events() -> ResponseReturnValue:
    """The queue's way in without a worker: one entry, of the device that the cookie names."""
    device = g.actor.device
    if device is None or not device.is_active:
        return stale_device()
    now = clock()
    said = request.get_json(silent=True) if request.is_json else written(request.form)
    if not isinstance(said, dict) or not isinstance(said.get("id"), str):
        raise DomainError("malformed")
    ms = int(now.timestamp() * 1000)
    times = {"n": ms, "at": ms, "checked": ms // 1000, "since_check": ms % 1000, "clock_ok": True}
    ack, refused = inbox.receive(device, [said | times], now)
    if request.is_json:
        return jsonify(ack=ack, refused=refused), 202
    if refused:
        raise DomainError(refused[0][1])
    return redirect(safe_next(request.form.get("next")) or "/", 303)


def written(form: Mapping[str, str]) -> dict[str, Any]:
    """A plain form as an entry: what is not the entry's own is its body."""
    own = {name: form[name] for name in inbox.SAID & form.keys() if form[name]}
    rest = form.keys() - inbox.SAID - {"next"}
    body = {name: form[name] for name in rest}
    id_ = own.get("id") or str(uuid4())
    return own | {"id": id_, "drill": bool(own.get("drill")), "body": body}


def body_of_request() -> bytes:
    request.max_content_length = LARGEST
    return request.get_data(cache=False)


def signed() -> tuple[str, bytes]:
    """The two halves of the header `Device: <id>.<signature>`."""
    name, _, signature = request.headers.get("Device", "").partition(".")
    try:
        return name, urlsafe_b64decode(signature + "=" * (-len(signature) % 4))
    except ValueError:
        return name, b""


def device_or_none(name: str) -> Device | None:
    try:
        device_id = UUID(name)
    except ValueError:
        return None
    return Device.get_or_none(Device.id == device_id, Device.public_key.is_null(False))
