// The page to try the API: each form sends its request to this server, and shows what it answers, as text.
"use strict";

const LONGEST = 200_000;

for (const form of document.querySelectorAll("form.request")) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(form);
  });
  for (const button of form.querySelectorAll("button.fill")) {
    button.addEventListener("click", () => { form.elements.body.value = button.dataset.value; });
  }
}

async function send(form) {
  const answer = answerOf(form);
  const stopping = new AbortController();
  const stop = form.querySelector(".stop");
  const button = form.querySelector("[type=submit]");
  stop.onclick = () => stopping.abort();
  stop.hidden = false;
  button.disabled = true;
  answer.show("", "Waiting …", "");
  try {
    await read(await fetch(urlOf(form), { ...requestOf(form), signal: stopping.signal }), answer);
  } catch (error) {
    if (stopping.signal.aborted) answer.add("\n(stopped)");
    else answer.show("bad", "No answer: the server was not reached.", String(error.message));
  } finally {
    if (stop === document.activeElement) button.focus();
    stop.hidden = true;
    button.disabled = false;
  }
}

function urlOf(form) {
  const path = form.dataset.path.replace(/\{(\w+)\}/g, (_, name) => encodeURIComponent(form.elements[name].value));
  const url = new URL(`.${path}`, document.baseURI);
  for (const field of form.querySelectorAll("[data-query]")) {
    if (field.value) url.searchParams.append(field.name, field.value);
  }
  return url;
}

function requestOf(form) {
  const headers = {};
  const token = document.getElementById("token").value.trim();
  if (form.dataset.wants === "token" && token) headers.Authorization = `Bearer ${token}`;
  const request = { method: form.dataset.method, headers, cache: "no-store", credentials: "omit", redirect: "manual" };
  if (form.elements.body) {
    headers["Content-Type"] = "application/json";
    request.body = form.elements.body.value;
  }
  return request;
}

async function read(response, answer) {
  const kind = response.headers.get("Content-Type") || "";
  const about = [`${response.status} ${response.statusText}`.trim(), kind];
  const length = response.headers.get("Content-Length");
  if (length) about.push(`${Number(length).toLocaleString("en")} bytes`);
  if (response.type === "opaqueredirect") about.splice(0, 3, "It leads to another address.");
  answer.show(response.ok ? "good" : "bad", about.filter(Boolean).join(" · "), "");
  if (!/json|^text\//.test(kind)) {
    await response.body?.cancel();
    return;
  }
  if (kind.startsWith("application/json")) answer.add(indented(await response.text()));
  else await stream(response.body, answer);
}

async function stream(body, answer) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) answer.add(part.value);
}

function indented(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

function answerOf(form) {
  const box = form.parentElement.querySelector(".answer");
  const [line, text] = [box.querySelector(".line"), box.querySelector("pre")];
  return {
    show(kind, about, content) {
      box.hidden = false;
      line.className = `line ${kind}`;
      line.textContent = about;
      text.textContent = "";
      text.hidden = true;
      this.add(content);
    },
    add(content) {
      if (!content) return;
      text.hidden = false;
      const whole = text.textContent + content;
      text.textContent = whole.length > LONGEST ? `${whole.slice(0, LONGEST)}\n… ${whole.length - LONGEST} more` : whole;
    },
  };
}
