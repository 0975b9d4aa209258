const list = document.querySelector("ul"), add = document.querySelector("#add");

const element = (tag, values) => Object.assign(document.createElement(tag), values);

async function attach(note, file) {
  const name = encodeURIComponent(file.name);
  await fetch(`/api/notes/${note.id}/file?name=${name}`, { method: "PUT", body: file });
}

function line(note) {
  const remove = element("button", { textContent: "Remove", onclick: () => fetch(`/api/notes/${note.id}`, { method: "DELETE" }) });
  const file = note.file
    ? element("a", { textContent: note.file, href: `/api/notes/${note.id}/file` })
    : element("input", { type: "file", ariaLabel: "Attach a file", onchange: event => attach(note, event.target.files[0]) });
  const item = document.createElement("li");
  item.append(element("span", { textContent: note.title }), file, remove);
  return item;
}

async function show() {
  const reply = await fetch("/api/notes");
  document.querySelector("#login").hidden = reply.ok;
  document.querySelector("main").hidden = !reply.ok;
  if (reply.ok) list.replaceChildren(...(await reply.json()).map(line));
  return reply.ok;
}

add.onsubmit = async event => {
  event.preventDefault();
  const reply = await fetch("/api/notes", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ title: add.title.value }),
  });
  add.querySelector(".wrong")?.remove();
  if (reply.ok) return add.reset();
  const wrong = Object.entries((await reply.json()).details ?? {}).map(([field, why]) => `${field}: ${why}`);
  add.append(element("p", { className: "wrong", textContent: wrong.join(", ") }));
};

// Each change of this user's notes, from any window or program, shows them again.
show().then(isIn => { if (isIn) new EventSource("/api/events").onmessage = show; });
