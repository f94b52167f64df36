"""Headings that forms print, in five languages: a group's title, or the "when" of a medicine.

Only whole lines that are a heading and nothing else; what a doctor named freely stays as written.
Colours and degrees are never taken for one another. All of these translations are drafts.
"""

from collections.abc import Container

from plan import Line, Piece, Reading, reading

# Of each language the first is shown, all are known.
HEADINGS: tuple[dict[str, tuple[str, ...]], ...] = (
    {
        "en": ("Severe signs", "Severe symptoms"),
        "fr": ("Signes graves", "Symptômes graves"),
        "de": ("Schwere Anzeichen", "Schwere Zeichen", "Schwere Symptome"),
        "lb": ("Schwéier Zeechen", "Schwéier Symptomer"),
        "pt": ("Sinais graves", "Sintomas graves"),
    },
    {
        "en": ("Moderate signs", "Moderate symptoms"),
        "fr": ("Signes modérés", "Symptômes modérés"),
        "de": ("Mittelschwere Anzeichen", "Mittelschwere Zeichen", "Mittelschwere Symptome"),
        "lb": ("Mëttelschwéier Zeechen", "Mëttelschwéier Symptomer"),
        "pt": ("Sinais moderados", "Sintomas moderados"),
    },
    {
        "en": ("Mild signs", "Mild symptoms"),
        "fr": ("Signes légers", "Symptômes légers"),
        "de": ("Leichte Anzeichen", "Leichte Zeichen", "Leichte Symptome"),
        "lb": ("Liicht Zeechen", "Liicht Symptomer"),
        "pt": ("Sinais ligeiros", "Sintomas ligeiros"),
    },
    {
        "en": ("Severe reaction",),
        "fr": ("Réaction grave",),
        "de": ("Schwere Reaktion",),
        "lb": ("Schwéier Reaktioun",),
        "pt": ("Reação grave",),
    },
    {
        "en": ("Moderate reaction",),
        "fr": ("Réaction modérée",),
        "de": ("Mittelschwere Reaktion",),
        "lb": ("Mëttelschwéier Reaktioun",),
        "pt": ("Reação moderada",),
    },
    {
        "en": ("Mild reaction",),
        "fr": ("Réaction légère",),
        "de": ("Leichte Reaktion",),
        "lb": ("Liicht Reaktioun",),
        "pt": ("Reação ligeira",),
    },
    {
        "en": ("Red", "Red zone"),
        "fr": ("Rouge", "Zone rouge"),
        "de": ("Rot", "Rote Zone"),
        "lb": ("Rout", "Rout Zon"),
        "pt": ("Vermelho", "Zona vermelha"),
    },
    {
        "en": ("Amber", "Amber zone", "Orange", "Orange zone"),
        "fr": ("Orange", "Zone orange"),
        "de": ("Orange", "Orange Zone"),
        "lb": ("Orange", "Orange Zon"),
        "pt": ("Laranja", "Zona laranja"),
    },
    {
        "en": ("Yellow", "Yellow zone"),
        "fr": ("Jaune", "Zone jaune"),
        "de": ("Gelb", "Gelbe Zone"),
        "lb": ("Giel", "Giel Zon"),
        "pt": ("Amarelo", "Zona amarela"),
    },
    {
        "en": ("Green", "Green zone"),
        "fr": ("Vert", "Zone verte"),
        "de": ("Grün", "Grüne Zone"),
        "lb": ("Gréng", "Gréng Zon"),
        "pt": ("Verde", "Zona verde"),
    },
)


def _plain(text: str) -> str:
    return " ".join(text.casefold().strip(" .:").split())


KNOWN = {
    (language, _plain(words)): heading
    for heading in HEADINGS
    for language, spellings in heading.items()
    for words in spellings
}


def read(line: Line, language: str, checked: Container[str] = ()) -> Reading:
    """How a line reads; where no phrase fits, it may be a heading of the form."""
    found = reading(line, language, checked)
    heading = KNOWN.get((line.lang, _plain(line.text)))
    if heading is None or line.lang == language or not found.untranslated:
        return found
    return Reading((Piece(heading[language][0], language, False),), line.text, line.lang, True, "")


def read_title(title: str, paper: str, language: str) -> Reading:
    """A title as a line of the paper; in an unnamed language it is left as it is."""
    return read(Line.as_written(title, paper or language), language)
