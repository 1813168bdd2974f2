/**
 * Which agents: terms on their labels, joined by commas, each of which must hold; as Kubernetes writes them.
 *
 *   zone=eu   zone==eu   zone!=eu   zone in (eu, us)   zone notin (eu, us)   gpu   !gpu
 *
 * `!=` and `notin` hold for agents without the label, too. `name` stands for the agent's name.
 */
import { z } from "zod";

interface Term {
  readonly key: string;
  /** Any of them; undefined: any value at all. */
  readonly values?: ReadonlySet<string>;
  readonly isNegated: boolean;
}

/** What a selector looks at. */
export interface Labelled {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

const SELECTOR_MAX_LENGTH = 500;
const WORD = "[\\w./:@-]+";
const SET = new RegExp(`^(${WORD})\\s+(in|notin)\\s*\\(([^()]*)\\)$`);
const EQUALITY = new RegExp(`^(${WORD})\\s*(==|=|!=)\\s*(${WORD})$`);
const EXISTENCE = new RegExp(`^(!?)\\s*(${WORD})$`);
const VALUE = new RegExp(`^${WORD}$`);

export const Selector = z
  .string()
  .min(1)
  .max(SELECTOR_MAX_LENGTH)
  .superRefine((text, check) => {
    const wrong = termsOf(text).findIndex((term) => term === undefined);
    if (wrong < 0) return;
    const message = `“${split(text)[wrong]?.trim() ?? ""}” is no term of a selector: write zone=eu, zone!=eu, zone in (eu, us), zone notin (eu, us), gpu or !gpu, joined by commas.`;
    check.addIssue({ code: "custom", message });
  });

/** True when every term holds. A selector that cannot be read holds for nobody. */
export function matches(selector: string, agent: Labelled): boolean {
  return compiled(selector).every((term) => term !== undefined && holds(term, agent));
}

/** Few are in use at a time, and each is looked at for many agents. */
const known = new Map<string, readonly (Term | undefined)[]>();
const KNOWN_MAX = 1_000;

function compiled(selector: string): readonly (Term | undefined)[] {
  const before = known.get(selector);
  if (before !== undefined) return before;
  if (known.size >= KNOWN_MAX) known.clear();
  const terms = termsOf(selector);
  known.set(selector, terms);
  return terms;
}

function termsOf(selector: string): readonly (Term | undefined)[] {
  return split(selector).map((part) => termOf(part.trim()));
}

/** At the commas that are outside of parentheses. */
function split(selector: string): readonly string[] {
  return selector.split(/,(?![^(]*\))/);
}

function termOf(text: string): Term | undefined {
  const set = SET.exec(text);
  if (set?.[1] !== undefined) {
    const values = (set[3] ?? "").split(",").map((value) => value.trim());
    if (!values.every((value) => VALUE.test(value))) return undefined;
    return { key: set[1], values: new Set(values), isNegated: set[2] === "notin" };
  }
  const equality = EQUALITY.exec(text);
  if (equality?.[1] !== undefined && equality[3] !== undefined)
    return { key: equality[1], values: new Set([equality[3]]), isNegated: equality[2] === "!=" };
  const existence = EXISTENCE.exec(text);
  return existence?.[2] === undefined ? undefined : { key: existence[2], isNegated: existence[1] === "!" };
}

function holds({ key, values, isNegated }: Term, { name, labels }: Labelled): boolean {
  const value = key === "name" ? name : Object.hasOwn(labels, key) ? labels[key] : undefined;
  const isTrue = value !== undefined && (values === undefined || values.has(value));
  return isTrue !== isNegated;
}
