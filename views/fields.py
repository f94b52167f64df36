"""What every form shares: field kinds, and validators with our words (WTForms knows no lb)."""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from types import MappingProxyType
from typing import Any
from uuid import UUID

import phonenumbers
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import DateField, Field, RadioField, SelectField, StringField, TextAreaField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired, Length, Optional, StopValidation, ValidationError
from wtforms.widgets import DateInput

from database import LUXEMBOURG, local, today
from views.rendering import LOCALES

LINE = 200  # characters of a one-line field
TEXT = 2000


def required() -> DataRequired:
    """Blanks alone are nothing."""
    return DataRequired(message=_l("Fill this in."))


def needed_if(name: str, value: str) -> Callable[[FlaskForm, Field], None]:
    """Where the field `name` says so."""

    def check(form: FlaskForm, field: Field) -> None:
        if form[name].data == value and not field.data:
            raise StopValidation(_l("Fill this in."))

    return check


class AtMost(Length):
    """The checks after it do not see what is longer: some would take hours over a megabyte."""

    def __call__(self, form: FlaskForm, field: Field) -> None:
        try:
            super().__call__(form, field)
        except ValidationError as reason:
            raise StopValidation(str(reason)) from None


def at_most(length: int) -> AtMost:
    return AtMost(max=length, message=_l("At the most %(length)s characters.", length=str(length)))


def tidy(value: Any) -> Any:
    """Without spaces at the ends."""
    return value.strip() if isinstance(value, str) else value


def readable(form: FlaskForm, field: Field) -> None:
    """No control characters: they come from broken copies, and databases disagree about them."""
    if any(ord(c) < ord(" ") and c not in "\r\n\t" for c in field.data or ""):
        raise StopValidation(_l("This text holds signs that cannot be shown. Type it again."))
    try:
        (field.data or "").encode()
    except UnicodeEncodeError:
        raise StopValidation(
            _l("This text holds signs that cannot be shown. Type it again.")
        ) from None


def one_line(label: Any, *validators: Any, length: int = LINE, **more: Any) -> StringField:
    checks = [readable, at_most(length), *(validators or (Optional(),))]
    return StringField(label, filters=[tidy], validators=checks, **more)


def some_lines(label: Any, *validators: Any, length: int = TEXT, **more: Any) -> TextAreaField:
    checks = [readable, at_most(length), *(validators or (Optional(),))]
    return TextAreaField(label, filters=[tidy], validators=checks, **more)


def options(words: Mapping[str, Any]) -> list[SelectChoice]:
    return [SelectChoice(value, text) for value, text in dict(words).items()]


def a_choice(
    label: Any, words: Mapping[str, Any] = MappingProxyType({}), **more: Any
) -> SelectField:
    """One of our codes; where they come from the database, the view fills in `choices`."""
    said = _l("Choose one of these.")
    return SelectField(label, choices=options(words), invalid_choice_message=said, **more)


def one_of(label: Any, words: Mapping[str, Any], default: str = "", **more: Any) -> RadioField:
    """The same as a row of buttons."""
    said = _l("Choose one of these.")
    return RadioField(
        label, choices=options(words), default=default, invalid_choice_message=said, **more
    )


class DayInput(DateInput):
    """The browser's own date field, which would show nothing in place of what is no date."""

    def __call__(self, field: DateField, **attributes: Any) -> Markup:
        if field.data is None and field._value():
            attributes["type"] = "text"
        return super().__call__(field, **attributes)


class Day(DateField):
    """A date from the browser's own date field; what is no date keeps what was typed."""

    widget = DayInput()

    def process_formdata(self, valuelist: list[str]) -> None:
        if not valuelist or not valuelist[0].strip():
            self.data = None
            return
        try:
            self.data = date.fromisoformat(valuelist[0].strip())
        except ValueError:
            self.data = None
            raise ValueError(_l("This date does not exist. Day, month and year.")) from None


def a_day(label: Any, *validators: Any, **more: Any) -> Day:
    return Day(label, validators=[*(validators or (Optional(),)), sensible_year], **more)


def sensible_year(form: FlaskForm, field: Field) -> None:
    if field.data and not 2000 <= field.data.year <= 2100:
        raise ValidationError(_l("This date does not exist. Day, month and year."))


