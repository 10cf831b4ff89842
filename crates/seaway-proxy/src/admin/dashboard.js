"use strict";
// Everything from the gateway is set as text, never as markup.
const PERIOD = 2000, MOST_ROWS = 500;
const $ = (id) => document.getElementById(id);
let version = null, model = null, before = null;

function cell(content, cls) {
  const td = document.createElement("td");
  if (content instanceof Node) td.append(content); else td.textContent = content ?? "";
  if (cls) td.className = cls;
  return td;
}

function rows(body, list, make, empty) {
  const columns = body.parentElement.tHead.rows[0].cells.length;
  const made = list.map((item) => {
    const tr = document.createElement("tr");
    tr.append(...make(item));
    return tr;
  });
  if (!made.length) {
    const tr = document.createElement("tr"), td = cell(empty, "empty");
    td.colSpan = columns;
    tr.append(td);
    made.push(tr);
  }
  body.replaceChildren(...made);
}

async function get(path) {
  const response = await fetch(path, { cache: "no-store" });
  if (!response.ok) {
    const body = await response.text();
    let message = body;
    try { message = JSON.parse(body).error ?? body; } catch { /* plain text says it */ }
    throw new Error(message);
  }
  return response;
}

// --- metrics ---------------------------------------------------------------------------------------------------------

const SAMPLE = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /(\w+)="((?:[^"\\]|\\.)*)"/g;

function parseMetrics(text, wanted) {
  const samples = [];
  for (const line of text.split("\n")) {
    if (!wanted.some((name) => line.startsWith(name))) continue;
    const match = SAMPLE.exec(line);
    if (!match) continue;
    const labels = {};
    for (const [, name, value] of (match[2] ?? "").matchAll(LABEL)) {
      labels[name] = value.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c));
    }
    samples.push({ name: match[1], labels, value: Number(match[3]) });
  }
  return samples;
}

function tally(samples) {
  const now = { at: performance.now(), hosts: new Map(), millis: 0, count: 0, connections: 0, version: null };
  for (const { name, labels, value } of samples) {
    if (name === "istio_requests_total") {
      const host = labels.destination_service, code = labels.response_code;
      const kind = /^[2-5]/.test(code) ? code[0] : "other";
      const entry = now.hosts.get(host) ?? {};
      entry[kind] = (entry[kind] ?? 0) + value;
      now.hosts.set(host, entry);
    } else if (name === "istio_request_duration_milliseconds_sum") now.millis += value;
    else if (name === "istio_request_duration_milliseconds_count") now.count += value;
    else if (name === "seaway_downstream_connections") now.connections += value;
    else if (name === "seaway_config_version") now.version = value;
    else if (name === "seaway_build_info") now.build = labels.version;
  }
  return now;
}

const KINDS = ["2", "3", "4", "5", "other"];
const rate = (n) => (n === 0 ? "0" : n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : Math.round(n).toLocaleString());

function showTraffic(now) {
  $("connections").textContent = now.connections.toLocaleString();
  $("version").textContent = [now.build && `version ${now.build}`, now.version !== null && `configuration ${now.version}`]
    .filter(Boolean).join(" · ");
  if (!before) return;
  const seconds = (now.at - before.at) / 1000;
  let all = 0, failed = 0;
  const list = [...now.hosts].map(([host, counts]) => {
    const old = before.hosts.get(host) ?? {};
    const rates = KINDS.map((k) => Math.max(0, (counts[k] ?? 0) - (old[k] ?? 0)) / seconds);
    const sum = rates.reduce((a, b) => a + b, 0);
    all += sum;
    failed += rates[3];
    return { host, sum, rates };
  }).sort((a, b) => b.sum - a.sum || a.host.localeCompare(b.host));
  $("rate").textContent = rate(all);
  $("errors").textContent = rate(failed);
  $("errors").className = failed > 0 ? "bad" : "";
  const count = now.count - before.count;
  $("mean").textContent = count > 0 ? `${rate((now.millis - before.millis) / count)} ms` : "–";
  rows($("rates"), list.slice(0, MOST_ROWS), ({ host, sum, rates }) => [
    cell(host), cell(rate(sum), "n"), ...rates.map((r, i) => cell(rate(r), i === 3 && r > 0 ? "n bad" : "n")),
  ], "no requests yet");
}

// --- configuration ---------------------------------------------------------------------------------------------------

