"""A headless Chromium that is asked over WebDriver, which is JSON over HTTP and needs no package."""

import contextlib
import json
import re
import shutil
import subprocess
import urllib.request

HERE = all(map(shutil.which, ("chromium", "chromedriver")))
_FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]
_FLAGS += ["--no-first-run", "--hide-scrollbars"]
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Browser:
    """One session of a driver."""

    def __init__(self, url, folder):
        options = {"binary": shutil.which("chromium"), "args": [*_FLAGS, f"--user-data-dir={folder}"]}
        wanted = {"browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        self.url = f"{url}/session"
        self.url += "/" + self.ask("", capabilities={"alwaysMatch": wanted})["sessionId"]

    def ask(self, path, method="POST", **body):
        data = json.dumps(body).encode() if method == "POST" else None
        request = urllib.request.Request(self.url + path, data, {"Content-Type": "application/json"}, method=method)
        with _DIRECT.open(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def open(self, path, width, height, scheme):
        """Open a file on a screen of this size, of a "light" or "dark" scheme."""
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.command("Emulation.setDeviceMetricsOverride", **screen)
        self.command("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("/url", url=path.resolve().as_uri())

    def command(self, name, **parameters):
        return self.ask("/goog/cdp/execute", cmd=name, params=parameters)

    def value(self, expression):
        """Return the value of an expression of JavaScript."""
        return self.ask("/execute/sync", script=f"return {expression}", args=[])

    def errors(self):
        """Return what the console says since it was last asked."""
        return [one["message"] for one in self.ask("/se/log", type="browser")]


@contextlib.contextmanager
def browser(folder):
    """Start a driver and a browser whose profile is an empty folder; both end with the block."""
    driver = subprocess.Popen(
        ["chromedriver", "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        (port,) = next(filter(None, (re.findall(r"on port (\d+)\.", line) for line in driver.stdout)))
        one = Browser(f"http://127.0.0.1:{port}", folder)
        try:
            yield one
        finally:
            one.ask("", "DELETE")  # ends the browser, also where a test fails
    finally:
        driver.terminate()
        driver.wait(30)
        driver.stdout.close()
