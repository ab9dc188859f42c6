"""A map that is never changed: `put` gives another one that shares nearly everything with it.

The state of an organisation is a value, folded from its statements; a plain dict copied at each of 100,000 would cost hours.
Two levels of 64 places by the key's hash: a change copies two short tuples and one small dict.
"""

from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")
_WIDTH = 64
_MASK = _WIDTH - 1


class Table(Mapping[K, V], Generic[K, V]):
    """Keys and values; equal where they hold the same, whatever way they came about."""

    __slots__ = ("_rows", "_size")

    def __init__(self, entries: Mapping[K, V] | None = None) -> None:
        rows: list[list[dict[K, V]] | None] = [None] * _WIDTH
        for key, value in (entries or {}).items():
            outer, inner = _place(key)
            row = rows[outer]
            if row is None:
                row = rows[outer] = [{} for _ in range(_WIDTH)]
            row[inner][key] = value
        self._rows: tuple[tuple[dict[K, V], ...] | None, ...] = tuple(None if row is None else tuple(row) for row in rows)
        self._size = len(entries or {})

    def __getitem__(self, key: K) -> V:
        outer, inner = _place(key)
        row = self._rows[outer]
        if row is None:
            raise KeyError(key)
        return row[inner][key]

    def __iter__(self) -> Iterator[K]:
        for row in self._rows:
            for cell in row or ():
                yield from cell

    def __len__(self) -> int:
        return self._size

    def put(self, key: K, value: V) -> "Table[K, V]":
        """With `key` standing for `value`."""
        outer, inner = _place(key)
        row = self._rows[outer] or ({},) * _WIDTH
        return self._with(outer, inner, row, {**row[inner], key: value}, key not in row[inner])

    def without(self, key: K) -> "Table[K, V]":
        """Without `key`; the same where it is not there."""
        if key not in self:
            return self
        outer, inner = _place(key)
        row = self._rows[outer]
        assert row is not None
        return self._with(outer, inner, row, {k: v for k, v in row[inner].items() if k != key}, -1)

    def _with(self, outer: int, inner: int, row: tuple[dict[K, V], ...], cell: dict[K, V], more: int) -> "Table[K, V]":
        made: Table[K, V] = object.__new__(Table)
        made._rows = (*self._rows[:outer], (*row[:inner], cell, *row[inner + 1 :]), *self._rows[outer + 1 :])
        made._size = self._size + more
        return made


def _place(key: object) -> tuple[int, int]:
    place = hash(key)
    return place & _MASK, (place >> 6) & _MASK
