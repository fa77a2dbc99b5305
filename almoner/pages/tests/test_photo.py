"""The patient's photo: what is kept of a picture, who sees it, who takes it."""

from __future__ import annotations

import struct
import zlib
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from almoner.identity.models import AuditRecord
from almoner.kernel.errors import DomainError
from almoner.pages.uploads import MAXIMUM_BYTES
from almoner.patients.merging import merge_patients
from almoner.patients.models import PatientPhoto
from almoner.patients.photos import SIDE_PIXELS, make_photo, photo_fingerprint, set_photo
from tests.support.day import AT, BusyDay
from tests.support.hospital import make_hospital
from tests.support.pages import HTMX, member_client, text_of, typed

ORIENTATION, SERIAL_NUMBER = 0x0112, 0xA431


def picture(colour: str = "teal", kind: str = "JPEG", size: tuple[int, int] = (640, 480)) -> bytes:
    made = BytesIO()
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif[SERIAL_NUMBER] = "camera-of-somebody"
    comment = {"comment": b"taken at home"} if kind == "JPEG" else {}
    Image.new("RGB", size, colour).save(made, kind, exif=exif, **comment)
    return made.getvalue()


def claimed(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims to be huge."""
    parts = b""
    for name, data in (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", b""),
        (b"IEND", b""),
    ):
        parts += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    return b"\x89PNG\r\n\x1a\n" + parts


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_a_picture_becomes_a_small_square_without_metadata(kind: str) -> None:
    made = make_photo(picture(kind=kind))
    with Image.open(BytesIO(made)) as kept:
        assert (kept.format, kept.size) == ("JPEG", (SIDE_PIXELS, SIDE_PIXELS))
        assert not kept.getexif() and "comment" not in kept.info
    assert b"somebody" not in made and b"at home" not in made and len(made) < 40_000


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "Expected a picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Expected a picture"),
        (picture()[:400], "Expected a picture"),
        (claimed(10_000, 10_000), "50 million pixels"),
        (claimed(60_000, 60_000), "50 million pixels"),
        (b"\xff" * (10 * 1024 * 1024 + 1), "larger than 10 MB"),
    ],
    ids=["empty", "svg", "cut off", "large", "bomb", "heavy"],
)
def test_what_is_no_reasonable_picture_is_refused(data: bytes, says: str) -> None:
    with pytest.raises(DomainError, match=says) as refused:
        make_photo(data)
    assert refused.value.field == "photo"


def test_reception_takes_a_photo_and_staff_of_this_hospital_alone_see_it(day: BusyDay) -> None:
    patient = day.patients["Maria Silva"]
    reception, nurse = (member_client(day.hospital.id, role) for role in ("receptionist", "ward_nurse"))
    address = f"/patients/{patient.id}/photo/"
    assert nurse.get(address).status_code == 404
    form = reception.get(f"{address}take/").context["form"]
    text = SimpleUploadedFile("a.jpg", b"no picture")
    wrong = reception.post(f"{address}take/", {**typed(form), "photo": text}, headers=HTMX)
    assert wrong.status_code == 422 and "Expected a picture" in text_of(wrong)
    missing = reception.post(f"{address}take/", typed(form), headers=HTMX)
    assert missing.status_code == 422 and "photo" in missing.context["form"].errors
    sent = {**typed(form), "photo": SimpleUploadedFile("face.jpg", picture())}
    assert reception.post(f"{address}take/", sent, headers=HTMX)["HX-Redirect"] == f"/patients/{patient.id}/"
    seen = nurse.get(address)
    assert seen["Content-Type"] == "image/jpeg" and seen["Cache-Control"] == "private, no-cache"
    again = nurse.get(address, headers={"If-None-Match": seen["ETag"]})
    assert again.status_code == 304 and not again.content
    for page in (f"/patients/{patient.id}/", f"/check-in/patients/{patient.id}/"):
        assert f'src="{address}?' in reception.get(page).content.decode()
    stranger = member_client(make_hospital().id, "administrator")
    assert stranger.get(address).status_code == 404
    assert reception.post(f"{address}remove/", headers=HTMX).status_code == 200
    assert nurse.get(address).status_code == 404
    with day.hospital.transaction():
        actions = AuditRecord.objects.filter(action__startswith="patient.photo").values_list(
            "action", flat=True
        )
        assert sorted(actions) == ["patient.photo_removed", "patient.photo_taken"]


def test_a_form_with_too_large_a_file_is_refused_before_it_is_read(day: BusyDay) -> None:
    reception = member_client(day.hospital.id, "receptionist")
    address = f"/patients/{day.patients['Maria Silva'].id}/photo/take/"
    heavy = SimpleUploadedFile("a.jpg", b"\xff" * MAXIMUM_BYTES)
    assert reception.post(address, {"photo": heavy}).status_code == 400


def test_after_a_merge_the_survivor_has_a_photo_of_its_own_or_the_duplicates(day: BusyDay) -> None:
    hospital = day.hospital
    keeps, takes_over, twin, double = (hospital.patient(name) for name in ("A", "B", "C", "D"))
    for patient, colour in ((keeps, "red"), (twin, "green"), (double, "blue")):
        set_photo(hospital.id, patient.id, data=picture(colour), actor=hospital.actor, at=AT)
    with hospital.transaction():
        red, blue = photo_fingerprint(keeps.id), photo_fingerprint(double.id)
    for duplicate, survivor in ((twin, keeps), (double, takes_over)):
        merge_patients(
            hospital.id, duplicate_id=duplicate.id, survivor_id=survivor.id, actor=hospital.actor, at=AT
        )
    with hospital.transaction():
        assert (photo_fingerprint(keeps.id), photo_fingerprint(takes_over.id)) == (red, blue)
        assert PatientPhoto.objects.count() == 3
