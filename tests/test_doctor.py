"""A doctor reads a plan through a link that works once; what comes back is no signature."""

from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from bs4 import BeautifulSoup
from client import Client

import database
import demo
import demo_papers
import endings
from models import Audit, Guardian, Rights
from remarks import DoctorReading

NAMED = {"name": "Dr Anne Faber", "remark": "Dose à revoir en mars."}


@pytest.fixture
def link(as_user, cast) -> str:
    """As a guardian gets it, once."""
    answer = as_user("ines").post(f"/plans/{cast.leo_plan.id}/doctor", {"sent_to": "Dr Faber"})
    page = BeautifulSoup(answer.text, "html.parser")
    return urlsplit(page.select_one("#link")["value"]).path


def test_whoever_has_the_link_reads_every_line_without_an_account(as_user, link):
    words = as_user(None).words(link)

    for line in demo_papers.facts_of("leo"):
        if line.startswith("Appeler"):
            assert line in words


def test_what_is_confirmed_stands_on_the_plan_and_is_called_no_signature(as_user, cast, link):
    as_user(None).post(link, NAMED)

    words = as_user("aoife").words("/about")  # another family sees nothing of it
    assert "Faber" not in words
    sami = as_user("sami").page(f"/plans/{cast.leo_plan.id}").select_one("[data-reading]").text
    assert "Dr Anne Faber" in sami
    assert "Ce n’est pas une signature" in sami
    assert "Dose à revoir en mars." not in sami, "what somebody typed there is not the plan"


def test_the_link_is_spent_by_the_confirmation_and_not_by_looking(app, as_user, link):
    stranger = as_user(None)
    stranger.get(link)
    stranger.get(link)
    first = stranger.post(link, NAMED)

    again = Client(app).post(link, NAMED | {"name": "Somebody"})

    assert (first.status_code, again.status_code) == (200, 404)
    assert DoctorReading.get().name == "Dr Anne Faber"


def test_a_name_is_needed_and_nothing_typed_is_lost(as_user, link):
    answer = as_user(None).post(link, NAMED | {"name": " "})

    page = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 422
    assert page.select_one("#name[aria-invalid=true]")
    assert page.select_one("#remark").text.strip() == NAMED["remark"]
    assert DoctorReading.get().confirmed is None


def test_an_old_link_and_one_made_up_answer_alike(as_user, link):
    database.shift_clock(demo.NOW + timedelta(days=8))
    stranger = as_user(None)

    old, made_up = stranger.get(link), stranger.get("/sign/made-up")

    assert old.status_code == made_up.status_code == 404


@pytest.mark.parametrize("lost", [{"ended": demo.NOW}, {"rights": Rights.SEE}], ids=str)
def test_a_link_ends_with_the_rights_of_who_made_it(as_user, cast, link, lost):
    Guardian.update(lost).where(Guardian.person == cast.ines).execute()
    stranger = as_user(None)

    assert stranger.get(link).status_code == stranger.post(link, NAMED).status_code == 404
    assert not DoctorReading.get().confirmed


def test_the_family_finds_each_opening_of_the_link_in_the_audit(as_user, cast, link):
    as_user(None).get(link)

    opened = Audit.get(Audit.action == "plan.read-by-link")
    assert (opened.person, opened.about, opened.child) == (None, cast.leo_plan.id, cast.leo.id)


def test_the_family_itself_is_not_the_doctor(as_user, link):
    answer = as_user("marc").post(link, NAMED)

    assert answer.status_code == 403
    assert DoctorReading.get().confirmed is None


def test_a_new_link_ends_the_one_before(as_user, cast, link):
    as_user("marc").post(f"/plans/{cast.leo_plan.id}/doctor", {"sent_to": "Dr Faber"})

    assert as_user(None).get(link).status_code == 404


def test_of_a_stopped_plan_nothing_is_read_through_a_link(as_user, cast, link):
    said = endings.Stop(by="parents", name="Inês", on="2026-11-24")
    endings.stop(cast.leo_plan, said, cast.ines, database.clock())

    assert as_user(None).get(link).status_code == 404
    assert as_user("ines").get(f"/plans/{cast.leo_plan.id}/doctor").status_code == 404
