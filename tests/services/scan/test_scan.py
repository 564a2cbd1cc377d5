"""Phase one against the sandbox: what it plans, what it asks, and that it changes nothing."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace

import pytest

from civitai_kit.core.errors import Code, NotFound, SiteError
from civitai_kit.core.paths.places import DEFAULT_TEMPLATE, Template
from civitai_kit.core.plans.plan import Plan, Reason
from civitai_kit.core.plans.plan_file import plan_text, read_plan
from civitai_kit.core.site.enums import ModelSort
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion
from civitai_kit.core.site.query import ModelQuery
from civitai_kit.services.scan.scan import scan
from civitai_kit.testing import FAULTS, Known, World
from tests.services.collection import Collection, request


def model_ids(plan: Plan) -> list[int | None]:
    return list(dict.fromkeys(item.model_id for item in plan.items))


def test_a_scan_writes_nothing_at_all(collection: Collection) -> None:
    assert collection.scan().items
    assert not collection.root.exists()


def test_a_listing_is_asked_once_a_page_and_no_model_singly(collection: Collection) -> None:
    collection.scan(query=ModelQuery(limit=10))
    paths = [record.path for record in collection.sandbox.requests]
    assert set(paths) == {"/api/v1/models"}
    queries = [record.query for record in collection.sandbox.requests]
    assert len(queries) == len(set(queries))


@pytest.mark.parametrize("sort", ["Newest", "Oldest", "Highest Rated", "Most Downloaded"])
def test_no_model_is_lost_or_doubled_whatever_the_order_and_the_size_of_pages(
    collection: Collection, sort: str
) -> None:
    whole = collection.scan(query=ModelQuery(sort=ModelSort(sort), limit=100))
    paged = collection.scan(query=ModelQuery(sort=ModelSort(sort), limit=3))
    assert model_ids(paged) == model_ids(whole)
    assert len({item.path for item in paged.items}) == len(paged.items)


def test_the_limit_counts_models_that_have_something_to_fetch(collection: Collection) -> None:
    plan = collection.scan(query=ModelQuery(sort=ModelSort.NEWEST), limit=3)
    assert len(model_ids(plan)) == 3


@pytest.mark.parametrize("top", [1, 3, 7])
def test_the_top_counts_the_first_models_of_a_listing(collection: Collection, top: int) -> None:
    newest = ModelQuery(sort=ModelSort.NEWEST, limit=3)
    assert collection.scan(query=newest, top=top).models == top
    everything = model_ids(collection.scan(query=newest))
    taken = model_ids(collection.scan(query=newest, top=top))
    assert taken == everything[: len(taken)]


def test_the_same_command_run_again_goes_on_with_the_collection(collection: Collection) -> None:
    first = collection.download(query=ModelQuery(sort=ModelSort.NEWEST), limit=2, types=("LORA",))
    second = collection.scan(query=ModelQuery(sort=ModelSort.NEWEST), limit=2, types=("LORA",))
    done = {item.model_id for item in first.downloaded}
    assert len(done) == 2
    assert len(model_ids(second)) == 2
    assert not done & set(model_ids(second))


def test_a_base_model_takes_the_newest_version_with_it(collection: Collection) -> None:
    world = collection.sandbox.world
    model = world.add_model("Two Bases", id=9001)
    for version, base in (
        (world.add_version(model, "new", base_model="Pony"), 1),
        (world.add_version(model, "old"), 2),
    ):
        world.add_file(version, f"f{base}.safetensors")
    plan = collection.scan("9001", base_models=("SDXL 1.0",))
    assert [item.version_name for item in plan.items] == ["old"]


def test_a_tag_that_the_site_does_not_know_is_not_found_instead_of_everything(collection: Collection) -> None:
    with pytest.raises(NotFound):
        collection.scan(query=ModelQuery(tag="no such tag"), tags=("no such tag",))


def test_a_tag_is_proved_on_every_model(collection: Collection) -> None:
    plan = collection.scan(query=ModelQuery(tag="film grain"), tags=("film grain",))
    assert model_ids(plan) == [Known.SPACED_TAG]


def test_an_unknown_creator_is_not_found(collection: Collection) -> None:
    with pytest.raises(NotFound, match="no user nobody_at_all"):
        collection.scan(query=ModelQuery(username="nobody_at_all"))


def test_a_ref_is_found_although_the_listing_hides_it(collection: Collection) -> None:
    assert Known.MATURE not in model_ids(collection.scan())
    assert model_ids(collection.scan(str(int(Known.MATURE)))) == [Known.MATURE]


@pytest.mark.parametrize(
    ("known", "code", "exit_code"),
    [
        (Known.EARLY_ACCESS, Code.EARLY_ACCESS, 3),
        (Known.PAID_FOR_EVER, Code.EARLY_ACCESS, 3),
        (Known.ARCHIVED, Code.ARCHIVED, 4),
        (Known.TAKEN_DOWN, Code.NOT_FOUND, 4),
        (Known.NO_VERSIONS, Code.NOT_FOUND, 4),
        (Known.UNRATED, Code.NOT_FOUND, 4),
        (999_999, Code.NOT_FOUND, 4),
    ],
)
def test_a_ref_that_can_only_be_skipped_ends_with_its_own_code(
    collection: Collection, known: int, code: Code, exit_code: int
) -> None:
    plan = collection.scan(str(int(known)))
    assert [error.code for error in plan.errors] == [code]
    assert plan.exit_code == exit_code


def test_a_version_for_generation_only_is_known_as_such_when_named(collection: Collection) -> None:
    plan = collection.scan(f"https://civitai.com/models/{int(Known.GENERATION_ONLY)}?modelVersionId=101901")
    assert plan.skip_counts() == {Reason.NOT_DOWNLOADABLE: 1}
    assert plan.exit_code == 3


def test_a_ref_that_is_filtered_out_is_no_failure(collection: Collection) -> None:
    plan = collection.scan(str(int(Known.PLAIN_LORA)), types=("Checkpoint",))
    assert (plan.items, plan.exit_code) == ((), 0)


def test_a_ref_that_names_a_file_takes_that_one_and_says_when_there_is_none(collection: Collection) -> None:
    version = collection.sandbox.world.models[int(Known.CHECKPOINT_VARIANTS)].versions[0]
    first, second = version.files[:2]
    page = f"https://civitai.com/api/download/models/{version.id}?fileId="
    assert [item.file_id for item in collection.scan(f"{page}{second.id}").items] == [second.id]
    both = collection.scan(f"{page}{second.id}", f"{page}{first.id}")
    assert ([item.file_id for item in both.items], both.skips) == ([second.id, first.id], ())
    nothing = collection.scan(f"{page}7")
    assert (nothing.items, [error.code for error in nothing.errors]) == ((), [Code.NOT_FOUND])


def test_several_refs_of_which_one_cannot_be_had_are_a_partial_success(collection: Collection) -> None:
    plan = collection.scan(str(int(Known.PLAIN_LORA)), "999999")
    assert model_ids(plan) == [Known.PLAIN_LORA]
    assert (len(plan.errors), plan.exit_code) == (1, 7)


def test_the_same_thing_named_twice_is_planned_once(collection: Collection) -> None:
    plan = collection.scan("1001", "https://civitai.red/models/1001/some-slug", "1001")
    assert len(plan.items) == len({item.file_id for item in plan.items})


def test_a_version_named_twice_over_is_a_duplicate(collection: Collection) -> None:
    plan = collection.scan("1001", "https://civitai.com/models/1001?modelVersionId=100101")
    assert plan.skip_counts() == {Reason.DUPLICATE: 1}
    assert all(skip.item and skip.item.path in {item.path for item in plan.items} for skip in plan.skips)


def test_paths_are_the_same_by_listing_by_model_and_by_version(collection: Collection) -> None:
    listed = {i.file_id: i.path for i in collection.scan().items if i.model_id == Known.CHECKPOINT_VARIANTS}
    by_model = {i.file_id: i.path for i in collection.scan("1002").items}
    by_version = {
        i.file_id: i.path for i in collection.scan("https://civitai.com/models/1002?modelVersionId=100201").items
    }
    assert listed == by_model == by_version


def test_nothing_that_the_site_names_leaves_the_save_path(collection: Collection) -> None:
    plan = collection.scan(query=ModelQuery(nsfw=True), all_versions=True, allow_unsafe=True)
    for item in plan.items:
        assert not item.path.startswith("/")
        assert ".." not in item.path.split("/")


@pytest.mark.parametrize("fault", ["bad_gateway", "overloaded", "truncated_json", "html_200", "empty_499", "reset"])
def test_a_fault_in_the_middle_of_a_listing_is_survived(collection: Collection, fault: str) -> None:
    assert FAULTS[fault].where == "site"
    whole = collection.scan(query=ModelQuery(limit=10))
    params = {"retry_after": 0} if fault == "overloaded" else {}
    collection.sandbox.faults.add(fault, times=1, match="cursor=", **params)
    assert collection.scan(query=ModelQuery(limit=10)).items == whole.items


def test_a_page_that_fails_for_good_is_an_error_that_says_how_far_the_scan_came(collection: Collection) -> None:
    collection.sandbox.faults.add("bad_gateway", times=None, match="cursor=")
    with pytest.raises(SiteError) as failure:
        collection.scan(query=ModelQuery(limit=10))
    assert "1 page" in failure.value.message


def test_the_raw_answers_of_a_scan_are_plain_json(collection: Collection) -> None:
    assert json.loads(json.dumps(collection.scan().as_json()))["items"]


def test_a_world_of_a_thousand_models_is_scanned_whole(collection: Collection) -> None:
    collection.sandbox.world = World.large(models=1000, bytes_each=2000)
    assert len(model_ids(collection.scan(query=ModelQuery(sort=ModelSort.NEWEST)))) == 1000


# The site shows this version by its id, and its model not at all.
UNLISTED = "https://civitai.com/model-versions/101501"


def test_a_version_whose_model_is_not_shown_is_planned_with_what_it_says_itself(collection: Collection) -> None:
    plan = collection.scan(UNLISTED)
    said = [(item.model_id, item.model_name, item.type) for item in plan.items]
    assert (said, plan.errors) == ([(Known.UNRATED, "Not Rated Yet", "LORA")], ())


def test_a_version_whose_model_is_not_shown_is_downloaded(collection: Collection) -> None:
    report = collection.download(UNLISTED, options={"metadata": True, "model_info": True})
    assert (report.exit_code, [item.version_id for item in report.downloaded]) == (0, [101501])
    entry = collection.entry(101501)
    assert entry is not None
    assert (entry.model_id, entry.model_name, entry.model) == (Known.UNRATED, "Not Rated Yet", None)
    assert [path.rpartition(".")[2] for path in collection.files()] == ["json", "safetensors"]


def test_a_private_version_ends_with_its_true_refusal(collection: Collection) -> None:
    report = collection.download("https://civitai.com/model-versions/101601")
    codes = [failure.error.code for failure in report.failed] + [error.code for error in report.errors]
    assert (codes, report.exit_code) == ([Code.NO_ACCESS], 3)


class Stumbling(Template):
    """A template with a mistake in it, which shows at one model."""

    def place(self, *, model: Model, version: ModelVersion, file: ModelFile) -> str:
        """The path of a file of any other model."""
        if model.id == Known.PLAIN_LORA:
            raise ZeroDivisionError
        return super().place(model=model, version=version, file=file)


def test_a_mistake_over_one_model_is_its_error_and_the_others_are_planned(collection: Collection) -> None:
    whole = collection.scan()
    with ExitStack() as stack:
        parts = replace(collection.kit(stack, writing=False).scan_parts, template=Stumbling(DEFAULT_TEMPLATE))
        plan = scan(parts, request(), collection.events.append)
    assert [(error.code, error.model_id) for error in plan.errors] == [(Code.UNFORESEEN, Known.PLAIN_LORA)]
    assert plan.items == tuple(item for item in whole.items if item.model_id != Known.PLAIN_LORA)
    assert plan.exit_code == 7


def test_many_models_are_looked_up_a_hundred_a_request(collection: Collection) -> None:
    collection.sandbox.world = World.large(models=150, bytes_each=1000)
    ids = [str(number) for number in collection.sandbox.world.models]
    plan = collection.scan(*ids)
    assert (len(model_ids(plan)), plan.exit_code) == (150, 0)
    assert [record.path for record in collection.sandbox.requests] == ["/api/v1/models"] * 2


def test_many_versions_are_looked_up_together_and_lie_where_each_alone_would(collection: Collection) -> None:
    versions = [version.id for version in collection.sandbox.world.models[Known.MANY_VERSIONS].versions]
    refs = [f"https://civitai.com/model-versions/{number}" for number in versions]
    plan = collection.scan(*refs)
    asked = [record.path for record in collection.sandbox.requests]
    assert asked == ["/api/v1/models", "/api/v1/models", "/api/v1/model-versions/by-hash"]
    assert [item.version_id for item in plan.items] == versions
    assert plan.items[0].path == collection.scan(refs[0]).items[0].path


def test_what_the_listing_does_not_show_of_many_is_asked_for_by_id(collection: Collection) -> None:
    refs = (str(int(Known.PLAIN_LORA)), str(int(Known.ARCHIVED)), UNLISTED, "999999")
    plan = collection.scan(*refs)
    assert model_ids(plan) == [Known.PLAIN_LORA, Known.UNRATED]
    assert [error.code for error in plan.errors] == [Code.ARCHIVED, Code.NOT_FOUND]
    assert plan.exit_code == 7


def test_each_thing_named_that_is_no_model_has_its_error(collection: Collection) -> None:
    plan = collection.scan("https://civitai.com/images/1", "https://civitai.com/images/2")
    assert [error.code for error in plan.errors] == [Code.USAGE] * 2


def strip_id(collection: Collection, known: int, url: str | None = None) -> None:
    """Let the answers about a model's last file lack its id, and print another address for it."""
    collection.sandbox.world.models[known].versions[0].files[-1].extra = {"id": None, "downloadUrl": url}


