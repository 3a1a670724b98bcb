"""The front door: what `zkmargin` shows is what it lists, and every name of it is explained."""

from types import ModuleType

import zkmargin

LISTED = getattr(zkmargin, "__all__", [])


def test_the_front_door_lists_what_it_shows():
    shown = {
        name
        for name, value in vars(zkmargin).items()
        if not name.startswith("_") and not isinstance(value, ModuleType) and name != "annotations"
    }
    rooms = {name for name in LISTED if isinstance(getattr(zkmargin, name), ModuleType)}
    assert shown | rooms == set(LISTED)
    assert sorted(set(LISTED)) == sorted(LISTED)


def test_every_name_at_the_front_door_is_explained():
    assert [name for name in LISTED if not (getattr(zkmargin, name).__doc__ or "").strip()] == []
