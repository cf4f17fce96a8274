"""The interface as a whole: what `web.urls` mounts."""

from typing import Any

import msgspec
from ninja import NinjaAPI

from carnet.calm.rest import accounts, exchange, vendor
from carnet.calm.rest.auth import SHUT
from carnet.calm.rest.problems import add_handlers
from carnet.exchange.verdicts import Code
from carnet.rest_kit.problems import CONTENT_TYPE, STATUS, Problem

PROBLEM = {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
STATUSES = sorted({STATUS[code] for code in set(Code) - {Code.METHOD_NOT_ALLOWED, Code.FAULT}})


class Interface(NinjaAPI):
    """Every operation may answer with a problem: said once, for all."""

    def get_openapi_schema(self, **options: object):  # type: ignore[no-untyped-def]
        document = super().get_openapi_schema(**options)  # type: ignore[arg-type]
        document["components"]["schemas"]["Problem"] = msgspec.json.schema(Problem)["$defs"]["Problem"]
        for path in document["paths"].values():
            for operation in path.values():
                for answer in operation["responses"].values():
                    _as_file(answer)
                for status in STATUSES:
                    operation["responses"][status] = {"description": "A problem", "content": PROBLEM}
        return document


def _as_file(answer: dict[str, Any]) -> None:
    """Bytes are a file's, not JSON."""
    content = answer.get("content", {})
    if content.get("application/json", {}).get("schema", {}).get("format") == "binary":
        answer["content"] = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}


api = Interface(
    title="CALM",
    version="1",
    description="Offline licensing: accounts, purchases, requests and license files.",
    auth=SHUT,
    docs_url=None,
    urls_namespace="api",
)
add_handlers(api)
for router in (accounts.router, exchange.router, vendor.router):
    api.add_router("", router)
