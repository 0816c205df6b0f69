"""Service data sources: `tinybird.*` and `organization.*`, each as the SELECT that stands for it.

Three of them are kept by `workspace.activity`; the daily roll-ups, the errors, the jobs and the
storage are derived from those and from what the workspace holds; the rest, which a server on one
machine has nothing to say about, are empty. All have every column of Tinybird's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from birdhouse import tinybird
from birdhouse.engine import quote_name, quote_text
from birdhouse.workspace.activity import DATABASE, KEPT
from birdhouse.workspace.jobs import Job
from birdhouse.workspace.resources import DataSource
from birdhouse.workspace.tokens import Access

DATABASES = ("tinybird", "organization")


def may_read(database: str, access: Access | None) -> bool:
    """Whether the caller may name tables of that service database; pipes always may."""
    if access is None or access.is_admin:
        return True
    return access.reads_organization if database == "organization" else access.reads_all


def select(
    database: str,
    name: str,
    workspace_id: str,
    visible: Iterable[DataSource],
    jobs: Mapping[str, Job],
) -> str | None:
    """The SELECT that stands for `database`.`name`; None when there is no such data source.

    `visible` are the workspace's data sources, `jobs` its jobs.
    """
    columns = tinybird.service_columns().get(f"{database}.{name}")
    if columns is None:
        return None
    own = f"workspace_id = {quote_text(workspace_id)}" if database == "tinybird" else "1"
    if name in KEPT:
        shown = _SHOWN.get(f"{database}.{name}", "*")
        rows = f"SELECT {shown} FROM {DATABASE}.{name} WHERE {own}"
    elif name in _DERIVED:
        rows = _DERIVED[name].format(database=DATABASE, own=own)
    elif name == "datasources_storage":
        rows = _storage(workspace_id, visible)
    elif name == "jobs_log":
        rows = _jobs(workspace_id, jobs.values())
    else:
        rows = ""
    if not rows:
        structure = ", ".join(f"{quote_name(column)} {type_}" for column, type_ in columns)
        return f"SELECT * FROM null({quote_text(structure)})"
    listed = ", ".join(
        f"CAST({quote_name(column)}, {quote_text(type_)}) AS {quote_name(column)}"
        for column, type_ in columns
    )
    return f"SELECT {listed} FROM ({rows})"


_SHOWN = {"organization.sinks_ops_log": "* REPLACE (emptyArrayString() AS output)"}
"""What is another type there: `output` is the number of files, there it would be their names."""

_PIPE_STATS = """
    SELECT
        workspace_id, toStartOfDay(start_datetime) AS date, pipe_id, pipe_name,
        avgState(duration) AS avg_duration_state,
        sum(error) AS error_count,
        count() AS view_count,
        quantilesTimingState(0.9, 0.95, 0.99)(toFloat64(duration)) AS quantile_timing_state,
        sum(read_bytes) AS read_bytes_sum,
        sum(read_rows) AS read_rows_sum,
        sum(toFloat64(cpu_time)) AS cpu_time_sum,
        any(resource_tags) AS resource_tags
    FROM {database}.pipe_stats_rt
    WHERE {own}
    GROUP BY workspace_id, date, pipe_id, pipe_name
"""
_ERRORS = """
    SELECT
        workspace_id, start_datetime, request_id, pipe_id, pipe_name,
        toJSONString(parameters) AS params, url, status_code, error_message AS error, resource_tags
    FROM {database}.pipe_stats_rt
    WHERE {own} AND pipe_stats_rt.error = 1
"""
_OPERATIONS = """
    SELECT
        workspace_id, toStartOfDay(timestamp) AS event_date, datasource_id, datasource_name,
        event_type, pipe_id, pipe_name,
        countIf(result = 'error') AS error_count,
        count() AS executions,
        avgState(elapsed_time) AS avg_elapsed_time_state,
        quantilesState(0.9, 0.95, 0.99)(toFloat64(elapsed_time)) AS quantiles_state,
        sum(read_rows) AS read_rows,
        sum(read_bytes) AS read_bytes,
        sum(written_rows) AS written_rows,
        sum(written_bytes) AS written_bytes,
        sum(written_rows_quarantine) AS written_rows_quarantine,
        sum(written_bytes_quarantine) AS written_bytes_quarantine,
        sum(toFloat64(cpu_time)) AS cpu_time,
        any(resource_tags) AS resource_tags
    FROM {database}.datasources_ops_log
    WHERE {own}
    GROUP BY
        workspace_id, event_date, datasource_id, datasource_name, event_type, pipe_id, pipe_name
"""
_DERIVED = {
    "pipe_stats": _PIPE_STATS,
    "endpoint_errors": _ERRORS,
    "datasources_ops_stats": _OPERATIONS,
}


def _storage(workspace_id: str, visible: Iterable[DataSource]) -> str:
    """What is stored now, a row for each data source."""
    named = ", ".join(
        f"({', '.join(map(quote_text, (d.id, d.name, d.table, d.quarantine)))})" for d in visible
    )
    if not named:
        return ""
    database = quote_text("ws_" + workspace_id.replace("-", ""))
    return f"""
        SELECT
            {quote_text(workspace_id)} AS workspace_id,
            named.1 AS datasource_id,
            named.2 AS datasource_name,
            now() AS timestamp,
            sumIf(size, name = named.3) AS bytes,
            sumIf(count, name = named.3) AS rows,
            sumIf(size, name = named.4) AS bytes_quarantine,
            sumIf(count, name = named.4) AS rows_quarantine
        FROM (
            SELECT
                name,
                ifNull(total_bytes, 0) AS size,
                ifNull(total_rows, 0) AS count,
                arrayJoin([{named}]) AS named
            FROM system.tables
            WHERE database = {database}
        )
        GROUP BY named
    """


def _jobs(workspace_id: str, jobs: Iterable[Job]) -> str:
    """The jobs of the Jobs API, a row for each."""
    rows = []
    for job in jobs:
        detail = job.detail
        source, pipe = detail.get("datasource"), detail.get("pipe_id")
        datasource = source.get("id") if isinstance(source, dict) else None
        metadata = msgspec.json.encode(job.report("")).decode()
        values = (job.id, job.kind, job.status, job.error, workspace_id, None, pipe, datasource)
        times = (job.created_at, job.started_at, job.updated_at)
        rows.append(f"({', '.join(map(_value, (*values, *times, metadata)))})")
    return f"SELECT * FROM values({quote_text(_JOB)}, {', '.join(rows)})" if rows else ""


_JOB = (
    "job_id String, job_type String, status String, error Nullable(String), workspace_id String, "
    "request_id Nullable(String), pipe_id Nullable(String), datasource_id Nullable(String), "
    "created_at DateTime64(3), started_at Nullable(DateTime64(3)), updated_at DateTime64(3), "
    "job_metadata String"
)


def _value(value: object) -> str:
    return "NULL" if value is None else quote_text(str(value))
