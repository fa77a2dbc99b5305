"""Check, plan, load and export a hospital's file.

``text`` is the file as text or bytes; ``file`` is the name that problems give. ``hospital`` is the slug for
a file that holds only a part (department blocks as section 1.2 prints them) and names no hospital itself.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError

from almoner.charging.definitions import PERMISSION_DEFINE
from almoner.enforcement.policy import PERMISSION_SET_POLICY
from almoner.hospitals.models import ConfigurationVersion, Hospital
from almoner.identity import audit
from almoner.interop.hospital_file import fragment
from almoner.interop.hospital_file.compile import compile_document
from almoner.interop.hospital_file.definitions import keep
from almoner.interop.hospital_file.messaging import keep_messaging
from almoner.interop.hospital_file.plan import ADDED, CHANGED, REMOVED, Change, Plan, compare
from almoner.interop.hospital_file.policies import Policy
from almoner.interop.hospital_file.problems import HospitalFileInvalid, Problem, listing
from almoner.interop.hospital_file.reading import Document, read
from almoner.interop.hospital_file.render import render, render_charges
from almoner.interop.hospital_file.snapshot import read_state
from almoner.interop.hospital_file.state import State
from almoner.interop.hospital_file.store import Progress, apply
from almoner.kernel.actor import Actor
from almoner.kernel.errors import Conflict, NotFound
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import transaction
from almoner.ledger.operations import open_books
from almoner.orders.models import Admission

PERMISSION_LOAD = "configuration.load"
DEFAULT_FILE = "hospital.yaml"
CHARGES_FILE = "charges.yaml"


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plan that was carried out. ``version`` is the hospital's configuration version now."""

    hospital_id: UUID
    version: int
    plan: Plan


def check(text: str | bytes, *, hospital: str = "", file: str = DEFAULT_FILE) -> list[Problem]:
    """Everything that is wrong with the file, in order of lines; an empty list when nothing is.

    With ``hospital`` the file is held against what is there, as ``plan`` does; without it the file is
    looked at alone, and no database is needed.
    """
    try:
        if hospital:
            plan(text, hospital=hospital, file=file)
        else:
            document, _ = _read(text, hospital, file)
            _plan(document, text, None, False, hospital)
    except HospitalFileInvalid as refusal:
        return refusal.problems
    return []


def plan(text: str | bytes, *, hospital: str = "", file: str = DEFAULT_FILE) -> Plan:
    """What loading the file would change; nothing is written.

    Raises ``HospitalFileInvalid`` with all problems, ``NotFound`` when ``hospital`` is given and unknown.
    """
    document, is_part = _read(text, hospital, file)
    slug = hospital if is_part else _slug(document)
    existing = Hospital.objects.filter(slug=slug).first()
    if existing is None:
        if is_part:
            raise NotFound(f"There is no hospital {hospital!r}.", field="hospital", code="unknown_hospital")
        return _plan(document, text, None, False, hospital)
    with transaction(existing.id):
        return _plan(document, text, existing, is_part, hospital)


def load(
    text: str | bytes,
    *,
    actor: Actor,
    at: datetime,
    hospital: str = "",
    file: str = DEFAULT_FILE,
    based_on: int | None = None,
    progress: Progress = lambda section: None,
) -> Loaded:
    """Make the hospital what the file says, in one transaction, as a new dated version.

    A file that changes nothing makes no version. A hospital that does not exist yet is created and its
    books are opened. ``based_on`` is the version of a plan that somebody agreed to: when the hospital
    has moved on since, ``Conflict`` is raised and nothing is written. Raises ``HospitalFileInvalid``,
    ``NotFound`` and ``PermissionRefused`` as well.
    """
    actor.require(PERMISSION_LOAD)
    document, is_part = _read(text, hospital, file)
    slug = hospital if is_part else _slug(document)
    found = Hospital.objects.filter(slug=slug).values_list("id", flat=True).first()
    if found is None and is_part:
        raise NotFound(f"There is no hospital {hospital!r}.", field="hospital", code="unknown_hospital")
    hospital_id = found or new_id()
    try:
        with transaction(hospital_id):
            existing = Hospital.objects.select_for_update().filter(id=hospital_id).first()
            agreed = _plan(document, text, existing, is_part, hospital)
            if based_on is not None and based_on != agreed.version:
                raise Conflict(
                    f"The configuration of {agreed.slug!r} was changed in the meantime (version {agreed.version}, "
                    f"the changes shown were to version {based_on}). Please look at them again.",
                    code="configuration_changed",
                )
            if existing is None:
                Hospital.objects.create(id=hospital_id, **agreed.new.hospital)
                open_books()
            if agreed.changes:
                apply(agreed, progress, actor=actor, at=at)
                _record(agreed, hospital_id, actor, at)
    except IntegrityError as error:
        if found is None and "slug" in str(error):
            raise Conflict(f"The hospital {slug!r} was made by somebody else just now.") from None
        raise
    return Loaded(hospital_id, agreed.version + bool(agreed.changes), agreed)


