"""G8: what of a node's URL is nobody else's business: long parts of its path and query, a name and a password."""

import pytest

from server.adapters.rpc import keys_in


@pytest.mark.parametrize(
    ("url", "keys"),
    [
        ("http://127.0.0.1:8545", []),
        ("https://node.example/v2/" + "k" * 16, [b"k" * 16]),
        ("https://node.example/v2/" + "k" * 15, []),
        ("https://node.example/?apikey=" + "q" * 20 + "&chain=base", [b"q" * 20]),
        ("https://reader:pw@node.example/rpc", [b"reader", b"pw"]),
        ("https://node.example/" + "a" * 16 + "/" + "b" * 17 + ";" + "c" * 18, [b"a" * 16, b"b" * 17, b"c" * 18]),
    ],
    ids=["none", "sixteen letters", "fifteen letters", "in the query", "a login", "several"],
)
def test_g8_what_must_not_be_shown_of_a_nodes_url(url, keys):
    assert keys_in(url) == keys
