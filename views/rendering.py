"""Page or fragment, sentences for refusals, dates and numbers in the reader's language, assets."""

import hashlib
import unicodedata
from collections.abc import Iterable
from datetime import date, datetime
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import phonenumbers
import segno
from babel import Locale
from flask import (
    Flask,
    Response,
    current_app,
    make_response,
    render_template,
    request,
    session,
    url_for,
)
from flask_babel import format_date, format_datetime, get_locale, ngettext
from flask_babel import gettext as _
from flask_babel import lazy_gettext as _l

from database import DomainError, local
from models import Actor, Device
from services import map_link

ROOT = Path(__file__).resolve().parent.parent
STATIC = ROOT / "static"
# Our codes, in the order of the switch, and the locale that formats their dates and numbers.
LOCALES = {"en": "en_GB", "fr": "fr", "de": "de", "lb": "lb", "pt": "pt_PT"}
LANGUAGE_NAMES = {
    "lb": "Lëtzebuergesch",
    "fr": "Français",
    "de": "Deutsch",
    "en": "English",
    "pt": "Português",
}

SENTENCES = {
    "meaning-blanks": _l("Fill in the blanks of the sentence."),
    "meaning-numbers": _l("The numbers of the words and of the sentence are not the same."),
    "meaning-refusal": _l(
        "A “not”, “only”, “if” or “or” stands on one side only: it does not mean the same."
    ),
    "meaning-words": _l("A name in the sentence does not stand in the doctor’s words."),
    "meaning-elsewhere": _l("Choose the words and at least one sentence."),
    "draft-changed-meanwhile": _l(
        "Somebody else has changed this plan meanwhile. Both texts are shown below."
    ),
    "edited-meanwhile": _l("Somebody else has changed this meanwhile. Both texts are shown below."),
    "grant-already-answered": _l("This was answered already."),
    "grant-already-ended": _l("Sharing has ended already."),
    "version-already-answered": _l("This version was answered already."),
    "checked-by-author-or-guardian": _l(
        "A plan is checked by a second person, never by its author or a guardian of the child."
    ),
    "submitted-without-scan": _l("Add the signed paper first: photos or a PDF."),
    "submitted-without-condition": _l("Say first what the plan is for."),
    "nothing-to-submit": _l("There is nothing new to send."),
    "scan-without-pages": _l("Choose at least one photo or a PDF."),
    "scan-with-too-many-pages": _l("The paper has more than 12 pages. Send 12 at the most."),
    "too-many-things": _l("There are too many here already. Remove one first."),
    "no-such-list": _l("This part of the plan is gone. Open the plan again."),
    "image-unreadable": _l("This file is not a picture that we can read. Use JPEG, PNG or PDF."),
    "image-too-large": _l("This picture is too large. Take it again with fewer pixels."),
    "pdf-locked": _l("This PDF is locked with a password. Save it without one."),
    "passkey-needed": _l("Confirm with your passkey to go on."),
    "passkey-unknown": _l("This passkey belongs to no account here. Use another, or sign up."),
    "passkey-too-late": _l("That took too long. Try again."),
    "passkey-refused": _l("The passkey could not be checked. Try again."),
    "malformed": _l("This entry cannot be read."),
    "too-large": _l("This entry is too long."),
    "unknown-kind": _l("The service does not know this kind of entry."),
    "conflict": _l("The service holds another entry under the same number."),
    "code-unknown": _l("No crèche has this code. Ask the crèche for its 6 letters."),
    "too-many-tries": _l("Too many tries. Wait a few minutes, then try again."),
    "too-many-devices": _l("This crèche has as many devices as it may have."),
    "pass-needs-an-end": _l("A pass needs the time at which it ends; nothing else has one."),
    "pass-too-long": _l("A pass ends within 12 hours."),
    "pass-needs-children": _l("A pass is for one room: choose it, or plan an outing."),
    "phone-needs-a-person": _l("Choose whose phone it is."),
    "last-manager": _l("A crèche keeps at least one manager. Add another one first."),
    "staff-has-account": _l("This person has an account here already."),
    "invitation-gone": _l("This invitation was used or has run out. Ask for another one."),
    "works-here-already": _l("You work there already: this invitation is for somebody else."),
    "plan-not-in-force": _l("Compare this plan with the signed paper first."),
    "too-many-requests": _l(
        "Three of your requests are waiting for an answer. Wait for one, or take one back."
    ),
    "request-changed": _l("A colleague has taken this request meanwhile."),
    "request-already-answered": _l("This request was answered or taken back already."),
    "time-is-past": _l("This time has passed. Choose another."),
    "not-a-half-hour": _l("An appointment begins at a full or half hour."),
    "slot-already-taken": _l("This half hour is taken already. Choose another."),
    "one-to-three-times": _l("Choose one, two or three times."),
    "too-soon-to-hold": _l(
        "A time that is held begins more than two hours from now. Call the family, and confirm."
    ),
    "time-gone": _l("This time is no longer free. Choose another."),
    "offer-gone": _l("This offer has run out, or the seat was taken already."),
    "session-over": _l("This session has begun, or it does not take place."),
    "joined-already": _l("You are on the list already."),
    "link-used": _l("This link was used or has run out. Ask the family for another one."),
    "kit-without-place": _l("First write where it is kept: the photo stands beside those words."),
    "kit-unit-replaced": _l("This one was replaced already. Look at the list again."),
    "session-too-small": _l("This session has one seat only."),
    "session-changed": _l("A colleague has changed this session meanwhile. Nothing was saved."),
    "seats-taken": _l("More seats are taken than that. Take somebody off the list first."),
    "left-already": _l("This place was given up already."),
    "nothing-to-stop": _l("No plan is in force: there is nothing to stop."),
    "handed-back-already": _l("This was noted as handed back already."),
    "device-not-waiting": _l("This device is not waiting for an answer any more."),
}


