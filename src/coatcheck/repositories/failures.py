"""What a failure of the database means, in our words. Programming errors stay what they are."""

from __future__ import annotations

from sqlalchemy.exc import DatabaseError, DataError, DBAPIError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from coatcheck.domain.errors import CoatcheckError, Contended, Invalid, StorageFull, Unavailable

# PostgreSQL's SQLSTATE: serialization_failure, deadlock_detected.
_CONTENDED = ("40001", "40P01")
# Its classes «connection exception», «operator intervention» and «system error»; lock_not_available;
# read_only_sql_transaction, as of a server that has become a standby; idle_in_transaction_session_timeout.
_PASSING = ("08", "57", "58", "55P03", "25006", "25P03")


class in_our_words:  # noqa: N801 - reads as a phrase where it is used
    """Around what asks the database: its failures come out as errors of the domain."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if error is not None and (ours := _in_words(error)) is not None:
            raise ours from error


def contended(error: DBAPIError) -> bool:
    """Undone by the database, since it and another transaction waited for each other: it can be done again."""
    return _code(error) in _CONTENDED


def says_full(error: DBAPIError) -> bool:
    """SQLite: «database or disk is full». PostgreSQL: class 53100, «No space left on device»."""
    text = str(error.orig)
    return "disk is full" in text or "No space left on device" in text


def says_damaged(error: DBAPIError) -> bool:
    """SQLite: «database disk image is malformed», «malformed database schema», «file is not a database»."""
    if type(error) is not DatabaseError:  # its kinds are mistakes of ours, and none of the file
        return False
    text = str(error.orig)
    return "malformed" in text or "not a database" in text


def _in_words(error: BaseException) -> CoatcheckError | None:
    if isinstance(error, PoolTimeoutError):
        return Unavailable("The database is too busy.", retry_after=1)
    if not isinstance(error, DBAPIError):
        return None
    if contended(error):
        return Contended(retry_after=1)
    if isinstance(error, DataError):
        return Invalid("A text or a number in it is none that can be kept.")
    if says_damaged(error):
        return Unavailable("The file of the database is damaged, or holds none.", retry_after=60)
    passing = error.connection_invalidated or _code(error).startswith(_PASSING)
    if not passing and not isinstance(error, OperationalError):
        return None
    if says_full(error):
        return StorageFull(retry_after=60)
    return Unavailable("The database cannot serve now.", retry_after=1)


def _code(error: DBAPIError) -> str:
    return getattr(error.orig, "sqlstate", None) or ""
