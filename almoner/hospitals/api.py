"""/hospitals, /departments, /wards: the caller's hospital and what it is made of."""

from __future__ import annotations

from uuid import UUID

from django.http import HttpResponse
from django.utils.translation import gettext as _
from ninja import Router

from almoner.hospitals.callers import ApiRequest, needs
from almoner.hospitals.models import Bed, Department, Hospital, Ward
from almoner.kernel.errors import NotFound
from almoner.kernel.paging import Cursor, Limit, Page, read_page
from almoner.kernel.tenancy import transaction
from almoner.kernel.wire import Resource, answer

SCOPE_READ = "hospitals.read"
router = Router(tags=["Hospitals"])


class HospitalResource(Resource):
    """A hospital. Every amount of it is in ``currency``; ``configuration_version`` counts its price lists."""

    id: UUID
    slug: str
    name: str
    currency: str
    time_zone: str
    locale: str
    billing_cycle: str
    configuration_version: int


class HospitalPage(Page[HospitalResource]):
    """The hospitals that the key may see: its own."""


class DepartmentResource(Resource):
    code: str
    name: str
    kind: str
    is_active: bool


class DepartmentPage(Page[DepartmentResource]):
    """Departments."""


class BedResource(Resource):
    id: UUID
    code: str
    is_active: bool


class WardResource(Resource):
    code: str
    name: str
    ward_type: str
    department: str
    is_active: bool
    beds: list[BedResource]


class WardPage(Page[WardResource]):
    """Wards with their beds."""


def _hospital(row: Hospital) -> HospitalResource:
    return HospitalResource(
        id=row.id,
        slug=row.slug,
        name=row.name,
        currency=row.currency,
        time_zone=row.time_zone,
        locale=row.locale,
        billing_cycle=row.billing_cycle,
        configuration_version=row.configuration_version,
    )


def _department(row: Department) -> DepartmentResource:
    return DepartmentResource(code=row.code, name=row.name, kind=row.kind, is_active=row.is_active)


@router.get("/hospitals", auth=needs(SCOPE_READ), response=HospitalPage)
def list_hospitals(request: ApiRequest, cursor: Cursor, limit: Limit) -> HttpResponse:
    """The hospitals that the key may see. A key belongs to one hospital, so it is that one."""
    rows = Hospital.objects.filter(id=request.auth.hospital_id)
    return answer(HospitalPage(**read_page(rows, cursor=cursor, limit=limit, show=_hospital)))


@router.get("/hospitals/{hospital_id}", auth=needs(SCOPE_READ), response=HospitalResource)
def get_hospital(request: ApiRequest, hospital_id: UUID) -> HttpResponse:
    """One hospital; another one than the key's is not found."""
    hospital = Hospital.objects.filter(id=hospital_id).first()
    if hospital is None or hospital.id != request.auth.hospital_id:
        raise NotFound(_("There is no such hospital."), field="hospital_id", code="unknown_hospital")
    return answer(_hospital(hospital))


@router.get("/departments", auth=needs(SCOPE_READ), response=DepartmentPage)
def list_departments(request: ApiRequest, cursor: Cursor, limit: Limit) -> HttpResponse:
    """The departments, by whose code patients check in."""
    with transaction(request.auth.hospital_id):
        page = read_page(Department.objects.all(), cursor=cursor, limit=limit, show=_department)
    return answer(DepartmentPage(**page))


@router.get("/wards", auth=needs(SCOPE_READ), response=WardPage)
def list_wards(request: ApiRequest, cursor: Cursor, limit: Limit) -> HttpResponse:
    """The wards with their beds. Who lies where is the ward's own endpoint (`/ward/beds`)."""
    with transaction(request.auth.hospital_id):
        beds: dict[UUID, list[BedResource]] = {}
        for bed in Bed.objects.order_by("code"):
            shown = BedResource(id=bed.id, code=bed.code, is_active=bed.is_active)
            beds.setdefault(bed.ward_id, []).append(shown)
        page = read_page(
            Ward.objects.select_related("department"),
            cursor=cursor,
            limit=limit,
            show=lambda row: WardResource(
                code=row.code,
                name=row.name,
                ward_type=row.ward_type,
                department=row.department.code,
                is_active=row.is_active,
                beds=beds.get(row.id, []),
            ),
        )
    return answer(WardPage(**page))
