"""Conventions as tests: routes guarded, headers exact, rooms in order, words complete."""

import ast
import re
from pathlib import Path

import pytest
from babel.messages.pofile import read_po
from bs4 import BeautifulSoup

from views import headers
from views.guards import PUBLIC

ROOT = Path(__file__).parent.parent
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
LANGUAGES = ("fr", "de", "lb", "pt")
# What each room may import.
ROOMS = {
    "sealing": set(),
    "phrases": set(),
    "suggesting": {"database", "phrases"},
    "decoder": {"database"},
    "database": {"sealing"},
    "models": {"sealing", "database"},
    "remarks": {"database", "models"},
    "images": {"database", "decoder"},
    "plan": {"database", "models", "sealing", "phrases"},
    "differences": {"plan"},
    "signoffs": {"database", "models", "phrases", "sealing"},
    "shelf": {"database", "models", "plan"},
    "inbox": {"database", "models", "sealing"},
    "receipts": {"inbox", "database", "models"},
    "offline": {"inbox", "database", "models", "sealing", "phrases", "shelf", "jobs"},
    "nurseries": {"inbox", "database", "models", "plan"},
    "offices": {"database", "models"},
    "ward": {"database", "models"},
    "jobs": {"database", "models", "offices"},
    "incidents": {"inbox", "jobs", "database", "models", "offices"},
    "services": {"database", "models", "offices"},
    "endings": {"database", "models", "offices", "jobs", "plan", "sealing"},
    "agenda": {"database", "models", "offices", "services"},
    "booking": {"database", "models", "offices", "jobs", "agenda"},
    "deadlines": {"database", "models", "offices", "jobs", "agenda", "booking"},
    "access": {"database", "models", "offices", "plan"},
    "demo_papers": {"plan"},
    "demo_offices": {"database", "models", "offices", "agenda", "booking", "demo_papers"},
    "demo": {
        "database",
        "models",
        "plan",
        "offices",
        "services",
        "demo_papers",
        "demo_offices",
    },
}


def imports_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_import_only_what_stands_below_them(room):
    own = {path.stem for path in ROOT.glob("*.py")} | {"views"}

    used = {name.split(".")[0] for name in imports_of(ROOT / f"{room}.py")}

    assert used & own <= ROOMS[room]
    assert not used & {"flask", "flask_babel", "wtforms"}, "no flask and no words below access"


def test_places_do_not_import_each_other():
    modules = {path.stem: path for path in (ROOT / "views").glob("*.py")}
    places = {name for name, path in modules.items() if "\nbp = Blueprint(" in path.read_text()}
    allowed = {"__init__": places, "demonstration": {"account"}, "release": {"machine"}}
    for name, path in modules.items():
        used = {n.split(".")[1] for n in imports_of(path) if n.startswith("views.")}
        assert used & places <= allowed.get(name, set()), f"{name} imports {used & places}"


# ── routes ───────────────────────────────────────────────────────────────────────────────────────


def test_every_route_is_guarded_or_listed_as_public(flask_app):
    unguarded = {
        rule.endpoint
        for rule in flask_app.url_map.iter_rules()
        if not hasattr(flask_app.view_functions[rule.endpoint], "action")
    }

    assert unguarded == PUBLIC


def test_every_other_page_asks_for_sign_in(app):
    client = app.test_client()
    for rule in app.url_map.iter_rules():
        if rule.endpoint in PUBLIC:
            continue
        url = example(rule)
        method = min(rule.methods - {"HEAD", "OPTIONS"})
        answer = client.open(url, method=method, headers={"Sec-Fetch-Site": "same-origin"})
        asked = answer.location and answer.location.startswith("/sign-in")
        assert asked or answer.status_code == 400, rule


def example(rule) -> str:
    url = re.sub(r"<uuid:\w+>", "6f1c2b7e-0000-4000-8000-000000000000", rule.rule)
    return re.sub(r"<\w+:\w+>|<\w+>", "1", url)


def test_no_link_that_leaves_the_app_bears_the_name_it_was_asked_under():
    for path in (*(ROOT / "views").glob("*.py"), *TEMPLATES):
        text = path.read_text()
        assert "_external" not in text, path
        if path.stem != "guards":  # which compares that name, and answers with none
            assert "host_url" not in text, path


def test_urls_are_kebab_case_and_ids_are_typed(flask_app):
    for rule in flask_app.url_map.iter_rules():
        plain = re.sub(r"<[^>]+>", "", rule.rule)
        assert re.fullmatch(r"[a-z0-9/.-]*", plain), rule
        for argument in re.findall(r"<([^>]+)>", rule.rule):
            assert argument.startswith("uuid:") or not argument.endswith("_id"), rule


def test_an_unsafe_request_from_elsewhere_is_refused(app):
    client = app.test_client()

    for site in ("cross-site", "same-site", "none"):
        answer = client.post("/language", headers={"Sec-Fetch-Site": site})
        assert answer.status_code == 403, site
    assert client.post("/language").status_code == 403
    elsewhere = {"Origin": "http://localhost:9999"}
    assert client.post("/language", headers=elsewhere).status_code == 403
    assert client.post("/language", headers={"Origin": "http://localhost"}).status_code == 303


def test_a_form_without_its_token_is_refused(app, as_user):
    client = as_user("ines")

    answer = client.browser.post("/sign-out", headers={"Sec-Fetch-Site": "same-origin"})

    assert answer.status_code == 400
    assert client.get("/home").status_code == 200


