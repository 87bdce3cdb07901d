"""The peer: a FastAPI server of the official Python SDK with its own facilitator inside, as its documentation shows.

Runs in the peers' environment, where FastAPI is and Paddock is not.
"""

import json
import os

from fastapi import FastAPI, Response  # type: ignore[import-not-found]
from x402 import x402Facilitator, x402ResourceServer
from x402.http import PaymentOption
from x402.http.middleware.fastapi import PaymentMiddlewareASGI
from x402.http.types import RouteConfig
from x402.mechanisms.evm import FacilitatorWeb3Signer
from x402.mechanisms.evm.exact import register_exact_evm_facilitator, register_exact_evm_server
from x402.schemas import AssetAmount

from scripts.bench.figure import TERMS

BODY = b'{"symbol":"DEMO-TREND","signal":"buy","source":"a constant"}'


def app() -> FastAPI:
    """For `uvicorn --factory`."""
    terms = json.loads(os.environ[TERMS])
    facilitator = x402Facilitator()
    signer = FacilitatorWeb3Signer(private_key=terms["key"], rpc_url=terms["rpc"])
    register_exact_evm_facilitator(facilitator, signer, networks=terms["network"])
    server = x402ResourceServer(facilitator)
    register_exact_evm_server(server, terms["network"])
    extra = {"name": terms["asset_name"], "version": terms["asset_version"]}
    price = AssetAmount(amount=str(terms["amount"]), asset=terms["asset"], extra=extra)
    option = PaymentOption(scheme="exact", pay_to=terms["pay_to"], price=price, network=terms["network"])
    about = "Moving averages, RSI, volatility, drawdown and a signal by a stated rule, on a demonstration series."
    route = RouteConfig(accepts=[option], description=about, mime_type="application/json")
    made = FastAPI()
    made.get(terms["path"])(answer)
    made.add_middleware(PaymentMiddlewareASGI, routes={f"GET {terms['path']}": route}, server=server)
    return made


async def answer() -> Response:
    """What is sold."""
    return Response(BODY, media_type="application/json")
