// The static picture of a page, which a notebook's cell shows until the page's script runs.

/** Removes the picture that stands beside `element`, or beside what holds it. */
export function removePicture(element) {
  for (let node = element; node; node = node.parentNode ?? node.host) {
    const picture = [...node.children].find((child) => child.className === "wsq-picture");
    if (picture) return picture.remove();
  }
}
