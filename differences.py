"""What differs between two versions of a plan, field by field and line by line."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from itertools import zip_longest
from typing import Any

from plan import Line, Listed, plain_fields


@dataclass(frozen=True)
class Change:
    """One difference between two versions; None where there was, or is, nothing.

    `within` are the sheet, group or medicine around it; `name` is of a field, a list, or of the
    things of which one came or went.
    """

    within: tuple[Listed, ...]
    name: str
    before: Any
    after: Any

    @property
    def differs(self) -> bool:
        """Of a thing only whether it is there: what is in it has changes of its own."""
        if self.before is None or self.after is None or isinstance(self.after, Listed):
            return (self.before is None) != (self.after is None)
        if isinstance(self.after, Line):
            return (self.before.text, self.before.meant) != (self.after.text, self.after.meant)
        return self.before != self.after


NAMING = ("condition", "severity", "title", "name")


def changes(before: Listed, after: Listed) -> list[Change]:
    """Field by field and line by line; what was moved reads as taken out and put in again."""
    return [change for change in _beside(before, after, ()) if change.differs]


def _beside(before: Listed, after: Listed, within: tuple[Listed, ...]) -> Iterator[Change]:
    old, new = _facts(before), _facts(after)
    for name in dict.fromkeys([*old, *new]):
        yield Change(within, name, old.get(name, ""), new.get(name, ""))
    for name in after.LISTS:
        for was, line in _paired(before.lines(name), after.lines(name), lambda line: line.text):
            yield Change(within, name, was, line)
    for name in after.nested():
        for was, thing in _paired(getattr(before, name), getattr(after, name), _naming):
            yield Change(within, name, was, thing)
            yield from _inside(was, thing, within)


def _inside(
    was: Listed | None, thing: Listed | None, within: tuple[Listed, ...]
) -> Iterator[Change]:
    """Of what came or went, each field and line came or went with it."""
    old, new = was or _blank(thing), thing or _blank(was)
    for change in _beside(old, new, (*within, new)):
        if change.differs:
            before, after = was and change.before, thing and change.after
            yield replace(change, before=before, after=after)


def _facts(thing: Listed) -> dict[str, Any]:
    """The plain fields, each box of a sheet by its own name."""
    facts = plain_fields(thing)
    boxes = facts.pop("switches", {})
    return facts | {f"switches.{name}": answer for name, answer in boxes.items()}


def _naming(thing: Listed) -> tuple[str, ...]:
    """By what a sheet, group or medicine is known again in another version."""
    return tuple(getattr(thing, name, "") for name in NAMING)


def _blank(thing: Listed) -> Listed:
    """One of the same name with nothing in it: what comes new has that as its before."""
    return type(thing)(**{name: value for name, value in vars(thing).items() if name in NAMING})


def _paired(
    before: Sequence[Any], after: Sequence[Any], key: Callable[[Any], Any]
) -> Iterator[tuple[Any, Any]]:
    """Beside each other what is the same or stands in the same place; None beside the rest."""
    match = SequenceMatcher(None, [*map(key, before)], [*map(key, after)], autojunk=False)
    for _what, i, j, m, n in match.get_opcodes():
        yield from zip_longest(before[i:j], after[m:n])
