#!/bin/sh
# Guess: a Panel component that works in JupyterLab works in marimo, which shows Panel's objects by itself: what Python
# sends with `_send_msg`, the component's script gets as "msg:custom", as it gets changes of properties.
# What happens: properties arrive, messages do not, without a word on either side. marimo 0.25.2 keeps only those events
# of a Bokeh patch whose `model` is in the document, and the event that carries a message names no model in that place.
# Why it matters: a component that talks in messages is drawn, sends what is clicked, and never hears the answer. In
# marimo a property has to carry them.
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/pip" install -q panel==1.9.4 bokeh==3.9.2 marimo==0.25.2 playwright==1.65.2
cd "$folder"
cat > shown.py <<'PYTHON'
import marimo

app = marimo.App()


@app.cell
def _():
    import panel
    import param
    from panel.custom import JSComponent

    panel.config.inline = True

    class Page(JSComponent):
        said = param.String(default="")

        _esm = """
        export function render({ model, el }) {
          const heard = document.createElement("p")
          model.on("msg:custom", (text) => { heard.textContent += ` message ${text}` })
          model.on("said", () => { heard.textContent += ` property ${model.said}` })
          model.send_msg("begin")
          return heard
        }
        """

        def _handle_msg(self, data):
            self._send_msg("first")
            self.said = "second"

    Page()
    return


if __name__ == "__main__":
    app.run()
PYTHON
HOME="$folder" "$folder/venv/bin/python" - "${CHROMIUM:-chromium}" <<'PYTHON'
import shutil
import socket
import subprocess
import sys
import time
from urllib.request import urlopen

from playwright.sync_api import sync_playwright

with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    port = free.getsockname()[1]
command = [sys.executable, "-m", "marimo", "-y", "run", "shown.py", "--headless", "--no-token", f"--port={port}"]
server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
try:
    for _ in range(300):
        try:
            urlopen(f"http://127.0.0.1:{port}/").close()
            break
        except OSError:
            time.sleep(0.2)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(sys.argv[1]), args=["--no-sandbox"])
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{port}/", timeout=120_000)
        heard = page.locator("p", has_text="property second")
        heard.wait_for(timeout=120_000)
        time.sleep(2)
        text = heard.inner_text().strip()
        browser.close()
finally:
    server.terminate()
    server.wait()
print(f"marimo 0.25.2, Panel 1.9.4: the script heard {text!r}, and was sent a message and a property")
sys.exit(0 if text == "property second" else 1)
PYTHON
