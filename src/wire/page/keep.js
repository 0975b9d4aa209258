// What the page keeps of more events than it can hold. Pure.

import { connections } from "./model.js";

const name = ({ w, c }) => `${w}.${c}`;
/** Of a connection of the lab, so many of its first events stay: the page judges what comes of it. */
const FIRST = 500;

/**
 * Leaves out what the page has asked for itself and old counts, then old connections: whole ones, unless the others together have more
 * than `most` events. A connection of the lab stays until it is closed.
 */
export function shortened(events, most) {
  const all = connections(events);
  const keys = list => new Set(list.map(conn => conn.key));
  const own = keys(all.filter(conn => conn.observer));
  const counts = events.findLast(event => event.e === "wire.counts");
  const others = events.filter(event => event.e === "wire.counts" ? event === counts : !own.has(name(event)));
  if (others.length <= most) return others;
  const start = others.find(event => event.e === "server.start");
  const lab = all.filter(conn => conn.events[0].lab);
  const late = new Set([...others.slice(-most / 2).map(name), ...keys(lab.filter(conn => !conn.close))]);
  const some = others.filter(event => event === start || event === counts || event.c > 0 && late.has(name(event)));
  if (some.length <= most) return some;
  return [start, counts, ...beginnings(some.slice(0, -most / 2), keys(lab)), ...some.slice(-most / 2)].filter(Boolean);
}

// The first events of some connections, each with a line about what is left out after them.
function beginnings(events, wanted) {
  return [...wanted].flatMap(key => {
    const list = events.filter(event => name(event) === key);
    const more = list.length - FIRST;
    return more > 0 ? [...list.slice(0, FIRST), { ...list[FIRST], e: "wire.skip", events: more }] : list;
  });
}
