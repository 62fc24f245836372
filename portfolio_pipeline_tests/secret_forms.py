"""Looking for secrets in every form in which they may have been written down, and in everything that a home holds.

A form is what somebody could read a secret from: itself, a long piece of it, or an encoding. Content is looked at as it
lies there, and unpacked: what is compressed, and the rows of databases and Parquet, in which strings may be split or
packed.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
import sqlite3
import urllib.parse
import zlib
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from pathlib import Path

import duckdb

_PIECE = 12  # letters of a secret in a row, which are too many to be told by chance
_PACKED = re.compile(rb"\x1f\x8b\x08|\x78[\x01\x5e\x9c\xda]")
_PACKED_IN_BASE64 = re.compile(rb"(?=((?:H4sI|eA|eF|eJ|eN)[A-Za-z0-9+/_-]{22,}))")  # how those begin there
_DEEPEST = 3
_READ_BYTES = 4_096
_UNPACKED_BYTES = 50_000_000
_DATABASE = (b"SQLite format 3\0", b"PAR1")


def forms(secret: str | bytes) -> dict[str, bytes]:
    """By its name, every form of a secret; base64 as it looks after nought, one and two other bytes."""
    plain = secret if isinstance(secret, bytes) else secret.encode()
    found = {
        "plain": plain,
        "reversed": plain[::-1],
        "hex": plain.hex().encode(),
        "HEX": plain.hex().upper().encode(),
        "of an address": urllib.parse.quote(plain, safe="").encode(),
        "of a form": urllib.parse.quote_plus(plain).encode(),
        "bytes of Python": repr(plain)[2:-1].encode(),
        "base32": base64.b32encode(plain)[: len(plain) * 8 // 5],
    }
    if isinstance(secret, str):
        found |= {
            "JSON": json.dumps(secret)[1:-1].replace("/", "\\/").encode(),
            "JSON escapes": "".join(f"\\u{ord(letter):04x}" for letter in secret).encode(),
            "HTML": html.escape(secret).encode(),
            "UTF-16": secret.encode("utf-16-le"),
        }
    for start in range(0, len(plain) - _PIECE + 1, _PIECE // 2):
        found[f"letters from {start} on"] = plain[start : start + _PIECE]
    for before in range(3):
        whole = base64.b64encode(bytes(before) + plain)
        sure = whole[-(-before * 8 // 6) : (before + len(plain)) * 8 // 6]
        found[f"base64 after {before}"] = sure
        found[f"base64 of addresses after {before}"] = sure.translate(bytes.maketrans(b"+/", b"-_"))
    return found


def found_in(content: bytes, secrets: Collection[str | bytes]) -> set[str]:
    """The names of the forms in which a secret stands in it; packed pieces are unpacked."""
    wanted = [(name, form) for secret in secrets for name, form in forms(secret).items()]
    return {name for piece in _unpacked(content) for name, form in wanted if form in piece}


def _unpacked(content: bytes, depth: int = 0) -> Iterator[bytes]:
    yield content
    if depth == _DEEPEST:
        return
    for start in _PACKED.finditer(content):
        piece = _decompressed(memoryview(content)[start.start() :])
        if len(piece) >= _PIECE:
            yield from _unpacked(piece, depth + 1)
    for letters in _PACKED_IN_BASE64.finditer(content):
        text = letters[1].translate(bytes.maketrans(b"-_", b"+/"))
        piece = binascii.a2b_base64(text[: len(text) // 4 * 4])
        if _PACKED.match(piece):
            yield from _unpacked(piece, depth + 1)


def _decompressed(content: memoryview) -> bytes:
    """What can be read of it: also of a stream that breaks off, or is none after some bytes."""
    unpacking, read = zlib.decompressobj(wbits=47), bytearray()  # by the header: zlib or gzip
    for start in range(0, len(content), _READ_BYTES):
        try:
            read += unpacking.decompress(content[start : start + _READ_BYTES])
        except zlib.error:
            break
        if unpacking.eof or len(read) > _UNPACKED_BYTES:
            break
    return bytes(read)


def contents(home: Path) -> Iterator[tuple[str, bytes]]:
    """Every file of a home, as it lies there; and, of those that are databases or Parquet, every row as text."""
    for file in sorted(one for one in home.rglob("*") if one.is_file()):
        content = file.read_bytes()
        name = str(file.relative_to(home))
        yield name, content
        if content.startswith(_DATABASE[0]):
            yield f"{name}, its rows", _joined(_rows_of_sqlite(file))
        elif content.startswith(_DATABASE[1]):
            with duckdb.connect() as database:
                rows = database.execute("from read_parquet(?)", [str(file)]).fetchall()
            yield f"{name}, its rows", _joined(rows)
        elif content[8:12] == b"DUCK":
            yield f"{name}, its rows", _joined(_rows_of_duckdb(file))


def _rows_of_duckdb(file: Path) -> Iterator[tuple[object, ...]]:
    with duckdb.connect(str(file), read_only=True) as database:
        tables = database.execute("select schema_name, table_name from duckdb_tables()").fetchall()
        for schema, table in tables:
            yield from database.execute(f'from "{schema}"."{table}"').fetchall()


def _rows_of_sqlite(file: Path) -> Iterator[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as database:
        database.text_factory = bytes
        tables = database.execute("select name from sqlite_master where type = 'table'").fetchall()
        for (table,) in tables:
            yield from database.execute(f'select * from "{table.decode()}"').fetchall()


def _joined(rows: Iterable[tuple[object, ...]]) -> bytes:
    """Cell by cell, without the numbers."""
    cells = (cell for row in rows for cell in row if isinstance(cell, (str, bytes, list, dict)))
    return b"\n".join(cell if isinstance(cell, bytes) else str(cell).encode() for cell in cells)
