"""Plan files: what is written is read back; what would leave the save path or the site is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.core.errors import UsageError
from civitai_kit.core.plans.plan import Item, Plan, Reason, Skip
from civitai_kit.core.plans.plan_file import plan_text, read_plan
from civitai_kit.core.site.urls import path_and_query

ROW = {"version_id": 10, "file_id": 1, "path": "lora/a.safetensors"}


def text(*rows: dict[str, Any], **envelope: Any) -> str:
    return json.dumps({"schema": 1, "items": list(rows), **envelope})


def item(**parts: Any) -> Item:
    known: dict[str, Any] = {
        "model_id": 1,
        "model_name": "M",
        "version_id": 10,
        "version_name": "v",
        "file_id": 3,
        "file_name": "a.safetensors",
        "type": "LORA",
        "base_model": "SDXL 1.0",
        "path": "lora/a.safetensors",
        "size": 12,
        "sha256": "ab" * 32,
        "url": "/api/download/models/10?type=Model&format=SafeTensor",
    }
    return Item(**{**known, **parts})


def test_a_plan_that_was_written_is_read_back() -> None:
    odd = item(path="b.bin", file_id=4, format="GGUF", fp="fp8 of no list", size_variant="pruned", quant="Q4_K_M")
    plan = Plan(items=(item(), odd), skips=(Skip(reason=Reason.TAG, model_id=4),))
    assert read_plan(plan_text(plan), "p").items == plan.items


@given(st.text(max_size=40), st.text(max_size=40), st.one_of(st.none(), st.integers(0, 10**13)))
def test_any_names_and_sizes_survive_the_file(model_name: str, file_name: str, size: int | None) -> None:
    one = item(model_name=model_name, file_name=file_name, size=size)
    encodable = json.loads(json.dumps(one.as_row(), ensure_ascii=True))
    assert read_plan(text(encodable), "p").items == (one,)


def test_the_json_of_a_scan_is_a_plan_too() -> None:
    envelope = json.dumps({"schema": 1, "command": "scan", "exit_code": 0, "data": {"items": [ROW]}, "errors": []})
    assert read_plan(envelope, "p").items[0].version_id == 10


def test_a_hand_written_row_needs_a_version_and_a_path_only() -> None:
    assert read_plan(text({"version_id": 7, "path": "x.bin"}), "p").items[0].file_id is None


@pytest.mark.parametrize(
    ("facts", "variant"),
    [
        ({}, ""),
        ({"format": "SafeTensor", "file_type": "Model", "fp": "fp16", "size_variant": "pruned"}, "fp16 pruned"),
        ({"format": "GGUF", "file_type": "Model", "quant": "Q4_K_M"}, "GGUF Q4_K_M"),
        ({"format": "PickleTensor", "file_type": "Pruned Model"}, "PickleTensor"),
        ({"format": "SafeTensor", "file_type": "VAE"}, "VAE"),
        ({"format": "Other", "file_type": "Training Data"}, "Training Data"),
        ({"file_type": None, "format": None, "fp": "bf16"}, "bf16"),
    ],
)
def test_a_variant_says_what_tells_a_file_from_the_others(facts: dict[str, str], variant: str) -> None:
    assert item(**facts).variant == variant


@pytest.mark.parametrize(
    "path",
    [
        "../x.bin",
        "a/../../x.bin",
        "/etc/x.bin",
        "C:/x.bin",
        "C:x.bin",
        "\\\\host\\x.bin",
        "a\\b.bin",
        "",
        ".",
        "a//b.bin",
        "a/./b.bin",
        "~/x.bin",
        "a/\x00.bin",
        "civitai_download_db/data.mdb",
        "civitai_kit_db/data.mdb",
        ".civitai-kit.lock",
        "lora/a.safetensors.part",
        "lora/a.safetensors.PART.JSON",
        "lora/a.tmp",
        "Civitai_Download_DB/data.mdb",
        "CIVITAI_KIT_DB",
        ".Civitai-Kit.lock",
        "API.log",
        "lora/a.Torrent",
        "lora/a-MAGNET.txt",
    ],
)
def test_a_path_that_leaves_the_save_path_or_is_our_own_is_refused(path: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read_plan(text({**ROW, "path": path}), "plan.json")
    assert "plan.json, item 1" in refusal.value.message
    assert refusal.value.exit_code == 2


def test_a_key_that_was_written_into_a_plan_is_cut() -> None:
    plan = read_plan(text({**ROW, "url": "/api/download/models/1?Token=s3cret&fileId=2"}), "plan.json")
    assert plan.items[0].url == "/api/download/models/1?fileId=2"


def test_a_plan_may_not_name_the_database_that_settings_name() -> None:
    with pytest.raises(UsageError, match="keeps for itself"):
        read_plan(text({**ROW, "path": "My/DB/data.mdb"}), "p", ("my/db",))
    assert read_plan(text({**ROW, "path": "my/db2/data.mdb"}), "p", ("my/db",)).items


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/api/download/models/1",
        "//evil.example/api/download/models/1",
        "/api/download/models/1@evil.example",
        "/api/download/models/../../x",
        "/api/v1/me",
        "/api/download/models/1?a b",
        "/api/download/models/1#x",
        "",
    ],
)
def test_an_url_that_is_not_a_download_path_of_the_site_is_refused(url: str) -> None:
    with pytest.raises(UsageError):
        read_plan(text({**ROW, "url": url}), "p")


@pytest.mark.parametrize(
    "rows",
    [
        ({**ROW, "version_id": 0},),
        ({**ROW, "version_id": "x"},),
        ({**ROW, "size": -1},),
        ({**ROW, "sha256": "zz"},),
        ({**ROW, "crc32": "123"},),
        ({"path": "x"},),
        (["no", "object"],),
        (ROW, ROW),
        (ROW, {**ROW, "file_id": 2, "path": "LORA/A.safetensors"}),
    ],
)
def test_a_row_that_makes_no_sense_is_refused(rows: tuple[Any, ...]) -> None:
    with pytest.raises(UsageError):
        read_plan(text(*rows), "p")


@pytest.mark.parametrize(
    "body", ["", "nonsense", "[]", "{}", '{"items": []}', '{"schema": "1", "items": []}', "[" * 9000]
)
def test_what_is_no_plan_is_refused_with_a_hint(body: str) -> None:
    with pytest.raises(UsageError) as refusal:
        read_plan(body, "p")
    assert refusal.value.hint


def test_a_plan_of_a_newer_schema_is_refused_not_repaired() -> None:
    with pytest.raises(UsageError, match="newer"):
        read_plan(json.dumps({"schema": 2, "items": []}), "p")


@pytest.mark.parametrize(("one", "other"), [("a/b.bin", "a/b.bin/c.bin"), ("a/B.BIN/d/e.bin", "a/b.bin")])
def test_a_file_that_is_a_folder_of_another_is_refused(one: str, other: str) -> None:
    rows = ({**ROW, "path": one}, {**ROW, "path": other, "file_id": 2})
    with pytest.raises(UsageError, match="is the file of item"):
        read_plan(text(*rows), "plan.json")


@given(st.text("abZ09%&=_.+-~,:;!*'()/?@#$[] \\|\"<>{}^`\u00e9", max_size=30))
def test_an_url_that_a_scan_keeps_is_one_that_a_plan_takes(query: str) -> None:
    url = path_and_query(f"https://civitai.com/api/download/models/10?{query}")
    if url is not None:
        assert read_plan(text({**ROW, "url": url}), "p").items[0].url == url
