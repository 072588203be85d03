"""What alembic runs: the steps that are lacking, in the transaction that schema.py began."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
