// Fetches this page again every two seconds and changes in place what differs, so that selected text,
// the keyboard's focus and the scroll position stay where they are.
const page = document.getElementById("page"), seen = document.getElementById("seen"), PAUSE = 2000;

// What the server cannot know: the address that this browser uses, and its time zone.
function localize(part) {
  for (const node of part.querySelectorAll(".origin")) node.textContent = location.origin;
  for (const time of part.querySelectorAll("time")) time.title = new Date(time.dateTime).toLocaleString();
}

const selection = () => { const now = getSelection(); return now.isCollapsed ? [] : [now.anchorNode, now.focusNode]; };

function patch(old, fresh) {
  if (old.isEqualNode(fresh)) return;
  if (old.nodeType !== Node.ELEMENT_NODE) {
    if (!selection().includes(old)) old.nodeValue = fresh.nodeValue;
    return;
  }
  for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
  for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  patchChildren(old, fresh);
}

// An element with an id is found by it, any other node by its place among those without one.
function patchChildren(old, fresh) {
  const unnamed = [...old.childNodes].filter((node) => !node.id);
  const wanted = [...fresh.childNodes].map((node) => {
    const shown = node.id ? document.getElementById(node.id) : unnamed.shift();
    if (shown?.parentNode !== old || shown.nodeName !== node.nodeName) return document.importNode(node, true);
    patch(shown, node);
    return shown;
  });
  for (const node of [...old.childNodes]) if (!wanted.includes(node)) node.remove();
  arrange(old, wanted);
}

// An element that is moved loses focus and selection: the one that has them stays, the others move around it.
function arrange(parent, wanted) {
  const [anchor] = selection(), has = (node) => node.contains(document.activeElement) || node.contains(anchor ?? null);
  const fixed = Math.max(0, wanted.findIndex(has));
  const place = (nodes, next) => nodes.reverse().forEach((node) => {
    if (node.parentNode !== parent || node.nextSibling !== next) parent.insertBefore(node, next);
    next = node;
  });
  if (wanted.length && wanted[fixed].parentNode !== parent) parent.append(wanted[fixed]);
  place(wanted.slice(fixed + 1), null);
  place(wanted.slice(0, fixed), wanted[fixed] ?? null);
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { Accept: "text/html" }, cache: "no-store" });
  // 503: the control plane restarts. What is shown stays until it knows its services again.
  if (answer.status === 503 || !answer.headers.get("Content-Type").startsWith("text/html")) throw new Error("no page");
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html"), main = fresh.getElementById("page");
  if (main?.dataset.version !== page.dataset.version) return location.reload(); // another version, or another page
  localize(main);
  patch(page, main);
  document.title = fresh.title;
  page.dispatchEvent(new Event("patched"));
}

async function keepFresh() {
  const began = performance.now();
  if (!document.hidden) {
    let trouble = "";
    try { await refresh(); } catch { trouble = "The control plane does not answer; trying again."; }
    if (seen.textContent !== trouble) seen.textContent = trouble; // announced once
  }
  // An open page takes a twentieth of the control plane at most: a thousand services take it 0.1 s.
  setTimeout(keepFresh, Math.max(PAUSE, 20 * (performance.now() - began)));
}

localize(document);
setTimeout(keepFresh, PAUSE);
