"""The letter of an application: typed without JavaScript, printed, nothing else on the sheet."""

from io import BytesIO

import pypdfium2 as pdfium
import pytest
from playwright.sync_api import Browser

pytestmark = pytest.mark.browser


def test_the_letter_is_typed_without_javascript_and_printed_without_the_page_around_it(
    browser: Browser, shared_server
):
    page = browser.new_page(java_script_enabled=False, viewport={"width": 360, "height": 740})
    page.goto(f"{shared_server.url}/help/application")
    page.fill("#name", "Anne Weber")
    page.fill("#child", "Lina Weber")
    page.fill("#situation", "Seit dem Sommer.\nJeden Tag.")
    page.check("#consent")
    page.get_by_role("button", name="Make the letter").click()

    pdf = pdfium.PdfDocument(BytesIO(page.pdf(prefer_css_page_size=True)))
    text = "\n".join(sheet.get_textpage().get_text_range() for sheet in pdf)

    assert len(pdf) <= 2
    assert text.strip().startswith("Not the official form")
    assert text.index("Lina Weber") < text.index("Seit dem Sommer.") < text.index("I may withdraw")
    for around in ("Leave this page", "Change the answers", "Search"):
        assert around not in text
