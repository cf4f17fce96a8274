"""A3, A5: which identity of an issuer is whose, as rows: bound by the person, asked at each sign-in by an issuer, and
where two people are to be two."""

from carnet.calm.use_cases.context import Act
from carnet.calm.use_cases.models import Identity
from carnet.vouching import is_two_identities, plain


def bind(doing: Act, whom: str, identity: str) -> str:
    """A sentence where it is somebody else's."""
    if Identity.objects.filter(identity=identity).exclude(whom=plain(whom)).exists():
        return "This identity is somebody else's already. One identity is one person."
    Identity.objects.filter(whom=plain(whom)).delete()
    Identity(whom=plain(whom), identity=identity, at=doing.now).save(force_insert=True)
    doing.record("person.identity_bound", whom, identity=identity)
    return ""


def forget(whom: str) -> None:
    Identity.objects.filter(whom=plain(whom)).delete()


def of(whom: str) -> str | None:
    return Identity.objects.filter(whom=plain(whom)).values_list("identity", flat=True).first()


def are_two(one: str, other: str) -> bool:
    """A3: whether they have identities of one issuer, or none at all."""
    return is_two_identities(of(one), of(other))
