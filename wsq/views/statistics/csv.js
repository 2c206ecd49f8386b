// Tables as CSV files.

// Where a spreadsheet would begin a formula: at the beginning of a text, and after what separates cells for a program
// that does not read commas. Blanks, invisible characters and quotes, which such programs skip, do not hide a formula,
// and neither do the wide characters of Asian scripts.
const FORMULA = /(?<=^|[;\t\r\n])(?=[\s\p{C}"]*[=+\-@＝＋－＠])/gu;

/** A file with a line for each row, after a line with the names of the columns. Numbers stay as they are. */
export function csvText(columns, rows) {
  const lines = [columns.map((column) => column.name), ...rows].map((row) => row.map(csvCell).join(","));
  return `${lines.join("\r\n")}\r\n`;
}

function csvCell(value) {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  return `"${value.replace(FORMULA, "'").replaceAll('"', '""')}"`;
}
