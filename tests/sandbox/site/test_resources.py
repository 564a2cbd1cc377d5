"""One model or version at a time against site.md 3 to 6."""

from __future__ import annotations

import httpx2
import pytest

from civitai_kit.testing import Known, Sandbox, World

PLAIN_VERSION = Known.PLAIN_LORA * 100 + 1


@pytest.mark.parametrize(
    ("number", "message"),
    [
        ("x", "✖ Invalid input: expected number, received NaN\n  → at id"),
        ("0", "✖ Too small: expected number to be >=1\n  → at id"),
        ("2147483648", "✖ Too big: expected number to be <=2147483647\n  → at id"),
    ],
)
def test_a_bad_model_id_is_refused_in_pretty_words(site: httpx2.Client, number: str, message: str) -> None:
    reply = site.get(f"/api/v1/models/{number}")
    assert (reply.status_code, reply.json()) == (400, {"error": message})


@pytest.mark.parametrize("known", [Known.UNRATED, Known.PRIVATE, Known.REAL_PERSON, Known.NO_VERSIONS])
def test_models_that_exist_can_be_not_found_by_id(site: httpx2.Client, known: Known) -> None:
    reply = site.get(f"/api/v1/models/{int(known)}")
    assert (reply.status_code, reply.json()) == (404, {"error": f"No model with id {int(known)}"})


def test_a_model_by_id_leaves_out_what_is_empty_and_shows_every_rating(site: httpx2.Client) -> None:
    version = site.get(f"/api/v1/models/{int(Known.MATURE)}").json()["modelVersions"][0]
    assert not {"description", "trainedWords", "vaeId", "paidAccess", "supportsGeneration"} & version.keys()
    assert version["covered"] is True and version["status"] == "Published"
    assert [image["nsfwLevel"] for image in version["images"]] == [1, 16]
    assert "id" not in version["images"][0]


def test_an_archived_model_is_shown_by_id_without_files_or_url(site: httpx2.Client) -> None:
    model = site.get(f"/api/v1/models/{int(Known.ARCHIVED)}").json()
    assert model["mode"] == "Archived"
    assert not {"files", "downloadUrl"} & model["modelVersions"][0].keys()


def test_versions_without_files_are_dropped(site: httpx2.Client) -> None:
    assert site.get(f"/api/v1/models/{int(Known.NO_FILES)}").json()["modelVersions"] == []
    reply = site.get(f"/api/v1/model-versions/{Known.NO_FILES * 100 + 1}")
    assert (reply.status_code, reply.json()) == (404, {"error": "Missing model file"})


def test_a_version_by_id_has_the_habits_of_its_endpoint(site: httpx2.Client) -> None:
    version = site.get(f"/api/v1/model-versions/{PLAIN_VERSION}").json()
    assert (
        version["modelId"] == Known.PLAIN_LORA and version["air"] == f"urn:air:sdxl:lora:civitai:1001@{PLAIN_VERSION}"
    )
    assert version["files"][0]["primary"] is True and not version["files"][0]["scannedAt"].endswith("Z")
    assert "overrideName" not in version["files"][0] and "quantType" not in version["files"][0]["metadata"]
    assert version["model"] == {"name": "Plain Line Art", "type": "LORA", "nsfw": False, "poi": False}
    assert version["images"][0]["meta"]["prompt"] == "plainline, a house"


@pytest.mark.parametrize(
    ("number", "status", "message"),
    [
        ("0", 400, "Missing modelVersionId"),
        ("99999", 404, "Model not found"),
        ("2147483648", 500, "Failed to fetch model version details"),
    ],
)
def test_version_ids_that_lead_nowhere(site: httpx2.Client, number: str, status: int, message: str) -> None:
    reply = site.get(f"/api/v1/model-versions/{number}")
    assert (reply.status_code, reply.json()) == (status, {"error": message})


def test_the_versions_own_status_is_all_that_counts_for_it(site: httpx2.Client) -> None:
    assert site.get(f"/api/v1/model-versions/{Known.UNRATED * 100 + 1}").status_code == 200


