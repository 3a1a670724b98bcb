"""The page that other implementations are written from says what the code does: constants, tags, fields and bounds."""

import json
import re
from dataclasses import replace
from itertools import takewhile

import pytest

from circuits import claims, evidence, registration, sizes
from circuits.evidence import Evidence
from circuits.registration import Registration
from zkmargin import amounts, documents, transcript
from zkmargin.algebra import generators
from zkmargin.algebra.group import EFFECTIVE_COFACTOR, FIELD_MODULUS
from zkmargin.algebra.scalars import ORDER
from zkmargin.commitments import FORMAT as OPENING_FORMAT
from zkmargin.commitments import Opening
from zkmargin.errors import EncodingError, StatementError
from zkmargin.margin import cross, portfolio, scenario
from zkmargin.margin.claim import KINDS, Claim
from zkmargin.margin.portfolio import Book
from zkmargin.market import sample
from zkmargin.market import snapshot as snapshots
from zkmargin.market.forms import Affine
from zkmargin.market.instruments import Inverse
from zkmargin.market.models import RESERVED, Model
from zkmargin.market.snapshot import Listing, Snapshot
from zkmargin.proofs import arithmetic, compact, constraints, linear


@pytest.fixture(scope="module")
def page(root):
    return (root / "docs" / "wire-format.md").read_text("utf-8")


@pytest.fixture(scope="module")
def table(page):
    """A function from the line that introduces a table to the table's rows, as {first cell: last cell}."""

    def read(heading):
        lines = page.splitlines()
        first = next(at for at in range(lines.index(heading), len(lines)) if lines[at].startswith("|--")) + 1
        rows = [line.strip("| ").split(" | ") for line in takewhile(bool, lines[first:])]
        return {row[0].strip("`"): row[-1] for row in rows}

    return read


def number(text):
    """The value of a number as the page writes it, for example 2^63 - 1."""
    plain = text.replace("^", "**").strip(" `")
    assert re.fullmatch(r"[-+*()\d ]+|0x[0-9a-f]+", plain), text
    return eval(plain)  # noqa: S307 - digits and operators only


def bounds(text):
    """The two ends of `integer low .. high`, or None when the cell describes no integer."""
    found = re.match(r"integer (\S+|-\(2\^\d+ - 1\)) \.\. ((?:2\^\d+(?: - 1)?)|\d+)", text)
    return found and (number(found[1]), number(found[2]))


def test_the_constants_are_those_of_the_code(table):
    stated = {name: value.strip("`") for name, value in table("## Constants").items()}
    numbers = {
        "r": ORDER,
        "p": FIELD_MODULUS,
        "h_eff": EFFECTIVE_COFACTOR,
        "quantity bits": amounts.QUANTITY_BITS,
        "registered bits": registration.REGISTERED_BITS,
        "slot cost": sizes.PROVE_AND_VERIFY_WEIGHT[0],
        "wire cost": sizes.PROVE_AND_VERIFY_WEIGHT[1],
        "largest base": constraints.MAX_BASE,
        "largest coefficient": cross.MAX_COEFFICIENT,
        "largest constant": cross.MAX_CONSTANT,
    }
    texts = {
        "DST": generators.DST,
        "claim tag": claims.TAG,
        "registration tag": registration.TAG,
        "opened form": arithmetic.OPENED_FORM,
        "compact form": compact.COMPACT_FORM,
        "suite": linear.SUITE,
    }
    assert {name: number(stated[name]) for name in numbers} == numbers
    assert {name: stated[name].encode() for name in texts} == texts
    assert stated.keys() == {*numbers, *texts, "system tag"}
    assert scenario.MAX_COEFFICIENT == cross.MAX_COEFFICIENT


def test_the_formats_are_those_of_the_code(table):
    formats = {
        "### Snapshot": snapshots.FORMAT,
        "### Book": portfolio.FORMAT,
        "### Opening": OPENING_FORMAT,
        "### Account": registration.FORMAT,
        "### Proof": evidence.FORMAT,
    }
    assert {heading: table(heading)["format"].strip("`") for heading in formats} == formats


