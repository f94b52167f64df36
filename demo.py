"""The cast of the demo and of the tests: people, crèches, and the three plans of data/demo."""

import io
import re
import tomllib
from collections.abc import Mapping
from datetime import datetime, time, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid5

import pypdfium2 as pdfium
from PIL import Image, ImageDraw

import booking
import plan
import services
from database import DataKey, db, local
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
from offices import CareRequest, Centre, InfoSession, SessionKind

NOW = datetime.fromisoformat("2026-11-24T08:12+01:00")
PAPERS = Path(__file__).parent / "data" / "demo"
# The ids of the cast follow from their names, so that loading twice finds the same rows.
CAST = UUID("6b7bd1c4-3c52-4d6e-9a5e-3c2f0f5a7d10")

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


def named(slug: str) -> UUID:
    return uuid5(CAST, slug)


# ── the papers ───────────────────────────────────────────────────────────────────────────────────


@cache
def case(slug: str) -> Mapping[str, Any]:
    """The file of a case: its paper, and the child, plan, contacts, kit and signatures on it."""
    return tomllib.loads((PAPERS / f"{slug}.toml").read_text(encoding="utf-8"))


@cache
def content(slug: str) -> plan.Content:
    """The clinical part of a case, its lines recognised as a parent's typing would be."""
    paper = case(slug)["plan"]
    return _transcribed(plan.Content, paper, paper["language"])


def written(slug: str) -> str:
    """The paper of a case as the family holds it."""
    return re.sub(r"[\[\]]", "", case(slug)["paper"]).strip()


def case_lines() -> dict[str, list[str]]:
    """Every fact and phrase of each paper, word for word: what the plan page must show."""
    return {
        slug: [" ".join(words.split()) for words in re.findall(r"\[(.*?)\]", paper, re.DOTALL)]
        for slug in CASES
        for paper in (case(slug)["paper"],)
    }


def _transcribed(kind: type[plan.Listed], paper: Mapping[str, Any], language: str) -> Any:
    """A table of the file as the dataclass `kind`: its plain fields, parts and lists of lines."""
    nested = {
        name: tuple(_transcribed(part, item, language) for item in paper.get(name, ()))
        for name, part in kind.nested().items()
    }
    lists = {
        name: tuple(plan.Line.of(text, language, name) for text in paper[name])
        for name in kind.LISTS
        if name in paper
    }
    plain = {k: v for k, v in paper.items() if k not in (*nested, *lists)}
    return kind(**plain, **nested, lists=lists)


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
        Presence.create(child=named(slug), nursery=nursery, day=local(now).date())
    _sessions(now)
    _requests(now)


def _sessions(now: datetime) -> None:
    facts = case("sessions")
    for rank, centre in enumerate(facts["centre"], 100):
        Centre.create(rank=rank, is_demo=True, checked_on=local(now).date(), **centre)
    centres = {centre.slug: centre for centre in Centre.select()}
    monday = local(now).date() + timedelta(days=7 - local(now).weekday())
    for kind, row in _session_rows():
        day = monday + timedelta(weeks=row["week"], days=row["day"])
        starts, ends = (booking.moment_of(day, time.fromisoformat(hour)) for hour in row["hours"])
        made = InfoSession.create(
            id=named(row["slug"]),
            kind=kind,
            topic=row["topic"],
            texts=facts["text"][row["topic"]],
            languages=row["languages"],
            centre=centres.get(row.get("centre", "")),
            place=row.get("place", ""),
            link=row.get("link", ""),
            starts=starts,
            ends=ends,
            seats=row["seats"],
            nurse=named("noor"),
        )
        for n, (who, adults) in enumerate(row.get("joined", ())):
            _join(made, who, adults, now - timedelta(days=3 - n / 24))


def _session_rows() -> list[tuple[SessionKind, Mapping[str, Any]]]:
    facts = case("sessions")
    rows = [(SessionKind.INFO_SANTE, row) for row in facts["session"]]
    return rows + [(SessionKind.TRAINING, row) for row in facts["training"]]


