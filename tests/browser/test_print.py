"""What the browser makes of a plan's print: sheets of A4, tagged, as many as there should be."""

import re
from collections.abc import Callable
from io import BytesIO

import pypdfium2 as pdfium
import pytest
from playwright.sync_api import Page, expect

import demo
import demo_papers
from phrases import LANGUAGES

pytestmark = pytest.mark.browser

A4 = (595, 842)  # points
SHEETS = {
    "leo": {
        "fr": 1,
        "en": 1,
        "de": 2,
        "lb": 2,
        "pt": 2,
    },  # the words of the paper stand beside each translated line
    "mia": dict.fromkeys(LANGUAGES, 1),
    "noah": dict.fromkeys(LANGUAGES, 1),
}


@pytest.fixture
def tessa(page: Page, shared_server, sign_in: Callable) -> Page:
    return sign_in(page, "Tessa Klein")


def plan_of(page: Page, server: str, name: str) -> str:
    page.goto(f"{server}/nursery")
    return page.get_by_role("link", name=re.compile(name)).first.get_attribute("href")


def printed(page: Page, address: str) -> tuple[bytes, pdfium.PdfDocument]:
    page.goto(address)
    data = page.pdf(prefer_css_page_size=True, tagged=True)
    return data, pdfium.PdfDocument(BytesIO(data))


@pytest.mark.parametrize("slug", demo.CASES)
def test_a_case_fits_on_one_sheet_in_the_words_of_its_paper(tessa, shared_server, slug):
    name = demo_papers.case(slug)["child"]["first_name"]
    plan = plan_of(tessa, shared_server.url, name)

    for language, most in SHEETS[slug].items():
        data, pdf = printed(tessa, f"{shared_server.url}{plan}/print?in={language}")

        assert len(pdf) <= most, language
        assert tuple(round(side) for side in pdf[0].get_size()) == A4
        assert b"/StructTreeRoot" in data, "tagged: a screen reader finds its way in it"
        assert b"/Marked true" in data
        assert name in pdf[0].get_textpage().get_text_range()


def test_a_binder_begins_each_plan_on_a_sheet_of_its_own(tessa, shared_server):
    _data, pdf = printed(tessa, f"{shared_server.url}/nursery/binder?in=en")

    texts = [page.get_textpage().get_text_range() for page in pdf]
    plans = [text for text in texts if "Still current?" in text]
    assert len(plans) == tessa.locator("article.paper").count()
    assert all(text.count("Still current?") <= 1 for text in texts)


def test_one_tap_prints_where_there_is_a_script(tessa, shared_server):
    tessa.goto(f"{shared_server.url}{plan_of(tessa, shared_server.url, 'Mia')}/print")
    tessa.evaluate("window.print = () => { document.title = 'printing'; }")

    tessa.locator("[data-print]").click()

    expect(tessa).to_have_title("printing")
    assert tessa.evaluate("document.documentElement.scrollWidth") <= 360
