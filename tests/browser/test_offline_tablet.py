"""The tablet in a real browser: its server dead or replaced by a hostile one, its store edited."""

import json
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from playwright.sync_api import BrowserContext, Error, Page, Worker

import demo
import endings
import models
import plan as plans
import sealing
from app import create_app, do_due_work
from database import clock, db
from models import Child, Device, Grant, MayHold, Plan, PlanVersion
from phrases import LANGUAGES
from views.headers import HELD

pytestmark = pytest.mark.browser

STATIC = Path(__file__).parents[2] / "static"

DAY = 86_400_000
START = """(message) => new Promise(async (resolve) => {
  const { active } = await navigator.serviceWorker.ready;
  const { port1, port2 } = new MessageChannel();
  port1.onmessage = ({ data }) => resolve(data);
  active.postMessage(message, [port2]);
})"""
# Everything the device keeps, in a form that can be compared.
STORE = """async () => {
  const open = await new Promise((resolve, reject) => {
    const asked = indexedDB.open('kannerplang');
    asked.onsuccess = () => resolve(asked.result);
    asked.onerror = () => reject(asked.error);
  });
  const all = (name) => new Promise((resolve) => {
    const asked = open.transaction(name).objectStore(name).getAll();
    asked.onsuccess = () => resolve(asked.result);
  });
  const [me] = await all('device');
  const found = {
    device: me && { id: me.device, state: me.state, receipts: me.receipts },
    heads: (await all('heads')).map(({ roll, head }) => {
      const { seq, local } = JSON.parse(head);
      return { roll, seq, local };
    }),
    copies: Object.fromEntries((await all('copies')).map(({ plan, ...rest }) => [plan, rest])),
    blobs: (await all('blobs')).map(({ hash }) => hash),
    outbox: await all('outbox'),
  };
  open.close();
  return found;
}"""
# Change rows of a store from the page, as a script could: CHANGE gets them and gives what to put.
TAMPER = """async (name) => {
  const open = await new Promise((resolve) => {
    indexedDB.open('kannerplang').onsuccess = ({ target }) => resolve(target.result);
  });
  const rows = await new Promise((resolve) => {
    const asked = open.transaction(name).objectStore(name).getAll();
    asked.onsuccess = () => resolve(asked.result);
  });
  const changed = (CHANGE)(rows);
  await new Promise((resolve) => {
    const writing = open.transaction(name, 'readwrite');
    for (const row of changed) writing.objectStore(name).put(row);
    writing.oncomplete = resolve;
  });
  open.close();
}"""


class Tablet:
    """An enrolled browser: what a person opens, and a look into what it keeps."""

    def __init__(self, server: Any, start: Callable[..., BrowserContext]) -> None:
        self.server, self.start = server, start
        self.context = start()
        self.page.goto(f"{server.url}/demo")
        self.page.locator("form[action='/demo/tablet'] button").click()
        self.page.wait_for_url("**/nursery")
        self.settled()

    @property
    def page(self) -> Page:
        return self.context.pages[0]

    @property
    def worker(self) -> Worker:
        return self.context.service_workers[0]

    @property
    def checked(self) -> str:
        """The hour of the newest signed check, as the service's own clock told it."""
        newest = max(self.store()["heads"], key=lambda head: head["seq"])
        return newest["local"].partition("T")[2]

    def cold_start(self) -> None:
        self.context = self.start()

    def open(self, path: str) -> Page:
        self.page.goto(self.server.url + path)
        return self.page

    def ask(self, message: dict[str, Any]) -> Any:
        return self.page.evaluate(START, message)

    def sync(self) -> dict[str, Any]:
        return self.ask({"ask": "sync"})

    def settled(self) -> None:
        """Until the scans are here too, which may follow the text."""
        for _ in range(40):
            if self.sync()["missing"] == 0:
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"scans are missing: {self.sync()}")

    def store(self) -> dict[str, Any]:
        return self.page.evaluate(STORE)

    def tamper(self, name: str, change: str) -> None:
        self.page.evaluate(TAMPER.replace("CHANGE", change), name)

    @property
    def stamp(self) -> str:
        return " ".join(self.page.locator(".stamp").first.inner_text().split())

    def now(self, shift: int) -> None:
        """Let the worker's clock be off by so many ms, until it stops."""
        self.worker.evaluate(
            """(shift) => {
              self.trueNow ??= Date.now.bind(Date);
              Date.now = () => self.trueNow() + shift;
            }""",
            shift,
        )


