"""The server configuration that the embedded engine starts with.

chDB reads a `config.xml` of the current folder when it is given none, so one is always
written and named.
"""

from __future__ import annotations

import os
from pathlib import Path
from xml.sax.saxutils import escape

DEDUPLICATION_WINDOW = 10_000
"""Inserts per table whose deduplication tokens ClickHouse remembers."""

READER = "reader"
"""The role of statements that come from outside: it reads workspaces, and nothing else."""

READABLE = ("ws_*", "service")
"""The databases, by name or by prefix, that the role may read."""

_OLDER = {
    "allow_deprecated_error_prone_window_functions": 1,
    "input_format_read_datetime_number_as_raw_value": 1,
    "use_legacy_to_time": 1,
}
"""What ClickHouse took, or meant otherwise, before it came to refuse it: SQL and tables that people
have written for years go on working. `allow_dimensions_outside_sorting_key` below is another."""

_USERS = """<clickhouse>
    <profiles><default>{older}</default></profiles>
    <quotas><default/></quotas>
    <users>
        <default>
            <password></password>
            <networks><ip>::/0</ip></networks>
            <profile>default</profile>
            <quota>default</quota>
            <grants><query>GRANT owner</query><query>GRANT {reader}</query></grants>
        </default>
    </users>
    <roles>
        <owner><grants><query>GRANT ALL ON *.* WITH GRANT OPTION</query></grants></owner>
        <{reader}><grants>{grants}</grants></{reader}>
    </roles>
</clickhouse>
"""

_CONFIG = """<clickhouse>
    <timezone>UTC</timezone>
    <users_config>{users}</users_config>
    <mlock_executable>false</mlock_executable>
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>268435456</mark_cache_size>
    <background_pool_size>{cores}</background_pool_size>
    <background_schedule_pool_size>4</background_schedule_pool_size>
    <merge_tree>
        <non_replicated_deduplication_window>{window}</non_replicated_deduplication_window>
        <allow_dimensions_outside_sorting_key>1</allow_dimensions_outside_sorting_key>
    </merge_tree>
</clickhouse>
"""


def write_config(path: Path) -> None:
    """Write the configuration for this machine: at most half of its memory, all of its cores."""
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    cores = max(2, os.cpu_count() or 2)
    users = path.with_suffix(".users.xml")
    grants = "".join(f"<query>GRANT SELECT ON {name}.*</query>" for name in READABLE)
    older = "".join(f"<{name}>{value}</{name}>" for name, value in _OLDER.items())
    users.write_text(_USERS.format(reader=READER, grants=grants, older=older))
    path.write_text(
        _CONFIG.format(
            users=escape(str(users.absolute())),
            memory=total // 2,
            cores=cores,
            window=DEDUPLICATION_WINDOW,
        )
    )
