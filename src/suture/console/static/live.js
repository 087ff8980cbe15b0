// Keeps a page current: told that something changed, it asks for the page again and swaps its main part. Where the
// reader is, stays: the focused link, opened details, selected text, the scroll position. While a form is being filled
// in, nothing is swapped. Without this script a page simply stays as it was when it was loaded.

const PATIENCE = 10000;
const main = document.querySelector("main[data-live]");
const button = document.getElementById("live");
const state = document.getElementById("live-state");
let shown = main?.innerHTML;
let paused = false;
let waiting = false;

function say(text) {
  if (state.textContent !== text) state.textContent = text;
}

function isReading() {
  const selection = document.getSelection();
  return !selection.isCollapsed && main.contains(selection.anchorNode);
}

function isFillingIn() {
  const focused = document.activeElement;
  if (main.contains(focused) && focused.matches("input, select, textarea")) return true;
  return main.querySelector("details.ask[open], input:checked[name=numbers], [aria-live]:not([data-lasting]):not(:empty)") !== null;
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
  // What was asked of the outside systems is not asked again whenever something else changed.
  for (const lasting of main.querySelectorAll("[data-lasting]")) {
    const place = lasting.closest("[id]");
    const other = place && fresh.querySelector(`#${CSS.escape(place.id)}`);
    if (other) other.replaceWith(place);
  }
  main.replaceChildren(...fresh.childNodes);
  for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
  if (focused) main.querySelector(focused)?.focus({ preventScroll: true });
  document.title = next.title;
  window.htmx?.process(main);
}

async function refresh() {
  try {
    const headers = { "Suture-Refresh": "1" }; // what waits to be said is said by the next page that a person opens
    const response = await fetch(location.href, { cache: "no-store", headers, signal: AbortSignal.timeout(PATIENCE) });
    if (response.redirected) location.reload();
    else if (response.ok) swap(await response.text());
    say(response.ok ? "" : "Not current: the console can’t read the database. Trying again.");
    return response.ok;
  } catch {
    say("Not current: the console does not answer. Trying again.");
    return false;
  }
}

async function look() {
  waiting = true;
  if (paused || document.hidden || isReading() || isFillingIn()) return;
  waiting = !(await refresh());
}

function toggle() {
  paused = !paused;
  button.setAttribute("aria-pressed", String(!paused));
  if (!paused && waiting) look();
}

function listen() {
  const stream = new EventSource("/live");
  stream.addEventListener("changed", look);
  stream.addEventListener("error", () => {
    if (stream.readyState === EventSource.CLOSED) setTimeout(listen, 2000); // refused, not merely cut off
    look();
  });
}

function chooseAll(event) {
  if (!event.target.matches("[data-all]")) return;
  for (const box of event.target.closest("form").querySelectorAll("input[name=numbers]")) {
    box.checked = event.target.checked;
  }
}

function dismiss(event) {
  if (!event.target.matches("[data-dismiss]")) return;
  event.target.closest("[role=alert]").remove();
  main?.focus({ preventScroll: true });
}

for (const shut of document.querySelectorAll("[data-dismiss]")) shut.hidden = false;
document.addEventListener("click", dismiss);

// The reader's own zone is told by a cookie; the next page is written in it.
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
document.cookie = `zone=${zone}; path=/; max-age=31536000; samesite=lax`;
document.addEventListener("change", chooseAll);

if (main && button) {
  button.hidden = false;
  button.addEventListener("click", toggle);
  document.addEventListener("visibilitychange", () => waiting && look());
  setInterval(() => waiting && look(), 2000);
  listen();
} else if (main) {
  setInterval(refresh, 2000);
}
