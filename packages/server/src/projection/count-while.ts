/** How many of the first elements `holds` is true for; for all after those it is not. */
export function countWhile<T>(elements: ArrayLike<T>, holds: (element: T) => boolean): number {
  let [low, high] = [0, elements.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (holds(elements[middle] as T)) low = middle + 1;
    else high = middle;
  }
  return low;
}
