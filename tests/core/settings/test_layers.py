"""Settings: what each key takes, how layers are laid over one another, and the Go downloader's file."""

from __future__ import annotations

from typing import Any

import pytest
import tomli
from hypothesis import given
from hypothesis import strategies as st

from civitai_kit.cli.input.config_example import correspondence, example
from civitai_kit.core.amounts import LARGEST, parse_bytes, shown_bytes, shown_seconds
from civitai_kit.core.errors import Code, SettingsError
from civitai_kit.core.settings.go_keys import translate
from civitai_kit.core.settings.keys import KEYS, SECRETS, TABLES, is_list, variable
from civitai_kit.core.settings.layers import Layer, Settings, merge


def refusal(**values: Any) -> SettingsError:
    """The error for keys (with `__` for the dot) that a file holds."""
    named = {name.replace("__", "."): value for name, value in values.items()}
    with pytest.raises(SettingsError) as caught:
        merge([Layer("./config.toml", named)])
    return caught.value


def merged(**values: Any) -> Settings:
    """Settings with keys that a file holds."""
    return merge([Layer("./config.toml", {name.replace("__", "."): value for name, value in values.items()})]).settings


def fields() -> set[str]:
    """Every key that the settings have, dotted."""
    flat = {name for name in Settings.model_fields if name not in TABLES}
    tables = {table: Settings.model_fields[table].annotation for table in TABLES}
    nested = {f"{table}.{name}" for table, kind in tables.items() for name in getattr(kind, "model_fields", {})}
    return flat | nested


def test_every_key_is_a_field_and_every_field_a_key() -> None:
    assert fields() == set(KEYS)


def test_the_defaults_are_those_of_the_keys() -> None:
    settings = Settings()
    plain = {name: settings.value(name) for name in KEYS if name not in SECRETS}
    assert plain == {name: key.default for name, key in KEYS.items() if name not in SECRETS}


def test_the_go_downloaders_defaults_are_kept() -> None:
    settings = Settings()
    assert (settings.save_path, settings.api_delay_ms, settings.api_client_timeout_sec) == ("downloads", 200, 60)
    assert (settings.sort, settings.period, settings.concurrency) == ("Most Downloaded", "AllTime", 4)
    assert (settings.limit, settings.page_size, settings.nsfw, settings.model_version_id) == (0, 100, False, 0)


