// The styles of the admin pages: fetched with their modules, and by nobody else.

/** Have the style sheet *name* of this folder; a page that needs it is not shown before. @param {string} name */
export function styled(name) {
  const address = new URL(name, import.meta.url).pathname;
  if (document.querySelector(`link[href="${address}"]`)) return Promise.resolve();
  const link = document.createElement("link");
  link.rel = "stylesheet";
  link.href = address;
  return new Promise((resolve) => {
    link.onload = link.onerror = resolve; // Without it the page is plain, and works.
    document.head.append(link);
  });
}
