/** The end of what a process wrote to its standard error: enough to say why it died, and no more. */

const maxLength = 4096;

export class LogTail {
  #text = "";

  push(chunk: Uint8Array): void {
    this.note(new TextDecoder().decode(chunk).trimEnd());
  }

  note(line: string): void {
    if (line !== "") this.#text = `${this.#text}${this.#text === "" ? "" : "\n"}${line}`.slice(-maxLength);
  }

  get text(): string {
    return this.#text;
  }
}