def change_policy(
    hospital_id: UUID,
    policy: Policy,
    *,
    based_on: int,
    actor: Actor,
    at: datetime,
) -> Loaded:
    """Put one block of settings in force, as a new dated version of the whole file (section 4).

    ``based_on`` is the version whose settings were seen and changed: ``Conflict`` when the hospital has moved
    on. The same settings again make no version. Raises ``NotFound`` for an unknown department, service or
    module, ``DomainError`` naming the key of a setting that cannot be, and ``PermissionRefused``.
    """
    actor.require(PERMISSION_SET_POLICY)
    with transaction(hospital_id):
        hospital = Hospital.objects.select_for_update().get(id=hospital_id)
        agreed = _plan_policy(hospital, policy)
        if based_on != agreed.version:
            raise Conflict(
                "The configuration was changed in the meantime. Look at the settings as they are now, and change "
                "them again.",
                code="configuration_changed",
            )
        if agreed.changes:
            apply(agreed, actor=actor, at=at)
            _record(agreed, hospital_id, actor, at)
    return Loaded(hospital_id, agreed.version + bool(agreed.changes), agreed)


def plan_policy(hospital_id: UUID, policy: Policy) -> Plan:
    """What ``change_policy`` would change; nothing is written. Raises as it does."""
    with transaction(hospital_id):
        return _plan_policy(Hospital.objects.get(id=hospital_id), policy)


def _plan_policy(hospital: Hospital, policy: Policy) -> Plan:
    state = read_state(hospital)
    policy.put(state)
    text = render(state)
    document, _ = _read(text, hospital.slug, DEFAULT_FILE)
    return _plan(document, text, hospital, False, hospital.slug)


def plan_charges(hospital_id: UUID, text: str) -> Plan:
    """What ``load_charges`` would change; nothing is written. Raises as it does."""
    with transaction(hospital_id):
        return _plan_charges(Hospital.objects.get(id=hospital_id), text)


def load_charges(hospital_id: UUID, text: str, *, based_on: int, actor: Actor, at: datetime) -> Loaded:
    """Put the ward billing templates and charge definitions of ``text`` in force, as a new dated version.

    What it does not speak of stays. ``based_on`` is the version of the plan that was agreed to. Raises
    ``HospitalFileInvalid`` with all problems, for other sections as well, ``Conflict`` when the hospital has moved
    on, and ``PermissionRefused``.
    """
    actor.require(PERMISSION_DEFINE)
    with transaction(hospital_id):
        hospital = Hospital.objects.select_for_update().get(id=hospital_id)
        agreed = _plan_charges(hospital, text)
        if based_on != agreed.version:
            raise Conflict(
                "The configuration was changed in the meantime. Please look at the changes again.",
                code="configuration_changed",
            )
        if agreed.changes:
            apply(agreed, actor=actor, at=at)
            _record(agreed, hospital_id, actor, at)
    return Loaded(hospital_id, agreed.version + bool(agreed.changes), agreed)


def export_charges(hospital_id: UUID, *, template: str = "") -> str:
    """The hospital's charge definitions and their templates as a part of a file, for this hospital or another.

    With ``template`` only that one and its charges. Raises ``NotFound`` for an unknown template.
    """
    with transaction(hospital_id):
        state = read_state(Hospital.objects.get(id=hospital_id))
    if template and template not in state["ward_billing_templates"]:
        raise NotFound(f"There is no template {template!r}.", field="template", code="unknown_template")
    return render_charges(state, template)


def _plan_charges(hospital: Hospital, text: str) -> Plan:
    document, is_part = _read(text, hospital.slug, CHARGES_FILE)
    sections = document.root.value if isinstance(document.root.value, dict) else {}
    for name in sections:
        if name not in fragment.CHARGES:
            document.refuse((name,), f"Expected only {listing(fragment.CHARGES)} here.", key=True)
    if document.problems or not is_part:
        raise HospitalFileInvalid(document.problems)
    return _plan(document, text, hospital, True, hospital.slug)


