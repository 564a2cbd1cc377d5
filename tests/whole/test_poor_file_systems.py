"""File systems that lack what others have (NFS, SMB, FUSE): the work is done, and what cannot be had is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from civitai_kit.testing import Known, Sandbox
from tests.program import Program, loaded

# Stands before the C library: locks and syncs are refused as such file systems refuse them.
SHIM = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#define NO(what) (getenv("LACKS") && strstr(getenv("LACKS"), what))
#define REFUSE(number) do { errno = number; return -1; } while (0)
int flock(int fd, int how) {
    if (NO("flock")) REFUSE(ENOLCK);
    return ((int (*)(int, int))dlsym(RTLD_NEXT, "flock"))(fd, how);
}
int fsync(int fd) {
    if (NO("fsync")) REFUSE(EINVAL);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int fdatasync(int fd) {
    if (NO("fsync")) REFUSE(EINVAL);
    return ((int (*)(int))dlsym(RTLD_NEXT, "fdatasync"))(fd);
}
static int control(const char *name, int fd, int command, void *argument) {
    if (NO("fcntl") && (command == F_SETLK || command == F_SETLKW)) REFUSE(ENOTSUP);
    return ((int (*)(int, int, ...))dlsym(RTLD_NEXT, name))(fd, command, argument);
}
#define ARGUMENT(name) va_list rest; va_start(rest, name); void *argument = va_arg(rest, void *); va_end(rest)
int fcntl(int fd, int command, ...) { ARGUMENT(command); return control("fcntl", fd, command, argument); }
int fcntl64(int fd, int command, ...) { ARGUMENT(command); return control("fcntl64", fd, command, argument); }
"""

compiler = shutil.which("cc")
pytestmark = pytest.mark.skipif(sys.platform != "linux" or compiler is None, reason="no C compiler for a stand-in")


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The program on a file system that lacks what `LACKS` names."""
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    command = [str(compiler), "-shared", "-fPIC", "-o", str(folder / "shim.so"), str(folder / "shim.c"), "-ldl"]
    subprocess.run(command, check=True)
    with loaded(LD_PRELOAD=str(folder / "shim.so")) as program:
        yield program


@pytest.mark.parametrize(
    ("lacks", "said"),
    [
        ("flock", [".civitai-kit.lock there stands for one"]),
        ("fcntl", ["look at it only while nothing writes", "--database"]),
        ("fsync", ["cannot make writes last", "--database"]),
        ("flock,fcntl,fsync", [".civitai-kit.lock", "while nothing writes", "cannot make writes last"]),
    ],
)
def test_what_a_file_system_lacks_is_said_and_the_work_is_done(
    civitai_sandbox: Sandbox, tmp_path: Path, poor: Program, lacks: str, said: list[str]
) -> None:
    def run(*words: str) -> str:
        settings = {"API_URL": civitai_sandbox.url, "API_KEY": civitai_sandbox.api_key, "API_DELAY_MS": "0"}
        env = {**os.environ, **{f"CIVITAI_KIT_{name}": value for name, value in settings.items()}}
        words = ("--save-path", str(tmp_path / "save"), "--json", *words)
        code, out, err = poor.run(words, env=env | {"LACKS": lacks}, cwd=tmp_path)
        assert (code, json.loads(out)["errors"]) == (0, []), (words, out)
        return err.decode()

    warned = run("download", str(int(Known.PLAIN_LORA)), "--metadata", "--yes")
    assert [text for text in said if text not in warned] == []
    run("db", "verify")
    run("db", "view")
    run("db", "delete", "--model-id", str(int(Known.PLAIN_LORA)), "--yes")
    run("clean")
