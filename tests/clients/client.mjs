// Node's http and fetch. Reads cases from stdin, one a line: URL FRAMING SIZE EXPECT; prints the status, or the error, of each.

import http from "node:http";
import https from "node:https";
import readline from "node:readline";

const LIMIT = 40_000;

/** The body in pieces, as a program that reads a file would have it. */
function* pieces(size) {
    for (let left = size; left > 0; left -= 65536) {
        yield new Uint8Array(Math.min(left, 65536));
    }
}

async function byFetch(url, framing, size) {
    const chunked = framing === "chunked";
    const body = chunked ? ReadableStream.from(pieces(size)) : new Uint8Array(size);
    const answer = await fetch(url, { method: "POST", body, duplex: "half", signal: AbortSignal.timeout(LIMIT) });
    await answer.arrayBuffer();
    return answer.status;
}

function byHttp(url, framing, size, expect) {
    return new Promise((resolve, reject) => {
        const headers = framing === "chunked" ? { "Transfer-Encoding": "chunked" } : { "Content-Length": size };
        if (expect !== "-") headers.Expect = expect;
        const request = (url.startsWith("https:") ? https : http).request(url, { method: "POST", headers });
        request.setTimeout(LIMIT, () => request.destroy(new Error("no answer in time")));
        request.on("response", (answer) => {
            answer.resume();
            answer.on("end", () => resolve(answer.statusCode));
            answer.on("error", reject);
        });
        request.on("error", reject);
        const rest = pieces(size);
        const more = () => {
            for (let next = rest.next(); !next.done; next = rest.next()) {
                if (!request.write(next.value)) return request.once("drain", more);
            }
            request.end();
        };
        more();
    });
}

const ask = process.argv[2] === "fetch" ? byFetch : byHttp;
for await (const line of readline.createInterface({ input: process.stdin })) {
    const [url, framing, size, expect] = line.split(" ");
    try {
        console.log(String(await ask(url, framing, Number(size), expect)));
    } catch (error) {
        console.log(String(error.cause ?? error).replaceAll("\n", " "));
    }
}
process.exit(0);
