"""The pages in a browser (Debian's chromium): charts are drawn, nothing is asked of other machines, rows and links lead on."""

import os
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from importlib.resources import files
from importlib.util import find_spec

import duckdb
import pytest

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("There is no Chromium here: apt-get install chromium.", allow_module_level=True)
sync_api = pytest.importorskip("playwright.sync_api")
pytest.importorskip("streamlit")

from onboarding_health import cli, published  # noqa: E402
from onboarding_health.dashboard.server import command  # noqa: E402

PATHS = {
    "operations": "operations", "score": "operations?view=score", "data": "operations?view=data", "today": "",
    "account": "account", "executive": "executive", "what-if": "what-if?green=75",
}  # fmt: skip
CHARTS = {"today": 0, "account": 3, "executive": 4, "operations": 2, "score": 2, "data": 0, "what-if": 0}


@pytest.fixture(scope="session")
def address(published_demo, tmp_path_factory):
    """The address of a server of the published demo, of a copy that a test may publish anew."""
    folder = tmp_path_factory.mktemp("served")
    of_demo = published.current(published.folder_of(str(published_demo)))
    (folder / "published").mkdir()
    shutil.copy(of_demo, folder / "published" / "first.duckdb")
    (folder / "published" / published.LINK).symlink_to("first.duckdb")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = os.environ | {"ONBOARDING_HEALTH_WAREHOUSE": str(folder / "onboarding_health.duckdb")}
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(command(port), env=environment, stdout=log, stderr=log)
    try:
        for _ in range(150):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=1)
                break
            except OSError:
                time.sleep(0.2)
        yield f"http://127.0.0.1:{port}/", folder / "published"
    finally:
        server.terminate()
        server.wait(10)


@pytest.fixture(scope="session")
def browser():
    with sync_api.sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=options)
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser, address):
    """A function that opens a path and waits until the page is whole; what was asked of others or went wrong fails the test."""
    wrong, contexts = [], []

    def look(request):
        if not request.url.startswith((address[0], address[0].replace("http", "ws"), "data:", "blob:")):
            wrong.append(request.url)

    def go(path, width=1280, height=1400, scheme="light"):
        contexts.append(browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme))
        page = contexts[-1].new_page()
        page.on("request", look)
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.goto(address[0] + path)
        whole(page)
        return page

    yield go
    for context in contexts:
        context.close()
    assert wrong == []


def whole(page):
    """Wait until the page has run to its end."""
    page.get_by_text("from the copy that was published last").wait_for()
    page.wait_for_function("document.querySelectorAll('[data-testid=stSkeleton], [data-stale=true]').length === 0")
    assert page.get_by_role("dialog").count() == 0


def axe(page):
    """Findings of axe-core that are serious or worse, but those of Streamlit's own frame."""
    if find_spec("axe_core_python") is None:
        return []
    page.evaluate(files("axe_core_python").joinpath("axe.min.js").read_text())
    found = page.evaluate("axe.run({include: [['.oh']]}, {resultTypes: ['violations']})")["violations"]
    return [(rule["id"], rule["nodes"][0]["html"][:200]) for rule in found if rule["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("name", PATHS)
@pytest.mark.parametrize("width, scheme", [(1280, "light"), (390, "dark")])
def test_a_page_is_drawn_whole_and_readable(opened, name, width, scheme, tmp_path):
    page = opened(PATHS[name], width=width, height=4000, scheme=scheme)
    assert page.locator("h1").count() == 1
    page.wait_for_function(f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {CHARTS[name]}")
    assert page.locator("[data-testid=stException]").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    ground = page.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).backgroundColor")
    assert ground == ("rgb(251, 250, 247)" if scheme == "light" else "rgb(21, 23, 26)")
    assert axe(page) == []
    # The pictures are for people: PICTURES names a folder that keeps them.
    if "PICTURES" in os.environ:
        page.wait_for_timeout(400)
        page.screenshot(path=f"{os.environ['PICTURES']}/{name}_{width}_{scheme}.png")


def test_a_row_opens_its_account_by_click_and_by_keyboard(opened):
    page = opened("")
    link = page.locator("tr.opens a").first
    name = link.inner_text()
    page.locator("tr.opens").first.locator("td").nth(4).click(force=True)  # The link covers its row.
    page.wait_for_url(re.compile(r"/account\?account="))
    whole(page)
    assert name in page.locator("h1").inner_text()
    page = opened("")
    page.locator("tr.opens a").first.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(re.compile(r"/account\?account="))


def test_a_filter_stands_in_the_url_and_the_url_sets_it(opened):
    page = opened("")
    page.get_by_label("Band", exact=False).first.click()
    page.get_by_role("option", name="red", exact=True).click()
    page.wait_for_url(re.compile(r"[?&]band=red"))
    again = opened(page.url.partition("/?")[2] and "?" + page.url.partition("/?")[2])
    bands = again.locator("tr.opens td .band").all_inner_texts()
    assert bands and all("red" in band for band in bands)


def test_what_is_published_while_a_page_is_open_is_on_the_next_look(opened, address):
    page = opened("")
    folder = address[1]
    shutil.copy(folder / "first.duckdb", folder / "second.duckdb")
    with duckdb.connect(str(folder / "second.duckdb")) as connection:
        for (name,) in connection.execute("select table_name from duckdb_tables()").fetchall():
            connection.execute(f"delete from {name}")
    published._use(folder / "second.duckdb")
    try:
        page.reload()
        page.get_by_text("No account is known yet").wait_for()
    finally:
        published._use(folder / "first.duckdb")
    page.reload()
    whole(page)
    assert page.locator("tr.opens").count() > 5


@pytest.mark.parametrize("width", [1280, 390])
def test_a_report_is_drawn_from_its_file_alone(browser, published_demo, monkeypatch, tmp_path, width):
    monkeypatch.setenv("ONBOARDING_HEALTH_WAREHOUSE", str(published_demo))
    file = tmp_path / "report.html"
    assert cli.run(["report", "--out", str(file)]) == 0
    wrong = []
    context = browser.new_context(viewport={"width": width, "height": 4000})
    page = context.new_page()
    page.on("request", lambda request: request.url.startswith((file.as_uri(), "data:", "blob:")) or wrong.append(request.url))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.goto(file.as_uri())
    charts = page.locator(".plotly-graph-div").count()
    page.wait_for_function(f"document.querySelectorAll('.js-plotly-plot .main-svg').length >= {charts}")
    assert charts >= 5 and page.locator("h1").count() == 1
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert axe(page) == []
    if "PICTURES" in os.environ:
        page.screenshot(path=f"{os.environ['PICTURES']}/report_{width}.png", full_page=True)
    context.close()
    assert wrong == []
