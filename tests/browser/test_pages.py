"""Every page there is, found by following links as readers do: axe, width, scripts, valid HTML."""

import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qsl, urljoin, urlsplit

import pytest
from bs4 import BeautifulSoup, Tag
from flask import Flask
from playwright.sync_api import Browser, BrowserContext, Page, ViewportSize
from werkzeug.exceptions import HTTPException

from views import BLUEPRINTS, DEMO_BLUEPRINTS

pytestmark = pytest.mark.browser

ROOT = Path(__file__).parent.parent.parent
AXE = ROOT / "node_modules/axe-core/axe.min.js"
VNU = ROOT / "node_modules/vnu-jar/build/dist/vnu.jar"
NARROW: ViewportSize = {"width": 360, "height": 740}
WIDE: ViewportSize = {"width": 1024, "height": 768}

NO_PAGES = {
    "children.photo": "a picture",
    "plans.file": "a picture",
    "desk.news": "a part of a page",
    "devices.outing_list": "of an outing that runs: tests/test_devices.py",
    "devices.own_removal": "of a phone that was enrolled: tests/test_devices.py",
    "incidents.show": "an emergency that was run: tests/test_incidents.py",
    "info_sante.calendar": "a calendar file",
    "links.offer": "behind a link of a mail: tests/test_seats.py",
    "links.departure": "behind a link of a mail: tests/test_seats.py",
    "meaning.show": "a button sends the page there: tests/test_meaning.py",
    "links.time": "behind a link of a mail: tests/test_proposals.py",
    "nursery.enrolment": "a part of a page, else a redirect to the tablet's page",
    "machine.favicon": "a picture",
    "machine.health": "for machines",
    "machine.manifest": "for machines",
    "machine.robots": "for machines",
    "machine.static": "for machines",
    "machine.worker": "for machines",
    "requests.another_time": "while times are held: tests/test_proposals.py",
    "requests.calendar": "a calendar file",
    "ward.show": "of a visit that was noted: tests/test_ward.py",
}
NO_DAY = "31.02.2025"  # typed where a browser has no date picker
# What is sent from a page once it was looked at: which form, and what differs from it as it came.
# Most are refused; each answer is looked at like any page, and its links are followed.
SENT = {
    "children.new": [("main form", {"first_name": "", "born": NO_DAY, "weight": "x"})],
    "children.edit": [("form[action$='/edit']", {"first_name": "", "weighed_on": NO_DAY})],
    "children.edit_contact": [("main form", {"name": "", "phone": "1"})],
    "children.access": [
        ("main form", {"code": "NOBODY", "until": NO_DAY}),
        ("main form", {"code": "KUEBEN"}),
    ],
    "plans.scan": [("#scan-form", {"valid_from": NO_DAY})],
    "endings.show": [("#stop-form", {"name": "", "on": NO_DAY})],
    "doctor.ask": [("main form", {"sent_to": "Dr Faber"}), ("main form", {"sent_to": ""})],
    "notes.show": [("main form", {"diet": "x" * 501})],
    "kits.show": [("main form", {"expires": "soon"})],
    "endings.hand_back_one": [("main form", {"to": "", "on": NO_DAY})],
    "hand_over.last_day": [("main form", {"until": NO_DAY})],
    "plans.check": [("#check-form", {})],
    "editing.show kit": [("#page", {"mark:kit": "as of before"})],
    "editing.confirm_removal medicines.": [("main form", {"mark": "as of before"})],
    "editing.edit_record signatures": [("main form", {"name": "x" * 300, "on": NO_DAY})],
    "editing.edit_record kit": [("main form", {"label": "", "expires": NO_DAY})],
    "search.show": [
        ("main form", {"q": "visite"}),
        ("main form", {"q": "zebra"}),
        ("main form", {"q": "x" * 201}),
    ],
    "desk_services.edit": [("main form", {"name_en": "", "url": "http://x", "checked_on": NO_DAY})],
    "desk_services.edit_centre": [
        ("main form", {"name": "", "closes_0": "soon", "since_0": NO_DAY}),
        ("main form", {"closes_0": "09:00"}),
    ],
    "desk_sessions.new": [("#session-form", {"title_en": "", "day": NO_DAY, "seats": "x"})],
    "desk_sessions.show": [("#seat-form", {"name": "", "phone": "x"})],
    "nursery.paper": [("form[action$='/nursery/paper']", {"name": ""})],
    "nursery.devices": [("main form", {"name": "Hall"}), ("main form", {"name": ""})],
    "nursery.people": [
        ("form[action$='/nursery/people']", {"name": "Eva Weis"}),
        ("form[action$='/invitations']", {}),
        ("form[action$='/nursery/people']", {"name": ""}),
    ],
    "feedback.show": [
        ("main form", {"comment": "mail me: rui@example.lu"}),
        ("main form", {"found": "yes", "rating": "4"}),
    ],
    "desk.new": [("main form", {"name": "", "phone": "1"})],
    "desk.show": [
        ("form[action$='/confirmation']", {"day": NO_DAY}),
        ("form[action$='/refusal']", {"reason": ""}),
    ],
    "requests.new 1 2": [("main form", {"topic": "", "phone": "1"})],
    "requests.new 4": [("main form", {"hospital": "", "until": NO_DAY})],
    "nursery.rooms": [("form[action$='/nursery/rooms']", {"name": ""})],
}
# Below a page that has no link to it: only a tablet that is in use can be lost.
UNLINKED = {"nursery.device": "/loss"}


