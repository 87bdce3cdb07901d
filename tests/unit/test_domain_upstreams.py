"""What proves a request to an upstream, written down as a stranger would check it."""

import hashlib
import hmac

import pytest

from server.domain.listing_errors import BadUpstream
from server.domain.upstreams import LONGEST_SLUG, signature, slug_of

SECRET = bytes(range(32))
GIVEN = {"timestamp": 1_800_000_000, "order": "ord1", "method": "POST", "target": "/a?b=c", "body": b'{"d":1}'}


def test_a_signature_is_what_the_guide_says():
    text = "1800000000\nord1\nPOST\n/a?b=c\n" + hashlib.sha256(b'{"d":1}').hexdigest()
    assert signature(SECRET, **GIVEN) == "v1=" + hmac.new(SECRET, text.encode(), hashlib.sha256).hexdigest()


@pytest.mark.parametrize("name", GIVEN)
def test_each_part_of_a_request_is_in_its_signature(name):
    other = {"timestamp": 1, "order": "ord2", "method": "GET", "target": "/a?b=d", "body": b""}[name]
    assert signature(SECRET, **GIVEN | {name: other}) != signature(SECRET, **GIVEN)


def test_a_slug_fits_where_orders_keep_it():
    assert slug_of("m" * 23, "n" * 40) == "m" * 23 + "." + "n" * 40
    assert len(slug_of("m" * 23, "n" * 40)) == LONGEST_SLUG
    with pytest.raises(BadUpstream, match="longer than"):
        slug_of("m" * 24, "n" * 40)
