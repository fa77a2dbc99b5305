"""Who may open what: every address of the pages, by hand. A page that is not here fails the test.

An address is named as Django names it. ``GET`` pages are opened, ``POST`` ones are sent an empty form. Everybody
who is not named is refused with 403 and changes nothing.
"""

from __future__ import annotations

ADMINISTRATOR = "administrator"
MANAGER = "hospital_manager"
RECEPTIONIST = "receptionist"
DOCTOR = "doctor"
LABORATORY = "laboratory_technician"
PHARMACIST = "pharmacist"
NURSE = "ward_nurse"
CASHIER = "cashier"
BILLING = "billing_staff"
INSURANCE = "insurance_specialist"

STAFF = frozenset(
    {
        ADMINISTRATOR,
        MANAGER,
        RECEPTIONIST,
        DOCTOR,
        LABORATORY,
        PHARMACIST,
        NURSE,
        CASHIER,
        BILLING,
        INSURANCE,
    }
)
"""Everybody who works at the hospital."""

OWN_ACCOUNT = frozenset(
    {
        "account_login",
        "account_logout",
        "account_inactive",
        "account_reauthenticate",
        "account_reset_password",
        "account_reset_password_done",
        "account_reset_password_from_key",
        "account_reset_password_from_key_done",
        "account_change_password",
        "mfa_authenticate",
        "mfa_login_webauthn",
        "mfa_reauthenticate",
        "mfa_reauthenticate_webauthn",
        "mfa_index",
        "mfa_activate_totp",
        "mfa_deactivate_totp",
        "mfa_view_recovery_codes",
        "mfa_generate_recovery_codes",
        "mfa_download_recovery_codes",
        "mfa_list_webauthn",
        "mfa_add_webauthn",
        "mfa_edit_webauthn",
        "mfa_remove_webauthn",
        "usersessions_list",
    }
)
"""Logging in, and what is one's own: nobody sees anybody else's (almoner/shell/accounts/tests)."""

PUBLIC = OWN_ACCOUNT | {
    "healthz",
    "language",
    "api-docs",
    "openapi",
    "changes",
    "choose-hospital",
    "cashier:verify",
    "people:join",
    "portal:join",
    "messaging:stop",
}
"""Open to whoever comes, or to whoever is logged in: they show nothing of a hospital."""

PATIENTS = frozenset({"portal:me", "portal:choose", "portal:receipt", "portal:reminders"})
"""For patients alone, each about what is theirs: no role opens them (tests/access/test_patients.py)."""

ADMINISTRATORS = frozenset({ADMINISTRATOR})
TAKES_PAYMENTS = frozenset({ADMINISTRATOR, RECEPTIONIST, CASHIER, BILLING, INSURANCE})
SEES_DRAWERS = TAKES_PAYMENTS | {MANAGER}
READS_DRAWERS = frozenset({ADMINISTRATOR, MANAGER, BILLING, CASHIER})
CLOSES_DRAWERS = frozenset({ADMINISTRATOR, BILLING, CASHIER})
"""Those who supervise drawers, and the cashier whose own drawer is asked for."""
GIVES_BACK = frozenset({ADMINISTRATOR, BILLING})
AGREES_PLANS = frozenset({ADMINISTRATOR, MANAGER, BILLING})
ESTIMATES = frozenset({ADMINISTRATOR, MANAGER, RECEPTIONIST, DOCTOR, NURSE, BILLING})
BUILDS_CHARGES = frozenset({ADMINISTRATOR, MANAGER})
SETS_POLICIES = frozenset({ADMINISTRATOR, MANAGER})
OVERRIDES = frozenset({ADMINISTRATOR, MANAGER, DOCTOR})
CORRECTS = GIVES_BACK
DISPUTES = frozenset({ADMINISTRATOR, RECEPTIONIST, CASHIER, BILLING})
REVIEWS = frozenset({ADMINISTRATOR, MANAGER, BILLING})
MANAGES_MESSAGES = frozenset({ADMINISTRATOR, MANAGER, BILLING})
RECORDS_CONTACT = frozenset({ADMINISTRATOR, RECEPTIONIST, CASHIER, BILLING})
RECEPTION = frozenset({ADMINISTRATOR, RECEPTIONIST})
DOCTORS = frozenset({ADMINISTRATOR, DOCTOR})
LABORATORY_STAFF = frozenset({ADMINISTRATOR, LABORATORY})
PHARMACY_STAFF = frozenset({ADMINISTRATOR, PHARMACIST})
WARD_STAFF = frozenset({ADMINISTRATOR, NURSE})

