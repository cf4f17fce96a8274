"""The peer: an empty Starlette handler on uvicorn, which is asked the very same requests."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route


async def nothing(_: Request) -> Response:
    return Response(b"{}", media_type="application/json")


app = Starlette(routes=[Route("/api/v1/seats/acquire", nothing, methods=["POST"])])