def test_a_file_without_an_id_is_known_by_its_address(collection: Collection) -> None:
    (whole,) = collection.scan("1001").items
    strip_id(collection, Known.PLAIN_LORA, "https://civitai.com/api/download/models/100101?type=Model&fileId=1001011")
    (found,) = collection.scan("1001").items
    assert (found.file_id, found.path) == (whole.file_id, whole.path)


def test_a_model_whose_only_file_lacks_an_id_is_said(collection: Collection) -> None:
    strip_id(collection, Known.PLAIN_LORA)
    plan = collection.scan("1001")
    assert [(skip.reason, skip.file_name) for skip in plan.skips] == [(Reason.NO_FILES, "plain_line_0.safetensors")]
    assert [error.code for error in plan.errors] == [Code.NOT_FOUND]
    assert "lacks their ids" in plan.errors[0].message
    assert plan.exit_code == 4


def test_of_two_files_the_one_without_an_id_is_a_skip(collection: Collection) -> None:
    strip_id(collection, Known.IDENTICAL_FILES)
    plan = collection.scan(str(int(Known.IDENTICAL_FILES)))
    assert (len(plan.items), [skip.reason for skip in plan.skips]) == (1, [Reason.NO_FILES])
    assert plan.exit_code == 0


def test_a_version_without_an_id_is_a_skip(collection: Collection) -> None:
    collection.sandbox.world.models[Known.PLAIN_LORA].versions[0].extra = {"id": None}
    plan = collection.scan("1001")
    assert [(skip.reason, skip.version_name) for skip in plan.skips] == [(Reason.NO_FILES, "v3 Pony")]
    assert plan.items == ()


