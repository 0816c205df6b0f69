"""Where sessions begin and end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from tests.oracle.clock import Period
from tests.oracle.session_rows import Row, page
from tests.oracle.sessions import sessions


def entry_exit_pages(
    rows: Iterable[Row],
    period: Period,
    *,
    order_by: str = "entries",
    limit: int = 10,
    bounce: str = "engaged",
) -> list[dict[str, Any]]:
    """The rows of the endpoint, for rows of one tenant."""
    found = sessions(rows, period)
    entries = Counter(page(session.entry) for session in found)
    exits = Counter(session.exit_page for session in found)
    bounces = Counter(page(session.entry) for session in found if session.bounced(bounce))
    columns = [entries, exits, bounces]
    first, second = (entries, exits) if order_by == "entries" else (exits, entries)
    ranked = sorted(
        {*entries, *exits}, key=lambda name: (-first[name], -second[name], name.encode())
    )
    lines = [(name, 0, [column[name] for column in columns]) for name in ranked[:limit]]
    if ranked[limit:]:
        others = [sum(column[name] for name in ranked[limit:]) for column in columns]
        lines.append(("(other)", 1, others))
    return [
        {
            "page": name,
            "is_other": is_other,
            "entry_count": entered,
            "exit_count": left,
            "bounce_count": bounced,
            "bounce_rate": bounced / entered if entered else None,
            "entry_share": entered / len(found),
            "exit_share": left / len(found),
            "total_session_count": len(found),
            "order_by": order_by,
            "bounce": bounce,
        }
        for name, is_other, (entered, left, bounced) in lines
    ]
