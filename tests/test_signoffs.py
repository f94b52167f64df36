"""Translations of the catalogue are drafts until a health professional has signed them off."""

import pytest
from client import soup_of

import phrases
import signoffs
from database import clock
from models import Audit, Person
from signoffs import SignOff


@pytest.fixture
def noor(as_user, cast):
    Person.update(language="en").execute()
    return as_user("noor")


def posted(noor, phrase: str = "call-112", language: str = "de", **more: str):
    data = {"role": "nurse", "mark": signoffs.mark(phrase, language)} | more
    return noor.post(f"/phrases/{phrase}/{language}/sign-offs", data)


def test_the_list_shows_five_languages_and_finds_by_word_use_and_state(noor):
    posted(noor)

    page = noor.page("/phrases?language=de&use=step&state=checked&words=112")

    (row,) = page.select("article")
    assert row["id"] == "call-112"
    for language in phrases.LANGUAGES:
        assert phrases.render("call-112", {}, language) in row.get_text()
    assert "checked by Noor Haddad, nurse, on 24 November 2026" in " ".join(row.text.split())
    assert not noor.page("/phrases?language=fr&state=checked").select("article")


def test_more_than_a_page_goes_on(noor):
    page = noor.page("/phrases?language=de")
    more = page.find("a", string=lambda text: text and "More" in text)

    first, then = page.select("article"), noor.page(more["href"]).select("article")

    assert len(first) == 20
    assert first[0]["id"] not in {row["id"] for row in then}


def test_a_checked_translation_loses_the_drafts_note_and_only_that_one(noor, as_user, cast):
    # Mia's plan was typed in German.
    sami = as_user("sami")
    sami.post("/language", {"language": "en"})
    path = f"/plans/{cast.mia_plan.id}"
    note = "Translation not yet checked by a health professional."
    before = sami.page(path).get_text().count(note)
    known = {part.phrase for part in parts_of(cast.mia_version)}
    assert before

    for phrase in known:
        posted(noor, phrase, "en")

    assert note not in sami.page(path).get_text()
    sami.post("/language", {"language": "fr"})
    assert "pas encore" in sami.page(path).get_text(), "the French one is still a draft"


def parts_of(version):
    import plan  # noqa: PLC0415

    lines = [line for _p, _n, found in plan.walk(plan.content_of(version)) for line in found]
    return [part for line in lines for part in line.parts if part.phrase]


def test_it_is_taken_back(noor):
    posted(noor)

    answer = noor.post("/phrases/call-112/de/removals")

    assert answer.status_code == 303
    assert not SignOff.standing("de")
    assert [row.action for row in Audit.select().where(Audit.action.startswith("phrase."))] == [
        "phrase.sign-off",
        "phrase.take-back",
    ]


@pytest.mark.parametrize(
    ("more", "status"), [({"role": " "}, 422), ({"role": "x" * 61}, 422), ({"mark": "old"}, 409)]
)
def test_without_a_role_or_on_other_words_nothing_is_signed(noor, more, status):
    answer = posted(noor, **more)

    assert answer.status_code == status
    assert soup_of(answer).find(role="alert")
    assert not SignOff.select().exists()


def test_words_that_change_are_a_draft_again(cast, actor):
    signoffs.sign_off("call-112", "de", "nurse", actor("noor"), clock())
    assert "call-112" in SignOff.standing("de")

    SignOff.update(words="of an earlier release").execute()

    assert not SignOff.standing("de")


@pytest.mark.parametrize("path", ["/phrases/none/de/sign-offs", "/phrases/call-112/xx/sign-offs"])
def test_an_unknown_sentence_or_language_is_not_there(noor, path):
    assert noor.post(path, {"role": "nurse"}).status_code == 404
