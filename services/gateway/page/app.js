// The page: one question (words, a picture or a product, filters) and its answer as cards.

import { ApiError, facets, list, search } from "/page/api.js";
import { Filters } from "/page/filters.js";
import { prepared } from "/page/picture.js";

const $ = (id) => document.getElementById(id);
const form = $("query");
const filters = new Filters($("filters"), ask);

let reference = null; // {productId} or {picture}, with {title, address} to show
let nextToken = "";
let asking = null; // AbortController of the question in progress

// --- asking -----------------------------------------------------------------------------------

function question() {
  const words = $("words").value.trim();
  const nothingElse = !words && !reference;
  return {
    words: nothingElse ? filters.words : words,
    productId: reference?.productId,
    picture: reference?.picture,
    filter: filters.filter,
  };
}

async function ask() {
  await show("", (products) => $("grid").replaceChildren(...products.map(card)));
}

async function more() {
  const shown = $("grid").children.length;
  await show(nextToken, (products) => $("grid").append(...products.map(card)));
  $("grid").children[shown]?.querySelector("button").focus({ preventScroll: true });
}

async function show(token, place) {
  asking?.abort();
  const mine = (asking = new AbortController());
  busy(true);
  try {
    const asked = question();
    const searching = asked.words || asked.productId || asked.picture;
    const page = await (searching ? search(asked, token, mine.signal) : list(token, mine.signal));
    place(page.products);
    nextToken = page.next;
    tell(searching, page.degraded);
  } catch (error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    if (!token) {
      $("grid").replaceChildren();
      nextToken = "";
      $("status").textContent = "";
    }
    $("error").textContent = error.message;
    $("error").hidden = false;
  } finally {
    if (asking === mine) busy(false);
  }
}

function busy(is) {
  $("grid").setAttribute("aria-busy", String(is));
  $("more").disabled = is;
  if (is) $("error").hidden = true;
  else $("more").hidden = !nextToken;
}

function tell(searching, degraded) {
  const count = $("grid").children.length;
  let sentence = searching ? "Best matches first." : "Some of the catalog. Search, or start from one of these.";
  if (!count) sentence = searching ? "Nothing matches; try fewer filters." : "The catalog is empty.";
  if (degraded) sentence += " Part of the service is missing, so these may not be the best.";
  $("status").textContent = sentence;
}

// --- cards ------------------------------------------------------------------------------------

function card(product) {
  const item = $("card").content.cloneNode(true);
  const image = item.querySelector("img");
  if (product.image_uri) image.src = product.image_uri;
  item.querySelector("h2").textContent = product.title || product.id;
  item.querySelector(".facts").textContent = facts(product.attributes ?? {});
  const button = item.querySelector("button");
  button.setAttribute("aria-label", `Like ${product.title || product.id}, but…`);
  button.addEventListener("click", () => {
    startFrom({ productId: product.id, title: product.title, address: product.image_uri });
    scrollTo({ top: 0, behavior: "smooth" });
    $("words").focus({ preventScroll: true });
  });
  return item;
}

function facts({ price, currency, brand }) {
  return [money(price, currency), brand].filter(Boolean).join(" · ");
}

function money(price, currency) {
  if (typeof price !== "number") return price;
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(price);
  } catch {
    return price.toFixed(2); // no currency, or one that the browser does not know
  }
}

// --- the reference ----------------------------------------------------------------------------

function startFrom(chosen) {
  if (reference?.picture) URL.revokeObjectURL(reference.address);
  reference = chosen;
  $("drop").hidden = Boolean(chosen);
  $("chosen").hidden = !chosen;
  $("words").placeholder = chosen ? "…what should be different?" : "What are you looking for?";
  $("words-label").textContent = chosen ? "What should be different?" : "What are you looking for?";
  $("words").value = "";
  if (chosen) {
    $("chosen-image").src = chosen.address || "/page/icon.svg";
    $("chosen-caption").textContent = chosen.title || "Your picture";
  } else {
    $("chosen-image").removeAttribute("src");
    $("file").value = "";
  }
  ask();
}

async function startFromFile(file) {
  if (!file) return;
  const picture = await prepared(file);
  startFrom({ picture, title: "Your picture", address: URL.createObjectURL(picture) });
  $("words").focus();
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  ask();
});
$("file").addEventListener("change", () => startFromFile($("file").files[0]));
$("clear").addEventListener("click", () => {
  startFrom(null);
  $("file").focus();
});
$("more").addEventListener("click", more);

for (const kind of ["dragenter", "dragover"]) {
  addEventListener(kind, (event) => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    form.classList.add("dragging");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) form.classList.remove("dragging");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  form.classList.remove("dragging");
  startFromFile(event.dataTransfer.files[0]);
});
addEventListener("paste", (event) => startFromFile(event.clipboardData?.files[0]));

// --- the start --------------------------------------------------------------------------------

ask();
facets().then(
  (answer) => filters.show(answer.facets),
  () => {}, // the page works without filters
);
