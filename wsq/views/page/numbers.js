// Numbers in words, as words.py writes them on the server.

const plain = new Intl.NumberFormat(undefined); // made once: `toLocaleString` is slow
const compact = new Intl.NumberFormat(undefined, { notation: "compact", maximumFractionDigits: 1 });
const cents = new Intl.NumberFormat(undefined, { minimumFractionDigits: 2, maximumFractionDigits: 2 });

export function formatNumber(number) {
  return plain.format(number);
}

/** A number that may be large, shortened from 100,000 on. */
export function shortNumber(number) {
  return number < 100000 ? plain.format(number) : compact.format(number);
}

/** A number with its noun: `1 task`, `2 tasks`. */
export function counted(number, one, many = `${one}s`) {
  return `${plain.format(number)} ${number === 1 ? one : many}`;
}

/** A share from 0 to 1: 100 % means all, and 0 % means none. As `words.share`. */
export function percent(share) {
  if (share === null) return "–";
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(99.9, Math.max(0.1, share * 100)).toFixed(1)} %`;
}

/** US dollars in cents; an amount below one cent says so. As `words.money`. */
export function money(amount) {
  if (amount === null) return "–";
  return amount > 0 && amount < 0.01 ? "<$0.01" : `$${cents.format(amount)}`;
}
