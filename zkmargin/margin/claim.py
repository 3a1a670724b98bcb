"""The sentence about a book that a proof convinces of.

    maintenance   equity >= t * maintenance requirement, at the marks of one snapshot
    initial       equity >= t * initial requirement, at the marks of one snapshot
    box           the maintenance sentence at EVERY price within +-width of the marks, all prices moving freely
    stress        equity >= t * a named requirement: a scenario of the scenario model, a stress of a composed one

with a public threshold ``t = n/d``. The scenario model has no box: it already asks about moved prices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from zkmargin.amounts import PPM, Ratio, bounded
from zkmargin.documents import Reader, identifier
from zkmargin.errors import StatementError

KINDS = ("maintenance", "initial", "box", "stress")
ONE = Ratio(1, 1)


@dataclass(frozen=True, slots=True)
class Claim:
    """A public claim about a hidden book.

    Args:
        kind: ``"maintenance"``, ``"initial"``, ``"box"`` or ``"stress"``.
        model: A margin model of the snapshot: ``"cross"``, ``"scenario"``, or the name of a composed one.
        threshold: The factor t on the requirement.
        width_ppm: Half-width of the box, 0 < width < 10^6; 0 for the other kinds.
        stress: Name of the requirement of a stress claim; empty for the other kinds.

    Example:
        >>> Claim("maintenance", "cross", Ratio(11, 10)).sentence()
        'equity is at least 11/10 of the maintenance requirement of the cross model'
    """

    kind: str
    model: str
    threshold: Ratio = ONE
    width_ppm: int = 0
    stress: str = ""

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise StatementError(f"claim kind must be one of {', '.join(KINDS)}, got {self.kind!r}")
        identifier("claim model", self.model)
        if self.kind == "box":
            bounded("width_ppm of a box", self.width_ppm, 1, PPM - 1)
            if self.model == "scenario":
                raise StatementError("a box claim needs the cross model or a composed one, got 'scenario'")
        else:
            bounded(f"width_ppm of a {self.kind} claim", self.width_ppm, 0, 0)
        if self.kind == "stress":
            identifier("stress of a claim", self.stress)
            if self.model == "cross":
                raise StatementError("a stress claim needs the scenario model or a composed one, got 'cross'")
        elif self.stress:
            raise StatementError(f"stress of a {self.kind} claim must be empty, got {self.stress!r}")

    @staticmethod
    def from_document(document: Any, path: str = "claim") -> Claim:
        """Return the claim in a document.

        Raises:
            EncodingError: if a field is missing, unknown or of the wrong type.
            StatementError: if the fields do not fit together.
        """
        with Reader(document, path) as fields:
            kind = fields.choice("kind", *KINDS)
            model = fields.identifier("model")
            stress = fields.identifier("stress") if kind == "stress" else ""
            width_ppm = fields.integer("width_ppm", 0, PPM - 1)
            with fields.object("threshold") as ratio:
                threshold = Ratio(ratio.integer("numerator", 1, PPM), ratio.integer("denominator", 1, PPM))
        return Claim(kind, model, threshold, width_ppm, stress)

    def to_document(self) -> dict[str, Any]:
        """Return the claim as a JSON object; only a stress claim has the field ``stress``."""
        document = {
            "kind": self.kind,
            "model": self.model,
            "threshold": {"numerator": self.threshold.numerator, "denominator": self.threshold.denominator},
            "width_ppm": self.width_ppm,
        }
        return document | ({"stress": self.stress} if self.kind == "stress" else {})

    def sentence(self) -> str:
        """Return the claim in plain words, on one line."""
        named = {"initial": "initial", "stress": f"stress {self.stress}"}
        requirement = named.get(self.kind, "maintenance")
        factor = "" if self.threshold == ONE else f"{self.threshold} of "
        place = f", at every price within {self.width_ppm} ppm of the marks" if self.kind == "box" else ""
        return f"equity is at least {factor}the {requirement} requirement of the {self.model} model{place}"
