"""What is measured: each part yields rows of what, value, unit and budget."""

import base64
import gzip
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from itertools import product, repeat
from pathlib import Path
from statistics import median
from typing import Any
from uuid import uuid4

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

import demo
import models
import offline
import sealing
from app import create_app
from bench import judgements, tablet
from bench.load import ROOT, Server
from database import DataKey, clock, db
from models import Grant, Person, Plan, RenderedPage, SignIn
from offices import CareRequest, RequestStatus
from plan import Line
from views.release import release

Rows = Iterator[tuple]
KIB = 1024
CHILD = {"first_name": "Kim", "family_name": "Weber", "born": date(2024, 5, 1)}
BROWSER = "Accept-Encoding: gzip, deflate, br, zstd"
LOADED = re.compile(r'(?:src|href)="(/static/[^"#]+|/manifest\.json)')


class House:
    """The demo, served beside the anchor; this process looks into the same rows."""

    def __init__(self, folder: Path) -> None:
        settings = {"APP_INSTANCE": str(folder), "DEMO": "1", "DEMO_NOW": demo.NOW.isoformat()}
        for command in (("sealing", str(folder / "keys.json")), ("flask", "--app", "app", "setup")):
            program = [sys.executable, "-m", *command]
            subprocess.run(program, cwd=ROOT, env=os.environ | settings, check=True)
        os.environ.update(settings)
        self.app = create_app()
        db.connect(reuse_if_open=True)
        self.cast = demo.load(clock())
        self.ours = Server("app:create_app", folder / "ours.log", settings)
        kept = {"ANCHOR_DB": str(folder / "anchor.db")}
        self.anchor = Server("bench.anchor:create_app", folder / "anchor.log", kept)

    def __enter__(self) -> "House":
        return self

    def __exit__(self, *error: object) -> None:
        self.ours.kill()
        self.anchor.kill()
        db.close()


def signed_in(person: Person) -> str:
    SignIn.create(token=sealing.digest(f"bench-{person.id}"), person=person)
    return f"bench-{person.id}"


# ── bytes ────────────────────────────────────────────────────────────────────────────────────────


def sizes(house: House, rounds: int) -> Rows:
    for kind, slug in product(offline.PAGES, demo.CASES):
        rows = RenderedPage.select().where(RenderedPage.kind == kind)
        mine = rows.where(RenderedPage.owner == getattr(house.cast, f"{slug}_plan").id)
        most = max(len(row.read()) for row in mine)  # kept as gzip
        yield f"{kind} of {slug}, gzip, its largest language", most / KIB, "KiB", "<= 5"
    head, page = house.ours.ask(house.ours.request("/", BROWSER))
    files = {path: transfer(house, path) for path in LOADED.findall(page.decode())}
    whole = len(head) + len(page) + sum(files.values())
    style = sum(size for path, size in files.items() if path.endswith(".css"))
    script = sum(size for path, size in files.items() if path.endswith(".js"))
    yield "first visit: everything, headers too", whole / KIB, "KiB", "<= 40"
    yield "first visit: requests", len(files) + 1, "", "<= 8"
    yield "first visit: style sheet", style / KIB, "KiB", "<= 6"
    yield "first visit: scripts", script / KIB, "KiB", "<= 22"
    yield "in the background: the worker", transfer(house, "/sw.js") / KIB, "KiB"


def transfer(house: House, path: str) -> int:
    return sum(map(len, house.ours.ask(house.ours.request(path, BROWSER))))


# ── pages ────────────────────────────────────────────────────────────────────────────────────────


