import htmx from "htmx.org";
import { Idiomorph } from "idiomorph/htmx";
import "./connection.js";
import "./forms.js";
import "./keys.js";
import "./menus.js";

// Templates state every attribute where it acts (htmx 4 works that way too), nothing is evaluated, and
// no page of a patient is kept in the browser's storage.
Object.assign(htmx.config, {
  allowEval: false,
  allowScriptTags: false,
  disableInheritance: true,
  historyCacheSize: 0,
  includeIndicatorStyles: false,
  selfRequestsOnly: true,
  defaultSwapStyle: "outerHTML",
  timeout: 20000,
  responseHandling: [
    { code: "204", swap: false },
    { code: "[23]..", swap: true },
    { code: "422", swap: true },
    { code: "[45]..", swap: false, error: true },
  ],
});
window.htmx = htmx;

// What the reader has unfolded stays unfolded when the page refreshes itself.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node.localName === "details");

document.addEventListener("htmx:configRequest", (event) => {
  const token = document.querySelector('meta[name="csrf-token"]');
  if (token && event.detail.verb !== "get") event.detail.headers["X-CSRFToken"] = token.content;
});
