"""Every permission in plain words, by the room that asks for it: what an administrator reads when giving it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from almoner.kernel.actor import Actor


@dataclass(frozen=True, slots=True)
class Permission:
    """``title`` says what one may do. ``guarded``: it moves money, overrides or gives access, so that a hospital
    may ask for a second factor."""

    title: str | Promise
    guarded: bool = False


ROOMS: dict[str, str | Promise] = {
    "patients": _("Patients"),
    "scheduling": _("Queue and appointments"),
    "estimates": _("Estimates"),
    "consultation": _("Consultation"),
    "orders": _("Orders"),
    "laboratory": _("Laboratory"),
    "pharmacy": _("Pharmacy"),
    "ward": _("Ward"),
    "charging": _("Charges"),
    "payments": _("Payments"),
    "enforcement": _("Payment rules"),
    "messaging": _("Messages to patients"),
    "hospitals": _("Hospital"),
    "configuration": _("Hospital"),
    "interop": _("Hospital"),
    "identity": _("People"),
}
"""Headings by the first part of a code, in the order in which people meet them."""

PERMISSIONS: dict[str, Permission] = {
    "patients.register": Permission(_("Register patients and check them in")),
    "patients.diagnose": Permission(_("Record and withdraw diagnoses")),
    "patients.read_diagnoses": Permission(_("Read diagnoses on a patient's page")),
    "scheduling.call_token": Permission(_("Call patients from the queue")),
    "scheduling.book": Permission(_("Book, move and cancel appointments")),
    "estimates.make": Permission(_("Estimate what treatment will cost, record the consent")),
    "consultation.start": Permission(_("See patients: queue, notes, finishing a visit")),
    "orders.write": Permission(_("Order tests, prescribe, admit")),
    "laboratory.process": Permission(_("Process orders and write results")),
    "laboratory.verify": Permission(_("Verify results that somebody else wrote")),
    "pharmacy.dispense": Permission(_("Dispense medication")),
    "pharmacy.manage_stock": Permission(_("Receive, adjust and count stock")),
    "pharmacy.take_back": Permission(_("Take medication back, at the price it was charged"), guarded=True),
    "ward.assign_bed": Permission(_("Give beds, transfer and discharge")),
    "ward.backdate_transfer": Permission(_("Write down a transfer of an earlier time")),
    "ward.correct_stay": Permission(_("Correct when a patient came or left")),
    "charging.capture": Permission(_("Charge for what is done at the service point")),
    "charging.define": Permission(_("Build the charges of wards"), guarded=True),
    "charging.dispute": Permission(_("Write down that a patient disputes a charge")),
    "charging.correct": Permission(_("Correct and cancel charges"), guarded=True),
    "payments.record": Permission(_("Take payments and deposits"), guarded=True),
    "payments.void": Permission(_("Approve that payments are voided"), guarded=True),
    "payments.refund": Permission(_("Give money back"), guarded=True),
    "payments.supervise_drawers": Permission(_("Supervise cash drawers"), guarded=True),
    "payments.plan": Permission(_("Agree payment plans"), guarded=True),
    "enforcement.read_blocked_services": Permission(_("Read which services are held")),
    "enforcement.override": Permission(_("Let a held service go ahead in an emergency"), guarded=True),
    "enforcement.revoke_override": Permission(_("Revoke an override"), guarded=True),
    "enforcement.review_override": Permission(_("Review overrides afterwards"), guarded=True),
    "enforcement.set_policy": Permission(_("Set when a step is held"), guarded=True),
    "messaging.manage": Permission(_("Read messages to patients, send failed ones again")),
    "messaging.configure": Permission(_("Change wordings, quiet hours, and when patients are reminded")),
    "messaging.contact": Permission(_("Record how a patient wants to be reached")),
    "hospitals.read": Permission(_("Read the hospital's departments, services and prices")),
    "configuration.load": Permission(_("Change prices, charge rules and policies"), guarded=True),
    "interop.import": Permission(_("Import patients from files"), guarded=True),
    "identity.manage": Permission(_("Invite people, change roles, end sessions"), guarded=True),
}


@dataclass(frozen=True, slots=True)
class Group:
    """The permissions under one heading: (code, title)."""

    title: str
    permissions: tuple[tuple[str, str], ...]


def grouped(codes: Iterable[str] = ()) -> tuple[Group, ...]:
    """Every permission by room; ``codes`` that nobody described stand under their own name at the end."""
    groups: dict[str, list[tuple[str, str]]] = {str(title): [] for title in ROOMS.values()}
    for code in [*PERMISSIONS, *sorted(set(codes) - set(PERMISSIONS))]:
        room = code.partition(".")[0]
        known = PERMISSIONS.get(code)
        groups.setdefault(str(ROOMS.get(room, room)), []).append((code, str(known.title) if known else code))
    return tuple(Group(title, tuple(found)) for title, found in groups.items() if found)


def needs_second_factor(actor: Actor) -> bool:
    """Whether ``actor`` may do something that moves money, overrides or gives access."""
    return any(one.guarded and actor.may(code) for code, one in PERMISSIONS.items())
