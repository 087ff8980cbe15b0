"""The AsyncAPI document: every event that is published, from the types themselves."""

from typing import Any

import msgspec

from suture.canonical.cloudevents import encode
from suture.canonical.events import EVENT_TYPES
from suture.canonical.examples import example
from suture.gateway.api.guard import VERSION


def asyncapi_document() -> dict[str, Any]:
    """AsyncAPI 3.0: a channel a type, CloudEvents 1.0 with the type's data. The same events go to subscribers by
    webhook."""
    types, schemas = _schemas()
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Suture's events",
            "version": VERSION,
            "description": "Past-tense facts as CloudEvents 1.0. They refer to people by reference only.",
        },
        "servers": {
            "backbone": {
                "host": "{host}:4222",
                "protocol": "nats",
                "description": "JetStream, stream SUTURE; a subject a type.",
                "variables": {"host": {"default": "127.0.0.1"}},
            }
        },
        "defaultContentType": "application/cloudevents+json",
        "channels": {_name(told): _channel(told) for told in EVENT_TYPES},
        "operations": {f"send_{_name(told)}": _operation(told) for told in EVENT_TYPES},
        "components": {
            "messages": {_name(told): _message(told, types[told]) for told in EVENT_TYPES},
            "schemas": schemas,
        },
    }


def _schemas() -> tuple[dict[str, Any], dict[str, Any]]:
    """The schema of each type's data, and all that those refer to."""
    told, components = msgspec.json.schema_components(
        list(EVENT_TYPES.values()), ref_template="#/components/schemas/{name}"
    )
    return dict(zip(EVENT_TYPES, told, strict=True)), components


def _name(event_type: str) -> str:
    """A name that AsyncAPI allows."""
    return event_type.removeprefix("suture.").replace(".", "_")


def _channel(event_type: str) -> dict[str, Any]:
    name = _name(event_type)
    return {"address": event_type, "messages": {name: {"$ref": f"#/components/messages/{name}"}}}


def _operation(event_type: str) -> dict[str, Any]:
    return {"action": "send", "channel": {"$ref": f"#/channels/{_name(event_type)}"}}


def _message(event_type: str, data: dict[str, Any]) -> dict[str, Any]:
    return {
        "name": event_type,
        "title": event_type,
        "summary": (EVENT_TYPES[event_type].__doc__ or "").strip().partition("\n\n")[0].replace("\n    ", " "),
        "contentType": "application/cloudevents+json",
        "payload": {
            "type": "object",
            "required": ["specversion", "id", "type", "source", "subject", "time", "data"],
            "properties": {**_ATTRIBUTES, "type": {"const": event_type}, "data": data},
        },
        "examples": [{"name": "example", "payload": msgspec.json.decode(encode(example(event_type)))}],
    }


_TEXT, _MOMENT = {"type": "string"}, {"type": "string", "format": "date-time"}
_ATTRIBUTES: dict[str, Any] = {
    "specversion": {"const": "1.0"},
    "id": {"type": "string", "format": "uuid"},
    "source": _TEXT,
    "subject": {"type": "string", "description": "The entity that the event is about, and the ordering key."},
    "time": _MOMENT,
    "datacontenttype": {"const": "application/json"},
    "organisation": _TEXT,
    "facility": _TEXT,
    "recordedat": _MOMENT,
    "correlationid": {"type": "string", "description": "The journey: an appointment's id."},
    "causationid": {"type": "string", "format": "uuid"},
    "sequence": {"type": "integer", "description": "The subject's version at its source."},
}
