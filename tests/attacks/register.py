"""Which test attacks which numbered check: one register for each module of attacks, which its meta-test compares."""

from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar

Test = TypeVar("Test", bound=Callable[..., None])


def register() -> tuple[dict[Hashable, list[str]], Callable[[Hashable], Callable[[Test], Test]]]:
    """Return an empty register, and the decorator that notes a test in it as the attack on a numbered check."""
    attacked: defaultdict[Hashable, list[str]] = defaultdict(list)

    def attacks(number: Hashable) -> Callable[[Test], Test]:
        def note(test: Test) -> Test:
            attacked[number].append(test.__name__)
            return test

        return note

    return attacked, attacks
