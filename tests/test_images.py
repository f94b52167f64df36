"""What families photograph, and what somebody hostile would send instead."""

import struct
import zipfile
import zlib
from io import BytesIO

import pytest
from PIL import Image, ImageDraw

import images
from database import DomainError

GPS = 0x8825
ORIENTATION = 0x0112


def picture(size=(1200, 900), kind="JPEG", mode="RGB", **more):
    image = Image.new(mode, size, more.pop("ground", "white"))
    box = (size[0] // 8, size[1] // 8, size[0] // 2, size[1] // 2)
    ImageDraw.Draw(image).ellipse(box, fill=more.pop("ink", "red"))
    out = BytesIO()
    image.save(out, kind, **more)
    return out.getvalue()


def noise(size):
    out = BytesIO()
    Image.effect_noise(size, 200).convert("RGB").save(out, "JPEG", quality=95)
    return out.getvalue()


def pdf(pages, **more):
    sheets = [Image.new("RGB", (595, 842), "white") for _ in range(pages)]
    for number, sheet in enumerate(sheets, 1):
        ImageDraw.Draw(sheet).text((60, 60), f"page {number}", fill="black", font_size=40)
    out = BytesIO()
    sheets[0].save(out, "PDF", save_all=True, append_images=sheets[1:], **more)
    return out.getvalue()


def small_pdf(*objects, trailer=b""):
    """A PDF by hand: what Pillow cannot write."""
    body, offsets = b"%PDF-1.4\n", []
    for number, thing in enumerate(objects, 1):
        offsets.append(len(body))
        body += b"%d 0 obj\n%b\nendobj\n" % (number, thing)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    count = len(objects) + 1
    table = b"xref\n0 %d\n0000000000 65535 f \n%b" % (count, table)
    trailer = b"trailer\n<</Size %d/Root 1 0 R%b>>\n" % (count, trailer)
    return body + table + trailer + b"startxref\n%d\n%%%%EOF" % len(body)


def one_page(page=b"/MediaBox[0 0 595 842]", *more, root=b"", trailer=b""):
    return small_pdf(
        b"<</Type/Catalog/Pages 2 0 R%b>>" % root,
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R%b>>" % page,
        *more,
        trailer=trailer,
    )


LOCKED = one_page(
    trailer=b"/Encrypt<</Filter/Standard/V 1/R 2/P -4/O<%b>/U<%b>>>/ID[<00><00>]"
    % (b"a1" * 32, b"b2" * 32)
)


def png_header(width, height):
    """A file that says it is huge and holds almost nothing."""

    def chunk(name, data):
        crc = struct.pack(">I", zlib.crc32(name + data))
        return struct.pack(">I", len(data)) + name + data + crc

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    data = zlib.compress(b"\0" * 100_000)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def archive():
    out = BytesIO()
    with zipfile.ZipFile(out, "w") as zipped:
        zipped.writestr("photo.jpg", picture())
    return out.getvalue()


def code_of(act, *args):
    with pytest.raises(DomainError) as refused:
        act(*args)
    return refused.value.code


def opened(data):
    image = Image.open(BytesIO(data))
    image.load()
    return image


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_photo_becomes_a_small_jpeg(kind):
    made = images.photo(picture(kind=kind))

    image = opened(made)
    assert (image.format, image.mode, image.size) == ("JPEG", "RGB", (480, 360))
    assert len(made) <= 40 << 10


def test_a_photo_full_of_detail_still_fits():
    made = images.photo(noise((3000, 3000)))

    assert len(made) <= 40 << 10
    assert min(opened(made).size) >= 200


def test_a_small_photo_is_not_blown_up():
    assert opened(images.photo(picture((64, 48), ink="red"))).size == (64, 48)


def test_the_photo_of_a_24_megapixel_phone_is_taken():
    assert opened(images.photo(picture((5712, 4284)))).size == (480, 360)


def test_place_camera_and_comment_are_gone():
    exif = Image.Exif()
    exif[0x010F] = "SecretCamera"
    exif.get_ifd(GPS)[1] = "N"
    exif.get_ifd(GPS)[2] = (49.0, 36.0, 42.0)
    sent = picture(exif=exif, comment=b"secret comment", dpi=(300, 300))
    assert b"SecretCamera" in sent
    assert b"secret comment" in sent

    made = images.photo(sent)

    assert not opened(made).getexif()
    assert "comment" not in opened(made).info
    assert b"SecretCamera" not in made
    assert b"secret" not in made


def test_a_photo_taken_sideways_stands_upright():
    exif = Image.Exif()
    exif[ORIENTATION] = 6

    assert opened(images.photo(picture((1200, 900), exif=exif))).size == (360, 480)


def test_what_hides_behind_a_photo_does_not_survive():
    sent = picture(comment=b"<script>alert(1)</script>") + b"<html><script>alert(2)</script>"

    made = images.photo(sent)

    assert b"script" not in made
    assert b"html" not in made


def test_a_see_through_picture_lies_on_white():
    sent = picture(kind="PNG", mode="RGBA", ground=(0, 0, 0, 0))

    assert opened(images.photo(sent)).getpixel((470, 350)) == (255, 255, 255)


def test_grey_of_16_bits_does_not_turn_white():
    out = BytesIO()
    Image.new("I;16", (300, 300), 100 << 8).save(out, "PNG")

    shade = opened(images.scan_pages([("", out.getvalue())])[0]).getpixel((150, 150))
    assert 95 <= shade <= 105


SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HOSTILE = {
    "empty": b"",
    "words": b"hello",
    "svg": SVG,
    "html": b"<!doctype html><script>alert(1)</script>",
    "gif": picture(kind="GIF", mode="L", ink=0),
    "gif that is also a script": b"GIF89a/*" + b"\0" * 40 + b"*/=1;alert(1)",
    "bmp": picture(kind="BMP"),
    "tiff": picture(kind="TIFF"),
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n(/etc/passwd) run\n",
    "zip": archive(),
    "cut off": picture()[:3000],
    "only a JPEG's head": b"\xff\xd8\xff\xe0\x00\x10JFIF\0",
    "png with broken data": png_header(100, 100)[:60],
    "webp without a picture": b"RIFF\x24\0\0\0WEBPVP8 " + b"\0" * 30,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_photo_is_refused(name):
    assert code_of(images.photo, HOSTILE[name]) == "image-unreadable"


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_page_is_refused(name):
    assert code_of(images.scan_pages, [("photo.jpg", HOSTILE[name])]) == "image-unreadable"


@pytest.mark.parametrize("size", [(12_000, 12_000), (30_000, 30_000), (2**31 - 1, 1), (5000, 5100)])
def test_a_picture_with_too_many_points_is_refused_before_it_is_decoded(size):
    assert code_of(images.photo, png_header(*size)) == "image-too-large"


def test_a_pdf_is_no_photo():
    assert code_of(images.photo, pdf(1)) == "image-unreadable"


def test_a_scan_is_grey_upright_and_readable():
    exif = Image.Exif()
    exif[ORIENTATION] = 8
    (page,) = images.scan_pages([("IMG_1.jpg", picture((4000, 3000), exif=exif))])

    image = opened(page)
    assert (image.format, image.mode, image.size) == ("JPEG", "L", (1200, 1600))
    assert len(page) <= 150 << 10


def test_a_crowded_page_still_fits():
    (page,) = images.scan_pages([("", noise((2400, 1700)))])

    assert len(page) <= 150 << 10
    assert max(opened(page).size) >= 600


def test_photos_and_pdfs_make_one_row_of_pages_in_order():
    sent = [("a.pdf", pdf(2)), ("b.png", picture((800, 400), kind="PNG")), ("c.pdf", pdf(1))]

    made = [opened(page) for page in images.scan_pages(sent)]

    assert [image.size for image in made] == [(1131, 1600), (1131, 1600), (800, 400), (1131, 1600)]
    assert made[0].tobytes() != made[1].tobytes()


def test_twelve_pages_are_taken():
    assert len(images.scan_pages([("plan.pdf", pdf(12))])) == 12


@pytest.mark.parametrize(("pdfs", "photos"), [([13], 0), ([6, 7], 0), ([12], 1), ([], 13)])
def test_a_thirteenth_page_is_refused(pdfs, photos):
    sent = [pdf(pages) for pages in pdfs] + [picture((60, 60))] * photos
    files = [("page", data) for data in sent]

    assert code_of(images.scan_pages, files) == "scan-with-too-many-pages"


def test_a_locked_pdf_is_called_locked():
    assert code_of(images.scan_pages, [("plan.pdf", LOCKED)]) == "pdf-locked"


@pytest.mark.parametrize(
    "data",
    [
        b"%PDF-1.7\nnothing",
        b"%PDF-1.7\n" + bytes(range(256)) * 40,
        pdf(3)[:900],
        small_pdf(b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Kids[2 0 R]/Count 9>>"),
    ],
)
def test_a_broken_pdf_is_refused(data):
    assert code_of(images.scan_pages, [("plan.pdf", data)]) == "image-unreadable"


@pytest.mark.parametrize("box", [b"0 0 1000000 1000000", b"0 0 0 0", b"0 0 1 90000", b"-9 -9 5 5"])
def test_a_pdf_page_of_an_odd_size_stays_small(box):
    for page in images.scan_pages([("plan.pdf", one_page(b"/MediaBox[%b]" % box))]):
        assert max(opened(page).size) <= 1601


def test_words_typed_into_a_pdf_form_are_on_the_page():
    fields = (
        b"<</Fields[5 0 R]/DR<</Font<</H 6 0 R>>>>/DA(/H 40 Tf 0 g)>>",
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(name)/V(WWWWWW)/DA(/H 40 Tf 0 g)/F 4"
        b"/Rect[50 400 500 500]/P 3 0 R>>",
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    )
    page = b"/MediaBox[0 0 595 842]%b"
    filled = one_page(page % b"/Annots[5 0 R]", *fields, root=b"/AcroForm 4 0 R")
    blank = one_page(page % b"")

    (words,) = images.scan_pages([("plan.pdf", filled)])
    (nothing,) = images.scan_pages([("plan.pdf", blank)])

    assert opened(nothing).getextrema()[0] > 200
    assert opened(words).getextrema()[0] < 100


def test_the_decoder_has_no_keys_and_cannot_write(monkeypatch, tmp_path):
    monkeypatch.setenv("APP_DATA_KEYS", "1:secret")
    probe = tmp_path / "decoder.py"
    tries = f"""limit()
    import os
    assert "APP_DATA_KEYS" not in os.environ
    try:
        open({str(tmp_path / "out")!r}, "w").write("x" * 9999)
    except OSError:
        pass
"""
    head, _, rest = images.DECODER.read_text().rpartition("limit()\n")
    source = head + tries + rest
    probe.write_text(source)
    monkeypatch.setattr(images, "DECODER", probe)

    assert opened(images.photo(picture())).size == (480, 360)
    assert (tmp_path / "out").stat().st_size == 0


def test_a_decoder_that_hangs_or_dies_is_no_error_of_ours(monkeypatch, tmp_path):
    probe = tmp_path / "decoder.py"
    monkeypatch.setattr(images, "DECODER", probe)
    monkeypatch.setattr(images, "SECONDS", 0.5)

    probe.write_text("while True: pass")
    assert code_of(images.photo, picture()) == "image-too-large"

    probe.write_text("import os; os.abort()")
    assert code_of(images.photo, picture()) == "image-unreadable"


def test_a_picture_that_needs_too_much_memory_is_refused(monkeypatch, tmp_path):
    probe = tmp_path / "decoder.py"
    probe.write_text(images.DECODER.read_text().replace("PIXELS = 24 << 20", "PIXELS = 1 << 40"))
    monkeypatch.setattr(images, "DECODER", probe)

    assert code_of(images.photo, png_header(17_000, 17_000)) == "image-too-large"
