"""/patients, /encounters, /payers: people, their visits, and who covers them."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID, uuid5

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Query, Router
from pydantic import Field

from almoner.hospitals.callers import ApiRequest, needs
from almoner.kernel.errors import IdempotencyMismatch, NotFound
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Code, Day, IdempotencyKey, Input, Name, Resource, Text, answer
from almoner.patients import operations
from almoner.patients.merging import merge_patients, records_of
from almoner.patients.models import Coverage, Encounter, Patient, PatientAccount, Payer

SCOPE_READ = "patients.read"
router = Router(tags=["Patients"])

Sex = Literal["female", "male", "other", "unknown"]
EncounterClass = Literal["ambulatory", "emergency", "inpatient"]
VisitType = Literal["first", "follow_up", "maintenance", "elective"]
TriageLevel = Annotated[int, Field(strict=True, ge=1, le=5)]


class NewPatient(Input):
    """A person to register. ``source_id`` is their id in your system: registering it again finds them."""

    name: Name
    birth_date: Day | None = None
    sex: Sex = "unknown"
    phone: Annotated[str, Field(max_length=40, pattern=r"^[0-9+() .-]*$")] = ""
    category: Annotated[str, Field(pattern=r"^[a-z0-9_-]{1,40}$")] = "general"
    source_id: Annotated[str, Field(max_length=100, pattern=r"^[!-~]*$")] = ""


class PatientResource(Resource):
    """A patient. ``merged_into`` is set on a duplicate: what is recorded for it goes to that record."""

    id: UUID
    mrn: str
    name: str
    birth_date: date | None
    sex: str
    phone: str
    category: str
    account_id: UUID | None
    currency: str
    merged_into: UUID | None
    registered_at: datetime
    source_id: str


class PatientPage(Page[PatientResource]):
    """Patients."""


class Duplicate(Input):
    """``taken_from_duplicate``: fields whose value in the duplicate is the right one."""

    duplicate_id: UUID
    taken_from_duplicate: list[
        Literal["name", "birth_date", "sex", "phone", "email", "language", "category"]
    ] = []


class NewCoverage(Input):
    """A period in which ``payer`` (its code) pays for the patient; the lowest ``priority`` pays first."""

    payer: Code
    starts_on: Day
    ends_on: Day | None = None
    member_id: Annotated[str, Field(max_length=60, pattern=r"^[ -~]*$")] = ""
    priority: Annotated[int, Field(strict=True, ge=1, le=100)] = 1


class CoverageResource(Resource):
    id: UUID
    payer_id: UUID
    payer: str
    member_id: str
    priority: int
    starts_on: date
    ends_on: date | None


class CoveragePage(Page[CoverageResource]):
    """Coverages."""


class PayerResource(Resource):
    id: UUID
    code: str
    name: str
    is_active: bool


class PayerPage(Page[PayerResource]):
    """Payers."""


class NewEncounter(Input):
    """A visit to open without the fees of a check-in. ``triage_level`` is the ESI level, 1 to 5."""

    patient_id: UUID
    department: Code
    encounter_class: EncounterClass = "ambulatory"
    triage_level: TriageLevel | None = None
    visit_type: VisitType = "first"
    reason: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""


class Triage(Input):
    """``reason``: what triage found the patient came for, instead of what was said at check-in."""

    triage_level: TriageLevel
    reason: Annotated[str, Field(max_length=300, pattern=r"^[^\x00]*$")] = ""


class EncounterResource(Resource):
    """A visit or stay. ``ended_at`` null: the patient is still here."""

    id: UUID
    number: str
    patient_id: UUID
    department: str
    encounter_class: str
    triage_level: int | None
    visit_type: str
    ward_type: str
    reason: str
    started_at: datetime
    ended_at: datetime | None


class EncounterPage(Page[EncounterResource]):
    """Visits."""


def _shown(rows: list[Patient]) -> list[PatientResource]:
    """Patients with their accounts, in one more statement."""
    accounts: dict[UUID, PatientAccount] = {}
    ids = [row.merged_into_id or row.id for row in rows]
    for account in PatientAccount.objects.filter(patient__in=ids).order_by("-id"):
        accounts[account.patient_id] = account
    return [_patient(row, accounts.get(row.merged_into_id or row.id)) for row in rows]


def _patient(row: Patient, account: PatientAccount | None) -> PatientResource:
    return PatientResource(
        id=row.id,
        mrn=row.mrn,
        name=row.name,
        birth_date=row.birth_date,
        sex=row.sex,
        phone=row.phone,
        category=row.category,
        account_id=account.id if account else None,
        currency=account.currency if account else "",
        merged_into=row.merged_into_id,
        registered_at=row.registered_at,
        source_id=row.source_id,
    )


def encounter_resource(row: Encounter, department: str) -> EncounterResource:
    """An encounter as the API shows it; ``department`` is its department's code."""
    return EncounterResource(
        id=row.id,
        number=row.number,
        patient_id=row.patient_id,
        department=department,
        encounter_class=row.encounter_class,
        triage_level=row.triage_level,
        visit_type=row.visit_type,
        ward_type=row.ward_type,
        reason=row.reason,
        started_at=row.started_at,
        ended_at=row.ended_at,
    )


