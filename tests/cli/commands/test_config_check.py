"""`config check`: the key, the site, the save path, the settings files, the extras; and the first thing wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from civitai_kit.testing import Sandbox
from tests.cli.conftest import Run


def test_a_good_key_is_said_to_be_good_with_whose_it_is_and_its_tier(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    ran = at_sandbox("config", "check", "--json")
    assert (ran.code, ran.document["command"]) == (0, "config check")
    assert ran.data["key"] == {
        "status": "valid",
        "origin": "CIVITAI_API_KEY",
        "user_id": ran.data["key"]["user_id"],
        "username": "sandbox_user",
        "tier": "free",
        "account_status": "active",
    }
    site = ran.data["site"]
    assert (site["url"], site["status"]) == (civitai_sandbox.url, "there")
    assert abs(site["clock_offset_seconds"]) <= 2
    place = ran.data["save_path"]
    assert (place["path"], place["exists"], place["writable"]) == (str(empty_home / "downloads"), False, True)
    assert place["free"] > 0
    assert ran.data["extras"]["server"] is True and "all" not in ran.data["extras"]


def test_a_check_makes_nothing_asks_once_and_never_prints_the_key(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    for words in (("config", "check"), ("config", "check", "--json")):
        ran = at_sandbox(*words)
        assert civitai_sandbox.api_key not in ran.out + ran.err
    assert [request.path for request in civitai_sandbox.requests] == ["/api/v1/me"] * 2
    assert [*empty_home.iterdir()] == []


@pytest.mark.parametrize("fault", [None, "unauthorized", "login_page"])
def test_a_key_that_the_site_refuses_ends_with_3(
    at_sandbox: Run, civitai_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, fault: str | None
) -> None:
    if fault is None:
        monkeypatch.setenv("CIVITAI_API_KEY", "0123456789abcdef0123456789abcdef")
    else:
        civitai_sandbox.faults.add(fault, match="/me")
    ran = at_sandbox("config", "check", "--json")
    assert ran.code == 3
    assert (ran.data["key"]["status"], ran.data["site"]["status"]) == ("refused", "there")
    assert [row["code"] for row in ran.document["errors"]] == ["login_required"]
    assert "make a new one" in ran.document["errors"][0]["hint"]


def test_no_key_is_a_note_and_no_failure(at_sandbox: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIVITAI_API_KEY")
    ran = at_sandbox("config", "check", "--json")
    assert (ran.code, ran.data["key"]["status"], ran.data["site"]["status"]) == (0, "none", "there")
    assert ran.document["errors"] == []
    assert "nearly every download wants one" in at_sandbox("config", "check").out


@pytest.mark.parametrize(("fault", "code"), [("reset", 5), ("overloaded", 5), ("html_200", 5), ("region_blocked", 5)])
def test_a_site_that_is_away_ends_with_5_after_one_request_and_leaves_the_key_unknown(
    at_sandbox: Run, civitai_sandbox: Sandbox, fault: str, code: int
) -> None:
    civitai_sandbox.faults.add(fault, times=None)
    ran = at_sandbox("config", "check", "--json", "--max-retries", "5")
    assert ran.code == code
    assert (ran.data["key"]["status"], ran.data["site"]["status"]) == ("unknown", "away")
    assert ran.data["site"]["clock_offset_seconds"] is None
    assert len(civitai_sandbox.requests) == 1


def test_a_site_that_says_too_fast_is_there(at_sandbox: Run, civitai_sandbox: Sandbox) -> None:
    civitai_sandbox.faults.add("rate_limited_bare", times=None)
    ran = at_sandbox("config", "check", "--json")
    assert (ran.code, ran.data["key"]["status"], ran.data["site"]["status"]) == (6, "unknown", "there")


def test_a_save_path_that_cannot_be_written_ends_with_9_and_the_rest_is_told(at_sandbox: Run, empty_home: Path) -> None:
    (empty_home / "taken").write_text("mine")
    for place in ("taken", "taken/below"):
        ran = at_sandbox("config", "check", "--json", "--save-path", place)
        assert (ran.code, ran.data["save_path"]["writable"]) == (9, False)
        assert ran.data["key"]["status"] == "valid"
    assert (empty_home / "taken").read_text() == "mine"


def test_the_first_thing_wrong_gives_the_exit_code_and_all_are_told(
    at_sandbox: Run, civitai_sandbox: Sandbox, empty_home: Path
) -> None:
    (empty_home / "taken").write_text("mine")
    civitai_sandbox.faults.add("unauthorized")
    ran = at_sandbox("config", "check", "--json", "--save-path", "taken")
    assert ran.code == 3
    assert [row["code"] for row in ran.document["errors"]] == ["login_required", "not_writable"]


def test_a_proxy_that_cannot_be_used_is_told_without_asking_and_the_rest_is_told(
    at_sandbox: Run, civitai_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "gopher://127.0.0.1:1")
    ran = at_sandbox("config", "check", "--json")
    assert (ran.code, ran.data["site"]["status"], ran.data["save_path"]["writable"]) == (2, "not_asked", True)
    assert "http_proxy" in ran.document["errors"][0]["message"]
    assert len(civitai_sandbox.requests) == 0


@pytest.mark.skipif(os.name != "posix", reason="modes are POSIX's")
def test_a_settings_file_is_said_to_be_private_or_not(at_sandbox: Run, empty_home: Path) -> None:
    file = empty_home / "config.toml"
    file.write_text('api_key = "abc-123-def-456"\n')
    file.chmod(0o644)
    found = at_sandbox("config", "check", "--json").data["settings_files"][1]
    assert found == {"path": str(file), "exists": True, "readable_by_others": True}
    ran = at_sandbox("config", "check")
    assert "not private" in ran.out and "chmod 600" in ran.err
    file.chmod(0o600)
    assert "private  " in at_sandbox("config", "check").out


def test_a_name_from_the_site_cannot_paint_the_terminal(at_sandbox: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("civitai_kit.sandbox.site.small.KEY_USER_NAME", "ann\x1b[31m\nkey  valid")
    assert "\x1b" not in at_sandbox("config", "check").out
