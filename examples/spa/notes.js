import { mayflyFetch } from "./mayfly-fetch.js";

document.getElementById("note").addEventListener("submit", async (event) => {
  const news = document.getElementById("news");
  event.preventDefault();
  // Two at once: one log-in is enough for both.
  const [saved, listed] = await Promise.all([
    mayflyFetch("/api/notes", { method: "POST", body: new FormData(event.target) }),
    mayflyFetch("/api/notes"),
  ]);
  news.textContent = saved.ok && listed.ok ? `Saved. ${await saved.text()}` : `Not saved: ${saved.status}`;
});
