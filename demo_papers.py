"""What data/demo holds: the papers of the cases as documents, and pictures of our own."""

import io
import re
import tomllib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import pypdfium2 as pdfium
from PIL import Image, ImageDraw

import plan

PAPERS = Path(__file__).parent / "data" / "demo"
# The ids of the cast follow from their names, so that loading twice finds the same rows.
CAST = UUID("6b7bd1c4-3c52-4d6e-9a5e-3c2f0f5a7d10")


def named(slug: str) -> UUID:
    return uuid5(CAST, slug)


@cache
def case(slug: str) -> Mapping[str, Any]:
    """A file of data/demo; of a case its paper, and the child, plan and contacts on it."""
    return tomllib.loads((PAPERS / f"{slug}.toml").read_text(encoding="utf-8"))


@cache
def content(slug: str) -> plan.Content:
    """The clinical part of a case, its lines recognised as a parent's typing would be."""
    paper = case(slug)["plan"]
    return transcribed(plan.Content, paper, paper["language"])


def written(slug: str) -> str:
    """The paper of a case as the family holds it."""
    return re.sub(r"[\[\]]", "", case(slug)["paper"]).strip()


def facts_of(slug: str) -> list[str]:
    """Every fact and phrase of a paper, word for word: what the plan page must show."""
    marked = re.findall(r"\[(.*?)\]", case(slug)["paper"], re.DOTALL)
    return [" ".join(words.split()) for words in marked]


def transcribed(kind: type[plan.Listed], paper: Mapping[str, Any], language: str) -> Any:
    """A table of the file as the dataclass `kind`: its plain fields, parts and lists of lines."""
    nested = {
        name: tuple(transcribed(part, item, language) for item in paper.get(name, ()))
        for name, part in kind.nested().items()
    }
    lists = {
        name: tuple(plan.Line.of(text, language, name) for text in paper[name])
        for name in kind.LISTS
        if name in paper
    }
    plain = {k: v for k, v in paper.items() if k not in (*nested, *lists)}
    return kind(**plain, **nested, lists=lists)


# ── pictures of our own ──────────────────────────────────────────────────────────────────────────


def portrait(ground: str, hair: str, clothes: str) -> bytes:
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
def pages_of(text: str) -> list[bytes]:
    """As if photographed: grey, 1600 px high."""
    with pdfium.PdfDocument(pdf(text)) as document:
        return [_jpeg(page.render(scale=1.9, grayscale=True).to_pil()) for page in document]


def _jpeg(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "JPEG", quality=40, optimize=True)
    return file.getvalue()
