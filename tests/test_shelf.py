"""Photos of the kit's places, and "kit incomplete": what is missing, from which day on."""

from dataclasses import replace
from datetime import date, datetime
from io import BytesIO

import pytest
from bs4 import BeautifulSoup
from PIL import Image

import database
from app import do_due_work
from models import Blob, KitUnit, Plan
from plan import Medicine
from shelf import Gap, PlacePhoto, gaps

WALL = "armoire murale rouge"
ADRENALINE = Medicine(name="stylo adrénaline")
PEN = "stylo 150 µg"


def picture(colour: str = "red") -> BytesIO:
    out = BytesIO()
    Image.new("RGB", (900, 600), colour).save(out, "JPEG")
    return BytesIO(out.getvalue())


def send(client, unit: KitUnit, colour: str = "red") -> int:
    sent = {"photo": (picture(colour), "place.jpg")}
    return client.post(f"/kits/{unit.id}/photo", sent).status_code


def pens(cast) -> list[KitUnit]:
    return [unit for unit in KitUnit.of(cast.leo_plan.id) if unit.lot]


def page_of(as_user, cast, kind: str = "") -> BeautifulSoup:
    return as_user("tessa").page(f"/plans/{cast.leo_plan.id}{kind}")


# ── the photo of a place ─────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("who", ["ines", "tessa"])
def test_the_photo_of_a_place_stands_beside_its_words_on_both_pages(as_user, cast, who):
    assert send(as_user(who), pens(cast)[0]) == 303

    sha = PlacePhoto.of(cast.leo_plan.id)[WALL]
    for kind in ("", "/emergency"):
        seen = page_of(as_user, cast, kind).select("img.place")
        assert {image["src"] for image in seen} == {f"/plans/{cast.leo_plan.id}/files/{sha}.jpg"}
        assert all(WALL in image.find_parent("dd").text for image in seen)
    answer = as_user("tessa").get(seen[0]["src"])
    assert Image.open(BytesIO(answer.data)).size == (480, 320)
    assert len(answer.data) <= 40 << 10
    assert as_user("olga").get(seen[0]["src"]).status_code == 404


def test_two_boxes_in_one_place_show_its_photo_once(as_user, cast):
    send(as_user("ines"), pens(cast)[0])

    card = page_of(as_user, cast).select_one("article")
    assert card.text.count(WALL) == 2
    assert len(card.select("img.place")) == 1


def test_a_new_box_in_the_same_place_keeps_the_photo(as_user, cast):
    unit = pens(cast)[0]
    send(as_user("tessa"), unit)

    as_user("tessa").post(f"/kits/{unit.id}/replacement", {"expires": "03/2029"})

    new = next(one for one in KitUnit.of(cast.leo_plan.id) if one.expires == "2029-03")
    assert new.place == WALL
    assert as_user("tessa").page(f"/kits/{new.id}").select_one("img.place")


def test_a_photo_of_a_former_place_is_not_shown(as_user, cast):
    unit = pens(cast)[0]
    send(as_user("ines"), unit)

    for row in KitUnit.of(cast.leo_plan.id):
        row.place = "tiroir du bureau"
        row.save()
    Plan.touch(cast.leo.id)

    assert not page_of(as_user, cast).select("img.place")


def test_the_photo_before_and_a_removed_one_leave_no_bytes(as_user, cast):
    before = {row.id for row in Blob.select(Blob.id)}
    unit = pens(cast)[0]
    send(as_user("ines"), unit)
    send(as_user("tessa"), unit, "blue")
    assert len({row.id for row in Blob.select(Blob.id)} - before) == 1

    assert as_user("ines").post(f"/kits/{unit.id}/photo/removal").status_code == 303

    assert {row.id for row in Blob.select(Blob.id)} == before
    assert not PlacePhoto.select().exists()
    assert not page_of(as_user, cast).select("img.place")


def test_a_box_without_a_place_takes_no_photo(as_user, cast):
    unit = pens(cast)[0]
    unit.place = ""
    unit.save()

    assert send(as_user("ines"), unit) == 409
    assert not PlacePhoto.select().exists()
    assert not as_user("ines").page(f"/kits/{unit.id}").select("input[type=file]")


def test_what_is_no_picture_is_refused_beside_its_field(as_user, cast):
    unit = pens(cast)[0]

    for sent in ({}, {"photo": (BytesIO(b"no picture"), "place.jpg")}):
        answer = as_user("ines").post(f"/kits/{unit.id}/photo", sent)
        assert answer.status_code == 422
        assert BeautifulSoup(answer.text, "html.parser").select_one("#photo-error")
    assert not PlacePhoto.select().exists()