def test_a_later_layer_wins_and_says_so() -> None:
    layers = [
        Layer("/home/u/config.toml", {"limit": 5, "query": "a"}),
        Layer("./config.toml", {"limit": 6}),
        Layer("environment", {"limit": "7"}, {"limit": "CIVITAI_KIT_LIMIT"}),
        Layer("flags", {"limit": "8"}, {"limit": "--limit"}, typed=True),
    ]
    for number, origin in ((1, "/home/u/config.toml"), (2, "./config.toml"), (3, "CIVITAI_KIT_LIMIT"), (4, "--limit")):
        found = merge(layers[:number])
        assert (found.settings.limit, found.provenance["limit"]) == (4 + number, origin)
        assert (found.settings.query, found.provenance["query"]) == ("a", "/home/u/config.toml")
        assert found.provenance["sort"] == "default"


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValueError):
        Settings().limit = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("values", "expected", "hint"),
    [
        ({"limit": "x"}, "expected a whole number of at least 0, got 'x'", None),
        ({"limit": -1}, "expected a whole number of at least 0, got -1", None),
        ({"limit": True}, "expected a whole number of at least 0, got True", None),
        ({"limit": 1.5}, "expected a whole number of at least 0, got 1.5", None),
        ({"page_size": 0}, "expected a whole number from 1 to 100, got 0", None),
        ({"page_size": 101}, "expected a whole number from 1 to 100, got 101", None),
        ({"concurrency": 0}, "expected a whole number from 1 to 64, got 0", None),
        ({"concurrency": 65}, "expected a whole number from 1 to 64, got 65", None),
        ({"nsfw": "maybe"}, "expected true or false, got 'maybe'", None),
        ({"nsfw": 2}, "expected true or false, got 2", None),
        ({"sort": "newest"}, "expected one of Highest Rated,", "did you mean 'Newest'?"),
        ({"sort": 3}, "expected one of", None),
        ({"period": "Alltime"}, "expected one of Day, Week, Month, Year, AllTime", "did you mean 'AllTime'?"),
        ({"log_level": "loud"}, "expected one of debug, info, warning, error", None),
        ({"log_format": "JSON"}, "expected one of text, json", "did you mean 'json'?"),
        ({"tags": [1.5]}, "expected a list of names", None),
        ({"tags": {"a": 1}}, "expected a list of names", None),
        ({"query": 3}, "expected a line of text", None),
        ({"query": "a\nb"}, "expected a line of text", None),
        ({"save_path": "  "}, "expected a path", None),
        ({"min_size": "5 apples"}, "expected bytes, or an amount like 500MiB", None),
        ({"min_size": -5}, "expected bytes, or an amount like 500MiB", None),
        ({"min_size": "2GB", "max_size": "1GB"}, "max_size: expected no less than min_size", None),
        ({"api_url": "civitai.com"}, "expected a URL that begins with https://", "like https://civitai.com"),
        ({"api_url": "ftp://civitai.com"}, "expected a URL that begins with https://", "like"),
        ({"api_url": "https://civitai.com/api/v1"}, "expected the root of a site, without path", "like"),
        ({"api_url": "https://civitai.com?a=b"}, "expected the root of a site", "like"),
        ({"api_url": "https://civitai.com:port"}, "expected the URL of a site", "like"),
        ({"api_url": "https://[::1"}, "expected the URL of a site", "like"),
        ({"api_url": 5}, "expected", None),
        ({"path_template": "{nothing}/{file_name}"}, "path_template", None),
        ({"images__quality": "uhd"}, "images.quality: expected one of hd, sd, got 'uhd'", None),
        ({"images__page_size": 201}, "expected a whole number from 1 to 200", None),
        ({"serve__port": 65536}, "expected a whole number from 0 to 65535", None),
    ],
)
def test_a_bad_value_names_key_file_and_what_was_expected(
    values: dict[str, Any], expected: str, hint: str | None
) -> None:
    error = refusal(**values)
    assert expected in error.message
    assert "(from ./config.toml)" in error.message
    assert error.code is Code.SETTINGS and error.exit_code == 2
    if hint is not None:
        assert error.hint is not None and hint in error.hint


def test_a_bad_value_that_was_typed_names_the_flag_and_is_a_mistake_of_usage() -> None:
    with pytest.raises(SettingsError) as caught:
        merge([Layer("flags", {"limit": "x"}, {"limit": "--limit"}, typed=True)])
    assert caught.value.message == "--limit: expected a whole number of at least 0, got 'x'."
    assert caught.value.code is Code.USAGE


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("limt", "did you mean 'limit'?"),
        ("image.quality", "did you mean 'images.quality'?"),
        ("images.qualty", "did you mean 'images.quality'?"),
        ("xyzzy", "config show"),
    ],
)
def test_an_unknown_key_is_refused_with_the_nearest_known(name: str, hint: str) -> None:
    with pytest.raises(SettingsError) as caught:
        merge([Layer("./config.toml", {name: 1})])
    assert caught.value.message == f"{name}: there is no such setting (from ./config.toml)."
    assert caught.value.hint is not None and hint in caught.value.hint


@pytest.mark.parametrize(
    "placeholder",
    ["your_api_key", "YOUR_API_KEY_HERE", "<your-api-key>", "<api_key>", "xxxxxxxx", "changeme", "YOUR-CIVITAI-TOKEN"],
)
def test_a_placeholder_is_no_key(placeholder: str) -> None:
    error = refusal(api_key=placeholder)
    assert "placeholder" in error.message and placeholder not in error.message
    assert error.hint is not None and "CIVITAI_API_KEY" in error.hint


@pytest.mark.parametrize("key", ["0123456789abcdef0123456789abcdef", "sandbox-key", "key-1", "xyz", "mykey123x"])
def test_what_may_be_a_key_is_one(key: str) -> None:
    assert merged(api_key=f"  {key}\n").api_key.get_secret_value() == key


@pytest.mark.parametrize("key", ["two words", "schlüssel", "a\nb", "a\x1b[31m"])
def test_a_key_that_no_header_can_carry_is_refused_without_showing_it(key: str) -> None:
    assert key not in refusal(api_key=key).message


def test_a_secret_is_never_shown() -> None:
    settings = merged(api_key="k3y-of-mine", serve__token="t0k3n-of-mine")
    said = f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    assert "k3y-of-mine" not in said and "t0k3n-of-mine" not in said


