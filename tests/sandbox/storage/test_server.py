"""The storage and image host against site.md 7.6 and 8.4."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import httpx2
import pytest

from civitai_kit.testing import Known, Sandbox

GIF, PNG, MP4 = b"GIF89a", b"\x89PNG\r\n\x1a\n", b"ftyp"
FIRST_IMAGE = 80_000_001


@pytest.fixture
def bare() -> Iterator[httpx2.Client]:
    """A client without key or base."""
    with httpx2.Client(timeout=10, verify=False) as client:
        yield client


@pytest.fixture
def url(member: httpx2.Client) -> str:
    """A signed URL of a file of 40,000 bytes."""
    location: str = member.get("/api/download/models/100101").headers["location"]
    return location


def test_the_bytes_have_the_printed_hash_length_and_name(
    bare: httpx2.Client, url: str, civitai_sandbox: Sandbox
) -> None:
    file = civitai_sandbox.world.models[Known.PLAIN_LORA].versions[0].files[0]
    reply = bare.get(url)
    assert reply.status_code == 200 and int(reply.headers["content-length"]) == len(reply.content) == 40_000
    assert hashlib.sha256(reply.content).hexdigest().upper() == file.shown_hashes["SHA256"]
    assert reply.headers["content-disposition"] == 'attachment; filename="plain_line_0.safetensors"'
    assert reply.headers["accept-ranges"] == "bytes" and reply.headers["etag"] == file.body.etag


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=100-199", 100, 200),
        ("bytes=39999-", 39_999, 40_000),
        ("bytes=-5", 39_995, 40_000),
        ("bytes=10-99999", 10, 40_000),
    ],
)
def test_a_range_is_answered_with_that_part(bare: httpx2.Client, url: str, wanted: str, start: int, stop: int) -> None:
    whole = bare.get(url).content
    part = bare.get(url, headers={"Range": wanted})
    assert (part.status_code, part.content) == (206, whole[start:stop])
    assert part.headers["content-range"] == f"bytes {start}-{stop - 1}/40000"


def test_a_range_beyond_the_end_is_416_and_says_the_length(bare: httpx2.Client, url: str) -> None:
    reply = bare.get(url, headers={"Range": "bytes=40000-"})
    assert reply.status_code == 416 and reply.headers["content-range"] == "bytes */40000"


def test_a_condition_that_no_longer_holds_gives_the_whole_file(bare: httpx2.Client, url: str) -> None:
    etag = bare.head(url).headers["etag"]
    same = bare.get(url, headers={"Range": "bytes=5-", "If-Range": etag})
    other = bare.get(url, headers={"Range": "bytes=5-", "If-Range": '"other"'})
    date = bare.head(url).headers["last-modified"]
    dated = bare.get(url, headers={"Range": "bytes=5-", "If-Range": date})
    assert dated.status_code == 206
    assert (same.status_code, len(same.content)) == (206, 39_995)
    assert (other.status_code, len(other.content)) == (200, 40_000)


def test_head_gives_headers_and_no_body(bare: httpx2.Client, url: str) -> None:
    reply = bare.head(url)
    assert (reply.status_code, reply.headers["content-length"], reply.content) == (200, "40000", b"")


def test_a_key_that_reaches_the_storage_host_is_refused(bare: httpx2.Client, url: str) -> None:
    reply = bare.get(url, headers={"Authorization": "Bearer sandbox-key"})
    assert reply.status_code == 400 and reply.headers["content-type"] == "application/xml"
    assert "<Code>InvalidArgument</Code>" in reply.text


def test_a_signature_that_was_tampered_with_or_has_run_out_is_403(
    bare: httpx2.Client, url: str, member: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    assert "SignatureDoesNotMatch" in bare.get(url.replace("X-Amz-Expires=86400", "X-Amz-Expires=99999")).text
    assert bare.get(url.partition("?")[0]).status_code == 403
    civitai_sandbox.world.signature_seconds = 0
    short = member.get("/api/download/models/100101").headers["location"]
    reply = bare.get(short)
    assert reply.status_code == 403 and "<Code>ExpiredRequest</Code>" in reply.text


def test_the_other_kind_of_storage_gives_no_name(
    bare: httpx2.Client, member: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    civitai_sandbox.world.storage_mode = "b2"
    reply = bare.get(member.get("/api/download/models/100101").headers["location"])
    assert reply.status_code == 200 and "content-disposition" not in reply.headers


def test_a_file_that_was_deleted_meanwhile_is_404(bare: httpx2.Client, url: str, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.remove_file(1001011)
    assert "<Code>NoSuchKey</Code>" in bare.get(url).text


def test_nasty_names_do_not_break_the_url(bare: httpx2.Client, member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    for version in civitai_sandbox.world.models[Known.NASTY_NAMES].versions:
        reply = bare.get(member.get(f"/api/download/models/{version.id}").headers["location"])
        assert len(reply.content) == version.files[0].body.size, version.name


def test_a_connection_is_kept_for_many_requests(url: str, civitai_sandbox: Sandbox) -> None:
    with httpx2.Client(verify=False, limits=httpx2.Limits(max_connections=1)) as client:
        assert [client.get(url).status_code for _ in range(5)] == [200] * 5
    assert [record.status for record in civitai_sandbox.requests if record.host == "storage"] == [200] * 5


# -- images ---------------------------------------------------------------------------------------------------


def image_url(civitai_sandbox: Sandbox, number: int, transforms: str = "original=true") -> str:
    image = next(image for image in civitai_sandbox.world.images if image.id == FIRST_IMAGE + number)
    account = "xG1nkqKTMzGDvpLrqFT7WA"
    return f"{civitai_sandbox.storage_url}/{account}/{image.uuid}/{transforms}/{image.uuid}.{image.extension}"


def test_names_do_not_tell_what_the_bytes_are(bare: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    jpeg_name = image_url(civitai_sandbox, 0)
    assert jpeg_name.endswith(".jpeg") and bare.get(jpeg_name).content.startswith(PNG)
    odd_type = bare.get(image_url(civitai_sandbox, 3))
    assert odd_type.content.startswith(GIF) and odd_type.headers["content-type"] == "text/plain"


def test_a_clip_may_come_as_its_poster_until_a_quality_is_asked_for(
    bare: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    assert bare.get(image_url(civitai_sandbox, 4)).content[4:8] == MP4
    assert bare.get(image_url(civitai_sandbox, 5)).content.startswith(b"RIFF")
    assert bare.get(image_url(civitai_sandbox, 5, "original=true,quality=100")).content[4:8] == MP4
    assert bare.get(image_url(civitai_sandbox, 5, "transcode=true,width=450")).content[4:8] == MP4
    assert bare.get(image_url(civitai_sandbox, 4, "anim=false")).content.startswith(b"RIFF")


def test_a_width_gives_a_smaller_picture(bare: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    assert bare.get(image_url(civitai_sandbox, 0, "width=450")).headers["content-type"] == "image/webp"


def test_a_deleted_picture_is_404_and_images_refuse_the_key_too(bare: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    assert bare.get(image_url(civitai_sandbox, 6)).status_code == 404
    assert bare.get(image_url(civitai_sandbox, 0), headers={"Authorization": "Bearer x"}).status_code == 400