def test_both_forms_of_download_url_can_be_printed(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    version = civitai_sandbox.world.models[Known.CHECKPOINT_VARIANTS].versions[0]
    digest = version.files[0].shown_hashes["SHA256"]
    for path in (f"/api/v1/model-versions/{version.id}", f"/api/v1/model-versions/by-hash/{digest}"):
        shown = site.get(path).json()
        addresses = [file["downloadUrl"] for file in shown["files"]]
        assert [address.partition("?")[2] for address in addresses] == [f"fileId={file.id}" for file in version.files]
        assert shown["downloadUrl"].endswith(f"/api/download/models/{version.id}")
    assert "fileId" not in site.get("/api/v1/models", params={"ids": 1002}).text
    civitai_sandbox.world.download_url_form = "params"
    old = [file["downloadUrl"] for file in site.get(f"/api/v1/model-versions/{version.id}").json()["files"]]
    assert old[0].endswith("/api/download/models/100201") and old[-1].endswith("?type=UNet&format=SafeTensor&fp=int8")


def test_a_linked_vae_has_the_url_by_type_and_is_not_told_by_hash(
    site: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    version = civitai_sandbox.world.models[Known.LINKED_VAE].versions[0]
    by_id = site.get(f"/api/v1/model-versions/{version.id}").json()["files"]
    assert [file["downloadUrl"].partition("?")[2] for file in by_id][1].startswith("type=VAE")
    digest = version.files[0].shown_hashes["SHA256"]
    assert len(site.get(f"/api/v1/model-versions/by-hash/{digest}").json()["files"]) == 1


def test_names_that_files_of_a_version_would_share_are_told_apart(
    site: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    def names(known: Known) -> list[str]:
        listed = site.get("/api/v1/models", params={"ids": int(known)}).json()["items"][0]["modelVersions"][0]
        alone = site.get(f"/api/v1/model-versions/{known * 100 + 1}").json()
        assert [file["name"] for file in listed["files"]] == [file["name"] for file in alone["files"]]
        return [file["name"] for file in alone["files"]]

    first, *_, last = names(Known.CHECKPOINT_VARIANTS)
    assert (first, last) == ("dreamMixXL_v75_pruned_fp16.safetensors", "dreamMixXL_v75_int8.safetensors")
    assert names(Known.IDENTICAL_FILES) == [
        "identicalMetadata_v10_1003011.safetensors",
        "identicalMetadata_v10_1003012.safetensors",
    ]
    assert names(Known.HIDDEN_PRIMARY) == ["hiddenPrimary_v10_full_fp32.safetensors"]
    civitai_sandbox.world.models[Known.IDENTICAL_FILES].versions[0].files[1].override_name = "chosen.safetensors"
    assert names(Known.IDENTICAL_FILES) == ["identicalMetadata_v10.safetensors", "chosen.safetensors"]
    civitai_sandbox.world.unique_names = False
    assert len(set(names(Known.CHECKPOINT_VARIANTS))) == 1


def test_one_file_has_its_crc32_from_the_last_byte_to_the_first(civitai_sandbox: Sandbox) -> None:
    odd = [file for file in civitai_sandbox.world.all_files() if file.crc32_reversed]
    assert [file.id for file in odd] == [Known.DORA * 1000 + 11]
    usual, shown = (bytes.fromhex(hashes["CRC32"]) for hashes in (odd[0].body.digests, odd[0].shown_hashes))
    assert shown == usual[::-1] != usual


def test_a_hash_word_of_the_header_is_shown_where_no_hash_says_the_same(
    site: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    file = civitai_sandbox.world.models[Known.LOCON].versions[0].files[0]
    word = file.shown_hashes["SSHS_12"]
    assert len(word) == 12 and word not in "".join(file.body.digests.values())
    assert site.get(f"/api/v1/model-versions/by-hash/{word}").json()["modelId"] == Known.LOCON
    file.header_hash = file.shown_hashes["AutoV3"]
    assert "SSHS_12" not in file.shown_hashes


def test_precision_and_quantisation_may_be_words_of_no_list(site: httpx2.Client) -> None:
    listed = site.get("/api/v1/models", params={"ids": int(Known.LOCON)}).json()["items"][0]["modelVersions"][0]
    assert listed["files"][0]["metadata"] == {"format": "SafeTensor", "fp": "nvfp4", "quantType": "SVDQ-int4"}
    assert listed["baseModel"] == "Qwen 2.1"


@pytest.mark.parametrize("name", ["SHA256", "AutoV2", "AutoV3", "BLAKE3", "CRC32", "SHA256_12"])
def test_any_whole_hash_finds_its_version_in_either_case(
    site: httpx2.Client, civitai_sandbox: Sandbox, name: str
) -> None:
    value = civitai_sandbox.world.models[Known.PLAIN_LORA].versions[0].files[0].shown_hashes[name]
    for form in (value, value.lower()):
        assert site.get(f"/api/v1/model-versions/by-hash/{form}").json()["id"] == PLAIN_VERSION
    reply = site.get(f"/api/v1/model-versions/by-hash/{value[:-1]}")
    assert (reply.status_code, reply.json()) == (404, {"error": "Model not found"})
    assert reply.headers["cache-control"] == "public, s-maxage=3600, stale-while-revalidate=1800"


def test_a_shared_hash_means_the_oldest_version(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    newer, older = civitai_sandbox.world.models[Known.SHARED_HASH].versions
    value = newer.files[0].shown_hashes["SHA256"]
    assert site.get(f"/api/v1/model-versions/by-hash/{value}").json()["id"] == older.id


def test_a_batch_answers_once_for_each_matching_file_under_the_host_that_was_asked(
    site: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    shared = civitai_sandbox.world.models[Known.SHARED_HASH].versions[0].files[0].shown_hashes["SHA256"]
    hidden = civitai_sandbox.world.models[Known.HIDDEN_PRIMARY].versions[0]
    hidden.files[1].visibility = "Private"
    wanted = [shared.lower(), hidden.files[0].shown_hashes["SHA256"], "0" * 64]
    found = site.post("/api/v1/model-versions/by-hash", json=wanted).json()
    assert sorted(item["modelId"] for item in found if item) == [Known.SHARED_HASH] * 2
    assert None in found and len(found) == 3
    assert next(item for item in found if item)["downloadUrl"].startswith(f"{civitai_sandbox.url}/api/download/models/")


def test_a_batch_of_ids_names_version_model_and_hash(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    value = civitai_sandbox.world.models[Known.PLAIN_LORA].versions[0].files[0].shown_hashes["SHA256"]
    found = site.post("/api/v1/model-versions/by-hash/ids", json=[value]).json()
    assert found == [{"modelVersionId": PLAIN_VERSION, "modelId": Known.PLAIN_LORA, "hash": value}]


@pytest.mark.parametrize(
    ("body", "message"),
    [(["0" * 64] * 101, "Too many hashes"), (["abc"], "Invalid hash"), (None, "expected array, received undefined")],
)
def test_a_bad_batch_is_refused(site: httpx2.Client, body: list[str] | None, message: str) -> None:
    reply = site.post("/api/v1/model-versions/by-hash", **({"json": body} if body else {}))  # type: ignore[arg-type]
    assert reply.status_code == 400 and message in reply.json()["error"]
    assert reply.json()["error"].startswith("Request must include an array of SHA256 Hashes. [\n  {")


def test_mini_shows_the_stored_name_and_one_file(site: httpx2.Client) -> None:
    mini = site.get("/api/v1/model-versions/mini/100201", params={"modelFileId": 1002012}).json()
    assert mini["fileName"] == "dreamMixXL_full_fp16.safetensors"
    missing = site.get("/api/v1/model-versions/mini/100201", params={"modelFileId": 5})
    assert missing.json() == {"error": "Model file 5 not found in version 100201"}
    assert site.get("/api/v1/model-versions/mini/100201", params={"epoch": 1}).status_code == 400


def test_links_name_the_host_that_was_asked_in_lists_and_a_fixed_one_by_id(
    site: httpx2.Client, civitai_sandbox: Sandbox
) -> None:
    asked = {"Host": "civitai.example"}
    listed = site.get("/api/v1/models", params={"ids": 1001}, headers=asked).json()["items"][0]
    assert listed["modelVersions"][0]["downloadUrl"].startswith("http://civitai.example/")
    by_id = site.get("/api/v1/models/1001", headers=asked).json()
    assert by_id["modelVersions"][0]["downloadUrl"].startswith(civitai_sandbox.url)


def test_an_unknown_path_is_a_page_for_people(site: httpx2.Client) -> None:
    reply = site.get("/api/v1/nothing")
    assert reply.status_code == 404 and reply.headers["content-type"].startswith("text/html")


def test_public_endpoints_answer_options_with_nothing(site: httpx2.Client) -> None:
    reply = site.options("/api/v1/models/1001")
    assert (reply.status_code, reply.content) == (200, b"")


def test_refused_countries_get_451_from_the_api_alone(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.world.region = "GB"
    assert site.get("/api/v1/models").json()["code"] == "REGION_BLOCKED"
    assert site.get("/api/download/models/100101").status_code == 401


def test_tests_can_build_a_world_of_their_own(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    world = civitai_sandbox.world = World()
    model = world.add_model("Own", type="Checkpoint", username="me", extra={"brandNew": {"a": 1}})
    version = world.add_version(model, "v9", base_model="Unheard Of", extra={"later": None})
    world.add_file(version, "own.safetensors", content=b"hello world", extra={"fresh": True})
    shown = site.get(f"/api/v1/models/{model.id}").json()
    assert shown["brandNew"] == {"a": 1} and shown["modelVersions"][0]["baseModel"] == "Unheard Of"
    file = shown["modelVersions"][0]["files"][0]
    assert file["fresh"] is True and file["hashes"]["CRC32"] == "85114A0D" and file["sizeKB"] == 11 / 1024
