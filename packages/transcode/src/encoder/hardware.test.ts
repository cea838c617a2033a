import { expect, test, vi } from "vitest";
import { chooseHardware, type HardwareEncoder, type Machine } from "./hardware.ts";
import type { Backend } from "./job.ts";

const h264 = new Set(["h264"] as const);

function machineWith(...working: HardwareEncoder[]) {
  const probe = vi.fn(
    async (_codec: string, hardware: HardwareEncoder): Promise<string | null> =>
      working.includes(hardware) ? null : "no such device",
  );
  const backend: Backend = {
    start() {
      throw new Error("nothing is started");
    },
    probe,
  };
  return { backend, probe };
}

function loggerWith() {
  return { debug: vi.fn(), info: vi.fn(), warn: vi.fn(), error: vi.fn() };
}

/** Each test has a platform of its own, because what was found is kept for the life of the process. */
const linux = (): Machine => ({ platform: "linux", hasDevices: () => true });

test("software is chosen with one warning where nothing works, and nothing is tried twice", async () => {
  const { backend, probe } = machineWith();
  const logger = loggerWith();
  for (let i = 0; i < 3; i += 1)
    expect(await chooseHardware(backend, "ffmpeg", h264, "auto", logger, linux())).toBeNull();
  expect(logger.warn).toHaveBeenCalledTimes(1);
  expect(logger.warn.mock.calls[0]![0]).toEqual({
    tried: { nvenc: "no such device", qsv: "no such device", amf: "no such device", vaapi: "no such device" },
  });
  expect(probe).toHaveBeenCalledTimes(4);
});

test("the best that works is taken", async () => {
  const { backend } = machineWith("vaapi", "qsv");
  expect(await chooseHardware(backend, "libav", h264, "auto", loggerWith(), linux())).toBe("qsv");
});

test("it must encode every codec of the ladder", async () => {
  const { backend, probe } = machineWith();
  probe.mockImplementation(async (codec, hardware) =>
    hardware === "vaapi" || codec === "h264" ? null : "no AV1 here",
  );
  const codecs = new Set(["h264", "av1"] as const);
  expect(await chooseHardware(backend, "libav", codecs, "auto", loggerWith(), linux())).toBe("vaapi");
});

test("nothing is tried without a graphics device", async () => {
  const { backend, probe } = machineWith("nvenc");
  const machine = { platform: "linux", hasDevices: () => false };
  expect(await chooseHardware(backend, "libav", new Set(["hevc"] as const), "auto", loggerWith(), machine)).toBeNull();
  expect(probe).not.toHaveBeenCalled();
});

test("nothing is tried when hardware is off", async () => {
  const { backend, probe } = machineWith("nvenc");
  expect(await chooseHardware(backend, "libav", h264, "off", loggerWith(), linux())).toBeNull();
  expect(probe).not.toHaveBeenCalled();
});

test("one that is insisted on and does not work is an error with the reason", async () => {
  const { backend } = machineWith("vaapi");
  expect(await chooseHardware(backend, "libav", h264, "vaapi", loggerWith(), linux())).toBe("vaapi");
  await expect(chooseHardware(backend, "libav", h264, "nvenc", loggerWith(), linux())).rejects.toMatchObject({
    code: "INVALID_OPTION",
    message: 'hardware "nvenc" does not encode h264 here: no such device',
  });
});