const object = (o) => (o ? `${o.kind} ${o.namespace ? `${o.namespace}/` : ""}${o.name}` : "");
const place = (p) => (p && p.file ? `${p.file}${p.line ? `:${p.line}` : ""}` : "");
const text = (value) => (typeof value === "string" ? value : JSON.stringify(value));

function sayPath(path) {
  if (path === undefined || path === "any") return "/…";
  const [kind, value] = Object.entries(path)[0];
  return { exact: `= ${value}`, elements: `${value}/…`, prefix: `${value}…`, regex: `~ ${value}` }[kind] ?? text(path);
}

function sayMatch(match) {
  if (match.never) return `never: ${match.never.because}`;
  const when = match.when, parts = [sayPath(when.path)];
  if (when.methods) parts.unshift(when.methods.join("|"));
  for (const kind of ["headers", "query", "cookies"]) {
    for (const c of when[kind] ?? []) parts.push(`${kind.replace(/s$/, "")} ${c.name} ${text(c.value)}`);
  }
  return parts.join("  ");
}

function sayAction(route) {
  const [kind, value] = Object.entries(route.action)[0];
  const extra = [route.fault && "fault", route.mirrors && "mirror", route.cors && "cors"].filter(Boolean);
  const more = extra.length ? ` (${extra.join(", ")})` : "";
  if (kind === "forward") {
    const sum = value.destinations.reduce((n, d) => n + d.weight, 0) || 1;
    return value.destinations.map((d) => {
      const to = d.target.cluster ?? `fail ${d.target.fail.status}`;
      return value.destinations.length > 1 ? `${to} ${+(100 * d.weight / sum).toFixed(2)}%` : to;
    }).join(", ") + more;
  }
  if (kind === "redirect") return `redirect ${value.status}${more}`;
  if (kind === "fail") return `fail ${value.status}: ${value.message}`;
  return `${kind} ${value.status ?? ""}${more}`;
}

function showRoutes() {
  if (!model) return;
  const filter = $("filter").value.trim().toLowerCase();
  const all = [];
  for (const listener of model.listeners) {
    for (const virtual of listener.virtualHosts) {
      for (const route of virtual.routes) {
        all.push([listener.name, text(virtual.host), sayMatch(route.match), sayAction(route),
          `${object(route.origin)} ${place(route.origin.position)}`]);
      }
    }
  }
  const found = all.filter((r) => !filter || r.some((c) => c.toLowerCase().includes(filter)));
  const shown = found.slice(0, MOST_ROWS);
  $("route-count").textContent = shown.length < all.length ? `${shown.length} of ${all.length}` : `${all.length}`;
  rows($("route-rows"), shown, (r) => r.map((c) => cell(c)), "no routes");
}

function showListeners(list) {
  rows($("listener-rows"), list, (l) => [
    cell(l.name), cell(l.protocol), cell(l.configuredPort, "n"), cell(l.bound ?? "–"),
    cell(l.error ?? ((l.warnings ?? []).join("; ") || "serving"), l.error ? "bad" : l.warnings ? "warn" : "good"),
  ], "no listeners");
}

function showClusters(list) {
  const flat = list.flatMap((c) => c.endpoints.length
    ? c.endpoints.map((e, i) => ({ c, e, first: i === 0 })) : [{ c, e: null, first: true }]);
  const count = (n) => cell(n.toLocaleString(), "n");
  rows($("cluster-rows"), flat.slice(0, MOST_ROWS), ({ c, e, first }) => {
    const name = cell(first ? c.name : "");
    if (!e) return [name, cell(c.dns?.lastError ?? "no endpoints", "bad"), ...Array.from({ length: 6 }, () => cell(""))];
    const health = { healthy: "good", draining: "warn" }[e.health] ?? "bad";
    return [name, cell(e.address), cell(e.health, health), count(e.inFlight), count(e.requests), count(e.connections),
      count(e.connectFailures), count(e.ejections)];
  }, "no clusters");
}

const DAY = 86400000;

function showCertificates(list) {
  rows($("certificate-rows"), list.slice(0, MOST_ROWS), (c) => {
    const state = { valid: "good", renewing: "good", missing: c.lastError ? "bad" : "warn" }[c.state] ?? "bad";
    const days = c.expires ? Math.floor((Date.parse(c.expires) - Date.now()) / DAY) : null;
    const next = document.createElement("span"), alias = document.createElement("span");
    next.textContent = c.nextAt ? `${c.nextStep} (${c.nextAt})` : c.nextStep;
    alias.textContent = (c.aliases ?? []).filter((a) => !a.there).map((a) => `create ${a.name} CNAME ${a.target}`).join("; ");
    alias.className = "help";
    next.append(alias);
    return [cell(c.domains.join(", ")), cell(c.issuer), cell(c.state, state),
      cell(days ?? "–", days !== null && days < 7 ? "n bad" : "n"), cell(next), cell(c.lastError, "bad")];
  }, "no certificates");
}

