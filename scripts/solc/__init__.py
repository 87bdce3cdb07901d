"""The Solidity compiler: a native solc where one is to be had, otherwise the npm package behind `npm-solc`."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = ROOT / "var" / "cache" / "solc"
NPM_SOLC = Path(__file__).with_name("npm-solc")

PROBE_SECONDS = 4
INSTALL_SECONDS = 90

# Both run in a process of their own, since nothing in this one could stop a name look-up that hangs.
PROBE = """
import requests
from solcx import install
requests.head(install.BINARY_DOWNLOAD_BASE.format(install._get_os_name(), "list.json"), timeout=3).raise_for_status()
"""
INSTALL = "import sys, solcx; solcx.install_solc(sys.argv[1])"


class CompilerMissing(Exception):
    """No compiler of the pinned version; the message says what to do."""


def pinned_version() -> str:
    """The version of solc that this repository compiles with: the one in `package.json`."""
    version: str = json.loads((ROOT / "package.json").read_text())["dependencies"]["solc"]
    return version


def use_own_folder() -> None:
    """Keep py-solc-x's binaries under `var/`; to be called before solcx is imported."""
    CACHE.mkdir(parents=True, exist_ok=True)
    os.environ.setdefault("SOLCX_BINARY_PATH", str(CACHE))


def find_compiler() -> Path:
    """An executable that answers `--version` and `--standard-json` with the pinned version.

    Tried in this order: solc on PATH, one that py-solc-x installed, a download by py-solc-x, the npm package.
    A download that failed is not tried again until `var/cache/solc/offline-<version>` is deleted.
    """
    version = pinned_version()
    use_own_folder()
    on_path = shutil.which("solc")
    name = f"solc-v{version}"
    installed = (Path(os.environ["SOLCX_BINARY_PATH"]) / name, Path.home() / ".solcx" / name)
    for candidate in (Path(on_path) if on_path else None, *installed):
        if candidate and candidate.is_file() and _answers(candidate, version):
            return candidate
    if _install(version) and _answers(installed[0], version):
        return installed[0]
    return _npm_compiler(version)


def _answers(executable: Path, version: str) -> bool:
    """Whether the executable runs and is of that version."""
    try:
        answer = subprocess.run([executable, "--version"], capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return False
    return f"Version: {version}+" in answer.stdout


def _install(version: str) -> bool:
    """Let py-solc-x download solc if its server can be reached; remember it if not."""
    remembered = CACHE / f"offline-{version}"
    if remembered.exists():
        return False
    if _run(PROBE, PROBE_SECONDS) and _run(INSTALL, INSTALL_SECONDS, version):
        return True
    remembered.write_text("py-solc-x could not download solc; delete this file to try again\n")
    return False


def _run(program: str, seconds: float, *arguments: str) -> bool:
    """Whether a Python program succeeds within a time."""
    command = [sys.executable, "-c", program, *arguments]
    try:
        return subprocess.run(command, capture_output=True, timeout=seconds, check=False).returncode == 0
    except subprocess.TimeoutExpired:
        return False


def _npm_compiler(version: str) -> Path:
    """The wrapper of the npm package, ready to run."""
    if not (ROOT / "node_modules" / "solc").is_dir():
        raise CompilerMissing("no Solidity compiler: run `npm ci --ignore-scripts` in the repository")
    if not os.access(NPM_SOLC, os.X_OK):
        NPM_SOLC.chmod(0o755)
    if not _answers(NPM_SOLC, version):
        raise CompilerMissing(f"node_modules holds another solc than {version}: run `npm ci --ignore-scripts`")
    return NPM_SOLC