# ── headers ──────────────────────────────────────────────────────────────────────────────────────

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


@pytest.mark.parametrize("url", ["/", "/sw.js", "/nowhere", "/home", "/offline", "/manifest.json"])
def test_every_answer_carries_the_headers(app, url):
    answer = app.test_client().get(url)

    assert answer.headers["Content-Security-Policy"] == CSP
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Referrer-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer.headers["Permissions-Policy"]
    assert "HX-Request" in answer.headers["Vary"]
    assert "Clear-Site-Data" not in answer.headers
    assert answer.headers["Cache-Control"] in {"no-store", "no-cache"}


def test_the_worker_carries_the_same_headers_in_its_first_line(app):
    script = app.test_client().get("/sw.js").get_data(as_text=True)

    assert script.startswith("const HEADERS = ")
    assert headers.HELD["Content-Security-Policy"] in script.splitlines()[0].replace('\\"', '"')


def test_https_asks_for_https_and_signs_forms_in(app):
    client = app.test_client()

    answer = client.get("/", base_url="https://localhost")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains"


def test_an_asset_with_an_unknown_hash_is_not_served(app):
    client = app.test_client()
    page = client.get("/").get_data(as_text=True)
    style = re.search(r"/static/app\.\w+\.css", page).group()

    with client.get(style) as found:
        assert found.status_code == 200
        assert "immutable" in found.headers["Cache-Control"]
    assert client.get("/static/app.000000000000.css").status_code == 404
    assert client.get("/static/app.css").status_code == 404
    assert client.get("/static/../app.py").status_code == 404


# ── templates ────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda p: str(p.relative_to(ROOT / "templates")))
def test_templates_keep_the_policy(path):
    text = path.read_text()

    assert text.startswith("{#"), "the first line says what it needs"
    assert not re.search(r"\|\s*safe|Markup\(|style=|hx-on|js:|hx-boost", text)
    assert not re.search(r"(?<!data-)\bhx-[a-z]+=", text), "data-hx-* only"
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "no inline script"
    assert not re.search(r"https?://", text.replace("http://www.w3.org", "")), "no third party"


TARGETS = [path for path in TEMPLATES if 'data-hx-target="#' in path.read_text()]


@pytest.mark.parametrize("path", TARGETS, ids=lambda p: p.name)
def test_htmx_targets_stand_in_the_same_file(path):
    text = path.read_text()
    included = re.findall(r'{% include "([^"]+)"', text)
    here = text + "".join((ROOT / "templates" / name).read_text() for name in included)

    for target in re.findall(r'data-hx-target="#([^"{]+)', text):
        assert f'id="{target}' in here, target


# ── words ────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module", params=LANGUAGES)
def catalogue(request):
    path = ROOT / "translations" / request.param / "LC_MESSAGES/messages.po"
    with path.open("rb") as file:
        return read_po(file, locale=request.param)


def test_catalogues_are_complete(catalogue, source):
    missing = [
        message.id
        for message in source
        if message.id and not all(texts(catalogue.get(message.id, message.context)))
    ]

    assert not missing
    assert not [message.id for message in catalogue if message.id and message.fuzzy]


def test_translations_keep_the_placeholders(catalogue):
    pattern = re.compile(r"%\(\w+\)[sd]")
    for message in catalogue:
        ids = message.id if isinstance(message.id, tuple) else (message.id,)
        wanted = set(pattern.findall(" ".join(ids)))
        for text in texts(message) if message.id else ():
            assert set(pattern.findall(text)) <= wanted, message.id
            if not message.pluralizable:
                assert set(pattern.findall(text)) == wanted, message.id


def texts(message) -> tuple[str, ...]:
    if message is None:
        return ("",)
    return message.string if isinstance(message.string, tuple) else (message.string,)


@pytest.fixture(scope="module")
def source():
    """What the code and the templates say today, extracted as `pybabel extract` does."""
    import tomllib  # noqa: PLC0415

    from babel.messages.catalog import Catalog  # noqa: PLC0415
    from babel.messages.extract import extract_from_dir  # noqa: PLC0415

    config = tomllib.loads((ROOT / "pyproject.toml").read_text())
    mappings = [(m["pattern"], m["method"]) for m in config["tool"]["babel"]["mappings"]]
    keywords = {"_": None, "_l": None, "gettext": None, "ngettext": (1, 2)}
    found = Catalog()
    for name in ("app.py", "views", "templates"):
        place = ROOT / name
        base = place if place.is_dir() else ROOT
        here = [(p.removeprefix(f"{name}/"), m) for p, m in mappings if p.startswith(name)]
        for file, line, message, _comments, context in extract_from_dir(
            base, method_map=here, keywords=keywords
        ):
            found.add(message, None, [(file, line)], context=context)
    return found


def test_no_form_message_stays_english_in_luxembourgish(app, as_user):
    client = as_user("ines")
    client.post("/language", {"language": "lb"})

    answer = client.post("/children/new", {"first_name": "", "born": "31.02.2025"})
    page = BeautifulSoup(answer.get_data(as_text=True), "html.parser")
    words = page.get_text(" ")

    assert answer.status_code == 422
    assert page.select("[aria-invalid=true]")
    for english in ("This field is required", "Not a valid", "Fill this in", "does not exist"):
        assert english not in words
