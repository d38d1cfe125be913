// The calls of the REST API that the page makes. Failures carry the API's own sentence.

const catalog = new URLSearchParams(location.search).get("catalog") || "default";
const PAGE_SIZE = 24;

export class ApiError extends Error {}

async function call(path, options) {
  let response;
  try {
    response = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError("The service cannot be reached. Check the connection and try again.");
  }
  if (response.ok) return response.json();
  const body = await response.json().catch(() => null);
  throw new ApiError(body?.error?.message ?? "The service gave an answer that cannot be read.");
}

export function facets() {
  return call(`/v1/products:facets?${new URLSearchParams({ catalog })}`);
}

export async function list(pageToken, signal) {
  const query = new URLSearchParams({ catalog, page_size: PAGE_SIZE, page_token: pageToken });
  const page = await call(`/v1/products?${query}`, { signal });
  return { products: page.products, next: page.next_page_token };
}

// question: {words, productId, picture (a Blob), filter}
export async function search(question, pageToken, signal) {
  const request = {
    catalog,
    modification: question.words,
    page_size: PAGE_SIZE,
    page_token: pageToken,
  };
  if (question.filter) request.filter = question.filter;
  if (question.productId) request.reference = { product_id: question.productId };

  const options = { method: "POST", signal };
  if (question.picture) {
    options.body = new FormData();
    options.body.append("image", question.picture, "picture");
    options.body.append("request", JSON.stringify(request));
  } else {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(request);
  }
  const page = await call("/v1/products:search", options);
  return {
    products: page.hits.map((hit) => hit.product),
    next: page.next_page_token,
    degraded: page.degraded,
  };
}
