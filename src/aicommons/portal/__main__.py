"""The process of the owner's page: ``python -m aicommons.portal HOME PORT json|text``; says its link first.

The command line starts it (siblings do not import each other). The passphrase comes in the environment and is taken out
of it at once; the unlocked wallet stays here until the process ends.
"""

import json
import logging
import os
import pathlib
import sys

from aicommons import app
from aicommons.domain import errors
from aicommons.portal import opening, serving


def main() -> int:
    """Serve a home's page; return the exit code."""
    home, port = app.Home(pathlib.Path(sys.argv[1])), int(sys.argv[2])
    try:
        passphrase = app.passphrase()
        del os.environ[app.PASSPHRASE_VARIABLE]
        (home.path / "portal").mkdir(mode=0o700, exist_ok=True)
        app.configure_logging("info", home.path / "portal" / "portal.log")
        logging.getLogger("uvicorn").setLevel("WARNING")
        serving.serve(opening.open_home(home, passphrase), port, _say)
    except errors.CommonsError as err:
        _say_refusal(err)
        return 1
    return 0


def _say(link: str) -> None:
    if _as_json():
        sys.stdout.write(json.dumps({"url": link, "pid": os.getpid()}, sort_keys=True) + "\n")
    else:
        sys.stdout.write(
            f"Open {link}\nThe link works once; `commons portal link` prints the next one. Ctrl-C ends the page.\n"
        )
    sys.stdout.flush()


def _say_refusal(err: errors.CommonsError) -> None:
    if _as_json():
        told = {"error": type(err).__name__, "message": str(err), "next_step": err.next_step or ""}
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stderr.write(f"Error: {err}\n  Next: {err.next_step or 'see <home>/portal/portal.log'}\n")


def _as_json() -> bool:
    return sys.argv[3:] == ["json"]


if __name__ == "__main__":
    sys.exit(main())