function showDiagnostics(list) {
  rows($("diagnostic-rows"), list.slice(0, MOST_ROWS), (d) => {
    const what = document.createElement("span"), help = document.createElement("span");
    what.textContent = d.message;
    help.textContent = d.help;
    help.className = "help";
    what.append(help);
    const cls = { error: "bad", warning: "warn" }[d.severity];
    return [cell(d.severity, cls), cell(d.code), cell(what), cell([object(d.object), d.field].filter(Boolean).join(" ")),
      cell(place(d))];
  }, "nothing to say");
}

// --- explain ---------------------------------------------------------------------------------------------------------

async function explain(event) {
  event.preventDefault();
  const form = new FormData($("explain-form"));
  const query = new URLSearchParams();
  for (const name of ["method", "url", "port"]) if (form.get(name)) query.append(name, form.get(name));
  for (const line of form.get("headers").split("\n")) if (line.trim()) query.append("header", line);
  const verdict = $("verdict");
  try {
    const answer = await (await get(`/explain?${query}`)).json();
    const route = answer.route ? ` by ${object(answer.route)} ${place(answer.route)}` : "";
    const to = answer.action === "forward"
      ? ` to ${answer.destinations.map((d) => `${d.cluster ?? "an error"} (${+(100 * d.share).toFixed(4)}%)`).join(", ")}`
      : answer.respond ? ` ${answer.respond.status} ${answer.respond.reason ?? ""}`
      : answer.redirect ? ` ${answer.redirect.status} ${answer.redirect.location}` : "";
    verdict.className = "";
    verdict.textContent = `${answer.listener ?? "no listener"}: ${answer.action}${to}${route}`
      + (answer.because ? ` (${answer.because})` : "");
    $("considered").hidden = !answer.considered.length;
    rows($("considered-rows"), answer.considered, (c) => [
      cell(`${object(c.route)} ${place(c.route)}`), cell(c.matched ? "yes" : "no", c.matched ? "good" : "dim"), cell(c.because),
    ], "");
    $("explanation").textContent = JSON.stringify(answer, null, 2);
    $("raw").hidden = false;
  } catch (error) {
    verdict.className = "bad";
    verdict.textContent = error.message;
    $("considered").hidden = $("raw").hidden = true;
  }
}

// --- the clock -------------------------------------------------------------------------------------------------------

async function refresh() {
  const wanted = ["istio_requests_total{", "istio_request_duration_milliseconds_sum", "istio_request_duration_milliseconds_count",
    "seaway_downstream_connections{", "seaway_config_version", "seaway_build_info"];
  const [metrics, listeners, clusters, ready] = await Promise.all([
    get("/metrics").then((r) => r.text()), get("/listeners").then((r) => r.json()), get("/clusters").then((r) => r.json()),
    fetch("/ready", { cache: "no-store" }).then(async (r) => ({ ok: r.ok, text: (await r.text()).trim() })),
  ]);
  $("ready").textContent = ready.text;
  $("ready").className = `pill ${ready.ok ? "good" : "bad"}`;
  const now = tally(parseMetrics(metrics, wanted));
  showTraffic(now);
  before = now;
  showListeners(listeners.listeners);
  showClusters(clusters.clusters);
  // The configuration is large and seldom changes.
  const head = await fetch("/config", { method: "HEAD", cache: "no-store" });
  const newest = head.headers.get("x-seaway-config-version");
  if (model === null || newest !== version) {
    model = await (await get("/config")).json();
    version = newest;
    showRoutes();
  }
  showCertificates((await (await get("/certs")).json()).certs);
  showDiagnostics((await (await get("/diagnostics")).json()).diagnostics);
}

async function tick() {
  const trouble = $("trouble");
  try {
    if (!document.hidden) await refresh();
    trouble.hidden = true;
  } catch (error) {
    trouble.textContent = `The gateway does not answer: ${error.message}`;
    trouble.hidden = false;
  }
  setTimeout(tick, PERIOD);
}

$("filter").addEventListener("input", showRoutes);
$("explain-form").addEventListener("submit", explain);
tick();
