import type { Packet, Track } from "@ami-streams/media";
import { expect, test, vi } from "vitest";
import type { Clock } from "../clock.ts";
import type { TranscodeError } from "../errors.ts";
import { NOT_INSTALLED_EXIT } from "./exit-code.ts";
import type { Backend, EncoderJob, EncoderProcess, ProcessEvents, ProcessExit } from "./job.ts";
import { DEFAULT_RESTART_POLICY } from "./restart-policy.ts";
import { Supervisor, type SupervisorOptions } from "./supervisor.ts";

/** Time that only goes on when told. */
class ManualClock implements Clock {
  #now = 0;
  #timers: { at: number; run: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(milliseconds: number, run: () => void): () => void {
    const timer = { at: this.#now + milliseconds, run };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  get timers(): number {
    return this.#timers.length;
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.#now + milliseconds;
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (next === undefined) break;
      this.#now = next.at;
      this.#timers = this.#timers.filter((timer) => timer !== next);
      next.run();
      await settle();
    }
    this.#now = end;
  }
}

/** Lets everything that only waits for promises go on. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A process that does as it is told by the test. */
class ScriptedProcess implements EncoderProcess {
  readonly pid = 1;
  readonly bufferedBytes = 0;
  readonly written: Packet[] = [];
  readonly exited: Promise<ProcessExit>;
  readonly job: EncoderJob;
  readonly events: ProcessEvents;
  ended = false;
  killed = false;
  exit: (exit?: Partial<ProcessExit>) => void = () => {};

  constructor(job: EncoderJob, events: ProcessEvents) {
    this.job = job;
    this.events = events;
    this.exited = new Promise((resolve) => {
      this.exit = (exit) => resolve({ code: 1, signal: null, log: "", clean: false, ...exit });
    });
  }

  write(packet: Packet): boolean {
    this.written.push(packet);
    return true;
  }

  async drained(): Promise<void> {}

  end(): void {
    this.ended = true;
  }

  kill(): void {
    this.killed = true;
    this.exit({ code: null, signal: "SIGKILL" });
  }

  /** Gives back what was written at `index`. */
  give(index: number): void {
    const { track, dts, pts, duration, keyframe, data } = this.written[index]!;
    this.events.packet(0, { track, dts, pts, duration, keyframe, data });
  }
}

function trackOf(width = 640): Track {
  const config = new Uint8Array();
  return { kind: "video", id: 1, codec: "avc1.64001e", timescale: 1000, config, width, height: 360, frameRate: 25 };
}

function packetAt(number: number, track: Track, size = 100): Packet {
  const time = number * 40;
  const data = new Uint8Array(size);
  return { track, dts: time, pts: time, duration: 40, keyframe: number % 10 === 0, data, receivedAt: 1e12 + time };
}

function start(options: Partial<SupervisorOptions> = {}) {
  const clock = new ManualClock();
  const processes: ScriptedProcess[] = [];
  const backend: Backend = {
    start(job, events) {
      const process = new ScriptedProcess(job, events);
      processes.push(process);
      return process;
    },
    probe: async () => null,
  };
  const track = trackOf();
  const given: Packet[] = [];
  const onGiveUp = vi.fn<(error: TranscodeError) => void>();
  const supervisor = new Supervisor({
    backend,
    track,
    outputs: [{ kind: "video", settings: { codec: "h264", width: 320, height: 180, frameRate: 25, bitrate: 1e5 } }],
    use: { hardware: null, preset: "veryfast", threads: 1 },
    maxQueueBytes: 10_000,
    hangTimeout: 10_000,
    restart: DEFAULT_RESTART_POLICY,
    clock,
    logger: { debug() {}, info() {}, warn() {}, error() {} },
    onTrack() {},
    onPacket: (_output, packet) => given.push(packet),
    onGiveUp,
    ...options,
  });
  return { clock, processes, track, given, onGiveUp, supervisor };
}