@dataclass(frozen=True)
class Walk:
    """One person's way; `rooms` and `others`: how endpoints begin that it looks at, or not."""

    who: str
    start: tuple[str, ...]
    rooms: tuple[str, ...] = ("",)
    others: tuple[str, ...] = ("-",)


# What a tablet holds (board, plan, emergency) are the same bytes for every reader.
WALKS = {
    "nobody": Walk("", ("/", "/offline", "/pai/offline", "/nothing-here"), others=("requests.",)),
    "family": Walk("Inês Santos", ("/home",), others=("editing.",)),
    "editor": Walk("Inês Santos", ("/home",), rooms=("editing.", "meaning.", "plans.scan")),
    "nursery": Walk(
        "Sami Ben Youssef",
        ("/nursery",),
        (
            "nursery.",
            "devices.",
            "incidents.",
            "plans.",
            "prints.",
            "invitations.",
            "info_sante.train",
        ),
    ),
    "desk": Walk(
        "Noor Haddad",
        ("/desk/requests/new?kind=1", "/desk", "/desk/info-sante", "/desk/services", "/desk/ward"),
        ("desk", "agenda.", "ward.", "phrasebook."),
    ),
}


def site() -> Flask:
    app = Flask(__name__, static_folder=None)
    for blueprint in (*BLUEPRINTS, *DEMO_BLUEPRINTS):
        app.register_blueprint(blueprint)
    return app


ADDRESSES = site().url_map


def endpoint(path: str) -> str:
    """With what is no id, so that each part counts: "editing.show frame", "requests.new 1 2"."""
    try:
        name, values = ADDRESSES.bind("localhost").match(urlsplit(path).path)
    except HTTPException:
        return "error"
    kinds = [values[k] for k in ("part", "kind", "path") if k in values]
    # The doors, a question, and a form for each kind.
    query = parse_qsl(urlsplit(path).query) if name == "requests.new" else []
    parts = [re.sub(r"[.\d]+", ".", kind) for kind in kinds]
    return " ".join([name, *parts, *(value for _, value in query)])


