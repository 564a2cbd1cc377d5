"use strict";
// A model's page: its gallery, and buttons that copy.
(() => {
  const byId = (id) => document.getElementById(id);
  const shots = [...document.querySelectorAll(".generation")];
  const still = window.matchMedia("(prefers-reduced-motion: reduce)");

  // --- Copying --------------------------------------------------------------------------------------------------

  const copied = async (text) => {
    try {
      await navigator.clipboard.writeText(text);
      return true;
    } catch {
      // Over plain HTTP a browser has no clipboard for us but the old one.
      const field = document.createElement("textarea");
      field.value = text;
      field.setAttribute("readonly", "");
      field.className = "hidden";
      (document.querySelector("dialog[open]") || document.body).append(field);
      field.select();
      const done = document.execCommand("copy");
      field.remove();
      return done;
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("[data-copy]");
    if (!button) return;
    const done = await copied(button.dataset.copy);
    byId("said").textContent = done ? "Copied" : "This browser does not let a page copy";
    button.classList.add(done ? "done" : "failed");
    button.focus();
    setTimeout(() => button.classList.remove("done", "failed"), 1500);
  });

  // --- The switch for blurred pictures, the same as on the index ---------------------------------------------------

  const blur = byId("blur");
  const setBlur = (on) => {
    document.body.classList.toggle("blurred", on);
    blur?.setAttribute("aria-pressed", on);
  };
  let isBlurred = true;
  try { isBlurred = localStorage.getItem("civitai-kit.blur") !== "off"; } catch { /* A browser that keeps nothing. */ }
  setBlur(isBlurred);
  const turnBlur = () => {
    isBlurred = !isBlurred;
    setBlur(isBlurred);
    try { localStorage.setItem("civitai-kit.blur", isBlurred ? "on" : "off"); } catch { /* The same. */ }
  };
  blur?.addEventListener("click", turnBlur);
  byId("reveal").addEventListener("click", () => {
    turnBlur();
    byId("reveal").hidden = true;
    byId("close").focus();
  });

  // --- The gallery ------------------------------------------------------------------------------------------------

  const viewer = byId("viewer");
  let at = 0;

  const show = (place) => {
    at = (place + shots.length) % shots.length;
    const shot = shots[at];
    const kind = shot.dataset.kind;
    const media = document.createElement(kind);
    if (kind === "img") media.alt = `Picture ${at + 1}`;
    else Object.assign(media, { controls: true, loop: true, autoplay: !still.matches });
    if (kind === "video") media.muted = true;
    media.src = shot.dataset.src;
    byId("stage").replaceChildren(media);
    const isMature = document.querySelector(`[data-shot="${at}"]`).classList.contains("is-mature");
    byId("stage").classList.toggle("is-mature", isMature);
    byId("reveal").hidden = !(isMature && isBlurred);
    byId("side").replaceChildren(...shot.cloneNode(true).childNodes);
    byId("side").scrollTop = 0;
    byId("place").textContent = `${at + 1} / ${shots.length}`;
    for (const id of ["previous", "next"]) byId(id).hidden = shots.length < 2;
  };

  byId("gallery")?.addEventListener("click", (event) => {
    const shot = event.target.closest("[data-shot]");
    if (!shot) return;
    show(Number(shot.dataset.shot));
    viewer.showModal();
    byId("close").focus();
  });
  byId("previous").addEventListener("click", () => show(at - 1));
  byId("next").addEventListener("click", () => show(at + 1));
  byId("close").addEventListener("click", () => viewer.close());
  viewer.addEventListener("click", (event) => {
    if (event.target === viewer || event.target === byId("stage")) viewer.close();
  });
  viewer.addEventListener("keydown", (event) => {
    // In a player the arrows wind.
    if (/^(VIDEO|AUDIO)$/.test(event.target.tagName) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "ArrowLeft" || event.key === "ArrowRight") {
      event.preventDefault();
      show(at + (event.key === "ArrowLeft" ? -1 : 1));
    }
  });
  viewer.addEventListener("close", () => {
    byId("stage").replaceChildren();
    byId("side").replaceChildren();
    document.querySelector(`[data-shot="${at}"]`)?.focus();
  });

  const play = (event, starts) => {
    const video = event.target.closest?.(".shot")?.querySelector("video");
    if (!video || still.matches) return;
    if (starts) video.play().catch(() => {}); else video.pause();
  };
  byId("gallery")?.addEventListener("pointerover", (event) => play(event, true));
  byId("gallery")?.addEventListener("pointerout", (event) => play(event, false));
})();
