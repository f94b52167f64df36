"""The only code that parses pictures and PDFs: run by images.py alone, limited and without keys.

Its arguments are a task and the length of each file; the files come on stdin, one JSON object
goes to stdout. It imports nothing of ours.
"""

import base64
import json
import resource
import sys
from collections.abc import Callable, Iterable, Iterator
from io import BytesIO

import pypdfium2
from PIL import Image, ImageOps, WebPImagePlugin  # noqa: F401  unnamed, all formats were loaded

FORMATS = ("JPEG", "PNG", "WEBP")
PIXELS = 24 << 20  # a phone's "24 megapixels" are 5712 x 4284, a little more than 24,000,000
PAGES = 12
QUALITIES = (82, 72, 62, 52, 42, 32)
MEMORY = 768 << 20
SECONDS = 10


class Refused(Exception):
    """What was sent cannot be used; the code says why."""


def photo(files: Iterable[bytes]) -> list[bytes]:
    """A portrait for a badge or a board: small, in colour, upright, without metadata."""
    return [jpeg(picture(data, "RGB", 480), 40 << 10) for data in files]


def scan(files: Iterable[bytes]) -> list[bytes]:
    """The pages of a paper, in the order they were sent: grey, upright, readable."""
    return [jpeg(page, 150 << 10) for page in pages(files)]


def pages(files: Iterable[bytes]) -> Iterator[Image.Image]:
    room = PAGES
    for data in files:
        is_pdf = b"%PDF-" in data[:1024]
        papers = pdf_pages(data, room) if is_pdf else iter([picture(data, "L", 1600)])
        for paper in papers:
            room -= 1
            if room < 0:
                raise Refused("scan-with-too-many-pages")
            yield paper


def picture(data: bytes, mode: str, side: int) -> Image.Image:
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except Image.DecompressionBombError as bomb:
        raise Refused("image-too-large") from bomb
    if image.width * image.height > PIXELS:
        raise Refused("image-too-large")
    image.draft(mode, (side, side))  # lets a JPEG be decoded at half, a quarter or an eighth
    image = flat(ImageOps.exif_transpose(image), mode)
    image.thumbnail((side, side))
    return image


def flat(image: Image.Image, mode: str) -> Image.Image:
    """On white paper, eight bits a channel: what was see-through must not turn black."""
    if image.mode.startswith("I"):  # 16-bit grey, which convert() would clip to white
        image = image.convert("I").point(lambda value: value * (1 / 256)).convert("L")
    if image.has_transparency_data:
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image.convert("RGBA"))
    return image.convert(mode)


def pdf_pages(data: bytes, room: int) -> Iterator[Image.Image]:
    try:
        pdf = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = (pypdfium2.raw.FPDF_ERR_PASSWORD, pypdfium2.raw.FPDF_ERR_SECURITY)
        raise Refused("pdf-locked" if error.err_code in locked else "image-unreadable") from error
    if len(pdf) > room:
        raise Refused("scan-with-too-many-pages")
    pdf.init_forms()  # a form filled in on a computer keeps its words in fields
    for page in pdf:
        scale = 1600 / max(*page.get_size(), 1)
        yield page.render(scale=scale, grayscale=True).to_pil().convert("L")


def jpeg(image: Image.Image, most: int) -> bytes:
    """At most that many bytes: first coarser, then smaller."""
    image.info = {}  # a JPEG's comment would be written again
    while True:
        for quality in QUALITIES:
            out = BytesIO()
            image.save(out, "JPEG", quality=quality, optimize=True)
            if out.tell() <= most:
                return out.getvalue()
        image.thumbnail((image.width * 3 // 4, image.height * 3 // 4))


TASKS: dict[str, Callable[[Iterable[bytes]], list[bytes]]] = {"photo": photo, "scan": scan}


def answer(task: str, files: Iterable[bytes]) -> dict[str, object]:
    try:
        made = TASKS[task](files)
    except Refused as refusal:
        return {"refused": str(refusal)}
    except MemoryError:
        return {"refused": "image-too-large"}
    except Exception:  # on broken bytes a decoder raises what it likes
        return {"refused": "image-unreadable"}
    return {"made": [base64.b64encode(data).decode() for data in made]}


def limit() -> None:
    """Before the first byte is read. No file can grow, so nothing in plain text stays on a disk."""
    for what, most in (
        (resource.RLIMIT_AS, MEMORY),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))


if __name__ == "__main__":
    limit()
    task, *sizes = sys.argv[1:]
    # Read one by one: twelve photos at once would use up the memory that decoding needs.
    json.dump(answer(task, (sys.stdin.buffer.read(int(size)) for size in sizes)), sys.stdout)