@pytest.fixture
def tablet(server: Any, start_browser: Callable[..., BrowserContext]) -> Tablet:
    return Tablet(server, start_browser)


@pytest.fixture
def inside(server: Any) -> Callable[[], Any]:
    """The rows behind the running server: `with inside() as cast:` then change them."""

    @contextmanager
    def look() -> Iterator[SimpleNamespace]:
        app = create_app(
            DATABASE_URL=f"sqlite:///{server.instance}/app.db",
            KEYS=str(server.instance / "keys.json"),
            DEMO=True,
            DEMO_NOW=demo.NOW.isoformat(),
        )
        db.connect(reuse_if_open=True)
        cast = demo.load(clock())
        yield cast
        do_due_work(app)
        db.close()

    return look


class StandIn:
    """What listens at the server's port once the server is killed, and says what the test wants."""

    def __init__(self, server: Any) -> None:
        self.server = server
        self.listener: ThreadingHTTPServer | None = None
        self.asked: list[tuple[str, bytes]] = []

    def says(self, answer: Callable[[str, bytes], tuple[int, dict[str, str], bytes]]) -> None:
        self.server.kill()
        self.stop()
        self.asked = asked = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked.append((self.path, body))
                status, headers, sent = answer(self.path, body)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(sent)

            do_GET = do_POST

            def log_message(self, *_: Any) -> None:
                pass

        self.listener = listen(self.server.port, Handler)
        threading.Thread(target=self.listener.serve_forever, daemon=True).start()

    def stop(self) -> None:
        if self.listener:
            self.listener.shutdown()
            self.listener.server_close()
            self.listener = None


