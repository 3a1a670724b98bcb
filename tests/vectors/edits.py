"""How a refused vector differs from the accepted one that it names: a list of edits, applied in their order.

    {"path": [...], "value": v}                      the place that the path leads to holds v
    {"path": [...], "at": a, "cut": c, "paste": h}   the place holds hexadecimal bytes: c of them, from byte a on, are
                                                     replaced by the bytes h

A path goes from the outermost object to the place by names and by positions in lists, counted from 0.
"""

from __future__ import annotations

import copy
from typing import Any

from zkmargin.algebra.scalars import ORDER, SCALAR_BYTES

Edit = dict[str, Any]


def put(*path: str | int, value: Any) -> Edit:
    """Return the edit that stores a value."""
    return {"path": list(path), "value": value}


def splice(*path: str | int, at: int, cut: int, paste: bytes) -> Edit:
    """Return the edit that replaces `cut` bytes at byte `at`."""
    return {"path": list(path), "at": at, "cut": cut, "paste": paste.hex()}


def edited(document: Any, edits: list[Edit]) -> Any:
    """Return an edited copy of a document.

    Example:
        >>> edited({"proof": "00ff", "list": [1]}, [splice("proof", at=1, cut=1, paste=b"ab"), put("list", 0, value=2)])
        {'proof': '006162', 'list': [2]}
    """
    result = copy.deepcopy(document)
    for edit in edits:
        *way, last = edit["path"]
        holder = result
        for step in way:
            holder = holder[step]
        if "value" in edit:
            holder[last] = edit["value"]
        else:
            data = bytes.fromhex(holder[last])
            end = edit["at"] + edit["cut"]
            holder[last] = (data[: edit["at"]] + bytes.fromhex(edit["paste"]) + data[end:]).hex()
    return result


def scalar_plus(*path: str | int, data: str, at: int, amount: int) -> Edit:
    """Return the edit that adds an amount to the scalar at byte `at` of hexadecimal data, not reduced if it is r."""
    old = int.from_bytes(bytes.fromhex(data)[at : at + SCALAR_BYTES], "big")
    new = old + amount if amount == ORDER else (old + amount) % ORDER
    return splice(*path, at=at, cut=SCALAR_BYTES, paste=new.to_bytes(SCALAR_BYTES, "big"))