def test_a_version_for_generation_only_is_known_as_such_among_many(collection: Collection) -> None:
    plan = collection.scan("1001", f"https://civitai.com/models/{int(Known.GENERATION_ONLY)}?modelVersionId=101901")
    assert plan.skip_counts() == {Reason.NOT_DOWNLOADABLE: 1}
    assert (model_ids(plan), plan.exit_code) == ([Known.PLAIN_LORA], 7)


def test_a_hash_that_is_none_does_no_harm_among_many(collection: Collection) -> None:
    version = collection.sandbox.world.models[Known.PLAIN_LORA].versions[0]
    version.files[0].hashes = {"SHA256": "no hash"}
    refs = (f"https://civitai.com/model-versions/{version.id}", str(int(Known.FLUX)))
    plan = collection.scan(*refs)
    assert (model_ids(plan), plan.items[0].sha256) == ([Known.PLAIN_LORA, Known.FLUX], None)
    assert read_plan(plan_text(plan), "plan.json").items == plan.items


def test_hashes_for_looking_up_are_no_promise_of_the_bytes(collection: Collection) -> None:
    file = collection.sandbox.world.models[Known.FLUX].versions[0].files[0]
    file.hashes = {"SHA256_12": "0" * 12, "SSHS_12": "1" * 12}
    (item,) = collection.scan(str(int(Known.FLUX))).items
    assert (item.sha256, item.blake3, item.crc32, item.auto_v3) == (None, None, None, None)


def test_precision_and_quantisation_of_no_list_are_told_as_the_site_says_them(collection: Collection) -> None:
    (item,) = collection.scan(str(int(Known.LOCON))).items
    assert (item.fp, item.quant, item.base_model) == ("nvfp4", "SVDQ-int4", "Qwen 2.1")


def test_a_file_that_the_site_has_renamed_since_it_came_is_there(collection: Collection) -> None:
    collection.sandbox.world.unique_names = False
    reference = str(int(Known.CHECKPOINT_VARIANTS))
    first = collection.download(reference)
    collection.sandbox.world.unique_names = True
    plan = collection.scan(reference)
    assert [skip.reason for skip in plan.skips] == [Reason.HAVE] * len(first.downloaded)
    assert plan.items == ()
