"""Where the agent's key comes from: a file, words, or on the devnet the environment; and no error repeats it."""

from pathlib import Path

import pytest

from agent import Settings
from agent.errors import AgentError, WalletError
from tests.fakes.seller import account, policy

WORDS = "test test test test test test test test test test test junk"
"""The devnet's own words, worthless by definition."""
FIRST, THIRD = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"


def written(folder: Path, words: str, mode: int = 0o600) -> Path:
    path = folder / "words"
    path.write_text(words)
    path.chmod(mode)
    return path


@pytest.mark.parametrize(("changes", "address"), [({}, FIRST), ({"mnemonic_path": "m/44'/60'/0'/0/2"}, THIRD)])
def test_words_in_a_private_file_are_a_wallet_by_their_derivation_path(
    tmp_path: Path, changes: dict[str, str], address: str
) -> None:
    path = written(tmp_path, f"  {WORDS.replace(' ', chr(10), 1)}\n")
    assert Settings(mnemonic_file=path, **changes).owner().address == address


def test_words_come_before_the_environments_key(tmp_path: Path) -> None:
    environ = {
        "PADDOCK_AGENT_MNEMONIC_FILE": str(written(tmp_path, WORDS)),
        "PADDOCK_AGENT_MNEMONIC_PATH": "m/44'/60'/0'/0/2",
        "PADDOCK_AGENT_KEY": account("stranger").key.hex(),
        "PADDOCK_AGENT_STACK": str(tmp_path / "none.json"),
    }
    assert Settings.from_env(environ).owner().address == THIRD


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o601, 0o644])
def test_words_that_others_could_read_or_change_are_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(WalletError, match="others may read") as refused:
        Settings(mnemonic_file=written(tmp_path, WORDS, mode)).owner()
    assert refused.value.mend.startswith("chmod 600")


@pytest.mark.parametrize(
    ("words", "path"),
    [
        (WORDS.replace("junk", "test"), "m/44'/60'/0'/0/0"),
        (WORDS.replace("junk", "secretword"), "m/44'/60'/0'/0/0"),
        (WORDS + " junk", "m/44'/60'/0'/0/0"),
        (WORDS, "44/60"),
        (WORDS, "m/44'/secretword"),
        ("", "m/44'/60'/0'/0/0"),
    ],
    ids=["a false checksum", "no such word", "too many", "no path", "a path of words", "nothing"],
)
def test_no_error_repeats_the_words(tmp_path: Path, words: str, path: str) -> None:
    with pytest.raises(WalletError) as refused:
        Settings(mnemonic_file=written(tmp_path, words), mnemonic_path=path).owner()
    told: BaseException | None = refused.value
    assert told is not None
    assert (told.__cause__, told.__suppress_context__) == (None, True)
    said = f"{told} {refused.value.mend}"
    assert not {"junk", "secretword", "test"} & set(said.replace("'", " ").split())


def test_a_file_of_words_that_is_missing_or_no_text_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none", tmp_path):
        with pytest.raises(WalletError, match="cannot be read"):
            Settings(mnemonic_file=path).owner()


def test_two_wallets_at_once_are_an_error_and_not_a_guess(tmp_path: Path) -> None:
    path = written(tmp_path, WORDS)
    with pytest.raises(AgentError, match="are two wallets"):
        Settings(mnemonic_file=path, key_file=path).owner()


@pytest.mark.parametrize("networks", ['eip155:1"', 'eip155:31337", "eip155:8453"'])
def test_a_key_in_the_environment_is_refused_as_soon_as_the_policy_names_another_network(
    tmp_path: Path, networks: str
) -> None:
    text = policy().replace('networks = ["eip155:31337"', f'networks = ["{networks}')
    key = account("buyer").key.hex()
    with pytest.raises(WalletError, match="for the devnet only") as refused:
        Settings(home=tmp_path, policy_text=text, key=key).owner()
    assert "PADDOCK_AGENT_KEY_FILE" in refused.value.mend
    assert key.removeprefix("0x") not in f"{refused.value}{refused.value.mend}"
    assert Settings(home=tmp_path, policy_text=policy(), key=key).owner().address == account("buyer").address
    path = written(tmp_path, key)
    assert Settings(home=tmp_path, policy_text=text, key_file=path).owner().address == account("buyer").address
