"""The staff of a hospital: joining it by a letter, changing what one may do, suspending."""

from __future__ import annotations

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator

from almoner.identity import invitations, role_changes, staff
from almoner.identity.models import AuditRecord, Membership, User
from almoner.identity.queries import open_invitations, read_audit, read_members, roles_of
from almoner.kernel.actor import Actor, system
from almoner.kernel.errors import Conflict, DomainError, IdempotencyMismatch, NotFound, PermissionRefused
from tests.support.day import make_member
from tests.support.hospital import NOON, TestHospital, make_hospital

pytestmark = pytest.mark.django_db
ADMINISTRATOR = system("test")
PASSWORD = "correct horse battery staple"


@pytest.fixture
def hospital() -> TestHospital:
    return make_hospital()


def people_manager(user: User | None = None) -> Actor:
    """Somebody who manages people and takes payments, complaints and addresses, and may nothing else."""
    return Actor(
        name="user:hr@example.org",
        permissions=frozenset(
            {
                "identity.manage",
                "hospitals.read",
                "payments.record",
                "charging.dispute",
                "messaging.contact",
                "enforcement.read_blocked_services",
            }
        ),
        user_id=user.id if user else None,
    )


def an_invitation(hospital: TestHospital, email: str = "new@example.org", **changes: object) -> str:
    values = {
        "roles": ["cashier"],
        "departments": ["pharmacy"],
        "idempotency_key": f"invite:{email}",
    } | changes
    return invitations.token_of(
        invitations.invite(hospital.id, email=email, actor=ADMINISTRATOR, at=NOON, **values)  # type: ignore[arg-type]
    )


def last_record(hospital: TestHospital) -> AuditRecord:
    with hospital.transaction():
        return read_audit(limit=1)[0]


# Joining


def test_the_letters_link_makes_an_account_with_the_roles_and_departments_of_the_invitation(
    hospital: TestHospital,
) -> None:
    token = an_invitation(hospital, "New@Example.org")
    assert invitations.read_invitation(token, at=NOON).role_titles == ("Cashier",)
    invitations.accept(token, name="Nell New", password=PASSWORD, at=NOON + timedelta(days=6))
    [member] = read_members(hospital.id, at=NOON)
    assert (member.name, member.email) == ("Nell New", "new@example.org")
    assert (member.roles, member.departments) == (("cashier",), ("pharmacy",))
    record = last_record(hospital)
    assert (record.action, record.actor) == ("invitation.accepted", "user:new@example.org")
    assert record.data["invited_by"] == "system:test"


def test_a_link_works_once_and_for_a_week_and_not_when_withdrawn_or_changed(hospital: TestHospital) -> None:
    used, old, withdrawn = (an_invitation(hospital, f"{name}@example.org") for name in ("a", "b", "c"))
    invitations.accept(used, name="A", password=PASSWORD, at=NOON)
    with hospital.transaction():
        [open_one] = [one for one in open_invitations() if one.email == "c@example.org"]
    invitations.withdraw(hospital.id, open_one.id, actor=ADMINISTRATOR, at=NOON)
    for token, at in [
        (used, NOON),
        (old, NOON + invitations.VALID_FOR),
        (withdrawn, NOON),
        (f"{old}x", NOON),
    ]:
        with pytest.raises(NotFound, match="Ask for another one"):
            invitations.accept(token, name="Somebody", password=PASSWORD, at=at)
    assert Membership.objects.filter(hospital_id=hospital.id).count() == 1


def test_an_expired_invitation_sent_again_holds_for_another_week(hospital: TestHospital) -> None:
    token = an_invitation(hospital)
    later = NOON + timedelta(days=20)
    with hospital.transaction():
        [open_one] = open_invitations()
    invitations.renew(hospital.id, open_one.id, actor=ADMINISTRATOR, at=later)
    assert invitations.read_invitation(token, at=later + timedelta(days=6)).email == "new@example.org"


def test_nobody_is_invited_twice_and_the_same_form_sent_twice_is_one_invitation(
    hospital: TestHospital,
) -> None:
    token = an_invitation(hospital)
    assert an_invitation(hospital) == token
    with pytest.raises(Conflict, match="invited already") as again:
        an_invitation(hospital, idempotency_key="another")
    assert again.value.field == "email"
    with pytest.raises(IdempotencyMismatch):
        an_invitation(hospital, "other@example.org", idempotency_key="invite:new@example.org")
    invitations.accept(token, name="Nell", password=PASSWORD, at=NOON)
    with pytest.raises(Conflict, match="on the staff already"):
        an_invitation(hospital, idempotency_key="third")


