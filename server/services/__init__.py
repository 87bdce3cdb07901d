"""What is on sale. A new service is one file here and one line in CATALOGUE."""

from server.services import (
    access_pass,
    chain_watch,
    contract_risk,
    disassembly,
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
    wallet_report,
)
from server.services.service import Service

CATALOGUE: tuple[Service, ...] = (
    contract_risk.SERVICE,
    disassembly.SERVICE,
    language.SERVICE,
    wallet_report.SERVICE,
    market_signal.SERVICE,
    doc_search.SERVICE,
    market_records.SERVICE,
    market_report.SERVICE,
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
