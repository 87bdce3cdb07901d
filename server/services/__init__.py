"""What is on sale. A new service is one file here and one line in CATALOGUE."""

from server.services import (
    access_pass,
    chain_watch,
    code_verification,
    contract_report,
    contract_risk,
    contract_score,
    disassembly,
    doc_answer,
    doc_read,
    doc_search,
    language,
    launch_pass,
    market_archive,
    market_article,
    market_chart,
    market_history,
    market_records,
    market_report,
    market_signal,
    page_render,
    page_scrape,
    prompt_routing,
    transaction_report,
    transfer_feed,
    wallet_report,
)
from server.services.samples import SAMPLES
from server.services.service import Service

CATALOGUE: tuple[Service, ...] = (
    contract_risk.SERVICE,
    contract_score.SERVICE,
    code_verification.SERVICE,
    disassembly.SERVICE,
    language.SERVICE,
    prompt_routing.SERVICE,
    wallet_report.SERVICE,
    contract_report.SERVICE,
    transaction_report.SERVICE,
    market_signal.SERVICE,
    doc_search.SERVICE,
    doc_answer.SERVICE,
    doc_read.SERVICE,
    market_records.SERVICE,
    market_report.SERVICE,
    transfer_feed.SERVICE,
    market_history.SERVICE,
    market_article.SERVICE,
    market_archive.SERVICE,
    market_chart.SERVICE,
    page_render.SERVICE,
    page_scrape.SERVICE,
    access_pass.SERVICE,
    launch_pass.SERVICE,
    chain_watch.SERVICE,
)


def on_sale(*, samples: bool) -> tuple[Service, ...]:
    """The catalogue; with `samples` also those of them that it has not."""
    return (*CATALOGUE, *(one for one in SAMPLES if samples and one not in CATALOGUE))
