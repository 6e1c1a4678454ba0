"use strict";
// Messages of the instructor in JupyterLab. A prebuilt extension, written by hand: the object at
// the end is what webpack's module federation would make, see hub_config/wall/labextension.py.
(() => {
  const ADDRESS = "/services/wall/notices";
  const HELP = "/services/wall/help";
  const SOON = 15000;
  const LATER = 120000;
  let touched = Date.now();
  let gone = new Set();

  function bar() {
    const found = document.getElementById("workshop-notices");
    if (found) return found;
    const made = document.createElement("div");
    made.id = "workshop-notices";
    made.setAttribute("role", "status");
    made.setAttribute("aria-live", "polite");
    Object.assign(made.style, {
      // Above the status bar: nothing there is needed at once, while menus and tabs are.
      position: "fixed", zIndex: "9000", bottom: "2.2rem", left: "50%", transform: "translateX(-50%)",
      width: "min(46rem, 80vw)", display: "flex", flexDirection: "column", gap: "0.4rem",
      font: "15px/1.4 system-ui, sans-serif", pointerEvents: "none",
    });
    document.body.append(made);
    return made;
  }

  function notice(kind, text, colour, act) {
    const line = document.createElement("div");
    line.className = `workshop-notice workshop-notice-${kind}`;
    Object.assign(line.style, {
      display: "flex", gap: "1rem", alignItems: "center", justifyContent: "space-between",
      padding: "0.55rem 0.9rem", borderRadius: "0.6rem", color: "#fff", background: colour,
      boxShadow: "0 4px 16px #0005", pointerEvents: "auto",
    });
    const words = document.createElement("span");
    // As text, never as markup.
    words.textContent = text;
    words.style.overflowWrap = "anywhere";
    line.append(words, act);
    return line;
  }

  function button(text, label, pressed) {
    const made = document.createElement("button");
    made.textContent = text;
    made.setAttribute("aria-label", label);
    Object.assign(made.style, {
      font: "inherit", fontWeight: "600", color: "inherit", background: "none", whiteSpace: "nowrap",
      border: "1px solid #fff9", borderRadius: "0.4rem", padding: "0.15rem 0.6rem", cursor: "pointer",
    });
    made.addEventListener("click", pressed);
    return made;
  }

  function show(told) {
    const place = bar();
    const own = told.own.map(each => ({ ...each, own: true }));
    const all = [...own, ...told.messages];
    const standing = new Set(all.map(each => each.id));
    gone = new Set([...gone].filter(id => standing.has(id)));
    const lines = all.filter(each => !gone.has(each.id)).map(each => {
      const hide = button("OK", "Hide this message", () => { gone.add(each.id); show(told); });
      return each.own ? notice("own", each.text, "#5a3d7a", hide) : notice("message", each.text, "#9c4406", hide);
    });
    if (told.help) {
      const open = button("Take back", "Open the page on which you take it back", () => window.open(HELP));
      lines.push(notice("help", "You have asked for help. Somebody will come.", "#1f5f99", open));
    }
    const now = JSON.stringify([told, [...gone]]);
    // What is the same stays: a screen reader must not say it again.
    if (place.dataset.now !== now) { place.dataset.now = now; place.replaceChildren(...lines); }
  }

  async function ask() {
    const idle = Math.round((Date.now() - touched) / 1000);
    try {
      // In this mode the hub's login at the wall happens by itself, without a page of its own.
      const answer = await fetch(`${ADDRESS}?idle=${idle}`, { mode: "no-cors", cache: "no-store" });
      show(await answer.json());
      return SOON;
    } catch (error) {
      return LATER;
    }
  }

  async function live() {
    const pause = document.visibilityState === "visible" ? await ask() : SOON;
    // Not all seats at the same moment.
    setTimeout(live, pause * (0.8 + 0.4 * Math.random()));
  }

  function activate() {
    for (const kind of ["pointerdown", "pointermove", "keydown", "wheel"]) {
      document.addEventListener(kind, () => { touched = Date.now(); }, { capture: true, passive: true });
    }
    document.addEventListener("visibilitychange", () => { if (document.visibilityState === "visible") ask(); });
    live();
  }

  const plugin = { id: "workshop-notices:plugin", autoStart: true, activate };
  window._JUPYTERLAB = window._JUPYTERLAB || {};
  window._JUPYTERLAB["workshop-notices"] = {
    init: () => undefined,
    get: () => Promise.resolve(() => ({ __esModule: true, default: plugin })),
  };
})();
