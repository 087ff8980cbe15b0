// Keeps a page current: asks for it again and swaps its main part. Where the reader is, stays: the focused link, opened
// details, selected text, the scroll position. Without this script a page simply stays as it was when it was loaded.

const EVERY = 2000;
const main = document.querySelector("main[data-live]");
const button = document.getElementById("live");
const state = document.getElementById("live-state");
let shown = main?.innerHTML;
let paused = false;

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

function isReading() {
  const selection = document.getSelection();
  return !selection.isCollapsed && main.contains(selection.anchorNode);
}

function keyOf(element) {
  return element.id ? `#${CSS.escape(element.id)}` : `[href="${CSS.escape(element.getAttribute("href") ?? "")}"]`;
}

function swap(text) {
  const next = new DOMParser().parseFromString(text, "text/html");
  const fresh = next.querySelector("main");
  if (!fresh || fresh.innerHTML === shown) return;
  shown = fresh.innerHTML;
  const focused = main.contains(document.activeElement) ? keyOf(document.activeElement) : null;
  const opened = [...main.querySelectorAll("details[open][id]")].map((details) => details.id);
  main.replaceChildren(...fresh.childNodes);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) main.querySelector(focused)?.focus({ preventScroll: true });
  document.title = next.title;
}

async function refresh() {
  try {
    const response = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(10000) });
    if (response.ok) swap(await response.text());
    say(response.ok ? "" : "Not current: the console can’t read the database. Trying again.");
  } catch {
    say("Not current: the console does not answer. Trying again.");
  }
}

async function live() {
  if (!paused && !document.hidden && !isReading()) await refresh();
  setTimeout(live, EVERY);
}

function toggle() {
  paused = !paused;
  button.setAttribute("aria-pressed", String(!paused));
}

if (main) {
  button.hidden = false;
  button.addEventListener("click", toggle);
  setTimeout(live, EVERY);
}