def test_the_limits_of_a_system_are_those_of_the_code(table):
    limits = {name: tuple(map(number, value.split(" .. "))) for name, value in table("| limit | value |").items()}
    assert limits == {
        "commitments": (1, 2),
        "coordinates": (1, amounts.MAX_COORDINATES),
        "digits": (0, constraints.MAX_SLOTS),
        "slots": (1, constraints.MAX_SLOTS),
        "wires": (0, constraints.MAX_WIRES),
        "rows": (0, constraints.MAX_ROWS),
        "base": (2, constraints.MAX_BASE),
        "quantity bits known": (0, amounts.QUANTITY_BITS + 48),
    }


def test_the_limits_of_every_document_are_those_of_the_code(page):
    rules = re.sub(r"\s+", " ", page)
    assert f"at most {documents.MAX_DOCUMENT_BYTES // 2**20} MiB" in rules
    assert f"an integer of more than {documents.MAX_INTEGER_DIGITS} characters" in rules
    assert f"nested more than {documents.MAX_DEPTH} deep" in rules
    assert f"`{documents._IDENTIFIER.pattern}`" in rules


def test_the_generators_are_those_of_the_code(page):
    kinds = re.findall(r"^\| `[HPGMEU]\w*` \| `(\w+)` \|", page, re.MULTILINE)
    assert kinds == ["blinding", "book", "slot", "wire", "error", "padding"]
    families = [generators.slots, generators.wires, generators.errors, generators.padding]
    assert [family._kind for family in families] == kinds[2:]
    assert generators.blinding() == generators._hash(b"\x08blinding")
    assert generators.book("USD") == generators._hash(b"\x04bookUSD")
    assert generators.slots.first(3)[2] == generators._hash(b"\x04slot\x00\x00\x00\x02")


def test_the_first_bytes_of_a_transcript_are_those_of_the_code(page):
    assert f"absorbs {transcript._MESSAGE.hex()} || string(name) || string(data)\n" in page
    assert f"absorbs {transcript._CHALLENGE.hex()} || string(name), and then" in page
    assert f"first byte {transcript._FINGERPRINT.hex()} is kept" in page
    assert f"`{transcript._SESSION_LABEL.decode()}`" in page


def test_the_steps_of_a_proof_are_those_of_the_code(page):
    steps = re.findall(r"^\| (absorb|challenge) \| `(\w+)` \|", page, re.MULTILINE)
    described = [f"{'squeeze' if verb == 'challenge' else verb} {name}" for verb, name in steps]
    for module, end in ((arithmetic, -3), (compact, None)):
        written = re.search(r"^Transcript\n-+\n(.*?)\n    \(", module.__doc__, re.MULTILINE | re.DOTALL)[1]
        assert " / ".join(described[:end]) == " ".join(written.split())


def test_the_context_of_a_claim_is_absorbed_in_the_order_of_the_page(table):
    market = sample.snapshot()
    account = registration.register(market.venue, "alice", Opening.fresh({"USD": 1})).account
    _, context = claims._open(market, Claim("maintenance", "cross"), account)
    assert context.log == [f"absorb {name}" for name in table("## Verification")]


def test_the_kinds_of_a_claim_and_the_models_with_a_name_of_their_own_are_those_of_the_code(table):
    stated = table("The object `claim`:")
    assert re.findall(r"`(\w+)`", stated["kind"]) == list(KINDS)
    assert re.findall(r"`(\w+)`", stated["model"])[:2] == list(RESERVED)


# ---- Fields: the page's tables against real documents ----------------------------------------------------------------


def listing_of_kind(kind):
    kinds = [listing["kind"] for listing in sample.snapshot().to_document()["listings"]]
    return kinds.index(kind)


@pytest.fixture(scope="module")
def examples():
    """For each table of fields: a document, where in it the object lies, and its reader."""
    market = sample.snapshot()
    inverse = Listing(Inverse("BTC-USD", 10**9), 50_000)
    market = replace(market, listings=tuple(sorted([*market.listings, inverse], key=lambda item: item.id)))
    opening = Opening.fresh({"USD": 10**12})
    registered = registration.register(market.venue, "alice", opening)
    proof = evidence.prove(market, Claim("maintenance", "cross"), registered.account, opening).to_document()
    sides = Affine({"BTC": 0})
    composed = replace(market, models=(Model("house", 1, sides, sides),)).to_document()
    whole = market.to_document()
    return {
        "### Snapshot": (whole, (), Snapshot.from_document),
        "The object `cross`:": (whole, ("models", "cross"), Snapshot.from_document),
        "The object `scenario`:": (whole, ("models", "scenario"), Snapshot.from_document),
        "The object of a composed model:": (composed, ("models", "house"), Snapshot.from_document),
        "### Book": (Book({"USD": 1}).to_document(), (), Book.from_document),
        "### Opening": (opening.to_document(), (), Opening.from_document),
        "### Account": (registered.to_document(), (), Registration.from_document),
        "### Proof": (proof, (), Evidence.from_document),
        "The object `claim`:": (proof, ("claim",), Evidence.from_document),
    }


