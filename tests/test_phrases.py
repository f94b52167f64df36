"""The catalogue and its reading: five languages, no number lost, no sentence half understood."""

import json
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import phrases
from phrases import LANGUAGES, catalogue, line, recognise, render
from plan import Line, reading

# What a person might fill in, one of each kind.
EXAMPLES = {
    "number": ("5", "2.5", "1", "12", "30"),
    "amount": ("150 µg", "2.5 ml", "5 mg"),
    "temperature": ("38.5 °C", "5 °C"),
    "time": ("12:00", "14:30"),
    "word": ("anaphylaxis",),
    "medicine": ("Cetirizin",),
    "place": ("Papillons",),
    "text": ("Papillons",),
}
MEASURES = ("number", "amount", "temperature", "time")
# Lines in the style of other doctors: signs, steps, do-nots. Thought up before the catalogue by the
# hand that wrote it, so it is kind to it: a smoke test more than a measure.
HELD_OUT = {
    "en": {
        "sign": ("swollen face", "difficulty breathing"),
        "step": (
            "Dial 112 and say it is anaphylaxis.",
            "Lay the child flat with legs raised.",
            "Give 1 puff every 60 seconds, up to 10 puffs.",
            "Place in the recovery position and check breathing.",
            "If no improvement after 5 minutes, give a second dose.",
        ),
        "dont": ("restrain the child", "leave the child unattended"),
    },
    "fr": {
        "sign": ("respiration sifflante", "visage gonflé"),
        "step": (
            "Appeler le 112 et rester en ligne.",
            "Rester auprès de l'enfant. Envoyer un adulte chercher la trousse d'urgence.",
            "Allonger l'enfant sur le dos, jambes surélevées.",
            "Donner 4 bouffées de Ventoline avec la chambre d'inhalation, à renouveler après 20 minutes.",  # noqa: E501
            "Après la crise : position latérale de sécurité et surveiller la respiration.",
        ),
        "dont": ("mettre les doigts dans la bouche", "laisser l'enfant seul"),
    },
    "de": {
        "sign": ("Atemnot", "blaue Lippen"),
        "step": (
            "Ruhe bewahren und beim Kind bleiben.",
            "Notruf 112 wählen. Stichwort „Krampfanfall“ nennen.",
            "Nach 5 Minuten ohne Besserung: zweiten Pen geben.",
            "In stabile Seitenlage bringen, Atemwege freihalten.",
            "Bei Atemstillstand: Wiederbelebung beginnen.",
        ),
        "dont": ("Kind schütteln", "Flüssigkeit oder Essen geben"),
    },
    "lb": {
        "sign": ("Otemnout", "geschwolle Lëpsen"),
        "step": (
            "Den 112 uruffen an um Telefon bleiwen.",
            "Beim Kand bleiwen a roueg bleiwen.",
            "D'Kand op d'Säit leeën.",
            "No 5 Minutte keng Besserung: zweete Pen ginn.",
            "D'Elteren informéieren. D'Zäit opschreiwen.",
        ),
        "dont": ("d'Kand festhalen", "eppes an de Mond stiechen"),
    },
    "pt": {
        "sign": ("lábios inchados", "dificuldade em respirar"),
        "step": (
            "Ligar para o 112 e não desligar.",
            "Ficar com a criança e manter a calma.",
            "Deitar a criança de lado.",
            "Anotar a hora de início.",
            "Se não melhorar em 10 minutos, repetir a dose. Avisar os pais.",
        ),
        "dont": ("segurar a criança à força", "deixar a criança sozinha"),
    },
}
# The measure: longer lines as they come, written after the catalogue. Untuned, 11 of the 35 steps
# and do-nots were known as whole sentences (31 %); with what is general in them added, 17 (49 %).
HARD = {
    "en": {
        "sign": (
            "hives all over the body",
            "unusually sleepy",
        ),
        "step": (
            "Keep the child sitting upright and loosen tight clothing.",
            "Give one puff of the blue inhaler through the spacer every 30 seconds.",
            "If the seizure has not stopped 5 minutes after midazolam, call 112.",
            "Tell the crew the time of the injection.",
            "Stay with him until he is fully awake.",
            "Check the airway is clear and nothing is in the mouth.",
        ),
        "dont": ("give food or drink until fully awake",),
    },
    "fr": {
        "sign": (
            "gonflement du visage ou des lèvres",
            "urticaire généralisée",
        ),
        "step": (
            "Mettre l'enfant en PLS s'il est inconscient.",
            "Faire 5 bouffées de Ventoline, à renouveler toutes les 10 minutes si besoin.",
            "Prévenir le SAMU (112) puis les parents.",
            "Administrer 1 dose de Buccolam 5 mg dans la joue.",
            "Si pas d'amélioration au bout de 10 minutes : refaire une injection.",
            "Déshabiller l'enfant et lui donner à boire.",
        ),
        "dont": ("essayer de lui ouvrir la bouche",),
    },
    "de": {
        "sign": (
            "Quaddeln am ganzen Körper",
            "starker Juckreiz",
        ),
        "step": (
            "Enge Kleidung öffnen und Kind beruhigen.",
            "2 Hübe Salbutamol über Spacer, nach 10 Minuten wiederholen.",
            "Notarzt rufen (112), Eltern informieren.",
            "Diazepam Rektaltube 5 mg verabreichen, wenn der Anfall nach 3 Minuten nicht aufhört.",
            "Kind hinsetzen, Oberkörper nach vorn beugen.",
            "Bei Bewusstlosigkeit: stabile Seitenlage, Atmung kontrollieren.",
        ),
        "dont": ("Arme oder Beine festhalten",),
    },
    "lb": {
        "sign": (
            "roude Plaqueen op der Haut",
            "blo Lëpsen",
        ),
        "step": (
            "Roueg bleiwen an d'Kand berouegen.",
            "2 Puffs Ventolin mat der Inhalatiounskummer ginn, no 10 Minutte widderhuelen.",
            "Wann de Krampf méi wéi 5 Minutten dauert: 112 uruffen.",
            "D'Kand an déi stabil Säitelag leeën.",
            "Duerno ëmmer an d'Spidol.",
            "Eng zweet Persoun këmmert sech ëm déi aner Kanner.",
        ),
        "dont": ("dem Kand eppes z'iessen oder z'drénke ginn",),
    },
    "pt": {
        "sign": (
            "manchas vermelhas na pele",
            "tosse persistente",
        ),
        "step": (
            "Colocar a criança em posição lateral de segurança.",
            "Administrar a caneta na coxa e manter 10 segundos.",
            "Dar 2 puffs de salbutamol com câmara expansora, repetir após 20 minutos.",
            "Se a criança estiver inconsciente: ligar para o 112.",
            "Chamar os pais e aguardar a ambulância.",
            "Vigiar a respiração e não dar nada pela boca.",
        ),
        "dont": ("meter objetos na boca",),
    },
}
# A refusal, a condition or a remark that no phrase may take into itself.
NOT_SWALLOWED = {
    "en": (
        "do not call 112",
        "call 112 only after asking the parents",
        "if {n} times worse call 112",
        "say nothing unless asked",
        "say nothing",
        "give paracetamol 5 ml unless asleep",
        "give if needed 5 ml",
        "never inject the pen into the outer thigh",
    ),
    "fr": (
        "ne pas appeler le 112",
        "appeler le 112 sauf si les parents sont là",
        "donner Cétirizine : 5 gouttes si besoin",
        "donner si besoin : 5 gouttes",
        "ne pas donner Doliprane 5 ml",
        "dire « ne rien donner »",
        "ne rien dire",
        "injecter le stylo sans attendre dans la face externe de la cuisse",
    ),
    "de": (
        "112 nicht rufen",
        "nicht 112 rufen",
        "112 rufen, aber erst die Eltern fragen",
        "nicht mehr als 5 ml geben",
        "Paracetamol nicht 5 ml geben",
        "bei Bedarf: 5 Tropfen",
        "Pen nur bei Atemnot geben",
        "nichts sagen",
    ),
    "lb": (
        "net 112 uruffen",
        "112 uruffen, mee eréischt d'Eltere froen",
        "keen Dafalgan 5 ml ginn",
        "wann néideg: 5 Drëpsen",
        "de Pen net ginn",
        "näischt soen",
        "d'Kand ni op d'Säit leeën",
        "Dafalgan 5 ml ginn ouni d'Elteren",
    ),
    "pt": (
        "não ligar para o 112",
        "ligar para o 112 apenas depois dos pais",
        "não dar Ben-u-ron 5 ml",
        "dar se necessário: 5 gotas",
        "dar Cetirizina: 5 gotas se piorar",
        "nunca injetar a caneta na face externa da coxa",
        "dizer “não sei”",
        "dizer nada",
    ),
}
# Small words before a count are no medicine: shown in another language they would pass unmarked.
NO_MEDICINE = {
    "en": ("give another 5 mg", "give 5 mg slowly", "then 2 puffs", "if needed 2 puffs"),
    "fr": ("donner encore 2 bouffées", "donner encore 5 mg", "matin et soir 2 bouffées"),
    "de": ("noch einmal 5 mg geben", "sofort 2 Hübe", "langsam 5 ml geben", "danach 2 Hübe"),
    "lb": ("nach eng Kéier 5 mg ginn", "direkt 2 Stéiss", "lues 5 ml ginn"),
    "pt": ("dar mais 5 mg", "logo 2 inalações", "dar lentamente 5 ml"),
}


