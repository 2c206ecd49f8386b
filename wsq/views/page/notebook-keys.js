// In a notebook's cell: its shortcuts must not take keys that are pressed on the page.

/** Returns a function that stops this. */
export function keepKeys(root) {
  // JupyterLab listens on the document, before anything in a cell can; so the key is seen on the window.
  // With Ctrl or Meta a key is the notebook's (to save), except for the arrows.
  const onKey = (event) => {
    if (!(event.target instanceof Element) || !event.composedPath().includes(root)) return;
    const ours = !(event.ctrlKey || event.metaKey) || event.key.startsWith("Arrow");
    event.target.toggleAttribute("data-lm-suppress-shortcuts", ours);
  };
  window.addEventListener("keydown", onKey, true);
  root.addEventListener("keydown", submitOnEnter);
  return () => window.removeEventListener("keydown", onKey, true);
}

/** In JupyterLab, Enter in a field does not submit its form. */
function submitOnEnter(event) {
  const form = event.key === "Enter" && !event.isComposing && event.target.matches("input") && event.target.form;
  if (!form) return;
  event.preventDefault();
  const submit = form.querySelector("[type=submit]");
  if (!submit?.disabled) form.requestSubmit(submit);
}
