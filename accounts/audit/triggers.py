"""The database itself refuses to change the log: triggers, in the dialect of each.

Whoever owns the tables can take triggers away; ``verification`` says when they are gone, and a head kept elsewhere
shows what was done meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from django.db import transaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor

_SQLITE: Final = {
    "audit_entry_keeps": """
        CREATE TRIGGER audit_entry_keeps BEFORE UPDATE ON audit_entry
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END""",
    "audit_entry_stays": """
        CREATE TRIGGER audit_entry_stays BEFORE DELETE ON audit_entry
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END""",
    # INSERT OR REPLACE deletes without asking the trigger above.
    "audit_entry_follows": """
        CREATE TRIGGER audit_entry_follows BEFORE INSERT ON audit_entry
        WHEN NOT EXISTS (
            SELECT 1 FROM audit_head WHERE position = NEW.id - 1 AND hash = NEW.previous_hash
        )
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows at its end'); END""",
    "audit_head_advances": """
        CREATE TRIGGER audit_head_advances BEFORE UPDATE ON audit_head
        WHEN NEW.position <> OLD.position + 1 OR NEW.id <> OLD.id
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END""",
    "audit_head_stays": """
        CREATE TRIGGER audit_head_stays BEFORE DELETE ON audit_head
        BEGIN SELECT RAISE(ABORT, 'the audit log only grows'); END""",
}

_POSTGRESQL_FUNCTIONS: Final = {
    "audit_refuse": """
        CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            RAISE EXCEPTION 'the audit log only grows' USING ERRCODE = 'restrict_violation';
        END $$""",
    "audit_require_head": """
        CREATE OR REPLACE FUNCTION audit_require_head() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF NOT EXISTS (SELECT 1 FROM audit_head WHERE position = NEW.id - 1 AND hash = NEW.previous_hash) THEN
                RAISE EXCEPTION 'the audit log only grows at its end' USING ERRCODE = 'restrict_violation';
            END IF;
            RETURN NEW;
        END $$""",
}
_POSTGRESQL: Final = {
    "audit_entry_keeps": """
        CREATE TRIGGER audit_entry_keeps BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_entry
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
    "audit_entry_follows": """
        CREATE TRIGGER audit_entry_follows BEFORE INSERT ON audit_entry
        FOR EACH ROW EXECUTE FUNCTION audit_require_head()""",
    "audit_head_advances": """
        CREATE TRIGGER audit_head_advances BEFORE UPDATE ON audit_head FOR EACH ROW
        WHEN (NEW.position <> OLD.position + 1 OR NEW.id <> OLD.id) EXECUTE FUNCTION audit_refuse()""",
    "audit_head_stays": """
        CREATE TRIGGER audit_head_stays BEFORE DELETE OR TRUNCATE ON audit_head
        FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse()""",
}


def install(connection: BaseDatabaseWrapper) -> None:
    """Have the database refuse. Afterwards ``missing`` is empty."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            for function in _POSTGRESQL_FUNCTIONS.values():
                cursor.execute(function)
        for trigger in _of(connection).values():
            cursor.execute(trigger)


def remove(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        for name in _of(connection):
            table = "audit_head" if name.startswith("audit_head") else "audit_entry"
            on = f" ON {table}" if connection.vendor == "postgresql" else ""
            cursor.execute(f"DROP TRIGGER IF EXISTS {name}{on}")
        if connection.vendor == "postgresql":
            for name in _POSTGRESQL_FUNCTIONS:
                cursor.execute(f"DROP FUNCTION IF EXISTS {name}()")


def missing(connection: BaseDatabaseWrapper) -> list[str]:
    """The triggers that are gone or switched off."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            # "D": disabled; "R": only while a replica applies changes.
            cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'audit_%' AND tgenabled NOT IN ('D', 'R')")
        else:
            cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
        present = {name for (name,) in cursor.fetchall()}
    return sorted(set(_of(connection)) - present)


@contextmanager
def lifted(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """For as long as the block lasts, and for this transaction alone, the log may be emptied."""
    with transaction.atomic(using=connection.alias):
        remove(connection)
        yield
        install(connection)


def install_by_migration(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    install(schema_editor.connection)


def remove_by_migration(apps: object, schema_editor: BaseDatabaseSchemaEditor) -> None:
    remove(schema_editor.connection)


def _of(connection: BaseDatabaseWrapper) -> dict[str, str]:
    return _POSTGRESQL if connection.vendor == "postgresql" else _SQLITE