def pages(house: House, rounds: int) -> Rows:
    ours, theirs = house.ours, house.anchor
    visit = re.search(r"session=[^;]+", theirs.ask(theirs.request("/sign-in"))[0])[0]
    mine = f"Cookie: sid={signed_in(house.cast.ines)}"
    contestants = {
        "bare Flask": (theirs, theirs.request("/hello")),
        "anchor's page": (theirs, theirs.request("/plan/1", f"Cookie: {visit}")),
        "plan page": (ours, ours.request(f"/plans/{house.cast.leo_plan.id}", mine)),
    }
    runs: dict[str, list] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, (server, request) in contestants.items():
            runs[name].append(server.load([repeat(request)] * 8, 1.0))
    flask, anchor, plan = (some[1:] for some in runs.values())  # the first one warms up

    yield "plan page / anchor's page, req/s", ratio(plan, anchor), "x", ">= 1.0"
    yield "plan page / bare Flask, req/s", ratio(plan, flask), "x", ">= 0.10"
    for name, some in {"plan page": plan, "anchor's page": anchor, "bare Flask": flask}.items():
        budget = "<= 1.8" if some is plan else ""
        yield f"{name}: CPU of a request", median(one.cpu for one in some), "ms", budget
        yield f"{name}: req/s, 8 connections", median(one.rate for one in some)
    yield "plan page: p99", median(one.p99 for one in plan), "ms", "<= 20"
    yield "plan page: p99 / p50", median(one.p99 / one.p50 for one in plan), "x", "<= 3"


def ratio(ours: list, theirs: list) -> float:
    return median(a.rate / b.rate for a, b in zip(ours, theirs, strict=True))


# ── sync ─────────────────────────────────────────────────────────────────────────────────────────


class Device:
    """A tablet without a browser: signs, keeps what comes, asks for the rest."""

    def __init__(self, house: House) -> None:
        self.server, self.key = house.ours, ec.generate_private_key(ec.SECP256R1())
        sami = house.cast.sami
        known = {"can_call": False, "by": sami, "now": clock(), "approved_by": sami}
        _, code = offline.invite(house.cast.baach, None, "Bench", **known)
        point = self.key.public_key().public_bytes(*sealing.POINT)
        self.id = offline.claim(code, point, "127.0.0.1", clock()).id
        self.head = {"n": 0, "seq": 0, "roll": ""}
        self.cookie = ""
        self.blobs: dict[str, Any] = {}

    def question(self, want: list[str]) -> Any:
        self.head["n"] += 1
        said = {"v": 1, "want": want, "have": self.head["roll"], "erased": [], "events": []}
        said |= {"n": self.head["n"], "seq": self.head["seq"], "applied": self.head["seq"]}
        body = json.dumps(said).encode()
        signed = self.key.sign(b"kannerplang-sync-1\n" + body, ec.ECDSA(SHA256()))
        raw = b"".join(half.to_bytes(32, "big") for half in decode_dss_signature(signed))
        mark = f"Device: {self.id}.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"
        more = (mark, "Sec-Fetch-Site: same-origin", f"Cookie: {self.cookie}")
        return self.server.request("/sync", *more, body=body)

    def sync(self, want: list[str]) -> tuple[int, int]:
        """The sizes of head and body of the answer, which is taken in."""
        top, body = self.server.ask(self.question(want))
        if cookie := re.search(r"device=[^;]+", top):
            self.cookie = cookie[0]
        line, _, rest = body.partition(b"\n")
        first = json.loads(line)
        self.head = json.loads(first["head"])
        for name, length in first["entries"]:
            self.blobs[name], rest = rest[:length], rest[length:]
        return len(top), len(body)

    def missing(self) -> list[str]:
        packs = [self.roll["common"], *(line[2] for line in self.roll["children"] if line[2])]
        named = set(packs)
        for pack in (self.json(name) for name in packs if name in self.blobs):
            named |= {*pack["pages"].values(), *pack["files"].values()}
        return sorted(named - self.blobs.keys())[: offline.WANTS]

    def json(self, name: str) -> dict[str, Any]:
        return json.loads(gzip.decompress(self.blobs[name]))

    @property
    def roll(self) -> dict[str, Any]:
        return self.json(self.head["roll"])


