"""Plans of endpoints, kept for the next request with the same parameters.

Rendering the templates and printing the SQL costs more than many queries do.

Concurrency: a lock guards the order of the entries; two threads may plan the same request once
each.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Hashable

from birdhouse.query.plan import Plan, Scope, plan_pipe
from birdhouse.workspace.resources import Pipe, Resources

_ENTRIES = 1024
_BYTES = 32 * 1024 * 1024
"""Of SQL, in all entries together."""


class Plans:
    """The most recently used plans."""

    def __init__(self) -> None:
        self._plans: OrderedDict[Hashable, tuple[Resources, Plan]] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def pipe(self, pipe: Pipe, scope: Scope) -> Plan:
        """As `plan_pipe` of the pipe's output."""
        fixed = scope.access.fixed_params(pipe.name, pipe.id) if scope.access else {}
        key = (
            id(scope.resources),
            pipe.name,
            frozenset(scope.variables.items()),
            repr(fixed),
            frozenset(scope.secrets.items()),
        )
        with self._lock:
            found = self._plans.get(key)
            if found is not None and found[0] is scope.resources:
                self._plans.move_to_end(key)
                return found[1]
        plan = plan_pipe(pipe, scope)
        if plan.lasting:
            self._keep(key, scope.resources, plan)
        return plan

    def _keep(self, key: Hashable, resources: Resources, plan: Plan) -> None:
        with self._lock:
            known = self._plans.pop(key, None)
            self._plans[key] = (resources, plan)
            self._bytes += len(plan.sql) - (len(known[1].sql) if known else 0)
            while len(self._plans) > _ENTRIES or self._bytes > _BYTES:
                _, (_, oldest) = self._plans.popitem(last=False)
                self._bytes -= len(oldest.sql)
