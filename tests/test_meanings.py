"""Sentences that mean the same as a line: found by other words, never losing what the line says."""

import pytest

import meanings
from database import DomainError
from meanings import Meaning
from phrases import LANGUAGES, catalogue
from plan import Line, reading


@pytest.mark.parametrize(
    ("lang", "use", "text", "wanted"),
    [
        (
            "fr",
            "sign",
            "Gêne respiratoire avec sifflements",
            {"sign-hard-to-breathe", "sign-wheeze"},
        ),
        ("de", "step", "Das Kind flach hinlegen und dabei bleiben", {"lay-down"}),
        ("en", "sign", "Lips or tongue turning blue", {"sign-blue-lips"}),
        ("pt", "sign", "Lábios roxos, respira com dificuldade", {"sign-hard-to-breathe"}),
        ("fr", "step", "Téléphoner aux parents", {"call-parents"}),
    ],
)
def test_a_sentence_is_found_by_other_words(lang, use, text, wanted):
    found = {one.phrase for one in meanings.find(text, lang, use, 8)}

    assert wanted <= found, found


def test_of_several_clauses_each_has_its_turn():
    found = [one.phrase for one in meanings.find("Lips blue, wheezing, cannot talk", "en", "sign")]

    assert {"sign-blue-lips", "sign-wheeze"} <= set(found[:4])


def test_the_numbers_of_the_line_are_filled_in():
    found = meanings.find("Ring 112 if no better after 15 minutes", "en", "step")

    assert any(one.params.get("n") == "15" for one in found) or "112" in found[0].said("en")


@pytest.mark.parametrize(
    ("lang", "text", "phrase", "params", "code"),
    [
        (
            "en",
            "Call 112 after 15 minutes",
            "call-112-no-improvement",
            {"n": "10"},
            "numbers-differ",
        ),
        ("en", "Let the child lie", "do-not-lay-down", {}, "refusal-differs"),
        ("fr", "Ne pas coucher l'enfant", "lay-down", {}, "refusal-differs"),
        ("de", "Nur hinlegen, wenn es will", "lay-down", {}, "limit-differs"),
        ("pt", "Deitar a criança", "lay-down", {}, ""),
        ("fr", "Allonger l'enfant", "lay-down", {}, ""),
    ],
)
def test_what_would_lose_or_add_something_is_refused(lang, text, phrase, params, code):
    line = Line.as_written(text, lang)

    assert meanings.loss(text, [Meaning(phrase, params)], lang) == code
    if code:
        with pytest.raises(DomainError, match=code):
            line.meaning([Meaning(phrase, params)])


@pytest.mark.parametrize("lang", LANGUAGES)
def test_no_word_of_refusal_is_one_of_limit(lang):
    assert set(meanings.REFUSALS[lang].split()).isdisjoint(meanings.LIMITS[lang].split())


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_sentence_means_the_same_as_itself(lang):
    for phrase in catalogue().values():
        if not phrase.params:
            one = Meaning(phrase.id)
            assert meanings.loss(one.said(lang), [one], lang) == ""


def test_the_line_keeps_its_words_and_others_read_the_chosen_sentences_above_them():
    line = Line.as_written("Toux sèche, respiration qui siffle", "fr")
    chosen = [Meaning("sign-wheeze"), Meaning("sign-cough")]
    line = line.meaning(meanings.in_order(line.text, chosen, "fr"))

    own, german = reading(line, "fr"), reading(line, "de")

    assert [piece.words for piece in own.pieces] == [line.text]
    assert not own.chosen or own.original == ""
    assert german.original == line.text
    assert german.chosen
    assert german.draft
    said = [Meaning(name).said("de") for name in ("sign-cough", "sign-wheeze")]
    assert "".join(piece.words for piece in german.pieces) == ". ".join(said)


def test_a_line_read_back_keeps_what_was_chosen():
    line = Line.as_written("Allonger l'enfant", "fr").meaning([Meaning("lay-down")])
    stored = {"lang": "fr", "parts": [vars(part) for part in line.parts]}
    stored["same"] = [vars(one) for one in line.same]

    assert Line.read(stored) == line
    assert Line.read({key: stored[key] for key in ("lang", "parts")}).same == ()
