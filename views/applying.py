"""The questions of the application for help, in the order in which its print answers them."""

from collections.abc import Iterator
from typing import Any

from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from wtforms import BooleanField, Field, SelectMultipleField
from wtforms.validators import DataRequired, Optional
from wtforms.widgets import CheckboxInput

from views.fields import (
    Day,
    mail_line,
    not_future,
    one_line,
    one_of,
    options,
    phone_line,
    required,
)
from views.fields import some_lines as lines
from views.rendering import day

ASKS = {
    "self": _l("The child or young person"),
    "parent": _l("A parent or guardian"),
    "other": _l("Somebody else who cares"),
    "professional": _l("A professional"),
}
YES_NO = {"yes": _l("Yes"), "no": _l("No"), "": _l("No answer")}
KINDS = {
    "family": _l("Support in the family"),
    "talk": _l("Someone to talk to"),
    "learning": _l("Help with learning difficulties"),
    "hard-times": _l("Help in hard times"),
    "unsure": _l("I am not sure"),
}


class Kinds(SelectMultipleField):
    option_widget = CheckboxInput()


class ApplicationForm(FlaskForm):
    class Meta:
        csrf = False  # its print stores nothing and sets no cookie; keeping is guarded by the app

    asks = one_of(_l("Who applies? *"), ASKS, default="parent")
    name = one_line(_l("Name of who applies *"), required())
    tie = one_line(_l("What ties them to the child"))
    phone = phone_line(_l("Phone"))
    mail = mail_line(_l("E-mail"))
    address = one_line(_l("Address"))
    institution = one_line(_l("Institution and service"))
    task = one_line(_l("Your task there"))
    known = one_of(_l("Does the family know of this application, and agree?"), YES_NO)
    child = one_line(_l("Name of the child or young person *"), required())
    born = Day(_l("Date of birth"), validators=[Optional(), not_future])
    home = one_line(_l("Where the child lives, and with whom"))
    languages = one_line(_l("Languages spoken at home"))
    school = one_line(_l("Crèche, school, training or work"))
    parents = lines(_l("Parents or guardians: names, and how to reach them"))
    authority = one_line(_l("Who has parental authority"))
    court = one_of(_l("Does a court deal with the situation?"), YES_NO)
    situation = lines(_l("What is the situation? *"), required(), length=5000)
    strengths = lines(_l("What goes well, and who helps already"))
    tried = lines(_l("Help had before, and what came of it"))
    kinds = Kinds(_l("Which kind of help is wished for"), choices=options(KINDS))
    wish = lines(_l("What should change"))
    provider = one_line(_l("A provider you would like"))
    consent = BooleanField(
        _l(
            "I agree that the ONE uses these answers to deal with this application. I may withdraw "
            "this at any time."
        ),
        validators=[DataRequired(message=_l("Without your agreement there is no letter."))],
    )

    PARTS = (
        (_l("Who applies"), ("asks", "name", "tie", "phone", "mail", "address")),
        (_l("Only if a professional applies"), ("institution", "task", "known")),
        (_l("The child or young person"), ("child", "born", "home", "languages", "school")),
        (_l("The family"), ("parents", "authority", "court")),
        (_l("What it is about"), ("situation", "strengths", "tried")),
        (_l("The help"), ("kinds", "wish", "provider")),
    )

    def parts(self) -> Iterator[tuple[Any, list[Field]]]:
        for title, names in self.PARTS:
            yield title, [self[name] for name in names]

    def answers(self) -> dict[str, Any]:
        """What a draft keeps: never the consent, which belongs to one letter."""
        values = {field.name: field.data for field in self if field.name != "consent"}
        if values["born"]:
            values["born"] = values["born"].isoformat()
        return {name: value for name, value in values.items() if value}

    def can_wait(self) -> bool:
        """Whether all that is wrong is that something is still empty."""
        self.validate()
        return not any(field.errors for field in self if any(field.raw_data or ()))


WORDS = {"asks": ASKS, "known": YES_NO, "court": YES_NO, "kinds": KINDS}


def said(field: Field) -> str:
    """An answer as words; codes in the reader's language."""
    if field.name not in WORDS:
        return day(field.data) if isinstance(field, Day) else field.data
    chosen = field.data if isinstance(field, Kinds) else [field.data]
    return ", ".join(str(WORDS[field.name][code]) for code in chosen)
