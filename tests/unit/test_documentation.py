"""The documentation names what exists: paths, links, targets, variables, commands, tables, routes, examples."""

import ast
import os
import re
import shutil
import types
from collections.abc import Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from agent import cli as agent_cli
from agent.settings import Settings as AgentSettings
from scripts.compile import compile_contracts
from server import cli as server_cli
from server import settings
from server.domain.states import FULFILMENT_MOVES, MONEY_BACK_MOVES, PAYMENT_MOVES
from server.services.arguments import parse_arguments
from server.services.service import Execution, Service
from server.tasks import USE_CASES
from server.web.app import create_app
from server.web.credentials import Credentials, digest
from tests.fakes.chain_reader import FakeChainReader
from tests.unit.services_oracle_context import PAYER, context

TOP = Path(__file__).resolve().parents[2]
NAMED = ("README", "ARCHITECTURE", "CONTRIBUTING", "SECURITY", "CHANGELOG")
PAGES = [*(TOP / f"{name}.md" for name in NAMED), *sorted((TOP / "docs").rglob("*.md"))]
EXAMPLE_ENV = TOP / ".env.example"
MOST_LINES = {"README.md": 200, "ARCHITECTURE.md": 460, "docs/decisions": 40}
EXAMPLES = {"server/services/balance.py", "server/services/tip.py", "contracts/callbacks/TipJar.sol"}
"""Files that a guide has its reader write."""
MADE = ("var/", ".venv/", "node_modules")
"""What `make` makes; not in the repository."""
SUFFIXES = (".py", ".sol", ".md", ".toml", ".sh", ".yml", ".yaml", ".txt", ".json", ".example")
OWN_NAMES = {"policy.toml", "agent.db", "buy.py", "receipt.json", "chain.json", "proof.json"}
HOSTS = {"127.0.0.1", "keepachangelog.com", "semver.org"}

every_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(TOP).as_posix())


def fences(page: Path) -> list[tuple[str, str]]:
    """Fenced blocks as (language, text)."""
    return re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.DOTALL | re.MULTILINE)


