"""Where an image goes: the grabber's tree, never out of it, never too long, never two on one path."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.collection.entry import ImageKind, Quality
from civitai_kit.core.errors import UsageError
from civitai_kit.core.images.placement import Layout, Placing, Subject, clean_model_name, stem_name
from civitai_kit.core.images.targets import Target, distinct, name_target, target_of
from civitai_kit.core.images.template import PLACEHOLDERS, ImageTemplate
from civitai_kit.core.paths.relative_paths import checked_relative
from civitai_kit.core.site.models import Image
from civitai_kit.core.site.references import parse_reference

ANY_TEXT = st.text(max_size=120)
TARGETS = [
    (Target(ImageKind.USERNAME, "Ann"), "Username_Search/Ann"),
    (Target(ImageKind.MODEL, "12"), "Model_ID_Search/model_12"),
    (Target(ImageKind.MODEL_VERSION, "34"), "Model_Version_ID_Search/modelVersion_34"),
    (Target(ImageKind.POST, "5"), "Post_ID_Search/post_5"),
    (Target(ImageKind.IMAGE, "7"), "Image_ID_Search/image_7"),
    (Target(ImageKind.TAG, "line art"), "Model_Tag_Search/line_art/model_99"),
]


def subject(
    target: Target = TARGETS[0][0], *, name: str | None = "Dream", meta: bool = True, **image: object
) -> Subject:
    """An image of a target, made with a model."""
    raw = {"id": 1, "type": "image", **image}
    return Subject(
        target=target, image=Image.model_validate(raw), quality=Quality.HD, has_meta=True, name=name, model_id=99
    )


@pytest.mark.parametrize(("target", "folder"), TARGETS, ids=str)
def test_each_search_has_the_grabber_s_folder(target: Target, folder: str) -> None:
    assert Placing().stem(subject(target)) == f"{folder}/Dream/1"
    assert Placing(sort=False).stem(subject(target)) == f"{folder}/1"


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("My:Model", "My_Model"),
        ("a__b", "a_b"),
        ("%20x%20y%26", "x y&"),
        ("..hidden. ", "hidden"),
        ("v1.5 (pruned)", "v1.5 (pruned)"),
        ("日本のモデル", "日本のモデル"),
        ("///", "_"),
        ("con", "con_"),
        ("x" * 90, "x" * 60),
    ],
)
def test_model_names_become_the_folders_that_the_grabber_makes(name: str, folder: str) -> None:
    assert clean_model_name(name) == folder


@given(ANY_TEXT)
def test_no_model_name_leads_out_of_the_tree(name: str) -> None:
    stem = Placing(max_path=1000).stem(subject(name=name or "x"))
    assert stem is not None
    assert checked_relative(stem) == stem
    assert stem.startswith("Username_Search/Ann/") and stem.endswith("/1") and stem.count("/") == 3


@given(ANY_TEXT, ANY_TEXT)
def test_no_author_leads_out_of_the_tree(author: str, base: str) -> None:
    placing = Placing(layout=Layout.AUTHOR, max_path=1000)
    stem = placing.stem(subject(image={"username": author, "baseModel": base}))
    assert stem is not None
    assert checked_relative(stem) == stem and stem.count("/") == 2


@given(ANY_TEXT, st.integers(60, 300), st.integers(0, 40))
def test_whole_paths_stay_within_their_bound_or_are_refused(name: str, most: int, root: int) -> None:
    stem = Placing(max_path=most, root_length=root).stem(subject(name=name or "x"))
    if stem is not None:
        assert root + len(f"/{stem}_workflow.json") <= most
        assert stem.endswith("/1")


def test_the_two_qualities_never_share_a_name() -> None:
    assert {stem_name(5, quality) for quality in Quality} == {"5", "5_sd"}


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("", "empty"),
        ("{username}", "must end in"),
        ("/{image_id}", "absolute"),
        ("~/{image_id}", "absolute"),
        ("c:/{image_id}", "absolute"),
        ("a\\{image_id}", "backslash"),
        ("../{image_id}", "only dots"),
        ("a//{image_id}", "empty"),
        ("{user}/{image_id}", "unknown placeholder"),
        ("{username!r}/{image_id}", "unknown placeholder"),
        ("{username/{image_id}", "braces"),
    ],
)
def test_a_template_that_cannot_work_is_refused(said: str, problem: str) -> None:
    with pytest.raises(UsageError, match=problem):
        ImageTemplate(said)


@given(st.sampled_from(sorted(PLACEHOLDERS)), ANY_TEXT)
def test_no_value_of_a_template_leads_out_of_the_tree(field: str, value: str) -> None:
    image = {"username": value, "baseModel": value, "createdAt": value, "type": value, "nsfwLevel": value}
    placing = Placing(template=ImageTemplate(f"{{{field}}}/by {{username}}/{{image_id}}"), max_path=1000)
    stem = placing.stem(subject(name=value, image=image))
    assert stem is not None
    assert checked_relative(stem) == stem and stem.endswith("/1") and stem.count("/") == 2


# -- targets --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("page", "target"),
    [
        ("https://civitai.com/user/ann/images", Target(ImageKind.USERNAME, "ann")),
        ("https://civitai.red/models/12/slug", Target(ImageKind.MODEL, "12")),
        ("https://civitai.com/models/12?modelVersionId=34", Target(ImageKind.MODEL_VERSION, "34")),
        ("https://civitai.com/api/download/models/34", Target(ImageKind.MODEL_VERSION, "34")),
        ("https://civitai.com/tag/line%20art", Target(ImageKind.TAG, "line art")),
        ("https://civitai.com/posts/5", Target(ImageKind.POST, "5")),
        ("https://civitai.com/images/7", Target(ImageKind.IMAGE, "7")),
        ("12", Target(ImageKind.MODEL, "12")),
    ],
)
def test_every_page_names_its_target(page: str, target: Target) -> None:
    assert target_of(parse_reference(page)) == target


def test_spellings_of_one_target_are_one() -> None:
    named = [
        name_target(ImageKind.TAG, "Line_Art"),
        name_target(ImageKind.TAG, "line  art"),
        name_target(ImageKind.USERNAME, "Ann"),
        name_target(ImageKind.USERNAME, "ann"),
        name_target(ImageKind.MODEL, "0012"),
        name_target(ImageKind.MODEL, "12"),
    ]
    assert [target.value for target in distinct(named)] == ["Line_Art", "Ann", "12"]


@pytest.mark.parametrize("kind", list(ImageKind))
@given(text=ANY_TEXT)
def test_what_is_typed_is_a_target_or_refused(kind: ImageKind, text: str) -> None:
    try:
        target = name_target(kind, text)
    except UsageError:
        return
    assert checked_relative(target.folder) == target.folder
    assert target.folder.count("/") == 1
