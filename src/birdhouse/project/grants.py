"""The static tokens that datafiles declare."""

from __future__ import annotations

import msgspec

from birdhouse.workspace.resources import Resources, utc_now
from birdhouse.workspace.tokens import READ_PIPE, Scope, new_token
from birdhouse.workspace.workspaces import Workspace


def deployed_tokens(resources: Resources) -> dict[str, tuple[Scope, ...]]:
    """The static tokens that the datafiles declare, with their scopes."""
    declared: dict[str, list[Scope]] = {}
    for datasource in resources.datasources.values():
        for grant in datasource.tokens:
            scope = Scope(f"DATASOURCES:{grant.permission}", datasource.name)
            declared.setdefault(grant.name, []).append(scope)
    for pipe in resources.pipes.values():
        for grant in pipe.tokens:
            declared.setdefault(grant.name, []).append(Scope(READ_PIPE, pipe.name))
    return {name: tuple(scopes) for name, scopes in declared.items()}


def grant_tokens(workspace: Workspace, user_id: str, resources: Resources) -> None:
    """Create, change and remove the tokens that the datafiles declare; values stay."""
    declared = deployed_tokens(resources)
    for name, scopes in declared.items():
        known = workspace.find_token(name)
        if known is None:
            workspace.save_token(new_token(user_id, name, scopes, "DS"))
        elif known.scopes != scopes and known.origin == "DS":
            changed = msgspec.structs.replace(known, scopes=scopes, updated_at=utc_now())
            workspace.save_token(changed)
    for token in list(workspace.tokens.values()):
        if token.origin == "DS" and token.name not in declared:
            workspace.delete_token(token.id)
