"use strict";
// Draws what /debug/actors?format=json says, each second. Everything that comes
// from clients goes into the page as text, never as markup.
(() => {
  const $ = (id) => document.getElementById(id);
  const el = (tag, cls, ...inner) => {
    const e = document.createElement(tag);
    if (cls) e.className = cls;
    for (const x of inner) if (x !== null && x !== undefined) e.append(x);
    return e;
  };
  const fill = (id, ...inner) => $(id).replaceChildren(...inner.filter((x) => x));
  const time = (ms) => {
    if (ms === null || ms === undefined) return "";
    if (ms < 1000) return ms + " ms";
    const s = ms / 1000;
    if (s < 60) return s.toFixed(1) + " s";
    if (s < 3600) return Math.floor(s / 60) + " min " + Math.floor(s % 60) + " s";
    return Math.floor(s / 3600) + " h " + Math.floor((s % 3600) / 60) + " min";
  };
  const here = new URLSearchParams(location.search);
  const link = (query) => {
    const q = new URLSearchParams(query);
    if (here.get("token")) q.set("token", here.get("token"));
    return location.pathname + "?" + q;
  };
  const client = (id) => {
    if (!id) return "";
    const a = el("a", "num", String(id));
    a.href = link({ id });
    return a;
  };

  // table draws rows (objects) with columns [title, cell(row), class]. On a narrow
  // screen each row becomes a block, or with plain the table scrolls.
  const table = (rows, columns, none, plain) => {
    if (!rows || rows.length === 0) return el("div", "none", none);
    const head = el("tr", "", ...columns.map(([title, , cls]) => el("th", cls, title)));
    const body = rows.map((r) => el("tr", r.sum ? "sum" : "", ...columns.map(([title, cell, cls]) => {
      const td = el("td", cls, cell(r));
      td.dataset.name = title;
      return td;
    })));
    return el("table", plain ? "" : "fold", el("thead", "", head), el("tbody", "", ...body));
  };

  const bar = (whole, parts, thin) => {
    const b = el("div", thin ? "bar thin" : "bar");
    for (const [cls, n] of parts) {
      const i = el("i", cls);
      i.style.width = (whole > 0 ? Math.min((100 * Math.max(n, 0)) / whole, 100) : 0) + "%";
      b.append(i);
    }
    return b;
  };
  const fact = (cls, name, n, hot) => el("span", hot && n > 0 ? "hot" : "", cls ? el("i", cls) : null, name + " ", el("b", "", String(n)));

  const bucket = (b, fleet) => {
    const other = b.opening + b.cleaning, unopened = b.held - b.open;
    const status = el("span", "pill" + (b.status === "paused" ? " paused" : b.status === "ok" ? "" : " bad"), b.status);
    const rows = [
      el("div", "head", el("b", "", b.bucket), status, el("span", "soft", b.server),
        el("span", "right num soft", b.in_use + " of " + b.held + " in use, limit " + b.limit)),
      el("div", "row", el("span", "", fleet ? "this node" : "connections"), bar(b.limit, [["use", b.in_use], ["idle", b.idle], ["work", other], ["free", unopened]])),
    ];
    if (fleet) {
      rows.push(el("div", "row", el("span", "", "all nodes"), bar(b.limit, [["use", b.fleet_in_use], ["open", b.fleet_open - b.fleet_in_use], ["free", b.fleet_held - b.fleet_open]], true)));
    }
    rows.push(el("div", "facts", fact("use", "in use", b.in_use), fact("idle", "idle", b.idle), other > 0 ? fact("work", "opening, cleaning", other) : null,
      fact("free", "held, not open", Math.max(unopened, 0)), fact("", "waiting", b.waiting, true), b.waiting > 0 ? el("span", "hot", "longest " + time(b.oldest_wait_ms)) : null,
      fleet ? el("span", "soft", "all nodes: " + b.fleet_in_use + " in use, " + b.fleet_open + " open, " + b.fleet_held + " held, " + b.fleet_waiting + " waiting") : null));
    if (b.error) rows.push(el("p", "bad", b.error));
    return el("div", "card", ...rows);
  };

  const tile = (name, n, hot) => el("div", "tile" + (hot ? " hot" : ""), el("b", "", String(n)), el("span", "soft", name));
  const who = (r) => el("span", "", (r.app || "(no application name)") + " ", el("span", "soft", [r.user, r.database, r.address].filter(Boolean).join(" · ")));
  const sum = (list, f) => list.reduce((n, x) => n + f(x), 0);

  const draw = (r) => {
    const bs = r.bucket_list;
    const waiting = sum(bs, (b) => b.waiting);
    $("status").textContent = r.status;
    $("status").className = "pill" + (r.status === "ok" ? "" : " bad");
    $("about").textContent = r.version + ", up " + time(r.uptime_ms);
    fill("tiles", tile("clients", r.clients), tile("waiting", waiting, waiting > 0), tile("in use", sum(bs, (b) => b.in_use)),
      tile("idle", sum(bs, (b) => b.idle)), tile("held", sum(bs, (b) => b.held)), r.pooling === "transaction" || r.pins.length > 0 ? tile("pins shown", r.pins.length) : null);
    fill("problems", ...((r.fleet && r.fleet.problems) || []).map((p) => el("p", "bad", p)), r.fleet && r.fleet.ledger_error ? el("p", "bad", "Ledger: " + r.fleet.ledger_error) : null);
    fill("buckets", ...bs.map((b) => bucket(b, !!r.fleet)), r.buckets_left_out ? el("p", "soft", r.buckets_left_out + " more, those with the least to do, are left out") : null);
    $("waiting-note").textContent = waiting > r.waiters.length ? "the " + r.waiters.length + " longest of " + waiting : "longest first";
    fill("waiting", table(r.waiters, [
      ["waits for", (x) => time(x.waited_ms), "n hot"], ["bucket", (x) => x.bucket], ["position", (x) => x.position + " of " + x.of, "n"], ["client", (x) => client(x.client), "n"],
      ["who", who, "w"], ["why", (x) => x.why, "w"],
    ], "Nobody waits."));
    fill("holding", table(r.backends, [
      ["held for", (x) => time(x.held_ms), "n"], ["bucket", (x) => x.bucket], ["spid", (x) => x.spid || "", "n"], ["client", (x) => client(x.client), "n"], ["who", who, "w"],
      ["now", (x) => x.phase + (x.in_transaction ? ", in a transaction" : "") + (x.pins ? ", pinned: " + x.pins : ""), "w"],
    ], "No backend is in use."));
    $("pins-part").hidden = r.pooling !== "transaction" && r.pins.length === 0;
    fill("pins", table(r.pins, [
      ["pinned for", (x) => time(x.pinned_ms), "n"], ["bucket", (x) => x.bucket], ["reason", (x) => x.reason + (x.name ? " " + x.name : "")], ["client", (x) => client(x.client), "n"],
      ["who", who, "w"], ["by", (x) => (x.statement ? el("code", "", x.statement) : ""), "w"],
    ], "Nobody is pinned."));
    $("fleet-part").hidden = !r.fleet;
    if (r.fleet) {
      const v = r.fleet.view;
      $("fleet-note").textContent = "ledger " + v.ledger + ", this session " + v.phase + ", " + v.members + " of " + (r.fleet.nodes || []).length + " heard by gossip";
      fill("nodes", table(r.nodes, [
        ["bucket", (x) => x.bucket], ["node", (x) => x.node + (x.node === r.node ? " (this)" : "")], ["gossip", (x) => x.state],
        ["owned: gossip", (x) => String(x.owned_by_gossip), "n"], ["owned: ledger", (x) => (x.owned_by_ledger === null ? "?" : String(x.owned_by_ledger)), "n"],
        ["difference", (x) => (x.difference ? el("b", "hot", String(x.difference)) : "0"), "n"], ["lent", (x) => String(x.lent), "n"], ["borrowed", (x) => String(x.borrowed), "n"],
        ["in use", (x) => String(x.in_use), "n"], ["open", (x) => String(x.open), "n"], ["waiting", (x) => (x.waiting ? el("b", "hot", String(x.waiting)) : "0"), "n"], ["heard", (x) => time(x.heard_ms_ago) + " ago", "n"],
      ], "No bucket is known.", true));
    }
    fill("actors", table(r.kinds, [
      ["kind", (x) => { const a = el("a", "", x.kind); a.href = link({ kind: x.kind, format: "json", state: 1 }); return a; }], ["alive", (x) => String(x.count), "n"],
      ["handled", (x) => String(x.handled), "n"], ["dropped", (x) => String(x.dropped), "n"], ["restarts", (x) => String(x.restarts), "n"],
    ], "None.", true));
  };

  const every = 1000;
  const step = async () => {
    try {
      const answer = await fetch(link({ format: "json" }), { cache: "no-store", signal: AbortSignal.timeout(5000) });
      if (!answer.ok) throw new Error("status " + answer.status);
      const r = await answer.json();
      draw(r);
      $("live").textContent = "live, " + new Date(r.time).toLocaleTimeString();
      $("live").className = "soft";
    } catch (e) {
      $("live").textContent = "no answer from the node (" + e.message + "); what is shown may be old";
      $("live").className = "bad";
    }
    setTimeout(step, document.hidden ? 5 * every : every);
  };
  step();
})();
