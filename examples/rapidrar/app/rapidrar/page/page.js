"use strict";

const form = document.querySelector("form");
const said = document.querySelector("#said");
const table = document.querySelector("table");

for (const here of document.querySelectorAll(".here")) here.textContent = document.baseURI;

function say(text, bad = false) {
  said.textContent = text;
  said.classList.toggle("bad", bad);
}

async function send(path) {
  const answer = await fetch(path, { method: "POST", body: document.querySelector("#file").files[0] });
  if (!answer.ok) throw new Error((await answer.json()).message);
  return answer;
}

async function save(path, name) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await (await send(path)).blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

function row(entry) {
  const name = document.createElement("td");
  if (entry.kind === "file") {
    const button = document.createElement("button");
    button.textContent = entry.name;
    button.type = "button";
    button.onclick = () => attempt(() => save(`archives/extract?member=${encodeURIComponent(entry.name)}`, entry.name.split("/").pop()));
    name.append(button);
  } else {
    name.textContent = `${entry.name} (${entry.kind})`;
  }
  const modified = document.createElement("td");
  modified.textContent = new Date(entry.modified * 1000).toLocaleString();
  const size = document.createElement("td");
  size.className = "number";
  size.textContent = entry.kind === "directory" ? "" : entry.size.toLocaleString();
  const line = document.createElement("tr");
  line.append(name, modified, size);
  return line;
}

const deeds = {
  async list() {
    const { format, entries, bytes } = await (await send("archives/list")).json();
    table.querySelector("tbody").replaceChildren(...entries.map(row));
    table.hidden = entries.length === 0;
    say(`${format}: ${entries.length} entries, ${bytes.toLocaleString()} bytes. Choose a name to download it.`);
  },
  async test() {
    const { files, bytes } = await (await send("archives/test")).json();
    say(`All is well: ${files} files, ${bytes.toLocaleString()} bytes, every checksum matches.`);
  },
  async extract() {
    const name = document.querySelector("#file").files[0].name.replace(/\.rar$/i, "");
    await save("archives/extract", `${name}.zip`);
    say("Extracted.");
  },
};

async function attempt(deed) {
  say("Working…");
  form.querySelectorAll("button").forEach((button) => (button.disabled = true));
  try {
    await deed();
  } catch (error) {
    say(error.message, true);
  } finally {
    form.querySelectorAll("button").forEach((button) => (button.disabled = false));
    if (said.textContent === "Working…") say("");
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(deeds[event.submitter.value]);
});
