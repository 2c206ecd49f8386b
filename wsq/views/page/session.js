// The session of who has logged in, where there is a login: it continues while somebody is active.

const RENEW_AFTER = 300000; // ms between two renewals

const FORM_COOKIES = ["__Host-_xsrf", "__Secure-_xsrf", "_xsrf"]; // as `wsq.views.auth.cookies` names it, safest first

/** What proves that a request comes from one of our pages. */
export function formToken() {
  const cookies = new Map(document.cookie.split("; ").map((each) => [each.split("=", 1)[0], each]));
  const name = FORM_COOKIES.find((each) => cookies.has(each));
  return name ? cookies.get(name).slice(name.length + 1) : "";
}

export class Session {
  constructor(page) {
    this.page = page;
    this.hasEnded = false;
    this.isRenewing = false;
    this.renewedAt = Date.now();
    for (const name of ["pointerdown", "keydown"]) page.onWindow(name, () => this.#onActivity());
    for (const name of ["focus", "visibilitychange"]) page.onWindow(name, () => this.#onReturn());
  }

  /** Asks to log in. What was typed stays: one logs in in another tab, and comes back. */
  end() {
    if (this.hasEnded) return;
    this.hasEnded = true;
    this.page.askToLogIn(
      "Your session has ended. Log in in another tab and come back; what you have typed stays here.",
    );
  }

  #onActivity() {
    if (!this.page.user || this.hasEnded || this.isRenewing || Date.now() - this.renewedAt < RENEW_AFTER) return;
    this.#renew();
  }

  async #onReturn() {
    if (!this.hasEnded || document.hidden || this.isRenewing || !(await this.#renew())) return;
    this.hasEnded = false;
    this.page.loggedInAgain();
  }

  /** Presents the browser's current session, which may have begun in another tab; resolves to whether it is valid. */
  async #renew() {
    this.isRenewing = true;
    try {
      const response = await fetch("session", { method: "POST", headers: { "X-XSRFToken": formToken() } });
      if (response.status === 403) this.end(); // before somebody types what could not be saved
      if (!response.ok) return false;
      const { ticket } = await response.json();
      const answer = await this.page.request("renew", { ticket });
      if (!answer.ok && !answer.login) this.page.askToLogIn(answer.error);
      if (answer.ok) this.renewedAt = Date.now();
      return answer.ok;
    } catch {
      return false; // the server is away, which the page says elsewhere
    } finally {
      this.isRenewing = false;
    }
  }
}
