"""Wrong inputs that are almost right: strategies that take a valid document or valid bytes and spoil them a little."""

import copy
import json

from hypothesis import strategies as st

from zkmargin.algebra.scalars import ORDER

# Values of every type, at and beyond every bound, none of which JSON itself refuses.
ODD_VALUES = st.one_of(
    st.sampled_from(
        [None, True, False, 0, 1, -1, 2**32, 2**48 + 1, 2**63, 2**64, -(2**64), 2**80, 2**96, 2**256, 10**79, 10**81]
    ),
    st.sampled_from(["", "0", "x" * 65, "A\n", "\u0661", "\ud800", "\x00", "/1", "USD", "PERP", "cross", "option"]),
    st.sampled_from(
        ["00", "00" * 32, "00" * 48, "c0" + "00" * 47, "80" + "00" * 47, "ff" * 48, "AB", "0x", f"{ORDER:064x}"]
    ),
    st.sampled_from([[], {}, [[]], [{}], [0], {"": 0}, {"kind": "cash"}, {"id": "A", "tiers": []}, 0.5, float("inf")]),
    st.text(max_size=70),
    st.integers(),
)


def places(document, path=()):
    """Every place of a document, the document itself first."""
    yield path
    steps = (
        document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    )
    for step, content in steps:
        yield from places(content, (*path, step))


@st.composite
def mangled(draw, document, most=3):
    """Draw a document with up to `most` places replaced, removed, repeated or added."""
    result = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, most))):
        paths = list(places(result))[1:]
        if not paths:
            break
        *way, last = draw(st.sampled_from(paths))
        holder = result
        for step in way:
            holder = holder[step]
        action = draw(st.sampled_from(["replace", "replace", "remove", "move", "add"]))
        if action == "replace":
            holder[last] = copy.deepcopy(draw(ODD_VALUES))
        elif action == "remove":
            del holder[last]
        elif action == "move":
            source = draw(st.sampled_from(list(places(document))))
            content = document
            for step in source:
                content = content[step]
            holder[last] = copy.deepcopy(content)
        elif isinstance(holder, list):
            holder.insert(last, copy.deepcopy(holder[draw(st.integers(0, len(holder) - 1))]))
        else:
            holder[draw(st.sampled_from(["", "note", "expiry", "A", "\ud800"]))] = copy.deepcopy(draw(ODD_VALUES))
    return result


@st.composite
def spoiled(draw, data, most=3):
    """Draw bytes with up to `most` pieces overwritten, cut out, repeated or put in."""
    result = data
    for _ in range(draw(st.integers(1, most))):
        low = draw(st.integers(0, len(result)))
        high = min(len(result), low + draw(st.integers(0, 64)))
        piece = draw(st.one_of(st.binary(max_size=64), st.sampled_from([result[low:high] * 2, b"\xff" * (high - low)])))
        result = result[:low] + piece + result[high:]
    return result


@st.composite
def respelled(draw, document):
    """Draw JSON text of a document, spoiled as text: tokens that JSON knows, in places where it does not want them."""
    text = json.dumps(document).encode()
    tokens = [
        b'"',
        b"\\",
        b"{",
        b"}",
        b"[",
        b"]",
        b",",
        b":",
        b"-0",
        b"1.0",
        b"1e3",
        b"NaN",
        b"\\u0041",
        b'"a":1,',
        b"\xff",
    ]
    for _ in range(draw(st.integers(1, 3))):
        low = draw(st.integers(0, len(text)))
        text = text[:low] + draw(st.sampled_from(tokens)) + text[low + draw(st.integers(0, 2)) :]
    return text
