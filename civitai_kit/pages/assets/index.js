"use strict";
// The index: thousands of models searched, sorted and filtered, and only the cards in sight drawn.
(() => {
  const models = (window.LIBRARY || { models: [] }).models;
  const MISSING = "Missing from Civitai";
  const FIRST = ["Checkpoint", "LORA", "LoCon", "DoRA", "TextualInversion", "VAE", "Controlnet", "Upscaler"];
  const MATURE = 4;
  const LEVELS = { 1: "PG", 2: "PG-13", 4: "R", 8: "X", 16: "XXX", 32: "Blocked" };
  // The order in which a sort begins; what is not known comes last in both.
  const DESCENDING = { added: true, name: false, downloads: true, likes: true, size: true };

  const byId = (id) => document.getElementById(id);
  const list = byId("list");
  const narrow = window.matchMedia("(max-width: 700px)");
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  // What a person chose stays, where the browser lets a page remember.
  const remembered = (key, otherwise) => {
    try { return localStorage.getItem(`civitai-kit.${key}`) ?? otherwise; } catch { return otherwise; }
  };
  const remember = (key, value) => {
    try { localStorage.setItem(`civitai-kit.${key}`, value); } catch { /* A browser that keeps nothing. */ }
  };

  const state = { query: "", groups: new Set(), base: "", level: "", sort: "added", descending: true, covers: true, blur: true };

  const readChoices = () => {
    const [sort, way] = remembered("sort", "added desc").split(" ");
    state.sort = sort in DESCENDING ? sort : "added";
    state.descending = way !== "asc";
    state.covers = remembered("covers", "on") !== "off";
    state.blur = remembered("blur", "on") !== "off";
  };

  // Search and filters stand in the address: a page can be linked to, and Back finds it as it was.
  const readAddress = () => {
    const said = new URLSearchParams(location.hash.slice(1));
    state.query = said.get("q") || "";
    state.groups = new Set(said.getAll("type"));
    state.base = said.get("base") || "";
    state.level = said.get("level") || "";
  };
  let written = 0;
  const writeAddress = () => {
    clearTimeout(written);
    written = setTimeout(() => {
      const said = new URLSearchParams();
      if (state.query) said.set("q", state.query);
      for (const group of state.groups) said.append("type", group);
      if (state.base) said.set("base", state.base);
      if (state.level) said.set("level", state.level);
      const text = said.toString();
      history.replaceState(history.state, "", text ? `#${text}` : location.pathname + location.search);
    }, 300);
  };

  // --- Which models, in which order -----------------------------------------------------------------------------

  const words = models.map((model) =>
    [model.name, model.version, model.creator, model.file, model.base, model.type, ...(model.tags || []), ...(model.words || [])]
      .filter(Boolean).join("\n").toLowerCase());

  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  let ordered = [];
  const sortModels = () => {
    const key = state.sort;
    const way = state.descending ? -1 : 1;
    const names = (one, other) => collator.compare(models[one].name, models[other].name) || one - other;
    const compare = key === "name"
      ? (one, other) => way * names(one, other)
      : (one, other) => {
        const first = models[one][key];
        const second = models[other][key];
        if (first === undefined || second === undefined) return (first === undefined) - (second === undefined) || names(one, other);
        return first === second ? names(one, other) : (first < second ? -way : way);
      };
    ordered = models.map((_, place) => place).sort(compare);
  };

  const fits = (place, terms) => {
    const model = models[place];
    if (state.base && model.base !== state.base) return false;
    if (state.level !== "") {
      const wanted = Number(state.level);
      const level = model.level || 0;
      if (wanted === 0 ? level !== 0 : level === 0 || level > wanted) return false;
    }
    return terms.every((term) => words[place].includes(term));
  };

  const groupNames = [...new Set(models.map((model) => model.group))].sort((one, other) => {
    const rank = (name) => (name === MISSING ? 1000 : FIRST.includes(name) ? FIRST.indexOf(name) : 100);
    return rank(one) - rank(other) || collator.compare(one, other);
  });

  let shown = [];
  let counts = new Map();
  const choose = () => {
    const terms = state.query.toLowerCase().split(",").map((term) => term.trim()).filter(Boolean);
    const groups = new Map(groupNames.map((name) => [name, []]));
    counts = new Map(groupNames.map((name) => [name, 0]));
    for (const place of ordered) {
      if (!fits(place, terms)) continue;
      const group = models[place].group;
      counts.set(group, counts.get(group) + 1);
      if (!state.groups.size || state.groups.has(group)) groups.get(group).push(place);
    }
    shown = [...groups].filter(([, places]) => places.length);
  };

  // --- Where they lie: rows of cards, of which only those near the window exist --------------------------------------

  let rows = [];
  let columns = 1;
  const HEADING = 56;
  const layOut = () => {
    const width = list.clientWidth;
    const gap = narrow.matches ? 10 : 16;
    const least = state.covers ? (narrow.matches ? 150 : 196) : 280;
    columns = Math.max(1, Math.floor((width + gap) / (least + gap)));
    const card = (width - gap * (columns - 1)) / columns;
    const height = state.covers ? Math.round(card * 1.42) : 118;
    list.style.setProperty("--columns", columns);
    list.style.setProperty("--gap", `${gap}px`);
    list.style.setProperty("--height", `${height}px`);
    rows = [];
    let top = 0;
    for (const [name, places] of shown) {
      rows.push({ top, height: HEADING, heading: name, places });
      top += HEADING;
      for (let at = 0; at < places.length; at += columns) {
        rows.push({ top, height: height + gap, places: places.slice(at, at + columns) });
        top += height + gap;
      }
    }
    list.style.height = `${top}px`;
    for (const element of drawn.values()) element.remove();
    drawn.clear();
    draw();
  };

  const drawn = new Map();
  const firstRowAt = (offset) => {
    let low = 0;
    let high = rows.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle].top + rows[middle].height < offset) low = middle + 1; else high = middle;
    }
    return low;
  };

  const draw = () => {
    const above = list.getBoundingClientRect().top;
    const begin = firstRowAt(-above - window.innerHeight);
    let end = begin;
    while (end < rows.length && rows[end].top < -above + 2 * window.innerHeight) end += 1;
    for (const [index, element] of drawn) {
      // The row that has the keyboard stays, however far one scrolls.
      if ((index < begin || index >= end) && !element.contains(document.activeElement)) {
        element.remove();
        drawn.delete(index);
      }
    }
    let next = list.firstElementChild;
    for (let index = begin; index < end; index += 1) {
      while (next && Number(next.dataset.row) < index) next = next.nextElementSibling;
      if (drawn.has(index)) continue;
      const element = rowElement(rows[index], index);
      drawn.set(index, element);
      list.insertBefore(element, next);
    }
  };

  const element = (tag, className, text) => {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  const rowElement = (row, index) => {
    const made = row.heading ? element("h2", "heading", row.heading) : element("div", "cards");
    made.dataset.row = index;
    made.style.top = `${row.top}px`;
    if (row.heading) made.append(element("span", "number", row.places.length.toLocaleString("en")));
    else for (const place of row.places) made.append(cardElement(place));
    return made;
  };

  // --- A card ---------------------------------------------------------------------------------------------------

  const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
  const bytes = (amount) => {
    for (const unit of ["B", "kB", "MB"]) {
      if (amount < 999.5) return `${amount.toFixed(0)} ${unit}`;
      amount /= 1000;
    }
    return amount < 999.95 ? `${amount.toFixed(1)} GB` : `${(amount / 1000).toFixed(2)} TB`;
  };
  const addressOf = (model, name) => `${encodeURIComponent(model.folder)}/${encodeURIComponent(name)}`;
  const hue = (text) => {
    let sum = 0;
    for (let at = 0; at < text.length; at += 1) sum = (sum * 31 + text.charCodeAt(at)) % 360;
    return sum;
  };

  const placeholder = (model) => {
    const made = element("span", "cover none", Array.from(model.name.trim())[0] || "?");
    made.style.setProperty("--hue", hue(model.name));
    return made;
  };

  const cover = (model) => {
    if (!model.cover) return placeholder(model);
    const made = element(model.moving ? "video" : "img", "cover");
    if (model.moving) {
      Object.assign(made, { muted: true, loop: true, playsInline: true, preload: "metadata", tabIndex: -1 });
      made.src = `${addressOf(model, model.cover)}#t=0.1`;
    } else {
      Object.assign(made, { alt: "", loading: "lazy", decoding: "async", draggable: false });
      made.src = addressOf(model, model.cover);
    }
    made.addEventListener("error", () => made.replaceWith(placeholder(model)), { once: true });
    return made;
  };

  const cardElement = (place) => {
    const model = models[place];
    const mature = (model.level || 0) >= MATURE;
    const made = element("a", mature ? "card is-mature" : "card");
    made.href = addressOf(model, `${model.folder}.html`);
    made.dataset.place = place;
    if (state.covers) made.append(cover(model));
    const badges = element("span", "badges");
    if (model.base) badges.append(element("span", "badge", model.base));
    if (mature) badges.append(element("span", "badge mature", LEVELS[model.level] || "NSFW"));
    if (model.moving) badges.append(element("span", "badge", "Video"));
    if (model.absence) badges.append(element("span", "badge absent", model.alive ? `${model.absence} · ${model.alive}` : model.absence));
    const text = element("span", "about");
    text.append(element("span", "name", model.name));
    const by = [model.version, model.creator && `by ${model.creator}`].filter(Boolean).join(" · ");
    if (by) text.append(element("span", "who", by));
    const facts = element("span", "facts");
    const fact = (sign, meaning, said) => {
      const one = element("span");
      const mark = element("span", "", sign);
      mark.setAttribute("aria-hidden", "true");
      one.append(mark, said, element("span", "hidden", ` ${meaning} `));
      facts.append(one);
    };
    if (model.downloads !== undefined) fact("↓ ", "downloads", short.format(model.downloads));
    if (model.likes !== undefined) fact("♥ ", "likes", short.format(model.likes));
    if (model.size !== undefined) fact("", "", bytes(model.size));
    text.append(facts);
    made.append(badges, text);
    return made;
  };

  // --- What a person does -----------------------------------------------------------------------------------------

  const total = models.reduce((sum, model) => sum + (model.size || 0), 0);
  const tell = () => {
    const found = shown.reduce((sum, [, places]) => sum + places.length, 0);
    const all = models.length;
    byId("count").textContent = found === all
      ? `${all.toLocaleString("en")} ${all === 1 ? "model" : "models"}${total ? `, ${bytes(total)}` : ""}`
      : `${found.toLocaleString("en")} of ${all.toLocaleString("en")}`;
    const nothing = byId("nothing");
    nothing.hidden = found > 0;
    nothing.replaceChildren();
    if (!all) {
      nothing.append(element("h2", "", "Nothing here yet"), element("p", "", "Let the library look at your models, then make the pages again:"), element("pre", "", "civitai-kit library scan PATH\ncivitai-kit library pages"));
    } else if (!found) {
      nothing.append(element("h2", "", "No model fits"), element("p", "", "Every term between commas must match. Fewer terms or filters find more."));
    }
    byId("clear").hidden = !(state.query || state.groups.size || state.base || state.level);
    for (const chip of byId("groups").children) {
      chip.setAttribute("aria-pressed", state.groups.has(chip.dataset.group));
      chip.querySelector(".number").textContent = counts.get(chip.dataset.group).toLocaleString("en");
    }
  };

  const refresh = () => {
    choose();
    tell();
    layOut();
  };

  const changed = () => {
    refresh();
    writeAddress();
    const top = list.getBoundingClientRect().top + window.scrollY - byId("search").closest("header").offsetHeight;
    if (window.scrollY > top) window.scrollTo(0, Math.max(0, top));
  };

  const showChoices = () => {
    byId("search").value = state.query;
    byId("sort").value = state.sort;
    byId("base").value = state.base;
    byId("level").value = state.level;
    const direction = byId("direction");
    direction.textContent = state.descending ? "↓" : "↑";
    direction.setAttribute("aria-label", state.descending ? "Order: falling. Turn it around" : "Order: rising. Turn it around");
    byId("covers").setAttribute("aria-pressed", state.covers);
    byId("blur").setAttribute("aria-pressed", state.blur);
    document.body.classList.toggle("blurred", state.blur);
    document.body.classList.toggle("covered", state.covers);
  };

  const fillFilters = () => {
    const bases = new Map();
    for (const model of models) if (model.base) bases.set(model.base, (bases.get(model.base) || 0) + 1);
    for (const [name, number] of [...bases].sort(([one], [other]) => collator.compare(one, other))) {
      const option = element("option", "", `${name} (${number.toLocaleString("en")})`);
      option.value = name;
      byId("base").append(option);
    }
    for (const name of groupNames) {
      const chip = element("button", "chip", name);
      chip.type = "button";
      chip.dataset.group = name;
      chip.append(element("span", "number", ""));
      chip.addEventListener("click", () => {
        if (!state.groups.delete(name)) state.groups.add(name);
        changed();
      });
      byId("groups").append(chip);
    }
    byId("groups").hidden = groupNames.length < 2;
  };

  const resort = () => {
    remember("sort", `${state.sort} ${state.descending ? "desc" : "asc"}`);
    showChoices();
    sortModels();
    changed();
  };

  const listen = () => {
    byId("search").addEventListener("input", (event) => { state.query = event.target.value; changed(); });
    byId("sort").addEventListener("change", (event) => {
      state.sort = event.target.value;
      state.descending = DESCENDING[state.sort];
      resort();
    });
    byId("direction").addEventListener("click", () => { state.descending = !state.descending; resort(); });
    byId("base").addEventListener("change", (event) => { state.base = event.target.value; changed(); });
    byId("level").addEventListener("change", (event) => { state.level = event.target.value; changed(); });
    byId("covers").addEventListener("click", () => {
      state.covers = !state.covers;
      remember("covers", state.covers ? "on" : "off");
      showChoices();
      changed();
    });
    byId("blur").addEventListener("click", () => {
      state.blur = !state.blur;
      remember("blur", state.blur ? "on" : "off");
      showChoices();
    });
    byId("clear").addEventListener("click", () => {
      Object.assign(state, { query: "", groups: new Set(), base: "", level: "" });
      showChoices();
      changed();
      byId("search").focus();
    });
    byId("more").addEventListener("click", (event) => {
      const open = document.body.classList.toggle("filtering");
      event.currentTarget.setAttribute("aria-expanded", open);
    });
    document.addEventListener("keydown", onKey);
    list.addEventListener("pointerover", (event) => play(event.target, true));
    list.addEventListener("pointerout", (event) => play(event.target, false));
    window.addEventListener("scroll", later(draw), { passive: true });
    window.addEventListener("resize", later(layOut));
    window.addEventListener("hashchange", () => { readAddress(); showChoices(); refresh(); });
  };

  const later = (act) => {
    let waits = false;
    return () => {
      if (waits) return;
      waits = true;
      requestAnimationFrame(() => { waits = false; act(); });
    };
  };

  const play = (target, starts) => {
    const video = target.closest?.(".card")?.querySelector("video");
    if (!video || still.matches) return;
    if (starts) video.play().catch(() => {}); else video.pause();
  };

  const onKey = (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement?.tagName || "");
    if (event.key === "/" && !typing) {
      event.preventDefault();
      byId("search").select();
    } else if (event.key === "Escape" && document.activeElement === byId("search") && state.query) {
      state.query = byId("search").value = "";
      changed();
    } else if (event.key in STEPS && document.activeElement?.classList.contains("card")) {
      step(document.activeElement, event);
    }
  };

  // Arrows go from card to card, also to one that is not drawn yet.
  const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  const step = (card, event) => {
    let row = Number(card.parentElement.dataset.row);
    let at = [...card.parentElement.children].indexOf(card) + STEPS[event.key][1];
    let down = STEPS[event.key][0];
    if (at < 0) { down = -1; at = Infinity; } else if (at >= rows[row].places.length) { down = 1; at = 0; }
    if (down) {
      row += down;
      while (rows[row]?.heading) row += down;
    }
    if (!rows[row]) return;
    event.preventDefault();
    const bar = document.querySelector(".bar").offsetHeight;
    const top = list.getBoundingClientRect().top + rows[row].top;
    if (top < bar + 8) window.scrollBy(0, top - bar - 16);
    else if (top + rows[row].height > window.innerHeight) window.scrollBy(0, top + rows[row].height - window.innerHeight + 8);
    draw();
    const cards = drawn.get(row).children;
    cards[Math.min(at, cards.length - 1)].focus({ preventScroll: true });
  };

  document.body.classList.toggle("empty", !models.length);
  readChoices();
  readAddress();
  fillFilters();
  showChoices();
  sortModels();
  refresh();
  listen();
})();
