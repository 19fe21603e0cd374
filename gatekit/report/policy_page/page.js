"use strict";
// Moves thresholds: outcomes are computed from the bounds in the page by the rules of gatekit's gates, shown and never
// written. In a page that is served it also looks for changes. Text is only ever set as text, never as markup.
(() => {
  const values = JSON.parse(document.getElementById("values").textContent);
  const { policies, thresholds, lines } = values;
  const WORDS = { pass: "pass", fail: "FAIL", inconclusive: "inconclusive" };
  const LARGEST = 1e300; // of a number in a policy
  const find = (id) => document.getElementById(id);

  // --- What the gates say --------------------------------------------------------------------------------------------

  // What each number of each threshold is now, as it would stand in the file.
  const texts = thresholds.map((threshold) => [...threshold.was]);
  const isMoved = (t) => texts[t].some((text, side) => text !== thresholds[t].was[side]);
  const limit = (t, side) => {
    const { sign, limit: written } = thresholds[t].sides[side];
    return texts[t].length ? sign * Number(texts[t][side]) : written;
  };

  // Why `gatekit check` would refuse the policy for this threshold; "" where it would not.
  const refusal = (t, column) => {
    const { sides, tolerance, range: [low, high], answers } = thresholds[t];
    const limits = sides.map((_, side) => limit(t, side));
    if (texts[t].some((text) => text.trim() === "") || limits.some((value) => !(Math.abs(value) <= LARGEST))) {
      return "it is not a number that a policy takes";
    }
    if (tolerance && sides.some(({ sign }, side) => sign * limits[side] < 0)) return "the margin must be 0 or more";
    if (limits.length === 2 && limits[0] >= limits[1]) return "the lower end must be below the upper one";
    if (limits.some((value) => (low !== null && value < low) || (high !== null && value > high))) {
      return `the values range from ${low ?? "minus infinity"} to ${high ?? "infinity"}`;
    }
    const always = sides.every(({ upper }, side) =>
      upper ? high !== null && limits[side] >= high : low !== null && limits[side] <= low);
    if (always) return "no value could fail it";
    const most = answers[column].most;
    const beyond = most !== null && sides.some(({ upper }, side) => !upper && limits[side] > most);
    return beyond ? `no SAE of this width can have more than ${most}` : "";
  };

  const answered = (t, column) => {
    const { compared, met, missed } = thresholds[t].answers[column];
    if (compared === null) return met;
    const inside = thresholds[t].sides.every(({ upper }, side) =>
      (upper ? limit(t, side) - compared[side] : compared[side] - limit(t, side)) >= 0);
    return inside ? met : missed;
  };

  const undecided = (rule, column) => typeof rule === "number"
    ? answered(rule, column) === "inconclusive"
    : rule.rules.some((part) => undecided(part, column));

  const outcome = (rule, column) => {
    if (typeof rule === "number") return answered(rule, column);
    const found = rule.rules.map((part) => outcome(part, column));
    if (rule.operator === "first_of") {
      const first = rule.rules.findIndex((part) => !undecided(part, column));
      return first < 0 ? "inconclusive" : found[first];
    }
    const [decisive, otherwise] = rule.operator === "all_of" ? ["fail", "pass"] : ["pass", "fail"];
    if (found.includes(decisive)) return decisive;
    return found.includes("inconclusive") ? "inconclusive" : otherwise;
  };

  const verdict = (p, column) => {
    const refused = thresholds.some((threshold, t) => threshold.policy === p && refusal(t, column));
    if (refused || policies[p].refused[column]) return "refused";
    const found = policies[p].gates.filter((gate) => gate.counts).map((gate) => outcome(gate.rule, column));
    if (found.includes("fail")) return "blocked";
    return !found.length || found.includes("inconclusive") ? "inconclusive" : "pass";
  };

  // --- Showing it ----------------------------------------------------------------------------------------------------

  const kind = (word) => (word === "pass" || word === "inconclusive" ? word : "fail");
  const was = (word, before) => (word === before ? "" : ` (was ${WORDS[before] ?? before})`);
  const show = (id, word, before, drawn = "") => {
    const place = find(id);
    if (place === null) return;
    place.setAttribute("class", drawn + kind(word));
    if (place.localName !== "circle") place.textContent = (WORDS[word] ?? word) + was(word, before);
  };

  const written = policies.map(({ gates, was: words }) =>
    words.map((_, column) => gates.map((gate) => outcome(gate.rule, column))));

  const showPolicy = (p) => {
    policies[p].was.forEach((before, column) => {
      const word = verdict(p, column);
      show(`cell-${p}-${column}`, word, before);
      if (column === 0) show(`policy-${p}-0`, word, before);
      policies[p].gates.forEach((gate, g) => {
        const now = outcome(gate.rule, column);
        show(`cell-${p}-${column}-${g}`, now, written[p][column][g]);
        if (column === 0) show(`gate-${p}-${g}`, now, written[p][column][g]);
      });
    });
  };

  const place = (t, value) => {
    const [low, high] = thresholds[t].span;
    const share = (value / 2 - low / 2) / (high / 2 - low / 2);
    return values.left + (values.right - values.left) * Math.min(1, Math.max(0, share));
  };

  const draw = (t) => {
    let [from, to] = [values.left, values.right];
    thresholds[t].sides.forEach(({ upper }, side) => {
      const x = place(t, limit(t, side));
      if (Number.isNaN(x)) return;
      thresholds[t].answers.forEach((_, column) => {
        find(`limit-${t}-${column}-${side}`)?.setAttribute("x1", x);
        find(`limit-${t}-${column}-${side}`)?.setAttribute("x2", x);
      });
      if (upper) to = x; else from = x;
    });
    thresholds[t].answers.forEach((_, column) => {
      find(`zone-${t}-${column}`)?.setAttribute("x", from);
      find(`zone-${t}-${column}`)?.setAttribute("width", Math.max(0, to - from));
    });
  };

  const code = (text) => Object.assign(document.createElement("code"), { textContent: text });
  const changedLine = ({ text, numbers }) => {
    const line = [...text]; // columns count characters, as Python does
    [...numbers].sort((one, other) => other.start - one.start).forEach(({ threshold, side, start, was: raw }) => {
      line.splice(start, raw.length, texts[threshold][side].trim());
    });
    return line.join("");
  };

  const showChange = (t) => {
    const box = find(`change-${t}`);
    box.hidden = !isMoved(t);
    const found = Object.entries(lines).filter(([, { numbers }]) =>
      numbers.some(({ threshold, side }) => threshold === t && texts[t][side] !== thresholds[t].was[side]));
    box.replaceChildren(...found.flatMap(([where, line]) => {
      const title = document.createElement("p");
      title.append("In ", code(where), " write:");
      const block = document.createElement("pre");
      block.textContent = changedLine(line);
      return [title, block];
    }));
  };

  // --- Saying it -----------------------------------------------------------------------------------------------------

  const flips = (t) => thresholds[t].answers.flatMap(({ was: before }, column) => {
    const now = answered(t, column);
    return now === before ? [] : [`${find(`name-${thresholds[t].policy}-${column}`).textContent} to ${WORDS[now]}`];
  });

  const sentence = (t) => {
    if (!isMoved(t)) return "";
    const reason = refusal(t, 0);
    const asked = `At ${texts[t].join(" to ")}`;
    if (reason) return `${asked} gatekit check refuses the policy: ${reason}.`;
    const p = thresholds[t].policy;
    const found = flips(t);
    const flipped = found.length ? `Flips: ${found.join(", ")}` : "Nothing flips";
    const word = verdict(p, 0);
    return `${asked}: ${WORDS[answered(t, 0)]}. ${flipped}. Policy ${word}${was(word, policies[p].was[0])}.`;
  };

  const waiting = thresholds.map(() => undefined);
  const say = (t, soon) => {
    clearTimeout(waiting[t]);
    // A screen reader hears where the slider stops, not every step.
    waiting[t] = setTimeout(() => { find(`said-${t}`).textContent = sentence(t); }, soon ? 0 : 300);
  };

  const update = (t, soon = false) => {
    thresholds[t].answers.forEach(({ was: before }, column) => {
      const now = answered(t, column);
      show(`answer-${t}-${column}`, now, before);
      show(`drawn-${t}-${column}`, now, now, "row-");
      show(`dot-${t}-${column}`, now, now, "row-");
      if (column === 0) show(`outcome-${t}`, now, before);
    });
    texts[t].forEach((text, side) => {
      const range = find(`range-${t}-${side}`);
      range?.setAttribute("aria-valuetext", `${text}, ${refusal(t, 0) ? "refused" : WORDS[answered(t, 0)]}`);
      find(`number-${t}-${side}`).setAttribute("aria-invalid", String(refusal(t, 0) !== ""));
    });
    find(`back-${t}`).disabled = !isMoved(t);
    draw(t);
    showPolicy(thresholds[t].policy);
    // Another threshold may stand in the same line.
    thresholds.forEach(({ policy, was: raw }, other) => {
      if (policy === thresholds[t].policy && raw.length) showChange(other);
    });
    say(t, soon);
  };

  // A number as YAML takes it: no plus, no bare point.
  const plain = (text) => (text.trim() === "" || Number.isNaN(Number(text)) ? text : String(Number(text)));
  const move = (t, side, text) => {
    texts[t][side] = Number(text) === Number(thresholds[t].was[side]) ? thresholds[t].was[side] : plain(text);
    update(t);
  };
  const put = (t, side) => {
    find(`number-${t}-${side}`).value = texts[t][side];
    const range = find(`range-${t}-${side}`);
    if (range) range.value = texts[t][side];
  };

  thresholds.forEach((threshold, t) => {
    if (!threshold.was.length) return;
    find(`controls-${t}`).hidden = false;
    threshold.was.forEach((_, side) => {
      const [range, number] = [find(`range-${t}-${side}`), find(`number-${t}-${side}`)];
      range?.addEventListener("input", () => { number.value = plain(range.value); move(t, side, range.value); });
      number.addEventListener("input", () => { if (range) range.value = number.value; move(t, side, number.value); });
    });
    find(`back-${t}`).addEventListener("click", () => {
      texts[t] = [...threshold.was];
      texts[t].forEach((_, side) => put(t, side));
      update(t, true);
      find(`number-${t}-0`).focus();
    });
    texts[t].forEach((_, side) => find(`range-${t}-${side}`)?.setAttribute(
      "aria-valuetext", `${texts[t][side]}, ${WORDS[answered(t, 0)]}`));
  });

  // --- Reading again when a file changes -----------------------------------------------------------------------------

  if (values.version === null) return;
  const KEY = "gatekit";
  const news = find("news");

  const remember = () => {
    const moved = thresholds.flatMap(({ key, was: raw }, t) => (isMoved(t) ? [{ key, raw, texts: texts[t] }] : []));
    const open = [...document.querySelectorAll("details[open]")].map(({ id }) => id);
    sessionStorage.setItem(KEY, JSON.stringify({ moved, open, focus: document.activeElement?.id ?? "" }));
  };
  const recall = () => {
    const kept = JSON.parse(sessionStorage.getItem(KEY) ?? "null");
    sessionStorage.removeItem(KEY);
    if (kept === null) return;
    kept.open.forEach((id) => { if (find(id)) find(id).open = true; });
    kept.moved.forEach(({ key, raw, texts: moved }) => {
      const t = thresholds.findIndex((threshold) => threshold.key === key);
      if (t < 0 || String(thresholds[t].was) !== String(raw)) return; // written into the file, or changed there
      texts[t] = moved;
      moved.forEach((_, side) => put(t, side));
      update(t, true);
    });
    if (kept.focus) find(kept.focus)?.focus();
    setTimeout(() => { news.textContent = "Read again: a file has changed."; }, 100);
  };

  recall();
  setInterval(async () => {
    if (!find("follow").checked) return;
    try {
      const answer = await fetch("version", { cache: "no-store" });
      if (answer.ok && (await answer.text()) !== values.version) {
        remember();
        location.reload();
      }
    } catch {
      news.textContent = "gatekit report has ended; this page stays as it was.";
    }
  }, 1000);
})();
