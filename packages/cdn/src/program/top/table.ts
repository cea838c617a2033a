/** Lines of text in columns, for a terminal. Pure. */

/** Colours, by the numbers that terminals know them by. */
const COLORS = { none: "", bold: "1", dim: "2", red: "31", green: "32", yellow: "33", cyan: "36" } as const;

/** A way to paint a text. */
export type Paint = keyof typeof COLORS;

/** Paints, or leaves it. */
export function paint(colors: boolean): (how: Paint, text: string) => string {
  return (how, text) => (!colors || how === "none" || text === "" ? text : `\x1b[${COLORS[how]}m${text}\x1b[0m`);
}

/** What stands in a column of a line. */
export interface Cell {
  readonly text: string;
}

/** One column. */
export interface Column {
  /** Characters. One that grows takes what the others leave. */
  readonly width?: number;
  readonly grow?: boolean;
  /** Its end stands below the end of what is above it. Default false. */
  readonly right?: boolean;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what a terminal takes as commands.
const CODE = /^\x1b\[(\d*)m/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above.
const CODES = /\x1b\[\d*m/g;
// biome-ignore lint/suspicious/noControlCharactersInRegex: as above. Of those, only the colours of `paint` may pass.
const CONTROLS = /\x1b(?!\[\d*m)|[\x00-\x1a\x1c-\x1f\x7f-\x9f]/g;

/** Lines of at most `width` characters. What is too long for its column is cut, and says so. */
export function table(rows: readonly (readonly Cell[])[], columns: readonly Column[], width: number): string[] {
  const fixed = columns.reduce((sum, column) => sum + (column.grow === true ? 0 : (column.width ?? 0) + 1), 0);
  const rest = Math.max(1, width - fixed);
  return rows.map((cells) => {
    const texts = cells.map(({ text }, index) => {
      const column = columns[index]!;
      return fit(text.replace(CONTROLS, "?"), column.grow === true ? rest : (column.width ?? 0), column.right ?? false);
    });
    return texts.join(" ").trimEnd();
  });
}

function fit(text: string, width: number, right: boolean): string {
  const length = text.replace(CODES, "").length;
  if (length > width) return cut(text, width);
  const space = " ".repeat(width - length);
  return right ? space + text : text + space;
}

/** The beginning of a text, with its colours closed. */
function cut(text: string, width: number): string {
  let kept = "";
  let length = 0;
  let painted = false;
  for (let at = 0; at < text.length; ) {
    const code = CODE.exec(text.slice(at, at + 8));
    if (code !== null) {
      kept += code[0];
      painted = code[1] !== "0";
      at += code[0].length;
      continue;
    }
    if (length === width - 1) break;
    kept += text[at];
    length += 1;
    at += 1;
  }
  return `${kept}…${painted ? "\x1b[0m" : ""}`;
}
