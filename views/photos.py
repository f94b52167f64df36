"""A photo that somebody sends: one field, and what our own decoder makes of it."""

from flask import g
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from flask_wtf.file import FileField, FileRequired

import images
from database import DomainError
from views.guards import slow_down
from views.rendering import sentence

UPLOADS = 20  # photos a person may send in an hour


class PhotoForm(FlaskForm):
    photo = FileField(_l("Photo"), validators=[FileRequired(message=_l("Choose a photo first."))])

    def redrawn(self) -> bytes | None:
        """The photo as only our own decoder draws it, or a sentence beside the field."""
        if not self.validate_on_submit():
            return None
        try:
            slow_down(f"upload:{g.actor.person_id}", UPLOADS)
            return images.photo(self.photo.data.read())
        except DomainError as refusal:
            self.photo.errors = [sentence(refusal)]
            return None