def syncing(house: House, rounds: int) -> Rows:
    device, start = Device(house), time.perf_counter()
    sizes = [device.sync([])]
    readable = time.perf_counter() - start
    while want := device.missing():
        sizes.append(device.sync(want))
    whole = time.perf_counter() - start
    plans = len(device.roll["children"])
    yield f"first sync of {plans} plans, 5 languages, photos and scans", whole, "s", "<= 1.5"
    yield "first sync: until the plans can be read", readable, "s"
    yield "first sync: answers", len(sizes), "", "<= 3"
    yield "first sync: everything", sum(map(sum, sizes)) / KIB, "KiB"

    head, body = device.sync([])
    yield "nothing changed: the answer", body, "bytes", "<= 1024"
    yield "nothing changed: its HTTP headers", head, "bytes"
    floor, unchanged = [], []
    hello = house.anchor.request("/hello")
    for _ in range(rounds):
        floor.append(house.anchor.load([repeat(hello)], 0.5))
        unchanged.append(house.ours.load([[device.question([]) for _ in range(800)]], 0.5))
    yield "nothing changed: time", median(one.p50 for one in unchanged), "ms", "<= 50"
    yield "nothing changed: CPU", median(one.cpu for one in unchanged), "ms"
    yield "nothing changed / bare Flask, 1 connection", ratio(unchanged, floor), "x", ">= 0.5"


# ── offline ───────────────────────────────────────────────────────────────────────────────────────


def openings(house: House, rounds: int) -> Rows:
    tablets = {}
    for count in (1, 50, 200):
        with db.atomic():
            person, plan = crowd(house, count)
        nursery = models.Staff.get(models.Staff.person == person).nursery
        ready = {"can_call": False, "by": person, "now": clock(), "approved_by": person}
        models.Device.delete().where(models.Device.nursery == nursery).execute()
        _, code = offline.invite(nursery, None, "Bench", **ready)
        tablets[count] = code, f"/plans/{plan.id}"
    with house.app.app_context():
        while offline.render_due(release(), clock()):
            pass
    yield from tablet.openings(house.ours, house.anchor, tablets, rounds)


# ── statements ───────────────────────────────────────────────────────────────────────────────────


def statements(house: House, rounds: int) -> Rows:
    few, many = counted(house, 1), counted(house, 60)
    for name, budget in {"plan": "<= 5", "board": "<= 4", "home": "", "manage": ""}.items():
        yield f"{name}, 60 rows: statements that read", many[name][0], "", budget
        yield f"{name}, 60 rows: statements that write", many[name][1]
        yield f"{name}: more than with 1 row", sum(many[name]) - sum(few[name]), "", "<= 0"


def counted(house: House, rows: int) -> dict[str, tuple[int, int]]:
    with db.atomic():
        person, plan = crowd(house, rows)
    browser, plain, counts = house.app.test_client(), db.obj.execute_sql, {}
    browser.set_cookie("sid", signed_in(person))
    paths = {"plan": f"/plans/{plan.id}", "board": "/nursery"}
    for name, path in (paths | {"home": "/home", "manage": "/nursery/manage"}).items():
        assert browser.get(path).status_code == 200, path  # renders what is due, opens the keys
        seen: list[str] = []
        db.obj.execute_sql = lambda sql, *more, to=seen: (to.append(sql), plain(sql, *more))[1]
        browser.get(path)
        del db.obj.execute_sql
        reads = sum(sql.startswith("SELECT") for sql in seen)
        counts[name] = reads, sum(sql.startswith(("INSERT", "UPDATE", "DELETE")) for sql in seen)
    return counts