def sentence(refusal: DomainError) -> str:
    return str(SENTENCES.get(refusal.code, _("This is not possible now.")))


# ── pages and fragments ──────────────────────────────────────────────────────────────────────────


def page_or_fragment(page: str, fragment: str, status: int = 200, **context: Any) -> Response:
    """Render `fragment` for htmx, `page` (which includes it) for everyone else."""
    template = fragment if wants_fragment() else page
    return make_response(render_template(template, **context), status)


def code_page(device: Device, letters: str) -> str:
    link = absolute(url_for("sync.enrol", _anchor=letters))
    return render_template(
        "nursery/code.html",
        device=device,
        letters=[letters[:5], letters[5:]],
        link=link,
        digits=None,
    )


def confirmation(
    title: str, text: str, act: str, back: str, nav: str, names: Iterable[str] = ()
) -> str:
    """The page before an act that cannot be undone: its button posts to the same address."""
    facts = {"title": title, "text": text, "act": act, "back": back, "nav": nav, "names": names}
    return render_template("confirmation.html", **facts)


def absolute(path: str) -> str:
    """A link that leaves the page, on paper, in a mail or a code: by the name that was configured,
    never by the one that somebody asked under."""
    return current_app.config["ORIGINS"][0] + path


def download(data: str | bytes, mimetype: str, name: str) -> Response:
    response = Response(data, mimetype=mimetype)
    response.headers["Content-Disposition"] = f"attachment; filename={name}"
    return response


def wants_fragment() -> bool:
    htmx = request.htmx
    return (
        bool(htmx)
        and request.headers.get("HX-Request-Type") != "full"
        and not htmx.history_restore_request
    )


def safe_next(target: str | None) -> str | None:
    """`target` when it is a path of ours, else None: nobody is sent elsewhere by a link."""
    parts = urlsplit(target or "")
    if not target or parts.scheme or parts.netloc or not target.startswith("/"):
        return None
    return None if target.startswith(("//", "/\\")) or not target.isprintable() else target


# ── language ─────────────────────────────────────────────────────────────────────────────────────


def language_of(actor: Actor | None) -> str:
    """The person's choice, else the browser's cookie, else what the browser asks for."""
    if actor and actor.person:
        return actor.person.language
    chosen = session.get("language")
    if chosen in LOCALES:
        return chosen
    return request.accept_languages.best_match(list(LOCALES)) or "fr"


def code() -> str:
    """The language of this answer as one of our five codes."""
    return get_locale().language


# ── words, dates, numbers ────────────────────────────────────────────────────────────────────────


def day(value: date | str | None) -> str:
    """14 March 2023, as it is written in the reader's language: no month is a number."""
    if isinstance(value, str):
        value = date.fromisoformat(value) if value else None
    return format_date(value, "long") if value else ""


def weekday(value: date | datetime) -> str:
    """Wednesday, 2 December 2026, as it is written in the reader's language."""
    return format_date(local(value) if isinstance(value, datetime) else value, "full")


def month_or_day(printed: str) -> str:
    """An expiry as printed on the box: 2027-03 is a month, 2026-12-12 a day; else as typed."""
    try:
        if len(printed) == len("2027-03"):
            return format_date(date.fromisoformat(f"{printed}-01"), "MMMM yyyy")
        return day(printed)
    except ValueError:
        return printed


def moment(value: datetime) -> str:
    return f"{day(local(value).date())}, {hour(value)}"


