"""Options that the commands of the cascade simulator share, and how they print."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer

from zkmargin.amounts import PPM, exact_decimal

Paths = Annotated[int, typer.Option("--paths", help="Monte-Carlo paths.")]
Accounts = Annotated[int, typer.Option("--accounts", help="Accounts of the crowd.")]
Steps = Annotated[int, typer.Option("--steps", help="Steps of a minute.")]
Markets = Annotated[str, typer.Option("--markets", help="one: a single contract. three: three assets at two venues.")]
Control = Annotated[str, typer.Option("--control", help="throttle, breaker and dynamic, separated by commas.")]
Seed = Annotated[int, typer.Option("--seed", help="Same seed, same result, on any back end.")]
Jobs = Annotated[int, typer.Option("--jobs", help="Workers.")]
Backend = Annotated[str, typer.Option("--backend", help="loky, threading, dask or ray.")]
Address = Annotated[str, typer.Option("--address", help="Of a dask scheduler or a ray head; empty starts one here.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def fraction(field: str, text: str) -> float:
    """Return a share written as a percentage or a number.

    Example:
        >>> fraction("gap", "5%"), fraction("gap", "0.05")
        (0.05, 0.05)
    """
    scale, digits = (PPM // 100, text[:-1]) if text.endswith("%") else (PPM, text)
    return exact_decimal(field, digits, scale, "must be a whole number of parts per million") / PPM


def print_json(report: dict[str, Any]) -> None:
    """Print one line for programs, never wrapped or styled."""
    print(json.dumps(report))  # noqa: T201 - one line for programs
