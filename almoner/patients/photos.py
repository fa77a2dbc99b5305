"""What a patient looks like: one small picture per patient, optional, to tell people of one name apart."""

from __future__ import annotations

import hashlib
import warnings
from datetime import datetime
from io import BytesIO
from uuid import UUID

from django.utils.translation import gettext as _
from PIL import Image, ImageOps

from almoner.identity import audit
from almoner.kernel.actor import Actor
from almoner.kernel.errors import DomainError, NotFound
from almoner.kernel.tenancy import transaction
from almoner.patients.models import PatientPhoto
from almoner.patients.operations import PERMISSION_REGISTER, surviving

MAXIMUM_BYTES = 10 * 1024 * 1024
MAXIMUM_PIXELS = 50_000_000
SIDE_PIXELS = 320
_FORMATS = ("JPEG", "PNG", "WEBP")
_UPPER_MIDDLE = (0.5, 0.4)
_QUALITY = 82


def make_photo(data: bytes) -> bytes:
    """A square JPEG of ``SIDE_PIXELS``, upright and without metadata, of the picture ``data`` (JPEG, PNG or WebP).

    The size that a picture claims is read before it is unpacked. Raises ``DomainError`` at ``photo``.
    """
    if len(data) > MAXIMUM_BYTES:
        raise _refused(_("The picture is larger than 10 MB."))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=_FORMATS) as picture:
                if picture.width * picture.height > MAXIMUM_PIXELS:
                    raise _refused(_("The picture has more than 50 million pixels."))
                upright = ImageOps.exif_transpose(picture).convert("RGB")
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise _refused(_("The picture has more than 50 million pixels.")) from error
    except (OSError, ValueError, SyntaxError) as error:
        raise _refused(_("Expected a picture: JPEG, PNG or WebP.")) from error
    small = ImageOps.fit(upright, (SIDE_PIXELS, SIDE_PIXELS), centering=_UPPER_MIDDLE)
    small.info.clear()
    made = BytesIO()
    small.save(made, "JPEG", quality=_QUALITY, optimize=True)
    return made.getvalue()


def _refused(message: str) -> DomainError:
    return DomainError(message, field="photo", code="invalid_photo")


def set_photo(
    hospital_id: UUID, patient_id: UUID, *, data: bytes, actor: Actor, at: datetime
) -> PatientPhoto:
    """Keep ``data`` (see ``make_photo``) as the picture of the (surviving) patient, in place of an earlier one.

    The same picture again changes nothing. Raises ``DomainError`` at ``photo``, ``NotFound``.
    """
    actor.require(PERMISSION_REGISTER)
    image = make_photo(data)
    fingerprint = hashlib.sha256(image).hexdigest()[:16]
    with transaction(hospital_id):
        patient = surviving(patient_id, lock=True)
        known = PatientPhoto.objects.filter(patient=patient).first()
        if known is not None and known.fingerprint == fingerprint:
            return known
        photo, _made = PatientPhoto.objects.update_or_create(
            patient=patient,
            defaults={
                "hospital_id": hospital_id,
                "image": image,
                "fingerprint": fingerprint,
                "taken_at": at,
                "taken_by": actor.name,
            },
        )
        audit.record("patient.photo_taken", actor=actor, at=at, subject_kind="patient", subject_id=patient.id)
        return photo


def remove_photo(hospital_id: UUID, patient_id: UUID, *, actor: Actor, at: datetime) -> None:
    """Forget the patient's picture; again changes nothing. Raises ``NotFound``."""
    actor.require(PERMISSION_REGISTER)
    with transaction(hospital_id):
        patient = surviving(patient_id)
        removed, _rows = PatientPhoto.objects.filter(patient=patient).delete()
        if removed:
            audit.record(
                "patient.photo_removed", actor=actor, at=at, subject_kind="patient", subject_id=patient.id
            )


def find_photo(patient_id: UUID) -> PatientPhoto:
    """The patient's picture. Raises ``NotFound`` when there is none. Needs the hospital's transaction."""
    photo = PatientPhoto.objects.filter(patient=patient_id).first()
    if photo is None:
        raise NotFound(_("There is no photo of this patient."), field="patient_id", code="no_photo")
    return photo


def photo_fingerprint(patient_id: UUID) -> str:
    """Which picture there is of the patient, empty for none; one statement in the hospital's transaction."""
    known = PatientPhoto.objects.filter(patient=patient_id).values_list("fingerprint", flat=True)
    return known.first() or ""