TABLES = (
    "### Snapshot",
    "The object `cross`:",
    "The object `scenario`:",
    "The object of a composed model:",
    "### Book",
    "### Opening",
    "### Account",
    "### Proof",
    "The object `claim`:",
)


def inside(document, path):
    for step in path:
        document = document[step]
    return document


def refusal(example, name, value):
    """The message with which a document is refused when one of its fields has another value."""
    document, path, read = example
    changed = json.loads(json.dumps(document))
    inside(changed, path)[name] = value
    with pytest.raises((EncodingError, StatementError)) as refused:
        read(changed)
    return str(refused.value)


@pytest.mark.parametrize("heading", TABLES)
def test_a_table_names_every_field_and_no_other(table, examples, heading):
    document, path, read = examples[heading]
    read(document)
    assert inside(document, path).keys() == table(heading).keys()


@pytest.mark.parametrize("heading", TABLES)
def test_a_field_has_the_bounds_that_its_table_states(table, examples, heading):
    for name, text in table(heading).items():
        if ends := bounds(text):
            assert f"{name} must be an integer between {ends[0]} and {ends[1]}" in refusal(examples[heading], name, "x")
        elif most := re.match(r"(?:list|object) of (?:at most|1 to) (\d+)", text):
            many = [0] * (int(most[1]) + 1) if text.startswith("list") else dict.fromkeys(map(str, range(4097)), 0)
            assert f"{name} must have at most {most[1]} " in refusal(examples[heading], name, many)
            if ends := bounds(text.partition(" -> ")[2]):
                message = refusal(examples[heading], name, {"USD": "x"})
                assert f"{name}.USD must be an integer between {ends[0]} and {ends[1]}" in message
        elif length := re.match(r"hexadecimal, (\d+) bytes", text):
            for wrong in (int(length[1]) - 1, int(length[1]) + 1):
                assert f"{name} must be " in refusal(examples[heading], name, "00" * wrong)


LISTING_FIELDS = [
    ("linear", "multiplier"),
    ("option", "mark_ticks"),
    ("collateral", "haircut_ppm"),
    ("option", "expiry"),
    ("linear", "funding_ticks"),
    ("option", "strike_ticks"),
    ("inverse", "face"),
    ("inverse", "funding_units"),
]


@pytest.mark.parametrize("kind, name", LISTING_FIELDS)
def test_a_field_of_a_listing_has_the_bounds_that_the_table_states(table, examples, kind, name):
    stated = table("A listing is one flat object. Its fields depend on its kind:")
    assert {field for _, field in LISTING_FIELDS} == {field for field, text in stated.items() if bounds(text)}
    document, _, read = examples["### Snapshot"]
    places = [at for at, item in enumerate(document["listings"]) if item["kind"] == kind and name in item]
    low, high = bounds(stated[name])
    message = refusal((document, ("listings", places[0]), read), name, "x")
    assert f"{name} must be an integer between {low} and {high}" in message


INNER = {
    "floor_units": ("models", "cross", "maintenance", 0, "tiers", 0),
    "rate_ppm": ("models", "cross", "maintenance", 0, "tiers", 0),
    "price_ppm": ("models", "scenario", "scenarios", 0),
    "volatility_ppm": ("models", "scenario", "scenarios", 0),
    "cover_ppm": ("models", "scenario", "scenarios", 0),
}


@pytest.mark.parametrize("name", INNER)
def test_a_field_that_the_text_describes_has_the_bounds_stated_there(page, examples, name):
    document, _, read = examples["### Snapshot"]
    text = re.search(rf"`{name}`\s+an\s+(integer \S+ \.\. (?:2\^\d+ - 1|\d+))", page)[1]
    low, high = bounds(text)
    message = refusal((document, INNER[name], read), name, "x")
    assert f"{name} must be an integer between {low} and {high}" in message
