// What was carried out: one execution in full, live while it runs, and a task's history page by page.

Object.assign(DialogPage.prototype, {
  drawRunRow(run, part) {
    return h("button", { type: "button", class: "run", "data-part": part ?? `run-${run.id}`, onclick: () => this.openExecution(run.id) },
      badge(run.status, run.count > 1 ? `${run.word} ×${run.count}` : run.word), h("span", null, run.trigger), h("span", { class: "what" }, this.runWords(run)), this.took(run), this.since(run.at));
  },

  // What came of it, in a few words.
  runWords(run) {
    const what = [];
    if (run.verdict) what.push(h("span", { class: run.could_not ? "could-not" : null }, run.verdict));
    if (run.status === "failed" || run.status === "skipped") what.push(run.reason.replace(/\.$/, ""));
    if (run.tasks) what.push(`${run.tasks} ${run.tasks === 1 ? "task" : "tasks"} created`);
    if (run.slots > 1) what.push(`${run.slots} slots`);
    const shown = what.flatMap((part, index) => (index ? [" · ", part] : [part]));
    return shown;
  },

  // Who hears of how a recurring task ends.
  drawTold(told) {
    if (!told?.on.length) return null;
    return h("span", { title: `Told when ${told.on.join(", or ")}` }, icon("bell"), told.who.join(", "));
  },

  took(run) {
    if (run.status === "skipped") return h("span");
    if (run.status !== "running") return h("span", null, duration(run.seconds));
    const began = Date.parse(run.at);
    return h("span", { "data-since": began }, duration(Math.max(0, Math.floor((this.now() - began) / 1000))));
  },

  async openHistory(id, name) {
    const list = h("ol", { class: "runs" });
    const older = button("Older", "again", { hidden: true, onclick: () => more() });
    const empty = h("p", { class: "never", hidden: true }, "It has not run yet.");
    const inside = h("div", { class: "inside" }, this.title("Executions", h("span", { class: "of" }, name)),
      h("div", { class: "body", tabindex: "0", role: "group", "aria-label": "Executions" }, empty, list, older),
      h("footer", null, button("Close", null, { onclick: () => dialog.close() })));
    const first = await this.attempt("history", { id, before: null });
    if (!first.ok) return;
    const dialog = this.dialog("Executions", { place: `history:${id}` }, inside);
    let runs = first.value.runs;
    const show = () => {
      list.replaceChildren(...runs.map((run) => h("li", null, this.drawRunRow(run))));
      empty.hidden = runs.length > 0;
    };
    // What is known already, with newer pages before it or older ones behind.
    const take = (page, left) => {
      const ids = new Set(page.map((run) => run.id));
      runs = left === null ? [...page, ...runs.filter((run) => !ids.has(run.id))] : [...runs, ...page];
      if (left !== null) older.hidden = !left;
      show();
    };
    const more = async () => {
      older.disabled = true;
      const answer = await this.attempt("history", { id, before: runs.at(-1)?.id ?? null });
      older.disabled = false;
      if (answer.ok) take(answer.value.runs, answer.value.more);
    };
    older.hidden = !first.value.more;
    show();
    while (dialog.open) {
      await new Promise((go) => setTimeout(go, 1000));
      const newest = dialog.open && await this.ask("history", { id, before: null });
      if (newest?.ok && !same(newest.value.runs, runs.slice(0, newest.value.runs.length))) take(newest.value.runs, null);
    }
  },

  async openExecution(id) {
    const answer = await this.attempt("open_execution", { id });
    if (!answer.ok) return;
    const inside = h("div", { class: "inside" });
    const dialog = this.dialog("Execution", { place: `execution:${id}`, cssClass: "wide" }, inside);
    const show = (run) => {
      const at = inside.querySelector(".body")?.scrollTop ?? 0;
      const focused = inside.contains(inside.getRootNode().activeElement);
      const folded = new Set([...inside.querySelectorAll("details[open]")].map((each) => each.dataset.key));
      inside.replaceChildren(...this.executionParts(run, dialog));
      for (const each of inside.querySelectorAll("details")) if (folded.has(each.dataset.key)) each.open = true;
      inside.querySelector(".body").scrollTop = at;
      if (focused) inside.querySelector("footer button:last-child").focus();
    };
    show(answer.value);
    inside.querySelector("footer button:last-child").focus();
    let running = answer.value.status === "running";
    while (running && dialog.open) {
      await new Promise((go) => setTimeout(go, 500));
      if (!dialog.open) return;
      const next = await this.ask("open_execution", { id });
      if (!next.ok) continue;
      if (!same(next.value, answer.value)) show(next.value);
      answer.value = next.value;
      running = next.value.status === "running";
    }
  },

  executionParts(run, dialog) {
    const part = (name, ...content) => h("section", { class: "part", "aria-label": name }, h("h3", null, name), ...content);
    const cancel = run.status === "running" && button("Cancel execution", "stop", { class: "button danger left", "data-needs": "editor", onclick: () => this.whileBusy(cancel, "cancel_execution", { id: run.id }) });
    const again = run.status !== "running" && run.task_name !== null && button("Run again", "play", { class: "button left", "data-needs": "editor", onclick: async () => {
      const answer = await this.whileBusy(again, "run", { id: run.recurring_task_id });
      if (!answer.ok) return;
      dialog.close();
      this.openExecution(answer.value.execution);
    } });
    return [
      this.title("Execution", h("span", { class: "of" }, run.task_name ?? "Deleted recurring task"), badge(run.status, run.word)),
      h("div", { class: "body", tabindex: "0", role: "group", "aria-label": "Details" },
        run.reason && h("p", { class: `trouble ${run.status === "failed" ? "" : "amber"}` }, run.reason),
        h("dl", { class: "grid" }, this.executionFacts(run).map(([name, value]) => [h("dt", null, name), h("dd", null, value)])),
        run.status === "running" && this.drawDoing(run.id),
        run.output && part("Output", h("div", { class: "block md" }, drawMarkdown(run.output_tree))),
        run.created.length > 0 && part("Tasks it made", h("ul", { class: "made" }, run.created.map((task) => h("li", null, this.linkTo(task, dialog))))),
        run.documents.length > 0 && part("Documents it made", run.documents.map((document) => this.drawDocument(document))),
        run.turns.length > 0 && part("Transcript", h("ol", { class: "steps" }, run.turns.map((turn, place) => this.drawTurn(turn, place)))),
        run.pruned && h("p", { class: "hint" }, "Its conversation was given up, as those of old executions are; what it came to stays.")),
      h("footer", null, cancel, again, button("Close", null, { onclick: () => dialog.close() })),
    ];
  },

  executionFacts(run) {
    const at = (value) => (value ? h("time", { datetime: value }, whole.format(Date.parse(value))) : null);
    const slots = run.slots > 1 ? ` (settles ${run.slots} slots, the oldest of ${whole.format(Date.parse(run.first_slot))})` : "";
    const tokens = Object.entries(run.tokens).filter(([, n]) => n).map(([name, n]) => `${n.toLocaleString()} ${name}`).join(" · ");
    return [
      ["Verdict", run.verdict && h("strong", { class: run.could_not ? "could-not" : null }, run.verdict)],
      ["Told", run.told?.on.length ? `${run.told.who.join(", ")}, when ${run.told.on.join(", or ")}` : null],
      ["Trigger", run.trigger], ["Slot", run.slots ? h("span", null, at(run.scheduled_for), slots) : null],
      ["Started", at(run.at)], ["Ended", at(run.completed_at)], ["Took", run.status === "skipped" ? null : duration(run.seconds)],
      ["Reason", run.reason_word],
      ["Attempts", run.attempts > 1 || run.waited ? `${run.attempts}${run.waited ? `, waited ${duration(run.waited)} between them` : ""}` : null],
      ["Taken over", run.takeovers ? `${run.takeovers} ×` : null],
      ["Model", run.model ?? (run.offline ? "Offline provider: no language model was asked" : null)],
      ["Tokens", tokens || null],
      ["Cost", run.cost === null ? (run.tokens.output ? "Unpriced" : null) : `$${run.cost.toFixed(4)}`],
    ].filter(([, value]) => value);
  },

  drawTurn(turn, place) {
    const head = h("div", { class: "say" }, turn.word, turn.at && h("time", { datetime: turn.at }, whole.format(Date.parse(turn.at))));
    const fold = (key, name, text) => h("details", { "data-key": `${place}-${key}` }, h("summary", null, name), h("pre", null, text));
    if (turn.who === "user") return h("li", null, head, fold("asked", "What it was told", turn.text));
    if (turn.who === "failure") return h("li", { class: "wrong" }, head, h("pre", null, turn.text), turn.wait !== null && h("p", { class: "hint" }, `Tried again after ${duration(turn.wait)}.`));
    return h("li", null, head, turn.thinking && fold("thinking", "Thinking", turn.thinking),
      turn.tree.length > 0 && h("div", { class: "md" }, drawMarkdown(turn.tree)),
      turn.calls.map((call, at) => this.drawCall(call, `${place}-${at}`)));
  },

  drawCall(call, key) {
    return h("details", { class: `call ${call.is_error ? "wrong" : ""}`, "data-key": key },
      h("summary", null, icon("tool"), h("code", null, call.tool), h("span", { class: "brief" }, call.arguments.replace(/\s+/g, " ").slice(0, 200)), call.result === null ? badge("running", "Under way") : call.is_error ? badge("failed", "Error") : ""),
      h("div", { class: "label" }, "Arguments"), h("pre", null, call.arguments),
      call.result !== null && [h("div", { class: "label" }, "Result"), h("pre", null, call.result)]);
  },

  // A draft is sent by the person who opens it in their mail program, and by nobody else.
  drawDocument(document) {
    return h("details", { class: "document", "data-key": document.id }, h("summary", null, document.title),
      document.mailto && h("p", null, h("a", { href: document.mailto, class: "button" }, "Open in mail program")),
      h("div", { class: "block" }, document.text));
  },

  linkTo(task, dialog) {
    const name = task.title ?? task.id;
    return h("button", { type: "button", class: "linklike", onclick: () => { dialog.close(); this.openTask(task.id); } }, name);
  },

  async whileBusy(pressed, kind, fields) {
    pressed.disabled = true;
    const answer = await this.attempt(kind, fields);
    pressed.disabled = false;
    return answer;
  },
});