def _coverage(row: Coverage) -> CoverageResource:
    return CoverageResource(
        id=row.id,
        payer_id=row.payer_id,
        payer=row.payer.code,
        member_id=row.member_id,
        priority=row.priority,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
    )


@router.post(
    "/patients",
    auth=needs(operations.PERMISSION_REGISTER),
    response={200: PatientResource, 201: PatientResource},
)
def register_patient(request: ApiRequest, body: NewPatient) -> HttpResponse:
    """Register a patient. 200 instead of 201 when a patient with this `source_id` was registered before."""
    caller = request.auth
    registered = operations.register_patient(
        caller.hospital_id,
        name=body.name,
        birth_date=body.birth_date,
        sex=body.sex,
        phone=body.phone,
        category=body.category,
        source_id=body.source_id,
        actor=caller.actor,
        at=caller.at,
    )
    made_now = registered.patient.registered_at == caller.at
    return answer(_patient(registered.patient, registered.account), 201 if made_now else 200)


@router.get("/patients", auth=needs(SCOPE_READ), response=PatientPage)
def list_patients(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    name: Annotated[Text, Query("", description="The name starts with this.")],
    mrn: Annotated[Text, Query("")],
    source_id: Annotated[Text, Query("")],
) -> HttpResponse:
    """Patients, the latest registered first."""
    with transaction(request.auth.hospital_id):
        rows = Patient.objects.all()
        if name:
            rows = rows.filter(name__istartswith=name)
        if mrn:
            rows = rows.filter(mrn=mrn)
        if source_id:
            rows = rows.filter(source_id=source_id)
        page = read_page(rows, cursor=cursor, limit=limit, show=lambda row: row)
        page["items"] = _shown(page["items"])
    return answer(PatientPage(**page))


@router.get("/patients/{patient_id}", auth=needs(SCOPE_READ), response=PatientResource)
def get_patient(request: ApiRequest, patient_id: UUID) -> HttpResponse:
    """One patient; a merged record says which one it was merged into."""
    with transaction(request.auth.hospital_id):
        row = Patient.objects.filter(id=patient_id).first()
        if row is None:
            raise NotFound(
                _("There is no such patient at this hospital."), field="patient_id", code="unknown_patient"
            )
        return answer(_shown([row])[0])


@router.post(
    "/patients/{patient_id}/duplicates",
    auth=needs(operations.PERMISSION_REGISTER),
    response={201: PatientResource},
)
def merge_patient(request: ApiRequest, patient_id: UUID, body: Duplicate) -> HttpResponse:
    """Merge a duplicate record into this one; its accounts, visits, orders and coverages follow."""
    caller = request.auth
    with transaction(caller.hospital_id):
        survivor = merge_patients(
            caller.hospital_id,
            duplicate_id=body.duplicate_id,
            taken_from_duplicate=body.taken_from_duplicate,
            survivor_id=patient_id,
            actor=caller.actor,
            at=caller.at,
        )
        return answer(_shown([survivor])[0], 201)


