// What the page keeps of more events than it can hold. Pure.

import { connections } from "./model.js";

const name = ({ w, c }) => `${w}.${c}`;

/** Leaves out what the page has asked for itself and old counts, then old connections: whole ones, unless one alone has more than `most` events. */
export function shortened(events, most) {
  const own = new Set(connections(events).filter(conn => conn.observer).map(conn => conn.key));
  const counts = events.findLast(event => event.e === "wire.counts");
  const others = events.filter(event => event.e === "wire.counts" ? event === counts : !own.has(name(event)));
  if (others.length <= most) return others;
  const start = others.find(event => event.e === "server.start");
  const late = new Set(others.slice(-most / 2).map(name));
  const some = others.filter(event => event === start || event === counts || event.c > 0 && late.has(name(event)));
  return some.length <= most ? some : [start, ...some.slice(-most / 2)].filter(Boolean);
}
