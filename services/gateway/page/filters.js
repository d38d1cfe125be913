// The filters: one row of chips for each attribute with few enough values.

const PREFERRED = ["category", "color"];
const MAX_VALUES = 40;
const MAX_ROWS = 2;

export class Filters {
  constructor(element, onChange) {
    this.element = element;
    this.onChange = onChange;
    this.chosen = new Map(); // field -> Set of values
  }

  show(facets) {
    const usable = facets.filter(({ values }) => values.length > 1 && values.length <= MAX_VALUES);
    const rank = ({ field }) => (PREFERRED.indexOf(field) + 1 || PREFERRED.length + 1);
    usable.sort((a, b) => rank(a) - rank(b));
    this.element.replaceChildren(...usable.slice(0, MAX_ROWS).map((facet) => this.row(facet)));
  }

  row({ field, values }) {
    const row = document.createElement("fieldset");
    row.className = "facet";
    const legend = document.createElement("legend");
    legend.textContent = field[0].toUpperCase() + field.slice(1);
    row.append(legend, ...values.map(({ value, count }) => this.chip(field, value, count)));
    return row;
  }

  chip(field, value, count) {
    const chip = document.createElement("button");
    chip.type = "button";
    chip.className = "chip";
    chip.setAttribute("aria-pressed", "false");
    if (/^colou?r$/.test(field) && CSS.supports("color", String(value))) {
      const swatch = document.createElement("span");
      swatch.className = "swatch";
      swatch.style.background = String(value);
      chip.append(swatch);
    }
    const number = document.createElement("span");
    number.className = "count";
    number.textContent = count;
    chip.append(String(value), number);
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", String(this.toggle(field, value)));
      this.onChange();
    });
    return chip;
  }

  toggle(field, value) {
    const values = this.chosen.get(field) ?? new Set();
    const pressed = !values.delete(value);
    if (pressed) values.add(value);
    if (values.size) this.chosen.set(field, values);
    else this.chosen.delete(field);
    return pressed;
  }

  // The filter of the API, or null where nothing is chosen.
  get filter() {
    if (!this.chosen.size) return null;
    const matches = [...this.chosen].map(([field, values]) => ({ field, any_of: [...values] }));
    return { all: matches };
  }

  // The chosen values as words, colour before category: what to search for when nothing else is.
  get words() {
    const values = [...this.chosen].sort(([a], [b]) => b.localeCompare(a));
    return values.flatMap(([, chosen]) => [...chosen].map(String)).join(" ");
  }
}
