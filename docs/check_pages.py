"""Open every built page in a browser and report what a reader would stumble over.

Checked at the width of a screen and of a telephone, pages other than those of the reference in the
light and in the dark: nothing is wider than the page, lines are not too long to read, text stands
out from its ground, images load, the console shows no error, links inside the pages lead somewhere,
and the search finds what people look for. Screenshots of all but the reference pages are written,
for eyes. `make docs-check` runs it.
"""
# SPDX-License-Identifier: BSD-3-Clause

import argparse
import functools
import http.server
import itertools
import shutil
import sys
import threading
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import quote_plus, unquote, urldefrag, urljoin, urlsplit

WIDTHS = {"screen": 1280, "telephone": 390}
HEIGHT = 900
LONGEST_SHOT = 6000
SEARCHED = ("anisotropy", "similar items", "cold start", "install", "results")
LOOKS = ("light", "dark")
# Elements that reach beyond the right edge, but for what stands in a box of its own that scrolls,
# as wide tables and code do. The article as a whole scrolls too, which no reader would want.
FIND_OVERFLOW = """
const width = document.documentElement.clientWidth;
const scrolls = element => {
  for (let at = element; at && !at.matches(".bd-article-container, body"); at = at.parentElement)
    if (["auto", "scroll"].includes(getComputedStyle(at).overflowX)
        && at.getBoundingClientRect().right <= width + 1) return true;
  return false;
};
const wide = [...document.querySelectorAll("main *")].filter(element =>
  element.checkVisibility() && element.getBoundingClientRect().right > width + 1
  && !scrolls(element));
const found = wide.slice(0, 3).map(
  element => element.tagName + "." + element.className + ": " + element.innerText?.slice(0, 40));
if (document.documentElement.scrollWidth > width) found.push("the page itself scrolls sideways");
return found;
"""
FIND_LOST_IMAGES = """
return [...document.images].filter(image => !image.complete || image.naturalWidth === 0)
  .map(image => image.src);
"""
# Lines of prose beyond some 90 characters, of which one is about half as wide as it is high.
FIND_LONG_LINES = """
return [...document.querySelectorAll("main article p")].map(
  element => [element, element.clientWidth / parseFloat(getComputedStyle(element).fontSize)])
  .filter(([element, width]) => width > 46 && element.innerText.length > 90)
  .slice(0, 3)
  .map(([element, width]) => width.toFixed() + " em: " + element.innerText.slice(0, 40));
"""
# Text of less contrast than 4.5 to 1 (WCAG AA) against the first ground below it that has a colour.
# scikit-learn's drawings of estimators have colours of their own.
FIND_PALE_TEXT = """
const channels = colour => (colour.match(/[\\d.]+/g) ?? [0, 0, 0, 0]).map(Number);
const light = colour => {
  const [r, g, b] = channels(colour).slice(0, 3).map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
};
const ground = element => {
  for (let at = element; at; at = at.parentElement) {
    const colour = getComputedStyle(at).backgroundColor;
    if ((channels(colour)[3] ?? 1) > 0.5) return colour;
  }
  return getComputedStyle(document.documentElement).backgroundColor;
};
const kinds = "p, li, td, th, dt, dd, a, code, span, h1, h2, h3, figcaption";
const found = new Map();
for (const element of document.querySelectorAll(`main article :is(${kinds})`)) {
  const text = [...element.childNodes].filter(node => node.nodeType === 3)
    .map(node => node.data).join("").trim();
  if (!text || !element.checkVisibility({visibilityProperty: true, opacityProperty: true})
      || element.closest(".headerlink, button, .sd-btn, svg, .sk-top-container")) continue;
  const style = getComputedStyle(element), below = ground(element);
  const [a, b] = [light(style.color), light(below)].sort((x, y) => y - x);
  if ((a + 0.05) / (b + 0.05) < 4.5) found.set(style.color + " on " + below, text.slice(0, 30));
}
return [...found].slice(0, 3).map(([colours, text]) => colours + ": " + text);
"""


