import { useMemo } from "react";
import { useParams } from "react-router";
import type { Product } from "../api/client";
import { FailureNotice } from "../components/Notices";
import { Announcement, ProductFeed } from "../components/ProductFeed";
import { ProductPicture } from "../components/ProductGrid";
import { useConfig } from "../config";
import { useProduct, useProducts } from "../results/use-products";
import { fieldName, price, title, valueName } from "../text/names";
import { useText } from "../text/text";
import { likeProduct } from "../trail/trail";
import { useView } from "../trail/use-view";

/** One product: a larger picture, what is known of it, and more like it. */
export function ProductPage() {
  const { id = "" } = useParams();
  const text = useText();
  const { name } = useConfig();
  const { data: product, error, refetch } = useProduct(id);
  return (
    <main id="products" tabIndex={-1} className="product-page">
      <title>{text.title(product ? title(product) : "", name)}</title>
      {error && <FailureNotice heading="" failure={error} onRetry={() => refetch()} />}
      {!error && <Details id={id} product={product} />}
      {!error && <MoreLikeThis key={id} id={id} />}
    </main>
  );
}

function Details({ id, product }: { id: string; product: Product | undefined }) {
  const text = useText();
  const { view, go } = useView();
  if (!product) return <div className="product skeleton" aria-hidden="true" />;
  return (
    <article className="product">
      <ProductPicture product={product} eager />
      <div>
        <h1>{title(product)}</h1>
        <p className="price">{price(text, product)}</p>
        <button
          type="button"
          className="primary"
          onClick={() => go({ ...view, trail: likeProduct(view.trail, id) })}
        >
          {text.likeThis}
        </button>
        <h2>{text.details}</h2>
        <dl>
          {Object.entries(product.attributes ?? {})
            .filter(([field]) => !["price", "currency"].includes(field))
            .map(([field, value]) => (
              <div key={field}>
                <dt>{fieldName(text, field)}</dt>
                <dd>
                  {[value]
                    .flat()
                    .map((one) => valueName(text, one))
                    .join(", ")}
                </dd>
              </div>
            ))}
        </dl>
      </div>
    </article>
  );
}

function MoreLikeThis({ id }: { id: string }) {
  const text = useText();
  const { catalog } = useConfig();
  const answer = useProducts(
    useMemo(
      () => ({
        catalog,
        filter: null,
        wanted: { reference: { product_id: id }, words: "" },
        pictureMissing: false,
      }),
      [catalog, id],
    ),
  );
  return (
    <section className="more">
      <h2>{text.moreLikeThis}</h2>
      <Announcement answer={answer} />
      <ProductFeed answer={answer} empty={<p>{text.nothing}</p>} />
    </section>
  );
}