def crowd(house: House, count: int) -> tuple[Person, Plan]:
    """Somebody who runs a nursery of `count` children, all her own, and the plan of the last."""
    key = DataKey.make()
    person = Person.create(data_key=key, handle=uuid4().bytes, language="fr", name="Nadia")
    nursery = models.Nursery.create(data_key=key, name="Crèche", code=f"BENC{count:02}")
    here = {"nursery": nursery, "data_key": key, "name": "Nadia"}
    models.Staff.create(person=person, role=models.StaffRole.MANAGER, **here)
    for _ in range(count):
        child = models.Child.create(data_key=DataKey.make(), **CHILD)
        models.Guardian.create(person=person, child=child)
        plan = Plan.create(child=child, salt=b"bench")
        plan.current = copied(house.cast.leo_version, plan, child)
        plan.save()
        Grant.create(child=child, nursery=nursery, accepted=clock())
        models.PaperChild.create(**here)
        models.Staff.create(**here)
        models.Device.create(nursery=nursery, name="Tablet", public_key=uuid4().bytes)
    for rank in range(count):
        facts = {"data_key": child.data_key_id, "name": "Nadia", "phones": ["621 555 000"]}
        models.Contact.create(child=child, rank=rank, **facts)
    return person, plan


def copied(version: models.PlanVersion, plan: Plan, child: models.Child) -> models.PlanVersion:
    """The same words for another child; without the scan, which is the first one's own."""
    facts = {"no": 1, "state": version.state, "mode": version.mode, "hash": ""}
    return models.PlanVersion.create(
        plan=plan, data_key=child.data_key_id, content=version.content, signature=b"", **facts
    )


# ── the desk ─────────────────────────────────────────────────────────────────────────────────────


def queue(house: House, rounds: int) -> Rows:
    """The first page of the desk with 50 open requests, then with 5,000."""
    mine = f"Cookie: sid={signed_in(house.cast.noor)}"
    page = house.ours.request("/desk", mine)
    runs = []
    for open_ones in (50, 5000):
        wait_for(house, open_ones)
        house.ours.load([repeat(page)], 1.0)  # warms up
        runs.append([house.ours.load([repeat(page)], 1.0) for _ in range(rounds)])
    few, many = (median(one.p50 for one in some) for some in runs)
    yield "desk, 50 open requests: time", few, "ms"
    yield "desk, 5,000 open requests: time", many, "ms"
    yield "desk, 5,000 / 50 open requests", many / few, "x", "<= 1.5"


def wait_for(house: House, count: int) -> None:
    """Until so many are open; all of one family."""
    person, key = house.cast.zoe, house.cast.zoe.data_key_id
    known = {"kind": "cnje", "person": person, "data_key": key, "language": "fr"}
    waiting = CareRequest.select().where(CareRequest.status == RequestStatus.ASKED).count()
    with db.atomic():
        for _ in range(count - waiting):
            CareRequest.create(name="Family", phone="621 555 000", created=clock(), **known)


# ── phrases ──────────────────────────────────────────────────────────────────────────────────────


def foreign(house: House, rounds: int) -> Rows:
    """Lines of plans that nobody tuned the catalogue to: how many are known word by word, how many
    an independent judge found said by known sentences, and how many are offered such a one."""
    counts: dict[str, list[tuple[bool, ...]]] = {}
    for paper, kind, texts, judged in judgements.papers():
        for text, verdict in zip(texts, judged, strict=True):
            found = (
                Line.of(text, paper["lang"], kind).is_phrase,
                "whole" in verdict,
                bool(verdict),
                judgements.finds(text, verdict, paper["lang"], kind),
                judgements.is_offered(text, verdict.get("whole", ["none"]), paper["lang"], kind),
            )
            for group in (kind, paper["lang"], "all"):
                counts.setdefault(group, []).append(found)
    whats = (
        "known word by word",
        "said whole",
        "said, in part at least",
        "finds a phrase",
        "chosen whole",
    )
    for group, lines in counts.items():
        for what, found in zip(whats, zip(*lines, strict=True), strict=True):
            budget = ">= 85" if (group, what) == ("all", "finds a phrase") else ""
            yield f"foreign plans, {group}: {what}", 100 * sum(found) / len(found), "%", budget


PARTS = {
    "bytes": sizes,
    "pages": pages,
    "sync": syncing,
    "offline": openings,
    "statements": statements,
    "desk": queue,
    "phrases": foreign,
}
