import type { ExportedJobs } from "@jobs/sdk";
import { Document, Scalar, visit } from "yaml";

/** Text that a block keeps as it is: printable, and no line of nothing but white space at its begin. */
const KEPT_BY_BLOCK = /^[^\s\p{C}][^\p{Cc}]*(\n([^\p{Cc}]|\t)*)*$/u;

/** The YAML of jobs; a script of several lines is a block, as people write it. */
export function jobsFileText(exported: ExportedJobs): string {
  const document = new Document(exported, { aliasDuplicateObjects: false });
  visit(document, {
    Scalar: (_, node) => {
      if (node.value === "<<") node.type = Scalar.QUOTE_DOUBLE; // a name, no merge
      if (typeof node.value !== "string" || !/[\p{Cc}\u2028\u2029\uFEFF]/u.test(node.value)) return;
      node.type = KEPT_BY_BLOCK.test(node.value) ? Scalar.BLOCK_LITERAL : Scalar.QUOTE_DOUBLE;
    },
  });
  // On one line with \n where it is no block: what the library makes of several is not always the same text.
  return document.toString({ lineWidth: 0, doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER });
}
