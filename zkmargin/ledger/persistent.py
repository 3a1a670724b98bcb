"""A mapping that is a value: setting a key gives a new mapping and leaves the old one as it was.

Two levels of 64 ways over the hash of the key, then a small dictionary. Setting one of n keys copies two tuples of 64
and a dictionary of about n / 4,096 entries; everything else is shared. The order of iteration means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TypeVar

K = TypeVar("K")
V = TypeVar("V")

_WAYS = 64


class PersistentMap(Mapping[K, V]):
    """An immutable mapping.

    Example:
        >>> one: PersistentMap[str, int] = PersistentMap()
        >>> two = one.set("a", 1)
        >>> len(one), two["a"], two.set("a", 2)["a"], two["a"]
        (0, 1, 2, 1)
    """

    __slots__ = ("_length", "_root")

    def __init__(self) -> None:
        self._root: tuple[tuple[dict[K, V], ...], ...] = (({},) * _WAYS,) * _WAYS
        self._length = 0

    def set(self, key: K, value: V) -> PersistentMap[K, V]:
        """Return a mapping in which `key` has `value`."""
        high, low = _place(key)
        leaf = self._root[high][low]
        changed = _replace(self._root[high], low, leaf | {key: value})
        following: PersistentMap[K, V] = PersistentMap()
        following._root = _replace(self._root, high, changed)
        following._length = self._length + (key not in leaf)
        return following

    def __getitem__(self, key: K) -> V:
        high, low = _place(key)
        return self._root[high][low][key]

    def __iter__(self) -> Iterator[K]:
        return (key for branch in self._root for leaf in branch for key in leaf)

    def __len__(self) -> int:
        return self._length

    def __repr__(self) -> str:
        return f"PersistentMap({self._length} entries)"


T = TypeVar("T")


def _place(key: object) -> tuple[int, int]:
    return divmod(hash(key) % (_WAYS * _WAYS), _WAYS)


def _replace(items: tuple[T, ...], place: int, item: T) -> tuple[T, ...]:
    return (*items[:place], item, *items[place + 1 :])
