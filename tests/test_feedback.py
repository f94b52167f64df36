"""Feedback: needed answers, nothing personal, no identity beside it, read at the desk."""

from datetime import timedelta

import pytest
from client import soup_of
from tables import tables

from database import DataKey, clock, local
from models import Limit
from offices import Feedback

GOOD = {"page": "services.index", "found": "partly", "rating": "4", "comment": "Clearer hours."}


def test_an_opinion_is_stored_without_who_or_when(at):
    client = at("ines")
    client.get("/feedback")
    Limit.delete().execute()  # old counts go with the next one
    before = {table: table.select().count() for table in tables()}

    answer = client.post("/feedback", GOOD)

    thanks = client.words(answer.location)
    (said,) = Feedback.select()
    midnight = local(clock()).replace(hour=0, minute=0, second=0, microsecond=0)
    assert "There will be no reply" in thanks
    assert answer.status_code == 303
    assert (said.page, said.found, said.rating) == ("services.index", "partly", 4)
    assert said.comment == "Clearer hours."
    assert said.created == midnight
    assert DataKey.get_by_id(said.data_key_id).created == midnight
    after = {table: table.select().count() for table in tables()}
    assert {table for table in after if after[table] != before[table]} == {Feedback, DataKey, Limit}
    assert not [limit for limit in Limit.select() if "127.0.0.1" in limit.key]


def test_missing_answers_are_named_beside_their_fields_and_nothing_is_lost(at):
    answer = at().post("/feedback", {"page": "help.show", "comment": "Nice."})

    page = soup_of(answer)
    assert answer.status_code == 422
    for name in ("found", "rating"):
        assert "Choose one of these." in page.find("fieldset", id=name).select_one(".error").text
    assert page.textarea.get_text().strip() == "Nice."
    assert not Feedback.select().exists()


@pytest.mark.parametrize(
    "personal",
    [
        "write to rui@example.lu",
        "Rui.Marques@mail.example.pt!",
        "call 621 123 456",
        "my number: +352 691 123 456",
        "0049 651 9876543",
        "+351 912 345 678",
        "48 83 33-1 or 621123456",
    ],
)
def test_an_address_or_number_in_the_comment_is_refused_with_the_rest_kept(at, personal):
    answer = at().post("/feedback", {**GOOD, "comment": personal})

    page = soup_of(answer)
    assert answer.status_code == 422
    assert "nobody could answer" in page.find(id="comment-error").get_text()
    assert page.textarea.get_text().strip() == personal
    assert page.select_one("[name=rating][checked]")["value"] == "4"
    assert page.find("input", {"name": "page"})["value"] == "services.index"
    assert not Feedback.select().exists()


@pytest.mark.parametrize(
    "harmless",
    [
        "",
        "The number 48 83 33-1 did not answer.",
        "22 00 99-88 and +352 247-73696 are hard to find",
        "spse@ligue.lu, is it read?",
        "Closed on 24.11.2026 from 14:00 to 16:00",
        "112 comes first, well done. 100 points of 100.",
    ],
)
def test_the_services_own_numbers_and_dates_may_be_spoken_of(at, harmless):
    answer = at().post("/feedback", {**GOOD, "comment": harmless})

    assert answer.status_code == 303
    assert Feedback.get().comment == harmless


@pytest.mark.parametrize("page", ["help.show", "nowhere.show", "https://evil.example", ""])
def test_only_a_page_of_ours_is_named_and_never_one_without_a_trace(at, page):
    at().post("/feedback", {**GOOD, "page": page})

    assert Feedback.get().page == ""


def test_the_eleventh_of_an_hour_is_asked_to_wait_and_keeps_its_words(at):
    client = at()
    for _ in range(10):
        assert client.post("/feedback", GOOD).status_code == 303

    answer = client.post("/feedback", GOOD)

    assert answer.status_code == 429
    assert soup_of(answer).textarea.get_text().strip() == "Clearer hours."
    assert Feedback.select().count() == 10


def test_the_form_promises_no_reply_and_names_who_can_answer(at):
    page = at().page("/feedback?page=services.index")

    words = " ".join(page.main.get_text(" ").split())
    assert "nobody can reply" in words
    assert "last updated on 24 November 2026" in words
    assert page.select_one("a[href='mailto:spse@ligue.lu']")
    assert all(radio.has_attr("required") for radio in page.select("input[type=radio]"))
    assert page.find("input", {"name": "page"})["value"] == "services.index"


def test_every_page_links_to_it_and_says_which_page(at):
    foot = at().page("/about").select_one("footer")

    assert foot.select_one("a[href='/feedback?page=welcome.about']")


# ── at the desk ──────────────────────────────────────────────────────────────────────────────────


def leave(count: int) -> None:
    """One a day, the newest last; every third of a page that is no more."""
    for no in range(count):
        Feedback.leave(
            clock() - timedelta(days=(count - no) // 3),
            page="old.page" if no % 3 == 2 else "services.index",
            found="yes",
            rating=no % 5 + 1,
            comment=f"comment {no}",
        )


def test_the_desk_reads_all_of_them_the_newest_first_page_by_page(at):
    leave(60)
    client, url, seen = at("noor"), "/desk/feedback", []

    while url:
        page = client.page(url)
        seen += [item.get_text(" ") for item in page.select("main .list > li")]
        more = page.find("a", class_="btn", string=lambda text: text and "lder" in text)
        url = more["href"] if more else ""

    found = [int(text.split("comment ")[1].split()[0]) for text in seen]
    assert sorted(found) == list(range(60))
    assert set(found[:25]) <= set(range(30, 60))


def test_the_desk_sees_the_mean_of_each_page_and_where_nobody_knows_it(at):
    for rating in (1, 2):
        Feedback.leave(clock(), page="services.index", found="no", rating=rating, comment="")
    Feedback.leave(clock(), page="", found="yes", rating=5, comment="")

    table = at("noor").page("/desk/feedback").table
    lines = [" ".join(line.get_text(" ").split()) for line in table.select("tbody tr")]

    assert lines[0] == "/services 2 1.5"
    assert lines[1].endswith("1 5.0")


@pytest.mark.parametrize("after", ["x", "0001-01-01", "9999-12-31T23:59:59-14:00"])
def test_a_forged_mark_opens_the_first_page(at, after):
    leave(30)

    first, forged = (at("noor").page(f"/desk/feedback{query}") for query in ("", f"?after={after}"))

    assert forged.select("main .list > li") == first.select("main .list > li") != []


def test_the_desk_asks_the_database_as_often_for_60_as_for_3(at, statements):
    client = at("noor")
    leave(3)
    with statements() as few:
        client.get("/desk/feedback")
    leave(60)

    with statements() as many:
        client.get("/desk/feedback")

    assert many.count == few.count


@pytest.mark.parametrize("long", ["a@" * 200_000, "+1 (2) " * 100_000], ids=len)
def test_a_comment_that_is_too_long_is_not_searched_for_addresses(at, long):
    answer = at().post("/feedback", GOOD | {"comment": long})

    (error,) = soup_of(answer).select("#comment-error")
    assert answer.status_code == 422
    assert "At the most" in error.text, "length is said first, and what comes after it is not asked"
