"""Kafka in: topics that data sources name, read as their messages come.

`Consumers` is the door; docs/connectors.md says which settings count and what is promised.
"""

from __future__ import annotations

from birdhouse.kafka.consumer import Status
from birdhouse.kafka.consumers import Consumers
from birdhouse.kafka.subscription import subscription_of

__all__ = ["Consumers", "Status", "subscription_of"]
