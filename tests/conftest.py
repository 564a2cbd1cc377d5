"""The whole suite's ground: the sandbox as a fixture `civitai_sandbox`, the same search and signals everywhere."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from civitai_kit.cli.start import RARE_COLLECTION
from tests.program import Program, loaded

pytest_plugins = ["civitai_kit.testing"]

# A person's own settings are not what is tested, nor is their keyring, which takes long to find.
for _name in [name for name in os.environ if name.startswith("CIVITAI")] + [
    "NO_COLOR",
    "FORCE_COLOR",
    "PYTHONUNBUFFERED",
]:
    os.environ.pop(_name, None)
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.null.Keyring"

# To load all certificates for each client would be most of its time, and what is on this machine needs none.
os.environ.pop("SSL_CERT_FILE", None)
os.environ["SSL_CERT_DIR"] = str(Path(__file__).parent)

# Thousands of folders come and go, and every write is waited for: both are quicker in memory than on a disk.
_IN_MEMORY = Path("/dev/shm")
_ROOM = 4 * 2**30
if _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))

# `ci` finds the same every time, however busy the machine is; `--hypothesis-profile=search` looks for what is new.
settings.register_profile(
    "ci",
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=(HealthCheck.too_slow,),
)
settings.register_profile("search", max_examples=2000, deadline=None)
settings.load_profile("ci")

# Thousands of tests and all modules stay to the end: to look through them for cycles is a tenth of the work.
gc.set_threshold(*RARE_COLLECTION)

# Under nohup or in a background job these are ignored, and programs started from here would inherit that;
# a handler they do not.
if os.name == "posix" and threading.current_thread() is threading.main_thread():
    for _signal in (signal.SIGINT, signal.SIGHUP):
        if signal.getsignal(_signal) is signal.SIG_IGN:
            signal.signal(_signal, lambda *_: None)


def pytest_collection_finish() -> None:
    """Leave out of every later search for cycles what is there by now."""
    gc.freeze()


@pytest.fixture(scope="session")
def program() -> Iterator[Program]:
    """The program, for processes of its own that begin at once."""
    with loaded() as ready:
        yield ready


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and a certificate of it for localhost, in one file."""
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    made = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(path) + ".key", "-out", str(path)]
    subprocess.run(["openssl", *made.split(), *names], check=True, capture_output=True)
    return path