def examples(phrase: phrases.Phrase, lang: str = "en", n: int = 0) -> dict[str, str]:
    """Parameters for a phrase, as `lang` writes them; no two numbers alike."""
    filled = {}
    for place, (name, kind) in enumerate(phrase.params.items()):
        if kind.startswith("choice:"):
            filled[name] = list(phrases.choices(kind, lang))[n % len(phrases.choices(kind, lang))]
            continue
        value = EXAMPLES[kind][(n + place) % len(EXAMPLES[kind])]
        filled[name] = value if lang == "en" or kind == "time" else value.replace(".", ",")
    return filled


def numbers(text: str) -> list[str]:
    return sorted(re.findall(r"\d+(?:[.,]\d+)?", text.replace(",", ".")))


def placeholders(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)", text))


def plurals(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\|", text))


def known(parts: tuple[phrases.Part, ...]) -> bool:
    return all(part.phrase for part in parts)


def all_texts() -> Iterator[tuple[str, str, str]]:
    for phrase in catalogue().values():
        for lang in LANGUAGES:
            for text in (phrase.texts[lang], *phrase.also[lang]):
                yield phrase.id, lang, text


# ── the catalogue ────────────────────────────────────────────────────────────────────────────────


def test_every_phrase_stands_in_five_languages_with_the_same_parameters():
    for phrase in catalogue().values():
        for lang in LANGUAGES:
            assert phrase.texts[lang].strip() == phrase.texts[lang] != "", (phrase.id, lang)
            assert placeholders(phrase.texts[lang]) == set(phrase.params), (phrase.id, lang)


def test_other_ways_to_say_it_name_every_parameter_or_none_could_be_filled():
    for name, lang, text in all_texts():
        assert placeholders(text) == set(catalogue()[name].params), (name, lang, text)


def test_a_plural_hangs_on_a_number_of_its_phrase():
    for name, lang, text in all_texts():
        kinds = catalogue()[name].params
        assert all(kinds[one] in ("number", "amount") for one in plurals(text)), (name, lang)
        assert all(piece.count("|") == 2 for piece in re.findall(r"\{\w+\|[^{}]*\}", text)), name


def test_texts_hold_no_mark_that_only_other_ways_may_use():
    for phrase in catalogue().values():
        for lang in LANGUAGES:
            assert not re.search(r"[\[\]()]|\.$", phrase.texts[lang]), (phrase.id, lang)


def test_no_number_but_112_stands_in_a_text():
    for name, lang, text in all_texts():
        assert not re.search(r"\d", re.sub(r"\{[^{}]*\}|\b112\b", "", text)), (name, lang, text)


def test_uses_and_kinds_are_known_ones():
    for phrase in catalogue().values():
        assert phrase.uses, phrase.id
        assert phrase.uses <= {"sign", "step", "dont", "how", "place", "day", "cause"}, phrase.id
        for kind in phrase.params.values():
            assert kind in phrases.KINDS or phrases.choices(kind, "en"), phrase.id


def test_a_do_not_reads_under_its_heading():
    """Under "Do not" a bare act must not bring a "not" of its own; with one it is also a step."""
    refusal = {
        "en": r"\b(not|never|nothing|no)\b",
        "fr": r"\b(ne|pas|jamais|rien)\b",
        "de": r"\b(nicht|nie|kein\w*|nichts)\b",
        "lb": r"\b(net|ni|keng?|näischt)\b",
        "pt": r"\b(não|nunca|nada)\b",
    }
    for phrase in catalogue().values():
        if "dont" in phrase.uses:
            refusing = {
                lang for lang in LANGUAGES if re.search(refusal[lang], phrase.texts[lang].lower())
            }
            assert refusing in (set(), set(LANGUAGES)), (phrase.id, refusing)
            assert not (refusing and phrase.uses == {"dont"}), phrase.id


# ── showing ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lang", LANGUAGES)
def test_rendering_fills_every_blank(lang):
    for phrase in catalogue().values():
        for n in range(3):
            shown = render(phrase.id, examples(phrase, lang, n), lang)
            assert not re.search(r"[{}|…]", shown), shown
            assert "…" in render(phrase.id, {}, lang) or not phrase.params, phrase.id


@pytest.mark.parametrize(
    ("lang", "one", "other", "half"),
    [
        ("en", "Wait 1 minute", "Wait 2 minutes", "Wait 1.5 minutes"),
        ("fr", "Attendre 1 minute", "Attendre 2 minutes", "Attendre 1,5 minute"),
        ("de", "1 Minute warten", "2 Minuten warten", "1,5 Minuten warten"),
        ("lb", "1 Minutt waarden", "2 Minutte waarden", "1,5 Minutte waarden"),
        ("pt", "Esperar 1 minuto", "Esperar 2 minutos", "Esperar 1,5 minutos"),
    ],
)
def test_plurals_and_decimal_signs_are_the_readers(lang, one, other, half):
    assert render("wait-minutes", {"n": "1"}, lang) == one
    assert render("wait-minutes", {"n": "2"}, lang) == other
    for typed in ("1.5", "1,5"):
        assert render("wait-minutes", {"n": typed}, lang) == half


def test_doses_and_words_are_shown_as_written_but_for_the_decimal_sign():
    params = {"medicine": "Sirop Rosé", "amount": "2,5 ml"}

    assert render("give-amount", params, "en") == "Give Sirop Rosé 2.5 ml"
    assert render("give-amount", params, "de") == "Sirop Rosé 2,5 ml geben"


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_line_of_joined_phrases_reads_as_one_line(lang):
    parts = recognise("Call 112, say “anaphylaxis”, stay on the line.", "en", "step")

    shown = line(parts, lang)

    assert known(parts)
    assert shown.count(",") == 2
    assert shown.endswith(".")
    assert "anaphylaxis" in shown
    assert "112" in shown


# ── reading ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_text_is_recognised_as_itself(lang):
    lost = []
    for phrase in catalogue().values():
        for n, use in enumerate([*phrase.uses, *phrase.uses] if phrase.params else phrase.uses):
            params = examples(phrase, lang, n)
            text = render(phrase.id, params, lang)
            parts = recognise(text, lang, use)
            if [(part.phrase, dict(part.params)) for part in parts] != [(phrase.id, params)]:
                lost.append((use, text, [(part.phrase, part.params) for part in parts]))

    assert not lost, lost[:10]


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_number_typed_is_found_again_in_each_language(lang):
    for phrase in catalogue().values():
        if not set(phrase.params.values()).intersection(MEASURES):
            continue
        text = render(phrase.id, examples(phrase, lang), lang)
        parts = recognise(text, lang, min(phrase.uses))
        for reader in LANGUAGES:
            assert numbers(line(parts, reader)) == numbers(text), (text, reader)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_case_accents_quotes_and_commas_do_not_matter(lang):
    for phrase in catalogue().values():
        params = examples(phrase, lang)
        text = phrases.fold(render(phrase.id, params, lang))
        text = "".join(sign if sign == "ß" else sign.upper() for sign in text)
        if "word" not in phrase.params.values():  # a word to say is known by its quotes
            text = text.replace('"', "")
        parts = recognise(text, lang, min(phrase.uses))
        assert parts[0].phrase, text


@given(st.data())
def test_reading_keeps_the_text_to_the_letter(data):
    lang = data.draw(st.sampled_from(LANGUAGES))
    sayings = st.sampled_from(sorted(catalogue())).map(
        lambda name: render(name, examples(catalogue()[name], lang), lang)
    )
    marks = st.sampled_from((". ", ", ", " : ", " ; ", " - ", "! ", " ", "\n", " und ", " (", ") "))
    pieces = data.draw(st.lists(st.one_of(sayings, marks, st.text(max_size=12)), max_size=8))
    text = "".join(pieces)
    use = data.draw(st.sampled_from((None, "step", "dont", "sign", "how")))

    parts = recognise(text, lang, use)

    assert "".join(part.text for part in parts) == text
    assert all(part.phrase == "" or part.phrase in catalogue() for part in parts)


@given(st.data())
def test_no_number_is_lost_or_made_in_any_language(data):
    lang = data.draw(st.sampled_from(LANGUAGES))
    names = data.draw(st.lists(st.sampled_from(sorted(catalogue())), min_size=1, max_size=4))
    marks = data.draw(st.lists(st.sampled_from((". ", ", ", " : ", " ; ")), min_size=4, max_size=4))
    text = "".join(
        render(name, examples(catalogue()[name], lang, n), lang, inline=bool(n)) + mark
        for n, (name, mark) in enumerate(zip(names, marks, strict=False))
    )

    parts = recognise(text, lang)

    for reader in LANGUAGES:
        assert numbers(line(parts, reader)) == numbers(text)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_refused_or_extended_sentence_is_not_swallowed(lang):
    extra = {"en": "zounds", "fr": "zut", "de": "Zack", "lb": "zack", "pt": "zás"}[lang]
    # Beside a free blank or a dose an unknown word may be a name: those are looked at below.
    open_ended = {*phrases.FREE, "amount"}
    for phrase in catalogue().values():
        if open_ended.intersection(phrase.params.values()):
            continue
        text = render(phrase.id, examples(phrase, lang), lang, inline=True)
        for written in (f"{text} {extra}", f"{extra} {text}", f"{text}, {extra}"):
            assert recognise(written, lang, min(phrase.uses)) == (phrases.Part(written),)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_sentence_with_one_unknown_clause_stays_as_written(lang):
    shown = [render(name, {}, lang) for name in ("call-112", "stay-with-child", "note-time")]
    text = f"{shown[0]}, {shown[1]}, Xyzzy Plugh. {shown[2]}."

    parts = recognise(text, lang, "step")

    assert [part.phrase for part in parts] == ["", "note-time"]
    assert parts[0].text == f"{shown[0]}, {shown[1]}, Xyzzy Plugh. "
    for reader in LANGUAGES:
        assert line(parts, reader).startswith(parts[0].text)


@pytest.mark.parametrize(
    ("lang", "text"), [(lang, text) for lang, texts in NOT_SWALLOWED.items() for text in texts]
)
def test_free_words_never_hide_a_refusal_or_a_condition(lang, text):
    for use in ("step", "how", "dont"):
        parts = recognise(text, lang, use)
        assert parts == (phrases.Part(text),), parts


@pytest.mark.parametrize("lang", LANGUAGES)
def test_a_limit_inside_free_words_is_refused(lang):
    for word in phrases.LIMITS[lang].split():
        for phrase in catalogue().values():
            for name, kind in phrase.params.items():
                if kind not in phrases.FREE:
                    continue
                params = {**examples(phrase, lang), name: f"Abc {word} Def"}
                text = render(phrase.id, params, lang)
                for use in phrase.uses:
                    values = [
                        value
                        for part in recognise(text, lang, use)
                        for value in part.params.values()
                    ]
                    hidden = [value for value in values if f" {word} " in f" {value} "]
                    assert not hidden, (text, hidden)


@pytest.mark.parametrize(
    ("lang", "text"), [(lang, text) for lang, texts in NO_MEDICINE.items() for text in texts]
)
def test_a_small_word_before_a_count_is_not_taken_for_a_medicine(lang, text):
    for part in recognise(text, lang, "step"):
        assert "medicine" not in part.params, part


# ── how much is recognised ───────────────────────────────────────────────────────────────────────


def share(lists: dict, uses: tuple[str, ...]) -> tuple[Decimal, list[str]]:
    """How many of the lines are known as a whole, and which are not."""
    lines = [(lang, use, text) for lang in lists for use in uses for text in lists[lang][use]]
    unknown = [text for lang, use, text in lines if not known(recognise(text, lang, use))]
    return Decimal(len(lines) - len(unknown)) / len(lines), unknown


def test_the_held_out_lists_are_long_enough():
    for lists in (*HELD_OUT.values(), *HARD.values()):
        assert sum(len(texts) for texts in lists.values()) >= 8


@pytest.mark.parametrize(
    ("lists", "uses", "least"),
    [
        (HELD_OUT, ("step", "dont"), 0.95),
        (HELD_OUT, ("sign",), 0.8),
        (HARD, ("step", "dont"), 0.45),
        (HARD, ("sign",), 0.3),
    ],
    ids=["steps", "signs", "hard-steps", "hard-signs"],
)
def test_lines_of_other_doctors_are_recognised(lists, uses, least):
    reached, unknown = share(lists, uses)

    assert reached >= least, f"{reached:.0%} of {uses} recognised, unknown: {unknown}"


@pytest.mark.parametrize(
    ("text", "lang"),
    [
        ("5 mg nasal geben", "de"),
        ("donner doucement : 5 gouttes", "fr"),
        ("give the child: 5 ml", "en"),
        ("dire aux parents", "fr"),
    ],
)
def test_an_adverb_or_a_person_is_no_medicine_and_no_word_to_say(text, lang):
    taken = [v for part in recognise(text, lang, "step") for v in part.params.values()]

    assert not [value for value in taken if not any(sign.isdigit() for sign in value)]


# ── plans nobody tuned to ────────────────────────────────────────────────────────────────────────

FOREIGN = [
    (plan["lang"], name, text)
    for path in sorted((Path(__file__).parent / "foreign").glob("*.json"))
    if path.name != "judged.json"
    for plan in json.loads(path.read_text(encoding="utf-8"))["plans"]
    for name in ("signs", "steps", "donts")
    for text in plan[name]
]


def test_of_a_foreign_plan_no_word_is_lost_and_every_number_is_shown():
    assert len(FOREIGN) > 350

    for lang, name, text in FOREIGN:
        written = Line.of(text, lang, name)
        assert written.text == text.strip()
        for reader in LANGUAGES:
            shown = reading(written, reader)
            words = "".join(piece.words for piece in shown.pieces)
            assert shown.original in {"", written.text}
            assert shown.original or words == written.text
            for number in re.findall(r"\d+", text):
                assert number in words + shown.original, (reader, text)
