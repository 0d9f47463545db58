"""What makes words be found among a million pages, in either database.

SQLite: the trigrams of each page's words in an FTS5 table, kept by triggers. PostgreSQL: a trigram index (pg_trgm).
Both find parts of words, which is what people remember of a reference, in any language. Without them the same search
answers the same, only slowly.

This is laid down after every ``migrate`` rather than in one migration: SQLite drops triggers and hand-made indexes
whenever a later migration rebuilds a table, and on PostgreSQL the extension may be allowed only later.
https://www.sqlite.org/fts5.html#the_trigram_tokenizer · https://www.postgresql.org/docs/current/pgtrgm.html
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

logger = logging.getLogger(__name__)

COLUMNS: Final = ("patient_reference", "original_name", "note")
# Each on a line of its own, so that no search runs from one into the next; two line ends before it make a trigram of
# the one letter that it begins with.
_SQLITE_BREAK: Final = "char(10) || char(10)"
# As much of a checksum as anybody types in.
CHECKSUM_LENGTH: Final = 16
# A mark that no hexadecimal digit can be taken for, so that a checksum is found by its start alone.
CHECKSUM_MARK: Final = "#"

_SQLITE_TABLES: Final = (
    "CREATE TABLE IF NOT EXISTS diagnosis_search_page (id INTEGER PRIMARY KEY, upload_id char(32) NOT NULL UNIQUE)",
    (
        "CREATE VIRTUAL TABLE IF NOT EXISTS diagnosis_search "
        "USING fts5(words, checksum, content='', tokenize='trigram', columnsize=0)"
    ),
)
_NUMBER: Final = "(SELECT id FROM diagnosis_search_page WHERE upload_id = {row}.id)"


def _values(row: str) -> str:
    words = " || ".join(f"{_SQLITE_BREAK} || {row}.{column}" for column in COLUMNS)
    return f"{words}, '{CHECKSUM_MARK}' || substr({row}.sha256, 1, {CHECKSUM_LENGTH})"


_ADD: Final = (
    f"INSERT INTO diagnosis_search(rowid, words, checksum) SELECT {_NUMBER.format(row='new')}, {_values('new')};"
)
# A table without contents of its own has to be told what it forgets.
_FORGET: Final = (
    "INSERT INTO diagnosis_search(diagnosis_search, rowid, words, checksum) "
    f"SELECT 'delete', {_NUMBER.format(row='old')}, {_values('old')};"
)
_SQLITE_TRIGGERS: Final = {
    "diagnosis_search_added": (
        "AFTER INSERT ON diagnosis_upload BEGIN "
        f"INSERT INTO diagnosis_search_page(upload_id) VALUES (new.id); {_ADD} END"
    ),
    "diagnosis_search_changed": (
        f"AFTER UPDATE OF {', '.join(COLUMNS)}, sha256 ON diagnosis_upload BEGIN {_FORGET} {_ADD} END"
    ),
    "diagnosis_search_removed": (
        "AFTER DELETE ON diagnosis_upload BEGIN "
        f"{_FORGET} DELETE FROM diagnosis_search_page WHERE upload_id = old.id; END"
    ),
}
_SQLITE_FILL: Final = (
    "INSERT INTO diagnosis_search(diagnosis_search) VALUES ('delete-all')",
    "DELETE FROM diagnosis_search_page",
    "INSERT INTO diagnosis_search_page(upload_id) SELECT id FROM diagnosis_upload ORDER BY created_at",
    (
        "INSERT INTO diagnosis_search(rowid, words, checksum) "
        f"SELECT page.id, {_values('upload')} FROM diagnosis_search_page page "
        "JOIN diagnosis_upload upload ON upload.id = page.upload_id"
    ),
)

_POSTGRESQL_WORDS: Final = " || ".join(f"E'\\n\\n' || {column}" for column in COLUMNS)
_POSTGRESQL_INDEXES: Final = (
    # As Django writes ``icontains`` of `searching.Words`; another expression would not be found.
    (
        "CREATE INDEX IF NOT EXISTS diagnosis_upload_words ON diagnosis_upload "
        f"USING gin (UPPER(({_POSTGRESQL_WORDS})::text) gin_trgm_ops)"
    ),
    # A hundred samples, as is usual, make a rare word that is among them seem common.
    "ALTER INDEX diagnosis_upload_words ALTER COLUMN 1 SET STATISTICS 1000",
    "CREATE INDEX IF NOT EXISTS diagnosis_upload_checksum ON diagnosis_upload (sha256 varchar_pattern_ops)",
)
_EVERYWHERE: Final = (
    (
        # Whole, because SQLite uses no partial index for a state that it learns later than the query.
        "CREATE INDEX IF NOT EXISTS diagnosis_report_verdict ON review_report (verdict, state, diagnosis_id)"
    ),
)


def install(using: str = DEFAULT_DB_ALIAS) -> None:
    """Lay down what is missing; quick where nothing is."""
    connection = connections[using]
    if "diagnosis_upload" not in connection.introspection.table_names():
        return
    with transaction.atomic(using=using):
        if connection.vendor == "sqlite":
            _install_on_sqlite(connection)
        elif connection.vendor == "postgresql":
            _install_on_postgresql(connection, using)
        if "review_report" in connection.introspection.table_names():
            _run(connection, _EVERYWHERE)


def install_after_migrate(using: str, **_kwargs: Any) -> None:
    """Receiver of ``post_migrate``."""
    install(using)


def is_installed(connection: BaseDatabaseWrapper) -> bool:
    """Whether words are found through an index."""
    wanted = {"sqlite": "diagnosis_search_removed", "postgresql": "diagnosis_upload_words"}.get(connection.vendor)
    catalogue = {"sqlite": "SELECT 1 FROM sqlite_master WHERE name = %s"}.get(
        connection.vendor, "SELECT 1 FROM pg_indexes WHERE indexname = %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(catalogue, [wanted])
        return cursor.fetchone() is not None


def _install_on_sqlite(connection: BaseDatabaseWrapper) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'diagnosis_upload'")
        present = {name for (name,) in cursor.fetchall()}
    missing = [name for name in _SQLITE_TRIGGERS if name not in present]
    if not missing:
        return
    try:
        with transaction.atomic(using=connection.alias):
            _run(connection, _SQLITE_TABLES)
            # Whatever was changed while a trigger was away is not known.
            _run(connection, [f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE_TRIGGERS])
            _run(connection, _SQLITE_FILL)
            _run(connection, [f"CREATE TRIGGER {name} {body}" for name, body in _SQLITE_TRIGGERS.items()])
    except DatabaseError as error:
        logger.warning(
            "This SQLite has no trigram search (it needs 3.34 with FTS5), so searching a long history is slow: %s",
            error,
        )


def _install_on_postgresql(connection: BaseDatabaseWrapper, using: str) -> None:
    try:
        # Trusted since PostgreSQL 13: the owner of a database may create it, unless the provider forbids that.
        with transaction.atomic(using=using):
            _run(connection, ["CREATE EXTENSION IF NOT EXISTS pg_trgm"])
        with transaction.atomic(using=using):
            _run(connection, _POSTGRESQL_INDEXES)
    except DatabaseError as error:
        logger.warning(
            "The extension pg_trgm cannot be used, so searching a long history for words is slow. Have a database "
            "administrator run CREATE EXTENSION pg_trgm, then run migrate again. PostgreSQL says: %s",
            str(error).strip(),
        )


def _run(connection: BaseDatabaseWrapper, statements: Any) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
