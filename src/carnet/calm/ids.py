"""The id of a line, which is not kept but derived."""

from uuid import UUID, uuid5


def line_id(enrolment: str, purchase: str) -> str:
    """Q1: the same within an enrolment, another with a new one."""
    return str(uuid5(UUID(enrolment), purchase))