def _join(info_session: InfoSession, who: str, adults: int, now: datetime) -> None:
    """One of the cast, or a family that phoned."""
    if who in PEOPLE:
        booking.join(info_session, adults, now, person=Person.get_by_id(named(who)))
    else:
        booking.join(info_session, adults, now, name=who, phone=f"621 555 6{adults}0")


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
    child.photo = Blob.keep(_portrait(*colours), child.data_key_id)
    child.save()
    version = _submit(
        child, guardians[0], content(slug), _pages(written(slug)), facts["signatures"], now
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
    pages = _pages(f"DEMO\n\n{condition.replace('-', ' ')}")
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


def _requests(now: datetime) -> None:
    """What waits at the desk, and one appointment that was given already."""
    ahead, nurse = booking.half_days(now), Person.get_by_id(named("noor"))
    asked = tomllib.loads((PAPERS / "requests.toml").read_text(encoding="utf-8"))
    for row in asked["open"]:
        who = row.pop("who", None)
        person = Person.get_by_id(named(who)) if who else None
        by = {"person": person} if person else {"entered_by": nurse}
        kind, language = row.pop("kind"), row.pop("language")
        when = now - timedelta(hours=row.pop("hours"))
        facts = {"times": [ahead[half] for half in row.pop("halves", ())], **row}
        if person:
            facts["name"] = person.name
        booking.ask(kind, facts, language, when, **by)
    last = CareRequest.select().where(CareRequest.person == named("aoife")).get()
    facts = {"name": last.name, "phone": last.phone, "child": last.child}
    made = booking.ask("cnje", facts, "en", now - timedelta(hours=90), person=last.person)
    offered, _suit = booking.offers(made, nurse, now)
    where = Centre.get(Centre.slug == "cms-luxembourg").id
    booking.confirm(made, nurse, offered[0], "", now - timedelta(hours=70), centre_id=where)


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
    for _kind, row in _session_rows():
        rows[row["slug"]] = InfoSession.get_by_id(named(row["slug"]))
    rows["care_request"] = CareRequest.get(CareRequest.person == named("ines"))
    return SimpleNamespace(**rows)


# ── pictures of our own ──────────────────────────────────────────────────────────────────────────


def _portrait(ground: str, hair: str, clothes: str) -> bytes:
    """A silhouette: nobody's face."""
    image = Image.new("RGB", (480, 480), ground)
    draw = ImageDraw.Draw(image)
    draw.ellipse((90, 330, 390, 640), fill=clothes)
    draw.ellipse((135, 80, 345, 300), fill=hair)
    draw.ellipse((150, 120, 330, 340), fill="#e8bd9c")
    return _jpeg(image)


def pdf(text: str) -> bytes:
    """`text` as the PDF that a phone would make of a paper, 36 lines a page."""
    lines = re.sub(r"([()\\])", r"\\\1", text).splitlines()
    sheets = [
        "\n".join(f"({line}) '" for line in lines[i : i + 36]) for i in range(0, len(lines), 36)
    ]
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(sheets)))
    objects = [
        "<</Type/Catalog/Pages 2 0 R>>",
        f"<</Type/Pages/Count {len(sheets)}/Kids[{kids}]/MediaBox[0 0 595 842]"
        "/Resources<</Font<</F 3 0 R>>>>>>",
        "<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>",
    ]
    for sheet in sheets:
        drawn = f"BT /F 10.5 Tf 20 TL 45 800 Td\n{sheet}\nET"
        objects.append(f"<</Type/Page/Parent 2 0 R/Contents {len(objects) + 2} 0 R>>")
        objects.append(f"<</Length {len(drawn)}>>stream\n{drawn}\nendstream")
    body, table = "%PDF-1.4\n", "0000000000 65535 f \n"
    for n, made in enumerate(objects, 1):
        table += f"{len(body):010} 00000 n \n"
        body += f"{n} 0 obj{made}endobj\n"
    size = len(objects) + 1
    trailer = (
        f"xref\n0 {size}\n{table}trailer<</Size {size}/Root 1 0 R>>\nstartxref\n{len(body)}\n%%EOF"
    )
    return (body + trailer).encode("cp1252")


@cache
def _pages(text: str) -> list[bytes]:
    """As if photographed: grey, 1600 px high."""
    with pdfium.PdfDocument(pdf(text)) as document:
        return [_jpeg(page.render(scale=1.9, grayscale=True).to_pil()) for page in document]


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40, optimize=True)
    return file.getvalue()
