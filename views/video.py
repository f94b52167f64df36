"""Calls by video: plain links to the one server that was configured. Nothing of it is fetched."""

import re
from datetime import datetime
from typing import Any

from flask import current_app

from offices import CareRequest

HOST = r"[a-z0-9-]+(\.[a-z0-9-]+)*(:[0-9]{1,5})?"


def check_host(host: str) -> None:
    """A name, perhaps with a port: anything else in its place would lead families elsewhere."""
    if host and not re.fullmatch(HOST, host):
        raise SystemExit("APP_VIDEO_HOST is the name of a server: meet.example.lu")


def is_ours(link: str) -> bool:
    """On the configured server, where there is one. The very beginning is compared: whatever a
    browser makes of what follows, it goes nowhere else."""
    host = current_app.config["VIDEO_HOST"]
    return not host or link.lower().startswith(f"https://{host}/")


def facts(care_request: CareRequest, now: datetime) -> dict[str, Any]:
    """What requests/_video.html shows: nothing, when the link will be here, or the link."""
    host = current_app.config["VIDEO_HOST"]
    if not host or not care_request.has_room(now):
        return {"video": None}
    link = f"https://{host}/{care_request.room}" if care_request.is_room_open(now) else ""
    return {"video": {"opens": care_request.starts - care_request.OPENS, "link": link}}