def prose(page: Path) -> str:
    """The text without fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def spans(page: Path) -> list[str]:
    """Everything in `backticks`."""
    return re.findall(r"`([^`\n]+)`", prose(page))


def shell_lines(page: Path) -> list[str]:
    """Commands: the lines of shell blocks without comments, and the spans of the prose."""
    lines = [line for kind, text in fences(page) if kind == "sh" for line in text.splitlines()]
    return [line.split(" #")[0] for line in lines] + spans(page)


def section(page: Path, heading: str) -> str:
    """The text below a heading, up to the next one of its level."""
    level = heading.split(" ")[0]
    found = re.search(rf"^{re.escape(heading)}\n(.*?)(?=^{level} |\Z)", page.read_text(), re.DOTALL | re.MULTILINE)
    assert found, f"{page.name} has no heading {heading!r}"
    return found[1]


def first_cells(text: str) -> list[str]:
    """The first cell of each row of the tables in a text."""
    return [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]


# -------------------------------------------------------------------------------------------- paths, links, sizes


def paths(page: Path) -> Iterator[str]:
    """Words of prose and commands that look like a path of the repository."""
    tops = {path.name for path in TOP.iterdir() if path.is_dir()}
    for word in {word.strip("\"'") for line in shell_lines(page) for word in line.split()}:
        nested = re.fullmatch(r"\.?[\w.-]+(/[\w.-]+)+/?", word)
        single = re.fullmatch(r"\.?[\w.-]+/?", word) and word not in OWN_NAMES
        if (nested and word.split("/")[0] in tops) or ((nested or single) and word.endswith(("/", *SUFFIXES))):
            yield word


@every_page
def test_every_path_exists(page):
    missing = [
        path for path in paths(page) if not path.startswith(MADE) and path not in EXAMPLES and not (TOP / path).exists()
    ]
    assert missing == []


def test_paths_are_found_in_the_documentation():
    assert len({path for page in PAGES for path in paths(page)}) > 80


@every_page
def test_what_is_said_to_be_in_a_file_is_there(page):
    file = r"`([\w/.-]+\.(?:py|sol))`"
    pairs = [(name, path) for name, path in re.findall(rf"`(\w+)` (?:in|of) {file}", prose(page))]
    pairs += [(name, path) for path, name in re.findall(rf"{file} \(`(\w+)`\)", prose(page))]
    assert [pair for pair in pairs if not re.search(rf"\b{pair[0]}\b", (TOP / pair[1]).read_text())] == []


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@every_page
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        if re.match(r"https?://", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", [*PAGES, EXAMPLE_ENV], ids=lambda page: page.name)
def test_no_page_names_a_foreign_host_or_a_path_of_one_machine(page):
    text = page.read_text()
    assert set(re.findall(r"https?://([\w.-]+)", text)) <= HOSTS
    assert re.findall(r"(?<![\w.}])/(?:root|home|Users|work|opt)/", text) == []


@every_page
def test_no_page_is_longer_than_it_should_be(page):
    name = page.relative_to(TOP).as_posix()
    most = next((lines for start, lines in MOST_LINES.items() if name.startswith(start)), 180)
    assert len(page.read_text().splitlines()) <= most
    assert page.read_text().startswith("# "), "a page begins with its title"


# ------------------------------------------------------------------------------- make targets, commands, variables


def make_targets() -> dict[str, bool]:
    """Targets of the Makefile, and whether `make help` lists them."""
    found = re.findall(r"^([a-z-]+):(?!=)(.*)$", (TOP / "Makefile").read_text(), re.MULTILINE)
    return {name: "##" in rest for name, rest in found}


@every_page
def test_every_make_target_exists(page):
    named = {target for line in shell_lines(page) for target in re.findall(r"(?:^|\s)make ([a-z-]+)", line)}
    assert named <= set(make_targets())


def test_the_readme_lists_every_make_target():
    table = section(TOP / "README.md", "## Make targets")
    assert set(re.findall(r"`make ([a-z-]+)`", table)) == {name for name, listed in make_targets().items() if listed}


def walk(parser, tokens: list[str]) -> str | None:
    """What of a command line its parser does not know; None if it knows all."""
    choices = next((action.choices for action in parser._actions if action.nargs == "A..."), None)
    if choices and tokens and not tokens[0].startswith("-"):
        return walk(choices[tokens[0]], tokens[1:]) if tokens[0] in choices else tokens[0]
    known = {option for action in parser._actions for option in action.option_strings}
    fixed = [action.choices for action in parser._actions if not action.option_strings and action.choices]
    plain = [token for token in tokens if not token.startswith("-")]
    if fixed and plain and plain[0] not in fixed[0]:
        return plain[0]
    return next((token for token in tokens if re.match(r"--?[a-zA-Z]", token) and token not in known), None)


PROGRAMS = {"paddock": server_cli.parser(), "paddock-agent": agent_cli.parser()}


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    for line in shell_lines(page):
        found = re.search(r"(?:^|\s|/)(paddock(?:-agent)?) ([a-z][^|&>;$]*)", line)
        if found and "PADDOCK" not in found[2]:
            yield found[1], found[2].split()


@every_page
def test_every_command_and_its_options_exist(page):
    for program, tokens in commands(page):
        assert walk(PROGRAMS[program], tokens) is None, f"{program} {' '.join(tokens)}"


@pytest.mark.parametrize(
    ("program", "guides"),
    [
        (
            "paddock",
            (
                "guides/operator",
                "guides/support",
                "guides/callback",
                "guides/delegate",
                "guides/upstream",
                "guides/template",
                "operations",
            ),
        ),
        ("paddock-agent", ("guides/buyer", "guides/buyer-keys", "guides/assistant")),
    ],
)
def test_every_subcommand_is_in_its_guide(program, guides):
    pages = [TOP / "docs" / f"{guide}.md" for guide in guides]
    named = {tokens[0] for page in pages for name, tokens in commands(page) if name == program}
    verbs = next(action.choices for action in PROGRAMS[program]._actions if action.nargs == "A...")
    assert named == set(verbs)


class Asked(dict):
    """An environment that notes which variables are looked up."""

    def __init__(self, **given):
        super().__init__(given)
        self.names = set()

    def get(self, name, default=None):
        self.names.add(name)
        return super().get(name, default)

    def __getitem__(self, name):
        self.names.add(name)
        return super().__getitem__(name)

    def __contains__(self, name):
        self.names.add(name)
        return super().__contains__(name)


def foreign() -> dict[str, str]:
    """The least that a process needs outside of the devnet."""
    given = dict.fromkeys(settings.DEVNET_SECRETS, "0x" + "11" * 32)
    given |= dict.fromkeys(("PADDOCK_QUOTE_KEYS", "PADDOCK_WEBHOOK_KEYS"), "1:" + "11" * 32)
    given |= {"PADDOCK_FACILITATOR_URL": "http://127.0.0.1:8403"}
    given |= {"PADDOCK_FACILITATOR_HOSTS": "127.0.0.1"}
    return given | dict.fromkeys(("PADDOCK_DELEGATE_ADDRESS", "PADDOCK_MERCHANT_PAY_TO"), PAYER)


def variables() -> set[str]:
    """Every variable that something reads."""
    names = set()
    for environ in (Asked(PADDOCK_DEVNET="1"), Asked(**foreign())):
        settings.load(environ)
        names |= environ.names
    names |= {f"PADDOCK_AGENT_{name.upper()}" for name in (*AgentSettings.__dataclass_fields__, "stack")}
    sources = [*(TOP / "agent").glob("*.py"), *(TOP / "scripts").glob("*.py")]
    for path in sources:
        names |= set(re.findall(r'"((?:PADDOCK_|DEMO_)[A-Z_]*[A-Z])"', path.read_text()))
    makefile, setup = (TOP / "Makefile").read_text(), (TOP / "scripts" / "setup.sh").read_text()
    names |= set(re.findall(r"\$\{([A-Z_]+):-", (TOP / "docker-compose.yml").read_text()))
    return names | (set(re.findall(r"\$\{([A-Z_]+):-", setup)) - set(re.findall(r"^export (\w+)", makefile, re.M)))


def listed() -> dict[str, str]:
    """The variables of .env.example with their values."""
    return dict(re.findall(r"^# ([A-Z0-9_]+)=(.*)$", EXAMPLE_ENV.read_text(), re.MULTILINE))


def test_the_example_environment_lists_exactly_what_is_read():
    assert set(listed()) == variables()
    assert re.findall(r"^[^#\n]", EXAMPLE_ENV.read_text(), re.MULTILINE) == [], "everything is commented out"


def test_the_example_environment_gives_the_defaults():
    devnet, elsewhere = settings.load({"PADDOCK_DEVNET": "1"}), settings.load(foreign())
    for name, value in listed().items():
        field = name.removeprefix("PADDOCK_").lower()
        if name.startswith("PADDOCK_AGENT_") and name != "PADDOCK_AGENT_STACK":
            default = getattr(AgentSettings(), name.removeprefix("PADDOCK_AGENT_").lower())
            shown = "" if default is None else str(default)
            assert value == shown.removesuffix(".0"), name
        elif name in settings.DEVNET_SECRETS:
            assert value == "", name
        elif field in settings.Settings.__dataclass_fields__:
            found = [getattr(one, field) for one in (devnet, elsewhere)]
            texts = {",".join(map(str, one)) if isinstance(one, tuple) else str(one or "") for one in found}
            texts = {text.replace(f"{TOP}/", "") for text in texts} | {str(int(one)) for one in found if one is False}
            assert value in texts, name


@pytest.mark.parametrize("page", [*PAGES, EXAMPLE_ENV], ids=lambda page: page.name)
def test_every_variable_exists(page):
    assert set(re.findall(r"\bPADDOCK_[A-Z_]*[A-Z]", page.read_text())) <= variables()


# ---------------------------------------------------------------------------------------- tables of ARCHITECTURE.md

ARCHITECTURE = TOP / "ARCHITECTURE.md"


@pytest.mark.parametrize(
    ("heading", "moves"),
    [("### Payment", PAYMENT_MOVES), ("### Fulfilment", FULFILMENT_MOVES), ("### Money back", MONEY_BACK_MOVES)],
)
def test_the_diagrams_are_the_tables_of_the_code(heading, moves):
    drawn = re.findall(r"^ +(\w+) --> (\w+)$", section(ARCHITECTURE, heading), re.MULTILINE)
    assert sorted(drawn) == sorted((old.value, new.value) for old, many in moves.items() for new in many)


def test_every_unit_of_work_is_explained_and_exists():
    begun = {
        label
        for path in (TOP / "server").rglob("*.py")
        for label in re.findall(r'\.begin\("(.+?)"\)', path.read_text())
    }
    assert set(re.findall(r'`"([a-z ]+)"`', prose(ARCHITECTURE))) == begun


def test_every_topic_of_the_outbox_is_explained_with_its_use_case():
    rows = re.findall(r"^\| `(\w+)` \| `server/application/(\w+)\.py` \|", prose(ARCHITECTURE), re.MULTILINE)
    assert {topic for topic, _ in rows} == set(USE_CASES)
    assert all(topic == verb for topic, verb in rows)


def test_every_route_exists():
    @asynccontextmanager
    async def opened():
        yield None

    app = create_app(opened, Credentials(digest("token")), facilitator=True)
    routes = {re.sub(r"{[^}]*}", "{}", route.path) for route in app.routes}
    cells = " ".join(first_cells(section(ARCHITECTURE, "## The HTTP surface")))
    named = {re.sub(r"{[^}]*}", "{}", path) for path in re.findall(r"`(/[^`]*)`", cells)}
    assert named <= routes
    assert len(named) > 15


def test_every_threat_that_is_called_covered_has_a_test():
    table = section(TOP / "SECURITY.md", "## What can go wrong, and what shows that it does not")
    ids = {one for cell in first_cells(table) for one in re.findall(r"\b[A-Z]\d+\b", cell)}
    text = "\n".join(path.read_text() for path in (TOP / "tests").rglob("test_*.py"))
    tested = {one.upper() for one in re.findall(r"(?:def test_|class Test)([A-Za-z]\d+)(?=[_:(])", text)}
    tested |= {path.name.split("_")[0] for path in (TOP / "tests" / "contracts").rglob("[A-Z][0-9]*_*.sol")}
    assert ids <= tested
    assert len(ids) > 40


# ----------------------------------------------------------------------------------------------------- examples


def example(page: str, language: str, beginning: str) -> str:
    found = [text for kind, text in fences(TOP / page) if kind == language and text.startswith(beginning)]
    assert len(found) == 1, f"{page} has {len(found)} such examples"
    return found[0]


def service_in(page: str, beginning: str) -> Service:
    """The service that a guide has its reader write."""
    module = types.ModuleType("example")
    exec(compile(example(page, "python", beginning), page, "exec"), module.__dict__)  # noqa: S102 - our own text
    return module.SERVICE


@every_page
def test_python_in_the_documentation_is_python(page):
    for kind, text in fences(page):
        if kind == "python":
            assert ast.parse(text).body


async def test_the_example_service_answers_what_the_chain_holds():
    service = service_in("CONTRIBUTING.md", '"""On sale: how much')
    address = service.example["address"]
    arguments = parse_arguments(service, f"address={address}".encode(), b"", "")
    answer = await service.run(arguments, context(FakeChainReader(tokens={address: 1_250_000})))
    assert msgspec.json.decode(answer.body) == {
        "address": address, "atomic": "1250000", "display": "1.25", "symbol": "USDC",
    }  # fmt: skip


