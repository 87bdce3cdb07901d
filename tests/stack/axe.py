"""axe-core in a browser's tab: what keeps people from using a page."""

from playwright.async_api import Page

from scripts.solc import ROOT

SOURCE = ROOT / "node_modules" / "axe-core" / "axe.min.js"
IMPACTS = ("serious", "critical")


async def hindrances(tab: Page) -> list[str]:
    """The rule and the element of each serious or critical finding on the page that is open."""
    await tab.evaluate(f"{SOURCE.read_text()}\n;0")
    found = await tab.evaluate("axe.run(document, {resultTypes: ['violations']})")
    assert found["passes"], "axe looked at nothing"
    return [
        f"{rule['id']}: {node['html']}"
        for rule in found["violations"]
        if rule["impact"] in IMPACTS
        for node in rule["nodes"]
    ]
