"""Forms as a browser sends them: every field of the page, in its order, with what is ticked."""

from collections.abc import Callable

from bs4 import Tag
from werkzeug.datastructures import MultiDict

Fill = Callable[[Tag], str | None]
TEXT = {"text", "search", "tel", "email", "url"}


def is_text(control: Tag) -> bool:
    """Whether a person types words into it."""
    if control.name == "textarea":
        return not control.has_attr("readonly")
    return control.name == "input" and control.get("type", "text") in TEXT


def text_fields(form: Tag) -> list[Tag]:
    return [control for control in form.find_all(["input", "textarea"]) if is_text(control)]


def sent(form: Tag, fill: Fill = lambda control: None) -> MultiDict:
    """What the form sends: `fill` says the text of a field, None leaves it as it stands."""
    data = MultiDict()
    for control in form.find_all(["input", "select", "textarea"]):
        name = control.get("name")
        if not name or control.has_attr("disabled") or name == "csrf_token":
            continue
        value = fill(control) if is_text(control) else None
        value = standing(control) if value is None else value
        if value is not None:
            data.add(name, value)
    choose_first(form, data)
    return data


def standing(control: Tag) -> str | None:
    """The value a field has on the page; None when the browser would not send it."""
    if control.name == "textarea":
        return control.get_text().removeprefix("\n")
    if control.name == "select":
        chosen = control.find("option", selected=True) or control.find("option")
        return chosen.get("value", "") if chosen else None
    kind = control.get("type", "text")
    if kind in {"submit", "button", "file", "image"}:
        return None
    if kind in {"radio", "checkbox"} and not control.has_attr("checked"):
        return None
    return control.get("value", "on" if kind == "checkbox" else "")


def choose_first(form: Tag, data: MultiDict) -> None:
    """Of radio buttons of which none is chosen, the first."""
    for radio in form.find_all("input", type="radio"):
        if radio["name"] not in data:
            data.add(radio["name"], radio.get("value", ""))