def test_an_empty_key_is_as_good_as_none() -> None:
    found = merge([Layer("user", {"api_key": "abc-123"}), Layer("./config.toml", {"api_key": ""})])
    assert found.settings.api_key.get_secret_value() == "abc-123"
    assert found.provenance["api_key"] == "user"


def test_credentials_in_the_sites_url_are_refused_and_not_repeated() -> None:
    assert "hunter2" not in refusal(api_url="https://me:hunter2@civitai.com").message


def test_a_slash_at_the_end_of_the_site_is_dropped() -> None:
    assert merged(api_url="https://civitai.com/").api_url == "https://civitai.com"


def test_lists_come_with_commas_or_as_lists() -> None:
    assert merged(tags=" anime , style,,anime ").tags == ("anime", "style")
    assert merged(tags=["a, b", " c "], usernames=[123]).tags == ("a, b", "c")
    assert merged(usernames=[123]).usernames == ("123",)


@pytest.mark.parametrize(
    "origin", ["*", "null", "example.org", "https://a/b", "https://", "https://a b", "https://u@h"]
)
def test_what_is_no_origin_is_refused(origin: str) -> None:
    assert "expected origins" in refusal(serve__allow_origins=[origin]).message


def test_origins_are_spelled_as_browsers_send_them() -> None:
    typed = "HTTPS://Example.org/, chrome-extension://abcdef, http://[::1]:8188"
    found = merged(serve__allow_origins=typed).serve.allow_origins
    assert found == ("https://example.org", "chrome-extension://abcdef", "http://[::1]:8188")


def test_levels_of_images_are_bits_names_or_yes_and_no() -> None:
    assert [merged(images__nsfw=value).images.nsfw for value in (True, "false", "PG,PG13", "X", "")] == [
        "true",
        "false",
        "PG,PG13",
        "X",
        "",
    ]
    assert "images.nsfw: expected levels" in refusal(images__nsfw="rude").message


def test_words_that_mean_a_level_are_understood() -> None:
    assert merged(log_level="warn").log_level == "warning"


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("0", 0),
        ("4096", 4096),
        ("500MiB", 500 * 2**20),
        ("2GB", 2 * 10**9),
        ("1.5 g", 1_500_000_000),
        ("0.1KiB", 102),
        ("5MB/s", 5_000_000),
        ("800KiB/s", 819_200),
        (" 1 tb ", 10**12),
        ("12B", 12),
    ],
)
def test_amounts_are_read_with_their_units(text: str, amount: int) -> None:
    assert parse_bytes(text) == amount


@pytest.mark.parametrize("text", ["", "MB", "-1", "1e9", "5 apples", "1,5GB", "9999999999TB", "٣MB", "1..5"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_bytes(text)


@given(st.integers(0, LARGEST))
def test_every_number_of_bytes_is_itself(number: int) -> None:
    assert parse_bytes(str(number)) == number


@given(st.text())
def test_reading_an_amount_gives_a_number_or_a_refusal(text: str) -> None:
    try:
        assert 0 <= parse_bytes(text) <= LARGEST
    except ValueError:
        return


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1 kB"),
        (999_600, "1 MB"),
        (217_000_000, "217 MB"),
        (6.5e9, "6.5 GB"),
        (2e12, "2.00 TB"),
    ],
)
def test_amounts_are_said_shortly(amount: float, said: str) -> None:
    assert shown_bytes(amount) == said


@pytest.mark.parametrize(("seconds", "said"), [(8.4, "8 s"), (185, "3:05"), (7800, "2:10:00")])
def test_times_are_said_shortly(seconds: float, said: str) -> None:
    assert shown_seconds(seconds) == said


KEY_VALUES = st.sampled_from(sorted(KEYS))
RAW = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(),
    st.lists(st.text()),
    st.dictionaries(st.text(), st.text()),
)


@given(st.dictionaries(KEY_VALUES, RAW, max_size=3))
def test_whatever_a_file_holds_is_settings_or_one_sentence(values: dict[str, Any]) -> None:
    try:
        merge([Layer("./config.toml", values)])
    except SettingsError as error:
        said = error.message
    else:
        return
    assert said.endswith(".") and "(from ./config.toml)" in said


# The Go downloader's file


# Keys whose value is said in other words here.
GO_MEANINGS = {"VersionPathPattern"}


