"use strict";
// Keeps the wall fresh and makes it usable by keys. What is shown comes as HTML from the service,
// which escapes every name and message; this script puts no text of people into the page as markup.
(() => {
  const EVERY = 2000;
  const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
  const root = document.documentElement;
  const xsrf = document.querySelector('meta[name="xsrf"]').content;
  const $ = selector => document.querySelector(selector);
  const headers = { "X-XSRFToken": xsrf };
  let etag = "";
  let missed = 0;
  let saidUntil = 0;

  // --- fresh ----------------------------------------------------------------------------
  async function refresh() {
    try {
      const known = etag ? { ...headers, "If-None-Match": etag } : headers;
      const answer = await fetch("state", { headers: known, cache: "no-store", redirect: "error" });
      if (answer.status === 403 || answer.status === 401) return location.reload();
      if (answer.status === 200) {
        etag = answer.headers.get("ETag") || "";
        put(await answer.json());
      }
      if (missed > 2) say("The wall is live again.");
      missed = 0;
    } catch (error) {
      missed += 1;
      if (missed > 2) say("The hub does not answer; the wall shows what was known last.", 60);
    }
  }

  function put(sections) {
    for (const [name, html] of Object.entries(sections)) {
      const place = document.getElementById(name);
      if (!place || place.dataset.html === html) continue;
      // A person who works with keys keeps her place when the part below her is replaced.
      const inside = place.contains(document.activeElement) ? document.activeElement : null;
      const key = inside && inside.dataset.key;
      const was = inside ? [...place.querySelectorAll("[data-key]")].indexOf(inside) : -1;
      const scroll = place.scrollTop;
      place.innerHTML = html;
      place.dataset.html = html;
      place.scrollTop = scroll;
      if (inside && inside !== place) keepPlace(place, key, was);
    }
    dress();
  }

  function keepPlace(place, key, was) {
    const all = [...place.querySelectorAll("[data-key]")];
    const same = all.find(each => each.dataset.key === key) || all[Math.min(was, all.length - 1)];
    if (same) { rove(same); same.focus(); }
  }

  function dress() {
    for (const time of document.querySelectorAll("time[data-clock]")) {
      const moment = new Date(time.dateTime);
      time.textContent = moment.toLocaleTimeString([], CLOCK);
    }
    if (lastSeat) {
      const tile = [...document.querySelectorAll(".tile")].find(each => each.dataset.key === lastSeat);
      if (tile) { rove(tile); tell(tile); }
    }
  }

  function tick() {
    $(".clock").textContent = new Date().toLocaleTimeString([], CLOCK);
    if (saidUntil && Date.now() > saidUntil) { $("#said").hidden = true; saidUntil = 0; }
  }

  function say(text, seconds = 6) {
    $("#said").textContent = text;
    $("#said").hidden = false;
    saidUntil = Date.now() + 1000 * seconds;
  }

  // --- doing ----------------------------------------------------------------------------
  async function post(address, fields, done) {
    try {
      const answer = await fetch(address, {
        method: "POST", headers, redirect: "error", body: new URLSearchParams(fields),
      });
      const told = await answer.json();
      if (answer.ok) { if (done) say(done); } else say(`${told.message} ${told.next_step}`, 12);
    } catch (error) {
      say("The hub did not answer: nothing was changed. Try again.", 12);
    }
    etag = "";
    await refresh();
  }

  const actions = {
    names() {
      const hidden = root.dataset.names === "hidden";
      setNames(hidden ? "shown" : "hidden");
    },
    theme() {
      const next = { "": "dark", dark: "light", light: "" }[root.dataset.theme || ""];
      keep("theme", next);
      root.dataset.theme = next;
      say(next ? `Colours: ${next}` : "Colours: as the computer has them", 3);
    },
    message() { $("#message-dialog").showModal(); $("#message-dialog textarea").focus(); },
    extend() {
      const button = $('[data-do="extend"]');
      if (!button) { say("From here nothing can be extended now: see below the deadline.", 6); return; }
      const { shown, to, costs, left } = button.dataset;
      const dialog = $("#extend-dialog");
      dialog.dataset.shown = shown;
      $(".extend-to").textContent = new Date(to).toLocaleTimeString([], CLOCK);
      $(".extend-costs").textContent = costs ? `, for ${costs} more` : "";
      $(".extend-left").textContent = left === "1" ? "It is the last time from here." : `It can be done ${left} times from here.`;
      dialog.showModal();
      $('[data-do="give"]').focus();
    },
    give() {
      const dialog = $("#extend-dialog");
      dialog.close();
      post("extend", { deadline: dialog.dataset.shown }, "The hosts are being told; the new time stands here within seconds.");
    },
    keys() { $("#keys-dialog").showModal(); },
    close(button) { button.closest("dialog").close(); },
    done(button) { post("done", { username: button.dataset.username }); },
    gone(button) { post("messages/gone", { id: button.dataset.id }, "The message is taken back."); },
    help() { const first = $("#help button"); if (first) first.focus(); else say("Nobody wants help.", 3); },
    seats() { const tile = $('.tile[tabindex="0"]'); if (tile) tile.focus(); },
    attention() {
      const all = [...document.querySelectorAll(".tile")];
      const from = all.indexOf(document.activeElement) + 1;
      const wants = tile => tile.matches(".t-stuck, .t-dead, .t-out-of-memory, .asks");
      const next = [...all.slice(from), ...all.slice(0, from)].find(wants);
      if (next) { rove(next); next.focus(); } else say("No seat needs attention.", 3);
    },
  };
  const keys = {
    n: "names", m: "message", e: "extend", t: "theme", h: "help", s: "seats", a: "attention", "?": "keys",
  };

  document.addEventListener("click", event => {
    const button = event.target.closest("[data-do]");
    if (button) actions[button.dataset.do](button);
  });
  document.addEventListener("keydown", event => {
    if (event.ctrlKey && event.key === "Enter" && event.target.matches("textarea")) {
      event.target.form.requestSubmit();
      return;
    }
    if (event.ctrlKey || event.altKey || event.metaKey || $("dialog[open]")) return;
    if (event.target.matches("input, textarea")) return;
    if (event.target.matches(".tile") && moved(event)) return;
    const action = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (action) { event.preventDefault(); actions[action](); }
  });
  $("#message-dialog form").addEventListener("submit", event => {
    event.preventDefault();
    const form = new FormData(event.target);
    $("#message-dialog").close();
    event.target.reset();
    post("messages", form, "All seats show it within 20 seconds.");
  });

  // --- seats: one stop of the Tab key, arrows inside ---------------------------------------
  let lastSeat = "";

  function rove(tile) {
    if (!tile.matches(".tile")) return;
    for (const other of document.querySelectorAll('.tile[tabindex="0"]')) other.tabIndex = -1;
    tile.tabIndex = 0;
  }

  function moved(event) {
    const all = [...document.querySelectorAll(".tile")];
    const at = all.indexOf(event.target);
    const top = all[0].getBoundingClientRect().top;
    const row = all.filter(each => each.getBoundingClientRect().top === top).length;
    const to = {
      ArrowRight: at + 1, ArrowLeft: at - 1, ArrowDown: at + row, ArrowUp: at - row, Home: 0, End: all.length - 1,
    }[event.key];
    if (to === undefined) return false;
    event.preventDefault();
    if (all[to]) { rove(all[to]); all[to].focus(); }
    return true;
  }

  function tell(tile) {
    const story = $("#story");
    const number = document.createElement("b");
    number.textContent = tile.querySelector("b").textContent;
    const name = document.createElement("span");
    name.className = "name";
    name.textContent = ` ${tile.querySelector(".name").textContent}`;
    story.replaceChildren(number, name, `: ${tile.dataset.says}`);
  }

  for (const kind of ["focusin", "pointerover"]) {
    document.addEventListener(kind, event => {
      const tile = event.target.closest && event.target.closest(".tile");
      if (tile) { lastSeat = tile.dataset.key; tell(tile); }
    });
  }

  // --- what this browser remembers ---------------------------------------------------------
  function keep(what, value) {
    try { localStorage.setItem(`workshop-wall-${what}`, value); } catch (error) { /* not kept */ }
  }
  function kept(what) {
    try { return localStorage.getItem(`workshop-wall-${what}`) || ""; } catch (error) { return ""; }
  }
  function setNames(value) {
    root.dataset.names = value;
    keep("names", value);
    const button = $('[data-do="names"]');
    button.setAttribute("aria-pressed", String(value === "hidden"));
    button.firstChild.textContent = value === "hidden" ? "Show names " : "Hide names ";
  }

  setNames(kept("names") || "shown");
  root.dataset.theme = kept("theme");
  dress();
  tick();
  setInterval(tick, 1000);
  (async function live() {
    // A wall that nobody can see asks nothing.
    if (document.visibilityState === "visible") await refresh();
    setTimeout(live, EVERY);
  })();
})();