@dataclass
class Crawler:
    """Opens one address of each endpoint that is linked; `opens` and `sends` answer with HTML."""

    walk: Walk
    opens: Callable[[str], str]
    sends: Callable[[str, str, dict[str, str]], str]
    seen: dict[str, str] = field(default_factory=dict)

    def run(self) -> dict[str, str]:
        """What was seen: the HTML by the name of the page."""
        todo = list(self.walk.start)
        known: set[str] = set()
        while todo:
            path = todo.pop(0)
            name = endpoint(path)
            if name in known or name.split()[0] in NO_PAGES or not self._wanted(path, name):
                continue
            known.add(name)
            todo += self._see(name, self.opens(path))
            todo += [path + UNLINKED[name]] if name in UNLINKED else []
            for no, (form, fields) in enumerate(SENT.get(name, ())):
                todo += self._see(f"{name}, sent {no}", self.sends(path, form, fields))
        return self.seen

    def _wanted(self, path: str, name: str) -> bool:
        there = path in self.walk.start or name in {"children.show", "plans.show"}
        return there or (name.startswith(self.walk.rooms) and not name.startswith(self.walk.others))

    def _see(self, name: str, html: str) -> list[str]:
        self.seen[name] = html
        page = BeautifulSoup(html, "html.parser")
        links = [tag["href"] for tag in page.select("a[href]")]
        links += [tag["value"] for tag in page.select("#link[value]")]  # an invitation
        paths = [urlsplit(link)._replace(scheme="", netloc="", fragment="") for link in links]
        return [p.geturl() for p in paths if p.path.startswith("/")]


@pytest.fixture
def browser_of(browser: Browser, shared_server, sign_in) -> Iterator[Callable[[str], Page]]:
    """A page of one of the cast, in English; no worker stands between it and the server."""
    opened: list[BrowserContext] = []

    def start(who: str) -> Page:
        context = browser.new_context(
            viewport=NARROW, locale="en-GB", color_scheme="light", service_workers="block"
        )
        opened.append(context)
        page = context.new_page()
        return sign_in(page, who) if who else page

    yield start
    for context in opened:
        context.close()


# ── axe, width, scripts ──────────────────────────────────────────────────────────────────────────

LISTEN = """
addEventListener('securitypolicyviolation', (event) => {
  console.error(`forbidden by the policy: ${event.violatedDirective} ${event.blockedURI}`);
});"""
CHECK = """async () => {
  const { violations } = await axe.run(document, {
    runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'],
    resultTypes: ['violations'],
    preload: false,
  });
  const found = violations.flatMap(({ id, nodes }) => nodes.map(({ target, failureSummary }) =>
    `${id}: ${target.join(' ')}: ${failureSummary.replace(/\\s+/g, ' ')}`));
  const { scrollWidth, clientWidth } = document.documentElement;
  if (scrollWidth > clientWidth) found.push(`sideways scroll: ${scrollWidth} > ${clientWidth}`);
  return found;
}"""
UNFOLD = "document.querySelectorAll('details:not(.menu)').forEach((one) => { one.open = true; })"
SEND = """([selector, fields]) => {
  const form = document.querySelector(selector);
  for (const [name, value] of Object.entries(fields)) {
    const field = form.elements[name];
    if (field.type === 'date') field.type = 'text';
    field.value = value;
  }
  HTMLFormElement.prototype.submit.call(form);
}"""


class Inspector:
    """Looks at each page narrow and light, then wide and dark with everything unfolded."""

    def __init__(self, page: Page, server: str) -> None:
        self.page, self.server, self.found = page, server, []
        self.axe = AXE.read_text() if AXE.exists() else pytest.fail("no axe: run npm ci")
        page.add_init_script(LISTEN)
        page.on("console", lambda said: self._heard(said.type, said.text, said.location["url"]))
        page.on("pageerror", lambda error: self.found.append(f"{page.url}: {error}"))

    def _heard(self, kind: str, text: str, source: str) -> None:
        refused = text.startswith("Failed to load resource") and source == self.page.url
        if kind == "error" and not refused:
            self.found.append(f"{self.page.url}: {text}")

    def open(self, path: str) -> str:
        answer = self.page.goto(self.server + path)
        return self._look(answer.text())

    def send(self, path: str, form: str, fields: dict[str, str]) -> str:
        self.page.goto(self.server + path)
        with self.page.expect_navigation() as navigation:
            self.page.evaluate(SEND, [form, fields])
        return self._look(navigation.value.text())

    def _look(self, html: str) -> str:
        self.page.evaluate(f"() => {{ {self.axe} }}")
        self._check(NARROW, "light")
        self.page.evaluate(UNFOLD)
        self._check(WIDE, "dark")
        self.page.set_viewport_size(NARROW)
        return html

    def _check(self, size: ViewportSize, scheme: str) -> None:
        """As high as the whole page: a bar that sticks covers what one would scroll out of it."""
        page = self.page
        page.emulate_media(color_scheme=scheme)
        page.set_viewport_size(size)
        whole = max(size["height"], page.evaluate("document.documentElement.scrollHeight"))
        page.set_viewport_size({**size, "height": whole})
        path = page.url.removeprefix(self.server)
        self.found += [f"{path} {scheme}: {one}" for one in page.evaluate(CHECK)]


