"""The application for help: asked, printed, forgotten; a draft only for who keeps one."""

from datetime import timedelta

import pytest
from client import Client, soup_of
from tables import tables

import access
import database
import demo
from models import Actor
from offices import LetterDraft

URL = "/help/application"
TYPED = {
    "asks": "professional",
    "name": "Anne Weber",
    "mail": "anne@example.lu",
    "institution": "Schoul um Bierg",
    "known": "yes",
    "child": "Lina Zzyzx",
    "born": "1999-05-04",
    "situation": "Zzyzx-Kummer seit dem Sommer.\nZweite Zeile.",
    "strengths": "Die Oma hilft.",
    "kinds": ["family", "talk"],
    "consent": "y",
}


def rows() -> dict[str, list]:
    return {table.__name__: sorted(map(str, table.select().tuples())) for table in tables()}


def value(page, name: str) -> str:
    field = page.select_one(f"form [name={name}]")
    return field.get_text().strip() if field.name == "textarea" else field.get("value", "")


def test_the_letter_is_headed_as_not_official_and_answers_in_the_order_of_the_questions(at):
    letter = soup_of(at().post(URL, TYPED)).find(id="letter")
    words = " ".join(letter.get_text(" ").split())

    assert words.startswith("Not the official form")
    assert "guichet" in words.lower()
    assert "33, Rives de Clausen" in words
    said = ("A professional", "Schoul um Bierg", "Lina Zzyzx", "4 May 1999", "Zzyzx-Kummer")
    answers = " ".join(part.get_text(" ") for part in letter.select("dl"))
    said += ("Die Oma hilft.", "Support in the family, Someone to talk to")
    assert not [one for one in said if one not in answers], answers
    assert sorted(said, key=answers.index) == list(said)
    assert "I may withdraw this at any time. Yes" in words


def test_an_unsigned_visit_leaves_no_row_no_cookie_and_no_line(app, caplog):
    caplog.set_level("DEBUG")
    stranger = app.test_client()
    before = rows()
    origin = {"Sec-Fetch-Site": "same-origin"}

    asked = stranger.get(URL)
    printed = stranger.post(URL, data=TYPED, headers=origin)
    kept = stranger.post(f"{URL}/draft", data=TYPED, headers=origin)

    assert "Lina Zzyzx" in printed.get_data(as_text=True)
    assert printed.headers["Cache-Control"] == "no-store"
    assert not [a for a in (asked, printed) if "Set-Cookie" in a.headers]
    assert kept.status_code in {302, 303, 400}
    assert rows() == before
    assert "Zzyzx" not in caplog.text
    assert soup_of(printed).title.get_text() == "Kannerplang"


@pytest.mark.parametrize("missing", ["name", "child", "situation", "consent"])
def test_without_what_is_needed_there_is_no_letter_and_nothing_typed_is_lost(app, missing):
    answer = Client(app).post(URL, {k: v for k, v in TYPED.items() if k != missing})
    page = soup_of(answer)

    assert answer.status_code == 422
    assert page.select_one(f".errors a[href='#{missing}']")
    for name in {"name", "mail", "child", "born", "situation"} - {missing}:
        assert value(page, name) == TYPED[name], name
    ticked = {box["value"] for box in page.select("[name=kinds][checked]")}
    assert ticked == {"family", "talk"}


def test_from_the_letter_the_answers_can_be_changed(app):
    stranger = Client(app)
    form = soup_of(stranger.post(URL, TYPED)).select_one("form:has([name=change])")
    fields: dict[str, list] = {}
    for one in form.select("input"):
        fields.setdefault(one["name"], []).append(one["value"])

    page = soup_of(stranger.post(URL, {**fields, "change": "1"}))

    assert value(page, "situation").splitlines() == TYPED["situation"].splitlines()
    assert not page.select(".errors")


def test_a_draft_is_kept_unfinished_sealed_and_once_and_read_by_its_person_alone(as_user, cast):
    ines = as_user("ines")
    ines.post(f"{URL}/draft", {"situation": "Zzyzx"})
    ines.post(f"{URL}/draft", {"situation": "Zzyzx-Kummer", "born": "2024-02-01"})

    (draft,) = LetterDraft.select()
    assert b"Zzyzx" not in bytes(draft.sealed)
    page = ines.page(URL)
    assert value(page, "situation") == "Zzyzx-Kummer"
    assert value(page, "born") == "2024-02-01"
    for name in ("marc", "noor", "admin", None):
        assert "Zzyzx" not in as_user(name).words(URL)
    assert not access.can(Actor(None), "help.draft")


def test_a_draft_with_a_wrong_date_is_refused_and_shown_again(as_user):
    answer = as_user("ines").post(f"{URL}/draft", {"born": "2024-99-01", "situation": "Zzyzx"})

    assert answer.status_code == 422
    assert value(soup_of(answer), "born") == "2024-99-01"
    assert not LetterDraft.select().exists()


def test_erasing_takes_only_the_own_draft(as_user, cast):
    for name in ("ines", "marc"):
        as_user(name).post(f"{URL}/draft", {"situation": "Zzyzx"})

    as_user("ines").post(f"{URL}/erasure")

    assert [draft.person_id for draft in LetterDraft.select()] == [cast.marc.id]
    assert "Zzyzx" not in as_user("ines").words(URL)


def test_the_page_of_help_leads_to_the_application(at):
    assert at().page("/help").select_one(f"section#application a[href='{URL}']")


def test_a_draft_is_forgotten_90_days_after_its_last_change(app, as_user):
    as_user("ines").post(f"{URL}/draft", {"situation": "Zzyzx"})

    run = app.test_cli_runner()
    run.invoke(args=["run-due"])
    assert LetterDraft.select().exists()
    database.shift_clock(demo.NOW + timedelta(days=91))
    run.invoke(args=["run-due"])

    assert not LetterDraft.select().exists()
