"""The small endpoints against site.md 9, and who is asking."""

from __future__ import annotations

import httpx2

from civitai_kit.testing import Sandbox


def test_creators_are_counted_and_paged(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    page = site.get("/api/v1/creators", params={"limit": 3}).json()
    assert page["metadata"]["totalItems"] == len(civitai_sandbox.world.users)
    assert page["metadata"]["nextPage"].endswith("/api/v1/creators?limit=3&page=2")
    second = site.get(page["metadata"]["nextPage"]).json()
    assert second["metadata"]["prevPage"].endswith("page=1")
    assert {item["username"] for item in page["items"]}.isdisjoint(item["username"] for item in second["items"])


def test_a_creator_without_models_has_no_count(site: httpx2.Client) -> None:
    found = site.get("/api/v1/creators", params={"query": "LURK"}).json()
    assert found["items"][0]["username"] == "lurker" and "modelCount" not in found["items"][0]
    assert found["metadata"]["hasMore"] is False


def test_a_bad_creators_query_is_a_bare_list_of_issues(site: httpx2.Client) -> None:
    reply = site.get("/api/v1/creators", params={"limit": 201})
    assert reply.status_code == 400 and reply.json()[0]["maximum"] == 200


def test_tags_never_tell_a_next_page(site: httpx2.Client) -> None:
    page = site.get("/api/v1/tags", params={"limit": 2, "page": 2}).json()
    assert len(page["items"]) == 2
    assert page["metadata"] == {"totalItems": 0, "currentPage": 2, "pageSize": 2, "totalPages": 1}
    spaced = site.get("/api/v1/tags", params={"query": "film"}).json()["items"]
    assert [item["name"] for item in spaced] == ["film grain"] and spaced[0]["link"].endswith("?tag=film grain")


def test_me_tells_a_good_key_from_a_bad_one(site: httpx2.Client, member: httpx2.Client) -> None:
    assert member.get("/api/v1/me").json()["username"] == "sandbox_user"
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "sandbox-key"}):
        assert site.get("/api/v1/me", headers=headers).json() == {"error": "Unauthorized"}
    assert site.get("/api/v1/me", headers={"Authorization": "Token sandbox-key"}).status_code == 200


def test_a_bad_key_is_silently_nobody_elsewhere(site: httpx2.Client) -> None:
    assert site.get("/api/v1/models", headers={"Authorization": "Bearer wrong"}).status_code == 200


def test_users_are_found_by_id_and_name(site: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    mixer = civitai_sandbox.world.users["mixer"]
    assert site.get("/api/v1/users", params={"ids": mixer.id}).json() == {
        "items": [{"id": mixer.id, "username": "mixer"}]
    }
    assert len(site.get("/api/v1/users").json()["items"]) == 5
    assert site.get("/api/v1/users", params={"ids": "x"}).json()["name"] == "ZodError"


def test_the_word_lists_are_complete(site: httpx2.Client) -> None:
    lists = site.get("/api/v1/enums").json()
    assert (len(lists["BaseModel"]), len(lists["ActiveBaseModel"])) == (107, 74)
    assert {"LORA", "Checkpoint"} <= set(lists["ModelType"]) and "Training Data" in lists["ModelFileType"]


def test_permissions_are_checked_by_version(site: httpx2.Client) -> None:
    path = "/api/v1/permissions/check"
    assert site.get(path, params={"entityIds": "1,2"}).json() == {"1": True, "2": True}
    assert site.get(path).json() == []
    assert site.get(path, params={"entityIds": "x"}).status_code == 400


def test_requests_are_kept_with_their_headers_and_status(member: httpx2.Client, civitai_sandbox: Sandbox) -> None:
    member.get("/api/v1/models/5?a=b")
    (record,) = civitai_sandbox.requests
    assert (record.host, record.method, record.path, record.query) == ("site", "GET", "/api/v1/models/5", "a=b")
    assert (record.status, record.headers["authorization"]) == (404, "Bearer sandbox-key")
    civitai_sandbox.clear_requests()
    assert len(civitai_sandbox.requests) == 0
