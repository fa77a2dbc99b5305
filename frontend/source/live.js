// Asks every second or so whether anything happened in the hospital; if so the page's live parts ask for
// themselves. They do it every minute in any case: waiting times go on.
import { lost } from "./connection.js";

const INTERVAL_MS = 1500;
const MINUTE_MS = 60_000;
let marker = "";
let asking = false;

export function wake() {
  for (const element of document.querySelectorAll("[data-live]")) element.dispatchEvent(new Event("wake"));
}

async function ask() {
  const address = document.body.dataset.changes;
  if (asking || !address || document.hidden || !document.querySelector("[data-live]")) return;
  asking = true;
  try {
    const answer = await fetch(`${address}?marker=${marker}`, { cache: "no-store" });
    if (answer.status === 200) {
      marker = await answer.text();
      wake();
    }
    lost(answer.status >= 500);
  } catch {
    lost(true);
  } finally {
    asking = false;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  setInterval(ask, INTERVAL_MS);
  setTimeout(() => setInterval(wake, MINUTE_MS), Math.random() * MINUTE_MS);
});
// A live part rests while a dialog is open: look only once the one that was answered is gone.
for (const name of ["almoner:done", "almoner:changed"]) document.addEventListener(name, () => setTimeout(wake, 20));
