import createClient from "openapi-fetch";
import type { paths } from "../src/api/schema";

const recompose = createClient<paths>({ baseUrl: "http://127.0.0.1:8080" });
const { data, error } = await recompose.POST("/v1/products:search", {
  body: { reference: { product_id: "demo-00007" }, modification: "in black", page_size: 3 },
});
if (error) throw new Error(error.error.message);
for (const { product, score } of data.hits) {
  console.log(score.toFixed(3), product.id, product.title);
}
