"""The descriptions of the REST interfaces state the bounds that the rules have."""

from typing import get_args, get_type_hints

import msgspec

from carnet.calm.rest import schemas
from carnet.entitlements.line import Policy


def test_grace_days_have_the_bounds_of_the_format() -> None:
    rule = next(each for each in get_args(get_type_hints(Policy, include_extras=True)["grace_days"])[1:])
    assert isinstance(rule, msgspec.Meta)
    shapes = [each for each in vars(schemas).values() if "grace_days" in getattr(each, "model_fields", {})]
    found = [each.model_json_schema()["properties"]["grace_days"] for each in shapes]
    asked = [each for each in found if "maximum" in each]
    assert asked
    assert all((each["minimum"], each["maximum"]) == (rule.ge, rule.le) for each in asked)
