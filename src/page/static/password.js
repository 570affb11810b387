// A button beside each password that shows what was typed. Without scripts the field stays as it is.
"use strict";

for (const input of document.querySelectorAll("input[type=password]")) {
  const button = document.createElement("button");
  const label = document.querySelector(`label[for="${input.id}"]`).firstChild.textContent.trim();
  const show = (shown) => {
    input.type = shown ? "text" : "password";
    button.textContent = shown ? "Hide" : "Show";
    button.setAttribute("aria-label", `${button.textContent}: ${label}`);
  };
  const field = document.createElement("span");

  button.type = "button";
  button.className = "plain";
  field.className = "password";
  input.before(field);
  field.append(input, button);
  show(false);
  button.addEventListener("click", () => {
    show(input.type === "password");
    input.focus();
  });
  // Browsers keep what a field of plain text held, and offer it again: nothing of that for passwords.
  input.form.addEventListener("submit", () => show(false));
}
