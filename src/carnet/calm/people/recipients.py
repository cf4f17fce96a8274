"""Whom the mails go to that `notices.waiting` sends."""

from carnet.calm.people.access import VENDOR_ROLES, Permission, may
from carnet.calm.people.models import Person
from carnet.calm.people.staff import addresses_of


class Recipients:
    """Whom mails go to, as `notices.waiting` asks."""

    def deciding(self) -> list[str]:
        return _who_may(Permission.DECIDE)

    def confirming(self) -> list[str]:
        return _who_may(Permission.CONFIRM)

    def operating(self) -> list[str]:
        return _who_may(Permission.OPERATE)

    def of_account(self, account: str) -> list[str]:
        return addresses_of(account)

    def is_person(self, address: str) -> bool:
        return Person.objects.filter(email=address, is_active=True).exists()


def _who_may(what: Permission) -> list[str]:
    """Of the vendor's own people."""
    roles = [role.value for role in VENDOR_ROLES if may(role, what)]
    people = Person.objects.filter(role__in=roles, account=None, is_active=True)
    return list(people.order_by("email").values_list("email", flat=True))
