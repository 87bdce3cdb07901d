"""A browser for documents that nobody trusts: a process of its own for each, without network or scripts, then gone."""

import asyncio
import logging
import os
import pwd
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from server.domain.errors import BadArguments, ConfigurationError, RunAgain
from server.services.devtools import ORIGIN, Pipe

log = logging.getLogger(__name__)

AT_ONCE = 2
"""Browsers that one process of ours runs at the same time."""
WAIT, SECONDS = 8.0, 12.0
"""For a place among them; and for a document to be laid out and drawn."""
END = 5.0
"""Seconds that a killed browser may take to close its pipes."""
MOST_MESSAGE = 6 * 1024 * 1024
"""Bytes of one message from the browser; a picture or PDF comes in one, as base64."""
NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--no-startup-window",
    "--no-first-run",
    "--hide-scrollbars",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--disable-component-update",
    "--disable-background-networking",
    "--disable-sync",
    "--host-resolver-rules=MAP * ~NOTFOUND",
)
APART = ("unshare", "--user", "--map-current-user", "--net", "--")
"""A network namespace with nothing in it. Where this works, Chromium's own sandbox does too."""
LAUNCH = (
    "ulimit -c 0 && ulimit -t 60 && ulimit -f 524288 && ulimit -d 2097152"
    ' && exec 3<&0 4>&1 </dev/null >/dev/null && exec "$@"'
)
"""No core dump, a minute of one core, files of 256 MiB and 2 GiB of memory for each process; then the pipes' places."""


@dataclass(frozen=True)
class Browser:
    """Chromium at `path`; `apart` is whether it has a network namespace and its sandbox."""

    path: str
    apart: bool
    seconds: float = SECONDS
    wait: float = WAIT
    places: asyncio.Semaphore = field(default_factory=partial(asyncio.Semaphore, AT_ONCE), compare=False)

    @asynccontextmanager
    async def shown(self, html: str, width: int, height: int) -> AsyncIterator[Pipe]:
        """The document, loaded into a window of so many CSS pixels. The browser is gone after the block.

        Raises BadArguments for a document that takes too long or too much, RunAgain where no place came free, and
        BrowserFailed.
        """
        try:
            async with asyncio.timeout(self.wait):
                await self.places.acquire()
        except TimeoutError as error:
            raise RunAgain("every browser is busy; send the same payment again") from error
        try:
            async with self._running() as pipe:
                await _open_tab(pipe, html, width, height)
                async with asyncio.timeout(self.seconds):
                    await pipe.open(ORIGIN)
                    yield pipe
        except TimeoutError as error:
            detail = f"html: it takes longer than {self.seconds:g} s to lay out and draw; send a plainer document"
            raise BadArguments(detail) from error
        finally:
            self.places.release()

    @asynccontextmanager
    async def _running(self) -> AsyncIterator[Pipe]:
        """A browser with a profile that is thrown away; its whole process group is killed at the end."""
        with TemporaryDirectory(prefix="paddock-browser-", ignore_cleanup_errors=True) as profile:
            if os.geteuid() == 0:
                os.chown(profile, *_nobody())
            process = await asyncio.create_subprocess_exec(
                *("sh", "-c", LAUNCH, "sh", *_as_somebody(), *(APART if self.apart else ()), self.path, *FLAGS),
                *(() if self.apart else ("--no-sandbox",)),
                f"--user-data-dir={profile}",
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                cwd=profile,
                env={"PATH": os.defpath, "HOME": profile, "TMPDIR": profile, "LANG": "C.UTF-8"},
                limit=MOST_MESSAGE,
                start_new_session=True,
            )
            try:
                assert process.stdin
                assert process.stdout
                yield Pipe(process.stdout, process.stdin)
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                with suppress(TimeoutError):
                    async with asyncio.timeout(END):
                        await process.communicate()


async def _open_tab(pipe: Pipe, html: str, width: int, height: int) -> None:
    """An empty tab in which no script runs, and whose every request comes to the pipe."""
    pipe.document, pipe.engine = html.encode(), (await pipe.call("Browser.getVersion"))["product"]
    target = (await pipe.call("Target.createTarget", url="about:blank"))["targetId"]
    pipe.session = (await pipe.call("Target.attachToTarget", targetId=target, flatten=True))["sessionId"]
    await pipe.call("Page.enable")
    await pipe.call("Page.setLifecycleEventsEnabled", enabled=True)
    await pipe.call("Emulation.setScriptExecutionDisabled", value=True)
    window = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    await pipe.call("Emulation.setDeviceMetricsOverride", **window)
    await pipe.call("Fetch.enable", patterns=[{"urlPattern": "*"}])


def _as_somebody() -> tuple[str, ...]:
    """What runs a program as the user nobody where we are root, as Chromium's sandbox refuses root."""
    if os.geteuid() != 0:
        return ()
    user, group = _nobody()
    return ("setpriv", f"--reuid={user}", f"--regid={group}", "--clear-groups", "--")


def _nobody() -> tuple[int, int]:
    found = pwd.getpwnam("nobody")
    return found.pw_uid, found.pw_gid


def find_browser(given: Path | None, *, devnet: bool) -> Browser | None:
    """The browser that is here, or None with a line in the log that says what to do.

    Off the devnet none is used without its sandbox. Raises ConfigurationError for a given path that is no program.
    """
    path = shutil.which(str(given)) if given else next(filter(None, map(shutil.which, NAMES)), None)
    if given and not path:
        raise ConfigurationError(f"PADDOCK_CHROMIUM is {given}, which is no program; give the path of Chromium")
    if not path:
        log.warning("no Chromium, so nothing that needs it is on sale: apt-get install chromium, or PADDOCK_CHROMIUM")
        return None
    browser = Browser(path, apart=_namespaces())
    if not browser.apart and not devnet:
        log.warning("no user namespaces, so Chromium has no sandbox, and nothing that needs it is on sale: allow them")
        return None
    return browser


def _namespaces() -> bool:
    """Whether this machine lets a process have namespaces of its own."""
    try:
        command = [*_as_somebody(), *APART, "true"]
        tried = subprocess.run(command, capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError):
        return False
    return tried.returncode == 0
