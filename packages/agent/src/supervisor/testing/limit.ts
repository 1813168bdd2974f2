import koffi from "koffi";

/** Numbers of Linux. */
const RESOURCES = { fileSize: 1, descriptors: 7 } as const;

const libc = koffi.load(null);
const getrlimit = libc.func("int getrlimit(int, void *)");
const setrlimit = libc.func("int setrlimit(int, void *)");

/** Lowers a limit of this process until it is disposed: no file gets longer than so many bytes, no descriptor as high. */
export function limit(resource: keyof typeof RESOURCES, value: number): Disposable {
  const before = new BigUint64Array(2); // soft, hard
  getrlimit(RESOURCES[resource], before);
  if (setrlimit(RESOURCES[resource], BigUint64Array.of(BigInt(value), before[1]!)) !== 0)
    throw new Error("the limit is not to be had");
  return { [Symbol.dispose]: () => setrlimit(RESOURCES[resource], before) };
}
