import { Link } from "react-router";
import type { Product } from "../api/client";
import { price, title, valueName } from "../text/names";
import { useText } from "../text/text";
import { likeProduct } from "../trail/trail";
import { productPage, useView } from "../trail/use-view";

/** Pictures first: a calm grid of products, with places kept for those still to come. */
export function ProductGrid({ products, coming = 0 }: { products: Product[]; coming?: number }) {
  return (
    <ul className="grid" aria-busy={coming > 0}>
      {products.map((product, index) => (
        <ProductCard key={product.id} product={product} eager={index < 8} />
      ))}
      {Array.from({ length: coming }, (_, index) => (
        // biome-ignore lint/suspicious/noArrayIndexKey: they are all alike
        <li key={index} className="card skeleton" aria-hidden="true">
          <div className="picture" />
          <div className="line" />
          <div className="line short" />
        </li>
      ))}
    </ul>
  );
}

function ProductCard({ product, eager }: { product: Product; eager: boolean }) {
  const text = useText();
  const { view, go } = useView();
  const brand = product.attributes?.brand;
  return (
    <li className="card">
      <Link to={productPage(view, product.id)}>
        <ProductPicture product={product} eager={eager} />
        <h3>{title(product)}</h3>
      </Link>
      <p className="facts">
        <span className="price">{price(text, product)}</span>
        {typeof brand === "string" && <span>{valueName(text, brand)}</span>}
      </p>
      <button
        type="button"
        className="like"
        aria-label={text.likeThisNamed(title(product))}
        onClick={() => go({ ...view, trail: likeProduct(view.trail, product.id) })}
      >
        {text.likeThis}
      </button>
    </li>
  );
}

/** A product's picture at its own size, so that nothing moves when it comes. */
export function ProductPicture({ product, eager }: { product: Product; eager: boolean }) {
  if (!product.image_uri) return <div className="picture" />;
  return (
    <img
      className="picture"
      src={product.image_uri}
      alt=""
      width={product.image_width}
      height={product.image_height}
      loading={eager ? "eager" : "lazy"}
      decoding="async"
    />
  );
}
