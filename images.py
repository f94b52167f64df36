"""Photos and scans from outside, made harmless: only what decoder.py drew anew is ever kept."""

import base64
import json
import logging
import subprocess
import sys
from pathlib import Path

from database import DomainError

DECODER = Path(__file__).with_name("decoder.py")
SECONDS = 10
REFUSALS = {"image-unreadable", "image-too-large", "scan-with-too-many-pages", "pdf-locked"}

log = logging.getLogger(__name__)


def photo(data: bytes) -> bytes:
    """A JPEG of at most 480 px and 40 KB, upright and without metadata."""
    return _redraw("photo", [data])[0]


def scan_pages(files: list[tuple[str, bytes]]) -> list[bytes]:
    """Photos and PDFs as grey JPEG pages in the order given; what a file is, its bytes decide."""
    return _redraw("scan", [data for _name, data in files])


def _redraw(task: str, files: list[bytes]) -> list[bytes]:
    sizes = [str(len(data)) for data in files]
    try:
        # A process of its own with no environment: a decoder that is taken over finds no keys.
        ended = subprocess.run(  # noqa: S603
            [sys.executable, "-I", str(DECODER), task, *sizes],
            input=b"".join(files),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise DomainError("image-too-large") from None
    if ended.returncode:
        log.warning("the decoder ended with %s", ended.returncode)
        raise DomainError("image-unreadable")
    answer = json.loads(ended.stdout)
    refused = answer.get("refused")
    if refused:
        raise DomainError(refused if refused in REFUSALS else "image-unreadable")
    return [base64.b64decode(made) for made in answer["made"]]