@pytest.mark.parametrize("name", WALKS)
def test_every_page_passes_axe_fits_and_breaks_no_policy(name, browser_of, shared_server):
    walk = WALKS[name]
    inspector = Inspector(browser_of(walk.who), shared_server.url)

    pages = Crawler(walk, inspector.open, inspector.send).run()

    assert len(pages) > 5
    assert inspector.found == [], "\n".join(inspector.found)


# ── the HTML checker, and that no page is forgotten ──────────────────────────────────────────────


class Reader:
    """Fetches pages as they are served, without showing them."""

    def __init__(self, page: Page, server: str) -> None:
        self.request, self.server = page.context.request, server

    def open(self, path: str) -> str:
        return self.request.get(self.server + path).text()

    def send(self, path: str, form: str, fields: dict[str, str]) -> str:
        found = BeautifulSoup(self.open(path), "html.parser").select_one(form)
        action = urljoin(self.server + path, found.get("action"))
        origin = {"Sec-Fetch-Site": "same-origin"}
        return self.request.post(action, form=controls(found) | fields, headers=origin).text()


def controls(form: Tag) -> dict[str, str]:
    """What a browser would send of the form as it came."""
    sent = {}
    for tag in form.select("input[name]:not([type=file])"):
        if tag.get("type") not in {"checkbox", "radio"} or tag.has_attr("checked"):
            sent[tag["name"]] = tag.get("value", "")
    for tag in form.select("textarea[name]"):
        sent[tag["name"]] = tag.get_text().removeprefix("\n")
    for tag in form.select("select[name]"):
        sent[tag["name"]] = (tag.select_one("[selected]") or tag.option)["value"]
    return sent


def test_every_page_is_valid_html_and_none_is_forgotten(browser_of, shared_server, tmp_path):
    seen: dict[str, str] = {}
    for name, walk in WALKS.items():
        reader = Reader(browser_of(walk.who), shared_server.url)
        pages = Crawler(walk, reader.open, reader.send).run()
        seen |= {f"{name}: {page}": html for page, html in pages.items()}

    opened = {page.split(": ")[1].split(",")[0].split()[0] for page in seen} - {"error"}
    getters = {rule.endpoint for rule in ADDRESSES.iter_rules() if "GET" in rule.methods}
    odd = sorted((getters - opened) ^ set(NO_PAGES))
    assert not odd, "a page that no link leads to, or no page at all"
    wrong = complaints(seen, tmp_path)
    assert not wrong, "\n".join(wrong)


def complaints(pages: dict[str, str], folder: Path) -> list[str]:
    """What the HTML checker says, in one run: it takes seconds to start."""
    java = shutil.which("java") or pytest.fail("no Java: the HTML checker needs one")
    if not VNU.exists():
        pytest.fail("no HTML checker: run npm ci")
    names = list(pages)
    for no, html in enumerate(pages.values()):
        (folder / f"{no}.html").write_text(html)
    command = [java, "-jar", str(VNU), "--errors-only", "--format", "gnu", str(folder)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120).stderr
    return [
        re.sub(r'^"file:.*?(\d+)\.html"', lambda found: names[int(found[1])], line)
        for line in said.splitlines()
    ]
