/** The words that benchmarks and systems share. */

/** One process of a system, under the name that its memory is reported by. */
export interface SystemProcess {
  readonly name: string;
  readonly pid: number;
}

/** What came of a script, as its submitter saw it. */
export interface FirstByte {
  /** From the call to the first byte of output, milliseconds. */
  readonly firstMs: number;
  /** All of the output. */
  readonly text: string;
  /** Further instants, milliseconds from the call. */
  readonly marks?: Readonly<Record<string, number>>;
}

/** A way to get all of a script's output: `onBytes` sees every byte once, in order; gives further instants as {@link FirstByte}. */
export interface LogWay {
  /** Absent when there is only one. */
  readonly name?: string;
  readonly read: (script: string, onBytes: (bytes: Uint8Array) => void) => Promise<FirstByte["marks"]>;
}

/** What is to be run, one day. */
export interface Work {
  /** Of the job; several of one name wait for each other, where there is such a thing. */
  readonly name: string;
  readonly script: string;
  /** Its time, ms since 1970; left out: now. */
  readonly atMs?: number;
}

/** The way in, for itself: what is handed in is kept, and nothing runs. */
export interface Submissions {
  /** Nothing starts from now on. */
  readonly hold: () => Promise<void>;
  /** Resolves once it is kept for certain. */
  readonly one: (work: Work) => Promise<unknown>;
  /** Many, in the way that is meant for many. */
  readonly many: (works: readonly Work[]) => Promise<unknown>;
}

/** Which runs a page is to have, in the words of the SDK. */
export interface HistoryFilter {
  readonly job?: string;
  readonly name?: string;
  readonly state?: "failed" | "cancelled";
  readonly reason?: "timeout";
  readonly agent?: string;
  readonly until?: string;
  readonly limit?: number;
  readonly after?: string | undefined;
}

/** The finished runs of a system. */
export interface History {
  /** Writes so many, with the server stopped; gives values that some of them have, another one each time. */
  readonly fill: (count: number) => Promise<{
    job(): string;
    rareJob(): string;
    agent(): string;
    text(): string;
    instant(): string;
  }>;
  /** Starts the server; gives the seconds until it answers. */
  readonly restart: () => Promise<number>;
  readonly serverPid: () => Promise<number>;
  /** Gives where the next page begins. */
  readonly page: (filter: HistoryFilter) => Promise<string | undefined>;
  readonly count: (filter: HistoryFilter) => Promise<unknown>;
}

/** Something that runs scripts on a host: Jobs, or a peer of it. */
export interface System {
  /** The name in the figures; `jobs` is ours. */
  readonly peer: string;
  readonly version: string;
  /** What a script's `\n` is to the reader: a terminal makes `\r\n` of it. */
  readonly lineEnd: "\n" | "\r\n";
  /** True when a script text that was seen before is cheaper than a new one. */
  readonly remembersScripts: boolean;
  /** Runs a script on the idle system; resolves when nothing of it is left to do. */
  readonly firstByte: (script: string, name: string) => Promise<FirstByte>;
  readonly logWays: readonly LogWay[];
  /** Absent where nothing is kept. */
  readonly submissions?: Submissions;
  /** Absent where finished runs are not kept for lists. */
  readonly history?: History;
  /** All processes but the submitter's. */
  readonly processes: () => Promise<readonly SystemProcess[]>;
  readonly stop: () => Promise<void>;
}

export interface Measurement {
  readonly metric: string;
  readonly value: number;
  readonly unit: string;
  /** How many were measured. */
  readonly n: number;
}

export interface Figure extends Measurement {
  readonly bench: string;
  readonly peer: string;
}

export interface BenchOptions {
  readonly n: number | undefined;
  readonly trace: boolean;
}

export interface BenchContext extends BenchOptions {
  readonly add: (measurement: Measurement) => void;
  readonly say: (line: string) => void;
}

export interface Bench {
  readonly name: string;
  readonly about: string;
  readonly measure: (system: System, context: BenchContext) => Promise<void>;
}

/** What a figure depends on beside the code. */
export interface Machine {
  readonly at: string;
  readonly node: string;
  readonly natsServer: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryMB: number;
  readonly os: string;
  readonly kernel: string;
  /** Of the folder that everything is stored in. */
  readonly fileSystem: string;
  /** Processes that wanted a core in the minute before: above 0.5 or so, somebody else was at work. */
  readonly loadBefore: number;
}

export interface StartOptions {
  /** Exists, empty but for other systems' folders. */
  readonly directory: string;
  readonly say: (line: string) => void;
  readonly cpuProfDir?: string | undefined;
}
