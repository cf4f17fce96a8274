"""Rows: a person who signs in, and the tokens that their programs carry."""

from typing import ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models

from carnet.calm.customers.models import Account
from carnet.calm.people.access import Role, is_vendor
from carnet.web_kit.sent_once import SentForms
from carnet.web_kit.sign_in.half_codes import HalfCodes


class People(BaseUserManager["Person"]):
    def get_by_natural_key(self, username: str | None) -> "Person":
        return self.get(email=(username or "").lower())


class Person(AbstractBaseUser):
    """`email` is the name that acts are recorded under: a person has one, and so cannot count as two (A3)."""

    email = models.EmailField(unique=True)  # lower case
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=16, choices=[(role.value, role.value) for role in Role])
    account = models.ForeignKey(Account, null=True, on_delete=models.PROTECT)  # a customer's; none for vendor staff
    is_active = models.BooleanField(default=True)
    added_at = models.DateTimeField()

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = People()

    class Meta:
        constraints = (
            models.CheckConstraint(
                condition=models.Q(account__isnull=True, role__in=["operator", "approver", "auditor"])
                | models.Q(account__isnull=False, role__in=["administrator", "viewer"]),
                name="customers_have_an_account",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_vendor(self) -> bool:
        return is_vendor(self.role)


class EntryCode(HalfCodes):
    """A3: a code in two halves, for somebody of the vendor, where no mail server is set."""


class SentForm(SentForms):
    """N4: a form that was carried out, or is being carried out."""


class AccountIssuer(models.Model):
    """A5: the issuer by which an account's people sign in, as one of its administrators named it."""

    account = models.OneToOneField(Account, primary_key=True, on_delete=models.PROTECT)
    url = models.CharField(max_length=200)
    client_id = models.CharField(max_length=200)
    secret = models.BinaryField()  # as the vault wraps it (A2)
    domains = models.TextField()  # of its people's addresses, one a line, lower case
    by = models.EmailField()
    at = models.DateTimeField()

    def __str__(self) -> str:
        return self.url


class ApiToken(models.Model):
    """What a program shows instead of a password; it may what its person may."""

    id = models.CharField(primary_key=True, max_length=16)
    person = models.ForeignKey(Person, on_delete=models.CASCADE)
    label = models.CharField(max_length=200)
    digest = models.CharField(max_length=64)  # SHA-256 of the secret, which has 256 random bits
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)  # to the minute

    def __str__(self) -> str:
        return self.label
