/** True when the subject fits the filter, with `*` for one token and a last `>` for the rest. */
export function fits(filter: string, subject: string): boolean {
  if (!filter.includes("*"))
    return filter.endsWith(".>") ? subject.startsWith(filter.slice(0, -1)) : subject === filter;
  const wanted = filter.split(".");
  const tokens = subject.split(".");
  for (const [index, token] of wanted.entries()) {
    if (token === ">") return tokens.length > index;
    if (tokens[index] === undefined || (token !== "*" && token !== tokens[index])) return false;
  }
  return tokens.length === wanted.length;
}
