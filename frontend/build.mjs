// Builds the pages' style, script and icons into almoner/shell/static/dist.
//
// Style: Tabler, cut down to the classes that templates name in full, and the whole of our own sheets, once
// for left-to-right and once for right-to-left. Script: htmx, morphing and our own behaviour in one file.
// Icons: one sprite of the Tabler icons that templates ask for.
import { mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import * as esbuild from "esbuild";
import { PurgeCSS } from "purgecss";

const HERE = dirname(fileURLToPath(import.meta.url));
const CODE = join(HERE, "..", "almoner");
const DESTINATION = join(CODE, "shell", "static", "dist");
const BUDGET_BYTES = 150_000;

async function files(root, suffix) {
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(suffix))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

const templates = await files(CODE, ".html");
const sources = await files(join(HERE, "source"), ".js");
const code = await files(CODE, ".py");

async function bundle(entry) {
  const bundled = await esbuild.build({
    entryPoints: [join(HERE, "source", entry)],
    bundle: true,
    write: false,
    outdir: DESTINATION,
    loader: { ".woff2": "file" },
    assetNames: "[name]",
  });
  for (const file of bundled.outputFiles.filter((file) => file.path.endsWith(".woff2"))) {
    await writeFile(file.path, file.contents);
  }
  return bundled.outputFiles.find((file) => file.path.endsWith(".css")).text;
}

async function style(tabler, output) {
  const [kept] = await new PurgeCSS().purge({
    content: [...templates, ...sources],
    css: [{ raw: await bundle(tabler) }],
    defaultExtractor: (text) => text.match(/[\w-]+/g) ?? [],
    safelist: { standard: ["html", "body"], greedy: [/data-bs-theme/] },
    keyframes: true,
  });
  const whole = kept.css + (await bundle("app.css"));
  await writeFile(join(DESTINATION, output), (await esbuild.transform(whole, { loader: "css", minify: true })).code);
}

async function script(entry, output) {
  await esbuild.build({
    entryPoints: [join(HERE, "source", entry)],
    bundle: true,
    minify: true,
    format: "iife",
    target: "es2022",
    legalComments: "eof",
    outfile: join(DESTINATION, output),
  });
}

async function icons() {
  const names = new Set();
  for (const file of [...templates, ...code]) {
    const text = await readFile(file, "utf8");
    for (const match of text.matchAll(/\bicon[ =:]+["']([a-z0-9-]+)["']/g)) names.add(match[1]);
  }
  const symbols = [];
  for (const name of [...names].sort()) {
    const source = join(HERE, "node_modules", "@tabler", "icons", "icons", "outline", `${name}.svg`);
    const svg = await readFile(source, "utf8").catch(() => {
      throw new Error(`There is no Tabler icon named "${name}"; see tabler.io/icons.`);
    });
    const shapes = svg.replace(/^[\s\S]*?<svg[^>]*>/, "").replace(/<\/svg>\s*$/, "").replace(/\s*\n\s*/g, "");
    symbols.push(`<symbol id="${name}" viewBox="0 0 24 24">${shapes}</symbol>`);
  }
  const sprite = `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>\n`;
  await writeFile(join(DESTINATION, "icons.svg"), sprite);
}

// Files are written over, so that pages which are open in the meantime find them; what is no longer made goes last.
await mkdir(DESTINATION, { recursive: true });
const started = Date.now();
await Promise.all([
  style("tabler.css", "app.css"),
  style("tabler.rtl.css", "app.rtl.css"),
  script("app.js", "app.js"),
  script("theme.js", "theme.js"),
  icons(),
]);

for (const file of await readdir(DESTINATION)) {
  const path = join(DESTINATION, file);
  if (!file.startsWith(".") && (await stat(path)).mtimeMs < started - 1000) await rm(path);
}

let total = 0;
for (const name of ["app.css", "app.js", "theme.js"]) {
  const size = gzipSync(await readFile(join(DESTINATION, name)), { level: 9 }).length;
  total += size;
  console.log(`${name.padEnd(10)} ${(size / 1000).toFixed(1).padStart(6)} kB compressed`);
}
if (total > BUDGET_BYTES) {
  console.error(`Script and style weigh ${total} bytes compressed; the budget is ${BUDGET_BYTES}.`);
  process.exit(1);
}
