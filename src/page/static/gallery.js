// Selecting several files of the list, and a preview of pictures. Beside files.js, which renews the list.
"use strict";

const selection = byId("selection");
const preview = byId("preview");
const confirming = byId("confirm");
const rowOf = (node) => node.closest("li[data-id]");
const selected = () => Array.from(byId("list").querySelectorAll(".pick input:checked"), rowOf);
const nameOf = (row) => row.querySelector(".name").textContent;
const addressOf = (row) => row.querySelector(".name a").getAttribute("href");

// --- selection

function showSelection() {
  const count = selected().length;

  selection.hidden = count === 0;
  selection.querySelector("p").textContent = `${plural(count, "file")} selected`;
}

function clearSelection() {
  for (const row of selected()) row.querySelector(".pick input").checked = false;
  showSelection();
  byId("list-title").focus();
  if (stale) refresh();
}

// One after the other: browsers ask before a page starts several downloads, and drop those that come too fast.
async function download(rows) {
  for (const row of rows) {
    row.querySelector("a[download]").click();
    await new Promise((resolve) => setTimeout(resolve, 300));
  }
}

async function remove(rows) {
  const failed = [];

  for (const row of rows) {
    const headers = { Accept: "application/json" };
    const response = await fetch(addressOf(row), { method: "DELETE", headers }).catch(() => null);

    if (!response?.ok && response?.status !== 404) failed.push(nameOf(row));
  }
  const done = `${plural(rows.length - failed.length, "file")} deleted.`;
  await show(location.href, failed.length === 0 ? done : `${done} Not deleted: ${failed.join(", ")}.`);
  showSelection();
}

byId("selection-clear").addEventListener("click", clearSelection);
byId("selection-download").addEventListener("click", () => download(selected()));
byId("selection-delete").addEventListener("click", () => {
  byId("confirm-title").textContent = `Delete ${plural(selected().length, "file")}?`;
  confirming.returnValue = "keep";
  confirming.showModal();
});
confirming.addEventListener("close", () => confirming.returnValue === "delete" && remove(selected()));
document.addEventListener("change", (event) => event.target.closest?.(".pick") && showSelection());

// --- preview

const pictures = () => Array.from(byId("list").querySelectorAll("a.picture[href]"));
let shown = null; // the link of the picture that is previewed

function showPicture(link) {
  const row = rowOf(link);
  const all = pictures();
  const at = all.indexOf(link);

  shown = link;
  byId("preview-title").textContent = nameOf(row);
  preview.querySelector("img").src = link.getAttribute("href");
  preview.querySelector("img").alt = nameOf(row);
  preview.querySelector("a[download]").href = addressOf(row);
  byId("preview-before").disabled = at <= 0;
  byId("preview-after").disabled = at < 0 || at + 1 >= all.length;
  if (!preview.open) preview.showModal();
}

function step(by) {
  const all = pictures();
  const next = all[all.indexOf(shown) + by];

  if (next) showPicture(next);
}

byId("preview-before").addEventListener("click", () => step(-1));
byId("preview-after").addEventListener("click", () => step(1));
preview.addEventListener("keydown", (event) => {
  if (event.key === "ArrowLeft") step(-1);
  else if (event.key === "ArrowRight") step(1);
});
preview.addEventListener("close", () => {
  preview.querySelector("img").removeAttribute("src");
  if (shown?.isConnected) shown.focus();
});
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("a.picture[href]");

  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  showPicture(link);
});

function prepareRows() {
  for (const pick of byId("list").querySelectorAll(".pick")) pick.hidden = false;
  showSelection();
}

document.addEventListener("list-renewed", prepareRows);
prepareRows();
