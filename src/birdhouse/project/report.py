"""How builds and deployments speak to people: feedback, and places in datafiles."""

from __future__ import annotations

import re
from typing import Literal

from birdhouse.workspace.resources import Node, Pipe

Feedback = dict[str, str]
"""`resource`, `level` and `message`."""


def feedback(resource: str, level: Literal["INFO", "WARNING"], message: str) -> Feedback:
    return {"resource": resource, "level": level, "message": message}


def place(pipe: Pipe, node: Node) -> str:
    """The node, with the line of the datafile that begins it where that can be found."""
    pattern = re.compile(rf"\s*NODE\s+[\"']?{re.escape(node.name)}[\"']?\s*$", re.IGNORECASE)
    lines = enumerate(pipe.text.splitlines(), 1)
    line = next((number for number, text in lines if pattern.match(text)), 0)
    return f"Node '{node.name}' (line {line})" if line else f"Node '{node.name}'"
