"""Every row of a real form has a home in the plan: docs/plan-fields.md is true."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

import models
import plan
from database import Secret

DOCUMENT = Path(__file__).parent.parent / "docs/plan-fields.md"
ROWS = {
    row[0].strip(): (row[1].strip(), row[2].strip())
    for row in re.findall(r"^\| ([A-H]\d+a?) \|([^|]*)\|([^|]*)\|$", DOCUMENT.read_text(), re.M)
}
LAST = {"A": 8, "B": 17, "C": 29, "D": 45, "E": 61, "F": 71, "G": 78, "H": 89}


def test_all_ninety_one_rows_are_there():
    numbers = iter(range(1, 90))
    wanted = {f"{group}{n}" for group, last in LAST.items() for n in taken(numbers, last)}

    assert set(ROWS) == wanted | {"G72a", "G73a"}
    assert len(ROWS) == 91


def taken(numbers, last: int):
    for n in numbers:
        yield n
        if n == last:
            return


@pytest.mark.parametrize("row", ROWS)
def test_a_row_has_a_field_or_a_reason(row):
    field, remark = ROWS[row]

    assert field != "-" or len(remark) > len("no reason"), "neither a field nor why not"
    for name in field.split(", ") if field != "-" else ():
        assert exists(name), name


def exists(name: str) -> bool:
    if name.startswith("switch:"):
        box = name.removeprefix("switch:")
        return any(box in boxes for boxes in (*plan.SWITCHES.values(), plan.ALWAYS))
    owner, _, field = name.partition(".")
    listed = getattr(plan, owner, None)
    if listed is not None and issubclass(listed, plan.Listed):
        return field in listed.LISTS or field in {f.name for f in fields(listed)}
    table = getattr(models, owner)
    return field in table._meta.fields or isinstance(getattr(table, field, None), Secret)


def test_an_empty_plan_of_each_condition_orders_nothing():
    for condition in plan.Condition:
        sheet = plan.Sheet(condition=condition)
        assert not sheet.lists
        assert not sheet.groups
        assert not sheet.switches
    assert plan.Medicine() == plan.Medicine(name="", dose="", spare=plan.Answer.UNSET)
