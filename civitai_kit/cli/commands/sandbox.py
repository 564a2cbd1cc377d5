"""`civitai-kit sandbox`: serve the pretend Civitai until Ctrl-C, or show the main job against it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from civitai_kit.cli.input.call import Call
from civitai_kit.cli.input.options import Flag
from civitai_kit.cli.input.parsing import Command
from civitai_kit.cli.output.console import Outcome
from civitai_kit.core.errors import CivitaiKitError, Code, UsageError

if TYPE_CHECKING:
    from civitai_kit.sandbox.serve import Sandbox

MISSING = "The sandbox needs Starlette and uvicorn, which are not installed."


def run(call: Call) -> Outcome:
    """Serve, or list the faults, or show the main job."""
    try:
        from civitai_kit.sandbox.serve import running
    except ImportError as error:
        from civitai_kit.kit.extras import adding

        raise CivitaiKitError(MISSING, code=Code.USAGE, hint=f"{adding('server')} brings them.") from error
    if call.has("list_faults"):
        return _fault_list()
    try:
        with running(host=call.typed.get("host", "127.0.0.1"), port=_port(call), most_requests=10_000) as served:
            _add_faults(call, served)
            return _demo(call, served) if call.has("demo") else _until_stopped(call, served)
    except OSError as error:
        raise UsageError(f"The sandbox cannot listen there: {error}", hint="--port 0 takes a free port.") from error


def _until_stopped(call: Call, served: Sandbox) -> Outcome:
    """Say where it is, once and at once, and serve until a signal comes."""
    data = {"url": served.url, "storage_url": served.storage_url, "api_key": served.api_key, "fault": _pending(served)}
    call.console.show("sandbox", Outcome(data=data, lines=_greeting(served)))
    call.stop.wait()
    call.console.tell("The sandbox is closed.")
    return Outcome(data=data)


def _greeting(served: Sandbox) -> list[str]:
    faults = [f"  fault    {fault}" for fault in _pending(served)]
    return [
        "A pretend Civitai is open:",
        f"  site     {served.url}",
        f"  storage  {served.storage_url}",
        f"  API key  {served.api_key}",
        *faults,
        "",
        "Point any command at it, from another terminal:",
        f"  export CIVITAI_API_KEY={served.api_key}",
        f"  civitai-kit scan --all --api-url {served.url}",
        f"  civitai-kit download --api-url {served.url} --save-path ./try --type LORA --limit 2",
        "",
        "Ctrl-C closes it.",
    ]


def _demo(call: Call, served: Sandbox) -> Outcome:
    from civitai_kit.cli.demo import show_main_job

    return show_main_job(served.url, served.api_key, call.console)


def _port(call: Call) -> int:
    given = call.typed.get("port", "0")
    if not str(given).isdigit() or int(given) > 65_535:
        raise UsageError(
            f"--port: {given!r} is no port.", hint="A port is a number from 0 to 65535; 0 takes a free one."
        )
    return int(given)


def _add_faults(call: Call, served: Sandbox) -> None:
    from civitai_kit.sandbox.faults import parse_fault

    for text in call.many("fault"):
        try:
            name, times, params = parse_fault(text)
            served.faults.add(name, times, **params)
        except ValueError as error:
            raise UsageError(f"--fault {text}: {error}", hint="--list-faults shows all of them.") from error


def _pending(served: Sandbox) -> list[str]:
    return [f"{each.name} × {each.left or 'always'}" for each in served.faults.pending()]


def _fault_list() -> Outcome:
    from civitai_kit.sandbox.faults import FAULTS

    rows: list[dict[str, Any]] = [
        {"name": fault.name, "where": fault.where, "meaning": fault.sentence, "params": fault.params}
        for fault in FAULTS.values()
    ]
    lines = [f"{row['name']:<18} {row['where']:<9} {row['meaning']}{_defaults(row['params'])}" for row in rows]
    return Outcome(data={"faults": rows}, lines=lines)


def _defaults(params: dict[str, Any]) -> str:
    return "".join(f" [{key}={value}]" for key, value in params.items())


DETAILS = """It is a small, faithful copy of the site's habits on two loopback addresses: the API, downloads through a
redirect to a storage host with signed, expiring URLs, images and a video. It needs no network.

Point any command at it with --api-url and the key it prints:

\b
  export CIVITAI_API_KEY=sandbox-key
  civitai-kit download --api-url http://127.0.0.1:8766 --type LORA

--fault NAME[:TIMES][:KEY=NUMBER] makes the next requests meet a fault of the real site, for example
--fault overloaded:2, --fault cut:3:at=5000, --fault throttle:*:rate=200000 (* is for ever). While it runs,
POST {"name": "cut", "times": 1, "match": "", "at": 5000} to /_sandbox/faults does the same."""

COMMAND = Command(
    run,
    (
        Flag(("--port",), takes="N", meaning="port of the site; 0, the default, takes a free one"),
        Flag(("--host",), takes="ADDRESS", meaning="address to listen on  [default: 127.0.0.1]"),
        Flag(("--fault",), takes="NAME", meaning="meet a fault of the real site; may be repeated", many=True),
        Flag(("--list-faults",), meaning="list the faults and what they do"),
        Flag(
            ("--demo",), meaning="run scan, download and the database's commands against it and show what landed where"
        ),
    ),
    details=DETAILS,
)
