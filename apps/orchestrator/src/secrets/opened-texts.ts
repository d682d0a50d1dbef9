/** Texts that are held open at most, in each of the two halves: some thousands of configs of an ordinary size. */
const MAX_TEXTS = 4096;
const MAX_LETTERS = 8_000_000;

interface Opened {
  place: string;
  text: string;
}

/**
 * What was opened lately, by what is stored: a job's row is read several times in its short way through the lifecycle, and
 * to hash a text costs a tenth of decrypting it. The older half is dropped as a whole.
 */
export class OpenedTexts {
  private young = new Map<string, Opened>();
  private old = new Map<string, Opened>();
  private letters = 0;

  /** Undefined also where it was opened for another place. */
  get(sealed: string, place: string): string | undefined {
    const young = this.young.get(sealed);
    const found = young ?? this.old.get(sealed);
    if (found === undefined || found.place !== place) return undefined;
    if (young === undefined) this.set(sealed, place, found.text);
    return found.text;
  }

  set(sealed: string, place: string, text: string): void {
    this.young.set(sealed, { place, text });
    this.letters += sealed.length + text.length;
    if (this.young.size < MAX_TEXTS && this.letters < MAX_LETTERS) return;
    this.old = this.young;
    this.young = new Map();
    this.letters = 0;
  }
}
