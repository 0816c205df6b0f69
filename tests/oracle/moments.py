"""Moments at which analytics go wrong: changes of the clock, midnights, and seconds that repeat."""

from __future__ import annotations

from hypothesis import strategies as st
from tests.oracle.clock import seconds

CHANGES = [
    ("UTC", "2025-06-30 00:00:00"),
    ("Asia/Kathmandu", "2025-06-29 18:15:00"),  # midnight, 5:45 ahead of UTC
    ("America/New_York", "2025-03-09 07:00:00"),  # 02:00 becomes 03:00
    ("America/New_York", "2025-11-02 06:00:00"),  # 02:00 becomes 01:00
    ("Europe/Madrid", "2025-03-30 01:00:00"),
    ("Europe/Madrid", "2025-10-26 01:00:00"),
    ("America/Havana", "2025-03-09 05:00:00"),  # midnight becomes 01:00
    (
        "America/Havana",
        "2025-11-02 05:00:00",
    ),  # 01:00 becomes midnight, which comes twice
    (
        "America/Santiago",
        "2025-04-06 03:00:00",
    ),  # midnight becomes 23:00 of the day before
    ("America/Santiago", "2025-09-07 04:00:00"),  # midnight becomes 01:00
    ("Australia/Lord_Howe", "2025-04-05 15:00:00"),  # half an hour back
    ("Australia/Lord_Howe", "2025-10-04 15:30:00"),  # half an hour forward
]
"""Zones, each with a moment (UTC) that is a midnight or a change of the clock there."""

changes = st.sampled_from([(zone, seconds(at)) for zone, at in CHANGES])

_JUMPS = [0, 0, 0, 1, 5, 9, 10, 11, 59, 60, 600, 1800, 1801, 3600, 7200, 43_200, 86_400]


def near(at: int, *, days: int = 2) -> st.SearchStrategy[int]:
    """Moments around one, many of them the same second or a telling distance away."""
    jumps = st.sampled_from([sign * jump for jump in _JUMPS for sign in (1, -1)])
    whole_days = st.integers(-days, days).map(lambda number: number * 86_400)
    return st.builds(lambda jump, shift: at + jump + shift, jumps, whole_days)
