"""alembic's: the way from each released version's tables to these. No step is ever changed."""
