// A page that asks for all that it shows, and asks anew when something was written: soon, but never over and over.
// In `look()` it asks once and shows the answer; that resolves to whether there was one.

const asking = (Page) => class extends Page {
  // Asked until it is told: the first message may be lost while the server is busy.
  async opened() {
    this.root.classList.add("loading");
    for (let asked = 1; !(await this.refresh()) && this.alive; asked += 1) {
      await new Promise((go) => setTimeout(go, Math.min(30000, 1000 * 2 ** asked)));
    }
    this.root.classList.remove("loading");
  }

  end() {
    super.end();
    clearTimeout(this.due);
  }

  // ms between two looks, however much is written: more for what takes long to find out.
  get calm() { return Math.max(2000, 4 * (this.lasted ?? 0)); }

  told(message) {
    if (message.type === "changed") this.refreshSoon();
  }

  refreshSoon() {
    if (this.due) return;
    this.due = setTimeout(() => { this.due = null; this.refresh(); }, Math.max(0, (this.looked ?? 0) + this.calm - Date.now()));
  }

  // One look at a time; what is asked for meanwhile is looked at once more. Resolves to whether it has worked.
  refresh() {
    this.onceMore = Boolean(this.looking);
    this.looking ??= this.keepLooking().finally(() => { this.looking = null; });
    return this.looking;
  }

  async keepLooking() {
    let well;
    do {
      this.onceMore = false;
      this.looked = Date.now();
      well = await this.look();
      this.lasted = Date.now() - this.looked;
    } while (this.onceMore && this.alive);
    return well;
  }
};
