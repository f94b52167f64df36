"""The application factory: settings, hooks, headers, error pages, languages, commands."""

import os
from datetime import datetime
from io import BytesIO
from pathlib import Path

from flask import Flask, Response, current_app, g, render_template, request
from flask_babel import Babel, get_locale
from flask_compress import Compress
from flask_wtf import CSRFProtect
from flask_wtf.csrf import CSRFError
from htmx_flask import Htmx
from htmx_flask.requests import HtmxAwareRequest
from peewee import InterfaceError, OperationalError
from werkzeug.exceptions import HTTPException
from werkzeug.middleware.proxy_fix import ProxyFix

import commands
import deadlines
import inbox
import offline
import sealing
from database import DomainError, check_schema, clock, db, local, open_database, shift_clock
from models import Actor
from views import BLUEPRINTS, DEMO_BLUEPRINTS, guards, headers, mails, rendering, video, words
from views.release import release
from views.rendering import LOCALES, language_of, sentence

# Endpoints whose pages are the same bytes for everybody (no token) or that a device signs.
WITHOUT_TOKEN = ("welcome.language", "sync.sync", "sync.claim", "sync.events", "help.letter")
MEGABYTE = 1 << 20


class InMemory(HtmxAwareRequest):
    """Uploads never touch the disk: a temporary file would leave a scan there in the clear."""

    def _get_file_stream(self, *args: object, **more: object) -> BytesIO:
        return BytesIO()


def create_app(**overrides: object) -> Flask:
    app = Flask(__name__, static_folder=None)
    settings(app, overrides)

    open_database(app.config["DATABASE_URL"])
    sealing.load_keys(Path(app.config["KEYS"]))
    app.secret_key = sealing.cookie_secret()
    hold_clock(app)
    if not (app.testing or commands.is_running()):
        check_schema()

    Htmx(app)
    app.request_class = InMemory
    Compress(app)
    Babel(app, locale_selector=locale)
    app.before_request(guards.limit_form)
    app.before_request(ensure_database)
    app.before_request(guards.loopback_in_demo)
    app.before_request(guards.same_origin)
    app.before_request(guards.require_sign_in)
    csrf = CSRFProtect(app)  # after it, so that its refusals are in the person's language
    app.after_request(headers.add)
    app.after_request(leave_due_work)
    app.teardown_request(leave_no_transaction)

    for blueprint in BLUEPRINTS + (DEMO_BLUEPRINTS if app.config["DEMO"] else ()):
        app.register_blueprint(blueprint)
    for endpoint in WITHOUT_TOKEN:
        csrf.exempt(app.view_functions[endpoint])
    errors(app)
    rendering.register(app)
    app.jinja_env.globals.update(words=words, demo=app.config["DEMO"])
    commands.register(app)
    return app


# ── settings ─────────────────────────────────────────────────────────────────────────────────────


def settings(app: Flask, overrides: dict) -> None:
    """DATABASE_URL, DEMO and DEMO_NOW; everything else is APP_*."""
    instance = Path(os.environ.get("APP_INSTANCE", app.instance_path))
    app.config.from_mapping(
        DATABASE_URL=os.environ.get("DATABASE_URL") or f"sqlite:///{instance}/app.db",
        DEMO=os.environ.get("DEMO") == "1",
        DEMO_NOW=os.environ.get("DEMO_NOW", "2026-11-24T08:12+01:00"),
        KEYS=str(instance / "keys.json"),
        RP_ID="localhost",
        ORIGINS=[],
        SMTP_HOST="",  # without one, notices stay in the app
        SMTP_PORT=587,
        SMTP_USER="",
        SMTP_PASSWORD="",
        SMTP_TLS=True,
        MAIL_FROM="Kannerplang <kannerplang@localhost>",
        VIDEO_HOST="",  # of a Jitsi-compatible server; without one, no video is offered
        WORKER_OFF=False,  # the kill switch: browsers drop the service worker only
        PROXIES=0,  # how many reverse proxies stand before this app and may be believed
        MAX_CONTENT_LENGTH=60 * MEGABYTE,  # a scan of twelve photos
        MAX_FORM_MEMORY_SIZE=MEGABYTE // 4,
        MAX_FORM_PARTS=1000,
        WTF_CSRF_TIME_LIMIT=None,  # a page left open for a day must not lose what was typed
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        BABEL_DEFAULT_LOCALE="en_GB",
        BABEL_DEFAULT_TIMEZONE="Europe/Luxembourg",
        COMPRESS_MIMETYPES=["text/css", "text/javascript", "image/svg+xml"],  # nothing personal
    )
    app.config.from_prefixed_env("APP")
    app.config.update(overrides)
    video.check_host(app.config["VIDEO_HOST"])
    if not app.config["ORIGINS"]:
        port = os.environ.get("PORT", "5000")
        app.config["ORIGINS"] = [f"http://localhost:{port}"]
    if app.config["DEMO"] and app.config["RP_ID"] != "localhost":
        raise SystemExit("DEMO=1 signs people in by button: it runs on localhost only.")
    if app.config["PROXIES"]:
        hops = app.config["PROXIES"]
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=hops, x_proto=hops, x_host=hops)


