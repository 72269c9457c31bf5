"""The command line of the device: `hadir kiosk …`."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from kiosk.errors import KioskError
from protocol.errors import ProtocolError

_CONFIG = Path("/etc/hadir/kiosk.yaml")


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when it did what it says, 2 with one sentence on standard error when it could not."""
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        command(options)
    except (KioskError, ProtocolError) as error:
        print(f"hadir: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        return 141
    except OSError as error:
        print(f"hadir: {error.filename or 'the disk'}: {error.strerror or error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hadir kiosk",
        description="The attendance kiosk on this device.",
        epilog="example:\n  hadir kiosk run --config kiosk.yaml",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(
        name: str, command: Callable[[argparse.Namespace], None], summary: str, example: str
    ) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name,
            help=summary,
            description=summary,
            epilog=f"example:\n  {example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        sub.set_defaults(command=command)
        return sub

    def configured(sub: argparse.ArgumentParser) -> argparse.ArgumentParser:
        sub.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE", help=f"default: {_CONFIG}")
        return sub

    configured(add("run", _run, "Serve people: camera to lamp.", "hadir kiosk run --config kiosk.yaml"))

    sync = configured(add("sync", _sync, "Bring marks to the server.", "hadir kiosk sync --once"))
    sync.add_argument("--once", action="store_true", help="until nothing is left to send, then end")

    export = configured(
        add(
            "export",
            _export,
            "Put the marks on a stick, where there is no network.",
            "sudo -u hadir hadir kiosk export /mnt",
        )
    )
    export.add_argument("stick", type=Path, metavar="STICK", help="the folder where it is mounted")
    take = configured(
        add(
            "import",
            _import,
            "Take from a stick what the server put there.",
            "sudo -u hadir hadir kiosk import /mnt",
        )
    )
    take.add_argument("stick", type=Path, metavar="STICK", help="the folder where it is mounted")

    claim = configured(
        add(
            "claim",
            _claim,
            "Make this device's keys and claim it at the server.",
            "hadir kiosk claim --token-file token.txt",
        )
    )
    claim.add_argument("--server", metavar="URL", help="default: the configuration's")
    token = claim.add_mutually_exclusive_group(required=True)
    token.add_argument("--token", help="from 'hadir server device add'")
    token.add_argument("--token-file", type=Path, metavar="FILE", help="holds the token; '-' reads standard input")
    token.add_argument(
        "--camera",
        metavar="URL",
        nargs="?",
        const="",
        help="shown the label of the claim sheet; default: the configuration's",
    )

    enrol = configured(
        add(
            "enrol",
            _enrol,
            "Enrol one person; a second officer must approve it.",
            "hadir kiosk enrol --code JVOYHXMW4YSPYI2K --camera v4l2:/dev/video0",
        )
    )
    enrol.add_argument("--code", required=True, help="from 'hadir server enrol-code', for one person")
    enrol.add_argument("--camera", metavar="URL", help="default: the configuration's")
    enrol.add_argument("--photos", type=Path, metavar="DIR", help="photos instead of a camera")

    photos = add(
        "enrol-photos",
        _enrol_photos,
        "Make templates of many people from a CSV and a ZIP of photos, for 'hadir server templates'.",
        "hadir kiosk enrol-photos people.csv photos.zip --out templates.json",
    )
    photos.add_argument("table", type=Path, metavar="CSV", help="a line for each photo: employee_id, file (in the ZIP)")
    photos.add_argument("archive", type=Path, metavar="ZIP", help="the photos; it is not unpacked")
    photos.add_argument("--out", type=Path, required=True, metavar="FILE", help="written when somebody can be enrolled")
    photos.add_argument("--embedder", default="dlib", metavar="NAME", help="that of the kiosks: dlib, or onnx:NAME")
    photos.add_argument("--models", type=Path, default=Path("models"), metavar="DIR", help="files of ONNX models")

    configured(add("rotate-key", _rotate_key, "Give this device a new signing key.", "hadir kiosk rotate-key"))

    configured(
        add(
            "bind-key",
            _bind_key,
            "Put the gallery's key under this device's secret.",
            "sudo -u hadir hadir kiosk bind-key",
        )
    )

    status = configured(add("status", _status, "How this device is.", "hadir kiosk status --json"))
    status.add_argument("--json", action="store_true", help="as one JSON object")

    recent = configured(
        add("latest", _latest, "What the last visits measured, for trying a kiosk.", "hadir kiosk latest --count 3")
    )
    recent.add_argument("--count", type=int, default=5, help="visits (5)")
    recent.add_argument("--json", action="store_true", help="as one JSON list")

    _add_review(
        add("review", _review_list, "Pictures of refusals, where a site keeps them.", "hadir kiosk review list")
    )

    configured(add("calibrate", _calibrate, "Explain threshold and margin of this gallery.", "hadir kiosk calibrate"))

    configured(add("health", _health, "Write the device's health for sync (a timer calls it).", "hadir kiosk health"))

    replay = add(
        "replay",
        _replay,
        "Run the loop on any camera or film and print its decisions; saves nothing.",
        "hadir kiosk replay --gallery people/ --camera file:clip.mp4 --json --no-challenge",
    )
    replay.add_argument("--camera", required=True, metavar="URL", help="file:, sim:, exec:, v4l2:, rtsp:, picamera2:")
    replay.add_argument("--gallery", type=Path, metavar="DIR", help="DIR/<identity>/<photos>")
    replay.add_argument(
        "--enrol-from-first", type=_seconds, metavar="SECONDS", help="enrol the clip's start as 'first'"
    )
    replay.add_argument("--no-challenge", action="store_true", help="identify without checking liveness")
    replay.add_argument("--light", action="store_true", help="play the light code: the source must render the lamp")
    replay.add_argument("--seed", type=int, help="repeat the same prompts")
    replay.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser


def _add_review(review: argparse.ArgumentParser) -> None:
    actions = review.add_subparsers(metavar="ACTION", required=True)
    pictures = actions.add_parser("list", help="which are there: entry and time")
    pictures.set_defaults(command=_review_list)
    show = actions.add_parser("show", help="open one; the journal says who looked")
    show.set_defaults(command=_review_show)
    show.add_argument("entry", type=int, metavar="ENTRY", help="number of the refusal's entry")
    show.add_argument("--by", required=True, metavar="NAME", help="who looks")
    show.add_argument("--key", type=Path, required=True, metavar="FILE", help="the private key")
    for action in (pictures, show):
        action.add_argument("--config", type=Path, default=_CONFIG, metavar="FILE", help=f"default: {_CONFIG}")
    key = actions.add_parser("key", help="make the private key, away from the kiosk, and print the public one")
    key.set_defaults(command=_review_key)
    for action, what in ((show, "the picture, a JPEG"), (key, "the private key")):
        action.add_argument("--out", type=Path, required=True, metavar="FILE", help=f"{what}; must not be there")


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds < 3600:
        raise argparse.ArgumentTypeError("give a number of seconds above 0")
    return seconds


def _run(options: argparse.Namespace) -> None:
    from kiosk.appliance.running import run_station
    from kiosk.config import load_config

    def screen(lit: str, text: str) -> None:
        print(f"{lit or '-':6} {text}", flush=True)

    run_station(load_config(options.config), screen)


def _sync(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.sync import run_sync

    run_sync(load_config(options.config), options.once, lambda line: print(line, flush=True))


def _export(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.uplink.carrying import export

    print(export(load_config(options.config), options.stick))


def _import(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.uplink.carrying import take

    take(load_config(options.config), options.stick, print)


def _claim(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.errors import ClaimError
    from kiosk.uplink.claiming import claim, read_label

    config = load_config(options.config)
    token = options.token
    if options.camera is not None:
        token = read_label(options.camera or config.camera)
    elif token is None:
        try:
            token = sys.stdin.read() if str(options.token_file) == "-" else options.token_file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ClaimError(f"the token file {options.token_file} cannot be read: {error}") from error
    name = claim(config.state_dir, options.server or config.server, token.strip(), config.authority)
    print(f"claimed as {name}: the keys are in {config.state_dir / 'keys'} and never leave this device")


def _rotate_key(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.uplink.rekeying import change_key

    print(change_key(load_config(options.config).state_dir))


def _bind_key(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.recognition.sealing import bind

    name = bind(load_config(options.config).state_dir / "keys")
    print(f"the gallery's key is kept under the {name} from now on; what was on the card before may be found on it")


def _enrol(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.enrol.enrolling import enrol

    config = load_config(options.config)
    print(
        enrol(
            config, options.code, options.camera or config.camera, options.photos, lambda line: print(line, flush=True)
        )
    )


def _enrol_photos(options: argparse.Namespace) -> None:
    from kiosk.enrol.bulk import enrol_photos
    from kiosk.recognition.embedder import open_embedder

    embedder = open_embedder(options.embedder, options.models)()
    count = enrol_photos(options.table, options.archive, options.out, embedder, print)
    print(f"templates of {count} people in {options.out}: hand them in with 'hadir server templates', then delete it")


def _status(options: argparse.Namespace) -> None:
    from kiosk.appliance.health import status
    from kiosk.config import load_config

    facts = status(load_config(options.config))
    if options.json:
        print(json.dumps(facts))
        return
    for name, value in facts.items():
        text = (
            ", ".join(f"{key} {item}" for key, item in value.items() if item != "")
            if isinstance(value, dict)
            else value
        )
        print(f"{name.replace('_', ' '):14} {text}")


def _latest(options: argparse.Namespace) -> None:
    from kiosk.appliance.latest import as_text, latest
    from kiosk.config import load_config

    visits = latest(load_config(options.config), options.count)
    print(json.dumps(visits) if options.json else as_text(visits))


def _review_list(options: argparse.Namespace) -> None:
    from datetime import datetime

    from kiosk.config import load_config
    from kiosk.records.review import kept

    for one in kept(load_config(options.config).state_dir):
        taken = datetime.fromtimestamp(one.wall_ms / 1000).astimezone()
        print(f"{one.entry:8}  {taken.isoformat(' ', 'seconds')}")


def _review_show(options: argparse.Namespace) -> None:
    from kiosk.appliance.control import ask
    from kiosk.config import load_config
    from kiosk.records.review import look, write_new
    from kiosk.uplink.device import load_device

    state_dir = load_config(options.config).state_dir
    picture = look(state_dir, load_device(state_dir).name, options.entry, options.key)
    answer = ask(state_dir / "station.sock", "review", entry=str(options.entry), by=options.by)
    if "error" in answer:
        raise KioskError(answer["error"])
    write_new(options.out, picture)
    print(
        f"{options.out} holds the picture of entry {options.entry}; entry {answer['seq']} says that {options.by} looked"
    )


def _review_key(options: argparse.Namespace) -> None:
    from kiosk.records.review import make_key

    print(make_key(options.out))


def _calibrate(options: argparse.Namespace) -> None:
    from kiosk.config import load_config
    from kiosk.recognition.calibrating import calibrate

    print("\n".join(calibrate(load_config(options.config))))


def _health(options: argparse.Namespace) -> None:
    from kiosk.appliance.health import write_health
    from kiosk.config import load_config

    print(json.dumps(write_health(load_config(options.config))))


def _replay(options: argparse.Namespace) -> None:
    from kiosk.appliance.replay import ReplayOptions, replay

    if options.gallery is None and options.enrol_from_first is None:
        raise KioskError("replay needs somebody to know: give --gallery DIR or --enrol-from-first SECONDS")
    replay(
        ReplayOptions(
            options.camera,
            options.gallery,
            options.enrol_from_first,
            not options.no_challenge,
            options.json,
            options.seed,
            options.light,
        ),
        sys.stdout,
        sys.stderr,
    )