def not_future(form: FlaskForm, field: Day) -> None:
    if field.data and field.data > today():
        raise ValidationError(_l("This day is still to come."))


def not_past(form: FlaskForm, field: Day) -> None:
    if field.data and field.data < today():
        raise ValidationError(_l("This day has passed."))


def is_hour(text: str) -> bool:
    """As 24 hours, so that two of them can be compared."""
    return bool(re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", text))


def an_hour(form: FlaskForm, field: Any) -> None:
    if field.data and not is_hour(field.data):
        raise ValidationError(_l("Write the time as 17:30."))


def hour_line(label: Any, *validators: Any) -> StringField:
    """An input of type time: it has no length to limit."""
    checks = [*(validators or (Optional(),)), an_hour]
    return StringField(label, filters=[tidy], validators=checks)


def next_at(hour: str, now: datetime) -> datetime:
    """The next time that a clock in the country shows this hour."""
    here = local(now)
    moment = datetime.combine(here.date(), time.fromisoformat(hour), LUXEMBOURG)
    return moment if moment > here else moment + timedelta(days=1)


def is_secure(address: str) -> bool:
    return bool(re.fullmatch(r"https://[^\s/?#\[\]]+([/?#]\S*)?", address))


def shown_texts(texts: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    """Texts by language as fields of a form, `title_fr`; read back by `typed_texts`."""
    return {f"{name}_{tag}": said[name] for tag, said in texts.items() for name in said}


def typed_texts(form: FlaskForm, *names: str) -> dict[str, dict[str, str]]:
    """Without the languages in which nothing was written."""
    texts = {tag: {name: form[f"{name}_{tag}"].data or "" for name in names} for tag in LOCALES}
    return {tag: said for tag, said in texts.items() if any(said.values())}


def as_id(choice: str) -> UUID | None:
    return UUID(choice) if choice else None


def phone_line(label: Any, *validators: Any) -> StringField:
    return one_line(label, *validators, dialable, length=40)


def dialable(form: FlaskForm, field: Field) -> None:
    """Kept as typed; only what no telephone could dial is refused. 112 and 113 are numbers too."""
    try:
        possible = phonenumbers.is_possible_number(phonenumbers.parse(field.data, "LU"))
    except phonenumbers.NumberParseException:
        possible = False
    if field.data and not possible and not phonenumbers.is_emergency_number(field.data, "LU"):
        raise ValidationError(
            _l("This is no phone number. Digits only; abroad with the country: +49 651 ...")
        )


def mail_line(label: Any, *validators: Any) -> StringField:
    return one_line(label, *validators, mailable, length=120)


# Letters that every mail server carries; neither quotes nor "=?", which mean something in a header.
MAIL = r"[\w.!#$%&'*+/^`{|}~-]+@[\w-]+(\.[\w-]+)+"


def mailable(form: FlaskForm, field: Field) -> None:
    """Only the shape: whether somebody reads it there, nobody can know."""
    if field.data and not re.fullmatch(MAIL, field.data, re.ASCII):
        raise ValidationError(_l("This is no e-mail address. It looks like name@example.lu."))


# Day before month, as everywhere in Luxembourg; a year alone of two digits is of this century.
PRINTED = (
    r"(?P<m>\d\d?)[/. -](?P<y>(?:20)?\d\d)",
    r"(?P<y>20\d\d)-(?P<m>\d\d?)",
    r"(?P<d>\d\d?)[/. -](?P<m>\d\d?)[/. -](?P<y>(?:20)?\d\d)",
    r"(?P<y>20\d\d)-(?P<m>\d\d?)-(?P<d>\d\d?)",
)


def printed(form: FlaskForm, field: Field) -> None:
    """A date as printed on a box, kept as 2027-03 or 2026-12-12."""
    matches = [match for p in PRINTED if (match := re.fullmatch(p, field.data or ""))]
    if not field.data:
        return
    if not matches:
        raise ValidationError(_l("Write month and year, or day, month and year, in digits."))
    found = matches[0].groupdict()
    try:
        known = date(2000 + int(found["y"]) % 100, int(found["m"]), int(found.get("d", 1)))
    except ValueError:
        raise ValidationError(_l("This date does not exist. Day, month and year.")) from None
    field.data = known.isoformat()[: 10 if "d" in found else 7]
