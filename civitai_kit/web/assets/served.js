"use strict";
// What the library's pages can do while `civitai-kit serve` shows them: fetch files to its disk, and follow that.
// Whatever the server says is put in as text.
(() => {
  const ROOT = new URL("..", document.currentScript.src);
  const TOKEN = "civitai-kit.token";
  const FOLDED = "civitai-kit.downloads-folded";
  const IS_INDEX = document.body.classList.contains("index");
  const MOST_ENDED = 5;
  const MOST_ERRORS = 5;
  // The server says something every 15 seconds; who is silent for longer is gone.
  const SILENCE = 45_000;
  const LONGEST_WAIT = 30;

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };
  const button = (text, about) => {
    const made = element("button", "button", text);
    made.type = "button";
    made.append(about);
    return made;
  };

  const kept = (store, key) => {
    try { return window[store].getItem(key) || ""; } catch { return ""; }
  };
  const keep = (store, key, value) => {
    try {
      if (value) window[store].setItem(key, value); else window[store].removeItem(key);
    } catch { /* A browser that keeps nothing. */ }
  };

  // --- What is known --------------------------------------------------------------------------------------------

  let token = kept("sessionStorage", TOKEN) || kept("localStorage", TOKEN);
  // Whether the server took the token, and what is wrong between it and us.
  let isAccepted = false;
  let trouble = "";
  // Whether the token was just typed, and not answered yet.
  let isTyped = false;
  let rows = new Map();
  // The downloads of `rows` that a reader stopped here, until the server says that they have ended.
  const stopping = new Set();
  let isFolded = Boolean(kept("sessionStorage", FOLDED));

  const isActive = (row) => row.status === "queued" || row.status === "running";

  // --- Asking the server ----------------------------------------------------------------------------------------

  class Refused extends Error {}
  const NO_ANSWER = "The server does not answer.";

  const ask = async (path, parts = {}) => {
    const headers = { ...parts.headers, Authorization: `Bearer ${token}` };
    let answer;
    try {
      answer = await fetch(new URL(`api/admin/${path}`, ROOT), { ...parts, headers, cache: "no-store" });
    } catch {
      throw new Error(NO_ANSWER);
    }
    if (answer.status === 401) throw new Refused();
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    throw new Error(typeof said.detail === "string" ? said.detail : `The server answered ${answer.status}.`);
  };

  // Ask for what a reader clicked; the sentence of a refusal goes to `told`.
  const order = async (path, parts, told) => {
    told("");
    try {
      take(await (await ask(path, parts)).json());
    } catch (error) {
      if (error instanceof Refused) refuse(); else told(error.message);
    }
  };
  const fetchFile = (ref, told) => order("download", { method: "POST", body: JSON.stringify({ ref }) }, told);
  const stop = async (row, told) => {
    stopping.add(row.id);
    draw();
    await order(`download/${row.id}`, { method: "DELETE" }, (text) => { if (text) stopping.delete(row.id); told(text); });
  };

  // --- Following the downloads ----------------------------------------------------------------------------------

  // EventSource cannot send a token, so the stream is read by hand. A browser opens few connections to one server
  // for all its tabs: only tabs that are seen follow.
  let following = new AbortController();
  const follow = async () => {
    const { signal } = following = new AbortController();
    for (let wait = 1; !signal.aborted; wait = Math.min(2 * wait, LONGEST_WAIT)) {
      try {
        // The whole list first: a server that was started anew counts from one again.
        takeAll((await (await ask("download", { signal })).json()).downloads);
        const last = Math.max(0, ...[...rows.values()].map((row) => row.revision));
        const answer = await ask("events", { signal, headers: last ? { "Last-Event-ID": String(last) } : {} });
        await read(answer.body, () => { wait = 1; });
        trouble = NO_ANSWER;
      } catch (error) {
        if (signal.aborted) return;
        if (error instanceof Refused) { refuse(); return; }
        trouble = error.message;
      }
      if (signal.aborted) return;
      draw();
      await new Promise((done) => setTimeout(done, 1000 * wait));
    }
  };

  const read = async (body, heard) => {
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    for (;;) {
      const silence = setTimeout(() => reader.cancel().catch(() => {}), SILENCE);
      const { done, value } = await reader.read().finally(() => clearTimeout(silence));
      if (done) return;
      heard();
      const events = (text + value).split("\n\n");
      text = events.pop();
      for (const event of events) {
        const said = event.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5));
        if (said.length) take(JSON.parse(said.join("\n")));
      }
    }
  };

  const takeAll = (downloads) => {
    const before = rows;
    rows = new Map(downloads.map((row) => [row.id, row]));
    stopping.clear();
    // The server was away since, or is another one.
    for (const spot of spots) put(spot.wrong, "");
    for (const row of downloads) announce(row, before.get(row.id));
    isAccepted = true;
    trouble = "";
    if (isTyped) say("The server takes the token.");
    isTyped = false;
    draw();
  };
  const take = (row) => {
    const before = rows.get(row.id);
    if (before && before.revision > row.revision) return;
    rows.set(row.id, row);
    if (!isActive(row)) stopping.delete(row.id);
    announce(row, before);
    draw();
  };

  const restart = () => {
    following.abort();
    if (token && document.visibilityState === "visible") follow();
    draw();
  };
  const forget = () => {
    for (const store of ["sessionStorage", "localStorage"]) keep(store, TOKEN, "");
    token = "";
    trouble = "";
    isTyped = isAccepted = false;
    rows = new Map();
    restart();
  };
  const refuse = () => {
    forget();
    trouble = "The server does not take this token.";
    panel.root.open = true;
    draw();
    if (panel.root.contains(document.activeElement)) panel.field.focus();
    say(trouble);
  };

  document.addEventListener("visibilitychange", restart);
  window.addEventListener("storage", (event) => {
    if (event.key !== TOKEN) return;
    token = event.newValue || kept("sessionStorage", TOKEN);
    isAccepted &&= Boolean(token);
    restart();
  });

  // --- In words -------------------------------------------------------------------------------------------------

  const bytes = (amount) => {
    for (const unit of ["B", "kB", "MB"]) {
      if (amount < 999.5) return `${amount.toFixed(amount < 9.95 && unit !== "B" ? 1 : 0)} ${unit}`;
      amount /= 1000;
    }
    return amount < 999.95 ? `${amount.toFixed(1)} GB` : `${(amount / 1000).toFixed(2)} TB`;
  };
  const time = (seconds) => {
    if (seconds < 90) return `${Math.ceil(seconds)} s`;
    if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
    return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
  };
  const counted = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;
  const percent = (row) => (row.size ? Math.min(100, Math.floor((100 * row.done) / row.size)) : 0);
  const nameOf = (row) => row.name || row.ref.replace(/^https?:\/\//, "");

  const running = (row) => {
    if (!row.files) return row.waits || "Asking the site…";
    const left = row.size - row.done;
    const parts = [`${percent(row)} %`, `${bytes(row.done)} of ${bytes(row.size)}`];
    if (row.files > 1) parts.push(`${row.finished} of ${row.files} files`);
    if (row.speed) parts.push(`${bytes(row.speed)}/s`);
    if (row.speed && left > 0) parts.push(`${time(left / row.speed)} left`);
    const waits = [row.waits, ...row.moving.map((file) => file.waits)].find(Boolean);
    return waits ? `${parts.join(", ")}. ${waits}` : parts.join(", ");
  };
  const WHERE = "`civitai-kit library scan`, then `civitai-kit library pages`, make its page.";
  const WHY = {
    have: "here already", unsafe: "unsafe by the site's scan", early_access: "in early access", private: "private",
    not_downloadable: "not for download", archived: "archived", taken_down: "taken down", no_files: "without files",
  };
  const passedOver = ([reason, number]) =>
    `${number} ${WHY[reason] || `left out by the settings (${reason.replaceAll("_", " ")})`}`;
  const saved = (row) => {
    if (!row.saved.length) return `Nothing to fetch: ${Object.entries(row.skips).map(passedOver).join(", ") || "no files"}.`;
    const more = row.finished - row.saved.length;
    return `Fetched to ${row.saved.join(", ")}${more > 0 ? ` and ${counted(more, "more file")}` : ""} below the save path. ${WHERE}`;
  };
  const failed = (row) => {
    const told = row.errors.slice(0, MOST_ERRORS).flatMap((error) => [error.message, error.hint].filter(Boolean));
    return [row.saved.length ? `Failed in part: ${counted(row.finished, "file")} came.` : "Failed.", ...told].join("\n");
  };
  const words = (row) => (stopping.has(row.id) ? "Stopping…" : {
    queued: () => "Waits for its turn",
    running: () => running(row),
    done: () => saved(row),
    failed: () => failed(row),
    stopped: () => "Stopped. What has come is kept, and gone on from.",
  })[row.status]?.() ?? row.status;

  // A screen reader hears when something begins and ends, and each quarter of the way.
  const live = element("p", "hidden");
  live.setAttribute("role", "status");
  const say = (text) => { live.textContent = text; };
  const quarter = (row) => Math.floor(percent(row) / 25);
  const announce = (row, before) => {
    if (before?.ref !== row.ref) return;
    if (row.status !== before.status) say(`${nameOf(row)}: ${row.status === "running" ? "begun" : words(row)}`);
    else if (row.status === "running" && quarter(row) > quarter(before)) say(`${nameOf(row)}: ${percent(row)} %`);
  };

  // --- One download: its elements stay, so that the keyboard stays where it is --------------------------------------

  const makeView = (tag, afterStop) => {
    const root = element(tag, "served-row");
    const about = element("span", "hidden");
    const view = {
      root, about,
      name: element("p", "served-name"),
      bar: element("progress"),
      facts: element("p", "served-facts"),
      wrong: element("p", "served-wrong"),
      stop: button("Stop", about),
      row: null,
    };
    const texts = element("div", "served-texts");
    texts.append(view.name, view.bar, view.facts, view.wrong);
    root.append(texts, view.stop);
    view.wrong.setAttribute("role", "alert");
    view.stop.addEventListener("click", () => stop(view.row, (text) => put(view.wrong, isActive(view.row) ? text : "")));
    view.afterStop = afterStop;
    return view;
  };

  const put = (made, text) => {
    if (made.textContent !== text) made.textContent = text;
    made.hidden = !text;
  };

  const showRow = (view, row) => {
    if (view.row?.id !== row.id || !isActive(row)) put(view.wrong, "");
    view.row = row;
    view.root.dataset.status = row.status;
    put(view.name, IS_INDEX ? nameOf(row) : "");
    put(view.facts, words(row));
    put(view.about, `: ${nameOf(row)}`);
    view.bar.setAttribute("aria-label", nameOf(row));
    view.bar.hidden = row.status !== "running";
    if (row.size) Object.assign(view.bar, { max: row.size, value: Math.min(row.done, row.size) });
    else view.bar.removeAttribute("value");
    const hadFocus = document.activeElement === view.stop;
    view.stop.hidden = !isActive(row);
    if (hadFocus && view.stop.hidden) view.afterStop();
  };

  // --- Buttons beside the links of a model's page ------------------------------------------------------------------

  const makeSpot = (link) => {
    const name = link.querySelector(".hidden").textContent.trim();
    const root = element("div", "served-spot");
    const fetchIt = button("Fetch to this library", element("span", "hidden", `: ${name}`));
    const wrong = element("p", "served-wrong");
    wrong.setAttribute("role", "alert");
    const view = makeView("div", () => {
      if (!fetchIt.hidden) { fetchIt.focus(); return; }
      view.facts.tabIndex = -1;
      view.facts.focus();
    });
    root.append(fetchIt, wrong, view.root);
    link.closest("li").append(root);
    const spot = { root, wrong, fetchIt, view, ref: link.href };
    fetchIt.addEventListener("click", async () => {
      fetchIt.disabled = true;
      await fetchFile(spot.ref, (text) => put(wrong, text));
      fetchIt.disabled = false;
      if (!fetchIt.hidden) fetchIt.focus();
      else if (isActive(view.row)) view.stop.focus();
    });
    return spot;
  };
  const spots = [...document.querySelectorAll("a.download")].map(makeSpot);

  const drawSpot = (spot) => {
    const row = [...rows.values()].filter((one) => one.ref === spot.ref).sort((one, other) => other.id - one.id)[0];
    spot.root.hidden = !isAccepted;
    spot.wrong.hidden = !spot.wrong.textContent;
    spot.view.root.hidden = !row;
    spot.fetchIt.hidden = Boolean(row) && (isActive(row) || (row.status === "done" && row.saved.length > 0));
    if (row) showRow(spot.view, row);
  };

  // --- The panel: the list on the index, and wherever it is missing the field for the token ------------------------

  const makePanel = () => {
    const root = element("details", "served");
    const summary = element("summary");
    const count = element("span", "served-count");
    summary.append(element("h2", "", "Downloads"), count);
    const form = makeForm();
    const list = element("ul", "served-list");
    list.setAttribute("role", "list");
    const none = element("p", "faint", "Nothing runs or waits. A model's page has buttons that fetch its other versions and files.");
    const out = button("Forget the token", "");
    out.classList.add("plain");
    out.addEventListener("click", () => { forget(); root.open = true; panel.field.focus(); });
    // Open while there is something to see, unless the reader folded it.
    summary.addEventListener("click", () => {
      isFolded = root.open;
      keep("sessionStorage", FOLDED, isFolded ? "yes" : "");
    });
    root.append(summary, form.root, list, none, out);
    return { ...form, root, summary, count, form: form.root, list, none, out, views: new Map() };
  };

  const makeForm = () => {
    const root = element("form", "served-form");
    const field = Object.assign(element("input"), { type: "password", autocomplete: "off", required: true });
    const always = Object.assign(element("input"), { type: "checkbox" });
    const wrong = element("p", "served-wrong");
    wrong.id = "served-wrong";
    field.setAttribute("aria-describedby", wrong.id);
    const label = element("label", "served-token", "Token");
    label.append(field);
    const remember = element("label", "served-remember");
    remember.append(always, "Remember on this device");
    const give = Object.assign(element("button", "button", "Use it"), { type: "submit" });
    const told = "With the server's token this page fetches models to its disk. The token was shown when `civitai-kit serve` first started, and stands in the file serve-token.";
    root.append(element("p", "faint", told), label, remember, give, wrong);
    root.addEventListener("submit", (event) => {
      event.preventDefault();
      token = field.value.trim();
      field.value = "";
      trouble = "";
      isTyped = true;
      // A header holds nothing else.
      if (!/^[\x21-\x7e]+$/.test(token)) { refuse(); return; }
      keep("sessionStorage", TOKEN, token);
      keep("localStorage", TOKEN, always.checked ? token : "");
      restart();
    });
    return { root, field, wrong };
  };

  const summaryOf = (shown) => {
    if (!token) return "need the server's token";
    if (trouble) return `${trouble} Trying again…`;
    if (!isAccepted) return "";
    const said = { running: "running", queued: "waiting", failed: "failed", done: "done", stopped: "stopped" };
    const counts = Object.entries(said).map(([status, word]) => [shown.filter((row) => row.status === status).length, word]);
    return counts.filter(([number]) => number).map(([number, word]) => `${number} ${word}`).join(", ") || "none";
  };

  const drawList = (shown) => {
    for (const [id, view] of panel.views) {
      if (shown.some((row) => row.id === id)) continue;
      view.root.remove();
      panel.views.delete(id);
    }
    shown.forEach((row, place) => {
      if (!panel.views.has(row.id)) panel.views.set(row.id, makeView("li", () => panel.summary.focus()));
      const view = panel.views.get(row.id);
      showRow(view, row);
      // Moved only where it stands wrong: what is moved loses the keyboard.
      if (panel.list.children[place] !== view.root) panel.list.insertBefore(view.root, panel.list.children[place] || null);
    });
  };

  // What runs, then what waits in its order, then what ended last.
  const inOrder = () => {
    const all = [...rows.values()];
    const of = (...statuses) => all.filter((row) => statuses.includes(row.status));
    const ended = of("done", "failed", "stopped").sort((one, other) => other.revision - one.revision);
    return [...of("running"), ...of("queued").sort((one, other) => one.id - other.id), ...ended.slice(0, MOST_ENDED)];
  };

  const drawPanel = () => {
    const shown = IS_INDEX ? inOrder() : [];
    const focused = document.activeElement;
    panel.root.hidden = !IS_INDEX && Boolean(token) && !trouble && !isTyped;
    put(panel.count, summaryOf([...rows.values()]));
    panel.form.hidden = Boolean(token);
    put(panel.wrong, token ? "" : trouble);
    panel.field.setAttribute("aria-invalid", Boolean(trouble) && !token);
    panel.list.hidden = !shown.length;
    panel.none.hidden = !isAccepted || shown.length > 0 || !IS_INDEX;
    panel.out.hidden = !token;
    drawList(shown);
    if (shown.some(isActive) && !isFolded) panel.root.open = true;
    // What vanishes lets the keyboard go to what is nearest.
    if (panel.root.hidden && panel.root.contains(focused)) document.querySelector("main").focus();
    else if (panel.form.hidden && panel.form.contains(focused)) panel.summary.focus();
  };

  const draw = () => {
    drawPanel();
    spots.forEach(drawSpot);
  };

  const style = Object.assign(element("link"), { rel: "stylesheet", href: new URL("_pages/served.css", ROOT).href });
  document.head.append(style);
  const panel = makePanel();
  if (IS_INDEX) document.getElementById("models").prepend(panel.root);
  else document.querySelector("main .title").after(panel.root);
  document.body.append(live);
  restart();
})();
