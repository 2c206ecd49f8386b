// What is kept in the library.

/**
 * The lists by name: the kind of their rows, and what they are for.
 * @type {Record<string, { kind: string, title: string, iconName: string, purpose: string }>}
 */
export const LISTS = {
  projects: {
    kind: "project",
    title: "Projects",
    iconName: "folder",
    purpose:
      "A project says what work is for. In a project, the agent gets its description and sees only its tasks, " +
      "contacts and documents.",
  },
  contacts: {
    kind: "contact",
    title: "Contacts",
    iconName: "person",
    purpose: "The agent reads these to know whom to write to. It drafts e-mails, and never sends one.",
  },
  documents: {
    kind: "document",
    title: "Documents",
    iconName: "page",
    purpose: "The agent reads these before it works: briefs, rules, notes. What it writes is kept here too.",
  },
};
