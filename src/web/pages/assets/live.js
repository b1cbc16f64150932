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
let later;
// A page that waits until the reader wants it.
let held;

// A tab that nobody looks at is told nothing: a browser has few connections to one server.
function listen() {
  clearTimeout(later);
  stream?.close();
  if (document.hidden) return;
  stream = new EventSource("/api/v1/stream");
  for (const kind of kinds.split(" ")) stream.addEventListener(kind, refresh);
  stream.onopen = () => {
    say("live", "Live");
    refresh(); // Something may have come since the page was made.
  };
  stream.onerror = lost;
}

// A browser tries again by itself, but for an answer that is no stream: a restarted daemon knows
// none of its passes, and a busy one has no room.
async function lost() {
  say("lost", "Not connected");
  if (stream.readyState !== EventSource.CLOSED) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (new URL(answer.url).pathname === "/login") {
      say("out", "Signed out: ", answer.url);
      return;
    }
  } catch {
    // It is away.
  }
  later = setTimeout(listen, 5000);
}

// `to` is where one signs in again.
function say(how, text, to) {
  if (state.className === how && !state.hidden) return;
  state.hidden = false;
  state.className = how;
  state.textContent = text;
  if (!to) return;
  const link = document.createElement("a");
  link.href = to;
  link.textContent = "sign in again";
  state.append(link);
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

// What came on top would move the rows that somebody reads further down: it waits.
function hold(page, old, next) {
  const rows = [old, next].map((each) => {
    const links = [...each.querySelectorAll("tbody tr")].map((row) => row.querySelector("a"));
    return new Set(links.map((link) => link?.getAttribute("href")));
  });
  const arrived = [...rows[1]].filter((link) => !rows[0].has(link)).length;
  const table = old.querySelector("table");
  const reading = table && table.getBoundingClientRect().top < 0;
  if (!arrived || !reading) return false;
  if (!held) {
    const button = document.createElement("button");
    button.id = "held";
    button.addEventListener("click", () => {
      const page = held;
      scrollTo(0, 0);
      replace(page);
      document.getElementById("main").focus();
    });
    document.body.append(button);
  }
  held = page;
  document.getElementById("held").textContent = `${arrived} new: show`;
  return true;
}

// Keeps what the reader has opened, and where he is.
function replace(page) {
  const [old, next] = [document, page].map((each) => each.getElementById("fresh"));
  if (!next || next.outerHTML === last || hold(page, old, next)) return;
  held = undefined;
  document.getElementById("held")?.remove();
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
  for (const time of within.querySelectorAll("time")) {
    time.title = `${new Date(time.dateTime).toLocaleString()} here`;
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
