"""The papers of tests/papers: plans of other conditions and languages than those of the demo."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

import database
import demo_papers
import plan as document
from database import DataKey
from models import Child, Contact, Guardian, KitUnit, Plan, Signature
from plan import Content

PAPERS = Path(__file__).parent / "papers"
OWN = ("lena", "sacha", "bia")


@cache
def case(slug: str) -> dict[str, Any]:
    path = PAPERS / f"{slug}.toml"
    return (
        tomllib.loads(path.read_text(encoding="utf-8")) if slug in OWN else demo_papers.case(slug)
    )


def content(slug: str) -> Content:
    paper = case(slug)["plan"]
    return demo_papers.transcribed(Content, paper, paper["language"])


def in_force(slug: str, cast: Any, page: bytes) -> Plan:
    """Typed by Inês, checked by Sami and shared with his crèche, with all that stands around it."""
    facts, now = case(slug), database.clock()
    child = Child.create(data_key=DataKey.make(), **facts["child"])
    more = {"data_key": child.data_key_id}
    Guardian.create(person=cast.ines, child=child)
    for rank, contact in enumerate(facts["contacts"]):
        Contact.create(child=child, rank=rank, **contact, **more)
    plan = document.start(child)
    draft = document.draft_of(plan, cast.ines)
    scan = document.keep_scan(draft, [page], cast.ines)
    document.revise(draft, draft.revision, content(slug), cast.ines)
    for rank, signature in enumerate(facts["signatures"]):
        Signature.create(scan=scan, rank=rank, **signature, **more)
    for rank, unit in enumerate(facts["kit_units"]):
        KitUnit.create(plan=plan, rank=rank, **unit, **more)
    version = document.submit(draft, cast.ines, now)
    document.accept(document.offer(child, cast.baach.id, cast.ines), None, cast.sami, now)
    document.put_in_force(version, cast.sami, {}, now)
    return Plan.get_by_id(plan.id)
