"""A1, pure: what a role may do. What is not written here is denied."""

from enum import StrEnum, auto


class Role(StrEnum):
    OPERATOR = "operator"  # vendor: runs license operations
    APPROVER = "approver"  # vendor: decides who may license offline
    AUDITOR = "auditor"  # vendor: reads everything, changes nothing
    ADMINISTRATOR = "administrator"  # customer: license administrator
    VIEWER = "viewer"  # customer: reads


class Permission(StrEnum):
    SIGNED_IN = auto()  # whatever belongs to oneself: password, second factor, sessions, API tokens
    SEE = auto()  # an account's pages: one's own; for vendor staff, any
    ASK = auto()  # request offline licensing (E1)
    EXCHANGE = auto()  # token, LFR, OLF, receipt, reporting a loss
    SEE_VENDOR = auto()  # inbox, lists over all accounts, logs, keys
    DECIDE = auto()  # grant, refuse and withdraw approvals (E1)
    OPERATE = auto()  # accounts, GUIDs, purchases, catalogue, stating that a site's clock is off, proposing (A3)
    CONFIRM = auto()  # be the second person (A3)
    MANAGE_PEOPLE = auto()  # those of one's own account; for operators, everybody


_READS = frozenset({Permission.SIGNED_IN, Permission.SEE})
_VENDOR = _READS | {Permission.SEE_VENDOR}
_ALLOWED: dict[Role, frozenset[Permission]] = {
    Role.OPERATOR: _VENDOR
    | {Permission.ASK, Permission.EXCHANGE, Permission.OPERATE, Permission.CONFIRM, Permission.MANAGE_PEOPLE},
    Role.APPROVER: _VENDOR | {Permission.DECIDE, Permission.CONFIRM},
    Role.AUDITOR: _VENDOR,
    Role.ADMINISTRATOR: _READS | {Permission.ASK, Permission.EXCHANGE, Permission.MANAGE_PEOPLE},
    Role.VIEWER: _READS,
}
VENDOR_ROLES = frozenset({Role.OPERATOR, Role.APPROVER, Role.AUDITOR})
CUSTOMER_ROLES = frozenset(Role) - VENDOR_ROLES


def may(role: str, act: Permission) -> bool:
    return act in _ALLOWED.get(Role(role), frozenset()) if role in set(Role) else False


def is_vendor(role: str) -> bool:
    return role in VENDOR_ROLES