test("packets go through, and keep when they came in", async () => {
  const { processes, supervisor, track, given } = start();
  for (let i = 0; i < 3; i += 1) supervisor.offer(packetAt(i, track));
  await settle();
  expect(processes[0]!.written).toHaveLength(3);
  processes[0]!.give(0);
  expect(given).toEqual([packetAt(0, track)]);
});

test("a process starts with a keyframe, whatever came before", async () => {
  const { processes, supervisor, track } = start();
  for (let i = 7; i < 12; i += 1) supervisor.offer(packetAt(i, track));
  await settle();
  expect(processes[0]!.written.map(({ dts }) => dts)).toEqual([400, 440]);
  expect(supervisor.queue.dropped).toBe(3);
});

test("a failed process is started again after a delay that doubles, from the next keyframe", async () => {
  const { clock, processes, supervisor, track } = start();
  let next = 0;
  for (const delay of [250, 500, 1000]) {
    supervisor.offer(packetAt(next++, track));
    processes.at(-1)!.exit();
    await settle();
    const before = processes.length;
    await clock.advance(delay - 1);
    expect(processes).toHaveLength(before);
    supervisor.offer(packetAt(next, track));
    await clock.advance(1);
    expect(processes).toHaveLength(before + 1);
    expect(processes.at(-1)!.written).toEqual([]);
    next = Math.ceil((next + 1) / 10) * 10;
    supervisor.offer(packetAt(next++, track));
    await settle();
    expect(processes.at(-1)!.written[0]).toMatchObject({ keyframe: true });
  }
  expect(supervisor.stats.restarts).toBe(3);
});

test("after too many failures in a row it is given up, with the last complaint", async () => {
  const { clock, processes, supervisor, onGiveUp, track } = start({
    restart: { ...DEFAULT_RESTART_POLICY, maxFailures: 3 },
  });
  for (let failure = 0; failure < 3; failure += 1) {
    processes.at(-1)!.exit({ log: "no space left on device" });
    await settle();
    await clock.advance(10_000);
  }
  expect(onGiveUp).toHaveBeenCalledOnce();
  expect(onGiveUp.mock.calls[0]![0]).toMatchObject({
    code: "ENCODER_GAVE_UP",
    message: expect.stringContaining("no space left on device"),
  });
  supervisor.offer(packetAt(0, track));
  await supervisor.finish();
  expect(processes).toHaveLength(3);
  expect(clock.timers).toBe(0);
});

test("half a minute of output forgives earlier failures", async () => {
  const { clock, processes, supervisor, onGiveUp, track } = start({
    restart: { ...DEFAULT_RESTART_POLICY, maxFailures: 2 },
  });
  for (let round = 0; round < 4; round += 1) {
    supervisor.offer(packetAt(round * 10, track));
    await settle();
    processes.at(-1)!.give(0);
    await clock.advance(30_000);
    processes.at(-1)!.exit();
    await settle();
    await clock.advance(250);
  }
  expect(onGiveUp).not.toHaveBeenCalled();
  expect(processes).toHaveLength(5);
});

test("a backend that is not there is not tried twice", async () => {
  const { processes, onGiveUp } = start();
  processes[0]!.exit({ code: NOT_INSTALLED_EXIT, log: "npm install node-av" });
  await settle();
  expect(onGiveUp.mock.calls[0]![0]).toMatchObject({ code: "BACKEND_NOT_INSTALLED", message: "npm install node-av" });
  expect(processes).toHaveLength(1);
});

test("a process that takes media and gives none is killed", async () => {
  const { clock, processes, supervisor, track } = start();
  for (let i = 0; i < 300; i += 1) {
    supervisor.offer(packetAt(i, track));
    await clock.advance(40);
  }
  expect(processes[0]!.killed).toBe(true);
  expect(supervisor.stats.restarts).toBe(1);
});

test("a process that is given nothing does not hang", async () => {
  const { clock, processes, supervisor, track } = start();
  supervisor.offer(packetAt(0, track));
  await clock.advance(600_000);
  expect(processes[0]!.killed).toBe(false);
});

