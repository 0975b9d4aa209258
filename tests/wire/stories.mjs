// Records the stories of the wire view from a real server: node tests/wire/stories.mjs WIRELIGHT FOLDER.
// With FOLDER src/wire/stories it renews those that the server embeds. Fails if a caption finds no event, here or in those.

import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { places, read } from "../../src/wire/page/capture.js";
import { view } from "../../src/wire/page/view.js";
import { client, pause, serve } from "./server.mjs";

const EMBEDDED = new URL("../../src/wire/stories/", import.meta.url).pathname;
const GET = "GET /hello HTTP/1.1\r\nHost: a\r\n";

const STORIES = [
  {
    name: "slow-client", title: "A client that sends slowly",
    async play(port) {
      const slow = await client(port);
      for (const piece of ["GET /hel", "lo?name=Ada HTTP/1.1\r\nHost: lo", "calhost\r\nUser-Agent: a slow one\r\n", "\r\n"]) {
        await pause(450);
        slow.send(piece);
      }
      await slow.answers(1);
      await slow.end();
    },
    captions: [
      [{ e: "conn.open" }, "A client connects. accept4() gives the server a socket for it alone."],
      [{ e: "conn.recv" }, "Half a second later, eight bytes. TCP says nothing of how many will follow."],
      [{ e: "parse.try", result: "partial" }, "The parser looks and finds no empty line: the head is not whole. The server does not wait here; it goes on with its other clients."],
      [{ e: "conn.recv" }, "The next piece cuts a field name in two. It does not matter: where a read ends has no meaning."],
      [{ e: "conn.recv" }, "Two whole lines are here now. They change nothing: fields may follow."],
      [{ e: "conn.recv" }, "Two bytes, CR and LF: an empty line."],
      [{ e: "parse.head" }, "That ends the head. All of it is read at once, as if it had come in one piece."],
      [{ e: "conn.send" }, "The answer leaves in one write, microseconds later. Nearly all of the time was the client's."],
      [{ e: "conn.close" }, "The client closes. A deadline would have closed a client that never sends the empty line."],
    ],
  },
  {
    name: "smuggling", title: "Two lengths for one body",
    async play(port) {
      const attacker = await client(port);
      attacker.send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 37\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\nHost: a\r\n\r\n");
      await attacker.answers(1);
      await attacker.end();
    },
    captions: [
      [{ e: "conn.recv" }, "One request, it seems. It has Content-Length and Transfer-Encoding: two answers to the question where its body ends."],
      [{ e: "conn.state", to: "recv.Failed" }, "A proxy that trusts the length sees one request. A server that trusts the chunks sees two, and the second asks for /admin."],
      [{ e: "req.error", kind: "length-and-coding" }, "So the server trusts neither, and refuses. Whatever follows is never read."],
      [{ e: "resp.head", status: 400 }, "400 Bad Request, with the reason."],
      [{ e: "keepalive", keep: false }, "And the connection ends: where a next request would begin is unknown (RFC 9112 §11.2)."],
      [{ e: "conn.half-close" }, "The server closes its side first, and reads on until the client has closed too: so the answer arrives."],
      [{ e: "conn.close" }, "Closed. The request for /admin was never one."],
    ],
  },
  {
    name: "keep-alive", title: "One connection, four requests",
    async play(port) {
      const one = await client(port);
      one.send(`${GET}\r\n`);
      await one.answers(1);
      await pause(300);
      one.send(`${GET}\r\nGET /hello?name=Ada HTTP/1.1\r\nHost: a\r\n\r\n`);
      await one.answers(3);
      await pause(300);
      one.send(`${GET}Connection: close\r\n\r\n`);
      await one.closed();
    },
    captions: [
      [{ e: "conn.open" }, "A connection costs a round trip before the first byte. It is worth keeping."],
      [{ e: "keepalive", keep: true, r: 1 }, "After the first answer the connection stays: HTTP/1.1 does so unless somebody says close."],
      [{ e: "conn.recv" }, "Two requests arrive in one read. The client has not waited for the first answer: that is pipelining."],
      [{ e: "pipeline" }, "The second request is here already. It waits, because answers leave in the order of the requests."],
      [{ e: "resp.head", r: 3 }, "Its turn. The two answers are in one buffer now."],
      [{ e: "conn.send" }, "One write for both. Nothing in the stream but their lengths says where the first ends."],
      [{ e: "parse.head", r: 4 }, "The fourth request says Connection: close."],
      [{ e: "keepalive", keep: false }, "So the server says close too, and ends the connection after this answer."],
      [{ e: "conn.close" }, "Four requests, one handshake."],
    ],
  },
  {
    name: "too-large", title: "413 while the body is still coming",
    async play(port) {
      const one = await client(port);
      one.send(`POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 8388608\r\n\r\n${"first ".repeat(150)}`);
      await one.answers(1);
      await pause(200);
      one.send("more ".repeat(150));
      await pause(200);
      await one.end();
    },
    captions: [
      [{ e: "conn.recv" }, "A head that announces 8 MiB, and the first bytes of the body."],
      [{ e: "body.plan", plan: "length" }, "The server knows the length before the body has come."],
      [{ e: "req.error", kind: "body-too-large" }, "It is more than this route accepts. To read 8 MiB only to refuse them would help nobody."],
      [{ e: "conn.send" }, "413, while the client is still sending."],
      [{ e: "conn.half-close" }, "Now care is needed: a close with unread bytes is a reset, and a reset destroys the answer on its way. So only the server's side closes."],
      [{ e: "conn.timer", kind: "drain" }, "What the client still sends is read and thrown away, for two seconds at most."],
      [{ e: "conn.recv", n: "eof" }, "The client has read its 413, and closes its side too."],
      [{ e: "conn.close" }, "No byte is unread, so the close is no reset. The answer was not lost (RFC 9112 §9.6)."],
    ],
  },
  {
    name: "silent", title: "A connection that says nothing",
    async play(port) {
      const silent = await client(port);
      await pause(300);
      const other = await client(port);
      other.send(`${GET}\r\n`);
      await other.answers(1);
      await other.end();
      await silent.closed();
    },
    captions: [
      [{ e: "conn.open", c: 1 }, "A client connects and says nothing. Browsers do this, and health checks, and attackers."],
      [{ e: "conn.timer", c: 1 }, "A deadline begins. Nothing else happens: the server sleeps."],
      [{ e: "conn.open", c: 2 }, "Another client comes. A server that reads one connection at a time would still be waiting for the first."],
      [{ e: "conn.send", c: 2 }, "This one waits for whichever socket is ready, so the second client has its answer at once."],
      [{ e: "conn.timer", c: 1, fired: true }, "The time of the silent one is up."],
      [{ e: "conn.close", c: 1 }, "The server closes it: each connection has a place in a table, and places are few."],
    ],
  },
];

