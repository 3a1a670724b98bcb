"""A process of the venue for tests to watch and kill: ``python -m tests.service.process URL ROLE NOW [FILE]``.

It says on standard output what it has acknowledged, one line each, and only after it has.
"""

import json
import sys
from pathlib import Path

from tests.service.scene import KEY, NAME, RULES
from verifier_api.service import clock
from verifier_api.service.intake import Intake, Limits
from verifier_api.service.venue import Venue
from verifier_api.store.journal import Store


def say(*words):
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def take_in(venue, now_ms, path):
    """Submit every line of a file, {key, body}, and say each receipt's signature."""
    lines = [json.loads(line) for line in Path(path).read_text("utf-8").splitlines()]
    say("ready")
    with Intake(venue, Limits(workers=2, batch=4, lane=4_096), lambda: now_ms) as intake:
        for line in lines:
            intake.submit(line["key"], line["body"].encode()).add_done_callback(
                lambda answer, key=line["key"]: say("receipt", key, answer.result()["signature"])
            )


def tick(venue, now_ms):
    """Fire what is due, a few accounts at a time, until nothing is left."""
    clock.BATCH = 5
    say("ready")
    sys.stdin.readline()
    while passed := clock._fire_some(venue, now_ms):
        say("fired", passed)


def main():
    url, role, now_ms, *rest = sys.argv[1:]
    venue = Venue(Store(url), NAME, RULES, KEY)
    take_in(venue, int(now_ms), *rest) if role == "intake" else tick(venue, int(now_ms))
    say("done")


if __name__ == "__main__":
    main()
