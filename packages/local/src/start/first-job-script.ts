/** The script of the first job: bash and coreutils, some three seconds. */
export const FIRST_JOB_SCRIPT = String.raw`#!/usr/bin/env bash
# Counts prime numbers with a sieve, says so in colour, and leaves a report.
set -eo pipefail

limit=40000
steps=8
bold=$'\e[1m' green=$'\e[32m' cyan=$'\e[36m' off=$'\e[0m'

echo "$bold"Counting the primes below "$limit$off" on "$(uname -n), as run $JOBS_RUN"

declare -a composite=()
count=0 twins=0 largest=0 bar=""
for ((step = 1; step <= steps; step++)); do
  from=$((limit * (step - 1) / steps)) to=$((limit * step / steps))
  for ((n = from < 2 ? 2 : from; n < to; n++)); do
    ((composite[n])) && continue
    count=$((count + 1))
    ((n - largest == 2)) && twins=$((twins + 1))
    largest=$n
    for ((multiple = n * n; multiple < limit; multiple += n)); do composite[multiple]=1; done
  done
  bar+="####"
  printf '%s%-32s%s %5d primes below %5d\n' "$green" "$bar" "$off" "$count" "$to"
  sleep 0.35
done

report="$JOBS_OUTPUT/report.txt"
{
  echo "Primes below $limit: $count"
  echo "The largest of them: $largest"
  echo "Twin primes: $twins pairs"
  echo "Counted by run $JOBS_RUN of $JOBS_JOB, $(date -u +%FT%TZ)"
} >"$report"
echo "$cyan$count primes, the largest is $largest$off; the details are in report.txt"
`;
