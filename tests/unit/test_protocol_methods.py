"""How terms say that the token is to be moved: by their scheme, or by what `extra` names and nothing else."""

import pytest

from protocol import schemes
from protocol.errors import ProtocolError
from protocol.payment import Method
from protocol.wire import PaymentRequirements


def terms(scheme="exact", **extra):
    fields = {"network": "eip155:31337", "amount": "1", "asset": "0x" + "11" * 20, "pay_to": "0x" + "22" * 20}
    return PaymentRequirements(scheme=scheme, max_timeout_seconds=60, extra=extra, **fields)


def test_it_is_the_named_one_and_eip3009_where_none_is():
    assert schemes.method_of(terms()) is Method.EIP3009
    assert schemes.method_of(terms(assetTransferMethod="eip3009")) is Method.EIP3009
    assert schemes.method_of(terms(assetTransferMethod="permit2")) is Method.PERMIT2
    assert schemes.method_of(terms("upto", assetTransferMethod="eip3009")) is Method.PERMIT2


@pytest.mark.parametrize("named", ["transfer", "cheque", "", "EIP3009", None, 1, ["permit2"], {"permit2": 1}], ids=str)
def test_any_other_is_refused(named):
    with pytest.raises(ProtocolError, match="eip3009 or permit2") as refused:
        schemes.method_of(terms(assetTransferMethod=named))
    assert refused.value.reason == "invalid_payment_requirements"
