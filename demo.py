"""The cast of the demo and of the tests: people, crèches, children and their plans."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import demo_offices
import plan
import services
from database import DataKey, db, local
from demo_papers import case, content, named, pages_of, portrait, written
from models import (
    Blob,
    Child,
    Contact,
    Grant,
    Guardian,
    KitUnit,
    Nursery,
    PaperChild,
    Person,
    Plan,
    PlanVersion,
    Presence,
    Room,
    Signature,
    Staff,
    StaffRole,
)
from offices import CareRequest, InfoSession

NOW = datetime.fromisoformat("2026-11-24T08:12+01:00")
PEOPLE = {
    "ines": ("Inês Santos", "pt"),
    "marc": ("Marc Weber", "lb"),
    "ivan": ("Ivan Kovac", "de"),
    "aoife": ("Aoife O'Brien", "en"),
    "sami": ("Sami Ben Youssef", "fr"),
    "tessa": ("Tessa Klein", "lb"),
    "olga": ("Olga Petrova", "de"),
    "noor": ("Noor Haddad", "fr"),
    "zoe": ("Zoé Marchand", "pt"),
    "admin": ("Admin", "en"),
}
NURSERIES = {
    "baach": {
        "name": "Bei der Baach",
        "code": "BAACHE",
        "address": "12, rue du Ruisseau, Demoduerf",
        "entrance": "Portail du jardin, à gauche du bâtiment",
        "phone": "26 55 51 00",
    },
    "kueb": {
        "name": "Villa Kueb",
        "code": "KUEBEN",
        "address": "3, Kuebewee, Demoduerf",
        "entrance": "Haaptdier",
        "phone": "26 55 59 00",
    },
}
# Noah's paper calls the first room Butterflies: it is the same one.
ROOMS = {
    "papillons": ("baach", "Papillons / Butterflies"),
    "seestaere": ("baach", "Seestäre"),
    "beien": ("baach", "Beien"),
    "krokus": ("kueb", "Krokus"),
}
# The child of each case: guardians (the first typed the plan), room, colours of the picture.
CASES = {
    "leo": (("ines", "marc"), "papillons", ("#dbeee4", "#6b4a2f", "#2f7d6b")),
    "mia": (("ivan",), "seestaere", ("#f4e3d3", "#d6a84b", "#a2503c")),
    "noah": (("aoife",), "papillons", ("#dfe6f5", "#a4532a", "#3d5a9b")),
}
# Everybody else has a plan that is only a scan. Emma Schmit and Emma Schmitz share a room.
SCANNED = {
    "anouk": ("Anouk", "Theis", "2024-02-11", "moon", "papillons", "asthma"),
    "tiago": ("Tiago", "Ferreira", "2023-08-03", "fish", "papillons", "allergy"),
    "lou": ("Lou", "Hansen", "2024-05-27", "leaf", "papillons", "febrile-seizures"),
    "emma": ("Emma", "Schmit", "2023-11-19", "apple", "beien", "allergy"),
    "emma_z": ("Emma", "Schmitz", "2024-01-08", "balloon", "beien", "asthma"),
    "yusuf": ("Yusuf", "Demir", "2025-03-30", "umbrella", "beien", "diabetes"),
    "clara": ("Clara", "Rossi", "2025-07-14", "tree", "beien", "allergy"),
    "felix": ("Félix", "Muller", "2025-01-22", "cloud", "beien", "other"),
    "maya": ("Maya", "Lefèvre", "2024-09-05", "flower", "seestaere", "epilepsy"),
    "ben": ("Ben", "Reding", "2024-04-16", "mushroom", "seestaere", "allergy"),
    "sofia": ("Sofia", "Almeida", "2023-06-21", "duck", "seestaere", "asthma"),
    "jonas": ("Jonas", "Wagner", "2024-12-02", "house", "seestaere", "febrile-seizures"),
    "nora": ("Nora", "Steffen", "2023-10-10", "sun", "seestaere", "allergy"),
    "ella": ("Ella", "Thoma", "2025-05-09", "cat", "papillons", "allergy"),
    "theo": ("Théo", "Krier", "2024-06-18", "star", "krokus", "epilepsy"),
}
OFFERED = "ella"  # waits for its check and for the crèche's answer
OVERDUE = "tiago"  # past its date: shown like every other, with a banner
ABSENT = ("sofia", "clara")
ON_PAPER = (
    ("Hugo Petit", "allergy", "snail", "papillons"),
    ("Lena Braun", "asthma", "cat", "seestaere"),
    ("David Nunes", "febrile-seizures", "boat", "beien"),
    ("Amélie Jacoby", "diabetes", "kite", "beien"),
)
BINDER = "classeur rouge, bureau"


def load(now: datetime) -> SimpleNamespace:
    """Make the cast in an empty database; in one that holds it already, find it again."""
    with db.atomic():
        services.load()
        if not Person.select().exists():
            _make(now)
    return _find()


# ── making it ────────────────────────────────────────────────────────────────────────────────────


def _make(now: datetime) -> None:
    for slug, (name, language) in PEOPLE.items():
        _person(slug, name, language, is_nurse=slug == "noor", is_admin=slug == "admin")
    for slug, facts in NURSERIES.items():
        Nursery.create(id=named(slug), data_key=DataKey.make(), **facts)
    for rank, (slug, (nursery, name)) in enumerate(ROOMS.items()):
        Room.create(id=named(slug), nursery=named(nursery), name=name, rank=rank)
    _staff("baach", "sami", StaffRole.MANAGER)
    _staff("baach", "tessa", StaffRole.STAFF)
    _staff("kueb", "olga", StaffRole.MANAGER)

    for slug in CASES:
        _guided(slug, now)
    for slug in SCANNED:
        _scanned(slug, now)
    for name, condition, sign, room in ON_PAPER:
        PaperChild.create(
            nursery=named("baach"),
            room=named(room),
            data_key=Nursery.get_by_id(named("baach")).data_key_id,
            name=name,
            condition=condition,
            peg_sign=sign,
            place=BINDER,
        )
    here = [slug for slug in (*CASES, *SCANNED) if slug not in (*ABSENT, OFFERED)]
    for slug in here:
        nursery = Grant.get(Grant.child == named(slug)).nursery_id
        day, at = local(now).date(), now - timedelta(hours=1)
        Presence.create(child=named(slug), nursery=nursery, day=day, at=at)
    demo_offices.make(now)


def _person(slug: str, name: str, language: str, **flags: bool) -> Person:
    return Person.create(
        id=named(slug),
        data_key=DataKey.make(),
        handle=named(slug).bytes,
        language=language,
        name=name,
        **flags,
    )


def _staff(nursery: str, person: str, role: StaffRole) -> None:
    Staff.create(
        nursery=named(nursery),
        person=named(person),
        role=role,
        data_key=Nursery.get_by_id(named(nursery)).data_key_id,
        name=PEOPLE[person][0],
    )


def _guided(slug: str, now: datetime) -> None:
    """A plan typed from its paper line by line."""
    guardians, room, colours = CASES[slug]
    facts = case(slug)
    child = _child(slug, guardians, facts["child"], facts["contacts"])
    child.photo = Blob.keep(portrait(*colours), child.data_key_id)
    child.save()
    version = _submit(
        child, guardians[0], content(slug), pages_of(written(slug)), facts["signatures"], now
    )
    for rank, unit in enumerate(facts["kit_units"]):
        KitUnit.create(plan=version.plan_id, data_key=child.data_key_id, rank=rank, **unit)
    _share(child, room, guardians[0], version, now)


def _scanned(slug: str, now: datetime) -> None:
    """A plan of which only the frame and the condition were typed: the rest is its scan."""
    first_name, family_name, born, sign, room, condition = SCANNED[slug]
    parent = _person(f"parent-{slug}", f"Maman {family_name}", "fr")
    facts = {"first_name": first_name, "family_name": family_name, "born": born, "peg_sign": sign}
    number = f"621 555 4{list(SCANNED).index(slug):02}"
    child = _child(slug, (f"parent-{slug}",), facts, [{"name": parent.name, "phones": [number]}])
    frame = plan.Content(
        language="fr",
        valid_from="2025-09-01" if slug == OVERDUE else "2026-09-01",
        valid_until="2026-08-31" if slug == OVERDUE else "2027-08-31",
        sheets=(plan.Sheet(condition=condition),),
    )
    pages = pages_of(f"DEMO\n\n{condition.replace('-', ' ')}")
    version = _submit(child, f"parent-{slug}", frame, pages, [], now)
    if slug == OFFERED:
        plan.offer(child, named("baach"), Person.get_by_id(named(f"parent-{slug}")))
    else:
        _share(child, room, f"parent-{slug}", version, now)


def _child(
    slug: str, guardians: tuple[str, ...], facts: Mapping[str, Any], contacts: list[dict]
) -> Child:
    child = Child.create(id=named(slug), data_key=DataKey.make(), **facts)
    for guardian in guardians:
        Guardian.create(person=named(guardian), child=child)
    for rank, contact in enumerate(contacts):
        Contact.create(child=child, data_key=child.data_key_id, rank=rank, **contact)
    return child


def _submit(
    child: Child,
    author: str,
    document: plan.Content,
    pages: list[bytes],
    signatures: list[dict],
    now: datetime,
) -> PlanVersion:
    by = Person.get_by_id(named(author))
    draft = plan.draft_of(plan.start(child), by)
    plan.revise(draft, draft.revision, document, by)
    scan = plan.keep_scan(draft, pages, by)
    for rank, signature in enumerate(signatures):
        Signature.create(scan=scan, data_key=child.data_key_id, rank=rank, **signature)
    return plan.submit(draft, by, now - timedelta(days=40))


def _share(child: Child, room: str, by: str, version: PlanVersion, now: datetime) -> None:
    nursery = ROOMS[room][0]
    manager = Person.get_by_id(named({"baach": "sami", "kueb": "olga"}[nursery]))
    grant = plan.offer(child, named(nursery), Person.get_by_id(named(by)))
    plan.accept(grant, named(room), manager, now - timedelta(days=39))
    plan.put_in_force(version, manager, {}, now - timedelta(days=39))


# ── finding it ───────────────────────────────────────────────────────────────────────────────────


def _find() -> SimpleNamespace:
    """Rows by short names: ines ... admin; baach, kueb; their rooms; of each child leo, leo_plan,
    leo_version, leo_scan, leo_grant, of those with a scan only leo_parent as well; sessions;
    care_request: what Inês asked."""
    rows: dict[str, Any] = {}
    for table, slugs in (
        (Person, PEOPLE),
        (Nursery, NURSERIES),
        (Room, ROOMS),
        (Child, {**CASES, **SCANNED}),
    ):
        rows |= {slug: table.get_by_id(named(slug)) for slug in slugs}
    for slug in SCANNED:
        rows[f"{slug}_parent"] = Person.get_by_id(named(f"parent-{slug}"))
    for slug in (*CASES, *SCANNED):
        made = rows[f"{slug}_plan"] = Plan.get(Plan.child == named(slug))
        version = rows[f"{slug}_version"] = made.current or plan.waiting(made)
        rows[f"{slug}_scan"] = version.scan
        rows[f"{slug}_grant"] = Grant.get(Grant.child == named(slug))
    for _kind, row in demo_offices.session_rows():
        rows[row["slug"]] = InfoSession.get_by_id(named(row["slug"]))
    rows["care_request"] = CareRequest.get(CareRequest.person == named("ines"))
    return SimpleNamespace(**rows)
