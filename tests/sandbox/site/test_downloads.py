"""The download endpoint against site.md 7: the order of its checks, and which file it chooses."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from civitai_kit.testing import Known, Sandbox

BROWSER = {"User-Agent": "Mozilla/5.0"}
LOGIN_FIRST = "The creator of this asset requires you to be logged in to download it"


def path(known: Known, number: int = 1) -> str:
    return f"/api/download/models/{known * 100 + number}"


def named(reply: httpx2.Response) -> str:
    """The file name that the signed URL will give."""
    assert reply.status_code == 307, reply.text
    disposition: str = parse_qs(urlsplit(reply.headers["location"]).query)["response-content-disposition"][0]
    return disposition.removeprefix('attachment; filename="').removesuffix('"')


def test_a_member_is_redirected_to_a_signed_url_on_the_other_host(
    member: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    reply = member.get(path(Known.PLAIN_LORA))
    assert reply.status_code == 307
    assert reply.headers["location"].startswith(f"{civitai_sandbox.storage_url}/")
    assert urlsplit(civitai_sandbox.storage_url).netloc != urlsplit(civitai_sandbox.url).netloc
    assert reply.text == reply.headers["location"]
    assert reply.headers["cache-control"] == "no-store, max-age=0"
    assert civitai_sandbox.world.downloads == [(100101, 1001011)]


def test_nobody_must_log_in_and_a_bad_key_is_nobody(site: httpx2.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}):
        reply = site.get(path(Known.PLAIN_LORA), headers=headers)
        assert (reply.status_code, reply.json()) == (401, {"error": "Unauthorized", "message": LOGIN_FIRST})


def test_the_key_may_come_in_the_query_unless_a_header_is_there(site: httpx2.Client) -> None:
    token = {"token": "sandbox-key"}
    assert site.get(path(Known.PLAIN_LORA), params=token).status_code == 307
    wrong = {"Authorization": "Bearer wrong"}
    assert site.get(path(Known.PLAIN_LORA), params=token, headers=wrong).status_code == 401


def test_nobody_may_download_where_the_site_allows_it_but_not_what_asks_for_a_login(
    site: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    civitai_sandbox.world.downloads_need_key = False
    assert site.get(path(Known.PLAIN_LORA)).status_code == 307
    assert site.get(path(Known.LOGIN_REQUIRED)).status_code == 401


def test_a_browser_is_sent_to_the_login_page(site: httpx2.Client) -> None:
    reply = site.get(path(Known.PLAIN_LORA), headers=BROWSER)
    assert reply.headers["location"] == "/login?returnUrl=%2Fmodel-versions%2F100101&reason=download-auth"
    page = site.get(reply.headers["location"])
    assert page.status_code == 200 and page.headers["content-type"].startswith("text/html")


@pytest.mark.parametrize(
    ("known", "status", "body"),
    [
        (Known.ARCHIVED, 410, {"error": "Model archived, not available for download"}),
        (Known.REAL_PERSON, 404, {"error": "File not found"}),
        (
            Known.GENERATION_ONLY,
            401,
            {
                "error": "Unauthorized",
                "message": "The creator of this asset has disabled downloads on this file",
            },
        ),
        (
            Known.EARLY_ACCESS,
            403,
            {
                "error": "Early Access",
                "deadline": "2099-01-01T00:00:00.000Z",
                "message": "This asset is in Early Access. You can use Buzz access it now!",
            },
        ),
        (
            Known.PAID_FOR_EVER,
            403,
            {"error": "Early Access", "message": "This asset is in Early Access. You can use Buzz access it now!"},
        ),
        (Known.PRIVATE, 403, {"error": "You do not have access to download this file"}),
        (Known.NOT_GRANTED, 403, {"error": "You do not have access to download this file"}),
        (Known.NO_FILES, 404, {"error": "File not found"}),
    ],
)
def test_a_key_does_not_open_everything(member: httpx2.Client, known: Known, status: int, body: dict[str, str]) -> None:
    reply = member.get(path(known))
    assert (reply.status_code, reply.json()) == (status, body)


def test_a_browser_reads_plain_text_and_is_sent_to_the_page_of_an_early_version(member: httpx2.Client) -> None:
    archived = member.get(path(Known.ARCHIVED), headers=BROWSER)
    assert archived.text == "Model archived, not available for download"
    assert member.get(path(Known.EARLY_ACCESS), headers=BROWSER).headers["location"] == "/model-versions/101701"


def test_the_quota_comes_before_everything_and_counts_every_redirect(
    member: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    civitai_sandbox.world.download_limit = 2
    assert [member.head(path(Known.PLAIN_LORA)).status_code for _ in range(2)] == [307, 307]
    reply = member.get("/api/download/models/nonsense")
    assert reply.status_code == 429 and "unusual amount of downloading" in reply.json()["error"]
    assert "retry-after" not in reply.headers


def test_a_bad_query_is_refused_in_pretty_words(member: httpx2.Client) -> None:
    reply = member.get(path(Known.PLAIN_LORA), params={"type": "model"})
    assert reply.status_code == 400
    assert reply.json()["error"].startswith('✖ Invalid option: expected one of "Model"|"Text Encoder"|')
    assert reply.json()["error"].endswith("\n  → at type")
    assert member.get("/api/download/models/0").json() == {"error": "Missing modelVersionId"}


def test_the_best_fitting_file_is_chosen(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    variants = path(Known.CHECKPOINT_VARIANTS)
    for params, expected in (
        ({}, 1002011),
        ({"type": "Model", "format": "SafeTensor", "size": "full", "fp": "fp32"}, 1002014),
        ({"fileId": "1002013"}, 1002013),
        ({"type": "UNet", "format": "SafeTensor", "fp": "int8"}, 1002016),
    ):
        assert member.get(variants, params=params).status_code == 307
        assert civitai_sandbox.world.downloads[-1][1] == expected, params


def test_your_own_preferences_make_another_file_the_primary(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.file_preferences = {"size": "full", "fp": "fp32"}
    member.get(path(Known.CHECKPOINT_VARIANTS))
    assert civitai_sandbox.world.downloads[-1][1] == 1002014


def test_a_file_without_size_loses_to_its_sibling_and_its_own_printed_url_is_404(
    member: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    version = civitai_sandbox.world.version(100201)
    assert version is not None
    civitai_sandbox.world.add_file(
        version, "sized.safetensors", type="UNet", metadata={"format": "SafeTensor", "size": "pruned", "fp": "bf16"}
    )
    printed = {"type": "UNet", "format": "SafeTensor", "fp": "int8"}
    assert member.get(path(Known.CHECKPOINT_VARIANTS), params=printed).json() == {"error": "File not found"}
    assert member.get(path(Known.CHECKPOINT_VARIANTS), params={"fileId": 1002016}).status_code == 307


def test_of_identical_twins_only_one_is_reachable_without_its_id(
    member: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    twin = {"type": "Model", "format": "SafeTensor", "size": "pruned", "fp": "fp16"}
    member.get(path(Known.IDENTICAL_FILES), params=twin)
    assert civitai_sandbox.world.downloads[-1][1] == 1003011
    member.get(path(Known.IDENTICAL_FILES), params={"fileId": 1003012})
    assert civitai_sandbox.world.downloads[-1][1] == 1003012


def test_a_linked_vae_has_no_file_id_here_but_its_printed_url_works(member: httpx2.Client) -> None:
    foreign = Known.VAE_OWNER * 1000 + 11
    assert member.get(path(Known.LINKED_VAE), params={"fileId": foreign}).status_code == 404
    assert named(member.get(path(Known.LINKED_VAE), params={"type": "VAE"})) == "fineVAE.safetensors"


def test_files_that_are_not_public_cannot_be_had(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    assert member.get(path(Known.HIDDEN_PRIMARY), params={"fileId": 1006011}).status_code == 404
    member.get(path(Known.HIDDEN_PRIMARY))
    assert civitai_sandbox.world.downloads[-1][1] == 1006012


def test_the_name_is_computed_as_in_the_listing(member: httpx2.Client) -> None:
    assert named(member.get(path(Known.CHECKPOINT_VARIANTS))) == "dreamMixXL_v75_pruned_fp16.safetensors"
    training = member.get(path(Known.TRAINING_DATA), params={"type": "Training Data"})
    assert named(training) == "training.zip"


def test_the_query_only_signs_for_a_while(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.signature_seconds = 60
    query = parse_qs(urlsplit(member.get(path(Known.PLAIN_LORA)).headers["location"]).query)
    assert query["X-Amz-Expires"] == ["60"] and query["X-Amz-Date"][0].endswith("Z")


def test_other_download_paths_want_a_session(site: httpx2.Client, member: httpx2.Client) -> None:
    assert site.get("/api/download/images/1").headers["location"].startswith("/login?")
    assert site.get("/api/download/images/1", headers={"Content-Type": "application/json"}).status_code == 401
    assert member.get("/api/download/images/1").json() == {"error": "Not found"}