def test_who_has_an_account_joins_with_it_and_with_no_other(hospital: TestHospital) -> None:
    elsewhere = make_member(make_hospital().id, "doctor")
    token = an_invitation(hospital, elsewhere.email)
    assert invitations.read_invitation(token, at=NOON).has_account
    with pytest.raises(Conflict, match="has a user already"):
        invitations.accept(token, name="Thief", password=PASSWORD, at=NOON)
    with pytest.raises(Conflict, match="This invitation is for"):
        invitations.accept(token, user=make_member(hospital.id, "doctor"), at=NOON)
    invitations.accept(token, user=elsewhere, at=NOON)
    assert set(elsewhere.memberships.values_list("role", flat=True)) == {"doctor", "cashier"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [({"roles": []}, "role"), ({"roles": ["wizard"]}, "role"), ({"email": "not an address"}, "email")],
)
def test_what_cannot_be_invited_is_refused_at_its_field(
    hospital: TestHospital, changes: dict[str, object], field: str
) -> None:
    with pytest.raises(DomainError) as refused:
        an_invitation(hospital, **changes)  # type: ignore[arg-type]
    assert refused.value.field == field


# Changing


def test_access_changes_with_what_was_before_and_after_in_the_audit_trail(hospital: TestHospital) -> None:
    user = make_member(hospital.id, "cashier")
    for _ in range(2):
        staff.change_member(
            hospital.id,
            user.id,
            roles=["doctor", "cashier"],
            departments=["cardiology"],
            actor=ADMINISTRATOR,
            at=NOON,
        )
    assert read_members(hospital.id, at=NOON)[0].roles == ("cashier", "doctor")
    with hospital.transaction():
        [record] = read_audit(subject_id=user.id)
    assert record.data["before"] == {"roles": ["cashier"], "departments": []}
    assert record.data["after"] == {"roles": ["cashier", "doctor"], "departments": ["cardiology"]}


def test_nobody_changes_or_suspends_themselves(hospital: TestHospital) -> None:
    me = make_member(hospital.id, "administrator")
    make_member(hospital.id, "cashier")
    actor = Actor(name="user:me", user_id=me.id, everything=True)
    with pytest.raises(Conflict, match="their own access"):
        staff.change_member(hospital.id, me.id, roles=["cashier"], actor=actor, at=NOON)
    with pytest.raises(Conflict, match="their own access"):
        staff.suspend_member(hospital.id, me.id, actor=actor, at=NOON)


def test_the_last_administrator_stays_one_and_is_not_suspended(hospital: TestHospital) -> None:
    last, other = make_member(hospital.id, "administrator"), make_member(hospital.id, "cashier")
    with pytest.raises(Conflict, match="last administrator"):
        staff.change_member(hospital.id, last.id, roles=["cashier"], actor=ADMINISTRATOR, at=NOON)
    with pytest.raises(Conflict, match="last administrator"):
        staff.suspend_member(hospital.id, last.id, actor=ADMINISTRATOR, at=NOON)
    staff.change_member(hospital.id, other.id, roles=["administrator"], actor=ADMINISTRATOR, at=NOON)
    staff.suspend_member(hospital.id, last.id, actor=ADMINISTRATOR, at=NOON)
    with pytest.raises(Conflict, match="last administrator"):
        staff.suspend_member(hospital.id, other.id, actor=ADMINISTRATOR, at=NOON)


def test_who_is_suspended_comes_back_as_what_they_were(hospital: TestHospital) -> None:
    user = make_member(hospital.id, "doctor")
    staff.suspend_member(hospital.id, user.id, actor=ADMINISTRATOR, at=NOON)
    with pytest.raises(Conflict, match="suspended already"):
        staff.suspend_member(hospital.id, user.id, actor=ADMINISTRATOR, at=NOON)
    assert read_members(hospital.id, at=NOON)[0].suspended_at == NOON
    staff.reactivate_member(hospital.id, user.id, actor=ADMINISTRATOR, at=NOON)
    [member] = read_members(hospital.id, at=NOON)
    assert (member.suspended_at, member.roles) == (None, ("doctor",))


def test_nobody_gives_or_takes_away_more_than_they_may_themselves(hospital: TestHospital) -> None:
    cashier, doctor = make_member(hospital.id, "cashier"), make_member(hospital.id, "doctor")
    actor = people_manager()
    for roles in (["administrator"], ["cashier", "billing_staff"]):
        with pytest.raises(DomainError, match="may do more than you"):
            staff.change_member(hospital.id, cashier.id, roles=roles, actor=actor, at=NOON)
    with pytest.raises(DomainError, match="may do more than you"):
        staff.change_member(hospital.id, doctor.id, roles=["cashier"], actor=actor, at=NOON)
    with pytest.raises(DomainError, match="may do more than you"):
        invitations.invite(
            hospital.id,
            email="x@example.org",
            roles=["administrator"],
            idempotency_key="more",
            actor=actor,
            at=NOON,
        )
    staff.change_member(hospital.id, doctor.id, roles=["doctor", "cashier"], actor=actor, at=NOON)


