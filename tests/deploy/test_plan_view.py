"""A plan in words."""

from __future__ import annotations

from skerry.cli.deploy.plan_view import lines, summary
from skerry.model.objects import Raw

PLAN: Raw = {
    "Services": [
        {
            "Name": "shop_app",
            "Action": "rolled",
            "Tasks": 2,
            "Order": "start-first",
            "Parallelism": 1,
            "WaitsFor": ["shop_db", "shop_migrate"],
            "Fields": [
                {"Path": "ContainerSpec.Image", "Old": "shop:1", "New": "shop:2"},
                {"Path": "ContainerSpec.Env", "Old": None, "New": ["A=1"]},
                {"Path": "ContainerSpec.Args", "Old": "x" * 100, "New": "(changed)"},
            ],
        },
        {"Name": "shop_cache", "Action": "new", "Tasks": 1},
        {"Name": "shop_job", "Action": "rolled", "Tasks": 3, "Parallelism": 0},
        {
            "Name": "shop_web",
            "Action": "in-place",
            "Fields": [{"Path": "Mode.Replicated", "Old": 1, "New": 2}],
        },
        {"Name": "shop_old", "Action": "removed", "Tasks": 0},
        {"Name": "shop_db", "Action": "unchanged"},
    ],
    "Networks": [{"Name": "shop_back", "Action": "new"}, {"Name": "shop_front", "Action": "unchanged"}],
    "Configs": [{"Name": "shop_site", "Action": "new content", "Version": 3}],
    "Secrets": [{"Name": "shop_key", "Action": "changed"}],
}


def test_each_thing_has_a_line_and_its_fields_below() -> None:
    assert [line.plain for line in lines(PLAN)] == [
        "~ service shop_app  rolled: 2 tasks, start-first, 1 at a time; after shop_db, shop_migrate",
        "    ContainerSpec.Image  shop:1 → shop:2",
        '    ContainerSpec.Env  (none) → ["A=1"]',
        f"    ContainerSpec.Args  {'x' * 59}… → (changed)",
        "+ service shop_cache  new: 1 task",
        "~ service shop_job  rolled: 3 tasks, all at once",
        "~ service shop_web  in place",
        "    Mode.Replicated  1 → 2",
        "- service shop_old  removed",
        "+ network shop_back  new",
        "~ config shop_site  new content: version 3",
        "~ secret shop_key  changed",
        "  2 unchanged",
    ]


def test_what_is_new_is_green_and_what_goes_is_red() -> None:
    styles = {line.plain[:1]: str(line.spans[0].style if line.spans else line.style) for line in lines(PLAN)}
    assert (styles["+"], styles["~"], styles["-"]) == ("green", "yellow", "red")


def test_it_is_counted() -> None:
    assert summary(PLAN) == "2 new, 5 changed, 1 removed"
    assert summary({}) == "0 new, 0 changed, 0 removed"
