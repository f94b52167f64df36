"""A known sentence chosen by a person: the words stay, and nothing that differs gets through."""

import json
from dataclasses import asdict

import pytest
from client import soup_of
from test_editing import (  # noqa: F401  fixtures among them
    SIGNS,
    STEPS,
    Editor,
    _in_english,
    a_group,
    new_plan,
    written,
)

import phrases
import plan as document
import suggesting
from bench import judgements
from database import DomainError
from differences import changes
from plan import Content, Line, Sheet, SignGroup, reading

TEXT = "Toux sèche qui persiste, bruit sifflant en respirant, prévenir maman"


def attached(
    text: str, span: tuple[int, int], *chosen: tuple[str, dict], use: str = "sign"
) -> Line:
    line = Line.as_written(text, "fr")
    return Line("fr", suggesting.attach(line.parts, span, chosen, "fr", use))


# ── the search ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "lang", "use", "name"),
    [
        ("respiration qui siffle", "fr", "sign", "sign-wheeze"),
        ("Lippen laufen blau an", "de", "sign", "sign-blue-lips"),
        ("child is floppy and will not respond", "en", "sign", "sign-not-responding"),
        ("dar a caneta na coxa", "pt", "step", "inject-pen-thigh"),
        ("den 112 alarméieren", "lb", "step", "call-112"),
    ],
)
def test_other_words_for_the_same_find_the_sentence(text, lang, use, name):
    assert name in suggesting.suggest(text, lang, use)


def test_every_sentence_is_found_by_its_own_words():
    for lang in phrases.LANGUAGES:
        for phrase in list(phrases.catalogue().values())[::7]:
            said = phrases.render(phrase.id, {}, lang)
            assert phrase.id in suggesting.suggest(said, lang, min(phrase.uses)), (lang, said)


def test_each_clause_of_a_line_is_searched():
    found = suggesting.suggest("fièvre, vomissements et somnolence", "fr", "sign", 6)

    assert {"sign-fever", "sign-vomiting", "sign-drowsy"} <= set(found)


# ── the guard ────────────────────────────────────────────────────────────────────────────────────


def test_every_word_that_refuses_or_limits_is_guarded():
    for lang, words in phrases.LIMITS.items():
        guarded = {word for kind in suggesting.KINDS.values() for word in kind[lang].split()}
        assert set(words.split()) <= guarded, lang


@pytest.mark.parametrize(
    ("text", "chosen", "code"),
    [
        ("attendre 5 minutes", ("wait-minutes", {"n": "10"}), "meaning-numbers"),
        ("attendre un peu", ("wait-minutes", {"n": "10"}), "meaning-numbers"),
        ("attendre 5 minutes, 2 fois", ("wait-minutes", {"n": "5"}), "meaning-numbers"),
        ("attendre 5 minutes", ("wait-minutes", {}), "meaning-blanks"),
        ("ne pas prévenir les parents", ("call-parents", {}), "meaning-refusal"),
        ("prévenir la famille si besoin", ("call-parents", {}), "meaning-refusal"),
        ("le laisser bouger", ("do-not-restrain", {}), "meaning-refusal"),
        ("donner 5 mg", ("give-amount", {"medicine": "Xyzol", "amount": "5 mg"}), "meaning-words"),
    ],
)
def test_a_sentence_that_says_more_less_or_the_contrary_is_refused(text, chosen, code):
    assert suggesting.refusal(text, [chosen], "fr", "step") == code


def test_below_do_not_the_words_may_bring_a_not_of_their_own():
    held = "ne jamais immobiliser l'enfant"

    assert suggesting.refusal(held, [("dont-restrain", {})], "fr", "dont") == ""
    assert suggesting.refusal(held, [("dont-restrain", {})], "fr", "step") == "meaning-refusal"
    besides = f"{held} sans aide"
    assert suggesting.refusal(besides, [("dont-restrain", {})], "fr", "dont") == "meaning-refusal"


# ── what a reader sees ───────────────────────────────────────────────────────────────────────────


def test_the_words_stay_to_the_letter_and_other_languages_get_the_sentence():
    line = attached(TEXT, (0, 26), ("sign-persistent-cough", {}))

    german = reading(line, "de")

    assert line.text == TEXT == german.original
    assert german.meant
    assert german.pieces[0].words.startswith(phrases.render("sign-persistent-cough", {}, "de"))
    assert [piece.words.strip() for piece in german.pieces if piece.as_written] == [
        TEXT[26:].strip()
    ]
    assert [piece.words for piece in reading(line, "fr").pieces] == [TEXT], "never the catalogue's"


def test_several_sentences_may_say_one_stretch_and_are_taken_away_together():
    chosen = ("sign-fever", {}), ("sign-tired", {})
    line = attached("Fébrile, sans entrain", (0, 7), *chosen)

    assert line.text == "Fébrile, sans entrain"
    assert phrases.line(line.parts, "en").startswith("Fever, tiredness")
    assert suggesting.detach(line.parts) == Line.as_written(line.text, "fr").parts


