// @ts-check
/** Figures: percentiles, JSON lines, tables. */

/** @import { Bench, Figure, Machine, Measurement, System } from "./words.d.ts" */

/**
 * The value below which `percent` of all values are, or are equal to it.
 *
 * @param {readonly number[]} values
 * @param {number} percent
 */
export function percentile(values, percent) {
  const sorted = [...values].sort((one, other) => one - other);
  const index = Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1);
  return sorted[index] ?? Number.NaN;
}

/**
 * A function that takes a measurement: with `json` it prints it at once, so that a run that breaks off has given
 * what it had.
 *
 * @param {{ bench: string, system: System, machine: Machine, json: boolean, figures: Figure[] }} about
 */
export function figureMaker({ bench, system: { peer, version }, machine, json, figures }) {
  return (/** @type {Measurement} */ { metric, value, unit, n }) => {
    const figure = { bench, peer, metric, value: Number(value.toPrecision(4)), unit, n };
    figures.push(figure);
    if (json) console.log(JSON.stringify({ ...figure, version, machine }));
  };
}

/**
 * Metrics as rows, systems as columns.
 *
 * @param {Bench} bench
 * @param {readonly Figure[]} figures
 * @param {Machine} machine
 */
export function printTable({ name, about }, figures, machine) {
  const peers = [...new Set(figures.map(({ peer }) => peer))];
  const metrics = [...new Set(figures.map(({ metric, unit }) => `${metric}, ${unit}`))];
  const cell = (/** @type {string} */ row, /** @type {string} */ column) => {
    const found = figures.find(({ metric, unit, peer }) => `${metric}, ${unit}` === row && peer === column);
    return found === undefined ? "–" : String(found.value);
  };
  const rows = [["", ...peers], ...metrics.map((metric) => [metric, ...peers.map((peer) => cell(metric, peer))])];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  console.log(`\n${name}: ${about}`);
  for (const row of rows) {
    const cells = row.map((text, column) =>
      column === 0 ? text.padEnd(widths[0] ?? 0) : text.padStart(widths[column] ?? 0),
    );
    console.log(`  ${cells.join("  ")}`);
  }
  const { cpu, cores, memoryMB, os, kernel, node, natsServer, fileSystem, loadBefore } = machine;
  console.log(
    `  node ${node}, nats-server ${natsServer}; ${cores} cores of ${cpu}, ${memoryMB} MB; ${os}, kernel ${kernel}, ${fileSystem}; load before ${loadBefore}`,
  );
}