# ── what is missing ──────────────────────────────────────────────────────────────────────────────


def box(label: str = PEN, **more: str) -> KitUnit:
    unit = KitUnit()
    for name, value in {"label": label, **more}.items():
        setattr(unit, name, value)
    return unit


@pytest.mark.parametrize(
    ("units", "after"),
    [
        ([], [None]),
        ([box("Salbutamol")], [None]),
        ([box(count="0", expires="2027-03")], [None]),
        ([box()], []),
        ([box(expires="soon")], []),
        ([box(expires="2026-12-12")], [date(2026, 12, 12)]),
        ([box(expires="2028-02")], [date(2028, 2, 29)]),
        ([box(expires="2026-12-12"), box(expires="2027-03")], [date(2027, 3, 31)]),
        ([box(expires="2026-12-12"), box()], []),
    ],
)
def test_a_medicine_is_missing_without_a_box_or_once_all_its_dates_have_passed(units, after):
    assert [gap.after for gap in gaps([ADRENALINE], units)] == after


def test_a_daily_medicine_and_a_name_that_tells_nothing_are_never_called_missing():
    alike = [Medicine(name="Salbutamol spray"), Medicine(name="Salbutamol sirop")]

    assert gaps([replace(ADRENALINE, daily=True), Medicine(name="Pen"), *alike], []) == []
    assert gaps([ADRENALINE], []) == [Gap("stylo adrénaline", None)]


def shown(page: BeautifulSoup) -> list[str]:
    """What of "kit incomplete" is not hidden on the day that the page says."""
    today = page.select_one(".stamp")["data-today"]
    return [
        " ".join(tag.text.split())
        for tag in page.select("[data-gap] > span > span")
        if tag.get("data-until", "") < today
    ]


@pytest.mark.parametrize(
    ("minute", "missing"),
    [
        ("2027-03-31T23:59+02:00", 0),
        ("2027-04-01T00:01+02:00", 1),
        ("2027-04-30T23:59+02:00", 1),
        ("2027-05-01T00:01+02:00", 2),
    ],
)
def test_the_day_after_the_last_date_in_luxembourg_makes_the_kit_incomplete(
    flask_app, as_user, cast, minute, missing
):
    database.shift_clock(datetime.fromisoformat(minute))

    for kind in ("", "/emergency"):
        page = page_of(as_user, cast, kind)
        assert len(shown(page)) == missing, kind
        assert page.select_one("article h3"), "nothing is hidden by it"


def test_a_medicine_without_any_box_is_named_at_once_on_plan_emergency_and_board(
    flask_app, as_user, cast
):
    for unit in pens(cast):
        as_user("ines").post(f"/plans/{cast.leo_plan.id}/edit/kit/{unit.id}/removals")
    do_due_work(flask_app)

    for kind in ("", "/emergency"):
        banner = page_of(as_user, cast, kind).select_one("[data-gap]")
        assert not banner.has_attr("hidden")
        assert "stylo adrénaline" in banner.text
    board = as_user("tessa").page("/nursery")
    (tag,) = [tag for tag in board.select("li [data-gap]") if not tag.has_attr("hidden")]
    assert tag.find_parent("li").find("a")["href"] == f"/plans/{cast.leo_plan.id}"


def test_the_board_names_the_first_day_on_which_a_kit_is_incomplete(as_user, cast):
    board = as_user("tessa").page("/nursery")

    days = {
        tag.find_parent("li").a["href"]: tag["data-until"]
        for tag in board.select("li [data-gap]")
        if tag.has_attr("data-until")
    }
    assert days[f"/plans/{cast.leo_plan.id}"] == "2027-03-31"
    assert days[f"/plans/{cast.mia_plan.id}"] == "2027-02-28"


def test_a_stopped_plan_asks_for_no_kit(flask_app, as_user, cast):
    sent = {"by": "parents", "name": "Inês Santos", "on": "2026-11-20", "why": "guérie"}
    as_user("ines").post(f"/plans/{cast.leo_plan.id}/stop", sent)
    do_due_work(flask_app)

    assert not page_of(as_user, cast).select("[data-gap]")
    board = as_user("tessa").page("/nursery")
    leo = board.find("a", href=f"/plans/{cast.leo_plan.id}").find_parent("li")
    assert not leo.select("[data-gap]")
