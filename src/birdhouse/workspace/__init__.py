"""What exists: workspaces with their deployments, tokens, secrets and jobs, in one SQLite file."""