const [program, folder] = process.argv.slice(2);

async function record({ name, title, play, captions }) {
  const scratch = mkdtempSync(join(tmpdir(), "wire-story-"));
  const capture = join(scratch, "capture.ndjson");
  const server = await serve(program, ["--record", capture]);
  try {
    await play(server.port);
    await server.stop();
    const lines = readFileSync(capture, "latin1").trim().split("\n").map(line => JSON.parse(line)).filter(needed).map(line => JSON.stringify(shortened(line)));
    const head = JSON.stringify({ e: "story", title, captions: captions.map(([when, say]) => ({ when, say })) });
    writeFileSync(join(folder, `${name}.ndjson`), `${head}\n${lines.join("\n")}\n`);
  } finally {
    await server.stop();
    rmSync(scratch, { recursive: true, force: true });
  }
}

// What the page does not draw is not kept.
const needed = ({ e, near }) => !["poll.wake", "conn.ready", "conn.interest"].includes(e) && near !== false;
function shortened(event) {
  if (event.e === "server.start") event.routes = [];
  return event;
}

/** Each caption finds its event, and the view can be drawn there. */
function check(path) {
  const { events, note, story } = read(readFileSync(path, "latin1"));
  assert.equal(note, "", path);
  const found = places(events, story.captions);
  story.captions.forEach(({ say, when }, i) => assert.notEqual(found[i], undefined, `${path}: nothing for ${JSON.stringify(when)}, ${say}`));
  for (const at of found) {
    const { q, w, c } = events[at];
    assert(view(events.slice(0, at + 1), { conn: `${w}.${c}`, step: q }).title[0].length > 0);
  }
  console.log(`${path}: ${events.length} events, ${found.length} captions`);
}

await Promise.all(STORIES.map(record));
for (const { name } of STORIES) check(join(folder, `${name}.ndjson`));
const embedded = readdirSync(EMBEDDED).filter(file => file.endsWith(".ndjson"));
assert.deepEqual(embedded.sort(), STORIES.map(({ name }) => `${name}.ndjson`).sort());
for (const file of embedded) check(join(EMBEDDED, file));
