import { useConfig } from "../config";
import { dataUri } from "../picture/base64";
import { useProduct } from "../results/use-products";
import { title } from "../text/names";
import { useText } from "../text/text";
import type { Reference } from "../trail/trail";
import { Icon } from "./Icon";

interface Props {
  reference: Reference | null;
  picture: string | null;
  /** With what it is, beside it. */
  named?: boolean;
}

/** The picture that a search starts from. */
export function ReferenceThumb({ reference, picture, named = false }: Props) {
  const text = useText();
  const { catalog } = useConfig();
  const id = named && reference?.kind === "product" ? reference.id : null;
  const { data } = useProduct(id);
  const source = pictureOf(reference, picture, catalog);
  const name =
    reference?.kind === "product"
      ? data && title(data)
      : reference?.kind === "uri"
        ? text.pictureFromWeb
        : text.yourPicture;
  return (
    <figure className="thumb">
      {source ? (
        <img src={source} alt={named ? text.reference : ""} width={56} height={56} />
      ) : (
        <span className="no-picture">
          <Icon name={reference ? "picture" : "words"} />
        </span>
      )}
      {named && <figcaption>{name}</figcaption>}
    </figure>
  );
}

function pictureOf(reference: Reference | null, picture: string | null, catalog: string) {
  switch (reference?.kind) {
    case "product":
      return `/v1/products/${encodeURIComponent(reference.id)}/image?${new URLSearchParams({ catalog })}`;
    case "picture":
      return picture && dataUri(picture);
    default:
      return null; // one from the web is not asked for by the page: no request leaves the shop
  }
}