async def test_the_example_callbacks_service_answers_what_its_event_says():
    service = service_in("docs/guides/callback.md", '"""On sale: a tip')
    assert (service.mode, service.callback) == ("DELEGATE", "TipJar")
    ran = Execution("0x" + "cd" * 32, PAYER, {"Tipped": {"payer": PAYER, "amount": 5, "total": 12}})
    answer = await service.run(parse_arguments(service, b"", b"{}", "application/json"), context(execution=ran))
    assert msgspec.json.decode(answer.body, type=service.answers) == service.answers(PAYER, "12", ran.transaction)
    with pytest.raises(Exception, match="Tipped"):
        await service.run(parse_arguments(service, b"", b"", ""), context(execution=replace(ran, events={})))


def test_the_example_callback_compiles(tmp_path):
    if not (TOP / "node_modules" / "solc").is_dir() and os.environ.get("CI", "").lower() not in ("true", "1"):
        pytest.skip("no compiler: run make setup")
    shutil.copytree(TOP / "contracts", tmp_path / "contracts")
    shutil.copy(TOP / "foundry.toml", tmp_path)
    source = example("docs/guides/callback.md", "solidity", "// SPDX")
    (tmp_path / "contracts" / "callbacks" / "TipJar.sol").write_text(source)
    abi = compile_contracts(root=tmp_path)["TipJar"].abi
    assert {entry["name"] for entry in abi if entry["type"] == "event"} >= {"Tipped", "PaymentAccepted"}
    types_ = [item["type"] for entry in abi if entry["type"] == "constructor" for item in entry["inputs"]]
    assert types_ == ["tuple", "uint128", "uint128"]