def export(slug: str) -> str:
    """The hospital's configuration in force as a file. Raises ``NotFound`` for an unknown ``slug``."""
    hospital = Hospital.objects.filter(slug=slug).first()
    if hospital is None:
        raise NotFound(f"There is no hospital {slug!r}.", field="hospital", code="unknown_hospital")
    with transaction(hospital.id):
        return render(read_state(hospital))


def _read(text: str | bytes, hospital: str, file: str) -> tuple[Document, bool]:
    document = read(text, file)
    readable = not document.problems or bool(document.root.value)
    is_part = readable and fragment.arrange(document)
    if is_part and not hospital:
        fragment.refuse_part(document)
    if not readable or (is_part and not hospital):
        raise HospitalFileInvalid(document.problems)
    return document, is_part


def _slug(document: Document) -> str:
    """The slug that the file gives, as far as it does."""
    block = document.root.value["hospital"].value if isinstance(document.root.value, dict) else None
    node = block.get("slug") if isinstance(block, dict) else None
    return str(node.value) if node is not None and isinstance(node.value, str) else ""


def _plan(
    document: Document, text: str | bytes, existing: Hospital | None, is_part: bool, hospital: str
) -> Plan:
    """Compile and compare. Needs the transaction of ``existing``. Raises ``HospitalFileInvalid``."""
    old = read_state(existing) if existing is not None else State()
    if is_part:
        document = fragment.lay_over(document, render(old))
    new = compile_document(document)
    if new["hospital"]:
        keep(old, new)
        keep_messaging(old, new)
    if hospital and not is_part and _slug(document) != hospital:
        document.refuse(("hospital", "slug"), f"Expected {hospital!r}, the hospital that was named.")
    if (
        existing is not None
        and new["hospital"]
        and not document.problems
        and new.currency != existing.currency
    ):
        document.refuse(
            ("hospital", "currency"),
            f"Expected {existing.currency}: the books are kept in it, and a currency cannot change.",
        )
    if existing is not None and new["hospital"] and new.hospital["time_zone"] != existing.time_zone:
        _refuse_new_time_zone(document, existing)
    if document.problems:
        raise HospitalFileInvalid(document.problems)
    return Plan(
        slug=str(new.hospital["slug"]),
        version=existing.configuration_version if existing is not None else 0,
        new=new,
        document=render(new) if is_part else _as_text(text),
        changes=compare(old, new),
    )


def _refuse_new_time_zone(document: Document, existing: Hospital) -> None:
    """While somebody is admitted: days would be counted by one zone up to now and by another from now on."""
    open_stays = Admission.objects.filter(discharged_at=None, cancelled_at=None).count()
    if open_stays:
        document.refuse(
            ("hospital", "time_zone"),
            f"Expected {existing.time_zone}: patients are admitted ({open_stays}), and their days are counted by it. "
            "It can change when nobody is.",
        )


def _as_text(text: str | bytes) -> str:
    return text.decode("utf-8-sig") if isinstance(text, bytes) else text


def _policy_change(change: Change) -> dict[str, Any]:
    scope, subject = str(change.key[0]), str(change.key[1])
    settings = {name: {"old": old, "new": new} for name, (old, new) in change.fields.items()}
    return {"scope": scope, "subject": subject, "settings": settings}


def _record(agreed: Plan, hospital_id: UUID, actor: Actor, at: datetime) -> None:
    """Number, date and keep the version, and write it into the audit trail."""
    number = agreed.version + 1
    digest = hashlib.sha256(agreed.document.encode()).hexdigest()
    Hospital.objects.filter(id=hospital_id).update(configuration_version=number)
    ConfigurationVersion.objects.create(
        hospital_id=hospital_id,
        number=number,
        document=agreed.document,
        sha256=digest,
        loaded_at=at,
        loaded_by=actor.name,
        policies=[_policy_change(change) for change in agreed.changes if change.section == "policies"],
    )
    audit.record(
        "configuration.loaded",
        actor=actor,
        at=at,
        subject_kind="hospital",
        subject_id=hospital_id,
        number=number,
        sha256=digest,
        added=agreed.count(ADDED),
        changed=agreed.count(CHANGED),
        removed=agreed.count(REMOVED),
    )
