"""``suture api``: the documents of the API and of the events, made from the code."""

import sys

import msgspec
from cyclopts import App

app = App(name="api", help="The API's documents, as its clients get them from the gateway.")


@app.command
def openapi() -> None:
    """Print the OpenAPI document of the REST API."""
    from suture.gateway.api.describing import openapi_document
    from suture.gateway.api.routes import ROUTERS

    _print(openapi_document([route for router in ROUTERS for route in router.routes]))


@app.command
def asyncapi() -> None:
    """Print the AsyncAPI document of the events."""
    from suture.gateway.api.asynchronous import asyncapi_document

    _print(asyncapi_document())


def _print(document: object) -> None:
    sys.stdout.buffer.write(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")