TABLE: dict[str, tuple[str, frozenset[str]]] = {
    "day": ("GET", STAFF),
    # What pages share
    "search": ("GET", STAFF),
    "session-renewed": ("GET", STAFF),
    "patient": ("GET", STAFF),
    "portal:access": ("GET", RECEPTION),
    "portal:end": ("POST", RECEPTION),
    "portal:withdraw": ("POST", RECEPTION),
    "step-pay": ("POST", TAKES_PAYMENTS),
    "step-plan": ("POST", AGREES_PLANS),
    "step-override": ("POST", OVERRIDES),
    "order-step-pay": ("POST", TAKES_PAYMENTS),
    "order-step-plan": ("POST", AGREES_PLANS),
    "order-step-override": ("POST", OVERRIDES),
    "charge-dispute": ("POST", DISPUTES),
    "charge-resolve": ("POST", CORRECTS),
    "plans:plans": ("GET", AGREES_PLANS),
    "plans:preview": ("GET", AGREES_PLANS),
    "plans:offer-patient": ("POST", AGREES_PLANS),
    "plans:offer-visit": ("POST", AGREES_PLANS),
    "plans:pay": ("POST", TAKES_PAYMENTS),
    "plans:settle": ("POST", TAKES_PAYMENTS),
    "plans:plan": ("GET", AGREES_PLANS | TAKES_PAYMENTS),
    "plans:agreement": ("GET", AGREES_PLANS | TAKES_PAYMENTS),
    "plans:cancel": ("POST", AGREES_PLANS),
    "plans:change": ("POST", AGREES_PLANS),
    "plans:approve": ("POST", AGREES_PLANS),
    "plans:refuse": ("POST", AGREES_PLANS),
    # Messages to patients
    "patient-contact": ("POST", RECORDS_CONTACT),
    "patient_messages:messages": ("GET", MANAGES_MESSAGES),
    "patient_messages:message": ("GET", MANAGES_MESSAGES),
    "patient_messages:again": ("POST", MANAGES_MESSAGES),
    "patient_messages:settings": ("GET", MANAGES_MESSAGES),
    "patient_messages:wordings": ("GET", MANAGES_MESSAGES),
    "patient_messages:wording": ("GET", MANAGES_MESSAGES),
    "patient_messages:preview": ("POST", MANAGES_MESSAGES),
    "patient_messages:end": ("POST", MANAGES_MESSAGES),
    # People: the administrator's; whoever has a letter opens its link
    "people:staff": ("GET", ADMINISTRATORS),
    "people:person": ("GET", ADMINISTRATORS),
    "people:suspend": ("POST", ADMINISTRATORS),
    "people:reactivate": ("POST", ADMINISTRATORS),
    "people:reset-second-factor": ("POST", ADMINISTRATORS),
    "people:log-out": ("POST", ADMINISTRATORS),
    "people:invite": ("POST", ADMINISTRATORS),
    "people:send-again": ("POST", ADMINISTRATORS),
    "people:withdraw": ("POST", ADMINISTRATORS),
    "people:roles": ("GET", ADMINISTRATORS),
    "people:new-role": ("POST", ADMINISTRATORS),
    "people:role": ("GET", ADMINISTRATORS),
    "people:remove-role": ("POST", ADMINISTRATORS),
    "people:audit": ("GET", ADMINISTRATORS),
    # Reception
    "checkin:arrivals": ("GET", RECEPTION),
    "checkin:find": ("GET", RECEPTION),
    "checkin:register": ("POST", RECEPTION),
    "checkin:duplicates": ("GET", RECEPTION),
    "checkin:patient": ("POST", RECEPTION),
    "checkin:fees": ("GET", RECEPTION),
    "checkin:appointments": ("GET", RECEPTION),
    "checkin:appointment": ("GET", RECEPTION),
    "checkin:appointment-move": ("GET", RECEPTION),
    "checkin:appointment-cancel": ("POST", RECEPTION),
    "checkin:appointment-missed": ("POST", RECEPTION),
    "checkin:possible-duplicates": ("GET", RECEPTION),
    "checkin:merge-choose": ("GET", RECEPTION),
    "checkin:merge": ("GET", RECEPTION),
    "checkin:visit": ("GET", RECEPTION),
    "checkin:leave": ("POST", RECEPTION),
    "checkin:waiting-room": ("GET", STAFF),
    # Consultation
    "consultation:queue": ("GET", DOCTORS),
    "consultation:visit": ("GET", DOCTORS),
    "consultation:call": ("POST", DOCTORS | {RECEPTIONIST}),
    "consultation:start": ("POST", DOCTORS),
    "consultation:equipment": ("POST", DOCTORS),
    "consultation:note": ("POST", DOCTORS),
    "patient-photo": ("GET", STAFF),
    "patient-photo-take": ("GET", RECEPTION),
    "patient-photo-remove": ("POST", RECEPTION),
    "consultation:diagnosis": ("POST", DOCTORS),
    "consultation:withdraw-diagnosis": ("POST", DOCTORS),
    "consultation:correct-note": ("GET", DOCTORS),
    "consultation:note-versions": ("GET", DOCTORS),
    "consultation:tests": ("POST", DOCTORS),
    "consultation:prescription": ("POST", DOCTORS),
    "consultation:services": ("POST", DOCTORS),
    "consultation:admission": ("POST", DOCTORS),
    "consultation:referral": ("POST", DOCTORS),
    "consultation:letter": ("GET", DOCTORS),
    "consultation:finish": ("POST", DOCTORS),
    # Laboratory
    "laboratory:work-list": ("GET", LABORATORY_STAFF),
    "laboratory:done": ("GET", LABORATORY_STAFF),
    "laboratory:scan": ("GET", LABORATORY_STAFF),
    "laboratory:order": ("GET", LABORATORY_STAFF),
    "laboratory:process": ("POST", LABORATORY_STAFF),
    "laboratory:collect": ("POST", LABORATORY_STAFF),
    "laboratory:labels": ("GET", LABORATORY_STAFF),
    "laboratory:receive": ("POST", LABORATORY_STAFF),
    "laboratory:reject": ("POST", LABORATORY_STAFF),
    "laboratory:results": ("POST", LABORATORY_STAFF),
    "laboratory:verify": ("POST", LABORATORY_STAFF),
    "laboratory:tell": ("POST", LABORATORY_STAFF),
    "laboratory:report": ("GET", LABORATORY_STAFF),
    "laboratory:report-pdf": ("GET", LABORATORY_STAFF),
    "laboratory:range": ("POST", LABORATORY_STAFF),
    # Pharmacy
    "pharmacy:work-list": ("GET", PHARMACY_STAFF),
    "pharmacy:history": ("GET", PHARMACY_STAFF),
    "pharmacy:prescription": ("GET", PHARMACY_STAFF),
    "pharmacy:part": ("POST", PHARMACY_STAFF),
    "pharmacy:rest": ("POST", PHARMACY_STAFF),
    "pharmacy:substitute": ("POST", PHARMACY_STAFF),
    "pharmacy:label": ("GET", PHARMACY_STAFF),
    "pharmacy:return": ("POST", PHARMACY_STAFF),
    "pharmacy:stock": ("GET", PHARMACY_STAFF),
    "pharmacy:receive": ("POST", PHARMACY_STAFF),
    "pharmacy:stock-item": ("GET", PHARMACY_STAFF),
    "pharmacy:count": ("POST", PHARMACY_STAFF),
    "pharmacy:minimum": ("POST", PHARMACY_STAFF),
    "pharmacy:adjust": ("POST", PHARMACY_STAFF),
    "pharmacy:expiry": ("POST", PHARMACY_STAFF),
    # Cashier
    "cashier:desk": ("GET", TAKES_PAYMENTS),
    "cashier:find": ("GET", TAKES_PAYMENTS),
    "cashier:account": ("POST", TAKES_PAYMENTS),
    "cashier:total": ("GET", TAKES_PAYMENTS),
    "cashier:use-deposit": ("POST", TAKES_PAYMENTS),
    "cashier:receipt": ("GET", TAKES_PAYMENTS),
    "cashier:print": ("POST", TAKES_PAYMENTS),
    "cashier:paper": ("GET", TAKES_PAYMENTS),
    "cashier:void": ("POST", TAKES_PAYMENTS),
    "cashier:approve-void": ("POST", GIVES_BACK),
    "cashier:refuse-void": ("POST", GIVES_BACK),
    "cashier:refund": ("POST", GIVES_BACK),
    "cashier:approve-refund": ("POST", GIVES_BACK),
    "cashier:refuse-refund": ("POST", GIVES_BACK),
    # Work lists
    "work_lists:unpriced": ("GET", REVIEWS),
    "work_lists:unbilled": ("GET", REVIEWS),
    "work_lists:undelivered": ("GET", REVIEWS),
    "work_lists:late": ("GET", REVIEWS),
    "work_lists:price": ("POST", CORRECTS),
    "work_lists:deliver": ("POST", CORRECTS),
    "work_lists:cancel": ("POST", CORRECTS),
    "work_lists:charge": ("POST", CORRECTS),
    "work_lists:no-charge": ("POST", CORRECTS),
    "work_lists:late-review": ("POST", CORRECTS),
    "work_lists:overrides": ("GET", REVIEWS),
    "work_lists:override": ("GET", REVIEWS),
    "work_lists:override-review": ("POST", REVIEWS),
    "work_lists:override-revoke": ("POST", REVIEWS),
    "work_lists:held": ("GET", REVIEWS | OVERRIDES),
    "work_lists:decision": ("GET", REVIEWS | OVERRIDES),
    "work_lists:decision-override": ("POST", OVERRIDES),
    # Policies
    "policies:overview": ("GET", SETS_POLICIES),
    "policies:find": ("GET", SETS_POLICIES),
    "policies:history": ("GET", SETS_POLICIES),
    "policies:save": ("POST", SETS_POLICIES),
    "policies:hospital": ("GET", SETS_POLICIES),
    "policies:block": ("GET", SETS_POLICIES),
    # Estimates
    "estimates:overview": ("GET", ESTIMATES),
    "estimates:new": ("POST", ESTIMATES),
    "estimates:estimate": ("GET", ESTIMATES),
    "estimates:paper": ("GET", ESTIMATES),
    "estimates:consent": ("POST", ESTIMATES),
    "estimates:visit": ("POST", ESTIMATES),
    # Ward charges
    "ward_charges:overview": ("GET", BUILDS_CHARGES),
    "ward_charges:new": ("GET", BUILDS_CHARGES),
    "ward_charges:draw": ("POST", BUILDS_CHARGES),
    "ward_charges:preview": ("POST", BUILDS_CHARGES),
    "ward_charges:save": ("POST", BUILDS_CHARGES),
    "ward_charges:file": ("GET", BUILDS_CHARGES),
    "ward_charges:load": ("POST", BUILDS_CHARGES),
    "ward_charges:new-template": ("POST", BUILDS_CHARGES),
    "ward_charges:template": ("GET", BUILDS_CHARGES),
    "ward_charges:draft": ("GET", BUILDS_CHARGES),
    "ward_charges:discard": ("POST", BUILDS_CHARGES),
    "ward_charges:charge": ("GET", BUILDS_CHARGES),
    "ward_charges:change": ("GET", BUILDS_CHARGES),
    "ward_charges:end": ("POST", BUILDS_CHARGES),
    "cashier:sessions": ("GET", SEES_DRAWERS),
    "cashier:open-drawer": ("POST", TAKES_PAYMENTS),
    "cashier:counted": ("GET", TAKES_PAYMENTS),
    "cashier:session": ("GET", READS_DRAWERS),
    "cashier:close-drawer": ("POST", CLOSES_DRAWERS),
    "cashier:move-cash": ("POST", CLOSES_DRAWERS),
    "cashier:print-session": ("POST", READS_DRAWERS),
    "cashier:session-paper": ("GET", READS_DRAWERS),
    # Ward
    "ward:board": ("GET", WARD_STAFF),
    "ward:stay": ("GET", WARD_STAFF),
    "ward:assign": ("POST", WARD_STAFF),
    "ward:transfer": ("POST", WARD_STAFF),
    "ward:correct": ("POST", WARD_STAFF),
    "ward:charge-days": ("POST", WARD_STAFF),
    "ward:discharge": ("POST", WARD_STAFF),
    "ward:exception": ("POST", WARD_STAFF),
}
