// One connection, stage by stage: the server holds it before each stage until it is let go on, and serves the others meanwhile.

import { EMPTY, inLines, objection, parse, plan } from "./compose.js";
import { make, title } from "./dom.js";
import { connections } from "./model.js";

/** Name in `lab.held`, what the button does, and what that is. */
const STAGES = [
  ["recv", "read", "recv(): take what the kernel has of the client’s bytes. They may be half a request, or three."],
  ["handle", "parse, route, handle", "Find the end of the head in the bytes, where the body ends, the route; call the handler; encode what it returns."],
  ["send", "write", "send(): give the answer to the kernel. The client has nothing before that."],
  ["close", "close", "Send a FIN: after it the client may still send, and the server reads on for a moment."],
  ["rest", "go on", "The request is over: what is left is to read until the client’s FIN, or to stream the answer."],
];
/** What the server does while it holds a connection: notice that its socket is ready. */
const NOTICED = /^(lab\.(?!held)|conn\.(ready|interest|timer))/;

export function start(box, page) {
  const text = make("textarea", { rows: "3", spellcheck: "false", "aria-label": "Bytes to send" });
  text.value = inLines("GET /hello?name=Ada HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  const [begin, step, freely] = ["Send, and hold it", "Step", "let it run"].map((name, i) => make("button", i === 2 ? "quiet" : "send", name));
  const stages = make("ol", { id: "stages", "aria-label": "Stages" });
  const said = make("p", { id: "held", role: "status" });
  box.append(make("section", "", title("One request, stage by stage", "the server holds the connection; all others go on"), text, make("div", "knobs", begin, step, freely)), make("section", "", title("Next", ""), stages, said));
  let client, waiting;
  const post = (name, body) => fetch(name, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => undefined);
  begin.onclick = async () => {
    const [bytes, error] = parse(text.value);
    const why = error || objection({ ...EMPTY, bytes });
    if (why) return say(why);
    page.live();
    const answer = await post("send", { ...plan({ ...EMPTY, bytes }), step: true });
    if (!answer?.ok) return say(`Not sent: ${await answer?.text() ?? "the server is away"}`);
    client = (await answer.json()).client;
    [waiting, step.disabled] = [undefined, false];
    step.focus();
    page.soon();
  };
  const go = free => {
    step.disabled = true;
    post("step", { client, freely: free });
  };
  step.onclick = () => go(false);
  freely.onclick = () => go(true);
  const say = sentence => { said.textContent = sentence; };
  step.disabled = freely.disabled = true;
  return (shown, events) => {
    const conn = client && connections(events).find(one => one.events[0].peer === client);
    const last = conn?.events.findLast(({ e }) => !NOTICED.test(e));
    const held = last?.e === "lab.held" ? last : undefined;
    stages.replaceChildren(...STAGES.map(([name, what]) => make("li", { "aria-current": held?.before === name && "step" }, what)));
    freely.disabled = !conn || Boolean(conn.close);
    if (!conn || waiting === last) return;
    waiting = last;
    step.disabled = !held;
    if (held) step.focus();
    page.choose({ conn: conn.key, step: undefined, side: undefined });
    say(held ? STAGES.find(([name]) => name === held.before)?.[2] ?? "" : conn.close ? "The connection is closed." : "Nothing is held: the server waits for the client.");
  };
}