test("what a process has not given is bounded, and what waits too long is dropped up to a keyframe", async () => {
  const { clock, processes, supervisor, track } = start();
  supervisor.offer(packetAt(0, track));
  await settle();
  processes[0]!.give(0);
  for (let i = 1; i < 120; i += 1) {
    supervisor.offer(packetAt(i, track));
    await clock.advance(40);
  }
  expect(processes[0]!.written).toHaveLength(49);
  expect(supervisor.queue.overloads).toBeGreaterThan(0);
  expect(supervisor.queue.bytes).toBeLessThanOrEqual(10_000);
  for (let i = 1; i < 49; i += 1) processes[0]!.give(i);
  await settle();
  const [before, after] = processes[0]!.written.slice(48, 50);
  expect(after!.dts - before!.dts).toBeGreaterThan(40);
  expect(after!.keyframe).toBe(true);
});

test("another track replaces the process once the old one has given what it has", async () => {
  const { processes, supervisor, track } = start();
  const other = trackOf(1280);
  supervisor.offer(packetAt(0, track));
  supervisor.offer(packetAt(10, other));
  await settle();
  expect(processes[0]).toMatchObject({ ended: true, killed: false });
  expect(processes).toHaveLength(1);
  processes[0]!.exit({ code: 0, clean: true });
  await settle();
  expect(processes[1]!.job.track).toBe(other);
  expect(processes[1]!.written.map(({ dts }) => dts)).toEqual([400]);
  expect(supervisor.stats).toMatchObject({ restarts: 0, reconfigurations: 1 });
});

test("finishing waits for what is left, closing does not; neither leaves a timer", async () => {
  const finished = start();
  finished.supervisor.offer(packetAt(0, finished.track));
  const end = finished.supervisor.finish();
  await settle();
  expect(finished.processes[0]!.ended).toBe(true);
  finished.processes[0]!.exit({ code: 0, clean: true });
  await end;
  expect(finished.clock.timers).toBe(0);

  const closed = start();
  await closed.supervisor.close();
  await closed.supervisor.close();
  expect(closed.processes[0]!.killed).toBe(true);
  expect(closed.clock.timers).toBe(0);
});

test("a writer that waits is let in as packets leave, and let go when the encoder is given up", async () => {
  const { processes, supervisor, track } = start({ restart: { ...DEFAULT_RESTART_POLICY, maxFailures: 1 } });
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 200; i += 1) {
      await supervisor.write(packetAt(i, track, 1000));
      written += 1;
    }
  })();
  await settle();
  expect(written).toBeLessThan(70);
  expect(supervisor.queue.dropped).toBe(0);
  for (let i = 0; i < 48; i += 1) processes[0]!.give(i);
  await settle();
  expect(written).toBeGreaterThan(90);
  processes[0]!.exit();
  await writing;
});

test("a writer that waits is let in when a restarted process has no use for what waited", async () => {
  const { clock, processes, supervisor, track } = start();
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 120; i += 1) {
      await supervisor.write({ ...packetAt(i, track, 1000), keyframe: i === 0 });
      written += 1;
    }
  })();
  await settle();
  expect(written).toBeLessThan(70);
  processes[0]!.exit();
  await settle();
  await clock.advance(250);
  await writing;
  expect(processes).toHaveLength(2);
  expect(supervisor.queue.bytes).toBe(0);
});

test("a process that takes its time to start is no overload", async () => {
  const { clock, processes, supervisor, track } = start();
  for (let i = 0; i < 90; i += 1) {
    supervisor.offer(packetAt(i, track));
    await clock.advance(40);
  }
  expect(supervisor.queue).toMatchObject({ overloads: 0, dropped: 0 });
  for (let i = 0; i < 90; i += 1) processes[0]!.give(i);
  expect(processes[0]!.written).toHaveLength(90);
});