class _Page(HTMLParser):
    """Targets and links of a page."""

    def __init__(self, path):
        super().__init__()
        self.anchors = {""}
        self.links = []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Note ids and references."""
        attributes = dict(attrs)
        self.anchors |= {attributes[name] for name in ("id", "name") if attributes.get(name)}
        if tag == "a" and attributes.get("href"):
            self.links.append(attributes["href"])


def pages_below(root):
    """Paths of the pages below a folder, sorted; what themes bring along is none."""
    paths = (path.relative_to(root).as_posix() for path in root.rglob("*.html"))
    return sorted(path for path in paths if not path.startswith("_"))


def broken_links(root):
    """Yield (page, link) for links inside the pages that lead nowhere."""
    pages = {name: _Page(root / name) for name in pages_below(root)}
    for name, page in pages.items():
        for link in page.links:
            if urlsplit(link).scheme or link.startswith("//"):
                continue
            target, anchor = urldefrag(urljoin(f"/{name}", link))
            target = unquote(urlsplit(target).path).lstrip("/") or "index.html"
            if target.endswith("/"):
                target += "index.html"
            exists = (root / target).exists()
            if not exists or (target in pages and unquote(anchor) not in pages[target].anchors):
                yield name, link


class _QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *args):
        """Stay quiet."""


@contextmanager
def served(root):
    """Serve a folder on this machine; yield its address."""
    handler = functools.partial(_QuietHandler, directory=str(root))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()


@contextmanager
def browser():
    """Yield a headless chromium that knows no network but this machine."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    binary = shutil.which("chromium") or shutil.which("google-chrome")
    if binary:
        options.binary_location = binary
    for flag in ("headless=new", "no-sandbox", "disable-gpu", "disable-dev-shm-usage"):
        options.add_argument(f"--{flag}")
    options.add_argument("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1")
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(executable_path=shutil.which("chromedriver"))
    driver = webdriver.Chrome(options=options, service=service)
    try:
        yield driver
    finally:
        driver.quit()


def _resize(driver, width, height=HEIGHT):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def _show_in(driver, look):
    features = [{"name": "prefers-color-scheme", "value": look}]
    driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})


def faults_of(driver, url):
    """Yield what is wrong with a page at the present width."""
    driver.get(url)
    # Images far below load when they come into sight.
    driver.execute_script("document.querySelectorAll('img').forEach(i => i.loading = 'eager')")
    driver.execute_async_script(
        "Promise.all([...document.images].map(i => i.decode().catch(() => 0))).then(arguments[0])"
    )
    yield from (f"wider than the page: {text}" for text in driver.execute_script(FIND_OVERFLOW))
    yield from (f"no image: {source}" for source in driver.execute_script(FIND_LOST_IMAGES))
    yield from (f"long lines: {text}" for text in driver.execute_script(FIND_LONG_LINES))
    yield from (f"pale text: {text}" for text in driver.execute_script(FIND_PALE_TEXT))
    for entry in driver.get_log("browser"):
        if entry["level"] == "SEVERE":
            yield f"console: {entry['message']}"


def shoot(driver, width, path):
    """Write a picture of the page, all of it if it is not very long."""
    height = driver.execute_script("return document.documentElement.scrollHeight")
    _resize(driver, width, max(HEIGHT, min(height, LONGEST_SHOT)))
    path.parent.mkdir(parents=True, exist_ok=True)
    driver.save_screenshot(str(path))
    _resize(driver, width)


def search_faults(driver, address, words):
    """Yield what is wrong with the search."""
    from selenium.common.exceptions import TimeoutException
    from selenium.webdriver.support.ui import WebDriverWait

    driver.get(f"{address}/search.html?q={quote_plus(words)}")
    script = "return document.querySelectorAll('#search-results li a').length"
    try:
        WebDriverWait(driver, 20).until(lambda page: page.execute_script(script) > 0)
    except TimeoutException:
        yield f"search.html: nothing found for {words!r}"


def check(root, shots):
    """Yield all faults of the pages below a folder."""
    yield from (f"{page}: broken link {link}" for page, link in broken_links(root))
    with served(root) as address, browser() as driver:
        for (label, width), look in itertools.product(WIDTHS.items(), LOOKS):
            _resize(driver, width)
            _show_in(driver, look)
            for page in pages_below(root):
                is_of_reference = "generated/" in page
                if is_of_reference and look != LOOKS[0]:
                    continue
                for fault in faults_of(driver, f"{address}/{page}"):
                    yield f"{page} ({label}, {look}): {fault}"
                if not is_of_reference:
                    name = f"{page.removesuffix('.html')}.png"
                    shoot(driver, width, shots / f"{label}-{look}" / name)
        for words in SEARCHED:
            yield from search_faults(driver, address, words)


def main():
    """Print faults; exit with 1 if there are any."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pages", type=Path, help="folder with the built pages")
    parser.add_argument("screenshots", type=Path, help="folder for the pictures")
    arguments = parser.parse_args()
    if not (arguments.pages / "index.html").exists():
        sys.exit(f"{arguments.pages} has no index.html; build the pages first (make docs).")
    n_faults = 0
    for fault in check(arguments.pages, arguments.screenshots):
        n_faults += 1
        print(fault)
    print(f"{n_faults} fault(s); pictures in {arguments.screenshots}")
    sys.exit(n_faults > 0)


if __name__ == "__main__":
    main()
