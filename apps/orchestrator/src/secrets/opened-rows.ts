/** Rows that are held open at most, in each of the two halves, and their letters: a queue of ten thousand jobs. */
const MAX_ROWS = 16_384;
const MAX_LETTERS = 8_000_000;

interface OpenedText {
  sealed: string;
  text: string;
}

/**
 * What was opened lately, by row and column: a job's row is read again with every change of its status, and to decrypt it
 * each time costs ten times as much as to compare what is stored. The older half is dropped as a whole.
 */
export class OpenedRows {
  private young = new Map<string, Record<string, OpenedText>>();
  private old = new Map<string, Record<string, OpenedText>>();
  private letters = 0;

  /** The columns of a row, to be looked at and added to; empty where none was opened lately. */
  row(id: string): Record<string, OpenedText> {
    const young = this.young.get(id);
    if (young !== undefined) return young;
    const row = this.old.get(id) ?? {};
    if (this.young.size >= MAX_ROWS || this.letters >= MAX_LETTERS) {
      this.old = this.young;
      this.young = new Map();
      this.letters = 0;
    }
    this.young.set(id, row);
    for (const { text } of Object.values(row)) this.letters += text.length;
    return row;
  }

  /** Notes what a column of a row holds. */
  note(row: Record<string, OpenedText>, column: string, opened: OpenedText): void {
    row[column] = opened;
    this.letters += opened.sealed.length + opened.text.length;
  }
}
