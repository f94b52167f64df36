"""Odd input in every field of every form: a clear refusal or a stored text, never a fault."""

import re
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import pytest
from bs4 import BeautifulSoup, Tag
from client import Client, soup_of

ODD = (
    "\x00",
    "\ud800",
    "<script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "=1+1",
    "½ ٣ 🦊 ‮ابج‬",
    "9" * 30,
    "-1",
    "1e999",
    "31.02.2025",
    "0000-00-00",
    "a" * 5000,
    str(uuid4()),
    "../../etc/passwd",
)
STARTS = {
    "ines": ("/home", "/account", "/info-sante"),
    "sami": ("/nursery/manage",),
    "tessa": ("/nursery/manage",),
    "zoe": ("/home", "/children/new", "/info-sante"),
    "noor": ("/desk", "/desk/requests/new?kind=1", "/desk/info-sante", "/desk/services"),
    None: ("/", "/sign-up", "/sign-in", "/enrol", "/search", "/feedback"),
}
MOST_PAGES = 60
EACH = 5  # every fifth odd value for a field, so that all of them are met across a form
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?<=[./])\d+(?=[./]|$)")


class Form(NamedTuple):
    action: str
    fields: dict[str, str]
    multipart: bool


def forms_of(page: BeautifulSoup, url: str) -> Iterator[Form]:
    for form in page.find_all("form", method="post"):
        fields = {
            control["name"]: value_of(control)
            for control in form.find_all(["input", "select", "textarea", "button"])
            if control.get("name") and control["name"] != "csrf_token"
        }
        action = urljoin(url, form.get("action") or url)
        yield Form(action, fields, form.get("enctype") == "multipart/form-data")


def value_of(control: Tag) -> str:
    if control.name == "select":
        chosen = control.find("option", selected=True) or control.find("option")
        return chosen.get("value", "") if chosen else ""
    return control.get_text() if control.name == "textarea" else control.get("value", "")


def crawl(client: Client, starts: tuple[str, ...]) -> dict[str, Form]:
    """Every kind of form a person can reach, one example each."""
    seen, queue, found = set(), list(starts), {}
    while queue and len(seen) < MOST_PAGES:
        url = queue.pop(0)
        kind = UUID.sub("*", url)
        if kind in seen:
            continue
        seen.add(kind)
        answer = client.get(url, follow_redirects=True)
        if answer.mimetype != "text/html":
            continue
        page = soup_of(answer)
        for form in forms_of(page, url):
            found.setdefault(UUID.sub("*", form.action), form)
        for link in page.find_all("a", href=True):
            target = urljoin(url, link["href"]).split("#")[0]
            if target.startswith("/") and not urlsplit(target).scheme:
                queue.append(target)
    return found


@pytest.mark.parametrize("who", STARTS, ids=str)
def test_no_field_of_any_form_breaks_the_service(as_user, who):
    client = as_user(who)
    forms = crawl(client, STARTS[who])
    assert forms, "the crawler reached no form"

    for kind, form in forms.items():
        if kind in {"/sign-out"}:
            continue
        for n, name in enumerate(form.fields):
            for odd in ODD[(n + len(kind)) % EACH :: EACH]:
                data = form.fields | {name: odd.encode("utf-8", "surrogatepass")}
                answer = client.ask("POST", form.action, data)
                assert answer.status_code < 500, (kind, name, odd)
                text = answer.get_data().decode(errors="replace")  # a pack is no text
                assert "<script>alert(1)</script>" not in text, (kind, name)
                assert "Traceback" not in text


def test_doubled_parameters_wrong_methods_and_forged_hosts_do_no_harm(as_user):
    client = as_user("ines")

    assert client.post("/home").status_code == 405
    assert client.browser.put("/children/new").status_code in {403, 405}
    doubled = client.post("/children/new", {"first_name": ["A", "B"], "born": ["x", "y"]})
    assert doubled.status_code == 422
    forged = client.browser.get("/home", headers={"Host": "evil.example"})
    assert forged.status_code == 403


def test_a_form_of_ten_megabytes_is_refused_with_a_page(as_user):
    client = as_user("ines")

    answer = client.post("/children/new", {"first_name": "a" * (10 << 20)})

    assert answer.status_code == 413
    assert "Traceback" not in answer.get_data(as_text=True)
