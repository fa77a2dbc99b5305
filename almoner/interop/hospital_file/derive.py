"""What a line of the file stands for: a department's fee and a ward's charge each make a service and a rule."""

from __future__ import annotations

from almoner.interop.hospital_file.state import Record

CHECKED_IN = "patient.checked_in"
ADMITTED = "ward.admitted"
_CONSULTATION = "consultation.start"
_EQUIPMENT = "equipment.use"
_BED = "bed.assign"


def title(code: str) -> str:
    """``general_medicine`` as people write it: General Medicine."""
    return " ".join(word.capitalize() for word in code.replace("-", "_").split("_") if word) or code


def service_record(
    name: str,
    kind: str,
    department: str = "",
    *,
    tax: str = "",
    flags: tuple[str, ...] = (),
    substitutes: tuple[str, ...] = (),
) -> Record:
    """A catalog service. ``payment_timing`` and ``charge_timing`` follow from its billing rules."""
    return {
        "name": name,
        "kind": kind,
        "department": department,
        "tax": tax,
        "flags": flags,
        "substitutes": substitutes,
        "payment_timing": "",
        "charge_timing": "",
    }


def rule_record(event_kind: str, service: str = "", **conditions: object) -> Record:
    """A charge rule with the conditions that are named and no others."""
    return {
        "event_kind": event_kind,
        "service": service,
        "department": "",
        "department_kind": "",
        "ward_type": "",
        "per_line": False,
        "line_flag": "",
        "once_per": "",
        "charge_type": "one_time",
        "planned": False,
        "delivered_on_capture": False,
        "required_at": (),
        "fee": "",
    } | conditions


def fee_service_code(department: str, fee: str) -> str:
    """``consultation_fee`` of cardiology is the service ``consultation_cardiology`` (section 4.2 names it so)."""
    return f"{fee.removesuffix('_fee')}_{department}"


def fee_rule_code(department: str, fee: str) -> str:
    return f"{department}.{fee}"


def fee_service(department: str, department_name: str, fee: str) -> Record:
    """The service that a department's fee is charged as: "Cardiology Consultation"."""
    is_consultation = fee == "consultation_fee"
    name = "Consultation" if is_consultation else title(fee)
    return service_record(
        f"{department_name} {name}", "consultation" if is_consultation else "fee", department
    )


def fee_rule(department: str, fee: str) -> Record:
    """A fee is charged at check-in and asked for before the consultation; equipment when it is used."""
    return rule_record(
        CHECKED_IN,
        fee_service_code(department, fee),
        department=department,
        once_per="patient" if fee == "registration_fee" else "",
        required_at=(_EQUIPMENT if fee == "equipment_fee" else _CONSULTATION,),
        fee=fee,
    )


def ward_service_code(ward: str, charge: str) -> str:
    return f"{charge}_{ward}"


def ward_rule_code(ward: str, charge: str) -> str:
    return f"{ward}.{charge}"


def ward_rule(ward: str, ward_type: str, charge: str, billing_type: str) -> Record:
    """A ward's charge begins with the admission and is asked for before the bed is assigned."""
    return rule_record(
        ADMITTED,
        ward_service_code(ward, charge),
        ward_type=ward_type,
        charge_type=billing_type,
        planned=billing_type == "daily",
        required_at=(_BED,),
        fee=charge,
    )
