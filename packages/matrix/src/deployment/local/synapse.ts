/** Synapse from PyPI, in a virtual environment of its own for each release. */

import { access, mkdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { MatrixError } from "../../errors.ts";
import { SYNAPSE_VERSION } from "../config/images.ts";
import { failureText, findProgram, run } from "./programs.ts";

/** Synapse's oldest Python. */
const MIN_PYTHON = [3, 10] as const;
/** Python programs, in the order in which they are tried. */
const PYTHONS = ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python3.10"];

/** Options of {@link installSynapse}. */
export interface InstallOptions {
  /** Release to install. Default: the one that the generated configuration is tested with. */
  readonly version?: string;
  /** Folder of the virtual environments. Default: `ami-matrix` in the user's cache folder. */
  readonly cache?: string;
  /** Stops an installation. */
  readonly signal?: AbortSignal;
  /** Told before something that takes a while. */
  readonly say?: (line: string) => void;
}

/** Where virtual environments are by default. */
function defaultCache(): string {
  return join(process.env.XDG_CACHE_HOME ?? join(homedir(), ".cache"), "ami-matrix");
}

/**
 * Python of the virtual environment that holds Synapse. Installs it where it is not there yet, which takes a minute.
 *
 * @throws {MatrixError} `PROGRAM_MISSING` without Python ≥ 3.10 and its venv module, `INSTALL_FAILED` where pip fails.
 */
export async function installSynapse({
  version = SYNAPSE_VERSION,
  cache = defaultCache(),
  signal,
  say,
}: InstallOptions = {}): Promise<string> {
  const folder = join(cache, `synapse-${version}`);
  const python = join(folder, "bin", "python");
  if (await exists(python)) return python;
  const base = await findPython();
  say?.(`Synapse ${version} from PyPI, into ${folder} (about 200 MB, once)`);
  await mkdir(cache, { recursive: true });
  const temporary = `${folder}.${process.pid}.tmp`;
  try {
    await run(base, ["-m", "venv", temporary], { signal }).catch((cause: unknown) => {
      throw new MatrixError(
        "PROGRAM_MISSING",
        `${base} cannot make virtual environments (on Debian: apt install python3-venv): ${failureText(cause, 2)}`,
        { cause },
      );
    });
    // The binary of psycopg2 needs no compiler and no headers.
    const packages = [`matrix-synapse[redis,url-preview]==${version}`, "psycopg2-binary"];
    const args = ["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", ...packages];
    await run(join(temporary, "bin", "python"), args, { signal }).catch((cause: unknown) => {
      throw new MatrixError("INSTALL_FAILED", `pip could not install Synapse ${version}: ${failureText(cause)}`, {
        cause,
      });
    });
    await rename(temporary, folder).catch(async (cause: unknown) => {
      // Somebody else was faster.
      if (!(await exists(python))) throw cause;
    });
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  return python;
}

async function findPython(): Promise<string> {
  for (const name of PYTHONS) {
    const program = findProgram(name);
    if (program === undefined) continue;
    const version = await run(program, ["-c", "import sys; print(*sys.version_info[:2])"]).catch(() => "0 0");
    const [major = 0, minor = 0] = version.trim().split(" ").map(Number);
    if (major === MIN_PYTHON[0] && minor >= MIN_PYTHON[1]) return program;
  }
  throw new MatrixError(
    "PROGRAM_MISSING",
    "Synapse needs Python 3.10 or newer with its venv module (on Debian: apt install python3-venv)",
  );
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}
