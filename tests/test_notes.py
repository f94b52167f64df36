"""Notes beside the signed plan, and a new box in the place of an old one."""

from datetime import timedelta

import pytest
from bs4 import BeautifulSoup

import database
import demo
from models import KitUnit
from remarks import Note

TYPED = {"day": "A mal dormi.", "ahead": "0", "diet": "Pas de porc."}


def plan_page(as_user, cast, who: str = "tessa") -> BeautifulSoup:
    return as_user(who).page(f"/plans/{cast.leo_plan.id}")


def test_the_creche_reads_a_note_beside_the_plan_and_apart_from_it(as_user, cast):
    as_user("ines").post(f"/children/{cast.leo.id}/notes", TYPED)

    notes = plan_page(as_user, cast).select("[data-note]")
    assert [note["data-note"] for note in notes] == ["day", "diet"]
    assert "A mal dormi." in notes[0].text
    assert notes[0]["data-for"] == "2026-11-24"
    for note in notes:
        assert "Ne fait pas partie du plan signé." in as_in_french(as_user, cast, note["data-note"])
        assert "Inês Santos" in note.text


def as_in_french(as_user, cast, kind: str) -> str:
    sami = plan_page(as_user, cast, "sami")
    return sami.select_one(f"[data-note={kind}]").text


def test_a_note_of_the_day_is_gone_the_next_morning_and_one_on_food_stays(as_user, cast):
    as_user("ines").post(f"/children/{cast.leo.id}/notes", TYPED)
    database.shift_clock(demo.NOW + timedelta(days=1))

    left = Note.of(cast.leo.id, (demo.NOW + timedelta(days=1)).date())

    assert list(left) == ["diet"]


def test_an_empty_note_takes_the_one_before_away(as_user, cast):
    ines = as_user("ines")
    ines.post(f"/children/{cast.leo.id}/notes", TYPED)

    ines.post(f"/children/{cast.leo.id}/notes", {"day": " ", "ahead": "0", "diet": ""})

    assert not Note.select().exists()
    assert not plan_page(as_user, cast).select("[data-note]")


def test_a_note_that_is_too_long_is_refused_beside_its_field_and_kept(as_user, cast):
    long = "mot " * 200

    answer = as_user("ines").post(f"/children/{cast.leo.id}/notes", TYPED | {"diet": long})

    page = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 422
    assert page.select_one("#diet[aria-invalid=true]").text.strip() == long.strip()
    assert not Note.select().exists()


@pytest.fixture
def unit(cast) -> KitUnit:
    return KitUnit.of(cast.leo_plan.id)[0]


@pytest.mark.parametrize("who", ["ines", "tessa"])
def test_a_new_box_takes_the_place_of_the_old_one(as_user, cast, unit, who):
    answer = as_user(who).post(f"/kits/{unit.id}/replacement", {"expires": "03/2029", "lot": "L9"})

    (new,) = [row for row in KitUnit.of(cast.leo_plan.id) if row.lot == "L9"]
    assert answer.status_code == 303
    assert (new.label, new.place, new.rank) == (unit.label, unit.place, unit.rank)
    assert new.expires == "2029-03"
    assert getattr(cast, who).name in new.handed_in
    assert KitUnit.get_by_id(unit.id).ended


def test_a_box_replaced_by_two_at_once_is_replaced_once(as_user, cast, unit):
    before = len(KitUnit.of(cast.leo_plan.id))
    ines, marc = as_user("ines"), as_user("marc")
    ines.post(f"/kits/{unit.id}/replacement", {"expires": "03/2029"})

    late = marc.post(f"/kits/{unit.id}/replacement", {"expires": "04/2029"})

    assert late.status_code == 409
    assert "04/2029" in late.text or "2029-04" in late.text, "what was typed is still there"
    assert len(KitUnit.of(cast.leo_plan.id)) == before


def test_a_date_that_is_none_is_told_beside_the_field(as_user, unit):
    answer = as_user("ines").post(f"/kits/{unit.id}/replacement", {"expires": "soon"})

    page = BeautifulSoup(answer.text, "html.parser")
    assert answer.status_code == 422
    assert page.select_one("#expires[aria-invalid=true]")["value"] == "soon"
    assert not KitUnit.get_by_id(unit.id).ended
