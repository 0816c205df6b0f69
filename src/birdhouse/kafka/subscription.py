"""What a data source wants of a broker: its KAFKA_ settings and those of its connection."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import msgspec

from birdhouse.errors import BadRequest
from birdhouse.workspace.resources import Connection, DataSource, Resources

Reset = Literal["earliest", "latest"]

_PROTOCOLS = ("SASL_SSL", "SASL_PLAINTEXT", "SSL", "PLAINTEXT")
_MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
_FORMATS = ("json_without_schema",)
_RESETS: tuple[Reset, ...] = ("earliest", "latest")
_SWITCH = {"true": True, "1": True, "false": False, "0": False}


class Subscription(msgspec.Struct, frozen=True, kw_only=True):
    """A topic for a data source; two are the same when nothing of them has changed."""

    workspace: str
    """The workspace's id."""
    datasource: str
    """The data source's id, by which its position is kept."""
    name: str
    topic: str
    group: str
    reset: Reset
    raw_value: bool
    headers: bool
    security: tuple[tuple[str, str], ...]
    """librdkafka's settings for reaching the broker."""

    @property
    def stream(self) -> str:
        """What the position is kept under: another group reads the topic anew."""
        return f"{self.datasource} {self.group} {self.topic}"


def subscription_of(
    workspace: str, datasource: DataSource, resources: Resources
) -> Subscription | None:
    """What the data source subscribes to, None for one without a topic.

    Raises `BadRequest` for settings that cannot be served here.
    """
    settings = datasource.connector
    if "kafka_topic" not in settings:
        return None
    connection = resources.connections[settings["kafka_connection_name"]]
    for part in ("key", "value"):
        _choice(settings, f"kafka_{part}_format", _FORMATS, str.lower)
    return Subscription(
        workspace=workspace,
        datasource=datasource.id,
        name=datasource.name,
        topic=settings["kafka_topic"],
        group=settings["kafka_group_id"],
        reset="earliest"
        if _choice(settings, "kafka_auto_offset_reset", _RESETS[::-1], str.lower) == "earliest"
        else "latest",
        raw_value=_switch(settings, "kafka_store_raw_value"),
        headers=_switch(settings, "kafka_store_headers"),
        security=security_of(connection),
    )


def security_of(connection: Connection) -> tuple[tuple[str, str], ...]:
    """How to reach the broker of a connection. Raises `BadRequest`."""
    settings = connection.settings
    if connection.service != "kafka":
        raise BadRequest(f"The connection '{connection.name}' is none to Kafka")
    protocol = _choice(settings, "kafka_security_protocol", _PROTOCOLS, str.upper)
    found = {
        "bootstrap.servers": settings.get("kafka_bootstrap_servers", ""),
        "security.protocol": protocol,
    }
    if protocol.startswith("SASL"):
        mechanism = _choice(settings, "kafka_sasl_mechanism", _MECHANISMS, str.upper)
        found |= {
            "sasl.mechanism": mechanism,
            "sasl.username": settings.get("kafka_key", ""),
            "sasl.password": settings.get("kafka_secret", ""),
        }
    if protocol.endswith("SSL") and settings.get("kafka_ssl_ca_pem"):
        found["ssl.ca.pem"] = settings["kafka_ssl_ca_pem"]
    return tuple(found.items())


def _choice(
    settings: Mapping[str, str], name: str, known: tuple[str, ...], spell: Callable[[str], str]
) -> str:
    """One of the values that a setting may have; the first when it is not set."""
    value = spell(settings.get(name, "")) or known[0]
    if value not in known:
        raise BadRequest(f"{name.upper()} {value} is not served here: use {' or '.join(known)}")
    return value


def _switch(settings: Mapping[str, str], name: str) -> bool:
    value = settings.get(name, "false").strip("'\"").lower()
    if value not in _SWITCH:
        raise BadRequest(f"{name.upper()} is True or False, not '{value}'")
    return _SWITCH[value]
