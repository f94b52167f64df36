"""The seam over webauthn: options out, verified credentials in. Always with user verification."""

import json
import secrets
from datetime import datetime
from uuid import UUID

import webauthn
from flask import current_app
from webauthn.helpers import base64url_to_bytes, parse_authentication_credential_json
from webauthn.helpers.exceptions import WebAuthnException
from webauthn.helpers.structs import (
    AuthenticatorSelectionCriteria,
    PublicKeyCredentialDescriptor,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)
from webauthn.registration.verify_registration_response import VerifiedRegistration

from database import DataKey, DomainError, clock, db
from models import Challenge, Passkey, Person

HANDLE = 32
REQUIRED = UserVerificationRequirement.REQUIRED


def registration(name: str, handle: bytes, known: list[bytes] = ()) -> str:
    """Options for navigator.credentials.create(), as JSON. The handle holds nothing personal."""
    options = webauthn.generate_registration_options(
        rp_id=current_app.config["RP_ID"],
        rp_name="Kannerplang",
        user_name=name,
        user_display_name=name,
        user_id=handle,
        exclude_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED, user_verification=REQUIRED
        ),
    )
    Challenge.create(value=options.challenge, purpose="register", about=handle.hex())
    return webauthn.options_to_json(options)


def assertion(purpose: str, about: str = "", known: list[bytes] = ()) -> str:
    """Options for navigator.credentials.get(), as JSON; the challenge is bound to `about`."""
    options = webauthn.generate_authentication_options(
        rp_id=current_app.config["RP_ID"],
        user_verification=REQUIRED,
        allow_credentials=[PublicKeyCredentialDescriptor(id=one) for one in known],
    )
    Challenge.create(value=options.challenge, purpose=purpose, about=about)
    return webauthn.options_to_json(options)


def sign_up(answer: str, name: str, language: str, now: datetime) -> Person:
    """A new person with a first passkey, who has agreed to the notice; or DomainError."""
    with db.atomic():
        value, handle = _spend(answer, "register", now)
        verified = _registered(answer, value)
        person = Person.create(
            data_key=DataKey.make(),
            handle=bytes.fromhex(handle),
            language=language,
            name=name,
            consented=now.isoformat(),
        )
        _keep(person, verified, answer)
    return person


def add_passkey(answer: str, person: Person, now: datetime) -> Passkey:
    value, handle = _spend(answer, "register", now)
    if bytes.fromhex(handle) != bytes(person.handle):
        raise DomainError("passkey-refused")
    return _keep(person, _registered(answer, value), answer)


def sign_in(answer: str, now: datetime) -> Person:
    """Whose passkey this is, found without a user name, or DomainError."""
    person, _ = _asserted(answer, "sign-in", now)
    return person


def proved(
    person: Person, answer: str | None, purpose: str, about: UUID | str, now: datetime
) -> None:
    """Raise DomainError unless `person` has just confirmed this very act with a passkey."""
    if current_app.config["DEMO"] and not person.passkeys.exists():
        return  # the demo's people sign in by button and have none
    if not answer:
        raise DomainError("passkey-needed")
    owner, subject = _asserted(answer, purpose, now)
    if owner.id != person.id or subject != str(about):
        raise DomainError("passkey-needed")


def _spend(answer: str, purpose: str, now: datetime) -> tuple[bytes, str]:
    """The challenge inside the browser's answer, spent, and what it was about."""
    try:
        client = json.loads(base64url_to_bytes(json.loads(answer)["response"]["clientDataJSON"]))
        value = base64url_to_bytes(client["challenge"])
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as reason:
        raise DomainError("passkey-refused") from reason
    about = Challenge.spend(value, purpose, now)
    if about is None:
        raise DomainError("passkey-too-late")
    return value, about


def _registered(answer: str, challenge: bytes) -> VerifiedRegistration:
    try:
        return webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=challenge,
            expected_rp_id=current_app.config["RP_ID"],
            expected_origin=current_app.config["ORIGINS"],
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as reason:
        raise DomainError("passkey-refused") from reason


def _keep(person: Person, verified: VerifiedRegistration, answer: str) -> Passkey:
    transports = json.loads(answer)["response"].get("transports") or []
    return Passkey.create(
        person=person,
        credential=verified.credential_id,
        public_key=verified.credential_public_key,
        sign_count=verified.sign_count,
        transports=",".join(str(one) for one in transports)[:100],
        backed_up=verified.credential_backed_up,
    )


def _asserted(answer: str, purpose: str, now: datetime) -> tuple[Person, str]:
    value, about = _spend(answer, purpose, now)
    try:
        credential = parse_authentication_credential_json(answer)
        passkey = Passkey.get_or_none(Passkey.credential == credential.raw_id)
        if passkey is None:
            raise DomainError("passkey-unknown")
        owner = passkey.person
        claimed = credential.response.user_handle
        if claimed and claimed != bytes(owner.handle):
            raise DomainError("passkey-refused")
        verified = webauthn.verify_authentication_response(
            credential=credential,
            expected_challenge=value,
            expected_rp_id=current_app.config["RP_ID"],
            expected_origin=current_app.config["ORIGINS"],
            credential_public_key=bytes(passkey.public_key),
            credential_current_sign_count=passkey.sign_count,
            require_user_verification=True,
        )
    except (WebAuthnException, ValueError) as reason:
        raise DomainError("passkey-refused") from reason
    Passkey.update(sign_count=verified.new_sign_count, last_used=clock()).where(
        Passkey.id == passkey.id
    ).execute()
    return owner, about


def new_handle() -> bytes:
    return secrets.token_bytes(HANDLE)
