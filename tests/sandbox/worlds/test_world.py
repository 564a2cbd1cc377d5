"""The standard world: what tests rely on being in it, and that it stays as it is."""

from __future__ import annotations

import time

import pytest

from civitai_kit.testing import Known, Sandbox, World, sandbox


def test_every_known_model_is_there_and_no_other() -> None:
    assert set(World.standard().models) == set(Known)


def test_the_standard_world_is_the_same_every_time() -> None:
    first, second = (
        [(file.id, file.name, file.shown_hashes) for file in World.standard().all_files()] for _ in range(2)
    )
    assert first == second


def test_ids_are_those_that_are_promised() -> None:
    world = World.standard()
    for model in world.models.values():
        for number, version in enumerate(model.versions, 1):
            assert version.id == model.id * 100 + number
            assert [file.id for file in version.files] == [
                version.id * 10 + n for n in range(1, len(version.files) + 1)
            ]


def test_a_change_in_one_test_is_gone_in_the_next(civitai_sandbox: Sandbox) -> None:
    assert civitai_sandbox.world.models[Known.FLUX].name == "Flux Realism Boost"
    assert civitai_sandbox.faults.pending() == [] and len(civitai_sandbox.requests) == 0
    civitai_sandbox.world.remove_model(Known.FLUX)
    civitai_sandbox.faults.add("cut", times=None)
    civitai_sandbox.reset()
    assert Known.FLUX in civitai_sandbox.world.models and civitai_sandbox.faults.pending() == []


def test_a_reset_is_cheap_enough_for_every_test(civitai_sandbox: Sandbox) -> None:
    began = time.process_time()
    for _ in range(5):
        civitai_sandbox.reset()
    assert time.process_time() - began < 0.5


def test_removing_a_model_removes_its_versions_and_files() -> None:
    world = World.standard()
    world.remove_model(Known.PLAIN_LORA)
    assert world.version(100101) is None and world.file(1001011) is None


def test_ids_of_its_own_are_kept_and_the_next_free_ones_taken() -> None:
    world = World()
    model = world.add_model("m", id=7)
    assert world.add_version(model, id=9).id == 9
    assert world.add_version(model).id == 702
    assert world.add_model("n").id == 8


def test_a_gallery_on_the_fly_takes_no_single_images() -> None:
    with pytest.raises(TypeError):
        World.images_on_the_fly(5).add_image()


def test_a_large_world_weighs_what_was_asked(civitai_sandbox: Sandbox) -> None:
    import httpx2

    civitai_sandbox.world = World.large(models=150, bytes_each=11_000)
    reply = httpx2.get(f"{civitai_sandbox.url}/api/v1/models", params={"limit": 100}, verify=False)
    assert len(reply.json()["items"]) == 100
    assert 9_000 < len(reply.content) / 100 < 13_000


def test_two_sandboxes_run_beside_each_other() -> None:
    with sandbox(World()) as first, sandbox(World()) as second:
        assert first.url != second.url and first.storage_url != second.storage_url
