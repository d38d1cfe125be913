"""Pages of the test shop."""

import html
import json
from typing import Any

from tests.training.catalog.shop.stock import Garment, page_images


def product_page(garment: Garment, shop: str) -> str:
    """A product's page in the way of its garment; `shop` is the shop's address."""
    makers = {
        "json-ld": _json_ld,
        "group": _group,
        "microdata": _microdata,
        "opengraph": _opengraph,
        "selectors": _plain,
    }
    head, body = makers[garment.style](garment, shop)
    meta = f'<meta charset="{garment.encoding}">' if garment.charset_in == "meta" else ""
    worn = "".join(
        f'<img class="styling" src="{path}">'
        for path in garment.snapshots
        if garment.worn_by == "selector"
    )
    return (
        f"<!doctype html><html><head>{meta}<title>{html.escape(garment.title)} | Shop</title>"
        f'<link rel="canonical" href="{shop}/goods/{garment.number}">{head}</head>'
        f"<body><h1>{html.escape(garment.title)}</h1>{body}{worn}"
        '<a href="/cart?add=1">Buy</a></body></html>'
    )


def _images(garment: Garment) -> list[Any]:
    listed: list[Any] = list(page_images(garment))
    if garment.worn_by == "caption":
        listed += [
            {"@type": "ImageObject", "contentUrl": path, "caption": "모델 착용컷"}
            for path in garment.snapshots
        ]
    elif garment.worn_by == "address":
        listed += garment.snapshots
    return listed


def _offer(garment: Garment) -> dict[str, Any]:
    stock = "InStock" if garment.available else "OutOfStock"
    return {
        "@type": "Offer",
        "price": f"{garment.price:.2f}",
        "priceCurrency": garment.currency,
        "availability": f"https://schema.org/{stock}",
    }


def _script(node: Any) -> str:
    return f'<script type="application/ld+json">{json.dumps(node, ensure_ascii=False)}</script>'


def _json_ld(garment: Garment, shop: str) -> tuple[str, str]:
    properties = [
        {"@type": "PropertyValue", "name": name, "value": value}
        for name, value in garment.attributes.items()
    ]
    properties.append({"@type": "PropertyValue", "name": "Size", "value": list(garment.sizes)})
    product = {
        "@type": "Product",
        "name": garment.title,
        "brand": {"@id": "#brand"},
        "sku": garment.sku,
        "color": list(garment.colors),
        "image": _images(garment),
        "offers": _offer(garment),
        "additionalProperty": properties,
        # What else a page mentions is no product of the page.
        "isRelatedTo": {"@type": "Product", "name": "Another", "sku": "other"},
    }
    trail = {
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": 2, "name": f"{garment.category.title()}s"},
            {"@type": "ListItem", "position": 1, "name": "Home"},
        ],
    }
    brand = {"@type": "Brand", "@id": "#brand", "name": garment.brand}
    graph = {"@context": "https://schema.org", "@graph": [trail, product, brand]}
    # Shops publish broken JSON too; the rest of the page still counts.
    return '<script type="application/ld+json">{"@type": "Organization",</script>' + _script(
        graph
    ), ""


def _group(garment: Garment, shop: str) -> tuple[str, str]:
    variants = [
        {
            "@type": "Product",
            "name": f"{garment.title} {color} {size}".strip(),
            "sku": f"{garment.sku}-{color}-{size}",
            "color": color,
            "size": size,
            "offers": _offer(garment),
        }
        for color in garment.colors or ("",)
        for size in garment.sizes or ("",)
    ]
    group = {
        "@context": "https://schema.org",
        "@type": "ProductGroup",
        "name": garment.title,
        "productGroupID": garment.sku,
        "brand": garment.brand,
        "category": f"Clothing > {garment.category.title()}s",
        "image": _images(garment),
        "hasVariant": variants,
    }
    return _script(group), ""


def _microdata(garment: Garment, shop: str) -> tuple[str, str]:
    stock = "InStock" if garment.available else "SoldOut"
    pictures = "".join(f'<img itemprop="image" src="{path}">' for path in _images(garment))
    extra = "".join(
        '<div itemprop="additionalProperty" itemscope'
        ' itemtype="https://schema.org/PropertyValue">'
        f'<span itemprop="name">{name}</span>'
        f'<span itemprop="value">{", ".join(values)}</span></div>'
        for name, values in (("색상", garment.colors), ("사이즈", garment.sizes))
        if values
    )
    body = (
        '<div itemscope itemtype="https://schema.org/Product">'
        f'<span itemprop="name">{html.escape(garment.title)}</span>'
        f'<meta itemprop="sku" content="{garment.sku}">'
        f'<div itemprop="brand" itemscope itemtype="https://schema.org/Brand">'
        f'<span itemprop="name">{garment.brand}</span></div>'
        f'<span itemprop="category">{garment.category.title()}s</span>{pictures}{extra}'
        '<div itemprop="offers" itemscope itemtype="https://schema.org/Offer">'
        f'<meta itemprop="price" content="{garment.price:g}">'
        f'<meta itemprop="priceCurrency" content="{garment.currency}">'
        f'<link itemprop="availability" href="https://schema.org/{stock}"></div></div>'
    )
    return "", body


def _opengraph(garment: Garment, shop: str) -> tuple[str, str]:
    properties = [
        ("og:type", "product"),
        ("og:title", garment.title),
        ("product:brand", garment.brand),
        ("product:price:amount", f"{garment.price:g}"),
        ("product:price:currency", garment.currency),
        ("product:availability", "in stock" if garment.available else "oos"),
        ("product:retailer_item_id", garment.sku),
        *(("og:image", path) for path in _images(garment)),
        *(("product:color", color) for color in garment.colors),
    ]
    return "".join(
        f'<meta property="{name}" content="{html.escape(value)}">' for name, value in properties
    ), ""


def _plain(garment: Garment, shop: str) -> tuple[str, str]:
    sizes = "".join(f"<option>{size}</option>" for size in garment.sizes)
    pictures = "".join(f'<img src="{path}">' for path in _images(garment))
    body = (
        f'<p class="brand">{garment.brand}</p><p class="price">{garment.price:,.0f}원</p>'
        f'<select class="sizes">{sizes}</select><div class="gallery">{pictures}</div>'
    )
    return "", body


def list_page(title: str, links: list[str]) -> str:
    """A category's page, or any other with links."""
    items = "".join(
        f'<li><a href="{html.escape(link)}">{index}</a></li>' for index, link in enumerate(links)
    )
    head = f"<head><title>{title}</title></head>"
    return f"<!doctype html><html>{head}<body><ul>{items}</ul></body></html>"


def sitemap(addresses: list[str], *, index: bool = False) -> str:
    """A sitemap, or one of sitemaps."""
    kind, entry = ("sitemapindex", "sitemap") if index else ("urlset", "url")
    entries = "".join(f"<{entry}><loc>{address}</loc></{entry}>" for address in addresses)
    space = "http://www.sitemaps.org/schemas/sitemap/0.9"
    return f'<?xml version="1.0" encoding="UTF-8"?><{kind} xmlns="{space}">{entries}</{kind}>'
