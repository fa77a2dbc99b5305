"""Who may come in, and what was done: users, roles, API keys, the audit trail."""

from __future__ import annotations

import hashlib
import secrets
from typing import ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager
from django.contrib.postgres.fields import ArrayField
from django.db import models

from almoner.kernel.actor import Actor
from almoner.kernel.ids import new_id
from almoner.kernel.tenancy import TenantModel


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **extra: object) -> User:
        """A user who logs in with ``email``; without a password nobody can log in as them."""
        user = self.model(email=self.normalize_email(email).lower(), **extra)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())


class User(AbstractBaseUser):
    """A person who logs in. Belongs to the platform; ``Membership`` says where they work."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=200)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects: ClassVar[UserManager] = UserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]

    def __str__(self) -> str:
        return self.name or self.email


class Membership(models.Model):
    """A user's role at one hospital. Read before the hospital is known, hence the platform's."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hospital_id = models.UUIDField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="memberships")
    role = models.CharField(max_length=40)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["hospital_id", "user", "role"], name="membership_once")
        ]


class StaffMember(models.Model):
    """What a hospital knows about somebody who works there, besides the roles; absent: nothing special.

    ``departments`` are codes of the hospital's departments, to choose from first; they permit nothing. Whoever is
    suspended is not let in there until ``suspended_at`` is empty again. Read with ``Membership``, hence the
    platform's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hospital_id = models.UUIDField()
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    departments = ArrayField(models.CharField(max_length=60), default=list)
    suspended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "user"], name="staff_member_once")]


class HospitalRole(models.Model):
    """What a hospital changed about a standard role, or a role of its own (``identity.roles.RoleChange``).

    Read with ``Membership``, hence the platform's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hospital_id = models.UUIDField()
    code = models.CharField(max_length=40)
    title = models.CharField(max_length=60, blank=True)
    granted = ArrayField(models.CharField(max_length=60), default=list)
    withdrawn = ArrayField(models.CharField(max_length=60), default=list)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "code"], name="hospital_role_once")]


class Invitation(TenantModel):
    """A letter with a link by which somebody joins the staff. Open until accepted, withdrawn or expired.

    ``roles`` and ``departments`` are what they get; ``invited_by`` is the name of who decided it.
    """

    email = models.EmailField()
    roles = ArrayField(models.CharField(max_length=40))
    departments = ArrayField(models.CharField(max_length=60), default=list)
    invited_by = models.CharField(max_length=200)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["hospital_id", "email"],
                condition=models.Q(accepted_at=None, withdrawn_at=None),
                name="invitation_open_once",
            ),
            models.CheckConstraint(
                condition=models.Q(accepted_at=None) | models.Q(withdrawn_at=None),
                name="invitation_accepted_or_withdrawn",
            ),
        ]


class ApiKey(models.Model):
    """A program's key to one hospital. Only the SHA-256 of the secret is kept.

    Found by its hash before the hospital is known, hence the platform's.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    hospital_id = models.UUIDField()
    name = models.CharField(max_length=100)
    prefix = models.CharField(max_length=12)
    secret_hash = models.CharField(max_length=64, unique=True)
    scopes = ArrayField(models.CharField(max_length=60))
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    @staticmethod
    def hash_secret(secret: str) -> str:
        return hashlib.sha256(secret.encode()).hexdigest()

    @classmethod
    def issue(cls, *, hospital_id: object, name: str, scopes: list[str]) -> tuple[ApiKey, str]:
        """A new key and its secret, which is shown once and cannot be read again."""
        secret = "alm_" + secrets.token_urlsafe(32)
        key = cls.objects.create(
            hospital_id=hospital_id,
            name=name,
            prefix=secret[:12],
            secret_hash=cls.hash_secret(secret),
            scopes=scopes,
        )
        return key, secret

    def as_actor(self) -> Actor:
        return Actor(name=f"key:{self.name}", permissions=frozenset(self.scopes))


class AuditRecord(TenantModel):
    """One thing somebody did that a reviewer may ask about. Never changed, sealed in blocks."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=80)
    subject_kind = models.CharField(max_length=60)
    subject_id = models.UUIDField(null=True)
    data = models.JSONField(default=dict)

    class Meta:
        indexes = [models.Index(fields=["hospital_id", "at"], name="audit_by_time")]


class AuditBlock(TenantModel):
    """A seal over audit records: its hash covers them and the block before, so none can be edited unseen.

    Written after the records' own transactions, so that the chain never makes a hospital wait.
    """

    number = models.BigIntegerField()
    sealed_at = models.DateTimeField()
    record_ids = ArrayField(models.UUIDField())
    previous_hash = models.CharField(max_length=64)
    hash = models.CharField(max_length=64)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["hospital_id", "number"], name="audit_block_once")]