def test_a_stretch_that_is_not_there_or_has_a_sentence_is_refused():
    line = attached(TEXT, (0, 26), ("sign-persistent-cough", {}))
    for span in ((0, 26), (20, 40), (60, 99), (-4, 9), (30, 30)):
        with pytest.raises(DomainError, match="meaning-elsewhere"):
            suggesting.attach(line.parts, span, [("sign-cough", {})], "fr", "sign")


def test_what_was_chosen_is_kept_and_is_a_difference_between_versions():
    def content(line: Line) -> Content:
        group = SignGroup(lists={"signs": (line,)})
        return Content(language="fr", sheets=(Sheet(condition="asthma", groups=(group,)),))

    chosen = content(attached(TEXT, (0, 26), ("sign-persistent-cough", {})))
    plain = content(Line.as_written(TEXT, "fr"))

    assert Content.read(json.loads(json.dumps(asdict(chosen)))) == chosen
    assert chosen.canonical() != plain.canonical()
    assert len(changes(plain, chosen)) == 1
    assert not changes(chosen, chosen)


# ── the pages ────────────────────────────────────────────────────────────────────────────────────


def choose(editor: Editor, **data: str):
    address = f"{editor.base}/lines/{STEPS}/0/meanings"
    mark = document.mark(editor.content, STEPS)
    return editor.client.post(address, {"mark": mark} | data)


def test_a_sentence_is_chosen_without_scripts_and_its_line_keeps_its_words(as_user, written):  # noqa: F811
    editor = Editor(as_user("zoe"), written(a_group("Donner un coup de fil à maman")))
    address = f"{editor.base}/lines/{STEPS}/0/meanings"
    looked = {"go": "look", "look": "appeler les parents", "start": "0", "end": "29"}
    page = soup_of(editor.client.post(address, looked))
    assert "call-parents" in [box["value"] for box in page.find_all("input", type="checkbox")]

    assert choose(editor, start="0", end="29", sentence="call-parents").status_code == 303

    line = document.lines_at(editor.content, STEPS)[0]
    assert line.text == "Donner un coup de fil à maman"
    assert [part.phrase for part in line.meant] == ["call-parents"]
    read = editor.client.page(f"{editor.base}/review?lang=de").get_text(" ")
    assert phrases.render("call-parents", {}, "de") in read
    assert "Donner un coup de fil à maman" in read


def test_numbers_that_differ_are_refused_beside_what_was_typed(as_user, written):  # noqa: F811
    editor = Editor(as_user("zoe"), written(a_group("Patienter un peu, 5 minutes")))
    blank = {"blank:wait-minutes:n": "10"}

    answer = choose(editor, start="0", end="27", sentence="wait-minutes", **blank)

    assert answer.status_code == 422
    page = soup_of(answer)
    assert page.select_one(".banner.t-red")
    blanks = page.find_all("input", attrs={"name": "blank:wait-minutes:n"})
    assert "10" in [blank["value"] for blank in blanks]
    assert not document.lines_at(editor.content, STEPS)[0].meant


def test_changed_words_lose_the_sentence_and_it_is_said(as_user, written):  # noqa: F811
    editor = Editor(as_user("zoe"), written(a_group("Donner un coup de fil à maman")))
    choose(editor, start="0", end="29", sentence="call-parents")
    form = editor.form("sheets.0.groups.0")
    form[f"line:{STEPS}"] = ["Donner un coup de fil à mamie"]

    editor.client.post(f"{editor.base}/sheets.0.groups.0", form | {"go": "here"})

    assert not document.lines_at(editor.content, STEPS)[0].meant
    assert "was dropped" in editor.page("sheets.0.groups.0").get_text()


def test_another_tab_does_not_overwrite(as_user, written):  # noqa: F811
    editor = Editor(as_user("zoe"), written(a_group("Donner un coup de fil à maman")))

    answer = choose(editor, mark="old", start="0", end="29", sentence="call-parents")

    assert answer.status_code == 409
    assert not document.lines_at(editor.content, STEPS)[0].meant


def test_a_line_that_is_not_there_is_not_found(as_user, written):  # noqa: F811
    editor = Editor(as_user("zoe"), written(a_group("un")))

    for path in (f"{STEPS}/9", f"{SIGNS}/0", "nonsense/0", "sheets.9.donts/0"):
        assert editor.client.get(f"{editor.base}/lines/{path}/meanings").status_code == 404


# ── the judged plans ─────────────────────────────────────────────────────────────────────────────


def test_the_judge_names_known_sentences_and_judges_every_line():
    for paper, kind, texts, judged in judgements.papers():
        assert len(judged) == len(texts), (paper["id"], kind)
        named = {name for verdict in judged for names in verdict.values() for name in names}
        assert named <= set(phrases.catalogue()), (paper["id"], kind)


def test_what_the_guard_refuses_counts_as_not_found():
    assert judgements.is_offered("attendre 5 minutes", ["wait-minutes"], "fr", "steps")
    assert not judgements.is_offered("ne pas attendre 5 minutes", ["wait-minutes"], "fr", "steps")
    assert not judgements.finds("attendre 5 minutes", {}, "fr", "steps")
    assert judgements.finds("attendre 5 minutes", {"part": ["wait-minutes"]}, "fr", "steps")
