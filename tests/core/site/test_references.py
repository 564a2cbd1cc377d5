"""What people paste names one thing, or is refused with a sentence."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import UsageError
from civitai_kit.core.site.air import Air, air_of, parse_air
from civitai_kit.core.site.references import (
    LARGEST_ID,
    Reference,
    ReferenceKind,
    download_url,
    model_page_url,
    parse_reference,
    path_and_query,
    read_references,
    url_of,
)

SITE = "https://civitai.com"
ids = st.integers(1, LARGEST_ID)


def meaning(text: str, site: str | None = None) -> tuple[object, ...]:
    """Kind and everything that is not None, in the order of the fields."""
    found = parse_reference(text, site=site)
    parts = (
        found.model_id,
        found.version_id,
        found.file_id,
        found.image_id,
        found.post_id,
        found.username,
        found.tag,
    )
    return (found.kind.value, *(part for part in parts if part is not None))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4201", ("model", 4201)),
        (" 4201\n", ("model", 4201)),
        ("2147483647", ("model", 2147483647)),
        ("https://civitai.com/models/4201", ("model", 4201)),
        ("http://www.civitai.com/models/4201/", ("model", 4201)),
        ("HTTPS://WWW.CIVITAI.COM/models/4201", ("model", 4201)),
        ("https://civitai.com:443/models/4201", ("model", 4201)),
        ("https://civitai.red/models/4201/some-slug-of-it", ("model", 4201)),
        ("https://civitai.green/models/4201/日本語?foo=bar", ("model", 4201)),
        ("https://civitai.com/models/4201/x#comments", ("model", 4201)),
        ("https://civitai.com/models/4201?modelVersionId=", ("model", 4201)),
        ("civitai.com/models/4201", ("model", 4201)),
        ("www.civitai.red/models/4201/x?modelVersionId=5", ("version", 4201, 5)),
        ("//civitai.com/models/4201", ("model", 4201)),
        ("https://civitai.com/models/4201?modelVersionId=130072", ("version", 4201, 130072)),
        ("https://civitai.com/models/4201/slug?a=b&modelVersionId=130072#x", ("version", 4201, 130072)),
        ("https://civitai.com/model-versions/130072", ("version", 130072)),
        ("https://civitai.com/api/v1/models/4201", ("model", 4201)),
        ("https://civitai.com/api/v1/model-versions/130072", ("version", 130072)),
        ("https://civitai.com/api/v1/model-versions/mini/130072", ("version", 130072)),
        ("https://civitai.com/api/download/models/130072", ("version", 130072)),
        ("https://api.civitai.com/download/models/130072", ("version", 130072)),
        ("civitai.com/api/download/models/130072?type=Model&format=SafeTensor", ("version", 130072)),
        ("https://civitai.com/api/download/models/130072?type=VAE&fileId=9", ("file", 130072, 9)),
        ("https://civitai.com/images/77", ("image", 77)),
        ("https://civitai.com/posts/78", ("post", 78)),
        ("https://civitai.com/user/some_one", ("user", "some_one")),
        ("https://civitai.com/user/12345/models", ("user", "12345")),
        ("https://civitai.com/user/a%20b?sort=Newest", ("user", "a b")),
        ("https://civitai.com/tag/anime%20style", ("tag", "anime style")),
        ("urn:air:sdxl:checkpoint:civitai:827184@2514310", ("version", 827184, 2514310)),
        ("URN:AIR:illustrious:lora:CIVITAI:1@2", ("version", 1, 2)),
        ("urn:air:sd15:lora:civitai:1", ("model", 1)),
        ("urn:air:sdxl:lora:civitai:1@2+33", ("file", 1, 2, 33)),
        ("urn:air:sdxl:lora:civitai:1@2+33.safetensor", ("file", 1, 2, 33)),
        ("urn:air:sdxl:lora:civitai:1@2.safetensor", ("version", 1, 2)),
        ("urn:air:sdxl:civitai:1@2", ("version", 1, 2)),
        ("air:sdxl:lora:civitai:1@2", ("version", 1, 2)),
        ("civitai:1@2", ("version", 1, 2)),
    ],
)
def test_every_way_to_name_something_is_read(text: str, expected: tuple[object, ...]) -> None:
    assert meaning(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "   ",
        "0",
        "-5",
        "+5",
        "1e3",
        "1.5",
        "٣",
        "2147483648",
        "9" * 5000,
        "hello",
        "hello world",
        "v_12345",
        "models/4201",
        "./list.txt",
        "C:\\models",
        "https://",
        "https://[",
        "https://civitai.com:99999999/models/1",
        "https://civitai.com",
        "https://civitai.com/",
        "https://civitai.com/models",
        "https://civitai.com/models?sort=Newest&view=feed",
        "https://civitai.com/collections/12345",
        "https://civitai.com/models/0",
        "https://civitai.com/models/99999999999",
        "https://civitai.com/models/abc",
        "https://civitai.com/models/1?modelVersionId=abc",
        "https://civitai.com/models/1?modelVersionId=0",
        "https://civitai.com/api/download/models/1?fileId=x",
        "https://civitai.com/api/v1/model-versions/by-hash/ABCDEF0123",
        "https://civitai.com/api/download/images/1",
        "https://civitai.com/articles/1",
        "https://civitai.com/user/",
        "https://civitai.com/user/%20",
        "https://civitai.com/user/a%2Fb",
        "https://civitai.com/user/a%00b",
        "https://civitai.com/models/1 2",
        "https://civitai.com/models/1\x00",
        "ftp://civitai.com/models/1",
        "javascript://civitai.com/models/1",
        "https://civitai.com.evil.example/models/1",
        "https://civitai.com@evil.example/models/1",
        "https://evil.example/civitai.com/models/1",
        "https://evil.example/models/1",
        "https://civitaі.com/models/1",
        "http://127.0.0.1:1234/models/1",
        "huggingface.co/some/thing",
        "urn:air:sdxl:lora:huggingface:some/thing@main",
        "urn:air:sdxl:lora:civitai:abc@2",
        "urn:air:sdxl:lora:civitai:1@2:layer",
        "urn:air:sdxl:lora:civitai:1@x",
        "urn:air:sdxl:lora:civitai:1@2.5",
        "urn:air:sdxl:lora:civitai:0@2",
        "urn:air:sdxl:lora:civitai:1+33",
        "urn:air:sdxl:lora:civitai:1@2+99999999999",
        "urn:air:",
        "urn:isbn:0451450523",
    ],
)
def test_everything_else_is_refused_with_one_sentence_and_a_hint(text: str) -> None:
    with pytest.raises(UsageError) as refused:
        parse_reference(text)
    assert refused.value.exit_code == 2
    assert refused.value.message.endswith(".")
    assert "\n" not in refused.value.message
    assert len(refused.value.message) < 250
    assert refused.value.hint


def test_a_link_to_another_site_is_told_from_garbage() -> None:
    with pytest.raises(UsageError, match=r"is on evil\.example, not on Civitai"):
        parse_reference("https://evil.example/models/1")
    with pytest.raises(UsageError, match="names something on huggingface"):
        parse_reference("urn:air:flux1:lora:huggingface:a/b@main")


@pytest.mark.parametrize("site", ["http://127.0.0.1:1234", "http://127.0.0.1:1234/", "http://[::1]:8080"])
def test_the_configured_site_is_accepted_too_but_only_that_one(site: str) -> None:
    root = site.rstrip("/")
    assert meaning(f"{root}/models/7?modelVersionId=8", site) == ("version", 7, 8)
    assert meaning(f"{root.removeprefix('http://')}/models/7", site) == ("model", 7)
    assert meaning("https://civitai.red/models/7", site) == ("model", 7)
    with pytest.raises(UsageError, match="not on Civitai"):
        parse_reference("http://127.0.0.1:4321/models/7", site=site)


def test_the_host_is_kept_as_a_hint_and_ids_have_none() -> None:
    assert parse_reference("https://www.civitai.red/models/1").host == "www.civitai.red"
    assert parse_reference("http://localhost:99/models/1", site="http://localhost:99").host == "localhost:99"
    assert parse_reference("1").host is None
    assert parse_reference("civitai:1@2").host is None


@pytest.mark.parametrize(
    "typed",
    [
        "https://civitai.com/api/download/models/1?token=s3cret&fileId=2",
        "https://civitai.com/api/download/models/1?fileId=2&TOKEN=s3cret",
        "https://civitai.com/api/download/models/1?api%5Fkey=s3cret",
        "https://civitai.com/models?tag=style&Access_Token=s3cret",
        "https://civitai.com/user/me?token=s3cret",
        "https://me:s3cret@civitai.com/models/1",
        "me:s3cret@civitai.com/models/1",
    ],
)
def test_a_key_in_a_typed_url_is_not_kept(typed: str) -> None:
    assert "s3cret" not in repr(parse_reference(typed))


def test_a_key_in_a_refused_url_is_not_printed() -> None:
    with pytest.raises(UsageError) as refused:
        parse_reference("https://evil.example/models/1?token=s3cret")
    assert "s3cret" not in str(refused.value.as_row())


references = st.one_of(
    st.builds(lambda a: Reference(ReferenceKind.MODEL, model_id=a), ids),
    st.builds(lambda a, b: Reference(ReferenceKind.VERSION, model_id=a, version_id=b), ids, ids),
    st.builds(lambda a: Reference(ReferenceKind.VERSION, version_id=a), ids),
    st.builds(lambda a, b: Reference(ReferenceKind.FILE, version_id=a, file_id=b), ids, ids),
    st.builds(lambda a: Reference(ReferenceKind.IMAGE, image_id=a), ids),
    st.builds(lambda a: Reference(ReferenceKind.POST, post_id=a), ids),
    st.builds(
        lambda name: Reference(ReferenceKind.USER, username=name),
        st.text(min_size=1).filter(lambda text: text.isprintable() and "/" not in text and text == text.strip()),
    ),
    st.builds(
        lambda name: Reference(ReferenceKind.TAG, tag=name),
        st.text(min_size=1).filter(lambda text: text.isprintable() and "/" not in text and text == text.strip()),
    ),
)


@given(references, st.sampled_from([SITE, "https://www.civitai.red", "http://127.0.0.1:8080"]))
def test_the_url_of_a_reference_reads_back_as_the_same(reference: Reference, site: str) -> None:
    url = url_of(site, reference)
    found = parse_reference(url, site=site)
    assert found.text == url
    assert replace(found, host=None, text="") == reference


@given(ids, ids, st.none() | ids, st.sampled_from(["SD 1.5", "SDXL 1.0", "Pony", "Flux.1 D", "Other"]))
def test_the_air_of_a_version_reads_back_as_the_same(model: int, version: int, file: int | None, base: str) -> None:
    text = air_of(base_model=base, model_type="LORA", model_id=model, version_id=version, file_id=file)
    found = parse_reference(text)
    assert (found.model_id, found.version_id, found.file_id) == (model, version, file)


@given(st.text() | st.text().map("https://civitai.com/".__add__) | st.text().map("urn:air:".__add__))
def test_any_text_is_read_or_refused_and_never_breaks(text: str) -> None:
    try:
        found = parse_reference(text, site="http://localhost:1")
    except UsageError:
        return
    assert url_of(SITE, found).startswith(SITE)


@pytest.mark.parametrize(
    ("base_model", "model_type", "expected"),
    [
        ("SDXL 1.0", "Checkpoint", "urn:air:sdxl:checkpoint:civitai:827184@2514310"),
        ("Illustrious", "LORA", "urn:air:sdxl:lora:civitai:827184@2514310"),
        ("SD 1.5", "LoCon", "urn:air:sd1:lycoris:civitai:827184@2514310"),
        ("Flux.1 Kontext", "TextualInversion", "urn:air:flux1kontext:embedding:civitai:827184@2514310"),
        ("Upscaler", "Upscaler", "urn:air:other:upscaler:civitai:827184@2514310"),
        ("Brand New 9", "Poses", "urn:air:brand new 9:unknown:civitai:827184@2514310"),
    ],
)
def test_airs_are_written_as_the_site_writes_them(base_model: str, model_type: str, expected: str) -> None:
    written = air_of(base_model=base_model, model_type=model_type, model_id=827184, version_id=2514310)
    assert written == expected


def test_the_primary_file_may_say_more_than_the_type_of_the_model() -> None:
    given_type = {"base_model": "Flux.1 D", "model_type": "Checkpoint", "model_id": 1, "version_id": 2}
    assert ":diffusionmodel:" in air_of(**given_type, primary_file_type="Diffusion Model")  # type: ignore[arg-type]
    assert ":checkpoint:" in air_of(**given_type, primary_file_type="Model")  # type: ignore[arg-type]


def test_the_parts_of_an_air_are_those_of_the_site() -> None:
    assert parse_air("urn:air:flux1:lora:huggingface:a/b@main/file.safetensors") == Air(
        source="huggingface", id="a/b", version="main/file.safetensors", ecosystem="flux1", type="lora"
    )
    assert parse_air("lora:civitai:1") == Air(source="civitai", id="1", ecosystem="lora")
    assert parse_air("urn:air:sdxl:lora:civitai:1@2+3.GGUF") == Air(
        source="civitai", id="1", version="2", file_id="3", ecosystem="sdxl", type="lora", format="GGUF"
    )
    assert parse_air("urn:air:sdxl:lora:civitai:1@2:layer") is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://civitai.com/api/download/models/1", "/api/download/models/1"),
        ("https://civitai.com/api/download/models/1?fileId=2", "/api/download/models/1?fileId=2"),
        ("https://civitai.com/api/download/models/1?token=x", "/api/download/models/1"),
        (
            "https://civitai.com/api/download/models/1?type=Pruned%20Model&token=x&format=SafeTensor#f",
            "/api/download/models/1?type=Pruned%20Model&format=SafeTensor",
        ),
        ("http://127.0.0.1:9/api/download/models/1?%74oken=x&fp=fp16", "/api/download/models/1?fp=fp16"),
        ("https://api.civitai.com/download/models/1?type=Model", "/api/download/models/1?type=Model"),
        ("/api/download/models/1?type=VAE", "/api/download/models/1?type=VAE"),
        ("https://x.r2.cloudflarestorage.com/abc?X-Amz-Signature=y", None),
        ("https://civitai.com/api/download/../../user/account", None),
        ("https://civitai.com/api/download/%2e%2e/x", None),
        ("https://civitai.com/models/1", None),
        ("ftp://civitai.com/api/download/models/1", None),
        ("https://civitai.com/api/download/models/1\r\nX: y", None),
        ("https://[", None),
        ("", None),
    ],
)
def test_a_printed_download_url_keeps_path_and_query_only(url: str, expected: str | None) -> None:
    assert path_and_query(url) == expected


def test_urls_of_the_site_are_joined_to_its_root() -> None:
    assert model_page_url("https://civitai.com/", 1) == "https://civitai.com/models/1"
    assert model_page_url("https://civitai.red", 1, 2) == "https://civitai.red/models/1?modelVersionId=2"
    assert download_url("http://h:1", 2) == "http://h:1/api/download/models/2"
    assert download_url("http://h:1", 2, 3) == "http://h:1/api/download/models/2?fileId=3"


def test_a_list_of_references_may_have_comments_blank_lines_and_a_windows_past() -> None:
    lines = [
        "\ufeff# my list\r\n",
        "\r\n",
        "4201\r\n",
        "  https://civitai.com/models/1#comments  # the good one\n",
        "\t# nothing here\n",
        "urn:air:sdxl:lora:civitai:1@2\t#x",
        "7",
    ]
    assert read_references(lines) == [
        (3, "4201"),
        (4, "https://civitai.com/models/1#comments"),
        (6, "urn:air:sdxl:lora:civitai:1@2"),
        (7, "7"),
    ]


@pytest.mark.parametrize(
    "query",
    [
        "foo=1&amp;modelVersionId=12",
        "foo=1&amp;amp;modelVersionId=12",
        "foo=1&#38;modelVersionId=12",
        "foo=1&#x26;modelVersionId=12",
        "foo=1&AMP;modelVersionId=12",
        "foo=1;modelVersionId=12",
        "modelversionid=12",
        "MODELVERSIONID=12",
        "model_version_id=12",
        "%6DodelVersionId=12",
        "modelVersionId=12%20",
        "versionId=12",
        "modelVersionId=12&modelVersionId=12",
    ],
)
def test_a_version_in_the_query_is_found_however_it_is_spelt(query: str) -> None:
    found = parse_reference(f"https://civitai.com/models/1?{query}")
    assert (found.kind, found.model_id, found.version_id) == (ReferenceKind.VERSION, 1, 12)


@pytest.mark.parametrize(
    "address",
    [
        "models/1?modelVersionId=12&modelVersionId=13",
        "models/1?modelVersionId=12&amp;modelversionid=13",
        "model-versions/12?modelVersionId=13",
        "api/download/models/12?modelVersionId=13",
        "models/1?modelVersionId=12x",
    ],
)
def test_two_versions_in_one_url_are_refused(address: str) -> None:
    with pytest.raises(UsageError):
        parse_reference(f"https://civitai.com/{address}")


def test_a_file_in_the_query_is_found_however_it_is_spelt() -> None:
    found = parse_reference("https://civitai.com/api/download/models/12?type=Model&amp;fileid=7")
    assert (found.kind, found.version_id, found.file_id) == (ReferenceKind.FILE, 12, 7)


def test_a_key_behind_an_entity_is_not_shown() -> None:
    assert "s3cret" not in parse_reference("https://civitai.com/models/1?a=b&amp;token=s3cret").text


@pytest.mark.parametrize("line", ["4201,", "4201 ,", "4201;", '"4201",', "'4201'", '"4201" , # mine'])
def test_a_line_may_end_with_a_comma_and_have_quotes_as_other_tools_write_it(line: str) -> None:
    assert read_references([line]) == [(1, "4201")]