def listen(port: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    for _ in range(100):
        try:
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError:  # the dead one's port is not free yet
            time.sleep(0.05)
    raise TimeoutError("the port is taken")


@pytest.fixture
def stand_in(server: Any) -> Iterator[StandIn]:
    one = StandIn(server)
    yield one
    one.stop()


@pytest.fixture
def leo(tablet: Tablet) -> str:
    """The id of Léo's plan, as the board links to it."""
    link = tablet.page.locator("a[href^='/plans/']", has_text="Léo")
    return link.get_attribute("href").removeprefix("/plans/")


# ── 1: everything opens with the server dead ─────────────────────────────────────────────────────


def test_a_cold_start_without_server_opens_everything_in_five_languages(server, tablet, leo):
    server.kill()
    tablet.cold_start()
    seen: dict[str, set[str]] = {"board": set(), "plan": set(), "emergency": set()}

    for language in LANGUAGES:
        page = tablet.open("/nursery")
        page.locator(f"form.seg [value={language}]").click()
        page.wait_for_load_state()
        assert page.url.endswith("/nursery")
        assert page.locator("html").get_attribute("lang") == language
        seen["board"].add(page.locator("h1").inner_text())
        assert loaded(page, "img.avatar")
        page.locator(f"a[href='/plans/{leo}']").click()
        assert page.locator("html").get_attribute("lang") == language
        assert "Léo Santos" in page.locator("h1").inner_text()
        assert tablet.checked in tablet.stamp
        assert loaded(page, f"img[src*='/plans/{leo}/files/']")
        seen["plan"].add(page.locator("main").inner_text())
        page = tablet.open(f"/plans/{leo}/emergency")
        assert page.locator("html").get_attribute("lang") == language
        seen["emergency"].add(page.locator("main").inner_text())

    # The catalogues decide how many of the texts differ; each page came in its own language.
    assert all(texts for texts in seen.values())


def loaded(page: Page, selector: str) -> bool:
    """Whether every picture is really there: the photo, and the scan at the end of the page."""
    pictures = page.locator(selector)
    assert pictures.count() > 0
    for no in range(pictures.count()):
        pictures.nth(no).scroll_into_view_if_needed()
    for _ in range(50):
        if pictures.evaluate_all("all => all.every((one) => one.complete && one.naturalWidth)"):
            return True
        page.wait_for_timeout(50)
    return False


# ── 2: what erases nothing ───────────────────────────────────────────────────────────────────────


class Forger:
    """Answers that look right. With the service's own key the signature is good, no more."""

    def __init__(self, instance: Path) -> None:
        sealing.load_keys(instance / "keys.json")
        self.stranger = ec.generate_private_key(ec.SECP256R1())

    def head(self, body: bytes, *, own_key: bool = True, **other: Any) -> bytes:
        asked = json.loads(body)
        head = {
            "v": 1,
            "device": asked.get("device", ""),
            "n": asked["n"],
            "seq": asked["seq"] + 10**6,
            "time": 1_795_000_000,
            "local": "2026-11-25T08:12",
            "state": "revoked",  # if it were believed, everything would go
            "roll": "",
            "ack": [],
            "refused": [],
            "ask": None,
        } | other
        text = json.dumps(head)
        sign = self.own if own_key else self.foreign
        mark = b64encode(sign(text.encode())).decode()
        return json.dumps({"head": text, "sig": mark, "entries": []}).encode() + b"\n"

    def own(self, value: bytes) -> bytes:
        return sealing.sign("kannerplang-head-1", value)

    def foreign(self, value: bytes) -> bytes:
        signed = self.stranger.sign(b"kannerplang-head-1\n" + value, ec.ECDSA(SHA256()))
        return b"".join(half.to_bytes(32, "big") for half in decode_dss_signature(signed))


BYTES = {"Content-Type": "application/octet-stream"}
PORTAL = b"<!doctype html><title>Welcome</title><p>Log in to use this network."


def test_no_answer_but_a_signed_one_changes_anything(server, tablet, stand_in, leo):
    tablet.open("/nursery")
    before = tablet.store()
    me = before["device"]["id"]
    forger = Forger(server.instance)
    roll = before["heads"][0]["roll"]
    hostile = {
        "redirect": (302, {"Location": "/sign-in"}, b""),
        "401": (401, {}, b""),
        "403": (403, {}, b""),
        "404": (404, {}, b""),
        "410": (410, {}, b""),
        "500": (500, {}, b"trouble"),
        "503": (503, {}, b""),
        "a portal's page": (200, {"Content-Type": "text/html"}, PORTAL),
        "a portal that claims to be bytes": (200, BYTES, PORTAL),
        "empty": (200, BYTES, b""),
        "an empty roll": (200, BYTES, b'{"head":"{}","sig":"","entries":[]}\n'),
        "409": (409, {"Content-Type": "application/json"}, b'{"n":"x"}'),
        "foreign key": lambda body: forger.head(body, device=me, own_key=False),
        "other device": lambda body: forger.head(body, device="0" * 36),
        "other n": lambda body: forger.head(body, device=me, n=1),
        "lower seq": lambda body: forger.head(body, device=me, seq=1),
        "unknown version": lambda body: forger.head(body, device=me, v=2),
        "a state of a later release": lambda body: forger.head(body, device=me, state="paused"),
        "cut in the head": lambda body: forger.head(body, device=me)[:200],
        "a roll that never comes": lambda body: forger.head(
            body, device=me, state="active", roll="a" * 64
        ),
    }

    for name, answer in hostile.items():

        def say(path: str, body: bytes, answer: Any = answer) -> tuple[int, dict, bytes]:
            if path != "/sync":
                return 404, {}, b""
            return answer if isinstance(answer, tuple) else (200, BYTES, answer(body))

        stand_in.says(say)
        tablet.sync()
        after = tablet.store()

        assert [path for path, _ in stand_in.asked].count("/sync") >= 1, name
        for kept in ("copies", "blobs", "outbox"):
            assert after[kept] == before[kept], name
        assert [head["roll"] for head in after["heads"]] == [roll], name
        assert after["device"]["receipts"] == [], name
        assert after["device"]["state"] == "active", name

    stand_in.stop()
    tablet.cold_start()
    assert "Léo Santos" in tablet.open(f"/plans/{leo}").locator("h1").inner_text()


def test_a_clock_a_year_ahead_or_back_erases_nothing(server, tablet, leo):
    page = tablet.open(f"/plans/{leo}")
    before = tablet.store()
    server.kill()

    tablet.now(365 * DAY)
    for _ in range(3):
        ahead = tablet.ask({"ask": "stamp", "path": f"/plans/{leo}"})
    tablet.now(-365 * DAY)
    back = tablet.ask({"ask": "stamp", "path": f"/plans/{leo}"})
    tablet.now(0)
    after = tablet.store()

    assert (ahead["tone"], back["tone"]) == ("t-red", "t-red")
    assert "365" in ahead["sentence"]
    assert "365" not in back["sentence"]
    assert after["copies"] == before["copies"]
    assert after["blobs"] == before["blobs"]
    server.start()
    tablet.sync()
    assert tablet.ask({"ask": "stamp", "path": f"/plans/{leo}"})["tone"] == "t-green"
    assert "Léo" in page.locator("h1").inner_text()


def test_a_new_worker_takes_over_and_touches_no_copy(server, tablet, stand_in, leo):
    tablet.open("/nursery")
    before = tablet.store()
    with urlopen(f"{server.url}/sw.js") as answer:  # noqa: S310  ours
        script = answer.read() + b"// a newer release\n"
    with urlopen(f"{server.url}/offline") as answer:  # noqa: S310  ours
        shell = answer.read()
    files = {
        "/sw.js": (200, {"Content-Type": "text/javascript"}, script),
        "/offline": (200, {"Content-Type": "text/html"}, shell),
    }
    stand_in.says(lambda path, body: files.get(path, (404, {}, b"")))

    state = """() => navigator.serviceWorker.getRegistration()
      .then((one) => [Boolean(one.installing), Boolean(one.waiting)])"""
    tablet.page.evaluate("navigator.serviceWorker.getRegistration().then((one) => one.update())")
    assert becomes(tablet.page, state, [False, True])
    tablet.open(f"/plans/{leo}/emergency")
    tablet.page.wait_for_timeout(300)
    assert tablet.page.evaluate(state) == [False, True]  # never while an emergency is open
    tablet.open(f"/plans/{leo}")

    assert becomes(tablet.page, state, [False, False])
    after = tablet.store()
    assert after["copies"] == before["copies"]
    assert after["blobs"] == before["blobs"]
    assert "Léo" in tablet.open(f"/plans/{leo}").locator("h1").inner_text()


def becomes(page: Page, question: str, answer: Any) -> bool:
    for _ in range(100):
        if page.evaluate(question) == answer:
            return True
        page.wait_for_timeout(100)
    return False


# ── 3: what erases ───────────────────────────────────────────────────────────────────────────────


def test_the_end_of_a_grant_is_told_then_erased_with_receipt(server, tablet, inside, leo):
    with inside() as cast:
        plans.stop_sharing(cast.leo_grant, cast.ines, clock())
    tablet.settled()
    page = tablet.open(f"/plans/{leo}")
    assert "24.11.2026" in tablet.stamp
    assert "Léo Santos" in page.locator("h1").inner_text()

    with inside() as cast:
        plans.confirm_left(cast.leo_grant, clock())
    tablet.sync()
    others = len(tablet.store()["copies"]) - 1

    assert "erased" in tablet.store()["copies"][leo]
    assert others == len([c for c in tablet.store()["copies"].values() if "roll" in c])
    with inside():
        assert MayHold.get(MayHold.plan == leo).erased is not None
    server.kill()
    assert "Léo" not in tablet.open(f"/plans/{leo}").locator("body").inner_text()
    assert "was erased from this device on" in tablet.stamp
    assert len(tablet.open("/nursery").locator("a[href^='/plans/']").all()) == others


@pytest.mark.parametrize("state", ["revoked", "lost"])
def test_a_removed_tablet_keeps_nothing_but_says_so(server, tablet, inside, leo, state):
    with inside():
        Device.update(state=state, cookie=None).execute()

    tablet.sync()

    store = tablet.store()
    assert (store["device"], store["heads"], store["copies"], store["blobs"]) == (None, [], {}, [])
    with inside():
        assert not MayHold.select().where(MayHold.erased.is_null()).exists()
        assert MayHold.select().count() > 0
    server.kill()
    assert "Léo" not in tablet.open(f"/plans/{leo}").locator("body").inner_text()


def test_the_cap_erases_only_after_a_day_of_use(server, tablet, leo):
    tablet.open("/nursery")
    server.kill()
    sweep = "(ms) => sweep(Date.now() + ms)"
    hour = DAY // 24
    start = 60 * DAY + hour

    for no in range(25):
        assert leo in tablet.store()["copies"], no
        assert "roll" in tablet.store()["copies"][leo], f"erased after {no} hours"
        tablet.worker.evaluate(sweep, start + no * hour)

    store = tablet.store()
    assert all("erased" in copy for copy in store["copies"].values())
    assert leo in store["device"]["receipts"]
    server.start()
    tablet.settled()
    assert "roll" in tablet.store()["copies"][leo]


# ── 4: a restored backup ─────────────────────────────────────────────────────────────────────────


def test_an_older_or_emptied_server_downgrades_and_erases_nothing(server, tablet, inside, leo):
    with inside() as cast:
        version = cast.leo_version
        newer = PlanVersion(
            plan=cast.leo_plan,
            no=version.no + 1,
            state=version.state,
            mode=version.mode,
            scan=version.scan_id,
            author=version.author_id,
            hash="newer",
            signature=b"newer",
            data_key=version.data_key_id,
            content=version.content,
        )
        newer.save(force_insert=True)
        Plan.update(current=newer).where(Plan.id == cast.leo_plan.id).execute()
        Plan.touch(cast.leo.id)
    tablet.settled()
    before = tablet.store()
    with inside() as cast:
        Plan.update(current=version.id).where(Plan.id == cast.leo_plan.id).execute()
        Plan.touch(cast.leo.id)
        mia = str(cast.mia_plan.id)
        Grant.update(accepted=None).where(Grant.id == cast.mia_grant.id).execute()
        models.SentRoll.delete().execute()
        MayHold.delete().execute()

    tablet.settled()

    after = tablet.store()
    assert after["copies"][leo] == before["copies"][leo]
    assert after["copies"][mia] == before["copies"][mia]
    assert len(after["heads"]) == 2
    assert set(before["blobs"]) <= set(after["blobs"])
    for plan in (leo, mia):
        tablet.open(f"/plans/{plan}")
        assert "did not confirm" in tablet.stamp
        assert tablet.page.locator(".stamp.t-amber").count() == 1
    with inside():
        told = models.Audit.select().where(models.Audit.action == "copy.unconfirmed")
        assert {str(note.about) for note in told} >= {leo}
    tablet.now(3 * DAY)
    assert "3 days" in tablet.ask({"ask": "stamp", "path": f"/plans/{leo}"})["sentence"]


# ── 5: an edited store ───────────────────────────────────────────────────────────────────────────

EDITS = {
    "a byte of every page": (
        "blobs",
        "(rows) => rows.map((row) => { new Uint8Array(row.box)[9] ^= 1; return row; })",
    ),
    "boxes swapped": (
        "blobs",
        "(rows) => rows.map((row, no) => ({ ...rows[(no + 1) % rows.length], hash: row.hash }))",
    ),
    "a head with another time": (
        "heads",
        "(rows) => rows.map((row) => ("
        '{ ...row, head: row.head.replace(/"time":1/, \'"time":2\') }))',
    ),
    "a head without signature": ("heads", "(rows) => rows.map((row) => ({ ...row, sig: '' }))"),
    "copies that name another roll": (
        "copies",
        "(rows) => rows.map((row) => ({ ...row, roll: 'f'.repeat(64) }))",
    ),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_store_shows_a_card_and_heals(server, tablet, leo, edit):
    tablet.open(f"/plans/{leo}")
    server.kill()

    tablet.tamper(*EDITS[edit])
    answer = tablet.page.goto(f"{server.url}/plans/{leo}")

    assert answer.status == 503
    assert "Léo" not in answer.text()
    assert "tel:112" in answer.text()
    server.start()
    tablet.settled()
    tablet.settled()
    server.kill()
    assert "Léo" in tablet.open(f"/plans/{leo}").locator("h1").inner_text()


def test_one_damaged_copy_leaves_the_others(server, tablet, leo):
    page = tablet.open(f"/plans/{leo}")
    broken = page.locator(".stamp").first.get_attribute("data-copy")
    other = tablet.open("/nursery").locator(f"a[href^='/plans/']:not([href*='{leo}'])").first
    address = other.get_attribute("href")
    server.kill()

    tablet.tamper(
        "blobs",
        f"(rows) => rows.filter(({{ hash }}) => hash === '{broken}')"
        ".map((row) => ({ ...row, box: new Uint8Array(40).buffer }))",
    )

    assert "damaged" in (tablet.open(f"/plans/{leo}") and tablet.stamp)
    tablet.open(address)
    assert tablet.checked in tablet.stamp


def test_a_replayed_older_set_shows_its_own_age(server, tablet, inside, leo):
    tablet.open("/nursery")
    three = "(rows) => rows.map((row) => ({ ...row, at: row.at - 3 * 86400000 }))"
    tablet.tamper("heads", three)  # as if this had been kept three days ago
    tablet.page.evaluate("window.old = null")
    old = tablet.page.evaluate(STORE)["heads"]
    server.kill()

    tablet.open(f"/plans/{leo}")

    assert old
    assert "3 days" in tablet.stamp


def test_a_roll_of_a_foreign_key_is_never_shown(server, tablet, leo):
    tablet.open("/nursery")
    forger = Forger(server.instance)
    store = tablet.store()
    body = json.dumps({"n": 1, "seq": store["heads"][0]["seq"]}).encode()
    roll = store["heads"][0]["roll"]
    forged = json.loads(
        forger.head(body, own_key=False, device=store["device"]["id"], roll=roll, state="active")
    )
    server.kill()

    row = {"roll": roll, "head": forged["head"], "sig": forged["sig"], "at": 1}
    tablet.tamper("heads", f"() => [{json.dumps(row)}]")

    assert "Léo" not in tablet.open(f"/plans/{leo}").locator("body").inner_text()


def test_a_poisoned_asset_is_never_served(server, tablet, leo):
    page = tablet.open(f"/plans/{leo}")
    script = page.locator("script[src*=held]").get_attribute("src")
    poison = """async (url) => {
      const cache = await caches.open('assets');
      await cache.put(url, new Response('document.title = "poisoned"'));
    }"""
    page.evaluate(poison, script)
    server.kill()

    page = tablet.open(f"/plans/{leo}")

    assert "Léo" in page.title()
    server.start()
    tablet.open(f"/plans/{leo}")
    server.kill()
    answer = tablet.page.evaluate("(url) => fetch(url).then((one) => one.text())", script)
    assert "poisoned" not in answer
    assert "status line" in answer


# ── 6: cut off anywhere ──────────────────────────────────────────────────────────────────────────


def test_cut_anywhere_the_device_has_the_old_copies_or_the_new(tablet, inside, leo):
    tablet.open("/nursery")
    before = tablet.store()
    gate = Gate(tablet)
    with inside() as cast:
        for slug in ("leo", "mia", "noah"):
            child = getattr(cast, slug)
            child.first_name = f"New {child.first_name}"
            child.save()
            Plan.touch(child.id)

    whole = 0
    for share in (0.0, 0.01, 0.1, 0.3, 0.6, 0.9, 0.99):
        whole = max(whole, gate.let_through(share))
        store = tablet.store()
        assert store["copies"] == before["copies"], share
        assert set(before["blobs"]) <= set(store["blobs"]), share
        shown = tablet.open(f"/plans/{leo}").locator("h1").inner_text()
        assert shown == "Léo Santos Weber", share
    rest = gate.let_through(1.0)

    assert tablet.store()["copies"] != before["copies"]
    shown = tablet.open(f"/plans/{leo}").locator("h1").inner_text()
    assert shown == "New Léo Santos Weber"
    assert rest < whole / 2, "what had come was asked for again"


class Gate:
    """Sync answers pass through the test, which lets only a share of their bytes through."""

    def __init__(self, tablet: Tablet) -> None:
        self.tablet, self.share = tablet, 1.0
        self.sizes: list[int] = []
        tablet.context.route("**/sync", self.pass_on)

    def pass_on(self, route: Any) -> None:
        try:
            answer = route.fetch()
            body = answer.body()
            self.sizes.append(len(route.request.post_data_buffer) + len(body))
            part = body[: int(len(body) * self.share)]
            headers = answer.headers | {"content-length": str(len(part))}
            route.fulfill(status=answer.status, headers=headers, body=part)
        except Error:
            pass  # the worker has given this one up

    def let_through(self, share: float) -> int:
        """One sync at least with this share; how many bytes went both ways, uncut."""
        self.share, self.sizes = share, []
        while not self.sizes:
            self.tablet.sync()
        return self.sizes[0]


def test_a_browser_that_dies_in_a_sync_has_the_old_or_the_new(server, tablet, inside, leo):
    tablet.open("/nursery")
    with inside() as cast:
        for row in (cast.leo, cast.mia, cast.noah):
            row.first_name = f"New {row.first_name}"
            row.save()
            Plan.touch(row.id)
    tablet.page.evaluate("navigator.serviceWorker.controller.postMessage({ ask: 'sync' })")
    server.kill()
    tablet.cold_start()

    title = tablet.open(f"/plans/{leo}").locator("h1").inner_text()

    assert title in {"Léo Santos Weber", "New Léo Santos Weber"}


# ── 7: the age, by the clock ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("days", "tone", "said"),
    [
        (0, "t-green", "today {checked}"),
        (0.9, "t-green", "yesterday {checked}"),
        (1.1, "t-amber", "1 day"),
        (6.9, "t-amber", "6 days"),
        (7.1, "t-red", "7 days"),
        (44.9, "t-red", "44 days"),
        (45.1, "t-red", "23.01.2027"),
        (59.9, "t-red", "23.01.2027"),
        (60.1, "t-red", "24 hours"),
        (365, "t-red", "365 days"),
        (-0.001, "t-green", "today {checked}"),
        (-1, "t-red", "not known"),
        (-365, "t-red", "not known"),
    ],
)
def test_the_bands_follow_the_clock(shared_tablet, days, tone, said):
    shared_tablet.now(int(days * DAY))
    told = shared_tablet.worker.evaluate(
        """async (path) => {
          const me = await device();
          return stamp(me, await opened(me, path.split('/').pop()));
        }""",
        shared_tablet.path,
    )

    said = said.format(checked=shared_tablet.checked)
    assert (told["tone"], said in told["sentence"]) == (tone, True), told


@pytest.fixture(scope="module")
def shared_tablet(
    shared_server: Any, playwright: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Tablet]:
    """One tablet for questions that change nothing on it."""
    folder = tmp_path_factory.mktemp("tablet")
    import conftest  # noqa: PLC0415  beside this file

    context = playwright.chromium.launch_persistent_context(
        folder, executable_path=conftest.chromium(), args=conftest.ARGUMENTS, locale="en-GB"
    )
    tablet = Tablet(shared_server, lambda: context)
    tablet.path = tablet.page.locator("a[href^='/plans/']").first.get_attribute("href")
    yield tablet
    context.close()


# ── 14: headers, scripts, storage ────────────────────────────────────────────────────────────────


def test_the_workers_answers_carry_exactly_the_servers_headers(server, tablet, leo):
    server.kill()
    expected = {name.lower(): value for name, value in HELD.items()}
    missing = f"/plans/{leo[:-1]}{'0' if leo[-1] != '0' else '1'}"
    page = tablet.page
    for path, status, kind in (
        ("/nursery", 200, "text/html; charset=utf-8"),
        (f"/plans/{leo}", 200, "text/html; charset=utf-8"),
        (f"/plans/{leo}/emergency", 200, "text/html; charset=utf-8"),
        (missing, 503, "text/html; charset=utf-8"),
        ("/services", 503, "text/html; charset=utf-8"),
    ):
        answer = page.goto(server.url + path)
        assert answer.status == status, path
        assert answer.from_service_worker
        assert answer.all_headers() == expected | {"content-type": kind}, path
    for kind in ("stylesheet", "script"):
        page.goto(f"{server.url}/nursery")
        tag = "link[rel=stylesheet]" if kind == "stylesheet" else "script"
        url = page.locator(tag).first.evaluate("(tag) => tag.href ?? tag.src")
        headers = page.evaluate(
            "(url) => fetch(url).then((answer) => Object.fromEntries(answer.headers))", url
        )
        mime = {"stylesheet": "text/css", "script": "text/javascript"}[kind]
        assert headers == expected | {"content-type": mime}


def test_an_injected_script_does_not_run_on_a_copy(server, tablet, leo):
    page = tablet.open(f"/plans/{leo}")
    server.kill()
    page = tablet.open(f"/plans/{leo}")

    page.evaluate(
        """() => setTimeout(() => {
          const script = document.createElement('script');
          script.textContent = 'window.ran = true';
          document.body.append(script);
          const button = document.createElement('button');
          button.setAttribute('onclick', 'window.ran = true');
          document.body.append(button);
          button.click();
        })"""
    )
    page.wait_for_timeout(200)

    assert page.evaluate("window.ran") is None


def test_no_word_of_a_plan_lies_in_clear_in_any_storage(server, tablet, leo, tmp_path):
    page = tablet.open(f"/plans/{leo}")
    # What every browser may keep is no secret.
    public = "".join(path.read_text() for path in STATIC.glob("*.js"))
    with urlopen(f"{server.url}/pai/offline") as answer:  # noqa: S310
        public += answer.read().decode()
    shown = page.locator("main").inner_text().split()
    words = [word for word in shown if len(word) > 9 and word not in public][:30]
    tablet.open("/nursery")
    shelves = tablet.page.evaluate("[localStorage.length, sessionStorage.length]")
    tablet.context.close()
    profile = tmp_path / "tablet" / "Default"
    places = ("IndexedDB", "Service Worker", "Local Storage", "Session Storage", "Cache")
    found = b"".join(
        path.read_bytes()
        for place in places
        for path in (profile / place).rglob("*")
        if path.is_file()
    )

    assert shelves == [0, 0]
    assert words
    assert len(found) > 100_000
    for word in ["Santos", "Schmitz", *words]:
        assert word.encode() not in found, word
        assert word.encode("utf-16-le") not in found, word


# ── enrolling and living with it ─────────────────────────────────────────────────────────────────


def test_a_typed_code_shows_digits_until_the_manager_approves(server, start_browser, inside):
    import offline  # noqa: PLC0415

    with inside() as cast:
        device, code = offline.invite(cast.baach, None, "Hall", False, cast.sami, clock())
    page = start_browser().pages[0]
    page.goto(f"{server.url}/enrol")
    page.get_by_label("Code").fill("AAAAAAAAAA")
    page.get_by_role("button", name="Set up").click()
    page.get_by_role("alert").wait_for()
    page.get_by_label("Code").fill(f"{code[:5].lower()} {code[5:]}")
    page.get_by_role("button", name="Set up").click()
    page.locator("[data-digits]").wait_for()
    with inside():
        device = Device.get_by_id(device.id)
        assert page.locator("[data-digits]").inner_text() == offline.digits(device)
        offline.approve(device, cast.sami, clock())

    page.wait_for_url("**/nursery")

    assert page.locator(".stamp.t-green").count() == 1
    assert code not in page.evaluate("JSON.stringify(performance.getEntries())")


def test_a_newer_version_says_so_on_the_open_page(server, tablet, inside, leo):
    page = tablet.open(f"/plans/{leo}")
    with inside() as cast:
        child = Child.get_by_id(cast.leo.id)
        child.first_name = "Leonardo"
        child.save()
        Plan.touch(child.id)

    tablet.sync()

    newer = page.locator("[data-replaced]")
    newer.wait_for()
    assert "Léo Santos" in page.locator("h1").inner_text()
    newer.get_by_role("link").click()
    page.wait_for_load_state()
    assert "Leonardo" in page.locator("h1").inner_text()
    assert not newer.is_visible()


def test_a_stop_reaches_the_tablet_and_is_shown_without_a_server(server, tablet, inside, leo):
    page = tablet.open(f"/plans/{leo}/emergency")
    assert page.locator("ol.steps.big").count() > 0
    with inside() as cast:
        said = endings.Stop("doctor", "Dr Claire Thill", "2026-11-20", "guéri", "fr")
        endings.stop(cast.leo_plan, said, cast.ines, clock())
        overdue = cast.tiago_plan.id

    tablet.settled()
    server.kill()
    tablet.cold_start()

    for path in ("", "/emergency"):
        page = tablet.open(f"/plans/{leo}{path}")
        assert "20 November 2026" in page.locator("[data-stop]").inner_text()
        assert "Dr Claire Thill" in page.locator("[data-stop]").inner_text()
        assert page.locator("[data-severity]").count() == 0
        assert page.get_by_role("link", name="Call 112").first.is_visible()
        assert page.get_by_text("621 555 101").is_visible()
    passed = tablet.open(f"/plans/{overdue}").locator("[data-until='2026-08-31']")
    assert "still applies" in passed.inner_text(), "shown: its date has passed, the plan is there"
    assert passed.is_visible()


def test_an_unchanged_contact_moves_less_than_a_kilobyte(server, tablet):
    tablet.sync()

    assert Gate(tablet).let_through(1.0) <= 1024


def test_a_stale_cookie_is_renewed_by_a_sync(server, tablet, inside, leo):
    tablet.open("/nursery")
    with inside():
        Device.update(cookie_until=clock()).execute()
    tablet.tamper("copies", "(rows) => rows.map(({ plan }) => ({ plan }))")

    answer = tablet.page.goto(f"{server.url}/plans/{leo}")

    assert answer.status == 200
    assert "Léo" in tablet.page.locator("h1").inner_text()
    with inside():
        assert Device.get().cookie_until > clock()


def test_the_cookie_is_out_of_reach_of_scripts(tablet):
    (cookie,) = [one for one in tablet.context.cookies() if one["name"] == "device"]

    assert cookie["httpOnly"]
    assert cookie["sameSite"] == "Lax"
    assert tablet.page.evaluate("document.cookie") == ""
