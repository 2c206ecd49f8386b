// What each form shows: fields named as the server's, and what it says of them.

const nextRun = (timeZone) => {
  const style = { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" };
  try {
    return new Intl.DateTimeFormat(undefined, { ...style, timeZone, timeZoneName: "short" });
  } catch {
    return new Intl.DateTimeFormat(undefined, { ...style, timeZoneName: "short" }); // a zone that this browser does not know
  }
};
const PLACEHOLDERS = ["project", "scheduled_time", "last_outcome", "today"];

Object.assign(DialogPage.prototype, {
  recurringForm(id, copied = false) {
    const told = h("div", { class: "foretold", role: "group", "aria-label": "What is to be expected" });
    const kept = h("p", { class: "hint amber", role: "status" });
    return this.openForm("recurring_task", id, {
      copied,
      label: copied ? "Duplicate recurring task" : id ? "Edit recurring task" : "New recurring task",
      submit: id && !copied ? "Save" : "Create",
      place: copied ? `copy:${id}` : id ? `recurring:${id}` : "new",
      body: (form) => {
        if (copied) form.opened.fields.name = `${[...form.opened.fields.name].slice(0, 190).join("")} (copy)`;
        if (!id && this.project) form.opened.fields.project_id = this.project;
        const { models, usual_model: usual } = form.opened.about;
        const known = h("datalist", { id: `wsq-models-${this.number}` }, models.map((model) => h("option", { value: model })));
        const zones = h("datalist", { id: `wsq-zones-${this.number}` }, (Intl.supportedValuesOf?.("timeZone") ?? []).map((zone) => h("option", { value: zone })));
        return [
          this.schedulerWarning(), known, zones,
          form.text("name", "Name", { maxlength: "1000" }),
          form.text("description", "Description", { rows: "2", hint: "What it is about; the agent reads it too." }),
          form.text("prompt", "Prompt", { rows: "6", hint: ["What the agent is asked to do, each time. Filled in: ", PLACEHOLDERS.map((name) => `{{${name}}}`).join(", "), "."] }),
          kept,
          h("div", { class: "row" }, form.text("every", "Every", { type: "number", min: "1", step: "1", inputmode: "numeric" }),
            form.select("unit", "Unit", ["minutes", "hours", "days"].map((unit) => [unit, unit]))),
          h("div", { class: "row" }, startingControl(form), form.text("timezone", "Time zone", { list: zones.id, spellcheck: "false" })),
          told,
          form.select("project_id", "Project", this.projectOptions(form.opened.fields.project_id), { none: null, hint: "With a project, the agent sees and changes that project alone." }),
          h("div", { class: "row" }, form.people("assignees", "Assignees", "Who what it makes is for; commas between names."),
            form.text("model", "Model", { list: known.id, spellcheck: "false", placeholder: usual, hint: "Left empty, the store's." })),
          h("details", { class: "advanced" }, h("summary", null, "Advanced"),
            h("div", { class: "row" },
              form.select("missed", "Missed slots", [["skip", "Skip them"], ["run_once", "Run once, late"]], { hint: "What happens when nothing ran the scheduler in time." }),
              form.text("budget_per_day", "Budget per day", { inputmode: "decimal", placeholder: "1.00", hint: "US dollars; left empty, the usual $1." })),
            h("div", { class: "row" },
              form.text("time_limit", "Time limit", { hint: "For one execution, at most 1 hour." }),
              form.flag("skip_unchanged", "Skip when nothing has changed")),
            h("div", { class: "row" },
              form.people("notify", "Tell", "Who hears of how it ends: shown here, and sent by the webhook. Commas between names."),
              form.several("notify_on", "When", [["failed", "It failed"], ["could_not", "It could not do it"], ["done", "It is done"]]))),
        ];
      },
      remarks: (remarks, form) => {
        const { kept: names } = remarks;
        setText(kept, names.length ? `${names.join(", ")} ${names.length > 1 ? "stay as they are" : "stays as it is"}: nothing fills ${names.length > 1 ? "them" : "it"} in.` : "");
        const format = nextRun(form.values().timezone);
        told.replaceChildren(...(remarks.next.length ? [
          h("div", null, h("strong", null, "Next runs"), h("ol", null, remarks.next.map((at) => h("li", null, h("time", { datetime: at }, format.format(Date.parse(at))))))),
          remarks.cost ? h("p", null, remarks.cost) : "",
        ] : [h("p", null, "The next runs are shown here once the schedule can be understood.")]));
      },
    });
  },

  // Before one saves what nobody would carry out.
  schedulerWarning() {
    const { state } = this.header.scheduler;
    if (state !== "never" && state !== "late") return null;
    return h("p", { class: "trouble amber" }, icon("warn"), state === "never"
      ? "No scheduler has been seen here: what you save will not run by itself until wsq-process or wsq serve does."
      : "The scheduler has not been seen lately: what you save will not run by itself until it comes back.");
  },

  taskForm(id, { saved, archive } = {}) {
    return this.openForm("task", id, {
      label: "Task",
      submit: "Save",
      place: `task:${id}`,
      saved,
      left: (form) => archive && !form.opened.archived && button("Archive", "archive", { class: "button left", "data-needs": "editor", onclick: () => { if (form.isDirty()) return form.leave(); form.dialog.close(); archive(); } }),
      body: (form) => [
        form.opened.archived && h("p", { class: "trouble amber" }, "This task is archived; it is not on the board."),
        form.text("title", "Title", { maxlength: "1000" }),
        form.text("description", "Description", { rows: "7" }),
        h("div", { class: "row" },
          form.select("status", "Lane", TASK_LANES),
          form.select("project_id", "Project", this.projectOptions(form.opened.fields.project_id), { none: null })),
        form.people("assignees", "Assignees", "Names, separated by commas."),
        form.opened.execution && h("p", { class: "facts" }, h("span", { class: "badge agent" }, icon("agent"), "Made by an agent"),
          h("button", { type: "button", class: "linklike", onclick: () => this.openExecution(form.opened.execution) }, "Show the execution")),
      ],
    });
  },
});

const TASK_LANES = [["todo", "To do"], ["doing", "Doing"], ["in_review", "In review"], ["done", "Done"]];

// When it first runs: an interval on, at a time of day, or at a date and a time of the task's zone.
function startingControl(form) {
  const kind = h("select", { class: "field" },
    [["", form.id ? "As the interval says" : "One interval from now"], ["time", "At a time of day"], ["date", "At a date and time"]].map(([value, text]) => h("option", { value }, text)));
  const time = h("input", { class: "field", type: "time", "aria-label": "Time of day" });
  const date = h("input", { class: "field", type: "datetime-local", "aria-label": "Date and time" });
  const show = () => { time.hidden = kind.value !== "time"; date.hidden = kind.value !== "date"; };
  kind.addEventListener("change", () => {
    if (kind.value === "time" && !time.value) time.value = "09:00";
    show();
  });
  // What was chosen and not filled in is said to be wrong; it must not be saved as nothing.
  const get = () => (kind.value === "time" ? time.value || "no time" : kind.value === "date" ? date.value || "no date" : "");
  const set = (value) => {
    kind.value = !value ? "" : value.includes("T") ? "date" : "time";
    if (value) (value.includes("T") ? date : time).value = value;
    show();
  };
  return form.control("starting", "First run", h("div", { class: "starting" }, kind, time, date), { get, set, target: kind });
}
