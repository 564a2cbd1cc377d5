"""The unit for systemd and the Dockerfile in `packaging/`: what they name is there, and what they start starts."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from fnmatch import fnmatch
from pathlib import Path

import pytest

from civitai_kit.core.settings.keys import KEYS, variable
from tests.test_packaging import pins

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "packaging" / "civitai-kit-serve.service"
DOCKERFILE = ROOT / "packaging" / "Dockerfile"
PORT = KEYS["serve.port"].default


def unit() -> dict[str, list[str]]:
    """The unit's options; one that is said again has several values."""
    found = defaultdict(list)
    for name, value in re.findall(r"^([A-Za-z]+)=(.*)$", UNIT.read_text(encoding="utf-8"), re.MULTILINE):
        found[name].append(value)
    return found


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, in order, comments and line ends taken out."""
    text = re.sub(r"^#.*\n", "", DOCKERFILE.read_text(encoding="utf-8"), flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in text.splitlines() if line)]


def of(kind: str) -> list[str]:
    """What stands behind an instruction each time."""
    return [rest for word, rest in instructions() if word == kind]


@pytest.mark.skipif(os.name != "posix", reason="ends by a signal")
def test_what_the_unit_starts_serves_and_ends_in_order(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text('[serve]\nport = 0\ntoken = "a-token-for-the-tests"\n', encoding="utf-8")
    [line] = unit()["ExecStart"]
    program, *words = shlex.split(line.replace("%d", str(tmp_path)).replace("/srv/models", str(tmp_path / "models")))
    assert Path(program).name == "civitai-kit"
    with subprocess.Popen(
        [sys.executable, "-m", "civitai_kit", *words, "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["data"]["token_is_new"] is False
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0


def test_the_unit_gives_the_service_nothing_but_its_save_path() -> None:
    said = unit()
    [line] = said["ExecStart"]
    assert said["ReadWritePaths"] == [re.findall(r"--save-path (\S+)", line)[0]]
    assert said["User"] == ["civitai-kit"] and said["ProtectSystem"] == ["strict"]
    assert said["NoNewPrivileges"] == ["yes"] and said["CapabilityBoundingSet"] == [""]
    # What holds the token and the site's key is handed over, and not readable by the service's user.
    assert said["LoadCredential"] == ["config.toml:/etc/civitai-kit/config.toml"]
    assert "token" not in line and said["Restart"] == ["on-failure"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd")
def test_systemd_finds_nothing_wrong_with_the_unit(tmp_path: Path) -> None:
    text = UNIT.read_text(encoding="utf-8").replace("/opt/civitai-kit/bin/civitai-kit", sys.executable)
    place = tmp_path / UNIT.name
    place.write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["systemd-analyze", "verify", str(place)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, [line for line in done.stderr.splitlines() if UNIT.name in line]) == (0, [])


def test_what_the_image_is_made_of_is_there_and_let_through() -> None:
    let_through = Path(f"{DOCKERFILE}.dockerignore").read_text(encoding="utf-8").splitlines()
    kept = [line.removeprefix("!") for line in let_through if line.startswith("!")]
    sources = [word for line in of("COPY") if not line.startswith("--from") for word in line.split()[:-1]]
    assert len(sources) >= 5
    for source in sources:
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in kept), source


def test_the_image_is_made_from_the_lock_alone_and_names_no_registry() -> None:
    fetched = [line for line in of("RUN") if "pip install" in line]
    assert len(fetched) == 2 and all("--no-deps" in line for line in fetched)
    assert "--require-hashes --requirement requirements/run.txt" in fetched[0]
    assert "--no-build-isolation" in fetched[1]
    assert {"starlette", "uvicorn", "hatchling"} <= set(pins(ROOT / "requirements" / "run.txt"))
    text = DOCKERFILE.read_text(encoding="utf-8")
    assert set(re.findall(r"https?://([^/:']+)", text)) == {"127.0.0.1"}
    assert re.findall(r"^FROM (.*)$", text, re.MULTILINE) == ["${PYTHON} AS build", "${PYTHON}"]


def test_the_image_runs_as_a_user_and_says_whether_it_is_well() -> None:
    words = [word for word, _ in instructions()]
    [user], [health] = of("USER"), of("HEALTHCHECK")
    assert user.split(":")[0] not in ("0", "root") and "ENTRYPOINT" in words[words.index("USER") :]
    assert f"http://127.0.0.1:{PORT}/healthz" in health
    assert of("EXPOSE") == [str(PORT)] and of("STOPSIGNAL") == ["SIGTERM"]
    assert (json.loads(of("ENTRYPOINT")[0]), json.loads(of("CMD")[0])) == (["civitai-kit"], ["serve"])


def test_the_image_sets_nothing_that_is_no_setting() -> None:
    named = {name for line in of("ENV") for name in re.findall(r"(CIVITAI_KIT_\w+)=", line)}
    assert len(named) == 3 and named <= {variable(key) for key in KEYS}
    assert not any("TOKEN" in name or "KEY" in name for name in named)