def hold_clock(app: Flask) -> None:
    """The demo starts at a fixed moment so that the dates of its plans keep their meaning."""
    fixed = app.config["DEMO_NOW"]
    if app.config["DEMO"] and fixed != "real":
        shift_clock(datetime.fromisoformat(fixed))


def locale() -> str:
    actor: Actor | None = g.get("actor")
    return LOCALES[language_of(actor)]


# ── hooks ────────────────────────────────────────────────────────────────────────────────────────


def ensure_database() -> None:
    """One connection per thread, opened once: opening SQLite costs more than a page's queries."""
    db.connect(reuse_if_open=True)


def leave_no_transaction(error: BaseException | None) -> None:
    if not db.is_closed() and db.in_transaction():
        db.rollback()


def leave_due_work(response: Response) -> Response:
    """What a request left to do (pages to render) is done once its answer is out."""
    if request.method not in guards.SAFE and response.status_code < 400:
        app = current_app._get_current_object()
        # A few only: after a new release all pages are due, and this thread has to answer others.
        response.call_on_close(lambda: do_due_work(app, most=2))
    return response


def do_due_work(app: Flask, most: int = 50) -> int:
    """End, remind, render and send what is due; safe to run twice, or in several workers."""
    with app.app_context():
        deadlines.tell_due(clock())
        done = inbox.resume(clock(), most) + offline.render_due(release(), clock(), most)
        return done + mails.send_due(clock(), most)


# ── error pages ──────────────────────────────────────────────────────────────────────────────────


def errors(app: Flask) -> None:
    app.register_error_handler(HTTPException, http_error)
    app.register_error_handler(CSRFError, lambda error: error_page(400, "page-too-old"))
    app.register_error_handler(DomainError, domain_error)
    app.register_error_handler(sealing.SealBroken, seal_broken)
    app.register_error_handler(OperationalError, database_fault)
    app.register_error_handler(InterfaceError, database_fault)
    app.register_error_handler(Exception, crash)


def http_error(error: HTTPException) -> tuple[str, int] | HTTPException:
    if error.code is None or error.code < 400:
        return error
    return error_page(error.code)


def domain_error(error: DomainError) -> tuple[str, int]:
    status = 429 if error.code == "too-many-tries" else 409
    return error_page(status, problem=sentence(error))


def seal_broken(error: sealing.SealBroken) -> tuple[str, int]:
    """The log names the row; the page says that we were told."""
    current_app.logger.error("seal broken: %s in %s", error, request.endpoint)
    return error_page(500, "seal-broken")


def database_fault(error: Exception) -> tuple[str, int]:
    """A full disk, a lock held too long, a server gone: the next request connects anew."""
    get_locale()  # kept for this answer: in the person's language, though without the person
    g.actor = Actor()  # whose menu would ask the database again
    db.close()
    current_app.logger.error("database: %s in %s", type(error).__name__, request.endpoint)
    return error_page(503)


def crash(error: Exception) -> tuple[str, int]:
    """Logged by its type and place; the message may hold words of a form."""
    if current_app.testing:
        raise error
    place = error.__traceback__
    while place and place.tb_next:
        place = place.tb_next
    where = place and f"{Path(place.tb_frame.f_code.co_filename).name}:{place.tb_lineno}"
    current_app.logger.error("%s at %s in %s", type(error).__name__, where, request.endpoint)
    return error_page(500)


def error_page(status: int, code: str = "", problem: str = "") -> tuple[str, int]:
    """The whole page, or for htmx a small fragment: an error page must never land in a row."""
    g.setdefault("actor", Actor())
    name = "_error.html" if rendering.wants_fragment() else "error.html"
    page = render_template(name, status=status, code=code, problem=problem, today=local(clock()))
    return page, status
