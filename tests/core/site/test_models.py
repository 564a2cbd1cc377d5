"""The site's answers as values: recorded ones of four years, every irregularity known of them, and worse."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.site.file_answers import TensorMetadata, VersionBrief
from civitai_kit.core.site.models import (
    Creator,
    Hashes,
    HashOwner,
    Image,
    Model,
    ModelFile,
    ModelVersion,
    Page,
    Preview,
    SiteValue,
    Tag,
    User,
    page_of,
)
from civitai_kit.core.site.posts import Post
from civitai_kit.core.site.publications import Article, Collection
from civitai_kit.core.site.strict_json import NotJson, parse_json
from civitai_kit.core.site.vault import Vault, VaultItem

RECORDS = Path(__file__).parents[4] / "shared" / "data"


def recorded(*folders: str) -> list[Any]:
    """Recorded answers as test cases, a skipped one where they are not there."""
    paths = [path for folder in folders for path in sorted((RECORDS / folder).glob("*"))]
    skipped = pytest.param(None, marks=pytest.mark.skip(reason="no recorded data here"), id="none")
    return [pytest.param(path, id=path.name[-60:]) for path in paths] or [skipped]


def answer_in(path: Path) -> Any:
    """The answer of a record; some are samples of documents, cut short or with notes in them."""
    try:
        return parse_json(path.read_bytes())
    except NotJson:
        pytest.skip("this record is no whole answer")


def objects_in(value: Any) -> list[dict[str, Any]]:
    """All objects of an answer at any depth."""
    if isinstance(value, list):
        return [found for item in value for found in objects_in(item)]
    if not isinstance(value, dict):
        return []
    return [value, *(found for item in value.values() for found in objects_in(item))]


# -- recorded answers -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", recorded("model"))
def test_a_recorded_model_keeps_what_matters_and_its_answer(path: Path) -> None:
    answer = answer_in(path)
    model = Model.model_validate(answer)
    assert model.raw is answer
    assert (model.id, model.name, model.type) == (answer["id"], answer["name"], answer["type"])
    assert [version.id for version in model.versions] == [row["id"] for row in answer["modelVersions"]]
    assert all(isinstance(tag, str) and tag for tag in model.tags) and len(model.tags) == len(answer["tags"])
    licences = {"None", "Image", "RentCivit", "Rent", "Sell"}
    assert set(model.allow_commercial_use) <= licences and (
        model.allow_commercial_use or not answer["allowCommercialUse"]
    )
    for version, row in zip(model.versions, answer["modelVersions"], strict=True):
        assert_version(version, row)


@pytest.mark.parametrize("path", recorded("model-version"))
def test_a_recorded_version_keeps_what_matters_and_its_answer(path: Path) -> None:
    answer = answer_in(path)
    version = ModelVersion.model_validate(answer)
    assert_version(version, answer)
    assert version.model is None or version.model.name == answer["model"]["name"]


def assert_version(version: ModelVersion, row: dict[str, Any]) -> None:
    """A version says what its answer says."""
    assert version.raw is row and version.base_model == row.get("baseModel")
    assert version.trained_words == tuple(row.get("trainedWords") or ())
    assert len(version.images) == len(row.get("images") or ())
    for file, given_file in zip(version.files, row.get("files") or (), strict=True):
        hashes = {name.lower(): text.lower() for name, text in given_file["hashes"].items()}
        known = {name.replace("_", ""): text for name, text in file.hashes.model_dump().items() if text}
        assert (file.raw, known) == (given_file, hashes)
        assert (file.size or 0) == round(given_file["sizeKB"] * 1024)
        assert (file.id, file.name, file.primary) == (given_file["id"], given_file["name"], "primary" in given_file)
    for preview, given_preview in zip(version.images, row.get("images") or (), strict=True):
        assert preview.raw is given_preview and preview.url == given_preview.get("url")
        assert preview.image_id == given_preview.get("id") or given_preview.get("id") is None


@pytest.mark.parametrize("path", recorded("model-list"))
def test_a_recorded_list_of_models_is_a_page(path: Path) -> None:
    answer = answer_in(path)
    page = page_of(Model.model_validate, answer if isinstance(answer, dict) else {"items": answer})
    assert page.items and all(model.id and model.name for model in page.items)


@pytest.mark.parametrize("path", recorded("image-item"))
def test_a_recorded_image_keeps_its_answer_and_its_generation_data(path: Path) -> None:
    answer = answer_in(path)
    image = Image.model_validate(answer)
    assert image.raw is answer and image.id == answer["id"] and image.username == answer["username"]
    assert image.meta == answer["meta"] or image.meta is None or image.meta == answer["meta"].get("meta")
    assert image.model_version_ids == tuple(answer.get("modelVersionIds") or ())


@pytest.mark.parametrize("path", recorded("hash-pair"))
def test_a_recorded_file_says_its_size_and_digests(path: Path) -> None:
    answer = answer_in(path)
    file = ModelFile.model_validate(answer)
    assert file.size == answer["sizeKB"] * 1024
    assert file.hashes.sha256 == answer["hashes"]["SHA256"].lower()
    assert file.hashes.auto_v2 == (file.hashes.sha256 or "")[:10]


@pytest.mark.parametrize("path", recorded("trpc", "docs-sample", "civarchive", "model-list", "image-item"))
def test_any_object_of_any_recorded_answer_is_survived_by_every_value(path: Path) -> None:
    for found in objects_in(answer_in(path))[:300]:
        for kind in VALUES:
            assert kind.model_validate(found).raw is found


def test_a_recorded_envelope_gives_its_cursor() -> None:
    paths = sorted((RECORDS / "list-envelope").glob("*"))
    if not paths:
        pytest.skip("no recorded data here")
    answer = parse_json(b'{"items":[],"' + paths[0].read_bytes().strip().lstrip(b'"'))
    assert page_of(Model.model_validate, answer).next_cursor == "25631|769072|25694"


# -- irregularities -------------------------------------------------------------------------------------------

VALUES: list[type[SiteValue]] = [
    Model,
    ModelVersion,
    ModelFile,
    Hashes,
    Preview,
    Image,
    Post,
    Creator,
    Tag,
    User,
    HashOwner,
    Article,
    Collection,
    Vault,
    VaultItem,
    VersionBrief,
    TensorMetadata,
]


@pytest.mark.parametrize("kind", VALUES)
def test_nothing_at_all_is_survived(kind: type[SiteValue]) -> None:
    assert kind.model_validate({}).raw == {}


def nulls(kind: type[SiteValue]) -> dict[str, Any]:
    """An answer in which every field is null."""
    return {field.serialization_alias or name: None for name, field in kind.model_fields.items() if name != "raw"}


@pytest.mark.parametrize("kind", VALUES)
def test_null_everywhere_reads_as_nothing_said(kind: type[SiteValue]) -> None:
    empty = kind.model_validate({})
    assert kind.model_validate(nulls(kind)).model_dump() == empty.model_dump()


SENSELESS: list[Any] = [5, -1.5, True, "", "text", [], [None], {}, {"a": 1}, [[1]], 10**400, "\ud800", float("inf")]


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("value", SENSELESS, ids=repr)
def test_a_field_of_the_wrong_kind_spoils_nothing_else(kind: type[SiteValue], value: Any) -> None:
    for name in [*nulls(kind), "raw"]:
        answer = {name: value}
        assert kind.model_validate(answer).raw is answer


@pytest.mark.parametrize(
    ("given_use", "uses"),
    [
        ("Sell", ("Sell",)),
        (["Image", "RentCivit"], ("Image", "RentCivit")),
        ("{Image,RentCivit,Rent,Sell}", ("Image", "RentCivit", "Rent", "Sell")),
        ("{RentCivit}", ("RentCivit",)),
        ('{"Image", Rent}', ("Image", "Rent")),
        ("{}", ()),
        ([], ()),
        ("None", ("None",)),
        (None, ()),
    ],
)
def test_a_licence_has_three_forms(given_use: Any, uses: tuple[str, ...]) -> None:
    assert Model.model_validate({"allowCommercialUse": given_use}).allow_commercial_use == uses


def test_tags_may_be_objects_with_a_name() -> None:
    assert Model.model_validate({"tags": ["a", {"name": "b"}, {"id": 3}, None]}).tags == ("a", "b")


def test_a_creator_may_be_missing_or_nameless() -> None:
    assert Model.model_validate({}).creator is None
    nameless = Model.model_validate({"creator": {"username": None, "image": None}}).creator
    assert nameless is not None and nameless.username is None


def test_digests_are_read_by_any_case_and_unknown_ones_stay_in_the_answer() -> None:
    hashes = Hashes.model_validate({"SHA256": "AB", "autov3": "CD", "CRC32": None, "Trainer": "EF"})
    assert (hashes.sha256, hashes.auto_v3, hashes.crc32) == ("ab", "cd", None)
    assert hashes.raw["Trainer"] == "EF"
    assert ModelFile.model_validate({"hashes": {}}).hashes == Hashes()
    assert Hashes(auto_v1="AA").auto_v1 == "aa"


def test_the_hashes_for_looking_up_are_read_beside_the_others() -> None:
    hashes = Hashes.model_validate({"SHA256_12": "AB12AB12AB12", "SSHS_12": "0F0F0F0F0F0F", "AutoV3": "cd"})
    assert (hashes.sha256_12, hashes.sshs_12, hashes.auto_v3) == ("ab12ab12ab12", "0f0f0f0f0f0f", "cd")
    assert hashes.sha256 is None


def test_a_posts_images_are_those_of_a_listing() -> None:
    post = Post.model_validate({"id": 5, "tags": [{"id": 1, "name": "sea"}], "images": [{"id": 6}, None, {"id": 7}]})
    assert (post.tags, [image.id for image in post.images], post.user) == (("sea",), [6, 7], None)
    assert Image.model_validate({"thumbnail": "https://h/a.jpeg"}).thumbnail == "https://h/a.jpeg"


@pytest.mark.parametrize(
    ("size_kb", "size"),
    [
        (3396764, 3_478_286_336),
        (223124.5, 228_479_488),
        (0, None),
        (-1, None),
        (None, None),
        ("5", None),
        (1e300, None),
        (2.0**30, 2**40),
        (2.0**30 + 1, None),
    ],
)
def test_a_size_is_in_bytes_and_a_bogus_one_is_none(size_kb: Any, size: int | None) -> None:
    assert ModelFile.model_validate({"sizeKB": size_kb}).size == size


@pytest.mark.parametrize(
    ("answer", "image_id"),
    [
        ({"id": 5, "url": "https://image.civitai.com/x/y/original=true/7.jpeg"}, 5),
        ({"url": "https://image.civitai.com/x/y/original=true/114455667.jpeg"}, 114455667),
        ({"url": "https://image.civitai.com/x/y/original=true/12.mp4?token=1"}, 12),
        ({"url": "https://image.civitai.com/x/y/width=450/cc242d6c-f960.jpeg"}, None),
        ({}, None),
    ],
)
def test_a_previews_id_may_only_stand_in_its_address(answer: dict[str, Any], image_id: int | None) -> None:
    assert Preview.model_validate(answer).image_id == image_id


def test_previews_are_a_sequence_like_any_other() -> None:
    version = ModelVersion.model_validate({"images": [{"id": 1}, None, {"id": 2, "nsfwLevel": "Soft"}]})
    assert [preview.id for preview in version.images] == [1, 2]
    assert (len(version.images), version.images[-1].nsfw_level) == (2, "Soft")
    assert version.images[:1] == (Preview.model_validate({"id": 1}),)
    assert version == ModelVersion.model_validate({"images": [{"id": 1}, None, {"id": 2, "nsfwLevel": "Soft"}]})
    assert not ModelVersion().images


def test_half_a_surrogate_pair_can_be_written_and_stays_in_the_answer() -> None:
    model = Model.model_validate(json.loads('{"name": "bad \\ud83d name", "tags": ["\\udc00"]}'))
    assert model.name == "bad \ufffd name" and model.tags == ("\ufffd",)
    assert model.raw["name"] == "bad \ud83d name"


def test_numbers_beyond_64_bits_are_kept() -> None:
    image = Image.model_validate({"id": 1, "meta": {"seed": 17739416935733250000}})
    assert image.meta == {"seed": 17739416935733250000}


@pytest.mark.parametrize(
    ("meta", "flat"),
    [
        ({"prompt": "x"}, {"prompt": "x"}),
        ({"id": 5, "meta": {"prompt": "x"}}, {"prompt": "x"}),
        ({"id": 5, "meta": None}, None),
        ({"id": 5, "prompt": "x"}, {"id": 5, "prompt": "x"}),
        ({}, {}),
        (None, None),
        ("text", None),
    ],
)
def test_generation_data_is_flat_from_either_form(meta: Any, flat: Any) -> None:
    assert Image.model_validate({"meta": meta}).meta == flat


def test_unknown_words_of_the_site_stay_as_they_are() -> None:
    version = ModelVersion.model_validate({"status": "Dreaming", "usageControl": "Never", "baseModel": "SD 99"})
    assert (version.status, version.usage_control, version.base_model) == ("Dreaming", "Never", "SD 99")


def test_a_value_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        setattr(Model(name="a"), "name", "b")  # noqa: B010 - the type checker would refuse the plain form


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = sorted({alias for kind in VALUES for alias in nulls(kind)})


@given(st.sampled_from(VALUES), st.dictionaries(st.sampled_from(FIELDS), JSON, max_size=8))
def test_any_answer_is_survived_and_kept(kind: type[SiteValue], answer: dict[str, Any]) -> None:
    assert kind.model_validate(answer).raw is answer


# -- pages ----------------------------------------------------------------------------------------------------


def page(metadata: Any, items: Any = ()) -> Page[Tag]:
    """The page of an envelope."""
    return page_of(Tag.model_validate, {"items": list(items), "metadata": metadata})


@pytest.mark.parametrize(
    ("metadata", "cursor"),
    [
        ({"nextCursor": "1|2|3"}, "1|2|3"),
        ({"nextCursor": 12345}, 12345),
        ({"nextCursor": 0}, 0),
        ({"nextCursor": 41.0}, 41),
        ({"nextCursor": None}, None),
        ({"nextCursor": ""}, None),
        ({"nextCursor": True}, None),
        ({"nextCursor": {"a": 1}}, None),
        (
            {"nextPage": "https://civitai.com/api/v1/models?limit=1&cursor=75363%7C932023%7C257749"},
            "75363|932023|257749",
        ),
        ({"nextPage": "https://civitai.com/api/v1/images?page=2"}, None),
        ({"nextPage": "http://[broken"}, None),
        ({"nextPage": 5}, None),
        ({"nextCursor": "a", "nextPage": "https://x/?cursor=b"}, "a"),
        ({}, None),
        (None, None),
        ([], None),
    ],
)
def test_a_cursor_is_text_or_number_or_stands_in_the_next_page(metadata: Any, cursor: Any) -> None:
    found = page(metadata).next_cursor
    assert found == cursor and type(found) is type(cursor)


def test_items_that_are_none_are_passed_over() -> None:
    assert [tag.name for tag in page({}, [{"name": "a"}, None, 3, {"name": "b"}]).items] == ["a", "b"]


def test_a_page_makes_its_items_once_and_shows_how_many_it_has() -> None:
    made = page({"nextCursor": "7"}, [{"name": "a"}, {"name": "b"}])
    assert made.items is made.items and isinstance(made.items, tuple)
    assert repr(made) == "Page(2 items, next_cursor='7')"


@pytest.mark.parametrize("kind", [Model, ModelVersion, ModelFile, Hashes, Preview, Creator, Image, Post, Tag, User])
def test_a_value_made_by_keyword_received_nothing(kind: type[SiteValue]) -> None:
    assert kind(**{name: (Preview(id=1),) for name in kind.model_fields}).raw == {}


def test_a_copy_keeps_the_answer_that_it_was_made_of() -> None:
    answer = {"id": 1, "modelVersions": [{"id": 2}]}
    model = Model.model_validate(answer)
    assert model.model_copy(update={"versions": (ModelVersion(id=3),)}).raw is answer


A_MODEL = {
    "id": 7,
    "name": "Ink",
    "stats": {"downloadCount": 3},
    "modelVersions": [{"id": 8, "files": [{"id": 9, "hashes": {"SHA256": "AB"}}], "images": [{"id": 10}]}],
}


@pytest.mark.parametrize("by_alias", [True, False])
@pytest.mark.parametrize("as_json", [True, False])
def test_what_is_written_of_a_model_reads_as_the_same_model(by_alias: bool, as_json: bool) -> None:
    model = Model.model_validate(A_MODEL)
    if as_json:
        again = Model.model_validate_json(model.model_dump_json(by_alias=by_alias))
    else:
        again = Model.model_validate(model.model_dump(by_alias=by_alias))
    assert again.model_dump() == model.model_dump()
    assert again.versions[0].files[0].hashes.sha256 == "ab"
    assert again.versions[0].images[0].id == 10


@pytest.mark.parametrize("kind", [Model, ModelVersion, Post])
@pytest.mark.parametrize("mode", ["validation", "serialization"])
def test_a_value_has_a_schema_for_web_frameworks(kind: type[SiteValue], mode: Any) -> None:
    assert kind.model_json_schema(mode=mode)["properties"]


def test_values_put_together_by_hand_keep_their_parts() -> None:
    previews: Any = (Preview(id=10), {"id": 11}, None)
    version = ModelVersion(id=8, files=(ModelFile(id=9),), images=previews)
    assert [each.id for each in version.images] == [10, 11]
    assert Model(id=7, versions=[version]).versions == (version,)


def test_values_can_be_keys_and_members_of_sets() -> None:
    model, same = Model.model_validate(A_MODEL), Model.model_validate(A_MODEL)
    assert len({model, same, pickle.loads(pickle.dumps(model)), Model(id=7), model.versions[0]}) == 3