@pytest.mark.parametrize("name", sorted(name for key in KEYS.values() for name in key.go))
def test_every_go_key_means_the_same_here(name: str) -> None:
    key = next(key for key in KEYS.values() if name in key.go)
    value: Any = ["x"] if is_list(key.name) else key.default
    table, _, leaf = name.rpartition(".")
    document = {table: {leaf: value}} if table else {leaf: value}
    assert set(translate(document).values) == {key.name}
    if name not in GO_MEANINGS:
        assert translate(document).values == {key.name: value}


@pytest.mark.parametrize("name", ["Query", "ModelTypes", "Nsfw", "Concurrency", "SaveMetadata", "MetaOnly"])
def test_a_go_key_of_the_download_table_means_the_same_as_flat(name: str) -> None:
    assert translate({"Download": {name: 1}}).values == translate({name: 1}).values


def test_flat_limit_is_the_page_size_and_limit_of_download_the_total() -> None:
    assert translate({"Limit": 50}).values == {"page_size": 50}
    assert translate({"Download": {"Limit": 5}}).values == {"limit": 5}
    assert translate({"Limit": 50, "Download": {"Limit": 5}}).values == {"page_size": 50, "limit": 5}


def test_a_file_may_mix_both_and_our_own_name_counts() -> None:
    found = translate({"SavePath": "a", "save_path": "b", "Images": {"Sort": "Oldest"}, "images": {"quality": "sd"}})
    assert found.values == {"save_path": "b", "images.sort": "Oldest", "images.quality": "sd"}


def test_go_keys_without_counterpart_are_named() -> None:
    document = {"BleveIndexPath": "x", "Images": {"PostID": 1}, "DB": {"Verify": {"CheckHash": True}}, "Foo": {"a": 1}}
    assert set(translate(document).without_counterpart) == {"BleveIndexPath", "Images.PostID", "DB.Verify", "Foo"}


def test_unknown_keys_of_ours_stay_for_the_merge_to_refuse() -> None:
    assert translate({"limt": 3, "images": {"qualty": 1}}).values == {"limt": 3, "images.qualty": 1}


@pytest.mark.parametrize(
    ("pattern", "template"),
    [
        (
            "{modelType}/{baseModel}/{modelId}-{modelName}/{versionId}-{versionName}",
            "{type}/{base_model}/{model_id}-{model_name}/{version_id}-{version_name}/{version_id}_{file_name}",
        ),
        ("/mine/{creatorName}/", "mine/{creator}/{version_id}_{file_name}"),
        ("./{username}//{modelName}", "{creator}/{model_name}/{version_id}_{file_name}"),
    ],
)
def test_a_go_pattern_of_folders_becomes_a_template_of_paths(pattern: str, template: str) -> None:
    assert translate({"VersionPathPattern": pattern}).values == {"path_template": template}
    assert translate({"Download": {"VersionPathPattern": pattern}}).values == {"path_template": template}
    merge([Layer("x", {"path_template": template})])


def test_an_empty_go_pattern_says_nothing() -> None:
    assert translate({"VersionPathPattern": ""}).values == {}


@pytest.mark.parametrize("pattern", ["{imageId}/x", "{{.ModelName}}", "../{modelName}", "{modelName", 3])
def test_a_go_pattern_that_is_none_is_refused_in_a_sentence(pattern: Any) -> None:
    read = translate({"VersionPathPattern": pattern})
    with pytest.raises(SettingsError, match="path_template"):
        merge([Layer("./config.toml", read.values)])


def test_the_go_downloaders_levels_are_understood() -> None:
    assert translate({"LogLevel": "trace"}).values == {"log_level": "debug"}


# The example


def test_the_example_holds_every_key_with_its_default() -> None:
    found = merge([Layer("config.toml.example", translate(tomli.loads(example(live=True))).values)])
    assert found.settings == Settings()
    assert {name for name, origin in found.provenance.items() if origin == "default"} == set(SECRETS)


def test_the_file_that_init_writes_sets_nothing_and_names_everything() -> None:
    text = example(live=False)
    assert not any(translate(tomli.loads(text)).values)
    assert all(f"#{name.rpartition('.')[2]} = " in text and variable(name) in text for name in KEYS)


def test_the_example_tells_flag_and_go_key_of_each_key() -> None:
    rows = {line.split()[0]: line for line in correspondence()}
    assert set(rows) == {"key", *KEYS}
    assert "--limit" in rows["limit"] and "[Download] Limit" in rows["limit"]
    assert rows["page_size"].endswith("  Limit")
