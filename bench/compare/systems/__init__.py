"""Those who are compared, a file for each."""

from __future__ import annotations

from bench.compare.system import System
from bench.compare.systems.bare import Bare
from bench.compare.systems.birdhouse import Birdhouse
from bench.compare.systems.duckdb import DuckDB
from bench.compare.systems.postgres import PostgreSQL
from bench.compare.systems.tutorials import Tutorials

SYSTEMS: dict[str, type[System]] = {
    system.name: system for system in (Birdhouse, Tutorials, PostgreSQL, DuckDB, Bare)
}
