// Shows what happens as it happens, and copies commands. Without it the pages work as well, and
// are as old as their loading.
"use strict";

const state = document.getElementById("live");
const fresh = document.getElementById("fresh");
const kinds = fresh?.dataset.live;
// As the daemon made it.
let last = fresh?.outerHTML;
let stream;
let wanted = false;
let running = false;

// A tab that nobody looks at is told nothing: a browser has few connections to one server.
function listen() {
  stream?.close();
  if (document.hidden) return;
  stream = new EventSource("/api/v1/stream");
  for (const kind of kinds.split(" ")) stream.addEventListener(kind, refresh);
  stream.onopen = () => {
    say("Live");
    refresh(); // Something may have come since the page was made.
  };
  stream.onerror = () => say(stream.readyState === EventSource.CLOSED ? "" : "Not connected");
}

function say(text) {
  state.hidden = text === "";
  if (state.textContent !== text) state.textContent = text;
}

// Takes what is new out of the page as it is now. One at a time; what comes meanwhile is seen by
// the next.
async function refresh() {
  wanted = true;
  if (running) return;
  running = true;
  while (wanted) {
    wanted = false;
    try {
      const answer = await fetch(location.href, { headers: { accept: "text/html" } });
      if (!answer.ok) break;
      replace(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      break; // The daemon went away, and the stream says so.
    }
    await new Promise((done) => setTimeout(done, 300));
  }
  running = false;
}

// Keeps what the reader has opened, and where he is.
function replace(page) {
  const [old, next] = [document, page].map((each) => each.getElementById("fresh"));
  if (!next || next.outerHTML === last) return;
  last = next.outerHTML;
  // The first message makes another page of it.
  const id = old.dataset.page === next.dataset.page ? "fresh" : "main";
  const [to, from] = [document, page].map((each) => each.getElementById(id));
  const open = new Set([...to.querySelectorAll("details[open]")].map((each) => place(each, to)));
  const focus = to.contains(document.activeElement) && place(document.activeElement, to);
  to.replaceChildren(...from.childNodes);
  for (const details of to.querySelectorAll("details")) {
    if (open.has(place(details, to))) details.open = true;
  }
  if (focus) {
    const all = [...to.querySelectorAll("a, button, pre, summary")];
    all.find((each) => place(each, to) === focus)?.focus();
  }
  // For those who do not see it.
  const caption = to.querySelector("caption");
  if (caption) document.getElementById("news").textContent = caption.textContent;
  ready(to);
}

// What tells an element from its like, also where others came before it.
function place(element, within) {
  const own = element.getAttribute("href") ?? element.getAttribute("aria-label");
  const alike = [...within.querySelectorAll(element.tagName)];
  return `${element.tagName} ${own ?? alike.indexOf(element)}`;
}

function ready(within) {
  for (const command of navigator.clipboard ? within.querySelectorAll(".command") : []) {
    const button = document.createElement("button");
    button.textContent = "Copy";
    button.className = "plain";
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(command.querySelector("code").textContent);
      button.textContent = "Copied";
    });
    command.append(button);
  }
  const log = within.querySelector(".log");
  if (log) log.scrollTop = log.scrollHeight;
}

ready(document);
if (kinds) {
  listen();
  document.addEventListener("visibilitychange", listen);
  addEventListener("pagehide", () => stream?.close());
}
