"""The yardstick: the least that a Flask app with our job has to do. Never tune it to suit a ratio.

`/hello` is the floor of the framework. `/plan` wastes nothing and yet does all it owes: session,
membership, sealed text, headers, audit row. `/kept` is for a worker that only looks into a cache.
"""

import json
import os
import secrets
from datetime import UTC, datetime

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from flask import Flask, Response, abort, make_response, render_template, session
from jinja2 import DictLoader
from peewee import BlobField, CharField, DateTimeField, IntegerField, Model, SqliteDatabase

db = SqliteDatabase(
    os.environ.get("ANCHOR_DB"), pragmas={"journal_mode": "wal", "synchronous": "full"}
)
AES = AESGCM(bytes(range(32)))
SIGNS = "Hives on arms and belly, lips swollen, hoarse cough, will not play, holds the throat"
PLAN = {
    "steps": [(f"Stage {n}: {SIGNS.lower()}", SIGNS.split(", ")) for n in range(1, 8)],
    "medicines": [(f"Medicine {n}", f"{n} drops", "red bag, office, shelf 2") for n in range(1, 6)],
    "notes": "Eats only what the family brings; nobody shares cutlery; hands are washed after. "
    * 24,
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>{{ child.name }}</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css">
<nav><ul>{% for place in ("Children", "Plans", "Nursery", "Account") %}
<li><a href="/{{ place|lower }}">{{ place }}</a></li>{% endfor %}</ul></nav>
<main><h1>Plan of {{ child.name }}</h1><p class="tag">{{ child.born }}, no. {{ plan.version }}</p>
{% for title, signs in text.steps %}<section class="card"><h2>{{ loop.index }}. {{ title }}</h2>
<ul>{% for sign in signs %}<li>{{ sign }}</li>{% endfor %}</ul>
<ol><li>Call 112 and stay with the child.</li><li>Lay it down, the legs raised.</li>
<li>Write down the time, then call the family.</li></ol></section>{% endfor %}
<table><tr><th>Name<th>Dose<th>Place</tr>{% for row in text.medicines %}<tr>
{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>{% endfor %}</table>
<ol>{% for one in contacts %}<li>{{ one.name }} <a href="tel:{{ one.phone }}">{{ one.phone }}</a>
</li>{% endfor %}</ol><p>{{ text.notes }}</p></main>"""
STYLE = """body{margin:0;font:17px/1.5 system-ui}main{max-width:60rem;margin:auto;padding:1rem}
nav ul{display:flex;gap:1rem;list-style:none}.card{border:1px solid #bbb;border-radius:.5rem;
padding:1rem;margin:1rem 0}.tag{background:#e8f3ee;padding:.25rem .5rem}table{width:100%}
th,td{text-align:left;padding:.5rem;border-bottom:1px solid #ddd}h1{font-size:1.6rem}"""
WORKER = """addEventListener('install', (event) => event.waitUntil(
  caches.open('anchor').then((kept) => kept.addAll(['/kept', '/style.css']))));
addEventListener('activate', (event) => event.waitUntil(clients.claim()));
addEventListener('fetch', (event) => event.respondWith(
  caches.match(event.request).then((kept) => kept ?? fetch(event.request))));"""


class Row(Model):
    class Meta:
        database = db


class Child(Row):
    name = CharField()
    born = CharField()


class Plan(Row):
    child = IntegerField(unique=True)
    version = IntegerField()
    sealed = BlobField()


class Contact(Row):
    child = IntegerField(index=True)
    name = CharField()
    phone = CharField()


class Visit(Row):
    cookie = CharField(unique=True)
    person = IntegerField()


class Member(Row):
    person = IntegerField(index=True)
    child = IntegerField()


class Audit(Row):
    at = DateTimeField()
    person = IntegerField()
    child = IntegerField(index=True)
    what = CharField()


def create_app() -> Flask:
    with db.connection_context(), db.atomic("IMMEDIATE"):
        db.create_tables(Row.__subclasses__())
        if not Child.select().exists():
            build()
    app = Flask(__name__)
    app.secret_key = "not a secret"  # noqa: S105
    app.jinja_loader = DictLoader({"plan.html": PAGE})
    app.before_request(connect)
    for path, view in {
        "/hello": lambda: "hello",
        "/sign-in": lambda: session.update(cookie="c1") or "in",
        "/plan/<int:child>": plan,
        "/kept": lambda: page(1),
        "/style.css": lambda: Response(STYLE, mimetype="text/css"),
        "/sw.js": lambda: Response(WORKER, mimetype="text/javascript"),
    }.items():
        app.add_url_rule(path, path, view)
    return app


def connect() -> None:
    db.connect(reuse_if_open=True)


def build() -> None:
    for n in range(1, 101):
        nonce = n.to_bytes(12, "big")
        sealed = nonce + AES.encrypt(nonce, json.dumps(PLAN).encode(), b"plan")
        Child.create(name=f"Child {n}", born="2023-05-01")
        Plan.create(child=n, version=3, sealed=sealed)
        Visit.create(cookie=f"c{n}", person=n)
        Member.create(person=n, child=n)
        for name in ("Mother", "Father", "Doctor", "Neighbour", "Office"):
            Contact.create(child=n, name=name, phone=f"621 555 {n:03}")


def page(child: int) -> str:
    row = Plan.get(Plan.child == child)
    text = json.loads(AES.decrypt(row.sealed[:12], row.sealed[12:], b"plan"))
    contacts = list(Contact.select().where(Contact.child == child).order_by(Contact.id))
    facts = {"child": Child.get_by_id(child), "contacts": contacts}
    return render_template("plan.html", plan=row, text=text, **facts)


def plan(child: int) -> Response:
    visit = Visit.get_or_none(Visit.cookie == session.get("cookie")) or abort(403)
    mine = (Member.person == visit.person) & (Member.child == child)
    if not Member.select().where(mine).exists():
        abort(403)
    response = make_response(page(child))
    nonce = secrets.token_urlsafe(16)
    response.headers["Content-Security-Policy"] = f"default-src 'self'; script-src 'nonce-{nonce}'"
    response.headers["X-Content-Type-Options"] = "nosniff"
    response.headers["Cache-Control"] = "no-store"
    Audit.create(at=datetime.now(UTC), person=visit.person, child=child, what="plan.read")
    return response