@router.post(
    "/patients/{patient_id}/coverages",
    auth=needs(operations.PERMISSION_REGISTER),
    response={201: CoverageResource},
)
def add_coverage(request: ApiRequest, patient_id: UUID, body: NewCoverage) -> HttpResponse:
    """Record that a payer covers the patient in a period. Repeating it finds the first record."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.add_coverage(
            caller.hospital_id,
            patient_id=patient_id,
            payer=body.payer,
            starts_on=body.starts_on,
            ends_on=body.ends_on,
            member_id=body.member_id,
            priority=body.priority,
            actor=caller.actor,
        )
        return answer(_coverage(row), 201)


@router.get("/patients/{patient_id}/coverages", auth=needs(SCOPE_READ), response=CoveragePage)
def list_coverages(request: ApiRequest, patient_id: UUID, cursor: Cursor, limit: Limit) -> HttpResponse:
    """Who covers the patient, and when."""
    with transaction(request.auth.hospital_id):
        patient = operations.surviving(patient_id)
        rows = Coverage.objects.select_related("payer").filter(patient=patient)
        return answer(CoveragePage(**read_page(rows, cursor=cursor, limit=limit, show=_coverage)))


@router.get("/payers", auth=needs(SCOPE_READ), response=PayerPage)
def list_payers(request: ApiRequest, cursor: Cursor, limit: Limit) -> HttpResponse:
    """Organizations that pay for patients."""
    with transaction(request.auth.hospital_id):
        page = read_page(
            Payer.objects.all(),
            cursor=cursor,
            limit=limit,
            show=lambda row: PayerResource(id=row.id, code=row.code, name=row.name, is_active=row.is_active),
        )
    return answer(PayerPage(**page))


@router.post("/encounters", auth=needs(operations.PERMISSION_REGISTER), response={201: EncounterResource})
def open_encounter(request: ApiRequest, body: NewEncounter, idempotency_key: IdempotencyKey) -> HttpResponse:
    """Open a visit without charging anything. `POST /check-in` opens one with its department's fees."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.open_encounter(
            caller.hospital_id,
            patient_id=body.patient_id,
            department=body.department,
            encounter_class=body.encounter_class,
            triage_level=body.triage_level,
            visit_type=body.visit_type,
            reason=body.reason,
            encounter_id=uuid5(caller.hospital_id, f"encounter:{idempotency_key}"),
            actor=caller.actor,
            at=caller.at,
        )
        replayed = row.started_at != caller.at
        wanted = (body.department, body.encounter_class, body.visit_type, body.reason)
        if replayed and wanted != (row.department.code, row.encounter_class, row.visit_type, row.reason):
            raise IdempotencyMismatch(idempotency_key)
        if replayed and operations.surviving(body.patient_id).id != row.patient_id:
            raise IdempotencyMismatch(idempotency_key)
        return answer(encounter_resource(row, row.department.code), 201, replayed=replayed)


@router.get("/encounters", auth=needs(SCOPE_READ), response=EncounterPage)
def list_encounters(
    request: ApiRequest,
    cursor: Cursor,
    limit: Limit,
    patient_id: Annotated[UUID | None, Query(None)],
    department: Annotated[Text, Query("", description="A department's code.")],
    is_open: Annotated[bool | None, Query(None, description="Only visits that go on, or only ended ones.")],
) -> HttpResponse:
    """Visits, the latest begun first."""
    with transaction(request.auth.hospital_id):
        rows = Encounter.objects.select_related("department")
        if patient_id is not None:
            rows = rows.filter(patient__in=records_of(patient_id))
        if department:
            rows = rows.filter(department__code=department)
        if is_open is not None:
            rows = rows.filter(ended_at__isnull=is_open)
        page = read_page(
            rows,
            cursor=cursor,
            limit=limit,
            time="started_at",
            show=lambda row: encounter_resource(row, row.department.code),
        )
    return answer(EncounterPage(**page))


@router.get("/encounters/{encounter_id}", auth=needs(SCOPE_READ), response=EncounterResource)
def get_encounter(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """One visit."""
    with transaction(request.auth.hospital_id):
        row = operations.find_encounter(encounter_id)
        return answer(encounter_resource(row, row.department.code))


@router.post(
    "/encounters/{encounter_id}/triage",
    auth=needs(operations.PERMISSION_REGISTER),
    response={201: EncounterResource},
)
def set_triage(request: ApiRequest, encounter_id: UUID, body: Triage) -> HttpResponse:
    """Record the triage level (ESI, 1 to 5). A critical one, or a critical reason, releases every gate of the visit."""
    caller = request.auth
    with transaction(caller.hospital_id):
        operations.set_triage(
            caller.hospital_id,
            encounter_id,
            triage_level=body.triage_level,
            reason=body.reason.strip(),
            actor=caller.actor,
            at=caller.at,
        )
        row = operations.find_encounter(encounter_id)
        return answer(encounter_resource(row, row.department.code), 201)


@router.post(
    "/encounters/{encounter_id}/closure",
    auth=needs(operations.PERMISSION_REGISTER),
    response={201: EncounterResource},
)
def close_encounter(request: ApiRequest, encounter_id: UUID) -> HttpResponse:
    """End a visit; ending it again changes nothing. Charges that come later become a work item."""
    caller = request.auth
    with transaction(caller.hospital_id):
        row = operations.close_encounter(caller.hospital_id, encounter_id, actor=caller.actor, at=caller.at)
        return answer(encounter_resource(row, row.department.code), 201)