def hour(value: datetime) -> str:
    return format_datetime(local(value), "HH:mm", rebase=False)


def number(text: str) -> str:
    """The digits as typed; only the decimal sign is the reader's."""
    return text.replace(".", ",") if code() != "en" else text.replace(",", ".")


def age(born: date, today: date) -> str:
    """Years and months, in words."""
    months = (today.year - born.year) * 12 + today.month - born.month - (today.day < born.day)
    years, months = divmod(max(months, 0), 12)
    parts = []
    if years:
        parts.append(ngettext("%(num)d year", "%(num)d years", years))
    if months or not years:
        parts.append(ngettext("%(num)d month", "%(num)d months", months))
    return " ".join(parts)


def phone_href(text: str) -> str:
    """What a phone dials for a number as typed; Luxembourg where no country is given."""
    try:
        number = phonenumbers.parse(text, "LU")
    except phonenumbers.NumberParseException:
        return "tel:" + "".join(c for c in text if c.isdigit() or c == "+")
    if number.country_code == phonenumbers.country_code_for_region("LU") and len(text) <= len(
        "112"
    ):
        return f"tel:{text.strip()}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.RFC3966)


def language_name(tag: str) -> str:
    """`fr` or `hr` in the reader's own words; what is no code stays as it is."""
    if len(tag) != len("fr"):
        return tag
    return Locale.parse(LOCALES[code()]).languages.get(tag, tag)


def in_two(code: str) -> str:
    """ABCD-EFGH, the code of a print: as people read it to each other."""
    return "-".join(filter(None, (code[:4], code[4:])))


def plain(text: str) -> str:
    """Small letters without accents: `Zoë` is found by `zoe`, and sorted beside it."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(letter for letter in letters if not unicodedata.combining(letter))


LONG = 150  # characters: a code of more would be too fine for a phone to read from a screen


def qr(link: str) -> tuple[int, str]:
    """A QR code as the side of its square and one SVG path of strokes, for the template to draw."""
    error = "m" if len(link) < LONG else "l"
    rows = list(segno.make(link, error=error, micro=False).matrix_iter(border=4))
    lines = []
    for y, row in enumerate(rows):
        widths = [(dark, len(list(same))) for dark, same in groupby(row)]
        runs = (f"h{width}" if dark else f"m{width} 0" for dark, width in widths)
        lines.append(f"M0 {y}.5" + "".join(runs) if any(row) else "")
    return len(rows), "".join(lines)


# ── assets ───────────────────────────────────────────────────────────────────────────────────────


@cache
def assets() -> dict[str, Path]:
    """Every file of static/ under its content-hashed name."""
    return {
        hashed(path): path
        for path in sorted(STATIC.rglob("*"))
        if path.is_file() and path.suffix not in {".json", ".md"}
    }


def hashed(path: Path) -> str:
    # 128 bits: the worker believes an asset because its name says what it holds.
    mark = hashlib.sha256(path.read_bytes()).hexdigest()[:16]
    relative = path.relative_to(STATIC)
    return str(relative.with_name(f"{path.stem}.{mark}{path.suffix}"))


@cache
def asset(name: str) -> str:
    """The address of a file of static/: `app.css` -> `/static/app.<hash>.css`."""
    path = STATIC / name
    if not path.is_file():
        raise FileNotFoundError(f"static/{name} is missing: was the set-up run?")
    return f"/static/{hashed(path)}"


@cache
def build() -> str:
    """Changes exactly when a page could look different: templates, assets, words, phrases, code."""
    files = [
        *sorted((ROOT / "templates").rglob("*.html")),
        *sorted(STATIC.rglob("*")),
        *sorted((ROOT / "translations").rglob("*.mo")),
        *sorted((ROOT / "data/phrases").glob("*.toml")),
        *sorted((ROOT / "views").glob("*.py")),
        ROOT / "plan.py",
        ROOT / "phrases.py",
        ROOT / "shelf.py",
    ]
    mark = hashlib.sha256()
    for path in files:
        if path.is_file():
            mark.update(path.read_bytes())
    return mark.hexdigest()[:16]


def register(app: Flask) -> None:
    """What templates may use."""
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(
        day=day,
        weekday=weekday,
        month_or_day=month_or_day,
        moment=moment,
        local_day=lambda value: day(local(value).date()),
        hour=hour,
        number=number,
        phone_href=phone_href,
        language_name=language_name,
        in_two=in_two,
        map_link=map_link,
        qr=qr,
    )
    app.jinja_env.globals.update(
        asset=asset, age=age, lang=code, language_names=LANGUAGE_NAMES, get_locale=get_locale
    )
