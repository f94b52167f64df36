"""What browsers ask for by themselves: assets, the worker, the manifest, the offline page."""

import hashlib
import json
import mimetypes
from base64 import b64encode
from functools import cache

from flask import Blueprint, Response, abort, current_app, jsonify, render_template, request
from flask.typing import ResponseReturnValue

import sealing
from database import db
from views import headers
from views.rendering import STATIC, asset, assets, build

bp = Blueprint("machine", __name__)

WORKER = 2  # the number of the messages between held pages and worker: offline.md 9
SHELL = ("app.css", "icons.svg", "held.js")
YEAR = 31536000
# The kill switch: a worker that goes at once, and leaves database and assets where they are.
WORKER_OFF = """addEventListener('install', () => skipWaiting());
addEventListener('activate', (event) => event.waitUntil(registration.unregister()));
"""


@bp.get("/static/<path:name>")
def static(name: str) -> ResponseReturnValue:
    """Assets by content-hashed name only: an unknown hash is 404, never the newest file."""
    path = assets().get(name) or abort(404)
    response = Response(path.read_bytes(), mimetype=mimetypes.guess_type(path.name)[0])
    response.headers["Cache-Control"] = f"public, max-age={YEAR}, immutable"
    response.set_etag(name)
    return response.make_conditional(request)


@bp.get("/sw.js")
def worker() -> ResponseReturnValue:
    """Headers, pages and assets of the shell, trusted keys, the worker’s scripts: one script that
    changes with any of them."""
    constants = {
        "HEADERS": headers.HELD,
        **_shell(),
        "KEYS": [b64encode(key).decode() for key in sealing.public_keys()],
        "FORMER": [b64encode(key).decode() for key in sealing.former_keys()],
        "WORKER": WORKER,
    }
    if current_app.config["WORKER_OFF"]:
        return script(WORKER_OFF)
    lines = [f"const {name} = {json.dumps(value)};\n" for name, value in constants.items()]
    return script("".join(lines) + _scripts())


def script(text: str) -> Response:
    response = Response(text, mimetype="text/javascript")
    response.headers["Cache-Control"] = "no-cache"
    response.set_etag(hashlib.sha256(response.get_data()).hexdigest()[:16])
    return response.make_conditional(request)


@cache
def _shell() -> dict[str, dict[str, str]]:
    """What the worker fetches before it is installed, by SHA-256."""
    pages = {"/offline": offline().encode(), "/pai/offline": leaflet().encode()}
    files = {asset(name): (STATIC / name).read_bytes() for name in SHELL}
    return {
        name: {path: hashlib.sha256(data).hexdigest() for path, data in part.items()}
        for name, part in {"PAGES": pages, "SHELL": files}.items()
    }


@cache
def _scripts() -> str:
    return "".join(
        (STATIC / name).read_text() for name in ("device.js", "outbox.js", "ready.js", "sw.js")
    )


@bp.get("/manifest.json")
def manifest() -> ResponseReturnValue:
    text = json.loads((STATIC / "manifest.json").read_text())
    for icon in text["icons"]:
        icon["src"] = asset(icon["src"])
    response = jsonify(text)
    response.mimetype = "application/manifest+json"
    response.headers["Cache-Control"] = "no-cache"
    return response


@bp.get("/offline")
def offline() -> ResponseReturnValue:
    """The shell's page: five languages in one, the same bytes for everybody."""
    return render_template("held/offline.html")


@bp.get("/pai/offline")
def leaflet() -> ResponseReturnValue:
    """What the shell shows in place of /pai and its question sheet."""
    return render_template("held/pai.html")


@bp.get("/favicon.ico")
def favicon() -> ResponseReturnValue:
    response = Response((STATIC / "icons/icon.svg").read_bytes(), mimetype="image/svg+xml")
    response.headers["Cache-Control"] = f"public, max-age={YEAR}"
    return response


@bp.get("/robots.txt")
def robots() -> ResponseReturnValue:
    return Response("User-agent: *\nAllow: /$\nAllow: /about\nDisallow: /\n", mimetype="text/plain")


@bp.get("/healthz")
def health() -> ResponseReturnValue:
    db.execute_sql("SELECT 1")
    return jsonify(ok=True, build=build())
