"""What was counted: a row per service, where one note held all of them."""

import json

import sqlalchemy as sa
from alembic import op

revision, down_revision = "0002", "0001"
_NOTES = sa.table("notes", sa.column("key"), sa.column("value"))


def upgrade() -> None:
    usage = op.create_table(
        "usage",
        sa.Column("service", sa.String(64), primary_key=True),
        sa.Column("counted", sa.Text, nullable=False),
    )
    position = _NOTES.c.key == "access_log"
    connection = op.get_bind()
    text = connection.execute(sa.select(_NOTES.c.value).where(position)).scalar()
    note = json.loads(text) if text else None
    if not isinstance(note, dict):
        return
    counted = note.pop("services", {})
    rows = [{"service": name, "counted": json.dumps(one)} for name, one in counted.items()]
    op.bulk_insert(usage, rows)
    connection.execute(sa.update(_NOTES).where(position).values(value=json.dumps(note)))
