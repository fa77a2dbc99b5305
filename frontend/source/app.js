import htmx from "htmx.org";
import { Idiomorph } from "idiomorph/htmx";
import "./connection.js";
import "./dialogs.js";
import "./forms.js";
import "./keys.js";
import "./live.js";
import "./menus.js";
import "./print.js";
import "./search.js";

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
    { code: "401", swap: true },
    { code: "422", swap: true },
    { code: "[45]..", swap: false, error: true },
  ],
});
window.htmx = htmx;

// What the reader has unfolded stays unfolded when the page refreshes itself.
Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, node) =>
  !(name === "open" && node.localName === "details");

document.addEventListener("htmx:configRequest", (event) => {
  if (event.detail.verb === "get") return;
  // The cookie is the one of now, also after somebody logged in again in another tab.
  const cookie = document.cookie.match(/(?:^|; )csrftoken=([^;]+)/)?.[1];
  const token = cookie ?? document.querySelector('meta[name="csrf-token"]')?.content;
  if (token) event.detail.headers["X-CSRFToken"] = token;
});
