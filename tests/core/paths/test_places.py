"""Names no file system minds, paths that stay inside, and no two items on one path."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pathvalidate import is_valid_filename

from civitai_kit.core.errors import SettingsError, UsageError
from civitai_kit.core.paths.file_names import LONGEST_FILE_NAME, file_name_of
from civitai_kit.core.paths.places import (
    DEFAULT_TEMPLATE,
    ClaimedPaths,
    Template,
    checked_relative,
    file_names,
    model_image_path,
    model_info_path,
    path_key,
    safe_name,
    sidecar_path,
    slug,
    version_image_path,
)
from civitai_kit.core.paths.safe_names import LONGEST_COMPONENT, is_reserved, split_extension, with_mark
from civitai_kit.core.paths.template import LONGEST_PATH, PLACEHOLDERS
from civitai_kit.core.site.models import Model, ModelFile, ModelVersion

# The shapes that names on the site take: separators, emoji, scripts, blanks, dots, devices, length, not NFC, invisible.
AWKWARD = [
    "Plain Name",
    "Soft/Hard NSFW",
    "back\\slash",
    "../../etc/passwd",
    "..",
    ".",
    "...",
    "..pt",
    ".hidden",
    " led by a blank",
    "ended by a blank ",
    "ended by a dot.",
    "ended by dots and blanks. . .",
    "two  blanks",
    "Aux",
    "con.txt",
    "aux .txt",
    "COM1.safetensors",
    "CONIN$",
    "LPT¹.x",
    "nul.tar.gz",
    'say "cheese"? <yes>|*',
    "dvArch: Exterior",
    "a\tb\nc\x00d\x7fe",
    "100%",
    "🍜",
    "🌟Stars & Dungeons🌟",
    "👩\u200d🦰 joined",
    "❤\ufe0f",
    "\u200e\u202egnp.exe",
    "\u200b",
    "\u3164",
    "経典漫画v2.5",
    "유나 (ITZY)",
    unicodedata.normalize("NFD", "Nesliha\u0301n Ataġül 유나"),
    "हिन्दी मॉडल",
    "𝕴𝖑𝖑𝖚𝖘𝖙𝖗𝖔",
    "İstanbul",
    "\ud800 half a pair",
    "\ufdd0\uffff",
    "無職転生" * 30,
    "x" * 400,
    ("無" * 100) + ".safetensors",
    "~",
    "~root",
    "",
    " ",
    "\u3000",
    "C:\\Windows",
    "{braces}",
    "-rf",
]
texts = st.text(max_size=300) | st.sampled_from(AWKWARD)


def model(**fields: Any) -> Model:
    return Model.model_validate({"id": 10, "name": "My Model", "type": "LORA", **fields})


def version(files: list[dict[str, Any]] | None = None, **fields: Any) -> ModelVersion:
    listed = [{"id": 30, "name": "My File.safetensors"}] if files is None else files
    return ModelVersion.model_validate({"id": 20, "name": "v1.0", "baseModel": "SDXL 1.0", "files": listed, **fields})


def assert_minded_by_nobody(component: str) -> None:
    assert component
    assert component not in (".", "..")
    assert component == component.strip()
    assert not component.endswith(".")
    assert not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', component)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs") for character in component)
    assert component == unicodedata.normalize("NFC", component)
    assert not PureWindowsPath(component).is_reserved()
    assert not is_reserved(component)
    assert len(component.encode()) <= LONGEST_COMPONENT
    assert is_valid_filename(component, platform="universal")


class TestSlugs:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("SDXL 1.0", "sdxl_1.0"),
            ("Hello   World", "hello_world"),
            ("SD 1.5: Base Model", "sd_1.5-base_model"),
            ("a - b", "a-b"),
            ("a--b__c", "a-b_c"),
            ("__test__", "test"),
            ("Test@Model#With$Special%Chars", "testmodelwithspecialchars"),
            ("v1.0.0", "v1.0.0"),
            ("Soft/Hard", "softhard"),
            ("tab\there", "tab_here"),
            ("ruru.", "ruru"),
            ("...", "unnamed"),
            ("🍜", "unnamed"),
            ("", "unnamed"),
            ("Aux", "aux_"),
            ("con.txt", "con_.txt"),
            ("流光 Style", "流光_style"),
            ("हिन्दी मॉडल", "हिन्दी_मॉडल"),
            ("❤\ufe0f", "unnamed"),
            ("\u3164", "unnamed"),
            (unicodedata.normalize("NFD", "Ataġül"), "ataġül"),
        ],
    )
    def test_a_slug_is_that_of_the_go_downloader_in_any_script(self, text: str, expected: str) -> None:
        assert slug(text) == expected

    @given(st.text(st.characters(codec="ascii"), max_size=60))
    def test_for_plain_ascii_nothing_but_dots_at_the_ends_and_devices_differs_from_go(self, text: str) -> None:
        one_line = "".join(character for character in text if character == " " or not character.isspace())
        expected = _as_go_does(one_line)
        if expected != expected.strip("._-") or is_reserved(expected):
            return
        assert slug(one_line, "") == expected

    @given(texts)
    def test_any_text_gives_a_slug_that_every_file_system_takes(self, text: str) -> None:
        found = slug(text)
        assert_minded_by_nobody(found)
        assert not found.startswith((".", "-", "_"))
        assert not any(character.isspace() for character in found)

    @given(texts)
    def test_the_slug_of_a_slug_is_itself_but_for_devices(self, text: str) -> None:
        once = slug(text)
        if not is_reserved(once.rstrip("_")) and "_." not in once:
            assert slug(once) == once


class TestSafeNames:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("My File.safetensors", "My File.safetensors"),
            ("FINAL  Robort.safetensors", "FINAL  Robort.safetensors"),
            (" negmutation.pt", "negmutation.pt"),
            ("<SamDoesArt2>.pt", "_SamDoesArt2_.pt"),
            ("a/b\\c:d.pt", "a_b_c_d.pt"),
            ("a\tb.pt", "a b.pt"),
            ("Aux", "Aux_"),
            ("con.txt", "con_.txt"),
            ("aux .txt", "aux_.txt"),
            ("CONIN$", "CONIN$_"),
            ("..pt", "..pt"),
            ("..", "fallback"),
            ("...", "fallback"),
            ("", "fallback"),
            ("\u200b", "fallback"),
            ("\u202egnp.exe", "gnp.exe"),
            ("🍜.pt", "🍜.pt"),
            ("x.", "x"),
            (unicodedata.normalize("NFD", "유나.pt"), "유나.pt"),
        ],
    )
    def test_a_name_stays_as_near_to_itself_as_can_be(self, name: str, expected: str) -> None:
        assert safe_name(name, "fallback") == expected

    @given(texts)
    def test_any_text_gives_a_name_that_every_file_system_takes(self, text: str) -> None:
        assert_minded_by_nobody(safe_name(text, "fallback"))

    @given(texts)
    def test_a_safe_name_is_safe_already(self, text: str) -> None:
        once = safe_name(text, "fallback")
        assert safe_name(once, "fallback") == once

    @given(st.text("abcXYZ019 ._-()[]+,'&@=~#%!", min_size=1, max_size=40))
    def test_plain_names_stay_as_they_are(self, name: str) -> None:
        if name == name.strip().rstrip(". ") and not is_reserved(name):
            assert safe_name(name, "fallback") == name

    @pytest.mark.parametrize("letter", ["x", "無", "🍜", "é"])
    def test_a_long_name_is_cut_between_characters_and_keeps_its_extension(self, letter: str) -> None:
        found = safe_name(letter * 300 + ".safetensors", "fallback")
        stem, extension = split_extension(found)
        assert extension == ".safetensors"
        assert set(stem) == {letter}
        assert LONGEST_COMPONENT - 4 < len(found.encode()) <= LONGEST_COMPONENT

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("a.pt", ("a", ".pt")),
            ("orangemix.vae.pt", ("orangemix.vae", ".pt")),
            ("..pt", (".", ".pt")),
            (".safetensors", ("", ".safetensors")),
            ("none", ("none", "")),
            ("ends.", ("ends.", "")),
            ("v1.0 final", ("v1.0 final", "")),
            ("a." + "b" * 40, ("a." + "b" * 40, "")),
        ],
    )
    def test_an_extension_is_short_and_without_blanks(self, name: str, expected: tuple[str, str]) -> None:
        assert split_extension(name) == expected

    def test_a_mark_goes_before_the_extension(self) -> None:
        assert with_mark("a.vae.pt", 7) == "a.vae_7.pt"
        assert with_mark(".safetensors", 7) == "_7.safetensors"
        assert with_mark("none", 7) == "none_7"


class TestFileNames:
    def test_files_of_one_name_all_get_their_id(self) -> None:
        names = file_names(
            version(
                [
                    {"id": 1, "name": "a.pt"},
                    {"id": 2, "name": "b.pt"},
                    {"id": 3, "name": "A.PT"},
                    {"id": 4, "name": unicodedata.normalize("NFD", "é.pt")},
                    {"id": 5, "name": "é.pt"},
                    {"id": 6, "name": "q?.pt"},
                    {"id": 7, "name": "q*.pt"},
                ]
            )
        )
        assert names == {
            1: "a_1.pt",
            2: "b.pt",
            3: "A_3.PT",
            4: "é_4.pt",
            5: "é_5.pt",
            6: "q__6.pt",
            7: "q__7.pt",
        }

    def test_a_name_that_looks_like_a_marked_one_gives_way(self) -> None:
        files = [{"id": 1, "name": "a.pt"}, {"id": 2, "name": "a.pt"}, {"id": 3, "name": "a_1.pt"}]
        assert file_names(version(files)) == {1: "a_1.pt", 2: "a_2.pt", 3: "a_1_3.pt"}

    def test_a_json_file_does_not_lie_where_a_sidecar_goes(self) -> None:
        names = file_names(version([{"id": 1, "name": "a.safetensors"}, {"id": 2, "name": "a.json"}]))
        assert names == {1: "a.safetensors", 2: "a_2.json"}

    def test_a_finished_file_never_bears_the_name_of_an_unfinished_one(self) -> None:
        names = file_names(
            version([{"id": 1, "name": "a.pt"}, {"id": 2, "name": "a.pt.part"}, {"id": 3, "name": "b.TMP"}])
        )
        assert names == {1: "a.pt", 2: "a.pt.part_", 3: "b.TMP_"}

    def test_names_that_differ_only_where_they_are_cut_get_their_id(self) -> None:
        long = "x" * 300
        names = file_names(version([{"id": 1, "name": f"{long}1.pt"}, {"id": 2, "name": f"{long}2.pt"}]))
        assert names[1].endswith("x_1.pt")
        assert names[2].endswith("x_2.pt")

    def test_a_file_without_a_name_or_an_id_still_has_a_name(self) -> None:
        assert file_names(version([{"id": 1}, {"name": "a.pt"}])) == {1: "unknown_file_name", None: "a.pt"}

    def test_a_linked_file_of_another_version_keeps_its_own_name(self) -> None:
        linked = ModelFile.model_validate({"id": 99, "name": "vae.pt"})
        assert file_name_of(version(), linked) == "vae.pt"

    @given(st.lists(texts, min_size=1, max_size=8))
    def test_no_two_files_of_a_version_share_a_name_or_a_sidecar_with_a_file(self, names: list[str]) -> None:
        assert _distinct([{"id": number, "name": name} for number, name in enumerate(names, start=1)])

    @given(
        st.lists(
            st.sampled_from(["a.pt", "A.pt", "a_1.pt", "a_2.pt", "a_1_1.pt", "a.json", "a_6.json", "é"]), max_size=9
        )
    )
    def test_names_made_to_collide_never_do(self, names: list[str]) -> None:
        assert _distinct([{"id": number, "name": name} for number, name in enumerate(names, start=1)])

    @given(st.permutations(["a.pt", "A.pt", "a_1.pt", "a.json", "b.pt"]))
    def test_names_do_not_depend_on_the_order_in_which_the_site_lists_files(self, order: list[str]) -> None:
        ids = {"a.pt": 1, "A.pt": 2, "a_1.pt": 3, "a.json": 4, "b.pt": 5}
        listed = file_names(version([{"id": ids[name], "name": name} for name in order]))
        assert listed == file_names(version([{"id": number, "name": name} for name, number in ids.items()]))


class TestTemplates:
    def test_the_default_is_the_layout_of_the_go_downloader(self) -> None:
        shown = version()
        path = Template(DEFAULT_TEMPLATE).place(model=model(), version=shown, file=shown.files[0])
        assert path == "lora/sdxl_1.0/my_model/10-my_file/v1.0/20_My File.safetensors"

    @pytest.mark.parametrize(
        ("placeholder", "expected"),
        {
            "type": "lora",
            "base_model": "sdxl_1.0",
            "model_name": "my_model",
            "model_slug": "my_model",
            "model_id": "10",
            "version_name": "v1.0",
            "version_id": "20",
            "file_name": "F.x.pt",
            "file_slug": "f.x",
            "file_id": "30",
            "file_stem": "f.x",
            "file_ext": "pt",
            "creator": "some_one",
            "sha8": "abcdef01",
            "first_tag": "anime_style",
            "nsfw": "nsfw",
        }.items(),
    )
    def test_every_placeholder_has_its_value(self, placeholder: str, expected: str) -> None:
        known = model(creator={"username": "Some One"}, tags=["Anime Style", "x"], nsfw=True)
        shown = version([{"id": 30, "name": "F.x.pt", "hashes": {"SHA256": "ABCDEF0123456789"}}])
        path = Template(f"{{{placeholder}}}/{{file_name}}").place(model=known, version=shown, file=shown.files[0])
        assert path == f"{expected}/F.x.pt"

    @pytest.mark.parametrize("placeholder", PLACEHOLDERS)
    def test_what_the_site_does_not_say_reads_unknown(self, placeholder: str) -> None:
        template = Template(f"{{{placeholder}}}/{{file_name}}")
        path = template.place(model=Model(), version=ModelVersion(), file=ModelFile())
        expected = "unknown_file_name" if placeholder == "file_stem" else f"unknown_{placeholder}"
        assert path == f"{expected}/unknown_file_name"

    def test_name_and_type_come_from_the_version_where_the_model_is_not_known(self) -> None:
        shown = version(modelId=5, model={"name": "Whose", "type": "VAE"})
        path = Template("{type}/{model_id}-{model_name}/{file_name}").place(
            model=Model(), version=shown, file=shown.files[0]
        )
        assert path == "vae/5-whose/My File.safetensors"

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("{model_name}-{version_name}-{file_id}", "my_model-v1.0-30.safetensors"),
            ("{creator}/{file_stem}.{file_ext}", "unknown_creator/my_file.safetensors"),
            ("{{x}}/{file_name}", "{x}/My File.safetensors"),
            ("con/{file_name}", "con_/My File.safetensors"),
            ("a./{file_name}", "a/My File.safetensors"),
        ],
    )
    def test_own_templates_give_safe_paths_with_the_extension(self, text: str, expected: str) -> None:
        shown = version()
        assert Template(text).place(model=model(), version=shown, file=shown.files[0]) == expected

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("", "is empty"),
            ("  ", "is empty"),
            ("/{file_name}", "is absolute"),
            ("~/{file_name}", "is absolute"),
            ("C:/{file_name}", "is absolute"),
            ("\\\\server\\{file_name}", "backslash"),
            ("{type}\\{file_name}", "backslash"),
            ("../{file_name}", "only dots"),
            ("{type}/../{file_name}", "only dots"),
            ("{type}//{file_name}", "empty"),
            ("{file_name}/", "empty"),
            ("{type}", "names no file"),
            ("{type}/{version_id}", "names no file"),
            ("{nonsense}/{file_name}", "unknown placeholder {nonsense}"),
            ("{}/{file_name}", "unknown placeholder {}"),
            ("{file_name!r}", "unknown placeholder {file_name!r}"),
            ("{file_name:>10}", "unknown placeholder {file_name:>10}"),
            ("{file_name.__class__}", "unknown placeholder"),
            ("{file_name[0]}", "unknown placeholder"),
            ("{file_name", "unbalanced braces"),
            ("file_name}", "unbalanced braces"),
            ("x" * 300 + "{file_name}", "too long"),
            ("{model_name}/" * 30 + "{file_name}", "too long"),
        ],
    )
    def test_a_template_that_cannot_work_is_refused_when_it_is_read(self, text: str, problem: str) -> None:
        with pytest.raises(SettingsError) as refused:
            Template(text)
        assert problem in refused.value.message
        assert refused.value.hint

    def test_a_near_miss_is_named(self) -> None:
        with pytest.raises(SettingsError) as refused:
            Template("{basemodel}/{file_name}")
        assert refused.value.hint == "Did you mean {base_model}?"

    @given(st.tuples(texts, texts, texts, texts, texts, texts))
    def test_no_answer_of_the_site_leads_out_or_makes_a_path_that_a_file_system_minds(
        self, said: tuple[str, ...]
    ) -> None:
        kind, base, name, title, file, creator = said
        shown = version([{"id": 2147483647, "name": file}], name=title, baseModel=base, id=2147483647)
        known = model(name=name, type=kind, creator={"username": creator}, tags=[name])
        for text in (DEFAULT_TEMPLATE, "{file_name}", "{creator}/{first_tag}-{file_name}", "{file_stem}-{file_id}"):
            path = Template(text).place(model=known, version=shown, file=shown.files[0])
            assert checked_relative(path) == path
            assert ".." not in PurePosixPath(path).parts
            assert not PureWindowsPath(path).is_absolute()
            assert len(path) <= LONGEST_PATH
            for component in path.split("/"):
                assert_minded_by_nobody(component)

    @given(st.lists(st.text(max_size=300), min_size=2, max_size=5), texts)
    def test_two_files_of_a_version_never_share_a_path(self, names: list[str], name: str) -> None:
        shown = version([{"id": number, "name": text} for number, text in enumerate(names, start=1)])
        known = model(name=name)
        template = Template(DEFAULT_TEMPLATE)
        paths = [path_key(template.place(model=known, version=shown, file=file)) for file in shown.files]
        assert len(set(paths)) == len(paths)

    def test_a_path_that_is_too_long_keeps_ids_extension_and_a_bit_of_every_name(self) -> None:
        shown = version([{"id": 30, "name": "無職転生" * 40 + ".safetensors"}], name="版" * 200)
        path = Template(DEFAULT_TEMPLATE).place(model=model(name="無職転生" * 60), version=shown, file=shown.files[0])
        assert re.fullmatch(r"lora/sdxl_1.0/[無職転生]+/10-[無職転生]+/版+/20_[無職転生]+\.safetensors", path)


class TestOtherPaths:
    @pytest.mark.parametrize(
        ("path", "expected"),
        [
            ("a/b/20_x.safetensors", "a/b/20_x.json"),
            ("a/b.c/20_x", "a/b.c/20_x.json"),
            ("x.vae.pt", "x.vae.json"),
            ("x.json", "x.json.json"),
            ("a/x.JSON", "a/x.JSON.json"),
            (".safetensors", ".safetensors.json"),
        ],
    )
    def test_a_sidecar_lies_beside_its_file_and_never_on_it(self, path: str, expected: str) -> None:
        assert sidecar_path(path) == expected

    def test_model_info_and_its_images_lie_under_the_first_version(self) -> None:
        known = model(modelVersions=[{"id": 1, "baseModel": "Pony"}, {"id": 2, "baseModel": "SD 1.5"}])
        second = known.versions[1]
        assert model_info_path(known) == "lora/pony/my_model/10-my_model.json"
        assert model_image_path(known, second, 5, "jpg") == "lora/pony/my_model/images/2/5.jpeg"
        assert model_info_path(Model()) == (
            "unknown_type/unknown_base_model/unknown_model_name/unknown_model_id-unknown_model_slug.json"
        )

    @pytest.mark.parametrize(
        ("ext", "name"),
        [
            ("jpeg", "5.jpeg"),
            (".JPG", "5.jpeg"),
            ("webp", "5.webp"),
            ("mp4", "5.mp4"),
            ("", "5"),
            ("../x", "5"),
            ("p/g", "5"),
        ],
    )
    def test_an_image_has_a_plain_extension_or_none(self, ext: str, name: str) -> None:
        assert version_image_path("a/b/20_x.pt", 5, ext) == f"a/b/images/{name}"
        assert version_image_path("x.pt", 5, ext) == f"images/{name}"

    @given(texts, texts, texts)
    def test_model_paths_never_lead_out(self, kind: str, base: str, name: str) -> None:
        known = model(type=kind, name=name, modelVersions=[{"id": 1, "baseModel": base}])
        for path in (model_info_path(known), model_image_path(known, known.versions[0], 5, "png")):
            assert checked_relative(path) == path
            assert len(path) <= LONGEST_PATH
            for component in path.split("/"):
                assert_minded_by_nobody(component)

    def test_the_longest_name_of_the_site_is_not_cut_in_the_folder_of_its_info(self) -> None:
        long = "a" * 100
        assert model_info_path(model(name=long)) == f"lora/unknown_base_model/{long}/10-{long}.json"


class TestShelf:
    def test_the_second_claim_gets_the_file_id_and_the_third_a_number(self) -> None:
        shelf = ClaimedPaths()
        assert shelf.claim("a/x.pt", 1) == "a/x.pt"
        assert shelf.claim("a/X.PT", 2) == "a/X_2.PT"
        assert shelf.claim("a/x.pt", 2) == "a/x_2_2.pt"
        assert shelf.claim("a/x.pt", None) == "a/x_3.pt"
        assert shelf.claim("b/x.pt", 2) == "b/x.pt"

    def test_a_json_file_and_a_sidecar_never_meet_whichever_comes_first(self) -> None:
        first, second = ClaimedPaths(), ClaimedPaths()
        assert [first.claim("x.pt", 1), first.claim("x.json", 2)] == ["x.pt", "x_2.json"]
        assert [second.claim("x.json", 2), second.claim("x.pt", 1)] == ["x.json", "x_1.pt"]

    @given(
        st.lists(
            st.tuples(
                st.sampled_from(["x.pt", "X.pt", "x_1.pt", "x_1_2.pt", "é", "e\u0301", "d/x.json", "d/x"]),
                st.none() | st.integers(1, 3),
            ),
            max_size=12,
        )
    )
    def test_no_two_claims_share_a_path(self, claims: list[tuple[str, int | None]]) -> None:
        shelf = ClaimedPaths()
        given = [path_key(shelf.claim(path, file_id)) for path, file_id in claims]
        assert len(set(given)) == len(given)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("A/b", "a/B"), ("é", "e\u0301"), ("straße", "STRASSE"), ("ſ", "s"), ("\u212a", "k"), ("ı", "I"), ("Σ", "ς")],
    )
    def test_what_a_folding_file_system_takes_for_one_has_one_key(self, one: str, other: str) -> None:
        assert path_key(one) == path_key(other)

    @given(texts)
    def test_a_key_is_the_same_for_every_form_of_a_path(self, text: str) -> None:
        forms = {path_key(unicodedata.normalize(form, text)) for form in ("NFC", "NFD")}
        assert len(forms | {path_key(path_key(text))}) == 1


class TestEditedPaths:
    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/etc/passwd",
            "//server/share",
            "\\\\server\\share",
            "C:\\x",
            "c:/x",
            "C:x",
            "~/x",
            "~root/x",
            "~",
            "..",
            "a/../../b",
            "a/..",
            "a//b",
            "a/",
            ".",
            "./a",
            "a/./b",
            "a\\b",
            "a\x00b",
            "a\nb",
            "a/aux",
            "CON/x",
            "a/com1.txt",
            "a/NUL .txt",
            "a/b.",
            "a/b ",
            "a/.. /b",
            "a/x:stream",
            "a/" + "x" * 256,
            "a/\ud800",
        ],
    )
    def test_a_path_that_leaves_or_means_something_else_somewhere_is_refused(self, path: str) -> None:
        with pytest.raises(UsageError) as refused:
            checked_relative(path)
        assert refused.value.hint

    @pytest.mark.parametrize(
        "path", ["a", "a/b/c.pt", "a/..b", "..a/b", "a/b c.pt", "auxiliary/console", "日本語/é.pt"]
    )
    def test_other_relative_paths_come_back_as_they_were(self, path: str) -> None:
        assert checked_relative(path) == path

    @given(st.text(max_size=40) | st.text("./\\~: aC", max_size=12))
    def test_what_is_let_through_stays_inside_on_every_system(self, path: str) -> None:
        try:
            checked_relative(path)
        except UsageError:
            return
        for flavour in (PurePosixPath, PureWindowsPath):
            assert not flavour(path).is_absolute()
            assert not flavour(path).drive
            assert ".." not in flavour(path).parts


def _as_go_does(text: str) -> str:
    """The Go downloader's rule for ASCII, from its description."""
    kept = re.sub(r"[^0-9a-z._-]", "", text.replace(" ", "_").replace(":", "-").lower())
    single = re.sub(r"_+", "_", re.sub(r"-+", "-", kept))
    return single.replace("-_", "-").replace("_-", "-").strip("_-")


def _distinct(files: list[dict[str, Any]]) -> bool:
    names = file_names(version(files))
    assert all(len(name.encode()) <= LONGEST_FILE_NAME for name in names.values())
    keys = [path_key(name) for name in names.values()]
    sidecars = {path_key(sidecar_path(name)) for name in names.values()}
    return len(names) == len(files) and len(set(keys)) == len(keys) and not sidecars & set(keys)