def test_another_hospitals_people_are_not_there(hospital: TestHospital) -> None:
    stranger = make_member(make_hospital().id, "cashier")
    with pytest.raises(NotFound):
        staff.change_member(hospital.id, stranger.id, roles=["doctor"], actor=ADMINISTRATOR, at=NOON)
    with pytest.raises(NotFound):
        staff.end_sessions(hospital.id, stranger.id, actor=ADMINISTRATOR, at=NOON)


def test_a_lost_second_factor_is_forgotten_where_the_person_works_only_here(hospital: TestHospital) -> None:
    user = make_member(hospital.id, "doctor")
    Authenticator.objects.create(user=user, type="totp", data={})
    staff.reset_second_factor(hospital.id, user.id, actor=ADMINISTRATOR, at=NOON)
    assert not Authenticator.objects.filter(user=user).exists()
    assert last_record(hospital).data["kinds"] == ["totp"]
    with pytest.raises(Conflict, match="no second factor"):
        staff.reset_second_factor(hospital.id, user.id, actor=ADMINISTRATOR, at=NOON)
    Membership.objects.create(hospital_id=make_hospital().id, user=user, role="doctor")
    Authenticator.objects.create(user=user, type="totp", data={})
    with pytest.raises(Conflict, match="another hospital too"):
        staff.reset_second_factor(hospital.id, user.id, actor=ADMINISTRATOR, at=NOON)
    staff.reset_second_factor_everywhere(user.email, actor=ADMINISTRATOR, at=NOON)
    assert not Authenticator.objects.filter(user=user).exists()


# Roles


def change(hospital: TestHospital, code: str, *permissions: str, actor: Actor = ADMINISTRATOR) -> None:
    title = roles_of(hospital.id)[code].title
    role_changes.change_role(hospital.id, code, title=title, permissions=permissions, actor=actor, at=NOON)


def test_a_changed_role_is_this_hospitals_alone_and_can_be_what_it_was_at_first(
    hospital: TestHospital,
) -> None:
    change(hospital, "cashier", "payments.record", "payments.void")
    assert roles_of(hospital.id)["cashier"].permissions == {"payments.record", "payments.void"}
    assert "payments.void" not in roles_of(make_hospital().id)["cashier"].permissions
    assert last_record(hospital).data["after"]["permissions"] == ["payments.record", "payments.void"]
    role_changes.remove_role(hospital.id, "cashier", actor=ADMINISTRATOR, at=NOON)
    assert "hospitals.read" in roles_of(hospital.id)["cashier"].permissions


def test_a_role_of_the_hospitals_own_is_removed_once_nobody_has_it(hospital: TestHospital) -> None:
    code = role_changes.add_role(
        hospital.id, title="Night  desk", permissions=["payments.record"], actor=ADMINISTRATOR, at=NOON
    )
    assert code == "night_desk"
    assert roles_of(hospital.id)[code].title == "Night desk"
    user = make_member(hospital.id, code)
    with pytest.raises(Conflict, match="Somebody has this role"):
        role_changes.remove_role(hospital.id, code, actor=ADMINISTRATOR, at=NOON)
    staff.change_member(hospital.id, user.id, roles=["cashier"], actor=ADMINISTRATOR, at=NOON)
    role_changes.remove_role(hospital.id, code, actor=ADMINISTRATOR, at=NOON)
    assert code not in roles_of(hospital.id)


@pytest.mark.parametrize("title", ["", "x" * 61, "cashier", "CASHIER"])
def test_a_role_needs_a_title_of_its_own(hospital: TestHospital, title: str) -> None:
    with pytest.raises(DomainError) as refused:
        role_changes.add_role(hospital.id, title=title, permissions=[], actor=ADMINISTRATOR, at=NOON)
    assert refused.value.field == "title"


def test_the_administrator_role_stays_as_it_is(hospital: TestHospital) -> None:
    with pytest.raises(Conflict, match="everything, always"):
        change(hospital, "administrator", "payments.record")


def test_nobody_changes_a_role_of_their_own_or_gives_it_what_they_lack(hospital: TestHospital) -> None:
    me = make_member(hospital.id, "cashier")
    mine = roles_of(hospital.id)["cashier"].permissions
    with pytest.raises(Conflict, match="a role of their own"):
        change(hospital, "cashier", *mine, "identity.manage", actor=people_manager(me))
    with pytest.raises(DomainError, match="more than you may"):
        change(hospital, "cashier", *mine, "payments.refund", actor=people_manager())
    with pytest.raises(DomainError, match="Unknown permission"):
        change(hospital, "cashier", *mine, "drones.fly")
    with pytest.raises(PermissionRefused):
        change(hospital, "cashier", actor=Actor(name="user:x"))
