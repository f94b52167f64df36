"""The headers of every answer, the worker's own included: one dict, asserted exactly by a test."""

from flask import Response, request

HELD = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
        "font-src 'self'; connect-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": (
        "publickey-credentials-get=(self), publickey-credentials-create=(self), "
        "screen-wake-lock=(self), fullscreen=(self), accelerometer=(), "
        "camera=(), display-capture=(), geolocation=(), gyroscope=(), magnetometer=(), "
        "microphone=(), midi=(), payment=(), usb=()"
    ),
    "Cache-Control": "no-store",
}
# A picture is data, never a document of ours.
PICTURE = {
    "Content-Security-Policy": "sandbox",
    "Content-Disposition": "inline; filename=photo.jpg",
}


def add(response: Response) -> Response:
    """Set what the view has not set itself."""
    for name, value in HELD.items():
        response.headers.setdefault(name, value)
    if request.is_secure:
        response.headers["Strict-Transport-Security"] = "max-age=31536000; includeSubDomains"
    response.vary.add("HX-Request")
    return response
