// What came of what the lab has sent, and how it compares with a prediction. Pure: node can run it.

/** What came of what a client of the lab has sent: statuses in order, how it ended, whether it is over, and whether answers are untold. */
export function outcome(conn) {
  const of = name => conn.events.find(event => event.e === name);
  const answers = conn.requests.flatMap(({ continued, answer }) => [...continued?.sent ? [100] : [], ...answer ? [answer.status] : []]);
  const close = of("conn.close");
  const over = close && conn.events.some(({ e, how }) => e === "lab.closed" && how !== "half");
  const untold = conn.requests.filter(({ answer }) => answer).length < close?.reqs;
  return { statuses: answers, end: of("lab.rst") ? "reset" : of("lab.eof") ? "close" : "open", over, untold };
}

/** An outcome in a few words: `404, then it closes`. */
export function phrase({ statuses, end }) {
  const words = [];
  for (const status of statuses) {
    const last = words.at(-1);
    if (last?.status === status) last.n++; else words.push({ status, n: 1 });
  }
  const came = words.map(({ status, n }) => n > 1 ? `${n} × ${status}` : status).join(", ") || "no response";
  return `${came}, ${{ close: "then it closes", reset: "then it resets the connection", open: "and the connection stays open" }[end]}`;
}

/** Whether an outcome is the one that the experiment describes. `other`: the status that another client got meanwhile. */
export function expected({ statuses, end, other }, was, seen) {
  return was.statuses.join() === statuses.join() && was.end === end && (!other || other[0] === seen);
}

// As `poke --suite` grades any server: `ok 400 close`.
const accepted = status => status < 400 ? status >= 200 : [401, 403, 404, 405, 406, 407, 409, 410, 411, 415, 422, 426, 429].includes(status);
function fits(row, { statuses, end }) {
  const words = row.split(" ");
  return words.pop() === end && words.length === statuses.length && words.every((word, i) => word === "ok" ? accepted(statuses[i]) : word === String(statuses[i]));
}

/** The sentence that compares a prediction with the outcome. `guess`: the choice, or nothing. */
export function compared(experiment, guess, was, seen) {
  const { choices, right, allowed = [], replies = [], suite, rfc } = experiment;
  if (expected(experiment, was, seen)) {
    if (guess === right) return "You said so, and so it is.";
    return guess === undefined ? `It is: ${choices[right]}.` : allowed.includes(guess) ? `The RFC allows what you said as well. Here it is: ${choices[right]}.` : `${replies[guess] || "It is not as you said."} It is: ${choices[right]}.`;
  }
  const here = `Here: ${phrase(was)}. With the routes of the demo: ${phrase(experiment)}.`;
  return suite?.right.some(row => fits(row, was)) ? `${here} This is right as well (${rfc.join(", ")}).` : here;
}
