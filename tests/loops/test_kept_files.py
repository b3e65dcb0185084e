"""What is kept of a config goes by the loop, when nothing needs it any more."""

from __future__ import annotations

from skerry.control import configs, services, swarm
from skerry.loops.kept_files import KeptFilesLoop
from tests.control.swarm_of_one import INIT, World, converted, spec
from tests.loops.stage import until, with_loop


async def test_it_goes_with_what_needed_it() -> None:
    store = World(swarmed=False).store
    await swarm.init(store, INIT, "vm", {"Hostname": "vm"})
    key = await configs.create(store, {"Name": "x", "Data": "YQ=="})
    used = {"Configs": [{"ConfigID": key, "ConfigName": "x", "File": {"Name": "/x"}}]}
    service, _ = await services.create(store, converted(store.view, spec("a", container=used)))

    async def body() -> None:
        version = store.view.services[service].version
        await services.update(store, service, version, converted(store.view, spec("a")))
        await configs.remove(store, "x")
        assert key in store.view.kept_configs
        await services.remove(store, service)
        await until(lambda: not store.view.kept_configs)

    await with_loop(KeptFilesLoop(store).run, body())
