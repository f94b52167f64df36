"""Headings of the form are read in five languages; what a doctor named freely stays as written."""

import pytest
from bs4 import BeautifulSoup
from test_plans import in_force, rendered

from phrases import LANGUAGES
from plan import Content, Line, Medicine, Sheet, SignGroup
from views import headings


def test_no_spelling_belongs_to_two_headings_and_each_has_all_languages():
    spellings = [
        (language, headings._plain(words))
        for heading in headings.HEADINGS
        for language, known in heading.items()
        for words in known
    ]

    assert len(spellings) == len(set(spellings))
    assert all(set(heading) == set(LANGUAGES) for heading in headings.HEADINGS)


@pytest.mark.parametrize(
    ("text", "lang", "said"),
    [
        ("Signes graves", "fr", "Schwere Anzeichen"),
        ("SIGNES GRAVES :", "fr", "Schwere Anzeichen"),
        ("Sinais ligeiros", "pt", "Leichte Anzeichen"),
        ("Red", "en", "Rot"),
        ("Signes graves ou doute", "fr", ""),
        ("Red", "fr", ""),
        ("Schwere Anzeichen", "de", ""),
    ],
)
def test_only_a_whole_heading_in_its_own_language_is_known(text, lang, said):
    shown = headings.read(Line.as_written(text, lang), "de")

    assert (shown.original, shown.draft) == ((text, True) if said else ("", False))
    assert "".join(piece.words for piece in shown.pieces) == (said or text)


@pytest.mark.parametrize("kind", ["plan", "emergency"])
def test_a_heading_is_translated_with_the_papers_words_below_and_a_free_one_is_marked(
    app, cast, kind
):
    groups = tuple(
        SignGroup(title=title, lists={"signs": (Line.as_written("x", "fr"),)})
        for title in ("Signes modérés", "Petit malaise")
    )
    when = {"when": (Line.of("Signes modérés", "fr", "when"),)}
    content = Content(
        language="fr",
        sheets=(Sheet(condition="allergy", groups=groups),),
        medicines=(Medicine(name="Sirop", lists=when),),
    )
    plan = in_force(content, cast)

    page = BeautifulSoup(rendered(app, kind, "de", plan), "html.parser")

    known, free = page.select("section[data-severity]")
    assert "Mittelschwere Anzeichen" in known.text
    assert known.find("small", lang="fr", string="Signes modérés")
    assert known.select_one("p.hint"), "a draft like every other translation"
    title = free.find("p", class_="strong")
    assert title.find(lang="fr", string="Petit malaise")
    assert title.select_one(".tag")
    card = page.select_one("article")
    assert "Mittelschwere Anzeichen" in card.text
    assert card.find("small", lang="fr", string="Signes modérés")


def test_in_the_language_of_the_paper_a_title_stands_bare(app, cast):
    page = BeautifulSoup(rendered(app, "plan", "en", cast.noah_plan), "html.parser")

    titles = [group.find("p", class_="strong") for group in page.select("section[data-severity]")]
    assert [title.text.strip() for title in titles] == ["Red", "Amber"]
    assert not any(title.select(".tag, small") for title in titles)
