"""`config`: the settings, where they are from, where they can be put, and whether what they say works."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.config_example import example
from civitai_kit.cli.input.options import FORCE, USER_FILE
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.cli.output.safe_text import padded, shown, width
from civitai_kit.cli.output.tables import is_terminal, table
from civitai_kit.core.errors import UsageError
from civitai_kit.core.settings.keys import KEYS, SECRETS
from civitai_kit.core.url_keys import without_keys

MASK = "********"
# The file may come to hold a key, so only its owner may read it.
OWNER_ONLY = 0o600

CHECK_DETAILS = """One request asks the site whose the key is; nothing is changed. The exit code is that of the first
thing wrong: 3 for a key that the site does not take, 5 for a site that is away, 9 for a save path that cannot be
written. No key is no failure."""


def init(call: Call) -> Outcome:
    """Write a commented settings file: ./config.toml, or the one that --config or --user means."""
    target = _target(call)
    _write(target, example(live=False), overwrite=call.has("force"))
    return Outcome(
        data={"path": str(target)},
        lines=[
            f"Wrote {shown(target)}.",
            "Take the # from a line and change its value; `civitai-kit config show` shows what counts.",
        ],
    )


def show(call: Call) -> Outcome:
    """Every setting, its value and where it is from; secrets masked."""
    loaded = call.load()
    values = {name: _as_json(name, loaded.settings.value(name)) for name in KEYS}
    data = {name: {"value": value, "origin": loaded.provenance[name]} for name, value in values.items()}
    written = {name: _as_text(value) for name, value in values.items()}
    rows = [(name, value, shown(loaded.provenance[name])) for name, value in written.items()]
    return Outcome(data={"settings": data}, lines=_aligned(rows))


def path(call: Call) -> Outcome:
    """The files that settings are read from, in the order in which they count, and whether they are there."""
    files = _files(call)
    data = {name: {"path": str(file), "exists": file.is_file()} for name, file in files.items()}
    lines = [f"{shown(file)}{'' if file.is_file() else '  (not there)'}" for file in files.values()]
    return Outcome(data={"files": data}, lines=lines)


def check(call: Call) -> Outcome:
    """Ask the site once whose the key is, and try the save path; nothing is changed."""
    from civitai_kit.cli.output.check_view import check_lines
    from civitai_kit.cli.output.progress import Progress
    from civitai_kit.kit.checking import open_check
    from civitai_kit.services.check import check as look

    loaded = call.load()
    with Progress(call.console) as progress:
        files = tuple(_files(call).values())
        with open_check(loaded, files, progress, command=call.command, stop=call.stop) as parts:
            report = look(parts)
    return Outcome(report.as_json(), check_lines(report), [error.as_row() for error in report.errors], report.exit_code)


def _files(call: Call) -> dict[str, Path]:
    """The files that settings are read from, in the order in which they count."""
    from civitai_kit.kit.settings import project_file, user_file

    config = call.typed.get("config")
    return {"user": user_file(), "project": project_file(Path(config) if config else None, Path.cwd())}


def _target(call: Call) -> Path:
    return _files(call)["user" if call.has("user") else "project"]


def _write(target: Path, text: str, *, overwrite: bool) -> None:
    from civitai_kit.files.output import is_regular, output_file, writing_output

    if is_regular(target) and not overwrite:
        raise UsageError(f"{target} is there already.", hint="--force overwrites it.", path=str(target))
    with writing_output(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with output_file(target, new_mode=OWNER_ONLY) as file:
        file.write(text.encode())


def _as_json(name: str, value: Any) -> Any:
    """A value as JSON has it, no key in its URLs; of a secret only whether there is one."""
    if name in SECRETS:
        return MASK if value.get_secret_value() else None
    if isinstance(value, tuple):
        return [without_keys(str(one)) for one in value]
    return without_keys(value) if isinstance(value, str) else value


def _aligned(rows: list[tuple[str, str, str]]) -> list[str]:
    """Name, value, origin; long values are cut for a terminal alone."""
    if is_terminal():
        return table(rows[0], rows[1:], flexible=1, whole=(0,))
    names, values = (max(width(row[at]) for row in rows) for at in (0, 1))
    return [f"{padded(name, names)}  {padded(value, min(44, values))}  {origin}" for name, value, origin in rows]


def _as_text(value: Any) -> str:
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case list():
            return shown(", ".join(map(str, value))) or "-"
        case _:
            return shown(value) if value != "" else "-"


INIT = Command(init, (FORCE, USER_FILE))
SHOW = Command(show, ())
PATH = Command(path, ())
CHECK = Command(check, (), details=CHECK_DETAILS)
