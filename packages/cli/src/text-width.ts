/** Columns that a text takes on a terminal, as far as its characters tell. */

const SEGMENTER = new Intl.Segmenter();
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;
/** What East Asian scripts are written with (UAX #11, wide and fullwidth), and emoji. */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\u4DBF\u4E00-\uA4CF\uA960-\uA97C\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18CFF}\u{1B000}-\u{1B2FF}\u{1F200}-\u{1F2FF}\u{20000}-\u{3FFFD}]|\p{Emoji_Presentation}|\uFE0F/u;

export function widthOf(text: string): number {
  return charactersOf(text).reduce((width, character) => width + columnsOf(character), 0);
}

/** A text that takes more than `room` columns, of which there is one at least, ends in `…`. */
export function cutTo(text: string, room: number): string {
  if (widthOf(text) <= room) return text;
  let left = room - 1;
  const fits = (character: string): boolean => (left -= columnsOf(character)) >= 0;
  const characters = charactersOf(text);
  const end = characters.findIndex((character) => !fits(character));
  return `${characters.slice(0, end).join("")}…`;
}

function columnsOf(character: string): number {
  return WIDE.test(character) ? 2 : INVISIBLE.test(character) ? 0 : 1;
}

function charactersOf(text: string): string[] {
  return Array.from(SEGMENTER.segment(text), ({ segment }) => segment);
}
