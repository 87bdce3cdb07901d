"""Which addresses are inside, in every spelling, and which URLs merchants may give."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.addresses import is_public
from server.domain.addresses import MOST_URL, EgressRules
from server.domain.errors import BadUrl

INSIDE = (
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.100.100.200", "100.127.255.255",
    "127.0.0.1", "127.255.255.254", "168.63.129.16", "169.254.0.1", "169.254.169.254", "169.254.170.2",
    "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.192", "192.0.2.1", "192.88.99.1", "192.168.0.1",
    "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7", "224.0.0.1", "224.0.1.129",
    "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::2", "0:0:0:0:0:0:0:1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8",
    "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b::8.8.8.8", "64:ff9b:1::1", "100::1",
    "2001::1", "2001:0:7f00:1::", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::",
    "2002:a00:1::1", "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd00::1", "fd00:ec2::254", "fe80::1",
    "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1", "2600::1%eth0",
)  # fmt: skip
OUTSIDE = (
    "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.1",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
    "198.17.255.255", "198.20.0.0", "223.255.255.255",
    "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2a00:1450::1", "2003::1", "3ffe:ffff::1",
)  # fmt: skip
SPELLINGS = (
    "2130706433", "017700000001", "0x7f000001", "0177.0.0.1", "0x7f.0.0.1", "127.1", "127.0.1", "127.0.0.01", "0", "0x",
    "0x7f.1", "0300.0250.0.1", "3232235521", "0xc0a80001", "192.168.1", "0xA9FEA9FE", "2852039166",
    "0251.0376.0251.0376", "127.0.0.1.", "1.1.1.1.", "256.256.256.256", "127.0.0.0x1", "1.2.3.4.5", "8.8.2056",
    "127%2e0%2e0%2e1",
)  # fmt: skip


@pytest.mark.parametrize("address", INSIDE)
def test_w7_an_address_inside_is_refused(address):
    assert not is_public(address)
    assert not EgressRules().allows(address)
    assert EgressRules(allow_private=True).allows(address)


@pytest.mark.parametrize("address", OUTSIDE)
def test_an_address_outside_is_allowed(address):
    assert is_public(address)
    assert EgressRules().allows(address)


@given(st.integers(0, 2**32 - 1))
def test_w7_nothing_is_public_that_the_standard_library_knows_to_be_private(number):
    address = ipaddress.IPv4Address(number)
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert not is_public(str(address))


@given(st.integers(0, 2**32 - 1), st.sampled_from(["::ffff:{}", "64:ff9b::{}", "::{}"]))
def test_w7_no_ipv4_address_gets_out_in_the_form_of_an_ipv6_one(number, form):
    assert not is_public(form.format(ipaddress.IPv4Address(number)))


@pytest.mark.parametrize(
    "text", ["", "localhost", "1.1.1", "8.8.8.8 ", " 8.8.8.8", "8.8.8.8/32", "[::1]", "0x08080808"]
)
def test_w7_what_is_no_address_is_not_public(text):
    assert not is_public(text)


def check(url, **rules):
    return EgressRules(**rules).check(url)


def refusal(url):
    """Why a URL is refused; None if it is taken."""
    try:
        return check(url)
    except BadUrl as error:
        return str(error)


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.com",
        "https://hooks.example.com/paddock?x=1",
        "https://hooks.example.com:8443/",
        "https://xn--bcher-kva.example/",
        "https://a_b.example.com/",
        "https://1.1.1.1/",
        "https://[2606:4700::1111]:8443/",
        "https://1.example/",
    ],
)
def test_a_url_that_leads_outside_is_taken(url):
    assert refusal(url) is None


@pytest.mark.parametrize("host", [*(one for one in INSIDE if ":" not in one), *SPELLINGS])
def test_w7_a_url_with_an_address_inside_is_refused_in_every_spelling(host):
    with pytest.raises(BadUrl):
        check(f"https://{host}/")


@pytest.mark.parametrize("host", [one for one in INSIDE if ":" in one])
def test_w7_a_url_with_an_ipv6_address_inside_is_refused(host):
    with pytest.raises(BadUrl):
        check(f"https://[{host}]/")


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example.com/",
        "ftp://hooks.example.com/",
        "file:///etc/passwd",
        "gopher://hooks.example.com/",
        "//hooks.example.com/",
        "hooks.example.com",
        "https://",
        "https:///path",
        "https://localhost/",
        "https://metadata/",
        "https://user@hooks.example.com/",
        "https://user:password@hooks.example.com/",
        "https://@hooks.example.com/",
        "https://hooks.example.com#@1.1.1.1/",
        "https://hooks.example.com\\@10.0.0.1/",
        "https://hooks.example.com /",
        "https://hooks.example.com/\n",
        "https://hooks.example.com/ü",
        "https://１２７.０.０.１/",
        "https://hooks.example.com:0/",
        "https://hooks.example.com:99999/",
        "https://hooks.example.com:port/",
        "https://hooks..example.com/",
        "https://-hooks.example.com/",
        "https://[::1/",
        "https://[v1.x]/",
        f"https://{'a' * 64}.example.com/",
        f"https://hooks.example.com/{'a' * 2_000}",
        "",
    ],
)
def test_w7_a_url_that_is_none_or_hides_something_is_refused(url):
    with pytest.raises(BadUrl) as caught:
        check(url)
    assert caught.value.status == 422


def test_a_devnet_may_speak_plainly_and_to_itself_when_it_is_told_so():
    assert check("http://hooks.example.com/", https_only=False) is None
    for url in ("http://127.0.0.1:9000/hook", "http://localhost:9000/hook", "http://receiver:80/", "http://[::1]:80/"):
        check(url, https_only=False, allow_private=True)
        with pytest.raises(BadUrl):
            check(url, https_only=False)


def test_a_url_and_its_host_have_their_most_characters_and_not_one_more():
    start = "https://hooks.example.com/"
    assert check(start.ljust(MOST_URL, "a")) is None
    host = ".".join(["a" * 61] * 4) + ".abcde"
    assert check(f"https://{host}/") is None
    for url in (start.ljust(MOST_URL + 1, "a"), f"https://{host}f/"):
        with pytest.raises(BadUrl):
            check(url)


@given(st.text(max_size=60))
def test_whatever_is_given_is_taken_or_refused_in_words(text):
    for url in (text, f"https://{text}"):
        assert refusal(url) != ""
