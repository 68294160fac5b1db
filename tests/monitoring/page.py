#!/usr/bin/env python3
"""The status page in a headless Chromium, by the WebDriver protocol: page.py PAGE_SERVER SCREENSHOT-FOLDER.

Loads it, and sees it update by itself: a halted task red with its reason, text of the log that is text and no markup,
the member gone; no message on the console; nothing wider than a phone's screen.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

NARROW, WIDE = (390, 844), (1100, 900)


class Driver:
    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True, start_new_session=True)
        for line in self.process.stdout:
            if "successfully on port" in line:
                self.base = f"http://127.0.0.1:{line.rsplit('port', 1)[1].strip().rstrip('.')}"
                break
        else:
            raise SystemExit("chromedriver has ended")
        self.session = ""
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder / 'profile'}"]}
        made = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {
            "browserName": "chrome", "goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = f"/session/{made['sessionId']}"

    def call(self, method: str, path: str, body: dict | None = None):
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.base + (self.session if not path.startswith("/session") else "") + path, data,
                                         {"Content-Type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def script(self, text: str):
        return self.call("POST", "/execute/sync", {"script": text, "args": []})

    def size(self, wanted: tuple[int, int], scheme: str) -> None:
        for command, parameters in (
                ("Emulation.setDeviceMetricsOverride", {"width": wanted[0], "height": wanted[1], "deviceScaleFactor": 1, "mobile": False}),
                ("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})):
            self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def screenshot(self, path: Path) -> None:
        path.write_bytes(base64.b64decode(self.call("GET", "/screenshot")))

    def console(self) -> list[str]:
        return [entry["message"] for entry in self.call("POST", "/se/log", {"type": "browser"})]

    def end(self) -> None:
        if self.session:
            self.call("DELETE", "")
        self.process.terminate()
        self.process.wait()


class Server:
    def __init__(self, program: str) -> None:
        self.process = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def say(self, word: str) -> None:
        self.process.stdin.write(word + "\n")
        self.process.stdin.flush()
        if self.process.stdout.readline().strip() != word:
            raise SystemExit(f"the server did not do {word}")


def wait(what: str, driver: Driver, script: str, expected) -> None:
    end = time.monotonic() + 20
    found = None
    while time.monotonic() < end:
        found = driver.script(script)
        if found == expected:
            return
        time.sleep(0.1)
    raise SystemExit(f"{what}: {found!r}, expected {expected!r}")


def check(what: str, found, expected) -> None:
    if found != expected:
        raise SystemExit(f"{what}: {found!r}, expected {expected!r}")


TEXT = "return document.getElementById('%s').textContent"
COLOUR = "return getComputedStyle(document.querySelector('%s')).color"
SPILLS = "return document.documentElement.scrollWidth > document.documentElement.clientWidth"


def look(driver: Driver, server: Server, folder: Path) -> None:
    driver.size(WIDE, "light")
    server.say("live")
    driver.call("POST", "/url", {"url": f"http://127.0.0.1:{server.port}/"})
    wait("the state", driver, TEXT % "state", "ready")
    check("the view", driver.script(TEXT % "view"), "a_view")
    check("rows of tasks", driver.script("return document.querySelectorAll('#tasks tr').length"), 2)
    good = driver.script(COLOUR % "#tasks tr:nth-child(2) td:nth-child(2)")
    for _ in range(9):
        server.say("applied")
    wait("bars of what was applied", driver, "return [...document.querySelectorAll('.bars')].filter(b => b.getAttribute('height') > 1).length", 9)
    wait("the points of the line", driver, "return document.querySelector('.mean').getAttribute('points').split(' ').length", 9)
    driver.screenshot(folder / "ready.png")

    server.say("halted")
    server.say("warn")
    wait("the state, by itself", driver, TEXT % "state", "halted")
    red = driver.script(COLOUR % "#tasks tr:nth-child(2) td:nth-child(2)")
    check("the colour of a halted task is another one", red != good, True)
    check("the reason below it", driver.script("return document.querySelector('#tasks td.reason').textContent"),
          "task 1 halted: column <b>note</b> does not exist")
    check("its colour", driver.script(COLOUR % "#tasks td.reason"), red)
    wait("the warning", driver, "return document.querySelector('#recent li').textContent.includes('the <i>server</i> is away')", True)
    check("what to do", driver.script("return document.querySelector('#recent li div').textContent"), "What to do: start it")
    for scheme in ("light", "dark"):
        for name, size in (("wide", WIDE), ("narrow", NARROW)):
            driver.size(size, scheme)
            check(f"wider than the {name} screen", driver.script(SPILLS), False)
            driver.screenshot(folder / f"halted-{scheme}-{name}.png")
    check("the ground is dark", driver.script("return getComputedStyle(document.body).backgroundColor"), "rgb(20, 23, 27)")

    server.say("live")
    wait("ready again, by itself", driver, TEXT % "state", "ready")
    check("on the console", driver.console(), [])
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    wait("the member gone", driver, TEXT % "state", "the member does not answer")


def main() -> None:
    program, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    os.makedirs(folder, exist_ok=True)
    server = Server(program)
    driver = None
    try:
        driver = Driver(folder)
        look(driver, server, folder)
    finally:
        if driver:
            driver.end()
        server.process.kill()
    print("The page is right.")


main()
