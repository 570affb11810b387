// What any page owes to a reader, run inside of it: returns a list of complaints. The first argument allows a width.
const complaints = [];
const complain = (what, node) => complaints.push(node ? `${what}: ${node.outerHTML.slice(0, 100)}` : what);
const all = (selector) => Array.from(document.querySelectorAll(selector));
const seen = (node) => node.getClientRects().length > 0;

if (!document.documentElement.lang) complain("no language");
if (!document.title.trim()) complain("no title");
for (const once of ["h1", "main", "header", "footer", "nav", 'meta[name="viewport"]'])
  if (all(once).length !== 1) complain(`${all(once).length} of ${once}`);
if (document.querySelector("a").getAttribute("href") !== "#main") complain("the first link does not skip to the content");

all("img").filter((image) => !image.hasAttribute("alt")).forEach((image) => complain("no alt", image));
all("img").filter((image) => seen(image) && image.naturalWidth === 0).forEach((image) => complain("not loaded", image));
all("input:not([type=hidden]):not([hidden])").filter((input) => input.labels.length === 0).forEach((input) => complain("no label", input));
all("input[type=password]").filter((input) => !input.autocomplete).forEach((input) => complain("no autocomplete", input));
all("button, a").filter((control) => !(control.ariaLabel || control.textContent.trim())).forEach((control) => complain("no name", control));
// WCAG 2.2, 2.5.3: who speaks what is to be seen must be understood.
all("button, a, summary").filter((control) => control.ariaLabel && !control.ariaLabel.toLowerCase().includes(control.textContent.trim().toLowerCase()))
  .forEach((control) => complain("its name is not what is seen", control));
all("form[method=post]").filter((form) => !form.action.startsWith(location.origin)).forEach((form) => complain("foreign action", form));
all("script:not([src]), style, [style]:not([style*='--'])").forEach((node) => complain("inline", node));

const ids = all("[id]").map((node) => node.id);
ids.filter((id, at) => ids.indexOf(id) !== at).forEach((id) => complain(`two of #${id}`));
for (const attribute of ["aria-describedby", "aria-labelledby"])
  for (const node of all(`[${attribute}]`))
    for (const id of node.getAttribute(attribute).split(/\s+/))
      if (!document.getElementById(id)) complain(`${attribute} names nothing`, node);

let level = 0;
for (const heading of all("h1, h2, h3, h4")) {
  if (Number(heading.tagName[1]) > level + 1) complain("a heading level is left out", heading);
  level = Number(heading.tagName[1]);
}

// WCAG 2.2, 1.4.3: 4.5:1, large text 3:1. Transparent backgrounds show what is beneath.
const channels = (colour) => colour.match(/[\d.]+/g).map(Number);
const luminance = ([r, g, b]) =>
  [r, g, b].map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const backdrop = (node) => {
  for (; node; node = node.parentElement) {
    const colour = channels(getComputedStyle(node).backgroundColor);
    if (colour[3] !== 0) return colour;
  }
  return [255, 255, 255];
};
for (const node of all("body *")) {
  const says = Array.from(node.childNodes).some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim());
  if (!says || !seen(node) || node.closest(".resting, noscript")) continue;
  const style = getComputedStyle(node);
  const pair = [luminance(channels(style.color)), luminance(backdrop(node))].sort((a, b) => b - a);
  const ratio = (pair[0] + 0.05) / (pair[1] + 0.05);
  if (ratio < (parseFloat(style.fontSize) >= 24 ? 3 : 4.5)) complain(`contrast ${ratio.toFixed(2)}`, node);
}

if (document.documentElement.scrollWidth > arguments[0])
  complain(`${document.documentElement.scrollWidth} wide in ${arguments[0]}`);
return complaints;
