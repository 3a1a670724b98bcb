"""A venue's own margin model: named parts, put together into requirements.

Rule
----
    For a book q with value V(q), collateral counted after the snapshot's haircut:

        equity       = V(q) - deductions(q)
        maintenance: equity >= t * maintenance(q)
        initial:     equity >= t * initial(q)
        stress s:    equity >= t * stress_s(q)

    with a public threshold t. Every right-hand side is an expression of `zkmargin.market.expressions`; what a venue
    composes is checked there, node by node. A book may hold cash and collateral, and beside them only what the
    requirement in question mentions: nothing is ever held free of charge by oversight.

Bounds
------
    At a snapshot's marks every coefficient stays below 2^96 in size, or the model is refused: see "No wrap-around" in
    docs/protocols/arithmetic.md. At most 64 stress requirements, 256 parts, and 8,192 nodes and
    mentions of parts.

Worked example
--------------
    Tiered margin on one perpetual, initial margin twice the maintenance margin:

    >>> from zkmargin.market.expressions import Part, Size, Tiers, scaled
    >>> from zkmargin.market.forms import NOTIONAL, Affine
    >>> from zkmargin.market.parameters import TierTable
    >>> notional = Size(Affine({"BTC-PERP": 1_000_000}, measure=NOTIONAL))
    >>> tiers = Part("tiers", Tiers(notional, TierTable.flat(5_000)))
    >>> Model("house", 1, maintenance=tiers, initial=scaled(2_000_000, tiers)).parts
    ('tiers',)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from zkmargin.amounts import COEFFICIENT_BITS, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import EncodingError, StatementError
from zkmargin.market import expression_documents
from zkmargin.market.expressions import NOTHING, Part, Root, Size, Tail, Worst, walk
from zkmargin.market.forms import Affine, Bent, Expression, Marks, Sides
from zkmargin.market.parameters import DEFAULT_CAPACITY_BITS, check_common, read_common

FORMAT = "zkmargin/model/1"
RESERVED = ("cross", "scenario")
MAX_MODELS = 64
MAX_STRESSES = 64
MAX_PARTS = 256
MAX_NODES = 8_192


@dataclass(frozen=True, slots=True)
class Model:
    """A margin model that a venue composed.

    Args:
        model: Its name, an identifier other than ``cross`` and ``scenario``.
        version: Number of this set of parameters.
        maintenance: The requirement of a maintenance claim.
        initial: The requirement of an initial claim.
        stress: Further requirements by name.
        deductions: What counts less than its value as equity, whatever the claim and its threshold.
        capacity_bits: A provable surplus is below ``2^capacity_bits`` units.

    Raises:
        StatementError: if two parts share a name, or a bound is broken.
    """

    model: str
    version: int
    maintenance: Expression
    initial: Expression
    stress: Mapping[str, Expression] = field(default_factory=dict)
    deductions: Expression = NOTHING
    capacity_bits: int = DEFAULT_CAPACITY_BITS

    def __post_init__(self) -> None:
        if identifier("name of a model", self.model) in RESERVED:
            raise StatementError(f"name of a composed model must not be one of {', '.join(RESERVED)}")
        check_common(self.version, self.capacity_bits)
        bounded("number of stress requirements", len(self.stress), 0, MAX_STRESSES)
        for name in self.stress:
            identifier("stress requirement", name)
        object.__setattr__(self, "stress", dict(sorted(self.stress.items())))
        bounded("number of parts", len(self._parts()), 0, MAX_PARTS)
        bounded("number of nodes", sum(1 for _ in walk(*self._requirements(), again=True)), 1, MAX_NODES)

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of the parts, in code-point order."""
        return tuple(self._parts())

    def requirement(self, kind: str, stress: str = "") -> Expression:
        """Return the right-hand side of a claim of a kind; a box asks for the maintenance requirement.

        Raises:
            StatementError: if the model has no such stress requirement, or a box asks for what does not follow marks.
        """
        if kind == "stress":
            if stress not in self.stress:
                raise StatementError(f"model {self.model} has no stress requirement {stress}")
            return self.stress[stress]
        if kind == "box":
            for node in walk(self.maintenance, self.deductions):
                if not node.follows_marks:
                    raise StatementError(
                        f"a box needs charges that are shares of notional, model {self.model} has a {node.node} in "
                        "units: publish a stress requirement instead"
                    )
        return self.initial if kind == "initial" else self.maintenance

    def check(self, marks: Marks) -> None:
        """Refuse the model if an id is not listed, or a coefficient is too large at the marks.

        Raises:
            StatementError: naming the node and the bound.
        """
        for node in walk(*self._requirements()):
            for name in sorted(node.names - marks.notionals.keys()):
                raise StatementError(f"{node.node} of model {self.model} must mention listed instruments, got {name}")
            for form in _forms(node, marks):
                for _, value in (*form.per_lot, *form.per_short_lot):
                    size = 2**COEFFICIENT_BITS - 1
                    bounded(f"coefficient of {node.node} in model {self.model}", value, -size, size)

    @staticmethod
    def from_reader(name: str, fields: Reader) -> Model:
        """Return the model described by `fields`."""
        read = expression_documents.read
        with fields:
            version, capacity_bits = read_common(fields)
            parts = {key: Part(key, read(part, {})) for key, part in fields.named_objects("parts", MAX_PARTS)}
            stress = {key: read(rule, parts) for key, rule in fields.named_objects("stress", MAX_STRESSES)}
            maintenance, initial, deductions = (
                read(fields.object(key), parts) for key in ("maintenance", "initial", "deductions")
            )
        model = Model(name, version, maintenance, initial, stress, deductions, capacity_bits)
        for unused in sorted(parts.keys() - set(model.parts)):
            raise EncodingError(f"part {unused} of model {name} is used nowhere")
        return model

    @staticmethod
    def from_document(document: Any) -> Model:
        """Return the model in a file of format ``zkmargin/model/1``: what a venue publishes, with its name in it.

        Raises:
            EncodingError: if a field is missing, unknown or of the wrong type.
            StatementError: if the model breaks a rule.
        """
        fields = Reader(document, "model")
        fields.format(FORMAT)
        return Model.from_reader(fields.identifier("name"), fields)

    def to_file_document(self) -> dict[str, Any]:
        """Return the model as the JSON object of a file of its own."""
        return {"format": FORMAT, "name": self.model} | self.to_document()

    def to_document(self) -> dict[str, Any]:
        """Return the model as the JSON object that stands under its name in a snapshot."""
        document = expression_documents.document
        return {
            "version": self.version,
            "capacity_bits": self.capacity_bits,
            "parts": {name: document(part.of) for name, part in self._parts().items()},
            "maintenance": document(self.maintenance),
            "initial": document(self.initial),
            "stress": {name: document(of) for name, of in self.stress.items()},
            "deductions": document(self.deductions),
        }

    def _requirements(self) -> tuple[Expression, ...]:
        return (self.maintenance, self.initial, *self.stress.values(), self.deductions)

    def _parts(self) -> dict[str, Part]:
        found: dict[str, Part] = {}
        for node in walk(*self._requirements()):
            if isinstance(node, Part) and found.setdefault(node.name, node) != node:
                raise StatementError(f"two parts of model {self.model} are called {node.name}")
        return dict(sorted(found.items()))


def _forms(node: Expression, marks: Marks) -> tuple[Bent, ...]:
    if isinstance(node, Affine | Sides):
        return (node.at(marks),)
    if isinstance(node, Worst | Tail | Root):
        return node.of.at(marks)
    if isinstance(node, Size):
        return node.at(marks)
    return ()
