// Says why a page shows nothing: Bokeh draws it over a websocket, and reports one that fails to the console alone.

{
  const LATE = 15000; // ms
  const NO_SCRIPTS =
    "The scripts of this page could not be loaded. Reload it; a proxy before wsq must pass on all paths below this one.";
  const NO_ANSWER = "wsq does not answer. Reload the page when wsq serve is running again.";
  const NO_SOCKET =
    "wsq answers, but the websocket of this page could not be opened. A proxy before wsq must pass on the headers " +
    "Upgrade and Connection, by HTTP/1.1; see “Behind a proxy” in the documentation of wsq.";
  const NOT_WSQ_SERVE =
    "The websocket of this page could not be opened. Allow its host (panel serve --allow-websocket-origin); a proxy " +
    "must pass on the headers Upgrade and Connection.";
  const CUT = "The connection was closed before the page was shown. Reload it; the log of wsq serve says more.";

  const Original = WebSocket;
  const began = Date.now();
  let token = "";
  let wasOpen = false;
  let said = null;

  window.WebSocket = class extends Original {
    constructor(url, protocols) {
      super(url, protocols);
      window.WebSocket = Original; // the others are for who opens them
      token = protocols?.[1] ?? "";
      this.addEventListener("open", () => (wasOpen = true));
      this.addEventListener("close", explain);
    }
  };

  const watching = setInterval(() => {
    if (isShown()) {
      clearInterval(watching);
      said?.remove();
    } else if (Date.now() - began > LATE) {
      explain();
    }
  }, 500);

  function isShown() {
    return (window.Bokeh?.documents?.length ?? 0) > 0;
  }

  async function explain() {
    if (said || isShown()) return;
    said = document.createElement("p");
    said.className = "unopened";
    said.setAttribute("role", "alert");
    const reload = document.createElement("button");
    reload.textContent = "Reload";
    reload.addEventListener("click", () => location.reload());
    said.append(await findReason(), " ", reload);
    if (isShown()) return;
    document.querySelector(".skeleton")?.remove();
    document.body.append(said);
  }

  async function findReason() {
    if (!window.Bokeh) return NO_SCRIPTS;
    try {
      const response = await fetch("unopened", { method: "POST", body: token });
      if (response.status === 403) return (await response.text()).trim();
      if (response.status >= 500) return NO_ANSWER;
      if (response.status === 404) return NOT_WSQ_SERVE;
      return wasOpen ? CUT : NO_SOCKET;
    } catch {
      return NO_ANSWER;
    }
  }
}
